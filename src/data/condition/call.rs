//! The functions of the language. What a function makes of a null is null.

use std::borrow::Cow;

use super::calendar;
use super::convert::{power, rounded_away};
use super::evaluate::{checked, floats};
use super::text::{self, Budget};
use super::tree::Function;
use super::types::Type;
use super::values::{CALENDAR, Column, Data, OVERFLOW, TooLarge, joint};

/// Computes a function of values of these types.
///
/// # Errors
/// The texts that it makes outgrow the budget.
pub fn evaluate<'a>(
    function: &Function,
    values: &[Cow<'_, Column<'a>>],
    types: &[Type],
    budget: &Budget,
) -> Result<Column<'a>, TooLarge> {
    let (x, ty) = (values[0].as_ref(), types[0]);
    let states = || {
        let mut state = x.state.clone();
        for other in &values[1..] {
            state.iter_mut().zip(&other.state).for_each(|(state, other)| *state = joint(*state, *other));
        }
        state
    };
    Ok(match function {
        Function::Abs | Function::Ceil | Function::Floor | Function::Round(_) | Function::Sign => {
            rounded(function, x, ty)
        }
        Function::Sqrt => real(x, f64::sqrt),
        Function::Exp => real(x, f64::exp),
        // Of zero there is none, as in standard SQL.
        Function::Ln => real(x, |x| if x > 0.0 { x.ln() } else { f64::NAN }),
        Function::Log2 => real(x, |x| if x > 0.0 { x.log2() } else { f64::NAN }),
        Function::Log10 => real(x, |x| if x > 0.0 { x.log10() } else { f64::NAN }),
        Function::Power => {
            let pairs = x.floats().iter().zip(values[1].floats());
            floats(pairs.map(|(x, y)| if *x == 0.0 && *y < 0.0 { f64::NAN } else { x.powf(*y) }), states(), false)
        }
        Function::Length => counted(x, |text| text.chars().count()),
        Function::OctetLength => counted(x, str::len),
        Function::Lower => made(x, budget, text::lower_case)?,
        Function::Upper => made(x, budget, text::upper_case)?,
        Function::Trim { characters, start, end } => {
            taken(x, budget, |text| text::trim(text, characters, *start, *end))?
        }
        Function::Left(count) => taken(x, budget, |text| text::characters(text, 0, Some(*count)))?,
        Function::Right(count) => {
            taken(x, budget, |text| text::characters(text, text.chars().count().saturating_sub(*count), None))?
        }
        Function::Substring { start, length } => {
            taken(x, budget, |text| text::characters(text, start.saturating_sub(1), *length))?
        }
        Function::Position => {
            let pairs = x.texts().iter().zip(values[1].texts());
            Column {
                data: Data::Whole(pairs.map(|(text, wanted)| text::position(text, wanted)).collect()),
                state: states(),
            }
        }
        Function::StartsWith | Function::EndsWith => {
            let pairs = x.texts().iter().zip(values[1].texts());
            let at_start = matches!(function, Function::StartsWith);
            let holds = |(text, part): (&Cow<str>, &Cow<str>)| {
                if at_start { text.starts_with(part.as_ref()) } else { text.ends_with(part.as_ref()) }
            };
            Column { data: Data::Boolean(pairs.map(holds).collect()), state: states() }
        }
        Function::Replace => {
            let (from, to) = (values[1].texts(), values[2].texts());
            let state = states();
            let mut texts = Vec::with_capacity(state.len());
            for (row, text) in x.texts().iter().enumerate() {
                let made =
                    if state[row] == 0 { text::replace(text, &from[row], &to[row], budget)? } else { String::new() };
                texts.push(Cow::Owned(made));
            }
            Column { data: Data::Text(texts), state }
        }
        Function::Concat => {
            let state = states();
            let mut texts = Vec::with_capacity(state.len());
            for (row, state) in state.iter().enumerate() {
                let parts = values.iter().map(|column| column.texts()[row].as_ref());
                texts.push(Cow::Owned(if *state == 0 { text::concat(parts, budget)? } else { String::new() }));
            }
            Column { data: Data::Text(texts), state }
        }
        Function::Matches { regex, lower, negated } => {
            let texts = x.texts().iter().zip(&x.state);
            let matches = texts.map(|(text, state)| {
                let is_match = match (state, lower) {
                    (0, true) => regex.is_match(&text::lower_case(text)),
                    (0, false) => regex.is_match(text),
                    _ => false,
                };
                is_match != *negated
            });
            Column { data: Data::Boolean(matches.collect()), state: x.state.clone() }
        }
        Function::Part(part) => checked(x, x.wholes(), CALENDAR, |nanos| calendar::part(nanos, *part)),
    })
}

fn real<'a>(x: &Column, compute: impl Fn(f64) -> f64) -> Column<'a> {
    floats(x.floats().iter().map(|x| compute(*x)), x.state.clone(), false)
}

fn counted<'a>(x: &Column, count: impl Fn(&str) -> usize) -> Column<'a> {
    let data = x.texts().iter().map(|text| count(text) as i128).collect();
    Column { data: Data::Whole(data), state: x.state.clone() }
}

/// Texts of about the same size.
fn made<'a>(x: &Column, budget: &Budget, make: impl Fn(&str) -> String) -> Result<Column<'a>, TooLarge> {
    let mut texts = Vec::with_capacity(x.state.len());
    for text in x.texts() {
        // No case of a character has more than four bytes.
        budget.take(text.len().saturating_mul(2))?;
        texts.push(Cow::Owned(make(text)));
    }
    Ok(Column { data: Data::Text(texts), state: x.state.clone() })
}

fn taken<'a>(x: &Column<'a>, budget: &Budget, take: impl Fn(&str) -> &str) -> Result<Column<'a>, TooLarge> {
    let texts = x.texts().iter().map(|text| text::part(text, &take, budget)).collect::<Result<_, _>>()?;
    Ok(Column { data: Data::Text(texts), state: x.state.clone() })
}

fn rounded<'a>(function: &Function, x: &Column, ty: Type) -> Column<'a> {
    if let Data::Float(values) = &x.data {
        let is_single = ty == Type::Single;
        if let Function::Sign = function {
            let sign = |value: &f64| if *value > 0.0 { 1 } else { -i128::from(*value < 0.0) };
            return Column { data: Data::Whole(values.iter().map(sign).collect()), state: x.state.clone() };
        }
        return match function {
            Function::Ceil => floats(values.iter().map(|x| x.ceil()), x.state.clone(), is_single),
            Function::Floor => floats(values.iter().map(|x| x.floor()), x.state.clone(), is_single),
            Function::Round(digits) => floats(values.iter().map(|x| round(*x, *digits)), x.state.clone(), is_single),
            _ => floats(values.iter().map(|x| x.abs()), x.state.clone(), is_single),
        };
    }
    let digits = ty.digits();
    let divisor = power(digits).unwrap_or(i128::MAX);
    checked(x, x.wholes(), OVERFLOW, |value| match function {
        Function::Sign => Some(value.signum()),
        Function::Ceil => Some(value.div_euclid(divisor) + i128::from(value.rem_euclid(divisor) != 0)),
        Function::Floor => Some(value.div_euclid(divisor)),
        Function::Round(wanted) => Some(rounded_away(value, digits.saturating_sub(*wanted))),
        _ => value.checked_abs(),
    })
}

/// Halves away from zero; what has no such digits is itself.
fn round(x: f64, digits: u32) -> f64 {
    if digits == 0 {
        return x.round();
    }
    let ten = 10_f64.powi(digits.min(400).cast_signed());
    let rounded = (x * ten).round() / ten;
    if rounded.is_finite() { rounded } else { x }
}
