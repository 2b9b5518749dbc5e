//! What the numbers of a stage say: a limit is breached, nothing is decided, or all is within.

use std::collections::BTreeMap;

use super::policy::Policy;
use super::seen::{ArmSeen, Reading};
use super::state::{Counts, State, Stratum};
use crate::inference::arms::{Hits, at_least, risk_ratio, strata_greater, wilson_lower};
use crate::words::number;

/// Requests after which an error rate above a half ends it at once.
const AT_ONCE: u64 = 20;
/// Looks in a row that breach a limit on a gauge.
const IN_A_ROW: u32 = 3;
/// A ratio that is no less likely than this among equal arms, or that so few errors make, is no sign of anything: one error
/// beside none is infinitely more, and no reason to wait.
const CHANCE: f64 = 0.1;
const FEW: u64 = 3;

/// What a look says of one limit, or of all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judged {
    Breached(String),
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
            (Self::Open(why), _) | (_, Self::Open(why)) => Self::Open(why),
            _ => Self::Within,
        }
    }
}

/// The candidate's errors, by themselves and beside stable's.
pub fn errors(policy: &Policy, state: &State, weight: u8) -> Judged {
    let own = state.current.candidate.hits();
    if own.trials >= AT_ONCE && 2 * own.hits > own.trials {
        return Judged::Breached(format!("{} of {} requests failed", own.hits, own.trials));
    }
    by_itself(policy, state, own).and(beside(policy, state, weight))
}

fn by_itself(policy: &Policy, state: &State, own: Hits) -> Judged {
    let Some(max) = policy.limits.max_error_rate else { return Judged::Within };
    let alpha = policy.alpha();
    let said =
        |arm: Hits| format!("{} % of {} requests failed", number(100.0 * arm.share(), &[100.0 * max]), arm.trials);
    if is_beyond(own, max, alpha) {
        let stable = state.current.stable.hits();
        let too = if is_beyond(stable, max, alpha) {
            format!("; stable is beyond it too: {}", said(stable))
        } else {
            String::new()
        };
        return Judged::Breached(format!("{}, at most {} % may{too}", said(own), number(100.0 * max, &[])));
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

/// At 100 % stable is what it was before.
fn beside(policy: &Policy, state: &State, weight: u8) -> Judged {
    let Some(max) = policy.limits.max_ratio else { return Judged::Within };
    let pair = |stratum: &Stratum| (stratum.candidate.hits(), stratum.stable.hits());
    let strata: Vec<(Hits, Hits)> = if weight == 100 {
        let stable = state.earlier.iter().fold(Counts::default(), |all, earlier| all.plus(earlier.stable));
        vec![(state.current.candidate.hits(), stable.hits())]
    } else {
        state.earlier.iter().chain([&state.current]).map(pair).collect()
    };
    let all = |pick: fn(&(Hits, Hits)) -> Hits| -> u64 { strata.iter().map(|pair| pick(pair).trials).sum() };
    let (own, stable) = (all(|pair| pair.0), all(|pair| pair.1));
    if stable < policy.min_requests {
        // Where all of the traffic is the candidate's, no more will come, and the limit by itself decides.
        return if weight == 100 && policy.limits.max_error_rate.is_some() {
            Judged::Within
        } else {
            Judged::Open(format!("{stable} requests of stable are too few to compare with"))
        };
    }
    let Some(ratio) = risk_ratio(&strata).filter(|ratio| *ratio > max) else { return Judged::Within };
    let p = strata_greater(&strata);
    let times = if ratio.is_finite() { format!("{} times", number(ratio, &[max])) } else { "infinitely".to_owned() };
    let said = format!("it fails {times} as often as stable, at most {} times may be", number(max, &[]));
    if p < policy.alpha() && own >= policy.min_requests && stable >= policy.min_requests {
        Judged::Breached(format!("{said} (p {p:.1e})"))
    } else if p < CHANCE && strata.iter().map(|(own, _)| own.hits).sum::<u64>() >= FEW {
        Judged::Open(format!("{said}, which is not sure yet"))
    } else {
        Judged::Within
    }
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

/// The candidate's gauges; counts how many looks in a row one is beyond its limit.
pub fn gauges(policy: &Policy, state: &mut State, seen: &ArmSeen) -> Judged {
    let mut all = Judged::Within;
    for limit in &policy.limits.gauges {
        let name = &limit.name;
        let value = match seen.gauges.get(name) {
            Some(Reading::Value(value)) => *value,
            Some(Reading::Unusable(why) | Reading::Unexplained(why)) => {
                state.beyond.remove(name);
                all = all.and(Judged::Open(format!("{name}: {why}")));
                continue;
            }
            _ => {
                state.beyond.remove(name);
                all = all.and(Judged::Open(format!("{name}: no data")));
                continue;
            }
        };
        let over = limit.max.is_some_and(|max| value > max);
        let under = limit.min.is_some_and(|min| value < min);
        if !over && !under {
            state.beyond.remove(name);
            continue;
        }
        let bound = if over { limit.max } else { limit.min }.unwrap_or_default();
        let word = if over { "at most" } else { "at least" };
        let said = format!("{name} is {}, {word} {} may be", number(value, &[bound]), number(bound, &[]));
        all = all.and(in_a_row(policy, state, name, said));
    }
    all
}
