//! What a pull request changes of the config that judges it, as the report has it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::cli::Policy;
use crate::support::problem::Place;

/// What the pull request changes of the gate, and whose limits counted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GateEdits {
    pub policy: Policy,
    /// The branch that was compared with, and its commit.
    pub branch: String,
    pub sha: String,
    pub edits: Vec<Edit>,
    /// Why the gate of the base could not be read, where it could not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unread: Option<String>,
}

/// One change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Edit {
    pub kind: Kind,
    /// The rule, in words; names that others wrote stand in backticks.
    pub rule: String,
    /// What of it; nothing where all of it is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub setting: Option<String>,
    /// What it is at the base, in words; nothing where it is not there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// What it is here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// Where it stands, here; of a removed rule, at the base.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Place>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Relaxed,
    Removed,
    /// Neither stricter nor looser.
    Changed,
}
