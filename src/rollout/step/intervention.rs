//! A step that a person skips, or that waits for a person's approval.

use super::{end, hold, next_stage, pass};
use crate::rollout::Effect;
use crate::rollout::policy::Policy;
use crate::rollout::request::Request;
use crate::rollout::seen::Seen;
use crate::rollout::state::{Outcome, State};

/// On to the last stage, of which one interval is evaluated; a person promotes, and a breach before still rolls back.
pub fn skip(policy: &Policy, mut state: State, seen: &Seen, request: &Request) -> (State, Vec<Effect>) {
    let last = policy.stages.len() - 1;
    if state.stage == last {
        let elapsed = seen.of - state.stage_at.unwrap_or(seen.of);
        if elapsed < policy.interval_seconds {
            return (state, Vec::new());
        }
        // A person may skip time, and not what nobody saw.
        if state.current.candidate.requests == 0 && policy.stages[last].traffic.weight > 0 {
            return hold(policy, state, seen.at, "no request of it was counted at these weights yet".into());
        }
        return pass(policy, state, seen);
    }
    if let Err(why) = &seen.ready {
        return hold(policy, state, seen.at, format!("the candidate is not ready: {why}"));
    }
    let (from, to) = (policy.stages[state.stage].traffic, policy.stages[last].traffic);
    state.earlier.push(std::mem::take(&mut state.current));
    state.stage = last - 1;
    next_stage(&mut state);
    state.skipped_from = Some(from);
    state.said = format!("{}: on to {} %", request.words(), to.weight);
    (state, vec![Effect::Move(to)])
}

/// What has passed waits for a person, but not for ever.
pub fn await_approval(mut state: State, at: f64, seconds: f64) -> (State, Vec<Effect>) {
    state.hold_since = None;
    let since = *state.awaits_approval.get_or_insert(at);
    if at - since > seconds {
        return end(state, Outcome::Aborted, format!("the step was not approved within {seconds} s"));
    }
    state.said = "passed: it waits for approval by `mlgate approve`".into();
    (state, Vec::new())
}
