//! Looks, asks [`step`], writes down what it said, and only then does it; to give stable its traffic back waits for nothing.
#![expect(clippy::disallowed_methods, reason = "edge: the clock")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Serialize;

use super::journal::{Entry, Journal, Stored, Unwritten};
use super::levers::{Levers, PROMOTION, Pulled};
use super::log::Log;
use super::signal::{Prometheus, SETTLED};
use super::state::Counts;
use super::{ArmSeen, Effect, Ended, Outcome, Reading, Seen, Stop, Traffic, step};
use crate::plan::rollout::RolloutPlan;
use crate::problem::Problem;

/// From one question after a signal to the next.
const POLL: Duration = Duration::from_millis(50);
/// How often the journal may refuse before nothing more is dared.
const MOST_UNWRITTEN: u32 = 3;

/// Where everything is.
pub struct World {
    pub levers: Levers,
    pub prometheus: Prometheus,
    pub log: Option<Log>,
    pub journal: Journal,
    /// Set by a signal.
    pub stop: Arc<AtomicBool>,
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

/// Seconds since 1970.
pub fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}

impl World {
    /// One look at everything.
    pub async fn look(&self, plan: &RolloutPlan) -> Seen {
        let at = now();
        let log = async {
            match self.log.clone() {
                // Beside this thread: a signal is not to wait for a large table.
                Some(log) => tokio::task::spawn_blocking(move || log.judge(at)).await.unwrap_or_else(|_| {
                    BTreeMap::from([(
                        "log".to_owned(),
                        Err("it could not be judged: this is a bug in mlgate".to_owned()),
                    )])
                }),
                None => BTreeMap::new(),
            }
        };
        let (traffic, ready, log, stable, candidate) = tokio::join!(
            Box::pin(self.levers.router.read()),
            Box::pin(self.levers.router.ready()),
            log,
            Box::pin(self.prometheus.arm(&plan.stable, at)),
            Box::pin(self.prometheus.arm(&plan.candidate, at)),
        );
        Seen {
            at,
            of: at - SETTLED,
            traffic: traffic.map_err(|problem| problem.message),
            ready: ready.map_err(|problem| problem.message),
            stable,
            candidate,
            log,
            stop: None,
        }
    }

    /// A look, or a signal that comes first.
    async fn look_or_stop(&self, plan: &RolloutPlan) -> Seen {
        tokio::select! {
            biased;
            () = self.stopped() => stopped_seen(),
            seen = self.look(plan) => seen,
        }
    }

    async fn stopped(&self) {
        while !self.stop.load(Ordering::SeqCst) {
            tokio::time::sleep(POLL).await;
        }
    }

    /// Carries it on until it ends, or waits for a later run.
    pub async fn run(
        &self,
        plan: &RolloutPlan,
        mut entry: Entry,
        until: Until,
        told: &mut dyn FnMut(&Moment),
    ) -> Journey {
        let mut timeline: Vec<Moment> = Vec::new();
        let mut problems = Vec::new();
        let mut unwritten = 0;
        let mut written_at = 0.0;
        let patience = self.journal.patience(plan.heartbeat_seconds);
        loop {
            let seen = self.look_or_stop(plan).await;
            // An end that was written and not done is done now; a promotion only where the candidate has it all still.
            let last = plan.policy.stages.last().map(|stage| stage.traffic);
            let is_there = seen.stop.is_none() && seen.traffic.as_ref().ok() == last.as_ref();
            if !is_there {
                entry.state.ended = entry.state.ended.filter(|ended| ended.outcome != Outcome::Promoted);
            }
            let (state, effects) = match &entry.state.ended {
                Some(ended) => (entry.state.clone(), vec![effect_of(ended.outcome)]),
                None => step(&plan.policy, entry.state.clone(), &seen),
            };
            entry.state = state;
            entry.heartbeat_at = now();
            entry.next_look_by = None;
            let moment = moment(&entry, &seen);
            told(&moment);
            timeline.push(moment);
            // Nobody waits for a journal to get stable back.
            if let Some(ended) = entry.state.ended.clone().filter(|ended| ended.outcome != Outcome::Promoted) {
                return self.finish(entry, ended, &effects, timeline, problems).await;
            }
            let is_news = !effects.is_empty() || entry.heartbeat_at - written_at >= patience;
            let written = if is_news { Box::pin(self.write_or_stop(&entry)).await } else { Some(Ok(())) };
            match written {
                None => continue,
                Some(Ok(())) => {
                    unwritten = 0;
                    written_at = if is_news { entry.heartbeat_at } else { written_at };
                }
                Some(Err(Unwritten::Taken)) => return self.taken(entry, timeline, problems).await,
                Some(Err(Unwritten::Problem(problem))) => {
                    unwritten += 1;
                    if unwritten == 1 {
                        problems.push(problem);
                    }
                    // What is not written down is not dared; only stable may always come back.
                    if unwritten >= MOST_UNWRITTEN || entry.state.ended.is_some() {
                        let reason = "the journal could not be written".to_owned();
                        let ended = Ended { outcome: Outcome::Aborted, reason };
                        entry.state.ended = Some(ended.clone());
                        return self.finish(entry, ended, &[Effect::Restore], timeline, problems).await;
                    }
                    self.pause(plan).await;
                    continue;
                }
            }
            if let Some(ended) = entry.state.ended.clone() {
                return self.finish(entry, ended, &effects, timeline, problems).await;
            }
            let moves: Vec<Traffic> = effects
                .iter()
                .filter_map(|effect| match effect {
                    Effect::Move(traffic) => Some(*traffic),
                    _ => None,
                })
                .collect();
            for traffic in &moves {
                // Whether it was taken is what the next look sees.
                tokio::select! {
                    () = self.stopped() => {}
                    written = self.levers.router.write(*traffic) => problems.extend(written.err()),
                }
            }
            if !moves.is_empty() {
                continue;
            }
            if until == Until::OneLook {
                entry.next_look_by = Some(now() + plan.max_gap_seconds);
                if let Err(unwritten) = self.journal.write(&entry).await {
                    problems.push(unwritten.problem());
                }
                let weight = seen.traffic.as_ref().ok().map(|traffic| traffic.weight);
                let reason = if entry.state.said.is_empty() { "in order".to_owned() } else { entry.state.said.clone() };
                let ended = Ended { outcome: Outcome::Held, reason };
                return Journey { entry, ended, timeline, levers: Vec::new(), weight, problems };
            }
            self.pause(plan).await;
        }
    }

    /// A signal does not wait for a journal.
    async fn write_or_stop(&self, entry: &Entry) -> Option<Result<(), Unwritten>> {
        tokio::select! {
            written = self.journal.write(entry) => Some(written),
            () = self.stopped() => None,
        }
    }

    /// Somebody else decides by now: nothing more is moved here.
    async fn taken(&self, entry: Entry, timeline: Vec<Moment>, mut problems: Vec<Problem>) -> Journey {
        let by = match self.journal.read().await {
            Ok(Stored::Entry(other, _)) => other.by,
            _ => "somebody else".to_owned(),
        };
        let reason = format!("the rollout was taken over, by {by}: nothing more was moved here");
        problems.push(Problem::new(reason.clone()));
        let weight = self.levers.router.read().await.ok().map(|traffic| traffic.weight);
        let ended = Ended { outcome: Outcome::Aborted, reason };
        Journey { entry, ended, timeline, levers: Vec::new(), weight, problems }
    }

    async fn pause(&self, plan: &RolloutPlan) {
        tokio::select! {
            () = self.stopped() => {}
            () = tokio::time::sleep(Duration::from_secs_f64(plan.policy.interval_seconds)) => {}
        }
    }

    /// Does what the end asks for, and writes down that it is done.
    pub async fn finish(
        &self,
        mut entry: Entry,
        mut ended: Ended,
        effects: &[Effect],
        timeline: Vec<Moment>,
        mut problems: Vec<Problem>,
    ) -> Journey {
        let mut levers = Vec::new();
        if effects.contains(&Effect::Promote) {
            // Reading a large model takes longer than a cancelled job has.
            let refusal = tokio::select! {
                biased;
                refusal = self.levers.refusal(&entry) => refusal,
                () = self.stopped() => {
                    Some(Pulled { lever: PROMOTION, is_done: false, said: "it was cancelled".to_owned() })
                }
            };
            levers = match refusal {
                Some(refusal) => vec![refusal],
                None => Box::pin(self.levers.promote(&entry)).await,
            };
            if let Some(failed) = levers.iter().find(|pulled| !pulled.is_done) {
                let reason = format!("it could not be promoted: {}", failed.said);
                problems.push(Problem::new(reason.clone()));
                ended = Ended { outcome: Outcome::Aborted, reason };
                entry.state.ended = Some(ended.clone());
            }
        }
        entry.is_settled = true;
        if ended.outcome != Outcome::Promoted {
            entry.is_settled = false;
            // A shadow that did well leaves registry and flag as they are.
            let restore = async {
                match ended.outcome {
                    Outcome::Held => vec![self.levers.restore_traffic().await],
                    _ => self.levers.restore(&entry).await,
                }
            };
            let (restored, written) = tokio::join!(Box::pin(restore), Box::pin(self.journal.overwrite(&entry)));
            problems.extend(written.err());
            entry.is_settled = restored.iter().all(|pulled| pulled.is_done);
            let undone = restored.iter().filter(|pulled| !pulled.is_done);
            problems.extend(undone.map(|pulled| {
                Problem::new(format!("{} could not be restored: {}", pulled.lever, pulled.said))
                    .hint("`mlgate rollback` tries again")
            }));
            levers.extend(restored);
        }
        entry.heartbeat_at = now();
        entry.next_look_by = None;
        if let Err(problem) = Box::pin(self.settle(&entry)).await {
            entry.is_settled = false;
            problems.push(problem);
        }
        let weight = self.levers.router.read().await.ok().map(|traffic| traffic.weight);
        Journey { entry, ended, timeline, levers, weight, problems }
    }
}

impl World {
    /// Writes the end down, with some patience: what is done and not written looks undone.
    async fn settle(&self, entry: &Entry) -> Result<(), Problem> {
        let mut written = self.journal.overwrite(entry).await;
        for _ in 0..2 {
            if written.is_ok() || self.stop.load(Ordering::SeqCst) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
            written = self.journal.overwrite(entry).await;
        }
        written
    }
}

fn effect_of(outcome: Outcome) -> Effect {
    if outcome == Outcome::Promoted { Effect::Promote } else { Effect::Restore }
}

/// What is seen where nobody looks any more.
fn stopped_seen() -> Seen {
    let nothing = || ArmSeen {
        requests: Reading::Absent,
        errors: Reading::Absent,
        gauges: BTreeMap::new(),
        trial: BTreeMap::new(),
    };
    Seen {
        at: now(),
        of: now(),
        traffic: Err("nobody asked".into()),
        ready: Ok(()),
        stable: nothing(),
        candidate: nothing(),
        log: BTreeMap::new(),
        stop: Some(Stop::Signal),
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
