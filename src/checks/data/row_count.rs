//! `row_count`: the table has as many rows as it should.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::checks::check::{Check, Tables};
use crate::support::decimal::Decimal;
use crate::support::limit::range::{LimitSetting, ValueRange};
use crate::support::limit::{Finite, share};
use crate::support::problem::Problem;
use crate::data::statistic::Typed;
use crate::data::table::Role;
use crate::report::verdict::{Finding, Held, Limit, Unit};
use crate::support::words::{count, percent, rows};

/// The table has at least `min` and at most `max` rows, and not many more or fewer than the reference.
///
/// A broken export is most often a short one. A model trained on a tenth of the data trains
/// without complaint, so the number of rows is the first thing to hold.
///
/// ```yaml
/// - row_count: { min: 500, max: 1000000 }
/// ```
///
/// `max_change_percent` compares with the reference table (`data.reference`), in percent of the
/// reference's rows, in either direction.
///
/// With `trust-footers: auto`, the default, the row count of a Parquet file comes from its footer, which its writer could have
/// made up: the verdict then says `basis: footer`. On proposals, and with `never`, every column is decoded instead.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RowCount {
    /// The fewest rows allowed.
    min: Option<u64>,
    /// The most rows allowed.
    max: Option<u64>,
    /// How far the number of rows may lie from the reference's, in percent of it.
    max_change_percent: Option<Finite>,
}

impl Check for RowCount {
    const ID: &'static str = "row_count";
    type Needs = (Typed<u64>, Option<Typed<u64>>);

    fn validate(&self) -> Result<(), String> {
        match (self.min, self.max, self.max_change_percent) {
            (None, None, None) => Err("no limit: set `min`, `max` or `max_change_percent`".into()),
            (Some(min), Some(max), _) if min > max => Err(format!("min {min} is above max {max}")),
            _ => Ok(()),
        }
    }

    fn limits(&self) -> Vec<LimitSetting> {
        let range = ValueRange::NON_NEGATIVE;
        let min = self.min.map(|min| LimitSetting::min("min", min as f64, range, "a number of rows"));
        let max = self.max.map(|max| LimitSetting::max("max", max as f64, range, "a number of rows"));
        let change = self.max_change_percent;
        let change = change.map(|change| LimitSetting::max("max_change_percent", change.0, range, "a change"));
        [min, max, change].into_iter().flatten().collect()
    }

    fn needs(&self, tables: &Tables) -> Result<Self::Needs, Problem> {
        let reference = self.max_change_percent.map(|_| tables.table(Role::Reference)).transpose()?;
        Ok((tables.here()?.row_count(), reference.map(crate::checks::check::Asked::row_count)))
    }

    fn judge(&self, (found, reference): (u64, Option<u64>)) -> Result<Finding, Problem> {
        // Each limit with what is said of it.
        let mut limits: Vec<(Held, String)> = Vec::new();
        let rows_held = |setting, limit, breached| Held {
            setting,
            observed: found as f64,
            limit,
            unit: Some(Unit::Rows),
            breached,
        };
        if let Some(min) = self.min {
            let held = rows_held("min", Limit::min(min as f64), found < min);
            limits.push((held, format!("at least {} needed", count(min))));
        }
        if let Some(max) = self.max {
            let held = rows_held("max", Limit::max(max as f64), found > max);
            limits.push((held, format!("at most {} allowed", count(max))));
        }
        if let (Some(Finite(limit)), Some(before)) = (self.max_change_percent, reference) {
            if before == 0 {
                return Err(Problem::new("the reference table is empty, so a change has no percent"));
            }
            let change = found.abs_diff(before);
            let held = Held {
                setting: "max_change_percent",
                observed: share(change, before),
                limit: Limit::max(limit),
                unit: Some(Unit::Percent),
                breached: Decimal::of(limit).is_none_or(|limit| limit.compare_share(change, before).is_gt()),
            };
            let said = format!(
                "{} {} than the reference's {}, {} allowed",
                percent(held.observed, &[limit]),
                if found < before { "fewer" } else { "more" },
                count(before),
                percent(limit, &[])
            );
            limits.push((held, said));
        }
        let passed = limits.iter().all(|(held, _)| !held.breached);
        let said = limits.iter().filter(|(held, _)| passed || held.breached).map(|(_, said)| said.as_str());
        let message = format!("{}, {}", rows(found), said.collect::<Vec<_>>().join(", "));
        let mut finding = Finding::new(passed, message).value("rows", found);
        if let Some(before) = reference {
            finding = finding.value("reference_rows", before);
        }
        for (held, _) in &limits {
            if held.unit == Some(Unit::Percent) {
                finding = finding.value("change_percent", held.observed);
            }
        }
        finding.limits = limits.into_iter().map(|(held, _)| held).collect();
        Ok(finding)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::verdict::Outcome;

    fn check(settings: &str, found: u64, reference: Option<u64>) -> (Outcome, f64, String) {
        let check: RowCount = serde_yaml::from_str(settings).unwrap();
        let finding = check.judge((found, reference)).unwrap();
        (finding.outcome, finding.shown(&[]).unwrap().observed, finding.message)
    }

    #[test]
    fn limits_are_inclusive() {
        assert_eq!(check("{min: 10}", 10, None).0, Outcome::Pass);
        assert_eq!(check("{min: 10}", 9, None), (Outcome::Fail, 9.0, "9 rows, at least 10 needed".into()));
        assert_eq!(check("{max: 10}", 11, None), (Outcome::Fail, 11.0, "11 rows, at most 10 allowed".into()));
        assert_eq!(check("{max_change_percent: 10}", 90, Some(100)).0, Outcome::Pass);
    }

    #[test]
    fn a_change_is_of_the_reference_in_either_direction() {
        let (outcome, observed, message) = check("{max_change_percent: 10}", 89, Some(100));
        assert_eq!((outcome, observed), (Outcome::Fail, 11.0));
        assert_eq!(message, "89 rows, 11 % fewer than the reference's 100, 10 % allowed");
        assert_eq!(check("{max_change_percent: 10}", 111, Some(100)).0, Outcome::Fail);
    }

    #[test]
    fn an_empty_reference_is_no_measure() {
        let check: RowCount = serde_yaml::from_str("{max_change_percent: 10}").unwrap();
        assert!(check.judge((5, Some(0))).is_err());
    }
}
