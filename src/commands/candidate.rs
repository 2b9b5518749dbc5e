//! What the model gate knows before anything is measured: recorded numbers, the artifact, the baseline.

use std::path::Path;

use super::Context;
use crate::cli::CheckArgs;
use crate::data::candidate::{Baseline, Candidate};
use crate::integrations::mlflow::Server;
use crate::plan::ModelPlan;
use crate::plan::baseline::{self, Opened, World};
use crate::report;
use crate::runtime::artifact;
use crate::runtime::onnx::{self, Means};
use crate::runtime::run_plan::RunPlan;
use crate::support::problem::Failure;
use crate::support::workspace::Workspace;

/// What the report says of the model before anything is read.
pub fn reported(plan: &ModelPlan) -> report::Model {
    report::Model {
        name: plan.name.clone(),
        version: plan.version.clone(),
        sha256: None,
        artifact: plan.artifact.clone(),
        ..report::Model::default()
    }
}

/// Reads what the model gate needs beside its tables, and what the report says of it.
///
/// # Errors
/// Usage: a path that may not be read.
pub fn open(plan: &ModelPlan, workspace: &Workspace, context: &Context) -> Result<(Candidate, report::Model), Failure> {
    let mut candidate = Candidate { names: plan.names.clone(), ..Candidate::default() };
    let mut model = reported(plan);
    if let Some(path) = &plan.metrics {
        candidate.recorded = Some(baseline::read_metrics(path, workspace)?);
    }
    if let Some(path) = &plan.artifact {
        let digest = artifact::digest(path, workspace, &means(context, plan.run.as_ref()))?;
        candidate.size = Some(digest.map(|digest| {
            model.sha256 = Some(digest.sha256);
            digest.bytes
        }));
    }
    Ok((candidate, model))
}

/// Returns what the process of a model may take.
pub fn means(context: &Context, run: Option<&RunPlan>) -> Means {
    let variable = |name: &str| context.variables.get(name).filter(|value| !value.is_empty()).cloned();
    let (memory, timeout) = run.map_or((onnx::MEMORY, onnx::TIMEOUT), |run| (run.memory, run.timeout));
    Means::new(variable, memory, timeout)
}

/// Finds the baseline, and where its predictions are; `predicted` is the path of the candidate's, `scratch` a folder for
/// what is downloaded.
///
/// # Errors
/// Usage: a path that may not be read, a server that nothing names.
pub fn find_baseline(
    plan: &ModelPlan,
    predicted: Option<&str>,
    args: &CheckArgs,
    workspace: &Workspace,
    context: &Context,
    scratch: &Path,
) -> Result<Opened, Failure> {
    let Some(section) = &plan.baseline else {
        return Ok(Opened { baseline: Baseline::Unnamed, predictions: None });
    };
    let world = World {
        workspace,
        candidate: predicted.into_iter().chain(plan.metrics.as_deref()).collect(),
        scratch,
        mlflow: Server::of(args.mlflow_tracking_uri.as_deref(), &context.variables),
        repository: context.repository(args.github_token.as_deref()),
    };
    baseline::open(section, plan.name.as_deref(), &world)
}
