//! `mlgate rollout`, `watch` and `rollback`: from the command line to the world, and what came of it to where people look.

mod announce;
mod open;
mod tell;
mod watch;

use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

pub use watch::{rollback, watch};

use clap::Parser as _;

use super::{Context, Foreign, say};
use crate::cli::rollout::{Common, RolloutArgs};
use crate::cli::{self, Cli, Command, first_line};
use crate::github::event::WorkflowRun;
use crate::http::block_on;
use crate::plan::rollout::{Asker, RolloutPlan};
use crate::problem::{Exit, Failure, Problem};
use crate::rollout::driver::{Journey, Until, World, now};
use crate::rollout::gated::{Claim, Vouched, vouch};
use crate::rollout::journal::Entry;
use crate::rollout::{Ended, Outcome, State, Strategy, Traffic, timeline};
use crate::words::{self, code, log_safe};
use crate::workspace::Workspace;

/// # Errors
/// Usage, a report that lets nothing out, a world that cannot be reached.
pub fn run(args: &RolloutArgs, context: &Context) -> Result<Exit, Failure> {
    let stop = stop_on_signals();
    let workspace = admit(&args.common, context)?;
    let planned = open::planned(&args.common, Asker::Rollout, &workspace)?;
    let (plan, name) = (&planned.plan, planned.name.as_str());
    if plan.policy.strategy == Strategy::Direct {
        super::warn("`direct` gives all users an untried model at once: a canary finds out with few of them");
    }
    let gated = match &args.report_sha256 {
        Some(sha256) => Some(gated(args, plan, name, sha256, &workspace)?),
        None => None,
    };
    let world = planned.world(&args.common, context, &workspace, Arc::clone(&stop))?;
    let (vouched, sha256) = match gated {
        Some(gated) => gated,
        None => under_way(&world, name)?,
    };
    if args.dry_run == Some(true) {
        return dry_run(plan, &world, name, &vouched);
    }
    tell::begin(context)?;
    let until = if args.once == Some(true) { Until::OneLook } else { Until::TheEnd };
    // One look of many is no deployment of its own.
    let deployment = match until {
        Until::TheEnd => announce::begin(&args.common, context, &format!("{name} {}", vouched.version)),
        Until::OneLook => None,
    };
    open::remember(context, true);
    let ran: Result<Journey, Failure> = block_on(async {
        let entry = begin(plan, &world, name, &vouched, &sha256, context).await?;
        if entry.is_settled {
            return Ok(already(&world, entry).await);
        }
        let started_at = entry.started_at;
        let mut told = |moment: &_| {
            let line = timeline::line(moment, started_at);
            say(&format!("{}\n", log_safe(&line)));
        };
        Ok(world.run(plan, entry, until, &mut told).await)
    })
    .map_err(Failure::unmeasured)?;
    let journey = ran?;
    // What could not be restored is left to the step after the job, which tries again.
    if journey.entry.is_settled || journey.ended.outcome == Outcome::Held || journey.levers.is_empty() {
        open::remember(context, false);
    }
    announce::end(&args.common, context, plan, deployment.as_ref(), &journey);
    announce::message(context, &planned.notify, &journey);
    tell::end(&args.common, context, &workspace, &journey)
}

/// A job that is run again: the model is in production, and nothing is moved.
async fn already(world: &World, entry: Entry) -> Journey {
    let weight = world.levers.router.read().await.ok().map(|traffic| traffic.weight);
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
    if context.variables.get("STATE_rollout").is_none_or(|state| state != open::UNDER_WAY) {
        return Ok(Exit::Passed);
    }
    let arguments = context.arguments(vec!["mlgate".into()])?;
    let cli =
        Cli::try_parse_from(arguments).map_err(|error| Failure::usage(Problem::new(first_line(&error.to_string()))))?;
    let Command::Rollout(args) = cli.command else { return Ok(Exit::Passed) };
    watch::abandoned(&args.common, context)
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

/// The report that lets it out.
fn gated(
    args: &RolloutArgs,
    plan: &RolloutPlan,
    name: &str,
    sha256: &str,
    workspace: &Workspace,
) -> Result<(Vouched, String), Failure> {
    let path = args.report.clone().or_else(|| plan.section.report.clone());
    let path = path.unwrap_or_else(|| "mlgate-report/report.json".to_owned());
    let bytes = workspace.open(&path)?.and_then(|mut file| file.read(open::LARGEST_REPORT)).map_err(|error| {
        Failure::usage(
            Problem::new(format!("the report {} could not be read: {error}", code(&path)))
                .hint("download the artifact of the gate's job first"),
        )
    })?;
    let found = crate::commands::tell::sha256_of(&bytes);
    let version = args.model_version.as_deref().or(plan.section.model.version.as_deref());
    let claim = Claim { sha256, name, version, max_age_hours: plan.max_report_age_hours, now: now() };
    let vouched = vouch(&bytes, &found, &claim).map_err(|problems| Failure { exit: Exit::Usage, problems })?;
    Ok((vouched, found))
}

/// Who only goes on needs no report again: a schedule has none, and the journal says what it vouched for.
fn under_way(world: &World, name: &str) -> Result<(Vouched, String), Failure> {
    let known = block_on(world.journal.read()).map_err(Failure::unmeasured)?.map_err(Failure::unmeasured)?;
    match known.filter(|entry| entry.is_open() && entry.name == name) {
        Some(entry) => Ok((entry.vouched, entry.report_sha256)),
        None => {
            let problem = Problem::new("nothing says which report lets the model out");
            let hint = "hand over the gate's output: `report-sha256: ${{ needs.gate.outputs.report-sha256 }}`";
            Err(Failure::usage(problem.hint(hint)))
        }
    }
}

/// A new rollout, or the one that is under way.
async fn begin(
    plan: &RolloutPlan,
    world: &World,
    name: &str,
    vouched: &Vouched,
    sha256: &str,
    context: &Context,
) -> Result<Entry, Failure> {
    let by = by(context);
    let known = world.journal.read().await.map_err(Failure::unmeasured)?;
    let found = world.levers.router.read().await;
    if let (Some(entry), Ok(found)) = (&known, &found)
        && entry.is_in_production()
        && entry.name == name
        && entry.version == vouched.version
        && *found == Traffic::weight(100)
    {
        return Ok(entry.clone());
    }
    if let Some(entry) = known.filter(Entry::is_open) {
        let is_same = entry.name == name && entry.version == vouched.version;
        let is_carried_on = is_same && is_carried_on(plan, world, &entry).await?;
        if !is_same || is_carried_on {
            let said = format!(
                "the rollout of {} {} is not over (by {})",
                code(&entry.name),
                code(&entry.version),
                code(&entry.by)
            );
            return Err(Failure::usage(Problem::new(said).hint("wait for it, or end it: `mlgate rollback`")));
        }
        if entry.strategy != plan.policy.strategy.word() || entry.stages != stages(plan) {
            let said = "a rollout of this version is under way, and the config has other stages by now";
            return Err(Failure::usage(
                Problem::new(said).hint("go on with the config it began with, or end it: `mlgate rollback`"),
            ));
        }
        super::note("a rollout of this version is under way: going on with it");
        let mut state = entry.state.clone();
        if entry.next_look_by.is_none() {
            // Whoever died did not look: the stage is watched for all of its time again.
            (state.is_set, state.stage_at, state.base) = (false, None, None);
        }
        return Ok(Entry { by, next_look_by: None, state, ..entry });
    }
    let found = found.map_err(Failure::unmeasured)?;
    if found != Traffic::STABLE {
        let said = format!(
            "the router already gives the candidate {} %, and no journal says why",
            found.weight.max(found.mirror)
        );
        return Err(Failure::usage(
            Problem::new(said)
                .hint("what is in production is `stable`, with all of the traffic, before a rollout begins"),
        ));
    }
    match (&world.levers.registry, &vouched.model_sha256) {
        (Some(registry), Some(sha256)) => {
            registry.is_model(&vouched.version, sha256).await.map_err(Failure::usage)?;
        }
        (Some(_), None) => {
            let said = "the report does not say which file was judged, so that nobody can tell whether the registry's version is it";
            return Err(Failure::usage(
                Problem::new(said).hint("set `model.artifact`, or the input `artifact`, of the gate"),
            ));
        }
        (None, _) => {}
    }
    let previous_version = match &world.levers.registry {
        Some(registry) => registry.current().await.map_err(Failure::unmeasured)?,
        None => None,
    };
    if previous_version.as_deref() == Some(vouched.version.as_str()) {
        let said = format!("version {} is in production already", code(&vouched.version));
        return Err(Failure::usage(Problem::new(said)));
    }
    Ok(Entry {
        schema_version: 1,
        strategy: plan.policy.strategy.word().to_owned(),
        name: name.to_owned(),
        version: vouched.version.clone(),
        previous_version,
        stages: stages(plan),
        report_sha256: sha256.to_owned(),
        vouched: vouched.clone(),
        started_at: now(),
        heartbeat_at: now(),
        next_look_by: None,
        by,
        state: State::default(),
        is_settled: false,
    })
}

/// Who does it: the page of a workflow run, or this process.
fn by(context: &Context) -> String {
    let url = context.github.as_ref().and_then(|github| github.url.clone());
    url.unwrap_or_else(|| format!("process {}", std::process::id()))
}

fn stages(plan: &RolloutPlan) -> Vec<Traffic> {
    plan.policy.stages.iter().map(|stage| stage.traffic).collect()
}

/// Whether another process gives signs of life: two that carry the same rollout on would work against each other.
async fn is_carried_on(plan: &RolloutPlan, world: &World, entry: &Entry) -> Result<bool, Failure> {
    if entry.next_look_by.is_some() || entry.state.ended.is_some() {
        return Ok(false);
    }
    let patience = world.journal.patience(plan.heartbeat_seconds);
    let left = entry.heartbeat_at + patience + 3.0 * plan.policy.interval_seconds - now();
    if left <= 0.0 {
        return Ok(false);
    }
    super::note("a rollout of this version is under way: waiting whether somebody carries it on");
    let until = now() + left.min(120.0);
    while now() < until {
        if is_stopped(&world.stop) {
            return Ok(true);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let later = world.journal.read().await.map_err(Failure::unmeasured)?;
    Ok(later.is_some_and(|later| later.heartbeat_at > entry.heartbeat_at))
}

/// The plan, and what is seen before anything is moved.
fn dry_run(plan: &RolloutPlan, world: &World, name: &str, vouched: &Vouched) -> Result<Exit, Failure> {
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
    out.push_str(&format!(
        "  a look may err with probability {:.1e}; {} requests of an arm before its errors say anything\n",
        policy.alpha(),
        policy.min_requests
    ));
    say(&out);
    let seen = block_on(world.look(plan)).map_err(Failure::unmeasured)?;
    let mut problems = Vec::new();
    match &seen.traffic {
        Ok(traffic) => say(&format!("now: the candidate has {} %\n", traffic.weight)),
        Err(why) => problems.push(Problem::new(why.clone())),
    }
    for (arm, seen) in [("stable", &seen.stable), ("candidate", &seen.candidate)] {
        let gauges = seen.gauges.iter().map(|(name, reading)| (name.as_str(), reading));
        for (name, reading) in [("requests", &seen.requests), ("errors", &seen.errors)].into_iter().chain(gauges) {
            say(&format!("  {arm} {name}: {}\n", open::shown(reading)));
        }
    }
    say("nothing was moved: this is a dry run\n");
    if problems.is_empty() { Ok(Exit::Passed) } else { Err(Failure { exit: Exit::Unmeasured, problems }) }
}

/// How a journey ends the process.
fn exit_of(journey: &Journey) -> Exit {
    if journey.levers.iter().any(|pulled| !pulled.is_done)
        || !journey.entry.is_settled && journey.ended.outcome != Outcome::Held
    {
        return Exit::Unmeasured;
    }
    match journey.ended.outcome {
        Outcome::Promoted | Outcome::Held => Exit::Passed,
        Outcome::RolledBack | Outcome::Aborted => Exit::Blocked,
    }
}

/// Whether a signal came.
fn is_stopped(stop: &AtomicBool) -> bool {
    stop.load(Ordering::SeqCst)
}
