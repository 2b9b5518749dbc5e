//! Tests of two variants that may be read as often as one likes before their planned end.
//!
//! A standardized difference z at a fraction t of the planned information is W(t) / √t of a Brownian motion W without drift, where
//! there is no difference. With O'Brien and Fleming's boundary (Biometrics 35, 1979) in the limit of infinitely many looks, a
//! test ends where |z| √t = |W(t)| reaches c, which it ever does up to t = 1 with the probability α of [`crossing_p`]. Early
//! on only a large difference does: at a tenth of the observations z must be 7.1, at the end 2.24 where one look has 1.96.
//!
//! `tests/oracle/ab_test.py` computes the same from SciPy, and simulates.

use statrs::distribution::{ContinuousCDF, Normal};
use statrs::function::beta::ln_beta;

use super::arms::{Difference, Moments, welch_of};

/// How sure a planned test is to find the effect that it is planned for.
pub const POWER: f64 = 0.8;
/// The prior of the sample ratio: as sure of the planned shares as that many units.
const CONCENTRATION: f64 = 1_000.0;

/// The probability that the absolute value of a Brownian motion reaches `boundary` by the time 1 (W. Feller, *An Introduction to
/// Probability Theory* II, X.5): by reflections where it is far, by the theta series where it is near.
pub fn crossing_p(boundary: f64) -> f64 {
    if boundary <= 0.0 {
        return 1.0;
    }
    let odd = (0..20).map(|k| (2.0 * f64::from(k) + 1.0, if k % 2 == 0 { 1.0 } else { -1.0 }));
    let p = if boundary > 1.0 {
        let normal = Normal::standard();
        4.0 * odd.map(|(odd, sign)| sign * normal.sf(odd * boundary)).sum::<f64>()
    } else {
        let rate = std::f64::consts::PI.powi(2) / (8.0 * boundary * boundary);
        1.0 - 4.0 / std::f64::consts::PI * odd.map(|(odd, sign)| sign / odd * (-odd * odd * rate).exp()).sum::<f64>()
    };
    p.clamp(0.0, 1.0)
}

/// The boundary that is reached with probability `alpha`.
pub fn boundary(alpha: f64) -> f64 {
    let (mut low, mut high) = (0.0, 40.0);
    for _ in 0..200 {
        let middle = f64::midpoint(low, high);
        if crossing_p(middle) > alpha { low = middle } else { high = middle }
    }
    high
}

/// The p of a difference that is read at a fraction of the planned observations, valid at every such reading; `p` is the two-sided
/// one of a single reading.
pub fn sequential_p(p: f64, fraction: f64) -> f64 {
    if !p.is_finite() || p >= 1.0 {
        return 1.0;
    }
    let z = -Normal::standard().inverse_cdf(p / 2.0);
    crossing_p(z * fraction.clamp(0.0, 1.0).sqrt())
}

/// Observations of each variant by which a difference of `effect` is found with [`POWER`]; `variances` are those of one
/// observation of both, added.
pub fn observations(effect: f64, variances: f64, alpha: f64) -> f64 {
    ((boundary(alpha) + Normal::standard().inverse_cdf(POWER)) / effect).powi(2) * variances
}

/// The difference that so many observations of each variant find with [`POWER`].
pub fn effect(observations: f64, variances: f64, alpha: f64) -> f64 {
    (boundary(alpha) + Normal::standard().inverse_cdf(POWER)) * (variances / observations).sqrt()
}

/// The always-valid p that units come to both variants in the planned shares: the inverse of a Bayes factor with a Dirichlet prior
/// around them ([Lindon and Malek 2022](https://arxiv.org/abs/2011.03567)).
pub fn sequential_sample_ratio(first: u64, second: u64, share_of_first: f64) -> f64 {
    let (first, second) = (first as f64, second as f64);
    if share_of_first <= 0.0 || share_of_first >= 1.0 {
        let (unplanned, is_any) = if share_of_first <= 0.0 { (first, first > 0.0) } else { (second, second > 0.0) };
        return if is_any && unplanned > 0.0 { 0.0 } else { 1.0 };
    }
    let (a, b) = (CONCENTRATION * share_of_first, CONCENTRATION * (1.0 - share_of_first));
    let log_factor = ln_beta(a + first, b + second)
        - ln_beta(a, b)
        - first * share_of_first.ln()
        - second * (1.0 - share_of_first).ln();
    (-log_factor).exp().min(1.0)
}

/// Sums of a value that every unit had before the test, beside those of what is compared.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Covariate {
    pub sum: f64,
    pub sum_of_squares: f64,
    /// Of the covariate times what is compared.
    pub sum_of_products: f64,
}

/// Sums of squares and products about the means.
#[derive(Debug, Clone, Copy)]
struct Centered {
    xx: f64,
    xy: f64,
    yy: f64,
}

fn centered(moments: Moments, covariate: Covariate) -> Centered {
    let n = moments.count;
    let about = |sum: f64, first: f64, second: f64| sum - first * second / n;
    // A covariate that does not vary beyond what rounding of its sums can make explains nothing.
    let xx = about(covariate.sum_of_squares, covariate.sum, covariate.sum);
    let does_vary = n > 1.0 && xx > 1e-9 * covariate.sum_of_squares.abs();
    Centered {
        xx: if does_vary { xx } else { 0.0 },
        xy: if does_vary { about(covariate.sum_of_products, covariate.sum, moments.sum) } else { 0.0 },
        yy: about(moments.sum_of_squares, moments.sum, moments.sum),
    }
}

/// The share of the variance that a covariate leaves.
pub fn left_by(moments: Moments, covariate: Covariate) -> f64 {
    let Centered { xx, xy, yy } = centered(moments, covariate);
    if xx > 0.0 && yy > 0.0 { (1.0 - xy * xy / (xx * yy)).clamp(0.0, 1.0) } else { 1.0 }
}

/// Welch's test of two means that are adjusted by a covariate, with one slope for both: CUPED
/// ([Deng, Xu, Kohavi and Walker, WSDM 2013](https://doi.org/10.1145/2433396.2433413)).
pub fn adjusted_welch(first: (Moments, Covariate), second: (Moments, Covariate)) -> Difference {
    let (a, b) = (centered(first.0, first.1), centered(second.0, second.1));
    let slope = if a.xx + b.xx > 0.0 { (a.xy + b.xy) / (a.xx + b.xx) } else { 0.0 };
    let mean = |(moments, covariate): (Moments, Covariate)| (moments.sum - slope * covariate.sum) / moments.count;
    let variance = |centered: Centered, count: f64| {
        ((centered.yy - 2.0 * slope * centered.xy + slope * slope * centered.xx) / (count - 1.0)).max(0.0)
    };
    let of = |one: (Moments, Covariate), centered| (mean(one), variance(centered, one.0.count), one.0.count);
    welch_of(of(first, a), of(second, b))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::stats::inference::oracle::{near, number};
    use crate::stats::inference::simulated::share;

    fn check(name: &str, judge: impl Fn(&Value)) {
        let all: Value =
            serde_json::from_str(include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/oracle/ab_test.json")))
                .unwrap();
        let cases = all[name].as_array().unwrap();
        assert!(cases.len() >= 5, "{name}");
        cases.iter().for_each(judge);
    }

    #[test]
    fn boundaries_are_those_of_the_maximum_of_a_brownian_motion() {
        check("crossing", |case| near(crossing_p(number(case, "boundary")), case, "p", 1e-9));
        check("boundary", |case| near(boundary(number(case, "alpha")), case, "boundary", 1e-9));
        check("sequential_p", |case| {
            near(sequential_p(number(case, "p"), number(case, "fraction")), case, "sequential_p", 1e-9);
        });
        check("observations", |case| {
            let (variances, alpha) = (number(case, "variances"), number(case, "alpha"));
            let found = observations(number(case, "effect"), variances, alpha);
            near(found, case, "observations", 1e-7);
            near(effect(found, variances, alpha), case, "effect", 1e-7);
        });
    }

    #[test]
    fn sample_ratios_are_tested_as_by_the_dirichlet_prior() {
        check("sample_ratio", |case| {
            let units = |name: &str| case[name].as_u64().unwrap();
            let found = sequential_sample_ratio(units("first"), units("second"), number(case, "share_of_first"));
            near(found, case, "p", 1e-9);
        });
        assert_eq!((sequential_sample_ratio(1, 5, 0.0), sequential_sample_ratio(0, 5, 0.0)), (0.0, 1.0));
    }

    #[test]
    fn means_are_adjusted_as_by_a_regression() {
        check("cuped", |case| {
            let of = |variant: &str| {
                let of = |key: &str| number(&case[variant], key);
                let moments = Moments { count: of("count"), sum: of("sum"), sum_of_squares: of("sum_of_squares") };
                let covariate = Covariate { sum: of("x"), sum_of_squares: of("xx"), sum_of_products: of("xy") };
                (moments, covariate)
            };
            let found = adjusted_welch(of("first"), of("second"));
            near(found.difference, case, "difference", 1e-8);
            near(found.p, case, "p", 1e-8);
            let (moments, covariate) = of("first");
            near(left_by(moments, covariate), case, "left_in_first", 1e-8);
        });
    }

    /// Two variants with shares of 20 %, read every 50 observations up to 2,000 of each.
    #[test]
    fn looking_forty_times_finds_no_more_than_alpha() {
        use crate::stats::inference::arms::{Hits, two_proportions};
        let found = share(1_000, |draw| {
            let mut hits = [Hits::default(); 2];
            (1..=40).any(|look| {
                for hits in &mut hits {
                    hits.hits += (0..50).filter(|_| draw.uniform() < 0.2).count() as u64;
                    hits.trials += 50;
                }
                sequential_p(two_proportions(hits[0], hits[1]).p, f64::from(look) / 40.0) < 0.05
            })
        });
        assert!(found < 0.06, "{found}");
    }
}
