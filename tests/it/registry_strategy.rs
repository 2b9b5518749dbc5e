//! `strategy: registry`: a promotion without a router moves the alias, under the same proofs and with the same way back.

use std::process::{Child, Stdio};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::action::{act, output};
use crate::github::MERGE;
use crate::rollout::{Toy, action, came_to, post, sha256};
use crate::toy_mlflow::{ToyMlflow, judged};
use crate::world::{Ran, World};

/// A world without a router, and the report that lets version 8 out.
fn world(mlflow: &ToyMlflow, more: &str) -> World {
    let world = World::new();
    world.write(
        "mlgate.yml",
        format!(
            "rollout:\n  strategy: registry\n  report: report.json\n  model: {{ name: risk }}\n  interval_seconds: 0.1\n  \
             heartbeat_seconds: 1\n  max_hold_seconds: 2\n  journal: {{ path: journal.json }}\n  registry: {{ mlflow: {{ promote: \
             champion, keep: previous }} }}\n{more}"
        ),
    );
    let report = json!({
        "schema_version": 1, "result": "passed", "started_at": chrono::Utc::now().to_rfc3339(),
        "commit": MERGE, "pipeline": { "event": "push", "proposal": false },
        "model": { "name": "risk", "version": "8", "sha256": judged() }, "tables": {},
        "gates": [{ "gate": "model", "result": "passed", "checks": [] }],
    });
    world.write("report.json", report.to_string());
    world.variable("MLFLOW_TRACKING_URI", mlflow.uri()).variable("USER", "alice")
}

fn promote(world: &World, more: &[&str]) -> Ran {
    let sha256 = sha256(world);
    world.run(&[&["promote", "--report-sha256", &sha256], more].concat())
}

fn begun(world: &World) -> Child {
    let sha256 = sha256(world);
    let mut command = world.command(&["promote", "--report-sha256", &sha256]);
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

fn journal(world: &World) -> Value {
    serde_json::from_str(&world.read("journal.json")).unwrap_or_default()
}

#[test]
fn the_alias_is_moved_and_comes_back() {
    let mlflow = ToyMlflow::start();
    let world = world(&mlflow, "");
    promote(&world, &["--dry-run"])
        .exits(0)
        .saying("nothing was moved")
        .saying("champion` is version 7, and may be moved");
    assert_eq!((mlflow.alias("champion").as_deref(), journal(&world)), (Some("7"), Value::Null));
    promote(&world, &["--reason", "it is better"])
        .exits(0)
        .saying("promoted by alice")
        .saying("champion` is version 8");
    assert_eq!((mlflow.alias("champion").as_deref(), mlflow.alias("previous").as_deref()), (Some("8"), Some("7")));
    let (found, written) = (came_to(&world), journal(&world));
    assert_eq!(
        (&found["result"], &found["previous_version"], &found["weight"]),
        (&json!("promoted"), &json!("7"), &Value::Null)
    );
    assert_eq!((&found["interventions"][0]["reason"], &written["is_settled"]), (&json!("it is better"), &json!(true)));
    world.run(&["status"]).exits(0).saying("risk 8: promoted").saying("champion is version 8");
    let status: Value = serde_json::from_str(&world.run(&["status", "--json"]).exits(0).stdout).unwrap();
    assert_eq!((&status["alias"]["version"], &status["weight"]), (&json!("8"), &Value::Null));
    // A job that is run again moves nothing.
    promote(&world, &[]).exits(0).saying("it is in production already");
    world.run(&["watch"]).exits(0);
    world.run(&["rollback", "--reason", "complaints"]).exits(0).saying("champion` is version 7");
    assert_eq!(mlflow.alias("champion").as_deref(), Some("7"));
    assert_eq!(journal(&world)["state"]["ended"]["outcome"], "rolled_back");
    // `rollout` is the same, without a person.
    let sha256 = sha256(&world);
    world.run(&["rollout", "--report-sha256", &sha256]).exits(0).saying("promoted: the gate passed it");
    assert_eq!(mlflow.alias("champion").as_deref(), Some("8"));
}

/// A workflow that promotes version 8.
fn promoting(toy: &Toy, mlflow: &ToyMlflow) -> World {
    let own = world(mlflow, "");
    let action = action(toy, "push", &[]).variable("INPUT_COMMAND", "promote");
    action.write("workspace/mlgate.yml", own.read("mlgate.yml"));
    action.write("workspace/report.json", own.read("report.json"));
    action.variable("INPUT_REPORT-SHA256", sha256(&own)).variable("MLFLOW_TRACKING_URI", mlflow.uri())
}

/// Killed with its job, the step after it undoes what the promotion left unfinished.
#[test]
fn the_post_step_restores_the_alias() {
    let mut undone = 0;
    for at in (1..).step_by(2) {
        let (toy, mlflow) = (Toy::start([0.0, 0.0]), ToyMlflow::start());
        let action = promoting(&toy, &mlflow);
        let mut command = action.command(&[]);
        command.current_dir(action.path("workspace")).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        mlflow.set(|inner| inner.kill_after = Some((at, child.id())));
        if child.wait().unwrap().code().is_some() {
            break;
        }
        undone += u32::from(mlflow.alias("champion").as_deref() == Some("8"));
        let state = if action.read("state").is_empty() { "" } else { "under-way" };
        let is_written = action.path("workspace/journal.json").is_file();
        post(&action, state).exits(i32::from(is_written));
        assert_eq!(mlflow.alias("champion").as_deref(), Some("7"), "killed after {at}");
    }
    assert!(undone > 0);
}

#[test]
fn an_action_promotes_and_hands_over_its_outputs() {
    let (toy, mlflow) = (Toy::start([0.0, 0.0]), ToyMlflow::start());
    let action = promoting(&toy, &mlflow);
    act(&action).exits(0);
    let expected =
        [("rollout-result", "promoted"), ("previous-version", "7"), ("moved", "true"), ("rollout-weight", "")];
    for (name, value) in expected {
        assert_eq!(output(&action, name), value, "{name}");
    }
    assert!(action.read("summary").contains("Promoted: risk 8 · registry"));
}

#[test]
fn only_what_was_gated_is_promoted() {
    let mlflow = ToyMlflow::start();
    let world = world(&mlflow, "");
    world.run(&["promote", "--reason", "r"]).exits(2).saying("nothing says which report lets the model out");
    world.run(&["promote", "--report-sha256", "beef"]).exits(2).saying("the report's SHA-256 is");
    promote(&world, &["--model-version", "9"]).exits(2).saying("the report is of version `8`");
    mlflow.set(|inner| inner.model = "swapped".into());
    promote(&world, &[]).exits(2).saying("does not serve the model that was judged");
    mlflow.set(|inner| inner.model = "the model".into());
    mlflow.set(|inner| inner.failing = vec![("POST /api/2.0/mlflow/registered-models/alias", 99)]);
    promote(&world, &[]).exits(3).saying("failed  registry");
    assert_eq!((mlflow.alias("champion").as_deref(), journal(&world)), (Some("7"), Value::Null));
}

#[test]
fn an_alias_that_somebody_else_moves_is_left() {
    let mlflow = ToyMlflow::start();
    let world = world(&mlflow, "");
    let mut child = begun(&world);
    crate::promotion::until("the journal is written", || journal(&world).is_object());
    mlflow.set(|inner| drop(inner.aliases.insert("champion".into(), "6".into())));
    let code = child.wait().unwrap().code();
    // Either it was faster, and watch finds the other hand, or it stops before that.
    if code == Some(0) {
        world.run(&["watch"]).exits(1).saying("an operator moved the alias");
    } else {
        assert_eq!(code, Some(1), "{:#}", came_to(&world));
        assert_eq!(journal(&world)["is_settled"], true);
    }
    assert_eq!(mlflow.alias("champion").as_deref(), Some("6"));
}

#[test]
fn a_hiccup_is_outlived_and_a_registry_that_stays_away_is_undone() {
    let mlflow = ToyMlflow::start();
    let world = world(&mlflow, "");
    let config = world.read("mlgate.yml");
    world.write("mlgate.yml", config.replace("max_hold_seconds: 2", "max_hold_seconds: 60"));
    let mut child = begun(&world);
    crate::promotion::until("the journal is written", || journal(&world).is_object());
    mlflow.set(|inner| inner.failing = vec![("model-versions/set-tag", 4)]);
    assert_eq!((child.wait().unwrap().code(), mlflow.alias("champion").as_deref()), (Some(0), Some("8")));
    world.run(&["rollback"]).exits(0);
    world.write("mlgate.yml", config);
    let mut child = begun(&world);
    crate::promotion::until("the journal is written", || journal(&world)["is_settled"] == false);
    mlflow.goes_away_for(3_600.0);
    assert_eq!(child.wait().unwrap().code(), Some(3), "{:#}", came_to(&world));
    mlflow.set(|inner| inner.away_until = None);
    world.run(&["watch"]).exits(1);
    assert_eq!((mlflow.alias("champion").as_deref(), &journal(&world)["is_settled"]), (Some("7"), &json!(true)));
}

/// Killed after any request, the next run finishes the promotion or undoes it.
#[test]
fn killed_within_it_the_promotion_is_finished_or_undone() {
    let mut kills = 0;
    for at in 1.. {
        let mlflow = ToyMlflow::start();
        let world = world(&mlflow, "");
        let mut command = world.command(&["promote", "--report-sha256", &sha256(&world)]);
        mlflow.set(|inner| inner.delay_ms = 5);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        mlflow.set(|inner| inner.kill_after = Some((at, child.id())));
        if child.wait().unwrap().code().is_some() {
            break;
        }
        kills += 1;
        let is_written = journal(&world).is_object();
        let champion = || mlflow.alias("champion");
        match at % 3 {
            0 => {
                promote(&world, &[]).exits(0);
                assert_eq!(champion().as_deref(), Some("8"), "killed after {at}");
            }
            1 => {
                // Without a journal the version before is not known, and the alias stays.
                world.run(&["rollback"]).exits(if is_written { 0 } else { 3 });
                assert_eq!(champion().as_deref(), Some("7"), "killed after {at}");
            }
            _ if is_written => {
                thread::sleep(Duration::from_millis(1_050));
                world.run(&["watch"]).exits(0);
                assert_eq!(champion().as_deref(), Some("8"), "killed after {at}");
                assert_eq!(journal(&world)["is_settled"], true, "killed after {at}");
            }
            _ => {
                world.run(&["watch"]).exits(2).saying("nothing was rolled out here");
                assert_eq!(champion().as_deref(), Some("7"), "killed after {at}");
            }
        }
        assert_eq!(mlflow.alias("previous").unwrap_or("7".to_owned()), "7");
    }
    assert!(kills > 15, "{kills}");
}

#[test]
fn with_signals_watch_judges_what_was_promoted() {
    let (toy, mlflow) = (Toy::start([0.005, 0.005]), ToyMlflow::start());
    let config = toy.config("registry");
    let signals = &config[config.find("  signals:").unwrap()..config.find("  limits:").unwrap()];
    let world = world(&mlflow, &format!("  min_requests: 50\n{signals}"));
    toy.set(|inner| inner.weights = [0, 100]);
    promote(&world, &[]).exits(0).saying("ok      candidate requests");
    world.run(&["watch", "--seconds", "1"]).exits(0).saying("in order");
    toy.set(|inner| inner.errors[1] = 0.3);
    world.run(&["watch", "--seconds", "5"]).exits(1).saying("rolled back");
    assert_eq!((mlflow.alias("champion").as_deref(), toy.history().len()), (Some("7"), 0));
}

#[test]
fn a_deployment_that_does_not_follow_the_alias_is_said() {
    let (toy, mlflow) = (Toy::start([0.005, 0.005]), ToyMlflow::start());
    let url = toy.version_url("candidate");
    let world = world(
        &mlflow,
        &format!("  variants: {{ candidate: {{ version: {{ url: '{url}', pointer: /model/version }} }} }}\n"),
    );
    toy.set(|inner| inner.versions[1] = r#"{ "model": { "version": "7" } }"#.into());
    promote(&world, &[]).exits(0);
    world.run(&["watch"]).exits(3).saying("the candidate answers as version `7`");
    assert_eq!(mlflow.alias("champion").as_deref(), Some("8"));
    toy.set(|inner| inner.versions[1] = r#"{ "model": { "version": "8" } }"#.into());
    world.run(&["watch"]).exits(0);
}

#[test]
fn what_the_strategy_cannot_have_is_refused() {
    let (toy, mlflow) = (Toy::start([0.0, 0.0]), ToyMlflow::start());
    let check = |more: &str, said: &str| {
        promote(&world(&mlflow, more), &[]).exits(2).saying(said);
    };
    check(
        "  router: { webhook: { url: 'http://127.0.0.1:1' } }\n",
        "rollout.router: `strategy: registry` moves no traffic",
    );
    check("  limits: [error_rate: { max: 0.1 }]\n", "rollout.limits: there are no `signals`");
    check("  steps: [10]\n", "steps are a canary's");
    let without = world(&mlflow, "");
    without.write("mlgate.yml", without.read("mlgate.yml").replace("strategy: registry", "strategy: canary"));
    promote(&without, &[]).exits(2).saying("rollout.router: missing").saying("rollout.signals: missing");
    let canary = toy.world("canary");
    promote(&canary, &[]).exits(2).saying("takes no report");
    canary.run(&["promote", "--reason", "r"]).exits(2).saying("there is nothing to promote: there is no journal");
}

#[test]
fn a_lost_journal_moves_no_alias() {
    let mlflow = ToyMlflow::start();
    let world = world(&mlflow, "");
    promote(&world, &[]).exits(0);
    world.write("journal.json", "{");
    world.run(&["watch"]).exits(3).saying("nothing was moved: `champion` is version 8");
    world.run(&["rollback"]).exits(3).saying("name it by `to-version`");
    assert_eq!(mlflow.alias("champion").as_deref(), Some("8"));
    world.run(&["rollback", "--to-version", "7"]).exits(0);
    assert_eq!(mlflow.alias("champion").as_deref(), Some("7"));
}
