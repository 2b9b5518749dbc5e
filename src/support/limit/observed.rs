//! The limit that a measured number is held against, and its unit: plain data of reports.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What `observed` and the limit are counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    Rows,
    Percent,
    Days,
    #[serde(rename = "ms")]
    Milliseconds,
    /// Of 1,000,000 bytes.
    #[serde(rename = "MB")]
    Megabytes,
}

/// The limit that `observed` was held against; inclusive, but for the few that say otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Limit {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max: Option<f64>,
    /// Whether the limit itself is already too much.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub exclusive: bool,
}
