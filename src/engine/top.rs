//! The most common value of a column in bounded memory: Misra and Gries' counters, then an exact count.
//!
//! J. Misra, D. Gries, *Finding repeated elements*, 1982, lowered by the median as in D. Anderson et al.,
//! *A high-performance algorithm for identifying frequent items in data streams*, 2017: with k counters
//! no value of n rows is lowered by more than about 2n / k in all.
//!
//! Numbers, times and texts of up to 12 bytes are counted by themselves, so that no two can be taken for one. A longer
//! text is counted by a hash that is keyed anew in every run; where such a text is the most common one, another scan
//! compares it value by value.

use polars::prelude::*;
use rustc_hash::FxHashMap;
use xxhash_rust::xxh3::xxh3_128_with_seed;

use super::accumulate::{Accumulator, Batch, Means, Step, same};
use super::rowhash::{self, INLINE, float_bits, inline_view, write_row};
use crate::data::statistic::Value;

/// The first scan: candidates for the most common value.
pub struct Top {
    column: String,
    most: usize,
    counts: FxHashMap<u128, u64>,
    missing: u64,
    /// How often all counters were lowered: no value lost more occurrences than this.
    lowered: u64,
}

/// The second scan, where counters were lowered: the candidates' exact counts.
struct Candidates {
    column: String,
    counts: FxHashMap<u128, u64>,
    missing: u64,
    /// No value that is not a candidate occurs more often.
    others: u64,
}

/// The scan that compares the values of one hash.
struct Verified {
    column: String,
    hash: u128,
    counts: FxHashMap<Box<[u8]>, u64>,
    /// No other value occurs more often.
    others: u64,
}

/// The low 32 bits of what stands for a hash; a short text has its length there.
const HASHED: u128 = u32::MAX as u128;

/// What stands for a value of 64 bits, which is no hash.
fn exact(bits: u64) -> u128 {
    u128::from(bits) << 32
}

fn hashed(bytes: &[u8]) -> u128 {
    xxh3_128_with_seed(bytes, rowhash::key()) | HASHED
}

/// What the present values of a column of [`rowhash::physical`] values are counted by, and how many are missing.
fn keys(column: &Series, keys: &mut Vec<u128>) -> PolarsResult<u64> {
    keys.clear();
    match column.dtype() {
        DataType::Boolean => keys.extend(column.bool()?.iter().flatten().map(|v| exact(v.into()))),
        DataType::Float32 => {
            keys.extend(column.f32()?.iter().flatten().filter_map(|v| float_bits(v.into())).map(exact));
        }
        DataType::Float64 => keys.extend(column.f64()?.iter().flatten().filter_map(float_bits).map(exact)),
        DataType::Int64 => keys.extend(column.i64()?.iter().flatten().map(|v| exact(v as u64))),
        dtype if dtype.is_integer() => {
            let key = |v: i128| i64::try_from(v).map_or_else(|_| hashed(&v.to_le_bytes()), |v| exact(v as u64));
            keys.extend(column.cast(&DataType::Int128)?.i128()?.iter().flatten().map(key));
        }
        DataType::String => {
            let key = |text: &str| {
                if text.len() <= INLINE { inline_view(text.as_bytes()) } else { hashed(text.as_bytes()) }
            };
            keys.extend(column.str()?.iter().flatten().map(key));
        }
        _ => {
            let mut bytes = Vec::new();
            for row in 0..column.len() {
                bytes.clear();
                write_row(std::slice::from_ref(column), row, &mut bytes)?;
                // A missing value is a tag of 0 alone.
                if bytes != [0] {
                    keys.push(hashed(&bytes));
                }
            }
        }
    }
    Ok((column.len() - keys.len()) as u64)
}

impl Top {
    pub fn new(column: &str, means: Means) -> Self {
        let threads = super::threads();
        let most = (means.memory / 64 / threads / means.columns.max(1)).clamp(1024, 65_536);
        Self::empty(column, most)
    }

    fn empty(column: &str, most: usize) -> Self {
        Self { column: column.to_owned(), most, counts: FxHashMap::default(), missing: 0, lowered: 0 }
    }

    fn add(&mut self, key: u128, count: u64) {
        if let Some(known) = self.counts.get_mut(&key) {
            *known += count;
            return;
        }
        if self.counts.len() == self.most {
            self.lower();
        }
        self.counts.insert(key, count);
    }

    /// Lowers all counters by their median, which frees half of them: a bounded number of steps a row.
    fn lower(&mut self) {
        let mut counts: Vec<u64> = self.counts.values().copied().collect();
        let middle = counts.len() / 2;
        let by = *counts.select_nth_unstable(middle).1;
        self.lowered += by;
        self.counts.retain(|_, known| {
            *known = known.saturating_sub(by);
            *known > 0
        });
    }
}

impl Accumulator for Top {
    fn twin(&self) -> Box<dyn Accumulator> {
        Box::new(Self::empty(&self.column, self.most))
    }

    fn fold(&mut self, batch: &Batch) -> PolarsResult<()> {
        let mut all = Vec::new();
        self.missing += keys(&batch.physical(&self.column)?, &mut all)?;
        // Runs of one value are common, and one look-up does for each.
        all.chunk_by(|a, b| a == b).for_each(|run| self.add(run[0], run.len() as u64));
        Ok(())
    }

    fn merge(&mut self, twin: Box<dyn Accumulator>) {
        let twin = same::<Self>(twin);
        self.lowered += twin.lowered;
        self.missing += twin.missing;
        twin.counts.into_iter().for_each(|(key, count)| self.add(key, count));
    }

    fn finish(self: Box<Self>) -> Step {
        if self.lowered == 0 {
            return decided(self.column, &self.counts, self.missing, 0);
        }
        let counts = self.counts.into_keys().map(|key| (key, 0)).collect();
        let next = Candidates { column: self.column, counts, missing: 0, others: self.lowered };
        Step::Again(Box::new(next), None)
    }
}

/// The count of the most common value, unless that is known by its hash only.
fn decided(column: String, counts: &FxHashMap<u128, u64>, missing: u64, others: u64) -> Step {
    let best = counts.iter().max_by_key(|(key, count)| (**count, **key)).map(|(key, count)| (*key, *count));
    let others = others.max(missing);
    match best {
        Some((hash, count)) if count > others.max(1) && hash & HASHED == HASHED => {
            let second = counts.iter().filter(|(key, _)| **key != hash).map(|(_, count)| *count).max().unwrap_or(0);
            let verified = Verified { column, hash, counts: FxHashMap::default(), others: others.max(second) };
            Step::Again(Box::new(verified), None)
        }
        best => Step::Done(Ok(Value::Count(best.map_or(0, |(_, count)| count).max(others)))),
    }
}

impl Accumulator for Candidates {
    fn twin(&self) -> Box<dyn Accumulator> {
        let counts = self.counts.keys().map(|key| (*key, 0)).collect();
        Box::new(Self { column: self.column.clone(), counts, missing: 0, others: self.others })
    }

    fn fold(&mut self, batch: &Batch) -> PolarsResult<()> {
        let mut all = Vec::new();
        self.missing += keys(&batch.physical(&self.column)?, &mut all)?;
        for key in all {
            if let Some(count) = self.counts.get_mut(&key) {
                *count += 1;
            }
        }
        Ok(())
    }

    fn merge(&mut self, twin: Box<dyn Accumulator>) {
        let twin = same::<Self>(twin);
        self.missing += twin.missing;
        for (key, count) in twin.counts {
            *self.counts.entry(key).or_default() += count;
        }
    }

    fn finish(self: Box<Self>) -> Step {
        decided(self.column, &self.counts, self.missing, self.others)
    }
}

impl Accumulator for Verified {
    fn twin(&self) -> Box<dyn Accumulator> {
        let counts = FxHashMap::default();
        Box::new(Self { column: self.column.clone(), hash: self.hash, counts, others: self.others })
    }

    fn fold(&mut self, batch: &Batch) -> PolarsResult<()> {
        let column = batch.physical(&self.column)?;
        let mut bytes = Vec::new();
        for row in 0..column.len() {
            bytes.clear();
            write_row(std::slice::from_ref(&column), row, &mut bytes)?;
            let is_there = match column.dtype() {
                // Behind the tag, and of a text its length.
                DataType::String => bytes.len() > 9 + INLINE && hashed(&bytes[9..]) == self.hash,
                dtype if dtype.is_integer() => bytes.len() == 17 && hashed(&bytes[1..]) == self.hash,
                _ => hashed(&bytes) == self.hash,
            };
            if is_there {
                match self.counts.get_mut(bytes.as_slice()) {
                    Some(count) => *count += 1,
                    None => drop(self.counts.insert(bytes.as_slice().into(), 1)),
                }
            }
        }
        Ok(())
    }

    fn merge(&mut self, twin: Box<dyn Accumulator>) {
        for (value, count) in same::<Self>(twin).counts {
            *self.counts.entry(value).or_default() += count;
        }
    }

    fn finish(self: Box<Self>) -> Step {
        let most = self.counts.values().copied().max().unwrap_or(0);
        Step::Done(Ok(Value::Count(most.max(self.others))))
    }
}
