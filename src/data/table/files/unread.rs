//! Files of a folder that are not read, although their names say that they hold rows.

use std::path::{Path, PathBuf};

use super::{ENDINGS, shown};
use crate::support::problem::{Failure, Problem};

/// Endings of what is packed; of these only `.gz` after CSV and NDJSON is read.
const PACKED: [&str; 18] = [
    "gz", "bz2", "zst", "zstd", "xz", "lz4", "br", "brotli", "lzma", "lzo", "snappy", "sz", "deflate", "z", "zip",
    "7z", "rar", "bgz",
];

/// # Errors
/// A file that would be left out of the table without a word.
pub fn refuse(folder: &Path, unread: &[PathBuf]) -> Result<(), Failure> {
    let mut lost = unread.iter().filter(|path| holds_rows(path));
    let Some(first) = lost.next() else { return Ok(()) };
    let said = match lost.count() {
        0 => format!("{} is not read, and the table would lack its rows", shown(first)),
        more => format!("{} is not read, nor are {more} other files: the table would lack their rows", shown(first)),
    };
    let hint = format!(
        "unpack or rename them in a step before (`.gz` is read after .csv, .tsv, .ndjson and .jsonl), or name the files that \
         are the table by a glob, as {}",
        shown(&folder.join("*.csv"))
    );
    Err(Failure::unmeasured(Problem::new(said).hint(hint)))
}

/// A table that is packed, or a part of one without an ending, as Spark and Hive write them.
fn holds_rows(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    let packed = name.rsplit_once('.').filter(|(_, ending)| PACKED.contains(ending));
    let stem = packed.map_or(&*name, |(stem, _)| stem);
    let ending = stem.rsplit_once('.').map(|(_, ending)| ending);
    // Spark counts the files of one task: `part-00000-….c000`.
    let is_counter = |ending: &str| {
        ending.strip_prefix('c').is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
    };
    let is_table = |ending: &str| ENDINGS.iter().any(|(known, _)| *known == ending);
    packed.is_some() && ending.is_some_and(is_table) || stem.starts_with("part-") && ending.is_none_or(is_counter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_whether_there_are_rows() {
        for (name, expected) in [
            ("a.csv.bz2", true),
            ("a.CSV.ZST", true),
            ("a.parquet.gz", true),
            ("a.json.gz", false),
            ("part-00000", true),
            ("part-00000.gz", true),
            ("part-00000-1f.c000", true),
            ("part-00000-1f.c000.snappy", true),
            ("part-00000.txt", false),
            ("a.bz2", false),
            ("a.zip", false),
            ("a.txt.gz", false),
            ("a.json", false),
            ("party", false),
            ("README", false),
        ] {
            assert_eq!(holds_rows(Path::new(name)), expected, "{name}");
        }
    }
}
