//! Mean, deviation and ends of a column of numbers.

use polars::prelude::*;

use super::accumulate::{Accumulator, Batch, Step, same};
use super::leakage::numbers;
use crate::data::statistic::{Moments, Value};

/// Welford's sums, merged as Chan, Golub and Le Veque do.
pub struct Moving {
    column: String,
    count: u64,
    mean: f64,
    squares: f64,
    min: f64,
    max: f64,
    infinite: u64,
}

impl Moving {
    pub fn new(column: &str) -> Self {
        let (min, max) = (f64::INFINITY, f64::NEG_INFINITY);
        Self { column: column.to_owned(), count: 0, mean: 0.0, squares: 0.0, min, max, infinite: 0 }
    }

    fn add(&mut self, count: u64, mean: f64, squares: f64) {
        if count == 0 {
            return;
        }
        let total = (self.count + count) as f64;
        let apart = mean - self.mean;
        self.squares += squares + apart * apart * (self.count as f64 * count as f64 / total);
        self.mean += apart * count as f64 / total;
        self.count += count;
    }
}

impl Accumulator for Moving {
    fn twin(&self) -> Box<dyn Accumulator> {
        Box::new(Self::new(&self.column))
    }

    fn fold(&mut self, batch: &Batch) -> PolarsResult<()> {
        let column = batch.frame.column(&self.column)?.as_materialized_series();
        let (values, infinite): (Vec<f64>, Vec<f64>) =
            numbers(column)?.into_iter().flatten().partition(|value| value.is_finite());
        self.infinite += infinite.len() as u64;
        if values.is_empty() {
            return Ok(());
        }
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let squares = values.iter().map(|value| (value - mean).powi(2)).sum();
        self.add(values.len() as u64, mean, squares);
        self.min = values.iter().copied().fold(self.min, f64::min);
        self.max = values.iter().copied().fold(self.max, f64::max);
        Ok(())
    }

    fn merge(&mut self, twin: Box<dyn Accumulator>) {
        let twin = same::<Self>(twin);
        self.add(twin.count, twin.mean, twin.squares);
        self.infinite += twin.infinite;
        self.min = self.min.min(twin.min);
        self.max = self.max.max(twin.max);
    }

    fn finish(self: Box<Self>) -> Step {
        let Self { count, mean, squares, min, max, infinite, .. } = *self;
        let deviation = if count > 1 { (squares / (count - 1) as f64).sqrt() } else { 0.0 };
        Step::Done(Ok(Value::Moments(Moments { count, mean, deviation, min, max, infinite })))
    }
}
