//! Who moved the traffic: a restart lost it, or an operator's hand is at the router. Pure.

use super::policy::Traffic;
use super::state::{Outcome, State};

/// What the router says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RouterState {
    pub traffic: Traffic,
    /// When it was asked, in seconds since 1970.
    pub at: f64,
    /// Seconds since its process began, where it tells.
    pub uptime: Option<f64>,
}

/// Returns what an operator did, in words: weights that the rollout did not set, and that no restart explains.
pub fn moved(stages: &[Traffic], state: &State, found: &RouterState) -> Option<String> {
    let wanted = *stages.get(state.stage)?;
    let before = before(stages, state);
    let is_undone = state.ended.as_ref().is_some_and(|ended| ended.outcome != Outcome::Promoted);
    // What was written down and not seen yet may be done or not.
    let is_ours = found.traffic == wanted
        || found.traffic == before && (is_undone || !state.is_set)
        || found.traffic == Traffic::STABLE && is_undone;
    if is_ours || is_restarted(state, found) {
        return None;
    }
    Some(format!(
        "an operator moved the traffic: the router gives the candidate {}, the rollout had set {}; it is left as it is",
        shown(found.traffic),
        shown(wanted)
    ))
}

/// Returns whether the router's process began after it was last seen to have its weights.
pub fn is_restarted(state: &State, found: &RouterState) -> bool {
    found.uptime.zip(state.seen_at).is_some_and(|(uptime, seen_at)| uptime < found.at - seen_at)
}

/// The traffic of the stage before.
pub fn before(stages: &[Traffic], state: &State) -> Traffic {
    if let Some(traffic) = state.skipped_from {
        return traffic;
    }
    let before = state.stage.checked_sub(1).and_then(|stage| stages.get(stage));
    before.copied().unwrap_or(Traffic::STABLE)
}

fn shown(traffic: Traffic) -> String {
    let copies = if traffic.mirror > 0 { format!(" and copies of {} %", traffic.mirror) } else { String::new() };
    format!("{} %{copies}", traffic.weight)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rollout::state::Ended;

    const STAGES: [Traffic; 3] = [Traffic::weight(10), Traffic::weight(50), Traffic::weight(100)];

    #[test]
    fn what_the_rollout_did_not_set_is_an_operators_unless_the_router_was_restarted() {
        let ended = |outcome| Some(Ended { outcome, reason: String::new() });
        let state = |is_set, ended| State { stage: 1, is_set, seen_at: Some(1_000.0), ended, ..State::default() };
        let check = |state: State, weight, uptime| {
            let found = RouterState { traffic: Traffic::weight(weight), at: 1_015.0, uptime };
            moved(&STAGES, &state, &found).is_some()
        };
        for (weight, is_operators) in [(50, false), (10, true), (0, true), (37, true), (100, true)] {
            assert_eq!(check(state(true, None), weight, None), is_operators, "{weight} %");
            assert_eq!(check(state(true, None), weight, Some(15.0)), is_operators, "{weight} %, not restarted");
            assert!(!check(state(true, None), weight, Some(14.0)), "{weight} %, restarted");
        }
        // The intention was written down, and not yet seen to be done.
        for (weight, is_operators) in [(50, false), (10, false), (0, true), (37, true)] {
            assert_eq!(check(state(false, None), weight, None), is_operators, "{weight} %");
        }
        // So was the end.
        for (weight, is_operators) in [(50, false), (10, false), (0, false), (37, true)] {
            assert_eq!(check(state(true, ended(Outcome::RolledBack)), weight, None), is_operators, "{weight} %");
        }
        assert!(check(state(true, ended(Outcome::Promoted)), 0, None));
    }
}
