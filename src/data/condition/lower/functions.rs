//! The functions of the language, and the patterns of `LIKE`.

use regex::Regex;
use sqlparser::ast::{
    CeilFloorKind, DateTimeField, Expr as Sql, Function as Call, FunctionArg, FunctionArgExpr, FunctionArguments,
    TrimWhereField, Value as Literal, ValueWithSpan,
};

use super::{Lowered, Lowering, convert, shown, unified, unsupported};
use crate::data::condition::text;
use crate::data::condition::tree::{Arithmetic, DatePart, Expr, Function, Op, Target, Value};
use crate::data::condition::types::Type;
use crate::support::problem::Problem;
use crate::support::words::code;

/// Functions that people know from other databases, and what to write.
const HINTS: &[(&str, &str)] = &[
    ("log", "its base differs between databases: write LN, LOG2 or LOG10"),
    ("strptime", "write CAST(… AS DATE) or CAST(… AS TIMESTAMP), which read ISO 8601"),
    ("timestamp", "write CAST(… AS TIMESTAMP)"),
    ("datetime", "write CAST(… AS TIMESTAMP)"),
    ("repeat", "the texts that it makes grow without bound"),
    ("lpad", "the texts that it makes grow without bound"),
    ("rpad", "the texts that it makes grow without bound"),
    ("regexp_matches", "write REGEXP_LIKE"),
    ("isnan", "NaN is null here: write IS NULL"),
];

impl Lowering<'_> {
    /// Everything that calls: functions by name, and those that have a grammar of their own.
    pub fn function(&mut self, sql: &Sql, depth: usize) -> Lowered {
        match sql {
            Sql::Function(call) => self.call(call, sql, depth),
            Sql::Extract { field, expr, .. } => {
                let inner = self.lower(expr, depth)?;
                part(field, inner)
            }
            Sql::Ceil { expr, field: CeilFloorKind::DateTimeField(DateTimeField::NoDateTime) } => {
                self.rounded(Function::Ceil, expr, depth)
            }
            Sql::Floor { expr, field: CeilFloorKind::DateTimeField(DateTimeField::NoDateTime) } => {
                self.rounded(Function::Floor, expr, depth)
            }
            Sql::Position { expr, r#in } => {
                let parts = vec![self.text(r#in, depth)?, self.text(expr, depth)?];
                Ok(Expr::new(Type::Integer, Op::Call(Function::Position, parts)))
            }
            Sql::Substring { expr, substring_from, substring_for, .. } => {
                let inner = self.text(expr, depth)?;
                let start = substring_from.as_deref().map(count).transpose()?.unwrap_or(1);
                let length = substring_for.as_deref().map(count).transpose()?;
                if start == 0 {
                    return Err(Problem::new("SUBSTRING starts at 0").hint("the first character is 1"));
                }
                Ok(texts(Function::Substring { start, length }, vec![inner]))
            }
            Sql::Trim { trim_where, trim_what, expr, trim_characters } => {
                let characters = match (trim_what.as_deref(), trim_characters.as_deref()) {
                    (Some(what), None) => literal_text(what)?,
                    (None, None) => " ".to_owned(),
                    _ => return Err(unsupported(sql)),
                };
                let (start, end) = match trim_where {
                    None | Some(TrimWhereField::Both) => (true, true),
                    Some(TrimWhereField::Leading) => (true, false),
                    Some(TrimWhereField::Trailing) => (false, true),
                };
                let inner = self.text(expr, depth)?;
                Ok(texts(Function::Trim { characters, start, end }, vec![inner]))
            }
            _ => Err(unsupported(sql)),
        }
    }

    fn call(&mut self, call: &Call, sql: &Sql, depth: usize) -> Lowered {
        let name = call.name.to_string().to_lowercase();
        if call.over.is_some()
            || call.filter.is_some()
            || !call.within_group.is_empty()
            || call.null_treatment.is_some()
        {
            return Err(Problem::new(format!("{} is an aggregate or a window", code(&name))));
        }
        let arguments = plain_arguments(call).ok_or_else(|| unknown(&name))?;
        let float = |function| (function, Type::Float);
        match (name.as_str(), arguments.as_slice()) {
            ("abs", [x]) => self.same(Function::Abs, x, depth),
            ("ceil" | "ceiling", [x]) => self.rounded(Function::Ceil, x, depth),
            ("floor", [x]) => self.rounded(Function::Floor, x, depth),
            ("round", [x]) => self.round(x, 0, depth),
            ("round", [x, digits]) => self.round(x, u32::try_from(count(digits)?).unwrap_or(u32::MAX), depth),
            ("sign", [x]) => {
                let inner = self.number(x, depth)?;
                Ok(Expr::new(Type::Integer, Op::Call(Function::Sign, vec![typed(inner)])))
            }
            ("sqrt", [x]) => self.numbers(float(Function::Sqrt), &[x], depth),
            ("exp", [x]) => self.numbers(float(Function::Exp), &[x], depth),
            ("ln", [x]) => self.numbers(float(Function::Ln), &[x], depth),
            ("log2", [x]) => self.numbers(float(Function::Log2), &[x], depth),
            ("log10", [x]) => self.numbers(float(Function::Log10), &[x], depth),
            ("power" | "pow", [x, y]) => self.numbers(float(Function::Power), &[x, y], depth),
            ("mod", [x, y]) => {
                let (a, b) = (self.number(x, depth)?, self.number(y, depth)?);
                super::numeric(Arithmetic::Remainder, a, b)
            }
            ("coalesce", [_, ..]) | ("ifnull", [_, _]) => {
                let (list, ty) = self.list(&arguments, "COALESCE", depth)?;
                Ok(Expr::new(ty, Op::Coalesce(list)))
            }
            ("greatest" | "least", [_, ..]) => {
                let (list, ty) = self.list(&arguments, &name.to_uppercase(), depth)?;
                Ok(Expr::new(ty, Op::Extreme { list, greatest: name == "greatest" }))
            }
            ("nullif", [x, y]) => {
                let (a, b) = self.pair(x, y, depth)?;
                Ok(Expr::new(a.ty, Op::NullIf(Box::new(a), Box::new(b))))
            }
            ("if", [condition, yes, no]) => {
                let condition = self.boolean(condition, depth)?;
                let (mut results, ty) = self.list(&[*yes, *no], "IF", depth)?;
                let no = results.pop().unwrap_or_else(|| Expr::new(ty, Op::Constant(Value::Null)));
                let branches = std::iter::once(condition).zip(results).collect();
                Ok(Expr::new(ty, Op::Case { branches, otherwise: Box::new(no) }))
            }
            ("length" | "char_length" | "character_length", [x]) => self.measured(Function::Length, &[x], depth),
            ("octet_length", [x]) => self.measured(Function::OctetLength, &[x], depth),
            ("strpos", [x, y]) => self.measured(Function::Position, &[x, y], depth),
            ("lower", [x]) => Ok(texts(Function::Lower, vec![self.text(x, depth)?])),
            ("upper", [x]) => Ok(texts(Function::Upper, vec![self.text(x, depth)?])),
            ("trim" | "ltrim" | "rtrim" | "btrim", [x, rest @ ..]) if rest.len() < 2 => {
                let characters = rest.first().map_or_else(|| Ok(" ".to_owned()), |what| literal_text(what))?;
                let (start, end) = (name != "rtrim", name != "ltrim");
                Ok(texts(Function::Trim { characters, start, end }, vec![self.text(x, depth)?]))
            }
            ("left", [x, n]) => Ok(texts(Function::Left(count(n)?), vec![self.text(x, depth)?])),
            ("right", [x, n]) => Ok(texts(Function::Right(count(n)?), vec![self.text(x, depth)?])),
            ("starts_with", [x, y]) => self.told(Function::StartsWith, &[x, y], depth),
            ("ends_with", [x, y]) => self.told(Function::EndsWith, &[x, y], depth),
            ("replace", [x, y, z]) => {
                let parts = self.all_texts(&[x, y, z], depth)?;
                Ok(texts(Function::Replace, parts))
            }
            ("concat", [_, ..]) => {
                let parts = self.all_texts(&arguments, depth)?;
                Ok(texts(Function::Concat, parts))
            }
            ("regexp_like", [x, pattern]) => self.regular(x, pattern, false, depth),
            ("date", [x]) => {
                let inner = self.lower(x, depth)?;
                crate::data::condition::cast::to(inner, Target::Date, false)
            }
            ("date_part", [field, x]) => {
                let name = literal_text(field)?;
                let inner = self.lower(x, depth)?;
                part_named(&name, inner)
            }
            _ if is_known(&name) => Err(Problem::new(format!("{} does not take these arguments", shown(sql)))),
            _ => Err(unknown(&name)),
        }
    }

    fn list(&mut self, arguments: &[&Sql], what: &str, depth: usize) -> Result<(Vec<Expr>, Type), Problem> {
        let list = arguments.iter().map(|argument| self.lower(argument, depth)).collect::<Result<Vec<_>, _>>()?;
        unified(list, what)
    }

    fn all_texts(&mut self, arguments: &[&Sql], depth: usize) -> Result<Vec<Expr>, Problem> {
        arguments.iter().map(|argument| self.text(argument, depth)).collect()
    }

    fn numbers(&mut self, (function, ty): (Function, Type), arguments: &[&Sql], depth: usize) -> Lowered {
        let numbers = arguments.iter().map(|argument| Ok(convert(self.number(argument, depth)?, Type::Float)));
        Ok(Expr::new(ty, Op::Call(function, numbers.collect::<Result<_, Problem>>()?)))
    }

    fn measured(&mut self, function: Function, arguments: &[&Sql], depth: usize) -> Lowered {
        Ok(Expr::new(Type::Integer, Op::Call(function, self.all_texts(arguments, depth)?)))
    }

    fn told(&mut self, function: Function, arguments: &[&Sql], depth: usize) -> Lowered {
        Ok(Expr::boolean(Op::Call(function, self.all_texts(arguments, depth)?)))
    }

    /// A function whose result has the type of its argument.
    fn same(&mut self, function: Function, argument: &Sql, depth: usize) -> Lowered {
        let inner = typed(self.number(argument, depth)?);
        Ok(Expr::new(inner.ty, Op::Call(function, vec![inner])))
    }

    fn rounded(&mut self, function: Function, argument: &Sql, depth: usize) -> Lowered {
        let inner = typed(self.number(argument, depth)?);
        let ty = if let Type::Decimal(_) = inner.ty { Type::Integer } else { inner.ty };
        Ok(Expr::new(ty, Op::Call(function, vec![inner])))
    }

    fn round(&mut self, argument: &Sql, digits: u32, depth: usize) -> Lowered {
        let inner = typed(self.number(argument, depth)?);
        let ty = match inner.ty {
            Type::Decimal(_) if digits == 0 => Type::Integer,
            Type::Decimal(there) => Type::Decimal(there.min(digits)),
            other => other,
        };
        Ok(Expr::new(ty, Op::Call(Function::Round(digits), vec![inner])))
    }

    /// `[NOT] LIKE` and `ILIKE`: the pattern is a literal, `\` is a character like any other.
    pub fn like(
        &mut self,
        expr: &Sql,
        pattern: &Sql,
        escape: Option<&ValueWithSpan>,
        (lower, negated): (bool, bool),
        depth: usize,
    ) -> Lowered {
        super::comparison::tight(expr)?;
        let escape = match escape.map(|escape| &escape.value) {
            None => None,
            Some(Literal::SingleQuotedString(text)) if text.chars().count() == 1 => text.chars().next(),
            Some(_) => return Err(Problem::new("ESCAPE takes one character")),
        };
        let pattern = literal_text(pattern)?;
        let regex = text::like(&pattern, escape, lower)?;
        let inner = self.text(expr, depth)?;
        Ok(Expr::boolean(Op::Call(Function::Matches { regex, lower, negated }, vec![inner])))
    }

    pub fn regular(&mut self, expr: &Sql, pattern: &Sql, negated: bool, depth: usize) -> Lowered {
        super::comparison::tight(expr)?;
        let pattern = literal_text(pattern)?;
        let regex = Regex::new(&pattern)
            .map_err(|_| Problem::new(format!("{} is not a regular expression", code(&pattern))))?;
        let inner = self.text(expr, depth)?;
        Ok(Expr::boolean(Op::Call(Function::Matches { regex, lower: false, negated }, vec![inner])))
    }
}

fn texts(function: Function, parts: Vec<Expr>) -> Expr {
    Expr::new(Type::Text, Op::Call(function, parts))
}

/// A null as a number.
fn typed(expr: Expr) -> Expr {
    if expr.ty == Type::Null { convert(expr, Type::Integer) } else { expr }
}

fn plain_arguments(call: &Call) -> Option<Vec<&Sql>> {
    match &call.args {
        FunctionArguments::None => Some(Vec::new()),
        FunctionArguments::Subquery(_) => None,
        FunctionArguments::List(list) => {
            if list.duplicate_treatment.is_some() || !list.clauses.is_empty() {
                return None;
            }
            let plain = |argument| match argument {
                &FunctionArg::Unnamed(FunctionArgExpr::Expr(ref expr)) => Some(expr),
                _ => None,
            };
            list.args.iter().map(plain).collect()
        }
    }
}

fn unknown(name: &str) -> Problem {
    let problem = Problem::new(format!("the function {} is not one of a row's values", code(name)));
    match HINTS.iter().find(|(known, _)| *known == name) {
        Some((_, hint)) => problem.hint(*hint),
        None => problem,
    }
}

fn is_known(name: &str) -> bool {
    const KNOWN: &[&str] = &[
        "abs",
        "ceil",
        "ceiling",
        "floor",
        "round",
        "sign",
        "sqrt",
        "exp",
        "ln",
        "log2",
        "log10",
        "power",
        "pow",
        "mod",
        "coalesce",
        "ifnull",
        "greatest",
        "least",
        "nullif",
        "if",
        "length",
        "char_length",
        "character_length",
        "octet_length",
        "strpos",
        "lower",
        "upper",
        "trim",
        "ltrim",
        "rtrim",
        "btrim",
        "left",
        "right",
        "starts_with",
        "ends_with",
        "replace",
        "concat",
        "regexp_like",
        "date",
        "date_part",
    ];
    KNOWN.contains(&name)
}

/// A count of characters or digits, which must stand in the condition.
fn count(sql: &Sql) -> Result<usize, Problem> {
    match sql {
        Sql::Value(value) => match &value.value {
            Literal::Number(text, false) => text.parse().ok(),
            _ => None,
        },
        _ => None,
    }
    .ok_or_else(|| Problem::new(format!("{} must be a whole number that is written out, from 0", shown(sql))))
}

fn literal_text(sql: &Sql) -> Result<String, Problem> {
    match sql {
        Sql::Value(value) => match &value.value {
            Literal::SingleQuotedString(text) => Ok(text.clone()),
            _ => Err(Problem::new(format!("{} must be a text in single quotes", shown(sql)))),
        },
        _ => Err(Problem::new(format!("{} must be a text in single quotes", shown(sql)))),
    }
}

fn part(field: &DateTimeField, inner: Expr) -> Lowered {
    let name = match field {
        DateTimeField::Custom(name) => name.value.clone(),
        other => other.to_string(),
    };
    part_named(&name, inner)
}

fn part_named(name: &str, inner: Expr) -> Lowered {
    let part = match name.to_lowercase().as_str() {
        "year" => DatePart::Year,
        "quarter" => DatePart::Quarter,
        "month" => DatePart::Month,
        "week" => DatePart::Week,
        "day" => DatePart::Day,
        "dow" | "dayofweek" => DatePart::Weekday,
        "isodow" => DatePart::IsoWeekday,
        "doy" | "dayofyear" => DatePart::DayOfYear,
        "hour" => DatePart::Hour,
        "minute" => DatePart::Minute,
        "second" => DatePart::Second,
        other => return Err(Problem::new(format!("the part {} of a date is not supported", code(other)))),
    };
    match inner.ty {
        Type::Date | Type::Timestamp | Type::Any | Type::Null => {
            let inner = convert(inner, Type::Timestamp);
            Ok(Expr::new(Type::Integer, Op::Call(Function::Part(part), vec![inner])))
        }
        other => {
            Err(Problem::new(format!("{} is asked of {other}, not of a date", code(name))).hint("CAST it to DATE"))
        }
    }
}
