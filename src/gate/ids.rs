//! Columns that look like an id though `data.id` does not name them: what a comparison over all columns finds without
//! them. An order number makes every row unique, so that no row could repeat, and a check of repeats could not fail.

use std::collections::BTreeSet;
use std::rc::Rc;

use serde_json::json;

use crate::check::{AnyCheck, Judge, Tables};
use crate::engine::ROWS_PER_REPEAT;
use crate::problem::Problem;
use crate::statistic::{Key, Measured, Needs, Typed};
use crate::table::{Kind, Role};
use crate::verdict::{Finding, Outcome};
use crate::words::code;

/// In a table of fewer rows many columns are unique by chance.
const FEWEST_ROWS: u64 = 100;

/// An entry, planned again without the columns that look like an id.
pub struct Without {
    columns: Vec<String>,
    pub keys: Vec<Key>,
    judge: Result<Judge, Problem>,
}

/// Returns what tells whether a column looks like an id, for an entry that compares all columns.
pub fn keys(check: &dyn AnyCheck, tables: &Tables) -> Vec<Key> {
    let mut keys = Vec::new();
    check.compares_all_columns(tables.here).into_iter().for_each(|role| {
        candidates(role, tables).into_iter().for_each(|(_, _, typed)| typed.keys(&mut keys));
    });
    keys
}

/// Columns of integers or text that may be an id, the table's rows, and the question.
fn candidates(role: Role, tables: &Tables) -> Vec<(String, u64, Typed<u64>)> {
    let Ok(table) = tables.table(role) else { return Vec::new() };
    let rows = table.table.rows;
    if rows < FEWEST_ROWS {
        return Vec::new();
    }
    let columns = table.all().into_iter();
    // Decimals, floats and dates are often unique, and are no keys.
    let columns = columns.filter(|column| matches!(column.kind(), Kind::Integer | Kind::Text));
    let is_named = |name: &str| tables.named.ids.iter().any(|id| id == name) || tables.named.target == Some(name);
    columns
        .filter(|column| !is_named(column.name()))
        .map(|column| (column.name().to_owned(), rows, column.value_repeats()))
        .collect()
}

/// Plans the entry again without the columns that look like an id, if there are any and another column is left.
pub fn without(check: &Rc<dyn AnyCheck>, tables: &Tables, measured: &Measured) -> Option<Without> {
    let mut columns = BTreeSet::new();
    for role in check.compares_all_columns(tables.here) {
        for (column, rows, typed) in candidates(role, tables) {
            match typed.receive(measured) {
                Ok(repeats) if repeats <= rows / ROWS_PER_REPEAT => drop(columns.insert(column)),
                Ok(_) => {}
                Err(problem) => return Some(Without { columns: Vec::new(), keys: Vec::new(), judge: Err(problem) }),
            }
        }
    }
    if columns.is_empty() {
        return None;
    }
    let ids: Vec<String> = tables.named.ids.iter().cloned().chain(columns.iter().cloned()).collect();
    let mut again = *tables;
    again.named.ids = &ids;
    // It was planned once: that it cannot be now means that no column is left, and nothing to compare.
    let (keys, judge) = Rc::clone(check).plan(&again).ok()?;
    Some(Without { columns: columns.into_iter().collect(), keys, judge: Ok(judge) })
}

impl Without {
    /// Returns the finding over all columns, turned into a warning where the one without these columns breaches the
    /// limit, and what to do then.
    ///
    /// # Errors
    /// The second finding could not be had.
    pub fn laid_over(self, finding: Finding, measured: &Measured) -> Result<(Finding, Option<String>), Problem> {
        let again = self.judge?(measured)?;
        if finding.outcome != Outcome::Pass || again.outcome == Outcome::Pass {
            return Ok((finding, None));
        }
        let names: Vec<String> = self.columns.iter().map(|name| code(name)).collect();
        let (names, each) = (names.join(", "), if names.len() == 1 { "it" } else { "them" });
        let verb = if self.columns.len() == 1 { "looks like an id" } else { "look like ids" };
        let message = format!("{names} {verb} that `data.id` does not name: without {each}, {}", again.message);
        let hint = format!("name {each} in `data.id`, or name the `columns` to compare");
        let observed = again.limits.first().map(|held| held.observed);
        let rows = again.values.get("rows").cloned().unwrap_or_default();
        let values = json!({ "columns": self.columns, "observed": observed, "rows": rows });
        let mut finding = finding.value("without", values);
        (finding.outcome, finding.message) = (Outcome::Warn, message);
        Ok((finding, Some(hint)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::{Column, TableInfo};

    #[test]
    fn only_integers_and_text_of_large_enough_tables_may_be_ids() {
        let column = |name: &str, kind| Column { name: name.to_owned(), kind, why_text: None, is_padded: false, is_blank: false };
        let kinds = [
            ("order", Kind::Integer),
            ("code", Kind::Text),
            ("price", Kind::Float),
            ("amount", Kind::Number),
            ("day", Kind::Date),
            ("y", Kind::Integer),
            ("named", Kind::Integer),
        ];
        let found = |rows: u64| {
            let columns = kinds.clone().map(|(name, kind)| column(name, kind)).to_vec();
            let info = TableInfo { columns, rows, files: Vec::new() };
            let all = std::iter::once((Role::Training, Ok(info))).collect();
            let ids = ["named".to_owned()];
            let named = crate::check::Named { target: Some("y"), timestamp: None, ids: &ids };
            let model = crate::candidate::Candidate::default();
            let unjudged = crate::check::Unjudged::default();
            let here = Role::Training;
            let tables = Tables { here, named, now: 0, all: &all, model: &model, past: &[], unjudged: &unjudged };
            candidates(Role::Training, &tables).into_iter().map(|(name, ..)| name).collect::<Vec<_>>()
        };
        assert_eq!(found(100), ["order", "code"]);
        assert_eq!(found(99), [""; 0]);
    }
}
