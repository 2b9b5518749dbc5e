//! Rows whose key occurs in another table too: exact, by hashes first.
//!
//! The first table's scan keeps the hash of every key; the other table's scan looks its rows up. Only rows whose
//! hash was found are read again, from both, and compared byte by byte: where nothing leaks, nothing is.

mod table;

use std::sync::Arc;

use polars::prelude::*;
use rustc_hash::{FxHashMap, FxHashSet};
pub use table::{Pairs, Table};

use super::accumulate::{Accumulator, Batch, Step, same};
use super::repeats::buckets::Blocks;
use super::rowhash::{hash_rows, physical, write_row};
use super::scan::{self, Pass};
use super::source::Source;
use super::types::Common;
use super::{Progress, types};
use crate::data::statistic::{Breaches, EngineState, Missing, Value};
use crate::data::table::Role;
use crate::support::problem::Problem;
use crate::support::words::code;

/// Bytes that a key takes while its hash is looked up.
const BYTES_A_KEY: u64 = 24;

/// A statistic of two tables, and what its first scan found.
#[derive(Debug, Clone)]
pub struct Pair {
    columns: Arc<Vec<(String, Common)>>,
    missing: Missing,
    hashes: Option<Arc<FxHashSet<u64>>>,
}

/// What the scan of the other table found: hashes that occur in both, and where there.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    hashes: Arc<FxHashSet<u64>>,
    blocks: Blocks,
}

/// What a scan hands on to the next.
#[derive(Debug, Clone, PartialEq)]
pub enum Handed {
    Hashes(Arc<FxHashSet<u64>>),
    Found(Found),
}

impl Pair {
    /// # Errors
    /// The tables' columns cannot be compared, or there are too many rows for the memory.
    pub fn new(
        columns: &[String],
        missing: Missing,
        (role, here): (Role, &Source),
        (within, there): (Role, &Source),
        memory: usize,
    ) -> Result<Self, Problem> {
        let needed = here.info().rows * BYTES_A_KEY;
        if needed > memory as u64 {
            let (needed, there) = (needed / 1_000_000, memory / 1_000_000);
            return Err(Problem::new(format!(
                "the keys of the {role} table take {needed} MB, and there are {there} MB"
            ))
            .hint("raise `max-memory`"));
        }
        let one = |name: &String| {
            let (Some(a), Some(b)) = (here.schema().get(name), there.schema().get(name)) else {
                let lacks = if here.schema().contains(name) { within } else { role };
                return Err(Problem::new(format!("the {lacks} table has no column {}", code(name))));
            };
            let common = types::comparable(a, b).ok_or_else(|| {
                let (a, b) = (types::kind(a), types::kind(b));
                Problem::new(format!("{} is {a} in the {role} table and {b} in the {within} table", code(name)))
                    .hint("write both with one type, or name the `columns` to compare")
            })?;
            Ok((name.clone(), common))
        };
        let columns = columns.iter().map(one).collect::<Result<Vec<_>, _>>()?;
        Ok(Self { columns: Arc::new(columns), missing, hashes: None })
    }

    #[must_use]
    pub fn with(self, hashes: Arc<FxHashSet<u64>>) -> Self {
        Self { hashes: Some(hashes), ..self }
    }

    /// The accumulator of the scan that is next.
    pub fn accumulator(&self) -> Box<dyn Accumulator> {
        match &self.hashes {
            None => Box::new(Keys { keys: self.clone(), hashes: FxHashSet::default(), scratch: Vec::new() }),
            Some(hashes) => Box::new(Probe {
                keys: self.clone(),
                known: Arc::clone(hashes),
                found: FxHashSet::default(),
                blocks: Blocks::none(),
                scratch: Vec::new(),
            }),
        }
    }

    /// The columns as plain values of the types that both tables can have.
    fn columns(&self, batch: &Batch) -> PolarsResult<Vec<Series>> {
        let one = |(name, common): &(String, Common)| {
            let column = batch.frame.column(name)?.as_materialized_series();
            match common {
                Common::AsTheyAre => physical(column),
                Common::Cast(dtype) => physical(&column.strict_cast(dtype)?),
                Common::Nanoseconds => {
                    let unit: i128 = match column.dtype() {
                        DataType::Datetime(TimeUnit::Milliseconds, _) => 1_000_000,
                        DataType::Datetime(TimeUnit::Microseconds, _) => 1_000,
                        _ => 1,
                    };
                    let wide = physical(column)?.cast(&DataType::Int128)?;
                    Ok(wide.i128()?.apply_values(|value| value * unit).into_series())
                }
            }
        };
        self.columns.iter().map(one).collect()
    }

    /// Which rows have a key.
    fn has_key(&self, columns: &[Series]) -> PolarsResult<Option<BooleanChunked>> {
        if self.missing == Missing::Equal {
            return Ok(None);
        }
        let mut all: Option<BooleanChunked> = None;
        for column in columns {
            let mut here = column.is_not_null();
            if column.dtype().is_float() {
                here = &here & &column.is_not_nan()?;
            }
            all = Some(match all {
                Some(all) => &all & &here,
                None => here,
            });
        }
        Ok(all)
    }

    /// Rows with a key, and its hash.
    fn hashed(&self, columns: &[Series], scratch: &mut Vec<u64>) -> PolarsResult<Vec<(usize, u64)>> {
        hash_rows(columns, scratch)?;
        let has_key = self.has_key(columns)?;
        let all = scratch.iter().copied().enumerate();
        Ok(match has_key {
            Some(mask) => all.zip(mask.iter()).filter(|(_, has)| *has == Some(true)).map(|(row, _)| row).collect(),
            None => all.collect(),
        })
    }
}

/// The first table's keys.
struct Keys {
    keys: Pair,
    hashes: FxHashSet<u64>,
    scratch: Vec<u64>,
}

impl Accumulator for Keys {
    fn twin(&self) -> Box<dyn Accumulator> {
        Box::new(Self { keys: self.keys.clone(), hashes: FxHashSet::default(), scratch: Vec::new() })
    }

    fn fold(&mut self, batch: &Batch) -> PolarsResult<()> {
        let columns = self.keys.columns(batch)?;
        let hashed = self.keys.hashed(&columns, &mut self.scratch)?;
        self.hashes.extend(hashed.into_iter().map(|(_, hash)| hash));
        Ok(())
    }

    fn merge(&mut self, twin: Box<dyn Accumulator>) {
        let mut twin = same::<Self>(twin);
        if twin.hashes.len() > self.hashes.len() {
            std::mem::swap(&mut self.hashes, &mut twin.hashes);
        }
        self.hashes.extend(twin.hashes);
    }

    fn finish(self: Box<Self>) -> Step {
        Step::Done(Ok(Value::EngineState(EngineState::new(Handed::Hashes(Arc::new(self.hashes))))))
    }
}

/// The other table's rows, looked up.
struct Probe {
    keys: Pair,
    known: Arc<FxHashSet<u64>>,
    found: FxHashSet<u64>,
    blocks: Blocks,
    scratch: Vec<u64>,
}

impl Accumulator for Probe {
    fn twin(&self) -> Box<dyn Accumulator> {
        Box::new(Self {
            keys: self.keys.clone(),
            known: Arc::clone(&self.known),
            found: FxHashSet::default(),
            blocks: Blocks::none(),
            scratch: Vec::new(),
        })
    }

    fn fold(&mut self, batch: &Batch) -> PolarsResult<()> {
        let columns = self.keys.columns(batch)?;
        // A missing key was never put in, so its hash is not found.
        hash_rows(&columns, &mut self.scratch)?;
        for (row, hash) in (batch.first_row..).zip(&self.scratch) {
            if self.known.contains(hash) {
                self.found.insert(*hash);
                self.blocks.add_row(row);
            }
        }
        Ok(())
    }

    fn merge(&mut self, twin: Box<dyn Accumulator>) {
        let twin = same::<Self>(twin);
        self.found.extend(twin.found);
        self.blocks.add_all(&twin.blocks);
    }

    fn finish(self: Box<Self>) -> Step {
        let found = Found { hashes: Arc::new(self.found), blocks: self.blocks };
        Step::Done(Ok(Value::EngineState(EngineState::new(Handed::Found(found)))))
    }
}

/// How many rows have a key, by its bytes, and the first of them.
type Keyed = FxHashMap<Box<[u8]>, (u64, u64)>;

/// The rows of a table whose hash was found, by their bytes: how many, and the first.
struct Suspects {
    keys: Pair,
    hashes: Arc<FxHashSet<u64>>,
    rows: Keyed,
    size: usize,
    memory: usize,
    scratch: Vec<u64>,
}

impl Suspects {
    fn new(keys: &Pair, hashes: &Arc<FxHashSet<u64>>, memory: usize) -> Self {
        let hashes = Arc::clone(hashes);
        Self { keys: keys.clone(), hashes, rows: FxHashMap::default(), size: 0, memory, scratch: Vec::new() }
    }

    fn add(&mut self, key: Box<[u8]>, count: u64, first: u64) {
        let size = key.len() + 64;
        let known = self.rows.entry(key).or_insert_with(|| {
            self.size += size;
            (0, first)
        });
        known.0 += count;
        known.1 = known.1.min(first);
    }
}

impl Accumulator for Suspects {
    fn twin(&self) -> Box<dyn Accumulator> {
        Box::new(Self::new(&self.keys, &self.hashes, self.memory))
    }

    fn fold(&mut self, batch: &Batch) -> PolarsResult<()> {
        if self.size > self.memory {
            return Ok(());
        }
        let columns = self.keys.columns(batch)?;
        let mut scratch = std::mem::take(&mut self.scratch);
        for (row, hash) in self.keys.hashed(&columns, &mut scratch)? {
            if self.hashes.contains(&hash) {
                let mut key = Vec::new();
                write_row(&columns, row, &mut key)?;
                self.add(key.into(), 1, batch.first_row + row as u64);
            }
        }
        self.scratch = scratch;
        Ok(())
    }

    fn merge(&mut self, twin: Box<dyn Accumulator>) {
        let twin = same::<Self>(twin);
        self.size = self.size.max(twin.size);
        for (key, (count, first)) in twin.rows {
            self.add(key, count, first);
        }
    }

    fn finish(self: Box<Self>) -> Step {
        Step::Done(Ok(Value::Count(self.rows.len() as u64)))
    }
}

/// Rows of `here` whose key is in `there`, once both scans found their hashes.
pub fn confirmed(
    pair: &Pair,
    found: &Found,
    (here, there): (&Source, &Source),
    memory: usize,
    progress: &Arc<Progress>,
) -> Result<Value, Problem> {
    if found.hashes.is_empty() {
        return Ok(Value::Breaches(Breaches::default()));
    }
    let rows = |source: &Source, blocks: Option<&Blocks>| -> Result<Keyed, Problem> {
        let columns = pair.columns.iter().map(|(name, _)| name.clone()).collect();
        let set: Vec<Box<dyn Accumulator>> = vec![Box::new(Suspects::new(pair, &found.hashes, memory / 2))];
        let pass = Pass { columns, ranges: blocks.and_then(Blocks::ranges) };
        let set = scan::pass(source, pass, set, progress).map_err(|error| error.problem(source))?;
        let mut suspects = set.into_iter().map(same::<Suspects>);
        let Some(suspects) = suspects.next().filter(|suspects| suspects.size <= memory / 2) else {
            let said = "so many rows occur in both tables that the memory does not hold them";
            return Err(Problem::new(said).hint("raise `max-memory`"));
        };
        Ok(suspects.rows)
    };
    let (mine, theirs) = (rows(here, None)?, rows(there, Some(&found.blocks))?);
    let mut breaches = Breaches::default();
    for (key, (count, first)) in mine {
        if theirs.contains_key(&key) {
            breaches.count += count;
            breaches.first_row = Some(breaches.first_row.map_or(first, |row| row.min(first)));
        }
    }
    Ok(Value::Breaches(breaches))
}
