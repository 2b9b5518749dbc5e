//! Where signals come from, as written: one of these.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::support::limit::Finite;

/// Where Prometheus is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PrometheusSection {
    pub url: String,
    /// The environment variable that holds its token; its name starts with `MLGATE_`.
    pub token_env: Option<String>,
}

/// Any server that answers GET with JSON.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HttpSection {
    /// The document that the signals are in; `{{arm}}` becomes the variant's name, `{{time}}` the seconds since 1970 that all
    /// signals are asked of. Each signal may have its own.
    pub url: Option<String>,
    /// The environment variable that holds headers to send, one a line (`Authorization: Bearer …`); its name starts with
    /// `MLGATE_`.
    pub headers_env: Option<String>,
    /// Where the time of the numbers is in the answer, as a JSON pointer: seconds or milliseconds since 1970, or RFC 3339.
    pub time_pointer: Option<String>,
    /// The header of the answer that holds the time of the numbers: `Last-Modified`, or `Date` of a server that counts itself.
    pub time_header: Option<String>,
}

/// Amazon CloudWatch.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CloudWatchSection {
    /// `eu-central-1`, say.
    pub region: String,
    /// Another address than `https://monitoring.REGION.amazonaws.com`.
    pub url: Option<String>,
    /// The environment variable that holds the access key's id; its name starts with `MLGATE_`.
    pub access_key_id_env: String,
    /// The environment variable that holds the secret access key; its name starts with `MLGATE_`.
    pub secret_access_key_env: String,
    /// The environment variable that holds the session token of temporary credentials; its name starts with `MLGATE_`.
    pub session_token_env: Option<String>,
    /// How long until data points are complete; 120 without it.
    pub delay_seconds: Option<Finite>,
}

/// Datadog's metrics.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DatadogSection {
    /// The site's API; `https://api.datadoghq.com` without it.
    pub url: Option<String>,
    /// The environment variable that holds the API key; its name starts with `MLGATE_`.
    pub api_key_env: String,
    /// The environment variable that holds the application key; its name starts with `MLGATE_`.
    pub application_key_env: String,
    /// How long until data points are complete; 60 without it.
    pub delay_seconds: Option<Finite>,
}

/// InfluxDB, by InfluxQL: 1.x, and 2.x and 3 with their 1.x-compatible API.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct InfluxDbSection {
    pub url: String,
    pub database: String,
    /// The environment variable that holds its token; its name starts with `MLGATE_`.
    pub token_env: Option<String>,
    /// How long until points are written; 5 without it.
    pub delay_seconds: Option<Finite>,
}

/// New Relic, by NRQL over NerdGraph.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NewRelicSection {
    pub account_id: u64,
    /// NerdGraph; `https://api.newrelic.com/graphql` without it, of the EU `https://api.eu.newrelic.com/graphql`.
    pub url: Option<String>,
    /// The environment variable that holds the user key; its name starts with `MLGATE_`.
    pub api_key_env: String,
    /// How long until events are stored; 60 without it.
    pub delay_seconds: Option<Finite>,
}
