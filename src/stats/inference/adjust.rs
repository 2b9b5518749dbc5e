//! Many tests at once.

/// Benjamini and Hochberg's adjusted p-values (JRSS B 57, 1995), in the order given: of those at most `a`,
/// a share of `a` are expected to be false.
pub fn benjamini_hochberg(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|a, b| p[*b].total_cmp(&p[*a]));
    let mut adjusted = vec![1.0; p.len()];
    let mut least: f64 = 1.0;
    for (above, at) in order.into_iter().enumerate() {
        let rank = p.len() - above;
        least = least.min(p[at] * p.len() as f64 / rank as f64);
        adjusted[at] = least;
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::inference::oracle::{cases, numbers};

    #[test]
    fn adjusted_values_are_scipys() {
        for case in cases("benjamini_hochberg") {
            for (found, wanted) in benjamini_hochberg(&numbers(&case, "p")).iter().zip(numbers(&case, "adjusted")) {
                assert!((found - wanted).abs() < 1e-12, "{case}");
            }
        }
    }
}
