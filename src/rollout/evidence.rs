//! What the numbers of a stage say: a limit is breached, nothing is decided, or all is within.

use std::collections::BTreeMap;

use super::policy::{GaugeLimit, HistogramLimit, Policy};
use super::seen::{ArmSeen, Reading, Seen};
use super::slow::{Slow, SlowCounts, SlowState, SlowStratum};
use super::state::{GaugeWindow, State, Stratum};
use crate::stats::inference::arms::{Hits, at_least, risk_ratio, strata_greater, wilson_lower};
use crate::support::words::number;

/// Requests after which an error rate above a half ends it at once.
const AT_ONCE: u64 = 20;
/// Evaluations in a row that breach a limit on a gauge, each of samples of its own.
const IN_A_ROW: u32 = 3;
/// A ratio that is no less likely than this among equal arms, or that so few errors make, is no sign of anything: one error
/// beside none is infinitely more, and no reason to wait.
const CHANCE: f64 = 0.1;
const FEW: u64 = 3;

/// What a look says of one limit, or of all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judged {
    Breached(String),
    /// Beyond a limit, and stable is so too: nothing says that it is the candidate.
    Shared(String),
    /// Why it cannot be said.
    Open(String),
    Within,
}

impl Judged {
    /// The worse of the two.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Breached(why), _) | (_, Self::Breached(why)) => Self::Breached(why),
            (Self::Shared(why), _) | (_, Self::Shared(why)) => Self::Shared(why),
            (Self::Open(why), _) | (_, Self::Open(why)) => Self::Open(why),
            _ => Self::Within,
        }
    }
}

/// Requests and errors of both variants, of all traffic or of a segment, and the alpha of one test.
pub struct ErrorCounts<'a> {
    pub current: &'a Stratum,
    pub earlier: &'a [Stratum],
    pub alpha: f64,
}

/// The candidate's errors, by themselves and beside stable's.
pub fn errors(policy: &Policy, state: &State, weight: u8) -> Judged {
    let counts = ErrorCounts { current: &state.current, earlier: &state.earlier, alpha: policy.alpha() };
    judge_errors(policy, &counts, weight)
}

/// As [`errors`], of a part of the traffic too.
pub fn judge_errors(policy: &Policy, counts: &ErrorCounts, weight: u8) -> Judged {
    let (own, stable) = (counts.current.candidate.hits(), counts.current.stable.hits());
    let is_most = |arm: Hits| arm.trials >= AT_ONCE && 2 * arm.hits > arm.trials;
    let at_once = if is_most(own) {
        let said = format!("{} of {} requests failed", own.hits, own.trials);
        breach(said, is_most(stable).then(|| format!("{} of {}", stable.hits, stable.trials)))
    } else {
        by_itself(policy, counts, own)
    };
    at_once.and(beside(policy, counts, weight))
}

/// A limit that is broken, by stable too where it is said how.
pub fn breach(said: String, stable: Option<String>) -> Judged {
    match stable {
        Some(stable) => Judged::Shared(format!("{said}; stable {stable} too: it is not the candidate")),
        None => Judged::Breached(said),
    }
}

fn by_itself(policy: &Policy, counts: &ErrorCounts, own: Hits) -> Judged {
    let Some(max) = policy.limits.max_error_rate else { return Judged::Within };
    let alpha = counts.alpha;
    let shown = |arm: Hits| format!("{} % of {}", number(100.0 * arm.share(), &[100.0 * max]), arm.trials);
    let said = |arm: Hits| format!("{} requests failed", shown(arm));
    if is_beyond(own, max, alpha) {
        let stable = counts.current.stable.hits();
        let said = format!("{}, at most {} % may", said(own), number(100.0 * max, &[]));
        return breach(said, is_beyond(stable, max, alpha).then(|| shown(stable)));
    }
    if own.trials > 0 && own.share() > max {
        return Judged::Open(format!(
            "{}, at most {} % may, which is not sure yet",
            said(own),
            number(100.0 * max, &[])
        ));
    }
    Judged::Within
}

/// Whether more requests fail than may. Wilson's bound alone is too high where few errors are expected (one of ten is
/// beyond 1 % at an alpha of 0.0025), so that as many errors must be as unlikely by the binomial law itself.
fn is_beyond(arm: Hits, max: f64, alpha: f64) -> bool {
    wilson_lower(arm, alpha) > max && at_least(arm, max) < alpha
}

/// Whether the candidate's errors are as many more than stable's as they may not be.
fn beside(policy: &Policy, counts: &ErrorCounts, weight: u8) -> Judged {
    let Some(max) = policy.limits.max_ratio else { return Judged::Within };
    let pair = |stratum: &Stratum| (stratum.candidate.hits(), stratum.stable.hits());
    let strata = counts.earlier.iter().chain([counts.current]).map(pair).collect();
    let has_max = policy.limits.max_error_rate.is_some();
    let alpha = counts.alpha;
    compare(policy, Comparison { strata, alpha, max, weight, has_max, what: "it fails", other: "stable" })
}

/// Both variants, step by step, the current one last, and how many times stable's share the candidate's may be.
struct Comparison {
    strata: Vec<(Hits, Hits)>,
    alpha: f64,
    max: f64,
    weight: u8,
    /// Whether a limit on the candidate by itself decides where there is nothing to compare with.
    has_max: bool,
    /// `it fails` … as often as `stable`.
    what: &'static str,
    other: &'static str,
}

/// At 100 % stable is what it was before.
fn compare(policy: &Policy, comparison: Comparison) -> Judged {
    let Comparison { mut strata, alpha, max, weight, has_max, what, other } = comparison;
    if weight == 100 {
        let current = strata.pop().unwrap_or_default();
        let stable = strata.iter().fold(Hits::default(), |all, (_, stable)| Hits {
            hits: all.hits + stable.hits,
            trials: all.trials + stable.trials,
        });
        strata = vec![(current.0, stable)];
    }
    let all = |pick: fn(&(Hits, Hits)) -> Hits| -> u64 { strata.iter().map(|pair| pick(pair).trials).sum() };
    let (own, stable) = (all(|pair| pair.0), all(|pair| pair.1));
    if stable < policy.min_requests {
        // Where all of the traffic is the candidate's, no more will come, and the limit by itself decides.
        return if weight == 100 && has_max {
            Judged::Within
        } else {
            Judged::Open(format!("{stable} requests of stable are too few to compare with"))
        };
    }
    let Some(ratio) = risk_ratio(&strata).filter(|ratio| *ratio > max) else { return Judged::Within };
    let p = strata_greater(&strata);
    let times = if ratio.is_finite() { format!("{} times", number(ratio, &[max])) } else { "infinitely".to_owned() };
    let said = format!("{what} {times} as often as {other}, at most {} times may be", number(max, &[]));
    if p < alpha && own >= policy.min_requests && stable >= policy.min_requests {
        Judged::Breached(format!("{said} (p {p:.1e})"))
    } else if p < CHANCE && strata.iter().map(|(own, _)| own.hits).sum::<u64>() >= FEW {
        Judged::Open(format!("{said}, which is not sure yet"))
    } else {
        Judged::Within
    }
}

/// The candidate's answers beyond limits on histograms, by themselves and beside stable's; adds what came since.
pub fn slow(policy: &Policy, state: &mut State, seen: &Seen, weight: u8) -> Judged {
    let mut all = Judged::Within;
    for limit in &policy.limits.histograms {
        let name = &limit.name;
        let track = state.slow.entry(name.clone()).or_default();
        let (own, stable) =
            (counted(&seen.candidate, name, track.candidate), counted(&seen.stable, name, track.stable));
        track.count(stable.clone().ok(), own.clone().ok(), weight);
        let judged = beyond_histogram(policy, limit, track, weight);
        all = all.and(match (own, stable) {
            (Err(why), _) => Judged::Open(format!("{name}: {why}")),
            (_, Err(why)) if limit.max_ratio.is_some() && weight < 100 => {
                Judged::Open(format!("{name} of stable: {why}"))
            }
            _ => Judged::Within,
        });
        all = all.and(judged);
    }
    all
}

/// Answers that are possibly beyond the limit of a histogram, where they are too many and those that surely are not.
pub fn between_boundaries(limit: &HistogramLimit, own: SlowCounts) -> Option<String> {
    let HistogramLimit { name, max, max_share, .. } = limit;
    if own.all == 0 || own.possibly().share() <= *max_share || own.surely().share() > *max_share {
        return None;
    }
    let percent = |share: f64| number(100.0 * share, &[100.0 * max_share]);
    Some(format!(
        "{name}: {} % of {} answers are beyond {}, and possibly {} %, at most {} % may: {} lies between two boundaries of its \
         buckets",
        percent(own.surely().share()),
        own.all,
        number(*max, &[]),
        percent(own.possibly().share()),
        number(100.0 * max_share, &[]),
        number(*max, &[])
    ))
}

/// A histogram's counters; those that have not counted yet are 0, and those that did and are gone are no data.
///
/// # Errors
/// Why they cannot be counted.
pub fn counted(seen: &ArmSeen, name: &str, before: Option<Slow>) -> Result<Slow, String> {
    match seen.slow.get(name) {
        Some(Reading::Value(slow)) => Ok(*slow),
        Some(Reading::Absent) if before.is_some_and(|before| before.all > 0.0) => {
            Err("its buckets are gone".to_owned())
        }
        Some(Reading::Absent) => Ok(Slow::default()),
        Some(Reading::Unexplained(why) | Reading::Unusable(why)) => Err(why.clone()),
        None => Err("no data".to_owned()),
    }
}

fn beyond_histogram(policy: &Policy, limit: &HistogramLimit, track: &SlowState, weight: u8) -> Judged {
    let HistogramLimit { name, max, max_share, max_ratio } = limit;
    let (own, stable) = (track.current.candidate, track.current.stable);
    let limit_said = format!("at most {} % may", number(100.0 * max_share, &[]));
    let said = |hits: Hits| {
        let share = number(100.0 * hits.share(), &[100.0 * max_share]);
        format!("{name}: {share} % of {} answers are beyond {}", hits.trials, number(*max, &[]))
    };
    let beside = max_ratio.map_or(Judged::Within, |max| {
        let pair = |stratum: &SlowStratum| (stratum.candidate.surely(), stratum.stable.surely());
        let strata = track.earlier.iter().chain([&track.current]).map(pair).collect();
        compare(
            policy,
            Comparison {
                strata,
                alpha: policy.alpha(),
                max,
                weight,
                has_max: true,
                what: "its answers are slow",
                other: "stable's",
            },
        )
    });
    if is_beyond(own.surely(), *max_share, policy.alpha()) {
        let shown = |hits: Hits| format!("{} % of {}", number(100.0 * hits.share(), &[100.0 * max_share]), hits.trials);
        let too = is_beyond(stable.surely(), *max_share, policy.alpha()).then(|| shown(stable.surely()));
        return breach(format!("{}, {limit_said}", said(own.surely())), too).and(beside);
    }
    let by_itself = if own.all < policy.min_requests {
        Judged::Open(format!("{name}: {} answers in the histogram, {} are needed", own.all, policy.min_requests))
    } else if own.surely().share() > *max_share {
        Judged::Open(format!("{}, {limit_said}, which is not sure yet", said(own.surely())))
    } else {
        between_boundaries(limit, own).map_or(Judged::Within, Judged::Open)
    };
    beside.and(by_itself)
}

/// The log of the candidate's predictions; counts how many looks in a row a check fails.
pub fn log(policy: &Policy, state: &mut State, judged: &BTreeMap<String, Result<Option<String>, String>>) -> Judged {
    let mut all = Judged::Within;
    for (check, came_to) in judged {
        let name = format!("log {check}");
        all = all.and(match came_to {
            Ok(Some(why)) => in_a_row(policy, state, &name, format!("in the log of predictions {why}")),
            Ok(None) => {
                state.beyond.remove(&name);
                Judged::Within
            }
            Err(why) => {
                state.beyond.remove(&name);
                Judged::Open(format!("the log of predictions: {why}"))
            }
        });
    }
    all
}

/// A limit that is broken now, and a breach if it was in the looks before.
fn in_a_row(policy: &Policy, state: &mut State, name: &str, said: String) -> Judged {
    let looks = state.beyond.entry(name.to_owned()).or_default();
    if state.current.candidate.requests >= policy.min_requests {
        *looks += 1;
    }
    if *looks >= IN_A_ROW { Judged::Breached(format!("{said}, in {looks} looks in a row")) } else { Judged::Open(said) }
}

/// The candidate's gauges; counts how many evaluations in a row one is beyond its limit.
pub fn gauges(policy: &Policy, state: &mut State, seen: &Seen, weight: u8) -> Judged {
    let mut all = Judged::Within;
    for limit in &policy.limits.gauges {
        all = all.and(gauge(limit, state, seen, weight));
    }
    all
}

fn gauge(limit: &GaugeLimit, state: &mut State, seen: &Seen, weight: u8) -> Judged {
    let name = &limit.name;
    let read = |arm: &ArmSeen| match arm.gauges.get(name) {
        Some(Reading::Value(value)) => Ok(*value),
        Some(Reading::Unusable(why) | Reading::Unexplained(why)) => Err(format!("{name}: {why}")),
        _ => Err(format!("{name}: no data")),
    };
    let value = match read(&seen.candidate) {
        Ok(value) => value,
        Err(why) => {
            state.beyond.remove(name);
            return Judged::Open(why);
        }
    };
    let breach = match broken(limit, value, || read(&seen.stable), weight) {
        Ok(breach) => breach,
        Err(why) => return Judged::Open(format!("stable: {why}")),
    };
    let samples = match seen.candidate.samples.get(name) {
        None => state.current.candidate.requests as f64,
        Some(Reading::Value(samples)) => *samples,
        Some(Reading::Absent) => 0.0,
        Some(Reading::Unusable(why) | Reading::Unexplained(why)) => {
            return Judged::Open(format!("the count of {name}: {why}"));
        }
    };
    let is_counter = seen.candidate.samples.contains_key(name);
    let begun = GaugeWindow {
        at: state.stage_at.unwrap_or(seen.of),
        samples: if is_counter { samples } else { 0.0 },
        is_within: None,
    };
    let window = state.windows.entry(name.clone()).or_insert(begun);
    // A counter that began anew.
    window.samples = window.samples.min(samples);
    let new = samples - window.samples;
    // What two evaluations have in common is seen once.
    if seen.of - window.at < limit.window_seconds || new < limit.min_samples as f64 {
        return match (breach, window.is_within) {
            (Some(said), _) => Judged::Open(format!("{said}, which is not sure yet")),
            (None, Some(true)) => Judged::Within,
            (None, Some(false)) => {
                Judged::Open(format!("{name} was beyond its limit, and its next window is not over"))
            }
            (None, None) if new < limit.min_samples as f64 => {
                Judged::Open(format!("{name}: {new} new samples, {} are needed", limit.min_samples))
            }
            (None, None) => Judged::Open(format!("{name}: its first window of {} s is not over", limit.window_seconds)),
        };
    }
    *window = GaugeWindow { at: seen.of, samples, is_within: Some(breach.is_none()) };
    let Some(said) = breach else {
        state.beyond.remove(name);
        return Judged::Within;
    };
    let times = state.beyond.entry(name.clone()).or_default();
    *times += 1;
    if *times >= IN_A_ROW {
        Judged::Breached(format!("{said}, in {times} windows in a row"))
    } else {
        Judged::Open(said)
    }
}

/// Which limit a gauge's value breaks; an error where stable's cannot be read.
fn broken(
    limit: &GaugeLimit,
    value: f64,
    stable: impl FnOnce() -> Result<f64, String>,
    weight: u8,
) -> Result<Option<String>, String> {
    let name = &limit.name;
    let over = limit.max.is_some_and(|max| value > max);
    let under = limit.min.is_some_and(|min| value < min);
    if over || under {
        let bound = if over { limit.max } else { limit.min }.unwrap_or_default();
        let word = if over { "at most" } else { "at least" };
        return Ok(Some(format!("{name} is {}, {word} {} may be", number(value, &[bound]), number(bound, &[]))));
    }
    // At 100 % stable answers nobody, and its gauge is of nothing.
    let Some(max) = limit.max_ratio.filter(|_| weight < 100) else { return Ok(None) };
    let stable = stable()?;
    let is_over = if stable > 0.0 { value / stable > max } else { value > 0.0 };
    Ok(is_over.then(|| {
        let (value, other) = (number(value, &[]), number(stable, &[]));
        format!("{name} is {value}, and {other} of stable: at most {} times may be", number(max, &[]))
    }))
}

#[cfg(test)]
mod tests;
