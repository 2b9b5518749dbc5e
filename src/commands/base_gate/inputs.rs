//! The inputs that the workflow at the base gives this step.
#![expect(clippy::disallowed_methods, reason = "edge: reads the workflow")]

use std::collections::BTreeMap;
use std::ffi::OsString;

use clap::Parser;

use super::text_at;
use crate::cli::{self, CheckArgs, Cli, Command, action};
use crate::commands::Context;
use crate::config::document::LARGEST;
use crate::edits::Policy;
use crate::github::Github;
use crate::github::api::Api;
use crate::github::workflow;
use crate::problem::Problem;
use crate::words::code;

/// What the workflow at the commit says, and where that is an expression, what it is now; beside it, expressions of
/// inputs that are no longer given.
///
/// # Errors
/// It could not be read, or which step was this one cannot be told, where that matters.
pub async fn at(
    api: &Api,
    context: &Context,
    github: &Github,
    sha: &str,
    args: &CheckArgs,
) -> Result<(CheckArgs, Vec<(String, String)>), Problem> {
    let step = &github.step;
    if !context.is_action || step.file.is_empty() {
        return Ok((args.clone(), Vec::new()));
    }
    let there = text_at(api, sha, &step.file, LARGEST).await?.unwrap_or_default();
    let Some(with) = workflow::inputs(&there, step) else {
        return without_step(&there, github, args).map(|args| (args, Vec::new()));
    };
    let now = |name: &str| context.variables.get(&variable(name)).filter(|text| !text.trim().is_empty()).cloned();
    let (mut given, mut gone) = (BTreeMap::new(), Vec::new());
    for (name, text) in with {
        if !text.contains("${{") {
            given.insert(variable(&name), text);
        } else if let Some(now) = now(&name) {
            given.insert(variable(&name), now);
        } else {
            gone.push((name, text));
        }
    }
    let unreadable = |said: String| Problem::new(format!("the inputs of {} at the base: {said}", code(&step.file)));
    let argv: Vec<OsString> = action::argv(given)
        .map_err(|problems| unreadable(problems.first().map(ToString::to_string).unwrap_or_default()))?;
    match Cli::try_parse_from(argv).map(|cli| cli.command) {
        Ok(Command::Check(base)) => Ok((*base, gone)),
        Ok(_) => Ok((CheckArgs::default(), gone)),
        Err(error) => Err(unreadable(cli::first_line(&error.to_string()))),
    }
}

/// The inputs at the base where its workflow has no such step: a new one had none, and of another nobody can tell.
fn without_step(there: &str, github: &Github, args: &CheckArgs) -> Result<CheckArgs, Problem> {
    let step = &github.step;
    let here = std::fs::read_to_string(github.in_workspace(&step.file)).unwrap_or_default();
    let is_new = workflow::inputs(&here, step).is_some();
    let others = workflow::count(there, step);
    if is_new && others > 0 {
        let said = format!("which of the {others} steps of {} at the base this one was", code(&step.file));
        return Err(Problem::new(format!("{said} cannot be told")).hint("give the step an `id`, and keep it"));
    }
    if is_new {
        return Ok(CheckArgs { config: args.config.clone(), ..CheckArgs::default() });
    }
    // Of a reusable workflow or a composite action: only what stands in config files can be compared.
    if args.policy.unwrap_or_default() != Policy::Head && has_thresholds(args) {
        let said = "limits that are inputs of a reusable workflow or a composite action cannot be read at the base";
        return Err(Problem::new(said).hint("put them into mlgate.yml"));
    }
    Ok(args.clone())
}

fn has_thresholds(args: &CheckArgs) -> bool {
    let mut config = crate::config::Config::default();
    crate::config::inputs::apply(&mut config, args);
    !config.entries.is_empty()
}

fn variable(name: &str) -> String {
    format!("INPUT_{}", name.to_uppercase())
}
