//! What scikit-learn, LightGBM, XGBoost and CatBoost say of tests/data/onnx, their exports say through mlgate too:
//! tests/oracle/onnx.json.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use mlgate::data::table::csv::Csv;
use mlgate::data::table::files;
use mlgate::engine;
use mlgate::runtime::answers::{self, Known, Predicted};
use mlgate::runtime::features::{Named, feeds};
use mlgate::runtime::onnx::{Artifact, Means};
use mlgate::support::workspace::Workspace;
use serde_json::Value;

use crate::onnx::library;
use crate::world::{BINARY, root};

/// What no gate believes: the export's scores are none, by scikit-learn's own word.
const NO_SCORES: [&str; 5] = ["svc", "svc_linear_raw", "lr3_raw", "torch_logits", "torch_logit"];
/// Types that mlgate says it does not take.
const NOT_TAKEN: [&str; 2] = ["half", "half_output"];

#[test]
fn every_export_says_what_its_model_says() {
    let oracle: Value =
        serde_json::from_str(&fs::read_to_string(root().join("tests/oracle/onnx.json")).unwrap()).unwrap();
    let cases = oracle["cases"].as_array().unwrap();
    let wrong: Vec<String> = cases.iter().filter_map(|case| check(case).err()).collect();
    assert!(wrong.is_empty(), "{} of {} differ:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
    assert!(cases.len() > 80, "only {} cases", cases.len());
}

fn check(case: &Value) -> Result<(), String> {
    let model = case["model"].as_str().unwrap();
    let name = model.trim_start_matches("onnx/").trim_end_matches(".onnx");
    let (found, refused) = match (predict(case), NO_SCORES.contains(&name) || NOT_TAKEN.contains(&name)) {
        (Ok(found), false) => (found, false),
        (Err(_), true) => return Ok(()),
        (Err(why), false) => return Err(format!("{name}: {why}")),
        (Ok(found), true) => (found, true),
    };
    if refused {
        return Err(format!("{name} should have been refused, and says {found:?}"));
    }
    compare(case, &found).map_err(|why| format!("{name}: {why}"))
}

/// What mlgate gets out of the model for the first 50 rows.
fn predict(case: &Value) -> Result<Predicted, String> {
    let data = |name: &str| root().join("tests/data").join(name);
    let path = data(case["model"].as_str().unwrap());
    let said = |problem: mlgate::support::problem::Problem| problem.to_string();
    let means = Means {
        library: library(),
        loader_path: None,
        memory: 4_000_000_000,
        timeout: Duration::from_mins(1),
        program: PathBuf::from(BINARY),
    };
    let artifact = Artifact { shown: "model.onnx".into(), path, means };
    let here = Workspace::command_line();
    let mut onnx = artifact.load(1, &here).map_err(|failure| failure.to_string())?.map_err(said)?;
    let table = data(case["table"].as_str().unwrap());
    let found = files::find(table.to_str().unwrap(), &here).map_err(|failure| failure.to_string())?;
    let source = engine::open(found, Csv { delimiter: b',', ..Csv::default() }).map_err(said)?;
    let texts = |value: &Value| -> Vec<String> {
        value.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
    };
    let named = match &case["inputs"] {
        Value::Object(map) if map.values().any(|columns| columns.as_array().unwrap().len() > 1) => {
            Some(Named::ByInput(map.iter().map(|(input, columns)| (input.clone(), texts(columns))).collect()))
        }
        // In that table they stand in another order, beside others.
        inputs if case["table"].as_str().unwrap().ends_with("two_text.csv") => Some(Named::All(texts(inputs))),
        // The names alone must do.
        _ => None,
    };
    let feeds = feeds(&onnx.inputs, source.info(), named.as_ref(), &["label"], &["label"]).map_err(said)?;
    let is_binary = case["classes"].as_array().is_some_and(|classes| classes.len() == 2);
    let is_lone = ["complement", "sigmoid"].iter().any(|lone| case["apply"] == **lone);
    let known = Known {
        hints: onnx.classes.clone(),
        positive: (is_binary && is_lone).then(|| "1".to_owned()),
        ..Known::default()
    };
    let columns = feeds.columns();
    let mut all: Option<Predicted> = None;
    let rows = feeds.batch.unwrap_or(25);
    let ended = engine::batches(&source, &columns, rows, |slice| {
        if slice.rows() < rows {
            return Ok(());
        }
        let batch = slice.batch(&columns)?;
        let outputs = onnx.predict(feeds.tensors(&batch)?, batch.rows)?;
        let predicted = answers::Reader::new(known.clone()).read(&outputs, batch.rows)?;
        match &mut all {
            None => all = Some(predicted),
            Some(all) => all.append(predicted),
        }
        Ok(())
    });
    ended.map_err(said)?;
    all.ok_or_else(|| "nothing was predicted".into())
}

fn compare(case: &Value, found: &Predicted) -> Result<(), String> {
    // Where the export itself is another model than the one it was made of, the library's own answer must do.
    let wanted = if case["tolerance"].is_null() { &case["onnxruntime"] } else { &case["native"] };
    let tolerance = case["tolerance"].as_f64().unwrap_or(1e-6) + 5e-9;
    let labels = wanted["label"].as_array().cloned().unwrap_or_default();
    let scores = wanted["scores"].as_array().cloned().unwrap_or_default();
    let near = |wanted: &Value, found: f64| match wanted.as_f64() {
        Some(wanted) => (wanted - found).abs() <= tolerance * wanted.abs().max(1.0),
        None => found.is_nan(),
    };
    if case["task"] == "regression" {
        for (row, wanted) in scores.iter().enumerate() {
            let wanted = wanted.as_array().map_or(wanted, |row| &row[0]);
            let value: f64 = found.prediction.name(row).parse().unwrap();
            if !near(wanted, value) {
                return Err(format!("row {row} is {value}, not {wanted}"));
            }
        }
        return if scores.len() == 50 { Ok(()) } else { Err("too few rows".into()) };
    }
    let mut different = 0;
    for (row, label) in labels.iter().enumerate() {
        let label = label.as_str().map_or_else(|| label.to_string(), ToOwned::to_owned);
        let said = match found.prediction.name(row).as_str() {
            "0" if label == "false" => "false".to_owned(),
            "1" if label == "true" => "true".to_owned(),
            said => said.to_owned(),
        };
        different += usize::from(label != said);
    }
    if different > 0 {
        return Err(format!("{different} labels differ: {:?}, not {labels:?}", found.prediction));
    }
    if case["model"] == "onnx/label_only.onnx" {
        return if found.scores.is_empty() { Ok(()) } else { Err("it has no scores".into()) };
    }
    let classes: Vec<String> = case["classes"].as_array().unwrap().iter().map(class).collect();
    for (at, name) in found.classes.iter().enumerate() {
        let is_lone = found.classes.len() == 1;
        let column =
            if is_lone { 1 } else { classes.iter().position(|own| own == name).ok_or(format!("no class {name}"))? };
        for (row, wanted) in scores.iter().enumerate() {
            // The library's own answer of a lone score has but that.
            let row_of = wanted.as_array().unwrap();
            let wanted = row_of.get(column).or_else(|| row_of.last()).unwrap();
            if !near(wanted, found.scores[at][row]) {
                return Err(format!("the score of {name} in row {row} is {}, not {wanted}", found.scores[at][row]));
            }
        }
    }
    if scores.len() == 50 && !found.classes.is_empty() { Ok(()) } else { Err("too few rows or classes".into()) }
}

fn class(class: &Value) -> String {
    match class {
        Value::Bool(value) => i32::from(*value).to_string(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
