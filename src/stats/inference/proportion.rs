//! Intervals of a proportion.

use super::estimate::{Estimate, Interval, Method, Narrows};
use super::z;

/// Wilson's score interval of a proportion (E. B. Wilson, JASA 22, 1927): the values that a score test at
/// this confidence would not refuse.
///
/// `effective` rows decide its width (Kish's number where rows have weights), `rows` are those there are.
pub fn wilson(share: f64, effective: f64, rows: u64, confidence: f64) -> Estimate {
    let z = z(confidence);
    Estimate {
        value: share,
        interval: bounds(share, effective, z),
        method: Method::Wilson,
        confidence,
        rows,
        narrows: Narrows::Score { z, effective, only: None },
    }
}

fn bounds(share: f64, rows: f64, z: f64) -> Interval {
    let square = z * z / rows;
    let middle = (share + square / 2.0) / (1.0 + square);
    let half = z / (1.0 + square) * (share * (1.0 - share) / rows + square / (4.0 * rows)).max(0.0).sqrt();
    // Rounding must not move an end that is exactly 0 or 1.
    Interval {
        low: if share <= 0.0 { 0.0 } else { (middle - half).max(0.0) },
        high: if share >= 1.0 { 1.0 } else { (middle + half).min(1.0) },
    }
}

/// The ratio and the difference of the smallest and largest of some groups' rates, given an interval of
/// each: `[min L / max U, min(1, min U / max L)]` and `[max(0, max L − min U), max U − min L]`.
pub fn spread(rates: &[Interval]) -> (Interval, Interval) {
    let over =
        |pick: fn(&Interval) -> f64, better: fn(f64, f64) -> f64, start| rates.iter().map(pick).fold(start, better);
    let (min_low, max_low) = (over(|i| i.low, f64::min, f64::INFINITY), over(|i| i.low, f64::max, 0.0));
    let (min_high, max_high) = (over(|i| i.high, f64::min, f64::INFINITY), over(|i| i.high, f64::max, 0.0));
    let ratio = Interval {
        low: if max_high > 0.0 { min_low / max_high } else { 0.0 },
        high: if max_low > 0.0 { (min_high / max_low).min(1.0) } else { 1.0 },
    };
    (ratio, Interval { low: (max_low - min_high).max(0.0), high: max_high - min_low })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::inference::oracle::{cases, near, number};
    use crate::stats::inference::{simulated, widened};

    #[test]
    fn wilson_is_that_of_statsmodels() {
        for case in cases("wilson") {
            let (successes, rows) = (number(&case, "successes"), number(&case, "rows"));
            let estimate = wilson(successes / rows, rows, rows as u64, number(&case, "confidence"));
            near(estimate.interval.low, &case, "low", 1e-10);
            near(estimate.interval.high, &case, "high", 1e-10);
        }
    }

    #[test]
    fn the_rows_that_decide_are_those_a_search_finds() {
        for case in cases("wilson_rows") {
            let estimate = wilson(number(&case, "value"), 10.0, 10, number(&case, "confidence"));
            assert_eq!(estimate.rows_to_decide(number(&case, "limit")), case["rows"].as_u64(), "{case}");
        }
    }

    #[test]
    fn ratios_and_differences_of_groups_are_bounded_by_their_intervals() {
        for case in cases("fairness_interval") {
            let groups = case["groups"].as_array().unwrap();
            let confidence = widened(number(&case, "confidence"), groups.len());
            let rates: Vec<Interval> = groups
                .iter()
                .map(|group| {
                    let rows = number(group, "rows");
                    wilson(number(group, "selected") / rows, rows, rows as u64, confidence).interval
                })
                .collect();
            let (ratio, difference) = spread(&rates);
            near(ratio.low, &case, "ratio_low", 1e-10);
            near(ratio.high, &case, "ratio_high", 1e-10);
            near(difference.low, &case, "difference_low", 1e-10);
            near(difference.high, &case, "difference_high", 1e-10);
        }
    }

    #[test]
    fn wilson_covers_as_often_as_it_says() {
        for (rows, share) in [(30, 0.9), (100, 0.5), (400, 0.05)] {
            let covered = simulated::share(4000, |draw| {
                let hits = (0..rows).filter(|_| draw.uniform() < share).count();
                let interval = wilson(hits as f64 / f64::from(rows), f64::from(rows), 0, 0.95).interval;
                (interval.low..=interval.high).contains(&share)
            });
            assert!((0.925..=0.985).contains(&covered), "{rows} rows of {share}: {covered}");
        }
    }
}
