//! The SHA-256 of a table's files: what nobody can forge, unlike a sum of hashes.

use std::io::Read;
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::data::table::files::Files;
use crate::support::problem::Problem;
use crate::support::sha256::{hex, of_files};
use crate::support::words::code;

/// Returns the SHA-256 of a table's file, or of the lines `<SHA-256>  <path>` of several, sorted by path, from the deepest
/// folder on that holds all of them. The files are those that were scanned, in the same state.
///
/// # Errors
/// One of them cannot be read, or changed.
pub fn of(files: &Files) -> Result<String, Problem> {
    if files.count() == 1 {
        return one(files, 0);
    }
    let mut folder = files.path(0).parent().unwrap_or(Path::new(""));
    while let Some(above) = folder.parent().filter(|_| !files.paths().all(|file| file.starts_with(folder))) {
        folder = above;
    }
    let mut lines = Vec::with_capacity(files.count());
    for (at, file) in files.paths().enumerate() {
        let name = file.strip_prefix(folder).unwrap_or(file).to_string_lossy();
        lines.push((name.into_owned(), one(files, at)?));
    }
    Ok(of_files(lines))
}

fn one(files: &Files, at: usize) -> Result<String, Problem> {
    let (mut file, mut sha, mut buffer) = (files.open(at)?, Sha256::new(), vec![0; 1 << 16]);
    loop {
        let read = file.read(&mut buffer).map_err(|error| {
            let path = code(&files.path(at).to_string_lossy());
            Problem::new(format!("{path} could not be read again for its SHA-256: {error}"))
        })?;
        if read == 0 {
            files.check_unchanged(at, &file)?;
            return Ok(hex(&sha.finalize()));
        }
        sha.update(&buffer[..read]);
    }
}
