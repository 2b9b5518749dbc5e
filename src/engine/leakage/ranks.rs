//! Ranks of a target of numbers, and what they say by bin.

use super::score::ENOUGH;
use crate::stats::distribution::Summary;

/// A value that so large a share of the rows has is no sign of a copy.
const USUAL_SHARE: f64 = 0.05;
/// Bins that have to be in order before that is no accident.
pub const STEPS: usize = 8;

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

/// The ranks of the rows of one bin.
#[derive(Debug, Clone, Copy)]
pub struct RankSum {
    pub rows: u64,
    sum: f64,
    squares: f64,
    low: f64,
    high: f64,
}

impl RankSum {
    pub const EMPTY: Self = Self { rows: 0, sum: 0.0, squares: 0.0, low: f64::INFINITY, high: f64::NEG_INFINITY };

    pub fn add(&mut self, rank: f64) {
        self.merge(&Self { rows: 1, sum: rank, squares: rank * rank, low: rank, high: rank });
    }

    pub fn merge(&mut self, other: &Self) {
        self.rows += other.rows;
        self.sum += other.sum;
        self.squares += other.squares;
        (self.low, self.high) = (self.low.min(other.low), self.high.max(other.high));
    }
}

/// Whether the target only rises, or only falls, from bin to bin of the feature: a copy on another scale.
pub fn is_staircase(bins: &[RankSum], all: &[RankSum]) -> bool {
    let there: Vec<&RankSum> = bins.iter().filter(|bin| bin.rows > 0).collect();
    let (rows, of) = (there.iter().map(|bin| bin.rows).sum::<u64>(), all.iter().map(|bin| bin.rows).sum::<u64>());
    let is = |in_order: &dyn Fn(&RankSum, &RankSum) -> bool| there.windows(2).all(|pair| in_order(pair[0], pair[1]));
    // In few rows of many a rise is an accident.
    let are_enough = rows >= ENOUGH || 2 * rows >= of;
    there.len() >= STEPS && are_enough && (is(&|a, b| a.high <= b.low) || is(&|a, b| a.low >= b.high))
}

/// R² of the ranks that the mean of each bin explains, adjusted for the number of bins.
pub fn explained_by_bins(bins: &[RankSum]) -> Option<f64> {
    let there = bins.iter().filter(|bin| bin.rows > 0);
    let count = there.clone().count() as f64;
    let (rows, sum, squares) =
        there.clone().fold((0.0, 0.0, 0.0), |all, bin| (all.0 + bin.rows as f64, all.1 + bin.sum, all.2 + bin.squares));
    let spread = squares - sum * sum / rows;
    // Bins of a row or two explain everything, and nothing.
    if rows < 2.0 * count || rows < ENOUGH as f64 || spread <= 0.0 {
        return None;
    }
    let within: f64 = there.map(|bin| bin.squares - bin.sum * bin.sum / bin.rows as f64).sum();
    Some(1.0 - within / spread * (rows - 1.0) / (rows - count))
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
    fn a_staircase_goes_one_way() {
        let bins = |ends: &[(f64, f64)]| -> Vec<RankSum> {
            ends.iter().map(|(low, high)| RankSum { rows: 3, low: *low, high: *high, ..RankSum::EMPTY }).collect()
        };
        let up = bins(&[0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0].map(|at| (at, at + 1.0)));
        assert!(is_staircase(&up, &up));
        assert!(is_staircase(&up.iter().rev().copied().collect::<Vec<_>>(), &up));
        assert!(!is_staircase(&up[..7], &up));
        let mut bent = up.clone();
        bent[3].high = 5.5;
        assert!(!is_staircase(&bent, &bent));
        // Of few rows most lack the feature.
        let few: Vec<RankSum> = up.iter().map(|bin| RankSum { rows: 2, ..*bin }).collect();
        let mut all = few.clone();
        all.push(RankSum { rows: 30, ..RankSum::EMPTY });
        assert!(is_staircase(&few, &few) && !is_staircase(&few, &all));
    }
}
