//! SQL conditions for `expression`: what is let through, and what it becomes.
//!
//! Allowed is what one row can answer by itself; everything else that Polars' SQL can do (files,
//! subqueries, aggregates, windows) is refused here, before Polars sees it.

use std::ops::ControlFlow;

use sqlparser::ast::{Expr as Sql, FunctionArguments, Query, Value as Literal, Visit, Visitor};
use sqlparser::dialect::GenericDialect;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::{Token, Tokenizer};

use crate::words::code;

/// Functions of one row's values.
const FUNCTIONS: &[&str] = &[
    "abs",
    "ceil",
    "ceiling",
    "char_length",
    "character_length",
    "coalesce",
    "concat",
    "date",
    "ends_with",
    "floor",
    "if",
    "ifnull",
    "left",
    "length",
    "lower",
    "ltrim",
    "mod",
    "nullif",
    "octet_length",
    "regexp_like",
    "replace",
    "right",
    "round",
    "rtrim",
    "sign",
    "sqrt",
    "starts_with",
    "strpos",
    "substr",
    "upper",
    "power",
    "pow",
    "ln",
    "log",
    "log10",
    "log2",
    "exp",
    "greatest",
    "least",
    "strptime",
    "timestamp",
    "datetime",
    "date_part",
];

/// Tokens that can nest; the parser's own limit does not see chains such as `a + 1 + 1 + …`, whose
/// depth is their length.
const MOST_JOINTS: usize = 500;
/// Tokens in all: lists of values may be long.
const MOST_TOKENS: usize = 100_000;

/// Whether a token is of the kind that long lists are made of.
fn is_listed(token: &Token) -> bool {
    matches!(token, Token::Comma | Token::Number(..) | Token::SingleQuotedString(_) | Token::Whitespace(_))
}

/// Reads the condition.
///
/// # Errors
/// Why the text is not one scalar condition.
pub fn check(sql: &str) -> Result<Condition, String> {
    let wrong = |what: String| format!("`sql` is not one scalar condition: {what}");
    let tokens = Tokenizer::new(&GenericDialect {}, sql).tokenize().map_err(|error| wrong(error.to_string()))?;
    let joints = tokens.iter().filter(|token| !is_listed(token)).count();
    if joints > MOST_JOINTS || tokens.len() > MOST_TOKENS {
        return Err(wrong("it is too long; make it several entries".to_owned()));
    }
    let mut parser = Parser::new(&GenericDialect {}).with_recursion_limit(50).with_tokens(tokens);
    let condition = parser.parse_expr().map_err(|error| wrong(error.to_string()))?;
    let next = parser.peek_token();
    if next.token != Token::EOF {
        return Err(wrong(format!("nothing may follow it, found {}", code(&next.token.to_string()))));
    }
    let mut walk = Walk { read: Condition::default() };
    match condition.visit(&mut walk) {
        ControlFlow::Break(what) => Err(wrong(what)),
        ControlFlow::Continue(()) => Ok(walk.read),
    }
}

/// What is known of a condition before it is computed.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Condition {
    /// Names of the columns that it looks at.
    pub columns: Vec<String>,
    /// Columns that it compares with numbers, and the numbers as written: `day > 2026-01-01` compares
    /// with 2024, which no engine minds.
    pub with_numbers: Vec<(String, String)>,
}

/// Whether it is made of numbers alone.
fn is_number(sql: &Sql) -> bool {
    match sql {
        Sql::Value(value) => matches!(value.value, Literal::Number(..)),
        Sql::Nested(inner) | Sql::UnaryOp { expr: inner, .. } => is_number(inner),
        Sql::BinaryOp { left, right, .. } => is_number(left) && is_number(right),
        _ => false,
    }
}

struct Walk {
    read: Condition,
}

impl Walk {
    fn compare(&mut self, one: &Sql, other: &Sql) {
        for (column, number) in [(one, other), (other, one)] {
            if let (Sql::Identifier(column), true) = (column, is_number(number)) {
                self.read.with_numbers.push((column.value.clone(), number.to_string()));
            }
        }
    }
}

impl Visitor for Walk {
    type Break = String;

    fn pre_visit_query(&mut self, _: &Query) -> ControlFlow<String> {
        ControlFlow::Break("subqueries are refused".into())
    }

    fn pre_visit_expr(&mut self, expr: &Sql) -> ControlFlow<String> {
        match expr {
            Sql::Identifier(ident) => self.read.columns.push(ident.value.clone()),
            Sql::BinaryOp { left, right, .. } => self.compare(left, right),
            Sql::Between { expr, low, high, .. } => {
                self.compare(expr, low);
                self.compare(expr, high);
            }
            Sql::InList { expr, list, .. } => list.iter().take(1).for_each(|value| self.compare(expr, value)),
            Sql::Function(function) => {
                let name = function.name.to_string().to_lowercase();
                if function.over.is_some() || function.filter.is_some() || !function.within_group.is_empty() {
                    return ControlFlow::Break(format!("{} is an aggregate or a window", code(&name)));
                }
                if !FUNCTIONS.contains(&name.as_str()) {
                    return ControlFlow::Break(format!("the function {} is not one of a row's values", code(&name)));
                }
                if matches!(function.args, FunctionArguments::Subquery(_)) {
                    return ControlFlow::Break("subqueries are refused".into());
                }
            }
            Sql::IsFalse(_)
            | Sql::IsNotFalse(_)
            | Sql::IsTrue(_)
            | Sql::IsNotTrue(_)
            | Sql::IsNull(_)
            | Sql::IsNotNull(_)
            | Sql::IsDistinctFrom(..)
            | Sql::IsNotDistinctFrom(..)
            | Sql::Like { .. }
            | Sql::ILike { .. }
            | Sql::RLike { .. }
            | Sql::UnaryOp { .. }
            | Sql::Cast { .. }
            | Sql::Extract { .. }
            | Sql::Ceil { .. }
            | Sql::Floor { .. }
            | Sql::Substring { .. }
            | Sql::Trim { .. }
            | Sql::Nested(_)
            | Sql::Value(_)
            | Sql::TypedString(_)
            | Sql::Case { .. }
            | Sql::Tuple(_)
            | Sql::Interval(_) => {}
            Sql::InSubquery { .. } | Sql::Exists { .. } | Sql::Subquery(_) => {
                return ControlFlow::Break("subqueries are refused".into());
            }
            Sql::CompoundIdentifier(_) => {
                return ControlFlow::Break(format!(
                    "{} names a table; put a column name with a dot in double quotes",
                    code(&expr.to_string())
                ));
            }
            other => return ControlFlow::Break(format!("{} is refused", code(&other.to_string()))),
        }
        ControlFlow::Continue(())
    }
}
