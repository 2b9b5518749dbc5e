//! `conflicting_labels`: the same features do not carry different labels.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::checks::check::{Check, Named, Part, Tables};
use crate::support::limit::range::LimitSetting;
use crate::support::limit::{Percent, share};
use crate::support::problem::Problem;
use crate::data::statistic::{Breaches, Given, Typed};
use crate::data::table::Role;
use crate::report::verdict::{Finding, Limit, Unit};
use crate::support::words::{code, first_row, percent, rows};

/// At most `max_percent` of the rows have features that all equal those of a row with another label.
///
/// Two labels for one example are two annotators who disagree, or a feature that was lost. No
/// model can be right on both.
///
/// ```yaml
/// - conflicting_labels: { max_percent: 0.5 }
/// ```
///
/// Features are all columns but the target and those of `data.id`; missing equals missing. Rows whose label is missing
/// conflict with nothing. Where another column of integers or text, in a table of 100 rows or more, has a different value
/// in 99 % of the rows or more, no row has the features of another: the check is then computed without it too, and if
/// that breaches the limit, the check warns and names the column.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConflictingLabels {
    /// The largest share of rows that may conflict.
    #[serde(default = "default_max_percent")]
    max_percent: Percent,
}

fn default_max_percent() -> Percent {
    Percent::of(0.0)
}

impl Check for ConflictingLabels {
    const ID: &'static str = "conflicting_labels";
    const PARTS: &'static [Part] = &[Part::Target];
    type Needs = (Typed<u64>, Given<String>, Typed<Breaches>);

    fn limits(&self) -> Vec<LimitSetting> {
        vec![LimitSetting::max_percent("max_percent", self.max_percent)]
    }

    fn subject(&self, named: Named) -> Option<String> {
        named.target.map(ToOwned::to_owned)
    }

    fn needs(&self, tables: &Tables) -> Result<Self::Needs, Problem> {
        let table = tables.here()?;
        let label = tables.target()?;
        let mut features = tables.row_columns(table, None)?;
        features.retain(|column| column.name() != label.name());
        if features.is_empty() {
            return Err(Problem::new(format!("the table has no column but the target {}", code(label.name()))));
        }
        Ok((table.row_count(), Given(label.name().to_owned()), table.conflicts(&features, label)))
    }

    fn compares_all_columns(&self, here: Role) -> Vec<Role> {
        vec![here]
    }

    fn judge(&self, (total, label, conflicts): (u64, String, Breaches)) -> Result<Finding, Problem> {
        let limit = self.max_percent;
        let found = share(conflicts.count, total);
        let message = if conflicts.count == 0 {
            "rows with equal features have equal labels".to_owned()
        } else {
            format!(
                "{} ({}) {} the features of a row with another {}, {} allowed",
                rows(conflicts.count),
                percent(found, &[limit.0, 0.0]),
                if conflicts.count == 1 { "has" } else { "have" },
                code(&label),
                percent(limit.0, &[])
            )
        };
        Ok(Finding::new(!limit.is_exceeded_by(conflicts.count, total), message + &first_row(conflicts.first_row))
            .held(found, Limit::max(limit.0), Unit::Percent)
            .breaches(conflicts))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::verdict::Outcome;

    #[test]
    fn one_pair_is_enough_by_default() {
        let check: ConflictingLabels = serde_yaml::from_str("{}").unwrap();
        let finding = check.judge((100, "y".into(), Breaches { count: 2, ..Breaches::default() })).unwrap();
        assert_eq!(finding.outcome, Outcome::Fail);
        assert_eq!(finding.message, "2 rows (2 %) have the features of a row with another `y`, 0 % allowed");
    }
}
