//! Which of two values is the larger, exactly, whatever their types.

use std::cmp::Ordering;

use super::convert::{float, power};
use super::tree::{Comparison, Set};
use super::types::Type;
use super::values::{Column, Data, joint};

/// Values, and their type.
pub type Typed<'b, 'a> = (&'b Column<'a>, Type);

/// Compares row by row; both are there where `state` is 0.
pub fn compare<'a>((a, a_ty): Typed<'_, 'a>, (b, b_ty): Typed<'_, 'a>, holds: impl Fn(Ordering) -> bool) -> Column<'a> {
    let state = a.state.iter().zip(&b.state).map(|(a, b)| joint(*a, *b)).collect();
    let values = match (&a.data, &b.data) {
        (Data::Whole(a), Data::Whole(b)) => {
            let (up_a, up_b) = factors(a_ty, b_ty);
            if up_a == Some(1) && up_b == Some(1) {
                each(a, b, |a, b| holds(a.cmp(b)))
            } else {
                each(a, b, |a, b| holds(scaled(*a, up_a, *b, up_b)))
            }
        }
        (Data::Float(a), Data::Float(b)) => each(a, b, |a, b| holds(floats(*a, *b))),
        (Data::Whole(a), Data::Float(b)) => each(a, b, |a, b| holds(mixed(*a, a_ty, *b, b_ty == Type::Single))),
        (Data::Float(a), Data::Whole(b)) => {
            each(a, b, |a, b| holds(mixed(*b, b_ty, *a, a_ty == Type::Single).reverse()))
        }
        (Data::Text(a), Data::Text(b)) => each(a, b, |a, b| holds(a.as_bytes().cmp(b.as_bytes()))),
        (Data::Boolean(a), Data::Boolean(b)) => each(a, b, |a, b| holds(a.cmp(b))),
        // The lowering lets no such pair through.
        _ => return Column::nulls(Type::Boolean, a.state.len()),
    };
    Column { data: Data::Boolean(values), state }
}

fn each<A, B>(a: &[A], b: &[B], holds: impl Fn(&A, &B) -> bool) -> Vec<bool> {
    a.iter().zip(b).map(|(a, b)| holds(a, b)).collect()
}

pub fn rule(comparison: Comparison) -> fn(Ordering) -> bool {
    match comparison {
        Comparison::Equal => Ordering::is_eq,
        Comparison::Unequal => Ordering::is_ne,
        Comparison::Less => Ordering::is_lt,
        Comparison::LessOrEqual => Ordering::is_le,
        Comparison::Greater => Ordering::is_gt,
        Comparison::GreaterOrEqual => Ordering::is_ge,
    }
}

/// Whether the value of each row is in the set.
pub fn among<'a>(column: &Column<'a>, set: &Set) -> Column<'a> {
    let rows = column.state.len();
    let values = match (&column.data, set) {
        (Data::Whole(values), Set::Whole(set)) => values.iter().map(|value| set.binary_search(value).is_ok()).collect(),
        (Data::Float(values), Set::Float(set)) => {
            values.iter().map(|value| set.binary_search_by(|one| floats(*one, *value)).is_ok()).collect()
        }
        (Data::Text(values), Set::Text(set)) => values.iter().map(|value| set.contains(value.as_ref())).collect(),
        (Data::Boolean(values), Set::Boolean(set)) => values.iter().map(|value| set[usize::from(*value)]).collect(),
        _ => vec![false; rows],
    };
    Column { data: Data::Boolean(values), state: column.state.clone() }
}

/// What makes units of both types the same.
fn factors(a: Type, b: Type) -> (Option<i128>, Option<i128>) {
    match (a, b) {
        (Type::Date, Type::Timestamp) => (Some(super::calendar::DAY), Some(1)),
        (Type::Timestamp, Type::Date) => (Some(1), Some(super::calendar::DAY)),
        _ => {
            let digits = a.digits().max(b.digits());
            (power(digits - a.digits()), power(digits - b.digits()))
        }
    }
}

/// Compares `a · up_a` with `b · up_b`. A product beyond 128 bits is beyond whatever the other side is, since one of the
/// factors is 1.
fn scaled(a: i128, up_a: Option<i128>, b: i128, up_b: Option<i128>) -> Ordering {
    let product =
        |value: i128, up: Option<i128>| if value == 0 { Some(0) } else { up.and_then(|up| value.checked_mul(up)) };
    match (product(a, up_a), product(b, up_b)) {
        (Some(a), Some(b)) => a.cmp(&b),
        (None, _) => a.cmp(&0),
        (_, None) => 0.cmp(&b),
    }
}

/// Neither is NaN; 0.0 equals -0.0.
fn floats(a: f64, b: f64) -> Ordering {
    a.partial_cmp(&b).unwrap_or(Ordering::Equal)
}

/// An integer beside a float, exactly; a decimal as the nearest float.
fn mixed(whole: i128, ty: Type, number: f64, is_single: bool) -> Ordering {
    if ty.digits() > 0 {
        return floats(float(whole, ty.digits(), is_single), number);
    }
    const BEYOND: f64 = 170_141_183_460_469_231_731_687_303_715_884_105_728.0;
    if number >= BEYOND {
        return Ordering::Less;
    }
    if number < -BEYOND {
        return Ordering::Greater;
    }
    let floor = number.floor();
    whole.cmp(&(floor as i128)).then(if number > floor { Ordering::Less } else { Ordering::Equal })
}
