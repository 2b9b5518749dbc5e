//! Plain data that engine, runtime and checks share: what is asked of tables and models, and what comes back.

pub mod answer;
pub mod batch;
pub mod behavior;
pub mod change;
pub mod probe;
