//! Inputs: which of them the base branch decides, and what a proposal changes of these.
//!
//! An input that no list here names is the base's where the policy is its own, and listed where it differs.

use std::collections::BTreeMap;

use serde_yaml::{Mapping, Value};

use super::said::said;
use super::{Edit, Kind};
use crate::cli::CheckArgs;
use crate::support::problem::Problem;
use crate::support::words::code;

/// Where the proposal's own tables and model are.
const PLACES: [&str; 7] = ["data", "predictions", "metrics", "artifact", "endpoint", "model-name", "model-version"];
/// Inputs that the config has taken in by now, and that are compared there.
const IN_CONFIG: [&str; 21] = [
    "config",
    "reference",
    "test-data",
    "baseline",
    "target-column",
    "timestamp-column",
    "min-rows",
    "max-null-percent",
    "required-columns",
    "min-class-percent",
    "feature-ranges",
    "max-duplicate-percent",
    "max-drifted-percent",
    "max-overlap-percent",
    "max-age-days",
    "min-accuracy",
    "min-improvement",
    "min-demographic-parity",
    "sensitive-columns",
    "max-latency-p99-ms",
    "max-model-size-mb",
];
/// How a report is handed over, and what is kept beside it.
const HANDED_OVER: [&str; 7] = [
    "github-token",
    "report-dir",
    "show-values",
    "allow-untrusted-checkout",
    "list-checks",
    "fingerprint",
    "save-profile",
];
/// Inputs that are compared by rules of their own.
const ORDERED: [&str; 4] = ["policy", "fail-on", "gate", "only"];
/// Inputs that decide what passes, beside those that begin with `min-` or `max-`.
const LIMITS: [&str; 9] =
    ["policy", "fail-on", "only", "gate", "now", "config", "required-columns", "feature-ranges", "sensitive-columns"];

/// Returns whether the input is a limit, or picks the limits: its value at the base must be known.
pub fn is_limit(name: &str) -> bool {
    ["min-", "max-"].iter().any(|start| name.starts_with(start)) || LIMITS.contains(&name)
}

/// Returns whether the input is the proposal's own under every policy.
pub fn is_own(name: &str) -> bool {
    PLACES.contains(&name) || HANDED_OVER.contains(&name)
}

/// Returns the names of all inputs given that are not the proposal's own, but for the policy.
pub fn undecided(args: &CheckArgs) -> Vec<String> {
    given(args).map(|(name, _)| name).filter(|name| !is_own(name) && name != "policy").collect()
}

/// Returns the inputs that decide something and have no part of the config.
pub fn deciding(args: &CheckArgs) -> BTreeMap<String, Value> {
    let elsewhere = |name: &str| is_own(name) || IN_CONFIG.contains(&name) || ORDERED.contains(&name);
    given(args).filter(|(name, _)| !elsewhere(name)).collect()
}

fn given(args: &CheckArgs) -> impl Iterator<Item = (String, Value)> {
    let named = mapping(args).into_iter().filter_map(|(name, value)| Some((name.as_str()?.to_owned(), value)));
    let is_given = |value: &Value| match value {
        Value::Null | Value::Bool(false) => false,
        Value::Sequence(list) => !list.is_empty(),
        _ => true,
    };
    named.filter(move |(_, value)| is_given(value))
}

/// Returns what a proposal changes of them.
pub fn compare(base: &BTreeMap<String, Value>, head: &BTreeMap<String, Value>) -> Vec<Edit> {
    let mut names: Vec<&String> = base.keys().chain(head.keys()).collect();
    names.sort();
    names.dedup();
    let edit = |name: &String| Edit {
        kind: Kind::Changed,
        rule: format!("input {}", code(name)),
        setting: None,
        from: base.get(name).map(said),
        to: head.get(name).map(said),
        at: None,
    };
    names.into_iter().filter(|name| base.get(*name) != head.get(*name)).map(edit).collect()
}

/// Returns the inputs that count where the base branch has its say: the base's, but for those that are the proposal's own
/// or have become part of the config.
///
/// # Errors
/// A bug: what was written cannot be read.
pub fn held(base: &CheckArgs, head: &CheckArgs) -> Result<CheckArgs, Problem> {
    let (mut counts, head) = (mapping(base), mapping(head));
    for name in PLACES.iter().chain(&HANDED_OVER).chain(&IN_CONFIG) {
        counts.insert((*name).into(), head.get(*name).cloned().unwrap_or_default());
    }
    let read = serde_yaml::from_value(Value::Mapping(counts));
    read.map_err(|error| Problem::new(format!("the inputs of the base cannot be read back: {error}")))
}

fn mapping(args: &CheckArgs) -> Mapping {
    // Texts, numbers and lists into memory: there is nothing that could fail.
    serde_yaml::to_value(args).ok().and_then(|value| value.as_mapping().cloned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::cli::Cli;

    fn known() -> Vec<String> {
        let cli = Cli::command();
        let check = cli.find_subcommand("check").unwrap();
        let names = check.get_arguments().filter_map(|argument| argument.get_long().map(ToOwned::to_owned));
        names.filter(|name| !["help", "version"].contains(&name.as_str())).collect()
    }

    /// The arguments with one input set to anything that it takes.
    fn with(name: &str) -> CheckArgs {
        let tries = ["base", "never", "data", "off", "1", "true", "[x]"];
        let read = |text: &str| {
            let map: Mapping = [(name.into(), serde_yaml::from_str(text).unwrap())].into_iter().collect();
            serde_yaml::from_value::<CheckArgs>(Value::Mapping(map)).ok()
        };
        let found =
            tries.iter().filter_map(|text| read(text)).find(|args| mapping(args) != mapping(&CheckArgs::default()));
        found.unwrap_or_else(|| panic!("no value suits {name}"))
    }

    #[test]
    fn an_input_is_the_bases_and_listed_unless_it_is_named_here() {
        let base = CheckArgs::default();
        let listed = |head: &CheckArgs| compare(&deciding(&base), &deciding(head)).len();
        for name in known() {
            let head = with(&name);
            let counts = mapping(&held(&base, &head).unwrap());
            let is_heads = counts[name.as_str()] == mapping(&head)[name.as_str()];
            let is_in_config = IN_CONFIG.contains(&&*name);
            assert_eq!(is_heads, is_own(&name) || is_in_config, "{name}");
            let is_elsewhere = is_own(&name) || is_in_config || ORDERED.contains(&&*name);
            assert_eq!(listed(&head), usize::from(!is_elsewhere), "{name}");
        }
    }

    #[test]
    fn every_name_is_an_input() {
        let known = known();
        let named = PLACES.iter().chain(&IN_CONFIG).chain(&HANDED_OVER).chain(&ORDERED).chain(&LIMITS);
        for name in named {
            assert!(known.iter().any(|one| one == name), "{name}");
        }
    }
}
