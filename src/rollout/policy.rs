//! What was asked for: the stages a candidate goes through, and the limits it is held to on the way.

use serde::{Deserialize, Serialize};

pub use crate::config::rollout::choices::{AbsentErrors, NoData, Strategy};

use super::hook::Hook;

/// The percentage of requests that the candidate answers, and of those that are copied to it; its answers to copies are discarded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Traffic {
    pub weight: u8,
    pub mirror: u8,
}

impl Traffic {
    /// Stable alone.
    pub const STABLE: Self = Self { weight: 0, mirror: 0 };

    pub const fn weight(weight: u8) -> Self {
        Self { weight, mirror: 0 }
    }

    /// Of requests, or of copies where it gets no requests.
    pub fn percent(self) -> u8 {
        self.weight.max(self.mirror)
    }
}

/// One stretch of a rollout.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stage {
    pub traffic: Traffic,
    pub seconds: f64,
    /// Whether the candidate must answer before anything goes to it.
    pub needs_ready: bool,
    /// How long it waits for a person's approval once it has passed; none where it needs none.
    pub approval_seconds: Option<f64>,
}

/// A limit on a number that a query gives as it is.
#[derive(Debug, Clone, PartialEq)]
pub struct GaugeLimit {
    pub name: String,
    pub min: Option<f64>,
    pub max: Option<f64>,
    /// Of the number over stable's.
    pub max_ratio: Option<f64>,
    /// New samples from one evaluation that counts to the next.
    pub min_samples: u64,
    /// Seconds that the query looks back over: evaluations that count do not overlap.
    pub window_seconds: f64,
}

/// A limit on a quantile of a histogram: on the share of answers beyond it.
#[derive(Debug, Clone, PartialEq)]
pub struct HistogramLimit {
    pub name: String,
    /// In the query's unit.
    pub max: f64,
    /// The share of answers that may be beyond it: 0.01 of a 99th percentile.
    pub max_share: f64,
    /// Of that share over stable's.
    pub max_ratio: Option<f64>,
}

/// What the candidate is held to.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Limits {
    /// Of requests that end in an error.
    pub max_error_rate: Option<f64>,
    /// Of the error rate over stable's.
    pub max_ratio: Option<f64>,
    /// The label by whose values errors are judged too.
    pub by: Option<String>,
    pub gauges: Vec<GaugeLimit>,
    pub histograms: Vec<HistogramLimit>,
}

impl Limits {
    /// Tests that an evaluation makes.
    fn tests(&self) -> usize {
        let slow = self.histograms.iter().map(|limit| 1 + usize::from(limit.max_ratio.is_some()));
        (self.error_tests() + slow.sum::<usize>()).max(1)
    }

    fn error_tests(&self) -> usize {
        usize::from(self.max_error_rate.is_some()) + usize::from(self.max_ratio.is_some())
    }
}

/// What is compared in an A/B test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    Shares,
    Means,
}

/// An A/B test: it may end at every evaluation, and does when the planned observations are in.
#[derive(Debug, Clone, PartialEq)]
pub struct AbTest {
    /// Of each arm; planned by `minimum_effect` without it.
    pub observations: Option<u64>,
    /// The difference that is to be found.
    pub minimum_effect: Option<f64>,
    /// Nothing is promoted before.
    pub min_seconds: f64,
    pub measure: Measure,
    pub alpha: f64,
    /// Whether less is better.
    pub lower_is_better: bool,
}

/// A rollout as it was asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    pub strategy: Strategy,
    pub stages: Vec<Stage>,
    pub interval_seconds: f64,
    /// Of an arm, before its error rate says anything, and before a stage may pass.
    pub min_requests: u64,
    pub limits: Limits,
    pub no_data: NoData,
    pub max_hold_seconds: f64,
    pub ab_test: Option<AbTest>,
    /// In the order in which they are called.
    pub hooks: Vec<Hook>,
}

/// The error that all looks together may make.
const ALPHA: f64 = 0.05;

impl Policy {
    /// The error that one test of one look may make: looks are those that are planned, holds included.
    pub fn alpha(&self) -> f64 {
        let looks = |seconds: f64| (seconds / self.interval_seconds).ceil().max(1.0);
        let planned: f64 = self.stages.iter().map(|stage| looks(stage.seconds)).sum();
        // All segments together have as much as the whole.
        let tests = self.limits.tests() + self.limits.by.as_ref().map_or(0, |_| self.limits.error_tests());
        ALPHA / (planned + looks(self.max_hold_seconds)) / tests as f64
    }

    /// The error that the test of one limit may make in `watch`, however long it watches. Errors have a test without a limit
    /// of their own too.
    pub fn watch_alpha(&self) -> f64 {
        let unlimited = self.limits.max_error_rate.is_none() && self.limits.max_ratio.is_some();
        ALPHA / (self.limits.tests() + usize::from(unlimited)) as f64
    }
}
