//! What a check is: a claim with settings, the statistics it needs, and a judgement of their values.

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema};
use serde::de::DeserializeOwned;

use crate::problem::{Problem, nearest};
use crate::statistic::{Breaches, Classes, End, Key, Measured, Needs, Statistic, Typed};
use crate::table::{Column, Kind, Role, TableInfo};
use crate::verdict::Finding;
use crate::words::code;

/// A check. Its fields are its settings, its doc comment is its page.
pub trait Check: DeserializeOwned + JsonSchema + 'static {
    const ID: &'static str;
    /// Whether it is about the target column, so that a config without one is wrong.
    const NEEDS_TARGET: bool = false;
    type Needs: Needs + 'static;

    /// What is wrong with these settings as a whole: no limit, `min` above `max`.
    ///
    /// # Errors
    /// One sentence.
    fn validate(&self) -> Result<(), String> {
        Ok(())
    }

    /// The column the entry is about; `None` for lists and whole tables.
    fn subject(&self, _named: Named) -> Option<String> {
        None
    }

    /// What must be measured, given the tables' columns.
    ///
    /// # Errors
    /// No such column, a type the check cannot judge: the verdict `error`.
    fn needs(&self, tables: &Tables) -> Result<Self::Needs, Problem>;

    /// What the numbers say.
    ///
    /// # Errors
    /// The numbers are no measure of the claim: nothing to divide by, no class column.
    fn judge(&self, measured: <Self::Needs as Needs>::Values) -> Result<Finding, Problem>;
}

/// The columns that the config names for the whole run.
#[derive(Debug, Clone, Copy, Default)]
pub struct Named<'a> {
    pub target: Option<&'a str>,
    /// The column that tells when a row was made.
    pub timestamp: Option<&'a str>,
}

/// The tables of a run as a check may see them: names and types, never values.
#[derive(Debug, Clone, Copy)]
pub struct Tables<'a> {
    /// The table the entry is about.
    pub here: Role,
    pub named: Named<'a>,
    /// Microseconds since 1970 UTC.
    pub now: i64,
    pub all: &'a BTreeMap<Role, Result<TableInfo, Problem>>,
}

/// A table to ask: makes keys, and only for columns that exist.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    pub role: Role,
    pub table: &'a TableInfo,
}

/// A column to ask.
#[derive(Debug, Clone, Copy)]
pub struct AskedColumn<'a> {
    role: Role,
    pub column: &'a Column,
}

impl<'a> Tables<'a> {
    /// The table the entry is about.
    ///
    /// # Errors
    /// Why it could not be opened.
    pub fn here(&self) -> Result<Asked<'a>, Problem> {
        self.table(self.here)
    }

    /// # Errors
    /// No such table in the configuration, or why it could not be opened.
    pub fn table(&self, role: Role) -> Result<Asked<'a>, Problem> {
        match self.all.get(&role) {
            Some(Ok(table)) => Ok(Asked { role, table }),
            Some(Err(problem)) => Err(problem.clone()),
            None => Err(Problem::new(format!("no {role} table is configured")).hint(role.hint())),
        }
    }

    /// The target column of the table the entry is about.
    ///
    /// # Errors
    /// None is named, or the table lacks it.
    pub fn target(&self) -> Result<AskedColumn<'a>, Problem> {
        let name = self.named.target.ok_or_else(|| {
            Problem::new("no target column is named").hint("set `data.target`, or the input `target-column`")
        })?;
        self.here()?.column(name)
    }
}

impl<'a> Asked<'a> {
    /// # Errors
    /// The table lacks the column.
    pub fn column(self, name: &str) -> Result<AskedColumn<'a>, Problem> {
        self.table.column(name).map(|column| AskedColumn { role: self.role, column }).ok_or_else(|| {
            let problem = Problem::new(format!("the {} table has no column {}", self.role, code(name)));
            match nearest(name, self.table.columns.iter().map(|column| column.name.as_str())) {
                Some(near) => problem.hint(format!("did you mean {}?", code(near))),
                None => problem,
            }
        })
    }

    /// The named columns, or all.
    ///
    /// # Errors
    /// The table lacks one of them.
    pub fn columns(self, names: Option<&[String]>) -> Result<Vec<AskedColumn<'a>>, Problem> {
        match names {
            Some(names) => names.iter().map(|name| self.column(name)).collect(),
            None => Ok(self.table.columns.iter().map(|column| AskedColumn { role: self.role, column }).collect()),
        }
    }

    pub fn row_count(self) -> Typed<u64> {
        Typed::new(self.role, Statistic::RowCount)
    }

    pub fn violations(self, sql: &str) -> Typed<Breaches> {
        Typed::new(self.role, Statistic::Violations { sql: sql.to_owned() })
    }

    pub fn repeats(self, columns: &[AskedColumn]) -> Typed<Breaches> {
        Typed::new(self.role, Statistic::Repeats { columns: names(columns) })
    }

    pub fn conflicts(self, features: &[AskedColumn], label: AskedColumn) -> Typed<Breaches> {
        let label = label.name().to_owned();
        Typed::new(self.role, Statistic::Conflicts { features: names(features), label })
    }

    pub fn modified(self) -> Typed<Option<i64>> {
        Typed::new(self.role, Statistic::Modified)
    }
}

impl<'a> AskedColumn<'a> {
    pub fn name(self) -> &'a str {
        &self.column.name
    }

    pub fn kind(self) -> &'a Kind {
        &self.column.kind
    }

    /// The problem of a check that cannot judge this column's type.
    pub fn unfit(self, wanted: &str) -> Problem {
        let holds = self.column.described();
        Problem::new(format!("{} holds {holds}, and this check needs {wanted}", code(self.name())))
    }

    pub fn null_count(self, also: &[String]) -> Typed<u64> {
        self.key(Statistic::NullCount { column: self.named(), also: also.to_vec() })
    }

    pub fn outside(self, min: Option<End>, max: Option<End>) -> Typed<Breaches> {
        self.key(Statistic::Outside { column: self.named(), min, max })
    }

    pub fn others(self, allowed: Vec<String>) -> Typed<Breaches> {
        self.key(Statistic::Others { column: self.named(), allowed })
    }

    pub fn mismatches(self, regex: &str) -> Typed<Breaches> {
        self.key(Statistic::Mismatches { column: self.named(), regex: regex.to_owned() })
    }

    pub fn class_counts(self) -> Typed<Classes> {
        self.key(Statistic::ClassCounts { column: self.named() })
    }

    pub fn top_count(self) -> Typed<u64> {
        self.key(Statistic::TopCount { column: self.named() })
    }

    pub fn newest(self) -> Typed<Option<i64>> {
        self.key(Statistic::Newest { column: self.named() })
    }

    fn named(self) -> String {
        self.column.name.clone()
    }

    fn key<T>(self, statistic: Statistic) -> Typed<T> {
        Typed::new(self.role, statistic)
    }
}

fn names(columns: &[AskedColumn]) -> Vec<String> {
    columns.iter().map(|column| column.name().to_owned()).collect()
}

/// What a planned check does with the numbers.
pub type Judge = Box<dyn FnOnce(&Measured) -> Result<Finding, Problem>>;

/// A check with its types put away, so that a list can hold all of them.
pub trait AnyCheck {
    /// # Errors
    /// As [`Check::validate`].
    fn validate(&self) -> Result<(), String>;
    fn subject(&self, named: Named) -> Option<String>;
    /// The keys to measure, and what to do with them.
    ///
    /// # Errors
    /// As [`Check::needs`].
    fn plan(self: Box<Self>, tables: &Tables) -> Result<(Vec<Key>, Judge), Problem>;
}

impl<C: Check> AnyCheck for C {
    fn validate(&self) -> Result<(), String> {
        Check::validate(self)
    }

    fn subject(&self, named: Named) -> Option<String> {
        Check::subject(self, named)
    }

    fn plan(self: Box<Self>, tables: &Tables) -> Result<(Vec<Key>, Judge), Problem> {
        let needs = self.needs(tables)?;
        let mut keys = Vec::new();
        needs.keys(&mut keys);
        Ok((keys, Box::new(move |measured| self.judge(needs.receive(measured)?))))
    }
}

/// The two gates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Gate {
    Data,
    Model,
}

/// A check as the list knows it.
#[derive(Debug)]
pub struct Registered {
    pub id: &'static str,
    pub gate: Gate,
    pub needs_target: bool,
    pub schema: fn() -> Schema,
    pub read: Read,
}

/// Settings → check; where they are wrong, every place and what is wrong there.
pub type Read = fn(serde_yaml::Value) -> Result<Box<dyn AnyCheck>, Vec<(String, String)>>;

impl Registered {
    pub const fn of<C: Check>(gate: Gate) -> Self {
        Self {
            id: C::ID,
            gate,
            needs_target: C::NEEDS_TARGET,
            schema: || schemars::schema_for!(C),
            read: |settings| crate::config::read::<C>(settings).map(|check| Box::new(check) as Box<dyn AnyCheck>),
        }
    }
}

impl Gate {
    pub fn word(self) -> &'static str {
        match self {
            Self::Data => "data",
            Self::Model => "model",
        }
    }
}

/// The list of checks: yields the modules, and `ALL` for the config reader, the docs and the tests.
#[macro_export]
macro_rules! checks {
    ($($(#[$doc:meta])* $gate:ident as $Gate:ident { $($id:ident::$Check:ident),+ $(,)? })+) => {
        $($(#[$doc])* pub mod $gate { $(pub mod $id;)+ })+

        /// Every check there is, in the order of the documentation.
        pub static ALL: &[$crate::check::Registered] = &[
            $($($crate::check::Registered::of::<$gate::$id::$Check>($crate::check::Gate::$Gate),)+)+
        ];
    };
}

/// `columns: []` is a mistake, never a check of nothing.
///
/// # Errors
/// One sentence.
pub fn some_columns(columns: Option<&[String]>) -> Result<(), String> {
    match columns {
        Some([]) => Err("`columns` is empty: leave it out for all columns".into()),
        _ => Ok(()),
    }
}
