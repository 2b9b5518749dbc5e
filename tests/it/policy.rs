//! Under a policy of the base: what a proposal can still change, and what it cannot change without being listed.

use serde_json::{Value, json};

use crate::endpoint::{Answer, Served};
use crate::github::{BASE, HEAD, MERGE, Repository, act, pull_request};
use crate::world::{Ran, World};

const STRICT: &str = "data: { path: data.csv, checks: [row_count: { min: 100 }] }\n";
const LAX: &str = "data: { path: data.csv, checks: [row_count: { min: 2 }] }\n";
const DATA: &str = "a,b\n1,x\n2,y\n3,z\n";
const FILE: &str = ".github/workflows/ml.yml";

fn edits(ran: &Ran) -> Vec<String> {
    let edits = ran.report["gate_edits"]["edits"].as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or("none").to_owned();
    edits
        .iter()
        .map(|edit| format!("{}: {} → {}", text(&edit["rule"]), text(&edit["from"]), text(&edit["to"])))
        .collect()
}

/// A pull request of these configs, judged in a world with these files.
fn proposed(base: &str, head: &str, files: &[(&str, &str)]) -> (Repository, World) {
    let repository = Repository::with_pull_request(&json!({ "mlgate.yml": base }), &json!({ "mlgate.yml": head }));
    let world = World::new();
    world.write("mlgate.yml", head);
    for (name, text) in files {
        world.write(name, text);
    }
    let world = repository.proposes(world);
    (repository, world)
}

/// The pull request also changes these files.
fn changes(repository: &Repository, files: &[&str]) {
    repository.setup(json!({ "pulls": [{ "number": 7, "files": files,
        "head": { "sha": HEAD, "ref": "change", "repo": repository.name }, "base": { "sha": BASE, "ref": "main" } }] }));
}

#[test]
fn an_endpoint_is_asked_and_read_as_the_base_says() {
    let served = Served::start(|request| {
        let body: Value = serde_json::from_str(&request.body).unwrap_or_default();
        let rows = body["rows"].as_array().cloned().unwrap_or_default();
        let right: Vec<u64> = rows.iter().map(|row| row["age"].as_u64().unwrap_or(0) % 2).collect();
        let wrong: Vec<u64> = right.iter().map(|label| 1 - label).collect();
        Answer::json(&json!({ "answer": wrong, "forged": right }).to_string())
    });
    let config = |pointer: &str| {
        format!(
            "data: {{ test: test.csv, target: label }}\nmodel:\n  endpoint: {{ url: '{}', request: '{{\"rows\": {{{{rows}}}}}}', predictions: {pointer} }}\n  \
             checks: [metric: {{ name: accuracy, min: 0.9 }}]\n",
            served.url()
        )
    };
    let test: String = (0..40).map(|row| format!("{},{}\n", 20 + row, row % 2)).collect();
    let (base, head) = (config("/answer"), config("/forged"));
    let files = [("test.csv", format!("age,label\n{test}"))];
    let files = [(files[0].0, files[0].1.as_str())];
    let (repository, world) = proposed(&base, &head, &files);
    let listed = "`model.endpoint.predictions`: `/answer` → `/forged`";
    assert_eq!(edits(&act(&world, &[]).exits(0)), [listed]);
    for policy in ["base", "stricter"] {
        let ran = act(&world, &[("policy", policy)]).exits(1);
        assert_eq!(
            (ran.verdicts()[0]["observed"].as_f64(), edits(&ran)),
            (Some(0.0), vec![listed.to_owned()]),
            "{policy}"
        );
    }
    repository.is_as_described();
}

#[test]
fn a_table_to_compare_with_is_the_bases() {
    let config = |reference: &str| {
        format!(
            "data: {{ path: data.csv, reference: {reference}, checks: [row_count: {{ max_change_percent: 10 }}] }}\n"
        )
    };
    let files = [("data.csv", DATA), ("like.csv", DATA), ("ref.csv", "a,b\n1,x\n")];
    let (_, world) = proposed(&config("ref.csv"), &config("like.csv"), &files);
    act(&world, &[]).exits(0);
    for policy in ["base", "stricter"] {
        let ran = act(&world, &[("policy", policy)]).exits(1);
        assert_eq!(edits(&ran), ["`data.reference`: `ref.csv` → `like.csv`"], "{policy}");
    }
}

#[test]
fn files_that_are_rewritten_in_place_are_listed_whatever_names_them() {
    let config = |reference: &str| {
        format!(
            "data: {{ path: data.csv, reference: {reference}, checks: [row_count: {{ max_change_percent: 50 }}] }}\n"
        )
    };
    for (reference, changed) in [
        ("refs/*.csv", "refs/part.csv"),
        ("refs", "refs/part.csv"),
        ("./x/../refs/part.csv", "refs/part.csv"),
        ("refs/part.csv", "refs/part.csv.dvc"),
        ("refs/part.csv", "refs"),
        ("link.csv", "refs/part.csv"),
    ] {
        let text = config(reference);
        let (repository, world) = proposed(&text, &text, &[("data.csv", DATA), ("refs/part.csv", DATA), ("x/y", "")]);
        std::os::unix::fs::symlink("refs/part.csv", world.path("link.csv")).unwrap();
        changes(&repository, &["data.csv", changed]);
        let listed = format!("the file of `data.reference`: none → `{reference}` as this pull request has it");
        for policy in ["head", "base"] {
            assert_eq!(edits(&act(&world, &[("policy", policy)]).exits(0)), [listed.as_str()], "{reference} {changed}");
        }
        repository.is_as_described();
    }
    // What is judged is the pull request's own, and so is what nothing names.
    let text = config("refs/part.csv");
    let (repository, world) = proposed(&text, &text, &[("data.csv", DATA), ("refs/part.csv", DATA)]);
    changes(&repository, &["data.csv", "refs/other.csv"]);
    assert_eq!(act(&world, &[]).exits(0).report["gate_edits"], Value::Null);
}

#[test]
fn a_history_and_a_metrics_file_are_goalposts() {
    let text = "data: { path: data.csv, checks: [anomaly: { statistic: row_count, min_runs: 2 }] }\nmodel: { metrics: m.json, checks: [metric: { name: accuracy, min: 0.5 }] }\n";
    let (repository, world) = proposed(text, text, &[("data.csv", DATA), ("m.json", r#"{"accuracy": 0.9}"#)]);
    changes(&repository, &["runs.jsonl", "m.json"]);
    let ran = act(&world, &[("history", "runs.jsonl")]).exits(0);
    assert_eq!(
        edits(&ran),
        [
            "the file of `model.metrics`: none → `m.json` as this pull request has it",
            "the file of `history`: none → `runs.jsonl` as this pull request has it",
        ]
    );
}

#[test]
fn more_files_than_github_lists_are_no_way_to_hide_one() {
    let text = "data: { path: data.csv, reference: ref.csv, checks: [row_count: { max_change_percent: 50 }] }\n";
    let (repository, world) = proposed(text, text, &[("data.csv", DATA), ("ref.csv", DATA)]);
    let own = json!({ FILE: "jobs: { gate: { steps: [ { uses: mlgate/mlgate@v1 } ] } }" });
    repository.setup(json!({ "files": { BASE: own, HEAD: own } }));
    let names: Vec<String> = (0..400).map(|number| format!("a/{number}")).chain(["ref.csv".into()]).collect();
    changes(&repository, &names.iter().map(String::as_str).collect::<Vec<_>>());
    let listed = "the file of `data.reference`: none → `ref.csv` as this pull request has it";
    assert_eq!(edits(&act(&world, &[]).exits(0)), [listed]);
    // Without the permission for the longer list, that is what is said.
    repository.faults(
        json!([{ "path_contains": "/pulls/7/files", "action": "answer", "status": 403, "body": { "message": "no" } }]),
    );
    let ran = act(&world, &[]).exits(0);
    assert!(
        edits(&ran).iter().any(|edit| edit.contains("unknown: there are more than GitHub lists")),
        "{:#}",
        ran.report["gate_edits"]
    );
    repository.faults(
        json!([{ "path_contains": "/compare/", "action": "answer", "status": 404, "body": { "message": "no" } }]),
    );
    let ran = act(&world, &[]).exits(0);
    assert!(edits(&ran).iter().any(|edit| edit.contains("unknown: ")), "{:#}", ran.report["gate_edits"]);
}

#[test]
fn a_merge_queue_is_held_to_the_policy() {
    let repository = Repository::with_pull_request(&json!({ "mlgate.yml": STRICT }), &json!({ "mlgate.yml": LAX }));
    let payload = json!({ "action": "checks_requested", "merge_group": {
        "head_sha": HEAD, "head_ref": "refs/heads/gh-readonly-queue/main/pr-7-2222222",
        "base_sha": BASE, "base_ref": "refs/heads/main",
    }});
    let world = World::new();
    world.write("mlgate.yml", LAX).write("data.csv", DATA);
    let world = repository.runs(world, "merge_group", &payload).variable("GITHUB_SHA", HEAD);
    let ran = act(&world, &[]).exits(0);
    assert_eq!(
        (&ran.report["gate_edits"]["branch"], edits(&ran)),
        (&json!("main"), vec!["`row_count`: 100 → 2".to_owned()])
    );
    for policy in ["base", "stricter"] {
        let ran = act(&world, &[("policy", policy)]).exits(1);
        assert_eq!(ran.verdicts()[0]["limit"]["min"], 100.0, "{policy}");
    }
    // A payload without its commits is no way out.
    let nameless = World::new();
    nameless.write("mlgate.yml", LAX).write("data.csv", DATA);
    let nameless = repository.runs(nameless, "merge_group", &json!({}));
    act(&nameless, &[("policy", "base")]).exits(3).saying("the event names no head commit");
    repository.is_as_described();
}

#[test]
fn an_event_without_a_base_is_held_to_the_default_branch() {
    let repository = Repository::with_pull_request(&json!({ "mlgate.yml": STRICT }), &json!({ "mlgate.yml": LAX }));
    let payload =
        json!({ "action": "opened", "repository": { "full_name": repository.name, "default_branch": "main" } });
    for event in ["issues", "discussion_comment", "check_suite", "gollum", "workflow_run"] {
        let world = World::new();
        world.write("mlgate.yml", LAX).write("data.csv", DATA);
        // After a pull request's own run; a fork's would be refused before.
        let mut payload = payload.clone();
        payload["workflow_run"] = json!({ "id": 1, "event": "pull_request", "head_sha": HEAD, "head_branch": "change",
            "head_repository": { "full_name": repository.name } });
        let world = repository.runs(world, event, &payload).variable("GITHUB_SHA", BASE);
        let ran = act(&world, &[("policy", "base")]).exits(1);
        assert_eq!(ran.report["gate_edits"]["sha"], BASE, "{event}");
        assert_eq!(act(&world, &[]).exits(0).report["gate_edits"], Value::Null, "{event}");
    }
    // What is merged, or started by hand, is judged by itself.
    for event in ["push", "schedule", "workflow_dispatch"] {
        let world = World::new();
        world.write("mlgate.yml", LAX).write("data.csv", DATA);
        act(&repository.runs(world, event, &payload), &[("policy", "base")]).exits(0);
    }
    repository.is_as_described();
}

#[test]
fn a_base_branch_without_a_gate_measures_nothing() {
    for policy in ["base", "stricter"] {
        let repository = Repository::with_pull_request(&json!({}), &json!({ "mlgate.yml": LAX }));
        let world = World::new();
        world.write("mlgate.yml", LAX).write("data.csv", DATA);
        let world = repository.proposes(world);
        let ran = act(&world, &[("policy", policy)]).exits(3).saying("the branch `main` has no gate");
        assert!(ran.says("merge the first gate under `policy: head`"), "{ran:#?}");
        act(&world, &[]).exits(0);
    }
}

fn workflow(job: &str, with: &str) -> String {
    format!("jobs: {{ {job}: {{ steps: [ {{ uses: mlgate/mlgate@v1, with: {{ data: data.csv, {with} }} }} ] }} }}")
}

/// Workflows at both ends, each by its file, and a world in which `.github/workflows/ml.yml` runs.
fn with_workflows(base: &Value, head: &Value, files: &[(&str, &str)]) -> (Repository, World) {
    let repository = Repository::with_pull_request(base, head);
    let world = World::new();
    for (name, text) in files {
        world.write(name, text);
    }
    let world = repository.proposes(world);
    (repository, world)
}

#[test]
fn a_workflow_in_another_file_is_the_same_gate() {
    let (base, head) = (workflow("gate", "min-rows: 100, policy: base"), workflow("gate", "min-rows: 2"));
    let inputs = [("data", "data.csv"), ("min-rows", "2")];
    let old = ".github/workflows/old.yml";
    // Removed, and gutted but left in its place.
    for rest in [json!({}), json!({ old: "jobs: {}" })] {
        let mut after = rest.clone();
        after[FILE] = json!(head);
        let (repository, world) = with_workflows(&json!({ old: base }), &after, &[("data.csv", DATA), (FILE, &head)]);
        let ran = act(&world, &inputs).exits(1);
        assert_eq!(ran.report["gate_edits"]["policy"], "base", "{rest}");
        repository.is_as_described();
    }
    // A second gate beside the first is new.
    let both = json!({ old: base, FILE: head });
    let (_, world) = with_workflows(&json!({ old: base }), &both, &[("data.csv", DATA), (FILE, &head)]);
    act(&world, &inputs).exits(0);
}

#[test]
fn a_checkout_that_is_put_back_does_not_hide_an_edited_workflow() {
    let with = |rows: u32| {
        let gate = workflow("gate", "min-rows: \"${{ env['ROWS'] }}\", policy: stricter");
        format!("env: {{ ROWS: {rows} }}\n{gate}")
    };
    let (base, head) = (with(100), with(2));
    let inputs = [("data", "data.csv"), ("min-rows", "2")];
    // A step of the edited workflow wrote the base's text over its own.
    let (_, world) =
        with_workflows(&json!({ FILE: base }), &json!({ FILE: head }), &[("data.csv", DATA), (FILE, &base)]);
    act(&world, &inputs).exits(3).saying("the input `min-rows` is an expression over what the pull request edits");
}

#[test]
fn a_workflow_of_another_repository_is_not_the_proposals() {
    let repository = Repository::with_pull_request(&json!({ "mlgate.yml": STRICT }), &json!({ "mlgate.yml": STRICT }));
    let world = World::new();
    world.write("mlgate.yml", STRICT).write("data.csv", DATA);
    let world =
        repository.proposes(world).variable("GITHUB_WORKFLOW_REF", format!("octo/shared/{FILE}@refs/heads/main"));
    let ran = act(&world, &[("policy", "base"), ("max-null-percent", "5")]).exits(1);
    assert_eq!(ran.statuses(), "fail pass");
}

#[test]
fn inputs_that_decide_are_the_bases_and_listed() {
    let base = workflow("gate", "policy: base, history: runs.jsonl, max-memory: 500MB, min-rows: 1");
    let head = workflow("gate", "policy: base, history: empty.jsonl, check-app-id: 7, comment: off, min-rows: 1");
    let files = [("data.csv", DATA), (FILE, head.as_str())];
    let (repository, world) = with_workflows(&json!({ FILE: base }), &json!({ FILE: head }), &files);
    let inputs = [
        ("data", "data.csv"),
        ("history", "empty.jsonl"),
        ("check-app-id", "7"),
        ("comment", "off"),
        ("policy", "base"),
        ("min-rows", "1"),
    ];
    let ran = act(&world, &inputs).exits(0);
    assert_eq!(
        edits(&ran),
        [
            "input `check-app-id`: none → 7",
            "input `comment`: none → `off`",
            "input `history`: `runs.jsonl` → `empty.jsonl`",
            "input `max-memory`: `500MB` → none",
            "the workflow: none → `.github/workflows/ml.yml` as this pull request has it",
        ]
    );
    assert!(world.path("runs.jsonl").exists() && !world.path("empty.jsonl").exists());
    repository.is_as_described();
}

const ANOMALY: &str = "data: { path: data.csv, checks: [anomaly: { statistic: row_count, min_runs: 3 }] }\n";

fn rows(count: usize) -> String {
    format!("a\n{}", "1\n".repeat(count))
}

/// A digest of runs that counted so many rows, as the gate leaves it in a check run's text.
fn digest(count: usize) -> String {
    let repository = Repository::new(json!({ "refs": { "main": MERGE }, "commits": { MERGE: { "parents": [] } } }));
    let world = World::new();
    world.write("mlgate.yml", ANOMALY).write("data.csv", rows(count));
    let world = repository.runs(world, "schedule", &json!({}));
    for run in ["1", "2", "3", "4"] {
        world.finish(world.command(&[]).env("GITHUB_RUN_ID", run)).exits(0);
    }
    repository.check_runs(MERGE).last().unwrap()["output"]["text"].as_str().unwrap().to_owned()
}

fn left(text: &str, name: &str, app: Value) -> Value {
    json!({ "name": name, "app": app, "output": { "title": "t", "summary": "s", "text": text } })
}

#[test]
fn only_the_named_apps_check_runs_are_believed() {
    let (usual, forged) = (digest(100), digest(10));
    let repository =
        Repository::with_pull_request(&json!({ "mlgate.yml": ANOMALY }), &json!({ "mlgate.yml": ANOMALY }));
    let evil = json!({ "id": 7, "slug": "github-actions-plus", "name": "GitHub Actions" });
    let name = "mlgate: ml/gate";
    repository.setup(json!({ "check_runs": { BASE: [left(&usual, name, json!({})), left(&forged, name, evil)] } }));
    let world = World::new();
    world.write("mlgate.yml", ANOMALY).write("data.csv", rows(10));
    let world = repository.proposes(world);
    let ran = act(&world, &[]).exits(1);
    assert_eq!(ran.verdicts()[0]["values"]["past"][0], 100.0);
    let ran = act(&world, &[("check-app-id", "7")]).exits(0);
    assert_eq!(ran.verdicts()[0]["values"]["past"][0], 10.0);
    act(&world, &[("check-app-id", "8")]).exits(0).saying("more runs are needed");
    act(&world, &[("check-app-id", "GitHub Actions")]).exits(2);
    repository.is_as_described();
}

#[test]
fn a_digest_of_what_a_merge_brought_in_is_not_the_bases() {
    let (first, side) = ("5555555555555555555555555555555555555555", "6666666666666666666666666666666666666666");
    let name = "mlgate: ml/gate";
    let run = |on: &str| {
        let files = json!({ "mlgate.yml": ANOMALY });
        let repository = Repository::with_pull_request(&files, &files);
        repository.setup(json!({
            "commits": { BASE: { "parents": [first, side] }, first: { "parents": [] }, side: { "parents": [first] } },
            "check_runs": { on: [left(&digest(10), name, json!({}))] },
        }));
        let world = World::new();
        world.write("mlgate.yml", ANOMALY).write("data.csv", rows(10));
        act(&repository.proposes(world), &[]).exits(0).statuses()
    };
    assert_eq!((run(first).as_str(), run(side).as_str()), ("pass", "warn"));
}

#[test]
fn check_runs_that_may_not_be_read_are_a_note() {
    let (repository, world) = proposed(ANOMALY, ANOMALY, &[("data.csv", &rows(10))]);
    repository.setup(json!({ "private": true, "tokens": { "ghs_reader": { "permissions": { "contents": "read" } } } }));
    let world = world.variable("GITHUB_TOKEN", "ghs_reader");
    let ran = act(&world, &[("comment", "off"), ("check-run", "gate")]).exits(0);
    assert!(ran.says("the token cannot read check runs") && ran.says("checks: read"), "{ran:#?}");
    assert!(!ran.stdout.contains("::error"), "{}", ran.stdout);
}

#[test]
fn another_name_of_the_check_run_does_not_lose_its_past() {
    let base = workflow("gate", "policy: base, check-run: quality");
    let head = workflow("gate", "policy: base, check-run: other");
    let before = json!({ "mlgate.yml": ANOMALY, FILE: base });
    let after = json!({ "mlgate.yml": ANOMALY, FILE: head });
    let (repository, world) =
        with_workflows(&before, &after, &[("mlgate.yml", ANOMALY), ("data.csv", &rows(10)), (FILE, &head)]);
    repository.setup(json!({ "check_runs": { BASE: [left(&digest(100), "quality", json!({}))] } }));
    let ran = act(&world, &[("policy", "base"), ("check-run", "other")]).exits(1);
    assert!(edits(&ran).contains(&"input `check-run`: `quality` → `other`".to_owned()), "{ran:#?}");
}

#[test]
fn another_base_branch_is_listed() {
    let repository = Repository::with_pull_request(&json!({ "mlgate.yml": LAX }), &json!({ "mlgate.yml": LAX }));
    let run = |base: &str, policy: &str| {
        let world = World::new();
        world.write("mlgate.yml", LAX).write("data.csv", DATA);
        let mut payload = repository.payload(&repository.name);
        payload["repository"] = json!({ "full_name": repository.name, "default_branch": "main" });
        payload["pull_request"]["base"]["ref"] = json!(base);
        edits(&act(&repository.runs(world, "pull_request", &payload), &[("policy", policy)]).exits(0))
    };
    // A branch with a gate of one's own, and back to `main` once the job is green.
    assert_eq!(run("lax", "base"), ["the branch whose gate counts: `main` → `lax`"]);
    assert_eq!((run("main", "base").len(), run("lax", "head").len()), (0, 0));
}

#[test]
fn entries_that_widen_the_family_of_drift_are_listed() {
    let config = |more: &str| format!("data: {{ path: data.csv, reference: data.csv, checks: [drift{more}] }}\n");
    let rows: String = (0..60).map(|row| format!("{row},{}\n", row % 7)).collect();
    let table = format!("a,b\n{rows}");
    let head = config(", drift: { columns: [a] }, drift: { columns: [b] }");
    let (_, world) = proposed(&config(""), &head, &[("data.csv", &table)]);
    for (policy, count) in [("head", 1), ("stricter", 1), ("base", 0)] {
        let said = edits(&act(&world, &[("policy", policy)]).exits(0));
        assert_eq!(said.iter().filter(|said| *said == "`drift`: 1 → 3").count(), count, "{policy}: {said:?}");
    }
}

#[test]
fn flags_of_a_command_line_are_not_the_bases() {
    let (_, world) = proposed(LAX, LAX, &[("data.csv", DATA)]);
    let said = "limits that are inputs of a command line cannot be read at the base";
    for flags in [&["--min-rows", "1"][..], &["--fail-on", "never"], &["--now", "2020-01-01T00:00:00Z"]] {
        world.check(&[&["--policy", "base"], flags].concat()).exits(3).saying(said);
    }
    let ran = world.check(&["--policy", "base", "--only", "row_count"]).exits(0);
    assert_eq!(edits(&ran), ["input `only`: none → as this run is given it: its value at the base is not known"]);
    world.check(&["--min-rows", "1"]).exits(0);
}

#[test]
fn a_checkout_in_a_folder_is_compared_from_there() {
    let strict = STRICT.replace("data.csv", "code/data.csv");
    let lax = LAX.replace("data.csv", "code/data.csv");
    let repository = Repository::with_pull_request(&json!({ "mlgate.yml": strict }), &json!({ "mlgate.yml": lax }));
    let world = World::new();
    world.write("code/mlgate.yml", &lax).write("code/data.csv", DATA).write("code/.git/HEAD", HEAD);
    let world = repository.proposes(world);
    let ran = act(&world, &[("config", "code/mlgate.yml")]).exits(0);
    assert_eq!(edits(&ran), ["`row_count`: 100 → 2"]);
    act(&world, &[("config", "code/mlgate.yml"), ("policy", "base")]).exits(1);
}

#[test]
fn how_files_are_checked_out_is_listed() {
    let text = "data: { path: data.csv, reference: ref.csv, checks: [row_count: { max_change_percent: 50 }] }\n";
    let (repository, world) = proposed(text, text, &[("data.csv", DATA), ("ref.csv", DATA)]);
    changes(&repository, &["refs/.gitattributes"]);
    let listed = "how files are checked out: none → `refs/.gitattributes` as this pull request has it";
    assert_eq!(edits(&act(&world, &[]).exits(0)), [listed]);
}

#[test]
fn a_fork_is_compared_by_its_commits() {
    let repository = Repository::new(json!({}));
    repository.setup(pull_request("mallory/risk", &json!({ "mlgate.yml": STRICT }), &json!({ "mlgate.yml": LAX })));
    let world = World::new();
    world.write("mlgate.yml", LAX).write("data.csv", DATA);
    let payload = repository.payload("mallory/risk");
    act(&repository.runs(world, "pull_request", &payload), &[("policy", "base")]).exits(1);
    repository.is_as_described();
}

#[test]
fn a_secret_that_a_fork_does_not_get_is_no_input_at_the_base_either() {
    let with = "policy: base, min-rows: 100, 'journal-key': '${{ secrets.KEY }}'";
    let (base, lax) = (workflow("gate", with), workflow("gate", &with.replace("100", "1")));
    for policy in ["base", "stricter"] {
        let repository = Repository::new(json!({}));
        let files = json!({ FILE: base.replace("policy: base", &format!("policy: {policy}")) });
        repository.setup(pull_request("mallory/risk", &files, &files));
        let world = World::new();
        world.write("data.csv", DATA);
        let world = repository.runs(world, "pull_request", &repository.payload("mallory/risk"));
        let inputs = [("policy", policy), ("data", "data.csv"), ("min-rows", "100"), ("journal-key", "")];
        let ran = act(&world, &inputs).exits(1);
        assert_eq!(edits(&ran), [""; 0], "{policy}");
        repository.is_as_described();
    }
    // Of an edited workflow nobody can tell whether the value was there, and a limit that is a secret is not known.
    let secret = workflow("gate", "policy: base, 'min-rows': '${{ secrets.ROWS }}'");
    for (base, head, input) in [(&base, &lax, "`journal-key`"), (&secret, &secret, "`min-rows`")] {
        let [base, head] = [base, head].map(|workflow| json!({ FILE: workflow, "mlgate.yml": STRICT }));
        let repository = Repository::with_pull_request(&base, &head);
        let world = World::new();
        world.write("mlgate.yml", STRICT).write("data.csv", DATA);
        let world = repository.proposes(world);
        let inputs = [("policy", "base"), ("data", "data.csv"), ("journal-key", ""), ("min-rows", "")];
        act(&world, &inputs).exits(3).saying(&format!("the input {input} is an expression at the base"));
    }
}
