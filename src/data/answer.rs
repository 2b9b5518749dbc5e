//! What a model says of rows: classes, their scores, numbers, and how far two such answers are apart.

use std::sync::Arc;

use crate::support::problem::Problem;
use crate::support::words::{code, list};

/// What a model says of some rows.
#[derive(Debug, Clone, PartialEq)]
pub struct Predicted {
    pub prediction: Labels,
    /// The classes in the order of the scores; one alone is the positive class.
    pub classes: Arc<Vec<String>>,
    /// One list a class, one score a row.
    pub scores: Vec<Vec<f64>>,
}

/// What is predicted of each row.
#[derive(Debug, Clone, PartialEq)]
pub enum Labels {
    Number(Vec<f64>),
    Integer(Vec<i64>),
    Text(Vec<String>),
    Boolean(Vec<bool>),
}

impl Labels {
    pub fn len(&self) -> usize {
        match self {
            Self::Number(values) => values.len(),
            Self::Integer(values) => values.len(),
            Self::Text(values) => values.len(),
            Self::Boolean(values) => values.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The label of a row as tables name classes.
    pub fn name(&self, row: usize) -> String {
        match self {
            Self::Number(values) => values[row].to_string(),
            Self::Integer(values) => values[row].to_string(),
            Self::Text(values) => values[row].clone(),
            Self::Boolean(values) => values[row].to_string(),
        }
    }

    /// The place of each row's label among the classes, where it is one of them.
    pub fn places(&self, classes: &[String]) -> Vec<Option<usize>> {
        let by_name = |row: usize| {
            let name = self.name(row);
            classes.iter().position(|class| *class == name)
        };
        match self {
            // Names of numbers are made once, and not for every row.
            Self::Integer(values) => {
                let numbers: Vec<Option<i64>> = classes.iter().map(|class| class.parse().ok()).collect();
                values.iter().map(|value| numbers.iter().position(|class| *class == Some(*value))).collect()
            }
            _ => (0..self.len()).map(by_name).collect(),
        }
    }

    pub(crate) fn part(&self, first: usize, rows: usize) -> Self {
        match self {
            Self::Number(values) => Self::Number(values[first..first + rows].to_vec()),
            Self::Integer(values) => Self::Integer(values[first..first + rows].to_vec()),
            Self::Text(values) => Self::Text(values[first..first + rows].to_vec()),
            Self::Boolean(values) => Self::Boolean(values[first..first + rows].to_vec()),
        }
    }

    /// Both are of one model, and so of one type.
    pub(crate) fn append(&mut self, other: Self) {
        match (self, other) {
            (Self::Number(mine), Self::Number(theirs)) => mine.extend(theirs),
            (Self::Integer(mine), Self::Integer(theirs)) => mine.extend(theirs),
            (Self::Text(mine), Self::Text(theirs)) => mine.extend(theirs),
            (Self::Boolean(mine), Self::Boolean(theirs)) => mine.extend(theirs),
            // An endpoint may answer 1 here and 1.5 there.
            (mine, theirs) => {
                let number = |labels: &Self, row: usize| labels.name(row).parse().unwrap_or(f64::NAN);
                let all = (0..mine.len()).map(|row| number(mine, row));
                *mine = Self::Number(all.chain((0..theirs.len()).map(|row| number(&theirs, row))).collect());
            }
        }
    }

    /// Classes by their names: whole numbers where all names are such.
    pub(crate) fn of(classes: &[String], chosen: impl Iterator<Item = usize>) -> Self {
        let whole: Option<Vec<i64>> = classes.iter().map(|class| class.parse().ok()).collect();
        match whole {
            Some(whole) => Self::Integer(chosen.map(|at| whole[at]).collect()),
            None => Self::Text(chosen.map(|at| classes[at].clone()).collect()),
        }
    }
}

impl Predicted {
    /// Of `rows` rows from `first` on.
    #[must_use]
    pub fn part(&self, first: usize, rows: usize) -> Self {
        let scores = self.scores.iter().map(|scores| scores[first..first + rows].to_vec()).collect();
        Self { prediction: self.prediction.part(first, rows), classes: Arc::clone(&self.classes), scores }
    }

    /// The first row with a score that is no number.
    pub fn first_nan(&self) -> Option<usize> {
        (0..self.prediction.len()).find(|row| self.scores.iter().any(|scores| scores[*row].is_nan()))
    }

    /// The first row of which no number is said, though numbers are what is said.
    pub fn first_lost(&self) -> Option<usize> {
        match &self.prediction {
            Labels::Number(values) if self.scores.is_empty() => values.iter().position(|value| value.is_nan()),
            _ => self.first_nan(),
        }
    }

    /// From the last row to the first.
    #[must_use]
    pub fn reversed(mut self) -> Self {
        match &mut self.prediction {
            Labels::Number(values) => values.reverse(),
            Labels::Integer(values) => values.reverse(),
            Labels::Text(values) => values.reverse(),
            Labels::Boolean(values) => values.reverse(),
        }
        self.scores.iter_mut().for_each(|scores| scores.reverse());
        self
    }

    /// Of the first rows alone.
    pub fn truncate(&mut self, rows: usize) {
        if rows < self.prediction.len() {
            *self = self.part(0, rows);
        }
    }

    /// Adds further rows of the same model.
    pub fn append(&mut self, other: Self) {
        self.prediction.append(other.prediction);
        self.scores.iter_mut().zip(other.scores).for_each(|(mine, theirs)| mine.extend(theirs));
    }

    /// How far two predictions of one row are from each other: the largest difference of a score, else of the number;
    /// classes without scores are the same or infinitely far. NaN is far from everything.
    pub fn distance(&self, row: usize, other: &Self, at: usize) -> f64 {
        let far = |a: f64, b: f64| {
            let apart = (a - b).abs();
            // Nothing that is infinite or no number is near anything.
            if apart.is_finite() { apart } else { f64::INFINITY }
        };
        if self.scores.len() != other.scores.len() {
            return f64::INFINITY;
        }
        if !self.scores.is_empty() {
            let pairs = self.scores.iter().zip(&other.scores);
            return pairs.map(|(mine, theirs)| far(mine[row], theirs[at])).fold(0.0, f64::max);
        }
        match (&self.prediction, &other.prediction) {
            (Labels::Number(mine), Labels::Number(theirs)) => far(mine[row], theirs[at]),
            (Labels::Number(mine), Labels::Integer(theirs)) => far(mine[row], theirs[at] as f64),
            (Labels::Integer(mine), Labels::Number(theirs)) => far(mine[row] as f64, theirs[at]),
            (Labels::Boolean(mine), Labels::Integer(theirs)) if i64::from(mine[row]) == theirs[at] => 0.0,
            (Labels::Integer(mine), Labels::Boolean(theirs)) if mine[row] == i64::from(theirs[at]) => 0.0,
            (mine, theirs) if mine.name(row) == theirs.name(at) => 0.0,
            _ => f64::INFINITY,
        }
    }

    /// The number that rises and falls: the score of that class, of the only class, or the predicted number.
    ///
    /// # Errors
    /// There are several, and nothing says which.
    pub fn level(&self, positive: Option<&str>) -> Result<Vec<f64>, Problem> {
        let of = |class: &str| self.classes.iter().position(|own| own == class).map(|at| self.scores[at].clone());
        if !self.scores.is_empty() {
            let positive = positive.or_else(|| usual_positive(&self.classes));
            return match (self.scores.len(), positive) {
                (1, _) => Ok(self.scores[0].clone()),
                (_, Some(class)) => of(class).ok_or_else(|| {
                    let known = list(self.classes.iter().map(String::as_str));
                    Problem::new(format!("the model has no class {}: it has {known}", code(class))).hint(
                        "set `model.predictions.positive` to one of them, or name the classes in the order of the scores: \
                         `model.classes`",
                    )
                }),
                (_, None) => Err(Problem::new("the model has several classes, and nothing says whose score is meant")
                    .hint("set `model.predictions.positive`")),
            };
        }
        match &self.prediction {
            Labels::Number(values) => Ok(values.clone()),
            Labels::Integer(values) if positive.is_none() => Ok(values.iter().map(|value| *value as f64).collect()),
            _ => Err(Problem::new("the model says classes without scores, which neither rise nor fall")
                .hint("export it with its probabilities")),
        }
    }

    /// What the model says of a row, in short.
    pub fn shown(&self, row: usize, positive: Option<&str>) -> String {
        let level = self.level(positive).ok().map(|level| level[row]);
        match level {
            Some(level) => crate::support::words::number(level, &[]),
            None => self.prediction.name(row),
        }
    }
}

/// The second of 0 and 1, or of false and true.
pub fn usual_positive(classes: &[String]) -> Option<&str> {
    let names: Vec<&str> = classes.iter().map(String::as_str).collect();
    match names.as_slice() {
        ["0", "1"] => Some("1"),
        ["false", "true"] => Some("true"),
        ["False", "True"] => Some("True"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nan_is_far_from_everything() {
        let number =
            |value: f64| Predicted { prediction: Labels::Number(vec![value]), classes: Arc::default(), scores: vec![] };
        assert_eq!(number(f64::NAN).distance(0, &number(f64::NAN), 0), f64::INFINITY);
        assert_eq!(number(f64::INFINITY).distance(0, &number(f64::INFINITY), 0), f64::INFINITY);
        assert_eq!(number(1.0).distance(0, &number(1.5), 0), 0.5);
    }
}
