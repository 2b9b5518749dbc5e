//! The bins that two distributions are compared in, and shown in.

use std::collections::HashMap;

use chrono::DateTime;

use super::large::Axis;
use crate::stats::distribution::{Categories, Measure, Values, slots};
use crate::stats::inference::quantile_bins::QuantileBin;
use crate::support::words::{self, BARS};

/// More categories than this are not shown by themselves.
const MOST_CATEGORIES: usize = 1000;
pub const MISSING: &str = "missing";

/// A bin or category, and its share of the rows of the reference and of the current table.
#[derive(Debug, Clone, PartialEq)]
pub struct Bin {
    pub name: String,
    pub shares: [f64; 2],
}

/// Counts in ten bins at the deciles of the reference, the outer ones open, and one for missing; bins that are
/// empty in both are left out.
pub fn of_numbers(
    [a, b]: [&Values; 2],
    measure: Measure,
    axis: &Axis,
    missing: [u64; 2],
    bins: &mut Vec<Bin>,
    rows: [u64; 2],
) -> [Vec<u64>; 2] {
    let mut edges: Vec<f64> = (1..10).filter_map(|tenth| a.quantile(f64::from(tenth) / 10.0)).collect();
    edges.dedup();
    // Where a tenth or more is the smallest value, its bin would hold all that lies below it too, and what left it
    // downwards would not have moved.
    let is_least = |edge: &&f64| a.ends().is_some_and(|(least, _)| least == **edge);
    if let Some(least) = edges.first().filter(is_least).copied() {
        edges.insert(0, least.next_down());
    } else if let [common] = edges[..] {
        edges.insert(0, common.next_down());
    }
    let counts = |values: &Values, missing: u64| -> Vec<u64> {
        let mut below = 0;
        let up_to = values.counts_up_to(&edges).into_iter().chain([values.count()]);
        let mut counts: Vec<u64> = up_to
            .map(|total| {
                let here = total.saturating_sub(below);
                below = total.max(below);
                here
            })
            .collect();
        counts.push(missing);
        counts
    };
    let both = [counts(a, missing[0]), counts(b, missing[1])];
    let names = Names { measure, axis, edges: &edges };
    let name = |at: usize| match (at.checked_sub(1).and_then(|before| edges.get(before)), edges.get(at)) {
        (None, Some(high)) if edges.get(1) == Some(&high.next_up()) => format!("< {}", names.edge(high.next_up())),
        (None, Some(high)) => format!("≤ {}", names.edge(*high)),
        (Some(low), Some(high)) if low.next_up() == *high => names.edge(*high),
        (Some(low), Some(high)) => names.above(*low, *high),
        (Some(low), None) if at == edges.len() => format!("> {}", names.edge(*low)),
        (None, None) if at == 0 => "present".to_owned(),
        _ => MISSING.to_owned(),
    };
    kept(&both, name, bins, rows)
}

/// The bins that both columns make together.
pub fn of_both(found: &[QuantileBin], measure: Measure, axis: &Axis, bins: &mut Vec<Bin>, rows: [u64; 2]) {
    let edges: Vec<f64> = found.iter().flat_map(|bin| [bin.low, bin.high]).collect();
    let names = Names { measure, axis, edges: &edges };
    let name = |at: usize| match &found[at] {
        bin if bin.low == bin.high => names.edge(bin.low),
        bin if at == 0 => format!("≤ {}", names.edge(bin.high)),
        bin if at + 1 == found.len() => format!("≥ {}", names.edge(bin.low)),
        bin => format!("{} to {}", names.edge(bin.low), names.edge(bin.high)),
    };
    let counts = [0, 1].map(|side| found.iter().map(|bin| bin.counts[side]).collect());
    kept(&counts, name, bins, rows);
}

/// How the edges of bins are written.
struct Names<'a> {
    measure: Measure,
    axis: &'a Axis,
    /// All of them: each has digits enough to tell it from the others.
    edges: &'a [f64],
}

impl Names<'_> {
    fn edge(&self, value: f64) -> String {
        if let Some(integer) = self.axis.integer(value) {
            return Axis::text(integer);
        }
        let time = |format: &str| {
            let time = DateTime::from_timestamp_micros(value as i64);
            time.map_or_else(|| words::exact(value), |time| time.format(format).to_string())
        };
        match self.measure {
            Measure::Date => time("%Y-%m-%d"),
            Measure::Instant => time("%Y-%m-%d %H:%M"),
            Measure::Number | Measure::Whole => {
                let others = self.edges.iter().copied().filter(|other| {
                    // The float just below a value is there to give it a bin of its own.
                    *other != value && other.next_up() != value && other.next_down() != value
                });
                words::number(value, &others.collect::<Vec<_>>())
            }
        }
    }

    /// Above `low` up to `high`.
    fn above(&self, low: f64, high: f64) -> String {
        if self.measure != Measure::Whole {
            return format!("{} to {}", self.edge(low), self.edge(high));
        }
        let (first, last) = (low.floor() + 1.0, high.floor());
        let shown = |value: f64| self.axis.integer(value).map_or_else(|| words::number(value, &[]), Axis::text);
        if first >= last { shown(last) } else { format!("{} to {}", shown(first), shown(last)) }
    }
}

/// Two rows of counts by category, and one for missing where either has some.
pub struct Counted {
    /// Of every category.
    pub all: [Vec<u64>; 2],
    /// Of over 1,000 categories the most common of both tables together by themselves, the others as one.
    pub common: [Vec<u64>; 2],
    /// What is known of them.
    pub known: Known,
}

/// What two rows of counts say of categories.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Known {
    /// Every row was counted by its category.
    Categories,
    /// By the hash of its category, of which so many share a slot: categories are at least as far apart.
    Slots(f64),
    /// The counts are as near as they may be: categories are at least as far apart.
    Nearest,
}

/// Counts categories, as near to each other as the tables' counts may be.
pub fn of_categories(
    [a, b]: [&Categories; 2],
    missing: [u64; 2],
    bins: &mut Vec<Bin>,
    rows: [u64; 2],
    notes: &mut Vec<String>,
) -> Counted {
    let mut all: HashMap<&str, [u64; 2]> = HashMap::new();
    for (side, categories) in [a, b].into_iter().enumerate() {
        for (name, count) in &categories.counts {
            all.entry(name).or_default()[side] += count;
        }
    }
    let mut all: Vec<(&str, [u64; 2])> = all.into_iter().collect();
    let present = [a.present(), b.present()];
    let lowered = [a.lowered, b.lowered];
    let mut others = [a.others, b.others];
    if lowered != [0, 0] {
        // What was not counted may be any of the rows of a category: the nearest shares that this allows count.
        for (_, counts) in &mut all {
            *counts = nearest(*counts, lowered, present);
        }
        let known = |side: usize| all.iter().map(|(_, counts)| counts[side]).sum::<u64>();
        others = [0, 1].map(|side| present[side].saturating_sub(known(side)));
        notes.push(format!(
            "it has over {} categories: rows are compared by the hash of theirs, in {} parts",
            words::count(a.counts.len().max(b.counts.len()) as u64),
            words::count(slots::SLOTS as u64)
        ));
    }
    // By the shares of both: which are common does not depend on the table that a row is from.
    let share = |counts: [u64; 2]| (0..2).map(|side| counts[side] as f64 / rows[side].max(1) as f64).sum::<f64>();
    all.sort_by(|(a, x), (b, y)| share(*y).total_cmp(&share(*x)).then(a.cmp(b)));
    let sides = |kept: usize| -> [Vec<u64>; 2] {
        [0, 1].map(|side| {
            let rest: u64 = all[kept..].iter().map(|(_, counts)| counts[side]).sum();
            let named = all[..kept].iter().map(|(_, counts)| counts[side]);
            named.chain([others[side] + rest, missing[side]]).collect()
        })
    };
    let kept_names = all.len().min(MOST_CATEGORIES);
    if all.len() > MOST_CATEGORIES || others != [0, 0] {
        let over = if a.is_whole() && b.is_whole() { words::count(all.len() as u64) } else { "very many".to_owned() };
        let shown = words::count(kept_names as u64);
        notes.push(format!("of {over} categories the {shown} most common are shown by themselves, the others as one"));
    }
    let name = |at: usize| match at.checked_sub(kept_names) {
        None => all[at].0.to_owned(),
        Some(0) => "all others".to_owned(),
        Some(_) => MISSING.to_owned(),
    };
    let common = kept(&sides(kept_names), name, bins, rows);
    if lowered == [0, 0] {
        return Counted { all: sides(all.len()), common, known: Known::Categories };
    }
    let Some(slots) = slots::pair([a, b]) else {
        return Counted { all: sides(all.len()), common, known: Known::Nearest };
    };
    let shared = [a, b].map(|categories| categories.distinct().0 as f64 / slots::SLOTS as f64);
    let filled = (0..slots[0].len()).filter(|at| slots[0][*at] + slots[1][*at] > 0);
    let filled: Vec<usize> = filled.collect();
    let counts =
        [0, 1].map(|side| filled.iter().map(|at| slots[side][*at]).chain([missing[side]]).collect::<Vec<u64>>());
    Counted { all: counts.clone(), common: counts, known: Known::Slots(shared[0].max(shared[1]).max(1.0)) }
}

/// Counts whose shares are as near to each other as they may be where each may be higher by so much.
fn nearest(counts: [u64; 2], lowered: [u64; 2], totals: [u64; 2]) -> [u64; 2] {
    let share = |side: usize, count: u64| count as f64 / totals[side].max(1) as f64;
    // The higher of the two lower ends, where the other side reaches it.
    let wanted = share(0, counts[0]).max(share(1, counts[1]));
    [0, 1].map(|side| {
        let reached = (wanted * totals[side] as f64).round() as u64;
        reached.clamp(counts[side], counts[side] + lowered[side])
    })
}

/// Those that are not empty in both; the first of them are shown, and missing.
fn kept([a, b]: &[Vec<u64>; 2], name: impl Fn(usize) -> String, bins: &mut Vec<Bin>, rows: [u64; 2]) -> [Vec<u64>; 2] {
    let some: Vec<usize> = (0..a.len()).filter(|at| a[*at] + b[*at] > 0).collect();
    let shown = some.iter().enumerate().filter(|(place, _)| *place < BARS - 1 || *place + 1 == some.len());
    bins.extend(shown.map(|(_, at)| Bin {
        name: name(*at),
        shares: [a[*at] as f64 / rows[0].max(1) as f64, b[*at] as f64 / rows[1].max(1) as f64],
    }));
    [some.iter().map(|at| a[*at]).collect(), some.iter().map(|at| b[*at]).collect()]
}
