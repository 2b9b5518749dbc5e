//! A gated model on its way into production and back: what is to be done is decided here, by one pure function.
//!
//! [`step`] takes what was decided before and what is seen now, and says what to do; it knows no clock and no network.
//! The driver looks, asks it, writes the answer into the journal, and only then acts; stable comes back at once.

pub mod plan;
pub mod policy;
pub mod strategy;
pub mod state;
pub mod seen;
pub mod request;
pub mod hook;
pub mod confirmation;
pub mod operator;
pub mod slots;
pub mod evidence;
pub mod change;
pub mod promql;
pub mod query;
pub mod segments;
pub mod slow;
mod step;
pub mod serving_version;
pub mod version_source;
pub mod gated;
pub mod signal;
pub mod aws;
pub mod sources;
pub mod log;
pub mod router;
pub mod flag;
pub mod registry;
pub mod levers;
pub mod journal;
pub mod controls;
pub mod driver;
pub mod preflight;
pub mod watch;
pub mod status;
pub mod timeline;
pub mod notification;
#[cfg(test)]
mod rates;

pub use policy::{AbsentErrors, Limits, NoData, Policy, Stage, Strategy, Traffic};
pub use seen::{ArmSeen, Reading, Seen, Stop};
pub use slots::{SlotOrder, Slots};
pub use state::{Ended, Outcome, State};
pub use step::step;

/// What the world is told to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Move the traffic.
    Move(Traffic),
    /// Make the candidate the version in production: registry and tags.
    Promote,
    /// Restore stable's traffic, registry alias and flag.
    Restore,
    /// Confirm that the registry's version is the model that was judged, while the evaluations go on.
    Confirm,
    /// Call this hook, the policy's, while the evaluations go on.
    Hook(usize),
    /// Close the journal, and move nothing: an operator did.
    Close,
}
