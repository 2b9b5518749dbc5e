//! A column's distribution while a table is read: its numbers, or how often each category occurs.

mod counting;
mod window;

use std::sync::Arc;

use counting::Counting;
pub use counting::category;
use polars::prelude::*;
pub use window::WINDOW;
use window::{Pages, Window};

use super::accumulate::{Accumulator, Batch, Step, same};
use super::cells::Cells;
use super::scale::Scale;
use crate::distribution::summary::Summing;
use crate::distribution::{Distribution, Measure, Numbers, Shape, Summary, Values};
use crate::statistic::{Detail, Value};

pub struct Collecting {
    column: String,
    detail: Detail,
    missing: u64,
    measure: Measure,
    state: State,
}

enum State {
    /// Not a row yet.
    New,
    /// Integers from the first on that lie close together, counted.
    Window(Window),
    Each(Pages),
    Summed(Box<Summing>),
    Categories(Box<Counting>),
}

impl Collecting {
    pub fn new(column: &str, detail: Detail) -> Self {
        Self { column: column.to_owned(), detail, missing: 0, measure: Measure::Number, state: State::New }
    }

    fn whole(&mut self, values: &Int64Chunked, scale: Scale) {
        self.missing += values.null_count() as u64;
        let Some(first) = values.iter().flatten().next() else { return };
        if matches!(self.state, State::New) {
            self.state = State::Window(Window::around(first, scale));
        }
        for chunk in values.downcast_iter() {
            let has_nulls = chunk.validity().is_some_and(|validity| validity.unset_bits() > 0);
            if let State::Window(window) = &mut self.state {
                let fits = if has_nulls {
                    chunk.iter().flatten().all(|value| window.add(*value))
                } else {
                    chunk.values_iter().all(|value| window.add(*value))
                };
                if fits {
                    continue;
                }
                // One value is further away: what was counted of this chunk is taken back, and all are kept.
                window.take_back(chunk.iter().map(Option::<&i64>::copied));
                self.spill();
            }
            let number = |value: i64| scale.number(value);
            if has_nulls {
                chunk.iter().flatten().for_each(|value| self.number(number(*value)));
            } else {
                chunk.values_iter().for_each(|value| self.number(number(*value)));
            }
        }
    }

    fn floats(&mut self, values: &Float64Chunked) {
        for chunk in values.downcast_iter() {
            let before = chunk.validity().map_or(0, |validity| validity.unset_bits() as u64);
            let mut nans = 0;
            let mut add = |value: f64| {
                if value.is_nan() {
                    nans += 1;
                } else {
                    self.number(value);
                }
            };
            if before > 0 {
                chunk.iter().flatten().for_each(|value| add(*value));
            } else {
                chunk.values_iter().for_each(|value| add(*value));
            }
            self.missing += before + nans;
        }
    }

    #[inline]
    fn number(&mut self, value: f64) {
        match &mut self.state {
            State::Each(pages) => pages.push(value),
            State::Summed(summing) => summing.push(value),
            _ => {
                self.open();
                self.number(value);
            }
        }
    }

    /// Makes room for numbers.
    fn open(&mut self) {
        self.state = match self.detail {
            Detail::Whole => State::Each(Pages::default()),
            Detail::Short => State::Summed(Box::default()),
        };
    }

    /// Turns counted integers into kept ones.
    fn spill(&mut self) {
        match std::mem::replace(&mut self.state, State::New) {
            State::Window(window) => {
                self.open();
                for (value, count) in window.values() {
                    (0..count).for_each(|_| self.number(value));
                }
            }
            other => self.state = other,
        }
    }

    fn counting(&mut self) -> &mut Counting {
        if !matches!(self.state, State::Categories(_)) {
            self.state = State::Categories(Box::default());
        }
        match &mut self.state {
            State::Categories(counting) => counting,
            _ => unreachable!("it was made above"),
        }
    }
}

impl Accumulator for Collecting {
    fn twin(&self) -> Box<dyn Accumulator> {
        Box::new(Self::new(&self.column, self.detail))
    }

    fn fold(&mut self, batch: &Batch) -> PolarsResult<()> {
        let column = batch.frame.column(&self.column)?.as_materialized_series();
        self.measure = match column.dtype() {
            DataType::Date => Measure::Date,
            DataType::Datetime(..) => Measure::Instant,
            dtype if dtype.is_integer() => Measure::Whole,
            _ => Measure::Number,
        };
        match Cells::of(column)? {
            Cells::Whole(values, scale) => self.whole(&values, scale),
            Cells::Wide(values, scale) => {
                self.missing += values.null_count() as u64;
                values.iter().flatten().for_each(|value| self.number(scale.value(value)));
            }
            Cells::Float(values) => self.floats(&values),
            Cells::Boolean(values) => {
                self.missing += values.null_count() as u64;
                let yes = u64::from(values.sum().unwrap_or(0));
                let no = (values.len() - values.null_count()) as u64 - yes;
                for (name, count) in [("true", yes), ("false", no)] {
                    self.counting().add_text(name, count);
                }
            }
            Cells::Text(values) => {
                self.missing += values.null_count() as u64;
                self.counting().fold(&values);
            }
            Cells::Other(rows) => self.missing += rows as u64,
        }
        Ok(())
    }

    fn merge(&mut self, twin: Box<dyn Accumulator>) {
        let mut twin = same::<Self>(twin);
        self.missing += twin.missing;
        if matches!(self.state, State::New) {
            self.state = std::mem::replace(&mut twin.state, State::New);
            self.measure = twin.measure;
            return;
        }
        // Windows around different firsts are no longer one.
        let is_one = match (&mut self.state, &twin.state) {
            (State::Window(mine), State::Window(theirs)) => mine.merge(theirs),
            (_, State::New) => true,
            _ => false,
        };
        if is_one {
            return;
        }
        self.spill();
        twin.spill();
        match (&mut self.state, twin.state) {
            (State::Each(pages), State::Each(more)) => pages.0.extend(more.0),
            (State::Summed(summing), State::Summed(more)) => summing.merge(*more),
            (State::Categories(counting), State::Categories(more)) => counting.merge(*more),
            _ => {}
        }
    }

    fn finish(self: Box<Self>) -> Step {
        Step::Done(Ok(Value::Distribution(Arc::new(self.learned()))))
    }
}

impl Collecting {
    /// What was collected.
    pub fn learned(self) -> Distribution {
        let numbers = |values| Shape::Numbers(Numbers { values, measure: self.measure });
        let shape = match self.state {
            State::New => numbers(Values::Summed(Summary::default())),
            State::Window(window) => numbers(Values::Summed(window.summed())),
            State::Each(pages) => numbers(Values::Each(pages.sorted())),
            State::Summed(summing) => numbers(Values::Summed(summing.finish())),
            State::Categories(counting) => Shape::Categories(counting.finish()),
        };
        Distribution { missing: self.missing, shape }
    }
}
