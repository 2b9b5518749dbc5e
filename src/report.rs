//! The report: one value that every sink renders, `fn(&Report) -> String`.

pub mod verdict;
pub mod annotations;
pub mod config_diff;
pub mod digest;
pub mod group;
pub mod history;
pub mod junit;
pub mod markdown;
pub mod message;
pub mod outputs;
#[cfg(test)]
pub(crate) mod sample;
pub mod sarif;
pub mod terminal;

use std::collections::{BTreeMap, HashSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::config_diff::GateEdits;
pub use crate::integrations::github::pipeline::{Pipeline, PullRequest};
use crate::report::verdict::{Status, Verdict};
use crate::support::words;

/// report.json, schema version 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Report {
    pub schema_version: u32,
    pub tool: Tool,
    pub result: RunResult,
    /// One line.
    pub summary: String,
    /// Why a run ended without verdicts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<String>,
    /// RFC 3339, UTC.
    pub started_at: String,
    pub duration_ms: u64,
    /// The commit that was judged, where it is known.
    pub commit: Option<String>,
    /// The files that said what to judge.
    pub config: Vec<ConfigFile>,
    pub pipeline: Pipeline,
    pub tables: BTreeMap<String, TableSummary>,
    pub model: Model,
    pub baseline: Option<serde_json::Value>,
    /// What the pull request changes of the gate that judged it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gate_edits: Option<GateEdits>,
    /// Checks that a flat config leaves out, by its own keys.
    pub not_configured: Vec<String>,
    pub gates: Vec<GateReport>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Tool {
    pub name: String,
    pub version: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RunResult {
    Passed,
    Blocked,
    Error,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ConfigFile {
    pub path: String,
    pub sha256: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TableSummary {
    pub path: String,
    /// Null where the table could not be read.
    pub rows: Option<u64>,
    pub columns: Option<u64>,
    pub fingerprint: Option<String>,
    /// Of the table's file; of several, of the lines `<SHA-256>  <path>`, sorted by path, from their folder on. Computed where
    /// the fingerprint is. The fingerprint says that data are the same, this that nobody forged them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Model {
    pub name: Option<String>,
    pub version: Option<String>,
    /// Of the artifact's file; of several files (a folder, or an ONNX file with its external data), of the lines
    /// `<SHA-256>  <path>`, sorted by path.
    pub sha256: Option<String>,
    /// The artifact, as it was named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact: Option<String>,
    /// The columns that it was given where it was run, in its order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub features: Vec<String>,
    /// The endpoint that was asked: scheme, host and port.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GateReport {
    /// `data` or `model`.
    pub gate: String,
    pub result: RunResult,
    pub checks: Vec<Verdict>,
}

impl Model {
    /// What exactly was judged, in one line: `credit-risk v8 (fair.onnx, 3f9c12ab…)`; nothing where there was no model.
    pub fn said(&self, name: impl Fn(&str) -> String, code: impl Fn(&str) -> String) -> Option<String> {
        let title = self.name.as_ref().map(|own| {
            let version = self.version.as_ref().map(|version| format!(" v{}", name(version))).unwrap_or_default();
            format!("{}{version}", name(own))
        });
        let digest = self.sha256.as_ref().map(|digest| code(&words::cut(digest, 8)));
        let parts =
            [self.artifact.as_ref().map(|path| code(path)), digest, self.endpoint.as_ref().map(|url| code(url))];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        match (title, parts.is_empty()) {
            (Some(title), true) => Some(title),
            (Some(title), false) => Some(format!("{title} ({})", parts.join(", "))),
            (None, true) => None,
            (None, false) => Some(parts.join(", ")),
        }
    }
}

impl Report {
    /// The commit that people know: of a pull request its own, not that of its merge.
    pub fn head(&self) -> Option<&str> {
        let pull_request = self.pipeline.pull_request.as_ref().map(|pull_request| pull_request.head_sha.as_str());
        pull_request.or(self.commit.as_deref())
    }

    pub fn verdicts(&self) -> impl Iterator<Item = &Verdict> {
        self.gates.iter().flat_map(|gate| &gate.checks)
    }

    pub fn count(&self, status: Status) -> usize {
        self.verdicts().filter(|verdict| verdict.status == status).count()
    }

    /// Verdicts with those that need a person first: errors, failures, inconclusive, warnings.
    pub fn worst_first(&self) -> Vec<&Verdict> {
        let mut verdicts: Vec<_> = self.verdicts().collect();
        verdicts.sort_by_key(|verdict| match verdict.status {
            Status::Error => 0,
            Status::Fail => 1,
            Status::Inconclusive => 2,
            Status::Warn => 3,
            Status::Skipped => 4,
            Status::Pass => 5,
        });
        verdicts
    }

    /// What happened, in a few words: `Blocked: 2 of 14 checks failed, 1 warned`.
    pub fn headline(&self) -> String {
        let total = self.verdicts().count();
        let counted = [
            (Status::Error, "could not be measured"),
            (Status::Fail, "failed"),
            (Status::Inconclusive, "inconclusive"),
            (Status::Warn, "warned"),
            (Status::Skipped, "skipped"),
        ];
        let mut counted = counted
            .map(|(status, what)| (self.count(status), what))
            .into_iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| (words::count(count as u64), what));
        let checks = format!("{} {}", words::count(total as u64), if total == 1 { "check" } else { "checks" });
        let first = match (self.result, total) {
            (_, 0) => "nothing was checked".into(),
            (RunResult::Passed, _) if self.count(Status::Pass) == total => checks,
            (RunResult::Passed, _) => format!("{} of {checks}", words::count(self.count(Status::Pass) as u64)),
            _ => counted.next().map_or(checks.clone(), |(count, what)| format!("{count} of {checks} {what}")),
        };
        let title = match self.result {
            RunResult::Passed => "Passed",
            RunResult::Blocked => "Blocked",
            RunResult::Error => "Error",
        };
        counted.fold(format!("{title}: {first}"), |line, (count, what)| format!("{line}, {count} {what}"))
    }

    /// The columns that drifted, by any entry, worst first; none where no entry asked.
    pub fn drifted_columns(&self) -> Vec<&str> {
        let mut seen = HashSet::new();
        let drifts = self.verdicts().flat_map(Verdict::drifts);
        drifts.filter(|drift| drift.drifted && seen.insert(drift.column)).map(|drift| drift.column).collect()
    }

    /// Whether a column drifted; none where nobody asked, or it could not be said of all.
    pub fn has_drifted(&self) -> Option<bool> {
        let mut drifts = self.verdicts().flat_map(Verdict::drifts).peekable();
        drifts.peek()?;
        let (mut drifted, mut is_open) = (false, false);
        drifts.for_each(|drift| (drifted, is_open) = (drifted | drift.drifted, is_open | drift.inconclusive));
        (drifted || !is_open).then_some(drifted)
    }

    /// The headline, and the first reason.
    pub fn summed_up(&self) -> String {
        let worst = self.worst_first();
        let first = worst.first().filter(|verdict| verdict.status.blocks());
        first.map_or_else(|| self.headline(), |verdict| format!("{}: {}", self.headline(), verdict.message))
    }

    pub fn to_json(&self) -> String {
        // Text keys, and numbers that are null where they are not finite: there is nothing that could fail.
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }
}

impl RunResult {
    pub fn word(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Blocked => "blocked",
            Self::Error => "error",
        }
    }
}
