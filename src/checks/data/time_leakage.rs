//! `time_leakage`: every test row is later than every training row.

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::Deserialize;

use super::train_test_overlap::both;
use crate::checks::check::{AskedColumn, Check, Named, Part, Tables};
use crate::support::problem::Problem;
use crate::data::statistic::{Given, Typed};
use crate::data::table::Kind;
use crate::report::verdict::{Finding, Limit, Unit};
use crate::support::words::{self, code};

/// Every time in the test table is later than every time in the training table.
///
/// Who learns from the future foretells the past well. A model for tomorrow is tested on days that come after
/// all it has seen.
///
/// ```yaml
/// - time_leakage: { column: event_time }
/// ```
///
/// Dates, datetimes, and text in RFC 3339; times without a zone are UTC. They are told apart to
/// the microsecond. Rows without a time are not judged.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TimeLeakage {
    /// The column that tells when a row was made; `data.timestamp` without it.
    column: Option<String>,
}

impl Check for TimeLeakage {
    const ID: &'static str = "time_leakage";
    const PARTS: &'static [Part] = &[Part::Test];
    type Needs = (Given<String>, Typed<Option<i64>>, Typed<Option<i64>>);

    fn subject(&self, named: Named) -> Option<String> {
        self.column.clone().or_else(|| named.timestamp.map(ToOwned::to_owned))
    }

    fn needs(&self, tables: &Tables) -> Result<Self::Needs, Problem> {
        let [test, training] = both(tables)?;
        let name = self.subject(tables.named).ok_or_else(|| {
            Problem::new("no column of times is named").hint("set `column`, `data.timestamp`, or the input `timestamp-column`")
        })?;
        let time = |column: AskedColumn| match column.kind() {
            Kind::Date | Kind::Datetime | Kind::Text => Ok(()),
            _ => Err(column.unfit("dates, datetimes or text in RFC 3339")),
        };
        let (ours, theirs) = (test.column(&name)?, training.column(&name)?);
        time(ours)?;
        time(theirs)?;
        Ok((Given(name), ours.oldest(), theirs.newest()))
    }

    fn judge(&self, (name, oldest, newest): (String, Option<i64>, Option<i64>)) -> Result<Finding, Problem> {
        let none = |table: &str| Problem::new(format!("{} is missing in every row of the {table} table", code(&name)));
        let oldest = oldest.ok_or_else(|| none("test"))?;
        let newest = newest.ok_or_else(|| none("training"))?;
        let days = (oldest as f64 - newest as f64) / 86_400e6;
        let [first, last] = [oldest, newest].map(shown);
        let message = if oldest > newest {
            format!("the test table begins at {first}, after the training table's last time {last}")
        } else {
            format!("the test table begins at {first}, and the training table goes on until {last}")
        };
        let limit = Limit { exclusive: true, ..Limit::min(0.0) };
        let value = |micros: i64| serde_json::Value::from(shown(micros));
        Ok(Finding::new(oldest > newest, message)
            .held(days, limit, Unit::Days)
            .value("oldest_test", value(oldest))
            .value("newest_training", value(newest)))
    }
}

fn shown(micros: i64) -> String {
    let time: Option<DateTime<Utc>> = DateTime::from_timestamp_micros(micros);
    time.map_or_else(|| words::exact(micros as f64), |time| time.format("%Y-%m-%dT%H:%M:%S%.fZ").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::verdict::Outcome;

    #[test]
    fn the_same_moment_is_not_later() {
        let check: TimeLeakage = serde_yaml::from_str("{column: t}").unwrap();
        let judge = |oldest, newest| check.judge(("t".into(), oldest, newest));
        assert_eq!(judge(Some(2), Some(1)).unwrap().outcome, Outcome::Pass);
        assert_eq!(judge(Some(1), Some(1)).unwrap().outcome, Outcome::Fail);
        assert!(judge(None, Some(1)).is_err() && judge(Some(1), None).is_err());
    }
}
