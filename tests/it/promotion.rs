//! A promotion is several slow calls: what a registry that is slow, away or wrong makes of it.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::rollout::{Toy, begun, came_to, rollout};
use crate::toy_mlflow::{ToyMlflow, judged};
use crate::world::World;

/// A world whose registry is this one, with the journal in a file.
pub fn registered(toy: &Toy, mlflow: &ToyMlflow, strategy: &str) -> World {
    let world = toy.world(&format!("{strategy}\n  registry: {{ mlflow: {{ promote: champion, keep: previous }} }}"));
    let mut report: Value = serde_json::from_str(&world.read("report.json")).unwrap();
    report["model"]["sha256"] = json!(judged());
    world.write("report.json", report.to_string());
    world.variable("MLFLOW_TRACKING_URI", mlflow.uri())
}

/// Waits until something holds.
#[track_caller]
pub fn until(what: &str, holds: impl Fn() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(20), "not within 20 s: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_slow_registry_promotes_and_rolls_back() {
    let (toy, mlflow) = (Toy::start([0.005, 0.005]), ToyMlflow::start());
    mlflow.set(|inner| inner.delay_ms = 1_000);
    let world = registered(&toy, &mlflow, "direct");
    rollout(&world, &[]).exits(0);
    assert_eq!((mlflow.alias("champion").as_deref(), mlflow.alias("previous").as_deref()), (Some("8"), Some("7")));
    world.run(&["rollback"]).exits(0);
    assert_eq!((mlflow.alias("champion").as_deref(), toy.candidate()), (Some("7"), 0));
}

#[test]
fn a_hiccup_of_the_registry_does_not_roll_a_healthy_candidate_back() {
    for failing in ["MLmodel", "POST /api/2.0/mlflow/registered-models/alias", "model-versions/set-tag"] {
        let (toy, mlflow) = (Toy::start([0.005, 0.005]), ToyMlflow::start());
        let world = registered(&toy, &mlflow, "direct");
        let mut child = begun(&toy, &world);
        until("the candidate has all of the traffic", || toy.candidate() == 100);
        mlflow.set(|inner| inner.failing = vec![(failing, 4)]);
        assert_eq!(child.wait().unwrap().code(), Some(0), "{failing}: {:#}", came_to(&world));
        assert_eq!((toy.history(), mlflow.alias("champion").as_deref()), (vec![100], Some("8")), "{failing}");
    }
}

#[test]
fn another_model_than_was_judged_is_not_promoted() {
    let (toy, mlflow) = (Toy::start([0.005, 0.005]), ToyMlflow::start());
    let world = registered(&toy, &mlflow, "direct");
    let mut child = begun(&toy, &world);
    until("the candidate has all of the traffic", || toy.candidate() == 100);
    mlflow.set(|inner| inner.model = "swapped while it goes out".into());
    assert_eq!(child.wait().unwrap().code(), Some(1), "{:#}", came_to(&world));
    assert_eq!((toy.candidate(), mlflow.alias("champion").as_deref()), (0, Some("7")));
    assert!(came_to(&world)["reason"].as_str().unwrap().contains("does not serve the model that was judged"));
}

#[test]
fn the_candidate_is_evaluated_while_its_model_is_read_again() {
    let (toy, mlflow) = (Toy::start([0.005, 0.005]), ToyMlflow::start());
    let world = registered(&toy, &mlflow, "direct");
    let mut child = begun(&toy, &world);
    until("the candidate has all of the traffic", || toy.candidate() == 100);
    mlflow.set(|inner| inner.asked.clear()).set(|inner| inner.slow = Some(("MLmodel", 2_500)));
    until("the model is read", || mlflow.was_asked("MLmodel"));
    toy.set(|inner| inner.errors[1] = 0.9);
    assert_eq!(child.wait().unwrap().code(), Some(1), "{:#}", came_to(&world));
    assert_eq!((toy.candidate(), mlflow.alias("champion").as_deref()), (0, Some("7")));
    assert_eq!(came_to(&world)["result"], "rolled_back");
}

#[test]
fn a_promotion_that_fails_is_undone_and_a_later_run_finishes_that() {
    let (toy, mlflow) = (Toy::start([0.005, 0.005]), ToyMlflow::start());
    let world = registered(&toy, &mlflow, "direct");
    let mut child = begun(&toy, &world);
    until("the candidate has all of the traffic", || toy.candidate() == 100);
    mlflow.goes_away_for(3_600.0);
    assert_eq!(child.wait().unwrap().code(), Some(3), "{:#}", came_to(&world));
    // Stable's traffic waits for no registry.
    assert_eq!((toy.candidate(), &came_to(&world)["result"]), (0, &json!("aborted")));
    mlflow.set(|inner| inner.away_until = None);
    mlflow.set(|inner| drop(inner.aliases.insert("champion".into(), "8".into())));
    mlflow.set(|inner| drop(inner.tags.insert("mlgate.previous_version".into(), "7".into())));
    // At once, and not after `heartbeat_seconds`.
    world.run(&["watch"]).exits(1);
    assert_eq!((toy.candidate(), mlflow.alias("champion").as_deref()), (0, Some("7")));
}

/// Killed after any request of a promotion, alias and traffic never stay apart: the next run finishes or undoes it.
#[test]
fn killed_within_a_promotion_it_is_finished_or_undone() {
    let mut kills = 0;
    for at in 1.. {
        let (toy, mlflow) = (Toy::start([0.005, 0.005]), ToyMlflow::start());
        let world = registered(&toy, &mlflow, "direct");
        let mut child = begun(&toy, &world);
        until("the candidate has all of the traffic", || toy.candidate() == 100);
        mlflow.set(|inner| inner.kill_after = Some((at, child.id())));
        if child.wait().unwrap().code().is_some() {
            break;
        }
        kills += 1;
        let found = || (mlflow.alias("champion"), toy.candidate());
        let before = found();
        let (promoted, restored) = ((Some("8".to_owned()), 100), (Some("7".to_owned()), 0));
        if at % 2 == 0 {
            rollout(&world, &[]).exits(0);
            assert_eq!(found(), promoted, "killed after {at}, at {before:?}");
        } else {
            thread::sleep(Duration::from_millis(1_050));
            let ran = world.run(&["watch"]);
            let wanted = if ran.exit == 0 { promoted } else { restored };
            assert!(ran.exit < 2 && found() == wanted, "killed after {at}, at {before:?}: {ran:#?}");
        }
        assert_eq!(mlflow.alias("previous").unwrap_or("7".to_owned()), "7");
    }
    assert!(kills > 8, "{kills}");
}
