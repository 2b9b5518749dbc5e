//! What a model must beat: always the most common class, with the classes' shares for scores; or the mean.
//! scikit-learn's `DummyClassifier(strategy="prior")` and `DummyRegressor()`.

use crate::predictions::{Cell, Column, Confusion, Rows, Scores};

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
