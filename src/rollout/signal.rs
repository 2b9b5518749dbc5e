//! Signals from Prometheus, by [instant queries](https://prometheus.io/docs/prometheus/latest/querying/api/): each is one
//! number that is new enough, or none, and then it says why.

mod absence;
mod label;
mod segments;

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use reqwest::{Client, Url};
use serde_json::Value;

use super::query::{Query, Source};
use super::{ArmSeen, Reading};
use crate::integrations::http::{self, AllowedHost, Patience, body, in_words};
use crate::rollout::plan::Queries;
use crate::rollout::policy::{AbsentErrors, HistogramLimit};
use crate::rollout::slow::{Boundaries, Buckets, Slow};
use crate::support::problem::Problem;
use crate::support::words::{code, cut, one_line};

const PATIENCE: Patience = Patience { timeout: Duration::from_secs(3), tries: 1 };
const LARGEST: usize = 1_000_000;
/// Seconds after which no scrape is half in.
pub const SETTLED: f64 = 1.0;

/// A Prometheus.
pub struct Prometheus {
    base: Url,
    client: Client,
    token: Option<String>,
    stale_seconds: f64,
    absent_errors: AbsentErrors,
    /// By selector that has matched a series, the jobs of its series.
    known: Mutex<BTreeMap<String, Vec<String>>>,
}

/// Why a query gives no number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// The query itself is wrong, and would be so tomorrow.
    Query(String),
    /// It reads what there has never been, or what is not scraped: nothing says that this means 0.
    Unexplained(String),
    /// Not a number, as a quantile of nothing is.
    NotFinite(String),
    /// What it asks for cannot be measured now.
    Unmeasured(String),
    NoAnswer(String),
}

impl Trouble {
    pub fn text(self) -> String {
        match self {
            Self::Query(why)
            | Self::Unexplained(why)
            | Self::NotFinite(why)
            | Self::Unmeasured(why)
            | Self::NoAnswer(why) => why,
        }
    }
}

/// What preflight finds of a query.
#[derive(Debug, Clone, PartialEq)]
pub enum Proof {
    Number(f64),
    /// No number yet, and why that is in order.
    Explained(String),
}

/// What a query gave, and which of its selectors have no sample.
struct Evaluation<'a> {
    value: Option<f64>,
    missing: Vec<&'a Source>,
    /// Whether none has one.
    is_all: bool,
}

/// Which reading it is: they differ in what absence means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Requests,
    Errors,
    Gauge,
    /// A counter of what a gauge is of.
    Samples,
    Trial,
}

/// One variant at one moment.
struct Round<'a> {
    prometheus: &'a Prometheus,
    queries: &'a Queries,
    at: f64,
    requests: Reading,
    /// One answer that does not come is waited for, and no other.
    down: Option<String>,
}

impl Prometheus {
    /// # Errors
    /// An address that may not be spoken to.
    pub async fn connect(
        host: AllowedHost,
        token: Option<String>,
        stale_seconds: f64,
        absent_errors: AbsentErrors,
        is_proxied: bool,
    ) -> Result<Self, Problem> {
        let host = host.as_folder();
        let client = http::client(&host, token.is_some(), PATIENCE, is_proxied).await?;
        let (base, known) = (host.url().clone(), Mutex::default());
        Ok(Self { base, client, token, stale_seconds, absent_errors, known })
    }

    /// Its address, as it is shown.
    pub fn shown(&self) -> String {
        code(&http::shown(&self.base))
    }

    /// Prometheus' own time: what is new is measured by the clock of what scrapes.
    ///
    /// # Errors
    /// No answer.
    pub async fn time(&self) -> Result<f64, Trouble> {
        let time = self.query("time()", None).await?;
        time.ok_or_else(|| Trouble::Unmeasured(format!("Prometheus at {} does not tell the time", self.shown())))
    }

    /// What is seen of a variant.
    ///
    /// All queries are of one moment, a little ago: requests of before a scrape and errors of after it would be a rate that
    /// never was.
    pub async fn arm(&self, queries: &Queries, limits: &[HistogramLimit], time: &Result<f64, Trouble>) -> ArmSeen {
        let (at, down) = match time {
            Ok(time) => (time - SETTLED, None),
            Err(trouble) => (0.0, Some(trouble.clone().text())),
        };
        let mut round = Round { prometheus: self, queries, at, requests: Reading::Absent, down };
        let requests = round.read(&queries.requests, Role::Requests).await;
        round.requests = requests.clone();
        let errors = round.read(&queries.errors, Role::Errors).await;
        let segments = match (&queries.by, &round.down) {
            (None, _) => Ok(BTreeMap::new()),
            (Some(_), Some(why)) => Err(why.clone()),
            (Some(label), None) => {
                let both = (&queries.requests, &queries.errors);
                self.segments(both, label, &errors, at).await.map_err(Trouble::text)
            }
        };
        let mut seen = ArmSeen { requests, errors, segments, ..ArmSeen::default() };
        for (name, query) in &queries.gauges {
            let limit = limits.iter().find(|limit| limit.name == *name);
            let (gauge, slow) = round.read_gauge(query, limit).await;
            seen.gauges.insert(name.clone(), gauge);
            seen.slow.extend(slow.map(|slow| (name.clone(), slow)));
        }
        for (name, query) in &queries.samples {
            seen.samples.insert(name.clone(), round.read(query, Role::Samples).await);
        }
        for (name, query) in &queries.trial {
            seen.trial.insert(name.clone(), round.read(query, Role::Trial).await);
        }
        seen
    }

    /// Proves before any traffic moves that a query can be answered: by a number, or by series of its name and labels.
    ///
    /// # Errors
    /// It cannot.
    pub async fn prove(&self, query: &Query, role: Role, time: f64) -> Result<Proof, Trouble> {
        let (evaluation, why) = match self.evaluate(query, time - SETTLED).await {
            Ok(Evaluation { value: Some(value), missing, .. }) if missing.is_empty() => {
                return Ok(Proof::Number(value));
            }
            Ok(evaluation) => (evaluation, "no sample yet".to_owned()),
            Err(Trouble::NotFinite(why)) => {
                let missing = query.sources.iter().flatten().collect();
                (Evaluation { value: None, missing, is_all: true }, why)
            }
            Err(trouble) => return Err(trouble),
        };
        if role == Role::Errors && self.absent_errors == AbsentErrors::Zero {
            return Ok(Proof::Explained(format!("{why}: 0 while there are requests, by `absent_errors: zero`")));
        }
        for source in evaluation.missing {
            // What compares the variants with each other begins when both have traffic.
            if role == Role::Gauge && source.variant.is_empty() {
                return Ok(Proof::Explained(format!(
                    "{why}; it does not name a variant, and may begin with the traffic"
                )));
            }
            self.prove_family(&source.family, time - SETTLED).await?;
        }
        Ok(Proof::Explained(format!("{why}; its name and labels are known")))
    }

    /// How many requests a second a counter has counted in the last minute; none where it cannot be said.
    pub async fn per_second(&self, requests: &Query, time: f64) -> Option<f64> {
        const SECONDS: f64 = 60.0;
        let then = self.query(&requests.text, Some(time - SECONDS)).await.ok()??;
        let now = self.query(&requests.text, Some(time)).await.ok()??;
        Some((now - then) / SECONDS).filter(|rate| *rate >= 0.0)
    }

    async fn evaluate<'a>(&self, query: &'a Query, at: f64) -> Result<Evaluation<'a>, Trouble> {
        let answer = self.query(&query.text, Some(at)).await;
        let sources = match &query.sources {
            Ok(sources) => sources,
            // Prometheus says where it is wrong.
            Err(why) => {
                answer?;
                return Err(Trouble::Query(format!(
                    "{} cannot be parsed: {}",
                    code(&query.text),
                    cut(&one_line(why), 200)
                )));
            }
        };
        let value = answer?;
        let mut missing = Vec::new();
        // A rate goes on for its whole window after its target is gone, and an expression always has the time of now.
        for source in sources {
            if !self.is_sampled(source, at).await? {
                missing.push(source);
            }
        }
        if let Some(value) = value.filter(|value| !value.is_finite()) {
            return Err(Trouble::NotFinite(format!("{} is {value}", code(&query.text))));
        }
        let is_all = missing.len() == sources.len();
        Ok(Evaluation { value, missing, is_all })
    }

    /// Whether a selector has a sample that is new enough, or none.
    async fn is_sampled(&self, source: &Source, at: f64) -> Result<bool, Trouble> {
        let selector = source.selector.text();
        match self.query(&format!("max(timestamp({selector}))"), Some(at)).await? {
            Some(newest) if at - newest <= self.stale_seconds => Ok(true),
            Some(newest) => Err(Trouble::Unmeasured(format!(
                "the newest sample of {} is {:.0} s old",
                code(&selector),
                at - newest
            ))),
            None => Ok(false),
        }
    }

    /// The one number of an instant query; of Prometheus' own time where none is given.
    async fn query(&self, query: &str, at: Option<f64>) -> Result<Option<f64>, Trouble> {
        let time = at.map(|at| format!("{at:.3}"));
        let pairs: Vec<(&str, &str)> =
            [("query", query)].into_iter().chain(time.as_deref().map(|time| ("time", time))).collect();
        let data = self.get("api/v1/query", &pairs, &code(query)).await?;
        let wrong = |why: String| Err(Trouble::Query(format!("{} {why}", code(query))));
        let sample = match (data["resultType"].as_str(), data["result"].as_array()) {
            (Some("scalar"), _) => &data["result"][1],
            (Some("vector"), Some(series)) => match series.as_slice() {
                [] => return Ok(None),
                [one] => &one["value"][1],
                several => return wrong(format!("gives {} series, and one is needed", several.len())),
            },
            _ => return wrong("gives no instant vector".to_owned()),
        };
        let text = sample.as_str().unwrap_or_default();
        match text {
            "+Inf" => Ok(Some(f64::INFINITY)),
            "-Inf" => Ok(Some(f64::NEG_INFINITY)),
            text => match text.parse() {
                Ok(value) => Ok(Some(value)),
                Err(_) => wrong(format!("gives {}, which is no number", code(text))),
            },
        }
    }

    /// Answers beyond a limit, by the buckets of the histogram that a query is a quantile of, and the boundaries beside it.
    ///
    /// # Errors
    /// They cannot be read.
    pub async fn slow(&self, query: &Query, limit: &HistogramLimit, at: f64) -> Result<(Slow, Boundaries), Trouble> {
        let parts = query.quantile.as_ref().zip(query.sources.as_ref().ok());
        let source = parts.and_then(|(quantile, sources)| Some((quantile.factor, sources.get(quantile.buckets)?)));
        let Some((factor, source)) = source else {
            return Err(Trouble::Query(format!("{} is not a quantile of a histogram", code(&query.text))));
        };
        let series = source.selector.text();
        let (text, time) = (format!("sum by (le) ({series})"), format!("{at:.3}"));
        let data = self.get("api/v1/query", &[("query", &text), ("time", &time)], &code(&text)).await?;
        let mut counters = BTreeMap::new();
        for one in data["result"].as_array().into_iter().flatten() {
            let (le, count) = (one["metric"]["le"].as_str(), one["value"][1].as_str());
            let count = count.and_then(|count| count.parse::<f64>().ok()).filter(|count| count.is_finite());
            let Some((le, count)) = le.zip(count) else {
                return Err(Trouble::Query(format!("{} gives what is no bucket", code(&text))));
            };
            counters.insert(le.to_owned(), count);
        }
        let buckets = Buckets::new(&counters).map_err(|why| Trouble::Query(format!("{}: {why}", code(&series))))?;
        let max = limit.max / factor;
        let Boundaries { below, above } = buckets.boundaries(max);
        let scaled = |boundary: Option<f64>| boundary.map(|boundary| boundary * factor);
        Ok((buckets.slow(max), Boundaries { below: scaled(below), above: scaled(above) }))
    }

    /// What an endpoint of the API answers.
    async fn get(&self, path: &str, pairs: &[(&str, &str)], what: &str) -> Result<Value, Trouble> {
        let no_answer =
            |why: String| Trouble::NoAnswer(format!("no answer from Prometheus at {}: {why}", self.shown()));
        let mut url = self.base.join(path).map_err(|error| no_answer(error.to_string()))?;
        url.query_pairs_mut().extend_pairs(pairs);
        let request = self.client.get(url);
        let request = match &self.token {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        let response = request.send().await.map_err(|error| no_answer(in_words(error)))?;
        let status = response.status();
        let text = body::read(response, LARGEST).await.map_err(|error| match error {
            body::BodyError::TooLarge(most) => Trouble::Query(format!("{what} is answered by more than {most} bytes")),
            body::BodyError::Broken(error) => no_answer(in_words(error)),
        })?;
        let mut answer = body::json(&text).unwrap_or_default();
        if answer["status"] == "success" {
            return Ok(answer["data"].take());
        }
        let said = answer["error"].as_str().map(one_line).unwrap_or_default();
        let said = format!("Prometheus answers {} to {what}: {}", status.as_u16(), cut(&said, 200));
        // Its own words for a query that is wrong; all else is of the server.
        Err(if matches!(status.as_u16(), 400 | 422) { Trouble::Query(said) } else { Trouble::Unmeasured(said) })
    }
}

impl Round<'_> {
    async fn read(&mut self, query: &Query, role: Role) -> Reading {
        if let Some(why) = &self.down {
            return Reading::Unusable(why.clone());
        }
        let evaluation = self.prometheus.evaluate(query, self.at).await;
        self.reading(evaluation, role).await
    }

    /// A gauge, and of a histogram with a limit its counters beside it.
    async fn read_gauge(&mut self, query: &Query, limit: Option<&HistogramLimit>) -> (Reading, Option<Reading<Slow>>) {
        if let Some(why) = &self.down {
            return (Reading::Unusable(why.clone()), limit.map(|_| Reading::Unusable(why.clone())));
        }
        let evaluation = self.prometheus.evaluate(query, self.at).await;
        // Of no answers in its window a quantile is not a number, and its counters count all the same.
        let is_fresh = match &evaluation {
            Ok(evaluation) => evaluation.missing.is_empty(),
            Err(trouble) => matches!(trouble, Trouble::NotFinite(_)),
        };
        let gauge = self.reading(evaluation, Role::Gauge).await;
        let Some(limit) = limit else { return (gauge, None) };
        let slow = match &gauge {
            _ if is_fresh => match self.prometheus.slow(query, limit, self.at).await {
                Ok((slow, _)) => Reading::Value(slow),
                Err(trouble) => Reading::Unusable(trouble.text()),
            },
            Reading::Value(_) | Reading::Absent => Reading::Absent,
            Reading::Unexplained(why) => Reading::Unexplained(why.clone()),
            Reading::Unusable(why) => Reading::Unusable(why.clone()),
        };
        (gauge, Some(slow))
    }

    async fn reading(&mut self, evaluation: Result<Evaluation<'_>, Trouble>, role: Role) -> Reading {
        let evaluation = match evaluation {
            Ok(evaluation) => evaluation,
            Err(trouble) => return self.unusable(trouble),
        };
        let Evaluation { value, missing, is_all } = evaluation;
        if let (Some(value), true) = (value, missing.is_empty()) {
            return Reading::Value(value);
        }
        match role {
            Role::Requests | Role::Trial => match (value, missing.first()) {
                (None, _) => Reading::Absent,
                (Some(0.0), _) if role == Role::Trial => Reading::Value(0.0),
                (Some(0.0), _) if is_all => Reading::Absent,
                (_, Some(source)) => {
                    Reading::Unusable(format!("{} has no sample any more", code(&source.selector.text())))
                }
                (Some(value), None) => Reading::Value(value),
            },
            Role::Errors | Role::Gauge | Role::Samples => match self.explain(&missing, role).await {
                Ok(()) => match value {
                    Some(value) if role == Role::Gauge || !is_all => Reading::Value(value),
                    _ => Reading::Absent,
                },
                Err(Trouble::Unexplained(why)) => Reading::Unexplained(why),
                Err(trouble) => self.unusable(trouble),
            },
        }
    }

    fn unusable(&mut self, trouble: Trouble) -> Reading {
        if let Trouble::NoAnswer(why) = &trouble {
            self.down = Some(why.clone());
        }
        Reading::Unusable(trouble.text())
    }
}
