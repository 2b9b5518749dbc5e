//! A/B test: users stay with their arm, and what they do is judged at every evaluation until the planned observations are in.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use super::Asked;
use crate::rollout::Effect;
use crate::rollout::evidence::Judged;
use crate::rollout::hook::HookPoint;
use crate::rollout::policy::{AbTest, Measure, Policy, Stage, Traffic};
use crate::rollout::seen::Seen;
use crate::rollout::state::{Outcome, State};
use crate::rollout::step::{end, hold, hooks, next_stage};
use crate::stats::inference::arms::{Difference, Hits, Moments, two_proportions, welch};
use crate::stats::inference::group_sequential::{
    Covariate, POWER, adjusted_welch, effect, left_by, observations, sequential_p, sequential_sample_ratio,
};
use crate::support::words::{count, metric, number};

/// Units that came to an arm, its observations, and what was seen of them: the names of the counters.
pub const UNIT: &str = "unit";
pub const TRIALS: &str = "trials";
pub const SUCCESSES: &str = "successes";
pub const COUNT: &str = "count";
pub const SUM: &str = "sum";
pub const SQUARES: &str = "sum_of_squares";
/// Of what every unit had before, and of its product with what is compared.
pub const COVARIATE: &str = "covariate.sum";
pub const COVARIATE_SQUARES: &str = "covariate.sum_of_squares";
pub const COVARIATE_PRODUCTS: &str = "covariate.sum_of_products";

/// Arms that are this unlikely to be of the planned sizes are not comparable
/// ([Fabijan et al., KDD 2019](https://doi.org/10.1145/3292500.3330722)).
const MISMATCH: f64 = 0.001;
/// Observations of stable by which a test may be planned.
const ENOUGH: f64 = 100.0;

type Counters = BTreeMap<String, f64>;

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

/// Judges what is in so far.
pub fn judge(policy: &Policy, mut state: State, seen: &Seen, judged: Judged) -> (State, Vec<Effect>) {
    let Some(test) = &policy.ab_test else {
        return end(state, Outcome::Aborted, "nothing says what is compared".into());
    };
    let share = f64::from(policy.stages[state.stage].traffic.weight) / 100.0;
    if let Some(reason) = mismatch(test, &state, share) {
        return end(state, Outcome::Aborted, reason);
    }
    let counters = state.base.as_ref().map(|base| base.stable.trial.clone()).unwrap_or_default();
    let planned = match state.trial.planned.map_or_else(|| test.planned(&counters), Ok) {
        Ok(planned) => planned,
        Err(why) => return hold(policy, state, seen.at, why),
    };
    state.trial.planned = Some(planned);
    let observed = test.observed();
    let (own, stable) = (of(&state.trial.candidate, observed), of(&state.trial.stable, observed));
    let elapsed = seen.at - state.stage_at.unwrap_or(seen.at);
    let (least, is_due) = (own.min(stable), elapsed >= test.min_seconds);
    let duration = if is_due { 1.0 } else { elapsed / test.min_seconds };
    let fraction = (least / planned as f64).min(duration).min(1.0);
    let Difference { difference, p } = test.difference(&state.trial.candidate, &state.trial.stable);
    let p = sequential_p(p, fraction);
    let gain = if test.lower_is_better { -difference } else { difference };
    let is_sure = p < test.alpha;
    let said = format!("candidate less stable is {}, p {p:.2e}", metric(difference, &[]));
    if is_sure && gain < 0.0 {
        return end(state, Outcome::RolledBack, format!("stable is better ({said})"));
    }
    let progress = format!("{} of {} observations an arm; {said}", count(least as u64), count(planned));
    if !(is_sure && is_due || fraction >= 1.0) {
        // Observations that come in are progress, and so is time that is left; those that stopped are not waited for for ever.
        let before = std::mem::replace(&mut state.trial.observed, own + stable);
        if own + stable > before || (least as u64 >= planned && !is_due) {
            state.hold_since = None;
            state.said = progress;
            return (state, Vec::new());
        }
        return hold(policy, state, seen.at, format!("{progress}, and no more come in"));
    }
    if !is_sure {
        // Nothing was found wrong with it.
        state.keeps_flag = true;
        return end(state, Outcome::NoDifference, format!("stable stays: neither is better ({said})"));
    }
    if let (None, Judged::Open(why)) = (&state.approval, judged) {
        state.is_inconclusive = true;
        return hold(policy, state, seen.at, why);
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

/// Units that do not come in the planned shares, as soon as that is sure.
fn mismatch(test: &AbTest, state: &State, share: f64) -> Option<String> {
    let units = |arm: &Counters| of(arm, if arm.contains_key(UNIT) { UNIT } else { test.observed() }).max(0.0) as u64;
    let (own, stable) = (units(&state.trial.candidate), units(&state.trial.stable));
    let p = sequential_sample_ratio(own, stable, share);
    (p < MISMATCH).then(|| {
        format!(
            "{} and {} units came to candidate and stable, {} % to the candidate was planned (p {p:.1e}): the arms are not comparable",
            count(own),
            count(stable),
            number(100.0 * share, &[])
        )
    })
}

fn of(arm: &Counters, name: &str) -> f64 {
    arm.get(name).copied().unwrap_or_default()
}

fn moments(arm: &Counters) -> Moments {
    Moments { count: of(arm, COUNT), sum: of(arm, SUM), sum_of_squares: of(arm, SQUARES) }
}

fn covariate(arm: &Counters) -> Covariate {
    Covariate {
        sum: of(arm, COVARIATE),
        sum_of_squares: of(arm, COVARIATE_SQUARES),
        sum_of_products: of(arm, COVARIATE_PRODUCTS),
    }
}

fn hits(arm: &Counters) -> Hits {
    let trials = of(arm, TRIALS).max(0.0) as u64;
    Hits { hits: (of(arm, SUCCESSES).max(0.0) as u64).min(trials), trials }
}

impl AbTest {
    /// The counter of observations.
    pub fn observed(&self) -> &'static str {
        match self.measure {
            Measure::Shares => TRIALS,
            Measure::Means => COUNT,
        }
    }

    /// Observations of each variant at which it ends, by stable's counters where they are planned by an effect.
    ///
    /// # Errors
    /// Stable has too few yet.
    pub fn planned(&self, stable: &Counters) -> Result<u64, String> {
        match (self.observations, self.minimum_effect) {
            (Some(observations), _) => Ok(observations),
            (None, Some(effect)) => {
                let variances = self.variances(stable, effect)?;
                Ok((observations(effect, variances, self.alpha).ceil() as u64).max(2))
            }
            (None, None) => Err("nothing says how many observations are needed".to_owned()),
        }
    }

    /// The difference that the planned observations find with a probability of 80 %.
    ///
    /// # Errors
    /// Stable has too few observations to say it.
    pub fn effect(&self, stable: &Counters, planned: u64) -> Result<f64, String> {
        let found = |at: f64| Ok(effect(planned as f64, self.variances(stable, at)?, self.alpha));
        // The variance of a share depends on the share that is found.
        (0..20).try_fold(0.0, |at, _| found(at))
    }

    /// The variances of one observation of both variants, added, where they differ by `effect`.
    fn variances(&self, stable: &Counters, effect: f64) -> Result<f64, String> {
        let seen = of(stable, self.observed());
        let too_few = || format!("stable has {} observations, and {ENOUGH} are needed to plan by", number(seen, &[]));
        match self.measure {
            _ if seen < ENOUGH => Err(too_few()),
            Measure::Shares => {
                let p = hits(stable).share();
                let gained = if self.lower_is_better { p - effect } else { p + effect };
                let q = if (0.0..=1.0).contains(&gained) { gained } else { p + p - gained }.clamp(0.0, 1.0);
                let variances = p * (1.0 - p) + q * (1.0 - q);
                if variances > 0.0 {
                    Ok(variances)
                } else {
                    Err(format!("all of stable's observations are alike: {p}"))
                }
            }
            Measure::Means if !moments(stable).vary() => Err("stable's values do not vary".to_owned()),
            Measure::Means => Ok(2.0 * moments(stable).variance() * left_by(moments(stable), covariate(stable))),
        }
    }

    /// The candidate less stable.
    fn difference(&self, candidate: &Counters, stable: &Counters) -> Difference {
        let none = Difference { difference: 0.0, p: 1.0 };
        match self.measure {
            Measure::Shares => {
                let (own, stable) = (hits(candidate), hits(stable));
                if own.trials > 0 && stable.trials > 0 { two_proportions(own, stable) } else { none }
            }
            // Values that do not vary are no sample: a sum that lost its digits, or counts nothing.
            Measure::Means if !(moments(candidate).vary() && moments(stable).vary()) => none,
            Measure::Means if candidate.contains_key(COVARIATE) => {
                adjusted_welch((moments(candidate), covariate(candidate)), (moments(stable), covariate(stable)))
            }
            Measure::Means => welch(moments(candidate), moments(stable)),
        }
    }

    /// What the test needs, as it is shown before it begins; `rate` are observations a second of both variants together.
    ///
    /// # Errors
    /// It cannot be planned.
    pub fn describe(&self, stable: &Counters, share: f64, rate: Option<f64>) -> Result<String, String> {
        let planned = self.planned(stable)?;
        let power = number(100.0 * POWER, &[]);
        let mut said = match self
            .minimum_effect
            .filter(|_| self.observations.is_none())
            .map_or_else(|| self.effect(stable, planned), Ok)
        {
            Ok(effect) => format!(
                "{} observations of each variant find a difference of {} with a probability of {power} %",
                count(planned),
                metric(effect, &[])
            ),
            Err(why) => format!(
                "{} observations of each variant; which difference they find is not known: {why}",
                count(planned)
            ),
        };
        let smaller = share.min(1.0 - share);
        if let Some(rate) = rate.filter(|rate| *rate > 0.0) {
            let seconds = (planned as f64 / (rate * smaller)).max(self.min_seconds);
            said.push_str(&format!("; at {} a second about {seconds:.0} s", number(rate, &[])));
        }
        said.push_str(&format!("; at least {} s before the candidate wins", number(self.min_seconds, &[])));
        Ok(said)
    }
}

#[cfg(test)]
mod tests;
