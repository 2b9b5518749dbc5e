//! Settings that are a map, or one text that is short for it.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};

/// Reads a map as `T`, and a text by `short`; null is nothing.
///
/// # Errors
/// What is wrong with either, in its own words.
pub fn read<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
    expected: &'static str,
    short: impl Fn(&str) -> Result<T, String>,
) -> Result<Option<T>, D::Error> {
    struct Forms<T, F>(&'static str, F, PhantomData<T>);

    impl<'de, T: Deserialize<'de>, F: Fn(&str) -> Result<T, String>> Visitor<'de> for Forms<T, F> {
        type Value = Option<T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }

        fn visit_unit<E: Error>(self) -> Result<Option<T>, E> {
            Ok(None)
        }

        fn visit_str<E: Error>(self, text: &str) -> Result<Option<T>, E> {
            (self.1)(text).map(Some).map_err(E::custom)
        }

        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Option<T>, A::Error> {
            T::deserialize(MapAccessDeserializer::new(map)).map(Some)
        }
    }
    deserializer.deserialize_any(Forms(expected, short, PhantomData))
}
