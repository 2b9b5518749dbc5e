//! Which score is of which class, told by the labels that come along: of all batches together, as one alone may be of
//! one row.

use std::sync::Arc;

use super::{Labels, Predicted};
use crate::support::problem::Problem;
use crate::support::words::{code, list};

/// A class stands out when its score leads by so much.
const LEAD: f64 = 1e-6;

/// What earlier batches said of the order of the scores.
#[derive(Debug, Clone, Default)]
pub struct Orders {
    /// The order that they were read in.
    chosen: Option<Vec<String>>,
    /// Whether a label was not that of the largest score, as with a threshold of the model's own.
    is_contradicted: bool,
    /// The smallest score of the second of two classes where that was said, and the largest where it was not.
    called: Option<f64>,
    not: Option<f64>,
}

impl Orders {
    /// Predictions with a score for each class, of classes in one of these orders.
    ///
    /// Where labels came along, they must be those of the largest scores in one of the orders: a model that was put
    /// together from others holds their classes too.
    ///
    /// # Errors
    /// The labels are of no order, or of another one than before.
    pub fn classified(
        &mut self,
        said: Option<Labels>,
        values: &[f64],
        width: usize,
        orders: &[Vec<String>],
    ) -> Result<Predicted, Problem> {
        let Some(first) = orders.first() else { return Err(Problem::new("the model has no classes")) };
        let candidates = match &self.chosen {
            Some(chosen) if orders.contains(chosen) => vec![chosen.clone()],
            Some(chosen) => {
                let names = |classes: &[String]| list(classes.iter().map(String::as_str));
                let said = format!("the model has the classes {}, and had {}", names(first), names(chosen));
                return Err(Problem::new(said).hint("a model that is judged has the same classes in every answer"));
            }
            None => orders.to_vec(),
        };
        let places = |classes: &[String]| said.as_ref().map(|said| said.places(classes));
        let contradicted = |classes: &[String]| {
            let places = places(classes)?;
            let mut rows = places.iter().zip(values.chunks_exact(width.max(1)));
            rows.position(|(place, scores)| {
                let (best, leads) = best(scores);
                place.is_none_or(|place| leads && place != best)
            })
        };
        let consistent = candidates.iter().find(|classes| contradicted(classes).is_none());
        let classes = consistent.unwrap_or(&candidates[0]).clone();
        // A threshold of its own is the model's good right, where there is no doubt about the names: then all rows that
        // say otherwise say the same.
        let may_have_threshold = orders.len() == 1 && width == 2;
        let mut is_right = consistent.is_some() || may_have_threshold;
        if width == 2
            && let Some(places) = places(&classes)
        {
            is_right &= places.iter().all(Option::is_some);
            self.add(&places, values);
        }
        self.is_contradicted |= consistent.is_none();
        if !is_right || self.is_contradicted && !self.is_one_sided() {
            let row = contradicted(&classes).unwrap_or_default();
            let label = said.as_ref().map(|said| said.name(row)).unwrap_or_default();
            let scores = &values[row * width..(row + 1) * width];
            let said = format!(
                "the model says {} where its score number {} is the largest, so its scores are not those of {}",
                code(&label),
                best(scores).0 + 1,
                list(classes.iter().map(String::as_str))
            );
            return Err(Problem::new(said).hint(
                "name the classes in the order of the scores: `model.classes`; or take the classes alone: `model.outputs: { \
                 prediction: … }`",
            ));
        }
        let rows = values.chunks_exact(width.max(1));
        let prediction = said.unwrap_or_else(|| Labels::of(&classes, rows.clone().map(|row| best(row).0)));
        let scores = (0..width).map(|class| rows.clone().map(|row| row[class]).collect()).collect();
        self.chosen = Some(classes.clone());
        Ok(Predicted { prediction, classes: Arc::new(classes), scores })
    }

    fn add(&mut self, places: &[Option<usize>], values: &[f64]) {
        for (place, scores) in places.iter().zip(values.chunks_exact(2)) {
            match place {
                Some(1) => self.called = Some(self.called.map_or(scores[1], |called| called.min(scores[1]))),
                _ => self.not = Some(self.not.map_or(scores[1], |not| not.max(scores[1]))),
            }
        }
    }

    /// Whether all labels so far are those of some threshold.
    fn is_one_sided(&self) -> bool {
        self.called.zip(self.not).is_none_or(|(called, not)| called + LEAD >= not)
    }
}

/// The class of the largest score, and whether it leads.
fn best(scores: &[f64]) -> (usize, bool) {
    let first = scores.iter().enumerate().fold(0, |best, (at, value)| if *value > scores[best] { at } else { best });
    let leads = scores.iter().enumerate().all(|(at, value)| at == first || scores[first] - value > LEAD);
    (first, leads)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn orders(all: &[[&str; 2]]) -> Vec<Vec<String>> {
        all.iter().map(|one| one.iter().map(|name| (*name).to_owned()).collect()).collect()
    }

    /// Rows one at a time: a label and the second score.
    fn check(orders: &[Vec<String>], rows: &[(i64, f64)]) -> Result<(), String> {
        let mut state = Orders::default();
        for (label, score) in rows {
            let said = Some(Labels::Integer(vec![*label]));
            state.classified(said, &[1.0 - score, *score], 2, orders).map_err(|problem| problem.message)?;
        }
        Ok(())
    }

    #[test]
    fn swapped_scores_are_found_row_by_row_too() {
        let one = orders(&[["0", "1"]]);
        assert!(check(&one, &[(0, 0.9), (1, 0.1)]).unwrap_err().contains("are not those of `0`, `1`"));
        assert!(check(&one, &[(1, 0.6), (0, 0.9)]).is_err());
        assert_eq!(check(&one, &[(0, 0.9), (0, 0.2), (1, 0.95)]), Ok(()));
        assert_eq!(check(&one, &[(1, 0.2), (1, 0.9), (0, 0.1)]), Ok(()));
    }

    #[test]
    fn what_one_batch_was_read_in_holds_for_all() {
        let two = orders(&[["0", "1"], ["1", "0"]]);
        assert_eq!(check(&two, &[(1, 0.9), (0, 0.2)]), Ok(()));
        assert_eq!(check(&two, &[(0, 0.9), (1, 0.2)]), Ok(()));
        // The first row fits the first order, the second one only the other.
        assert!(check(&two, &[(1, 0.9), (0, 0.8)]).is_err());
        let mut state = Orders::default();
        let mut read = |order: [&str; 2]| state.classified(None, &[0.25, 0.75], 2, &orders(&[order]));
        read(["a", "b"]).unwrap();
        assert!(read(["b", "a"]).unwrap_err().message.contains("and had `a`, `b`"));
    }

    #[test]
    fn a_label_of_no_class_is_no_threshold() {
        assert!(check(&orders(&[["0", "1"]]), &[(7, 0.9)]).is_err());
    }
}
