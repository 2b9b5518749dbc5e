//! Rows that nearly repeat an earlier one: `MinHash` to find them, the tokens themselves to be sure.
//!
//! A. Broder, *On the resemblance and containment of documents*, 1997: of two sets, the share of random orders in
//! which both have one least element is their resemblance. Eight bands of such least elements are kept of every
//! row; rows that share a band are compared by their tokens. A pair at the limit is missed in less than 1 % of
//! cases, one above it less often, and no pair below it counts.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use polars::prelude::*;
use rustc_hash::{FxHashMap, FxHashSet};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::accumulate::{Accumulator, Batch, Step, same};
use super::cells::Cells;
use super::rowhash::{self, hash_rows, mix};
use crate::data::statistic::{Breaches, Value};
use crate::support::problem::Problem;

const BANDS: usize = 8;
/// The most least elements of a band.
const WIDEST: usize = 10;
/// The share of pairs at the limit that are found at least.
const RECALL: f64 = 0.99;
/// Characters of a window over a text.
const WINDOW: usize = 5;
/// Earlier, different rows of a band that a row is compared with, the nearest first.
const COMPARED: usize = 8;
/// Bytes that a row takes until it is compared.
pub const BYTES_A_ROW: usize = 24 * BANDS + 16;

/// Least elements of a band, so that enough of the pairs at the limit share one: `1 − (1 − sʳ)⁸ ≥ 0.99`.
fn width(similarity: f64) -> usize {
    let least = 1.0 - (1.0 - RECALL).powf(1.0 / BANDS as f64);
    ((least.ln() / similarity.ln()).floor() as usize).clamp(1, WIDEST)
}

/// What all scans know.
struct Job {
    columns: Vec<String>,
    similarity: f64,
    width: usize,
    memory: usize,
}

/// The first scan: the bands of every row.
pub struct Banding {
    job: Arc<Job>,
    /// The row, its hash, and the bands.
    rows: Vec<(u64, u64, [u64; BANDS])>,
}

/// The second scan: the tokens of rows that may resemble another.
struct Verifying {
    job: Arc<Job>,
    /// A row, and an earlier one.
    pairs: Arc<Vec<(u64, u64)>>,
    wanted: Arc<BTreeSet<u64>>,
    tokens: BTreeMap<u64, Vec<u64>>,
    size: usize,
}

impl Banding {
    pub fn new(columns: &[String], similarity: f64, memory: usize) -> Self {
        let job = Job { columns: columns.to_vec(), similarity, width: width(similarity), memory };
        Self { job: Arc::new(job), rows: Vec::new() }
    }
}

impl Accumulator for Banding {
    fn twin(&self) -> Box<dyn Accumulator> {
        Box::new(Self { job: Arc::clone(&self.job), rows: Vec::new() })
    }

    fn fold(&mut self, batch: &Batch) -> PolarsResult<()> {
        let mut hashes = Vec::new();
        hash_rows(&physical(&self.job, batch)?, &mut hashes)?;
        let width = self.job.width;
        let rows = &mut self.rows;
        // Which pairs are found depends on these hashes, and is the same in every run.
        each_row(&self.job, batch, 0, |at, tokens| {
            if tokens.is_empty() {
                return;
            }
            let mut bands = [0; BANDS];
            for (band, value) in bands.iter_mut().enumerate() {
                for order in 0..width {
                    let seed = (band * WIDEST + order + 1) as u64;
                    let least = tokens.iter().map(|token| mix(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15), *token)).min();
                    *value = mix(*value ^ seed, least.unwrap_or_default());
                }
            }
            rows.push((batch.first_row + at as u64, hashes[at], bands));
        })
    }

    fn merge(&mut self, twin: Box<dyn Accumulator>) {
        self.rows.extend(same::<Self>(twin).rows);
    }

    fn finish(mut self: Box<Self>) -> Step {
        self.rows.sort_unstable_by_key(|(row, ..)| *row);
        let mut pairs: Vec<(u64, u64)> = Vec::new();
        for band in 0..BANDS {
            let mut by: Vec<(u64, usize)> = self.rows.iter().enumerate().map(|(at, row)| (row.2[band], at)).collect();
            by.sort_unstable();
            for group in by.chunk_by(|a, b| a.0 == b.0).filter(|group| group.len() > 1) {
                // Equal rows are another check's: of each text in the band the first row stands for all.
                let mut firsts: Vec<(u64, u64)> = Vec::new();
                let mut seen: FxHashSet<u64> = FxHashSet::default();
                for (_, at) in group {
                    let (row, hash, _) = self.rows[*at];
                    let others = firsts.iter().rev().filter(|(other, _)| *other != hash);
                    pairs.extend(others.take(COMPARED).map(|(_, earlier)| (row, *earlier)));
                    if seen.insert(hash) {
                        firsts.push((hash, row));
                    }
                }
            }
        }
        pairs.sort_unstable();
        pairs.dedup();
        let wanted: BTreeSet<u64> = pairs.iter().flat_map(|(a, b)| [*a, *b]).collect();
        let ranges: Vec<Range<u64>> = wanted.iter().map(|row| *row..row + 1).collect();
        if pairs.is_empty() {
            return Step::Done(Ok(Value::Breaches(Breaches::default())));
        }
        // A pair, and twice a row that is looked for.
        if 64 * pairs.len() > self.job.memory {
            return Step::Done(Err(too_many()));
        }
        let verifying = Verifying {
            job: self.job,
            pairs: Arc::new(pairs),
            wanted: Arc::new(wanted),
            tokens: BTreeMap::new(),
            size: 0,
        };
        Step::Again(Box::new(verifying), Some(ranges))
    }
}

impl Accumulator for Verifying {
    fn twin(&self) -> Box<dyn Accumulator> {
        Box::new(Self {
            job: Arc::clone(&self.job),
            pairs: Arc::clone(&self.pairs),
            wanted: Arc::clone(&self.wanted),
            tokens: BTreeMap::new(),
            size: 0,
        })
    }

    fn fold(&mut self, batch: &Batch) -> PolarsResult<()> {
        let rows = batch.first_row..batch.first_row + batch.frame.height() as u64;
        if self.size > self.job.memory || self.wanted.range(rows).next().is_none() {
            return Ok(());
        }
        let (wanted, tokens, size) = (&self.wanted, &mut self.tokens, &mut self.size);
        // Whether a pair is near must not depend on hashes that somebody could have chosen.
        each_row(&self.job, batch, rowhash::key(), |at, found| {
            let row = batch.first_row + at as u64;
            if wanted.contains(&row) {
                let mut found = found.to_vec();
                found.sort_unstable();
                found.dedup();
                *size += 8 * found.len() + 64;
                tokens.insert(row, found);
            }
        })
    }

    fn merge(&mut self, twin: Box<dyn Accumulator>) {
        let twin = same::<Self>(twin);
        self.size += twin.size;
        self.tokens.extend(twin.tokens);
    }

    fn finish(self: Box<Self>) -> Step {
        if self.size > self.job.memory {
            return Step::Done(Err(too_many()));
        }
        let mut breaches = Breaches::default();
        for pairs in self.pairs.chunk_by(|a, b| a.0 == b.0) {
            let row = pairs[0].0;
            let resembles = |earlier: &u64| {
                let both = self.tokens.get(&row).zip(self.tokens.get(earlier));
                both.is_some_and(|(a, b)| resemblance(a, b) >= self.job.similarity - 1e-12)
            };
            if pairs.iter().any(|(_, earlier)| resembles(earlier)) {
                breaches.count += 1;
                breaches.first_row.get_or_insert(row);
            }
        }
        Step::Done(Ok(Value::Breaches(breaches)))
    }
}

fn too_many() -> Problem {
    Problem::new("so many rows resemble each other that the memory does not hold them").hint("raise `max-memory`")
}

/// Jaccard's index of two ascending lists.
fn resemblance(a: &[u64], b: &[u64]) -> f64 {
    let (mut at, mut to, mut common) = (0, 0, 0);
    while at < a.len() && to < b.len() {
        match a[at].cmp(&b[to]) {
            std::cmp::Ordering::Less => at += 1,
            std::cmp::Ordering::Greater => to += 1,
            std::cmp::Ordering::Equal => (at, to, common) = (at + 1, to + 1, common + 1),
        }
    }
    f64::from(common) / (a.len() + b.len() - common as usize) as f64
}

fn physical(job: &Job, batch: &Batch) -> PolarsResult<Vec<Series>> {
    job.columns.iter().map(|name| batch.physical(name)).collect()
}

/// Calls back with the tokens of each row: windows of normalised text, rounded numbers, other values as they are.
fn each_row(job: &Job, batch: &Batch, key: u64, mut take: impl FnMut(usize, &[u64])) -> PolarsResult<()> {
    let columns = job.columns.iter().map(|name| Ok(batch.frame.column(name)?.as_materialized_series().clone()));
    let columns = columns.collect::<PolarsResult<Vec<Series>>>()?;
    let cells = columns.iter().map(Cells::of).collect::<PolarsResult<Vec<_>>>()?;
    let mut readers: Vec<Reader> =
        cells.iter().zip(&columns).zip(1..).map(|((cells, column), seed)| reader(cells, column, key ^ seed)).collect();
    let mut tokens = Vec::new();
    for row in 0..batch.frame.height() {
        tokens.clear();
        readers.iter_mut().for_each(|read| read(&mut tokens));
        take(row, &tokens);
    }
    Ok(())
}

type Reader<'a> = Box<dyn FnMut(&mut Vec<u64>) + 'a>;

fn reader<'a>(cells: &'a Cells, column: &Series, seed: u64) -> Reader<'a> {
    let token = move |bytes: &[u8]| xxh3_64_with_seed(bytes, seed);
    // Dates, times and booleans are what they are; of a number three digits count.
    let is_time = column.dtype().is_temporal();
    let mut known: FxHashMap<u64, u64> = FxHashMap::default();
    let mut number = move |value: f64| -> u64 {
        let value = value + 0.0;
        if known.len() > 65_536 {
            known.clear();
        }
        *known.entry(value.to_bits()).or_insert_with(|| {
            let text = if is_time { value.to_string() } else { format!("{value:.2e}") };
            token(text.as_bytes())
        })
    };
    match cells {
        Cells::Whole(values, scale) => {
            let mut values = values.iter();
            Box::new(move |tokens| tokens.extend(values.next().flatten().map(|value| number(scale.number(value)))))
        }
        Cells::Wide(values, scale) => {
            let mut values = values.iter();
            Box::new(move |tokens| tokens.extend(values.next().flatten().map(|value| number(scale.value(value)))))
        }
        Cells::Float(values) => {
            let mut values = values.iter();
            Box::new(move |tokens| {
                tokens.extend(values.next().flatten().filter(|value| !value.is_nan()).map(&mut number));
            })
        }
        Cells::Boolean(values) => {
            let mut values = values.iter();
            Box::new(move |tokens| tokens.extend(values.next().flatten().map(|value| token(&[u8::from(value)]))))
        }
        Cells::Text(values) => {
            let mut values = values.iter();
            let mut plain = String::new();
            Box::new(move |tokens| {
                if let Some(text) = values.next().flatten() {
                    normalise(text, &mut plain);
                    windows(&plain, |window| tokens.push(token(window.as_bytes())));
                }
            })
        }
        Cells::Other(_) => Box::new(|_| {}),
    }
}

/// In lower case, with one space for whatever is neither letter nor digit.
fn normalise(text: &str, plain: &mut String) {
    plain.clear();
    // Of the whole text: which sigma a Greek word ends in is not a matter of its character alone.
    for c in text.to_lowercase().chars() {
        if c.is_alphanumeric() {
            plain.push(c);
        } else if !plain.is_empty() && !plain.ends_with(' ') {
            plain.push(' ');
        }
    }
    plain.truncate(plain.trim_end().len());
}

/// Every run of five characters; all of a shorter text.
fn windows(text: &str, mut take: impl FnMut(&str)) {
    let starts: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
    match starts.len() - 1 {
        0 => {}
        1..WINDOW => take(text),
        _ => starts.windows(WINDOW + 1).for_each(|ends| take(&text[ends[0]..ends[WINDOW]])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_at_the_limit_is_nearly_always_found() {
        for similarity in [0.5_f64, 0.8, 0.9, 0.95, 0.99] {
            let shares_a_band = similarity.powi(width(similarity) as i32);
            assert!(1.0 - (1.0 - shares_a_band).powi(BANDS as i32) >= RECALL, "{similarity}");
        }
    }

    #[test]
    fn punctuation_and_case_are_not_words() {
        let mut plain = String::new();
        normalise("  Ça va?! -- OK\n", &mut plain);
        assert_eq!(plain, "ça va ok");
        let mut found = Vec::new();
        windows(&plain, |window| found.push(window.to_owned()));
        assert_eq!(found, ["ça va", "a va ", " va o", "va ok"]);
    }
}
