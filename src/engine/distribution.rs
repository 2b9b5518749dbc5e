//! A column's distribution while a table is read: its numbers, or how often each category occurs.

use std::borrow::Cow;
use std::sync::Arc;

use polars::prelude::*;
use rayon::slice::ParallelSliceMut;
use rustc_hash::FxHashMap;
use xxhash_rust::xxh3::xxh3_64;

use super::accumulate::{Accumulator, Batch, Step, same};
use super::cells::Cells;
use super::scale::Scale;
use crate::distribution::summary::Summing;
use crate::distribution::{Categories, Distribution, Measure, Numbers, Shape, Summary, Values};
use crate::statistic::{Detail, Value};

/// Categories that are counted at once.
pub const MOST_CATEGORIES: usize = 65_536;
/// Integers that are this close together are counted, not kept.
pub const WINDOW: usize = 65_536;
/// Numbers of a page.
const PAGE: usize = 65_536;
/// Bytes of a category that is known by its own name.
const LONGEST_CATEGORY: usize = 64;

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

/// Counts of integers close together.
struct Window {
    base: i64,
    counts: Vec<u64>,
    scale: Scale,
}

impl Window {
    fn around(first: i64, scale: Scale) -> Self {
        // Twins start from other values and should have one window.
        let half = WINDOW as i64 / 2;
        let base = first.div_euclid(half).saturating_sub(1).saturating_mul(half);
        Self { base: base.min(i64::MAX - 2 * WINDOW as i64), counts: vec![0; 2 * WINDOW], scale }
    }

    /// Whether there was room for it.
    #[inline]
    fn add(&mut self, value: i64) -> bool {
        let room =
            value.checked_sub(self.base).and_then(|at| usize::try_from(at).ok()).and_then(|at| self.counts.get_mut(at));
        room.map(|count| *count += 1).is_some()
    }

    /// Takes back what was added of these before the first that had no room.
    fn take_back(&mut self, values: impl Iterator<Item = Option<i64>>) {
        for value in values.flatten() {
            match value
                .checked_sub(self.base)
                .and_then(|at| usize::try_from(at).ok())
                .and_then(|at| self.counts.get_mut(at))
            {
                Some(count) => *count -= 1,
                None => return,
            }
        }
    }

    fn merge(&mut self, twin: &Self) -> bool {
        if self.base == twin.base {
            self.counts.iter_mut().zip(&twin.counts).for_each(|(count, more)| *count += more);
            return true;
        }
        let mut whole = |at: i64, more: u64| {
            let place = at
                .checked_sub(self.base)
                .and_then(|at| usize::try_from(at).ok())
                .and_then(|at| self.counts.get_mut(at));
            place.map(|count| *count += more).is_some()
        };
        let theirs = || (twin.base..).zip(&twin.counts).filter(|(_, count)| **count > 0);
        if theirs().all(|(at, _)| whole(at, 0)) {
            theirs().for_each(|(at, count)| {
                whole(at, *count);
            });
            return true;
        }
        false
    }

    /// Ascending.
    fn values(&self) -> impl Iterator<Item = (f64, u64)> + Clone {
        (self.base..).zip(&self.counts).filter(|(_, count)| **count > 0).map(|(at, n)| (self.scale.number(at), *n))
    }

    fn summed(&self) -> Summary {
        Summary::of_counts(self.values().collect())
    }
}

/// Numbers in pages: nothing is copied when there are more.
#[derive(Default)]
struct Pages(Vec<Vec<f64>>);

impl Pages {
    #[inline]
    fn push(&mut self, value: f64) {
        match self.0.last_mut() {
            Some(page) if page.len() < PAGE => page.push(value),
            _ => {
                let mut page = Vec::with_capacity(PAGE);
                page.push(value);
                self.0.push(page);
            }
        }
    }

    fn sorted(self) -> Vec<f64> {
        let mut all = Vec::with_capacity(self.0.iter().map(Vec::len).sum());
        self.0.into_iter().for_each(|page| all.extend(page));
        all.par_sort_unstable_by(f64::total_cmp);
        all
    }
}

/// The name that a text is counted by: a long one is told from others by its hash.
pub fn category(text: &str) -> Cow<'_, str> {
    if text.len() <= LONGEST_CATEGORY {
        return Cow::Borrowed(text);
    }
    // Start, dots and hash together are shorter than what is known by its own name: a name stays what it is.
    let start = &text[..text.floor_char_boundary(LONGEST_CATEGORY / 2)];
    Cow::Owned(format!("{start}…{:016x}", xxh3_64(text.as_bytes())))
}

/// Counts of texts, bounded: where there are too many, all counts are lowered by their median, as in `top.rs`.
#[derive(Default)]
struct Counting {
    /// Texts of up to 12 bytes, by the view they live in.
    short: FxHashMap<u128, u64>,
    long: FxHashMap<Box<str>, u64>,
    present: u64,
    lowered: u64,
}

impl Counting {
    fn fold(&mut self, texts: &StringChunked) {
        for chunk in texts.downcast_iter() {
            if texts.null_count() == 0 {
                for (row, view) in chunk.views().iter().enumerate() {
                    if view.is_inline() {
                        self.add_short(view.as_u128(), 1);
                    } else {
                        self.add_text(chunk.value(row), 1);
                    }
                }
            } else {
                chunk.iter().flatten().for_each(|text| self.add_text(text, 1));
            }
        }
    }

    fn add_short(&mut self, view: u128, count: u64) {
        self.present += count;
        if let Some(known) = self.short.get_mut(&view) {
            *known += count;
            return;
        }
        self.make_room();
        self.short.insert(view, count);
    }

    fn add_text(&mut self, text: &str, count: u64) {
        if count == 0 {
            return;
        }
        if text.len() <= super::rowhash::INLINE {
            return self.add_short(super::rowhash::inline_view(text.as_bytes()), count);
        }
        self.present += count;
        let name = category(text);
        if let Some(known) = self.long.get_mut(name.as_ref()) {
            *known += count;
            return;
        }
        self.make_room();
        self.long.insert(name.into(), count);
    }

    fn make_room(&mut self) {
        if self.short.len() + self.long.len() < MOST_CATEGORIES {
            return;
        }
        let mut counts: Vec<u64> = self.short.values().chain(self.long.values()).copied().collect();
        let middle = counts.len() / 2;
        let by = *counts.select_nth_unstable(middle).1;
        self.lowered += by;
        let lower = |count: &mut u64| {
            *count = count.saturating_sub(by);
            *count > 0
        };
        self.short.retain(|_, count| lower(count));
        self.long.retain(|_, count| lower(count));
    }

    fn merge(&mut self, twin: Self) {
        let present = self.present + twin.present;
        self.lowered += twin.lowered;
        twin.short.into_iter().for_each(|(view, count)| self.add_short(view, count));
        twin.long.into_iter().for_each(|(text, count)| self.add_text(&text, count));
        self.present = present;
    }

    fn finish(self) -> Categories {
        let short = self.short.into_iter().map(|(view, count)| (super::rowhash::inline_text(view), count));
        let counts: Vec<(String, u64)> =
            short.chain(self.long.into_iter().map(|(text, count)| (text.into_string(), count))).collect();
        let counted: u64 = counts.iter().map(|(_, count)| count).sum();
        Categories { counts, others: self.present - counted, lowered: self.lowered }.shortened(MOST_CATEGORIES)
    }
}
