//! The deadline of a run, and what a proposal may ask of a machine and of servers.

use std::io::Write;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::endpoint::{Answer, Served};
use crate::github::{Repository, act};
use crate::requests::serve;
use crate::world::{Ran, World, data};

/// Runs it, and sees that it ended soon after its time was over.
fn in_time(world: &World, arguments: &[&str]) -> Ran {
    let start = Instant::now();
    let ran = world.check(&[&["--timeout", "2s"], arguments].concat());
    let took = start.elapsed();
    assert!(took >= Duration::from_secs(2) && took < Duration::from_secs(20), "{took:?}: {ran:#?}");
    assert_eq!(ran.exit, 3, "{ran:#?}");
    assert_eq!(ran.result(), "error", "{ran:#?}");
    assert!(ran.markdown.contains("the time limit of 2s was reached"), "{ran:#?}");
    assert!(ran.says("set a longer `timeout`"), "{ran:#?}");
    ran
}

fn checks(ran: &Ran) -> Vec<(&str, &str, &str)> {
    let gates = ran.report["gates"].as_array().unwrap().iter();
    let all = gates.flat_map(|gate| gate["checks"].as_array().unwrap());
    all.map(|verdict| {
        let text = |key: &str| verdict[key].as_str().unwrap();
        (text("check"), text("status"), text("message"))
    })
    .collect()
}

const LATE: &str = "not judged: the time limit of 2s was reached";

/// A server that answers byte by byte, and never ends.
fn dribbling() -> String {
    serve(|stream| {
        let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";
        let mut bytes = head.as_bytes();
        while stream.write_all(bytes).is_ok() {
            bytes = b"1\r\n \r\n";
            std::thread::sleep(Duration::from_millis(100));
        }
    })
}

#[test]
fn a_scan_that_takes_long_is_left_and_said() {
    let world = World::new();
    // 25 million short lines are some hundred kilobytes as gzip, and take long to read.
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gz.write_all(b"a,b\n").unwrap();
    let block = "1,x\n".repeat(1 << 20);
    (0..24).for_each(|_| gz.write_all(block.as_bytes()).unwrap());
    world.write("data.csv.gz", gz.finish().unwrap());
    world.write("small.csv", "c\n1\n");
    world.write(
        "mlgate.yml",
        "data:\n  path: data.csv.gz\n  test: small.csv\n  checks:\n    - missing_values\n    - row_count: { min: 1 }\n",
    );
    world.write("mlgate-report/report.json", "{\"result\": \"passed\"}");
    let ran = in_time(&world, &["--history", "runs.json", "--save-profile", "t.profile.json"]);
    let all = checks(&ran);
    assert!(all[..2].iter().all(|(_, status, message)| *status == "error" && *message == LATE), "{all:?}");
    // What was to be kept of the table was not; the run itself is remembered.
    assert!(!world.path("t.profile.json").exists() && world.path("runs.json").exists());
    assert!(!world.read("mlgate-report/junit.xml").is_empty() && !world.read("mlgate-report/results.sarif").is_empty());
}

#[test]
fn what_was_measured_in_time_keeps_its_verdict() {
    let slow = Served::start(|_| Answer::json("{}").after(60_000));
    let world = World::new();
    world.write("data.csv", "age,label\n1,0.5\n2,1.5\n").write("p.csv", "label,prediction\n0.5,0.5\n1.5,1.5\n");
    world.write(
        "mlgate.yml",
        format!(
            "data:\n  path: data.csv\n  test: data.csv\n  target: label\n  checks:\n    - row_count: {{ min: 1 }}\n    - missing_values\nmodel:\n  predictions: {{ path: p.csv }}\n  endpoint: {{ url: '{}', timeout_seconds: 60 }}\n  checks:\n    - metric: {{ name: rmse, max: 1 }}\n    - serving: {{ rps: 1, seconds: 30 }}\n",
            slow.url()
        ),
    );
    let ran = in_time(&world, &[]);
    let statuses: Vec<(&str, &str)> = checks(&ran).into_iter().map(|(check, status, _)| (check, status)).collect();
    assert_eq!(
        statuses,
        [("row_count", "pass"), ("missing_values", "pass"), ("metric", "pass"), ("serving", "error")],
        "{ran:#?}"
    );
}

#[test]
fn servers_that_dribble_do_not_hold_a_run() {
    let world =
        World::new().variable("MLFLOW_TRACKING_URI", dribbling()).variable("MLFLOW_HTTP_REQUEST_TIMEOUT", "100");
    world.write("metrics.json", r#"{"accuracy": 0.9}"#);
    world.write(
        "mlgate.yml",
        "model:\n  name: risk\n  metrics: metrics.json\n  baseline: { mlflow: { alias: champion } }\n  checks:\n    - improvement: { metric: accuracy, min: 0 }\n    - metric: { name: accuracy, min: 0.5 }\n",
    );
    let ran = in_time(&world, &[]);
    assert_eq!(checks(&ran)[0], ("improvement", "error", LATE));
    assert_eq!(checks(&ran)[1].1, "pass", "{ran:#?}");

    let world = World::new();
    world.write("test.csv", "age,label\n1,0.5\n2,1.5\n");
    world.write(
        "mlgate.yml",
        format!(
            "data: {{ test: test.csv, target: label }}\nmodel:\n  endpoint: {{ url: '{}', timeout_seconds: 100 }}\n  checks:\n    - metric: {{ name: rmse, max: 1 }}\n",
            dribbling()
        ),
    );
    let ran = in_time(&world, &[]);
    assert_eq!(checks(&ran)[0], ("metric", "error", LATE));
}

#[test]
fn a_model_that_is_timed_for_long_is_left_and_said() {
    let world = crate::onnx::world();
    world.write(
        "mlgate.yml",
        format!(
            "data: {{ test: {}, target: label }}\nmodel:\n  artifact: {}\n  classes: [0, 1, 2]\n  run: {{ timeout_seconds: 600 }}\n  checks:\n    - metric: {{ name: accuracy, min: 0 }}\n    - latency: {{ p99_ms: 1000, rows: 1000000 }}\n",
            data("onnx/three.parquet"),
            data("onnx/torch_softmax.onnx")
        ),
    );
    let ran = in_time(&world, &[]);
    let all = checks(&ran);
    assert_eq!(all.last().unwrap().1, "error", "{all:?}");
    assert_eq!(all.last().unwrap().2, LATE, "{all:?}");
}

#[test]
fn what_is_made_on_the_way_goes_with_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let slow = Served::start(|_| Answer::json("{}").after(60_000));
    let world = World::new().variable("TMPDIR", folder.path());
    world.write("test.csv", "age,label\n1,0.5\n2,1.5\n");
    world.write(
        "mlgate.yml",
        format!(
            "data: {{ test: test.csv, target: label }}\nmodel:\n  endpoint: {{ url: '{}', timeout_seconds: 60 }}\n  checks:\n    - metric: {{ name: rmse, max: 1 }}\n",
            slow.url()
        ),
    );
    in_time(&world, &[]);
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_time_limit_is_a_time() {
    let world = World::with_checks("a,y\n1,0\n", "- row_count: { min: 1 }");
    for text in ["60", "soon", "0s", "1d"] {
        world.check(&["--timeout", text]).exits(2).saying("input timeout:");
    }
    world.check(&["--timeout", "1h30m"]).exits(0);
}

fn serving(url: &str, more: &str) -> String {
    format!(
        "data: {{ test: test.csv, target: label }}\nmodel:\n  endpoint: {{ url: '{url}' }}\n{more}  checks:\n    - serving: {{ rps: 300, seconds: 0.5 }}\n"
    )
}

#[test]
fn a_proposal_asks_for_no_more_than_inputs_allow() {
    let served = Served::start(|_| Answer::json(r#"{"predictions": [0.5]}"#));
    let run = |config: &str, event: &str, inputs: &[(&str, &str)]| {
        let repository =
            Repository::with_pull_request(&json!({ "mlgate.yml": config }), &json!({ "mlgate.yml": config }));
        let world = World::new();
        world.write("test.csv", "age,label\n1,0.5\n2,0.5\n").write("mlgate.yml", config);
        let payload =
            if event == "push" { Value::Object(serde_json::Map::new()) } else { repository.payload(&repository.name) };
        act(&repository.runs(world, event, &payload), inputs)
    };
    let fast = serving(&served.url(), "");
    run(&fast, "pull_request", &[]).exits(2).saying("serving: rps is 300").saying("raise the input `max-serving-rps`");
    assert!(served.bodies().is_empty());
    let big = serving(&served.url(), "  run: { memory_mb: 8000, timeout_seconds: 86400 }\n");
    let ran = run(&big, "pull_request", &[("max-serving-rps", "300")]).exits(2);
    assert!(ran.says("`max-model-memory`") && ran.says("`max-model-seconds`"), "{ran:#?}");
    // Inputs raise them, and what is merged has none.
    let raised = [("max-serving-rps", "300"), ("max-model-memory", "8GB"), ("max-model-seconds", "86400")];
    assert_ne!(run(&big, "pull_request", &raised).exit, 2);
    assert_ne!(run(&big, "push", &[]).exit, 2);
    run(&fast, "push", &[("max-model-memory", "lots")]).exits(2).saying("input max-model-memory");
}
