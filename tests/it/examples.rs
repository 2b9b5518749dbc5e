//! Every example says what its folder says it says.
//!
//! `mlgate.yml` gives `expected/report.json`, and every other config gives its own: `wrong.yml` gives `expected/wrong.json`.
//! `expected/arguments` holds further arguments, one a line; `UPDATE_EXPECTED=1` writes what is expected anew.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::world::root;

/// The folders of examples with a config.
pub fn folders() -> Vec<PathBuf> {
    let entries = fs::read_dir(root().join("examples")).unwrap().map(|entry| entry.unwrap().path());
    let mut folders: Vec<PathBuf> = entries.filter(|path| path.join("mlgate.yml").is_file()).collect();
    folders.sort();
    folders
}

#[test]
fn every_example_gives_the_report_it_shows() {
    let folders = folders();
    assert!(folders.len() >= 3, "{folders:?}");
    let all = |folder: &PathBuf| {
        let configs = ["mlgate.yml", "wrong.yml", "onnx.yml", "onnx-broken.yml"];
        let expected = |config: &str| match config.trim_end_matches(".yml") {
            "mlgate" => "report.json".to_owned(),
            name => format!("{name}.json"),
        };
        configs.map(|config| check(folder, config, &expected(config)))
    };
    let wrong: Vec<String> = folders.iter().flat_map(all).flatten().collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What differs, if anything does.
fn check(folder: &Path, config: &str, expected: &str) -> Option<String> {
    if !folder.join(config).is_file() {
        return None;
    }
    let expected = folder.join("expected").join(expected);
    let report = run(folder, config);
    let text = format!("{report:#}\n");
    if std::env::var_os("UPDATE_EXPECTED").is_some_and(|value| value == "1") {
        fs::create_dir_all(folder.join("expected")).unwrap();
        fs::write(expected, text).unwrap();
        return None;
    }
    let written = fs::read_to_string(&expected).unwrap_or_default();
    let differ = text.lines().zip(written.lines()).find(|(now, then)| now != then);
    (text != written).then(|| {
        let (now, then) = differ.unwrap_or(("another length", "of the report"));
        format!("{}: now {now}, expected {then}; UPDATE_EXPECTED=1 accepts", expected.display())
    })
}

/// The report of a run from the repository's root, without what changes from run to run.
fn run(folder: &Path, config: &str) -> Value {
    let world = crate::onnx::world();
    let inside = folder.strip_prefix(root()).unwrap();
    let config = inside.join(config).to_string_lossy().into_owned();
    let reports = world.path("mlgate-report").to_string_lossy().into_owned();
    let more = fs::read_to_string(folder.join("expected/arguments")).unwrap_or_default();
    let mut arguments = vec!["check", "--config", &config, "--report-dir", &reports];
    arguments.extend(more.lines().filter(|line| !line.is_empty()));
    let mut report = world.finish(world.command(&arguments).current_dir(root())).report;
    let top = report.as_object_mut().unwrap_or_else(|| panic!("{} left no report", inside.display()));
    for volatile in ["started_at", "duration_ms", "commit", "pipeline"] {
        top.remove(volatile);
    }
    // What is measured while a model runs is another on the next machine.
    let runs = config.contains("onnx");
    let gates = top["gates"].as_array_mut().into_iter().flatten();
    for verdict in gates.flat_map(|gate| gate["checks"].as_array_mut().unwrap()).filter(|_| runs) {
        if ["latency", "memory"].contains(&verdict["check"].as_str().unwrap()) {
            let verdict = verdict.as_object_mut().unwrap();
            verdict.retain(|part, _| !["observed", "message", "values"].contains(&part.as_str()));
        }
    }
    top["tool"].as_object_mut().unwrap().remove("version");
    report
}
