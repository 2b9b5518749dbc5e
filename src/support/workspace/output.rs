//! The one place that writes reports, profiles and histories: whole or not at all, and never through a symlink.

use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{
    AtFlags, CWD, FlockOperation, Gid, Mode, OFlags, Uid, fchown, flock, openat, renameat, statat, unlinkat,
};
use rustix::io::Errno;

use super::beneath::{Root, folder_flags};

/// How often a name for a temporary file is tried.
const TRIES: usize = 16;

/// A folder that is written to, by its handle: it stays the same where its name is replaced.
#[derive(Debug, Clone)]
pub struct OutputFolder {
    /// As the user wrote it.
    path: PathBuf,
    handle: Arc<OwnedFd>,
    /// Of the workspace: what root writes in a container belongs to the runner, which cleans up.
    owner: Option<(Uid, Gid)>,
}

/// A file that is complete only when it is committed; until then an earlier one of its name stays as it is.
#[derive(Debug)]
pub struct PendingFile {
    folder: OutputFolder,
    name: String,
    temporary: String,
    file: File,
}

impl OutputFolder {
    /// Opens or creates a folder anywhere.
    ///
    /// # Errors
    /// What the system says of it.
    pub(super) fn anywhere(path: &Path) -> io::Result<Self> {
        let named = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        std::fs::create_dir_all(named)?;
        let handle = openat(CWD, named, folder_flags(), Mode::empty())?;
        Ok(Self { path: path.to_owned(), handle: Arc::new(handle), owner: None })
    }

    /// Opens or creates a folder below a root.
    ///
    /// # Errors
    /// As [`Root::create_folders`].
    pub(super) fn beneath(path: &Path, root: &Root, below: &Path) -> io::Result<Self> {
        let owner = File::from(root.handle().try_clone()?).metadata().ok().map(|metadata| {
            use std::os::unix::fs::MetadataExt;
            (Uid::from_raw(metadata.uid()), Gid::from_raw(metadata.gid()))
        });
        let handle = root.create_folders(below, |folder| give(folder, owner))?;
        Ok(Self { path: path.to_owned(), handle: Arc::new(handle), owner })
    }

    /// As the user wrote it.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether there is anything of that name, be it a link to nothing.
    pub fn holds(&self, name: &str) -> bool {
        statat(&self.handle, name, AtFlags::SYMLINK_NOFOLLOW).is_ok()
    }

    /// Removes the file or link of that name, where there is one.
    ///
    /// # Errors
    /// It is there and cannot be removed.
    pub fn remove(&self, name: &str) -> io::Result<()> {
        match unlinkat(&self.handle, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Writes a whole file, or leaves an earlier one of that name as it was.
    ///
    /// # Errors
    /// The disk is full, or may not be written.
    pub fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.prepare(name)?.commit(bytes)
    }

    /// Opens a temporary file beside the one of that name.
    ///
    /// # Errors
    /// The folder may not be written.
    pub fn prepare(&self, name: &str) -> io::Result<PendingFile> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut tried = Err(Errno::EXIST);
        for _ in 0..TRIES {
            let temporary = format!(".mlgate-{:016x}.tmp", RandomState::new().hash_one(name));
            // The umask narrows it.
            tried = openat(&self.handle, temporary.as_str(), flags, Mode::from_raw_mode(0o666));
            match tried {
                Ok(file) => {
                    give(&file, self.owner);
                    let (folder, name, file) = (self.clone(), name.to_owned(), File::from(file));
                    return Ok(PendingFile { folder, name, temporary, file });
                }
                Err(Errno::EXIST) => {}
                Err(error) => return Err(error.into()),
            }
        }
        tried.map(drop)?;
        Err(io::ErrorKind::AlreadyExists.into())
    }

    /// Keeps other runs out of the folder as long as it is open here; `false` where one of them is in it. A process that
    /// ends, however it does, holds nothing any more.
    ///
    /// # Errors
    /// The file system has no locks.
    pub fn lock(&self) -> io::Result<bool> {
        match flock(&self.handle, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(true),
            Err(Errno::WOULDBLOCK) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

impl PendingFile {
    /// Writes the file's content and puts it in its place.
    ///
    /// # Errors
    /// The disk is full, or may not be written: an earlier file is left as it was.
    pub fn commit(mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)?;
        // Some file systems say only now that the disk is full.
        match self.file.sync_all() {
            Err(error)
                if error.kind() != io::ErrorKind::Unsupported
                    && error.raw_os_error() != Some(Errno::INVAL.raw_os_error()) =>
            {
                return Err(error);
            }
            _ => {}
        }
        let folder = &self.folder.handle;
        renameat(folder, self.temporary.as_str(), folder, self.name.as_str())?;
        self.temporary.clear();
        Ok(())
    }
}

impl Drop for PendingFile {
    fn drop(&mut self) {
        if !self.temporary.is_empty() {
            let _ = unlinkat(&self.folder.handle, self.temporary.as_str(), AtFlags::empty());
        }
    }
}

/// By handle, so that no link is followed. Only root may, and only root needs to.
fn give(file: &impl AsFd, owner: Option<(Uid, Gid)>) {
    if let Some((user, group)) = owner {
        let _ = fchown(file, Some(user), Some(group));
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_is_replaced_whole_and_no_link_is_followed() {
        let all = tempfile::tempdir().unwrap();
        fs::write(all.path().join("victim"), "untouched").unwrap();
        let folder = OutputFolder::anywhere(&all.path().join("a/b")).unwrap();
        let at = |name: &str| all.path().join("a/b").join(name);
        symlink("../../victim", at("report")).unwrap();
        folder.write("report", b"one").unwrap();
        folder.write("report", b"two").unwrap();
        assert_eq!(fs::read_to_string(at("report")).unwrap(), "two");
        assert_eq!(fs::read_to_string(all.path().join("victim")).unwrap(), "untouched");
        // What is given up leaves what was there, and nothing else.
        drop(folder.prepare("report").unwrap());
        assert_eq!(fs::read_to_string(at("report")).unwrap(), "two");
        fs::create_dir(at("folder")).unwrap();
        assert!(folder.write("folder", b"x").is_err());
        assert_eq!(names(&all.path().join("a/b")), ["folder", "report"]);
        assert!(folder.remove("folder").is_err());
        folder.remove("report").unwrap();
        folder.remove("report").unwrap();
    }

    #[test]
    fn a_folder_has_one_run_at_a_time() {
        let all = tempfile::tempdir().unwrap();
        let first = OutputFolder::anywhere(all.path()).unwrap();
        let second = OutputFolder::anywhere(all.path()).unwrap();
        assert!(first.lock().unwrap());
        assert!(!second.lock().unwrap());
        drop(first);
        assert!(second.lock().unwrap());
    }

    #[test]
    fn a_folder_is_written_to_though_its_name_is_replaced() {
        let all = tempfile::tempdir().unwrap();
        let at = |name: &str| all.path().join(name);
        fs::create_dir_all(at("root")).unwrap();
        fs::create_dir_all(at("outside")).unwrap();
        let root = Root::open(at("root").canonicalize().unwrap()).unwrap();
        let folder = OutputFolder::beneath(Path::new("report"), &root, Path::new("report")).unwrap();
        fs::rename(at("root/report"), at("root/moved")).unwrap();
        symlink("../outside", at("root/report")).unwrap();
        folder.write("report.json", b"{}").unwrap();
        assert!(at("root/moved/report.json").exists() && !at("outside/report.json").exists());
        assert!(OutputFolder::beneath(Path::new("report"), &root, Path::new("report")).is_err());
    }
}
