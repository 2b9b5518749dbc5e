//! The type of a JSON value, read without keeping the value.

use std::collections::HashMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use crate::support::words::code;

/// The type of a key.
#[derive(Debug, Clone, PartialEq)]
pub enum JsonKind {
    /// Nothing but null.
    Null,
    Boolean,
    Integer,
    Float,
    Text,
    List(Box<JsonKind>),
    /// In the order in which the keys first occur.
    Struct(Vec<(String, JsonKind)>),
}

/// Two types of one key.
pub struct Clash {
    path: Vec<String>,
    found: JsonKind,
    before: JsonKind,
}

impl Clash {
    pub fn below(mut self, name: &str) -> Self {
        self.path.insert(0, name.to_owned());
        self
    }
}

impl fmt::Display for Clash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "has {} in {}, lines before it {}", self.found, code(&self.path.join(".")), self.before)
    }
}

impl JsonKind {
    /// Widens to what holds both.
    ///
    /// # Errors
    /// The two kinds, where no kind holds both.
    pub fn join(&mut self, other: Self) -> Result<(), Clash> {
        match (&mut *self, other) {
            (_, Self::Null) | (Self::Float, Self::Integer) => Ok(()),
            (Self::Integer, Self::Float) => {
                *self = Self::Float;
                Ok(())
            }
            (Self::Null, other) => {
                *self = other;
                Ok(())
            }
            (Self::List(inner), Self::List(other)) => inner.join(*other).map_err(|clash| clash.below("[]")),
            (Self::Struct(fields), Self::Struct(others)) => {
                // Rows mostly have their keys in one order; an index is for those that have not.
                let mut places: Option<HashMap<String, usize>> = None;
                for (at, (name, kind)) in others.into_iter().enumerate() {
                    let here = fields.get(at).is_some_and(|(known, _)| *known == name).then_some(at);
                    let place = here.or_else(|| {
                        let index = |(at, (name, _)): (usize, &(String, Self))| (name.clone(), at);
                        let places = places.get_or_insert_with(|| fields.iter().enumerate().map(index).collect());
                        places.get(&name).copied()
                    });
                    match place {
                        Some(place) => fields[place].1.join(kind).map_err(|clash| clash.below(&name))?,
                        None => {
                            if let Some(places) = &mut places {
                                places.insert(name.clone(), fields.len());
                            }
                            fields.push((name, kind));
                        }
                    }
                }
                Ok(())
            }
            (before, other) if *before == other => Ok(()),
            (before, found) => Err(Clash { path: Vec::new(), found, before: before.clone() }),
        }
    }
}

impl fmt::Display for JsonKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Null => "null",
            Self::Boolean => "a boolean",
            Self::Integer | Self::Float => "a number",
            Self::Text => "text",
            Self::List(_) => "a list",
            Self::Struct(_) => "an object",
        })
    }
}

/// A value is read as its kind: of texts and numbers nothing is kept.
impl<'de> Deserialize<'de> for JsonKind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Kinds)
    }
}

struct Kinds;

impl<'de> Visitor<'de> for Kinds {
    type Value = JsonKind;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<JsonKind, E> {
        Ok(JsonKind::Null)
    }

    fn visit_bool<E>(self, _: bool) -> Result<JsonKind, E> {
        Ok(JsonKind::Boolean)
    }

    fn visit_i64<E>(self, _: i64) -> Result<JsonKind, E> {
        Ok(JsonKind::Integer)
    }

    fn visit_u64<E>(self, _: u64) -> Result<JsonKind, E> {
        Ok(JsonKind::Integer)
    }

    fn visit_f64<E>(self, _: f64) -> Result<JsonKind, E> {
        Ok(JsonKind::Float)
    }

    fn visit_str<E>(self, _: &str) -> Result<JsonKind, E> {
        Ok(JsonKind::Text)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<JsonKind, A::Error> {
        let mut kind = JsonKind::Null;
        while let Some(item) = items.next_element()? {
            kind.join(item)
                .map_err(|clash| A::Error::custom(format!("has {} and {} in one list", clash.before, clash.found)))?;
        }
        Ok(JsonKind::List(Box::new(kind)))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<JsonKind, A::Error> {
        let mut fields: Vec<(String, JsonKind)> = Vec::with_capacity(entries.size_hint().unwrap_or(16));
        while let Some((name, kind)) = entries.next_entry::<String, JsonKind>()? {
            fields.push((name, kind));
        }
        let mut names: Vec<&str> = fields.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        match names.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(A::Error::custom(format!("has the key {} twice in an object", code(pair[0])))),
            None => Ok(JsonKind::Struct(fields)),
        }
    }
}
