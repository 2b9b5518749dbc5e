//! What stands by when nobody rolls out: the watch over production, and the hand on the lever.

use std::sync::Arc;
use std::time::Duration;

use super::attest::Verifier;
use super::open::Needs;
use super::{admit, announce, is_stopped, lost, open, stop_on_signals, tell};
use crate::cli::rollout::{Common, RollbackArgs, WatchArgs};
use crate::commands::{Context, say, warn};
use crate::http::block_on;
use crate::plan::rollout::Asker;
use crate::problem::{Exit, Failure, Problem};
use crate::rollout::driver::{Journey, World, now};
use crate::rollout::journal::{Entry, Stored, Unwritten};
use crate::rollout::watch::{Found, next};
use crate::rollout::{Effect, Ended, Outcome, timeline};
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
    let world = planned.world(&args.common, context, &workspace, Needs::Proof, Arc::clone(&stop))?;
    let verifier = Verifier { common: &args.common, context, workspace: &workspace, plan, name: &planned.name };
    let until = now() + seconds;
    let watched: Result<Watched, Failure> = block_on(async {
        let mut timeline = Vec::new();
        loop {
            let (mut entry, proof) = match world.journal.read().await? {
                Stored::Entry(entry, proof) => (*entry, proof),
                Stored::Lost(why) => return Ok(Watched::Lost(why)),
                Stored::Missing => {
                    return Err(Failure::usage(
                        Problem::new("there is no journal: nothing was rolled out here")
                            .hint("`mlgate rollout` writes it"),
                    ));
                }
            };
            let seen = world.look(plan).await;
            same_model(&entry, &planned.name)?;
            let is_production = entry.is_in_production();
            match next(plan, &mut entry, &seen) {
                Found::Promoted => {
                    let why = match verifier.resume(&world, &entry, proof, None).await {
                        Ok(why) => why.into_iter().collect(),
                        Err(failure) => failure.problems,
                    };
                    if !why.is_empty() {
                        return Err(unfinished(why));
                    }
                    let reason = "it was promoted, and that was not written down".to_owned();
                    let ended = Ended { outcome: Outcome::Promoted, reason };
                    let journey = world.finish(entry, ended, &[Effect::Promote], timeline, Vec::new()).await;
                    return Ok(Watched::Journey(Box::new(journey)));
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
                        let (levers, problems) = (Vec::new(), Vec::new());
                        let journey = Journey { entry, ended, timeline, levers, weight, problems };
                        return Ok(Watched::Journey(Box::new(journey)));
                    }
                }
                Found::Wrong(ended) => {
                    return Ok(Watched::Journey(Box::new(undo(&world, entry, ended, timeline).await)));
                }
            }
            tokio::time::sleep(Duration::from_secs_f64(plan.policy.interval_seconds)).await;
        }
    })
    .map_err(Failure::unmeasured)?;
    let journey = match watched? {
        Watched::Journey(journey) => journey,
        Watched::Lost(why) => {
            let about = lost::About { common: &args.common, context, workspace: &workspace, planned: &planned };
            return lost::end(&world, &about, why);
        }
    };
    announce::end(&args.common, context, plan, None, &journey);
    announce::message(context, &planned.notify, &journey);
    tell::end(&args.common, context, &workspace, &journey)
}

/// What a watch comes to.
enum Watched {
    Journey(Box<Journey>),
    /// The journal's word does not count.
    Lost(Problem),
}

/// A promotion that the journal's word does not let finish: nothing is moved.
fn unfinished(mut why: Vec<Problem>) -> Failure {
    let said = "a promotion was cut short, and cannot be finished on the journal's word: nothing was moved";
    let hint = "finish it by `mlgate rollout` with the report, or end it by `mlgate rollback`";
    why.push(Problem::new(said).hint(hint));
    Failure { exit: Exit::Unmeasured, problems: why }
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
    // To give stable its traffic back takes neither a key nor a journal that can be believed.
    let world = planned.world(&args.common, context, &workspace, Needs::Nothing, stop_on_signals())?;
    let reason = args.reason.clone().unwrap_or_else(|| "a person rolled back".to_owned());
    let journey = block_on(async {
        let unknown = || Entry::unknown(plan.policy.strategy.word(), name, "a person", now());
        let mut entry = match world.journal.read().await {
            Ok(Stored::Entry(entry, _)) => *entry,
            Ok(Stored::Missing) => unknown(),
            Ok(Stored::Lost(why)) => {
                warn(&why.without_hint().to_string());
                unknown()
            }
            Err(failure) => {
                warn(&failure.to_string());
                unknown()
            }
        };
        same_model(&entry, name)?;
        if let Some(version) = &args.to_version {
            if let Some(registry) = &world.levers.registry {
                registry.knows(version).await.map_err(Failure::usage)?;
            } else if entry.previous_version.as_ref() != Some(version) {
                let problem = Problem::new(format!("version {} is not registered", code(version)));
                return Err(Failure::usage(problem.hint("set `rollout.registry`, or leave `to-version` out")));
            }
            (entry.previous_version, entry.is_previous_known) = (Some(version.clone()), true);
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
    let world = planned.world(common, context, &workspace, Needs::Proof, stop_on_signals())?;
    let entry = match block_on(world.journal.read()).map_err(Failure::unmeasured)?? {
        Stored::Entry(entry, _) => *entry,
        Stored::Missing => return Ok(Exit::Passed),
        Stored::Lost(why) => {
            let about = lost::About { common, context, workspace: &workspace, planned: &planned };
            return lost::end(&world, &about, why);
        }
    };
    // A rollout that another run carries on is not ours to end.
    if !entry.is_open() || entry.next_look_by.is_some() || entry.by != super::by(context) {
        return Ok(Exit::Passed);
    }
    let reason = "its job ended before it did".to_owned();
    let ended = Ended { outcome: Outcome::Aborted, reason };
    let journey = block_on(undo(&world, entry, ended, Vec::new())).map_err(Failure::unmeasured)?;
    tell::end(common, context, &workspace, &journey)
}
