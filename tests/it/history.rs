//! What earlier runs had: in a file, in check runs, and what `anomaly` makes of it.

use serde_json::json;

use crate::github::{MERGE, Repository, act};
use crate::world::World;

const CONFIG: &str = "data: { path: data.csv, checks: [anomaly: { statistic: row_count, min_runs: 4 }] }";

fn rows(count: usize) -> String {
    format!("a\n{}", "1\n".repeat(count))
}

#[test]
fn half_the_usual_rows_are_an_anomaly_once_there_are_runs_enough() {
    let world = World::new();
    world.write("mlgate.yml", CONFIG);
    for (count, said) in [
        (100, "4 more runs are needed"),
        (102, "3 more runs are needed"),
        (98, "2 more runs are needed"),
        (101, "1 more run is needed"),
    ] {
        world.write("data.csv", rows(count));
        let ran = world.check(&["--history", "runs.jsonl"]).exits(0).saying(said);
        assert_eq!(ran.statuses(), "warn");
    }
    world.write("data.csv", rows(99));
    assert_eq!(world.check(&["--history", "runs.jsonl"]).exits(0).statuses(), "pass");
    world.write("data.csv", rows(50));
    let ran = world.check(&["--history", "runs.jsonl"]).exits(1).saying("is 50: 100 is usual");
    assert_eq!(ran.verdicts()[0]["values"]["past"], json!([100.0, 102.0, 98.0, 101.0, 99.0]));
    assert_eq!(world.read("runs.jsonl").lines().count(), 6);
}

#[test]
fn a_run_without_the_check_takes_nothing_from_its_past() {
    let world = World::new();
    world.write("mlgate.yml", CONFIG).write("data.csv", rows(100));
    for _ in 0..4 {
        world.check(&["--history", "runs.jsonl"]).exits(0);
    }
    world.write("other.yml", "data: { path: data.csv, checks: [row_count: { min: 1 }] }");
    world.check(&["--config", "other.yml", "--history", "runs.jsonl"]).exits(0);
    world.write("data.csv", rows(20));
    world.check(&["--history", "runs.jsonl"]).exits(1);
}

#[test]
fn a_history_that_is_none_is_said_and_kept() {
    for (text, said) in [("nonsense\n", "holds no run in line 1"), ("{}\n", "holds no run in line 1")] {
        let world = World::new();
        world.write("mlgate.yml", CONFIG).write("data.csv", rows(9)).write("runs.jsonl", text);
        world.check(&["--history", "runs.jsonl"]).exits(3).saying(said);
        assert_eq!(world.read("runs.jsonl"), text);
    }
}

#[test]
fn a_branch_remembers_its_numbers_in_its_check_run() {
    let repository = Repository::new(json!({ "refs": { "main": MERGE }, "commits": { MERGE: { "parents": [] } } }));
    let world = World::new();
    world.write("mlgate.yml", CONFIG).write("data.csv", rows(100));
    let world = repository.runs(world, "schedule", &json!({}));
    for run in ["1", "2", "3", "4"] {
        let mut command = world.command(&[]);
        world.finish(command.env("GITHUB_RUN_ID", run)).exits(0);
    }
    world.write("data.csv", rows(10));
    let ran = act(&world, &[]).exits(1);
    assert_eq!(ran.verdicts()[0]["values"]["past"], json!([100.0, 100.0, 100.0, 100.0]));
    repository.is_as_described();
}
