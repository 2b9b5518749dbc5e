//! The workflow run that a report is of.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The workflow run that made the report, where there is one.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Pipeline {
    /// The event that started it: `push`, `pull_request`, …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<String>,
    /// Whether it may have judged what is only proposed: no report of such a run lets a model out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proposal: Option<bool>,
    /// The pull request that was judged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pull_request: Option<PullRequest>,
    pub workflow_ref: Option<String>,
    pub workflow_sha: Option<String>,
    pub run_id: Option<u64>,
    pub run_attempt: Option<u64>,
}

/// A pull request, and the commits at its two ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PullRequest {
    pub number: u64,
    pub head_sha: String,
    pub base_sha: String,
}
