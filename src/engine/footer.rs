//! What Parquet footers already know, so that the columns need not be read.
//!
//! Footers count nulls, not NaN, and their statistics may be absent or inexact: where they cannot
//! answer for sure, they do not answer. A range that is breached is not answered either: how many
//! values lie outside takes the values.

use polars::prelude::{DataType, SchemaRef};
use polars_parquet::parquet::metadata::{FileMetadata, RowGroupMetadata};
use polars_parquet::parquet::schema::types::PhysicalType;
use polars_parquet::parquet::statistics::Statistics;

use super::proof::{Claim, Ends};
use super::scale::{Precision, Scale};
use crate::statistic::{Breaches, End, Statistic, Value};

/// The answer, if all footers together have it.
pub fn answer(footers: &[std::sync::Arc<FileMetadata>], schema: &SchemaRef, statistic: &Statistic) -> Option<Value> {
    match statistic {
        Statistic::NullCount { column, also } if also.is_empty() => {
            if !cannot_hold_nan(schema.get(column)?) {
                return None;
            }
            let mut count = 0;
            each(footers, column, |statistics| {
                count += u64::try_from(statistics.null_count()?).ok()?;
                Some(())
            })?;
            Some(Value::Count(count))
        }
        Statistic::Outside { column, min, max } => {
            let dtype = schema.get(column)?;
            each(footers, column, |statistics| holds(statistics, dtype, *min, *max).then_some(()))?;
            Some(Value::Breaches(Breaches::default()))
        }
        _ => None,
    }
}

/// How far apart the smallest and the largest of the column's integers are.
pub fn spread(footers: &[std::sync::Arc<FileMetadata>], column: &str) -> Option<u64> {
    let mut ends: Option<(i64, i64)> = None;
    each(footers, column, |statistics| {
        let (low, high) = match statistics {
            Statistics::Int32(s) => (s.min_value?.into(), s.max_value?.into()),
            Statistics::Int64(s) => (s.min_value?, s.max_value?),
            _ => return None,
        };
        ends = Some(ends.map_or((low, high), |(least, most)| (least.min(low), most.max(high))));
        Some(())
    })?;
    ends.map(|(low, high)| high.abs_diff(low))
}

/// What the footers say of a column that its data can be held against, if they say anything.
pub fn claim(footers: &[std::sync::Arc<FileMetadata>], schema: &SchemaRef, column: &str) -> Option<Claim> {
    let dtype = schema.get(column)?;
    if footers.is_empty() || !cannot_hold_nan(dtype) && !dtype.is_float() {
        return None;
    }
    let mut nulls = Some(0);
    let mut ends: Option<Option<Ends>> = Some(None);
    for footer in footers {
        for group in footer.row_groups.iter().filter(|group| group.num_rows() > 0) {
            let mut chunks = group.columns_under_root_iter(column)?;
            let (chunk, None) = (chunks.next()?, chunks.next()) else { return None };
            let statistics = chunk.statistics(&footer.footer_buf).and_then(Result::ok);
            let count =
                statistics.as_ref().and_then(Statistics::null_count).and_then(|count| u64::try_from(count).ok());
            nulls = nulls.zip(count).map(|(all, more)| all + more);
            let is_all_null = count == Some(group.num_rows() as u64);
            let own = statistics.as_ref().and_then(|statistics| extent(statistics, dtype));
            ends = match (ends, own) {
                (Some(Some(all)), Some(own)) => all.join(own).map(Some),
                (Some(None), Some(own)) => Some(Some(own)),
                (ends, None) if is_all_null => ends,
                _ => None,
            };
        }
    }
    let claim = Claim { column: column.to_owned(), dtype: dtype.clone(), nulls, ends: ends.flatten() };
    (claim.nulls.is_some() || claim.ends.is_some()).then_some(claim)
}

/// Minimum and maximum of the types that [`holds`] believes.
fn extent(statistics: &Statistics, dtype: &DataType) -> Option<Ends> {
    let float = |low: f64, high: f64| (!low.is_nan() && !high.is_nan()).then_some(Ends::Float(low, high));
    match (statistics, dtype) {
        (
            Statistics::Int32(s),
            DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::UInt8 | DataType::UInt16 | DataType::Date,
        ) => Some(Ends::Whole(s.min_value?.into(), s.max_value?.into())),
        (Statistics::Int64(s), DataType::Int64 | DataType::Datetime(..)) => {
            Some(Ends::Whole(s.min_value?, s.max_value?))
        }
        (Statistics::Float(s), DataType::Float32) => float(s.min_value?.into(), s.max_value?.into()),
        (Statistics::Double(s), DataType::Float64) => float(s.min_value?, s.max_value?),
        _ => None,
    }
}

/// What reading a row group takes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Weight {
    /// Bytes in memory, at least.
    pub decoded: u64,
    /// Bytes in the file.
    pub stored: u64,
}

/// The heaviest row group, if these columns are read.
pub fn heaviest(footers: &[std::sync::Arc<FileMetadata>], columns: &[String]) -> Weight {
    let groups = footers.iter().flat_map(|footer| &footer.row_groups);
    let weight = |group: &RowGroupMetadata| {
        let chunks = columns.iter().filter_map(|column| group.columns_under_root_iter(column)).flatten();
        let mut weight = Weight::default();
        for chunk in chunks {
            let bits = match chunk.physical_type() {
                PhysicalType::Boolean => 1,
                PhysicalType::Int32 | PhysicalType::Float => 32,
                PhysicalType::Int64 | PhysicalType::Double => 64,
                // Texts are seen through views of 16 bytes.
                PhysicalType::Int96 | PhysicalType::ByteArray | PhysicalType::FixedLenByteArray(_) => 128,
            };
            let values = u64::try_from(chunk.num_values()).unwrap_or(u64::MAX).saturating_mul(bits) / 8;
            let pages = u64::try_from(chunk.uncompressed_size()).unwrap_or(u64::MAX);
            weight.decoded = weight.decoded.saturating_add(values.max(pages));
            weight.stored = weight.stored.saturating_add(u64::try_from(chunk.compressed_size()).unwrap_or(0));
        }
        weight
    };
    groups.map(weight).max_by_key(|weight| weight.decoded).unwrap_or_default()
}

/// Types whose missing values are all nulls, and that are one leaf of the file's schema.
fn cannot_hold_nan(dtype: &DataType) -> bool {
    dtype.is_integer()
        || dtype.is_decimal()
        || matches!(
            dtype,
            DataType::Boolean
                | DataType::String
                | DataType::Binary
                | DataType::Date
                | DataType::Datetime(..)
                | DataType::Duration(_)
                | DataType::Time
                | DataType::Categorical(..)
                | DataType::Enum(..)
        )
}

/// Asks the column's statistics in every row group that has rows; `None` as soon as one has no answer.
fn each(
    footers: &[std::sync::Arc<FileMetadata>],
    column: &str,
    mut ask: impl FnMut(&Statistics) -> Option<()>,
) -> Option<()> {
    for footer in footers {
        for group in footer.row_groups.iter().filter(|group| group.num_rows() > 0) {
            let mut chunks = group.columns_under_root_iter(column)?;
            let (chunk, None) = (chunks.next()?, chunks.next()) else { return None };
            ask(&chunk.statistics(&footer.footer_buf)?.ok()?)?;
        }
    }
    Some(())
}

/// Whether every present value lies in `[min, max]`, as far as the statistics are sure.
fn holds(statistics: &Statistics, dtype: &DataType, min: Option<End>, max: Option<End>) -> bool {
    let whole = |found: Option<(i64, i64)>, scale: Scale| {
        found.is_some_and(|(least, most)| {
            i128::from(least) >= scale.lowest(min) && i128::from(most) <= scale.highest(max)
        })
    };
    let (low, high) = Precision::of(dtype).ends(min, max);
    let float = |found: Option<(f64, f64)>| {
        found.is_some_and(|(least, most)| {
            let inside = |value: f64| value.is_finite() && value >= low && value <= high;
            inside(least) && inside(most)
        })
    };
    let number = Scale::Number { digits: 0 };
    let instant = |multiplier, divisor| Scale::Instant { multiplier, divisor };
    match (statistics, dtype) {
        // Unsigned integers of 32 and 64 bits are stored as signed ones, and writers disagreed on their order.
        (
            Statistics::Int32(s),
            DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::UInt8 | DataType::UInt16,
        ) => whole(s.min_value.zip(s.max_value).map(|(a, b)| (a.into(), b.into())), number),
        (Statistics::Int64(s), DataType::Int64) => whole(s.min_value.zip(s.max_value), number),
        (Statistics::Int32(s), DataType::Date) => {
            whole(s.min_value.zip(s.max_value).map(|(a, b)| (a.into(), b.into())), instant(86_400_000_000, 1))
        }
        (Statistics::Int64(s), DataType::Datetime(unit, _)) => {
            use polars::prelude::TimeUnit;
            let scale = match unit {
                TimeUnit::Milliseconds => instant(1000, 1),
                TimeUnit::Microseconds => instant(1, 1),
                TimeUnit::Nanoseconds => instant(1, 1000),
            };
            whole(s.min_value.zip(s.max_value), scale)
        }
        (Statistics::Float(s), DataType::Float32) => {
            float(s.min_value.zip(s.max_value).map(|(a, b)| (a.into(), b.into())))
        }
        (Statistics::Double(s), DataType::Float64) => float(s.min_value.zip(s.max_value)),
        _ => false,
    }
}
