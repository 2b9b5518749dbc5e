//! What GitHub is told of a rollout: a deployment with its statuses, and what a rollback starts.

use super::notifier::Notifier;
use super::open::Planned;
use crate::cli::rollout::Common;
use crate::commands::{Context, note, warn};
use crate::config::notify::When;
use crate::integrations::github::api::{Api, Denied};
use crate::integrations::github::deployment::{self, Deployment};
use crate::integrations::github::dispatch;
use crate::integrations::http::block_on;
use crate::integrations::notify;
use crate::report::message;
use crate::rollout::Outcome;
use crate::rollout::controls::Controls;
use crate::rollout::driver::Journey;
use crate::rollout::plan::RolloutPlan;
use crate::support::problem::Problem;

/// A deployment, where there is a workflow run whose token may write one; what fails is a warning.
pub fn begin(common: &Common, context: &Context, about: &str) -> Option<Deployment> {
    let github = context.github.as_ref()?;
    let (sha, run) = (github.commit.as_ref()?, github.pipeline.run_id?);
    let made = tell(common, context, async |api| {
        let Some(made) = deployment::begin(api, sha, run, about).await? else { return Ok(None) };
        deployment::status(api, &made, "in_progress", about, github.url.as_deref()).await?;
        Ok(Some(made))
    });
    made.flatten()
}

/// A message to whom `notify.webhook` names, as of a gate: what was taken back is blocked, what could not go on too. Where
/// `rollout.notifications` names channels, these are told instead.
pub fn message(context: &Context, planned: &Planned, notifier: &Notifier<'_>, controls: &Controls, journey: &Journey) {
    notifier.end(controls, journey);
    let Some(webhook) = planned.notify.webhook.as_ref().filter(|_| planned.plan.section.notifications.is_empty())
    else {
        return;
    };
    let when = match journey.ended.outcome {
        Outcome::Promoted | Outcome::NoDifference => When::Passed,
        Outcome::RolledBack | Outcome::Aborted => When::Blocked,
        Outcome::Held => return,
    };
    if !webhook.on.as_deref().unwrap_or(&[When::Blocked, When::Error]).contains(&when) {
        return;
    }
    let Some(address) = context.variables.get(&webhook.url_env).filter(|address| !address.trim().is_empty()) else {
        warn(&format!("nobody was told: {} is not set", webhook.url_env));
        return;
    };
    let (word, entry) = (journey.ended.outcome.word().replace('_', " "), &journey.entry);
    let headline = format!("{word}: {} {}", entry.name, entry.version);
    let reason = match controls.versions.warning() {
        Some(warning) => format!("{}; {}", journey.ended.reason, warning.message),
        None => journey.ended.reason.clone(),
    };
    let text = message::moved(&headline, &reason, &crate::commands::notify::about(context));
    let told = block_on(notify::webhook(address.trim(), &text, context.is_proxied()));
    if let Err(problem) = told.unwrap_or_else(Err) {
        warn(&problem.to_string());
    }
}

/// What became of the deployment, and what a rollback starts.
pub fn end(common: &Common, context: &Context, plan: &RolloutPlan, deployment: Option<&Deployment>, journey: &Journey) {
    let Some(github) = &context.github else { return };
    let outcome = journey.ended.outcome;
    if let Some(made) = deployment {
        let state = match outcome {
            Outcome::Promoted => "success",
            Outcome::Held => "in_progress",
            Outcome::RolledBack => "failure",
            Outcome::Aborted => "error",
            Outcome::NoDifference => "inactive",
        };
        tell(common, context, async |api| {
            deployment::status(api, made, state, &journey.ended.reason, github.url.as_deref()).await
        });
    }
    let Some(section) = plan.section.on_rollback.as_ref().filter(|_| outcome == Outcome::RolledBack) else { return };
    let section = &section.dispatch;
    let started = tell(common, context, async |api| match (&section.event, &section.workflow) {
        (Some(event), _) => {
            let payload = serde_json::json!({
                "model_name": journey.entry.name,
                "model_version": journey.entry.version,
                "reason": journey.ended.reason,
                "run_url": github.url,
            });
            dispatch::repository(api, event, &payload).await
        }
        (None, Some(file)) => {
            let reference = section.reference.as_deref().unwrap_or(&github.branch);
            dispatch::workflow(api, file, reference, &section.inputs).await
        }
        (None, None) => Ok(()),
    });
    if started.is_some() {
        note("the workflow of `on_rollback` was started");
    }
}

fn tell<T>(common: &Common, context: &Context, what: impl AsyncFnOnce(&Api) -> Result<T, Denied>) -> Option<T> {
    let repository = context.repository(common.github_token.as_deref())?;
    repository.token.as_ref()?;
    let told = block_on(async {
        let api = Api::connect(&repository).await?;
        what(&api).await.map_err(Denied::problem)
    });
    match told.unwrap_or_else(Err) {
        Ok(told) => Some(told),
        Err(problem) => {
            let problem: Problem = problem;
            warn(&problem.to_string());
            None
        }
    }
}
