//! How well each feature alone foretells the target: out of fold, in two scans for all features.
//!
//! The first scan learns the bins of every column, the second counts targets by bin and fold. A value's guess
//! is the mean of the target over the rows of other folds in its bin, so no row's own target is in its guess.
//! Folds are by the hash of the whole row: equal rows never stand on both sides.

mod binned;
mod score;

use std::sync::Arc;

use polars::prelude::*;

use binned::Bins;
pub use binned::numbers;
use score::Cells as Counted;

use super::accumulate::{Accumulator, Batch, Step, same};
use super::distribution::{Collecting, Room};
use super::fingerprint::each_row;
use crate::distribution::{Distribution, Shape, Values};
use crate::problem::Problem;
use crate::statistic::{Detail, Leakage, Value};
use crate::words::code;

/// Parts of the table that take turns in being foretold.
pub const FOLDS: usize = 5;
/// A number with more values than this is no class.
const MOST_WHOLE_CLASSES: usize = 20;
const MOST_CLASSES: usize = 100;
/// Counts kept of one feature.
const MOST_COUNTS: usize = 1_000_000;

/// The first scan: the target's classes and the features' bins.
pub struct Learning {
    target: String,
    features: Vec<String>,
    row: Vec<String>,
    /// Bytes for the counts of all features and threads.
    memory: usize,
    /// For what one column's bins are learned from.
    room: Room,
    /// The target's, then each feature's.
    collecting: Vec<Collecting>,
}

/// The second scan: the target's classes or sums in every bin.
struct Scoring {
    names: Arc<Names>,
    counted: Vec<Counted>,
}

struct Names {
    target: String,
    features: Vec<String>,
    row: Vec<String>,
    /// None of a target that is a number, and its mean.
    classes: Result<Bins, f64>,
    bins: Vec<Bins>,
}

impl Learning {
    pub fn new(target: &str, features: &[String], row: &[String], memory: usize, room: Room) -> Self {
        let mut row = row.to_vec();
        row.sort_unstable();
        let columns = std::iter::once(target).chain(features.iter().map(String::as_str));
        Self {
            target: target.to_owned(),
            features: features.to_vec(),
            row,
            memory,
            collecting: columns.map(|column| Collecting::new(column, Detail::Short, room.clone())).collect(),
            room,
        }
    }
}

impl Accumulator for Learning {
    fn twin(&self) -> Box<dyn Accumulator> {
        Box::new(Self::new(&self.target, &self.features, &self.row, self.memory, self.room.clone()))
    }

    fn fold(&mut self, batch: &Batch) -> PolarsResult<()> {
        self.collecting.iter_mut().try_for_each(|column| column.fold(batch))
    }

    fn merge(&mut self, twin: Box<dyn Accumulator>) {
        let twin = same::<Self>(twin);
        for (mine, theirs) in self.collecting.iter_mut().zip(twin.collecting) {
            mine.merge(Box::new(theirs));
        }
    }

    fn finish(self: Box<Self>) -> Step {
        let Self { target, features, row, memory, collecting, .. } = *self;
        let mut learned = collecting.into_iter().map(Collecting::learned);
        let classes =
            learned.next().ok_or_else(|| Problem::new("there is no target")).and_then(|known| classes(&target, &known));
        let classes = match classes {
            Ok(classes) => classes,
            Err(problem) => return Step::Done(Err(problem)),
        };
        let kinds = classes.as_ref().map_or(1, Bins::len);
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let counts = (memory / 8 / threads / features.len().max(1)).min(MOST_COUNTS);
        let most = (counts / (FOLDS * kinds)).max(100);
        let bins: Vec<Bins> = learned.map(|known| Bins::of_feature(known, most)).collect();
        let counted = bins.iter().map(|bins| Counted::new(bins.len(), classes.as_ref().ok().map(Bins::len))).collect();
        let names = Arc::new(Names { target, features, row, classes, bins });
        Step::Again(Box::new(Scoring { names, counted }), None)
    }
}

/// The classes of the target, or its mean where it is a number.
fn classes(name: &str, target: &Distribution) -> Result<Result<Bins, f64>, Problem> {
    let one = || Problem::new(format!("the target {} holds one value only: there is nothing to foretell", code(name)));
    match &target.shape {
        Shape::Categories(categories) => match categories.counts.len() {
            0 | 1 => Err(one()),
            found if found > MOST_CLASSES || !categories.is_whole() => Err(Problem::new(format!(
                "the target {} holds over {MOST_CLASSES} classes: it is no class column",
                code(name)
            ))),
            _ => Ok(Ok(Bins::of_names(categories, MOST_CLASSES))),
        },
        Shape::Numbers(numbers) => {
            let Values::Summed(summary) = &numbers.values else { return Err(one()) };
            let values: Vec<f64> = summary.values().iter().map(|(value, _)| *value).collect();
            let is_whole = values.iter().all(|value| value.fract() == 0.0);
            match values.len() {
                0 | 1 => Err(one()),
                ..=MOST_WHOLE_CLASSES if is_whole => Ok(Ok(Bins::of_values(values))),
                _ if summary.ends().is_some_and(|(low, high)| low.is_infinite() || high.is_infinite()) => {
                    Err(Problem::new(format!("the target {} holds infinite values", code(name))))
                }
                _ => Ok(Err(summary.moments().0)),
            }
        }
    }
}

impl Accumulator for Scoring {
    fn twin(&self) -> Box<dyn Accumulator> {
        let counted = self.counted.iter().map(Counted::empty).collect();
        Box::new(Self { names: Arc::clone(&self.names), counted })
    }

    fn fold(&mut self, batch: &Batch) -> PolarsResult<()> {
        let names = &self.names;
        let mut folds = Vec::with_capacity(batch.frame.height());
        each_row(batch, names.row.iter().map(String::as_str), |hash| folds.push((hash % FOLDS as u128) as u8))?;
        let column = |name: &str| Ok::<_, PolarsError>(batch.frame.column(name)?.as_materialized_series().clone());
        let target = column(&names.target)?;
        let mut bins = Vec::new();
        match &names.classes {
            Ok(classes) => {
                let mut labels = Vec::new();
                classes.place(&target, &mut labels)?;
                let missing = classes.missing();
                for ((name, of), counted) in names.features.iter().zip(&names.bins).zip(&mut self.counted) {
                    of.place(&column(name)?, &mut bins)?;
                    for ((bin, fold), label) in bins.iter().zip(&folds).zip(&labels) {
                        if *label != missing {
                            counted.count(*bin, *fold, *label);
                        }
                    }
                }
            }
            Err(mean) => {
                let values = numbers(&target)?;
                for ((name, of), counted) in names.features.iter().zip(&names.bins).zip(&mut self.counted) {
                    of.place(&column(name)?, &mut bins)?;
                    for ((bin, fold), value) in bins.iter().zip(&folds).zip(&values) {
                        if let Some(value) = value {
                            counted.sum(*bin, *fold, value - mean);
                        }
                    }
                }
            }
        }
        Ok(())
    }

    fn merge(&mut self, twin: Box<dyn Accumulator>) {
        for (mine, theirs) in self.counted.iter_mut().zip(same::<Self>(twin).counted) {
            mine.merge(&theirs);
        }
    }

    fn finish(self: Box<Self>) -> Step {
        let rows = self.counted.first().map_or(0, Counted::rows);
        let scores =
            self.names.features.iter().zip(&self.counted).map(|(name, counted)| (name.clone(), counted.score()));
        let unfolded = self.counted.iter().map(Counted::unfolded).max().unwrap_or(0);
        let leakage = Leakage { is_classes: self.names.classes.is_ok(), scores: scores.collect(), rows, unfolded };
        Step::Done(Ok(Value::Leakage(leakage)))
    }
}
