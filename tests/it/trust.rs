//! Forks, foreign checkouts, edited gates: what a pull request may not do to its own judge.

use std::io::{Cursor, Write};

use serde_json::{Value, json};

use crate::github::{BASE, HEAD, MERGE, Repository, act, checked_out, output, pull_request};
use crate::world::World;

const STRICT: &str =
    "data:\n  path: data.csv\n  checks:\n    - row_count: { min: 100 }\n    - missing_values: { max_percent: 10 }\n";
const LAX: &str =
    "data:\n  path: data.csv\n  checks:\n    - row_count: { min: 2 }\n    - missing_values: { max_percent: 10 }\n";
const DATA: &str = "a,b\n1,x\n2,y\n3,z\n";
const FORK: &str = "mallory/risk";

fn edited() -> Repository {
    Repository::with_pull_request(&json!({ "mlgate.yml": STRICT }), &json!({ "mlgate.yml": LAX }))
}

fn world(repository: &Repository, config: &str) -> World {
    let world = World::new();
    world.write("mlgate.yml", config).write("data.csv", DATA);
    repository.proposes(world)
}

#[test]
fn a_gate_that_is_relaxed_passes_and_says_so() {
    let repository = edited();
    let ran = act(&world(&repository, LAX), &[]).exits(0);
    assert_eq!(ran.report["gate_edits"]["policy"], "head");
    assert_eq!(ran.report["gate_edits"]["edits"][0]["kind"], "relaxed");
    let [(_, body)] = repository.comments().try_into().unwrap();
    assert!(body.contains("### ✅ Passed: 2 checks · data · by relaxed limits\n"), "{body}");
    assert!(
        body.contains(
            "> [!WARNING]\n> **This pull request relaxes the gate: min of <code>row_count</code> 100 → 2** (mlgate.yml line 4)\n>\n> Judged by the pull request's own limits"
        ),
        "{body}"
    );
    repository.is_as_described();
}

#[test]
fn the_policy_says_whose_limits_count() {
    for (policy, exit, said) in
        [("base", 1, "limits of <code>main</code>"), ("stricter", 1, "the stricter of its own limits")]
    {
        let repository = edited();
        let ran = act(&world(&repository, LAX), &[("policy", policy)]).exits(exit);
        assert_eq!(ran.verdicts()[0]["limit"]["min"], 100.0);
        assert!(ran.markdown.contains(said), "{}", ran.markdown);
    }
    let repository = edited();
    act(&world(&repository, STRICT), &[("policy", "stricter")]).exits(1);
}

#[test]
fn a_rule_that_is_gone_a_goalpost_that_moved_and_a_waiver_are_listed() {
    let base = "model:\n  predictions: { path: p.csv, key: key }\n  baseline: git:main:champion.csv\n  checks:\n    - metric: { name: accuracy, min: 0.6 }\n    - improvement: { metric: accuracy, min: -0.5 }\n    - beats_dummy\n";
    let head = "model:\n  predictions: { path: p.csv, key: key }\n  baseline: weak.csv\n  checks:\n    - metric: { name: accuracy, min: 0.6 }\n      waiver: { owner: ann, reason: it is late, until: 2099-12-31 }\n    - improvement: { metric: accuracy, min: -0.5 }\n";
    let files = json!({ "mlgate.yml": base, "champion.csv": crate::model::predictions(10) });
    let repository = Repository::with_pull_request(&files, &json!({ "mlgate.yml": head }));
    let world = World::new();
    world.write("p.csv", crate::model::predictions(10)).write("weak.csv", crate::model::predictions(60));
    world.write("mlgate.yml", head);
    let world = repository.proposes(world);
    let ran = act(&world, &[]).exits(0);
    for said in [
        "- waiver of <code>metric</code> · <code>accuracy</code> none → until 2099-12-31 by <code>ann</code>: it is late",
        "<code>beats&#95;dummy</code> is gone",
        "<code>model.baseline</code> <code>git&#58;main",
        "<code>weak.csv</code>",
        "is not needed now; until 2099-12-31, by <code>ann</code>",
    ] {
        assert!(
            ran.markdown.contains(said) || ran.markdown.contains(&said.replace("&#95;", "_").replace("&#58;", ":")),
            "{said} is not in {}",
            ran.markdown
        );
    }
    // What the candidate is measured against is part of the limit.
    let ran = act(&world, &[("policy", "stricter")]).exits(0);
    assert_eq!(ran.report["baseline"]["source"], "git");
    assert_eq!(ran.report["gates"][0]["checks"].as_array().unwrap().len(), 3);
    repository.is_as_described();
}

#[test]
fn thresholds_in_the_workflow_are_read_too() {
    let workflow = |with: &str| {
        format!(
            "on: pull_request\njobs:\n  gate:\n    runs-on: ubuntu-24.04\n    steps:\n      - uses: mlgate/mlgate@v1\n        with: {{ {with} }}\n"
        )
    };
    let file = ".github/workflows/ml.yml";
    let (base, head) =
        (workflow("data: data.csv, min-rows: 100, policy: stricter"), workflow("data: data.csv, min-rows: 2"));
    let repository = Repository::with_pull_request(&json!({ file: base }), &json!({ file: head }));
    let world = World::new();
    world.write("data.csv", DATA).write(file, &head);
    let world = repository.proposes(world);
    let ran = act(&world, &[("data", "data.csv"), ("min-rows", "2")]).exits(1);
    assert_eq!(ran.report["gate_edits"]["policy"], "stricter", "the policy is the base branch's: {:#}", ran.report);
    let said: Vec<&str> = ran.report["gate_edits"]["edits"]
        .as_array()
        .unwrap()
        .iter()
        .map(|edit| edit["rule"].as_str().unwrap())
        .collect();
    assert_eq!(said, ["input `policy`", "`row_count`", "the workflow"]);
    repository.is_as_described();
}

#[test]
fn an_expression_in_the_workflow_is_what_it_is_now() {
    let workflow = "jobs: { gate: { steps: [ { uses: mlgate/mlgate@v1, with: { data: data.csv, min-rows: '${{ vars.ROWS }}' } } ] } }";
    let file = ".github/workflows/ml.yml";
    let repository = Repository::with_pull_request(&json!({ file: workflow }), &json!({ file: workflow }));
    let world = World::new();
    world.write("data.csv", DATA).write(file, workflow);
    let ran = act(&repository.proposes(world), &[("data", "data.csv"), ("min-rows", "2")]).exits(0);
    assert_eq!(ran.report["gate_edits"], Value::Null);
}

#[test]
fn a_gate_of_the_base_that_cannot_be_read_is_said_or_ends_the_run() {
    let unreadable = || {
        let repository = edited();
        repository.faults(
            json!([{ "path_contains": "/contents/", "action": "answer", "status": 403, "body": { "message": "no" } }]),
        );
        repository
    };
    let ran = act(&world(&unreadable(), LAX), &[]).exits(0);
    assert!(ran.markdown.contains("Whether this pull request relaxes its gate is not known"), "{}", ran.markdown);
    act(&world(&unreadable(), LAX), &[("policy", "base")]).exits(3).saying("add `contents: read`");
    let broken = Repository::with_pull_request(&json!({ "mlgate.yml": "data: [" }), &json!({ "mlgate.yml": LAX }));
    act(&world(&broken, LAX), &[("policy", "stricter")]).exits(3).saying("at `main`: ");
}

#[test]
fn a_gate_that_did_not_change_is_not_talked_about() {
    let repository = Repository::with_pull_request(&json!({ "mlgate.yml": LAX }), &json!({ "mlgate.yml": LAX }));
    let ran = act(&world(&repository, LAX), &[]).exits(0);
    assert_eq!(ran.report["gate_edits"], Value::Null);
    let new = Repository::with_pull_request(&json!({}), &json!({ "mlgate.yml": LAX }));
    assert_eq!(act(&world(&new, LAX), &[]).exits(0).report["gate_edits"], Value::Null);
    new.is_as_described();
}

#[test]
fn a_foreign_checkout_beside_secrets_is_refused() {
    let repository = Repository::new(json!({}));
    repository.setup(pull_request(FORK, &json!({ "mlgate.yml": LAX }), &json!({ "mlgate.yml": LAX })));
    let target = |checkout: Option<(&str, &str)>| {
        let world = World::new();
        let folder = checkout.map_or("", |(folder, _)| folder);
        world.write(&format!("{folder}mlgate.yml"), LAX.replace("data.csv", &format!("{folder}data.csv")));
        world.write(&format!("{folder}data.csv"), DATA);
        if let Some((folder, sha)) = checkout {
            checked_out(&world, folder, sha);
        }
        let payload = repository.payload(FORK);
        repository.runs(world, "pull_request_target", &payload).variable("GITHUB_SHA", BASE)
    };
    let refused = "this run has secrets: the files of a fork are not read beside them";
    act(&target(Some(("", HEAD))), &[]).exits(2).saying(refused);
    act(&target(None), &[]).exits(2).saying(refused);
    act(&target(Some(("pr/", HEAD))), &[("config", "pr/mlgate.yml")]).exits(2).saying(refused);
    // What an artifact unpacks to says of itself what it likes.
    act(&target(Some(("pr/", BASE))), &[("config", "pr/mlgate.yml")]).exits(2).saying(refused);
    let beside = target(Some(("", BASE)));
    beside.write("pr/mlgate.yml", LAX.replace("data.csv", "pr/data.csv")).write("pr/data.csv", DATA);
    checked_out(&beside, "pr/", BASE);
    act(&beside, &[("config", "pr/mlgate.yml")]).exits(2).saying(refused).saying("another checkout");
    act(&beside, &[]).exits(0);
    // Also where it is a command in a step, and not the Action.
    target(Some(("", HEAD))).check(&[]).exits(2).saying(refused);
    act(&target(Some(("", BASE))), &[]).exits(0);
    act(&target(Some(("", HEAD))), &[("allow-untrusted-checkout", "true")]).exits(0);
    let unknown = target(Some(("", HEAD)));
    unknown.write("event.json", "{");
    act(&unknown, &[]).exits(3).saying("is not valid JSON");
}

#[test]
fn a_pull_request_of_the_repository_itself_is_no_foreign_code() {
    let repository = edited();
    let world = World::new();
    world.write("mlgate.yml", LAX).write("data.csv", DATA);
    checked_out(&world, "", HEAD);
    let payload = repository.payload(&repository.name);
    act(&repository.runs(world, "pull_request_target", &payload).variable("GITHUB_SHA", BASE), &[]).exits(0);
}

/// A repository with a fork's pull request, and a run of its gate that left these files.
fn left_behind(files: &Value) -> Repository {
    left(json!({ "name": "mlgate-report", "files": files }))
}

fn left(artifact: Value) -> Repository {
    let repository = Repository::new(json!({}));
    repository.setup(pull_request(FORK, &json!({ "mlgate.yml": STRICT }), &json!({ "mlgate.yml": LAX })));
    repository
        .setup(json!({ "runs": { "5": { "head_sha": HEAD, "event": "pull_request", "artifacts": [artifact] } } }));
    repository
}

/// The world in which the second workflow runs: no checkout, and the event that names no pull request.
fn afterwards(repository: &Repository, conclusion: &str) -> World {
    let payload = json!({ "action": "completed", "workflow_run": {
        "id": 5, "run_attempt": 1, "name": "gate", "event": "pull_request", "conclusion": conclusion,
        "head_sha": HEAD, "head_branch": "change", "head_repository": { "full_name": FORK },
        "actor": { "login": "mallory" }, "pull_requests": [],
        "html_url": format!("https://github.example/{}/actions/runs/5", repository.name),
    }});
    repository.runs(World::new(), "workflow_run", &payload).variable("GITHUB_SHA", BASE)
}

/// The report of a run in the fork's pull request, as `check` leaves it there.
fn report(data: &str) -> String {
    let repository = Repository::new(json!({}));
    repository.setup(pull_request(FORK, &json!({}), &json!({})));
    repository.setup(json!({ "tokens": { "ghs_fork": { "permissions": { "contents": "read" } } } }));
    let world = World::new();
    world.write("mlgate.yml", LAX).write("data.csv", data);
    let payload = repository.payload(FORK);
    let world = repository.runs(world, "pull_request", &payload).variable("GITHUB_TOKEN", "ghs_fork");
    let ran = act(&world, &[]);
    assert!(ran.says("a pull request of a fork may only read"), "{ran:#?}");
    assert!(!ran.stderr.contains("warning"), "a fork is no trouble: {}", ran.stderr);
    assert_eq!(repository.comments(), []);
    repository.is_as_described();
    world.read("mlgate-report/report.json")
}

const COMMENT: [(&str, &str); 1] = [("command", "comment")];

#[test]
fn a_forks_report_is_commented_on_by_the_second_workflow() {
    let repository = left_behind(
        &json!({ "report.json": report("a,b\n1,x\n,y\n3,z\n"), "report.md": "![x](https://evil.example)" }),
    );
    let world = afterwards(&repository, "failure");
    act(&world, &COMMENT).exits(0);
    let [(login, body)] = repository.comments().try_into().unwrap();
    assert_eq!(login, "github-actions[bot]");
    assert!(
        body.starts_with(
            "<!-- mlgate:gate -->\n### ❌ Blocked: 1 of 2 checks failed · data\n\n> [!NOTE]\n> Reported by [this run]("
        ),
        "{body}"
    );
    assert!(body.contains("started by <code>mallory</code> with the code of <code>mallory/risk</code>: the pull request's own word, not verified."), "{body}");
    assert!(body.contains("relaxes the gate: min of <code>row_count</code> 100 → 2"), "{body}");
    assert!(!body.contains("evil"), "{body}");
    assert!(output(&world, "comment-url").contains("#issuecomment-"));
    // Never more than a comment.
    assert_eq!((repository.check_runs(HEAD).len(), repository.check_runs(BASE).len()), (0, 0));
    act(&world, &COMMENT).exits(0);
    assert_eq!(repository.comments().len(), 1);
    repository.is_as_described();
}

#[test]
fn a_report_that_is_none_is_not_posted() {
    let zip = |files: &[(&str, Vec<u8>)]| {
        let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for (name, bytes) in files {
            writer.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
            writer.write_all(bytes).unwrap();
        }
        base64::Engine::encode(&base64::engine::general_purpose::STANDARD, writer.finish().unwrap().into_inner())
    };
    let good = report(DATA);
    let lie = report("a,b\n1,x\n,y\n3,z\n").replace("\"result\": \"blocked\"", "\"result\": \"passed\"");
    let check = |artifact: Value, said: &str| {
        let repository = left(artifact);
        act(&afterwards(&repository, "failure"), &COMMENT).exits(3).saying(said);
        assert_eq!(repository.comments(), [], "{said}");
        repository.is_as_described();
    };
    let files = |files: Value| json!({ "name": "mlgate-report", "files": files });
    let raw = |zip: String| json!({ "name": "mlgate-report", "zip_base64": zip });
    check(files(json!({ "report.md": "x" })), "holds no report.json");
    check(files(json!({ "report.json": "{}" })), "cannot be believed");
    check(files(json!({ "report.json": lie })), "it says passed, and its checks do not");
    check(
        files(json!({ "report.json": good.replace("\"schema_version\": 1", "\"schema_version\": 7") })),
        "of version 7",
    );
    check(files(json!({ "a/report.json": good, "b/report.json": good })), "holds 2 files report.json");
    check(raw(zip(&[("report.json", vec![b' '; 6_000_000])])), "over 5000000 bytes");
    check(raw("bm8gemlw".into()), "is no zip archive");
    check(json!({ "name": "another", "files": {} }), "left no artifact `mlgate-report`");
}

#[test]
fn a_run_without_a_report_that_was_cancelled_is_no_error() {
    let repository = left(json!({ "name": "another", "files": {} }));
    act(&afterwards(&repository, "cancelled"), &COMMENT).exits(0).saying("the run was cancelled, and left no report");
}

#[test]
fn a_report_of_an_older_commit_is_not_posted() {
    let repository = left_behind(&json!({ "report.json": report(DATA) }));
    let newer = "4444444444444444444444444444444444444444";
    repository.setup(json!({ "pulls": [{ "number": 7, "head": { "sha": newer, "ref": "change", "repo": FORK }, "base": { "sha": BASE, "ref": "main" } }] }));
    act(&afterwards(&repository, "success"), &COMMENT).exits(0).saying("no longer the head of an open pull request");
    assert_eq!(repository.comments(), []);
}

#[test]
fn what_contradicts_github_is_said_with_the_report() {
    let other = report(DATA).replace(HEAD, MERGE);
    let repository = left_behind(&json!({ "report.json": other }));
    act(&afterwards(&repository, "failure"), &COMMENT).exits(0);
    let [(_, body)] = repository.comments().try_into().unwrap();
    for said in ["it is of another commit than its workflow run", "it says passed, and its workflow run failed"] {
        assert!(body.contains(said), "{body}");
    }
    let mut bare: Value = serde_json::from_str(&report(DATA)).unwrap();
    (bare["config"], bare["pipeline"]["pull_request"]) = (json!([]), Value::Null);
    let repository = left_behind(&json!({ "report.json": bare.to_string() }));
    act(&afterwards(&repository, "success"), &COMMENT).exits(0);
    let [(_, body)] = repository.comments().try_into().unwrap();
    let first = "<!-- mlgate:gate -->\n> [!WARNING]\n> **Do not rely on this report: it leaves out which pull request it is of.**\n\
                 > **Do not rely on this report: it leaves out the config file <code>mlgate.yml</code>.**\n> Reported by";
    assert!(body.starts_with(first), "{body}");
    let foreign = report(DATA);
    let judged_by = foreign.split("\"sha256\": \"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let repository = left_behind(&json!({ "report.json": foreign.replace(&judged_by, &"0".repeat(64)) }));
    act(&afterwards(&repository, "success"), &COMMENT).exits(0);
    assert!(repository.comments()[0].1.contains("judged by another <code>mlgate.yml</code>"));
}

#[test]
fn hostile_text_of_a_report_is_only_text() {
    let hostile = "@octo/team #1 <img src=x onerror=y> </details> | [a](javascript:b) ```\\n::error::x";
    let report = report("a,b\n1,x\n,y\n3,z\n").replace("`a` is missing", &hostile.replace('"', ""));
    let repository = left_behind(&json!({ "report.json": report }));
    let ran = act(&afterwards(&repository, "failure"), &COMMENT).exits(0);
    let [(_, body)] = repository.comments().try_into().unwrap();
    for alive in ["@o", "<img", "](javascript", "#1 "] {
        assert!(!body.contains(alive), "{alive} in {body}");
    }
    assert!(ran.stdout.lines().chain(ran.stderr.lines()).all(|line| !line.starts_with("::error::")), "{ran:#?}");
}

#[test]
fn comment_says_what_it_needs() {
    let repository = left_behind(&json!({ "report.json": report(DATA) }));
    act(&repository.proposes(World::new()), &COMMENT).exits(2).saying("needs the event workflow_run");
    World::new().run(&["comment"]).exits(2).saying("`comment` is for workflow runs");
    repository
        .setup(json!({ "tokens": { "ghs_reader": { "permissions": { "actions": "read", "contents": "read" } } } }));
    let reader = afterwards(&repository, "success").variable("GITHUB_TOKEN", "ghs_reader");
    act(&reader, &COMMENT).exits(3).saying("add `pull-requests: write`");
}

#[test]
fn dependabot_is_told_where_its_report_goes() {
    let repository = Repository::with_pull_request(&json!({ "mlgate.yml": LAX }), &json!({ "mlgate.yml": LAX }));
    repository.setup(json!({ "tokens": { "ghs_bot": { "permissions": { "contents": "read" } } } }));
    let world = world(&repository, LAX).variable("GITHUB_TOKEN", "ghs_bot").variable("GITHUB_ACTOR", "dependabot[bot]");
    act(&world, &[]).exits(0).saying("the token of a pull request of Dependabot may only read");
}

/// Base and head of `.github/workflows/ml.yml`, and a world in which the head's runs.
fn with_workflows(base: &str, head: &str) -> (Repository, World) {
    let file = ".github/workflows/ml.yml";
    let repository = Repository::with_pull_request(&json!({ file: base }), &json!({ file: head }));
    let world = World::new();
    world.write("data.csv", DATA).write(file, head);
    let world = repository.proposes(world);
    (repository, world)
}

fn workflow(job: &str, with: &str) -> String {
    format!("jobs: {{ {job}: {{ steps: [ {{ uses: mlgate/mlgate@v1, with: {{ data: data.csv, {with} }} }} ] }} }}")
}

#[test]
fn a_link_in_place_of_the_config_leads_the_base_nowhere() {
    let repository = Repository::with_pull_request(&json!({ "mlgate.yml": STRICT }), &json!({ "lax.yml": LAX }));
    let world = World::new();
    world.write("lax.yml", LAX).write("data.csv", DATA);
    std::os::unix::fs::symlink("lax.yml", world.path("mlgate.yml")).unwrap();
    let world = repository.proposes(world);
    act(&world, &[("policy", "stricter")]).exits(1);
    assert_eq!(act(&world, &[]).exits(0).report["gate_edits"]["edits"][0]["kind"], "relaxed");
}

#[test]
fn the_gate_of_a_renamed_job_is_the_same_gate() {
    let (_, world) = with_workflows(&workflow("old", "min-rows: 100, policy: base"), &workflow("gate", "min-rows: 2"));
    act(&world, &[("data", "data.csv"), ("min-rows", "2")]).exits(1);
    // Of two steps nobody can tell which it was.
    let two = "jobs: { a: { steps: [ { uses: mlgate/mlgate@v1 } ] }, b: { steps: [ { uses: mlgate/mlgate@v1 } ] } }";
    let (_, world) = with_workflows(two, &workflow("gate", "min-rows: 2"));
    let ran = act(&world, &[("data", "data.csv"), ("min-rows", "2")]).exits(0);
    assert!(ran.markdown.contains("is not known: which of the 2 steps"), "{}", ran.markdown);
}

#[test]
fn an_expression_that_is_no_longer_given_is_a_rule_that_is_gone() {
    let base = workflow("gate", "min-rows: '${{ vars.ROWS }}', max-null-percent: 5");
    let head = workflow("gate", "max-null-percent: 5");
    let inputs = [("data", "data.csv"), ("max-null-percent", "5")];
    let (_, world) = with_workflows(&base, &head);
    let ran = act(&world, &inputs).exits(0);
    assert!(ran.markdown.contains("input <code>min-rows</code> is gone"), "{}", ran.markdown);
    let (_, world) = with_workflows(&base.replace("max-null", "policy: stricter, max-null"), &head);
    act(&world, &inputs).exits(3).saying("the input `min-rows` is an expression at the base");
}

#[test]
fn a_limit_that_the_edited_workflow_computes_is_not_the_stricter_one() {
    let with = |rows: u32, policy: &str| {
        let gate = workflow("gate", &format!("min-rows: '${{{{ env.ROWS }}}}', policy: {policy}"));
        format!("env: {{ ROWS: {rows} }}\n{gate}")
    };
    let inputs = [("data", "data.csv"), ("min-rows", "2")];
    let (_, world) = with_workflows(&with(100, "stricter"), &with(2, "stricter"));
    act(&world, &inputs).exits(3).saying("the input `min-rows` is an expression over what the pull request edits");
    // Nor is it where the pull request drops the policy with it.
    let (_, world) = with_workflows(&with(100, "stricter"), &with(2, "head"));
    act(&world, &inputs).exits(3).saying("the input `min-rows` is an expression over what the pull request edits");
    // Nothing of the file changed, so neither did the value.
    let (_, world) = with_workflows(&with(2, "stricter"), &with(2, "stricter"));
    act(&world, &inputs).exits(0);
}

#[test]
fn limits_that_cannot_be_read_are_not_the_stricter_ones() {
    let reusable = "jobs: { call: { uses: octo/shared/.github/workflows/gate.yml@v1 } }";
    let (_, world) = with_workflows(reusable, reusable);
    let inputs = [("data", "data.csv"), ("min-rows", "2")];
    act(&world, &inputs).exits(0);
    act(&world, &[inputs[0], inputs[1], ("policy", "stricter")]).exits(3).saying("put them into mlgate.yml");
}

#[test]
fn narrowing_what_is_judged_is_no_way_out() {
    let both = "only: '[\"row_count\", \"missing_values\"]', policy: stricter";
    let (repository, world) = with_workflows(&workflow("gate", both), &workflow("gate", "only: missing_values"));
    for sha in [HEAD, BASE] {
        let state =
            json!({ "files": { sha: { "mlgate.yml": STRICT, ".github/workflows/ml.yml": workflow("gate", both) } } });
        repository.setup(state);
    }
    world.write("mlgate.yml", STRICT);
    act(&world, &[("only", "missing_values")]).exits(1);
}

#[test]
fn an_event_that_cannot_be_read_holds_no_policy_and_tells_nobody() {
    let repository = edited();
    let world = world(&repository, &format!("{LAX}notify: {{ dispatch: {{ event: retrain, on: [passed] }} }}\n"));
    world.write("event.json", "{");
    act(&world, &[("policy", "base")]).exits(3).saying("the event names no head commit");
    act(&world, &[]).exits(0).saying("`notify` does not run on proposals");
    assert_eq!(repository.state()["dispatches"], json!([]));
}

#[test]
fn what_may_not_be_seen_is_not_what_is_not_there() {
    let repository = edited();
    repository.faults(json!([
        { "path_contains": "/contents/", "action": "answer", "status": 404, "body": { "message": "Not Found" } },
        { "path_contains": "/commits/", "action": "answer", "status": 404, "body": { "message": "Not Found" } },
    ]));
    act(&world(&repository, LAX), &[("policy", "stricter")]).exits(3);
}

#[test]
fn limits_that_contradict_each_other_both_judge() {
    let head = LAX.replace("min: 2", "min: 2, max: 50");
    let repository = Repository::with_pull_request(&json!({ "mlgate.yml": STRICT }), &json!({ "mlgate.yml": head }));
    let ran = act(&world(&repository, &head), &[("policy", "stricter")]).exits(1);
    assert_eq!(ran.statuses(), "pass pass fail");
}

#[test]
fn what_is_measured_is_the_bases_to_say_where_its_limits_count() {
    let base = "data:\n  path: data.csv\n  checks:\n    - missing_values: { max_percent: 0, also: [] }\n    - range: { column: a, min: 0 }\n";
    let head = base.replace("  path: data.csv\n", "  path: data.csv\n  csv: { null_values: ['-999'] }\n");
    let repository = Repository::with_pull_request(&json!({ "mlgate.yml": base }), &json!({ "mlgate.yml": head }));
    let with = |policy: &str| {
        let world = World::new();
        world.write("mlgate.yml", &head).write("data.csv", "a,b\n1,x\n-999,y\n");
        act(&repository.proposes(world), &[("policy", policy), ("only", "range")])
    };
    let ran = with("head").exits(0);
    assert!(ran.markdown.contains("<code>data.csv.null_values</code> none → <code>-999</code>"), "{}", ran.markdown);
    with("base").exits(1);
    with("stricter").exits(1);
}

#[test]
fn a_reference_that_is_rewritten_in_place_is_listed() {
    let config =
        "data:\n  path: data.csv\n  reference: ref.csv\n  checks:\n    - row_count: { max_change_percent: 10 }\n";
    let repository = Repository::with_pull_request(&json!({ "mlgate.yml": config }), &json!({ "mlgate.yml": config }));
    repository.setup(json!({ "pulls": [{ "number": 7, "files": ["ref.csv", "data.csv"],
        "head": { "sha": HEAD, "ref": "change", "repo": repository.name }, "base": { "sha": BASE, "ref": "main" } }] }));
    let world = world(&repository, config);
    world.write("ref.csv", DATA);
    let ran = act(&world, &[]).exits(0);
    assert!(ran.markdown.contains("the file of <code>data.reference</code>"), "{}", ran.markdown);
    repository.is_as_described();
}

#[test]
fn of_two_pull_requests_with_one_head_the_reports_own_is_commented_on() {
    let repository = left_behind(&json!({ "report.json": report(DATA) }));
    repository.setup(json!({ "refs": { "release": BASE }, "pulls": [
        { "number": 6, "head": { "sha": HEAD, "ref": "change", "repo": FORK }, "base": { "sha": BASE, "ref": "release" } }] }));
    act(&afterwards(&repository, "success"), &COMMENT).exits(0);
    assert_eq!(repository.comments().len(), 1);
    assert_eq!(repository.state()["comments"]["6"].as_array().map_or(0, Vec::len), 0);
}

#[test]
fn a_report_cannot_push_out_that_it_is_not_verified() {
    let name = "\u{202e}".repeat(80);
    let mut report: Value = serde_json::from_str(&report(DATA)).unwrap();
    let mut check = report["gates"][0]["checks"][0].clone();
    check["waiver"] = json!({ "owner": name, "reason": name.repeat(9), "until": name });
    (check["name"], check["subject"]) = (json!(name), json!(name));
    report["gates"][0]["checks"] = json!(vec![check; 40]);
    report["config"] = json!(vec![json!({ "path": "mlgate.yml", "sha256": "0" }); 400]);
    let repository = left_behind(&json!({ "report.json": report.to_string() }));
    act(&afterwards(&repository, "success"), &COMMENT).exits(0);
    let [(_, body)] = repository.comments().try_into().unwrap();
    assert!(body.contains("not verified") && body.contains("relaxes the gate"), "{body}");
    assert!(repository.requests().len() < 25, "{}", repository.requests().len());
}
