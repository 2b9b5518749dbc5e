//! What is made of the rows that are equal in the key columns.

use rustc_hash::FxHashMap;

/// What is made of rows that are equal in the key columns.
pub trait Group: Default + Send + 'static {
    /// Adds a row; `other` are the bytes of the column beside the key.
    fn add(&mut self, row: u64, other: &[u8]);
    fn merge(&mut self, twin: Self);
    /// Bytes on the heap.
    fn size(&self) -> usize;
    /// How many rows break the rule, and the first of them.
    fn breaches(&self) -> (u64, Option<u64>);
}

/// Rows but for the earliest are repeats.
#[derive(Default)]
pub struct Repeats {
    count: u64,
    /// The two earliest rows.
    first: Option<u64>,
    second: Option<u64>,
}

/// Rows with more than one label among them conflict.
#[derive(Default)]
pub struct Conflicts {
    /// Label → how many rows, and the first.
    labels: FxHashMap<Box<[u8]>, (u64, u64)>,
}

impl Group for Repeats {
    fn add(&mut self, row: u64, _: &[u8]) {
        self.count += 1;
        self.see(row);
    }

    fn merge(&mut self, twin: Self) {
        self.count += twin.count;
        [twin.first, twin.second].into_iter().flatten().for_each(|row| self.see(row));
    }

    fn size(&self) -> usize {
        0
    }

    fn breaches(&self) -> (u64, Option<u64>) {
        (self.count.saturating_sub(1), self.second)
    }
}

impl Repeats {
    fn see(&mut self, row: u64) {
        let mut rows: Vec<u64> = [self.first, self.second, Some(row)].into_iter().flatten().collect();
        rows.sort_unstable();
        (self.first, self.second) = (rows.first().copied(), rows.get(1).copied());
    }
}

impl Group for Conflicts {
    fn add(&mut self, row: u64, other: &[u8]) {
        // A label that is missing (tag 0) conflicts with nothing.
        if other != [0] {
            let (count, first) = self.labels.entry(other.into()).or_insert((0, row));
            *count += 1;
            *first = row.min(*first);
        }
    }

    fn merge(&mut self, twin: Self) {
        for (label, (count, first)) in twin.labels {
            let (total, earliest) = self.labels.entry(label).or_insert((0, first));
            *total += count;
            *earliest = first.min(*earliest);
        }
    }

    fn size(&self) -> usize {
        self.labels.keys().map(|label| label.len() + 48).sum()
    }

    fn breaches(&self) -> (u64, Option<u64>) {
        if self.labels.len() < 2 {
            return (0, None);
        }
        (self.labels.values().map(|(count, _)| count).sum(), self.labels.values().map(|(_, first)| *first).min())
    }
}
