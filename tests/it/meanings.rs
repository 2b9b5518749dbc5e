//! The meanings that are easy to get wrong, each on a table small enough to count by eye.

use std::fmt::Write;

use serde_json::{Value, json};

use crate::world::World;

const NOW: &str = "--now=2026-06-15T12:00:00Z";

/// One entry on one table: its status, `observed`, and words of its message.
#[track_caller]
fn check(csv: &str, entry: &str, status: &str, observed: Option<f64>, said: &str) -> Value {
    let ran = World::with_checks(csv, &format!("- {entry}")).check(&[NOW]);
    let verdict = ran.verdicts().first().unwrap_or_else(|| panic!("{ran:#?}")).clone();
    assert_eq!(verdict["status"], status, "{verdict:#}");
    let seen = verdict["observed"].as_f64();
    let same = match (seen, observed) {
        (Some(a), Some(b)) => (a - b).abs() <= 1e-9 * b.abs().max(1e-9),
        (a, b) => a == b,
    };
    assert!(same, "observed {observed:?}, not {verdict:#}");
    assert!(verdict["message"].as_str().unwrap().contains(said), "{said:?} is not in {verdict:#}");
    let exit = match status {
        "pass" | "warn" => 0,
        "error" => 3,
        _ => 1,
    };
    assert_eq!(ran.exit, exit, "{ran:#?}");
    verdict
}

#[test]
fn missing_is_null_and_nan() {
    let csv = "a,t,y\n1.5,x,0\nNaN,NA,0\n,\"\",0\n2.5,,0\n";
    let verdict = check(csv, "missing_values: { max_percent: 50 }", "pass", Some(50.0), "`a` is missing in 50 %");
    assert_eq!(verdict["values"], json!({ "a": 50.0, "t": 25.0, "y": 0.0 }));
    check(csv, "missing_values: { columns: [t], also: [NA, ''] }", "fail", Some(75.0), "`t` is missing in 75 %");
    check(csv, "missing_values: { max_percent: 20 }", "fail", Some(50.0), "(and `t` too)");
    check(csv, "missing_values: { columns: [t, nope] }", "error", None, "no column `nope`");
}

#[test]
fn duplicates_are_rows_equal_to_an_earlier_one() {
    let csv = "a,b,y\n1,,0\n1,,0\n2,NaN,0\n2,,0\n1,,0\n-0.0,1,1\n0.0,1,1\n3,9,1\n";
    check(csv, "duplicates: { max_percent: 50 }", "pass", Some(50.0), "4 rows (50 %)");
    let found = check(csv, "unique: { columns: [b] }", "fail", Some(5.0), "5 rows repeat an earlier `b`");
    assert_eq!(found["values"]["rows"], json!(5));
    check(csv, "duplicates: { columns: [a], max_percent: 0 }", "fail", Some(50.0), "4 rows (50 %)");
    // Missing equals missing whether it is null or NaN.
    check("a,y\n1.5,0\nNaN,0\n,0\n", "unique: { columns: [a] }", "fail", Some(1.0), "1 row repeats");
}

#[test]
fn a_range_lets_the_missing_pass_and_counts_infinity() {
    let csv = "a,y\n1,0\n10,0\nNaN,0\n,0\ninf,0\n-inf,0\n11,0\n0.5,0\n";
    let verdict = check(csv, "range: { column: a, min: 1, max: 10 }", "fail", Some(50.0), "[1, 10]");
    assert_eq!(verdict["values"]["rows"], json!(4));
    check(csv, "range: { column: a, min: 0.5, max_percent_outside: 25 }", "pass", Some(25.0), "2 rows of `a`");
    check(csv, "range: { column: y, min: 0, max: 0 }", "pass", Some(0.0), "every value of `y` lies in [0, 0]");
    check(csv, "range: { column: b, min: 0 }", "error", None, "no column `b`");
    check("t,y\nx,0\n", "range: { column: t, min: 0 }", "error", None, "`t` holds text");
}

#[test]
fn dates_compare_as_dates() {
    let csv = "day,y\n2026-01-31,0\n2026-02-01,0\n,0\n2025-12-31,0\n";
    check(csv, "range: { column: day, min: 2026-01-01, max: 2026-01-31 }", "fail", Some(50.0), "2 rows");
    check(csv, "range: { column: day, min: 2025-12-31, max: 2026-02-01 }", "pass", Some(0.0), "every value");
    check(csv, "range: { column: day, min: 5 }", "error", None, "the limit 5 is a number");
}

#[test]
fn class_shares_are_among_labelled_rows() {
    let csv = "a,y\n1,good\n2,good\n3,good\n4,bad\n5,\n6,\n7,\n8,\n";
    check(csv, "target_distribution: { min_class_percent: 25 }", "pass", Some(25.0), "the rarest `bad` with 25 %");
    check(csv, "target_distribution: { min_class_percent: 25.5 }", "fail", Some(25.0), "class `bad` is 25 %");
    check(csv, "target_distribution: { max_class_percent: 75 }", "pass", Some(75.0), "2 classes");
    check(csv, "target_distribution: { max_class_percent: 74 }", "fail", Some(75.0), "class `good` is 75 %");
    check(csv, "target_distribution: { classes: [good, bad, ugly] }", "fail", Some(0.0), "`ugly` never occurs");
    check("a,y\n1,\n2,\n", "target_distribution: {}", "error", None, "`y` is missing in every row");
    let many = (0..1001).fold("y\n".to_owned(), |mut csv, i| {
        let _ = writeln!(csv, "c{i}");
        csv
    });
    check(&many, "target_distribution: { min_class_percent: 0 }", "error", None, "more than 1000 distinct values");
    check("a\n1\n", "target_distribution: {}", "error", None, "no column `y`");
}

#[test]
fn conflicts_are_equal_features_with_unequal_labels() {
    let csv = "a,b,y\n1,,0\n1,,1\n1,,1\n2,x,0\n2,x,0\n3,x,\n3,x,1\n";
    check(csv, "conflicting_labels: { max_percent: 42 }", "fail", Some(300.0 / 7.0), "3 rows (42.86 %)");
    check(csv, "conflicting_labels: { max_percent: 43 }", "pass", Some(300.0 / 7.0), "3 rows");
}

#[test]
fn allowed_values_and_patterns_do_not_judge_the_missing() {
    let csv = "t,n,y\na,1,0\nb,2,0\n,,0\n\"\",3,0\n";
    check(csv, "allowed_values: { column: t, values: [a, b, ''] }", "pass", Some(0.0), "one of the 3 allowed");
    check(csv, "allowed_values: { column: t, values: [a, b] }", "fail", Some(25.0), "1 row of `t`");
    check(csv, "allowed_values: { column: n, values: [1.0, 2, 3] }", "pass", Some(0.0), "");
    check(csv, "allowed_values: { column: n, values: [one] }", "error", None, "`one`");
    check(csv, "pattern: { column: t, regex: '[ab]?' }", "pass", Some(0.0), "every value of `t` matches");
    check(csv, "pattern: { column: t, regex: '[ab]' }", "fail", Some(25.0), "1 row of `t`");
    // The whole value must match, alternatives and lines too.
    check("t,y\nab,0\n", "pattern: { column: t, regex: 'a|b' }", "fail", Some(100.0), "");
    check("t,y\n\"a\nb\",0\n", "pattern: { column: t, regex: 'a' }", "fail", Some(100.0), "");
    check("n,y\n1,0\n", "pattern: { column: n, regex: '1' }", "error", None, "`n`");
}

#[test]
fn constancy_is_exclusive() {
    let csv = "a,b,y\n1,,0\n1,,1\n1,,2\n2,,3\n";
    check(csv, "not_constant: { columns: [a] }", "pass", Some(75.0), "`a` repeats one value most, in 75 % of rows");
    check(csv, "not_constant: {}", "fail", Some(100.0), "`b` is the same in every row");
    check(csv, "not_constant: { columns: [a], max_percent_same: 75 }", "fail", Some(75.0), "`a` is the same in 75 %");
    check(csv, "not_constant: { columns: [a], max_percent_same: 75.1 }", "pass", Some(75.0), "");
}

#[test]
fn a_condition_must_be_true_and_not_just_not_false() {
    let csv = "a,b,y\n1,2,0\n3,2,0\n,2,0\n2,2,0\n";
    check(csv, "expression: { sql: 'a <= b' }", "fail", Some(50.0), "2 rows (50 %)");
    check(csv, "expression: { sql: 'a IS NULL OR a <= b', max_percent_violating: 25 }", "pass", Some(25.0), "");
    check(csv, "expression: { sql: 'a <= c' }", "error", None, "no column `c`");
}

#[test]
fn freshness_is_the_age_of_the_newest_value() {
    let csv = |newest: &str| format!("at,y\n2020-01-01T00:00:00Z,0\n{newest},0\n,0\n");
    let fresh = "freshness: { column: at, max_age_days: 1 }";
    check(&csv("2026-06-14T12:00:00Z"), fresh, "pass", Some(1.0), "2026-06-14T12:00:00Z, 1 days old");
    check(&csv("2026-06-14T13:59:59+02:00"), fresh, "fail", Some(1.0 + 1.0 / 86_400.0), "days old");
    check(&csv("2026-06-15T12:01:00Z"), fresh, "pass", Some(-1.0 / 1440.0), "");
    check(&csv("2026-06-15T12:01:01Z"), fresh, "fail", Some(-61.0 / 86_400.0), "in the future");
    let days = |newest: &str| format!("at,y\n2020-01-01,0\n{newest},0\n");
    check(&days("2026-06-16"), fresh, "pass", Some(-0.5), "");
    check(&days("2026-06-17"), fresh, "fail", Some(-1.5), "in the future");
    check("at,y\n20260615,0\n", fresh, "error", None, "`at` holds integer");
    check("at,y\nyesterday,0\n", fresh, "error", None, "");
    check("at,y\n,0\n,1\n", fresh, "error", None, "`at`");
}

#[test]
fn a_file_in_a_git_work_tree_has_no_time_of_its_own() {
    let world = World::with_checks("a\n1\n", "- freshness: { max_age_days: 36500 }");
    world.check(&[]).exits(0);
    world.write(".git/HEAD", "ref: refs/heads/main\n").write(".git/config", "");
    world.check(&[]).exits(3).saying("git");
}

#[test]
fn limits_are_inclusive_and_their_digits_tell_them_apart() {
    let csv = |rows: usize, missing: usize| {
        (0..rows).fold("a,y\n".to_owned(), |mut csv, i| {
            let _ = writeln!(csv, "{},1", if i < missing { "" } else { "1" });
            csv
        })
    };
    check(&csv(1000, 333), "missing_values: { max_percent: 33.3 }", "pass", Some(33.3), "33.3 % of rows");
    check(&csv(100, 7), "missing_values: { max_percent: 7 }", "pass", Some(7.0), "7 %");
    let over = check(&csv(30_000, 1501), "missing_values: { max_percent: 5 }", "fail", Some(1501.0 / 300.0), "5.003 %");
    assert!(!over["message"].as_str().unwrap().contains("5 % of rows"), "{over}");
    check(&csv(10_000, 1), "missing_values: { max_percent: 0 }", "fail", Some(0.01), "0.01 %");
    check("y\n1\n2\n", "row_count: { min: 2, max: 2 }", "pass", Some(2.0), "2 rows");
    check("y\n1\n2\n", "row_count: { min: 3 }", "fail", Some(2.0), "2 rows, at least 3 needed");
    let both = check("y\n1\n2\n", "row_count: { min: 1, max: 1 }", "fail", Some(2.0), "at most 1 allowed");
    assert_eq!(both["limit"], json!({ "max": 1.0 }));
}

#[test]
fn the_schema_alone_fails_on_a_column_that_is_missing() {
    let csv = "age,income,y\n1,2.5,0\n";
    let verdict =
        check(csv, "schema: { required: [age, incom] }", "fail", None, "`incom` is missing (there is `income`)");
    assert_eq!(verdict["values"]["missing"], json!(["incom"]));
    check(csv, "schema: { required: { age: float } }", "fail", None, "`age` is integer, not float");
    check(csv, "schema: { required: { age: number, income: number, y: integer }, extra: forbid }", "pass", None, "");
    check(csv, "schema: { required: [age], extra: forbid }", "fail", None, "`income`, `y` should not be there");
    check("a,y\n1,0\n", "schema: { required: { a: integer } }", "pass", None, "1 of 2 columns");
}
