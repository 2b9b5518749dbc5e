//! One accumulator a statistic: folds batches of rows, merges with its twins, says its value.

use std::any::Any;
use std::ops::Range;
use std::sync::Arc;

use polars::prelude::*;
use regex::Regex;

use super::cells::{self, Cells};
use super::classes::Counter;
use super::conditions::Violating;
use super::distribution::{Budget, Collecting, Room};
use super::ending::Ending;
use super::fingerprint::Fingerprints;
use super::leakage::Learning;
use super::moments::Moving;
use super::near::{self, Banding};
use super::occurring::Pairs;
use super::predictions::{Collected, Met, Sorted};
use super::profile::Profiled;
use super::repeats::{Conflicts, Hashes, Repeats};
use super::scale::Precision;
use super::top::Top;
use super::value_repeats::ValueRepeats;
use crate::checks::data::pattern::whole;
use crate::data::condition;
use crate::data::statistic::{Breaches, Classes, End, Statistic, Value};
use crate::support::problem::Problem;
use crate::support::words::code;

/// The most classes a class column may have.
pub const MOST_CLASSES: usize = 1000;
/// The part of the memory that one column in short may take, of two tables.
pub const SHORT_SHARE: usize = 8;
/// How many offending values are kept for `show-values`.
const EXAMPLES: usize = 3;

/// Some rows of a table.
#[derive(Debug)]
pub struct Batch {
    pub frame: DataFrame,
    /// The number of the first row, counted from 0 over the whole table.
    pub first_row: u64,
}

impl Batch {
    /// The column as plain values, see [`super::rowhash::physical`].
    ///
    /// # Errors
    /// What Polars says.
    pub fn physical(&self, name: &str) -> PolarsResult<Series> {
        super::rowhash::physical(self.frame.column(name)?.as_materialized_series())
    }
}

/// What an accumulator says when the scan is over.
pub enum Step {
    Done(Result<Value, Problem>),
    /// Wants another scan, of these rows or of all.
    Again(Box<dyn Accumulator>, Option<Vec<Range<u64>>>),
}

/// State of one statistic over one scan; each thread has its own.
pub trait Accumulator: Any + Send {
    /// An empty twin for another thread.
    fn twin(&self) -> Box<dyn Accumulator>;

    /// # Errors
    /// What Polars says of a column.
    fn fold(&mut self, batch: &Batch) -> PolarsResult<()>;

    fn merge(&mut self, twin: Box<dyn Accumulator>);

    fn finish(self: Box<Self>) -> Step;
}

/// The twin as what it is: twins are only ever made by [`Accumulator::twin`].
pub fn same<A: Accumulator>(twin: Box<dyn Accumulator>) -> A {
    let twin: Box<dyn Any> = twin;
    match twin.downcast::<A>() {
        Ok(twin) => *twin,
        Err(_) => unreachable!("twins are of one type"),
    }
}

/// What the accumulators of a table share.
#[derive(Debug, Clone, Copy)]
pub struct Means<'a> {
    /// Bytes that the growing state of one statistic may take.
    pub memory: usize,
    /// How many columns' worth of counters there are at once.
    pub columns: usize,
    /// Of the table.
    pub rows: u64,
    /// Statistics of this table and another.
    pub pairs: &'a Pairs,
    /// Bytes for all distributions together.
    pub distributions: &'a Arc<Budget>,
}

impl Means<'_> {
    /// For the distribution of a column that is one of so many.
    fn room(self, columns: usize) -> Room {
        let threads = super::threads();
        let budget = Arc::clone(self.distributions);
        Room { rows: self.rows, short: self.memory / columns.max(1) / threads, budget }
    }

    /// # Errors
    /// So many bytes a row are more than there are.
    fn hold(self, bytes_a_row: usize) -> Result<(), Problem> {
        let needed = self.rows * bytes_a_row as u64;
        if needed <= self.memory as u64 {
            return Ok(());
        }
        Err(Problem::new(format!(
            "what is kept of the rows takes {} MB, and there are {} MB for it",
            needed / 1_000_000,
            self.memory / 1_000_000
        ))
        .hint("raise `max-memory`"))
    }
}

/// The accumulator of a statistic of a table with this schema.
///
/// # Errors
/// An expression or a condition that cannot be compiled.
pub fn of(statistic: &Statistic, schema: &Schema, means: Means) -> Result<Box<dyn Accumulator>, Problem> {
    Ok(match statistic {
        Statistic::RowCount | Statistic::Modified | Statistic::FileDigest => Box::new(Rows(0)),
        Statistic::NullCount { column, also } => {
            Box::new(Nulls { column: column.clone(), also: also.clone(), count: 0 })
        }
        Statistic::Outside { column, min, max } => Box::new(Breaking::new(column, Rule::Outside(*min, *max))),
        Statistic::Others { column, allowed } => Box::new(Breaking::new(column, Rule::Others(allowed.clone()))),
        Statistic::Mismatches { column, regex } => {
            let whole = Regex::new(&whole(regex))
                .map_err(|error| Problem::new(format!("the expression {} cannot be compiled: {error}", code(regex))))?;
            Box::new(Breaking::new(column, Rule::Mismatches(whole)))
        }
        Statistic::Violations { sql } => Box::new(Violating::new(sql, schema)?),
        Statistic::ClassCounts { column } => {
            Box::new(ClassCounts { column: column.clone(), counter: Counter::new(MOST_CLASSES) })
        }
        Statistic::TopCount { column } => Box::new(Top::new(column, means)),
        Statistic::ValueRepeats { column } => Box::new(ValueRepeats::new(column, means)),
        Statistic::Newest { column } => Box::new(Ending::new(column, i64::max)),
        Statistic::Oldest { column } => Box::new(Ending::new(column, i64::min)),
        Statistic::Repeats { columns } => Box::new(Hashes::<Repeats>::new(columns, None, means.memory)),
        Statistic::Conflicts { features, label } => {
            Box::new(Hashes::<Conflicts>::new(features, Some(label), means.memory))
        }
        Statistic::Profile { column } => Box::new(Profiled::new(column)),
        Statistic::Confusion { label, prediction, weight, by } => {
            Box::new(Met::new(label, prediction, weight.as_deref(), by))
        }
        Statistic::Rows(wanted) => {
            means.hold(wanted.width())?;
            Box::new(Collected::new(wanted))
        }
        Statistic::Sorted { column } => {
            means.hold(16)?;
            Box::new(Sorted::new(column))
        }
        Statistic::Distribution { column, detail } => {
            Box::new(Collecting::new(column, *detail, means.room(SHORT_SHARE)))
        }
        Statistic::Occurring { .. } | Statistic::Contrast { .. } => match means.pairs.get(statistic) {
            Some(pair) => pair.accumulator(),
            None => return Err(Problem::new(format!("{statistic:?} is of two tables: this is a bug in mlgate"))),
        },
        Statistic::Moments { column } => Box::new(Moving::new(column)),
        Statistic::Leakage { target, features, row } => {
            let room = Room { budget: Arc::new(Budget::unlimited()), ..means.room(features.len() + 1) };
            Box::new(Learning::new(target, features, row, means.memory, room))
        }
        Statistic::NearRepeats { columns, similarity } => {
            means.hold(near::BYTES_A_ROW)?;
            Box::new(Banding::new(columns, similarity.0, means.memory))
        }
        Statistic::Fingerprint { columns } => Box::new(Fingerprints::new(columns)),
        Statistic::Probe(_) => {
            return Err(Problem::new(format!("{statistic:?} is a model's: this is a bug in mlgate")));
        }
    })
}

/// Columns that a statistic reads.
pub fn columns(statistic: &Statistic) -> Vec<String> {
    match statistic {
        Statistic::RowCount | Statistic::Modified | Statistic::FileDigest | Statistic::Probe(_) => Vec::new(),
        Statistic::Violations { sql } => condition::check(sql).unwrap_or_default(),
        Statistic::NullCount { column, .. }
        | Statistic::Outside { column, .. }
        | Statistic::Others { column, .. }
        | Statistic::Mismatches { column, .. }
        | Statistic::ClassCounts { column }
        | Statistic::TopCount { column }
        | Statistic::ValueRepeats { column }
        | Statistic::Newest { column }
        | Statistic::Oldest { column }
        | Statistic::Sorted { column }
        | Statistic::Distribution { column, .. }
        | Statistic::Contrast { column, .. }
        | Statistic::Moments { column }
        | Statistic::Profile { column } => vec![column.clone()],
        Statistic::Occurring { columns, .. } | Statistic::NearRepeats { columns, .. } => columns.clone(),
        Statistic::Leakage { target, features, row } => features.iter().chain([target]).chain(row).cloned().collect(),
        Statistic::Fingerprint { columns } => columns.iter().map(|(name, _)| name.clone()).collect(),
        Statistic::Confusion { label, prediction, weight, by } => {
            let slicers = by.iter().map(|slicer| &slicer.column);
            [label, prediction].into_iter().chain(weight).chain(slicers).cloned().collect()
        }
        Statistic::Rows(wanted) => {
            let scores = wanted.scores.iter().map(|(_, column)| column);
            let slicers = wanted.by.iter().map(|slicer| &slicer.column);
            let one = [Some(&wanted.label), wanted.prediction.as_ref(), wanted.weight.as_ref(), wanted.key.as_ref()];
            one.into_iter().flatten().chain(scores).chain(slicers).chain(&wanted.about).cloned().collect()
        }
        Statistic::Repeats { columns } => columns.clone(),
        Statistic::Conflicts { features, label } => features.iter().chain([label]).cloned().collect(),
    }
}

struct Rows(u64);

impl Accumulator for Rows {
    fn twin(&self) -> Box<dyn Accumulator> {
        Box::new(Self(0))
    }

    fn fold(&mut self, batch: &Batch) -> PolarsResult<()> {
        self.0 += batch.frame.height() as u64;
        Ok(())
    }

    fn merge(&mut self, twin: Box<dyn Accumulator>) {
        self.0 += same::<Self>(twin).0;
    }

    fn finish(self: Box<Self>) -> Step {
        Step::Done(Ok(Value::Count(self.0)))
    }
}

struct Nulls {
    column: String,
    also: Vec<String>,
    count: u64,
}

impl Accumulator for Nulls {
    fn twin(&self) -> Box<dyn Accumulator> {
        Box::new(Self { column: self.column.clone(), also: self.also.clone(), count: 0 })
    }

    fn fold(&mut self, batch: &Batch) -> PolarsResult<()> {
        let column = batch.frame.column(&self.column)?.as_materialized_series();
        self.count += cells::missing(column)?;
        if !self.also.is_empty() {
            let texts = super::rowhash::physical(column)?;
            if let Ok(texts) = texts.str() {
                let spelled = texts.iter().flatten().filter(|text| self.also.iter().any(|also| also == text));
                self.count += spelled.count() as u64;
            }
        }
        Ok(())
    }

    fn merge(&mut self, twin: Box<dyn Accumulator>) {
        self.count += same::<Self>(twin).count;
    }

    fn finish(self: Box<Self>) -> Step {
        Step::Done(Ok(Value::Count(self.count)))
    }
}

/// What a value must not be.
#[derive(Clone)]
enum Rule {
    Outside(Option<End>, Option<End>),
    Others(Vec<String>),
    Mismatches(Regex),
}

/// Counts the rows that break a rule and keeps the first few values that did.
struct Breaking {
    column: String,
    rule: Rule,
    /// Row, and its value as text.
    first: Vec<(u64, String)>,
    count: u64,
}

impl Breaking {
    fn new(column: &str, rule: Rule) -> Self {
        Self { column: column.to_owned(), rule, first: Vec::new(), count: 0 }
    }

    fn keep(&mut self, row: u64, value: String) {
        if let Some((first, _)) = self.first.iter_mut().find(|(_, known)| *known == value) {
            *first = row.min(*first);
            return self.first.sort_unstable();
        }
        if self.first.len() < EXAMPLES || self.first.last().is_some_and(|(last, _)| row < *last) {
            let at = self.first.partition_point(|(other, _)| *other < row);
            self.first.insert(at, (row, value));
            self.first.truncate(EXAMPLES);
        }
    }
}

impl Accumulator for Breaking {
    fn twin(&self) -> Box<dyn Accumulator> {
        Box::new(Self::new(&self.column, self.rule.clone()))
    }

    fn fold(&mut self, batch: &Batch) -> PolarsResult<()> {
        let column = batch.frame.column(&self.column)?.as_materialized_series().clone();
        let cells = Cells::of(&column)?;
        let precision = Precision::of(column.dtype());
        let (count, rows) = match &self.rule {
            Rule::Outside(min, max) => cells.outside(*min, *max, precision, EXAMPLES),
            Rule::Others(allowed) => cells.others(allowed, precision, EXAMPLES),
            Rule::Mismatches(regex) => cells.mismatches(regex, EXAMPLES),
        };
        self.count += count;
        for row in rows {
            self.keep(batch.first_row + row as u64, cells::text(&column, row)?);
        }
        Ok(())
    }

    fn merge(&mut self, twin: Box<dyn Accumulator>) {
        let twin = same::<Self>(twin);
        self.count += twin.count;
        for (row, value) in twin.first {
            self.keep(row, value);
        }
    }

    fn finish(self: Box<Self>) -> Step {
        let first_row = self.first.first().map(|(row, _)| *row);
        let examples = self.first.into_iter().map(|(_, value)| value).filter(|value| !value.is_empty()).collect();
        Step::Done(Ok(Value::Breaches(Breaches { count: self.count, first_row, examples })))
    }
}

struct ClassCounts {
    column: String,
    counter: Counter,
}

impl Accumulator for ClassCounts {
    fn twin(&self) -> Box<dyn Accumulator> {
        Box::new(Self { column: self.column.clone(), counter: Counter::new(MOST_CLASSES) })
    }

    fn fold(&mut self, batch: &Batch) -> PolarsResult<()> {
        self.counter.fold(batch.frame.column(&self.column)?.as_materialized_series())
    }

    fn merge(&mut self, twin: Box<dyn Accumulator>) {
        self.counter.merge(same::<Self>(twin).counter);
    }

    fn finish(self: Box<Self>) -> Step {
        let classes = self.counter.finish().map_or(Classes::TooMany(MOST_CLASSES), Classes::Counted);
        Step::Done(Ok(Value::Classes(classes)))
    }
}
