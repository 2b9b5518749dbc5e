//! What a check found, as plain data: no words are rendered here and nothing is decided later.

pub mod band;
mod drifts;
mod slices;

pub use band::Band;
pub use drifts::Drift;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
pub use slices::Slice;

use crate::data::statistic::Breaches;
pub use crate::support::limit::{Limit, Unit};
use crate::support::problem::Place;

/// Shown to people in upper case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    Pass,
    Fail,
    Warn,
    Inconclusive,
    Skipped,
    Error,
}

/// What a failing check does to the run; `error` is softened by nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Block.
    #[default]
    Fail,
    /// Say so and go on.
    Warn,
}

/// A failure that the team accepts for a while, in the open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Waiver {
    /// Who answers for it.
    pub owner: String,
    /// Why it is accepted.
    pub reason: String,
    /// The last day on which it counts (`2026-12-31`).
    pub until: String,
}

/// What `judge` says of the numbers it was handed, before severity and waivers.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    pub outcome: Outcome,
    /// Every limit with the number held against it.
    pub limits: Vec<Held>,
    /// One sentence; names that others wrote stand in backticks, made by [`crate::support::words::code`].
    pub message: String,
    /// Everything else that was measured, by column or by name.
    pub values: Map<String, Value>,
    /// Cell values that breached; shown only with `show-values`.
    pub examples: Vec<String>,
    /// The next step, where it does not pass.
    pub hint: Option<String>,
}

/// A number held against a limit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Held {
    /// The setting that says the limit.
    pub setting: &'static str,
    pub observed: f64,
    pub limit: Limit,
    /// None of a metric.
    pub unit: Option<Unit>,
    pub breached: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Pass,
    Fail,
    /// Worth a look, and by itself no reason to stop.
    Warn,
    Inconclusive,
    /// There is nothing to judge yet, and the config says so.
    Skipped,
}

impl Outcome {
    pub fn status(self) -> Status {
        match self {
            Self::Pass => Status::Pass,
            Self::Fail => Status::Fail,
            Self::Warn => Status::Warn,
            Self::Inconclusive => Status::Inconclusive,
            Self::Skipped => Status::Skipped,
        }
    }
}

/// One entry of the report: a check, what it saw, what follows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Verdict {
    /// The check's id (`missing_values`).
    pub check: String,
    /// The column or metric the entry is about; null for lists and whole tables.
    pub subject: Option<String>,
    /// The columns that the entry names, where it names several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<String>,
    /// The entry's own name, where it has one.
    pub name: Option<String>,
    /// The table it looked at, where that is not the training table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on: Option<String>,
    pub status: Status,
    pub severity: Severity,
    /// The number held against the limit; of many the worst.
    pub observed: Option<f64>,
    pub limit: Option<Limit>,
    pub unit: Option<Unit>,
    pub message: String,
    /// What to do next, where the message alone does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    #[serde(default)]
    pub values: Map<String, Value>,
    /// Cell values that breached; only with `show-values`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub examples: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiver: Option<Waiver>,
    /// What the verdict rests on where that is not the table's values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub basis: Option<Basis>,
    /// The line of the rule.
    pub at: Option<Place>,
}

/// What a verdict rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// Statistics in the footers of Parquet files: no value was decoded.
    Footer,
}

impl Status {
    pub fn word(self) -> &'static str {
        match self {
            Self::Pass => "PASS",
            Self::Fail => "FAIL",
            Self::Warn => "WARN",
            Self::Inconclusive => "INCONCLUSIVE",
            Self::Skipped => "SKIPPED",
            Self::Error => "ERROR",
        }
    }

    pub fn sign(self) -> &'static str {
        match self {
            Self::Pass => "✅",
            Self::Fail => "❌",
            Self::Warn => "⚠️",
            Self::Inconclusive => "❔",
            Self::Skipped => "⏭️",
            Self::Error => "💥",
        }
    }

    /// Whether somebody should look at it.
    pub fn needs_a_person(self) -> bool {
        self.blocks() || self == Self::Warn
    }

    /// Whether the run is stopped by it; a warning stops it only with `fail-on: warn`.
    pub fn blocks(self) -> bool {
        matches!(self, Self::Fail | Self::Inconclusive | Self::Error)
    }
}

impl Finding {
    pub fn new(passed: bool, message: impl Into<String>) -> Self {
        Self::of(if passed { Outcome::Pass } else { Outcome::Fail }, message)
    }

    pub fn of(outcome: Outcome, message: impl Into<String>) -> Self {
        Self {
            outcome,
            limits: Vec::new(),
            message: message.into(),
            values: Map::new(),
            examples: Vec::new(),
            hint: None,
        }
    }

    /// The number held against the only limit.
    #[must_use]
    pub fn held(mut self, observed: f64, limit: Limit, unit: Unit) -> Self {
        self.limits =
            vec![Held { setting: "", observed, limit, unit: Some(unit), breached: self.outcome == Outcome::Fail }];
        self
    }

    /// The limit that is shown: the first breached, else the first, in the order they were written.
    pub fn shown(&self, written: &[&str]) -> Option<Held> {
        let mut limits = self.limits.clone();
        limits.sort_by_key(|held| {
            let place = written.iter().position(|setting| *setting == held.setting).unwrap_or(usize::MAX);
            (!held.breached, place)
        });
        limits.first().copied()
    }

    /// Something else that was measured.
    #[must_use]
    pub fn value(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.values.insert(name.to_owned(), value.into());
        self
    }

    /// What should be known also where it passes; nothing of an empty text.
    #[must_use]
    pub fn note(mut self, text: &str) -> Self {
        if !text.is_empty() {
            let notes = self.values.entry("notes").or_insert_with(|| Value::Array(Vec::new()));
            if let Value::Array(notes) = notes {
                notes.push(text.into());
            }
        }
        self
    }

    /// Rows that broke the rule: how many, the first, a few of their values.
    #[must_use]
    pub fn breaches(mut self, breaches: Breaches) -> Self {
        self.values.insert("rows".to_owned(), breaches.count.into());
        if let Some(first) = breaches.first_row {
            self.values.insert("first_row".to_owned(), first.into());
        }
        self.examples = breaches.examples;
        self
    }
}

impl Limit {
    pub fn min(min: f64) -> Self {
        Self { min: Some(min), ..Self::default() }
    }

    pub fn max(max: f64) -> Self {
        Self { max: Some(max), ..Self::default() }
    }
}

impl Verdict {
    /// `check` or `check:subject`, as outputs and tables name it.
    pub fn label(&self) -> String {
        match &self.subject {
            Some(subject) => format!("{}:{subject}", self.check),
            None => self.check.clone(),
        }
    }

    /// `income, age, job and 2 more`: the columns that tell this entry from another of its check, as they are called.
    pub fn named_columns(&self) -> Option<String> {
        const NAMED: usize = 3;
        let names = self.columns.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
        let more = self.columns.len().saturating_sub(NAMED);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        (!names.is_empty()).then(|| names + &more)
    }

    /// What it is about, in words: `range · age on test (adults only)`.
    pub fn title(&self) -> String {
        let after = |before: &str, text: Option<&str>, behind: &str| {
            text.map(|text| format!("{before}{text}{behind}")).unwrap_or_default()
        };
        [
            self.check.clone(),
            after(" · ", self.subject.as_deref(), ""),
            after(" · ", self.named_columns().as_deref(), ""),
            after(" (", self.average(), ")"),
            after(" by ", self.by(), ""),
            after(" on ", self.on.as_deref(), ""),
            after(" (", self.name.as_deref(), ")"),
        ]
        .concat()
    }

    /// Where the rule stands: `mlgate.yml:12`, or `input min-rows`.
    pub fn rule(&self) -> Option<String> {
        self.at.as_ref().map(|at| format!("{}:{}", at.file, at.line))
    }

    /// Of an entry that covers many columns, those that break its limit, worst first.
    ///
    /// Its `values` are such a list if `observed`, the worst of them, is among them; a whole number in
    /// them counts rows.
    pub fn offenders(&self) -> Vec<(&str, f64)> {
        let (None, Some(observed), Some(limit)) = (&self.subject, self.observed, self.limit) else { return vec![] };
        let low = limit.min.is_some_and(|min| observed <= min);
        let high = limit.max.is_some_and(|max| observed >= max);
        let mut all: Vec<_> = numbers(&self.values).collect();
        if !(low || high) || !all.iter().any(|(_, value)| value.total_cmp(&observed).is_eq()) {
            return vec![];
        }
        // A limit may be exclusive: where the worst only reaches it, reaching it is the breach.
        all.retain(|(_, value)| match (low, limit.min, limit.max) {
            (true, Some(min), _) => *value < min || observed >= min && *value <= min,
            (false, _, Some(max)) => *value > max || observed <= max && *value >= max,
            _ => false,
        });
        all.sort_by(|(_, a), (_, b)| if low { a.total_cmp(b) } else { b.total_cmp(a) });
        all
    }

    /// The shares of classes in percent, where the entry is about a distribution.
    pub fn classes(&self) -> Vec<(&str, f64)> {
        self.values.get("classes").and_then(Value::as_object).map(|map| numbers(map).collect()).unwrap_or_default()
    }
}

fn numbers(map: &Map<String, Value>) -> impl Iterator<Item = (&str, f64)> {
    map.iter().filter(|(_, value)| value.is_f64()).filter_map(|(name, value)| Some((name.as_str(), value.as_f64()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offenders(observed: f64, limit: Limit, values: &Value) -> Vec<String> {
        let verdict = serde_json::json!({
            "check": "missing_values", "subject": null, "name": null, "status": "fail", "severity": "fail",
            "observed": observed, "limit": limit, "unit": "percent", "message": "", "values": values, "at": null
        });
        let verdict: Verdict = serde_json::from_value(verdict).unwrap();
        verdict.offenders().into_iter().map(|(name, _)| name.to_owned()).collect()
    }

    #[test]
    fn offenders_are_the_columns_that_break_the_limit_worst_first() {
        let columns = serde_json::json!({ "age": 0.0, "job": 6.0, "income": 7.25, "note": "text" });
        assert_eq!(offenders(7.25, Limit::max(5.0), &columns), ["income", "job"]);
        assert_eq!(offenders(0.0, Limit::min(6.5), &columns), ["age", "job"]);
    }

    #[test]
    fn an_exclusive_limit_is_broken_by_reaching_it() {
        let columns = serde_json::json!({ "a": 100.0, "b": 99.0, "c": 100.0 });
        assert_eq!(offenders(100.0, Limit::max(100.0), &columns), ["a", "c"]);
    }

    #[test]
    fn other_measurements_are_not_offenders() {
        assert_eq!(offenders(15.0, Limit::max(1.0), &serde_json::json!({ "rows": 15, "first_row": 3 })), [""; 0]);
        assert_eq!(offenders(1.0, Limit::max(5.0), &serde_json::json!({ "age": 1.0 })), [""; 0]);
    }
}
