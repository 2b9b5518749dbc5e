//! The comment and the check run, as a pull request gets them.

use serde_json::{Value, json};

use crate::github::{BASE, HEAD, MERGE, Repository, act, output};
use crate::world::World;

const CONFIG: &str =
    "data:\n  path: data.csv\n  checks:\n    - row_count: { min: 3 }\n    - missing_values: { max_percent: 10 }\n";
const GOOD: &str = "a,b\n1,x\n2,y\n3,z\n";
const BAD: &str = "a,b\n1,x\n,y\n3,z\n";
const MARKER: &str = "<!-- mlgate:ml/gate -->\n";

fn repository() -> Repository {
    Repository::with_pull_request(&json!({ "mlgate.yml": CONFIG }), &json!({ "mlgate.yml": CONFIG }))
}

fn world(repository: &Repository, data: &str) -> World {
    let world = World::new();
    world.write("mlgate.yml", CONFIG).write("data.csv", data);
    repository.proposes(world)
}

#[test]
fn the_first_report_makes_a_comment_and_the_next_one_changes_it() {
    let repository = repository();
    let first = world(&repository, BAD);
    act(&first, &[]).exits(1);
    let [(login, body)] = repository.comments().try_into().unwrap();
    assert_eq!(login, "github-actions[bot]");
    assert!(body.starts_with(&format!("{MARKER}### ❌ Blocked: 1 of 2 checks failed · data\n")), "{body}");
    assert!(body.contains("**<code>a</code> is missing in 33.33 % of rows"), "{body}");
    assert!(body.contains("[mlgate.yml](https://github.example/octo/"), "{body}");
    assert!(output(&first, "comment-url").contains("/pull/7#issuecomment-"), "{}", first.read("output"));
    let second = world(&repository, GOOD).variable("GITHUB_RUN_ID", "43");
    act(&second, &[]).exits(0);
    let [(_, body)] = repository.comments().try_into().unwrap();
    assert!(body.starts_with(&format!("{MARKER}### ✅ Passed: 2 checks · data\n")), "{body}");
    assert!(body.contains("Since the last run (<code>1111111</code>): 1 no longer blocks (missing_values)."), "{body}");
    repository.is_as_described();
}

#[test]
fn what_changed_stands_beside_each_number() {
    let repository = repository();
    act(&world(&repository, BAD), &[]).exits(1);
    let worse = "a,b\n1,x\n,y\n,z\n";
    act(&world(&repository, worse).variable("GITHUB_RUN_ID", "43"), &[]).exits(1);
    let [(_, body)] = repository.comments().try_into().unwrap();
    assert!(body.contains("| | Check | Observed | Limit | Last run |\n"), "{body}");
    assert!(body.contains("| 66.67&#160;% | ≤&#160;10&#160;% | ▲&#160;33.33&#160;% |"), "{body}");
}

#[test]
fn a_comment_is_ours_by_marker_and_author() {
    let repository = repository();
    let marked = |login: &str, kind: &str| json!({ "login": login, "type": kind, "body": format!("{MARKER}mine") });
    let other =
        json!({ "login": "github-actions[bot]", "type": "Bot", "body": "<!-- mlgate:ml/gate/model -->\nmodel" });
    repository
        .setup(json!({ "comments": { "7": [marked("mallory", "User"), marked("renovate[bot]", "Bot"), other] } }));
    act(&world(&repository, GOOD), &[]).exits(0);
    let comments = repository.comments();
    assert_eq!(comments.len(), 4, "{comments:#?}");
    assert_eq!(comments[0].1, format!("{MARKER}mine"));
    assert!(comments[3].1.starts_with(&format!("{MARKER}### ✅")), "{comments:#?}");
    repository.is_as_described();
}

#[test]
fn all_pages_are_read_and_of_two_comments_the_newest_is_kept() {
    let repository = repository();
    let ours = |text: &str| json!({ "login": "github-actions[bot]", "type": "Bot", "body": format!("{MARKER}{text}") });
    let mut comments: Vec<Value> =
        (0..230).map(|i| json!({ "login": "ann", "type": "User", "body": format!("comment {i}") })).collect();
    comments.insert(5, ours("old"));
    comments.insert(225, ours("new"));
    repository.setup(json!({ "comments": { "7": comments } }));
    act(&world(&repository, GOOD), &[]).exits(0);
    let after = repository.comments();
    assert_eq!(after.len(), 232);
    assert_eq!(after[5].1, format!("{MARKER}old"));
    assert!(after[225].1.contains("### ✅ Passed"), "{}", after[225].1);
    repository.is_as_described();
}

#[test]
fn a_dropped_connection_after_a_create_makes_no_second_comment() {
    for action in [
        json!({ "action": "close_after" }),
        json!({ "action": "close_before" }),
        json!({ "action": "answer", "status": 502, "body": "<html>" }),
        json!({ "action": "answer", "status": 500, "body": {} }),
    ] {
        let repository = repository();
        let mut comment = json!({ "method": "POST", "path_contains": "/comments", "nth": 1 });
        let mut check_run = json!({ "method": "POST", "path_contains": "/check-runs", "nth": 1 });
        for fault in [&mut comment, &mut check_run] {
            fault.as_object_mut().unwrap().extend(action.as_object().unwrap().clone());
        }
        repository.faults(json!([comment, check_run]));
        act(&world(&repository, GOOD), &[]).exits(0);
        assert_eq!(repository.comments().len(), 1, "{action}");
        assert_eq!(repository.check_runs(HEAD).len(), 1, "{action}");
        repository.is_as_described();
    }
}

#[test]
fn github_is_waited_for_when_it_says_so() {
    for (status, header) in [(429, "Retry-After"), (403, "Retry-After"), (403, "x-ratelimit-remaining")] {
        let repository = repository();
        let value = if header == "Retry-After" { "1" } else { "0" };
        let fault = |path: &str, method: &str| {
            json!({ "method": method, "path_contains": path, "nth": 1, "action": "answer", "status": status,
                    "headers": { header: value }, "body": { "message": "slow down" } })
        };
        repository.faults(json!([fault("/comments", "GET"), fault("/comments", "POST")]));
        act(&world(&repository, GOOD), &[("check-run", "off")]).exits(0);
        assert_eq!(repository.comments().len(), 1, "{status} {header}");
    }
    let repository = repository();
    repository.faults(json!([{ "method": "POST", "path_contains": "/comments", "action": "answer", "status": 429,
        "headers": { "Retry-After": "3600" }, "body": { "message": "slow down" } }]));
    act(&world(&repository, GOOD), &[]).exits(0).saying("asks to wait 3600 s");
}

#[test]
fn nothing_that_github_does_changes_the_verdict() {
    let page = json!({ "action": "answer", "status": 200, "body": "<html>" });
    let cut = json!({ "action": "answer", "status": 201, "headers": { "Content-Length": "1000" }, "body": "{" });
    let gone = json!({ "action": "answer", "status": 404, "body": { "message": "Not Found" } });
    for (fault, path) in
        [(&page, "/comments"), (&cut, "/comments"), (&gone, "/pulls/7"), (&page, "/check-runs"), (&page, "/graphql")]
    {
        for (data, exit) in [(GOOD, 0), (BAD, 1)] {
            let repository = repository();
            let mut fault = fault.clone();
            fault["path_contains"] = json!(path);
            repository.faults(json!([fault]));
            act(&world(&repository, data), &[]).exits(exit);
            assert!(repository.comments().len() <= 1);
        }
    }
    let repository = repository();
    let nobody = world(&repository, BAD).variable("GITHUB_API_URL", "http://127.0.0.1:9");
    act(&nobody, &[]).exits(1).saying("does not answer");
    assert_eq!(output(&nobody, "result"), "blocked");
}

#[test]
fn a_missing_permission_names_the_line_to_add() {
    let repository = repository();
    repository.setup(json!({ "tokens": { "ghs_reader": { "permissions": { "contents": "read" } } } }));
    let reader = world(&repository, BAD).variable("GITHUB_TOKEN", "ghs_reader");
    let ran = act(&reader, &[]).exits(1).saying("add `pull-requests: write` under `permissions:` of the job");
    assert!(ran.says("note: no check run, annotations only: add `checks: write` under `permissions:`"), "{ran:#?}");
    assert!(ran.stdout.contains("::error file=mlgate.yml,line=5,"), "{}", ran.stdout);
    assert!(!ran.says("ghs_reader"));
    let unknown = world(&repository, GOOD).variable("GITHUB_TOKEN", "ghs_nobody");
    act(&unknown, &[]).exits(0).saying("does not know the token (401)");
}

#[test]
fn only_the_current_head_is_commented_on() {
    let repository = repository();
    let newer = "4444444444444444444444444444444444444444";
    repository.setup(json!({
        "commits": { newer: { "parents": [HEAD] } },
        "pulls": [{ "number": 7, "head": { "sha": newer, "ref": "change", "repo": repository.name }, "base": { "sha": BASE, "ref": "main" } }],
    }));
    act(&world(&repository, BAD), &[]).exits(1).saying("no comment: 1111111 is no longer the pull request's head");
    assert_eq!(repository.comments(), []);
    repository.is_as_described();
}

#[test]
fn the_check_run_is_on_the_pull_requests_own_commit_with_the_lines_of_its_rules() {
    let repository = repository();
    let ran = act(&world(&repository, BAD), &[]).exits(1);
    let [run] = repository.check_runs(HEAD).try_into().unwrap();
    assert_eq!(repository.check_runs(MERGE), [] as [Value; 0]);
    assert_eq!(run["name"], "mlgate: ml/gate");
    assert_eq!(run["conclusion"], "failure");
    assert_eq!(run["output"]["title"], "Blocked: 1 of 2 checks failed");
    let annotation = &run["output"]["annotations"][0];
    assert_eq!((&annotation["path"], &annotation["start_line"]), (&json!("mlgate.yml"), &json!(5)));
    assert_eq!(annotation["annotation_level"], "failure");
    // They are in the check run, and not a second time in the log.
    assert!(!ran.stdout.contains("::error"), "{}", ran.stdout);
    act(&world(&repository, BAD), &[("fail-on", "never"), ("check-run", "credit")]).exits(0);
    let named = repository.check_runs(HEAD);
    assert_eq!((&named[1]["name"], &named[1]["conclusion"]), (&json!("credit"), &json!("neutral")));
    repository.is_as_described();
}

#[test]
fn more_than_fifty_annotations_come_in_several_requests() {
    let repository = repository();
    let world = world(&repository, GOOD);
    let checks: String =
        (0..120).map(|i| format!("    - range: {{ column: a, max: 0 }}\n      name: rule {i}\n")).collect();
    world.write("mlgate.yml", format!("data:\n  path: data.csv\n  checks:\n{checks}"));
    act(&world, &[]).exits(1);
    let [run] = repository.check_runs(HEAD).try_into().unwrap();
    assert_eq!(run["output"]["annotations"].as_array().unwrap().len(), 120);
    assert!(run["output"]["text"].as_str().unwrap().contains("mlgate-digest"), "{run:#}");
    repository.is_as_described();
}

#[test]
fn the_base_branch_says_what_it_was() {
    let repository = repository();
    // The push that made the base left its numbers there.
    let push = World::new();
    push.write("mlgate.yml", CONFIG).write("data.csv", GOOD);
    let push = repository.runs(push, "push", &json!({ "ref": "refs/heads/main" })).variable("GITHUB_SHA", BASE);
    act(&push, &[]).exits(0);
    assert_eq!(repository.check_runs(BASE).len(), 1);
    assert_eq!(repository.comments(), []);
    act(&world(&repository, BAD), &[]).exits(1);
    let [(_, body)] = repository.comments().try_into().unwrap();
    assert!(body.contains("Against <code>main</code> (<code>2222222</code>): 1 now blocks."), "{body}");
    assert!(body.contains("| Limit | <code>main</code> |"), "{body}");
    assert!(body.contains("| PASS<br>0&#160;% |"), "{body}");
    repository.is_as_described();
}

#[test]
fn a_base_without_a_report_is_looked_for_further_back() {
    let old = "5555555555555555555555555555555555555555";
    let repository = repository();
    repository.setup(json!({ "commits": { BASE: { "parents": [old] }, old: { "parents": [] } } }));
    let push = World::new();
    push.write("mlgate.yml", CONFIG).write("data.csv", GOOD);
    let push = repository.runs(push, "push", &json!({})).variable("GITHUB_SHA", old);
    act(&push, &[]).exits(0);
    act(&world(&repository, BAD), &[]).exits(1);
    assert!(repository.comments()[0].1.contains("Against <code>main</code> (<code>5555555</code>)"));
    repository.is_as_described();
}

#[test]
fn a_comment_is_made_when_it_is_wanted() {
    let comments = |inputs: &[(&str, &str)], runs: &[&str]| {
        let repository = repository();
        for (number, data) in runs.iter().enumerate() {
            act(&world(&repository, data).variable("GITHUB_RUN_ID", (50 + number).to_string()), inputs);
        }
        let requests = repository.requests();
        let wrote =
            |method: &str| requests.iter().filter(|line| line.starts_with(method) && line.contains("comments")).count();
        repository.is_as_described();
        (wrote("POST"), wrote("PATCH"))
    };
    assert_eq!(comments(&[("comment", "off")], &[BAD]), (0, 0));
    assert_eq!(comments(&[("comment", "always")], &[GOOD, GOOD]), (1, 1));
    assert_eq!(comments(&[("comment", "failures")], &[GOOD, BAD, GOOD]), (1, 1));
    assert_eq!(comments(&[("comment", "changes")], &[BAD, BAD, GOOD]), (1, 1));
}

#[test]
fn two_jobs_of_one_run_do_not_fight_over_a_comment() {
    let repository = repository();
    act(&world(&repository, BAD), &[]).exits(1);
    let second = act(&world(&repository, GOOD), &[]).exits(0);
    assert!(second.says("another job or step of this run has the comment `ml/gate` too"), "{second:#?}");
    let [(_, body)] = repository.comments().try_into().unwrap();
    assert!(body.contains("### ❌ Blocked"), "the worse of the two stays: {body}");
    act(&world(&repository, GOOD), &[("comment-key", "gate-fast")]).exits(0);
    act(&world(&repository, GOOD), &[("gate", "data")]).exits(0);
    let markers: Vec<String> =
        repository.comments().iter().map(|(_, body)| body.lines().next().unwrap().to_owned()).collect();
    assert_eq!(markers, ["<!-- mlgate:ml/gate -->", "<!-- mlgate:gate-fast -->", "<!-- mlgate:ml/gate/data -->"]);
    repository.is_as_described();
}

#[test]
fn a_digest_that_somebody_wrote_changes_nothing() {
    let repository = repository();
    let body = format!("{MARKER}x\n<!-- mlgate-digest:1:AAAA -->\n<!-- mlgate-digest:1:eyJ9 -->");
    repository.setup(json!({ "comments": { "7": [{ "login": "github-actions[bot]", "type": "Bot", "body": body }] } }));
    act(&world(&repository, BAD), &[]).exits(1);
    let [(_, body)] = repository.comments().try_into().unwrap();
    assert!(!body.contains("Since the last run"), "{body}");
}

#[test]
fn a_run_that_could_not_judge_says_so_in_the_pull_request() {
    let repository = repository();
    let world = world(&repository, GOOD);
    world.write("mlgate.yml", "data:\n  path: data.csv\n  checks:\n    - rnge: { column: a }\n");
    act(&world, &[]).exits(2);
    let [(_, body)] = repository.comments().try_into().unwrap();
    assert!(body.contains("### 💥 Error: nothing was judged"), "{body}");
    assert!(body.contains("unknown check <code>rnge</code>"), "{body}");
    assert_eq!(repository.check_runs(HEAD)[0]["conclusion"], "failure");
    repository.is_as_described();
}

#[test]
fn a_report_of_any_length_fits() {
    let repository = repository();
    let world = world(&repository, GOOD);
    let checks: String =
        (0..3_000).map(|i| format!("    - range: {{ column: a, max: 0 }}\n      name: rule {i}\n")).collect();
    world.write("mlgate.yml", format!("data:\n  path: data.csv\n  checks:\n{checks}"));
    act(&world, &[]).exits(1);
    let [(_, body)] = repository.comments().try_into().unwrap();
    assert!((50_000..=65_000).contains(&body.chars().count()), "{}", body.chars().count());
    assert!(body.contains("Left out for length"), "{body}");
    repository.is_as_described();
}

#[test]
fn without_a_pull_request_there_is_a_check_run_a_summary_and_no_error() {
    for event in ["push", "workflow_dispatch", "schedule", "merge_group"] {
        let repository = repository();
        let world = World::new();
        world.write("mlgate.yml", CONFIG).write("data.csv", GOOD);
        let world = repository.runs(world, event, &json!({}));
        act(&world, &[]).exits(0);
        assert_eq!(repository.comments(), []);
        assert_eq!(repository.check_runs(MERGE).len(), 1, "{event}");
        assert!(world.read("summary").contains("### ✅ Passed"));
        assert_eq!(output(&world, "passed"), "true");
        assert_eq!(output(&world, "comment-url"), "");
        repository.is_as_described();
    }
}

#[test]
fn a_check_run_that_was_not_made_leaves_the_lines_to_the_log() {
    for fault in [
        json!({ "status": 201, "body": "<html>" }),
        json!({ "status": 200, "body": {} }),
        json!({ "status": 302, "body": "" }),
    ] {
        let repository = repository();
        let mut fault = fault.clone();
        fault.as_object_mut().unwrap().extend(
            json!({ "method": "POST", "path_contains": "/check-runs", "action": "answer" })
                .as_object()
                .unwrap()
                .clone(),
        );
        repository.faults(json!([fault]));
        let ran = act(&world(&repository, BAD), &[]).exits(1);
        assert!(ran.stdout.contains("::error file=mlgate.yml,line=5"), "{fault}: {}", ran.stdout);
    }
}

#[test]
fn an_edit_that_comes_later_is_a_change() {
    let lax = CONFIG.replace("min: 3", "min: 1");
    let repository = repository();
    let run = |id: &str, config: &str| {
        let world = world(&repository, GOOD).variable("GITHUB_RUN_ID", id);
        world.write("mlgate.yml", config);
        act(&world, &[("comment", "changes")]).exits(0);
    };
    act(&world(&repository, GOOD), &[]).exits(0);
    run("60", &lax);
    assert!(repository.comments()[0].1.contains("relaxes the gate"), "{:?}", repository.comments());
}

#[test]
fn an_input_that_is_wrong_leaves_no_old_comment_as_if_it_were_true() {
    let repository = repository();
    act(&world(&repository, GOOD), &[]).exits(0);
    for (name, value) in [("min-row", "4"), ("comment", "failure")] {
        act(&world(&repository, GOOD).variable("GITHUB_RUN_ID", "61"), &[(name, value)]).exits(2);
        let [(_, body)] = repository.comments().try_into().unwrap();
        assert!(body.contains("### 💥 Error: nothing was judged"), "{name}: {body}");
    }
    // What was measured before the mistake is what the next run is compared with.
    act(&world(&repository, BAD).variable("GITHUB_RUN_ID", "62"), &[]).exits(1);
    assert!(repository.comments()[0].1.contains("| PASS<br>0&#160;% |"), "{:?}", repository.comments());
    repository.is_as_described();
}

#[test]
fn many_problems_and_many_bytes_fit() {
    let repository = repository();
    let world = world(&repository, GOOD);
    let limits: String = (0..60).map(|_| format!("    - row_count: {{ min: \"{}\" }}\n", "|".repeat(590))).collect();
    world.write("mlgate.yml", format!("data:\n  path: data.csv\n  checks:\n{limits}"));
    act(&world, &[]).exits(2);
    let [(_, body)] = repository.comments().try_into().unwrap();
    assert!(body.contains("nothing was judged") && body.chars().count() <= 65_000);
    let names: String =
        (0..900).map(|i| format!("    - range: {{ column: a, max: 0 }}\n      name: \"@@@@@@@@ {i}\"\n")).collect();
    world.write("mlgate.yml", format!("data:\n  path: data.csv\n  checks:\n{names}"));
    act(&world, &[]).exits(1);
    let runs = repository.check_runs(HEAD);
    assert!(runs.iter().all(|run| run["output"]["summary"].as_str().unwrap().len() <= 65_535));
    assert_eq!(runs.len(), 2);
}

#[test]
fn a_secret_in_an_address_or_a_token_with_a_line_break_goes_nowhere() {
    let repository = repository();
    let ran =
        act(&world(&repository, GOOD), &[("mlflow-tracking-uri", "https://me:hunter2@mlflow.example.org/x")]).exits(0);
    assert!(!ran.says("hunter2") && ran.says("https://mlflow.example.org/x"), "{ran:#?}");
    assert!(!repository.comments()[0].1.contains("hunter2"));
    let broken = world(&repository, GOOD).variable("GITHUB_TOKEN", "ghs_x\ny");
    act(&broken, &[]).exits(0).saying("the GitHub token holds a space, a line break");
    let trimmed = world(&repository, GOOD).variable("GITHUB_TOKEN", format!("{}\n", repository.token));
    act(&trimmed, &[]).exits(0);
}
