//! Rows of a table, as models are asked about them.

/// Some rows of a table, as models are asked about them.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Batch {
    /// Of the table, counted from 0.
    pub first: u64,
    pub rows: usize,
    pub columns: Vec<(String, Cells)>,
}

/// The values of one column.
#[derive(Debug, Clone, PartialEq)]
pub enum Cells {
    /// Missing is NaN.
    Float(Vec<f64>),
    Integer(Vec<Option<i64>>),
    Text(Vec<Option<String>>),
    Boolean(Vec<Option<bool>>),
    /// Dates, nested and others, by the name of their type.
    Other(String),
}

impl Batch {
    pub fn column(&self, name: &str) -> Option<&Cells> {
        self.columns.iter().find(|(own, _)| own == name).map(|(_, cells)| cells)
    }
}

impl Cells {
    pub fn len(&self) -> usize {
        match self {
            Self::Float(values) => values.len(),
            Self::Integer(values) => values.len(),
            Self::Text(values) => values.len(),
            Self::Boolean(values) => values.len(),
            Self::Other(_) => 0,
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The type as people are told.
    pub fn kind(&self) -> &str {
        match self {
            Self::Float(_) => "float",
            Self::Integer(_) => "integer",
            Self::Text(_) => "text",
            Self::Boolean(_) => "boolean",
            Self::Other(kind) => kind,
        }
    }

    /// The value of a row as people write it.
    pub fn shown(&self, row: usize) -> String {
        fn or_missing<T: ToString>(value: Option<&Option<T>>) -> String {
            value.and_then(Option::as_ref).map_or("missing".to_owned(), ToString::to_string)
        }
        match self {
            Self::Float(values) => match values.get(row) {
                Some(value) if !value.is_nan() => value.to_string(),
                _ => "missing".to_owned(),
            },
            Self::Integer(values) => or_missing(values.get(row)),
            Self::Text(values) => or_missing(values.get(row)),
            Self::Boolean(values) => or_missing(values.get(row)),
            Self::Other(kind) => kind.clone(),
        }
    }

    /// The values of `rows` rows from `first` on.
    #[must_use]
    pub fn part(&self, first: usize, rows: usize) -> Self {
        match self {
            Self::Float(values) => Self::Float(values[first..first + rows].to_vec()),
            Self::Integer(values) => Self::Integer(values[first..first + rows].to_vec()),
            Self::Text(values) => Self::Text(values[first..first + rows].to_vec()),
            Self::Boolean(values) => Self::Boolean(values[first..first + rows].to_vec()),
            Self::Other(kind) => Self::Other(kind.clone()),
        }
    }

    pub fn is_missing(&self, row: usize) -> bool {
        match self {
            Self::Float(values) => values[row].is_nan(),
            Self::Integer(values) => values[row].is_none(),
            Self::Text(values) => values[row].is_none(),
            Self::Boolean(values) => values[row].is_none(),
            Self::Other(_) => true,
        }
    }

    /// Whether both rows hold the same; missing equals missing.
    pub fn same(&self, row: usize, other: &Self, at: usize) -> bool {
        match (self, other) {
            (Self::Float(a), Self::Float(b)) => a[row] == b[at] || a[row].is_nan() && b[at].is_nan(),
            (Self::Integer(a), Self::Integer(b)) => a[row] == b[at],
            (Self::Text(a), Self::Text(b)) => a[row] == b[at],
            (Self::Boolean(a), Self::Boolean(b)) => a[row] == b[at],
            (Self::Integer(a), Self::Float(b)) => a[row].map_or(b[at].is_nan(), |value| value as f64 == b[at]),
            (Self::Float(_), Self::Integer(_)) => other.same(at, self, row),
            _ => false,
        }
    }
}
