//! The outputs for later jobs: which there are, what they are, how they are written.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};

use crate::support::problem::Problem;

/// Names and meanings; action.yml and README are made from it.
pub const OUTPUTS: [(&str, &str); 23] = [
    ("result", "`passed`, `blocked` or `error`"),
    ("passed", "`true` or `false`"),
    ("data-result", "The data gate's result; empty where it did not run"),
    ("model-result", "The model gate's result; empty where it did not run"),
    ("failed-checks", "JSON list of the entries that failed, were inconclusive or could not be measured"),
    ("warned-checks", "JSON list of the entries that warn"),
    ("summary", "One line that says what happened"),
    ("report", "Path of report.json, relative to the workspace"),
    ("report-sha256", "SHA-256 of report.json, for the jobs that must know it is this one"),
    ("rows", "Rows of the training table"),
    ("data-fingerprint", "What any changed value of the training table changes; empty where nobody asked"),
    ("drift-detected", "`true` or `false`: whether a column drifted; empty where drift was not judged"),
    ("drifted-columns", "JSON list of the columns that drifted, worst first"),
    ("model-name", "The candidate's name"),
    ("model-version", "The candidate's version"),
    ("baseline-version", "The version of the model in production: the registry's, or the commit of a git ref"),
    ("comment-url", "The comment on the pull request; empty where there is none"),
    (
        "rollout-result",
        "`promoted`, `rolled_back`, `held`, `aborted` or `no_difference`: of the commands that move traffic",
    ),
    ("rollout-weight", "The candidate's share of the traffic at the end, in percent"),
    ("rollout-reason", "One line that says why"),
    ("previous-version", "The version that was in production before"),
    ("serving-version", "The version that the variant with all of the traffic proved at the end; empty without proof"),
    ("moved", "`true` or `false`: whether this run moved traffic or an alias"),
];

/// `name<<DELIMITER`, the delimiter random, so that no value can end itself and start another output.
pub fn entry(name: &str, value: &str) -> String {
    loop {
        let delimiter = format!("mlgate-{:016x}{:016x}", random(), random());
        if !value.contains(&delimiter) && !name.contains(&delimiter) {
            return format!("{name}<<{delimiter}\n{value}\n{delimiter}\n");
        }
    }
}

/// What ended a run, in one line.
pub fn summary(problems: &[Problem]) -> String {
    let first = problems.first().map(|problem| one_line(&problem.to_string())).unwrap_or_default();
    if problems.len() > 1 { format!("{first} (and {} more problems)", problems.len() - 1) } else { first }
}

/// The text without line breaks or control characters.
pub fn one_line(text: &str) -> String {
    let flat: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    flat.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The standard library's source of keys for its hash maps, which the system's randomness seeds.
fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_cannot_write_another_output() {
        let entry = entry("summary", "x\nmlgate\nresult=passed");
        let delimiter = entry.lines().next().unwrap().strip_prefix("summary<<").unwrap();
        assert_eq!(entry.lines().filter(|line| *line == delimiter).count(), 1);
        assert!(entry.ends_with(&format!("\n{delimiter}\n")));
    }

    #[test]
    fn no_two_delimiters_are_alike() {
        assert_ne!(entry("a", "b"), entry("a", "b"));
    }
}
