//! A baseline at a git ref. In GitHub's place stands a server that knows what GitHub's API description says:
//! a request or an answer that is not in it fails the test.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::Value;

use crate::model::predictions;
use crate::world::{World, root};

const SHA: &str = "6dcb09b5b57875f334f61aebed695e2e4193db5e";

/// What was asked, a line a request, and what was wrong with it.
#[derive(Default)]
struct Heard {
    asked: Vec<String>,
    wrong: Vec<String>,
}

/// Answers to `METHOD path`, as status and body.
type Answers = Arc<dyn Fn(&str) -> (u16, String) + Send + Sync>;

fn github(answers: Answers) -> (String, Arc<Mutex<Heard>>) {
    let described: Value =
        serde_json::from_str(&fs::read_to_string(root().join("tests/servers/github-api.json")).unwrap()).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let uri = format!("http://{}", listener.local_addr().unwrap());
    let heard = Arc::new(Mutex::new(Heard::default()));
    let hears = Arc::clone(&heard);
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            serve(stream, &described, &answers, &hears);
        }
    });
    (uri, heard)
}

fn serve(mut stream: TcpStream, described: &Value, answers: &Answers, heard: &Mutex<Heard>) {
    let lines = BufReader::new(&stream).lines().map_while(Result::ok);
    let head: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
    let mut first = head[0].split(' ');
    let (method, target) = (first.next().unwrap(), first.next().unwrap());
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let header = |name: &str| {
        let named =
            head[1..].iter().find_map(|line| line.split_once(": ").filter(|(key, _)| key.eq_ignore_ascii_case(name)));
        named.map(|(_, value)| value.to_owned()).unwrap_or_default()
    };
    let (status, body) = answers(target);
    let mut heard = heard.lock().unwrap();
    heard.asked.push(format!("{method} {target} {}", header("authorization")));
    let operations = described.as_array().unwrap().iter();
    let operation =
        operations.into_iter().find(|one| one["method"] == method && fits(one["path"].as_str().unwrap(), path));
    let Some(operation) = operation else {
        heard.wrong.push(format!("{method} {path} is not described"));
        return;
    };
    let known = |name: &str| {
        operation["parameters"].as_array().unwrap().iter().any(|one| one["name"] == name && one["in"] == "query")
    };
    for name in
        query.split('&').filter_map(|pair| pair.split('=').next()).filter(|name| !name.is_empty() && !known(name))
    {
        heard.wrong.push(format!("{path} has no parameter {name}"));
    }
    let accept = header("accept");
    let listed = operation["responses"]["200"].as_array().unwrap().iter().any(|kind| *kind == accept.as_str());
    if !listed && !operation["description"].as_str().unwrap().contains(&format!("`{accept}`")) {
        heard.wrong.push(format!("{path} is not described as {accept}"));
    }
    // Whoever is not known is refused everywhere, which is described in words only.
    if status != 401 && operation["responses"].get(status.to_string()).is_none() {
        heard.wrong.push(format!("{path} never answers {status}"));
    }
    if header("user-agent").is_empty() {
        heard.wrong.push("GitHub refuses requests without a user agent".into());
    }
    let _ = write!(stream, "HTTP/1.1 {status} x\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len());
}

/// Whether a path is of the template; the last parameter may hold slashes.
fn fits(template: &str, path: &str) -> bool {
    let (fixed, _) = template.rsplit_once('{').unwrap();
    let parts = fixed.split('/').zip(path.split('/'));
    path.split('/').count() >= fixed.split('/').count()
        && parts
            .filter(|(wanted, _)| !wanted.is_empty())
            .all(|(wanted, found)| wanted.starts_with('{') || wanted == found)
}

fn world(uri: &str, baseline: &str) -> World {
    let world = World::new();
    world.write("p.csv", predictions(10));
    world.write(
        "mlgate.yml",
        format!("model:\n  predictions: {{ path: p.csv, key: key }}\n  baseline: {baseline}\n  checks: [improvement: {{ metric: accuracy }}]\n"),
    );
    world
        .variable("GITHUB_API_URL", uri)
        .variable("GITHUB_REPOSITORY", "octo/risk")
        .variable("GITHUB_TOKEN", "ghs_secret")
}

#[test]
fn a_file_at_a_ref_is_read_at_the_commit_that_it_is_now() {
    let (uri, heard) = github(Arc::new(|target: &str| match target {
        "/repos/octo/risk/commits/release%2Fv1" | "/repos/octo/risk/commits/release/v1" => (200, SHA.into()),
        path if path.starts_with("/repos/octo/risk/contents/out/metrics.json?ref=") => {
            (200, r#"{"accuracy": 0.87}"#.into())
        }
        path if path.starts_with("/repos/octo/risk/contents/out/p%20of%20v1.csv?ref=") => (200, predictions(5)),
        _ => (404, r#"{"message": "Not Found"}"#.into()),
    }));
    let metrics = world(&uri, "{ git: { ref: release/v1, path: out/metrics.json } }");
    let ran = metrics.check(&[]).exits(0).saying("out/metrics.json at release/v1 (6dcb09b)");
    assert_eq!(ran.verdicts()[0]["values"]["baseline"], 0.87);
    assert_eq!(ran.report["baseline"]["version"], SHA);
    assert!(!ran.says("ghs_secret"), "{ran:#?}");
    let table = world(&uri, "'git:release/v1:out/p of v1.csv'").check(&[]).exits(0);
    assert_eq!(table.verdicts()[0]["values"]["baseline"], 0.8);
    assert_eq!(table.report["tables"]["baseline"]["rows"], 200);
    // What is not there may be the first model, if the config says so.
    world(&uri, "git:main:out/metrics.json")
        .check(&[])
        .exits(3)
        .saying("has no ref `main`, or the token may not read it");
    world(&uri, "git:release/v1:nowhere.json").check(&[]).exits(3).saying("has no file `nowhere.json` at `release/v1`");
    let first = world(&uri, "{ git: { ref: main, path: m.json }, missing: skip }").check(&[]).exits(0);
    assert_eq!(first.statuses(), "skipped");
    let heard = heard.lock().unwrap();
    assert_eq!(heard.wrong, [""; 0]);
    assert_eq!(heard.asked.len(), 8, "{:#?}", heard.asked);
    assert!(heard.asked.iter().all(|line| line.ends_with("Bearer ghs_secret")), "{:#?}", heard.asked);
    assert!(heard.asked[1].contains(&format!("?ref={SHA}")), "{:#?}", heard.asked);
}

#[test]
fn what_github_refuses_is_named_with_what_to_write() {
    let refused = |status: u16, body: &'static str, said: &str| {
        let (uri, heard) = github(Arc::new(move |target: &str| {
            if target.contains("/commits/") && status != 401 { (200, SHA.into()) } else { (status, body.into()) }
        }));
        world(&uri, "{ git: { ref: main, path: m.json }, missing: skip }").check(&[]).exits(3).saying(said);
        assert_eq!(heard.lock().unwrap().wrong, [""; 0]);
    };
    refused(401, r#"{"message": "Bad credentials"}"#, "does not know the token (401)");
    refused(403, r#"{"message": "Resource not accessible by integration"}"#, "permissions: contents: read");
    refused(302, "", "answers 302");
    refused(200, "<html>", "no map of names and numbers");
    let (uri, _) = github(Arc::new(|_: &str| (200, "<html>".into())));
    world(&uri, "git:main:m.json").check(&[]).exits(3).saying("names no commit for `main`");
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    world(&format!("http://{free}"), "git:main:m.json").check(&[]).exits(3).saying("does not answer");
    let nameless = World::new();
    nameless
        .write("p.csv", predictions(10))
        .write("mlgate.yml", "model: { predictions: p.csv, baseline: 'git:main:m.json', checks: [improvement: {}] }");
    nameless.check(&[]).exits(2).saying("GITHUB_REPOSITORY");
}

#[test]
fn a_path_of_a_pull_request_leads_to_no_other_part_of_the_api() {
    let (uri, heard) = github(Arc::new(|_: &str| (200, SHA.into())));
    for (reference, path) in [
        ("main", "../../../../user/repos.json"),
        ("main", "out/../../secret.json"),
        ("main", "/etc/passwd.json"),
        ("../../../user", "m.json"),
        ("a//b", "m.json"),
        (".", "m.json"),
    ] {
        let world = world(&uri, &format!("{{ git: {{ ref: \"{reference}\", path: \"{path}\" }}, missing: skip }}"));
        world.check(&[]).exits(2).saying("names no file of the repository");
    }
    assert_eq!(heard.lock().unwrap().asked, [""; 0]);
}
