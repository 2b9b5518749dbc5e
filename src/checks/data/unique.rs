//! `unique`: a key identifies one row.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::checks::check::{Check, Tables, some_columns};
use crate::support::problem::Problem;
use crate::data::statistic::{Breaches, Given, Typed};
use crate::report::verdict::{Finding, Limit, Unit};
use crate::support::words::{first_row, list, rows};

/// No two rows share the same values of `columns`.
///
/// An id that occurs twice is a join gone wrong or a record counted double. Missing equals missing,
/// so two rows without a key share one.
///
/// ```yaml
/// - unique: { columns: [age, credit_amount, duration] }
///   severity: warn
/// ```
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Unique {
    /// The columns that make up the key.
    columns: Vec<String>,
}

impl Check for Unique {
    const ID: &'static str = "unique";
    type Needs = (Given<Vec<String>>, Typed<Breaches>);

    fn validate(&self) -> Result<(), String> {
        some_columns(Some(&self.columns))
    }

    fn needs(&self, tables: &Tables) -> Result<Self::Needs, Problem> {
        let table = tables.here()?;
        Ok((Given(self.columns.clone()), table.repeats(&table.columns(Some(&self.columns))?)))
    }

    fn judge(&self, (columns, repeats): (Vec<String>, Breaches)) -> Result<Finding, Problem> {
        let key = list(columns.iter().map(String::as_str));
        let message = match repeats.count {
            0 => format!("{key} is unique"),
            1 => format!("1 row repeats an earlier {key}"),
            many => format!("{} repeat an earlier {key}", rows(many)),
        };
        Ok(Finding::new(repeats.count == 0, message + &first_row(repeats.first_row))
            .held(repeats.count as f64, Limit::max(0.0), Unit::Rows)
            .breaches(repeats))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::verdict::Outcome;

    #[test]
    fn one_repeat_is_one_too_many() {
        let check: Unique = serde_yaml::from_str("{columns: [id]}").unwrap();
        let judge = |count| {
            let finding = check.judge((vec!["id".into()], Breaches { count, ..Breaches::default() })).unwrap();
            (finding.outcome, finding.shown(&[]).map(|held| held.observed), finding.message)
        };
        assert_eq!(judge(0), (Outcome::Pass, Some(0.0), "`id` is unique".into()));
        assert_eq!(judge(1), (Outcome::Fail, Some(1.0), "1 row repeats an earlier `id`".into()));
    }
}
