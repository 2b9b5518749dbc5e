//! `model:` as written, but for its checks.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::running::{EndpointSection, Features, OutputsSection, RunSection};
use crate::support::limit::Plain;

/// `model:` but for its checks.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ModelSection {
    /// The model's name in reports, and in the registry.
    pub name: Option<String>,
    /// The candidate's version in reports.
    pub version: Option<Plain>,
    /// What the candidate predicted: a table, or its path and the names of its columns.
    #[serde(default, deserialize_with = "predictions")]
    #[schemars(with = "Option<Either<PredictionsSection>>")]
    pub predictions: Option<PredictionsSection>,
    /// Numbers that somebody else computed: a JSON or YAML file of metrics.
    pub metrics: Option<String>,
    /// The model itself: a file or a folder. One that ends in .onnx is run, too.
    pub artifact: Option<String>,
    /// Where the model is served: an address, or a map.
    #[serde(default, deserialize_with = "endpoint")]
    #[schemars(with = "Option<Either<EndpointSection>>")]
    pub endpoint: Option<EndpointSection>,
    /// The columns that the model is given: in the order it was trained in, or by the names of its inputs.
    pub features: Option<Features>,
    /// The classes in the order of the model's scores, where the model does not name them.
    pub classes: Option<Vec<Plain>>,
    /// Which of the model's outputs is what, where types and shapes do not tell.
    pub outputs: Option<OutputsSection>,
    /// What the model may take while it is run.
    pub run: Option<RunSection>,
    /// The model in production.
    #[serde(default, deserialize_with = "baseline")]
    #[schemars(with = "Option<Either<BaselineSection>>")]
    pub baseline: Option<BaselineSection>,
}

/// A table of predictions, and what its columns are called.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct PredictionsSection {
    /// A file, a glob or a folder of Parquet, CSV (also gzip), NDJSON or Arrow IPC.
    pub path: Option<String>,
    /// The column of labels; `label` without it.
    pub label: Option<String>,
    /// The column of predictions; `prediction` without it.
    pub prediction: Option<String>,
    /// The column of the positive class's scores; `score`, or one `score_<class>` a class, without it.
    pub score: Option<String>,
    /// The class that scores and binary metrics are about; the second of 0 and 1 or false and true without it.
    pub positive: Option<Plain>,
    /// A column of weights.
    pub weight: Option<String>,
    /// The column that tells rows apart, to find each in the baseline's predictions.
    pub key: Option<String>,
    /// The column of latencies in milliseconds; `latency_ms` without it.
    pub latency: Option<String>,
}

/// Where the baseline is: one of `mlflow`, `git`, `path`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct BaselineSection {
    /// A registered model of an MLflow server.
    pub mlflow: Option<MlflowSection>,
    /// A file at a git ref, through GitHub's API.
    pub git: Option<GitSection>,
    /// A metrics file or a predictions table, told by its name's ending.
    pub path: Option<String>,
    /// What a baseline that does not exist means.
    #[serde(default)]
    pub missing: Missing,
}

/// A registered model, by its alias.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct MlflowSection {
    /// The registered model; `model.name` without it.
    pub name: Option<String>,
    /// The alias of the version in production.
    pub alias: String,
}

/// A file of this repository at a ref.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct GitSection {
    /// A branch, a tag or a commit.
    #[serde(rename = "ref")]
    pub reference: String,
    /// A metrics file or a predictions table.
    pub path: String,
}

/// What a baseline that does not exist means.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Missing {
    /// Something is wrong.
    #[default]
    Error,
    /// This is the first model: comparisons with it are skipped.
    Skip,
}

/// A text, or what it is short for.
#[derive(JsonSchema)]
#[schemars(untagged, rename = "{T}OrShort")]
pub enum Either<T> {
    Short(String),
    Long(T),
}

impl BaselineSection {
    /// `mlflow:<name>@<alias>`, `git:<ref>:<path>`, or a path.
    ///
    /// # Errors
    /// One sentence.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut section = Self::default();
        if let Some(model) = text.strip_prefix("mlflow:") {
            let (name, alias) = model
                .rsplit_once('@')
                .filter(|(_, alias)| !alias.is_empty())
                .ok_or("expected mlflow:<name>@<alias>, such as mlflow:credit-risk@champion")?;
            let name = Some(name.to_owned()).filter(|name| !name.is_empty());
            section.mlflow = Some(MlflowSection { name, alias: alias.to_owned() });
        } else if let Some(file) = text.strip_prefix("git:") {
            let (reference, path) = file
                .split_once(':')
                .filter(|(reference, path)| !reference.is_empty() && !path.is_empty())
                .ok_or("expected git:<ref>:<path>, such as git:main:out/metrics.json")?;
            section.git = Some(GitSection { reference: reference.to_owned(), path: path.to_owned() });
        } else {
            section.path = Some(text.to_owned());
        }
        Ok(section)
    }

    /// As it is written in short, and what it is allowed to lack.
    pub fn said(&self) -> String {
        let source = match self {
            Self { mlflow: Some(mlflow), .. } => {
                format!("mlflow:{}@{}", mlflow.name.as_deref().unwrap_or_default(), mlflow.alias)
            }
            Self { git: Some(git), .. } => format!("git:{}:{}", git.reference, git.path),
            Self { path, .. } => path.clone().unwrap_or_default(),
        };
        let skips = if self.missing == Missing::Skip { " (missing: skip)" } else { "" };
        format!("{source}{skips}").trim().to_owned()
    }

    /// How many sources are named.
    pub fn sources(&self) -> usize {
        [self.mlflow.is_some(), self.git.is_some(), self.path.is_some()].into_iter().filter(|named| *named).count()
    }
}

impl ModelSection {
    /// What a later file says wins; names of columns are kept where it is silent.
    pub fn merge(&mut self, later: Self) {
        fn over<T>(mine: &mut Option<T>, theirs: Option<T>) {
            if theirs.is_some() {
                *mine = theirs;
            }
        }
        over(&mut self.name, later.name);
        over(&mut self.version, later.version);
        over(&mut self.metrics, later.metrics);
        over(&mut self.artifact, later.artifact);
        over(&mut self.baseline, later.baseline);
        over(&mut self.features, later.features);
        over(&mut self.classes, later.classes);
        over(&mut self.outputs, later.outputs);
        over(&mut self.run, later.run);
        if let Some(later) = later.endpoint {
            self.endpoint.get_or_insert_default().merge(later);
        }
        if let Some(later) = later.predictions {
            let mine = self.predictions.get_or_insert_default();
            over(&mut mine.path, later.path);
            over(&mut mine.label, later.label);
            over(&mut mine.prediction, later.prediction);
            over(&mut mine.score, later.score);
            over(&mut mine.positive, later.positive);
            over(&mut mine.weight, later.weight);
            over(&mut mine.key, later.key);
            over(&mut mine.latency, later.latency);
        }
    }
}

fn predictions<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<PredictionsSection>, D::Error> {
    let short = |path: &str| Ok(PredictionsSection { path: Some(path.to_owned()), ..PredictionsSection::default() });
    super::short::read(deserializer, "a path, or a map with `path`", short)
}

fn endpoint<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<EndpointSection>, D::Error> {
    super::short::read(deserializer, "an address, or a map with `url`", |url| Ok(EndpointSection::of(url)))
}

fn baseline<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<BaselineSection>, D::Error> {
    super::short::read(
        deserializer,
        "mlflow:<name>@<alias>, git:<ref>:<path>, a path, or a map",
        BaselineSection::parse,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_baseline_has_a_short_form() {
        let parsed = BaselineSection::parse("mlflow:credit-risk@champion").unwrap();
        assert_eq!(parsed.mlflow, Some(MlflowSection { name: Some("credit-risk".into()), alias: "champion".into() }));
        let parsed = BaselineSection::parse("git:main:out/metrics.json").unwrap();
        assert_eq!(parsed.git, Some(GitSection { reference: "main".into(), path: "out/metrics.json".into() }));
        assert_eq!(BaselineSection::parse("m.json").unwrap().path.as_deref(), Some("m.json"));
        assert!(BaselineSection::parse("mlflow:credit-risk").is_err());
        assert!(BaselineSection::parse("git:main").is_err());
    }

    #[test]
    fn both_forms_are_read() {
        let section: ModelSection = serde_yaml::from_str("{predictions: p.csv, baseline: b.csv}").unwrap();
        assert_eq!(section.predictions.unwrap().path.as_deref(), Some("p.csv"));
        assert_eq!(section.baseline.unwrap().path.as_deref(), Some("b.csv"));
        let section: ModelSection =
            serde_yaml::from_str("{predictions: {path: p.csv, positive: 1}, baseline: {mlflow: {alias: a}}}").unwrap();
        assert_eq!(section.predictions.unwrap().positive, Some(Plain("1".into())));
    }
}
