//! The strategies: which stages a candidate goes through.

pub mod ab_test;
mod blue_green;
mod canary;
mod direct;
mod shadow;

use super::policy::{Stage, Strategy};

/// What the stages are made of, as it was asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    /// Weights of a canary, or copies of a shadow, ascending.
    pub steps: Vec<u8>,
    pub step_seconds: f64,
    /// How long a new colour is watched.
    pub bake_seconds: f64,
    /// The candidate's share in an A/B test.
    pub share: u8,
}

/// The stages of a strategy.
pub fn stages(strategy: Strategy, asked: &Asked) -> Vec<Stage> {
    match strategy {
        Strategy::Direct => direct::stages(asked),
        Strategy::Shadow => shadow::stages(asked),
        Strategy::Canary => canary::stages(asked),
        Strategy::BlueGreen => blue_green::stages(asked),
        Strategy::AbTest => ab_test::stages(asked),
        Strategy::Registry => Vec::new(),
    }
}
