//! How often each text occurs, bounded.

use std::borrow::Cow;

use polars::prelude::*;
use rustc_hash::FxHashMap;
use sha2::{Digest, Sha256};

use crate::engine::rowhash::{INLINE, inline_bytes, inline_text, inline_view};
use crate::stats::distribution::slots::Slots;
use crate::stats::distribution::{Categories, MOST_CATEGORIES};
use crate::support::sha256;

/// However little memory there is, so many are counted.
const FEWEST_CATEGORIES: usize = 1024;
/// Bytes that a category takes, with its place in a table half empty.
pub const CATEGORY: usize = 128;
/// Bytes of a category that is known by its own name.
const LONGEST_CATEGORY: usize = 64;

/// The name that a text is counted by: a long one is told from others by its hash, and so is one that looks like such a
/// name. The hash is the same in every run, since profiles keep it, and nobody finds two texts that share one.
pub fn category(text: &str) -> Cow<'_, str> {
    if text.len() <= LONGEST_CATEGORY && !looks_hashed(text) {
        return Cow::Borrowed(text);
    }
    let digest = Sha256::digest(text.as_bytes());
    let hash = sha256::hex(&digest[..HASH / 2]);
    let start = &text[..text.floor_char_boundary(text.len().min(STARTS))];
    Cow::Owned(format!("{start}{DOTS}{hash}"))
}

const DOTS: &str = "…";
/// Hexadecimal digits of a hash.
const HASH: usize = 32;
/// Bytes of the start of a text that its name shows; with dots and hash it is shorter than [`LONGEST_CATEGORY`].
const STARTS: usize = 24;

fn looks_hashed(text: &str) -> bool {
    let Some((_, hash)) = text.rsplit_once(DOTS) else { return false };
    hash.len() == HASH && hash.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
}

/// Counts of texts, bounded: where there are too many, all counts are lowered by their median, as in `top.rs`.
pub struct Counting {
    /// Categories that are counted at once.
    most: usize,
    /// Texts of up to 12 bytes, by the view they live in.
    short: FxHashMap<u128, u64>,
    long: FxHashMap<Box<str>, u64>,
    present: u64,
    lowered: u64,
    /// From when on counts are lowered.
    slots: Option<Slots>,
}

impl Counting {
    /// Within so many bytes.
    pub fn within(bytes: usize) -> Self {
        let most = (bytes / CATEGORY).clamp(FEWEST_CATEGORIES, MOST_CATEGORIES);
        Self { most, short: FxHashMap::default(), long: FxHashMap::default(), present: 0, lowered: 0, slots: None }
    }

    pub fn bytes(&self) -> usize {
        // A name on the heap, and a byte of control for each place.
        let short = self.short.capacity() * (size_of::<(u128, u64)>() + 1);
        let long = self.long.capacity() * (size_of::<(Box<str>, u64)>() + 1) + self.long.len() * LONGEST_CATEGORY;
        short + long + self.slots.as_ref().map_or(0, Slots::bytes)
    }

    pub fn fold(&mut self, texts: &StringChunked) {
        for chunk in texts.downcast_iter() {
            if texts.null_count() == 0 {
                for (row, view) in chunk.views().iter().enumerate() {
                    if view.is_inline() {
                        self.add_short(view.as_u128(), 1);
                    } else {
                        self.add_text(chunk.value(row), 1);
                    }
                }
            } else {
                chunk.iter().flatten().for_each(|text| self.add_text(text, 1));
            }
        }
    }

    fn add_short(&mut self, view: u128, count: u64) {
        self.present += count;
        if !self.short.contains_key(&view) {
            self.make_room();
        }
        if let Some(slots) = &mut self.slots {
            let (bytes, length) = inline_bytes(view);
            slots.add(&bytes[..length], count);
        }
        *self.short.entry(view).or_default() += count;
    }

    pub fn add_text(&mut self, text: &str, count: u64) {
        if count == 0 {
            return;
        }
        if text.len() <= INLINE {
            return self.add_short(inline_view(text.as_bytes()), count);
        }
        self.add_name(&category(text), count);
    }

    /// Of a text that does not fit a view.
    fn add_name(&mut self, name: &str, count: u64) {
        self.present += count;
        if !self.long.contains_key(name) {
            self.make_room();
        }
        if let Some(slots) = &mut self.slots {
            slots.add(name.as_bytes(), count);
        }
        match self.long.get_mut(name) {
            Some(known) => *known += count,
            None => drop(self.long.insert(name.into(), count)),
        }
    }

    fn make_room(&mut self) {
        if self.short.len() + self.long.len() < self.most {
            return;
        }
        if self.slots.is_none() {
            self.slots = Some(self.exact_slots());
        }
        let mut counts: Vec<u64> = self.short.values().chain(self.long.values()).copied().collect();
        let middle = counts.len() / 2;
        let by = *counts.select_nth_unstable(middle).1;
        self.lowered += by;
        let lower = |count: &mut u64| {
            *count = count.saturating_sub(by);
            *count > 0
        };
        self.short.retain(|_, count| lower(count));
        self.long.retain(|_, count| lower(count));
    }

    /// Of counts that are not lowered.
    fn exact_slots(&self) -> Slots {
        let mut slots = Slots::default();
        for (view, count) in &self.short {
            let (bytes, length) = inline_bytes(*view);
            slots.add(&bytes[..length], *count);
        }
        self.long.iter().for_each(|(name, count)| slots.add(name.as_bytes(), *count));
        slots
    }

    pub fn merge(&mut self, mut twin: Self) {
        let present = self.present + twin.present;
        self.lowered += twin.lowered;
        let slots = (self.slots.is_some() || twin.slots.is_some()).then(|| {
            let mut slots = self.slots.take().unwrap_or_else(|| self.exact_slots());
            slots.merge(&twin.slots.take().unwrap_or_else(|| twin.exact_slots()));
            slots
        });
        twin.short.into_iter().for_each(|(view, count)| self.add_short(view, count));
        twin.long.into_iter().for_each(|(name, count)| self.add_name(&name, count));
        self.present = present;
        // Without them on either side all counts were exact until now, and so are those that were made on the way.
        self.slots = slots.or(self.slots.take());
    }

    pub fn finish(self) -> Categories {
        let short = self.short.into_iter().map(|(view, count)| (inline_text(view), count));
        let counts: Vec<(String, u64)> =
            short.chain(self.long.into_iter().map(|(text, count)| (text.into_string(), count))).collect();
        let counted: u64 = counts.iter().map(|(_, count)| count).sum();
        Categories { counts, others: self.present - counted, lowered: self.lowered, slots: self.slots }
            .shortened(MOST_CATEGORIES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_writes_the_name_of_another_text() {
        let long = "a long text ".repeat(20);
        let name = category(&long).into_owned();
        assert!(name.len() <= LONGEST_CATEGORY && name.starts_with("a long text "), "{name}");
        let forged = category(&name).into_owned();
        assert_ne!(forged, name);
        assert_ne!(category(&forged), forged);
        for plain in ["red", "to be continued…", "a…0123"] {
            assert_eq!(category(plain), plain);
        }
    }

    #[test]
    fn slots_are_exact_whatever_the_threads() {
        let text = |at: u64| if at.is_multiple_of(2) { format!("k{at}") } else { format!("a longer category {at}") };
        let counted = |parts: u64| {
            let count = |part: u64| {
                let mut counting = Counting::within(0);
                (0..5000).filter(|at| at % parts == part).for_each(|at| counting.add_text(&text(at), 1 + at % 3));
                counting
            };
            let mut all = count(0);
            (1..parts).for_each(|part| all.merge(count(part)));
            all.finish()
        };
        let whole =
            Categories { counts: (0..5000).map(|at| (text(at), 1 + at % 3)).collect(), ..Categories::default() };
        for parts in [1, 3, 7] {
            let found = counted(parts);
            assert!(found.lowered > 0 && found.present() == whole.present());
            assert_eq!(found.slots(), whole.slots(), "{parts}");
        }
    }
}
