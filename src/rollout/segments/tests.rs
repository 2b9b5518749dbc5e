//! Segments that fail by themselves, and those that are too small to say.

use super::*;
use crate::rollout::policy::{Limits, NoData, Strategy};
use crate::rollout::strategy::{Asked, stages};

fn policy() -> Policy {
    let asked = Asked { steps: vec![50], step_seconds: 60.0, bake_seconds: 60.0, share: 50 };
    Policy {
        strategy: Strategy::Canary,
        stages: stages(Strategy::Canary, &asked),
        interval_seconds: 15.0,
        min_requests: 100,
        limits: Limits {
            max_error_rate: Some(0.02),
            max_ratio: Some(2.0),
            by: Some("region".into()),
            ..Limits::default()
        },
        no_data: NoData::Hold,
        max_hold_seconds: 60.0,
        ab_test: None,
        hooks: Vec::new(),
    }
}

fn seen(counts: &[(&str, [f64; 2])]) -> ArmSeen {
    let segments = counts.iter().map(|(name, counts)| ((*name).to_owned(), *counts)).collect();
    ArmSeen { segments: Ok(segments), ..ArmSeen::default() }
}

/// What is said after so many requests and errors of each variant by segment.
fn judged(stable: &[(&str, [f64; 2])], candidate: &[(&str, [f64; 2])]) -> (Judged, Option<String>) {
    let mut state = State::default();
    let zero = |counts: &[(&'static str, [f64; 2])]| {
        let all: Vec<_> = counts.iter().map(|(name, _)| (*name, [1_000.0, 900.0])).collect();
        seen(&all)
    };
    let names: Vec<(&'static str, [f64; 2])> = ["eu", "us", "mt"].into_iter().map(|name| (name, [0.0; 2])).collect();
    judge(&policy(), &mut state, (&zero(&names), &zero(&names)), 50);
    let more = |counts: &[(&str, [f64; 2])]| {
        let all: Vec<_> = counts.iter().map(|(name, [n, e])| (*name, [1_000.0 + n, 900.0 + e])).collect();
        seen(&all)
    };
    let found = judge(&policy(), &mut state, (&more(stable), &more(candidate)), 50);
    (found, too_small(&policy(), &state))
}

#[test]
fn one_segment_that_fails_is_found_where_the_whole_does_not() {
    let good = [("eu", [9_000.0, 40.0]), ("us", [9_000.0, 45.0]), ("mt", [500.0, 2.0])];
    let bad = [("eu", [9_000.0, 40.0]), ("us", [9_000.0, 45.0]), ("mt", [500.0, 60.0])];
    assert_eq!(judged(&good, &good), (Judged::Within, None));
    let (found, _) = judged(&good, &bad);
    assert!(
        matches!(&found, Judged::Breached(why) if why.starts_with("`region` `mt`: 12 % of 500 requests failed")),
        "{found:?}"
    );
    let (found, _) = judged(&bad, &bad);
    assert!(matches!(&found, Judged::Shared(why) if why.contains("it is not the candidate")), "{found:?}");
}

#[test]
fn a_segment_that_is_too_small_is_said_and_does_not_hold() {
    let stable = [("eu", [9_000.0, 40.0]), ("us", [9_000.0, 45.0]), ("mt", [90.0, 0.0])];
    let candidate = [("eu", [9_000.0, 40.0]), ("us", [9_000.0, 45.0]), ("mt", [20.0, 1.0])];
    let (found, small) = judged(&stable, &candidate);
    assert_eq!(found, Judged::Within);
    assert_eq!(small.as_deref(), Some("too few requests to judge `region` `mt` (20)"));
    // Small or not, what mostly fails is found.
    let candidate = [("eu", [9_000.0, 40.0]), ("us", [9_000.0, 45.0]), ("mt", [20.0, 15.0])];
    assert!(matches!(judged(&stable, &candidate).0, Judged::Breached(_)));
}

#[test]
fn what_cannot_be_read_holds_and_more_segments_need_more_evidence() {
    let mut state = State::default();
    let broken = ArmSeen { segments: Err("no answer".into()), ..ArmSeen::default() };
    let found = judge(&policy(), &mut state, (&seen(&[]), &broken), 50);
    assert_eq!(found, Judged::Open("candidate by `region`: no answer".into()));
    assert_eq!(judge(&policy(), &mut state, (&broken, &seen(&[])), 100), Judged::Within);
    let many: Vec<String> = (0..=MOST).map(|at| format!("r{at}")).collect();
    let many: Vec<(&str, [f64; 2])> = many.iter().map(|name| (name.as_str(), [0.0; 2])).collect();
    let found = judge(&policy(), &mut state, (&seen(&many), &seen(&many)), 50);
    assert_eq!(found, Judged::Open("`region` has had over 50 values".into()));
    // The same counts are a breach of one segment of one, and none of one of fifty.
    let alone = |segments: usize| {
        let mut state = State::default();
        let names: Vec<String> = (0..segments).map(|at| format!("r{at}")).collect();
        let all = |counts: [f64; 2]| -> ArmSeen {
            let all: Vec<(&str, [f64; 2])> = names
                .iter()
                .enumerate()
                .map(|(at, name)| (name.as_str(), if at == 0 { counts } else { [0.0; 2] }))
                .collect();
            seen(&all)
        };
        judge(&policy(), &mut state, (&all([0.0; 2]), &all([0.0; 2])), 50);
        judge(&policy(), &mut state, (&all([400.0, 2.0]), &all([400.0, 21.0])), 50)
    };
    assert!(matches!(alone(1), Judged::Breached(_)), "{:?}", alone(1));
    assert!(!matches!(alone(50), Judged::Breached(_)), "{:?}", alone(50));
}
