//! Hashes of rows in 256 buckets, 8 bytes a row, and which of them occur more than once.

use std::ops::Range;

use rustc_hash::FxHashSet;

pub const BUCKETS: usize = 256;
/// Entries of a page, 16 kB: buckets grow by pages, so that nothing is copied and little is reserved.
const PAGE: usize = 2048;
const BLOCK_BITS: u32 = 16;
/// Rows of a block; 65,536 of them are the most, later rows share the last block.
const BLOCK_ROWS: u64 = 16_384;
pub const LAST_BLOCK: u64 = (1 << BLOCK_BITS) - 1;

/// The entries of one bucket.
#[derive(Debug, Default)]
pub struct Bucket {
    pub pages: Vec<Vec<u64>>,
}

impl Bucket {
    pub fn push(&mut self, entry: u64) {
        match self.pages.last_mut() {
            Some(page) if page.len() < PAGE => page.push(entry),
            _ => {
                let mut page = Vec::with_capacity(PAGE);
                page.push(entry);
                self.pages.push(page);
            }
        }
    }

    pub fn len(&self) -> usize {
        self.pages.iter().map(Vec::len).sum()
    }

    fn entries(&self) -> impl Iterator<Item = u64> {
        self.pages.iter().flatten().copied()
    }

    /// The entries whose hash may occur twice: a bit a hash, and the few whose bit is taken.
    fn candidates(&self) -> Vec<u64> {
        let bits = (16 * self.len()).next_power_of_two().max(64);
        let mut once = vec![0_u64; bits / 64];
        let mut twice = vec![0_u64; bits / 64];
        let place = |entry: u64| {
            let bit = (entry >> BLOCK_BITS) as usize & (bits - 1);
            (bit / 64, 1 << (bit % 64))
        };
        for entry in self.entries() {
            let (word, bit) = place(entry);
            twice[word] |= once[word] & bit;
            once[word] |= bit;
        }
        let taken = |entry: &u64| {
            let (word, bit) = place(*entry);
            twice[word] & bit != 0
        };
        self.entries().filter(taken).collect()
    }
}

pub fn empty_buckets() -> Vec<Bucket> {
    std::iter::repeat_with(Bucket::default).take(BUCKETS).collect()
}

pub fn bucket(hash: u64) -> usize {
    (hash >> 56) as usize
}

/// 48 bits of the hash without its bucket, and the block.
pub fn entry(hash: u64, row: u64) -> u64 {
    (hash << 8) & !LAST_BLOCK | (row / BLOCK_ROWS).min(LAST_BLOCK)
}

/// The part of a hash that entries keep, bucket included.
pub fn kept_part(hash: u64) -> u64 {
    hash & !0xff
}

/// The hashes that occur more than once, and the blocks they stand in.
pub fn repeated(mut buckets: Vec<Bucket>) -> (FxHashSet<u64>, Vec<u64>) {
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(8);
    let share = buckets.len().div_ceil(threads).max(1);
    let parts: Vec<(Vec<u64>, Vec<u64>)> = std::thread::scope(|scope| {
        let workers: Vec<_> = buckets
            .chunks_mut(share)
            .enumerate()
            .map(|(part, buckets)| scope.spawn(move || repeated_in(part * share, buckets)))
            .collect();
        workers.into_iter().map(|worker| worker.join().unwrap_or_default()).collect()
    });
    let mut hashes = FxHashSet::default();
    let mut blocks = Vec::new();
    for (found, mut stand_in) in parts {
        hashes.extend(found);
        blocks.append(&mut stand_in);
    }
    blocks.sort_unstable();
    blocks.dedup();
    (hashes, blocks)
}

fn repeated_in(first: usize, buckets: &mut [Bucket]) -> (Vec<u64>, Vec<u64>) {
    let mut hashes = Vec::new();
    let mut blocks = Vec::new();
    for (bucket, entries) in (first as u64..).zip(buckets) {
        let mut entries = std::mem::take(entries).candidates();
        entries.sort_unstable();
        for run in entries.chunk_by(|a, b| a >> BLOCK_BITS == b >> BLOCK_BITS).filter(|run| run.len() > 1) {
            hashes.push(bucket << 56 | (run[0] & !LAST_BLOCK) >> 8);
            blocks.extend(run.iter().map(|entry| entry & LAST_BLOCK));
        }
        if blocks.len() > 1 << 16 {
            blocks.sort_unstable();
            blocks.dedup();
        }
    }
    (hashes, blocks)
}

/// Blocks as ranges of rows, neighbours joined.
pub fn ranges(blocks: Vec<u64>) -> Vec<Range<u64>> {
    let mut ranges: Vec<Range<u64>> = Vec::new();
    for block in blocks {
        let rows = block * BLOCK_ROWS..(block + 1) * BLOCK_ROWS;
        match ranges.last_mut() {
            Some(last) if last.end == rows.start => last.end = rows.end,
            _ => ranges.push(rows),
        }
    }
    ranges
}
