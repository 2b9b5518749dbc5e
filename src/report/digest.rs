//! A report's numbers in a few bytes, for the next report to be compared with: they travel invisibly in the comment
//! and in the check run, so whoever can edit those can write anything here. Bounded and validated, never trusted.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::{Read, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use serde::{Deserialize, Serialize};

use super::{Report, RunResult};
use crate::report::config_diff::{Edit, GateEdits};
use crate::report::verdict::{Status, Unit, Verdict};
use crate::support::sha256;
use crate::support::words;

/// Characters of an encoded digest.
const LONGEST: usize = 12_000;
/// Bytes that one may unpack to.
const LARGEST: u64 = 1_000_000;
/// Characters of a verdict's title.
const LONGEST_TITLE: usize = 200;
/// The check whose number is remembered for the next runs.
pub const ANOMALY: &str = "anomaly";
const START: &str = "<!-- mlgate-digest:1:";
const END: &str = " -->";

/// What of a report is worth remembering.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Digest {
    pub result: RunResult,
    /// The commit that was judged.
    #[serde(default)]
    pub commit: Option<String>,
    /// The workflow run, and which try of it.
    #[serde(default)]
    pub run: Option<(u64, u64)>,
    /// What the pull request edited of its gate, as a hash: whether it is the same is all that is asked.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub edits: String,
    /// What the training table was, where that was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
    /// The table that a workflow was last started for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_for: Option<String>,
    /// The table that one should have been started for, and was not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed_for: Option<String>,
    pub checks: Vec<Line>,
    /// What earlier runs had of checks that this one did not run and that live by their past, by title.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub others: BTreeMap<String, Vec<f64>>,
}

/// Checks that are remembered though a run did not have them.
const OTHERS: usize = 100;
/// Earlier numbers that are remembered of a check.
pub const REMEMBERED: usize = 30;

/// What of a verdict is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// Tells verdicts apart, and people which.
    pub title: String,
    pub status: Status,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<Unit>,
    /// What later runs are compared with, where that is not `observed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// What earlier runs had, the oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub past: Vec<f64>,
}

impl Line {
    fn number(&self) -> Option<f64> {
        self.value.or(self.observed).filter(|number| number.is_finite())
    }

    /// What it knows of the past, its own number included.
    pub fn known(&self) -> Vec<f64> {
        let all: Vec<f64> = self.past.iter().copied().chain(self.number()).collect();
        all[all.len().saturating_sub(REMEMBERED)..].to_vec()
    }
}

impl Digest {
    pub fn of(report: &Report) -> Self {
        let verdicts = report.worst_first();
        let line = |(title, verdict): (String, &&Verdict)| Line {
            title,
            status: verdict.status,
            observed: verdict.observed,
            unit: verdict.unit,
            value: (verdict.check == ANOMALY).then(|| verdict.number("value")).flatten(),
            past: Vec::new(),
        };
        let titles = titles(&verdicts);
        Self {
            result: report.result,
            commit: report.head().map(ToOwned::to_owned),
            run: report.pipeline.run_id.map(|id| (id, report.pipeline.run_attempt.unwrap_or(1))),
            edits: report.gate_edits.as_ref().map(hash).unwrap_or_default(),
            fingerprint: report.tables.get("training").and_then(|table| table.fingerprint.clone()),
            started_for: None,
            failed_for: None,
            others: BTreeMap::new(),
            checks: titles.into_iter().zip(&verdicts).map(line).collect(),
        }
    }

    /// With what an earlier run knew of the past; a try of the same run is none.
    #[must_use]
    pub fn following(mut self, earlier: Option<&Self>) -> Self {
        let Some(earlier) = earlier else { return self };
        let is_same = self.run.zip(earlier.run).is_some_and(|((a, _), (b, _))| a == b);
        let known: HashMap<&str, &Line> = earlier.checks.iter().map(|line| (line.title.as_str(), line)).collect();
        for line in &mut self.checks {
            if let Some(earlier) = known.get(line.title.as_str()).filter(|earlier| earlier.unit == line.unit) {
                line.past = if is_same { earlier.past.clone() } else { earlier.known() };
            } else if let Some(past) = earlier.others.get(&line.title) {
                line.past.clone_from(past);
            }
        }
        let now: HashSet<&str> = self.checks.iter().map(|line| line.title.as_str()).collect();
        let gone = earlier.checks.iter().filter(|line| line.value.is_some());
        let gone = gone.map(|line| (line.title.clone(), line.known()));
        let others = earlier.others.clone().into_iter().chain(gone);
        self.others = others.filter(|(title, _)| !now.contains(title.as_str())).take(OTHERS).collect();
        self.started_for = self.started_for.or_else(|| earlier.started_for.clone());
        // A run that did not look at the data leaves what is known of it.
        if self.fingerprint.is_none() {
            self.fingerprint.clone_from(&earlier.fingerprint);
            self.failed_for.clone_from(&earlier.failed_for);
        }
        self
    }

    /// Without what earlier runs had.
    #[must_use]
    pub fn bare(&self) -> Self {
        let mut bare = self.clone();
        bare.checks.iter_mut().for_each(|line| line.past.clear());
        bare.others.clear();
        bare
    }

    /// What this run and those before it measured for the check of that title, the oldest first; without the run
    /// that asks.
    pub fn past(&self, title: &str, run: Option<(u64, u64)>) -> Vec<f64> {
        let is_same = self.run.zip(run).is_some_and(|((a, _), (b, _))| a == b);
        let line = self.checks.iter().find(|line| line.title == title);
        match line {
            Some(line) if is_same => line.past.clone(),
            Some(line) => line.known(),
            None => self.others.get(title).cloned().unwrap_or_default(),
        }
    }

    /// As an invisible line of Markdown; of a very long report without what passed last.
    pub fn encode(&self) -> String {
        let mut digest = self.clone();
        loop {
            let text = digest.packed();
            if text.len() <= LONGEST || digest.checks.is_empty() {
                return format!("{START}{text}{END}");
            }
            // The past of what only draws a line goes first, then checks.
            let needs_past = |line: &Line| line.value.is_some();
            if digest.checks.iter().any(|line| !line.past.is_empty() && !needs_past(line)) {
                digest.checks.iter_mut().filter(|line| !needs_past(line)).for_each(|line| line.past.clear());
            } else {
                digest.checks.truncate(digest.checks.len() / 2);
            }
        }
    }

    fn packed(&self) -> String {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
        // Text keys and finite numbers into memory: there is nothing that could fail.
        let json = serde_json::to_vec(self).unwrap_or_default();
        let packed = encoder.write_all(&json).and_then(|()| encoder.finish()).unwrap_or_default();
        // Standard Base64 has no dash, which could end an HTML comment.
        STANDARD.encode(packed)
    }

    /// The digest in a text, if it holds one that can be believed to be one.
    pub fn decode(text: &str) -> Option<Self> {
        let (_, rest) = text.rsplit_once(START)?;
        let (packed, _) = rest.split_once(END)?;
        if packed.len() > LONGEST {
            return None;
        }
        let packed = STANDARD.decode(packed).ok()?;
        let mut json = Vec::new();
        DeflateDecoder::new(packed.as_slice()).take(LARGEST).read_to_end(&mut json).ok()?;
        let digest: Self = serde_json::from_slice(&json).ok()?;
        let sound = |line: &Line| {
            line.title.chars().count() <= LONGEST_TITLE
                && line.observed.is_none_or(f64::is_finite)
                && line.past.len() <= REMEMBERED
        };
        let are_few = digest.others.len() <= OTHERS && digest.others.values().all(|past| past.len() <= REMEMBERED);
        (are_few && digest.checks.iter().all(sound)).then_some(digest)
    }

    /// What is known of each verdict of the report, in its order worst first.
    pub fn beside(&self, verdicts: &[&Verdict]) -> Vec<Option<&Line>> {
        let known: HashMap<&str, &Line> = self.checks.iter().map(|line| (line.title.as_str(), line)).collect();
        titles(verdicts).iter().map(|title| known.get(title.as_str()).copied()).collect()
    }

    /// Verdicts that stopped passing, as they are now, and those that pass again.
    pub fn turned<'a>(&self, verdicts: &[&'a Verdict]) -> (Vec<&'a Verdict>, Vec<&'a Verdict>) {
        let mut worse = Vec::new();
        let mut better = Vec::new();
        for (verdict, line) in verdicts.iter().zip(self.beside(verdicts)) {
            let Some(line) = line else { continue };
            match (line.status.blocks(), verdict.status.blocks()) {
                (false, true) => worse.push(*verdict),
                (true, false) => better.push(*verdict),
                _ => {}
            }
        }
        (worse, better)
    }

    /// How many checks it knows that the report does not have.
    pub fn gone(&self, verdicts: &[&Verdict]) -> usize {
        let now: HashSet<String> = titles(verdicts).into_iter().collect();
        self.checks.iter().filter(|line| !now.contains(&line.title)).count()
    }

    /// Whether the two say the same of the same checks; numbers may differ.
    pub fn agrees_with(&self, other: &Self) -> bool {
        let statuses = |digest: &Self| -> Vec<(String, Status)> {
            let mut all: Vec<_> = digest.checks.iter().map(|line| (line.title.clone(), line.status)).collect();
            all.sort_by(|(a, _), (b, _)| a.cmp(b));
            all
        };
        self.result == other.result && statuses(self) == statuses(other)
    }
}

fn hash(edits: &GateEdits) -> String {
    let said: Vec<String> = edits.edits.iter().map(Edit::said).collect();
    sha256::of(said.join("\n"))[..16].to_owned()
}

/// A title a verdict, no two alike.
fn titles(verdicts: &[&Verdict]) -> Vec<String> {
    let mut seen: HashMap<String, usize> = HashMap::new();
    let mut titles = Vec::with_capacity(verdicts.len());
    // Equal ones are numbered in the order they were written, which a verdict's place says better than its rank.
    let mut order: Vec<usize> = (0..verdicts.len()).collect();
    order.sort_by_key(|&i| verdicts[i].at.as_ref().map(|at| (at.file.clone(), at.line, at.column)));
    titles.resize(verdicts.len(), String::new());
    for i in order {
        let mut title = words::cut(&verdicts[i].title(), LONGEST_TITLE - 10);
        let count = seen.entry(title.clone()).or_default();
        *count += 1;
        if *count > 1 {
            title = format!("{title} #{count}");
        }
        titles[i] = title;
    }
    titles
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn what_is_encoded_is_decoded() {
        for report in [sample::blocked(), sample::model(), sample::of_each_status()] {
            let digest = Digest::of(&report);
            let body = format!("### text\n\n{}\n", digest.encode());
            assert_eq!(Digest::decode(&body), Some(digest));
            assert!(!body.lines().last().unwrap().trim_end_matches(END).contains("--\u{3e}"));
        }
    }

    #[test]
    fn a_digest_that_anyone_may_have_written_is_read_as_none() {
        let packed = |json: &str| {
            let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
            encoder.write_all(json.as_bytes()).unwrap();
            format!("{START}{}{END}", STANDARD.encode(encoder.finish().unwrap()))
        };
        let long = format!(r#"{{"result":"passed","checks":[{{"title":"{}","status":"pass"}}]}}"#, "x".repeat(300));
        for text in [
            String::new(),
            START.to_owned(),
            format!("{START}%%%{END}"),
            format!("{START}{}{END}", "A".repeat(LONGEST + 4)),
            packed("{}"),
            packed(&long),
            // A megabyte of spaces packs into a kilobyte.
            packed(&format!("{}{}", " ".repeat(2_000_000), r#"{"result":"passed","checks":[]}"#)),
        ] {
            assert_eq!(Digest::decode(&text), None, "{}", &text[..text.len().min(80)]);
        }
        assert!(Digest::decode(&packed(r#"{"result":"passed","checks":[],"later":1}"#)).is_some());
    }

    #[test]
    fn a_long_report_keeps_its_worst() {
        let mut report = sample::of_each_status();
        let hashed = |i: u64| format!("{:x}", i.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        for i in 0..4_000 {
            let mut verdict = sample::verdict(&hashed(i), Status::Pass);
            verdict.observed = Some(i as f64 / 7.0);
            report.gates[0].checks.push(verdict);
        }
        let encoded = Digest::of(&report).encode();
        assert!(encoded.len() <= LONGEST + START.len() + END.len());
        assert_eq!(Digest::decode(&encoded).unwrap().checks[0].status, Status::Error);
    }

    #[test]
    fn what_turned_is_told_from_what_stayed() {
        let then = Digest::of(&sample::blocked());
        let mut report = sample::blocked();
        for verdict in &mut report.gates[0].checks {
            match verdict.check.as_str() {
                "missing_values" => verdict.status = Status::Pass,
                "row_count" => verdict.status = Status::Fail,
                _ => {}
            }
        }
        let verdicts = report.worst_first();
        let (worse, better) = then.turned(&verdicts);
        let ids = |verdicts: Vec<&Verdict>| verdicts.iter().map(|verdict| verdict.check.clone()).collect::<Vec<_>>();
        assert_eq!((ids(worse), ids(better)), (vec!["row_count".to_owned()], vec!["missing_values".to_owned()]));
        assert!(!then.agrees_with(&Digest::of(&report)));
        assert!(then.agrees_with(&Digest::of(&sample::blocked())));
    }

    #[test]
    fn two_of_a_kind_are_told_apart_by_where_they_stand() {
        let mut report = sample::of_each_status();
        for (line, verdict) in report.gates[0].checks.iter_mut().enumerate() {
            verdict.at.as_mut().unwrap().line = line as u64;
        }
        let then = Digest::of(&report);
        // What failed passes now, so the order worst first is another.
        report.gates[0].checks[1].status = Status::Pass;
        let verdicts = report.worst_first();
        let known = then.beside(&verdicts);
        for (verdict, line) in verdicts.iter().zip(known) {
            let was = line.unwrap().status;
            let turned = verdict.at.as_ref().unwrap().line == 1;
            assert_eq!(was == verdict.status, !turned, "{verdict:?}");
        }
    }
}
