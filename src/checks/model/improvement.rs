//! `improvement`: the candidate is better than the model in production, or not much worse.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::data::candidate::Baseline;
use crate::checks::check::{Check, Named, Part, Tables};
use crate::checks::evidence::{self, Confidence, Evidence, Seen};
use crate::stats::inference::bootstrap::{self, Units};
use crate::stats::inference::estimate::TOLERANCE;
use crate::stats::inference::{Estimate, Held, Interval, paired};
use crate::support::limit::range::LimitSetting;
use crate::support::limit::Finite;
use crate::stats::metric::counts::{Asked, Undefined};
use crate::stats::metric::rowwise::{self, Prepared};
use crate::stats::metric::{Average, Better, Metric as Known, direction, range};
use crate::stats::predictions::{Names, Rows};
use crate::stats::predictions::join::{Discordant, join};
use crate::support::problem::Problem;
use crate::data::statistic::{Given, Typed};
use crate::data::table::Role;
use crate::report::verdict::{Finding, Held as Limited, Limit, Outcome};
use crate::support::words::{code, interval, metric as number, more_rows, percent, signed};

/// The candidate's `metric` is better than the baseline's by at least `min`.
///
/// Better counts in the metric's own direction: a log loss that falls by 0.01 is an improvement of 0.01. A
/// negative `min` is the regression that is tolerated; with `relative: true` a `min` of 0.05 is 5 % of the
/// baseline's value.
///
/// ```yaml
/// - improvement: { metric: accuracy, min: 0.005 }
/// - improvement: { metric: log_loss, min: -0.01, confidence: 0.95 }
/// ```
///
/// The baseline is what `model.baseline` names: a registered model, a metrics file, a file at a git ref, or
/// the predictions of the model in production. No baseline is an error, unless `baseline: { …, missing:
/// skip }` says that this is the first model; so is a baseline without the metric, and predictions for other
/// rows. Where both models' predictions are there, both are computed from them; a number of a metrics file is
/// found by the metric's name, `macro avg.f1-score` if need be.
///
/// With `confidence` the interval of the difference on the same rows decides: Tango's for accuracy, with
/// McNemar's exact p beside it, and a seeded paired percentile bootstrap for the others. Rows are joined by
/// `predictions.key`; without one, row by row, if all that the tables share is equal.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Improvement {
    /// The metric.
    #[serde(default = "default_metric")]
    metric: String,
    /// How several classes become one number; binary where a class is positive, else macro.
    average: Option<Average>,
    /// The smallest improvement allowed.
    #[serde(default = "default_min")]
    min: Finite,
    /// Measure the improvement by the baseline's absolute value.
    #[serde(default)]
    relative: bool,
    /// Let the interval of this confidence decide.
    confidence: Option<Confidence>,
    /// Which way is better, for a metric that is not built in.
    better: Option<Better>,
}

fn default_metric() -> String {
    "accuracy".into()
}

fn default_min() -> Finite {
    Finite(0.0)
}

/// What the candidate and the baseline are known by.
type Both = (Option<Typed<Arc<Rows>>>, Option<Typed<Arc<Rows>>>, Option<Evidence>, Given<Other>);

/// The baseline, as far as it is no table.
#[derive(Debug, Default)]
pub struct Other {
    /// There is none yet; what was not found.
    first: Option<String>,
    recorded: Option<f64>,
    title: String,
    positive: Option<String>,
}

impl Check for Improvement {
    const ID: &'static str = "improvement";
    const PARTS: &'static [Part] = &[Part::Numbers, Part::Baseline];
    type Needs = Both;

    fn validate(&self) -> Result<(), String> {
        direction(&self.metric, self.better)?;
        if self.average.is_some() && !Known::named(&self.metric).is_some_and(Known::averages) {
            return Err(format!("{} is no average: leave `average` out", code(&self.metric)));
        }
        Ok(())
    }

    fn limits(&self) -> Vec<LimitSetting> {
        let metric = range(&self.metric);
        let range = match direction(&self.metric, self.better) {
            Ok(better) if self.relative => better.relative_gain(metric),
            _ => metric.difference(),
        };
        let relative = if self.relative { "relative " } else { "" };
        let subject = format!("a {relative}difference of {}", code(&self.metric));
        vec![LimitSetting::min("min", self.min.0, range, subject)]
    }

    fn subject(&self, _: Named) -> Option<String> {
        Some(self.metric.clone())
    }

    fn needs(&self, tables: &Tables) -> Result<Self::Needs, Problem> {
        let names = &tables.model.names;
        let found = match &tables.model.baseline {
            Baseline::First(what) => {
                return Ok((None, None, None, Given(Other { first: Some(what.clone()), ..Other::default() })));
            }
            Baseline::Unnamed => {
                return Err(Problem::new("no baseline is named").hint(Role::Baseline.hint()));
            }
            Baseline::Broken(problem) => return Err(problem.clone()),
            Baseline::Found(found) => found,
        };
        let mut other = Other { title: found.title.clone(), positive: names.positive.clone(), ..Other::default() };
        let known = Known::named(&self.metric).filter(|_| found.has_predictions && tables.all.contains_key(&Role::Predictions));
        if let Some(metric) = known {
            let (mine, theirs) = (tables.table(Role::Predictions)?, tables.table(Role::Baseline)?);
            let about = shared(tables, &[&names.label, &names.prediction, &names.latency])?;
            let collect = evidence::collect(metric);
            if let Some(key) = &names.key {
                let (ours, other) = (mine.column(key)?, theirs.column(key)?);
                if ours.kind() != other.kind() {
                    let (mine, theirs) = (ours.column.described(), other.column.described());
                    let said = format!("the key {} holds {mine} here and {theirs} in the baseline", code(key));
                    return Err(Problem::new(said).hint("write both with one type"));
                }
            }
            let ours = mine.rows_to_join(names, collect, &about)?;
            // The candidate's weights are the weights.
            let unweighted = Names { weight: None, ..names.clone() };
            return Ok((Some(ours), Some(theirs.rows_to_join(&unweighted, collect, &about)?), None, Given(other)));
        }
        if self.confidence.is_some() {
            return Err(Problem::new(format!(
                "the baseline {} has no predictions, and an interval of the difference needs those of both models",
                code(&found.title)
            ))
            .hint("name the predictions of the model in production as baseline, or leave `confidence` out"));
        }
        let recorded = match &found.metrics {
            Some(metrics) => metrics.find(&self.metric)?,
            None => {
                return Err(Problem::new(format!(
                    "the baseline {} has predictions and no metrics, and {} is a recorded number",
                    code(&found.title),
                    code(&self.metric)
                )));
            }
        };
        other.recorded = Some(evidence::plausible(&self.metric, &recorded)?);
        let named = evidence::Named { name: &self.metric, average: self.average };
        Ok((None, None, Some(Evidence::of(named, &[], None, tables)?), Given(other)))
    }

    fn judge(
        &self,
        (mine, theirs, seen, other): (Option<Arc<Rows>>, Option<Arc<Rows>>, Option<Seen>, Other),
    ) -> Result<Finding, Problem> {
        if let Some(what) = other.first {
            return Ok(Finding::of(Outcome::Skipped, format!("the first model: {what}, and `missing: skip` accepts that")));
        }
        let better = direction(&self.metric, self.better).map_err(Problem::new)?;
        let positive = other.positive.as_deref();
        let asked = Known::named(&self.metric).map(|metric| Asked { metric, average: self.average, positive });
        let nameless = |undefined: Undefined, whose: &str| {
            let why = undefined.why();
            Problem::new(format!("{} of the {whose} has no value: {why}", code(&self.metric)))
        };
        if let (Some(mine), Some(theirs), Some(asked)) = (mine, theirs, asked) {
            let theirs = join(&mine, &theirs)?;
            // One set of classes: what is binary for one is binary for both.
            let mine = Rows { classes: Arc::clone(&theirs.classes), ..(*mine).clone() };
            let candidate = rowwise::prepare(asked, &mine).map_err(|why| nameless(why, "candidate"))?;
            let baseline = rowwise::prepare(asked, &theirs).map_err(|why| nameless(why, "baseline"))?;
            let values = (candidate.computed().value, baseline.computed().value);
            let met = (asked.metric == Known::Accuracy).then(|| Discordant::of(&mine, &theirs));
            let estimate = match self.confidence {
                None => Sure::NotAsked,
                Some(Confidence(confidence)) => {
                    let gain = self.gain(better, values.0, values.1)?;
                    match &met {
                        // The same number, without what rounding adds.
                        Some(met) if !self.relative => Sure::By(Estimate { value: gain, ..met.tango(confidence) }),
                        _ => self
                            .resampled(better, gain, &candidate, &baseline, confidence)
                            .map_or(Sure::Unknown, Sure::By),
                    }
                }
            };
            let notes = candidate.notes.iter().map(|note| format!("; {note}")).collect::<String>();
            let mut finding = self.compared(better, values, estimate, &other.title, &notes)?;
            if let Some(met) = met {
                finding = finding
                    .value("p", paired::mcnemar(met.rows[0], met.rows[1]))
                    .value("only_candidate_right", met.rows[0])
                    .value("only_baseline_right", met.rows[1]);
            }
            return Ok(finding.value("rows", mine.len()));
        }
        let piece = seen.and_then(|seen| seen.pieces(asked).pop()).ok_or_else(|| Problem::new("there are no rows"))?;
        let candidate = piece.computed.map_err(|why| nameless(why, "candidate"))?;
        let baseline = other.recorded.unwrap_or(f64::NAN);
        let notes = candidate.notes.iter().map(|note| format!("; {note}")).collect::<String>();
        self.compared(better, (candidate.value, baseline), Sure::NotAsked, &other.title, &notes)
    }
}

impl Improvement {
    fn gain(&self, better: Better, candidate: f64, baseline: f64) -> Result<f64, Problem> {
        let gain = better.gain(candidate, baseline);
        if !gain.is_finite() {
            return Err(Problem::new(format!("the difference of {candidate:e} and {baseline:e} is no number")));
        }
        if !self.relative {
            return Ok(gain);
        }
        if baseline == 0.0 {
            return Err(Problem::new(format!("the baseline's {} is 0, and nothing is relative to that", code(&self.metric)))
                .hint("leave `relative` out"));
        }
        Ok(gain / baseline.abs())
    }

    /// The gain on the same resampled rows, again and again.
    fn resampled(
        &self,
        better: Better,
        gain: f64,
        candidate: &Prepared,
        baseline: &Prepared,
        confidence: f64,
    ) -> Option<Estimate> {
        bootstrap::interval(gain, Units::Rows(candidate.len()), confidence, |times| {
            let drawn = |row: usize| f64::from(times[row]);
            self.gain(better, candidate.value(drawn)?, baseline.value(drawn)?).ok()
        })
    }

    fn compared(
        &self,
        better: Better,
        (candidate, baseline): (f64, f64),
        sure: Sure,
        title: &str,
        notes: &str,
    ) -> Result<Finding, Problem> {
        let gain = self.gain(better, candidate, baseline)?;
        let min = self.min.0;
        let breached = gain < min - TOLERANCE;
        let estimate = if let Sure::By(estimate) = sure { Some(estimate) } else { None };
        let (outcome, why) = match sure {
            Sure::NotAsked => (if breached { Outcome::Fail } else { Outcome::Pass }, String::new()),
            Sure::Unknown => {
                (Outcome::Inconclusive, ": the rows do not vary enough to tell how sure it is".to_owned())
            }
            Sure::By(estimate) => match estimate.against(Some(min), None) {
                Held::Inside => (Outcome::Pass, String::new()),
                Held::Outside => (Outcome::Fail, String::new()),
                Held::Open(Some(needed)) => (Outcome::Inconclusive, more_rows(needed, estimate.rows)),
                Held::Open(None) => {
                    (Outcome::Inconclusive, ": it is the limit itself, and no number of rows decides".to_owned())
                }
            },
        };
        let shown = |value: f64| if self.relative { percent(100.0 * value, &[100.0 * min]) } else { signed(value, &[min]) };
        let range = estimate.map(|Estimate { interval: Interval { low, high }, confidence, .. }| {
            let factor = if self.relative { 100.0 } else { 1.0 };
            let unit = if self.relative { " %" } else { "" };
            format!(", {}{unit}", interval(factor * low, factor * high, confidence))
        });
        let said = format!(
            "{} is {} against {} in {}: {} {}{}, at least {} needed{why}{notes}",
            code(&self.metric),
            number(candidate, &[baseline]),
            number(baseline, &[candidate]),
            code(title),
            shown(gain.abs().copysign(gain)).trim_start_matches(['+', '-']),
            if gain < 0.0 { "worse" } else { "better" },
            range.unwrap_or_default(),
            shown(min),
        );
        let mut finding =
            Finding::of(outcome, said).value("candidate", candidate).value("baseline", baseline).value("difference", candidate - baseline).value("gain", better.gain(candidate, baseline)).value("relative", self.relative);
        finding.limits =
            vec![Limited { setting: "min", observed: gain, limit: Limit::min(min), unit: None, breached }];
        if let Some(estimate) = estimate {
            finding = finding.value("interval", evidence::interval(&estimate));
            if let Held::Open(Some(rows)) = estimate.against(Some(min), None) {
                finding = finding.value("rows_to_decide", rows);
            }
        }
        Ok(finding)
    }
}

/// How sure the difference is.
#[derive(Debug, Clone, Copy)]
enum Sure {
    NotAsked,
    /// The rows do not tell.
    Unknown,
    By(Estimate),
}

/// Columns that both tables have, but for what a model says.
fn shared(tables: &Tables, said: &[&String]) -> Result<Vec<String>, Problem> {
    let (mine, theirs) = (tables.table(Role::Predictions)?.table, tables.table(Role::Baseline)?.table);
    let is_score = |name: &str| name == "score" || name.starts_with("score_") || tables.model.names.score.as_deref() == Some(name);
    let both = mine.readable().filter(|column| theirs.column(&column.name).is_some());
    let names = both.map(|column| column.name.clone());
    Ok(names.filter(|name| !said.contains(&name) && !is_score(name)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::predictions::Column;

    fn rows(labels: &[u16], predictions: &[u16]) -> Arc<Rows> {
        Arc::new(Rows {
            classes: Arc::new(vec!["0".into(), "1".into()]),
            label: Column::Classes(labels.to_vec()),
            prediction: Column::Classes(predictions.to_vec()),
            ..Rows::default()
        })
    }

    fn check(settings: &str, candidate: &Arc<Rows>, baseline: &Arc<Rows>) -> Result<Finding, Problem> {
        let check: Improvement = serde_yaml::from_str(settings).unwrap();
        check.validate().unwrap();
        let other = Other { title: "v7".into(), ..Other::default() };
        check.judge((Some(Arc::clone(candidate)), Some(Arc::clone(baseline)), None, other))
    }

    #[test]
    fn an_improvement_counts_in_the_metrics_own_direction() {
        let (good, bad) = (rows(&[0, 1, 1, 1], &[0, 1, 1, 1]), rows(&[0, 1, 1, 1], &[0, 1, 1, 0]));
        assert_eq!(check("{}", &good, &bad).unwrap().outcome, Outcome::Pass);
        let finding = check("{min: 0}", &bad, &good).unwrap();
        assert_eq!((finding.outcome, finding.limits[0].observed), (Outcome::Fail, -0.25));
        assert_eq!(finding.message, "`accuracy` is 0.75 against 1 in `v7`: 0.25 worse, at least 0 needed");
        assert_eq!(check("{min: -0.25}", &bad, &good).unwrap().outcome, Outcome::Pass);
        assert_eq!(check("{min: 0.3, relative: true}", &good, &bad).unwrap().limits[0].observed, 1.0 / 3.0);
    }

    #[test]
    fn four_rows_decide_nothing() {
        let (good, bad) = (rows(&[0, 1, 1, 1], &[0, 1, 1, 1]), rows(&[0, 1, 1, 1], &[0, 1, 1, 0]));
        let finding = check("{confidence: 0.95}", &good, &bad).unwrap();
        assert_eq!(finding.outcome, Outcome::Inconclusive);
        assert!(finding.values["p"].as_f64().unwrap() > 0.999);
        let same = check("{metric: f1, confidence: 0.95}", &good, &good).unwrap();
        assert_eq!(same.outcome, Outcome::Inconclusive);
        assert!(same.message.contains("do not vary enough"), "{}", same.message);
    }

    #[test]
    fn other_rows_are_an_error() {
        let said = |baseline: &Arc<Rows>| check("{}", &rows(&[0, 1], &[0, 1]), baseline).unwrap_err().message;
        assert!(said(&rows(&[0, 1, 1], &[0, 1, 1])).contains("3 rows, where the candidate has 2 rows"));
        assert!(said(&rows(&[1, 1], &[0, 1])).contains("row 1 has another label there"));
        let keyed = |keys: &[u128]| Arc::new(Rows { key: Some(keys.to_vec()), ..(*rows(&[0, 1], &[0, 1])).clone() });
        let keys = |a: &[u128], b: &[u128]| check("{}", &keyed(a), &keyed(b)).map(|f| f.outcome).map_err(|p| p.message);
        assert!(keys(&[1, 2], &[1, 1]).unwrap_err().contains("rows 1 and 2 of the baseline's predictions"));
        assert!(keys(&[1, 2], &[1, 3]).unwrap_err().contains("the keys of 1 row"));
        assert!(keys(&[1, 2], &[2, 1]).unwrap_err().contains("another label"));
    }
}
