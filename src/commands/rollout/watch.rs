//! What stands by when nobody rolls out: the watch over production, and the hand on the lever.

use std::sync::Arc;
use std::time::Duration;

use super::{admit, announce, is_stopped, open, stop_on_signals, tell};
use crate::cli::rollout::{Common, RollbackArgs, WatchArgs};
use crate::commands::{Context, say};
use crate::http::block_on;
use crate::plan::rollout::{Asker, RolloutPlan};
use crate::problem::{Exit, Failure, Problem};
use crate::rollout::driver::{Journey, World, now};
use crate::rollout::gated::Vouched;
use crate::rollout::journal::{Entry, Unwritten};
use crate::rollout::watch::{Found, next};
use crate::rollout::{Effect, Ended, Outcome, State, timeline};
use crate::words::code;

/// One look at production, or as many as there is time for: a breach, or a rollout that nobody carries on any more, gives
/// stable everything back.
///
/// # Errors
/// Usage, or a world that cannot be reached.
pub fn watch(args: &WatchArgs, context: &Context) -> Result<Exit, Failure> {
    let stop = stop_on_signals();
    let workspace = admit(&args.common, context)?;
    let planned = open::planned(&args.common, Asker::Watch, &workspace)?;
    let plan = &planned.plan;
    let seconds = args.seconds.unwrap_or(0.0);
    if !(0.0..=86_400.0).contains(&seconds) {
        return Err(Failure::usage(Problem::new("`seconds` is a number from 0 to 86400")));
    }
    let world = planned.world(&args.common, context, &workspace, Arc::clone(&stop))?;
    let until = now() + seconds;
    let journey = block_on(async {
        let mut timeline = Vec::new();
        loop {
            let entry = world.journal.read().await.map_err(Failure::unmeasured)?;
            let Some(mut entry) = entry else {
                return Err(Failure::usage(
                    Problem::new("there is no journal: nothing was rolled out here").hint("`mlgate rollout` writes it"),
                ));
            };
            let seen = world.look(plan).await;
            same_model(&entry, &planned.name)?;
            let is_production = entry.is_in_production();
            match next(plan, &mut entry, &seen) {
                Found::Promoted => {
                    let reason = "it was promoted, and that was not written down".to_owned();
                    let ended = Ended { outcome: Outcome::Promoted, reason };
                    return Ok(world.finish(entry, ended, &[Effect::Promote], timeline, Vec::new()).await);
                }
                found @ (Found::InOrder(_) | Found::Blind(_)) => {
                    let (is_blind, said) = match found {
                        Found::Blind(said) => (true, said),
                        Found::InOrder(said) => (false, said),
                        _ => (false, String::new()),
                    };
                    // Only what the next watch needs; whoever wrote meanwhile knows better.
                    if is_production && let Err(Unwritten::Problem(problem)) = world.journal.write(&entry).await {
                        return Err(Failure::unmeasured(problem));
                    }
                    let moment = crate::rollout::driver::moment(&entry, &seen);
                    say(&format!("{}\n", timeline::line(&moment, entry.started_at)));
                    timeline.push(moment);
                    if now() + plan.policy.interval_seconds > until || is_stopped(&stop) {
                        if is_blind {
                            let said = format!("production could not be watched: {said}");
                            return Err(Failure::unmeasured(Problem::new(said)));
                        }
                        let weight = seen.traffic.as_ref().ok().map(|traffic| traffic.weight);
                        let ended = Ended { outcome: Outcome::Held, reason: said };
                        return Ok(Journey {
                            entry,
                            ended,
                            timeline,
                            levers: Vec::new(),
                            weight,
                            problems: Vec::new(),
                        });
                    }
                }
                Found::Wrong(ended) => return Ok(undo(&world, entry, ended, timeline).await),
            }
            tokio::time::sleep(Duration::from_secs_f64(plan.policy.interval_seconds)).await;
        }
    })
    .map_err(Failure::unmeasured)??;
    announce::end(&args.common, context, plan, None, &journey);
    announce::message(context, &planned.notify, &journey);
    tell::end(&args.common, context, &workspace, &journey)
}

/// One journal is of one model.
fn same_model(entry: &Entry, name: &str) -> Result<(), Failure> {
    if entry.name == name {
        return Ok(());
    }
    let said = format!("the journal is of the model {}, not of {}", code(&entry.name), code(name));
    Err(Failure::usage(Problem::new(said).hint("every model has a journal of its own")))
}

async fn undo(world: &World, mut entry: Entry, ended: Ended, timeline: Vec<crate::rollout::driver::Moment>) -> Journey {
    entry.state.ended = Some(ended.clone());
    entry.is_settled = false;
    entry.next_look_by = None;
    world.finish(entry, ended, &[Effect::Restore], timeline, Vec::new()).await
}

/// A person's hand: stable gets everything back, whatever the journal says.
///
/// # Errors
/// Usage, a version that nobody knows, or a world that cannot be reached.
pub fn rollback(args: &RollbackArgs, context: &Context) -> Result<Exit, Failure> {
    let workspace = admit(&args.common, context)?;
    let planned = open::planned(&args.common, Asker::Rollout, &workspace)?;
    let (plan, name) = (&planned.plan, planned.name.as_str());
    let world = planned.world(&args.common, context, &workspace, stop_on_signals())?;
    let reason = args.reason.clone().unwrap_or_else(|| "a person rolled back".to_owned());
    let journey = block_on(async {
        let known = world.journal.read().await.map_err(Failure::unmeasured)?;
        let mut entry = known.unwrap_or_else(|| unknown(plan, name));
        same_model(&entry, name)?;
        if let Some(version) = &args.to_version {
            if let Some(registry) = &world.levers.registry {
                registry.knows(version).await.map_err(Failure::usage)?;
            } else if entry.previous_version.as_ref() != Some(version) {
                let problem = Problem::new(format!("no registry knows version {}", code(version)));
                return Err(Failure::usage(problem.hint("set `rollout.registry`, or leave `to-version` out")));
            }
            entry.previous_version = Some(version.clone());
        }
        let ended = Ended { outcome: Outcome::RolledBack, reason };
        Ok(undo(&world, entry, ended, Vec::new()).await)
    })
    .map_err(Failure::unmeasured)??;
    announce::end(&args.common, context, plan, None, &journey);
    announce::message(context, &planned.notify, &journey);
    let exit = tell::end(&args.common, context, &workspace, &journey)?;
    // What a person wanted and got is no failure.
    Ok(if exit == Exit::Blocked { Exit::Passed } else { exit })
}

/// What a job left under way, undone by the step after it.
///
/// # Errors
/// Stable could not be restored.
pub fn abandoned(common: &Common, context: &Context) -> Result<Exit, Failure> {
    let workspace = admit(common, context)?;
    let planned = open::planned(common, Asker::Rollout, &workspace)?;
    let world = planned.world(common, context, &workspace, stop_on_signals())?;
    let journey = block_on(async {
        let entry = world.journal.read().await.map_err(Failure::unmeasured)?;
        // A rollout that another run carries on is not ours to end.
        let own = super::by(context);
        let is_ours = |entry: &Entry| entry.is_open() && entry.next_look_by.is_none() && entry.by == own;
        let Some(entry) = entry.filter(is_ours) else {
            return Ok(None);
        };
        let reason = "its job ended before it did".to_owned();
        let ended = Ended { outcome: Outcome::Aborted, reason };
        Ok::<_, Failure>(Some(undo(&world, entry, ended, Vec::new()).await))
    })
    .map_err(Failure::unmeasured)??;
    match journey {
        Some(journey) => tell::end(common, context, &workspace, &journey),
        None => Ok(Exit::Passed),
    }
}

/// What is rolled back where no journal was written.
fn unknown(plan: &RolloutPlan, name: &str) -> Entry {
    Entry {
        schema_version: 1,
        strategy: plan.policy.strategy.word().to_owned(),
        name: name.to_owned(),
        version: String::new(),
        previous_version: None,
        stages: Vec::new(),
        report_sha256: String::new(),
        vouched: Vouched::default(),
        started_at: now(),
        heartbeat_at: now(),
        next_look_by: None,
        by: "a person".to_owned(),
        state: State::default(),
        is_settled: false,
    }
}
