//! One look, one decision.

pub mod hooks;
mod intervention;

use std::ops::ControlFlow;

use self::intervention::{await_approval, skip};
use super::change;
use super::confirmation::Confirmation;
use super::evidence::{self, Judged};
use super::hook::HookPoint;
use super::operator::{self, RouterState};
use super::policy::{NoData, Policy, Stage, Traffic};
use super::request::Request;
use super::seen::{ArmSeen, Reading, Seen, Stop};
use super::segments::{self, SegmentState};
use super::serving_version::{self, VersionCheck};
use super::slow::SlowState;
use super::state::{Base, Counts, Ended, Outcome, Raw, State, Stratum};
use super::strategy::ab_test;
use super::{Effect, Strategy};
use crate::support::words::cut;

/// How often weights are sent that the router does not take, and how often it may lose them.
const MOST_SENT: u32 = 5;
const MOST_LOST: u32 = 3;
/// Characters that are kept of what a hook answered in an earlier step.
const LONGEST_OLD_ANSWER: usize = 60;
/// Looks in a row without data that end a rollout under `no_data: rollback`.
pub const BLIND: u32 = 3;

/// Says what to do after a look.
///
/// Whatever it is given, stable's traffic is restored before a rollout ends in anything but a promotion, unless an operator
/// moved the traffic; and nothing is promoted that was not seen to be within every limit.
pub fn step(policy: &Policy, mut state: State, seen: &Seen) -> (State, Vec<Effect>) {
    if state.ended.is_some() {
        return (state, Vec::new());
    }
    state.looks += 1;
    match &seen.stop {
        Some(Stop::Signal) => {
            state.keeps_flag = true;
            return end(state, Outcome::Aborted, "it was cancelled".into());
        }
        Some(Stop::Person(why)) => return end(state, Outcome::RolledBack, why.clone()),
        None => {}
    }
    let Some(stage) = policy.stages.get(state.stage).copied() else {
        return end(state, Outcome::Aborted, "its journal names a stage that there is not".into());
    };
    let traffic = match &seen.traffic {
        Ok(traffic) => *traffic,
        Err(why) => return hold(policy, state, seen.at, format!("the router does not say its weights: {why}")),
    };
    // Of the first step, which hooks and versions come before, whatever the router shows.
    let begins = state.stage == 0 && !state.is_set;
    let is_there = state.is_set || traffic == stage.traffic && !begins;
    if let (Some(pause), false, 0) = (&state.paused, is_there, state.sent) {
        state.said = pause.request.words();
        return (state, Vec::new());
    }
    let is_first = traffic == Traffic::STABLE && begins;
    if let (true, Reading::Unusable(why)) = (is_first, &seen.stable.requests) {
        return hold(policy, state, seen.at, format!("no traffic moves before stable is seen: {why}"));
    }
    let versions = serving_version::judge(seen, traffic);
    if is_first && !matches!(versions, VersionCheck::Unproven(_)) {
        state.hold_since = None;
    }
    if begins && matches!(versions, VersionCheck::Matched | VersionCheck::NotConfigured) {
        match hooks::wait(policy, state, seen, HookPoint::PreRollout) {
            ControlFlow::Break(waits) => return waits,
            ControlFlow::Continue(next) => state = next,
        }
    }
    // Traffic that this rollout has sent has arrived; what it found there has not begun.
    let is_untouched = begins && state.sent == 0 && traffic == stage.traffic;
    if let (true, VersionCheck::Unproven(why)) = (is_untouched, &versions) {
        return hold(policy, state, seen.at, why.clone());
    }
    if traffic != stage.traffic {
        return redirect_proven(policy, state, seen, traffic, versions);
    }
    state.seen_at = Some(seen.at);
    if let VersionCheck::Mismatch(why) = versions {
        return end(state, Outcome::RolledBack, why);
    }
    if !state.is_set || state.stage_at.is_none() {
        state.is_set = true;
        state.sent = 0;
        state.stage_at.get_or_insert(seen.at);
        state.base = None;
        state.slow.values_mut().for_each(SlowState::forget);
        state.segments.values_mut().for_each(SegmentState::forget);
    }
    // The process before this one may have had another clock.
    state.stage_at = state.stage_at.map(|since| since.min(seen.at));
    state.hold_since = state.hold_since.map(|since| since.min(seen.at));
    state.awaits_approval = state.awaits_approval.map(|since| since.min(seen.at));
    if state.stage_at.is_some_and(|since| seen.of < since) {
        // These are still of the weights before.
        state.said.clear();
        return (state, Vec::new());
    }
    let weight = stage.traffic.weight;
    let before = state.base.clone();
    if let Err(uncounted) = count(&mut state, seen, weight) {
        let why = match uncounted {
            // What is not known to be an error is not known to be missing either.
            Uncounted::Unexplained(why) => return hold(policy, state, seen.at, why),
            Uncounted::NoData(why) => why,
        };
        state.blind += 1;
        if policy.no_data == NoData::Rollback && state.blind >= BLIND {
            return end(state, Outcome::RolledBack, format!("no data in {BLIND} looks in a row: {why}"));
        }
        return hold(policy, state, seen.at, format!("no data: {why}"));
    }
    state.blind = 0;
    state.is_inconclusive = false;
    let judged = judge_limits(policy, &mut state, seen, before.as_ref());
    match judged {
        Judged::Breached(why) => return end(state, Outcome::RolledBack, why),
        // The candidate may be the cause of both: stable has its traffic back, and nothing says that the model is bad.
        Judged::Shared(why) => return end(state, Outcome::Aborted, why),
        Judged::Open(_) | Judged::Within => {}
    }
    if let Some(pause) = &state.paused {
        state.said = pause.request.words();
        return (state, Vec::new());
    }
    if let VersionCheck::Unproven(why) = versions {
        return hold(policy, state, seen.at, why);
    }
    if let Some(request) = state.skip.clone() {
        return skip(policy, state, seen, &request);
    }
    if is_trial(policy, &state) {
        return ab_test::judge(policy, state, seen, judged);
    }
    pass_when_due(policy, state, seen, &stage, judged)
}

/// Whether it is in the step of an A/B test that compares.
fn is_trial(policy: &Policy, state: &State) -> bool {
    policy.strategy == Strategy::AbTest && state.stage == 0
}

/// Returns what the numbers of a step say of every limit; `before` are the counters of the evaluation before.
fn judge_limits(policy: &Policy, state: &mut State, seen: &Seen, before: Option<&Base>) -> Judged {
    let weight = policy.stages[state.stage].traffic.weight;
    let judged = if is_trial(policy, state) {
        let counts = since(before, state.base.as_ref());
        change::errors(policy, state, counts, seen.of).and(change::slow(policy, state, seen, weight))
    } else {
        let errors = evidence::errors(policy, state, weight);
        let segments = segments::judge(policy, state, (&seen.stable, &seen.candidate), weight);
        errors.and(segments).and(evidence::slow(policy, state, seen, weight))
    };
    judged.and(evidence::gauges(policy, state, seen, weight)).and(evidence::log(policy, state, &seen.log))
}

/// On to what comes next, when the stage's time is over and everything that it asks for was seen.
fn pass_when_due(
    policy: &Policy,
    mut state: State,
    seen: &Seen,
    stage: &Stage,
    judged: Judged,
) -> (State, Vec<Effect>) {
    let elapsed = seen.at - state.stage_at.unwrap_or(seen.at);
    if elapsed < stage.seconds {
        state.hold_since = None;
        state.said = match judged {
            Judged::Open(why) => why,
            _ => String::new(),
        };
        return (state, Vec::new());
    }
    judge_passed(policy, state, seen, judged)
}

/// What a stage whose time is over still needs.
fn judge_passed(policy: &Policy, mut state: State, seen: &Seen, judged: Judged) -> (State, Vec<Effect>) {
    let stage = policy.stages[state.stage];
    let is_served = stage.traffic != Traffic::STABLE;
    let own = state.current.candidate.requests;
    if is_served && own < policy.min_requests && (state.approval.is_none() || own == 0) {
        // A person may judge what little there is, and nobody what nobody asked.
        state.is_inconclusive = own > 0;
        let ready = seen.ready.as_ref().err().map(|why| format!("; {why}")).unwrap_or_default();
        let why = format!("too little traffic: {own} requests, {} are needed{ready}", policy.min_requests);
        return hold(policy, state, seen.at, why);
    }
    if let (true, Err(why)) = (stage.needs_ready, &seen.ready) {
        return hold(policy, state, seen.at, format!("the candidate is not ready: {why}"));
    }
    if let (true, None, Judged::Open(why)) = (is_served, &state.approval, judged) {
        state.is_inconclusive = true;
        return hold(policy, state, seen.at, why);
    }
    let is_last = state.stage + 1 == policy.stages.len() && policy.strategy != Strategy::Shadow;
    let points = [Some(HookPoint::Step), is_last.then_some(HookPoint::PrePromotion)];
    for point in points.into_iter().flatten() {
        match hooks::wait(policy, state, seen, point) {
            ControlFlow::Break(waits) => return waits,
            ControlFlow::Continue(next) => state = next,
        }
    }
    if let (Some(seconds), None) = (stage.approval_seconds, &state.approval) {
        return await_approval(state, seen.at, seconds);
    }
    pass(policy, state, seen)
}

/// On to the next stage, or into production.
fn pass(policy: &Policy, mut state: State, seen: &Seen) -> (State, Vec<Effect>) {
    let small = segments::too_small(policy, &state);
    if let Some(next) = policy.stages.get(state.stage + 1) {
        state.earlier.push(std::mem::take(&mut state.current));
        next_stage(&mut state);
        let small = small.map_or(String::new(), |small| format!("; {small}"));
        state.said = format!("passed: on to {} %{small}", next.traffic.percent());
        return (state, vec![Effect::Move(next.traffic)]);
    }
    if policy.strategy == Strategy::Shadow {
        let reason = "the candidate did well in stable's shadow; nothing is promoted by that alone";
        return end(state, Outcome::Held, reason.into());
    }
    match &seen.confirmation {
        Confirmation::Confirmed => {
            let by_person = state.skip.as_ref().map(Request::words);
            let small = small.map_or(String::new(), |small| format!("; {small}"));
            promote(state, by_person.unwrap_or_else(|| format!("every stage was within its limits{small}")))
        }
        Confirmation::Refused(why) => end(state, Outcome::Aborted, format!("it could not be promoted: {why}")),
        Confirmation::Open | Confirmation::Pending => {
            state.hold_since = None;
            state.said = "passed: the registry's model is verified".into();
            (state, vec![Effect::Confirm])
        }
        Confirmation::Unknown(why) => {
            let since = *state.unconfirmed_since.get_or_insert(seen.at);
            if seen.at - since > policy.max_hold_seconds {
                let reason = format!("it could not be promoted, for over {} s: {why}", policy.max_hold_seconds);
                return end(state, Outcome::Aborted, reason);
            }
            state.said = format!("passed, and not promoted yet: {why}");
            (state, vec![Effect::Confirm])
        }
    }
}

/// Begins the next stage, with nothing counted; its weights are sent at once.
pub fn next_stage(state: &mut State) {
    state.stage += 1;
    state.is_set = false;
    state.sent = 1;
    state.stage_at = None;
    state.base = None;
    state.hold_since = None;
    state.skipped_from = None;
    // The journal has a maximum size, and what has passed is told by its first words.
    for record in &mut state.hooks {
        record.answer = cut(&record.answer, LONGEST_OLD_ANSWER);
    }
    (state.awaits_approval, state.approval, state.is_inconclusive) = (None, None, false);
    state.beyond.clear();
    state.windows.clear();
    state.slow.values_mut().for_each(SlowState::next_step);
    state.segments.values_mut().for_each(SegmentState::next_step);
    state.current = Stratum::default();
}

fn promote(mut state: State, reason: String) -> (State, Vec<Effect>) {
    state.said = format!("promoted: {reason}");
    state.ended = Some(Ended { outcome: Outcome::Promoted, reason });
    (state, vec![Effect::Promote])
}

/// The end that is no promotion: stable gets everything back.
pub fn end(mut state: State, outcome: Outcome, reason: String) -> (State, Vec<Effect>) {
    state.said = format!("{}: {reason}", outcome.word().replace('_', " "));
    state.ended = Some(Ended { outcome, reason });
    (state, vec![Effect::Restore])
}

/// Waits for what is missing, but not for ever.
pub fn hold(policy: &Policy, mut state: State, at: f64, why: String) -> (State, Vec<Effect>) {
    if state.paused.is_some() {
        state.said = why;
        return (state, Vec::new());
    }
    let since = *state.hold_since.get_or_insert(at);
    if at - since > policy.max_hold_seconds {
        let reason = format!("{why}, for over {} s", policy.max_hold_seconds);
        return end(state, Outcome::Aborted, reason);
    }
    state.said = why;
    (state, Vec::new())
}

/// As [`redirect`], and what does not prove its version gets no traffic.
fn redirect_proven(
    policy: &Policy,
    state: State,
    seen: &Seen,
    traffic: Traffic,
    versions: VersionCheck,
) -> (State, Vec<Effect>) {
    let found = RouterState { traffic, at: seen.at, uptime: seen.uptime };
    let (next, effects) = redirect(policy, state.clone(), &found);
    let moves = effects.iter().any(|effect| matches!(effect, Effect::Move(_)));
    match versions {
        VersionCheck::Mismatch(why) if moves => end(state, Outcome::RolledBack, why),
        VersionCheck::Unproven(why) if moves => hold(policy, state, seen.at, why),
        _ => (next, effects),
    }
}

/// The router has other weights than this stage's.
fn redirect(policy: &Policy, mut state: State, found: &RouterState) -> (State, Vec<Effect>) {
    let stages: Vec<Traffic> = policy.stages.iter().map(|stage| stage.traffic).collect();
    let wanted = stages[state.stage];
    // After weights were sent, others are what the router made of them.
    if !state.is_set && (state.sent > 0 || found.traffic == operator::before(&stages, &state)) {
        state.sent += 1;
        if state.sent > MOST_SENT {
            let (wanted, found) = (wanted.percent(), found.traffic.percent());
            let reason = format!("the router does not take {wanted} %: it says {found} %");
            return end(state, Outcome::Aborted, reason);
        }
        state.said = format!("to {} %", wanted.percent());
        return (state, vec![Effect::Move(wanted)]);
    }
    if let Some(reason) = operator::moved(&stages, &state, found) {
        return close(state, reason);
    }
    state.lost += 1;
    if state.lost > MOST_LOST {
        let reason = format!("the router lost its weights {} times", state.lost);
        return end(state, Outcome::Aborted, reason);
    }
    state.is_set = false;
    state.stage_at = None;
    state.sent = 1;
    state.base = None;
    state.said = format!("the router was restarted and had lost its weights: back to {} %", wanted.percent());
    (state, vec![Effect::Move(wanted)])
}

/// The end that moves nothing: an operator decides by now.
fn close(mut state: State, reason: String) -> (State, Vec<Effect>) {
    state.said = format!("aborted: {reason}");
    state.ended = Some(Ended { outcome: Outcome::Aborted, reason });
    (state, vec![Effect::Close])
}

/// Why nothing was counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Uncounted {
    NoData(String),
    /// Nothing says what no sample of a counter means.
    Unexplained(String),
}

impl Uncounted {
    fn of(self, variant: &str) -> Self {
        match self {
            Self::NoData(why) => Self::NoData(format!("{variant}: {why}")),
            Self::Unexplained(why) => Self::Unexplained(format!("{variant}: {why}")),
        }
    }
}

impl From<String> for Uncounted {
    fn from(why: String) -> Self {
        Self::NoData(why)
    }
}

/// Adds what came since the last look; the first look of a stage only begins to count.
pub fn count(state: &mut State, seen: &Seen, weight: u8) -> Result<(), Uncounted> {
    let before = state.base.clone();
    let own = raw(&seen.candidate, before.as_ref().map(|base| &base.candidate)).map_err(|why| why.of("candidate"));
    let stable = raw(&seen.stable, before.as_ref().map(|base| &base.stable)).map_err(|why| why.of("stable"));
    let stable = match stable {
        // Stable has no traffic there, and a series that nobody adds to may go.
        Err(_) if weight == 100 => before.as_ref().map(|base| base.stable.clone()).unwrap_or_default(),
        stable => stable?,
    };
    let own = match own {
        // Without traffic nothing is counted lately, and a source of counts calls that no data.
        Err(Uncounted::NoData(_)) if seen.traffic == Ok(Traffic::STABLE) && seen.candidate.since.is_some() => {
            before.as_ref().map(|base| base.candidate.clone()).unwrap_or_default()
        }
        own => own?,
    };
    let now = Base { candidate: own, stable };
    if let Some(before) = before {
        // Counters that began anew since then have counted from 0.
        let own = before.candidate.continued(&now.candidate);
        let other = before.stable.continued(&now.stable);
        add(&mut state.current.candidate, &own, &now.candidate);
        // At 100 % stable is what it was before, and what little still reaches it is no measure.
        if weight < 100 {
            add(&mut state.current.stable, &other, &now.stable);
        }
        ab_test::add(&mut state.trial.candidate, &own.trial, &now.candidate.trial);
        ab_test::add(&mut state.trial.stable, &other.trial, &now.stable.trial);
    }
    state.base = Some(now);
    Ok(())
}

/// Counters as numbers; one that never was is 0, one that was and is gone is no data.
fn raw(seen: &ArmSeen, before: Option<&Raw>) -> Result<Raw, Uncounted> {
    let before = before.filter(|before| before.since == seen.since);
    let counter = |name: &str, reading: &Reading, before: f64| match reading {
        Reading::Value(value) if *value >= 0.0 => Ok(*value),
        Reading::Value(value) => Err(Uncounted::NoData(format!("{name} is {value}, and counts nothing"))),
        Reading::Absent if before > 0.0 => Err(Uncounted::NoData(format!("{name} is gone"))),
        Reading::Absent => Ok(0.0),
        Reading::Unexplained(why) => Err(Uncounted::Unexplained(format!("{name}: {why}"))),
        Reading::Unusable(why) => Err(Uncounted::NoData(format!("{name}: {why}"))),
    };
    let was = |pick: fn(&Raw) -> f64| before.map_or(0.0, pick);
    // Of counters that belong together, all are there or none is.
    let has_begun = seen.trial.values().any(|reading| matches!(reading, Reading::Value(value) if *value > 0.0));
    let mut trial = std::collections::BTreeMap::new();
    for (name, reading) in &seen.trial {
        let value = match reading {
            // A sum may be anything.
            Reading::Value(value) => *value,
            Reading::Absent if has_begun => {
                return Err(format!("{name} is not there, and others of the test are").into());
            }
            reading => counter(name, reading, before.and_then(|raw| raw.trial.get(name)).copied().unwrap_or_default())?,
        };
        trial.insert(name.clone(), value);
    }
    let requests = counter("requests", &seen.requests, was(|raw| raw.requests))?;
    // After a restart nobody has failed yet.
    let is_new = requests < was(|raw| raw.requests);
    let errors = counter("errors", &seen.errors, if is_new { 0.0 } else { was(|raw| raw.errors) })?;
    // What was counted since a moment only grows: fewer is what the source forgot, or another clock.
    if before.is_some_and(|raw| raw.since.is_some() && (requests < raw.requests || errors < raw.errors)) {
        return Err(format!(
            "{requests} requests and {errors} errors are fewer than were counted before, since the same moment"
        )
        .into());
    }
    Ok(Raw { requests, errors, trial, since: seen.since })
}

/// What came since an evaluation, of both variants.
pub fn since(before: Option<&Base>, now: Option<&Base>) -> Stratum {
    let mut since = Stratum::default();
    if let (Some(before), Some(now)) = (before, now) {
        add(&mut since.candidate, &before.candidate.continued(&now.candidate), &now.candidate);
        add(&mut since.stable, &before.stable.continued(&now.stable), &now.stable);
    }
    since
}

/// A counter that is smaller than before began anew.
fn add(counts: &mut Counts, before: &Raw, now: &Raw) {
    let since = |before: f64, now: f64| (if now < before { now } else { now - before }).round() as u64;
    counts.requests += since(before.requests, now.requests);
    counts.errors += since(before.errors, now.errors);
}

#[cfg(test)]
mod tests;
