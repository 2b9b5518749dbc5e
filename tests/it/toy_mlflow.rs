//! An MLflow registry of this process with one model of versions 7 to 10: slow, away or failing on demand. The real one
//! is tests/it/mlflow's and tests/rollout's.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::endpoint::{Answer, Request, Served};

/// What it holds, and how it behaves.
pub struct Inner {
    pub aliases: BTreeMap<String, String>,
    /// Of version 8.
    pub tags: BTreeMap<String, String>,
    /// Of the other versions.
    pub other_tags: BTreeMap<String, BTreeMap<String, String>>,
    /// Of the model: the journal is one of them.
    pub model_tags: BTreeMap<String, String>,
    pub model: String,
    pub delay_ms: u64,
    /// Requests whose first line holds this get no useful answer, so many times.
    pub failing: Vec<(&'static str, u32)>,
    /// Requests whose first line holds this are answered this much later, in milliseconds.
    pub slow: Option<(&'static str, u64)>,
    /// First lines of what was asked.
    pub asked: Vec<String>,
    /// Nothing is answered until then.
    pub away_until: Option<Instant>,
    /// After so many requests more, this process is killed.
    pub kill_after: Option<(u32, u32)>,
}

#[derive(Clone)]
pub struct ToyMlflow {
    inner: Arc<Mutex<Inner>>,
    served: Arc<Served>,
}

/// SHA-256 of the model that version 8 serves.
pub fn judged() -> String {
    use sha2::{Digest, Sha256};
    Sha256::digest(b"the model").iter().map(|byte| format!("{byte:02x}")).collect()
}

const MLMODEL: &str = "flavors:\n  python_function: { loader_module: mlflow.sklearn, model_path: model.pkl }\n  sklearn: { pickled_model: model.pkl }\n";

impl ToyMlflow {
    pub fn start() -> Self {
        let inner = Arc::new(Mutex::new(Inner {
            aliases: [("champion".to_owned(), "7".to_owned())].into(),
            tags: BTreeMap::new(),
            other_tags: BTreeMap::new(),
            model_tags: BTreeMap::new(),
            model: "the model".into(),
            delay_ms: 0,
            failing: Vec::new(),
            slow: None,
            asked: Vec::new(),
            away_until: None,
            kill_after: None,
        }));
        let own = Arc::clone(&inner);
        let served = Arc::new(Served::start(move |request| answer(&mut own.lock().unwrap(), request)));
        Self { inner, served }
    }

    pub fn uri(&self) -> String {
        self.served.url().trim_end_matches("/invocations").to_owned()
    }

    pub fn set(&self, change: impl FnOnce(&mut Inner)) -> &Self {
        change(&mut self.inner.lock().unwrap());
        self
    }

    pub fn was_asked(&self, part: &str) -> bool {
        self.inner.lock().unwrap().asked.iter().any(|line| line.contains(part))
    }

    pub fn alias(&self, name: &str) -> Option<String> {
        self.inner.lock().unwrap().aliases.get(name).cloned()
    }

    pub fn journal(&self) -> Value {
        let inner = self.inner.lock().unwrap();
        inner.model_tags.get("mlgate.rollout").map_or(Value::Null, |text| serde_json::from_str(text).unwrap())
    }

    pub fn goes_away_for(&self, seconds: f64) -> &Self {
        self.set(|inner| inner.away_until = Some(Instant::now() + Duration::from_secs_f64(seconds)))
    }
}

fn missing(what: &str) -> Answer {
    let body = json!({ "error_code": "RESOURCE_DOES_NOT_EXIST", "message": what });
    Answer::of("404 Not Found", "application/json", &body.to_string())
}

/// <https://mlflow.org/docs/latest/api_reference/rest-api.html>
fn answer(inner: &mut Inner, request: &Request) -> Answer {
    let line = request.head.lines().next().unwrap_or_default().to_owned();
    inner.asked.push(line.clone());
    let delay = inner.delay_ms + inner.slow.filter(|(part, _)| line.contains(part)).map_or(0, |(_, delay)| delay);
    let is_failing = inner.failing.iter_mut().find(|(part, times)| *times > 0 && line.contains(part));
    let is_failing = is_failing.map(|(_, times)| *times -= 1).is_some();
    if is_failing || inner.away_until.is_some_and(|until| Instant::now() < until) {
        return Answer::of("503 Service Unavailable", "text/plain", "try later").after(delay);
    }
    let answer = served(inner, &line, &request.body).after(delay);
    if let Some((left, victim)) = inner.kill_after {
        inner.kill_after = (left > 1).then_some((left - 1, victim));
        if left == 1 {
            assert!(std::process::Command::new("kill").args(["-9", &victim.to_string()]).status().unwrap().success());
        }
    }
    answer
}

fn served(inner: &mut Inner, line: &str, body: &str) -> Answer {
    let body: Value = serde_json::from_str(body).unwrap_or_default();
    let text = |key: &str| body[key].as_str().unwrap_or_default().to_owned();
    let mut words = line.split_whitespace();
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let query: BTreeMap<&str, &str> = query.split('&').filter_map(|pair| pair.split_once('=')).collect();
    let tags = |tags: &BTreeMap<String, String>| -> Vec<Value> {
        tags.iter().map(|(key, value)| json!({ "key": key, "value": value })).collect()
    };
    let ok = |body: Value| Answer::json(&body.to_string());
    match (method, path.trim_start_matches("/api/2.0/")) {
        ("GET", "mlflow/registered-models/alias") => match inner.aliases.get(query["alias"]) {
            Some(version) => ok(json!({ "model_version": { "name": "risk", "version": version } })),
            None => missing("Registered model alias not found."),
        },
        ("POST", "mlflow/registered-models/alias") => {
            inner.aliases.insert(text("alias"), text("version"));
            ok(json!({}))
        }
        ("DELETE", "mlflow/registered-models/alias") => {
            inner.aliases.remove(&text("alias"));
            ok(json!({}))
        }
        ("GET", "mlflow/model-versions/get") => match query["version"] {
            version @ ("7" | "8" | "9" | "10") => {
                let own = if version == "8" { Some(&inner.tags) } else { inner.other_tags.get(version) };
                let own = own.map(tags).unwrap_or_default();
                ok(json!({ "model_version": { "name": "risk", "version": version, "run_id": "", "tags": own } }))
            }
            version => missing(&format!("Model Version (name=risk, version={version}) not found")),
        },
        ("POST", "mlflow/model-versions/set-tag") => {
            let own = match text("version").as_str() {
                "8" => &mut inner.tags,
                version => inner.other_tags.entry(version.to_owned()).or_default(),
            };
            own.insert(text("key"), text("value"));
            ok(json!({}))
        }
        ("POST", "mlflow/registered-models/set-tag") => {
            inner.model_tags.insert(text("key"), text("value"));
            ok(json!({}))
        }
        ("GET", "mlflow/registered-models/get") => {
            ok(json!({ "registered_model": { "name": "risk", "tags": tags(&inner.model_tags) } }))
        }
        ("GET", "mlflow/model-versions/get-download-uri") => {
            ok(json!({ "artifact_uri": "mlflow-artifacts:/1/m/artifacts" }))
        }
        ("GET", "mlflow-artifacts/artifacts") => ok(json!({ "files": [
            { "path": "MLmodel", "is_dir": false }, { "path": "model.pkl", "is_dir": false },
        ] })),
        ("GET", "mlflow-artifacts/artifacts/1/m/artifacts/MLmodel") => Answer::of("200 OK", "text/plain", MLMODEL),
        ("GET", "mlflow-artifacts/artifacts/1/m/artifacts/model.pkl") => {
            Answer::of("200 OK", "application/octet-stream", &inner.model)
        }
        _ => missing(&format!("{method} {path}")),
    }
}
