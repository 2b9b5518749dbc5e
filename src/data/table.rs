//! A table as the rest of mlgate sees it: its role, its columns, how many rows; where it lives is below.

pub mod csv;
pub mod files;
pub mod ndjson;

use std::fmt;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::support::problem::Problem;
use crate::support::words::{self, code};

/// What a table is to the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    #[default]
    Training,
    Test,
    Reference,
    Predictions,
    /// The predictions of the model in production; no data check looks at them.
    #[serde(skip)]
    #[schemars(skip)]
    Baseline,
}

/// The types that checks and configs distinguish.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Kind {
    Integer,
    Float,
    /// Decimals: exact numbers with a scale.
    Number,
    /// Also categorical.
    Text,
    Boolean,
    Date,
    Datetime,
    /// Named as itself: nested, binary, time, duration.
    Other(String),
    /// No type: the column holds nulls alone.
    Null,
    /// Named as itself; its values cannot be read.
    Unreadable(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    pub name: String,
    pub kind: Kind,
    /// Why it is text, where a file of text held something else for a while.
    pub why_text: Option<WhyText>,
    /// Whether a file of text writes its whole numbers otherwise than they are shown, as `01`: their texts are lost.
    pub is_padded: bool,
    /// Whether a file of text has no value in it, so that its type is not known.
    pub is_blank: bool,
}

/// The cell of a text file that made a column text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WhyText {
    /// What the column was before, if anything stood there.
    pub was: Option<&'static str>,
    pub line: u64,
    /// Its text, where it may be shown.
    pub cell: Option<String>,
}

impl WhyText {
    /// `integer until line 702`, `NA` in line 2.
    fn said(&self) -> String {
        let cell = self.cell.as_ref().map(|cell| code(&words::cut(cell, 40)));
        match (self.was, cell) {
            (Some(was), None) => format!("{was} until line {}", self.line),
            (Some(was), Some(cell)) => format!("{was} until line {}, which holds {cell}", self.line),
            (None, cell) => format!("{} in line {}", cell.unwrap_or_else(|| "text".to_owned()), self.line),
        }
    }

    fn hint(&self) -> String {
        const SETTING: &str = "`data.csv.null_values`";
        match &self.cell {
            Some(cell) => {
                let cell = words::visible(&words::cut(cell, 40));
                format!("if that means a missing value, set {SETTING}: `csv: {{ null_values: [\"{cell}\"] }}`")
            }
            None => {
                format!("if that value means a missing one, add it to {SETTING}; `--show-values=true` shows the cell")
            }
        }
    }
}

impl Column {
    /// What to do about a column that is text because of one cell.
    pub fn text_hint(&self) -> Option<String> {
        self.why_text.as_ref().map(WhyText::hint)
    }

    /// The problem of whoever asks for values of a column that has none to read; none of any other column.
    pub fn unreadable(&self) -> Option<Problem> {
        let Kind::Unreadable(dtype) = &self.kind else { return None };
        let problem = Problem::new(format!("{} has the type {dtype}, whose values cannot be read", code(&self.name)));
        Some(problem.hint("write the column as numbers, text, dates or times, or leave it out of this check"))
    }

    /// The type, and why it is that where it may surprise: `text (integer until line 702)`.
    pub fn described(&self) -> String {
        let why = self.why_text.as_ref().map(|why| format!(" ({})", why.said())).unwrap_or_default();
        format!("{}{why}", self.kind)
    }
}

/// What is known of a table before anything is measured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableInfo {
    pub columns: Vec<Column>,
    pub rows: u64,
    /// Where it really is, after links; of a profile nothing.
    pub files: Vec<PathBuf>,
}

impl TableInfo {
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// The columns that a list separated by commas names, if the table has all of them.
    pub fn columns_of_list(&self, text: &str) -> Option<Vec<&Column>> {
        let parts: Vec<&str> = text.split(',').map(str::trim).collect();
        if parts.len() > 1 { parts.into_iter().map(|name| self.column(name)).collect() } else { None }
    }

    /// The columns that the other table lacks.
    pub fn new_columns(&self, other: &Self) -> Vec<&str> {
        let names = self.columns.iter().map(|column| column.name.as_str());
        names.filter(|name| other.column(name).is_none()).collect()
    }

    /// The columns whose values can be read.
    pub fn readable(&self) -> impl Iterator<Item = &Column> {
        self.columns.iter().filter(|column| !matches!(column.kind, Kind::Unreadable(_)))
    }
}

impl Kind {
    /// Whether the values are numbers, text, booleans, dates or times, which checks can compare.
    pub fn is_scalar(&self) -> bool {
        !matches!(self, Self::Other(_) | Self::Null | Self::Unreadable(_))
    }
}

impl Role {
    pub fn word(self) -> &'static str {
        match self {
            Self::Training => "training",
            Self::Test => "test",
            Self::Reference => "reference",
            Self::Predictions => "predictions",
            Self::Baseline => "baseline",
        }
    }

    /// How to say where the table is.
    pub fn hint(self) -> &'static str {
        match self {
            Self::Training => "set `data.path`, or the input `data`",
            Self::Test => "set `data.test`, or the input `test-data`",
            Self::Reference => "set `data.reference`, or the input `reference`",
            Self::Predictions => "set `model.predictions`, or the input `predictions`",
            Self::Baseline => "set `model.baseline`, or the input `baseline`",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Integer => "integer",
            Self::Float => "float",
            Self::Number => "number",
            Self::Text => "text",
            Self::Boolean => "boolean",
            Self::Date => "date",
            Self::Datetime => "datetime",
            Self::Other(name) | Self::Unreadable(name) => name,
            Self::Null => "null",
        })
    }
}
