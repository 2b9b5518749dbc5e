//! How well each feature alone foretells the target, out of fold.
//!
//! The first scan learns the bins of every column, further scans count targets by bin and fold: of as many features at once
//! as the memory holds, so that what is examined depends neither on it nor on the number of threads. A value's guess
//! is the mean of the target over the rows of other folds in its bin, so no row's own target is in its guess.
//! Folds are by the hash of the whole row, which is fixed: equal rows never stand on both sides, and every run on every
//! machine has the same folds. What the score does not see, [`detail`] finds in the same scan.

mod aspects;
mod binned;
mod detail;
mod ranks;
mod score;
mod text_numbers;

use std::ops::Range;
use std::sync::Arc;

use polars::prelude::*;

use binned::Bins;
pub use binned::numbers;
use detail::{Design, Tally};
use ranks::Ranks;
use score::{Cells as Counted, Truth};

use super::accumulate::{Accumulator, Batch, Step, same};
use super::distribution::{Collecting, Room};
use super::fingerprint::each_row;
use crate::data::statistic::{Detail, Giveaway, Leakage, Value};
use crate::stats::distribution::{Distribution, Numbers, Shape, Values};
use crate::support::problem::Problem;
use crate::support::words::code;

/// Parts of the table that take turns in being foretold.
pub const FOLDS: usize = 5;
/// A number with more values than this is no class.
const MOST_WHOLE_CLASSES: usize = 20;
const MOST_CLASSES: usize = 100;
/// Bytes for the bins of one feature's categories.
const MOST_BYTES: usize = 4_000_000;
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

/// A further scan: the target's classes or sums in every bin of some features.
struct Scoring {
    names: Arc<Names>,
    /// The features of this scan.
    range: Range<usize>,
    counted: Vec<Counted>,
    tallies: Vec<Tally>,
    /// What earlier scans found.
    found: Leakage,
}

struct Names {
    target: String,
    row: Vec<String>,
    /// None of a target that is a number, and its mean.
    classes: Result<Bins, f64>,
    features: Vec<Feature>,
    /// Of a target of numbers.
    ranks: Option<Ranks>,
    /// One row in so many is examined in detail.
    stride: u64,
    /// Bytes for the counts of one thread.
    memory: usize,
}

struct Feature {
    name: String,
    bins: Bins,
    design: Design,
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
        let of_classes = classes.as_ref().ok().map(Bins::len);
        let most = (MOST_BYTES / Counted::bytes_of_bin(of_classes)).max(100);
        let (mut all, mut cut) = (Vec::new(), Vec::new());
        for ((name, known), dtype) in features.into_iter().zip(learned).zip(dtypes) {
            // The bins take the names with them.
            let shape = known.clone();
            let bins = Bins::of_feature(known, most);
            if bins.is_blurred(&shape.shape) {
                cut.push(name.clone());
            }
            let design = Design::of(&shape, &dtype, &bins, of_classes);
            all.push(Feature { name, bins, design });
        }
        let stride = (known_target.rows() / detail::ROWS).max(1);
        let memory = memory / super::threads();
        let is_classes = classes.is_ok();
        let names = Arc::new(Names { target, row, classes, features: all, ranks, stride, memory });
        let found = Leakage { is_classes, scores: Vec::new(), giveaways: Vec::new(), cut, rows: 0, unfolded: 0 };
        Step::Again(Box::new(Scoring::from(names, 0, found)), None)
    }
}

/// The classes of the target, or its mean where it is a number.
fn classes(name: &str, target: &Distribution) -> Result<Result<Bins, f64>, Problem> {
    let one = || Problem::new(format!("the target {} contains only one value: it cannot be predicted", code(name)));
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

impl Feature {
    /// Bytes of its counts.
    fn bytes(&self, classes: Option<usize>) -> usize {
        self.bins.len() * Counted::bytes_of_bin(classes) + self.design.bytes(&self.bins)
    }
}

impl Scoring {
    /// Of the features from `first` on, as many as the memory holds and at least one.
    fn from(names: Arc<Names>, first: usize, found: Leakage) -> Self {
        let classes = names.classes.as_ref().ok().map(Bins::len);
        let mut bytes = 0;
        let fitting = names.features[first..].iter().take_while(|feature| {
            bytes += feature.bytes(classes);
            bytes <= names.memory
        });
        let end = first + fitting.count();
        let range = first..end.max(first + 1).min(names.features.len());
        Self::of(names, range, found)
    }

    fn of(names: Arc<Names>, range: Range<usize>, found: Leakage) -> Self {
        let classes = names.classes.as_ref().ok().map(Bins::len);
        let features = &names.features[range.clone()];
        let counted = features.iter().map(|feature| Counted::new(feature.bins.len(), classes)).collect();
        let tallies = features.iter().map(|feature| feature.design.tally(&feature.bins)).collect();
        Self { names, range, counted, tallies, found }
    }
}

impl Accumulator for Scoring {
    fn twin(&self) -> Box<dyn Accumulator> {
        Box::new(Self::of(Arc::clone(&self.names), self.range.clone(), self.found.clone()))
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
        let mean = names.classes.as_ref().err().copied().unwrap_or_default();
        let all = match &names.classes {
            Ok(_) => Truth::Classes { labels: &labels, missing, values: &values },
            Err(_) => Truth::Numbers { values: &values, ranks: &[], mean, usual: None },
        };
        let truth = match &names.ranks {
            Some(ranks) => Truth::Numbers { values: &near_values, ranks: &near_ranks, mean, usual: ranks.usual },
            None => Truth::Classes { labels: &near_labels, missing, values: &near_values },
        };
        let mut bins = Vec::new();
        let features = &names.features[self.range.clone()];
        for (feature, (counted, tally)) in features.iter().zip(self.counted.iter_mut().zip(&mut self.tallies)) {
            let values = column(&feature.name)?;
            feature.bins.place(&values, &mut bins)?;
            counted.add(&bins, &folds, &all);
            let near = if sampled.len() == bins.len() { values } else { values.take_slice(&sampled)? };
            tally.fold(&feature.design, &near, &near_folds, &sample(&bins, &sampled), &truth)?;
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
        let Self { names, range, counted, tallies, mut found } = *self;
        found.rows = found.rows.max(counted.first().map_or(0, Counted::rows));
        for (feature, (counted, tally)) in names.features[range.clone()].iter().zip(counted.iter().zip(&tallies)) {
            let (score, lowest) = (counted.score(), counted.lowest());
            let mut all = tally.giveaways(&feature.design);
            if names.classes.is_ok() && lowest.is_none() {
                all.retain(|(by, _)| *by != Giveaway::Copy);
            }
            all.extend(lowest.map(|lowest| (Giveaway::Inverse, 1.0 - lowest)));
            let in_sample = counted.in_sample().filter(|in_sample| *in_sample > score + GAP);
            all.extend(in_sample.map(|in_sample| (Giveaway::Alike, in_sample)));
            let best = all.into_iter().reduce(|best, next| if next.1 > best.1 { next } else { best });
            found.giveaways.extend(best.map(|(by, score)| (feature.name.clone(), by, score)));
            found.scores.push((feature.name.clone(), score));
            found.unfolded = found.unfolded.max(counted.unfolded());
        }
        if range.end < names.features.len() {
            return Step::Again(Box::new(Self::from(names, range.end, found)), None);
        }
        Step::Done(Ok(Value::Leakage(found)))
    }
}

/// These rows of a column; of one that is not there none.
fn sample<T: Copy>(all: &[T], rows: &[IdxSize]) -> Vec<T> {
    rows.iter().filter_map(|row| all.get(*row as usize).copied()).collect()
}
