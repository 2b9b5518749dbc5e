//! `max-memory` changes how duplicates are counted, never what is counted.

use std::fmt::Write;

use serde_json::json;

use crate::world::World;

const ROWS: u64 = 400_000;
/// Every row of a number below this stands twice more, at the end.
const REPEATED: u64 = 1_234;

/// Rows with distinct keys, then some of them once more, and once more.
fn table() -> String {
    let mut csv = String::from("id,name,half\n");
    let row = |csv: &mut String, i: u64| {
        let _ = writeln!(csv, "{i},n{},{}", i % 1_000, if i.is_multiple_of(2) { "" } else { "0.5" });
    };
    (0..ROWS).for_each(|i| row(&mut csv, i));
    for _ in 0..2 {
        (0..REPEATED).for_each(|i| row(&mut csv, i));
    }
    csv
}

#[test]
fn duplicates_are_the_same_in_one_megabyte() {
    let world = World::with_checks(
        &table(),
        "- duplicates: { max_percent: 100 }
- unique: { columns: [id] }
- unique: { columns: [name, half] }
- conflicting_labels: { max_percent: 100 }",
    );
    world.write("target.yml", "data: { target: half }\n");
    let files = ["--config", "mlgate.yml\ntarget.yml"];
    let default = world.check(&files).exits(1);
    let small = world.check(&[&files[..], &["--max-memory", "1MB"]].concat()).exits(1);
    assert_eq!(default.report["tables"]["training"]["rows"], json!(ROWS + 2 * REPEATED));
    let rows = |index: usize| default.verdicts()[index]["values"]["rows"].clone();
    assert_eq!(rows(0), json!(2 * REPEATED));
    assert_eq!(rows(1), json!(2 * REPEATED));
    // A name goes with one of "" and 0.5 only: its number is even or odd.
    assert_eq!(rows(2), json!(ROWS + 2 * REPEATED - 1_000));
    assert_eq!(rows(3), json!(0));
    assert_eq!(default.verdicts(), small.verdicts());
}

#[test]
fn memory_is_a_size() {
    let world = World::with_checks("y\n1\n", "- duplicates");
    for (size, said) in [("lots", "`lots` is no size"), ("10", "less than 1MB"), ("-5GB", "is no size")] {
        world.check(&[&format!("--max-memory={size}")]).exits(2).saying("input max-memory").saying(said);
    }
    world.check(&["--max-memory", "1.5 GiB"]).exits(0);
}

#[test]
fn a_key_of_few_values_takes_no_more_memory() {
    let csv = (0..300_000).fold("one,three\n".to_owned(), |mut csv, i| {
        let _ = writeln!(csv, "x,{}", i % 3);
        csv
    });
    let world = World::with_checks(&csv, "- unique: { columns: [one] }\n- unique: { columns: [three] }");
    for memory in ["1MB", "1GB"] {
        let ran = world.check(&["--max-memory", memory]).exits(1);
        let rows: Vec<_> = ran.verdicts().iter().map(|verdict| verdict["values"]["rows"].clone()).collect();
        assert_eq!(rows, [json!(299_999), json!(299_997)], "{memory}");
        assert_eq!(ran.verdicts()[1]["values"]["first_row"], json!(3), "{memory}");
    }
}

/// The largest anonymous resident memory of a run in megabytes, sampled while it lives, and its exit code.
#[cfg(target_os = "linux")]
fn peak_megabytes(world: &World, arguments: &[&str]) -> (u64, i32) {
    let mut child = world
        .command(arguments)
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    loop {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("RssAnon:"));
        let kilobytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
        peak = peak.max(kilobytes.unwrap_or(0) / 1_000);
        if let Some(ended) = child.try_wait().unwrap() {
            return (peak, ended.code().unwrap_or(-1));
        }
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
}

/// A header and rows of so many columns, all from a seed.
fn wide(columns: usize, rows: usize, cell: impl Fn(usize, usize) -> u64) -> String {
    let mut csv = (0..columns).map(|column| format!("c{column}")).collect::<Vec<_>>().join(",");
    csv.push_str(",y\n");
    for row in 0..rows {
        for column in 0..columns {
            let _ = write!(csv, "{},", cell(row, column));
        }
        let _ = writeln!(csv, "{}", row % 2);
    }
    csv
}

#[cfg(target_os = "linux")]
#[test]
fn columns_of_few_rows_take_little_memory() {
    let world = World::new();
    let one_hot = |salt: u64| {
        wide(400, 500, move |row, column| u64::from((row as u64 * 7 + column as u64 * 13 + salt).is_multiple_of(17)))
    };
    world.write("old.csv", one_hot(0)).write("now.csv", one_hot(5));
    world.write("one.yml", "data: { path: now.csv, target: y, checks: [row_count: { min: 1 }] }");
    world.write("mlgate.yml", "data: { path: now.csv, reference: old.csv, target: y, checks: [drift] }");
    world.write("leak.yml", "data: { path: now.csv, target: y, checks: [{ target_leakage: {}, severity: warn }] }");
    let limit = ["--max-memory", "200MB"];
    let (plain, exit) = peak_megabytes(&world, &["check", "--config", "one.yml"]);
    assert_eq!(exit, 0);
    for config in ["mlgate.yml", "leak.yml"] {
        let (peak, exit) = peak_megabytes(&world, &[&["check", "--config", config][..], &limit].concat());
        assert_eq!(exit, 0, "{config}");
        assert!(peak < plain + 120, "{config}: {peak} MB, {plain} MB without it");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn what_drift_keeps_of_all_columns_counts_against_the_limit() {
    let world = World::new();
    // Of each column every value is another one.
    let cell = |row: usize, column: usize| (row as u64 + 1) * 999_983 * (column as u64 + 1) % 1_000_000_007;
    let numbers = |salt: usize| wide(300, 8_000, move |row, column| cell(row + salt, column));
    world.write("old.csv", numbers(0)).write("now.csv", numbers(3));
    // The same cells, decoded and counted: what drift takes beyond that is what it keeps.
    let counted = "[missing_values: {}, { missing_values: {}, on: reference }]";
    world.write("one.yml", format!("data: {{ path: now.csv, reference: old.csv, target: y, checks: {counted} }}"));
    world.write("mlgate.yml", "data: { path: now.csv, reference: old.csv, target: y, checks: [drift] }");
    let (plain, _) = peak_megabytes(&world, &["check", "--config", "one.yml"]);
    let (small, exit) = peak_megabytes(&world, &["check", "--max-memory", "8MB"]);
    assert_eq!(exit, 0);
    assert!(small <= plain + 50, "{small} MB, {plain} MB without it");
    let report: serde_json::Value = serde_json::from_str(&world.read("mlgate-report/report.json")).unwrap();
    let few = report["gates"][0]["checks"].clone();
    let all = world.check(&[]).exits(0).report["gates"][0]["checks"].clone();
    assert_eq!(all, few);
}
