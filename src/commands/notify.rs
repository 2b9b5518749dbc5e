//! Who else is told of a report, and what it starts: never on a proposal.

use serde_json::json;

use super::talk::Talk;
use super::{Context, note, warn};
use crate::config::NotifySection;
use crate::config::notify::{DispatchSection, When};
use crate::integrations::github::Github;
use crate::integrations::github::api::{Api, Denied};
use crate::integrations::github::dispatch;
use crate::integrations::github::event::Event;
use crate::integrations::http::block_on;
use crate::integrations::notify;
use crate::report::digest::Digest;
use crate::report::message::{self, About};
use crate::report::verdict::Verdict;
use crate::report::{Report, RunResult};
use crate::support::problem::Problem;
use crate::support::words;

/// What earlier runs left.
#[derive(Clone, Copy)]
pub struct Past<'a> {
    pub earlier: Option<&'a Digest>,
    /// Whether a file keeps it: without an earlier run this is the first.
    pub is_kept: bool,
}

impl Past<'_> {
    /// Whether the training table is another than in the last run; none where nobody knows.
    fn has_changed(self, report: &Report) -> Option<bool> {
        let now = fingerprint(report)?;
        // What should have been started for it is still to be.
        if self.earlier.and_then(|earlier| earlier.failed_for.as_deref()) == Some(now) {
            return Some(true);
        }
        match self.earlier.and_then(|earlier| earlier.fingerprint.as_deref()) {
            Some(then) => Some(then != now),
            None => self.is_kept.then_some(true),
        }
    }
}

fn fingerprint(report: &Report) -> Option<&str> {
    report.tables.get("training").and_then(|table| table.fingerprint.as_deref())
}

/// The fingerprint of the table that a workflow was started for, or should have been.
#[derive(Debug, Default)]
pub struct Told {
    pub started_for: Option<String>,
    pub failed_for: Option<String>,
}

/// Sends what the config asks for; what fails is a warning.
pub fn send(
    context: &Context,
    event: &Event,
    talk: Option<&Talk>,
    notify: &NotifySection,
    report: &Report,
    past: Past,
) -> Told {
    let mut told = Told::default();
    if *notify == NotifySection::default() {
        return told;
    }
    // Here a proposal could choose the recipient, and the workflow that is started.
    if event.is_proposal() {
        let name = words::visible(&event.name);
        note(&format!(
            "`notify` does not run on proposals such as pull requests (event `{name}`): nothing was sent or started"
        ));
        return told;
    }
    if notify.waits_for(When::Change) && past.has_changed(report).is_none() {
        warn(
            "nobody knows whether the data changed: there is no earlier run to compare with (name a file that stays \
             with `history`, or give the job `checks: write`)",
        );
    }
    if let Some(webhook) = &notify.webhook
        && wants(webhook.on.as_deref().unwrap_or(&[When::Blocked, When::Error]), report, past)
    {
        let told = match context.variables.get(&webhook.url_env).filter(|address| !address.trim().is_empty()) {
            Some(address) => {
                let text = message::message(report, &about(context));
                let proxied = context.is_proxied();
                block_on(notify::webhook(address.trim(), &text, proxied)).unwrap_or_else(Err)
            }
            None => Err(Problem::new(format!("nobody was told: {} is not set", webhook.url_env))
                .hint(format!("give it to the step: `env: {{ {}: ${{{{ secrets.… }}}} }}`", webhook.url_env))),
        };
        complain(told);
    }
    if let Some(section) = &notify.dispatch
        && wants(section.on.as_deref().unwrap_or(&[When::Blocked]), report, past)
    {
        let own = fingerprint(report).filter(|_| notify.needs_fingerprint());
        if own.is_some() && past.earlier.and_then(|earlier| earlier.started_for.as_deref()) == own {
            note("nothing was started: that was done for this very table");
            return told;
        }
        match start(context, event, talk, section, report) {
            Ok(true) => told.started_for = own.map(ToOwned::to_owned),
            Ok(false) => {}
            Err(problem) => {
                told.failed_for = own.map(ToOwned::to_owned);
                complain(Err(problem));
            }
        }
    }
    told
}

fn start(
    context: &Context,
    event: &Event,
    talk: Option<&Talk>,
    section: &DispatchSection,
    report: &Report,
) -> Result<bool, Problem> {
    let (Some(github), Some(talk)) = (&context.github, talk) else {
        note("nothing was started: that takes a workflow run and its token");
        return Ok(false);
    };
    if is_this_one(section, github, event) {
        note("nothing was started: this run is the one that would be");
        return Ok(false);
    }
    // Two workflows that start each other would never end.
    if event.name.ends_with("_dispatch") && github.actor == "github-actions[bot]" {
        note("nothing was started: another workflow started this run");
        return Ok(false);
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
        sent.map(|()| true).map_err(Denied::problem)
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
        "summary": words::cut(&report.summary, 500),
        "commit": report.commit,
        "failed_checks": failed,
        "model_name": report.model.name,
        "model_version": report.model.version,
        "drifted_columns": report.drifted_columns().into_iter().take(50).collect::<Vec<_>>(),
        "data_fingerprint": fingerprint(report),
        "run_url": github.url,
    })
}

fn wants(on: &[When], report: &Report, past: Past) -> bool {
    on.iter().any(|when| match when {
        When::Passed => report.result == RunResult::Passed,
        When::Blocked => report.result == RunResult::Blocked,
        When::Error => report.result == RunResult::Error,
        When::Drift => report.has_drifted() == Some(true),
        When::Change => past.has_changed(report) == Some(true),
    })
}

/// The run that speaks.
pub(super) fn about(context: &Context) -> About {
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
    use crate::report::verdict::Status;

    const NOBODY: Past = Past { earlier: None, is_kept: false };

    #[test]
    fn drift_counts_whether_it_blocks_or_not() {
        let mut report = sample::passed();
        assert!(!wants(&[When::Drift, When::Blocked], &report, NOBODY));
        let mut verdict = sample::verdict("drift", Status::Warn);
        verdict.values = [("age".to_owned(), json!({ "method": "ks", "drifted": true }))].into_iter().collect();
        report.gates[0].checks.push(verdict);
        assert!(wants(&[When::Drift], &report, NOBODY));
        assert!(wants(&[When::Passed], &report, NOBODY));
    }

    #[test]
    fn data_changed_where_an_earlier_run_had_other_data() {
        let mut report = sample::passed();
        report.tables.get_mut("training").unwrap().fingerprint = Some("b".into());
        let earlier = |fingerprint: &str| Digest { fingerprint: Some(fingerprint.into()), ..Digest::of(&report) };
        let (same, other) = (earlier("b"), earlier("a"));
        let changed = |earlier, is_kept| Past { earlier, is_kept }.has_changed(&report);
        assert_eq!(changed(Some(&same), true), Some(false));
        assert_eq!(changed(Some(&other), false), Some(true));
        // A file without a run is a first run; nobody's word is nobody's word.
        assert_eq!(changed(None, true), Some(true));
        assert_eq!(changed(None, false), None);
    }
}
