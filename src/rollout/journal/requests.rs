//! Requests of people among a rollout's own writes: what differs from them by its requests alone is no takeover.

use std::sync::PoisonError;
use std::time::Duration;

use serde_json::Value;

use super::envelope::{PARENT, SEQUENCE, SIGNATURE};
use super::{Entry, Journal, Stored, Unwritten};
use crate::rollout::request::Request;

/// An entry's field of that name.
const REQUESTS: &str = "requests";
/// How long an evaluation waits for what stands there.
const LONGEST_CHECK: Duration = Duration::from_secs(2);

impl Entry {
    /// The entry with what people have asked for by now, but for what was taken up before.
    #[must_use]
    pub fn asked(self, requests: Vec<Request>) -> Self {
        let requests = requests.into_iter().filter(|request| !self.interventions.contains(request)).collect();
        Self { requests, ..self }
    }
}

impl Journal {
    /// As [`Journal::write`], of an entry that takes nothing up: what people asked for meanwhile waits in it for the next run.
    ///
    /// # Errors
    /// Somebody else wrote meanwhile, or it cannot be written.
    pub async fn write_beside_requests(&self, entry: &mut Entry) -> Result<(), Unwritten> {
        loop {
            match self.write(entry).await {
                Err(Unwritten::Taken) => match self.requests().await {
                    Some(requests) => *entry = entry.clone().asked(requests),
                    None => return Err(Unwritten::Taken),
                },
                written => return written,
            }
        }
    }

    /// Whether what this process wrote still stands there. What is not read in time, or not there, is for the next write to
    /// find: evaluations do not wait for it.
    ///
    /// # Errors
    /// Another text stands there.
    pub async fn is_unchanged(&self) -> Result<(), Unwritten> {
        let mark = self.mark();
        let Ok(Ok(now)) = tokio::time::timeout(LONGEST_CHECK, self.place.text()).await else { return Ok(()) };
        // A server that is a write behind is no other hand.
        let is_own = [mark.text, mark.before].into_iter().flatten().any(|own| own == now);
        if is_own || now.is_empty() { Ok(()) } else { Err(Unwritten::Taken) }
    }

    /// Returns the requests that stand in an entry which is, but for them, one of the last two that this process wrote; none
    /// of any other entry. The last but one: where a store has no compare-and-swap, a request may be written over the entry
    /// that its writer had read.
    pub async fn requests(&self) -> Option<Vec<Request>> {
        let mark = self.mark();
        let own: Vec<Value> = [&mark.text, &mark.before].into_iter().flatten().filter_map(|text| bare(text)).collect();
        let Ok(Stored::Entry(entry, _)) = self.read().await else { return None };
        let found = bare(&self.mark().text?)?;
        if !own.contains(&found) {
            return None;
        }
        self.mark.lock().unwrap_or_else(PoisonError::into_inner).before = mark.text;
        Some(entry.requests)
    }
}

/// An entry without its requests, and without what its envelope adds.
fn bare(text: &str) -> Option<Value> {
    let mut value: Value = serde_json::from_str(text).ok()?;
    let entry = value.as_object_mut()?;
    for key in [REQUESTS, SEQUENCE, PARENT, SIGNATURE] {
        entry.shift_remove(key);
    }
    Some(value)
}
