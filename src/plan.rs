//! What the config means: every entry a check, every table a path, every problem listed.

pub mod baseline;
pub mod gate;
pub mod ceilings;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate};
use serde_yaml::Value;

use crate::checks;
use crate::checks::check::{AnyCheck, Check, Gate, Part};
use crate::checks::data::{drift::Drift, target_drift::TargetDrift};
use crate::checks::model::expected::Expected;
use crate::cli::{CheckArgs, FailOn, GateChoice, size};
use crate::config::document::prefix;
use crate::config::model::{BaselineSection, Missing, PredictionsSection};
use crate::config::notify::When;
use crate::config::running::{RunSection, is_runnable};
use crate::config::{Columns, Config, DataSection, Entry, ModelSection, NotifySection};
use crate::data::table::Role;
use crate::data::table::csv::Csv;
use crate::data::table::files::Files;
use crate::report::verdict::Waiver;
use crate::runtime::run_plan::RunPlan;
use crate::stats::predictions::Names;
use crate::support::limit::Plain;
use crate::support::problem::{Problem, nearest};
use crate::support::words::code;

const DEFAULT_MEMORY: usize = 1_000_000_000;
/// The config of a run that names none.
pub const DEFAULT_CONFIG: &str = "mlgate.yml";

/// A run that can be carried out.
pub struct Plan {
    /// Where each table is, as the user wrote it.
    pub tables: BTreeMap<Role, String>,
    pub model: ModelPlan,
    pub csv: CsvForm,
    pub entries: Vec<PlannedEntry>,
    pub notify: NotifySection,
    pub target: Option<String>,
    pub timestamp: Option<String>,
    /// Columns that only tell rows apart.
    pub ids: Vec<String>,
    /// Microseconds since 1970 UTC.
    pub now: i64,
    /// Bytes for state that grows with the rows.
    pub memory: usize,
    pub fail_on: FailOn,
    pub show_values: bool,
    pub not_configured: Vec<String>,
}

/// How CSV files are written, as far as the config says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CsvForm {
    pub delimiter: Option<u8>,
    pub null_values: Vec<String>,
    /// Whether messages may show the cell that made a column text.
    pub shows_cells: bool,
}

impl CsvForm {
    /// The form of these files: tabs where the name says so and the config does not say otherwise.
    pub fn for_files(self, files: &Files) -> Csv {
        let tabs = files.paths().next().is_some_and(|path| {
            let name = path.to_string_lossy().to_lowercase();
            [".tsv", ".tsv.gz"].iter().any(|ending| name.ends_with(ending))
        });
        let usual = if tabs { b'\t' } else { b',' };
        Csv { delimiter: self.delimiter.unwrap_or(usual), null_values: self.null_values, shows_cells: self.shows_cells }
    }
}

/// What the model gate looks at; nothing where it does not run.
#[derive(Debug, Clone, Default)]
pub struct ModelPlan {
    pub name: Option<String>,
    pub version: Option<String>,
    pub names: Names,
    /// Path of the metrics file.
    pub metrics: Option<String>,
    /// Path of the model.
    pub artifact: Option<String>,
    pub baseline: Option<BaselineSection>,
    /// How the model is run, where anything asks for it.
    pub run: Option<RunPlan>,
}

impl Plan {
    /// Tables that single entries name: of cases.
    pub fn cases(&self) -> impl Iterator<Item = &str> {
        let entries = self.entries.iter().map(|planned| &planned.entry);
        let named = entries.filter(|entry| entry.check.id == Expected::ID);
        named.filter_map(|entry| entry.settings.get("cases")?.as_str())
    }
}

pub struct PlannedEntry {
    pub entry: Entry,
    pub check: Box<dyn AnyCheck>,
}

/// Turns what was said into what is meant; `clock` is the time in microseconds since 1970 UTC.
///
/// # Errors
/// Every problem at once.
pub fn plan(config: Config, args: &CheckArgs, clock: i64) -> Result<Plan, Vec<Problem>> {
    let mut problems = Vec::new();
    let now = read_now(args, clock).unwrap_or_else(|problem| {
        problems.push(problem);
        clock
    });
    let memory = read_memory(args, &mut problems);
    let only = only(args, &mut problems);
    let csv = config.data.csv.clone().unwrap_or_default();
    let delimiter = csv.delimiter.and_then(|character| {
        delimiter(character)
            .map_err(|problem| problems.push(Problem { message: format!("data.csv.{}", problem.message), ..problem }))
            .ok()
    });

    let section = &config.data;
    let predictions = config.model.predictions.clone().unwrap_or_default();
    let named = [
        (Role::Training, Gate::Data, &section.path),
        (Role::Test, Gate::Data, &section.test),
        (Role::Reference, Gate::Data, &section.reference),
        (Role::Predictions, Gate::Model, &predictions.path),
    ];
    let runs = |gate: Gate| runs(gate, args);
    let model = if runs(Gate::Model) {
        model_plan(&config.model, predictions.clone(), &mut problems)
    } else {
        ModelPlan::default()
    };
    let has_rows = section.test.is_some() || predictions.path.is_some();
    let runs_file = model.artifact.as_deref().is_some_and(is_runnable);
    let runs_model = runs_file || config.model.endpoint.is_some();
    let makes_predictions = runs_model && predictions.path.is_none() && section.test.is_some();
    let has = |part: Part| match part {
        Part::Target => section.target.is_some(),
        Part::Test => section.test.is_some(),
        Part::Reference => section.reference.is_some(),
        Part::Predictions => predictions.path.is_some() || makes_predictions,
        Part::Numbers => predictions.path.is_some() || makes_predictions || model.metrics.is_some(),
        Part::Artifact => model.artifact.is_some(),
        Part::Model => runs_model,
        Part::Endpoint => config.model.endpoint.is_some(),
        Part::Rows => has_rows,
        Part::Recorded => predictions.path.is_some(),
        Part::Latencies => predictions.path.is_some() || runs_model,
        Part::Baseline => model.baseline.is_some(),
    };

    problems.extend(id_problem(section));
    let measures_drift = config.entries.iter().any(|entry| [Drift::ID, TargetDrift::ID].contains(&entry.check.id));
    if config.notify.waits_for(When::Drift) && !measures_drift {
        problems.push(
            Problem::new("notify: waits for drift, and no check measures it").hint("add `- drift` to `data.checks`"),
        );
    }
    let mut entries = Vec::new();
    // A table that no entry looks at counts too, but not that of a gate that does not run.
    let mut wanted: BTreeSet<Role> = named.iter().filter(|(_, gate, _)| runs(*gate)).map(|(role, ..)| *role).collect();
    for entry in config.entries {
        if !is_asked_for(&entry, args) || entry.broken {
            continue;
        }
        wanted.insert(entry.on);
        let is_named = named.iter().any(|(role, _, path)| *role == entry.on && path.is_some());
        let lacks_table = entry.check.gate == Gate::Data && !is_named;
        let lacks: Vec<Part> = entry.check.parts.iter().copied().filter(|part| !has(*part)).collect();
        // What a section that cannot be read names seems not to be there.
        let lacks = if config.is_partial { (false, Vec::new()) } else { (lacks_table, lacks) };
        entries.extend(planned(entry, lacks, &mut problems));
    }
    // With some entries picked, a baseline that none of them needs is not looked for.
    let mut model = model;
    let asks = |parts: &[Part]| {
        entries.iter().any(|planned: &PlannedEntry| parts.iter().any(|part| planned.entry.check.parts.contains(part)))
    };
    let predicts = makes_predictions && asks(&[Part::Predictions, Part::Numbers]);
    if runs_model && runs(Gate::Model) && (predicts || asks(&[Part::Model, Part::Endpoint, Part::Latencies])) {
        model.run = Some(RunPlan::new(&config.model, model.artifact.as_deref(), predicts));
        // The rows that the model is asked about, whichever gate runs.
        wanted.insert(Role::Test);
    }
    if !only.is_empty() && !entries.iter().any(|planned| planned.entry.check.parts.contains(&Part::Baseline)) {
        model.baseline = None;
    }
    problems.dedup();
    if !problems.is_empty() {
        return Err(problems);
    }
    let tables = named.into_iter().filter(|(role, ..)| wanted.contains(role));
    let tables = tables.filter_map(|(role, _, path)| Some((role, path.clone()?))).collect();
    Ok(Plan {
        tables,
        model,
        csv: CsvForm { delimiter, null_values: csv.null_values, shows_cells: args.show_values.unwrap_or(false) },
        entries,
        notify: config.notify,
        target: config.data.target,
        timestamp: config.data.timestamp,
        ids: config.data.id.map(|Columns(names)| names).unwrap_or_default(),
        now,
        memory,
        fail_on: args.fail_on.unwrap_or_default(),
        show_values: args.show_values.unwrap_or(false),
        not_configured: config.not_configured,
    })
}

/// What is wrong with `data.id`.
fn id_problem(section: &DataSection) -> Option<Problem> {
    let (Columns(ids), target) = (section.id.as_ref()?, section.target.as_ref()?);
    ids.contains(target).then(|| {
        let said = format!("data.id: {} is the target, which cannot be an id too", code(target));
        Problem::new(said).hint("remove it from `data.id`")
    })
}

/// The config files that are meant, as they were named.
///
/// # Errors
/// What is wrong with the list.
pub fn config_names(args: &CheckArgs) -> Result<Vec<String>, String> {
    let mut names = Vec::new();
    for text in &args.config {
        names.extend(crate::cli::list(text)?);
    }
    if names.is_empty() {
        names.push(DEFAULT_CONFIG.to_owned());
    }
    Ok(names)
}

/// Whether the entry's gate runs, and its check is one of those that `only` picks, if it picks any.
pub fn is_asked_for(entry: &Entry, args: &CheckArgs) -> bool {
    let only: Vec<String> = args.only.iter().filter_map(|text| crate::cli::list(text).ok()).flatten().collect();
    runs(entry.check.gate, args) && (only.is_empty() || only.iter().any(|id| id == entry.check.id))
}

fn runs(gate: Gate, args: &CheckArgs) -> bool {
    match args.gate {
        None => true,
        Some(GateChoice::Data) => gate == Gate::Data,
        Some(GateChoice::Model) => gate == Gate::Model,
    }
}

/// An entry with its check read; `lacks` says whether its table and which parts are not there.
fn planned(entry: Entry, lacks: (bool, Vec<Part>), problems: &mut Vec<Problem>) -> Option<PlannedEntry> {
    let problem = |message: String| Problem::new(format!("{}{message}", prefix(&entry.path))).at(entry.place.clone());
    let check = match (entry.check.read)(Value::Mapping(entry.settings.clone())) {
        Ok(check) => check,
        Err(wrong) => {
            problems.extend(wrong.into_iter().map(|(_, message)| problem(message)));
            return None;
        }
    };
    if let Err(message) = check.validate() {
        problems.push(problem(message));
    }
    let (lacks_table, lacks_parts) = lacks;
    for part in lacks_parts {
        let (message, hint) = part.missing();
        problems.push(problem(message.into()).hint(hint));
    }
    if lacks_table {
        problems.push(problem(format!("there is no {} table", entry.on)).hint(entry.on.hint()));
    }
    let says = |waiver: &Waiver| !waiver.owner.trim().is_empty() && !waiver.reason.trim().is_empty();
    if !entry.waiver.as_ref().is_none_or(says) {
        problems.push(problem("a waiver has an owner and a reason".into()).hint("say who answers for it, and why"));
    }
    if let Some(waiver) = &entry.waiver
        && NaiveDate::parse_from_str(&waiver.until, "%Y-%m-%d").is_err()
    {
        let said = format!("the waiver's `until` {} is no date", code(&waiver.until));
        problems.push(problem(said).hint("write it as 2026-12-31"));
    }
    Some(PlannedEntry { entry, check })
}

fn model_plan(section: &ModelSection, predictions: PredictionsSection, problems: &mut Vec<Problem>) -> ModelPlan {
    let usual = Names::default();
    let PredictionsSection { label, prediction, score, positive, weight, key, latency, .. } = predictions;
    let names = Names {
        label: label.unwrap_or(usual.label),
        prediction: prediction.unwrap_or(usual.prediction),
        score,
        positive: positive.map(|Plain(class)| class),
        weight,
        key,
        latency: latency.unwrap_or(usual.latency),
    };
    let roles =
        [("label", Some(&names.label)), ("prediction", Some(&names.prediction)), ("score", names.score.as_ref())];
    let roles = roles.into_iter().chain([("weight", names.weight.as_ref()), ("key", names.key.as_ref())]);
    let roles: Vec<(&str, &String)> = roles.filter_map(|(role, column)| Some((role, column?))).collect();
    for (at, (role, column)) in roles.iter().enumerate() {
        if let Some((other, _)) = roles[..at].iter().find(|(_, known)| known == column) {
            let said = format!("model.predictions: {other} and {role} are one column, {}", code(column));
            problems.push(Problem::new(said).hint("no model is judged by its own answer"));
        }
    }
    if let Some(baseline) = &section.baseline {
        match baseline.sources() {
            0 if baseline.missing == Missing::Error => problems.push(
                Problem::new("model.baseline: names no source, expected one of mlflow, git, path")
                    .hint("`missing: skip` alone says that this is the first model"),
            ),
            2.. => {
                let said = "model.baseline: names several sources, expected one of mlflow, git, path";
                problems.push(Problem::new(said));
            }
            _ => {}
        }
        if baseline.mlflow.as_ref().is_some_and(|mlflow| mlflow.name.is_none()) && section.name.is_none() {
            problems.push(
                Problem::new("model.baseline.mlflow: which registered model?").hint("set its `name`, or `model.name`"),
            );
        }
    }
    if let Some(endpoint) = &section.endpoint {
        let found = endpoint.problems(section.name.as_deref());
        problems.extend(found.into_iter().map(|said| Problem::new(format!("model.endpoint: {said}"))));
    }
    let found = section.run.iter().flat_map(RunSection::problems);
    problems.extend(found.map(|said| Problem::new(format!("model.run.{said}"))));
    ModelPlan {
        run: None,
        name: section.name.clone(),
        version: section.version.clone().map(|Plain(version)| version),
        names,
        metrics: section.metrics.clone(),
        artifact: section.artifact.clone(),
        baseline: section.baseline.clone(),
    }
}

/// The delimiter as the byte it is in a file.
///
/// # Errors
/// It is none.
pub fn delimiter(character: char) -> Result<u8, Problem> {
    u8::try_from(character)
        .ok()
        .filter(|byte| byte.is_ascii() && !b"\"\r\n\0".contains(byte))
        .ok_or_else(|| Problem::new("delimiter: expected one ASCII character, such as ; or |"))
}

fn read_now(args: &CheckArgs, clock: i64) -> Result<i64, Problem> {
    let Some(text) = &args.now else { return Ok(clock) };
    DateTime::parse_from_rfc3339(text).map(|time| time.timestamp_micros()).map_err(|_| {
        Problem::new(format!("input now: {} is no RFC 3339 time", code(text))).hint("write it as 2026-11-24T12:00:00Z")
    })
}

fn read_memory(args: &CheckArgs, problems: &mut Vec<Problem>) -> usize {
    args.max_memory.as_deref().map_or(Ok(DEFAULT_MEMORY), size).unwrap_or_else(|message| {
        problems.push(Problem::new(format!("input max-memory: {message}")));
        DEFAULT_MEMORY
    })
}

/// The ids that `--only` names.
fn only(args: &CheckArgs, problems: &mut Vec<Problem>) -> Vec<&'static str> {
    let mut ids = Vec::new();
    for text in &args.only {
        match crate::cli::list(text) {
            Ok(names) => {
                for name in names {
                    match checks::find(&name) {
                        Some(check) => ids.push(check.id),
                        None => {
                            let problem = Problem::new(format!("input only: unknown check {}", code(&name)));
                            let near = nearest(&name, checks::ALL.iter().map(|check| check.id));
                            problems.push(match (crate::cli::comma_hint(&name), near) {
                                (Some(hint), _) => problem.hint(hint),
                                (None, Some(near)) => problem.hint(format!("did you mean `{near}`?")),
                                (None, None) => problem.hint("`mlgate check --list-checks` lists them"),
                            });
                        }
                    }
                }
            }
            Err(message) => problems.push(Problem::new(format!("input only: {message}"))),
        }
    }
    ids
}
