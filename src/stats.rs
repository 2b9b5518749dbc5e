//! Numbers in, numbers out: metrics, intervals and tests, drift, distributions, predictions. Pure.

pub mod distribution;
pub mod drift;
pub mod inference;
pub mod metric;
pub mod predictions;
