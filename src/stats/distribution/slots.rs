//! Rows by the hash of their category: exact and of one size, however many categories there are.

use std::hash::{BuildHasher, RandomState};
use std::sync::OnceLock;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use super::Categories;

pub const SLOTS: usize = 4096;
/// The middle half of a normal law is so many deviations wide.
const QUARTILES: f64 = 1.349;

/// How many rows fall into each slot.
///
/// Two tables of one run are compared by a hash that is keyed anew in every run, so that nobody can choose categories
/// that share slots with others. A profile outlives the run: it has a fixed one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(from = "Vec<u64>", into = "Vec<u64>")]
pub struct Slots {
    fixed: Vec<u64>,
    /// Empty in what a profile knows.
    keyed: Vec<u64>,
}

impl From<Vec<u64>> for Slots {
    fn from(fixed: Vec<u64>) -> Self {
        Self { fixed, keyed: Vec::new() }
    }
}

impl From<Slots> for Vec<u64> {
    fn from(slots: Slots) -> Self {
        slots.fixed
    }
}

impl Default for Slots {
    fn default() -> Self {
        Self { fixed: vec![0; SLOTS], keyed: vec![0; SLOTS] }
    }
}

impl Slots {
    /// Of categories that are all counted.
    fn of(categories: &Categories) -> Self {
        let mut slots = Self::default();
        categories.counts.iter().for_each(|(name, count)| slots.add(name.as_bytes(), *count));
        slots
    }

    pub fn add(&mut self, name: &[u8], count: u64) {
        static KEY: OnceLock<RandomState> = OnceLock::new();
        let hashes = [xxh3_64(name), KEY.get_or_init(RandomState::new).hash_one(name)];
        for (slots, hash) in [&mut self.fixed, &mut self.keyed].into_iter().zip(hashes) {
            if let Some(slot) = slots.get_mut(hash as usize % SLOTS) {
                *slot += count;
            }
        }
    }

    pub fn merge(&mut self, other: &Self) {
        if other.keyed.is_empty() {
            self.keyed.clear();
        }
        for (mine, theirs) in [(&mut self.fixed, &other.fixed), (&mut self.keyed, &other.keyed)] {
            mine.iter_mut().zip(theirs).for_each(|(slot, more)| *slot += more);
        }
    }

    pub fn bytes(&self) -> usize {
        size_of::<u64>() * (self.fixed.capacity() + self.keyed.capacity())
    }

    /// Whether they can be those of so many rows.
    pub fn is_sound(&self, rows: u64) -> bool {
        let total = self.fixed.iter().try_fold(0_u64, |total, count| total.checked_add(*count));
        self.fixed.len() == SLOTS && total == Some(rows)
    }

    /// How many categories there are, and how many rows each has, as a typical slot tells: where categories have `m` rows,
    /// a slot's rows vary `m` times as much as single rows would. The few slots of common categories do not count.
    fn distinct(&self) -> (u64, f64) {
        let mut sorted = self.fixed.clone();
        sorted.sort_unstable();
        let quartile = |part: usize| sorted.get(part * sorted.len() / 4).copied().unwrap_or(0) as f64;
        let (middle, deviation) = (quartile(2), (quartile(3) - quartile(1)) / QUARTILES);
        let rows = if middle > 0.0 { (deviation * deviation / middle).max(1.0) } else { 1.0 };
        ((middle * SLOTS as f64 / rows) as u64, rows)
    }
}

impl Categories {
    /// The rows of every slot, if they are known.
    pub fn slots(&self) -> Option<Slots> {
        self.slots.clone().or_else(|| self.is_whole().then(|| Slots::of(self)))
    }

    /// How many categories there are, and how many rows each typically has.
    pub fn distinct(&self) -> (u64, f64) {
        match &self.slots {
            Some(slots) => slots.distinct(),
            None => {
                let distinct = self.counts.len() as u64;
                (distinct, self.present() as f64 / distinct.max(1) as f64)
            }
        }
    }
}

/// Both tables' rows by slot, by a hash that both have; none where one does not know them.
pub fn pair([a, b]: [&Categories; 2]) -> Option<[Vec<u64>; 2]> {
    let (a, b) = (a.slots()?, b.slots()?);
    let is_keyed = !a.keyed.is_empty() && !b.keyed.is_empty();
    Some(if is_keyed { [a.keyed, b.keyed] } else { [a.fixed, b.fixed] })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn categories(names: std::ops::Range<u64>, rows: u64) -> Categories {
        Categories { counts: names.map(|at| (format!("k{at}"), rows)).collect(), ..Categories::default() }
    }

    #[test]
    fn the_number_of_categories_is_estimated() {
        for rows in [1, 6] {
            let slots = Slots::of(&categories(0..100_000, rows));
            let (distinct, each) = slots.distinct();
            assert!(slots.is_sound(100_000 * rows));
            assert!((80_000..125_000).contains(&distinct), "{distinct}");
            assert!((each / rows as f64 - 1.0).abs() < 0.2, "{each}");
        }
    }

    #[test]
    fn slots_of_two_parts_are_those_of_the_whole() {
        let mut both = Slots::of(&categories(0..500, 2));
        both.merge(&Slots::of(&categories(500..900, 2)));
        assert_eq!(both, Slots::of(&categories(0..900, 2)));
        // What a profile knows has no keyed ones.
        let saved: Slots = serde_json::from_value(serde_json::to_value(&both).unwrap()).unwrap();
        assert!(saved.keyed.is_empty() && saved.fixed == both.fixed);
        both.merge(&saved);
        assert!(both.keyed.is_empty() && both.is_sound(3600));
    }
}
