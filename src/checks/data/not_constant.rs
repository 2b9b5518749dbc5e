//! `not_constant`: a column says something.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::checks::check::{Check, Tables, some_columns};
use crate::support::limit::range::LimitSetting;
use crate::support::limit::{Percent, share};
use crate::support::problem::Problem;
use crate::data::statistic::{Given, Typed};
use crate::report::verdict::{Finding, Limit, Unit};
use crate::support::words::{and_others, code, percent};

/// In no column do `max_percent_same` or more of the rows hold one and the same value.
///
/// A column that never changes teaches nothing, and one that stopped changing is a sensor that
/// died or a default that took over. Missing counts as a value like any other, so a column that
/// is wholly missing is constant.
///
/// ```yaml
/// - not_constant: { max_percent_same: 99 }
/// ```
///
/// The limit itself is already too much: 100, the default, means every row. Exact, but for columns
/// with more than 65,536 distinct values (fewer with thousands of columns, never under 1,024): there a
/// share of under two rows in as many is given as at most that.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NotConstant {
    /// The columns to look at; all without it.
    columns: Option<Vec<String>>,
    /// The share of rows at which one value is too common.
    #[serde(default = "default_max_percent_same")]
    max_percent_same: Percent,
}

fn default_max_percent_same() -> Percent {
    Percent::of(100.0)
}

impl Check for NotConstant {
    const ID: &'static str = "not_constant";
    type Needs = (Typed<u64>, Vec<(Given<String>, Typed<u64>)>);

    fn validate(&self) -> Result<(), String> {
        some_columns(self.columns.as_deref())
    }

    fn limits(&self) -> Vec<LimitSetting> {
        vec![LimitSetting::max_percent("max_percent_same", self.max_percent_same).exclusive()]
    }

    fn needs(&self, tables: &Tables) -> Result<Self::Needs, Problem> {
        let table = tables.here()?;
        let columns = table.columns(self.columns.as_deref())?;
        if columns.is_empty() {
            return Err(Problem::new("the table has no column whose values can be read"));
        }
        let top = columns.into_iter().map(|column| (Given(column.name().to_owned()), column.top_count()));
        Ok((table.row_count(), top.collect()))
    }

    fn judge(&self, (rows, mut tops): (u64, Vec<(String, u64)>)) -> Result<Finding, Problem> {
        tops.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        let limit = self.max_percent_same;
        let same: Vec<_> = tops.iter().filter(|(_, count)| !limit.is_missed_by(*count, rows)).collect();
        let worst = tops.first();
        let message = match (same.as_slice(), worst) {
            ([(name, count), others @ ..], _) if *count == rows => format!(
                "{} is the same in every row{}",
                code(name),
                and_others(others.iter().map(|(name, _)| name.as_str()))
            ),
            ([(name, count), others @ ..], _) => format!(
                "{} is the same in {} of rows, less than {} allowed{}",
                code(name),
                percent(share(*count, rows), &[limit.0]),
                percent(limit.0, &[]),
                and_others(others.iter().map(|(name, _)| name.as_str()))
            ),
            ([], Some((name, count))) => format!(
                "{} repeats one value most, in {} of rows; less than {} allowed",
                code(name),
                percent(share(*count, rows), &[limit.0]),
                percent(limit.0, &[])
            ),
            ([], None) => String::new(),
        };
        let mut finding = Finding::new(same.is_empty(), message).held(
            worst.map_or(0.0, |(_, count)| share(*count, rows)),
            Limit { exclusive: true, ..Limit::max(limit.0) },
            Unit::Percent,
        );
        for (name, count) in &tops {
            finding = finding.value(name, share(*count, rows));
        }
        Ok(finding)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::verdict::Outcome;

    fn check(settings: &str, tops: &[(&str, u64)]) -> (Outcome, String) {
        let check: NotConstant = serde_yaml::from_str(settings).unwrap();
        let tops = tops.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect();
        let finding = check.judge((100, tops)).unwrap();
        (finding.outcome, finding.message)
    }

    #[test]
    fn the_limit_is_exclusive() {
        assert_eq!(check("{}", &[("a", 99)]).0, Outcome::Pass);
        assert_eq!(check("{}", &[("a", 100)]), (Outcome::Fail, "`a` is the same in every row".into()));
        assert_eq!(check("{max_percent_same: 99}", &[("a", 99)]).0, Outcome::Fail);
        assert_eq!(check("{max_percent_same: 99}", &[("a", 98)]).0, Outcome::Pass);
    }
}
