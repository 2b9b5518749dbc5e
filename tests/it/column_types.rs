//! Columns of types that a check cannot judge, or that the reader cannot take: named, and never passed in silence.
//! The tables are made by `tests/oracle/column_types.py`.

use serde_json::Value;

use crate::world::{Ran, World, data};

/// A run of these entries on one of the tables, with the reference beside it.
fn check(table: &str, entries: &str, arguments: &[&str]) -> Ran {
    let world = World::new();
    let table = data(&format!("column_types/{table}"));
    let reference = data("column_types/reference.parquet");
    let entries: String = entries.lines().map(|line| format!("    {}\n", line.trim())).collect();
    let config =
        format!("data:\n  path: {table}\n  reference: {reference}\n  test: {table}\n  target: y\n  checks:\n{entries}");
    world.write("mlgate.yml", config);
    world.check(arguments)
}

/// The status and message of the only verdict.
fn verdict(ran: &Ran) -> (&str, &str) {
    assert_eq!(ran.verdicts().len(), 1, "{ran:#?}");
    let of = |key: &str| ran.verdicts()[0][key].as_str().unwrap_or_default();
    (of("status"), of("message"))
}

#[test]
fn a_column_that_vanished_is_the_finding_of_drift() {
    for (table, now) in [
        ("x_null", "missing"),
        ("x_duration", "duration"),
        ("x_list", "list"),
        ("x_struct", "struct"),
        ("x_binary", "binary"),
    ] {
        let table = format!("{table}.parquet");
        for (entry, status) in [("- drift: { max_drifted_percent: 0 }", "fail"), ("- drift", "warn")] {
            let ran = check(&table, entry, &[]);
            let (found, message) = verdict(&ran);
            assert_eq!(found, status, "{table}: {ran:#?}");
            assert!(message.contains("`x`") && message.contains(now), "{table}: {message}");
            assert_eq!(ran.verdicts()[0]["values"]["x"]["drifted"], true, "{table}: {ran:#?}");
        }
    }
    // A column that came from nothing is a change too.
    let world = World::new();
    let (was, is) = (data("column_types/x_null.parquet"), data("column_types/reference.parquet"));
    world
        .write("mlgate.yml", format!("data:\n  path: {is}\n  reference: {was}\n  target: y\n  checks:\n    - drift\n"));
    let ran = world.check(&[]).exits(0);
    assert_eq!(verdict(&ran).0, "warn", "{ran:#?}");
}

#[test]
fn a_column_that_cannot_be_compared_in_either_table_is_named() {
    let world = World::new();
    let table = data("column_types/x_list.parquet");
    for entry in ["drift", "target_leakage", "new_categories", "near_duplicates"] {
        let config = format!(
            "data:\n  path: {table}\n  reference: {table}\n  test: {table}\n  target: y\n  checks:\n    - {entry}\n"
        );
        world.write("mlgate.yml", config);
        let ran = world.check(&[]);
        let (_, message) = verdict(&ran);
        assert!(message.contains("not judged: `x` (list"), "{entry}: {message}");
    }
}

#[test]
fn a_column_that_is_wholly_missing_is_constant_and_nested_ones_are_judged() {
    let ran = check("x_null.parquet", "- not_constant", &[]).exits(1);
    assert_eq!(verdict(&ran), ("fail", "`x` is the same in every row"));
    for table in ["x_list", "x_struct", "x_duration", "x_binary"] {
        let ran = check(&format!("{table}.parquet"), "- not_constant: { columns: [x] }", &[]).exits(0);
        assert_eq!(verdict(&ran).0, "pass");
        let ran = check(&format!("{table}.parquet"), "- not_constant", &[]).exits(0);
        assert!(ran.verdicts()[0]["values"]["x"].is_number(), "{table}: {ran:#?}");
    }
}

#[test]
fn integers_of_128_bits_without_sign_are_read() {
    for table in ["uint128.parquet", "uint128.arrow"] {
        let ran = check(table, "- range: { column: n, min: 0, max: 100 }", &[]).exits(1);
        assert_eq!(ran.verdicts()[0]["values"]["rows"], 2, "{ran:#?}");
        let ran = check(table, "- allowed_values: { column: n, values: [1, 2, 3] }", &[]).exits(1);
        assert_eq!(ran.verdicts()[0]["values"]["rows"], 2, "{ran:#?}");
        check(table, "- range: { column: n, min: 1 }", &[]).exits(0);
    }
    // Beyond what is computed with: an error, and neither inside nor missing.
    for entry in ["- range: { column: n, min: 0, max: 100 }", "- allowed_values: { column: n, values: [1, 2, 3, 4] }"] {
        let ran = check("uint128_beyond.parquet", entry, &[]).exits(3);
        assert_eq!(verdict(&ran).0, "error", "{ran:#?}");
    }
}

#[test]
fn times_in_seconds_are_not_misread() {
    for table in ["time32.parquet", "time32.arrow"] {
        let ran = check(table, "- unique: { columns: [at] }", &[]).exits(1);
        assert_eq!(ran.verdicts()[0]["values"]["rows"], 30, "{ran:#?}");
        let ran = check(table, "- conflicting_labels", &[]).exits(1);
        assert_eq!(ran.verdicts()[0]["observed"], 100.0, "{ran:#?}");
    }
}

#[test]
fn nan_in_half_floats_is_missing_with_and_without_an_arrow_schema() {
    for table in ["float16.parquet", "float16_schema.parquet"] {
        for entry in ["- missing_values: { columns: [x] }", "- missing_values"] {
            let ran = check(table, entry, &[]).exits(1);
            assert_eq!(ran.verdicts()[0]["values"]["x"], 50.0, "{ran:#?}");
        }
        check(table, "- range: { column: x, min: 7.5, max: 14.75 }", &[]).exits(0);
        check(table, "- range: { column: x, min: 8 }", &[]).exits(1);
    }
}

#[test]
fn a_column_that_cannot_be_read_costs_its_own_verdicts_only() {
    let unread = [("offset", "+05:30"), ("uuid", "uuid"), ("json", "json"), ("decimal256", "decimal(60, 2)")];
    for table in ["unreadable.parquet", "unreadable.arrow"] {
        let others = "- range: { column: x, min: 0, max: 100 }
- schema: { required: [uuid, x, decimal256] }
- row_count: { min: 60, max: 60 }
- expression: { sql: 'x >= 0 AND id < 60' }
- missing_values: { columns: [x, tag] }
- target_distribution
- unique: { columns: [id] }";
        let ran = check(table, others, &[]).exits(0);
        assert_eq!(ran.statuses(), "pass pass pass pass pass pass pass", "{ran:#?}");
        for (column, dtype) in unread {
            for entry in [
                format!("- missing_values: {{ columns: [{column}] }}"),
                format!("- unique: {{ columns: [id, {column}] }}"),
                format!("- range: {{ column: {column}, min: 0 }}"),
                format!("- expression: {{ sql: '\"{column}\" IS NOT NULL' }}"),
                format!("- not_constant: {{ columns: [{column}] }}"),
                format!("- drift: {{ columns: [{column}] }}"),
            ] {
                let ran = check(table, &entry, &[]).exits(3);
                let (status, message) = verdict(&ran);
                assert_eq!(status, "error", "{entry}");
                let named = message.contains(&format!("`{column}`")) && message.contains(dtype);
                // The reference lacks the column, which drift may say first.
                assert!(named || entry.contains("drift"), "{table} {entry}: {message}");
            }
        }
    }
}

#[test]
fn a_check_over_all_columns_says_which_it_could_not_read_and_does_not_pass() {
    for table in ["unreadable.parquet", "unreadable.arrow"] {
        for entry in ["missing_values", "duplicates", "not_constant", "target_leakage", "conflicting_labels"] {
            let ran = check(table, &format!("- {entry}"), &[]);
            let (status, message) = verdict(&ran);
            assert!(!["pass", "error"].contains(&status), "{table} {entry}: {ran:#?}");
            for column in ["`offset`", "`uuid` (uuid)", "`json` (json)", "`decimal256` (decimal(60, 2))"] {
                assert!(message.contains(column), "{entry}: {column} is not in {message}");
            }
        }
    }
    // What fails still fails.
    let ran = check("unreadable.parquet", "- not_constant: { max_percent_same: 40 }", &[]).exits(1);
    assert_eq!(verdict(&ran).0, "fail");
}

#[test]
fn rows_are_looked_at_again_where_a_column_cannot_be_read() {
    for table in ["unreadable.parquet", "unreadable.arrow"] {
        let ran = check(table, "- unique: { columns: [tag] }", &[]).exits(1);
        assert_eq!(ran.verdicts()[0]["values"]["rows"], 57, "{ran:#?}");
        let ran = check(table, "- train_test_overlap: { columns: [x, tag] }", &[]).exits(1);
        assert_eq!(ran.verdicts()[0]["values"]["rows"], 60, "{ran:#?}");
    }
}

#[test]
fn an_identity_of_the_table_needs_all_of_its_columns() {
    let ran = check("unreadable.parquet", "- row_count: { min: 1 }", &["--fingerprint=true"]).exits(3);
    assert!(ran.report["tables"]["training"]["fingerprint"].is_null(), "{ran:#?}");
    assert!(ran.says("cannot be read"), "{ran:#?}");
}

#[test]
fn a_footer_with_unknown_types_is_read_by_parquets_own() {
    let ran = check("list_view.parquet", "- range: { column: x, min: 0, max: 100 }\n- duplicates", &[]).exits(0);
    assert_eq!(ran.statuses(), "pass pass", "{ran:#?}");
    let ran = check("list_view.parquet", "- range: { column: x, min: 0, max: 10 }", &[]).exits(1);
    assert_eq!(ran.verdicts()[0]["values"]["rows"], 39);
    // Arrow IPC has no types but these.
    let ran = check("list_view.arrow", "- range: { column: x, min: 0, max: 100 }", &[]).exits(3);
    assert!(ran.says("list_view"), "{ran:#?}");
}

#[test]
fn columns_of_folder_names_stay_beside_columns_that_cannot_be_read() {
    let world = World::new();
    for (file, table) in [("d/day=1/a.parquet", "unreadable"), ("d/day=2/b.parquet", "unreadable")] {
        world.copy(data(&format!("column_types/{table}.parquet")), file);
    }
    let entries =
        "[{range: {column: day, min: 1, max: 2}}, {row_count: {min: 120, max: 120}}, {unique: {columns: [day, id]}}]";
    world.write("mlgate.yml", format!("data:\n  path: d\n  checks: {entries}\n"));
    let ran = world.check(&[]).exits(0);
    assert_eq!(ran.statuses(), "pass pass pass", "{ran:#?}");
    // Files of one table agree about such columns too.
    world.copy(data("column_types/reference.parquet"), "d/day=3/c.parquet");
    let ran = world.check(&[]).exits(3);
    assert!(ran.verdicts().iter().all(|verdict: &Value| verdict["status"] == "error"), "{ran:#?}");
}
