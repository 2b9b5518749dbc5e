//! Inputs over files: what flags and Action inputs change of the config.

use serde_yaml::Value;

use super::Config;
use super::model::BaselineSection;
use crate::cli::{self, CheckArgs};
use crate::support::limit::{Plain, written_number};
use crate::support::problem::Problem;

/// Lays the inputs over what the files say; every problem of every input at once.
pub fn apply(config: &mut Config, args: &CheckArgs) -> Vec<Problem> {
    let data = &mut config.data;
    for (place, input) in [
        (&mut data.path, &args.data),
        (&mut data.reference, &args.reference),
        (&mut data.test, &args.test_data),
        (&mut data.target, &args.target_column),
        (&mut data.timestamp, &args.timestamp_column),
    ] {
        if input.is_some() {
            place.clone_from(input);
        }
    }
    let mut problems = Vec::new();
    apply_model(config, args, &mut problems);
    let thresholds: [(&str, &Option<String>, Form); 13] = [
        ("min-rows", &args.min_rows, Form::Number),
        ("max-null-percent", &args.max_null_percent, Form::Number),
        ("required-columns", &args.required_columns, Form::List),
        ("min-class-percent", &args.min_class_percent, Form::Number),
        ("max-duplicate-percent", &args.max_duplicate_percent, Form::Number),
        ("max-drifted-percent", &args.max_drifted_percent, Form::Number),
        ("max-overlap-percent", &args.max_overlap_percent, Form::Number),
        ("max-age-days", &args.max_age_days, Form::Number),
        ("feature-ranges", &args.feature_ranges, Form::Yaml),
        ("min-accuracy", &args.min_accuracy, Form::Number),
        ("min-improvement", &args.min_improvement, Form::Number),
        ("max-latency-p99-ms", &args.max_latency_p99_ms, Form::Number),
        ("max-model-size-mb", &args.max_model_size_mb, Form::Number),
    ];
    for (name, text, form) in thresholds {
        let Some(text) = text else { continue };
        let path = format!("input {name}");
        let set = form.read(text).and_then(|value| config.set(name, value, &path, None));
        if let Err(message) = set {
            problems.push(Problem::new(format!("{path}: {message}")));
        }
    }
    apply_parity(config, args, &mut problems);
    // Who only wants a profile still wants one of a table that has rows.
    if args.save_profile.is_some() && config.entries.is_empty() {
        let path = "input save-profile";
        problems.extend(config.set("min-rows", Value::from(1), path, None).err().map(Problem::new));
    }
    problems
}

/// Where the model, its predictions and the baseline are.
fn apply_model(config: &mut Config, args: &CheckArgs, problems: &mut Vec<Problem>) {
    let model = &mut config.model;
    if let Some(path) = &args.predictions {
        model.predictions.get_or_insert_default().path = Some(path.clone());
    }
    for (place, input) in [
        (&mut model.metrics, &args.metrics),
        (&mut model.artifact, &args.artifact),
        (&mut model.name, &args.model_name),
    ] {
        if input.is_some() {
            place.clone_from(input);
        }
    }
    if let Some(url) = &args.endpoint {
        model.endpoint.get_or_insert_default().url = Some(url.clone());
    }
    if let Some(version) = &args.model_version {
        model.version = Some(Plain(version.clone()));
    }
    if let Some(text) = &args.baseline {
        match BaselineSection::parse(text) {
            // Whether this may be the first model is the file's to say.
            Ok(named) => {
                let missing = model.baseline.as_ref().map(|baseline| baseline.missing).unwrap_or_default();
                model.baseline = Some(BaselineSection { missing, ..named });
            }
            Err(message) => problems.push(Problem::new(format!("input baseline: {message}"))),
        }
    }
}

/// `min-demographic-parity` with `sensitive-columns`: neither means anything without the other.
fn apply_parity(config: &mut Config, args: &CheckArgs, problems: &mut Vec<Problem>) {
    let (min, columns) = (&args.min_demographic_parity, &args.sensitive_columns);
    let message = match (min, columns) {
        (None, None) => return,
        (Some(min), Some(columns)) => {
            let set = Form::Number.read(min).and_then(|min| {
                let columns = cli::list(columns).map_err(|message| format!("sensitive-columns: {message}"))?;
                config.set_parity(min, columns, "input min-demographic-parity")
            });
            match set {
                Ok(()) => return,
                Err(message) => format!("input min-demographic-parity: {message}"),
            }
        }
        (Some(_), None) => "input min-demographic-parity: needs `sensitive-columns`, whose groups it compares".into(),
        (None, Some(_)) => "input sensitive-columns: needs `min-demographic-parity`, the limit".into(),
    };
    problems.push(Problem::new(message));
}

/// How a threshold is written as an input.
#[derive(Debug, Clone, Copy)]
enum Form {
    Number,
    List,
    Yaml,
}

impl Form {
    fn read(self, text: &str) -> Result<Value, String> {
        match self {
            Self::Number => {
                let text = text.trim();
                let whole = text.parse::<u64>().map(Value::from);
                // NaN and the infinities are for the limit to refuse, in its own words.
                let number = |number: f64| match written_number(text) {
                    Some(exact @ Value::Tagged(_)) => exact,
                    _ => super::threshold::plain_number(number),
                };
                whole
                    .or_else(|_| text.parse::<f64>().map(number))
                    .map_err(|_| format!("{} is no number", crate::support::words::code(text)))
            }
            Self::List => Ok(Value::Sequence(cli::list(text)?.into_iter().map(Value::from).collect())),
            Self::Yaml => {
                let document = super::document::Document::parse("input", text).map_err(|problems| {
                    problems.iter().map(|problem| problem.message.clone()).collect::<Vec<_>>().join("; ")
                })?;
                Ok(document.with_exact_numbers("", document.value.clone()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(change: impl Fn(&mut CheckArgs)) -> Result<Vec<&'static str>, Vec<String>> {
        let mut args = CheckArgs::default();
        change(&mut args);
        let mut config = Config::default();
        let problems = apply(&mut config, &args);
        if problems.is_empty() {
            Ok(config.entries.iter().map(|entry| entry.check.id).collect())
        } else {
            Err(problems.iter().map(ToString::to_string).collect())
        }
    }

    #[test]
    fn thresholds_alone_are_a_gate() {
        let checks = check(|args| {
            args.min_rows = Some("10".into());
            args.feature_ranges = Some("age: {min: 0, max: 120}\nincome: {min: 0}".into());
            args.required_columns = Some("a\nb".into());
        });
        assert_eq!(checks, Ok(vec!["row_count", "schema", "range", "range"]));
    }

    #[test]
    fn what_is_no_number_is_said_for_every_input() {
        let wrong = check(|args| {
            args.min_rows = Some("many".into());
            args.max_null_percent = Some("NaN".into());
            args.max_duplicate_percent = Some("-1".into());
        });
        assert_eq!(
            wrong,
            Err(vec![
                "input min-rows: `many` is no number".into(),
                "input max-null-percent: NaN is no limit, expected a percent from 0 to 100".into(),
                "input max-duplicate-percent: -1 is not a percent from 0 to 100".into(),
            ])
        );
    }
}
