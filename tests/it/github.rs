//! GitHub's place, taken by tests/servers/github.py: it answers as GitHub does, and holds every request and every
//! answer against GitHub's own description. One server for all tests, one repository for each.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};

use crate::world::{Ran, World, root};

pub const HEAD: &str = "1111111111111111111111111111111111111111";
pub const BASE: &str = "2222222222222222222222222222222222222222";
pub const MERGE: &str = "3333333333333333333333333333333333333333";

/// A repository of its own, and what is asked of it.
pub struct Repository {
    /// `octo/risk-7`.
    pub name: String,
    pub token: String,
}

/// Ends when its standard input does, which is when this process does.
struct Server {
    address: String,
    _process: Child,
}

fn server() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| {
        let folder = root().join("tests/servers");
        let prepared = Command::new(folder.join("github.sh")).stderr(Stdio::inherit()).output().unwrap();
        assert!(prepared.status.success(), "tests/servers/github.sh could not prepare the server: see what it says");
        let python = String::from_utf8(prepared.stdout).unwrap();
        let mut process = Command::new(python.trim())
            .arg(folder.join("github.py"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("http://").unwrap().to_owned();
        Server { address, _process: process }
    })
}

/// Where the server is.
pub fn uri() -> String {
    format!("http://{}", server().address)
}

impl Repository {
    /// With these parts beside its one token, which may do all.
    pub fn new(setup: Value) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let repository = Self { name: format!("octo/risk-{number}"), token: format!("ghs_secret_{number}") };
        repository.setup(json!({ "tokens": { &repository.token: {} } }));
        repository.setup(setup);
        repository
    }

    /// With pull request 7 of this repository, and these files at its base and head.
    pub fn with_pull_request(base: &Value, head: &Value) -> Self {
        let repository = Self::new(json!({}));
        let name = repository.name.clone();
        repository.setup(pull_request(&name, base, head));
        repository
    }

    pub fn setup(&self, setup: Value) {
        self.control("POST", "setup", &setup);
    }

    pub fn faults(&self, faults: Value) {
        self.control("POST", "faults", &faults);
    }

    pub fn state(&self) -> Value {
        self.control("GET", "state", &Value::Null)
    }

    fn control(&self, method: &str, what: &str, body: &Value) -> Value {
        ask(method, &format!("/_control/{}/{what}", self.name), body)
    }

    /// The comments on pull request 7: who wrote them, and what.
    pub fn comments(&self) -> Vec<(String, String)> {
        let state = self.state();
        let comments = state["comments"]["7"].as_array().cloned().unwrap_or_default();
        let text = |comment: &Value, key: &str| comment[key].as_str().unwrap().to_owned();
        comments.iter().map(|comment| (text(comment, "login"), text(comment, "body"))).collect()
    }

    /// The check runs on a commit.
    pub fn check_runs(&self, sha: &str) -> Vec<Value> {
        self.state()["check_runs"][sha].as_array().cloned().unwrap_or_default()
    }

    /// `POST /repos/…/comments`, a line a request, without the repository.
    pub fn requests(&self) -> Vec<String> {
        let state = self.state();
        let requests = state["requests"].as_array().unwrap().iter();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        requests
            .map(|request| {
                let path = text(&request["path"]).replace(&format!("/repos/{}", self.name), "");
                format!("{} {path}", text(&request["method"]))
            })
            .collect()
    }

    /// # Panics
    /// Something was asked or answered that GitHub's description does not have.
    #[track_caller]
    pub fn is_as_described(&self) {
        assert_eq!(self.state()["violations"], json!([]));
    }

    /// The runner's variables of a run of this repository, in a world that holds the event.
    pub fn runs(&self, world: World, event: &str, payload: &Value) -> World {
        world.write("event.json", payload.to_string());
        for file in ["output", "summary"] {
            world.write(file, "");
        }
        let real = world.real();
        world
            .variable("GITHUB_ACTIONS", "true")
            .variable("GITHUB_API_URL", uri())
            .variable("GITHUB_SERVER_URL", "https://github.example")
            .variable("GITHUB_REPOSITORY", &self.name)
            .variable("GITHUB_TOKEN", &self.token)
            .variable("GITHUB_WORKSPACE", &real)
            .variable("GITHUB_EVENT_NAME", event)
            .variable("GITHUB_EVENT_PATH", real.join("event.json"))
            .variable("GITHUB_OUTPUT", real.join("output"))
            .variable("GITHUB_STEP_SUMMARY", real.join("summary"))
            .variable("GITHUB_WORKFLOW", "ml")
            .variable("GITHUB_WORKFLOW_REF", format!("{}/.github/workflows/ml.yml@refs/pull/7/merge", self.name))
            .variable("GITHUB_JOB", "gate")
            .variable("GITHUB_ACTION", "__mlgate_mlgate")
            .variable("GITHUB_ACTION_REPOSITORY", "mlgate/mlgate")
            .variable("GITHUB_ACTOR", "ann")
            .variable("GITHUB_REF_NAME", "7/merge")
            .variable("GITHUB_RUN_ID", "42")
            .variable("GITHUB_RUN_ATTEMPT", "1")
            .variable("GITHUB_SHA", MERGE)
    }

    /// A world in which the pull request's workflow runs.
    pub fn proposes(&self, world: World) -> World {
        let payload = self.payload(&self.name);
        self.runs(world, "pull_request", &payload)
    }

    /// The payload of an event of pull request 7, whose code is of `from`.
    pub fn payload(&self, from: &str) -> Value {
        json!({ "action": "synchronize", "pull_request": {
            "number": 7,
            "head": { "sha": HEAD, "ref": "change", "repo": { "full_name": from } },
            "base": { "sha": BASE, "ref": "main", "repo": { "full_name": self.name } },
        }})
    }
}

/// Pull request 7, from `change` of `from` to `main`.
pub fn pull_request(from: &str, base: &Value, head: &Value) -> Value {
    json!({
        "refs": { "main": BASE, "change": HEAD },
        "commits": { BASE: { "parents": [] }, HEAD: { "parents": [BASE] }, MERGE: { "parents": [BASE, HEAD] } },
        "files": { BASE: base, HEAD: head },
        "pulls": [{ "number": 7, "head": { "sha": HEAD, "ref": "change", "repo": from }, "base": { "sha": BASE, "ref": "main" } }],
    })
}

/// Runs it as an Action: the inputs in the environment, no arguments.
pub fn act(world: &World, inputs: &[(&str, &str)]) -> Ran {
    let inputs = inputs.iter().map(|(name, value)| (format!("INPUT_{}", name.to_uppercase()), value));
    world.finish(world.command(&[]).envs(inputs))
}

/// The last value of an output.
pub fn output(world: &World, name: &str) -> String {
    let text = world.read("output");
    let mut lines = text.lines();
    let mut found = String::new();
    while let Some(line) = lines.next() {
        let Some((key, delimiter)) = line.split_once("<<") else { continue };
        let value: Vec<&str> = lines.by_ref().take_while(|line| *line != delimiter).collect();
        if key == name {
            found = value.join("\n");
        }
    }
    found
}

fn ask(method: &str, path: &str, body: &Value) -> Value {
    let mut stream = TcpStream::connect(&server().address).unwrap();
    let body = if body.is_null() { String::new() } else { body.to_string() };
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        server().address,
        body.len()
    )
    .unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 2") || head.starts_with("HTTP/1.0 2"), "{method} {path}: {answer}");
    if body.trim().is_empty() { Value::Null } else { serde_json::from_str(body).unwrap_or_else(|_| panic!("{answer}")) }
}

/// A `.git` that says which commit is checked out.
pub fn checked_out(world: &World, folder: &str, sha: &str) {
    let git = Path::new(folder).join(".git/HEAD");
    world.write(&git.to_string_lossy(), format!("{sha}\n"));
}
