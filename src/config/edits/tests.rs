//! Two gates side by side.

use super::*;
use crate::config::document::Document;

fn gate(text: &str) -> Gate {
    let mut problems = Vec::new();
    let config = Config::read(&Document::parse("mlgate.yml", text).unwrap(), &mut problems);
    assert_eq!(problems, [], "{text}");
    Gate { config, fail_on: FailOn::Fail, policy: Policy::Head, inputs: BTreeMap::new() }
}

fn data(checks: &str) -> Gate {
    gate(&format!("data: {{ path: a.csv, checks: [{checks}] }}"))
}

#[track_caller]
fn check(base: &str, head: &str, expected: &[&str]) {
    let edits = compare(&data(base), &data(head));
    let said: Vec<String> = edits.iter().map(|edit| format!("{:?}: {}", edit.kind, edit.said())).collect();
    assert_eq!(said, expected, "{base} → {head}");
}

#[test]
fn a_limit_that_lets_more_through_is_relaxed() {
    check("row_count: {min: 1000}", "row_count: {min: 500}", &["Relaxed: min of `row_count` 1000 → 500"]);
    check("row_count: {min: 1000}", "row_count: {min: 2000}", &[]);
    check("row_count: {min: 10, max: 99}", "row_count: {min: 10}", &["Relaxed: max of `row_count` 99 → none"]);
    check("row_count: {min: 10}", "row_count: {min: 10, max: 99}", &[]);
    let dates = |min: &str| format!("range: {{column: day, min: {min}}}");
    check(&dates("2026-02-01"), &dates("2026-01-01"), &["Relaxed: min of `range` · `day` `2026-02-01` → `2026-01-01`"]);
    check(&dates("2026-02-01"), &dates("7"), &["Changed: min of `range` · `day` `2026-02-01` → 7"]);
}

#[test]
fn what_is_left_out_of_drift_is_no_missing_limit() {
    let named = "drift: {columns: [a]}";
    check(named, "drift: {columns: [a], threshold: 9}", &["Changed: threshold of `drift` · `a` none → 9"]);
    check(
        named,
        "drift: {columns: [a], max_drifted_percent: 100}",
        &["Changed: max_drifted_percent of `drift` · `a` none → 100"],
    );
    check(
        "drift: {max_drifted_percent: 5}",
        "drift: {max_drifted_percent: 20}",
        &["Relaxed: max_drifted_percent of `drift` 5 → 20"],
    );
    check("drift: {alpha: 0.05}", "drift: {alpha: 0.001}", &["Relaxed: alpha of `drift` 0.05 → 0.001"]);
}

#[test]
fn a_default_is_a_limit_too() {
    check("missing_values", "missing_values: {max_percent: 50}", &["Relaxed: max_percent of `missing_values` 5 → 50"]);
    check("missing_values: {max_percent: 1}", "missing_values", &["Relaxed: max_percent of `missing_values` 1 → 5"]);
    check("missing_values: {max_percent: 5}", "missing_values", &[]);
}

#[test]
fn a_limit_over_a_usual_one_is_no_new_limit() {
    let fairness = |limits: &str| gate(&format!("model: {{ checks: [fairness: {{ columns: [sex]{limits} }}] }}"));
    for limits in [", min: 0.1", ", max: 1"] {
        let (base, head) = (fairness(""), fairness(limits));
        assert_eq!(compare(&base, &head).len(), 1, "{limits}");
        // Which of the two asks more is not known: both judge.
        assert_eq!(under(Policy::Stricter, base, head.config).entries.len(), 2, "{limits}");
    }
    assert_eq!(compare(&fairness(", min: 0.9"), &fairness(", min: 0.8"))[0].kind, Kind::Relaxed);
    assert_eq!(compare(&fairness(", min: 0.8"), &fairness(", min: 0.9")), []);
}

#[test]
fn a_rule_that_is_gone_is_listed_and_one_that_came_is_not() {
    check("duplicates, row_count: {min: 5}", "duplicates", &["Removed: `row_count` is gone (it had min 5)"]);
    check("duplicates", "duplicates, row_count: {min: 5}", &[]);
    // Two of one check: the one that is left is known by its column.
    check(
        "range: {column: a, min: 1}, range: {column: b, min: 1}",
        "range: {column: b, min: 0}",
        &["Removed: `range` · `a` is gone (it had column `a`, min 1)", "Relaxed: min of `range` · `b` 1 → 0"],
    );
}

#[test]
fn lists_know_their_looser_side() {
    let required = |names: &str| format!("schema: {{required: [{names}]}}");
    check(&required("a, b"), &required("a"), &["Relaxed: required of `schema` `a`, `b` → `a`"]);
    check(&required("a"), &required("b, a"), &[]);
    let values = |names: &str| format!("allowed_values: {{column: c, values: [{names}]}}");
    check(&values("x"), &values("x, y"), &["Relaxed: values of `allowed_values` · `c` `x` → `x`, `y`"]);
    check(&values("x, y"), &values("x"), &[]);
}

#[test]
fn severity_and_waivers_count() {
    let soft = "{row_count: {min: 5}, severity: warn}";
    check("row_count: {min: 5}", soft, &["Relaxed: severity of `row_count` fail → warn"]);
    let waived =
        |until: &str| format!("{{row_count: {{min: 5}}, waiver: {{owner: ann, reason: late, until: {until}}}}}");
    check(
        "row_count: {min: 5}",
        &waived("2026-12-31"),
        &["Relaxed: waiver of `row_count` none → until 2026-12-31 by `ann`: late"],
    );
    check(
        &waived("2026-12-31"),
        "row_count: {min: 5}",
        &["Changed: waiver of `row_count` until 2026-12-31 by `ann`: late → none"],
    );
}

#[test]
fn what_has_no_order_is_a_change() {
    let pattern = |regex: &str| format!("pattern: {{column: c, regex: '{regex}'}}");
    check(&pattern("a+"), &pattern(".*"), &["Changed: regex of `pattern` · `c` `a+` → `.*`"]);
}

#[test]
fn goalposts_that_move_are_listed() {
    let model = |baseline: &str, positive: &str| {
        gate(&format!(
            "model: {{ predictions: {{ path: p.csv, positive: {positive} }}, baseline: {baseline}, checks: [improvement] }}"
        ))
    };
    let edits = compare(&model("mlflow:m@champion", "1"), &model("out/weak.json", "0"));
    let said: Vec<String> = edits.iter().map(Edit::said).collect();
    assert_eq!(
        said,
        ["`model.baseline` `mlflow:m@champion` → `out/weak.json`", "`model.predictions.positive` `1` → `0`",]
    );
    let running = |rest: &str| {
        gate(&format!("data: {{ test: t.csv }}\nmodel: {{ artifact: m.onnx, {rest}, checks: [roundtrip] }}"))
    };
    let edits =
        compare(&running("features: [a, b], classes: [0, 1]"), &running("features: [b, a], outputs: { scores: p }"));
    let said: Vec<String> = edits.iter().map(Edit::said).collect();
    assert_eq!(
        said,
        [
            "`model.classes` `0`, `1` → none",
            "`model.features` `a`, `b` → `b`, `a`",
            "`model.outputs.scores` none → `p`",
        ]
    );
    let mut weak = data("duplicates");
    weak.fail_on = FailOn::Never;
    assert_eq!(compare(&data("duplicates"), &weak)[0].said(), "input `fail-on` fail → never");
    let mut early = data("duplicates");
    early.inputs = [("now".to_owned(), Value::from("2020-01-01T00:00:00Z"))].into();
    assert_eq!(compare(&data("duplicates"), &early)[0].said(), "input `now` none → `2020-01-01T00:00:00Z`");
}

fn counts(policy: Policy, base: &str, head: &str) -> Vec<String> {
    let config = under(policy, data(base), data(head).config);
    config.entries.iter().map(|entry| format!("{} {}", entry.check.id, settings(entry)).trim().to_owned()).collect()
}

#[test]
fn the_policy_says_whose_limits_count() {
    let (base, head) =
        ("row_count: {min: 10, max: 99}, duplicates", "row_count: {min: 5, max: 50}, unique: {columns: [a]}");
    assert_eq!(counts(Policy::Head, base, head), ["row_count min 5, max 50", "unique columns `a`"]);
    assert_eq!(counts(Policy::Base, base, head), ["row_count min 10, max 99", "duplicates"]);
    assert_eq!(counts(Policy::Stricter, base, head), ["row_count min 10, max 50", "unique columns `a`", "duplicates"]);
}

#[test]
fn of_what_has_no_order_both_count() {
    let (base, head) = ("pattern: {column: c, regex: 'a+'}", "pattern: {column: c, regex: '.*'}");
    assert_eq!(counts(Policy::Stricter, base, head).len(), 2);
    let (base, head) = ("missing_values", "missing_values: {max_percent: 50}");
    assert_eq!(counts(Policy::Stricter, base, head), ["missing_values"]);
}

#[test]
fn a_waiver_counts_once_it_is_merged() {
    let waived = "{row_count: {min: 5}, waiver: {owner: ann, reason: late, until: 2026-12-31}, severity: warn}";
    let config = under(Policy::Stricter, data("row_count: {min: 5}"), data(waived).config);
    assert_eq!((config.entries[0].waiver.clone(), config.entries[0].severity), (None, Severity::Fail));
    assert_eq!(config.entries.len(), 1);
}
