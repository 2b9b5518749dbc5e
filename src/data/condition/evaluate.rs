//! Evaluates a condition over columns, part by part; every value is present, null, or says why it is not there.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::compare::{self, compare, rule};
use super::text::{self, Budget};
use super::tree::{Arithmetic, Comparison, Expr, Op, Value};
use super::types::Type;
use super::values::{CALENDAR, Column, Data, NULL, OVERFLOW, TooLarge, joint};
use super::{calendar, call, cast, convert};

type Evaluated<'b, 'a> = Result<Cow<'b, Column<'a>>, TooLarge>;

/// Evaluates `expr` over `rows` rows.
///
/// # Errors
/// The texts that it makes outgrow the budget.
pub fn evaluate<'b, 'a>(expr: &Expr, columns: &'b [Column<'a>], rows: usize) -> Evaluated<'b, 'a> {
    Evaluation { columns, rows, budget: Budget::new() }.part(expr)
}

struct Evaluation<'b, 'a> {
    columns: &'b [Column<'a>],
    rows: usize,
    budget: Budget,
}

impl<'b, 'a> Evaluation<'b, 'a> {
    fn part(&self, expr: &Expr) -> Evaluated<'b, 'a> {
        Ok(Cow::Owned(match &expr.op {
            Op::Column(at) => return Ok(Cow::Borrowed(&self.columns[*at])),
            Op::Constant(value) => self.constant(value, expr.ty)?,
            Op::Not(inner) => {
                let mut column = self.part(inner)?.into_owned();
                if let Data::Boolean(values) = &mut column.data {
                    values.iter_mut().for_each(|value| *value = !*value);
                }
                column
            }
            Op::IsTruth { inner, wanted, negated } => {
                let column = self.part(inner)?;
                let is = |value: bool, state: u8| match wanted {
                    None => state == NULL,
                    Some(wanted) => state == 0 && value == *wanted,
                };
                let values = column.booleans().iter().zip(&column.state);
                certain(values.map(|(value, state)| is(*value, *state) != *negated).collect(), &column.state)
            }
            Op::IsNull { inner, negated } => {
                let column = self.part(inner)?;
                certain(column.state.iter().map(|state| (*state == NULL) != *negated).collect(), &column.state)
            }
            Op::All(parts) => self.chain(parts, false)?,
            Op::Any(parts) => self.chain(parts, true)?,
            Op::Compare(comparison, a, b) => {
                let (left, right) = (self.part(a)?, self.part(b)?);
                by(*comparison, (&left, a.ty), (&right, b.ty))
            }
            Op::Distinct { left, right, negated } => {
                let (a, b) = (self.part(left)?, self.part(right)?);
                let mut column = compare((&a, left.ty), (&b, right.ty), Ordering::is_ne);
                if let Data::Boolean(values) = &mut column.data {
                    for (row, (value, state)) in values.iter_mut().zip(&mut column.state).enumerate() {
                        if *state == NULL {
                            *value = a.state[row] != b.state[row];
                            *state = 0;
                        }
                        *value = *value != *negated;
                    }
                }
                column
            }
            Op::Among { subject, set, others, has_null, negated } => {
                let column = self.part(subject)?;
                let mut found = compare::among(&column, set);
                for other in others {
                    let value = self.part(other)?;
                    or(&mut found, &by(Comparison::Equal, (&column, subject.ty), (&value, other.ty)));
                }
                if *has_null {
                    or(&mut found, &Column::nulls(Type::Boolean, self.rows));
                }
                negate(found, *negated)
            }
            Op::Between { subject, low, high, negated } => {
                let (value, a, b) = (self.part(subject)?, self.part(low)?, self.part(high)?);
                let mut inside = by(Comparison::GreaterOrEqual, (&value, subject.ty), (&a, low.ty));
                and(&mut inside, &by(Comparison::LessOrEqual, (&value, subject.ty), (&b, high.ty)));
                negate(inside, *negated)
            }
            Op::Arithmetic(op, a, b) => arithmetic(*op, &*self.part(a)?, &*self.part(b)?, expr.ty),
            Op::Negate(inner) => negative(self.part(inner)?.into_owned()),
            Op::Convert(inner) => return Ok(convert::evaluate(self.part(inner)?, inner.ty, expr.ty)),
            Op::Cast { inner, target, lenient } => {
                let column = self.part(inner)?;
                let cast = cast::evaluate(&column, inner.ty, *target, *lenient);
                if let Data::Text(texts) = &cast.data {
                    self.budget.take(texts.iter().map(|text| text.len()).sum())?;
                }
                cast
            }
            Op::Case { branches, otherwise } => self.case(branches, otherwise)?,
            Op::Coalesce(list) => self.coalesce(list, expr.ty)?,
            Op::NullIf(a, b) => {
                let (left, right) = (self.part(a)?, self.part(b)?);
                let equal = by(Comparison::Equal, (&left, a.ty), (&right, b.ty));
                let mut column = self.copy(&left)?;
                for (row, state) in column.state.iter_mut().enumerate() {
                    let is_equal = equal.state[row] == 0 && equal.booleans()[row];
                    *state |= if is_equal { NULL } else { right.state[row] & !NULL };
                }
                column
            }
            Op::Extreme { list, greatest } => self.extreme(list, *greatest, expr.ty)?,
            Op::Shift { inner, months, nanos } => {
                let column = self.part(inner)?;
                checked(&column, column.wholes(), CALENDAR, |at| calendar::shifted(at, *months, *nanos))
            }
            Op::Call(function, arguments) => {
                let values = arguments.iter().map(|argument| self.part(argument)).collect::<Result<Vec<_>, _>>()?;
                let types: Vec<Type> = arguments.iter().map(|argument| argument.ty).collect();
                call::evaluate(function, &values, &types, &self.budget)?
            }
        }))
    }

    fn constant(&self, value: &Value, ty: Type) -> Result<Column<'a>, TooLarge> {
        let state = vec![0; self.rows];
        let data = match value {
            Value::Null => return Ok(Column::nulls(ty, self.rows)),
            Value::Boolean(value) => Data::Boolean(vec![*value; self.rows]),
            Value::Whole(value) => Data::Whole(vec![*value; self.rows]),
            Value::Float(value) => Data::Float(vec![*value; self.rows]),
            Value::Text(text) => {
                self.budget.take(text.len().saturating_mul(self.rows))?;
                Data::Text(vec![Cow::Owned(text.clone()); self.rows])
            }
        };
        Ok(Column { data, state })
    }

    /// `AND` or `OR`; `ends` is the value that decides, also beside one that cannot be computed.
    fn chain(&self, parts: &[Expr], ends: bool) -> Result<Column<'a>, TooLarge> {
        let mut all = certain(vec![!ends; self.rows], &[]);
        for part in parts {
            let column = self.part(part)?;
            if ends { or(&mut all, &column) } else { and(&mut all, &column) }
        }
        Ok(all)
    }

    fn case(&self, branches: &[(Expr, Expr)], otherwise: &Expr) -> Result<Column<'a>, TooLarge> {
        let mut result = self.copy(&*self.part(otherwise)?)?;
        // From the last to the first, whose condition wins.
        for (when, then) in branches.iter().rev() {
            let (when, then) = (self.part(when)?, self.part(then)?);
            for row in 0..self.rows {
                match (when.booleans()[row], when.state[row]) {
                    (true, 0) => self.assign(&mut result, &then, row)?,
                    (_, 0 | NULL) => {}
                    (_, fault) => result.state[row] = fault,
                }
            }
        }
        Ok(result)
    }

    fn coalesce(&self, list: &[Expr], ty: Type) -> Result<Column<'a>, TooLarge> {
        let mut result = Column::nulls(ty, self.rows);
        for expr in list {
            let column = self.part(expr)?;
            for row in 0..self.rows {
                if result.state[row] == NULL && column.state[row] != NULL {
                    self.assign(&mut result, &column, row)?;
                }
            }
        }
        Ok(result)
    }

    fn extreme(&self, list: &[Expr], greatest: bool, ty: Type) -> Result<Column<'a>, TooLarge> {
        let wins = if greatest { Comparison::Greater } else { Comparison::Less };
        let mut result: Option<Column<'a>> = None;
        for expr in list {
            let column = self.part(expr)?;
            let Some(best) = &mut result else {
                result = Some(self.copy(&column)?);
                continue;
            };
            let better = by(wins, (&column, ty), (best, ty));
            for row in 0..self.rows {
                let state = joint(best.state[row], column.state[row]);
                if better.booleans()[row] && state == 0 {
                    self.assign(best, &column, row)?;
                }
                best.state[row] = state;
            }
        }
        Ok(result.unwrap_or_else(|| Column::nulls(ty, self.rows)))
    }

    fn assign(&self, into: &mut Column<'a>, from: &Column<'a>, row: usize) -> Result<(), TooLarge> {
        into.state[row] = from.state[row];
        match (&mut into.data, &from.data) {
            (Data::Boolean(into), Data::Boolean(from)) => into[row] = from[row],
            (Data::Whole(into), Data::Whole(from)) => into[row] = from[row],
            (Data::Float(into), Data::Float(from)) => into[row] = from[row],
            (Data::Text(into), Data::Text(from)) => into[row] = text::copy(&from[row], &self.budget)?,
            _ => into.state[row] = NULL,
        }
        Ok(())
    }

    fn copy(&self, column: &Column<'a>) -> Result<Column<'a>, TooLarge> {
        if let Data::Text(texts) = &column.data {
            let owned = texts.iter().filter(|text| matches!(text, Cow::Owned(_)));
            self.budget.take(owned.map(|text| text.len()).sum())?;
        }
        Ok(column.clone())
    }
}

fn by<'a>(comparison: Comparison, a: compare::Typed<'_, 'a>, b: compare::Typed<'_, 'a>) -> Column<'a> {
    // One loop each, which the compiler can see into.
    match comparison {
        Comparison::Equal => compare(a, b, Ordering::is_eq),
        Comparison::Less => compare(a, b, Ordering::is_lt),
        Comparison::GreaterOrEqual => compare(a, b, Ordering::is_ge),
        other => compare(a, b, rule(other)),
    }
}

/// Truth values that are never null; what could not be computed stays so.
fn certain<'a>(values: Vec<bool>, state: &[u8]) -> Column<'a> {
    let mut state: Vec<u8> = state.iter().map(|state| state & !NULL).collect();
    state.resize(values.len(), 0);
    Column { data: Data::Boolean(values), state }
}

fn and(into: &mut Column, other: &Column) {
    decide(into, other, false);
}

fn or(into: &mut Column, other: &Column) {
    decide(into, other, true);
}

/// Three-valued: a present value that `ends` decides; else what could not be computed, else null.
fn decide(into: &mut Column, other: &Column, ends: bool) {
    let Data::Boolean(values) = &mut into.data else { return };
    for ((value, state), (with, beside)) in
        values.iter_mut().zip(&mut into.state).zip(other.booleans().iter().zip(&other.state))
    {
        let decides = (*state == 0 && *value == ends) || (*beside == 0 && *with == ends);
        *state = if decides { 0 } else { joint(*state, *beside) };
        *value = if decides { ends } else { !ends };
    }
}

fn negate(mut column: Column<'_>, negated: bool) -> Column<'_> {
    if let (Data::Boolean(values), true) = (&mut column.data, negated) {
        values.iter_mut().for_each(|value| *value = !*value);
    }
    column
}

/// Whole values; those that cannot be computed have the state `fault`.
pub fn checked<'a>(column: &Column, values: &[i128], fault: u8, compute: impl Fn(i128) -> Option<i128>) -> Column<'a> {
    let mut state = column.state.clone();
    let mut data = Vec::with_capacity(values.len());
    for (value, state) in values.iter().zip(&mut state) {
        let computed = compute(*value);
        if computed.is_none() && *state == 0 {
            *state = fault;
        }
        data.push(computed.unwrap_or(0));
    }
    Column { data: Data::Whole(data), state }
}

/// Floats; NaN is null.
pub fn floats<'a>(values: impl Iterator<Item = f64>, mut state: Vec<u8>, is_single: bool) -> Column<'a> {
    let mut data = Vec::with_capacity(state.len());
    for (value, state) in values.zip(&mut state) {
        let value = if is_single { f64::from(value as f32) } else { value };
        *state |= if value.is_nan() { NULL } else { 0 };
        data.push(if value.is_nan() { 0.0 } else { value });
    }
    Column { data: Data::Float(data), state }
}

fn negative(mut column: Column<'_>) -> Column<'_> {
    match &mut column.data {
        Data::Float(values) => values.iter_mut().for_each(|value| *value = -*value),
        Data::Whole(values) => {
            return checked(
                &Column { data: Data::Boolean(Vec::new()), state: column.state },
                values,
                OVERFLOW,
                i128::checked_neg,
            );
        }
        Data::Boolean(_) | Data::Text(_) => {}
    }
    column
}

/// A division by zero is null.
fn arithmetic<'a>(op: Arithmetic, a: &Column, b: &Column, ty: Type) -> Column<'a> {
    let mut state: Vec<u8> = a.state.iter().zip(&b.state).map(|(a, b)| joint(*a, *b)).collect();
    if let (Data::Float(a), Data::Float(b)) = (&a.data, &b.data) {
        let pairs = a.iter().zip(b);
        let is_single = ty == Type::Single;
        return match op {
            Arithmetic::Add => floats(pairs.map(|(a, b)| a + b), state, is_single),
            Arithmetic::Subtract => floats(pairs.map(|(a, b)| a - b), state, is_single),
            Arithmetic::Multiply => floats(pairs.map(|(a, b)| a * b), state, is_single),
            Arithmetic::Divide | Arithmetic::DivideWhole => {
                floats(pairs.map(|(a, b)| if *b == 0.0 { f64::NAN } else { a / b }), state, is_single)
            }
            Arithmetic::Remainder => floats(pairs.map(|(a, b)| a % b), state, is_single),
        };
    }
    let mut data = Vec::with_capacity(state.len());
    for ((a, b), state) in a.wholes().iter().zip(b.wholes()).zip(&mut state) {
        let computed = match op {
            Arithmetic::Add => a.checked_add(*b),
            Arithmetic::Subtract => a.checked_sub(*b),
            Arithmetic::Multiply => a.checked_mul(*b),
            Arithmetic::Divide | Arithmetic::DivideWhole | Arithmetic::Remainder if *b == 0 => {
                *state |= NULL;
                Some(0)
            }
            Arithmetic::Divide | Arithmetic::DivideWhole => a.checked_div(*b),
            Arithmetic::Remainder => Some(a.wrapping_rem(*b)),
        };
        if computed.is_none() && *state == 0 {
            *state = OVERFLOW;
        }
        data.push(computed.unwrap_or(0));
    }
    Column { data: Data::Whole(data), state }
}
