//! `directional`: what should raise a prediction does, or at least does not lower it.

use schemars::JsonSchema;
use serde::Deserialize;

use super::invariance::{default_percent, default_tolerance};
use crate::checks::check::{Check, Looser, Part, Tables};
use crate::support::limit::range::LimitSetting;
use crate::support::limit::{Finite, Percent, Total};
use crate::data::change::{Change, Written};
use crate::checks::check::behavior;
use crate::data::behavior::BehaviorResult;
use crate::data::probe::{Expect, Probe};
use crate::support::problem::Problem;
use crate::data::statistic::{Given, Typed};
use crate::report::verdict::{Finding, Outcome};
use crate::support::words::code;

/// The prediction never moves the wrong way when a column changes, and moves in at least one row.
///
/// Some things are known before any data: a larger loan is not safer, an older house not newer. A model that
/// contradicts them somewhere will be asked to explain itself there. What moves is the score of the positive class
/// (`model.predictions.positive`), or the predicted number.
///
/// ```yaml
/// - directional: { column: credit_amount, change: { multiply: 1.5 }, expect: decrease }
/// - directional: { column: duration, change: { add: 12 }, expect: decrease, min_percent: 99 }
/// ```
///
/// A move the wrong way counts when it is more than `tolerance`; beyond 1 the tolerance is relative. A model in which
/// nothing moves at all fails: it does not look at the column.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Directional {
    /// The column that is changed.
    column: String,
    /// How it is changed: `{ add: x }`, `{ multiply: x }`, `{ set: v }` or `{ values: [a, b] }`.
    #[serde(deserialize_with = "Change::deserialize")]
    #[schemars(with = "Written")]
    change: Change,
    /// Which way the prediction may move.
    expect: Expect,
    /// How far it may move the other way.
    #[serde(default = "default_tolerance")]
    tolerance: Finite,
    /// Percent of the rows that must not move the wrong way.
    #[serde(default = "default_percent")]
    min_percent: Percent,
}

impl Check for Directional {
    const ID: &'static str = "directional";
    const PARTS: &'static [Part] = &[Part::Model, Part::Rows];
    const LOOSER: &'static [(&'static str, Looser)] = &[("tolerance", Looser::Higher)];
    type Needs = (Given<bool>, Typed<BehaviorResult>);

    fn validate(&self) -> Result<(), String> {
        if self.tolerance.0 < 0.0 {
            return Err(format!("tolerance {} is below 0", self.tolerance.0));
        }
        match self.change {
            Change::Shuffle | Change::None => Err("`change` has no direction: add, multiply or set something".into()),
            _ => Ok(()),
        }
    }

    fn limits(&self) -> Vec<LimitSetting> {
        vec![LimitSetting::min_percent("min_percent", self.min_percent)]
    }

    fn subject(&self, _: crate::checks::check::Named) -> Option<String> {
        Some(self.column.clone())
    }

    fn needs(&self, tables: &Tables) -> Result<Self::Needs, Problem> {
        let runs = tables.running()?;
        tables.table(runs.role)?.column(&self.column)?;
        let probe = Probe::Changed {
            columns: vec![self.column.clone()],
            change: self.change.clone(),
            tolerance: Total(self.tolerance.0),
            expect: Some(self.expect),
        };
        Ok((Given(runs.sees.contains(&self.column)), tables.probe(probe)?))
    }

    fn judge(&self, (is_seen, moves): (bool, BehaviorResult)) -> Result<Finding, Problem> {
        let (verb, wrong) = match self.expect {
            Expect::Increase => ("rises", "falls"),
            Expect::Decrease => ("falls", "rises"),
        };
        let what = format!("when {} is {}", code(&self.column), self.change.said());
        if moves.changed == 0 {
            let said = format!("no row is another one {what}, so nothing was tested");
            return Ok(Finding::of(Outcome::Inconclusive, said).value("rows", moves.rows));
        }
        let mut finding =
            behavior::finding(&moves, self.min_percent, &format!("have a prediction that {wrong} {what}"));
        if moves.moved == 0 {
            finding.outcome = Outcome::Fail;
            let why = if is_seen { "" } else { ": the model is not given it" };
            finding.message = format!("no prediction {verb} {what}, and at least one should{why}");
            finding.limits.iter_mut().for_each(|held| (held.observed, held.breached) = (0.0, true));
        }
        Ok(finding)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(settings: &str) -> Directional {
        serde_yaml::from_value(serde_yaml::from_str(settings).unwrap()).unwrap()
    }

    const SETTINGS: &str = "{column: amount, change: {multiply: 2}, expect: decrease}";

    #[test]
    fn a_move_the_wrong_way_fails() {
        let moves = BehaviorResult { rows: 10, changed: 10, moved: 10, broken: 1, largest: 0.5, first: vec![4], ..BehaviorResult::default() };
        let finding = check(SETTINGS).judge((true, moves)).unwrap();
        assert_eq!(finding.outcome, Outcome::Fail);
        assert_eq!(finding.message, "1 of 10 rows (10 %) have a prediction that rises when `amount` is multiplied by 2: row 4");
    }

    #[test]
    fn a_model_that_does_not_look_fails() {
        let finding = check(SETTINGS).judge((false, BehaviorResult { rows: 10, changed: 10, ..BehaviorResult::default() })).unwrap();
        assert_eq!(finding.outcome, Outcome::Fail);
        assert_eq!(
            finding.message,
            "no prediction falls when `amount` is multiplied by 2, and at least one should: the model is not given it"
        );
    }

    #[test]
    fn a_shuffle_has_no_direction() {
        assert!(check("{column: a, change: shuffle, expect: increase}").validate().is_err());
        assert!(check(SETTINGS).validate().is_ok());
    }
}
