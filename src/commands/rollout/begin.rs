//! A new rollout, or the one that is under way: what may begin, and what may be gone on with.

use std::time::Duration;

use super::attest::{Attestation, Verifier};
use super::start::Start;
use super::{by, is_stopped};
use crate::rollout::driver::{World, now, steady};
use crate::rollout::journal::{Entry, FlagRecord, Proof, Stored};
use crate::rollout::plan::RolloutPlan;
use crate::rollout::watch::PRODUCTION;
use crate::rollout::{Outcome, Traffic};
use crate::support::problem::{Failure, Problem};
use crate::support::words::code;

/// What a rollout begins with.
pub enum Begun {
    Entry(Box<Entry>),
    /// The one that is under way may not go on: it is not what was judged any more.
    Refused(Problem),
}

/// Nothing lets a model out.
pub fn no_report() -> Failure {
    let problem = Problem::new("nothing says which report lets the model out");
    let hint = "hand over the gate's output: `report-sha256: ${{ needs.gate.outputs.report-sha256 }}`";
    Failure::usage(problem.hint(hint))
}

/// A new rollout, or the one that is under way.
///
/// # Errors
/// Neither may be.
pub async fn begin(
    verifier: Verifier<'_>,
    world: &World,
    given: Option<&Attestation>,
    known: Option<(Entry, Proof)>,
) -> Result<Begun, Failure> {
    let Verifier { plan, name, context, .. } = verifier;
    let by = by(context);
    let version = |entry: &Entry| given.map_or_else(|| entry.version.clone(), |given| given.vouched.version.clone());
    if let Some((entry, _)) = &known
        && entry.is_in_production()
        && entry.name == name
        && entry.version == version(entry)
        && let Ok(PRODUCTION) = world.controls.levers.router.split(entry.order).read().await
    {
        return Ok(Begun::Entry(Box::new(entry.clone())));
    }
    let flag_before = known.as_ref().and_then(|(entry, _)| turned_off(entry));
    let (open, last) = match known {
        Some((entry, proof)) if entry.is_open() => (Some((entry, proof)), None),
        Some((entry, _)) => (None, Some(entry)),
        None => (None, None),
    };
    if let Some((entry, proof)) = open {
        let is_same = entry.name == name && entry.version == version(&entry);
        let is_carried_on = is_same && is_carried_on(plan, world, &entry).await?;
        if !is_same || is_carried_on {
            let said = format!(
                "the rollout of {} {} is not over (by {})",
                code(&entry.name),
                code(&entry.version),
                code(&entry.by)
            );
            return Err(Failure::usage(Problem::new(said).hint("wait for it, or end it: `mlgate rollback`")));
        }
        if entry.strategy != plan.policy.strategy.word() || entry.stages != stages(plan) {
            let said = "a rollout of this version is under way, and the config has other stages by now";
            return Err(Failure::usage(
                Problem::new(said).hint("go on with the config it began with, or end it: `mlgate rollback`"),
            ));
        }
        world.controls.confirm_order(&entry, proof, false).await.map_err(Failure::unmeasured)?;
        // A model that differs from the judged one keeps no traffic.
        if let Some(why) = verifier.resume(world, &entry, proof, given).await? {
            return Ok(Begun::Refused(why));
        }
        super::super::note("a rollout of this version is under way: going on with it");
        return Ok(Begun::Entry(Box::new(gone_on_with(entry, by, given))));
    }
    let Some(given) = given else { return Err(no_report()) };
    let start = Start::find(world, plan, last.filter(|last| last.name == name).as_ref()).await?;
    let Start { order, previous_version, is_first } = start;
    verifier.confirm(world, &given.vouched).await?;
    if previous_version.as_deref() == Some(given.vouched.version.as_str()) {
        let said = format!("version {} is in production already", code(&given.vouched.version));
        return Err(Failure::usage(Problem::new(said)));
    }
    let flag_now = flag_now(world).await;
    Ok(Begun::Entry(Box::new(Entry {
        version: given.vouched.version.clone(),
        previous_version,
        is_previous_known: true,
        flag: FlagRecord { is_off: flag_now.is_none() && flag_before.is_some(), before: flag_now.or(flag_before) },
        stages: stages(plan),
        report_sha256: given.report_sha256.clone(),
        vouched: given.vouched.clone(),
        stable_slot: Some(world.controls.slots.names(order).0.to_owned()),
        order,
        is_first,
        ..Entry::unknown(plan.policy.strategy.word(), name, &by, now())
    })))
}

/// What a flag was before the last rollout's end turned it off.
pub fn turned_off(entry: &Entry) -> Option<String> {
    let is_off = entry.state.ended.as_ref().is_some_and(|ended| ended.outcome != Outcome::Promoted);
    entry.flag.before.clone().filter(|_| is_off && !entry.state.keeps_flag)
}

/// What the flag is, before anything is moved: what a promotion after a rollback turns back to.
pub async fn flag_now(world: &World) -> Option<String> {
    match world.controls.levers.flag.as_ref()?.state().await {
        Ok(state) => state,
        Err(problem) => {
            super::super::warn(&format!("what the flag is could not be read: {problem}"));
            None
        }
    }
}

/// The entry as this process goes on with it.
fn gone_on_with(entry: Entry, by: String, given: Option<&Attestation>) -> Entry {
    let mut state = entry.state.clone();
    if entry.next_look_by.is_none() {
        // Whoever died did not look: the stage is watched for all of its time again, and this process has sent nothing yet.
        (state.stage_at, state.base, state.hold_since, state.sent) = (None, None, None, 0);
        state.hooks.iter_mut().filter(|record| !record.is_passed).for_each(|record| record.since = None);
    }
    let entry = match given {
        Some(given) => Entry { vouched: given.vouched.clone(), report_sha256: given.report_sha256.clone(), ..entry },
        None => entry,
    };
    Entry { by, next_look_by: None, state, ..entry }
}

fn stages(plan: &RolloutPlan) -> Vec<Traffic> {
    plan.policy.stages.iter().map(|stage| stage.traffic).collect()
}

/// Whether another process gives signs of life: two that carry the same rollout on would work against each other.
async fn is_carried_on(plan: &RolloutPlan, world: &World, entry: &Entry) -> Result<bool, Failure> {
    if entry.next_look_by.is_some() || entry.state.ended.is_some() {
        return Ok(false);
    }
    let patience = world.controls.journal.patience(plan.heartbeat_seconds);
    let left = entry.heartbeat_at + patience + 3.0 * plan.policy.interval_seconds - now();
    if left <= 0.0 {
        return Ok(false);
    }
    super::super::note("a rollout of this version is under way: waiting whether somebody carries it on");
    let until = steady() + left.min(120.0);
    while steady() < until {
        if is_stopped(&world.controls.stop) {
            return Ok(true);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let later = world.controls.journal.read().await?;
    Ok(matches!(later, Stored::Entry(later, _) if later.heartbeat_at > entry.heartbeat_at))
}
