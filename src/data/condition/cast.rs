//! `CAST`: which types become which, and how.

use std::borrow::Cow;

use sqlparser::ast::{DataType, ExactNumberInfo};

use super::calendar;
use super::convert::{power, rounded_away};
use super::lower::convert;
use super::tree::{Expr, Op, Target};
use super::types::Type;
use super::values::{CAST, Column, Data, NULL};
use crate::support::problem::Problem;
use crate::support::words::code;

/// Lowers `CAST(inner AS written)`.
///
/// # Errors
/// The types have no cast that databases agree on.
pub fn lower(inner: Expr, written: &DataType, lenient: bool) -> Result<Expr, Problem> {
    to(inner, target(written)?, lenient)
}

/// # Errors
/// The types have no cast that databases agree on.
pub fn to(inner: Expr, target: Target, lenient: bool) -> Result<Expr, Problem> {
    let inner = if inner.ty == Type::Null { convert(inner, Type::of(target)) } else { inner };
    let is_exact = matches!(inner.ty, Type::Integer | Type::Decimal(_));
    let is_fine = match target {
        _ if matches!(inner.ty, Type::Any) || inner.ty == Type::of(target) => true,
        Target::Integer { .. } => {
            is_exact || matches!(inner.ty, Type::Boolean | Type::Single | Type::Float | Type::Text)
        }
        Target::Decimal { .. } => is_exact || inner.ty == Type::Text,
        Target::Single | Target::Float => inner.ty.is_numeric() || inner.ty == Type::Text,
        Target::Boolean => matches!(inner.ty, Type::Integer | Type::Text),
        Target::Text => is_exact || matches!(inner.ty, Type::Boolean | Type::Date | Type::Timestamp),
        Target::Date | Target::Timestamp => matches!(inner.ty, Type::Text | Type::Date | Type::Timestamp),
    };
    if is_fine {
        return Ok(Expr::new(Type::of(target), Op::Cast { inner: Box::new(inner), target, lenient }));
    }
    let problem = Problem::new(format!("a CAST from {} to {} is not supported", inner.ty, Type::of(target)));
    Err(match (inner.ty, target) {
        (Type::Single | Type::Float, Target::Decimal { .. } | Target::Text) => problem.hint("use ROUND"),
        _ => problem,
    })
}

fn target(written: &DataType) -> Result<Target, Problem> {
    let signed = |bits: u32| Ok(Target::Integer { low: i128::MIN >> (128 - bits), high: i128::MAX >> (128 - bits) });
    let unsigned = |bits: u32| Ok(Target::Integer { low: 0, high: (1_i128 << bits) - 1 });
    match written {
        DataType::TinyInt(None) => signed(8),
        DataType::SmallInt(None) | DataType::Int2(None) | DataType::Int16 => signed(16),
        DataType::Int(None) | DataType::Integer(None) | DataType::Int4(None) | DataType::Int32 => signed(32),
        DataType::BigInt(None) | DataType::Int8(None) | DataType::Int64 => signed(64),
        DataType::HugeInt | DataType::Int128 => signed(128),
        DataType::UTinyInt => unsigned(8),
        DataType::USmallInt => unsigned(16),
        DataType::UBigInt => unsigned(64),
        DataType::Real | DataType::Float4 | DataType::Float32 => Ok(Target::Single),
        DataType::Double(ExactNumberInfo::None) | DataType::DoublePrecision | DataType::Float8 | DataType::Float64 => {
            Ok(Target::Float)
        }
        DataType::Boolean | DataType::Bool => Ok(Target::Boolean),
        DataType::Varchar(None) | DataType::Text | DataType::String(None) => Ok(Target::Text),
        DataType::Date => Ok(Target::Date),
        DataType::Timestamp(None, _) | DataType::Datetime(None) => Ok(Target::Timestamp),
        DataType::Decimal(ExactNumberInfo::PrecisionAndScale(precision, digits))
        | DataType::Numeric(ExactNumberInfo::PrecisionAndScale(precision, digits)) => {
            match (u32::try_from(*precision), u32::try_from(*digits)) {
                (Ok(precision @ 1..=38), Ok(digits)) if digits <= precision => {
                    Ok(Target::Decimal { precision, digits })
                }
                _ => Err(Problem::new(format!("the type {} is not supported", code(&written.to_string())))),
            }
        }
        other => Err(Problem::new(format!("the type {} is not supported in a CAST", code(&other.to_string())))
            .hint("use BIGINT, DOUBLE, DECIMAL(18, 2), BOOLEAN, TEXT, DATE or TIMESTAMP")),
    }
}

/// Casts a column; what fails has the state [`CAST`], or is null where `lenient`.
pub fn evaluate<'a>(column: &Column<'a>, from: Type, target: Target, lenient: bool) -> Column<'a> {
    let mut cast = match &column.data {
        Data::Boolean(values) => from_boolean(values, target),
        Data::Whole(values) => from_whole(values, from, target),
        Data::Float(values) => from_float(values, target),
        Data::Text(values) => from_text(values, target),
    };
    for (state, before) in cast.state.iter_mut().zip(&column.state) {
        *state = match (*before, *state) {
            // A filler's failure is nobody's.
            (1.., _) => *before,
            (0, 0) => 0,
            (0, NULL) => NULL,
            _ => {
                if lenient {
                    NULL
                } else {
                    CAST
                }
            }
        };
    }
    cast
}

/// A column of values where there are some; `None` is a failure.
fn wholes<'a>(values: impl Iterator<Item = Option<i128>>) -> Column<'a> {
    failing(Column::whole(values))
}

fn failing(mut column: Column) -> Column {
    column.state.iter_mut().for_each(|state| *state = if *state == 0 { 0 } else { CAST });
    column
}

fn from_boolean<'a>(values: &[bool], target: Target) -> Column<'a> {
    match target {
        Target::Boolean => Column::boolean(values.iter().map(|value| Some(*value))),
        Target::Text => {
            Column::text(values.iter().map(|value| Some(Cow::Borrowed(if *value { "true" } else { "false" }))))
        }
        _ => wholes(values.iter().map(|value| Some(i128::from(*value)))),
    }
}

fn from_whole<'a>(values: &[i128], from: Type, target: Target) -> Column<'a> {
    let digits = from.digits();
    match target {
        Target::Integer { low, high } => {
            let cast = |value: &i128| Some(rounded_away(*value, digits)).filter(|value| (low..=high).contains(value));
            wholes(values.iter().map(cast))
        }
        Target::Decimal { precision, digits: wanted } => {
            wholes(values.iter().map(|value| rescaled(*value, digits, wanted, precision)))
        }
        Target::Single | Target::Float => {
            let is_single = target == Target::Single;
            Column::float(values.iter().map(|value| Some(super::convert::float(*value, digits, is_single))))
        }
        Target::Boolean => Column::boolean(values.iter().map(|value| Some(*value != 0))),
        Target::Text => failing(Column::text(values.iter().map(|value| written(*value, from).map(Cow::Owned)))),
        Target::Date if from == Type::Timestamp => {
            wholes(values.iter().map(|value| Some(value.div_euclid(calendar::DAY))))
        }
        Target::Timestamp if from == Type::Date => wholes(values.iter().map(|value| value.checked_mul(calendar::DAY))),
        Target::Date | Target::Timestamp => wholes(values.iter().map(|value| Some(*value))),
    }
}

fn from_float<'a>(values: &[f64], target: Target) -> Column<'a> {
    match target {
        Target::Integer { low, high } => {
            // To the nearest, halves to the even one.
            let cast = |value: &f64| {
                let whole = value.round_ties_even();
                let is_inside = whole >= low as f64 && (whole < high as f64 || whole == high as f64 && high < 1 << 53);
                Some(whole as i128).filter(|whole| is_inside && (low..=high).contains(whole))
            };
            wholes(values.iter().map(cast))
        }
        Target::Single => failing(Column::float(values.iter().map(|value| {
            let single = f64::from(*value as f32);
            Some(single).filter(|single| single.is_finite() || value.is_infinite())
        }))),
        _ => Column::float(values.iter().map(|value| Some(*value))),
    }
}

fn from_text<'a>(values: &[Cow<'a, str>], target: Target) -> Column<'a> {
    match target {
        Target::Integer { low, high } => {
            let cast = |value: &Cow<str>| whole(value.trim()).filter(|value| (low..=high).contains(value));
            wholes(values.iter().map(cast))
        }
        Target::Decimal { precision, digits } => {
            wholes(values.iter().map(|value| decimal(value.trim(), digits, precision)))
        }
        Target::Single | Target::Float => floats(values, target == Target::Single),
        Target::Boolean => {
            failing(Column::boolean(values.iter().map(|value| match value.trim().to_ascii_lowercase().as_str() {
                "true" | "t" | "yes" | "y" | "1" => Some(true),
                "false" | "f" | "no" | "n" | "0" => Some(false),
                _ => None,
            })))
        }
        Target::Text => Column::text(values.iter().map(|value| Some(value.clone()))),
        Target::Date => wholes(values.iter().map(|value| calendar::date(value.trim()))),
        Target::Timestamp => wholes(values.iter().map(|value| calendar::timestamp(value.trim()))),
    }
}

/// NaN is null, and no failure.
fn floats<'a>(values: &[Cow<'a, str>], is_single: bool) -> Column<'a> {
    let mut column =
        Column { data: Data::Float(Vec::with_capacity(values.len())), state: Vec::with_capacity(values.len()) };
    let Data::Float(floats) = &mut column.data else { return column };
    for value in values {
        let parsed: Option<f64> = value.trim().parse().ok();
        let parsed = parsed.map(|value| if is_single { f64::from(value as f32) } else { value });
        column.state.push(match parsed {
            None => CAST,
            Some(value) if value.is_nan() => NULL,
            Some(_) => 0,
        });
        floats.push(parsed.filter(|value| !value.is_nan()).unwrap_or(0.0));
    }
    column
}

/// Digits, with a sign or without.
fn whole(text: &str) -> Option<i128> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    let is_whole = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    if is_whole { text.parse().ok() } else { None }
}

fn decimal(text: &str, digits: u32, precision: u32) -> Option<i128> {
    let (before, after) = text.split_once('.').unwrap_or((text, ""));
    let is_digits = after.bytes().all(|byte| byte.is_ascii_digit());
    let has_any = before.bytes().any(|byte| byte.is_ascii_digit()) || !after.is_empty();
    if !is_digits || !has_any {
        return None;
    }
    let value = whole(&format!("{before}{after}"))?;
    rescaled(value, u32::try_from(after.len()).ok()?, digits, precision)
}

/// A decimal with other digits, rounded half away from zero.
fn rescaled(value: i128, digits: u32, wanted: u32, precision: u32) -> Option<i128> {
    let value = match wanted.checked_sub(digits) {
        Some(more) => value.checked_mul(power(more)?)?,
        None => rounded_away(value, digits - wanted),
    };
    let limit = power(precision).unwrap_or(i128::MAX);
    Some(value).filter(|value| *value > -limit && *value < limit)
}

fn written(value: i128, from: Type) -> Option<String> {
    match from {
        Type::Date => calendar::write_date(value),
        Type::Timestamp => calendar::write_timestamp(value),
        Type::Decimal(digits) if digits > 0 => {
            let sign = if value < 0 { "-" } else { "" };
            let width = digits as usize + 1;
            let text = format!("{:0>width$}", value.unsigned_abs());
            let (whole, fraction) = text.split_at(text.len() - digits as usize);
            Some(format!("{sign}{whole}.{fraction}"))
        }
        _ => Some(value.to_string()),
    }
}
