//! Integers that lie close together, counted; other numbers in pages.

use rayon::slice::ParallelSliceMut;

use crate::distribution::Summary;
use crate::engine::scale::Scale;

/// Integers that are this close together are counted, not kept.
pub const WINDOW: usize = 65_536;
/// Numbers of a page.
const PAGE: usize = 65_536;

/// Counts of integers close together.
pub struct Window {
    base: i64,
    counts: Vec<u64>,
    scale: Scale,
}

impl Window {
    pub fn around(first: i64, scale: Scale) -> Self {
        // Twins start from other values and should have one window.
        let half = WINDOW as i64 / 2;
        let base = first.div_euclid(half).saturating_sub(1).saturating_mul(half);
        Self { base: base.min(i64::MAX - 2 * WINDOW as i64 + 1), counts: vec![0; 2 * WINDOW], scale }
    }

    /// Whether there was room for it.
    #[inline]
    pub fn add(&mut self, value: i64) -> bool {
        let room =
            value.checked_sub(self.base).and_then(|at| usize::try_from(at).ok()).and_then(|at| self.counts.get_mut(at));
        room.map(|count| *count += 1).is_some()
    }

    /// Takes back what was added of these before the first that had no room.
    pub fn take_back(&mut self, values: impl Iterator<Item = Option<i64>>) {
        for value in values.flatten() {
            match value
                .checked_sub(self.base)
                .and_then(|at| usize::try_from(at).ok())
                .and_then(|at| self.counts.get_mut(at))
            {
                Some(count) => *count -= 1,
                None => return,
            }
        }
    }

    pub fn merge(&mut self, twin: &Self) -> bool {
        if self.base == twin.base {
            self.counts.iter_mut().zip(&twin.counts).for_each(|(count, more)| *count += more);
            return true;
        }
        let mut whole = |at: i64, more: u64| {
            let place = at
                .checked_sub(self.base)
                .and_then(|at| usize::try_from(at).ok())
                .and_then(|at| self.counts.get_mut(at));
            place.map(|count| *count += more).is_some()
        };
        let theirs = || (0_i64..).zip(&twin.counts).filter(|(_, n)| **n > 0).map(|(at, n)| (twin.base + at, n));
        if theirs().all(|(at, _)| whole(at, 0)) {
            theirs().for_each(|(at, count)| {
                whole(at, *count);
            });
            return true;
        }
        false
    }

    /// Ascending.
    pub fn values(&self) -> impl Iterator<Item = (f64, u64)> + Clone {
        (0_i64..).zip(&self.counts).filter(|(_, n)| **n > 0).map(|(at, n)| (self.scale.number(self.base + at), *n))
    }

    pub fn summed(&self) -> Summary {
        Summary::of_counts(self.values().collect())
    }
}

/// Numbers in pages: nothing is copied when there are more.
#[derive(Default)]
pub struct Pages(pub Vec<Vec<f64>>);

impl Pages {
    #[inline]
    pub fn push(&mut self, value: f64) {
        match self.0.last_mut() {
            Some(page) if page.len() < PAGE => page.push(value),
            _ => {
                let mut page = Vec::with_capacity(PAGE);
                page.push(value);
                self.0.push(page);
            }
        }
    }

    pub fn sorted(self) -> Vec<f64> {
        let mut all = Vec::with_capacity(self.0.iter().map(Vec::len).sum());
        self.0.into_iter().for_each(|page| all.extend(page));
        all.par_sort_unstable_by(f64::total_cmp);
        all
    }
}
