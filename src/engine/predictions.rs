//! Accumulators over a table of predictions: counts of label and prediction, rows in short, sorted values.

mod confusion;
mod interner;
mod rows;
mod slices;
mod sorted;

pub use confusion::Met;
pub use rows::Collected;
pub use sorted::Sorted;

use polars::prelude::*;

use super::cells::Cells;
use crate::support::problem::Problem;
use crate::support::words::{code, count};

/// The most classes a label may have.
pub const MOST_CLASSES: usize = 1000;
/// The most slices.
pub const MOST_SLICES: usize = 1000;

/// The first row, by its number, that is not what it should be, and what is wrong there.
#[derive(Debug, Clone, Default)]
struct Wrong(Option<(u64, String)>);

impl Wrong {
    fn note(&mut self, row: u64, what: impl FnOnce() -> String) {
        if self.0.as_ref().is_none_or(|(first, _)| row < *first) {
            self.0 = Some((row, what()));
        }
    }

    fn merge(&mut self, other: Self) {
        if let Some((row, what)) = other.0 {
            self.note(row, || what);
        }
    }

    /// # Errors
    /// There is such a row.
    fn check(self) -> Result<(), Problem> {
        match self.0 {
            Some((row, what)) => {
                let problem = Problem::new(format!("{what} in row {}", count(row + 1)));
                Err(if what.contains("a fraction") {
                    problem.hint("probabilities belong into `score`; of numbers there are `rmse`, `mae`, `mape`, `median_ae`, `r2`")
                } else {
                    problem
                })
            }
            None => Ok(()),
        }
    }
}

/// The values of a column of numbers; what is missing or infinite is wrong.
fn numbers(column: &Series, first_row: u64, wrong: &mut Wrong) -> PolarsResult<Vec<f64>> {
    let name = column.name().as_str();
    let mut all = Vec::with_capacity(column.len());
    let mut push = |value: Option<f64>| {
        let row = first_row + all.len() as u64;
        match value {
            Some(value) if value.is_finite() => {}
            Some(value) if value.is_infinite() => wrong.note(row, || format!("{} is infinite", code(name))),
            _ => wrong.note(row, || format!("{} is missing", code(name))),
        }
        all.push(value.unwrap_or(f64::NAN));
    };
    match Cells::of(column)? {
        Cells::Whole(values, scale) => {
            values.iter().for_each(|value| push(value.map(|value| scale.value(value.into()))));
        }
        Cells::Wide(values, scale) => values.iter().for_each(|value| push(value.map(|value| scale.value(value)))),
        Cells::Float(values) => values.iter().for_each(push),
        Cells::Boolean(_) | Cells::Text(_) | Cells::Other(_) => (0..column.len()).for_each(|_| push(None)),
    }
    Ok(all)
}

/// Weights: numbers from 0 up.
fn weights(column: &Series, first_row: u64, wrong: &mut Wrong) -> PolarsResult<Vec<f64>> {
    let all = numbers(column, first_row, wrong)?;
    if let Some(row) = all.iter().position(|weight| *weight < 0.0) {
        wrong.note(first_row + row as u64, || format!("{} is a weight below 0", code(column.name())));
    }
    Ok(all)
}
