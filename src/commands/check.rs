//! `mlgate check`: from the command line to the report in every place where somebody looks.
#![expect(clippy::disallowed_methods, reason = "edge: reads config and tables, writes reports")]

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use chrono::{SecondsFormat, Utc};
use sha2::{Digest, Sha256};

use super::{Context, candidate, progress, warn};
use crate::baseline::{self, Predictions};
use crate::cli::{self, CheckArgs, FailOn};
use crate::config::Config;
use crate::config::document::{Document, LARGEST};
use crate::config::inputs;
use crate::engine::{self, Source};
use crate::gate;
use crate::github::{annotations, outputs};
use crate::plan::{self, Plan};
use crate::problem::{Exit, Failure, Problem};
use crate::report::{self, ConfigFile, GateReport, Report, RunResult, TableSummary, Tool};
use crate::table::{Role, TableInfo, files};
use crate::words::code;
use crate::workspace::Workspace;

const DEFAULT_CONFIG: &str = "mlgate.yml";
const DEFAULT_REPORT_DIR: &str = "mlgate-report";
const JSON: &str = "report.json";
const MARKDOWN: &str = "report.md";
const JUNIT: &str = "junit.xml";
const SARIF: &str = "results.sarif";
/// The one flag whose value is secret.
const TOKEN: &str = "--github-token";

/// # Errors
/// Usage, configuration, or a report that cannot be handed over.
pub fn run(args: &CheckArgs, command: &[OsString], context: &Context) -> Result<Exit, Failure> {
    if args.list_checks {
        super::say(&crate::docs::list_of_checks());
        return Ok(Exit::Passed);
    }
    let workspace = context.workspace(args.data_root.as_deref())?;
    let folder = args.report_dir.as_deref().unwrap_or(DEFAULT_REPORT_DIR);
    let folder = workspace.resolve_for_writing(folder)?;
    std::fs::create_dir_all(&folder).map_err(|error| {
        let shown = code(&folder.to_string_lossy());
        Failure::unmeasured(
            Problem::new(format!("the report folder {shown} could not be made: {error}"))
                .hint("name another folder with `report-dir`"),
        )
    })?;
    // Neither a crash nor a full disk may leave an earlier run's report for this one's.
    for name in [JSON, MARKDOWN, JUNIT, SARIF] {
        let path = folder.join(name);
        if path.symlink_metadata().is_ok() {
            std::fs::remove_file(&path).map_err(|error| {
                let shown = code(&path.to_string_lossy());
                Failure::unmeasured(Problem::new(format!("the earlier report {shown} could not be removed: {error}")))
            })?;
        }
    }
    let mut run = Run { context, folder, started: Utc::now(), clock: Instant::now(), configs: Vec::new() };
    match run.judge(args, &workspace) {
        Ok((report, fail_on)) => run.tell(&report, fail_on, command),
        Err(failure) => {
            run.leave_failure(&failure);
            Err(failure)
        }
    }
}

/// One run of `check`.
struct Run<'a> {
    context: &'a Context,
    folder: PathBuf,
    started: chrono::DateTime<Utc>,
    clock: Instant,
    configs: Vec<ConfigFile>,
}

impl Run<'_> {
    fn judge(&mut self, args: &CheckArgs, workspace: &Workspace) -> Result<(Report, FailOn), Failure> {
        let (mut config, mut problems) = self.read_configs(args, workspace)?;
        problems.extend(inputs::apply(&mut config, args));
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
        let fail_on = plan.fail_on;
        let not_configured = plan.not_configured.clone();
        let known = candidate::open(&plan, args, workspace, self.context)?;
        let (sources, infos, tables) = open_tables(&plan, known.predictions.as_ref(), workspace)?;
        let memory = plan.memory;
        let progress = Arc::default();
        let shown = progress::Shown::start(&progress);
        let candidate = &known.candidate;
        let verdicts = gate::judge(plan, &infos, candidate, |keys| engine::measure(&sources, keys, memory, &progress));
        drop(shown);

        let mut gates: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (gate, verdict) in verdicts {
            gates.entry(gate).or_default().push(verdict);
        }
        let gates: Vec<GateReport> = gates
            .into_iter()
            .map(|(gate, checks)| GateReport {
                gate: gate.word().to_owned(),
                result: gate::result(&checks, fail_on),
                checks,
            })
            .collect();
        let result = gate::result(gates.iter().flat_map(|gate| &gate.checks), fail_on);
        let mut report = self.report(result, gates);
        report.tables = tables;
        report.baseline = candidate.baseline.reported();
        report.model = known.model;
        report.not_configured = not_configured;
        report.summary = report.summed_up();
        Ok((report, fail_on))
    }

    /// What the files say, and what is wrong with it; a file that is no config at all ends the run.
    fn read_configs(&mut self, args: &CheckArgs, workspace: &Workspace) -> Result<(Config, Vec<Problem>), Failure> {
        let mut named = Vec::new();
        for text in &args.config {
            named.extend(
                cli::list(text).map_err(|message| Failure::usage(Problem::new(format!("input config: {message}"))))?,
            );
        }
        // A link to nothing is a config that cannot be read, not one that is not there.
        if named.is_empty() && Path::new(DEFAULT_CONFIG).symlink_metadata().is_ok() {
            named.push(DEFAULT_CONFIG.to_owned());
        }
        let mut problems = Vec::new();
        let mut unread = false;
        let mut config = Config::default();
        for name in named {
            let path = workspace.resolve(&name)?;
            let text = match read_config(&name, &path) {
                Ok(text) => text,
                Err(problem) => {
                    problems.push(problem);
                    unread = true;
                    continue;
                }
            };
            self.configs.push(ConfigFile { path: name.clone(), sha256: sha256(&text) });
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
            pipeline: self.context.github.as_ref().map(|github| github.pipeline.clone()).unwrap_or_default(),
            tables: BTreeMap::new(),
            model: report::Model::default(),
            baseline: None,
            not_configured: Vec::new(),
            gates,
        }
    }

    /// Hands the report to every sink; one that fails is a warning, the outputs of an Action excepted.
    fn tell(&self, report: &Report, fail_on: FailOn, command: &[OsString]) -> Result<Exit, Failure> {
        let options = report::markdown::Options { reproduce: Some(command_line(command)), ..Default::default() };
        let markdown = report::markdown::render(report, &options);
        let json = report.to_json();
        let written = self.write_files(&[
            (JSON, &json),
            (MARKDOWN, &markdown),
            (JUNIT, &report::junit::render(report)),
            (SARIF, &report::sarif::render(report)),
        ]);
        super::say_styled(&report::terminal::render(report, terminal_width()));
        let path = self.folder.join(JSON);
        if let Some(github) = &self.context.github {
            for line in annotations::render(report) {
                super::say(&format!("{line}\n"));
            }
            if let Err(problem) = github.write_summary(&markdown) {
                warn(&problem.message);
            }
            let file = written.is_ok().then(|| (github.relative(&path), sha256(&json)));
            self.context.write_outputs(&outputs::of(report, file))?;
        }
        if let Err(problem) = written {
            return Err(Failure::unmeasured(problem));
        }
        Ok(match report.result {
            RunResult::Passed => Exit::Passed,
            RunResult::Blocked if fail_on == FailOn::Never => Exit::Passed,
            RunResult::Blocked => Exit::Blocked,
            RunResult::Error => Exit::Unmeasured,
        })
    }

    /// A run without verdicts leaves a report too, that says why.
    fn leave_failure(&self, failure: &Failure) {
        let mut report = self.report(RunResult::Error, Vec::new());
        report.summary = outputs::summary(&failure.problems);
        report.problems = failure.problems.iter().map(ToString::to_string).collect();
        let files = [(JSON, report.to_json()), (MARKDOWN, report::markdown::failure(&failure.problems))];
        let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (*name, text.as_str())).collect();
        if let Err(problem) = self.write_files(&files) {
            warn(&problem.to_string());
        }
    }

    fn write_files(&self, files: &[(&str, &str)]) -> Result<(), Problem> {
        let broken = |path: &Path, error: std::io::Error| {
            Problem::new(format!("the report could not be written to {}: {error}", code(&path.to_string_lossy())))
                .hint("name another folder with `report-dir`")
        };
        for (name, text) in files {
            let path = self.folder.join(name);
            std::fs::write(&path, text).map_err(|error| broken(&path, error))?;
        }
        if self.context.is_action
            && let Some(github) = &self.context.github
        {
            github.give_to_owner(&self.folder, files.iter().map(|(name, _)| *name));
        }
        Ok(())
    }
}

/// Opened tables, what is known of all, and how the report names them.
type Opened = (BTreeMap<Role, Source>, BTreeMap<Role, Result<TableInfo, Problem>>, BTreeMap<String, TableSummary>);

fn open_tables(plan: &Plan, baseline: Option<&Predictions>, workspace: &Workspace) -> Result<Opened, Failure> {
    let mut sources = BTreeMap::new();
    let mut infos = BTreeMap::new();
    let mut tables = BTreeMap::new();
    let anywhere = Workspace::command_line();
    let mut named: Vec<(Role, String, String, &Workspace)> =
        plan.tables.iter().map(|(role, path)| (*role, path.clone(), path.clone(), workspace)).collect();
    match baseline {
        Some(Predictions::Here(path)) => named.push((Role::Baseline, path.clone(), path.clone(), workspace)),
        Some(Predictions::Fetched(path, _)) => {
            // Where it was put is nobody's business, and need not lie in the workspace.
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            named.push((Role::Baseline, path.to_string_lossy().into_owned(), name, &anywhere));
        }
        None => {}
    }
    for (role, path, shown, workspace) in &named {
        let mut summary = TableSummary { path: shown.clone(), rows: None, columns: None, fingerprint: None };
        match open(path, plan, workspace)? {
            Ok(source) => {
                let info = source.info().clone();
                summary.rows = Some(info.rows);
                summary.columns = Some(info.columns.len() as u64);
                infos.insert(*role, Ok(info));
                sources.insert(*role, source);
            }
            Err(problem) => {
                infos.insert(*role, Err(problem));
            }
        }
        tables.insert(role.word().to_owned(), summary);
    }
    Ok((sources, infos, tables))
}

/// The outer error ends the run (a path that may not be read), the inner one is the table's own.
fn open(path: &str, plan: &Plan, workspace: &Workspace) -> Result<Result<Source, Problem>, Failure> {
    let files = match files::find(path, workspace) {
        Ok(files) => files,
        Err(failure) => return baseline::problem_of(failure, path).map(Err),
    };
    let csv = plan.csv.clone().for_files(&files);
    Ok(engine::open(files, csv))
}

fn read_config(name: &str, path: &Path) -> Result<String, Problem> {
    let broken = |error: std::io::Error| Problem::new(format!("{} could not be read: {error}", code(name)));
    let size = path.metadata().map_err(|error| {
        let problem = broken(error);
        if name == DEFAULT_CONFIG { problem } else { problem.hint("paths start at the working directory") }
    })?;
    if size.len() > LARGEST as u64 {
        return Err(Problem::new(format!("{} is {} bytes long: a config may have {LARGEST}", code(name), size.len()))
            .hint("is this really a config file, and not data?"));
    }
    // A device has no size of its own.
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(broken)?;
    file.take(LARGEST as u64 + 1).read_to_end(&mut bytes).map_err(broken)?;
    String::from_utf8(bytes).map_err(|error| {
        Problem::new(format!("{} is not UTF-8 at byte {}", code(name), error.utf8_error().valid_up_to()))
            .hint("save the file as UTF-8")
    })
}

fn sha256(text: &str) -> String {
    super::hex(&Sha256::digest(text.as_bytes()))
}

/// The command line as a shell would take it.
fn command_line(command: &[OsString]) -> String {
    let quote = |text: &str| {
        let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,@%+".contains(c);
        if !text.is_empty() && text.chars().all(plain) {
            text.to_owned()
        } else if text.chars().any(char::is_control) {
            format!("$'{}'", text.replace('\\', "\\\\").replace('\'', "\\'").replace('\n', "\\n").replace('\t', "\\t"))
        } else {
            format!("'{}'", text.replace('\'', "'\\''"))
        }
    };
    // A token is in the environment of who repeats it, not in the report.
    let mut secret = false;
    let shown = command.iter().skip(1).map(|word| word.to_string_lossy()).filter(|word| {
        let hide = secret || word.starts_with(TOKEN);
        secret = word == TOKEN;
        !hide
    });
    let words = shown.map(|word| quote(&word));
    std::iter::once("mlgate".to_owned()).chain(words).collect::<Vec<_>>().join(" ")
}

fn terminal_width() -> usize {
    let columns = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    let measured = || terminal_size::terminal_size().map(|(terminal_size::Width(width), _)| usize::from(width));
    columns.or_else(measured).unwrap_or(100).clamp(40, 160)
}
