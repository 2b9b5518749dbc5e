//! Metrics of label and prediction alone, from counts of how they met.

use super::{Average, Metric, positive};
use crate::stats::inference::bootstrap::{self, Units};
use crate::stats::inference::proportion::wilson;
use crate::stats::inference::{Estimate, kish};
use crate::stats::predictions::Confusion;
use crate::support::words::code;

/// What exactly is asked.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    pub metric: Metric,
    /// As the entry says; without it binary where a class is positive, else macro.
    pub average: Option<Average>,
    /// The class that the config calls positive.
    pub positive: Option<&'a str>,
}

/// A metric that is known, and what should be known with it.
#[derive(Debug, Clone, PartialEq)]
pub struct Computed {
    pub value: f64,
    /// What scikit-learn would warn of.
    pub notes: Vec<String>,
    /// The number stands by convention: nothing was there to divide by.
    pub is_convention: bool,
}

/// Why a metric has no value on these rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Undefined {
    /// There is nothing to divide by; other rows may have something.
    Empty(String),
    /// What was asked does not fit the columns, or a value is none: no rows would help.
    Unfit(String),
}

impl Undefined {
    pub fn why(self) -> String {
        match self {
            Self::Empty(why) | Self::Unfit(why) => why,
        }
    }
}

/// Weights by class: what met, what was there, what was said.
#[derive(Debug, Default)]
pub struct Totals {
    hit: Vec<f64>,
    label: Vec<f64>,
    predicted: Vec<f64>,
    /// Classes that some row has as label or prediction, whatever it weighs.
    seen: Vec<bool>,
    all: f64,
}

impl Totals {
    pub fn new(classes: usize) -> Self {
        let zeros = vec![0.0; classes];
        Self { hit: zeros.clone(), label: zeros.clone(), predicted: zeros, seen: vec![false; classes], all: 0.0 }
    }

    /// Adds rows that are there; their weight may be 0.
    pub fn add(&mut self, label: usize, prediction: usize, weight: f64) {
        self.label[label] += weight;
        self.predicted[prediction] += weight;
        self.all += weight;
        (self.seen[label], self.seen[prediction]) = (true, true);
        if label == prediction {
            self.hit[label] += weight;
        }
    }

    /// The value, scikit-learn's with `zero_division=0`; none where all of it is nothing by nothing.
    pub fn value(&self, metric: Metric, how: How) -> Option<f64> {
        let shares = |part: &[f64], whole: &[f64]| -> Vec<f64> {
            part.iter().zip(whole).map(|(part, whole)| if *whole > 0.0 { part / whole } else { 0.0 }).collect()
        };
        let doubled: Vec<f64> = self.hit.iter().map(|hit| 2.0 * hit).collect();
        let both: Vec<f64> = self.label.iter().zip(&self.predicted).map(|(a, b)| a + b).collect();
        let (part, whole) = match metric {
            Metric::Accuracy => return (self.all > 0.0).then(|| self.hit.iter().sum::<f64>() / self.all),
            Metric::Mcc => return (self.all > 0.0).then(|| self.mcc()),
            Metric::BalancedAccuracy => {
                let seen = self.label.iter().filter(|label| **label > 0.0).count();
                return (seen > 0).then(|| shares(&self.hit, &self.label).iter().sum::<f64>() / seen as f64);
            }
            Metric::Precision => (&self.hit, &self.predicted),
            Metric::Recall => (&self.hit, &self.label),
            _ => (&doubled, &both),
        };
        let by_class = shares(part, whole);
        match how {
            How::Class(class) => {
                // Precision of what is never said is 0, as scikit-learn has it; the others have no value.
                (whole[class] > 0.0 || metric == Metric::Precision && self.all > 0.0).then(|| by_class[class])
            }
            How::Micro => {
                let whole: f64 = whole.iter().sum();
                (whole > 0.0).then(|| part.iter().sum::<f64>() / whole)
            }
            How::Macro => {
                // A class without weight counts 0, as scikit-learn has it: it is a class of these rows.
                let seen = self.seen.iter().filter(|seen| **seen).count();
                (self.all > 0.0).then(|| by_class.iter().sum::<f64>() / seen as f64)
            }
            How::Weighted => {
                let weighted = by_class.iter().zip(&self.label).map(|(value, label)| value * label);
                (self.all > 0.0).then(|| weighted.sum::<f64>() / self.all)
            }
        }
    }

    /// Whether there are several labels and several predictions: told by what there is, since sums of
    /// weights that are fractions need not cancel exactly.
    fn varies(&self) -> bool {
        let varies = |side: &[f64]| side.iter().filter(|weight| **weight > 0.0).count() > 1;
        varies(&self.label) && varies(&self.predicted)
    }

    /// Matthews' correlation coefficient of any number of classes (J. Gorodkin, 2004); 0 where one side
    /// does not vary.
    fn mcc(&self) -> f64 {
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        if !self.varies() {
            return 0.0;
        }
        // Of shares, since products of sums of weights can leave what a float holds.
        let share = |side: &[f64]| side.iter().map(|weight| weight / self.all).collect::<Vec<_>>();
        let (hit, label, predicted) = (share(&self.hit), share(&self.label), share(&self.predicted));
        let both = hit.iter().sum::<f64>() - dot(&label, &predicted);
        both / ((1.0 - dot(&predicted, &predicted)) * (1.0 - dot(&label, &label))).sqrt()
    }
}

/// How classes become one number, resolved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// This class alone.
    Class(usize),
    Micro,
    Macro,
    Weighted,
}

/// Whether one class is asked about or all.
///
/// # Errors
/// `binary` of classes none of which is positive, or of more than two.
pub fn how(asked: Asked, classes: &[String]) -> Result<How, Undefined> {
    let positive = positive(asked.positive, classes);
    match (asked.average, positive) {
        _ if !asked.metric.averages() => Ok(How::Macro),
        (Some(Average::Macro), _) | (None, None) => Ok(How::Macro),
        (Some(Average::Micro), _) => Ok(How::Micro),
        (Some(Average::Weighted), _) => Ok(How::Weighted),
        (Some(Average::Binary), None) => {
            Err(Undefined::Unfit("`average: binary` needs a positive class: set `model.predictions.positive`".into()))
        }
        (Some(Average::Binary) | None, Some(positive)) => binary(positive, classes).map(How::Class),
    }
}

/// The index of the positive class among two.
///
/// # Errors
/// There are more, or it is not among them.
pub fn binary(positive: &str, classes: &[String]) -> Result<usize, Undefined> {
    if classes.len() > 2 {
        return Err(Undefined::Unfit(format!(
            "there are {} classes, and {} is called the positive of two: leave `positive` out",
            classes.len(),
            code(positive)
        )));
    }
    match classes.iter().position(|class| class == positive) {
        Some(at) => Ok(at),
        None => Err(Undefined::Unfit(format!("no row has the positive class {}", code(positive)))),
    }
}

/// Computes the metric of one slice's counts.
///
/// # Errors
/// It has no value there.
pub fn compute(asked: Asked, counts: &Confusion) -> Result<Computed, Undefined> {
    let how = how(asked, &counts.classes)?;
    let totals = totals(counts);
    let value = totals.value(asked.metric, how).ok_or_else(|| missing(asked.metric, how, &counts.classes))?;
    if !value.is_finite() {
        return Err(Undefined::Unfit("the weights are too large or too small to be added up".into()));
    }
    let mut notes = notes(asked.metric, &totals, &counts.classes);
    let is_convention = match (asked.metric, how) {
        (Metric::Precision, How::Class(class)) => totals.predicted[class] == 0.0,
        (Metric::Mcc, _) => !totals.varies(),
        _ => false,
    };
    if asked.metric == Metric::Mcc && is_convention {
        notes.push("labels or predictions are all of one class".into());
    }
    Ok(Computed { value, notes, is_convention })
}

/// The metric with its interval; none where the counts do not tell.
///
/// # Errors
/// It has no value there.
pub fn estimate(asked: Asked, counts: &Confusion, confidence: f64) -> Result<Option<Estimate>, Undefined> {
    let how = how(asked, &counts.classes)?;
    let value = compute(asked, counts)?.value;
    if could_be_right(asked.metric, how, 0, 0).is_some() {
        let could = |label, prediction| could_be_right(asked.metric, how, label, prediction) == Some(true);
        let base = counts.cells.iter().filter(|cell| could(cell.label, cell.prediction));
        let (weight, squares) = base.fold((0.0, 0.0), |(w, s), cell| (w + cell.weight, s + cell.squares));
        // Of more rows like these as many more could have been right.
        return Ok((weight > 0.0).then(|| wilson(value, kish(weight, squares), counts.rows(), confidence)));
    }
    let rows: Vec<u64> = counts.cells.iter().map(|cell| cell.rows).collect();
    Ok(bootstrap::interval(value, Units::Alike(&rows), confidence, |times| {
        let mut totals = Totals::new(counts.classes.len());
        for (cell, times) in counts.cells.iter().zip(times).filter(|(_, times)| **times > 0) {
            totals.add(cell.label, cell.prediction, f64::from(*times));
        }
        totals.value(asked.metric, how)
    }))
}

/// Whether the metric is a share of rows, so that Wilson's interval is its.
pub fn is_proportion(asked: Asked, classes: &[String]) -> bool {
    how(asked, classes).is_ok_and(|how| could_be_right(asked.metric, how, 0, 0).is_some())
}

/// Of a metric that is a share of rows, whether such rows are among those it is a share of.
fn could_be_right(metric: Metric, how: How, label: usize, prediction: usize) -> Option<bool> {
    match (metric, how) {
        (Metric::Accuracy, _) | (_, How::Micro) => Some(true),
        (Metric::Recall, How::Class(class)) => Some(label == class),
        (Metric::Precision, How::Class(class)) => Some(prediction == class),
        _ => None,
    }
}

fn totals(counts: &Confusion) -> Totals {
    let mut totals = Totals::new(counts.classes.len());
    counts.cells.iter().for_each(|cell| totals.add(cell.label, cell.prediction, cell.weight));
    totals
}

pub fn missing(metric: Metric, how: How, classes: &[String]) -> Undefined {
    Undefined::Empty(match (metric, how) {
        (Metric::Recall, How::Class(class)) => format!("no row has the label {}", code(&classes[class])),
        (Metric::F1, How::Class(class)) => format!("no row has {} as label or prediction", code(&classes[class])),
        _ => "no row has any weight".into(),
    })
}

/// Classes that scikit-learn would warn of.
fn notes(metric: Metric, totals: &Totals, classes: &[String]) -> Vec<String> {
    if metric == Metric::Accuracy {
        return Vec::new();
    }
    let named = |wanted: &dyn Fn(usize) -> bool| {
        let names = classes.iter().enumerate().filter(|(class, _)| wanted(*class)).map(|(_, name)| name.as_str());
        names.collect::<Vec<_>>()
    };
    let unsaid = named(&|class| totals.label[class] > 0.0 && totals.predicted[class] == 0.0);
    let unseen = named(&|class| totals.label[class] == 0.0 && totals.predicted[class] > 0.0);
    let mut notes = Vec::new();
    let mut note = |names: Vec<&str>, what: &str| {
        if !names.is_empty() {
            let word = if names.len() == 1 { "class" } else { "classes" };
            notes.push(format!("{word} {} {what}", crate::support::words::list(names)));
        }
    };
    let weightless = named(&|class| totals.seen[class] && totals.label[class] + totals.predicted[class] == 0.0);
    note(weightless, "without weight, which counts 0");
    note(unsaid, "never predicted");
    note(unseen, "predicted, and never a label");
    notes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::predictions::Cell;

    fn confusion(classes: &[&str], table: &[&[u64]]) -> Confusion {
        let mut cells = Vec::new();
        for (label, row) in table.iter().enumerate() {
            for (prediction, rows) in row.iter().enumerate().filter(|(_, rows)| **rows > 0) {
                let weight = *rows as f64;
                cells.push(Cell { slice: 0, label, prediction, rows: *rows, weight, squares: weight });
            }
        }
        Confusion { classes: classes.iter().map(ToString::to_string).collect(), slices: vec![String::new()], cells }
    }

    fn value(metric: Metric, counts: &Confusion) -> Result<f64, String> {
        let asked = Asked { metric, average: None, positive: None };
        compute(asked, counts).map(|computed| computed.value).map_err(Undefined::why)
    }

    #[test]
    fn binary_metrics_by_hand() {
        let counts = confusion(&["0", "1"], &[&[50, 10], &[5, 35]]);
        assert_eq!(value(Metric::Accuracy, &counts), Ok(0.85));
        assert_eq!(value(Metric::Precision, &counts), Ok(35.0 / 45.0));
        assert_eq!(value(Metric::Recall, &counts), Ok(0.875));
        assert_eq!(value(Metric::F1, &counts), Ok(70.0 / 85.0));
    }

    #[test]
    fn a_class_never_predicted_counts_0_and_is_named() {
        let counts = confusion(&["0", "1"], &[&[50, 0], &[5, 0]]);
        let asked = Asked { metric: Metric::Precision, average: None, positive: None };
        let computed = compute(asked, &counts).unwrap();
        assert_eq!((computed.value, computed.is_convention), (0.0, true));
        assert_eq!(computed.notes, ["class `1` never predicted"]);
        let counts = confusion(&["0", "1"], &[&[50, 5], &[0, 0]]);
        assert_eq!(value(Metric::Recall, &counts), Err("no row has the label `1`".into()));
        let counts = confusion(&["a", "b", "c"], &[&[5, 0, 1], &[1, 0, 0], &[0, 0, 0]]);
        let asked = Asked { metric: Metric::Recall, average: None, positive: None };
        let notes = compute(asked, &counts).unwrap().notes;
        assert_eq!(notes, ["class `b` never predicted", "class `c` predicted, and never a label"]);
    }

    #[test]
    fn a_positive_of_three_is_no_binary() {
        let counts = confusion(&["0", "1", "2"], &[&[5, 0, 1], &[1, 0, 0], &[0, 0, 3]]);
        let asked = Asked { metric: Metric::F1, average: None, positive: Some("1") };
        assert!(compute(asked, &counts).unwrap_err().why().starts_with("there are 3 classes"));
    }

    #[test]
    fn no_interval_where_nothing_varies() {
        let counts = confusion(&["0", "1"], &[&[50, 0], &[0, 50]]);
        let asked = Asked { metric: Metric::F1, average: None, positive: None };
        assert_eq!(estimate(asked, &counts, 0.95), Ok(None));
    }
}
