//! A metric made ready to be computed again and again with other weights: what a row adds is known
//! beforehand.

use super::counts::{self, Asked, Computed, How, Totals, Undefined};
use super::ranking::Ranked;
use super::score::{self, About};
use super::{From, Metric};
use crate::stats::inference::Estimate;
use crate::stats::inference::bootstrap::{self, Units};
use crate::stats::predictions::{Rows, Scores};
use crate::support::words::{code, rows as rows_of};

/// Bins of the expected calibration error.
const BINS: usize = 10;

/// A metric of some rows.
#[derive(Debug, Clone)]
pub struct Prepared {
    shape: Shape,
    /// None: all weigh the same.
    weight: Option<Vec<f64>>,
    rows: usize,
    pub notes: Vec<String>,
    /// The number stands by convention: nothing was there to divide by.
    is_convention: bool,
}

#[derive(Debug, Clone)]
enum Shape {
    Counts {
        metric: Metric,
        how: How,
        classes: usize,
        met: Vec<(u16, u16)>,
    },
    /// The mean of the losses, or its root.
    Mean {
        losses: Vec<f64>,
        root: bool,
    },
    /// Squared errors and labels.
    Explained {
        errors: Vec<f64>,
        labels: Vec<f64>,
    },
    /// The middle of the errors, rows in their order.
    Middle {
        errors: Vec<f64>,
        order: Vec<u32>,
    },
    /// Bin and score less outcome.
    Calibration {
        bins: Vec<u8>,
        gaps: Vec<f64>,
    },
    Auc(Vec<Ranked>),
    AveragePrecision(Vec<Ranked>),
}

/// # Errors
/// The metric has no value on these rows.
pub fn prepare(asked: Asked, rows: &Rows) -> Result<Prepared, Undefined> {
    let (mut notes, mut is_convention) = (Vec::new(), false);
    let shape = match asked.metric.from() {
        From::Counts => {
            let Computed { notes: said, is_convention: convention, .. } = counts::compute(asked, &rows.confusion())?;
            (notes, is_convention) = (said, convention);
            let met = rows.label.classes().iter().copied().zip(rows.prediction.classes().iter().copied()).collect();
            let how = counts::how(asked, &rows.classes)?;
            Shape::Counts { metric: asked.metric, how, classes: rows.classes.len(), met }
        }
        From::Scores => scored(asked, rows)?,
        From::Numbers => numeric(asked.metric, rows, &mut notes),
    };
    let prepared = Prepared { shape, weight: rows.weight.clone(), rows: rows.len(), notes, is_convention };
    match prepared.value(|_| 1.0) {
        Some(value) if value.is_finite() => Ok(prepared),
        Some(value) => Err(Undefined::Unfit(format!("{} is {value} on these rows", asked.metric.name()))),
        None => Err(undefined(asked, rows)),
    }
}

impl Prepared {
    /// The value with each row counting so many times; none where there is nothing to divide by.
    pub fn value(&self, times: impl Fn(usize) -> f64) -> Option<f64> {
        match &self.weight {
            None => self.weighted(&times, &times),
            Some(weight) => self.weighted(&times, |row| weight[row] * times(row)),
        }
    }

    pub fn computed(&self) -> Computed {
        let value = self.value(|_| 1.0).unwrap_or(f64::NAN);
        Computed { value, notes: self.notes.clone(), is_convention: self.is_convention }
    }

    pub fn len(&self) -> usize {
        self.rows
    }

    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// The value with its interval: DeLong's of an area, else by resampling rows.
    pub fn estimate(&self, confidence: f64) -> Option<Estimate> {
        let weight = |row: usize| self.weight.as_ref().map_or(1.0, |weight| weight[row]);
        if let Shape::Auc(classes) = &self.shape
            && let [ranked] = classes.as_slice()
        {
            return ranked.delong(weight, confidence);
        }
        let value = self.value(|_| 1.0)?;
        bootstrap::interval(value, Units::Rows(self.rows), confidence, |times| self.value(|row| f64::from(times[row])))
    }

    /// `times` says which rows are there at all, `weight` what each of them weighs.
    fn weighted(&self, times: impl Fn(usize) -> f64, weight: impl Fn(usize) -> f64) -> Option<f64> {
        let mean = |ranked: &[Ranked], of: &dyn Fn(&Ranked) -> Option<f64>| {
            let sum: f64 = ranked.iter().map(of).sum::<Option<f64>>()?;
            (!ranked.is_empty()).then(|| sum / ranked.len() as f64)
        };
        match &self.shape {
            Shape::Counts { metric, how, classes, met } => {
                let mut totals = Totals::new(*classes);
                for (row, (label, prediction)) in met.iter().enumerate().filter(|(row, _)| times(*row) > 0.0) {
                    totals.add((*label).into(), (*prediction).into(), weight(row));
                }
                totals.value(*metric, *how)
            }
            Shape::Mean { losses, root } => {
                let (sum, all) = sums(losses, &weight);
                (all > 0.0).then(|| if *root { (sum / all).sqrt() } else { sum / all })
            }
            Shape::Explained { errors, labels } => {
                let mut weighed =
                    labels.iter().enumerate().filter(|(row, _)| weight(*row) > 0.0).map(|(_, label)| label);
                let first = weighed.next()?;
                // Told by the labels: what rounding leaves of equal ones is no spread.
                if weighed.all(|label| label == first) {
                    return None;
                }
                let ((label, all), (error, _)) = (sums(labels, &weight), sums(errors, &weight));
                let middle = label / all;
                let spread: f64 =
                    labels.iter().enumerate().map(|(row, y)| weight(row) * (y - middle) * (y - middle)).sum();
                (spread > 0.0).then(|| 1.0 - error / spread)
            }
            Shape::Middle { errors, order } => median(errors, order, &weight),
            Shape::Calibration { bins, gaps } => {
                let (mut sums, mut all) = ([0.0; BINS], 0.0);
                for (row, (bin, gap)) in bins.iter().zip(gaps).enumerate() {
                    let w = weight(row);
                    sums[usize::from(*bin)] += w * gap;
                    all += w;
                }
                (all > 0.0).then(|| sums.iter().map(|sum| sum.abs()).sum::<f64>() / all)
            }
            Shape::Auc(classes) => mean(classes, &|ranked| ranked.auc(&weight)),
            Shape::AveragePrecision(classes) => mean(classes, &|ranked| ranked.average_precision(&weight)),
        }
    }
}

fn sums(values: &[f64], weight: &impl Fn(usize) -> f64) -> (f64, f64) {
    values.iter().enumerate().fold((0.0, 0.0), |(sum, all), (row, value)| {
        let w = weight(row);
        (sum + w * value, all + w)
    })
}

/// The weighted median of scikit-learn: the mean of the first values at which the weight below, from each
/// end, reaches half.
fn median(errors: &[f64], order: &[u32], weight: &impl Fn(usize) -> f64) -> Option<f64> {
    let all: f64 = order.iter().map(|row| weight(*row as usize)).sum();
    if all <= 0.0 {
        return None;
    }
    let first = |rows: &mut dyn Iterator<Item = &u32>| {
        let mut below = 0.0;
        for row in rows {
            below += weight(*row as usize);
            if below >= all / 2.0 - 1e-12 * all {
                return Some(errors[*row as usize]);
            }
        }
        None
    };
    Some(f64::midpoint(first(&mut order.iter())?, first(&mut order.iter().rev())?))
}

fn scored(asked: Asked, rows: &Rows) -> Result<Shape, Undefined> {
    let about = score::about(asked.metric, asked.positive, rows)?;
    score::check(asked.metric, asked.positive, rows)?;
    let labels = rows.label.classes();
    let one_against_rest =
        |class: u16, scores: &[f64]| Ranked::new(scores, labels.iter().map(|label| *label == class).collect());
    let columns: Vec<(u16, &Scores)> = match about {
        About::Positive(class, scores) => vec![(class, scores)],
        About::Classes(rows) => (0..)
            .zip(rows.classes.iter())
            .filter_map(|(class, name)| score::of_class(rows, name).map(|scores| (class, scores)))
            .collect(),
    };
    let is_binary = matches!(about, About::Positive(..));
    // The probability that a row's scores give its label.
    let of_label = |row: usize| {
        let (class, scores) = columns[if is_binary { 0 } else { usize::from(labels[row]) }];
        let (p, epsilon) = (scores.values[row], scores.epsilon);
        (if class == labels[row] { p } else { 1.0 - p }).clamp(epsilon, 1.0 - epsilon)
    };
    let every = 0..rows.len();
    Ok(match asked.metric {
        Metric::RocAuc => Shape::Auc(columns.iter().map(|(class, s)| one_against_rest(*class, &s.values)).collect()),
        Metric::AveragePrecision => {
            Shape::AveragePrecision(columns.iter().map(|(class, s)| one_against_rest(*class, &s.values)).collect())
        }
        Metric::LogLoss => Shape::Mean { losses: every.map(|row| -of_label(row).ln()).collect(), root: false },
        Metric::Brier => {
            let square = |row: usize| -> f64 {
                let seen: f64 = columns
                    .iter()
                    .map(|(class, scores)| scores.values[row] - f64::from(u8::from(labels[row] == *class)))
                    .map(|miss| miss * miss)
                    .sum();
                // Columns of classes that never occur miss by all they hold.
                let unseen =
                    rows.scores.iter().filter(|s| !is_binary && !columns.iter().any(|(_, c)| c.column == s.column));
                let squares = seen + unseen.map(|s| s.values[row] * s.values[row]).sum::<f64>();
                if columns.len() == 2 && rows.scores.len() == 2 { squares / 2.0 } else { squares }
            };
            Shape::Mean { losses: every.map(square).collect(), root: false }
        }
        _ => calibration(&columns, is_binary, rows),
    })
}

/// Of the positive's score for two classes, of the top class's for more.
fn calibration(columns: &[(u16, &Scores)], is_binary: bool, rows: &Rows) -> Shape {
    let labels = rows.label.classes();
    let top = |row: usize| {
        let first = (columns[0].0, columns[0].1.values[row]);
        columns[1..].iter().fold(first, |(class, best), (other, scores)| {
            let score = scores.values[row];
            if score > best { (*other, score) } else { (class, best) }
        })
    };
    let (mut bins, mut gaps) = (Vec::with_capacity(rows.len()), Vec::with_capacity(rows.len()));
    for (row, label) in labels.iter().enumerate() {
        let (class, score) = if is_binary { (columns[0].0, columns[0].1.values[row]) } else { top(row) };
        bins.push(bin(score));
        gaps.push(score - f64::from(u8::from(*label == class)));
    }
    Shape::Calibration { bins, gaps }
}

/// `[i/10, (i+1)/10)`, the last closed.
fn bin(score: f64) -> u8 {
    let edge = |bin: f64| bin / BINS as f64;
    let guess = (score * BINS as f64).floor();
    let bin = if score < edge(guess) {
        guess - 1.0
    } else if score >= edge(guess + 1.0) {
        guess + 1.0
    } else {
        guess
    };
    bin.clamp(0.0, (BINS - 1) as f64) as u8
}

fn numeric(metric: Metric, rows: &Rows, notes: &mut Vec<String>) -> Shape {
    let (labels, predictions) = (rows.label.numbers(), rows.prediction.numbers());
    let each = |loss: &dyn Fn(f64, f64) -> f64| -> Vec<f64> {
        labels.iter().zip(predictions).map(|(label, prediction)| loss(*label, *prediction)).collect()
    };
    let absolute = |label: f64, prediction: f64| (label - prediction).abs();
    let squared = |label: f64, prediction: f64| (label - prediction) * (label - prediction);
    match metric {
        Metric::Rmse => Shape::Mean { losses: each(&squared), root: true },
        Metric::Mae => Shape::Mean { losses: each(&absolute), root: false },
        Metric::Mape => {
            let zeros = labels.iter().filter(|label| **label == 0.0).count() as u64;
            if zeros > 0 {
                notes.push(format!("{} with the label 0, of which every error is huge in percent", rows_of(zeros)));
            }
            // scikit-learn divides by no less than the smallest step at 1.
            Shape::Mean { losses: each(&|y, p| absolute(y, p) / y.abs().max(f64::EPSILON)), root: false }
        }
        Metric::MedianAe => {
            let errors = each(&absolute);
            let mut order: Vec<u32> = (0..errors.len() as u32).collect();
            order.sort_unstable_by(|a, b| errors[*a as usize].total_cmp(&errors[*b as usize]));
            Shape::Middle { errors, order }
        }
        _ => Shape::Explained { errors: each(&squared), labels: labels.to_vec() },
    }
}

/// Why there is nothing to divide by.
fn undefined(asked: Asked, rows: &Rows) -> Undefined {
    let labels = rows.label.classes();
    let of = |class: usize| labels.iter().filter(|label| usize::from(**label) == class).count();
    Undefined::Empty(match asked.metric.from() {
        _ if rows.is_empty() => "there are no rows".into(),
        From::Scores => {
            let lonely = rows.classes.iter().enumerate().find(|(class, _)| of(*class) == labels.len());
            let unseen = rows.classes.iter().enumerate().find(|(class, _)| of(*class) == 0);
            match (lonely, unseen) {
                (Some((_, class)), _) => format!("every label is {}: there is one class only", code(class)),
                (None, Some((_, class))) => format!("class {} never occurs as a label", code(class)),
                (None, None) => "no row has any weight".into(),
            }
        }
        From::Numbers if asked.metric == Metric::R2 => "all labels are equal: there is nothing to explain".into(),
        From::Numbers | From::Counts => "no row has any weight".into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::inference::oracle::{cases, near, numbers};
    use crate::stats::inference::simulated;
    use crate::stats::predictions::Column;

    #[test]
    fn bins_are_closed_below_and_the_last_above() {
        let edges = [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9];
        assert_eq!(edges.map(bin), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
        assert_eq!(edges[1..].iter().map(|edge| bin(edge.next_down())).collect::<Vec<_>>(), (0..9).collect::<Vec<_>>());
        assert_eq!(bin(1.0), 9);
    }

    #[test]
    fn weighted_medians_are_scikit_learns() {
        for case in cases("weighted_median") {
            let (errors, weights) = (numbers(&case, "values"), numbers(&case, "weights"));
            let mut order: Vec<u32> = (0..errors.len() as u32).collect();
            order.sort_by(|a, b| errors[*a as usize].total_cmp(&errors[*b as usize]));
            near(median(&errors, &order, &|row| weights[row]).unwrap(), &case, "value", 1e-12);
        }
    }

    fn regression(labels: Vec<f64>, predictions: Vec<f64>) -> Rows {
        Rows { label: Column::Numbers(labels), prediction: Column::Numbers(predictions), ..Rows::default() }
    }

    #[test]
    fn equal_labels_explain_nothing() {
        let rows = regression(vec![2.0, 2.0], vec![1.0, 3.0]);
        let asked = Asked { metric: Metric::R2, average: None, positive: None };
        assert!(prepare(asked, &rows).unwrap_err().why().starts_with("all labels are equal"));
    }

    #[test]
    fn the_bootstrap_covers_as_often_as_it_says() {
        // The mean absolute error of a standard normal error is √(2/π).
        let truth = (2.0 / std::f64::consts::PI).sqrt();
        let covered = simulated::share(300, |draw| {
            let rows = regression(vec![0.0; 150], (0..150).map(|_| draw.normal()).collect());
            let asked = Asked { metric: Metric::Mae, average: None, positive: None };
            let interval = prepare(asked, &rows).unwrap().estimate(0.95).unwrap().interval;
            (interval.low..=interval.high).contains(&truth)
        });
        assert!((0.90..=0.985).contains(&covered), "{covered}");
    }

    #[test]
    fn the_bootstrap_is_the_same_on_one_thread() {
        let rows = regression(vec![0.0; 101], (0..101).map(f64::from).collect());
        let asked = Asked { metric: Metric::Rmse, average: None, positive: None };
        let prepared = prepare(asked, &rows).unwrap();
        let alone = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        let three = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
        assert_eq!(alone.install(|| prepared.estimate(0.9)), three.install(|| prepared.estimate(0.9)));
    }
}
