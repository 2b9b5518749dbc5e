//! Reports for the tests of the renderings.

use serde_json::json;

use super::{GateReport, Pipeline, Report, RunResult, TableSummary, Tool};
use crate::report::verdict::{Limit, Severity, Status, Unit, Verdict, Waiver};
use crate::support::problem::Place;

pub fn verdict(check: &str, status: Status) -> Verdict {
    Verdict {
        check: check.into(),
        subject: None,
        columns: Vec::new(),
        name: None,
        on: None,
        status,
        severity: Severity::Fail,
        observed: None,
        limit: None,
        unit: None,
        message: format!("this one is {}", status.word().to_lowercase()),
        hint: None,
        values: serde_json::Map::new(),
        examples: vec![],
        basis: None,
        waiver: None,
        at: Some(Place { file: "mlgate.yml".into(), line: 12, column: Some(7) }),
    }
}

pub fn waiver() -> Waiver {
    Waiver { owner: "alice".into(), reason: "the branch of `May` is being loaded".into(), until: "2026-12-31".into() }
}

pub fn report(result: RunResult, checks: Vec<Verdict>) -> Report {
    let training = TableSummary {
        path: "data/training.parquet".into(),
        rows: Some(12_000),
        columns: Some(21),
        fingerprint: None,
        sha256: None,
    };
    Report {
        schema_version: 1,
        tool: Tool { name: "mlgate".into(), version: "0.1.0".into() },
        result,
        summary: "a summary".into(),
        problems: Vec::new(),
        started_at: "2026-05-04T10:00:00Z".into(),
        duration_ms: 412,
        commit: None,
        config: vec![],
        pipeline: Pipeline::default(),
        tables: [("training".to_owned(), training)].into(),
        model: super::Model::default(),
        baseline: None,
        gate_edits: None,
        not_configured: vec![],
        gates: vec![GateReport { gate: "data".into(), result, checks }],
    }
}

pub fn of_each_status() -> Report {
    use Status::{Error, Fail, Inconclusive, Pass, Skipped, Warn};
    let checks = [Pass, Fail, Warn, Inconclusive, Skipped, Error].map(|status| verdict("check", status));
    report(RunResult::Error, checks.into())
}

pub fn passed() -> Report {
    let mut report = blocked();
    report.result = RunResult::Passed;
    report.gates[0].result = RunResult::Passed;
    report.gates[0].checks.retain(|verdict| verdict.status == Status::Pass);
    report
}

/// A gate of the credit table with failures of many kinds.
pub fn blocked() -> Report {
    let judged = |check: &str, status, observed: f64, limit, unit, message: &str| Verdict {
        observed: Some(observed),
        limit: Some(limit),
        unit,
        message: message.into(),
        ..verdict(check, status)
    };
    let percent = Some(Unit::Percent);
    let mut missing = judged(
        "missing_values",
        Status::Fail,
        7.25,
        Limit::max(5.0),
        percent,
        "`income` is missing in 7.25 % of rows, at most 5 % allowed; so are `job`, `housing` and 5 more",
    );
    missing.values = [("income", 7.25), ("job", 6.5), ("housing", 6.1), ("age", 0.0)]
        .map(|(k, v)| (k.to_owned(), json!(v)))
        .into_iter()
        .collect();
    missing.values.extend((1..=5).map(|i| (format!("feature_{i}"), json!(5.0 + 0.125 * f64::from(i)))));
    missing.hint =
        Some("see who fills `income` upstream, or list the columns that may be empty with a limit of their own".into());
    let mut schema = verdict("schema", Status::Fail);
    schema.message = "`region` is missing from the table, and `age` is text, not integer".into();
    let mut classes = judged(
        "target_distribution",
        Status::Fail,
        0.4,
        Limit::min(1.0),
        percent,
        "class `late` has 0.4 % of rows, at least 1 % needed",
    );
    classes.subject = Some("default".into());
    classes.values.insert("classes".into(), json!({ "no": 70.1, "yes": 29.5, "late": 0.4 }));
    let mut range = judged(
        "range",
        Status::Warn,
        0.02,
        Limit::max(0.0),
        percent,
        "`age` is outside 18 to 120 in 0.02 % of rows (2 of 12,000)",
    );
    range.subject = Some("age".into());
    range.on = Some("test".into());
    range.waiver = Some(waiver());
    let mut unique = judged(
        "unique",
        Status::Inconclusive,
        3.0,
        Limit::max(0.0),
        Some(Unit::Rows),
        "3 rows repeat the key `id`, of which 41 are missing",
    );
    unique.name = Some("one row a customer".into());
    unique.examples = vec!["C-1041".into(), "C-2210".into()];
    let mut balance = judged("target_distribution", Status::Pass, 29.5, Limit::min(1.0), percent, "");
    balance.subject = Some("sex".into());
    balance.values.insert("classes".into(), json!({ "m": 55.0, "f": 45.0 }));
    let mut income = judged("range", Status::Pass, 0.0, Limit::max(0.0), percent, "");
    income.subject = Some("income".into());
    let mut types = verdict("schema", Status::Pass);
    types.message = "all 21 columns are there, with their types".into();
    types.on = Some("test".into());
    let mut report = report(
        RunResult::Blocked,
        vec![
            judged("row_count", Status::Pass, 12_000.0, Limit::min(1_000.0), Some(Unit::Rows), "12,000 rows"),
            missing,
            schema,
            classes,
            range,
            unique,
            income,
            balance,
            types,
            judged("freshness", Status::Pass, 1.25, Limit::max(7.0), Some(Unit::Days), "1.25 days old"),
        ],
    );
    report.commit = Some("3f9c1abdd00112233445566778899aabbccddeef".into());
    report.not_configured = vec!["max_duplicate_percent".into()];
    report
}

/// A model gate that blocks: a slice too few rows decide, and a comparison with production.
pub fn model() -> Report {
    let held = |check: &str, status, observed: f64, limit, values: serde_json::Value| Verdict {
        subject: Some("recall".into()),
        observed: Some(observed),
        limit: Some(limit),
        values: values.as_object().cloned().unwrap_or_default(),
        ..verdict(check, status)
    };
    let slice = |name: &str, rows: u64, value: f64, status: &str, why: Option<&str>| json!({ "slice": name, "rows": rows, "value": value, "status": status, "why": why });
    let sliced = json!({
        "by": "region", "average": "of 1",
        "slices": [slice("region=north", 41, 0.55, "fail", None), slice("region=|east", 9, 0.9, "inconclusive", Some("fewer than 30 rows"))],
    });
    let compared = json!({
        "candidate": 0.71, "baseline": 0.7, "gain": 0.01, "p": 0.0004, "p_adjusted": 0.0008,
        "interval": { "low": 0.002, "high": 0.018, "confidence": 0.95, "method": "tango" },
    });
    let noted = json!({ "notes": ["left out with fewer than 30 rows: `sex=x`"] });
    let mut report = report(
        RunResult::Blocked,
        vec![
            held("metric", Status::Fail, 0.55, Limit::min(0.6), sliced),
            held("improvement", Status::Pass, 0.01, Limit::min(0.0), compared),
            held("fairness", Status::Pass, 0.9, Limit::min(0.8), noted),
        ],
    );
    report.gates[0].gate = "model".into();
    report.model =
        super::Model { name: Some("credit-risk".into()), version: Some("8".into()), ..super::Model::default() };
    report.baseline = Some(json!({ "title": "credit-risk v7 (champion)", "version": "7" }));
    report
}
