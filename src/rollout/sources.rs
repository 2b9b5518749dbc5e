//! Where signals come from: one of these, a file each.
//!
//! Prometheus and a JSON document hold counters as they stand. The others hold what was counted in a time: [`counted`] makes
//! counters of that, and says what an answer without a number means.

mod answer;
pub mod cloudwatch;
pub mod counted;
pub mod datadog;
pub mod document;
pub mod influxdb;
pub mod new_relic;

use self::counted::Counted;
use self::document::Documents;
use super::policy::HistogramLimit;
use super::query::Query;
use super::seen::ArmSeen;
use super::signal::{Prometheus, Proof, Role, SETTLED, Trouble};
use super::slow::Boundaries;
use crate::rollout::plan::Queries;

/// One of the sources there are.
pub enum Source {
    Prometheus(Prometheus),
    Documents(Documents),
    Counted(Counted),
}

/// A query of one variant, and the same of the other, where there are two.
#[derive(Clone, Copy)]
pub struct Pair<'a> {
    pub own: &'a Query,
    pub other: Option<&'a Query>,
}

impl Source {
    /// Its name and address, as they are shown.
    pub fn shown(&self) -> String {
        match self {
            Self::Prometheus(prometheus) => format!("Prometheus at {}", prometheus.shown()),
            Self::Documents(documents) => documents.shown(),
            Self::Counted(counted) => counted.shown(),
        }
    }

    /// The time by the clock that the age of samples is measured by.
    ///
    /// # Errors
    /// No answer.
    pub async fn time(&self) -> Result<f64, Trouble> {
        match self {
            Self::Prometheus(prometheus) => prometheus.time().await,
            Self::Documents(_) | Self::Counted(_) => Ok(super::driver::steady()),
        }
    }

    /// How far the moment that readings are of lies back.
    pub fn lag(&self, time: f64) -> f64 {
        match self {
            Self::Prometheus(_) => SETTLED,
            Self::Documents(_) => 0.0,
            Self::Counted(counted) => time - counted.moment(time),
        }
    }

    /// What is seen of a variant; all counters of one moment.
    pub async fn arm(
        &self,
        own: &Queries,
        other: Option<&Queries>,
        limits: &[HistogramLimit],
        time: &Result<f64, Trouble>,
    ) -> ArmSeen {
        match (self, time) {
            (Self::Prometheus(prometheus), time) => prometheus.arm(own, limits, time).await,
            (Self::Documents(documents), Ok(time)) => documents.arm(own, *time).await,
            (Self::Counted(counted), Ok(time)) => counted.arm(own, other, *time).await,
            (_, Err(trouble)) => ArmSeen::unusable(own, &trouble.clone().text()),
        }
    }

    /// Proves before any traffic moves that a query can be answered.
    ///
    /// # Errors
    /// It cannot.
    pub async fn prove(&self, pair: Pair<'_>, role: Role, time: f64) -> Result<Proof, Trouble> {
        match self {
            Self::Prometheus(prometheus) => prometheus.prove(pair.own, role, time).await,
            Self::Documents(documents) => documents.prove(pair.own, role, time).await,
            Self::Counted(counted) => counted.prove(pair, role, time).await,
        }
    }

    /// How many requests a second were counted lately; none where it cannot be said.
    pub async fn per_second(&self, requests: &Query, time: f64) -> Option<f64> {
        match self {
            Self::Prometheus(prometheus) => prometheus.per_second(requests, time).await,
            Self::Documents(_) => None,
            Self::Counted(counted) => counted.per_second(requests, time).await,
        }
    }

    /// The boundaries beside a limit on a histogram, which only Prometheus has.
    pub async fn boundaries(&self, query: &Query, limit: &HistogramLimit, time: f64) -> Option<Boundaries> {
        let Self::Prometheus(prometheus) = self else { return None };
        prometheus.slow(query, limit, time - SETTLED).await.ok().map(|(_, boundaries)| boundaries)
    }
}
