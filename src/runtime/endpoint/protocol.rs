//! How models are asked over HTTP: MLflow's scoring protocol, the Open Inference Protocol, and JSON by a template.

mod json;

use json::{arrays, column, columns, lacks, list, parsed, port, records, said, tensor};
use reqwest::Url;
use serde_json::{Value, json};

use crate::config::running::{PLACE, Rows};
use crate::data::table::TableInfo;
use crate::runtime::features::{Feeds, Named, feeds};
use crate::runtime::{Batch, Element, Output, Port, PortKind};
use crate::support::problem::Problem;
use crate::support::words;

/// A protocol, with what it needs to know of the model.
#[derive(Debug, Clone)]
pub enum Protocol {
    /// `POST /invocations` of <https://mlflow.org/docs/latest/ml/deployment/deploy-model-locally>.
    Mlflow,
    /// `POST /v2/models/NAME/infer` of <https://github.com/open-inference/open-inference-protocol>.
    OpenInference(OpenInference),
    Json(Template),
}

#[derive(Debug, Clone)]
pub struct OpenInference {
    pub model: String,
    /// The table whose columns the model is fed with, and which of them.
    pub table: TableInfo,
    pub named: Option<Named>,
    pub features: Vec<String>,
    feeds: Option<Feeds>,
    /// Outputs that only come when they are asked for, and their companions.
    asked: Vec<String>,
}

/// A request with a place for the rows, and where the answer holds what.
#[derive(Debug, Clone, PartialEq)]
pub struct Template {
    /// JSON with `{{rows}}` in it.
    pub request: String,
    pub rows: Rows,
    /// JSON pointers (RFC 6901).
    pub predictions: String,
    pub scores: Option<String>,
}

impl OpenInference {
    pub fn new(model: String, table: TableInfo, named: Option<Named>, features: Vec<String>) -> Self {
        Self { model, table, named, features, feeds: None, asked: Vec::new() }
    }
}

impl Protocol {
    /// Where predictions are asked for.
    pub fn url(&self, base: &Url) -> Url {
        match self {
            Self::OpenInference(served) => below(base, &["v2", "models", &served.model, "infer"]),
            // The root alone is a server, and not its model.
            Self::Mlflow if base.path() == "/" => below(base, &["invocations"]),
            Self::Mlflow | Self::Json(_) => base.clone(),
        }
    }

    /// Where the model says what it takes, if it does.
    pub fn metadata(&self, base: &Url) -> Option<Url> {
        match self {
            Self::OpenInference(served) => Some(below(base, &["v2", "models", &served.model])),
            Self::Mlflow | Self::Json(_) => None,
        }
    }

    /// Reads what the model says it takes.
    ///
    /// # Errors
    /// It takes what the table has not.
    pub fn learn(&mut self, text: &[u8]) -> Result<(), Problem> {
        let Self::OpenInference(served) = self else { return Ok(()) };
        let answer = parsed(text)?;
        let inputs = answer.get("inputs").and_then(Value::as_array).cloned().unwrap_or_default();
        let mut ports: Vec<Port> = inputs.iter().filter_map(port).collect();
        if ports.is_empty() {
            // A server may leave it open: then it is one matrix, as scikit-learn's take.
            let shape = vec![-1, served.features.len() as i64];
            ports.push(Port { name: "predict".into(), kind: PortKind::Tensor { element: Element::Float64, shape } });
        }
        // scikit-learn's models behind MLServer say classes, and probabilities only to who asks for both.
        let outputs = answer.get("outputs").and_then(Value::as_array).into_iter().flatten();
        let names: Vec<String> =
            outputs.filter_map(|output| output.get("name")?.as_str().map(ToOwned::to_owned)).collect();
        if names.iter().any(|name| name.to_lowercase().contains("proba")) {
            served.asked = names;
        }
        let named = served.named.clone().unwrap_or_else(|| Named::All(served.features.clone()));
        let others: Vec<&str> = served
            .table
            .columns
            .iter()
            .map(|column| column.name.as_str())
            .filter(|name| !served.features.iter().any(|own| own == name))
            .collect();
        served.feeds = Some(feeds(&ports, &served.table, Some(&named), &others, &[])?);
        Ok(())
    }

    /// The columns the model sees, where the protocol has learned them.
    pub fn sees(&self) -> Option<Vec<String>> {
        match self {
            Self::OpenInference(OpenInference { feeds: Some(feeds), .. }) => Some(feeds.columns()),
            _ => None,
        }
    }

    /// The request for these rows.
    ///
    /// # Errors
    /// Values that JSON or the model cannot hold.
    pub fn body(&self, batch: &Batch) -> Result<Vec<u8>, Problem> {
        let body = match self {
            Self::Mlflow => {
                let columns: Vec<&String> = batch.columns.iter().map(|(name, _)| name).collect();
                json!({ "dataframe_split": { "columns": columns, "data": arrays(batch)? } })
            }
            Self::OpenInference(OpenInference { feeds: Some(feeds), asked, .. }) => {
                let inputs: Vec<Value> = feeds.tensors(batch)?.iter().map(said).collect();
                let outputs: Vec<Value> = asked.iter().map(|name| json!({ "name": name })).collect();
                if outputs.is_empty() {
                    json!({ "inputs": inputs })
                } else {
                    json!({ "inputs": inputs, "outputs": outputs })
                }
            }
            Self::OpenInference(_) => return Err(Problem::new("has not said what its model takes")),
            Self::Json(template) => {
                let rows = match template.rows {
                    Rows::Records => records(batch)?,
                    Rows::Arrays => arrays(batch)?,
                };
                return Ok(template.request.replace(PLACE, &Value::from(rows).to_string()).into_bytes());
            }
        };
        Ok(body.to_string().into_bytes())
    }

    /// The outputs of an answer about so many rows.
    ///
    /// # Errors
    /// It is no JSON, holds no predictions, another number of them, or some that are no values.
    pub fn read(&self, text: &[u8], rows: usize) -> Result<Vec<Output>, Problem> {
        let answer = parsed(text)?;
        let outputs = match self {
            Self::Mlflow => columns(answer.get("predictions").ok_or_else(|| lacks("predictions", &answer))?)?,
            Self::OpenInference(_) => {
                let outputs =
                    answer.get("outputs").and_then(Value::as_array).ok_or_else(|| lacks("outputs", &answer))?;
                outputs.iter().map(tensor).collect::<Result<_, _>>()?
            }
            Self::Json(template) => {
                let at = |pointer: &str| answer.pointer(pointer).ok_or_else(|| lacks(pointer, &answer));
                let mut all = columns(at(&template.predictions)?)?;
                if let Some(pointer) = &template.scores {
                    all.push(column("scores", list(at(pointer)?)?)?);
                }
                all
            }
        };
        if outputs.is_empty() {
            return Err(Problem::new(format!("answered no prediction for {}", words::rows(rows as u64))));
        }
        for output in &outputs {
            let Output::Tensor(tensor) = output else { continue };
            if rows > 0 && tensor.data.is_empty() {
                let said =
                    format!("answered no prediction in {} for {}", words::code(&tensor.name), words::rows(rows as u64));
                return Err(Problem::new(said));
            }
            let found = tensor.shape.first().copied().unwrap_or(0);
            if found != rows {
                let said = format!("answered {found} predictions for {}", words::rows(rows as u64));
                return Err(Problem::new(said).hint("a model that is judged answers once for every row"));
            }
            let numbers = tensor.data.numbers().unwrap_or_default();
            if let Some(at) = numbers.iter().position(|value| !value.is_finite()) {
                let row = at / tensor.shape.get(1).copied().unwrap_or(1).max(1) + 1;
                return Err(Problem::new(format!(
                    "answered {} for row {row} of {rows}, which is no prediction",
                    numbers[at]
                )));
            }
        }
        Ok(outputs)
    }
}

/// A path below an address, its parts as they are.
fn below(base: &Url, parts: &[&str]) -> Url {
    let mut url = base.clone();
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty().extend(parts);
    }
    url
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::{Cells, Data, Tensor};

    fn batch() -> Batch {
        let columns = vec![
            ("age".to_owned(), Cells::Float(vec![31.5, f64::NAN])),
            ("job".to_owned(), Cells::Text(vec![Some("a\"b".into()), None])),
        ];
        Batch { first: 0, rows: 2, columns }
    }

    fn body(protocol: &Protocol) -> String {
        String::from_utf8(protocol.body(&batch()).unwrap()).unwrap()
    }

    #[test]
    fn rows_are_sent_as_each_protocol_has_them() {
        assert_eq!(
            body(&Protocol::Mlflow),
            r#"{"dataframe_split":{"columns":["age","job"],"data":[[31.5,"a\"b"],[null,null]]}}"#
        );
        let template = |rows: Rows| {
            let request = r#"{"instances": {{rows}}}"#.to_owned();
            Protocol::Json(Template { request, rows, predictions: "/p".into(), scores: None })
        };
        assert_eq!(
            body(&template(Rows::Records)),
            r#"{"instances": [{"age":31.5,"job":"a\"b"},{"age":null,"job":null}]}"#
        );
        assert_eq!(body(&template(Rows::Arrays)), r#"{"instances": [[31.5,"a\"b"],[null,null]]}"#);
    }

    fn read(text: &str) -> Result<Vec<Output>, String> {
        Protocol::Mlflow.read(text.as_bytes(), 2).map_err(|problem| problem.message)
    }

    fn tensor_of(shape: &[usize], data: Data) -> Output {
        Output::Tensor(Tensor { name: "predictions".into(), shape: shape.to_vec(), data })
    }

    #[test]
    fn answers_are_read_by_what_they_are() {
        assert_eq!(read(r#"{"predictions": [0, 1]}"#).unwrap(), [tensor_of(&[2], Data::Int64(vec![0, 1]))]);
        assert_eq!(read(r#"{"predictions": [0.5, 1]}"#).unwrap(), [tensor_of(&[2], Data::Float64(vec![0.5, 1.0]))]);
        let nested = tensor_of(&[2, 2], Data::Float64(vec![0.0, 1.0, 0.5, 0.5]));
        assert_eq!(read(r#"{"predictions": [[0, 1], [0.5, 0.5]]}"#).unwrap(), [nested]);
        let maps = read(r#"{"predictions": [{"label": "a", "p": 0.5}, {"label": "b", "p": 1}]}"#).unwrap();
        assert_eq!(maps.iter().map(Output::name).collect::<Vec<_>>(), ["label", "p"]);
    }

    #[test]
    fn what_is_no_answer_is_said() {
        let wrong = |text: &str| read(text).unwrap_err();
        assert_eq!(wrong(r#"{"predictions": [0.5]}"#), "answered 1 predictions for 2 rows");
        assert_eq!(wrong(r#"{"predictions": [0.5, NaN]}"#), r#"answered NaN or Infinity: {"predictions": [0.5, NaN]}"#);
        assert_eq!(
            wrong(r#"{"predictions": [0.5, null]}"#),
            "answered null for row 2 in `predictions`, which is no prediction"
        );
        assert_eq!(
            wrong(r#"{"predictions": [0.5, "x"]}"#),
            "answered a text for row 2 in `predictions`, which is no prediction"
        );
        assert_eq!(wrong(r#"{"predictions": [{}, {}]}"#), "answered no prediction for 2 rows");
        assert_eq!(wrong(r#"{"predictions": [[], []]}"#), "answered no prediction in `predictions` for 2 rows");
        assert_eq!(wrong(r#"{"predictions": []}"#), "answered no prediction in `predictions` for 2 rows");
        assert_eq!(wrong(r#"{"predictions": 3}"#), "answered a number where its predictions should be");
        assert_eq!(wrong(r#"{"error": "x"}"#), "answered without `predictions`: it has `error`");
        assert!(wrong(r#"{"predictions": [0.5, "#).starts_with("answered what is no JSON"));
        assert!(wrong(r#"{"predictions": [[1], [1, 2]]}"#).contains("something else for row 2"));
    }

    #[test]
    fn an_open_inference_answer_keeps_its_shape() {
        let protocol = Protocol::OpenInference(OpenInference::new(
            "m".into(),
            TableInfo { columns: vec![], rows: 0, files: vec![] },
            None,
            vec![],
        ));
        let text =
            r#"{"outputs": [{"name": "p", "datatype": "FP32", "shape": [2, 2], "data": [[0.5, 0.5], [0.25, 0.75]]}]}"#;
        let Output::Tensor(tensor) = &protocol.read(text.as_bytes(), 2).unwrap()[0] else { panic!() };
        assert_eq!((tensor.shape.as_slice(), tensor.data.len()), ([2, 2].as_slice(), 4));
        let lie = r#"{"outputs": [{"name": "p", "datatype": "FP32", "shape": [2, 2], "data": [0.5]}]}"#;
        assert!(protocol.read(lie.as_bytes(), 2).unwrap_err().message.contains("1 values in `p`"));
    }
}
