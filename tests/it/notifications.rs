//! Messages while a rollout runs: to chats, to an address that takes JSON, and to an issue.

use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::endpoint::{Answer, Served};
use crate::github::uri;
use crate::rollout::{Toy, main_branch, on_github, rollout};
use crate::world::World;

const STEPS: &str = "  steps: [10, 100]\n";
const JSON: &str = "  notifications: [{ webhook: { url_env: MLGATE_HOOK, token_env: MLGATE_HOOK_TOKEN } }]\n";

fn extended(world: &World, section: &str) {
    let config = world.read("mlgate.yml");
    world.write("mlgate.yml", config.replacen("rollout:\n", &format!("rollout:\n{section}"), 1));
}

fn told(served: &Served) -> Vec<Value> {
    served.bodies().iter().map(|body| serde_json::from_str(body).unwrap()).collect()
}

fn words(told: &[Value]) -> Vec<&str> {
    told.iter().map(|message| message["event"].as_str().unwrap()).collect()
}

#[test]
fn a_rollout_that_goes_well_tells_of_its_start_its_steps_and_its_end() {
    let toy = Toy::start([0.005, 0.005]);
    let served = Served::start(|_| Answer::json("{}"));
    let world = toy.world("canary").variable("MLGATE_HOOK", served.url()).variable("MLGATE_HOOK_TOKEN", "secret");
    extended(&world, &format!("{STEPS}{JSON}"));
    let ran = rollout(&world, &[]).exits(0);
    assert!(!ran.says("secret") && !ran.says(&served.url()), "{ran:#?}");
    let told = told(&served);
    assert_eq!(words(&told), ["started", "step", "step", "promoted"], "{told:#?}");
    let step = &told[1];
    assert_eq!((&step["model"], &step["weight"]), (&json!({ "name": "risk", "version": "8" }), &json!(10)));
    assert_eq!((&step["step"], &step["steps"]), (&json!(1), &json!(2)));
    let end = &told[3];
    assert!(end["affected"]["requests"].as_u64().unwrap() > 100, "{end:#}");
    assert_eq!(end["next"], json!(["mlgate rollback"]));
    assert_eq!(end["is_undone"], false);
    // Whoever runs the job again learns nothing new.
    rollout(&world, &[]).exits(0);
    assert_eq!(served.bodies().len(), 4);
}

#[test]
fn a_rollback_tells_who_was_affected_and_that_all_is_done() {
    let toy = Toy::start([0.005, 0.9]);
    let served = Served::start(|_| Answer::json("{}"));
    let world = toy.world("direct").variable("MLGATE_HOOK", served.url());
    extended(&world, "  notifications: [{ webhook: { url_env: MLGATE_HOOK, on: [rollback] } }]\n");
    rollout(&world, &[]).exits(1);
    let told = told(&served);
    assert_eq!(words(&told), ["rolled_back"], "{told:#?}");
    assert!(told[0]["reason"].as_str().unwrap().contains("requests failed"), "{told:#?}");
    assert!(told[0]["affected"]["errors"].as_u64().unwrap() > 10, "{told:#?}");
    let done = told[0]["actions"].as_array().unwrap();
    assert!(!done.is_empty() && done.iter().all(|action| action["state"] == "done"), "{told:#?}");
}

#[test]
fn a_chat_that_does_not_answer_delays_nothing_and_is_named() {
    let toy = Toy::start([0.005, 0.9]);
    let slow = Served::start(|_| Answer::json("{}").after(12_000));
    let refusing = Served::start(|_| Answer::of("403 Forbidden", "text/plain", "no"));
    let section = "  notifications: [{ slack: { url_env: MLGATE_SLOW } }, { teams: { url_env: MLGATE_TEAMS } }, \
                   { slack: { url_env: MLGATE_UNSET } }]\n";
    let world = toy.world("direct").variable("MLGATE_SLOW", slow.url()).variable("MLGATE_TEAMS", refusing.url());
    extended(&world, section);
    let ran = rollout(&world, &[]).exits(1);
    assert_eq!(toy.candidate(), 0);
    let ran = ran
        .saying("MLGATE_UNSET is not set")
        .saying("slack: ")
        .saying("teams: the webhook was not told: it answers 403");
    assert!(!ran.says(&slow.url()) && !ran.says(&refusing.url()), "{ran:#?}");
}

#[test]
fn chats_take_what_they_are_sent() {
    for (strategy, errors, exit, ends) in [("canary", 0.005, 0, "promoted"), ("direct", 0.9, 1, "rolled back")] {
        let toy = Toy::start([0.005, errors]);
        let (repository, world) = on_github(&toy, "", main_branch());
        let address = format!("{}/_hook/{}", uri(), repository.name);
        let world = world.variable("MLGATE_SLACK", address.clone()).variable("MLGATE_TEAMS", address);
        let config = world.read("mlgate.yml").replace("strategy: direct", &format!("strategy: {strategy}"));
        world.write("mlgate.yml", config);
        let section = "  notifications: [{ slack: { url_env: MLGATE_SLACK } }, { teams: { url_env: MLGATE_TEAMS } }]\n";
        extended(&world, section);
        rollout(&world, &[]).exits(exit);
        let hooks = repository.state()["hooks"].as_array().unwrap().clone();
        let slack: Vec<&str> = hooks.iter().filter_map(|hook| hook["blocks"][0]["text"]["text"].as_str()).collect();
        assert!(slack.last().unwrap().ends_with(&format!("risk 8: {ends}")), "{slack:#?}");
        let cards = hooks.iter().filter(|hook| hook["attachments"].is_array()).count();
        assert_eq!((cards, cards + slack.len()), (slack.len(), hooks.len()));
        repository.is_as_described();
    }
}

#[test]
fn an_issue_is_opened_once_and_closed_when_it_is_over() {
    let toy = Toy::start([0.005, 0.9]);
    let (repository, world) = on_github(&toy, "", main_branch());
    extended(&world, "  notifications: [{ issue: { labels: [rollout], on: [start, step, end] } }]\n");
    rollout(&world, &[]).exits(1);
    let state = repository.state();
    let [issue] = state["issues"].as_array().unwrap().as_slice() else { panic!("{:#}", state["issues"]) };
    assert_eq!((&issue["title"], &issue["state"]), (&json!("Rollout of risk 8"), &json!("closed")), "{issue:#}");
    assert_eq!(issue["state_reason"], "not_planned");
    let comments = state["comments"][issue["number"].to_string()].as_array().unwrap();
    let last = comments.last().unwrap()["body"].as_str().unwrap();
    assert!(last.contains("rolled back") && last.contains("<code>mlgate status"), "{last}");
    repository.is_as_described();

    // One that goes well needs none, unless somebody asks for its start.
    let toy = Toy::start([0.005, 0.005]);
    let (repository, world) = on_github(&toy, "", main_branch());
    extended(&world, "  notifications: [{ issue: {} }]\n");
    rollout(&world, &[]).exits(0);
    assert_eq!(repository.state()["issues"], json!([]));
    repository.is_as_described();
}

#[test]
fn an_issue_of_somebody_else_is_left_alone() {
    let toy = Toy::start([0.005, 0.9]);
    let (repository, world) = on_github(&toy, "", main_branch());
    extended(&world, "  notifications: [{ issue: {} }]\n");
    repository.setup(
        json!({ "tokens": { &repository.token: { "permissions": { "contents": "write", "deployments": "write" } } } }),
    );
    let ran = rollout(&world, &[]).exits(1);
    ran.saying("issue: ").saying("issues: write");
    assert_eq!(toy.candidate(), 0);
}

#[test]
fn a_config_cannot_send_a_secret() {
    let toy = Toy::start([0.0, 0.0]);
    let world = toy.world("canary").variable("AWS_SECRET_ACCESS_KEY", "x");
    extended(&world, "  notifications: [{ slack: { url_env: AWS_SECRET_ACCESS_KEY } }]\n");
    rollout(&world, &[])
        .exits(2)
        .saying("rollout.notifications[0].slack.url_env: the name of such a variable starts with MLGATE_");
}

#[test]
fn a_hold_is_told_when_it_lasts_and_when_it_is_over() {
    let toy = Toy::start([0.005, 0.005]);
    let heard = Arc::new(Mutex::new(0));
    let (count, inner) = (Arc::clone(&heard), toy.clone());
    // Prometheus is away until the hold was told.
    let served = Served::start(move |request| {
        let body: Value = serde_json::from_str(&request.body).unwrap();
        match body["event"].as_str() {
            Some("step") if body["step"] == 1 => drop(inner.set(|inner| inner.is_down = true)),
            Some("held") => drop(inner.set(|inner| inner.is_down = false)),
            _ => {}
        }
        *count.lock().unwrap() += 1;
        Answer::json("{}")
    });
    let world = toy.world("canary").variable("MLGATE_HOOK", served.url());
    extended(&world, &format!("{STEPS}  notifications: [{{ webhook: {{ url_env: MLGATE_HOOK }} }}]\n"));
    rollout(&world, &[]).exits(0);
    let told = told(&served);
    assert_eq!(words(&told), ["started", "step", "held", "recovered", "step", "promoted"], "{told:#?}");
    assert!(*heard.lock().unwrap() == 6);
}
