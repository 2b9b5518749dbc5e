//! `near_duplicates`: hardly any row is nearly another.

use schemars::JsonSchema;
use serde::Deserialize;

use super::train_test_overlap::finding;
use crate::checks::check::{Check, Looser, Tables, some_columns};
use crate::support::limit::range::{LimitSetting, ValueRange};
use crate::support::limit::{Finite, Percent};
use crate::support::problem::Problem;
use crate::data::statistic::{Breaches, Typed};
use crate::data::table::{Kind, Role};
use crate::report::verdict::{Finding, Severity};

/// At most `max_percent` of the rows resemble an earlier row by `min_similarity` or more without being equal to it.
///
/// A text that was posted twice with another comma, a record that was typed in again: exact comparison does not
/// see them, and a model learns them twice. It warns unless the entry says `severity: fail`.
///
/// ```yaml
/// - near_duplicates: { columns: [review] }
/// - near_duplicates: { columns: [title, body], min_similarity: 0.8, max_percent: 1 }
///   severity: fail
/// ```
///
/// A row is the set of what it holds: of a text, in lower case and without punctuation, every run of five
/// characters; of a number its first three digits; other values as they are. The similarity of two rows is what
/// they share of all they hold together (Jaccard). Rows are found by `MinHash` in eight bands
/// and then compared exactly: what is counted is near, and a pair at the limit is missed in less than 1 % of cases. Of
/// many rows that share most of their text only the nearest eight of a band are compared, and more are missed.
///
/// With all columns compared, those of `data.id` are left out. Where another column of integers or text, in a table of
/// 100 rows or more, has a different value in 99 % of the rows or more, no row could equal another: the check is then
/// computed without it too, and if that breaches the limit, the check warns and names the column.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NearDuplicates {
    /// The columns that are compared; all but those of `data.id` without it.
    columns: Option<Vec<String>>,
    /// How much of two rows must be the same, from 0 to 1.
    #[serde(default = "default_min_similarity")]
    min_similarity: Finite,
    /// The largest share of rows that may nearly repeat an earlier one.
    #[serde(default = "default_max_percent")]
    max_percent: Percent,
}

fn default_min_similarity() -> Finite {
    Finite(0.9)
}

fn default_max_percent() -> Percent {
    Percent::of(0.0)
}

impl Check for NearDuplicates {
    const ID: &'static str = "near_duplicates";
    const SEVERITY: Severity = Severity::Warn;
    const LOOSER: &'static [(&'static str, Looser)] = &[("min_similarity", Looser::Higher)];
    type Needs = (Typed<u64>, Typed<Breaches>);

    fn validate(&self) -> Result<(), String> {
        some_columns(self.columns.as_deref())?;
        if (0.1..1.0).contains(&self.min_similarity.0) {
            Ok(())
        } else {
            let Finite(similarity) = self.min_similarity;
            let slip = ValueRange::SHARE.slip(similarity);
            Err(format!("`min_similarity` is {similarity}, expected 0.1 or more, and less than 1{slip}"))
        }
    }

    fn limits(&self) -> Vec<LimitSetting> {
        vec![LimitSetting::max_percent("max_percent", self.max_percent)]
    }

    fn needs(&self, tables: &Tables) -> Result<Self::Needs, Problem> {
        let table = tables.here()?;
        let wanted = "text, numbers, booleans, dates or times";
        let columns = tables.row_columns_that(table, self.columns.as_deref(), Kind::is_scalar, wanted)?;
        if columns.is_empty() {
            return Err(Problem::new("there is no column to compare"));
        }
        Ok((table.row_count(), table.near_repeats(&columns, self.min_similarity.0)))
    }

    fn compares_all_columns(&self, here: Role) -> Vec<Role> {
        if self.columns.is_some() { Vec::new() } else { vec![here] }
    }

    fn judge(&self, (total, found): (u64, Breaches)) -> Result<Finding, Problem> {
        Ok(finding(self.max_percent, total, found, "no row nearly repeats an earlier one", |count| {
            if count == 1 { "nearly repeats an earlier one" } else { "nearly repeat an earlier one" }
        }))
    }
}
