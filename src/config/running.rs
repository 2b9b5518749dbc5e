//! How a model is run, as written: its features, where it is served, what it may take.

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};

use crate::integrations::artifact_digest::is_onnx;
use crate::support::limit::Finite;
use crate::support::signature::{VARIABLE, may_be_named};
use crate::support::words::code;

/// What stands for `{{rows}}`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Rows {
    /// `[{"age": 31}, …]`
    #[default]
    Records,
    /// `[[31], …]`
    Arrays,
}

/// Where rows go in a template.
pub const PLACE: &str = "{{rows}}";

/// The columns of the features, as a config names them: in order, or input by input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Named {
    All(Vec<String>),
    ByInput(Vec<(String, Vec<String>)>),
}

impl Named {
    pub fn columns(&self) -> Vec<&String> {
        match self {
            Self::All(columns) => columns.iter().collect(),
            Self::ByInput(inputs) => inputs.iter().flat_map(|(_, columns)| columns).collect(),
        }
    }
}

/// The features in the order of the model's input, or by its inputs' names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Features(pub Named);

/// Which of the model's outputs is what, where types and shapes do not tell.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OutputsSection {
    /// The output with the predicted classes or numbers.
    pub prediction: Option<String>,
    /// The output with the scores of the classes.
    pub scores: Option<String>,
}

/// What a model that mlgate runs may take.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RunSection {
    /// Rows that it is asked about at a time, 1000000 at most; 16384 for a file, 500 for an endpoint.
    pub batch_rows: Option<u32>,
    /// Seconds for loading it, and for each batch; 60 without it.
    pub timeout_seconds: Option<Finite>,
    /// Memory of its process in MB; 4000 without it.
    pub memory_mb: Option<Finite>,
}

/// A model behind HTTP.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct EndpointSection {
    /// Where predictions are asked for.
    pub url: Option<String>,
    /// How; `open_inference` for an address without `/invocations` that names a `model`, `json` with a `request`, else
    /// `mlflow`.
    pub protocol: Option<ProtocolName>,
    /// What an Open Inference server calls the model; `model.name` without it.
    pub model: Option<String>,
    /// The environment variable with the token, which must begin with `MLGATE_`. It is sent to the host of the input
    /// `endpoint` alone.
    pub token_env: Option<String>,
    /// The header that the token goes into; `Authorization`, as a bearer token, without it.
    pub header: Option<String>,
    /// Of the protocol `json`: the request, with `{{rows}}` where the rows go.
    pub request: Option<String>,
    /// How rows are written there.
    #[serde(default)]
    pub rows: Rows,
    /// Of the protocol `json`: where the answer has the predictions, as a JSON pointer; `/predictions` without it.
    pub predictions: Option<String>,
    /// Of the protocol `json`: where the answer has the scores.
    pub scores: Option<String>,
    /// Seconds for each answer; 30 without it.
    pub timeout_seconds: Option<Finite>,
}

/// The protocols that models are served by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ProtocolName {
    /// MLflow's scoring server.
    Mlflow,
    /// Version 2 of the protocol of KServe, Triton, Seldon.
    OpenInference,
    /// Any JSON, by a template.
    Json,
}

impl EndpointSection {
    pub fn of(url: &str) -> Self {
        Self { url: Some(url.to_owned()), ..Self::default() }
    }

    pub fn protocol(&self) -> ProtocolName {
        self.protocol.unwrap_or_else(|| {
            let is_open = self.url.as_deref().is_some_and(|url| url.contains("/v2")) || self.model.is_some();
            match self {
                Self { request: Some(_), .. } => ProtocolName::Json,
                _ if is_open => ProtocolName::OpenInference,
                _ => ProtocolName::Mlflow,
            }
        })
    }

    /// What contradicts itself, by its key.
    pub fn problems(&self, name: Option<&str>) -> Vec<String> {
        let mut all = Vec::new();
        if self.url.is_none() {
            all.push("names no `url`".to_owned());
        }
        match (self.protocol(), &self.request) {
            (ProtocolName::Json, None) => all.push(format!("the protocol json needs a `request` with {PLACE} in it")),
            (ProtocolName::Json, Some(request)) if !request.contains(PLACE) => {
                all.push(format!("the request has no {PLACE}, so no row would be sent"));
            }
            (ProtocolName::Mlflow | ProtocolName::OpenInference, Some(_)) => {
                all.push("a `request` is of the protocol json alone".to_owned());
            }
            _ => {}
        }
        if self.protocol() == ProtocolName::OpenInference && self.model.is_none() && name.is_none() {
            all.push("which model of the server? set its `model`, or `model.name`".to_owned());
        }
        let pointers = [&self.predictions, &self.scores].into_iter().flatten();
        for pointer in pointers.filter(|pointer| !pointer.is_empty() && !pointer.starts_with('/')) {
            all.push(format!("{} is no JSON pointer: it begins with /", code(pointer)));
        }
        if let Some(variable) = self.token_env.as_ref().filter(|name| !may_be_named(name)) {
            let shown = code(variable);
            all.push(format!(
                "token_env {shown}: a config may name variables that begin with MLGATE_, and no others; never {VARIABLE}"
            ));
        }
        if self.timeout_seconds.is_some_and(|Finite(seconds)| !is_time(seconds)) {
            all.push("timeout_seconds is no time to wait, from 0.001 to 86400".to_owned());
        }
        all
    }

    /// What a later file says wins, key by key.
    pub fn merge(&mut self, later: Self) {
        fn over<T>(mine: &mut Option<T>, theirs: Option<T>) {
            if theirs.is_some() {
                *mine = theirs;
            }
        }
        over(&mut self.url, later.url);
        over(&mut self.protocol, later.protocol);
        over(&mut self.model, later.model);
        over(&mut self.token_env, later.token_env);
        over(&mut self.header, later.header);
        over(&mut self.request, later.request);
        over(&mut self.predictions, later.predictions);
        over(&mut self.scores, later.scores);
        over(&mut self.timeout_seconds, later.timeout_seconds);
        if later.rows != Rows::default() {
            self.rows = later.rows;
        }
    }
}

/// Rows of one batch at most.
const MOST_ROWS: u32 = 1_000_000;

impl RunSection {
    /// What cannot be.
    pub fn problems(&self) -> Vec<&'static str> {
        let mut all = Vec::new();
        if self.batch_rows == Some(0) {
            all.push("batch_rows: a batch has at least one row");
        }
        // All of a batch is in memory, as values and as a request.
        if self.batch_rows.is_some_and(|rows| rows > MOST_ROWS) {
            all.push("batch_rows: a batch has at most 1,000,000 rows");
        }
        if self.timeout_seconds.is_some_and(|Finite(seconds)| !is_time(seconds)) {
            all.push("timeout_seconds is no time to wait, from 0.001 to 86400");
        }
        if self.memory_mb.is_some_and(|Finite(megabytes)| !(50.0..=1e6).contains(&megabytes)) {
            all.push("memory_mb: no model runs in less than 50 MB, and none in more than 1,000,000");
        }
        all
    }
}

fn is_time(seconds: f64) -> bool {
    (0.001..=86_400.0).contains(&seconds)
}

/// Whether the artifact is one that mlgate can run.
pub fn is_runnable(artifact: &str) -> bool {
    is_onnx(artifact)
}

impl<'de> Deserialize<'de> for Features {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Forms;
        impl<'de> Visitor<'de> for Forms {
            type Value = Features;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of columns, or a map from the model's inputs to lists of columns")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Features, A::Error> {
                let mut columns: Vec<String> = Vec::new();
                while let Some(column) = seq.next_element::<String>()? {
                    if columns.contains(&column) {
                        return Err(A::Error::custom(format!("{} is named twice", code(&column))));
                    }
                    columns.push(column);
                }
                if columns.is_empty() {
                    Err(A::Error::custom("names no feature"))
                } else {
                    Ok(Features(Named::All(columns)))
                }
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Features, A::Error> {
                let mut inputs = Vec::new();
                while let Some((input, columns)) = map.next_entry::<String, Vec<String>>()? {
                    if columns.is_empty() {
                        return Err(A::Error::custom(format!("{} takes no column", code(&input))));
                    }
                    inputs.push((input, columns));
                }
                Ok(Features(Named::ByInput(inputs)))
            }
        }
        deserializer.deserialize_any(Forms)
    }
}

impl Serialize for Features {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            Named::All(columns) => columns.serialize(serializer),
            Named::ByInput(inputs) => serializer.collect_map(inputs.iter().map(|(input, columns)| (input, columns))),
        }
    }
}

impl JsonSchema for Features {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Features".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let columns = serde_json::json!({ "type": "array", "minItems": 1, "items": { "type": "string" } });
        json_schema!({ "anyOf": [columns, { "type": "object", "additionalProperties": columns }] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn endpoint(text: &str) -> EndpointSection {
        serde_yaml::from_str(text).unwrap()
    }

    #[test]
    fn the_protocol_follows_from_what_is_said() {
        assert_eq!(endpoint("{url: 'http://h/invocations'}").protocol(), ProtocolName::Mlflow);
        assert_eq!(endpoint("{url: 'http://h', model: credit}").protocol(), ProtocolName::OpenInference);
        assert_eq!(endpoint("{url: 'http://h', request: '{{rows}}'}").protocol(), ProtocolName::Json);
    }

    #[test]
    fn every_contradiction_is_said() {
        let said = |text: &str| endpoint(text).problems(None).join("; ");
        assert_eq!(said("{url: 'http://h'}"), "");
        assert_eq!(said("{}"), "names no `url`");
        assert!(said("{url: u, protocol: json}").contains("needs a `request`"));
        assert!(said("{url: u, request: '{}'}").contains("no row would be sent"));
        assert!(said("{url: u, protocol: open_inference}").contains("which model"));
        assert!(said("{url: u, token_env: HOME}").contains("begin with MLGATE_"));
        assert!(said("{url: u, timeout_seconds: 0}").contains("no time to wait"));
        assert!(said("{url: u, scores: p, request: '{{rows}}'}").contains("no JSON pointer"));
    }

    #[test]
    fn a_batch_has_a_size() {
        let wrong = |rows: u32| !RunSection { batch_rows: Some(rows), ..RunSection::default() }.problems().is_empty();
        assert_eq!([0, 1, 1_000_000, 1_000_001, u32::MAX].map(wrong), [true, false, false, true, true]);
    }

    #[test]
    fn features_are_a_list_or_a_map() {
        let read = |text: &str| serde_yaml::from_str::<Features>(text).map(|features| features.0);
        assert_eq!(read("[a, b]").unwrap(), Named::All(vec!["a".into(), "b".into()]));
        assert_eq!(read("{x: [a]}").unwrap(), Named::ByInput(vec![("x".into(), vec!["a".into()])]));
        assert!(read("[]").is_err() && read("[a, a]").is_err() && read("{x: []}").is_err() && read("a").is_err());
    }
}
