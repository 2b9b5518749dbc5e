//! `freshness`: the data is not stale.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::checks::check::{Check, Named, Tables};
use crate::support::limit::range::{LimitSetting, ValueRange};
use crate::support::limit::Finite;
use crate::support::problem::Problem;
use crate::data::statistic::{Given, Typed};
use crate::data::table::Kind;
use crate::report::verdict::{Finding, Limit, Unit};
use crate::support::words::{code, number};

const MINUTE: i64 = 60_000_000;
const DAY: i64 = 24 * 60 * MINUTE;

/// The newest value of `column` is at most `max_age_days` old.
///
/// A pipeline that silently stopped delivering leaves yesterday's table in place, and every other
/// check passes on it.
///
/// ```yaml
/// - freshness: { max_age_days: 36500 }
/// ```
///
/// `column` may be a date, a datetime, or text in RFC 3339; times without a zone are UTC; a column
/// of numbers is an error. A value more than a minute in the future fails (a date may be one day
/// ahead, for time zones' sake). Without `column`, `data.timestamp` counts; without that the
/// file's own time, but not inside a git work tree, where checkout has set it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Freshness {
    /// The column that tells when a row was made.
    column: Option<String>,
    /// How old the newest value may be, in days.
    #[serde(default = "default_max_age_days")]
    max_age_days: Finite,
}

fn default_max_age_days() -> Finite {
    Finite(7.0)
}

/// What the age is taken of.
#[derive(Debug)]
pub struct Source {
    column: Option<String>,
    /// How far ahead of now it may lie, in microseconds.
    ahead: i64,
    now: i64,
}

impl Check for Freshness {
    const ID: &'static str = "freshness";
    type Needs = (Given<Source>, Typed<Option<i64>>);

    fn limits(&self) -> Vec<LimitSetting> {
        vec![LimitSetting::max("max_age_days", self.max_age_days.0, ValueRange::NON_NEGATIVE, "an age")]
    }

    fn subject(&self, named: Named) -> Option<String> {
        self.column.clone().or_else(|| named.timestamp.map(ToOwned::to_owned))
    }

    fn needs(&self, tables: &Tables) -> Result<Self::Needs, Problem> {
        let table = tables.here()?;
        let now = tables.now;
        let Some(name) = self.column.as_deref().or(tables.named.timestamp) else {
            return Ok((Given(Source { column: None, ahead: MINUTE, now }), table.modified()));
        };
        let column = table.column(name)?;
        let ahead = match column.kind() {
            Kind::Date => DAY,
            Kind::Datetime | Kind::Text => MINUTE,
            _ => return Err(column.unfit("dates, datetimes or RFC 3339 text")),
        };
        Ok((Given(Source { column: Some(name.to_owned()), ahead, now }), column.newest()))
    }

    fn judge(&self, (source, newest): (Source, Option<i64>)) -> Result<Finding, Problem> {
        let what = source.column.as_deref().map_or("the file's own time".to_owned(), code);
        let Some(newest) = newest else {
            return Err(Problem::new(format!("{what} is missing in every row, so nothing says how old the data is")));
        };
        let age = (source.now - newest) as f64 / DAY as f64;
        let limit = self.max_age_days.0;
        let when = chrono::DateTime::from_timestamp_micros(newest)
            .map_or_else(|| "?".to_owned(), |time| time.format("%Y-%m-%dT%H:%M:%SZ").to_string());
        let finding = if newest - source.now > source.ahead {
            let message = format!("the newest value of {what} is {when}, {} days in the future", number(-age, &[0.0]));
            Finding::new(false, message).held(age, Limit { min: Some(0.0), ..Limit::max(limit) }, Unit::Days)
        } else {
            let message = format!(
                "the newest value of {what} is {when}, {} days old, {limit} allowed",
                number(age.max(0.0), &[limit])
            );
            Finding::new(age <= limit, message).held(age, Limit::max(limit), Unit::Days)
        };
        Ok(finding.value("newest", when))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::support::limit::instant;
    use crate::report::verdict::Outcome;

    fn check(newest: &str, ahead: i64) -> (Outcome, f64) {
        let check: Freshness = serde_yaml::from_str("{}").unwrap();
        let source = Source { column: None, ahead, now: instant("2026-11-24T12:00:00Z").unwrap() };
        let finding = check.judge((source, instant(newest))).unwrap();
        (finding.outcome, finding.shown(&[]).unwrap().observed)
    }

    #[test]
    fn seven_days_are_fresh_and_a_second_more_is_not() {
        assert_eq!(check("2026-11-17T12:00:00Z", MINUTE), (Outcome::Pass, 7.0));
        assert_eq!(check("2026-11-17T11:59:59Z", MINUTE).0, Outcome::Fail);
    }

    #[test]
    fn the_future_is_a_failure_but_clocks_differ() {
        assert_eq!(check("2026-11-24T12:01:00Z", MINUTE).0, Outcome::Pass);
        assert_eq!(check("2026-11-24T12:01:01Z", MINUTE).0, Outcome::Fail);
        assert_eq!(check("2026-11-25", DAY).0, Outcome::Pass);
        assert_eq!(check("2026-11-26", DAY).0, Outcome::Fail);
    }

    #[test]
    fn a_column_without_values_is_no_measure() {
        let check: Freshness = serde_yaml::from_str("{}").unwrap();
        assert!(check.judge((Source { column: Some("t".into()), ahead: 0, now: 0 }, None)).is_err());
    }
}
