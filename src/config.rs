//! mlgate.yml as written: sections, entries, places. What it means is [`crate::plan`]'s.

pub mod edits;
mod columns;
pub mod document;
pub mod entry;
pub mod inputs;
pub mod model;
pub mod notify;
pub mod rollout;
pub mod running;
pub mod schema;
mod short;
pub mod threshold;

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_yaml::{Mapping, Value};

use crate::checks::check::Gate;
use crate::support::problem::Problem;
use crate::support::settings::{name_of, read, read_with, unknown_field};
use crate::support::words::code;
pub use columns::Columns;
use document::{Document, join, prefix};
pub use entry::{Beside, Entry};
pub use model::ModelSection;
pub use notify::NotifySection;
pub use rollout::RolloutSection;

/// What stands at the top of a file.
const SECTIONS: [&str; 4] = ["data", "model", "notify", "rollout"];

/// All files and inputs together, in the user's words.
#[derive(Debug, Clone, Default)]
pub struct Config {
    pub data: DataSection,
    pub model: ModelSection,
    pub entries: Vec<Entry>,
    pub notify: NotifySection,
    pub rollout: Option<RolloutSection>,
    /// Checks of the log of predictions.
    pub log_entries: Vec<Entry>,
    /// Thresholds that a flat file leaves out, by its own keys.
    pub not_configured: Vec<String>,
    /// Whether a section could not be read, so that what it names seems not to be there.
    pub is_partial: bool,
}

/// `data:` but for its checks.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct DataSection {
    /// The training table: a file, a glob or a folder of Parquet, CSV (also gzip), NDJSON or Arrow IPC.
    pub path: Option<String>,
    /// The column that the model is to predict.
    pub target: Option<String>,
    /// The column that tells when a row was made.
    pub timestamp: Option<String>,
    /// Columns that only tell rows apart, such as an order number: one name, or a list. The checks `duplicates`,
    /// `conflicting_labels`, `train_test_overlap` and `near_duplicates` leave them out where they compare all columns.
    pub id: Option<Columns>,
    /// A table to compare with.
    pub reference: Option<String>,
    /// The test table.
    pub test: Option<String>,
    /// How CSV files are written.
    pub csv: Option<CsvSection>,
}

/// How CSV files are written.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct CsvSection {
    /// The character between fields; `,`, and for .tsv files the tab, without it.
    pub delimiter: Option<char>,
    /// Further spellings of null; an empty field without quotes is always one.
    #[serde(default)]
    pub null_values: Vec<String>,
}

impl Config {
    /// Reads one file; problems are collected, not thrown.
    pub fn read(document: &Document, problems: &mut Vec<Problem>) -> Self {
        let mut config = Self::default();
        let Value::Mapping(top) = &document.value else {
            problems.push(
                Problem::new("a config is a map with the sections `data` and `model`")
                    .hint("`mlgate suggest DATA` writes one")
                    .at(Some(document.place(""))),
            );
            return config;
        };
        if !top.is_empty() && top.keys().all(|key| key.as_str().is_some_and(threshold::is_flat_key)) {
            config.read_flat(document, top, problems);
            return config;
        }
        for (key, value) in top {
            match key.as_str() {
                Some("data") => {
                    if let Some(data) = config.read_section(document, "data", Gate::Data, value, problems) {
                        config.data = data;
                    }
                }
                Some("model") => {
                    if let Some(model) = config.read_section(document, "model", Gate::Model, value, problems) {
                        config.model = model;
                    }
                }
                Some("notify") => config.notify = read_notify(document, value, problems).unwrap_or_default(),
                Some(name @ "rollout") => {
                    let value = config.take_log_checks(document, value, problems);
                    let read = read::<RolloutSection>(value);
                    config.rollout = read.map_err(|wrong| locate(document, name, wrong, problems)).ok();
                }
                other => problems.push(unknown(document, "", &name_of(key, other), &SECTIONS)),
            }
        }
        let mut names = BTreeSet::new();
        for entry in &config.entries {
            if let Some(name) = &entry.name
                && !names.insert(name)
            {
                problems.push(
                    Problem::new(format!("{}: another entry of this file is named {} too", entry.path, code(name)))
                        .at(entry.place.clone()),
                );
            }
        }
        config
    }

    /// Adds a later file: its sections and entries win.
    pub fn merge(&mut self, later: Self) {
        let over = |mine: &mut Option<String>, theirs: Option<String>| {
            if theirs.is_some() {
                *mine = theirs;
            }
        };
        over(&mut self.data.path, later.data.path);
        over(&mut self.data.target, later.data.target);
        over(&mut self.data.timestamp, later.data.timestamp);
        over(&mut self.data.reference, later.data.reference);
        over(&mut self.data.test, later.data.test);
        if later.data.csv.is_some() {
            self.data.csv = later.data.csv;
        }
        if later.data.id.is_some() {
            self.data.id = later.data.id;
        }
        self.model.merge(later.model);
        if later.notify != NotifySection::default() {
            self.notify = later.notify;
        }
        if later.rollout.is_some() {
            self.rollout = later.rollout;
            self.log_entries = later.log_entries;
        }
        // Entries of one file never replace each other, so only those that were here before can go.
        let before = self.entries.len();
        let mut replaced = vec![false; before];
        for entry in later.entries {
            let twin = (0..before).find(|&at| !replaced[at] && self.entries[at].is_replaced_by(&entry));
            match twin {
                Some(at) => {
                    replaced[at] = true;
                    self.entries[at] = entry;
                }
                None => self.entries.push(entry),
            }
        }
        self.is_partial |= later.is_partial;
        for key in later.not_configured {
            if !self.not_configured.contains(&key) {
                self.not_configured.push(key);
            }
        }
    }

    /// A section, its checks put aside with the others; nothing where it is wrong.
    fn read_section<T: DeserializeOwned + JsonSchema>(
        &mut self,
        document: &Document,
        name: &str,
        gate: Gate,
        value: &Value,
        problems: &mut Vec<Problem>,
    ) -> Option<T> {
        let mut section = match value {
            Value::Mapping(section) => section.clone(),
            Value::Null => Mapping::new(),
            _ => {
                problems.push(Problem::new(format!("{name}: expected a map")).at(Some(document.place(name))));
                return None;
            }
        };
        let checks = section.remove("checks");
        let read = read_with::<T>(Value::Mapping(section), &["checks"]);
        let read = read.map_err(|wrong| locate(document, name, wrong, problems)).ok();
        self.is_partial |= read.is_none();
        self.entries.extend(entries(document, name, gate, checks, problems));
        read
    }

    /// The section `rollout` without the checks of its log, which are put aside.
    fn take_log_checks(&mut self, document: &Document, value: &Value, problems: &mut Vec<Problem>) -> Value {
        let mut value = value.clone();
        if let Some(Value::Mapping(log)) = value.get_mut("log") {
            let checks = log.remove("checks");
            self.log_entries = entries(document, "rollout.log", Gate::Data, checks, problems);
        }
        value
    }
}

/// The entries of a section's `checks`.
fn entries(
    document: &Document,
    section: &str,
    gate: Gate,
    checks: Option<Value>,
    problems: &mut Vec<Problem>,
) -> Vec<Entry> {
    let path = join(section, "checks");
    match checks {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Sequence(list)) => {
            let items = list.into_iter().enumerate();
            items
                .filter_map(|(index, value)| {
                    let path = format!("{path}[{index}]");
                    let value = document.with_exact_numbers(&path, value);
                    Entry::read(document, &path, gate, value, problems)
                })
                .collect()
        }
        Some(_) => {
            let problem = Problem::new(format!("{path}: expected a list, each check starting with `- `"));
            problems.push(problem.at(Some(document.place(&path))));
            Vec::new()
        }
    }
}

fn read_notify(document: &Document, value: &Value, problems: &mut Vec<Problem>) -> Option<NotifySection> {
    const NAME: &str = "notify";
    let section = read::<NotifySection>(value.clone()).map_err(|wrong| locate(document, NAME, wrong, problems)).ok()?;
    for (path, message) in section.problems() {
        let path = join(NAME, path);
        problems.push(Problem::new(format!("{path}: {message}")).at(Some(document.place(&path))));
    }
    Some(section)
}

fn locate(document: &Document, path: &str, wrong: Vec<(String, String)>, problems: &mut Vec<Problem>) {
    for (inside, message) in wrong {
        let full = if inside.is_empty() { path.to_owned() } else { join(path, &inside) };
        // An unknown field is named by the map it stands in.
        let said = if message.starts_with("unknown field") { prefix(path) } else { prefix(&full) };
        problems.push(Problem::new(format!("{said}{message}")).at(Some(document.place(&full))));
    }
}

fn unknown(document: &Document, path: &str, name: &str, known: &[&str]) -> Problem {
    Problem::new(format!("{}{}", prefix(path), unknown_field(name, known))).at(Some(document.place(&join(path, name))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(text: &str) -> Vec<String> {
        let document = Document::parse("mlgate.yml", text).unwrap();
        let mut problems = Vec::new();
        Config::read(&document, &mut problems);
        problems.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn every_problem_is_listed_with_its_place_and_the_nearest_name() {
        let said = problems(
            "data:
  pathh: x.csv
  checks:
    - range: { column: age, mni: 18, max: old }
    - rnge: { column: age }
    - missing_values: { max_percent: 101 }
      severty: warn
    - duplicates: { max_percent: 1 }
      on: nowhere
modle: {}
",
        );
        let wanted = [
            "data: unknown field `pathh`, expected one of path, target, timestamp, id, reference, test, csv, checks, did you mean `path`? at mlgate.yml line 2 column 3",
            "data.checks[0].range: unknown field `mni`, expected one of column, min, max, max_percent_outside, did you mean `min`? at mlgate.yml line 4 column 29",
            "data.checks[0].range.max: invalid value: string \"old\", expected a number, or a date such as 2026-01-31 at mlgate.yml line 4 column 38",
            "data.checks[1]: unknown check `rnge` at mlgate.yml line 5 column 7\n  hint: did you mean `range`?",
            "data.checks[2]: unknown field `severty`, expected one of severity, name, on, waiver, did you mean `severity`? at mlgate.yml line 7 column 7",
            "data.checks[2].missing_values.max_percent: 101 is not a percent from 0 to 100 at mlgate.yml line 6 column 25",
            "data.checks[3].on: unknown value `nowhere`, expected one of `training`, `test`, `reference`, `predictions` at mlgate.yml line 9 column 7",
            "unknown field `modle`, expected one of data, model, notify, rollout, did you mean `model`? at mlgate.yml line 10 column 1",
        ];
        assert_eq!(said, wanted);
    }

    #[test]
    fn a_later_file_replaces_its_own_kind_of_entry() {
        let read = |text: &str| {
            let mut problems = Vec::new();
            let config = Config::read(&Document::parse("m.yml", text).unwrap(), &mut problems);
            assert_eq!(problems, []);
            config
        };
        let mut first =
            read("data: { path: a, checks: [duplicates, {range: {column: a, min: 1}}, {range: {column: b, min: 1}}] }");
        first.merge(read("data: { path: b, checks: [{range: {column: b, min: 2}}, {duplicates: {columns: [a]}}] }"));
        assert_eq!(first.data.path.as_deref(), Some("b"));
        let ids: Vec<_> = first.entries.iter().map(|entry| (entry.check.id, entry.settings.len())).collect();
        assert_eq!(ids, [("duplicates", 0), ("range", 2), ("range", 2), ("duplicates", 1)]);
        assert_eq!(first.entries[2].settings.get("min"), Some(&Value::from(2)));
    }

    #[test]
    fn two_entries_of_one_name_are_a_problem() {
        let said = problems("data: { checks: [{duplicates: , name: x}, {duplicates: , name: x}] }");
        assert!(said[0].contains("is named `x` too"), "{said:?}");
    }
}
