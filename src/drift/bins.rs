//! The bins that two distributions are compared in, and shown in.

use std::collections::HashMap;

use chrono::DateTime;

use crate::distribution::{Categories, Measure, Numbers};
use crate::words::{self, BARS};

/// More categories than this are pooled.
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
pub fn of_numbers([a, b]: [&Numbers; 2], missing: [u64; 2], bins: &mut Vec<Bin>, rows: [u64; 2]) -> [Vec<u64>; 2] {
    let mut edges: Vec<f64> = (1..10).filter_map(|tenth| a.values.quantile(f64::from(tenth) / 10.0)).collect();
    edges.dedup();
    // Where nine tenths are one value, its bin would hold all that lies below it too, and what left it downwards would
    // not have moved.
    let common = (edges.len() == 1).then(|| edges[0]);
    edges.splice(0..0, common.map(f64::next_down));
    let counts = |numbers: &Numbers, missing: u64| -> Vec<u64> {
        let mut below = 0;
        let up_to = numbers.values.counts_up_to(&edges).into_iter().chain([numbers.values.count()]);
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
    let common = common.map(|value| edge(value, a.measure, &[]));
    let name = |at: usize| match (at.checked_sub(1).and_then(|before| edges.get(before)), edges.get(at)) {
        _ if at < 3 && common.is_some() => {
            format!("{}{}", ["< ", "", "> "][at], common.as_deref().unwrap_or_default())
        }
        (None, Some(high)) => format!("≤ {}", edge(*high, a.measure, &edges)),
        (Some(low), Some(high)) if a.measure == Measure::Whole => whole(*low, *high),
        (Some(low), Some(high)) => format!("{} to {}", edge(*low, a.measure, &edges), edge(*high, a.measure, &edges)),
        (Some(low), None) if at == edges.len() => format!("> {}", edge(*low, a.measure, &edges)),
        (None, None) if at == 0 => "present".to_owned(),
        _ => MISSING.to_owned(),
    };
    kept(&both, name, bins, rows)
}

/// The whole numbers above `low` up to `high`.
fn whole(low: f64, high: f64) -> String {
    let (first, last) = (low.floor() + 1.0, high.floor());
    let [shown, last_shown] = [first, last].map(|value| words::number(value, &[]));
    if first >= last { last_shown } else { format!("{shown} to {last_shown}") }
}

/// An edge with digits enough to tell it from the others.
fn edge(value: f64, measure: Measure, all: &[f64]) -> String {
    let time = |format: &str| {
        let time = DateTime::from_timestamp_micros(value as i64);
        time.map_or_else(|| words::exact(value), |time| time.format(format).to_string())
    };
    match measure {
        Measure::Date => time("%Y-%m-%d"),
        Measure::Instant => time("%Y-%m-%d %H:%M"),
        Measure::Number | Measure::Whole => {
            words::number(value, &all.iter().copied().filter(|other| *other != value).collect::<Vec<_>>())
        }
    }
}

/// Counts by category, and one for missing where either has some. Of more than 1,000 categories those with the
/// largest share in either table stay, the others are one.
pub fn of_categories(
    [a, b]: [&Categories; 2],
    missing: [u64; 2],
    bins: &mut Vec<Bin>,
    rows: [u64; 2],
    notes: &mut Vec<String>,
) -> [Vec<u64>; 2] {
    let mut all: HashMap<&str, [u64; 2]> = HashMap::new();
    for (side, categories) in [a, b].into_iter().enumerate() {
        for (name, count) in &categories.counts {
            all.entry(name).or_default()[side] += count;
        }
    }
    let mut all: Vec<(&str, [u64; 2])> = all.into_iter().collect();
    let share = |counts: [u64; 2]| {
        let [a, b] = [0, 1].map(|side| counts[side] as f64 / rows[side].max(1) as f64);
        (a.max(b), a)
    };
    all.sort_by(|(a, x), (b, y)| share(*y).partial_cmp(&share(*x)).unwrap_or(std::cmp::Ordering::Equal).then(a.cmp(b)));
    let mut others = [a.others, b.others];
    if all.len() > MOST_CATEGORIES || others.iter().any(|others| *others > 0) {
        let found = all.len();
        for (_, counts) in all.drain(MOST_CATEGORIES.min(found)..) {
            (0..2).for_each(|side| others[side] += counts[side]);
        }
        let over = if a.is_whole() && b.is_whole() { words::count(found as u64) } else { "very many".to_owned() };
        let kept = words::count(all.len() as u64);
        notes.push(format!("of {over} categories the {kept} most common count by themselves, the others as one"));
        let error = a.error().max(b.error());
        if error > 0.0 {
            notes.push(format!("shares are known to {} of the rows", words::percent(100.0 * error, &[0.0])));
        }
    }
    let sides = |side: usize| -> Vec<u64> {
        let named = all.iter().map(|(_, counts)| counts[side]);
        named.chain([others[side], missing[side]]).collect()
    };
    let both = [sides(0), sides(1)];
    let name = |at: usize| match at.checked_sub(all.len()) {
        None => all[at].0.to_owned(),
        Some(0) => "all others".to_owned(),
        Some(_) => MISSING.to_owned(),
    };
    kept(&both, name, bins, rows)
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
