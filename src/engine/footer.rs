//! What Parquet footers already know, so that the columns need not be read.
//!
//! Footers count nulls, not NaN, and their statistics may be absent or inexact: where they cannot
//! answer for sure, they do not answer. A range that is breached is not answered either: how many
//! values lie outside takes the values.

use polars::prelude::{DataType, SchemaRef};
use polars_parquet::parquet::metadata::FileMetadata;
use polars_parquet::parquet::statistics::Statistics;

use super::scale::Scale;
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
    let float = |found: Option<(f64, f64)>| {
        found.is_some_and(|(least, most)| {
            let inside = |value: f64| {
                let above = min.is_none_or(|end| end.number().is_some_and(|least| value >= least));
                let below = max.is_none_or(|end| end.number().is_some_and(|most| value <= most));
                value.is_finite() && above && below
            };
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
