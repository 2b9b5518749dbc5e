//! Whether a share has risen above a limit at some time: a test that may be read after every evaluation, for ever.
//!
//! At each evaluation n trials have e hits. Under the limit p₀ and an alternative whose odds are m times the limit's, the
//! ratio of likelihoods is mᵉ / (1 − p₀ + m p₀)ⁿ, whose mean is at most 1 for every p ≤ p₀. Nobody knows when the share rises,
//! nor how far, so that the ratios are mixed over both: over the evaluation t at which it rises with weights `w_t`, and over
//! twelve alternatives m. With `R_m ← (R_m + w_t) · ratio`, the mixture is
//!
//! `M_t = mean of R_m over m + (1 − w_1 − … − w_t)`.
//!
//! While p ≤ p₀ at every evaluation, M is a nonnegative supermartingale that starts at 1, so that it ever reaches 1/α with a
//! probability of α at most (J. Ville, *Étude critique de la notion de collectif*, 1939; H. Robbins, Ann. Math. Statist. 41,
//! 1970). Mixtures over the time of the change are the e-detectors of
//! [Shin, Ramdas and Rinaldo](https://arxiv.org/abs/2203.03532); 1/M is an always-valid p
//! ([Johari, Koomen, Pekelis and Walsh](https://arxiv.org/abs/1512.04922);
//! [Howard, Ramdas, McAuliffe and Sekhon](https://arxiv.org/abs/1810.08240)).
//!
//! The weights are those of the tail `1 − w_1 − … − w_t = 1 / (1 + ln(1 + t))`: a change at evaluation t is found later by what
//! `ln 1/w_t`, about `ln t + 2 ln ln t`, takes. tests/oracle/change.py adds the mixture up term by term.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use super::arms::Hits;

/// Odds ratios from 1.25 to 5,000.
const ALTERNATIVES: usize = 12;
const FIRST: f64 = 1.25;
const LAST: f64 = 5_000.0;
static MIXED: LazyLock<[Alternative; ALTERNATIVES]> = LazyLock::new(|| {
    let (first, last) = (FIRST.ln(), LAST.ln());
    std::array::from_fn(|at| Alternative::new(first * (last / first).powf(at as f64 / (ALTERNATIVES - 1) as f64)))
});
/// The one for which the time of a change is looked for.
static TWICE: LazyLock<Alternative> = LazyLock::new(|| Alternative::new(std::f64::consts::LN_2));
/// Of a hit where none may be: as good as infinite, and a number in JSON.
const CERTAIN: f64 = 1e9;

/// What one evaluation adds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Trials {
    /// Hits among the trials of the test.
    pub tested: Hits,
    /// The largest share of hits that is in order.
    pub limit: f64,
    /// The variant's own hits and trials, which a message shows.
    pub own: Hits,
    /// Seconds since 1970.
    pub at: f64,
}

/// What the test remembers: its size does not grow.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct ChangeTest {
    /// Evaluations that had trials.
    evaluations: u64,
    /// ln R by alternative; nothing before the first evaluation.
    log_ratios: Vec<f64>,
    recent: Recent,
}

/// Since when the share seems to be above the limit: Page's cumulative sum for twice the odds (E. S. Page, Biometrika 41,
/// 1954). It decides nothing.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Recent {
    pub own: Hits,
    /// Seconds since 1970; none where it does not seem so.
    pub since: Option<f64>,
    /// Of the last evaluation.
    pub at: Option<f64>,
    log_ratio: f64,
}

impl ChangeTest {
    /// Adds an evaluation.
    pub fn add(&mut self, trials: Trials) {
        if trials.tested.trials == 0 {
            return;
        }
        self.log_ratios.resize(ALTERNATIVES, f64::NEG_INFINITY);
        let weight = (tail(self.evaluations) - tail(self.evaluations + 1)).ln();
        self.evaluations += 1;
        for (log_ratio, alternative) in self.log_ratios.iter_mut().zip(MIXED.iter()) {
            *log_ratio = sum(*log_ratio, weight) + alternative.log_likelihood_ratio(trials);
        }
        self.recent.add(trials);
    }

    /// The always-valid p that the share was at most the limit at every evaluation.
    pub fn p(&self) -> f64 {
        let mean = self.log_ratios.iter().copied().fold(f64::NEG_INFINITY, sum) - (ALTERNATIVES as f64).ln();
        (-sum(mean, tail(self.evaluations).ln())).exp().min(1.0)
    }

    pub fn recent(&self) -> Recent {
        self.recent
    }
}

impl Recent {
    fn add(&mut self, trials: Trials) {
        let before = self.at.replace(trials.at);
        let log_ratio = self.log_ratio + TWICE.log_likelihood_ratio(trials);
        *self = if log_ratio > 0.0 {
            let own = Hits { hits: self.own.hits + trials.own.hits, trials: self.own.trials + trials.own.trials };
            Self { own, since: self.since.or(before), at: self.at, log_ratio }
        } else {
            Self { at: self.at, ..Self::default() }
        };
    }
}

/// Odds that are larger than the limit's.
struct Alternative {
    log_odds: f64,
    /// The odds ratio less 1.
    more: f64,
}

impl Alternative {
    fn new(log_odds: f64) -> Self {
        Self { log_odds, more: log_odds.exp_m1() }
    }

    fn log_likelihood_ratio(&self, trials: Trials) -> f64 {
        let Trials { tested: Hits { hits, trials }, limit, .. } = trials;
        if limit <= 0.0 {
            return if hits > 0 { CERTAIN } else { 0.0 };
        }
        // Where all may be hits, no number of them is too large.
        hits as f64 * self.log_odds - trials as f64 * (limit.min(1.0) * self.more).ln_1p()
    }
}

/// The probability that the share rises after so many evaluations, if ever.
fn tail(evaluations: u64) -> f64 {
    1.0 / (1.0 + (evaluations as f64).ln_1p())
}

/// ln(eᵃ + eᵇ).
fn sum(a: f64, b: f64) -> f64 {
    let (most, least) = (a.max(b), a.min(b));
    if most == f64::NEG_INFINITY { most } else { most + (least - most).exp().ln_1p() }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::stats::inference::oracle::number;

    fn stream(case: &Value) -> Vec<Trials> {
        let rows = case["stream"].as_array().unwrap();
        let count = |row: &Value, at: usize| row[at].as_u64().unwrap();
        let trials = |row: &Value| {
            let tested = Hits { hits: count(row, 0), trials: count(row, 1) };
            Trials { tested, limit: row[2].as_f64().unwrap(), own: tested, at: 0.0 }
        };
        rows.iter().map(trials).collect()
    }

    #[test]
    fn the_mixture_is_the_sum_over_all_changes() {
        let cases: Value =
            serde_json::from_str(include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/oracle/change.json")))
                .unwrap();
        for case in cases.as_array().unwrap() {
            let mut test = ChangeTest::default();
            for (trials, wanted) in stream(case).into_iter().zip(case["log_p"].as_array().unwrap()) {
                test.add(trials);
                let (found, wanted) = (test.p().ln(), wanted.as_f64().unwrap());
                assert!((found - wanted).abs() <= 1e-8 * wanted.abs().max(1.0), "{found} for {wanted}");
            }
            // A journal between any two evaluations changes nothing that matters.
            let text = serde_json::to_string(&test).unwrap();
            let read: ChangeTest = serde_json::from_str(&text).unwrap();
            assert!((read.p().ln() - test.p().ln()).abs() < 1e-9 * test.p().ln().abs().max(1.0));
            assert!(text.len() < 600, "{text}");
            assert!(number(case, "least_p") <= 1.0);
        }
    }

    fn add(test: &mut ChangeTest, hits: u64, trials: u64, limit: f64, at: f64) {
        let tested = Hits { hits, trials };
        test.add(Trials { tested, limit, own: tested, at });
    }

    #[test]
    fn a_hit_where_none_may_be_is_certain_and_a_limit_of_one_is_none() {
        let mut test = ChangeTest::default();
        add(&mut test, 0, 1_000, 0.0, 0.0);
        assert!((test.p() - 1.0).abs() < 1e-9);
        add(&mut test, 1, 1_000, 0.0, 1.0);
        assert_eq!(test.p(), 0.0);
        let text = serde_json::to_string(&test).unwrap();
        assert_eq!(serde_json::from_str::<ChangeTest>(&text).unwrap().p(), 0.0);

        let mut test = ChangeTest::default();
        (0..100).for_each(|at| add(&mut test, 1_000, 1_000, 1.5, f64::from(at)));
        assert!((test.p() - 1.0).abs() < 1e-9, "{}", test.p());
    }

    #[test]
    fn the_time_of_a_change_is_near() {
        let mut test = ChangeTest::default();
        (0..5_000).for_each(|at| add(&mut test, 1, 300, 0.02, 15.0 * f64::from(at)));
        assert_eq!((test.p(), test.recent().since), (1.0, None));
        (5_000..5_020).for_each(|at| add(&mut test, 12, 300, 0.02, 15.0 * f64::from(at)));
        let recent = test.recent();
        assert_eq!((recent.own.hits, recent.own.trials), (240, 6_000));
        assert_eq!(recent.since, Some(15.0 * 4_999.0));
        assert!(test.p() < 1e-6, "{}", test.p());
    }

    #[test]
    fn evaluations_without_trials_change_nothing() {
        let mut test = ChangeTest::default();
        add(&mut test, 0, 0, 0.02, 0.0);
        assert_eq!(test, ChangeTest::default());
        assert_eq!(test.p(), 1.0);
    }
}
