//! Hooks of a rollout: a webhook or a workflow decides whether it goes on, and is not called again without need.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::endpoint::{Answer, Request, Served};
use crate::github::Repository;
use crate::promotion::until;
use crate::rollout::{Toy, begun, came_to, main_branch, on_github, rollout};
use crate::world::World;

/// A canary at 10 % and 100 %, with these hooks.
fn world(toy: &Toy, hooks: &str) -> World {
    toy.world(&format!("canary\n  steps: [10]\n  hooks:\n{hooks}"))
}

fn hook(name: &str, at: &str, url: &str, more: &str) -> String {
    format!("    - {{ name: {name}, at: {at}, webhook: {{ url: '{url}' }}, timeout_seconds: 20{more} }}\n")
}

fn journal(world: &World) -> Value {
    serde_json::from_str(&world.read("journal.json")).unwrap_or_default()
}

fn key(request: &Request) -> String {
    let line = request.head.lines().find_map(|line| line.strip_prefix("idempotency-key: "));
    line.unwrap_or_else(|| panic!("no key: {}", request.head)).to_owned()
}

#[test]
fn webhooks_decide_before_between_and_after_steps_and_are_recorded() {
    let toy = Toy::start([0.005, 0.005]);
    let (weights, router) = (Arc::new(Mutex::new(Vec::new())), toy.clone());
    let seen = Arc::clone(&weights);
    let served = Served::start(move |_| {
        seen.lock().unwrap().push(router.candidate());
        Answer::json("{\"passed\":\n40}")
    });
    let hooks: String =
        ["pre_rollout", "step", "pre_promotion"].map(|at| hook(&format!("on-{at}"), at, &served.url(), "")).concat();
    let world = world(&toy, &hooks);
    rollout(&world, &[]).exits(0);
    assert_eq!((toy.history(), weights.lock().unwrap().clone()), (vec![10, 100], vec![0, 10, 100, 100]));
    let bodies: Vec<Value> = served.bodies().iter().map(|body| serde_json::from_str(body).unwrap()).collect();
    let said: Vec<[&Value; 4]> = bodies
        .iter()
        .map(|body| [&body["hook"], &body["step"], &body["weights"]["candidate"], &body["version"]])
        .collect();
    let expected = [("on-pre_rollout", 1, 0), ("on-step", 1, 10), ("on-step", 2, 100), ("on-pre_promotion", 2, 100)];
    for (found, (hook, step, weight)) in said.iter().zip(expected) {
        assert_eq!(*found, [&json!(hook), &json!(step), &json!(weight), &json!("8")]);
    }
    assert_eq!((&bodies[1]["model"], &bodies[1]["variant"], bodies.len()), (&json!("risk"), &json!("candidate"), 4));
    let requests = served.requests();
    let mut keys: Vec<String> = requests.iter().map(key).collect();
    assert_eq!(keys[0], bodies[0]["idempotency_key"].as_str().unwrap());
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), 4);
    let found = came_to(&world);
    assert_eq!(found["hooks"].as_array().unwrap().len(), 4);
    assert_eq!(
        (&found["hooks"][1]["passed"], &found["hooks"][1]["answer"]),
        (&json!(true), &json!("200, {\"passed\": 40}"))
    );
    assert!(world.read("mlgate-report/rollout.md").contains("hook on-step (step, step 2): passed"));
    assert_eq!(journal(&world)["state"]["hooks"].as_array().unwrap().len(), 4);
}

#[test]
fn an_answer_that_is_no_200_stops_as_configured() {
    for (status, more, result, history) in [
        ("500 Internal Server Error", "", "rolled_back", [10, 0].as_slice()),
        ("403 Forbidden", ", on_failure: abort", "aborted", &[10, 0]),
        ("201 Created", ", on_failure: rollback", "rolled_back", &[10, 0]),
        ("302 Found\r\nlocation: http://169.254.169.254/", "", "rolled_back", &[10, 0]),
    ] {
        let toy = Toy::start([0.005, 0.005]);
        let served = Served::start(move |_| Answer::of(status, "text/plain", "3 of 40 failed\n::stop-commands::x"));
        let world = world(&toy, &hook("smoke-test", "step", &served.url(), more));
        let ran =
            rollout(&world, &[]).exits(1).saying("the hook `smoke-test` stopped the rollout").saying("3 of 40 failed");
        assert!(!ran.stdout.contains("\n::"), "{ran:#?}");
        assert_eq!((&came_to(&world)["result"], toy.history().as_slice()), (&json!(result), history), "{status}");
        assert_eq!(served.bodies().len(), 1);
    }
    let toy = Toy::start([0.005, 0.005]);
    let served = Served::start(|_| Answer::of("500 Internal Server Error", "text/plain", ""));
    rollout(&world(&toy, &hook("smoke-test", "pre_rollout", &served.url(), "")), &[]).exits(1);
    assert_eq!(toy.history(), [0_u64; 0]);
}

#[test]
fn a_hook_that_is_away_is_called_again_with_the_same_key_and_a_no_with_another() {
    for (status, is_same) in [("503 Service Unavailable", true), ("404 Not Found", false)] {
        let toy = Toy::start([0.005, 0.005]);
        let count = AtomicU32::new(0);
        let served = Served::start(move |_| match count.fetch_add(1, Ordering::Relaxed) {
            0 | 1 => Answer::of(status, "text/plain", "not yet"),
            _ => Answer::json("ok"),
        });
        let world = world(&toy, &hook("approval", "pre_promotion", &served.url(), ", on_failure: retry"));
        rollout(&world, &[]).exits(0).saying("not yet");
        let keys: Vec<String> = served.requests().iter().map(key).collect();
        assert_eq!((keys.len(), keys[0] == keys[1] && keys[1] == keys[2]), (3, is_same), "{keys:?}");
    }
    let toy = Toy::start([0.005, 0.005]);
    let hooks = hook("away", "step", "http://127.0.0.1:1/", "").replace("timeout_seconds: 20", "timeout_seconds: 1");
    rollout(&world(&toy, &hooks), &[]).exits(1).saying("the hook `away` gave no answer within 1 s").saying("aborted");
    assert_eq!(toy.history(), [10, 0]);
}

#[test]
fn a_breach_does_not_wait_for_a_hook() {
    let toy = Toy::start([0.005, 0.005]);
    let router = toy.clone();
    let served = Served::start(move |_| {
        router.set(|inner| inner.errors[1] = 0.5);
        Answer::json("ok").after(15_000)
    });
    let start = std::time::Instant::now();
    rollout(&world(&toy, &hook("slow", "step", &served.url(), "")), &[]).exits(1).saying("rolled back");
    assert!(start.elapsed() < Duration::from_secs(12), "{:?}", start.elapsed());
    assert_eq!(toy.history(), [10, 0]);
}

/// Killed at every call: what has passed is not called again, what was cut short is, with the same key.
#[test]
fn killed_at_a_hook_the_next_run_calls_that_one_again_and_no_other() {
    for at in 0..4 {
        let toy = Toy::start([0.005, 0.005]);
        let victim = Arc::new(Mutex::new(None::<u32>));
        let (own, count) = (Arc::clone(&victim), AtomicU32::new(0));
        let served = Served::start(move |_| {
            if count.fetch_add(1, Ordering::Relaxed) == at {
                let victim = own.lock().unwrap().unwrap();
                assert!(
                    std::process::Command::new("kill").args(["-9", &victim.to_string()]).status().unwrap().success()
                );
            }
            Answer::json("ok")
        });
        let hooks: String = ["pre_rollout", "step", "pre_promotion"]
            .map(|point| hook(&format!("on-{point}"), point, &served.url(), ""))
            .concat();
        let world = world(&toy, &hooks);
        let mut child = {
            let mut locked = victim.lock().unwrap();
            let child = begun(&toy, &world);
            *locked = Some(child.id());
            child
        };
        assert_eq!(child.wait().unwrap().code(), None, "{at}");
        rollout(&world, &[]).exits(0);
        let keys: Vec<String> = served.requests().iter().map(key).collect();
        assert_eq!((keys.len(), &keys[at as usize]), (5, &keys[at as usize + 1]), "{at}: {keys:?}");
        assert_eq!(toy.history().last(), Some(&100));
    }
}

#[test]
fn with_once_a_webhook_is_waited_for() {
    let toy = Toy::start([0.005, 0.005]);
    let served = Served::start(|_| Answer::json("ok").after(500));
    let world = world(&toy, &hook("smoke-test", "pre_rollout", &served.url(), ""));
    rollout(&world, &["--once"]).exits(0);
    assert_eq!((served.bodies().len(), &journal(&world)["state"]["hooks"][0]["is_passed"]), (1, &json!(true)));
    until("it is promoted", || {
        thread::sleep(Duration::from_millis(300));
        rollout(&world, &["--once"]).exits(0);
        journal(&world)["is_settled"] == true
    });
    assert_eq!(served.bodies().len(), 1);
}

#[test]
fn a_token_goes_along_and_comes_from_a_variable_of_mlgates() {
    let toy = Toy::start([0.005, 0.005]);
    let served = Served::start(|_| Answer::json("ok"));
    let with = |name: &str| {
        let hooks = hook("smoke-test", "step", &served.url(), "").replace("' }", &format!("', token_env: {name} }}"));
        world(&toy, &hooks).variable("MLGATE_HOOK", "s3cret").variable("AWS_SECRET", "s3cret")
    };
    rollout(&with("AWS_SECRET"), &[]).exits(2).saying("rollout.hooks[0].webhook.token_env");
    rollout(&with("MLGATE_OTHER"), &[]).exits(2).saying("`MLGATE_OTHER` is not set");
    assert_eq!(toy.history(), [0_u64; 0]);
    let ran = rollout(&with("MLGATE_HOOK"), &[]).exits(0);
    assert!(served.requests()[0].head.contains("authorization: Bearer s3cret"));
    assert!(!ran.says("s3cret"));
    // What only watches or restores calls no hook, and needs no token of one.
    let without = with("MLGATE_HOOK").variable("MLGATE_HOOK", "");
    rollout(&without, &[]).exits(2);
    without.write("journal.json", "");
    without.run(&["watch"]).exits(3).saying("there is no journal");
    without.run(&["rollback"]).exits(0);
}

#[test]
fn what_is_no_hook_is_refused() {
    let toy = Toy::start([0.0, 0.0]);
    for (hooks, said) in [
        ("    - { name: a, at: step }\n", "rollout.hooks[0]: set either `webhook` or `workflow`"),
        ("    - { name: '', at: step, webhook: { url: 'http://127.0.0.1:1' } }\n", "rollout.hooks[0].name: 1 to 50"),
        ("    - { name: a, at: later, webhook: { url: 'http://127.0.0.1:1' } }\n", "unknown value `later`"),
        ("    - { name: a, at: step, webhook: { url: 'http://127.0.0.1:1' }, timeout_seconds: 0 }\n", "at least 1"),
        ("    - { name: a, at: step, workflow: { file: ../a.yml } }\n", "the file's name alone"),
        ("    - { name: a, at: step, workflow: { file: a.yml } }\n", "starts a workflow: that takes a workflow run"),
        ("    - { name: a, at: step, webhook: { url: nowhere } }\n", "the hook `a` `nowhere` is no address"),
        (
            "    - { name: a, at: step, webhook: { url: 'http://127.0.0.1:1' } }\n    - { name: a, at: step, webhook: { url: 'http://127.0.0.1:1' } }\n",
            "rollout.hooks[1].name: `a` is the name of another hook",
        ),
    ] {
        rollout(&world(&toy, hooks), &[]).exits(2).saying(said);
    }
    assert_eq!(toy.history(), [0_u64; 0]);
}

/// Ends the last run that was started.
fn conclude(repository: &Repository, conclusion: &str) -> bool {
    let runs = repository.state()["runs"].clone();
    let Some(last) = runs.as_object().and_then(|runs| runs.keys().next_back().cloned()) else { return false };
    repository.setup(json!({ "runs": { last: { "status": "completed", "conclusion": conclusion } } }));
    true
}

const WORKFLOW: &str = "  hooks:\n    - { name: load, at: pre_rollout, workflow: { file: load.yml, ref: main, inputs: { version: '{{version}}', \
                        key: 'k-{{idempotency_key}}' } }, timeout_seconds: 30 }\n";

#[test]
fn a_workflow_decides_by_its_conclusion() {
    for (conclusion, exit, history) in [("success", 0, [100].as_slice()), ("failure", 1, &[])] {
        let toy = Toy::start([0.005, 0.005]);
        let (repository, world) = on_github(&toy, WORKFLOW, main_branch());
        let child = begun(&toy, &world);
        until("the workflow is started", || !repository.state()["workflow_dispatches"].as_array().unwrap().is_empty());
        thread::sleep(Duration::from_millis(500));
        assert_eq!(toy.history(), [0_u64; 0]);
        assert!(conclude(&repository, conclusion));
        let output = child.wait_with_output().unwrap();
        let stdout = String::from_utf8_lossy(&output.stdout);
        assert_eq!((output.status.code(), toy.history().as_slice()), (Some(exit), history), "{stdout}");
        let state = repository.state();
        let [started] = state["workflow_dispatches"].as_array().unwrap().as_slice() else { panic!("{state:#}") };
        assert_eq!((&started["workflow_id"], &started["inputs"]["version"]), (&json!("load.yml"), &json!("8")));
        assert_eq!(started["inputs"]["key"].as_str().unwrap().len(), 34);
        let found = came_to(&world);
        assert!(
            found["hooks"][0]["answer"].as_str().unwrap().ends_with(&format!("ended with {conclusion}")),
            "{found:#}"
        );
        repository.is_as_described();
    }
}

#[test]
fn a_workflow_that_runs_for_longer_than_a_job_is_started_once() {
    let toy = Toy::start([0.005, 0.005]);
    let (repository, world) = on_github(&toy, WORKFLOW, main_branch());
    for _ in 0..3 {
        rollout(&world, &["--once"]).exits(0).saying("held: the hook `load`");
    }
    assert!(conclude(&repository, "success"));
    rollout(&world, &[]).exits(0);
    assert_eq!((repository.state()["workflow_dispatches"].as_array().unwrap().len(), toy.history()), (1, vec![100]));
}

#[test]
fn a_workflow_that_may_not_be_started_ends_it_before_traffic_moves() {
    let toy = Toy::start([0.005, 0.005]);
    let (repository, world) = on_github(&toy, WORKFLOW, main_branch());
    let permissions = json!({ "contents": "write", "deployments": "write" });
    repository.setup(json!({ "tokens": { &repository.token: { "permissions": permissions } } }));
    rollout(&world, &[]).exits(1).saying("the hook `load` cannot be called").saying("actions: write");
    assert_eq!(toy.history(), [0_u64; 0]);
}
