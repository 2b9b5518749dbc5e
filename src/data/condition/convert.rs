//! Values of one type as values of a wider one.

use std::borrow::Cow;

use super::types::Type;
use super::values::{Column, Data, OVERFLOW};

/// Converts to a type that [`Type::common`] gave; only a decimal can outgrow it.
pub fn evaluate<'b, 'a>(column: Cow<'b, Column<'a>>, from: Type, to: Type) -> Cow<'b, Column<'a>> {
    if from == Type::Null {
        return Cow::Owned(Column::nulls(to, column.state.len()));
    }
    match (&column.data, to) {
        (Data::Whole(values), Type::Single | Type::Float) => {
            let digits = from.digits();
            let floats = values.iter().map(|value| float(*value, digits, to == Type::Single)).collect();
            Cow::Owned(Column { data: Data::Float(floats), state: column.state.clone() })
        }
        (Data::Float(values), Type::Single) => {
            let floats = values.iter().map(|value| f64::from(*value as f32)).collect();
            Cow::Owned(Column { data: Data::Float(floats), state: column.state.clone() })
        }
        (Data::Whole(values), Type::Decimal(digits)) => {
            Cow::Owned(multiplied(values, &column.state, power(digits.saturating_sub(from.digits()))))
        }
        (Data::Whole(values), Type::Timestamp) if from == Type::Date => {
            Cow::Owned(multiplied(values, &column.state, Some(super::calendar::DAY)))
        }
        _ => column,
    }
}

fn multiplied<'a>(values: &[i128], state: &[u8], factor: Option<i128>) -> Column<'a> {
    let mut state = state.to_vec();
    let mut product = Vec::with_capacity(values.len());
    for (value, state) in values.iter().zip(&mut state) {
        let scaled = factor.and_then(|factor| value.checked_mul(factor));
        if scaled.is_none() && *state == 0 {
            *state = OVERFLOW;
        }
        product.push(scaled.unwrap_or(0));
    }
    Column { data: Data::Whole(product), state }
}

/// The nearest float.
pub fn float(value: i128, digits: u32, is_single: bool) -> f64 {
    let float = if digits == 0 { value as f64 } else { value as f64 / 10_f64.powi(digits.cast_signed()) };
    if is_single { f64::from(float as f32) } else { float }
}

pub fn power(digits: u32) -> Option<i128> {
    10_i128.checked_pow(digits)
}

/// Without its last digits, rounded half away from zero.
pub fn rounded_away(value: i128, digits: u32) -> i128 {
    let Some(divisor) = power(digits) else { return 0 };
    let (quotient, rest) = (value / divisor, value % divisor);
    if rest.unsigned_abs() >= (divisor.unsigned_abs()).div_ceil(2) && digits > 0 {
        quotient + rest.signum()
    } else {
        quotient
    }
}
