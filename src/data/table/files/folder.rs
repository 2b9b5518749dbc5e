//! The files of a folder and the folders in it.
#![expect(clippy::disallowed_methods, reason = "edge: lists folders")]

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::{KNOWN, by_ending, is_hidden, limited, shown, unread, unreadable};
use crate::support::problem::{Failure, Problem};
use crate::support::workspace::Workspace;

/// What a folder contains.
pub struct FolderFiles {
    /// Files that are read, sorted.
    pub data: Vec<PathBuf>,
    /// Files that are not.
    pub unread: Vec<PathBuf>,
}

/// # Errors
/// Usage: a file or folder that leads out of the workspace. Unmeasured: what cannot be listed, a folder without data, or with
/// data that cannot be read.
pub fn list(folder: &Path, workspace: &Workspace) -> Result<FolderFiles, Failure> {
    let mut found = FolderFiles { data: Vec::new(), unread: Vec::new() };
    let mut entered = HashSet::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        // A symlink may lead back to a folder above it.
        if !entered.insert(folder.canonicalize().map_err(|error| unreadable(&folder, &error))?) {
            continue;
        }
        for entry in fs::read_dir(&folder).map_err(|error| unreadable(&folder, &error))? {
            let path = entry.map_err(|error| unreadable(&folder, &error))?.path();
            let is_table = by_ending(&path).is_some();
            if is_hidden(path.file_name()) {
                // Spark and Hive skip these too; whoever reads them by a glob has rows that are not judged here.
                found.unread.extend((is_table && !path.is_dir()).then_some(path));
            } else if path.is_dir() {
                workspace.admit(&path)?;
                open.push(path);
            } else if is_table {
                // Also one that no longer is there must not lead out.
                workspace.admit(&path)?;
                found.data.push(path);
            } else {
                found.unread.push(path);
            }
        }
        limited(found.data.len(), &folder)?;
    }
    found.unread.sort();
    unread::refuse(folder, &found.unread)?;
    if found.data.is_empty() {
        let problem = Problem::new(format!("{} holds no data file", shown(folder)))
            .hint(format!("looked for {KNOWN}, in its folders too"));
        return Err(Failure::unmeasured(problem));
    }
    found.data.sort();
    Ok(found)
}
