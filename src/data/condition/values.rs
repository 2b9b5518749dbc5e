//! Columns of values that a condition is evaluated over.

use std::borrow::Cow;

use super::types::Type;

/// The value is missing.
pub const NULL: u8 = 1;
/// The value is an integer or decimal beyond 128 bits.
pub const OVERFLOW: u8 = 2;
/// A `CAST` of the value failed.
pub const CAST: u8 = 4;

/// The value is a date outside of the calendar.
pub const CALENDAR: u8 = 8;

/// Bytes of text that a condition may make of the rows it is evaluated over at once.
pub const MOST_TEXT: usize = 64_000_000;

/// The texts that a condition makes outgrow [`MOST_TEXT`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooLarge;

pub const TOO_LARGE: &str = "the texts that it makes of the row take over 64 MB";

/// Values by kind; where the state says that there is none, the value is a filler.
#[derive(Debug, Clone)]
pub enum Data<'a> {
    Boolean(Vec<bool>),
    /// Integers, unscaled decimals, days, nanoseconds.
    Whole(Vec<i128>),
    Float(Vec<f64>),
    Text(Vec<Cow<'a, str>>),
}

/// Values of some rows.
#[derive(Debug, Clone)]
pub struct Column<'a> {
    pub data: Data<'a>,
    /// One a value: 0 where it is present, else [`NULL`], or why it could not be computed.
    pub state: Vec<u8>,
}

impl<'a> Column<'a> {
    pub fn whole(values: impl Iterator<Item = Option<i128>>) -> Self {
        let (data, state) = values.map(|value| (value.unwrap_or(0), absent(value.is_none()))).unzip();
        Self { data: Data::Whole(data), state }
    }

    /// NaN is null.
    pub fn float(values: impl Iterator<Item = Option<f64>>) -> Self {
        let values = values.map(|value| value.filter(|value| !value.is_nan()));
        let (data, state) = values.map(|value| (value.unwrap_or(0.0), absent(value.is_none()))).unzip();
        Self { data: Data::Float(data), state }
    }

    pub fn boolean(values: impl Iterator<Item = Option<bool>>) -> Self {
        let (data, state) = values.map(|value| (value.unwrap_or(false), absent(value.is_none()))).unzip();
        Self { data: Data::Boolean(data), state }
    }

    pub fn text(values: impl Iterator<Item = Option<Cow<'a, str>>>) -> Self {
        let (data, state) = values
            .map(|value| {
                let state = absent(value.is_none());
                (value.unwrap_or_default(), state)
            })
            .unzip();
        Self { data: Data::Text(data), state }
    }

    /// Nothing but nulls.
    pub fn nulls(ty: Type, rows: usize) -> Self {
        let data = match ty {
            Type::Any | Type::Null | Type::Boolean => Data::Boolean(vec![false; rows]),
            Type::Integer | Type::Decimal(_) | Type::Date | Type::Timestamp | Type::Duration => {
                Data::Whole(vec![0; rows])
            }
            Type::Single | Type::Float => Data::Float(vec![0.0; rows]),
            Type::Text => Data::Text(vec![Cow::Borrowed(""); rows]),
        };
        Self { data, state: vec![NULL; rows] }
    }

    #[must_use]
    pub fn slice(&self, start: usize, rows: usize) -> Self {
        let range = start..start + rows;
        let data = match &self.data {
            Data::Boolean(values) => Data::Boolean(values[range.clone()].to_vec()),
            Data::Whole(values) => Data::Whole(values[range.clone()].to_vec()),
            Data::Float(values) => Data::Float(values[range.clone()].to_vec()),
            Data::Text(values) => Data::Text(values[range.clone()].to_vec()),
        };
        Self { data, state: self.state[range].to_vec() }
    }

    /// As bits: a bug of the lowering would be a wrong verdict, so a column of another kind is all nulls.
    pub fn booleans(&self) -> &[bool] {
        if let Data::Boolean(values) = &self.data { values } else { &[] }
    }

    pub fn wholes(&self) -> &[i128] {
        if let Data::Whole(values) = &self.data { values } else { &[] }
    }

    pub fn floats(&self) -> &[f64] {
        if let Data::Float(values) = &self.data { values } else { &[] }
    }

    pub fn texts(&self) -> &[Cow<'a, str>] {
        if let Data::Text(values) = &self.data { values } else { &[] }
    }
}

fn absent(is_absent: bool) -> u8 {
    if is_absent { NULL } else { 0 }
}

/// Returns why a value could not be computed, if it could not.
pub fn fault(state: u8) -> Option<&'static str> {
    match state {
        0 | NULL => None,
        state if state & OVERFLOW != 0 => Some("an integer or decimal number outgrows 128 bits"),
        state if state & CALENDAR != 0 => Some("a date is out of range"),
        _ => Some("a CAST fails"),
    }
}

/// The state of a value computed from values of these states.
pub fn joint(a: u8, b: u8) -> u8 {
    a | b
}
