//! Where a variant's version is read: from JSON over HTTP, or from a label of a series.

use std::time::Duration;

use serde_json::Value;

use super::policy::AbsentErrors;
use super::query::Query;
use super::serving_version::ServingVersion;
use super::signal::Prometheus;
use super::slots::SlotOrder;
use crate::integrations::http::{self, AllowedHost, Patience, body, in_words};
use crate::support::problem::Problem;
use crate::support::words::code;

const PATIENCE: Patience = Patience { timeout: Duration::from_secs(3), tries: 1 };
const LARGEST: usize = 100_000;
/// Characters of a version.
const LONGEST: usize = 200;
/// How long one reading may take, whatever it asks.
const LONGEST_READING: Duration = Duration::from_secs(5);

/// Where the versions of both slots are read, as the config names them; none where it does not say so.
#[derive(Default)]
pub struct VersionSources {
    pub stable: Option<VersionSource>,
    pub candidate: Option<VersionSource>,
    /// Whether no stable runs beside the candidate.
    pub is_alone: bool,
}

/// Where the version of one variant is read.
pub enum VersionSource {
    Http {
        host: AllowedHost,
        pointer: String,
        is_proxied: bool,
    },
    Signal(Box<SignalSource>),
    /// It could not be opened, where stable is restored without it.
    Unavailable(Problem),
}

/// A label of a series in Prometheus.
pub struct SignalSource {
    pub host: AllowedHost,
    pub token: Option<String>,
    pub stale_seconds: f64,
    pub is_proxied: bool,
    pub query: Query,
    pub label: String,
}

impl VersionSources {
    /// Where stable's version is read, and the candidate's.
    pub fn of(&self, order: SlotOrder) -> (Option<&VersionSource>, Option<&VersionSource>) {
        order.of(self.stable.as_ref(), self.candidate.as_ref())
    }

    /// Reads stable's and the candidate's.
    pub async fn read(&self, order: SlotOrder) -> (ServingVersion, ServingVersion) {
        let (stable, candidate) = self.of(order);
        tokio::join!(Box::pin(read(stable)), Box::pin(read(candidate)))
    }

    /// What to tell where a version is not read.
    pub fn warning(&self) -> Option<Problem> {
        let (subject, keys) = match (&self.stable, &self.candidate) {
            (_, Some(_)) if self.is_alone => return None,
            _ if self.is_alone => ("the deployment answers", "variants.candidate.version"),
            (Some(_), Some(_)) => return None,
            (None, Some(_)) => ("stable answers", "variants.stable.version"),
            (Some(_), None) => ("the candidate answers", "variants.candidate.version"),
            (None, None) => ("stable and the candidate answer", "variants"),
        };
        let said = format!("which version {subject} with is not proven");
        Some(Problem::new(said).hint(format!("set `rollout.{keys}`")))
    }
}

/// Reads one variant's version.
pub async fn read(source: Option<&VersionSource>) -> ServingVersion {
    let Some(source) = source else { return ServingVersion::NotConfigured };
    let late = || Err(format!("no answer in {} s", LONGEST_READING.as_secs()));
    let found = tokio::time::timeout(LONGEST_READING, source.versions()).await;
    match found.unwrap_or_else(|_| late()) {
        Ok(versions) => ServingVersion::Versions(versions),
        Err(why) => ServingVersion::Unknown(why),
    }
}

impl VersionSource {
    async fn versions(&self) -> Result<Vec<String>, String> {
        match self {
            Self::Http { host, pointer, is_proxied } => answered(host, pointer, *is_proxied).await,
            Self::Signal(signal) => signal.versions().await,
            Self::Unavailable(problem) => Err(problem.message.clone()),
        }
    }
}

impl SignalSource {
    async fn versions(&self) -> Result<Vec<String>, String> {
        let connected = Prometheus::connect(
            self.host.clone(),
            self.token.clone(),
            self.stale_seconds,
            AbsentErrors::Hold,
            self.is_proxied,
        );
        let prometheus = connected.await.map_err(|problem| problem.message)?;
        let values = prometheus.labels_of(&self.query, &self.label).await.map_err(super::signal::Trouble::text)?;
        values.into_iter().map(|value| named(&value, &format!("label {}", code(&self.label)))).collect()
    }
}

/// The version that a server's JSON has at a pointer.
async fn answered(host: &AllowedHost, pointer: &str, is_proxied: bool) -> Result<Vec<String>, String> {
    let subject = code(&http::shown(host.url()));
    let client = http::client(host, false, PATIENCE, is_proxied).await.map_err(|problem| problem.message)?;
    let response = client.get(host.url().clone()).send().await;
    let response = response.map_err(|error| format!("{subject} gives no answer: {}", in_words(error)))?;
    let status = response.status();
    if !status.is_success() {
        return Err(format!("{subject} answers {}", status.as_u16()));
    }
    let text = body::read(response, LARGEST).await.map_err(|error| format!("{subject} {}", error.said()))?;
    let answer = body::json(&text).map_err(|_| format!("the answer of {subject} is not JSON"))?;
    version_at(&answer, pointer).map(|version| vec![version]).map_err(|why| format!("the answer of {subject} {why}"))
}

/// The version at a pointer ([RFC 6901](https://www.rfc-editor.org/rfc/rfc6901)): text, or a whole number, which JSON
/// writes in one way.
fn version_at(answer: &Value, pointer: &str) -> Result<String, String> {
    let place = code(pointer);
    match answer.pointer(pointer) {
        None => Err(format!("has nothing at {place}")),
        Some(Value::String(text)) => named(text, &format!("text at {place}")),
        Some(Value::Number(number)) if number.is_u64() || number.is_i64() => Ok(number.to_string()),
        Some(Value::Number(_)) => Err(format!("has a number at {place} that is not whole: write the version as text")),
        Some(_) => Err(format!("has neither text nor a number at {place}")),
    }
}

/// A text that can be a version.
fn named(text: &str, place: &str) -> Result<String, String> {
    match text.chars().count() {
        0 => Err(format!("has an empty {place}")),
        1..=LONGEST => Ok(text.to_owned()),
        _ => Err(format!("has a {place} of more than {LONGEST} characters")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_text_or_a_whole_number() {
        let answer = serde_json::json!({
            "model": { "version": "9", "a/b": { "m~n": 9 } }, "list": ["x", -1], "share": 1.10, "none": null, "empty": "",
            "long": "9".repeat(201),
        });
        let check = |pointer: &str, wanted: Result<&str, &str>| match (version_at(&answer, pointer), wanted) {
            (Ok(found), Ok(wanted)) => assert_eq!(found, wanted, "{pointer}"),
            (Err(found), Err(wanted)) => assert!(found.contains(wanted), "{pointer}: {found}"),
            (found, wanted) => panic!("{pointer}: {found:?}, not {wanted:?}"),
        };
        check("/model/version", Ok("9"));
        check("/model/a~1b/m~0n", Ok("9"));
        check("/list/1", Ok("-1"));
        check("/version", Err("has nothing at `/version`"));
        check("/list/2", Err("has nothing"));
        check("", Err("neither text nor a number"));
        check("/model", Err("neither text nor a number"));
        check("/none", Err("neither text nor a number"));
        check("/share", Err("not whole"));
        check("/empty", Err("empty text"));
        check("/long", Err("more than 200 characters"));
        assert_eq!(version_at(&serde_json::json!("9"), ""), Ok("9".to_owned()));
    }
}
