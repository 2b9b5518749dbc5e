//! What the commands do with the world: print, read, write.
#![expect(clippy::disallowed_methods, reason = "edge: the process and its files")]

pub mod docs;
pub mod suggest;
mod base_gate;
mod candidate;
mod deadline;
mod hosts;
pub mod check;
pub mod comment;
mod kept;
mod laboratory;
mod measuring;
mod notify;
pub mod profile;
mod progress;
pub mod report_folder;
pub mod rollout;
mod sign;
mod tables;
mod talk;
mod tell;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use clap::error::ErrorKind;

use crate::checks;
use crate::cli::{self, RunModelArgs, SuggestArgs, action};
use crate::data::table::csv::Csv;
use crate::data::table::files::{self, Files};
use crate::engine;
use crate::integrations::github::api::Repository;
use crate::integrations::github::event::Event;
use crate::integrations::github::{Github, annotations, outputs};
use crate::integrations::http::{HostPolicy, Patience};
use crate::plan::{self, CsvForm};
use crate::report::markdown::Options;
use crate::runtime::onnx::child;
use crate::support::log;
pub use crate::support::log::{note, say, warn};
use crate::support::problem::{Exit, Failure, Problem, nearest};
use crate::support::signature::{self, SigningKeys};
use crate::support::words::code;
use crate::support::workspace::Workspace;

/// Problems that are printed one by one.
const MOST_PROBLEMS: usize = 50;

/// Where the panic was, for the message.
static PANIC: Mutex<String> = Mutex::new(String::new());

/// The process's surroundings.
#[derive(Clone)]
pub struct Context {
    pub github: Option<Github>,
    /// `GITHUB_ACTIONS=true` and no arguments: then, and only then, `INPUT_*` counts.
    pub is_action: bool,
    variables: BTreeMap<String, String>,
}

/// What becomes of files that a fork proposes, where they lie beside secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Foreign {
    Refused,
    Allowed,
}

impl Context {
    pub fn new(arguments: &[OsString], variables: BTreeMap<String, String>) -> Self {
        let github = Github::new(&variables);
        Self { is_action: github.is_some() && arguments.len() <= 1, github, variables }
    }

    /// A run that is killed must not look like a pass: outputs say error until they say otherwise.
    ///
    /// # Errors
    /// An Action run whose outputs cannot be written.
    pub fn begin(&self) -> Result<(), Failure> {
        let judges = self.variables.get("INPUT_COMMAND").is_none_or(|name| ["", "check"].contains(&name.trim()));
        if self.is_action && judges {
            let first = [("result", "error".to_owned()), ("passed", "false".to_owned())];
            self.write_outputs(&first)?;
        }
        Ok(())
    }

    /// The command line, in an Action run that of its inputs.
    ///
    /// # Errors
    /// Unknown inputs.
    pub fn arguments(&self, arguments: Vec<OsString>) -> Result<Vec<OsString>, Failure> {
        if !self.is_action {
            return Ok(arguments);
        }
        action::argv(self.variables.clone()).map_err(|problems| Failure { exit: Exit::Usage, problems })
    }

    /// Which paths may be read and written.
    ///
    /// # Errors
    /// A workspace or data root that does not exist; an event that says nothing where it must be known.
    pub fn workspace(&self, data_root: Option<&str>, foreign: Foreign) -> Result<Workspace, Failure> {
        let root = self.variables.get("GITHUB_WORKSPACE").filter(|root| !root.is_empty());
        let root = Path::new(root.map_or(".", String::as_str));
        let workspace =
            if self.is_action { Workspace::action(root, data_root.map(Path::new))? } else { Workspace::command_line() };
        let Some(github) = self.github.as_ref().filter(|_| foreign == Foreign::Refused) else { return Ok(workspace) };
        let repository = self.variables.get("GITHUB_REPOSITORY").map_or("", String::as_str);
        // What started an event that cannot be read may have been a fork.
        let is_foreign = match github.event() {
            Ok(event) => event.is_foreign_beside_secrets(repository),
            Err(problem) if github.has_secrets_beside_proposals() => return Err(Failure::unmeasured(problem)),
            Err(_) => false,
        };
        let commit = github.commit.as_deref().unwrap_or_default();
        Ok(if is_foreign { workspace.only_commit(commit, root) } else { workspace })
    }

    /// What started the run; nothing outside of GitHub. Of what cannot be read there is the name, and that is said.
    pub fn event(&self) -> Option<Event> {
        let github = self.github.as_ref()?;
        let event = github.event().unwrap_or_else(|problem| {
            warn(&problem.to_string());
            github.nameless_event()
        });
        if event.is_of_pull_request() && event.pull_request.is_none() {
            warn("the event names no pull request with its commits: there is nothing to comment on or to compare with");
        }
        Some(event)
    }

    /// Whose word counts for a host that requests go to, as far as what started the run says; `trusted_branches` is the
    /// input.
    ///
    /// # Errors
    /// Usage: the input is no list.
    pub fn hosts(&self, trusted_branches: &[String]) -> Result<HostPolicy, Failure> {
        let Some(github) = &self.github else { return Ok(HostPolicy::trusted()) };
        let branches = cli::lists("trusted-branches", trusted_branches)?;
        // Of an event that cannot be read there is the name; that it cannot is said where it is read first.
        let event = github.event().unwrap_or_else(|_| github.nameless_event()).trusting(branches);
        Ok(self.hosts_of(&event))
    }

    /// As [`Context::hosts`], of an event that was read.
    pub fn hosts_of(&self, event: &Event) -> HostPolicy {
        if self.is_proposal(event) { HostPolicy::proposal(Vec::new()) } else { HostPolicy::trusted() }
    }

    /// Whether what started the run may be somebody's proposal only; never outside of GitHub.
    pub fn is_proposal(&self, event: &Event) -> bool {
        self.github.is_some() && event.is_proposal()
    }

    /// An input of an Action run, where it is given.
    fn input(&self, name: &str) -> Option<String> {
        let value = self.variables.get(&format!("INPUT_{}", name.to_uppercase()))?.trim();
        (self.is_action && !value.is_empty()).then(|| value.to_owned())
    }

    /// The keys that sign and verify: those of the input, else of `MLGATE_JOURNAL_KEY`.
    ///
    /// # Errors
    /// One of them is too short.
    pub fn journal_keys(&self, input: Option<&str>) -> Result<Option<SigningKeys>, Failure> {
        let text = input.or_else(|| self.variables.get(signature::VARIABLE).map(String::as_str));
        SigningKeys::parse(text.unwrap_or_default()).map_err(Failure::usage)
    }

    /// Whether the environment names a proxy.
    pub fn is_proxied(&self) -> bool {
        let names = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
        names.iter().any(|name| self.variables.get(*name).is_some_and(|value| !value.is_empty()))
    }

    /// This repository on GitHub, as the environment has it; `token` is the input's.
    pub fn repository(&self, token: Option<&str>) -> Option<Repository> {
        let get = |name: &str| self.variables.get(name).filter(|value| !value.is_empty()).cloned();
        Some(Repository {
            api: get("GITHUB_API_URL").unwrap_or_else(|| "https://api.github.com".to_owned()),
            name: get("GITHUB_REPOSITORY")?,
            token: token.map(ToOwned::to_owned).or_else(|| get("GITHUB_TOKEN")).map(|token| token.trim().to_owned()),
            proxied: self.is_proxied(),
            patience: Patience::default(),
        })
    }

    /// Appends outputs for later steps.
    ///
    /// # Errors
    /// In an Action run, that they cannot be written; elsewhere that is only said.
    pub fn write_outputs(&self, values: &[(&str, String)]) -> Result<(), Failure> {
        let Some(github) = &self.github else { return Ok(()) };
        match (github.write_outputs(values), self.is_action) {
            (Ok(()), _) => Ok(()),
            (Err(problem), true) => Err(Failure::unmeasured(problem)),
            (Err(problem), false) => {
                warn(&problem.message);
                Ok(())
            }
        }
    }

    /// Ends a run that has no verdict.
    pub fn failed(&self, failure: &Failure) -> Exit {
        for problem in failure.problems.iter().take(MOST_PROBLEMS) {
            log::error(&problem.to_string());
        }
        if failure.problems.len() > MOST_PROBLEMS {
            log::error(&format!("and {} more", failure.problems.len() - MOST_PROBLEMS));
        }
        if self.github.is_some() {
            annotations::problems(&failure.problems).iter().for_each(log::command);
        }
        if let Some(github) = &self.github {
            let values = [("result", "error".to_owned()), ("passed", "false".to_owned())];
            let said = outputs::summary(&failure.problems);
            let told = github.write_outputs(&values).and_then(|()| github.write_outputs(&[("summary", said)]));
            if let Err(problem) = told {
                warn(&problem.message);
            }
            if let Err(problem) =
                github.write_summary(&crate::report::markdown::failure(&failure.problems, &Options::default()))
            {
                warn(&problem.message);
            }
        }
        failure.exit
    }

    /// Says what clap says; help and version are no errors.
    ///
    /// # Errors
    /// Never; the exit is the answer.
    pub fn usage(&self, error: &clap::Error) -> Result<Exit, Failure> {
        if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
            log::usage(error);
            return Ok(Exit::Passed);
        }
        let said = error.to_string();
        if self.is_action {
            // Usage and help are about flags, and these are inputs.
            let lines = said.lines().take_while(|line| !line.starts_with("Usage:") && !line.starts_with("For more"));
            let lines: Vec<&str> = lines.map(str::trim).filter(|line| !line.is_empty()).collect();
            return Err(Failure::usage(Problem::new(lines.join("; ").trim_start_matches("error: "))));
        }
        log::usage(error);
        Ok(Exit::Usage)
    }

    pub fn panicked(&self) -> Exit {
        let place = PANIC.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let problem = Problem::new(format!("mlgate stopped on a bug of its own: {}", outputs::one_line(&place)))
            .hint("please report it, with what you ran");
        self.failed(&Failure::unmeasured(problem))
    }
}

/// Keeps the panic's place for the message instead of printing it with a backtrace.
pub fn quiet_panics() {
    std::panic::set_hook(Box::new(|info| {
        *PANIC.lock().unwrap_or_else(PoisonError::into_inner) = info.to_string();
    }));
}

/// What a folder contains besides the table's files.
pub fn name_unread(files: &Files) {
    const SHOWN: usize = 5;
    if files.unread.is_empty() {
        return;
    }
    let names: Vec<String> = files.unread.iter().take(SHOWN).map(|path| code(&path.to_string_lossy())).collect();
    let more = files.unread.len() - names.len();
    let more = if more == 0 { String::new() } else { format!(" and {more} more") };
    note(&format!("not read in {}: {}{more}", code(&files.shown), names.join(", ")));
}

/// Serves one model to the run that started this process.
pub fn run_model(args: &RunModelArgs) -> Exit {
    match child::serve(args) {
        Ok(()) => Exit::Passed,
        Err(error) => {
            log::error(&error.to_string());
            Exit::Unmeasured
        }
    }
}

/// # Errors
/// A table that cannot be profiled.
pub fn suggest(args: &SuggestArgs, context: &Context) -> Result<Exit, Failure> {
    let workspace = context.workspace(None, Foreign::Refused)?;
    let files = files::find(&args.data, &workspace)?;
    name_unread(&files);
    let delimiter = args.delimiter.map(plan::delimiter).transpose().map_err(Failure::usage)?;
    let csv = CsvForm { delimiter, ..CsvForm::default() }.for_files(&files);
    let mut source = engine::open(files, csv.clone()).map_err(Failure::unmeasured)?;
    let spellings = source.null_spellings().map_err(Failure::unmeasured)?;
    if !spellings.null_values.is_empty() {
        // Read again, as the suggested config will have it.
        let csv = Csv { null_values: spellings.null_values.clone(), ..csv };
        source = engine::open(files::find(&args.data, &workspace)?, csv).map_err(Failure::unmeasured)?;
    }
    let progress = std::sync::Arc::default();
    let shown = progress::Shown::start(&progress);
    let suggestion = suggest::suggest(args, &source, &spellings, &progress);
    drop(shown);
    say(&suggestion.map_err(Failure::unmeasured)?);
    Ok(Exit::Passed)
}

/// # Errors
/// No such check.
pub fn explain(check: &str) -> Result<Exit, Failure> {
    let Some(found) = checks::find(check) else {
        let problem = Problem::new(format!("there is no check {}", code(check)));
        let ids: Vec<&str> = checks::ALL.iter().map(|check| check.id).collect();
        return Err(Failure::usage(match nearest(check, ids.iter().copied()) {
            Some(near) => problem.hint(format!("did you mean `{near}`?")),
            None => problem.hint(format!("there are {}", ids.join(", "))),
        }));
    };
    say(&docs::page(found));
    Ok(Exit::Passed)
}

/// # Errors
/// Never.
pub fn schema() -> Result<Exit, Failure> {
    say(&docs::config_schema());
    Ok(Exit::Passed)
}

/// # Errors
/// A file that cannot be read or written.
pub fn generate(folder: &Path) -> Result<Exit, Failure> {
    let broken = |path: &Path, error: std::io::Error| {
        Failure::unmeasured(Problem::new(format!("{} could not be written: {error}", path.display())))
    };
    for (path, make) in docs::generated() {
        let path = folder.join(path);
        let now = std::fs::read_to_string(&path).unwrap_or_default();
        let text = make(&now);
        if text != now {
            if let Some(parent) = path.parent() {
                std::fs::create_dir_all(parent).map_err(|error| broken(&path, error))?;
            }
            std::fs::write(&path, text).map_err(|error| broken(&path, error))?;
            say(&format!("wrote {}\n", path.display()));
        }
    }
    Ok(Exit::Passed)
}
