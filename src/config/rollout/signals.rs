//! `rollout.signals:` as written: where signals come from, and what is asked there.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::choices::AbsentErrors;
use super::sources::{
    CloudWatchSection, DatadogSection, HttpSection, InfluxDbSection, NewRelicSection, PrometheusSection,
};
use crate::config::model::Either;
use crate::support::limit::Finite;

/// What is watched: exactly one source, and queries, in which `{{arm}}` (or `{{variant}}`) becomes the variant's name.
///
/// Every other name is a gauge, so it is read by hand.
#[derive(Debug, Clone, Default, PartialEq, JsonSchema)]
pub struct SignalsSection {
    pub prometheus: Option<PrometheusSection>,
    pub http: Option<HttpSection>,
    pub cloudwatch: Option<CloudWatchSection>,
    pub datadog: Option<DatadogSection>,
    pub influxdb: Option<InfluxDbSection>,
    pub new_relic: Option<NewRelicSection>,
    /// A counter of the arm's requests.
    #[schemars(with = "Either<SignalSection>")]
    pub requests: SignalSection,
    /// A counter of those that failed.
    #[schemars(with = "Either<SignalSection>")]
    pub errors: SignalSection,
    /// How old a sample may be.
    pub stale_seconds: Option<Finite>,
    /// What no series of `errors` means: `hold`, or `zero` of a service that exports the counter from its first error on.
    #[serde(default)]
    pub absent_errors: AbsentErrors,
    /// A label of `requests` and `errors`: limits on errors hold for each of its values, too. Of Prometheus only.
    pub by: Option<String>,
    /// Gauges: `latency_p99_ms`, `accuracy`, `prediction_null_percent`, or any other name.
    #[schemars(flatten, with = "BTreeMap<String, Either<SignalSection>>")]
    pub gauges: BTreeMap<String, SignalSection>,
}

/// One signal: a query in the source's language, or a map.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SignalSection {
    /// In the source's language; of `http` a JSON pointer, of `cloudwatch` none.
    #[serde(default)]
    pub query: String,
    /// Of `http`: where the number is in the answer, as a JSON pointer (RFC 6901).
    pub json_pointer: Option<String>,
    /// Of `http`: another address than the source's.
    pub url: Option<String>,
    /// Of `http`: where the time of the number is in the answer, where it is another place than the source's.
    pub time_pointer: Option<String>,
    /// Of `cloudwatch`: the metric's namespace.
    pub namespace: Option<String>,
    /// Of `cloudwatch`: the metric's name.
    pub metric: Option<String>,
    /// Of `cloudwatch`: all dimensions of the metric.
    #[serde(default)]
    pub dimensions: BTreeMap<String, String>,
    /// Of `cloudwatch`: `Sum` of a counter without it, `Average` of a gauge.
    pub statistic: Option<String>,
    /// Of a gauge: how long a time its value is of, in seconds; 60 without it. PromQL holds its own.
    pub window_seconds: Option<Finite>,
    /// Of a gauge: a counter of the samples that it is of: labels that came in, say. Requests without it.
    #[serde(default, deserialize_with = "boxed")]
    #[schemars(with = "Option<Either<SignalSection>>")]
    pub count: Option<Box<SignalSection>>,
    /// Of a gauge: new samples from one evaluation that counts to the next; `min_requests` without it.
    pub min_samples: Option<u64>,
}

/// A signal as it is written.
struct Signal(SignalSection);

fn boxed<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Box<SignalSection>>, D::Error> {
    Ok(Some(Box::new(Signal::deserialize(deserializer)?.0)))
}

impl<'de> Deserialize<'de> for Signal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Written;

        impl<'de> Visitor<'de> for Written {
            type Value = Signal;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a query, or a map")
            }

            fn visit_str<E: serde::de::Error>(self, query: &str) -> Result<Signal, E> {
                Ok(Signal(SignalSection { query: query.to_owned(), ..SignalSection::default() }))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Signal, A::Error> {
                SignalSection::deserialize(MapAccessDeserializer::new(map)).map(Signal)
            }
        }
        deserializer.deserialize_any(Written)
    }
}

impl<'de> Deserialize<'de> for SignalsSection {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Signals;

        impl<'de> Visitor<'de> for Signals {
            type Value = SignalsSection;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map of a source such as `prometheus`, `requests`, `errors`, and queries by their names")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<SignalsSection, A::Error> {
                let mut all = SignalsSection::default();
                let (mut requests, mut errors) = (None, None);
                while let Some(key) = map.next_key::<String>()? {
                    match key.as_str() {
                        "prometheus" => all.prometheus = Some(map.next_value()?),
                        "http" => all.http = Some(map.next_value()?),
                        "cloudwatch" => all.cloudwatch = Some(map.next_value()?),
                        "datadog" => all.datadog = Some(map.next_value()?),
                        "influxdb" => all.influxdb = Some(map.next_value()?),
                        "new_relic" => all.new_relic = Some(map.next_value()?),
                        "requests" => requests = Some(map.next_value::<Signal>()?.0),
                        "errors" => errors = Some(map.next_value::<Signal>()?.0),
                        "stale_seconds" => all.stale_seconds = Some(map.next_value()?),
                        "by" => all.by = Some(map.next_value()?),
                        "absent_errors" => all.absent_errors = map.next_value()?,
                        _ => drop(all.gauges.insert(key, map.next_value::<Signal>()?.0)),
                    }
                }
                let missing = |field| A::Error::missing_field(field);
                all.requests = requests.ok_or_else(|| missing("requests"))?;
                all.errors = errors.ok_or_else(|| missing("errors"))?;
                Ok(all)
            }
        }
        deserializer.deserialize_map(Signals)
    }
}
