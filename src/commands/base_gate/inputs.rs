//! The inputs that the workflow at the base gives this step.

use std::collections::BTreeMap;
use std::ffi::OsString;

use clap::Parser;

use super::{Ends, text_at};
use crate::cli::{self, CheckArgs, Cli, Command, FailOn, action};
use crate::commands::Context;
use crate::config::document::LARGEST;
use crate::config::edits::Policy;
use crate::config::edits::inputs::{is_limit, is_own, undecided};
use crate::integrations::github::Github;
use crate::integrations::github::api::Api;
use crate::integrations::github::compare::{ChangedFile, Changes};
use crate::integrations::github::workflow;
use crate::support::problem::Problem;
use crate::support::words::code;

/// Contexts and functions of expressions whose values a workflow file, its steps or the checkout give.
const EDITABLE: [&str; 9] = ["env", "matrix", "needs", "steps", "inputs", "strategy", "job", "jobs", "hashFiles"];
/// Workflows that are looked through for the one that this was.
const MOST_WORKFLOWS: usize = 20;

/// Where the inputs are read.
pub struct Place<'a> {
    pub api: &'a Api,
    pub context: &'a Context,
    pub github: &'a Github,
    pub ends: &'a Ends,
    pub changes: &'a Changes,
    /// Whether the run follows the workflow that is proposed.
    pub is_proposed: bool,
}

/// The inputs at the base.
pub struct Inputs {
    pub args: CheckArgs,
    /// Expressions there, of inputs that are not given here: of an edited workflow, and limits that are secrets.
    pub gone: Vec<(String, String)>,
    /// Limits that are expressions over what the pull request edits, so that their values there are not known.
    pub unknown: Vec<String>,
    /// Other inputs of that kind, which have the value that they have here.
    pub computed: Vec<String>,
    /// Whether the workflow here is another than at the base.
    pub is_edited: bool,
}

impl Inputs {
    fn of(args: CheckArgs) -> Self {
        Self { args, gone: Vec::new(), unknown: Vec::new(), computed: Vec::new(), is_edited: false }
    }
}

/// What the workflow at the base says, and where that is an expression, what it is now.
///
/// # Errors
/// It could not be read, or which step was this one cannot be told, where that matters.
pub async fn at(place: &Place<'_>, args: &CheckArgs) -> Result<Inputs, Problem> {
    let step = &place.github.step;
    // Neither the default branch's own workflow nor one that a ruleset brings from another repository is a proposal's to
    // edit.
    if !place.is_proposed || step.file.is_empty() {
        return Ok(Inputs::of(args.clone()));
    }
    if !place.context.is_action {
        return unread("a command line", args);
    }
    let here = here(place).await?;
    let there = match text_at(place.api, &place.ends.base, &step.file, LARGEST).await? {
        Some(there) => there,
        None => former(place).await?.unwrap_or_default(),
    };
    let Some(with) = workflow::inputs(&there, step) else {
        return without_step(&there, here.as_deref(), place.github, args);
    };
    let variables = &place.context.variables;
    let now = |name: &str| variables.get(&variable(name)).filter(|text| !text.trim().is_empty()).cloned();
    let is_edited = here.as_ref() != Some(&there);
    let mut inputs = Inputs { is_edited, ..Inputs::of(CheckArgs::default()) };
    let mut given = BTreeMap::new();
    for (name, text) in with {
        // Under a policy of the base its value there is what counts, and the file that gives it is another here.
        if is_edited && is_editable(&text) {
            match (is_limit(&name), is_own(&name)) {
                (true, _) => inputs.unknown.push(name.clone()),
                (false, false) => inputs.computed.push(name.clone()),
                (false, true) => {}
            }
        }
        if !text.contains("${{") {
            given.insert(variable(&name), text);
        } else if let Some(now) = now(&name) {
            given.insert(variable(&name), now);
        } else if is_edited || is_limit(&name) && names_secrets(&text) {
            inputs.gone.push((name, text));
        }
        // Else the same expression is as empty there: a fork's run has no secrets.
    }
    let unreadable = |said: String| Problem::new(format!("the inputs of {} at the base: {said}", code(&step.file)));
    let argv: Vec<OsString> = action::argv(given)
        .map_err(|problems| unreadable(problems.first().map(ToString::to_string).unwrap_or_default()))?;
    inputs.args = match Cli::try_parse_from(argv).map(|cli| cli.command) {
        Ok(Command::Check(base)) => *base,
        Ok(_) => CheckArgs::default(),
        Err(error) => return Err(unreadable(cli::first_line(&error.to_string()))),
    };
    Ok(inputs)
}

/// The text of this run's workflow file, as GitHub has it: what lies in the checkout may be another by now.
async fn here(place: &Place<'_>) -> Result<Option<String>, Problem> {
    let own = [place.github.pipeline.workflow_sha.as_deref(), place.ends.head.as_deref()];
    for sha in own.into_iter().flatten() {
        if let Some(text) = text_at(place.api, sha, &place.github.step.file, LARGEST).await? {
            return Ok(Some(text));
        }
    }
    Ok(None)
}

/// The text at the base of the workflow that this one was before it was given another file: one that the proposal changes
/// and that has more steps of this action there.
async fn former(place: &Place<'_>) -> Result<Option<String>, Problem> {
    let step = &place.github.step;
    let is_workflow = |file: &&ChangedFile| {
        let name = file.base_name().strip_prefix(".github/workflows/").and_then(|name| name.rsplit_once('.'));
        name.is_some_and(|(_, extension)| ["yml", "yaml"].contains(&extension))
    };
    let changed: Vec<&ChangedFile> = place.changes.files.iter().filter(is_workflow).collect();
    let mut found = Vec::new();
    for file in changed.iter().take(MOST_WORKFLOWS) {
        let Some(there) = text_at(place.api, &place.ends.base, file.base_name(), LARGEST).await? else { continue };
        let is_moved = file.is_removed || file.previous.is_some();
        let here = match (&place.ends.head, is_moved) {
            (Some(head), false) => text_at(place.api, head, &file.name, LARGEST).await?.unwrap_or_default(),
            _ => String::new(),
        };
        if workflow::count(&there, step) > workflow::count(&here, step) {
            found.push(there);
        }
    }
    let why = match (&place.changes.unknown, found.len()) {
        (Some(why), _) => format!("not all changed files are known: {why}"),
        (None, _) if changed.len() > MOST_WORKFLOWS => format!("{} workflows are changed", changed.len()),
        (None, 0 | 1) => return Ok(found.pop()),
        (None, count) => format!("{count} changed workflows had steps of this action"),
    };
    let said = format!("which workflow {} was at the base cannot be told: {why}", code(&step.file));
    Err(Problem::new(said).hint("keep the workflow's file name"))
}

/// Whether the text is an expression over what the workflow file or its steps give. Names in its texts count too.
fn is_editable(text: &str) -> bool {
    names(text).any(|name| EDITABLE.iter().any(|editable| editable.eq_ignore_ascii_case(name)))
}

/// Whether the text is an expression over secrets, which not every run has.
fn names_secrets(text: &str) -> bool {
    names(text).any(|name| name.eq_ignore_ascii_case("secrets"))
}

fn names(text: &str) -> impl Iterator<Item = &str> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    text.split("${{").skip(1).flat_map(move |expression| expression.split(move |c| !is_name(c)))
}

/// The inputs at the base where its workflow has no such step: a new one had none, and of another nobody can tell.
fn without_step(there: &str, here: Option<&str>, github: &Github, args: &CheckArgs) -> Result<Inputs, Problem> {
    let step = &github.step;
    let is_new = here.is_some_and(|here| workflow::inputs(here, step).is_some());
    let others = workflow::count(there, step);
    if is_new && others > 0 {
        let said = format!("which of the {others} steps of {} at the base this one was", code(&step.file));
        return Err(Problem::new(format!("{said} cannot be told")).hint("give the step an `id`, and keep it"));
    }
    if is_new {
        return Ok(Inputs::of(CheckArgs { config: args.config.clone(), ..CheckArgs::default() }));
    }
    unread("a reusable workflow or a composite action", args)
}

/// The inputs where nothing says what they are at the base: under a policy of the base, limits among them end the run, and
/// the others are listed.
fn unread(place: &str, args: &CheckArgs) -> Result<Inputs, Problem> {
    let mut inputs = Inputs::of(args.clone());
    if args.policy.unwrap_or_default() == Policy::Head {
        return Ok(inputs);
    }
    if has_thresholds(args) || args.now.is_some() || args.fail_on == Some(FailOn::Never) {
        let said = format!("limits that are inputs of {place} cannot be read at the base");
        return Err(Problem::new(said).hint("put them into mlgate.yml"));
    }
    inputs.computed = undecided(args);
    Ok(inputs)
}

fn has_thresholds(args: &CheckArgs) -> bool {
    let mut config = crate::config::Config::default();
    crate::config::inputs::apply(&mut config, args);
    !config.entries.is_empty()
}

fn variable(name: &str) -> String {
    format!("INPUT_{}", name.to_uppercase())
}

#[cfg(test)]
mod tests {
    use super::is_editable;

    #[test]
    fn an_expression_is_editable_by_any_spelling() {
        for text in [
            "${{ env.ROWS }}",
            "${{ env['ROWS'] }}",
            "${{ fromJSON(toJSON(ENV)).ROWS }}",
            "${{ hashFiles('x') }}",
            "x${{matrix.a}}",
        ] {
            assert!(is_editable(text), "{text}");
        }
        for text in ["env.ROWS", "${{ vars.ROWS }}", "${{ github.event.number }}", "100", "${{ vars.MY_env_ROWS }}"] {
            assert!(!is_editable(text), "{text}");
        }
    }
}
