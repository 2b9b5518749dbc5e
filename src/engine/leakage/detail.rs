//! What the score of each feature does not see, in the scan that computes it: bins that are finer than deciles, the order
//! of its values beside that of the target, equality with it, and parts of its values.

use polars::prelude::*;

use super::aspects::{self, SLOTS};
use super::binned::{self, Bins};
use super::ranks::STEPS;
use super::score::{Cells as Counts, ENOUGH, Truth};
use super::text_numbers::{Comma, TextNumbers, first_and_last};
use crate::data::statistic::{Aspect, Giveaway};
use crate::engine::cells::Cells;
use crate::stats::distribution::{Distribution, Shape, Summary, Values};

/// Rows that are examined in detail; of a larger table a sample by the hash of the row.
pub const ROWS: u64 = 100_000;
/// Bins of the order of a feature's values.
const FINE: usize = 100;
/// Bins of text whose order beside the target is examined.
const MOST_NAMES: usize = 1000;
/// A feature of fewer values has no parts to examine: each value is a bin.
const FEW_VALUES: usize = 20;
/// Counters of one part of a feature's values.
const PART_COUNTS: usize = 16_384;

/// What is examined of one feature.
pub struct Design {
    /// Edges of fine bins of numbers; none of text.
    fine: Option<Bins>,
    /// Of text that contains numbers, for a target of numbers: fine bins of the first and the last one.
    text: Option<(Comma, Vec<(End, Bins)>)>,
    /// Whether names of a text are bins, for a target of numbers.
    by_name: bool,
    aspects: Vec<Aspect>,
    slots: usize,
    classes: Option<usize>,
}

/// Which number of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    First,
    Last,
}

/// What was found of one feature.
pub struct Tally {
    fine: Option<Counts>,
    text: Vec<Counts>,
    names: Option<Counts>,
    parts: Vec<Counts>,
    /// Rows with a target that is a number, those with an unusual one and a feature, and those where both are equal.
    targets: u64,
    compared: u64,
    equal: u64,
}

impl Design {
    /// `classes` is none of a target of numbers.
    pub fn of(known: &Distribution, dtype: &DataType, bins: &Bins, classes: Option<usize>) -> Self {
        let slots = (PART_COUNTS / (super::FOLDS * classes.unwrap_or(8))).min(SLOTS);
        let (fine, values) = match &known.shape {
            Shape::Numbers(numbers) => match &numbers.values {
                Values::Summed(summary) => (Some(Bins::of_edges(fine_edges(summary))), summary.values().len()),
                Values::Each(values) => (None, values.len()),
                Values::Large(runs) => (None, runs.len()),
            },
            Shape::Categories(categories) => (None, categories.counts.len()),
        };
        let text = match &known.shape {
            Shape::Categories(categories) if classes.is_none() => TextNumbers::of(categories).map(|numbers| {
                let edges = |summary: &Summary| Bins::of_edges(fine_edges(summary));
                let first = (End::First, edges(&numbers.first));
                let last = numbers.last.as_ref().map(|last| (End::Last, edges(last)));
                (numbers.comma, std::iter::once(first).chain(last).collect())
            }),
            _ => None,
        };
        let by_name = classes.is_none() && fine.is_none() && (2..=MOST_NAMES).contains(&bins.len());
        let aspects = if values > FEW_VALUES { aspects::of(dtype).to_vec() } else { Vec::new() };
        Self { fine, text, by_name, aspects, slots, classes }
    }

    pub fn tally(&self, bins: &Bins) -> Tally {
        let counts = |slots: usize| Counts::with_ranks(slots, self.classes);
        Tally {
            fine: self.fine.as_ref().map(|fine| counts(fine.len())),
            text: self.text_bins().map(|(_, bins)| counts(bins.len())).collect(),
            names: self.by_name.then(|| counts(bins.len())),
            parts: self.aspects.iter().map(|_| counts(self.slots + 1)).collect(),
            targets: 0,
            compared: 0,
            equal: 0,
        }
    }

    /// Bytes of a tally.
    pub fn bytes(&self, bins: &Bins) -> usize {
        let named = if self.by_name { bins.len() } else { 0 };
        let fine = self.fine.iter().chain(self.text_bins().map(|(_, bins)| bins)).map(Bins::len).sum::<usize>();
        (fine + named + self.aspects.len() * (self.slots + 1)) * Counts::bytes_of_bin(self.classes)
    }

    fn text_bins(&self) -> impl Iterator<Item = &(End, Bins)> {
        self.text.iter().flat_map(|(_, ends)| ends)
    }
}

/// Edges between bins of about as many rows; each value its own bin where there are few.
fn fine_edges(summary: &Summary) -> Vec<f64> {
    let values = summary.values();
    if values.len() <= FINE {
        return values.iter().take(values.len().saturating_sub(1)).map(|(value, _)| *value).collect();
    }
    let rows = summary.count();
    let bins = (rows / 5).clamp(10, FINE as u64);
    let (mut edges, mut below) = (Vec::new(), 0);
    for (value, weight) in &values[..values.len() - 1] {
        below += weight;
        if below * bins >= (edges.len() as u64 + 1) * rows {
            edges.push(*value);
        }
    }
    edges
}

impl Tally {
    /// Adds some rows; `placed` are the bins of the feature's score.
    ///
    /// # Errors
    /// What Polars says of a cast.
    pub fn fold(
        &mut self,
        design: &Design,
        column: &Series,
        folds: &[u8],
        placed: &[u32],
        truth: &Truth,
    ) -> PolarsResult<()> {
        let mut bins = Vec::new();
        if let (Some(counts), Some(fine)) = (&mut self.fine, &design.fine) {
            fine.place(column, &mut bins)?;
            counts.add(&bins, folds, truth);
        }
        if let Some(counts) = &mut self.names {
            counts.add(placed, folds, truth);
        }
        let cells = Cells::of(column)?;
        for (aspect, counts) in design.aspects.iter().zip(&mut self.parts) {
            aspects::place(*aspect, &cells, design.slots, &mut bins);
            counts.add(&bins, folds, truth);
        }
        let (values, usual) = match truth {
            Truth::Numbers { values, usual, .. } => (*values, *usual),
            Truth::Classes { values, .. } => (*values, None),
        };
        if values.iter().all(Option::is_none) {
            return Ok(());
        }
        let own: Vec<Option<[f64; 2]>> = match &cells {
            Cells::Text(texts) => {
                let comma = design.text.as_ref().map_or(Comma::Thousands, |(comma, _)| *comma);
                texts.iter().map(|text| first_and_last(text?, comma)).collect()
            }
            _ => binned::numbers(column)?.into_iter().map(|value| value.map(|value| [value; 2])).collect(),
        };
        for ((end, edges), counts) in design.text_bins().zip(&mut self.text) {
            let number =
                |both: &Option<[f64; 2]>| both.map(|[first, last]| if *end == End::First { first } else { last });
            edges.place_numbers(&own.iter().map(number).collect::<Vec<_>>(), &mut bins);
            counts.add(&bins, folds, truth);
        }
        self.targets += values.iter().flatten().count() as u64;
        // A copy may be there in some rows only.
        let both = values.iter().zip(own).filter_map(|(target, own)| Some(((*target)?, own?)));
        for (target, own) in both.filter(|(target, _)| Some(*target) != usual) {
            self.compared += 1;
            self.equal += u64::from(own.contains(&target));
        }
        Ok(())
    }

    pub fn merge(&mut self, twin: &Self) {
        let mine = self.fine.iter_mut().chain(&mut self.text).chain(&mut self.names).chain(&mut self.parts);
        let theirs = twin.fine.iter().chain(&twin.text).chain(&twin.names).chain(&twin.parts);
        mine.zip(theirs).for_each(|(mine, theirs)| mine.merge(theirs));
        self.targets += twin.targets;
        self.compared += twin.compared;
        self.equal += twin.equal;
    }

    /// Everything that gives the target away, with its score, comparable to the feature's own.
    pub fn giveaways(&self, design: &Design) -> Vec<(Giveaway, f64)> {
        let mut found = Vec::new();
        match design.classes {
            None if self.compared >= STEPS as u64 => {
                found.push((Giveaway::Copy, self.equal as f64 / self.compared as f64));
            }
            // Two columns of 0 and 1 are equal in many rows; only all of them are a copy.
            Some(_) if self.targets >= 2 * ENOUGH && self.equal == self.targets => found.push((Giveaway::Copy, 1.0)),
            _ => {}
        }
        let edges = design.fine.iter().chain(design.text_bins().map(|(_, bins)| bins));
        let ordered = self.fine.iter().chain(&self.text);
        if ordered.clone().zip(edges).any(|(counts, edges)| counts.is_staircase(edges.missing() as usize)) {
            found.push((Giveaway::Order, 1.0));
        }
        let fine = ordered.chain(&self.names).map(|counts| (Giveaway::Fine, counts));
        let parts = design.aspects.iter().zip(&self.parts).map(|(aspect, counts)| (Giveaway::Part(*aspect), counts));
        found.extend(fine.chain(parts).filter_map(|(by, counts)| Some((by, counts.score_of_enough()?))));
        found
    }
}
