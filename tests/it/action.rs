//! A run as an Action: inputs from the environment, outputs, summary, annotations, and the path rule.

use std::fs;
use std::os::unix::fs::symlink;

use serde_json::{Value, json};

use crate::world::{Ran, World, data};

/// A workspace with one table, and the runner's files beside it.
pub fn runner(inputs: &[(&str, &str)]) -> World {
    let world = World::new();
    world.write("workspace/data.csv", "age,y\n20,0\n30,1\n30,1\n");
    world.write("outputs", "").write("summary", "");
    let at = |name: &str| world.path(name);
    let (workspace, outputs, summary) = (at("workspace"), at("outputs"), at("summary"));
    let mut world = world
        .variable("GITHUB_ACTIONS", "true")
        .variable("GITHUB_WORKSPACE", workspace)
        .variable("GITHUB_OUTPUT", outputs)
        .variable("GITHUB_STEP_SUMMARY", summary)
        .variable("GITHUB_SHA", "0123456789abcdef")
        .variable("GITHUB_RUN_ID", "42")
        .variable("GITHUB_RUN_ATTEMPT", "2")
        .variable("GITHUB_WORKFLOW_REF", "octo/risk/.github/workflows/gate.yml@refs/heads/main");
    for (name, value) in inputs {
        world = world.variable(&format!("INPUT_{}", name.to_uppercase()), value);
    }
    world
}

/// Runs it as the runner does: no arguments, in the workspace.
pub fn act(world: &World) -> Ran {
    let mut ran = world.finish(world.command(&[]).current_dir(world.path("workspace")));
    let report = world.read("workspace/mlgate-report/report.json");
    ran.report = serde_json::from_str(&report).unwrap_or_default();
    ran.markdown = world.read("workspace/mlgate-report/report.md");
    ran
}

/// The outputs as GitHub's runner reads them: every line is `name=value` or opens `name<<DELIMITER`.
pub fn outputs(world: &World) -> Vec<(String, String)> {
    let text = world.read("outputs");
    let mut lines = text.lines();
    let mut all = Vec::new();
    while let Some(line) = lines.next() {
        match (line.find('='), line.find("<<")) {
            (equals, Some(at)) if equals.is_none_or(|equals| at < equals) => {
                let (name, delimiter) = (&line[..at], &line[at + 2..]);
                let value: Vec<&str> = lines.by_ref().take_while(|line| *line != delimiter).collect();
                all.push((name.to_owned(), value.join("\n")));
            }
            (Some(at), _) => all.push((line[..at].to_owned(), line[at + 1..].to_owned())),
            _ if line.is_empty() => {}
            _ => panic!("the runner would refuse {line:?}"),
        }
    }
    all
}

/// The value a later step sees: the last.
pub fn output(world: &World, name: &str) -> String {
    outputs(world).into_iter().rev().find(|(known, _)| known == name).map(|(_, value)| value).unwrap_or_default()
}

#[test]
fn inputs_alone_are_a_gate_and_the_outputs_say_how_it_went() {
    let world =
        runner(&[("data", "data.csv"), ("min-rows", "3"), ("max-duplicate-percent", "50"), ("max-null-percent", " ")]);
    let ran = act(&world).exits(0);
    assert_eq!(ran.statuses(), "pass pass");
    let all = outputs(&world);
    let first: Vec<(&str, &str)> = all[..2].iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(first, [("result", "error"), ("passed", "false")]);
    for (name, value) in [
        ("result", "passed"),
        ("passed", "true"),
        ("data-result", "passed"),
        ("model-result", ""),
        ("failed-checks", "[]"),
        ("warned-checks", "[]"),
        ("report", "mlgate-report/report.json"),
        ("rows", "3"),
    ] {
        assert_eq!(output(&world, name), value, "{name}");
    }
    assert_eq!(output(&world, "summary"), ran.report["summary"]);
    assert_eq!(output(&world, "report-sha256").len(), 64);
    assert_eq!(ran.report["commit"], "0123456789abcdef");
    assert_eq!(ran.report["pipeline"]["run_id"], json!(42));
    assert_eq!(ran.report["pipeline"]["run_attempt"], json!(2));
    assert_eq!(world.read("summary"), ran.markdown);
    assert!(!ran.stdout.lines().any(|line| line.starts_with("::")), "{}", ran.stdout);
}

#[test]
fn a_blocked_run_names_the_rules_on_their_lines() {
    let world = runner(&[("fail-on", "fail")]);
    world.write(
        "workspace/mlgate.yml",
        "data:
  path: data.csv
  target: y
  checks:
    - row_count: { min: 10 }
    - duplicates: { max_percent: 0 }
      severity: warn
    - range: { column: income, min: 0 }
    - range:
        column: age
        max: 25
",
    );
    let ran = act(&world).exits(3);
    assert_eq!(ran.statuses(), "fail warn error fail");
    assert_eq!(output(&world, "result"), "error");
    assert_eq!(output(&world, "passed"), "false");
    assert_eq!(output(&world, "data-result"), "error");
    let failed: Value = serde_json::from_str(&output(&world, "failed-checks")).unwrap();
    assert_eq!(failed, json!(["row_count", "range:income", "range:age"]));
    assert_eq!(output(&world, "warned-checks"), r#"["duplicates"]"#);
    let annotations: Vec<&str> = ran.stdout.lines().filter(|line| line.starts_with("::")).collect();
    let expected = [
        "::error file=mlgate.yml,line=8,col=7,title=ERROR range%3Aincome::",
        "::error file=mlgate.yml,line=5,col=7,title=FAIL row_count::",
        "::error file=mlgate.yml,line=9,col=7,title=FAIL range%3Aage::",
        "::warning file=mlgate.yml,line=6,col=7,title=WARN duplicates::",
    ];
    assert_eq!(annotations.len(), expected.len(), "{annotations:#?}");
    for (line, start) in annotations.iter().zip(expected) {
        assert!(line.starts_with(start), "{line} does not start with {start}");
    }
}

#[test]
fn fail_on_never_passes_the_step_and_not_the_outputs() {
    let inputs = [("data", "data.csv"), ("min-rows", "10"), ("fail-on", "never")];
    let world = runner(&inputs);
    act(&world).exits(0);
    assert_eq!(output(&world, "result"), "blocked");
    assert_eq!(output(&world, "passed"), "false");
    assert_eq!(output(&world, "failed-checks"), r#"["row_count"]"#);
}

#[test]
fn an_error_before_the_verdict_stays_an_error_in_the_outputs() {
    for (inputs, exit, said) in [
        (&[("data", "data.csv"), ("min-rowss", "1")][..], 2, "did you mean `min-rows`?"),
        (&[("data", "data.csv"), ("min_rows", "1")], 2, "unknown input `min_rows`"),
        (&[("data", "data.csv"), ("min-rows", "lots")], 2, "input min-rows"),
        (&[("data", "data.csv"), ("min-rows", "1"), ("fail-on", "sometimes")], 2, "sometimes"),
        (&[("data", "data.csv"), ("min-rows", "1"), ("show-values", "yes")], 2, "true or false"),
        (&[("command", "chekc")], 2, "did you mean `check`?"),
        (&[("data", "data.csv")], 2, "nothing to check"),
        (&[("data", "date.csv"), ("min-rows", "1")], 3, "is `data.csv` meant?"),
    ] {
        let world = runner(inputs);
        let ran = act(&world).exits(exit);
        assert!(
            ran.stderr.contains(said) || ran.says(said) || world.read("summary").contains(said),
            "{said}: {ran:#?}"
        );
        assert_eq!(output(&world, "result"), "error", "{inputs:?}");
        assert_eq!(output(&world, "passed"), "false", "{inputs:?}");
        assert!(!output(&world, "summary").is_empty(), "{inputs:?}");
        assert!(!world.read("summary").is_empty(), "{inputs:?}");
        assert!(ran.stdout.lines().any(|line| line.starts_with("::error ")), "{inputs:?}: {}", ran.stdout);
    }
}

#[test]
fn problems_are_annotated_as_far_as_the_runner_takes_them() {
    let world = runner(&[]);
    world.write("workspace/mlgate.yml", (0..200).map(|i| format!("key{i}: 1\n")).collect::<String>());
    let ran = act(&world).exits(2);
    let annotations: Vec<&str> = ran.stdout.lines().filter(|line| line.starts_with("::error ")).collect();
    assert!(annotations.len() <= 10, "{} annotations", annotations.len());
    assert!(annotations.last().unwrap().contains("more"), "{annotations:#?}");
}

#[test]
fn booleans_are_those_of_the_toolkit() {
    for (value, examples) in [("true", true), ("TRUE", true), ("False", false), ("", false)] {
        let inputs = [("data", "data.csv"), ("feature-ranges", "age: {max: 25}"), ("show-values", value)];
        let ran = act(&runner(&inputs)).exits(1);
        assert_eq!(ran.verdicts()[0].get("examples").is_some(), examples, "{value}");
    }
}

#[test]
fn outputs_that_cannot_be_written_are_exit_3() {
    let inputs = [("data", "data.csv"), ("min-rows", "1")];
    for place in ["", "nowhere/outputs", "workspace"] {
        let world = runner(&inputs);
        let path = if place.is_empty() { place.into() } else { world.path(place) };
        let ran = act(&world.variable("GITHUB_OUTPUT", path)).exits(3);
        assert!(ran.stderr.contains("GITHUB_OUTPUT"), "{ran:#?}");
        assert!(!ran.stdout.contains("PASS"), "{ran:#?}");
    }
}

#[test]
fn a_summary_that_cannot_be_written_is_a_warning() {
    let world = runner(&[("data", "data.csv"), ("min-rows", "1")]).variable("GITHUB_STEP_SUMMARY", "/nowhere/at/all");
    act(&world).exits(0).saying("the job summary could not be written");
}

#[test]
fn inputs_count_only_in_an_action_run_without_arguments() {
    let world = runner(&[("data", "data.csv"), ("min-rows", "10")]);
    let mut command = world.command(&["check", "--data=data.csv", "--min-rows=1"]);
    let ran = world.finish(command.current_dir(world.path("workspace"))).exits(0);
    assert!(ran.stdout.contains("PASS"), "{ran:#?}");
    let world = World::new().variable("INPUT_MIN-ROWS", "1").variable("INPUT_DATA", "data.csv");
    world.run(&[]).exits(2);
}

/// A workspace with secrets beside it, and ways to them.
fn walls() -> World {
    let world = runner(&[("min-rows", "1")]);
    world.write("secret/c.csv", "key\nhunter2\n").write("secret/gate.yml", "data: { checks: [duplicates] }\n");
    world.write("lake/b.csv", "a\n1\n").write("workspace/in/a.csv", "a\n1\n");
    symlink("../secret/c.csv", world.path("workspace/link.csv")).unwrap();
    symlink("../secret", world.path("workspace/out")).unwrap();
    symlink("in", world.path("workspace/inside")).unwrap();
    symlink("../../secret/c.csv", world.path("workspace/in/z.csv")).unwrap();
    world
}

#[track_caller]
fn leads_out(world: World, name: &str, path: &str) {
    let world = world.variable(&format!("INPUT_{name}"), path);
    let ran = act(&world).exits(2);
    assert!(ran.stderr.contains("leads out of the workspace"), "{name} {path}: {ran:#?}");
    assert!(ran.stderr.contains(&*world.real().join("workspace").to_string_lossy()), "{name} {path}: {ran:#?}");
    assert!(!ran.says("hunter2"));
    assert_eq!(output(&world, "result"), "error");
}

#[test]
fn a_path_that_leads_out_of_the_workspace_is_refused() {
    for path in [
        "../secret/c.csv",
        "link.csv",
        "out/c.csv",
        "out",
        "out/*.csv",
        "in/*.csv",
        "in",
        "in/../../secret/c.csv",
        "/etc/passwd",
        "nowhere/../../secret/c.csv",
    ] {
        leads_out(walls(), "DATA", path);
    }
    for input in ["CONFIG", "REFERENCE", "TEST-DATA", "PREDICTIONS"] {
        leads_out(walls().variable("INPUT_DATA", "data.csv"), input, "../secret/gate.yml");
    }
    leads_out(walls().variable("INPUT_DATA", "data.csv"), "REPORT-DIR", "../reports");
    let world = walls();
    world.write("workspace/mlgate.yml", "data: { path: ../secret/c.csv, checks: [duplicates] }\n");
    leads_out(world, "CONFIG", "mlgate.yml");
    let world = walls();
    let absolute = world.real().join("secret/c.csv");
    leads_out(world, "DATA", &absolute.to_string_lossy());
}

#[test]
fn a_default_config_that_is_a_symlink_out_is_refused() {
    let world = walls();
    symlink("../secret/gate.yml", world.path("workspace/mlgate.yml")).unwrap();
    leads_out(world, "DATA", "data.csv");
}

#[test]
fn a_path_that_stays_inside_is_read_wherever_it_is_written_from() {
    for path in ["data.csv", "./in/../data.csv", "inside/a.csv", "in/a.csv"] {
        act(&walls().variable("INPUT_DATA", path)).exits(0);
    }
    let world = walls();
    let absolute = world.real().join("workspace/data.csv");
    act(&world.variable("INPUT_DATA", absolute)).exits(0);
    // GITHUB_WORKSPACE may be relative, or not there.
    act(&walls().variable("INPUT_DATA", "data.csv").variable("GITHUB_WORKSPACE", ".")).exits(0);
    act(&walls().variable("INPUT_DATA", "data.csv").variable("GITHUB_WORKSPACE", "")).exits(0);
}

#[test]
fn the_data_root_is_read_and_never_written() {
    let with_root = |name: &str, path: &str| {
        let world = walls();
        let root = world.real().join("lake");
        world.variable("INPUT_DATA-ROOT", root).variable("INPUT_DATA", "../lake/b.csv").variable(name, path)
    };
    act(&with_root("INPUT_DATA", "../lake/b.csv")).exits(0);
    act(&with_root("INPUT_DATA", "../secret/c.csv")).exits(2);
    act(&with_root("INPUT_REPORT-DIR", "../lake/report")).exits(2);
    // Only an input can open the wall: a config has no such key.
    let world = walls().variable("INPUT_DATA", "../lake/b.csv");
    world.write("workspace/mlgate.yml", "data: { data-root: ../lake, checks: [duplicates] }\n");
    act(&world).exits(2);
}

#[test]
fn a_report_is_not_written_through_a_symlink() {
    let world = runner(&[("data", "data.csv"), ("min-rows", "1")]);
    fs::create_dir(world.path("workspace/real")).unwrap();
    symlink("real", world.path("workspace/mlgate-report")).unwrap();
    act(&world).exits(2).saying("symlink");
    assert_eq!(fs::read_dir(world.path("workspace/real")).unwrap().count(), 0);

    let world = runner(&[("data", "data.csv"), ("min-rows", "1")]);
    world.write("victim", "mine").write("workspace/mlgate-report/old", "");
    symlink("../../victim", world.path("workspace/mlgate-report/report.json")).unwrap();
    act(&world).exits(0);
    assert_eq!(world.read("victim"), "mine");
}

#[test]
fn a_command_line_reads_any_path() {
    let world = World::new();
    world.check(&["--min-rows=1", "--data", &data("plain.csv")]).exits(0);
}
