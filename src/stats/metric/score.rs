//! Which column scores which class, and whether scores are probabilities.

use super::counts::{Undefined, binary};
use super::{Metric, positive};
use crate::stats::predictions::{Rows, Scores};
use crate::support::words::{code, number};

/// How far the scores of a row may be from adding up to 1: scikit-learn's tolerance.
const ADDS_UP: f64 = 1.1e-5;

/// The scores of a table, by what they are about.
#[derive(Debug, Clone, Copy)]
pub enum About<'a> {
    /// One class against the other: its index, its scores.
    Positive(u16, &'a Scores),
    /// One column a class, in the order of the classes.
    Classes(&'a Rows),
}

/// # Errors
/// No scores, or not of the classes there are.
pub fn about<'a>(metric: Metric, named: Option<&str>, rows: &'a Rows) -> Result<About<'a>, Undefined> {
    let classes = &rows.classes;
    if rows.scores.is_empty() {
        return Err(Undefined::Unfit(
            "the predictions have no scores: a column `score`, or one `score_<class>` a class, is needed".into(),
        ));
    }
    let lone = rows.scores.iter().find(|scores| scores.class.is_none());
    if let Some(positive) = positive(named, classes) {
        let class = binary(positive, classes)?;
        let of_class = rows.scores.iter().find(|scores| scores.class.as_deref() == Some(positive));
        let scores = lone.or(of_class).ok_or_else(|| {
            Undefined::Unfit(format!("there is no column `score`, nor {}", code(&format!("score_{positive}"))))
        })?;
        return Ok(About::Positive(class as u16, scores));
    }
    if let Some(scores) = lone {
        return Err(Undefined::Unfit(if classes.len() > 2 {
            format!(
                "there are {} classes and one column of scores: one `score_<class>` a class is needed",
                classes.len()
            )
        } else {
            format!("which class is {} of? set `model.predictions.positive`", code(&scores.column))
        }));
    }
    let without = classes.iter().find(|class| !rows.scores.iter().any(|s| s.class.as_ref() == Some(*class)));
    if let Some(class) = without {
        return Err(Undefined::Unfit(format!(
            "class {} has no column {}",
            code(class),
            code(&format!("score_{class}"))
        )));
    }
    let needs_all = matches!(metric, Metric::RocAuc | Metric::AveragePrecision);
    let unseen = rows.scores.iter().find(|s| !s.class.as_ref().is_some_and(|class| classes.contains(class)));
    match unseen {
        Some(scores) if needs_all => {
            Err(Undefined::Unfit(format!("{} is of a class that never occurs", code(&scores.column))))
        }
        _ => Ok(About::Classes(rows)),
    }
}

/// Whether the scores are what the metric needs: of the right classes, and probabilities unless only
/// their order counts.
///
/// # Errors
/// They are not.
pub fn check(metric: Metric, named: Option<&str>, rows: &Rows) -> Result<(), Undefined> {
    let about = about(metric, named, rows)?;
    let is_ranking = matches!(metric, Metric::RocAuc | Metric::AveragePrecision);
    // Where each of two classes has its column, what one says of the other counts as well.
    if rows.scores.len() > 1 && rows.scores.iter().all(|scores| scores.class.is_some()) {
        return are_probabilities(About::Classes(rows));
    }
    // A ranking of one column asks for order alone.
    if is_ranking && matches!(about, About::Positive(..)) { Ok(()) } else { are_probabilities(about) }
}

/// # Errors
/// The first score that is no probability, or row whose scores do not add up to 1.
fn are_probabilities(about: About) -> Result<(), Undefined> {
    let columns = match about {
        About::Positive(_, scores) => std::slice::from_ref(scores),
        About::Classes(rows) => &rows.scores[..],
    };
    for scores in columns {
        if let Some(row) = scores.values.iter().position(|value| !(0.0..=1.0).contains(value)) {
            return Err(Undefined::Unfit(format!(
                "{} is {} in row {}, and a probability lies in 0 to 1",
                code(&scores.column),
                number(scores.values[row], &[0.0, 1.0]),
                row + 1
            )));
        }
    }
    if let About::Classes(rows) = about {
        let sum = |row: usize| columns.iter().map(|scores| scores.values[row]).sum::<f64>();
        if let Some(row) = (0..rows.len()).find(|row| (sum(*row) - 1.0).abs() > ADDS_UP) {
            return Err(Undefined::Unfit(format!(
                "the scores of row {} add up to {}, and probabilities add up to 1",
                row + 1,
                number(sum(row), &[1.0])
            )));
        }
    }
    Ok(())
}

/// The scores of a class.
pub fn of_class<'a>(rows: &'a Rows, class: &str) -> Option<&'a Scores> {
    rows.scores.iter().find(|scores| scores.class.as_deref() == Some(class))
}
