//! Tables and columns to ask: keys are made here, and only for columns that exist.

use std::cell::RefCell;
use std::sync::Arc;

use crate::data::statistic::{
    Breaches, Classes, Detail, End, Key, Leakage, Missing, Moments, Statistic, Total, Typed, Wanted,
};
use crate::data::table::{Column, Kind, Role, TableInfo};
use crate::stats::distribution::Distribution;
use crate::stats::drift::{Choice, Contrast};
use crate::stats::predictions::{Confusion, Names, Reading, Rows, Slicer};
use crate::support::problem::{Problem, nearest};
use crate::support::words::code;

/// Which columns of a predictions table a metric wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Collect {
    /// Labels and predictions that are classes.
    Counts,
    /// Labels that are classes, and scores.
    Scores,
    /// Labels and predictions that are numbers.
    Numbers,
}

/// A table to ask: makes keys, and only for columns that exist.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    pub role: Role,
    pub table: &'a TableInfo,
    /// Where columns are noted that a check over all columns cannot judge.
    pub unjudged: &'a Unjudged,
    /// The table that tells which columns of this one are new.
    pub compared: Option<&'a TableInfo>,
}

/// Columns that a check over all columns cannot judge: its verdict names them.
#[derive(Debug, Default)]
pub struct Unjudged(RefCell<Vec<Column>>);

impl Unjudged {
    fn note(&self, column: &Column) {
        let mut noted = self.0.borrow_mut();
        if !noted.iter().any(|known| known.name == column.name) {
            noted.push(column.clone());
        }
    }

    pub fn into_columns(self) -> Vec<Column> {
        self.0.into_inner()
    }
}

/// A column to ask.
#[derive(Debug, Clone, Copy)]
pub struct AskedColumn<'a> {
    pub(super) role: Role,
    pub column: &'a Column,
}

impl<'a> Asked<'a> {
    /// # Errors
    /// The table lacks the column, or its values cannot be read.
    pub fn column(self, name: &str) -> Result<AskedColumn<'a>, Problem> {
        let Some(column) = self.table.column(name) else {
            let problem = Problem::new(format!("the {} table has no column {}", self.role, code(name)));
            return Err(problem.hint(self.hint_for(name)));
        };
        match column.unreadable() {
            Some(problem) => Err(problem),
            None => Ok(AskedColumn { role: self.role, column }),
        }
    }

    /// What a column that is not there may be called: first a name that the table it is compared with does not have.
    fn hint_for(self, name: &str) -> String {
        if let Some(hint) = self.table.columns_of_list(name).and_then(|_| crate::cli::comma_hint(name)) {
            return hint;
        }
        let new = self.compared.map(|other| self.table.new_columns(other)).unwrap_or_default();
        let all = self.table.columns.iter().map(|column| column.name.as_str());
        let near = nearest(name, new.iter().copied()).or_else(|| nearest(name, all.clone()));
        match (near, new.as_slice()) {
            (Some(near), _) => format!("did you mean {}?", code(near)),
            (None, [only]) => format!("was it renamed to {}? that column is new", code(only)),
            (None, _) => format!("it has {}", crate::support::words::list(all)),
        }
    }

    /// The named columns, or all whose values can be read; the verdict names the others.
    ///
    /// # Errors
    /// The table lacks one of them, or its values cannot be read.
    pub fn columns(self, names: Option<&[String]>) -> Result<Vec<AskedColumn<'a>>, Problem> {
        self.columns_that(names, |_| true, "")
    }

    /// The named columns, or all of a kind that the check can judge; the verdict names the others.
    ///
    /// # Errors
    /// The table lacks one of them, or it is of another kind than `wanted`.
    pub fn columns_that(
        self,
        names: Option<&[String]>,
        can_judge: impl Fn(&Kind) -> bool,
        wanted: &str,
    ) -> Result<Vec<AskedColumn<'a>>, Problem> {
        if let Some(names) = names {
            let judged = |name: &String| {
                let column = self.column(name)?;
                if can_judge(column.kind()) { Ok(column) } else { Err(column.unfit(wanted)) }
            };
            return names.iter().map(judged).collect();
        }
        let is_judged = |column: &&Column| !matches!(column.kind, Kind::Unreadable(_)) && can_judge(&column.kind);
        let (judged, others): (Vec<&Column>, Vec<&Column>) = self.table.columns.iter().partition(is_judged);
        if judged.is_empty() && !others.is_empty() {
            let names = crate::support::words::list(others.iter().map(|column| column.name.as_str()));
            return Err(Problem::new(format!(
                "the {} table has no column to judge: not {names}, by their types",
                self.role
            )));
        }
        others.into_iter().for_each(|column| self.unjudged.note(column));
        Ok(judged.into_iter().map(|column| AskedColumn { role: self.role, column }).collect())
    }

    /// Every column, also those whose values cannot be read.
    pub fn all(self) -> Vec<AskedColumn<'a>> {
        self.table.columns.iter().map(|column| AskedColumn { role: self.role, column }).collect()
    }

    /// Notes a column that the check leaves out because of its type.
    pub fn leave_out(self, column: &Column) {
        self.unjudged.note(column);
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

    /// How often each label met each prediction, in each slice.
    ///
    /// # Errors
    /// The table lacks a column, or it holds something else.
    pub fn confusion(self, names: &Names, by: &[Slicer]) -> Result<Typed<Confusion>, Problem> {
        let (label, prediction) = self.label_and_prediction(names, Reading::Classes)?;
        let weight = self.weight(names)?;
        Ok(Typed::new(self.role, Statistic::Confusion { label, prediction, weight, by: by.to_vec() }))
    }

    /// The columns that a metric is computed from, row by row.
    ///
    /// # Errors
    /// The table lacks one, or it holds something else.
    pub fn rows(self, names: &Names, collect: Collect, by: &[Slicer]) -> Result<Typed<Arc<Rows>>, Problem> {
        let reading = if collect == Collect::Numbers { Reading::Numbers } else { Reading::Classes };
        let (label, prediction) = match collect {
            Collect::Scores => (self.target(&names.label, reading)?.named(), None),
            Collect::Counts | Collect::Numbers => {
                let (label, prediction) = self.label_and_prediction(names, reading)?;
                (label, Some(prediction))
            }
        };
        let scores = if collect == Collect::Scores { self.scores(names)? } else { Vec::new() };
        let wanted = Wanted {
            reading,
            label,
            prediction,
            scores,
            weight: self.weight(names)?,
            by: by.to_vec(),
            key: None,
            about: Vec::new(),
        };
        Ok(Typed::new(self.role, Statistic::Rows(Box::new(wanted))))
    }

    /// As [`Asked::rows`], with what tells rows apart: the key, else all columns that `about` names.
    ///
    /// # Errors
    /// The table lacks one, or it holds something else.
    pub fn rows_to_join(self, names: &Names, collect: Collect, about: &[String]) -> Result<Typed<Arc<Rows>>, Problem> {
        let mut typed = self.rows(names, collect, &[])?;
        if let Statistic::Rows(wanted) = typed.statistic() {
            match &names.key {
                Some(key) => wanted.key = Some(self.column(key)?.named()),
                None => wanted.about = about.to_vec(),
            }
        }
        Ok(typed)
    }

    /// The score columns: the one that is named, else `score`, else one `score_<class>` a class.
    ///
    /// # Errors
    /// The named one is not there, or one of them holds no numbers.
    pub fn scores(self, names: &Names) -> Result<Vec<(Option<String>, String)>, Problem> {
        let numeric = |column: AskedColumn| match column.kind() {
            Kind::Integer | Kind::Float | Kind::Number => Ok(column.named()),
            _ => Err(column.unfit("scores: numbers")),
        };
        let lone = names.score.as_deref().or_else(|| self.table.column("score").map(|_| "score"));
        if let Some(name) = lone {
            return Ok(vec![(None, numeric(self.column(name)?)?)]);
        }
        let columns =
            self.table.columns.iter().filter_map(|column| Some((column.name.strip_prefix("score_")?, column)));
        columns
            .map(|(class, column)| Ok((Some(class.to_owned()), numeric(AskedColumn { role: self.role, column })?)))
            .collect()
    }

    fn weight(self, names: &Names) -> Result<Option<String>, Problem> {
        let Some(name) = &names.weight else { return Ok(None) };
        let column = self.column(name)?;
        match column.kind() {
            Kind::Integer | Kind::Float | Kind::Number => Ok(Some(column.named())),
            _ => Err(column.unfit("weights: numbers")),
        }
    }

    fn target(self, name: &str, reading: Reading) -> Result<AskedColumn<'a>, Problem> {
        let column = self.column(name)?;
        match (column.kind(), reading) {
            (Kind::Integer | Kind::Float | Kind::Number, _) | (Kind::Text | Kind::Boolean, Reading::Classes) => {
                Ok(column)
            }
            (_, Reading::Classes) => Err(column.unfit("classes: text, whole numbers, booleans")),
            (_, Reading::Numbers) => Err(column.unfit("numbers")),
        }
    }

    fn label_and_prediction(self, names: &Names, reading: Reading) -> Result<(String, String), Problem> {
        let (label, prediction) = (self.target(&names.label, reading)?, self.target(&names.prediction, reading)?);
        let family = |column: AskedColumn| match column.kind() {
            Kind::Text => 0,
            Kind::Boolean => 1,
            _ => 2,
        };
        if family(label) != family(prediction) {
            return Err(Problem::new(format!(
                "{} holds {} and {} holds {}: no prediction could ever be right",
                code(label.name()),
                label.column.described(),
                code(prediction.name()),
                prediction.column.described()
            ))
            .hint("write both columns with one type"));
        }
        Ok((label.named(), prediction.named()))
    }

    /// Rows whose key in these columns occurs in the other table too.
    pub fn occurring(self, columns: &[AskedColumn], within: Role, missing: Missing) -> Typed<Breaches> {
        Typed::new(self.role, Statistic::Occurring { columns: names(columns), within, missing })
    }

    /// Rows that resemble an earlier one in these columns, and do not equal it.
    pub fn near_repeats(self, columns: &[AskedColumn], similarity: f64) -> Typed<Breaches> {
        Typed::new(self.role, Statistic::NearRepeats { columns: names(columns), similarity: Total(similarity) })
    }

    /// How well each feature alone foretells the target.
    pub fn leakage(self, target: AskedColumn, features: &[AskedColumn]) -> Typed<Leakage> {
        let row = self.table.readable().map(|column| column.name.clone()).collect();
        let target = target.name().to_owned();
        Typed::new(self.role, Statistic::Leakage { target, features: names(features), row })
    }

    /// What any changed value of the table changes.
    pub fn fingerprint(self) -> Key {
        let columns = self.table.columns.iter().map(|column| (column.name.clone(), column.kind.to_string()));
        Key { table: self.role, statistic: Statistic::Fingerprint { columns: columns.collect() } }
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
        let problem = Problem::new(format!("{} holds {holds}, and this check needs {wanted}", code(self.name())));
        match self.column.text_hint() {
            Some(hint) => problem.hint(hint),
            None => problem,
        }
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

    /// Whether the column looks like an id, as a number: see [`Statistic::ValueRepeats`].
    pub fn value_repeats(self) -> Typed<u64> {
        self.key(Statistic::ValueRepeats { column: self.named() })
    }

    pub fn newest(self) -> Typed<Option<i64>> {
        self.key(Statistic::Newest { column: self.named() })
    }

    pub fn oldest(self) -> Typed<Option<i64>> {
        self.key(Statistic::Oldest { column: self.named() })
    }

    pub fn moments(self) -> Typed<Moments> {
        self.key(Statistic::Moments { column: self.named() })
    }

    /// The column's numbers in short, or its categories.
    pub fn distribution(self) -> Typed<Arc<Distribution>> {
        self.key(Statistic::Distribution { column: self.named(), detail: Detail::Short })
    }

    /// The column beside that of another table.
    pub fn contrast(self, against: Role, method: Choice) -> Typed<Contrast> {
        self.key(Statistic::Contrast { column: self.named(), against, method })
    }

    /// Whether its values, or with `edges` bins of its numbers, make slices.
    ///
    /// # Errors
    /// It holds something else.
    pub fn slices(self, has_edges: bool) -> Result<(), Problem> {
        match self.kind() {
            Kind::Integer | Kind::Float | Kind::Number => Ok(()),
            Kind::Text | Kind::Boolean | Kind::Date | Kind::Datetime if !has_edges => Ok(()),
            _ if has_edges => Err(self.unfit("numbers, to be cut into bins")),
            Kind::Text | Kind::Boolean | Kind::Date | Kind::Datetime => {
                Err(self.unfit("values that make slices: text, numbers, booleans, dates"))
            }
            Kind::Other(_) | Kind::Null | Kind::Unreadable(_) => {
                Err(self.unfit("values that make slices: text, numbers, booleans, dates"))
            }
        }
    }

    /// The values of a column of numbers, ascending.
    ///
    /// # Errors
    /// It holds something else.
    pub fn sorted(self) -> Result<Typed<Arc<Vec<f64>>>, Problem> {
        match self.kind() {
            Kind::Integer | Kind::Float | Kind::Number => Ok(self.key(Statistic::Sorted { column: self.named() })),
            _ => Err(self.unfit("numbers")),
        }
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
