//! How often a rule takes a candidate back that is as good as stable, and how often one that is worse: mlgate's own code
//! beside the rules of Argo Rollouts, Flagger and Kayenta on the same traces. docs/rollout-signals.md shows the table.
//!
//! A trace is a canary of 5, 25, 50 and 100 %, 300 s each, evaluated every 15 s at 20 requests a second, with the latencies of
//! each answer drawn. The others see what their documentation has them ask for: a 99th percentile by `histogram_quantile`
//! over the last minute, or the share of errors in it, once a minute.

use std::collections::BTreeMap;

use rand_core::SeedableRng;
use rand_distr::{Binomial, Distribution};
use rand_pcg::Pcg64Mcg;
use statrs::distribution::{ContinuousCDF, Normal};

use super::confirmation::Confirmation;
use super::policy::{HistogramLimit, Limits, Policy, Strategy, Traffic};
use super::slow::{Buckets, Slow};
use super::strategy::{Asked, stages};
use super::{ArmSeen, Effect, NoData, Outcome, Reading, Seen, State, step};

/// Prometheus' own default buckets, in seconds.
const BOUNDARIES: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
const NAME: &str = "latency_p99_ms";
const INTERVAL: f64 = 15.0;
/// Evaluations in a minute.
const WINDOW: usize = 4;
const RATE: f64 = 20.0;
const RUNS: u64 = 100;

/// What a variant is like: the share of its answers that fail, and the 99th percentile of its latencies in milliseconds.
#[derive(Debug, Clone, Copy)]
struct Quality {
    errors: f64,
    p99: f64,
}

/// Counters of a variant.
#[derive(Debug, Clone, Copy, Default)]
struct Counters {
    requests: f64,
    errors: f64,
    buckets: [f64; BOUNDARIES.len()],
}

impl Counters {
    /// Log-normal latencies with a standard deviation of 0.5, bucket by bucket.
    fn serve(&mut self, requests: u64, quality: Quality, draw: &mut Pcg64Mcg) {
        let normal = Normal::standard();
        let median = quality.p99 / 1_000.0 / (0.5 * normal.inverse_cdf(0.99)).exp();
        let within = |boundary: f64| normal.cdf((boundary / median).ln() / 0.5);
        let (mut left, mut below, mut counted) = (requests, 0.0, 0.0);
        for (count, boundary) in self.buckets.iter_mut().zip(BOUNDARIES) {
            let share = within(boundary);
            let own = binomial(left, (share - below) / (1.0 - below), draw);
            (left, below, counted) = (left - own, share, counted + own as f64);
            *count += counted;
        }
        self.requests += requests as f64;
        self.errors += binomial(requests, quality.errors, draw) as f64;
    }

    fn buckets(&self) -> Buckets {
        let all = BOUNDARIES.into_iter().chain([f64::INFINITY]).zip(self.buckets.into_iter().chain([self.requests]));
        Buckets(all.collect())
    }

    fn since(&self, before: &Self) -> Self {
        let mut own = *self;
        own.requests -= before.requests;
        own.errors -= before.errors;
        own.buckets.iter_mut().zip(before.buckets).for_each(|(count, before)| *count -= before);
        own
    }

    fn error_rate(&self) -> Option<f64> {
        (self.requests > 0.0).then(|| self.errors / self.requests)
    }

    /// `histogram_quantile(0.99, …)` in milliseconds, linear within a bucket.
    fn p99(&self) -> Option<f64> {
        let rank = 0.99 * self.requests;
        let (mut below, mut under) = (0.0, 0.0);
        for (boundary, count) in BOUNDARIES.into_iter().zip(self.buckets) {
            if count >= rank && count > under {
                return Some(1_000.0 * (below + (boundary - below) * (rank - under) / (count - under)));
            }
            (below, under) = (boundary, count);
        }
        (self.requests > 0.0).then_some(1_000.0 * BOUNDARIES[BOUNDARIES.len() - 1])
    }
}

/// Hits among so many, with a probability that rounding may have put out of range.
fn binomial(of: u64, p: f64, draw: &mut Pcg64Mcg) -> u64 {
    let p = if p.is_finite() { p.clamp(0.0, 1.0) } else { 1.0 };
    Binomial::new(of, p).map_or(0, |law| law.sample(draw))
}

/// What the other rules have seen of a metric, a minute at a time.
#[derive(Debug, Default)]
struct Others {
    /// Checks of Flagger's that failed.
    failed: u32,
    /// Seconds after which each rule ends it.
    argo: Option<f64>,
    flagger: Option<f64>,
    kayenta: Option<f64>,
    /// The candidate's values, and stable's.
    points: [Vec<f64>; 2],
}

impl Others {
    fn look(&mut self, at: f64, candidate: Option<f64>, stable: Option<f64>, max: f64) {
        // `failureLimit` is 0: the first measurement that fails ends it.
        if candidate.is_some_and(|value| value > max) {
            self.argo.get_or_insert(at);
        }
        // A value that there is not is a failed check. `threshold: 5`, as in Flagger's documentation; its own default is 1.
        self.failed += u32::from(candidate.is_none_or(|value| value > max));
        if self.failed >= 5 {
            self.flagger.get_or_insert(at);
        }
        self.points[0].extend(candidate);
        self.points[1].extend(stable);
    }

    /// Kayenta judges at the end of each step all that it has seen by then.
    fn judge(&mut self, at: f64) {
        if is_high(&self.points[0], &self.points[1]) {
            self.kayenta.get_or_insert(at);
        }
    }
}

/// Whether the candidate's points are High by Kayenta's judge: the lower end of Hodges and Lehmann's interval is above a
/// quarter of the estimate.
fn is_high(candidate: &[f64], stable: &[f64]) -> bool {
    let (n, m) = (candidate.len() as f64, stable.len() as f64);
    if n < 2.0 || m < 2.0 {
        return false;
    }
    let mut differences: Vec<f64> =
        candidate.iter().flat_map(|own| stable.iter().map(move |other| own - other)).collect();
    differences.sort_by(f64::total_cmp);
    let middle = differences.len() / 2;
    let estimate = if differences.len() % 2 == 1 {
        differences[middle]
    } else {
        f64::midpoint(differences[middle - 1], differences[middle])
    };
    let z = Normal::standard().inverse_cdf(0.99);
    let rank = (n * m / 2.0 - z * (n * m * (n + m + 1.0) / 12.0).sqrt() - 0.5).floor().max(0.0) as usize;
    estimate > 0.0 && differences[rank] > 0.25 * estimate
}

fn policy(limit: Limit) -> Policy {
    let asked = Asked { steps: vec![5, 25, 50, 100], step_seconds: 300.0, bake_seconds: 300.0, share: 50 };
    let limits = match limit {
        Limit::Errors => Limits { max_error_rate: Some(0.02), max_ratio: Some(2.0), ..Limits::default() },
        Limit::Latency => Limits {
            histograms: vec![HistogramLimit { name: NAME.into(), max: 100.0, max_share: 0.01, max_ratio: Some(2.0) }],
            ..Limits::default()
        },
    };
    Policy {
        strategy: Strategy::Canary,
        stages: stages(Strategy::Canary, &asked),
        interval_seconds: INTERVAL,
        min_requests: 100,
        limits,
        no_data: NoData::Hold,
        max_hold_seconds: 1_800.0,
        ab_test: None,
        hooks: Vec::new(),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Limit {
    Errors,
    Latency,
}

/// By rule, in the table's order, the seconds after which each run was ended; those that went on are not in it.
type Ended = [Vec<f64>; 5];

fn seen_of(counters: &Counters) -> ArmSeen {
    let slow: Slow = counters.buckets().slow(0.1);
    ArmSeen {
        requests: Reading::Value(counters.requests),
        errors: Reading::Value(counters.errors),
        slow: BTreeMap::from([(NAME.to_owned(), Reading::Value(slow))]),
        ..ArmSeen::default()
    }
}

/// An interval in which users come to both variants.
fn serve(counters: &mut [Counters; 2], weight: u8, qualities: [Quality; 2], draw: &mut Pcg64Mcg) {
    let requests = RATE * INTERVAL;
    let own = (requests * f64::from(weight) / 100.0).round();
    counters[0].serve((requests - own) as u64, qualities[0], draw);
    counters[1].serve(own as u64, qualities[1], draw);
}

/// A rollout by mlgate.
fn by_mlgate(limit: Limit, qualities: [Quality; 2], seed: u64) -> (Outcome, f64) {
    let policy = policy(limit);
    let (mut draw, mut state, mut traffic, mut at) =
        (Pcg64Mcg::seed_from_u64(seed), State::default(), Traffic::STABLE, 1_000.0);
    let mut counters = [Counters::default(); 2];
    loop {
        let seen = Seen {
            at,
            of: at,
            traffic: Ok(traffic),
            uptime: None,
            confirmation: Confirmation::Confirmed,
            ready: Ok(()),
            stable: seen_of(&counters[0]),
            candidate: seen_of(&counters[1]),
            log: BTreeMap::new(),
            hook: None,
            stop: None,
        };
        let (next, effects) = step(&policy, state, &seen);
        state = next;
        if let Some(ended) = state.ended {
            return (ended.outcome, at - 1_000.0);
        }
        if let [Effect::Move(to)] = effects.as_slice() {
            traffic = *to;
            continue;
        }
        serve(&mut counters, traffic.weight, qualities, &mut draw);
        at += INTERVAL;
    }
}

/// What the others say of the same answers, in the steps as they were planned.
fn by_others(limit: Limit, qualities: [Quality; 2], seed: u64) -> Others {
    let mut draw = Pcg64Mcg::seed_from_u64(seed);
    let mut counters = [Counters::default(); 2];
    let (mut others, mut at) = (Others::default(), 0.0);
    for stage in &policy(limit).stages {
        for _ in 0..(stage.seconds / INTERVAL) as usize / WINDOW {
            let before = counters;
            for _ in 0..WINDOW {
                serve(&mut counters, stage.traffic.weight, qualities, &mut draw);
            }
            at += 60.0;
            let [stable, own] = [0, 1].map(|variant: usize| counters[variant].since(&before[variant]));
            match limit {
                Limit::Errors => others.look(at, own.error_rate(), stable.error_rate(), 0.02),
                Limit::Latency => others.look(at, own.p99(), stable.p99(), 100.0),
            }
        }
        others.judge(at);
    }
    others
}

fn ended(limit: Limit, stable: Quality, candidate: Quality) -> Ended {
    let mut ended = Ended::default();
    for seed in 0..RUNS {
        let (outcome, at) = by_mlgate(limit, [stable, candidate], seed);
        let others = by_others(limit, [stable, candidate], seed);
        ended[0].extend((outcome == Outcome::RolledBack).then_some(at));
        ended[1].extend((outcome == Outcome::Aborted).then_some(at));
        ended[2].extend(others.argo);
        ended[3].extend(others.flagger);
        ended[4].extend(others.kayenta);
    }
    ended
}

/// The share of the runs, and of a candidate that should be taken back the mean time until it is.
fn cell(seconds: &[f64], is_bad: bool) -> String {
    let count = seconds.len() as f64;
    let mean = seconds.iter().sum::<f64>() / count.max(1.0);
    let share = format!("{:.1} %", 100.0 * count / RUNS as f64);
    if is_bad && count > 0.0 { format!("{share}, {mean:.0} s") } else { share }
}

/// The table of docs/rollout-signals.md: it is written there, and compared.
#[test]
#[expect(clippy::disallowed_methods, reason = "edge: reads the page")]
fn the_rates_of_the_rules_are_those_of_the_page() {
    let quality = |errors, p99| Quality { errors, p99 };
    let cases = [
        ("p99 of 80 ms, as stable", Limit::Latency, quality(0.005, 80.0), quality(0.005, 80.0)),
        ("p99 of 60 ms, as stable", Limit::Latency, quality(0.005, 60.0), quality(0.005, 60.0)),
        ("p99 of 120 ms, stable 80 ms", Limit::Latency, quality(0.005, 80.0), quality(0.005, 120.0)),
        ("p99 of 150 ms, stable 80 ms", Limit::Latency, quality(0.005, 80.0), quality(0.005, 150.0)),
        ("p99 of 250 ms, stable 80 ms", Limit::Latency, quality(0.005, 80.0), quality(0.005, 250.0)),
        ("0.5 % of errors, as stable", Limit::Errors, quality(0.005, 80.0), quality(0.005, 80.0)),
        ("1 % of errors, as stable", Limit::Errors, quality(0.01, 80.0), quality(0.01, 80.0)),
        ("4 % of errors, stable 1 %", Limit::Errors, quality(0.01, 80.0), quality(0.04, 80.0)),
        ("8 % of errors, stable 1 %", Limit::Errors, quality(0.01, 80.0), quality(0.08, 80.0)),
    ];
    let mut table = String::from(
        "| candidate | is worse | mlgate | held, then ended | Argo Rollouts | Flagger | Kayenta |\n|:--|:--|--:|--:|--:|--:|--:|\n",
    );
    for (name, limit, stable, candidate) in cases {
        let is_bad = candidate.p99 > 100.0 || candidate.errors > 0.02;
        let found = ended(limit, stable, candidate);
        let cells = found.each_ref().map(|seconds| cell(seconds, is_bad)).join(" | ");
        table.push_str(&format!("| {name} | {} | {cells} |\n", if is_bad { "yes" } else { "no" }));
        let mlgate = found[0].len() as f64 / RUNS as f64;
        assert!(if is_bad { mlgate >= 0.95 } else { mlgate <= 0.02 }, "{name}: {mlgate}");
    }
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/rollout-signals.md")).unwrap();
    assert!(page.contains(&table), "docs/rollout-signals.md has another table than this one:\n{table}");
}
