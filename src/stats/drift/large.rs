//! Integers that no float is equal to, as floats that keep them apart.

use crate::stats::distribution::{Numbers, Summary, Values};
use crate::support::problem::Problem;
use crate::support::words::{self, count};

/// Floats are integers up to this.
const EXACT: i128 = 1 << 53;
/// A value of a rounded summary that holds this share of the rows may stand for many integers.
const HEAVY: f64 = 0.01;

/// What the floats stand for that two columns are compared by.
#[derive(Debug, Clone, PartialEq)]
pub enum Axis {
    Values,
    /// Integers, less this one.
    From(i128),
    /// The places of integers among all of both columns, ascending.
    Places(Vec<i128>),
}

impl Axis {
    /// The integer at a place of the axis, rounded down; none where floats stand for themselves.
    pub fn integer(&self, at: f64) -> Option<i128> {
        match self {
            Self::Values => None,
            Self::From(origin) => Some(origin + at.floor() as i128),
            Self::Places(all) => all.get(at.max(0.0) as usize).or(all.last()).copied(),
        }
    }

    /// The integer as people write it.
    pub fn text(integer: i128) -> String {
        match u64::try_from(integer.unsigned_abs()) {
            Ok(digits) if integer < 0 => format!("-{}", count(digits)),
            Ok(digits) => count(digits),
            Err(_) => integer.to_string(),
        }
    }
}

/// The values of both on one axis of floats that keeps apart what differs; nothing where they are floats already.
///
/// # Errors
/// One side is rounded where the other shows that rounding hides what differs.
pub fn aligned([a, b]: [&Numbers; 2]) -> Result<Option<([Values; 2], Axis)>, Problem> {
    if !matches!(a.values, Values::Large(_)) && !matches!(b.values, Values::Large(_)) {
        return Ok(None);
    }
    for (one, other) in [(a, b), (b, a)] {
        if let (Values::Large(large), Values::Summed(rounded)) = (&one.values, &other.values) {
            told_apart(large, rounded)?;
        }
    }
    let (Some(left), Some(right)) = (integers(&a.values), integers(&b.values)) else {
        // Fractions beside integers: the fractions are small, and floats.
        return Ok(Some(([&a.values, &b.values].map(|values| Values::Summed(values.summary())), Axis::Values)));
    };
    let ends = |runs: &[(i128, u64)]| runs.first().zip(runs.last()).map(|(low, high)| (low.0, high.0));
    let (low, high) = match (ends(&left), ends(&right)) {
        (Some(a), Some(b)) => (a.0.min(b.0), a.1.max(b.1)),
        (Some(one), None) | (None, Some(one)) => one,
        (None, None) => return Ok(None),
    };
    if high.checked_sub(low).is_some_and(|range| range <= EXACT) {
        let shifted = |runs: Vec<(i128, u64)>| {
            let runs = runs.into_iter().map(|(value, weight)| ((value - low) as f64, weight));
            Values::Summed(Summary::of_counts(runs.collect()))
        };
        return Ok(Some(([shifted(left), shifted(right)], Axis::From(low))));
    }
    let mut all: Vec<i128> = left.iter().chain(&right).map(|(value, _)| *value).collect();
    all.sort_unstable();
    all.dedup();
    let placed = |runs: Vec<(i128, u64)>| {
        let place = |value| all.partition_point(|other| *other < value) as f64;
        Values::Summed(Summary::of_counts(runs.into_iter().map(|(value, weight)| (place(value), weight)).collect()))
    };
    let values = [placed(left), placed(right)];
    Ok(Some((values, Axis::Places(all))))
}

/// The values as integers, if all are.
fn integers(values: &Values) -> Option<Vec<(i128, u64)>> {
    match values {
        Values::Large(runs) => Some(runs.clone()),
        Values::Each(_) | Values::Summed(_) => {
            let whole = |(value, weight): &(f64, u64)| {
                let is_whole = value.fract() == 0.0 && value.abs() < 1e37;
                is_whole.then_some((*value as i128, *weight))
            };
            values.summary().values().iter().map(whole).collect()
        }
    }
}

/// # Errors
/// A value of the summary is several integers of the other side.
fn told_apart(large: &[(i128, u64)], rounded: &Summary) -> Result<(), Problem> {
    let total = rounded.count() as f64;
    for (value, weight) in rounded.values() {
        if value.abs() <= EXACT as f64 || *weight as f64 <= HEAVY * total {
            continue;
        }
        let several = large.iter().filter(|(integer, _)| *integer as f64 == *value).take(2).count();
        if several > 1 {
            return Err(Problem::new(format!(
                "integers around {} are rounded in a profile, which hides how they are distributed",
                words::exact(*value)
            ))
            .hint("name the table itself as the reference, or raise `max-memory`"));
        }
    }
    Ok(())
}
