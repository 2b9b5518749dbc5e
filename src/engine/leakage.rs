//! How well each feature alone foretells the target: out of fold, in two scans for all features.
//!
//! The first scan learns the bins of every column, the second counts targets by bin and fold. A value's guess
//! is the mean of the target over the rows of other folds in its bin, so no row's own target is in its guess.
//! Folds are by the hash of the whole row, which is fixed: equal rows never stand on both sides, and every run on every
//! machine has the same folds. What the score does not see, [`closer`] looks for in the same scan.

mod aspects;
mod binned;
mod closer;
mod score;

use std::sync::Arc;

use polars::prelude::*;

use binned::Bins;
pub use binned::numbers;
use closer::{Design, Ranks, Tally, Truth};
use score::Cells as Counted;

use super::accumulate::{Accumulator, Batch, Step, same};
use super::distribution::{Collecting, Room};
use super::fingerprint::each_row;
use crate::distribution::{Distribution, Numbers, Shape, Values};
use crate::problem::Problem;
use crate::statistic::{Detail, Giveaway, Leakage, Value};
use crate::words::code;

/// Parts of the table that take turns in being foretold.
pub const FOLDS: usize = 5;
/// A number with more values than this is no class.
const MOST_WHOLE_CLASSES: usize = 20;
const MOST_CLASSES: usize = 100;
/// Counts kept of one feature.
const MOST_COUNTS: usize = 1_000_000;
/// Counts kept of one part of a feature's values.
const PART_COUNTS: usize = 16_384;
/// By so much the mean of a bin's own fold has to exceed what the other folds say, before it counts.
const GAP: f64 = 0.05;

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
    /// Of the features, once a row was seen.
    dtypes: Vec<DataType>,
}

/// The second scan: the target's classes or sums in every bin.
struct Scoring {
    names: Arc<Names>,
    counted: Vec<Counted>,
    tallies: Vec<Tally>,
}

struct Names {
    target: String,
    features: Vec<String>,
    row: Vec<String>,
    /// None of a target that is a number, and its mean.
    classes: Result<Bins, f64>,
    bins: Vec<Bins>,
    designs: Vec<Design>,
    /// Of a target of numbers.
    ranks: Option<Ranks>,
    /// One row in so many is looked at closely.
    stride: u64,
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
            dtypes: Vec::new(),
        }
    }
}

impl Accumulator for Learning {
    fn twin(&self) -> Box<dyn Accumulator> {
        Box::new(Self::new(&self.target, &self.features, &self.row, self.memory, self.room.clone()))
    }

    fn fold(&mut self, batch: &Batch) -> PolarsResult<()> {
        if self.dtypes.is_empty() {
            let dtype = |name: &String| Ok::<_, PolarsError>(batch.frame.column(name)?.dtype().clone());
            self.dtypes = self.features.iter().map(dtype).collect::<PolarsResult<_>>()?;
        }
        self.collecting.iter_mut().try_for_each(|column| column.fold(batch))
    }

    fn merge(&mut self, twin: Box<dyn Accumulator>) {
        let twin = same::<Self>(twin);
        if self.dtypes.is_empty() {
            self.dtypes = twin.dtypes;
        }
        for (mine, theirs) in self.collecting.iter_mut().zip(twin.collecting) {
            mine.merge(Box::new(theirs));
        }
    }

    fn finish(self: Box<Self>) -> Step {
        let Self { target, features, row, memory, collecting, dtypes, .. } = *self;
        let mut learned = collecting.into_iter().map(Collecting::learned);
        let truth = learned.next().ok_or_else(|| Problem::new("there is no target"));
        let classes = truth.and_then(|known| Ok((classes(&target, &known)?, known)));
        let (classes, known_target) = match classes {
            Ok(classes) => classes,
            Err(problem) => return Step::Done(Err(problem)),
        };
        let ranks = match &known_target.shape {
            Shape::Numbers(Numbers { values: Values::Summed(summary), .. }) if classes.is_err() => {
                Some(Ranks::of(summary))
            }
            _ => None,
        };
        let kinds = classes.as_ref().map_or(1, Bins::len);
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let counts = (memory / 8 / threads / features.len().max(1)).min(MOST_COUNTS);
        let most = (counts / (FOLDS * kinds)).max(100);
        let of_classes = classes.as_ref().ok().map(Bins::len);
        let cells = (counts / 64).min(PART_COUNTS);
        let (mut bins, mut designs) = (Vec::new(), Vec::new());
        for (known, dtype) in learned.zip(dtypes.into_iter().chain(std::iter::repeat(DataType::Null))) {
            // The bins take the names with them.
            let shape = known.clone();
            let own = Bins::of_feature(known, most);
            designs.push(Design::of(&shape, &dtype, &own, of_classes, cells));
            bins.push(own);
        }
        let counted = bins.iter().map(|bins| Counted::new(bins.len(), of_classes)).collect();
        let tallies = designs.iter().zip(&bins).map(|(design, bins)| design.tally(bins)).collect();
        let stride = (known_target.rows() / closer::ROWS).max(1);
        let names = Arc::new(Names { target, features, row, classes, bins, designs, ranks, stride });
        Step::Again(Box::new(Scoring { names, counted, tallies }), None)
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
        let tallies =
            self.names.designs.iter().zip(&self.names.bins).map(|(design, bins)| design.tally(bins)).collect();
        Box::new(Self { names: Arc::clone(&self.names), counted, tallies })
    }

    fn fold(&mut self, batch: &Batch) -> PolarsResult<()> {
        let names = &self.names;
        let mut folds = Vec::with_capacity(batch.frame.height());
        let mut sampled: Vec<IdxSize> = Vec::new();
        each_row(batch, names.row.iter().map(String::as_str), |hash| {
            // Bits that the fold does not depend on.
            if ((hash >> 64) as u64).is_multiple_of(names.stride) {
                sampled.push(folds.len() as IdxSize);
            }
            folds.push((hash % FOLDS as u128) as u8);
        })?;
        let column = |name: &str| Ok::<_, PolarsError>(batch.frame.column(name)?.as_materialized_series().clone());
        let target = column(&names.target)?;
        let mut labels = Vec::new();
        let missing = match &names.classes {
            Ok(classes) => {
                classes.place(&target, &mut labels)?;
                classes.missing()
            }
            Err(_) => 0,
        };
        // Of classes that are no numbers none.
        let values = numbers(&target)?;
        let (near_folds, near_labels, near_values) =
            (sample(&folds, &sampled), sample(&labels, &sampled), sample(&values, &sampled));
        let rank =
            |ranks: &Ranks| near_values.iter().map(|value| value.map_or(0.0, |value| ranks.rank(value))).collect();
        let near_ranks: Vec<f64> = names.ranks.as_ref().map(rank).unwrap_or_default();
        let truth = match &names.ranks {
            Some(ranks) => {
                let mean = names.classes.as_ref().err().copied().unwrap_or_default();
                Truth::Numbers { values: &near_values, ranks: &near_ranks, mean, usual: ranks.usual }
            }
            None => Truth::Classes { labels: &near_labels, missing, values: &near_values },
        };
        let mut bins = Vec::new();
        for (at, (counted, tally)) in self.counted.iter_mut().zip(&mut self.tallies).enumerate() {
            let feature = column(&names.features[at])?;
            names.bins[at].place(&feature, &mut bins)?;
            let placed = bins.iter().zip(&folds);
            match &names.classes {
                Ok(_) => {
                    placed.zip(&labels).filter(|(_, label)| **label != missing).for_each(|((bin, fold), label)| {
                        counted.count(*bin, *fold, *label);
                    });
                }
                Err(mean) => placed.zip(&values).for_each(|((bin, fold), value)| {
                    if let Some(value) = value {
                        counted.sum(*bin, *fold, value - mean);
                    }
                }),
            }
            let near = if sampled.len() == bins.len() { feature } else { feature.take_slice(&sampled)? };
            tally.fold(&names.designs[at], &near, &near_folds, &sample(&bins, &sampled), &truth)?;
        }
        Ok(())
    }

    fn merge(&mut self, twin: Box<dyn Accumulator>) {
        let twin = same::<Self>(twin);
        for (mine, theirs) in self.counted.iter_mut().zip(twin.counted) {
            mine.merge(&theirs);
        }
        self.tallies.iter_mut().zip(&twin.tallies).for_each(|(mine, theirs)| mine.merge(theirs));
    }

    fn finish(self: Box<Self>) -> Step {
        let rows = self.counted.first().map_or(0, Counted::rows);
        let names = &self.names.features;
        let scores: Vec<f64> = self.counted.iter().map(Counted::score).collect();
        let mut giveaways = Vec::new();
        for (at, (counted, tally)) in self.counted.iter().zip(&self.tallies).enumerate() {
            let lowest = counted.lowest();
            let mut all = tally.giveaways(&self.names.designs[at]);
            if self.names.classes.is_ok() && lowest.is_none() {
                all.retain(|(by, _)| *by != Giveaway::Copy);
            }
            all.extend(lowest.map(|lowest| (Giveaway::Inverse, 1.0 - lowest)));
            let in_sample = counted.in_sample().filter(|in_sample| *in_sample > scores[at] + GAP);
            all.extend(in_sample.map(|in_sample| (Giveaway::Alike, in_sample)));
            let best = all.into_iter().reduce(|best, next| if next.1 > best.1 { next } else { best });
            giveaways.extend(best.map(|(by, score)| (names[at].clone(), by, score)));
        }
        let unfolded = self.counted.iter().map(Counted::unfolded).max().unwrap_or(0);
        let scores = names.iter().cloned().zip(scores).collect();
        let cut = self.names.designs.iter().filter(|design| design.is_cut).count();
        let leakage = Leakage { is_classes: self.names.classes.is_ok(), scores, giveaways, cut, rows, unfolded };
        Step::Done(Ok(Value::Leakage(leakage)))
    }
}

/// These rows of a column; of one that is not there none.
fn sample<T: Copy>(all: &[T], rows: &[IdxSize]) -> Vec<T> {
    rows.iter().filter_map(|row| all.get(*row as usize).copied()).collect()
}
