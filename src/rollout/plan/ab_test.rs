//! What `ab_test:` means: what is compared, how much of it is needed, and by which counters.

use std::collections::BTreeMap;

use super::{Wrong, or};
use crate::config::rollout::{AbTestSection, Better};
use crate::rollout::policy::{AbTest, Measure};
use crate::rollout::strategy::ab_test::{
    COUNT, COVARIATE, COVARIATE_PRODUCTS, COVARIATE_SQUARES, SQUARES, SUCCESSES, SUM, TRIALS, UNIT,
};
use crate::support::limit::Finite;

/// The test, and the queries of its counters by their names.
pub fn plan(
    section: &AbTestSection,
    step_seconds: f64,
    wrong: &mut Wrong,
) -> (Option<AbTest>, BTreeMap<String, String>) {
    let shares = [(TRIALS, &section.trials), (SUCCESSES, &section.successes)];
    let means = [(COUNT, &section.count), (SUM, &section.sum), (SQUARES, &section.sum_of_squares)];
    let given = |all: &[(&str, &Option<String>)]| all.iter().filter(|(_, query)| query.is_some()).count();
    let (measure, queries): (Measure, Vec<_>) = match (given(&shares), given(&means)) {
        (2, 0) => (Measure::Shares, shares.to_vec()),
        (0, 3) => (Measure::Means, means.to_vec()),
        _ => {
            wrong.at("ab_test", "either `successes` and `trials`, or `count`, `sum` and `sum_of_squares`");
            return (None, BTreeMap::new());
        }
    };
    let alpha = or(section.alpha, 0.05);
    if !(alpha > 0.0 && alpha < 1.0) {
        wrong.at("ab_test.alpha", "between 0 and 1");
    }
    if section.observations.is_some_and(|observations| observations < 2) {
        wrong.at("ab_test.observations", "at least 2 of each arm");
    }
    let minimum_effect = section.minimum_effect.map(|Finite(effect)| effect);
    if section.observations.is_none() && minimum_effect.is_none() {
        wrong.at("ab_test", "it needs `observations`, or the `minimum_effect` by which they are planned");
    }
    let most = if measure == Measure::Shares { 1.0 } else { f64::INFINITY };
    if minimum_effect.is_some_and(|effect| !(effect > 0.0 && effect < most)) {
        let why = match measure {
            Measure::Shares => "a difference of shares, between 0 and 1",
            Measure::Means => "a difference of means, above 0",
        };
        wrong.at("ab_test.minimum_effect", why);
    }
    if section.covariate.is_some() && measure == Measure::Shares {
        wrong.at("ab_test.covariate", "it adjusts means: take `count`, `sum` and `sum_of_squares`");
    }
    let covariate = section.covariate.iter().flat_map(|covariate| {
        [
            (COVARIATE, &covariate.sum),
            (COVARIATE_SQUARES, &covariate.sum_of_squares),
            (COVARIATE_PRODUCTS, &covariate.sum_of_products),
        ]
    });
    let covariate = covariate.map(|(name, query)| (name.to_owned(), query.clone()));
    let queries = queries.into_iter().chain([(UNIT, &section.unit)]);
    let queries =
        queries.filter_map(|(name, query)| Some((name.to_owned(), query.clone()?))).chain(covariate).collect();
    let test = AbTest {
        observations: section.observations,
        minimum_effect,
        min_seconds: wrong.number("ab_test.min_seconds", section.min_seconds, step_seconds, 0.0),
        measure,
        alpha,
        lower_is_better: section.better == Some(Better::Lower),
    };
    (Some(test), queries)
}
