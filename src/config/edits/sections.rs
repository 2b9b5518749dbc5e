//! What stands beside the entries, key by key: what a proposal changes there, and whose word counts.
//!
//! Both follow from the sections' own types. A key that is added to a section is compared because it is serialized, and
//! is the base's because [`held`] takes everything from there that it does not name.

use std::collections::BTreeMap;

use serde_yaml::Value;

use super::said::said;
use super::{Edit, Kind};
use crate::checks::check::Gate;
use crate::config::model::PredictionsSection;
use crate::config::running::EndpointSection;
use crate::config::{Config, DataSection, ModelSection};
use crate::support::words::code;

/// The setting that holds the baseline, which is named as a whole.
const BASELINE: &str = "model.baseline";

/// Returns every difference between the sections of the two configs.
pub fn sections(base: &Config, head: &Config) -> Vec<Edit> {
    let (from, to) = (leaves(base), leaves(head));
    let has_model_gate = base.entries.iter().any(|entry| entry.check.gate == Gate::Model);
    // A model gate that the base does not have moves nothing, and whom only the proposal tells is told nothing.
    let counts = |name: &str| match name.split('.').next() {
        Some("model") => has_model_gate,
        Some("notify") => from.contains_key(name),
        _ => !base.entries.is_empty(),
    };
    let mut edits = Vec::new();
    let names = from.keys().chain(to.keys().filter(|name| !from.contains_key(*name)));
    let mut differing: Vec<&String> = names.filter(|name| from.get(*name) != to.get(*name) && counts(name)).collect();
    differing.sort();
    let shown = |config: &Config| config.model.baseline.as_ref().map(|baseline| code(&baseline.said()));
    let (old, new) = (shown(&normal(base)), shown(&normal(head)));
    if old != new && differing.iter().any(|name| name.starts_with(BASELINE)) {
        differing.retain(|name| !name.starts_with(BASELINE));
        edits.push(changed(BASELINE, old, new));
    }
    edits.extend(differing.into_iter().map(|name| changed(name, from.get(name).map(said), to.get(name).map(said))));
    edits
}

/// Returns the sections that count where the base branch has its say.
///
/// Where the proposal's own tables and model are stays its own. What checks of its own may need and the base does not
/// name at all (a reference, a baseline, features) it may bring. Everything else is the base's, also where that is nothing.
pub fn held(base: Config, head: Config) -> Config {
    let has_model_gate = base.entries.iter().any(|entry| entry.check.gate == Gate::Model);
    Config {
        data: held_data(base.data, head.data),
        model: if has_model_gate { held_model(base.model, head.model) } else { head.model },
        entries: head.entries,
        not_configured: head.not_configured,
        is_partial: base.is_partial || head.is_partial,
        notify: base.notify,
        rollout: base.rollout,
        log_entries: base.log_entries,
    }
}

fn held_data(base: DataSection, head: DataSection) -> DataSection {
    DataSection { path: head.path, reference: base.reference.or(head.reference), test: base.test.or(head.test), ..base }
}

fn held_model(base: ModelSection, head: ModelSection) -> ModelSection {
    let path = head.predictions.and_then(|predictions| predictions.path);
    let predictions = match (base.predictions, path) {
        (Some(columns), path) => Some(PredictionsSection { path, ..columns }),
        (None, Some(path)) => Some(PredictionsSection { path: Some(path), ..PredictionsSection::default() }),
        (None, None) => None,
    };
    let endpoint = match (base.endpoint, head.endpoint) {
        (Some(base), Some(head)) => Some(EndpointSection { url: head.url, ..base }),
        (None, head) => head,
        (Some(_), None) => None,
    };
    // A baseline's alias is one of the model that is named beside it.
    let name = if base.baseline.is_some() { base.name.or(head.name) } else { head.name };
    ModelSection {
        name,
        predictions,
        endpoint,
        version: head.version,
        metrics: head.metrics,
        artifact: head.artifact,
        baseline: base.baseline.or(head.baseline),
        features: base.features.or(head.features),
        classes: base.classes.or(head.classes),
        outputs: base.outputs.or(head.outputs),
        ..base
    }
}

/// Every value of the sections, by its path; what is empty is not there.
fn leaves(config: &Config) -> BTreeMap<String, Value> {
    let config = normal(config);
    let mut found = BTreeMap::new();
    // Texts, numbers and lists into memory: there is nothing that could fail.
    flatten("data", serde_yaml::to_value(&config.data).unwrap_or_default(), &mut found);
    flatten("model", serde_yaml::to_value(&config.model).unwrap_or_default(), &mut found);
    flatten("notify", serde_yaml::to_value(&config.notify).unwrap_or_default(), &mut found);
    found
}

/// The config with what is left out of a baseline written out.
fn normal(config: &Config) -> Config {
    let mut config = config.clone();
    if let Some(mlflow) = config.model.baseline.as_mut().and_then(|baseline| baseline.mlflow.as_mut()) {
        mlflow.name = mlflow.name.take().or_else(|| config.model.name.clone());
    }
    config
}

fn flatten(path: &str, value: Value, found: &mut BTreeMap<String, Value>) {
    match value {
        Value::Null => {}
        Value::Sequence(list) if list.is_empty() => {}
        Value::Mapping(map) => {
            for (key, value) in map {
                let key = key.as_str().map_or_else(|| said(&key), ToOwned::to_owned);
                flatten(&format!("{path}.{key}"), value, found);
            }
        }
        value => drop(found.insert(path.to_owned(), value)),
    }
}

fn changed(name: &str, from: Option<String>, to: Option<String>) -> Edit {
    Edit { kind: Kind::Changed, rule: code(name), setting: None, from, to, at: None }
}

#[cfg(test)]
mod tests;
