//! A model that can be run: what it takes, what it answers, and what is learned by asking it.
//!
//! Rows of a table ([`Batch`]) become inputs ([`features`]), a model turns them into outputs ([`onnx`] in a process of
//! its own, [`endpoint`] over HTTP), and outputs mean predictions ([`answers`]). [`lab`] does all of that for a run.

pub mod answers;
pub mod artifact;
pub mod behavior;
pub mod endpoint;
pub mod features;
pub mod lab;
pub mod onnx;
pub mod run_plan;

use serde::{Deserialize, Serialize};

pub use crate::data::batch::{Batch, Cells};

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
