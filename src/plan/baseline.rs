//! Finds the model in production: a registered model, a file at a git ref, or a file here.
#![expect(clippy::disallowed_methods, reason = "edge: reads files, speaks to servers")]

use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use crate::config::model::{BaselineSection, GitSection, Missing, MlflowSection};
use crate::data::candidate::{Baseline, Found};
use crate::data::recorded::{self, Recorded};
use crate::integrations::github::api::Repository;
use crate::integrations::github::contents;
use crate::integrations::http::block_on;
use crate::integrations::mlflow::{Mlflow, Server, Wrong};
use crate::support::problem::{Exit, Failure, Problem};
use crate::support::words::code;
use crate::support::workspace::Workspace;

/// A predictions file of a baseline may have so many bytes.
const LARGEST_TABLE: usize = 1_000_000_000;

/// What a baseline is looked for with.
pub struct World<'a> {
    pub workspace: &'a Workspace,
    /// The candidate's predictions and metrics, as the user wrote their paths.
    pub candidate: Vec<&'a str>,
    /// A folder for what is downloaded.
    pub scratch: &'a Path,
    /// The MLflow server, if an input or the environment names one.
    pub mlflow: Option<Server>,
    /// This repository on GitHub, if the environment names it.
    pub repository: Option<Repository>,
}

/// A baseline, and where its predictions are.
pub struct Opened {
    pub baseline: Baseline,
    pub predictions: Option<Predictions>,
}

pub enum Predictions {
    /// A path as the user wrote it.
    Here(String),
    /// Downloaded into the scratch folder.
    Fetched(PathBuf),
}

impl Opened {
    fn none(baseline: Baseline) -> Self {
        Self { baseline, predictions: None }
    }
}

/// Looks for the baseline; `model` is the candidate's name.
///
/// # Errors
/// Usage: a path that may not be read, a server or repository that nothing names.
pub fn open(section: &BaselineSection, model: Option<&str>, world: &World) -> Result<Opened, Failure> {
    let opened = match section {
        BaselineSection { mlflow: Some(mlflow), .. } => from_mlflow(mlflow, model, world)?,
        BaselineSection { git: Some(git), .. } => from_git(git, world)?,
        BaselineSection { path: Some(path), .. } => from_file(path, world)?,
        _ => Err(Wrong::Missing("no baseline is named".into())),
    };
    Ok(match (opened, section.missing) {
        (Ok(opened), _) => opened,
        (Err(Wrong::Missing(what)), Missing::Skip) => Opened::none(Baseline::First(what)),
        (Err(Wrong::Missing(what)), Missing::Error) => Opened::none(Baseline::Broken(
            Problem::new(format!("no baseline was found: {what}"))
                .hint("is its name right? If this is the first model, say so: `model.baseline.missing: skip`"),
        )),
        (Err(Wrong::Problem(problem)), _) => Opened::none(Baseline::Broken(problem)),
    })
}

/// Whether a file of that name holds metrics, not predictions.
fn holds_metrics(path: &str) -> bool {
    let path = path.to_lowercase();
    [".json", ".yml", ".yaml"].iter().any(|ending| path.ends_with(ending))
}

fn about(parts: &[(&str, &str)]) -> Map<String, Value> {
    parts.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect()
}

fn from_file(path: &str, world: &World) -> Result<Result<Opened, Wrong>, Failure> {
    let real = world.workspace.resolve(path)?;
    if !path.contains(['*', '?', '[']) && !real.exists() {
        return Ok(Err(Wrong::Missing(format!("there is no file {}", code(path)))));
    }
    let same =
        |own: &&str| Path::new(own).canonicalize().is_ok_and(|own| real.canonicalize().is_ok_and(|real| own == real));
    if world.candidate.iter().any(same) {
        let problem = Problem::new(format!("the baseline is the candidate's own file, {}", code(path)));
        return Ok(Err(problem.hint("name that of the model in production").into()));
    }
    let mut found =
        Found { title: path.to_owned(), about: about(&[("source", "file"), ("path", path)]), ..Found::default() };
    let mut predictions = None;
    if holds_metrics(path) {
        match read_metrics(path, world.workspace)? {
            Ok(metrics) => found.metrics = Some(metrics),
            Err(problem) => return Ok(Err(problem.into())),
        }
    } else {
        found.has_predictions = true;
        predictions = Some(Predictions::Here(path.to_owned()));
    }
    Ok(Ok(Opened { baseline: Baseline::Found(found), predictions }))
}

/// Reads a metrics file; `shown` is its path as the user wrote it.
///
/// # Errors
/// The outer one ends the run: a path that may not be read. The inner one: it cannot be read, or is none.
pub fn read_metrics(shown: &str, workspace: &Workspace) -> Result<Result<Recorded, Problem>, Failure> {
    let broken =
        |error: std::io::Error| Problem::new(format!("the metrics file {} could not be read: {error}", code(shown)));
    Ok(workspace.open(shown)?.map_err(broken).and_then(|mut file| {
        let bytes = file.read(recorded::LARGEST as u64).map_err(broken)?;
        if bytes.len() > recorded::LARGEST {
            return Err(Problem::new(format!(
                "the metrics file {} is {} bytes long, and may have {}",
                code(shown),
                file.size().max(bytes.len() as u64),
                recorded::LARGEST
            ))
            .hint("is it a table of predictions?"));
        }
        let text = String::from_utf8(bytes)
            .map_err(|_| Problem::new(format!("the metrics file {} is not UTF-8", code(shown))))?;
        Recorded::parse(shown, &text)
    }))
}

fn from_mlflow(section: &MlflowSection, model: Option<&str>, world: &World) -> Result<Result<Opened, Wrong>, Failure> {
    let Some(server) = &world.mlflow else {
        return Err(Failure::usage(
            Problem::new("the baseline is in a registry, and nothing says where that is")
                .hint("set the input `mlflow-tracking-uri`, or MLFLOW_TRACKING_URI"),
        ));
    };
    let name = section.name.as_deref().or(model).unwrap_or_default();
    // What may never be spoken to is wrong before it is tried.
    crate::integrations::http::address(&server.uri, "the MLflow tracking URI").map_err(Failure::usage)?;
    block_on(registered(server, name, &section.alias, world.scratch)).map_err(Failure::unmeasured)
}

async fn registered(server: &Server, name: &str, alias: &str, scratch: &Path) -> Result<Opened, Wrong> {
    let mlflow = Mlflow::connect(server).await?;
    let version = mlflow.version(name, alias).await?;
    let title = format!("{name} v{} ({alias})", version.version);
    let mut about = about(&[("source", "mlflow"), ("name", name), ("alias", alias)]);
    let Some(run) = version.run_id else {
        let problem =
            format!("{} was registered without a run, so it has neither metrics nor predictions", code(&title));
        return Err(Problem::new(problem).hint("register it from the run that trained it").into());
    };
    about.insert("run_id".into(), json!(run));
    let metrics = mlflow.metrics(&run, &title).await?;
    let mut predictions = None;
    if let Some(path) = mlflow.predictions(&run).await? {
        let file = room(&path, scratch);
        mlflow.download(&run, &path, &file, LARGEST_TABLE).await?;
        about.insert("predictions".into(), json!(path));
        predictions = Some(Predictions::Fetched(file));
    }
    let found = Found {
        title,
        version: Some(version.version),
        metrics: Some(metrics),
        has_predictions: predictions.is_some(),
        about,
    };
    Ok(Opened { baseline: Baseline::Found(found), predictions })
}

fn from_git(section: &GitSection, world: &World) -> Result<Result<Opened, Wrong>, Failure> {
    // They become parts of an address that the token goes to, and can come from a pull request.
    if !contents::is_plain(&section.path) || !contents::is_plain(&section.reference) {
        let said = format!("{} at {} names no file of the repository", code(&section.path), code(&section.reference));
        return Err(Failure::usage(Problem::new(said).hint("write them as git does: main, out/metrics.json")));
    }
    let Some(repository) = &world.repository else {
        return Err(Failure::usage(
            Problem::new("the baseline is a file at a git ref, and nothing says of which repository")
                .hint("set GITHUB_REPOSITORY to owner/name; in a workflow it is"),
        ));
    };
    block_on(at_ref(repository, section, world.scratch)).map_err(Failure::unmeasured)
}

async fn at_ref(repository: &Repository, section: &GitSection, scratch: &Path) -> Result<Opened, Wrong> {
    let most = if holds_metrics(&section.path) { recorded::LARGEST } else { LARGEST_TABLE };
    let file = contents::at_ref(repository, &section.reference, &section.path, most).await?;
    let title = format!("{} at {} ({})", section.path, section.reference, &file.sha[..file.sha.len().min(7)]);
    let mut found = Found {
        title: title.clone(),
        version: Some(file.sha.clone()),
        about: about(&[("source", "git"), ("ref", &section.reference), ("path", &section.path), ("sha", &file.sha)]),
        ..Found::default()
    };
    let mut predictions = None;
    if holds_metrics(&section.path) {
        let text = String::from_utf8(file.bytes)
            .map_err(|_| Problem::new(format!("the metrics file {} is not UTF-8", code(&title))))?;
        found.metrics = Some(Recorded::parse(&title, &text)?);
    } else {
        let name = section.path.rsplit('/').next().unwrap_or_default();
        let path = room(name, scratch);
        std::fs::write(&path, &file.bytes)
            .map_err(|error| Problem::new(format!("{} could not be saved: {error}", code(&title))))?;
        found.has_predictions = true;
        predictions = Some(Predictions::Fetched(path));
    }
    Ok(Opened { baseline: Baseline::Found(found), predictions })
}

/// A place for a downloaded file; of its name only the ending counts.
fn room(name: &str, scratch: &Path) -> PathBuf {
    let plain: String = name.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '.').collect();
    let ending = plain.split_once('.').map_or(String::new(), |(_, ending)| format!(".{ending}"));
    scratch.join(format!("baseline{ending}"))
}

/// The problem of the one table that could not be found.
///
/// # Errors
/// It is one that ends the run: a path that may not be read.
pub fn problem_of(failure: Failure, what: &str) -> Result<Problem, Failure> {
    if failure.exit == Exit::Usage {
        return Err(failure);
    }
    let first = failure.problems.into_iter().next();
    Ok(first.unwrap_or_else(|| Problem::new(format!("{} could not be read", code(what)))))
}
