//! Columns that look like an id though `data.id` does not name them: what a comparison over all columns finds without
//! them. An order number makes every row unique, so that no row could repeat, and a check of repeats could not fail.

use std::collections::BTreeSet;
use std::rc::Rc;

use serde_json::json;

use crate::checks::check::{AnyCheck, Judge, Tables};
use crate::data::statistic::{Key, Measured, Needs, Typed};
use crate::data::table::{Kind, Role};
use crate::engine::ROWS_PER_REPEAT;
use crate::report::verdict::{Finding, Outcome};
use crate::support::problem::Problem;
use crate::support::words::code;

/// In a table of fewer rows many columns are unique by chance.
const FEWEST_ROWS: u64 = 100;

/// An entry, planned again without the columns that look like an id.
pub struct Without {
    columns: Vec<String>,
    pub keys: Vec<Key>,
    /// Without all of them, or where that leaves nothing to compare, without each one; none where that does not either.
    again: Result<Vec<Again>, Problem>,
}

struct Again {
    columns: Vec<String>,
    judge: Judge,
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

/// Plans the entry again without the columns that look like an id, if there are any.
pub fn without(check: &Rc<dyn AnyCheck>, tables: &Tables, measured: &Measured) -> Option<Without> {
    let mut columns = BTreeSet::new();
    for role in check.compares_all_columns(tables.here) {
        for (column, rows, typed) in candidates(role, tables) {
            match typed.receive(measured) {
                Ok(repeats) if repeats <= rows / ROWS_PER_REPEAT => drop(columns.insert(column)),
                Ok(_) => {}
                Err(problem) => return Some(Without { columns: Vec::new(), keys: Vec::new(), again: Err(problem) }),
            }
        }
    }
    if columns.is_empty() {
        return None;
    }
    let columns: Vec<String> = columns.into_iter().collect();
    let mut keys = Vec::new();
    let mut again: Vec<Again> = Vec::new();
    let each = columns.iter().map(std::slice::from_ref);
    for dropped in std::iter::once(columns.as_slice()).chain(each) {
        if let Some((wanted, judge)) = plan_without(check, tables, dropped) {
            keys.extend(wanted);
            again.push(Again { columns: dropped.to_vec(), judge });
            if dropped.len() == columns.len() {
                break;
            }
        }
    }
    Some(Without { columns, keys, again: Ok(again) })
}

/// Plans the entry without these columns; none where nothing but the target would be left to compare.
fn plan_without(check: &Rc<dyn AnyCheck>, tables: &Tables, dropped: &[String]) -> Option<(Vec<Key>, Judge)> {
    let ids: Vec<String> = tables.named.ids.iter().chain(dropped).cloned().collect();
    let has_another = |role: Role| {
        let is_another = |name: &str| tables.named.target != Some(name) && !ids.iter().any(|id| id == name);
        tables.table(role).is_ok_and(|table| table.all().iter().any(|column| is_another(column.name())))
    };
    if !check.compares_all_columns(tables.here).into_iter().all(has_another) {
        return None;
    }
    let mut again = *tables;
    again.named.ids = &ids;
    // It was planned once: that it cannot be now means that nothing is left to compare.
    Rc::clone(check).plan(&again).ok()
}

impl Without {
    /// Returns the finding over all columns, turned into a warning where the one without these columns breaches the
    /// limit or cannot be had, and what to do then.
    ///
    /// # Errors
    /// The second finding could not be had.
    pub fn laid_over(self, finding: Finding, measured: &Measured) -> Result<(Finding, Option<String>), Problem> {
        let again = self.again?;
        if finding.outcome != Outcome::Pass {
            return Ok((finding, None));
        }
        let is_nothing_left = again.is_empty();
        for Again { columns, judge } in again {
            let again = judge(measured)?;
            if again.outcome == Outcome::Pass {
                continue;
            }
            let (said, each) = look_like_ids(&columns);
            let message = format!("{said} that `data.id` does not name: without {each}, {}", again.message);
            let observed = again.limits.first().map(|held| held.observed);
            let rows = again.values.get("rows").cloned().unwrap_or_default();
            let values = json!({ "columns": columns, "observed": observed, "rows": rows });
            return Ok(warning(finding, message, values, each));
        }
        if !is_nothing_left {
            return Ok((finding, None));
        }
        let (said, each) = look_like_ids(&self.columns);
        let message = format!("{said} that `data.id` does not name: without {each}, no column is left to compare");
        Ok(warning(finding, message, json!({ "columns": self.columns }), each))
    }
}

/// `a`, `b` look like ids; and the pronoun for them.
fn look_like_ids(columns: &[String]) -> (String, &'static str) {
    let names: Vec<String> = columns.iter().map(|name| code(name)).collect();
    let (verb, each) = if columns.len() == 1 { ("looks like an id", "it") } else { ("look like ids", "them") };
    (format!("{} {verb}", names.join(", ")), each)
}

fn warning(finding: Finding, message: String, without: serde_json::Value, each: &str) -> (Finding, Option<String>) {
    let mut finding = finding.value("without", without);
    (finding.outcome, finding.message) = (Outcome::Warn, message);
    (finding, Some(format!("name {each} in `data.id`, or name the `columns` to compare")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::table::{Column, TableInfo};

    #[test]
    fn only_integers_and_text_of_large_enough_tables_may_be_ids() {
        let column = |name: &str, kind| Column {
            name: name.to_owned(),
            kind,
            why_text: None,
            is_padded: false,
            is_blank: false,
        };
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
            let named = crate::checks::check::Named { target: Some("y"), timestamp: None, ids: &ids };
            let model = crate::data::candidate::Candidate::default();
            let unjudged = crate::checks::check::Unjudged::default();
            let here = Role::Training;
            let tables = Tables { here, named, now: 0, all: &all, model: &model, past: &[], unjudged: &unjudged };
            candidates(Role::Training, &tables).into_iter().map(|(name, ..)| name).collect::<Vec<_>>()
        };
        assert_eq!(found(100), ["order", "code"]);
        assert_eq!(found(99), [""; 0]);
    }
}
