//! What earlier runs had: in a file, in check runs, and what `anomaly` makes of it.

use serde_json::json;

use crate::action::{self, runner};
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

#[test]
fn a_run_that_could_not_judge_leaves_what_was_known() {
    let repository = Repository::new(json!({ "refs": { "main": MERGE }, "commits": { MERGE: { "parents": [] } } }));
    let world = World::new();
    world.write("mlgate.yml", CONFIG).write("data.csv", rows(100));
    let world = repository.runs(world, "schedule", &json!({}));
    let run = |id: &str| world.finish(world.command(&[]).env("GITHUB_RUN_ID", id));
    for id in ["1", "2", "3", "4"] {
        run(id).exits(0);
    }
    world.write("mlgate.yml", "data: { chekcs: [] }");
    run("5").exits(2);
    world.write("mlgate.yml", CONFIG).write("data.csv", rows(10));
    run("6").exits(1);
}

#[test]
fn nothing_is_kept_through_a_link_that_somebody_else_made() {
    let world = runner(&[("history", "k/runs.jsonl"), ("save-profile", "k/p.profile.json"), ("min-rows", "1")]);
    world.write("workspace/k/a", "").write("victim", "untouched");
    let config = [("data", "data.csv")];
    let world = config
        .iter()
        .fold(world, |world, (name, value)| world.variable(&format!("INPUT_{}", name.to_uppercase()), value));
    for name in ["runs.jsonl.new", "p.profile.json.new", "runs.jsonl"] {
        std::os::unix::fs::symlink(world.path("victim"), world.path(&format!("workspace/k/{name}"))).unwrap();
    }
    action::act(&world).exits(2).saying("k/runs.jsonl");
    std::fs::remove_file(world.path("workspace/k/runs.jsonl")).unwrap();
    action::act(&world).exits(0);
    assert_eq!(world.read("victim"), "untouched");
    assert!(world.read("workspace/k/p.profile.json").starts_with("{\"profile_version\":1"));
    assert!(world.path("workspace/k/runs.jsonl").symlink_metadata().unwrap().is_file());
}

#[test]
fn a_profile_that_could_not_be_saved_is_an_error_and_leaves_no_old_one() {
    let world = World::new();
    world.write("old.profile.json", "old");
    let ran =
        world.check(&["--data", "nope.parquet", "--min-rows", "1", "--save-profile", "old.profile.json"]).exits(3);
    assert_eq!(ran.statuses(), "error error");
    assert!(!world.path("old.profile.json").exists());
}

#[test]
fn infinite_values_are_no_usual_mean() {
    let world = World::new();
    world.write("mlgate.yml", "data: { path: data.csv, checks: [anomaly: { statistic: max, column: a }] }");
    world.write("data.csv", "a\n1.5\ninf\n");
    world.check(&["--history", "runs.jsonl"]).exits(3).saying("`a` is infinite in 1 row");
}

#[test]
fn each_number_has_its_trend() {
    let world = World::new();
    world.write("mlgate.yml", "data: { path: data.csv, checks: [row_count: { min: 1000 }] }");
    for count in [10, 20, 30, 20] {
        world.write("data.csv", rows(count));
        let ran = world.check(&["--history", "runs.jsonl"]).exits(1);
        assert_eq!(ran.markdown.contains("▁▅█▅"), count == 20 && world.read("runs.jsonl").lines().count() == 4);
    }
}
