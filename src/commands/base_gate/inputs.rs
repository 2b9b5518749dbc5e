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

/// Contexts whose values a workflow file gives itself.
const OWN: [&str; 6] = ["env.", "matrix.", "needs.", "steps.", "inputs.", "strategy."];
/// Inputs that decide what passes, beside those that begin with `min-` or `max-`.
const DECIDING: [&str; 8] =
    ["policy", "fail-on", "only", "gate", "now", "required-columns", "feature-ranges", "sensitive-columns"];

/// The inputs at the base.
pub struct Inputs {
    pub args: CheckArgs,
    /// Expressions there, of inputs that are not given here.
    pub gone: Vec<(String, String)>,
    /// Expressions over what the pull request edits, so that their values there are not known.
    pub unknown: Vec<String>,
}

impl Inputs {
    fn of(args: CheckArgs) -> Self {
        Self { args, gone: Vec::new(), unknown: Vec::new() }
    }
}

/// What the workflow at the commit says, and where that is an expression, what it is now.
///
/// # Errors
/// It could not be read, or which step was this one cannot be told, where that matters.
pub async fn at(api: &Api, context: &Context, github: &Github, sha: &str, args: &CheckArgs) -> Result<Inputs, Problem> {
    let step = &github.step;
    if !context.is_action || step.file.is_empty() {
        return Ok(Inputs::of(args.clone()));
    }
    let there = text_at(api, sha, &step.file, LARGEST).await?.unwrap_or_default();
    let Some(with) = workflow::inputs(&there, step) else {
        return without_step(&there, github, args).map(Inputs::of);
    };
    let now = |name: &str| context.variables.get(&variable(name)).filter(|text| !text.trim().is_empty()).cloned();
    let here = std::fs::read_to_string(github.in_workspace(&step.file)).unwrap_or_default();
    let is_edited = here != there;
    let (mut given, mut gone, mut unknown) = (BTreeMap::new(), Vec::new(), Vec::new());
    for (name, text) in with {
        // Under a policy of the base its value there is what counts, and the file that gives it is another here.
        if is_edited && decides(&name) && OWN.iter().any(|own| text.contains("${{") && text.contains(own)) {
            unknown.push(name.clone());
        }
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
    let base = match Cli::try_parse_from(argv).map(|cli| cli.command) {
        Ok(Command::Check(base)) => *base,
        Ok(_) => CheckArgs::default(),
        Err(error) => return Err(unreadable(cli::first_line(&error.to_string()))),
    };
    Ok(Inputs { args: base, gone, unknown })
}

/// Whether an input decides what passes.
fn decides(name: &str) -> bool {
    ["min-", "max-"].iter().any(|start| name.starts_with(start)) || DECIDING.contains(&name)
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
