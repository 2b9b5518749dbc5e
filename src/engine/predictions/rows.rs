//! The columns of a predictions table in short: what orders and resamples rows needs them all.

use std::sync::Arc;

use polars::prelude::*;

use super::confusion::{classes, numbered};
use super::interner::Interner;
use super::slices::Slices;
use super::{MOST_CLASSES, Wrong, numbers, weights};
use crate::data::statistic::{Value, Wanted};
use crate::engine::accumulate::{Accumulator, Batch, Step, same};
use crate::engine::rowhash;
use crate::stats::predictions::{Column, Reading, Rows, Scores};
use crate::support::problem::Problem;
use crate::support::words::code;

pub struct Collected {
    wanted: Wanted,
    classes: Interner,
    slices: Slices,
    parts: Vec<Part>,
    wrong: Wrong,
    epsilon: Vec<f64>,
}

/// One batch.
struct Part {
    first_row: u64,
    label: Column,
    prediction: Column,
    scores: Vec<Vec<f64>>,
    weight: Vec<f64>,
    slice: Vec<u16>,
    key: Vec<u128>,
    about: Vec<u64>,
}

impl Collected {
    pub fn new(wanted: &Wanted) -> Self {
        Self {
            wanted: wanted.clone(),
            classes: Interner::new(MOST_CLASSES),
            slices: Slices::new(&wanted.by),
            parts: Vec::new(),
            wrong: Wrong::default(),
            epsilon: vec![f64::EPSILON; wanted.scores.len()],
        }
    }

    fn read(&mut self, column: &Series, first_row: u64) -> PolarsResult<Column> {
        Ok(match self.wanted.reading {
            Reading::Classes => Column::Classes(numbered(&mut self.classes, column, first_row, &mut self.wrong)?),
            Reading::Numbers => Column::Numbers(numbers(column, first_row, &mut self.wrong)?),
        })
    }

    fn rows(mut self) -> Result<Rows, Problem> {
        self.wrong.check()?;
        self.parts.sort_by_key(|part| part.first_row);
        let (classes, class) = classes(&self.classes, &self.wanted.label)?;
        let (slices, slice) = self.slices.sorted()?;
        let mut rows = Rows { classes: Arc::new(classes), slices, ..Rows::default() };
        let scores = self.wanted.scores.iter().zip(&self.epsilon);
        rows.scores = scores
            .map(|((class, column), epsilon)| Scores {
                column: column.clone(),
                class: class.clone(),
                values: Vec::new(),
                epsilon: *epsilon,
            })
            .collect();
        let (mut weight, mut key) = (Vec::new(), Vec::new());
        if self.wanted.reading == Reading::Numbers {
            (rows.label, rows.prediction) = (Column::Numbers(Vec::new()), Column::Numbers(Vec::new()));
        }
        let total = self.parts.iter().map(|part| part.label.len()).sum();
        rows.label.reserve(total);
        rows.scores.iter_mut().for_each(|scores| scores.values.reserve_exact(total));
        for part in self.parts {
            append(&mut rows.label, part.label, &class);
            append(&mut rows.prediction, part.prediction, &class);
            rows.scores.iter_mut().zip(part.scores).for_each(|(all, scores)| all.values.extend(scores));
            weight.extend(part.weight);
            rows.slice.extend(part.slice.into_iter().map(|id| slice[usize::from(id)]));
            key.extend(part.key);
            rows.about.extend(part.about);
        }
        rows.weight = self.wanted.weight.is_some().then_some(weight);
        rows.key = self.wanted.key.is_some().then_some(key);
        Ok(rows)
    }
}

/// The column as values that mean the same in another table: decimals of any scale as text, times of any
/// unit in nanoseconds.
fn comparable(column: &Series) -> PolarsResult<Series> {
    let unit = match column.dtype() {
        DataType::Decimal(..) => return column.cast(&DataType::String),
        DataType::Datetime(unit, _) | DataType::Duration(unit) => unit,
        _ => return rowhash::physical(column),
    };
    let nanoseconds: i128 = match unit {
        TimeUnit::Milliseconds => 1_000_000,
        TimeUnit::Microseconds => 1_000,
        TimeUnit::Nanoseconds => 1,
    };
    let values = column.to_physical_repr().cast(&DataType::Int128)?;
    Ok(values.i128()?.apply_values(|value| value * nanoseconds).into_series())
}

fn append(all: &mut Column, part: Column, class: &[u16]) {
    match (all, part) {
        (Column::Classes(all), Column::Classes(part)) => {
            all.extend(part.into_iter().map(|id| class[usize::from(id)]));
        }
        (Column::Numbers(all), Column::Numbers(part)) => all.extend(part),
        _ => {}
    }
}

fn renumber(column: &mut Column, class: &[u16]) {
    if let Column::Classes(ids) = column {
        // What is wrong has no number, and ends in its problem.
        ids.iter_mut().for_each(|id| *id = class.get(usize::from(*id)).copied().unwrap_or(*id));
    }
}

impl Accumulator for Collected {
    fn twin(&self) -> Box<dyn Accumulator> {
        Box::new(Self::new(&self.wanted))
    }

    fn fold(&mut self, batch: &Batch) -> PolarsResult<()> {
        let column = |name: &str| Ok::<_, PolarsError>(batch.frame.column(name)?.as_materialized_series());
        let wanted = self.wanted.clone();
        let label = self.read(column(&wanted.label)?, batch.first_row)?;
        let prediction = match &wanted.prediction {
            Some(name) => self.read(column(name)?, batch.first_row)?,
            None => Column::default(),
        };
        let mut scores = Vec::with_capacity(wanted.scores.len());
        for (at, (_, name)) in wanted.scores.iter().enumerate() {
            let column = column(name)?;
            if *column.dtype() == DataType::Float32 {
                self.epsilon[at] = f32::EPSILON.into();
            }
            scores.push(numbers(column, batch.first_row, &mut self.wrong)?);
        }
        let weight = match &wanted.weight {
            Some(name) => weights(column(name)?, batch.first_row, &mut self.wrong)?,
            None => Vec::new(),
        };
        let slice = self.slices.numbers(&batch.frame)?;
        let mut key = Vec::new();
        if let Some(name) = &wanted.key {
            let key_column = column(name)?.clone();
            if let Some(row) = key_column.is_null().iter().position(|null| null == Some(true)) {
                self.wrong.note(batch.first_row + row as u64, || format!("the key {} is missing", code(name)));
            }
            // Two hashes of 64 bits, the second of the first and the value.
            let (mut low, mut high) = (Vec::new(), Vec::new());
            let values = comparable(&key_column)?;
            rowhash::hash_rows(std::slice::from_ref(&values), &mut low)?;
            rowhash::hash_rows(&[values.clone(), values], &mut high)?;
            key = low.into_iter().zip(high).map(|(low, high)| u128::from(high) << 64 | u128::from(low)).collect();
        }
        let mut about = Vec::new();
        if !wanted.about.is_empty() {
            let columns: Vec<Series> =
                wanted.about.iter().map(|name| comparable(column(name)?)).collect::<PolarsResult<_>>()?;
            rowhash::hash_rows(&columns, &mut about)?;
        }
        if self.wrong.0.is_none() {
            let first_row = batch.first_row;
            self.parts.push(Part { first_row, label, prediction, scores, weight, slice, key, about });
        }
        Ok(())
    }

    fn merge(&mut self, twin: Box<dyn Accumulator>) {
        let twin = same::<Self>(twin);
        self.wrong.merge(twin.wrong);
        let class = self.classes.merge(twin.classes);
        let slice = self.slices.merge(twin.slices);
        self.epsilon.iter_mut().zip(twin.epsilon).for_each(|(mine, theirs)| *mine = mine.max(theirs));
        for mut part in twin.parts {
            renumber(&mut part.label, &class);
            renumber(&mut part.prediction, &class);
            part.slice.iter_mut().for_each(|id| *id = slice[usize::from(*id)]);
            self.parts.push(part);
        }
    }

    fn finish(self: Box<Self>) -> Step {
        Step::Done(self.rows().map(|rows| Value::Rows(Arc::new(rows))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_instant_is_one_key_in_any_unit_and_no_other_is() {
        let hashes = |unit: TimeUnit, instant: i64| {
            let column = Series::new("at".into(), [instant]).cast(&DataType::Datetime(unit, None)).unwrap();
            let mut hashes = Vec::new();
            rowhash::hash_rows(&[comparable(&column).unwrap()], &mut hashes).unwrap();
            hashes
        };
        assert_eq!(hashes(TimeUnit::Milliseconds, 5), hashes(TimeUnit::Microseconds, 5_000));
        assert_eq!(hashes(TimeUnit::Microseconds, 5_000), hashes(TimeUnit::Nanoseconds, 5_000_000));
        assert_ne!(hashes(TimeUnit::Milliseconds, 5), hashes(TimeUnit::Microseconds, 5));
    }
}
