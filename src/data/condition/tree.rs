//! A condition as it is evaluated: every part with its type, nothing left to look up.

use regex::Regex;
use rustc_hash::FxHashSet;

use super::types::Type;

/// One part of a condition.
#[derive(Debug)]
pub struct Expr {
    pub ty: Type,
    pub op: Op,
}

#[derive(Debug)]
pub enum Op {
    /// By its place in [`super::Program::columns`].
    Column(usize),
    Constant(Value),
    Not(Box<Expr>),
    /// `IS [NOT] TRUE | FALSE | UNKNOWN`; null is unknown.
    IsTruth {
        inner: Box<Expr>,
        wanted: Option<bool>,
        negated: bool,
    },
    IsNull {
        inner: Box<Expr>,
        negated: bool,
    },
    /// `AND`, of two or more.
    All(Vec<Expr>),
    /// `OR`, of two or more.
    Any(Vec<Expr>),
    Compare(Comparison, Box<Expr>, Box<Expr>),
    /// `IS [NOT] DISTINCT FROM`.
    Distinct {
        left: Box<Expr>,
        right: Box<Expr>,
        negated: bool,
    },
    /// `[NOT] IN`: literals of the subject's type as a set, everything else one by one.
    Among {
        subject: Box<Expr>,
        set: Set,
        others: Vec<Expr>,
        has_null: bool,
        negated: bool,
    },
    Between {
        subject: Box<Expr>,
        low: Box<Expr>,
        high: Box<Expr>,
        negated: bool,
    },
    /// Both sides have the kind of the result.
    Arithmetic(Arithmetic, Box<Expr>, Box<Expr>),
    Negate(Box<Expr>),
    /// To the type of this part, which holds every value of the other.
    Convert(Box<Expr>),
    /// To a type that may not hold the value: an error, or null where `lenient`.
    Cast {
        inner: Box<Expr>,
        target: Target,
        lenient: bool,
    },
    Case {
        branches: Vec<(Expr, Expr)>,
        otherwise: Box<Expr>,
    },
    Coalesce(Vec<Expr>),
    NullIf(Box<Expr>, Box<Expr>),
    /// `GREATEST` or `LEAST`; null if one is.
    Extreme {
        list: Vec<Expr>,
        greatest: bool,
    },
    /// So much later, where the months come first.
    Shift {
        inner: Box<Expr>,
        months: i32,
        nanos: i128,
    },
    Call(Function, Vec<Expr>),
}

#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Null,
    Boolean(bool),
    Whole(i128),
    Float(f64),
    Text(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    /// Of floats.
    Divide,
    /// Of integers; rounds towards zero.
    DivideWhole,
    /// With the sign of the dividend.
    Remainder,
}

/// Literals of one type.
#[derive(Debug)]
pub enum Set {
    /// Ascending.
    Whole(Vec<i128>),
    /// Ascending.
    Float(Vec<f64>),
    Text(FxHashSet<String>),
    Boolean([bool; 2]),
}

/// What a `CAST` makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    Integer { low: i128, high: i128 },
    Decimal { precision: u32, digits: u32 },
    Single,
    Float,
    Boolean,
    Text,
    Date,
    Timestamp,
}

#[derive(Debug)]
pub enum Function {
    Abs,
    Ceil,
    Floor,
    /// To so many digits after the point.
    Round(u32),
    Sign,
    Sqrt,
    Exp,
    Ln,
    Log2,
    Log10,
    Power,
    /// In characters.
    Length,
    /// In bytes.
    OctetLength,
    Lower,
    Upper,
    Trim {
        characters: String,
        start: bool,
        end: bool,
    },
    Left(usize),
    Right(usize),
    /// From the `start`th character, counted from 1.
    Substring {
        start: usize,
        length: Option<usize>,
    },
    Position,
    StartsWith,
    EndsWith,
    Replace,
    Concat,
    /// Also `LIKE`; `lower` compares in lower case.
    Matches {
        regex: Regex,
        lower: bool,
        negated: bool,
    },
    Part(DatePart),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DatePart {
    Year,
    Quarter,
    Month,
    /// Of ISO 8601.
    Week,
    Day,
    /// Of the week, Sunday is 0.
    Weekday,
    /// Of the week, Monday is 1 and Sunday 7.
    IsoWeekday,
    /// Of the year, from 1.
    DayOfYear,
    Hour,
    Minute,
    /// Without their fraction.
    Second,
}

impl Expr {
    pub fn new(ty: Type, op: Op) -> Self {
        Self { ty, op }
    }

    pub fn boolean(op: Op) -> Self {
        Self { ty: Type::Boolean, op }
    }

    pub fn constant(&self) -> Option<&Value> {
        if let Op::Constant(value) = &self.op { Some(value) } else { None }
    }
}

impl Type {
    pub fn of(target: Target) -> Self {
        match target {
            Target::Integer { .. } => Self::Integer,
            Target::Decimal { digits, .. } => Self::Decimal(digits),
            Target::Single => Self::Single,
            Target::Float => Self::Float,
            Target::Boolean => Self::Boolean,
            Target::Text => Self::Text,
            Target::Date => Self::Date,
            Target::Timestamp => Self::Timestamp,
        }
    }
}
