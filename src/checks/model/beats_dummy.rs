//! `beats_dummy`: the model knows more than the most common answer.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::checks::check::{Check, Named, Part, Tables};
use crate::checks::evidence::{self, Evidence, Seen};
use crate::stats::inference::estimate::TOLERANCE;
use crate::support::limit::range::LimitSetting;
use crate::support::limit::Finite;
use crate::stats::metric::counts::Asked;
use crate::stats::metric::dummy::{self, Comparison};
use crate::stats::metric::{Average, Better, From, Metric as Known, positive, range, unknown};
use crate::support::problem::Problem;
use crate::data::statistic::Given;
use crate::data::table::Role;
use crate::report::verdict::{Finding, Held, Limit, Outcome};
use crate::support::words::{code, exact, interval, metric as number, more_rows, rows as rows_of};

/// By `metric` the model is better, by more than `min_gain`, than always saying the most common label.
///
/// An accuracy of 0.95 sounds good and is nothing where 95 % of the labels are one class. The dummy says the
/// most common class of the predictions table's labels, with the classes' shares for scores; of numbers it
/// says their mean.
///
/// ```yaml
/// - beats_dummy
/// - beats_dummy: { metric: log_loss, min_gain: 0.05 }
/// ```
///
/// For a regression set `metric: rmse` or `metric: r2`. The gain counts in the metric's own direction, and the limit itself
/// is not enough.
///
/// The interval of the gain on the same rows decides, with `confidence`: the check passes when all of it is above
/// `min_gain`, fails when none of it is, and is inconclusive in between and under 30 rows. For accuracy it is Tango's
/// score interval of paired proportions, for every other metric a seeded paired percentile bootstrap. A model that guesses
/// passes in 3 % of runs or less; compared by the points alone, with `confidence: 0`, in about 20 %.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BeatsDummy {
    /// The metric.
    #[serde(default = "default_metric")]
    metric: String,
    /// How several classes become one number; binary where a class is positive, else macro.
    average: Option<Average>,
    /// What the gain must exceed.
    #[serde(default = "default_min_gain")]
    min_gain: Finite,
    /// How surely the interval of the gain is to hold it, from 0 to below 1; with 0 the points are compared.
    #[serde(default = "default_confidence")]
    confidence: Finite,
}

/// Fewer rows say nothing of a gain.
const FEWEST_ROWS: u64 = 30;

fn default_metric() -> String {
    "accuracy".into()
}

fn default_min_gain() -> Finite {
    Finite(0.0)
}

fn default_confidence() -> Finite {
    Finite(0.95)
}

impl Check for BeatsDummy {
    const ID: &'static str = "beats_dummy";
    const PARTS: &'static [Part] = &[Part::Predictions];
    type Needs = (Evidence, Given<Option<String>>);

    fn validate(&self) -> Result<(), String> {
        let metric = Known::named(&self.metric).ok_or_else(|| unknown(&self.metric))?;
        if self.average.is_some() && !metric.averages() {
            return Err(format!("{} is no average: leave `average` out", code(&self.metric)));
        }
        if !(0.0..1.0).contains(&self.confidence.0) {
            let given = self.confidence.0;
            return Err(format!("`confidence` must be at least 0 and below 1, got {given}; 0 compares the points"));
        }
        Ok(())
    }

    fn limits(&self) -> Vec<LimitSetting> {
        let subject = format!("a difference of {}", code(&self.metric));
        vec![LimitSetting::min("min_gain", self.min_gain.0, range(&self.metric).difference(), subject).exclusive()]
    }

    fn subject(&self, _: Named) -> Option<String> {
        Some(self.metric.clone())
    }

    fn needs(&self, tables: &Tables) -> Result<Self::Needs, Problem> {
        tables.table(Role::Predictions)?;
        let named = evidence::Named { name: &self.metric, average: self.average };
        Ok((Evidence::of(named, &[], self.confidence(), tables)?, Given(tables.model.names.positive.clone())))
    }

    fn judge(&self, (seen, named): (Seen, Option<String>)) -> Result<Finding, Problem> {
        let metric = Known::named(&self.metric).ok_or_else(|| Problem::new("no such metric"))?;
        let asked = Asked { metric, average: self.average, positive: named.as_deref() };
        let compared = match &seen {
            Seen::Counts(counts) => dummy::compare_counts(asked, counts, self.confidence()),
            Seen::Rows(rows) => {
                let positive = positive(named.as_deref(), &rows.classes);
                dummy::compare_rows(asked, rows, positive, self.confidence())
            }
            Seen::Recorded(_) => return Err(Problem::new("a dummy needs predictions")),
        };
        // A dummy that never says the positive class is right about it never.
        let compared = compared.map_err(|(undefined, whose)| {
            let why = undefined.why();
            Problem::new(format!("{} of {whose} has no value: {why}", code(&self.metric)))
        })?;
        let Comparison { model, dummy, estimate, rows, .. } = &compared;
        let gain = metric.better().gain(model.value, dummy.value);
        let min = self.min_gain.0;
        let (outcome, why) = self.decide(metric, gain, &compared);
        let range = estimate.as_ref().map(|estimate| {
            format!(" ({})", interval(estimate.interval.low, estimate.interval.high, estimate.confidence))
        });
        let mut said = format!(
            "{} is {}, and always saying {} has {}: a gain of {}{}, more than {} needed{why}",
            code(&self.metric),
            number(model.value, &[dummy.value]),
            match metric.from() {
                From::Numbers => "the mean",
                From::Scores => "the classes' shares",
                From::Counts => "the most common class",
            },
            number(dummy.value, &[model.value]),
            number(gain, &[min]),
            range.unwrap_or_default(),
            exact(min)
        );
        for note in &model.notes {
            said += &format!("; {note}");
        }
        let mut finding =
            Finding::of(outcome, said).value("candidate", model.value).value("dummy", dummy.value).value("rows", *rows);
        if let Some(estimate) = estimate {
            finding = finding.value("interval", evidence::interval(estimate));
            if let (Outcome::Inconclusive, Some(rows)) = (outcome, estimate.rows_to_decide(min)) {
                finding = finding.value("rows_to_decide", rows);
            }
        }
        let limit = Limit { exclusive: true, ..Limit::min(min) };
        let breached = gain <= min + TOLERANCE;
        finding.limits = vec![Held { setting: "min_gain", observed: gain, limit, unit: None, breached }];
        Ok(finding)
    }
}

impl BeatsDummy {
    /// The confidence, where an interval is asked for.
    fn confidence(&self) -> Option<f64> {
        (self.confidence.0 > 0.0).then_some(self.confidence.0)
    }

    /// What the gain says of the limit, and why that is open.
    fn decide(&self, metric: Known, gain: f64, compared: &Comparison) -> (Outcome, String) {
        let min = self.min_gain.0;
        let passes = gain > min + TOLERANCE;
        if self.confidence().is_none() {
            return (if passes { Outcome::Pass } else { Outcome::Fail }, String::new());
        }
        if !compared.differs && !passes {
            return (Outcome::Fail, ": the model says what the dummy says, in every row".into());
        }
        if compared.rows < FEWEST_ROWS {
            let (rows, least) = (rows_of(compared.rows), FEWEST_ROWS);
            return (Outcome::Inconclusive, format!(": {rows} are fewer than the {least} that an interval needs"));
        }
        let Some(estimate) = &compared.estimate else {
            // Of a model that is right about everything no resample is worse.
            let range = metric.range();
            let best = if metric.better() == Better::Higher { range.max } else { range.min };
            let is_perfect = best.is_some_and(|best| (compared.model.value - best).abs() <= TOLERANCE);
            return match (is_perfect, passes) {
                (true, true) => (Outcome::Pass, "; it is perfect, which is suspicious".into()),
                (true, false) => (Outcome::Fail, String::new()),
                (false, _) => (Outcome::Inconclusive, ": the rows do not vary enough to tell how sure it is".into()),
            };
        };
        if estimate.interval.low > min + TOLERANCE {
            (Outcome::Pass, String::new())
        } else if estimate.interval.high <= min + TOLERANCE {
            (Outcome::Fail, String::new())
        } else {
            let more = estimate.rows_to_decide(min).map(|needed| more_rows(needed, compared.rows));
            (Outcome::Inconclusive, more.unwrap_or_else(|| ": the gain is the limit itself".into()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::predictions::{Cell, Confusion};
    use crate::report::verdict::Outcome;

    fn check(settings: &str, cells: [u64; 4]) -> Finding {
        let check: BeatsDummy = serde_yaml::from_str(settings).unwrap();
        let cells = cells.iter().enumerate().map(|(at, rows)| Cell {
            slice: 0,
            label: at / 2,
            prediction: at % 2,
            rows: *rows,
            weight: *rows as f64,
            squares: *rows as f64,
        });
        let classes = vec!["0".into(), "1".into()];
        let counts = Confusion { classes, slices: vec![String::new()], cells: cells.collect() };
        check.judge((Seen::Counts(counts), None)).unwrap()
    }

    #[test]
    fn the_most_common_class_is_not_enough() {
        let finding = check("{}", [95, 0, 5, 0]);
        assert_eq!((finding.outcome, finding.limits[0].observed), (Outcome::Fail, 0.0));
        assert_eq!(
            finding.message,
            "`accuracy` is 0.95, and always saying the most common class has 0.95: a gain of 0 (95 % interval -0.037 to 0.037), more than 0 needed: the model says what the dummy says, in every row"
        );
        assert_eq!(check("{}", [95, 0, 4, 1]).outcome, Outcome::Inconclusive);
        assert_eq!(check("{confidence: 0}", [95, 0, 4, 1]).outcome, Outcome::Pass);
        assert_eq!(check("{}", [90, 0, 0, 10]).outcome, Outcome::Pass);
        assert_eq!(check("{}", [40, 20, 0, 0]).outcome, Outcome::Fail);
        assert_eq!(check("{}", [10, 0, 0, 9]).outcome, Outcome::Inconclusive);
        assert_eq!(check("{confidence: 0}", [10, 0, 0, 9]).outcome, Outcome::Pass);
        assert_eq!(check("{metric: f1}", [45, 5, 5, 45]).outcome, Outcome::Pass);
    }

    #[test]
    fn a_model_that_guesses_seldom_passes() {
        use crate::stats::inference::simulated;
        let mut rates = Vec::new();
        for (rows, share) in [(50, 0.5), (200, 0.5), (1000, 0.5), (200, 0.7)] {
            for settings in ["{}", "{confidence: 0}"] {
                let passes = simulated::share(1000, |draw| {
                    let mut cells = [0; 4];
                    for _ in 0..rows {
                        let mut is = || usize::from(draw.uniform() < share);
                        cells[2 * is() + is()] += 1;
                    }
                    check(settings, cells).outcome == Outcome::Pass
                });
                rates.push((rows, share, settings, passes));
            }
        }
        for (rows, share, settings, rate) in &rates {
            assert!(*rate <= if *settings == "{}" { 0.03 } else { 0.5 }, "{rows} {share} {settings}: {rate} of {rates:?}");
        }
        let by_points = rates.iter().filter(|(.., settings, _)| *settings != "{}").map(|(.., rate)| *rate);
        assert!(by_points.fold(0.0, f64::max) > 0.1, "{rates:?}");
    }

    #[test]
    fn a_confidence_is_a_share() {
        for bad in ["1", "95", "-0.5"] {
            let check: BeatsDummy = serde_yaml::from_str(&format!("{{confidence: {bad}}}")).unwrap();
            assert!(check.validate().unwrap_err().contains("below 1"), "{bad}");
        }
    }

    #[test]
    fn only_computed_metrics_have_a_dummy() {
        let wrong: BeatsDummy = serde_yaml::from_str("{metric: acuracy}").unwrap();
        assert!(wrong.validate().unwrap_err().contains("did you mean `accuracy`?"), "{:?}", wrong.validate());
    }
}
