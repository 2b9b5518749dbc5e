//! Numbers in JSON documents of any server, by GET: each has a time, and none is older than it may be.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use reqwest::header::HeaderMap;
use reqwest::{Client, Url};
use serde_json::Value;

use super::answer::{PATIENCE, json, number, refused};
use crate::integrations::http::{self, AllowedHost};
use crate::rollout::plan::Queries;
use crate::rollout::policy::AbsentErrors;
use crate::rollout::query::{Query, Target};
use crate::rollout::seen::{ArmSeen, Reading};
use crate::rollout::signal::{Proof, Role, Trouble};
use crate::support::problem::Problem;
use crate::support::words::{code, cut, one_line};

/// What becomes the seconds since 1970 that all documents are asked of.
pub const TIME: &str = "{{time}}";
/// Seconds that a number may be ahead of this machine's clock.
const AHEAD: f64 = 5.0;
/// Numbers from here on are milliseconds.
const MILLISECONDS: f64 = 1e11;

/// The servers of documents.
pub struct Documents {
    /// By origin.
    clients: BTreeMap<String, Client>,
    headers: HeaderMap,
    time_header: Option<String>,
    stale_seconds: f64,
    absent_errors: AbsentErrors,
}

/// How the documents are asked for.
pub struct Asking {
    pub headers: HeaderMap,
    pub time_header: Option<String>,
    pub stale_seconds: f64,
    pub absent_errors: AbsentErrors,
    pub is_proxied: bool,
}

/// The documents of one evaluation, each asked for once.
struct Reader<'a> {
    documents: &'a Documents,
    time: f64,
    read: BTreeMap<String, Result<(Value, Option<String>), Trouble>>,
}

/// What a pointer leads to.
enum Found {
    Number(f64),
    /// Nothing is there.
    Nothing(String),
}

impl Documents {
    /// # Errors
    /// An address that may not be spoken to.
    pub async fn connect(hosts: Vec<AllowedHost>, asking: Asking) -> Result<Self, Problem> {
        let Asking { headers, time_header, stale_seconds, absent_errors, is_proxied } = asking;
        let mut clients = BTreeMap::new();
        for host in hosts {
            if let Entry::Vacant(vacant) = clients.entry(http::shown(host.url())) {
                vacant.insert(http::client(&host, !headers.is_empty(), PATIENCE, is_proxied).await?);
            }
        }
        Ok(Self { clients, headers, time_header, stale_seconds, absent_errors })
    }

    pub(super) fn shown(&self) -> String {
        let all: Vec<String> = self.clients.keys().map(|origin| code(origin)).collect();
        format!("JSON at {}", all.join(" and "))
    }

    fn reader(&self, time: f64) -> Reader<'_> {
        Reader { documents: self, time, read: BTreeMap::new() }
    }

    pub(super) async fn arm(&self, queries: &Queries, time: f64) -> ArmSeen {
        let mut reader = self.reader(time);
        let requests = reader.reading(&queries.requests).await;
        let errors = match reader.number(&queries.errors).await {
            Ok(Found::Nothing(_))
                if self.absent_errors == AbsentErrors::Zero && matches!(requests, Reading::Value(_)) =>
            {
                Reading::Absent
            }
            Ok(Found::Nothing(why)) => Reading::Unexplained(why),
            Ok(Found::Number(number)) => Reading::Value(number),
            Err(trouble) => Reading::Unusable(trouble.text()),
        };
        let mut seen = ArmSeen { requests, errors, ..ArmSeen::default() };
        for (name, query) in &queries.gauges {
            seen.gauges.insert(name.clone(), reader.reading(query).await);
        }
        for (name, query) in &queries.samples {
            seen.samples.insert(name.clone(), reader.reading(query).await);
        }
        for (name, query) in &queries.trial {
            seen.trial.insert(name.clone(), reader.reading(query).await);
        }
        seen
    }

    pub(super) async fn prove(&self, query: &Query, role: Role, time: f64) -> Result<Proof, Trouble> {
        match self.reader(time).number(query).await? {
            Found::Number(number) => Ok(Proof::Number(number)),
            Found::Nothing(why) if role == Role::Errors && self.absent_errors == AbsentErrors::Zero => {
                Ok(Proof::Explained(format!("{why}: 0 while there are requests, by `absent_errors: zero`")))
            }
            Found::Nothing(why) => Err(Trouble::Unexplained(why)),
        }
    }
}

impl Reader<'_> {
    async fn reading(&mut self, query: &Query) -> Reading {
        match self.number(query).await {
            Ok(Found::Number(number)) => Reading::Value(number),
            Ok(Found::Nothing(why)) => Reading::Unexplained(why),
            Err(trouble) => Reading::Unusable(trouble.text()),
        }
    }

    /// The number that a query points to, which is new enough.
    async fn number(&mut self, query: &Query) -> Result<Found, Trouble> {
        let Target::Document { url, pointer, time_pointer } = &query.target else {
            return Err(Trouble::Query(format!("{} points to no document", code(&query.text))));
        };
        if !self.read.contains_key(url) {
            let read = self.get(url).await;
            self.read.insert(url.clone(), read);
        }
        let (answer, header) = match self.read.get(url) {
            Some(Ok(read)) => read,
            Some(Err(trouble)) => return Err(trouble.clone()),
            None => return Err(Trouble::NoAnswer("no answer".to_owned())),
        };
        let subject = subject(url);
        let found = match answer.pointer(pointer) {
            None | Some(Value::Null) => {
                return Ok(Found::Nothing(format!("the answer of {subject} has nothing at {}", code(pointer))));
            }
            Some(value) => number(value).ok_or_else(|| {
                let value = cut(&one_line(&value.to_string()), 60);
                Trouble::Query(format!(
                    "the answer of {subject} has {} at {}, not a number",
                    code(&value),
                    code(pointer)
                ))
            })?,
        };
        let at = match time_pointer {
            Some(place) => {
                let value = answer.pointer(place).unwrap_or(&Value::Null);
                moment(value).ok_or_else(|| format!("the answer of {subject} has no time at {}", code(place)))
            }
            None => {
                let name = self.documents.time_header.as_deref().unwrap_or_default();
                let at = header.as_deref().and_then(|header| chrono::DateTime::parse_from_rfc2822(header).ok());
                let at = at.map(|at| at.timestamp() as f64);
                at.ok_or_else(|| format!("the answer of {subject} has no time in the header {}", code(name)))
            }
        };
        let age = self.time - at.map_err(Trouble::Query)?;
        if age < -AHEAD {
            return Err(Trouble::Unmeasured(format!("the answer of {subject} is of {:.0} s in the future", -age)));
        }
        if age > self.documents.stale_seconds {
            return Err(Trouble::Unmeasured(format!("the answer of {subject} is {age:.0} s old")));
        }
        Ok(Found::Number(found))
    }

    async fn get(&self, url: &str) -> Result<(Value, Option<String>), Trouble> {
        let documents = self.documents;
        let text = url.replace(TIME, &format!("{:.0}", self.time.floor()));
        let wrong = || Trouble::Query(format!("{} is not a valid URL", code(url)));
        let address = Url::parse(&text).map_err(|_| wrong())?;
        let client = documents.clients.get(&http::shown(&address)).ok_or_else(wrong)?;
        let subject = subject(url);
        let request = client.get(address).headers(documents.headers.clone()).header("accept", "application/json");
        let (status, answer, header) = json(request, &subject, documents.time_header.as_deref()).await?;
        if !status.is_success() {
            // A variant that is not up yet has no document.
            let why = refused(&subject, status, None).text();
            return Err(Trouble::Unmeasured(why));
        }
        Ok((answer, header))
    }
}

fn subject(url: &str) -> String {
    code(&Url::parse(url).map_or_else(|_| "an address".to_owned(), |url| http::shown(&url)))
}

/// A time in an answer: seconds or milliseconds since 1970, or RFC 3339.
fn moment(value: &Value) -> Option<f64> {
    if let Some(number) = number(value) {
        return Some(if number >= MILLISECONDS { number / 1000.0 } else { number });
    }
    let at = chrono::DateTime::parse_from_rfc3339(value.as_str()?).ok()?;
    Some(at.timestamp_millis() as f64 / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_written_in_one_of_three_ways() {
        let check = |value: Value, wanted: Option<f64>| assert_eq!(moment(&value), wanted, "{value}");
        check(serde_json::json!(1_700_000_000), Some(1.7e9));
        check(serde_json::json!(1_700_000_000_500_u64), Some(1_700_000_000.5));
        check(serde_json::json!("1700000000"), Some(1.7e9));
        check(serde_json::json!("2023-11-14T22:13:20Z"), Some(1.7e9));
        check(serde_json::json!("2023-11-14T23:13:20.5+01:00"), Some(1_700_000_000.5));
        check(serde_json::json!("yesterday"), None);
        check(Value::Null, None);
        check(serde_json::json!([1]), None);
    }
}
