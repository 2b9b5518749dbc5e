//! Sets a run's models up: where the library is, who may be asked for predictions, and what is made of them.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use super::Context;
use super::candidate::means;
use crate::cli::CheckArgs;
use crate::config::running::{EndpointSection, ProtocolName};
use crate::data::candidate::Candidate;
use crate::data::table::csv::Csv;
use crate::data::table::files::{self, Files};
use crate::data::table::{Role, TableInfo};
use crate::engine::{self, Opened, Progress};
use crate::integrations::http::hosts::ENDPOINT;
use crate::integrations::http::{self, AllowedHost, HostPolicy};
use crate::plan::CsvForm;
use crate::report::{self, TableSummary};
use crate::runtime::endpoint::protocol::{OpenInference, Protocol, Template};
use crate::runtime::endpoint::{Address, Credentials, SECONDS};
use crate::runtime::lab::{self, Addressing, Lab, Room};
use crate::runtime::onnx::Artifact;
use crate::runtime::run_plan::RunPlan;
use crate::support::limit::Finite;
use crate::support::problem::{Failure, Problem};
use crate::support::words::code;
use crate::support::workspace::Workspace;

/// Rows of one request.
const ROWS: usize = 500;

/// The tables of a run, which predictions are added to.
pub struct Tables<'a> {
    pub sources: &'a mut BTreeMap<Role, Opened>,
    pub infos: &'a mut BTreeMap<Role, Result<TableInfo, Problem>>,
    pub shown: &'a mut BTreeMap<String, TableSummary>,
}

/// What a run knows when it sets its models up.
pub struct Setting<'a> {
    pub run: &'a RunPlan,
    pub workspace: &'a Workspace,
    pub context: &'a Context,
    pub door: Option<&'a Door>,
    pub target: Option<&'a str>,
    pub timestamp: Option<&'a str>,
    pub csv: &'a dyn Fn(&Files) -> Csv,
    pub memory: usize,
    pub progress: &'a Progress,
    /// A folder for what the model predicts.
    pub scratch: &'a Path,
}

/// How files of text are read.
pub fn reader(csv: CsvForm) -> impl Fn(&Files) -> Csv {
    move |files| csv.clone().for_files(files)
}

/// Loads the model, and where nothing was recorded predicts the test table with it.
///
/// # Errors
/// Usage: paths that may not be read.
pub fn set_up<'a>(
    setting: &Setting<'a>,
    candidate: &mut Candidate,
    model: &mut report::Model,
    tables: Tables,
) -> Result<Lab<'a>, Failure> {
    let run = setting.run;
    let artifact = match &run.artifact {
        Some(shown) => {
            let path = setting.workspace.resolve(shown)?;
            Some(Artifact { shown: shown.clone(), path, means: means(setting.context, Some(run)) })
        }
        None => None,
    };
    let names = candidate.names.clone();
    let address =
        setting.door.map(|door| |table: &TableInfo, features: Vec<String>| door.address(run, table, features));
    let mut lab = Lab::open(Room {
        workspace: setting.workspace,
        plan: run,
        names: &names,
        target: setting.target,
        timestamp: setting.timestamp,
        csv: setting.csv,
        tables: tables.infos,
        artifact,
        unread: candidate.size.as_ref().and_then(|size| size.as_ref().err()).cloned(),
        address: address.as_ref().map(|address| address as &Addressing),
        memory: setting.memory,
        progress: setting.progress,
        scratch: setting.scratch,
    })?;
    if !lab.sandbox.is_empty() {
        crate::support::log::detail(&format!("sandbox of the model's process: {}", lab.sandbox.join("; ")));
    }
    if run.makes_predictions {
        predict(&mut lab, setting, tables);
    }
    let runs = lab.runs();
    if let Ok(runs) = &runs {
        model.features.clone_from(&runs.sees);
    }
    candidate.runs = Some(runs);
    model.endpoint = setting.door.map(|door| http::shown(door.host.url()));
    Ok(lab)
}

/// Predicts the test table, which then is the table of predictions too.
fn predict(lab: &mut Lab, setting: &Setting, tables: Tables) {
    let Tables { sources, infos, shown } = tables;
    let role = Role::Predictions;
    let test = shown.get(Role::Test.word()).map(|table| table.path.clone()).unwrap_or_default();
    let endpoint = setting.run.endpoint.as_ref().and_then(|endpoint| endpoint.url.as_deref());
    let path = lab::shown(setting.run.artifact.as_deref(), endpoint, &test);
    let mut summary = TableSummary { path: path.clone(), rows: None, columns: None, fingerprint: None, sha256: None };
    let made = match (infos.get(&Role::Test), sources.get(&Role::Test)) {
        // A table without a row has no predictions, and is said to be empty for itself.
        (Some(Ok(info)), _) if info.rows == 0 => {
            infos.insert(role, Ok(info.clone()));
            return;
        }
        (_, Some(Opened::Table(source))) => lab.predict(source, &path),
        (Some(Err(problem)), _) => Err(problem.clone()),
        _ => Err(Problem::new("there are no rows to ask the model about").hint(Role::Test.hint())),
    };
    let opened = made.and_then(|file| {
        // Where it was put is nobody's business, and need not lie in the workspace.
        let found = files::find(&file.to_string_lossy(), &Workspace::command_line())
            .map_err(|_| Problem::new("the model's predictions could not be read again"))?;
        let csv = (setting.csv)(&found);
        engine::open(found, csv)
    });
    match opened {
        Ok(source) => {
            let info = source.info().clone();
            summary.rows = Some(info.rows);
            summary.columns = Some(info.columns.len() as u64);
            infos.insert(role, Ok(info));
            sources.insert(role, Opened::Table(Box::new(source)));
        }
        Err(problem) => drop(infos.insert(role, Err(problem))),
    }
    shown.insert(role.word().to_owned(), summary);
}

/// Where an endpoint is, and what lets us in.
pub struct Door {
    section: EndpointSection,
    model: Option<String>,
    host: AllowedHost,
    credentials: Option<Credentials>,
    /// The most requests a second, where there is a ceiling.
    most_rps: Option<f64>,
    is_proxied: bool,
}

impl Door {
    /// The endpoint of a run, where it has one. Its token is hidden before anything is said that could hold it.
    ///
    /// # Errors
    /// Usage: an address that is none, a host that nobody may name, a token that would go astray.
    pub fn find(
        run: Option<&RunPlan>,
        args: &CheckArgs,
        context: &Context,
        hosts: &HostPolicy,
        most_rps: Option<f64>,
    ) -> Result<Option<Self>, Failure> {
        let Some((run, section)) = run.and_then(|run| Some((run, run.endpoint.clone()?))) else { return Ok(None) };
        let url = http::address(section.url.as_deref().unwrap_or_default(), "the endpoint");
        let url = url.map_err(|problem| {
            Failure::usage(
                problem.hint("write it as https://staging.example.org/invocations, its token in `token_env`"),
            )
        })?;
        let host = match &args.endpoint {
            Some(_) => AllowedHost::by_input(url),
            None => hosts.by_config(url, ENDPOINT).map_err(Failure::usage)?,
        };
        let credentials = match &section.token_env {
            Some(name) => Some(token(name, &section, args, context)?),
            None => None,
        };
        let model = section.model.clone().or_else(|| run.name.clone());
        Ok(Some(Self { section, model, host, credentials, most_rps, is_proxied: context.is_proxied() }))
    }

    fn address(&self, run: &RunPlan, table: &TableInfo, features: Vec<String>) -> Result<Address, Problem> {
        let section = &self.section;
        let protocol = match section.protocol() {
            ProtocolName::Mlflow => Protocol::Mlflow,
            ProtocolName::OpenInference => {
                let model = self.model.clone().unwrap_or_default();
                Protocol::OpenInference(OpenInference::new(model, table.clone(), run.features.clone(), features))
            }
            ProtocolName::Json => Protocol::Json(Template {
                request: section.request.clone().unwrap_or_default(),
                rows: section.rows,
                predictions: section.predictions.clone().unwrap_or_else(|| "/predictions".to_owned()),
                scores: section.scores.clone(),
            }),
        };
        let Finite(seconds) = section.timeout_seconds.unwrap_or(Finite(SECONDS));
        Ok(Address {
            host: self.host.clone(),
            protocol,
            credentials: self.credentials.clone(),
            rows: run.batch_rows.unwrap_or(ROWS),
            timeout: Duration::from_secs_f64(seconds),
            pace: self.most_rps.map_or(Duration::ZERO, |rps| Duration::from_secs_f64((1.0 / rps).min(3600.0))),
            is_proxied: self.is_proxied,
        })
    }
}

/// A config can come from a pull request: what it names gets no token, only the host that an input names.
fn token(name: &str, section: &EndpointSection, args: &CheckArgs, context: &Context) -> Result<Credentials, Failure> {
    if args.endpoint.is_none() {
        let problem =
            Problem::new(format!("the token in {} would go to a host that only the config names", code(name)));
        return Err(Failure::usage(problem.hint("name the endpoint by the input `endpoint`")));
    }
    let secret = context.variables.get(name).map(|secret| secret.trim()).filter(|secret| !secret.is_empty());
    let Some(secret) = secret else {
        let problem =
            Problem::new(format!("the variable {}, which holds the endpoint's token, is not set", code(name)));
        return Err(Failure::usage(problem.hint("set it from a secret: `env:` of the step")));
    };
    if context.github.is_some() {
        crate::support::log::mask(secret);
    }
    Credentials::new(section.header.as_deref(), secret).map_err(Failure::usage)
}
