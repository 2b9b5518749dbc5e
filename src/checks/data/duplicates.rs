//! `duplicates`: rows do not repeat.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::checks::check::{Check, Tables, some_columns};
use crate::support::limit::range::LimitSetting;
use crate::support::limit::{Percent, share};
use crate::support::problem::Problem;
use crate::data::statistic::{Breaches, Typed};
use crate::data::table::Role;
use crate::report::verdict::{Finding, Limit, Unit};
use crate::support::words::{first_row, percent, rows};

/// At most `max_percent` of the rows equal an earlier row.
///
/// Rows loaded twice weigh twice in training, and when they fall on both sides of a split the
/// test score lies. Missing equals missing; of three equal rows two are duplicates.
///
/// ```yaml
/// - duplicates: { max_percent: 0.1 }
/// ```
///
/// With all columns compared, those of `data.id` are left out. Where another column of integers or text, in a table of
/// 100 rows or more, has a different value in 99 % of the rows or more, no row could equal another: the check is then
/// computed without it too, and if that breaches the limit, the check warns and names the column.
///
/// Exact: rows are hashed in the one scan, and those whose hash repeats are then compared value
/// by value. It takes 8 bytes a row, within `max-memory`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Duplicates {
    /// The columns to compare; all but those of `data.id` without it.
    columns: Option<Vec<String>>,
    /// The largest share of rows that may equal an earlier one.
    #[serde(default = "default_max_percent")]
    max_percent: Percent,
}

fn default_max_percent() -> Percent {
    Percent::of(1.0)
}

impl Check for Duplicates {
    const ID: &'static str = "duplicates";
    type Needs = (Typed<u64>, Typed<Breaches>);

    fn validate(&self) -> Result<(), String> {
        some_columns(self.columns.as_deref())
    }

    fn limits(&self) -> Vec<LimitSetting> {
        vec![LimitSetting::max_percent("max_percent", self.max_percent)]
    }

    fn needs(&self, tables: &Tables) -> Result<Self::Needs, Problem> {
        let table = tables.here()?;
        Ok((table.row_count(), table.repeats(&tables.row_columns(table, self.columns.as_deref())?)))
    }

    fn compares_all_columns(&self, here: Role) -> Vec<Role> {
        if self.columns.is_some() { Vec::new() } else { vec![here] }
    }

    fn judge(&self, (total, repeats): (u64, Breaches)) -> Result<Finding, Problem> {
        let limit = self.max_percent;
        let found = share(repeats.count, total);
        let message = match repeats.count {
            0 => "no row equals an earlier one".to_owned(),
            1 => format!(
                "1 row ({}) equals an earlier one, {} allowed",
                percent(found, &[limit.0, 0.0]),
                percent(limit.0, &[])
            ),
            many => format!(
                "{} ({}) equal an earlier one, {} allowed",
                rows(many),
                percent(found, &[limit.0, 0.0]),
                percent(limit.0, &[])
            ),
        };
        Ok(Finding::new(!limit.is_exceeded_by(repeats.count, total), message + &first_row(repeats.first_row))
            .held(found, Limit::max(limit.0), Unit::Percent)
            .breaches(repeats))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::verdict::Outcome;

    #[test]
    fn the_share_is_of_all_rows_and_inclusive() {
        let check: Duplicates = serde_yaml::from_str("{}").unwrap();
        let judge = |count| check.judge((200, Breaches { count, ..Breaches::default() })).unwrap();
        assert_eq!(judge(2).outcome, Outcome::Pass);
        assert_eq!(judge(3).outcome, Outcome::Fail);
        assert_eq!(judge(3).message, "3 rows (1.5 %) equal an earlier one, 1 % allowed");
    }
}
