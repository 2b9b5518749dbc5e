//! `mlgate rollout`, `watch` and `rollback`: from the command line to the world, and what came of it to where people look.

mod announce;
mod attest;
mod begin;
mod lost;
mod notifier;
mod open;
mod preflight;
mod promote;
mod request;
mod rollback;
mod start;
mod status;
mod tell;
mod watch;

use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

pub use promote::promote;
pub use request::request;
pub use rollback::rollback;
pub use status::status;
pub use watch::watch;

use clap::Parser as _;

use self::attest::Verifier;
use self::begin::Begun;
use self::notifier::Notifier;
use self::start::Start;
use super::{Context, Foreign, say};
use crate::cli::rollout::{Common, RolloutArgs};
use crate::cli::{self, Cli, Command, first_line};
use crate::integrations::github::event::WorkflowRun;
use crate::integrations::http::block_on;
use crate::rollout::driver::{Journey, Moment, Until, World};
use crate::rollout::gated::Vouched;
use crate::rollout::journal::{Entry, Stored};
use crate::rollout::plan::{Asker, RolloutPlan};
use crate::rollout::preflight::{Subject, Writes};
use crate::rollout::{Ended, Outcome, SlotOrder, Strategy, Traffic, timeline};
use crate::support::problem::{Exit, Failure, Problem};
use crate::support::words::{self, code};
use crate::support::workspace::Workspace;

/// # Errors
/// Usage, a report that lets nothing out, a world that cannot be reached.
pub fn run(args: &RolloutArgs, context: &Context) -> Result<Exit, Failure> {
    let workspace = admit(&args.common, context)?;
    let planned = open::planned(&args.common, Asker::Rollout, &workspace)?;
    let (plan, name) = (&planned.plan, planned.name.as_str());
    if plan.policy.strategy == Strategy::Registry {
        return promote::by_registry(args, None, context, &workspace, &planned);
    }
    if plan.policy.strategy == Strategy::Direct {
        super::warn("`direct` gives all users an untried model at once: a canary finds out with few of them");
    }
    let stop = stop_on_signals();
    let verifier = Verifier { common: &args.common, context, workspace: &workspace, plan, name };
    let given = verifier.handed_over(args)?;
    let mut world = planned.world(&args.common, context, &workspace, Arc::clone(&stop))?;
    world.hooks = planned.hooks(&args.common, context, &workspace)?;
    let controls = &world.controls;
    let version = given.as_ref().map(|given| given.vouched.version.as_str());
    let version = version.or(args.model_version.as_deref()).or(plan.section.model.version.as_deref());
    let about = lost::About { common: &args.common, context, workspace: &workspace, planned: &planned, version };
    let is_dry = args.dry_run == Some(true);
    let stored = block_on(controls.journal.read()).map_err(Failure::unmeasured)??;
    let is_stable = || {
        block_on(controls.levers.router.split(SlotOrder::Configured).read()).map_err(Failure::unmeasured).map(|found| {
            match found {
                Ok(traffic) => traffic == Traffic::STABLE,
                // What begins says so.
                Err(_) => true,
            }
        })
    };
    let known = match stored {
        Stored::Entry(entry, proof) => Some((*entry, proof)),
        Stored::Missing if is_dry || is_stable()? => None,
        Stored::Missing => return lost::end(controls, &about, lost::missing()),
        Stored::Lost(why) if is_dry => return Err(Failure::unmeasured(why)),
        // What is verified anew needs no journal, and one that is lost must not stop every release.
        Stored::Lost(why) if given.is_some() && is_stable()? => {
            super::warn(&why.without_hint().to_string());
            super::note("stable has all of the traffic: the rollout begins anew, over the journal that was lost");
            None
        }
        Stored::Lost(why) => return lost::end(controls, &about, why),
    };
    let vouched = match (&given, &known) {
        (Some(given), _) => given.vouched.clone(),
        // Who only goes on needs no report again: a schedule has none, and the journal says what it vouched for.
        (None, Some((entry, _))) if entry.is_open() && entry.name == name => entry.vouched.clone(),
        (None, _) => return Err(begin::no_report()),
    };
    if is_dry {
        if given.is_some() {
            block_on(verifier.confirm(&world, &vouched)).map_err(Failure::unmeasured)??;
        }
        let known = known.as_ref().map(|(entry, _)| entry);
        let found = block_on(Start::known(&world, plan, name, known)).map_err(Failure::unmeasured)?;
        return dry_run(plan, &world, name, &vouched, found);
    }
    let _reports = tell::begin(&args.common, context, &workspace)?;
    let until = if args.once == Some(true) { Until::OneLook } else { Until::TheEnd };
    let begun = block_on(begin::begin(verifier, &world, given.as_ref(), known)).map_err(Failure::unmeasured)??;
    let entry = match begun {
        Begun::Entry(entry) => *entry,
        // A model that differs from the judged one is never treated as the champion.
        Begun::Refused(why) => return lost::end(controls, &lost::About { version: None, ..about }, why),
    };
    // What is under way holds where it cannot see; what is new does not begin.
    if entry.state.looks == 0 && !entry.is_settled {
        let subject = Subject { version: &entry.version, order: entry.order, is_first: entry.is_first };
        block_on(preflight::preflight(&world, plan, subject, Writes::Tried)).map_err(Failure::unmeasured)??;
    }
    // One look of many is no deployment of its own.
    let deployment = match until {
        Until::TheEnd if !entry.is_settled => {
            announce::begin(&args.common, context, &format!("{name} {}", vouched.version))
        }
        _ => None,
    };
    tell::remember(context, true);
    let is_new_end = !entry.is_settled;
    if is_new_end {
        tell::under_way(context)?;
    }
    let notifier = Notifier::new(&args.common, context, plan);
    let journey = block_on(async {
        if entry.is_settled {
            return already(&world, entry).await;
        }
        let begun = entry.clone();
        let run = async |notify: &mut dyn FnMut(&Entry, &Moment)| {
            let mut told = |entry: &Entry, moment: &Moment| {
                say(&format!("{}\n", timeline::line(moment, entry.started_at)));
                notify(entry, moment);
            };
            world.run(plan, entry, until, &mut told).await
        };
        Box::pin(notifier.during(controls, &begun, run)).await
    })
    .map_err(Failure::unmeasured)?;
    // What could not be restored is left to the step after the job, which tries again.
    if journey.entry.is_settled || journey.ended.outcome == Outcome::Held {
        tell::remember(context, false);
    }
    announce::end(&args.common, context, plan, deployment.as_ref(), &journey);
    if is_new_end {
        announce::message(context, &planned, &notifier, controls, &journey);
    }
    tell::end(&args.common, context, &workspace, plan, controls, journey)
}

/// A job that is run again: the model is in production, and nothing is moved; what proves otherwise is said at the end.
async fn already(world: &World, entry: Entry) -> Journey {
    let weight = world.controls.levers.router.split(entry.order).weight().await;
    let ended = Ended { outcome: Outcome::Promoted, reason: "it is in production already".to_owned() };
    Journey { entry, ended, timeline: Vec::new(), levers: Vec::new(), weight, problems: Vec::new() }
}

/// The name by which the image starts this program after a job, whatever became of it.
const POST: &str = "mlgate-post";

/// Whether this process is the step after the job's.
pub fn is_post(arguments: &[OsString]) -> bool {
    arguments.first().is_some_and(|name| Path::new(name).file_name().is_some_and(|name| name == POST))
}

/// Undoes a rollout that the job left under way; does nothing without one.
///
/// # Errors
/// Stable could not be restored.
pub fn post(context: &Context) -> Result<Exit, Failure> {
    if context.variables.get("STATE_rollout").is_none_or(|state| state != tell::UNDER_WAY) {
        return Ok(Exit::Passed);
    }
    let arguments = context.arguments(vec!["mlgate".into()])?;
    let cli =
        Cli::try_parse_from(arguments).map_err(|error| Failure::usage(Problem::new(first_line(&error.to_string()))))?;
    match cli.command {
        Command::Rollout(args) => rollback::abandoned(&args.common, context),
        Command::Promote(args) => rollback::abandoned(&args.common, context),
        _ => Ok(Exit::Passed),
    }
}

/// Refuses a run that may be of what somebody only proposes.
fn admit(common: &Common, context: &Context) -> Result<Workspace, Failure> {
    let branches = cli::lists("trusted-branches", &common.trusted_branches)?;
    if let Some(event) = context.event().map(|event| event.trusting(branches))
        && event.is_proposal()
    {
        let (said, hint) = match &event.run {
            Some(run) => (
                format!("after `{}` on the branch {} of {}", run.event, code(&run.head.branch), owner(run)),
                "name a further branch of this repository that is protected with `trusted-branches`",
            ),
            None => (
                format!("on the event `{}`", words::visible(&event.name)),
                "run it on `push` to the default branch, or on `workflow_dispatch`",
            ),
        };
        let said = format!("a rollout does not run {said}: that may be only proposed");
        return Err(Failure::usage(Problem::new(said).hint(hint)));
    }
    context.workspace(None, Foreign::Refused)
}

/// The repository that a run's commit is of.
fn owner(run: &WorkflowRun) -> String {
    run.head.repository.as_ref().map_or_else(|| "a deleted repository".to_owned(), |name| code(name))
}

/// Both signals ask for the end, and the driver sees to it.
fn stop_on_signals() -> Arc<AtomicBool> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        // Where there is no handler, the process ends as it did before, and the post step cleans up.
        let _ = signal_hook::flag::register(signal, Arc::clone(&stop));
    }
    crate::ENDS_AT_ONCE.store(false);
    stop
}

/// Who does it: the page of a workflow run, or this process.
fn by(context: &Context) -> String {
    let url = context.github.as_ref().and_then(|github| github.url.clone());
    url.unwrap_or_else(|| format!("process {}", std::process::id()))
}

/// What it begins with, and what may be written.
type Circumstances = (Result<Start, Failure>, Writes);

/// The plan, and the preflight.
fn dry_run(
    plan: &RolloutPlan,
    world: &World,
    name: &str,
    vouched: &Vouched,
    (start, writes): Circumstances,
) -> Result<Exit, Failure> {
    let policy = &plan.policy;
    let mut out = format!(
        "{} {} by {}, {:.0} s from one look to the next\n",
        name,
        vouched.version,
        policy.strategy.word(),
        policy.interval_seconds
    );
    for (at, stage) in policy.stages.iter().enumerate() {
        let copies =
            if stage.traffic.mirror > 0 { format!(", copies of {} %", stage.traffic.mirror) } else { String::new() };
        out.push_str(&format!("  {}. {} %{copies} for {} s\n", at + 1, stage.traffic.weight, stage.seconds));
    }
    for hook in &policy.hooks {
        out.push_str(&format!(
            "  hook {} at {}, {} s at most\n",
            code(&hook.name),
            hook.at.word(),
            hook.timeout_seconds
        ));
    }
    out.push_str(&format!(
        "  a look may err with probability {:.1e}; {} requests of an arm before its errors say anything\n",
        policy.alpha(),
        policy.min_requests
    ));
    say(&out);
    let Start { order, is_first, .. } = start.as_ref().cloned().unwrap_or_default();
    let subject = Subject { version: &vouched.version, order, is_first };
    let found = block_on(preflight::preflight(world, plan, subject, writes)).map_err(Failure::unmeasured)?;
    say("nothing was moved: this is a dry run\n");
    match (start, found) {
        (Ok(_), found) => found.map(|()| Exit::Passed),
        (Err(failure), Ok(())) => Err(failure),
        (Err(failure), Err(mut found)) => {
            found
                .problems
                .retain(|problem| !failure.problems.iter().any(|own| problem.message.ends_with(&own.message)));
            let exit = if failure.exit == Exit::Usage { failure.exit } else { found.exit };
            Err(Failure { exit, problems: failure.problems.into_iter().chain(found.problems).collect() })
        }
    }
}

/// How a journey ends the process.
fn exit_of(journey: &Journey) -> Exit {
    if journey.levers.iter().any(|pulled| !pulled.is_done)
        || !journey.entry.is_settled && journey.ended.outcome != Outcome::Held
    {
        return Exit::Unmeasured;
    }
    match journey.ended.outcome {
        Outcome::Promoted | Outcome::Held | Outcome::NoDifference => Exit::Passed,
        Outcome::RolledBack | Outcome::Aborted => Exit::Blocked,
    }
}

/// Whether a signal came.
fn is_stopped(stop: &AtomicBool) -> bool {
    stop.load(Ordering::SeqCst)
}
