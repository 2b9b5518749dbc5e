//! Edits in words.

use serde_yaml::Value;

use super::{Edit, GateEdits, Kind, Policy};
use crate::config::Entry;
use crate::data::table::Role;
use crate::support::limit::number_of;
use crate::support::words::{self, code};

impl GateEdits {
    /// Whether limits counted that are looser than the base branch's.
    pub fn lets_more_through(&self) -> bool {
        self.policy == Policy::Head && self.edits.iter().any(|edit| edit.kind != Kind::Changed)
    }

    /// `This pull request relaxes the gate`, or what else it does to it.
    pub fn headline(&self) -> Option<String> {
        let of = |kind: Kind| self.edits.iter().filter(|edit| edit.kind == kind).collect::<Vec<_>>();
        let (relaxed, removed, changed) = (of(Kind::Relaxed), of(Kind::Removed), of(Kind::Changed));
        let first = relaxed.first().or(removed.first()).or(changed.first())?;
        let verb = match first.kind {
            Kind::Relaxed => "relaxes the gate",
            Kind::Removed => "removes a rule of the gate",
            Kind::Changed => "changes the gate",
        };
        let more = self.edits.len() - 1;
        let more = if more == 0 { String::new() } else { format!(", and {more} more") };
        Some(format!("This pull request {verb}: {}{more}", first.said()))
    }
}

impl Edit {
    /// ``min of `fairness` 0.8 → 0.7``.
    pub fn said(&self) -> String {
        let rule = match &self.setting {
            Some(setting) => format!("{setting} of {}", self.rule),
            None => self.rule.clone(),
        };
        match (self.kind, &self.from, &self.to) {
            (Kind::Removed, Some(from), _) if !from.is_empty() => format!("{rule} is gone (it had {from})"),
            (Kind::Removed, ..) => format!("{rule} is gone"),
            (_, Some(from), Some(to)) => format!("{rule} {from} → {to}"),
            (_, None, Some(to)) => format!("{rule} none → {to}"),
            (_, Some(from), None) => format!("{rule} {from} → none"),
            (_, None, None) => rule,
        }
    }
}

/// The rule as people name it: `range · age on test (adults only)`.
pub fn rule(entry: &Entry) -> String {
    const ABOUT: [&str; 6] = ["column", "columns", "name", "metric", "by", "sql"];
    let named = |value: &Value| match value {
        Value::Sequence(list) if list.len() > 3 => format!("{} columns", list.len()),
        value => said(value),
    };
    let about: Vec<String> = ABOUT.iter().filter_map(|key| entry.settings.get(*key)).map(named).collect();
    let mut rule = code(entry.check.id);
    if !about.is_empty() {
        rule += &format!(" · {}", about.join(" · "));
    }
    if !matches!(entry.on, Role::Training | Role::Predictions) {
        rule += &format!(" on {}", entry.on);
    }
    if let Some(name) = &entry.name {
        rule += &format!(" ({})", code(name));
    }
    rule
}

pub fn settings(entry: &Entry) -> String {
    let written = entry.settings.iter().filter_map(|(key, value)| Some(format!("{} {}", key.as_str()?, said(value))));
    words::cut(&written.collect::<Vec<_>>().join(", "), 200)
}

/// A value in words: numbers as they are, everything else in backticks.
pub fn said(value: &Value) -> String {
    match value {
        Value::Number(number) => number.as_f64().map_or_else(|| number.to_string(), words::exact),
        Value::Tagged(_) if number_of(value).is_some() => {
            number_of(value).map(|number| number.to_string()).unwrap_or_default()
        }
        Value::Bool(value) => value.to_string(),
        Value::String(text) => code(text),
        Value::Sequence(list) if list.len() <= 8 => list.iter().map(said).collect::<Vec<_>>().join(", "),
        other => {
            // Flow style, in one line.
            let json = serde_json::to_string(other).unwrap_or_default();
            code(&words::cut(&json, 100))
        }
    }
}
