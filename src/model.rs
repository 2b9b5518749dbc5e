//! A model that can be run: what it takes, what it answers, and what is learned by asking it.
//!
//! Rows of a table ([`Batch`]) become inputs ([`features`]), a model turns them into outputs ([`onnx`] in a process of
//! its own, [`endpoint`] over HTTP), and outputs mean predictions ([`answers`]). [`lab`] does all of that for a run.

pub mod answers;
pub mod change;
pub mod endpoint;
pub mod features;
pub mod lab;
pub mod moves;
pub mod onnx;
pub mod probe;

use serde::{Deserialize, Serialize};

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

/// A named array of numbers, texts or booleans, in row-major order.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor {
    pub name: String,
    pub shape: Vec<usize>,
    pub data: Data,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Data {
    Float32(Vec<f32>),
    Float64(Vec<f64>),
    Int32(Vec<i32>),
    Int64(Vec<i64>),
    Boolean(Vec<bool>),
    Text(Vec<String>),
}

/// What a model answers under one name.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    Tensor(Tensor),
    /// One number for each row and key, as ONNX's `ZipMap` gives them.
    Maps {
        name: String,
        keys: Vec<String>,
        values: Vec<f64>,
    },
}

/// A named input or output, as the model declares it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Port {
    pub name: String,
    pub kind: PortKind,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum PortKind {
    /// Of any size where a dimension is negative.
    Tensor { element: Element, shape: Vec<i64> },
    /// A sequence of maps from classes to numbers.
    Maps,
    /// What mlgate cannot feed or read, in words.
    Other(String),
}

/// The types of a tensor's elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Element {
    Float32,
    Float64,
    Int32,
    Int64,
    Boolean,
    Text,
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

impl Data {
    pub fn len(&self) -> usize {
        match self {
            Self::Float32(values) => values.len(),
            Self::Float64(values) => values.len(),
            Self::Int32(values) => values.len(),
            Self::Int64(values) => values.len(),
            Self::Boolean(values) => values.len(),
            Self::Text(values) => values.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn element(&self) -> Element {
        match self {
            Self::Float32(_) => Element::Float32,
            Self::Float64(_) => Element::Float64,
            Self::Int32(_) => Element::Int32,
            Self::Int64(_) => Element::Int64,
            Self::Boolean(_) => Element::Boolean,
            Self::Text(_) => Element::Text,
        }
    }

    /// Numbers of whatever type; nothing of texts and booleans.
    pub fn numbers(&self) -> Option<Vec<f64>> {
        match self {
            Self::Float32(values) => Some(values.iter().map(|value| f64::from(*value)).collect()),
            Self::Float64(values) => Some(values.clone()),
            Self::Int32(values) => Some(values.iter().map(|value| f64::from(*value)).collect()),
            Self::Int64(values) => Some(values.iter().map(|value| *value as f64).collect()),
            Self::Boolean(_) | Self::Text(_) => None,
        }
    }
}

impl Output {
    pub fn name(&self) -> &str {
        match self {
            Self::Tensor(tensor) => &tensor.name,
            Self::Maps { name, .. } => name,
        }
    }
}

impl Element {
    pub fn word(self) -> &'static str {
        match self {
            Self::Float32 => "float32",
            Self::Float64 => "float64",
            Self::Int32 => "int32",
            Self::Int64 => "int64",
            Self::Boolean => "boolean",
            Self::Text => "text",
        }
    }
}
