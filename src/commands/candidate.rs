//! What the model gate knows before anything is measured: recorded numbers, the artifact, the baseline.

use super::{Context, weigh};
use crate::baseline::{self, Opened, World};
use crate::candidate::Candidate;
use crate::cli::CheckArgs;
use crate::mlflow::Server;
use crate::plan::Plan;
use crate::problem::Failure;
use crate::report;
use crate::table::Role;
use crate::workspace::Workspace;

/// The candidate, what the report says of it, and where the baseline's predictions are.
pub struct Known {
    pub candidate: Candidate,
    pub model: report::Model,
    pub predictions: Option<baseline::Predictions>,
}

/// # Errors
/// Usage: a path that may not be read, a server that nothing names.
pub fn open(plan: &Plan, args: &CheckArgs, workspace: &Workspace, context: &Context) -> Result<Known, Failure> {
    let predicted = plan.tables.get(&Role::Predictions);
    let plan = &plan.model;
    let mut candidate = Candidate { names: plan.names.clone(), ..Candidate::default() };
    let mut model = report::Model {
        name: plan.name.clone(),
        version: plan.version.clone(),
        sha256: None,
        artifact: plan.artifact.clone(),
        ..report::Model::default()
    };
    if let Some(path) = &plan.metrics {
        candidate.recorded = Some(baseline::read_metrics(path, workspace)?);
    }
    if let Some(path) = &plan.artifact {
        let weighed = weigh::weigh(path, workspace)?;
        candidate.size = Some(weighed.map(|(bytes, sha256)| {
            model.sha256 = Some(sha256);
            bytes
        }));
    }
    let mut predictions = None;
    if let Some(section) = &plan.baseline {
        let world = World {
            workspace,
            candidate: predicted.into_iter().chain(&plan.metrics).map(String::as_str).collect(),
            mlflow: Server::of(args.mlflow_tracking_uri.as_deref(), &context.variables),
            repository: context.repository(args.github_token.as_deref()),
        };
        let opened = baseline::open(section, plan.name.as_deref(), &world)?;
        Opened { baseline: candidate.baseline, predictions } = opened;
    }
    Ok(Known { candidate, model, predictions })
}
