//! The values of one column of one batch, by kind, and the questions that are asked of them.

use chrono::DateTime;
use polars::prelude::*;
use regex::Regex;

use super::scale::{Precision, Scale};
use crate::data::statistic::End;

/// A column's values in the few shapes that questions distinguish.
pub enum Cells {
    /// Integers, decimals (unscaled), dates and times: physical values, and how many make 1.
    Whole(Int64Chunked, Scale),
    /// As `Whole`, where 64 bits do not hold them.
    Wide(Int128Chunked, Scale),
    Float(Float64Chunked),
    Boolean(BooleanChunked),
    Text(StringChunked),
    /// Nested, binary, null: nothing is asked of their values.
    Other(usize),
}

const PLAIN: Scale = Scale::Number { digits: 0 };

impl Cells {
    /// # Errors
    /// What Polars says of a cast.
    pub fn of(column: &Series) -> PolarsResult<Self> {
        let micros = |multiplier, divisor| Scale::Instant { multiplier, divisor };
        let whole = |scale| -> PolarsResult<Self> {
            Ok(Self::Whole(column.to_physical_repr().cast(&DataType::Int64)?.i64()?.clone(), scale))
        };
        Ok(match column.dtype() {
            DataType::Int8
            | DataType::Int16
            | DataType::Int32
            | DataType::Int64
            | DataType::UInt8
            | DataType::UInt16
            | DataType::UInt32 => whole(PLAIN)?,
            DataType::Date => whole(micros(86_400_000_000, 1))?,
            DataType::Datetime(TimeUnit::Milliseconds, _) => whole(micros(1000, 1))?,
            DataType::Datetime(TimeUnit::Microseconds, _) => whole(micros(1, 1))?,
            DataType::Datetime(TimeUnit::Nanoseconds, _) => whole(micros(1, 1000))?,
            DataType::UInt64 | DataType::Int128 => Self::Wide(column.cast(&DataType::Int128)?.i128()?.clone(), PLAIN),
            DataType::UInt128 => {
                let values = column.cast(&DataType::Int128)?.i128()?.clone();
                // What does not fit becomes null, which would be a missing value.
                polars_ensure!(
                    values.null_count() == column.null_count(),
                    ComputeError: "the column {} holds integers beyond 2^127", column.name()
                );
                Self::Wide(values, PLAIN)
            }
            DataType::Decimal(_, scale) => {
                let scale = Scale::Number { digits: u32::try_from(*scale).unwrap_or(u32::MAX) };
                Self::Wide(column.to_physical_repr().cast(&DataType::Int128)?.i128()?.clone(), scale)
            }
            DataType::Float16 | DataType::Float32 | DataType::Float64 => {
                Self::Float(column.cast(&DataType::Float64)?.f64()?.clone())
            }
            DataType::Boolean => Self::Boolean(column.bool()?.clone()),
            DataType::String => Self::Text(column.str()?.clone()),
            DataType::Categorical(..) | DataType::Enum(..) => {
                Self::Text(column.cast(&DataType::String)?.str()?.clone())
            }
            _ => Self::Other(column.len()),
        })
    }

    /// How many present values lie outside `[min, max]`, and the first few rows that do; `precision` is that of floats.
    pub fn outside(&self, min: Option<End>, max: Option<End>, precision: Precision, most: usize) -> (u64, Vec<usize>) {
        match self {
            Self::Whole(values, scale) => {
                let (low, high) = (scale.lowest(min), scale.highest(max));
                if low > i128::from(i64::MAX) || high < i128::from(i64::MIN) {
                    return rows(values.iter(), most, |_| true);
                }
                let (low, high) = (clamp(low), clamp(high));
                let count = count(values, |v| *v < low || *v > high);
                (count, if count == 0 { Vec::new() } else { rows(values.iter(), most, |v| v < low || v > high).1 })
            }
            Self::Wide(values, scale) => {
                let (low, high) = (scale.lowest(min), scale.highest(max));
                rows(values.iter(), most, |value| value < low || value > high)
            }
            Self::Float(values) => {
                let (low, high) = precision.ends(min, max);
                // ±inf is outside any range, also one without that end.
                let outside = |value: f64| value < low || value > high || value.is_infinite();
                let count = count(values, |v| outside(*v));
                (count, if count == 0 { Vec::new() } else { rows(values.iter(), most, outside).1 })
            }
            Self::Boolean(_) | Self::Text(_) | Self::Other(_) => (0, Vec::new()),
        }
    }

    /// How many present values are none of `allowed`, and the first few rows that hold one; `precision` is that of
    /// floats.
    pub fn others(&self, allowed: &[String], precision: Precision, most: usize) -> (u64, Vec<usize>) {
        match self {
            Self::Whole(_, scale) | Self::Wide(_, scale) => {
                let allowed: Vec<i128> = allowed.iter().filter_map(|text| scale.exactly(text)).collect();
                match self {
                    Self::Whole(values, _) => {
                        let allowed: Vec<i64> = allowed.iter().filter_map(|value| i64::try_from(*value).ok()).collect();
                        rows(values.iter(), most, |value| !allowed.contains(&value))
                    }
                    Self::Wide(values, _) => rows(values.iter(), most, |value| !allowed.contains(&value)),
                    _ => (0, Vec::new()),
                }
            }
            Self::Float(values) => {
                let allowed: Vec<f64> = allowed.iter().filter_map(|text| precision.read(text)).collect();
                rows(values.iter(), most, |value: f64| !value.is_nan() && !allowed.contains(&value))
            }
            Self::Boolean(values) => {
                let allowed: Vec<bool> = allowed.iter().filter_map(|text| text.parse().ok()).collect();
                rows(values.iter(), most, |value| !allowed.contains(&value))
            }
            Self::Text(values) => {
                let allowed: rustc_hash::FxHashSet<&str> = allowed.iter().map(String::as_str).collect();
                rows(values.iter(), most, |value| !allowed.contains(value))
            }
            Self::Other(_) => (0, Vec::new()),
        }
    }

    /// How many present texts `whole` does not match, and the first few rows that hold one.
    pub fn mismatches(&self, whole: &Regex, most: usize) -> (u64, Vec<usize>) {
        match self {
            Self::Text(values) => rows(values.iter(), most, |value| !whole.is_match(value)),
            _ => (0, Vec::new()),
        }
    }

    /// The smallest and largest finite number or instant, and how many are infinite.
    pub fn extent(&self) -> (Option<(f64, f64)>, u64) {
        let both = |min: Option<i128>, max: Option<i128>, scale: &Scale| {
            min.zip(max).map(|(min, max)| (scale.value(min), scale.value(max)))
        };
        match self {
            Self::Whole(values, scale) => (both(values.min().map(i128::from), values.max().map(i128::from), scale), 0),
            Self::Wide(values, scale) => (both(values.iter().flatten().min(), values.iter().flatten().max(), scale), 0),
            Self::Float(values) => {
                let mut extent: Option<(f64, f64)> = None;
                let mut infinite = 0;
                for value in values.iter().flatten() {
                    if value.is_infinite() {
                        infinite += 1;
                    } else if !value.is_nan() {
                        let (min, max) = extent.unwrap_or((value, value));
                        extent = Some((min.min(value), max.max(value)));
                    }
                }
                (extent, infinite)
            }
            _ => (None, 0),
        }
    }
}

/// Rows whose value is null, or NaN in a column of floats.
///
/// # Errors
/// What Polars says of a cast.
pub fn missing(column: &Series) -> PolarsResult<u64> {
    let nans = match column.dtype() {
        DataType::Float64 => count(column.f64()?, |value| value.is_nan()),
        DataType::Float32 => count(column.f32()?, |value| value.is_nan()),
        DataType::Float16 => count(column.cast(&DataType::Float64)?.f64()?, |value| value.is_nan()),
        _ => 0,
    };
    Ok(column.null_count() as u64 + nans)
}

/// The oldest and the newest instant in microseconds since 1970, or the first row whose text is no instant.
///
/// # Errors
/// What Polars says of a cast.
pub fn oldest_and_newest(column: &Series) -> PolarsResult<Result<Vec<i64>, usize>> {
    Ok(Ok(match Cells::of(column)? {
        Cells::Whole(values, scale @ Scale::Instant { .. }) => {
            [values.min(), values.max()].into_iter().flatten().map(|end| scale.value(end.into()) as i64).collect()
        }
        Cells::Text(values) => {
            let mut times = Vec::new();
            for (row, text) in values.iter().enumerate() {
                if let Some(text) = text {
                    match DateTime::parse_from_rfc3339(text) {
                        Ok(time) => times.push(time.timestamp_micros()),
                        Err(_) => return Ok(Err(row)),
                    }
                }
            }
            times.iter().min().into_iter().chain(times.iter().max()).copied().collect()
        }
        _ => Vec::new(),
    }))
}

/// A value as people write it.
///
/// # Errors
/// Out of bounds only.
pub fn text(column: &Series, row: usize) -> PolarsResult<String> {
    Ok(match column.get(row)? {
        AnyValue::String(text) => text.to_owned(),
        AnyValue::Float32(value) => format!("{value:?}"),
        AnyValue::Float64(value) => format!("{value:?}"),
        AnyValue::Decimal(value, ..) => whole_text(column.dtype(), value),
        AnyValue::Datetime(value, ..) => whole_text(column.dtype(), value.into()),
        AnyValue::Date(value) => whole_text(column.dtype(), value.into()),
        other => other.str_value().into_owned(),
    })
}

/// A physical value of a column of integers, decimals, dates or datetimes as people write it.
pub fn whole_text(dtype: &DataType, value: i128) -> String {
    let time = |micros: i128, format: &str| {
        i64::try_from(micros)
            .ok()
            .and_then(DateTime::from_timestamp_micros)
            .map_or_else(|| value.to_string(), |time| time.format(format).to_string())
    };
    const SECONDS: &str = "%Y-%m-%dT%H:%M:%S%.f";
    match dtype {
        DataType::Date => time(value * 86_400_000_000, "%Y-%m-%d"),
        DataType::Datetime(TimeUnit::Milliseconds, _) => time(value * 1000, SECONDS),
        DataType::Datetime(TimeUnit::Microseconds, _) => time(value, SECONDS),
        DataType::Datetime(TimeUnit::Nanoseconds, _) => time(value.div_euclid(1000), SECONDS),
        DataType::Decimal(_, 0) => value.to_string(),
        DataType::Decimal(_, scale) => {
            let sign = if value < 0 { "-" } else { "" };
            let digits = format!("{:0>width$}", value.unsigned_abs(), width = scale + 1);
            let (whole, fraction) = digits.split_at(digits.len() - scale);
            format!("{sign}{whole}.{fraction}")
        }
        _ => value.to_string(),
    }
}

fn clamp(value: i128) -> i64 {
    i64::try_from(value).unwrap_or(if value < 0 { i64::MIN } else { i64::MAX })
}

/// How many present values break the rule, at the speed of the memory.
fn count<T: PolarsNumericType>(values: &ChunkedArray<T>, breaks: impl Fn(&T::Native) -> bool) -> u64 {
    let counted =
        values.downcast_iter().map(|chunk| match chunk.validity().filter(|validity| validity.unset_bits() > 0) {
            None => chunk.values_iter().filter(|value| breaks(value)).count(),
            Some(_) => chunk.iter().flatten().filter(|value| breaks(value)).count(),
        });
    counted.sum::<usize>() as u64
}

/// How many present values break the rule, and the first `most` rows that do.
fn rows<T>(values: impl Iterator<Item = Option<T>>, most: usize, breaks: impl Fn(T) -> bool) -> (u64, Vec<usize>) {
    let mut count = 0;
    let mut first = Vec::new();
    for (row, value) in values.enumerate() {
        if value.is_some_and(&breaks) {
            count += 1;
            if first.len() < most {
                first.push(row);
            }
        }
    }
    (count, first)
}
