//! `rollout:` as written: how a gated model comes into production, and what takes it back.

pub mod choices;
mod notifications;
mod hooks;
mod routers;
mod signals;
mod sources;
mod steps;
mod variants;

use schemars::JsonSchema;
use serde::Deserialize;

use self::choices::{KubernetesKind, NoData, Strategy};
pub use self::hooks::{HookSection, HookWebhook, HookWorkflow};
pub use self::notifications::{ChatSection, IssueSection, JsonSection, NotificationSection, NotifyOn};
pub use self::routers::{Nginx, SageMaker, Traefik, Vertex};
pub use self::signals::{SignalSection, SignalsSection};
pub use self::sources::{
    CloudWatchSection, DatadogSection, HttpSection, InfluxDbSection, NewRelicSection, PrometheusSection,
};
pub use self::steps::{Approval, StepSection};
pub use self::variants::{VariantSection, VariantsSection, VersionSection};
use super::notify::DispatchSection;
use crate::support::limit::Finite;

/// How a gated model comes into production, and what takes it back.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RolloutSection {
    /// How the candidate gets its traffic.
    pub strategy: Strategy,
    /// The gate's report, `report.json`; the input `report-sha256` says which one it must be.
    pub report: Option<String>,
    /// What is carried into production.
    pub model: RolloutModel,
    /// Weights of a canary, or copies of a shadow, in percent, ascending; `{ weight: 25, approval: required }` for one that a
    /// person approves.
    pub steps: Option<Vec<StepSection>>,
    /// How long a step with `approval: required` waits for `mlgate approve`. Default: 86400.
    pub approval_seconds: Option<Finite>,
    /// How long a step is watched at least.
    pub step_seconds: Option<Finite>,
    /// How long the new colour is watched before it is production (`blue_green`); `step_seconds` without it.
    pub bake_seconds: Option<Finite>,
    /// From one look to the next.
    pub interval_seconds: Option<Finite>,
    /// Requests of an arm before its error rate says anything.
    pub min_requests: Option<u64>,
    /// How old the gate's report may be.
    pub max_report_age_hours: Option<Finite>,
    /// What moves the traffic; required unless the strategy is `registry`.
    #[serde(default, deserialize_with = "serde_yaml::with::singleton_map_recursive::deserialize")]
    #[schemars(with = "Option<RouterSection>")]
    pub router: Option<RouterSection>,
    /// Where what was done is written down before it is done.
    #[serde(deserialize_with = "serde_yaml::with::singleton_map::deserialize")]
    #[schemars(with = "JournalSection")]
    pub journal: JournalSection,
    /// What is watched; required unless the strategy is `registry`.
    pub signals: Option<SignalsSection>,
    /// The log of what the candidate predicts, and the data checks it is held to.
    pub log: Option<LogSection>,
    /// What the candidate is held to; an error rate of 0.01 and twice stable's, and a p99 of 100 ms, without it.
    #[serde(default, deserialize_with = "serde_yaml::with::singleton_map_recursive::deserialize")]
    #[schemars(with = "Vec<LimitSection>")]
    pub limits: Vec<LimitSection>,
    /// What becomes of a rollout that sees nothing.
    #[serde(default)]
    pub no_data: NoData,
    /// How long a rollout waits for what is missing.
    pub max_hold_seconds: Option<Finite>,
    /// How old the journal's last sign of life may be before `watch` restores stable.
    pub heartbeat_seconds: Option<Finite>,
    /// Under `--once`: how long until the next look may take before `watch` restores stable.
    pub max_gap_seconds: Option<Finite>,
    /// The model registry, as a lever.
    #[serde(default, deserialize_with = "serde_yaml::with::singleton_map_recursive::deserialize")]
    #[schemars(with = "Option<RegistrySection>")]
    pub registry: Option<RegistrySection>,
    /// A feature flag, as a lever.
    #[serde(default, deserialize_with = "serde_yaml::with::singleton_map_recursive::deserialize")]
    #[schemars(with = "Option<FlagSection>")]
    pub flag: Option<FlagSection>,
    /// What is compared, where the strategy is `ab_test`.
    pub ab_test: Option<AbTestSection>,
    /// What `{{arm}}` becomes in queries; the router's own names without it.
    pub arms: Option<ArmsSection>,
    /// How each variant proves which version it answers with.
    #[serde(default)]
    pub variants: VariantsSection,
    /// Who hears of it while it runs.
    #[serde(default, deserialize_with = "serde_yaml::with::singleton_map_recursive::deserialize")]
    #[schemars(with = "Vec<NotificationSection>")]
    pub notifications: Vec<NotificationSection>,
    /// Who else decides whether it goes on: smoke tests, load tests, approvals.
    #[serde(default)]
    pub hooks: Vec<HookSection>,
    /// What a rollback starts: the retraining, say.
    pub on_rollback: Option<OnRollback>,
}

/// What is carried into production.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RolloutModel {
    /// Its name in the registry and in the report; the input `model-name` without it.
    pub name: Option<String>,
    /// Its version; the input `model-version`, else the report's, without it.
    pub version: Option<String>,
}

/// What moves the traffic: one of them.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum RouterSection {
    /// HAProxy's run-time API.
    Haproxy(Haproxy),
    /// Envoy, by a file of routes that it watches.
    Envoy(Envoy),
    /// Anything that answers GET and PUT of `{"stable": 95, "candidate": 5}`.
    Webhook(Webhook),
    /// A route of a Kubernetes cluster.
    Kubernetes(Kubernetes),
    /// NGINX, by a file that it includes, and a reload.
    Nginx(Nginx),
    /// Traefik, by the file of its file provider.
    Traefik(Traefik),
    /// Variants of an Amazon SageMaker endpoint.
    #[serde(rename = "sagemaker")]
    SageMaker(SageMaker),
    /// Deployed models of a Vertex AI endpoint.
    Vertex(Vertex),
}

/// HAProxy's run-time API.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Haproxy {
    /// `host:port` of the `stats socket`, which asks for no password: keep it on the loopback or behind a tunnel.
    pub address: String,
    pub backend: String,
    /// The servers' names in the backend.
    pub stable: String,
    pub candidate: String,
}

/// Envoy, by a file of routes that it watches.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Envoy {
    /// The file of routes (`path_config_source`), which is replaced.
    pub routes: String,
    /// The admin interface, which says what is live.
    pub admin: String,
    /// The clusters' names.
    pub stable: String,
    pub candidate: String,
    /// The header by which a user stays with an arm (`ab_test`).
    pub header: Option<String>,
}

/// Anything that answers GET and PUT.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    pub url: String,
    /// The environment variable that holds its token; its name starts with `MLGATE_`.
    pub token_env: Option<String>,
    /// What the arms are called in queries.
    pub stable: Option<String>,
    pub candidate: Option<String>,
}

/// A route of a Kubernetes cluster.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Kubernetes {
    pub kind: KubernetesKind,
    pub namespace: String,
    pub name: String,
    /// The arms as the object names them: backends, hosts (`host/subset`), revisions or predictors.
    pub stable: String,
    pub candidate: String,
}

/// Where the journal is: one of them.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum JournalSection {
    /// Tags of the registered model.
    Mlflow(Nothing),
    /// A file of this repository on a branch of its own.
    Branch(String),
    /// A file that stays: of a machine of one's own.
    Path(String),
}

/// Nothing to say.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

/// A table that what the candidate predicts is written to.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LogSection {
    /// A file, a glob or a folder of Parquet, CSV (also gzip), NDJSON or Arrow IPC; `{{arm}}` becomes the candidate's name.
    pub path: String,
    /// What it is compared with: stable's log, or the training table; `{{arm}}` becomes stable's name.
    pub reference: Option<String>,
    /// The column of times (datetimes, or RFC 3339 text): only rows since the step began are judged. All of them without it.
    pub timestamp: Option<String>,
}

/// One limit.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum LimitSection {
    /// Of the counters `requests` and `errors`.
    ErrorRate(ErrorRate),
    LatencyP99Ms(Bounds),
    Accuracy(Bounds),
    /// Of any other gauge.
    Signal(SignalBounds),
}

/// Of the share of requests that fail.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ErrorRate {
    pub max: Option<Finite>,
    /// Over stable's.
    pub max_ratio: Option<Finite>,
}

/// A smallest and a largest value.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Bounds {
    pub min: Option<Finite>,
    pub max: Option<Finite>,
    /// Over stable's: of a histogram the share of answers beyond `max`, of a gauge its value.
    pub max_ratio: Option<Finite>,
}

/// A smallest and a largest value of a gauge.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SignalBounds {
    pub name: String,
    pub min: Option<Finite>,
    pub max: Option<Finite>,
    /// Over stable's: of a histogram the share of answers beyond `max`, of a gauge its value.
    pub max_ratio: Option<Finite>,
}

/// The model registry, as a lever.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum RegistrySection {
    Mlflow(MlflowRegistry),
}

/// Aliases of the registered model.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MlflowRegistry {
    /// The alias of the version in production.
    pub promote: String,
    /// The alias that the version before keeps.
    pub keep: Option<String>,
}

/// A feature flag that a rollback turns off: one of them.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum FlagSection {
    /// Unleash's admin API: the flag's environment is turned off.
    Unleash(Unleash),
    /// A file of flagd: the default becomes the variant, and targeting goes.
    Flagd(Flagd),
}

/// Unleash's admin API.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Unleash {
    pub url: String,
    pub project: Option<String>,
    pub environment: Option<String>,
    pub feature: String,
    /// The environment variable that holds its token; its name starts with `MLGATE_`.
    pub token_env: String,
}

/// A file of flagd.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Flagd {
    pub path: String,
    pub feature: String,
    pub variant: String,
}

/// What an A/B test compares.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AbTestSection {
    /// Of each arm, when it ends at the latest; planned by `minimum_effect` without it.
    pub observations: Option<u64>,
    /// The difference that is to be found with a probability of 80 %: of shares or of means.
    pub minimum_effect: Option<Finite>,
    /// How long it lasts at least before the candidate may win; `step_seconds` without it.
    pub min_seconds: Option<Finite>,
    /// Counter of who was assigned to an arm, not of requests.
    pub unit: Option<String>,
    /// Counters of trials and of those that succeeded.
    pub successes: Option<String>,
    pub trials: Option<String>,
    /// Counters of values: how many, their sum, the sum of their squares.
    pub count: Option<String>,
    pub sum: Option<String>,
    pub sum_of_squares: Option<String>,
    /// Counters of what every unit had before the test, by which means are adjusted (CUPED).
    pub covariate: Option<CovariateSection>,
    pub alpha: Option<Finite>,
    /// The candidate's share in percent; 50 without it.
    pub weight: Option<u8>,
    /// `higher` without it.
    pub better: Option<Better>,
    /// What keeps a user with a variant. Required where mlgate cannot see it: HAProxy, a webhook, Kubernetes.
    pub affinity: Option<Affinity>,
}

/// What keeps a user of an A/B test with a variant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Affinity {
    /// A cookie of the router's.
    Cookie,
    /// A hash of a header or of the address.
    Hash,
    /// The application itself assigns users.
    Application,
}

/// Counters of a value that every unit had before the test: of what it did last month, say.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CovariateSection {
    pub sum: String,
    pub sum_of_squares: String,
    /// Of this value times the one that is compared.
    pub sum_of_products: String,
}

/// Which way is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Better {
    Higher,
    Lower,
}

/// What the arms are called in queries.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ArmsSection {
    pub stable: String,
    pub candidate: String,
}

/// What a rollback starts.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OnRollback {
    /// A workflow's file, the type of an event, or a map.
    #[serde(deserialize_with = "super::notify::one_dispatch")]
    #[schemars(with = "super::model::Either<DispatchSection>")]
    pub dispatch: DispatchSection,
}

impl RolloutSection {
    /// The query of a gauge.
    pub fn gauge(&self, name: &str) -> Option<&SignalSection> {
        self.signals.as_ref()?.gauges.get(name)
    }
}

impl RouterSection {
    /// What the arms are called where nobody says so.
    pub fn arms(&self) -> ArmsSection {
        let (stable, candidate) = match self {
            Self::Haproxy(haproxy) => (haproxy.stable.clone(), haproxy.candidate.clone()),
            Self::Envoy(envoy) => (envoy.stable.clone(), envoy.candidate.clone()),
            Self::Kubernetes(route) => (route.stable.clone(), route.candidate.clone()),
            Self::Nginx(nginx) => (nginx.stable.clone(), nginx.candidate.clone()),
            Self::Traefik(traefik) => (traefik.stable.clone(), traefik.candidate.clone()),
            Self::SageMaker(endpoint) => (endpoint.stable.clone(), endpoint.candidate.clone()),
            Self::Vertex(endpoint) => (endpoint.stable.clone(), endpoint.candidate.clone()),
            Self::Webhook(webhook) => (
                webhook.stable.clone().unwrap_or_else(|| "stable".into()),
                webhook.candidate.clone().unwrap_or_else(|| "candidate".into()),
            ),
        };
        ArmsSection { stable, candidate }
    }
}
