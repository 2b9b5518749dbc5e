//! One object of a cluster, answered for as an API server does: RFC 6902 by the crate `json-patch`, optimistic locking,
//! and what can come between a question and its answer.
//!
//! The statuses are those of `staging/src/k8s.io/apiserver/pkg/endpoints/handlers/patch.go`: a `test` that fails, as any
//! patch that cannot be applied, is a 422 without a cause; losing a race against another writer is a 409.
#![expect(clippy::disallowed_methods, reason = "a server on loopback, for tests")]

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

pub const TOKEN: &str = "not-a-secret";

/// What a request meets.
#[derive(Debug, Clone)]
pub enum Fate {
    /// Nothing out of the ordinary.
    Served,
    /// Somebody else writes first: this is merged into the object, as a new version.
    Overtaken(Value),
    /// An answer that is none of what was asked.
    Status(u16),
    /// What was asked is done, and the connection breaks before the answer.
    Unheard,
    /// What was asked is done, and undone by a controller.
    Reverted,
}

/// A request, in short.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    pub method: String,
    pub target: String,
    pub content_type: String,
}

struct State {
    path: String,
    object: Value,
    fates: VecDeque<Fate>,
    asked: Vec<Asked>,
}

/// A server until the test ends; its threads end with the process.
pub struct ApiServer {
    pub url: String,
    state: Arc<Mutex<State>>,
}

impl ApiServer {
    /// Patches meet these fates in turn, and later ones none.
    pub fn start(path: &str, object: &Value, fates: &[Fate]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (path, object) = (path.to_owned(), object.clone());
        let state = State { path, object, fates: fates.iter().cloned().collect(), asked: Vec::new() };
        let state = Arc::new(Mutex::new(state));
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = Arc::clone(&shared);
                std::thread::spawn(move || while serve(&stream, &state).is_some() {});
            }
        });
        Self { url, state }
    }

    pub fn object(&self) -> Value {
        self.state.lock().unwrap().object.clone()
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.state.lock().unwrap().asked.clone()
    }

    pub fn patches(&self) -> usize {
        self.asked().iter().filter(|asked| asked.method == "PATCH").count()
    }
}

/// One request and its answer; none when the connection is over.
fn serve(stream: &TcpStream, state: &Mutex<State>) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let mut first = String::new();
    reader.read_line(&mut first).ok().filter(|read| *read > 0)?;
    let (mut length, mut authorization, mut content_type) = (0, String::new(), String::new());
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|read| *read > 2)?;
        let (name, value) = line.split_once(':')?;
        match name.to_lowercase().as_str() {
            "content-length" => length = value.trim().parse().ok()?,
            "authorization" => value.trim().clone_into(&mut authorization),
            "content-type" => value.trim().clone_into(&mut content_type),
            _ => {}
        }
        if reader.buffer().starts_with(b"\r\n") {
            reader.read_line(&mut line).ok()?;
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let mut words = first.split_whitespace().map(ToOwned::to_owned);
    let asked = Asked { method: words.next()?, target: words.next()?, content_type };
    let mut state = state.lock().unwrap();
    state.asked.push(asked.clone());
    let (code, answer) = if authorization == format!("Bearer {TOKEN}") {
        answer(&mut state, &asked, &body)?
    } else {
        (401, failure(401, "Unauthorized", "Unauthorized"))
    };
    let answer = answer.to_string();
    let head =
        format!("HTTP/1.1 {code} said\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n", answer.len());
    (&mut &*stream).write_all(format!("{head}{answer}").as_bytes()).ok()
}

fn answer(state: &mut State, asked: &Asked, body: &[u8]) -> Option<(u16, Value)> {
    let path = asked.target.split('?').next()?.to_owned();
    if path != state.path {
        return Some((404, failure(404, "NotFound", "the server could not find the requested resource")));
    }
    match asked.method.as_str() {
        "GET" => Some((200, state.object.clone())),
        "PATCH" if asked.content_type == "application/json-patch+json" => {
            let fate = state.fates.pop_front().unwrap_or(Fate::Served);
            let before = state.object.clone();
            match &fate {
                Fate::Status(code) => return Some((*code, failure(*code, "Said", "not now"))),
                Fate::Overtaken(change) => {
                    json_patch::merge(&mut state.object, change);
                    advance(&mut state.object);
                }
                _ => {}
            }
            let patch: json_patch::Patch = serde_json::from_slice(body).unwrap();
            let mut patched = state.object.clone();
            if json_patch::patch(&mut patched, &patch).is_err() {
                let message = "the server rejected our request due to an error in our request";
                return Some((422, failure(422, "Invalid", message)));
            }
            if patched != state.object {
                state.object = patched;
                advance(&mut state.object);
            }
            match fate {
                Fate::Unheard => None,
                Fate::Reverted => {
                    let answer = state.object.clone();
                    state.object["spec"] = before["spec"].clone();
                    advance(&mut state.object);
                    Some((200, answer))
                }
                _ => Some((200, state.object.clone())),
            }
        }
        _ => Some((415, failure(415, "UnsupportedMediaType", "the body of the request was in an unknown format"))),
    }
}

fn advance(object: &mut Value) {
    let version: u64 = object["metadata"]["resourceVersion"].as_str().unwrap().parse().unwrap();
    object["metadata"]["resourceVersion"] = json!((version + 1).to_string());
}

fn failure(code: u16, reason: &str, message: &str) -> Value {
    json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": message, "reason": reason, "details": {}, "code": code,
    })
}
