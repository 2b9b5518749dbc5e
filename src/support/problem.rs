//! What went wrong, in the words a user needs: the thing, the place, the next step.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A line of a file that a person can open: where a rule was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Place {
    /// Path as the user wrote it.
    pub file: String,
    /// 1-based.
    pub line: u64,
    /// 1-based, in characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<u64>,
}

/// One thing that is wrong; finishes the sentence "failed to …" or states a fact, lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub message: String,
    pub hint: Option<String>,
    pub place: Option<Place>,
}

/// How a run that could not go on ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Exit {
    Passed = 0,
    Blocked = 1,
    /// Usage or configuration.
    Usage = 2,
    /// Unreadable data, an unreachable service, a verdict `error`.
    Unmeasured = 3,
}

/// Why a run ended without a verdict: all problems of one kind at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    pub exit: Exit,
    pub problems: Vec<Problem>,
}

impl Problem {
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None, place: None }
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    #[must_use]
    pub fn without_hint(mut self) -> Self {
        self.hint = None;
        self
    }

    #[must_use]
    pub fn at(mut self, place: Option<Place>) -> Self {
        self.place = self.place.or(place);
        self
    }
}

impl Failure {
    pub fn usage(problem: Problem) -> Self {
        Self { exit: Exit::Usage, problems: vec![problem] }
    }

    pub fn unmeasured(problem: Problem) -> Self {
        Self { exit: Exit::Unmeasured, problems: vec![problem] }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.column {
            Some(column) => write!(f, "{} line {} column {column}", self.file, self.line),
            None => write!(f, "{} line {}", self.file, self.line),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if let Some(place) = &self.place {
            write!(f, " at {place}")?;
        }
        if let Some(hint) = &self.hint {
            write!(f, "\n  hint: {hint}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.problems.iter().enumerate() {
            if i > 0 {
                writeln!(f)?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problem {}
impl std::error::Error for Failure {}

/// The known name nearest to `name`, if one is near enough to be meant.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = name.to_lowercase().replace('-', "_");
    known
        .into_iter()
        .map(|k| (strsim::osa_distance(&wanted, &k.to_lowercase().replace('-', "_")), k))
        .filter(|(distance, k)| *distance <= 1.max(k.chars().count().max(wanted.chars().count()) / 3))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, k)| k)
}
