//! SQL conditions for `expression`: what is let through, and what it becomes.
//!
//! Allowed is what one row can answer by itself; everything else that Polars' SQL can do (files,
//! subqueries, aggregates, windows) is refused here, before Polars sees it.

use std::ops::ControlFlow;

use sqlparser::ast::{Expr as Sql, FunctionArguments, Query, Visit, Visitor};
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

/// Names of the columns that the condition looks at.
///
/// # Errors
/// Why the text is not one scalar condition.
pub fn check(sql: &str) -> Result<Vec<String>, String> {
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
    let mut walk = Walk { columns: Vec::new() };
    match condition.visit(&mut walk) {
        ControlFlow::Break(what) => Err(wrong(what)),
        ControlFlow::Continue(()) => Ok(walk.columns),
    }
}

struct Walk {
    columns: Vec<String>,
}

impl Visitor for Walk {
    type Break = String;

    fn pre_visit_query(&mut self, _: &Query) -> ControlFlow<String> {
        ControlFlow::Break("subqueries are refused".into())
    }

    fn pre_visit_expr(&mut self, expr: &Sql) -> ControlFlow<String> {
        match expr {
            Sql::Identifier(ident) => self.columns.push(ident.value.clone()),
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
            | Sql::InList { .. }
            | Sql::Between { .. }
            | Sql::BinaryOp { .. }
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
