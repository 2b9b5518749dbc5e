//! A column's distribution while a table is read: its numbers, or how often each category occurs.

mod budget;
mod counting;
mod window;

use std::sync::Arc;

pub use budget::Budget;

use counting::Counting;
pub use counting::{CATEGORY, category};
use polars::prelude::*;
pub use window::WIDEST;
use window::{Pages, Window};

use super::accumulate::{Accumulator, Batch, Step, same};
use super::cells::Cells;
use super::scale::Scale;
use crate::data::statistic::{Detail, Value};
use crate::stats::distribution::summary::Summing;
use crate::stats::distribution::{Distribution, Measure, Numbers, Shape, Summary, Values};

/// Integers beyond this are not all floats.
const EXACT: u64 = 1 << 53;

/// What the columns that are collected together have to go by.
#[derive(Debug, Clone)]
pub struct Room {
    /// Of the table.
    pub rows: u64,
    /// Bytes for what one thread keeps of a column in short.
    pub short: usize,
    /// Bytes for all columns of all threads; a column that has no room is given up.
    pub budget: Arc<Budget>,
}

pub struct Collecting {
    column: String,
    detail: Detail,
    room: Room,
    /// Bytes taken from the budget.
    taken: usize,
    missing: u64,
    measure: Measure,
    state: State,
}

enum State {
    /// Not a row yet.
    New,
    /// Integers that lie close together, counted.
    Window(Window),
    Each(Pages<f64>),
    /// Integers some of which no float is equal to.
    Large(Pages<i128>),
    Summed(Box<Summing>),
    Categories(Box<Counting>),
    /// There was no room for them.
    GivenUp,
}

/// Whether floats around the integer are more than 1 apart.
fn is_large(value: i64) -> bool {
    value.unsigned_abs() > EXACT
}

impl Collecting {
    pub fn new(column: &str, detail: Detail, room: Room) -> Self {
        let column = column.to_owned();
        Self { column, detail, room, taken: 0, missing: 0, measure: Measure::Number, state: State::New }
    }

    fn whole(&mut self, values: &Int64Chunked, scale: Scale) {
        self.missing += values.null_count() as u64;
        let Some(first) = values.iter().flatten().next() else { return };
        if matches!(self.state, State::New) {
            self.state = State::Window(Window::around(first, scale, self.room.rows));
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
            if scale == (Scale::Number { digits: 0 }) && chunk.iter().flatten().any(|value| is_large(*value)) {
                self.enlarge();
            }
            if let State::Large(pages) = &mut self.state {
                chunk.iter().flatten().for_each(|value| pages.push((*value).into()));
                continue;
            }
            let number = |value: i64| scale.number(value);
            if has_nulls {
                chunk.iter().flatten().for_each(|value| self.number(number(*value)));
            } else {
                chunk.values_iter().for_each(|value| self.number(number(*value)));
            }
        }
    }

    /// Integers of more than 64 bits.
    fn wide(&mut self, values: &Int128Chunked, scale: Scale) {
        self.missing += values.null_count() as u64;
        let is_large = |value: i128| value.unsigned_abs() > u128::from(EXACT);
        if scale == (Scale::Number { digits: 0 }) && values.iter().flatten().any(is_large) {
            self.enlarge();
        }
        match &mut self.state {
            State::Large(pages) => values.iter().flatten().for_each(|value| pages.push(value)),
            _ => values.iter().flatten().for_each(|value| self.number(scale.value(value))),
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
            // A float is in this column only if it is an integer.
            State::Large(pages) => pages.push(value as i128),
            State::GivenUp => {}
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
            Detail::Short => State::Summed(Box::new(Summing::within(self.room.short))),
        };
    }

    /// Keeps integers as they are from now on, where each is kept.
    fn enlarge(&mut self) {
        if self.detail == Detail::Short {
            return;
        }
        self.spill();
        match std::mem::replace(&mut self.state, State::New) {
            State::New => self.state = State::Large(Pages::default()),
            State::Each(pages) => {
                let mut large = Pages::default();
                pages.values().for_each(|value| large.push(value as i128));
                self.state = State::Large(large);
            }
            other => self.state = other,
        }
    }

    /// Turns counted integers into kept ones.
    fn spill(&mut self) {
        match std::mem::replace(&mut self.state, State::New) {
            State::Window(window) => {
                if let Some(large) = window.large().filter(|_| self.detail == Detail::Whole) {
                    let mut pages = Pages::default();
                    large.iter().for_each(|(value, count)| (0..*count).for_each(|_| pages.push(*value)));
                    self.state = State::Large(pages);
                    return;
                }
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
            let most = if self.detail == Detail::Short { self.room.short } else { usize::MAX };
            self.state = State::Categories(Box::new(Counting::within(most)));
        }
        match &mut self.state {
            State::Categories(counting) => counting,
            _ => unreachable!("it was made above"),
        }
    }
}

impl Accumulator for Collecting {
    fn twin(&self) -> Box<dyn Accumulator> {
        Box::new(Self::new(&self.column, self.detail, self.room.clone()))
    }

    fn fold(&mut self, batch: &Batch) -> PolarsResult<()> {
        if matches!(self.state, State::GivenUp) {
            return Ok(());
        }
        let column = batch.frame.column(&self.column)?.as_materialized_series();
        self.measure = match column.dtype() {
            DataType::Date => Measure::Date,
            DataType::Datetime(..) => Measure::Instant,
            dtype if dtype.is_integer() => Measure::Whole,
            _ => Measure::Number,
        };
        match Cells::of(column)? {
            Cells::Whole(values, scale) => self.whole(&values, scale),
            Cells::Wide(values, scale) => self.wide(&values, scale),
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
        self.account();
        Ok(())
    }

    fn merge(&mut self, twin: Box<dyn Accumulator>) {
        let mut twin = same::<Self>(twin);
        self.missing += twin.missing;
        self.taken += std::mem::take(&mut twin.taken);
        if matches!(self.state, State::GivenUp) || matches!(twin.state, State::GivenUp) {
            self.give_up();
            return;
        }
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
        if matches!(self.state, State::Large(_)) != matches!(twin.state, State::Large(_)) {
            self.enlarge();
            twin.enlarge();
        }
        match (&mut self.state, std::mem::replace(&mut twin.state, State::New)) {
            (State::Each(pages), State::Each(more)) => pages.0.extend(more.0),
            (State::Large(pages), State::Large(more)) => pages.0.extend(more.0),
            (State::Summed(summing), State::Summed(more)) => summing.merge(*more),
            (State::Categories(counting), State::Categories(more)) => counting.merge(*more),
            _ => {}
        }
        self.account();
    }

    fn finish(self: Box<Self>) -> Step {
        Step::Done(Ok(match self.state {
            State::GivenUp => Value::NoRoom,
            _ => Value::Distribution(Arc::new(self.learned())),
        }))
    }
}

impl Drop for Collecting {
    fn drop(&mut self) {
        self.room.budget.give_back(self.taken);
    }
}

impl Collecting {
    /// What was collected. Its memory stays taken: it is only in another place now.
    pub fn learned(mut self) -> Distribution {
        self.taken = 0;
        let measure = self.measure;
        let numbers = |values| Shape::Numbers(Numbers { values, measure });
        let shape = match std::mem::replace(&mut self.state, State::New) {
            State::New | State::GivenUp => numbers(Values::Summed(Summary::default())),
            State::Window(window) => numbers(match window.large().filter(|_| self.detail == Detail::Whole) {
                Some(large) => Values::Large(large),
                None => Values::Summed(Summary::of_counts(together(window.values()))),
            }),
            State::Each(pages) => numbers(Values::Each(pages.sorted(f64::total_cmp))),
            State::Large(pages) => {
                let sorted = pages.sorted(i128::cmp);
                let runs = sorted.chunk_by(|a, b| a == b).map(|run| (run[0], run.len() as u64));
                numbers(Values::Large(runs.collect()))
            }
            State::Summed(summing) => numbers(Values::Summed(summing.finish())),
            State::Categories(counting) => Shape::Categories(counting.finish()),
        };
        Distribution { missing: self.missing, shape }
    }

    /// Takes what is kept from the budget; a column for which there is none is given up.
    fn account(&mut self) {
        let bytes = match &self.state {
            State::New | State::GivenUp => 0,
            State::Window(window) => window.bytes(),
            State::Each(pages) => pages.bytes(),
            State::Large(pages) => pages.bytes(),
            State::Summed(summing) => summing.bytes(),
            State::Categories(counting) => counting.bytes(),
        };
        let has_room = self.room.budget.change(self.taken, bytes);
        self.taken = bytes;
        if !has_room {
            self.give_up();
        }
    }

    fn give_up(&mut self) {
        self.state = State::GivenUp;
        self.room.budget.give_back(std::mem::take(&mut self.taken));
    }
}

/// Ascending values with equal ones as one: of large integers several may be one float.
fn together(values: impl Iterator<Item = (f64, u64)>) -> Vec<(f64, u64)> {
    let mut all: Vec<(f64, u64)> = Vec::new();
    for (value, count) in values {
        match all.last_mut() {
            Some((last, total)) if *last == value => *total += count,
            _ => all.push((value, count)),
        }
    }
    all
}
