//! What `watch` says of production beside stable, and of what its journal kept.

use rand_core::SeedableRng;
use rand_pcg::Pcg64Mcg;

use super::rates::{Production, plan};
use super::*;
use crate::rollout::state::Raw;

fn ended(found: &Found) -> &str {
    match found {
        Found::Wrong(ended) => &ended.reason,
        other => panic!("{other:?}"),
    }
}

/// Evaluations of 15 s until it is taken back, and what is said then.
fn course(production: &mut Production, plan: &RolloutPlan, served: [(u64, f64); 2], most: usize) -> (usize, Found) {
    let mut draw = Pcg64Mcg::seed_from_u64(1);
    let mut found = Found::InOrder(String::new());
    for evaluation in 0..most {
        production.pass(15.0, served, &mut draw);
        found = production.evaluate(plan);
        if matches!(found, Found::Wrong(_)) {
            return (evaluation, found);
        }
    }
    (most, found)
}

#[test]
fn a_breach_says_since_when_and_how_sure_it_is() {
    let plan = plan("  - error_rate: { max: 0.02 }\n");
    let mut production = Production::new();
    assert_eq!(course(&mut production, &plan, [(0, 0.0), (300, 0.01)], 2_000).0, 2_000);
    let (evaluations, found) = course(&mut production, &plan, [(0, 0.0), (300, 0.06)], 100);
    assert!(evaluations < 10, "{evaluations}");
    let reason = ended(&found);
    assert!(reason.contains("requests failed in the last"), "{reason}");
    assert!(reason.contains("at most 2 % may (p "), "{reason}");
}

#[test]
fn growing_evidence_is_said_before_it_is_enough() {
    let plan = plan("  - error_rate: { max: 0.02 }\n");
    let mut production = Production::new();
    let (_, found) = course(&mut production, &plan, [(0, 0.0), (100, 0.04)], 1);
    let Found::InOrder(said) = &found else { panic!("{found:?}") };
    assert!(said.contains("which is not sure yet (p ") && said.contains("taken back at 0.05"), "{said}");
}

#[test]
fn stable_that_answers_beside_is_what_is_compared_with() {
    let plan = plan("  - error_rate: { max: 0.5, max_ratio: 2 }\n");
    // A bad day for both is none of the candidate's.
    let mut production = Production::new();
    assert_eq!(course(&mut production, &plan, [(300, 0.2), (300, 0.25)], 500).0, 500);
    let (evaluations, found) = course(&mut production, &plan, [(300, 0.01), (300, 0.06)], 100);
    assert!(evaluations < 20, "{evaluations}");
    assert!(ended(&found).contains("more than 2 times as often as stable's"), "{found:?}");
}

#[test]
fn stable_during_the_rollout_is_a_limit_that_is_not_known_exactly() {
    let plan = plan("  - error_rate: { max: 0.5, max_ratio: 2 }\n");
    let stable = |errors| {
        let mut production = Production::new();
        let stable = Counts { requests: 2_000, errors };
        production.entry.state.earlier = vec![Stratum { stable, ..Stratum::default() }];
        production
    };
    assert_eq!(course(&mut stable(20), &plan, [(0, 0.0), (300, 0.02)], 2_000).0, 2_000);
    let (evaluations, found) = course(&mut stable(20), &plan, [(0, 0.0), (300, 0.06)], 100);
    assert!(evaluations < 20, "{evaluations}");
    let reason = ended(&found);
    assert!(reason.contains("2 times what stable's did during the rollout, 1 % of 2000"), "{reason}");
    // One error beside none is no ratio of infinity.
    assert_eq!(course(&mut stable(0), &plan, [(0, 0.0), (300, 0.001)], 500).0, 500);
}

#[test]
fn what_the_journal_keeps_between_runs_is_as_good_as_one_run() {
    let plan = plan("  - error_rate: { max: 0.02 }\n");
    let runs = |is_kept: bool| {
        let mut production = Production::new();
        for _ in 0..500 {
            course(&mut production, &plan, [(0, 0.0), (30, 0.01)], 1);
            let text = serde_json::to_string(&production.entry).unwrap();
            assert!(text.len() < 5_000, "{}", text.len());
            if is_kept {
                production.entry = serde_json::from_str(&text).unwrap();
            }
        }
        production.entry.state
    };
    assert_eq!(runs(true), runs(false));
    // An evaluation that was not written is made again with the next one, and counts once.
    let mut production = Production::new();
    let before = production.entry.clone();
    course(&mut production, &plan, [(0, 0.0), (200, 0.01)], 1);
    production.entry = before;
    course(&mut production, &plan, [(0, 0.0), (200, 0.01)], 1);
    assert_eq!(production.entry.state.current.candidate.requests, 400);
}

#[test]
fn evidence_against_one_limit_is_none_against_another() {
    let mut production = Production::new();
    let strict = plan("  - error_rate: { max: 0.02 }\n");
    course(&mut production, &strict, [(0, 0.0), (100, 0.06)], 1);
    assert!(production.entry.state.tests.contains_key("errors"));
    let loose = plan("  - error_rate: { max: 0.08 }\n");
    assert_eq!(course(&mut production, &loose, [(0, 0.0), (300, 0.04)], 500).0, 500);
}

#[test]
fn a_gauge_with_a_long_window_is_judged_too() {
    use crate::rollout::policy::GaugeLimit;
    let mut plan = plan("  - error_rate: { max: 0.02 }\n");
    plan.policy.limits.gauges = vec![GaugeLimit {
        name: "accuracy".into(),
        min: Some(0.9),
        max: None,
        max_ratio: None,
        min_samples: 100,
        window_seconds: 3_600.0,
    }];
    let mut production = Production::new();
    production.gauge = Some(0.8);
    let (evaluations, found) = course(&mut production, &plan, [(0, 0.0), (300, 0.01)], 2_000);
    // Three windows of an hour, of evaluations 15 s apart.
    assert!((700..=730).contains(&evaluations), "{evaluations}");
    assert!(ended(&found).contains("in 3 windows in a row"), "{found:?}");
}

#[test]
fn more_errors_than_not_are_too_many_without_a_limit() {
    let mut plan = plan("  - error_rate: { max_ratio: 2 }\n");
    plan.policy.limits.max_ratio = None;
    let mut production = Production::new();
    production.entry.state.base.as_mut().unwrap().candidate = Raw::default();
    let (evaluations, found) = course(&mut production, &plan, [(0, 0.0), (20, 0.9)], 20);
    assert!(evaluations < 5, "{evaluations}: {found:?}");
}
