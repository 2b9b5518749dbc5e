//! Journals that are gone, registries that are away, operators at the router: stable comes back without them, and what a
//! person did stays.

use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::action::act;
use crate::github::{HEAD, MERGE};
use crate::promotion::{registered, until};
use crate::rollout::{Toy, action, begun, came_to, main_branch, on_github, post, rollout, sha256};
use crate::toy_mlflow::ToyMlflow;
use crate::world::World;

const PATH: &str = "mlgate/risk.rollout.json";

fn journal(world: &World) -> Value {
    serde_json::from_str(&world.read("journal.json")).unwrap_or_default()
}

fn slowly(world: &World) {
    world.write("mlgate.yml", world.read("mlgate.yml").replace("step_seconds: 0.3", "step_seconds: 60"));
}

fn kill(child: &mut std::process::Child) {
    child.kill().unwrap();
    child.wait().unwrap();
}

// --- a person rolls back

#[test]
fn a_person_rolls_back_while_the_registry_is_away() {
    let (toy, mlflow) = (Toy::start([0.005, 0.005]), ToyMlflow::start());
    let world = registered(&toy, &mlflow, "direct");
    world.write("mlgate.yml", world.read("mlgate.yml").replace("{ path: journal.json }", "{ mlflow: {} }"));
    rollout(&world, &[]).exits(0);
    mlflow.goes_away_for(3_600.0);
    let away = |arguments: &[&str]| {
        toy.set(|inner| inner.weights = [0, 100]);
        let ran = world.run(arguments).exits(3).saying("traffic: done").saying("registry: FAILED").saying("journal");
        assert!(ran.says("rolled back: a person rolled back; registry FAILED"), "{ran:#?}");
        assert_eq!(toy.candidate(), 0, "{ran:#?}");
    };
    away(&["rollback"]);
    away(&["rollback", "--to-version", "7"]);
    // Nor does it take an address of the registry, or one of Prometheus that can be resolved.
    toy.set(|inner| inner.weights = [0, 100]);
    let config = world.read("mlgate.yml");
    let prometheus = config.lines().find(|line| line.contains("prometheus:")).unwrap();
    world.write("mlgate.yml", config.replace(prometheus, "    prometheus: { url: 'http://prometheus.invalid:9090' }"));
    let ran = world.finish(world.command(&["rollback"]).env_remove("MLFLOW_TRACKING_URI"));
    ran.exits(3).saying("traffic: done").saying("nothing says where the MLflow server is");
    assert_eq!(toy.candidate(), 0);
    world.write("mlgate.yml", &config);
    // A later run finishes it.
    mlflow.set(|inner| inner.away_until = None);
    world.run(&["rollback"]).exits(0);
    assert_eq!((mlflow.alias("champion").as_deref(), &mlflow.journal()["is_settled"]), (Some("7"), &json!(true)));
}

#[test]
fn stables_traffic_waits_two_seconds_for_the_journal_at_most() {
    let (toy, mlflow) = (Toy::start([0.005, 0.005]), ToyMlflow::start());
    let world = registered(&toy, &mlflow, "direct");
    world.write("mlgate.yml", world.read("mlgate.yml").replace("{ path: journal.json }", "{ mlflow: {} }"));
    rollout(&world, &[]).exits(0);
    mlflow.set(|inner| inner.delay_ms = 1_500);
    let start = Instant::now();
    let mut child = world.command(&["rollback"]).stdout(std::process::Stdio::null()).spawn().unwrap();
    until("stable has its traffic", || toy.candidate() == 0);
    assert!(start.elapsed() < Duration::from_millis(3_500), "{:?}", start.elapsed());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!((mlflow.alias("champion").as_deref(), &mlflow.journal()["is_settled"]), (Some("7"), &json!(true)));
}

#[test]
fn a_rollback_without_a_key_leaves_the_journal_of_a_branch_alone() {
    let toy = Toy::start([0.005, 0.005]);
    let (repository, keyed) = on_github(&toy, "", main_branch());
    rollout(&keyed, &[]).exits(0);
    let writes = || repository.state()["writes"].as_array().unwrap().len();
    let before = writes();
    let keyless = keyed.finish(keyed.command(&["rollback"]).env_remove("MLGATE_JOURNAL_KEY"));
    keyless.exits(3).saying("traffic: done").saying("is not written without `journal-key`");
    assert_eq!((toy.candidate(), writes()), (0, before));
    rollout(&keyed, &[]).exits(0);
    assert_eq!(toy.candidate(), 100);
    repository.is_as_described();
}

// --- a journal that is lost

#[test]
fn without_a_journal_a_split_goes_back_to_stable() {
    let toy = Toy::start([0.005, 0.005]);
    let world = toy.world("canary");
    let run = |arguments: &[&str]| {
        toy.set(|inner| inner.weights = [70, 30]);
        world.run(arguments).exits(3).saying("stable has all of the traffic again");
        assert_eq!((toy.candidate(), &came_to(&world)["result"]), (0, &json!("aborted")));
    };
    let sha256 = sha256(&world);
    for text in [None, Some(""), Some("{\"schema_version\": 1, \"stra")] {
        if let Some(text) = text {
            world.write("journal.json", text);
        }
        run(&["watch"]);
        run(&["rollout"]);
    }
    run(&["rollout", "--report-sha256", &sha256]);
    // With all of the traffic at stable, a report that is verified anew begins anew.
    rollout(&world, &[]).exits(0).saying("begins anew");
    assert_eq!((toy.candidate(), &journal(&world)["is_settled"]), (100, &json!(true)));
}

#[test]
fn without_a_journal_a_champion_keeps_its_traffic() {
    let (toy, mlflow) = (Toy::start([0.005, 0.005]), ToyMlflow::start());
    let world = registered(&toy, &mlflow, "direct");
    rollout(&world, &[]).exits(0);
    world.write("journal.json", "{");
    let history = toy.history();
    // What the candidate serves is unknown.
    world.run(&["watch"]).exits(3).saying("nothing was moved").saying("mlgate rollback --to-version VERSION");
    let config = world.read("mlgate.yml");
    world.write("mlgate.yml", config.replace("{ name: risk }", "{ name: risk, version: \"8\" }"));
    world.run(&["watch"]).exits(0).saying("nothing was moved").saying("`champion` is version 8");
    mlflow.set(|inner| drop(inner.aliases.insert("champion".into(), "7".into())));
    world.run(&["watch"]).exits(3).saying("nothing was moved").saying("mlgate rollback --to-version VERSION");
    mlflow.goes_away_for(3_600.0);
    world.run(&["watch"]).exits(3).saying("nothing was moved");
    assert_eq!((toy.history(), toy.candidate()), (history, 100));
}

#[test]
fn a_journal_that_vanishes_during_a_rollout_ends_it_and_stable_is_restored() {
    for text in [None, Some(""), Some("{")] {
        let toy = Toy::start([0.005, 0.005]);
        let world = toy.world("canary\n  steps: [10, 50]");
        slowly(&world);
        let mut child = begun(&toy, &world);
        until("the candidate has 10 %", || toy.candidate() == 10);
        thread::sleep(Duration::from_millis(300));
        // What lands between mlgate's look and its own writing is written over: then nothing was lost, and it is lost again.
        let status = loop {
            match text {
                None => drop(std::fs::remove_file(world.path("journal.json"))),
                Some(text) => drop(world.write("journal.json", text)),
            }
            let since = Instant::now();
            while child.try_wait().unwrap().is_none() && since.elapsed() < Duration::from_secs(3) {
                thread::sleep(Duration::from_millis(10));
            }
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
        };
        assert_eq!(status.code(), Some(1), "{:#}", came_to(&world));
        let found = came_to(&world);
        assert_eq!((toy.candidate(), &found["result"]), (0, &json!("aborted")), "{found:#}");
        assert!(found["reason"].as_str().unwrap().contains("the journal was lost"), "{found:#}");
        assert_eq!(journal(&world)["is_settled"], true);
    }
}

#[test]
fn the_post_step_stays_armed_until_stable_is_restored() {
    let toy = Toy::start([0.005, 0.005]);
    let world = action(&toy, "push", &[]);
    // No journal, a split, and no router that takes anything.
    toy.set(|inner| inner.weights = [70, 30]);
    world.write("state", "rollout=under-way\n");
    toy.set(|inner| inner.is_down = true);
    act(&world).exits(3);
    assert!(!world.read("state").ends_with("rollout=\n"), "{}", world.read("state"));
    post(&world, "under-way").exits(3);
    toy.set(|inner| inner.is_down = false);
    post(&world, "under-way").exits(3).saying("stable has all of the traffic again");
    assert_eq!(toy.candidate(), 0);
    post(&world, "under-way").exits(0);
}

#[test]
fn a_file_that_a_branch_had_before_and_that_is_gone_is_lost() {
    let toy = Toy::start([0.005, 0.005]);
    let (repository, world) = on_github(&toy, "", main_branch());
    rollout(&world, &[]).exits(0);
    let tip = repository.state()["refs"]["mlgate-state"].as_str().unwrap().to_owned();
    let gone = "a".repeat(40);
    repository.setup(json!({
        "refs": { "mlgate-state": gone }, "commits": { &gone: { "parents": [tip] } }, "files": { &gone: { "mlgate.yml": "" } },
    }));
    world.run(&["watch"]).exits(3).saying("was removed").saying("nothing was moved");
    assert_eq!(toy.candidate(), 100);
    toy.set(|inner| inner.weights = [50, 50]);
    world.run(&["watch"]).exits(3).saying("stable has all of the traffic again");
    rollout(&world, &[]).exits(0).saying("begins anew");
    world.run(&["watch"]).exits(0).saying("in order");
    repository.is_as_described();
}

#[test]
fn a_watch_whose_journal_is_away_restores_stable_from_a_split() {
    let (toy, mlflow) = (Toy::start([0.005, 0.005]), ToyMlflow::start());
    let world = registered(&toy, &mlflow, "canary");
    world.write("mlgate.yml", world.read("mlgate.yml").replace("{ path: journal.json }", "{ mlflow: {} }"));
    rollout(&world, &["--once"]).exits(0);
    assert!((1..100).contains(&toy.candidate()));
    mlflow.goes_away_for(3_600.0);
    world.run(&["watch"]).exits(3).saying("stable has all of the traffic again");
    assert_eq!(toy.candidate(), 0);
    // What was promoted stays while nothing is known of it.
    toy.set(|inner| inner.weights = [0, 100]);
    world.run(&["watch"]).exits(3).saying("nothing was moved");
    assert_eq!(toy.candidate(), 100);
}

// --- an operator's hand

#[test]
fn an_operators_hand_at_the_router_wins() {
    for weights in [[100, 0], [60, 40]] {
        let toy = Toy::start([0.005, 0.005]);
        let world = toy.world("canary\n  steps: [10, 50]");
        slowly(&world);
        let mut child = begun(&toy, &world);
        until("the candidate has 10 %", || toy.candidate() == 10);
        thread::sleep(Duration::from_millis(300));
        toy.set(|inner| inner.weights = weights);
        assert_eq!(child.wait().unwrap().code(), Some(1), "{:#}", came_to(&world));
        let found = came_to(&world);
        assert_eq!((toy.candidate(), toy.history(), &found["result"]), (weights[1], vec![10], &json!("aborted")));
        assert!(found["reason"].as_str().unwrap().contains("an operator"), "{found:#}");
        assert_eq!(journal(&world)["is_settled"], true);
        world.run(&["watch"]).exits(0).saying("an operator");
        assert_eq!((toy.candidate(), toy.history()), (weights[1], vec![10]));
    }
}

#[test]
fn what_an_operator_did_while_nobody_watched_stays() {
    for command in ["watch", "rollout"] {
        let toy = Toy::start([0.005, 0.005]);
        let world = toy.world("canary\n  steps: [10, 50]");
        slowly(&world);
        let mut child = begun(&toy, &world);
        until("the candidate has 10 %", || toy.candidate() == 10);
        thread::sleep(Duration::from_millis(300));
        kill(&mut child);
        toy.set(|inner| inner.weights = [60, 40]);
        thread::sleep(Duration::from_millis(1_050));
        let sha256 = sha256(&world);
        let arguments = if command == "watch" { vec!["watch"] } else { vec!["rollout", "--report-sha256", &sha256] };
        world.run(&arguments).exits(1).saying("an operator");
        assert_eq!((toy.candidate(), toy.history(), &journal(&world)["is_settled"]), (40, vec![10], &json!(true)));
    }
}

#[test]
fn the_post_step_leaves_what_an_operator_did() {
    let toy = Toy::start([0.005, 0.005]);
    let world = action(&toy, "push", &[]);
    let config = world.read("workspace/mlgate.yml").replace("direct", "canary\n  steps: [10]");
    world.write("workspace/mlgate.yml", config.replace("step_seconds: 0.3", "step_seconds: 60"));
    let mut child =
        world.command(&[]).current_dir(world.path("workspace")).stdout(std::process::Stdio::null()).spawn().unwrap();
    until("the candidate has 10 %", || toy.candidate() == 10);
    thread::sleep(Duration::from_millis(300));
    kill(&mut child);
    toy.set(|inner| inner.weights = [100, 0]);
    post(&world, "under-way").exits(1).saying("an operator");
    assert_eq!(toy.history(), [10]);
}

#[test]
fn a_router_that_was_restarted_gets_its_weights_again() {
    let toy = Toy::start([0.005, 0.005]);
    let world = toy.world("canary\n  steps: [10, 50]");
    let mut child = begun(&toy, &world);
    until("the candidate has 10 %", || toy.candidate() == 10);
    thread::sleep(Duration::from_millis(200));
    toy.set(|inner| (inner.weights, inner.since) = ([100, 0], Instant::now()));
    assert_eq!(child.wait().unwrap().code(), Some(0), "{:#}", came_to(&world));
    assert_eq!(toy.history(), [10, 10, 50, 100]);
}

// --- the branch

#[test]
fn a_long_history_is_no_replay() {
    let toy = Toy::start([0.005, 0.005]);
    let (repository, world) = on_github(&toy, "", main_branch());
    rollout(&world, &[]).exits(0);
    let state = repository.state();
    let text = state["writes"].as_array().unwrap().last().unwrap()["content"].clone();
    let tip = state["refs"]["mlgate-state"].as_str().unwrap().to_owned();
    // Other models' journals, say.
    let (mut commits, mut files, mut parent) = (serde_json::Map::new(), serde_json::Map::new(), tip);
    for at in 0..1_100 {
        let sha = format!("{at:040x}");
        commits.insert(sha.clone(), json!({ "parents": [parent] }));
        files.insert(sha.clone(), json!({ "mlgate.yml": "", PATH: text, "n": at.to_string() }));
        parent = sha;
    }
    repository.setup(json!({ "refs": { "mlgate-state": parent }, "commits": commits, "files": files }));
    world.run(&["watch"]).exits(0).saying("in order");
}

#[test]
fn a_watch_does_not_commit_at_every_evaluation() {
    let toy = Toy::start([0.005, 0.005]);
    let (repository, world) = on_github(&toy, "", main_branch());
    world.write("mlgate.yml", world.read("mlgate.yml").replace("heartbeat_seconds: 1", "heartbeat_seconds: 60"));
    rollout(&world, &[]).exits(0);
    let writes = || repository.state()["writes"].as_array().unwrap().len();
    let before = writes();
    world.run(&["watch", "--seconds", "2"]).exits(0).saying("in order");
    assert!(writes() - before <= 1, "{} commits in 2 s", writes() - before);
}

// --- another report

#[test]
fn another_report_is_verified_wholly_on_resuming() {
    let tree = json!({
        "refs": { "main": MERGE, "change": HEAD },
        "commits": { MERGE: { "parents": [] }, HEAD: { "parents": [MERGE] } },
        "files": { MERGE: { "mlgate.yml": "" } },
    });
    for (commit, said) in [(HEAD, "is not on the default branch"), (MERGE, "does not record which model was judged")] {
        let toy = Toy::start([0.005, 0.005]);
        let (_repository, world) = on_github(&toy, "", tree.clone());
        let config = world.read("mlgate.yml").replace("strategy: direct", "strategy: canary\n  steps: [10]");
        world.write("mlgate.yml", config);
        if commit == HEAD {
            world.write("report.json", world.read("report.json").replace("\"sha256\":null", "\"sha256\":\"f00d\""));
        }
        rollout(&world, &["--once"]).exits(0);
        let report =
            world.read("report.json").replace(MERGE, commit).replace("\"result\":\"passed\"", "\"result\": \"passed\"");
        world.write("report.json", report);
        rollout(&world, &["--once"]).exits(3).saying(said);
        assert_eq!(toy.candidate(), 0);
    }
}

// --- what is tried again

#[test]
fn a_restore_that_failed_is_tried_again() {
    let toy = Toy::start([0.005, 0.005]);
    let world = toy.world("canary\n  steps: [10]");
    world.write("mlgate.yml", world.read("mlgate.yml").replace("max_hold_seconds: 2", "max_hold_seconds: 20"));
    slowly(&world);
    let mut child = begun(&toy, &world);
    until("the candidate has 10 %", || toy.candidate() == 10);
    thread::sleep(Duration::from_millis(300));
    toy.set(|inner| inner.is_down = true);
    let mut rolled = world.command(&["watch", "--seconds", "15"]);
    kill(&mut child);
    thread::sleep(Duration::from_millis(1_050));
    let mut child = rolled.stdout(std::process::Stdio::null()).spawn().unwrap();
    thread::sleep(Duration::from_secs(3));
    toy.set(|inner| inner.is_down = false);
    assert_eq!(child.wait().unwrap().code(), Some(1), "{:#}", came_to(&world));
    assert_eq!((toy.candidate(), &journal(&world)["is_settled"]), (0, &json!(true)));
}

#[test]
fn a_watch_outlives_a_hiccup_of_the_registry() {
    let (toy, mlflow) = (Toy::start([0.005, 0.005]), ToyMlflow::start());
    let world = registered(&toy, &mlflow, "direct");
    world.write("mlgate.yml", world.read("mlgate.yml").replace("{ path: journal.json }", "{ mlflow: {} }"));
    rollout(&world, &[]).exits(0);
    let mut child = world.command(&["watch", "--seconds", "5"]).stdout(std::process::Stdio::null()).spawn().unwrap();
    thread::sleep(Duration::from_millis(800));
    mlflow.goes_away_for(1.5);
    assert_eq!(child.wait().unwrap().code(), Some(0), "{:#}", came_to(&world));
    assert_eq!(toy.candidate(), 100);
}

#[test]
fn a_watch_judges_production_while_the_registry_is_away() {
    let (toy, mlflow) = (Toy::start([0.005, 0.005]), ToyMlflow::start());
    let world = registered(&toy, &mlflow, "direct");
    world.write("mlgate.yml", world.read("mlgate.yml").replace("{ path: journal.json }", "{ mlflow: {} }"));
    rollout(&world, &[]).exits(0);
    mlflow.goes_away_for(3_600.0);
    toy.set(|inner| inner.errors[1] = 0.9);
    world.run(&["watch", "--seconds", "8"]).exits(3).saying("requests failed").saying("traffic: done");
    assert_eq!(toy.candidate(), 0);
}

#[test]
fn a_promotion_turns_the_flag_on_again_that_a_rollback_turned_off() {
    let toy = Toy::start([0.005, 0.005]);
    let world = toy
        .world("canary\n  steps: [10]\n  flag: { flagd: { path: flags.json, feature: new-model, variant: \"off\" } }");
    let variants = json!({ "on": true, "off": false });
    let flags =
        json!({ "flags": { "new-model": { "state": "ENABLED", "variants": variants, "defaultVariant": "on" } } });
    world.write("flags.json", flags.to_string());
    let flag = || {
        let flags: Value = serde_json::from_str(&world.read("flags.json")).unwrap();
        flags["flags"]["new-model"]["defaultVariant"].as_str().unwrap().to_owned()
    };
    // A job that is cancelled leaves it as it was.
    let config = world.read("mlgate.yml");
    slowly(&world);
    let mut child = begun(&toy, &world);
    until("the candidate has 10 %", || toy.candidate() == 10);
    thread::sleep(Duration::from_millis(200));
    assert!(std::process::Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
    assert_eq!((child.wait().unwrap().code(), flag()), (Some(1), "on".to_owned()));
    world.write("mlgate.yml", &config);
    toy.set(|inner| inner.errors[1] = 0.9);
    rollout(&world, &[]).exits(1);
    assert_eq!((toy.candidate(), flag()), (0, "off".to_owned()));
    toy.set(|inner| inner.errors[1] = 0.005);
    rollout(&world, &[]).exits(0).saying("flag: done");
    assert_eq!((toy.candidate(), flag()), (100, "on".to_owned()));
    // Taken back by a person after that, and promoted again.
    world.run(&["rollback"]).exits(0);
    assert_eq!((toy.candidate(), flag()), (0, "off".to_owned()));
    rollout(&world, &[]).exits(0).saying("flag: done");
    assert_eq!((toy.candidate(), flag()), (100, "on".to_owned()));
}
