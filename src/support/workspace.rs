//! The one door to the file system: a path goes in, an opened file comes out.
//!
//! A config or a table can come from a pull request, so a path is judged by where it leads after symlinks, never by how it is
//! written: on a command line any path may be read, in an Action only what lies in its workspace or `data-root`, and there
//! nothing that keeps credentials. What was admitted is opened at once, below a handle of the workspace's folder and through
//! no symlink ([`beneath`]), so that what is read is what was admitted; nobody else opens inputs by their name.
#![expect(clippy::disallowed_methods, reason = "edge: asks the file system where paths lead, opens and writes files")]

mod beneath;
mod checkout;
mod credentials;
pub mod descriptors;
mod input;
mod output;

use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::{Component, Path, PathBuf};

use rustix::fs::{CWD, Mode, openat};

use self::beneath::Root;
use self::checkout::TrustedCheckout;
pub use self::input::{Identity, InputFile};
pub use self::output::{OutputFolder, PendingFile};
use crate::support::problem::{Failure, Problem};
use crate::support::words::code;

#[derive(Debug, Clone)]
pub struct Workspace {
    /// None on a command line.
    bounds: Option<Bounds>,
    /// The only checkout that may be read, where a fork's could lie beside secrets.
    only: Option<TrustedCheckout>,
}

#[derive(Debug, Clone)]
struct Bounds {
    root: Root,
    data_root: Option<Root>,
}

/// A file to be written, in a folder that is open.
#[derive(Debug)]
pub struct OutputFile {
    folder: OutputFolder,
    name: String,
}

impl Workspace {
    /// Every path is allowed.
    pub fn command_line() -> Self {
        Self { bounds: None, only: None }
    }

    /// Paths must lead into `root`, or, to be read, into `data_root`.
    ///
    /// # Errors
    /// A root that is no folder.
    pub fn action(root: &Path, data_root: Option<&Path>) -> Result<Self, Failure> {
        let root = folder(root, "the workspace")?;
        let data_root = data_root.map(|data_root| folder(data_root, "`data-root`")).transpose()?;
        Ok(Self { bounds: Some(Bounds { root, data_root }), only: None })
    }

    /// The same, and what is read must lie in the checkout of this commit that is the workspace itself.
    #[must_use]
    pub fn only_commit(mut self, sha: &str, root: &Path) -> Self {
        self.only = Some(TrustedCheckout::new(sha, root));
        self
    }

    /// Whether a path may be read; returns it as it was written. It need not exist.
    ///
    /// # Errors
    /// Usage: it is empty, contains a NUL byte, leads out of the workspace, or to credentials.
    pub fn resolve(&self, path: &str) -> Result<PathBuf, Failure> {
        let path = sane(path)?;
        self.admit(&path)?;
        Ok(path)
    }

    /// Opens a file or folder to be read, as somebody wrote it.
    ///
    /// # Errors
    /// The outer one ends the run, as [`Workspace::resolve`]; the inner one is what the system says of the file.
    pub fn open(&self, path: &str) -> Result<io::Result<InputFile>, Failure> {
        self.open_path(&sane(path)?)
    }

    /// The same of a path that was found, not written by somebody: a symlink in a folder can lead anywhere.
    ///
    /// # Errors
    /// As [`Workspace::open`].
    pub fn open_path(&self, path: &Path) -> Result<io::Result<InputFile>, Failure> {
        let Some(real) = self.admitted(path)? else {
            let open = || {
                let file = openat(CWD, path, input::READING, Mode::empty())?;
                let real = path.canonicalize().unwrap_or_else(|_| path.to_owned());
                InputFile::new(path, real, File::from(file))
            };
            return Ok(open());
        };
        Ok(self.open_real(path, real))
    }

    /// Opens a path that was admitted, and that has no symlinks any more.
    fn open_real(&self, path: &Path, real: PathBuf) -> io::Result<InputFile> {
        let root = self.bounds.as_ref().and_then(|bounds| bounds.holding(&real));
        let is_bounded = root.is_some();
        let file = match root {
            Some((root, below)) => root.open_beneath(below, input::READING)?,
            None => openat(CWD, &real, input::READING, Mode::empty())?,
        };
        let file = InputFile::new(path, real, File::from(file))?;
        if is_bounded && !file.is_regular() && !file.is_folder() {
            return Err(io::Error::new(ErrorKind::InvalidInput, "it is neither a file nor a folder"));
        }
        Ok(file)
    }

    /// Opens a file again that was opened before.
    ///
    /// # Errors
    /// It is gone, or somebody put something else in its place.
    pub fn reopen(&self, path: &Path, real: &Path, identity: Identity) -> io::Result<File> {
        let file = match &self.bounds {
            // It was admitted, and its path has had no symlinks since: else it is not opened.
            Some(_) => self.open_real(path, real.to_owned())?,
            None => {
                InputFile::new(path, real.to_owned(), File::from(openat(CWD, real, input::READING, Mode::empty())?))?
            }
        };
        if file.identity() == identity {
            Ok(file.into_file())
        } else {
            Err(io::Error::other("it changed while it was read"))
        }
    }

    /// Opens, and creates where it is missing, a folder to be written to.
    ///
    /// # Errors
    /// The outer one ends the run, as [`Workspace::resolve`]; also a path that leads out of the workspace itself or through
    /// a symlink in it. The inner one is what the system says of the folder.
    pub fn output_folder(&self, path: &str) -> Result<io::Result<OutputFolder>, Failure> {
        let path = self.resolve_for_writing(path)?;
        Ok(self.output_folder_at(&path))
    }

    fn output_folder_at(&self, path: &Path) -> io::Result<OutputFolder> {
        let Some(bounds) = &self.bounds else { return OutputFolder::anywhere(path) };
        let real = real(path).map_err(|failure| io::Error::other(failure.to_string()))?;
        let below = real.strip_prefix(&bounds.root.path).map_err(|_| io::Error::from(ErrorKind::PermissionDenied))?;
        OutputFolder::beneath(path, &bounds.root, below)
    }

    /// A file to be written, in its folder, which is created where it is missing.
    ///
    /// # Errors
    /// As [`Workspace::output_folder`].
    pub fn output_file(&self, path: &str) -> Result<io::Result<OutputFile>, Failure> {
        let path = self.resolve_for_writing(path)?;
        let Some(name) = path.file_name().map(|name| name.to_string_lossy().into_owned()) else {
            return Err(Failure::usage(Problem::new(format!("{} is not the name of a file", shown(&path)))));
        };
        // The parent of a bare file name is empty, which is no path.
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let folder = self.output_folder_at(parent);
        Ok(folder.map(|folder| OutputFile { folder, name }))
    }

    /// A path to be written, as it was written. It need not exist.
    ///
    /// # Errors
    /// Usage: as [`Workspace::resolve`]; also one that leads out of the workspace itself or through a
    /// symlink in it.
    pub fn resolve_for_writing(&self, path: &str) -> Result<PathBuf, Failure> {
        let path = sane(path)?;
        let Some(bounds) = &self.bounds else { return Ok(path) };
        let real = real(&path)?;
        let Ok(below) = real.strip_prefix(&bounds.root.path) else {
            return Err(bounds.refuse(&path, "only the workspace is written to"));
        };
        if let Some(part) = credentials::part(below) {
            return Err(keeps_credentials(&path, below, &part, "is never written to"));
        }
        let absolute = std::path::absolute(&path).map_err(|error| unresolved(&path, &error))?;
        let symlink = absolute.ancestors().find(|part| {
            part.is_symlink()
                && part
                    .parent()
                    .and_then(|parent| parent.canonicalize().ok())
                    .is_some_and(|parent| parent.starts_with(&bounds.root.path))
        });
        match symlink {
            None => Ok(path),
            Some(symlink) => {
                let problem =
                    Problem::new(format!("{} would be written through the symlink {}", shown(&path), shown(symlink)))
                        .hint("name a real folder of the workspace");
                Err(Failure::usage(problem))
            }
        }
    }

    /// Whether a path that was found, not written by someone, may be read: a symlink in a folder can
    /// lead anywhere.
    ///
    /// # Errors
    /// Usage: it leads out of the workspace, or to credentials.
    pub fn admit(&self, path: &Path) -> Result<(), Failure> {
        self.admitted(path).map(|_| ())
    }

    /// Where the path leads, if that may be read; `None` where everything may be, and nobody asked.
    fn admitted(&self, path: &Path) -> Result<Option<PathBuf>, Failure> {
        if self.bounds.is_none() && self.only.is_none() {
            return Ok(None);
        }
        let real = real(path)?;
        if let Some(bounds) = &self.bounds {
            let Some((root, below)) = bounds.holding(&real) else {
                return Err(bounds.refuse(path, "the input `data-root` names one more folder that may be read"));
            };
            if let Some(part) = credentials::part(below) {
                return Err(keeps_credentials(path, below, &part, "is never read as data"));
            }
            if root.path != bounds.root.path {
                return Ok(Some(real));
            }
        }
        self.trust(&real)?;
        Ok(Some(real))
    }

    /// Whether the file is of the one checkout that may be read.
    fn trust(&self, real: &Path) -> Result<(), Failure> {
        let Some(only) = &self.only else { return Ok(()) };
        let Err(why) = only.verify(real) else { return Ok(()) };
        let problem = Problem::new(format!(
            "{} is {why}, and this run has secrets: the files of a fork are not read beside them",
            shown(real)
        ));
        Err(Failure::usage(problem.hint(
            "judge pull requests in a workflow on `pull_request`, and let one on `workflow_run` comment \
             (`command: comment`); `allow-untrusted-checkout: true` takes the risk",
        )))
    }
}

impl OutputFile {
    /// Whether there is an earlier one.
    pub fn exists(&self) -> bool {
        self.folder.holds(&self.name)
    }

    /// Removes an earlier one.
    ///
    /// # Errors
    /// It cannot be removed.
    pub fn remove(&self) -> io::Result<()> {
        self.folder.remove(&self.name)
    }

    /// Opens a temporary file beside it.
    ///
    /// # Errors
    /// The folder may not be written.
    pub fn prepare(&self) -> io::Result<PendingFile> {
        self.folder.prepare(&self.name)
    }

    /// Writes all of it, or leaves an earlier one as it was.
    ///
    /// # Errors
    /// The disk is full, or may not be written.
    pub fn write(&self, bytes: &[u8]) -> io::Result<()> {
        self.folder.write(&self.name, bytes)
    }
}

impl Bounds {
    /// The root that a canonical path lies below, and the path from there.
    fn holding<'a>(&self, real: &'a Path) -> Option<(&Root, &'a Path)> {
        let roots = std::iter::once(&self.root).chain(&self.data_root);
        roots.into_iter().find_map(|root| Some((root, real.strip_prefix(&root.path).ok()?)))
    }

    fn refuse(&self, path: &Path, hint: &str) -> Failure {
        let problem = Problem::new(format!("{} leads out of the workspace {}", shown(path), shown(&self.root.path)))
            .hint(format!("in an Action run every path must lie inside the workspace, also after symlinks; {hint}"));
        Failure::usage(problem)
    }
}

fn keeps_credentials(path: &Path, below: &Path, part: &str, rule: &str) -> Failure {
    let leads = if path.ends_with(below) { ":".to_owned() } else { format!(" leads to {}:", shown(below)) };
    Failure::usage(
        Problem::new(format!("{}{leads} {} {rule}", shown(path), code(part)))
            .hint("tools keep credentials there; name another file of the workspace"),
    )
}

fn folder(path: &Path, what: &str) -> Result<Root, Failure> {
    let failed =
        |error: &io::Error| Failure::usage(Problem::new(format!("{what} {} could not be found: {error}", shown(path))));
    match path.canonicalize() {
        Ok(real) if real.is_dir() => Root::open(real).map_err(|error| failed(&error)),
        Ok(_) => Err(Failure::usage(Problem::new(format!("{what} {} is not a folder", shown(path))))),
        Err(error) => Err(failed(&error)),
    }
}

fn sane(path: &str) -> Result<PathBuf, Failure> {
    if path.is_empty() {
        return Err(Failure::usage(Problem::new("a path is empty")));
    }
    if path.contains('\0') {
        return Err(Failure::usage(Problem::new(format!("the path {} holds a NUL byte", code(path)))));
    }
    Ok(PathBuf::from(path))
}

/// Where a path leads: the canonical form of its nearest existing parent, and what is missing below it.
fn real(path: &Path) -> Result<PathBuf, Failure> {
    let absolute = std::path::absolute(path).map_err(|error| unresolved(path, &error))?;
    for existing in absolute.ancestors() {
        match existing.canonicalize() {
            Ok(mut real) => {
                let missing = absolute.strip_prefix(existing).unwrap_or(Path::new(""));
                for part in missing.components() {
                    match part {
                        Component::ParentDir => {
                            real.pop();
                        }
                        part => real.push(part),
                    }
                }
                return Ok(real);
            }
            // What does not exist can be judged by its parent; a symlink to nothing can be filled later.
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                if existing.is_symlink() {
                    let problem = Problem::new(format!("{} is a symlink to nothing", shown(existing)));
                    return Err(Failure::unmeasured(problem));
                }
            }
            Err(error) => return Err(unresolved(path, &error)),
        }
    }
    Ok(absolute)
}

fn unresolved(path: &Path, error: &io::Error) -> Failure {
    Failure::unmeasured(Problem::new(format!("{} could not be resolved: {error}", shown(path))))
}

fn shown(path: &Path) -> String {
    code(&path.to_string_lossy())
}

#[cfg(test)]
mod tests;
