//! The outputs of a report for later jobs.

use serde_json::json;

use crate::integrations::github::outputs::one_line;
use crate::report::verdict::{Status, Verdict};
use crate::report::{Report, RunResult};

/// The outputs of a report; `file` are path and SHA-256 of report.json, where it could be written.
pub fn of(report: &Report, file: Option<(String, String)>) -> Vec<(&'static str, String)> {
    let gate = |name: &str| {
        let gate = report.gates.iter().find(|gate| gate.gate == name);
        gate.map_or(String::new(), |gate| gate.result.word().to_owned())
    };
    let labels = |wanted: &dyn Fn(Status) -> bool| {
        let labels: Vec<String> =
            report.verdicts().filter(|verdict| wanted(verdict.status)).map(Verdict::label).collect();
        json!(labels).to_string()
    };
    let (path, sha256) = file.unwrap_or_default();
    let baseline = report.baseline.as_ref().and_then(|baseline| baseline["version"].as_str());
    let rows = report.tables.get("training").and_then(|table| table.rows);
    let fingerprint = report.tables.get("training").and_then(|table| table.fingerprint.clone());
    vec![
        ("result", report.result.word().to_owned()),
        ("passed", (report.result == RunResult::Passed).to_string()),
        ("data-result", gate("data")),
        ("model-result", gate("model")),
        ("failed-checks", labels(&Status::blocks)),
        ("warned-checks", labels(&|status| status == Status::Warn)),
        ("summary", one_line(&report.summary)),
        ("report", path),
        ("report-sha256", sha256),
        ("rows", rows.map_or(String::new(), |rows| rows.to_string())),
        ("data-fingerprint", fingerprint.unwrap_or_default()),
        ("drift-detected", report.has_drifted().map_or(String::new(), |drifted| drifted.to_string())),
        ("drifted-columns", json!(report.drifted_columns()).to_string()),
        ("model-name", one_line(report.model.name.as_deref().unwrap_or_default())),
        ("model-version", one_line(report.model.version.as_deref().unwrap_or_default())),
        ("baseline-version", one_line(baseline.unwrap_or_default())),
    ]
}
