//! Measures statistics of tables with Polars: footers first, then one scan a table.
#![expect(clippy::disallowed_methods, reason = "edge: reads tables")]

mod accumulate;
mod batches;
mod cells;
mod classes;
mod conditions;
mod contrasts;
mod distribution;
mod ending;
mod file_columns;
mod file_digest;
mod fingerprint;
mod footer;
mod leakage;
mod moments;
mod near;
mod occurring;
mod pages;
mod part;
mod partial_scan;
mod partitions;
mod predictions;
mod profile;
mod recent;
mod proof;
mod repeats;
mod rowhash;
mod scale;
mod scan;
mod source;
mod top;
mod types;
mod value_repeats;

use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

pub use batches::{Made, Slice, Written, batches};
use distribution::Budget;
pub use recent::rows_since;
pub use source::{Footers, Source};
pub use value_repeats::ROWS_PER_REPEAT;

use crate::data::profile::Profile;
use crate::data::statistic::{Key, Measured, Statistic, Value};
use crate::data::table::csv::Csv;
use crate::data::table::files::Files;
use crate::data::table::{Role, TableInfo};
use crate::support::problem::Problem;
use crate::support::words::code;

/// How far a scan is, for whoever wants to show it.
#[derive(Debug, Default)]
pub struct Progress {
    rows: AtomicU64,
    expected: AtomicU64,
    is_stopped: AtomicBool,
}

impl Progress {
    /// Rows scanned so far, and to be scanned as far as is known.
    pub fn get(&self) -> (u64, u64) {
        (self.rows.load(Ordering::Relaxed), self.expected.load(Ordering::Relaxed))
    }

    /// Nobody waits for the rest any more.
    pub fn stop(&self) {
        self.is_stopped.store(true, Ordering::Relaxed);
    }

    /// Whether the rest is of no use.
    pub fn is_stopped(&self) -> bool {
        self.is_stopped.load(Ordering::Relaxed)
    }

    /// So many more are done.
    pub fn add(&self, rows: u64) {
        self.rows.fetch_add(rows, Ordering::Relaxed);
    }

    /// So many more are to be done.
    pub fn expect(&self, rows: u64) {
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

/// How many threads scan a table.
fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// A table that can be asked: itself, or what was kept of it.
pub enum Opened {
    Table(Box<Source>),
    Profile(Box<Profile>),
}

impl Opened {
    pub fn info(&self) -> TableInfo {
        match self {
            Self::Table(source) => source.info().clone(),
            Self::Profile(profile) => profile.info(),
        }
    }

    /// Bytes that what is collected of the column takes for certain.
    fn bytes_of(&self, column: &str) -> usize {
        match self {
            Self::Table(source) => source.bytes_of_distribution(column).0,
            Self::Profile(_) => 0,
        }
    }

    /// Bytes that it takes at most.
    fn most_bytes_of(&self, column: &str) -> usize {
        match self {
            Self::Table(source) => source.bytes_of_distribution(column).1,
            Self::Profile(_) => 0,
        }
    }

    pub fn table(&self) -> Option<&Source> {
        match self {
            Self::Table(source) => Some(source),
            Self::Profile(_) => None,
        }
    }
}

/// Measures every key whose tables could be opened; `memory` bytes bound the state that grows with rows.
///
/// Every table is scanned once for everything, and again where a statistic asks for it, or where the columns
/// that are compared do not fit the memory together. `tell` hears what is known as soon as it is.
pub fn measure(
    sources: &BTreeMap<Role, Opened>,
    keys: &BTreeSet<Key>,
    memory: usize,
    progress: &Arc<Progress>,
    tell: &mut dyn FnMut(&Measured),
) -> Measured {
    // A model's own questions are for [`crate::runtime::lab`].
    let is_there = |key: &&Key| {
        !matches!(key.statistic, Statistic::Probe(_)) && key.tables().all(|role| sources.contains_key(&role))
    };
    let (compared, others): (BTreeSet<Key>, BTreeSet<Key>) =
        keys.iter().filter(is_there).cloned().partition(contrasts::are_compared);
    let share = if others.iter().any(|key| scan::grows(&key.statistic)) { memory / 2 } else { memory };
    let mut groups = contrasts::groups(&compared, sources, share);
    let mut pairs = occurring::Table::of(&others, sources, share);
    let mut measured = pairs.problems();
    let unread = others.iter().filter_map(|key| {
        let known = sources.get(&key.table)?.table()?.known(&key.statistic)?;
        Some((key.clone(), known))
    });
    tell(&unread.collect());

    let first = groups.pop_front().unwrap_or_default();
    let mut collected = Measured::new();
    let mut order: Vec<(&Role, &Opened)> = sources.iter().collect();
    order.sort_by_key(|(role, _)| pairs.order(**role));
    for (role, source) in order {
        let mut wanted: BTreeSet<Key> = others.iter().filter(|key| key.table == *role).cloned().collect();
        wanted.retain(|key| !matches!(key.statistic, Statistic::Occurring { .. }));
        wanted.extend(
            first.jobs.iter().filter_map(|job| job.collects(*role)).map(|statistic| Key { table: *role, statistic }),
        );
        wanted.extend(pairs.asks(*role));
        let found = measure_one(*role, source, &wanted, &pairs.known, share, &first.budget, progress);
        let (of_pairs, found): (Measured, Measured) =
            found.into_iter().partition(|(key, _)| matches!(key.statistic, Statistic::Occurring { .. }));
        pairs.take(of_pairs);
        let (columns, found): (Measured, Measured) =
            found.into_iter().partition(|(key, _)| contrasts::are_compared(key));
        collected.extend(columns);
        tell(&found);
        measured.extend(found);
    }
    let (answered, without) = contrasts::answer(first, std::mem::take(&mut collected));
    measured.extend(answered);
    groups.extend(contrasts::regrouped(without, sources, share));
    let confirmed = catch_unwind(AssertUnwindSafe(|| pairs.confirmed(sources, share, progress)));
    measured.extend(confirmed.unwrap_or_default());
    while let Some(group) = groups.pop_front() {
        for (role, source) in sources {
            let wanted = group.jobs.iter().filter_map(|job| job.collects(*role));
            let wanted = wanted.map(|statistic| Key { table: *role, statistic }).collect();
            collected.extend(measure_one(*role, source, &wanted, &BTreeMap::new(), share, &group.budget, progress));
        }
        let (answered, without) = contrasts::answer(group, std::mem::take(&mut collected));
        measured.extend(answered);
        groups.extend(contrasts::regrouped(without, sources, share));
    }
    // Whose footers lie in one column may lie in all.
    for (key, value) in &mut measured {
        let mut tables = key.tables().filter_map(|role| sources.get(&role)?.table());
        if let Some(problem) = tables.find_map(Source::difference) {
            *value = Err(problem);
        }
    }
    // A bug costs its verdict, not the report.
    for key in keys.iter().filter(is_there) {
        let lost = || Err(Problem::new("it could not be computed: this is a bug in mlgate").hint("please report it"));
        measured.entry(key.clone()).or_insert_with(lost);
    }
    tell(&measured);
    measured
}

/// Returns the keys whose values come from footers, and whose data no scan has looked at.
pub fn from_footers(sources: &BTreeMap<Role, Opened>, keys: &BTreeSet<Key>) -> BTreeSet<Key> {
    let rests = |key: &&Key| {
        let table = sources.get(&key.table).and_then(Opened::table);
        table.is_some_and(|table| table.rests_on_footer(&key.statistic))
    };
    keys.iter().filter(rests).cloned().collect()
}

/// Measures keys of one table by itself.
pub fn measure_table(
    role: Role,
    source: &Source,
    keys: &BTreeSet<Key>,
    memory: usize,
    progress: &Arc<Progress>,
) -> Measured {
    scan_one(role, source, keys, &BTreeMap::new(), memory, &Arc::new(Budget::of(memory)), progress)
}

fn measure_one(
    role: Role,
    source: &Opened,
    keys: &BTreeSet<Key>,
    pairs: &occurring::Pairs,
    memory: usize,
    distributions: &Arc<Budget>,
    progress: &Arc<Progress>,
) -> Measured {
    match source {
        Opened::Table(source) => scan_one(role, source, keys, pairs, memory, distributions, progress),
        Opened::Profile(profile) => keys.iter().map(|key| (key.clone(), profiled(profile, &key.statistic))).collect(),
    }
}

/// What a profile knows.
fn profiled(profile: &Profile, statistic: &Statistic) -> Result<Value, Problem> {
    let known = match statistic {
        Statistic::RowCount => Some(Value::Count(profile.rows)),
        Statistic::NullCount { column, also } if also.is_empty() => profile.missing(column).map(Value::Count),
        Statistic::Distribution { column, .. } => {
            profile.distribution(column).map(|distribution| Value::Distribution(Arc::new(distribution)))
        }
        _ => None,
    };
    known.ok_or_else(|| {
        Problem::new("a profile does not say that: it holds counts, quantiles and categories")
            .hint("name the table itself")
    })
}

fn scan_one(
    role: Role,
    source: &Source,
    keys: &BTreeSet<Key>,
    pairs: &occurring::Pairs,
    memory: usize,
    distributions: &Arc<Budget>,
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
        let (columns, rows) = (left.len(), source.info().rows);
        let means = accumulate::Means { memory, columns, rows, pairs, distributions };
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
