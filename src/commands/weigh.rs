//! What a model weighs, and what exactly it is: bytes and SHA-256 of a file, or of several together.
#![expect(clippy::disallowed_methods, reason = "edge: reads files")]

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::problem::{Failure, Problem};
use crate::words::code;
use crate::workspace::{InputFile, Workspace};

/// Files of a model's folder; more are a mistake, or an attack.
const MOST_FILES: usize = 100_000;

/// How a Git LFS pointer begins, and what to do about one.
const POINTER: &[u8] = b"version https://git-lfs.github.com/spec/";
const PULL: &str = "check out with `lfs: true`, or run `git lfs pull`";

/// Bytes and SHA-256. The outer error ends the run (a path that may not be read), the inner one is the model's own.
type Weighed = Result<(u64, String), Problem>;

/// Weighs a file, or all files of a folder; `shown` is the path as the user wrote it.
///
/// # Errors
/// Usage: a path that leads out of the workspace, or to credentials.
pub fn weigh(shown: &str, workspace: &Workspace) -> Result<Weighed, Failure> {
    match workspace.open(shown)? {
        Ok(file) if file.is_folder() => {
            let names = match list(shown, file.path(), workspace)? {
                Ok(names) => names,
                Err(problem) => return Ok(Err(problem)),
            };
            several(shown, file.path(), &names, workspace)
        }
        Ok(file) => Ok(one(shown, file)),
        Err(error) => Ok(Err(broken(shown, &error).hint("set `model.artifact`, or the input `artifact`"))),
    }
}

/// Weighs files of a folder. The digest is that of the lines `<SHA-256>  <path>`, sorted by path:
/// `find . -type f | sed 's|^\./||' | LC_ALL=C sort | xargs sha256sum | sha256sum`.
///
/// # Errors
/// As [`weigh`]; the inner one: a file cannot be read, or is a pointer to what was never fetched.
pub fn several(shown: &str, folder: &Path, names: &[String], workspace: &Workspace) -> Result<Weighed, Failure> {
    let mut names: Vec<&String> = names.iter().collect();
    names.sort();
    names.dedup();
    let (mut sha, mut bytes) = (Sha256::new(), 0);
    for name in names {
        let weighed = match workspace.open_path(&folder.join(name))? {
            Ok(file) => one(shown, file),
            Err(error) => Err(broken(shown, &error)),
        };
        let (length, digest) = match weighed {
            Ok(weighed) => weighed,
            Err(problem) => return Ok(Err(problem)),
        };
        bytes += length;
        sha.update(format!("{digest}  {name}\n"));
    }
    Ok(Ok((bytes, super::hex(&sha.finalize()))))
}

fn one(shown: &str, file: InputFile) -> Weighed {
    // What is no file may never end.
    if !file.is_regular() {
        return Err(Problem::new(format!("the model {} is no file", code(shown))));
    }
    let path = file.path().to_owned();
    let (bytes, sha256, head) = digest(file.into_file()).map_err(|error| broken(shown, &error))?;
    if head.starts_with(POINTER) {
        let file = if path.ends_with(shown) { String::new() } else { format!(", its file {},", code(&name_of(&path))) };
        return Err(Problem::new(format!("the model {}{file} is a Git LFS pointer", code(shown))).hint(PULL));
    }
    Ok((bytes, sha256))
}

fn broken(shown: &str, error: &std::io::Error) -> Problem {
    Problem::new(format!("the model {} could not be read: {error}", code(shown)))
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// The files below a folder, relative to it.
fn list(shown: &str, root: &Path, workspace: &Workspace) -> Result<Result<Vec<String>, Problem>, Failure> {
    let (mut names, mut folders): (Vec<String>, Vec<PathBuf>) = (Vec::new(), vec![root.to_owned()]);
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(&folder).and_then(Iterator::collect::<std::io::Result<Vec<_>>>);
        let entries = match entries {
            Ok(entries) => entries,
            Err(error) => return Ok(Err(broken(shown, &error))),
        };
        for entry in entries {
            let file = entry.path();
            if names.len() > MOST_FILES {
                return Ok(Err(Problem::new(format!("the model {} has over {MOST_FILES} files", code(shown)))));
            }
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                folders.push(file);
                continue;
            }
            workspace.admit(&file)?;
            // A link to a folder could lead round in a circle.
            if file.is_dir() {
                let link = code(&file.to_string_lossy());
                return Ok(Err(
                    Problem::new(format!("{link} is a link to a folder")).hint("store the files themselves")
                ));
            }
            names.push(file.strip_prefix(root).unwrap_or(&file).to_string_lossy().into_owned());
        }
    }
    Ok(Ok(names))
}

/// Length, SHA-256 in lower-case hexadecimal digits, and the first bytes.
fn digest(mut file: File) -> std::io::Result<(u64, String, Vec<u8>)> {
    let (mut sha, mut bytes, mut head) = (Sha256::new(), 0, Vec::new());
    let mut buffer = vec![0; 1 << 16];
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok((bytes, super::hex(&sha.finalize()), head));
        }
        if head.is_empty() {
            head = buffer[..read.min(64)].to_vec();
        }
        sha.update(&buffer[..read]);
        bytes += read as u64;
    }
}
