//! A person's hand, and the step after a job: stable is restored, whatever journal and registry say.

use super::notifier::Notifier;
use super::watch::same_model;
use super::{admit, announce, by, lost, open, stop_on_signals, tell};
use crate::cli::rollout::{Common, RollbackArgs};
use crate::commands::{Context, warn};
use crate::http::block_on;
use crate::plan::rollout::Asker;
use crate::problem::{Exit, Failure, Problem};
use crate::rollout::controls::{Controls, Ending};
use crate::rollout::driver::{Journey, now};
use crate::rollout::journal::{Entry, Stored};
use crate::rollout::operator::{self, RouterState};
use crate::rollout::{Ended, Outcome};
use crate::words::code;

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
    let reason = args.reason.clone().unwrap_or_else(|| "a person rolled back".to_owned());
    let ended = Ended { outcome: Outcome::RolledBack, reason };
    let unknown = Entry::unknown(plan.policy.strategy.word(), name, "a person", now());
    let intention = intention(&controls, &unknown, &ended, args.to_version.as_ref());
    let ending = Ending {
        entry: unknown.clone(),
        ended: ended.clone(),
        timeline: Vec::new(),
        problems: Vec::new(),
        retry_until: 0.0,
    };
    let journey = block_on(controls.restore_after(intention, ending)).map_err(Failure::unmeasured)?;
    announce::end(&args.common, context, plan, None, &journey);
    let notifier = Notifier::new(&args.common, context, plan);
    announce::message(context, &planned, &notifier, &controls, &journey);
    let exit = tell::end(&args.common, context, &workspace, plan, &controls, journey)?;
    // What a person wanted and got is no failure.
    Ok(if exit == Exit::Blocked { Exit::Passed } else { exit })
}

/// Reads what is known, and writes down what will be done.
async fn intention(controls: &Controls, unknown: &Entry, ended: &Ended, version: Option<&String>) -> Entry {
    // What it has now says whether anything is moved.
    let (stored, _) = tokio::join!(controls.journal.read(), controls.levers.read());
    let mut entry = match stored {
        Ok(Stored::Entry(entry, _)) => match same_model(&entry, &unknown.name) {
            Ok(()) => *entry,
            Err(failure) => {
                warn(&failure.to_string());
                unknown.clone()
            }
        },
        Ok(Stored::Missing) => unknown.clone(),
        Ok(Stored::Lost(why)) => {
            warn(&why.without_hint().to_string());
            unknown.clone()
        }
        Err(failure) => {
            warn(&failure.to_string());
            unknown.clone()
        }
    };
    if let Some(version) = version {
        (entry.previous_version, entry.is_previous_known) = (Some(version.clone()), true);
    }
    (entry.is_settled, entry.is_left, entry.next_look_by, entry.state.keeps_flag) = (false, false, None, false);
    entry.state.ended = Some(ended.clone());
    // Whether it can be written is said at the end.
    let _ = Box::pin(controls.journal.overwrite(&entry)).await;
    entry
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
        Ok(Stored::Entry(entry, _)) => *entry,
        Ok(Stored::Missing) => {
            let found = block_on(controls.levers.read()).map_err(Failure::unmeasured)?;
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
    let observed = controls.levers.observe().await.ok();
    let by_operator = observed.and_then(|(traffic, uptime)| {
        operator::moved(&entry.stages, &entry.state, &RouterState { traffic, at, uptime })
    });
    let ending = |entry: Entry, ended: Ended| Ending {
        entry,
        ended,
        timeline: Vec::new(),
        problems: Vec::new(),
        retry_until: 0.0,
    };
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
