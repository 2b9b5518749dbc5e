//! How often each label met each prediction, slice by slice: state that does not grow with the rows.

use polars::prelude::*;
use rustc_hash::FxHashMap;

use super::interner::{FRACTION, Fractions, Interner, MISSING};
use super::slices::Slices;
use super::{MOST_CLASSES, Wrong, weights};
use crate::data::statistic::Value;
use crate::engine::accumulate::{Accumulator, Batch, Step, same};
use crate::stats::metric::BINARY;
use crate::stats::predictions::{Cell, Confusion, Slicer};
use crate::support::problem::Problem;
use crate::support::words::{code, count};

pub struct Met {
    label: String,
    prediction: String,
    weight: Option<String>,
    by: Vec<Slicer>,
    classes: Interner,
    slices: Slices,
    /// By slice, label and prediction, 16 bits each.
    cells: FxHashMap<u64, Cell>,
    wrong: Wrong,
}

impl Met {
    pub fn new(label: &str, prediction: &str, weight: Option<&str>, by: &[Slicer]) -> Self {
        Self {
            label: label.to_owned(),
            prediction: prediction.to_owned(),
            weight: weight.map(ToOwned::to_owned),
            by: by.to_vec(),
            classes: Interner::new(MOST_CLASSES),
            slices: Slices::new(by),
            cells: FxHashMap::default(),
            wrong: Wrong::default(),
        }
    }

    fn confusion(self) -> Result<Confusion, Problem> {
        self.wrong.check()?;
        let (classes, class) = classes(&self.classes, &self.label)?;
        let (slices, slice) = self.slices.sorted()?;
        let mut cells: Vec<Cell> = self
            .cells
            .into_values()
            .map(|cell| Cell {
                slice: slice[cell.slice].into(),
                label: class[cell.label].into(),
                prediction: class[cell.prediction].into(),
                ..cell
            })
            .collect();
        cells.sort_by_key(|cell| (cell.slice, cell.label, cell.prediction));
        Ok(Confusion { classes, slices, cells })
    }
}

/// Class names in their order, and where each number went.
///
/// # Errors
/// There are too many.
pub fn classes(interner: &Interner, label: &str) -> Result<(Vec<String>, Vec<u16>), Problem> {
    if interner.is_full {
        let problem = format!(
            "{} and the predictions have over {} distinct values: they are no classes",
            code(label),
            count(MOST_CLASSES as u64)
        );
        return Err(Problem::new(problem).hint("of numbers there are `rmse`, `mae`, `mape`, `median_ae` and `r2`"));
    }
    let (mut names, mut places) = interner.sorted();
    // Of 0 and 1, false and true, both are classes, also where only one occurs.
    if let [only] = names.as_slice()
        && let Some(pair) = BINARY.iter().find(|pair| pair.contains(&only.as_str()))
    {
        places = vec![u16::from(only == pair[1])];
        names = pair.map(ToOwned::to_owned).to_vec();
    }
    Ok((names, places))
}

/// The numbers of a column's classes; what is missing or not whole is wrong.
pub fn numbered(interner: &mut Interner, column: &Series, first_row: u64, wrong: &mut Wrong) -> PolarsResult<Vec<u16>> {
    let numbers = interner.numbers(column, Fractions::Refused)?;
    if let Some(row) = numbers.iter().position(|number| *number >= FRACTION) {
        let what = if numbers[row] == MISSING { "is missing" } else { "is no class, but a fraction," };
        wrong.note(first_row + row as u64, || format!("{} {what}", code(column.name())));
    }
    Ok(numbers)
}

impl Accumulator for Met {
    fn twin(&self) -> Box<dyn Accumulator> {
        Box::new(Self::new(&self.label, &self.prediction, self.weight.as_deref(), &self.by))
    }

    fn fold(&mut self, batch: &Batch) -> PolarsResult<()> {
        let column = |name: &str| Ok::<_, PolarsError>(batch.frame.column(name)?.as_materialized_series());
        let label = numbered(&mut self.classes, column(&self.label)?, batch.first_row, &mut self.wrong)?;
        let prediction = numbered(&mut self.classes, column(&self.prediction)?, batch.first_row, &mut self.wrong)?;
        let weight =
            self.weight.as_ref().map(|name| weights(column(name)?, batch.first_row, &mut self.wrong)).transpose()?;
        let slice = self.slices.numbers(&batch.frame)?;
        if self.wrong.0.is_some() {
            return Ok(());
        }
        for (row, (label, prediction)) in label.into_iter().zip(prediction).enumerate() {
            let slice = slice.get(row).copied().unwrap_or(0);
            let weight = weight.as_ref().map_or(1.0, |weight| weight[row]);
            let key = u64::from(slice) << 32 | u64::from(label) << 16 | u64::from(prediction);
            let cell = self.cells.entry(key).or_insert(Cell {
                slice: slice.into(),
                label: label.into(),
                prediction: prediction.into(),
                ..Cell::default()
            });
            cell.rows += 1;
            cell.weight += weight;
            cell.squares += weight * weight;
        }
        Ok(())
    }

    fn merge(&mut self, twin: Box<dyn Accumulator>) {
        let twin = same::<Self>(twin);
        self.wrong.merge(twin.wrong);
        let class = self.classes.merge(twin.classes);
        let slice = self.slices.merge(twin.slices);
        for cell in twin.cells.into_values() {
            let slice = slice.get(cell.slice).copied().unwrap_or(0);
            let (label, prediction) = (class[cell.label], class[cell.prediction]);
            let key = u64::from(slice) << 32 | u64::from(label) << 16 | u64::from(prediction);
            let mine = self.cells.entry(key).or_insert(Cell {
                slice: slice.into(),
                label: label.into(),
                prediction: prediction.into(),
                ..Cell::default()
            });
            mine.rows += cell.rows;
            mine.weight += cell.weight;
            mine.squares += cell.squares;
        }
    }

    fn finish(self: Box<Self>) -> Step {
        Step::Done(self.confusion().map(Value::Confusion))
    }
}
