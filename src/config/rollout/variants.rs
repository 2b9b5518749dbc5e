//! `rollout.variants:` as written: how each variant proves which version it answers with.

use schemars::JsonSchema;
use serde::Deserialize;

/// How each variant proves which version it answers with.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VariantsSection {
    /// It must answer with the version that the registry's alias names.
    pub stable: Option<VariantSection>,
    /// It must answer with the version that is rolled out.
    pub candidate: Option<VariantSection>,
}

/// How one variant proves which version it answers with.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VariantSection {
    pub version: VersionSection,
}

/// Where the version is read: `url` and `pointer`, or `signal` and `label`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VersionSection {
    /// An address of the variant's own server that answers GET with JSON.
    pub url: Option<String>,
    /// Where the version is in that JSON, as a JSON pointer (RFC 6901): `/model/version`.
    pub pointer: Option<String>,
    /// A query of Prometheus whose series have the version as a label; `{{arm}}` becomes the variant's name.
    pub signal: Option<String>,
    /// The name of that label.
    pub label: Option<String>,
}
