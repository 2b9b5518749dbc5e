//! Intervals and tests, from counts and sorted numbers: nothing here knows a table or a limit's name.
//!
//! Every interval is two-sided at its confidence. tests/oracle/inference.py asks SciPy, statsmodels and
//! scikit-learn the same questions; coverage is simulated beside each method.

pub mod adjust;
pub mod arms;
pub mod bootstrap;
pub mod change;
pub mod distance;
pub mod estimate;
pub mod group_sequential;
pub mod homogeneity;
pub mod paired;
pub mod proportion;
pub mod quantile;
pub mod quantile_bins;
pub mod robust;
#[cfg(test)]
pub(crate) mod simulated;

use statrs::distribution::{ContinuousCDF, Normal};

pub use estimate::{Estimate, Held, Interval, Method};

/// The standard normal quantile that leaves `(1 − confidence) / 2` above it.
pub fn z(confidence: f64) -> f64 {
    Normal::standard().inverse_cdf(f64::midpoint(1.0, confidence))
}

/// The confidence of each of `k` intervals that are to hold together: Bonferroni's `1 − (1 − c) / k`.
pub fn widened(confidence: f64, k: usize) -> f64 {
    1.0 - (1.0 - confidence) / k.max(1) as f64
}

/// Kish's effective number of rows, `(Σw)² / Σw²`: as many equal weights would say as much.
pub fn kish(sum: f64, squares: f64) -> f64 {
    if squares > 0.0 { sum * sum / squares } else { 0.0 }
}

#[cfg(test)]
pub(crate) mod oracle {
    use serde_json::Value;

    /// What SciPy, statsmodels and scikit-learn said: tests/oracle/inference.json.
    pub fn cases(name: &str) -> Vec<Value> {
        let all: Value =
            serde_json::from_str(include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/oracle/inference.json")))
                .unwrap();
        let cases = all[name].as_array().unwrap().clone();
        assert!(!cases.is_empty(), "no cases of {name}");
        cases
    }

    pub fn number(case: &Value, key: &str) -> f64 {
        case[key].as_f64().unwrap_or_else(|| panic!("{key} of {case}"))
    }

    pub fn numbers(case: &Value, key: &str) -> Vec<f64> {
        case[key].as_array().unwrap().iter().map(|value| value.as_f64().unwrap()).collect()
    }

    #[track_caller]
    pub fn near(found: f64, case: &Value, key: &str, tolerance: f64) {
        let wanted = number(case, key);
        assert!((found - wanted).abs() <= tolerance * wanted.abs().max(1.0), "{key}: {found} for {case}");
    }

    #[test]
    fn normal_quantiles_are_scipys() {
        for case in cases("normal_quantile") {
            // `z` takes the confidence whose upper end is `p`.
            let p = number(&case, "p");
            if p > 0.5 {
                near(super::z(2.0 * p - 1.0), &case, "z", 1e-9);
            }
        }
    }

    #[test]
    fn kish_counts_equal_weights_as_rows() {
        for case in cases("kish") {
            let weights = numbers(&case, "weights");
            let (sum, squares) = weights.iter().fold((0.0, 0.0), |(sum, squares), w| (sum + w, squares + w * w));
            near(super::kish(sum, squares), &case, "rows", 1e-12);
        }
    }
}
