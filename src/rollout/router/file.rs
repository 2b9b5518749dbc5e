//! A router's file, replaced whole or not at all.
#![expect(clippy::disallowed_methods, reason = "edge: reads and writes a router's file")]

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use crate::support::problem::Problem;
use crate::support::words::code;

/// Bytes of a configuration; a larger file is none.
const LARGEST: u64 = 1_000_000;

/// A file that a router reads.
pub struct RouterFile {
    pub path: PathBuf,
    /// As the user wrote it.
    pub shown: String,
}

impl RouterFile {
    /// # Errors
    /// It cannot be read, or is larger than a configuration.
    pub fn read(&self) -> Result<String, Problem> {
        read(&self.path).map_err(|error| self.failed(&format!("could not be read: {error}")))
    }

    /// Replaces its text; owner's and others' permissions stay.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn replace(&self, text: &str) -> Result<(), Problem> {
        let replaced = self.path.parent().ok_or_else(|| io::Error::other("it is in no folder")).and_then(|folder| {
            let mut file = tempfile::Builder::new().prefix(".mlgate-").tempfile_in(folder)?;
            // Who reads it may be another user.
            let permissions = self.path.metadata()?.permissions();
            file.write_all(text.as_bytes())?;
            file.as_file().set_permissions(permissions)?;
            file.as_file().sync_all()?;
            file.persist(&self.path).map(drop).map_err(|error| error.error)
        });
        replaced.map_err(|error| {
            self.failed(&format!("could not be written: {error}"))
                .hint("the file must be there already, in a folder that mlgate may write to")
        })
    }

    pub fn failed(&self, why: &str) -> Problem {
        Problem::new(format!("the file {} {why}", code(&self.shown)))
    }
}

/// A text of at most as many bytes as a configuration has.
///
/// # Errors
/// It cannot be read, or is longer.
pub fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    let length = std::fs::File::open(path)?.take(LARGEST + 1).read_to_string(&mut text)?;
    if length as u64 > LARGEST {
        return Err(io::Error::other(format!("it has more than {LARGEST} bytes")));
    }
    Ok(text)
}
