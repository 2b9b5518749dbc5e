//! `roundtrip`: the file that ships is the file that was judged.

use schemars::JsonSchema;
use serde::Deserialize;

use super::invariance::{default_percent, default_tolerance};
use crate::checks::check::{Check, Looser, Part, Tables};
use crate::support::limit::{Finite, Total};
use crate::checks::check::behavior;
use crate::data::behavior::BehaviorResult;
use crate::data::probe::Probe;
use crate::support::problem::Problem;
use crate::data::statistic::Typed;
use crate::data::table::Role;
use crate::report::verdict::Finding;
use crate::support::words::number;

/// The stored model predicts again what was recorded when it was evaluated.
///
/// Between evaluation and deployment a model is exported, converted, copied and renamed. If the file in the registry is
/// another one, or its converter lost a column, every number in this report is about something else.
///
/// ```yaml
/// - roundtrip: { tolerance: 0.000001 }
/// ```
///
/// The recorded predictions are the table `model.predictions`. The model's inputs are taken from it where it has them
/// all, else from the test table: rows are found by `model.predictions.key`, without one they are taken in order, and
/// only where both tables have as many rows and agree in every column they share. Scores, classes and numbers are compared,
/// whatever was recorded; classes of another threshold than the model's own are noted. A difference of more than
/// `tolerance` counts, and beyond 1 the tolerance is relative. `model.predictions` must be recorded: what mlgate itself predicted proves nothing.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Roundtrip {
    /// How far a prediction may be from the recorded one.
    #[serde(default = "default_tolerance")]
    tolerance: Finite,
}

impl Check for Roundtrip {
    const ID: &'static str = "roundtrip";
    const PARTS: &'static [Part] = &[Part::Model, Part::Recorded];
    const LOOSER: &'static [(&'static str, Looser)] = &[("tolerance", Looser::Higher)];
    type Needs = Typed<BehaviorResult>;

    fn validate(&self) -> Result<(), String> {
        if self.tolerance.0 < 0.0 { Err(format!("tolerance {} is below 0", self.tolerance.0)) } else { Ok(()) }
    }

    fn needs(&self, tables: &Tables) -> Result<Self::Needs, Problem> {
        tables.table(Role::Predictions)?;
        tables.probe(Probe::Recorded { tolerance: Total(self.tolerance.0) })
    }

    fn judge(&self, moves: BehaviorResult) -> Result<Finding, Problem> {
        let finding = behavior::finding(&moves, default_percent(), "are predicted otherwise than recorded");
        let largest = if moves.largest.is_finite() {
            format!("; the largest difference is {}", number(moves.largest, &[self.tolerance.0]))
        } else {
            String::new()
        };
        let message = format!("{}{largest}", finding.message);
        let note = if moves.has_other_threshold {
            "the recorded classes follow another threshold than the model's own"
        } else {
            ""
        };
        Ok(Finding { message, ..finding }.note(note))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::verdict::Outcome;

    #[test]
    fn one_other_prediction_is_another_model() {
        let check = Roundtrip { tolerance: default_tolerance() };
        let moves = BehaviorResult { rows: 400, moved: 1, broken: 1, largest: 0.25, first: vec![9], ..BehaviorResult::default() };
        let finding = check.judge(moves).unwrap();
        assert_eq!(finding.outcome, Outcome::Fail);
        assert_eq!(
            finding.message,
            "1 of 400 rows (0.25 %) are predicted otherwise than recorded: row 9; the largest difference is 0.25"
        );
    }
}
