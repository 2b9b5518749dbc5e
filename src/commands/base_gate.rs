//! The gate as it is at the base of a pull request: the config files and the workflow's inputs there.

mod inputs;

use self::inputs::Inputs;
use super::{Context, note};
use crate::cli::CheckArgs;
use crate::config::document::{Document, LARGEST};
use crate::config::{self, Config};
use crate::edits::{self, Edit, Gate, GateEdits, Kind, Policy};
use crate::github::Github;
use crate::github::api::{Api, Ask, Denied};
use crate::github::contents;
use crate::github::event::{Event, PullRequest};
use crate::http::block_on;
use crate::plan;
use crate::problem::{Failure, Problem};
use crate::words::code;

/// Inputs and config that count, and what the pull request edits of them.
pub type Held = (CheckArgs, Config, Option<GateEdits>);

/// The gate at the base, as the step of the workflow there would be.
struct BaseGate {
    args: CheckArgs,
    gate: Gate,
    /// Inputs that are expressions there, and are not given here.
    gone: Vec<(String, String)>,
    /// Inputs whose values there are not known.
    unknown: Vec<String>,
}

/// Reads it by the contents API; files that are not there have no rules.
///
/// # Errors
/// Something that is there could not be read or understood.
async fn read(
    api: &Api,
    context: &Context,
    github: &Github,
    pull_request: &PullRequest,
    args: &CheckArgs,
) -> Result<BaseGate, Problem> {
    let sha = &pull_request.base.sha;
    let Inputs { args, gone, unknown } = inputs::at(api, context, github, sha, args).await?;
    let names = plan::config_names(&args).map_err(|message| Problem::new(format!("input config: {message}")))?;
    let names = names.iter().map(|name| github.written(name)).collect();
    let config = config_at(api, sha, &pull_request.base.branch, names, &args).await?;
    if config.entries.is_empty() {
        // What is not there and what may not be seen are one answer; the commit itself is there.
        let ask = Ask { to: "read the base commit", permission: "contents: read" };
        let route = format!("/commits/{sha}");
        api.get(&route, "application/vnd.github.sha", 100, ask).await.map_err(Denied::problem)?;
    }
    Ok(BaseGate { gate: gate(config, &args), args, gone, unknown })
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
        let document = Document::parse(&name, &text);
        match document.map(|document| Config::read(&document, &mut problems)) {
            Ok(read) => config.merge(read),
            Err(found) => problems.extend(found),
        }
    }
    problems.extend(config::inputs::apply(&mut config, args));
    match problems.into_iter().next() {
        Some(first) => Err(Problem { message: format!("at {}: {}", code(branch), first.message), ..first }),
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

/// Lays what the base branch says over the pull request's gate, as the policy wants it, and lists what is edited.
///
/// # Errors
/// The base's limits are to count, and cannot be read.
pub fn hold(context: &Context, event: &Event, args: &CheckArgs, config: Config) -> Result<Held, Failure> {
    let untouched = |config| (args.clone(), config, None);
    let asked = args.policy.unwrap_or_default();
    let Some(github) = context.github.as_ref().filter(|_| event.name.starts_with("pull_request")) else {
        return Ok(untouched(config));
    };
    let repository = context.repository(args.github_token.as_deref()).filter(|it| it.token.is_some());
    let (Some(pull_request), Some(repository)) = (&event.pull_request, repository) else {
        let problem =
            Problem::new("without a token and the event's commits the gate of the base branch cannot be read");
        let failure = Failure::unmeasured(problem.hint("set `github-token`; see that GITHUB_EVENT_PATH is the event"));
        return if asked == Policy::Head { Ok(untouched(config)) } else { Err(failure) };
    };
    let base = block_on(async {
        let work = async {
            let api = Api::connect(&repository).await?;
            let base = read(&api, context, github, pull_request, args).await?;
            Ok::<_, Problem>((touched(&api, pull_request, &config).await, base))
        };
        let late = |_| Problem::new("GitHub took too long");
        tokio::time::timeout(super::talk::PATIENCE, work).await.map_err(late).and_then(|read| read)
    });
    let mut edits = GateEdits {
        policy: asked,
        branch: pull_request.base.branch.clone(),
        sha: pull_request.base.sha.clone(),
        edits: Vec::new(),
        unread: None,
    };
    let (touched, base) = match base.unwrap_or_else(Err) {
        Ok(base) => base,
        Err(problem) if asked == Policy::Head => {
            edits.unread = Some(problem.to_string());
            return Ok((args.clone(), config, Some(edits)));
        }
        Err(problem) => return Err(unknown(problem)),
    };
    if base.gate.config.entries.is_empty() {
        if asked != Policy::Head {
            note("the base branch has no gate yet: judged by the pull request's own limits");
        }
        return Ok(untouched(config));
    }
    // What the base branch says of the policy is not for a pull request to change.
    edits.policy = base.args.policy.unwrap_or(asked);
    if let Some((name, _)) = base.gone.first().filter(|_| edits.policy != Policy::Head) {
        let said = format!("the input {} is an expression at the base, and is not given here", code(name));
        return Err(unknown(Problem::new(said)));
    }
    if let Some(name) = base.unknown.first().filter(|_| edits.policy != Policy::Head) {
        let said = format!("the input {} is an expression over what the pull request edits", code(name));
        return Err(unknown(Problem::new(said).hint("give the limit as it is, or put it into mlgate.yml")));
    }
    edits.edits = base.gone.iter().map(|(name, text)| gone_input(name, text)).collect();
    edits.edits.extend(edits::compare(&base.gate, &gate(config.clone(), args)));
    edits.edits.extend(touched);
    let args = if edits.policy == Policy::Head { args.clone() } else { held_args(&base.args, args) };
    let config = edits::under(edits.policy, base.gate, config);
    let edits = (!edits.edits.is_empty()).then_some(edits);
    Ok((args, config, edits))
}

fn unknown(problem: Problem) -> Failure {
    let message = format!("the gate of the base branch counts, and could not be read: {}", problem.message);
    Failure::unmeasured(Problem { message, ..problem })
}

/// The inputs that count where the base branch has its say.
fn held_args(base: &CheckArgs, head: &CheckArgs) -> CheckArgs {
    let mut args = head.clone();
    (args.now, args.mlflow_tracking_uri) = (base.now.clone(), base.mlflow_tracking_uri.clone());
    args.fail_on = Some(edits::stricter(base.fail_on.unwrap_or_default(), head.fail_on.unwrap_or_default()));
    // Entries of the base were picked by its own word; where that is another, all are judged.
    if base.gate != head.gate {
        args.gate = None;
    }
    if base.only != head.only {
        args.only.clear();
    }
    args
}

fn gone_input(name: &str, text: &str) -> Edit {
    let rule = format!("input {}", code(name));
    Edit { kind: Kind::Removed, rule, setting: None, from: Some(code(text)), to: None, at: None }
}

/// What the gate measures against, where the pull request rewrites it in place. A token that may not read the list
/// of files leaves this out.
async fn touched(api: &Api, pull_request: &PullRequest, config: &Config) -> Vec<Edit> {
    let baseline = config.model.baseline.as_ref().and_then(|baseline| baseline.path.as_ref());
    let named = [
        ("data.reference", config.data.reference.as_ref()),
        ("data.test", config.data.test.as_ref()),
        ("model.baseline", baseline),
    ];
    let named: Vec<(&str, &String)> = named.into_iter().filter_map(|(name, path)| Some((name, path?))).collect();
    if named.is_empty() {
        return Vec::new();
    }
    let ask = Ask { to: "list the pull request's files", permission: "pull-requests: read" };
    let files = api.list(&format!("/pulls/{}/files", pull_request.number), None, ask).await.unwrap_or_default();
    let is_touched = |path: &str| {
        let path = path.trim_start_matches("./");
        files.iter().filter_map(|file| file["filename"].as_str()).any(|file| {
            file == path || file.strip_prefix(path.trim_end_matches('/')).is_some_and(|rest| rest.starts_with('/'))
        })
    };
    let edit = |(name, path): (&str, &String)| Edit {
        kind: Kind::Changed,
        rule: format!("the file of {}", code(name)),
        setting: None,
        from: None,
        to: Some(format!("{} as this pull request has it", code(path))),
        at: None,
    };
    named.into_iter().filter(|(_, path)| is_touched(path)).map(edit).collect()
}
