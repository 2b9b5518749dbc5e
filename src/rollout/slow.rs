//! Slow answers, counted: a limit on a quantile of a histogram is a limit on the share of answers beyond it.
//!
//! `p99 ≤ 100 ms` says that at most 1 % of answers take longer than 100 ms. A histogram's cumulative counters say how many
//! do, exactly, where 100 ms is a boundary of its buckets. Where it is none, the boundaries on both sides are taken: answers
//! above the upper one are surely slow, answers above the lower one possibly; nothing is interpolated.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::stats::inference::arms::Hits;

/// Answers of a variant since its counters began.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Slow {
    pub all: f64,
    /// Slower than the boundary at or above the limit.
    pub surely: f64,
    /// Slower than the boundary at or below the limit.
    pub possibly: f64,
}

/// Answers of a variant in a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SlowCounts {
    pub all: u64,
    pub surely: u64,
    pub possibly: u64,
}

impl SlowCounts {
    pub fn surely(self) -> Hits {
        Hits { hits: self.surely.min(self.all), trials: self.all }
    }

    pub fn possibly(self) -> Hits {
        Hits { hits: self.possibly.min(self.all), trials: self.all }
    }

    /// Adds what came since; counters that are smaller than before began anew.
    fn add(&mut self, before: &Slow, now: &Slow) {
        let zero = Slow::default();
        let before = if now.all < before.all { &zero } else { before };
        let since = |pick: fn(&Slow) -> f64| (pick(now) - pick(before)).max(0.0).round() as u64;
        self.all += since(|slow| slow.all);
        self.surely += since(|slow| slow.surely);
        self.possibly += since(|slow| slow.possibly);
    }
}

/// Both variants in a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SlowStratum {
    pub stable: SlowCounts,
    pub candidate: SlowCounts,
}

/// What is remembered of one histogram.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct SlowState {
    pub current: SlowStratum,
    pub earlier: Vec<SlowStratum>,
    /// Counters at the last evaluation; none where the next one begins to count.
    pub stable: Option<Slow>,
    pub candidate: Option<Slow>,
}

impl SlowState {
    /// Adds what came since the last evaluation, and returns it.
    pub fn count(&mut self, stable: Option<Slow>, candidate: Option<Slow>, weight: u8) -> SlowStratum {
        let mut since = SlowStratum::default();
        if let Some(now) = candidate
            && let Some(before) = self.candidate.replace(now)
        {
            since.candidate.add(&before, &now);
            self.current.candidate.add(&before, &now);
        }
        if let Some(now) = stable
            && let Some(before) = self.stable.replace(now)
        {
            since.stable.add(&before, &now);
            // At 100 % stable is what it was before, and what little still reaches it is no measure.
            if weight < 100 {
                self.current.stable.add(&before, &now);
            }
        }
        since
    }

    /// Begins to count anew, as after a router that lost its weights.
    pub fn forget(&mut self) {
        (self.stable, self.candidate) = (None, None);
    }

    /// All that stable was seen to do, as one step; the counters go on.
    #[must_use]
    pub fn stable_before(&self) -> Self {
        let stable = self.earlier.iter().fold(SlowCounts::default(), |all, earlier| SlowCounts {
            all: all.all + earlier.stable.all,
            surely: all.surely + earlier.stable.surely,
            possibly: all.possibly + earlier.stable.possibly,
        });
        let (earlier, current) = (vec![SlowStratum { stable, ..SlowStratum::default() }], SlowStratum::default());
        Self { current, earlier, ..self.clone() }
    }

    /// Begins the next step.
    pub fn next_step(&mut self) {
        self.earlier.push(std::mem::take(&mut self.current));
        self.forget();
    }
}

/// The cumulative buckets of a histogram: by upper boundary, answers no slower than it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Buckets(pub Vec<(f64, f64)>);

/// The boundaries beside a limit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Boundaries {
    /// The nearest at or below; none below the first.
    pub below: Option<f64>,
    /// The nearest at or above; none above the last.
    pub above: Option<f64>,
}

impl Buckets {
    /// From the values of `le` and the counters.
    ///
    /// # Errors
    /// They are not the buckets of one histogram.
    pub fn new(counters: &BTreeMap<String, f64>) -> Result<Self, String> {
        let mut buckets = Vec::new();
        for (le, count) in counters {
            let boundary = match le.as_str() {
                "+Inf" => f64::INFINITY,
                le => {
                    le.parse().map_err(|_| format!("`le` is `{}`, not a number", crate::support::words::visible(le)))?
                }
            };
            buckets.push((boundary, *count));
        }
        buckets.sort_by(|one, other| one.0.total_cmp(&other.0));
        if buckets.last().is_none_or(|(boundary, _)| *boundary != f64::INFINITY) {
            return Err("its buckets have no `le=\"+Inf\"`".to_owned());
        }
        Ok(Self(buckets))
    }

    /// The boundaries beside a limit, in the buckets' unit.
    pub fn boundaries(&self, limit: f64) -> Boundaries {
        // 100 ms in seconds is not 0.1 to the last bit.
        let near = |boundary: f64| (boundary - limit).abs() <= 1e-9 * limit.abs();
        let finite = || self.0.iter().map(|(boundary, _)| *boundary).filter(|boundary| boundary.is_finite());
        Boundaries {
            below: finite().rfind(|boundary| *boundary <= limit || near(*boundary)),
            above: finite().find(|boundary| *boundary >= limit || near(*boundary)),
        }
    }

    /// How many answers are beyond a limit, in the buckets' unit.
    pub fn slow(&self, limit: f64) -> Slow {
        let all = self.0.last().map_or(0.0, |(_, count)| *count);
        let within = |boundary: f64| self.0.iter().find(|(own, _)| *own == boundary).map_or(0.0, |(_, count)| *count);
        let Boundaries { below, above } = self.boundaries(limit);
        Slow {
            all,
            surely: above.map_or(0.0, |above| (all - within(above)).max(0.0)),
            possibly: (all - below.map_or(0.0, within)).max(0.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn buckets() -> Buckets {
        let counters = [("0.05", 900.0), ("0.1", 980.0), ("0.25", 990.0), ("+Inf", 1_000.0)];
        Buckets::new(&counters.map(|(le, count)| (le.to_owned(), count)).into()).unwrap()
    }

    #[test]
    fn a_limit_that_is_a_boundary_is_counted_exactly() {
        assert_eq!(buckets().slow(100.0 / 1000.0), Slow { all: 1_000.0, surely: 20.0, possibly: 20.0 });
        assert_eq!(buckets().slow(0.3 - 0.2), Slow { all: 1_000.0, surely: 20.0, possibly: 20.0 });
    }

    #[test]
    fn a_limit_between_boundaries_is_bounded_on_both_sides() {
        assert_eq!(buckets().slow(0.15), Slow { all: 1_000.0, surely: 10.0, possibly: 20.0 });
        assert_eq!(buckets().slow(0.5), Slow { all: 1_000.0, surely: 0.0, possibly: 10.0 });
        assert_eq!(buckets().slow(0.01), Slow { all: 1_000.0, surely: 100.0, possibly: 1_000.0 });
        assert_eq!(buckets().boundaries(0.01), Boundaries { below: None, above: Some(0.05) });
    }

    #[test]
    fn what_are_no_buckets_is_an_error() {
        assert!(Buckets::new(&[("0.1".to_owned(), 1.0)].into()).is_err());
        assert!(Buckets::new(&[("fast".to_owned(), 1.0), ("+Inf".to_owned(), 1.0)].into()).is_err());
    }

    #[test]
    fn counters_that_began_anew_are_counted_from_zero() {
        let slow = |all, surely| Slow { all, surely, possibly: surely };
        let mut state = SlowState::default();
        state.count(Some(slow(10.0, 1.0)), Some(slow(500.0, 50.0)), 10);
        state.count(Some(slow(30.0, 2.0)), Some(slow(20.0, 3.0)), 10);
        assert_eq!(state.current.candidate, SlowCounts { all: 20, surely: 3, possibly: 3 });
        assert_eq!(state.current.stable, SlowCounts { all: 20, surely: 1, possibly: 1 });
        state.next_step();
        state.count(None, Some(slow(40.0, 3.0)), 100);
        assert_eq!((state.earlier.len(), state.current.candidate.all), (1, 0));
    }
}
