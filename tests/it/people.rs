//! `status`, `abort`, `pause`, `resume`, `approve` and `promote`: what a person asks of a running rollout, by its journal.

use std::process::Child;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::action::act;
use crate::endpoint::{Answer, Served};
use crate::promotion::until;
use crate::rollout::{Toy, action, begun, came_to, main_branch, on_github, rollout};
use crate::world::World;

fn journal(world: &World) -> Value {
    serde_json::from_str(&world.read("journal.json")).unwrap_or_default()
}

fn status(world: &World) -> Value {
    serde_json::from_str(&world.run(&["status", "--json"]).exits(0).stdout).unwrap()
}

/// A canary of its own process, seen at 10 %.
fn running(toy: &Toy, step_seconds: f64) -> (World, Child) {
    let world = toy.world("canary\n  steps: [10]").variable("USER", "alice");
    let config = world.read("mlgate.yml").replace("step_seconds: 0.3", &format!("step_seconds: {step_seconds}"));
    world.write("mlgate.yml", config);
    let child = begun(toy, &world);
    until("the candidate has 10 %", || toy.candidate() == 10);
    until("the journal is written", || journal(&world)["state"]["is_set"] == true);
    (world, child)
}

#[test]
fn a_rollout_that_a_person_aborts_restores_stable_and_says_who_did_it() {
    let toy = Toy::start([0.005, 0.005]);
    let (world, mut child) = running(&toy, 60.0);
    let found = status(&world);
    assert_eq!(
        (&found["state"], &found["weight"], &found["steps"]),
        (&json!("running"), &json!(10), &json!([10, 100]))
    );
    world.run(&["status"]).exits(0).saying("risk 8: running").saying("the candidate has 10 %").saying("`mlgate abort`");
    let ran =
        world.run(&["abort", "--reason", "x\n::stop-commands::abc"]).exits(0).saying("aborted by alice (process ");
    assert!(!ran.stdout.contains("\n::"), "{ran:#?}");
    // By then it is done.
    assert_eq!((toy.candidate(), child.wait().unwrap().code()), (0, Some(1)));
    let (found, written) = (came_to(&world), journal(&world));
    assert_eq!((&found["result"], &found["weight"]), (&json!("aborted"), &json!(0)));
    let reason = found["reason"].as_str().unwrap();
    assert!(
        reason.starts_with("aborted by alice (process ") && reason.ends_with(": x ::stop-commands::abc"),
        "{reason}"
    );
    assert_eq!(found["interventions"][0]["kind"], "abort");
    assert_eq!((&written["is_settled"], &written["interventions"][0]["kind"]), (&json!(true), &json!("abort")));
    assert_eq!(status(&world)["state"], "aborted");
    world.run(&["abort"]).exits(2).saying("the rollout is over (aborted");
}

#[test]
fn a_rollout_holds_while_it_is_paused_and_goes_on_afterwards() {
    let toy = Toy::start([0.005, 0.005]);
    let (world, mut child) = running(&toy, 1.5);
    world.run(&["resume"]).exits(2).saying("the rollout is not paused");
    world.run(&["pause", "--reason", "lunch"]).exits(0).saying("paused by alice");
    world.run(&["pause"]).exits(2).saying("the rollout is paused already");
    // Longer than the step and `max_hold_seconds` together.
    thread::sleep(Duration::from_secs(4));
    assert_eq!((toy.history(), child.try_wait().unwrap()), (vec![10], None));
    let found = status(&world);
    assert_eq!((&found["state"], &found["paused"]["reason"]), (&json!("paused"), &json!("lunch")));
    world.run(&["resume"]).exits(0).saying("resumed by alice");
    assert_eq!((child.wait().unwrap().code(), toy.history()), (Some(0), vec![10, 100]));
    let found = came_to(&world);
    let kinds: Vec<&Value> =
        found["interventions"].as_array().unwrap().iter().map(|request| &request["kind"]).collect();
    assert_eq!((&found["result"], kinds), (&json!("promoted"), vec![&json!("pause"), &json!("resume")]));
    assert!(world.read("mlgate-report/rollout.md").contains("paused by alice"));
}

#[test]
fn a_breach_rolls_back_during_a_pause() {
    let toy = Toy::start([0.005, 0.005]);
    let (world, mut child) = running(&toy, 60.0);
    world.run(&["pause"]).exits(0);
    toy.set(|inner| inner.errors[1] = 0.3);
    assert_eq!((child.wait().unwrap().code(), toy.candidate()), (Some(1), 0));
    assert_eq!(came_to(&world)["result"], "rolled_back");
    world.run(&["resume"]).exits(2).saying("the rollout is over (rolled_back");
}

#[test]
fn no_request_is_lost_between_the_writes_of_a_rollout() {
    let toy = Toy::start([0.005, 0.005]);
    let (world, mut child) = running(&toy, 60.0);
    let reasons: Vec<String> = (0..16).map(|at| format!("number {at}")).collect();
    for (at, reason) in reasons.iter().enumerate() {
        let command = if at % 2 == 0 { "pause" } else { "resume" };
        world.run(&[command, "--reason", reason]).exits(0);
    }
    // Two at once: one of them finds it paused, or both are taken up.
    thread::scope(|scope| {
        let pauses = [(); 2].map(|()| scope.spawn(|| world.run(&["pause", "--reason", "both"]).exit));
        let exits = pauses.map(|pause| pause.join().unwrap());
        assert!(exits.contains(&0) && exits.iter().all(|exit| matches!(exit, 0 | 2)), "{exits:?}");
    });
    let found = journal(&world);
    let recorded: Vec<&str> =
        found["interventions"].as_array().unwrap().iter().filter_map(|request| request["reason"].as_str()).collect();
    assert_eq!(recorded[..16], reasons.iter().map(String::as_str).collect::<Vec<_>>(), "{found:#}");
    world.run(&["abort"]).exits(0);
    assert_eq!((child.wait().unwrap().code(), toy.history()), (Some(1), vec![10, 0]));
}

#[test]
fn between_two_runs_a_request_waits_for_the_next_one() {
    let toy = Toy::start([0.005, 0.005]);
    let world = toy.world("canary\n  steps: [10]");
    rollout(&world, &["--once"]).exits(0);
    assert_eq!(status(&world)["state"], "waiting");
    world.run(&["pause"]).exits(0).saying("the next evaluation takes it up");
    for _ in 0..4 {
        thread::sleep(Duration::from_millis(400));
        rollout(&world, &["--once"]).exits(0);
    }
    assert_eq!((toy.history(), &status(&world)["state"]), (vec![10], &json!("paused")));
    world.run(&["abort", "--reason", "enough"]).exits(0).saying("`mlgate watch` or `mlgate rollback`");
    assert_eq!(toy.candidate(), 10);
    world.run(&["watch"]).exits(1).saying("enough");
    assert_eq!((toy.candidate(), &status(&world)["state"]), (0, &json!("aborted")));
    assert_eq!(journal(&world)["interventions"][1]["kind"], "abort");
    // So does a run of the rollout.
    rollout(&world, &["--once"]).exits(0);
    world.run(&["abort"]).exits(0);
    rollout(&world, &["--once"]).exits(1).saying("aborted by process");
    assert_eq!(toy.candidate(), 0);
}

#[test]
fn killed_at_any_point_of_an_abort_stable_has_its_traffic_in_the_end() {
    let mut kills = 0;
    for at in (1..).step_by(2) {
        let toy = Toy::start([0.005, 0.005]);
        let world = toy.world("canary\n  steps: [10]");
        rollout(&world, &["--once"]).exits(0);
        world.run(&["abort"]).exits(0);
        let mut child = begun(&toy, &world);
        toy.set(|inner| inner.kill_at = Some(inner.answered + at));
        if child.wait().unwrap().code().is_some() {
            break;
        }
        kills += 1;
        thread::sleep(Duration::from_millis(1_050));
        let ran = world.run(&["watch"]);
        assert_eq!(toy.candidate(), 0, "killed after {at}: {ran:#?}");
        let found = journal(&world);
        assert_eq!(
            (&found["is_settled"], &found["state"]["ended"]["outcome"]),
            (&json!(true), &json!("aborted")),
            "{at}"
        );
    }
    assert!(kills > 3, "{kills}");
}

#[test]
fn what_cannot_be_asked_is_refused() {
    let toy = Toy::start([0.005, 0.005]);
    let world = toy.world("direct");
    let slots = json!({ "stable": "stable", "candidate": "candidate", "production": "stable", "idle": "candidate" });
    assert_eq!(status(&world), json!({ "schema_version": 1, "state": "none", "weight": 0, "slots": slots }));
    world.run(&["pause"]).exits(2).saying("there is no journal");
    rollout(&world, &[]).exits(0);
    assert_eq!(status(&world)["state"], "promoted");
    for command in ["abort", "pause", "resume"] {
        world.run(&[command]).exits(2).saying("the rollout is over (promoted");
        world.run(&[command, "--model-name", "other"]).exits(2).saying("the journal is of the model `risk`");
        world.run(&[command, "--reason", &"x".repeat(301)]).exits(2).saying("longer than 300 characters");
    }
    assert_eq!(toy.history(), [100]);
    toy.set(|inner| inner.is_down = true);
    world.run(&["status"]).exits(3).saying("risk 8: promoted").saying("HAProxy");
    world.write("journal.json", "{");
    world.run(&["status"]).exits(3).saying("is not an entry of mlgate's");
    world.run(&["abort"]).exits(3).saying("is not an entry of mlgate's");
}

#[test]
fn a_request_that_no_process_takes_up_is_not_green() {
    let toy = Toy::start([0.005, 0.005]);
    let (world, mut child) = running(&toy, 60.0);
    child.kill().unwrap();
    child.wait().unwrap();
    world.run(&["abort"]).exits(3).saying("no process took it up").saying("mlgate rollback");
    // The next run takes it up.
    rollout(&world, &[]).exits(1).saying("aborted by alice");
    assert_eq!(toy.candidate(), 0);
}

#[test]
fn on_a_branch_a_request_is_signed_and_found_by_the_next_evaluation() {
    let toy = Toy::start([0.005, 0.005]);
    let (repository, world) = on_github(&toy, "  heartbeat_seconds: 600\n", main_branch());
    let config = world
        .read("mlgate.yml")
        .replace("  heartbeat_seconds: 1\n", "")
        .replace("step_seconds: 0.3", "step_seconds: 60");
    world.write("mlgate.yml", config);
    let mut child = begun(&toy, &world);
    until("the candidate has all of the traffic", || toy.candidate() == 100);
    let world = world.variable("GITHUB_TRIGGERING_ACTOR", "octocat");
    world.finish(world.command(&["abort"]).env_remove("MLGATE_JOURNAL_KEY")).exits(2).saying("journal-key");
    world.run(&["abort", "--reason", "stop it"]).exits(0).saying("aborted by octocat (http");
    assert_eq!((child.wait().unwrap().code(), toy.candidate()), (Some(1), 0));
    repository.is_as_described();
}

#[test]
fn what_is_only_proposed_asks_for_nothing() {
    for command in ["status", "abort", "pause", "resume", "approve", "promote"] {
        let toy = Toy::start([0.0, 0.0]);
        let world =
            action(&toy, "pull_request", &[]).variable("INPUT_COMMAND", command).variable("INPUT_REPORT-SHA256", "");
        act(&world).exits(2).saying("a rollout does not run");
    }
}

#[test]
fn a_step_with_approval_holds_until_a_person_approves_it() {
    let toy = Toy::start([0.005, 0.005]);
    let heard = Served::start(|_| Answer::json("ok"));
    let more = "steps: [{ weight: 10, approval: required }, 50]\n  notifications: [slack: { url_env: MLGATE_SLACK }]";
    let world = toy.world(&format!("canary\n  {more}")).variable("USER", "alice").variable("MLGATE_SLACK", heard.url());
    let mut child = begun(&toy, &world);
    until("it waits for approval", || journal(&world)["state"]["awaits_approval"].is_number());
    // Longer than `max_hold_seconds`.
    thread::sleep(Duration::from_millis(2_500));
    assert_eq!((&status(&world)["state"], toy.history()), (&json!("awaiting_approval"), vec![10]));
    let told = |words: &str| heard.bodies().iter().any(|body| body.contains(words));
    assert!(told("risk 8: waits for approval at 10 %") && told("mlgate approve"), "{:#?}", heard.bodies());
    world.run(&["approve", "--reason", "looks good"]).exits(0).saying("approved by alice");
    assert_eq!((child.wait().unwrap().code(), toy.history()), (Some(0), vec![10, 50, 100]));
    let found = came_to(&world);
    let request = &found["interventions"][0];
    assert_eq!(
        (&request["kind"], &request["step"], &request["reason"]),
        (&json!("approve"), &json!(1), &json!("looks good"))
    );
}

/// An evaluation that changes nothing is not written there: each is a commit.
#[test]
fn on_a_branch_a_step_that_waits_for_approval_is_written_at_once() {
    let toy = Toy::start([0.005, 0.005]);
    let (_, world) = on_github(&toy, "", main_branch());
    let config = world
        .read("mlgate.yml")
        .replace("strategy: direct", "strategy: canary\n  steps: [{ weight: 10, approval: required }]")
        .replace("heartbeat_seconds: 1", "heartbeat_seconds: 600");
    world.write("mlgate.yml", config);
    let mut child = begun(&toy, &world);
    until("the candidate has 10 %", || toy.candidate() == 10);
    until("it waits for approval", || status(&world)["state"] == "awaiting_approval");
    world.run(&["approve"]).exits(0);
    assert_eq!((child.wait().unwrap().code(), toy.history()), (Some(0), vec![10, 100]));
}

#[test]
fn an_operator_intervenes_from_a_workflow() {
    let toy = Toy::start([0.005, 0.005]);
    let world = action(&toy, "workflow_dispatch", &[("once", "true")]);
    world.write("workspace/mlgate.yml", toy.config("canary\n  steps: [{ weight: 10, approval: required }]"));
    act(&world).exits(0);
    let world =
        world.variable("INPUT_COMMAND", "promote").variable("INPUT_REPORT-SHA256", "").variable("INPUT_ONCE", "");
    act(&world).exits(2).saying("needs a reason");
    let world = world.variable("INPUT_REASON", "a fix").variable("GITHUB_TRIGGERING_ACTOR", "octocat");
    act(&world).exits(0).saying("promoted by octocat (http");
    act(&world.variable("INPUT_COMMAND", "approve")).exits(2).saying("neither waits for approval");
}

#[test]
fn a_step_that_nobody_approves_in_time_is_aborted() {
    let toy = Toy::start([0.005, 0.005]);
    let world = toy.world("canary\n  steps: [10, { weight: 50, approval: required }]\n  approval_seconds: 1");
    rollout(&world, &["--once"]).exits(0);
    world.run(&["approve"]).exits(2).saying("neither waits for approval");
    rollout(&world, &[]).exits(1).saying("the step was not approved within 1 s");
    assert_eq!(toy.history(), [10, 50, 0]);
}

#[test]
fn a_step_is_a_weight_or_a_weight_with_what_it_needs() {
    let toy = Toy::start([0.0, 0.0]);
    for (steps, said) in [
        ("[{ weight: 10, approval: maybe }]", "unknown value `maybe`, expected `required`"),
        ("[{ weight: 10, aproval: required }]", "unknown field `aproval`"),
        ("[{ approval: required }]", "missing field `weight`"),
        ("[300]", "300 is not a weight of 1 to 100 percent"),
        ("[{ weight: 0 }]", "weights of 1 to 100 percent"),
        ("[ten]", "a weight in percent, or"),
    ] {
        rollout(&toy.world(&format!("canary\n  steps: {steps}")), &[]).exits(2).saying("error: rollout").saying(said);
    }
}

#[test]
fn a_person_promotes_past_what_is_left_and_says_why() {
    let toy = Toy::start([0.005, 0.005]);
    let world = toy.world("canary\n  steps: [{ weight: 10, approval: required }, 50]").variable("USER", "alice");
    world.write("mlgate.yml", world.read("mlgate.yml").replace("step_seconds: 0.3", "step_seconds: 60"));
    let mut child = begun(&toy, &world);
    until("the journal is written", || journal(&world)["state"]["is_set"] == true);
    world.run(&["promote"]).exits(2).saying("needs a reason");
    world.run(&["pause"]).exits(0);
    world.run(&["promote", "--reason", "a fix for all users"]).exits(0).saying("promoted by alice");
    assert_eq!((child.wait().unwrap().code(), toy.history()), (Some(0), vec![10, 100]));
    let found = came_to(&world);
    let reason = found["reason"].as_str().unwrap();
    assert!(reason.starts_with("promoted by alice (") && reason.ends_with("a fix for all users"), "{reason}");
    assert_eq!((&found["result"], &found["interventions"][1]["kind"]), (&json!("promoted"), &json!("promote")));
}

#[test]
fn killed_at_any_point_of_a_promotion_past_what_is_left_the_next_run_ends_it() {
    let mut kills = 0;
    for at in (1..).step_by(37) {
        let toy = Toy::start([0.005, 0.005]);
        let world = toy.world("canary\n  steps: [10, 20, 50]");
        rollout(&world, &["--once"]).exits(0);
        world.run(&["promote", "--reason", "r"]).exits(0);
        let mut child = begun(&toy, &world);
        toy.set(|inner| inner.kill_at = Some(inner.answered + at));
        if child.wait().unwrap().code().is_some() {
            break;
        }
        kills += 1;
        rollout(&world, &[]).exits(0);
        assert_eq!(
            (toy.history().last(), &journal(&world)["state"]["ended"]["outcome"]),
            (Some(&100), &json!("promoted")),
            "{at}"
        );
    }
    assert!(kills > 2, "{kills}");
}
