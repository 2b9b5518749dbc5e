//! A file that was admitted and opened: whoever reads it reads it by this handle.

use std::fs::{File, Metadata};
use std::io::{self, Read, Seek};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};

/// An opened file.
#[derive(Debug)]
pub struct InputFile {
    /// As it was written or found.
    path: PathBuf,
    /// Where that leads, after symlinks.
    real: PathBuf,
    file: File,
    identity: Identity,
}

/// Which file it is, and in which state: of two equal ones the bytes are equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    device: u64,
    inode: u64,
    size: u64,
    /// Seconds and nanoseconds.
    modified: (i64, i64),
    changed: (i64, i64),
}

/// How files are opened for reading: a FIFO must not wait for whoever writes to it.
pub const READING: OFlags = OFlags::RDONLY.union(OFlags::NONBLOCK).union(OFlags::CLOEXEC).union(OFlags::NOCTTY);

impl InputFile {
    /// # Errors
    /// The system does not say what it is.
    pub(super) fn new(path: &Path, real: PathBuf, file: File) -> io::Result<Self> {
        let identity = Identity::of(&file)?;
        if !file.metadata()?.is_file() {
            // What is read to its end must be waited for.
            let flags = fcntl_getfl(&file)?;
            fcntl_setfl(&file, flags - OFlags::NONBLOCK)?;
        }
        Ok(Self { path: path.to_owned(), real, file, identity })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn real(&self) -> &Path {
        &self.real
    }

    pub fn identity(&self) -> Identity {
        self.identity
    }

    /// Bytes, when it was opened.
    pub fn size(&self) -> u64 {
        self.identity.size
    }

    /// Whether it is a regular file: neither a folder nor a device.
    pub fn is_regular(&self) -> bool {
        self.file.metadata().is_ok_and(|metadata| metadata.is_file())
    }

    pub fn is_folder(&self) -> bool {
        self.file.metadata().is_ok_and(|metadata| metadata.is_dir())
    }

    pub fn file(&mut self) -> &mut File {
        &mut self.file
    }

    pub fn into_file(self) -> File {
        self.file
    }

    /// Whether its name still leads to it, and it is as it was when it was opened: for whoever can only be handed a name.
    pub fn is_in_place(&self) -> bool {
        self.real.symlink_metadata().is_ok_and(|metadata| Identity::from(metadata) == self.identity)
    }

    /// Reads all of it, where that is no more than so many bytes; one byte more says that it is larger.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn read(&mut self, most: u64) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        if self.is_regular() {
            self.file.rewind()?;
        }
        Read::by_ref(&mut self.file).take(most.saturating_add(1)).read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

impl Identity {
    /// # Errors
    /// The system does not say.
    pub fn of(file: &File) -> io::Result<Self> {
        file.metadata().map(Self::from)
    }

    /// When the file was last written, in microseconds since 1970.
    pub fn modified_micros(self) -> i64 {
        let (seconds, nanoseconds) = self.modified;
        seconds.saturating_mul(1_000_000).saturating_add(nanoseconds / 1000)
    }
}

impl From<Metadata> for Identity {
    fn from(metadata: Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}
