//! What a rollout remembers between two looks: all of it goes into the journal.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::change::LimitTest;
use super::hook::HookRecord;
use super::policy::Traffic;
use super::request::{Pause, Request};
use super::segments::SegmentState;
use super::slow::SlowState;
use crate::stats::inference::arms::Hits;

/// Requests of one arm, and those among them that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counts {
    pub requests: u64,
    pub errors: u64,
}

impl Counts {
    /// Errors are counted at another moment than requests and can be ahead of them.
    pub fn hits(self) -> Hits {
        Hits { hits: self.errors.min(self.requests), trials: self.requests }
    }

    pub fn rate(self) -> Option<f64> {
        (self.requests > 0).then(|| self.hits().share())
    }

    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self { requests: self.requests + other.requests, errors: self.errors + other.errors }
    }
}

/// Both arms in one stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Stratum {
    pub stable: Counts,
    pub candidate: Counts,
}

/// Counters of an arm as they stood at the last look.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Raw {
    pub requests: f64,
    pub errors: f64,
    #[serde(default)]
    pub trial: BTreeMap<String, f64>,
    /// When they began, where the source tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<f64>,
}

impl Raw {
    /// What these counters stood at when the same ones are read now: 0 of those that began since.
    #[must_use]
    pub fn continued(&self, now: &Self) -> Self {
        if self.since == now.since { self.clone() } else { Self { since: now.since, ..Self::default() } }
    }
}

/// Counters of both arms at the last look.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Base {
    pub stable: Raw,
    pub candidate: Raw,
}

/// What an A/B test has counted since it began, by name.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Trial {
    pub stable: BTreeMap<String, f64>,
    pub candidate: BTreeMap<String, f64>,
    /// Observations of both at the last look.
    pub observed: f64,
    /// Observations of each at which it ends.
    #[serde(default)]
    pub planned: Option<u64>,
}

/// The last evaluation of a gauge that counted, or the begin of the step.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct GaugeWindow {
    /// Seconds since 1970.
    pub at: f64,
    /// Samples that had been counted by then.
    pub samples: f64,
    /// Whether it was within its limit; none before the first one.
    pub is_within: Option<bool>,
}

/// How a rollout ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Promoted,
    RolledBack,
    /// In order, and to be gone on with, or with nothing to promote.
    Held,
    /// Nothing was found wrong, and it could not go on.
    Aborted,
    /// An A/B test in which neither is better: stable stays.
    NoDifference,
}

impl Outcome {
    pub fn word(self) -> &'static str {
        match self {
            Self::Promoted => "promoted",
            Self::RolledBack => "rolled_back",
            Self::Held => "held",
            Self::Aborted => "aborted",
            Self::NoDifference => "no_difference",
        }
    }
}

/// The end, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    pub outcome: Outcome,
    pub reason: String,
}

/// A rollout on its way.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct State {
    /// Which stage it is in, from 0.
    pub stage: usize,
    /// Whether the router was seen to have the stage's weights.
    pub is_set: bool,
    /// When that was, in seconds since 1970.
    pub stage_at: Option<f64>,
    pub looks: u64,
    /// Counters at the last look; none where the next one begins to count.
    pub base: Option<Base>,
    pub current: Stratum,
    pub earlier: Vec<Stratum>,
    #[serde(default)]
    pub trial: Trial,
    /// Answers beyond limits on histograms, by name.
    #[serde(default)]
    pub slow: BTreeMap<String, SlowState>,
    /// By segment, its requests and errors.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub segments: BTreeMap<String, SegmentState>,
    /// By limit on errors or slow answers, the test of `watch`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tests: BTreeMap<String, LimitTest>,
    /// By gauge, the last evaluation that counted.
    #[serde(default)]
    pub windows: BTreeMap<String, GaugeWindow>,
    /// By gauge, how many evaluations that counted were beyond its limit, in a row.
    pub beyond: BTreeMap<String, u32>,
    /// How many looks in a row saw nothing that could be used.
    pub blind: u32,
    pub hold_since: Option<f64>,
    /// How often the weights were sent without being taken, and how often the router lost them.
    pub sent: u32,
    pub lost: u32,
    /// When the router was last seen to have the weights that it was given.
    #[serde(default)]
    pub seen_at: Option<f64>,
    /// Since when the model cannot be confirmed, or not be promoted.
    #[serde(default)]
    pub unconfirmed_since: Option<f64>,
    /// Whether the end leaves the flag as it is: the job was cancelled, and nothing was found wrong.
    #[serde(default)]
    pub keeps_flag: bool,
    /// Since when the stage has passed and waits for a person's approval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub awaits_approval: Option<f64>,
    /// Whether the stage is held because its evidence is inconclusive, or too little: a person may approve it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_inconclusive: bool,
    /// Who approved the stage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<Request>,
    /// Who promotes past what is left of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skip: Option<Request>,
    /// The traffic before this stage's, where stages between were skipped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skipped_from: Option<Traffic>,
    /// What hooks said, at each step.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hooks: Vec<HookRecord>,
    /// Who paused it, and since when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused: Option<Pause>,
    /// What the last look came to, in words.
    pub said: String,
    pub ended: Option<Ended>,
}

impl State {
    /// Whether a person may let the stage pass.
    pub fn may_be_approved(&self) -> bool {
        self.approval.is_none() && (self.awaits_approval.is_some() || self.is_inconclusive)
    }

    /// Whether a person or a hook is asked for something else than before: others read that in the journal.
    pub fn asks_since(&self, before: &Self) -> bool {
        self.hooks != before.hooks || self.may_be_approved() != before.may_be_approved()
    }
}
