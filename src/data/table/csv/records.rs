//! The records of a CSV file, one after the other, each field a slice of one bounded buffer.
//!
//! RFC 4180, and nothing that a second reader could see otherwise: what is doubtful is refused.

use std::io::{ErrorKind, Read};

use memchr::{memchr, memchr_iter};

use crate::support::problem::Problem;

/// The longest record, in bytes.
const LONGEST: usize = 64 << 20;
const BLOCK: usize = 1 << 20;

pub struct Records {
    source: Box<dyn Read>,
    /// The file as it is called in problems.
    shown: String,
    delimiter: u8,
    /// Bytes at which an unquoted field may end or be wrong.
    is_special: [bool; 256],
    buffer: Vec<u8>,
    /// The first byte that was not handed out yet.
    at: usize,
    filled: usize,
    /// Up to here the buffer is known to be UTF-8.
    valid: usize,
    has_ended: bool,
    /// The line in which `at` lies, from 1.
    line: u64,
    fields: Vec<Span>,
}

#[derive(Debug, Clone, Copy)]
struct Span {
    start: usize,
    end: usize,
    is_quoted: bool,
}

/// One record, until the next one is asked for.
pub struct Record<'a> {
    /// Where it starts, from 1.
    pub line: u64,
    /// Whether the file ends in it, without a line break.
    pub is_open: bool,
    buffer: &'a [u8],
    fields: &'a [Span],
}

/// One field. What stood in quotes is without them, but its doubled quotes are still double.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field<'a> {
    pub bytes: &'a [u8],
    pub is_quoted: bool,
}

enum Scan {
    /// Where the next record starts, and the number of lines until there.
    Record(usize, u64),
    /// The buffer ends inside of a record.
    Unfinished,
    End,
}

impl Records {
    pub fn new(source: Box<dyn Read>, shown: String, delimiter: u8) -> Self {
        let mut is_special = [false; 256];
        for byte in [delimiter, b'\n', b'\r', b'"'] {
            is_special[usize::from(byte)] = true;
        }
        Self {
            source,
            shown,
            delimiter,
            is_special,
            buffer: vec![0; BLOCK],
            at: 0,
            filled: 0,
            valid: 0,
            has_ended: false,
            line: 1,
            fields: Vec::new(),
        }
    }

    /// What the file begins with, before the first record is read.
    ///
    /// # Errors
    /// As [`Records::read`].
    pub fn head(&mut self) -> Result<&[u8], Problem> {
        if self.filled == 0 && !self.has_ended {
            self.fill()?;
        }
        Ok(&self.buffer[self.at..self.filled])
    }

    /// Past a byte-order mark.
    pub fn skip(&mut self, bytes: usize) {
        self.at += bytes;
    }

    /// The next record; none at the end.
    ///
    /// # Errors
    /// Text that is not CSV or not UTF-8, a record of more than 64 MB, a file that cannot be read.
    pub fn read(&mut self) -> Result<Option<Record<'_>>, Problem> {
        loop {
            match self.scan()? {
                Scan::Record(next, lines) => {
                    let line = self.line;
                    self.line += lines;
                    self.at = next;
                    let is_open = self.has_ended && next == self.filled && !self.buffer[..next].ends_with(b"\n");
                    return Ok(Some(Record { line, is_open, buffer: &self.buffer, fields: &self.fields }));
                }
                Scan::Unfinished => self.fill()?,
                Scan::End => return Ok(None),
            }
        }
    }

    /// A problem with a line of this file.
    pub fn problem(&self, line: u64, what: &str) -> Problem {
        Problem::new(format!("{} line {line} {what}", self.shown))
    }

    /// Splits the record at `at` into fields.
    fn scan(&mut self) -> Result<Scan, Problem> {
        let bytes = &self.buffer[..self.filled];
        if self.at == bytes.len() {
            return Ok(if self.has_ended { Scan::End } else { Scan::Unfinished });
        }
        self.fields.clear();
        let mut lines = 0;
        let mut start = self.at;
        loop {
            let is_quoted = bytes.get(start) == Some(&b'"');
            let end = if is_quoted {
                start += 1;
                let Some(end) = closing_quote(bytes, start) else {
                    if !self.has_ended {
                        return Ok(Scan::Unfinished);
                    }
                    let problem = self.problem(self.line + lines, "opens a quote that is never closed");
                    return Err(problem.hint("close it; a quote inside of quotes is written twice: `\"\"`"));
                };
                lines += memchr_iter(b'\n', &bytes[start..end]).count() as u64;
                end
            } else {
                match self.unquoted_end(bytes, start) {
                    Some(end) => end,
                    None => {
                        let problem =
                            self.problem(self.line + lines, "has a single quote mark inside of an unquoted field");
                        return Err(
                            problem.hint("put the whole field in quotes, and write the quote in it twice: `\"\"`")
                        );
                    }
                }
            };
            self.fields.push(Span { start, end, is_quoted });
            let at = end + usize::from(is_quoted);
            match bytes.get(at) {
                Some(&byte) if byte == self.delimiter => start = at + 1,
                Some(b'\n') => return Ok(Scan::Record(at + 1, lines + 1)),
                None if self.has_ended => return Ok(Scan::Record(at, lines)),
                None => return Ok(Scan::Unfinished),
                Some(b'\r') => match bytes.get(at + 1) {
                    Some(b'\n') => return Ok(Scan::Record(at + 2, lines + 1)),
                    None if self.has_ended => return Ok(Scan::Record(at + 1, lines)),
                    None => return Ok(Scan::Unfinished),
                    Some(_) => {
                        let problem = self.problem(self.line + lines, "has a carriage return without a line feed");
                        return Err(
                            problem.hint("end lines with a line feed: `tr '\\r' '\\n'` converts files of old Macs")
                        );
                    }
                },
                Some(_) => {
                    let problem = self.problem(self.line + lines, "has text after a closing quote");
                    return Err(problem.hint("a quote inside of quotes is written twice: `\"\"`"));
                }
            }
        }
    }

    /// Where an unquoted field ends, or none if it holds an odd number of quotes: readers that count
    /// quotes to find the ends of lines would see another file.
    #[inline]
    fn unquoted_end(&self, bytes: &[u8], start: usize) -> Option<usize> {
        let mut at = start;
        let mut is_odd = false;
        loop {
            at += bytes[at..].iter().position(|&b| self.is_special[usize::from(b)]).unwrap_or(bytes.len() - at);
            if bytes.get(at) != Some(&b'"') {
                let is_whole = at < bytes.len() || self.has_ended;
                return (!(is_odd && is_whole)).then_some(at);
            }
            is_odd = !is_odd;
            at += 1;
        }
    }

    /// Moves what is left to the front and reads on.
    fn fill(&mut self) -> Result<(), Problem> {
        self.buffer.copy_within(self.at..self.filled, 0);
        self.filled -= self.at;
        self.valid -= self.at;
        self.at = 0;
        if self.filled == self.buffer.len() {
            if self.filled >= LONGEST {
                let problem = self.problem(self.line, "starts a record of more than 64 MB");
                return Err(problem.hint("is a quote left open?"));
            }
            self.buffer.resize((self.filled * 2).min(LONGEST), 0);
        }
        let before = self.filled;
        while self.filled < self.buffer.len() && !self.has_ended {
            match self.source.read(&mut self.buffer[self.filled..]) {
                Ok(0) => self.has_ended = true,
                Ok(read) => self.filled += read,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    return Err(Problem::new(format!("{} could not be read to its end: {error}", self.shown)));
                }
            }
        }
        self.validate(before)
    }

    /// Refuses new bytes that are no text.
    fn validate(&mut self, new: usize) -> Result<(), Problem> {
        if new == 0 && self.line == 1 && matches!(self.buffer[..self.filled], [0xff, 0xfe, ..] | [0xfe, 0xff, ..]) {
            return Err(Problem::new(format!("{} is UTF-16", self.shown)).hint(TO_UTF8));
        }
        if let Some(nul) = memchr(0, &self.buffer[new..self.filled]) {
            let (line, column) = self.place(new + nul);
            let what = format!("has a NUL byte at byte {column}");
            return Err(self
                .problem(line, &what)
                .hint("is this really a text file? UTF-16 must be converted to UTF-8"));
        }
        match std::str::from_utf8(&self.buffer[self.valid..self.filled]) {
            Ok(_) => self.valid = self.filled,
            // A character that the next bytes may finish.
            Err(error) if error.error_len().is_none() && !self.has_ended => self.valid += error.valid_up_to(),
            Err(error) => {
                let at = self.valid + error.valid_up_to();
                let (line, column) = self.place(at);
                let what = format!("is not UTF-8 at byte {column} (0x{:02x})", self.buffer[at]);
                return Err(self.problem(line, &what).hint(TO_UTF8));
            }
        }
        Ok(())
    }

    /// Line and byte of a place in the buffer, both from 1; the byte counts from what is left of its line.
    fn place(&self, at: usize) -> (u64, usize) {
        let before = &self.buffer[self.at..at];
        let start = memchr::memrchr(b'\n', before).map_or(0, |newline| newline + 1);
        (self.line + memchr_iter(b'\n', before).count() as u64, before.len() - start + 1)
    }
}

impl<'a> Record<'a> {
    pub fn width(&self) -> usize {
        self.fields.len()
    }

    pub fn fields(&self) -> impl Iterator<Item = Field<'a>> {
        let buffer = self.buffer;
        self.fields.iter().map(move |span| Field { bytes: &buffer[span.start..span.end], is_quoted: span.is_quoted })
    }

    /// Nothing but the end of a line.
    pub fn is_blank(&self) -> bool {
        matches!(self.fields, [Span { start, end, is_quoted: false }] if start == end)
    }
}

const TO_UTF8: &str = "convert it: `iconv -f LATIN1 -t UTF-8`, or `-f UTF-16`, or what it is written in";

/// The quote that ends a field, past doubled ones.
fn closing_quote(bytes: &[u8], start: usize) -> Option<usize> {
    let mut at = start;
    loop {
        at += memchr(b'"', &bytes[at..])?;
        if bytes.get(at + 1) != Some(&b'"') {
            return Some(at);
        }
        at += 2;
    }
}
