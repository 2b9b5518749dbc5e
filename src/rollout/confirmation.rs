//! The model is read again and its promotion prepared, beside the evaluations, which go on.
#![expect(clippy::disallowed_methods, reason = "edge: the time between two tries")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;

use super::journal::Entry;
use super::registry::Registry;
use crate::support::problem::{Exit, Failure};

/// The longest time between two tries.
const LONGEST_PAUSE: Duration = Duration::from_secs(15);
const SHORTEST_PAUSE: Duration = Duration::from_millis(250);

/// What is known of the candidate's model.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Confirmation {
    /// Not read yet.
    #[default]
    Open,
    /// It is being read.
    Pending,
    /// It is the one that was judged, or there is no registry that could say.
    Confirmed,
    /// The registry does not answer; why.
    Unknown(String),
    /// It is not the one that was judged; why.
    Refused(String),
}

/// The reading of the model, and what came of it.
#[derive(Default)]
pub struct Confirming {
    task: Option<JoinHandle<Result<(), Failure>>>,
    found: Confirmation,
    tries: u32,
    not_before: Option<Instant>,
}

impl Confirming {
    /// Returns what is known by now.
    pub async fn state(&mut self) -> Confirmation {
        if self.task.as_ref().is_some_and(JoinHandle::is_finished)
            && let Some(task) = self.task.take()
        {
            match task.await {
                Ok(Ok(())) => self.found = Confirmation::Confirmed,
                Ok(Err(failure)) => self.failed(&failure),
                Err(_) => {
                    self.found = Confirmation::Refused("it could not be read: this is a bug in mlgate".to_owned());
                }
            }
        }
        match &self.found {
            Confirmation::Open if self.task.is_some() => Confirmation::Pending,
            found => found.clone(),
        }
    }

    /// Begins to read, unless it is being read, or the last try is too young.
    pub fn start(&mut self, registry: Option<&Arc<Registry>>, entry: &Entry) {
        let is_early = self.not_before.is_some_and(|time| Instant::now() < time);
        if self.task.is_some() || is_early || matches!(self.found, Confirmation::Confirmed | Confirmation::Refused(_)) {
            return;
        }
        let Some(registry) = registry else {
            self.found = Confirmation::Confirmed;
            return;
        };
        let (registry, entry) = (Arc::clone(registry), entry.clone());
        self.task = Some(tokio::task::spawn(async move {
            registry.confirm(&entry).await?;
            registry.prepare(&entry).await
        }));
    }

    /// Takes a failure, of the reading or of the promotion after it: what is only unknown is tried again later.
    pub fn failed(&mut self, failure: &Failure) {
        let why = failure.problems.first().map(|problem| problem.message.clone()).unwrap_or_default();
        self.found = if failure.exit == Exit::Usage { Confirmation::Refused(why) } else { Confirmation::Unknown(why) };
        let pause = SHORTEST_PAUSE * 2_u32.saturating_pow(self.tries.min(8));
        self.not_before = Some(Instant::now() + pause.min(LONGEST_PAUSE));
        self.tries += 1;
    }

    /// Waits until the reading has ended; for ever where nothing is read.
    pub async fn ended(&self) {
        while !self.task.as_ref().is_some_and(JoinHandle::is_finished) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Confirming {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}
