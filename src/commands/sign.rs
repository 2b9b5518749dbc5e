//! The judged model's digest on the registered version, signed: what a rollout goes by where the registry's server does
//! not hold the version's files.

use super::{Context, note, warn};
use crate::cli::CheckArgs;
use crate::integrations::github::event::Event;
use crate::integrations::http::block_on;
use crate::integrations::mlflow::{Mlflow, Server};
use crate::report::{Report, RunResult};
use crate::support::problem::Problem;
use crate::support::words::code;

/// Signs, where there are keys and a version that passed; what fails is a warning: without it no rollout begins.
pub fn model(args: &CheckArgs, context: &Context, event: &Event, report: &Report) {
    let Ok(Some(keys)) = context.journal_keys(args.journal_key.as_deref()) else { return };
    let is_passed = report.result == RunResult::Passed && report.gates.iter().any(|gate| gate.gate == "model");
    let (Some(name), Some(version), Some(sha256), true) =
        (&report.model.name, &report.model.version, &report.model.sha256, is_passed)
    else {
        return;
    };
    let Some(server) = Server::of(args.mlflow_tracking_uri.as_deref(), &context.variables) else { return };
    if context.is_proposal(event) {
        note(&format!("the model's digest is not signed on {}: it may be what is only proposed", code(&event.name)));
        return;
    }
    let signed = block_on(async {
        let mlflow = Mlflow::connect(&server).await?;
        let signed = mlflow.sign_model(name, version, sha256, &keys).await;
        signed.map_err(|wrong| wrong.problem(&format!("the registry has no version {}", code(version))))
    });
    match signed.unwrap_or_else(Err) {
        Ok(()) => note(&format!("version {} of {} is signed as the model that was judged", code(version), code(name))),
        Err(problem) => {
            let problem =
                Problem { message: format!("the model's digest was not signed: {}", problem.message), ..problem };
            warn(&problem.to_string());
        }
    }
}
