//! What a rollout moves, and the journal beside it: how stable is restored, and how an end is written down.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::driver::{Journey, Moment, now};
use super::journal::{Entry, Journal, Proof};
use super::levers::{FLAG, Levers, Pulled, REGISTRY, TRAFFIC};
use super::serving_version::{Variant, VersionCheck};
use super::slots::{SlotEvidence, uncertain};
use super::version_source::{self, VersionSources};
use super::{Ended, Outcome, SlotOrder, Slots, Traffic};
use crate::support::problem::{Failure, Problem};
use crate::support::words::code;

/// From one question after a signal to the next.
const POLL: Duration = Duration::from_millis(50);
/// How long stable's traffic waits for the journal.
pub const LONGEST_INTENTION: Duration = Duration::from_secs(2);
/// How long the alias of production is waited for, to confirm the slots.
const LONGEST_OF_ALIAS: Duration = Duration::from_secs(5);
/// Between two tries of what could not be restored.
const SHORTEST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

/// Everything that can be moved, and where that is written down.
pub struct Controls {
    pub levers: Levers,
    pub journal: Journal,
    pub versions: VersionSources,
    /// The router's.
    pub slots: Slots,
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

impl Ending {
    /// Of an entry whose end was decided, with nothing seen.
    pub fn of(entry: Entry) -> Self {
        let ended = entry.state.ended.clone();
        let ended = ended.unwrap_or(Ended { outcome: Outcome::Aborted, reason: String::new() });
        Self { entry, ended, timeline: Vec::new(), problems: Vec::new(), retry_until: 0.0 }
    }
}

impl Controls {
    pub fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }

    /// Confirms the order of an entry's slots by more than the word of a journal that is not signed.
    ///
    /// # Errors
    /// Nothing confirms it.
    pub async fn confirm_order(&self, entry: &Entry, proof: Proof, is_requested: bool) -> Result<(), Problem> {
        if proof == Proof::Signed {
            return Ok(());
        }
        let reading = match self.levers.router.split(entry.order).observe().await {
            Ok(reading) => reading,
            // Nor could anything be moved.
            Err(_) if entry.order == SlotOrder::Configured => return Ok(()),
            Err(problem) => return Err(uncertain(&problem.message)),
        };
        let (traffic, shown) = (reading.traffic, reading.order);
        let evidence = SlotEvidence { proof, traffic, shown, alias: None, is_requested };
        if evidence.confirms(entry) {
            return Ok(());
        }
        let alias = match &self.levers.registry {
            Some(registry) => tokio::time::timeout(LONGEST_OF_ALIAS, registry.current()).await.ok(),
            None => None,
        };
        let alias = alias.and_then(Result::ok).flatten();
        if (SlotEvidence { alias: alias.as_deref(), ..evidence }).confirms(entry) {
            return Ok(());
        }
        let why = if shown.is_some() {
            "the router's weights tell another one"
        } else {
            "the router's weights do not tell it"
        };
        let stable = code(self.slots.names(entry.order).0);
        Err(uncertain(&format!("a journal that is not signed names {stable}, and {why}")))
    }

    /// The order of the slots as the router's weights tell it, where no journal does.
    ///
    /// # Errors
    /// They do not, and stable as configured does not have all of the traffic.
    pub async fn shown_order(&self) -> Result<SlotOrder, Problem> {
        // Without a router, or of revisions, there is no other.
        if !self.slots.can_be_exchanged() {
            return Ok(SlotOrder::Configured);
        }
        let reading = self.levers.router.split(SlotOrder::Configured).observe().await?;
        match reading.order {
            Some(order) => Ok(order),
            None if reading.traffic == Traffic::STABLE => Ok(SlotOrder::Configured),
            None => Err(uncertain("no journal names it, and the router's weights do not tell it")),
        }
    }

    /// Confirms that stable's slot can take the traffic of what was promoted: it may be stopped by then, or have the next
    /// version.
    ///
    /// # Errors
    /// It cannot.
    pub async fn can_serve(&self, entry: &Entry) -> Result<(), Problem> {
        let split = self.levers.router.split(entry.order);
        // Nor is anything moved at a router that does not answer.
        if matches!(split.read().await, Ok(Traffic::STABLE) | Err(_)) {
            return Ok(());
        }
        let (source, _) = self.versions.of(entry.order);
        let (ready, serving) = tokio::join!(split.stable_ready(), version_source::read(source));
        ready?;
        match serving.check(Variant::Stable, entry.previous_version.as_deref()) {
            VersionCheck::Mismatch(why) => Err(Problem::new(why)),
            _ => Ok(()),
        }
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
        Box::pin(self.restore_after(intention, LONGEST_INTENTION, ending)).await
    }

    /// Restores stable after the intention was written down, for which its traffic waits so long at most; then flag and
    /// registry by the entry that the intention ends with, then the journal.
    pub async fn restore_after(
        &self,
        intention: impl Future<Output = Entry>,
        longest: Duration,
        ending: Ending,
    ) -> Journey {
        let Ending { ended, timeline, mut problems, retry_until, .. } = ending;
        let mut intention = std::pin::pin!(intention);
        let early = tokio::time::timeout(longest, &mut intention).await;
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
        if entry.is_first {
            by_flag(&mut levers);
        }
        self.restore_again(&mut entry, &mut levers, retry_until).await;
        levers.extend(self.levers.unopened.iter().cloned());
        // What there is not is restored by no later run either.
        entry.is_settled =
            levers.iter().all(|pulled| pulled.is_done || entry.is_first && pulled.lever == TRAFFIC && pulled.is_final);
        entry.is_left = !entry.is_settled;
        let undone = levers.iter().filter(|pulled| !pulled.is_done);
        problems.extend(undone.map(|pulled| {
            let hint = if entry.is_first && pulled.lever == TRAFFIC && pulled.is_final {
                "roll out a better version to the same slot; `mlgate rollback --production-slot NAME` moves the traffic all the same"
            } else {
                "`mlgate rollback` tries again"
            };
            Problem::new(format!("{} could not be restored: {}", pulled.lever, pulled.said)).hint(hint)
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

    /// An end that moves nothing, since stable could not take the traffic, or which slot is stable's is not certain.
    pub async fn unmoved(&self, entry: Entry, why: Problem) -> Journey {
        let failed = Pulled::failed(TRAFFIC, &Failure::unmeasured(why.clone()));
        let ended = Ended { outcome: Outcome::Aborted, reason: why.message.clone() };
        let ending = Ending { ended, problems: vec![why], ..Ending::of(entry) };
        self.journey(ending, vec![failed]).await
    }

    /// What came of it, with the weight that the router shows now.
    pub async fn journey(&self, ending: Ending, levers: Vec<Pulled>) -> Journey {
        let Ending { entry, ended, timeline, problems, .. } = ending;
        let weight = self.levers.router.split(entry.order).weight().await;
        Journey { entry, ended, timeline, levers, weight, problems }
    }
}

/// The traffic of the first model is where it should be once the flag keeps users from it.
fn by_flag(levers: &mut [Pulled]) {
    let is_off = levers.iter().any(|pulled| pulled.lever == FLAG && pulled.is_done);
    if let Some(traffic) = levers.iter_mut().find(|pulled| is_off && pulled.lever == TRAFFIC && pulled.is_final) {
        traffic.is_done = true;
    }
}

/// An end that is not written down looks undone to whoever comes next.
fn unwritten(problem: Problem) -> Problem {
    let said = "the journal could not be closed";
    Problem { message: format!("{said}: {}", problem.message), ..problem }
}
