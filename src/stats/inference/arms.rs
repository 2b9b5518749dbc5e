//! Two arms of traffic: whether one errs more, whether one does better.
//!
//! tests/oracle/rollout.py asks SciPy and statsmodels the same questions.

use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, Normal, StudentsT};
use statrs::function::beta::{beta_reg, inv_beta_reg};

/// Hits among trials of one arm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Hits {
    pub hits: u64,
    pub trials: u64,
}

impl Hits {
    /// NaN without a trial.
    pub fn share(self) -> f64 {
        self.hits as f64 / self.trials as f64
    }
}

/// The upper tail of the standard normal law.
fn above(z: f64) -> f64 {
    Normal::standard().sf(z)
}

/// Fisher's exact p that the first arm's share is no greater than the second's, one-sided; 1 without trials.
///
/// Tables are weighed against the likeliest one, so that nothing large cancels.
pub fn fisher_greater(first: Hits, second: Hits) -> f64 {
    let (all, hits) = (first.trials + second.trials, first.hits + second.hits);
    if first.trials == 0 || second.trials == 0 {
        return 1.0;
    }
    let (least, most) = ((hits + first.trials).saturating_sub(all), hits.min(first.trials));
    let mode = (u128::from(hits + 1) * u128::from(first.trials + 1) / u128::from(all + 2)) as u64;
    let mode = mode.clamp(least, most);
    // From k hits of the first arm to one more.
    let up = |k: u64| {
        (first.trials - k) as f64 * (hits - k) as f64 / ((k + 1) as f64 * (all - first.trials + k + 1 - hits) as f64)
    };
    let (mut sum, mut tail) = (0.0, 0.0);
    let mut add = |k: u64, weight: f64| {
        sum += weight;
        if k >= first.hits {
            tail += weight;
        }
    };
    add(mode, 1.0);
    let mut weight = 1.0;
    for k in mode..most {
        weight *= up(k);
        add(k + 1, weight);
        if weight < f64::MIN_POSITIVE {
            break;
        }
    }
    weight = 1.0;
    for k in (least..mode).rev() {
        weight /= up(k);
        add(k, weight);
        if weight < f64::MIN_POSITIVE {
            break;
        }
    }
    tail / sum
}

/// Cochran, Mantel and Haenszel's test over strata of a first and a second arm, without continuity correction, one-sided:
/// whether the first errs more. Strata that can say nothing are left out; 1 if all are.
pub fn cmh_greater(strata: &[(Hits, Hits)]) -> f64 {
    let (mut over, mut variance) = (0.0, 0.0);
    for (first, second) in strata {
        let (n1, n2) = (first.trials as f64, second.trials as f64);
        let (n, hits) = (n1 + n2, (first.hits + second.hits) as f64);
        if n1 == 0.0 || n2 == 0.0 || n < 2.0 {
            continue;
        }
        over += first.hits as f64 - n1 * hits / n;
        variance += n1 * n2 * hits * (n - hits) / (n * n * (n - 1.0));
    }
    if variance > 0.0 { above(over / variance.sqrt()) } else { 1.0 }
}

/// Whether the first arm errs more, over strata: exactly, by the law of its errors given each stratum's, and where there are
/// too many to add up by Cochran, Mantel and Haenszel's test, which is sure of a single error beside none.
pub fn strata_greater(strata: &[(Hits, Hits)]) -> f64 {
    let telling: Vec<&(Hits, Hits)> =
        strata.iter().filter(|(first, second)| first.trials > 0 && second.trials > 0).collect();
    let hits: u64 = telling.iter().map(|(first, second)| first.hits + second.hits).sum();
    if hits > MOST_EXACT {
        return match telling.as_slice() {
            [(first, second)] => fisher_greater(*first, *second),
            _ => cmh_greater(strata),
        };
    }
    let mut law = vec![1.0];
    let mut seen = 0;
    for (first, second) in telling {
        let own = hypergeometric(first.trials, second.trials, first.hits + second.hits);
        let mut both = vec![0.0; law.len() + own.len() - 1];
        for (at, before) in law.iter().enumerate() {
            own.iter().enumerate().for_each(|(more, p)| both[at + more] += before * p);
        }
        law = both;
        seen += first.hits as usize;
    }
    law[seen..].iter().sum::<f64>().min(1.0)
}

/// Errors up to which tails over strata are added up term by term.
const MOST_EXACT: u64 = 2_000;

/// The probabilities of 0, 1, … `hits` hits of the first arm.
fn hypergeometric(first: u64, second: u64, hits: u64) -> Vec<f64> {
    let (least, most) = (hits.saturating_sub(second), hits.min(first));
    let mut law = vec![0.0; hits as usize + 1];
    let mode = (u128::from(hits + 1) * u128::from(first + 1) / u128::from(first + second + 2)) as u64;
    let mode = mode.clamp(least, most);
    let up = |k: u64| (first - k) as f64 * (hits - k) as f64 / ((k + 1) as f64 * (second + k + 1 - hits) as f64);
    law[mode as usize] = 1.0;
    (mode..most).for_each(|k| law[k as usize + 1] = law[k as usize] * up(k));
    (least..mode).rev().for_each(|k| law[k as usize] = law[k as usize + 1] / up(k));
    let sum: f64 = law.iter().sum();
    law.iter_mut().for_each(|p| *p /= sum);
    law
}

/// Mantel and Haenszel's ratio of the first arm's share to the second's over strata; infinite where only the first has
/// hits, none where neither has.
pub fn risk_ratio(strata: &[(Hits, Hits)]) -> Option<f64> {
    let (mut first_sum, mut second_sum) = (0.0, 0.0);
    for (first, second) in strata {
        let (n1, n2) = (first.trials as f64, second.trials as f64);
        if n1 > 0.0 && n2 > 0.0 {
            first_sum += first.hits as f64 * n2 / (n1 + n2);
            second_sum += second.hits as f64 * n1 / (n1 + n2);
        }
    }
    if first_sum > 0.0 || second_sum > 0.0 { Some(first_sum / second_sum) } else { None }
}

/// Wilson's lower bound of a share that lies above the true one with probability `alpha` at most.
pub fn wilson_lower(arm: Hits, alpha: f64) -> f64 {
    if arm.trials == 0 || arm.hits == 0 {
        return 0.0;
    }
    let z = Normal::standard().inverse_cdf(1.0 - alpha);
    let (n, share) = (arm.trials as f64, arm.share());
    let square = z * z / n;
    let half = z * (share * (1.0 - share) / n + square / (4.0 * n)).sqrt();
    ((share + square / 2.0 - half) / (1.0 + square)).max(0.0)
}

/// Clopper and Pearson's upper bound of a share that lies below the true one with probability `alpha` at most (Biometrika 26,
/// 1934); 1 without trials.
pub fn exact_upper(arm: Hits, alpha: f64) -> f64 {
    if arm.hits >= arm.trials {
        return 1.0;
    }
    inv_beta_reg(arm.hits as f64 + 1.0, (arm.trials - arm.hits) as f64, 1.0 - alpha)
}

/// The probability of as many hits or more where each trial hits with probability `p`.
pub fn at_least(arm: Hits, p: f64) -> f64 {
    match arm.hits {
        0 => 1.0,
        _ if p <= 0.0 => 0.0,
        hits => beta_reg(hits as f64, (arm.trials - hits) as f64 + 1.0, p.min(1.0)),
    }
}

/// A difference of two arms, the first less the second, and the two-sided p of none.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Difference {
    pub difference: f64,
    pub p: f64,
}

/// The z-test of two proportions with the pooled variance; p is 1 where nothing varies.
pub fn two_proportions(first: Hits, second: Hits) -> Difference {
    let (n1, n2) = (first.trials as f64, second.trials as f64);
    let pooled = (first.hits + second.hits) as f64 / (n1 + n2);
    let difference = first.share() - second.share();
    let error = (pooled * (1.0 - pooled) * (1.0 / n1 + 1.0 / n2)).sqrt();
    let p = if error > 0.0 { 2.0 * above((difference / error).abs()) } else { 1.0 };
    Difference { difference, p }
}

/// Count, sum and sum of squares of one arm's values.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Moments {
    pub count: f64,
    pub sum: f64,
    pub sum_of_squares: f64,
}

impl Moments {
    fn mean(self) -> f64 {
        self.sum / self.count
    }

    /// Whether the values are seen to differ at all, beyond what rounding of the sums can make.
    pub fn vary(self) -> bool {
        self.count > 1.0 && self.sum_of_squares - self.sum * self.sum / self.count > 1e-9 * self.sum_of_squares.abs()
    }

    /// With `count − 1` below it.
    pub fn variance(self) -> f64 {
        ((self.sum_of_squares - self.sum * self.sum / self.count) / (self.count - 1.0)).max(0.0)
    }
}

/// Welch's test of two means (B. L. Welch, Biometrika 34, 1947).
pub fn welch(first: Moments, second: Moments) -> Difference {
    welch_of((first.mean(), first.variance(), first.count), (second.mean(), second.variance(), second.count))
}

/// As [`welch`], of the mean, the variance and the count of each.
pub fn welch_of(first: (f64, f64, f64), second: (f64, f64, f64)) -> Difference {
    let difference = first.0 - second.0;
    let (a, b) = (first.1 / first.2, second.1 / second.2);
    if a + b <= 0.0 {
        return Difference { difference, p: if difference == 0.0 { 1.0 } else { 0.0 } };
    }
    let freedom = (a + b).powi(2) / (a * a / (first.2 - 1.0) + b * b / (second.2 - 1.0));
    let t = difference / (a + b).sqrt();
    let p = StudentsT::new(0.0, 1.0, freedom).map_or(1.0, |law| 2.0 * law.sf(t.abs()));
    Difference { difference, p }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::stats::inference::oracle::{near, number};

    /// What SciPy and statsmodels said: tests/oracle/rollout.json.
    fn check(name: &str, judge: impl Fn(&Value)) {
        let all: Value =
            serde_json::from_str(include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/oracle/rollout.json")))
                .unwrap();
        let cases = all[name].as_array().unwrap();
        assert!(cases.len() >= 20, "{name}");
        cases.iter().for_each(judge);
    }

    fn hits(case: &Value, hits: &str, trials: &str) -> Hits {
        Hits { hits: case[hits].as_u64().unwrap(), trials: case[trials].as_u64().unwrap() }
    }

    fn candidate(case: &Value) -> Hits {
        hits(case, "candidate_errors", "candidate_requests")
    }

    fn stable(case: &Value) -> Hits {
        hits(case, "stable_errors", "stable_requests")
    }

    #[test]
    fn fishers_p_is_scipys() {
        check("fisher", |case| near(fisher_greater(candidate(case), stable(case)), case, "p", 1e-9));
    }

    #[test]
    fn strata_are_tested_as_statsmodels_does() {
        check("cmh", |case| {
            let strata: Vec<(Hits, Hits)> =
                case["strata"].as_array().unwrap().iter().map(|one| (candidate(one), stable(one))).collect();
            near(cmh_greater(&strata), case, "p", 1e-9);
            if case["exact"].is_number() {
                near(strata_greater(&strata), case, "exact", 1e-9);
            }
            match case["risk_ratio"].as_f64() {
                Some(_) => near(risk_ratio(&strata).unwrap(), case, "risk_ratio", 1e-9),
                None => assert!(risk_ratio(&strata).is_none_or(f64::is_infinite), "{case}"),
            }
        });
    }

    #[test]
    fn lower_bounds_are_wilsons() {
        check("wilson_lower", |case| {
            near(wilson_lower(hits(case, "hits", "trials"), number(case, "alpha")), case, "low", 1e-9);
        });
    }

    #[test]
    fn tails_of_the_binomial_law_are_scipys() {
        // scipy.stats.binom.sf(k - 1, n, p)
        for (hits, trials, p, wanted) in [
            (1, 10, 0.01, 0.095_617_924_991_195_48),
            (3, 100, 0.01, 0.079_373_202_254_163_2),
            (30, 1_000, 0.02, 0.020_696_518_673_239_49),
            (0, 5, 0.01, 1.0),
        ] {
            let found = at_least(Hits { hits, trials }, p);
            assert!((found - wanted).abs() < 1e-9, "{hits} of {trials}: {found}");
        }
    }

    #[test]
    fn upper_bounds_are_those_of_clopper_and_pearson() {
        // scipy.stats.beta.ppf(1 - alpha, hits + 1, trials - hits)
        for (hits, trials, alpha, wanted) in [
            (0, 300, 0.025, 0.01222097469429355),
            (20, 2000, 0.0125, 0.016239166963783355),
            (0, 1, 0.05, 0.95),
            (150, 20000, 0.00625, 0.009163977545934988),
            (5, 10, 0.05, 0.7775588989918706),
            (99990, 100000, 0.01, 0.9999586970026328),
            (0, 5000000, 0.025, 7.377756186662215e-07),
        ] {
            let found = exact_upper(Hits { hits, trials }, alpha);
            assert!((found - wanted).abs() < 1e-9, "{hits} of {trials}: {found}");
        }
        assert_eq!(exact_upper(Hits { hits: 5, trials: 5 }, 0.05), 1.0);
        assert_eq!(exact_upper(Hits::default(), 0.05), 1.0);
    }

    #[test]
    fn differences_of_arms_are_statsmodels_and_scipys() {
        check("two_proportions", |case| {
            let first = hits(case, "first_hits", "first_trials");
            let found = two_proportions(first, hits(case, "second_hits", "second_trials"));
            near(found.p, case, "p", 1e-9);
            near(found.difference, case, "difference", 1e-9);
        });
        check("welch", |case| {
            let moments = |arm: &str| {
                let of = |key: &str| number(&case[arm], key);
                Moments { count: of("count"), sum: of("sum"), sum_of_squares: of("sum_of_squares") }
            };
            let found = welch(moments("first"), moments("second"));
            near(found.p, case, "p", 1e-9);
            near(found.difference, case, "difference", 1e-9);
        });
    }
}
