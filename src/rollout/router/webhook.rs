//! Any other router: GET says the weights, PUT sets them, both as `{"stable": 95, "candidate": 5}`.

use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderValue};
use serde_json::{Value, json};

use super::share;
use crate::integrations::http::{self, AllowedHost, Patience, body, in_words};
use crate::rollout::Traffic;
use crate::support::problem::Problem;
use crate::support::words::code;

const PATIENCE: Patience = Patience { timeout: Duration::from_secs(5), tries: 1 };
const LARGEST: usize = 100_000;

/// An address that moves traffic.
pub struct Webhook {
    pub host: AllowedHost,
    pub token: Option<String>,
    pub is_proxied: bool,
    /// The key of stable's slot in the JSON, and of the candidate's.
    pub keys: (&'static str, &'static str),
}

/// The slots in the JSON, as configured.
pub const KEYS: [&str; 2] = ["stable", "candidate"];

impl Webhook {
    pub(super) async fn read(&self) -> Result<Traffic, Problem> {
        let said = self.send(None).await?;
        let number = |name: &str| said[name].as_f64().filter(|number| number.is_finite());
        match (number(self.keys.0), number(self.keys.1)) {
            (Some(stable), Some(candidate)) => share(stable, candidate).map(Traffic::weight),
            _ => Err(self.about("does not answer {\"stable\": …, \"candidate\": …}")),
        }
    }

    pub(super) async fn write(&self, traffic: Traffic) -> Result<(), Problem> {
        let body = json!({ (self.keys.0): 100 - traffic.weight, (self.keys.1): traffic.weight });
        self.send(Some(body)).await.map(drop)
    }

    async fn send(&self, body: Option<Value>) -> Result<Value, Problem> {
        let client = http::client(&self.host, self.token.is_some(), PATIENCE, self.is_proxied).await?;
        let request = match &body {
            Some(body) => client
                .put(self.host.url().clone())
                .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
                .body(body.to_string()),
            None => client.get(self.host.url().clone()),
        };
        let request = match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        let response =
            request.send().await.map_err(|error| self.about(&format!("gives no answer: {}", in_words(error))))?;
        let status = response.status();
        if !status.is_success() {
            return Err(self.about(&format!("answers {}", status.as_u16())));
        }
        if body.is_some() {
            return Ok(Value::Null);
        }
        let text = body::read(response, LARGEST).await.map_err(|error| self.about(&error.said()))?;
        body::json(&text).map_err(|_| self.about("answers no JSON"))
    }

    fn about(&self, what: &str) -> Problem {
        Problem::new(format!("the router's webhook {} {what}", code(&http::shown(self.host.url()))))
    }
}
