//! Only what was gated: the report that lets a model out, held against what is to be carried.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::integrations::github::event;
use crate::support::problem::Problem;
use crate::support::words::code;

/// What is to be carried, and what the gate's job said of its report.
pub struct Claim<'a> {
    pub sha256: &'a str,
    pub name: &'a str,
    /// None: the report's own.
    pub version: Option<&'a str>,
    pub max_age_hours: f64,
    /// Seconds since 1970.
    pub now: f64,
    /// Whether the rollout runs in a workflow: then the gate did, too, and recorded what started it.
    pub is_in_workflow: bool,
}

/// What a report vouches for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vouched {
    pub version: String,
    /// Of the model's file, where it was judged.
    pub model_sha256: Option<String>,
    pub data_fingerprint: Option<String>,
    /// Of the training table's files, where it was asked for.
    #[serde(default)]
    pub data_sha256: Option<String>,
    pub commit: Option<String>,
}

/// Holds the report's bytes, whose SHA-256 is `found`, against the claim.
///
/// # Errors
/// Everything that speaks against it.
pub fn vouch(bytes: &[u8], found: &str, claim: &Claim) -> Result<Vouched, Vec<Problem>> {
    if !found.eq_ignore_ascii_case(claim.sha256.trim()) {
        let said = format!("the report's SHA-256 is {found}, expected {}", code(claim.sha256.trim()));
        return Err(vec![
            Problem::new(said).hint("hand over `report-sha256` of the gate's job, and the report that it made"),
        ]);
    }
    let Ok(report) = serde_json::from_slice::<Value>(bytes) else {
        return Err(vec![Problem::new("the report is not valid JSON")]);
    };
    let mut problems = Vec::new();
    let text = |value: &Value| value.as_str().filter(|text| !text.is_empty()).map(ToOwned::to_owned);
    let result = text(&report["result"]).unwrap_or_default();
    if result != "passed" {
        let problem = Problem::new(format!("the gate's result is {}, and only what passed goes out", code(&result)));
        problems.push(problem.hint("`mlgate check` says why"));
    }
    problems.extend(untrusted_event(&report["pipeline"], claim.is_in_workflow));
    let has_model_gate = report["gates"]
        .as_array()
        .into_iter()
        .flatten()
        .any(|gate| gate["gate"] == "model" && gate["result"] == "passed");
    if !has_model_gate {
        problems.push(Problem::new("the report is of no model gate: the model itself was not judged"));
    }
    match text(&report["model"]["name"]) {
        Some(name) if name == claim.name => {}
        Some(name) => problems.push(Problem::new(format!(
            "the report is of the model {}, and {} is to be rolled out",
            code(&name),
            code(claim.name)
        ))),
        None => problems.push(
            Problem::new("the report does not say which model it judged")
                .hint("set `model.name`, or the input `model-name`, of the gate"),
        ),
    }
    let version = text(&report["model"]["version"]);
    match (&version, claim.version) {
        (Some(own), Some(wanted)) if own != wanted => problems.push(Problem::new(format!(
            "the report is of version {}, and {} is to be rolled out",
            code(own),
            code(wanted)
        ))),
        (None, _) => problems.push(
            Problem::new("the report does not say which version it judged")
                .hint("set `model.version`, or the input `model-version`, of the gate"),
        ),
        _ => {}
    }
    let started = text(&report["started_at"]).and_then(|text| DateTime::parse_from_rfc3339(&text).ok());
    match started.map(|started| claim.now - started.with_timezone(&Utc).timestamp_millis() as f64 / 1e3) {
        None => problems.push(Problem::new("the report does not say when it was made")),
        Some(age) if age > claim.max_age_hours * 3600.0 => problems.push(
            Problem::new(format!(
                "the report is {:.1} hours old, and {} may be",
                age / 3600.0,
                crate::support::words::number(claim.max_age_hours, &[])
            ))
            .hint("run the gate again, or allow more by `rollout.max_report_age_hours`"),
        ),
        Some(age) if age < -60.0 => problems.push(Problem::new("the report was made in the future")),
        Some(_) => {}
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    Ok(Vouched {
        version: version.unwrap_or_default(),
        model_sha256: text(&report["model"]["sha256"]),
        data_fingerprint: text(&report["tables"]["training"]["fingerprint"]),
        data_sha256: text(&report["tables"]["training"]["sha256"]),
        commit: text(&report["commit"]),
    })
}

/// What speaks against the run that made the report: only what is merged, or was started by somebody who may, counts.
fn untrusted_event(pipeline: &Value, is_in_workflow: bool) -> Option<Problem> {
    const HINT: &str = "run the gate on `push` to the default branch, on `schedule` or on `workflow_dispatch`";
    let is_proposal = pipeline["proposal"].as_bool();
    match pipeline["event"].as_str().filter(|event| !event.is_empty()) {
        Some(event) => {
            let is_trusted = match is_proposal {
                Some(is_proposal) => !is_proposal && (event::is_trusted(event) || event == "workflow_run"),
                None => event::is_trusted(event),
            };
            let said = format!("the report is of a run on {}, which may judge what is only proposed", code(event));
            (!is_trusted).then(|| Problem::new(said).hint(HINT))
        }
        None if is_in_workflow || !pipeline["run_id"].is_null() => {
            Some(Problem::new("the report does not record which event started its run").hint(HINT))
        }
        None => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: f64 = 1_795_651_200.0; // 2026-11-26

    fn check(edit: impl FnOnce(&mut Value), claim: impl FnOnce(&mut Claim)) -> Vec<String> {
        let mut report = serde_json::json!({
            "result": "passed", "started_at": "2026-11-25T22:00:00Z", "commit": "abc",
            "model": { "name": "risk", "version": "8", "sha256": "m" }, "tables": {},
            "gates": [{ "gate": "model", "result": "passed" }],
        });
        edit(&mut report);
        let mut own = Claim {
            sha256: "F00D",
            name: "risk",
            version: Some("8"),
            max_age_hours: 24.0,
            now: NOW,
            is_in_workflow: false,
        };
        claim(&mut own);
        match vouch(report.to_string().as_bytes(), "f00d", &own) {
            Ok(vouched) => {
                assert_eq!(vouched.version, "8");
                Vec::new()
            }
            Err(problems) => problems.into_iter().map(|problem| problem.message).collect(),
        }
    }

    #[test]
    fn what_was_gated_goes_out_and_nothing_else() {
        let none: [String; 0] = [];
        assert_eq!(check(|_| {}, |_| {}), none);
        assert_eq!(check(|_| {}, |claim| claim.version = None), none);
        let one = |edit: &dyn Fn(&mut Value), claim: &dyn Fn(&mut Claim), said: &str| {
            let problems = check(edit, claim);
            assert!(problems.len() == 1 && problems[0].contains(said), "{problems:?}");
        };
        one(&|_| {}, &|claim| claim.sha256 = "beef", "the report's SHA-256 is");
        one(&|report| report["result"] = "blocked".into(), &|_| {}, "only what passed");
        one(&|report| report["gates"][0]["gate"] = "data".into(), &|_| {}, "no model gate");
        one(&|report| report["model"]["name"] = "other".into(), &|_| {}, "of the model `other`");
        one(&|report| report["model"]["version"] = Value::Null, &|_| {}, "which version");
        one(&|_| {}, &|claim| claim.version = Some("9"), "of version `8`");
        one(&|_| {}, &|claim| claim.max_age_hours = 1.0, "2.0 hours old");
        one(&|report| report["started_at"] = "2027-01-01T00:00:00Z".into(), &|_| {}, "in the future");
        one(&|report| report["started_at"] = "soon".into(), &|_| {}, "when it was made");
    }

    #[test]
    fn only_reports_of_trusted_events_let_a_model_out() {
        let ask = |pipeline: Value, is_in_workflow: bool| {
            let found =
                check(|report| report["pipeline"] = pipeline.clone(), |claim| claim.is_in_workflow = is_in_workflow);
            found.first().cloned().unwrap_or_default()
        };
        for event in ["push", "schedule", "workflow_dispatch", "repository_dispatch", "release", "deployment"] {
            assert_eq!(ask(serde_json::json!({ "event": event, "proposal": false }), true), "");
            assert_eq!(ask(serde_json::json!({ "event": event }), true), "");
            assert!(ask(serde_json::json!({ "event": event, "proposal": true }), true).contains(event));
        }
        for event in ["pull_request", "merge_group", "issues", "workflow_run", "something_new"] {
            assert!(ask(serde_json::json!({ "event": event }), false).contains("only proposed"), "{event}");
        }
        assert_eq!(ask(serde_json::json!({ "event": "workflow_run", "proposal": false }), true), "");
        assert!(ask(serde_json::json!({ "event": "pull_request", "proposal": false }), true).contains("only proposed"));
        // Nothing is recorded outside of a workflow, and there nothing is asked for.
        assert_eq!(ask(serde_json::json!({ "run_id": null }), false), "");
        assert!(ask(serde_json::json!({ "run_id": null }), true).contains("does not record which event"));
        assert!(ask(serde_json::json!({ "run_id": 42 }), false).contains("does not record which event"));
    }
}
