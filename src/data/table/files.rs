//! Where a table lies on disk: a file, a glob or a folder, and which format its files have.
//!
//! Every file is opened once, by [`crate::support::workspace`], and whoever reads it reads that handle: what is scanned is what was looked
//! at, or an error. Files of a table that has too many of them are opened again, and must be the same ones in the same state.
#![expect(clippy::disallowed_methods, reason = "edge: finds and opens tables' files")]

mod folder;
mod magic;
mod pattern;
mod unread;

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{BufReader, ErrorKind, Read, Seek};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use flate2::bufread::MultiGzDecoder;

use crate::support::problem::{Failure, Problem, nearest};
use crate::support::words::code;
use crate::support::workspace::{Identity, InputFile, Workspace, descriptors};

/// The files of one table.
#[derive(Debug, Clone)]
pub struct Files {
    /// The path as the user wrote it.
    pub shown: String,
    /// Sorted by name, at least one.
    files: Vec<TableFile>,
    pub format: Format,
    /// The folder below which `key=value` folders begin, if all files lie in such.
    pub hive: Option<PathBuf>,
    /// What the folder contains besides, which is no table by its name.
    pub unread: Vec<PathBuf>,
    workspace: Workspace,
}

/// One of them.
#[derive(Debug, Clone)]
struct TableFile {
    /// As it was found.
    path: PathBuf,
    /// After symlinks.
    real: PathBuf,
    /// When it was opened first.
    identity: Identity,
    /// Where there are not too many.
    open: Option<Arc<File>>,
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
/// Tables of more files than this do not keep them open.
const MOST_OPEN: usize = 64;

/// Finds the files of a table and looks at the first and last bytes of each.
///
/// # Errors
/// Usage: a path that is no path, an object store, one that leads out of the workspace. Unmeasured:
/// nothing there, nothing readable there, or something else than data.
pub fn find(path: &str, workspace: &Workspace) -> Result<Files, Failure> {
    refuse_remote(path)?;
    let plain = workspace.resolve(path)?;
    let (mut alone, mut unread) = (None, Vec::new());
    let by_name = workspace.open(path)?;
    let matches = if is_glob(path) { matching(path, workspace) } else { Ok(Vec::new()) };
    let (paths, base) = match by_name {
        // Whoever may add a file could otherwise replace the table by one of the glob's own name.
        Ok(_) if matches.as_ref().is_ok_and(|found| found.iter().any(|other| *other != plain)) => {
            return Err(ambiguous(path));
        }
        Ok(input) if input.is_folder() => {
            let found = folder::list(&plain, workspace)?;
            unread = found.unread;
            (found.data, Some(plain))
        }
        Ok(input) => {
            alone = Some(input);
            (vec![plain], None)
        }
        Err(_) if is_glob(path) => (matches?, Some(fixed_part(path))),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Err(missing(&plain));
        }
        Err(error) => return Err(Failure::unmeasured(magic::unopened(&plain, &error))),
    };
    let keeps_open = paths.len() <= MOST_OPEN.min(descriptors::at_once() / 4).max(1);
    let mut first: Option<(PathBuf, Format)> = None;
    let mut files = Vec::with_capacity(paths.len());
    for path_of_one in &paths {
        let mut input = match alone.take() {
            Some(input) => input,
            None => workspace
                .open_path(path_of_one)?
                .map_err(|error| Failure::unmeasured(magic::unopened(path_of_one, &error)))?,
        };
        let format = magic::format(&mut input, by_ending(path_of_one)).map_err(Failure::unmeasured)?;
        match &first {
            None => first = Some((path_of_one.clone(), format)),
            Some((other, wanted)) if *wanted != format => {
                return Err(mixed(path, (other, *wanted), (path_of_one, format)));
            }
            Some(_) => {}
        }
        files.push(TableFile::new(input, keeps_open));
    }
    let hive = base.map(|base| hive(&base, &paths)).transpose()?.flatten();
    let format = first.map_or(Format::Parquet, |(_, format)| format);
    Ok(Files { shown: path.to_owned(), files, format, hive, unread, workspace: workspace.clone() })
}

impl TableFile {
    fn new(input: InputFile, keeps_open: bool) -> Self {
        let (path, real, identity) = (input.path().to_owned(), input.real().to_owned(), input.identity());
        Self { path, real, identity, open: keeps_open.then(|| Arc::new(input.into_file())) }
    }
}

impl Files {
    /// As they were found.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        self.files.iter().map(|file| &*file.path)
    }

    /// Where they really are, after symlinks.
    pub fn real_paths(&self) -> impl Iterator<Item = &Path> {
        self.files.iter().map(|file| &*file.real)
    }

    pub fn path(&self, at: usize) -> &Path {
        self.files.get(at).map_or(Path::new(""), |file| &file.path)
    }

    pub fn count(&self) -> usize {
        self.files.len()
    }

    /// When the newest of them was last written, in microseconds since 1970.
    pub fn modified(&self) -> Option<i64> {
        self.files.iter().map(|file| file.identity.modified_micros()).max()
    }

    /// A handle of one of them, at its start; the same file in the same state as when it was found.
    ///
    /// # Errors
    /// It is gone, or it changed.
    pub fn open(&self, at: usize) -> Result<File, Problem> {
        let Some(file) = self.files.get(at) else { return Err(Problem::new("the table has no such file")) };
        let broken =
            |error: std::io::Error| Problem::new(format!("{} could not be opened: {error}", shown(&file.path)));
        let mut open = match &file.open {
            Some(open) => open.try_clone().map_err(broken)?,
            None => self
                .workspace
                .reopen(&file.path, &file.real, file.identity)
                .map_err(|error| if error.kind() == ErrorKind::Other { changed(&file.path) } else { broken(error) })?,
        };
        open.rewind().map_err(broken)?;
        self.check_unchanged(at, &open)?;
        Ok(open)
    }

    /// Whether an opened file is still as it was when it was found: its size, its times, its inode.
    ///
    /// # Errors
    /// It is not.
    pub fn check_unchanged(&self, at: usize, open: &File) -> Result<(), Problem> {
        let Some(file) = self.files.get(at) else { return Ok(()) };
        match Identity::of(open) {
            Ok(identity) if identity == file.identity => Ok(()),
            Ok(_) => Err(changed(&file.path)),
            Err(error) => Err(Problem::new(format!("{} could not be read: {error}", shown(&file.path)))),
        }
    }

    /// Which of the files is not as it was when it was found.
    ///
    /// # Errors
    /// The first of them.
    pub fn check_all_unchanged(&self) -> Result<(), Problem> {
        (0..self.files.len()).try_for_each(|at| self.open(at).map(drop))
    }
}

fn changed(path: &Path) -> Problem {
    Problem::new(format!("{} changed while it was read", shown(path)))
        .hint("a table must not be written to while it is judged: let the step that writes it finish first")
}

/// Reads a text file from its start; gzip is told by its bytes and unpacked.
///
/// # Errors
/// A file that cannot be read; `path` is for the message.
pub fn text(path: &Path, mut file: File) -> Result<Box<dyn Read>, Problem> {
    let broken = |error: &std::io::Error| Problem::new(format!("{} could not be opened: {error}", shown(path)));
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

/// The files that a glob matches, sorted.
fn matching(pattern: &str, workspace: &Workspace) -> Result<Vec<PathBuf>, Failure> {
    let wants_hidden = is_hidden(Path::new(pattern).file_name());
    let mut found = pattern::expand(pattern, workspace)?;
    // `_SUCCESS` is no table; `_a.csv` is one to whoever reads the same glob.
    found.retain(|path| wants_hidden || !is_hidden(path.file_name()) || by_ending(path).is_some());
    // A folder is no file of a table; whether a link leads to one is asked only where it may be followed.
    for path in &found {
        workspace.admit(path)?;
    }
    found.retain(|path| !path.is_dir());
    if found.is_empty() {
        let problem = Problem::new(format!("no file matches {}", code(pattern)));
        return Err(Failure::unmeasured(problem.hint(format!("paths start at {}", here()))));
    }
    Ok(found)
}

fn is_glob(path: &str) -> bool {
    path.contains(['*', '?', '['])
}

fn ambiguous(path: &str) -> Failure {
    let problem =
        Problem::new(format!("{} is a glob that matches other files, and also the name of a file", code(path)));
    Failure::usage(problem.hint("rename the file that is named like the glob"))
}

fn limited(found: usize, place: &Path) -> Result<(), Failure> {
    if found <= MOST_FILES {
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
