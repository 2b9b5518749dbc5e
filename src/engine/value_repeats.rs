//! Whether nearly every row of a column has a value of its own, as an id has.
//!
//! Values are counted by their hash. A column with more repeats than an id may have is let go at once, so that columns
//! of categories and amounts cost a hundredth of their rows. Where the hashes outgrow their share of the memory, only
//! those that end in zeros are kept (M. Wegman's adaptive sampling, in P. Flajolet, *On adaptive sampling*, 1990): all rows
//! of such a value are seen, so its share of repeats is that of the column, to a few hundredths of a percent.
//!
//! A text with a space in it is a sentence and no id: a column in which most values have one counts as nothing but repeats.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use polars::prelude::*;
use rustc_hash::FxHashMap;

use super::accumulate::{Accumulator, Batch, Means, Step, same};
use super::rowhash::hash_rows;
use crate::data::statistic::Value;

/// One row in so many may repeat the value of another.
pub const ROWS_PER_REPEAT: u64 = 100;
/// Hashes kept of a column at least and at most.
const FEWEST: usize = 4096;
const MOST: usize = 262_144;

pub struct ValueRepeats {
    column: String,
    rows: u64,
    most: usize,
    /// How often each value occurs whose hash ends in so many zeros.
    counts: FxHashMap<u64, u64>,
    zeros: u32,
    /// Repeats that were seen while nothing was sampled, by all threads.
    repeats: Arc<AtomicU64>,
    /// Values with a space that were seen by all threads.
    spaced: Arc<AtomicU64>,
    scratch: Vec<u64>,
}

impl ValueRepeats {
    pub fn new(column: &str, means: Means) -> Self {
        let threads = super::threads();
        let most = (means.memory / 64 / threads / means.columns.max(1)).clamp(FEWEST, MOST);
        Self {
            column: column.to_owned(),
            rows: means.rows,
            most,
            counts: FxHashMap::default(),
            zeros: 0,
            repeats: Arc::default(),
            spaced: Arc::default(),
            scratch: Vec::new(),
        }
    }

    /// Whether so many rows repeat a value that the column is no id.
    fn is_decided(&self) -> bool {
        self.is_free_text() || self.repeats.load(Ordering::Relaxed) > self.rows / ROWS_PER_REPEAT
    }

    fn is_free_text(&self) -> bool {
        2 * self.spaced.load(Ordering::Relaxed) > self.rows
    }

    fn is_sampled(&self, hash: u64) -> bool {
        hash.trailing_zeros() >= self.zeros
    }

    fn add(&mut self, hash: u64, count: u64) {
        if self.is_sampled(hash) {
            *self.counts.entry(hash).or_default() += count;
            while self.counts.len() > self.most {
                self.zeros += 1;
                let zeros = self.zeros;
                self.counts.retain(|hash, _| hash.trailing_zeros() >= zeros);
            }
        }
    }
}

impl Accumulator for ValueRepeats {
    fn twin(&self) -> Box<dyn Accumulator> {
        Box::new(Self {
            column: self.column.clone(),
            counts: FxHashMap::default(),
            repeats: Arc::clone(&self.repeats),
            spaced: Arc::clone(&self.spaced),
            scratch: Vec::new(),
            ..*self
        })
    }

    fn fold(&mut self, batch: &Batch) -> PolarsResult<()> {
        if self.is_decided() {
            self.counts = FxHashMap::default();
            return Ok(());
        }
        let mut hashes = std::mem::take(&mut self.scratch);
        let column = batch.physical(&self.column)?;
        if let Ok(texts) = column.str() {
            let is_spaced = |text: &&str| text.bytes().any(|byte| byte.is_ascii_whitespace());
            self.spaced.fetch_add(texts.iter().flatten().filter(is_spaced).count() as u64, Ordering::Relaxed);
        }
        hash_rows(&[column], &mut hashes)?;
        // Within one thread and while every value is kept, a repeat is one for certain.
        let (before, is_whole) = (self.counts.len(), self.zeros == 0);
        hashes.iter().for_each(|hash| self.add(*hash, 1));
        if is_whole && self.zeros == 0 {
            let repeats = hashes.len() - (self.counts.len() - before);
            self.repeats.fetch_add(repeats as u64, Ordering::Relaxed);
        }
        self.scratch = hashes;
        Ok(())
    }

    fn merge(&mut self, twin: Box<dyn Accumulator>) {
        let twin = same::<Self>(twin);
        self.zeros = self.zeros.max(twin.zeros);
        let zeros = self.zeros;
        self.counts.retain(|hash, _| hash.trailing_zeros() >= zeros);
        twin.counts.into_iter().for_each(|(hash, count)| self.add(hash, count));
    }

    fn finish(self: Box<Self>) -> Step {
        if self.is_free_text() {
            return Step::Done(Ok(Value::Count(self.rows)));
        }
        if self.is_decided() {
            return Step::Done(Ok(Value::Count(self.repeats.load(Ordering::Relaxed))));
        }
        let (values, rows) = (self.counts.len() as u64, self.counts.values().sum::<u64>());
        let repeats = rows - values;
        // Of a sample the share counts.
        let all = if self.zeros == 0 || rows == 0 {
            repeats
        } else {
            u64::try_from(u128::from(repeats) * u128::from(self.rows) / u128::from(rows)).unwrap_or(u64::MAX)
        };
        Step::Done(Ok(Value::Count(all)))
    }
}
