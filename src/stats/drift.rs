//! One column of two tables, compared: how far apart its distributions are, how surely, and where they moved.

mod bins;
mod large;
#[cfg(test)]
mod false_alarms;
#[cfg(test)]
mod power;
#[cfg(test)]
mod tests;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use bins::Known;
pub use bins::{Bin, MISSING};

use large::Axis;

use crate::stats::distribution::{Categories, Distribution, Measure, Shape, Summary, Values};
use crate::stats::inference::adjust::benjamini_hochberg;
use crate::stats::inference::distance::{self, chi_squared, kolmogorov_p};
use crate::stats::inference::homogeneity::{homogeneity_p, jensen_shannon_beyond_chance};
use crate::stats::inference::quantile_bins::{Compared, NORMAL};
use crate::support::limit::range::ValueRange;
use crate::support::problem::Problem;

/// Fewer rows, or present values, say nothing.
pub const FEWEST: u64 = 30;
/// Points by which a column's missing share must move.
pub const MISSING_POINTS: f64 = 10.0;
/// The least share of a bin in the stability index.
const FLOOR: f64 = 1e-4;
/// A deviation this many times what the middle 95 % of the values suggest is that of a few values.
const OWNED: f64 = 5.0;

/// How columns are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Choice {
    /// By ranks: numbers by `ks` or `jensen_shannon`, whichever is larger; text and booleans by `jensen_shannon`.
    #[default]
    Auto,
    /// The population stability index; 0.2 counts.
    Psi,
    /// Kolmogorov and Smirnov's D; 0.1 counts.
    Ks,
    /// The earth mover's distance in standard deviations of the reference; 0.1 counts.
    Wasserstein,
    /// Jensen and Shannon's distance; 0.1 counts.
    JensenShannon,
    /// Cramér's V; 0.1 counts.
    ChiSquared,
}

impl Choice {
    /// The values that the effect can take; `auto` may choose any method.
    pub fn effects(self) -> ValueRange {
        match self {
            Self::Ks | Self::JensenShannon | Self::ChiSquared => ValueRange::SHARE,
            Self::Auto | Self::Psi | Self::Wasserstein => ValueRange::NON_NEGATIVE,
        }
    }

    /// The method that is named; `auto` names none.
    pub fn method(self) -> Option<Method> {
        match self {
            Self::Auto => None,
            Self::Psi => Some(Method::Psi),
            Self::Ks => Some(Method::Ks),
            Self::Wasserstein => Some(Method::Wasserstein),
            Self::JensenShannon => Some(Method::JensenShannon),
            Self::ChiSquared => Some(Method::ChiSquared),
        }
    }
}

/// How far two distributions are apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// The population stability index over the deciles of the reference, or over categories.
    Psi,
    /// Kolmogorov and Smirnov's D: the largest distance between the two cumulative shares.
    Ks,
    /// The earth mover's distance in standard deviations of the reference.
    Wasserstein,
    /// Jensen and Shannon's distance in base 2.
    JensenShannon,
    /// Cramér's V of the two rows of counts.
    ChiSquared,
}

/// What two tables' values of one column say.
#[derive(Debug, Clone, PartialEq)]
pub struct Contrast {
    /// That of the effect.
    pub method: Method,
    /// Of the reference and of the current table, as everywhere here.
    pub rows: [u64; 2],
    pub present: [u64; 2],
    /// None under 30 rows or present values.
    pub shift: Option<Shift>,
    /// Where either table has missing values, and both have 30 rows.
    pub missing: Option<MissingShift>,
    /// Where they moved: the bins of numbers in order, categories most common first.
    pub bins: Vec<Bin>,
    /// What is not as the method's definition has it.
    pub notes: Vec<String>,
}

/// How far the present values moved.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shift {
    pub effect: f64,
    /// Between which it lies, where a table is known by a summary or by slots.
    pub range: Option<(f64, f64)>,
    /// How often samples of one law are as far apart.
    pub p: f64,
    /// Whether the p supposes more rows than there are.
    pub is_approximate: bool,
    /// Whether the p would be smaller, were more known.
    pub is_largest_p: bool,
    /// The p that is adjusted: with rare categories pooled where `p` is approximate.
    pub tested: f64,
    pub adjusted: f64,
}

/// How far the missing share moved.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MissingShift {
    /// Of rows, current less reference.
    pub points: f64,
    pub p: f64,
    pub adjusted: f64,
}

impl Method {
    pub fn word(self) -> &'static str {
        match self {
            Self::Psi => "psi",
            Self::Ks => "ks",
            Self::Wasserstein => "wasserstein",
            Self::JensenShannon => "jensen_shannon",
            Self::ChiSquared => "chi_squared",
        }
    }

    /// The effect from which on a column drifts.
    pub fn threshold(self) -> f64 {
        if self == Self::Psi { 0.2 } else { 0.1 }
    }

    /// Whether it needs values that have an order.
    pub fn is_of_numbers(self) -> bool {
        matches!(self, Self::Ks | Self::Wasserstein)
    }
}

impl Contrast {
    /// Compares `current` with `reference`.
    ///
    /// # Errors
    /// The two are not of one kind, or the effect is no number.
    pub fn of(choice: Choice, reference: &Distribution, current: &Distribution) -> Result<Self, Problem> {
        let both = [reference, current];
        let (rows, present) = (both.map(Distribution::rows), both.map(Distribution::present));
        let missing = both.map(|column| column.missing);
        let enough = rows.iter().all(|rows| *rows >= FEWEST);
        let judged = enough && present.iter().all(|present| *present >= FEWEST);
        let method = choice.method().unwrap_or(Method::JensenShannon);
        let mut contrast =
            Self { method, rows, present, shift: None, missing: None, bins: Vec::new(), notes: Vec::new() };
        let shift = match (&reference.shape, &current.shape) {
            (Shape::Numbers(a), Shape::Numbers(b)) => match large::aligned([a, b])? {
                Some(([x, y], axis)) => contrast.numbers(choice, [&x, &y], (a.measure, &axis), missing, judged),
                None => {
                    let axis = (a.measure, &Axis::Values);
                    contrast.numbers(choice, [&a.values, &b.values], axis, missing, judged)
                }
            },
            (Shape::Categories(a), Shape::Categories(b)) => contrast.categories(choice, [a, b], missing, judged),
            // A column of nulls alone has neither numbers nor categories.
            (Shape::Categories(a), Shape::Numbers(_)) if present[1] == 0 => {
                contrast.categories(choice, [a, &Categories::default()], missing, judged)
            }
            (Shape::Numbers(_), Shape::Categories(b)) if present[0] == 0 => {
                contrast.categories(choice, [&Categories::default(), b], missing, judged)
            }
            (Shape::Categories(_), Shape::Numbers(b)) if present[0] == 0 => {
                let none = Values::Summed(Summary::default());
                contrast.numbers(choice, [&none, &b.values], (b.measure, &Axis::Values), missing, judged)
            }
            (Shape::Numbers(a), Shape::Categories(_)) if present[1] == 0 => {
                let none = Values::Summed(Summary::default());
                contrast.numbers(choice, [&a.values, &none], (a.measure, &Axis::Values), missing, judged)
            }
            _ => return Err(Problem::new("its values have different types in the two tables")),
        };
        if shift.is_some_and(|shift| shift.effect.is_nan()) {
            return Err(Problem::new(format!("the two tables' values have no distance by {}", contrast.method.word())));
        }
        contrast.shift = shift;
        if enough && missing.iter().any(|missing| *missing > 0) {
            let share = |side: usize| 100.0 * missing[side] as f64 / rows[side] as f64;
            let p = distance::shares_p(missing, rows);
            contrast.missing = Some(MissingShift { points: share(1) - share(0), p, adjusted: p });
        }
        Ok(contrast)
    }

    fn numbers(
        &mut self,
        choice: Choice,
        both: [&Values; 2],
        (measure, axis): (Measure, &Axis),
        missing: [u64; 2],
        judged: bool,
    ) -> Option<Shift> {
        let [a, b] = both;
        let errors = both.map(Values::rank_error);
        let error = errors[0] + errors[1];
        let Some(method) = choice.method() else {
            let compared = Compared::of(a, b);
            bins::of_both(&compared.bins, measure, axis, &mut self.bins, self.rows);
            if !judged {
                return None;
            }
            let [x, y] = compared.counts();
            let quantile = |q: f64| a.quantile(q).unwrap_or(f64::NAN);
            let moved = match axis {
                // Places are no distances.
                Axis::Places(_) => 0.0,
                _ => compared.middle_wasserstein((quantile(0.025), quantile(0.975))),
            };
            let divergence = jensen_shannon_beyond_chance(&x, &y);
            let ks = compared.apart.ks;
            let effects = [(Method::Ks, ks), (Method::JensenShannon, divergence), (Method::Wasserstein, moved)];
            let (method, effect) =
                effects.into_iter().fold(effects[0], |most, one| if one.1 > most.1 { one } else { most });
            self.method = method;
            let mut shift = Shift::of(effect, compared.p(errors));
            if error > 0.0 {
                // The earth moves by as much as the shares are wrong, over the middle 95 % of a normal law.
                let within = if moved > 0.0 { error * NORMAL } else { 0.0 };
                let ranges = [
                    around(ks, error),
                    compared.divergences(errors).into(),
                    ((moved - within).max(0.0), moved + within),
                ];
                shift.range =
                    Some(ranges.into_iter().fold((0.0, 0.0), |all, one| (one.0.max(all.0), one.1.max(all.1))));
            }
            self.note_errors(error, shift.range);
            return Some(shift);
        };
        let counts = bins::of_numbers(both, measure, axis, missing, &mut self.bins, self.rows);
        if !judged {
            return None;
        }
        let apart = distance::apart(a, b);
        // Of all distances that the summaries allow, the smallest is the one that counts.
        let p = kolmogorov_p((apart.ks - error).max(0.0), self.present[0], self.present[1]);
        let shift = match method {
            Method::Psi => Shift::of(self.psi(&counts), p),
            Method::JensenShannon => Shift::of(jensen_shannon(&counts), p),
            Method::ChiSquared => by_chi_squared(&counts, &counts, None),
            Method::Ks => Shift::by_ks(apart.ks, error, p),
            Method::Wasserstein => self.by_wasserstein(both, axis, apart, error, p),
        };
        self.note_errors(error, shift.range);
        Some(shift)
    }

    fn by_wasserstein(&mut self, both: [&Values; 2], axis: &Axis, apart: distance::Apart, error: f64, p: f64) -> Shift {
        let ends = both.map(Values::ends);
        let is_finite = |ends: &Option<(f64, f64)>| ends.is_some_and(|(low, high)| low.is_finite() && high.is_finite());
        if !ends.iter().all(is_finite) {
            self.notes.push("infinite values have no distance: D of `ks` instead".to_owned());
            return Shift::by_ks(apart.ks, error, p);
        }
        // Places are no distances: integers so far apart lose nothing as floats.
        if let Axis::Places(all) = axis {
            let floats = both.map(|values| {
                let runs = values.summary().values().iter().map(|(at, weight)| (all[*at as usize], *weight)).collect();
                Values::Summed(Values::Large(runs).summary())
            });
            let apart = distance::Apart { ks: apart.ks, ..distance::apart(&floats[0], &floats[1]) };
            return self.by_wasserstein([&floats[0], &floats[1]], &Axis::Values, apart, error, p);
        }
        let (_, deviation) = both[0].moments();
        if deviation == 0.0 {
            self.notes.push("the reference is constant: D of `ks` instead".to_owned());
            return Shift::by_ks(apart.ks, error, p);
        }
        let quantile = |q: f64| both[0].quantile(q).unwrap_or(f64::NAN);
        // Of a normal law the middle 95 % are 3.92 deviations wide.
        if deviation > OWNED * (quantile(0.975) - quantile(0.025)) / NORMAL {
            self.notes.push(
                "few values own the reference's standard deviation, which the distance is measured in: \
                 `auto` and `ks` go by ranks"
                    .to_owned(),
            );
        }
        let effect = apart.wasserstein / deviation;
        let range = ends[0].zip(ends[1]).map_or(0.0, |(a, b)| a.1.max(b.1) - a.0.min(b.0));
        let within = error * range / deviation;
        Shift { range: (error > 0.0).then(|| ((effect - within).max(0.0), effect + within)), ..Shift::of(effect, p) }
    }

    fn note_errors(&mut self, error: f64, range: Option<(f64, f64)>) {
        if error == 0.0 {
            return;
        }
        let known = format!("ranks are known to {} of the rows", crate::support::words::percent(100.0 * error, &[]));
        self.notes.push(match range {
            Some((low, high)) => {
                let [low_shown, high_shown] =
                    [(low, high), (high, low)].map(|(x, y)| crate::support::words::metric(x, &[y]));
                format!("{known}: the distance is between {low_shown} and {high_shown}")
            }
            None => known,
        });
    }

    fn categories(&mut self, choice: Choice, both: [&Categories; 2], missing: [u64; 2], judged: bool) -> Option<Shift> {
        let counted = bins::of_categories(both, missing, &mut self.bins, self.rows, &mut self.notes);
        if !judged {
            return None;
        }
        let mut shift = match choice {
            Choice::Auto => {
                let [a, b] = &counted.all;
                // Counts that are as near as they may be have nothing left that is by chance.
                let is_by_chance = counted.known != Known::Nearest;
                let effect =
                    if is_by_chance { jensen_shannon_beyond_chance(a, b) } else { jensen_shannon(&counted.all) };
                by_chi_squared(&counted.all, &counted.all, Some(effect))
            }
            Choice::Psi => by_chi_squared(&counted.common, &counted.all, Some(self.psi(&counted.common))),
            Choice::JensenShannon => {
                by_chi_squared(&counted.common, &counted.all, Some(jensen_shannon(&counted.common)))
            }
            Choice::ChiSquared | Choice::Ks | Choice::Wasserstein => {
                by_chi_squared(&counted.common, &counted.all, None)
            }
        };
        // Categories that share a slot hide each other's changes: of independent ones all but so much.
        shift.range = match counted.known {
            Known::Categories => None,
            Known::Slots(shared) if choice == Choice::Psi => Some((shift.effect, shift.effect * shared)),
            Known::Slots(shared) => Some((shift.effect, (shift.effect * shared.sqrt()).min(1.0))),
            Known::Nearest => Some((shift.effect, f64::INFINITY)),
        };
        shift.is_largest_p = counted.known == Known::Nearest;
        Some(shift)
    }

    fn psi(&self, [a, b]: &[Vec<u64>; 2]) -> f64 {
        if a.len() < 2 {
            return 0.0;
        }
        let shares = |counts: &[u64], rows: u64| -> Vec<f64> {
            counts.iter().map(|count| *count as f64 / rows as f64).collect()
        };
        distance::psi(&shares(a, self.rows[0]), &shares(b, self.rows[1]), FLOOR)
    }

    /// Whether the column drifted: by enough to matter, and surely.
    pub fn drifted(&self, threshold: f64, alpha: f64) -> bool {
        let moved = self.shift.is_some_and(|shift| shift.least() >= threshold && shift.adjusted < alpha);
        moved || self.missing_drifted(alpha)
    }

    /// Whether what is known of the tables does not say if the column drifted.
    pub fn is_open(&self, threshold: f64, alpha: f64) -> bool {
        let Some(shift) = self.shift else { return true };
        let straddles = shift.range.is_some_and(|(low, high)| low < threshold && high >= threshold);
        straddles && (shift.is_largest_p || shift.adjusted < alpha)
    }

    pub fn missing_drifted(&self, alpha: f64) -> bool {
        self.missing.is_some_and(|missing| missing.points.abs() >= MISSING_POINTS && missing.adjusted < alpha)
    }

    /// Every hypothesis that was tested: its p, and where the adjusted one goes.
    fn hypotheses(&mut self) -> impl Iterator<Item = (f64, &mut f64)> {
        let shift = self.shift.as_mut().map(|shift| (shift.tested, &mut shift.adjusted));
        shift.into_iter().chain(self.missing.as_mut().map(|missing| (missing.p, &mut missing.adjusted)))
    }
}

/// Benjamini and Hochberg's adjustment over all columns of a run.
pub fn adjust<'a>(contrasts: impl Iterator<Item = &'a mut Contrast>) {
    let mut all: Vec<(f64, &mut f64)> = contrasts.flat_map(Contrast::hypotheses).collect();
    let adjusted = benjamini_hochberg(&all.iter().map(|(p, _)| *p).collect::<Vec<_>>());
    for ((_, place), p) in all.iter_mut().zip(adjusted) {
        **place = p;
    }
}

fn jensen_shannon([a, b]: &[Vec<u64>; 2]) -> f64 {
    let floats = |counts: &[u64]| counts.iter().map(|count| *count as f64).collect::<Vec<_>>();
    if a.len() < 2 { 0.0 } else { distance::jensen_shannon(&floats(a), &floats(b)) }
}

/// From and to which a distance between shares reaches where they may be wrong by so much.
fn around(distance: f64, error: f64) -> (f64, f64) {
    ((distance - error).max(0.0), (distance + error).min(1.0))
}

impl Shift {
    /// The smallest effect that is possible.
    pub fn least(&self) -> f64 {
        self.range.map_or(self.effect, |(low, _)| low)
    }

    /// Of an exact test.
    fn of(effect: f64, p: f64) -> Self {
        Self { effect, range: None, p, is_approximate: false, is_largest_p: true, tested: p, adjusted: p }
    }

    /// By D, where shares may be wrong by so much.
    fn by_ks(ks: f64, error: f64, p: f64) -> Self {
        Self { range: (error > 0.0).then(|| around(ks, error)), ..Self::of(ks, p) }
    }
}

/// The shift by counts, with Cramér's V as its effect where there is no other; `all` are tested.
fn by_chi_squared([a, b]: &[Vec<u64>; 2], all: &[Vec<u64>; 2], effect: Option<f64>) -> Shift {
    let table = chi_squared(a, b);
    let tested = homogeneity_p(&all[0], &all[1]);
    Shift {
        effect: effect.unwrap_or(table.cramers_v),
        range: None,
        p: table.p,
        is_approximate: table.is_approximate,
        is_largest_p: false,
        tested,
        adjusted: tested,
    }
}
