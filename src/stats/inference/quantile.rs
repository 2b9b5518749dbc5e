//! Quantiles, and how sure they are.

use statrs::distribution::{Binomial, DiscreteCDF};

use super::estimate::{Estimate, Interval, Method, Narrows};

/// The quantile `q` of sorted values, between two of them by linear interpolation; none of nothing.
pub fn quantile(sorted: &[f64], q: f64) -> Option<f64> {
    let at = q * sorted.len().checked_sub(1)? as f64;
    let below = at.floor();
    let (low, high) = (sorted[below as usize], sorted[at.ceil() as usize]);
    Some(low + (high - low) * (at - below))
}

/// The quantile with the interval of its order statistics, which supposes nothing of the distribution: as
/// many values lie below the true quantile as a binomial draw. An end that so few rows do not have is
/// infinite.
pub fn interval(sorted: &[f64], q: f64, confidence: f64) -> Option<Estimate> {
    let (lower, upper) = ranks(sorted.len() as u64, q, confidence);
    let at = |rank: Option<u64>, without| rank.map_or(without, |rank| sorted[rank as usize - 1]);
    Some(Estimate {
        value: quantile(sorted, q)?,
        interval: Interval { low: at(lower, f64::NEG_INFINITY), high: at(upper, f64::INFINITY) },
        method: Method::OrderStatistics,
        confidence,
        rows: sorted.len() as u64,
        // Ranks move in steps, and ties with them.
        narrows: Narrows::Known(None),
    })
}

/// The ranks, from 1, of the values that bound the quantile.
fn ranks(rows: u64, q: f64, confidence: f64) -> (Option<u64>, Option<u64>) {
    let tail = (1.0 - confidence) / 2.0;
    let Ok(binomial) = Binomial::new(q, rows) else { return (None, None) };
    // The largest l with P(B < l) ≤ tail, and the smallest u with P(B ≥ u) ≤ tail.
    let largest = |fits: &dyn Fn(u64) -> bool| {
        let (mut low, mut high) = (0, rows);
        while low < high {
            let middle = (low + high).div_ceil(2);
            if fits(middle) {
                low = middle;
            } else {
                high = middle - 1;
            }
        }
        low
    };
    let lower = largest(&|l| l == 0 || binomial.cdf(l - 1) <= tail);
    let below_upper = largest(&|u| u == 0 || binomial.sf(u - 1) > tail);
    (Some(lower).filter(|l| *l >= 1), Some(below_upper + 1).filter(|u| *u <= rows))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::inference::oracle::{cases, number};

    #[test]
    fn ranks_are_those_of_scipys_binomial() {
        for case in cases("quantile_interval") {
            let found = ranks(case["n"].as_u64().unwrap(), number(&case, "quantile"), number(&case, "confidence"));
            assert_eq!(found, (case["lower_rank"].as_u64(), case["upper_rank"].as_u64()), "{case}");
        }
    }

    #[test]
    fn quantiles_are_linear() {
        assert_eq!(quantile(&[1.0, 2.0, 4.0], 0.75), Some(3.0));
        assert_eq!(quantile(&[7.0], 0.99), Some(7.0));
        assert_eq!(quantile(&[], 0.5), None);
    }
}
