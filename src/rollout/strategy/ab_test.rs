//! A/B test: users stay with their arm, and what they do is judged once, when the planned observations are in.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use super::Asked;
use crate::inference::arms::{Difference, Hits, Moments, sample_ratio, two_proportions, welch};
use crate::rollout::Effect;
use crate::rollout::evidence::Judged;
use crate::rollout::hook::HookPoint;
use crate::rollout::policy::{AbTest, Measure, Policy, Stage, Traffic};
use crate::rollout::seen::Seen;
use crate::rollout::state::{Outcome, State};
use crate::rollout::step::{end, hold, hooks, next_stage};
use crate::words::{count, number};

/// Units that came to an arm, its observations, and what was seen of them: the names of the counters.
pub const UNIT: &str = "unit";
pub const TRIALS: &str = "trials";
pub const SUCCESSES: &str = "successes";
pub const COUNT: &str = "count";
pub const SUM: &str = "sum";
pub const SQUARES: &str = "sum_of_squares";

/// Arms that are this unlikely to be of the planned sizes are not comparable
/// ([Fabijan et al., KDD 2019](https://doi.org/10.1145/3292500.3330722)).
const MISMATCH: f64 = 0.001;

pub fn stages(asked: &Asked) -> Vec<Stage> {
    let stage = |weight, seconds| Stage {
        traffic: Traffic::weight(weight),
        seconds,
        needs_ready: false,
        approval_seconds: None,
    };
    vec![stage(asked.share, asked.step_seconds), stage(100, asked.step_seconds)]
}

/// Adds what came since the last look; where the count of an arm fell, all of its counters began anew.
pub fn add(counts: &mut BTreeMap<String, f64>, before: &BTreeMap<String, f64>, now: &BTreeMap<String, f64>) {
    let fell = |name: &str| now.get(name).zip(before.get(name)).is_some_and(|(now, before)| now < before);
    let is_new = [UNIT, TRIALS, COUNT].iter().any(|name| fell(name));
    for (name, value) in now {
        let since = if is_new { *value } else { value - before.get(name).copied().unwrap_or_default() };
        *counts.entry(name.clone()).or_default() += since;
    }
}

/// Judges once, when all is in; until then it waits.
pub fn judge(policy: &Policy, mut state: State, seen: &Seen, judged: Judged) -> (State, Vec<Effect>) {
    let Some(test) = &policy.ab_test else {
        return end(state, Outcome::Aborted, "nothing says what is compared".into());
    };
    let of = |arm: &BTreeMap<String, f64>, name: &str| arm.get(name).copied().unwrap_or_default();
    let observed = match test.measure {
        Measure::Shares => TRIALS,
        Measure::Means => COUNT,
    };
    let (own, stable) = (of(&state.trial.candidate, observed), of(&state.trial.stable, observed));
    let least = own.min(stable);
    if (least as u64) < test.observations {
        // Observations that come in are progress; those that stopped are not waited for for ever.
        let before = std::mem::replace(&mut state.trial.observed, own + stable);
        let said = format!("{} of {} observations an arm", count(least as u64), count(test.observations));
        if own + stable > before {
            state.hold_since = None;
            state.said = said;
            return (state, Vec::new());
        }
        return hold(policy, state, seen.at, format!("{said}, and no more come in"));
    }
    let units = |arm: &BTreeMap<String, f64>| of(arm, if arm.contains_key(UNIT) { UNIT } else { observed }) as u64;
    let (own_units, stable_units) = (units(&state.trial.candidate), units(&state.trial.stable));
    let share = f64::from(policy.stages[state.stage].traffic.weight) / 100.0;
    let p = sample_ratio(own_units, stable_units, share);
    if p < MISMATCH {
        let reason = format!(
            "{} and {} units came to candidate and stable, {} % to the candidate was planned (p {p:.1e}): the arms are not comparable",
            count(own_units),
            count(stable_units),
            number(100.0 * share, &[])
        );
        return end(state, Outcome::Aborted, reason);
    }
    if let (None, Judged::Open(why)) = (&state.approval, judged) {
        state.is_inconclusive = true;
        return hold(policy, state, seen.at, why);
    }
    let found = difference(test, &state);
    let gain = if test.lower_is_better { -found.difference } else { found.difference };
    let said = format!("candidate less stable is {}, p {:.2e}", number(found.difference, &[0.0]), found.p);
    if !found.p.is_finite() || found.p >= test.alpha {
        return end(state, Outcome::RolledBack, format!("no difference: stable stays ({said})"));
    }
    if gain <= 0.0 {
        return end(state, Outcome::RolledBack, format!("stable is better ({said})"));
    }
    state = match hooks::wait(policy, state, seen, HookPoint::Step) {
        ControlFlow::Break(waits) => return waits,
        ControlFlow::Continue(next) => next,
    };
    state.earlier.push(state.current);
    next_stage(&mut state);
    state.said = format!("the candidate is better ({said}): on to 100 %");
    (state, vec![Effect::Move(Traffic::weight(100))])
}

fn difference(test: &AbTest, state: &State) -> Difference {
    let of = |arm: &BTreeMap<String, f64>, name: &str| arm.get(name).copied().unwrap_or_default();
    match test.measure {
        Measure::Shares => {
            let hits = |arm| {
                let trials = of(arm, TRIALS).max(0.0) as u64;
                Hits { hits: (of(arm, SUCCESSES).max(0.0) as u64).min(trials), trials }
            };
            two_proportions(hits(&state.trial.candidate), hits(&state.trial.stable))
        }
        Measure::Means => {
            let moments = |arm| Moments { count: of(arm, COUNT), sum: of(arm, SUM), sum_of_squares: of(arm, SQUARES) };
            let (own, stable) = (moments(&state.trial.candidate), moments(&state.trial.stable));
            // Values that do not vary are no sample: a sum that lost its digits, or counts nothing.
            if own.vary() && stable.vary() { welch(own, stable) } else { Difference { difference: 0.0, p: 1.0 } }
        }
    }
}
