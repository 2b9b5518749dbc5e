//! All values of a column of numbers, sorted.

use std::sync::Arc;

use polars::prelude::*;

use super::{Wrong, numbers};
use crate::data::statistic::Value;
use crate::engine::accumulate::{Accumulator, Batch, Step, same};

pub struct Sorted {
    column: String,
    values: Vec<f64>,
    wrong: Wrong,
}

impl Sorted {
    pub fn new(column: &str) -> Self {
        Self { column: column.to_owned(), values: Vec::new(), wrong: Wrong::default() }
    }
}

impl Accumulator for Sorted {
    fn twin(&self) -> Box<dyn Accumulator> {
        Box::new(Self::new(&self.column))
    }

    fn fold(&mut self, batch: &Batch) -> PolarsResult<()> {
        let column = batch.frame.column(&self.column)?.as_materialized_series();
        self.values.extend(numbers(column, batch.first_row, &mut self.wrong)?);
        Ok(())
    }

    fn merge(&mut self, twin: Box<dyn Accumulator>) {
        let twin = same::<Self>(twin);
        self.values.extend(twin.values);
        self.wrong.merge(twin.wrong);
    }

    fn finish(self: Box<Self>) -> Step {
        let Self { mut values, wrong, .. } = *self;
        values.sort_unstable_by(f64::total_cmp);
        Step::Done(wrong.check().map(|()| Value::Sorted(Arc::new(values))))
    }
}
