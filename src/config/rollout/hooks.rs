//! `rollout.hooks:` as written: who else decides whether a rollout goes on.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::choices::{HookPoint, OnFailure};
use crate::support::limit::Finite;

/// Who else decides whether a rollout goes on: `webhook` or `workflow`.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HookSection {
    /// Its name in messages and in the journal.
    pub name: String,
    /// When it is called.
    pub at: HookPoint,
    /// An address that is called by POST: 200 goes on.
    pub webhook: Option<HookWebhook>,
    /// A workflow that is started: a run that succeeds goes on.
    pub workflow: Option<HookWorkflow>,
    /// How long it may take; then the rollout ends as `aborted`. Default: 300.
    pub timeout_seconds: Option<Finite>,
    /// What another answer does.
    #[serde(default)]
    pub on_failure: OnFailure,
}

/// An address that decides.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HookWebhook {
    pub url: String,
    /// The environment variable that holds its token; its name starts with `MLGATE_`.
    pub token_env: Option<String>,
}

/// A workflow that decides.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HookWorkflow {
    /// The file of a workflow of this repository that has `workflow_dispatch`.
    pub file: String,
    /// The branch or tag to start it at; the rollout's own without it.
    #[serde(rename = "ref")]
    pub reference: Option<String>,
    /// The workflow's inputs; `{{model}}`, `{{version}}`, `{{step}}`, `{{weight}}`, `{{variant}}` and `{{idempotency_key}}` are
    /// filled in.
    #[serde(default)]
    pub inputs: BTreeMap<String, String>,
}
