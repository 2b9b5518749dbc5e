//! Comparisons: what two values may stand beside each other.

use rustc_hash::FxHashSet;
use sqlparser::ast::{BinaryOperator, CaseWhen, Expr as Sql, UnaryOperator};

use super::{DISTINCT, Lowered, Lowering, NOT_DISTINCT, literal, shown, unified};
use crate::data::condition::tree::{Comparison, Expr, Op, Set, Value};
use crate::data::condition::types::Type;
use crate::support::problem::Problem;

impl Lowering<'_> {
    pub fn compare(&mut self, left: &Sql, op: &BinaryOperator, right: &Sql, depth: usize) -> Lowered {
        let op = match op {
            BinaryOperator::NotEq => Comparison::Unequal,
            BinaryOperator::Lt => Comparison::Less,
            BinaryOperator::LtEq => Comparison::LessOrEqual,
            BinaryOperator::Gt => Comparison::Greater,
            BinaryOperator::GtEq => Comparison::GreaterOrEqual,
            _ => Comparison::Equal,
        };
        let (a, b) = self.pair(left, right, depth)?;
        Ok(Expr::boolean(Op::Compare(op, Box::new(a), Box::new(b))))
    }

    pub fn distinct(&mut self, left: &Sql, right: &Sql, negated: bool, depth: usize) -> Lowered {
        let (left, right) = self.pair(left, right, depth)?;
        Ok(Expr::boolean(Op::Distinct { left: Box::new(left), right: Box::new(right), negated }))
    }

    /// Two values that are compared with each other.
    pub fn pair(&mut self, left: &Sql, right: &Sql, depth: usize) -> Result<(Expr, Expr), Problem> {
        tight(left)?;
        tight(right)?;
        let (a, b) = (self.lower(left, depth)?, self.lower(right, depth)?);
        beside((left, a), (right, b))
    }

    pub fn between(&mut self, [expr, low, high]: [&Sql; 3], negated: bool, depth: usize) -> Lowered {
        for part in [expr, low, high] {
            tight(part)?;
        }
        let subject = self.lower(expr, depth)?;
        let (subject, low) = beside((expr, subject), (low, self.lower(low, depth)?))?;
        let (subject, high) = beside((expr, subject), (high, self.lower(high, depth)?))?;
        // The subject may have taken the type of its upper end.
        let low = if low.ty == Type::Null { super::convert(low, subject.ty) } else { low };
        if !subject.ty.is_comparable(low.ty) {
            return Err(
                Problem::new(format!("the ends of BETWEEN are {} and {}", low.ty, high.ty)).hint("CAST one of them")
            );
        }
        let [subject, low, high] = [subject, low, high].map(Box::new);
        Ok(Expr::boolean(Op::Between { subject, low, high, negated }))
    }

    pub fn among(&mut self, expr: &Sql, list: &[Sql], negated: bool, depth: usize) -> Lowered {
        tight(expr)?;
        let mut subject = self.lower(expr, depth)?;
        let (mut others, mut literals, mut has_null) = (Vec::new(), Vec::new(), false);
        let mut ty = subject.ty;
        for item in list {
            let value = literal::adapted(self.lower(item, depth)?, subject.ty)?;
            comparable((expr, subject.ty), (item, value.ty))?;
            ty = ty.common(value.ty).unwrap_or(ty);
            match value.constant() {
                Some(Value::Null) => has_null = true,
                Some(constant) if subject.ty != Type::Any && !matches!(subject.op, Op::Constant(_)) => {
                    match literal::exactly(constant, value.ty, subject.ty) {
                        literal::Exact::As(constant) => literals.push(constant),
                        literal::Exact::Never => {}
                        literal::Exact::OneByOne => others.push(value),
                    }
                }
                _ => others.push(value),
            }
        }
        if subject.ty == Type::Null {
            subject = super::convert(subject, ty);
        }
        let set = set(subject.ty, literals);
        let others =
            others.into_iter().map(|other| if other.ty == Type::Null { super::convert(other, ty) } else { other });
        let others = others.collect();
        Ok(Expr::boolean(Op::Among { subject: Box::new(subject), set, others, has_null, negated }))
    }

    pub fn case(
        &mut self,
        operand: Option<&Sql>,
        conditions: &[CaseWhen],
        otherwise: Option<&Sql>,
        depth: usize,
    ) -> Lowered {
        let mut whens = Vec::new();
        let mut results = Vec::new();
        for CaseWhen { condition, result } in conditions {
            whens.push(match operand {
                None => self.boolean(condition, depth)?,
                // It is lowered once for every branch, so it must not nest.
                Some(operand @ (Sql::Identifier(_) | Sql::Value(_))) => {
                    self.compare(operand, &BinaryOperator::Eq, condition, depth)?
                }
                Some(operand) => {
                    return Err(Problem::new(format!("CASE {} WHEN … is not supported", shown(operand)))
                        .hint("write CASE WHEN … = … THEN …"));
                }
            });
            results.push(self.lower(result, depth)?);
        }
        results.push(match otherwise {
            Some(otherwise) => self.lower(otherwise, depth)?,
            None => Expr::new(Type::Null, Op::Constant(Value::Null)),
        });
        let (mut results, ty) = unified(results, "CASE")?;
        let otherwise = Box::new(results.pop().unwrap_or_else(|| Expr::new(ty, Op::Constant(Value::Null))));
        Ok(Expr::new(ty, Op::Case { branches: whens.into_iter().zip(results).collect(), otherwise }))
    }
}

fn set(ty: Type, literals: Vec<Value>) -> Set {
    match ty {
        Type::Text => Set::Text(
            literals
                .into_iter()
                .filter_map(|value| if let Value::Text(text) = value { Some(text) } else { None })
                .collect::<FxHashSet<String>>(),
        ),
        Type::Single | Type::Float => {
            let floats =
                literals.iter().filter_map(|value| if let Value::Float(float) = value { Some(*float) } else { None });
            let mut floats: Vec<f64> = floats.collect();
            floats.sort_unstable_by(f64::total_cmp);
            Set::Float(floats)
        }
        Type::Boolean | Type::Any | Type::Null => {
            let has = |wanted| literals.contains(&Value::Boolean(wanted));
            Set::Boolean([has(false), has(true)])
        }
        Type::Integer | Type::Decimal(_) | Type::Date | Type::Timestamp | Type::Duration => {
            let wholes =
                literals.iter().filter_map(|value| if let Value::Whole(whole) = value { Some(*whole) } else { None });
            let mut wholes: Vec<i128> = wholes.collect();
            wholes.sort_unstable();
            Set::Whole(wholes)
        }
    }
}

/// Gives two values the kinds in which they are compared.
fn beside((left, a): (&Sql, Expr), (right, b): (&Sql, Expr)) -> Result<(Expr, Expr), Problem> {
    let a = literal::adapted(a, b.ty)?;
    let b = literal::adapted(b, a.ty)?;
    comparable((left, a.ty), (right, b.ty))?;
    // A null has the other's kind.
    let ty = a.ty.common(b.ty).unwrap_or(Type::Any);
    let typed = |expr: Expr| if expr.ty == Type::Null { super::convert(expr, ty) } else { expr };
    Ok((typed(a), typed(b)))
}

fn comparable((left, a): (&Sql, Type), (right, b): (&Sql, Type)) -> Result<(), Problem> {
    if a.is_comparable(b) {
        return Ok(());
    }
    let problem = Problem::new(format!("{} is {a} and {} is {b}: they cannot be compared", shown(left), shown(right)));
    Err(match (a, b) {
        (Type::Date | Type::Timestamp, other) | (other, Type::Date | Type::Timestamp) if other.is_numeric() => {
            problem.hint("write dates as DATE '2026-01-31'")
        }
        _ => problem.hint("CAST one of them"),
    })
}

/// The parser takes `a < b = c`, whose meaning databases do not share.
pub fn tight(sql: &Sql) -> Result<(), Problem> {
    use BinaryOperator as Operator;
    let is_loose = match sql {
        Sql::BinaryOp { op, .. } => {
            matches!(
                op,
                Operator::Eq
                    | Operator::NotEq
                    | Operator::Lt
                    | Operator::LtEq
                    | Operator::Gt
                    | Operator::GtEq
                    | Operator::And
                    | Operator::Or
                    | Operator::Xor
            ) || *op == DISTINCT
                || *op == NOT_DISTINCT
        }
        Sql::UnaryOp { op: UnaryOperator::Not, .. }
        | Sql::Like { .. }
        | Sql::ILike { .. }
        | Sql::RLike { .. }
        | Sql::Between { .. }
        | Sql::InList { .. }
        | Sql::IsNull(_)
        | Sql::IsNotNull(_)
        | Sql::IsTrue(_)
        | Sql::IsNotTrue(_)
        | Sql::IsFalse(_)
        | Sql::IsNotFalse(_)
        | Sql::IsUnknown(_)
        | Sql::IsNotUnknown(_) => true,
        _ => false,
    };
    if is_loose { Err(needs_parentheses(sql)) } else { Ok(()) }
}

/// `a IS DISTINCT FROM b IS NULL` is an error in standard SQL.
pub fn not_distinct_operand(sql: &Sql) -> Result<(), Problem> {
    match sql {
        Sql::BinaryOp { op, .. } if *op == DISTINCT || *op == NOT_DISTINCT => Err(needs_parentheses(sql)),
        _ => Ok(()),
    }
}

fn needs_parentheses(sql: &Sql) -> Problem {
    Problem::new(format!("{} stands in another comparison", shown(sql))).hint("put it in parentheses")
}
