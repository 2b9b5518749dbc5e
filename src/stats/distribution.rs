//! One column in short: its numbers or its categories, and how many of its values are missing.

pub mod slots;
pub mod summary;

use serde::{Deserialize, Serialize};
use slots::Slots;
pub use summary::Summary;

/// Categories of a column that are counted at once.
pub const MOST_CATEGORIES: usize = 65_536;

/// What a column holds, as far as two tables are compared by it.
#[derive(Debug, Clone, PartialEq)]
pub struct Distribution {
    pub missing: u64,
    pub shape: Shape,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Shape {
    Numbers(Numbers),
    Categories(Categories),
}

/// The present values of a column of numbers, or of instants in microseconds since 1970 UTC.
#[derive(Debug, Clone, PartialEq)]
pub struct Numbers {
    pub values: Values,
    pub measure: Measure,
}

/// Ascending; none is NaN.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// Every value.
    Each(Vec<f64>),
    /// Values with how often they occur, as exactly as the summary says.
    Summed(Summary),
    /// Integers, some of which no float is equal to, with how often they occur.
    Large(Vec<(i128, u64)>),
}

/// What a number stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    Number,
    /// A whole number.
    Whole,
    Date,
    Instant,
}

/// The present values of a column of text or booleans.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Categories {
    /// Most common first.
    pub counts: Vec<(String, u64)>,
    /// Rows whose category is not among them, because there are too many.
    pub others: u64,
    /// No count is too low by more than this.
    pub lowered: u64,
    /// Where not every category was counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slots: Option<Slots>,
}

impl Distribution {
    pub fn present(&self) -> u64 {
        match &self.shape {
            Shape::Numbers(numbers) => numbers.values.count(),
            Shape::Categories(categories) => categories.present(),
        }
    }

    pub fn rows(&self) -> u64 {
        self.present() + self.missing
    }
}

impl Values {
    pub fn count(&self) -> u64 {
        match self {
            Self::Each(values) => values.len() as u64,
            Self::Summed(summary) => summary.count(),
            Self::Large(runs) => runs.iter().map(|(_, count)| count).sum(),
        }
    }

    /// The smallest and the largest.
    pub fn ends(&self) -> Option<(f64, f64)> {
        match self {
            Self::Each(values) => Some((*values.first()?, *values.last()?)),
            Self::Summed(summary) => summary.ends(),
            Self::Large(runs) => Some((runs.first()?.0 as f64, runs.last()?.0 as f64)),
        }
    }

    /// By how much of the rows a share of values at most `x` may be wrong.
    pub fn rank_error(&self) -> f64 {
        match self {
            Self::Each(_) | Self::Large(_) => 0.0,
            Self::Summed(summary) => summary.rank_error(),
        }
    }

    /// Mean and population standard deviation of the finite values.
    pub fn moments(&self) -> (f64, f64) {
        match self {
            Self::Each(values) => moments(values.iter().map(|value| (*value, 1))),
            Self::Summed(summary) => summary.moments(),
            Self::Large(runs) => moments(runs.iter().map(|(value, count)| (*value as f64, *count))),
        }
    }

    /// The quantile `q`, between two values by linear interpolation, as `NumPy`'s.
    pub fn quantile(&self, q: f64) -> Option<f64> {
        let at = q * self.count().checked_sub(1)? as f64;
        let (below, above) = (at.floor(), at.ceil());
        let (low, high) = match self {
            Self::Each(values) => (values[below as usize], values[above as usize]),
            Self::Summed(summary) => (summary.at(below as u64), summary.at(above as u64)),
            Self::Large(_) => {
                let summary = self.summary();
                (summary.at(below as u64), summary.at(above as u64))
            }
        };
        let share = at - below;
        // NumPy counts from the nearer end; the last bit decides on which side of an edge a value lies.
        Some(match () {
            () if low == high || share == 0.0 => low,
            // Between a number and an infinity there is nothing but the infinity.
            () if low.is_infinite() => low,
            () if high.is_infinite() => high,
            () if (high - low).is_infinite() => low * (1.0 - share) + high * share,
            () if share >= 0.5 => high - (high - low) * (1.0 - share),
            () => low + (high - low) * share,
        })
    }

    /// How many values lie at or below each of `edges`, which ascend.
    pub fn counts_up_to(&self, edges: &[f64]) -> Vec<u64> {
        match self {
            Self::Each(values) => {
                edges.iter().map(|edge| values.partition_point(|value| value <= edge) as u64).collect()
            }
            Self::Summed(summary) => edges.iter().map(|edge| summary.up_to(*edge)).collect(),
            Self::Large(_) => {
                let summary = self.summary();
                edges.iter().map(|edge| summary.up_to(*edge)).collect()
            }
        }
    }

    /// As floats with how often they occur.
    pub fn summary(&self) -> Summary {
        match self {
            Self::Each(values) => Summary::of_sorted(values),
            Self::Summed(summary) => summary.clone(),
            Self::Large(runs) => {
                let floats: Vec<(f64, u64)> = runs.iter().map(|(value, count)| (*value as f64, *count)).collect();
                let equal = floats.chunk_by(|a, b| a.0 == b.0);
                Summary::of_counts(equal.map(|run| (run[0].0, run.iter().map(|(_, count)| count).sum())).collect())
            }
        }
    }
}

/// Mean and population standard deviation of the finite ones of weighted values, 0 of none. Values are taken as their
/// place between the smallest and the largest: no square overflows or vanishes, and what all have in common takes no
/// digits from what they differ by.
fn moments(values: impl Iterator<Item = (f64, u64)> + Clone) -> (f64, f64) {
    let values = values.filter(|(value, _)| value.is_finite());
    let ends = values.clone().fold(None, |ends: Option<(f64, f64)>, (value, _)| {
        Some(ends.map_or((value, value), |(low, high)| (low.min(value), high.max(value))))
    });
    let Some((low, high)) = ends else { return (0.0, 0.0) };
    if low == high {
        return (low, 0.0);
    }
    // Where the range is beyond all numbers, half of it is not.
    let half = if (high - low).is_finite() { 1.0 } else { 0.5 };
    let range = high * half - low * half;
    let places = values.map(|(value, weight)| ((value * half - low * half) / range, weight as f64));
    let (count, sum) =
        places.clone().fold((0.0, 0.0), |(count, sum), (place, weight)| (count + weight, sum + place * weight));
    let mean = sum / count;
    let squares: f64 = places.map(|(place, weight)| (place - mean).powi(2) * weight).sum();
    ((low * half + mean * range) / half, (squares / count).sqrt() * range / half)
}

impl Categories {
    pub fn present(&self) -> u64 {
        self.counts.iter().map(|(_, count)| count).sum::<u64>() + self.others
    }

    /// Whether every value was counted.
    pub fn is_whole(&self) -> bool {
        self.others == 0 && self.lowered == 0
    }

    /// Both together.
    #[must_use]
    pub fn merged(self, other: Self, most: usize) -> Self {
        let slots = if self.is_whole() && other.is_whole() {
            None
        } else {
            self.slots().zip(other.slots()).map(|(mut slots, more)| {
                slots.merge(&more);
                slots
            })
        };
        let mut counts: rustc_hash::FxHashMap<String, u64> = self.counts.into_iter().collect();
        for (name, count) in other.counts {
            *counts.entry(name).or_default() += count;
        }
        let all = Self {
            counts: counts.into_iter().collect(),
            others: self.others + other.others,
            lowered: self.lowered + other.lowered,
            slots,
        };
        all.shortened(most)
    }

    /// The `most` common ones; the others are summed up.
    #[must_use]
    pub fn shortened(mut self, most: usize) -> Self {
        self.counts.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        if self.counts.len() > most {
            self.slots = self.slots();
            let rest = self.counts.split_off(most);
            self.lowered = self.lowered.max(rest[0].1);
            self.others += rest.iter().map(|(_, count)| count).sum::<u64>();
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_neither_overflow_nor_vanish() {
        for scale in [1.0, 1e300, 1e-300] {
            let values = Values::Each([1.0, 2.0, 3.0, 4.0].map(|value| value * scale).to_vec());
            let (mean, deviation) = values.moments();
            assert!((mean / scale - 2.5).abs() < 1e-12 && (deviation / scale - 1.25_f64.sqrt()).abs() < 1e-12);
        }
    }

    #[test]
    fn categories_that_are_left_out_are_still_rows() {
        let counts = vec![("a".to_owned(), 5), ("b".to_owned(), 3), ("c".to_owned(), 1)];
        let short = Categories { counts, ..Categories::default() }.shortened(1);
        assert_eq!((short.present(), short.others, short.lowered), (9, 4, 3));
        let both = short.clone().merged(short, 10);
        assert_eq!(both.counts, [("a".to_owned(), 10)]);
        assert_eq!((both.others, both.lowered), (8, 6));
    }
}
