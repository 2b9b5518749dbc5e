//! What a pull request changes of the gate that judges it, and which limits count then. Pure.
//!
//! Two configs are compared entry by entry: the one at the base commit, which somebody reviewed and merged, and the
//! one that the pull request brings. What got stricter is nobody's worry; what got looser, what is gone and what
//! changed so that it cannot be ordered is listed.

use std::cmp::Ordering;

use clap::ValueEnum;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_yaml::Value;

use crate::check::Looser;
use crate::cli::FailOn;
use crate::config::model::PredictionsSection;
use crate::config::{Config, Entry};
use crate::limit::instant;
use crate::problem::Place;
use crate::table::Role;
use crate::verdict::Severity;
use crate::words::{self, code};

/// Whose limits count where a pull request changes them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Policy {
    /// The pull request's own; what it relaxes is said.
    #[default]
    Head,
    /// The base branch's.
    Base,
    /// Of each limit the stricter one.
    Stricter,
}

/// What the pull request changes of the gate, and whose limits counted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GateEdits {
    pub policy: Policy,
    /// The branch that was compared with, and its commit.
    pub branch: String,
    pub sha: String,
    pub edits: Vec<Edit>,
    /// Why the gate of the base could not be read, where it could not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unread: Option<String>,
}

/// One change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Edit {
    pub kind: Kind,
    /// The rule, in words; names that others wrote stand in backticks.
    pub rule: String,
    /// What of it; nothing where all of it is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub setting: Option<String>,
    /// What it is at the base, in words; nothing where it is not there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// What it is here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// Where it stands, here; of a removed rule, at the base.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Place>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Relaxed,
    Removed,
    /// Neither stricter nor looser.
    Changed,
}

/// A gate as one side has it.
#[derive(Debug)]
pub struct Gate {
    /// Only the entries that are asked for.
    pub config: Config,
    pub fail_on: FailOn,
    pub policy: Policy,
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

/// Of two, what ends more runs.
pub fn stricter(a: FailOn, b: FailOn) -> FailOn {
    let strictness = |one: &FailOn| [FailOn::Never, FailOn::Fail, FailOn::Warn].iter().position(|known| known == one);
    [a, b].into_iter().max_by_key(strictness).unwrap_or_default()
}

/// The config that counts.
pub fn under(policy: Policy, base: Gate, head: Config) -> Config {
    let mut counts = head;
    if policy == Policy::Head {
        return counts;
    }
    // What the candidate is measured against is part of a limit.
    if base.config.model.baseline.is_some() {
        counts.model.baseline = base.config.model.baseline;
    }
    if policy == Policy::Base {
        counts.entries = base.config.entries;
        return counts;
    }
    let mut added = Vec::new();
    for (old, twin) in pairs(&base.config.entries, &counts.entries) {
        let Some(new) = twin else {
            added.push(old.clone());
            continue;
        };
        let found = between(old, &counts.entries[new]);
        if found.iter().any(|edit| edit.kind == Kind::Changed && edit.setting.as_deref() != Some(WAIVER)) {
            added.push(old.clone());
            continue;
        }
        let entry = &mut counts.entries[new];
        for setting in found.into_iter().filter_map(|edit| edit.setting) {
            match old.settings.get(setting.as_str()) {
                Some(value) => drop(entry.settings.insert(setting.into(), value.clone())),
                // The default is stricter than what was written over it.
                None => drop(entry.settings.remove(setting.as_str())),
            }
        }
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

/// What one entry relaxes or changes of its twin at the base.
fn between(old: &Entry, new: &Entry) -> Vec<Edit> {
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
        // Where there is no limit, all is let through; of a list of what is allowed or needed, nothing is.
        (Some(_), Some(_), None) => return Some(Kind::Relaxed),
        (Some(_), None, Some(_)) => return None,
        (Some(looser), Some(from), Some(to)) => match looser {
            Looser::Lower => (from, to),
            Looser::Higher => (to, from),
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
        (a, b) => a.as_f64()?.partial_cmp(&b.as_f64()?),
    }
}

/// What both gates look at beside their entries: who changes that moves the goalposts.
fn sections(base: &Config, head: &Config) -> Vec<Edit> {
    let text = |text: &Option<String>| text.as_ref().map(|text| code(text));
    let names = |config: &Config| {
        let section = config.model.predictions.clone()?;
        let PredictionsSection { path: _, label, prediction, score, positive, weight, key, latency } = section;
        let positive = positive.map(|positive| positive.0);
        let parts = [
            ("label", label),
            ("prediction", prediction),
            ("score", score),
            ("positive", positive),
            ("weight", weight),
            ("key", key),
            ("latency", latency),
        ];
        let parts: Vec<_> =
            parts.iter().filter_map(|(role, name)| Some(format!("{role} {}", code(name.as_ref()?)))).collect();
        (!parts.is_empty()).then(|| parts.join(", "))
    };
    let csv = |config: &Config| {
        let values = config.data.csv.as_ref().map(|csv| csv.null_values.clone()).unwrap_or_default();
        (!values.is_empty()).then(|| values.iter().map(|value| code(value)).collect::<Vec<_>>().join(", "))
    };
    let baseline = |config: &Config| config.model.baseline.as_ref().map(|baseline| code(&baseline.said()));
    let both = |name: &'static str, of: &dyn Fn(&Config) -> Option<String>| (name, of(base), of(head));
    let all = [
        both("data.target", &|config| text(&config.data.target)),
        both("data.timestamp", &|config| text(&config.data.timestamp)),
        both("data.reference", &|config| text(&config.data.reference)),
        both("data.test", &|config| text(&config.data.test)),
        both("data.csv.null_values", &csv),
        both("model.predictions", &names),
        both("model.baseline", &baseline),
    ];
    let edit = |(name, from, to): (&str, Option<String>, Option<String>)| Edit {
        kind: Kind::Changed,
        rule: code(name),
        setting: None,
        from,
        to,
        at: None,
    };
    all.into_iter().filter(|(_, from, to)| from.is_some() && from != to).map(edit).collect()
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

/// The rule as people name it: `range · age on test (adults only)`.
fn rule(entry: &Entry) -> String {
    const ABOUT: [&str; 6] = ["column", "columns", "name", "metric", "by", "sql"];
    let about: Vec<String> = ABOUT.iter().filter_map(|key| entry.settings.get(*key)).map(said).collect();
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

fn settings(entry: &Entry) -> String {
    let written = entry.settings.iter().filter_map(|(key, value)| Some(format!("{} {}", key.as_str()?, said(value))));
    words::cut(&written.collect::<Vec<_>>().join(", "), 200)
}

/// A value in words: numbers as they are, everything else in backticks.
fn said(value: &Value) -> String {
    match value {
        Value::Number(number) => number.as_f64().map_or_else(|| number.to_string(), words::exact),
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

impl GateEdits {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::document::Document;

    fn gate(text: &str) -> Gate {
        let mut problems = Vec::new();
        let config = Config::read(&Document::parse("mlgate.yml", text).unwrap(), &mut problems);
        assert_eq!(problems, [], "{text}");
        Gate { config, fail_on: FailOn::Fail, policy: Policy::Head }
    }

    fn data(checks: &str) -> Gate {
        gate(&format!("data: {{ path: a.csv, checks: [{checks}] }}"))
    }

    #[track_caller]
    fn check(base: &str, head: &str, expected: &[&str]) {
        let edits = compare(&data(base), &data(head));
        let said: Vec<String> = edits.iter().map(|edit| format!("{:?}: {}", edit.kind, edit.said())).collect();
        assert_eq!(said, expected, "{base} → {head}");
    }

    #[test]
    fn a_limit_that_lets_more_through_is_relaxed() {
        check("row_count: {min: 1000}", "row_count: {min: 500}", &["Relaxed: min of `row_count` 1000 → 500"]);
        check("row_count: {min: 1000}", "row_count: {min: 2000}", &[]);
        check("row_count: {min: 10, max: 99}", "row_count: {min: 10}", &["Relaxed: max of `row_count` 99 → none"]);
        check("row_count: {min: 10}", "row_count: {min: 10, max: 99}", &[]);
        let dates = |min: &str| format!("range: {{column: day, min: {min}}}");
        check(
            &dates("2026-02-01"),
            &dates("2026-01-01"),
            &["Relaxed: min of `range` · `day` `2026-02-01` → `2026-01-01`"],
        );
        check(&dates("2026-02-01"), &dates("7"), &["Changed: min of `range` · `day` `2026-02-01` → 7"]);
    }

    #[test]
    fn a_default_is_a_limit_too() {
        check(
            "missing_values",
            "missing_values: {max_percent: 50}",
            &["Relaxed: max_percent of `missing_values` 5 → 50"],
        );
        check(
            "missing_values: {max_percent: 1}",
            "missing_values",
            &["Relaxed: max_percent of `missing_values` 1 → 5"],
        );
        check("missing_values: {max_percent: 5}", "missing_values", &[]);
    }

    #[test]
    fn a_rule_that_is_gone_is_listed_and_one_that_came_is_not() {
        check("duplicates, row_count: {min: 5}", "duplicates", &["Removed: `row_count` is gone (it had min 5)"]);
        check("duplicates", "duplicates, row_count: {min: 5}", &[]);
        // Two of one check: the one that is left is known by its column.
        check(
            "range: {column: a, min: 1}, range: {column: b, min: 1}",
            "range: {column: b, min: 0}",
            &["Removed: `range` · `a` is gone (it had column `a`, min 1)", "Relaxed: min of `range` · `b` 1 → 0"],
        );
    }

    #[test]
    fn lists_know_their_looser_side() {
        let required = |names: &str| format!("schema: {{required: [{names}]}}");
        check(&required("a, b"), &required("a"), &["Relaxed: required of `schema` `a`, `b` → `a`"]);
        check(&required("a"), &required("b, a"), &[]);
        let values = |names: &str| format!("allowed_values: {{column: c, values: [{names}]}}");
        check(&values("x"), &values("x, y"), &["Relaxed: values of `allowed_values` · `c` `x` → `x`, `y`"]);
        check(&values("x, y"), &values("x"), &[]);
    }

    #[test]
    fn severity_and_waivers_count() {
        let soft = "{row_count: {min: 5}, severity: warn}";
        check("row_count: {min: 5}", soft, &["Relaxed: severity of `row_count` fail → warn"]);
        let waived =
            |until: &str| format!("{{row_count: {{min: 5}}, waiver: {{owner: ann, reason: late, until: {until}}}}}");
        check(
            "row_count: {min: 5}",
            &waived("2026-12-31"),
            &["Relaxed: waiver of `row_count` none → until 2026-12-31 by `ann`: late"],
        );
        check(
            &waived("2026-12-31"),
            "row_count: {min: 5}",
            &["Changed: waiver of `row_count` until 2026-12-31 by `ann`: late → none"],
        );
    }

    #[test]
    fn what_has_no_order_is_a_change() {
        let pattern = |regex: &str| format!("pattern: {{column: c, regex: '{regex}'}}");
        check(&pattern("a+"), &pattern(".*"), &["Changed: regex of `pattern` · `c` `a+` → `.*`"]);
    }

    #[test]
    fn goalposts_that_move_are_listed() {
        let model = |baseline: &str, positive: &str| {
            gate(&format!(
                "model: {{ predictions: {{ path: p.csv, positive: {positive} }}, baseline: {baseline}, checks: [improvement] }}"
            ))
        };
        let edits = compare(&model("mlflow:m@champion", "1"), &model("out/weak.json", "0"));
        let said: Vec<String> = edits.iter().map(Edit::said).collect();
        assert_eq!(
            said,
            [
                "`model.predictions` positive `1` → positive `0`",
                "`model.baseline` `mlflow:m@champion` → `out/weak.json`",
            ]
        );
        let mut weak = data("duplicates");
        weak.fail_on = FailOn::Never;
        assert_eq!(compare(&data("duplicates"), &weak)[0].said(), "input `fail-on` fail → never");
    }

    fn counts(policy: Policy, base: &str, head: &str) -> Vec<String> {
        let config = under(policy, data(base), data(head).config);
        config.entries.iter().map(|entry| format!("{} {}", entry.check.id, settings(entry)).trim().to_owned()).collect()
    }

    #[test]
    fn the_policy_says_whose_limits_count() {
        let (base, head) =
            ("row_count: {min: 10, max: 99}, duplicates", "row_count: {min: 5, max: 50}, unique: {columns: [a]}");
        assert_eq!(counts(Policy::Head, base, head), ["row_count min 5, max 50", "unique columns `a`"]);
        assert_eq!(counts(Policy::Base, base, head), ["row_count min 10, max 99", "duplicates"]);
        assert_eq!(
            counts(Policy::Stricter, base, head),
            ["row_count min 10, max 50", "unique columns `a`", "duplicates"]
        );
    }

    #[test]
    fn of_what_has_no_order_both_count() {
        let (base, head) = ("pattern: {column: c, regex: 'a+'}", "pattern: {column: c, regex: '.*'}");
        assert_eq!(counts(Policy::Stricter, base, head).len(), 2);
        let (base, head) = ("missing_values", "missing_values: {max_percent: 50}");
        assert_eq!(counts(Policy::Stricter, base, head), ["missing_values"]);
    }

    #[test]
    fn a_waiver_counts_once_it_is_merged() {
        let waived = "{row_count: {min: 5}, waiver: {owner: ann, reason: late, until: 2026-12-31}, severity: warn}";
        let config = under(Policy::Stricter, data("row_count: {min: 5}"), data(waived).config);
        assert_eq!((config.entries[0].waiver.clone(), config.entries[0].severity), (None, Severity::Fail));
        assert_eq!(config.entries.len(), 1);
    }
}
