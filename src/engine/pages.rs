//! What the pages of a Parquet file say of their own size: its footer can say less.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileExt;

use polars_parquet::parquet::metadata::{ColumnChunkMetadata, FileMetadata};

use super::footer::Weight;

/// Bytes that most headers fit, and that all do: statistics in them may hold long texts.
const SHORT: usize = 512;
const LONGEST: usize = 1 << 24;
/// Structures within a header.
const DEEPEST: usize = 8;

/// Returns the heaviest row group by the headers of all its pages; nothing is decompressed.
///
/// # Errors
/// The file cannot be read, or a header is none.
pub fn heaviest(file: &File, footer: &FileMetadata) -> io::Result<Weight> {
    let mut most = Weight::default();
    for group in &footer.row_groups {
        let mut weight = Weight::default();
        for chunk in group.parquet_columns() {
            weight.decoded = weight.decoded.saturating_add(decoded_size(file, chunk)?);
            weight.stored = weight.stored.saturating_add(u64::try_from(chunk.compressed_size()).unwrap_or(0));
        }
        if weight.decoded >= most.decoded {
            most = weight;
        }
    }
    Ok(most)
}

fn decoded_size(file: &File, chunk: &ColumnChunkMetadata) -> io::Result<u64> {
    let range = chunk.byte_range();
    let (mut at, mut decoded) = (range.start, 0_u64);
    while at < range.end {
        let header = read_header(file, at)?;
        decoded = decoded.saturating_add(header.decoded);
        at = at.saturating_add(header.length).saturating_add(header.stored);
    }
    Ok(decoded)
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Header {
    /// Bytes of the header itself.
    length: u64,
    /// Bytes of the page in the file, and in memory.
    stored: u64,
    decoded: u64,
}

fn read_header(file: &File, at: u64) -> io::Result<Header> {
    let mut size = SHORT;
    loop {
        let mut bytes = vec![0; size];
        let mut filled = 0;
        while filled < size {
            match file.read_at(&mut bytes[filled..], at + filled as u64)? {
                0 => break,
                more => filled += more,
            }
        }
        match parse(&bytes[..filled]) {
            Some(header) => return Ok(header),
            None if filled == size && size < LONGEST => size *= 8,
            None => return Err(io::Error::new(ErrorKind::InvalidData, "a page has no header")),
        }
    }
}

/// Reads `PageHeader` of parquet.thrift in Thrift's compact protocol: fields 2 and 3 are the sizes.
fn parse(bytes: &[u8]) -> Option<Header> {
    let mut reader = Compact { bytes, at: 0 };
    let (mut sizes, mut field) = ([None; 2], 0);
    while let kind @ 1.. = reader.field(&mut field)? {
        match (field, kind) {
            (2, 5) => sizes[0] = Some(reader.integer()?),
            (3, 5) => sizes[1] = Some(reader.integer()?),
            _ => reader.skip(kind, DEEPEST)?,
        }
    }
    let [decoded, stored] = sizes.map(|size| u64::try_from(size?).ok());
    Some(Header { length: reader.at as u64, stored: stored?, decoded: decoded? })
}

/// A reader of Thrift's compact protocol (thrift-compact-protocol.md).
struct Compact<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Compact<'_> {
    fn byte(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    fn unsigned(&mut self) -> Option<u64> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    fn integer(&mut self) -> Option<i64> {
        let value = self.unsigned()?;
        Some((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    /// The type of the next field, whose number is set; 0 is the end of the structure.
    fn field(&mut self, number: &mut i64) -> Option<u8> {
        let byte = self.byte()?;
        if byte == 0 {
            return Some(0);
        }
        *number = match byte >> 4 {
            0 => self.integer()?,
            delta => number.checked_add(delta.into())?,
        };
        // A type of 0 is none.
        Some(byte & 0x0f).filter(|kind| *kind > 0)
    }

    fn skip(&mut self, kind: u8, depth: usize) -> Option<()> {
        match kind {
            // Booleans are their own type.
            1 | 2 => {}
            3 => drop(self.byte()?),
            4..=6 => drop(self.unsigned()?),
            7 => self.advance(8)?,
            8 => {
                let length = self.unsigned()?;
                self.advance(usize::try_from(length).ok()?)?;
            }
            12 => {
                let (depth, mut field) = (depth.checked_sub(1)?, 0);
                while let kind @ 1.. = self.field(&mut field)? {
                    self.skip(kind, depth)?;
                }
            }
            // No page header has lists or maps.
            _ => return None,
        }
        Some(())
    }

    fn advance(&mut self, bytes: usize) -> Option<()> {
        self.at = self.at.checked_add(bytes).filter(|at| *at <= self.bytes.len())?;
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_header_says_its_sizes() {
        // Type 0, 300 bytes decoded, 20 stored, a structure with an integer and a text, the end.
        let bytes =
            [0x15, 0x00, 0x15, 0xd8, 0x04, 0x15, 0x28, 0x2c, 0x15, 0x02, 0x18, 0x02, b'a', b'b', 0x00, 0x00, 0x77];
        assert_eq!(parse(&bytes), Some(Header { length: 16, stored: 20, decoded: 300 }));
        for end in 0..16 {
            assert_eq!(parse(&bytes[..end]), None, "{end}");
        }
    }

    #[test]
    fn a_page_of_negative_size_is_none() {
        assert_eq!(parse(&[0x15, 0x00, 0x15, 0x01, 0x15, 0x28, 0x00]), None);
        assert_eq!(parse(&[0x15, 0x00, 0x15, 0x28, 0x00]), None);
    }
}
