//! Histograms and gauges: what is counted, what is compared, and what two evaluations have in common.

use std::collections::BTreeMap;

use super::*;
use crate::rollout::confirmation::Confirmation;
use crate::rollout::policy::{Limits, NoData, Stage, Strategy, Traffic};

fn policy(limits: Limits) -> Policy {
    Policy {
        strategy: Strategy::Canary,
        stages: vec![Stage { traffic: Traffic::weight(50), seconds: 60.0, needs_ready: false, approval_seconds: None }],
        interval_seconds: 15.0,
        min_requests: 100,
        limits,
        no_data: NoData::Hold,
        max_hold_seconds: 60.0,
        ab_test: None,
        hooks: Vec::new(),
    }
}

fn histogram(max_ratio: Option<f64>) -> Policy {
    let limit = HistogramLimit { name: "p99".into(), max: 100.0, max_share: 0.01, max_ratio };
    policy(Limits { histograms: vec![limit], ..Limits::default() })
}

fn seen(at: f64) -> Seen {
    Seen {
        at,
        of: at,
        traffic: Ok(Traffic::weight(50)),
        uptime: None,
        confirmation: Confirmation::Confirmed,
        ready: Ok(()),
        stable: ArmSeen::default(),
        candidate: ArmSeen::default(),
        log: BTreeMap::new(),
        hook: None,
        stop: None,
    }
}

/// What is said after so many answers of each variant, of which so many are surely and possibly slow.
fn judged(policy: &Policy, stable: [f64; 3], candidate: [f64; 3]) -> Judged {
    let mut state = State::default();
    let of = |[all, surely, possibly]: [f64; 3]| {
        BTreeMap::from([("p99".to_owned(), Reading::Value(Slow { all, surely, possibly }))])
    };
    let mut look = |stable, candidate| {
        let mut seen = seen(1_000.0);
        (seen.stable.slow, seen.candidate.slow) = (of(stable), of(candidate));
        slow(policy, &mut state, &seen, 50)
    };
    // What was before the rollout is not counted.
    let before = [5_000.0, 2_500.0, 2_500.0];
    look(before, before);
    let since = |more: [f64; 3]| [0, 1, 2].map(|at| before[at] + more[at]);
    look(since(stable), since(candidate))
}

#[test]
fn slow_answers_are_counted_and_judged_like_errors() {
    let check = |candidate: [f64; 3], wanted: &str| {
        let found = judged(&histogram(None), [10_000.0, 50.0, 50.0], candidate);
        let said = match &found {
            Judged::Breached(why) => format!("breached: {why}"),
            Judged::Shared(why) => format!("shared: {why}"),
            Judged::Open(why) => format!("open: {why}"),
            Judged::Within => "within".to_owned(),
        };
        assert!(said.starts_with(wanted), "{said}");
    };
    check([1_000.0, 5.0, 5.0], "within");
    check([1_000.0, 60.0, 60.0], "breached: p99: 6 % of 1000 answers are beyond 100, at most 1 % may");
    check(
        [1_000.0, 12.0, 12.0],
        "open: p99: 1.2 % of 1000 answers are beyond 100, at most 1 % may, which is not sure yet",
    );
    // One slow answer of ten is none too many, and ten are too few to pass.
    check([10.0, 1.0, 1.0], "open: p99: 10 answers in the histogram, 100 are needed");
    check([1_000.0, 0.0, 60.0], "open: p99: 0 % of 1000 answers are beyond 100, and possibly 6 %");
}

#[test]
fn what_stable_does_too_is_said_with_its_numbers() {
    let said = |stable: [f64; 3]| judged(&histogram(Some(2.0)), stable, [1_000.0, 120.0, 120.0]);
    assert_eq!(
        said([2_000.0, 240.0, 240.0]),
        Judged::Shared(
            "p99: 12 % of 1000 answers are beyond 100, at most 1 % may; stable 12 % of 2000 too: it is not the candidate".into()
        )
    );
    // Where the candidate is worse than stable all the same, it is the candidate.
    let found = said([2_000.0, 60.0, 60.0]);
    assert!(matches!(&found, Judged::Breached(why) if why.contains("4 times as often as stable's")), "{found:?}");
}

#[test]
fn slow_answers_are_compared_with_stables() {
    let stable = [10_000.0, 20.0, 20.0];
    let found = judged(&histogram(Some(2.0)), stable, [4_000.0, 36.0, 36.0]);
    assert!(
        matches!(&found, Judged::Breached(why) if why.starts_with("its answers are slow 4.5 times as often as stable's")),
        "{found:?}"
    );
    assert_eq!(judged(&histogram(None), stable, [4_000.0, 36.0, 36.0]), Judged::Within);
    assert_eq!(judged(&histogram(Some(2.0)), stable, [4_000.0, 9.0, 9.0]), Judged::Within);
}

#[test]
fn buckets_that_are_gone_or_unexplained_hold() {
    let policy = histogram(None);
    let mut state = State::default();
    let mut look = |reading: Reading<Slow>| {
        let mut seen = seen(1_000.0);
        seen.candidate.slow.insert("p99".into(), reading);
        slow(&policy, &mut state, &seen, 50)
    };
    look(Reading::Value(Slow { all: 10.0, surely: 0.0, possibly: 0.0 }));
    assert_eq!(look(Reading::Absent), Judged::Open("p99: its buckets are gone".into()));
    assert_eq!(look(Reading::Unexplained("no series".into())), Judged::Open("p99: no series".into()));
}

fn gauged(limit: GaugeLimit) -> Policy {
    policy(Limits { gauges: vec![limit], ..Limits::default() })
}

fn limit() -> GaugeLimit {
    GaugeLimit {
        name: "accuracy".into(),
        min: Some(0.9),
        max: None,
        max_ratio: None,
        min_samples: 100,
        window_seconds: 60.0,
    }
}

/// What is said of a value, evaluation by evaluation 15 s apart, with so many samples more each time.
fn evaluations(limit: &GaugeLimit, values: &[f64], samples: u64) -> Vec<Judged> {
    let policy = gauged(limit.clone());
    let mut state = State { stage_at: Some(1_000.0), ..State::default() };
    let mut all = Vec::new();
    for (at, value) in values.iter().enumerate() {
        let mut seen = seen(1_015.0 + 15.0 * at as f64);
        seen.candidate.gauges.insert("accuracy".into(), Reading::Value(*value));
        seen.stable.gauges.insert("accuracy".into(), Reading::Value(0.5));
        state.current.candidate.requests += samples;
        all.push(gauges(&policy, &mut state, &seen, 50));
    }
    all
}

#[test]
fn evaluations_of_one_window_are_one() {
    let is_breached = |judged: &Judged| matches!(judged, Judged::Breached(_));
    // A window is four evaluations: the third ends with the twelfth.
    let found = evaluations(&limit(), &[0.8; 12], 100);
    assert_eq!(found.iter().position(is_breached), Some(11), "{found:?}");
    // And it takes samples of its own.
    let found = evaluations(&limit(), &[0.8; 40], 10);
    assert_eq!(found.iter().position(is_breached), Some(29), "{found:?}");
    let found = evaluations(&limit(), &[0.8; 40], 0);
    assert!(!found.iter().any(is_breached), "{found:?}");
    // One that is within, of its own window, ends the row; nothing passes before one is.
    let mut values = [0.8; 12];
    values[7] = 0.95;
    assert!(!evaluations(&limit(), &values, 100).iter().any(is_breached));
    let good = evaluations(&limit(), &[0.95; 4], 100);
    assert!(matches!(&good[2], Judged::Open(why) if why.contains("its first window of 60 s is not over")), "{good:?}");
    assert_eq!(good[3], Judged::Within);
}

#[test]
fn a_gauge_is_compared_with_stables() {
    let ratio = GaugeLimit { min: None, max_ratio: Some(1.5), window_seconds: 0.0, ..limit() };
    let found = evaluations(&ratio, &[0.8; 3], 100);
    assert!(
        matches!(&found[2], Judged::Breached(why) if why == "accuracy is 0.8, and 0.5 of stable: at most 1.5 times may be, in 3 windows in a row"),
        "{found:?}"
    );
    assert_eq!(evaluations(&ratio, &[0.7; 3], 100)[2], Judged::Within);
}
