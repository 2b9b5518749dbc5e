//! `expected`: the cases that must be right are.

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
use crate::report::verdict::Finding;

/// The model answers every case of a file as the file says.
///
/// Averages hide the cases that everybody agrees on. A handful of them, kept beside the code, is the least that a model
/// must do; each one that was ever got wrong in production belongs there.
///
/// ```yaml
/// - expected: { cases: tests/cases.csv }
/// ```
///
/// The file is a table of any kind with every feature that the model takes, and a column `expected` with the class or
/// the number (or, without that, a column with the name of the predictions or of the label). Classes must be equal,
/// numbers may differ by `tolerance`; beyond 1 the tolerance is relative.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Expected {
    /// The table of cases.
    cases: String,
    /// How far a number may be from the expected one.
    #[serde(default = "default_tolerance")]
    tolerance: Finite,
}

impl Check for Expected {
    const ID: &'static str = "expected";
    const PARTS: &'static [Part] = &[Part::Model, Part::Rows];
    const LOOSER: &'static [(&'static str, Looser)] = &[("tolerance", Looser::Higher)];
    type Needs = Typed<BehaviorResult>;

    fn validate(&self) -> Result<(), String> {
        if self.tolerance.0 < 0.0 { Err(format!("tolerance {} is below 0", self.tolerance.0)) } else { Ok(()) }
    }

    fn needs(&self, tables: &Tables) -> Result<Self::Needs, Problem> {
        tables.probe(Probe::Cases { path: self.cases.clone(), tolerance: Total(self.tolerance.0) })
    }

    fn judge(&self, moves: BehaviorResult) -> Result<Finding, Problem> {
        let verb = if moves.broken == 1 { "is" } else { "are" };
        let finding = behavior::finding(&moves, default_percent(), &format!("{verb} not answered as expected"));
        let message = finding.message.replace(" row", " case");
        Ok(Finding { message, ..finding })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::verdict::Outcome;

    #[test]
    fn one_wrong_case_is_one_too_many() {
        let check = Expected { cases: "cases.csv".into(), tolerance: default_tolerance() };
        let moves = BehaviorResult { rows: 7, changed: 7, moved: 1, broken: 1, largest: f64::INFINITY, first: vec![2], ..BehaviorResult::default() };
        let finding = check.judge(moves).unwrap();
        assert_eq!(finding.outcome, Outcome::Fail);
        assert_eq!(finding.message, "1 of 7 cases (14.29 %) is not answered as expected: case 2");
        assert_eq!(check.judge(BehaviorResult { rows: 7, ..BehaviorResult::default() }).unwrap().outcome, Outcome::Pass);
    }
}
