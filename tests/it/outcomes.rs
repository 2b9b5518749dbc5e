//! From verdicts to the result: severities, waivers, empty tables, other tables, exit codes.

use serde_json::{Value, json};

use crate::world::{Ran, World, data};

const CSV: &str = "age,y\n20,0\n30,1\n30,1\n,1\n";
const NOW: &str = "--now=2026-06-15T12:00:00Z";

/// Entries on the table above: their statuses, the result, the exit code.
#[track_caller]
fn check(checks: &str, arguments: &[&str], statuses: &str, result: &str, exit: i32) -> Ran {
    let ran = World::with_checks(CSV, checks).check(&[&[NOW], arguments].concat());
    assert_eq!((ran.statuses().as_str(), ran.result(), ran.exit), (statuses, result, exit), "{ran:#?}");
    ran
}

#[test]
fn severity_warn_turns_a_failure_into_a_warning_and_an_error_into_nothing_less() {
    let warns = "- row_count: { min: 9 }\n  severity: warn";
    check(warns, &[], "warn", "passed", 0);
    check(warns, &["--fail-on=warn"], "warn", "blocked", 1);
    check(warns, &["--fail-on=never"], "warn", "passed", 0);
    let error = "- range: { column: nope, min: 0 }\n  severity: warn";
    for fail_on in ["fail", "warn", "never"] {
        check(error, &["--fail-on", fail_on], "error", "error", 3);
    }
}

#[test]
fn never_changes_the_exit_code_of_a_failure_alone() {
    check("- row_count: { min: 9 }", &["--fail-on=never"], "fail", "blocked", 0);
    check("- row_count: { min: 9 }", &["--fail-on=fail"], "fail", "blocked", 1);
    World::new().check(&["--fail-on=never"]).exits(2);
}

#[test]
fn an_error_weighs_more_than_a_failure() {
    let ran = check(
        "- row_count: { min: 9 }\n- range: { column: nope, min: 0 }\n- duplicates: { max_percent: 100 }",
        &[],
        "fail error pass",
        "error",
        3,
    );
    assert_eq!(ran.report["gates"][0]["result"], "error");
    assert!(ran.stdout.contains("FAIL") && ran.stdout.contains("ERROR"), "{}", ran.stdout);
}

/// A failing entry with a waiver until that day.
fn waived(until: &str, more: &str) -> String {
    format!("- row_count: {{ min: 9 }}\n  waiver: {{ owner: Ada, reason: late delivery, until: {until} }}\n{more}")
}

#[test]
fn a_waiver_holds_to_the_end_of_its_last_day() {
    for until in ["2026-06-15", "2026-12-31"] {
        let ran = check(&waived(until, ""), &[], "warn", "passed", 0);
        assert_eq!(ran.verdicts()[0]["waiver"], json!({ "owner": "Ada", "reason": "late delivery", "until": until }));
        assert!(ran.markdown.contains("Ada") && ran.markdown.contains("late delivery"), "{}", ran.markdown);
        assert!(ran.stdout.contains("Ada") || ran.stdout.contains("waive"), "{}", ran.stdout);
    }
    let over = check(&waived("2026-06-14", ""), &[], "fail", "blocked", 1);
    assert!(over.says("its waiver ended on 2026-06-14"), "{over:#?}");
    check(&waived("2026-06-14", "  severity: warn"), &[], "warn", "passed", 0);
}

#[test]
fn a_waiver_softens_no_error_and_praises_no_pass() {
    let error = "- range: { column: nope, min: 0 }\n  waiver: { owner: Ada, reason: later, until: 2026-12-31 }";
    check(error, &[], "error", "error", 3);
    let pass = "- row_count: { min: 1 }\n  waiver: { owner: Ada, reason: later, until: 2026-12-31 }";
    check(pass, &[], "pass", "passed", 0);
}

const ALL_SORTS: &str = "- row_count: { min: 0 }
- missing_values
- schema: { required: [age] }
- target_distribution
- range: { column: age, min: 0 }
- duplicates
- unique: { columns: [age] }
- freshness: { column: age }
- allowed_values: { column: age, values: [1] }
- pattern: { column: age, regex: x }
- not_constant
- conflicting_labels
- expression: { sql: 'age > 1' }";

#[test]
fn an_empty_table_never_passes() {
    let skipped = format!("pass skipped pass {}fail", "skipped ".repeat(10));
    let world = World::with_checks("age,y\n", ALL_SORTS);
    let ran = world.check(&[]).exits(1);
    assert_eq!(ran.statuses(), skipped);
    assert_eq!(ran.result(), "blocked");
    let added = ran.verdicts().last().unwrap();
    assert_eq!(
        (&added["check"], &added["observed"], &added["limit"]),
        (&json!("row_count"), &json!(0.0), &json!({ "min": 1.0 }))
    );
    world.check(&["--fail-on=never"]).exits(0);
    for name in ["no_row_groups.parquet", "empty_rows.parquet", "header_only.csv"] {
        let world = World::new();
        let ran = world.check(&["--data", &data(name), "--max-duplicate-percent=50", "--min-rows=0"]).exits(1);
        assert_eq!(ran.statuses(), "pass skipped fail", "{name}: {ran:#?}");
    }
}

#[test]
fn a_skipped_check_of_an_empty_table_is_not_softened_into_a_pass() {
    let ran = World::with_checks("age,y\n", "- duplicates: {}\n  severity: warn").check(&[]).exits(1);
    assert_eq!(ran.statuses(), "skipped fail");
    let ran = World::with_checks("age,y\n", "- row_count: { min: 5 }").check(&[]).exits(1);
    assert_eq!(ran.statuses(), "fail fail");
}

#[test]
fn an_entry_looks_at_the_table_it_names() {
    let checks = "- row_count: { max: 4 }
- row_count: { max: 1 }
  on: test
- missing_values: { max_percent: 0 }
  on: reference
- duplicates: { max_percent: 50 }
  on: predictions";
    let world = World::with_checks(CSV, checks);
    world
        .write("test.csv", "age,y\n1,1\n2,1\n")
        .write("reference.csv", "age,y\n1,\n")
        .write("out.csv", "label\n1\n1\n");
    let ran = world.check(&["--test-data=test.csv", "--reference=reference.csv", "--predictions=out.csv"]).exits(1);
    assert_eq!(ran.statuses(), "pass fail fail pass");
    let on: Vec<&Value> = ran.verdicts().iter().map(|verdict| verdict.get("on").unwrap_or(&Value::Null)).collect();
    assert_eq!(on, [&Value::Null, &json!("test"), &json!("reference"), &json!("predictions")]);
    assert_eq!(ran.report["tables"]["test"]["rows"], json!(2));
    assert_eq!(ran.report["tables"]["reference"]["rows"], json!(1));

    // One table that cannot be read takes none of the others with it.
    let ran = world.check(&["--test-data=gone.csv", "--reference=reference.csv", "--predictions=out.csv"]).exits(3);
    assert_eq!(ran.statuses(), "pass error fail pass");
    assert_eq!(ran.report["tables"]["test"]["rows"], Value::Null);
    let ran = world
        .write("test.csv", "age,y\n")
        .check(&["--test-data=test.csv", "--reference=reference.csv", "--predictions=out.csv"])
        .exits(1);
    assert_eq!(ran.statuses(), "pass pass fail pass fail");
    assert_eq!(ran.verdicts()[4]["on"], "test");
}

#[test]
fn a_row_count_can_be_held_against_the_reference() {
    let judge = |limit: &str, reference: &str| {
        let world = World::with_checks(CSV, &format!("- row_count: {{ max_change_percent: {limit} }}"));
        world.write("before.csv", reference).check(&["--reference=before.csv"])
    };
    let five = "y\n1\n1\n1\n1\n1\n";
    let ran = judge("20", five).exits(0);
    let verdict = &ran.verdicts()[0];
    assert_eq!((&verdict["observed"], &verdict["limit"]), (&json!(20.0), &json!({ "max": 20.0 })), "{verdict:#}");
    assert!(verdict["message"].as_str().unwrap().contains("20 % fewer"), "{verdict:#}");
    let ran = judge("19.9", five).exits(1);
    assert_eq!(ran.verdicts()[0]["observed"], json!(20.0));
    judge("33.4", "y\n1\n1\n1\n").exits(0).saying("33.33 % more");
    judge("100", "y\n").exits(3).saying("the reference table is empty");
    judge("100", "y\n1,2\n").exits(3);
    // Without a reference it is never a pass.
    check("- row_count: { max_change_percent: 5 }", &[], "error", "error", 3);
}

#[test]
fn of_two_limits_the_breached_one_is_shown_else_the_first() {
    let show = |entry: &str| {
        let ran = World::with_checks(CSV, &format!("- {entry}")).check(&["--reference=data.csv"]);
        let verdict = &ran.verdicts()[0];
        format!("{} {} {}", verdict["status"], verdict["observed"], verdict["limit"]).replace('"', "")
    };
    assert_eq!(show("row_count: { min: 1, max: 9 }"), "pass 4.0 {min:1.0}");
    assert_eq!(show("row_count: { max: 3, min: 1 }"), "fail 4.0 {max:3.0}");
    assert_eq!(show("row_count: { max: 9, min: 1 }"), "pass 4.0 {max:9.0}");
    assert_eq!(show("row_count: { max_change_percent: 5, min: 1 }"), "pass 0.0 {max:5.0}");
    assert_eq!(show("target_distribution: { max_class_percent: 80, min_class_percent: 10 }"), "pass 75.0 {max:80.0}");
    assert_eq!(show("target_distribution: { min_class_percent: 10, max_class_percent: 80 }"), "pass 25.0 {min:10.0}");
}

#[test]
fn a_subject_is_the_column_an_entry_is_about() {
    let ran = World::with_checks(CSV, ALL_SORTS).check(&[]).exits(3);
    let subjects: Vec<&Value> = ran.verdicts().iter().map(|verdict| &verdict["subject"]).collect();
    let (none, age, y) = (&Value::Null, &json!("age"), &json!("y"));
    assert_eq!(subjects, [none, none, none, y, age, none, none, age, age, age, none, y, none]);
}

#[test]
fn verdicts_stand_in_written_order() {
    let ran = World::with_checks(CSV, ALL_SORTS).check(&["--feature-ranges={y: {max: 5}, age: {max: 90}}"]).exits(3);
    let ids: Vec<&str> = ran.verdicts().iter().filter_map(|verdict| verdict["check"].as_str()).collect();
    assert_eq!(ids[..4], ["row_count", "missing_values", "schema", "target_distribution"]);
    // `age` lies over the entry that is there, `y` is added.
    assert_eq!((ids.len(), ids[13]), (14, "range"));
    assert_eq!(ran.verdicts()[13]["subject"], "y");
    assert_eq!(ran.verdicts()[4]["values"]["max"], json!(90.0));
}

#[test]
fn offenders_are_named_worst_first_and_all_are_in_the_values() {
    let csv = "a,b,c,d,e,y\n,,,1,1,1\n,,1,1,1,1\n,1,1,1,1,1\n1,1,1,1,,1\n";
    let ran = World::with_checks(csv, "- missing_values: { max_percent: 30 }").check(&[]).exits(1);
    let verdict = &ran.verdicts()[0];
    assert!(verdict["message"].as_str().unwrap().contains("`a` is missing in 75 %"), "{verdict:#}");
    assert_eq!(verdict["values"], json!({ "a": 75.0, "b": 50.0, "c": 25.0, "d": 0.0, "e": 25.0, "y": 0.0 }));
    let (a, b) = (ran.markdown.find("<code>a</code>"), ran.markdown.find("<code>b</code>"));
    assert!(matches!((a, b), (Some(a), Some(b)) if a < b), "{}", ran.markdown);
}

#[test]
fn the_whole_report_has_the_contracts_form() {
    let ran = check("- row_count: { min: 1 }\n  name: enough", &[], "pass", "passed", 0);
    let report = &ran.report;
    let keys: Vec<&str> = report.as_object().unwrap().keys().map(String::as_str).collect();
    for key in [
        "schema_version",
        "tool",
        "result",
        "summary",
        "started_at",
        "duration_ms",
        "commit",
        "config",
        "pipeline",
        "tables",
        "model",
        "baseline",
        "not_configured",
        "gates",
    ] {
        assert!(keys.contains(&key), "{key} is not in {keys:?}");
    }
    assert_eq!(
        report["tables"]["training"],
        json!({ "path": "data.csv", "rows": 4, "columns": 2, "fingerprint": null })
    );
    assert_eq!(report["model"], json!({ "name": null, "version": null, "sha256": null }));
    assert_eq!(report["config"][0]["path"], "mlgate.yml");
    assert_eq!(report["config"][0]["sha256"].as_str().unwrap().len(), 64);
    let verdict = report["gates"][0]["checks"][0].as_object().unwrap();
    for key in
        ["check", "subject", "name", "status", "severity", "observed", "limit", "unit", "message", "values", "at"]
    {
        assert!(verdict.contains_key(key), "{key} is not in {verdict:?}");
    }
    assert_eq!(verdict["at"], json!({ "file": "mlgate.yml", "line": 5, "column": 7 }));
    assert_eq!(verdict["name"], "enough");
}
