//! What a watch makes of the journal and of one look. Pure.

use super::change;
use super::evidence::{self, Judged};
use super::journal::Entry;
use super::operator::{self, RouterState};
use super::request::{self, RequestKind};
use super::serving_version::{self, VersionCheck};
use super::state::{Counts, Ended, Outcome, State, Stratum};
use super::step::{BLIND, Uncounted, count, since};
use super::{NoData, Seen, Stop, Strategy, Traffic};
use crate::rollout::plan::RolloutPlan;
use crate::support::words::{code, count as counted};

/// The traffic of what was promoted.
pub const PRODUCTION: Traffic = Traffic::weight(100);

/// What the candidate gets after the end of a rollout.
pub fn production(entry: &Entry) -> Traffic {
    if entry.is_in_production() { PRODUCTION } else { Traffic::STABLE }
}

/// What a watch found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    InOrder(String),
    /// Nothing could be seen.
    Blind(String),
    /// A promotion that was done and not written down.
    Promoted,
    /// Stable must come back.
    Wrong(Ended),
    /// An operator moved the traffic, of a rollout that nobody carries on or of what was promoted: the journal is closed, and
    /// nothing is moved.
    Operator(Ended),
    /// The router was restarted since it was last seen to have the weights of a rollout, and does not give all of the traffic to
    /// production any more.
    Restarted,
}

/// Judges a look; the entry remembers what the next one needs.
pub fn next(plan: &RolloutPlan, entry: &mut Entry, seen: &Seen) -> Found {
    let wrong = |outcome: Outcome, reason: String| Found::Wrong(Ended { outcome, reason });
    if let Some(Stop::Person(why)) = &seen.stop {
        return wrong(Outcome::RolledBack, why.clone());
    }
    if entry.is_open() {
        // Until a later run evaluates it, nobody else takes it up.
        if entry.next_look_by.is_some() && entry.requests.iter().any(|asked| asked.kind == RequestKind::Abort) {
            request::take_up(entry, seen.at);
        }
        return abandoned(plan, entry, seen);
    }
    if !entry.is_in_production() {
        if let Some(found) = lost_stable(entry, seen) {
            return found;
        }
        let reason = entry.state.ended.as_ref().map_or("", |ended| ended.reason.as_str());
        return Found::InOrder(format!("there is nothing to watch: the last rollout was not promoted ({reason})"));
    }
    match &seen.traffic {
        Ok(traffic) if *traffic != PRODUCTION => return elsewhere(entry, seen, *traffic),
        Ok(_) => entry.state.seen_at = Some(seen.at),
        Err(_) => {}
    }
    let versions = serving_version::judge(seen, Traffic::weight(100));
    if let VersionCheck::Mismatch(why) = versions {
        // A deployment that does not follow the alias would not follow it back.
        let is_registry = plan.policy.strategy == Strategy::Registry;
        return if is_registry { Found::Blind(why) } else { wrong(Outcome::RolledBack, why) };
    }
    let state = &mut entry.state;
    if state.stage_at.is_some() {
        // From the end of the rollout on.
        *state = State {
            ended: state.ended.clone(),
            blind: state.blind,
            base: state.base.clone(),
            seen_at: state.seen_at,
            hooks: std::mem::take(&mut state.hooks),
            earlier: vec![stable_before(state)],
            slow: state.slow.iter().map(|(name, slow)| (name.clone(), slow.stable_before())).collect(),
            ..State::default()
        };
    }
    state.looks += 1;
    let base = state.base.clone();
    let counted_now = if plan.has_queries() { count(state, seen, 100) } else { Ok(()) };
    if let Err(uncounted) = counted_now {
        let why = match uncounted {
            Uncounted::Unexplained(why) => {
                state.said = why;
                return Found::Blind(state.said.clone());
            }
            Uncounted::NoData(why) => why,
        };
        state.blind += 1;
        state.said = format!("no data: {why}");
        if plan.policy.no_data == NoData::Rollback && state.blind >= BLIND {
            return wrong(Outcome::RolledBack, format!("no data in {BLIND} looks in a row: {why}"));
        }
        return Found::Blind(state.said.clone());
    }
    state.blind = 0;
    let counts = since(base.as_ref(), state.base.as_ref());
    let judged = change::errors(&plan.policy, state, counts, seen.of)
        .and(change::slow(&plan.policy, state, seen, 100))
        .and(evidence::gauges(&plan.policy, state, seen, 100))
        .and(evidence::log(&plan.policy, state, &seen.log));
    match (judged, versions, &seen.traffic) {
        (Judged::Breached(why), _, _) => wrong(Outcome::RolledBack, why),
        (Judged::Shared(why), _, _) => wrong(Outcome::Aborted, why),
        (_, _, Err(why)) => {
            state.said = format!("the router does not say its weights: {why}");
            Found::Blind(state.said.clone())
        }
        (_, VersionCheck::Unproven(why), _) => {
            state.said.clone_from(&why);
            Found::Blind(why)
        }
        (Judged::Open(why), ..) => {
            state.said.clone_from(&why);
            Found::InOrder(why)
        }
        (Judged::Within, ..) => {
            let said = if plan.has_queries() {
                format!("in order, {} requests", counted(state.current.candidate.requests))
            } else {
                "the alias is compared, and no `signals` are evaluated".to_owned()
            };
            state.said.clone_from(&said);
            Found::InOrder(said)
        }
    }
}

/// What was promoted does not have all of the traffic: a restart lost it, or an operator moved it.
fn elsewhere(entry: &mut Entry, seen: &Seen, traffic: Traffic) -> Found {
    let version = code(&entry.version);
    let router = RouterState { traffic, at: seen.at, uptime: seen.uptime };
    let is_told = seen.uptime.is_some() && entry.state.seen_at.is_some();
    let serving =
        (traffic == Traffic::STABLE && !entry.version.is_empty()).then(|| seen.stable.serving.one()).flatten();
    let found = if serving == Some(entry.version.as_str()) {
        Found::InOrder(format!("stable has all of the traffic, and answers as version {version}, which was promoted"))
    } else if operator::is_restarted(&entry.state, &router) {
        match &seen.ready {
            Ok(()) => Found::Restarted,
            Err(why) => Found::Blind(format!(
                "the router was restarted and gives version {version} {} %; nothing was moved: {why}",
                traffic.weight
            )),
        }
    } else if traffic != Traffic::STABLE {
        let reason = format!(
            "an operator moved the traffic: version {version} was promoted, and the router gives it {} %; it is left as it is",
            traffic.weight
        );
        Found::Operator(Ended { outcome: Outcome::Aborted, reason })
    } else if is_told {
        let serving = serving.map_or(String::new(), |serving| format!("; users get version {}", code(serving)));
        Found::InOrder(format!(
            "an operator gave stable all of the traffic after version {version} was promoted: it is left as it is{serving}"
        ))
    } else if let Some(serving) = serving {
        Found::Blind(format!(
            "version {version} was promoted, and stable has all of the traffic and answers as version {}: users get that one. \
             Nothing was moved: this router does not tell whether it was restarted. Give the candidate its traffic at the router, \
             or type `mlgate rollback` where version {} is to stay",
            code(serving),
            code(serving)
        ))
    } else {
        Found::Blind(format!(
            "version {version} was promoted, and stable has all of the traffic: this router does not tell whether it was \
             restarted, and nothing was moved. Give the candidate its traffic at the router; or type `mlgate rollback` where the \
             version before is to stay, `mlgate rollback --to-version {}` where stable serves version {version} by now",
            entry.version
        ))
    };
    if let Found::InOrder(said) | Found::Blind(said) = &found {
        entry.state.said.clone_from(said);
    }
    found
}

/// A router that was restarted has the weights of its own file, which may give traffic to what was not promoted.
fn lost_stable(entry: &Entry, seen: &Seen) -> Option<Found> {
    if entry.is_first {
        return None;
    }
    let traffic = *seen.traffic.as_ref().ok().filter(|traffic| **traffic != Traffic::STABLE)?;
    let router = RouterState { traffic, at: seen.at, uptime: seen.uptime };
    operator::is_restarted(&entry.state, &router).then_some(Found::Restarted)
}

/// All that stable was seen to do during the rollout.
fn stable_before(state: &State) -> Stratum {
    let stable = state.earlier.iter().fold(Counts::default(), |all, earlier| all.plus(earlier.stable));
    Stratum { stable, ..Stratum::default() }
}

/// A rollout that nobody carries on any more, unless an operator took it over.
fn abandoned(plan: &RolloutPlan, entry: &Entry, seen: &Seen) -> Found {
    match orphaned(plan, entry, seen) {
        Found::Wrong(ended) => match by_operator(entry, seen) {
            Some(reason) => Found::Operator(Ended { outcome: Outcome::Aborted, reason }),
            None => Found::Wrong(ended),
        },
        found => found,
    }
}

/// What an operator did to the traffic of an open rollout, where the router says it.
pub fn by_operator(entry: &Entry, seen: &Seen) -> Option<String> {
    let found = RouterState { traffic: *seen.traffic.as_ref().ok()?, at: seen.at, uptime: seen.uptime };
    operator::moved(&entry.stages, &entry.state, &found)
}

fn orphaned(plan: &RolloutPlan, entry: &Entry, seen: &Seen) -> Found {
    let at = seen.at;
    if entry.state.ended.is_some() {
        if entry.next_look_by.is_some() {
            return Found::Wrong(
                entry.state.ended.clone().unwrap_or(Ended { outcome: Outcome::Aborted, reason: String::new() }),
            );
        }
        let reason = "a rollout ended, and nobody did what that asks for".to_owned();
        let outcome = entry.state.ended.as_ref().map_or(Outcome::Aborted, |ended| ended.outcome);
        // Whoever ended it says where something was left undone.
        let is_recent = !entry.is_left && at - entry.heartbeat_at <= plan.heartbeat_seconds;
        return match (is_recent, outcome) {
            (true, _) => Found::InOrder("a rollout is ending".into()),
            (false, Outcome::Promoted) if plan.policy.strategy == Strategy::Registry => Found::Promoted,
            (false, Outcome::Promoted) if seen.traffic == Ok(Traffic::weight(100)) => {
                match serving_version::judge(seen, Traffic::weight(100)) {
                    VersionCheck::Mismatch(reason) => Found::Wrong(Ended { outcome: Outcome::RolledBack, reason }),
                    VersionCheck::Unproven(why) => Found::Blind(why),
                    VersionCheck::Matched | VersionCheck::NotConfigured => Found::Promoted,
                }
            }
            (false, Outcome::Promoted | Outcome::Held) => Found::Wrong(Ended { outcome: Outcome::Aborted, reason }),
            (false, outcome) => Found::Wrong(Ended { outcome, reason }),
        };
    }
    if let Some(by) = entry.next_look_by {
        return if at > by {
            let reason = format!("its next look was due {:.0} s ago", at - by);
            Found::Wrong(Ended { outcome: Outcome::Aborted, reason })
        } else {
            Found::InOrder(format!("a rollout waits for its next look, for {:.0} s at most", by - at))
        };
    }
    // Whoever looks every `interval_seconds` gives a sign of life as often.
    let patience = plan.heartbeat_seconds.max(3.0 * plan.policy.interval_seconds);
    let silence = at - entry.heartbeat_at;
    if silence > patience {
        let reason = format!("nobody carries it on: the last sign of life is {silence:.0} s old");
        return Found::Wrong(Ended { outcome: Outcome::Aborted, reason });
    }
    Found::InOrder(format!("a rollout is under way, by {}", entry.by))
}

#[cfg(test)]
mod rates;
#[cfg(test)]
mod tests;
