//! Numbers that somebody else computed: a metrics file as teams already have it, or a run of a registry.

use std::collections::BTreeMap;

use serde_yaml::Value;

use crate::support::problem::{Problem, nearest};
use crate::support::words::code;

/// A metrics file larger than this is not one.
pub const LARGEST: usize = 5_000_000;
/// Deeper than this no metric lies.
const DEEPEST: usize = 16;

/// Metrics by name; a nested file's by their path, `test.accuracy`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Recorded {
    /// Where they stand, as people are told.
    pub source: String,
    numbers: BTreeMap<String, Number>,
}

/// What stands under a name.
#[derive(Debug, Clone, PartialEq)]
enum Number {
    Finite(f64),
    /// In words: `null`, `text`, `NaN`.
    Other(String),
}

/// A number, and the name it was found under.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    pub value: f64,
    pub name: String,
}

impl Recorded {
    pub fn new(source: impl Into<String>) -> Self {
        Self { source: source.into(), numbers: BTreeMap::new() }
    }

    /// Reads JSON or YAML: flat, nested, a list of `{key, value}`, or an MLflow run.
    ///
    /// # Errors
    /// It is neither, or holds no number.
    pub fn parse(source: &str, text: &str) -> Result<Self, Problem> {
        let shown = code(source);
        if text.trim().is_empty() {
            return Err(Problem::new(format!("the metrics file {shown} is empty")));
        }
        if text.starts_with("version https://git-lfs.github.com/spec/") {
            return Err(Problem::new(format!("the metrics file {shown} is a Git LFS pointer"))
                .hint("check out with `lfs: true`, or run `git lfs pull`"));
        }
        // Python writes NaN and Infinity, which JSON does not know; as YAML they are texts, and no numbers either.
        let value: Value = serde_json::from_str(text.trim_start_matches('\u{feff}'))
            .or_else(|_| serde_yaml::from_str(text))
            .map_err(|error| {
                Problem::new(format!("the metrics file {shown} is neither JSON nor YAML: {error}"))
                    .hint("write it as { \"accuracy\": 0.93 }")
            })?;
        let mut recorded = Self::new(source);
        if !matches!(value, Value::Mapping(_) | Value::Sequence(_)) {
            return Err(Problem::new(format!("the metrics file {shown} is no map of names and numbers"))
                .hint("write it as { \"accuracy\": 0.93 }"));
        }
        recorded.read(&value, "", 0);
        if recorded.numbers.is_empty() {
            return Err(Problem::new(format!("the metrics file {shown} holds no metrics")));
        }
        Ok(recorded)
    }

    /// Adds what stands under a name; a number that is none is remembered as such.
    pub fn add(&mut self, name: &str, value: &serde_json::Value) {
        let value = serde_yaml::to_value(value).unwrap_or_default();
        self.insert(name.to_owned(), number(&value));
    }

    /// A name that stands for two numbers stands for none.
    fn insert(&mut self, name: String, number: Number) {
        let twice = self.numbers.get(&name).is_some_and(|known| *known != number);
        let number = if twice { Number::Other("given twice, with different values,".into()) } else { number };
        self.numbers.insert(name, number);
    }

    /// The number of that name: exactly that, or the last part of one path that is not of the training data.
    ///
    /// # Errors
    /// There is none, or several, or it is no number.
    pub fn find(&self, name: &str) -> Result<Found, Problem> {
        let ending = format!(".{name}");
        let exact = self.numbers.get_key_value(name).into_iter().collect::<Vec<_>>();
        let found: Vec<_> = if exact.is_empty() {
            self.numbers.iter().filter(|(path, _)| path.ends_with(&ending)).collect()
        } else {
            exact
        };
        let source = code(&self.source);
        // What a model learned by heart is no measure of it; who means that names it in full.
        let (of_training, found): (Vec<_>, Vec<_>) =
            found.into_iter().partition(|(path, _)| *path != name && is_of_training(path, name));
        if let (Some((path, _)), true) = (of_training.first(), found.is_empty()) {
            let said = format!("{source} has {} of the training data only, as {}", code(name), code(path));
            return Err(Problem::new(said).hint("record the metric of the test data, or name it in full"));
        }
        match found.as_slice() {
            [(path, Number::Finite(value))] => Ok(Found { value: *value, name: (*path).clone() }),
            [(path, Number::Other(what))] => {
                Err(Problem::new(format!("{} is {what} in {source}, not a number", code(path))))
            }
            [] => {
                let problem = Problem::new(format!("{source} has no metric {}", code(name)));
                let known: Vec<&str> = self.numbers.keys().map(String::as_str).collect();
                Err(match nearest(name, known.iter().copied()) {
                    Some(near) => problem.hint(format!("did you mean {}?", code(near))),
                    None if known.is_empty() => problem.hint("it has none at all"),
                    None => problem.hint(format!("it has {}", crate::support::words::list(known))),
                })
            }
            several => {
                let names = crate::support::words::list(several.iter().map(|(path, _)| path.as_str()));
                Err(Problem::new(format!("{source} has {} under several names: {names}", code(name)))
                    .hint("name one of them in full"))
            }
        }
    }

    fn read(&mut self, value: &Value, path: &str, depth: usize) {
        if depth > DEEPEST {
            self.insert(path.to_owned(), Number::Other("nested too deep".into()));
            return;
        }
        let join = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
        match value {
            Value::Mapping(map) => {
                // MLflow's `{"key": "accuracy", "value": 0.9, "step": 0}`.
                if let (Some(key), Some(value)) = (map.get("key").and_then(Value::as_str), map.get("value")) {
                    self.insert(key.to_owned(), number(value));
                    return;
                }
                // A record that says itself what it was computed on: `{"split": "train", "accuracy": 0.99}`.
                let of = SPLITS.iter().find_map(|key| map.get(*key)?.as_str()).filter(|of| is_of_training(of, ""));
                let path = of.map_or_else(|| path.to_owned(), &join);
                let join = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
                for (name, value) in map {
                    let name = name.as_str().map_or_else(
                        || serde_yaml::to_string(name).unwrap_or_default().trim().to_owned(),
                        ToOwned::to_owned,
                    );
                    self.read(value, &join(&name), depth + 1);
                }
            }
            Value::Sequence(list) => {
                let list = latest(list);
                for (at, value) in list.into_iter().enumerate() {
                    self.read(value, &join(&at.to_string()), depth + 1);
                }
            }
            other => {
                self.insert(path.to_owned(), number(other));
            }
        }
    }
}

/// Keys of a record that say which data it is of.
const SPLITS: [&str; 8] = ["split", "dataset", "data", "set", "subset", "partition", "phase", "stage"];

/// Whether the part of the path before the metric says that it was computed on what the model learned from.
fn is_of_training(path: &str, name: &str) -> bool {
    const TRAINING: [&str; 5] = ["train", "training", "trn", "fit", "insample"];
    const HELD_OUT: [&str; 8] = ["test", "testing", "valid", "validation", "val", "eval", "holdout", "cv"];
    let before = path.strip_suffix(name).unwrap_or(path).to_lowercase();
    let words: Vec<&str> = before.split(|letter: char| !letter.is_alphanumeric()).collect();
    let has = |known: &[&str]| words.iter().any(|word| known.contains(word));
    (has(&TRAINING) || words.windows(2).any(|pair| pair == ["in", "sample"])) && !has(&HELD_OUT)
}

/// Of MLflow's `{key, value, step, timestamp}` entries the latest of each key; of a tie all.
fn latest(list: &[Value]) -> Vec<&Value> {
    let when = |value: &Value| {
        let number = |name: &str| value.get(name).and_then(Value::as_i64);
        (number("step"), number("timestamp"))
    };
    let key = |value: &Value| value.get("key").and_then(Value::as_str).map(ToOwned::to_owned);
    let is_latest = |value: &&Value| {
        key(value).is_none_or(|name| {
            list.iter().all(|other| key(other).as_ref() != Some(&name) || when(other) <= when(value))
        })
    };
    // Histories are short; a long list is no metrics file.
    if list.len() > 2_000 { list.iter().collect() } else { list.iter().filter(is_latest).collect() }
}

fn number(value: &Value) -> Number {
    match value {
        Value::Number(number) => match number.as_f64() {
            // MLflow stores ±inf as the largest numbers there are.
            Some(value) if value.abs() == f64::MAX => Number::Other("infinite".into()),
            Some(value) if value.is_finite() => Number::Finite(value),
            Some(value) => Number::Other(value.to_string()),
            None => Number::Other("too large".into()),
        },
        Value::Null => Number::Other("null".into()),
        Value::Bool(value) => Number::Other(value.to_string()),
        Value::String(text) => Number::Other(format!("the text {}", code(text))),
        Value::Sequence(_) | Value::Mapping(_) | Value::Tagged(_) => Number::Other("no number".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(text: &str, name: &str) -> Result<f64, String> {
        let recorded = Recorded::parse("m.json", text).map_err(|problem| problem.message)?;
        recorded.find(name).map(|found| found.value).map_err(|problem| problem.message)
    }

    #[test]
    fn metrics_files_as_teams_have_them() {
        assert_eq!(find(r#"{"accuracy": 0.93}"#, "accuracy"), Ok(0.93));
        assert_eq!(find(r#"{"train": {"loss": 1}, "test": {"accuracy": 0.93}}"#, "accuracy"), Ok(0.93));
        assert_eq!(find("test:\n  accuracy: 0.93\n", "test.accuracy"), Ok(0.93));
        assert_eq!(find(r#"[{"key": "accuracy", "value": 0.93, "step": 0}]"#, "accuracy"), Ok(0.93));
        let run = r#"{"run": {"info": {"run_id": "x"}, "data": {"metrics": [{"key": "accuracy", "value": 0.93}]}}}"#;
        assert_eq!(find(run, "accuracy"), Ok(0.93));
    }

    #[test]
    fn a_metric_of_the_training_data_is_no_metric_of_the_model() {
        for text in [
            r#"{"train": {"accuracy": 0.99}}"#,
            r#"{"train.accuracy": 0.99}"#,
            r#"{"model": {"Training_set": {"accuracy": 0.99}}}"#,
            r#"{"in-sample": {"accuracy": 0.99}}"#,
            r#"[{"split": "train", "accuracy": 0.99}]"#,
            r#"{"results": [{"dataset": "Training set", "metrics": {"accuracy": 0.99}}]}"#,
        ] {
            assert!(find(text, "accuracy").unwrap_err().contains("of the training data only"), "{text}");
        }
        assert_eq!(find(r#"{"train": {"accuracy": 0.99}}"#, "train.accuracy"), Ok(0.99));
        let both = r#"{"train": {"accuracy": 0.99}, "test": {"accuracy": 0.93}}"#;
        assert_eq!(find(both, "accuracy"), Ok(0.93));
        let records = r#"[{"split": "train", "accuracy": 0.99}, {"split": "test", "accuracy": 0.93}]"#;
        assert_eq!(find(records, "accuracy"), Ok(0.93));
        assert_eq!(find(r#"{"retrained": {"accuracy": 0.93}}"#, "accuracy"), Ok(0.93));
        assert_eq!(find(r#"{"test_after_training": {"accuracy": 0.93}}"#, "accuracy"), Ok(0.93));
        assert!(find(r#"{"train": {"accuracy": 1}, "fit": {"accuracy": 1}}"#, "accuracy").is_err());
    }

    #[test]
    fn a_name_with_two_numbers_has_none() {
        let dotted = r#"{"test.accuracy": 0.5, "test": {"accuracy": 0.95}}"#;
        assert!(find(dotted, "accuracy").unwrap_err().contains("given twice"));
        let keyed = r#"{"a": {"key": "accuracy", "value": 0.5}, "b": {"key": "accuracy", "value": 0.95}}"#;
        assert!(find(keyed, "accuracy").unwrap_err().contains("given twice"));
        let history =
            r#"[{"key": "accuracy", "value": 0.5, "step": 2}, {"key": "accuracy", "value": 0.95, "step": 0}]"#;
        assert_eq!(find(history, "accuracy"), Ok(0.5));
        assert!(find(&"{a: ".repeat(30), "a").is_err());
    }

    #[test]
    fn what_is_no_number_is_said() {
        let wrong = |text: &str| find(text, "accuracy").unwrap_err();
        assert_eq!(wrong(r#"{"accuracy": null}"#), "`accuracy` is null in `m.json`, not a number");
        assert_eq!(wrong(r#"{"accuracy": "0.93"}"#), "`accuracy` is the text `0.93` in `m.json`, not a number");
        assert_eq!(wrong(r#"{"accuracy": NaN}"#), "`accuracy` is the text `NaN` in `m.json`, not a number");
        assert_eq!(wrong("accuracy: .nan"), "`accuracy` is NaN in `m.json`, not a number");
        assert_eq!(wrong(r#"{"f1": 1}"#), "`m.json` has no metric `accuracy`");
        assert!(wrong(r#"{"a": {"accuracy": 1}, "b": {"accuracy": 2}}"#).contains("several names"));
        assert!(wrong("<html>").contains("no map of names and numbers"));
        assert!(wrong(" ").contains("empty"));
        assert!(wrong("{").contains("neither JSON nor YAML"));
    }
}
