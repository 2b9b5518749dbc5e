//! What a pull request changes of the gate that judges it, and which limits count then. Pure.
//!
//! Two configs are compared entry by entry: the one at the base commit, which somebody reviewed and merged, and the
//! one that the pull request brings. What got stricter is nobody's worry; what got looser, what is gone and what
//! changed so that it cannot be ordered is listed.

mod between;
pub mod goalposts;
pub mod inputs;
mod said;
mod sections;

use std::collections::BTreeMap;

use clap::ValueEnum;
use serde_yaml::Value;

use self::between::between;
use self::said::{rule, settings};
use self::sections::{held, sections};
use crate::cli::FailOn;
pub use crate::cli::Policy;
use crate::config::{Config, Entry};
pub use crate::report::config_diff::{Edit, GateEdits, Kind};
use crate::report::verdict::Severity;
use crate::support::words::code;

/// A gate as one side has it.
#[derive(Debug)]
pub struct Gate {
    /// Only the entries that are asked for.
    pub config: Config,
    pub fail_on: FailOn,
    pub policy: Policy,
    /// Inputs that decide something and have no part of the config.
    pub inputs: BTreeMap<String, Value>,
}

/// Everything that `head` relaxes, removes or changes of `base`, in the base's order.
pub fn compare(base: &Gate, head: &Gate) -> Vec<Edit> {
    let mut edits = Vec::new();
    if (head.policy as u8) < base.policy as u8 {
        edits.push(input("policy", word(base.policy), word(head.policy)));
    }
    if stricter(base.fail_on, head.fail_on) != head.fail_on {
        edits.push(input("fail-on", word(base.fail_on), word(head.fail_on)));
    }
    edits.extend(inputs::compare(&base.inputs, &head.inputs));
    for (old, twin) in pairs(&base.config.entries, &head.config.entries) {
        match twin {
            Some(new) => edits.extend(between(old, &head.config.entries[new])),
            None => edits.push(Edit {
                kind: Kind::Removed,
                rule: rule(old),
                setting: None,
                from: Some(settings(old)),
                to: None,
                at: old.place.clone(),
            }),
        }
    }
    edits.extend(sections(&base.config, &head.config));
    edits
}

/// Checks whose p-values are adjusted together: each further entry makes those of the others larger.
const FAMILY: [&str; 2] = ["drift", "target_drift"];

/// Returns that a proposal adds entries whose p-values widen the family of the base's.
pub fn widened(base: &Config, head: &Config) -> Option<Edit> {
    let count = |config: &Config| config.entries.iter().filter(|entry| FAMILY.contains(&entry.check.id)).count();
    let (from, to) = (count(base), count(head));
    (from > 0 && to > from).then(|| Edit {
        kind: Kind::Changed,
        rule: code("drift"),
        setting: Some("entries with adjusted p-values".to_owned()),
        from: Some(from.to_string()),
        to: Some(to.to_string()),
        at: None,
    })
}

/// Of two, what ends more runs.
pub fn stricter(a: FailOn, b: FailOn) -> FailOn {
    let strictness = |one: &FailOn| [FailOn::Never, FailOn::Fail, FailOn::Warn].iter().position(|known| known == one);
    [a, b].into_iter().max_by_key(strictness).unwrap_or_default()
}

/// The config that counts.
pub fn under(policy: Policy, base: Gate, head: Config) -> Config {
    if policy == Policy::Head {
        return head;
    }
    let entries = base.config.entries.clone();
    let mut counts = held(base.config, head);
    if policy == Policy::Base {
        counts.entries = entries;
        return counts;
    }
    let mut added = Vec::new();
    for (old, twin) in pairs(&entries, &counts.entries) {
        let Some(new) = twin else {
            added.push(old.clone());
            continue;
        };
        let found = between(old, &counts.entries[new]);
        if found.iter().any(|edit| edit.kind == Kind::Changed && edit.setting.as_deref() != Some(WAIVER)) {
            added.push(old.clone());
            continue;
        }
        let mut settings = counts.entries[new].settings.clone();
        for setting in found.into_iter().filter_map(|edit| edit.setting) {
            match old.settings.get(setting.as_str()) {
                Some(value) => drop(settings.insert(setting.into(), value.clone())),
                // The default is stricter than what was written over it.
                None => drop(settings.remove(setting.as_str())),
            }
        }
        // Limits of both sides may contradict each other: then both entries judge.
        let merged = (old.check.read)(Value::Mapping(settings.clone()));
        if !merged.is_ok_and(|check| check.validate().is_ok()) {
            added.push(old.clone());
            continue;
        }
        let entry = &mut counts.entries[new];
        entry.settings = settings;
        if old.severity == Severity::Fail {
            entry.severity = Severity::Fail;
        }
        // A waiver counts once it is merged.
        entry.waiver.clone_from(&old.waiver);
    }
    // One of a name is enough for people to tell them apart by.
    counts.entries.extend(added);
    counts
}

/// Whether the second is what became of the first.
type IsTwin<'a> = &'a dyn Fn(&Entry, &Entry) -> bool;

const WAIVER: &str = "waiver";
const SEVERITY: &str = "severity";

/// Each entry of `base` with its place in `head`, if it is still there.
fn pairs<'a>(base: &'a [Entry], head: &[Entry]) -> Vec<(&'a Entry, Option<usize>)> {
    let mut taken = vec![false; head.len()];
    let mut found = vec![None; base.len()];
    let same_kind = |old: &Entry, new: &Entry| old.check.id == new.check.id && old.on == new.on;
    // By name or by what tells entries apart; then by that alone; then what is left of one check, in order.
    let renamed = |old: &Entry, new: &Entry| old.is_about_the_same(new);
    let passes: [IsTwin; 3] = [&|old, new| same_kind(old, new) && old.is_replaced_by(new), &renamed, &same_kind];
    for is_twin in passes {
        for (old, place) in base.iter().zip(&mut found).filter(|(_, place)| place.is_none()) {
            *place = (0..head.len()).find(|&at| !taken[at] && is_twin(old, &head[at]));
            if let Some(at) = *place {
                taken[at] = true;
            }
        }
    }
    base.iter().zip(found).collect()
}

fn input(name: &str, from: String, to: String) -> Edit {
    Edit {
        kind: Kind::Relaxed,
        rule: format!("input {}", code(name)),
        setting: None,
        from: Some(from),
        to: Some(to),
        at: None,
    }
}

/// A choice as it is written.
fn word(choice: impl ValueEnum) -> String {
    choice.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests;
