//! A table of predictions as the model gate sees it: which columns are what, how rows are sliced, and the
//! two shapes in which it is measured: counts of label and prediction, and rows in short.

pub mod join;

use std::sync::Arc;

use crate::support::limit::Total;

/// The names in a predictions table, as the config has them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    pub label: String,
    pub prediction: String,
    /// The score of the positive class; without it `score`, or one `score_<class>` a class.
    pub score: Option<String>,
    /// The class that scores and binary metrics are about.
    pub positive: Option<String>,
    pub weight: Option<String>,
    /// What tells rows apart, to find each in the baseline's predictions.
    pub key: Option<String>,
    pub latency: String,
}

impl Default for Names {
    fn default() -> Self {
        Self {
            label: "label".into(),
            prediction: "prediction".into(),
            score: None,
            positive: None,
            weight: None,
            key: None,
            latency: "latency_ms".into(),
        }
    }
}

/// How a column cuts the rows into slices: by its values, or by bins of a number.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slicer {
    pub column: String,
    /// Ascending; bins are closed below: `[25, 40)`. None: every value is a slice.
    pub edges: Vec<Total>,
}

impl Slicer {
    pub fn values(column: &str) -> Self {
        Self { column: column.to_owned(), edges: Vec::new() }
    }

    /// The bin's name, `age 25 to 40`; `bin` is how many edges lie at or below the value.
    pub fn bin(&self, bin: usize) -> String {
        let edge = |at: usize| self.edges[at].0;
        match bin {
            0 => format!("{} < {}", self.column, edge(0)),
            bin if bin == self.edges.len() => format!("{} >= {}", self.column, edge(bin - 1)),
            bin => format!("{} {} to {}", self.column, edge(bin - 1), edge(bin)),
        }
    }
}

/// What label and prediction are read as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reading {
    Classes,
    Numbers,
}

/// How often each label met each prediction, in each slice. Weights are 1 where there are none.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Confusion {
    /// Of labels and predictions, sorted.
    pub classes: Vec<String>,
    /// Names of the slices, sorted; without slicers one, without a name.
    pub slices: Vec<String>,
    /// At most one for each slice, label and prediction.
    pub cells: Vec<Cell>,
}

/// Rows of one slice with one label and one prediction.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Cell {
    pub slice: usize,
    /// Of [`Confusion::classes`].
    pub label: usize,
    pub prediction: usize,
    pub rows: u64,
    pub weight: f64,
    /// Sum of the weights' squares.
    pub squares: f64,
}

/// The columns of a predictions table in short, in the table's order.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Rows {
    /// Of labels and predictions, sorted; empty where they are numbers.
    pub classes: Arc<Vec<String>>,
    pub label: Column,
    pub prediction: Column,
    /// One a class, or one of the positive class.
    pub scores: Vec<Scores>,
    pub weight: Option<Vec<f64>>,
    /// Names of the slices, sorted; the slice of each row.
    pub slices: Vec<String>,
    pub slice: Vec<u16>,
    pub key: Option<Vec<u128>>,
    /// A hash of the columns that tell whether two rows are about the same thing.
    pub about: Vec<u64>,
}

/// A label or a prediction, row by row.
#[derive(Debug, Clone, PartialEq)]
pub enum Column {
    /// Indices of [`Rows::classes`].
    Classes(Vec<u16>),
    Numbers(Vec<f64>),
}

impl Default for Column {
    fn default() -> Self {
        Self::Classes(Vec::new())
    }
}

/// The scores of one class.
#[derive(Debug, Clone, PartialEq)]
pub struct Scores {
    /// The column they stand in.
    pub column: String,
    /// The class they are of; none where that is the positive one, whichever that is.
    pub class: Option<String>,
    pub values: Vec<f64>,
    /// The smallest step of the type they were stored in (2⁻⁵² or 2⁻²³).
    pub epsilon: f64,
}

impl Column {
    pub fn len(&self) -> usize {
        match self {
            Self::Classes(values) => values.len(),
            Self::Numbers(values) => values.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Makes room for so many rows.
    pub fn reserve(&mut self, rows: usize) {
        match self {
            Self::Classes(values) => values.reserve_exact(rows),
            Self::Numbers(values) => values.reserve_exact(rows),
        }
    }

    pub fn classes(&self) -> &[u16] {
        match self {
            Self::Classes(values) => values,
            Self::Numbers(_) => &[],
        }
    }

    pub fn numbers(&self) -> &[f64] {
        match self {
            Self::Classes(_) => &[],
            Self::Numbers(values) => values,
        }
    }

    fn take(&self, rows: &[usize]) -> Self {
        match self {
            // Scores are asked of labels alone.
            Self::Classes(values) if values.is_empty() => Self::default(),
            Self::Classes(values) => Self::Classes(rows.iter().map(|row| values[*row]).collect()),
            Self::Numbers(values) => Self::Numbers(rows.iter().map(|row| values[*row]).collect()),
        }
    }
}

impl Rows {
    pub fn len(&self) -> usize {
        self.label.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn weight(&self, row: usize) -> f64 {
        self.weight.as_ref().map_or(1.0, |weight| weight[row])
    }

    /// These rows, in this order; slices and keys are left behind.
    #[must_use]
    pub fn take(&self, rows: &[usize]) -> Self {
        let scores = |scores: &Scores| Scores {
            values: rows.iter().map(|row| scores.values[*row]).collect(),
            ..Scores { column: scores.column.clone(), class: scores.class.clone(), values: vec![], ..*scores }
        };
        Self {
            classes: Arc::clone(&self.classes),
            label: self.label.take(rows),
            prediction: self.prediction.take(rows),
            scores: self.scores.iter().map(scores).collect(),
            weight: self.weight.as_ref().map(|weight| rows.iter().map(|row| weight[*row]).collect()),
            ..Self::default()
        }
    }

    /// The rows of each slice, in the order of their names.
    pub fn split(&self) -> Vec<(String, Self)> {
        let mut members: Vec<Vec<usize>> = vec![Vec::new(); self.slices.len()];
        for (row, slice) in self.slice.iter().enumerate() {
            members[usize::from(*slice)].push(row);
        }
        self.slices.iter().zip(members).map(|(name, rows)| (name.clone(), self.take(&rows))).collect()
    }

    /// How often each label met each prediction; nothing where they are numbers.
    pub fn confusion(&self) -> Confusion {
        let width = self.classes.len();
        let mut cells = vec![Cell::default(); width * width];
        for (row, (label, prediction)) in self.label.classes().iter().zip(self.prediction.classes()).enumerate() {
            let cell = &mut cells[usize::from(*label) * width + usize::from(*prediction)];
            let weight = self.weight(row);
            cell.rows += 1;
            cell.weight += weight;
            cell.squares += weight * weight;
        }
        for (at, cell) in cells.iter_mut().enumerate() {
            (cell.label, cell.prediction) = (at / width, at % width);
        }
        cells.retain(|cell| cell.rows > 0);
        Confusion { classes: self.classes.to_vec(), slices: vec![String::new()], cells }
    }
}

impl Confusion {
    /// The counts of one slice.
    #[must_use]
    pub fn slice(&self, slice: usize) -> Self {
        let cells = self.cells.iter().filter(|cell| cell.slice == slice);
        Self {
            classes: self.classes.clone(),
            slices: vec![self.slices[slice].clone()],
            cells: cells.map(|cell| Cell { slice: 0, ..*cell }).collect(),
        }
    }

    pub fn rows(&self) -> u64 {
        self.cells.iter().map(|cell| cell.rows).sum()
    }
}
