//! `invariance`: what should not matter does not.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::checks::check::{Check, Looser, Part, Tables, some_columns};
use crate::support::limit::range::LimitSetting;
use crate::support::limit::{Finite, Percent, Total};
use crate::data::change::{Change, Written};
use crate::checks::check::behavior;
use crate::data::behavior::BehaviorResult;
use crate::data::probe::Probe;
use crate::support::problem::Problem;
use crate::data::statistic::{Given, Typed};
use crate::report::verdict::{Finding, Outcome};
use crate::support::words::list;

/// The prediction stays where it is when columns change that should not matter.
///
/// A model may learn who entered an application, or the sex of who made it, and look good by every metric: only asking
/// it twice tells. Every row of the test table is predicted as it is and changed, and the predictions are compared:
/// scores where there are some, else numbers or classes.
///
/// ```yaml
/// - invariance: { columns: [sex], change: shuffle }
/// - invariance: { columns: [sex], change: { values: [female, male] } }
/// - invariance: { change: none }
/// ```
///
/// `change` is `shuffle` (rows exchange their values, all columns together, seeded), `{ set: v }`, `{ add: x }`,
/// `{ multiply: x }`, `{ values: [a, b] }` (each in turn), or `none`: the model is asked twice, the
/// second time in another order and in two parts, which neither chance nor rows that depend on each other survive. A prediction has moved when it differs by more than `tolerance`; beyond 1 the
/// tolerance is relative. A column that the model is not given cannot move it, and the verdict says so; one that no
/// change altered in any row is inconclusive.
///
/// The report names the first rows that moved; with `show-values` also what was changed in them and what came of it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Invariance {
    /// The columns that should not matter; none with `change: none`.
    #[serde(default)]
    columns: Vec<String>,
    /// How they are changed.
    #[serde(default, deserialize_with = "Change::deserialize")]
    #[schemars(with = "Written")]
    change: Change,
    /// How far a prediction may move.
    #[serde(default = "default_tolerance")]
    tolerance: Finite,
    /// Percent of the rows whose prediction must stay.
    #[serde(default = "default_percent")]
    min_percent: Percent,
}

/// What 32 bits leave of a number.
pub fn default_tolerance() -> Finite {
    Finite(1e-6)
}

pub fn default_percent() -> Percent {
    Percent::of(100.0)
}

impl Check for Invariance {
    const ID: &'static str = "invariance";
    const PARTS: &'static [Part] = &[Part::Model, Part::Rows];
    const LOOSER: &'static [(&'static str, Looser)] = &[("tolerance", Looser::Higher)];
    type Needs = (Given<Vec<String>>, Typed<BehaviorResult>);

    fn validate(&self) -> Result<(), String> {
        if self.tolerance.0 < 0.0 {
            return Err(format!("tolerance {} is below 0", self.tolerance.0));
        }
        match (&self.change, self.columns.is_empty()) {
            (Change::None, _) => Ok(()),
            (_, false) => some_columns(Some(&self.columns)),
            (_, true) => Err("names no column to change".into()),
        }
    }

    fn limits(&self) -> Vec<LimitSetting> {
        vec![LimitSetting::min_percent("min_percent", self.min_percent)]
    }

    fn subject(&self, _: crate::checks::check::Named) -> Option<String> {
        match self.columns.as_slice() {
            [one] => Some(one.clone()),
            _ => None,
        }
    }

    fn needs(&self, tables: &Tables) -> Result<Self::Needs, Problem> {
        let runs = tables.running()?;
        tables.table(runs.role)?.columns(Some(&self.columns))?;
        let unseen = self.columns.iter().filter(|column| !runs.sees.contains(column)).cloned().collect();
        let probe = Probe::Changed {
            columns: self.columns.clone(),
            change: self.change.clone(),
            tolerance: Total(self.tolerance.0),
            expect: None,
        };
        Ok((Given(unseen), tables.probe(probe)?))
    }

    fn judge(&self, (unseen, moves): (Vec<String>, BehaviorResult)) -> Result<Finding, Problem> {
        let columns = list(self.columns.iter().map(String::as_str));
        let what = match &self.change {
            Change::None => "when the model is asked twice".to_owned(),
            change => format!("when {columns} {} {}", if self.columns.len() == 1 { "is" } else { "are" }, change.said()),
        };
        if moves.changed == 0 {
            let said = format!("no row is another one {what}, so nothing was tested");
            return Ok(Finding::of(Outcome::Inconclusive, said).value("rows", moves.rows));
        }
        let mut finding = behavior::finding(&moves, self.min_percent, &format!("get another prediction {what}"));
        if moves.broken > 0 && moves.largest.is_finite() {
            finding.message = format!("{}; the largest move is {}", finding.message, crate::support::words::number(moves.largest, &[]));
        }
        if !unseen.is_empty() && self.change != Change::None {
            finding = finding.note(&format!("the model is not given {}", list(unseen.iter().map(String::as_str))));
        }
        Ok(finding.value("columns", self.columns.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(settings: &str, moves: BehaviorResult) -> Finding {
        let value: serde_yaml::Value = serde_yaml::from_str(settings).unwrap();
        let check: Invariance = serde_yaml::from_value(value).unwrap();
        check.validate().unwrap();
        check.judge((vec![], moves)).unwrap()
    }

    #[test]
    fn every_row_must_stay_unless_said_otherwise() {
        let moves = BehaviorResult { rows: 400, changed: 300, moved: 5, broken: 5, largest: 0.34, first: vec![3, 7, 9, 12, 40], ..BehaviorResult::default() };
        let finding = judge("{columns: [clerk]}", moves.clone());
        assert_eq!(finding.outcome, Outcome::Fail);
        assert_eq!(
            finding.message,
            "5 of 400 rows (1.25 %) get another prediction when `clerk` is exchanged between rows: rows 3, 7, 9, 12, 40; the \
             largest move is 0.34"
        );
        assert_eq!(finding.shown(&[]).unwrap().observed, 98.75);
        assert_eq!(judge("{columns: [clerk], min_percent: 98.75}", moves.clone()).outcome, Outcome::Pass);
        assert_eq!(judge("{columns: [clerk], min_percent: 98.76}", moves).outcome, Outcome::Fail);
    }

    #[test]
    fn a_change_that_changes_nothing_tests_nothing() {
        let finding = judge("{columns: [sex], change: {set: male}}", BehaviorResult { rows: 5, ..BehaviorResult::default() });
        assert_eq!(finding.outcome, Outcome::Inconclusive);
        assert_eq!(finding.message, "no row is another one when `sex` is set to `male`, so nothing was tested");
    }

    #[test]
    fn something_must_be_changed() {
        let check = |settings: &str| serde_yaml::from_str::<Invariance>(settings).unwrap().validate();
        assert!(check("{columns: []}").is_err());
        assert!(check("{columns: [a], tolerance: -1}").is_err());
        assert!(check("{columns: [], change: none}").is_ok());
    }
}
