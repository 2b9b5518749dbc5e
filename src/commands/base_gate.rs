//! The gate as it is at the base of a proposal: the config files and the workflow's inputs there.

mod files;
mod inputs;

use self::inputs::Inputs;
use super::Context;
use crate::cli::CheckArgs;
use crate::config::document::{Document, LARGEST};
use crate::config::edits::{self, Edit, Gate, GateEdits, Kind, Policy};
use crate::config::{self, Config};
use crate::integrations::github::Github;
use crate::integrations::github::api::{Api, Ask, Denied};
use crate::integrations::github::base::{self, Base};
use crate::integrations::github::compare::{self, Changes};
use crate::integrations::github::contents;
use crate::integrations::github::event::Event;
use crate::integrations::http::block_on;
use crate::plan;
use crate::support::problem::{Failure, Problem};
use crate::support::words::code;

pub use self::files::{touched, workflow};

/// What counts where a proposal is judged, and what it changes of the gate.
pub struct Held {
    pub args: CheckArgs,
    pub config: Config,
    pub edits: Option<GateEdits>,
    /// The inputs at the base, where the base has its say.
    pub base: Option<CheckArgs>,
}

/// The commits that a proposal lies between.
struct Ends {
    base: String,
    /// The branch of the base.
    branch: String,
    /// Of an event that names no base there is none.
    head: Option<String>,
    pull_request: Option<u64>,
}

/// The gate at the base, as the step of the workflow there would be.
struct BaseGate {
    inputs: Inputs,
    gate: Gate,
    changes: Changes,
}

impl Held {
    fn own(args: &CheckArgs, config: Config, edits: Option<GateEdits>) -> Self {
        Self { args: args.clone(), config, edits, base: None }
    }
}

impl Ends {
    /// Returns those of the payload; an event without a base is compared with the default branch.
    ///
    /// # Errors
    /// GitHub does not answer, or does not know the default branch.
    async fn of(event: &Event, api: &Api) -> Result<Self, Problem> {
        let Base { sha, branch } = base::of(api, event).await?;
        let head = event.ends().map(|(_, head)| head.sha.clone());
        Ok(Self { base: sha, branch, head, pull_request: event.pull_request.as_ref().map(|one| one.number) })
    }
}

/// Reads the gate by the contents API; files that are not there have no rules.
///
/// # Errors
/// Something that is there could not be read or understood.
async fn read(
    api: &Api,
    (context, github): (&Context, &Github),
    ends: &Ends,
    is_proposed: bool,
    args: &CheckArgs,
) -> Result<BaseGate, Problem> {
    let changes = match &ends.head {
        Some(head) => compare::changes(api, (&ends.base, head), ends.pull_request).await,
        None => Changes::unknown("the event names no head commit"),
    };
    let place = inputs::Place { api, context, github, ends, changes: &changes, is_proposed };
    let inputs = inputs::at(&place, args).await?;
    let names = plan::config_names(&inputs.args).map_err(|message| Problem::new(format!("input config: {message}")))?;
    let mut written = Vec::new();
    for name in names {
        written.push(in_repository(api, github, &ends.base, &name).await?);
    }
    let config = config_at(api, &ends.base, &ends.branch, written, &inputs.args).await?;
    if config.entries.is_empty() {
        // What is not there and what may not be seen are one answer; the commit itself is there.
        let ask = Ask { to: "read the base commit", permission: "contents: read" };
        let route = format!("/commits/{}", ends.base);
        api.get(&route, "application/vnd.github.sha", 100, ask).await.map_err(Denied::problem)?;
    }
    Ok(BaseGate { gate: gate(config, &inputs.args), inputs, changes })
}

/// A config's path as the repository has it: of a checkout in a folder, from that folder on.
async fn in_repository(api: &Api, github: &Github, sha: &str, name: &str) -> Result<String, Problem> {
    let written = github.written(name);
    for other in files::below_checkouts(&github.in_workspace(""), &written) {
        if text_at(api, sha, &written, LARGEST).await?.is_none() && text_at(api, sha, &other, LARGEST).await?.is_some()
        {
            return Ok(other);
        }
    }
    Ok(written)
}

/// A config with its entries that are asked for, and what else decides.
pub fn gate(mut config: Config, args: &CheckArgs) -> Gate {
    config.entries.retain(|entry| plan::is_asked_for(entry, args));
    Gate {
        config,
        fail_on: args.fail_on.unwrap_or_default(),
        policy: args.policy.unwrap_or_default(),
        inputs: edits::inputs::deciding(args),
    }
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

/// Lays what the base branch says over the proposal's gate, as the policy wants it, and lists what is edited.
///
/// # Errors
/// The base's limits are to count, and cannot be read or are not there.
pub fn hold(context: &Context, event: &Event, args: &CheckArgs, config: Config) -> Result<Held, Failure> {
    let asked = args.policy.unwrap_or_default();
    let github = match &context.github {
        Some(github) if event.is_proposal() => github,
        _ => return Ok(Held::own(args, config, None)),
    };
    // What is only listed is listed of what has two ends.
    if asked == Policy::Head && event.ends().is_none() {
        return Ok(Held::own(args, config, None));
    }
    let Some(repository) = context.repository(args.github_token.as_deref()).filter(|it| it.token.is_some()) else {
        let problem = Problem::new("the gate of the base branch cannot be read without a token");
        let failure = Failure::unmeasured(problem.hint("set `github-token`"));
        return if asked == Policy::Head { Ok(Held::own(args, config, None)) } else { Err(failure) };
    };
    let read = block_on(async {
        let work = async {
            let api = Api::connect(&repository).await?;
            let ends = Ends::of(event, &api).await?;
            let base = read(&api, (context, github), &ends, event.runs_proposed_workflow(), args).await;
            Ok::<_, Problem>((ends, base))
        };
        let late = |_| Problem::new("GitHub took too long");
        tokio::time::timeout(super::talk::PATIENCE, work).await.map_err(late).and_then(|read| read)
    });
    let (ends, base) = match read.unwrap_or_else(Err) {
        Ok((ends, base)) => (Some(ends), base),
        Err(problem) => (None, Err(problem)),
    };
    let named = event.ends().map(|(base, _)| (base.branch.clone(), base.sha.clone()));
    let (branch, sha) = ends.map(|ends| (ends.branch, ends.base)).or(named).unwrap_or_default();
    let mut edits = GateEdits { policy: asked, branch, sha, edits: Vec::new(), unread: None };
    let base = match base {
        Ok(base) => base,
        Err(problem) if asked == Policy::Head => {
            edits.unread = Some(problem.to_string());
            return Ok(Held::own(args, config, Some(edits)));
        }
        Err(problem) => return Err(unknown(problem)),
    };
    let BaseGate { inputs, gate: base, changes } = base;
    let Inputs { args: base_args, gone, unknown: hidden, computed, is_edited } = inputs;
    // What the base branch says of the policy is not for a proposal to change.
    edits.policy = base_args.policy.unwrap_or(asked);
    if base.config.entries.is_empty() {
        return match edits.policy {
            Policy::Head => Ok(Held::own(args, config, None)),
            policy => Err(no_gate(policy, &edits.branch)),
        };
    }
    if edits.policy != Policy::Head {
        if let Some((name, _)) = gone.first() {
            let said = format!("the input {} is an expression at the base, and is not given here", code(name));
            return Err(unknown(Problem::new(said)));
        }
        if let Some(name) = hidden.first() {
            let said = format!("the input {} is an expression over what the pull request edits", code(name));
            return Err(unknown(Problem::new(said).hint("give the limit as it is, or put it into mlgate.yml")));
        }
    }
    edits.edits = gone.iter().map(|(name, text)| gone_input(name, text)).collect();
    edits.edits.extend(edits::compare(&base, &gate(config.clone(), args)));
    edits.edits.extend(computed.iter().map(|name| computed_input(name)));
    let is_held = edits.policy != Policy::Head;
    if is_held {
        edits.edits.extend(other_base(event, &edits.branch));
    }
    if edits.policy != Policy::Base {
        edits.edits.extend(edits::widened(&base.config, &config));
    }
    let args = if is_held { held_args(&base_args, args).map_err(Failure::unmeasured)? } else { args.clone() };
    let config = edits::under(edits.policy, base, config);
    let is_edited = changes.has(&github.step.file) || changes.unknown.is_some() && is_edited;
    if event.runs_proposed_workflow() && is_edited {
        edits.edits.push(workflow(&github.step.file));
    }
    edits.edits.extend(touched(&changes, &config, args.history.as_deref(), &|path| files::places(github, path)));
    let edits = (!edits.edits.is_empty()).then_some(edits);
    Ok(Held { args, config, edits, base: is_held.then_some(base_args) })
}

fn unknown(problem: Problem) -> Failure {
    let message = format!("the gate of the base branch counts, and could not be read: {}", problem.message);
    Failure::unmeasured(Problem { message, ..problem })
}

fn no_gate(policy: Policy, branch: &str) -> Failure {
    let policy = if policy == Policy::Base { "base" } else { "stricter" };
    let said = format!("the branch {} has no gate, and `policy: {policy}` needs one", code(branch));
    let hint = "merge the first gate under `policy: head`; then set the policy";
    Failure::unmeasured(Problem::new(said).hint(hint))
}

/// The inputs that count where the base branch has its say.
fn held_args(base: &CheckArgs, head: &CheckArgs) -> Result<CheckArgs, Problem> {
    let mut args = edits::inputs::held(base, head)?;
    args.fail_on = Some(edits::stricter(base.fail_on.unwrap_or_default(), head.fail_on.unwrap_or_default()));
    // Entries of the base were picked by its own word; where that is another, all are judged.
    if base.gate != head.gate {
        args.gate = None;
    }
    if base.only != head.only {
        args.only.clear();
    }
    Ok(args)
}

/// What a reviewer reads where the base is another branch than the default one: whoever opens the pull request chooses it,
/// and may choose another after the gate has passed.
fn other_base(event: &Event, branch: &str) -> Option<Edit> {
    let default = event.default_branch.as_deref().filter(|default| *default != branch)?;
    let rule = "the branch whose gate counts".to_owned();
    Some(Edit { kind: Kind::Changed, rule, setting: None, from: Some(code(default)), to: Some(code(branch)), at: None })
}

fn gone_input(name: &str, text: &str) -> Edit {
    let rule = format!("input {}", code(name));
    Edit { kind: Kind::Removed, rule, setting: None, from: Some(code(text)), to: None, at: None }
}

fn computed_input(name: &str) -> Edit {
    let to = "as this run is given it: its value at the base is not known".to_owned();
    Edit {
        kind: Kind::Changed,
        rule: format!("input {}", code(name)),
        setting: None,
        from: None,
        to: Some(to),
        at: None,
    }
}
