//! The flag as a lever: a real Unleash on loopback, and servers that do what no server should.
//!
//! tests/servers/unleash.sh prepares Unleash, unleash.py starts it.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use mlgate::integrations::http::{AllowedHost, Patience, address, block_on};
use mlgate::rollout::flag::{Flag, Unleash};
use serde_json::Value;

use crate::world::root;

/// Unleash until the test ends.
struct Server {
    said: Value,
    process: Child,
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}

fn start() -> Server {
    static FOLDER: OnceLock<String> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        let output = Command::new(root().join("tests/servers/unleash.sh")).stderr(Stdio::inherit()).output().unwrap();
        assert!(output.status.success(), "tests/servers/unleash.sh could not prepare Unleash: see what it says");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    });
    let mut command = Command::new(root().join("tests/servers/unleash.py"));
    let mut process = command.arg(folder).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
    Server { said: serde_json::from_str(&line).unwrap(), process }
}

fn lever(url: &str, token: &str) -> Unleash {
    Unleash {
        host: AllowedHost::by_input(address(url, "the address of Unleash").unwrap()),
        project: "default".into(),
        environment: "production".into(),
        feature: "new-model".into(),
        token: token.into(),
        patience: Patience { timeout: Duration::from_secs(5), tries: 3 },
        is_proxied: false,
    }
}

fn roll_back(lever: &Unleash) -> Result<String, String> {
    block_on(Flag::Unleash(lever.clone()).roll_back()).unwrap().map_err(|problem| problem.to_string())
}

#[test]
fn unleash_turns_one_environment_off_and_says_so() {
    let server = start();
    let text = |key: &str| server.said[key].as_str().unwrap().to_owned();
    let admin = lever(&text("url"), &text("token"));
    let done = "feature `new-model` in `production` of project `default` in Unleash is off";
    assert_eq!(roll_back(&admin).unwrap(), done);
    assert_eq!(roll_back(&admin).unwrap(), done, "turning off what is off is the same");
    // As applications see it: the other environment is on.
    let states = Command::new("python3")
        .args([
            "-c",
            "import json, sys, urllib.request as u
r = u.Request(sys.argv[1] + '/api/admin/projects/default/features/new-model', headers={'Authorization': sys.argv[2]})
print({e['name']: e['enabled'] for e in json.load(u.urlopen(r))['environments']})
r = u.Request(sys.argv[1] + '/api/client/features', headers={'Authorization': sys.argv[3]})
print([f['enabled'] for f in json.load(u.urlopen(r))['features']])",
        ])
        .args([text("url"), text("token"), text("client_token")])
        .output()
        .unwrap();
    let states = String::from_utf8(states.stdout).unwrap();
    assert_eq!(states, "{'development': True, 'production': False}\n[False]\n");

    let refused = |lever: Unleash, said: &str| {
        let problem = roll_back(&lever).unwrap_err();
        assert!(problem.contains(said) && !problem.contains("secret"), "{problem}");
    };
    refused(Unleash { feature: "nope".into(), ..admin.clone() }, "there is no feature `nope` in `production`");
    refused(Unleash { environment: "nope".into(), ..admin.clone() }, "Could not find environment nope");
    refused(Unleash { project: "nope".into(), ..admin.clone() }, "a feature with that name in project \"default\"");
    refused(Unleash { token: "not-a-secret".into(), ..admin.clone() }, "does not know who asks (401)");
    refused(Unleash { token: text("client_token"), ..admin }, "does not allow it (403): invalid token");
}

/// A server that says these, one a connection; what it was asked.
fn saying(answers: &[&str]) -> (String, std::sync::mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (send, asked) = std::sync::mpsc::channel();
    let answers: Vec<String> = answers.iter().map(|answer| (*answer).to_owned()).collect();
    std::thread::spawn(move || {
        for answer in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
            let head: Vec<String> = lines.by_ref().take_while(|line| !line.is_empty()).collect();
            let (status, body) = answer.split_once('\n').unwrap_or((&answer, ""));
            let head_back = format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {}\r\n", body.len());
            let _ = write!(stream, "{head_back}location: http://192.0.2.1/elsewhere\r\n\r\n{body}");
            let _ = send.send(head.join("\n"));
        }
    });
    (url, asked)
}

#[test]
fn unleash_is_asked_again_while_it_may_come_back() {
    let off = r#"200 OK
{"environments": [{"name": "development", "enabled": true}, {"name": "production", "enabled": false}]}"#;
    let (url, asked) = saying(&["503 Service Unavailable", "429 Too Many Requests", "200 OK", off]);
    assert!(roll_back(&lever(&format!("{url}/unleash"), "*:*.token")).unwrap().ends_with("is off"));
    let asked: Vec<String> = asked.iter().collect();
    let post = "POST /unleash/api/admin/projects/default/features/new-model/environments/production/off HTTP/1.1";
    assert!(asked[..3].iter().all(|head| head.starts_with(post)), "{asked:?}");
    assert!(asked[3].starts_with("GET /unleash/api/admin/projects/default/features/new-model HTTP/1.1"));
    assert!(
        asked.iter().all(|head| head.contains("authorization: *:*.token")),
        "the token is sent as it is: {asked:?}"
    );
}

#[test]
fn unleash_that_does_not_do_it_is_found_out() {
    let check = |answers: &[&str], said: &str| {
        let (url, _asked) = saying(answers);
        let problem = roll_back(&lever(&url, "token")).unwrap_err();
        assert!(problem.contains(said) && !problem.contains("192.0.2.1"), "{problem}");
    };
    check(
        &["200 OK", "200 OK\n{\"environments\": [{\"name\": \"production\", \"enabled\": true}]}"],
        "was turned off and is on",
    );
    check(&["200 OK", "200 OK\n{\"environments\": []}"], "was turned off and is not there");
    check(&["200 OK", "200 OK\n<html>"], "answers with no JSON");
    check(&["302 Found"], "sends on elsewhere (302), and credentials do not follow");
    check(&["500 Oops", "500 Oops", "500 Oops"], "does not help: it answers 500 Internal Server Error, after 3 tries");
    assert!(roll_back(&lever("http://192.0.2.1", "token")).unwrap_err().contains("unencrypted"));
    assert!(address("https://me:secret@192.0.2.1", "the address of Unleash").is_err());
    assert!(roll_back(&lever("http://127.0.0.1:1", "a\nb")).unwrap_err().contains("no header may have"));
}
