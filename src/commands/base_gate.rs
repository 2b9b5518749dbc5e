//! The gate as it is at the base of a pull request: the config files and the workflow's inputs there.
#![expect(clippy::disallowed_methods, reason = "edge: reads the workflow, speaks to GitHub")]

use std::collections::BTreeMap;
use std::ffi::OsString;

use clap::Parser;

use super::Context;
use crate::cli::{self, CheckArgs, Cli, Command, action};
use crate::config::document::{Document, LARGEST};
use crate::config::{Config, inputs};
use crate::edits::{self, Gate, GateEdits, Policy};
use crate::github::Github;
use crate::github::api::{Api, Denied};
use crate::github::event::{Event, PullRequest};
use crate::github::{contents, workflow};
use crate::http::block_on;
use crate::plan;
use crate::problem::{Failure, Problem};
use crate::words::code;

/// Inputs and config that count, and what the pull request edits of them.
pub type Held = (CheckArgs, Config, Option<GateEdits>);

/// The gate at the base, as the step of the workflow there would be.
pub struct BaseGate {
    pub args: CheckArgs,
    pub gate: Gate,
}

/// Reads it by the contents API; files that are not there have no rules.
///
/// # Errors
/// Something that is there could not be read or understood.
pub async fn read(
    api: &Api,
    context: &Context,
    github: &Github,
    pull_request: &PullRequest,
    args: &CheckArgs,
) -> Result<BaseGate, Problem> {
    let sha = &pull_request.base.sha;
    let args = if context.is_action { inputs_at(api, context, github, sha, args).await? } else { args.clone() };
    let names = plan::config_names(&args).map_err(|message| Problem::new(format!("input config: {message}")))?;
    let names = names.iter().map(|name| github.relative(std::path::Path::new(name))).collect();
    let config = config_at(api, sha, &pull_request.base.branch, names, &args).await?;
    Ok(BaseGate { gate: gate(config, &args), args })
}

/// A config with its entries that are asked for, and what else decides.
pub fn gate(mut config: Config, args: &CheckArgs) -> Gate {
    config.entries.retain(|entry| plan::is_asked_for(entry, args));
    let inputs = vec![("now", args.now.clone()), ("mlflow-tracking-uri", args.mlflow_tracking_uri.clone())];
    Gate { config, fail_on: args.fail_on.unwrap_or_default(), policy: args.policy.unwrap_or_default(), inputs }
}

/// The config that these files are at the commit, with the inputs over it.
///
/// # Errors
/// A file that is there could not be read or understood.
pub async fn config_at(
    api: &Api,
    sha: &str,
    branch: &str,
    names: Vec<String>,
    args: &CheckArgs,
) -> Result<Config, Problem> {
    let mut config = Config::default();
    let mut problems = Vec::new();
    for name in names {
        let Some(text) = text_at(api, sha, &name, LARGEST).await? else { continue };
        let document = Document::parse(&format!("{name} at {branch}"), &text);
        match document.map(|document| Config::read(&document, &mut problems)) {
            Ok(read) => config.merge(read),
            Err(found) => problems.extend(found),
        }
    }
    problems.extend(inputs::apply(&mut config, args));
    match problems.into_iter().next() {
        Some(first) => Err(first),
        None => Ok(config),
    }
}

/// A file's text at the commit, if it is there.
///
/// # Errors
/// It is there and could not be read.
pub async fn text_at(api: &Api, sha: &str, path: &str, most: usize) -> Result<Option<String>, Problem> {
    // It becomes part of an address that the token goes to.
    if !contents::is_plain(path) {
        return Err(Problem::new(format!("{} names no file of the repository", code(path))));
    }
    match contents::at_commit(api, sha, path, most).await {
        Ok(bytes) => {
            let text = String::from_utf8(bytes).map_err(|_| Problem::new(format!("{} is not UTF-8", code(path))))?;
            Ok(Some(text))
        }
        Err(Denied::Missing(_)) => Ok(None),
        Err(denied) => Err(denied.problem()),
    }
}

/// This step's inputs at the commit: what its workflow says there, and where that is an expression, what it is now.
async fn inputs_at(
    api: &Api,
    context: &Context,
    github: &Github,
    sha: &str,
    args: &CheckArgs,
) -> Result<CheckArgs, Problem> {
    let step = &github.step;
    if step.file.is_empty() {
        return Ok(args.clone());
    }
    let there = text_at(api, sha, &step.file, LARGEST).await?;
    let Some(with) = there.and_then(|text| workflow::inputs(&text, step)) else {
        // A step that this pull request brings had no thresholds; one of a reusable workflow cannot be read.
        let here = std::fs::read_to_string(github.in_workspace(&step.file)).unwrap_or_default();
        let is_new = workflow::inputs(&here, step).is_some();
        return Ok(if is_new {
            CheckArgs { config: args.config.clone(), ..CheckArgs::default() }
        } else {
            args.clone()
        });
    };
    let now = |name: &str| context.variables.get(&format!("INPUT_{}", name.to_uppercase())).cloned();
    let inputs: BTreeMap<String, String> = with
        .into_iter()
        .filter_map(|(name, text)| {
            let text = if text.contains("${{") { now(&name)? } else { text };
            Some((format!("INPUT_{}", name.to_uppercase()), text))
        })
        .collect();
    let unreadable = |said: String| Problem::new(format!("the inputs of {} at the base: {said}", code(&step.file)));
    let argv: Vec<OsString> = action::argv(inputs)
        .map_err(|problems| unreadable(problems.first().map(ToString::to_string).unwrap_or_default()))?;
    match Cli::try_parse_from(argv).map(|cli| cli.command) {
        Ok(Command::Check(base)) => Ok(*base),
        Ok(_) => Ok(CheckArgs::default()),
        Err(error) => Err(unreadable(cli::first_line(&error.to_string()))),
    }
}

/// Lays what the base branch says over the pull request's gate, as the policy wants it, and lists what is edited.
///
/// # Errors
/// The base's limits are to count, and cannot be read.
pub fn hold(context: &Context, event: &Event, args: &CheckArgs, config: Config) -> Result<Held, Failure> {
    let untouched = |config| (args.clone(), config, None);
    let pull_request = event.pull_request.as_ref().filter(|_| event.name.starts_with("pull_request"));
    let (Some(github), Some(pull_request)) = (&context.github, pull_request) else { return Ok(untouched(config)) };
    let asked = args.policy.unwrap_or_default();
    let Some(repository) = context.repository(args.github_token.as_deref()).filter(|it| it.token.is_some()) else {
        let problem =
            Problem::new("without a token the gate of the base branch cannot be read").hint("set `github-token`");
        return if asked == Policy::Head { Ok(untouched(config)) } else { Err(Failure::unmeasured(problem)) };
    };
    let read = block_on(async {
        let api = Api::connect(&repository).await?;
        read(&api, context, github, pull_request, args).await
    });
    let mut edits = GateEdits {
        policy: asked,
        branch: pull_request.base.branch.clone(),
        sha: pull_request.base.sha.clone(),
        edits: Vec::new(),
        unread: None,
    };
    let base = match read.unwrap_or_else(Err) {
        Ok(base) => base,
        Err(problem) if asked == Policy::Head => {
            edits.unread = Some(problem.to_string());
            return Ok((args.clone(), config, Some(edits)));
        }
        Err(problem) => {
            let message = format!("the gate of the base branch counts, and could not be read: {}", problem.message);
            return Err(Failure::unmeasured(Problem { message, ..problem }));
        }
    };
    // What the base branch says of the policy is not for a pull request to change.
    edits.policy = base.args.policy.unwrap_or(asked);
    let head = gate(config.clone(), args);
    edits.edits = edits::compare(&base.gate, &head);
    let mut args = args.clone();
    if edits.policy != Policy::Head {
        (args.now, args.mlflow_tracking_uri) = (base.args.now, base.args.mlflow_tracking_uri);
        args.fail_on = Some(edits::stricter(base.gate.fail_on, head.fail_on));
        if base.args.gate.is_none() {
            args.gate = None;
        }
        if base.args.only.is_empty() {
            args.only.clear();
        }
    }
    let config = edits::under(edits.policy, base.gate, config);
    let edits = (!edits.edits.is_empty()).then_some(edits);
    Ok((args, config, edits))
}
