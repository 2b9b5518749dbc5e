//! One scan of a table for all statistics at once, and another where a statistic asks for it.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use polars::prelude::*;
use polars::series::IsSorted;
use rayon::prelude::*;

use super::Progress;
use super::accumulate::{self, Accumulator, Batch, Means, Step};
use super::source::Source;
use crate::data::statistic::{Statistic, Value};
use crate::support::problem::Problem;

const ROW: &str = "\u{0}row";
/// More ranges than this, or most of the rows, and one scan of everything is cheaper.
const MOST_RANGES: usize = 64;

/// The accumulators of one thread, in the order of the statistics.
pub type Set = Vec<Box<dyn Accumulator>>;

/// Why a scan ended before the table did.
#[derive(Debug)]
pub enum ScanError {
    /// What the engine says, of a value or a condition.
    Engine(PolarsError),
    /// What concerns the table as a whole: a file that is gone, or not as it was.
    Table(Problem),
}

impl ScanError {
    pub fn problem(&self, source: &Source) -> Problem {
        match self {
            Self::Engine(error) => source.problem(error),
            Self::Table(problem) => problem.clone(),
        }
    }
}

impl From<PolarsError> for ScanError {
    fn from(error: PolarsError) -> Self {
        Self::Engine(error)
    }
}

impl From<Problem> for ScanError {
    fn from(problem: Problem) -> Self {
        Self::Table(problem)
    }
}

/// Measures `statistics`; each gets its value or its own problem.
pub fn scan(
    source: &Source,
    statistics: &[Statistic],
    means: Means<'_>,
    progress: &Arc<Progress>,
) -> BTreeMap<Statistic, Result<Value, Problem>> {
    let mut done = BTreeMap::new();
    if progress.is_stopped() {
        let stopped = Problem::new("the scan was stopped");
        return statistics.iter().map(|statistic| (statistic.clone(), Err(stopped.clone()))).collect();
    }
    match attempt(source, statistics, means, progress) {
        Ok(values) => done.extend(values),
        Err(ScanError::Table(problem)) => {
            done.extend(statistics.iter().map(|statistic| (statistic.clone(), Err(problem.clone()))));
        }
        Err(ScanError::Engine(error)) => {
            // What fails on some column or condition must not take the other statistics with it.
            let (alone, together): (Vec<_>, Vec<_>) =
                statistics.iter().cloned().partition(|one| source.skips_rows() || fallible(one));
            if statistics.len() == 1 || alone.is_empty() {
                let problem = source.problem(&error);
                done.extend(statistics.iter().map(|statistic| (statistic.clone(), Err(problem.clone()))));
                return done;
            }
            for statistic in alone {
                done.extend(scan(source, &[statistic], means, progress));
            }
            if !together.is_empty() {
                done.extend(scan(source, &together, means, progress));
            }
        }
    }
    done
}

/// Statistics whose computation can fail by itself on data that can be read.
fn fallible(statistic: &Statistic) -> bool {
    matches!(statistic, Statistic::Violations { .. })
}

fn attempt(
    source: &Source,
    statistics: &[Statistic],
    means: Means<'_>,
    progress: &Arc<Progress>,
) -> Result<BTreeMap<Statistic, Result<Value, Problem>>, ScanError> {
    let mut done = BTreeMap::new();
    let memory = means.memory;
    let means = Means { memory: means.memory / greedy(statistics).max(1), columns: statistics.len(), ..means };
    let mut open: Vec<(Statistic, Box<dyn Accumulator>)> = Vec::new();
    for statistic in statistics {
        match accumulate::of(statistic, source.schema(), means) {
            Ok(accumulator) => open.push((statistic.clone(), accumulator)),
            Err(problem) => {
                done.insert(statistic.clone(), Err(problem));
            }
        }
    }
    let mut ranges: Option<Vec<Range<u64>>> = None;
    while !open.is_empty() {
        let (names, mut set): (Vec<Statistic>, Set) = open.drain(..).unzip();
        let mut columns: Vec<String> = names.iter().flat_map(accumulate::columns).collect();
        // Only a scan of everything sees what the footers speak of.
        let proving = if ranges.is_none() { source.proving(&columns) } else { None };
        let compared = proving.as_ref().map(super::proof::Proving::columns);
        if let Some(proving) = proving {
            columns.extend(proving.columns());
            set.push(Box::new(proving));
        }
        if let Some(problem) = source.bomb(&columns, memory) {
            return Ok(statistics.iter().map(|statistic| (statistic.clone(), Err(problem.clone()))).collect());
        }
        let mut finished = match pass(source, Pass { columns, ranges: ranges.take() }, set, progress) {
            // Of a table that is decoded as a whole, one column that cannot be is a lie of its footer.
            Err(error) if compared.is_some() && source.is_decoded() => {
                let problem = error.problem(source);
                source.proven(Vec::new(), Err(problem.clone()));
                return Ok(statistics.iter().map(|statistic| (statistic.clone(), Err(problem.clone()))).collect());
            }
            finished => finished?,
        };
        if let Some(compared) = compared
            && let Some(proof) = finished.pop()
        {
            let outcome = match proof.finish() {
                Step::Done(Err(problem)) => Err(problem),
                _ => Ok(()),
            };
            source.proven(compared, outcome.clone());
            if let Err(problem) = outcome {
                return Ok(statistics.iter().map(|statistic| (statistic.clone(), Err(problem.clone()))).collect());
            }
        }
        let mut wanted: Option<Vec<Range<u64>>> = Some(Vec::new());
        // Some sort what they kept.
        let steps: Vec<Step> = finished.into_par_iter().map(Accumulator::finish).collect();
        for (statistic, step) in names.into_iter().zip(steps) {
            match step {
                Step::Done(value) => {
                    done.insert(statistic, value);
                }
                Step::Again(next, rows) => {
                    wanted = wanted.zip(rows).map(|(mut all, rows)| {
                        all.extend(rows);
                        all
                    });
                    open.push((statistic, next));
                }
            }
        }
        ranges = wanted.map(joined);
    }
    Ok(done)
}

/// Whether the statistic keeps state that grows with the rows.
pub fn grows(statistic: &Statistic) -> bool {
    matches!(
        statistic,
        Statistic::Repeats { .. }
            | Statistic::Conflicts { .. }
            | Statistic::TopCount { .. }
            | Statistic::Rows(_)
            | Statistic::Sorted { .. }
            | Statistic::NearRepeats { .. }
    )
}

/// How many of the statistics keep state that grows with the rows.
fn greedy(statistics: &[Statistic]) -> usize {
    let is_top = |statistic: &&Statistic| matches!(statistic, Statistic::TopCount { .. });
    let tops = statistics.iter().any(|statistic| is_top(&statistic));
    let hashes = statistics.iter().filter(|statistic| grows(statistic) && !is_top(statistic)).count();
    hashes + usize::from(tops)
}

/// Overlapping and neighbouring ranges as one.
fn joined(mut ranges: Vec<Range<u64>>) -> Vec<Range<u64>> {
    ranges.sort_unstable_by_key(|range| range.start);
    let mut all: Vec<Range<u64>> = Vec::new();
    for range in ranges {
        match all.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => all.push(range),
        }
    }
    all
}

/// What of a table is read.
pub struct Pass {
    pub columns: Vec<String>,
    /// Rows that suffice.
    pub ranges: Option<Vec<Range<u64>>>,
}

/// Folds the rows of the table, or of some ranges of it, into the accumulators.
pub fn pass(source: &Source, pass: Pass, set: Set, progress: &Arc<Progress>) -> Result<Set, ScanError> {
    let Pass { mut columns, ranges } = pass;
    let total = source.info().rows;
    let few = |ranges: &Vec<Range<u64>>| {
        source.skips_rows()
            && ranges.len() <= MOST_RANGES
            && ranges.iter().map(|range| range.end - range.start).sum::<u64>() < total / 2
    };
    let parts = ranges.filter(few).unwrap_or_else(|| std::iter::once(0..total).collect());
    progress.expect(parts.iter().map(|range| range.end.min(total) - range.start).sum());

    columns.sort_unstable();
    columns.dedup();
    let mut wanted: Vec<Expr> = columns.iter().map(|name| Expr::Column(name.as_str().into())).collect();
    wanted.push(Expr::Column(ROW.into()));

    let pool = Arc::new(Mutex::new(vec![set]));
    for part in source.parts() {
        let inside = |range: &Range<u64>| range.start.max(part.rows.start)..range.end.min(part.rows.end);
        let mut ranges = parts.iter().map(inside).filter(|range| range.start < range.end).peekable();
        if ranges.peek().is_none() {
            continue;
        }
        let open = source.open_part(part)?;
        for range in ranges {
            let mut frame = open.scan()?;
            if range != part.rows {
                let length = IdxSize::try_from(range.end - range.start).unwrap_or(IdxSize::MAX);
                frame = frame.slice((range.start - part.rows.start) as i64, length);
            }
            let start = IdxSize::try_from(range.start).map_err(|_| Problem::new("the table has too many rows"))?;
            frame = frame.with_row_index(ROW, Some(start));
            frame = frame.select(&wanted);
            let rows = Arc::new(AtomicU64::new(0));
            fold(frame, &pool, progress, &rows)?;
            open.check_unchanged()?;
            source.check_rows(range.end - range.start, rows.load(Ordering::Relaxed))?;
        }
    }
    let mut sets = std::mem::take(&mut *pool.lock().unwrap_or_else(PoisonError::into_inner));
    let mut all = sets.swap_remove(0);
    for set in sets {
        for (into, twin) in all.iter_mut().zip(set) {
            into.merge(twin);
        }
    }
    Ok(all)
}

/// Forgets which columns a file says are sorted: Polars would take their first and last value for the smallest and largest.
fn unsorted(batch: DataFrame) -> PolarsResult<DataFrame> {
    let is_sorted = |column: &Column| column.is_sorted_flag() != IsSorted::Not;
    if !batch.columns().iter().any(is_sorted) {
        return Ok(batch);
    }
    let height = batch.height();
    let mut columns = batch.into_columns();
    columns.iter_mut().for_each(|column| column.set_sorted_flag(IsSorted::Not));
    DataFrame::new(height, columns)
}

/// Runs the plan on the streaming engine; every thread folds its batches where they were decoded, and counts their `rows`.
fn fold(
    frame: LazyFrame,
    pool: &Arc<Mutex<Vec<Set>>>,
    progress: &Arc<Progress>,
    rows: &Arc<AtomicU64>,
) -> PolarsResult<()> {
    let (pool, progress, folded_rows) = (Arc::clone(pool), Arc::clone(progress), Arc::clone(rows));
    let twins: Set = pool
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .first()
        .map(|set| set.iter().map(|accumulator| accumulator.twin()).collect())
        .unwrap_or_default();
    let twins = Mutex::new(twins);
    let each = move |batch: DataFrame| -> PolarsResult<DataFrame> {
        let nothing = batch.clear();
        if progress.is_stopped() {
            polars_bail!(ComputeError: "the scan was stopped");
        }
        if batch.height() == 0 {
            return Ok(nothing);
        }
        let free = pool.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut set = free.unwrap_or_else(|| {
            twins.lock().unwrap_or_else(PoisonError::into_inner).iter().map(|accumulator| accumulator.twin()).collect()
        });
        let first_row = batch.column(ROW)?.as_materialized_series().idx()?.first().map_or(0, u64::from);
        let rows = batch.height() as u64;
        let batch = Batch { frame: unsorted(batch)?, first_row };
        let folded = set.iter_mut().try_for_each(|accumulator| accumulator.fold(&batch));
        progress.add(rows);
        folded_rows.fetch_add(rows, Ordering::Relaxed);
        pool.lock().unwrap_or_else(PoisonError::into_inner).push(set);
        folded.map(|()| nothing)
    };
    let streaming = AllowedOptimizations::STREAMING;
    frame
        .map(each, streaming, None, Some("statistics"))
        .sink_batches(PlanCallback::new(|_: DataFrame| Ok(false)), false, None)?
        .collect_with_engine(Engine::Streaming)?;
    Ok(())
}
