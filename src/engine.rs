//! Measures statistics of tables with Polars: footers first, then one scan a table.
#![expect(clippy::disallowed_methods, reason = "edge: reads tables")]

mod accumulate;
mod cells;
mod classes;
mod footer;
mod partitions;
mod predictions;
mod profile;
mod repeats;
mod rowhash;
mod scale;
mod scan;
mod source;
mod top;
mod types;

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

pub use source::Source;

use crate::problem::Problem;
use crate::statistic::{Key, Measured};
use crate::table::Role;
use crate::table::csv::Csv;
use crate::table::files::Files;
use crate::words::code;

/// How far a scan is, for whoever wants to show it.
#[derive(Debug, Default)]
pub struct Progress {
    rows: AtomicU64,
    expected: AtomicU64,
}

impl Progress {
    /// Rows scanned so far, and to be scanned as far as is known.
    pub fn get(&self) -> (u64, u64) {
        (self.rows.load(Ordering::Relaxed), self.expected.load(Ordering::Relaxed))
    }

    fn add(&self, rows: u64) {
        self.rows.fetch_add(rows, Ordering::Relaxed);
    }

    fn expect(&self, rows: u64) {
        self.expected.fetch_add(rows, Ordering::Relaxed);
    }
}

/// Opens a table; a reader that panics on a broken file is that file's problem.
///
/// # Errors
/// What is wrong with which file.
pub fn open(files: Files, csv: Csv) -> Result<Source, Problem> {
    let shown = files.shown.clone();
    catch_unwind(AssertUnwindSafe(|| Source::open(files, csv))).unwrap_or_else(|_| Err(gave_up(&shown)))
}

/// Measures every key whose table could be opened; `memory` bytes bound the state that grows with rows.
pub fn measure(
    sources: &BTreeMap<Role, Source>,
    keys: &BTreeSet<Key>,
    memory: usize,
    progress: &Arc<Progress>,
) -> Measured {
    sources.iter().flat_map(|(role, source)| measure_one(*role, source, keys, memory, progress)).collect()
}

/// Measures the keys of one table.
pub fn measure_one(
    role: Role,
    source: &Source,
    keys: &BTreeSet<Key>,
    memory: usize,
    progress: &Arc<Progress>,
) -> Measured {
    let mut measured = Measured::new();
    let mut left = Vec::new();
    for Key { statistic, .. } in keys.iter().filter(|key| key.table == role) {
        match source.known(statistic) {
            Some(value) => {
                measured.insert(Key { table: role, statistic: statistic.clone() }, value);
            }
            None => left.push(statistic.clone()),
        }
    }
    if !left.is_empty() {
        let means = accumulate::Means { memory, columns: left.len(), rows: source.info().rows };
        let scanned = catch_unwind(AssertUnwindSafe(|| scan::scan(source, &left, means, progress)));
        let scanned = scanned.unwrap_or_else(|_| {
            let problem = gave_up(source.shown());
            left.iter().map(|statistic| (statistic.clone(), Err(problem.clone()))).collect()
        });
        measured.extend(scanned.into_iter().map(|(statistic, value)| (Key { table: role, statistic }, value)));
    }
    measured
}

fn gave_up(path: &str) -> Problem {
    Problem::new(format!("{} could not be read: the reader gave up on it", code(path)))
        .hint("is the file whole? If it is, please report this as a bug of mlgate")
}
