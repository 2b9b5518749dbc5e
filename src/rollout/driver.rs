//! Evaluates, asks [`step`], writes down what it said, and only then does it; an operator and stable come first.
#![expect(clippy::disallowed_methods, reason = "edge: the clock")]

use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde::Serialize;

use super::confirmation::{Confirmation, Confirming};
use super::controls::{Controls, Ending};
use super::hook::caller::{HookCaller, HookTarget};
use super::journal::{Entry, Stored, Unwritten};
use super::levers::Pulled;
use super::log::Log;
use super::signal::SETTLED;
use super::sources::Source;
use super::state::Counts;
use super::{ArmSeen, Effect, Ended, Outcome, Reading, Seen, SlotOrder, State, request, serving_version, step, watch};
use crate::rollout::plan::{Queries, RolloutPlan};
use crate::support::problem::Problem;

/// How often the journal may refuse before nothing more is dared.
const MOST_UNWRITTEN: u32 = 3;

/// Where everything is.
pub struct World {
    pub controls: Controls,
    /// None where nothing is watched.
    pub source: Option<Source>,
    /// With the slots as configured, and exchanged.
    pub log: Option<(Log, Log)>,
    /// In the order of the policy's hooks; none where no rollout is carried on.
    pub hooks: Vec<HookTarget>,
}

/// One look, as the timeline shows it.
#[derive(Debug, Clone, Serialize)]
pub struct Moment {
    /// Seconds since 1970.
    pub at: f64,
    pub stage: usize,
    /// None where the router was not asked, or did not say.
    pub weight: Option<u8>,
    pub stable: Arm,
    pub candidate: Arm,
    pub said: String,
}

/// One arm in a moment: what was counted in the stage, and the gauges.
#[derive(Debug, Clone, Serialize)]
pub struct Arm {
    #[serde(flatten)]
    pub counts: Counts,
    #[serde(flatten)]
    pub gauges: BTreeMap<String, f64>,
}

/// How it went.
pub struct Journey {
    pub entry: Entry,
    pub ended: Ended,
    pub timeline: Vec<Moment>,
    pub levers: Vec<Pulled>,
    pub weight: Option<u8>,
    pub problems: Vec<Problem>,
}

/// How long to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    TheEnd,
    /// One look that moves nothing more; a later run goes on.
    OneLook,
}

/// Seconds since 1970, by a clock that only runs forward: that of the first call, and the time that passed since. Intervals,
/// steps and holds are measured by it, so that a wall clock that is set neither ends nor blinds them.
pub fn steady() -> f64 {
    static START: OnceLock<(Instant, f64)> = OnceLock::new();
    let (start, at) = START.get_or_init(|| (Instant::now(), now()));
    at + start.elapsed().as_secs_f64()
}

/// Seconds since 1970, as other processes read it in the journal.
pub fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

impl World {
    /// One look at everything; of the log, at rows that are not older than `since`.
    pub async fn look(&self, plan: &RolloutPlan, order: SlotOrder, since: f64) -> Seen {
        let at = steady();
        let log = async {
            let log = self.log.as_ref().map(|(configured, exchanged)| order.of(configured, exchanged).0.clone());
            match log {
                // Beside this thread: a signal is not to wait for a large table.
                Some(log) => tokio::task::spawn_blocking(move || log.judge(at, since)).await.unwrap_or_else(|_| {
                    BTreeMap::from([(
                        "log".to_owned(),
                        Err("it could not be judged: this is a bug in mlgate".to_owned()),
                    )])
                }),
                None => BTreeMap::new(),
            }
        };
        let signals = async {
            let Some(source) = &self.source else { return (ArmSeen::default(), ArmSeen::default(), SETTLED) };
            // Both variants at one moment.
            let time = source.time().await;
            let limits = &plan.policy.limits.histograms;
            let arm = async |own: Option<&Queries>, other: Option<&Queries>| match own {
                Some(own) => source.arm(own, other, limits, &time).await,
                None => ArmSeen::default(),
            };
            let (stable, candidate) = plan.queries(order);
            let seen = tokio::join!(arm(stable, candidate), arm(candidate, stable));
            (seen.0, seen.1, time.as_ref().map_or(SETTLED, |time| source.lag(*time)))
        };
        let split = self.controls.levers.router.split(order);
        let (router, ready, log, (mut stable, mut candidate, lag), versions) = tokio::join!(
            Box::pin(split.observe()),
            Box::pin(split.ready()),
            log,
            Box::pin(signals),
            Box::pin(self.controls.versions.read(order)),
        );
        (stable.serving, candidate.serving) = versions;
        Seen {
            at,
            of: at - lag,
            uptime: router.as_ref().ok().and_then(|reading| reading.uptime),
            traffic: router.map(|reading| reading.traffic).map_err(|problem| problem.message),
            confirmation: Confirmation::default(),
            ready: ready.map_err(|problem| problem.message),
            stable,
            candidate,
            log,
            hook: None,
            stop: None,
        }
    }

    /// A look, or a signal that comes first.
    async fn look_or_stop(&self, plan: &RolloutPlan, order: SlotOrder, since: f64) -> Seen {
        tokio::select! {
            biased;
            () = self.controls.stopped() => Seen::stopped(steady()),
            seen = self.look(plan, order, since) => seen,
        }
    }

    /// One evaluation of a rollout, with which versions answer beside those that should.
    async fn observe(&self, plan: &RolloutPlan, entry: &Entry) -> Seen {
        let since = entry.state.stage_at.unwrap_or_else(steady);
        let mut seen = self.look_or_stop(plan, entry.order, since).await;
        serving_version::compare(entry, &mut seen);
        // What there is not is not waited for.
        if entry.is_first && !matches!(seen.candidate.requests, Reading::Unusable(_)) {
            seen.stable = ArmSeen::default();
        }
        seen
    }

    /// Carries it on until it ends, or waits for a later run.
    pub async fn run(
        &self,
        plan: &RolloutPlan,
        mut entry: Entry,
        until: Until,
        told: &mut dyn FnMut(&Entry, &Moment),
    ) -> Journey {
        let controls = &self.controls;
        let mut timeline: Vec<Moment> = Vec::new();
        let mut problems = Vec::new();
        let mut unwritten = 0;
        let mut written_at = 0.0;
        let patience = controls.journal.patience(plan.heartbeat_seconds);
        let mut confirming = Confirming::default();
        let mut caller = HookCaller::new(plan, &self.hooks);
        // A promotion that was decided and not done is decided anew, by what is seen now.
        entry.state.ended = entry.state.ended.filter(|ended| ended.outcome != Outcome::Promoted);
        loop {
            let mut seen = self.observe(plan, &entry).await;
            seen.confirmation = confirming.state().await;
            seen.hook = caller.seen().await;
            let before = entry.clone();
            request::take_up(&mut entry, seen.at);
            let (state, effects) = match &entry.state.ended {
                Some(_) => undone(&entry, &seen),
                None => step(&plan.policy, entry.state.clone(), &seen),
            };
            entry.state = state;
            entry.heartbeat_at = now();
            entry.next_look_by = None;
            let moment = moment(&entry, &seen);
            told(&entry, &moment);
            timeline.push(moment);
            let retry_until = now() + plan.policy.max_hold_seconds;
            if effects.contains(&Effect::Close) {
                return self.close(entry, timeline, problems).await;
            }
            if let Some(ended) = entry.state.ended.clone().filter(|ended| ended.outcome != Outcome::Promoted) {
                return Box::pin(controls.restore(Ending { entry, ended, timeline, problems, retry_until })).await;
            }
            let moves = effects.iter().any(|effect| !matches!(effect, Effect::Confirm | Effect::Hook(_)));
            let at = steady();
            let is_asked = !before.requests.is_empty() || entry.state.asks_since(&before.state);
            let is_news = moves || is_asked || unwritten > 0 || at - written_at >= patience;
            let written = Box::pin(self.write_or_stop(&entry, is_news)).await;
            match written {
                None => continue,
                Some(Ok(())) => {
                    unwritten = 0;
                    written_at = if is_news { at } else { written_at };
                }
                Some(Err(Unwritten::Taken)) => {
                    // Decided anew, with what a person asked for.
                    if let Some(requests) = controls.journal.requests().await {
                        timeline.pop();
                        entry = before.asked(requests);
                        continue;
                    }
                    return Box::pin(self.taken(entry, timeline, problems, retry_until)).await;
                }
                Some(Err(Unwritten::Problem(problem))) => {
                    unwritten += 1;
                    if unwritten == 1 {
                        problems.push(problem);
                    }
                    entry.state.ended = None;
                    // What is not written down is not dared; only stable may always come back.
                    if unwritten >= MOST_UNWRITTEN {
                        let reason = "the journal could not be written".to_owned();
                        let ended = Ended { outcome: Outcome::Aborted, reason };
                        return Box::pin(controls.restore(Ending { entry, ended, timeline, problems, retry_until }))
                            .await;
                    }
                    self.pause(plan, &confirming, &caller).await;
                    continue;
                }
            }
            if let Some(ended) = entry.state.ended.clone() {
                match controls.levers.promote(&entry).await {
                    Ok(levers) => {
                        return self.promoted(Ending { entry, ended, timeline, problems, retry_until }, levers).await;
                    }
                    // What is only not known is tried again, and the evaluations go on meanwhile.
                    Err(failure) => {
                        entry.state.ended = None;
                        confirming.failed(&failure);
                    }
                }
            }
            if self.send(entry.order, &effects, &mut problems).await {
                continue;
            }
            let confirms = effects.contains(&Effect::Confirm);
            if confirms {
                confirming.start(controls.levers.registry.as_ref(), &entry);
            }
            let is_being_read = confirms && !matches!(seen.confirmation, Confirmation::Unknown(_));
            for effect in &effects {
                if let (Effect::Hook(hook), Ok(traffic)) = (effect, &seen.traffic) {
                    caller.start(*hook, &entry, *traffic);
                }
            }
            if until == Until::OneLook && !is_being_read && !caller.is_busy() {
                return self.held(plan, entry, &seen, timeline, problems).await;
            }
            self.pause(plan, &confirming, &caller).await;
        }
    }

    /// Moves the traffic, where that is asked for; whether it was taken is what the next look sees.
    async fn send(&self, order: SlotOrder, effects: &[Effect], problems: &mut Vec<Problem>) -> bool {
        let split = self.controls.levers.router.split(order);
        let mut has_moved = false;
        for effect in effects {
            let Effect::Move(traffic) = effect else { continue };
            has_moved = true;
            tokio::select! {
                () = self.controls.stopped() => {}
                written = split.write(*traffic) => problems.extend(written.err()),
            }
        }
        has_moved
    }

    /// Leaves it to a later run.
    async fn held(
        &self,
        plan: &RolloutPlan,
        mut entry: Entry,
        seen: &Seen,
        timeline: Vec<Moment>,
        mut problems: Vec<Problem>,
    ) -> Journey {
        entry.next_look_by = Some(now() + plan.max_gap_seconds);
        let written = self.controls.journal.write_beside_requests(&mut entry).await;
        problems.extend(written.err().map(Unwritten::problem));
        let weight = seen.traffic.as_ref().ok().map(|traffic| traffic.weight);
        let reason = if entry.state.said.is_empty() { "in order".to_owned() } else { entry.state.said.clone() };
        let ended = Ended { outcome: Outcome::Held, reason };
        Journey { entry, ended, timeline, levers: Vec::new(), weight, problems }
    }

    /// A signal does not wait for a journal.
    async fn write_or_stop(&self, entry: &Entry, is_news: bool) -> Option<Result<(), Unwritten>> {
        let journal = &self.controls.journal;
        let written = async { if is_news { journal.write(entry).await } else { journal.is_unchanged().await } };
        tokio::select! {
            written = written => Some(written),
            () = self.controls.stopped() => None,
        }
    }

    /// The journal has another text than was written. An entry of somebody else: who decides by now, and nothing more is
    /// moved here. None, or none that is to be trusted: the journal was lost, and stable is restored.
    async fn taken(
        &self,
        mut entry: Entry,
        timeline: Vec<Moment>,
        mut problems: Vec<Problem>,
        retry_until: f64,
    ) -> Journey {
        let why = match self.controls.journal.read().await {
            Ok(Stored::Entry(other, _)) => {
                let reason = format!("the rollout was taken over, by {}: nothing more was moved here", other.by);
                problems.push(Problem::new(reason.clone()));
                let ended = Ended { outcome: Outcome::Aborted, reason };
                let ending = Ending { entry, ended, timeline, problems, retry_until };
                return self.controls.journey(ending, Vec::new()).await;
            }
            Ok(Stored::Missing) => "it was removed".to_owned(),
            Ok(Stored::Lost(problem)) => problem.message,
            Err(failure) => failure.to_string(),
        };
        // Nothing was found wrong with the candidate.
        entry.state.keeps_flag = true;
        let ended =
            Ended { outcome: Outcome::Aborted, reason: format!("the journal was lost during the rollout: {why}") };
        Box::pin(self.controls.restore(Ending { entry, ended, timeline, problems, retry_until })).await
    }

    /// Closes the journal of a rollout whose traffic an operator moved, and moves nothing.
    pub async fn close(&self, mut entry: Entry, timeline: Vec<Moment>, mut problems: Vec<Problem>) -> Journey {
        let ended = entry.state.ended.clone().unwrap_or(Ended { outcome: Outcome::Aborted, reason: String::new() });
        (entry.is_settled, entry.next_look_by, entry.heartbeat_at) = (true, None, now());
        // From here on the weights are the operator's, whatever a restart makes of them.
        entry.state.seen_at = None;
        match self.controls.journal.write(&entry).await {
            Ok(()) => {}
            Err(Unwritten::Taken) => {
                entry.is_settled = false;
                return Box::pin(self.taken(entry, timeline, problems, now())).await;
            }
            Err(Unwritten::Problem(problem)) => {
                entry.is_settled = false;
                problems.push(problem.hint("`mlgate watch` closes it"));
            }
        }
        self.controls.journey(Ending { entry, ended, timeline, problems, retry_until: 0.0 }, Vec::new()).await
    }

    /// Writes down that a promotion is done.
    pub async fn promoted(&self, ending: Ending, levers: Vec<Pulled>) -> Journey {
        let Ending { mut entry, ended, timeline, mut problems, retry_until } = ending;
        entry.is_settled = true;
        entry.state.ended = Some(ended.clone());
        entry.flag.is_off &= levers.iter().any(|pulled| !pulled.is_done);
        if let Err(problem) = self.controls.settle(&mut entry).await {
            entry.is_settled = false;
            problems.push(problem);
        }
        self.controls.journey(Ending { entry, ended, timeline, problems, retry_until }, levers).await
    }

    /// Until the next evaluation is due, a signal comes, the model was read, or a hook has answered.
    async fn pause(&self, plan: &RolloutPlan, confirming: &Confirming, caller: &HookCaller<'_>) {
        tokio::select! {
            () = self.controls.stopped() => {}
            () = confirming.ended() => {}
            () = caller.ended() => {}
            () = tokio::time::sleep(Duration::from_secs_f64(plan.policy.interval_seconds)) => {}
        }
    }
}

/// An end that was written and not done is done now, unless an operator was faster.
fn undone(entry: &Entry, seen: &Seen) -> (State, Vec<Effect>) {
    let mut state = entry.state.clone();
    match watch::by_operator(entry, seen) {
        Some(reason) => {
            state.ended = Some(Ended { outcome: Outcome::Aborted, reason });
            (state, vec![Effect::Close])
        }
        None => (state, vec![Effect::Restore]),
    }
}

/// A look as the timeline shows it.
pub fn moment(entry: &Entry, seen: &Seen) -> Moment {
    let gauges = |arm: &ArmSeen| {
        let value = |(name, reading): (&String, &Reading)| match reading {
            Reading::Value(value) => Some((name.clone(), *value)),
            _ => None,
        };
        arm.gauges.iter().filter_map(value).collect()
    };
    let state = &entry.state;
    // A stage that has just passed is shown as it ended.
    let counted = state.earlier.last().filter(|_| !state.is_set && state.ended.is_none()).unwrap_or(&state.current);
    Moment {
        at: seen.at,
        stage: state.stage,
        weight: seen.traffic.as_ref().ok().map(|traffic| traffic.weight),
        stable: Arm { counts: counted.stable, gauges: gauges(&seen.stable) },
        candidate: Arm { counts: counted.candidate, gauges: gauges(&seen.candidate) },
        said: state.said.clone(),
    }
}
