//! What a model must beat: always the most common class, with the classes' shares for scores; or the mean.
//! scikit-learn's `DummyClassifier(strategy="prior")` and `DummyRegressor()`.

use super::counts::{self, Asked, Computed, How, Totals, Undefined};
use super::{Better, Metric, rowwise};
use crate::stats::inference::bootstrap::{self, Units};
use crate::stats::inference::{Estimate, kish, paired};
use crate::stats::predictions::{Cell, Column, Confusion, Rows, Scores};

/// A model beside the dummy, on the same rows.
#[derive(Debug)]
pub struct Comparison {
    pub model: Computed,
    pub dummy: Computed,
    /// The gain over the dummy with its interval; none where it was not asked, or the rows do not tell.
    pub estimate: Option<Estimate>,
    /// Whether the model says of any row something else than the dummy.
    pub differs: bool,
    pub rows: u64,
}

/// Why there is nothing to compare, and whose number has no value.
pub type Incomparable = (Undefined, &'static str);

/// Compares by counts: Tango's interval where right is right, else a paired bootstrap of the counts.
///
/// # Errors
/// The metric has no value for one of them.
pub fn compare_counts(asked: Asked, of: &Confusion, confidence: Option<f64>) -> Result<Comparison, Incomparable> {
    let always = of_counts(of);
    let model = counts::compute(asked, of).map_err(|why| (why, "the model"))?;
    let dummy = counts::compute(asked, &always).map_err(|why| (why, "the dummy"))?;
    let how = counts::how(asked, &of.classes).map_err(|why| (why, "the model"))?;
    let said = always.cells.first().map_or(0, |cell| cell.prediction);
    let gain = asked.metric.better().gain(model.value, dummy.value);
    let interval = |confidence: f64| {
        if asked.metric == Metric::Accuracy || how == How::Micro {
            return Some(Estimate { value: gain, ..tango(of, said, confidence) });
        }
        let rows: Vec<u64> = of.cells.iter().map(|cell| cell.rows).collect();
        bootstrap::interval(gain, Units::Alike(&rows), confidence, |times| {
            let value = |prediction: &dyn Fn(&Cell) -> usize| {
                let mut totals = Totals::new(of.classes.len());
                for (cell, times) in of.cells.iter().zip(times).filter(|(_, times)| **times > 0) {
                    totals.add(cell.label, prediction(cell), f64::from(*times));
                }
                totals.value(asked.metric, how)
            };
            Some(asked.metric.better().gain(value(&|cell| cell.prediction)?, value(&|_| said)?))
        })
    };
    let estimate = confidence.and_then(interval);
    let differs = of.cells.iter().any(|cell| cell.rows > 0 && cell.prediction != said);
    Ok(Comparison { model, dummy, estimate, differs, rows: of.rows() })
}

/// Rows that only one of the two gets right.
fn tango(of: &Confusion, said: usize, confidence: f64) -> Estimate {
    let sum = |is: &dyn Fn(&Cell) -> bool| of.cells.iter().filter(|cell| is(cell)).map(|cell| cell.weight).sum::<f64>();
    let (all, squares) = (sum(&|_| true), of.cells.iter().map(|cell| cell.squares).sum());
    let only_model = sum(&|cell| cell.label == cell.prediction && cell.label != said);
    let only_dummy = sum(&|cell| cell.label == said && cell.prediction != said);
    paired::tango(only_model / all, only_dummy / all, kish(all, squares), of.rows(), confidence)
}

/// Compares row by row, by a paired bootstrap.
///
/// # Errors
/// The metric has no value for one of them.
pub fn compare_rows(
    asked: Asked,
    of: &Rows,
    positive: Option<&str>,
    confidence: Option<f64>,
) -> Result<Comparison, Incomparable> {
    let model = rowwise::prepare(asked, of).map_err(|why| (why, "the model"))?;
    let dummy = rowwise::prepare(asked, &of_rows(of, positive)).map_err(|why| (why, "the dummy"))?;
    let better: Better = asked.metric.better();
    let gain = better.gain(model.computed().value, dummy.computed().value);
    let interval = |confidence: f64| {
        bootstrap::interval(gain, Units::Rows(of.len()), confidence, |times| {
            let drawn = |row: usize| f64::from(times[row]);
            Some(better.gain(model.value(drawn)?, dummy.value(drawn)?))
        })
    };
    let estimate = confidence.and_then(interval);
    Ok(Comparison { model: model.computed(), dummy: dummy.computed(), estimate, differs: true, rows: of.len() as u64 })
}

/// The counts of always saying the most common label.
pub fn of_counts(counts: &Confusion) -> Confusion {
    let mut labels = vec![(0, 0.0, 0.0); counts.classes.len()];
    for cell in &counts.cells {
        let label = &mut labels[cell.label];
        *label = (label.0 + cell.rows, label.1 + cell.weight, label.2 + cell.squares);
    }
    let said = most_common(labels.iter().map(|(_, weight, _)| *weight));
    let cells = labels.into_iter().enumerate().filter(|(_, (rows, ..))| *rows > 0);
    let cells =
        cells.map(|(label, (rows, weight, squares))| Cell { slice: 0, label, prediction: said, rows, weight, squares });
    Confusion { classes: counts.classes.clone(), slices: vec![String::new()], cells: cells.collect() }
}

/// The same rows with what the dummy says of them.
pub fn of_rows(rows: &Rows, positive: Option<&str>) -> Rows {
    let mut dummy = Rows { weight: rows.weight.clone(), classes: rows.classes.clone(), ..Rows::default() };
    dummy.label = rows.label.clone();
    if let Column::Numbers(labels) = &rows.label {
        let (sum, all) = labels
            .iter()
            .enumerate()
            .fold((0.0, 0.0), |(sum, all), (row, label)| (sum + rows.weight(row) * label, all + rows.weight(row)));
        dummy.prediction = Column::Numbers(vec![sum / all; labels.len()]);
        return dummy;
    }
    let mut shares = vec![0.0; rows.classes.len()];
    for (row, label) in rows.label.classes().iter().enumerate() {
        shares[usize::from(*label)] += rows.weight(row);
    }
    let all: f64 = shares.iter().sum();
    dummy.prediction = Column::Classes(vec![most_common(shares.iter().copied()) as u16; rows.len()]);
    dummy.scores = rows
        .scores
        .iter()
        .map(|scores| {
            let class = scores.class.as_deref().or(positive);
            let at = rows.classes.iter().position(|known| Some(known.as_str()) == class);
            let share = at.map_or(0.0, |at| shares[at] / all);
            Scores {
                values: vec![share; rows.len()],
                column: scores.column.clone(),
                class: scores.class.clone(),
                ..*scores
            }
        })
        .collect();
    dummy
}

/// The first of the largest.
fn most_common(weights: impl Iterator<Item = f64>) -> usize {
    weights.enumerate().fold((0, f64::NEG_INFINITY), |best, (at, w)| if w > best.1 { (at, w) } else { best }).0
}
