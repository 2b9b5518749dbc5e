//! Counting the distinct values of a column, up to a bound.

use polars::prelude::*;
use rustc_hash::FxHashMap;

use super::cells::{Cells, whole_text};
use super::rowhash::float_bits;
use super::scale::Precision;

/// Integers from here on, 256 of them, are counted in an array.
const SMALL: i64 = -128;

/// How often each present value occurs; gives up beyond `most` distinct ones.
pub struct Counter {
    most: usize,
    dtype: DataType,
    small: [u64; 256],
    whole: FxHashMap<i128, u64>,
    floats: FxHashMap<u64, u64>,
    texts: FxHashMap<String, u64>,
    overflown: bool,
}

impl Counter {
    pub fn new(most: usize) -> Self {
        Self {
            most,
            dtype: DataType::Null,
            small: [0; 256],
            whole: FxHashMap::default(),
            floats: FxHashMap::default(),
            texts: FxHashMap::default(),
            overflown: false,
        }
    }

    /// # Errors
    /// What Polars says of a cast.
    pub fn fold(&mut self, column: &Series) -> PolarsResult<()> {
        if self.overflown {
            return Ok(());
        }
        self.dtype = column.dtype().clone();
        match Cells::of(column)? {
            Cells::Whole(values, _) => {
                for value in values.iter().flatten() {
                    match usize::try_from(value.wrapping_sub(SMALL)) {
                        Ok(at @ 0..256) => self.small[at] += 1,
                        _ => self.whole(value.into(), 1),
                    }
                }
            }
            Cells::Wide(values, _) => values.iter().flatten().for_each(|value| self.whole(value, 1)),
            Cells::Float(values) => {
                for bits in values.iter().flatten().filter_map(float_bits) {
                    *self.floats.entry(bits).or_default() += 1;
                    if self.floats.len() > self.most {
                        self.overflow();
                        break;
                    }
                }
            }
            Cells::Boolean(values) => values.iter().flatten().for_each(|value| self.text(&value.to_string(), 1)),
            Cells::Text(values) => {
                for value in values.iter().flatten() {
                    self.text(value, 1);
                    if self.overflown {
                        break;
                    }
                }
            }
            Cells::Other(_) if *column.dtype() == DataType::Null => {}
            Cells::Other(_) => self.overflow(),
        }
        Ok(())
    }

    pub fn merge(&mut self, twin: Self) {
        if twin.dtype != DataType::Null {
            self.dtype = twin.dtype.clone();
        }
        if twin.overflown || self.overflown {
            return self.overflow();
        }
        self.small.iter_mut().zip(twin.small).for_each(|(count, more)| *count += more);
        twin.whole.into_iter().for_each(|(value, count)| self.whole(value, count));
        twin.texts.into_iter().for_each(|(value, count)| self.text(&value, count));
        for (bits, count) in twin.floats {
            *self.floats.entry(bits).or_default() += count;
        }
    }

    /// The values with their counts, most common first; `None` where there were too many.
    pub fn finish(self) -> Option<Vec<(String, u64)>> {
        let precision = Precision::of(&self.dtype);
        let small = self.small.iter().zip(i128::from(SMALL)..).filter(|(count, _)| **count > 0);
        let mut classes: Vec<(String, u64)> = small
            .map(|(count, value)| (whole_text(&self.dtype, value), *count))
            .chain(self.whole.iter().map(|(value, count)| (whole_text(&self.dtype, *value), *count)))
            .chain(self.floats.iter().map(|(bits, count)| (precision.written(f64::from_bits(*bits)), *count)))
            .chain(self.texts)
            .collect();
        if self.overflown || classes.len() > self.most {
            return None;
        }
        classes.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        Some(classes)
    }

    fn whole(&mut self, value: i128, count: u64) {
        if !self.overflown {
            *self.whole.entry(value).or_default() += count;
            if self.whole.len() > self.most {
                self.overflow();
            }
        }
    }

    fn text(&mut self, value: &str, count: u64) {
        if let Some(known) = self.texts.get_mut(value) {
            *known += count;
        } else if self.texts.len() == self.most {
            self.overflow();
        } else {
            self.texts.insert(value.to_owned(), count);
        }
    }

    fn overflow(&mut self) {
        self.overflown = true;
        self.whole.clear();
        self.floats.clear();
        self.texts.clear();
    }
}
