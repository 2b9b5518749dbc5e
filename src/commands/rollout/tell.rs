//! What came of a rollout, to where people and later jobs look.

use crate::cli::rollout::Common;
use crate::commands::{Context, report_folder, say, warn};
use crate::github::annotations;
use crate::github::outputs::one_line;
use crate::log;
use crate::problem::{Exit, Failure, Problem};
use crate::rollout::driver::Journey;
use crate::rollout::{Outcome, timeline};
use crate::words::code;
use crate::workspace::{OutputFolder, Workspace};

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
    context.write_outputs(&[("rollout-result", "aborted".to_owned()), ("rollout-reason", reason)])?;
    Ok(folder)
}

/// Files, summary, outputs, annotation; the exit code.
pub fn end(common: &Common, context: &Context, workspace: &Workspace, journey: &Journey) -> Result<Exit, Failure> {
    let shown = common.report_dir.as_deref().unwrap_or(report_folder::USUAL);
    let markdown = timeline::markdown(journey);
    let json = format!("{:#}\n", timeline::json(journey));
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
    let summary = format!("{}: {}", journey.ended.outcome.word().replace('_', " "), journey.ended.reason);
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
    ])?;
    Ok(super::exit_of(journey))
}
