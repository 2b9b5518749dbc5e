//! Where requests may go, how much of an answer is read, and what servers' texts do in the log.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::endpoint::{Answer, Request, Served};
use crate::github::{MERGE, Repository, act, pull_request};
use crate::world::{Ran, World};

/// A server that takes any request and answers by this function, which is given the stream behind the request's head.
pub fn serve(answer: impl Fn(&mut TcpStream) + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let answer = Arc::new(answer);
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let answer = Arc::clone(&answer);
            thread::spawn(move || {
                let mut head = String::new();
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                while !head.ends_with("\r\n\r\n") {
                    if reader.read_line(&mut head).unwrap_or(0) == 0 {
                        return;
                    }
                }
                answer(&mut stream);
            });
        }
    });
    format!("http://127.0.0.1:{port}")
}

/// A server whose answers have no end; it counts the bytes that were taken from it.
fn endless() -> (String, Arc<AtomicU64>) {
    let sent = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&sent);
    let url = serve(move |stream| {
        let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n";
        let chunk = format!("10000\r\n{}\r\n", " ".repeat(0x10000));
        let mut bytes = head.as_bytes();
        while stream.write_all(bytes).is_ok() {
            counted.fetch_add(bytes.len() as u64, Ordering::Relaxed);
            bytes = chunk.as_bytes();
        }
    });
    (url, sent)
}

/// A rollout with this router, which asks this Prometheus.
fn rollout(router: &str, prometheus: &str) -> World {
    let world = World::new();
    world.write(
        "mlgate.yml",
        format!(
            "rollout:\n  strategy: canary\n  report: report.json\n  model: {{ name: risk }}\n  step_seconds: 0.3\n  \
             interval_seconds: 0.1\n  max_hold_seconds: 1\n  router: {router}\n  journal: {{ path: journal.json }}\n  \
             signals:\n    prometheus: {{ url: '{prometheus}' }}\n    requests: 'requests{{arm=\"{{{{arm}}}}\"}}'\n    \
             errors: 'errors{{arm=\"{{{{arm}}}}\"}}'\n"
        ),
    );
    let report = json!({
        "schema_version": 1, "result": "passed", "started_at": chrono::Utc::now().to_rfc3339(),
        "commit": MERGE, "pipeline": { "event": "push", "proposal": false },
        "model": { "name": "risk", "version": "8", "sha256": null }, "tables": {},
        "gates": [{ "gate": "model", "result": "passed", "checks": [] }],
    });
    world.write("report.json", report.to_string());
    world
}

fn run(world: &World, more: &[&str]) -> Ran {
    let report = world.read("report.json");
    let sha256: String = Sha256::digest(report.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
    world.run(&[&["rollout", "--report-sha256", &sha256], more].concat())
}

#[test]
fn an_answer_without_end_is_cut_off() {
    let (url, sent) = endless();
    let took = |what: &str, most: u64| {
        let bytes = sent.swap(0, Ordering::Relaxed);
        // What the kernel holds between the two is sent, and never read.
        assert!(bytes < most + 16_000_000, "{what}: {bytes} bytes");
    };
    let webhook = format!("{{ webhook: {{ url: '{url}' }} }}");
    let ran = run(&rollout(&webhook, "http://127.0.0.1:1"), &["--dry-run"]).exits(3);
    assert!(ran.says("answered more than 100000 bytes"), "{ran:#?}");
    took("the router's webhook", 100_000);
    // Two arms, and a few queries of each.
    let ran = run(&rollout("{ webhook: { url: 'http://127.0.0.1:1' } }", &url), &["--dry-run"]).exits(3);
    assert!(ran.says("answered by more than 1000000 bytes"), "{ran:#?}");
    took("Prometheus", 20_000_000);
    let envoy = format!("{{ envoy: {{ routes: rds.yaml, admin: '{url}', stable: stable, candidate: candidate }} }}");
    let ran = run(&rollout(&envoy, "http://127.0.0.1:1"), &["--dry-run"]).exits(3);
    assert!(ran.says("answered more than 10000000 bytes"), "{ran:#?}");
    // For the slots, and by the preflight.
    took("Envoy", 20_000_000);
}

#[test]
fn an_mlflow_server_without_end_is_cut_off() {
    let (url, sent) = endless();
    let world = World::new().variable("MLFLOW_TRACKING_URI", &url);
    world.write("metrics.json", r#"{"accuracy": 0.9}"#);
    world.write(
        "mlgate.yml",
        "model:\n  name: risk\n  metrics: metrics.json\n  baseline: { mlflow: { alias: champion } }\n  checks:\n    - improvement: { metric: accuracy, min: 0 }\n",
    );
    world.check(&[]).exits(3).saying("has over 10000000 bytes");
    assert!(sent.load(Ordering::Relaxed) < 30_000_000);
}

#[test]
fn a_head_without_end_is_cut_off() {
    let url = serve(|stream| {
        let mut bytes = "HTTP/1.1 200 OK\r\n".to_owned();
        while stream.write_all(bytes.as_bytes()).is_ok() {
            bytes = format!("x-more: {}\r\n", "y".repeat(1000));
        }
    });
    let ran = run(&rollout(&format!("{{ webhook: {{ url: '{url}' }} }}"), "http://127.0.0.1:1"), &["--dry-run"]);
    ran.exits(3).saying("gives no answer");
}

#[test]
fn metadata_services_are_not_spoken_to() {
    for (url, said) in [
        ("http://169.254.169.254/latest", "link-local"),
        ("http://[64:ff9b::a9fe:a9fe]/", "link-local"),
        ("http://[2002:a9fe:a9fe::]/", "link-local"),
        ("http://[fd00:ec2::254]/", "a cloud's metadata service"),
        ("http://168.63.129.16/", "a cloud's metadata service"),
        ("http://100.100.100.200/", "a cloud's metadata service"),
        ("http://0.0.0.0:9/", "not the address of one host"),
        ("http://0/", "not the address of one host"),
    ] {
        let world = World::new();
        world.write("test.csv", "age,label\n1,0.5\n2,1.5\n");
        world.write("mlgate.yml", config(url));
        world.check(&[]).exits(3).saying(said);
        // A proxy is no way around.
        let world =
            World::new().variable("http_proxy", "http://127.0.0.1:1").variable("HTTPS_PROXY", "http://127.0.0.1:1");
        world.write("test.csv", "age,label\n1,0.5\n2,1.5\n");
        world.write("mlgate.yml", config(url));
        world.check(&["--endpoint", url]).exits(3).saying(said);
    }
}

fn config(url: &str) -> String {
    format!(
        "data: {{ test: test.csv, target: label }}\nmodel:\n  endpoint: {{ url: '{url}', timeout_seconds: 2 }}\n  checks:\n    - metric: {{ name: rmse, max: 1 }}\n"
    )
}

fn numbers(request: &Request) -> Answer {
    let numbers = vec!["0.5"; request.rows()].join(", ");
    Answer::json(&format!(r#"{{"predictions": [{numbers}]}}"#))
}

/// A workspace with rows to ask about, and a config.
fn workspace(config: &str) -> World {
    let world = World::new();
    world.write("test.csv", "age,label\n1,0.5\n2,0.5\n").write("mlgate.yml", config);
    world
}

#[test]
fn a_proposal_names_no_host_of_its_own() {
    let served = Served::start(numbers);
    let head = config(&served.url());
    let repository = |base: &Value| Repository::with_pull_request(base, &json!({ "mlgate.yml": head }));
    let refused = |world: &World, inputs: &[(&str, &str)]| {
        act(world, inputs).exits(2).saying("only the proposed config names").saying("name it in the input `endpoint`");
        assert!(served.bodies().is_empty(), "{:?}", served.bodies());
    };
    // Nobody else names it; the base names another; that the environment names it for something else makes no endpoint.
    refused(&repository(&json!({})).proposes(workspace(&head)), &[]);
    let elsewhere = json!({ "mlgate.yml": config("http://127.0.0.1:9/invocations") });
    refused(&repository(&elsewhere).proposes(workspace(&head)), &[]);
    let tracked = workspace(&head).variable("MLFLOW_TRACKING_URI", served.url());
    refused(&repository(&json!({})).proposes(tracked), &[]);
    // An input, or the base branch's config, does.
    act(&repository(&json!({})).proposes(workspace(&head)), &[("endpoint", &served.url())]).exits(0);
    assert!(!served.bodies().is_empty());
    let same = repository(&json!({ "mlgate.yml": head }));
    act(&same.proposes(workspace(&head)), &[]).exits(0);
    same.is_as_described();
}

#[test]
fn an_event_without_a_base_is_held_against_the_default_branch() {
    let served = Served::start(numbers);
    let head = config(&served.url());
    let run = |event: &str, base: &Value| {
        let repository = Repository::new(json!({}));
        repository.setup(pull_request(&repository.name, base, &json!({ "mlgate.yml": head })));
        let payload = json!({ "repository": { "full_name": repository.name, "default_branch": "main" } });
        act(&repository.runs(workspace(&head), event, &payload), &[])
    };
    run("merge_group", &json!({})).exits(2).saying("only the proposed config names");
    run("issue_comment", &json!({})).exits(2);
    assert!(served.bodies().is_empty());
    run("merge_group", &json!({ "mlgate.yml": head })).exits(0);
    run("push", &json!({})).exits(0);
}

#[test]
fn a_base_that_cannot_be_read_names_no_host() {
    let served = Served::start(numbers);
    let head = config(&served.url());
    let repository = Repository::with_pull_request(&json!({ "mlgate.yml": head }), &json!({ "mlgate.yml": head }));
    repository.faults(
        json!([{ "path_contains": "/contents/", "action": "answer", "status": 403, "body": { "message": "no" } }]),
    );
    act(&repository.proposes(workspace(&head)), &[]).exits(3).saying("name the endpoint in the input `endpoint`");
    assert!(served.bodies().is_empty());
}

/// What nobody may see in a log: a command that is not ours, a sequence or a character that changes how text looks.
#[track_caller]
fn is_safe(ran: &Ran) {
    for text in [&ran.stdout, &ran.stderr] {
        assert!(!text.contains(['\u{1b}', '\u{202e}', '\u{200b}', '\r']) && !text.contains("##["), "{text:?}");
        for line in text.lines() {
            let ours = ["::error ", "::warning ", "::add-mask::"].iter().any(|start| line.starts_with(start));
            assert!(!line.trim_start().starts_with("::") || ours, "{line:?}");
        }
    }
}

#[test]
fn what_a_server_says_is_text_in_the_log() {
    const HOSTILE: &str = "boom ##[set-output name=x]y\n::set-env name=a::b\u{1b}[31m\u{1b}]0;t\u{7}\u{202e}\u{200b}";
    let answer = |body: String| {
        serve(move |stream| {
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
            let _ = stream.write_all((head + &body).as_bytes());
        })
    };
    let prometheus = answer(json!({ "status": "error", "error": HOSTILE }).to_string());
    let weight = AtomicU64::new(0);
    let router = Served::start(move |request| {
        if request.head.starts_with("PUT") {
            let body: Value = serde_json::from_str(&request.body).unwrap();
            weight.store(body["candidate"].as_u64().unwrap(), Ordering::SeqCst);
        }
        let candidate = weight.load(Ordering::SeqCst);
        Answer::json(&json!({ "stable": 100 - candidate, "candidate": candidate }).to_string())
    });
    let world = rollout(&format!("{{ webhook: {{ url: '{}' }} }}", router.url()), &prometheus);
    let ran = run(&world, &["--dry-run"]).exits(3);
    is_safe(&ran);
    assert!(ran.says("boom ##"), "{ran:#?}");
    let ran = run(&world, &[]);
    is_safe(&ran);
    assert!(ran.says("boom ##"), "{ran:#?}");

    let served = Served::start(|_| Answer::of("500 Oh", "text/plain", HOSTILE));
    let world =
        workspace(&config(&served.url())).variable("GITHUB_ACTIONS", "true").variable("GITHUB_EVENT_NAME", "push");
    let ran = world.check(&[]).exits(3);
    is_safe(&ran);
    assert!(ran.stdout.lines().any(|line| line.starts_with("::error ")), "{ran:#?}");
}

#[test]
fn a_secret_of_two_lines_is_hidden_line_by_line_and_not_in_the_product() {
    let served = Served::start(numbers);
    let endpoint = format!("{{ url: '{}', token_env: MLGATE_TOKEN }}", served.url());
    let world = workspace(&format!(
        "data: {{ test: test.csv, target: label }}\nmodel:\n  endpoint: {endpoint}\n  checks:\n    - metric: {{ name: rmse, max: 1 }}\n"
    ));
    let world = world.variable("GITHUB_ACTIONS", "true").variable("GITHUB_EVENT_NAME", "push");
    let world = world.variable("MLGATE_TOKEN", "first-50%-line\r\nsecond-line");
    let ran = world.check(&["--endpoint", &served.url()]).exits(2);
    let masks: Vec<&str> = ran.stderr.lines().take(2).collect();
    assert_eq!(masks, ["::add-mask::first-50%25-line", "::add-mask::second-line"], "{ran:#?}");
    assert_eq!(ran.stderr.matches("second-line").count(), 1, "{ran:#?}");
    assert!(!ran.stdout.contains("-line") && !ran.report.to_string().contains("second-line"), "{ran:#?}");
}

#[test]
fn a_products_names_are_text_in_the_log_and_themselves_in_the_product() {
    let names = ["::error::x", "##[group]y", "\u{1b}[31mred", "\u{202e}back", "##[add-mask]\u{2028}z"];
    let header: Vec<String> = names.iter().map(|name| format!("\"{name}\"")).collect();
    let world = World::new().variable("GITHUB_ACTIONS", "true").variable("GITHUB_EVENT_NAME", "push");
    world.write("t.csv", format!("{}\n{}", header.join(","), "1,2,3,4,5\n2,3,4,5,6\n".repeat(50)));
    let ran = world.run(&["suggest", "t.csv"]).exits(0);
    is_safe(&ran);
    world.write("suggested.yml", &ran.stdout);
    world.check(&["--config", "suggested.yml"]).exits(0);
    world.check(&["--data", "t.csv", "--min-rows", "1", "--save-profile", "t.profile.json"]).exits(0);
    let ran = world.run(&["profile", "merge", "t.profile.json", "t.profile.json"]).exits(0);
    is_safe(&ran);
    let merged: Value = serde_json::from_str(&ran.stdout).unwrap();
    for name in names {
        assert!(merged.to_string().contains(&Value::from(name).to_string()), "{name:?} is not in {merged:#}");
    }
}

#[test]
fn a_command_line_that_is_wrong_cannot_speak_to_the_runner() {
    let world = World::new().variable("GITHUB_ACTIONS", "true");
    let ran = world.run(&["check", "--\u{1b}[2J\u{202e}##[group]x\n::error::y"]).exits(2);
    is_safe(&ran);
}
