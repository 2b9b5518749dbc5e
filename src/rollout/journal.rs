//! What was decided, written down before it is done: whoever comes after a crash goes on from here.

mod envelope;
mod place;
mod requests;

use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use self::envelope::Proof;
use self::envelope::{Position, Unproven};
use self::place::History;
pub use self::place::Kept;
use super::gated::Vouched;
use super::request::Request;
use super::{Outcome, SlotOrder, Slots, State, Traffic};
use crate::support::problem::{Failure, Problem};
use crate::support::signature::SigningKeys;
use crate::support::words::one_line;

const LARGEST: usize = 100_000;
/// How often a text is signed anew for the commit that it is made on.
const MOST_WRITES: u32 = 5;

/// One rollout, as the next process finds it.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own, by its name in what is stored")]
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
    /// Whether this process read `previous_version` in the registry, or a person named it. What only a journal says is
    /// held against the registry before an alias is moved.
    #[serde(skip)]
    pub is_previous_known: bool,
    /// Whether the process that ended it ended itself with something undone: `watch` tries again at once.
    #[serde(default)]
    pub is_left: bool,
    #[serde(default)]
    pub flag: FlagRecord,
    /// The slot of the router that is stable's; the one that the config names `stable` without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stable_slot: Option<String>,
    /// What that name comes to by the config.
    #[serde(skip)]
    pub order: SlotOrder,
    /// Whether there was no model before: there is none to restore.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_first: bool,
    /// What people asked for, and the process that carries it on has not taken up yet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub requests: Vec<Request>,
    /// What it took up, in order: who, when and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub interventions: Vec<Request>,
}

/// What is known of the flag, so that a promotion can turn it back on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlagRecord {
    /// What it was before a rollback turned it off, or may.
    pub before: Option<String>,
    /// Whether a rollback had turned it off when this rollout began: its promotion turns it back.
    pub is_off: bool,
}

impl Entry {
    /// An entry of which nothing is known but the model: what is rolled back without a journal.
    pub fn unknown(strategy: &str, name: &str, by: &str, now: f64) -> Self {
        Self {
            schema_version: 1,
            strategy: strategy.to_owned(),
            name: name.to_owned(),
            version: String::new(),
            previous_version: None,
            stages: Vec::new(),
            report_sha256: String::new(),
            vouched: Vouched::default(),
            started_at: now,
            heartbeat_at: now,
            next_look_by: None,
            by: by.to_owned(),
            state: State::default(),
            is_settled: false,
            is_previous_known: false,
            is_left: false,
            flag: FlagRecord::default(),
            stable_slot: None,
            order: SlotOrder::Configured,
            is_first: false,
            requests: Vec::new(),
            interventions: Vec::new(),
        }
    }

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
    keys: Option<SigningKeys>,
    /// By which an entry's slot is known.
    slots: Slots,
    mark: Mutex<Mark>,
}

/// What this process knows of what is written.
#[derive(Debug, Clone, Default)]
struct Mark {
    text: Option<String>,
    /// The largest that was verified or written.
    sequence: u64,
    /// The text that was verified or written last.
    verified: Option<String>,
    /// The one that this process wrote before its last.
    before: Option<String>,
}

/// What stands in a journal.
#[derive(Debug)]
pub enum Stored {
    Missing,
    Entry(Box<Entry>, Proof),
    /// It was removed or is not to be trusted: not an entry, or not signed.
    Lost(Problem),
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
    pub fn new(place: Kept, keys: Option<SigningKeys>, slots: Slots) -> Self {
        Self { place, keys, slots, mark: Mutex::default() }
    }

    /// Returns what was written last, with its proof.
    ///
    /// # Errors
    /// Usage: it takes a key to verify it, and there is none; it names a slot that the router does not have. Unmeasured: it cannot be read, or a later version of mlgate
    /// wrote it.
    pub async fn read(&self) -> Result<Stored, Failure> {
        let mut text = self.place.text().await.map_err(Failure::unmeasured)?;
        let mut history = None;
        if (self.keys.is_some() || text.is_empty()) && self.mark().verified.as_ref() != Some(&text) {
            // Of a branch, as one commit left it: another run may have written since.
            history = self.place.history().await.map_err(Failure::unmeasured)?;
            if let Some(history) = &history {
                text.clone_from(&history.text);
            }
        }
        let was_there = history.as_ref().is_some_and(|history| history.has_file)
            || self.mark().text.is_some_and(|before| !before.is_empty());
        self.remember(&text);
        if text.is_empty() {
            return Ok(if was_there { self.lost("was removed") } else { Stored::Missing });
        }
        let value = match serde_json::from_str::<Value>(&text) {
            Ok(value) if value.is_object() => value,
            _ => return Ok(self.lost("is not an entry of mlgate's")),
        };
        let proof = match envelope::verify(&value, &self.place.identity(), self.keys.as_ref()) {
            Ok(Proof::Unsigned) if self.place.is_branch() => {
                return Err(self.unverifiable("is not verified without `journal-key`"));
            }
            Ok(proof) => proof,
            Err(Unproven::NoKey) => return Err(self.unverifiable("is signed, and `journal-key` is not set")),
            Err(Unproven::NotSigned) => return Ok(self.lost("is not signed")),
            Err(Unproven::NotValid) => {
                return Ok(self.lost("has a signature that is not valid for `journal-key` and this journal"));
            }
        };
        if proof == Proof::Signed
            && let Some(why) = self.replayed(&text, &envelope::position(&value), history.as_ref())
        {
            return Ok(self.lost(why));
        }
        if value["schema_version"] != 1 {
            return Err(Failure::unmeasured(self.place.problem("was written by a later version of mlgate")));
        }
        match serde_json::from_value::<Entry>(value) {
            Ok(mut entry) => {
                entry.order = self.slots.order(entry.stable_slot.as_deref()).map_err(Failure::usage)?;
                Ok(Stored::Entry(Box::new(entry), proof))
            }
            Err(error) => Ok(self.lost(&format!("is not an entry of mlgate's: {}", one_line(&error.to_string())))),
        }
    }

    /// Returns why a signed text cannot be the newest one: a smaller number than was seen, or another commit than the one
    /// that it was signed for. A commit names all that came before it, so that an entry cannot be put on top of later ones.
    fn replayed(&self, text: &str, position: &Position, history: Option<&History>) -> Option<&'static str> {
        let mut mark = self.mark.lock().unwrap_or_else(PoisonError::into_inner);
        if mark.verified.as_deref() == Some(text) {
            return None;
        }
        if position.sequence < mark.sequence {
            return Some("is an older entry than the one that was read before");
        }
        if history.is_some_and(|history| history.parent.is_none() || history.parent != position.parent) {
            return Some("was not made on the commit that it is signed for: an older entry was put back");
        }
        (mark.sequence, mark.verified) = (position.sequence, Some(text.to_owned()));
        None
    }

    /// Replaces what this process last saw, and is not done before it is on the disk, or with the server.
    ///
    /// # Errors
    /// Somebody else wrote meanwhile, or it cannot be written.
    pub async fn write(&self, entry: &Entry) -> Result<(), Unwritten> {
        for _ in 0..MOST_WRITES {
            if self.write_once(entry).await? {
                return Ok(());
            }
        }
        Err(self.place.problem("shares its branch with journals that are written at the same time").into())
    }

    /// Returns whether it stands where it was signed for: between journals on one branch another commit may come.
    async fn write_once(&self, entry: &Entry) -> Result<bool, Unwritten> {
        let mark = self.mark();
        if self.place.is_branch() && self.keys.is_none() {
            // An entry that is not signed is no entry there: it would only lose the one that stands there.
            let hint = "set the input `journal-key`, or MLGATE_JOURNAL_KEY, and run the command again";
            return Err(self.place.problem("is not written without `journal-key`").hint(hint).into());
        }
        let head = self.place.head().await?;
        let position = Position { sequence: mark.sequence.saturating_add(1), parent: head.clone() };
        let text = envelope::seal(entry, &position, &self.place.identity(), self.keys.as_ref());
        let text = text.map_err(|error| self.place.problem(&format!("cannot be written: {error}")))?;
        if text.len() > LARGEST {
            return Err(self.place.problem("would be too large").into());
        }
        let is_taken = |now: &str| mark.text.as_ref().is_some_and(|mark| mark != now);
        let made_on = if self.place.is_branch() {
            // The blob that it replaces guards it there.
            match self.place.put(&text).await {
                Ok(made_on) => made_on,
                Err(problem) => {
                    return Err(match self.place.text().await {
                        Ok(now) if is_taken(&now) => Unwritten::Taken,
                        _ => problem.into(),
                    });
                }
            }
        } else {
            if is_taken(&self.place.text().await?) {
                return Err(Unwritten::Taken);
            }
            self.place.put(&text).await?
        };
        *self.mark.lock().unwrap_or_else(PoisonError::into_inner) =
            Mark { before: mark.text, text: Some(text.clone()), sequence: position.sequence, verified: Some(text) };
        Ok(made_on == head)
    }

    /// As [`Journal::write`], over whatever stands there by now: a person's word, or a watch's.
    ///
    /// # Errors
    /// It cannot be written.
    pub async fn overwrite(&self, entry: &Entry) -> Result<(), Problem> {
        if self.mark().text.is_none() {
            self.catch_up().await?;
        }
        for _ in 0..4 {
            match self.write(entry).await {
                Ok(()) => return Ok(()),
                Err(Unwritten::Taken) => self.catch_up().await?,
                Err(Unwritten::Problem(problem)) => return Err(problem),
            }
        }
        Err(Unwritten::Taken.problem())
    }

    /// Takes what stands there for what this process saw; a signed one's number, too.
    async fn catch_up(&self) -> Result<(), Problem> {
        let text = self.place.text().await?;
        let value: Value = serde_json::from_str(&text).unwrap_or_default();
        let is_signed = envelope::verify(&value, &self.place.identity(), self.keys.as_ref()) == Ok(Proof::Signed);
        let mut mark = self.mark.lock().unwrap_or_else(PoisonError::into_inner);
        if is_signed {
            mark.sequence = mark.sequence.max(envelope::position(&value).sequence);
        }
        mark.text = Some(text);
        Ok(())
    }

    fn mark(&self) -> Mark {
        self.mark.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn remember(&self, text: &str) {
        self.mark.lock().unwrap_or_else(PoisonError::into_inner).text = Some(text.to_owned());
    }

    /// Whether a key signs what is written there.
    pub fn is_signed(&self) -> bool {
        self.keys.is_some()
    }

    /// Proves that it may be written, and leaves what stands there as it is.
    ///
    /// # Errors
    /// It may not.
    pub async fn prove_writable(&self) -> Result<String, Problem> {
        self.place.prove_writable().await
    }

    /// How long a look that moves nothing need not be written: each is a commit there.
    pub fn patience(&self, heartbeat_seconds: f64) -> f64 {
        if self.place.is_branch() { heartbeat_seconds / 3.0 } else { 0.0 }
    }

    fn lost(&self, why: &str) -> Stored {
        let hint = "it is not trusted: look at what serves, then end it by `mlgate rollback`, or begin anew by `mlgate rollout` with a \
                    report while stable has all of the traffic";
        Stored::Lost(self.place.problem(why).hint(hint))
    }

    fn unverifiable(&self, why: &str) -> Failure {
        let hint = "set the input `journal-key`, or MLGATE_JOURNAL_KEY, from a secret";
        Failure::usage(self.place.problem(why).hint(hint))
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "edge: tests write files")]
mod tests;
