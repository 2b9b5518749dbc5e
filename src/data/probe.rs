//! What a running model can be asked, beside its predictions.

use super::change::Change;
use crate::support::limit::Total;

/// One question to a model: ordered and comparable, as all keys are.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Probe {
    /// `Arc<Vec<f64>>`: milliseconds of single predictions, ascending.
    Latency { rows: u64, warmup: u64, threads: u64 },
    /// `u64`: bytes by which the process grew that loads the model and predicts.
    Memory,
    /// [`BehaviorResult`](super::behavior::BehaviorResult): what predictions do where columns are changed.
    Changed { columns: Vec<String>, change: Change, tolerance: Total, expect: Option<Expect> },
    /// [`BehaviorResult`](super::behavior::BehaviorResult): predictions beside those that were recorded.
    Recorded { tolerance: Total },
    /// [`BehaviorResult`](super::behavior::BehaviorResult): predictions beside those that a file of cases expects.
    Cases { path: String, tolerance: Total },
    /// [`Served`]: the endpoint under load.
    Served { rps: Total, seconds: Total },
}

/// Which way a prediction may move.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Expect {
    Increase,
    Decrease,
}

/// What an endpoint did under an open-loop load.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Served {
    /// Milliseconds from the intended send time to the whole answer, ascending; of a request without an answer until it was
    /// given up.
    pub latencies: Vec<f64>,
    /// Milliseconds by which requests were sent after their intended time, ascending.
    pub lags: Vec<f64>,
    pub sent: u64,
    /// Requests without a right answer, and why, most common first.
    pub errors: Vec<(String, u64)>,
    /// Right answers a second, from the first intended time to the last answer.
    pub rate: f64,
    pub seconds: f64,
}

impl Served {
    pub fn failed(&self) -> u64 {
        self.errors.iter().map(|(_, count)| count).sum()
    }
}
