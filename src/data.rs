//! Plain data that engine, runtime and checks share: what is asked of tables and models, and what comes back.

pub mod candidate;
pub mod condition;
pub mod profile;
pub mod recorded;
pub mod statistic;
pub mod table;
pub mod answer;
pub mod batch;
pub mod behavior;
pub mod change;
pub mod probe;
