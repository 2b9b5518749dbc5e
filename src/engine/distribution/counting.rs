//! How often each text occurs, bounded.

use std::borrow::Cow;

use polars::prelude::*;
use rustc_hash::FxHashMap;
use xxhash_rust::xxh3::xxh3_64;

use crate::distribution::{Categories, MOST_CATEGORIES};
use crate::engine::rowhash::{INLINE, inline_text, inline_view};

/// However little memory there is, so many are counted.
const FEWEST_CATEGORIES: usize = 1024;
/// Bytes that a category takes, with its place in a table half empty.
pub const CATEGORY: usize = 128;
/// Bytes of a category that is known by its own name.
const LONGEST_CATEGORY: usize = 64;

/// The name that a text is counted by: a long one is told from others by its hash.
pub fn category(text: &str) -> Cow<'_, str> {
    if text.len() <= LONGEST_CATEGORY {
        return Cow::Borrowed(text);
    }
    // Start, dots and hash together are shorter than what is known by its own name: a name stays what it is.
    let start = &text[..text.floor_char_boundary(LONGEST_CATEGORY / 2)];
    Cow::Owned(format!("{start}…{:016x}", xxh3_64(text.as_bytes())))
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
}

impl Counting {
    /// Within so many bytes.
    pub fn within(bytes: usize) -> Self {
        let most = (bytes / CATEGORY).clamp(FEWEST_CATEGORIES, MOST_CATEGORIES);
        Self { most, short: FxHashMap::default(), long: FxHashMap::default(), present: 0, lowered: 0 }
    }

    pub fn bytes(&self) -> usize {
        // A name on the heap, and a byte of control for each place.
        let short = self.short.capacity() * (size_of::<(u128, u64)>() + 1);
        short + self.long.capacity() * (size_of::<(Box<str>, u64)>() + 1) + self.long.len() * LONGEST_CATEGORY
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
        if let Some(known) = self.short.get_mut(&view) {
            *known += count;
            return;
        }
        self.make_room();
        self.short.insert(view, count);
    }

    pub fn add_text(&mut self, text: &str, count: u64) {
        if count == 0 {
            return;
        }
        if text.len() <= INLINE {
            return self.add_short(inline_view(text.as_bytes()), count);
        }
        self.present += count;
        let name = category(text);
        if let Some(known) = self.long.get_mut(name.as_ref()) {
            *known += count;
            return;
        }
        self.make_room();
        self.long.insert(name.into(), count);
    }

    fn make_room(&mut self) {
        if self.short.len() + self.long.len() < self.most {
            return;
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

    pub fn merge(&mut self, twin: Self) {
        let present = self.present + twin.present;
        self.lowered += twin.lowered;
        twin.short.into_iter().for_each(|(view, count)| self.add_short(view, count));
        twin.long.into_iter().for_each(|(text, count)| self.add_text(&text, count));
        self.present = present;
    }

    pub fn finish(self) -> Categories {
        let short = self.short.into_iter().map(|(view, count)| (inline_text(view), count));
        let counts: Vec<(String, u64)> =
            short.chain(self.long.into_iter().map(|(text, count)| (text.into_string(), count))).collect();
        let counted: u64 = counts.iter().map(|(_, count)| count).sum();
        Categories { counts, others: self.present - counted, lowered: self.lowered }.shortened(MOST_CATEGORIES)
    }
}
