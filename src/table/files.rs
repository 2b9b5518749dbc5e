//! Where a table lies on disk: a file, a glob or a folder, and which format its files have.
#![expect(clippy::disallowed_methods, reason = "edge: finds and opens tables' files")]

mod magic;

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{BufReader, ErrorKind, Read};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;
use glob::MatchOptions;

use crate::problem::{Failure, Problem, nearest};
use crate::words::code;
use crate::workspace::Workspace;

/// The files of one table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Files {
    /// The path as the user wrote it.
    pub shown: String,
    /// Sorted, at least one.
    pub paths: Vec<PathBuf>,
    pub format: Format,
    /// The folder below which `key=value` folders begin, if all files lie in such.
    pub hive: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Parquet,
    /// Also separated by tabs, also gzip.
    Csv,
    /// Also gzip.
    Ndjson,
    Ipc,
}

/// The endings that are known; `.gz` after those of text.
const ENDINGS: [(&str, Format); 9] = [
    ("parquet", Format::Parquet),
    ("pq", Format::Parquet),
    ("csv", Format::Csv),
    ("tsv", Format::Csv),
    ("ndjson", Format::Ndjson),
    ("jsonl", Format::Ndjson),
    ("arrow", Format::Ipc),
    ("ipc", Format::Ipc),
    ("feather", Format::Ipc),
];
const KNOWN: &str = "Parquet (.parquet, .pq), CSV (.csv, .tsv, also .gz), NDJSON (.ndjson, .jsonl, also .gz) or Arrow IPC (.arrow, .ipc, .feather)";

/// More files than this in one table are a mistake, or an attack.
const MOST_FILES: usize = 100_000;

/// Finds the files of a table and looks at the first and last bytes of each.
///
/// # Errors
/// Usage: a path that is no path, an object store, one that leads out of the workspace. Unmeasured:
/// nothing there, nothing readable there, or something else than data.
pub fn find(path: &str, workspace: &Workspace) -> Result<Files, Failure> {
    refuse_remote(path)?;
    let plain = workspace.resolve(path)?;
    let (paths, base) = match plain.metadata() {
        Ok(metadata) if metadata.is_dir() => (in_folder(&plain, workspace)?, Some(plain)),
        Ok(_) => (vec![plain], None),
        Err(_) if path.contains(['*', '?', '[']) => (matching(path, workspace)?, Some(fixed_part(path))),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Err(missing(&plain));
        }
        Err(error) => return Err(unreadable(&plain, &error)),
    };
    let mut first: Option<(&Path, Format)> = None;
    for file in &paths {
        let format = magic::format(file, by_ending(file)).map_err(Failure::unmeasured)?;
        match first {
            None => first = Some((file, format)),
            Some((other, wanted)) if wanted != format => return Err(mixed(path, (other, wanted), (file, format))),
            Some(_) => {}
        }
    }
    let hive = base.map(|base| hive(&base, &paths)).transpose()?.flatten();
    let format = first.map_or(Format::Parquet, |(_, format)| format);
    Ok(Files { shown: path.to_owned(), paths, format, hive })
}

/// Opens a text file; gzip is told by its bytes and unpacked.
///
/// # Errors
/// A file that cannot be opened.
pub fn open_text(path: &Path) -> Result<Box<dyn Read>, Problem> {
    let broken = |error: &std::io::Error| Problem::new(format!("{} could not be opened: {error}", shown(path)));
    let mut file = File::open(path).map_err(|error| broken(&error))?;
    let head = magic::head(&mut file).map_err(|error| broken(&error))?;
    if head.starts_with(&[0x1f, 0x8b]) {
        Ok(Box::new(MultiGzDecoder::new(BufReader::new(file))))
    } else {
        Ok(Box::new(file))
    }
}

/// The format that the name of a file promises.
fn by_ending(path: &Path) -> Option<Format> {
    let name = path.file_name()?.to_string_lossy().to_lowercase();
    let (name, is_zip) = match name.strip_suffix(".gz") {
        Some(name) => (name, true),
        None => (&*name, false),
    };
    let (_, ending) = name.rsplit_once('.')?;
    let (_, format) = ENDINGS.iter().find(|(known, _)| *known == ending)?;
    (!is_zip || matches!(format, Format::Csv | Format::Ndjson)).then_some(*format)
}

fn refuse_remote(path: &str) -> Result<(), Failure> {
    let Some((scheme, rest)) = path.split_once("://") else { return Ok(()) };
    if scheme.is_empty() || !scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c)) {
        return Ok(());
    }
    let problem = if scheme.eq_ignore_ascii_case("file") {
        Problem::new(format!("{} is a URL, not a path", code(path))).hint(format!("write {}", code(rest)))
    } else {
        Problem::new(format!("{} is not on this machine, and object stores come later", code(path)))
            .hint("download the file in a step before, and name the copy")
    };
    Err(Failure::usage(problem))
}

/// The data files of a folder and the folders in it, sorted.
fn in_folder(folder: &Path, workspace: &Workspace) -> Result<Vec<PathBuf>, Failure> {
    let mut found = Vec::new();
    let mut entered = HashSet::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        // A symlink may lead back to a folder above it.
        if !entered.insert(folder.canonicalize().map_err(|error| unreadable(&folder, &error))?) {
            continue;
        }
        for entry in fs::read_dir(&folder).map_err(|error| unreadable(&folder, &error))? {
            let path = entry.map_err(|error| unreadable(&folder, &error))?.path();
            if is_hidden(path.file_name()) {
                continue;
            }
            workspace.admit(&path)?;
            if path.is_dir() {
                open.push(path);
            } else if by_ending(&path).is_some() {
                found.push(path);
            }
        }
        limited(&found, &folder)?;
    }
    if found.is_empty() {
        let problem = Problem::new(format!("{} holds no data file", shown(folder)))
            .hint(format!("looked for {KNOWN}, in its folders too"));
        return Err(Failure::unmeasured(problem));
    }
    found.sort();
    Ok(found)
}

/// The files that a glob matches, sorted.
fn matching(pattern: &str, workspace: &Workspace) -> Result<Vec<PathBuf>, Failure> {
    let options =
        MatchOptions { case_sensitive: true, require_literal_separator: true, require_literal_leading_dot: true };
    let all = glob::glob_with(pattern, options).map_err(|error| {
        Failure::usage(
            Problem::new(format!("{} is not a glob: {error}", code(pattern)))
                .hint("`*`, `?`, `[a-z]`, and `**` as a whole folder"),
        )
    })?;
    let wants_hidden = is_hidden(Path::new(pattern).file_name());
    let mut found = Vec::new();
    for path in all {
        let path = path.map_err(|error| unreadable(error.path(), error.error()))?;
        workspace.admit(&path)?;
        if !path.is_dir() && (wants_hidden || !is_hidden(path.file_name())) {
            found.push(path);
        }
        limited(&found, Path::new(pattern))?;
    }
    if found.is_empty() {
        let problem = Problem::new(format!("no file matches {}", code(pattern)));
        return Err(Failure::unmeasured(problem.hint(format!("paths start at {}", here()))));
    }
    found.sort();
    found.dedup();
    Ok(found)
}

fn limited(found: &[PathBuf], place: &Path) -> Result<(), Failure> {
    if found.len() <= MOST_FILES {
        return Ok(());
    }
    let problem = Problem::new(format!("{} holds more than {MOST_FILES} data files", shown(place)));
    Err(Failure::unmeasured(problem.hint("name a folder or glob with less in it")))
}

/// The folders of a glob in which nothing is left open.
fn fixed_part(pattern: &str) -> PathBuf {
    let fixed = |part: &std::path::Component<'_>| !part.as_os_str().to_string_lossy().contains(['*', '?', '[']);
    let base: PathBuf = Path::new(pattern).components().take_while(fixed).collect();
    if base.as_os_str().is_empty() { PathBuf::from(".") } else { base }
}

/// What writers leave beside their data: `_SUCCESS`, `.crc`.
fn is_hidden(name: Option<&OsStr>) -> bool {
    name.is_some_and(|name| matches!(name.as_encoded_bytes().first(), Some(b'.' | b'_')))
}

/// The folder below which all files lie in folders `key=value` of the same keys.
fn hive(base: &Path, paths: &[PathBuf]) -> Result<Option<PathBuf>, Failure> {
    let keys = |path: &Path| -> Vec<String> {
        let below = path.strip_prefix(base).unwrap_or(path).parent().unwrap_or(Path::new(""));
        let parts = below.iter().map(|part| part.to_string_lossy().into_owned());
        parts.filter_map(|part| part.split_once('=').map(|(key, _)| key.to_owned())).collect()
    };
    let mut all = paths.iter().map(|path| (path, keys(path)));
    let Some((first, wanted)) = all.next() else { return Ok(None) };
    if let Some((other, _)) = all.find(|(_, keys)| *keys != wanted) {
        let problem =
            Problem::new(format!("{} and {} lie in `key=value` folders of different keys", shown(first), shown(other)));
        return Err(Failure::unmeasured(problem.hint("partition all files of a table by the same keys")));
    }
    Ok((!wanted.is_empty()).then(|| base.to_owned()))
}

fn missing(path: &Path) -> Failure {
    let folder = path.ancestors().skip(1).find(|folder| folder.as_os_str().is_empty() || folder.is_dir());
    let folder = folder.filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let gone = path.strip_prefix(folder).unwrap_or(path).iter().next().unwrap_or(path.as_os_str()).to_string_lossy();
    let siblings: Vec<String> = fs::read_dir(folder)
        .map(|entries| entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect())
        .unwrap_or_default();
    let hint = match nearest(&gone, siblings.iter().map(String::as_str)) {
        Some(sibling) => format!(
            "is {} meant?",
            shown(&if folder == Path::new(".") { sibling.into() } else { folder.join(sibling) })
        ),
        None => format!("paths start at {}", here()),
    };
    Failure::unmeasured(Problem::new(format!("{} does not exist", shown(path))).hint(hint))
}

fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::unmeasured(Problem::new(format!("{} could not be read: {error}", shown(path))))
}

fn mixed(path: &str, first: (&Path, Format), other: (&Path, Format)) -> Failure {
    let name = |(path, format): (&Path, Format)| format!("{} is {}", shown(path), format.name());
    let problem =
        Problem::new(format!("{} holds files of several formats: {}, {}", code(path), name(first), name(other)))
            .hint("name one format by a glob, as `data/*.parquet`");
    Failure::unmeasured(problem)
}

fn here() -> String {
    std::env::current_dir().map_or_else(
        |_| "the working directory".to_owned(),
        |folder| format!("the working directory, {}", shown(&folder)),
    )
}

fn shown(path: &Path) -> String {
    code(&path.to_string_lossy())
}

impl Format {
    pub fn name(self) -> &'static str {
        match self {
            Self::Parquet => "Parquet",
            Self::Csv => "CSV",
            Self::Ndjson => "NDJSON",
            Self::Ipc => "Arrow IPC",
        }
    }
}

#[cfg(test)]
mod tests;
