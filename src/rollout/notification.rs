//! A message about a rollout: what happened, who is affected, what to type. Pure; the channels render it.

pub mod issue;
pub mod slack;
pub mod teams;

use serde_json::{Value, json};

use super::driver::Journey;
use super::journal::Entry;
use super::levers::Pulled;
use super::policy::{Limits, Strategy};
use super::state::{Counts, State};
use super::timeline::{clock, time};
use super::{Outcome, status};
use crate::config::rollout::NotifyOn;
use crate::support::words::{self, cut, number, one_line};

/// Evaluations that a hold lasts before it is news: one failed scrape is not.
const HELD_EVALUATIONS: f64 = 2.0;
/// Characters of a reason, of a limit, of what an action answered.
const LONGEST: usize = 600;
/// Characters of a name and of a version.
const LONGEST_NAME: usize = 80;

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    Started,
    /// The router has the step's weights.
    Step,
    /// It waits for something, for several evaluations.
    Held,
    /// What it waited for is there.
    Recovered,
    /// The step has passed, and waits for a person's approval.
    AwaitingApproval,
    Paused,
    Resumed,
    Ended(Outcome),
}

impl Event {
    /// Returns the name in JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::Started => "started",
            Self::Step => "step",
            Self::Held => "held",
            Self::Recovered => "recovered",
            Self::AwaitingApproval => "awaiting_approval",
            Self::Paused => "paused",
            Self::Resumed => "resumed",
            Self::Ended(outcome) => outcome.word(),
        }
    }

    /// Returns the settings of `on` that ask for it.
    pub fn asked_by(self) -> &'static [NotifyOn] {
        match self {
            Self::Started => &[NotifyOn::Start],
            Self::Step => &[NotifyOn::Step],
            Self::Held | Self::Recovered | Self::AwaitingApproval | Self::Paused | Self::Resumed => &[NotifyOn::Hold],
            Self::Ended(Outcome::RolledBack | Outcome::Aborted) => &[NotifyOn::Rollback, NotifyOn::End],
            Self::Ended(_) => &[NotifyOn::End],
        }
    }
}

/// Returns what happened from one evaluation to the next, each at its time in seconds; an end is told by what came of it.
pub fn event((before, earlier): (&State, f64), (after, at): (&State, f64), interval_seconds: f64) -> Option<Event> {
    if after.ended.is_some() {
        return None;
    }
    let is_held = |state: &State, at: f64| {
        state.hold_since.is_some_and(|since| at - since >= HELD_EVALUATIONS * interval_seconds)
    };
    match (before.paused.is_some(), after.paused.is_some()) {
        (false, true) => return Some(Event::Paused),
        (true, false) => return Some(Event::Resumed),
        _ => {}
    }
    if after.is_set && (!before.is_set || before.stage != after.stage) {
        return Some(Event::Step);
    }
    if before.awaits_approval.is_none() && after.awaits_approval.is_some() {
        return Some(Event::AwaitingApproval);
    }
    match (is_held(before, earlier), is_held(after, at)) {
        (false, true) => Some(Event::Held),
        (true, false) => Some(Event::Recovered),
        _ => None,
    }
}

/// Where a message comes from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Source {
    /// `octo/risk`.
    pub repository: String,
    /// The page of the workflow run.
    pub run_url: Option<String>,
    /// What a command needs behind its name, such as `--config rollout.yml`.
    pub options: String,
}

/// A message.
#[derive(Debug, Clone, PartialEq)]
pub struct Notification {
    pub event: Event,
    pub model: String,
    pub version: String,
    pub previous_version: Option<String>,
    pub strategy: String,
    /// From 1.
    pub step: usize,
    pub steps: usize,
    /// Percent of the traffic that the candidate has; none where the router does not say.
    pub weight: Option<u8>,
    pub reason: String,
    pub limits: Vec<String>,
    /// What the candidate answered since the rollout began.
    pub affected: Counts,
    /// Seconds since 1970.
    pub started_at: f64,
    pub at: f64,
    pub actions: Vec<Pulled>,
    pub problems: Vec<String>,
    /// Whether the journal says that it is over, where it is.
    pub is_settled: bool,
    pub source: Source,
}

impl Notification {
    /// Returns the message of an event of a rollout that goes on.
    pub fn of(event: Event, entry: &Entry, limits: &Limits, weight: Option<u8>, at: f64, source: &Source) -> Self {
        let state = &entry.state;
        let affected = state.earlier.iter().fold(state.current.candidate, |all, stratum| all.plus(stratum.candidate));
        let reason = match event {
            Event::Paused => state.paused.as_ref().map_or(String::new(), |pause| pause.request.words()),
            Event::Resumed => entry.interventions.last().map_or(String::new(), super::request::Request::words),
            _ => state.said.clone(),
        };
        Self {
            event,
            model: entry.name.clone(),
            version: entry.version.clone(),
            previous_version: entry.previous_version.clone(),
            strategy: entry.strategy.clone(),
            step: state.stage + 1,
            steps: entry.stages.len().max(1),
            weight,
            reason,
            limits: described(limits),
            affected,
            started_at: entry.started_at,
            at,
            actions: Vec::new(),
            problems: Vec::new(),
            is_settled: true,
            source: source.clone(),
        }
    }

    /// Returns the message of an end.
    pub fn of_end(journey: &Journey, limits: &Limits, at: f64, source: &Source) -> Self {
        let event = Event::Ended(journey.ended.outcome);
        Self {
            reason: journey.ended.reason.clone(),
            actions: journey.levers.clone(),
            problems: journey.problems.iter().map(|problem| problem.message.clone()).collect(),
            is_settled: journey.entry.is_settled,
            ..Self::of(event, &journey.entry, limits, journey.weight, at, source)
        }
    }

    /// Whether something that had to be done is not.
    pub fn is_undone(&self) -> bool {
        !self.is_settled || self.actions.iter().any(|action| !action.is_done)
    }

    /// Whether a person should look.
    pub fn is_alarming(&self) -> bool {
        self.is_undone() || matches!(self.event, Event::Ended(Outcome::RolledBack | Outcome::Aborted))
    }

    pub fn icon(&self) -> &'static str {
        match self.event {
            _ if self.is_undone() => "🔴",
            Event::Started | Event::Step | Event::Recovered | Event::Resumed => "▶️",
            Event::Held | Event::AwaitingApproval | Event::Paused | Event::Ended(Outcome::Held) => "⏸️",
            Event::Ended(Outcome::Promoted) => "✅",
            Event::Ended(Outcome::RolledBack) => "⏪",
            Event::Ended(Outcome::NoDifference) => "🟰",
            Event::Ended(_) => "⚠️",
        }
    }

    /// `risk 8: held at 10 %`, in one line.
    pub fn title(&self) -> String {
        let weight = self.weight.map_or(String::new(), |weight| format!(" at {weight} %"));
        let happened = match self.event {
            Event::Started => format!("rollout started ({})", self.strategy),
            Event::Step => format!("step {} of {}{weight}", self.step, self.steps),
            Event::Held => format!("held{weight}"),
            Event::Recovered => format!("no longer held{weight}"),
            Event::AwaitingApproval => format!("waits for approval{weight}"),
            Event::Paused => format!("paused{weight}"),
            Event::Resumed => format!("resumed{weight}"),
            Event::Ended(outcome) => outcome.word().replace('_', " "),
        };
        let undone = if self.is_undone() { ", and NOT everything could be done" } else { "" };
        let [model, version] = [&self.model, &self.version].map(|name| cut(&one_line(name), LONGEST_NAME));
        format!("{model} {version}: {happened}{undone}")
    }

    /// Returns the rows of the message: a name, and what it says.
    pub fn facts(&self) -> Vec<(&'static str, String)> {
        let mut facts = Vec::new();
        if !self.reason.is_empty() {
            facts.push(("Reason", cut(&one_line(&self.reason), LONGEST)));
        }
        let has_router = self.strategy != Strategy::Registry.word();
        if has_router {
            facts.push(("Traffic", self.traffic()));
        }
        if self.event != Event::Started && (has_router || self.affected.requests > 0) {
            facts.push(("Affected", self.impact()));
        }
        facts.push(("Limits", cut(&self.limits.join("; "), LONGEST)));
        if let Some(previous) = &self.previous_version {
            facts.push(("Version before", cut(&one_line(previous), LONGEST_NAME)));
        }
        let done = |action: &Pulled| {
            let state = if action.is_done { "done" } else { "FAILED" };
            format!("{}: {state}, {}", action.lever, cut(&one_line(&action.said), LONGEST))
        };
        if !self.actions.is_empty() {
            facts.push(("Actions", self.actions.iter().map(done).collect::<Vec<_>>().join("; ")));
        }
        for problem in self.problems.iter().take(3) {
            facts.push(("Problem", cut(&one_line(problem), LONGEST)));
        }
        facts.push(("Time", format!("{}, started {}", clock(self.at), clock(self.started_at))));
        facts
    }

    fn traffic(&self) -> String {
        let candidate = self.weight.map_or_else(
            || "unknown: the router does not answer".to_owned(),
            |weight| format!("candidate {weight} %, stable {} %", 100 - weight.min(100)),
        );
        match self.event {
            Event::Ended(_) => candidate,
            _ => format!("{candidate} ({}, step {} of {})", self.strategy, self.step, self.steps),
        }
    }

    /// Who is affected.
    fn impact(&self) -> String {
        let Counts { requests, errors } = self.affected;
        if requests == 0 {
            return "no request of users was answered by the candidate".to_owned();
        }
        let percent = number(100.0 * self.affected.hits().share(), &[]);
        let lasted = words::duration((1e3 * (self.at - self.started_at)).max(0.0) as u64);
        let of = if requests == 1 { "request was" } else { "requests were" };
        format!(
            "{} {of} answered by the candidate, {} failed ({percent} %), in {lasted}",
            words::count(requests),
            words::count(errors)
        )
    }

    /// Returns the commands that may come next, each with what it does.
    pub fn next(&self) -> Vec<(String, &'static str)> {
        let command = |name: &str| {
            let name = if self.source.options.is_empty() {
                name.to_owned()
            } else {
                format!("{name} {}", self.source.options)
            };
            format!("mlgate {name}")
        };
        let all: &[(&str, &str)] = match self.event {
            _ if self.is_undone() => &[("rollback", "tries again"), ("status", "shows what stands")],
            Event::Started | Event::Step | Event::Recovered | Event::Resumed => {
                &[("status", "shows what it does"), ("pause", "holds it"), ("abort", "restores stable")]
            }
            Event::Held => &[("status", "shows what it does"), ("abort", "restores stable")],
            Event::AwaitingApproval => {
                &[("approve", "lets the step pass"), ("status", "shows what it does"), ("abort", "restores stable")]
            }
            Event::Paused => &[("resume", "goes on"), ("abort", "restores stable")],
            Event::Ended(Outcome::Promoted) => &[("rollback", "restores the version before")],
            Event::Ended(_) => &[("status", "shows what stands")],
        };
        all.iter().map(|(name, does)| (command(name), *does)).collect()
    }

    /// Returns the message as JSON, as the channel `webhook` sends it.
    pub fn json(&self) -> Value {
        json!({
            "schema_version": 1,
            "event": self.event.word(),
            "title": self.title(),
            "repository": self.source.repository,
            "model": { "name": self.model, "version": self.version },
            "previous_version": self.previous_version,
            "strategy": self.strategy,
            "step": self.step,
            "steps": self.steps,
            "weight": self.weight,
            "reason": self.reason,
            "limits": self.limits,
            "affected": { "requests": self.affected.requests, "errors": self.affected.errors },
            "actions": self.actions.iter().map(status::of_action).collect::<Vec<_>>(),
            "problems": self.problems,
            "is_undone": self.is_undone(),
            "started_at": time(self.started_at),
            "at": time(self.at),
            "run_url": self.source.run_url,
            "next": self.next().into_iter().map(|(command, _)| command).collect::<Vec<_>>(),
        })
    }
}

/// Returns the limits in words, one each.
pub fn described(limits: &Limits) -> Vec<String> {
    let percent = |share: f64| format!("{} %", number(100.0 * share, &[]));
    let times = |ratio: Option<f64>| ratio.map(|ratio| format!("{} times stable's", number(ratio, &[])));
    let list = |name: &str, parts: [Option<String>; 3]| {
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        (!parts.is_empty()).then(|| format!("{name} {}", parts.join(", ")))
    };
    let max = |max: Option<String>| max.map(|max| format!("at most {max}"));
    let errors = list("error rate", [max(limits.max_error_rate.map(percent)), max(times(limits.max_ratio)), None]);
    let histograms = limits.histograms.iter().map(|limit| {
        let slow = format!("at most {} in {} of answers", number(limit.max, &[]), percent(1.0 - limit.max_share));
        list(&limit.name, [Some(slow), max(times(limit.max_ratio)), None])
    });
    let gauges = limits.gauges.iter().map(|limit| {
        let min = limit.min.map(|min| format!("at least {}", number(min, &[])));
        list(&limit.name, [min, max(limit.max.map(|max| number(max, &[]))), max(times(limit.max_ratio))])
    });
    std::iter::once(errors).chain(histograms).chain(gauges).flatten().collect()
}

#[cfg(test)]
pub mod tests;
