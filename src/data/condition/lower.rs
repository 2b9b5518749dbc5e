//! sqlparser's tree to ours: what is not in the language is refused, every part gets its type.

mod comparison;
mod functions;
mod literal;

use sqlparser::ast::{BinaryOperator, CastKind, Expr as Sql, UnaryOperator};

use super::parse::{DISTINCT, NOT_DISTINCT};
use super::tree::{Arithmetic, Expr, Op, Value};
use super::types::Type;
use super::{Program, cast};
use crate::support::problem::Problem;
use crate::support::words::{self, code};

/// How deep a condition nests; a chain of `AND` or `OR` is one level.
const DEEPEST: usize = 64;
/// Digits of the largest 128-bit integer that is whole.
const MOST_DIGITS: u32 = 38;

type Lowered = Result<Expr, Problem>;

/// Lowers a whole condition; `types` knows the columns.
///
/// # Errors
/// What is not in the language, or whose types do not fit.
pub fn lower(sql: &Sql, types: &dyn Fn(&str) -> Result<Type, Problem>) -> Result<Program, Problem> {
    let mut lowering = Lowering { types, columns: Vec::new() };
    let root = lowering.lower(sql, 0)?;
    // What is always null is true in no row.
    let root = if root.ty == Type::Null { convert(root, Type::Boolean) } else { root };
    Ok(Program { columns: lowering.columns, root })
}

struct Lowering<'a> {
    types: &'a dyn Fn(&str) -> Result<Type, Problem>,
    columns: Vec<String>,
}

impl Lowering<'_> {
    fn lower(&mut self, sql: &Sql, depth: usize) -> Lowered {
        if depth > DEEPEST {
            return Err(Problem::new(format!("it nests deeper than {DEEPEST} levels")).hint("make it several entries"));
        }
        let depth = depth + 1;
        match sql {
            Sql::Nested(inner) => self.lower(inner, depth),
            Sql::Identifier(name) => self.column(&name.value),
            Sql::CompoundIdentifier(_) => Err(Problem::new(format!("{} names a table", shown(sql)))
                .hint("put a column name with a dot in double quotes")),
            Sql::Value(value) => literal::literal(&value.value),
            Sql::TypedString(typed) => literal::typed(typed),
            Sql::Interval(interval) => literal::duration(interval),
            Sql::UnaryOp { op, expr } => self.unary(*op, expr, sql, depth),
            Sql::BinaryOp { left, op, right } => self.binary(left, op, right, sql, depth),
            Sql::IsNull(inner) => self.is_null(inner, false, depth),
            Sql::IsNotNull(inner) => self.is_null(inner, true, depth),
            Sql::IsTrue(inner) => self.is_truth(inner, Some(true), false, depth),
            Sql::IsNotTrue(inner) => self.is_truth(inner, Some(true), true, depth),
            Sql::IsFalse(inner) => self.is_truth(inner, Some(false), false, depth),
            Sql::IsNotFalse(inner) => self.is_truth(inner, Some(false), true, depth),
            Sql::IsUnknown(inner) => self.is_truth(inner, None, false, depth),
            Sql::IsNotUnknown(inner) => self.is_truth(inner, None, true, depth),
            Sql::InList { expr, list, negated } => self.among(expr, list, *negated, depth),
            Sql::Between { expr, low, high, negated } => self.between([expr, low, high], *negated, depth),
            Sql::Like { negated, any: false, expr, pattern, escape_char } => {
                self.like(expr, pattern, escape_char.as_ref(), (false, *negated), depth)
            }
            Sql::ILike { negated, any: false, expr, pattern, escape_char } => {
                self.like(expr, pattern, escape_char.as_ref(), (true, *negated), depth)
            }
            Sql::RLike { negated, expr, pattern, .. } => self.regular(expr, pattern, *negated, depth),
            Sql::Cast { kind, expr, data_type, array: false, format: None } => {
                let inner = self.lower(expr, depth)?;
                let lenient = matches!(kind, CastKind::TryCast | CastKind::SafeCast);
                cast::lower(inner, data_type, lenient).map_err(|problem| within(problem, sql))
            }
            Sql::Case { operand, conditions, else_result, .. } => {
                self.case(operand.as_deref(), conditions, else_result.as_deref(), depth)
            }
            Sql::InSubquery { .. } | Sql::Exists { .. } | Sql::Subquery(_) | Sql::AnyOp { .. } | Sql::AllOp { .. } => {
                Err(Problem::new("subqueries are refused"))
            }
            _ => self.function(sql, depth),
        }
    }

    fn column(&mut self, name: &str) -> Lowered {
        let ty = (self.types)(name)?;
        let at = self.columns.iter().position(|known| known == name).unwrap_or_else(|| {
            self.columns.push(name.to_owned());
            self.columns.len() - 1
        });
        Ok(Expr::new(ty, Op::Column(at)))
    }

    fn boolean(&mut self, sql: &Sql, depth: usize) -> Lowered {
        let expr = self.lower(sql, depth)?;
        match expr.ty {
            Type::Boolean | Type::Any | Type::Null => Ok(convert(expr, Type::Boolean)),
            other => Err(Problem::new(format!("{} is {other}, not a condition", shown(sql)))
                .hint("compare it with something: a condition is true or false")),
        }
    }

    fn number(&mut self, sql: &Sql, depth: usize) -> Lowered {
        let expr = self.lower(sql, depth)?;
        if expr.ty.is_numeric() {
            return Ok(expr);
        }
        Err(Problem::new(format!("{} is {}, not a number", shown(sql), expr.ty)))
    }

    fn text(&mut self, sql: &Sql, depth: usize) -> Lowered {
        let expr = self.lower(sql, depth)?;
        match expr.ty {
            Type::Text | Type::Any | Type::Null => Ok(convert(expr, Type::Text)),
            other => Err(Problem::new(format!("{} is {other}, not text", shown(sql)))),
        }
    }

    fn unary(&mut self, op: UnaryOperator, inner: &Sql, sql: &Sql, depth: usize) -> Lowered {
        match op {
            UnaryOperator::Not => Ok(Expr::boolean(Op::Not(Box::new(self.boolean(inner, depth)?)))),
            UnaryOperator::Plus => self.number(inner, depth),
            UnaryOperator::Minus => {
                let inner = self.number(inner, depth)?;
                Ok(match inner.constant() {
                    Some(Value::Whole(value)) => {
                        let negative = value.checked_neg().ok_or_else(|| Problem::new("a number is too large"))?;
                        Expr::new(inner.ty, Op::Constant(Value::Whole(negative)))
                    }
                    Some(Value::Float(value)) => Expr::new(inner.ty, Op::Constant(Value::Float(-value))),
                    _ => Expr::new(inner.ty, Op::Negate(Box::new(inner))),
                })
            }
            _ => Err(unsupported(sql)),
        }
    }

    fn binary(&mut self, left: &Sql, op: &BinaryOperator, right: &Sql, sql: &Sql, depth: usize) -> Lowered {
        use BinaryOperator as Operator;
        match op {
            Operator::And | Operator::Or => self.chain(sql, op, depth),
            Operator::Eq | Operator::NotEq | Operator::Lt | Operator::LtEq | Operator::Gt | Operator::GtEq => {
                self.compare(left, op, right, depth)
            }
            op if *op == DISTINCT || *op == NOT_DISTINCT => self.distinct(left, right, *op == NOT_DISTINCT, depth),
            Operator::Plus => self.arithmetic(Arithmetic::Add, left, right, depth),
            Operator::Minus => self.arithmetic(Arithmetic::Subtract, left, right, depth),
            Operator::Multiply => self.arithmetic(Arithmetic::Multiply, left, right, depth),
            Operator::Divide => self.arithmetic(Arithmetic::Divide, left, right, depth),
            Operator::DuckIntegerDivide => self.arithmetic(Arithmetic::DivideWhole, left, right, depth),
            Operator::Modulo => self.arithmetic(Arithmetic::Remainder, left, right, depth),
            Operator::StringConcat => {
                let parts = vec![self.text(left, depth)?, self.text(right, depth)?];
                Ok(Expr::new(Type::Text, Op::Call(super::tree::Function::Concat, parts)))
            }
            Operator::BitwiseXor | Operator::PGExp => Err(Problem::new("the operator `^` is not supported")
                .hint("it is a power in some databases and a bitwise operator in others: write POWER(a, b)")),
            other => Err(Problem::new(format!("the operator {} is not supported", code(&other.to_string())))),
        }
    }

    /// `a AND b AND …` as one level.
    fn chain(&mut self, sql: &Sql, op: &BinaryOperator, depth: usize) -> Lowered {
        let mut parts = Vec::new();
        let mut rest = sql;
        while let Sql::BinaryOp { left, op: other, right } = rest
            && other == op
        {
            parts.push(right.as_ref());
            rest = left;
        }
        parts.push(rest);
        let parts = parts.into_iter().rev().map(|part| self.boolean(part, depth)).collect::<Result<Vec<_>, _>>()?;
        Ok(Expr::boolean(if *op == BinaryOperator::And { Op::All(parts) } else { Op::Any(parts) }))
    }

    fn arithmetic(&mut self, op: Arithmetic, left: &Sql, right: &Sql, depth: usize) -> Lowered {
        if let (Arithmetic::Add | Arithmetic::Subtract, Sql::Interval(interval)) = (op, right) {
            let inner = self.lower(left, depth)?;
            return literal::shifted(inner, interval, op == Arithmetic::Subtract);
        }
        let (a, b) = (self.lower(left, depth)?, self.lower(right, depth)?);
        let refused = || {
            Problem::new(format!("{} is {} and {} is {}: no such calculation", shown(left), a.ty, shown(right), b.ty))
        };
        let ty = match (op, a.ty, b.ty) {
            (_, Type::Any, _) | (_, _, Type::Any) => Type::Any,
            (Arithmetic::Add | Arithmetic::Subtract, Type::Date, Type::Integer) => Type::Date,
            (Arithmetic::Add, Type::Integer, Type::Date) => Type::Date,
            (Arithmetic::Subtract, Type::Date, Type::Date) => Type::Integer,
            (Arithmetic::Subtract, Type::Timestamp | Type::Date, Type::Timestamp | Type::Date) => {
                let (a, b) = (convert(a, Type::Timestamp), convert(b, Type::Timestamp));
                return Ok(Expr::new(Type::Duration, Op::Arithmetic(op, Box::new(a), Box::new(b))));
            }
            (Arithmetic::Add | Arithmetic::Subtract, Type::Duration, Type::Duration) => Type::Duration,
            (Arithmetic::Add | Arithmetic::Subtract, Type::Timestamp | Type::Date, Type::Duration) => {
                let a = convert(a, Type::Timestamp);
                return Ok(Expr::new(Type::Timestamp, Op::Arithmetic(op, Box::new(a), Box::new(b))));
            }
            (_, a_ty, b_ty) if a_ty.is_numeric() && b_ty.is_numeric() => return numeric(op, a, b),
            _ => return Err(refused()),
        };
        Ok(Expr::new(ty, Op::Arithmetic(op, Box::new(a), Box::new(b))))
    }

    fn is_null(&mut self, inner: &Sql, negated: bool, depth: usize) -> Lowered {
        comparison::not_distinct_operand(inner)?;
        let inner = Box::new(self.lower(inner, depth)?);
        Ok(Expr::boolean(Op::IsNull { inner, negated }))
    }

    fn is_truth(&mut self, inner: &Sql, wanted: Option<bool>, negated: bool, depth: usize) -> Lowered {
        comparison::not_distinct_operand(inner)?;
        let inner = Box::new(self.boolean(inner, depth)?);
        Ok(Expr::boolean(Op::IsTruth { inner, wanted, negated }))
    }
}

/// Numbers of both sides as the result's kind: integers and decimals exactly, with floats as floats.
fn numeric(op: Arithmetic, a: Expr, b: Expr) -> Lowered {
    let typed = |expr: Expr, other: Type| match (expr.ty, other) {
        (Type::Null, Type::Null) => convert(expr, Type::Integer),
        (Type::Null, other) => convert(expr, other),
        _ => expr,
    };
    let (a_ty, b_ty) = (a.ty, b.ty);
    let (a, b) = (typed(a, b_ty), typed(b, a_ty));
    let common = |a: &Expr, b: &Expr| a.ty.common(b.ty).unwrap_or(Type::Float);
    let float = |a: &Expr, b: &Expr| match common(a, b) {
        Type::Single => Type::Single,
        _ => Type::Float,
    };
    let (operands, result) = match op {
        Arithmetic::Divide => (float(&a, &b), float(&a, &b)),
        Arithmetic::DivideWhole => match common(&a, &b) {
            Type::Integer => (Type::Integer, Type::Integer),
            _ => return Err(Problem::new("the operator `//` is for integers").hint("write FLOOR(a / b)")),
        },
        Arithmetic::Multiply => match common(&a, &b) {
            Type::Decimal(_) => {
                let digits = a.ty.digits() + b.ty.digits();
                if digits > MOST_DIGITS {
                    return Err(Problem::new(format!(
                        "a product has {digits} digits after the point, over {MOST_DIGITS}"
                    ))
                    .hint("CAST a factor to DOUBLE"));
                }
                return Ok(Expr::new(Type::Decimal(digits), Op::Arithmetic(op, Box::new(a), Box::new(b))));
            }
            common => (common, common),
        },
        Arithmetic::Add | Arithmetic::Subtract | Arithmetic::Remainder => (common(&a, &b), common(&a, &b)),
    };
    let (a, b) = (convert(a, operands), convert(b, operands));
    Ok(Expr::new(result, Op::Arithmetic(op, Box::new(a), Box::new(b))))
}

/// Converts to a type that [`Type::common`] gave.
pub fn convert(expr: Expr, ty: Type) -> Expr {
    if expr.ty == ty || expr.ty == Type::Any || ty == Type::Any {
        return expr;
    }
    if matches!(expr.op, Op::Constant(Value::Null)) {
        return Expr::new(ty, expr.op);
    }
    Expr::new(ty, Op::Convert(Box::new(expr)))
}

/// Converts all to the type that holds the values of each.
fn unified(list: Vec<Expr>, what: &str) -> Result<(Vec<Expr>, Type), Problem> {
    let mut ty = Type::Null;
    for expr in &list {
        let wider = ty.common(expr.ty);
        ty = wider.ok_or_else(|| Problem::new(format!("{what} gives {ty} and {}", expr.ty)))?;
    }
    Ok((list.into_iter().map(|expr| convert(expr, ty)).collect(), ty))
}

/// A part of the condition as it was written.
fn shown(sql: &Sql) -> String {
    let text = sql.to_string().replace(&format!(" {DISTINCT} "), " IS DISTINCT FROM ");
    code(&words::cut(&text.replace(&format!(" {NOT_DISTINCT} "), " IS NOT DISTINCT FROM "), 80))
}

fn within(problem: Problem, sql: &Sql) -> Problem {
    Problem { message: format!("{}: {}", shown(sql), problem.message), ..problem }
}

fn unsupported(sql: &Sql) -> Problem {
    Problem::new(format!("{} is not supported", shown(sql)))
}
