//! Columns whose type is another than in the reference, so that their values cannot be compared.

use serde_json::{Value, json};

use super::super::{Asked, AskedColumn};
use crate::data::table::{Column, Kind};
use crate::support::words::code;

/// A column that the reference has as another type. It counts as drifted.
#[derive(Debug, Clone, PartialEq)]
pub struct Retyped {
    pub name: String,
    reference: String,
    current: String,
    /// The current type, and what made it that.
    described: String,
}

/// What is known of an entry's columns before their values are compared.
#[derive(Debug, Default)]
pub struct Context {
    pub notes: Vec<String>,
    pub retyped: Vec<Retyped>,
}

impl Context {
    /// The columns whose values can be compared. One that has no such values is noted as not judged where the
    /// reference has the same type, and as drifted where it has another.
    pub fn comparable<'a>(&mut self, here: Asked<'a>, reference: Asked<'a>) -> Vec<AskedColumn<'a>> {
        let mut compared = here.all();
        compared.retain(|asked| {
            let column = asked.column;
            let Some(other) = reference.table.column(&column.name) else { return true };
            let is_compared = can_be_compared(column, other);
            // A profile knows a type by its name alone.
            if !is_compared && column.kind.to_string() == other.kind.to_string() {
                here.leave_out(column);
            } else if !is_compared {
                self.retyped.push(Retyped::of(column, other));
            }
            is_compared
        });
        compared
    }
}

/// Whether values of both can stand beside each other. Nulls alone, of whatever type, stand beside anything: they are
/// values that are missing.
pub fn can_be_compared(current: &Column, reference: &Column) -> bool {
    let (a, b) = kinds(current, reference);
    match (a, b) {
        (Kind::Null, Kind::Null) => false,
        (Kind::Null, other) | (other, Kind::Null) => other.is_scalar(),
        (a, b) => a.is_scalar() && b.is_scalar() && family(a) == family(b),
    }
}

/// The kind by which two columns are compared that can be.
pub fn common_kind<'a>(current: &'a Column, reference: &'a Column) -> &'a Kind {
    match kinds(current, reference) {
        (Kind::Null, kind) | (kind, _) => kind,
    }
}

/// A file of text says no type of a column without values; where neither side does, both are what they are read as.
fn kinds<'a>(current: &'a Column, reference: &'a Column) -> (&'a Kind, &'a Kind) {
    let kind = |column: &'a Column| if column.is_blank { &Kind::Null } else { &column.kind };
    if current.is_blank && reference.is_blank {
        return (&current.kind, &reference.kind);
    }
    (kind(current), kind(reference))
}

fn family(kind: &Kind) -> Option<u8> {
    match kind {
        Kind::Integer | Kind::Float | Kind::Number => Some(0),
        Kind::Text => Some(1),
        Kind::Boolean => Some(2),
        Kind::Date => Some(3),
        Kind::Datetime => Some(4),
        Kind::Other(_) | Kind::Null | Kind::Unreadable(_) => None,
    }
}

impl Retyped {
    fn of(current: &Column, reference: &Column) -> Self {
        Self {
            name: current.name.clone(),
            reference: reference.kind.to_string(),
            current: current.kind.to_string(),
            described: current.described(),
        }
    }

    /// `x` is list[i64], and was float in the reference.
    pub fn said(&self) -> String {
        format!("{} is {}, and {} in the reference", code(&self.name), self.described, self.reference)
    }

    /// What report.json says of the column.
    pub fn value(&self) -> Value {
        json!({
            "method": "type", "effect": null, "p": null, "p_adjusted": null, "drifted": true,
            "reference_type": self.reference, "current_type": self.current,
        })
    }
}
