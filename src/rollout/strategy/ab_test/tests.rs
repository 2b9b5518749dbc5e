//! How an A/B test is planned, how early it ends, and how often it errs.

use super::*;
use crate::stats::inference::simulated::share;

fn shares() -> AbTest {
    AbTest {
        observations: None,
        minimum_effect: Some(0.02),
        min_seconds: 600.0,
        measure: Measure::Shares,
        alpha: 0.05,
        lower_is_better: false,
    }
}

fn counters(pairs: &[(&str, f64)]) -> Counters {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect()
}

#[test]
fn a_test_is_planned_by_the_effect_and_by_what_stable_has_shown() {
    let stable = counters(&[(TRIALS, 50_000.0), (SUCCESSES, 5_000.0)]);
    // tests/oracle/ab_test.py --simulate has the same number.
    assert_eq!(shares().planned(&stable), Ok(4_648));
    let given = AbTest { observations: Some(4_648), minimum_effect: None, ..shares() };
    assert!((given.effect(&stable, 4_648).unwrap() - 0.02).abs() < 1e-5);
    let said = shares().describe(&stable, 0.5, Some(4.0)).unwrap();
    assert_eq!(
        said,
        "4,648 observations of each variant find a difference of 0.02 with a probability of 80 %; at 4 a second about 2324 s; at least 600 s \
         before the candidate wins"
    );
    // A tenth of the users takes five times as long.
    assert!(shares().describe(&stable, 0.1, Some(4.0)).unwrap().contains("about 11620 s"));
    let few = shares().planned(&counters(&[(TRIALS, 99.0), (SUCCESSES, 9.0)]));
    assert_eq!(few, Err("stable has 99 observations, and 100 are needed to plan by".to_owned()));
    assert!(shares().planned(&counters(&[(TRIALS, 500.0)])).is_ok());
    assert!(given.describe(&counters(&[]), 0.5, None).unwrap().contains("is not known"));
}

#[test]
fn a_covariate_that_explains_makes_a_test_shorter() {
    let test = AbTest { measure: Measure::Means, minimum_effect: Some(0.5), ..shares() };
    // y = x + noise, of x 1 to 1,000.
    let (mut sums, n) = ([0.0; 5], 1_000_u32);
    for at in 1..=n {
        let x = f64::from(at);
        let y = x + if at % 2 == 0 { 1.0 } else { -1.0 };
        for (sum, value) in sums.iter_mut().zip([y, y * y, x, x * x, x * y]) {
            *sum += value;
        }
    }
    let [y, yy, x, xx, xy] = sums;
    let plain = counters(&[(COUNT, f64::from(n)), (SUM, y), (SQUARES, yy)]);
    let mut adjusted = plain.clone();
    adjusted.extend(counters(&[(COVARIATE, x), (COVARIATE_SQUARES, xx), (COVARIATE_PRODUCTS, xy)]));
    let (plain, adjusted) = (test.planned(&plain).unwrap(), test.planned(&adjusted).unwrap());
    assert!(plain > 1_000_000 && adjusted < 200, "{plain} {adjusted}");
}

fn at(seconds: f64) -> Seen {
    Seen {
        at: seconds,
        of: seconds,
        traffic: Ok(Traffic::weight(50)),
        uptime: None,
        confirmation: crate::rollout::confirmation::Confirmation::Open,
        ready: Ok(()),
        stable: crate::rollout::ArmSeen::default(),
        candidate: crate::rollout::ArmSeen::default(),
        log: BTreeMap::new(),
        hook: None,
        stop: None,
    }
}

fn policy(test: AbTest) -> Policy {
    let asked = Asked { steps: vec![100], step_seconds: 60.0, bake_seconds: 60.0, share: 50 };
    Policy {
        strategy: crate::rollout::Strategy::AbTest,
        stages: stages(&asked),
        interval_seconds: 15.0,
        min_requests: 100,
        limits: crate::rollout::Limits::default(),
        no_data: crate::rollout::NoData::Hold,
        max_hold_seconds: 60.0,
        ab_test: Some(test),
        hooks: Vec::new(),
    }
}

/// What comes of so many successes of so many trials each, after so many seconds of a test of 5,000.
fn ends(candidate: [f64; 2], stable: [f64; 2], seconds: f64) -> (Option<Outcome>, String, usize) {
    let test = AbTest { observations: Some(5_000), ..shares() };
    let of = |[successes, trials]: [f64; 2]| counters(&[(TRIALS, trials), (SUCCESSES, successes)]);
    let mut state = State { stage_at: Some(0.0), ..State::default() };
    (state.trial.candidate, state.trial.stable) = (of(candidate), of(stable));
    let (state, _) = judge(&policy(test), state, &at(seconds), Judged::Within);
    (state.ended.map(|ended| ended.outcome), state.said, state.stage)
}

#[test]
fn it_ends_early_where_that_is_sure_and_never_promotes_before_its_time() {
    // Much worse is ended at once.
    let (outcome, said, _) = ends([100.0, 1_000.0], [300.0, 1_000.0], 200.0);
    assert_eq!(outcome, Some(Outcome::RolledBack), "{said}");
    // Much better wins early, and not before its time.
    assert_eq!(ends([300.0, 1_000.0], [100.0, 1_000.0], 200.0).2, 0);
    let (outcome, said, stage) = ends([300.0, 1_000.0], [100.0, 1_000.0], 600.0);
    assert_eq!((outcome, stage), (None, 1), "{said}");
    // What a single look would have called a difference goes on.
    let (outcome, said, stage) = ends([240.0, 2_000.0], [190.0, 2_000.0], 600.0);
    assert_eq!((outcome, stage), (None, 0), "{said}");
    assert!(
        said.starts_with("2,000 of 5,000 observations an arm; candidate less stable is 0.025, p 2.13e-1"),
        "{said}"
    );
    assert_eq!(ends([500.0, 5_000.0], [505.0, 5_000.0], 600.0).0, Some(Outcome::NoDifference));
    // All observations, and not yet the time: another day of the week may differ.
    assert_eq!(ends([500.0, 5_000.0], [505.0, 5_000.0], 300.0).0, None);
    // Nobody came to stable.
    assert_eq!(ends([0.0, 0.0], [0.0, 0.0], 10.0).0, None);
}

#[test]
fn units_in_other_shares_end_it_before_the_end() {
    let (outcome, said, _) = ends([60.0, 600.0], [30.0, 300.0], 100.0);
    assert_eq!(outcome, Some(Outcome::Aborted));
    assert!(
        said.contains("600 and 300 units came to candidate and stable, 50 % to the candidate was planned"),
        "{said}"
    );
    assert_eq!(ends([60.0, 520.0], [30.0, 480.0], 100.0).0, None);
}

#[test]
fn it_rarely_finds_what_is_not_there_and_finds_what_it_is_planned_for() {
    let ends = |p: f64, draw: &mut crate::stats::inference::simulated::Draw| {
        let test = AbTest { observations: Some(1_000), min_seconds: 0.0, ..shares() };
        let policy = policy(test);
        let mut state = State { stage_at: Some(0.0), ..State::default() };
        let mut look = 0.0;
        loop {
            look += 15.0;
            for (arm, share) in [(&mut state.trial.candidate, p), (&mut state.trial.stable, 0.2)] {
                let hits = (0..50).filter(|_| draw.uniform() < share).count() as f64;
                *arm.entry(TRIALS.into()).or_default() += 50.0;
                *arm.entry(SUCCESSES.into()).or_default() += hits;
            }
            let (next, _) = judge(&policy, state, &at(look), Judged::Within);
            if next.ended.is_some() || next.stage == 1 {
                return next.ended.map_or(Outcome::Promoted, |ended| ended.outcome);
            }
            state = next;
        }
    };
    let found = share(400, |draw| ends(0.2, draw) != Outcome::NoDifference);
    assert!(found < 0.075, "{found}");
    let effect = AbTest { observations: None, ..shares() };
    let effect = effect.effect(&counters(&[(TRIALS, 1e5), (SUCCESSES, 2e4)]), 1_000).unwrap();
    let found = share(400, |draw| ends(0.2 + effect, draw) == Outcome::Promoted);
    assert!(found > 0.78, "{found}");
}
