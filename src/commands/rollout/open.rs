//! What a rollout needs, opened: its section of the config, and everything that the section names.

mod hooks;
mod router;
mod routers;
mod source;
mod versions;

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::cli::CheckArgs;
use crate::cli::rollout::Common;
use crate::commands::candidate::means;
use crate::commands::check::read_config;
use crate::commands::{Context, warn};
use crate::config::document::Document;
use crate::config::rollout::{FlagSection, JournalSection, MlflowRegistry, RegistrySection, RolloutSection};
use crate::config::{Config, DataSection, Entry, NotifySection};
use crate::integrations::github::branch::Place;
use crate::integrations::http::hosts::HostSetting;
use crate::integrations::http::{self, AllowedHost, Patience};
use crate::integrations::mlflow::Server;
use crate::plan::{self};
use crate::rollout::controls::Controls;
use crate::rollout::driver::World;
use crate::rollout::flag::{Flag, Flagd, Unleash};
use crate::rollout::hook::caller::HookTarget;
use crate::rollout::journal::{Journal, Kept};
use crate::rollout::levers::{FLAG, Levers, Pulled, REGISTRY};
use crate::rollout::log::Log;
use crate::rollout::plan::{Asker, RolloutPlan};
use crate::rollout::query::VARIANT;
use crate::rollout::registry::Registry;
use crate::rollout::{SlotOrder, Slots};
use crate::support::problem::{Exit, Failure, Problem};
use crate::support::signature::SigningKeys;
use crate::support::words::code;
use crate::support::workspace::Workspace;

pub const LARGEST_REPORT: u64 = 20_000_000;
/// One request for the journal: a rollout that waits for it does not watch.
const LONGEST_OF_JOURNAL: Duration = Duration::from_secs(3);
/// One request to the registry, each of which is tried twice.
const LONGEST: Duration = Duration::from_secs(10);
/// Reading all of a model takes what it takes.
const LONGEST_OF_FILES: Duration = Duration::from_mins(10);

/// What a command goes by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Needs {
    /// What a journal proves: keys that are wrong or missing end the command.
    Proof,
    /// Nothing: to give stable its traffic back takes neither a key nor a journal.
    Nothing,
}

/// What the configs say.
struct Said {
    section: RolloutSection,
    notify: NotifySection,
    log_entries: Vec<Entry>,
    /// Their names.
    names: Vec<String>,
}

/// The section `rollout` of the configs.
fn section(common: &Common, workspace: &Workspace) -> Result<Said, Failure> {
    let args = CheckArgs { config: common.config.clone(), ..CheckArgs::default() };
    let names = plan::config_names(&args)
        .map_err(|message| Failure::usage(Problem::new(format!("input config: {message}"))))?;
    let (mut config, mut problems) = (Config::default(), Vec::new());
    for name in &names {
        match read_config(name, workspace)? {
            Ok(text) => match Document::parse(name, &text) {
                Ok(document) => config.merge(Config::read(&document, &mut problems)),
                Err(found) => problems.extend(found),
            },
            Err(problem) => problems.push(problem),
        }
    }
    if !problems.is_empty() {
        return Err(Failure { exit: Exit::Usage, problems });
    }
    let Some(section) = config.rollout else {
        let read = names.iter().map(|name| code(name)).collect::<Vec<_>>().join(", ");
        let problem = Problem::new(format!("there is no section `rollout` in {read}"));
        return Err(Failure::usage(problem.hint("examples/rollout has one to start from")));
    };
    Ok(Said { section, notify: config.notify, log_entries: config.log_entries, names })
}

/// Problems of the section, with the files that may hold it.
fn in_config(problems: Vec<Problem>, names: &[String]) -> Failure {
    let files = names.join(", ");
    let problems =
        problems.into_iter().map(|problem| Problem { message: format!("{} in {files}", problem.message), ..problem });
    Failure { exit: Exit::Usage, problems: problems.collect() }
}

/// What is rolled out.
fn name(common: &Common, plan: &RolloutPlan) -> Result<String, Failure> {
    common.model_name.clone().or_else(|| plan.section.model.name.clone()).ok_or_else(|| {
        Failure::usage(
            Problem::new("nothing says which model is rolled out")
                .hint("set `rollout.model.name`, or the input `model-name`"),
        )
    })
}

/// What the configs come to.
pub struct Planned {
    pub plan: RolloutPlan,
    /// Of the model.
    pub name: String,
    pub notify: NotifySection,
    log_entries: Vec<Entry>,
}

/// Reads the configs.
pub fn planned(common: &Common, asker: Asker, workspace: &Workspace) -> Result<Planned, Failure> {
    let said = section(common, workspace)?;
    let plan = RolloutPlan::new(said.section, asker).map_err(|problems| in_config(problems, &said.names))?;
    let name = name(common, &plan)?;
    Ok(Planned { plan, name, notify: said.notify, log_entries: said.log_entries })
}

impl Planned {
    /// Everything that a rollout looks at and moves.
    pub fn world(
        &self,
        common: &Common,
        context: &Context,
        workspace: &Workspace,
        stop: Arc<AtomicBool>,
    ) -> Result<World, Failure> {
        let needs = Needs::Proof;
        let opener = Opener { common, plan: &self.plan, name: &self.name, context, workspace, needs };
        opener.world(self.log_entries.clone(), stop)
    }

    /// Who a rollout's hooks call; nothing else calls them.
    pub fn hooks(&self, common: &Common, context: &Context, workspace: &Workspace) -> Result<Vec<HookTarget>, Failure> {
        let needs = Needs::Proof;
        Opener { common, plan: &self.plan, name: &self.name, context, workspace, needs }.hooks()
    }

    /// The journal alone, with the keys that sign what is written there.
    pub fn journal(&self, common: &Common, context: &Context, workspace: &Workspace) -> Result<Journal, Failure> {
        let needs = Needs::Proof;
        Opener { common, plan: &self.plan, name: &self.name, context, workspace, needs }.journal()
    }

    /// What restores stable: the router; and journal, registry and flag as far as they can be opened.
    pub fn controls(
        &self,
        common: &Common,
        context: &Context,
        workspace: &Workspace,
        stop: Arc<AtomicBool>,
    ) -> Result<Controls, Failure> {
        let needs = Needs::Nothing;
        let opener = Opener { common, plan: &self.plan, name: &self.name, context, workspace, needs };
        let mut unopened = Vec::new();
        let registry = opener.registry().unwrap_or_else(|failure| {
            unopened.push(Pulled::failed(REGISTRY, &failure));
            None
        });
        let flag = opener.flag().unwrap_or_else(|failure| {
            unopened.push(Pulled::failed(FLAG, &failure));
            None
        });
        let journal = opener.journal().unwrap_or_else(|failure| {
            let why = failure.problems.into_iter().next();
            Journal::new(
                Kept::Unavailable(why.unwrap_or_else(|| Problem::new("the journal could not be opened"))),
                None,
                Slots::new(self.plan.section.router.as_ref()),
            )
        });
        let slots = Slots::new(self.plan.section.router.as_ref());
        let levers = Levers { router: opener.router()?, registry, flag, unopened };
        let versions = opener.versions().unwrap_or_else(|failure| versions::unreadable(&self.plan, failure));
        Ok(Controls { levers, journal, versions, slots, stop })
    }
}

/// What everything is opened with.
#[derive(Clone, Copy)]
struct Opener<'a> {
    common: &'a Common,
    plan: &'a RolloutPlan,
    name: &'a str,
    context: &'a Context,
    workspace: &'a Workspace,
    needs: Needs,
}

impl Opener<'_> {
    fn world(self, log_entries: Vec<Entry>, stop: Arc<AtomicBool>) -> Result<World, Failure> {
        let section = &self.plan.section;
        let registry = self.registry()?;
        let log = match &section.log {
            Some(log) => {
                let workspace = Arc::new(self.workspace.clone());
                let of = |order: SlotOrder| {
                    let (stable, candidate) = order.of(&self.plan.arms.stable, &self.plan.arms.candidate);
                    let path = log.path.replace(VARIANT, candidate);
                    self.workspace.resolve(&path)?;
                    let reference = log.reference.as_ref().map(|path| path.replace(VARIANT, stable));
                    let (path, timestamp) = (Some(path), log.timestamp.clone());
                    let data = DataSection { path, timestamp, reference, ..DataSection::default() };
                    let log = Log::new(data, log_entries.clone(), Arc::clone(&workspace));
                    log.map_err(|problems| Failure { exit: Exit::Usage, problems })
                };
                Some((of(SlotOrder::Configured)?, of(SlotOrder::Exchanged)?))
            }
            None => None,
        };
        let source = self.source()?;
        let levers = Levers { router: self.router()?, registry, flag: self.flag()?, unopened: Vec::new() };
        let slots = Slots::new(section.router.as_ref());
        let controls = Controls { levers, journal: self.journal()?, versions: self.versions()?, slots, stop };
        Ok(World { controls, source, log, hooks: Vec::new() })
    }

    fn registry(self) -> Result<Option<Arc<Registry>>, Failure> {
        Ok(match &self.plan.section.registry {
            Some(RegistrySection::Mlflow(MlflowRegistry { promote, keep })) => Some(Arc::new(Registry {
                server: self.mlflow(LONGEST)?,
                files: self.mlflow(LONGEST_OF_FILES)?,
                keys: self.keys()?,
                means: means(self.context, None),
                name: self.name.to_owned(),
                promote: promote.clone(),
                keep: keep.clone(),
                has_moved: AtomicBool::new(false),
            })),
            None => None,
        })
    }

    fn flag(self) -> Result<Option<Flag>, Failure> {
        let or = |value: &Option<String>, default: &str| value.clone().unwrap_or_else(|| default.to_owned());
        Ok(match &self.plan.section.flag {
            Some(FlagSection::Unleash(unleash)) => Some(Flag::Unleash(Unleash {
                host: self.host(&unleash.url, "the address of Unleash", "rollout.flag.unleash.url")?,
                project: or(&unleash.project, "default"),
                environment: or(&unleash.environment, "production"),
                feature: unleash.feature.clone(),
                token: self.token(Some(&unleash.token_env))?.unwrap_or_default(),
                patience: Patience { timeout: Duration::from_secs(3), tries: 1 },
                is_proxied: self.context.is_proxied(),
            })),
            Some(FlagSection::Flagd(flagd)) => Some(Flag::Flagd(Flagd {
                path: self.workspace.resolve(&flagd.path)?,
                shown: flagd.path.clone(),
                feature: flagd.feature.clone(),
                variant: flagd.variant.clone(),
            })),
            None => None,
        })
    }

    fn journal(self) -> Result<Journal, Failure> {
        let keys = self.keys()?;
        let place = match &self.plan.section.journal {
            JournalSection::Mlflow(_) => {
                let policy = &self.plan.policy;
                let asks =
                    !policy.hooks.is_empty() || policy.stages.iter().any(|stage| stage.approval_seconds.is_some());
                if asks && keys.is_none() && self.needs == Needs::Proof {
                    let said = "hooks and approvals need `journal-key`: who can write the model's tags could say that they passed";
                    let hint = "`openssl rand -hex 32` prints a key; keep it as a secret, and give it to every command that \
                                writes or reads this journal";
                    return Err(Failure::usage(Problem::new(said).hint(hint)));
                }
                Kept::Mlflow { server: self.mlflow(LONGEST_OF_JOURNAL)?, name: self.name.to_owned() }
            }
            JournalSection::Path(path) => {
                if self.variable("RUNNER_ENVIRONMENT").as_deref() == Some("github-hosted") {
                    let said = "a file is no journal on a runner of GitHub's: it is gone with the runner";
                    let hint = "take `journal: { mlflow: {} }`, or `journal: { branch: mlgate-state }`";
                    return Err(Failure::usage(Problem::new(said).hint(hint)));
                }
                Kept::File { path: self.workspace.resolve_for_writing(path)?, shown: path.clone() }
            }
            JournalSection::Branch(branch) => {
                if keys.is_none() && self.needs == Needs::Proof {
                    let said = format!(
                        "a journal on the branch {} needs `journal-key`: who can push there could write it",
                        code(branch)
                    );
                    let hint = "`openssl rand -hex 32` prints a key; keep it as a secret, and give it to `rollout`, `watch` and `rollback` by the input `journal-key`";
                    return Err(Failure::usage(Problem::new(said).hint(hint)));
                }
                Kept::Branch {
                    place: on_branch(self.common, branch, self.name, self.context)?,
                    known: Mutex::default(),
                }
            }
        };
        Ok(Journal::new(place, keys, Slots::new(self.plan.section.router.as_ref())))
    }

    /// The keys that sign and verify.
    fn keys(self) -> Result<Option<SigningKeys>, Failure> {
        match (self.context.journal_keys(self.common.journal_key.as_deref()), self.needs) {
            (Err(failure), Needs::Nothing) => {
                warn(&failure.to_string());
                Ok(None)
            }
            (keys, _) => keys,
        }
    }

    fn mlflow(self, longest: Duration) -> Result<Server, Failure> {
        let server = Server::of(self.common.mlflow_tracking_uri.as_deref(), &self.context.variables);
        let mut server = server.ok_or_else(|| {
            let problem = Problem::new("nothing says where the MLflow server is");
            Failure::usage(problem.hint("set MLFLOW_TRACKING_URI, or the input `mlflow-tracking-uri`"))
        })?;
        let timeout = if longest > LONGEST { longest } else { server.patience.timeout.min(longest) };
        server.patience = Patience { timeout, tries: 2 };
        Ok(server)
    }

    /// A server that the config names: a rollout runs on no proposal, and there the config's word would not count.
    fn host(self, text: &str, what: &str, path: &'static str) -> Result<AllowedHost, Failure> {
        let url = http::address(text, what).map_err(|problem| {
            let hint = format!("write `{path}` as https://server.example.org, and a token into a variable of the step");
            Failure::usage(problem.without_hint().hint(hint))
        })?;
        let hosts = self.context.hosts(&self.common.trusted_branches)?;
        hosts.by_config(url, HostSetting { path, input: None }).map_err(Failure::usage)
    }

    fn variable(self, name: &str) -> Option<String> {
        let value = self.context.variables.get(name).map(|value| value.trim().to_owned());
        value.filter(|value| !value.is_empty())
    }

    /// What a variable of the config's choice holds, hidden from the log.
    fn token(self, name: Option<&String>) -> Result<Option<String>, Failure> {
        let Some(name) = name else { return Ok(None) };
        let Some(token) = self.variable(name) else {
            let problem = Problem::new(format!("the variable {} is not set", code(name)));
            return Err(Failure::usage(problem.hint("set it from a secret: `env:` of the step")));
        };
        if self.context.github.is_some() {
            crate::support::log::mask(&token);
        }
        Ok(Some(token))
    }
}

/// A file of this repository, one a model.
fn on_branch(common: &Common, branch: &str, name: &str, context: &Context) -> Result<Place, Failure> {
    let hint = "give the step the token of a job that has `contents: write`: the input `github-token`";
    let repository = context.repository(common.github_token.as_deref()).filter(|repository| repository.token.is_some());
    let from = context.github.as_ref().and_then(|github| github.commit.clone());
    let (Some(repository), Some(from)) = (repository, from) else {
        return Err(Failure::usage(
            Problem::new("a journal on a branch is written by a workflow run and its token").hint(hint),
        ));
    };
    // A model may be called anything; a file may not.
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let file: String = name.chars().map(|c| if is_plain(c) { c } else { '_' }).collect();
    Ok(Place { repository, branch: branch.to_owned(), path: format!("mlgate/{file}.rollout.json"), from })
}
