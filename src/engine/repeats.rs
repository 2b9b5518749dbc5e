//! Rows that repeat, found exactly in bounded memory.
//!
//! The first scan keeps 8 bytes a row: 48 bits of the row's hash and the block of rows it stands in,
//! in buckets by the hash's first bits. Hashes that occur twice are suspects; a second scan of the
//! suspects' blocks compares these rows byte by byte. Where 8 bytes a row are more than the memory
//! allowed, buckets are dropped from the top and their share of the hashes is scanned for later.

pub mod buckets;
mod groups;

use std::marker::PhantomData;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use polars::prelude::*;
use rustc_hash::{FxHashMap, FxHashSet};

use buckets::{BUCKETS, Blocks, Bucket, bucket, empty_buckets, entry, kept_part, repeated};
use groups::Group;
pub use groups::{Conflicts, Repeats};

use super::accumulate::{Accumulator, Batch, Step, same};
use super::rowhash::{hash_rows, write_row};
use crate::data::statistic::{Breaches, Value};

/// Batches between one dropping of buckets and the next.
const PAUSE: usize = 16;

/// What all scans of one statistic know.
#[derive(Debug)]
struct Job {
    key: Vec<String>,
    other: Option<String>,
    memory: usize,
}

impl Job {
    /// The key columns, as plain values.
    fn columns(&self, batch: &Batch) -> PolarsResult<Vec<Series>> {
        self.key.iter().map(|name| batch.physical(name)).collect()
    }
}

/// The first scan: the hashes of some buckets.
pub struct Hashes<G> {
    job: Arc<Job>,
    buckets: Vec<Bucket>,
    /// The buckets this scan is about; its end falls when memory runs out.
    from: usize,
    to: Arc<AtomicUsize>,
    kept: Arc<AtomicUsize>,
    /// Batches to come before buckets may be dropped again: the others must have dropped theirs first.
    pause: Arc<AtomicUsize>,
    /// Blocks of entries that were let go because their hash had filled a bucket.
    let_go: Blocks,
    /// What earlier scans found.
    found: Breaches,
    /// The hashes of a batch.
    scratch: Vec<u64>,
    group: PhantomData<fn() -> G>,
}

/// A later scan: the rows whose hash occurred more than once.
struct Suspects<G> {
    job: Arc<Job>,
    hashes: Arc<FxHashSet<u64>>,
    /// The part of the suspects that this scan is about, as a fraction of the hash's low 32 bits.
    from: u64,
    to: Arc<AtomicU64>,
    groups: FxHashMap<Box<[u8]>, (u64, G)>,
    size: usize,
    /// Bytes that all twins hold.
    kept: Arc<AtomicUsize>,
    blocks: Option<Vec<Range<u64>>>,
    found: Breaches,
    /// The hashes of a batch.
    scratch: Vec<u64>,
    /// The first bucket that has not been scanned for yet.
    next: usize,
}

/// All of a hash's low bits are below this.
const ALL: u64 = 1 << 32;

fn low(hash: u64) -> u64 {
    hash & (ALL - 1)
}

impl<G: Group> Hashes<G> {
    pub fn new(key: &[String], other: Option<&str>, memory: usize) -> Self {
        let job = Job { key: key.to_vec(), other: other.map(ToOwned::to_owned), memory };
        Self::from(Arc::new(job), 0, Breaches::default())
    }

    fn from(job: Arc<Job>, from: usize, found: Breaches) -> Self {
        Self {
            buckets: empty_buckets(job.memory),
            job,
            from,
            to: Arc::new(AtomicUsize::new(BUCKETS)),
            kept: Arc::default(),
            pause: Arc::default(),
            let_go: Blocks::none(),
            found,
            scratch: Vec::new(),
            group: PhantomData,
        }
    }

    /// Lets go of buckets that another thread gave up.
    fn drop_beyond(&mut self, to: usize) {
        for bucket in &mut self.buckets[to..] {
            self.kept.fetch_sub(8 * bucket.len(), Ordering::Relaxed);
            bucket.clear();
        }
    }
}

impl<G: Group> Accumulator for Hashes<G> {
    fn twin(&self) -> Box<dyn Accumulator> {
        Box::new(Self {
            job: Arc::clone(&self.job),
            buckets: empty_buckets(self.job.memory),
            from: self.from,
            to: Arc::clone(&self.to),
            kept: Arc::clone(&self.kept),
            pause: Arc::clone(&self.pause),
            let_go: Blocks::none(),
            found: Breaches::default(),
            scratch: Vec::new(),
            group: PhantomData,
        })
    }

    fn fold(&mut self, batch: &Batch) -> PolarsResult<()> {
        let columns = self.job.columns(batch)?;
        let mut to = self.to.load(Ordering::Relaxed);
        self.drop_beyond(to);
        let (mut added, mut freed) = (0, 0);
        hash_rows(&columns, &mut self.scratch)?;
        for (row, hash) in (batch.first_row..).zip(self.scratch.iter().copied()) {
            let bucket = bucket(hash);
            if (self.from..to).contains(&bucket) {
                freed += 8 * self.buckets[bucket].push(entry(hash, row), &mut self.let_go);
                added += 8;
            }
        }
        self.kept.fetch_add(added, Ordering::Relaxed);
        let kept = self.kept.fetch_sub(freed, Ordering::Relaxed) - freed;
        let waits = self.pause.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok();
        if kept > self.job.memory && to > self.from + 1 && !waits {
            let half = self.from + (to - self.from) / 2;
            self.to.fetch_min(half, Ordering::Relaxed);
            self.pause.store(PAUSE, Ordering::Relaxed);
            to = self.to.load(Ordering::Relaxed);
            self.drop_beyond(to);
        }
        Ok(())
    }

    fn merge(&mut self, twin: Box<dyn Accumulator>) {
        let twin = same::<Self>(twin);
        add(&mut self.found, twin.found.count, twin.found.first_row);
        for (bucket, more) in self.buckets.iter_mut().zip(twin.buckets) {
            bucket.append(more);
        }
        self.let_go.add_all(&twin.let_go);
    }

    fn finish(mut self: Box<Self>) -> Step {
        let to = self.to.load(Ordering::Relaxed);
        self.buckets.truncate(to);
        let (hashes, mut blocks) = repeated(&self.buckets);
        self.buckets.clear();
        if hashes.is_empty() {
            return next_buckets::<G>(self.job, to, self.found);
        }
        blocks.add_all(&self.let_go);
        let blocks = blocks.ranges();
        Step::Again(Box::new(Suspects::<G>::new(self.job, Arc::new(hashes), 0, blocks.clone(), self.found, to)), blocks)
    }
}

fn add(found: &mut Breaches, count: u64, first_row: Option<u64>) {
    found.count += count;
    found.first_row = match (found.first_row, first_row) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    };
}

/// The scan for the buckets from `from` on, if there are any left.
fn next_buckets<G: Group>(job: Arc<Job>, from: usize, found: Breaches) -> Step {
    if from < BUCKETS {
        Step::Again(Box::new(Hashes::<G>::from(job, from, found)), None)
    } else {
        Step::Done(Ok(Value::Breaches(found)))
    }
}

impl<G: Group> Suspects<G> {
    fn new(
        job: Arc<Job>,
        hashes: Arc<FxHashSet<u64>>,
        from: u64,
        blocks: Option<Vec<Range<u64>>>,
        found: Breaches,
        next: usize,
    ) -> Self {
        Self {
            job,
            hashes,
            from,
            to: Arc::new(AtomicU64::new(ALL)),
            groups: FxHashMap::default(),
            size: 0,
            kept: Arc::default(),
            blocks,
            found,
            scratch: Vec::new(),
            next,
        }
    }

    fn drop_beyond(&mut self, to: u64) {
        let before = self.size;
        let size = &mut self.size;
        self.groups.retain(|key, (hash, group)| {
            let keep = low(*hash) < to;
            if !keep {
                *size = size.saturating_sub(key.len() + 64 + group.size());
            }
            keep
        });
        self.kept.fetch_sub(before - self.size, Ordering::Relaxed);
    }
}

impl<G: Group> Accumulator for Suspects<G> {
    fn twin(&self) -> Box<dyn Accumulator> {
        let mut twin =
            Self::new(Arc::clone(&self.job), Arc::clone(&self.hashes), self.from, None, Breaches::default(), self.next);
        twin.to = Arc::clone(&self.to);
        twin.kept = Arc::clone(&self.kept);
        Box::new(twin)
    }

    fn fold(&mut self, batch: &Batch) -> PolarsResult<()> {
        let columns = self.job.columns(batch)?;
        let other = self.job.other.as_deref().map(|name| batch.physical(name)).transpose()?;
        let mut to = self.to.load(Ordering::Relaxed);
        let before = self.size;
        let (mut key, mut beside) = (Vec::new(), Vec::new());
        hash_rows(&columns, &mut self.scratch)?;
        for (row, hash) in self.scratch.iter().copied().enumerate() {
            let hash = kept_part(hash);
            if !self.hashes.contains(&hash) || !(self.from..to).contains(&low(hash)) {
                continue;
            }
            key.clear();
            beside.clear();
            write_row(&columns, row, &mut key)?;
            if let Some(other) = &other {
                write_row(std::slice::from_ref(other), row, &mut beside)?;
            }
            let row = batch.first_row + row as u64;
            if let Some((_, group)) = self.groups.get_mut(key.as_slice()) {
                let size = group.size();
                group.add(row, &beside);
                self.size += group.size() - size;
            } else {
                let mut group = G::default();
                group.add(row, &beside);
                self.size += key.len() + 64 + group.size();
                self.groups.insert(key.as_slice().into(), (hash, group));
            }
        }
        let kept = self.kept.fetch_add(self.size - before, Ordering::Relaxed) + self.size - before;
        if kept > self.job.memory && to > self.from + 1 {
            self.to.fetch_min(self.from + (to - self.from) / 2, Ordering::Relaxed);
            to = self.to.load(Ordering::Relaxed);
            self.drop_beyond(to);
        }
        Ok(())
    }

    fn merge(&mut self, twin: Box<dyn Accumulator>) {
        let twin = same::<Self>(twin);
        // Any of the twins may be the one that knows what earlier scans found.
        add(&mut self.found, twin.found.count, twin.found.first_row);
        self.blocks = self.blocks.take().or(twin.blocks);
        for (key, (hash, group)) in twin.groups {
            match self.groups.entry(key) {
                std::collections::hash_map::Entry::Occupied(mut known) => known.get_mut().1.merge(group),
                std::collections::hash_map::Entry::Vacant(free) => {
                    free.insert((hash, group));
                }
            }
        }
    }

    fn finish(mut self: Box<Self>) -> Step {
        let to = self.to.load(Ordering::Relaxed);
        self.groups.retain(|_, (hash, _)| low(*hash) < to);
        for (_, group) in self.groups.values() {
            let (count, first) = group.breaches();
            add(&mut self.found, count, first);
        }
        if to < ALL {
            let blocks = self.blocks.clone();
            return Step::Again(
                Box::new(Self::new(self.job, self.hashes, to, blocks.clone(), self.found, self.next)),
                blocks,
            );
        }
        next_buckets::<G>(self.job, self.next, self.found)
    }
}
