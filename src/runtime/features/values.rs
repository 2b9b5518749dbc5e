//! Columns as the values of a model's inputs.

use crate::runtime::{Batch, Cells};
use crate::support::problem::Problem;
use crate::support::words::code;

/// Why a column cannot become an input.
pub enum Unfit {
    /// All of it: its type.
    Kind(&'static str),
    Row(usize, String),
}

/// Column by column in, row by row out.
pub fn woven<T: Clone + Default>(
    columns: &[(&String, &Cells)],
    batch: &Batch,
    read: impl Fn(&Cells) -> Result<Vec<T>, Unfit>,
) -> Result<Vec<T>, Problem> {
    let width = columns.len();
    let mut all = vec![T::default(); if width == 1 { 0 } else { batch.rows * width }];
    for (at, (name, cells)) in columns.iter().enumerate() {
        let values = read(cells).map_err(|unfit| match unfit {
            Unfit::Kind(wanted) => {
                Problem::new(format!("{} holds {}, and the model takes {wanted}", code(name), cells.kind()))
                    .hint("give the model what it was trained on, or name its features: `model.features`")
            }
            Unfit::Row(row, what) => {
                let row = batch.first + row as u64 + 1;
                Problem::new(format!("{} in row {row} {what}", code(name)))
                    .hint("prepare the table as the training table was")
            }
        })?;
        if width == 1 {
            return Ok(values);
        }
        for (row, value) in values.into_iter().enumerate() {
            all[row * width + at] = value;
        }
    }
    Ok(all)
}

pub fn floats(cells: &Cells) -> Result<Vec<f64>, Unfit> {
    match cells {
        Cells::Float(values) => Ok(values.clone()),
        Cells::Integer(values) => Ok(values.iter().map(|value| value.map_or(f64::NAN, |value| value as f64)).collect()),
        Cells::Boolean(values) => {
            Ok(values.iter().map(|value| value.map_or(f64::NAN, |value| f64::from(u8::from(value)))).collect())
        }
        Cells::Text(_) | Cells::Other(_) => Err(Unfit::Kind("numbers")),
    }
}

const NO_MISSING: &str = "is missing, and the model's input has no way to say so";

pub fn integers(cells: &Cells) -> Result<Vec<i64>, Unfit> {
    let missing = |row: usize| Unfit::Row(row, NO_MISSING.into());
    match cells {
        Cells::Integer(values) => {
            values.iter().enumerate().map(|(row, value)| value.ok_or_else(|| missing(row))).collect()
        }
        Cells::Float(values) => {
            let whole = |(row, value): (usize, &f64)| {
                if value.is_nan() {
                    Err(missing(row))
                } else if value.fract() == 0.0 && value.abs() < 9.0e15 {
                    Ok(*value as i64)
                } else {
                    Err(Unfit::Row(row, format!("is {value}, and the model takes whole numbers")))
                }
            };
            values.iter().enumerate().map(whole).collect()
        }
        Cells::Boolean(values) => {
            values.iter().enumerate().map(|(row, value)| value.map(i64::from).ok_or_else(|| missing(row))).collect()
        }
        Cells::Text(_) | Cells::Other(_) => Err(Unfit::Kind("whole numbers")),
    }
}

pub fn booleans(cells: &Cells) -> Result<Vec<bool>, Unfit> {
    match cells {
        Cells::Boolean(values) => {
            let present =
                |(row, value): (usize, &Option<bool>)| value.ok_or_else(|| Unfit::Row(row, NO_MISSING.into()));
            values.iter().enumerate().map(present).collect()
        }
        Cells::Integer(_) | Cells::Float(_) => integers(cells)?
            .into_iter()
            .enumerate()
            .map(|(row, value)| match value {
                0 => Ok(false),
                1 => Ok(true),
                other => Err(Unfit::Row(row, format!("is {other}, and the model takes true and false"))),
            })
            .collect(),
        Cells::Text(_) | Cells::Other(_) => Err(Unfit::Kind("booleans")),
    }
}

/// Whole numbers are texts too where a file does not tell them apart: codes, post codes.
pub fn texts(cells: &Cells) -> Result<Vec<String>, Unfit> {
    fn all<T: ToString>(values: &[Option<T>]) -> Result<Vec<String>, Unfit> {
        let text = |(row, value): (usize, &Option<T>)| {
            value.as_ref().map(ToString::to_string).ok_or_else(|| Unfit::Row(row, NO_MISSING.into()))
        };
        values.iter().enumerate().map(text).collect()
    }
    match cells {
        Cells::Text(values) => all(values),
        Cells::Integer(values) => all(values),
        Cells::Float(_) | Cells::Boolean(_) | Cells::Other(_) => Err(Unfit::Kind("text")),
    }
}
