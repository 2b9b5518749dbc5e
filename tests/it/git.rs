//! A baseline at a git ref, without a clone.

use std::net::TcpListener;

use serde_json::{Value, json};

use crate::github::{Repository, uri};
use crate::model::predictions;
use crate::world::World;

const SHA: &str = "6dcb09b5b57875f334f61aebed695e2e4193db5e";

fn repository() -> Repository {
    Repository::new(json!({
        "refs": { "release/v1": SHA },
        "commits": { SHA: { "parents": [] } },
        "files": { SHA: { "out/metrics.json": r#"{"accuracy": 0.87}"#, "out/p of v1.csv": predictions(5) } },
    }))
}

fn world(repository: &Repository, baseline: &str) -> World {
    let world = World::new();
    world.write("p.csv", predictions(10));
    world.write(
        "mlgate.yml",
        format!("model:\n  predictions: {{ path: p.csv, key: key }}\n  baseline: {baseline}\n  checks: [improvement: {{ metric: accuracy }}]\n"),
    );
    world
        .variable("GITHUB_API_URL", uri())
        .variable("GITHUB_REPOSITORY", &repository.name)
        .variable("GITHUB_TOKEN", &repository.token)
}

#[test]
fn a_file_at_a_ref_is_read_at_the_commit_that_it_is_now() {
    let repository = repository();
    let metrics = world(&repository, "{ git: { ref: release/v1, path: out/metrics.json } }");
    let ran = metrics.check(&[]).exits(0).saying("out/metrics.json at release/v1 (6dcb09b)");
    assert_eq!(ran.verdicts()[0]["values"]["baseline"], 0.87);
    assert_eq!(ran.report["baseline"]["version"], SHA);
    assert!(!ran.says(&repository.token), "{ran:#?}");
    let table = world(&repository, "'git:release/v1:out/p of v1.csv'").check(&[]).exits(0);
    assert_eq!(table.verdicts()[0]["values"]["baseline"], 0.8);
    assert_eq!(table.report["tables"]["baseline"]["rows"], 200);
    // What is not there may be the first model, if the config says so.
    world(&repository, "git:main:out/metrics.json")
        .check(&[])
        .exits(3)
        .saying("has no ref `main`, or the token may not read it");
    world(&repository, "git:release/v1:nowhere.json")
        .check(&[])
        .exits(3)
        .saying("has no file `nowhere.json` at `release/v1`");
    let first = world(&repository, "{ git: { ref: main, path: m.json }, missing: skip }").check(&[]).exits(0);
    assert_eq!(first.statuses(), "skipped");
    let requests = repository.state()["requests"].as_array().unwrap().clone();
    assert_eq!(requests.len(), 8, "{requests:#?}");
    assert!(requests[1]["query"].to_string().contains(SHA), "{requests:#?}");
    repository.is_as_described();
}

#[test]
fn what_github_refuses_is_named_with_what_to_write() {
    let refused = |status: u16, path: &str, body: Value, said: &str| {
        let repository = repository();
        repository.faults(json!([{ "path_contains": path, "action": "answer", "status": status, "body": body }]));
        world(&repository, "{ git: { ref: release/v1, path: out/metrics.json }, missing: skip }")
            .check(&[])
            .exits(3)
            .saying(said);
        repository.is_as_described();
    };
    refused(401, "/commits/", json!({ "message": "Bad credentials" }), "does not know the token (401)");
    refused(403, "/contents/", json!({ "message": "Resource not accessible by integration" }), "add `contents: read`");
    refused(302, "/contents/", json!(""), "answers 302");
    refused(503, "/contents/", json!(""), "does not answer");
    refused(200, "/contents/", json!("<html>"), "no map of names and numbers");
    refused(200, "/commits/", json!("<html>"), "names no commit for `release/v1`");
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let gone = world(&repository(), "git:main:m.json").variable("GITHUB_API_URL", format!("http://{free}"));
    gone.check(&[]).exits(3).saying("does not answer");
    let nameless = World::new();
    nameless
        .write("p.csv", predictions(10))
        .write("mlgate.yml", "model: { predictions: p.csv, baseline: 'git:main:m.json', checks: [improvement: {}] }");
    nameless.check(&[]).exits(2).saying("GITHUB_REPOSITORY");
}

#[test]
fn a_path_of_a_pull_request_leads_to_no_other_part_of_the_api() {
    let repository = repository();
    for (reference, path) in [
        ("main", "../../../../user/repos.json"),
        ("main", "out/../../secret.json"),
        ("main", "/etc/passwd.json"),
        ("../../../user", "m.json"),
        ("a//b", "m.json"),
        (".", "m.json"),
    ] {
        let world =
            world(&repository, &format!("{{ git: {{ ref: \"{reference}\", path: \"{path}\" }}, missing: skip }}"));
        world.check(&[]).exits(2).saying("names no file of the repository");
    }
    assert_eq!(repository.requests(), [""; 0]);
}
