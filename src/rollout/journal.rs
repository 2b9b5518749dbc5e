//! What was decided, written down before it is done: whoever comes after a crash goes on from here.
#![expect(clippy::disallowed_methods, reason = "edge: reads and writes the journal")]

use std::io::Write;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use super::gated::Vouched;
use super::{Outcome, State, Traffic};
use crate::github::branch::{self, Place};
use crate::mlflow::{Mlflow, Server};
use crate::problem::Problem;
use crate::words::{code, one_line};

/// The key of the tag, where the journal is a registered model's.
const TAG: &str = "mlgate.rollout";
const LARGEST: usize = 100_000;

/// One rollout, as the next process finds it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    pub schema_version: u32,
    pub strategy: String,
    pub name: String,
    pub version: String,
    /// What the alias of production meant before.
    pub previous_version: Option<String>,
    /// What it goes through: a state counts stages of these, and of no others.
    pub stages: Vec<Traffic>,
    /// SHA-256 of the gate's report.
    pub report_sha256: String,
    /// What that report vouches for.
    #[serde(default)]
    pub vouched: Vouched,
    /// Seconds since 1970, as all times here.
    pub started_at: f64,
    /// The last sign of life.
    pub heartbeat_at: f64,
    /// Of a rollout that waits for its next look: until when.
    pub next_look_by: Option<f64>,
    /// Who does it: the page of a workflow run, or a process.
    pub by: String,
    pub state: State,
    /// Whether what the end asks for was done.
    pub is_settled: bool,
}

impl Entry {
    /// Whether the router may still have other weights than those of its end.
    pub fn is_open(&self) -> bool {
        !self.is_settled
    }

    /// Whether it is what users get.
    pub fn is_in_production(&self) -> bool {
        self.is_settled && self.state.ended.as_ref().is_some_and(|ended| ended.outcome == Outcome::Promoted)
    }
}

/// Where it is written, and what stood there when this process last looked: nobody's word is written over unseen.
pub struct Journal {
    place: Kept,
    mark: Mutex<Option<String>>,
}

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
    /// The blob is what the next one replaces.
    Branch {
        place: Place,
        blob: Mutex<Option<String>>,
    },
}

/// Why an entry is not written.
#[derive(Debug)]
pub enum Unwritten {
    /// Somebody else wrote since this process last looked: a person, a watch, another run.
    Taken,
    Problem(Problem),
}

impl From<Problem> for Unwritten {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl Unwritten {
    pub fn problem(self) -> Problem {
        match self {
            Self::Taken => Problem::new("somebody else wrote the journal meanwhile"),
            Self::Problem(problem) => problem,
        }
    }
}

impl Journal {
    pub fn new(place: Kept) -> Self {
        Self { place, mark: Mutex::default() }
    }

    /// What was written last; nothing where nobody wrote.
    ///
    /// # Errors
    /// It cannot be read, or is none.
    pub async fn read(&self) -> Result<Option<Entry>, Problem> {
        let text = self.text().await?;
        self.remember(&text);
        if text.is_empty() {
            return Ok(None);
        }
        let entry: Entry = serde_json::from_str(&text).map_err(|error| {
            self.problem(&format!("is no journal of mlgate's: {}", one_line(&error.to_string())))
                .hint("look at what the router does, then remove it")
        })?;
        if entry.schema_version != 1 {
            return Err(self.problem("was written by a later version of mlgate"));
        }
        Ok(Some(entry))
    }

    /// Replaces what this process last saw, and is not done before it is on the disk, or with the server.
    ///
    /// # Errors
    /// Somebody else wrote meanwhile, or it cannot be written.
    pub async fn write(&self, entry: &Entry) -> Result<(), Unwritten> {
        let text =
            serde_json::to_string(entry).map_err(|error| self.problem(&format!("cannot be written: {error}")))?;
        if text.len() > LARGEST {
            return Err(self.problem("would be too large").into());
        }
        let mark = self.mark.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let is_taken = |now: &str| mark.as_ref().is_some_and(|mark| mark != now);
        match &self.place {
            Kept::Branch { place, blob } => {
                let before = blob.lock().unwrap_or_else(PoisonError::into_inner).clone();
                match branch::write(place, &text, before.as_deref()).await {
                    Ok(written) => *blob.lock().unwrap_or_else(PoisonError::into_inner) = Some(written),
                    Err(problem) => {
                        return Err(match self.text().await {
                            Ok(now) if is_taken(&now) => Unwritten::Taken,
                            _ => problem.into(),
                        });
                    }
                }
            }
            Kept::File { .. } | Kept::Mlflow { .. } if is_taken(&self.text().await?) => return Err(Unwritten::Taken),
            Kept::File { path, .. } => {
                let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
                let folder = folder.map_or_else(|| PathBuf::from("."), ToOwned::to_owned);
                let written = std::fs::create_dir_all(&folder).and_then(|()| {
                    let mut file = tempfile::Builder::new().prefix(".mlgate-").tempfile_in(&folder)?;
                    file.write_all(text.as_bytes())?;
                    file.as_file().sync_all()?;
                    file.persist(path).map_err(|error| error.error)
                });
                written.map_err(|error| self.problem(&format!("could not be written: {error}")))?;
            }
            Kept::Mlflow { server, name } => {
                let mlflow = Mlflow::connect(server).await?;
                let tagged = mlflow.tag_model(name, TAG, &text).await;
                tagged.map_err(|wrong| wrong.problem("the journal could not be written"))?;
            }
        }
        self.remember(&text);
        Ok(())
    }

    /// As [`Journal::write`], over whatever stands there by now: a person's word, or a watch's.
    ///
    /// # Errors
    /// It cannot be written.
    pub async fn overwrite(&self, entry: &Entry) -> Result<(), Problem> {
        for _ in 0..4 {
            match self.write(entry).await {
                Ok(()) => return Ok(()),
                Err(Unwritten::Taken) => {
                    let now = self.text().await?;
                    self.remember(&now);
                }
                Err(Unwritten::Problem(problem)) => return Err(problem),
            }
        }
        Err(Unwritten::Taken.problem())
    }

    /// The text that stands there; empty where there is none.
    async fn text(&self) -> Result<String, Problem> {
        match &self.place {
            Kept::File { path, .. } => match std::fs::read_to_string(path) {
                Ok(text) => Ok(text),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(String::new()),
                Err(error) => Err(self.problem(&format!("could not be read: {error}"))),
            },
            Kept::Branch { place, blob } => Ok(match branch::read(place).await? {
                Some(found) => {
                    *blob.lock().unwrap_or_else(PoisonError::into_inner) = Some(found.blob);
                    found.text
                }
                None => String::new(),
            }),
            Kept::Mlflow { server, name } => {
                let mlflow = Mlflow::connect(server).await?;
                let tag = mlflow.model_tag(name, TAG).await;
                Ok(tag.map_err(|wrong| wrong.problem("the journal could not be read"))?.unwrap_or_default())
            }
        }
    }

    fn remember(&self, text: &str) {
        *self.mark.lock().unwrap_or_else(PoisonError::into_inner) = Some(text.to_owned());
    }

    /// How long a look that moves nothing need not be written: each is a commit there.
    pub fn patience(&self, heartbeat_seconds: f64) -> f64 {
        match &self.place {
            Kept::Branch { .. } => heartbeat_seconds / 3.0,
            Kept::File { .. } | Kept::Mlflow { .. } => 0.0,
        }
    }

    fn problem(&self, what: &str) -> Problem {
        match &self.place {
            Kept::Branch { place, .. } => {
                Problem::new(format!("the journal {} on the branch {} {what}", code(&place.path), code(&place.branch)))
            }
            Kept::File { shown, .. } => Problem::new(format!("the journal {} {what}", code(shown))),
            Kept::Mlflow { name, .. } => {
                Problem::new(format!("the journal, the tag {} of the model {}, {what}", code(TAG), code(name)))
            }
        }
    }
}
