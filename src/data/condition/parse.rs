//! Text to sqlparser's tree, with the precedence of standard SQL.

use sqlparser::ast::{BinaryOperator, Expr as Sql};
use sqlparser::dialect::GenericDialect;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::{Token, Tokenizer};

use crate::support::problem::Problem;
use crate::support::words::{self, code};

/// Tokens that can nest; the parser's own limit does not see chains such as `a + 1 + 1 + …`, whose
/// depth is their length.
const MOST_JOINTS: usize = 500;
/// Tokens in all: lists of values may be long.
const MOST_TOKENS: usize = 100_000;

/// What stands for `IS DISTINCT FROM` in the parser's tree. The parser reads everything that follows as its right
/// side, `AND` included; as an operator of comparison it binds as one.
pub const DISTINCT: BinaryOperator = BinaryOperator::PGRegexNotMatch;
/// What stands for `IS NOT DISTINCT FROM`.
pub const NOT_DISTINCT: BinaryOperator = BinaryOperator::Spaceship;

/// Parses one expression.
///
/// # Errors
/// The text is too long, no expression, or more than one.
pub fn parse(sql: &str) -> Result<Sql, Problem> {
    let tokens = Tokenizer::new(&GenericDialect {}, sql).tokenize().map_err(|error| Problem::new(error.to_string()))?;
    let joints = tokens.iter().filter(|token| !is_listed(token)).count();
    if joints > MOST_JOINTS || tokens.len() > MOST_TOKENS {
        return Err(Problem::new("it is too long").hint("make it several entries"));
    }
    if let Some(token) = tokens.iter().find(|token| matches!(token, Token::Spaceship | Token::ExclamationMarkTilde)) {
        return Err(Problem::new(format!("the operator {} is not supported", code(&token.to_string()))));
    }
    let mut parser = Parser::new(&GenericDialect {}).with_recursion_limit(50).with_tokens(distinct_as_operator(tokens));
    let condition = parser.parse_expr().map_err(|error| Problem::new(words::one_line(&error.to_string())))?;
    let next = parser.peek_token();
    if next.token == Token::EOF {
        Ok(condition)
    } else {
        Err(Problem::new(format!("nothing may follow it, found {}", code(&next.token.to_string()))))
    }
}

/// Whether a token is of the kind that long lists are made of.
fn is_listed(token: &Token) -> bool {
    matches!(token, Token::Comma | Token::Number(..) | Token::SingleQuotedString(_) | Token::Whitespace(_))
}

/// Replaces `IS [NOT] DISTINCT FROM` by one operator.
fn distinct_as_operator(tokens: Vec<Token>) -> Vec<Token> {
    let mut tokens: Vec<Token> = tokens.into_iter().filter(|token| !matches!(token, Token::Whitespace(_))).collect();
    let is = |token: Option<&Token>, word: &str| matches!(token, Some(Token::Word(found)) if found.quote_style.is_none() && found.value.eq_ignore_ascii_case(word));
    let mut at = 0;
    while at < tokens.len() {
        let negated = usize::from(is(tokens.get(at + 1), "NOT"));
        let rest = at + 1 + negated;
        if is(tokens.get(at), "IS") && is(tokens.get(rest), "DISTINCT") && is(tokens.get(rest + 1), "FROM") {
            let operator = if negated == 1 { Token::Spaceship } else { Token::ExclamationMarkTilde };
            tokens.splice(at..rest + 2, [operator]);
        }
        at += 1;
    }
    tokens
}
