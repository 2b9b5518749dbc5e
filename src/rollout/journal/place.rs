//! Where a journal is kept: a file, a tag of a registered model, a file on a branch.
#![expect(clippy::disallowed_methods, reason = "edge: reads and writes the journal")]

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::integrations::github::branch::{self, Found, Place};
use crate::integrations::mlflow::{Mlflow, Server};
use crate::support::problem::Problem;
use crate::support::words::code;

/// The key of the tag, where the journal is a registered model's.
const TAG: &str = "mlgate.rollout";
/// A tag beside it, set to prove that one may be.
const PREFLIGHT_TAG: &str = "mlgate.preflight";
/// How often a branch that another run writes is read, until its file and its history agree.
const MOST_READS: u32 = 4;
const PAUSE: Duration = Duration::from_millis(500);

/// Stands for what is no text, or too long for one of ours: not nothing, and no entry.
const UNREADABLE: &str = "\0";
const LONGEST: u64 = 1_000_000;

/// Where it is kept.
pub enum Kept {
    File {
        path: PathBuf,
        shown: String,
    },
    Mlflow {
        server: Server,
        name: String,
    },
    Branch {
        place: Place,
        known: Mutex<Known>,
    },
    /// It could not be opened; why. Stable's traffic is restored without it.
    Unavailable(Problem),
}

/// What is known of the file on a branch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Known {
    /// What the next one replaces.
    blob: Option<String>,
    /// The newest commit, on which the next one is made.
    head: Option<String>,
}

/// What a branch's history has of the file.
pub struct History {
    /// The text that the last commit left; empty where it removed the file, or where there is no commit.
    pub text: String,
    /// The one parent of that commit; none of a merge.
    pub parent: Option<String>,
    /// Whether the file was there once.
    pub has_file: bool,
}

impl Kept {
    /// The text that stands there; empty where there is none.
    ///
    /// # Errors
    /// It cannot be read.
    pub async fn text(&self) -> Result<String, Problem> {
        match self {
            Self::File { path, .. } => match bounded(path) {
                Ok(bytes) => Ok(String::from_utf8(bytes).unwrap_or_else(|_| UNREADABLE.to_owned())),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(String::new()),
                Err(error) => Err(self.problem(&format!("could not be read: {error}"))),
            },
            Self::Branch { place, known } => {
                let found = branch::read(place).await?;
                let blob = found.as_ref().map(|found| found.blob.clone());
                *known.lock().unwrap_or_else(PoisonError::into_inner) = Known { blob, head: None };
                Ok(text_of(found))
            }
            Self::Mlflow { server, name } => {
                let mlflow = Mlflow::connect(server).await?;
                let tag = mlflow.model_tag(name, TAG).await;
                Ok(tag.map_err(|wrong| wrong.problem("the journal could not be read"))?.unwrap_or_default())
            }
            Self::Unavailable(why) => Err(why.clone()),
        }
    }

    /// The commit that the next text will be made on; none where there are no commits.
    ///
    /// # Errors
    /// No answer.
    pub async fn head(&self) -> Result<Option<String>, Problem> {
        let Self::Branch { place, known } = self else { return Ok(None) };
        if let Some(head) = known.lock().unwrap_or_else(PoisonError::into_inner).head.clone() {
            return Ok(Some(head));
        }
        let head = branch::head(place).await?.unwrap_or_else(|| place.from.clone());
        known.lock().unwrap_or_else(PoisonError::into_inner).head = Some(head.clone());
        Ok(Some(head))
    }

    /// Replaces the text; returns the commit that it was made on, where there are commits.
    ///
    /// # Errors
    /// It cannot be written, or somebody else wrote meanwhile.
    pub async fn put(&self, text: &str) -> Result<Option<String>, Problem> {
        match self {
            Self::Branch { place, known } => {
                let before = known.lock().unwrap_or_else(PoisonError::into_inner).blob.clone();
                let mut written = branch::write(place, text, before.as_deref()).await?;
                *known.lock().unwrap_or_else(PoisonError::into_inner) =
                    Known { blob: Some(written.blob), head: Some(written.commit) };
                Ok(written.parents.pop())
            }
            Self::File { path, .. } => {
                let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
                let folder = folder.map_or_else(|| PathBuf::from("."), ToOwned::to_owned);
                let written = std::fs::create_dir_all(&folder).and_then(|()| {
                    let mut file = tempfile::Builder::new().prefix(".mlgate-").tempfile_in(&folder)?;
                    file.write_all(text.as_bytes())?;
                    file.as_file().sync_all()?;
                    file.persist(path).map_err(|error| error.error)
                });
                written.map_err(|error| self.problem(&format!("could not be written: {error}")))?;
                Ok(None)
            }
            Self::Mlflow { server, name } => {
                let mlflow = Mlflow::connect(server).await?;
                let tagged = mlflow.tag_model(name, TAG, text).await;
                tagged.map_err(|wrong| wrong.problem("the journal could not be written"))?;
                Ok(None)
            }
            Self::Unavailable(why) => Err(why.clone()),
        }
    }

    /// Proves that it may be written, and leaves what stands there as it is.
    ///
    /// # Errors
    /// It may not.
    pub async fn prove_writable(&self) -> Result<String, Problem> {
        match self {
            Self::Unavailable(problem) => Err(problem.clone()),
            Self::File { path, .. } => {
                let there = path.ancestors().skip(1).find(|folder| folder.is_dir());
                let folder = there.map_or_else(|| PathBuf::from("."), ToOwned::to_owned);
                if path.is_dir() {
                    return Err(self.problem("is a folder"));
                }
                let tried = tempfile::Builder::new().prefix(".mlgate-").tempfile_in(&folder);
                tried.map_err(|error| self.problem(&format!("could not be written: {error}")))?;
                Ok("may be written".to_owned())
            }
            Self::Mlflow { server, name } => {
                let mlflow = Mlflow::connect(server).await?;
                let tagged = mlflow.tag_model(name, PREFLIGHT_TAG, "ok").await;
                tagged.map_err(|wrong| wrong.problem("the journal could not be written"))?;
                Ok("may be written".to_owned())
            }
            // A try would be a commit, and the first entry is one before anything moves.
            Self::Branch { place, .. } => {
                branch::head(place).await?;
                Ok(format!(
                    "the branch {} answers; its first entry is written before anything moves",
                    code(&place.branch)
                ))
            }
        }
    }

    /// The text that stands there and the commit that it was made on, by the history of a branch; nothing where no history
    /// is kept.
    ///
    /// # Errors
    /// File and history do not agree, or no answer.
    pub async fn history(&self) -> Result<Option<History>, Problem> {
        let Self::Branch { place, .. } = self else { return Ok(None) };
        for _ in 0..MOST_READS {
            let change = branch::last_change(place).await?;
            let has_file = change.is_some();
            let (commit, parents, found) = match change {
                Some(change) => (change.commit, change.parents, change.found),
                None => (String::new(), Vec::new(), None),
            };
            let text = text_of(found);
            if text == self.text().await? {
                let is_linear = !text.is_empty() && branch::is_linear_to(place, &commit).await?;
                let parent = match parents.as_slice() {
                    [parent] if is_linear => Some(parent.clone()),
                    _ => None,
                };
                return Ok(Some(History { text, parent, has_file }));
            }
            // Another run wrote in between, or the history is not up to date yet.
            tokio::time::sleep(PAUSE).await;
        }
        Err(self.problem("and the history of its branch do not agree"))
    }

    /// Which journal it is, as its entries are signed for.
    pub fn identity(&self) -> String {
        match self {
            Self::Branch { place, .. } => {
                format!("branch {} {} {}", place.repository.name.to_ascii_lowercase(), place.branch, place.path)
            }
            Self::File { .. } => "file".to_owned(),
            Self::Mlflow { name, .. } => format!("mlflow {name}"),
            Self::Unavailable(_) => String::new(),
        }
    }

    pub fn is_branch(&self) -> bool {
        matches!(self, Self::Branch { .. })
    }

    pub fn problem(&self, what: &str) -> Problem {
        match self {
            Self::Branch { place, .. } => {
                Problem::new(format!("the journal {} on the branch {} {what}", code(&place.path), code(&place.branch)))
            }
            Self::File { shown, .. } => Problem::new(format!("the journal {} {what}", code(shown))),
            Self::Mlflow { name, .. } => {
                Problem::new(format!("the journal, the tag {} of the model {}, {what}", code(TAG), code(name)))
            }
            Self::Unavailable(_) => Problem::new(format!("the journal {what}")),
        }
    }
}

fn text_of(found: Option<Found>) -> String {
    found.map_or_else(String::new, |found| found.text.unwrap_or_else(|| UNREADABLE.to_owned()))
}

fn bounded(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(LONGEST).read_to_end(&mut bytes)?;
    Ok(bytes)
}
