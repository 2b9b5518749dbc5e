//! What came of a rollout, to where people and later jobs look.
#![expect(clippy::disallowed_methods, reason = "edge: appends to the runner's state file")]

use super::notifier;
use crate::cli::rollout::Common;
use crate::commands::{Context, report_folder, say, warn};
use crate::integrations::github::annotations;
use crate::integrations::github::outputs::one_line;
use crate::integrations::http::block_on;
use crate::rollout::controls::Controls;
use crate::rollout::driver::{Journey, now};
use crate::rollout::notification::Notification;
use crate::rollout::plan::RolloutPlan;
use crate::rollout::serving_version::{self, Variant};
use crate::rollout::{Outcome, timeline, version_source};
use crate::support::log;
use crate::support::problem::{Exit, Failure, Problem};
use crate::support::words::code;
use crate::support::workspace::{OutputFolder, Workspace};

/// What the job leaves for the step after it.
pub const UNDER_WAY: &str = "under-way";
const MARKDOWN: &str = "rollout.md";
const JSON: &str = "rollout.json";

/// A run that is killed must not look like a promotion: neither by its outputs nor by an earlier run's report. The folder is
/// this run's as long as it is open.
///
/// # Errors
/// Usage: another run writes there. Unmeasured: the folder or the outputs cannot be written.
pub fn begin(common: &Common, context: &Context, workspace: &Workspace) -> Result<OutputFolder, Failure> {
    let folder = report_folder::open(common.report_dir.as_deref(), workspace)?;
    for name in [MARKDOWN, JSON] {
        folder.remove(name).map_err(|error| {
            Failure::unmeasured(Problem::new(format!("the earlier {name} could not be removed: {error}")))
        })?;
    }
    let reason = "it has not ended".to_owned();
    context.write_outputs(&[
        ("rollout-result", "aborted".to_owned()),
        ("rollout-reason", reason),
        ("moved", "false".to_owned()),
    ])?;
    Ok(folder)
}

/// Of a run that is killed from here on, nobody knows what it moved.
pub fn under_way(context: &Context) -> Result<(), Failure> {
    context.write_outputs(&[("moved", "true".to_owned())])
}

/// What is proven when it is over.
struct Final {
    /// Of the variant that has all of the traffic.
    serving_version: Option<String>,
    /// Whether it is another one than the end says.
    is_contradicted: bool,
}

/// Reads which version users get, where one variant has all of the traffic.
async fn final_version(controls: &Controls, journey: &mut Journey) -> Final {
    let unknown = Final { serving_version: None, is_contradicted: false };
    let (stable, candidate) = controls.versions.of(journey.entry.order);
    let (variant, source) = match journey.weight {
        Some(0) => (Variant::Stable, stable),
        Some(100) => (Variant::Candidate, candidate),
        _ => return unknown,
    };
    // A job that is cancelled has little time left.
    if controls.is_stopped() {
        return unknown;
    }
    let serving = version_source::read(source).await;
    let contradiction = serving_version::contradiction(&journey.entry, journey.ended.outcome, variant, &serving);
    let is_contradicted = contradiction.is_some();
    journey.problems.extend(contradiction.map(Problem::new));
    Final { serving_version: serving.one().map(str::to_owned), is_contradicted }
}

/// Files, summary, outputs, annotation; the exit code.
pub fn end(
    common: &Common,
    context: &Context,
    workspace: &Workspace,
    plan: &RolloutPlan,
    controls: &Controls,
    mut journey: Journey,
) -> Result<Exit, Failure> {
    let proven = block_on(final_version(controls, &mut journey)).map_err(Failure::unmeasured)?;
    journey.problems.extend(controls.versions.warning());
    let journey = &journey;
    let shown = common.report_dir.as_deref().unwrap_or(report_folder::USUAL);
    let limits = &plan.policy.limits;
    let message = Notification::of_end(journey, limits, now(), &notifier::source(common, context));
    let markdown = timeline::markdown(journey, &message, limits);
    let json = format!("{:#}\n", timeline::json(journey, &controls.slots));
    let written = workspace.output_folder(shown)?.and_then(|folder| {
        folder.write(MARKDOWN, markdown.as_bytes())?;
        folder.write(JSON, json.as_bytes())
    });
    if let Err(error) = written {
        warn(&format!("the rollout's report could not be written to {}: {error}", code(shown)));
    }
    if let Some(github) = &context.github
        && let Err(problem) = github.write_summary(&markdown)
    {
        warn(&problem.message);
    }
    for pulled in &journey.levers {
        let state = if pulled.is_done { "done" } else { "FAILED" };
        say(&format!("{}: {state}, {}\n", pulled.lever, one_line(&pulled.said)));
    }
    journey.problems.iter().for_each(|problem| warn(&problem.to_string()));
    let mut summary = format!("{}: {}", journey.ended.outcome.word().replace('_', " "), journey.ended.reason);
    // What was decided is not what was done.
    for pulled in journey.levers.iter().filter(|pulled| !pulled.is_done) {
        summary.push_str(&format!("; {} FAILED", pulled.lever));
    }
    let summary = one_line(&summary);
    say(&format!("{summary}\n"));
    if context.github.is_some() && matches!(journey.ended.outcome, Outcome::RolledBack | Outcome::Aborted) {
        log::command(&annotations::warning(&Problem::new(summary)));
    }
    context.write_outputs(&[
        ("rollout-result", journey.ended.outcome.word().to_owned()),
        ("rollout-weight", journey.weight.map_or(String::new(), |weight| weight.to_string())),
        ("rollout-reason", one_line(&journey.ended.reason)),
        ("previous-version", journey.entry.previous_version.clone().unwrap_or_default()),
        ("serving-version", one_line(&proven.serving_version.unwrap_or_default())),
        ("moved", controls.levers.has_moved().to_string()),
    ])?;
    Ok(if proven.is_contradicted { Exit::Unmeasured } else { super::exit_of(journey) })
}

/// Tells the post step whether there is something to undo: later lines win.
pub fn remember(context: &Context, is_under_way: bool) {
    let Some(path) = context.variables.get("GITHUB_STATE").filter(|path| !path.is_empty()) else { return };
    let value = if is_under_way { UNDER_WAY } else { "" };
    let file = std::fs::File::options().append(true).create(true).open(path);
    if let Err(error) =
        file.and_then(|mut file| std::io::Write::write_all(&mut file, format!("rollout={value}\n").as_bytes()))
    {
        warn(&format!("GITHUB_STATE could not be written: {error}; the post step will not undo this rollout"));
    }
}
