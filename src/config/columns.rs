//! One column, or a list of columns.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;
use serde::de::{self, Deserialize, Deserializer, SeqAccess, Visitor};

use crate::support::words::code;

/// Names of columns, written as one name or as a list; at least one, each once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Columns(pub Vec<String>);

impl<'de> Deserialize<'de> for Columns {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Names;

        impl<'de> Visitor<'de> for Names {
            type Value = Columns;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of a column, or a list of names")
            }

            fn visit_str<E: de::Error>(self, name: &str) -> Result<Columns, E> {
                Ok(Columns(vec![name.to_owned()]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Columns, A::Error> {
                let mut names: Vec<String> = Vec::new();
                while let Some(name) = list.next_element::<String>()? {
                    if names.contains(&name) {
                        return Err(de::Error::custom(format!("{} is named twice", code(&name))));
                    }
                    names.push(name);
                }
                if names.is_empty() { Err(de::Error::custom("names no column")) } else { Ok(Columns(names)) }
            }
        }
        deserializer.deserialize_any(Names)
    }
}

impl JsonSchema for Columns {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Columns".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "anyOf": [{ "type": "string" }, { "type": "array", "minItems": 1, "items": { "type": "string" } }]
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_or_a_list_of_names() {
        let read = |text: &str| serde_yaml::from_str::<Columns>(text).map(|columns| columns.0);
        assert_eq!(read("id").unwrap(), ["id"]);
        assert_eq!(read("[id, key]").unwrap(), ["id", "key"]);
        for bad in ["3", "[]", "[id, id]", "{id: key}", "[[id]]"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
