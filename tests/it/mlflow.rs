//! Baselines of a registry: a real MLflow server on loopback, and servers that do what no server should.
//!
//! tests/servers/mlflow.sh prepares the server and says where it is; tests/servers/README.md how it is started.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use serde_json::json;
use tempfile::TempDir;

use crate::model::predictions;
use crate::world::{Ran, World, root};

/// Ends the server when nobody holds the other end of its input any more, however this process ends.
const START: &str = "import gc, os, sys, threading
gc.disable()
threading.Thread(target=lambda: (sys.stdin.buffer.read(), os._exit(0)), daemon=True).start()
import uvicorn
uvicorn.main()";

/// A server that answers at `uri` until it is dropped.
pub struct Server {
    pub uri: String,
    process: Child,
    pub folder: TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}

/// Where MLflow was prepared.
fn prepared() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let output = Command::new(root().join("tests/servers/mlflow.sh")).stderr(Stdio::inherit()).output().unwrap();
        assert!(output.status.success(), "tests/servers/mlflow.sh could not prepare MLflow: see what it says");
        PathBuf::from(String::from_utf8(output.stdout).unwrap().trim())
    })
}

/// Starts a server on a copy of `state`; with passwords where that is `state-auth`.
pub fn start(state: &str) -> Server {
    let folder = TempDir::with_prefix("mlgate-mlflow-").unwrap();
    copy(&prepared().join(state), folder.path());
    let log = folder.path().join("log");
    let mut command = Command::new(prepared().join("venv/bin/python"));
    command.args(["-c", START, "--host", "127.0.0.1", "--port", "0", "--no-access-log"]);
    command.env_clear().envs([
        ("MLFLOW_DISABLE_TELEMETRY", "true"),
        ("MLFLOW_SERVER_ENABLE_JOB_EXECUTION", "false"),
        ("_MLFLOW_SGI_NAME", "uvicorn"),
        ("_MLFLOW_SERVER_FILE_STORE", "sqlite:///mlflow.db"),
        ("_MLFLOW_SERVER_ARTIFACT_ROOT", "mlflow-artifacts:/"),
        ("_MLFLOW_SERVER_ARTIFACT_DESTINATION", "artifacts"),
        ("_MLFLOW_SERVER_SERVE_ARTIFACTS", "true"),
    ]);
    if state == "state-auth" {
        command.env("MLFLOW_AUTH_CONFIG_PATH", "basic_auth.ini").env("MLFLOW_FLASK_SERVER_SECRET_KEY", "not-a-secret");
        command.args(["--factory", "mlflow.server.auth:create_app"]);
    } else {
        command.arg("mlflow.server.fastapi_app:app");
    }
    command.current_dir(folder.path()).stdin(Stdio::piped()).stdout(Stdio::null());
    let process = command.stderr(fs::File::create(&log).unwrap()).spawn().unwrap();
    let mut server = Server { uri: String::new(), process, folder };
    let began = Instant::now();
    while server.uri.is_empty() {
        let said = fs::read_to_string(&log).unwrap_or_default();
        if let Some((_, rest)) = said.split_once("running on ") {
            rest.split_whitespace().next().unwrap_or_default().clone_into(&mut server.uri);
        }
        assert!(server.process.try_wait().unwrap().is_none(), "MLflow ended: {said}");
        assert!(began.elapsed() < Duration::from_mins(2), "MLflow does not start: {said}");
        std::thread::sleep(Duration::from_millis(10));
    }
    server
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            fs::create_dir_all(&to).unwrap();
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

/// A candidate whose baseline is `name@champion` of the server at `uri`.
fn world(uri: &str, name: &str, more: &str, checks: &str) -> World {
    let world = World::new();
    world.write("p.csv", predictions(10));
    world.write(
        "mlgate.yml",
        format!(
            "model:\n  name: {}\n  predictions: {{ path: p.csv, key: key }}\n  baseline: {{ mlflow: {{ alias: champion }}{more} }}\n  checks: [{checks}]\n",
            json!(name)
        ),
    );
    world
        .variable("MLFLOW_TRACKING_URI", uri)
        .variable("MLFLOW_HTTP_REQUEST_TIMEOUT", "5")
        .variable("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
}

const BETTER: &str = "improvement: { metric: accuracy, min: 0.1 }";

#[test]
fn a_registered_model_by_its_alias_is_the_baseline() {
    let server = start("state");
    // Its predictions are those of its artifact, on the candidate's very rows.
    let ours = world(&server.uri, "credit-risk", "", "improvement: { metric: accuracy, min: 0, confidence: 0.95 }");
    ours.copy(server.folder.path().join("predictions.parquet"), "p.parquet");
    ours.write("mlgate.yml", ours.read("mlgate.yml").replace("p.csv", "p.parquet"));
    let ran = ours.check(&[]).exits(1);
    let values = &ran.verdicts()[0]["values"];
    assert_eq!((&values["candidate"], &values["baseline"], &values["p"]), (&json!(0.75), &json!(0.75), &json!(1.0)));
    assert_eq!(ran.verdicts()[0]["status"], "inconclusive", "the model against itself: {values}");
    assert_eq!(ran.report["baseline"]["version"], "1");
    assert_eq!(ran.report["baseline"]["predictions"], "predictions.parquet");
    assert_eq!(ran.report["tables"]["baseline"]["rows"], 200);
    // A metric that no predictions give is read from its run.
    let profit = world(&server.uri, "credit-risk", "", "improvement: { metric: custom_profit, better: higher }");
    profit.write("m.json", r#"{"custom_profit": 13}"#);
    profit.write("mlgate.yml", profit.read("mlgate.yml").replace("  name:", "  metrics: m.json\n  name:"));
    assert_eq!(profit.check(&[]).exits(0).verdicts()[0]["values"]["baseline"], 12.5);
    // Without predictions, the run's numbers.
    let plain = world(&server.uri, "no-predictions", "", BETTER);
    assert_eq!(plain.check(&[]).exits(0).verdicts()[0]["values"]["baseline"], 0.7);
    world(&server.uri, "crédit risk", "", BETTER).check(&[]).exits(0);
    let sure = world(&server.uri, "no-predictions", "", "improvement: { metric: accuracy, confidence: 0.9 }");
    sure.check(&[]).exits(3).saying("has no predictions, and an interval");
    world(&server.uri, "no-predictions", "", "improvement: { metric: f1 }")
        .check(&[])
        .exits(3)
        .saying("has no metric `f1`");
    world(&server.uri, "broken-metrics", "", BETTER).check(&[]).exits(3).saying("`accuracy` is the text `NaN`");
    world(&server.uri, "broken-metrics", "", "improvement: { metric: f1 }")
        .check(&[])
        .exits(3)
        .saying("`f1` is infinite");
    world(&server.uri, "no-run", "", BETTER).check(&[]).exits(3).saying("was registered without a run");

    // What does not exist is missing, and may be the first model; what is another model's rows is not.
    for name in ["nobody", "no-alias"] {
        world(&server.uri, name, "", BETTER).check(&[]).exits(3).saying("no baseline was found");
        let first = world(&server.uri, name, ", missing: skip", BETTER).check(&[]).exits(0);
        assert_eq!(first.statuses(), "skipped");
    }
    let challenger = world(&server.uri, "credit-risk", "", BETTER);
    challenger.check(&["--baseline=mlflow:credit-risk@challenger"]).exits(3).saying("are for other rows");
    let input = world("http://127.0.0.1:1", "credit-risk", "", BETTER);
    input
        .check(&[&format!("--mlflow-tracking-uri={}", server.uri), "--baseline=mlflow:no-predictions@champion"])
        .exits(0);
    // A server that is none, at a path that it does not have.
    world(&format!("{}/nowhere", server.uri), "credit-risk", ", missing: skip", BETTER)
        .check(&[])
        .exits(3)
        .saying("404");
}

#[test]
fn who_asks_must_be_known_and_allowed() {
    let server = start("state-auth");
    let ask = |user: Option<(&str, &str)>, token: Option<&str>| -> Ran {
        let mut world = world(
            &server.uri,
            "credit-risk",
            ", missing: skip",
            "improvement: { metric: custom_profit, better: higher }",
        );
        world.write("m.json", r#"{"custom_profit": 13}"#);
        world.write("mlgate.yml", world.read("mlgate.yml").replace("  name:", "  metrics: m.json\n  name:"));
        for (name, value) in [("USERNAME", user.map(|u| u.0)), ("PASSWORD", user.map(|u| u.1)), ("TOKEN", token)] {
            if let Some(value) = value {
                world = world.variable(&format!("MLFLOW_TRACKING_{name}"), value);
            }
        }
        let ran = world.check(&[]);
        assert!(!ran.says("password-1") && !ran.says("secret-token"), "{ran:#?}");
        ran
    };
    ask(Some(("reader", "reader-password-1")), None).exits(0);
    ask(Some(("nobody", "nobody-password-1")), None).exits(3).saying("does not allow it (403)");
    for wrong in [ask(Some(("reader", "wrong")), None), ask(None, None), ask(None, Some("secret-token"))] {
        wrong.exits(3).saying("does not know who asks (401)").saying("MLFLOW_TRACKING_USERNAME");
    }
}

/// A server that answers every request with these bytes, and remembers what it was asked.
fn answering(answer: &'static str) -> (String, std::sync::mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let uri = format!("http://{}", listener.local_addr().unwrap());
    let (heard, requests) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let _ = heard.send(request(&stream));
            respond(stream, answer);
        }
    });
    (uri, requests)
}

fn request(stream: &TcpStream) -> String {
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    lines.by_ref().take_while(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
}

fn respond(mut stream: TcpStream, answer: &str) {
    if answer.is_empty() {
        // Slow: says nothing until the other side gives up.
        let _ = stream.set_read_timeout(Some(Duration::from_secs(10)));
        let _ = stream.read(&mut [0]);
        return;
    }
    let _ = stream.write_all(answer.as_bytes());
}

#[test]
fn servers_that_do_what_none_should_are_named_and_never_a_pass() {
    let json = |body: &'static str| -> &'static str {
        Box::leak(
            format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
                .into_boxed_str(),
        )
    };
    for (answer, said) in [
        ("HTTP/1.1 500 Oops\r\ncontent-length: 0\r\nconnection: close\r\n\r\n", "it answers 500"),
        ("HTTP/1.1 503 Busy\r\ncontent-length: 0\r\nconnection: close\r\n\r\n", "after 2 tries of 0.5 s at most"),
        ("HTTP/1.1 404 Not Found\r\ncontent-length: 6\r\nconnection: close\r\n\r\n<html>", "answers 404"),
        ("HTTP/1.1 418 Teapot\r\ncontent-length: 0\r\nconnection: close\r\n\r\n", "answers 418"),
        (
            "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.2:9/login?next=x\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
            "sends on to `http://127.0.0.2:9`",
        ),
        (json("<!doctype html><title>log in</title>"), "a web page instead of JSON"),
        (json("not json"), "no JSON"),
        (json("[]"), "a model without a version"),
        ("HTTP/1.1 200 OK\r\ncontent-length: 999\r\nconnection: close\r\n\r\n{\"model", "broke off"),
        ("SSH-2.0-OpenSSH\r\n", "does not help"),
        ("", "no answer in time, after 2 tries of 0.5 s at most"),
    ] {
        let (uri, requests) = answering(answer);
        let world = world(&uri, "credit-risk", ", missing: skip", BETTER)
            .variable("MLFLOW_HTTP_REQUEST_TIMEOUT", "0.5")
            .variable("MLFLOW_TRACKING_TOKEN", "secret-token");
        let began = Instant::now();
        let ran = world.check(&[]).exits(3).saying(said);
        assert!(began.elapsed() < Duration::from_secs(8), "{said}: {:?}", began.elapsed());
        assert!(!ran.says("secret-token"), "{ran:#?}");
        assert_eq!(ran.result(), "error");
        let asked: Vec<String> = requests.try_iter().collect();
        let tries = if said.contains("tries") || said.contains("500") || said.contains("help") { 2 } else { 1 };
        assert_eq!(asked.len(), tries, "{said}: {asked:#?}");
        assert!(asked[0].contains("uthorization: Bearer secret-token"), "{asked:#?}");
    }
    // Nobody there at all.
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let ran = world(&format!("http://{free}"), "credit-risk", "", BETTER).check(&[]).exits(3);
    ran.saying("does not help").saying("is `mlflow-tracking-uri` right?");
}

#[test]
fn an_address_that_must_not_be_spoken_to_is_refused() {
    let ask = |uri: &str| world(uri, "credit-risk", "", BETTER).check(&[]);
    ask("http://169.254.169.254/latest").exits(3).saying("link-local");
    ask("file:///tmp/mlruns").exits(2).saying("no address of HTTP");
    let ran = ask("https://me:hidden@example.org").exits(2).saying("holds a user or a password");
    assert!(!ran.says("hidden"), "{ran:#?}");
    let secret = world("http://192.0.2.1:5000", "credit-risk", "", BETTER).variable("MLFLOW_TRACKING_TOKEN", "t0ken");
    secret.check(&[]).exits(3).saying("unencrypted");
    let nowhere = World::new();
    nowhere
        .write("p.csv", predictions(10))
        .write("mlgate.yml", "model: { predictions: p.csv, baseline: 'mlflow:a@b', checks: [improvement: {}] }");
    nowhere.check(&[]).exits(2).saying("MLFLOW_TRACKING_URI");
}
