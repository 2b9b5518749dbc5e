//! Who else is told of a report, and what it starts: never on a pull request.

use serde_json::json;

use super::talk::Talk;
use super::{Context, note, warn};
use crate::config::NotifySection;
use crate::config::notify::{DispatchSection, When};
use crate::github::Github;
use crate::github::api::{Api, Denied};
use crate::github::dispatch;
use crate::github::event::Event;
use crate::http::block_on;
use crate::notify::{self, About};
use crate::problem::Problem;
use crate::report::{Report, RunResult};
use crate::verdict::{Status, Verdict};

/// The checks that say that data drifted.
const DRIFT: [&str; 2] = ["drift", "target_drift"];

/// Sends what the config asks for; what fails is a warning.
pub fn send(context: &Context, event: &Event, talk: Option<&Talk>, notify: &NotifySection, report: &Report) {
    if *notify == NotifySection::default() {
        return;
    }
    // Here a pull request could say whom to tell, and what to start.
    if event.is_proposal() {
        note("`notify` is not for pull requests: nobody was told, nothing was started");
        return;
    }
    if let Some(webhook) = &notify.webhook
        && wants(webhook.on.as_deref().unwrap_or(&[When::Blocked, When::Error]), report)
    {
        let told = match context.variables.get(&webhook.url_env).filter(|address| !address.trim().is_empty()) {
            Some(address) => {
                let text = notify::message(report, &about(context));
                let proxied = context.is_proxied();
                block_on(notify::webhook(address.trim(), &text, proxied)).unwrap_or_else(Err)
            }
            None => Err(Problem::new(format!("nobody was told: {} is not set", webhook.url_env))
                .hint(format!("give it to the step: `env: {{ {}: ${{{{ secrets.… }}}} }}`", webhook.url_env))),
        };
        complain(told);
    }
    if let Some(section) = &notify.dispatch
        && wants(section.on.as_deref().unwrap_or(&[When::Blocked]), report)
    {
        complain(start(context, event, talk, section, report));
    }
}

fn start(
    context: &Context,
    event: &Event,
    talk: Option<&Talk>,
    section: &DispatchSection,
    report: &Report,
) -> Result<(), Problem> {
    let (Some(github), Some(talk)) = (&context.github, talk) else {
        note("nothing was started: that takes a workflow run and its token");
        return Ok(());
    };
    if is_this_one(section, github, event) {
        note("nothing was started: this run is the one that would be");
        return Ok(());
    }
    // Two workflows that start each other would never end.
    if event.name.ends_with("_dispatch") && github.actor == "github-actions[bot]" {
        note("nothing was started: another workflow started this run");
        return Ok(());
    }
    let sent = block_on(async {
        let api = Api::connect(&talk.repository).await?;
        let sent: Result<(), Denied> = match (&section.event, &section.workflow) {
            (Some(event), _) => dispatch::repository(&api, event, &payload(report, github)).await,
            (None, Some(file)) => {
                let reference = section.reference.as_deref().unwrap_or(&github.branch);
                dispatch::workflow(&api, file, reference, &section.inputs).await
            }
            (None, None) => Ok(()),
        };
        sent.map_err(Denied::problem)
    });
    sent.unwrap_or_else(Err)
}

/// A retraining whose gate blocks must not start itself, for ever.
fn is_this_one(section: &DispatchSection, github: &Github, event: &Event) -> bool {
    let by_event = event.name == "repository_dispatch" && section.event.is_some() && section.event == event.action;
    let file = github.step.file.rsplit('/').next().unwrap_or_default();
    by_event || section.workflow.as_deref().is_some_and(|workflow| workflow == file)
}

/// Ten keys at most, and small: what a retraining wants to know.
fn payload(report: &Report, github: &Github) -> serde_json::Value {
    let failed: Vec<String> =
        report.verdicts().filter(|verdict| verdict.status.blocks()).map(Verdict::label).take(50).collect();
    json!({
        "result": report.result.word(),
        "summary": crate::words::cut(&report.summary, 500),
        "commit": report.commit,
        "failed_checks": failed,
        "model_name": report.model.name,
        "model_version": report.model.version,
        "run_url": github.url,
    })
}

fn wants(on: &[When], report: &Report) -> bool {
    let drifted = report.verdicts().any(|verdict| {
        DRIFT.contains(&verdict.check.as_str()) && matches!(verdict.status, Status::Fail | Status::Warn)
    });
    on.iter().any(|when| match when {
        When::Passed => report.result == RunResult::Passed,
        When::Blocked => report.result == RunResult::Blocked,
        When::Error => report.result == RunResult::Error,
        When::Drift => drifted,
    })
}

fn about(context: &Context) -> About {
    let github = context.github.as_ref();
    About {
        repository: context.variables.get("GITHUB_REPOSITORY").cloned().unwrap_or_default(),
        branch: github.map(|github| github.branch.clone()).unwrap_or_default(),
        url: github.and_then(|github| github.url.clone()),
    }
}

fn complain(told: Result<(), Problem>) {
    if let Err(problem) = told {
        warn(&problem.to_string());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn drift_counts_whether_it_blocks_or_not() {
        let mut report = sample::passed();
        assert!(!wants(&[When::Drift, When::Blocked], &report));
        report.gates[0].checks.push(sample::verdict("drift", Status::Warn));
        assert!(wants(&[When::Drift], &report));
        assert!(wants(&[When::Passed], &report));
    }
}
