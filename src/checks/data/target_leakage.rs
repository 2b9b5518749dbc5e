//! `target_leakage`: no feature alone gives the target away.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use crate::checks::check::{Check, Looser, Named, Part, Tables};
use crate::support::limit::range::{LimitSetting, ValueRange};
use crate::support::limit::Finite;
use crate::support::problem::Problem;
use crate::data::statistic::{Given, Giveaway, Leakage, Typed};
use crate::data::table::Kind;
use crate::report::verdict::{Finding, Held, Limit, Outcome};
use crate::support::words::{and_others, code, list, metric, percent};

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
/// target of numbers it is R². Numbers of at most 20 whole values are classes. The folds depend on the rows alone: every
/// run on every machine has the same.
///
/// Ten bins do not see everything, so each feature is also examined in detail, and held to the same `max_score`:
///
/// - **A copy** of a target of numbers, in whatever type, of a text the first or the last number in it: the share of rows with both in which they are equal,
///   leaving out a value that over 5 % of the rows have. Of classes that are numbers only a copy in every row counts.
/// - **A copy on another scale**: where the target only rises, or only falls, from each of up to 100 bins of the feature to
///   the next, the score is 1. Of texts of which most contain a number, the first and the last number count.
/// - **Finer bins**: up to 100 instead of ten, out of fold; for a target of numbers also R² of its ranks, adjusted for the
///   number of bins, so that a long tail hides nothing. The larger one counts.
/// - **Parts of a value**: the parity of a number, its last and first digits and how many it has; hundredths and decimal
///   places; of a time the fraction of a second, second, minute, hour, weekday and day of the month; of a text its length, its first and last
///   one to three characters, its first, second and last word, its letters alone, and its digits.
/// - **The opposite**: an area under the ROC curve near 0 tells as much as one near 1. It is held as 1 minus the area.
/// - **Few distinct rows**: where the folds say less by 0.05 or more than the bins of 30 rows or more do that stand in more
///   than one fold, these count.
///
/// All but copies need 20 rows of a class and 20 of the others. Of a table of more than 100,000 rows about 100,000 are
/// examined in detail, chosen by the hash of the row. Features that `max-memory` does not hold at once take further scans. On 240 tables of 60 to 1,500 rows without a connection to the target (4,320 features: numbers,
/// texts, ids and times) it found nothing.
///
/// Where 30 rows or more are so much alike that they share a fold with all that resemble them, nothing is known of them:
/// if they are over 5 % of the rows, and nothing else gives the target away, the verdict is inconclusive.
///
/// A text of more categories than fit 4 MB of counts (26,000 for two classes) is examined by the hash of its values. Where so
/// many of them occur repeatedly that they share bins, and no leakage is found, the verdict is inconclusive and names the column:
/// group rare categories, or remove the column.
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
            return Err(Problem::new(format!("{} cannot be predicted: no feature has a score", code(&target))));
        }
        let is_over = |score: f64| score > limit + 1e-12;
        let over: Vec<&str> = scores.iter().filter(|(_, score)| is_over(*score)).map(|(name, _)| name.as_str()).collect();
        // What the score of a feature does not say.
        let mut also: Vec<&(String, Giveaway, f64)> = leakage
            .giveaways
            .iter()
            .filter(|(name, _, score)| is_over(*score) && !over.contains(&name.as_str()))
            .collect();
        also.sort_by(|a, b| b.2.total_cmp(&a.2));
        let what = if leakage.is_classes { "ROC AUC" } else { "R²" };
        let score_said = metric(score, &[limit]);
        let others = |first: usize| over.iter().copied().chain(also.iter().map(|(name, ..)| name.as_str())).skip(first);
        let allowed = metric(limit, &[]);
        // Rows that are all alike share a fold: nothing else could foretell them, and nothing is known.
        let is_open = 20 * leakage.unfolded > leakage.rows;
        let (outcome, observed, message) = match (over.as_slice(), also.as_slice()) {
            ([], []) if is_open => {
                let rows = crate::support::words::count(leakage.unfolded);
                (Outcome::Inconclusive, score, format!("{rows} rows are too much alike to be predicted from others"))
            }
            ([], []) if !leakage.cut.is_empty() => {
                let names = list(leakage.cut.iter().map(String::as_str));
                let said = format!("the categories of {names} are too many to be examined one by one; no other leakage was found");
                (Outcome::Inconclusive, score, said)
            }
            ([], []) => {
                let (target, best) = (code(&target), code(&best));
                let said = format!("no single feature predicts {target} too well; the best is {best} ({what} {score_said})");
                (Outcome::Pass, score, said)
            }
            ([_, ..], _) => {
                let (target, best, others) = (code(&target), code(&best), and_others(others(1)));
                let said = format!("{best} alone gives {target} away: {what} {score_said}, at most {allowed} allowed{others}");
                (Outcome::Fail, score, said)
            }
            ([], [(name, by, score), ..]) => {
                let how = how(*by, *score, leakage.is_classes, limit);
                let (target, best, others) = (code(&target), code(name), and_others(others(1)));
                let said = format!("{best} alone gives {target} away: {how}, at most {allowed} allowed{others}");
                (Outcome::Fail, *score, said)
            }
        };
        let mut finding = Finding::of(outcome, message);
        finding.limits = vec![Held {
            setting: "max_score",
            observed,
            limit: Limit::max(limit),
            unit: None,
            breached: outcome == Outcome::Fail,
        }];
        if !also.is_empty() {
            let said = also.iter().map(|(name, by, score)| {
                let how = how(*by, *score, leakage.is_classes, limit);
                (name.clone(), json!({ "score": score, "how": how }))
            });
            finding = finding.value(&target, said.collect::<serde_json::Map<_, _>>());
        }
        // The target's own name stands where a column's does: nobody judges a report's subject twice.
        finding = scores.iter().fold(finding, |finding, (name, score)| finding.value(name, *score));
        if !leakage.cut.is_empty() && outcome != Outcome::Inconclusive {
            let names = list(leakage.cut.iter().map(String::as_str));
            finding = finding.note(&format!("the categories of {names} are too many to be examined one by one"));
        }
        Ok(finding)
    }
}

/// In what way a feature gives the target away, and how much.
fn how(by: Giveaway, score: f64, is_classes: bool, limit: f64) -> String {
    let said = metric(score, &[limit]);
    let what = if is_classes { "ROC AUC" } else { "R²" };
    match by {
        Giveaway::Copy => format!("it is equal in {} of the rows (score {said})", percent(100.0 * score, &[100.0 * limit])),
        Giveaway::Order => format!("it orders the rows as the target does (score {said})"),
        Giveaway::Fine => format!("in fine bins, {what} {said}"),
        Giveaway::Part(aspect) => format!("by its {}, {what} {said}", aspect.word()),
        Giveaway::Inverse => format!("ROC AUC {}, the opposite (score {said})", metric(1.0 - score, &[])),
        Giveaway::Alike => format!("{what} {said} over rows that are much alike"),
    }
}
