//! Parquet footers that lie (tests/oracle/lying.py), and when they are believed.

use serde_json::json;

use crate::action::{act, runner};
use crate::world::{Ran, World, data};

const CHECKS: &str = "- row_count: { min: 2000 }
- schema: { required: { age: integer, income: float } }
- missing_values: { max_percent: 1 }
- range: { column: age, min: 0, max: 120 }";

/// Each of these checks by itself: only footers could answer it.
const ALONE: [&str; 4] = [
    "row_count: { min: 2000 }",
    "schema: { required: { age: integer } }",
    "missing_values: { columns: [age], max_percent: 1 }",
    "range: { column: age, min: 0, max: 120 }",
];

fn world(file: &str, checks: &str) -> World {
    let world = World::new();
    let checks: String = checks.lines().map(|line| format!("    {line}\n")).collect();
    world.write(
        "mlgate.yml",
        format!("data:\n  path: {}\n  target: y\n  checks:\n{checks}", data(&format!("lying/{file}.parquet"))),
    );
    world
}

/// An Action run of a pull request over one of the files.
fn proposed(file: &str, checks: &str, inputs: &[(&str, &str)]) -> Ran {
    let world = runner(inputs).variable("GITHUB_EVENT_NAME", "pull_request");
    world.copy(data(&format!("lying/{file}.parquet")), "workspace/table.parquet");
    let checks: String = checks.lines().map(|line| format!("    {line}\n")).collect();
    world.write("workspace/mlgate.yml", format!("data:\n  path: table.parquet\n  target: y\n  checks:\n{checks}"));
    act(&world)
}

#[test]
fn a_proposals_footer_is_not_believed() {
    for (file, check, said) in [
        ("bounds", 3, "the footer of `table.parquet` states 18 as the minimum of `age`; the data contain -999"),
        ("nulls", 2, "the footer of `table.parquet` states 0 nulls in `age`; the data contain 437"),
        ("both", 3, "the data contain"),
        ("both", 2, "the data contain"),
        ("both", 1, "the data contain"),
        ("both", 0, "the data contain"),
        ("rows", 0, "the footer of `table.parquet` states 5,000 rows; the data contain 1,000"),
        ("rows", 1, "the footer of `table.parquet` states 5,000 rows; the data contain 1,000"),
        ("pages", 1, "could not be read"),
        ("pages", 0, "could not be read"),
    ] {
        let ran = proposed(file, &format!("- {}", ALONE[check]), &[]);
        assert_eq!((ran.exit, ran.statuses().as_str()), (3, "error"), "{file} {check}: {ran:#?}");
        ran.saying(said);
    }
}

#[test]
fn one_lie_costs_all_verdicts_of_the_table() {
    let ran = proposed("both", &format!("{CHECKS}\n- duplicates: {{ columns: [income, y], max_percent: 100 }}"), &[]);
    assert_eq!((ran.exit, ran.statuses().as_str()), (3, "error error error error error"), "{ran:#?}");
}

#[test]
fn an_honest_proposal_is_judged_by_its_data() {
    let ran = proposed("honest", CHECKS, &[]);
    assert_eq!((ran.exit, ran.statuses().as_str()), (1, "fail pass pass pass"), "{ran:#?}");
    assert!(!ran.says("from the footer"), "{ran:#?}");
    assert!(ran.verdicts().iter().all(|verdict| verdict["basis"].is_null()), "{ran:#?}");
}

#[test]
fn a_verdict_says_that_it_rests_on_the_footer() {
    let ran = world("honest", &format!("{CHECKS}\n- range: {{ column: income, min: 0, max: 50 }}")).check(&[]).exits(1);
    let bases: Vec<_> = ran.verdicts().iter().map(|verdict| verdict["basis"].clone()).collect();
    // The last range is breached: only the data say how often, and then the rows are counted, too.
    assert_eq!(bases, [json!(null), json!(null), json!(null), json!(null), json!(null)], "{ran:#?}");
    let ran = world(
        "honest",
        "- missing_values: { columns: [age], max_percent: 1 }\n- range: { column: age, min: 0, max: 120 }",
    )
    .check(&[]);
    let ran = ran.exits(0).saying("(from the footer)");
    let bases: Vec<_> = ran.verdicts().iter().map(|verdict| verdict["basis"].clone()).collect();
    assert_eq!(bases, [json!("footer"), json!("footer")], "{ran:#?}");
}

#[test]
fn the_input_says_when_footers_are_believed() {
    let range = "- range: { column: age, min: 0, max: 120 }";
    world("bounds", range).check(&[]).exits(0).saying("(from the footer)");
    world("bounds", range).check(&["--trust-footers=always"]).exits(0).saying("(from the footer)");
    world("bounds", range).check(&["--trust-footers=never"]).exits(3).saying("the data contain -999");
    proposed("bounds", range, &[("trust-footers", "always")]).exits(0).saying("(from the footer)");
    proposed("bounds", range, &[("trust-footers", "never")]).exits(3).saying("the data contain -999");
    proposed("bounds", range, &[("trust-footers", "sometimes")]).exits(2);
}

#[test]
fn what_is_decoded_anyway_is_compared() {
    // Nothing of `age` is asked but its duplicates: the footer's bounds answer another entry.
    let checks = "- range: { column: age, min: 0, max: 120 }\n- unique: { columns: [age] }";
    let ran = world("bounds", checks).check(&["--trust-footers=always"]).exits(3).saying("the data contain -999");
    assert_eq!(ran.statuses(), "error error");
    let checks = "- range: { column: age, min: 0, max: 120 }\n- expression: { sql: 'income >= 0' }";
    world("bounds", checks).check(&[]).exits(0);
}

#[test]
fn times_are_read_in_the_unit_that_they_are_stored_in() {
    // pyarrow stores another unit than it names in the Arrow schema beside it. All values lie in 2024.
    for file in ["ns_as_ms", "ns_as_us", "us_as_ms"] {
        let judge = |range: &str| format!("- range: {{ column: when, {range} }}");
        world(file, &judge("max: 2020-01-01")).check(&[]).exits(1);
        world(file, &judge("min: 2024-01-01, max: 2024-12-31")).check(&[]).exits(0).saying("(from the footer)");
        let decoded = world(file, &judge("min: 2024-01-01, max: 2024-12-31")).check(&["--trust-footers=never"]);
        decoded.exits(0);
        proposed(file, &judge("min: 2024-01-01, max: 2024-12-31"), &[]).exits(0);
    }
}

#[test]
fn a_column_that_is_said_to_be_sorted_is_read_all_the_same() {
    // One training row is later than the test rows; Polars takes the last one's word for it.
    let world = World::new();
    world.copy(data("lying/sorted.parquet"), "training.parquet");
    world.write("test.csv", "when,age,y\n2026-03-01T00:00:00,20,0\n2026-03-02T00:00:00,30,1\n");
    world.write(
        "mlgate.yml",
        "data:\n  path: training.parquet\n  test: test.csv\n  target: y\n  checks:\n    - time_leakage: { column: when }\n",
    );
    world.check(&[]).exits(1).saying("2026-07-20");
}

#[test]
fn a_file_of_kilobytes_that_holds_gigabytes_is_an_error() {
    // 4 GB in 90 kB.
    let checks = "- duplicates: { columns: [text], max_percent: 100 }\n- row_count: { min: 1 }";
    let ran = world("bomb", checks).check(&[]).exits(3).saying("raise `max-memory`");
    assert_eq!(ran.statuses(), "error pass", "{ran:#?}");
    proposed("bomb", "- row_count: { min: 1 }", &[]).exits(3).saying("raise `max-memory`");
    // Its footer says 127 bytes; the pages say what they are.
    proposed("hidden_bomb", "- row_count: { min: 1 }", &[]).exits(3).saying("raise `max-memory`");
}

#[test]
fn an_arrow_file_of_a_proposal_is_decoded_too() {
    let file = std::fs::read(data("plain.arrow")).unwrap();
    let judge = |bytes: &[u8]| {
        let world = runner(&[]).variable("GITHUB_EVENT_NAME", "pull_request");
        world.write("workspace/table.arrow", bytes);
        world.write("workspace/mlgate.yml", "data:\n  path: table.arrow\n  checks:\n    - row_count: { min: 1 }\n");
        act(&world)
    };
    let honest = judge(&file).exits(0);
    let rows = honest.verdicts()[0]["observed"].as_f64().unwrap();
    let length = (rows as i64).to_le_bytes();
    // Where the batch says how long it is, it says ten times as much.
    let lies: Vec<usize> =
        file.windows(8).enumerate().filter(|(_, window)| *window == length).map(|(at, _)| at).collect();
    let mut believed = 0;
    for at in lies {
        let mut lying = file.clone();
        lying[at..at + 8].copy_from_slice(&(rows as i64 * 10).to_le_bytes());
        let ran = judge(&lying);
        believed += usize::from(ran.exit == 0 && ran.verdicts()[0]["observed"].as_f64() != Some(rows));
    }
    assert_eq!(believed, 0);
}
