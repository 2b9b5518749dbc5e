//! `target_leakage`: no feature alone gives the target away.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::check::{Check, Looser, Named, Part, Tables};
use crate::limit::range::{LimitSetting, ValueRange};
use crate::limit::Finite;
use crate::problem::Problem;
use crate::statistic::{Given, Leakage, Typed};
use crate::table::Kind;
use crate::verdict::{Finding, Held, Limit, Outcome};
use crate::words::{and_others, code, metric};

/// No single feature foretells the target better than `max_score`.
///
/// A feature that is too good was made from the answer: a refund that only bad loans have, an id that was given
/// after the decision, a column that is filled in later. In production it will not be there.
///
/// ```yaml
/// - target_leakage
/// - target_leakage: { max_score: 0.9 }
/// ```
///
/// Each feature is scored alone and out of fold. Numbers and times are cut at their deciles, every text is a
/// category, and missing is one too. Rows fall into five folds by the hash of the whole row; a row's guess is the
/// mean of the target over the rows of *other* folds in its category, or over all rows where there are none. The
/// score is the area under the ROC curve of these guesses, of several classes the largest against the others; for a
/// target of numbers it is R². Numbers of at most 20 whole values are classes. Where 30 rows or more are so much alike
/// that they share a fold with all that resemble them, nothing is known of them: if they are over 5 % of the rows, the
/// verdict is inconclusive.
///
/// Ten bins explain no more than ten values: a copy of a target of numbers scores 0.99 where it is spread evenly,
/// 0.96 where it is normal, and less where it has a long tail. Lower `max_score` there.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TargetLeakage {
    /// The largest score that one feature may have.
    #[serde(default = "default_max_score")]
    max_score: Finite,
}

fn default_max_score() -> Finite {
    Finite(0.95)
}

impl Check for TargetLeakage {
    const ID: &'static str = "target_leakage";
    const PARTS: &'static [Part] = &[Part::Target];
    const LOOSER: &'static [(&'static str, Looser)] = &[("max_score", Looser::Higher)];
    type Needs = (Given<String>, Typed<Leakage>);

    fn limits(&self) -> Vec<LimitSetting> {
        vec![LimitSetting::max("max_score", self.max_score.0, ValueRange::SHARE, "the score")]
    }

    fn subject(&self, named: Named) -> Option<String> {
        named.target.map(ToOwned::to_owned)
    }

    fn needs(&self, tables: &Tables) -> Result<Self::Needs, Problem> {
        let target = tables.target()?;
        if !matches!(target.kind(), Kind::Integer | Kind::Float | Kind::Number | Kind::Text | Kind::Boolean) {
            return Err(target.unfit("classes or numbers"));
        }
        let mut features = tables.here()?.columns_that(None, Kind::is_scalar, "")?;
        features.retain(|column| column.name() != target.name());
        if features.is_empty() {
            return Err(Problem::new(format!("the table has no feature beside the target {}", code(target.name()))));
        }
        Ok((Given(target.name().to_owned()), tables.here()?.leakage(target, &features)))
    }

    fn judge(&self, (target, leakage): (String, Leakage)) -> Result<Finding, Problem> {
        let limit = self.max_score.0;
        let mut scores = leakage.scores;
        scores.sort_by(|(_, a), (_, b)| b.total_cmp(a));
        let Some((best, score)) = scores.first().cloned() else {
            return Err(Problem::new("there is no feature"));
        };
        if scores.iter().any(|(_, score)| score.is_nan()) {
            return Err(Problem::new(format!("{} has no score: nothing could be foretold", code(&target))));
        }
        let over: Vec<&str> =
            scores.iter().filter(|(_, score)| *score > limit + 1e-12).map(|(name, _)| name.as_str()).collect();
        let what = if leakage.is_classes { "ROC AUC" } else { "R²" };
        let score_said = metric(score, &[limit]);
        let message = match over.as_slice() {
            [] => format!("no feature gives {} away; {} says most of it ({what} {score_said})", code(&target), code(&best)),
            [_, others @ ..] => format!(
                "{} alone gives {} away: {what} {score_said}, at most {} allowed{}",
                code(&best),
                code(&target),
                metric(limit, &[]),
                and_others(others.iter().copied())
            ),
        };
        // Rows that are all alike share a fold: nothing else could foretell them, and nothing is known.
        let is_open = over.is_empty() && 20 * leakage.unfolded > leakage.rows;
        let outcome = match (over.is_empty(), is_open) {
            (false, _) => Outcome::Fail,
            (true, true) => Outcome::Inconclusive,
            (true, false) => Outcome::Pass,
        };
        let message = if is_open {
            format!("{} rows are too much alike to be foretold by others", crate::words::count(leakage.unfolded))
        } else {
            message
        };
        let mut finding = Finding::of(outcome, message);
        finding.limits = vec![Held {
            setting: "max_score",
            observed: score,
            limit: Limit::max(limit),
            unit: None,
            breached: !over.is_empty(),
        }];
        // The target's own name stands where a column's does: nobody judges a report's subject twice.
        Ok(scores.iter().fold(finding, |finding, (name, score)| finding.value(name, *score)))
    }
}
