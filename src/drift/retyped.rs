//! Columns whose type is another than in the reference, so that their values cannot be compared.

use serde_json::{Value, json};

use crate::check::{Asked, AskedColumn};
use crate::table::{Column, Kind};
use crate::words::code;

/// A column that the reference has as another type. It counts as drifted.
#[derive(Debug, Clone, PartialEq)]
pub struct Retyped {
    pub name: String,
    reference: String,
    current: String,
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
            let is_compared = is_comparable(&column.kind, &other.kind);
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

/// Whether both are values that can be compared, or one of them is nulls alone, which is a share of missing values.
pub fn is_comparable(current: &Kind, reference: &Kind) -> bool {
    match (current, reference) {
        (Kind::Null, Kind::Null) => false,
        (a, b) => [a, b].into_iter().all(|kind| kind.is_scalar() || *kind == Kind::Null),
    }
}

impl Retyped {
    fn of(current: &Column, reference: &Column) -> Self {
        Self { name: current.name.clone(), reference: reference.kind.to_string(), current: current.kind.to_string() }
    }

    /// `x` is list[i64], and was float in the reference.
    pub fn said(&self) -> String {
        format!("{} is {}, and {} in the reference", code(&self.name), self.current, self.reference)
    }

    /// What report.json says of the column.
    pub fn value(&self) -> Value {
        json!({
            "method": "type", "effect": null, "p": null, "p_adjusted": null, "drifted": true,
            "reference_type": self.reference, "current_type": self.current,
        })
    }
}
