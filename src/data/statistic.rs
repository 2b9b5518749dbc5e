//! What can be asked of tables, and how the answers come back with their types.
//!
//! A [`Key`] is plain data: ordered, comparable, the unit of deduplication. [`Typed`] couples it with
//! the type of its value, so that who asks for a count receives a `u64`.

mod leakage;

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use crate::data::behavior::BehaviorResult;
use crate::data::probe::{Probe, Served};
use crate::data::table::Role;
use crate::stats::distribution::Distribution;
use crate::stats::drift::{Choice, Contrast};
use crate::stats::predictions::{Confusion, Reading, Rows, Slicer};
use crate::support::decimal::Decimal;
pub use crate::support::limit::Total;
use crate::support::problem::Problem;
pub use leakage::{Aspect, Giveaway, Leakage};

/// One question about one table.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    pub table: Role,
    pub statistic: Statistic,
}

/// Everything an engine can compute over one table.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Statistic {
    /// `u64`: rows of the table.
    RowCount,
    /// `u64`: rows where the column is null, NaN, or one of the further spellings.
    NullCount { column: String, also: Vec<String> },
    /// [`Breaches`]: present values outside the bounds, both inclusive; ±inf is outside any.
    Outside { column: String, min: Option<End>, max: Option<End> },
    /// [`Breaches`]: present values that are none of these.
    Others { column: String, allowed: Vec<String> },
    /// [`Breaches`]: present values that the whole regular expression does not match.
    Mismatches { column: String, regex: String },
    /// [`Breaches`]: rows where the condition is false or null.
    Violations { sql: String },
    /// [`Classes`]: how often each present value occurs.
    ClassCounts { column: String },
    /// `u64`: rows that hold the most common value, missing being one value.
    TopCount { column: String },
    /// `u64`: rows whose value, missing being one, an earlier row has; above 1 % of the rows the count may end.
    ValueRepeats { column: String },
    /// `Option<i64>`: the newest instant of the column, in microseconds since 1970 UTC.
    Newest { column: String },
    /// `Option<i64>`: when the table's newest file was last changed, in microseconds since 1970 UTC.
    Modified,
    /// `String`: the SHA-256 of the table's files.
    FileDigest,
    /// [`Breaches`]: rows equal to an earlier row in these columns; missing equals missing.
    Repeats { columns: Vec<String> },
    /// [`Breaches`]: rows with a label whose features all equal those of a row with another label.
    Conflicts { features: Vec<String>, label: String },
    /// [`Profile`]: what `suggest` wants to know of a column.
    Profile { column: String },
    /// [`Confusion`]: how often each label met each prediction, in each slice.
    Confusion { label: String, prediction: String, weight: Option<String>, by: Vec<Slicer> },
    /// [`Rows`]: these columns of every row.
    Rows(Box<Wanted>),
    /// `Arc<Vec<f64>>`: the values of a column of numbers, ascending; none is missing.
    Sorted { column: String },
    /// `Arc<Distribution>`: the column's numbers summed up, or its categories.
    Distribution { column: String, detail: Detail },
    /// [`Contrast`]: the column beside that of another table.
    Contrast { column: String, against: Role, method: Choice },
    /// [`Breaches`]: rows whose key occurs in another table too.
    Occurring { columns: Vec<String>, within: Role, missing: Missing },
    /// `Option<i64>`: the oldest instant of the column, in microseconds since 1970 UTC.
    Oldest { column: String },
    /// [`Moments`]: of the present, finite numbers of the column.
    Moments { column: String },
    /// [`Leakage`]: how well each feature alone foretells the target.
    Leakage { target: String, features: Vec<String>, row: Vec<String> },
    /// [`Breaches`]: rows that resemble an earlier row, and do not equal it.
    NearRepeats { columns: Vec<String>, similarity: Total },
    /// What a running model is asked about rows of the table.
    Probe(Probe),
    /// `u128`: what any changed value changes, and nothing else does; of these columns and their types.
    Fingerprint { columns: Vec<(String, String)> },
}

/// How much of a column is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Detail {
    /// Every number, at 8 bytes a row.
    Whole,
    /// A summary with a stated error.
    Short,
}

/// What a missing part of a key means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Missing {
    /// Missing equals missing.
    Equal,
    /// A row that misses any part has no key.
    NoKey,
}

impl Key {
    /// The tables that have to be there.
    pub fn tables(&self) -> impl Iterator<Item = Role> {
        let other = match &self.statistic {
            Statistic::Contrast { against, .. } => Some(*against),
            Statistic::Occurring { within, .. } => Some(*within),
            _ => None,
        };
        std::iter::once(self.table).chain(other)
    }
}

/// Which columns of a predictions table are collected, and as what.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Wanted {
    pub reading: Reading,
    pub label: String,
    pub prediction: Option<String>,
    /// Of which class, and in which column; of the positive class where that is nobody's.
    pub scores: Vec<(Option<String>, String)>,
    pub weight: Option<String>,
    pub by: Vec<Slicer>,
    pub key: Option<String>,
    /// Columns whose hash tells whether two rows are about the same thing.
    pub about: Vec<String>,
}

impl Wanted {
    /// Bytes of one row.
    pub fn width(&self) -> usize {
        let target = if self.reading == Reading::Classes { 2 } else { 8 };
        let targets = 1 + usize::from(self.prediction.is_some());
        // A sort of scores takes as much again, twice.
        target * targets
            + 24 * self.scores.len()
            + 8 * usize::from(self.weight.is_some())
            + 2 * usize::from(!self.by.is_empty())
            + 16 * usize::from(self.key.is_some())
            + 8 * usize::from(!self.about.is_empty())
    }
}

/// One end of a range inside a key: totally ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum End {
    Number(Decimal),
    /// Microseconds since 1970 UTC.
    Instant(i64),
}

/// Rows that break a rule.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Breaches {
    pub count: u64,
    /// The first such row, counted from 0, where the scan knew it.
    pub first_row: Option<u64>,
    /// A few of the offending values, for `show-values`.
    pub examples: Vec<String>,
}

/// The classes of a column with their counts, most common first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Classes {
    Counted(Vec<(String, u64)>),
    /// More distinct values than a class column has.
    TooMany(usize),
}

/// What one scan learns of a column nobody has said anything about yet.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Profile {
    pub missing: u64,
    /// Of numbers and instants (microseconds since 1970), missing and infinite values aside.
    pub min: Option<f64>,
    pub max: Option<f64>,
    pub infinite: u64,
    /// The distinct present values with their counts, most common first; `None` over 1,000.
    pub classes: Option<Vec<(String, u64)>>,
}

/// The usual numbers of a column of numbers; missing and infinite values aside.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Moments {
    pub count: u64,
    pub mean: f64,
    /// Of the sample.
    pub deviation: f64,
    pub min: f64,
    pub max: f64,
    /// Infinite values, which are in none of these.
    pub infinite: u64,
}

/// A value of any statistic, as engines hand it over.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Count(u64),
    Breaches(Breaches),
    Classes(Classes),
    Instant(Option<i64>),
    Profile(Profile),
    Confusion(Confusion),
    Rows(Arc<Rows>),
    Sorted(Arc<Vec<f64>>),
    Distribution(Arc<Distribution>),
    Contrast(Contrast),
    Moments(Moments),
    Leakage(Leakage),
    Fingerprint(u128),
    FileDigest(String),
    BehaviorResult(BehaviorResult),
    Served(Served),
    /// Between two scans.
    EngineState(EngineState),
    /// There was no room for it beside the others: it is measured in another scan.
    NoRoom,
}

/// What an engine keeps from one scan for the next; nobody else knows what it is.
#[derive(Clone)]
pub struct EngineState(Arc<dyn Any + Send + Sync>);

impl EngineState {
    pub fn new(state: impl Any + Send + Sync) -> Self {
        Self(Arc::new(state))
    }

    /// Returns it as the type that it was made of.
    pub fn get<T: Any>(&self) -> Option<&T> {
        self.0.downcast_ref()
    }
}

impl PartialEq for EngineState {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl fmt::Debug for EngineState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EngineState")
    }
}

/// What was measured: each a value, or why there is none.
pub type Measured = BTreeMap<Key, Result<Value, Problem>>;

/// A key that knows the type of its value; made only by [`crate::checks::check::Asked`]'s constructors.
#[derive(Debug)]
pub struct Typed<T> {
    key: Key,
    value: PhantomData<T>,
}

/// A value passed from `needs` to `judge` beside the measured ones.
#[derive(Debug)]
pub struct Given<T>(pub T);

/// What a check asks for, and what it receives in return.
pub trait Needs {
    type Values;

    fn keys(&self, keys: &mut Vec<Key>);

    /// # Errors
    /// The problem of the first value that could not be measured.
    fn receive(self, measured: &Measured) -> Result<Self::Values, Problem>;
}

/// The types that statistics come in.
pub trait FromValue: Sized {
    fn from_value(value: &Value) -> Option<Self>;
}

impl<T> Typed<T> {
    pub(crate) fn new(table: Role, statistic: Statistic) -> Self {
        Self { key: Key { table, statistic }, value: PhantomData }
    }

    /// What is asked, while it is being put together.
    pub(crate) fn statistic(&mut self) -> &mut Statistic {
        &mut self.key.statistic
    }
}

impl<T: FromValue> Needs for Typed<T> {
    type Values = T;

    fn keys(&self, keys: &mut Vec<Key>) {
        keys.push(self.key.clone());
    }

    fn receive(self, measured: &Measured) -> Result<T, Problem> {
        let value = measured
            .get(&self.key)
            .ok_or_else(|| Problem::new(format!("{:?} was not measured: this is a bug in mlgate", self.key)))?;
        let value = value.as_ref().map_err(Clone::clone)?;
        T::from_value(value)
            .ok_or_else(|| Problem::new(format!("{:?} has another type: this is a bug in mlgate", self.key)))
    }
}

impl<T> Needs for Given<T> {
    type Values = T;

    fn keys(&self, _: &mut Vec<Key>) {}

    fn receive(self, _: &Measured) -> Result<T, Problem> {
        Ok(self.0)
    }
}

impl<N: Needs> Needs for Vec<N> {
    type Values = Vec<N::Values>;

    fn keys(&self, keys: &mut Vec<Key>) {
        self.iter().for_each(|need| need.keys(keys));
    }

    fn receive(self, measured: &Measured) -> Result<Self::Values, Problem> {
        self.into_iter().map(|need| need.receive(measured)).collect()
    }
}

impl<N: Needs> Needs for Option<N> {
    type Values = Option<N::Values>;

    fn keys(&self, keys: &mut Vec<Key>) {
        self.iter().for_each(|need| need.keys(keys));
    }

    fn receive(self, measured: &Measured) -> Result<Self::Values, Problem> {
        self.map(|need| need.receive(measured)).transpose()
    }
}

macro_rules! needs_for_tuples {
    ($(($($name:ident),+))+) => {$(
        impl<$($name: Needs),+> Needs for ($($name,)+) {
            type Values = ($($name::Values,)+);

            fn keys(&self, keys: &mut Vec<Key>) {
                #[expect(non_snake_case, reason = "type parameters name the parts")]
                let ($($name,)+) = self;
                $($name.keys(keys);)+
            }

            fn receive(self, measured: &Measured) -> Result<Self::Values, Problem> {
                #[expect(non_snake_case, reason = "type parameters name the parts")]
                let ($($name,)+) = self;
                Ok(($($name.receive(measured)?,)+))
            }
        }
    )+};
}
needs_for_tuples! { (A, B) (A, B, C) (A, B, C, D) }

macro_rules! from_value {
    ($($variant:ident => $type:ty),+ $(,)?) => {$(
        impl FromValue for $type {
            fn from_value(value: &Value) -> Option<Self> {
                match value {
                    Value::$variant(value) => Some(value.clone()),
                    _ => None,
                }
            }
        }
    )+};
}
from_value! {
    Count => u64,
    Breaches => Breaches,
    Classes => Classes,
    Instant => Option<i64>,
    Profile => Profile,
    Confusion => Confusion,
    Rows => Arc<Rows>,
    Sorted => Arc<Vec<f64>>,
    Distribution => Arc<Distribution>,
    Contrast => Contrast,
    Moments => Moments,
    Leakage => Leakage,
    Fingerprint => u128,
    BehaviorResult => BehaviorResult,
    Served => Served,
}
