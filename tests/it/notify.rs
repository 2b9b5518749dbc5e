//! Who else is told, and what is started.

use serde_json::{Value, json};

use crate::github::{MERGE, Repository, act, uri};
use crate::world::World;

const DATA: &str = "a,b\n1,x\n2,y\n3,z\n";

fn config(min: u32, notify: &str) -> String {
    format!("data:\n  path: data.csv\n  checks:\n    - row_count: {{ min: {min} }}\nnotify: {notify}\n")
}

/// A run on `main` that needs `min` rows of three.
fn world(repository: &Repository, event: &str, min: u32, notify: &str) -> World {
    let world = World::new();
    world.write("mlgate.yml", config(min, notify)).write("data.csv", DATA);
    repository
        .runs(world, event, &json!({ "action": "retrain" }))
        .variable("GITHUB_REF_NAME", "main")
        .variable("MLGATE_SLACK", format!("{}/_hook/{}", uri(), repository.name))
}

fn repository() -> Repository {
    let sha = MERGE;
    Repository::new(json!({ "refs": { "main": sha }, "commits": { sha: { "parents": [] } },
        "files": { sha: { ".github/workflows/retrain.yml": "on: workflow_dispatch" } } }))
}

fn list(repository: &Repository, what: &str) -> Vec<Value> {
    repository.state()[what].as_array().cloned().unwrap_or_default()
}

#[test]
fn a_webhook_is_told_when_the_gate_blocks() {
    let repository = repository();
    let notify = "{ webhook: { url_env: MLGATE_SLACK } }";
    act(&world(&repository, "push", 2, notify), &[]).exits(0);
    assert_eq!(list(&repository, "hooks"), [] as [Value; 0]);
    let ran = act(&world(&repository, "push", 5, notify), &[]).exits(1);
    let [message] = list(&repository, "hooks").try_into().unwrap();
    let text = message["text"].as_str().unwrap();
    assert!(
        text.starts_with(&format!("*Blocked: 1 of 1 check failed* · {} main 3333333\n• ", repository.name)),
        "{text}"
    );
    assert!(text.ends_with("/actions/runs/42|the run>"), "{text}");
    assert!(!ran.says("_hook"), "the address is a secret: {ran:#?}");
    repository.is_as_described();
}

#[test]
fn a_retraining_is_started_once_and_never_by_itself() {
    let repository = repository();
    act(&world(&repository, "schedule", 5, "{ dispatch: retrain }"), &[]).exits(1);
    let [sent] = list(&repository, "dispatches").try_into().unwrap();
    assert_eq!(sent["event_type"], "retrain");
    assert_eq!(sent["client_payload"]["result"], "blocked");
    assert_eq!(sent["client_payload"]["failed_checks"], json!(["row_count"]));
    assert!(sent["client_payload"].as_object().unwrap().len() <= 10);
    // The run that it started blocks too: it starts nothing.
    let again = act(&world(&repository, "repository_dispatch", 5, "{ dispatch: retrain }"), &[]).exits(1);
    assert!(again.says("nothing was started: this run is the one that would be"), "{again:#?}");
    assert_eq!(list(&repository, "dispatches").len(), 1);
    act(&world(&repository, "schedule", 5, "{ dispatch: { workflow: retrain.yml, ref: main } }"), &[]).exits(1);
    let [started] = list(&repository, "workflow_dispatches").try_into().unwrap();
    assert_eq!((&started["workflow_id"], &started["ref"]), (&json!("retrain.yml"), &json!("main")));
    let own = act(&world(&repository, "schedule", 5, "{ dispatch: ml.yml }"), &[]).exits(1);
    assert!(own.says("this run is the one that would be"), "{own:#?}");
    repository.is_as_described();
}

#[test]
fn a_workflow_is_started_once_for_each_table() {
    let drifting = "data:\n  path: data.csv\n  reference: old.csv\n  checks:\n    - drift: { columns: [a] }\n\
                    notify: { dispatch: { event: retrain, on: [drift] } }\n";
    let rows = |from: u32| format!("a\n{}", (from..from + 60).map(|n| format!("{n}\n")).collect::<String>());
    // What was started is remembered in a file, or in the branch's check run.
    for history in [&[("history", "runs/history.jsonl")][..], &[]] {
        let repository = repository();
        let world = world(&repository, "schedule", 2, "{ dispatch: retrain }");
        world.write("mlgate.yml", drifting).write("old.csv", rows(0)).write("data.csv", rows(1000));
        act(&world, history).exits(1);
        let again = act(&world.variable("GITHUB_RUN_ID", "43"), history).exits(1);
        assert!(again.says("nothing was started: that was done for this very table"), "{again:#?}");
        let [sent] = list(&repository, "dispatches").try_into().unwrap();
        assert_eq!(sent["client_payload"]["drifted_columns"], json!(["a"]));
        assert_eq!(sent["client_payload"]["data_fingerprint"].as_str().unwrap().len(), 32);
        assert!(sent["client_payload"].as_object().unwrap().len() <= 10);
        repository.is_as_described();
    }
}

#[test]
fn new_data_starts_a_workflow_and_old_data_does_not() {
    let repository = repository();
    let history = [("history", "history.jsonl")];
    let world = world(&repository, "schedule", 2, "{ dispatch: { event: retrain, on: [change] } }");
    for (run, data, started) in [("1", "1", 1), ("2", "1", 1), ("3", "2", 2), ("4", "2", 2)] {
        world.write("data.csv", format!("a,b\n{data},x\n2,y\n3,z\n"));
        let mut command = world.command(&[]);
        command.env("GITHUB_RUN_ID", run).env("INPUT_HISTORY", history[0].1);
        world.finish(&mut command).exits(0);
        assert_eq!(list(&repository, "dispatches").len(), started, "run {run}");
    }
    assert_eq!(world.read("history.jsonl").lines().count(), 4);
    // What could not be started is not forgotten.
    world.write("data.csv", "a,b\n9,x\n2,y\n3,z\n");
    repository.setup(json!({ "tokens": { "ghs_reader": { "permissions": { "contents": "read" } } } }));
    let run = |id: &str, token: Option<&str>| {
        let mut command = world.command(&[]);
        command.env("GITHUB_RUN_ID", id).env("INPUT_HISTORY", history[0].1);
        token.map(|token| command.env("GITHUB_TOKEN", token));
        world.finish(&mut command).exits(0);
        list(&repository, "dispatches").len()
    };
    assert_eq!((run("5", Some("ghs_reader")), run("6", None), run("7", None)), (2, 3, 3));
}

#[test]
fn a_pull_request_tells_nobody_and_starts_nothing() {
    let repository = Repository::with_pull_request(&json!({}), &json!({}));
    let world = World::new();
    world
        .write("mlgate.yml", config(5, "{ webhook: { url_env: MLGATE_SLACK }, dispatch: retrain }"))
        .write("data.csv", DATA);
    let world = repository.proposes(world).variable("MLGATE_SLACK", format!("{}/_hook/{}", uri(), repository.name));
    act(&world, &[]).exits(1).saying("`notify` does not run on proposals");
    assert_eq!((list(&repository, "hooks").len(), list(&repository, "dispatches").len()), (0, 0));
}

#[test]
fn events_that_are_not_of_what_is_merged_tell_nobody_and_start_nothing() {
    let notify = "{ webhook: { url_env: MLGATE_SLACK }, dispatch: retrain }";
    let sent = |event: &str, run: &Value, inputs: &[(&str, &str)]| {
        let repository = repository();
        let mut payload = json!({ "repository": { "full_name": repository.name, "default_branch": "main" } });
        if !run.is_null() {
            payload["workflow_run"] = json!({ "id": 1, "event": run["event"], "head_sha": MERGE, "head_branch": run["branch"],
                "head_repository": { "full_name": repository.name } });
        }
        let world = world(&repository, event, 5, notify);
        world.write("event.json", payload.to_string());
        act(&world, inputs).exits(1);
        list(&repository, "hooks").len() + list(&repository, "dispatches").len()
    };
    for event in ["issues", "discussion_comment", "check_suite", "gollum", "fork", "merge_group", "watch"] {
        assert_eq!(sent(event, &Value::Null, &[]), 0, "{event}");
    }
    for (event, branch, expected) in [("push", "main", 2), ("push", "feature", 0), ("pull_request", "main", 0)] {
        let run = json!({ "event": event, "branch": branch });
        assert_eq!(sent("workflow_run", &run, &[]), expected, "{event} {branch}");
    }
    let feature = json!({ "event": "push", "branch": "feature" });
    assert_eq!(sent("workflow_run", &feature, &[("trusted-branches", "feature")]), 2);
    for event in ["push", "schedule", "workflow_dispatch", "release", "deployment"] {
        assert_eq!(sent(event, &Value::Null, &[]), 2, "{event}");
    }
}

#[test]
fn what_could_not_be_told_is_a_warning_and_no_verdict() {
    let repository = repository();
    let notify = "{ webhook: { url_env: MLGATE_SLACK } }";
    repository.faults(json!([{ "path_contains": "/_hook/", "action": "answer", "status": 500, "body": "x" }]));
    act(&world(&repository, "push", 5, notify), &[]).exits(1).saying("the webhook was not told: it answers 500");
    let unset = world(&repository, "push", 5, "{ webhook: { url_env: MLGATE_OTHER } }");
    act(&unset, &[]).exits(1).saying("MLGATE_OTHER is not set");
    for (address, said) in [
        ("http://192.0.2.1/secret-path", "it must be https"),
        ("https://169.254.169.254/secret-path", "link-local"),
        ("no address, secret-path", "its address is none"),
    ] {
        let ran =
            act(&world(&repository, "push", 5, notify).variable("MLGATE_SLACK", address), &[]).exits(1).saying(said);
        assert!(!ran.says("secret-path"), "{ran:#?}");
    }
    repository.setup(json!({ "tokens": { "ghs_reader": { "permissions": { "contents": "read" } } } }));
    let reader = world(&repository, "push", 5, "{ dispatch: retrain }").variable("GITHUB_TOKEN", "ghs_reader");
    act(&reader, &[]).exits(1).saying("add `contents: write`");
}

#[test]
fn a_config_cannot_name_any_secret() {
    let world = World::new();
    world
        .write("data.csv", DATA)
        .write("mlgate.yml", config(5, "{ webhook: { url_env: AWS_SECRET_ACCESS_KEY, on: [late] } }"));
    world.check(&[]).exits(2).saying("notify.webhook.on[0]: unknown value `late`");
    world.write("mlgate.yml", config(5, "{ webhook: { url_env: AWS_SECRET_ACCESS_KEY } }"));
    world
        .check(&[])
        .exits(2)
        .saying("notify.webhook.url_env: the name of such a variable starts with MLGATE_ and is not MLGATE_JOURNAL_KEY at mlgate.yml line 5");
    world.write("mlgate.yml", config(5, "{ dispatch: { event: retrain, on: [drift] } }"));
    world.check(&[]).exits(2).saying("notify: waits for drift, and no check measures it");
}
