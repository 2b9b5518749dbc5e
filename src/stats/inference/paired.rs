//! Two models on the same rows: who was right where the other was wrong.

use statrs::distribution::{Binomial, DiscreteCDF};

use super::estimate::{Estimate, Interval, Method, Narrows, null_variance};
use super::z;

/// Tango's score interval of the difference of two paired proportions (T. Tango, Statistics in Medicine 17,
/// 1998), candidate less baseline.
///
/// `only_candidate` and `only_baseline` are the shares of rows that only one of them got right; `effective`
/// rows decide the width.
pub fn tango(only_candidate: f64, only_baseline: f64, effective: f64, rows: u64, confidence: f64) -> Estimate {
    let z = z(confidence);
    let value = only_candidate - only_baseline;
    // The interval is where |value − d|·√n ≤ z·√variance(d): one root on each side of the value.
    let excess = |d: f64| {
        let distance = value - d;
        distance * distance * effective - z * z * null_variance(only_candidate, only_baseline, d)
    };
    let root = |mut inside: f64, mut outside: f64| {
        if excess(outside) <= 0.0 {
            return outside;
        }
        for _ in 0..200 {
            let middle = f64::midpoint(inside, outside);
            if excess(middle) > 0.0 {
                outside = middle;
            } else {
                inside = middle;
            }
        }
        inside
    };
    let interval = Interval { low: root(value, -1.0), high: root(value, 1.0) };
    let narrows = Narrows::Score { z, effective, only: Some((only_candidate, only_baseline)) };
    Estimate { value, interval, method: Method::Tango, confidence, rows, narrows }
}

/// McNemar's exact two-sided p: under no difference, rows that only one got right fall either way alike.
pub fn mcnemar(only_candidate: u64, only_baseline: u64) -> f64 {
    let rows = only_candidate + only_baseline;
    let fewer = only_candidate.min(only_baseline);
    // 0.5 is a probability, so there is a distribution.
    Binomial::new(0.5, rows).map_or(1.0, |binomial| (2.0 * binomial.cdf(fewer)).min(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::inference::oracle::{cases, near, number};
    use crate::stats::inference::simulated;

    #[test]
    fn tango_is_what_the_likelihood_says() {
        for case in cases("tango") {
            let counts = ["both_right", "only_candidate", "only_baseline", "both_wrong"].map(|key| number(&case, key));
            let rows: f64 = counts.iter().sum();
            let estimate = tango(counts[1] / rows, counts[2] / rows, rows, rows as u64, number(&case, "confidence"));
            near(estimate.interval.low, &case, "low", 1e-6);
            near(estimate.interval.high, &case, "high", 1e-6);
        }
    }

    #[test]
    fn the_rows_that_decide_are_those_a_search_finds() {
        for case in cases("tango_rows") {
            let (candidate, baseline) = (number(&case, "only_candidate_share"), number(&case, "only_baseline_share"));
            let estimate = tango(candidate, baseline, 100.0, 100, number(&case, "confidence"));
            assert_eq!(estimate.rows_to_decide(number(&case, "limit")), case["rows"].as_u64(), "{case}");
        }
    }

    #[test]
    fn mcnemar_is_that_of_statsmodels() {
        for case in cases("mcnemar") {
            let (candidate, baseline) =
                (case["only_candidate"].as_u64().unwrap(), case["only_baseline"].as_u64().unwrap());
            near(mcnemar(candidate, baseline), &case, "p", 1e-10);
        }
    }

    #[test]
    fn tango_covers_as_often_as_it_says() {
        for (rows, candidate, baseline) in [(60, 0.15, 0.05), (300, 0.08, 0.06)] {
            let covered = simulated::share(4000, |draw| {
                let mut only = [0.0, 0.0];
                for _ in 0..rows {
                    let u = draw.uniform();
                    if u < candidate {
                        only[0] += 1.0;
                    } else if u < candidate + baseline {
                        only[1] += 1.0;
                    }
                }
                let n = f64::from(rows);
                let interval = tango(only[0] / n, only[1] / n, n, 0, 0.95).interval;
                (interval.low..=interval.high).contains(&(candidate - baseline))
            });
            assert!((0.925..=0.985).contains(&covered), "{rows}: {covered}");
        }
    }
}
