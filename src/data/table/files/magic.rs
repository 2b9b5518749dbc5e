//! What a file is by its first and last bytes, whatever its name says.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use super::{Format, KNOWN};
use crate::support::problem::Problem;
use crate::support::words::code;
use crate::support::workspace::InputFile;

const HEAD: u64 = 512;

/// The format of a file that is there: the one its name promises, held against its bytes; or, without
/// a promise, the one its bytes have.
pub fn format(input: &mut InputFile, promised: Option<Format>) -> Result<Format, Problem> {
    let path = input.path().to_owned();
    let shown = code(&path.to_string_lossy());
    if path.to_str().is_none() {
        return Err(Problem::new(format!("the name of {shown} is not UTF-8")).hint("rename the file"));
    }
    let broken = |error: io::Error| unopened(&path, &error);
    if !input.is_regular() {
        return Err(Problem::new(format!("{shown} is neither a file nor a folder")));
    }
    let length = input.size();
    if length == 0 {
        return Err(Problem::new(format!("{shown} is empty: 0 bytes")).hint("did the step that writes it finish?"));
    }
    let file = input.file();
    let head = head(file).map_err(broken)?;
    if head.starts_with(b"version https://git-lfs.github.com/spec/v1") {
        let problem = Problem::new(format!("{shown} is a Git LFS pointer, not the data itself"));
        return Err(problem.hint("set `lfs: true` on actions/checkout, or run `git lfs pull`"));
    }
    if let Some((what, hint)) = packed(&path, &head) {
        return Err(Problem::new(format!("{shown} is {what}, which cannot be read")).hint(hint));
    }
    match promised {
        None => by_magic(&head).ok_or_else(|| {
            Problem::new(format!("{shown} has no ending that names a format{}", looks(&head)))
                .hint(format!("rename it to what it is: {KNOWN}"))
        }),
        Some(format) => {
            let tail = tail(file, length).map_err(broken)?;
            kept(format, &head, &tail, length).map_err(|what| what.problem(&shown, format, &head))?;
            Ok(format)
        }
    }
}

/// The problem of a file that is there and cannot be opened.
pub fn unopened(path: &Path, error: &io::Error) -> Problem {
    Problem::new(format!("{} could not be opened: {error}", code(&path.to_string_lossy()))).hint(may_read(error))
}

/// What a workbook or an archive is, and how to get at the table in it; none of any other file.
fn packed(path: &Path, head: &[u8]) -> Option<(&'static str, &'static str)> {
    const WORKBOOKS: [&str; 5] = ["xlsx", "xlsm", "xlsb", "xls", "ods"];
    let ending = path.extension().map(|ending| ending.to_string_lossy().to_lowercase()).unwrap_or_default();
    let holds = |part: &[u8]| head.windows(part.len()).any(|window| window == part);
    let is_zip = head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06");
    let is_workbook = holds(b"[Content_Types].xml") || holds(b"opendocument.spreadsheet") || holds(b"xl/");
    if WORKBOOKS.contains(&ending.as_str()) || is_zip && is_workbook || head.starts_with(b"\xd0\xcf\x11\xe0") {
        return Some((
            "a spreadsheet",
            "save the sheet as CSV, or write it as Parquet: `pandas.read_excel(…).to_parquet(…)`",
        ));
    }
    is_zip.then_some(("a ZIP archive", "unpack it in a step before, and name the file that it holds"))
}

/// The first bytes of a file, which is then at its start again.
pub fn head(file: &mut File) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    Read::by_ref(file).take(HEAD).read_to_end(&mut head)?;
    file.rewind()?;
    Ok(head)
}

/// How a file breaks the promise of its name.
enum Broken {
    /// It is something else.
    Other,
    Truncated,
    /// In words, and the way out.
    Variant(&'static str, &'static str),
}

impl Broken {
    fn problem(self, shown: &str, format: Format, head: &[u8]) -> Problem {
        let name = format.name();
        match self {
            Self::Other => Problem::new(format!("{shown} is not {name}{}", looks(head)))
                .hint(by_magic(head).map_or("was the right file downloaded?", |_| "give it the ending of what it is")),
            Self::Truncated => {
                Problem::new(format!("{shown} is cut off: it starts as {name} and does not end as {name}"))
                    .hint("did the step that writes it finish? write or download it again")
            }
            Self::Variant(what, hint) => Problem::new(format!("{shown} is {what}")).hint(hint),
        }
    }
}

fn kept(format: Format, head: &[u8], tail: &[u8], length: u64) -> Result<(), Broken> {
    match format {
        Format::Parquet if head.starts_with(b"PARE") => {
            Err(Broken::Variant("encrypted Parquet", "decrypt it in a step before"))
        }
        Format::Parquet if !head.starts_with(b"PAR1") => Err(Broken::Other),
        Format::Parquet if length < 12 || !tail.ends_with(b"PAR1") => Err(Broken::Truncated),
        Format::Ipc if head.starts_with(b"FEA1") => {
            Err(Broken::Variant("Feather version 1", "write it as version 2, which is Arrow IPC"))
        }
        Format::Ipc if head.starts_with(b"\xff\xff\xff\xff") => Err(Broken::Variant(
            "an Arrow stream, not an Arrow file",
            "write it in the file format, as `pyarrow.ipc.new_file` does",
        )),
        Format::Ipc if !head.starts_with(b"ARROW1") => Err(Broken::Other),
        Format::Ipc if length < 16 || !tail.ends_with(b"ARROW1") => Err(Broken::Truncated),
        Format::Csv | Format::Ndjson if !head.starts_with(GZIP) && known(head).is_some() => Err(Broken::Other),
        _ => Ok(()),
    }
}

fn by_magic(head: &[u8]) -> Option<Format> {
    if head.starts_with(b"PAR1") { Some(Format::Parquet) } else { head.starts_with(b"ARROW1").then_some(Format::Ipc) }
}

const GZIP: &[u8] = b"\x1f\x8b";

/// First bytes that say what a file is: <https://en.wikipedia.org/wiki/List_of_file_signatures>.
const SIGNATURES: [(&[u8], &str); 19] = [
    (b"PAR1", "Parquet"),
    (b"ARROW1", "Arrow IPC"),
    (b"\x89PNG", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
    (b"GIF8", "a GIF picture"),
    (b"%PDF", "a PDF document"),
    (b"PK\x03\x04", "a ZIP archive, or an Excel workbook"),
    (b"PK\x05\x06", "an empty ZIP archive"),
    (GZIP, "gzip"),
    (b"\x28\xb5\x2f\xfd", "Zstandard"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ", "XZ"),
    (b"\x04\x22\x4d\x18", "LZ4"),
    (b"7z\xbc\xaf", "a 7-Zip archive"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook"),
    (b"SQLite format 3", "an SQLite database"),
    (b"\x89HDF", "HDF5"),
    (b"\x93NUMPY", "a NumPy array"),
    (b"Obj\x01", "Avro"),
];

fn known(head: &[u8]) -> Option<&'static str> {
    let start: Vec<u8> = head.trim_ascii_start().iter().take(9).map(u8::to_ascii_lowercase).collect();
    if start.starts_with(b"<!doctype") || start.starts_with(b"<html") {
        return Some("an HTML page");
    }
    if start.starts_with(b"<?xml") {
        return Some("XML");
    }
    SIGNATURES.iter().find(|(magic, _)| head.starts_with(magic)).map(|(_, name)| *name)
}

/// `: it looks like a PNG picture`, or nothing.
fn looks(head: &[u8]) -> String {
    let is_text = || {
        let text = match std::str::from_utf8(head) {
            Ok(text) => text,
            Err(error) if head.len() as u64 == HEAD && error.error_len().is_none() => "",
            Err(_) => return false,
        };
        !text.contains(|c: char| c.is_control() && !c.is_whitespace())
    };
    match known(head) {
        Some(name) => format!(": it looks like {name}"),
        None if head.trim_ascii_start().starts_with(b"{") && is_text() => ": it looks like JSON".to_owned(),
        None if is_text() => ": it looks like text".to_owned(),
        None => String::new(),
    }
}

fn tail(file: &mut File, length: u64) -> io::Result<Vec<u8>> {
    let mut tail = Vec::new();
    file.seek(SeekFrom::Start(length.saturating_sub(8)))?;
    file.take(8).read_to_end(&mut tail)?;
    Ok(tail)
}

fn may_read(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::PermissionDenied => "give the user of this run the right to read it: `chmod +r`",
        _ => "is the disk there, and whole?",
    }
}
