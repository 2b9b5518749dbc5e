//! `mlgate check`: from the command line to the report in every place where somebody looks.
#![expect(clippy::disallowed_methods, reason = "edge: reads config and tables, writes reports")]

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use chrono::{SecondsFormat, Utc};
use clap::ValueEnum;

use super::deadline::Deadline;
use super::kept::{self, Kept};
use super::measuring::{MeasurementJob, MeasurementThread, OpenedInputs};
use super::tell::Sinks;
use super::{Context, Foreign, base_gate, hosts, laboratory, progress, report_folder, sign};
use crate::checks::check::{Check, Gate};
use crate::checks::data::anomaly::Anomaly;
use crate::cli::{self, CheckArgs, CommentWhen, FailOn, GateChoice, TrustFooters};
use crate::config::document::{Document, LARGEST};
use crate::config::{Config, NotifySection, inputs};
use crate::data::statistic::{Measured, Statistic, Value};
use crate::data::table::{Role, TableInfo};
use crate::engine::{Footers, Progress};
use crate::integrations::github::event::Event;
use crate::integrations::github::outputs;
use crate::plan::ceilings::Ceilings;
use crate::plan::gate;
use crate::plan::{self, DEFAULT_CONFIG};
use crate::report::verdict::Verdict;
use crate::report::{
    self, ConfigFile, GateReport, Pipeline, PullRequest, Report, RunResult, TableSummary, Tool, history,
};
use crate::support::problem::{Exit, Failure, Problem};
use crate::support::sha256;
use crate::support::words::code;
use crate::support::workspace::Workspace;

/// # Errors
/// Usage, configuration, or a report that cannot be handed over.
pub fn run(args: &CheckArgs, command: &[OsString], context: &Context) -> Result<Exit, Failure> {
    if args.list_checks {
        super::say(&crate::commands::docs::list_of_checks());
        return Ok(Exit::Passed);
    }
    let foreign = if args.allow_untrusted_checkout == Some(true) { Foreign::Allowed } else { Foreign::Refused };
    let branches = cli::lists("trusted-branches", &args.trusted_branches);
    let branches = branches.inspect_err(|failure| refused(failure, context))?;
    let workspace = context.workspace(args.data_root.as_deref(), foreign);
    let workspace = workspace.inspect_err(|failure| refused(failure, context))?;
    let folder = report_folder::open(args.report_dir.as_deref(), &workspace)?;
    let event = context.event().unwrap_or_default().trusting(branches);
    let mut sinks = Sinks::open(context, folder, &event, args, command)?;
    let mut run = Run { context, event: &event, started: Utc::now(), clock: Instant::now(), configs: Vec::new() };
    match run.judge(args, &workspace, &mut sinks) {
        Ok(judged) => {
            sign::model(args, context, &event, &judged.report);
            sinks.tell(&judged)
        }
        Err(failure) => {
            sinks.leave_failure(&run.failed(&failure), &failure);
            Err(failure)
        }
    }
}

/// Inputs that are wrong end a run before it begins: what an earlier one said must not stand as if it were this one's.
pub fn refused(failure: &Failure, context: &Context) {
    let input = |name: &str| context.input(name);
    if !context.is_action || input("command").is_some_and(|command| command != "check") {
        return;
    }
    let gate = input("gate").and_then(|gate| GateChoice::from_str(&gate, false).ok());
    let args = CheckArgs {
        github_token: input("github-token"),
        comment: input("comment").and_then(|when| CommentWhen::from_str(&when, false).ok()),
        comment_key: input("comment-key"),
        check_run: input("check-run"),
        gate,
        ..CheckArgs::default()
    };
    let event = context.event().unwrap_or_default();
    let run = Run { context, event: &event, started: Utc::now(), clock: Instant::now(), configs: Vec::new() };
    let told = context.workspace(None, Foreign::Allowed).and_then(|workspace| {
        let folder = report_folder::open(input("report-dir").as_deref(), &workspace)?;
        Sinks::open(context, folder, &event, &args, &[])?.leave_failure(&run.failed(failure), failure);
        Ok(())
    });
    if let Err(failure) = told {
        super::warn(&failure.to_string());
    }
}

/// One run of `check`.
struct Run<'a> {
    context: &'a Context,
    event: &'a Event,
    started: chrono::DateTime<Utc>,
    clock: Instant,
    configs: Vec<ConfigFile>,
}

impl Run<'_> {
    fn judge(&mut self, args: &CheckArgs, workspace: &Workspace, sinks: &mut Sinks) -> Result<Judged, Failure> {
        // Keys that cannot sign are said before anything is judged.
        self.context.journal_keys(args.journal_key.as_deref())?;
        let deadline = Deadline::new(args.timeout.as_deref(), self.clock).map_err(Failure::usage)?;
        let (mut config, mut problems) = self.read_configs(args, workspace)?;
        problems.extend(inputs::apply(&mut config, args));
        let (args, config, gate_edits) = if problems.is_empty() {
            let held = base_gate::hold(self.context, self.event, args, config)?;
            if let Some(base) = &held.base {
                sinks.read_digests_of(base);
            }
            (held.args, held.config, held.edits)
        } else {
            (args.clone(), config, None)
        };
        let args = &args;
        let ceilings = Ceilings::new(args).map_err(|found| {
            problems.extend(found);
            Failure { exit: Exit::Usage, problems: std::mem::take(&mut problems) }
        })?;
        let plan = match plan::plan(config, args, self.started.timestamp_micros()) {
            Ok(plan) if problems.is_empty() => plan,
            Ok(_) => return Err(Failure { exit: Exit::Usage, problems }),
            Err(found) => {
                problems.extend(found);
                return Err(Failure { exit: Exit::Usage, problems });
            }
        };
        if plan.entries.is_empty() {
            return Err(Failure::usage(self.nothing_to_check(args)));
        }
        let is_proposal = self.context.is_proposal(self.event);
        if is_proposal {
            let breaches = ceilings.breaches(&plan);
            if !breaches.is_empty() {
                return Err(Failure { exit: Exit::Usage, problems: breaches });
            }
        }
        let hosts = hosts::policy(self.context, self.event, args, plan.model.run.as_ref(), &deadline)?;
        let fail_on = plan.fail_on;
        let notify = plan.notify.clone();
        let not_configured = plan.not_configured.clone();
        let reference = plan.tables.get(&Role::Reference).map(String::as_str);
        let kept = Kept::open(args, reference, workspace)?;
        let asks_past = plan.entries.iter().any(|planned| planned.entry.check.id == Anomaly::ID);
        let known_past = match &kept.runs {
            Some(runs) => history::last(runs),
            None if asks_past => sinks.remembered(),
            None => None,
        };
        let run_id = self.pipeline().run_id.map(|id| (id, self.pipeline().run_attempt.unwrap_or(1)));
        let past = |title: &str| known_past.as_ref().map(|known| known.past(title, run_id)).unwrap_or_default();
        let most_rps = is_proposal.then_some(ceilings.rps);
        let door = laboratory::Door::find(plan.model.run.as_ref(), args, self.context, &hosts, most_rps)?;
        for cases in plan.cases() {
            workspace.resolve(cases)?;
        }
        let progress: Arc<Progress> = Arc::default();
        let shown = progress::Shown::start(&progress);
        let job = MeasurementJob::new(&plan, args, workspace, self.context, door).with_footers(self.footers(args));
        let mut measuring = MeasurementThread::start(job, deadline, &progress)?;
        let OpenedInputs { candidate, model, infos, mut tables } = measuring.opened()?;
        let asks_fingerprint = args.fingerprint == Some(true) || notify.needs_fingerprint();
        let mut own = kept::keys(&infos, asks_fingerprint, kept.profile.is_some());
        let mut beside = Measured::new();
        let mut verdicts = gate::judge(plan, &infos, &candidate, &past, |keys| {
            // What is kept of the run is asked for with the first of the checks' questions.
            let asked = keys.union(&std::mem::take(&mut own)).cloned().collect();
            let (mut measured, from_footers) = measuring.measure(&asked);
            beside.extend(measured.clone());
            measured.retain(|key, _| keys.contains(key));
            (measured, from_footers)
        });
        drop(shown);
        verdicts.extend(save_profile(&kept, &infos, &beside));
        if asks_fingerprint {
            let unkept = identify(&beside, &mut tables);
            verdicts.extend(unkept.iter().map(|problem| (Gate::Data, gate::unkept("fingerprint", problem))));
        }

        let gates = by_gate(verdicts, fail_on);
        let result = gate::result(gates.iter().flat_map(|gate| &gate.checks), fail_on);
        let mut report = self.report(result, gates);
        report.tables = tables;
        report.baseline = candidate.baseline.reported();
        report.model = model;
        report.not_configured = not_configured;
        report.gate_edits = gate_edits;
        report.summary = report.summed_up();
        Ok(Judged { report, fail_on, notify, kept })
    }

    /// Returns what becomes of Parquet footers: what somebody only proposes is decoded.
    fn footers(&self, args: &CheckArgs) -> Footers {
        let is_proposal = self.context.is_proposal(self.event);
        match args.trust_footers.unwrap_or_default() {
            TrustFooters::Auto if is_proposal => Footers::Decoded,
            TrustFooters::Never => Footers::Decoded,
            TrustFooters::Auto | TrustFooters::Always => Footers::Trusted,
        }
    }

    /// What the files say, and what is wrong with it; a file that is no config at all ends the run.
    fn read_configs(&mut self, args: &CheckArgs, workspace: &Workspace) -> Result<(Config, Vec<Problem>), Failure> {
        let mut named = plan::config_names(args)
            .map_err(|message| Failure::usage(Problem::new(format!("input config: {message}"))))?;
        // A link to nothing is a config that cannot be read, not one that is not there.
        if args.config.is_empty() && Path::new(DEFAULT_CONFIG).symlink_metadata().is_err() {
            named.clear();
        }
        let mut problems = Vec::new();
        let mut unread = false;
        let mut config = Config::default();
        for name in named {
            let text = match read_config(&name, workspace)? {
                Ok(text) => text,
                Err(problem) => {
                    problems.push(match cli::comma_hint(&name) {
                        Some(hint) => problem.hint(hint),
                        None => problem,
                    });
                    unread = true;
                    continue;
                }
            };
            self.configs.push(ConfigFile { path: name.clone(), sha256: sha256::of(&text) });
            match Document::parse(&name, &text) {
                Ok(document) => config.merge(Config::read(&document, &mut problems)),
                Err(found) => {
                    problems.extend(found);
                    unread = true;
                }
            }
        }
        if unread { Err(Failure { exit: Exit::Usage, problems }) } else { Ok((config, problems)) }
    }

    fn nothing_to_check(&self, args: &CheckArgs) -> Problem {
        let read = self.configs.iter().map(|config| code(&config.path)).collect::<Vec<_>>().join(", ");
        let filtered = args.gate.is_some() || !args.only.is_empty();
        let message = match (read.is_empty(), filtered) {
            (_, true) if read.is_empty() => {
                "there is nothing to check: no threshold belongs to what was asked for".to_owned()
            }
            (true, _) => "there is nothing to check: no config file and no threshold".to_owned(),
            (false, false) => format!("there is nothing to check: {read} configures no check"),
            (false, true) => format!("there is nothing to check: {read} configures no check that was asked for"),
        };
        let data = args.data.as_deref().unwrap_or("DATA");
        Problem::new(message).hint(format!("`mlgate suggest {data} > {DEFAULT_CONFIG}` writes a config to start from"))
    }

    /// The report of a run that ended without verdicts.
    fn failed(&self, failure: &Failure) -> Report {
        let mut report = self.report(RunResult::Error, Vec::new());
        report.summary = outputs::summary(&failure.problems);
        report.problems = failure.problems.iter().map(ToString::to_string).collect();
        report
    }

    /// The workflow run, and the pull request it is of.
    fn pipeline(&self) -> Pipeline {
        let pipeline = self.context.github.as_ref().map(|github| github.pipeline.clone()).unwrap_or_default();
        let pull_request = self.event.pull_request.as_ref().map(|pull_request| PullRequest {
            number: pull_request.number,
            head_sha: pull_request.head.sha.clone(),
            base_sha: pull_request.base.sha.clone(),
        });
        let proposal = self.context.github.as_ref().map(|_| self.event.is_proposal());
        Pipeline { proposal, pull_request, ..pipeline }
    }

    fn report(&self, result: RunResult, gates: Vec<GateReport>) -> Report {
        Report {
            schema_version: 1,
            tool: Tool { name: "mlgate".to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() },
            result,
            summary: String::new(),
            problems: Vec::new(),
            started_at: self.started.to_rfc3339_opts(SecondsFormat::Millis, true),
            duration_ms: u64::try_from(self.clock.elapsed().as_millis()).unwrap_or(u64::MAX),
            commit: self.context.github.as_ref().and_then(|github| github.commit.clone()),
            config: self.configs.clone(),
            pipeline: self.pipeline(),
            tables: BTreeMap::new(),
            model: report::Model::default(),
            baseline: None,
            gate_edits: None,
            not_configured: Vec::new(),
            gates,
        }
    }
}

/// Saves the profile that an input asks for; returns a verdict where that failed.
fn save_profile(
    kept: &Kept,
    infos: &BTreeMap<Role, Result<TableInfo, Problem>>,
    measured: &Measured,
) -> Option<(Gate, Verdict)> {
    let (shown, file) = kept.profile.as_ref()?;
    match kept::save_profile(infos, measured, shown, file) {
        Ok(()) => {
            super::note(&format!("the training table's profile is in {}", code(shown)));
            None
        }
        Err(problem) => Some((Gate::Data, gate::unkept("save-profile", &problem))),
    }
}

/// Sets the training table's fingerprint and every table's SHA-256; what could not be had is a problem.
fn identify(measured: &Measured, tables: &mut BTreeMap<String, TableSummary>) -> Vec<Problem> {
    let mut problems = Vec::new();
    match (kept::fingerprint(measured), tables.get_mut(Role::Training.word())) {
        (Ok(fingerprint), Some(training)) => training.fingerprint = fingerprint,
        (Ok(_), None) => {}
        (Err(problem), _) => problems.push(problem),
    }
    for (key, value) in measured {
        match (&key.statistic, value, tables.get_mut(key.table.word())) {
            (Statistic::FileDigest, Ok(Value::FileDigest(digest)), Some(table)) => table.sha256 = Some(digest.clone()),
            (Statistic::FileDigest, Err(problem), _) => problems.push(problem.clone()),
            _ => {}
        }
    }
    problems
}

fn by_gate(verdicts: Vec<(Gate, Verdict)>, fail_on: FailOn) -> Vec<GateReport> {
    let mut gates: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for (gate, verdict) in verdicts {
        gates.entry(gate).or_default().push(verdict);
    }
    let report = |(gate, checks): (Gate, Vec<Verdict>)| GateReport {
        gate: gate.word().to_owned(),
        result: gate::result(&checks, fail_on),
        checks,
    };
    gates.into_iter().map(report).collect()
}

/// A report, and what is to be done with it.
pub struct Judged {
    pub report: Report,
    pub fail_on: FailOn,
    pub notify: NotifySection,
    /// What is kept of the run for later ones.
    pub kept: Kept,
}

/// The outer error ends the run (a path that may not be read), the inner one is the file's own.
pub(super) fn read_config(name: &str, workspace: &Workspace) -> Result<Result<String, Problem>, Failure> {
    let mut file = match workspace.open(name)? {
        Ok(file) => file,
        Err(error) => {
            let problem = Problem::new(format!("{} could not be read: {error}", code(name)));
            let is_usual = name == DEFAULT_CONFIG;
            return Ok(Err(if is_usual { problem } else { problem.hint("paths start at the working directory") }));
        }
    };
    if file.size() > LARGEST as u64 {
        return Ok(Err(Problem::new(format!(
            "{} is {} bytes long: a config may have {LARGEST}",
            code(name),
            file.size()
        ))
        .hint("is this really a config file, and not data?")));
    }
    // A device has no size of its own.
    let bytes = match file.read(LARGEST as u64) {
        Ok(bytes) => bytes,
        Err(error) => return Ok(Err(Problem::new(format!("{} could not be read: {error}", code(name))))),
    };
    Ok(String::from_utf8(bytes).map_err(|error| {
        Problem::new(format!("{} is not UTF-8 at byte {}", code(name), error.utf8_error().valid_up_to()))
            .hint("save the file as UTF-8")
    }))
}
