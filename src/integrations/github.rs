//! GitHub Actions: its variables, files and log commands. Nothing else knows GitHub.
#![expect(clippy::disallowed_methods, reason = "edge: writes the runner's files")]

pub mod ancestry;
pub mod annotations;
pub mod api;
pub mod artifact;
pub mod base;
pub mod branch;
pub mod check_run;
pub mod comment;
pub mod compare;
pub mod contents;
pub mod deployment;
pub mod dispatch;
pub mod event;
pub mod issue;
pub mod outputs;
pub mod pipeline;
pub mod workflow;

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};

use event::Event;
use pipeline::Pipeline;
use workflow::Step;

use crate::support::problem::Problem;
use crate::support::words::code;

/// Over this, the runner shows nothing of a summary at all.
const LARGEST_SUMMARY: usize = 1 << 20;
/// GitHub caps what it sends at 25 MB.
const LARGEST_EVENT: u64 = 30_000_000;

/// The workflow run this process is part of.
#[derive(Debug, Clone)]
pub struct Github {
    output: Option<PathBuf>,
    summary: Option<PathBuf>,
    workspace: Option<PathBuf>,
    event_path: Option<PathBuf>,
    event_name: String,
    pub commit: Option<String>,
    pub pipeline: Pipeline,
    /// The workflow's name.
    pub workflow: String,
    /// The branch or tag that the run is of.
    pub branch: String,
    /// This step of the workflow.
    pub step: Step,
    /// The page of the run.
    pub url: Option<String>,
    /// Who caused it.
    pub actor: String,
}

impl Github {
    /// The run, where `GITHUB_ACTIONS=true`.
    pub fn new(variables: &BTreeMap<String, String>) -> Option<Self> {
        let get = |name: &str| variables.get(name).filter(|value| !value.is_empty()).cloned();
        (get("GITHUB_ACTIONS").as_deref() == Some("true")).then(|| Self {
            output: get("GITHUB_OUTPUT").map(PathBuf::from),
            summary: get("GITHUB_STEP_SUMMARY").map(PathBuf::from),
            workspace: get("GITHUB_WORKSPACE").map(PathBuf::from),
            event_path: get("GITHUB_EVENT_PATH").map(PathBuf::from),
            event_name: get("GITHUB_EVENT_NAME").unwrap_or_default(),
            commit: get("GITHUB_SHA"),
            workflow: get("GITHUB_WORKFLOW").unwrap_or_default(),
            branch: get("GITHUB_REF_NAME").unwrap_or_default(),
            step: Step {
                file: get("GITHUB_WORKFLOW_REF")
                    .as_deref()
                    .and_then(|reference| workflow_file(reference, &get("GITHUB_REPOSITORY")?))
                    .unwrap_or_default(),
                job: get("GITHUB_JOB").unwrap_or_default(),
                action: get("GITHUB_ACTION").unwrap_or_default(),
                repository: get("GITHUB_ACTION_REPOSITORY").unwrap_or_default(),
            },
            url: run_url(&get),
            actor: get("GITHUB_ACTOR").unwrap_or_default(),
            pipeline: Pipeline {
                event: get("GITHUB_EVENT_NAME"),
                proposal: None,
                pull_request: None,
                workflow_ref: get("GITHUB_WORKFLOW_REF"),
                workflow_sha: get("GITHUB_WORKFLOW_SHA"),
                run_id: get("GITHUB_RUN_ID").and_then(|id| id.parse().ok()),
                run_attempt: get("GITHUB_RUN_ATTEMPT").and_then(|attempt| attempt.parse().ok()),
            },
        })
    }

    /// What started the run.
    ///
    /// # Errors
    /// Its payload cannot be read.
    pub fn event(&self) -> Result<Event, Problem> {
        let Some(path) = &self.event_path else { return Ok(self.nameless_event()) };
        let broken = |said: String| Problem::new(format!("the event {} {said}", code(&path.to_string_lossy())));
        let file = std::fs::File::open(path).map_err(|error| broken(format!("could not be read: {error}")))?;
        let mut text = String::new();
        let read = std::io::Read::read_to_string(&mut std::io::Read::take(file, LARGEST_EVENT), &mut text);
        read.map_err(|error| broken(format!("could not be read: {error}")))?;
        Event::parse(&self.event_name, &text).map_err(broken)
    }

    /// The event without its payload.
    pub fn nameless_event(&self) -> Event {
        Event { name: self.event_name.clone(), ..Event::default() }
    }

    /// Whether runs of this event have the base branch's secrets, whoever caused them.
    pub fn has_secrets_beside_proposals(&self) -> bool {
        event::has_secrets_beside_proposals(&self.event_name)
    }

    /// Whether the token can be expected to write nothing, and why.
    pub fn reads_only(&self, event: &Event) -> Option<&'static str> {
        let is_restricted = event.is_of_pull_request() && event.runs_proposed_workflow();
        let is_from_fork = event.pull_request.as_ref().is_some_and(event::PullRequest::is_from_fork);
        match (is_restricted, is_from_fork, self.actor.as_str()) {
            (true, true, _) => Some("a fork"),
            (true, _, "dependabot[bot]") => Some("Dependabot"),
            _ => None,
        }
    }

    /// Appends outputs for later steps.
    ///
    /// # Errors
    /// `GITHUB_OUTPUT` is unset or cannot be written.
    pub fn write_outputs(&self, values: &[(&str, String)]) -> Result<(), Problem> {
        let Some(path) = &self.output else {
            return Err(Problem::new("GITHUB_OUTPUT is not set, so later steps would see no result")
                .hint("run mlgate as a step of a workflow, or with arguments as a command line"));
        };
        let text: String = values.iter().map(|(name, value)| outputs::entry(name, value)).collect();
        append(path, &text).map_err(|error| {
            Problem::new(format!("GITHUB_OUTPUT could not be written: {error}"))
                .hint("the image must run as root: no `USER` in its Dockerfile")
        })
    }

    /// Appends to the job's summary.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write_summary(&self, markdown: &str) -> Result<(), Problem> {
        let Some(path) = &self.summary else { return Ok(()) };
        if markdown.len() > LARGEST_SUMMARY {
            return Err(Problem::new("the job summary would be over 1 MiB, which GitHub does not show"));
        }
        append(path, markdown).map_err(|error| Problem::new(format!("the job summary could not be written: {error}")))
    }

    /// The path from the workspace on, as other steps name it.
    pub fn relative(&self, path: &Path) -> String {
        let base = self.workspace.as_ref().and_then(|workspace| workspace.canonicalize().ok());
        let full = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let inside = base.and_then(|base| full.strip_prefix(base).ok().map(Path::to_owned));
        inside.unwrap_or_else(|| path.to_owned()).to_string_lossy().into_owned()
    }

    /// A path as the repository has it, by its words alone: where a link in a checkout leads is the pull request's say.
    pub fn written(&self, path: &str) -> String {
        let workspace = self.workspace.as_deref().map(Path::to_string_lossy).unwrap_or_default();
        let inside = path.strip_prefix(workspace.trim_end_matches('/')).filter(|_| !workspace.is_empty());
        inside.map_or(path, |inside| inside.trim_start_matches('/')).trim_start_matches("./").to_owned()
    }

    /// Where people read the files that were judged: an address that a path and `#L1` can follow.
    pub fn files(&self, event: &Event) -> Option<String> {
        let (run, _) = self.url.as_ref()?.split_once("/actions/runs/")?;
        let head = event.pull_request.as_ref().map(|pull_request| &pull_request.head.sha);
        Some(format!("{run}/blob/{}/", head.or(self.commit.as_ref())?))
    }

    /// A file of the repository, where it is checked out.
    pub fn in_workspace(&self, path: &str) -> PathBuf {
        self.workspace.as_deref().unwrap_or(Path::new(".")).join(path)
    }
}

/// `octo/risk/.github/workflows/gate.yml@refs/heads/main` → `.github/workflows/gate.yml`; of a workflow that a ruleset
/// brings from another repository, nothing.
fn workflow_file(reference: &str, repository: &str) -> Option<String> {
    let (path, _) = reference.split_once('@')?;
    let (own, file) = path.split_at_checked(repository.len())?;
    file.strip_prefix('/').filter(|_| own.eq_ignore_ascii_case(repository)).map(ToOwned::to_owned)
}

fn run_url(get: &impl Fn(&str) -> Option<String>) -> Option<String> {
    let server = get("GITHUB_SERVER_URL").unwrap_or_else(|| "https://github.com".to_owned());
    Some(format!("{server}/{}/actions/runs/{}", get("GITHUB_REPOSITORY")?, get("GITHUB_RUN_ID")?))
}

fn append(path: &Path, text: &str) -> std::io::Result<()> {
    OpenOptions::new().append(true).create(true).open(path)?.write_all(text.as_bytes())
}
