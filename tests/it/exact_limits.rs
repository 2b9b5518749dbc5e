//! Limits that are met exactly: what was written is what counts, in the precision of the column.

use serde_json::Value;

use crate::world::{Ran, World, data};

/// One entry over a file of tests/data.
fn judge(file: &str, entry: &str) -> Ran {
    let world = World::new();
    world.write("mlgate.yml", format!("data:\n  path: {}\n  checks:\n    - {entry}\n", data(file)));
    world.check(&[])
}

fn both(entry: &str, rows: u64) {
    for file in ["precision.parquet", "precision_no_stats.parquet"] {
        let ran = judge(file, entry);
        assert_eq!(ran.verdicts()[0]["values"]["rows"], rows, "{entry} of {file}: {ran:#?}");
    }
}

#[test]
fn a_percent_that_is_met_exactly_is_met() {
    let rows = |of: u64| (0..3000).map(move |row| u64::from(row < of));
    let missing = |of: u64| rows(of).map(|is| if is == 1 { ",x\n" } else { "1,x\n" }).collect::<String>();
    let labels = |of: u64| rows(of).map(|is| format!("{is},x\n")).collect::<String>();
    for (csv, check, statuses) in [
        (missing(69), "missing_values: { max_percent: 2.3 }", "pass"),
        (missing(70), "missing_values: { max_percent: 2.3 }", "fail"),
        (missing(69), "missing_values: { max_percent: 2.2999999999999999999 }", "fail"),
        (labels(33), "target_distribution: { min_class_percent: 1.1 }", "pass"),
        (labels(32), "target_distribution: { min_class_percent: 1.1 }", "fail"),
        (labels(33), "target_distribution: { min_class_percent: 1.1000000000000000001 }", "fail"),
    ] {
        let world = World::with_checks(&format!("y,z\n{csv}"), &format!("- {check}"));
        assert_eq!(world.check(&[]).statuses(), statuses, "{check}");
    }
    let world = World::new();
    world.write("data.csv", format!("y,z\n{}", missing(69)));
    for (percent, exit) in [("2.3", 0), ("2.2999999999999999999", 1)] {
        world.check(&["--data", "data.csv", "--max-null-percent", percent]).exits(exit);
    }
}

#[test]
fn floats_are_compared_in_their_own_precision() {
    for column in ["half", "single", "double"] {
        both(&format!("range: {{ column: {column}, max: 0.1 }}"), 0);
        both(&format!("range: {{ column: {column}, min: 0.1 }}"), 0);
        both(&format!("allowed_values: {{ column: {column}, values: [0.1] }}"), 0);
        both(&format!("range: {{ column: {column}, max: 0.0999 }}"), 4);
        both(&format!("allowed_values: {{ column: {column}, values: [0.2] }}"), 4);
    }
}

#[test]
fn decimals_are_compared_digit_by_digit() {
    for (limits, rows) in [
        ("max: 12345678901234567.89", 1),
        ("max: 12345678901234567.895", 1),
        ("max: 12345678901234567.88", 2),
        ("min: 12345678901234567.90", 3),
        ("min: 12345678901234567.9", 3),
        ("min: 0", 1),
        ("min: -0.01, max: 1e20", 0),
        ("min: -0.009999999999999999999", 1),
    ] {
        both(&format!("range: {{ column: wide, {limits} }}"), rows);
    }
    both("allowed_values: { column: wide, values: [12345678901234567.89, -0.01] }", 2);
    both("allowed_values: { column: wide, values: [12345678901234567.9, '-0.010'] }", 2);
    let world = World::new();
    let ranges = "wide: { max: 12345678901234567.89 }";
    let ran = world.check(&["--data", &data("precision.parquet"), "--feature-ranges", ranges]).exits(1);
    assert_eq!(ran.verdicts()[0]["values"]["rows"], 1);
    assert!(ran.says("outside (-∞, 12345678901234567.89]"), "{ran:#?}");
    assert_ne!(ran.verdicts()[0]["observed"], Value::Null);
}

#[test]
fn a_class_is_what_was_written() {
    for column in ["half", "single", "double"] {
        let world = World::new();
        let file = data("precision.parquet");
        let checks = "[target_distribution: { classes: [0.1] }]";
        world.write("mlgate.yml", format!("data: {{ path: {file}, target: {column}, checks: {checks} }}"));
        let ran = world.check(&[]).exits(0);
        assert_eq!(ran.verdicts()[0]["values"]["classes"]["0.1"], 100.0, "{column}: {ran:#?}");
    }
    let world = World::new();
    let checks = "[target_distribution: { classes: [12345678901234567.91], min_class_percent: 0 }]";
    world.write(
        "mlgate.yml",
        format!("data: {{ path: {}, target: wide, checks: {checks} }}", data("precision.parquet")),
    );
    world.check(&[]).exits(1).saying("12345678901234567.91");
}
