//! `missing_values`: no column misses more of its values than allowed.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::checks::check::{AskedColumn, Check, Named, Tables, some_columns};
use crate::support::limit::range::LimitSetting;
use crate::support::limit::{Percent, share};
use crate::support::problem::Problem;
use crate::data::statistic::{Given, Typed};
use crate::data::table::Kind;
use crate::report::verdict::{Finding, Limit, Unit};
use crate::support::words::{and_others, code, percent};

/// In each column at most `max_percent` of the rows miss their value.
///
/// A value is missing when it is null, or NaN in a column of floats. A join that stopped matching
/// or a feature that is no longer delivered shows here first.
///
/// ```yaml
/// - missing_values: { max_percent: 5 }
/// - missing_values: { columns: [age], max_percent: 0, also: ["", NA] }
/// ```
///
/// The limit holds for each column by itself; the report names those over it, worst first, and
/// carries the share of every column.
///
/// With `trust-footers: auto`, the default, the null count of a Parquet file comes from its footer, which its writer could have
/// made up: the verdict then says `basis: footer`. On proposals, and with `never`, every column is decoded instead.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MissingValues {
    /// The columns to look at; all without it.
    columns: Option<Vec<String>>,
    /// The largest share of a column's rows that may be missing.
    #[serde(default = "default_max_percent")]
    max_percent: Percent,
    /// Further spellings of missing in columns of text.
    #[serde(default)]
    also: Vec<String>,
}

fn default_max_percent() -> Percent {
    Percent::of(5.0)
}

impl Check for MissingValues {
    const ID: &'static str = "missing_values";
    type Needs = (Typed<u64>, Vec<(Given<String>, Typed<u64>)>);

    fn validate(&self) -> Result<(), String> {
        some_columns(self.columns.as_deref())
    }

    fn limits(&self) -> Vec<LimitSetting> {
        vec![LimitSetting::max_percent("max_percent", self.max_percent)]
    }

    fn subject(&self, _: Named) -> Option<String> {
        match self.columns.as_deref() {
            Some([one]) => Some(one.clone()),
            _ => None,
        }
    }

    fn needs(&self, tables: &Tables) -> Result<Self::Needs, Problem> {
        let table = tables.here()?;
        let count = |column: AskedColumn| {
            let also = if *column.kind() == Kind::Text { self.also.as_slice() } else { &[] };
            (Given(column.name().to_owned()), column.null_count(also))
        };
        Ok((table.row_count(), table.columns(self.columns.as_deref())?.into_iter().map(count).collect()))
    }

    fn judge(&self, (rows, mut missing): (u64, Vec<(String, u64)>)) -> Result<Finding, Problem> {
        missing.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        let limit = self.max_percent;
        let over: Vec<_> = missing.iter().filter(|(_, count)| limit.is_exceeded_by(*count, rows)).collect();
        let worst = missing.first();
        let message = match (over.as_slice(), worst) {
            ([], Some((name, count))) if *count > 0 => format!(
                "{} is missing in {} of rows, the most of any column; {} allowed",
                code(name),
                percent(share(*count, rows), &[limit.0, 0.0]),
                percent(limit.0, &[])
            ),
            ([], _) => "no value is missing".to_owned(),
            ([(name, count), others @ ..], _) => format!(
                "{} is missing in {} of rows, at most {} allowed{}",
                code(name),
                percent(share(*count, rows), &[limit.0]),
                percent(limit.0, &[]),
                and_others(others.iter().map(|(name, _)| name.as_str()))
            ),
        };
        let mut finding = Finding::new(over.is_empty(), message).held(
            worst.map_or(0.0, |(_, count)| share(*count, rows)),
            Limit::max(limit.0),
            Unit::Percent,
        );
        for (name, count) in &missing {
            finding = finding.value(name, share(*count, rows));
        }
        Ok(finding)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::verdict::Outcome;

    fn check(settings: &str, rows: u64, missing: &[(&str, u64)]) -> Finding {
        let check: MissingValues = serde_yaml::from_str(settings).unwrap();
        check.judge((rows, missing.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect())).unwrap()
    }

    #[test]
    fn the_limit_is_inclusive_and_holds_for_each_column() {
        assert_eq!(check("{}", 100, &[("a", 5), ("b", 5)]).outcome, Outcome::Pass);
        let finding = check("{}", 400, &[("a", 20), ("b", 29), ("c", 21)]);
        assert_eq!(finding.outcome, Outcome::Fail);
        assert_eq!(finding.message, "`b` is missing in 7.25 % of rows, at most 5 % allowed (and `c` too)");
        assert_eq!(finding.shown(&[]).unwrap().observed, 7.25);
        assert_eq!(serde_json::to_string(&finding.values).unwrap(), r#"{"b":7.25,"c":5.25,"a":5.0}"#);
    }

    #[test]
    fn nothing_missing_is_said_plainly() {
        assert_eq!(check("{max_percent: 0}", 10, &[("a", 0)]).message, "no value is missing");
    }
}
