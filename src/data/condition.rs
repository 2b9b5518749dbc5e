//! SQL conditions: the language, its types, and their evaluation over columns of values.
//!
//! The language is what one row can answer by itself. Every operator and function stands in an allow-list and is
//! computed here, with the semantics that tests/oracle/expression.py holds against DuckDB; everything else is refused.
//! Values that a condition computes cannot wrap (integers have 128 bits, beyond them is an error), cannot be NaN (that is
//! null), and cannot outgrow [`values::MOST_TEXT`].

mod calendar;
mod call;
mod cast;
mod compare;
mod convert;
mod evaluate;
mod lower;
mod parse;
mod text;
mod tree;
mod types;
pub mod values;

use crate::support::problem::Problem;
use crate::support::words::{self, code};
pub use types::Type;
pub use values::{Column, Data};

/// Reads a condition without knowing the types of its columns; returns their names.
///
/// # Errors
/// Why the text is not one scalar condition of the language.
pub fn check(sql: &str) -> Result<Vec<String>, String> {
    let wrong = |problem: Problem| {
        let hint = problem.hint.map(|hint| format!("; {hint}")).unwrap_or_default();
        format!("`sql` is not one scalar condition: {}{hint}", problem.message)
    };
    let program = parse::parse(sql).and_then(|tree| lower::lower(&tree, &|_| Ok(Type::Any))).map_err(wrong)?;
    Ok(program.columns)
}

/// A condition with the types of its columns.
#[derive(Debug)]
pub struct Program {
    /// Names of the columns that it reads; [`Program::evaluate`] takes their values in this order.
    pub columns: Vec<String>,
    root: tree::Expr,
}

/// What a condition says of some rows.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Truth {
    /// One a row: whether the condition is true; false and null are not.
    pub is_true: Vec<bool>,
    /// The first row that it cannot be computed in, and why.
    pub fault: Option<(usize, &'static str)>,
}

impl Program {
    /// Reads a condition; `types` knows the columns of the table.
    ///
    /// # Errors
    /// The condition is not of the language, its types do not fit, or it is no condition.
    pub fn compile(sql: &str, types: &dyn Fn(&str) -> Result<Type, Problem>) -> Result<Self, Problem> {
        let refused = |problem: Problem| Problem {
            message: format!("{} cannot be computed: {}", code(&words::cut(sql, 200)), problem.message),
            ..problem
        };
        let program = parse::parse(sql).and_then(|tree| lower::lower(&tree, types)).map_err(refused)?;
        match program.root.ty {
            Type::Boolean | Type::Any => Ok(program),
            other => Err(Problem::new(format!("{} is not a condition: it is {other}", code(&words::cut(sql, 200))))
                .hint("compare it with something: a condition is true or false")),
        }
    }

    /// Evaluates the condition over `rows` rows of its columns.
    pub fn evaluate(&self, columns: &[Column], rows: usize) -> Truth {
        let mut truth = Truth { is_true: Vec::with_capacity(rows), fault: None };
        self.evaluate_range(columns, 0, rows, &mut truth);
        truth
    }

    /// Halves the rows until the texts that the condition makes of them fit the budget.
    fn evaluate_range(&self, columns: &[Column], start: usize, rows: usize, truth: &mut Truth) {
        // Once it is an error, further rows cost time and tell nothing.
        if truth.fault.is_some_and(|(_, why)| why == values::TOO_LARGE) {
            truth.is_true.resize(start + rows, false);
            return;
        }
        match evaluate::evaluate(&self.root, columns, rows) {
            Ok(column) => {
                let Data::Boolean(values) = &column.data else { return };
                for (row, (value, state)) in values.iter().zip(&column.state).enumerate() {
                    truth.is_true.push(*value && *state == 0);
                    if truth.fault.is_none() {
                        truth.fault = values::fault(*state).map(|why| (start + row, why));
                    }
                }
            }
            Err(_) if rows > 1 => {
                let half = rows / 2;
                let (first, second): (Vec<Column>, Vec<Column>) =
                    columns.iter().map(|column| (column.slice(0, half), column.slice(half, rows - half))).unzip();
                self.evaluate_range(&first, start, half, truth);
                self.evaluate_range(&second, start + half, rows - half, truth);
            }
            Err(values::TooLarge) => {
                truth.is_true.push(false);
                truth.fault = truth.fault.or(Some((start, values::TOO_LARGE)));
            }
        }
    }
}

#[cfg(test)]
mod tests;
