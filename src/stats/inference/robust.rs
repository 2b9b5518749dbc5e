//! What is unusual, whatever else was unusual before.

use super::quantile::quantile;

/// What makes the median distance of normal values from their median a standard deviation.
const NORMAL: f64 = 1.4826;

/// The median of `past`, and how many robust deviations `value` is from it.
///
/// The median absolute deviation is not moved by less than half of wild values (F. Hampel, JASA 69, 1974). Where it
/// is 0, 1 % of the median stands for it; where that is 0 too, any other value is infinitely far.
pub fn deviations(past: &[f64], value: f64) -> (f64, f64) {
    let median_of = |mut values: Vec<f64>| {
        values.sort_unstable_by(f64::total_cmp);
        quantile(&values, 0.5).unwrap_or(f64::NAN)
    };
    let median = median_of(past.to_vec());
    let mad = median_of(past.iter().map(|one| (one - median).abs()).collect());
    // A mean that is added up in another order differs in its last digits, and that is no spread.
    let scale = NORMAL * if mad <= 1e-9 * median.abs() { 0.01 * median.abs() } else { mad };
    let distance = (value - median).abs();
    (median, if distance == 0.0 { 0.0 } else { distance / scale })
}
