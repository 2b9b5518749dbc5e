//! How far two samples are apart, and how surely.
//!
//! tests/oracle/drift.py asks SciPy the same.

use statrs::distribution::{ChiSquared, ContinuousCDF};

use crate::stats::distribution::Values;

/// The two distances that one walk over the sorted values gives.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Apart {
    /// Kolmogorov and Smirnov's D: the largest distance between the two shares of values at most x.
    pub ks: f64,
    /// The area between the two, in the values' unit: the earth mover's distance.
    pub wasserstein: f64,
}

/// Returns both distances; of nothing they are NaN.
pub fn apart(a: &Values, b: &Values) -> Apart {
    let mut walked = Walked::new([a.count(), b.count()]);
    each_value(a, b, |value, counts| walked.step(value, counts));
    walked.apart
}

/// Hands over every value that occurs in either with its two counts, ascending.
pub fn each_value(a: &Values, b: &Values, each: impl FnMut(f64, [u64; 2])) {
    fn runs(values: &[f64]) -> impl Iterator<Item = (f64, u64)> {
        values.chunk_by(|a, b| a == b).map(|run| (run[0], run.len() as u64))
    }
    match (a, b) {
        (Values::Each(a), Values::Each(b)) => walk(runs(a), runs(b), each),
        (Values::Each(a), Values::Summed(b)) => walk(runs(a), b.values().iter().copied(), each),
        (Values::Summed(a), Values::Each(b)) => walk(a.values().iter().copied(), runs(b), each),
        (Values::Summed(a), Values::Summed(b)) => walk(a.values().iter().copied(), b.values().iter().copied(), each),
        // As floats, where the caller has not made others of them that are as far apart.
        (Values::Large(_), _) => each_value(&Values::Summed(a.summary()), b, each),
        (_, Values::Large(_)) => each_value(a, &Values::Summed(b.summary()), each),
    }
}

fn walk(
    mut a: impl Iterator<Item = (f64, u64)>,
    mut b: impl Iterator<Item = (f64, u64)>,
    mut each: impl FnMut(f64, [u64; 2]),
) {
    let (mut next_a, mut next_b) = (a.next(), b.next());
    loop {
        let at = match (next_a, next_b) {
            (Some((x, _)), Some((y, _))) => x.min(y),
            (Some((x, _)), None) => x,
            (None, Some((y, _))) => y,
            (None, None) => return,
        };
        let mut counts = [0, 0];
        if let Some((x, weight)) = next_a
            && x == at
        {
            counts[0] = weight;
            next_a = a.next();
        }
        if let Some((y, weight)) = next_b
            && y == at
        {
            counts[1] = weight;
            next_b = b.next();
        }
        each(at, counts);
    }
}

/// The distances as far as the values were walked.
pub struct Walked {
    pub apart: Apart,
    totals: [f64; 2],
    below: [u64; 2],
    gap: f64,
    last: f64,
}

impl Walked {
    /// Of so many values in either sample.
    pub fn new(counts: [u64; 2]) -> Self {
        let apart = Apart { ks: 0.0, wasserstein: 0.0 };
        Self { apart, totals: counts.map(|count| count as f64), below: [0, 0], gap: 0.0, last: f64::NAN }
    }

    #[inline]
    pub fn step(&mut self, value: f64, counts: [u64; 2]) {
        if self.gap > 0.0 {
            self.apart.wasserstein += self.gap * (value - self.last);
        }
        (0..2).for_each(|side| self.below[side] += counts[side]);
        self.gap = (self.below[0] as f64 / self.totals[0] - self.below[1] as f64 / self.totals[1]).abs();
        self.apart.ks = self.apart.ks.max(self.gap);
        self.last = value;
    }
}

/// How often two samples of one law are at least this far apart: Kolmogorov's limit law of
/// sqrt(n·m / (n + m))·D.
pub fn kolmogorov_p(ks: f64, n: u64, m: u64) -> f64 {
    let (n, m) = (n as f64, m as f64);
    kolmogorov((n * m / (n + m)).sqrt() * ks)
}

/// The tail of Kolmogorov's law. Two series for one function (Feller 1948): each needs a few terms on its
/// side of 0.8, and they agree there.
pub fn kolmogorov(x: f64) -> f64 {
    use std::f64::consts::{PI, TAU};
    if x <= 0.04 {
        return 1.0;
    }
    if x < 0.8 {
        let terms = (1..=8).map(|k| (-(f64::from(2 * k - 1) * PI / x).powi(2) / 8.0).exp());
        return 1.0 - TAU.sqrt() / x * terms.sum::<f64>();
    }
    let terms = (1..=8).map(|k| if k % 2 == 1 { 1.0 } else { -1.0 } * (-2.0 * (f64::from(k) * x).powi(2)).exp());
    (2.0 * terms.sum::<f64>()).clamp(0.0, 1.0)
}

/// The population stability index of shares in the same bins, each at least `floor`.
pub fn psi(reference: &[f64], current: &[f64], floor: f64) -> f64 {
    let pairs = reference.iter().zip(current).map(|(a, b)| (a.max(floor), b.max(floor)));
    pairs.map(|(a, b)| (b - a) * (b / a).ln()).sum()
}

/// Jensen and Shannon's distance in base 2, from 0 to 1: the square root of the divergence.
pub fn jensen_shannon(a: &[f64], b: &[f64]) -> f64 {
    let (n, m) = (a.iter().sum::<f64>(), b.iter().sum::<f64>());
    let from = |share: f64, middle: f64| if share > 0.0 { share * (share / middle).log2() } else { 0.0 };
    let divergence: f64 = a
        .iter()
        .zip(b)
        .map(|(a, b)| (a / n, b / m))
        .map(|(a, b)| from(a, f64::midpoint(a, b)) + from(b, f64::midpoint(a, b)))
        .sum();
    (divergence / 2.0).max(0.0).sqrt()
}

/// Pearson's test of two rows of counts, without correction.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Table {
    /// From 0, no difference, to 1.
    pub cramers_v: f64,
    pub p: f64,
    /// Whether Cochran's rule is broken: an expected count under 1, or a fifth of them under 5.
    pub is_approximate: bool,
}

/// Of categories that occur in either; one category is no difference.
pub fn chi_squared(a: &[u64], b: &[u64]) -> Table {
    let cells: Vec<(f64, f64)> =
        a.iter().zip(b).filter(|(a, b)| **a + **b > 0).map(|(a, b)| (*a as f64, *b as f64)).collect();
    let (n, m) = cells.iter().fold((0.0, 0.0), |(n, m), (a, b)| (n + a, m + b));
    if cells.len() < 2 || n == 0.0 || m == 0.0 {
        return Table { cramers_v: 0.0, p: 1.0, is_approximate: false };
    }
    let mut statistic = 0.0;
    let (mut under_1, mut under_5) = (false, 0);
    for (a, b) in &cells {
        for (found, rows) in [(a, n), (b, m)] {
            let expected = (a + b) * rows / (n + m);
            statistic += (found - expected).powi(2) / expected;
            under_1 |= expected < 1.0;
            under_5 += usize::from(expected < 5.0);
        }
    }
    Table {
        cramers_v: (statistic / (n + m)).sqrt(),
        p: chi_squared_p(statistic, cells.len() - 1),
        is_approximate: under_1 || 5 * under_5 > 2 * cells.len(),
    }
}

/// The counts with all categories pooled whose expected count is under 5 in either row.
pub fn pooled(a: &[u64], b: &[u64]) -> (Vec<u64>, Vec<u64>) {
    let (n, m) = (a.iter().sum::<u64>() as f64, b.iter().sum::<u64>() as f64);
    let is_rare = |a: u64, b: u64| ((a + b) as f64 * n.min(m) / (n + m)) < 5.0;
    let (mut rest, mut kept) = ((0, 0), (Vec::new(), Vec::new()));
    for (a, b) in a.iter().zip(b) {
        if is_rare(*a, *b) {
            rest = (rest.0 + a, rest.1 + b);
        } else {
            kept.0.push(*a);
            kept.1.push(*b);
        }
    }
    kept.0.push(rest.0);
    kept.1.push(rest.1);
    kept
}

/// The upper tail of the chi-squared law.
pub fn chi_squared_p(statistic: f64, freedom: usize) -> f64 {
    ChiSquared::new(freedom as f64).map_or(1.0, |law| law.sf(statistic).clamp(0.0, 1.0))
}

/// Whether two shares differ: chi-squared on the 2×2 table, Fisher's exact test where an expected count is
/// under 5. `hits` of `rows`, twice.
pub fn shares_p(hits: [u64; 2], rows: [u64; 2]) -> f64 {
    let misses = [rows[0] - hits[0], rows[1] - hits[1]];
    let (all, missed) = (hits[0] + hits[1], misses[0] + misses[1]);
    if all == 0 || missed == 0 || rows[0] == 0 || rows[1] == 0 {
        return 1.0;
    }
    let total = (rows[0] + rows[1]) as f64;
    let least = all.min(missed) as f64 * rows[0].min(rows[1]) as f64 / total;
    if least < 5.0 { fisher(hits, rows) } else { chi_squared(&[hits[0], misses[0]], &[hits[1], misses[1]]).p }
}

/// Fisher's exact test, two-sided: how likely tables with these margins are that are no likelier than this one.
fn fisher(hits: [u64; 2], rows: [u64; 2]) -> f64 {
    let all = hits[0] + hits[1];
    let (least, most) = (all.saturating_sub(rows[1]), all.min(rows[0]));
    // Each table's probability beside the one before it, from this one outwards: no factorial overflows.
    let ratio = |x: u64| {
        // P(x + 1) / P(x) of the hypergeometric law.
        (rows[0] - x) as f64 * (all - x) as f64 / ((x + 1) as f64 * (rows[1] + x + 1 - all) as f64)
    };
    let up = (hits[0]..most).scan(1.0, |p, x| {
        *p *= ratio(x);
        Some(*p)
    });
    let down = (least..hits[0]).rev().scan(1.0, |p, x| {
        *p /= ratio(x);
        Some(*p)
    });
    let (mut total, mut unlikely) = (0.0, 0.0);
    for p in std::iter::once(1.0).chain(up).chain(down) {
        total += p;
        // SciPy's tolerance for what counts as no likelier.
        if p <= 1.0 + 1e-7 {
            unlikely += p;
        }
    }
    (unlikely / total).min(1.0)
}
