//! Release after release: what was promoted is stable for the next rollout, in the slot that it has.

use std::fs;
use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::endpoint::{Answer, Served};
use crate::promotion::{registered, until};
use crate::rollout::{KEY, Toy, begun, came_to, rollout};
use crate::toy_mlflow::ToyMlflow;
use crate::world::{Ran, World};

pub const CANARY: &str = "canary\n  steps: [10]";

/// The gate lets another version out, and its server is deployed to the idle slot.
pub fn gated(world: &World, version: &str) {
    let mut report: Value = serde_json::from_str(&world.read("report.json")).unwrap();
    report["model"]["version"] = json!(version);
    world.write("report.json", report.to_string());
}

pub fn release(world: &World, version: &str) -> Ran {
    gated(world, version);
    rollout(world, &[])
}

pub fn journal(world: &World) -> Value {
    serde_json::from_str(&world.read("journal.json")).unwrap_or_default()
}

/// Which slot has all of the traffic.
#[track_caller]
pub fn serves(toy: &Toy, slot: &str) {
    assert_eq!(
        toy.candidate(),
        if slot == "candidate" { 100 } else { 0 },
        "{slot} does not serve: {:?}",
        toy.weights()
    );
}

/// As HAProxy comes up again: with the weights of its own file.
fn restart(toy: &Toy) {
    toy.set(|inner| (inner.weights, inner.since) = (inner.initial, Instant::now()));
}

/// Steps that take long.
fn slowly(world: &World) {
    world.write("mlgate.yml", world.read("mlgate.yml").replace("step_seconds: 0.3", "step_seconds: 60"));
}

/// A rollout of version 9 after version 8, killed in its first step, with 10 % in the slot `stable`.
pub fn killed_in_the_second(toy: &Toy, world: &World) {
    release(world, "8").exits(0);
    let config = world.read("mlgate.yml");
    slowly(world);
    gated(world, "9");
    let mut child = begun(toy, world);
    until("the slot `stable` has 10 %", || toy.candidate() == 90);
    thread::sleep(Duration::from_millis(400));
    child.kill().unwrap();
    child.wait().unwrap();
    world.write("mlgate.yml", config);
    thread::sleep(Duration::from_millis(1_050));
}

/// Another router in the place of HAProxy, whose weights are the toy's.
fn behind(toy: &Toy, world: &World, router: &str) {
    let config = world.read("mlgate.yml");
    let line = config.lines().find(|line| line.contains("router:")).unwrap();
    world.write("mlgate.yml", config.replace(line, &format!("  router: {router}")));
    toy.set(|inner| inner.weights = [100, 0]);
}

pub fn webhook(toy: &Toy, world: &World) -> Arc<Served> {
    let own = toy.clone();
    let served = Arc::new(Served::start(move |request| {
        if request.head.starts_with("PUT") {
            let body: Value = serde_json::from_str(&request.body).unwrap();
            own.set(|inner| inner.weights = ["stable", "candidate"].map(|slot| body[slot].as_u64().unwrap()));
            return Answer::json("{}");
        }
        let [stable, candidate] = own.weights();
        Answer::json(&json!({ "stable": stable, "candidate": candidate }).to_string())
    }));
    behind(toy, world, &format!("{{ webhook: {{ url: '{}' }} }}", served.url()));
    served
}

/// An Envoy that has the routes of a file at once.
fn envoy(toy: &Toy, world: &World) -> Arc<Served> {
    let routes: PathBuf = world.path("rds.yaml");
    world.write("rds.yaml", "resources:\n- name: r\n  virtual_hosts:\n  - routes:\n    - { match: {prefix: /}, route: {cluster: stable} }\n");
    let own = toy.clone();
    let served = Arc::new(Served::start(move |_| {
        let live: Value = serde_yaml::from_str(&fs::read_to_string(&routes).unwrap()).unwrap();
        let clusters = &live["resources"][0]["virtual_hosts"][0]["routes"][0]["route"]["weighted_clusters"]["clusters"];
        if let Some(clusters) = clusters.as_array() {
            let weight =
                |slot: &str| clusters.iter().find(|own| own["name"] == slot).unwrap()["weight"].as_u64().unwrap();
            own.set(|inner| inner.weights = ["stable", "candidate"].map(weight));
        }
        Answer::json(&json!({ "configs": [live] }).to_string())
    }));
    let admin = served.url().replace("/invocations", "");
    behind(
        toy,
        world,
        &format!("{{ envoy: {{ routes: rds.yaml, admin: '{admin}', stable: stable, candidate: candidate }} }}"),
    );
    served
}

/// Three releases, and back to the second.
fn three_in_a_row(toy: &Toy, mlflow: Option<&ToyMlflow>, world: &World) {
    let is_champion = |version: &str| {
        if let Some(mlflow) = mlflow {
            assert_eq!(mlflow.alias("champion").as_deref(), Some(version));
        }
    };
    for (version, slot, idle) in
        [("8", "candidate", "stable"), ("9", "stable", "candidate"), ("10", "candidate", "stable")]
    {
        release(world, version).exits(0).saying("promoted: every stage was within its limits");
        serves(toy, slot);
        is_champion(version);
        let slots = json!({ "stable": idle, "candidate": slot, "production": slot, "idle": idle });
        assert_eq!(came_to(world)["slots"], slots);
        world.run(&["watch"]).exits(0).saying("in order");
        let status = world.run(&["status", "--json"]).exits(0);
        assert_eq!(serde_json::from_str::<Value>(&status.stdout).unwrap()["slots"], slots);
    }
    // Again, nothing is moved.
    rollout(world, &[]).exits(0).saying("it is in production already");
    serves(toy, "candidate");
    for _ in 0..2 {
        world.run(&["rollback"]).exits(0).saying("traffic: done");
        serves(toy, "stable");
        is_champion("9");
    }
    // From there on with the next one, which is taken back.
    toy.set(|inner| inner.errors[1] = 0.9);
    release(world, "10").exits(1).saying("requests failed");
    serves(toy, "stable");
    is_champion("9");
}

#[test]
fn three_releases_in_a_row_at_haproxy() {
    let (toy, mlflow) = (Toy::start([0.005, 0.005]), ToyMlflow::start());
    three_in_a_row(&toy, Some(&mlflow), &registered(&toy, &mlflow, CANARY));
    let toy = Toy::start([0.005, 0.005]);
    three_in_a_row(&toy, None, &toy.world("blue_green\n").variable("MLGATE_JOURNAL_KEY", KEY));
}

#[test]
fn three_releases_in_a_row_at_a_webhook() {
    let (toy, mlflow) = (Toy::start([0.005, 0.005]), ToyMlflow::start());
    let world = registered(&toy, &mlflow, CANARY);
    let _served = webhook(&toy, &world);
    three_in_a_row(&toy, Some(&mlflow), &world);
    let toy = Toy::start([0.005, 0.005]);
    let world = toy.world(CANARY).variable("MLGATE_JOURNAL_KEY", KEY);
    let _served = webhook(&toy, &world);
    three_in_a_row(&toy, None, &world);
}

#[test]
fn three_releases_in_a_row_at_envoy() {
    let (toy, mlflow) = (Toy::start([0.005, 0.005]), ToyMlflow::start());
    let world = registered(&toy, &mlflow, CANARY);
    let _served = envoy(&toy, &world);
    three_in_a_row(&toy, Some(&mlflow), &world);
}

#[test]
fn a_bad_second_release_goes_back_to_the_first() {
    let toy = Toy::start([0.005, 0.005]);
    let world = toy.world(CANARY);
    release(&world, "8").exits(0);
    gated(&world, "9");
    // The preflight gives the weights the order of the next release, and production is watched all the same.
    rollout(&world, &["--dry-run"]).exits(0).saying("stable is slot `candidate`");
    assert_eq!(toy.weights(), [0, 200]);
    world.run(&["watch"]).exits(0).saying("in order");
    toy.set(|inner| inner.errors[0] = 0.5);
    release(&world, "9").exits(1).saying("rolled back").saying("traffic: done");
    serves(&toy, "candidate");
    assert_eq!((toy.weights(), &journal(&world)["stable_slot"]), ([0, 200], &json!("candidate")));
    toy.set(|inner| inner.errors[0] = 0.005);
    release(&world, "9").exits(0);
    serves(&toy, "stable");
}

#[test]
fn a_second_release_that_nobody_carries_on_goes_back_to_the_first() {
    let toy = Toy::start([0.005, 0.005]);
    let world = toy.world(CANARY);
    killed_in_the_second(&toy, &world);
    world.run(&["watch"]).exits(1).saying("nobody carries it on");
    serves(&toy, "candidate");
    // Or is resumed.
    let toy = Toy::start([0.005, 0.005]);
    let world = toy.world(CANARY);
    killed_in_the_second(&toy, &world);
    rollout(&world, &[]).exits(0);
    serves(&toy, "stable");
}

#[test]
fn a_restart_after_the_second_release_is_repaired() {
    let toy = Toy::start([0.005, 0.005]);
    // Its own file names the other slot.
    toy.set(|inner| inner.initial = [0, 100]);
    let world = toy.world(CANARY).variable("MLGATE_JOURNAL_KEY", KEY);
    release(&world, "8").exits(0);
    release(&world, "9").exits(0);
    serves(&toy, "stable");
    restart(&toy);
    serves(&toy, "candidate");
    release(&world, "10").exits(3).saying("the router was restarted").saying("`mlgate watch`");
    world.run(&["watch"]).exits(0).saying("lost the weights of version `9`: it has all of the traffic again");
    serves(&toy, "stable");
    world.run(&["watch"]).exits(0).saying("in order");
}

#[test]
fn a_restart_after_a_second_release_was_taken_back_is_repaired() {
    let toy = Toy::start([0.005, 0.005]);
    let world = toy.world(CANARY).variable("MLGATE_JOURNAL_KEY", KEY);
    release(&world, "8").exits(0);
    toy.set(|inner| inner.errors[0] = 0.5);
    release(&world, "9").exits(1);
    serves(&toy, "candidate");
    // Now its own file gives all of the traffic to the version that was taken back.
    restart(&toy);
    serves(&toy, "stable");
    release(&world, "10").exits(3).saying("the router was restarted");
    world.run(&["watch"]).exits(0).saying("had lost stable's weights: stable has all of the traffic again");
    serves(&toy, "candidate");
    world.run(&["watch"]).exits(0).saying("there is nothing to watch");
}

/// Killed after any request of its second release, the first one or the second has all of the traffic in the end.
#[test]
fn killed_at_any_point_of_a_second_release() {
    let mut kills = 0;
    for at in (1..).step_by(23) {
        let toy = Toy::start([0.005, 0.005]);
        let world = toy.world(CANARY).variable("MLGATE_JOURNAL_KEY", KEY);
        release(&world, "8").exits(0);
        gated(&world, "9");
        toy.set(|inner| inner.kill_at = Some(inner.answered + at));
        let mut child = begun(&toy, &world);
        let mut said = String::new();
        child.stdout.take().unwrap().read_to_string(&mut said).unwrap();
        if child.wait().unwrap().code().is_some() {
            break;
        }
        kills += 1;
        let found = journal(&world);
        if kills % 2 == 0 {
            rollout(&world, &[]).exits(0);
            serves(&toy, "stable");
            assert_eq!(journal(&world)["version"], "9", "killed after {at}");
        } else {
            let is_promoted = found["version"] == "9" && found["state"]["ended"]["outcome"] == "promoted";
            thread::sleep(Duration::from_millis(1_050));
            let ran = world.run(&["watch"]);
            let is_begun = found["version"] == "9";
            assert_eq!(ran.exit, i32::from(is_begun && !is_promoted), "killed after {at}: {ran:#?}");
            serves(&toy, if is_promoted { "stable" } else { "candidate" });
        }
    }
    assert!(kills > 7, "{kills}");
}

#[test]
fn the_log_of_predictions_is_the_candidates_of_each_release() {
    let toy = Toy::start([0.005, 0.005]);
    let log = "\n  log:\n    path: \"{{arm}}.csv\"\n    checks:\n      - range: { column: prediction, min: 0, max: 1 }";
    let world = toy.world(&format!("{CANARY}{log}"));
    let good: String = (0..100).map(|at| format!("{at},0.5\n")).collect();
    world.write("candidate.csv", format!("id,prediction\n{good}"));
    // What stable predicts is not looked at.
    let bad = format!("id,prediction\n{}", good.replace("0.5", "7"));
    world.write("stable.csv", &bad);
    release(&world, "8").exits(0);
    release(&world, "9").exits(1).saying("in the log of predictions");
    serves(&toy, "candidate");
    world.write("stable.csv", format!("id,prediction\n{good}"));
    world.write("candidate.csv", &bad);
    release(&world, "9").exits(0);
    serves(&toy, "stable");
}

/// Killed after any request of the promotion of a second release, alias and traffic never stay apart.
#[test]
fn killed_within_the_promotion_of_a_second_release() {
    let mut kills = 0;
    for at in (1..).step_by(3) {
        let (toy, mlflow) = (Toy::start([0.005, 0.005]), ToyMlflow::start());
        let world = registered(&toy, &mlflow, "direct");
        release(&world, "8").exits(0);
        gated(&world, "9");
        let mut child = begun(&toy, &world);
        until("the slot `stable` has all of the traffic", || toy.candidate() == 0);
        mlflow.set(|inner| inner.kill_after = Some((at, child.id())));
        if child.wait().unwrap().code().is_some() {
            break;
        }
        kills += 1;
        let found = || (mlflow.alias("champion"), toy.candidate());
        let before = found();
        let (promoted, restored) = ((Some("9".to_owned()), 0), (Some("8".to_owned()), 100));
        if kills % 2 == 0 {
            rollout(&world, &[]).exits(0);
            assert_eq!(found(), promoted, "killed after {at}, at {before:?}");
        } else {
            thread::sleep(Duration::from_millis(1_050));
            let ran = world.run(&["watch"]);
            let wanted = if ran.exit == 0 { promoted } else { restored };
            assert!(ran.exit < 2 && found() == wanted, "killed after {at}, at {before:?}: {ran:#?}");
        }
    }
    assert!(kills > 3, "{kills}");
}
