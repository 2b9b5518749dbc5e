//! Integers that lie close together, counted; other numbers in pages.

use rayon::slice::ParallelSliceMut;

use crate::engine::scale::Scale;

/// The widest range of integers that are counted, not kept.
pub const WIDEST: usize = 131_072;
/// However few rows there are, a range of this many integers is counted.
const NARROWEST: usize = 256;
/// Numbers of a page.
const PAGE: usize = 65_536;

/// Counts of integers close together, in a range that grows with them.
pub struct Window {
    /// The integer that the first count is of.
    base: i64,
    counts: Vec<u64>,
    /// Counts that there may be.
    most: usize,
    scale: Scale,
}

impl Window {
    /// With room for `first`, in a table of so many rows: counts take no more memory than the rows would.
    pub fn around(first: i64, scale: Scale, rows: u64) -> Self {
        let most = usize::try_from(rows / 2).unwrap_or(WIDEST).clamp(NARROWEST, WIDEST);
        Self { base: first, counts: vec![0; 1], most, scale }
    }

    /// Whether there was room for it.
    #[inline]
    pub fn add(&mut self, value: i64) -> bool {
        if let Some(count) = self.place(value) {
            *count += 1;
            return true;
        }
        self.reach(value) && self.place(value).map(|count| *count += 1).is_some()
    }

    #[inline]
    fn place(&mut self, value: i64) -> Option<&mut u64> {
        // Below the base it is beyond any length.
        let at = value.wrapping_sub(self.base).cast_unsigned();
        self.counts.get_mut(usize::try_from(at).ok()?)
    }

    /// Whether the range can be made to hold it too; nothing is counted.
    fn reach(&mut self, value: i64) -> bool {
        if self.place(value).is_some() {
            return true;
        }
        let (least, greatest) = self.ends().unwrap_or((value, value));
        let (low, high) = (least.min(value), greatest.max(value));
        let Ok(steps) = usize::try_from(high.abs_diff(low)) else { return false };
        if steps >= self.most {
            return false;
        }
        // Twice as much as is needed, on the side where it was needed; nothing beyond the last integer.
        let slack = (2 * (steps + 1)).min(self.most) - (steps + 1);
        let base = if value < self.base { low.saturating_sub_unsigned(slack as u64) } else { low };
        let room = usize::try_from(i64::MAX.abs_diff(base)).unwrap_or(usize::MAX).saturating_add(1);
        let mut counts = vec![0; room.min(steps + 1 + slack)];
        for (value, count) in self.counted() {
            counts[value.wrapping_sub(base) as usize] = count;
        }
        (self.base, self.counts) = (base, counts);
        true
    }

    /// The smallest and the largest integer that occurred.
    fn ends(&self) -> Option<(i64, i64)> {
        let first = self.counts.iter().position(|count| *count > 0)?;
        let last = self.counts.iter().rposition(|count| *count > 0)?;
        Some((self.base + first as i64, self.base + last as i64))
    }

    /// Takes back what was added of these before the first that had no room.
    pub fn take_back(&mut self, values: impl Iterator<Item = Option<i64>>) {
        for value in values.flatten() {
            match self.place(value) {
                Some(count) if *count > 0 => *count -= 1,
                _ => return,
            }
        }
    }

    /// Whether both are one now; if not, nothing was counted.
    pub fn merge(&mut self, twin: &Self) -> bool {
        // Both ends beside all that is here, before anything is counted.
        let Some((low, high)) = twin.ends() else { return true };
        let (least, greatest) = self.ends().unwrap_or((low, high));
        if greatest.max(high).abs_diff(least.min(low)) >= self.most as u64 {
            return false;
        }
        for (value, more) in twin.counted() {
            if self.reach(value)
                && let Some(count) = self.place(value)
            {
                *count += more;
            }
        }
        true
    }

    /// The integers that occurred and how often, ascending.
    fn counted(&self) -> impl Iterator<Item = (i64, u64)> + Clone {
        let counts = (0_i64..).zip(&self.counts).filter(|(_, count)| **count > 0);
        counts.map(|(at, count)| (self.base + at, *count))
    }

    /// What they stand for, ascending.
    pub fn values(&self) -> impl Iterator<Item = (f64, u64)> + Clone {
        self.counted().map(|(value, count)| (self.scale.number(value), count))
    }

    /// The integers themselves, where they are numbers that a float does not hold.
    pub fn large(&self) -> Option<Vec<(i128, u64)>> {
        let is_number = self.scale == Scale::Number { digits: 0 };
        let ends = self.ends().filter(|_| is_number)?;
        (super::is_large(ends.0) || super::is_large(ends.1))
            .then(|| self.counted().map(|(value, count)| (value.into(), count)).collect())
    }

    pub fn bytes(&self) -> usize {
        size_of::<u64>() * self.counts.capacity()
    }
}

/// Numbers in pages: nothing is copied when there are more.
pub struct Pages<T>(pub Vec<Vec<T>>);

impl<T> Default for Pages<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: Copy + Send> Pages<T> {
    #[inline]
    pub fn push(&mut self, value: T) {
        match self.0.last_mut() {
            Some(page) if page.len() < PAGE => page.push(value),
            // The first page grows with the rows, of which there may be few.
            first => {
                let mut page = Vec::with_capacity(if first.is_some() { PAGE } else { 0 });
                page.push(value);
                self.0.push(page);
            }
        }
    }

    pub fn bytes(&self) -> usize {
        let last = self.0.last().map_or(0, Vec::capacity);
        size_of::<T>() * (self.0.len().saturating_sub(1) * PAGE + last)
    }

    pub fn values(self) -> impl Iterator<Item = T> {
        self.0.into_iter().flatten()
    }

    pub fn sorted(self, order: impl Fn(&T, &T) -> std::cmp::Ordering + Sync) -> Vec<T> {
        let mut all = Vec::with_capacity(self.0.iter().map(Vec::len).sum());
        self.0.into_iter().for_each(|page| all.extend(page));
        all.par_sort_unstable_by(order);
        all
    }
}
