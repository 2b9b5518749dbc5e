//! Predictions beside other predictions of the same rows: how many differ, which, by how much.

use super::answers::{Labels, Predicted};
use crate::data::behavior::BehaviorResult;
use crate::data::probe::Expect;
use crate::support::problem::Problem;

/// Rows that are named.
const NAMED: usize = 10;
/// Values that are shown, where values may be.
const SHOWN: usize = 5;

/// What a row must not do.
#[derive(Debug, Clone, Copy)]
pub enum Rule<'a> {
    /// Move by more than the tolerance.
    Stay,
    /// Move the wrong way by more than the tolerance; levels of the class.
    Direction { expect: Expect, positive: Option<&'a str> },
}

impl BehaviorResult {
    pub fn new(is_seen: bool) -> Self {
        Self { is_seen, ..Self::default() }
    }

    /// Breaks the rule in these rows too, counted from 1.
    pub fn break_rows(&mut self, rows: &[u64], why: &str) {
        self.broken += rows.len() as u64;
        self.moved += rows.len() as u64;
        self.first.extend(rows.iter().take(NAMED));
        self.first.sort_unstable();
        self.first.truncate(NAMED);
        self.examples.extend(rows.iter().take(SHOWN).map(|row| format!("row {row}: {why}")));
        self.examples.truncate(SHOWN);
    }

    /// Rows whose changes the model is not given: it would say the same of them.
    pub fn add_unseen(&mut self, rows: u64) {
        self.rows += rows;
        self.changed += rows;
    }

    /// Compares a batch, whose first row is `first` of the table, with what its changed versions gave.
    ///
    /// # Errors
    /// Predictions that have no direction.
    pub fn add(
        &mut self,
        before: &Predicted,
        after: &[Predicted],
        rule: Rule,
        tolerance: f64,
        first: u64,
        done: &Done,
    ) -> Result<(), Problem> {
        let levels = match rule {
            Rule::Stay => None,
            Rule::Direction { expect, positive } => {
                let after: Vec<Vec<f64>> = after.iter().map(|after| after.level(positive)).collect::<Result<_, _>>()?;
                Some((expect, before.level(positive)?, after))
            }
        };
        for row in 0..before.prediction.len() {
            self.rows += 1;
            let (mut worst, mut moved, mut broken, mut changed) = (0.0_f64, false, None, false);
            for (at, after) in after.iter().enumerate() {
                changed |= (done.is_changed)(row, at);
                let (far, breaks, moves) = match &levels {
                    None => {
                        let far = before.distance(row, after, row);
                        let moves = far > allowed(tolerance, size(before, row));
                        (far, moves, moves)
                    }
                    Some((expect, before, after)) => directed(*expect, before[row], after[at][row], tolerance),
                };
                moved |= moves;
                worst = worst.max(far);
                if breaks {
                    broken.get_or_insert(at);
                }
            }
            self.changed += u64::from(changed);
            self.moved += u64::from(moved);
            self.largest = self.largest.max(worst);
            if let Some(at) = broken {
                self.broken += 1;
                if self.first.len() < NAMED {
                    self.first.push(first + row as u64 + 1);
                }
                if self.examples.len() < SHOWN {
                    self.examples.push(format!("row {}: {}", first + row as u64 + 1, (done.said)(row, at)));
                }
            }
        }
        Ok(())
    }
}

/// What was done to the rows of a batch: of a row and a change, whether anything was, and in words.
pub struct Done<'a> {
    pub is_changed: &'a dyn Fn(usize, usize) -> bool,
    pub said: &'a dyn Fn(usize, usize) -> String,
}

/// Tolerances are absolute up to 1, and relative beyond: 32 bits hold seven digits, not seven decimals.
fn allowed(tolerance: f64, size: f64) -> f64 {
    tolerance * size.abs().max(1.0)
}

/// The size of what is predicted, where it is a number that may be large.
fn size(predicted: &Predicted, row: usize) -> f64 {
    match &predicted.prediction {
        Labels::Number(values) if predicted.scores.is_empty() && values[row].is_finite() => values[row],
        _ => 1.0,
    }
}

/// How far it went, whether that was the wrong way, and whether the right one. A level that is no number is wrong in any
/// case.
fn directed(expect: Expect, before: f64, after: f64, tolerance: f64) -> (f64, bool, bool) {
    let rise = after - before;
    if !rise.is_finite() {
        return (f64::INFINITY, true, false);
    }
    let right = if expect == Expect::Increase { rise } else { -rise };
    let allowed = allowed(tolerance, before);
    (rise.abs(), -right > allowed, right > allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_move_the_right_way_is_one() {
        assert_eq!(directed(Expect::Increase, 1.0, 2.0, 0.0), (1.0, false, true));
        assert_eq!(directed(Expect::Increase, 2.0, 1.0, 0.0), (1.0, true, false));
        assert_eq!(directed(Expect::Decrease, 2.0, 1.0, 0.0), (1.0, false, true));
        assert_eq!(directed(Expect::Decrease, 1.0, 1.5, 1.0), (0.5, false, false));
        assert!(directed(Expect::Increase, 1.0, f64::NAN, 1.0).1);
    }

    #[test]
    fn tolerances_are_relative_beyond_one() {
        assert!((allowed(1e-6, 0.5) - 1e-6).abs() < 1e-18);
        assert!((allowed(1e-6, -2e5) - 0.2).abs() < 1e-9);
    }
}
