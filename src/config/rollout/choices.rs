//! What a rollout can choose from: strategies, and what becomes of what is missing.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How a candidate gets its traffic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    Direct,
    Shadow,
    Canary,
    BlueGreen,
    AbTest,
    /// No traffic is moved: the registry's alias is.
    Registry,
}

impl Strategy {
    pub fn word(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Shadow => "shadow",
            Self::Canary => "canary",
            Self::BlueGreen => "blue_green",
            Self::AbTest => "ab_test",
            Self::Registry => "registry",
        }
    }
}

/// What becomes of a rollout that sees nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NoData {
    #[default]
    Hold,
    Rollback,
}

/// What an errors query means that matches nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AbsentErrors {
    /// Nothing, unless such a series was there before and the variant is scraped: a rollout does not begin, or holds.
    #[default]
    Hold,
    /// No error, while `requests` of the variant has fresh samples.
    Zero,
}

/// When a hook is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum HookPoint {
    /// Before any traffic moves.
    PreRollout,
    /// After each step, before the next one.
    Step,
    /// After the last step, before the promotion.
    PrePromotion,
}

impl HookPoint {
    pub fn word(self) -> &'static str {
        match self {
            Self::PreRollout => "pre_rollout",
            Self::Step => "step",
            Self::PrePromotion => "pre_promotion",
        }
    }
}

/// What an answer does that is not yes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnFailure {
    /// It ends the rollout as `rolled_back`.
    #[default]
    Rollback,
    /// It ends the rollout as `aborted`.
    Abort,
    /// The hook is called again, within its time; then the rollout ends as `aborted`.
    Retry,
}

/// What can split traffic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
pub enum KubernetesKind {
    /// Of the Gateway API: `backendRefs` of one rule.
    HTTPRoute,
    /// Of Istio: destinations of one `http` entry, as `host` or `host/subset`.
    VirtualService,
    /// Of KServe: on Knative the revisions `prev` and `latest`, else the predictor and one of `spec.canary`, by name.
    InferenceService,
    /// Of Ingress NGINX: the canary Ingress of two, whose backends are services.
    Ingress,
}
