//! A table as the rest of mlgate sees it: its role, its columns, how many rows; where it lives is below.

pub mod csv;
pub mod files;
pub mod ndjson;

use std::fmt;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
    /// Named as itself: nested, binary, time, duration, null.
    Other(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    pub name: String,
    pub kind: Kind,
    /// Why it is text, where a file of text held something else for a while.
    pub why_text: Option<String>,
    /// Whether a file of text writes its whole numbers otherwise than they are shown, as `01`: their texts are lost.
    pub is_padded: bool,
}

impl Column {
    /// The type, and why it is that where it may surprise: `text (integer until line 702)`.
    pub fn described(&self) -> String {
        let why = self.why_text.as_ref().map(|why| format!(" ({why})")).unwrap_or_default();
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
            Self::Other(name) => name,
        })
    }
}
