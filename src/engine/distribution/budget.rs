//! Bytes that the columns collected together may take.

use std::sync::atomic::{AtomicUsize, Ordering};

#[derive(Debug)]
pub struct Budget {
    taken: AtomicUsize,
    most: usize,
}

impl Budget {
    pub fn of(most: usize) -> Self {
        Self { taken: AtomicUsize::new(0), most }
    }

    /// For states that are bounded by themselves.
    pub fn unlimited() -> Self {
        Self::of(usize::MAX)
    }

    /// Takes `after` bytes in place of `before`; returns whether all that is taken is within the budget.
    pub fn change(&self, before: usize, after: usize) -> bool {
        if after == before {
            return true;
        }
        let taken = self.taken.fetch_add(after, Ordering::Relaxed) + after;
        self.give_back(before);
        after < before || taken - before.min(taken) <= self.most
    }

    pub fn give_back(&self, bytes: usize) {
        self.taken.fetch_sub(bytes, Ordering::Relaxed);
    }
}
