//! On what terms a model is run.

use std::time::Duration;

use crate::config::ModelSection;
use crate::config::running::{EndpointSection, Features, is_runnable};
use crate::runtime::features::Named;
use crate::runtime::onnx;
use crate::support::limit::{Finite, Plain};

/// A model that is run, and on what terms.
#[derive(Debug, Clone, Default)]
pub struct RunPlan {
    /// The model's name, as servers may know it.
    pub name: Option<String>,
    /// Path of an ONNX file.
    pub artifact: Option<String>,
    pub endpoint: Option<EndpointSection>,
    /// Whether the config names the label's column, which then is not the target.
    pub names_label: bool,
    /// Whether its predictions of the test table stand in for recorded ones.
    pub makes_predictions: bool,
    pub features: Option<Named>,
    pub classes: Option<Vec<String>>,
    pub prediction_output: Option<String>,
    pub scores_output: Option<String>,
    pub batch_rows: Option<usize>,
    /// Bytes of its process.
    pub memory: u64,
    /// For loading, and for each batch.
    pub timeout: Duration,
}

impl RunPlan {
    pub fn new(section: &ModelSection, artifact: Option<&str>, makes_predictions: bool) -> Self {
        let run = section.run.clone().unwrap_or_default();
        let outputs = section.outputs.clone().unwrap_or_default();
        Self {
            name: section.name.clone(),
            artifact: artifact.filter(|path| is_runnable(path)).map(ToOwned::to_owned),
            endpoint: section.endpoint.clone(),
            names_label: section.predictions.as_ref().is_some_and(|predictions| predictions.label.is_some()),
            makes_predictions,
            features: section.features.clone().map(|Features(named)| named),
            classes: section.classes.clone().map(|classes| classes.into_iter().map(|Plain(class)| class).collect()),
            prediction_output: outputs.prediction,
            scores_output: outputs.scores,
            batch_rows: run.batch_rows.map(|rows| rows as usize),
            memory: run.memory_mb.map_or(onnx::MEMORY, |Finite(megabytes)| (megabytes * 1e6) as u64),
            timeout: run.timeout_seconds.map_or(onnx::TIMEOUT, |Finite(seconds)| Duration::from_secs_f64(seconds)),
        }
    }
}
