//! Types: of files as Polars has them, and as checks and configs do.

use polars::prelude::*;

use crate::data::table::Kind;
use crate::data::table::csv::TextKind;
use crate::data::table::ndjson::JsonKind;

/// The type that holds values of both, where files disagree only by what they happen to hold.
pub fn wider(a: &DataType, b: &DataType) -> Option<DataType> {
    match (a, b) {
        (a, b) if a == b => Some(a.clone()),
        (DataType::Null, other) | (other, DataType::Null) => Some(other.clone()),
        (DataType::Int64, DataType::Float64) | (DataType::Float64, DataType::Int64) => Some(DataType::Float64),
        (DataType::List(a), DataType::List(b)) => Some(DataType::List(Box::new(wider(a, b)?))),
        (DataType::Struct(a), DataType::Struct(b)) => {
            let mut fields = a.clone();
            for field in b {
                match fields.iter_mut().find(|known| known.name() == field.name()) {
                    Some(known) => known.dtype = wider(known.dtype(), field.dtype())?,
                    None => fields.push(field.clone()),
                }
            }
            Some(DataType::Struct(fields))
        }
        _ => None,
    }
}

/// What the values of two tables' columns are compared as.
#[derive(Debug, Clone, PartialEq)]
pub enum Common {
    AsTheyAre,
    Cast(DataType),
    /// Times of unlike units, as nanoseconds.
    Nanoseconds,
}

/// None where the values cannot stand beside each other.
pub fn comparable(a: &DataType, b: &DataType) -> Option<Common> {
    Some(match (a, b) {
        (a, b) if a == b => Common::AsTheyAre,
        (a, b) if a.is_integer() && b.is_integer() => Common::Cast(DataType::Int128),
        // What was 0.1 in 64 bits is 0.1 in 32, and not the other way.
        (a, b) if a.is_float() && b.is_float() => Common::Cast(DataType::Float32),
        (DataType::Datetime(x, _), DataType::Datetime(y, _)) if x == y => Common::AsTheyAre,
        (DataType::Datetime(..), DataType::Datetime(..)) => Common::Nanoseconds,
        (DataType::Decimal(_, x), DataType::Decimal(_, y)) => Common::Cast(DataType::Decimal(38, *x.max(y))),
        // Both are text by their physical values.
        (a, b) if kind(a) == Kind::Text && kind(b) == Kind::Text => Common::AsTheyAre,
        _ => return None,
    })
}

/// The type as checks and configs have it.
pub fn kind(dtype: &DataType) -> Kind {
    match dtype {
        DataType::Decimal(..) => Kind::Number,
        dtype if dtype.is_integer() => Kind::Integer,
        dtype if dtype.is_float() => Kind::Float,
        DataType::String | DataType::Categorical(..) | DataType::Enum(..) => Kind::Text,
        DataType::Boolean => Kind::Boolean,
        DataType::Date => Kind::Date,
        DataType::Datetime(..) => Kind::Datetime,
        DataType::Null => Kind::Null,
        other => Kind::Other(other.to_string()),
    }
}

/// What Polars reads a column of a CSV file as.
pub fn text_dtype(kind: TextKind) -> DataType {
    match kind {
        TextKind::Null => DataType::Null,
        TextKind::Integer => DataType::Int64,
        TextKind::Float => DataType::Float64,
        TextKind::Boolean => DataType::Boolean,
        TextKind::Date => DataType::Date,
        TextKind::Datetime => DataType::Datetime(TimeUnit::Microseconds, None),
        TextKind::DatetimeUtc => DataType::Datetime(TimeUnit::Microseconds, Some(TimeZone::UTC)),
        TextKind::Text => DataType::String,
    }
}

/// What Polars reads a key of an NDJSON file as.
pub fn json_dtype(kind: &JsonKind) -> DataType {
    match kind {
        JsonKind::Null => DataType::Null,
        JsonKind::Boolean => DataType::Boolean,
        JsonKind::Integer => DataType::Int64,
        JsonKind::Float => DataType::Float64,
        JsonKind::Text => DataType::String,
        JsonKind::List(inner) => DataType::List(Box::new(json_dtype(inner))),
        JsonKind::Struct(fields) => DataType::Struct(
            fields.iter().map(|(name, kind)| Field::new(name.as_str().into(), json_dtype(kind))).collect(),
        ),
    }
}
