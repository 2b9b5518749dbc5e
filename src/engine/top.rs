//! The most common value of a column in bounded memory: Misra and Gries' counters, then an exact count.
//!
//! J. Misra, D. Gries, *Finding repeated elements*, 1982, lowered by the median as in D. Anderson et al.,
//! *A high-performance algorithm for identifying frequent items in data streams*, 2017: with k counters
//! no value of n rows is lowered by more than about 2n / k in all.

use polars::prelude::*;
use rustc_hash::FxHashMap;

use super::accumulate::{Accumulator, Batch, Means, Step, same};
use super::rowhash::hash_rows;
use crate::statistic::Value;

/// The first scan: candidates for the most common value, by hash.
pub struct Top {
    column: String,
    most: usize,
    counts: FxHashMap<u64, u64>,
    /// How often all counters were lowered: no value lost more occurrences than this.
    lowered: u64,
}

/// The second scan, where counters were lowered: the candidates' exact counts.
struct Candidates {
    column: String,
    counts: FxHashMap<u64, u64>,
    /// No value that is not a candidate occurs more often.
    others: u64,
}

impl Top {
    pub fn new(column: &str, means: Means) -> Self {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let most = (means.memory / 32 / threads / means.columns.max(1)).clamp(1024, 65_536);
        Self { column: column.to_owned(), most, counts: FxHashMap::default(), lowered: 0 }
    }

    fn add(&mut self, hash: u64, count: u64) {
        if let Some(known) = self.counts.get_mut(&hash) {
            *known += count;
            return;
        }
        if self.counts.len() == self.most {
            self.lower();
        }
        self.counts.insert(hash, count);
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
        Box::new(Self { column: self.column.clone(), most: self.most, counts: FxHashMap::default(), lowered: 0 })
    }

    fn fold(&mut self, batch: &Batch) -> PolarsResult<()> {
        let mut hashes = Vec::new();
        hash_rows(&[batch.physical(&self.column)?], &mut hashes)?;
        // Runs of one value are common, and one look-up does for each.
        hashes.chunk_by(|a, b| a == b).for_each(|run| self.add(run[0], run.len() as u64));
        Ok(())
    }

    fn merge(&mut self, twin: Box<dyn Accumulator>) {
        let twin = same::<Self>(twin);
        self.lowered += twin.lowered;
        twin.counts.into_iter().for_each(|(hash, count)| self.add(hash, count));
    }

    fn finish(self: Box<Self>) -> Step {
        if self.lowered == 0 {
            return Step::Done(Ok(Value::Count(self.counts.values().copied().max().unwrap_or(0))));
        }
        let counts = self.counts.into_keys().map(|hash| (hash, 0)).collect();
        Step::Again(Box::new(Candidates { column: self.column, counts, others: self.lowered }), None)
    }
}

impl Accumulator for Candidates {
    fn twin(&self) -> Box<dyn Accumulator> {
        let counts = self.counts.keys().map(|hash| (*hash, 0)).collect();
        Box::new(Self { column: self.column.clone(), counts, others: self.others })
    }

    fn fold(&mut self, batch: &Batch) -> PolarsResult<()> {
        let mut hashes = Vec::new();
        hash_rows(&[batch.physical(&self.column)?], &mut hashes)?;
        for hash in hashes {
            if let Some(count) = self.counts.get_mut(&hash) {
                *count += 1;
            }
        }
        Ok(())
    }

    fn merge(&mut self, twin: Box<dyn Accumulator>) {
        for (hash, count) in same::<Self>(twin).counts {
            *self.counts.entry(hash).or_default() += count;
        }
    }

    fn finish(self: Box<Self>) -> Step {
        let most = self.counts.values().copied().max().unwrap_or(0);
        Step::Done(Ok(Value::Count(most.max(self.others))))
    }
}
