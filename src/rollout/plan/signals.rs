//! What `rollout.signals` means: the one source, and what is asked of it for each variant.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Queries, Wrong};
use crate::config::rollout::{
    CloudWatchSection, DatadogSection, HttpSection, InfluxDbSection, NewRelicSection, PrometheusSection, SignalSection,
    SignalsSection,
};
use crate::rollout::query::{Query, Target, named, names_variant};
use crate::support::limit::Finite;
use crate::support::words::code;

/// How long a time a gauge's value is of, where nothing says so.
const WINDOW_SECONDS: f64 = 60.0;
/// What begins InfluxQL that counts: the value of a counter's last point would begin anew every day.
const COUNTING_INFLUXQL: [&str; 2] = ["select sum(", "select count("];
/// Clauses of NRQL that mlgate adds, or that give more than one number.
const NO_NRQL: [&str; 8] = ["since", "until", "timeseries", "facet", "compare", "limit", "slide", "with"];

/// Where signals come from.
#[derive(Debug, Clone, PartialEq)]
pub enum SourceSection {
    Prometheus(PrometheusSection),
    Http(HttpSection),
    CloudWatch(CloudWatchSection),
    Datadog(DatadogSection),
    InfluxDb(InfluxDbSection),
    NewRelic(NewRelicSection),
}

/// What a signal is of: what is asked of its query differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Counter,
    Gauge,
}

impl SourceSection {
    pub fn name(&self) -> &'static str {
        match self {
            Self::Prometheus(_) => "prometheus",
            Self::Http(_) => "http",
            Self::CloudWatch(_) => "cloudwatch",
            Self::Datadog(_) => "datadog",
            Self::InfluxDb(_) => "influxdb",
            Self::NewRelic(_) => "new_relic",
        }
    }

    /// How old a sample may be, where nothing says so: longer than the source takes to store it.
    pub(super) fn stale_seconds(&self) -> f64 {
        match self {
            Self::Prometheus(_) | Self::Http(_) | Self::InfluxDb(_) => 60.0,
            Self::Datadog(_) | Self::NewRelic(_) => 180.0,
            Self::CloudWatch(_) => 300.0,
        }
    }

    /// How long until what was measured is stored.
    pub fn delay_seconds(&self) -> f64 {
        let (delay, default) = match self {
            Self::Prometheus(_) | Self::Http(_) => (None, 0.0),
            Self::CloudWatch(section) => (section.delay_seconds, 120.0),
            Self::Datadog(section) => (section.delay_seconds, 60.0),
            Self::InfluxDb(section) => (section.delay_seconds, 5.0),
            Self::NewRelic(section) => (section.delay_seconds, 60.0),
        };
        delay.map_or(default, |Finite(seconds)| seconds)
    }
}

/// The one source that is named; Prometheus in place of none or several, which are told.
pub(super) fn source(section: &SignalsSection, wrong: &mut Wrong) -> SourceSection {
    let SignalsSection { prometheus, http, cloudwatch, datadog, influxdb, new_relic, .. } = section.clone();
    let all = [
        prometheus.map(SourceSection::Prometheus),
        http.map(SourceSection::Http),
        cloudwatch.map(SourceSection::CloudWatch),
        datadog.map(SourceSection::Datadog),
        influxdb.map(SourceSection::InfluxDb),
        new_relic.map(SourceSection::NewRelic),
    ];
    let mut named = all.into_iter().flatten();
    match (named.next(), named.next()) {
        (Some(source), None) => source,
        (first, other) => {
            let why = if other.is_some() { "it names several sources" } else { "it names no source" };
            let hint = "set exactly one of `prometheus`, `http`, `cloudwatch`, `datadog`, `influxdb` and `new_relic`";
            wrong.at("signals", &format!("{why}: {hint}"));
            let url = String::new();
            first.unwrap_or(SourceSection::Prometheus(PrometheusSection { url, token_env: None }))
        }
    }
}

/// The variables that the sources name, by their keys.
pub(super) fn variables(section: &SignalsSection) -> Vec<(&'static str, Option<&String>)> {
    let mut all = Vec::new();
    if let Some(prometheus) = &section.prometheus {
        all.push(("signals.prometheus.token_env", prometheus.token_env.as_ref()));
    }
    if let Some(http) = &section.http {
        all.push(("signals.http.headers_env", http.headers_env.as_ref()));
    }
    if let Some(cloudwatch) = &section.cloudwatch {
        all.push(("signals.cloudwatch.access_key_id_env", Some(&cloudwatch.access_key_id_env)));
        all.push(("signals.cloudwatch.secret_access_key_env", Some(&cloudwatch.secret_access_key_env)));
        all.push(("signals.cloudwatch.session_token_env", cloudwatch.session_token_env.as_ref()));
    }
    if let Some(datadog) = &section.datadog {
        all.push(("signals.datadog.api_key_env", Some(&datadog.api_key_env)));
        all.push(("signals.datadog.application_key_env", Some(&datadog.application_key_env)));
    }
    if let Some(influxdb) = &section.influxdb {
        all.push(("signals.influxdb.token_env", influxdb.token_env.as_ref()));
    }
    if let Some(new_relic) = &section.new_relic {
        all.push(("signals.new_relic.api_key_env", Some(&new_relic.api_key_env)));
    }
    all
}

/// What no source can answer, and what this one cannot; where no stable runs beside the candidate nothing tells them apart.
pub(super) fn validate(
    (signals, source): (&SignalsSection, &SourceSection),
    is_alone: bool,
    trial: &BTreeMap<String, String>,
    wrong: &mut Wrong,
) {
    for (name, signal) in [("requests", &signals.requests), ("errors", &signals.errors)] {
        let path = format!("signals.{name}");
        if signal.count.is_some() || signal.min_samples.is_some() || signal.window_seconds.is_some() {
            wrong.at(&path, "`count`, `min_samples` and `window_seconds` are of gauges, and it is a counter");
        }
        if !is_alone && !texts(source, signal).iter().any(|text| names_variant(text)) {
            let said = texts(source, signal).into_iter().find(|text| !text.is_empty()).unwrap_or_default();
            let why = format!("{} does not say {{{{arm}}}}, so that both variants are the same", code(&said));
            wrong.at(&path, &why);
        }
        one(source, signal, Kind::Counter, &path, wrong);
    }
    for (name, signal) in &signals.gauges {
        one(source, signal, Kind::Gauge, &format!("signals.{name}"), wrong);
        if signal.window_seconds.is_some_and(|Finite(seconds)| seconds < 1.0) {
            wrong.at(&format!("signals.{name}.window_seconds"), "at least 1");
        }
        if let Some(count) = &signal.count {
            one(source, count, Kind::Counter, &format!("signals.{name}.count"), wrong);
        }
    }
    if let (SourceSection::CloudWatch(_), false) = (source, trial.is_empty()) {
        wrong.at("ab_test", "its queries are texts, and CloudWatch's metrics are not: take another source");
    }
    for (name, query) in trial {
        let signal = SignalSection { query: query.clone(), ..SignalSection::default() };
        one(source, &signal, Kind::Counter, &format!("ab_test.{name}"), wrong);
    }
    if source.delay_seconds() < 0.0 || source.delay_seconds() > 3600.0 {
        wrong.at(&format!("signals.{}.delay_seconds", source.name()), "from 0 to 3600");
    }
    if let SourceSection::Http(http) = source {
        documents(signals, http, trial, wrong);
    }
}

/// The texts of a signal in which a variant can be named.
fn texts(source: &SourceSection, signal: &SignalSection) -> Vec<String> {
    match source {
        SourceSection::Http(http) => {
            let url = signal.url.as_ref().or(http.url.as_ref()).cloned().unwrap_or_default();
            vec![url, pointer(signal).to_owned()]
        }
        SourceSection::CloudWatch(_) => {
            let (dimensions, name) = (signal.dimensions.values().cloned(), signal.metric.iter().cloned());
            name.chain(dimensions).collect()
        }
        _ => vec![signal.query.clone()],
    }
}

fn pointer(signal: &SignalSection) -> &str {
    signal.json_pointer.as_deref().unwrap_or(&signal.query)
}

/// One signal as this source needs it.
fn one(source: &SourceSection, signal: &SignalSection, kind: Kind, path: &str, wrong: &mut Wrong) {
    let SignalSection { query, json_pointer, url, time_pointer, namespace, metric, dimensions, statistic, .. } = signal;
    let is_http = json_pointer.is_some() || url.is_some() || time_pointer.is_some();
    let is_metric = namespace.is_some() || metric.is_some() || !dimensions.is_empty() || statistic.is_some();
    let (of_http, of_cloudwatch) =
        (matches!(source, SourceSection::Http(_)), matches!(source, SourceSection::CloudWatch(_)));
    if is_http && !of_http {
        wrong.at(path, "`url`, `json_pointer` and `time_pointer` are of the source `http`");
    }
    if is_metric && !of_cloudwatch {
        wrong.at(path, "`namespace`, `metric`, `dimensions` and `statistic` are of the source `cloudwatch`");
    }
    if matches!(source, SourceSection::Prometheus(_)) && signal.window_seconds.is_some() {
        wrong.at(path, "`window_seconds` is in the PromQL itself: `rate(…[1m])`");
    }
    let text = query.trim().to_lowercase();
    let is_counter = kind == Kind::Counter;
    match source {
        SourceSection::Http(http) => document(http, signal, path, wrong),
        SourceSection::CloudWatch(_) => {
            if !query.is_empty() || namespace.is_none() || metric.is_none() {
                wrong
                    .at(path, "a metric of CloudWatch is a map of `namespace`, `metric`, `dimensions` and `statistic`");
            }
            let counts = statistic.as_deref().is_none_or(|own| matches!(own, "Sum" | "SampleCount"));
            if is_counter && !counts {
                wrong.at(path, "what counts has the statistic `Sum` or `SampleCount`");
            }
        }
        _ if text.is_empty() => wrong.at(path, "its query is empty"),
        SourceSection::Datadog(_) if is_counter && !text.ends_with(".as_count()") => {
            wrong.at(path, "a rate is no count: end it with `.as_count()`");
        }
        SourceSection::InfluxDb(_) => {
            if text.matches("{{time}}").count() != 1 {
                wrong.at(path, "it does not say `{{time}}` once, as in `WHERE {{time}} AND …`: the condition on time");
            }
            if text.contains(';') || text.contains("into ") || !text.starts_with("select ") {
                wrong.at(path, "it is not one `SELECT`");
            }
            if is_counter && !COUNTING_INFLUXQL.iter().any(|start| text.starts_with(start)) {
                wrong.at(
                    path,
                    "what counts is `SELECT sum(…)` or `SELECT count(…)`; of a counter that a collector stores as it stands, the sum \
                     of `non_negative_difference`",
                );
            }
        }
        SourceSection::NewRelic(_) => {
            let clause = text.split(|c: char| !c.is_alphanumeric()).find(|word| NO_NRQL.contains(word));
            if let Some(clause) = clause {
                wrong.at(path, &format!("it has the clause `{}`: the time is added to it", clause.to_uppercase()));
            }
            if is_counter && !text.contains("count(") && !text.contains("sum(") {
                wrong.at(path, "what counts is `count(…)`, `filter(count(…), …)` or `sum(…)`");
            }
        }
        SourceSection::Prometheus(_) | SourceSection::Datadog(_) => {}
    }
}

/// A number in a document, which has a time.
fn document(http: &HttpSection, signal: &SignalSection, path: &str, wrong: &mut Wrong) {
    if signal.json_pointer.is_some() && !signal.query.is_empty() {
        wrong.at(path, "it has both `query` and `json_pointer`, which are the same of `http`");
    }
    for (key, pointer) in [("json_pointer", Some(pointer(signal))), ("time_pointer", signal.time_pointer.as_deref())] {
        if let Some(why) = pointer.and_then(super::versions::fault) {
            wrong.at(path, &format!("`{key}` {} {why}", code(pointer.unwrap_or_default())));
        }
    }
    if signal.url.is_none() && http.url.is_none() {
        wrong.at(path, "nothing says which document it is in: set `signals.http.url`, or its own `url`");
    }
    if signal.time_pointer.is_none() && http.time_pointer.is_none() && http.time_header.is_none() {
        wrong.at(
            path,
            "nothing says how old it is: set `time_pointer` (the time in the answer), or `signals.http.time_header` (`Date`, of a \
             server that counts itself)",
        );
    }
}

/// Counters that are compared are of one moment: of one document, or of documents that are asked for one.
fn documents(signals: &SignalsSection, http: &HttpSection, trial: &BTreeMap<String, String>, wrong: &mut Wrong) {
    if http.time_pointer.is_some() && http.time_header.is_some() {
        wrong.at("signals.http", "it has both `time_pointer` and `time_header`");
    }
    if let Some(why) = http.time_pointer.as_deref().and_then(super::versions::fault) {
        let pointer = code(http.time_pointer.as_deref().unwrap_or_default());
        wrong.at("signals.http.time_pointer", &format!("{pointer} {why}"));
    }
    let url = |signal: &SignalSection| signal.url.as_ref().or(http.url.as_ref()).cloned().unwrap_or_default();
    let (requests, errors) = (url(&signals.requests), url(&signals.errors));
    let own = http.url.clone().unwrap_or_default();
    let mut others = vec![("signals.errors", errors)];
    if !trial.is_empty() {
        others.push(("ab_test", own));
    }
    for (path, other) in others {
        if other != requests && !(other.contains("{{time}}") && requests.contains("{{time}}")) {
            wrong.at(
                path,
                "it is in another document than `requests`, and may be of another moment: take one document, or say `{{time}}` in both \
                 addresses",
            );
        }
    }
}

/// A gauge's query of no variant in particular.
pub(super) fn gauge(signals: Option<&SignalsSection>, gauge: &SignalSection) -> Query {
    match signals {
        Some(signals) => query(&source(signals, &mut Wrong::default()), gauge, "any", Kind::Gauge),
        None => Query::new(&gauge.query, "any"),
    }
}

/// What is asked of the source for a variant.
pub(super) fn queries(
    signals: &SignalsSection,
    source: &SourceSection,
    trial: &BTreeMap<String, String>,
    arm: &str,
) -> Queries {
    let of = |signal: &SignalSection, kind: Kind| query(source, signal, arm, kind);
    let counted =
        |(name, gauge): (&String, &SignalSection)| Some((name.clone(), of(gauge.count.as_ref()?, Kind::Counter)));
    let text = |query: &String| SignalSection { query: query.clone(), ..SignalSection::default() };
    Queries {
        requests: of(&signals.requests, Kind::Counter),
        errors: of(&signals.errors, Kind::Counter),
        by: signals.by.clone(),
        gauges: signals.gauges.iter().map(|(name, gauge)| (name.clone(), of(gauge, Kind::Gauge))).collect(),
        samples: signals.gauges.iter().filter_map(counted).collect(),
        trial: trial.iter().map(|(name, query)| (name.clone(), of(&text(query), Kind::Counter))).collect(),
    }
}

fn query(source: &SourceSection, signal: &SignalSection, arm: &str, kind: Kind) -> Query {
    let seconds = signal.window_seconds.map_or(WINDOW_SECONDS, |Finite(seconds)| seconds);
    let window = Duration::try_from_secs_f64(seconds).unwrap_or_default();
    let own = |text: &str| named(text, arm);
    match source {
        SourceSection::Prometheus(_) => Query::new(&signal.query, arm),
        SourceSection::Http(http) => {
            let url = own(signal.url.as_ref().or(http.url.as_ref()).map_or("", String::as_str));
            let pointer = own(pointer(signal));
            let time_pointer = signal.time_pointer.clone().or_else(|| http.time_pointer.clone());
            Query::of(pointer.clone(), Target::Document { url, pointer, time_pointer }, window)
        }
        SourceSection::CloudWatch(_) => {
            let name = own(signal.metric.as_deref().unwrap_or_default());
            let dimensions: BTreeMap<String, String> =
                signal.dimensions.iter().map(|(name, value)| (name.clone(), own(value))).collect();
            let default = if kind == Kind::Counter { "Sum" } else { "Average" };
            let statistic = signal.statistic.clone().unwrap_or_else(|| default.to_owned());
            let namespace = signal.namespace.clone().unwrap_or_default();
            let shown: Vec<String> = dimensions.iter().map(|(name, value)| format!("{name}={value}")).collect();
            let text = format!("{statistic} of {namespace} {name}{{{}}}", shown.join(","));
            Query::of(text, Target::Metric { namespace, name, dimensions, statistic }, window)
        }
        SourceSection::Datadog(_) | SourceSection::InfluxDb(_) | SourceSection::NewRelic(_) => {
            Query::of(own(&signal.query), Target::Text, window)
        }
    }
}
