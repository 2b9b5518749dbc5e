//! What `rollout.hooks:` means.

use std::collections::BTreeSet;

use super::Wrong;
use crate::config::rollout::RolloutSection;
use crate::rollout::Strategy;
use crate::rollout::hook::Hook;
use crate::support::signature::{VARIABLE, may_be_named};
use crate::support::words::code;

/// Hooks of a rollout, so that its journal stays small.
const MOST_HOOKS: usize = 8;
/// Characters of a name.
const LONGEST_NAME: usize = 50;
/// A workflow's inputs, at most; GitHub's limit.
const MOST_INPUTS: usize = 25;
const TIMEOUT: f64 = 300.0;
const LONGEST_TIMEOUT: f64 = 86_400.0;

/// The hooks in written order, and what is wrong with them.
pub fn of(section: &RolloutSection, wrong: &mut Wrong) -> Vec<Hook> {
    if section.hooks.len() > MOST_HOOKS {
        wrong.at("hooks", &format!("at most {MOST_HOOKS}"));
    }
    if section.strategy == Strategy::Registry && !section.hooks.is_empty() {
        wrong.at("hooks", "they are called between steps, and `strategy: registry` has none");
    }
    let mut names = BTreeSet::new();
    let mut hooks = Vec::new();
    for (at, hook) in section.hooks.iter().enumerate() {
        let path = format!("hooks[{at}]");
        if hook.name.is_empty() || hook.name.chars().count() > LONGEST_NAME || hook.name.chars().any(char::is_control) {
            wrong.at(&format!("{path}.name"), &format!("1 to {LONGEST_NAME} characters"));
        }
        if !names.insert(&hook.name) {
            wrong.at(&format!("{path}.name"), &format!("{} is the name of another hook", code(&hook.name)));
        }
        match (&hook.webhook, &hook.workflow) {
            (Some(webhook), None) => {
                if let Some(name) = webhook.token_env.as_ref().filter(|name| !may_be_named(name)) {
                    let why = format!(
                        "the name of such a variable starts with MLGATE_ and is not {VARIABLE}: {} is refused",
                        code(name)
                    );
                    wrong.at(&format!("{path}.webhook.token_env"), &why);
                }
            }
            (None, Some(workflow)) => {
                if workflow.file.is_empty() || workflow.file.contains(['/', '\\']) {
                    wrong.at(&format!("{path}.workflow.file"), "the file's name alone, such as load-test.yml");
                }
                if workflow.inputs.len() > MOST_INPUTS {
                    wrong.at(&format!("{path}.workflow.inputs"), &format!("at most {MOST_INPUTS}"));
                }
            }
            _ => wrong.at(&path, "set either `webhook` or `workflow`"),
        }
        let timeout_path = format!("{path}.timeout_seconds");
        let timeout_seconds = wrong.number(&timeout_path, hook.timeout_seconds, TIMEOUT, 1.0);
        if timeout_seconds > LONGEST_TIMEOUT {
            wrong.at(&timeout_path, &format!("at most {LONGEST_TIMEOUT}"));
        }
        hooks.push(Hook { name: hook.name.clone(), at: hook.at, timeout_seconds, on_failure: hook.on_failure });
    }
    hooks
}
