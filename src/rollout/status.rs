//! What a rollout does now, from its journal and its router: for people and for `--json`. Pure.

use serde_json::{Value, json};

use super::hook::HookRecord;
use super::journal::Entry;
use super::levers::Pulled;
use super::request::Request;
use super::timeline::time;
use super::{Outcome, Slots, Traffic};
use crate::support::words::one_line;

/// What a rollout does now.
pub struct Status<'a> {
    pub entry: &'a Entry,
    /// The router's.
    pub slots: &'a Slots,
    /// What the router says, or why it says nothing; none without a router.
    pub traffic: Option<Result<Traffic, String>>,
    /// Where there is no router: the alias of production and what it means, or why that is unknown.
    pub alias: Option<Result<Alias, String>>,
    /// Seconds since 1970.
    pub at: f64,
    /// Silence after which nobody carries it on.
    pub patience_seconds: f64,
}

/// The registry's alias of production.
pub struct Alias {
    pub name: String,
    pub version: Option<String>,
}

impl Status<'_> {
    /// The state in one word.
    pub fn word(&self) -> &'static str {
        let Entry { state, is_settled, next_look_by, .. } = self.entry;
        match &state.ended {
            Some(ended) if *is_settled => ended.outcome.word(),
            Some(_) => "ending",
            None if state.paused.is_some() => "paused",
            None if state.may_be_approved() && self.is_attended() => "awaiting_approval",
            None if next_look_by.is_some_and(|by| self.at <= by) => "waiting",
            None if self.is_attended() => "running",
            None => "unattended",
        }
    }

    /// Whether a process carries it on, or a later run is not overdue.
    fn is_attended(&self) -> bool {
        match self.entry.next_look_by {
            Some(by) => self.at <= by,
            None => self.at - self.entry.heartbeat_at <= self.patience_seconds,
        }
    }

    /// The commands that may come next.
    fn next(&self) -> &'static [&'static str] {
        let is_promoted = self.entry.state.ended.as_ref().is_some_and(|ended| ended.outcome == Outcome::Promoted);
        match self.word() {
            "paused" => &["resume", "promote", "abort"],
            "awaiting_approval" => &["approve", "pause", "promote", "abort"],
            "running" | "waiting" => &["pause", "promote", "abort"],
            "unattended" | "ending" => &["rollback", "rollout"],
            _ if is_promoted => &["rollback"],
            _ => &["rollout"],
        }
    }

    pub fn json(&self) -> Value {
        let entry = self.entry;
        let state = &entry.state;
        let requests = |requests: &[Request]| -> Vec<Value> { requests.iter().map(of_request).collect() };
        json!({
            "schema_version": 1,
            "state": self.word(),
            "reason": state.ended.as_ref().map_or(&state.said, |ended| &ended.reason),
            "model": { "name": self.entry.name, "version": self.entry.version },
            "previous_version": self.entry.previous_version,
            "strategy": self.entry.strategy,
            "step": state.stage + 1,
            "steps": self.entry.stages.iter().map(|traffic| traffic.weight).collect::<Vec<_>>(),
            "slots": self.slots.json(entry),
            "weight": self.traffic.as_ref().and_then(|traffic| Some(traffic.as_ref().ok()?.weight)),
            "alias": self.alias.as_ref().and_then(|alias| alias.as_ref().ok()).map(of_alias),
            "counts": { "stable": state.current.stable, "candidate": state.current.candidate },
            "started_at": time(self.entry.started_at),
            "heartbeat_at": time(self.entry.heartbeat_at),
            "next_look_by": self.entry.next_look_by.map(time),
            "by": self.entry.by,
            "paused": state.paused.as_ref().map(|pause| of_request(&pause.request)),
            "hooks": state.hooks.iter().map(of_hook).collect::<Vec<_>>(),
            "requests": requests(&self.entry.requests),
            "interventions": requests(&self.entry.interventions),
            "next": self.next(),
        })
    }

    pub fn text(&self) -> String {
        let entry = self.entry;
        let counts = entry.state.current;
        let (stable, candidate) = self.slots.names(entry.order);
        let weight = self.traffic.as_ref().map(|traffic| match traffic {
            Ok(traffic) => format!("the candidate has {} %", traffic.weight),
            Err(why) => format!("unknown: {}", one_line(why)),
        });
        let alias = self.alias.as_ref().map(|alias| match alias {
            Ok(Alias { name, version: Some(version) }) => {
                format!("{} is version {}", one_line(name), one_line(version))
            }
            Ok(Alias { name, version: None }) => format!("{} is no version", one_line(name)),
            Err(why) => format!("unknown: {}", one_line(why)),
        });
        let steps = match entry.stages.len() {
            0 => String::new(),
            steps => format!(", step {} of {steps}", entry.state.stage + 1),
        };
        let mut lines = vec![
            format!("{} {}: {}", one_line(&entry.name), one_line(&entry.version), self.word().replace('_', " ")),
            format!("  strategy:   {}{steps}", entry.strategy),
        ];
        if let Some(weight) = weight {
            lines.push(format!("  traffic:    {weight}"));
            lines.push(format!(
                "  slots:      stable is {}, the candidate is {}",
                one_line(stable),
                one_line(candidate)
            ));
        }
        lines.extend(alias.map(|alias| format!("  alias:      {alias}")));
        lines.extend([
            format!(
                "  this step:  candidate {}/{} failed, stable {}/{} failed",
                counts.candidate.errors, counts.candidate.requests, counts.stable.errors, counts.stable.requests
            ),
            format!("  since:      {}", time(entry.started_at)),
            format!("  heartbeat:  {}, by {}", time(entry.heartbeat_at), one_line(&entry.by)),
        ]);
        lines.extend(entry.next_look_by.map(|by| format!("  next:       an evaluation by {}", time(by))));
        let reason = entry.state.ended.as_ref().map_or(&entry.state.said, |ended| &ended.reason);
        if !reason.is_empty() {
            lines.push(format!("  reason:     {}", one_line(reason)));
        }
        lines.extend(entry.state.hooks.iter().map(|record| format!("  hook:       {}", of_record(record))));
        let of = |request: &Request| format!("{}, {}", request.words(), time(request.at));
        lines.extend(entry.interventions.iter().map(|request| format!("  person:     {}", of(request))));
        lines.extend(entry.requests.iter().map(|request| format!("  asked for:  {}", of(request))));
        let commands: Vec<String> = self.next().iter().map(|command| format!("`mlgate {command}`")).collect();
        lines.push(format!("  commands:   {}", commands.join(", ")));
        lines.iter().fold(String::new(), |all, line| all + line + "\n")
    }
}

/// An alias, as `--json` has it.
pub fn of_alias(alias: &Alias) -> Value {
    json!({ "name": alias.name, "version": alias.version })
}

/// A hook at one step, as reports have it.
pub fn of_hook(record: &HookRecord) -> Value {
    let HookRecord { hook, at, stage, is_passed, run, answered_at, answer, .. } = record;
    json!({
        "hook": hook,
        "at": at.word(),
        "step": stage + 1,
        "passed": is_passed,
        "run": run,
        "answered_at": answered_at.map(time),
        "answer": answer,
    })
}

/// `smoke-test (pre_rollout, step 1): passed, 200`.
pub fn of_record(record: &HookRecord) -> String {
    let HookRecord { hook, at, stage, is_passed, answered_at, answer, .. } = record;
    let said = match (is_passed, answered_at) {
        (true, _) => format!("passed, {}", one_line(answer)),
        (false, Some(_)) => format!("did not pass, {}", one_line(answer)),
        (false, None) => "no answer".to_owned(),
    };
    format!("{} ({}, step {}): {said}", one_line(hook), at.word(), stage + 1)
}

/// A request, as reports have it.
pub fn of_request(request: &Request) -> Value {
    let Request { kind, by, at, reason, step } = request;
    json!({ "kind": kind.word(), "by": by, "at": time(*at), "reason": reason, "step": step.map(|step| step + 1) })
}

/// What was done to router, registry or flag, as reports have it.
pub fn of_action(action: &Pulled) -> Value {
    let state = if action.is_done { "done" } else { "failed" };
    json!({ "lever": action.lever, "state": state, "said": action.said })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rollout::request::{Pause, RequestKind};
    use crate::rollout::{Ended, State};

    #[test]
    fn the_state_is_one_word() {
        let ended = |outcome| Some(Ended { outcome, reason: String::new() });
        let request = Request { kind: RequestKind::Pause, by: "alice".into(), at: 7.0, reason: None, step: None };
        let paused = Some(Pause { request, since: 7.0 });
        let check = |state: State, is_settled, next_look_by, heartbeat_at| {
            let unknown = Entry::unknown("canary", "risk", "a test", 1.0);
            let entry = Entry { heartbeat_at, next_look_by, state, is_settled, ..unknown };
            let slots = Slots::of_tests(true);
            Status {
                entry: &entry,
                slots: &slots,
                traffic: Some(Ok(Traffic::STABLE)),
                alias: None,
                at: 1_000.0,
                patience_seconds: 60.0,
            }
            .word()
        };
        let of = |ended, paused| State { paused, ended, ..State::default() };
        for (state, is_settled, next_look_by, heartbeat_at, word) in [
            (of(None, None), false, None, 990.0, "running"),
            (of(None, paused), false, None, 990.0, "paused"),
            (of(None, None), false, None, 900.0, "unattended"),
            (of(None, None), false, Some(1_001.0), 900.0, "waiting"),
            (of(None, None), false, Some(999.0), 990.0, "unattended"),
            (of(ended(Outcome::RolledBack), None), false, None, 990.0, "ending"),
            (of(ended(Outcome::RolledBack), None), true, None, 990.0, "rolled_back"),
            (of(ended(Outcome::Promoted), None), true, None, 990.0, "promoted"),
        ] {
            assert_eq!(check(state, is_settled, next_look_by, heartbeat_at), word);
        }
    }
}
