//! Columns that tell rows apart: named by `data.id`, or looking like it.

use std::fmt::Write as _;

use serde_json::Value;

use crate::world::{Ran, World};

/// Rows `id,key,x,y`: an id by number and by text, a feature of 100 values that goes around, a label.
fn table(rows: std::ops::Range<u64>, label: impl Fn(u64) -> u64) -> String {
    rows.fold("id,key,x,y\n".to_owned(), |mut csv, row| {
        let _ = writeln!(csv, "{row},k{row:05},{},{}", (row * 37) % 100, label(row));
        csv
    })
}

fn judge(section: &str, checks: &str) -> Ran {
    let world = World::new();
    world.write("train.csv", table(0..300, |row| u64::from(row % 7 == 0)));
    world.write("test.csv", table(1000..1200, |row| u64::from(row % 7 == 0)));
    world.write(
        "mlgate.yml",
        format!("data: {{ path: train.csv, test: test.csv, target: y, {section} checks: [{checks}] }}"),
    );
    world.check(&[])
}

const CHECKS: [&str; 4] = ["duplicates", "conflicting_labels", "train_test_overlap", "near_duplicates"];

#[test]
fn a_named_id_is_left_out_of_what_compares_all_columns() {
    for check in &CHECKS[..3] {
        judge("id: [id, key],", check).exits(1);
    }
    // A near repeat is no equal row; both columns of ids are what makes these rows differ.
    assert_eq!(judge("id: [id, key],", "near_duplicates").exits(0).statuses(), "pass");
    for check in &CHECKS[..3] {
        judge("id: key,", &format!("{check}: {{ max_percent: 100 }}")).exits(0);
    }
}

#[test]
fn an_id_that_nobody_named_is_a_warning() {
    for check in &CHECKS[..3] {
        let ran = judge("", check).exits(0);
        let verdict = &ran.verdicts()[0];
        assert_eq!(verdict["status"], "warn", "{check}: {ran:#?}");
        assert_eq!(verdict["values"]["without"]["columns"], serde_json::json!(["id", "key"]));
        let message = verdict["message"].as_str().unwrap();
        assert!(
            message.starts_with("`id`, `key` look like ids that `data.id` does not name: without them, "),
            "{message}"
        );
        assert!(verdict["hint"].as_str().unwrap().contains("`data.id`"), "{verdict}");
        // Named alone, the other one still hides the repeats.
        let ran = judge("id: id,", check).exits(0);
        assert_eq!(ran.verdicts()[0]["values"]["without"]["columns"], serde_json::json!(["key"]), "{check}");
        assert!(judge("id: id,", &format!("{check}: {{ max_percent: 100 }}")).statuses() == "pass");
    }
}

#[test]
fn a_warning_blocks_where_warnings_do() {
    let world = World::new();
    world.write("train.csv", table(0..300, |_| 0));
    world.check(&["--data", "train.csv", "--max-duplicate-percent", "1", "--fail-on", "warn"]).exits(1);
}

#[test]
fn columns_that_are_named_are_compared_as_they_are() {
    let ran = judge("", "duplicates: { columns: [id, x] }").exits(0);
    assert_eq!(ran.verdicts()[0]["status"], "pass");
    // Other checks see the id.
    let ran = judge("id: [id, key],", "not_constant, unique: { columns: [id] }").exits(0);
    assert_eq!(ran.statuses(), "pass pass");
    assert!(ran.verdicts()[0]["values"]["id"].is_number(), "{ran:#?}");
}

#[test]
fn only_integers_and_text_of_a_hundred_rows_look_like_an_id() {
    let check = |csv: String| {
        let world = World::new();
        world.write("data.csv", csv);
        let ran = world.check(&["--data", "data.csv", "--max-duplicate-percent", "1"]);
        ran.statuses()
    };
    let rows =
        |of: &dyn Fn(u64) -> String, rows: u64| (0..rows).fold("id,x\n".to_owned(), |csv, row| csv + &of(row) + ",1\n");
    assert_eq!(check(rows(&|row| row.to_string(), 100)), "warn");
    assert_eq!(check(rows(&|row| row.to_string(), 99)), "pass");
    assert_eq!(check(rows(&|row| format!("{row}.5"), 300)), "pass");
    assert_eq!(check(rows(&|row| format!("2024-{:02}-{:02}", 1 + row / 28, 1 + row % 28), 300)), "pass");
    // 99 % of 300 rows are 297 values; 296 are fewer.
    assert_eq!(check(rows(&|row| row.min(296).to_string(), 300)), "warn");
    assert_eq!(check(rows(&|row| row.min(295).to_string(), 300)), "fail");
    // Without it nothing is left to compare.
    assert_eq!(check((0..300).fold("id\n".to_owned(), |csv, row| format!("{csv}{row}\n"))), "warn");
}

#[test]
fn an_id_that_is_no_column_is_an_error() {
    judge("id: custmer,", "duplicates").exits(3).saying("`data.id` names `custmer`, and no table has such a column");
    judge("id: idd,", "duplicates").exits(3).saying("did you mean `id`?");
    judge("id: [id, key, x, y2],", "duplicates").exits(3);
    judge("id: y,", "duplicates").exits(2).saying("data.id: `y` is the target");
    judge("id: [],", "duplicates").exits(2).saying("names no column");
    judge("id: [id, id],", "duplicates").exits(2).saying("`id` is named twice");
    judge("id: 3,", "duplicates").exits(2).saying("the name of a column, or a list of names");
    let ran = judge("id: [id, key, x],", "conflicting_labels").exits(3);
    assert_ne!(ran.verdicts()[0]["message"], Value::Null);
}

/// Twelve words that no other row has.
fn review(row: u64) -> String {
    (0..12).map(|word| format!("w{} ", (row * 7919 + word * 104_729) % 10_007)).collect::<String>() + &format!("r{row}")
}

fn judge_texts(checks: &str, header: &str, line: impl Fn(u64, u64) -> String) -> Ran {
    let world = World::new();
    for (file, first) in [("train.csv", 0), ("test.csv", 9000)] {
        let csv = (0..200).fold(format!("{header}\n"), |csv, row| csv + &line(first + row, row) + "\n");
        world.write(file, csv);
    }
    world.write("mlgate.yml", format!("data: {{ path: train.csv, test: test.csv, checks: [{checks}] }}"));
    world.check(&[])
}

#[test]
fn free_text_is_no_id() {
    // The same reviews under other ids.
    let ran = judge_texts("train_test_overlap", "id,review", |id, row| format!("{id},{}", review(row)));
    assert_eq!(ran.statuses(), "warn", "{ran:#?}");
    assert_eq!(ran.verdicts()[0]["values"]["without"]["columns"], serde_json::json!(["id"]));
    // Other reviews: there is nothing to warn of.
    let ran = judge_texts("duplicates, train_test_overlap", "id,review", |id, _| format!("{id},{}", review(id)));
    assert_eq!(ran.statuses(), "pass pass", "{ran:#?}");
}

#[test]
fn where_only_columns_like_ids_are_left_each_is_left_out_alone() {
    let ran = judge_texts("train_test_overlap", "id,link", |id, row| format!("{id},https://example.com/{row}"));
    assert_eq!(ran.statuses(), "warn", "{ran:#?}");
    assert_eq!(ran.verdicts()[0]["values"]["without"]["columns"], serde_json::json!(["id"]));
    let ran = judge_texts("train_test_overlap", "id", |id, _| id.to_string());
    assert_eq!(ran.statuses(), "warn", "{ran:#?}");
    assert!(ran.verdicts()[0]["message"].as_str().unwrap().ends_with("no column is left to compare"), "{ran:#?}");
}
