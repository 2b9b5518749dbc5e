//! Many numbers in a few, mergeable, with a bound on how wrong their ranks may be.
//!
//! M. Greenwald, S. Khanna, *Power-conserving computation of order-statistics over sensor networks*, PODS 2004:
//! merging two summaries adds up their errors in rows, and pruning to B values adds 1/(2B) of the rows. The
//! bound is deterministic and kept with the summary, so it is stated and never guessed.

use serde::{Deserialize, Serialize};

use super::moments;

/// Values kept of a profile: ranks are right to 0.05 % of the rows.
pub const SHORT: usize = 1024;
/// Rows that no profile has.
pub const MOST_ROWS: u64 = 1 << 50;
/// The most and the fewest values that are sorted at once; of a sorted block a quarter is kept.
const BLOCK: usize = 65_536;
const SMALLEST_BLOCK: usize = 1024;

/// Values with weights, ascending, no two alike.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(from = "File", into = "File")]
pub struct Summary {
    values: Vec<(f64, u64)>,
    /// Rows by which the rank of any value may be wrong.
    error: u64,
    /// The smallest and largest of all values, where there are any.
    ends: Option<(f64, f64)>,
    /// Mean and population standard deviation of all values.
    mean: f64,
    deviation: f64,
}

/// As a file has it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    values: Vec<(Written, u64)>,
    error: u64,
    ends: Option<(Written, Written)>,
    mean: f64,
    deviation: f64,
}

/// A number as JSON has it, which knows no infinity.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Written {
    Number(f64),
    Infinite(Infinite),
}

#[derive(Clone, Copy, Serialize, Deserialize)]
enum Infinite {
    #[serde(rename = "inf")]
    Above,
    #[serde(rename = "-inf")]
    Below,
}

impl From<f64> for Written {
    fn from(value: f64) -> Self {
        match value {
            f64::INFINITY => Self::Infinite(Infinite::Above),
            f64::NEG_INFINITY => Self::Infinite(Infinite::Below),
            number => Self::Number(number),
        }
    }
}

impl From<Written> for f64 {
    fn from(value: Written) -> Self {
        match value {
            Written::Number(number) => number,
            Written::Infinite(Infinite::Above) => Self::INFINITY,
            Written::Infinite(Infinite::Below) => Self::NEG_INFINITY,
        }
    }
}

impl From<Summary> for File {
    fn from(Summary { values, error, ends, mean, deviation }: Summary) -> Self {
        let values = values.into_iter().map(|(value, weight)| (value.into(), weight)).collect();
        Self { values, error, ends: ends.map(|(low, high)| (low.into(), high.into())), mean, deviation }
    }
}

impl From<File> for Summary {
    fn from(File { values, error, ends, mean, deviation }: File) -> Self {
        let values = values.into_iter().map(|(value, weight)| (value.into(), weight)).collect();
        Self { values, error, ends: ends.map(|(low, high)| (low.into(), high.into())), mean, deviation }
    }
}

impl Summary {
    /// Of values that ascend.
    pub fn of_sorted(values: &[f64]) -> Self {
        Self::of_counts(values.chunk_by(|a, b| a == b).map(|run| (run[0], run.len() as u64)).collect())
    }

    /// Of values that ascend, no two alike, with how often each occurs.
    pub fn of_counts(values: Vec<(f64, u64)>) -> Self {
        let ends = values.first().zip(values.last()).map(|((low, _), (high, _))| (*low, *high));
        let (mean, deviation) = moments(values.iter().copied());
        Self { values, error: 0, ends, mean, deviation }
    }

    pub fn values(&self) -> &[(f64, u64)] {
        &self.values
    }

    pub fn count(&self) -> u64 {
        self.values.iter().map(|(_, weight)| weight).sum()
    }

    pub fn ends(&self) -> Option<(f64, f64)> {
        self.ends
    }

    pub fn moments(&self) -> (f64, f64) {
        (self.mean, self.deviation)
    }

    /// The error of a rank as a share of the rows.
    pub fn rank_error(&self) -> f64 {
        if self.error == 0 { 0.0 } else { self.error as f64 / self.count() as f64 }
    }

    /// The value of this rank, from 0.
    pub fn at(&self, rank: u64) -> f64 {
        let mut below = 0;
        for (value, weight) in &self.values {
            below += weight;
            if below > rank {
                return *value;
            }
        }
        self.ends.map_or(f64::NAN, |(_, high)| high)
    }

    /// How many values lie at or below `edge`.
    pub fn up_to(&self, edge: f64) -> u64 {
        self.values.iter().take_while(|(value, _)| *value <= edge).map(|(_, weight)| weight).sum()
    }

    /// Both together.
    #[must_use]
    pub fn merged(&self, other: &Self) -> Self {
        let mut values = Vec::with_capacity(self.values.len() + other.values.len());
        let (mut a, mut b) = (self.values.iter().peekable(), other.values.iter().peekable());
        while let Some(&&(value, weight)) = match (a.peek(), b.peek()) {
            (Some(x), Some(y)) if x.0 <= y.0 => a.next(),
            (Some(_), None) => a.next(),
            _ => b.next(),
        }
        .as_ref()
        {
            match values.last_mut() {
                Some((last, total)) if *last == value => *total += weight,
                _ => values.push((value, weight)),
            }
        }
        let (n, m) = (self.count() as f64, other.count() as f64);
        let ends = match (self.ends, other.ends) {
            (Some(a), Some(b)) => Some((a.0.min(b.0), a.1.max(b.1))),
            (a, b) => a.or(b),
        };
        let (mean, deviation) = match (n, m) {
            (_, 0.0) => self.moments(),
            (0.0, _) => other.moments(),
            // Chan, Golub, LeVeque: the squares within, and those between the two means.
            _ => {
                let (here, there) = (n / (n + m), m / (n + m));
                let apart = other.mean - self.mean;
                let within = (self.deviation * here.sqrt()).hypot(other.deviation * there.sqrt());
                (self.mean + apart * there, within.hypot(apart * (here * there).sqrt()))
            }
        };
        Self { values, error: self.error + other.error, ends, mean, deviation }
    }

    /// With at most `most` values, each standing for those around it.
    #[must_use]
    pub fn pruned(self, most: usize) -> Self {
        if self.values.len() <= most {
            return self;
        }
        let total = self.count();
        let mut kept: Vec<(f64, u64)> = Vec::with_capacity(most);
        let mut widest = 0;
        let mut values = self.values.iter();
        let mut reached = 0;
        let mut value = f64::NAN;
        for part in 0..most as u64 {
            let cut = |part: u64| (u128::from(total) * u128::from(part) / most as u128) as u64;
            let (start, end) = (cut(part), cut(part + 1));
            let middle = u64::midpoint(start, end);
            while reached <= middle {
                let Some((next, weight)) = values.next() else { break };
                value = *next;
                reached += weight;
            }
            match kept.last_mut() {
                Some((last, weight)) if *last == value => *weight += end - start,
                _ => kept.push((value, end - start)),
            }
            widest = widest.max(end - start);
        }
        kept.retain(|(_, weight)| *weight > 0);
        Self { values: kept, error: self.error + widest.div_ceil(2), ..self }
    }

    /// The smallest and largest finite value that can have been there.
    fn finite_ends(&self) -> Option<(f64, f64)> {
        let mut finite = self.values.iter().map(|(value, _)| *value).filter(|value| value.is_finite());
        let (low, high) = self.ends?;
        let first = finite.next()?;
        let last = finite.next_back().unwrap_or(first);
        Some((if low.is_finite() { low } else { first }, if high.is_finite() { high } else { last }))
    }

    /// Whether what a file says of it can be true.
    pub fn is_sound(&self) -> bool {
        let ascends = self.values.windows(2).all(|pair| pair[0].0 < pair[1].0);
        let total = self.values.iter().try_fold(0_u64, |total, (_, weight)| total.checked_add(*weight));
        let within = self
            .ends
            .is_none_or(|(low, high)| low <= high && self.values.iter().all(|(value, _)| (low..=high).contains(value)));
        let moves = match self.finite_ends() {
            // A rounding beyond the ends is none.
            Some((low, high)) => {
                let slack = 1e-9 * low.abs().max(high.abs());
                (low - slack..=high + slack).contains(&self.mean) && self.deviation <= high / 2.0 - low / 2.0 + slack
            }
            None => self.mean == 0.0 && self.deviation == 0.0,
        };
        ascends
            && within
            && moves
            && total.is_some_and(|total| self.error <= total / 100 && total < MOST_ROWS)
            && self.ends.is_some() != self.values.is_empty()
            && self.values.iter().all(|(value, weight)| !value.is_nan() && *weight > 0)
            && self.deviation >= 0.0
    }
}

/// A summary of values as they come, in memory that hardly grows with them.
#[derive(Debug, Clone)]
pub struct Summing {
    /// Values that are sorted at once.
    size: usize,
    block: Vec<f64>,
    /// At place i what stands for about 2^i blocks.
    levels: Vec<Option<Summary>>,
}

impl Default for Summing {
    fn default() -> Self {
        Self::within(usize::MAX)
    }
}

impl Summing {
    /// Within about so many bytes, also of very many values.
    pub fn within(bytes: usize) -> Self {
        // A block, and eight levels of a quarter as many values with their weights.
        let size = (bytes / 40).clamp(SMALLEST_BLOCK, BLOCK);
        Self { size, block: Vec::new(), levels: Vec::new() }
    }

    pub fn bytes(&self) -> usize {
        let levels: usize = self.levels.iter().flatten().map(|level| level.values.capacity()).sum();
        size_of::<f64>() * self.block.capacity() + size_of::<(f64, u64)>() * levels
    }

    pub fn push(&mut self, value: f64) {
        self.block.push(value);
        if self.block.len() == self.size {
            let block = self.close_block();
            self.carry(block, 0);
        }
    }

    fn close_block(&mut self) -> Summary {
        self.block.sort_unstable_by(f64::total_cmp);
        let summary = Summary::of_sorted(&self.block);
        self.block.clear();
        summary
    }

    /// As a binary counter carries: two of one level are one of the next.
    fn carry(&mut self, mut summary: Summary, mut level: usize) {
        loop {
            if self.levels.len() == level {
                self.levels.push(None);
            }
            match self.levels[level].take() {
                None => {
                    self.levels[level] = Some(summary);
                    return;
                }
                Some(other) => summary = other.merged(&summary).pruned(self.size / 4),
            }
            level += 1;
        }
    }

    pub fn merge(&mut self, twin: Self) {
        for (level, summary) in twin.levels.into_iter().enumerate() {
            if let Some(summary) = summary {
                // A level that is not there yet is reached through those below it.
                while self.levels.len() < level {
                    self.levels.push(None);
                }
                self.carry(summary, level);
            }
        }
        twin.block.into_iter().for_each(|value| self.push(value));
    }

    pub fn finish(mut self) -> Summary {
        let block = self.close_block();
        self.levels.into_iter().flatten().fold(block, |all, level| all.merged(&level))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::inference::simulated::Draw;

    /// The largest error of any rank, as a share of the values.
    fn error_of(summary: &Summary, sorted: &[f64]) -> f64 {
        let wrong = |edge: f64| {
            let exact = sorted.partition_point(|value| *value <= edge) as u64;
            exact.abs_diff(summary.up_to(edge))
        };
        sorted.iter().map(|value| wrong(*value)).max().unwrap() as f64 / sorted.len() as f64
    }

    #[test]
    fn no_rank_is_further_off_than_the_summary_says() {
        let mut draw = Draw::new(4);
        for rows in [10, 5_000, 400_000] {
            let values: Vec<f64> = (0..rows).map(|_| (draw.normal() * 1e3).round()).chain([f64::INFINITY]).collect();
            let mut parts: Vec<Summing> = (0..3).map(|_| Summing::default()).collect();
            values.iter().enumerate().for_each(|(at, value)| parts[at % 3].push(*value));
            let summing = parts.into_iter().reduce(|mut all, part| {
                all.merge(part);
                all
            });
            let long = summing.unwrap().finish();
            let mut sorted = values;
            sorted.sort_unstable_by(f64::total_cmp);
            for summary in [long.clone(), long.clone().pruned(SHORT), long.merged(&Summary::default()).pruned(50)] {
                assert_eq!(summary.count(), sorted.len() as u64);
                let (found, stated) = (error_of(&summary, &sorted), summary.rank_error());
                assert!(found <= stated, "{rows}: {found} > {stated}");
                assert!(stated <= 0.001 || summary.values().len() <= 50, "{stated}");
                // A larger error than a hundredth is no profile's.
                assert!(summary.is_sound() || stated > 0.01, "{summary:?}");
                let json = serde_json::to_string(&summary).unwrap();
                assert_eq!(serde_json::from_str::<Summary>(&json).unwrap(), summary);
            }
        }
    }

    #[test]
    fn merging_keeps_mean_and_deviation() {
        let all = [1.0, 2.0, 3.0, 10.0, 50.0];
        let both = Summary::of_sorted(&all[..2]).merged(&Summary::of_sorted(&all[2..]));
        let whole = Summary::of_sorted(&all);
        assert!((both.mean - whole.mean).abs() < 1e-12 && (both.deviation - whole.deviation).abs() < 1e-12);
        assert_eq!((both.values, both.ends), (whole.values, whole.ends));
    }

    #[test]
    fn a_file_that_contradicts_itself_is_not_sound() {
        let sound = Summary::of_sorted(&[1.0, 2.0, 2.0]);
        assert!(sound.is_sound());
        assert!(Summary::default().is_sound());
        for wrong in [
            Summary { values: vec![(2.0, 1), (1.0, 1)], ..sound.clone() },
            Summary { values: vec![(1.0, u64::MAX), (2.0, 2)], ..sound.clone() },
            Summary { error: 4, ..sound.clone() },
            Summary { ends: Some((1.5, 2.0)), ..sound.clone() },
            Summary { ends: None, ..sound.clone() },
            Summary { deviation: f64::NAN, ..sound },
        ] {
            assert!(!wrong.is_sound(), "{wrong:?}");
        }
    }
}
