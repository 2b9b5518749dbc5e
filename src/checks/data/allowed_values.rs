//! `allowed_values`: a column holds what it may.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::checks::check::{Check, Looser, Named, Tables};
use crate::support::limit::range::LimitSetting;
use crate::support::limit::{Percent, Plain, share};
use crate::support::problem::Problem;
use crate::data::statistic::{Breaches, Typed};
use crate::data::table::Kind;
use crate::report::verdict::{Finding, Limit, Unit};
use crate::support::words::{code, first_row, percent, rows};

/// At most `max_percent_other` of the rows hold a value of `column` that is none of `values`.
///
/// A new spelling of a category is a new category to the encoder: zero in every column it knows.
///
/// ```yaml
/// - allowed_values: { column: sex, values: [male, female] }
/// ```
///
/// Missing values are not judged. Numbers are compared as numbers, so `1` allows 1.0: decimals exactly, floats in the
/// column's own precision, so that `0.1` allows the 32-bit float that was stored for 0.1.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AllowedValues {
    /// The column to look at.
    column: String,
    /// The values it may hold.
    values: Vec<Plain>,
    /// The largest share of rows that may hold another value.
    #[serde(default = "default_max_percent_other")]
    max_percent_other: Percent,
}

fn default_max_percent_other() -> Percent {
    Percent::of(0.0)
}

impl Check for AllowedValues {
    const ID: &'static str = "allowed_values";
    const LOOSER: &'static [(&'static str, Looser)] = &[("values", Looser::More)];
    type Needs = (Typed<u64>, Typed<Breaches>);

    fn validate(&self) -> Result<(), String> {
        if self.values.is_empty() { Err("`values` is empty".into()) } else { Ok(()) }
    }

    fn limits(&self) -> Vec<LimitSetting> {
        vec![LimitSetting::max_percent("max_percent_other", self.max_percent_other)]
    }

    fn subject(&self, _: Named) -> Option<String> {
        Some(self.column.clone())
    }

    fn needs(&self, tables: &Tables) -> Result<Self::Needs, Problem> {
        let table = tables.here()?;
        let column = table.column(&self.column)?;
        let fits = |value: &str| match column.kind() {
            Kind::Integer | Kind::Float | Kind::Number => value.parse::<f64>().is_ok(),
            Kind::Boolean => matches!(value, "true" | "false"),
            Kind::Date | Kind::Datetime => crate::support::limit::instant(value).is_some(),
            Kind::Text => true,
            Kind::Other(_) | Kind::Null | Kind::Unreadable(_) => false,
        };
        if !column.kind().is_scalar() {
            return Err(column.unfit("text, numbers, booleans or dates"));
        }
        if let Some(Plain(value)) = self.values.iter().find(|Plain(value)| !fits(value)) {
            return Err(Problem::new(format!(
                "{} holds {}, and the allowed value {} is none",
                code(&self.column),
                column.kind(),
                code(value)
            )));
        }
        let allowed = self.values.iter().map(|Plain(value)| value.clone()).collect();
        Ok((table.row_count(), column.others(allowed)))
    }

    fn judge(&self, (total, others): (u64, Breaches)) -> Result<Finding, Problem> {
        let limit = self.max_percent_other;
        let found = share(others.count, total);
        let message = if others.count == 0 {
            format!("every value of {} is one of the {} allowed", code(&self.column), self.values.len())
        } else {
            format!(
                "{} of {} ({}) {} a value that is not allowed",
                rows(others.count),
                code(&self.column),
                percent(found, &[limit.0, 0.0]),
                if others.count == 1 { "holds" } else { "hold" }
            )
        };
        Ok(Finding::new(!limit.is_exceeded_by(others.count, total), message + &first_row(others.first_row))
            .held(found, Limit::max(limit.0), Unit::Percent)
            .breaches(others))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::verdict::Outcome;

    #[test]
    fn another_value_fails_and_a_tolerance_counts() {
        let judge = |settings: &str, count| {
            let check: AllowedValues = serde_yaml::from_str(settings).unwrap();
            check.judge((10, Breaches { count, ..Breaches::default() })).unwrap().outcome
        };
        assert_eq!(judge("{column: a, values: [x]}", 0), Outcome::Pass);
        assert_eq!(judge("{column: a, values: [x]}", 1), Outcome::Fail);
        assert_eq!(judge("{column: a, values: [x], max_percent_other: 10}", 1), Outcome::Pass);
    }
}
