//! Whether two rows of counts are samples of one distribution, also where most of the counts are small.
//!
//! tests/oracle/drift.py computes the same with SciPy.

use statrs::distribution::{ContinuousCDF, Gamma};

use super::distance::{chi_squared, jensen_shannon, pooled};

/// Fewer categories, or rows on either side, and the law of their statistic is not near enough to a gamma law.
const FEWEST_RARE: usize = 10;
/// Up to this many rows of a category its expected divergence is summed, beyond it is approximated.
const SUMMED: u64 = 200;

/// Returns how often two samples of one distribution differ by as much as these counts.
///
/// That is Pearson's test where Cochran's rule holds. Where it does not, categories with an expected count under 5 in
/// either row are pooled for it, and tested among themselves by a second statistic; the smaller of the two p-values
/// counts, times two.
pub fn homogeneity_p(a: &[u64], b: &[u64]) -> f64 {
    let table = chi_squared(a, b);
    if !table.is_approximate {
        return table.p;
    }
    let (common_a, common_b) = pooled(a, b);
    let common = chi_squared(&common_a, &common_b);
    // A table of one category has nothing to test.
    let is_tested = common_a.iter().zip(&common_b).filter(|(a, b)| **a + **b > 0).count() >= 2;
    match (is_tested, rare_p(a, b)) {
        (true, Some(rare)) => (2.0 * common.p.min(rare)).min(1.0),
        (false, Some(rare)) => rare,
        (_, None) => common.p,
    }
}

/// Pearson's statistic of the rare categories among themselves, whose mean and variance over all tables with these
/// margins are known exactly (J. B. S. Haldane, Biometrika 31, 1940; in the form of T. Lewis, I. W. Saunders,
/// M. Westcott, Biometrika 71, 1984); its tail is that of the gamma law with the same two moments. Categories of one
/// row are left out: they are on one side whatever the distributions.
fn rare_p(a: &[u64], b: &[u64]) -> Option<f64> {
    let (n, m) = (a.iter().sum::<u64>() as f64, b.iter().sum::<u64>() as f64);
    let is_rare = |total: u64| total >= 2 && total as f64 * n.min(m) < 5.0 * (n + m);
    let rare = || a.iter().zip(b).filter(|(a, b)| is_rare(**a + **b)).map(|(a, b)| (*a as f64, (*a + *b) as f64));
    let (mut categories, mut first, mut total, mut squares, mut inverse) = (0, 0.0, 0.0, 0.0, 0.0);
    for (count, both) in rare() {
        categories += 1;
        first += count;
        total += both;
        squares += count * count / both;
        inverse += 1.0 / both;
    }
    let second: f64 = total - first;
    if categories < FEWEST_RARE || first.min(second) < FEWEST_RARE as f64 {
        return None;
    }
    let statistic = total * total / (first * second) * (squares - first * first / total);
    let columns = categories as f64;
    let mean = total * (columns - 1.0) / (total - 1.0);
    let v = [(total - 2.0) / (total - 1.0), (columns - 1.0) * (total - columns) / (total - 1.0)];
    let w = [
        (total * (1.0 / first + 1.0 / second) - 4.0) / (total - 2.0),
        (total * inverse - columns * columns) / (total - 2.0),
    ];
    let variance =
        2.0 * total / (total - 3.0) * (v[0] - w[0]) * (v[1] - w[1]) + total * total / (total - 1.0) * w[0] * w[1];
    if variance < 1e-9 {
        return None;
    }
    let law = Gamma::new(mean * mean / variance, mean / variance).ok()?;
    Some(law.sf(statistic.max(0.0)).clamp(0.0, 1.0))
}

/// Returns Jensen and Shannon's distance beyond what two samples of one distribution have on average: the square root
/// of the divergence less its expectation, or 0.
///
/// The distance itself grows with the number of categories and shrinks with the rows: two samples of 300 rows in ten
/// bins are 0.1 apart by chance.
pub fn jensen_shannon_beyond_chance(a: &[u64], b: &[u64]) -> f64 {
    let floats = |counts: &[u64]| counts.iter().map(|count| *count as f64).collect::<Vec<_>>();
    let (x, y) = (floats(a), floats(b));
    let (n, m) = (x.iter().sum::<f64>(), y.iter().sum::<f64>());
    if n == 0.0 || m == 0.0 {
        return 0.0;
    }
    let found = jensen_shannon(&x, &y).powi(2);
    let mut known = std::collections::BTreeMap::new();
    let expected: f64 = a
        .iter()
        .zip(b)
        .map(|(a, b)| {
            let total = a + b;
            *known.entry(total).or_insert_with(|| expected_divergence(total, n, m))
        })
        .sum();
    (found - expected).max(0.0).sqrt()
}

/// The part of a category with so many rows in both tables, in bits, where each row is in the first with the
/// probability n / (n + m).
fn expected_divergence(total: u64, n: f64, m: f64) -> f64 {
    let all = n + m;
    // Rows are drawn without putting back.
    let finite = (all - total as f64) / (all - 1.0).max(1.0);
    if total > SUMMED {
        return finite * (1.0 / n + 1.0 / m) / (8.0 * std::f64::consts::LN_2);
    }
    let share = n / all;
    let part = |share: f64, middle: f64| if share > 0.0 { share * (share / middle).log2() } else { 0.0 };
    let mut sum = 0.0;
    // In logarithms: the first probability may be too small for a number.
    let mut probability = total as f64 * (1.0 - share).ln();
    for count in 0..=total {
        let (x, y) = (count as f64 / n, (total - count) as f64 / m);
        let middle = f64::midpoint(x, y);
        sum += probability.exp() * (part(x, middle) + part(y, middle)) / 2.0;
        probability += ((total - count) as f64 / (count + 1) as f64).ln() + (share / (1.0 - share)).ln();
    }
    finite * sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::inference::simulated::Draw;

    /// So many rows over categories, each as common as `weight` has it.
    fn counts(draw: &mut Draw, categories: usize, rows: usize, skew: f64) -> Vec<u64> {
        let mut counts = vec![0; categories];
        (0..rows).for_each(|_| counts[(categories as f64 * draw.uniform().powf(skew)) as usize] += 1);
        counts
    }

    #[test]
    fn p_values_of_small_counts_are_p_values() {
        let mut draw = Draw::new(11);
        for (categories, rows, skew) in [
            (100, [30, 30], 1.0),
            (100, [300, 300], 1.0),
            (1_500, [300, 300], 3.0),
            (1_500, [3_000, 3_000], 1.0),
            (10_000, [3_000, 3_000], 3.0),
            (1_500, [60, 3_000], 1.0),
        ] {
            const RUNS: usize = 400;
            let mut below = 0;
            for _ in 0..RUNS {
                let [a, b] = rows.map(|rows| counts(&mut draw, categories, rows, skew));
                below += usize::from(homogeneity_p(&a, &b) < 0.05);
            }
            // Of 400 runs at 5 % more than 35 are one in 1,000.
            assert!(below <= 35, "{categories} {rows:?} {skew}: {below}");
        }
    }

    #[test]
    fn chance_has_no_distance_on_average() {
        let mut draw = Draw::new(12);
        for (categories, rows, skew) in [
            (10, [300, 300], 1.0),
            (1_500, [3_000, 3_000], 1.0),
            (1_500, [3_000, 1_000], 3.0),
            (10_000, [300, 900], 1.0),
        ] {
            let mut sum = 0.0;
            for _ in 0..100 {
                let [a, b] = rows.map(|rows| counts(&mut draw, categories, rows, skew));
                let floats = |counts: &[u64]| counts.iter().map(|count| *count as f64).collect::<Vec<_>>();
                let (n, m) = (rows[0] as f64, rows[1] as f64);
                let expected: f64 = a.iter().zip(&b).map(|(a, b)| expected_divergence(a + b, n, m)).sum();
                sum += jensen_shannon(&floats(&a), &floats(&b)).powi(2) - expected;
            }
            assert!((sum / 100.0).abs() < 0.001, "{categories} {rows:?}: {}", sum / 100.0);
        }
    }

    #[test]
    fn samples_of_disjoint_rare_categories_differ() {
        let (a, b) = ([2, 2, 0, 0].repeat(200), [0, 0, 2, 2].repeat(200));
        assert!(homogeneity_p(&a, &b) < 1e-12);
        assert!((jensen_shannon_beyond_chance(&a, &b) - 0.5_f64.sqrt()).abs() < 0.2);
        // Of one row each nothing can be said.
        let (a, b) = ([1, 0].repeat(400), [0, 1].repeat(400));
        assert!(homogeneity_p(&a, &b) > 0.5);
        assert_eq!(jensen_shannon_beyond_chance(&a, &b), 0.0);
    }
}
