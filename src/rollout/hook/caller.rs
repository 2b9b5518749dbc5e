//! Hooks are called beside the evaluations, which go on.
#![expect(clippy::disallowed_methods, reason = "edge: the time between two calls")]

use std::time::{Duration, Instant};

use serde_json::json;
use tokio::task::JoinHandle;

use super::webhook::Webhook;
use super::workflow::Workflow;
use super::{CallId, Hook, HookReading, HookRecord, HookSeen};
use crate::rollout::Traffic;
use crate::rollout::journal::Entry;
use crate::rollout::plan::RolloutPlan;
use crate::support::sha256;

/// The shortest time that one call is given, however late it is.
const SHORTEST_CALL: Duration = Duration::from_secs(1);
/// Characters of a key.
const KEY: usize = 32;

/// Who is called.
#[derive(Clone)]
pub enum HookTarget {
    Webhook(Webhook),
    Workflow(Workflow),
}

/// The hook that is being called, and what it said last.
pub struct HookCaller<'a> {
    plan: &'a RolloutPlan,
    /// In the order of the policy's hooks.
    targets: &'a [HookTarget],
    task: Option<(CallId, JoinHandle<HookReading>)>,
    last: Option<HookSeen>,
    not_before: Option<Instant>,
}

impl<'a> HookCaller<'a> {
    pub fn new(plan: &'a RolloutPlan, targets: &'a [HookTarget]) -> Self {
        Self { plan, targets, task: None, last: None, not_before: None }
    }

    /// Returns what is known by now.
    pub async fn seen(&mut self) -> Option<HookSeen> {
        if let Some((call, task)) = self.task.take_if(|(_, task)| task.is_finished()) {
            let failed = |_| HookReading::Unusable("this is a bug in mlgate".to_owned());
            let reading = task.await.unwrap_or_else(failed);
            self.not_before = Some(Instant::now() + Duration::from_secs_f64(self.plan.policy.interval_seconds));
            self.last = Some(HookSeen { call, reading });
        }
        self.last.clone()
    }

    /// Returns whether a call is not answered yet.
    pub fn is_busy(&self) -> bool {
        self.task.is_some()
    }

    /// Calls a hook, unless it is being called, or was called within this interval; that its record stands in the journal.
    pub fn start(&mut self, hook: usize, entry: &Entry, traffic: Traffic) {
        let (Some(policy), Some(target)) = (self.plan.policy.hooks.get(hook), self.targets.get(hook)) else { return };
        let stage = entry.state.stage;
        let is_it =
            |record: &&HookRecord| record.hook == policy.name && record.stage == stage && record.at == policy.at;
        let record = entry.state.hooks.iter().find(is_it);
        let Some(record) = record else { return };
        let call = CallId { hook, stage, retries: record.retries };
        if self.task.as_ref().is_some_and(|(own, _)| *own == call) {
            return;
        }
        let is_same = self.last.as_ref().is_some_and(|last| last.call.hook == hook && last.call.stage == stage);
        if is_same && self.not_before.is_some_and(|time| Instant::now() < time) {
            return;
        }
        if let Some((_, task)) = self.task.take() {
            task.abort();
        }
        let key = key(entry, policy, call);
        let task = match (target.clone(), record.run) {
            (HookTarget::Webhook(webhook), _) => {
                let body = self.body(policy, entry, traffic, &key);
                let timeout = Duration::from_secs_f64(policy.timeout_seconds).max(SHORTEST_CALL);
                tokio::task::spawn(async move { webhook.call(&body, &key, timeout).await })
            }
            (HookTarget::Workflow(workflow), Some(run)) => tokio::task::spawn(async move { workflow.read(run).await }),
            (HookTarget::Workflow(workflow), None) => {
                let values = [
                    ("model", entry.name.clone()),
                    ("version", entry.version.clone()),
                    ("step", (stage + 1).to_string()),
                    ("weight", traffic.weight.to_string()),
                    ("variant", self.variants(entry).1.to_owned()),
                    ("idempotency_key", key),
                ];
                tokio::task::spawn(async move { workflow.start(&values).await })
            }
        };
        self.task = Some((call, task));
    }

    /// Waits until a call is answered; for ever where nothing is called.
    pub async fn ended(&self) {
        while !self.task.as_ref().is_some_and(|(_, task)| task.is_finished()) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// What stable and the candidate are called in this rollout.
    fn variants(&self, entry: &Entry) -> (&str, &str) {
        let arms = &self.plan.arms;
        entry.order.of(arms.stable.as_str(), arms.candidate.as_str())
    }

    fn body(&self, hook: &Hook, entry: &Entry, traffic: Traffic, key: &str) -> serde_json::Value {
        let (stable, candidate) = self.variants(entry);
        json!({
            "schema_version": 1,
            "hook": hook.name,
            "at": hook.at.word(),
            "model": entry.name,
            "version": entry.version,
            "previous_version": entry.previous_version,
            "strategy": entry.strategy,
            "variant": candidate,
            "variants": { "stable": stable, "candidate": candidate },
            "step": entry.state.stage + 1,
            "steps": entry.stages.iter().map(|stage| stage.weight).collect::<Vec<_>>(),
            "weights": { "stable": 100 - traffic.weight, "candidate": traffic.weight },
            "by": entry.by,
            "idempotency_key": key,
        })
    }
}

impl Drop for HookCaller<'_> {
    fn drop(&mut self) {
        if let Some((_, task)) = &self.task {
            task.abort();
        }
    }
}

/// The same for every call of one hook at one step of one rollout, whichever process makes it; another one after a no.
fn key(entry: &Entry, hook: &Hook, call: CallId) -> String {
    let parts = json!([entry.name, entry.version, entry.started_at, hook.name, call.stage, call.retries]);
    sha256::of(parts.to_string().as_bytes()).chars().take(KEY).collect()
}
