//! Errors and slow answers of what is in production or in an A/B test, tested at every evaluation for as long as it is there.
//!
//! A rollout spends its alpha over the evaluations that it plans. `watch` plans none, and an A/B test ends when it has seen enough:
//! there each limit has one test that stays valid however often it is read ([`ChangeTest`]).

use serde::{Deserialize, Serialize};

use super::evidence::{Judged, between_boundaries, breach, counted};
use super::policy::{HistogramLimit, Policy, Strategy};
use super::seen::Seen;
use super::slow::SlowStratum;
use super::state::{State, Stratum};
use crate::stats::inference::arms::{Hits, exact_upper};
use crate::stats::inference::change::{ChangeTest, Recent, Trials};
use crate::support::words::{metric, number};

/// More than this share of errors is too many whatever the limits are.
const MOST: f64 = 0.5;
/// A p that is larger is no news.
const NEWS: f64 = 0.5;

/// The test of one limit: evidence against one limit says nothing of another one.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct LimitTest {
    limit: f64,
    test: ChangeTest,
}

/// What came since the last evaluation, and what stable did during the rollout.
#[derive(Debug, Clone, Copy)]
struct Counts {
    own: Hits,
    stable: Hits,
    stable_before: Hits,
}

/// A limit on a share, and how it is said.
struct Limit<'a> {
    name: &'a str,
    max: Option<f64>,
    max_ratio: Option<f64>,
    /// `requests failed`.
    what: &'a str,
}

/// Errors since the last evaluation.
pub fn errors(policy: &Policy, state: &mut State, since: Stratum, at: f64) -> Judged {
    let before = state.earlier.iter().fold(Hits::default(), |all, stratum| plus(all, stratum.stable.hits()));
    let counts = Counts { own: since.candidate.hits(), stable: since.stable.hits(), stable_before: before };
    let max = policy.limits.max_error_rate.unwrap_or(MOST).min(MOST);
    let limit = Limit { name: "errors", max: Some(max), max_ratio: policy.limits.max_ratio, what: "requests failed" };
    judge(policy, state, &limit, counts, at)
}

/// Answers beyond limits on histograms since the last evaluation; adds them.
pub fn slow(policy: &Policy, state: &mut State, seen: &Seen, weight: u8) -> Judged {
    let mut all = Judged::Within;
    for histogram in &policy.limits.histograms {
        let HistogramLimit { name, max, max_share, max_ratio } = histogram;
        let track = state.slow.entry(name.clone()).or_default();
        let (own, stable) =
            (counted(&seen.candidate, name, track.candidate), counted(&seen.stable, name, track.stable));
        let SlowStratum { stable: beside, candidate: since } = track.count(stable.ok(), own.clone().ok(), weight);
        let before = track.earlier.iter().fold(Hits::default(), |all, stratum| plus(all, stratum.stable.surely()));
        let between = between_boundaries(histogram, track.current.candidate);
        let counts = Counts { own: since.surely(), stable: beside.surely(), stable_before: before };
        let what = format!("answers are beyond {} of {name}", number(*max, &[]));
        let limit = Limit { name, max: Some(*max_share), max_ratio: *max_ratio, what: &what };
        all = all.and(judge(policy, state, &limit, counts, seen.of));
        all = all.and(match (own, between) {
            (Err(why), _) => Judged::Open(format!("{name}: {why}")),
            (Ok(_), Some(why)) => Judged::Open(why),
            (Ok(_), None) => Judged::Within,
        });
    }
    all
}

fn judge(policy: &Policy, state: &mut State, limit: &Limit, counts: Counts, at: f64) -> Judged {
    let alpha = policy.watch_alpha();
    if let (Some(max), true) = (limit.max, is_trial(policy)) {
        let trials = Trials { tested: counts.stable, limit: max, own: counts.stable, at };
        add(state, of_stable(limit.name), max, trials);
    }
    let by_itself = limit.max.map_or(Judged::Within, |max| {
        let trials = Trials { tested: counts.own, limit: max, own: counts.own, at };
        let test = add(state, limit.name.to_owned(), max, trials);
        let judged = said(test, alpha, limit.what, &format!("at most {} % may", percent(max)));
        // In an A/B test stable is held to it as well.
        match judged {
            Judged::Breached(why) if is_trial(policy) => breach(why, stable_beyond(state, limit.name)),
            judged => judged,
        }
    });
    by_itself.and(limit.max_ratio.map_or(Judged::Within, |max| beside(policy, state, limit, max, counts, at)))
}

/// Whether stable has a planned part of the traffic.
fn is_trial(policy: &Policy) -> bool {
    policy.strategy == Strategy::AbTest
}

fn of_stable(name: &str) -> String {
    format!("{name} of stable")
}

/// How much stable is beyond a limit, where it seems to be: one of the two is sure of it first.
fn stable_beyond(state: &State, name: &str) -> Option<String> {
    let kept = state.tests.get(&of_stable(name))?;
    (kept.test.p() <= NEWS).then(|| share_of(kept.test.recent().own))
}

/// Beside stable: what it answers at the same time where that is enough, else what it did during the rollout.
fn beside(policy: &Policy, state: &mut State, limit: &Limit, max: f64, counts: Counts, at: f64) -> Judged {
    let Counts { own, stable, stable_before } = counts;
    // Half for stable's share, which is not known either, and half for the candidate's.
    let alpha = policy.watch_alpha() / 2.0;
    let name = format!("{} beside stable", limit.name);
    let enough = if is_trial(policy) { 1 } else { policy.min_requests };
    if stable.trials >= enough {
        // Of two shares with the ratio `max`, this is the candidate's part of all hits: the mean of the likelihood ratio is
        // at most 1 for binomial counts too, not only for Poisson's.
        let part = max * own.trials as f64 / (max * own.trials as f64 + stable.trials as f64);
        let tested = Hits { hits: own.hits, trials: own.hits + stable.hits };
        let test = add(state, name, max, Trials { tested, limit: part, own, at });
        let other = format!("more than {} times as often as stable's {}", number(max, &[]), share_of(stable));
        return said(test, alpha, limit.what, &other);
    }
    if stable_before.trials < policy.min_requests {
        return if limit.max.is_some() {
            Judged::Within
        } else {
            Judged::Open(format!("{} requests of stable are too few to compare with", stable_before.trials))
        };
    }
    let most = max * exact_upper(stable_before, alpha);
    let test = add(state, name, max, Trials { tested: own, limit: most, own, at });
    let times = number(max, &[]);
    let other = format!(
        "at most {} % may: {times} times what stable's did during the rollout, {}",
        percent(most),
        share_of(stable_before)
    );
    said(test, alpha, limit.what, &other)
}

/// Adds an evaluation to the test of a limit; begins anew where it is another limit than before.
fn add(state: &mut State, name: String, limit: f64, trials: Trials) -> &ChangeTest {
    let kept = state.tests.entry(name).or_default();
    if kept.limit != limit {
        *kept = LimitTest { limit, test: ChangeTest::default() };
    }
    kept.test.add(trials);
    &kept.test
}

fn said(test: &ChangeTest, alpha: f64, what: &str, other: &str) -> Judged {
    let (p, recent) = (test.p(), test.recent());
    if p > NEWS {
        return Judged::Within;
    }
    let Recent { own, since, at, .. } = recent;
    let said = if own.trials > 0 {
        let time = since.zip(at).map_or(String::new(), |(since, at)| format!(" in the last {:.0} s", at - since));
        format!("{} % of {} {what}{time}, {other}", percent(own.share()), own.trials)
    } else {
        format!("too many {what}, {other}")
    };
    if p <= alpha {
        Judged::Breached(format!("{said} (p {p:.1e})"))
    } else {
        Judged::Open(format!("{said}, which is not sure yet (p {p:.2}, taken back at {})", number(alpha, &[])))
    }
}

fn share_of(hits: Hits) -> String {
    if hits.trials == 0 {
        return "none".to_owned();
    }
    format!("{} % of {}", percent(hits.share()), hits.trials)
}

fn percent(share: f64) -> String {
    metric(100.0 * share, &[])
}

fn plus(one: Hits, other: Hits) -> Hits {
    Hits { hits: one.hits + other.hits, trials: one.trials + other.trials }
}
