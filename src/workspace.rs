//! Which paths a run may touch: on a command line any, in an Action only those inside its workspace.
//!
//! A config or a table can come from a pull request, so a path is judged by where it leads after
//! symlinks, never by how it is written.
#![expect(clippy::disallowed_methods, reason = "edge: asks the file system where paths lead")]

mod checkout;

use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};

use crate::problem::{Failure, Problem};
use crate::words::code;

#[derive(Debug, Clone)]
pub struct Workspace {
    /// Canonical; none on a command line.
    bounds: Option<Bounds>,
    /// The only commit that may be read, where a fork's could lie beside secrets.
    only: Option<String>,
}

#[derive(Debug, Clone)]
struct Bounds {
    root: PathBuf,
    data_root: Option<PathBuf>,
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

    /// The same, and what is read must be checked out of this commit.
    #[must_use]
    pub fn only_commit(mut self, sha: &str) -> Self {
        self.only = Some(sha.to_ascii_lowercase());
        self
    }

    /// A path to be read, as it was written. It need not exist.
    ///
    /// # Errors
    /// Usage: it is empty, holds a NUL byte, or leads out of the workspace.
    pub fn resolve(&self, path: &str) -> Result<PathBuf, Failure> {
        let path = sane(path)?;
        self.admit(&path)?;
        Ok(path)
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
        if !real.starts_with(&bounds.root) {
            return Err(bounds.refuse(&path, "only the workspace is written to"));
        }
        let absolute = std::path::absolute(&path).map_err(|error| unresolved(&path, &error))?;
        let symlink = absolute.ancestors().find(|part| {
            part.is_symlink()
                && part
                    .parent()
                    .and_then(|parent| parent.canonicalize().ok())
                    .is_some_and(|parent| parent.starts_with(&bounds.root))
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
    /// Usage: it leads out of the workspace.
    pub fn admit(&self, path: &Path) -> Result<(), Failure> {
        if self.bounds.is_none() && self.only.is_none() {
            return Ok(());
        }
        let real = real(path)?;
        if let Some(bounds) = self.bounds.as_ref().filter(|bounds| !real.starts_with(&bounds.root)) {
            let is_beside = bounds.data_root.as_ref().is_some_and(|root| real.starts_with(root));
            let refuse = || bounds.refuse(path, "the input `data-root` names one more folder that may be read");
            return if is_beside { Ok(()) } else { Err(refuse()) };
        }
        self.trust(&real)
    }

    /// Whether the file is of the one commit that may be read.
    fn trust(&self, real: &Path) -> Result<(), Failure> {
        let Some(only) = &self.only else { return Ok(()) };
        let found = checkout::commit_of(real);
        if found.as_ref() == Some(only) {
            return Ok(());
        }
        let of = found.map_or("no checkout that can be told".to_owned(), |sha| format!("commit {}", code(&sha)));
        let problem = Problem::new(format!(
            "{} is of {of}, and this run has secrets that a fork's files must not meet",
            shown(real)
        ));
        Err(Failure::usage(problem.hint(
            "judge pull requests in a workflow on `pull_request`, and let one on `workflow_run` comment \
             (`command: comment`); `allow-untrusted-checkout: true` takes the risk",
        )))
    }
}

impl Bounds {
    fn refuse(&self, path: &Path, hint: &str) -> Failure {
        let problem = Problem::new(format!("{} leads out of the workspace {}", shown(path), shown(&self.root)))
            .hint(format!("in an Action run every path must lie inside the workspace, also after symlinks; {hint}"));
        Failure::usage(problem)
    }
}

fn folder(path: &Path, what: &str) -> Result<PathBuf, Failure> {
    match path.canonicalize() {
        Ok(real) if real.is_dir() => Ok(real),
        Ok(_) => Err(Failure::usage(Problem::new(format!("{what} {} is not a folder", shown(path))))),
        Err(error) => Err(Failure::usage(Problem::new(format!("{what} {} could not be found: {error}", shown(path))))),
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

fn unresolved(path: &Path, error: &std::io::Error) -> Failure {
    Failure::unmeasured(Problem::new(format!("{} could not be resolved: {error}", shown(path))))
}

fn shown(path: &Path) -> String {
    code(&path.to_string_lossy())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use tempfile::TempDir;

    use super::*;
    use crate::problem::Exit;

    struct World {
        all: TempDir,
        workspace: Workspace,
    }

    fn world() -> World {
        let all = TempDir::new().unwrap();
        let at = |name: &str| all.path().join(name);
        for folder in ["work/data", "lake", "secret"] {
            fs::create_dir_all(at(folder)).unwrap();
        }
        for file in ["work/data/a.csv", "lake/b.csv", "secret/c.csv"] {
            fs::write(at(file), "x\n").unwrap();
        }
        symlink("../secret", at("work/out")).unwrap();
        symlink("data", at("work/in")).unwrap();
        symlink("../lake", at("work/lake")).unwrap();
        symlink("loop", at("work/loop")).unwrap();
        symlink("../secret/new", at("work/dangling")).unwrap();
        symlink("work", at("entry")).unwrap();
        let workspace = Workspace::action(&at("entry"), Some(&at("lake"))).unwrap();
        World { all, workspace }
    }

    fn check(read: &[(&str, Option<Exit>)], write: &[(&str, Option<Exit>)]) {
        let world = world();
        let at = |path: &str| world.all.path().join(path).to_string_lossy().into_owned();
        for (path, wanted) in read {
            assert_eq!(world.workspace.resolve(&at(path)).err().map(|failure| failure.exit), *wanted, "read {path}");
        }
        for (path, wanted) in write {
            let written = world.workspace.resolve_for_writing(&at(path));
            assert_eq!(written.err().map(|failure| failure.exit), *wanted, "write {path}");
        }
    }

    #[test]
    fn a_path_is_judged_by_where_it_leads() {
        let (usage, world) = (Some(Exit::Usage), Some(Exit::Unmeasured));
        check(
            &[
                ("work/data/a.csv", None),
                ("entry/data/a.csv", None),
                ("work/../work/data/a.csv", None),
                ("work/in/a.csv", None),
                ("work/missing/x.csv", None),
                ("lake/b.csv", None),
                ("work/lake/b.csv", None),
                ("secret/c.csv", usage),
                ("work/../secret/c.csv", usage),
                ("work/missing/../../secret/c.csv", usage),
                ("work/out/c.csv", usage),
                ("work/out/missing.csv", usage),
                ("work/data/a.csv/x", None),
                ("works/a.csv", usage),
                ("work/loop", world),
                ("work/dangling", world),
            ],
            &[
                ("work/report", None),
                ("entry/report/deep", None),
                ("work/data/a.csv", None),
                ("work/in/report", usage),
                ("work/out/report", usage),
                ("work/lake/report", usage),
                ("lake/report", usage),
                ("secret/report", usage),
                ("work/dangling", world),
            ],
        );
    }

    #[test]
    fn a_refusal_names_the_workspace() {
        let world = world();
        let root = world.all.path().canonicalize().unwrap().join("work");
        let failure = world.workspace.resolve("/etc/passwd").unwrap_err();
        assert!(failure.to_string().contains(&*root.to_string_lossy()), "{failure}");
    }

    #[test]
    fn a_path_that_cannot_be_one_is_usage() {
        for workspace in [Workspace::command_line(), world().workspace] {
            for path in ["", "a\0b"] {
                assert_eq!(workspace.resolve(path).unwrap_err().exit, Exit::Usage);
                assert_eq!(workspace.resolve_for_writing(path).unwrap_err().exit, Exit::Usage);
            }
        }
    }

    #[test]
    fn on_a_command_line_any_path_is_allowed() {
        assert_eq!(Workspace::command_line().resolve("/etc/../x").unwrap(), Path::new("/etc/../x"));
    }

    #[test]
    fn a_workspace_must_be_a_folder() {
        assert_eq!(Workspace::action(Path::new("/nowhere"), None).unwrap_err().exit, Exit::Usage);
        assert_eq!(Workspace::action(Path::new("/"), Some(Path::new("/etc/passwd"))).unwrap_err().exit, Exit::Usage);
    }
}
