//! Which version each variant answers with: proven before it gets traffic, at every evaluation, and at the end.

use std::collections::BTreeMap;
use std::thread;
use std::time::Duration;

use serde_json::json;

use crate::action::{act, outputs};
use crate::promotion::{registered, until};
use crate::rollout::{Toy, action, begun, came_to, rollout};
use crate::toy_mlflow::ToyMlflow;
use crate::world::World;

/// The section that reads both versions over HTTP.
fn by_http(toy: &Toy) -> String {
    let version =
        |arm: &str| format!("{arm}: {{ version: {{ url: '{}', pointer: /model/version }} }}", toy.version_url(arm));
    format!("  variants: {{ {}, {} }}\n", version("stable"), version("candidate"))
}

/// The section that reads both from a label in Prometheus.
fn by_signal() -> String {
    let version =
        |arm: &str| format!("{arm}: {{ version: {{ signal: 'model_info{{arm=\"{{{{arm}}}}\"}}', label: version }} }}");
    format!("  variants: {{ {}, {} }}\n", version("stable"), version("candidate"))
}

/// A world with a registry whose champion is version 7, and a rollout of version 8.
fn world(strategy: &str, variants: impl Fn(&Toy) -> String) -> (Toy, ToyMlflow, World) {
    let (toy, mlflow) = (Toy::start([0.005, 0.005]), ToyMlflow::start());
    let world = registered(&toy, &mlflow, strategy);
    world.write("mlgate.yml", world.read("mlgate.yml") + &variants(&toy));
    (toy, mlflow, world)
}

fn answer(version: &str) -> String {
    json!({ "model": { "version": version } }).to_string()
}

#[test]
fn who_answers_as_another_version_gets_no_traffic() {
    for variants in [by_http as fn(&Toy) -> String, |_| by_signal()] {
        let check = |set: fn(&Toy), said: &str| {
            let (toy, mlflow, world) = world("canary", variants);
            set(&toy);
            rollout(&world, &["--dry-run"]).exits(3).saying(said);
            rollout(&world, &[]).exits(3).saying(said);
            assert_eq!((toy.history(), mlflow.alias("champion").as_deref()), (vec![], Some("7")), "{said}");
        };
        let candidate = |toy: &Toy| {
            toy.set(|inner| (inner.versions[1], inner.labels[1]) = (answer("2"), vec!["2"]));
        };
        check(candidate, "the candidate answers as version `2`, and `8` is the version that is rolled out");
        let stable = |toy: &Toy| {
            toy.set(|inner| (inner.versions[0], inner.labels[0]) = (answer("3"), vec!["3"]));
        };
        check(stable, "stable answers as version `3`, and `7` is the version in production");
        let away = |toy: &Toy| {
            toy.set(|inner| (inner.versions[1], inner.labels[1]) = (String::new(), vec![]));
        };
        check(away, "the candidate does not prove its version: ");
        let (toy, mlflow, world) = world("canary\n  steps: [10]", variants);
        let ran = rollout(&world, &[]).exits(0).saying("ok      candidate version: it answers as version `8`");
        assert!(!ran.says("not proven"), "{ran:#?}");
        assert_eq!((toy.candidate(), mlflow.alias("champion").as_deref()), (100, Some("8")));
    }
}

#[test]
fn servers_that_differ_are_said_to_differ() {
    let (toy, _mlflow, world) = world("canary", |_| by_signal());
    toy.set(|inner| inner.labels[1] = vec!["2", "8"]);
    rollout(&world, &[]).exits(3).saying("the candidate answers as version `2` and `8`, and `8` is");
    assert_eq!(toy.history(), [0_u64; 0]);
}

#[test]
fn a_version_that_is_not_text_or_a_whole_number_is_no_proof() {
    for (body, said) in [
        ("{\"model\": {}}", "has nothing at `/model/version`"),
        ("{\"model\": {\"version\": null}}", "neither text nor a number"),
        ("{\"model\": {\"version\": 8.5}}", "not whole"),
        ("<html>", "is not JSON"),
    ] {
        let (toy, _mlflow, world) = world("canary", by_http);
        toy.set(|inner| inner.versions[1] = body.into());
        rollout(&world, &[]).exits(3).saying(said);
        assert_eq!(toy.history(), [0_u64; 0], "{body}");
    }
    // A number is compared as text.
    let (toy, _mlflow, world) = world("direct", by_http);
    toy.set(|inner| inner.versions[1] = "{\"model\": {\"version\": 8}}".into());
    rollout(&world, &[]).exits(0);
}

#[test]
fn another_version_in_the_middle_is_rolled_back_and_no_answer_is_held() {
    let slow = |world: &World| {
        world.write("mlgate.yml", world.read("mlgate.yml").replace("step_seconds: 0.3", "step_seconds: 1.5"));
    };
    let (toy, mlflow, world) = world("direct", by_http);
    slow(&world);
    let mut child = begun(&toy, &world);
    until("the candidate has traffic", || toy.candidate() == 100);
    toy.set(|inner| inner.versions[1] = answer("2"));
    assert_eq!(child.wait().unwrap().code(), Some(1));
    let found = came_to(&world);
    let reason = "the candidate answers as version `2`, and `8` is the version that is rolled out";
    assert_eq!((&found["result"], &found["reason"]), (&json!("rolled_back"), &json!(reason)));
    assert_eq!((toy.candidate(), mlflow.alias("champion").as_deref()), (0, Some("7")));

    // Without an answer nothing is promoted, and nothing is rolled back while there is time.
    let (toy, mlflow, world) = self::world("direct", by_http);
    slow(&world);
    let mut child = begun(&toy, &world);
    until("the candidate has traffic", || toy.candidate() == 100);
    toy.set(|inner| inner.versions[1] = String::new());
    thread::sleep(Duration::from_millis(2_500));
    assert_eq!((toy.candidate(), mlflow.alias("champion").as_deref()), (100, Some("7")));
    toy.set(|inner| inner.versions[1] = answer("8"));
    assert_eq!(child.wait().unwrap().code(), Some(0), "{:#}", came_to(&world));
    assert_eq!((toy.history(), mlflow.alias("champion").as_deref()), (vec![100], Some("8")));
    // What is in production is watched for it, too.
    world.run(&["watch"]).exits(0);
    toy.set(|inner| inner.versions[1] = String::new());
    world.run(&["watch"]).exits(3).saying("does not prove its version");
    assert_eq!(toy.candidate(), 100);
    toy.set(|inner| inner.versions[1] = answer("2"));
    world.run(&["watch"]).exits(1).saying(reason);
    assert_eq!((toy.candidate(), mlflow.alias("champion").as_deref()), (0, Some("7")));
}

#[test]
fn what_was_promoted_does_not_lose_its_traffic_to_another_version_than_the_one_before() {
    let (toy, mlflow, world) = world("direct", by_http);
    rollout(&world, &[]).exits(0);
    // The next version is deployed to the idle slot, and nothing has judged it there.
    toy.set(|inner| inner.versions[0] = answer("9"));
    let said = "stable answers as version `9`, and `7` is the version in production";
    world.run(&["rollback"]).exits(3).saying("traffic: FAILED").saying("nothing was moved").saying(said);
    toy.set(|inner| inner.errors[1] = 0.9);
    world.run(&["watch", "--seconds", "5"]).exits(3).saying("requests failed").saying("traffic: FAILED").saying(said);
    assert_eq!((toy.history(), mlflow.alias("champion").as_deref()), (vec![100], Some("8")));
    toy.set(|inner| inner.versions[0] = answer("7"));
    world.run(&["rollback"]).exits(0);
    assert_eq!((toy.candidate(), mlflow.alias("champion").as_deref()), (0, Some("7")));
}

#[test]
fn after_a_hand_over_the_versions_are_those_of_the_slots() {
    for variants in [by_http as fn(&Toy) -> String, |_| by_signal()] {
        let (toy, mlflow, world) = world("canary\n  steps: [10]", variants);
        rollout(&world, &[]).exits(0);
        world.write("report.json", world.read("report.json").replace("\"version\":\"8\"", "\"version\":\"9\""));
        let said = "the candidate answers as version `7`, and `9` is the version that is rolled out";
        rollout(&world, &[]).exits(3).saying("stable version: it answers as version `8`").saying(said);
        toy.set(|inner| (inner.versions[0], inner.labels[0]) = (answer("9"), vec!["9"]));
        rollout(&world, &[]).exits(0).saying("candidate version: it answers as version `9`");
        assert_eq!((toy.candidate(), mlflow.alias("champion").as_deref()), (0, Some("9")));
    }
}

#[test]
fn a_watch_at_0_percent_says_which_version_users_get() {
    let (toy, _mlflow, world) = world("direct", by_http);
    rollout(&world, &[]).exits(0);
    // An operator gave stable everything: users are back at the version before.
    toy.set(|inner| inner.weights = [100, 0]);
    world.run(&["watch"]).exits(0).saying("an operator gave stable all of the traffic").saying("users get version `7`");
    // Or deployed what was promoted to stable.
    toy.set(|inner| inner.versions[0] = answer("8"));
    world
        .run(&["watch"])
        .exits(0)
        .saying("stable has all of the traffic, and answers as version `8`, which was promoted");
    // Nor is a restart a reason to move what is right.
    toy.set(|inner| inner.since = std::time::Instant::now());
    world
        .run(&["watch"])
        .exits(0)
        .saying("stable has all of the traffic, and answers as version `8`, which was promoted");
    assert_eq!((toy.candidate(), toy.history()), (0, vec![100]));
}

#[test]
fn without_variants_it_is_said_once_in_each_place() {
    let toy = Toy::start([0.005, 0.005]);
    let world = toy.world("direct");
    let said = "which version stable and the candidate answer with is not proven";
    rollout(&world, &["--dry-run"]).exits(0).saying("warning versions: ").saying(said);
    rollout(&world, &[]).exits(0).saying(said);
    assert_eq!(world.read("mlgate-report/rollout.md").matches(said).count(), 1);
    assert_eq!(came_to(&world)["problems"].as_array().unwrap().len(), 1);
}

#[test]
fn outputs_say_what_serves_and_whether_anything_was_moved() {
    let found = |world: &World| -> BTreeMap<String, String> { outputs(world).into_iter().collect() };
    let said = |found: &BTreeMap<String, String>| (found["serving-version"].clone(), found["moved"].clone());
    let toy = Toy::start([0.005, 0.005]);
    let world = action(&toy, "push", &[]);
    let config = world.read("workspace/mlgate.yml") + &by_http(&toy);
    world.write("workspace/mlgate.yml", config);
    act(&world).exits(0);
    assert_eq!(said(&found(&world)), ("8".to_owned(), "true".to_owned()));
    // The job is run again: nothing moves.
    act(&world).exits(0).saying("it is in production already");
    assert_eq!(said(&found(&world)), ("8".to_owned(), "false".to_owned()));
    // And again, when users get another version.
    toy.set(|inner| inner.versions[1] = answer("2"));
    act(&world).exits(3).saying("the candidate answers as version `2`, and `8` is");
    assert_eq!(said(&found(&world)), ("2".to_owned(), "false".to_owned()));
}

#[test]
fn a_version_is_read_in_one_way_and_by_a_pointer() {
    for (version, said) in [
        ("{ url: 'http://127.0.0.1:1', signal: up, label: v }", "either `url` and `pointer`, or `signal` and `label`"),
        ("{ url: 'http://127.0.0.1:1' }", "either `url` and `pointer`, or `signal` and `label`"),
        ("{ url: 'http://127.0.0.1:1', pointer: model.version }", "does not start with `/`"),
        ("{ roundtrip: rows.csv }", "roundtrip"),
        ("{ url: 'http://169.254.169.254/v', pointer: /v }", "link-local"),
    ] {
        let toy = Toy::start([0.0, 0.0]);
        let world = toy.world("canary");
        let variants = format!("  variants: {{ candidate: {{ version: {version} }} }}\n");
        world.write("mlgate.yml", world.read("mlgate.yml") + &variants);
        let ran = rollout(&world, &[]).saying(said);
        assert!(ran.exit == 2 || said == "link-local" && ran.exit == 3, "{ran:#?}");
        assert_eq!(toy.history(), [0_u64; 0]);
    }
}
