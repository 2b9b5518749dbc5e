//! The newest or the oldest instant of a column.

use polars::prelude::*;

use super::accumulate::{Accumulator, Batch, Step, same};
use super::cells;
use crate::data::statistic::Value;
use crate::support::problem::Problem;
use crate::support::words::code;

/// The newest instant of a column, or the oldest.
pub struct Ending {
    column: String,
    /// Of two instants the one that counts.
    pick: fn(i64, i64) -> i64,
    end: Option<i64>,
    /// The first row whose text is no time.
    wrong: Option<u64>,
}

impl Ending {
    pub fn new(column: &str, pick: fn(i64, i64) -> i64) -> Self {
        Self { column: column.to_owned(), pick, end: None, wrong: None }
    }

    fn add(&mut self, end: Option<i64>) {
        self.end = match (self.end, end) {
            (Some(a), Some(b)) => Some((self.pick)(a, b)),
            (a, b) => a.or(b),
        };
    }
}

impl Accumulator for Ending {
    fn twin(&self) -> Box<dyn Accumulator> {
        Box::new(Self::new(&self.column, self.pick))
    }

    fn fold(&mut self, batch: &Batch) -> PolarsResult<()> {
        let column = batch.frame.column(&self.column)?.as_materialized_series();
        match cells::oldest_and_newest(column)? {
            Ok(ends) => ends.into_iter().for_each(|end| self.add(Some(end))),
            Err(row) => {
                let row = batch.first_row + row as u64;
                self.wrong = Some(self.wrong.map_or(row, |wrong| wrong.min(row)));
            }
        }
        Ok(())
    }

    fn merge(&mut self, twin: Box<dyn Accumulator>) {
        let twin = same::<Self>(twin);
        self.add(twin.end);
        self.wrong = match (self.wrong, twin.wrong) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
    }

    fn finish(self: Box<Self>) -> Step {
        Step::Done(match self.wrong {
            Some(row) => Err(Problem::new(format!("{} is no RFC 3339 time in row {row}", code(&self.column)))
                .hint("times look like 2026-11-24T12:00:00Z")),
            None => Ok(Value::Instant(self.end)),
        })
    }
}
