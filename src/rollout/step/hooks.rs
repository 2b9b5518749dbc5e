//! Hooks that are due, one after the other: a rollout goes on when all of them said yes.

use std::ops::ControlFlow;

use super::end;
use crate::rollout::Effect;
use crate::rollout::hook::{CallId, HookPoint, HookReading, HookRecord, OnFailure};
use crate::rollout::policy::Policy;
use crate::rollout::seen::Seen;
use crate::rollout::state::{Outcome, State};
use crate::support::words::{code, number};

/// Breaks with what to do while a hook has not answered, and where one stops the rollout; continues when all have passed.
pub fn wait(policy: &Policy, mut state: State, seen: &Seen, at: HookPoint) -> ControlFlow<(State, Vec<Effect>), State> {
    for (index, hook) in policy.hooks.iter().enumerate().filter(|(_, hook)| hook.at == at) {
        let stage = state.stage;
        let is_it = |record: &HookRecord| record.hook == hook.name && record.stage == stage && record.at == at;
        let position = state.hooks.iter().position(is_it).unwrap_or_else(|| {
            state.hooks.push(HookRecord::new(hook, stage));
            state.hooks.len() - 1
        });
        let record = &mut state.hooks[position];
        if record.is_passed {
            continue;
        }
        state.hold_since = None;
        let since = record.since.map_or(seen.at, |since| since.min(seen.at));
        record.since = Some(since);
        let call = CallId { hook: index, stage, retries: record.retries };
        let reading = seen.hook.as_ref().filter(|own| own.call == call).map(|own| own.reading.clone());
        let (name, seconds) = (code(&hook.name), number(hook.timeout_seconds, &[]));
        // One that this process has not asked yet may have answered to an earlier one: it is asked before it is late.
        let is_late = reading.is_some() && seen.at - since > hook.timeout_seconds;
        if let Some(HookReading::Passed(answer) | HookReading::Refused(answer)) = &reading {
            (record.answered_at, record.answer) = (Some(seen.at), answer.clone());
        }
        let said = match reading.unwrap_or(HookReading::Pending) {
            HookReading::Passed(_) => {
                record.is_passed = true;
                continue;
            }
            HookReading::Unusable(why) => {
                return ControlFlow::Break(end(
                    state,
                    Outcome::Aborted,
                    format!("the hook {name} cannot be called: {why}"),
                ));
            }
            HookReading::Refused(answer) => {
                let outcome = match hook.on_failure {
                    OnFailure::Rollback => Some(Outcome::RolledBack),
                    OnFailure::Abort => Some(Outcome::Aborted),
                    OnFailure::Retry => is_late.then_some(Outcome::Aborted),
                };
                if let Some(outcome) = outcome {
                    let reason = format!("the hook {name} stopped the rollout: {answer}");
                    return ControlFlow::Break(end(state, outcome, reason));
                }
                (record.retries, record.run) = (record.retries.saturating_add(1), None);
                format!("the hook {name} does not let it pass yet: {answer}")
            }
            HookReading::NoAnswer(why) if is_late => {
                let reason = format!("the hook {name} gave no answer within {seconds} s: {why}");
                return ControlFlow::Break(end(state, Outcome::Aborted, reason));
            }
            _ if is_late => {
                let reason = format!("the hook {name} gave no answer within {seconds} s");
                return ControlFlow::Break(end(state, Outcome::Aborted, reason));
            }
            HookReading::NoAnswer(why) => format!("the hook {name} gave no answer yet: {why}"),
            HookReading::Started(run) => {
                record.run = Some(run);
                format!("the hook {name} waits for its workflow run {run}")
            }
            HookReading::Pending => format!("the hook {name} is called"),
        };
        state.said = said;
        return ControlFlow::Break((state, vec![Effect::Hook(index)]));
    }
    ControlFlow::Continue(state)
}
