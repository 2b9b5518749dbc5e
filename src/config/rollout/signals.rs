//! `rollout.signals:` as written: queries by their names.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::config::model::Either;
use crate::limit::Finite;
use crate::rollout::AbsentErrors;

/// What is watched: queries, in which `{{arm}}` becomes the arm's name.
///
/// Every other name is a gauge, so it is read by hand.
#[derive(Debug, Clone, PartialEq, JsonSchema)]
pub struct SignalsSection {
    pub prometheus: PrometheusSection,
    /// A counter of the arm's requests.
    pub requests: String,
    /// A counter of those that failed.
    pub errors: String,
    /// How old a sample may be.
    pub stale_seconds: Option<Finite>,
    /// What no series of `errors` means: `hold`, or `zero` of a service that exports the counter from its first error on.
    #[serde(default)]
    pub absent_errors: AbsentErrors,
    /// A label of `requests` and `errors`: limits on errors hold for each of its values, too.
    pub by: Option<String>,
    /// Gauges: `latency_p99_ms`, `accuracy`, `prediction_null_percent`, or any other name.
    #[schemars(flatten, with = "BTreeMap<String, Either<GaugeSection>>")]
    pub gauges: BTreeMap<String, GaugeSection>,
}

/// A gauge: its query, or a map that says what it is of.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GaugeSection {
    pub query: String,
    /// A counter of the samples that the gauge is of: labels that came in, say. Requests without it.
    pub count: Option<String>,
    /// New samples from one evaluation that counts to the next; `min_requests` without it.
    pub min_samples: Option<u64>,
}

/// Where Prometheus is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PrometheusSection {
    pub url: String,
    /// The environment variable that holds its token; its name starts with `MLGATE_`.
    pub token_env: Option<String>,
}

/// A gauge as it is written.
struct Gauge(GaugeSection);

impl<'de> Deserialize<'de> for Gauge {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Written;

        impl<'de> Visitor<'de> for Written {
            type Value = Gauge;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a query, or a map of `query`, `count` and `min_samples`")
            }

            fn visit_str<E: serde::de::Error>(self, query: &str) -> Result<Gauge, E> {
                Ok(Gauge(GaugeSection { query: query.to_owned(), ..GaugeSection::default() }))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Gauge, A::Error> {
                GaugeSection::deserialize(MapAccessDeserializer::new(map)).map(Gauge)
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
                f.write_str("a map of `prometheus`, `requests`, `errors`, and queries by their names")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<SignalsSection, A::Error> {
                let (mut prometheus, mut requests, mut errors, mut stale_seconds) = (None, None, None, None);
                let mut absent_errors = AbsentErrors::default();
                let mut by = None;
                let mut gauges = BTreeMap::new();
                while let Some(key) = map.next_key::<String>()? {
                    match key.as_str() {
                        "prometheus" => prometheus = Some(map.next_value()?),
                        "requests" => requests = Some(map.next_value()?),
                        "errors" => errors = Some(map.next_value()?),
                        "stale_seconds" => stale_seconds = Some(map.next_value()?),
                        "by" => by = Some(map.next_value()?),
                        "absent_errors" => absent_errors = map.next_value()?,
                        _ => drop(gauges.insert(key, map.next_value::<Gauge>()?.0)),
                    }
                }
                let missing = |field| A::Error::missing_field(field);
                Ok(SignalsSection {
                    prometheus: prometheus.ok_or_else(|| missing("prometheus"))?,
                    requests: requests.ok_or_else(|| missing("requests"))?,
                    errors: errors.ok_or_else(|| missing("errors"))?,
                    stale_seconds,
                    absent_errors,
                    by,
                    gauges,
                })
            }
        }
        deserializer.deserialize_map(Signals)
    }
}
