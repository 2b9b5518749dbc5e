//! Literals, and what they become beside a column.

use sqlparser::ast::{DataType, DateTimeField, Expr as Sql, Interval, TypedString, Value as Literal};

use super::{Lowered, MOST_DIGITS, convert};
use crate::data::condition::calendar;
use crate::data::condition::tree::{Expr, Op, Value};
use crate::data::condition::types::Type;
use crate::support::problem::Problem;
use crate::support::words::code;

const DAY: i128 = 86_400_000_000_000;

pub fn literal(value: &Literal) -> Lowered {
    let constant = |ty, value| Ok(Expr::new(ty, Op::Constant(value)));
    match value {
        Literal::Null => constant(Type::Null, Value::Null),
        Literal::Boolean(value) => constant(Type::Boolean, Value::Boolean(*value)),
        Literal::SingleQuotedString(text) => constant(Type::Text, Value::Text(text.clone())),
        Literal::Number(text, false) => number(text),
        other => Err(Problem::new(format!("the literal {} is not supported", code(&other.to_string())))),
    }
}

/// Digits are an integer, with a point an exact decimal, with an exponent a float.
fn number(text: &str) -> Lowered {
    let wrong = || Problem::new(format!("the number {} is too long", code(text)));
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let is_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let digits = u32::try_from(fraction.len()).unwrap_or(u32::MAX);
    if is_digits(whole) && is_digits(fraction) && digits <= MOST_DIGITS {
        let ty = if digits == 0 { Type::Integer } else { Type::Decimal(digits) };
        let value = format!("0{whole}{fraction}").parse().map_err(|_| wrong())?;
        return Ok(Expr::new(ty, Op::Constant(Value::Whole(value))));
    }
    let value: f64 = text.parse().map_err(|_| wrong())?;
    if !value.is_finite() {
        return Err(wrong());
    }
    Ok(Expr::new(Type::Float, Op::Constant(Value::Float(value))))
}

/// `DATE '…'` and `TIMESTAMP '…'`.
pub fn typed(typed: &TypedString) -> Lowered {
    let Literal::SingleQuotedString(text) = &typed.value.value else {
        return Err(Problem::new(format!("{} is not supported", code(&typed.value.to_string()))));
    };
    let ty = match typed.data_type {
        DataType::Date => Type::Date,
        DataType::Timestamp(..) | DataType::Datetime(_) => Type::Timestamp,
        _ => return Err(Problem::new(format!("literals of {} are not supported", code(&typed.data_type.to_string())))),
    };
    instant(text, ty)
}

fn instant(text: &str, ty: Type) -> Lowered {
    let value = if ty == Type::Date { calendar::date(text) } else { calendar::timestamp(text) };
    let value = value.ok_or_else(|| {
        let problem = Problem::new(format!("{} is not a {ty}", code(text)));
        if ty == Type::Date {
            problem.hint("write it as 2026-01-31")
        } else {
            problem.hint("write it as 2026-01-31 12:00:00")
        }
    })?;
    Ok(Expr::new(ty, Op::Constant(Value::Whole(value))))
}

/// A literal beside a value of this type: text beside a date is a date, a number beside a float of 32 bits is one.
pub fn adapted(expr: Expr, beside: Type) -> Lowered {
    match (expr.constant(), expr.ty, beside) {
        (Some(Value::Text(text)), _, Type::Date | Type::Timestamp) => {
            // A date may be compared with a time of day.
            let text = text.clone();
            match instant(&text, beside) {
                Err(_) if beside == Type::Date && calendar::timestamp(&text).is_some() => {
                    instant(&text, Type::Timestamp)
                }
                adapted => adapted,
            }
        }
        (Some(Value::Whole(_)), Type::Decimal(_), Type::Single) => Ok(convert(expr, Type::Single)),
        (Some(Value::Float(value)), Type::Float, Type::Single) => {
            let single = f64::from(*value as f32);
            Ok(Expr::new(Type::Single, Op::Constant(Value::Float(single))))
        }
        _ => Ok(expr),
    }
}

/// A literal as a value of another type.
pub enum Exact {
    As(Value),
    /// No value of that type equals it.
    Never,
    /// Only a comparison tells.
    OneByOne,
}

pub fn exactly(value: &Value, ty: Type, wanted: Type) -> Exact {
    let rescaled = |value: i128, from: u32, to: u32| {
        if from <= to {
            let scaled = 10_i128.checked_pow(to - from).and_then(|ten| value.checked_mul(ten));
            return scaled.map_or(Exact::Never, |value| Exact::As(Value::Whole(value)));
        }
        match 10_i128.checked_pow(from - to) {
            Some(ten) if value % ten == 0 => Exact::As(Value::Whole(value / ten)),
            _ => Exact::Never,
        }
    };
    match (value, ty, wanted) {
        (Value::Whole(value), Type::Integer | Type::Decimal(_), Type::Integer | Type::Decimal(_)) => {
            rescaled(*value, ty.digits(), wanted.digits())
        }
        (Value::Float(_), Type::Float, Type::Float) | (Value::Float(_), Type::Single, Type::Single) => {
            Exact::As(value.clone())
        }
        (_, ty, wanted) if ty == wanted => Exact::As(value.clone()),
        _ => Exact::OneByOne,
    }
}

/// An interval without months, as a value of its own.
pub fn duration(interval: &Interval) -> Lowered {
    match amount(interval)? {
        (0, nanos) => Ok(Expr::new(Type::Duration, Op::Constant(Value::Whole(nanos)))),
        _ => Err(Problem::new("an interval of months or years has no length of its own")
            .hint("add it to a date, or count in days")),
    }
}

/// `date ± INTERVAL …`.
pub fn shifted(inner: Expr, interval: &Interval, back: bool) -> Lowered {
    let (months, nanos) = amount(interval)?;
    let (months, nanos) = if back { (-months, -nanos) } else { (months, nanos) };
    match inner.ty {
        Type::Date | Type::Timestamp | Type::Any => {
            let inner = Box::new(convert(inner, Type::Timestamp));
            Ok(Expr::new(Type::Timestamp, Op::Shift { inner, months, nanos }))
        }
        other => Err(Problem::new(format!("an interval is added to {other}, not to a date"))),
    }
}

/// Months and nanoseconds.
fn amount(interval: &Interval) -> Result<(i32, i128), Problem> {
    let wrong = || {
        Problem::new(format!("{} is not supported", code(&interval.to_string())))
            .hint("write INTERVAL '3' DAY or INTERVAL '3 days'")
    };
    let text = match interval.value.as_ref() {
        Sql::Value(value) => match &value.value {
            Literal::SingleQuotedString(text) | Literal::Number(text, false) => text,
            _ => return Err(wrong()),
        },
        _ => return Err(wrong()),
    };
    if interval.last_field.is_some() || interval.fractional_seconds_precision.is_some() {
        return Err(wrong());
    }
    let (count, unit) = match &interval.leading_field {
        Some(field) => (text.trim().to_owned(), unit(field).ok_or_else(wrong)?.to_owned()),
        None => {
            let (count, unit) = text.trim().split_once(' ').ok_or_else(wrong)?;
            let unit = unit.trim().to_lowercase();
            (count.to_owned(), unit.strip_suffix('s').unwrap_or(&unit).to_owned())
        }
    };
    let count: i32 = count.parse().map_err(|_| wrong())?;
    let nanos = |each: i128| Ok((0, i128::from(count) * each));
    match unit.as_str() {
        "year" => Ok((count.checked_mul(12).ok_or_else(wrong)?, 0)),
        "month" => Ok((count, 0)),
        "week" => nanos(7 * DAY),
        "day" => nanos(DAY),
        "hour" => nanos(DAY / 24),
        "minute" => nanos(60_000_000_000),
        "second" => nanos(1_000_000_000),
        _ => Err(wrong()),
    }
}

fn unit(field: &DateTimeField) -> Option<&'static str> {
    Some(match field {
        DateTimeField::Year | DateTimeField::Years => "year",
        DateTimeField::Month | DateTimeField::Months => "month",
        DateTimeField::Week(None) | DateTimeField::Weeks => "week",
        DateTimeField::Day | DateTimeField::Days => "day",
        DateTimeField::Hour | DateTimeField::Hours => "hour",
        DateTimeField::Minute | DateTimeField::Minutes => "minute",
        DateTimeField::Second | DateTimeField::Seconds => "second",
        _ => return None,
    })
}
