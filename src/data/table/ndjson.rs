//! What an NDJSON file holds: its keys, their types, its rows, from one look at all of it.

mod kind;

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use serde_json::error::Category;

use self::kind::Clash;
pub use self::kind::JsonKind;
use super::files;
use crate::support::problem::Problem;
use crate::support::words::{code, cut, one_line};

#[derive(Debug, Clone, PartialEq)]
pub struct Inspected {
    pub columns: Vec<(String, JsonKind)>,
    pub rows: u64,
}

/// The longest line, in bytes.
const LONGEST: u64 = 64 << 20;

/// Reads an NDJSON file, plain or gzip, from its first to its last byte; `path` is for messages.
///
/// A key that a row lacks is null there. Integers and floats are floats together; other types of one
/// key do not mix, at any depth.
///
/// # Errors
/// What is wrong, with the line: see the tests.
pub fn inspect(path: &Path, file: File) -> Result<Inspected, Problem> {
    let shown = code(&path.to_string_lossy());
    let mut source = BufReader::with_capacity(1 << 18, files::text(path, file)?);
    let mut columns = Columns::default();
    let mut text = Vec::new();
    let (mut line, mut rows) = (0, 0);
    loop {
        text.clear();
        line += 1;
        let at = |what: String| Problem::new(format!("{shown} line {line} {what}"));
        let read = source.by_ref().take(LONGEST + 1).read_until(b'\n', &mut text);
        let read = read.map_err(|error| Problem::new(format!("{shown} could not be read to its end: {error}")))?;
        if read == 0 {
            let columns = columns.fields;
            if columns.is_empty() && rows > 0 {
                return Err(Problem::new(format!("{shown} holds objects without keys only")));
            }
            return Ok(Inspected { columns, rows });
        }
        if text.len() as u64 > LONGEST {
            return Err(at("is longer than 64 MB".to_owned()).hint("each row stands on a line of its own"));
        }
        if text.iter().all(|b| matches!(b, b' ' | b'\t' | b'\r' | b'\n')) {
            continue;
        }
        let row = parse(&text, line).map_err(|(what, hint)| at(what).hint(hint))?;
        columns.add(row).map_err(|clash| {
            at(clash.to_string()).hint("give the key one type in all rows; a mix can be written as text")
        })?;
        rows += 1;
    }
}

/// The fields of one row, or what is wrong with it and the way out.
fn parse(text: &[u8], line: u64) -> Result<Vec<(String, JsonKind)>, (String, &'static str)> {
    if let Err(error) = std::str::from_utf8(text) {
        let what = format!("is not UTF-8 at byte {} (0x{:02x})", error.valid_up_to() + 1, text[error.valid_up_to()]);
        return Err((what, "NDJSON is UTF-8: convert it"));
    }
    if line == 1 && text.starts_with("\u{feff}".as_bytes()) {
        return Err((
            "starts with a byte-order mark, which JSON has not".to_owned(),
            "write the file without it: `encoding=\"utf-8\"`, not `utf-8-sig`",
        ));
    }
    match serde_json::from_slice(text) {
        Ok(JsonKind::Struct(fields)) => match long_integer(text) {
            Some(digits) => Err((
                format!("holds the integer {}, which 64 bits do not", cut(digits, 40)),
                "write such numbers as text, in quotes",
            )),
            None => Ok(fields),
        },
        Ok(JsonKind::List(_)) => Err(("holds an array, not an object".to_owned(), ONE_OBJECT)),
        Ok(kind) => Err((format!("holds {kind}, not an object"), ONE_OBJECT)),
        Err(_) if text.trim_ascii_start().starts_with(b"[") => Err(("starts a JSON array".to_owned(), ONE_OBJECT)),
        Err(error) => {
            let said = error.to_string();
            let said = one_line(said.rsplit_once(" at line ").map_or(&*said, |(said, _)| said));
            match error.classify() {
                Category::Data => Err((said, "name each key once in an object, and give a list one type")),
                Category::Eof => Err((format!("is not JSON: {said}"), ONE_OBJECT)),
                Category::Syntax | Category::Io => {
                    let hint = "NaN, Infinity and numbers too large for a float are not JSON: write null";
                    Err((format!("is not JSON at byte {}: {said}", error.column()), hint))
                }
            }
        }
    }
}

const ONE_OBJECT: &str =
    "write one object a line, as `to_json(orient=\"records\", lines=True)` of pandas or `jq -c '.[]'` do";

/// Digits that no 64-bit integer holds; a float would round them, and two keys would become one.
fn long_integer(text: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(text).ok()?;
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'"' => {
                at += 1;
                while bytes.get(at).is_some_and(|&b| b != b'"') {
                    at += if bytes[at] == b'\\' { 2 } else { 1 };
                }
                at += 1;
            }
            b'-' | b'0'..=b'9' => {
                let is_number = |b: &u8| b.is_ascii_digit() || matches!(b, b'-' | b'+' | b'.' | b'e' | b'E');
                let end = bytes[at..].iter().position(|b| !is_number(b)).map_or(bytes.len(), |length| at + length);
                let number = &text[at..end];
                if number.len() > 18 && !number.contains(['.', 'e', 'E']) && number.parse::<i64>().is_err() {
                    return Some(number);
                }
                at = end;
            }
            _ => at += 1,
        }
    }
    None
}

/// The keys of all rows so far, and where each is.
#[derive(Default)]
struct Columns {
    fields: Vec<(String, JsonKind)>,
    places: HashMap<String, usize>,
}

impl Columns {
    fn add(&mut self, row: Vec<(String, JsonKind)>) -> Result<(), Clash> {
        for (i, (name, kind)) in row.into_iter().enumerate() {
            // Nearly every row has the keys of the others, in their order.
            let place = match self.fields.get(i) {
                Some((known, _)) if *known == name => Some(i),
                _ => self.places.get(&name).copied(),
            };
            match place {
                Some(place) => self.fields[place].1.join(kind).map_err(|clash| clash.below(&name))?,
                None => {
                    self.places.insert(name.clone(), self.fields.len());
                    self.fields.push((name, kind));
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use tempfile::NamedTempFile;

    use super::*;

    fn read(text: impl AsRef<[u8]>) -> Result<Inspected, Problem> {
        let mut file = NamedTempFile::new().unwrap();
        file.write_all(text.as_ref()).unwrap();
        inspect(file.path(), file.reopen().unwrap())
    }

    fn check(text: impl AsRef<[u8]>, columns: &[(&str, JsonKind)], rows: u64) {
        let found = read(text).unwrap();
        assert_eq!(found.columns.iter().map(|(name, kind)| (name.as_str(), kind.clone())).collect::<Vec<_>>(), columns);
        assert_eq!(found.rows, rows);
    }

    fn refused(text: impl AsRef<[u8]>, what: &str) {
        let problem = read(text).unwrap_err();
        assert!(problem.to_string().contains(what), "{problem}");
    }

    use JsonKind::{Boolean, Float, Integer, Null, Text};

    fn list(kind: JsonKind) -> JsonKind {
        JsonKind::List(Box::new(kind))
    }

    fn object(fields: &[(&str, JsonKind)]) -> JsonKind {
        JsonKind::Struct(fields.iter().map(|(name, kind)| ((*name).to_owned(), kind.clone())).collect())
    }

    #[test]
    fn each_key_has_the_type_of_all_its_values() {
        check(
            "{\"a\":1,\"b\":\"x\",\"c\":true,\"d\":null}\n{\"a\":2.5,\"b\":null}",
            &[("a", Float), ("b", Text), ("c", Boolean), ("d", Null)],
            2,
        );
        check("{\"a\":null}\n\n \t\r\n{\"b\":1,\"a\":-9223372036854775808}\r\n", &[("a", Integer), ("b", Integer)], 2);
        check("{\"a\":1e400000}\n".replace("400000", "300"), &[("a", Float)], 1);
        check("{}\n{\"a\":1}\n{}\n", &[("a", Integer)], 3);
        check("", &[], 0);
    }

    #[test]
    fn lists_and_objects_are_joined_inside() {
        check("{\"a\":[1,null]}\n{\"a\":[]}\n{\"a\":[2.5]}", &[("a", list(Float))], 3);
        check(
            "{\"a\":{\"x\":1}}\n{\"a\":null}\n{\"a\":{\"y\":[\"t\"]}}",
            &[("a", object(&[("x", Integer), ("y", list(Text))]))],
            3,
        );
    }

    #[test]
    fn a_type_that_changes_is_named() {
        refused("{\"a\":1}\n{\"a\":\"x\"}", "line 2 has text in `a`, lines before it a number");
        refused(
            "{\"a\":{\"b\":[1]}}\n{\"a\":{\"b\":[true]}}",
            "line 2 has a boolean in `a.b.[]`, lines before it a number",
        );
        refused("{\"a\":[1]}\n{\"a\":1}", "line 2 has a number in `a`, lines before it a list");
        refused("{\"a\":[1,\"x\"]}", "line 1 has a number and text in one list");
    }

    #[test]
    fn bad_lines_are_named() {
        refused("{\"a\":1}\n{\"a\":", "line 2 is not JSON: EOF");
        refused("{\"a\":1}\n{\"a\":NaN}", "line 2 is not JSON at byte 6: expected value\n  hint: NaN, Infinity");
        refused("{\"a\":1,\"a\":2}", "line 1 has the key `a` twice");
        refused("{\"a\":{\"b\":1,\"b\":2}}", "line 1 has the key `b` twice");
        refused("1\n", "line 1 holds a number, not an object");
        refused("[{\"a\":1}]", "line 1 holds an array, not an object\n  hint: write one object a line");
        refused("[\n{\"a\":1},\n{\"a\":2}\n]", "line 1 starts a JSON array");
        refused("{\n\"a\":1}", "line 1 is not JSON");
        refused("{}\n", "holds objects without keys only");
        refused("{\"a\":1} {\"a\":2}", "line 1 is not JSON");
        refused("\u{feff}{\"a\":1}", "line 1 starts with a byte-order mark");
        refused(b"{\"a\":\"\xfc\"}", "line 1 is not UTF-8 at byte 7 (0xfc)");
        refused("{\"a\":1e400}", "line 1 is not JSON");
        refused("[".repeat(100_000), "line 1");
    }

    #[test]
    fn integers_must_fit_64_bits() {
        refused(
            "{\"a\":\"\\\"9\",\"b\":9223372036854775808}",
            "holds the integer 9223372036854775808, which 64 bits do not",
        );
        refused("{\"a\":123456789012345678901234567890}", "which 64 bits do not");
        check(
            "{\"a\":\"123456789012345678901234567890\",\"b\":123456789012345678901.5}",
            &[("a", Text), ("b", Float)],
            1,
        );
    }

    #[test]
    fn a_line_has_a_longest_size() {
        refused(format!("{{\"a\":\"{}\"}}", "x".repeat(65 << 20)), "line 1 is longer than 64 MB");
    }
}
