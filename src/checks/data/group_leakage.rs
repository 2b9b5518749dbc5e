//! `group_leakage`: no entity stands on both sides of the split.

use schemars::JsonSchema;
use serde::Deserialize;

use super::train_test_overlap::{both, finding};
use crate::checks::check::{Check, Named, Part, Tables};
use crate::support::limit::range::LimitSetting;
use crate::support::limit::Percent;
use crate::support::problem::Problem;
use crate::data::statistic::{Breaches, Missing, Typed};
use crate::data::table::Role;
use crate::report::verdict::Finding;
use crate::support::words::code;

/// At most `max_percent` of the test rows belong to an entity that the training table has rows of.
///
/// Rows of one customer, patient or machine resemble each other. A model that has seen the customer
/// answers from memory, and the metric says how well it remembers, not how well it foretells.
///
/// ```yaml
/// - group_leakage: { column: customer_id }
/// ```
///
/// A row without an entity belongs to none.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GroupLeakage {
    /// The column that tells entities apart.
    column: String,
    /// The largest share of test rows whose entity may occur in training.
    #[serde(default = "default_max_percent")]
    max_percent: Percent,
}

fn default_max_percent() -> Percent {
    Percent::of(0.0)
}

impl Check for GroupLeakage {
    const ID: &'static str = "group_leakage";
    const PARTS: &'static [Part] = &[Part::Test];
    type Needs = (Typed<u64>, Typed<Breaches>, (Typed<u64>, Typed<u64>, Typed<u64>));

    fn limits(&self) -> Vec<LimitSetting> {
        vec![LimitSetting::max_percent("max_percent", self.max_percent)]
    }

    fn subject(&self, _: Named) -> Option<String> {
        Some(self.column.clone())
    }

    fn needs(&self, tables: &Tables) -> Result<Self::Needs, Problem> {
        let [test, training] = both(tables)?;
        let (column, known) = (test.column(&self.column)?, training.column(&self.column)?);
        let missing = (column.null_count(&[]), training.row_count(), known.null_count(&[]));
        Ok((test.row_count(), test.occurring(&[column], Role::Training, Missing::NoKey), missing))
    }

    fn judge(&self, measured: (u64, Breaches, (u64, u64, u64))) -> Result<Finding, Problem> {
        let (total, found, (missing, learned, missing_there)) = measured;
        // A join that found nothing is no proof that nothing leaks.
        for (table, rows, missing) in [("test", total, missing), ("training", learned, missing_there)] {
            if rows == missing {
                let name = code(&self.column);
                return Err(Problem::new(format!("{name} is missing in every row of the {table} table")));
            }
        }
        let none = "no entity has rows in both tables";
        Ok(finding(self.max_percent, total, found, none, |count| {
            if count == 1 { "belongs to an entity of the training table" } else { "belong to entities of the training table" }
        }))
    }
}
