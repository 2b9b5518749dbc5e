//! Names that others chose, as they try to be log commands, outputs, Markdown or HTML.

use serde_json::{Value, json};

use crate::action::{act, output, outputs, runner};
use crate::world::{Ran, World, data};

/// Judges tests/data/names.parquet so that every column is named: by itself and among others.
fn judge_names() -> (World, Ran) {
    let world = runner(&[("show-values", "true")]);
    let oracle = std::fs::read_to_string(crate::world::root().join("tests/oracle/expected.json")).unwrap();
    let oracle: Value = serde_json::from_str(&oracle).unwrap();
    let table = &oracle["tables"]["names.parquet"];
    let names: Vec<&str> = table["columns"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    let mut checks = vec![
        json!({ "missing_values": { "max_percent": 0 } }),
        json!({ "schema": { "required": ["@everyone else", "::error::gone", "<b>gone", "new\n::error::line", "```"], "extra": "forbid" } }),
        json!({ "unique": { "columns": names } }),
        json!({ "expression": { "sql": "\"::error::x\" = '::warning::<b>@everyone'" } }),
    ];
    for name in names {
        let status = if name.len() % 2 == 0 { "fail" } else { "warn" };
        checks.push(json!({ "unique": { "columns": [name] }, "severity": status, "name": name }));
        checks.push(json!({ "allowed_values": { "column": name, "values": [0] }, "name": format!("other {name}") }));
        checks.push(
            json!({ "pattern": { "column": name, "regex": "::error::|<b>|@everyone" }, "name": format!("again {name}"),
            "waiver": { "owner": "@everyone", "reason": "<b>\n::error::x", "until": "2999-12-31" } }),
        );
    }
    world.copy(data("names.parquet"), "workspace/::error::names<b>.parquet");
    let config = json!({ "data": { "path": "::error::names<b>.parquet", "target": "::error::x", "checks": checks } });
    world.write("workspace/mlgate.yml", config.to_string().replace('\u{7f}', ""));
    let ran = act(&world);
    assert!(ran.verdicts().len() > 50, "{ran:#?}");
    (world, ran)
}

#[test]
fn the_log_holds_no_command_but_ours() {
    let (_, ran) = judge_names();
    for text in [&ran.stdout, &ran.stderr] {
        for line in text.split(['\n', '\r']) {
            let ours = ["::error ", "::warning "]
                .iter()
                .any(|start| line.starts_with(start) && line.contains("title=") && line.matches("::").count() >= 2);
            assert!(!line.trim_start().starts_with("::") || ours, "{line:?}");
            assert!(!line.contains("##["), "{line:?}");
        }
        assert!(!text.contains(['\u{202e}', '\u{1b}', '\r']), "{text:?}");
    }
    let commands: Vec<&str> = ran.stdout.lines().filter(|line| line.starts_with("::")).collect();
    assert!(!commands.is_empty() && commands.len() <= 20, "{commands:#?}");
    for line in commands {
        let properties = line.split("::").nth(1).unwrap();
        assert!(properties.split(',').all(|one| one.contains('=')), "{line}");
    }
}

#[test]
fn outputs_hold_no_name_but_ours() {
    let (world, ran) = judge_names();
    let known = [
        "result",
        "passed",
        "data-result",
        "model-result",
        "failed-checks",
        "warned-checks",
        "summary",
        "report",
        "report-sha256",
        "rows",
        "data-fingerprint",
        "drift-detected",
        "drifted-columns",
        "model-name",
        "model-version",
        "baseline-version",
    ];
    for (name, value) in outputs(&world) {
        assert!(known.contains(&name.as_str()), "{name}={value}");
    }
    assert_eq!(output(&world, "result"), ran.result());
    assert_ne!(output(&world, "result"), "passed");
    let failed: Value = serde_json::from_str(&output(&world, "failed-checks")).unwrap();
    assert!(failed.as_array().unwrap().contains(&json!("allowed_values:::set-output name=result::passed")));
}

#[test]
fn markdown_holds_no_html_no_mention_and_no_link_of_theirs() {
    let (world, ran) = judge_names();
    let summary = world.read("summary");
    for text in [&summary, &ran.markdown] {
        for raw in ["<b>", "<script", "@everyone", "[link](x)", "```\n::", "\u{202e}", "\r", "hunter2"] {
            assert!(!text.contains(raw), "{raw:?} stands in {text}");
        }
        // What folds is ours: as many ends as beginnings.
        assert_eq!(text.matches("<details").count(), text.matches("</details>").count());
        for line in text.lines().filter(|line| line.starts_with('|')) {
            let cells = line.matches('|').count() - line.matches("\\|").count();
            assert!((3..=8).contains(&cells), "{cells} cells in {line}");
        }
    }
    assert!(summary.len() < 1 << 20);
}

#[test]
fn errors_before_the_verdict_are_as_safe() {
    let config = "data:\n  \"::error::x\\n::set-output name=passed::true\": 1\n  \"<b>@everyone\": 2\n  checks:\n    - \"\\e[31m##[error]x\": {}\n";
    let world = runner(&[("::error::<b>", "x\n::error::y")]);
    world.write("workspace/mlgate.yml", config);
    let unknown = act(&world).exits(2);
    let world = runner(&[("min-rows", "1")]);
    world.write("workspace/mlgate.yml", config);
    let bad = act(&world).exits(2);
    let world = runner(&[("data", "::error::<b>@everyone\n::error::z.csv"), ("min-rows", "1\n::error::w")]);
    let missing = act(&world).exits(2);
    for ran in [unknown, bad, missing] {
        for text in [&ran.stdout, &ran.stderr] {
            for line in text.lines() {
                let safe = !line.trim_start().starts_with("::")
                    || line.starts_with("::error ") && line.contains("title=mlgate::");
                assert!(safe && !line.contains("##[") && !line.contains('\u{1b}'), "{line:?}");
            }
        }
        assert!(!ran.markdown.contains("<b>") && !ran.markdown.contains("@everyone"), "{}", ran.markdown);
    }
}

#[test]
fn a_colourless_log_holds_no_escape() {
    let world = World::new();
    let ran = world.check(&["--data", &data("plain.csv"), "--min-rows=100"]).exits(1);
    assert!(!ran.stdout.contains('\u{1b}') && !ran.stderr.contains('\u{1b}'), "{ran:#?}");
}

#[test]
fn values_are_shown_only_when_asked_for() {
    let world = World::with_checks(
        "name,y\nhunter2,1\nanna,0\n",
        "- allowed_values: { column: name, values: [anna] }\n- pattern: { column: name, regex: an.* }",
    );
    let quiet = world.check(&[]).exits(1);
    assert!(!quiet.says("hunter2"), "{quiet:#?}");
    for file in ["junit.xml", "results.sarif", "report.md"] {
        assert!(!world.read(&format!("mlgate-report/{file}")).contains("hunter2"), "{file}");
    }
    let shown = world.check(&["--show-values"]).exits(1);
    assert_eq!(shown.verdicts()[0]["examples"], json!(["hunter2"]));
    assert!(shown.markdown.contains("hunter2"));
}
