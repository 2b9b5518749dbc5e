//! `schema`: the columns that should be there are, with the types they should have.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::json;

use crate::checks::check::{Check, Looser, Tables};
use crate::support::problem::{Problem, nearest};
use crate::data::statistic::{Given, Typed};
use crate::data::table::{Column, Kind};
use crate::report::verdict::Finding;
use crate::support::words::{and_others, code, list};

/// The required columns exist, with the required types, and nothing else does where that is forbidden.
///
/// A renamed column or a number that became text breaks the training code at best; at worst it
/// trains on something else.
///
/// ```yaml
/// - schema: { required: [age, credit_amount] }
/// - schema:
///     required: { age: integer, credit_amount: number, purpose: }
///     extra: allow
/// ```
///
/// Types are `integer`, `float`, `number` (any of integers, floats and decimals), `text` (also
/// categorical), `boolean`, `date` and `datetime`. Any other type of a column is named as itself
/// and matches none. A column without a type in the map may have any.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Schema {
    /// Columns that must exist: a list of names, or a map from name to type.
    required: Option<Required>,
    /// What to do about columns that are not required.
    #[serde(default)]
    extra: Extra,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Extra {
    #[default]
    Allow,
    Forbid,
}

/// Names in written order, some with a type.
#[derive(Debug)]
struct Required(Vec<(String, Option<Type>)>);

/// The types a config can ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Type {
    Integer,
    Float,
    Number,
    Text,
    Boolean,
    Date,
    Datetime,
}

const TYPES: [(&str, Type); 7] = [
    ("integer", Type::Integer),
    ("float", Type::Float),
    ("number", Type::Number),
    ("text", Type::Text),
    ("boolean", Type::Boolean),
    ("date", Type::Date),
    ("datetime", Type::Datetime),
];

impl Type {
    fn word(self) -> &'static str {
        TYPES.iter().find(|(_, of)| *of == self).map_or("", |(word, _)| word)
    }

    fn matches(self, kind: &Kind) -> bool {
        match self {
            Self::Integer => *kind == Kind::Integer,
            Self::Float => *kind == Kind::Float,
            Self::Number => matches!(kind, Kind::Integer | Kind::Float | Kind::Number),
            Self::Text => *kind == Kind::Text,
            Self::Boolean => *kind == Kind::Boolean,
            Self::Date => *kind == Kind::Date,
            Self::Datetime => *kind == Kind::Datetime,
        }
    }
}

impl Check for Schema {
    const ID: &'static str = "schema";
    const LOOSER: &'static [(&'static str, Looser)] = &[("required", Looser::Fewer)];
    // The row count has a table whose footers are not trusted decoded.
    type Needs = (Typed<u64>, Given<Vec<Column>>);

    fn validate(&self) -> Result<(), String> {
        match (&self.required, self.extra) {
            (None, Extra::Allow) => Err("no limit: set `required`, or `extra: forbid`".into()),
            (None, Extra::Forbid) => Err("`extra: forbid` without `required` forbids every column".into()),
            (Some(Required(required)), _) if required.is_empty() => Err("`required` is empty".into()),
            _ => Ok(()),
        }
    }

    fn needs(&self, tables: &Tables) -> Result<Self::Needs, Problem> {
        let table = tables.here()?;
        let columns = table.table.columns.clone();
        Ok((table.row_count(), Given(columns)))
    }

    fn judge(&self, (_, columns): (u64, Vec<Column>)) -> Result<Finding, Problem> {
        let required = self.required.as_ref().map_or(&[][..], |Required(required)| required);
        let find = |name: &str| columns.iter().find(|column| column.name == name);
        let missing: Vec<&str> =
            required.iter().filter(|(name, _)| find(name).is_none()).map(|(name, _)| name.as_str()).collect();
        let wrong: Vec<(&Column, Type)> = required
            .iter()
            .filter_map(|(name, wanted)| Some((find(name)?, (*wanted)?)))
            .filter(|(column, wanted)| !wanted.matches(&column.kind))
            .collect();
        let extra: Vec<&str> = match self.extra {
            Extra::Allow => Vec::new(),
            Extra::Forbid => columns
                .iter()
                .map(|column| column.name.as_str())
                .filter(|name| !required.iter().any(|(required, _)| required == name))
                .collect(),
        };

        let mut said = Vec::new();
        // A column that was renamed is one that nobody requires.
        let is_required = |name: &&str| required.iter().any(|(known, _)| known == *name);
        let names = columns.iter().map(|column| column.name.as_str());
        let (known, new): (Vec<&str>, Vec<&str>) = names.partition(is_required);
        if let [only] = missing[..] {
            let near = nearest(only, new.iter().copied()).or_else(|| nearest(only, known));
            let near = near.map_or(String::new(), |near| format!(" (there is {})", code(near)));
            said.push(format!("{} is missing{near}", code(only)));
        } else if !missing.is_empty() {
            said.push(format!("{} are missing", list(missing.iter().copied())));
        }
        if let [(column, wanted), others @ ..] = wrong.as_slice() {
            let others = and_others(others.iter().map(|(column, _)| column.name.as_str()));
            said.push(format!("{} is {}, not {}{others}", code(&column.name), column.described(), wanted.word()));
        }
        if !extra.is_empty() {
            said.push(format!("{} should not be there", list(extra.iter().copied())));
        }
        let passed = said.is_empty();
        let message = if passed {
            format!("{} of {} columns are required and there", required.len(), columns.len())
        } else {
            said.join("; ")
        };
        let types: serde_json::Map<_, _> =
            wrong.iter().map(|(column, _)| (column.name.clone(), json!(column.kind.to_string()))).collect();
        let mut finding = Finding::new(passed, message);
        let of_list = missing.iter().find_map(|name| crate::cli::comma_hint(name));
        finding.hint = of_list.or_else(|| wrong.first().and_then(|(column, _)| column.text_hint()));
        Ok(finding.value("missing", missing).value("wrong_type", types).value("extra", extra))
    }
}

impl<'de> Deserialize<'de> for Required {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Columns;
        impl<'de> Visitor<'de> for Columns {
            type Value = Required;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of columns, or a map from column to type")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Required, A::Error> {
                let mut names = Vec::new();
                while let Some(name) = seq.next_element::<String>()? {
                    names.push((name, None));
                }
                Ok(Required(names))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Required, A::Error> {
                let mut names = Vec::new();
                while let Some((name, wanted)) = map.next_entry::<String, Option<String>>()? {
                    let Some(wanted) = wanted else {
                        names.push((name, None));
                        continue;
                    };
                    let Some((_, wanted)) = TYPES.iter().find(|(word, _)| *word == wanted) else {
                        let words = TYPES.map(|(word, _)| word);
                        let near =
                            nearest(&wanted, words).map_or(String::new(), |near| format!(", did you mean {near}?"));
                        return Err(A::Error::custom(format!(
                            "{} is no type, expected one of {}{near}",
                            code(&wanted),
                            words.join(", ")
                        )));
                    };
                    names.push((name, Some(*wanted)));
                }
                Ok(Required(names))
            }
        }
        deserializer.deserialize_any(Columns)
    }
}

impl JsonSchema for Required {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Required".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> schemars::Schema {
        let words = TYPES.map(|(word, _)| word);
        json_schema!({
            "oneOf": [
                { "type": "array", "items": { "type": "string" }, "minItems": 1 },
                { "type": "object", "additionalProperties": { "enum": words.map(Some).into_iter().chain([None]).collect::<Vec<_>>() }, "minProperties": 1 },
            ]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::verdict::Outcome;

    fn check(settings: &str) -> (Outcome, String) {
        let columns = [("age", Kind::Integer), ("name", Kind::Text), ("price", Kind::Number)]
            .map(|(name, kind)| Column { name: name.into(), kind, why_text: None, is_padded: false, is_blank: false });
        let check: Schema = serde_yaml::from_str(settings).unwrap();
        let finding = check.judge((0, columns.to_vec())).unwrap();
        (finding.outcome, finding.message)
    }

    #[test]
    fn a_missing_column_is_a_failure_not_an_error() {
        assert_eq!(check("{required: [age, name]}").0, Outcome::Pass);
        assert_eq!(check("{required: [ages]}"), (Outcome::Fail, "`ages` is missing (there is `age`)".into()));
        assert_eq!(check("{required: [x, y]}"), (Outcome::Fail, "`x`, `y` are missing".into()));
    }

    #[test]
    fn types_are_held() {
        assert_eq!(check("{required: {age: integer, price: number}}").0, Outcome::Pass);
        assert_eq!(check("{required: {age: number}}").0, Outcome::Pass);
        assert_eq!(check("{required: {age: text}}"), (Outcome::Fail, "`age` is integer, not text".into()));
        assert_eq!(check("{required: {price: float}}").0, Outcome::Fail);
    }

    #[test]
    fn extra_columns_are_named_where_forbidden() {
        let (outcome, message) = check("{required: [age], extra: forbid}");
        assert_eq!((outcome, message.as_str()), (Outcome::Fail, "`name`, `price` should not be there"));
    }

    #[test]
    fn an_unknown_type_names_the_nearest() {
        let error = serde_yaml::from_str::<Schema>("{required: {age: int}}").unwrap_err().to_string();
        assert!(error.contains("`int` is no type"), "{error}");
    }
}
