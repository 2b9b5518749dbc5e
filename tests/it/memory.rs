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
