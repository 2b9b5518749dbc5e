//! What a behaviour test changes before it asks again.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};

use super::batch::Cells;
use crate::support::limit::{Finite, Total};
use crate::support::problem::Problem;
use crate::support::words::code;

/// How columns are changed.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Change {
    /// Rows exchange their values, all columns of the entry together; seeded.
    #[default]
    Shuffle,
    /// Nothing: the model is asked twice.
    None,
    Set(Scalar),
    Add(Total),
    Multiply(Total),
    /// Each of these in turn.
    Values(Vec<Scalar>),
}

/// A value of a column as a config writes it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scalar {
    Missing,
    Boolean(bool),
    Number(Total),
    Text(String),
}

/// `change` as it is written.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Written {
    /// Rows exchange their values.
    Shuffle,
    /// The model is asked twice.
    None,
    /// One value for every row.
    Set(#[schemars(with = "Option<Plain>")] serde_yaml::Value),
    /// So much more.
    Add(Finite),
    /// So many times as much.
    Multiply(Finite),
    /// Each of these in turn.
    Values(#[schemars(with = "Vec<Option<Plain>>")] Vec<serde_yaml::Value>),
}

/// A number, a text or a boolean, for the schema.
#[derive(JsonSchema)]
#[schemars(untagged, rename = "AnyScalar")]
#[expect(dead_code, reason = "only its schema is used")]
enum Plain {
    Number(f64),
    Text(String),
    Boolean(bool),
}

impl Change {
    /// Reads `shuffle`, `none`, or a map of one change and its value.
    ///
    /// # Errors
    /// Another word, another value.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error;
        let written: Written = serde_yaml::with::singleton_map::deserialize(deserializer)?;
        let scalar = |value: serde_yaml::Value| Scalar::of(&value).map_err(D::Error::custom);
        Ok(match written {
            Written::Shuffle => Self::Shuffle,
            Written::None => Self::None,
            Written::Set(value) => Self::Set(scalar(value)?),
            Written::Add(Finite(by)) => Self::Add(Total(by)),
            Written::Multiply(Finite(by)) => Self::Multiply(Total(by)),
            Written::Values(values) if values.is_empty() => return Err(D::Error::custom("`values` is empty")),
            Written::Values(values) => Self::Values(values.into_iter().map(scalar).collect::<Result<_, _>>()?),
        })
    }

    /// How it is said of columns: `set to 5`.
    pub fn said(&self) -> String {
        match self {
            Self::Shuffle => "exchanged between rows".into(),
            Self::None => "left alone".into(),
            Self::Set(value) => format!("set to {}", value.shown()),
            Self::Add(by) if by.0 < 0.0 => format!("lowered by {}", -by.0),
            Self::Add(by) => format!("raised by {}", by.0),
            Self::Multiply(by) => format!("multiplied by {}", by.0),
            Self::Values(values) => {
                let shown: Vec<String> = values.iter().map(Scalar::shown).collect();
                format!("set to {} in turn", shown.join(", "))
            }
        }
    }

    /// The changed column, once for each time the model is asked; `pool` are the column's values of all rows in another
    /// order, from this batch's first row on.
    ///
    /// # Errors
    /// The change makes no sense of this type.
    pub fn apply(&self, name: &str, cells: &Cells, pool: Option<&Cells>) -> Result<Vec<Cells>, Problem> {
        match self {
            Self::None => Ok(vec![cells.clone()]),
            Self::Shuffle => {
                pool.cloned().map(|pool| vec![pool]).ok_or_else(|| Problem::new("there is nothing to shuffle"))
            }
            Self::Set(value) => Ok(vec![value.fill(name, cells)?]),
            Self::Values(values) => values.iter().map(|value| value.fill(name, cells)).collect(),
            Self::Add(by) => Ok(vec![calculated(name, cells, |value| value + by.0, "add to")?]),
            Self::Multiply(by) => Ok(vec![calculated(name, cells, |value| value * by.0, "multiply")?]),
        }
    }
}

impl Scalar {
    fn of(value: &serde_yaml::Value) -> Result<Self, String> {
        match value {
            serde_yaml::Value::Null => Ok(Self::Missing),
            serde_yaml::Value::Bool(value) => Ok(Self::Boolean(*value)),
            serde_yaml::Value::String(text) => Ok(Self::Text(text.clone())),
            serde_yaml::Value::Number(number) => match number.as_f64() {
                Some(number) if number.is_finite() => Ok(Self::Number(Total(number))),
                _ => Err("expected a finite number, a text, true or false, or null".into()),
            },
            _ => Err("expected a number, a text, true or false, or null".into()),
        }
    }

    pub fn shown(&self) -> String {
        match self {
            Self::Missing => "missing".into(),
            Self::Boolean(value) => value.to_string(),
            Self::Number(value) => value.0.to_string(),
            Self::Text(text) => code(text),
        }
    }

    /// A column of this value, of the type that was there.
    fn fill(&self, name: &str, cells: &Cells) -> Result<Cells, Problem> {
        let rows = cells.len();
        let whole = |value: f64| value.fract() == 0.0 && value.abs() < 9.0e15;
        Ok(match (self, cells) {
            (Self::Missing, Cells::Float(_)) => Cells::Float(vec![f64::NAN; rows]),
            (Self::Missing, Cells::Integer(_)) => Cells::Integer(vec![None; rows]),
            (Self::Missing, Cells::Text(_)) => Cells::Text(vec![None; rows]),
            (Self::Missing, Cells::Boolean(_)) => Cells::Boolean(vec![None; rows]),
            (Self::Boolean(value), Cells::Boolean(_)) => Cells::Boolean(vec![Some(*value); rows]),
            (Self::Text(text), Cells::Text(_)) => Cells::Text(vec![Some(text.clone()); rows]),
            (Self::Number(value), Cells::Integer(_)) if whole(value.0) => {
                Cells::Integer(vec![Some(value.0 as i64); rows])
            }
            (Self::Number(value), Cells::Float(_) | Cells::Integer(_)) => Cells::Float(vec![value.0; rows]),
            (Self::Number(value), Cells::Boolean(_)) if [0.0, 1.0].contains(&value.0) => {
                Cells::Boolean(vec![Some(value.0 == 1.0); rows])
            }
            _ => {
                let said = format!("{} holds {}, and {} is none", code(name), cells.kind(), self.shown());
                return Err(Problem::new(said));
            }
        })
    }
}

/// Whole numbers stay whole where they can; missing stays missing.
fn calculated(name: &str, cells: &Cells, new: impl Fn(f64) -> f64, verb: &str) -> Result<Cells, Problem> {
    match cells {
        Cells::Float(values) => Ok(Cells::Float(values.iter().map(|value| new(*value)).collect())),
        Cells::Integer(values) => {
            let computed: Vec<Option<f64>> = values.iter().map(|value| value.map(|value| new(value as f64))).collect();
            let is_whole = computed.iter().flatten().all(|value| value.fract() == 0.0 && value.abs() < 9.0e15);
            Ok(if is_whole {
                Cells::Integer(computed.into_iter().map(|value| value.map(|value| value as i64)).collect())
            } else {
                Cells::Float(computed.into_iter().map(|value| value.unwrap_or(f64::NAN)).collect())
            })
        }
        other => Err(Problem::new(format!("{} holds {}: there is nothing to {verb}", code(name), other.kind()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    struct Holder {
        #[serde(deserialize_with = "Change::deserialize")]
        change: Change,
    }

    fn read(text: &str) -> Result<Change, String> {
        let value: serde_yaml::Value = serde_yaml::from_str(text).unwrap();
        serde_yaml::from_value::<Holder>(value).map(|holder| holder.change).map_err(|error| error.to_string())
    }

    #[test]
    fn changes_as_they_are_written() {
        assert_eq!(read("change: shuffle"), Ok(Change::Shuffle));
        assert_eq!(read("change: none"), Ok(Change::None));
        assert_eq!(read("change: { set: female }"), Ok(Change::Set(Scalar::Text("female".into()))));
        assert_eq!(read("change: { set: null }"), Ok(Change::Set(Scalar::Missing)));
        assert_eq!(read("change: { add: -2 }"), Ok(Change::Add(Total(-2.0))));
        assert_eq!(read("change: { multiply: 1.5 }"), Ok(Change::Multiply(Total(1.5))));
        let values = Change::Values(vec![Scalar::Number(Total(1.0)), Scalar::Boolean(true)]);
        assert_eq!(read("change: { values: [1, true] }"), Ok(values));
        for wrong in
            ["shufle", "{ add: x }", "{ set: [1] }", "{ values: [] }", "{ add: 1, set: 2 }", "3", "{ add: .nan }"]
        {
            assert!(read(&format!("change: {wrong}")).is_err(), "{wrong}");
        }
    }

    #[test]
    fn whole_numbers_stay_whole_where_they_can_and_missing_stays_missing() {
        let cells = Cells::Integer(vec![Some(2), None]);
        let apply = |change: Change| change.apply("x", &cells, None).map(|mut all| all.remove(0));
        assert_eq!(apply(Change::Add(Total(1.0))), Ok(Cells::Integer(vec![Some(3), None])));
        let Ok(Cells::Float(half)) = apply(Change::Multiply(Total(0.25))) else { panic!() };
        assert!(half[0] == 0.5 && half[1].is_nan());
        assert_eq!(apply(Change::Set(Scalar::Number(Total(7.0)))), Ok(Cells::Integer(vec![Some(7), Some(7)])));
    }

    #[test]
    fn what_makes_no_sense_of_a_type_is_said() {
        let text = Cells::Text(vec![Some("a".into())]);
        let wrong = |change: Change| change.apply("job", &text, None).unwrap_err().message;
        assert_eq!(wrong(Change::Add(Total(1.0))), "`job` holds text: there is nothing to add to");
        assert_eq!(wrong(Change::Set(Scalar::Number(Total(1.0)))), "`job` holds text, and 1 is none");
    }
}
