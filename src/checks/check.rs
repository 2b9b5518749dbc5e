//! What a check is: a claim with settings, the statistics it needs, and a judgement of their values.

mod asked;
pub mod behavior;
pub mod drift;

use std::collections::BTreeMap;
use std::rc::Rc;

pub use asked::{Asked, AskedColumn, Collect, Unjudged};
use schemars::{JsonSchema, Schema};
use serde::de::DeserializeOwned;

use crate::data::candidate::{Candidate, Runs};
use crate::data::probe::Probe;
use crate::data::statistic::{Key, Measured, Needs, Statistic, Typed};
use crate::data::table::{Kind, Role, TableInfo};
use crate::report::verdict::{Finding, Severity};
use crate::support::limit::range::{self, LimitSetting};
use crate::support::problem::{Problem, nearest};
use crate::support::words::code;

/// A check. Its fields are its settings, its doc comment is its page.
pub trait Check: DeserializeOwned + JsonSchema + 'static {
    const ID: &'static str;
    /// What it is about, so that a config without that is wrong.
    const PARTS: &'static [Part] = &[];
    /// What a failure does where the entry does not say.
    const SEVERITY: Severity = Severity::Fail;
    /// Which way settings let more through, where their names do not say ([`Registered::looser`]).
    const LOOSER: &'static [(&'static str, Looser)] = &[];
    type Needs: Needs + 'static;

    /// What is wrong with these settings as a whole: no limit, `min` above `max`.
    ///
    /// # Errors
    /// One sentence.
    fn validate(&self) -> Result<(), String> {
        Ok(())
    }

    /// The limits that the entry sets, defaults included, with the values that each limited number can take: a limit
    /// outside of them is an error of the config, and one that they cannot breach is named in the verdict.
    fn limits(&self) -> Vec<LimitSetting> {
        Vec::new()
    }

    /// The column the entry is about; `None` for lists and whole tables.
    fn subject(&self, _named: Named) -> Option<String> {
        None
    }

    /// The tables whose rows the entry compares over all their columns but those of `data.id`; none where it names its
    /// columns. There a column that looks like an id is left out and the entry is judged again, see [`crate::plan::gate`].
    fn compares_all_columns(&self, _here: Role) -> Vec<Role> {
        Vec::new()
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

/// What a config names beside its checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The target column.
    Target,
    Test,
    Reference,
    Predictions,
    /// Predictions, or a metrics file.
    Numbers,
    Artifact,
    /// A model that can be run: an ONNX file, or an endpoint.
    Model,
    Endpoint,
    /// Rows to ask a model about.
    Rows,
    /// A table of predictions that somebody else made.
    Recorded,
    /// Latencies: recorded, or a model to take them of.
    Latencies,
    Baseline,
}

impl Part {
    /// What is missing where it is, and what to do about it.
    pub fn missing(self) -> (&'static str, &'static str) {
        match self {
            Self::Target => ("needs to know the target column", "set `data.target`, or the input `target-column`"),
            Self::Test => ("there is no test table to compare with", Role::Test.hint()),
            Self::Reference => ("there is no reference to compare with", Role::Reference.hint()),
            Self::Predictions => ("there is no predictions table", Role::Predictions.hint()),
            Self::Numbers => (
                "there are neither predictions nor metrics",
                "set `model.predictions` or `model.metrics`, or the inputs of those names",
            ),
            Self::Artifact => ("there is no model to look at", "set `model.artifact`, or the input `artifact`"),
            Self::Model => (
                "there is no model that can be run",
                "set `model.artifact` to an ONNX file, or `model.endpoint`, or the inputs of those names",
            ),
            Self::Endpoint => ("there is no endpoint to ask", "set `model.endpoint`, or the input `endpoint`"),
            Self::Rows => ("there are no rows to ask the model about", Role::Test.hint()),
            Self::Recorded => ("there are no recorded predictions", Role::Predictions.hint()),
            Self::Latencies => (
                "there are neither recorded latencies nor a model to measure",
                "set `model.predictions`, `model.artifact` to an ONNX file, or `model.endpoint`",
            ),
            Self::Baseline => ("there is no baseline to compare with", Role::Baseline.hint()),
        }
    }
}

/// Which way a setting lets more through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Looser {
    Lower,
    Higher,
    /// As `Higher`, and without it there is a limit too: that of another setting, or of the method.
    HigherThanUsual,
    /// As `Lower`, and without it there is a limit too.
    LowerThanUsual,
    /// A list with fewer items.
    Fewer,
    /// A list with more.
    More,
}

/// The columns that the config names for the whole run.
#[derive(Debug, Clone, Copy, Default)]
pub struct Named<'a> {
    pub target: Option<&'a str>,
    /// The column that tells when a row was made.
    pub timestamp: Option<&'a str>,
    /// Columns that only tell rows apart: no part of a row where all columns are compared.
    pub ids: &'a [String],
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
    /// What the model gate knows beside its tables.
    pub model: &'a Candidate,
    /// What earlier runs measured for this entry, the oldest first.
    pub past: &'a [f64],
    /// Columns that the entry would judge, had they another type.
    pub unjudged: &'a Unjudged,
}

impl<'a> Tables<'a> {
    /// The table the entry is about.
    ///
    /// # Errors
    /// Why it could not be opened.
    pub fn here(&self) -> Result<Asked<'a>, Problem> {
        self.table(self.here)
    }

    /// The model that is run, with the means to ask it.
    ///
    /// # Errors
    /// There is none, or it does not run.
    pub fn running(&self) -> Result<&'a Runs, Problem> {
        match &self.model.runs {
            Some(runs) => runs.as_ref().map_err(Clone::clone),
            None => {
                let (said, hint) = Part::Model.missing();
                Err(Problem::new(said).hint(hint))
            }
        }
    }

    /// A question to the model; the type is that of its answer.
    ///
    /// # Errors
    /// As [`Tables::running`].
    pub fn probe<T>(&self, probe: Probe) -> Result<Typed<T>, Problem> {
        Ok(Typed::new(self.running()?.role, Statistic::Probe(probe)))
    }

    /// # Errors
    /// No such table in the configuration, or why it could not be opened.
    pub fn table(&self, role: Role) -> Result<Asked<'a>, Problem> {
        match self.all.get(&role) {
            Some(Ok(table)) => Ok(Asked { role, table, unjudged: self.unjudged, compared: self.compared(role) }),
            Some(Err(problem)) => Err(problem.clone()),
            None => Err(Problem::new(format!("no {role} table is configured")).hint(role.hint())),
        }
    }

    /// The table that one of this role is usually compared with.
    fn compared(&self, role: Role) -> Option<&'a TableInfo> {
        let other = match role {
            Role::Training => Role::Reference,
            Role::Test | Role::Reference => Role::Training,
            Role::Predictions | Role::Baseline => return None,
        };
        self.all.get(&other)?.as_ref().ok()
    }

    /// Whether both tables are the same files: then they cannot differ, and nobody meant that.
    pub fn are_one(&self, a: Role, b: Role) -> bool {
        let files = |role: Role| self.all.get(&role).and_then(|table| table.as_ref().ok()).map(|table| &table.files);
        matches!((files(a), files(b)), (Some(a), Some(b)) if a == b && !a.is_empty())
    }

    /// The columns of a table that make a row: those that are named, else all but those of `data.id`.
    ///
    /// # Errors
    /// The table lacks one, no table has one of `data.id`, or no column is left.
    pub fn row_columns(&self, table: Asked<'a>, names: Option<&[String]>) -> Result<Vec<AskedColumn<'a>>, Problem> {
        self.row_columns_that(table, names, |_| true, "")
    }

    /// As [`Tables::row_columns`], of a kind that the check can judge; the verdict names the others.
    ///
    /// # Errors
    /// As there, or a named column is of another kind than `wanted`.
    pub fn row_columns_that(
        &self,
        table: Asked<'a>,
        names: Option<&[String]>,
        can_judge: impl Fn(&Kind) -> bool,
        wanted: &str,
    ) -> Result<Vec<AskedColumn<'a>>, Problem> {
        if names.is_some() {
            return table.columns_that(names, can_judge, wanted);
        }
        // A key may be in one table only; one that is in none is a slip, and would be compared after all.
        let known: Option<Vec<&TableInfo>> = self.all.values().map(|table| table.as_ref().ok()).collect();
        if let Some(known) = known
            && let Some(lost) = self.named.ids.iter().find(|id| known.iter().all(|table| table.column(id).is_none()))
        {
            let problem = Problem::new(format!("`data.id` names {}, and no table has such a column", code(lost)));
            let names = table.table.columns.iter().map(|column| column.name.as_str());
            return Err(match nearest(lost, names) {
                Some(near) => problem.hint(format!("did you mean {}?", code(near))),
                None => problem.hint("remove it from `data.id`"),
            });
        }
        let is_id = |column: &AskedColumn| self.named.ids.iter().any(|id| id == column.name());
        let is_judged =
            |column: &AskedColumn| !matches!(column.kind(), Kind::Unreadable(_)) && can_judge(column.kind());
        let rows = table.all().into_iter().filter(|column| !is_id(column));
        let (judged, others): (Vec<_>, Vec<_>) = rows.partition(is_judged);
        if judged.is_empty() {
            let problem = Problem::new(format!("no column of the {} table is left to compare", table.role));
            return Err(if others.is_empty() {
                problem.hint("`data.id` names all of them: name the `columns` that make a row")
            } else {
                let names = crate::support::words::list(others.iter().map(|column| column.name()));
                Problem::new(format!("{}: not {names}, by their types", problem.message))
            });
        }
        others.iter().for_each(|column| table.leave_out(column.column));
        Ok(judged)
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

/// What a planned check does with the numbers.
pub type Judge = Box<dyn FnOnce(&Measured) -> Result<Finding, Problem>>;

/// A check with its types put away, so that a list can hold all of them.
pub trait AnyCheck {
    /// # Errors
    /// As [`Check::validate`], and limits outside of what the numbers can be.
    fn validate(&self) -> Result<(), String>;
    /// As [`Check::limits`].
    fn limits(&self) -> Vec<LimitSetting>;
    fn subject(&self, named: Named) -> Option<String>;
    fn compares_all_columns(&self, here: Role) -> Vec<Role>;
    /// The keys to measure, and what to do with them; it can be asked again, for other columns.
    ///
    /// # Errors
    /// As [`Check::needs`].
    fn plan(self: Rc<Self>, tables: &Tables) -> Result<(Vec<Key>, Judge), Problem>;
}

impl<C: Check> AnyCheck for C {
    fn validate(&self) -> Result<(), String> {
        Check::validate(self)?;
        range::validate(&Check::limits(self))
    }

    fn limits(&self) -> Vec<LimitSetting> {
        Check::limits(self)
    }

    fn subject(&self, named: Named) -> Option<String> {
        Check::subject(self, named)
    }

    fn compares_all_columns(&self, here: Role) -> Vec<Role> {
        Check::compares_all_columns(self, here)
    }

    fn plan(self: Rc<Self>, tables: &Tables) -> Result<(Vec<Key>, Judge), Problem> {
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
    pub parts: &'static [Part],
    pub severity: Severity,
    looser: &'static [(&'static str, Looser)],
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
            parts: C::PARTS,
            severity: C::SEVERITY,
            looser: C::LOOSER,
            schema: || schemars::schema_for!(C),
            read: |settings| {
                crate::support::settings::read::<C>(settings).map(|check| Box::new(check) as Box<dyn AnyCheck>)
            },
        }
    }
}

impl Registered {
    /// Which way a setting lets more through: names that begin with `min` or `max`, and those of times, say it.
    pub fn looser(&self, setting: &str) -> Option<Looser> {
        let own = self.looser.iter().find(|(name, _)| *name == setting).map(|(_, looser)| *looser);
        own.or_else(|| match setting {
            _ if setting.starts_with("min") => Some(Looser::Lower),
            _ if setting.starts_with("max") || setting.ends_with("_ms") => Some(Looser::Higher),
            _ => None,
        })
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
        pub static ALL: &[$crate::checks::check::Registered] = &[
            $($($crate::checks::check::Registered::of::<$gate::$id::$Check>($crate::checks::check::Gate::$Gate),)+)+
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
        Some(columns) if columns.iter().enumerate().any(|(at, name)| columns[..at].contains(name)) => {
            Err("`columns` names a column twice".into())
        }
        _ => Ok(()),
    }
}
