//! The rows of two tables of predictions, put side by side, and who was right where the other was wrong.

use std::collections::HashMap;
use std::sync::Arc;

use super::{Column, Rows};
use crate::stats::inference::{Estimate, kish, paired};
use crate::support::problem::Problem;
use crate::support::words::rows as rows_of;

/// The baseline's rows in the order of the candidate's, its classes numbered as theirs: found by key, or
/// else row by row.
///
/// # Errors
/// Keys that are not unique, other rows, other labels.
pub fn join(mine: &Rows, theirs: &Rows) -> Result<Rows, Problem> {
    let other = |what: String| {
        Problem::new(format!("the baseline's predictions are for other rows: {what}"))
            .hint("compare both models on the same rows, or give the baseline as a metrics file")
    };
    let order: Vec<usize> = match (&mine.key, &theirs.key) {
        (Some(mine), Some(theirs)) => {
            let places = places(theirs, "baseline")?;
            self::places(mine, "candidate")?;
            let unmet = mine.iter().filter(|key| !places.contains_key(key)).count() as u64;
            if unmet > 0 || mine.len() != theirs.len() {
                let (mine, theirs) = (rows_of(mine.len() as u64), rows_of(theirs.len() as u64));
                let unmet = rows_of(unmet);
                return Err(other(format!(
                    "{theirs}, where the candidate has {mine}, and the keys of {unmet} of the candidate are not in it"
                )));
            }
            mine.iter().filter_map(|key| places.get(key).copied()).collect()
        }
        _ if mine.len() != theirs.len() => {
            let (mine, theirs) = (rows_of(mine.len() as u64), rows_of(theirs.len() as u64));
            return Err(other(format!("{theirs}, where the candidate has {mine}")));
        }
        _ => {
            if let Some(row) = mine.about.iter().zip(&theirs.about).position(|(a, b)| a != b) {
                return Err(other(format!("row {} differs in a column that both have", row + 1))
                    .hint("set `model.predictions.key` to the column that tells rows apart"));
            }
            (0..mine.len()).collect()
        }
    };
    let mut rows = theirs.take(&order);
    align(&mut rows, mine);
    let differs = match (&mine.label, &rows.label) {
        (Column::Classes(a), Column::Classes(b)) => a.iter().zip(b).position(|(a, b)| a != b),
        (Column::Numbers(a), Column::Numbers(b)) => a.iter().zip(b).position(|(a, b)| a != b),
        _ => Some(0),
    };
    match differs {
        Some(row) => Err(other(format!("row {} has another label there", row + 1))),
        // The candidate's weights are the weights.
        None => Ok(Rows { weight: mine.weight.clone(), ..rows }),
    }
}

/// Makes the classes' numbers those of the candidate; a class that the candidate never met comes after.
fn align(theirs: &mut Rows, mine: &Rows) {
    let mut classes = mine.classes.to_vec();
    let map: Vec<u16> = theirs
        .classes
        .iter()
        .map(|class| {
            let at = classes.iter().position(|known| known == class).unwrap_or_else(|| {
                classes.push(class.clone());
                classes.len() - 1
            });
            at as u16
        })
        .collect();
    for column in [&mut theirs.label, &mut theirs.prediction] {
        if let Column::Classes(values) = column {
            values.iter_mut().for_each(|value| *value = map[usize::from(*value)]);
        }
    }
    theirs.classes = Arc::new(classes);
}

/// Where each key stands.
fn places(keys: &[u128], whose: &str) -> Result<HashMap<u128, usize>, Problem> {
    let mut places = HashMap::with_capacity(keys.len());
    for (row, key) in keys.iter().enumerate() {
        if let Some(first) = places.insert(*key, row) {
            return Err(Problem::new(format!(
                "rows {} and {} of the {whose}'s predictions have the same key",
                first + 1,
                row + 1
            ))
            .hint("a key tells rows apart: name another column, or several joined into one"));
        }
    }
    Ok(places)
}

/// Rows that only one of two models got right, candidate first.
pub struct Discordant {
    pub rows: [u64; 2],
    weight: [f64; 2],
    all: f64,
    squares: f64,
    count: u64,
}

impl Discordant {
    pub fn of(mine: &Rows, theirs: &Rows) -> Self {
        let mut met = Self { rows: [0; 2], weight: [0.0; 2], all: 0.0, squares: 0.0, count: mine.len() as u64 };
        let right = |rows: &Rows, row: usize| rows.label.classes()[row] == rows.prediction.classes()[row];
        for row in 0..mine.len() {
            let weight = mine.weight(row);
            met.all += weight;
            met.squares += weight * weight;
            let side = match (right(mine, row), right(theirs, row)) {
                (true, false) => 0,
                (false, true) => 1,
                _ => continue,
            };
            met.rows[side] += 1;
            met.weight[side] += weight;
        }
        met
    }

    /// The interval of the difference of their accuracies.
    pub fn tango(&self, confidence: f64) -> Estimate {
        let [candidate, baseline] = self.weight.map(|weight| weight / self.all);
        paired::tango(candidate, baseline, kish(self.all, self.squares), self.count, confidence)
    }
}
