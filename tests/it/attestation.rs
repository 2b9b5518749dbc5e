//! Only what was judged goes out: forged journals, reports of proposals, commits that nobody merged. Each is refused, and
//! stable has its traffic, or gets it back.

use serde_json::{Value, json};

use crate::github::{BASE, HEAD, MERGE, Repository};
use crate::rollout::{KEY, Toy, came_to, main_branch, on_github, rollout, sha256};
use crate::world::World;

const PATH: &str = "mlgate/risk.rollout.json";

/// What whoever can push to the journal's branch could write there.
fn forged(outcome: Option<&str>) -> Value {
    let now = chrono::Utc::now().timestamp() as f64;
    let ended = outcome.map(|outcome| json!({ "outcome": outcome, "reason": "every stage was within its limits" }));
    json!({
        "schema_version": 1, "strategy": "direct", "name": "risk", "version": "666", "previous_version": "13",
        "stages": [{ "weight": 100, "mirror": 0 }], "report_sha256": "f00d",
        "vouched": { "version": "666", "model_sha256": null, "data_fingerprint": null, "commit": MERGE },
        "started_at": now - 400.0, "heartbeat_at": now - 400.0, "next_look_by": null, "by": "nobody",
        "state": {
            "stage": 0, "is_set": true, "stage_at": now - 400.0, "looks": 3, "base": null,
            "current": { "stable": { "requests": 0, "errors": 0 }, "candidate": { "requests": 0, "errors": 0 } },
            "earlier": [], "beyond": {}, "blind": 0, "hold_since": null, "sent": 0, "lost": 0, "said": "", "ended": ended,
        },
        "is_settled": false,
    })
}

/// A repository whose branch of journals holds this.
fn with_journal(journal: &str) -> Value {
    json!({
        "refs": { "main": MERGE, "mlgate-state": HEAD },
        "commits": { HEAD: { "parents": [MERGE] } },
        "files": { MERGE: { "mlgate.yml": "" }, HEAD: { "mlgate.yml": "", PATH: journal } },
    })
}

#[test]
fn a_forged_journal_on_a_branch_promotes_nothing() {
    for outcome in [Some("promoted"), None] {
        let toy = Toy::start([0.0, 0.0]);
        toy.set(|inner| inner.weights = [0, 100]);
        let (repository, world) = on_github(&toy, "", with_journal(&forged(outcome).to_string()));
        for command in [["rollout"].as_slice(), &["rollout", "--once"], &["watch"]] {
            world.run(command).exits(3).saying("is not signed").saying("nothing was moved");
        }
        rollout(&world, &[]).exits(3).saying("is not signed");
        assert_eq!((toy.history(), &repository.state()["writes"]), (Vec::new(), &json!([])));
        // Where both have traffic, stable gets its own back, and nothing else happens.
        for command in [["rollout"], ["watch"]] {
            toy.set(|inner| inner.weights = [70, 30]);
            world.run(&command).exits(3).saying("stable has all of the traffic again");
            assert_eq!((toy.candidate(), &came_to(&world)["result"]), (0, &json!("aborted")));
        }
        assert_eq!(repository.state()["writes"], json!([]));
        repository.is_as_described();
    }
    // Neither does one that is signed for another journal, nor one that is no journal at all.
    let toy = Toy::start([0.0, 0.0]);
    let mut wrong = forged(None);
    wrong["signature"] = json!("00".repeat(32));
    // GitHub does not answer with what is in a large file.
    let large = " ".repeat(1_100_000);
    for (journal, said) in [
        (wrong.to_string(), "signature that is not valid"),
        ("{".to_owned(), "is not an entry"),
        (large, "is not an entry"),
    ] {
        let (_repository, world) = on_github(&toy, "", with_journal(&journal));
        world.run(&["watch"]).exits(3).saying(said);
        rollout(&world, &["--dry-run"]).exits(3).saying(said);
    }
}

#[test]
fn an_older_entry_that_is_pushed_again_is_lost() {
    let toy = Toy::start([0.005, 0.005]);
    let (repository, world) = on_github(&toy, "", main_branch());
    rollout(&world, &[]).exits(0);
    world.run(&["watch"]).exits(0).saying("in order");
    let state = repository.state();
    let writes = state["writes"].as_array().unwrap();
    let text = |at: usize| writes[at]["content"].as_str().unwrap();
    let tip = state["refs"]["mlgate-state"].as_str().unwrap();
    let commit = |digit: &str| digit.repeat(40);
    // Correctly signed entries of this very journal, from the middle of the rollout: one, two in their order, or one
    // that a merge brings.
    let put = |head: &str, parents: Value, text: &str| {
        repository.setup(json!({
            "refs": { "mlgate-state": head }, "commits": { head: { "parents": parents } }, "files": { head: { PATH: text } },
        }));
    };
    put(&commit("a"), json!([tip]), text(1));
    let replayed = || {
        world.run(&["watch"]).exits(3).saying("an older entry was put back");
        world.run(&["rollout"]).exits(3).saying("an older entry was put back");
        assert_eq!(toy.candidate(), 100);
    };
    replayed();
    put(&commit("b"), json!([commit("a")]), text(2));
    replayed();
    let old = writes[1]["commit"].as_str().unwrap();
    put(&commit("c"), json!([old, commit("b")]), text(1));
    replayed();
    put(&commit("d"), json!([commit("b"), old]), text(1));
    replayed();
    // What a person writes over it is a journal again.
    world.run(&["rollback"]).exits(0).saying("an older entry was put back");
    assert_eq!(toy.candidate(), 0);
    world.run(&["watch"]).exits(0);
    repository.is_as_described();
}

#[test]
fn journals_of_several_models_share_a_branch() {
    let toys = [Toy::start([0.005, 0.005]), Toy::start([0.005, 0.005])];
    let (repository, world) = on_github(&toys[0], "", main_branch());
    rollout(&world, &["--once"]).exits(0);
    let payload = json!({ "repository": { "full_name": repository.name, "default_branch": "main" } });
    let other = repository.runs(World::new(), "push", &payload).variable("MLGATE_JOURNAL_KEY", KEY);
    let config = toys[1].config("direct").replace("name: risk", "name: other");
    other.write("mlgate.yml", config.replace("{ path: journal.json }", "{ branch: mlgate-state }"));
    other.write("report.json", world.read("report.json").replace("\"name\":\"risk\"", "\"name\":\"other\""));
    rollout(&other, &[]).exits(0);
    // The other one's commits lie between: both are what was signed.
    rollout(&world, &["--once"]).exits(0);
    world.run(&["watch"]).exits(0);
    other.run(&["watch"]).exits(0).saying("in order");
    repository.is_as_described();
}

#[test]
fn a_journal_on_a_branch_takes_a_key_and_giving_stable_back_takes_none() {
    let toy = Toy::start([0.005, 0.005]);
    let (repository, keyed) = on_github(&toy, "", main_branch());
    rollout(&keyed, &[]).exits(0);
    let payload = json!({ "repository": { "full_name": repository.name, "default_branch": "main" } });
    let world = repository.runs(World::new(), "push", &payload);
    for file in ["mlgate.yml", "report.json"] {
        world.write(file, keyed.read(file));
    }
    for command in [["rollout"], ["watch"]] {
        world.run(&command).exits(2).saying("needs `journal-key`");
    }
    rollout(&world, &[]).exits(2).saying("needs `journal-key`");
    let short = ["--journal-key", "short"];
    rollout(&world, &short).exits(2).saying("key 1 of `journal-key` has 5 bytes, fewer than the minimum of 16");
    world.run(&["check", "--min-rows", "1", "--journal-key", "short"]).exits(2).saying("fewer than the minimum of 16");
    assert_eq!(toy.candidate(), 100);
    world.run(&[["rollback"].as_slice(), &short].concat()).exits(3).saying("fewer than the minimum");
    assert_eq!(toy.candidate(), 0);
    toy.set(|inner| inner.weights = [50, 50]);
    world.run(&["rollback"]).exits(3).saying("is not written without `journal-key`");
    assert_eq!(toy.candidate(), 0);
}

#[test]
fn a_key_is_replaced_without_losing_the_journal() {
    let toy = Toy::start([0.005, 0.005]);
    let world = toy.world("canary\n  steps: [10]");
    let (old, new) = ("MLGATE_JOURNAL_KEY", "another key, which is the new one");
    let first = sha256(&world);
    let run = |key: &str, arguments: &[&str]| world.finish(world.command(arguments).env(old, key));
    run(KEY, &["rollout", "--report-sha256", &first, "--once"]).exits(0);
    let both = format!("{new}\n{KEY}\n");
    run(new, &["watch"]).exits(3).saying("signature that is not valid").saying("stable has all of the traffic again");
    toy.set(|inner| inner.weights = [90, 10]);
    run(&both, &["rollout", "--once"]).exits(0);
    run(new, &["watch"]).exits(0).saying("waits for its next look");
    // Without any key a signed one cannot be verified: nothing is moved.
    world.run(&["watch"]).exits(2).saying("is signed, and `journal-key` is not set");
    assert_eq!(toy.candidate(), 10);
    // What is in it is what was signed.
    world.write("journal.json", world.read("journal.json").replace("\"stage\":0", "\"stage\":1"));
    run(new, &["rollout"]).exits(3).saying("signature that is not valid");
    assert_eq!(toy.candidate(), 0);
}

#[test]
fn a_journal_without_a_signature_needs_the_report_again() {
    let toy = Toy::start([0.005, 0.005]);
    let world = toy.world("canary\n  steps: [10]");
    rollout(&world, &["--once"]).exits(0);
    let report = world.read("report.json");
    let journal = world.read("journal.json");
    std::fs::remove_file(world.path("report.json")).unwrap();
    world.run(&["rollout", "--once"]).exits(2).saying("the journal's word alone lets no model out");
    // Another report, another model: neither is what the journal names.
    world.write("report.json", report.replace("passed", "Passed"));
    world.run(&["rollout", "--once"]).exits(2).saying("the report's SHA-256 is");
    world.write("report.json", &report);
    world.write("journal.json", journal.replace("\"model_sha256\":null", "\"model_sha256\":\"beef\""));
    world.run(&["rollout", "--once"]).exits(3).saying("of another model than the rollout that is under way");
    assert_eq!(toy.candidate(), 0);
    world.write("journal.json", &journal);
    toy.set(|inner| inner.weights = [90, 10]);
    world.run(&["rollout", "--once"]).exits(0);
    // What nobody carried on for longer than a report may be old begins anew.
    let mut old: Value = serde_json::from_str(&journal).unwrap();
    for key in ["heartbeat_at", "next_look_by"] {
        old[key] = json!(old[key].as_f64().unwrap() - 90_000.0);
    }
    world.write("journal.json", old.to_string());
    world.run(&["rollout", "--once"]).exits(3).saying("hours ago").saying("stable has all of the traffic again");
    assert_eq!(toy.candidate(), 0);
}

/// A rollout on GitHub whose report is edited first.
fn reported(setup: Value, edit: impl FnOnce(&mut Value)) -> (Toy, Repository, World) {
    let toy = Toy::start([0.005, 0.005]);
    let (repository, world) = on_github(&toy, "", setup);
    let mut report: Value = serde_json::from_str(&world.read("report.json")).unwrap();
    edit(&mut report);
    world.write("report.json", report.to_string());
    (toy, repository, world)
}

#[test]
fn a_report_of_a_proposal_lets_nothing_out() {
    for pipeline in [
        json!({ "event": "pull_request", "proposal": true }),
        json!({ "event": "pull_request" }),
        json!({ "event": "workflow_run", "proposal": true }),
        json!({ "event": "workflow_run" }),
        json!({ "event": "issues" }),
    ] {
        let (toy, _repository, world) = reported(main_branch(), |report| report["pipeline"] = pipeline.clone());
        rollout(&world, &[]).exits(2).saying("which may judge what is only proposed");
        assert_eq!(toy.history(), [0_u64; 0], "{pipeline}");
    }
    let (toy, _repository, world) = reported(main_branch(), |report| report["pipeline"] = json!({}));
    rollout(&world, &[]).exits(2).saying("does not record which event");
    assert_eq!(toy.history(), [0_u64; 0]);
}

#[test]
fn a_report_of_a_commit_that_was_not_merged_lets_nothing_out() {
    let tree = json!({
        "refs": { "main": MERGE, "change": HEAD },
        "commits": { BASE: { "parents": [] }, MERGE: { "parents": [BASE] }, HEAD: { "parents": [BASE] } },
        "files": { MERGE: { "mlgate.yml": "" } },
    });
    let unknown = "4444444444444444444444444444444444444444";
    for (commit, said) in [
        (json!(HEAD), "is not on the default branch `main`"),
        (json!(unknown), "or the token may not see it"),
        (json!("main"), "is not a commit"),
        (Value::Null, "does not record which commit"),
    ] {
        let (toy, repository, world) = reported(tree.clone(), |report| report["commit"] = commit.clone());
        rollout(&world, &[]).exits(2).saying(said);
        rollout(&world, &["--dry-run"]).exits(2).saying(said);
        assert_eq!(toy.history(), [0_u64; 0], "{commit}");
        repository.is_as_described();
    }
    // An earlier commit of the default branch will do, whatever the runner's own is.
    let (_toy, repository, world) = reported(tree, |report| report["commit"] = json!(BASE));
    rollout(&world, &[]).exits(0);
    repository.is_as_described();
    // Who cannot ask does not guess.
    let (toy, repository, world) = reported(main_branch(), |_| ());
    repository.faults(
        json!([{ "method": "GET", "path_contains": "/compare/", "action": "answer", "status": 503, "body": {} }]),
    );
    rollout(&world, &[]).exits(3).saying("asked to compare the judged commit");
    assert_eq!(toy.history(), [0_u64; 0]);
}

#[test]
fn a_rollout_on_a_schedule_learns_the_default_branch() {
    // A schedule's payload has no repository.
    let schedule = |world: &World| {
        world.write(
            "event.json",
            json!({ "schedule": "0 3 * * *", "workflow": ".github/workflows/ml.yml" }).to_string(),
        );
    };
    let setup =
        json!({ "default_branch": "trunk", "refs": { "trunk": MERGE }, "files": { MERGE: { "mlgate.yml": "" } } });
    let (toy, repository, world) = reported(setup, |_| ());
    let world = world.variable("GITHUB_EVENT_NAME", "schedule");
    schedule(&world);
    rollout(&world, &["--dry-run"]).exits(0);
    rollout(&world, &[]).exits(0);
    assert_eq!(toy.candidate(), 100);
    repository.is_as_described();
    // Who is not told does not guess.
    let (toy, repository, world) = reported(main_branch(), |_| ());
    schedule(&world);
    let name = &repository.name;
    repository.faults(
        json!([{ "method": "GET", "path_ends": format!("/repos/{name}"), "action": "answer", "status": 503, "body": {} }]),
    );
    rollout(&world, &[]).exits(3).saying("asked to read the default branch");
    assert_eq!(toy.history(), [0_u64; 0]);
}

#[test]
fn a_tag_that_is_named_as_the_default_branch_is_not_it() {
    let tree = json!({
        "refs": { "main": MERGE, "tags/main": HEAD },
        "commits": { BASE: { "parents": [] }, MERGE: { "parents": [BASE] }, HEAD: { "parents": [BASE] } },
        "files": { MERGE: { "mlgate.yml": "" } },
    });
    let (toy, repository, world) = reported(tree.clone(), |report| report["commit"] = json!(HEAD));
    rollout(&world, &[]).exits(2).saying("is not on the default branch `main`");
    assert_eq!(toy.history(), [0_u64; 0]);
    repository.is_as_described();
    let (_toy, _repository, world) = reported(tree, |_| ());
    rollout(&world, &[]).exits(0);
}

#[test]
fn a_forged_journal_does_not_spare_the_checks_of_a_start() {
    let tree = json!({
        "refs": { "main": MERGE, "change": HEAD },
        "commits": { MERGE: { "parents": [BASE] }, HEAD: { "parents": [BASE] } },
        "files": { MERGE: { "mlgate.yml": "" } },
    });
    for outcome in [None, Some("promoted")] {
        let (toy, _repository, world) = reported(tree.clone(), |report| report["commit"] = json!(HEAD));
        world.write("mlgate.yml", toy.config("direct"));
        let mut entry = forged(outcome);
        (entry["version"], entry["report_sha256"]) = (json!("8"), json!(sha256(&world)));
        entry["started_at"] = json!(chrono::Utc::now().timestamp() as f64);
        world.write("journal.json", entry.to_string());
        toy.set(|inner| inner.weights = [0, 100]);
        let run = |arguments: &[&str]| world.finish(world.command(arguments).env_remove("MLGATE_JOURNAL_KEY"));
        for arguments in [["rollout"].as_slice(), &["rollout", "--report-sha256", &sha256(&world)]] {
            run(arguments).exits(3).saying("is not on the default branch").saying("nothing was moved");
        }
        if outcome.is_some() {
            run(&["watch"]).exits(3).saying("cannot be finished on the journal's word");
        }
        assert_eq!(toy.history(), [0_u64; 0]);
        let journal: Value = serde_json::from_str(&world.read("journal.json")).unwrap();
        assert_eq!(journal["is_settled"], false);
    }
}

#[test]
fn an_entry_of_another_repository_is_lost_though_it_has_the_same_key() {
    let toy = Toy::start([0.005, 0.005]);
    let (repository, world) = on_github(&toy, "", main_branch());
    rollout(&world, &[]).exits(0);
    let state = repository.state();
    let entry = state["writes"].as_array().unwrap().last().unwrap()["content"].as_str().unwrap().to_owned();
    let (_other, world) = on_github(&toy, "", with_journal(&entry));
    world.run(&["watch"]).exits(3).saying("signature that is not valid for `journal-key` and this journal");
    assert_eq!(toy.candidate(), 100);
}

#[test]
fn a_default_branch_may_have_any_name() {
    let toy = Toy::start([0.005, 0.005]);
    let setup = json!({
        "default_branch": "release/1.x#a", "refs": { "release/1.x#a": MERGE }, "files": { MERGE: { "mlgate.yml": "" } },
    });
    let (repository, world) = on_github(&toy, "", setup);
    let payload = json!({ "repository": { "full_name": repository.name, "default_branch": "release/1.x#a" } });
    world.write("event.json", payload.to_string());
    rollout(&world, &[]).exits(0);
    repository.is_as_described();
}

#[test]
fn a_report_says_which_event_it_is_of() {
    let repository = Repository::with_pull_request(&json!({}), &json!({}));
    let world = repository.proposes(World::new());
    world.write("data.csv", "y\n0\n1\n");
    let ran = world.check(&["--data", "data.csv", "--min-rows", "1", "--journal-key", "a secret of many characters"]);
    assert_eq!(
        (&ran.report["pipeline"]["event"], &ran.report["pipeline"]["proposal"]),
        (&json!("pull_request"), &json!(true))
    );
    assert!(!ran.says("a secret of many characters"), "{ran:#?}");
    let payload = json!({ "repository": { "full_name": repository.name, "default_branch": "main" } });
    let world = repository.runs(World::new(), "push", &payload);
    world.write("data.csv", "y\n0\n1\n");
    let ran = world.check(&["--data", "data.csv", "--min-rows", "1"]).exits(0);
    assert_eq!(
        (&ran.report["pipeline"]["event"], &ran.report["pipeline"]["proposal"]),
        (&json!("push"), &json!(false))
    );
    let world = World::with_checks("y\n0\n1\n", "- row_count: { min: 1 }");
    assert_eq!(world.check(&[]).exits(0).report["pipeline"]["event"], Value::Null);
}

#[test]
fn no_config_can_have_the_key_sent() {
    let toy = Toy::start([0.0, 0.0]);
    let world = toy.world("canary");
    world.write(
        "mlgate.yml",
        world.read("mlgate.yml").replace("prometheus: {", "prometheus: { token_env: MLGATE_JOURNAL_KEY,"),
    );
    rollout(&world, &[]).exits(2).saying("rollout.signals.prometheus.token_env").saying("MLGATE_JOURNAL_KEY");
}
