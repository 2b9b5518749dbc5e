//! What Parquet footers already know, so that the columns need not be read.
//!
//! Footers count nulls, not NaN, and their statistics may be absent or inexact: where they cannot
//! answer for sure, they do not answer. A range that is breached is not answered either: how many
//! values lie outside takes the values.

use polars::prelude::{DataType, SchemaRef, TimeUnit};
use polars_parquet::parquet::metadata::{ColumnChunkMetadata, FileMetadata, RowGroupMetadata};
use polars_parquet::parquet::schema::types::{
    PhysicalType, PrimitiveConvertedType, PrimitiveLogicalType, PrimitiveType, TimeUnit as StoredUnit,
};
use polars_parquet::parquet::statistics::Statistics;

use super::proof::{Claim, Ends};
use super::scale::{Precision, Scale};
use crate::data::statistic::{Breaches, End, Statistic, Value};

/// The answer, if all footers together have it.
pub fn answer(footers: &[std::sync::Arc<FileMetadata>], schema: &SchemaRef, statistic: &Statistic) -> Option<Value> {
    match statistic {
        Statistic::NullCount { column, also } if also.is_empty() => {
            if !cannot_hold_nan(schema.get(column)?) {
                return None;
            }
            let mut count = 0;
            each(footers, column, |statistics, _| {
                count += u64::try_from(statistics.null_count()?).ok()?;
                Some(())
            })?;
            Some(Value::Count(count))
        }
        Statistic::Outside { column, min, max } => {
            let dtype = schema.get(column)?;
            each(footers, column, |statistics, leaf| {
                holds(decoded_ends(statistics, leaf, dtype)?, dtype, *min, *max).then_some(())
            })?;
            Some(Value::Breaches(Breaches::default()))
        }
        _ => None,
    }
}

/// How far apart the smallest and the largest of the column's integers are.
pub fn spread(footers: &[std::sync::Arc<FileMetadata>], schema: &SchemaRef, column: &str) -> Option<u64> {
    let dtype = schema.get(column)?;
    let mut all: Option<Ends> = None;
    each(footers, column, |statistics, leaf| {
        let own = decoded_ends(statistics, leaf, dtype)?;
        all = Some(all.map_or(Some(own), |all| all.join(own))?);
        Some(())
    })?;
    match all? {
        Ends::Whole(low, high) => Some(high.abs_diff(low)),
        Ends::Float(..) => None,
    }
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
            let own = statistics.as_ref().and_then(|statistics| decoded_ends(statistics, leaf(chunk), dtype));
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

/// Minimum and maximum as the column is decoded, where the statistics are sure of them.
fn decoded_ends(statistics: &Statistics, leaf: &PrimitiveType, dtype: &DataType) -> Option<Ends> {
    use PrimitiveConvertedType as Converted;
    use PrimitiveLogicalType as Logical;
    let float = |low: f64, high: f64| (!low.is_nan() && !high.is_nan()).then_some(Ends::Float(low, high));
    let (logical, converted) = (leaf.logical_type, leaf.converted_type);
    match (statistics, dtype) {
        // Unsigned integers of 32 and 64 bits are stored as signed ones, and writers disagreed on their order.
        (
            Statistics::Int32(s),
            DataType::Int8 | DataType::Int16 | DataType::Int32 | DataType::UInt8 | DataType::UInt16,
        ) if matches!(logical, None | Some(Logical::Integer(_))) => {
            Some(Ends::Whole(s.min_value?.into(), s.max_value?.into()))
        }
        (Statistics::Int32(s), DataType::Date)
            if logical == Some(Logical::Date) || logical.is_none() && converted == Some(Converted::Date) =>
        {
            Some(Ends::Whole(s.min_value?.into(), s.max_value?.into()))
        }
        (Statistics::Int64(s), DataType::Int64) if matches!(logical, None | Some(Logical::Integer(_))) => {
            matches!(converted, None | Some(Converted::Int64)).then_some(Ends::Whole(s.min_value?, s.max_value?))
        }
        (Statistics::Int64(s), DataType::Datetime(unit, _)) => {
            let factor = factor(stored_unit(leaf)?, *unit)?;
            Some(Ends::Whole(s.min_value?.checked_mul(factor)?, s.max_value?.checked_mul(factor)?))
        }
        (Statistics::Float(s), DataType::Float32) => float(s.min_value?.into(), s.max_value?.into()),
        (Statistics::Double(s), DataType::Float64) => float(s.min_value?, s.max_value?),
        _ => None,
    }
}

/// The unit that a time is stored in, which need not be that of the Arrow schema beside it.
fn stored_unit(leaf: &PrimitiveType) -> Option<StoredUnit> {
    match (leaf.logical_type, leaf.converted_type) {
        (Some(PrimitiveLogicalType::Timestamp { unit, .. }), _) => Some(unit),
        (None, Some(PrimitiveConvertedType::TimestampMillis)) => Some(StoredUnit::Milliseconds),
        (None, Some(PrimitiveConvertedType::TimestampMicros)) => Some(StoredUnit::Microseconds),
        _ => None,
    }
}

/// How many decoded units a stored one is; none where that is a fraction.
fn factor(stored: StoredUnit, decoded: TimeUnit) -> Option<i64> {
    let stored: i64 = match stored {
        StoredUnit::Milliseconds => 1_000_000,
        StoredUnit::Microseconds => 1000,
        StoredUnit::Nanoseconds => 1,
    };
    let decoded = match decoded {
        TimeUnit::Milliseconds => 1_000_000,
        TimeUnit::Microseconds => 1000,
        TimeUnit::Nanoseconds => 1,
    };
    (stored % decoded == 0).then_some(stored / decoded)
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
    mut ask: impl FnMut(&Statistics, &PrimitiveType) -> Option<()>,
) -> Option<()> {
    for footer in footers {
        for group in footer.row_groups.iter().filter(|group| group.num_rows() > 0) {
            let mut chunks = group.columns_under_root_iter(column)?;
            let (chunk, None) = (chunks.next()?, chunks.next()) else { return None };
            ask(&chunk.statistics(&footer.footer_buf)?.ok()?, leaf(chunk))?;
        }
    }
    Some(())
}

fn leaf(chunk: &ColumnChunkMetadata) -> &PrimitiveType {
    &chunk.descriptor().descriptor.primitive_type
}

/// Whether both ends lie in `[min, max]`.
fn holds(ends: Ends, dtype: &DataType, min: Option<End>, max: Option<End>) -> bool {
    match ends {
        Ends::Whole(least, most) => {
            let instant = |multiplier, divisor| Scale::Instant { multiplier, divisor };
            let scale = match dtype {
                DataType::Date => instant(86_400_000_000, 1),
                DataType::Datetime(TimeUnit::Milliseconds, _) => instant(1000, 1),
                DataType::Datetime(TimeUnit::Microseconds, _) => instant(1, 1),
                DataType::Datetime(TimeUnit::Nanoseconds, _) => instant(1, 1000),
                _ => Scale::Number { digits: 0 },
            };
            i128::from(least) >= scale.lowest(min) && i128::from(most) <= scale.highest(max)
        }
        Ends::Float(least, most) => {
            let (low, high) = Precision::of(dtype).ends(min, max);
            [least, most].into_iter().all(|value| value.is_finite() && value >= low && value <= high)
        }
    }
}
