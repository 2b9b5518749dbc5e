//! Hashes of rows in 256 buckets, 8 bytes a row, and which of them occur more than once.

use std::ops::Range;

use rustc_hash::FxHashSet;

pub const BUCKETS: usize = 256;
/// Entries of a page, 16 kB: buckets grow by pages, so that nothing is copied and little is reserved.
const PAGE: usize = 2048;
const BLOCK_BITS: u32 = 16;
/// Rows of a block; 65,536 of them are the most, later rows share the last block.
const BLOCK_ROWS: u64 = 16_384;
const LAST_BLOCK: u64 = (1 << BLOCK_BITS) - 1;

/// Looked through at this many entries, and whenever there are twice as many as after the last look.
const LOOK: usize = 65_536;

/// The entries of one bucket.
#[derive(Debug)]
pub struct Bucket {
    pages: Vec<Vec<u64>>,
    len: usize,
    look: usize,
}

/// Blocks of rows, a bit each.
#[derive(Debug, Clone, PartialEq)]
pub struct Blocks(Vec<u64>);

impl Blocks {
    pub fn none() -> Self {
        Self(vec![0; 1 << (BLOCK_BITS - 6)])
    }

    pub fn add_row(&mut self, row: u64) {
        self.add((row / BLOCK_ROWS).min(LAST_BLOCK));
    }

    fn add(&mut self, block: u64) {
        self.0[(block / 64) as usize] |= 1 << (block % 64);
    }

    pub fn add_all(&mut self, other: &Self) {
        self.0.iter_mut().zip(&other.0).for_each(|(word, more)| *word |= more);
    }

    /// As ranges of rows, neighbours joined; `None` where the last block is among them, which has no end.
    pub fn ranges(&self) -> Option<Vec<Range<u64>>> {
        let has = |block: &u64| self.0[(block / 64) as usize] & (1 << (block % 64)) != 0;
        if has(&LAST_BLOCK) {
            return None;
        }
        let mut ranges: Vec<Range<u64>> = Vec::new();
        for block in (0..LAST_BLOCK).filter(has) {
            let rows = block * BLOCK_ROWS..(block + 1) * BLOCK_ROWS;
            match ranges.last_mut() {
                Some(last) if last.end == rows.start => last.end = rows.end,
                _ => ranges.push(rows),
            }
        }
        Some(ranges)
    }
}

impl Bucket {
    /// Adds an entry. Of a hash that fills the bucket two entries stay, and the blocks of the others;
    /// returns how many were let go.
    pub fn push(&mut self, entry: u64, let_go: &mut Blocks) -> usize {
        match self.pages.last_mut() {
            Some(page) if page.len() < PAGE => page.push(entry),
            _ => {
                let mut page = Vec::with_capacity(PAGE);
                page.push(entry);
                self.pages.push(page);
            }
        }
        self.len += 1;
        if self.len < self.look { 0 } else { self.thin(let_go) }
    }

    fn thin(&mut self, let_go: &mut Blocks) -> usize {
        let before = self.len;
        let mut entries: Vec<u64> = self.pages.drain(..).flatten().collect();
        entries.sort_unstable();
        let mut kept = Vec::new();
        for run in entries.chunk_by(|a, b| a >> BLOCK_BITS == b >> BLOCK_BITS) {
            let (stay, go) = run.split_at(run.len().min(2));
            kept.extend(stay);
            go.iter().for_each(|entry| let_go.add(entry & LAST_BLOCK));
        }
        self.len = kept.len();
        self.look = self.look.max(2 * kept.len());
        self.pages = kept.chunks(PAGE).map(<[u64]>::to_vec).collect();
        before - self.len
    }

    pub fn len(&self) -> usize {
        self.len
    }

    pub fn clear(&mut self) {
        self.pages.clear();
        self.len = 0;
    }

    pub fn append(&mut self, twin: Self) {
        self.len += twin.len;
        self.pages.extend(twin.pages);
    }

    fn entries(&self) -> impl Iterator<Item = u64> {
        self.pages.iter().flatten().copied()
    }

    /// The entries whose hash may occur twice: a bit a hash, and the few whose bit is taken.
    fn candidates(&self) -> Vec<u64> {
        let bits = (16 * self.len).next_power_of_two().max(64);
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

/// Empty buckets that together stay near `memory` bytes where few hashes are distinct.
pub fn empty_buckets(memory: usize) -> Vec<Bucket> {
    let look = (memory / 128).clamp(1024, LOOK);
    std::iter::repeat_with(|| Bucket { pages: Vec::new(), len: 0, look }).take(BUCKETS).collect()
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
pub fn repeated(buckets: &[Bucket]) -> (FxHashSet<u64>, Blocks) {
    let threads = crate::engine::threads().min(8);
    let share = buckets.len().div_ceil(threads).max(1);
    let parts: Vec<(Vec<u64>, Blocks)> = std::thread::scope(|scope| {
        let work = |(part, buckets): (usize, _)| scope.spawn(move || repeated_in(part * share, buckets));
        let workers: Vec<_> = buckets.chunks(share).enumerate().map(work).collect();
        let joined = |worker: std::thread::ScopedJoinHandle<'_, _>| {
            worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        workers.into_iter().map(joined).collect()
    });
    let mut hashes = FxHashSet::default();
    let mut blocks = Blocks::none();
    for (found, stand_in) in parts {
        hashes.extend(found);
        blocks.add_all(&stand_in);
    }
    (hashes, blocks)
}

fn repeated_in(first: usize, buckets: &[Bucket]) -> (Vec<u64>, Blocks) {
    let mut hashes = Vec::new();
    let mut blocks = Blocks::none();
    for (bucket, entries) in (first as u64..).zip(buckets) {
        let mut entries = entries.candidates();
        entries.sort_unstable();
        for run in entries.chunk_by(|a, b| a >> BLOCK_BITS == b >> BLOCK_BITS).filter(|run| run.len() > 1) {
            hashes.push(bucket << 56 | (run[0] & !LAST_BLOCK) >> 8);
            run.iter().for_each(|entry| blocks.add(entry & LAST_BLOCK));
        }
    }
    (hashes, blocks)
}
