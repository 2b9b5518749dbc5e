//! An MLflow server's registry and runs, by its REST interface (mlflow.org/docs/latest/rest-api.html).
#![expect(clippy::disallowed_methods, reason = "edge: speaks to a server, saves what it sends")]

pub mod identity;
mod registry;
mod served;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::{Client, Method, Response, StatusCode, Url};
use serde_json::Value;

use crate::data::recorded::Recorded;
use crate::integrations::http::{self, AllowedHost, Patience, body};
use crate::support::problem::Problem;
use crate::support::words::{code, cut, one_line};

/// A larger answer is none that was asked for; parsed, JSON takes many times as much memory.
const LARGEST_ANSWER: usize = 10_000_000;
/// Pages of a run's files that are looked through.
const MOST_PAGES: usize = 20;
/// What stands in addresses as itself.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Where the server is, and who asks: an input and the environment, never a config, say so.
#[derive(Clone)]
pub struct Server {
    pub uri: String,
    /// How its host is admitted: as an input's or as the environment's.
    admit: fn(Url) -> AllowedHost,
    pub credentials: Credentials,
    pub patience: Patience,
    /// Whether the environment names a proxy.
    pub proxied: bool,
}

#[derive(Clone)]
pub enum Credentials {
    None,
    User { name: String, password: String },
    Token(String),
}

/// A version of a registered model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    pub version: String,
    pub run_id: Option<String>,
}

/// Why there is no answer.
#[derive(Debug)]
pub enum Wrong {
    /// The server says that there is no such thing.
    Missing(String),
    Problem(Problem),
}

impl From<Problem> for Wrong {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl Server {
    /// The server that the input, else the environment names, with the environment's credentials.
    pub fn of(uri: Option<&str>, variables: &BTreeMap<String, String>) -> Option<Self> {
        let get = |name: &str| variables.get(name).filter(|value| !value.is_empty()).cloned();
        let (uri, admit): (String, fn(Url) -> AllowedHost) = match uri {
            Some(uri) => (uri.to_owned(), AllowedHost::by_input),
            None => (get("MLFLOW_TRACKING_URI")?, AllowedHost::by_environment),
        };
        let user = get("MLFLOW_TRACKING_USERNAME").zip(get("MLFLOW_TRACKING_PASSWORD"));
        let credentials = match (user, get("MLFLOW_TRACKING_TOKEN")) {
            (Some((name, password)), _) => Credentials::User { name, password },
            (None, Some(token)) => Credentials::Token(token),
            (None, None) => Credentials::None,
        };
        // MLflow's own names, within what a gate can wait.
        let mut patience = Patience::default();
        if let Some(seconds) = get("MLFLOW_HTTP_REQUEST_TIMEOUT")
            .and_then(|text| text.parse::<f64>().ok())
            .filter(|seconds| !seconds.is_nan())
        {
            patience.timeout = Duration::from_secs_f64(seconds.clamp(0.1, 120.0));
        }
        if let Some(retries) = get("MLFLOW_HTTP_REQUEST_MAX_RETRIES").and_then(|text| text.parse::<u32>().ok()) {
            patience.tries = retries.min(9) + 1;
        }
        let proxied = ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"]
            .iter()
            .any(|name| get(name).is_some());
        Some(Self { uri, admit, credentials, patience, proxied })
    }
}

/// A server that is spoken to.
pub struct Mlflow {
    base: Url,
    client: Client,
    credentials: Credentials,
    patience: Patience,
}

impl Mlflow {
    /// # Errors
    /// The address is none that may be spoken to.
    pub async fn connect(server: &Server) -> Result<Self, Problem> {
        let host = (server.admit)(http::address(&server.uri, "the MLflow tracking URI")?).as_folder();
        let has_credentials = !matches!(server.credentials, Credentials::None);
        let client = http::client(&host, has_credentials, server.patience, server.proxied).await?;
        let base = host.url().clone();
        Ok(Self { base, client, credentials: server.credentials.clone(), patience: server.patience })
    }

    /// The version that an alias of a registered model means.
    ///
    /// # Errors
    /// There is no such model or alias, or no answer.
    pub async fn version(&self, name: &str, alias: &str) -> Result<Version, Wrong> {
        let query = [("name", name), ("alias", alias)];
        let answer = self.json("api/2.0/mlflow/registered-models/alias", &query).await?;
        let found = &answer["model_version"];
        let text = |key: &str| found[key].as_str().filter(|text| !text.is_empty()).map(ToOwned::to_owned);
        match text("version") {
            Some(version) => Ok(Version { version, run_id: text("run_id") }),
            None => Err(self.unexpected("a model without a version").into()),
        }
    }

    /// The latest value of each of a run's metrics.
    ///
    /// # Errors
    /// There is no such run, or no answer.
    pub async fn metrics(&self, run: &str, source: &str) -> Result<Recorded, Wrong> {
        let answer = self.json("api/2.0/mlflow/runs/get", &[("run_id", run)]).await?;
        if !answer["run"].is_object() {
            return Err(self.unexpected("no run").into());
        }
        let mut recorded = Recorded::new(source);
        for metric in answer["run"]["data"]["metrics"].as_array().into_iter().flatten() {
            if let Some(name) = metric["key"].as_str() {
                recorded.add(name, &metric["value"]);
            }
        }
        Ok(recorded)
    }

    /// The run's artifact at the top whose name is `predictions` and an ending.
    ///
    /// # Errors
    /// No answer.
    pub async fn predictions(&self, run: &str) -> Result<Option<String>, Wrong> {
        let mut token = String::new();
        for _ in 0..MOST_PAGES {
            let mut query = vec![("run_id", run)];
            if !token.is_empty() {
                query.push(("page_token", &token));
            }
            let answer = self.json("api/2.0/mlflow/artifacts/list", &query).await?;
            let files = answer["files"].as_array().into_iter().flatten();
            let files = files.filter(|file| file["is_dir"] != true).filter_map(|file| file["path"].as_str());
            let mut named = files.filter(|path| path.starts_with("predictions.") && !path.contains(['/', '\\']));
            if let Some(path) = named.next() {
                return Ok(Some(path.to_owned()));
            }
            match answer["next_page_token"].as_str() {
                Some(next) if !next.is_empty() => next.clone_into(&mut token),
                _ => return Ok(None),
            }
        }
        Ok(None)
    }

    /// Saves a run's artifact.
    ///
    /// # Errors
    /// No answer, more than `most` bytes, or a file that cannot be written.
    pub async fn download(&self, run: &str, path: &str, to: &Path, most: usize) -> Result<(), Wrong> {
        let response = self.get("get-artifact", &[("path", path), ("run_uuid", run)]).await?;
        let bytes = self.body(response, most, path).await?;
        std::fs::write(to, &bytes)
            .map_err(|error| Problem::new(format!("{} could not be saved: {error}", code(path))).into())
    }

    async fn json(&self, path: &str, query: &[(&str, &str)]) -> Result<Value, Wrong> {
        let response = self.get(path, query).await?;
        self.json_of(response, path).await
    }

    /// What is sent can be sent twice: aliases and tags only become what they are.
    async fn post(&self, path: &str, body: &Value) -> Result<Value, Wrong> {
        self.change(Method::POST, path, body).await
    }

    async fn delete(&self, path: &str, body: &Value) -> Result<Value, Wrong> {
        self.change(Method::DELETE, path, body).await
    }

    async fn change(&self, method: Method, path: &str, body: &Value) -> Result<Value, Wrong> {
        let url = self.base.join(path).map_err(|error| Problem::new(error.to_string()))?;
        let body = body.to_string();
        let response = self
            .send(|| {
                let request = self.client.request(method.clone(), url.clone());
                request.header("content-type", "application/json").body(body.clone())
            })
            .await?;
        self.json_of(response, path).await
    }

    async fn json_of(&self, response: Response, path: &str) -> Result<Value, Wrong> {
        let bytes = self.body(response, LARGEST_ANSWER, path).await?;
        body::json(&bytes).map_err(|_| {
            let text = String::from_utf8_lossy(&bytes[..bytes.len().min(2000)]).into_owned();
            let is_page = text.trim_start().to_lowercase().starts_with(['<']);
            self.unexpected(if is_page { "a web page instead of JSON" } else { "no JSON" }).into()
        })
    }

    /// Asks until there is an answer or patience ends.
    async fn get(&self, path: &str, query: &[(&str, &str)]) -> Result<Response, Wrong> {
        let mut url = self.base.join(path).map_err(|error| Problem::new(error.to_string()))?;
        let pairs: Vec<String> =
            query.iter().map(|(name, value)| format!("{name}={}", utf8_percent_encode(value, PLAIN))).collect();
        url.set_query(Some(&pairs.join("&")));
        self.send(|| self.client.get(url.clone())).await
    }

    async fn send(&self, request: impl Fn() -> reqwest::RequestBuilder) -> Result<Response, Wrong> {
        let mut tried = 0;
        loop {
            tried += 1;
            let mut request = request();
            request = match &self.credentials {
                Credentials::None => request,
                Credentials::User { name, password } => request.basic_auth(name, Some(password)),
                Credentials::Token(token) => request.bearer_auth(token),
            };
            let why = match request.send().await {
                Ok(response) if response.status().is_success() => return Ok(response),
                Ok(response) => {
                    let status = response.status();
                    if !(status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS) {
                        return Err(self.refused(response).await);
                    }
                    format!("it answers {status}")
                }
                Err(error) => http::in_words(error),
            };
            if tried >= self.patience.tries {
                let problem =
                    format!("the MLflow server {} does not help: {why}, {}", self.shown(), self.patience.said());
                return Err(Problem::new(problem).hint("is it up, and is `mlflow-tracking-uri` right?").into());
            }
            tokio::time::sleep(self.patience.pause(tried)).await;
        }
    }

    /// What a status that is no success means.
    async fn refused(&self, response: Response) -> Wrong {
        let status = response.status();
        let location = response.headers().get("location").and_then(|value| value.to_str().ok()).map(ToOwned::to_owned);
        let bytes = self.body(response, 100_000, "the answer").await.unwrap_or_default();
        let answer = body::json(&bytes).unwrap_or_default();
        let said = cut(&one_line(answer["message"].as_str().unwrap_or_default()), 200);
        let shown = self.shown();
        // https://mlflow.org/docs/latest/api_reference/rest-api.html: an unknown alias is a 400.
        let is_missing = match (status, answer["error_code"].as_str()) {
            (StatusCode::NOT_FOUND, Some("RESOURCE_DOES_NOT_EXIST")) => true,
            (StatusCode::BAD_REQUEST, Some("INVALID_PARAMETER_VALUE")) => {
                said.contains("alias") && said.contains("not found")
            }
            _ => false,
        };
        if is_missing {
            return Wrong::Missing(said);
        }
        let problem = match status {
            StatusCode::UNAUTHORIZED => Problem::new(format!("the MLflow server {shown} does not know who asks (401)"))
                .hint("set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN, from a secret"),
            StatusCode::FORBIDDEN => Problem::new(format!("the MLflow server {shown} does not allow it (403)"))
                .hint("give the user of the gate the right to read this model and its run"),
            status if status.is_redirection() => {
                let host = location.and_then(|to| self.base.join(&to).ok()).map(|to| http::shown(&to)).unwrap_or_default();
                Problem::new(format!("the MLflow server {shown} sends on to {}, and credentials do not follow", code(&host)))
                    .hint("set `mlflow-tracking-uri` to where it really is")
            }
            status => {
                let said = if said.is_empty() { String::new() } else { format!(": {said}") };
                Problem::new(format!("the MLflow server {shown} answers {status}{said}"))
                    .hint("is this an MLflow server, and is `mlflow-tracking-uri` right?")
            }
        };
        problem.into()
    }

    /// The body, up to so many bytes.
    async fn body(&self, response: Response, most: usize, what: &str) -> Result<Vec<u8>, Wrong> {
        body::read(response, most).await.map_err(|error| self.unread(error, what).into())
    }

    /// A body that is too large, or broke off.
    fn unread(&self, error: body::BodyError, what: &str) -> Problem {
        Problem::new(match error {
            body::BodyError::TooLarge(most) => {
                format!("{} of the MLflow server {} has over {most} bytes", code(what), self.shown())
            }
            body::BodyError::Broken(error) => {
                let why = http::in_words(error);
                format!("the answer of the MLflow server {} broke off: {why}", self.shown())
            }
        })
    }

    fn unexpected(&self, what: &str) -> Problem {
        Problem::new(format!("the MLflow server {} answers with {what}", self.shown()))
            .hint("is this an MLflow server, or a login page before one?")
    }

    fn shown(&self) -> String {
        code(&http::shown(&self.base))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_to_wait_is_bounded_whatever_the_environment_says() {
        let default = Patience::default().timeout;
        for (text, expected) in [
            ("5", Duration::from_secs(5)),
            ("nan", default),
            ("-NaN", default),
            ("soon", default),
            ("inf", Duration::from_mins(2)),
            ("-inf", Duration::from_millis(100)),
            ("-1", Duration::from_millis(100)),
        ] {
            let variables = [("MLFLOW_TRACKING_URI", "http://h"), ("MLFLOW_HTTP_REQUEST_TIMEOUT", text)];
            let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
            assert_eq!(Server::of(None, &variables).unwrap().patience.timeout, expected, "{text}");
        }
    }
}
