//! What a rollout moves, and the journal beside it: how stable is restored, and how an end is written down.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::driver::{Journey, Moment, now};
use super::journal::{Entry, Journal};
use super::levers::{FLAG, Levers, Pulled, REGISTRY, TRAFFIC};
use super::version_source::VersionSources;
use super::{Ended, Outcome};
use crate::problem::Problem;

/// From one question after a signal to the next.
const POLL: Duration = Duration::from_millis(50);
/// How long stable's traffic waits for the journal.
const LONGEST_INTENTION: Duration = Duration::from_secs(2);
/// Between two tries of what could not be restored.
const SHORTEST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// Everything that can be moved, and where that is written down.
pub struct Controls {
    pub levers: Levers,
    pub journal: Journal,
    pub versions: VersionSources,
    /// Set by a signal.
    pub stop: Arc<AtomicBool>,
}

/// What is being ended, and what was seen of it.
pub struct Ending {
    pub entry: Entry,
    pub ended: Ended,
    pub timeline: Vec<Moment>,
    pub problems: Vec<Problem>,
    /// Until when what could not be restored is tried again, in seconds since 1970.
    pub retry_until: f64,
}

impl Controls {
    pub fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }

    pub async fn stopped(&self) {
        while !self.is_stopped() {
            tokio::time::sleep(POLL).await;
        }
    }

    /// Restores stable, and writes down that it is done.
    pub async fn restore(&self, mut ending: Ending) -> Journey {
        (ending.entry.is_settled, ending.entry.is_left, ending.entry.next_look_by) = (false, false, None);
        ending.entry.state.ended = Some(ending.ended.clone());
        let entry = ending.entry.clone();
        let intention = async {
            // Whether it can be written is said at the end.
            let _ = Box::pin(self.journal.overwrite(&entry)).await;
            entry.clone()
        };
        Box::pin(self.restore_after(intention, ending)).await
    }

    /// Restores stable after the intention was written down, for which its traffic waits two seconds at most; then flag and
    /// registry by the entry that the intention ends with, then the journal.
    pub async fn restore_after(&self, intention: impl Future<Output = Entry>, ending: Ending) -> Journey {
        let Ending { ended, timeline, mut problems, retry_until, .. } = ending;
        let mut intention = std::pin::pin!(intention);
        let early = tokio::time::timeout(LONGEST_INTENTION, &mut intention).await;
        let traffic = async { self.levers.restore(TRAFFIC, &ending.entry).await };
        let (mut entry, traffic) = match early {
            Ok(entry) => (entry, traffic.await),
            Err(_) => tokio::join!(intention, traffic),
        };
        let mut restored = vec![traffic];
        // A shadow that did well leaves registry and flag as they are.
        if ended.outcome != Outcome::Held {
            let flag =
                async { if entry.state.keeps_flag { None } else { Some(self.levers.restore(FLAG, &entry).await) } };
            let (registry, flag) = tokio::join!(self.levers.restore(REGISTRY, &entry), flag);
            restored.extend([Some(registry), flag].into_iter().flatten());
        }
        let mut levers: Vec<Pulled> = restored.into_iter().flatten().collect();
        self.restore_again(&mut entry, &mut levers, retry_until).await;
        levers.extend(self.levers.unopened.iter().cloned());
        entry.is_settled = levers.iter().all(|pulled| pulled.is_done);
        entry.is_left = !entry.is_settled;
        let undone = levers.iter().filter(|pulled| !pulled.is_done);
        problems.extend(undone.map(|pulled| {
            Problem::new(format!("{} could not be restored: {}", pulled.lever, pulled.said))
                .hint("`mlgate rollback` tries again")
        }));
        if let Err(problem) = Box::pin(self.settle(&mut entry)).await {
            entry.is_settled = false;
            problems.push(unwritten(problem));
        }
        self.journey(Ending { entry, ended, timeline, problems, retry_until }, levers).await
    }

    /// Tries again what could not be restored, with growing pauses, until it is done, the time is over, or a signal comes.
    async fn restore_again(&self, entry: &mut Entry, levers: &mut [Pulled], until: f64) {
        let mut pause = SHORTEST_PAUSE;
        while levers.iter().any(Pulled::may_be_retried) && now() < until && !self.is_stopped() {
            tokio::select! {
                () = self.stopped() => return,
                () = tokio::time::sleep(pause) => pause = (pause * 2).min(LONGEST_PAUSE),
            }
            for pulled in levers.iter_mut().filter(|pulled| pulled.may_be_retried()) {
                if let Some(again) = self.levers.restore(pulled.lever, entry).await {
                    *pulled = again;
                }
            }
            // A sign of life: nobody else needs to do it.
            entry.heartbeat_at = now();
            let _ = Box::pin(self.journal.overwrite(entry)).await;
        }
    }

    /// Writes the end down, with some patience: what is done and not written looks undone.
    ///
    /// # Errors
    /// It cannot be written.
    pub async fn settle(&self, entry: &mut Entry) -> Result<(), Problem> {
        entry.heartbeat_at = now();
        entry.next_look_by = None;
        let mut written = self.journal.overwrite(entry).await;
        for _ in 0..2 {
            if written.is_ok() || self.is_stopped() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
            written = self.journal.overwrite(entry).await;
        }
        written
    }

    /// What came of it, with the weight that the router shows now.
    pub async fn journey(&self, ending: Ending, levers: Vec<Pulled>) -> Journey {
        let Ending { entry, ended, timeline, problems, .. } = ending;
        let weight = self.levers.weight().await;
        Journey { entry, ended, timeline, levers, weight, problems }
    }
}

/// An end that is not written down looks undone to whoever comes next.
fn unwritten(problem: Problem) -> Problem {
    let said = "the journal could not be closed";
    Problem { message: format!("{said}: {}", problem.message), ..problem }
}
