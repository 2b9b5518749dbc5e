//! Which table a model is asked about, and which of its columns.

use super::Room;
use crate::data::table::{Column, Role, TableInfo};
use crate::engine::{self, Source};
use crate::runtime::Batch;
use crate::runtime::features::usual;
use crate::runtime::run_plan::RunPlan;
use crate::support::problem::Problem;

/// The columns of a table of predictions, or of the run, that no model is fed with.
pub fn not_features(room: &Room<'_, '_>) -> Vec<String> {
    let names = room.names;
    let mut all: Vec<String> =
        [Some(&names.label), Some(&names.prediction), names.score.as_ref(), names.weight.as_ref()]
            .into_iter()
            .chain([names.key.as_ref(), Some(&names.latency)])
            .flatten()
            .cloned()
            .collect();
    all.extend(room.target.into_iter().chain(room.timestamp).map(ToOwned::to_owned));
    all.push("score".into());
    let scored = room.tables.get(&Role::Predictions).and_then(|table| table.as_ref().ok());
    let scored = scored.into_iter().flat_map(|table| &table.columns).map(|Column { name, .. }| name);
    all.extend(scored.filter(|name| name.starts_with("score_")).cloned());
    all
}

/// Whether any label is a class of the model, where it has several.
pub fn meets(labels: &Batch, classes: &[String]) -> bool {
    let same = |label: &str, class: &str| match label {
        "true" => matches!(class, "1" | "true" | "True"),
        "false" => matches!(class, "0" | "false" | "False"),
        label => label == class,
    };
    let is_class = |label: &str| classes.iter().any(|class| same(label, class));
    classes.len() < 2 || labels.columns.iter().any(|(_, cells)| (0..labels.rows).any(|row| is_class(&cells.shown(row))))
}

/// The first table that has the features, and which they are.
pub fn tables_for<'t>(
    tables: &[(Role, &'t TableInfo)],
    plan: &RunPlan,
    others: &[&str],
) -> Option<(Role, &'t TableInfo, Vec<String>)> {
    // A table of predictions rarely has them; the test table is whole.
    let (role, table) = tables.iter().rev().find(|(role, table)| match &plan.features {
        Some(named) => named.columns().iter().all(|column| table.column(column).is_some()),
        None => *role == Role::Test || tables.len() == 1,
    })?;
    let features = match &plan.features {
        Some(named) => named.columns().into_iter().cloned().collect(),
        None => usual(table, others),
    };
    Some((*role, table, features))
}

/// The first rows of a table.
pub fn first_rows(source: &Source, columns: &[String], rows: usize) -> Result<Batch, Problem> {
    let mut found = None;
    let ended = engine::batches(source, columns, rows.max(1), |slice| {
        found = Some(slice.batch(columns)?);
        Err(Problem::new("enough"))
    });
    match (found, ended) {
        (Some(batch), _) => Ok(batch),
        (None, Err(problem)) => Err(problem),
        (None, Ok(())) => Err(Problem::new("there is no row to ask about")),
    }
}
