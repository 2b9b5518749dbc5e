//! One entry on both sides: what got looser and what changed.

use std::cmp::Ordering;

use serde_yaml::Value;

use super::said::{rule, said};
use super::{Edit, Kind, SEVERITY, WAIVER};
use crate::checks::check::Looser;
use crate::config::Entry;
use crate::report::verdict::Severity;
use crate::support::limit::{instant, number_of};
use crate::support::words::{self, code};

/// What one entry relaxes or changes of its twin at the base.
pub fn between(old: &Entry, new: &Entry) -> Vec<Edit> {
    let schema = (old.check.schema)().to_value();
    let value_of = |entry: &Entry, setting: &str| {
        let written = entry.settings.get(setting).filter(|value| !value.is_null()).cloned();
        written
            .or_else(|| serde_yaml::to_value(&schema["properties"][setting]["default"]).ok().filter(|v| !v.is_null()))
    };
    let mut names: Vec<&str> = old.settings.keys().filter_map(Value::as_str).collect();
    names.extend(new.settings.keys().filter_map(Value::as_str).filter(|name| !old.settings.contains_key(*name)));
    let edit = |kind, setting: &str, from: Option<String>, to: Option<String>| Edit {
        kind,
        rule: rule(old),
        setting: Some(setting.to_owned()),
        from,
        to,
        at: new.place.clone(),
    };
    let mut edits: Vec<Edit> = names
        .into_iter()
        .filter_map(|name| {
            let (from, to) = (value_of(old, name), value_of(new, name));
            let kind = change(old.check.looser(name), from.as_ref(), to.as_ref())?;
            Some(edit(kind, name, from.as_ref().map(said), to.as_ref().map(said)))
        })
        .collect();
    if old.severity == Severity::Fail && new.severity == Severity::Warn {
        edits.push(edit(Kind::Relaxed, SEVERITY, Some("fail".into()), Some("warn".into())));
    }
    if old.waiver != new.waiver {
        let until = |entry: &Entry| entry.waiver.as_ref().map(|waiver| waiver.until.clone());
        let kind = if until(new) > until(old) { Kind::Relaxed } else { Kind::Changed };
        let words = |entry: &Entry| {
            let waiver = entry.waiver.as_ref()?;
            let (owner, until) = (code(&waiver.owner), words::visible(&waiver.until));
            Some(format!("until {until} by {owner}: {}", words::one_line(&waiver.reason)))
        };
        edits.push(edit(kind, WAIVER, words(old), words(new)));
    }
    edits
}

/// What a change of one setting is; nothing where it is none, or stricter.
fn change(looser: Option<Looser>, from: Option<&Value>, to: Option<&Value>) -> Option<Kind> {
    if from == to {
        return None;
    }
    let (from, to) = match (looser, from, to) {
        (None, ..) => return Some(Kind::Changed),
        // Without it there is a limit too, and which of the two is looser is not known here.
        (Some(Looser::HigherThanUsual | Looser::LowerThanUsual), Some(_), None)
        | (Some(Looser::HigherThanUsual | Looser::LowerThanUsual), None, Some(_)) => return Some(Kind::Changed),
        // Where there is no limit, all is let through; of a list of what is allowed or needed, nothing is.
        (Some(_), Some(_), None) => return Some(Kind::Relaxed),
        (Some(_), None, Some(_)) => return None,
        (Some(looser), Some(from), Some(to)) => match looser {
            Looser::Lower | Looser::LowerThanUsual => (from, to),
            Looser::Higher | Looser::HigherThanUsual => (to, from),
            Looser::Fewer => return subset(from, to),
            Looser::More => return subset(to, from),
        },
        (Some(_), None, None) => return None,
    };
    match order(from, to) {
        None => Some(Kind::Changed),
        Some(Ordering::Greater) => Some(Kind::Relaxed),
        Some(_) => None,
    }
}

/// Relaxed where something of `wanted` is not in `there`.
fn subset(wanted: &Value, there: &Value) -> Option<Kind> {
    let items = |value: &Value| match value {
        Value::Sequence(list) => Some(list.iter().map(|item| (item.clone(), Value::Null)).collect::<Vec<_>>()),
        Value::Mapping(map) => Some(map.iter().map(|(key, value)| (key.clone(), value.clone())).collect()),
        _ => None,
    };
    let (Some(wanted), Some(there)) = (items(wanted), items(there)) else { return Some(Kind::Changed) };
    let lacks = wanted.iter().any(|(key, _)| !there.iter().any(|(other, _)| other == key));
    let types =
        |(key, kind): &(Value, Value)| there.iter().any(|(other, now)| other == key && (kind.is_null() || kind == now));
    match (lacks, wanted.iter().all(types)) {
        (true, _) => Some(Kind::Relaxed),
        (false, true) => None,
        (false, false) => Some(Kind::Changed),
    }
}

/// Numbers, and dates among dates.
fn order(a: &Value, b: &Value) -> Option<Ordering> {
    match (a, b) {
        (Value::String(a), Value::String(b)) => Some(instant(a)?.cmp(&instant(b)?)),
        (a, b) => Some(number_of(a)?.cmp(&number_of(b)?)),
    }
}
