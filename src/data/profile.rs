//! A saved profile: what a table looked like, in a few kilobytes, to compare others with it.
//!
//! It may come from anywhere, so it is bounded and checked before anything is believed of it.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use crate::data::table::{Column, Kind, TableInfo};
use crate::stats::distribution::summary::{MOST_ROWS, SHORT};
use crate::stats::distribution::{Categories, Distribution, Measure, Numbers, Shape, Summary, Values};
use crate::support::problem::Problem;
use crate::support::words::{code, list};

/// The name of a profile's file ends so.
pub const ENDING: &str = ".profile.json";
/// Bytes of a profile.
pub const LARGEST: u64 = 100_000_000;
const VERSION: u32 = 1;
/// Categories kept of a column.
const MOST_CATEGORIES: usize = 10_000;

/// FILE.profile.json.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    pub profile_version: u32,
    pub rows: u64,
    pub columns: Vec<ProfiledColumn>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProfiledColumn {
    pub name: String,
    /// As `schema` names types.
    #[serde(rename = "type")]
    pub kind: String,
    pub missing: u64,
    /// Numbers, and instants in microseconds since 1970 UTC: values with how often they occur.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub numbers: Option<Summary>,
    /// Texts and booleans with how often they occur.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub categories: Option<Categories>,
}

impl Profile {
    /// Of the columns' distributions, in the table's order; columns of other types have none.
    ///
    /// # Errors
    /// Of a column that has none.
    pub fn of(
        table: &TableInfo,
        of: impl Fn(&str) -> Result<std::sync::Arc<Distribution>, Problem>,
    ) -> Result<Self, Problem> {
        let column = |column: &Column| -> Result<ProfiledColumn, Problem> {
            let mut profiled = ProfiledColumn {
                name: column.name.clone(),
                kind: column.kind.to_string(),
                missing: 0,
                numbers: None,
                categories: None,
            };
            if column.kind == Kind::Null {
                profiled.missing = table.rows;
            } else if column.kind.is_scalar() {
                let distribution = of(&column.name)?;
                profiled.missing = distribution.missing;
                match &distribution.shape {
                    Shape::Numbers(Numbers { values: Values::Summed(summary), .. }) if !is_text(&column.kind) => {
                        profiled.numbers = Some(summary.clone());
                    }
                    Shape::Categories(categories) => {
                        profiled.categories = Some(categories.clone().shortened(MOST_CATEGORIES));
                    }
                    // A column without a present value.
                    Shape::Numbers(_) if is_text(&column.kind) => profiled.categories = Some(Categories::default()),
                    Shape::Numbers(_) => profiled.numbers = Some(Summary::default()),
                }
            }
            Ok(profiled)
        };
        let columns = table.columns.iter().map(column).collect::<Result<_, _>>()?;
        Ok(Self { profile_version: VERSION, rows: table.rows, columns })
    }

    /// # Errors
    /// What is wrong with the text, which `shown` names.
    pub fn parse(text: &str, shown: &str) -> Result<Self, Problem> {
        let wrong = |what: String| {
            Problem::new(format!("{} is no profile: {what}", code(shown)))
                .hint("`mlgate check --save-profile FILE` writes one")
        };
        // A newer version may have fields that this one does not know.
        let version: serde_json::Value = serde_json::from_str(text).map_err(|error| wrong(error.to_string()))?;
        match version.get("profile_version").and_then(serde_json::Value::as_u64) {
            Some(version) if version == u64::from(VERSION) => {}
            Some(other) => return Err(wrong(format!("it has version {other}, and this mlgate reads {VERSION}"))),
            None => return Err(wrong("it has no `profile_version`".to_owned())),
        }
        let profile: Self = serde_json::from_value(version).map_err(|error| wrong(error.to_string()))?;
        profile.check().map_err(wrong)?;
        Ok(profile)
    }

    /// Whether what it says can be true.
    fn check(&self) -> Result<(), String> {
        if self.rows >= MOST_ROWS {
            return Err(format!("it has {} rows", self.rows));
        }
        let mut names = HashSet::new();
        for column in &self.columns {
            let name = code(&column.name);
            if !names.insert(&column.name) {
                return Err(format!("it has two columns {name}"));
            }
            if column.numbers.as_ref().is_some_and(|numbers| !numbers.is_sound()) {
                return Err(format!("the numbers of {name} contradict each other"));
            }
            let is_known = kind(&column.kind);
            let fits = match &is_known {
                Kind::Text | Kind::Boolean => column.categories.is_some() && column.numbers.is_none(),
                Kind::Other(_) | Kind::Null | Kind::Unreadable(_) => {
                    column.categories.is_none() && column.numbers.is_none()
                }
                _ => column.numbers.is_some() && column.categories.is_none(),
            };
            if !fits {
                return Err(format!("{name} is {is_known}, and what it holds is not"));
            }
            let present = match (&column.numbers, &column.categories) {
                (Some(numbers), _) => Some(numbers.count()),
                (None, Some(categories)) => {
                    let mut counts = categories.counts.iter().map(|(_, count)| *count).chain([categories.others]);
                    let distinct: HashSet<&String> = categories.counts.iter().map(|(name, _)| name).collect();
                    if categories.lowered > self.rows || distinct.len() < categories.counts.len() {
                        return Err(format!("the categories of {name} contradict each other"));
                    }
                    let present = counts.try_fold(0_u64, u64::checked_add);
                    let slots = categories.slots.as_ref();
                    if slots.is_some_and(|slots| !present.is_some_and(|present| slots.is_sound(present))) {
                        return Err(format!("the slots of {name} contradict its categories"));
                    }
                    present
                }
                (None, None) => Some(self.rows),
            };
            let total = present.and_then(|present| present.checked_add(column.missing));
            if total != Some(self.rows) && is_known.is_scalar() {
                return Err(format!("{name} does not have the profile's {} rows", self.rows));
            }
        }
        Ok(())
    }

    pub fn to_json(&self) -> String {
        // Finite numbers and texts: there is nothing that could fail.
        let mut text = serde_json::to_string(self).unwrap_or_default();
        text.push('\n');
        text
    }

    pub fn info(&self) -> TableInfo {
        let column = |column: &ProfiledColumn| Column {
            name: column.name.clone(),
            kind: kind(&column.kind),
            why_text: None,
            is_padded: false,
            is_blank: false,
        };
        TableInfo { columns: self.columns.iter().map(column).collect(), rows: self.rows, files: Vec::new() }
    }

    pub fn missing(&self, column: &str) -> Option<u64> {
        self.columns.iter().find(|known| known.name == column).map(|column| column.missing)
    }

    pub fn distribution(&self, column: &str) -> Option<Distribution> {
        let column = self.columns.iter().find(|known| known.name == column)?;
        let measure = match kind(&column.kind) {
            Kind::Date => Measure::Date,
            Kind::Datetime => Measure::Instant,
            Kind::Integer => Measure::Whole,
            _ => Measure::Number,
        };
        let shape = match (&column.numbers, &column.categories) {
            (Some(numbers), _) => Shape::Numbers(Numbers { values: Values::Summed(numbers.clone()), measure }),
            (None, Some(categories)) => Shape::Categories(categories.clone()),
            (None, None) if kind(&column.kind) == Kind::Null => {
                Shape::Numbers(Numbers { values: Values::Summed(Summary::default()), measure })
            }
            (None, None) => return None,
        };
        Some(Distribution { missing: column.missing, shape })
    }

    /// All of them together, as if they had been one table.
    ///
    /// # Errors
    /// They do not have the same columns.
    pub fn merged(profiles: Vec<Self>) -> Result<Self, Problem> {
        let mut profiles = profiles.into_iter();
        let Some(mut all) = profiles.next() else { return Err(Problem::new("there is no profile to merge")) };
        for (at, other) in profiles.enumerate() {
            let types = |profile: &Self| -> Vec<(String, String)> {
                let mut types: Vec<_> =
                    profile.columns.iter().map(|column| (column.name.clone(), column.kind.clone())).collect();
                types.sort();
                types
            };
            let (mine, theirs) = (types(&all), types(&other));
            if mine != theirs {
                let differ = mine.iter().filter(|one| !theirs.contains(one));
                let differ = differ.chain(theirs.iter().filter(|one| !mine.contains(one)));
                let mut names: Vec<&str> = differ.map(|(name, _)| name.as_str()).collect();
                names.dedup();
                let said = format!("profile {} has other columns or types than the first: {}", at + 2, list(names));
                return Err(Problem::new(said).hint("merge profiles of one table's parts"));
            }
            all.rows += other.rows;
            if all.rows >= MOST_ROWS {
                return Err(Problem::new("the profiles have more rows than a profile may have"));
            }
            for mut column in other.columns {
                let Some(mine) = all.columns.iter_mut().find(|mine| mine.name == column.name) else { continue };
                mine.missing += column.missing;
                mine.numbers = mine.numbers.take().zip(column.numbers.take()).map(|(a, b)| a.merged(&b));
                let categories = mine.categories.take().zip(column.categories.take());
                mine.categories = categories.map(|(a, b)| a.merged(b, MOST_CATEGORIES));
            }
        }
        // Pruned once, at the end: each pruning adds to the error.
        for column in &mut all.columns {
            column.numbers = column.numbers.take().map(|numbers| numbers.pruned(SHORT));
        }
        Ok(all)
    }
}

fn is_text(kind: &Kind) -> bool {
    matches!(kind, Kind::Text | Kind::Boolean)
}

/// The type of this name.
fn kind(word: &str) -> Kind {
    let known = [Kind::Integer, Kind::Float, Kind::Number, Kind::Text, Kind::Boolean, Kind::Date, Kind::Datetime];
    known.into_iter().find(|kind| kind.to_string() == word).unwrap_or_else(|| Kind::Other(word.to_owned()))
}
