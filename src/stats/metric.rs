//! The field's metrics: scikit-learn's names and definitions.

pub mod counts;
pub mod dummy;
pub mod parity;
pub mod ranking;
pub mod rowwise;
pub mod score;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::support::limit::range::ValueRange;
use crate::support::problem::nearest;
use crate::support::words::code;

/// A metric that is computed from predictions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Metric {
    Accuracy,
    BalancedAccuracy,
    Precision,
    Recall,
    F1,
    Mcc,
    RocAuc,
    AveragePrecision,
    LogLoss,
    Brier,
    Ece,
    Rmse,
    Mae,
    Mape,
    MedianAe,
    R2,
}

/// Which way is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Better {
    Higher,
    Lower,
}

/// How several classes become one number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Average {
    /// The positive class alone.
    Binary,
    /// The mean over classes.
    Macro,
    /// All classes' hits and misses together.
    Micro,
    /// The mean over classes, weighted by their rows.
    Weighted,
}

/// What a metric is computed from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum From {
    /// Counts of label and prediction.
    Counts,
    /// Labels and scores.
    Scores,
    /// Labels and predictions that are numbers.
    Numbers,
}

const ALL: [(Metric, &str); 16] = [
    (Metric::Accuracy, "accuracy"),
    (Metric::BalancedAccuracy, "balanced_accuracy"),
    (Metric::Precision, "precision"),
    (Metric::Recall, "recall"),
    (Metric::F1, "f1"),
    (Metric::Mcc, "mcc"),
    (Metric::RocAuc, "roc_auc"),
    (Metric::AveragePrecision, "average_precision"),
    (Metric::LogLoss, "log_loss"),
    (Metric::Brier, "brier"),
    (Metric::Ece, "ece"),
    (Metric::Rmse, "rmse"),
    (Metric::Mae, "mae"),
    (Metric::Mape, "mape"),
    (Metric::MedianAe, "median_ae"),
    (Metric::R2, "r2"),
];

impl Metric {
    pub fn named(name: &str) -> Option<Self> {
        ALL.iter().find(|(_, known)| *known == name).map(|(metric, _)| *metric)
    }

    pub fn name(self) -> &'static str {
        ALL.iter().find(|(metric, _)| *metric == self).map_or("", |(_, name)| name)
    }

    pub fn better(self) -> Better {
        match self {
            Self::LogLoss | Self::Brier | Self::Ece | Self::Rmse | Self::Mae | Self::Mape | Self::MedianAe => {
                Better::Lower
            }
            _ => Better::Higher,
        }
    }

    pub fn from(self) -> From {
        match self {
            Self::Accuracy | Self::BalancedAccuracy | Self::Precision | Self::Recall | Self::F1 | Self::Mcc => {
                From::Counts
            }
            Self::RocAuc | Self::AveragePrecision | Self::LogLoss | Self::Brier | Self::Ece => From::Scores,
            Self::Rmse | Self::Mae | Self::Mape | Self::MedianAe | Self::R2 => From::Numbers,
        }
    }

    /// The values that it can have.
    pub fn range(self) -> ValueRange {
        match self {
            Self::Accuracy
            | Self::BalancedAccuracy
            | Self::Precision
            | Self::Recall
            | Self::F1
            | Self::RocAuc
            | Self::AveragePrecision
            | Self::Ece => ValueRange::SHARE,
            Self::Mcc => ValueRange { min: Some(-1.0), max: Some(1.0) },
            // The sum over classes, as in scikit-learn.
            Self::Brier => ValueRange { min: Some(0.0), max: Some(2.0) },
            Self::LogLoss | Self::Rmse | Self::Mae | Self::Mape | Self::MedianAe => ValueRange::NON_NEGATIVE,
            Self::R2 => ValueRange { min: None, max: Some(1.0) },
        }
    }

    /// Whether classes are averaged, so that a way to do it can be asked for.
    pub fn averages(self) -> bool {
        matches!(self, Self::Precision | Self::Recall | Self::F1)
    }
}

impl Better {
    /// How much better `candidate` is than `other`; negative is worse.
    pub fn gain(self, candidate: f64, other: f64) -> f64 {
        match self {
            Self::Higher => candidate - other,
            Self::Lower => other - candidate,
        }
    }

    /// The range of a gain divided by the absolute value of the baseline, of a metric with this range.
    ///
    /// A metric that cannot be negative loses at most all of the baseline, −1 where higher is better; 1 is the
    /// most that an error can improve.
    pub fn relative_gain(self, metric: ValueRange) -> ValueRange {
        match (metric.min, self) {
            (Some(0.0), Self::Higher) => ValueRange { min: Some(-1.0), max: None },
            (Some(0.0), Self::Lower) => ValueRange { min: None, max: Some(1.0) },
            _ => ValueRange::UNBOUNDED,
        }
    }
}

/// The values that the metric of this name can have; unbounded where mlgate does not compute it.
pub fn range(name: &str) -> ValueRange {
    Metric::named(name).map_or(ValueRange::UNBOUNDED, Metric::range)
}

/// The direction of a metric by its name, which for one that is not built in the entry must say.
///
/// # Errors
/// One sentence.
pub fn direction(name: &str, said: Option<Better>) -> Result<Better, String> {
    match (Metric::named(name).map(Metric::better), said) {
        (Some(known), Some(said)) if known != said => {
            let way = if known == Better::Higher { "higher" } else { "lower" };
            Err(format!("of `{name}` {way} is better, and `better` says otherwise"))
        }
        (Some(known), _) => Ok(known),
        (None, Some(said)) => Ok(said),
        (None, None) => Err(format!(
            "{}; for a number of a metrics file, say which way is better: `better: higher` or `better: lower`",
            unknown(name)
        )),
    }
}

/// Other names of metrics that people look for.
const ALIASES: [(&str, &str); 10] = [
    ("auc", "roc_auc"),
    ("roc_auc_score", "roc_auc"),
    ("accuracy_score", "accuracy"),
    ("f1_score", "f1"),
    ("f1_macro", "f1` with `average: macro"),
    ("f1_weighted", "f1` with `average: weighted"),
    ("pr_auc", "average_precision"),
    ("brier_score", "brier"),
    ("matthews_corrcoef", "mcc"),
    ("mse", "rmse"),
];

/// That a name is no metric, and which is meant.
pub fn unknown(name: &str) -> String {
    let alias = ALIASES.iter().find(|(alias, _)| *alias == name).map(|(_, meant)| *meant);
    let near = alias.or_else(|| nearest(name, ALL.iter().map(|(_, name)| *name)));
    let near = near.map_or_else(
        || format!("there are {}", ALL.iter().map(|(_, name)| *name).collect::<Vec<_>>().join(", ")),
        |near| format!("did you mean `{near}`?"),
    );
    format!("{} is no metric that mlgate computes: {near}", code(name))
}

/// The binary classes that need no `positive`: the second is it.
pub const BINARY: [[&str; 2]; 2] = [["0", "1"], ["false", "true"]];

/// The positive class: the one that is named, or of 0 and 1, false and true the latter, also where only
/// one of them occurs.
pub fn positive<'a>(named: Option<&'a str>, classes: &[String]) -> Option<&'a str> {
    let usual = |pair: &&[&'static str; 2]| classes.iter().all(|class| pair.contains(&class.as_str()));
    named.or_else(|| BINARY.iter().filter(|_| !classes.is_empty()).find(usual).map(|pair| pair[1]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_positive_class_is_named_or_usual() {
        let classes = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(positive(None, &classes(&["0", "1"])), Some("1"));
        assert_eq!(positive(None, &classes(&["0"])), Some("1"));
        assert_eq!(positive(None, &classes(&["false", "true"])), Some("true"));
        assert_eq!(positive(None, &classes(&["0", "1", "2"])), None);
        assert_eq!(positive(None, &classes(&["1", "true"])), None);
        assert_eq!(positive(Some("yes"), &classes(&["no", "yes"])), Some("yes"));
        assert_eq!(positive(None, &[]), None);
    }

    #[test]
    fn an_unknown_metric_must_say_which_way_is_better() {
        assert!(direction("acuracy", None).unwrap_err().contains("did you mean `accuracy`?"));
        assert_eq!(direction("profit", Some(Better::Higher)), Ok(Better::Higher));
        assert!(direction("rmse", Some(Better::Higher)).is_err());
    }
}
