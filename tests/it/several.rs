//! Tables of several files, names that look like patterns, tables that no entry looks at.

use std::fs;

use serde_json::json;

use crate::world::World;

fn with(files: &[(&str, &str)]) -> World {
    let world = World::new();
    for (name, text) in files {
        world.write(name, text);
    }
    world
}

#[test]
fn files_that_disagree_on_a_type_are_not_one_table() {
    for (a, b) in [("x\n1\n", "x\nhello\n"), ("x\nhello\n", "x\n1\n"), ("x\n2026-01-01\n", "x\n1\n")] {
        let world = with(&[("in/a.csv", a), ("in/b.csv", b)]);
        world.check(&["--data=in", "--min-rows=1"]).exits(3).saying("are not one table").saying("in the other");
    }
    let world = with(&[("in/a.ndjson", "{\"x\":\"9\"}\n"), ("in/b.ndjson", "{\"x\":1.25}\n")]);
    world.check(&["--data=in", "--min-rows=1"]).exits(3).saying("are not one table");
}

#[test]
fn files_that_differ_only_by_what_they_hold_are_one_table() {
    let world = with(&[("in/a.csv", "x,y\n1,\n"), ("in/b.csv", "x,y\n2.5,text\n")]);
    world.check(&["--data=in", "--min-rows=2"]).exits(0);
    let nested = [
        ("in/a.ndjson", "{\"x\":{\"a\":1}}\n"),
        ("in/b.ndjson", "{\"x\":{\"a\":1,\"b\":5}}\n{\"x\":{\"a\":1,\"b\":6}}\n"),
    ];
    let ran = with(&nested).check(&["--data=in", "--max-duplicate-percent=0"]).exits(0);
    assert_eq!(ran.verdicts()[0]["values"]["rows"], json!(0));
}

#[test]
fn columns_in_another_order_are_refused_where_they_would_be_swapped() {
    let world = with(&[("in/a.csv", "a,b\n1,2\n"), ("in/b.csv", "b,a\n1,2\n")]);
    world.check(&["--data=in", "--min-rows=1"]).exits(3).saying("in another order");
}

#[test]
fn a_name_that_looks_like_a_pattern_is_a_name() {
    for ending in ["csv", "ndjson"] {
        let text = |value: u32| if ending == "csv" { format!("a\n{value}\n") } else { format!("{{\"a\":{value}}}\n") };
        let world = World::new();
        world.write(&format!("n[1].{ending}"), text(1));
        let data = format!("--data=n[1].{ending}");
        let ran = world.check(&[&data, "--feature-ranges=a: {max: 2}"]).exits(0);
        assert_eq!(ran.report["tables"]["training"]["rows"], json!(1));
        // Which of two is meant nobody can tell, and one of them may have been added to be read.
        world.write(&format!("n1.{ending}"), text(9));
        world.check(&[&data, "--feature-ranges=a: {max: 2}"]).exits(2).saying("rename the file");
    }
}

#[test]
fn partitions_of_text_files_are_columns() {
    let world = with(&[
        ("in/day=2026-01-01/c=a%20b/p.csv", "x\n1\n2\n"),
        ("in/day=2026-01-02/c=__HIVE_DEFAULT_PARTITION__/p.csv", "x\n3\n"),
    ]);
    world.write(
        "mlgate.yml",
        "data:\n  path: in\n  checks:\n    - schema: { required: { x: integer, day: date, c: text }, extra: forbid }
    - allowed_values: { column: c, values: [a b] }\n    - missing_values: { columns: [c], max_percent: 40 }
    - range: { column: day, min: 2026-01-01, max: 2026-01-02 }\n",
    );
    let ran = world.check(&[]).exits(0);
    assert!(ran.verdicts()[2]["observed"].as_f64().is_some_and(|missing| (missing - 100.0 / 3.0).abs() < 1e-9));
}

#[test]
fn a_table_that_is_named_counts_though_no_entry_looks_at_it() {
    let world = with(&[("data.csv", "x\n1\n"), ("empty.csv", "x\n")]);
    world.check(&["--data=data.csv", "--min-rows=1", "--reference=nothing.csv"]).exits(3).saying("nothing.csv");
    world
        .check(&["--data=data.csv", "--min-rows=1", "--test-data=empty.csv"])
        .exits(1)
        .saying("the test table is empty");
}

#[test]
fn an_earlier_report_never_stands_for_a_later_run() {
    let world = with(&[("data.csv", "x\n1\n")]);
    world.check(&["--data=data.csv", "--min-rows=1"]).exits(0);
    for name in ["report.json", "report.md", "junit.xml", "results.sarif"] {
        assert!(world.path("mlgate-report").join(name).is_file(), "{name}");
    }
    world.check(&["--data=data.csv", "--min-rows=many"]).exits(2);
    assert!(!world.path("mlgate-report/junit.xml").exists());
    fs::remove_file(world.path("mlgate-report/report.json")).unwrap();
    fs::create_dir(world.path("mlgate-report/report.json")).unwrap();
    let output = world.command(&["check", "--data=data.csv", "--min-rows=1"]).output().unwrap();
    assert_eq!(output.status.code(), Some(3));
}

#[test]
fn a_condition_too_long_to_compute_is_refused() {
    let chain = vec!["x > 0"; 8_000].join(" AND ");
    let sum = format!("x{} > 0", " + 1".repeat(20_000));
    for sql in [chain, sum] {
        let world = World::with_checks("x,y\n1,0\n", &format!("- expression: {{ sql: '{sql}' }}"));
        world.check(&[]).exits(2).saying("too long");
    }
    let list = (0..2_000).map(|i| i.to_string()).collect::<Vec<_>>().join(", ");
    World::with_checks("x,y\n1,0\n", &format!("- expression: {{ sql: 'x IN ({list})' }}")).check(&[]).exits(0);
}

#[test]
fn what_sql_would_compare_quietly_is_an_error() {
    let csv = "day,name,x,y\n2026-01-01,a,1.5,0\n2026-01-02,b,,1\n";
    for (sql, wanted) in [
        ("day > 2027-01-01", "`day` is date and `2027 - 01 - 01` is integer: they cannot be compared"),
        ("day > 2027-01-01", "write dates as DATE '2026-01-31'"),
        ("day BETWEEN 1 AND 2", "`day` is date and `1` is integer"),
        ("name > 5", "`name` is text and `5` is integer"),
        ("x", "is not a condition"),
        ("x LIKE 'a'", "cannot be computed"),
    ] {
        World::with_checks(csv, &format!("- expression: {{ sql: \"{sql}\" }}")).check(&[]).exits(3).saying(wanted);
    }
    let fine = World::with_checks(csv, "- expression: { sql: \"day > DATE '2025-01-01' AND (x IS NULL OR x > 1)\" }");
    fine.check(&[]).exits(0);
}

#[test]
fn what_made_a_column_text_has_its_line() {
    let csv = "age,y\n1,0\n2,0\nforty,1\n";
    let schema = World::with_checks(csv, "- schema: { required: { age: integer } }");
    schema.check(&[]).exits(1).saying("`age` is text (integer until line 4), not integer");
    let range = World::with_checks(csv, "- range: { column: age, min: 0 }");
    range.check(&[]).exits(3).saying("`age` holds text (integer until line 4)");
}

#[test]
fn a_file_that_was_cut_off_is_said_to_be() {
    World::with_checks("a,b,y\n1,2,0\n3", "- duplicates").check(&[]).exits(3).saying("ends in the middle of it");
    World::with_checks("a,b,y\n1,2,0\n3\n", "- duplicates").check(&[]).exits(3).saying("stands in quotes");
}
