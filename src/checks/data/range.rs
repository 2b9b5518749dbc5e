//! `range`: values lie where they can.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::checks::check::{AskedColumn, Check, Named, Tables};
use crate::support::limit::range::LimitSetting;
use crate::support::limit::{Bound, Percent, share};
use crate::support::problem::Problem;
use crate::data::statistic::{Breaches, End, Typed};
use crate::data::table::Kind;
use crate::report::verdict::{Finding, Limit, Unit};
use crate::support::words::{code, first_row, percent, rows};

/// At most `max_percent_outside` of the rows hold a value of `column` below `min` or above `max`.
///
/// An age of 999 is a missing value in disguise; a price in cents where euros were is a unit that
/// changed. Both limits are inclusive.
///
/// ```yaml
/// - range: { column: age, min: 18, max: 120 }
/// ```
///
/// Works on numbers, dates and datetimes (`min: 2024-01-01`; without a zone, UTC). Missing values
/// are not outside, ±inf is. Limits are compared as they are written: with decimals digit by digit, with a column of
/// 32-bit floats as the nearest 32-bit float, so that `max: 0.1` allows the value that was stored for 0.1.
///
/// With `trust-footers: auto`, the default, a range that holds of a Parquet file comes from its footer, which its writer could have
/// made up: the verdict then says `basis: footer`. On proposals, and with `never`, every column is decoded instead.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Range {
    /// The column to look at.
    column: String,
    /// The smallest value allowed: a number or a date.
    min: Option<Bound>,
    /// The largest value allowed: a number or a date.
    max: Option<Bound>,
    /// The largest share of rows that may lie outside.
    #[serde(default = "default_max_percent_outside")]
    max_percent_outside: Percent,
}

fn default_max_percent_outside() -> Percent {
    Percent::of(0.0)
}

impl Check for Range {
    const ID: &'static str = "range";
    type Needs = (Typed<u64>, Typed<Breaches>);

    fn validate(&self) -> Result<(), String> {
        match (&self.min, &self.max) {
            (None, None) => Err("no limit: set `min` or `max`".into()),
            (Some(Bound::Instant(min, written)), Some(Bound::Instant(max, other))) if min > max => {
                Err(format!("min {written} is after max {other}"))
            }
            (Some(Bound::Number(min)), Some(Bound::Number(max))) if min > max => {
                Err(format!("min {min} is above max {max}"))
            }
            (Some(Bound::Number(_)), Some(Bound::Instant(..))) | (Some(Bound::Instant(..)), Some(Bound::Number(_))) => {
                Err("one limit is a number and the other a date".into())
            }
            _ => Ok(()),
        }
    }

    fn limits(&self) -> Vec<LimitSetting> {
        vec![LimitSetting::max_percent("max_percent_outside", self.max_percent_outside)]
    }

    fn subject(&self, _: Named) -> Option<String> {
        Some(self.column.clone())
    }

    fn needs(&self, tables: &Tables) -> Result<Self::Needs, Problem> {
        let table = tables.here()?;
        let column = table.column(&self.column)?;
        let min = self.min.as_ref().map(|bound| end(column, bound)).transpose()?;
        let max = self.max.as_ref().map(|bound| end(column, bound)).transpose()?;
        Ok((table.row_count(), column.outside(min, max)))
    }

    fn judge(&self, (total, outside): (u64, Breaches)) -> Result<Finding, Problem> {
        let limit = self.max_percent_outside;
        let passed = !limit.is_exceeded_by(outside.count, total);
        let bounds = match (&self.min, &self.max) {
            (Some(min), Some(max)) => format!("[{min}, {max}]"),
            (Some(min), None) => format!("[{min}, ∞)"),
            (None, Some(max)) => format!("(-∞, {max}]"),
            (None, None) => String::new(),
        };
        let found = share(outside.count, total);
        let message = if outside.count == 0 {
            format!("every value of {} lies in {bounds}", code(&self.column))
        } else {
            format!(
                "{} of {} ({}) {} outside {bounds}, {} allowed",
                rows(outside.count),
                code(&self.column),
                percent(found, &[limit.0, 0.0]),
                if outside.count == 1 { "lies" } else { "lie" },
                if limit.0 == 0.0 { "none".into() } else { percent(limit.0, &[]) }
            )
        };
        let mut finding = Finding::new(passed, message + &first_row(outside.first_row)).held(
            found,
            Limit::max(limit.0),
            Unit::Percent,
        );
        for (name, bound) in [("min", &self.min), ("max", &self.max)] {
            match bound {
                Some(Bound::Instant(_, written)) => finding = finding.value(name, written.as_str()),
                Some(Bound::Number(number)) => finding = finding.value(name, number.number()),
                None => {}
            }
        }
        Ok(finding.breaches(outside))
    }
}

/// The bound in the column's own terms.
fn end(column: AskedColumn, bound: &Bound) -> Result<End, Problem> {
    let other = |what: &str| {
        Problem::new(format!("{} holds {}, and the limit {bound} is a {what}", code(column.name()), column.kind()))
    };
    match (column.kind(), bound) {
        (Kind::Integer | Kind::Float | Kind::Number, Bound::Number(number)) => Ok(End::Number(*number)),
        (Kind::Date | Kind::Datetime, Bound::Instant(at, _)) => Ok(End::Instant(*at)),
        (Kind::Integer | Kind::Float | Kind::Number, Bound::Instant(..)) => Err(other("date")),
        (Kind::Date | Kind::Datetime, _) => Err(other("number").hint("write the limit as a date, such as 2026-01-31")),
        _ => Err(column.unfit("numbers or dates")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::verdict::Outcome;

    fn check(settings: &str, total: u64, outside: u64) -> Finding {
        let check: Range = serde_yaml::from_str(settings).unwrap();
        check.judge((total, Breaches { count: outside, ..Breaches::default() })).unwrap()
    }

    #[test]
    fn one_row_outside_is_enough_by_default() {
        assert_eq!(check("{column: age, min: 0, max: 120}", 100, 0).outcome, Outcome::Pass);
        let finding = check("{column: age, min: 0, max: 120}", 100_000, 1);
        assert_eq!(finding.outcome, Outcome::Fail);
        assert_eq!(finding.message, "1 row of `age` (0.001 %) lies outside [0, 120], none allowed");
        assert_eq!(check("{column: age, min: 0, max_percent_outside: 1}", 100, 1).outcome, Outcome::Pass);
    }

    #[test]
    fn limits_must_make_a_range() {
        let wrong = |settings: &str| serde_yaml::from_str::<Range>(settings).unwrap().validate().unwrap_err();
        assert_eq!(wrong("{column: a}"), "no limit: set `min` or `max`");
        assert_eq!(wrong("{column: a, min: 2, max: 1}"), "min 2 is above max 1");
        assert_eq!(wrong("{column: a, min: 2, max: 2026-01-01}"), "one limit is a number and the other a date");
    }
}
