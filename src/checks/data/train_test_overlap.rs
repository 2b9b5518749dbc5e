//! `train_test_overlap`: no test row is a training row.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::checks::check::{Check, Part, Tables, some_columns};
use crate::support::limit::range::LimitSetting;
use crate::support::limit::{Percent, share};
use crate::support::problem::Problem;
use crate::data::statistic::{Breaches, Missing, Typed};
use crate::data::table::Role;
use crate::report::verdict::{Finding, Limit, Outcome, Unit};
use crate::support::words::{code, first_row, percent, rows};

/// At most `max_percent` of the test rows occur in the training table too.
///
/// A row that the model learned by heart says nothing of rows it has never seen: the metric is too good,
/// and nobody notices before production.
///
/// ```yaml
/// - train_test_overlap
/// - train_test_overlap: { columns: [income, age, region], max_percent: 0.1 }
/// ```
///
/// With all columns compared, those of `data.id` are left out. Where another column of integers or text, in a table of
/// 100 rows or more, has a different value in 99 % of the rows or more, no row could equal another: the check is then
/// computed without it too, and if that breaches the limit, the check warns and names the column.
///
/// Missing equals missing, 0.0 equals -0.0, and a number is the same in columns of 32 and 64 bits. The comparison is exact: rows
/// are found by a hash and then compared byte by byte.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TrainTestOverlap {
    /// The columns that make a row; all but those of `data.id` without it.
    columns: Option<Vec<String>>,
    /// The largest share of test rows that may occur in training.
    #[serde(default = "default_max_percent")]
    max_percent: Percent,
}

fn default_max_percent() -> Percent {
    Percent::of(0.0)
}

/// The test table and the training table, which every check of leakage looks at.
///
/// # Errors
/// One of them is not there, or `on` names a third.
pub fn both<'a>(tables: &Tables<'a>) -> Result<[crate::checks::check::Asked<'a>; 2], Problem> {
    if !matches!(tables.here, Role::Training | Role::Test) {
        return Err(Problem::new("this check compares the test table with the training table").hint("leave `on` out"));
    }
    Ok([tables.table(Role::Test)?, tables.table(Role::Training)?])
}

impl Check for TrainTestOverlap {
    const ID: &'static str = "train_test_overlap";
    const PARTS: &'static [Part] = &[Part::Test];
    type Needs = (Typed<u64>, Typed<Breaches>);

    fn validate(&self) -> Result<(), String> {
        some_columns(self.columns.as_deref())
    }

    fn limits(&self) -> Vec<LimitSetting> {
        vec![LimitSetting::max_percent("max_percent", self.max_percent)]
    }

    fn needs(&self, tables: &Tables) -> Result<Self::Needs, Problem> {
        let [test, training] = both(tables)?;
        let columns = tables.row_columns(test, self.columns.as_deref())?;
        for column in &columns {
            training.column(column.name())?;
        }
        if self.columns.is_none()
            && let Some(other) = training.table.columns.iter().find(|other| {
                test.table.column(&other.name).is_none() && !tables.named.ids.contains(&other.name)
            })
        {
            return Err(Problem::new(format!("the test table has no column {}", code(&other.name)))
                .hint("name the `columns` that make a row"));
        }
        Ok((test.row_count(), test.occurring(&columns, Role::Training, Missing::Equal)))
    }

    fn compares_all_columns(&self, _: Role) -> Vec<Role> {
        if self.columns.is_some() { Vec::new() } else { vec![Role::Test, Role::Training] }
    }

    fn judge(&self, (total, found): (u64, Breaches)) -> Result<Finding, Problem> {
        Ok(finding(self.max_percent, total, found, "no test row is a training row", |count| {
            if count == 1 { "of the test table is a training row too" } else { "of the test table are training rows too" }
        }))
    }
}

/// Rows that are where they must not be.
pub fn finding(limit: Percent, total: u64, found: Breaches, none: &str, what: impl Fn(u64) -> &'static str) -> Finding {
    let of = share(found.count, total);
    let message = if found.count == 0 {
        none.to_owned()
    } else {
        let allowed = percent(limit.0, &[]);
        let of = percent(of, &[limit.0, 0.0]);
        format!("{} ({of}) {}, {allowed} allowed", rows(found.count), what(found.count))
    };
    let outcome = if limit.is_exceeded_by(found.count, total) { Outcome::Fail } else { Outcome::Pass };
    Finding::of(outcome, message + &first_row(found.first_row)).held(of, Limit::max(limit.0), Unit::Percent).breaches(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_row_is_enough_by_default() {
        let check: TrainTestOverlap = serde_yaml::from_str("{}").unwrap();
        let found = check.judge((400, Breaches { count: 3, first_row: Some(7), ..Breaches::default() })).unwrap();
        assert_eq!(found.outcome, Outcome::Fail);
        assert_eq!(
            found.message,
            "3 rows (0.75 %) of the test table are training rows too, 0 % allowed; the first is row 8"
        );
        assert_eq!(check.judge((400, Breaches::default())).unwrap().outcome, Outcome::Pass);
    }
}
