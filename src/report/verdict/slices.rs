//! What a verdict measured beside the number it held against its limit, as the renderings show it.

use serde_json::Value;

use super::{Status, Verdict};

/// What slices and groups have, and what it is called.
const MEASURED: [(&str, &str); 4] = [
    ("value", "Value"),
    ("selection_rate", "Predicted positive"),
    ("true_positive_rate", "Rightly positive"),
    ("false_positive_rate", "Wrongly positive"),
];

/// What it is, the number if there is one, and its interval.
pub type Measured = (&'static str, Option<f64>, Option<(f64, f64)>);

/// One slice of a verdict, as the renderings show it.
#[derive(Debug, Clone, PartialEq)]
pub struct Slice<'a> {
    pub name: &'a str,
    pub rows: Option<u64>,
    pub measured: Vec<Measured>,
    pub status: Option<Status>,
    pub why: Option<&'a str>,
}

fn slice_of(slice: &Value) -> Option<Slice<'_>> {
    let measured = MEASURED.iter().filter_map(|(key, title)| {
        let interval = if *key == "value" { "interval".to_owned() } else { format!("{key}_interval") };
        Some((*title, slice.get(*key)?.as_f64(), slice.get(&interval).and_then(ends)))
    });
    Some(Slice {
        name: slice.get("slice")?.as_str()?,
        rows: slice.get("rows").and_then(Value::as_u64),
        measured: measured.collect(),
        status: slice.get("status").and_then(|status| serde_json::from_value(status.clone()).ok()),
        why: slice.get("why").and_then(Value::as_str),
    })
}

/// An end that is not finite is null in JSON.
fn ends(interval: &Value) -> Option<(f64, f64)> {
    let low = interval.get("low")?.as_f64().unwrap_or(f64::NEG_INFINITY);
    Some((low, interval.get("high")?.as_f64().unwrap_or(f64::INFINITY)))
}

impl Verdict {
    /// The interval around what was observed.
    pub fn interval(&self) -> Option<(f64, f64)> {
        ends(self.values.get("interval")?)
    }

    /// A number among what else was measured: `candidate`, `baseline`, `difference`, `p`, `p_adjusted`.
    pub fn number(&self, name: &str) -> Option<f64> {
        self.values.get(name)?.as_f64()
    }

    /// What should be known also where it passes.
    pub fn notes(&self) -> Vec<&str> {
        let notes = self.values.get("notes").and_then(Value::as_array);
        notes.map(|notes| notes.iter().filter_map(Value::as_str).collect()).unwrap_or_default()
    }

    /// How several classes became one number, where they did.
    pub fn average(&self) -> Option<&str> {
        self.values.get("average")?.as_str()
    }

    /// The confidence of each slice's or group's interval.
    pub fn level(&self) -> Option<f64> {
        let all = self.values.get("slices").or_else(|| self.values.get("groups"))?.as_array()?;
        let fields = all.iter().filter_map(Value::as_object).flatten();
        fields
            .filter(|(key, _)| key.ends_with("interval"))
            .find_map(|(_, interval)| interval.get("confidence")?.as_f64())
    }

    /// The columns that make its slices, as a sentence has them.
    pub fn by(&self) -> Option<&str> {
        self.values.get("by")?.as_str()
    }

    /// Its slices or groups, the worst first, each with what was measured of it.
    pub fn slices(&self) -> Vec<Slice<'_>> {
        let all = self.values.get("slices").or_else(|| self.values.get("groups")).and_then(Value::as_array);
        all.map(|all| all.iter().filter_map(slice_of).collect()).unwrap_or_default()
    }
}
