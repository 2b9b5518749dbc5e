//! What the bins of one feature say of the target.

use super::FOLDS;
use super::ranks::{RankSum, explained_by_bins, is_staircase};

/// Rows of a class, and of all others, from which on a score of it is no accident.
pub const ENOUGH: u64 = 20;
/// Rows of a bin from which on its own mean says what the other folds would.
const FILLED: u64 = 30;

/// The target of some rows.
pub enum Truth<'a> {
    /// The class of every row, what stands for a missing one, and the value where classes are numbers.
    Classes { labels: &'a [u32], missing: u32, values: &'a [Option<f64>] },
    /// The value of every row, its rank where ranks are counted, the mean of all, and the value that is too common to
    /// tell anything.
    Numbers { values: &'a [Option<f64>], ranks: &'a [f64], mean: f64, usual: Option<f64> },
}

/// Counts of classes, or sums of a number, by bin and fold.
pub enum Cells {
    /// By bin, fold and class.
    Classes { counts: Vec<u64>, classes: usize },
    /// By bin and fold: rows, sum and sum of squares of distances from the mean; ranks by bin, if they are counted.
    Sums { sums: Vec<(u64, f64, f64)>, ranks: Option<Vec<RankSum>> },
}

impl Cells {
    /// `classes` is none of a target that is a number.
    pub fn new(bins: usize, classes: Option<usize>) -> Self {
        match classes {
            Some(classes) => Self::Classes { counts: vec![0; bins * FOLDS * classes], classes },
            None => Self::Sums { sums: vec![(0, 0.0, 0.0); bins * FOLDS], ranks: None },
        }
    }

    /// As [`Cells::new`], with the ranks of a target that is a number.
    pub fn with_ranks(bins: usize, classes: Option<usize>) -> Self {
        match Self::new(bins, classes) {
            Self::Sums { sums, .. } => Self::Sums { sums, ranks: Some(vec![RankSum::EMPTY; bins]) },
            counts @ Self::Classes { .. } => counts,
        }
    }

    /// Bytes of one bin, ranks included.
    pub fn bytes_of_bin(classes: Option<usize>) -> usize {
        let of_cell = classes.map_or(size_of::<(u64, f64, f64)>(), |classes| classes * size_of::<u64>());
        FOLDS * of_cell + if classes.is_none() { size_of::<RankSum>() } else { 0 }
    }

    /// Adds the target of rows in these bins and folds.
    pub fn add(&mut self, placed: &[u32], folds: &[u8], truth: &Truth) {
        match (self, truth) {
            (Self::Classes { counts, classes }, Truth::Classes { labels, missing, .. }) => {
                let known = placed.iter().zip(folds).zip(*labels).filter(|(_, label)| *label != missing);
                for ((bin, fold), label) in known {
                    counts[(*bin as usize * FOLDS + usize::from(*fold)) * *classes + *label as usize] += 1;
                }
            }
            (Self::Sums { sums, ranks }, Truth::Numbers { values, ranks: own, mean, .. }) => {
                for ((bin, fold), value) in placed.iter().zip(folds).zip(*values) {
                    let Some(value) = value else { continue };
                    let cell = &mut sums[*bin as usize * FOLDS + usize::from(*fold)];
                    let distance = value - mean;
                    *cell = (cell.0 + 1, cell.1 + distance, cell.2 + distance * distance);
                }
                if let Some(ranks) = ranks {
                    let known = placed.iter().zip(*own).zip(*values).filter(|(_, value)| value.is_some());
                    known.for_each(|((bin, rank), _)| ranks[*bin as usize].add(*rank));
                }
            }
            _ => {}
        }
    }

    pub fn merge(&mut self, twin: &Self) {
        match (self, twin) {
            (Self::Classes { counts, .. }, Self::Classes { counts: more, .. }) => {
                counts.iter_mut().zip(more).for_each(|(count, more)| *count += more);
            }
            (Self::Sums { sums, ranks }, Self::Sums { sums: more, ranks: more_ranks }) => {
                sums.iter_mut().zip(more).for_each(|(a, b)| *a = (a.0 + b.0, a.1 + b.1, a.2 + b.2));
                let ranks = ranks.iter_mut().flatten().zip(more_ranks.iter().flatten());
                ranks.for_each(|(a, b)| a.merge(b));
            }
            _ => {}
        }
    }

    /// Whether the target only rises, or only falls, along the first `bins` of all.
    pub fn is_staircase(&self, bins: usize) -> bool {
        matches!(self, Self::Sums { ranks: Some(ranks), .. } if is_staircase(&ranks[..bins], ranks))
    }

    pub fn rows(&self) -> u64 {
        match self {
            Self::Classes { counts, .. } => counts.iter().sum(),
            Self::Sums { sums, .. } => sums.iter().map(|(rows, ..)| rows).sum(),
        }
    }

    /// Rows of bins that stand in one fold whole, 30 or more together: too many to be one entity's.
    pub fn unfolded(&self) -> u64 {
        const MANY: u64 = 30;
        let rows: Vec<u64> = match self {
            Self::Classes { counts, classes } => counts.chunks(*classes).map(|cell| cell.iter().sum()).collect(),
            Self::Sums { sums, .. } => sums.iter().map(|(rows, ..)| *rows).collect(),
        };
        let whole = rows.chunks(FOLDS).filter(|folds| folds.iter().filter(|rows| **rows > 0).count() == 1);
        whole.map(|folds| folds.iter().sum::<u64>()).filter(|rows| *rows >= MANY).sum()
    }

    /// The largest area under the ROC curve of one class against the others, or R².
    pub fn score(&self) -> f64 {
        match self {
            Self::Classes { counts, classes } => {
                let score = |class: usize| {
                    let cells = counts.chunks(*classes).map(|cell| (cell[class], cell.iter().sum()));
                    area(&cells.collect::<Vec<_>>())
                };
                (0..*classes).filter_map(score).fold(0.0, f64::max)
            }
            Self::Sums { sums, .. } => explained(sums),
        }
    }

    /// As [`Cells::score`], of classes and tables that have enough rows, and with the ranks of a target of numbers: the
    /// larger R² counts.
    pub fn score_of_enough(&self) -> Option<f64> {
        match self {
            Self::Classes { .. } => self.areas().reduce(f64::max),
            Self::Sums { sums, ranks } => {
                let rows: u64 = sums.iter().map(|(rows, ..)| rows).sum();
                let values = (rows >= ENOUGH).then(|| explained(sums)).filter(|score| score.is_finite());
                [values, ranks.as_deref().and_then(explained_by_bins)].into_iter().flatten().reduce(f64::max)
            }
        }
    }

    /// The area under the ROC curve of each class that has enough rows, out of fold; none of a target of numbers.
    fn areas(&self) -> impl Iterator<Item = f64> {
        let (counts, classes) = match self {
            Self::Classes { counts, classes } => (counts.as_slice(), *classes),
            Self::Sums { .. } => (&[][..], 0),
        };
        (0..classes).filter_map(move |class| {
            let cells: Vec<(u64, u64)> = counts.chunks(classes).map(|cell| (cell[class], cell.iter().sum())).collect();
            let (hits, rows) = cells.iter().fold((0, 0), |all, cell| (all.0 + cell.0, all.1 + cell.1));
            (hits.min(rows - hits) >= ENOUGH).then(|| area(&cells)).flatten()
        })
    }

    /// The smallest area under the ROC curve of a class that has enough rows: near 0 its guesses say the opposite. None of
    /// a target of numbers.
    pub fn lowest(&self) -> Option<f64> {
        self.areas().reduce(f64::min)
    }

    /// The score where a row's own fold counts too, of bins that are well filled and stand in more than one fold; the others
    /// are one bin. In a table of few distinct rows the folds say nothing, and this does. A bin in one fold may be one row
    /// that was copied, which says nothing either.
    pub fn in_sample(&self) -> Option<f64> {
        match self {
            Self::Classes { counts, classes } => {
                let is_spread =
                    |bin: &[u64]| bin.chunks(*classes).filter(|fold| fold.iter().any(|count| *count > 0)).count() > 1;
                let of_class = |bin: &[u64], class: usize| bin.iter().skip(class).step_by(*classes).sum::<u64>();
                let bins: Vec<(bool, Vec<u64>)> = counts
                    .chunks(*classes * FOLDS)
                    .map(|bin| (is_spread(bin), (0..*classes).map(|class| of_class(bin, class)).collect()))
                    .collect();
                let of = |class: usize| {
                    let mut rest = (0, 0);
                    let mut cells = Vec::new();
                    for (is_spread, bin) in &bins {
                        let (hits, rows) = (bin[class], bin.iter().sum::<u64>());
                        if *is_spread && rows >= FILLED {
                            cells.push((hits as f64 / rows as f64, hits, rows - hits));
                        } else {
                            rest = (rest.0 + hits, rest.1 + rows);
                        }
                    }
                    if rest.1 > 0 {
                        cells.push((rest.0 as f64 / rest.1 as f64, rest.0, rest.1 - rest.0));
                    }
                    let (hits, misses) = cells.iter().fold((0, 0), |all, cell| (all.0 + cell.1, all.1 + cell.2));
                    (hits.min(misses) >= ENOUGH).then(|| ranked(cells))
                };
                (0..*classes).filter_map(of).reduce(f64::max)
            }
            Self::Sums { sums, .. } => {
                let add =
                    |all: (u64, f64, f64), cell: &(u64, f64, f64)| (all.0 + cell.0, all.1 + cell.1, all.2 + cell.2);
                let is_spread = |bin: &[(u64, f64, f64)]| bin.iter().filter(|fold| fold.0 > 0).count() > 1;
                let whole = |bin: &[(u64, f64, f64)]| (is_spread(bin), bin.iter().fold((0, 0.0, 0.0), add));
                let (filled, others): (Vec<_>, Vec<_>) =
                    sums.chunks(FOLDS).map(whole).partition(|(is_spread, bin)| *is_spread && bin.0 >= FILLED);
                let bare =
                    |bins: Vec<(bool, (u64, f64, f64))>| bins.into_iter().map(|(_, bin)| bin).collect::<Vec<_>>();
                let (filled, others) = (bare(filled), bare(others));
                let rest = others.iter().fold((0, 0.0, 0.0), add);
                let (rows, sum, squares) = filled.iter().fold(rest, add);
                let spread = squares - sum * sum / rows as f64;
                let bins = filled.iter().chain(std::iter::once(&rest)).filter(|bin| bin.0 > 0);
                let within: f64 = bins.map(|bin| bin.2 - bin.1 * bin.1 / bin.0 as f64).sum();
                (rows >= ENOUGH && spread > 0.0).then(|| 1.0 - within / spread)
            }
        }
    }
}

/// The area under the ROC curve of guesses, each with its hits and misses; there are both.
fn ranked(mut guesses: Vec<(f64, u64, u64)>) -> f64 {
    guesses.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut below, mut area, mut all) = (0.0, 0.0, 0.0);
    for tied in guesses.chunk_by(|a, b| a.0 == b.0) {
        let (hits, misses) = tied.iter().fold((0, 0), |(hits, misses), guess| (hits + guess.1, misses + guess.2));
        area += hits as f64 * (below + misses as f64 / 2.0);
        below += misses as f64;
        all += hits as f64;
    }
    area / (all * below)
}

/// The area under the ROC curve of the guesses out of fold; `cells` are hits and rows by bin and fold. None where
/// all rows or none are hits.
pub fn area(cells: &[(u64, u64)]) -> Option<f64> {
    let total = |cells: &[(u64, u64)]| cells.iter().fold((0, 0), |(hits, rows), cell| (hits + cell.0, rows + cell.1));
    let (hits, rows) = total(cells);
    if hits == 0 || hits == rows {
        return None;
    }
    let usual = hits as f64 / rows as f64;
    // A guess, and the hits and misses that have it.
    let mut guesses: Vec<(f64, u64, u64)> = Vec::new();
    for folds in cells.chunks(FOLDS) {
        let (hits, rows) = total(folds);
        for cell in folds.iter().filter(|cell| cell.1 > 0) {
            let (others, among) = (hits - cell.0, rows - cell.1);
            let guess = if among == 0 { usual } else { others as f64 / among as f64 };
            guesses.push((guess, cell.0, cell.1 - cell.0));
        }
    }
    Some(ranked(guesses))
}

/// R² of the guesses out of fold; the sums are of distances from the mean.
pub fn explained(sums: &[(u64, f64, f64)]) -> f64 {
    let total = |cells: &[(u64, f64, f64)]| {
        cells.iter().fold((0, 0.0, 0.0), |all, cell| (all.0 + cell.0, all.1 + cell.1, all.2 + cell.2))
    };
    let (rows, sum, squares) = total(sums);
    let usual = sum / rows as f64;
    let mut unexplained = 0.0;
    for folds in sums.chunks(FOLDS) {
        let (rows, sum, _) = total(folds);
        for cell in folds.iter().filter(|cell| cell.0 > 0) {
            let among = rows - cell.0;
            let guess = if among == 0 { usual } else { (sum - cell.1) / among as f64 };
            unexplained += cell.2 - 2.0 * guess * cell.1 + cell.0 as f64 * guess * guess;
        }
    }
    1.0 - unexplained / (squares - sum * usual)
}
