//! The threshold inputs: each the short form of one limit of one check, also as keys of a flat file.

use serde_yaml::{Mapping, Value};

use super::document::Document;
use super::{Config, Entry};
use crate::checks;
use crate::checks::check::Gate;
use crate::data::table::Role;
use crate::support::problem::{Place, Problem};
use crate::support::words::code;

/// Which entry of its check a threshold is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum About {
    /// The check's only entry.
    Only,
    /// The entry without `columns`.
    AllColumns,
    /// The entry about accuracy of all rows, by the setting that names the metric.
    Accuracy(&'static str),
}

/// One threshold input.
struct Threshold {
    /// As an input; with underscores, as a key of a flat file.
    input: &'static str,
    check: &'static str,
    limit: &'static str,
    about: About,
}

const fn threshold(input: &'static str, check: &'static str, limit: &'static str, about: About) -> Threshold {
    Threshold { input, check, limit, about }
}

/// Thresholds that set one number; `required-columns` and `feature-ranges` are their own below.
const NUMBERS: [Threshold; 11] = [
    threshold("min-rows", "row_count", "min", About::Only),
    threshold("max-null-percent", "missing_values", "max_percent", About::AllColumns),
    threshold("min-class-percent", "target_distribution", "min_class_percent", About::Only),
    threshold("max-duplicate-percent", "duplicates", "max_percent", About::AllColumns),
    threshold("max-drifted-percent", "drift", "max_drifted_percent", About::AllColumns),
    threshold("max-overlap-percent", "train_test_overlap", "max_percent", About::AllColumns),
    threshold("max-age-days", "freshness", "max_age_days", About::Only),
    threshold("min-accuracy", "metric", "min", About::Accuracy("name")),
    threshold("min-improvement", "improvement", "min", About::Accuracy("metric")),
    threshold("max-latency-p99-ms", "latency", "p99_ms", About::Only),
    threshold("max-model-size-mb", "model_size", "max_mb", About::Only),
];

/// The two flat files that many pipelines already have.
const FLAT_DATA: [&str; 7] = [
    "min_rows",
    "max_null_percent",
    "required_columns",
    "target_column",
    "min_class_percent",
    "feature_ranges",
    "max_duplicate_percent",
];
const FLAT_MODEL: [&str; 4] = ["min_accuracy", "max_latency_p99_ms", "min_improvement", "max_model_size_mb"];

impl About {
    fn is_meant(self, entry: &Entry) -> bool {
        match self {
            Self::Only => true,
            Self::AllColumns => !entry.settings.contains_key("columns"),
            Self::Accuracy(setting) => {
                let named = entry.settings.get(setting).map_or(setting == "metric", |name| name == "accuracy");
                named && !entry.settings.contains_key("by")
            }
        }
    }
}

pub fn is_flat_key(key: &str) -> bool {
    FLAT_DATA.contains(&key) || FLAT_MODEL.contains(&key)
}

/// A number as YAML would have it: whole where it is (`1e3`, `1000.0`), so that counts read it.
pub fn plain_number(number: f64) -> Value {
    if number.fract() == 0.0 && (0.0..9e15).contains(&number) {
        Value::from(number as u64)
    } else {
        Value::from(number)
    }
}

impl Config {
    /// Reads `{"min_rows": 1000, …}`.
    pub(super) fn read_flat(&mut self, document: &Document, top: &Mapping, problems: &mut Vec<Problem>) {
        let at = |key: &str| Some(document.place(key));
        for (key, value) in top {
            let key = key.as_str().unwrap_or_default();
            let result = match key {
                "target_column" => match value.as_str() {
                    Some(name) => {
                        self.data.target = Some(name.to_owned());
                        Ok(())
                    }
                    None => Err("expected the name of a column".to_owned()),
                },
                threshold => {
                    let value = document.with_exact_numbers(key, value.clone());
                    self.set(&threshold.replace('_', "-"), value, key, at(key))
                }
            };
            if let Err(message) = result {
                problems.push(Problem::new(format!("{key}: {message}")).at(at(key)));
            }
        }
        if top.contains_key("target_column") && !top.contains_key("min_class_percent") {
            let unset = self.set("min-class-percent", Value::from(1), "target_column", at("target_column"));
            problems.extend(unset.err().map(Problem::new));
        }
        let families = [&FLAT_DATA[..], &FLAT_MODEL[..]].into_iter();
        let keys = families.filter(|family| family.iter().any(|key| top.contains_key(*key))).flatten();
        let implied = |key: &str| key == "min_class_percent" && top.contains_key("target_column");
        self.not_configured =
            keys.filter(|key| !top.contains_key(**key) && !implied(key)).map(ToString::to_string).collect();
    }

    /// Sets one limit of one check and keeps its others; adds the check where there is none.
    ///
    /// # Errors
    /// What is wrong with the value, or that several entries could be meant.
    pub fn set(&mut self, input: &str, value: Value, path: &str, place: Option<Place>) -> Result<(), String> {
        match input {
            "required-columns" => self.require(value, path, place),
            "feature-ranges" => self.set_ranges(value, path, place.as_ref()),
            _ => {
                let Some(Threshold { check, limit, about, .. }) = NUMBERS.iter().find(|known| known.input == input)
                else {
                    return Err("is no threshold".to_owned());
                };
                let value = value.as_f64().filter(|_| value.is_f64()).map_or(value, plain_number);
                let mut settings: Mapping = [(Value::from(*limit), value)].into_iter().collect();
                if let About::Accuracy(setting) = about {
                    settings.insert(Value::from(*setting), Value::from("accuracy"));
                }
                self.overlay(check, settings, path, place, |entry| about.is_meant(entry))
            }
        }
    }

    /// Holds the demographic parity of these columns' groups to `min`.
    ///
    /// # Errors
    /// As [`Config::set`].
    pub fn set_parity(&mut self, min: Value, columns: Vec<String>, path: &str) -> Result<(), String> {
        let columns: Value = columns.into_iter().map(Value::from).collect::<Vec<_>>().into();
        let metric = "demographic_parity_ratio";
        let about = [("metric", Value::from(metric)), ("columns", columns.clone()), ("min", min)];
        let settings: Mapping = about.into_iter().map(|(name, value)| (Value::from(name), value)).collect();
        self.overlay("fairness", settings, path, None, |entry| {
            entry.settings.get("columns") == Some(&columns)
                && entry.settings.get("metric").is_none_or(|named| named.as_str() == Some(metric))
        })
    }

    fn require(&mut self, value: Value, path: &str, place: Option<Place>) -> Result<(), String> {
        let Value::Sequence(names) = value else {
            return Err("expected a list of column names".to_owned());
        };
        let mut candidates = self.candidates("schema", |_| true);
        let Some(at) = candidates.next() else {
            drop(candidates);
            let settings: Mapping = [(Value::from("required"), Value::Sequence(names))].into_iter().collect();
            return self.add("schema", settings, path, place);
        };
        if candidates.next().is_some() {
            return Err(several("schema"));
        }
        drop(candidates);
        let required = self.entries[at].settings.entry("required".into()).or_insert(Value::Sequence(Vec::new()));
        match required {
            Value::Sequence(known) => {
                for name in names {
                    if !known.contains(&name) {
                        known.push(name);
                    }
                }
            }
            Value::Mapping(known) => {
                for name in names {
                    known.entry(name).or_insert(Value::Null);
                }
            }
            _ => return Err("the entry's own `required` is neither list nor map".to_owned()),
        }
        Ok(())
    }

    fn set_ranges(&mut self, value: Value, path: &str, place: Option<&Place>) -> Result<(), String> {
        let Value::Mapping(features) = value else {
            return Err("expected a map such as { age: { min: 0, max: 120 } }".to_owned());
        };
        for (column, limits) in features {
            let name = match &column {
                Value::String(name) => name.clone(),
                other => serde_yaml::to_string(other).unwrap_or_default().trim().to_owned(),
            };
            let limits = match limits {
                Value::Mapping(limits) => limits,
                // `{"age": [0, 120]}`, as some pipelines write it.
                Value::Sequence(ends) if ends.len() == 2 => {
                    ["min", "max"].into_iter().map(Value::from).zip(ends).filter(|(_, end)| !end.is_null()).collect()
                }
                _ => return Err(format!("{}: expected {{ min: …, max: … }}", code(&name))),
            };
            if let Some(key) = limits.keys().find(|key| !matches!(key.as_str(), Some("min" | "max"))) {
                let key = serde_yaml::to_string(key).unwrap_or_default();
                return Err(format!("{}: unknown field {}, expected min, max", code(&name), code(key.trim())));
            }
            let mut settings: Mapping = [(Value::from("column"), Value::from(name.as_str()))].into_iter().collect();
            settings.extend(limits);
            let path = format!("{path}.{name}");
            self.overlay("range", settings, &path, place.cloned(), |entry| {
                entry.settings.get("column").and_then(Value::as_str) == Some(&name)
            })?;
        }
        Ok(())
    }

    /// Lays settings over the one entry that is meant.
    fn overlay(
        &mut self,
        check: &str,
        settings: Mapping,
        path: &str,
        place: Option<Place>,
        meant: impl Fn(&Entry) -> bool,
    ) -> Result<(), String> {
        let mut candidates = self.candidates(check, meant);
        let first = candidates.next();
        let second = candidates.next();
        drop(candidates);
        match (first, second) {
            (None, _) => self.add(check, settings, path, place),
            (Some(at), None) => {
                let entry = &mut self.entries[at];
                entry.settings.extend(settings);
                read_settings(entry)
            }
            (Some(_), Some(_)) => Err(several(check)),
        }
    }

    fn candidates<'a>(
        &'a self,
        check: &'a str,
        meant: impl Fn(&Entry) -> bool + 'a,
    ) -> Box<dyn Iterator<Item = usize> + 'a> {
        let found = self.entries.iter().enumerate();
        Box::new(
            found
                .filter(move |(_, entry)| {
                    let default = if entry.check.gate == Gate::Model { Role::Predictions } else { Role::Training };
                    entry.check.id == check && entry.on == default && meant(entry)
                })
                .map(|(at, _)| at),
        )
    }

    fn add(&mut self, check: &str, settings: Mapping, path: &str, place: Option<Place>) -> Result<(), String> {
        let check = checks::find(check).ok_or_else(|| format!("the check {check} comes with a later version"))?;
        let entry = Entry {
            check,
            settings,
            severity: check.severity,
            name: None,
            on: if check.gate == Gate::Model { Role::Predictions } else { Role::Training },
            waiver: None,
            broken: false,
            path: path.to_owned(),
            place,
        };
        read_settings(&entry)?;
        self.entries.push(entry);
        Ok(())
    }
}

fn read_settings(entry: &Entry) -> Result<(), String> {
    (entry.check.read)(Value::Mapping(entry.settings.clone()))
        .map(|_| ())
        .map_err(|wrong| wrong.into_iter().map(|(_, message)| message).collect::<Vec<_>>().join("; "))
}

fn several(check: &str) -> String {
    format!("several `{check}` entries could be meant; set the limit in the config file instead")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flat(text: &str) -> (Config, Vec<String>) {
        let mut problems = Vec::new();
        let config = Config::read(&Document::parse("gate.json", text).unwrap(), &mut problems);
        (config, problems.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn the_flat_file_means_its_checks() {
        let (config, problems) = flat(
            r#"{"min_rows": 1000, "max_null_percent": 5, "required_columns": ["a", "b"], "target_column": "y",
                "feature_ranges": {"age": {"min": 0, "max": 120}}}"#,
        );
        assert_eq!(problems, [""; 0]);
        let ids: Vec<_> = config.entries.iter().map(|entry| entry.check.id).collect();
        assert_eq!(ids, ["row_count", "missing_values", "schema", "range", "target_distribution"]);
        assert_eq!(config.data.target.as_deref(), Some("y"));
        assert_eq!(config.not_configured, ["max_duplicate_percent"]);
    }

    #[test]
    fn a_wrong_value_has_its_place() {
        let (_, problems) = flat("{\"min_rows\": 5,\n \"max_null_percent\": \"five\"}");
        assert_eq!(
            problems,
            [
                "max_null_percent: invalid type: string \"five\", expected a percent from 0 to 100 at gate.json line 2 column 2"
            ]
        );
    }

    #[test]
    fn an_input_changes_one_limit_and_keeps_the_others() {
        let mut problems = Vec::new();
        let text = "data: { checks: [{missing_values: {also: [NA], max_percent: 5}}, {missing_values: {columns: [a]}}, {row_count: {max: 9}}] }";
        let mut config = Config::read(&Document::parse("m.yml", text).unwrap(), &mut problems);
        config.set("max-null-percent", Value::from(2), "input", None).unwrap();
        config.set("min-rows", Value::from(1), "input", None).unwrap();
        assert_eq!(config.entries.len(), 3);
        assert_eq!(config.entries[0].settings.get("max_percent"), Some(&Value::from(2)));
        assert!(config.entries[0].settings.contains_key("also"));
        assert_eq!(config.entries[2].settings.len(), 2);
    }

    #[test]
    fn two_entries_that_could_be_meant_are_an_error() {
        let mut problems = Vec::new();
        let text = "data: { checks: [{row_count: {max: 9}}, {row_count: {min: 1}, name: x}] }";
        let mut config = Config::read(&Document::parse("m.yml", text).unwrap(), &mut problems);
        assert!(config.set("min-rows", Value::from(1), "input", None).unwrap_err().contains("several"));
    }
}
