//! The finding of a behavior test: a share of rows that must keep a rule.

use crate::data::behavior::BehaviorResult;
use crate::report::verdict::Finding;
use crate::support::limit::{Limit, Percent, Unit, share};
use crate::support::words::{count, percent, rows};

/// Returns the finding of a check that requires `min_percent` of the rows to keep a rule.
///
/// `rule` ends the sentence that begins with how many rows broke it.
pub fn finding(result: &BehaviorResult, min_percent: Percent, rule: &str) -> Finding {
    let kept = result.rows - result.broken;
    let held = share(kept, result.rows);
    let passed = !min_percent.is_missed_by(kept, result.rows);
    let mut said = if result.broken == 0 {
        format!("{} of {} {rule}", count(0), rows(result.rows))
    } else {
        let least =
            if min_percent.0 < 100.0 { format!(", {} must not", percent(min_percent.0, &[])) } else { String::new() };
        format!(
            "{} of {} ({}) {rule}{least}",
            count(result.broken),
            rows(result.rows),
            percent(share(result.broken, result.rows), &[100.0 - min_percent.0])
        )
    };
    if !result.first.is_empty() {
        let first: Vec<String> = result.first.iter().map(ToString::to_string).collect();
        let more = if result.broken > result.first.len() as u64 { ", …" } else { "" };
        let word = if result.broken == 1 { "row" } else { "rows" };
        said.push_str(&format!(": {word} {}{more}", first.join(", ")));
    }
    let mut finding = Finding::new(passed, said)
        .held(held, Limit::min(min_percent.0), Unit::Percent)
        .value("rows", result.rows)
        .value("changed_rows", result.changed)
        .value("moved_rows", result.moved)
        .value("broken_rows", result.broken)
        .value("first_rows", result.first.clone());
    if result.largest.is_finite() {
        finding = finding.value("largest_move", result.largest);
    }
    finding.examples.clone_from(&result.examples);
    finding
}
