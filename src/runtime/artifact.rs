//! An artifact on disk: a file, or a folder.
#![expect(clippy::disallowed_methods, reason = "edge: reads files")]

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::onnx::{Artifact, Means};
use crate::integrations::artifact_digest::{ArtifactDigest, ArtifactStore, FolderEntry, of_file, of_folder};
use crate::integrations::http::block_on;
use crate::support::problem::{Failure, Problem};
use crate::support::sha256::hex;
use crate::support::words::code;
use crate::support::workspace::{InputFile, Workspace};

/// How a Git LFS pointer begins, and what to do about one.
const POINTER: &[u8] = b"version https://git-lfs.github.com/spec/";
const PULL: &str = "check out with `lfs: true`, or run `git lfs pull`";

/// Returns which other files an ONNX file on disk takes its values from; it is read in a process by these means.
///
/// # Errors
/// It cannot be read, or is not an ONNX file.
pub fn external_data(shown: &str, path: &Path, means: &Means) -> Result<Vec<String>, Problem> {
    let unread = |error: std::io::Error| Problem::new(format!("the model {} could not be read: {error}", code(shown)));
    let opened = Workspace::command_line().open_path(path);
    let opened = opened.map_err(|_| Problem::new("a temporary file may not be read"))?.map_err(unread)?;
    Artifact { shown: shown.to_owned(), path: path.to_owned(), means: means.clone() }.external_data(&opened)
}

/// Returns the digest of a file or folder, as the user wrote its path; an ONNX file is read in a process by these means.
///
/// # Errors
/// The outer one ends the run: a path that leads out of the workspace, or to credentials. The inner one is the artifact's.
pub fn digest(shown: &str, workspace: &Workspace, means: &Means) -> Result<Result<ArtifactDigest, Problem>, Failure> {
    let file = match workspace.open(shown)? {
        Ok(file) => file,
        Err(error) => return Ok(Err(unread(shown, &error).hint("set `model.artifact`, or the input `artifact`"))),
    };
    let artifact = Artifact { shown: shown.to_owned(), path: file.path().to_owned(), means: means.clone() };
    let is_folder = file.is_folder();
    let own = artifact.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let store = LocalStore { artifact, own: (!is_folder).then(|| own.clone()), workspace };
    let work = async { if is_folder { of_folder(&store, "").await } else { of_file(&store, &own).await } };
    match block_on(work).unwrap_or_else(|problem| Err(problem.into())) {
        Ok(digest) => Ok(Ok(digest)),
        Err(LocalError::Model(problem)) => Ok(Err(problem)),
        Err(LocalError::Run(failure)) => Err(failure),
    }
}

/// Why a digest could not be computed.
enum LocalError {
    /// It costs the artifact its verdicts.
    Model(Problem),
    /// It ends the run.
    Run(Failure),
}

impl From<Problem> for LocalError {
    fn from(problem: Problem) -> Self {
        Self::Model(problem)
    }
}

impl From<Failure> for LocalError {
    fn from(failure: Failure) -> Self {
        Self::Run(failure)
    }
}

struct LocalStore<'a> {
    artifact: Artifact,
    /// The name of the one file that it is; none of a folder.
    own: Option<String>,
    workspace: &'a Workspace,
}

impl LocalStore<'_> {
    fn path(&self, name: &str) -> PathBuf {
        if self.own.is_some() { self.artifact.path.clone() } else { self.artifact.path.join(name) }
    }

    fn open(&self, name: &str) -> Result<InputFile, LocalError> {
        let opened = self.workspace.open_path(&self.path(name))?;
        Ok(opened.map_err(|error| unread(&self.artifact.shown, &error))?)
    }

    fn read(&self, file: &mut InputFile) -> Result<ArtifactDigest, LocalError> {
        let shown = code(&self.artifact.shown);
        // A device may never end.
        if !file.is_regular() {
            return Err(Problem::new(format!("the model {shown} is not a file")).into());
        }
        let (digest, head) = read(file.file()).map_err(|error| unread(&self.artifact.shown, &error))?;
        if head.starts_with(POINTER) {
            let is_own = self.own.is_some() && file.path() == self.artifact.path;
            let name = file.path().file_name().unwrap_or_default().to_string_lossy();
            let inner = if is_own { String::new() } else { format!(", its file {},", code(&name)) };
            return Err(Problem::new(format!("the model {shown}{inner} is a Git LFS pointer")).hint(PULL).into());
        }
        Ok(digest)
    }
}

impl ArtifactStore for LocalStore<'_> {
    type Error = LocalError;

    fn name(&self) -> String {
        format!("the model {}", code(&self.artifact.shown))
    }

    async fn list(&self, folder: &str) -> Result<Vec<FolderEntry>, LocalError> {
        let entries = std::fs::read_dir(self.path(folder)).and_then(Iterator::collect::<std::io::Result<Vec<_>>>);
        let mut listed = Vec::new();
        for entry in entries.map_err(|error| unread(&self.artifact.shown, &error))? {
            let file = entry.path();
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            if !is_folder {
                self.workspace.admit(&file)?;
                // A link to a folder could lead round in a circle.
                if file.is_dir() {
                    let link = code(&file.to_string_lossy());
                    let problem = Problem::new(format!("{link} is a link to a folder"));
                    return Err(problem.hint("store the files themselves").into());
                }
            }
            listed.push(FolderEntry { name: entry.file_name().to_string_lossy().into_owned(), is_folder });
        }
        Ok(listed)
    }

    async fn digest(&self, file: &str) -> Result<ArtifactDigest, LocalError> {
        self.read(&mut self.open(file)?)
    }

    async fn external(&self, file: &str) -> Result<ArtifactDigest, LocalError> {
        self.read(&mut self.artifact.admit(file, self.workspace)??)
    }

    async fn onnx(&self, file: &str) -> Result<(ArtifactDigest, Vec<String>), LocalError> {
        let mut opened = self.open(file)?;
        let digest = self.read(&mut opened)?;
        let locations = self.artifact.external_data(&opened)?;
        // The model's process opens it by its name.
        if !opened.is_in_place() {
            return Err(Problem::new(format!("{} changed while it was read", self.name()))
                .hint("let the step that writes it finish first")
                .into());
        }
        Ok((digest, locations))
    }
}

fn unread(shown: &str, error: &std::io::Error) -> Problem {
    Problem::new(format!("the model {} could not be read: {error}", code(shown)))
}

/// The digest of a file, and its first bytes.
fn read(file: &mut File) -> std::io::Result<(ArtifactDigest, Vec<u8>)> {
    let (mut sha, mut bytes, mut head) = (Sha256::new(), 0, Vec::new());
    let mut buffer = vec![0; 1 << 16];
    loop {
        let length = file.read(&mut buffer)?;
        if length == 0 {
            return Ok((ArtifactDigest { bytes, sha256: hex(&sha.finalize()) }, head));
        }
        if head.is_empty() {
            head = buffer[..length.min(64)].to_vec();
        }
        sha.update(&buffer[..length]);
        bytes += length as u64;
    }
}
