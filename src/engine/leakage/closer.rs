//! A closer look at each feature, in the scan that scores it: bins that are finer than deciles, the order of its values
//! beside that of the target, equality with it, and parts of its values.

use std::sync::LazyLock;

use polars::prelude::*;
use regex::Regex;

use super::aspects::{self, SLOTS};
use super::binned::Bins;
use super::score::{ENOUGH, area, explained};
use super::{FOLDS, binned};
use crate::distribution::{Distribution, Shape, Summary, Values};
use crate::engine::cells::Cells;
use crate::statistic::{Aspect, Giveaway};

/// Rows that are looked at closely; of a larger table a sample by the hash of the row.
pub const ROWS: u64 = 100_000;
/// Bins of the order of a feature's values.
const FINE: usize = 100;
/// Bins of text whose order beside the target is looked at.
const MOST_NAMES: usize = 1000;
/// A feature of fewer values has no parts to look at: each value is a bin.
const FEW_VALUES: usize = 20;
/// Slots without which the parts of a value cannot be told apart.
const FEWEST_SLOTS: usize = 10;
/// Bins that have to be in order before that is no accident.
const STEPS: usize = 8;
/// Bytes that fine bins of a feature may always take.
const FINE_BYTES: usize = 20_480;
/// A value that so large a share of the rows has is no sign of a copy.
const USUAL_SHARE: f64 = 0.05;

/// The target of some rows.
pub enum Truth<'a> {
    /// The class of every row, what stands for a missing one, and the value where classes are numbers.
    Classes { labels: &'a [u32], missing: u32, values: &'a [Option<f64>] },
    /// The value of every row, its rank, the mean of all, and the value that is too common to tell anything.
    Numbers { values: &'a [Option<f64>], ranks: &'a [f64], mean: f64, usual: Option<f64> },
}

/// Ranks of a target of numbers: the middle of the share of rows that hold a value, from 0 to 1.
pub struct Ranks {
    /// Value, rows below it, rows up to it.
    steps: Vec<(f64, f64, f64)>,
    pub usual: Option<f64>,
}

impl Ranks {
    pub fn of(target: &Summary) -> Self {
        let total = target.count().max(1) as f64;
        let mut below = 0.0;
        let steps = target.values().iter().map(|(value, weight)| {
            let from = below;
            below += *weight as f64;
            (*value, from / total, below / total)
        });
        let steps: Vec<_> = steps.collect();
        let share = |step: &&(f64, f64, f64)| step.2 - step.1;
        let common = steps.iter().max_by(|a, b| share(a).total_cmp(&share(b)));
        let usual = common.filter(|step| share(step) > USUAL_SHARE).map(|step| step.0);
        Self { steps, usual }
    }

    pub fn rank(&self, value: f64) -> f64 {
        let at = self.steps.partition_point(|(known, ..)| *known < value);
        match self.steps.get(at) {
            Some((known, from, to)) if *known == value => f64::midpoint(*from, *to),
            Some((_, from, _)) => *from,
            None => 1.0,
        }
    }
}

/// How one feature is looked at.
pub struct Design {
    /// Edges of fine bins of numbers; none of text.
    fine: Option<Bins>,
    /// Whether names of a text are bins, for a target of numbers.
    by_name: bool,
    aspects: Vec<Aspect>,
    slots: usize,
    classes: Option<usize>,
    /// Whether something was left out for want of memory.
    pub is_cut: bool,
}

/// What was seen of one feature.
pub struct Tally {
    fine: Option<Table>,
    names: Option<Table>,
    parts: Vec<Table>,
    /// Rows with a target that is a number, those with an unusual one and a feature, and those where both are equal.
    targets: u64,
    compared: u64,
    equal: u64,
}

enum Table {
    /// Counts by slot, fold and class.
    Classes(Vec<u32>, usize),
    /// Ranks by slot, and distances from the mean by slot and fold: rows, sum and sum of squares.
    Numbers(Vec<Slot>, Vec<(u64, f64, f64)>),
}

#[derive(Clone, Copy)]
struct Slot {
    rows: u64,
    sum: f64,
    squares: f64,
    low: f64,
    high: f64,
}

const EMPTY: Slot = Slot { rows: 0, sum: 0.0, squares: 0.0, low: f64::INFINITY, high: f64::NEG_INFINITY };

impl Design {
    /// `cells` counters may be kept of one part of a feature's values; `classes` is none of a target of numbers.
    pub fn of(known: &Distribution, dtype: &DataType, bins: &Bins, classes: Option<usize>, cells: usize) -> Self {
        // Of a target of numbers a slot takes as much as forty counters.
        let slots = (cells / (FOLDS * classes.unwrap_or(8))).min(SLOTS);
        let (fine, values) = match &known.shape {
            Shape::Numbers(numbers) => match &numbers.values {
                Values::Summed(summary) => (Some(Bins::of_edges(fine_edges(summary))), summary.values().len()),
                Values::Each(values) => (None, values.len()),
                Values::Large(runs) => (None, runs.len()),
            },
            Shape::Categories(categories) => (None, categories.counts.len()),
        };
        let parts = if values > FEW_VALUES { aspects::of(dtype) } else { &[] };
        let fits = |bins: &Bins| 4 * bins.len() * FOLDS * classes.unwrap_or(8) <= FINE_BYTES.max(4 * cells);
        let is_cut = slots < FEWEST_SLOTS && !parts.is_empty() || fine.as_ref().is_some_and(|fine| !fits(fine));
        let by_name = classes.is_none() && fine.is_none() && (2..=MOST_NAMES).contains(&bins.len());
        Self {
            fine: fine.filter(fits),
            by_name,
            aspects: if slots < FEWEST_SLOTS { Vec::new() } else { parts.to_vec() },
            slots,
            classes,
            is_cut,
        }
    }

    pub fn tally(&self, bins: &Bins) -> Tally {
        let table = |slots: usize| match self.classes {
            Some(classes) => Table::Classes(vec![0; slots * FOLDS * classes], classes),
            None => Table::Numbers(vec![EMPTY; slots], vec![(0, 0.0, 0.0); slots * FOLDS]),
        };
        Tally {
            fine: self.fine.as_ref().map(|fine| table(fine.len())),
            names: self.by_name.then(|| table(bins.len())),
            parts: self.aspects.iter().map(|_| table(self.slots + 1)).collect(),
            targets: 0,
            compared: 0,
            equal: 0,
        }
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
        if let (Some(table), Some(fine)) = (&mut self.fine, &design.fine) {
            fine.place(column, &mut bins)?;
            table.add(&bins, folds, truth);
        }
        if let Some(table) = &mut self.names {
            table.add(placed, folds, truth);
        }
        if !design.aspects.is_empty() {
            let cells = Cells::of(column)?;
            for (aspect, table) in design.aspects.iter().zip(&mut self.parts) {
                aspects::place(*aspect, &cells, design.slots, &mut bins);
                table.add(&bins, folds, truth);
            }
        }
        let (values, usual) = match truth {
            Truth::Numbers { values, usual, .. } => (*values, *usual),
            Truth::Classes { values, .. } => (*values, None),
        };
        if !values.is_empty() {
            let own: Vec<Option<f64>> = match Cells::of(column)? {
                Cells::Text(texts) => texts.iter().map(|text| number_in(text?)).collect(),
                _ => binned::numbers(column)?,
            };
            self.targets += values.iter().flatten().count() as u64;
            // A copy may be there in some rows only.
            let both = values.iter().zip(own).filter_map(|(target, own)| Some(((*target)?, own?)));
            for (target, own) in both.filter(|(target, _)| Some(*target) != usual) {
                self.compared += 1;
                self.equal += u64::from(own == target);
            }
        }
        Ok(())
    }

    pub fn merge(&mut self, twin: &Self) {
        let mine = self.fine.iter_mut().chain(&mut self.names).chain(&mut self.parts);
        let theirs = twin.fine.iter().chain(&twin.names).chain(&twin.parts);
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
        if let (Some(Table::Numbers(slots, _)), Some(fine)) = (&self.fine, &design.fine)
            && is_staircase(&slots[..fine.missing() as usize], slots)
        {
            found.push((Giveaway::Order, 1.0));
        }
        let order = self.fine.as_ref().map(|table| (Giveaway::Fine, table));
        let names = self.names.as_ref().map(|table| (Giveaway::Fine, table));
        let parts = design.aspects.iter().zip(&self.parts).map(|(aspect, table)| (Giveaway::Part(*aspect), table));
        let scored = order.into_iter().chain(names).chain(parts);
        found.extend(scored.filter_map(|(by, table)| Some((by, table.score()?))));
        found
    }
}

/// The first number of a text: `€ 1,234.50` and `1234.5 kg` are 1234.5.
fn number_in(text: &str) -> Option<f64> {
    static NUMBER: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r"-?[0-9][0-9,]*(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?").ok());
    // Most numbers stand alone.
    text.trim()
        .parse()
        .ok()
        .filter(|number: &f64| number.is_finite())
        .or_else(|| NUMBER.as_ref()?.find(text)?.as_str().replace(',', "").parse().ok())
}

/// Whether the target only rises, or only falls, from bin to bin of the feature: a copy on another scale.
fn is_staircase(bins: &[Slot], all: &[Slot]) -> bool {
    let there: Vec<&Slot> = bins.iter().filter(|slot| slot.rows > 0).collect();
    let (rows, of) = (there.iter().map(|slot| slot.rows).sum::<u64>(), all.iter().map(|slot| slot.rows).sum::<u64>());
    let is = |in_order: &dyn Fn(&Slot, &Slot) -> bool| there.windows(2).all(|pair| in_order(pair[0], pair[1]));
    // In few rows of many a rise is an accident.
    let are_enough = rows >= ENOUGH || 2 * rows >= of;
    there.len() >= STEPS && are_enough && (is(&|a, b| a.high <= b.low) || is(&|a, b| a.low >= b.high))
}

impl Table {
    fn add(&mut self, placed: &[u32], folds: &[u8], truth: &Truth) {
        match (self, truth) {
            (Self::Classes(counts, classes), Truth::Classes { labels, missing, .. }) => {
                for ((slot, fold), label) in
                    placed.iter().zip(folds).zip(*labels).filter(|(_, label)| *label != missing)
                {
                    counts[(*slot as usize * FOLDS + usize::from(*fold)) * *classes + *label as usize] += 1;
                }
            }
            (Self::Numbers(slots, sums), Truth::Numbers { values, ranks, mean, .. }) => {
                for (((slot, fold), rank), value) in placed.iter().zip(folds).zip(*ranks).zip(*values) {
                    let Some(value) = value else { continue };
                    let sum = &mut sums[*slot as usize * FOLDS + usize::from(*fold)];
                    let distance = value - mean;
                    *sum = (sum.0 + 1, sum.1 + distance, sum.2 + distance * distance);
                    let slot = &mut slots[*slot as usize];
                    slot.rows += 1;
                    slot.sum += rank;
                    slot.squares += rank * rank;
                    (slot.low, slot.high) = (slot.low.min(*rank), slot.high.max(*rank));
                }
            }
            _ => {}
        }
    }

    fn merge(&mut self, twin: &Self) {
        match (self, twin) {
            (Self::Classes(counts, _), Self::Classes(more, _)) => {
                counts.iter_mut().zip(more).for_each(|(count, more)| *count += more);
            }
            (Self::Numbers(slots, sums), Self::Numbers(more, more_sums)) => {
                sums.iter_mut().zip(more_sums).for_each(|(a, b)| *a = (a.0 + b.0, a.1 + b.1, a.2 + b.2));
                for (slot, more) in slots.iter_mut().zip(more) {
                    slot.rows += more.rows;
                    slot.sum += more.sum;
                    slot.squares += more.squares;
                    (slot.low, slot.high) = (slot.low.min(more.low), slot.high.max(more.high));
                }
            }
            _ => {}
        }
    }

    /// The area under the ROC curve out of fold, of the class that is foretold best; or R², the larger one of the values
    /// out of fold and of their ranks.
    fn score(&self) -> Option<f64> {
        match self {
            Self::Classes(counts, classes) => {
                let of = |class: usize| {
                    let cells = counts.chunks(*classes);
                    let cells = cells.map(|cell| (u64::from(cell[class]), cell.iter().copied().map(u64::from).sum()));
                    let cells: Vec<(u64, u64)> = cells.collect();
                    let (hits, rows) = cells.iter().fold((0, 0), |(hits, rows), cell| (hits + cell.0, rows + cell.1));
                    (hits.min(rows - hits) >= ENOUGH).then(|| area(&cells)).flatten()
                };
                (0..*classes).filter_map(of).reduce(f64::max)
            }
            Self::Numbers(slots, sums) => {
                let rows: u64 = slots.iter().map(|slot| slot.rows).sum();
                let values = (rows >= ENOUGH).then(|| explained(sums)).filter(|score| score.is_finite());
                [values, of_ranks(slots)].into_iter().flatten().reduce(f64::max)
            }
        }
    }
}

/// R² of the ranks that the mean of each slot explains, adjusted for the number of slots.
fn of_ranks(slots: &[Slot]) -> Option<f64> {
    let there = slots.iter().filter(|slot| slot.rows > 0);
    let bins = there.clone().count() as f64;
    let (rows, sum, squares) = there
        .clone()
        .fold((0.0, 0.0, 0.0), |all, slot| (all.0 + slot.rows as f64, all.1 + slot.sum, all.2 + slot.squares));
    let spread = squares - sum * sum / rows;
    // Slots of a row or two explain everything, and nothing.
    if rows < 2.0 * bins || rows < ENOUGH as f64 || spread <= 0.0 {
        return None;
    }
    let within: f64 = there.map(|slot| slot.squares - slot.sum * slot.sum / slot.rows as f64).sum();
    Some(1.0 - within / spread * (rows - 1.0) / (rows - bins))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_are_the_middle_of_what_shares_a_value() {
        let ranks = Ranks::of(&Summary::of_sorted(&[1.0, 1.0, 2.0, 5.0]));
        assert_eq!([1.0, 2.0, 3.0, 5.0, 9.0].map(|value| ranks.rank(value)), [0.25, 0.625, 0.75, 0.875, 1.0]);
        assert_eq!(ranks.usual, Some(1.0));
        let many: Vec<f64> = (0..100).map(f64::from).collect();
        assert_eq!(Ranks::of(&Summary::of_sorted(&many)).usual, None);
    }

    #[test]
    fn a_text_holds_a_number() {
        for (text, number) in
            [("12.5", 12.5), (" -3 ", -3.0), ("€ 1,234.50", 1234.5), ("1e3 kg", 1000.0), ("No. 7.", 7.0)]
        {
            assert_eq!(number_in(text), Some(number), "{text}");
        }
        assert_eq!(["", "kg", "-", "inf"].map(number_in), [None; 4]);
    }

    #[test]
    fn a_staircase_goes_one_way() {
        let slots = |ends: &[(f64, f64)]| -> Vec<Slot> {
            ends.iter().map(|(low, high)| Slot { rows: 3, low: *low, high: *high, ..EMPTY }).collect()
        };
        let up = slots(&[0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0].map(|at| (at, at + 1.0)));
        assert!(is_staircase(&up, &up));
        assert!(is_staircase(&up.iter().rev().copied().collect::<Vec<_>>(), &up));
        assert!(!is_staircase(&up[..7], &up));
        let mut bent = up.clone();
        bent[3].high = 5.5;
        assert!(!is_staircase(&bent, &bent));
        // Of few rows most lack the feature.
        let few: Vec<Slot> = up.iter().map(|slot| Slot { rows: 2, ..*slot }).collect();
        let mut all = few.clone();
        all.push(Slot { rows: 30, ..EMPTY });
        assert!(is_staircase(&few, &few) && !is_staircase(&few, &all));
    }
}
