//! Conditions of `expression`: against DuckDB, at the edges of numbers, and with texts that grow.

use serde_json::{Value, json};

use crate::world::{World, data, root};

fn oracle() -> Value {
    serde_json::from_str(&std::fs::read_to_string(root().join("tests/oracle/expression.json")).unwrap()).unwrap()
}

/// A world that judges tests/data/expression.parquet by these conditions.
fn judged_by<'a>(conditions: impl Iterator<Item = &'a str>) -> World {
    let world = World::new();
    let checks: Vec<Value> =
        conditions.map(|sql| json!({ "expression": { "sql": sql, "max_percent_violating": 100 } })).collect();
    let config = json!({ "data": { "path": data("expression.parquet"), "target": "b", "checks": checks } });
    world.write("mlgate.yml", config.to_string());
    world
}

#[test]
fn conditions_count_what_duckdb_counts() {
    let oracle = oracle();
    let rows = oracle["rows"].as_f64().unwrap();
    let cases = oracle["cases"].as_array().unwrap();
    assert!(cases.len() >= 1000);
    let ran = judged_by(cases.iter().map(|case| case[0].as_str().unwrap())).check(&[]);
    let verdicts = ran.verdicts();
    assert_eq!(verdicts.len(), cases.len(), "{}", ran.stderr);
    let differ: Vec<String> = cases
        .iter()
        .zip(verdicts)
        .filter_map(|(case, verdict)| {
            let found = verdict["observed"].as_f64().map(|percent| (percent * rows / 100.0).round());
            (found != case[1].as_f64())
                .then(|| format!("{}\n  DuckDB {}, mlgate {found:?}: {}", case[0], case[1], verdict["message"]))
        })
        .collect();
    assert!(differ.is_empty(), "{} differ:\n{}", differ.len(), differ.join("\n"));
}

#[test]
fn a_condition_that_duckdb_cannot_compute_is_an_error() {
    let oracle = oracle();
    for sql in oracle["failing"].as_array().unwrap() {
        judged_by([sql.as_str().unwrap()].into_iter()).check(&[]).exits(3).saying("cannot be computed in row");
    }
}

/// Judges `sql` on a table of these columns.
fn judged(csv: &str, sql: &str) -> crate::world::Ran {
    World::with_checks(csv, &format!("- expression: {{ sql: {} }}", json!(sql))).check(&[])
}

#[test]
fn a_nan_that_a_condition_computes_is_a_violation() {
    let csv = "a,b,y\n0.0,0,1\n-1.0,-1,0\n";
    for sql in [
        "a / a >= 0 AND a = 0",
        "SQRT(-1) > 0",
        "SQRT(b - 1) >= 0",
        "LN(-1) <> 5",
        "LN(b - 1) <> 5",
        "b / b > -1 AND a = 0",
        "NOT (LN(b - 2) < 0)",
        "POWER(b - 1, 0.5) >= 0",
    ] {
        judged(csv, sql).exits(1);
    }
    for sql in ["a - a = 0", "inf - inf <> 1", "NOT (inf - inf = 0)", "0 * inf > -1"] {
        let ran = judged("a,inf,y\ninf,inf,1\ninf,inf,0\n", sql);
        ran.exits(1).saying("2 rows");
    }
}

#[test]
fn a_division_by_zero_is_a_violation() {
    for sql in ["a / b > 0", "a / b <> 7", "NOT (a / b < 0)", "a % b = 0", "a // b >= 0", "1.5 / b > 1"] {
        judged("a,b,y\n1,0,0\n1,0,1\n", sql).exits(1).saying("2 rows");
    }
}

#[test]
fn integers_are_computed_wide() {
    // 100 + 100 is 200, whatever the column holds: tests/data/expression.parquet has int8 and uint64.
    for (sql, exit) in [
        ("i8 IS NULL OR i8 + 127 + 1 > i8", 0),
        ("u8 IS NULL OR u8 - 1 < u8", 0),
        ("u64 IS NULL OR u64 + 1 > u64", 0),
        ("i64 IS NULL OR i64 - 1 < i64", 0),
        ("i64 IS NULL OR - i64 * 2 = i64 * -2", 0),
        ("i64 IS NULL OR i64 * i64 >= 0", 0),
        ("ABS(i64) >= 0 OR i64 IS NULL", 0),
    ] {
        let world = World::new();
        let config =
            json!({ "data": { "path": data("expression.parquet"), "checks": [{ "expression": { "sql": sql } }] } });
        world.write("mlgate.yml", config.to_string());
        let ran = world.check(&[]);
        assert_eq!(ran.exit, exit, "{sql}: {ran:#?}");
    }
    let far = judged("a,y\n9223372036854775807,0\n", "a * a * a > 0");
    far.exits(3).saying("outgrows 128 bits").saying("in row 1");
    let late = judged("d,y\n2026-01-31,0\n", "d + INTERVAL 300000 YEAR > d");
    late.exits(3).saying("a date is out of range");
}

#[test]
fn distinct_from_binds_as_a_comparison() {
    let csv = "a,b,y\ntrue,-1,0\ntrue,-2,1\n";
    for sql in [
        "a IS NOT DISTINCT FROM TRUE AND b > 0",
        "b > 0 AND a IS NOT DISTINCT FROM TRUE",
        "a IS DISTINCT FROM FALSE AND b > 0",
        "NOT a IS DISTINCT FROM TRUE AND b > 0",
        "a is /* as in SQL */ not distinct\nfrom TRUE AND b > 0",
    ] {
        judged(csv, sql).exits(1).saying("2 rows");
    }
    judged(csv, "a IS NOT DISTINCT FROM TRUE OR b > 0").exits(0);
    judged(csv, "a IS DISTINCT FROM b IS NULL").exits(2).saying("parentheses");
}

#[test]
fn what_databases_read_differently_is_refused() {
    for (sql, wanted) in [
        ("b ^ 2 > 0", "POWER"),
        ("b ** 2 > 0", "one scalar condition"),
        ("a = b = TRUE", "parentheses"),
        ("1 < b < 5", "parentheses"),
        ("NOT b = 1 = TRUE", "parentheses"),
        ("LOG(b) > 0", "LN, LOG2 or LOG10"),
        ("LPAD('a', 1000000000, 'b') = 'a'", "lpad"),
        ("REPEAT('a', 1000000000) = 'a'", "repeat"),
        ("b <=> 1", "not supported"),
        ("b & 1 = 1", "not supported"),
        ("t.b = 1", "double quotes"),
        ("SUBSTR('abc', 0) = 'a'", "first character is 1"),
        ("'abc' LIKE 'a\\' ESCAPE '\\'", "ends with its escape character"),
        ("CAST(b AS VARCHAR(3)) = 'a'", "not supported"),
        ("SUM(b) > 1", "not one of a row's values"),
        ("COUNT(*) > 1", "not one of a row's values"),
    ] {
        judged("a,b,y\ntrue,1,0\n", sql).exits(2).saying(wanted);
    }
    for (sql, wanted) in [
        ("a > 1", "cannot be compared"),
        ("a + 1 > 1", "no such calculation"),
        ("b || 'x' = '1x'", "not text"),
        ("b", "is not a condition"),
        ("b AND a", "not a condition"),
        ("a = 'true'", "cannot be compared"),
        ("SQRT(a) > 1", "not a number"),
    ] {
        judged("a,b,y\ntrue,1,0\n", sql).exits(3).saying(wanted);
    }
}

/// Bytes that a run had in memory at most, by a shell's `ulimit`: whoever takes more is aborted.
fn within_memory(world: &World, kilobytes: u64) -> std::process::Output {
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", &format!("ulimit -v {kilobytes}; exec \"$0\" check"), crate::world::BINARY]);
    shell.env_clear().current_dir(world.real()).output().unwrap()
}

#[test]
fn texts_that_multiply_cost_one_verdict() {
    let mut sql = "name".to_owned();
    for _ in 0..12 {
        sql = format!("REPLACE({sql}, 'a', 'aaaaaaaaaaaaaaaa')");
    }
    let growing = format!("LENGTH({sql}) > 0");
    assert!(growing.len() < 1000);
    let csv = format!("name,y\n{}", "aaaa,1\nbbb,0\n".repeat(3));
    let checks = format!("- expression: {{ sql: {} }}\n- row_count: {{ min: 1 }}", json!(growing));
    let world = World::with_checks(&csv, &checks);
    let output = within_memory(&world, 4_000_000);
    assert_eq!(output.status.code(), Some(3), "{}", String::from_utf8_lossy(&output.stderr));
    let report: Value = serde_json::from_str(&world.read("mlgate-report/report.json")).unwrap();
    let checks = report["gates"][0]["checks"].as_array().unwrap();
    assert_eq!(
        (checks[0]["status"].as_str(), checks[1]["status"].as_str()),
        (Some("error"), Some("pass")),
        "{report:#}"
    );
    assert!(checks[0]["message"].as_str().unwrap().contains("64 MB"), "{report:#}");
}

#[test]
fn long_texts_are_no_bomb() {
    // 60 rows of 1 MB each are halved until they fit.
    let csv = format!("name,y\n{}", format!("{},1\n", "ab".repeat(500_000)).repeat(60));
    let world =
        World::with_checks(&csv, "- expression: { sql: \"LENGTH(REPLACE(LOWER(name), 'a', 'cc')) = 1500000\" }");
    let output = within_memory(&world, 6_000_000);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn a_condition_that_nests_deeper_than_64_is_refused() {
    let sql = format!("b{} > 0", " + 1".repeat(80));
    judged("b,y\n1,0\n", &sql).exits(2).saying("nests deeper than 64 levels");
    let fine = format!("b{} > 0", " + 1".repeat(40));
    judged("b,y\n1,0\n", &fine).exits(0);
}

#[test]
fn a_failing_part_that_does_not_decide_is_no_error() {
    let csv = "t,y\n12,0\nx,1\n7,0\n";
    judged(csv, "REGEXP_LIKE(t, '^[0-9]+$') AND CAST(t AS BIGINT) > 5 OR t = 'x'").exits(0);
    judged(csv, "CASE WHEN t <> 'x' THEN CAST(t AS BIGINT) > 5 ELSE TRUE END").exits(0);
    judged(csv, "CAST(t AS BIGINT) > 5").exits(3).saying("a CAST fails").saying("in row 2");
    judged(csv, "TRY_CAST(t AS BIGINT) > 5").exits(1).saying("1 row");
}
