//! Hooks: who else decides whether a rollout goes on, and what they answered. Plain values; `caller` asks.

pub mod caller;
pub mod webhook;
pub mod workflow;

pub use crate::config::rollout::choices::{HookPoint, OnFailure};
use serde::{Deserialize, Serialize};

/// A hook as it was asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Hook {
    pub name: String,
    pub at: HookPoint,
    pub timeout_seconds: f64,
    pub on_failure: OnFailure,
}

/// A hook at one step, as the journal has it: what has passed is not called again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HookRecord {
    pub hook: String,
    pub at: HookPoint,
    /// From 0.
    pub stage: usize,
    /// Since when it is waited for, in seconds since 1970.
    pub since: Option<f64>,
    /// Answers that were no, after which it is called again.
    pub retries: u32,
    /// The workflow run that decides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<u64>,
    pub is_passed: bool,
    /// When it answered last.
    pub answered_at: Option<f64>,
    pub answer: String,
}

impl HookRecord {
    pub fn new(hook: &Hook, stage: usize) -> Self {
        Self {
            hook: hook.name.clone(),
            at: hook.at,
            stage,
            since: None,
            retries: 0,
            run: None,
            is_passed: false,
            answered_at: None,
            answer: String::new(),
        }
    }
}

/// Which call an observation is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallId {
    /// Among the policy's hooks.
    pub hook: usize,
    pub stage: usize,
    pub retries: u32,
}

/// What a hook is known to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HookReading {
    /// It is being called, or its run goes on.
    Pending,
    /// A workflow run was started.
    Started(u64),
    /// Go on; what it answered.
    Passed(String),
    /// Stop; what it answered.
    Refused(String),
    /// It was not reached, or is overloaded: it is called again.
    NoAnswer(String),
    /// It cannot be called at all: a permission is missing, a workflow that there is not.
    Unusable(String),
}

/// An observation of a hook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HookSeen {
    pub call: CallId,
    pub reading: HookReading,
}
