//! `beats_dummy`: the model knows more than the most common answer.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::check::{Check, Named, Part, Tables};
use crate::evidence::{self, Evidence, Seen};
use crate::inference::estimate::TOLERANCE;
use crate::limit::range::LimitSetting;
use crate::limit::Finite;
use crate::metric::counts::{self, Asked, Undefined};
use crate::metric::{Average, From, Metric as Known, dummy, positive, range, rowwise, unknown};
use crate::problem::Problem;
use crate::statistic::Given;
use crate::table::Role;
use crate::verdict::{Finding, Held, Limit};
use crate::words::{code, exact, metric as number};

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
/// For a regression `metric: rmse` or `metric: r2`. The gain counts in the metric's own direction, and the limit itself is not enough.
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
}

fn default_metric() -> String {
    "accuracy".into()
}

fn default_min_gain() -> Finite {
    Finite(0.0)
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
        Ok((Evidence::of(named, &[], None, tables)?, Given(tables.model.names.positive.clone())))
    }

    fn judge(&self, (seen, named): (Seen, Option<String>)) -> Result<Finding, Problem> {
        let metric = Known::named(&self.metric).ok_or_else(|| Problem::new("no such metric"))?;
        let asked = Asked { metric, average: self.average, positive: named.as_deref() };
        let (model, dummy) = match &seen {
            Seen::Counts(counts) => {
                let dummy = counts::compute(asked, &dummy::of_counts(counts));
                (counts::compute(asked, counts), dummy)
            }
            Seen::Rows(rows) => {
                let positive = positive(named.as_deref(), &rows.classes);
                let computed = |rows| rowwise::prepare(asked, rows).map(|prepared| prepared.computed());
                (computed(rows), computed(&dummy::of_rows(rows, positive)))
            }
            Seen::Recorded(_) => return Err(Problem::new("a dummy needs predictions")),
        };
        let undefined = |undefined: Undefined, whose: &str| {
            let why = undefined.why();
            Problem::new(format!("{} of {whose} has no value: {why}", code(&self.metric)))
        };
        let model = model.map_err(|why| undefined(why, "the model"))?;
        // A dummy that never says the positive class is right about it never.
        let dummy = dummy.map_err(|why| undefined(why, "the dummy"))?.value;
        let gain = metric.better().gain(model.value, dummy);
        let min = self.min_gain.0;
        let passed = gain > min + TOLERANCE;
        let mut said = format!(
            "{} is {}, and always saying {} has {}: a gain of {}, more than {} needed",
            code(&self.metric),
            number(model.value, &[dummy]),
            match metric.from() {
                From::Numbers => "the mean",
                From::Scores => "the classes' shares",
                From::Counts => "the most common class",
            },
            number(dummy, &[model.value]),
            number(gain, &[min]),
            exact(min)
        );
        for note in &model.notes {
            said += &format!("; {note}");
        }
        let mut finding = Finding::new(passed, said).value("candidate", model.value).value("dummy", dummy);
        let limit = Limit { exclusive: true, ..Limit::min(min) };
        finding.limits = vec![Held { setting: "min_gain", observed: gain, limit, unit: None, breached: !passed }];
        Ok(finding)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::predictions::{Cell, Confusion};
    use crate::verdict::Outcome;

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
            "`accuracy` is 0.95, and always saying the most common class has 0.95: a gain of 0, more than 0 needed"
        );
        assert_eq!(check("{}", [95, 0, 4, 1]).outcome, Outcome::Pass);
    }

    #[test]
    fn only_computed_metrics_have_a_dummy() {
        let wrong: BeatsDummy = serde_yaml::from_str("{metric: acuracy}").unwrap();
        assert!(wrong.validate().unwrap_err().contains("did you mean `accuracy`?"), "{:?}", wrong.validate());
    }
}
