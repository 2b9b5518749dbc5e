//! One column of two tables, compared: how far apart its distributions are, how surely, and where they moved.

mod bins;
mod finding;
mod retyped;
#[cfg(test)]
mod false_alarms;
#[cfg(test)]
mod tests;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use bins::Bin;
pub use finding::{Against, Choice, Rule, Wanted, finding, wanted};
pub use retyped::Context;

use crate::distribution::{Categories, Distribution, Numbers, Shape};
use crate::inference::adjust::benjamini_hochberg;
use crate::inference::distance::{self, chi_squared, kolmogorov_p, pooled};
use crate::problem::Problem;

/// Fewer rows, or present values, say nothing.
pub const FEWEST: u64 = 30;
/// Points by which a column's missing share must move.
pub const MISSING_POINTS: f64 = 10.0;
/// The least share of a bin in the stability index.
const FLOOR: f64 = 1e-4;

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
    /// How often samples of one law are as far apart.
    pub p: f64,
    /// Whether the p supposes more rows than there are.
    pub is_approximate: bool,
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
    pub fn of(method: Method, reference: &Distribution, current: &Distribution) -> Result<Self, Problem> {
        let both = [reference, current];
        let (rows, present) = (both.map(Distribution::rows), both.map(Distribution::present));
        let missing = both.map(|column| column.missing);
        let enough = rows.iter().all(|rows| *rows >= FEWEST);
        let judged = enough && present.iter().all(|present| *present >= FEWEST);
        let mut contrast =
            Self { method, rows, present, shift: None, missing: None, bins: Vec::new(), notes: Vec::new() };
        let shift = match (&reference.shape, &current.shape) {
            (Shape::Numbers(a), Shape::Numbers(b)) => contrast.numbers([a, b], missing, judged),
            (Shape::Categories(a), Shape::Categories(b)) => contrast.categories([a, b], missing, judged),
            // A column of nulls alone has neither numbers nor categories.
            (Shape::Categories(a), Shape::Numbers(_)) if present[1] == 0 => {
                contrast.categories([a, &Categories::default()], missing, judged)
            }
            (Shape::Numbers(_), Shape::Categories(b)) if present[0] == 0 => {
                contrast.categories([&Categories::default(), b], missing, judged)
            }
            _ => return Err(Problem::new("the two tables hold other types in it")),
        };
        if shift.is_some_and(|shift| shift.effect.is_nan()) {
            return Err(Problem::new(format!("the two tables' values have no distance by {}", method.word())));
        }
        contrast.shift = shift;
        if enough && missing.iter().any(|missing| *missing > 0) {
            let share = |side: usize| 100.0 * missing[side] as f64 / rows[side] as f64;
            let p = distance::shares_p(missing, rows);
            contrast.missing = Some(MissingShift { points: share(1) - share(0), p, adjusted: p });
        }
        Ok(contrast)
    }

    fn numbers(&mut self, both: [&Numbers; 2], missing: [u64; 2], judged: bool) -> Option<Shift> {
        let counts = bins::of_numbers(both, missing, &mut self.bins, self.rows);
        if !judged {
            return None;
        }
        let [a, b] = both.map(|numbers| &numbers.values);
        let apart = distance::apart(a, b);
        let error = a.rank_error() + b.rank_error();
        if error > 0.0 {
            self.notes.push(format!("ranks are known to {} of the rows", crate::words::percent(100.0 * error, &[])));
        }
        // Of all distances that the summaries allow, the smallest is the one that counts.
        let ks = kolmogorov_p((apart.ks - error).max(0.0), self.present[0], self.present[1]);
        let certain = |effect: f64| Shift { effect, p: ks, is_approximate: false, tested: ks, adjusted: ks };
        Some(match self.method {
            Method::Psi => certain(self.psi(&counts)),
            Method::JensenShannon => certain(jensen_shannon(&counts)),
            Method::ChiSquared => by_chi_squared(&counts, None),
            Method::Ks => certain(apart.ks),
            Method::Wasserstein => {
                let (_, deviation) = a.moments();
                let is_finite = |values: &crate::distribution::Values| {
                    values.ends().is_some_and(|(low, high)| low.is_finite() && high.is_finite())
                };
                if !is_finite(a) || !is_finite(b) {
                    self.notes.push("infinite values have no distance: D of `ks` instead".to_owned());
                    certain(apart.ks)
                } else if deviation == 0.0 {
                    self.notes.push("the reference is constant: D of `ks` instead".to_owned());
                    certain(apart.ks)
                } else {
                    certain(apart.wasserstein / deviation)
                }
            }
        })
    }

    fn categories(&mut self, both: [&Categories; 2], missing: [u64; 2], judged: bool) -> Option<Shift> {
        let counts = bins::of_categories(both, missing, &mut self.bins, self.rows, &mut self.notes);
        if !judged {
            return None;
        }
        let effect = match self.method {
            Method::Psi => Some(self.psi(&counts)),
            Method::JensenShannon => Some(jensen_shannon(&counts)),
            Method::ChiSquared | Method::Ks | Method::Wasserstein => None,
        };
        Some(by_chi_squared(&counts, effect))
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
        let moved = self.shift.is_some_and(|shift| shift.effect >= threshold && shift.adjusted < alpha);
        moved || self.missing_drifted(alpha)
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

/// The shift by counts, with Cramér's V as its effect where there is no other.
fn by_chi_squared([a, b]: &[Vec<u64>; 2], effect: Option<f64>) -> Shift {
    let table = chi_squared(a, b);
    let tested = if table.is_approximate {
        let (a, b) = pooled(a, b);
        chi_squared(&a, &b).p
    } else {
        table.p
    };
    Shift {
        effect: effect.unwrap_or(table.cramers_v),
        p: table.p,
        is_approximate: table.is_approximate,
        tested,
        adjusted: tested,
    }
}
