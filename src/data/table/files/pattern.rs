//! Which files a glob matches. Folders are admitted before they are listed: a link that leads out is refused, and what lies
//! behind it is not told, not even whether it is there.

use std::collections::HashSet;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use glob::{MatchOptions, Pattern};

use super::{limited, unreadable};
use crate::support::problem::{Failure, Problem};
use crate::support::words::code;
use crate::support::workspace::Workspace;

const OPTIONS: MatchOptions =
    MatchOptions { case_sensitive: true, require_literal_separator: true, require_literal_leading_dot: true };

/// What stands between two slashes of a pattern.
enum Segment {
    Name(String),
    Names(Pattern),
    /// `**`: this folder and all folders in it.
    Folders,
}

/// The paths that a pattern matches, sorted: files and folders.
///
/// # Errors
/// Usage: not a pattern, or one that leads out of the workspace. Unmeasured: a folder that cannot be listed.
pub fn expand(pattern: &str, workspace: &Workspace) -> Result<Vec<PathBuf>, Failure> {
    let parts = parts(pattern)?;
    let mut start = if pattern.starts_with('/') { PathBuf::from("/") } else { PathBuf::new() };
    // What is fixed is entered as a whole: the folders above the workspace are nobody's to list.
    let fixed = parts.iter().take_while(|part| matches!(part, Segment::Name(_))).count();
    for part in &parts[..fixed] {
        if let Segment::Name(name) = part {
            start.push(name);
        }
    }
    let mut found = vec![start];
    for (at, part) in parts.iter().enumerate().skip(fixed) {
        let is_last = at + 1 == parts.len();
        let mut next = Vec::new();
        for folder in found {
            match part {
                Segment::Name(name) => {
                    let path = folder.join(name);
                    if is_folder(&folder, workspace)? && path.symlink_metadata().is_ok() {
                        next.push(path);
                    }
                }
                Segment::Names(pattern) => {
                    let entries = entries(&folder, workspace)?;
                    next.extend(entries.into_iter().filter(|path| matches(pattern, path)));
                }
                Segment::Folders => next.extend(folders(folder, is_last, workspace)?),
            }
            limited(next.len(), Path::new(pattern))?;
        }
        found = next;
    }
    found.sort();
    found.dedup();
    Ok(found)
}

fn parts(pattern: &str) -> Result<Vec<Segment>, Failure> {
    let wrong = |error: glob::PatternError| {
        Failure::usage(
            Problem::new(format!("{} is not a glob: {error}", code(pattern)))
                .hint("`*`, `?`, `[a-z]`, and `**` as a whole folder"),
        )
    };
    Pattern::new(pattern).map_err(wrong)?;
    let names = pattern.split('/').filter(|name| !name.is_empty() && *name != ".");
    names
        .map(|name| match name {
            "**" => Ok(Segment::Folders),
            name if name.contains(['*', '?', '[']) => Pattern::new(name).map(Segment::Names).map_err(wrong),
            name => Ok(Segment::Name(name.to_owned())),
        })
        .collect()
}

fn matches(pattern: &Pattern, path: &Path) -> bool {
    path.file_name().is_some_and(|name| pattern.matches_with(&name.to_string_lossy(), OPTIONS))
}

/// The folder and all folders in it, without hidden ones; and the files in them, where they are asked for.
///
/// Folders behind links are entered, as a trainer's own glob does, and each once: a link may lead in a circle.
fn folders(folder: PathBuf, with_files: bool, workspace: &Workspace) -> Result<Vec<PathBuf>, Failure> {
    let mut found = Vec::new();
    let mut entered = HashSet::new();
    let mut open = vec![folder];
    while let Some(folder) = open.pop() {
        if !is_folder(&folder, workspace)? || !entered.insert(named(&folder).canonicalize().ok()) {
            continue;
        }
        for path in entries(&folder, workspace)? {
            let is_hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
            if is_hidden {
                continue;
            }
            if is_folder(&path, workspace)? {
                open.push(path);
            } else if with_files {
                found.push(path);
            }
        }
        found.push(folder);
        limited(found.len(), Path::new("**"))?;
    }
    Ok(found)
}

/// Whether it is a folder that may be looked into.
fn is_folder(path: &Path, workspace: &Workspace) -> Result<bool, Failure> {
    let path = named(path);
    match path.symlink_metadata() {
        Err(_) => Ok(false),
        Ok(_) => {
            workspace.admit(path)?;
            Ok(path.is_dir())
        }
    }
}

fn entries(folder: &Path, workspace: &Workspace) -> Result<Vec<PathBuf>, Failure> {
    if !is_folder(folder, workspace)? {
        return Ok(Vec::new());
    }
    let listed = match fs::read_dir(named(folder)) {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(Vec::new()),
        listed => listed.map_err(|error| unreadable(folder, &error))?,
    };
    let name = |entry: std::io::Result<fs::DirEntry>| {
        entry.map(|entry| folder.join(entry.file_name())).map_err(|error| unreadable(folder, &error))
    };
    listed.map(name).collect()
}

fn named(path: &Path) -> &Path {
    if path.as_os_str().is_empty() { Path::new(".") } else { path }
}
