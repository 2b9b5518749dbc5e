//! A person's hand, and the step after a job: stable is restored, whatever journal and registry say.
#![expect(clippy::disallowed_methods, reason = "edge: measures how long the journal takes")]

use std::time::Instant;

use super::notifier::Notifier;
use super::watch::same_model;
use super::{admit, announce, by, lost, open, stop_on_signals, tell};
use crate::cli::rollout::{Common, RollbackArgs};
use crate::commands::{Context, warn};
use crate::integrations::http::block_on;
use crate::rollout::controls::{Controls, Ending, LONGEST_INTENTION};
use crate::rollout::driver::{Journey, now};
use crate::rollout::journal::{Entry, Proof, Stored};
use crate::rollout::operator::{self, RouterState};
use crate::rollout::plan::Asker;
use crate::rollout::router::RouterReading;
use crate::rollout::slots::uncertain;
use crate::rollout::{Ended, Outcome, SlotOrder, Traffic};
use crate::support::problem::{Exit, Failure, Problem};
use crate::support::words::code;

/// A person's hand: stable gets its traffic, whatever the journal says; then flag and registry.
///
/// # Errors
/// Usage, or a router that cannot be reached.
pub fn rollback(args: &RollbackArgs, context: &Context) -> Result<Exit, Failure> {
    let workspace = admit(&args.common, context)?;
    let planned = open::planned(&args.common, Asker::Rollout, &workspace)?;
    let (plan, name) = (&planned.plan, planned.name.as_str());
    if let (Some(version), None) = (&args.to_version, &plan.section.registry) {
        let problem = Problem::new(format!("version {} is not registered", code(version)));
        return Err(Failure::usage(problem.hint("set `rollout.registry`, or leave `to-version` out")));
    }
    let controls = planned.controls(&args.common, context, &workspace, stop_on_signals())?;
    let named = match &args.production_slot {
        Some(slot) => Some(controls.slots.order(Some(slot)).map_err(|problem| Failure::usage(problem.without_hint()))?),
        None => None,
    };
    let reason = args.reason.clone().unwrap_or_else(|| "a person rolled back".to_owned());
    let request = Request {
        named,
        version: args.to_version.clone(),
        ended: Ended { outcome: Outcome::RolledBack, reason },
        unknown: Entry::unknown(plan.policy.strategy.word(), name, "a person", now()),
    };
    let journey = block_on(request.carry_out(&controls)).map_err(Failure::unmeasured)?;
    announce::end(&args.common, context, plan, None, &journey);
    let notifier = Notifier::new(&args.common, context, plan);
    announce::message(context, &planned, &notifier, &controls, &journey);
    let exit = tell::end(&args.common, context, &workspace, plan, &controls, journey)?;
    // What a person wanted and got is no failure.
    Ok(if exit == Exit::Blocked { Exit::Passed } else { exit })
}

/// What a person asks for.
struct Request {
    /// By the slot of production, where it is named.
    named: Option<SlotOrder>,
    version: Option<String>,
    ended: Ended,
    /// What is rolled back where no journal says it.
    unknown: Entry,
}

/// What is known of the last rollout.
struct Known {
    entry: Entry,
    /// None where the journal does not say it.
    proof: Option<Proof>,
}

impl Request {
    async fn carry_out(self, controls: &Controls) -> Journey {
        let start = Instant::now();
        let mut reading = std::pin::pin!(self.known(controls));
        let mut known = tokio::time::timeout(LONGEST_INTENTION, &mut reading).await.ok();
        let mut order = match (self.named, &known) {
            (Some(order), _) => Ok(order),
            (None, Some(known)) => known.order(controls).await,
            (None, None) => self.early_order(controls).await,
        };
        // A slow journal is waited for where the router does not tell.
        if let (Err(_), None) = (&order, &known) {
            let late = reading.as_mut().await;
            order = late.order(controls).await;
            known = Some(late);
        }
        let in_order = |entry: Entry, order| {
            let stable_slot = Some(controls.slots.names(order).0.to_owned());
            Entry { stable_slot, order, ..entry }
        };
        let order = match order {
            Ok(order) => order,
            Err(why) => return controls.unmoved(self.unknown.clone(), why).await,
        };
        if let Some(known) = &known
            && known.entry.is_in_production()
            && !known.entry.is_first
            && let Err(why) = controls.can_serve(&in_order(self.versioned(known.entry.clone()), order)).await
        {
            return controls.unmoved(known.entry.clone(), unable(why)).await;
        }
        // Who names a slot or a version knows of one.
        let is_named = self.named.is_some() || self.version.is_some();
        let is_first = !is_named && known.as_ref().is_some_and(|known| known.entry.is_first);
        let intention = async {
            let known = match known {
                Some(known) => known,
                None => reading.await,
            };
            let mut entry = in_order(self.versioned(known.entry), order);
            (entry.is_settled, entry.is_left, entry.next_look_by, entry.state.keeps_flag) = (false, false, None, false);
            entry.state.ended = Some(self.ended.clone());
            entry.is_first &= !is_named;
            // Whether it can be written is said at the end.
            let _ = Box::pin(controls.journal.overwrite(&entry)).await;
            entry
        };
        let left = LONGEST_INTENTION.saturating_sub(start.elapsed());
        let unknown = Entry { is_first, ..in_order(self.unknown.clone(), order) };
        let ending = Ending { ended: self.ended.clone(), ..Ending::of(unknown) };
        Box::pin(controls.restore_after(intention, left, ending)).await
    }

    /// The order before the journal is read: where the router tells it, and stable would answer.
    async fn early_order(&self, controls: &Controls) -> Result<SlotOrder, Problem> {
        let order = controls.shown_order().await?;
        let split = controls.levers.router.split(order);
        // What is promoted has all of the traffic in its slot, and the next preflight calls that slot stable's.
        if split.read().await? == Traffic::STABLE {
            return Err(uncertain("stable has all of the traffic, and only the journal tells whether it was promoted"));
        }
        split.stable_ready().await?;
        Ok(order)
    }

    /// Reads what is known.
    async fn known(&self, controls: &Controls) -> Known {
        // What the router has now says whether anything is moved.
        let (stored, _) =
            tokio::join!(controls.journal.read(), controls.levers.router.split(SlotOrder::Configured).read());
        let why = match stored {
            Ok(Stored::Entry(entry, proof)) => match same_model(&entry, &self.unknown.name) {
                Ok(()) => return Known { entry: *entry, proof: Some(proof) },
                Err(failure) => failure.to_string(),
            },
            Ok(Stored::Missing) => String::new(),
            Ok(Stored::Lost(why)) => why.without_hint().to_string(),
            Err(failure) => failure.to_string(),
        };
        if !why.is_empty() {
            warn(&why);
        }
        Known { entry: self.unknown.clone(), proof: None }
    }

    /// The entry with the version that a person named as the one before.
    fn versioned(&self, mut entry: Entry) -> Entry {
        if let Some(version) = &self.version {
            (entry.previous_version, entry.is_previous_known) = (Some(version.clone()), true);
        }
        entry
    }
}

impl Known {
    async fn order(&self, controls: &Controls) -> Result<SlotOrder, Problem> {
        match self.proof {
            Some(proof) => controls.confirm_order(&self.entry, proof, true).await.map(|()| self.entry.order),
            None => controls.shown_order().await,
        }
    }
}

/// Why the version before does not get the traffic of what was promoted.
pub fn unable(why: Problem) -> Problem {
    let said = format!("nothing was moved: the version before cannot take the traffic: {}", why.message);
    Problem::new(said)
        .hint("deploy it to its slot again, and run the command again; or begin a rollout of another version")
}

/// What a job left under way, undone by the step after it.
///
/// # Errors
/// Stable could not be restored.
pub fn abandoned(common: &Common, context: &Context) -> Result<Exit, Failure> {
    let workspace = admit(common, context)?;
    let planned = open::planned(common, Asker::Rollout, &workspace)?;
    let controls = planned.controls(common, context, &workspace, stop_on_signals())?;
    let version = planned.plan.section.model.version.as_deref();
    let about = lost::About { common, context, workspace: &workspace, planned: &planned, version };
    let entry = match block_on(controls.journal.read()).map_err(Failure::unmeasured)? {
        Ok(Stored::Entry(entry, proof)) => {
            let confirmed = block_on(controls.confirm_order(&entry, proof, false)).map_err(Failure::unmeasured)?;
            confirmed.map_err(Failure::unmeasured)?;
            *entry
        }
        Ok(Stored::Missing) => {
            let split = controls.levers.router.split(SlotOrder::Configured);
            let found = block_on(split.read()).map_err(Failure::unmeasured)?;
            return match found {
                Ok(traffic) if !lost::is_split(traffic) => Ok(Exit::Passed),
                _ => lost::end(&controls, &about, lost::missing()),
            };
        }
        Ok(Stored::Lost(why)) => return lost::end(&controls, &about, why),
        Err(failure) => {
            let why = failure.problems.into_iter().next();
            let why = why.unwrap_or_else(|| Problem::new("the journal could not be read"));
            return lost::end(&controls, &about, why);
        }
    };
    // A rollout that another run carries on is not ours to end.
    if !entry.is_open() || entry.next_look_by.is_some() || entry.by != by(context) {
        return Ok(Exit::Passed);
    }
    let journey = block_on(undo(&controls, entry)).map_err(Failure::unmeasured)?;
    let notifier = Notifier::new(common, context, &planned.plan);
    announce::message(context, &planned, &notifier, &controls, &journey);
    tell::end(common, context, &workspace, &planned.plan, &controls, journey)
}

/// Restores stable, unless an operator moved the traffic; the flag stays as it is, since nothing was found wrong.
async fn undo(controls: &Controls, mut entry: Entry) -> Journey {
    let at = now();
    let observed = controls.levers.router.split(entry.order).observe().await.ok();
    let by_operator = observed.and_then(|RouterReading { traffic, uptime, .. }| {
        operator::moved(&entry.stages, &entry.state, &RouterState { traffic, at, uptime })
    });
    let ending = |entry: Entry, ended: Ended| Ending { ended, ..Ending::of(entry) };
    if let Some(reason) = by_operator {
        let ended = Ended { outcome: Outcome::Aborted, reason };
        (entry.state.ended, entry.is_settled) = (Some(ended.clone()), true);
        let written = controls.settle(&mut entry).await;
        entry.is_settled = written.is_ok();
        let mut ending = ending(entry, ended);
        ending.problems.extend(written.err());
        return controls.journey(ending, Vec::new()).await;
    }
    // An end that was decided is done as it was decided.
    let decided = entry.state.ended.clone().filter(|ended| ended.outcome != Outcome::Promoted);
    let ended = decided.unwrap_or_else(|| {
        entry.state.keeps_flag = true;
        Ended { outcome: Outcome::Aborted, reason: "its job ended before it did".to_owned() }
    });
    Box::pin(controls.restore(ending(entry, ended))).await
}
