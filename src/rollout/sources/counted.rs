//! Sources that hold what was counted in a time, not counters: the counts since midnight (UTC) are the counter.
//!
//! An answer without a number, or with 0, is no proof of anything there: a name that is misspelt is answered the same. It
//! counts as 0 only where the same query has counted something of either variant before, or `absent_errors: zero` is set;
//! and only while `requests` has new data.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use super::Pair;
use super::cloudwatch::CloudWatch;
use super::datadog::Datadog;
use super::influxdb::InfluxDb;
use super::new_relic::NewRelic;
use crate::rollout::plan::Queries;
use crate::rollout::policy::AbsentErrors;
use crate::rollout::query::Query;
use crate::rollout::seen::{ArmSeen, Reading};
use crate::rollout::signal::{Proof, Role, Trouble};
use crate::support::words::code;

const DAY: f64 = 86_400.0;
/// A counter begins no less than this before the moment that it is read of.
const SHORTEST: f64 = 60.0;
/// How far back a query must have counted something: as far as all of these sources keep what they count.
const KNOWN_DAYS: f64 = 7.0;

/// A source, and what was learnt of it.
pub struct Counted {
    pub api: Api,
    pub stale_seconds: f64,
    /// How long until what was counted is stored.
    pub delay_seconds: f64,
    pub absent_errors: AbsentErrors,
    /// Queries that have counted something.
    known: Mutex<BTreeSet<String>>,
}

/// What is spoken with the source.
pub enum Api {
    CloudWatch(CloudWatch),
    Datadog(Datadog),
    InfluxDb(InfluxDb),
    NewRelic(NewRelic),
}

/// From when until when, in seconds since 1970; the end is not in it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Window {
    pub from: f64,
    pub to: f64,
}

/// What becomes of the points of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fold {
    /// Of what is counted.
    Sum,
    /// Of a gauge.
    Mean,
}

impl Fold {
    /// One number of several points; none of none.
    pub fn of(self, points: &[f64]) -> Option<f64> {
        let sum: f64 = points.iter().sum();
        match self {
            _ if points.is_empty() => None,
            Self::Sum => Some(sum),
            Self::Mean => Some(sum / points.len() as f64),
        }
    }
}

impl Api {
    fn shown(&self) -> String {
        match self {
            Self::CloudWatch(api) => api.shown(),
            Self::Datadog(api) => api.shown(),
            Self::InfluxDb(api) => api.shown(),
            Self::NewRelic(api) => api.shown(),
        }
    }

    /// Moments are multiples of this.
    fn grid(&self) -> f64 {
        match self {
            Self::CloudWatch(_) => cloudwatch_period(),
            Self::Datadog(_) | Self::InfluxDb(_) | Self::NewRelic(_) => 1.0,
        }
    }

    /// One number a query, all of one window; none where there is no data.
    async fn numbers(&self, queries: &[&Query], fold: Fold, window: Window) -> Result<Vec<Option<f64>>, Trouble> {
        let numbers = match self {
            Self::CloudWatch(api) => api.numbers(queries, fold, window).await,
            Self::Datadog(api) => api.numbers(queries, fold, window).await,
            Self::InfluxDb(api) => api.numbers(queries, window).await,
            Self::NewRelic(api) => api.numbers(queries, window).await,
        }?;
        if numbers.len() == queries.len() {
            return Ok(numbers);
        }
        Err(Trouble::Unmeasured(format!("{} answers {} of {} queries", self.shown(), numbers.len(), queries.len())))
    }
}

const fn cloudwatch_period() -> f64 {
    super::cloudwatch::PERIOD as f64
}

impl Counted {
    pub fn new(api: Api, stale_seconds: f64, delay_seconds: f64, absent_errors: AbsentErrors) -> Self {
        Self { api, stale_seconds, delay_seconds, absent_errors, known: Mutex::default() }
    }

    pub(super) fn shown(&self) -> String {
        self.api.shown()
    }

    /// The moment that readings are of: what is counted until then is stored.
    pub(super) fn moment(&self, time: f64) -> f64 {
        let grid = self.api.grid();
        ((time - self.delay_seconds) / grid).floor() * grid
    }

    fn recent(&self, at: f64) -> Window {
        Window { from: at - self.stale_seconds.max(self.api.grid()), to: at }
    }

    pub(super) async fn arm(&self, own: &Queries, other: Option<&Queries>, time: f64) -> ArmSeen {
        let at = self.moment(time);
        self.seen(own, other, at).await.unwrap_or_else(|trouble| ArmSeen::unusable(own, &trouble.text()))
    }

    async fn seen(&self, own: &Queries, other: Option<&Queries>, at: f64) -> Result<ArmSeen, Trouble> {
        let day = day(at);
        let counters: Vec<&Query> =
            [&own.requests, &own.errors].into_iter().chain(own.samples.values()).chain(own.trial.values()).collect();
        let mut totals = self.api.numbers(&counters, Fold::Sum, day).await?.into_iter();
        let (requests, errors) = (totals.next().flatten(), totals.next().flatten());
        let requests = match requests.filter(|requests| *requests != 0.0) {
            Some(requests) => {
                let recent = self.api.numbers(&[&own.requests], Fold::Sum, self.recent(at)).await?;
                if recent.first().copied().flatten().is_some_and(|recent| recent > 0.0) {
                    Reading::Value(requests)
                } else {
                    Reading::Unusable(format!("nothing was counted in the last {} s", self.stale_seconds))
                }
            }
            None => Reading::Absent,
        };
        let errors = self
            .errors(&requests, errors, Pair { own: &own.errors, other: other.map(|other| &other.errors) }, at)
            .await?;
        let mut reading =
            |name: &String| (name.clone(), totals.next().flatten().map_or(Reading::Absent, Reading::Value));
        let samples = own.samples.keys().map(&mut reading).collect();
        let mut trial: BTreeMap<String, Reading> = own.trial.keys().map(&mut reading).collect();
        // Counted from midnight: none yet of what is known is 0, as of errors.
        for (name, reading) in &mut trial {
            let pair = Pair { own: &own.trial[name], other: other.and_then(|other| other.trial.get(name)) };
            let is_none = *reading == Reading::Absent && matches!(requests, Reading::Value(_));
            if is_none && self.is_known(pair, Fold::Sum, at).await? {
                *reading = Reading::Value(0.0);
            }
        }
        let mut gauges = BTreeMap::new();
        for (name, query) in &own.gauges {
            let value = self.api.numbers(&[query], Fold::Mean, self.gauge_window(query, at)).await?;
            gauges.insert(name.clone(), value.first().copied().flatten().map_or(Reading::Absent, Reading::Value));
        }
        Ok(ArmSeen { requests, errors, gauges, samples, trial, since: Some(day.from), ..ArmSeen::default() })
    }

    /// What no errors mean.
    async fn errors(
        &self,
        requests: &Reading,
        errors: Option<f64>,
        pair: Pair<'_>,
        at: f64,
    ) -> Result<Reading, Trouble> {
        Ok(match (errors.filter(|errors| *errors != 0.0), requests) {
            (Some(errors), _) => Reading::Value(errors),
            (None, Reading::Value(_)) if self.absent_errors == AbsentErrors::Zero => Reading::Value(0.0),
            (None, Reading::Value(_)) if self.is_known(pair, Fold::Sum, at).await? => Reading::Value(0.0),
            (None, Reading::Value(_)) => Reading::Unexplained(never(pair.own)),
            // Of no requests.
            (None, _) => Reading::Absent,
        })
    }

    fn gauge_window(&self, query: &Query, at: f64) -> Window {
        Window { from: at - query.window.as_secs_f64().max(self.api.grid()), to: at }
    }

    pub(super) async fn prove(&self, pair: Pair<'_>, role: Role, time: f64) -> Result<Proof, Trouble> {
        let at = self.moment(time);
        let (fold, window) = match role {
            Role::Gauge => (Fold::Mean, self.gauge_window(pair.own, at)),
            Role::Requests => (Fold::Sum, self.recent(at)),
            Role::Errors | Role::Samples | Role::Trial => (Fold::Sum, day(at)),
        };
        let found = self.api.numbers(&[pair.own], fold, window).await?.first().copied().flatten();
        let is_something = |value: &f64| *value != 0.0 || role == Role::Gauge;
        if let Some(value) = found.filter(is_something) {
            self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(pair.own.text.clone());
            return Ok(Proof::Number(value));
        }
        if role == Role::Errors && self.absent_errors == AbsentErrors::Zero {
            return Ok(Proof::Explained("none today: 0 while there are requests, by `absent_errors: zero`".to_owned()));
        }
        if self.is_known(pair, fold, at).await? {
            return Ok(Proof::Explained(format!("none now; it has found something in the last {KNOWN_DAYS} days")));
        }
        Err(Trouble::Unexplained(never(pair.own)))
    }

    pub(super) async fn per_second(&self, requests: &Query, time: f64) -> Option<f64> {
        let window = self.recent(self.moment(time));
        let found = self.api.numbers(&[requests], Fold::Sum, window).await.ok()?.first().copied().flatten()?;
        Some(found / (window.to - window.from))
    }

    /// Whether a query has found something of either variant before.
    async fn is_known(&self, pair: Pair<'_>, fold: Fold, at: f64) -> Result<bool, Trouble> {
        let both: Vec<&Query> = [Some(pair.own), pair.other].into_iter().flatten().collect();
        for query in &both {
            if self.known.lock().unwrap_or_else(PoisonError::into_inner).contains(&query.text) {
                return Ok(true);
            }
        }
        let window = Window { from: at - KNOWN_DAYS * DAY, to: at };
        let found = self.api.numbers(&both, fold, window).await?;
        let is_known = found.iter().flatten().any(|value| *value != 0.0);
        if is_known {
            self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(pair.own.text.clone());
        }
        Ok(is_known)
    }
}

fn never(query: &Query) -> String {
    format!(
        "{} has found nothing of either variant in the last {KNOWN_DAYS} days: a name that is misspelt finds nothing, too",
        code(&query.text)
    )
}

/// From midnight (UTC) until a moment.
fn day(at: f64) -> Window {
    Window { from: ((at - SHORTEST) / DAY).floor() * DAY, to: at }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_begins_at_midnight_and_is_never_empty() {
        assert_eq!(day(10.0 * DAY + 90.0).from, 10.0 * DAY);
        assert_eq!(day(10.0 * DAY + 30.0).from, 9.0 * DAY);
        assert_eq!(day(10.0 * DAY).from, 9.0 * DAY);
    }

    #[test]
    fn points_become_one_number() {
        assert_eq!(Fold::Sum.of(&[1.0, 2.0]), Some(3.0));
        assert_eq!(Fold::Mean.of(&[1.0, 2.0]), Some(1.5));
        assert_eq!((Fold::Sum.of(&[]), Fold::Mean.of(&[])), (None, None));
    }
}
