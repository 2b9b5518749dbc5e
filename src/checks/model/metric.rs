//! `metric`: a number of the model is good enough, overall or in every slice.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::checks::check::{Check, Named, Part, Tables};
use crate::checks::evidence::{self, By, Confidence, Evidence, Piece, Seen};
use crate::stats::inference::{Estimate, Held, widened};
use crate::support::limit::range::LimitSetting;
use crate::support::limit::Finite;
use crate::stats::metric::counts::{Asked, Undefined};
use crate::stats::metric::{Average, Better, Metric as Known, direction, range};
use crate::support::problem::Problem;
use crate::data::statistic::Given;
use crate::report::verdict::{Band, Finding, Outcome};
use crate::support::words::{code, count, interval, metric as number, rows as rows_of};

/// The metric `name` is at least `min` and at most `max`, in every slice that `by` makes.
///
/// Computed from the predictions, by scikit-learn's definitions: `accuracy`, `balanced_accuracy`,
/// `precision`, `recall`, `f1`, `mcc`, `roc_auc`, `average_precision`, `log_loss`, `brier`, `ece`; of numbers
/// `rmse`, `mae`, `mape`, `median_ae`, `r2`. Any other name is looked up in the metrics file, and says with
/// `better` which way is good; there `accuracy` also finds `test.accuracy`, if that is the only one.
///
/// ```yaml
/// - metric: { name: accuracy, min: 0.92 }
/// - metric: { name: recall, min: 0.6, by: region }
/// - metric: { name: recall, min: 0.6, by: [region, { age: [25, 40, 60] }] }
/// - metric: { name: f1, average: macro, min: 0.7 }
/// - metric: { name: roc_auc, min: 0.8, confidence: 0.95 }
/// ```
///
/// An average can hide that a model fails for some: `by` holds every slice to the limit, those of one
/// column, of several columns together, or of bins of a number (an edge belongs to the bin above it). A
/// slice of fewer than `min_rows`, or in which there is nothing to divide by, is inconclusive.
///
/// `average` is for `precision`, `recall` and `f1`: of the positive class, or over the classes that the rows
/// at hand have as labels or predictions. Of several classes `roc_auc` and `average_precision` are
/// the mean of each class against the rest, `brier` the sum over classes, as in scikit-learn.
///
/// With `confidence` the interval decides: all of it on the right side passes, all of it on the wrong side
/// fails, anything else is inconclusive, with the number of rows that would decide. Intervals are Wilson's
/// for proportions, DeLong's for `roc_auc`, and a seeded percentile bootstrap for the others. So that all
/// hold together, over k slices that are judged each is at 1 − (1 − c)/k: 95 % over three is 98.33 % each.
/// A `roc_auc` of exactly 1 has no interval: with 10 rows or more of each class it passes, and the verdict says that
/// a perfect score is suspicious.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Metric {
    /// The metric.
    name: String,
    /// How several classes become one number; binary where a class is positive, else macro.
    average: Option<Average>,
    /// The smallest value allowed.
    min: Option<Finite>,
    /// The largest value allowed.
    max: Option<Finite>,
    /// Columns whose values, or bins of whose numbers, are each held to the limit.
    by: Option<By>,
    /// A slice of fewer rows is inconclusive.
    #[serde(default = "default_min_rows")]
    min_rows: u64,
    /// Let the interval of this confidence decide.
    confidence: Option<Confidence>,
    /// Which way is better, for a metric that is not built in.
    better: Option<Better>,
}

fn default_min_rows() -> u64 {
    30
}

/// A slice, judged.
struct Judged {
    piece: Piece,
    estimate: Option<Estimate>,
    outcome: Outcome,
    /// Why there is no number, or how many rows would decide.
    why: Option<String>,
    rows_to_decide: Option<u64>,
}

impl Check for Metric {
    const ID: &'static str = "metric";
    const PARTS: &'static [Part] = &[Part::Numbers];
    type Needs = (Evidence, Given<Option<String>>);

    fn validate(&self) -> Result<(), String> {
        direction(&self.name, self.better)?;
        self.band().validate()?;
        if self.average.is_some() && !Known::named(&self.name).is_some_and(Known::averages) {
            return Err(format!("{} is no average: leave `average` out", code(&self.name)));
        }
        self.by.as_ref().map_or(Ok(()), By::validate)
    }

    fn limits(&self) -> Vec<LimitSetting> {
        LimitSetting::band(self.min, self.max, range(&self.name), &code(&self.name))
    }

    fn subject(&self, _: Named) -> Option<String> {
        Some(self.name.clone())
    }

    fn needs(&self, tables: &Tables) -> Result<Self::Needs, Problem> {
        let named = evidence::Named { name: &self.name, average: self.average };
        let by = self.by.as_ref().map_or(&[][..], |by| &by.0);
        let evidence = Evidence::of(named, by, self.confidence.map(|c| c.0), tables)?;
        if let Some(by) = &self.by {
            by.check(tables)?;
        }
        Ok((evidence, Given(tables.model.names.positive.clone())))
    }

    fn judge(&self, (seen, positive): (Seen, Option<String>)) -> Result<Finding, Problem> {
        let asked = Known::named(&self.name).map(|metric| Asked {
            metric,
            average: self.average,
            positive: positive.as_deref(),
        });
        let mut pieces = seen.pieces(asked);
        if self.by.is_none() {
            // There is one, of all rows.
            let Some(piece) = pieces.pop() else { return Err(Problem::new("there are no rows")) };
            if let Err(undefined) = &piece.computed {
                return Err(Problem::new(format!("{} has no value: {}", code(&self.name), undefined.clone().why())));
            }
            let average = average(&piece, asked);
            return Ok(average.iter().fold(self.whole(self.decide(piece, asked, 1, 0)), |finding, average| {
                finding.value("average", average.as_str())
            }));
        }
        let unfit = pieces.iter().find_map(|piece| match &piece.computed {
            Err(Undefined::Unfit(why)) => Some(why),
            _ => None,
        });
        if let Some(why) = unfit {
            return Err(Problem::new(format!("{} has no value: {why}", code(&self.name))));
        }
        let average = pieces.first().and_then(|piece| average(piece, asked));
        let judged = pieces.iter().filter(|piece| self.is_large(piece) && piece.computed.is_ok()).count();
        let pieces = pieces.into_iter().map(|piece| self.decide(piece, asked, judged, self.min_rows)).collect();
        Ok(average.iter().fold(self.sliced(pieces), |finding, average| finding.value("average", average.as_str())))
    }
}

impl Metric {
    fn is_large(&self, piece: &Piece) -> bool {
        piece.rows.is_none_or(|rows| rows >= self.min_rows)
    }

    /// One slice against the limit; `k` of them are judged.
    fn decide(&self, piece: Piece, asked: Option<Asked>, k: usize, min_rows: u64) -> Judged {
        let open = |piece, why: String| Judged {
            piece,
            estimate: None,
            outcome: Outcome::Inconclusive,
            why: Some(why),
            rows_to_decide: None,
        };
        let computed = match &piece.computed {
            Err(undefined) => {
                let why = undefined.clone().why();
                return open(piece, why);
            }
            Ok(computed) if self.by.is_some() && computed.is_convention => {
                return open(piece, "nothing to divide by".into());
            }
            Ok(computed) => computed,
        };
        let value = computed.value;
        if piece.rows.is_some_and(|rows| rows < min_rows) {
            return open(piece, format!("fewer than {}", rows_of(min_rows)));
        }
        let band = self.band();
        let Some((Confidence(confidence), asked)) = self.confidence.zip(asked) else {
            let outcome = if band.holds(value) { Outcome::Pass } else { Outcome::Fail };
            return Judged { piece, estimate: None, outcome, why: None, rows_to_decide: None };
        };
        let Some(estimate) = piece.estimate(asked, widened(confidence, k)) else {
            if asked.metric == Known::RocAuc && value == 1.0 && band.holds(value) && piece.fewest_of_a_class() >= FEWEST {
                return perfect(piece);
            }
            return open(piece, "its rows do not vary enough to tell how sure it is".into());
        };
        let (outcome, rows_to_decide) = match estimate.against(band.min, band.max) {
            Held::Inside => (Outcome::Pass, None),
            Held::Outside => (Outcome::Fail, None),
            Held::Open(rows) => (Outcome::Inconclusive, rows),
        };
        Judged { piece, estimate: Some(estimate), outcome, why: None, rows_to_decide }
    }

    fn band(&self) -> Band {
        Band::new(self.min, self.max)
    }

    fn whole(&self, judged: Judged) -> Finding {
        let value = judged.piece.computed.as_ref().map_or(f64::NAN, |computed| computed.value);
        let mut said = format!("{} is {}", code(&self.name), number(value, &self.band().ends()));
        if let Some(estimate) = &judged.estimate {
            said += &format!(" ({})", interval(estimate.interval.low, estimate.interval.high, estimate.confidence));
        }
        said += &format!(", {}", self.band().wanted());
        if let Some(name) = judged.piece.found_as().filter(|name| *name != self.name) {
            said += &format!("; recorded as {}", code(name));
        }
        said += &reason(&judged);
        let notes = judged.piece.computed.as_ref().map(|computed| computed.notes.join("; ")).unwrap_or_default();
        if !notes.is_empty() {
            said += &format!("; {notes}");
        }
        let mut finding = Finding::of(judged.outcome, said).note(&notes);
        finding.limits = self.band().held(value);
        if let Some(rows) = judged.piece.rows {
            finding = finding.value("rows", rows);
        }
        if let Some(estimate) = &judged.estimate {
            finding = finding.value("interval", evidence::interval(estimate));
        }
        if let Some(rows) = judged.rows_to_decide {
            finding = finding.value("rows_to_decide", rows);
        }
        finding
    }

    fn sliced(&self, mut judged: Vec<Judged>) -> Finding {
        // The worst first: those that fail, then by distance to the limit, those without a number last.
        let badness = |judged: &Judged| {
            let value = judged.piece.computed.as_ref().ok()?.value;
            let distance = |limit: Option<Finite>, sign: f64| limit.map(|limit| sign * (value - limit.0));
            let margins = [distance(self.min, 1.0), distance(self.max, -1.0)];
            margins.into_iter().flatten().reduce(f64::min)
        };
        judged.sort_by(|a, b| {
            let small = |judged: &Judged| judged.why.is_some();
            let order = |judged: &Judged| badness(judged).unwrap_or(f64::INFINITY);
            (small(a), order(a)).partial_cmp(&(small(b), order(b))).unwrap_or(std::cmp::Ordering::Equal)
        });
        let of = |outcome: Outcome| judged.iter().filter(|judged| judged.outcome == outcome).count();
        let (failed, open) = (of(Outcome::Fail), of(Outcome::Inconclusive));
        let outcome = match (failed, open) {
            (0, 0) => Outcome::Pass,
            (0, _) => Outcome::Inconclusive,
            _ => Outcome::Fail,
        };
        let by = self.by.as_ref().map(By::names).unwrap_or_default();
        let worst = judged.iter().find(|judged| judged.why.is_none());
        let named = worst.filter(|worst| worst.outcome == outcome || outcome == Outcome::Pass);
        let named = named.or_else(|| judged.iter().find(|judged| judged.outcome == outcome));
        let mut said = match named {
            Some(judged) => {
                let what = match (&judged.piece.computed, &judged.why) {
                    (Ok(computed), None) => {
                        let range = judged.estimate.map(|estimate| {
                            let range = interval(estimate.interval.low, estimate.interval.high, estimate.confidence);
                            format!(" ({range})")
                        });
                        format!("is {}{}", number(computed.value, &self.band().ends()), range.unwrap_or_default())
                    }
                    _ => "is not known".into(),
                };
                let rows = judged.piece.rows.map(|rows| format!(", {}", rows_of(rows))).unwrap_or_default();
                let slice = code(&judged.piece.name);
                format!("{} {what} where {slice}{rows}; {}{}", code(&self.name), self.band().wanted(), reason(judged))
            }
            None => format!("{} has no slices by {by}", code(&self.name)),
        };
        let others = match outcome {
            Outcome::Fail => failed - 1,
            Outcome::Inconclusive => open - 1,
            Outcome::Pass | Outcome::Warn | Outcome::Skipped => 0,
        };
        if outcome == Outcome::Pass {
            said += &format!("; the worst of {} by {by}", plural(judged.len(), "slice"));
        } else if others > 0 {
            let what = match (outcome, others) {
                (Outcome::Fail, 1) => "fails",
                (Outcome::Fail, _) => "fail",
                (_, 1) => "is inconclusive",
                _ => "are inconclusive",
            };
            said += &format!("; of {} by {by} {} more {what}", plural(judged.len(), "slice"), count(others as u64));
        }
        if outcome == Outcome::Fail && open > 0 {
            said += &format!("; {} {} inconclusive", count(open as u64), if open == 1 { "is" } else { "are" });
        }
        let slices: Vec<Value> = judged.iter().map(slice_value).collect();
        let mut finding = Finding::of(outcome, said).value("by", by.replace('`', "")).value("slices", slices);
        if let Some(Ok(computed)) = worst.map(|worst| &worst.piece.computed) {
            finding.limits = self.band().held(computed.value);
        }
        finding
    }
}

/// Rows of the rarest class, of which a perfect score counts as sure.
const FEWEST: u64 = 10;

/// A slice whose every pair is in the right order: no interval can be narrower, and no such model is believed.
fn perfect(mut piece: Piece) -> Judged {
    if let Ok(computed) = &mut piece.computed {
        computed.notes.push("a perfect score is suspicious: does a feature contain the label?".to_owned());
    }
    Judged { piece, estimate: None, outcome: Outcome::Pass, why: None, rows_to_decide: None }
}

/// How classes become one number: `macro`, `of yes`; nothing where the metric is no average.
fn average(piece: &Piece, asked: Option<Asked>) -> Option<String> {
    asked.filter(|asked| asked.metric.averages()).and_then(|asked| piece.average(asked))
}

/// Why it is open, as the end of a sentence.
fn reason(judged: &Judged) -> String {
    match (&judged.why, judged.outcome, judged.rows_to_decide) {
        (Some(why), ..) => format!(": {why}"),
        (None, Outcome::Inconclusive, Some(needed)) => {
            let there = judged.estimate.map_or(0, |estimate| estimate.rows);
            crate::support::words::more_rows(needed, there)
        }
        (None, Outcome::Inconclusive, None) => ": it is the limit itself, and no number of rows decides".into(),
        _ => String::new(),
    }
}

fn plural(n: usize, word: &str) -> String {
    format!("{} {word}{}", count(n as u64), if n == 1 { "" } else { "s" })
}

fn slice_value(judged: &Judged) -> Value {
    let value = judged.piece.computed.as_ref().ok().map(|computed| computed.value);
    let mut slice = json!({
        "slice": judged.piece.name,
        "rows": judged.piece.rows,
        "value": value,
        "status": judged.outcome.status(),
    });
    if let Some(estimate) = &judged.estimate {
        slice["interval"] = evidence::interval(estimate);
    }
    if let Some(why) = &judged.why {
        slice["why"] = json!(why);
    }
    if let Some(rows) = judged.rows_to_decide {
        slice["rows_to_decide"] = json!(rows);
    }
    if let Some(computed) = judged.piece.computed.as_ref().ok().filter(|computed| !computed.notes.is_empty()) {
        slice["note"] = json!(computed.notes.join("; "));
    }
    slice
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::predictions::{Cell, Confusion};

    /// Slices of so many rows, of which so many are right.
    fn seen(slices: &[(&str, u64, u64)]) -> Seen {
        let mut cells = Vec::new();
        for (slice, (_, rows, right)) in slices.iter().enumerate() {
            for (label, prediction, n) in [(0, 0, *right), (0, 1, rows - right)] {
                let weight = n as f64;
                cells.push(Cell { slice, label, prediction, rows: n, weight, squares: weight });
            }
        }
        let classes = vec!["0".into(), "1".into()];
        Seen::Counts(Confusion { classes, slices: slices.iter().map(|s| s.0.to_owned()).collect(), cells })
    }

    fn check(settings: &str, slices: &[(&str, u64, u64)]) -> Finding {
        let check: Metric = serde_yaml::from_str(settings).unwrap();
        check.validate().unwrap();
        check.judge((seen(slices), None)).unwrap()
    }

    #[test]
    fn a_metric_is_held_to_its_limit() {
        let finding = check("{name: accuracy, min: 0.9}", &[("", 100, 90)]);
        assert_eq!(finding.outcome, Outcome::Pass);
        let finding = check("{name: accuracy, min: 0.9}", &[("", 100, 89)]);
        assert_eq!((finding.outcome, finding.message.as_str()), (Outcome::Fail, "`accuracy` is 0.89, at least 0.9 needed"));
    }

    #[test]
    fn the_interval_decides_where_asked_and_says_what_would() {
        let finding = check("{name: accuracy, min: 0.9, confidence: 0.95}", &[("", 100, 92)]);
        assert_eq!(finding.outcome, Outcome::Inconclusive);
        assert_eq!(
            finding.message,
            "`accuracy` is 0.92 (95 % interval 0.85 to 0.959), at least 0.9 needed: 765 more rows like these would decide"
        );
        assert_eq!(finding.values["rows_to_decide"], json!(865));
    }

    #[test]
    fn every_slice_is_held_and_small_ones_are_inconclusive() {
        let finding =
            check("{name: accuracy, min: 0.6, by: region}", &[("region=a", 50, 45), ("region=b", 50, 20), ("region=c", 5, 5)]);
        assert_eq!(finding.outcome, Outcome::Fail);
        assert_eq!(finding.limits[0].observed, 0.4);
        assert!(finding.message.starts_with("`accuracy` is 0.4 where `region=b`, 50 rows; at least 0.6 needed"), "{}", finding.message);
        let finding = check("{name: accuracy, min: 0.6, by: region}", &[("region=a", 50, 45), ("region=c", 5, 5)]);
        assert_eq!(finding.outcome, Outcome::Inconclusive);
        assert_eq!(finding.limits[0].observed, 0.9);
        assert!(finding.message.contains("where `region=c`, 5 rows; at least 0.6 needed: fewer than 30 rows"), "{}", finding.message);
    }

    #[test]
    fn a_slice_with_nothing_to_divide_by_is_never_0() {
        let check: Metric = serde_yaml::from_str("{name: recall, min: 0, by: region}").unwrap();
        let finding = check.judge((seen(&[("region=a", 50, 45)]), None)).unwrap();
        assert_eq!(finding.outcome, Outcome::Inconclusive);
        assert!(finding.message.contains("no row has the label `1`"), "{}", finding.message);
        assert_eq!(finding.limits, []);
    }

    #[test]
    fn limits_and_directions_must_be_said() {
        let wrong = |settings: &str| serde_yaml::from_str::<Metric>(settings).unwrap().validate().unwrap_err();
        assert_eq!(wrong("{name: accuracy}"), "no limit: set `min` or `max`");
        assert!(wrong("{name: profit, min: 1}").contains("`better: higher`"));
        assert_eq!(wrong("{name: accuracy, min: 1, average: macro}"), "`accuracy` is no average: leave `average` out");
    }
}
