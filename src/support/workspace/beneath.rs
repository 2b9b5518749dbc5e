//! Opens what lies below a folder, never through a symlink.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{CWD, Mode, OFlags, mkdirat, openat};
use rustix::io::Errno;

/// A folder that paths are opened below; it stays open, so that its name may change hands.
#[derive(Debug, Clone)]
pub struct Root {
    /// Canonical.
    pub path: PathBuf,
    handle: Arc<OwnedFd>,
}

impl Root {
    /// Opens the folder; `path` is canonical.
    ///
    /// # Errors
    /// It cannot be opened.
    pub fn open(path: PathBuf) -> io::Result<Self> {
        let handle = openat(CWD, &path, folder_flags(), Mode::empty())?;
        Ok(Self { path, handle: Arc::new(handle) })
    }

    /// Opens a path relative to the folder. Its components are the names of real folders: a symlink among them, put
    /// there after the path was resolved, is an error.
    ///
    /// # Errors
    /// What the system says of the path; `ELOOP` or `ENOTDIR` for a symlink.
    pub fn open_beneath(&self, below: &Path, flags: OFlags) -> io::Result<OwnedFd> {
        #[cfg(target_os = "linux")]
        match self.open_at_once(below, flags) {
            // An older kernel, a filter for system calls, a rename under way.
            Err(Errno::NOSYS | Errno::PERM | Errno::AGAIN | Errno::OPNOTSUPP) => {}
            opened => return Ok(opened?),
        }
        self.open_step_by_step(below, flags)
    }

    /// `openat2` (`man 2 openat2`): the kernel refuses symlinks and everything that leaves the folder.
    #[cfg(target_os = "linux")]
    fn open_at_once(&self, below: &Path, flags: OFlags) -> Result<OwnedFd, Errno> {
        use rustix::fs::{ResolveFlags, openat2};
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
        openat2(&self.handle, named(below), flags | OFlags::CLOEXEC, Mode::empty(), resolve)
    }

    /// The same without the kernel's help: one component after the other, each from the handle of the one before.
    fn open_step_by_step(&self, below: &Path, flags: OFlags) -> io::Result<OwnedFd> {
        let flags = flags | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let names = names(below)?;
        let Some((last, folders)) = names.split_last() else {
            return Ok(openat(&self.handle, ".", flags, Mode::empty())?);
        };
        let mut folder: Option<OwnedFd> = None;
        for name in folders {
            let above = folder.as_ref().map_or(self.handle.as_fd(), AsFd::as_fd);
            folder = Some(openat(above, *name, folder_flags() | OFlags::NOFOLLOW, Mode::empty())?);
        }
        let above = folder.as_ref().map_or(self.handle.as_fd(), AsFd::as_fd);
        Ok(openat(above, *last, flags, Mode::empty())?)
    }

    /// Opens a folder below this one for writing, and creates what is missing of its path; `each` is handed every
    /// folder on the way.
    ///
    /// # Errors
    /// As [`Root::open_beneath`].
    pub fn create_folders(&self, below: &Path, mut each: impl FnMut(&OwnedFd)) -> io::Result<OwnedFd> {
        let mut folder = openat(&self.handle, ".", folder_flags(), Mode::empty())?;
        for name in names(below)? {
            match mkdirat(&folder, name, Mode::from_raw_mode(0o777)) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(error) => return Err(error.into()),
            }
            folder = openat(&folder, name, folder_flags() | OFlags::NOFOLLOW, Mode::empty())?;
            each(&folder);
        }
        Ok(folder)
    }

    pub fn handle(&self) -> &OwnedFd {
        &self.handle
    }
}

pub fn folder_flags() -> OFlags {
    OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC
}

#[cfg(target_os = "linux")]
fn named(below: &Path) -> &Path {
    if below.as_os_str().is_empty() { Path::new(".") } else { below }
}

fn names(below: &Path) -> io::Result<Vec<&std::ffi::OsStr>> {
    let name = |part| match part {
        Component::Normal(name) => Ok(name),
        _ => Err(io::Error::new(io::ErrorKind::InvalidInput, "the path is not canonical")),
    };
    below.components().map(name).collect()
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "edge: tests write files")]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn nothing_is_opened_through_a_symlink_by_either_way() {
        let all = tempfile::tempdir().unwrap();
        let at = |name: &str| all.path().join(name);
        fs::create_dir_all(at("root/in/deep")).unwrap();
        fs::create_dir_all(at("outside")).unwrap();
        for file in ["root/a", "root/in/deep/b", "outside/c"] {
            fs::write(at(file), "x").unwrap();
        }
        symlink("../outside", at("root/out")).unwrap();
        symlink("../outside/c", at("root/c")).unwrap();
        symlink("in", at("root/also")).unwrap();
        let root = Root::open(at("root").canonicalize().unwrap()).unwrap();
        for (path, opens) in [
            ("a", true),
            ("in/deep/b", true),
            ("", true),
            ("c", false),
            ("out/c", false),
            ("also/deep/b", false),
            ("../outside/c", false),
            ("missing", false),
            ("/etc/passwd", false),
        ] {
            let path = Path::new(path);
            assert_eq!(root.open_beneath(path, OFlags::RDONLY).is_ok(), opens, "{path:?}");
            assert_eq!(root.open_step_by_step(path, OFlags::RDONLY).is_ok(), opens, "{path:?} step by step");
            #[cfg(target_os = "linux")]
            assert_eq!(root.open_at_once(path, OFlags::RDONLY).is_ok(), opens, "{path:?} at once");
        }
        for path in ["out/new", "c/new", "also/new"] {
            assert!(root.create_folders(Path::new(path), |_| ()).is_err(), "{path}");
        }
        assert!(root.create_folders(Path::new("new/er"), |_| ()).is_ok());
        assert!(at("root/new/er").is_dir() && !at("outside/new").exists());
    }
}
