//! What one look at the world found.

use std::collections::BTreeMap;

use super::confirmation::Confirmation;
use super::hook::HookSeen;
use super::policy::Traffic;
use super::query::Query;
use super::segments::Raws;
use super::serving_version::{ServingVersion, VersionCheck};
use super::slow::Slow;
use crate::rollout::plan::Queries;

/// What a query gave.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Reading<T = f64> {
    /// A finite number.
    Value(T),
    /// No sample, and that is in order: a counter that has not counted yet.
    #[default]
    Absent,
    /// No sample, and nothing says that this means 0: a name that is misspelt, a target that is not scraped.
    Unexplained(String),
    /// Not finite, too old, more than one, or no answer: in words.
    Unusable(String),
}

/// What was seen of one arm.
#[derive(Debug, Clone, PartialEq)]
pub struct ArmSeen {
    /// Counters, as they stand.
    pub requests: Reading,
    pub errors: Reading,
    pub gauges: BTreeMap<String, Reading>,
    /// Answers beyond the limit on a histogram, by its name.
    pub slow: BTreeMap<String, Reading<Slow>>,
    /// Counters of the samples that a gauge is of, by its name.
    pub samples: BTreeMap<String, Reading>,
    /// Requests and errors by segment, or why they cannot be read.
    pub segments: Result<Raws, String>,
    /// Counters of an A/B test, by name.
    pub trial: BTreeMap<String, Reading>,
    /// When these counters began, where the source tells: those of before are others.
    pub since: Option<f64>,
    /// Which version it answers with, and what that comes to beside the one that is expected of it.
    pub serving: ServingVersion,
    pub version: VersionCheck,
}

impl Default for ArmSeen {
    fn default() -> Self {
        Self {
            requests: Reading::default(),
            errors: Reading::default(),
            gauges: BTreeMap::new(),
            slow: BTreeMap::new(),
            samples: BTreeMap::new(),
            segments: Ok(Raws::new()),
            trial: BTreeMap::new(),
            since: None,
            serving: ServingVersion::default(),
            version: VersionCheck::default(),
        }
    }
}

impl ArmSeen {
    /// What is seen where nothing could be read.
    pub fn unusable(queries: &Queries, why: &str) -> Self {
        let reading = || Reading::Unusable(why.to_owned());
        let all = |queries: &BTreeMap<String, Query>| queries.keys().map(|name| (name.clone(), reading())).collect();
        Self {
            requests: reading(),
            errors: reading(),
            gauges: all(&queries.gauges),
            samples: all(&queries.samples),
            trial: all(&queries.trial),
            ..Self::default()
        }
    }
}

/// One look.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    /// Seconds since 1970.
    pub at: f64,
    /// The moment that the readings are of, which is a little earlier.
    pub of: f64,
    /// What the router itself says.
    pub traffic: Result<Traffic, String>,
    /// Seconds since the router's process began, where it tells: what proves that weights were lost by a restart.
    pub uptime: Option<f64>,
    /// Of the candidate's model, before a promotion.
    pub confirmation: Confirmation,
    /// Whether the candidate answers, where the router knows.
    pub ready: Result<(), String>,
    pub stable: ArmSeen,
    pub candidate: ArmSeen,
    /// What the data checks say of the log of its predictions, by check: nothing wrong, what is, or that they cannot say.
    pub log: BTreeMap<String, Result<Option<String>, String>>,
    /// Of the hook that was called last.
    pub hook: Option<HookSeen>,
    pub stop: Option<Stop>,
}

impl Seen {
    /// What is seen where a signal came, and nobody looks any more.
    pub fn stopped(at: f64) -> Self {
        Self {
            at,
            of: at,
            traffic: Err("nobody asked".into()),
            uptime: None,
            confirmation: Confirmation::default(),
            ready: Ok(()),
            stable: ArmSeen::default(),
            candidate: ArmSeen::default(),
            log: BTreeMap::new(),
            hook: None,
            stop: Some(Stop::Signal),
        }
    }
}

/// Who wants it to end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stop {
    /// The job is cancelled.
    Signal,
    /// A person, and why.
    Person(String),
}
