//! Numbers of two samples in bins that both make: equal shares of all values, finer at the ends, and a bin for each
//! value that many rows hold.
//!
//! The bins depend on the values of both samples together and not on which sample a value is from, so that tests on
//! their counts hold; they depend on ranks alone, so that no value weighs more than another.

use super::distance::{Apart, Walked, chi_squared, each_value, kolmogorov_p, pooled};
use super::homogeneity::jensen_shannon_beyond_chance;
use crate::stats::distribution::Values;

/// Shares of all values below each edge between two bins; those outside of [`TAIL`] are of the tails.
const EDGES: [f64; 9] = [0.025, 0.05, 1.0 / 6.0, 2.0 / 6.0, 0.5, 4.0 / 6.0, 5.0 / 6.0, 0.95, 0.975];
const TAIL: f64 = 0.05;
/// So many deviations wide are the middle 95 % of a normal law.
pub const NORMAL: f64 = 3.92;
/// A value that this share of the rows holds has a bin of its own.
const COMMON: f64 = 0.05;

/// Values from `low` to `high` and how often they occur in either sample.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct QuantileBin {
    pub low: f64,
    pub high: f64,
    pub counts: [u64; 2],
    part: Part,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    FarBelow,
    Below,
    Middle,
    Above,
    FarAbove,
}

/// Two samples of numbers side by side.
#[derive(Debug)]
pub struct Compared {
    pub apart: Apart,
    pub bins: Vec<QuantileBin>,
}

impl Compared {
    pub fn of(a: &Values, b: &Values) -> Self {
        let totals = [a.count(), b.count()];
        let mut walked = Walked::new(totals);
        let mut binning = Binning::new(totals[0] + totals[1]);
        each_value(a, b, |value, counts| {
            walked.step(value, counts);
            binning.step(value, counts);
        });
        binning.close();
        Self { apart: walked.apart, bins: binning.bins }
    }

    /// Returns how often two samples of one distribution differ as much, by the test that finds most: Kolmogorov and
    /// Smirnov's, chi-squared over the bins, or over the tails with all between them as one. The smallest p-value
    /// counts, times their number. `error` is the share of each sample by which its ranks may be wrong: the smallest
    /// differences that it allows are tested.
    pub fn p(&self, error: [f64; 2]) -> f64 {
        let totals: [u64; 2] = [0, 1].map(|side| self.bins.iter().map(|bin| bin.counts[side]).sum());
        let ks = kolmogorov_p((self.apart.ks - error[0] - error[1]).max(0.0), totals[0], totals[1]);
        let counts: Vec<[u64; 2]> = self.bins.iter().map(|bin| nearest(bin.counts, totals, error)).collect();
        // The two bins of a tail are one here; those of the middle are one there.
        let all = joined(&self.bins, &counts, |a, b| {
            a == b && a != Part::Middle
                || matches!((a, b), (Part::FarBelow, Part::Below) | (Part::Above, Part::FarAbove))
        });
        let tails = joined(&self.bins, &counts, |a, b| a == b);
        let tests: Vec<f64> = [all, tails].into_iter().filter_map(|[a, b]| tested(&a, &b)).chain([ks]).collect();
        let least = tests.iter().copied().fold(1.0, f64::min);
        (least * tests.len() as f64).min(1.0)
    }

    /// Returns the area between the two cumulative shares over the middle 95 % of all values, in the deviation that the
    /// middle 95 % of the first sample, from `low` to `high`, have of a normal law: the earth mover's distance without
    /// the values that could own it. 0 where that deviation is 0 or a value is infinite.
    pub fn middle_wasserstein(&self, (low, high): (f64, f64)) -> f64 {
        let totals = [0, 1].map(|side| self.bins.iter().map(|bin| bin.counts[side]).sum::<u64>() as f64);
        let is_middle = |bin: &QuantileBin| !matches!(bin.part, Part::FarBelow | Part::FarAbove);
        let (mut below, mut gap, mut area) = ([0, 0], 0.0, 0.0);
        let mut last: Option<&QuantileBin> = None;
        for bin in &self.bins {
            if let Some(last) = last.filter(|last| is_middle(last) && is_middle(bin)) {
                area += gap * (bin.low - last.high);
            }
            let before = gap;
            (0..2).for_each(|side| below[side] += bin.counts[side]);
            gap = (below[0] as f64 / totals[0] - below[1] as f64 / totals[1]).abs();
            if is_middle(bin) {
                area += f64::midpoint(before, gap) * (bin.high - bin.low);
            }
            last = Some(bin);
        }
        let distance = area * NORMAL / (high - low);
        if distance.is_finite() { distance } else { 0.0 }
    }

    /// Returns the smallest and the largest Jensen-Shannon distance beyond chance where the shares of each sample may be
    /// wrong by `error`.
    pub fn divergences(&self, error: [f64; 2]) -> [f64; 2] {
        let totals: [u64; 2] = [0, 1].map(|side| self.bins.iter().map(|bin| bin.counts[side]).sum());
        let of = |moved: &dyn Fn([u64; 2]) -> [u64; 2]| {
            let counts: Vec<[u64; 2]> = self.bins.iter().map(|bin| moved(bin.counts)).collect();
            let [a, b] = [0, 1].map(|side| counts.iter().map(|counts| counts[side]).collect::<Vec<u64>>());
            jensen_shannon_beyond_chance(&a, &b)
        };
        [of(&|counts| nearest(counts, totals, error)), of(&|counts| furthest(counts, totals, error))]
    }

    /// The counts of the bins, of either sample.
    pub fn counts(&self) -> [Vec<u64>; 2] {
        [0, 1].map(|side| self.bins.iter().map(|bin| bin.counts[side]).collect())
    }
}

/// Counts with neighbours added up that are of one part.
fn joined(bins: &[QuantileBin], counts: &[[u64; 2]], is_one: impl Fn(Part, Part) -> bool) -> [Vec<u64>; 2] {
    let mut sides = [Vec::new(), Vec::new()];
    let mut last: Option<Part> = None;
    for (bin, counts) in bins.iter().zip(counts) {
        let is_same = last.is_some_and(|last| is_one(last, bin.part));
        for (side, count) in sides.iter_mut().zip(counts) {
            match side.last_mut() {
                Some(total) if is_same => *total += count,
                _ => side.push(*count),
            }
        }
        last = Some(bin.part);
    }
    sides
}

/// The p of chi-squared with rare bins pooled; none of one bin.
fn tested(a: &[u64], b: &[u64]) -> Option<f64> {
    let (a, b) = pooled(a, b);
    let bins = a.iter().zip(&b).filter(|(a, b)| **a + **b > 0).count();
    (bins >= 2).then(|| chi_squared(&a, &b).p)
}

/// The counts whose shares are nearest to each other, where each may be wrong by twice the error of a rank.
fn nearest(counts: [u64; 2], totals: [u64; 2], error: [f64; 2]) -> [u64; 2] {
    if error == [0.0, 0.0] {
        return counts;
    }
    let shares = [0, 1].map(|side| counts[side] as f64 / totals[side].max(1) as f64);
    let gap = shares[1] - shares[0];
    let moved = gap.signum() * gap.abs().min(2.0 * (error[0] + error[1]));
    // Each takes the part of the way that it may be wrong by.
    let part = error[0] / (error[0] + error[1]);
    let shares = [shares[0] + moved * part, shares[1] - moved * (1.0 - part)];
    [0, 1].map(|side| (shares[side] * totals[side] as f64).round().max(0.0) as u64)
}

/// The counts whose shares are furthest from each other, where each may be wrong by twice the error of a rank.
fn furthest(counts: [u64; 2], totals: [u64; 2], error: [f64; 2]) -> [u64; 2] {
    let shares = [0, 1].map(|side| counts[side] as f64 / totals[side].max(1) as f64);
    let way = if shares[1] >= shares[0] { [-1.0, 1.0] } else { [1.0, -1.0] };
    [0, 1].map(|side| {
        let share = (shares[side] + way[side] * 2.0 * error[side]).clamp(0.0, 1.0);
        (share * totals[side] as f64).round() as u64
    })
}

/// The bins as far as the values were walked.
struct Binning {
    total: f64,
    /// Values in closed bins, and with the open one.
    closed: u64,
    reached: u64,
    next_edge: usize,
    open: Option<QuantileBin>,
    bins: Vec<QuantileBin>,
}

impl Binning {
    fn new(total: u64) -> Self {
        Self { total: total as f64, closed: 0, reached: 0, next_edge: 0, open: None, bins: Vec::new() }
    }

    #[inline]
    fn step(&mut self, value: f64, counts: [u64; 2]) {
        let (before, after) = (self.reached as f64, (self.reached + counts[0] + counts[1]) as f64);
        let is_common = after - before >= COMMON * self.total;
        let mut ends = is_common;
        if is_common {
            self.close();
        }
        // Of the places before and after the value the nearer one is the edge.
        while let Some(edge) = EDGES.get(self.next_edge).map(|share| share * self.total).filter(|edge| *edge <= after) {
            if edge - before <= after - edge {
                self.close();
            } else {
                ends = true;
            }
            self.next_edge += 1;
        }
        self.reached = after as u64;
        let bin = self.open.get_or_insert(QuantileBin { low: value, high: value, counts: [0, 0], part: Part::Middle });
        bin.high = value;
        (0..2).for_each(|side| bin.counts[side] += counts[side]);
        if ends {
            self.close();
        }
    }

    fn close(&mut self) {
        let Some(mut bin) = self.open.take() else { return };
        let middle = f64::midpoint(self.closed as f64, self.reached as f64) / self.total;
        bin.part = match middle {
            _ if middle < TAIL / 2.0 => Part::FarBelow,
            _ if middle < TAIL => Part::Below,
            _ if middle <= 1.0 - TAIL => Part::Middle,
            _ if middle <= 1.0 - TAIL / 2.0 => Part::Above,
            _ => Part::FarAbove,
        };
        self.closed = self.reached;
        self.bins.push(bin);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compared(a: &[f64], b: &[f64]) -> Compared {
        let sorted = |values: &[f64]| {
            let mut values = values.to_vec();
            values.sort_unstable_by(f64::total_cmp);
            Values::Each(values)
        };
        Compared::of(&sorted(a), &sorted(b))
    }

    #[test]
    fn bins_are_equal_shares_and_finer_at_the_ends() {
        let values: Vec<f64> = (0..2_000).map(f64::from).collect();
        let (a, b): (Vec<f64>, Vec<f64>) = values.iter().partition(|value| **value % 2.0 == 0.0);
        let bins = compared(&a, &b).bins;
        let counts: Vec<u64> = bins.iter().map(|bin| bin.counts[0] + bin.counts[1]).collect();
        assert_eq!(counts, [50, 50, 233, 334, 333, 333, 334, 233, 50, 50]);
        assert_eq!((bins[0].low, bins[9].high), (0.0, 1999.0));
        assert!(compared(&a, &b).p([0.0, 0.0]) > 0.9);
    }

    #[test]
    fn a_value_of_many_rows_has_a_bin_of_its_own() {
        let mut values: Vec<f64> = (1..=300).map(f64::from).collect();
        values.extend([0.0; 700]);
        let mut now = values.clone();
        now.iter_mut().filter(|value| **value == 0.0).for_each(|value| *value = -999.0);
        let bins = compared(&values, &now).bins;
        assert_eq!((bins[0].low, bins[0].high, bins[0].counts), (-999.0, -999.0, [0, 700]));
        assert_eq!((bins[1].low, bins[1].high, bins[1].counts), (0.0, 0.0, [700, 0]));
        assert!(compared(&values, &now).p([0.0, 0.0]) < 1e-100);
    }

    #[test]
    fn one_value_owns_no_distance() {
        let values: Vec<f64> = (0..1_000).map(|at| f64::from(at) / 100.0).collect();
        let ends = (values[25], values[975]);
        let moved: Vec<f64> = values.iter().map(|value| value + 0.5).collect();
        let plain = compared(&values, &moved).middle_wasserstein(ends);
        // 95 % of the area of 0.5, in deviations of 9.5 / 3.92.
        assert!((plain - 0.5 * 3.92 / 9.5).abs() < 0.02, "{plain}");
        let mut beside = values.clone();
        beside[7] = 1e300;
        assert!((compared(&beside, &moved).middle_wasserstein(ends) - plain).abs() < 0.01);
        assert_eq!(compared(&[f64::INFINITY; 400], &values).middle_wasserstein(ends), 0.0);
    }

    #[test]
    fn constants_have_one_bin_and_empty_samples_none() {
        let one = compared(&[3.0; 40], &[3.0; 50]);
        assert_eq!((one.bins.len(), one.p([0.0, 0.0])), (1, 1.0));
        assert!(compared(&[], &[]).bins.is_empty());
    }

    #[test]
    fn what_ranks_may_be_wrong_by_is_no_difference() {
        let values: Vec<f64> = (0..100_000).map(f64::from).collect();
        let moved: Vec<f64> = values.iter().map(|value| value + 1_500.0).collect();
        let both = compared(&values, &moved);
        assert!(both.p([0.0, 0.0]) < 1e-6);
        assert!(both.p([0.015, 0.0]) > 0.5, "{}", both.p([0.015, 0.0]));
    }
}
