//! `prediction_range`: no prediction lies where none can.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::checks::check::{AskedColumn, Check, Part, Tables};
use crate::support::decimal::Decimal;
use crate::support::limit::{Finite, share};
use crate::support::problem::Problem;
use crate::data::statistic::{Breaches, End, Given, Typed};
use crate::data::table::{Kind, Role};
use crate::report::verdict::{Band, Finding, Limit, Unit};
use crate::support::words::{code, first_row, percent, rows};

/// Every score lies in `min` to `max`; without scores, every prediction that is a number.
///
/// A probability of 1.3 or a price below zero means that something upstream broke, however good the
/// averages are. NaN, a missing value and ±inf are outside, and no share of them is allowed.
///
/// ```yaml
/// - prediction_range: { min: 0, max: 1 }
/// ```
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PredictionRange {
    /// The smallest value allowed.
    min: Option<Finite>,
    /// The largest value allowed.
    max: Option<Finite>,
}

impl Check for PredictionRange {
    const ID: &'static str = "prediction_range";
    const PARTS: &'static [Part] = &[Part::Predictions];
    type Needs = (Typed<u64>, Vec<(Given<String>, Typed<Breaches>, Typed<u64>)>);

    fn validate(&self) -> Result<(), String> {
        Band::new(self.min, self.max).validate()
    }

    fn needs(&self, tables: &Tables) -> Result<Self::Needs, Problem> {
        let (table, names) = (tables.table(Role::Predictions)?, &tables.model.names);
        let scores = table.scores(names)?;
        let columns: Vec<AskedColumn> = if scores.is_empty() {
            let column = table.column(&names.prediction)?;
            match column.kind() {
                Kind::Integer | Kind::Float | Kind::Number => vec![column],
                _ => return Err(column.unfit("scores, or predictions that are numbers")),
            }
        } else {
            scores.iter().map(|(_, name)| table.column(name)).collect::<Result<_, _>>()?
        };
        let end = |end: Option<Finite>| end.and_then(|end| Decimal::of(end.0)).map(End::Number);
        let ask = |column: AskedColumn| {
            (Given(column.name().to_owned()), column.outside(end(self.min), end(self.max)), column.null_count(&[]))
        };
        Ok((table.row_count(), columns.into_iter().map(ask).collect()))
    }

    fn judge(&self, (total, columns): (u64, Vec<(String, Breaches, u64)>)) -> Result<Finding, Problem> {
        let worst = columns.into_iter().max_by_key(|(_, outside, missing)| outside.count + missing);
        let Some((column, outside, missing)) = worst else { return Err(Problem::new("there are no scores")) };
        let bad = outside.count + missing;
        let bounds = Band::new(self.min, self.max).interval();
        let found = share(bad, total);
        let said = if bad == 0 {
            format!("every value of {} lies in {bounds}", code(&column))
        } else {
            let gone = if missing > 0 { format!(", {} of them missing", rows(missing)) } else { String::new() };
            let first = first_row(outside.first_row.filter(|_| missing == 0));
            format!("{} of {} ({}) outside {bounds}, none allowed{gone}{first}", rows(bad), code(&column), percent(found, &[0.0]))
        };
        let mut finding = Finding::new(bad == 0, said).held(found, Limit::max(0.0), Unit::Percent).value("rows", bad);
        finding.examples = outside.examples;
        Ok(finding)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::verdict::Outcome;

    #[test]
    fn nan_is_outside() {
        let check: PredictionRange = serde_yaml::from_str("{min: 0, max: 1}").unwrap();
        let column = |outside: u64, missing: u64| {
            vec![("score".to_owned(), Breaches { count: outside, ..Breaches::default() }, missing)]
        };
        assert_eq!(check.judge((100, column(0, 0))).unwrap().outcome, Outcome::Pass);
        let finding = check.judge((100, column(1, 2))).unwrap();
        assert_eq!(finding.outcome, Outcome::Fail);
        assert_eq!(finding.message, "3 rows of `score` (3 %) outside [0, 1], none allowed, 2 rows of them missing");
    }
}
