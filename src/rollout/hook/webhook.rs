//! A hook by HTTP: 200 goes on, a server that is away or overloaded is called again, every other answer stops.

use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderValue};
use serde_json::Value;

use super::HookReading;
use crate::integrations::http::{self, AllowedHost, Patience, body, in_words};
use crate::support::words::{cut, one_line};

const LARGEST: usize = 100_000;
/// Characters of an answer that are kept.
const LONGEST_ANSWER: usize = 200;
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// An address that decides.
#[derive(Clone)]
pub struct Webhook {
    pub host: AllowedHost,
    pub token: Option<String>,
    pub is_proxied: bool,
}

impl Webhook {
    /// Calls it once.
    pub async fn call(&self, body: &Value, key: &str, timeout: Duration) -> HookReading {
        let patience = Patience { timeout, tries: 1 };
        let client = match http::client(&self.host, self.token.is_some(), patience, self.is_proxied).await {
            Ok(client) => client,
            Err(problem) => return HookReading::NoAnswer(problem.message),
        };
        let request = client
            .post(self.host.url().clone())
            .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
            .header(IDEMPOTENCY_KEY, key)
            .body(body.to_string());
        let request = match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        let response = match request.send().await {
            Ok(response) => response,
            Err(error) => return HookReading::NoAnswer(in_words(error)),
        };
        let status = response.status().as_u16();
        let text = match body::read(response, LARGEST).await {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(error) => format!("its body could not be read: {}", error.said()),
        };
        let text = cut(&one_line(text.trim()), LONGEST_ANSWER);
        let answer = if text.is_empty() { status.to_string() } else { format!("{status}, {text}") };
        match status {
            200 => HookReading::Passed(answer),
            429 | 502 | 503 | 504 => HookReading::NoAnswer(format!("it answers {answer}")),
            _ => HookReading::Refused(answer),
        }
    }
}
