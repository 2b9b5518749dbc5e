//! The kinds of limit that people write: percents, finite numbers, bounds of a range.

pub mod range;

use std::borrow::Cow;
use std::fmt;

use chrono::{DateTime, NaiveDate, NaiveDateTime};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize};

/// 0 to 100.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Percent(pub f64);

/// Any number but NaN and the infinities.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Finite(pub f64);

/// One end of a range: a finite number, or a date or time in ISO 8601.
#[derive(Debug, Clone, PartialEq)]
pub enum Bound {
    Number(f64),
    /// As written without a fraction, so that integers beyond 2^53 stay exact.
    Whole(i128),
    /// Microseconds since 1970 UTC, and how it was written.
    Instant(i64, String),
}

/// A float with a total order, for keys.
#[derive(Debug, Clone, Copy)]
pub struct Total(pub f64);

/// A value as text, however it was written: `1`, `true` and `"1"` are `1`, `true` and `1`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Plain(pub String);

impl Percent {
    /// Whether `count` of `rows` is over this limit: `100·count > limit·rows`, without a division.
    pub fn is_exceeded_by(self, count: u64, rows: u64) -> bool {
        100.0 * count as f64 > self.0 * rows as f64
    }

    /// Whether `count` of `rows` falls short of this limit.
    pub fn is_missed_by(self, count: u64, rows: u64) -> bool {
        (100.0 * count as f64) < self.0 * rows as f64
    }
}

/// `count` of `rows` in percent; 0 of nothing is 0.
pub fn share(count: u64, rows: u64) -> f64 {
    if rows == 0 { 0.0 } else { 100.0 * count as f64 / rows as f64 }
}

impl Bound {
    /// As a number, where it is one.
    pub fn number(&self) -> Option<f64> {
        match self {
            Self::Number(number) => Some(*number),
            Self::Whole(number) => Some(*number as f64),
            Self::Instant(..) => None,
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        instant(text).map(|at| Self::Instant(at, text.to_owned()))
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Whole(number) => write!(f, "{number}"),
            Self::Instant(_, written) => f.write_str(written),
        }
    }
}

/// Microseconds since 1970 of a date, or a date and time, in ISO 8601; without a zone it is UTC.
pub fn instant(text: &str) -> Option<i64> {
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Some(time.timestamp_micros());
    }
    for format in ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f"] {
        if let Ok(time) = NaiveDateTime::parse_from_str(text, format) {
            return Some(time.and_utc().timestamp_micros());
        }
    }
    let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
    Some(date.and_hms_opt(0, 0, 0)?.and_utc().timestamp_micros())
}

/// Reads a number, and says what was there where it is none.
struct Number(&'static str);

impl Visitor<'_> for Number {
    type Value = f64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<f64, E> {
        if value.is_finite() { Ok(value) } else { Err(E::custom(format!("{value} is no limit, expected {}", self.0))) }
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<f64, E> {
        Ok(value as f64)
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<f64, E> {
        Ok(value as f64)
    }
}

impl<'de> Deserialize<'de> for Percent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = deserializer.deserialize_any(Number("a percent from 0 to 100"))?;
        if (0.0..=100.0).contains(&value) {
            Ok(Self(value))
        } else {
            Err(de::Error::custom(format!("{value} is not a percent from 0 to 100")))
        }
    }
}

impl<'de> Deserialize<'de> for Finite {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Number("a number")).map(Self)
    }
}

impl<'de> Deserialize<'de> for Bound {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Ends;
        impl Visitor<'_> for Ends {
            type Value = Bound;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number, or a date such as 2026-01-31")
            }

            fn visit_f64<E: de::Error>(self, value: f64) -> Result<Bound, E> {
                Number("a number, or a date such as 2026-01-31").visit_f64(value).map(Bound::Number)
            }

            fn visit_i64<E: de::Error>(self, value: i64) -> Result<Bound, E> {
                Ok(Bound::Whole(value.into()))
            }

            fn visit_u64<E: de::Error>(self, value: u64) -> Result<Bound, E> {
                Ok(Bound::Whole(value.into()))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Bound, E> {
                Bound::parse(text).ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
            }
        }
        deserializer.deserialize_any(Ends)
    }
}

impl<'de> Deserialize<'de> for Plain {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl Visitor<'_> for Any {
            type Value = Plain;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text, a number, true or false")
            }

            fn visit_bool<E: de::Error>(self, value: bool) -> Result<Plain, E> {
                Ok(Plain(value.to_string()))
            }

            fn visit_f64<E: de::Error>(self, value: f64) -> Result<Plain, E> {
                Ok(Plain(value.to_string()))
            }

            fn visit_i64<E: de::Error>(self, value: i64) -> Result<Plain, E> {
                Ok(Plain(value.to_string()))
            }

            fn visit_u64<E: de::Error>(self, value: u64) -> Result<Plain, E> {
                Ok(Plain(value.to_string()))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Plain, E> {
                Ok(Plain(text.to_owned()))
            }
        }
        deserializer.deserialize_any(Any)
    }
}

impl JsonSchema for Percent {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Percent".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "number", "minimum": 0, "maximum": 100 })
    }
}

impl JsonSchema for Finite {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Number".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "number" })
    }
}

impl JsonSchema for Bound {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Bound".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["number", "string"] })
    }
}

impl JsonSchema for Plain {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Scalar".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "number", "boolean"] })
    }
}

impl PartialEq for Total {
    fn eq(&self, other: &Self) -> bool {
        self.0.total_cmp(&other.0).is_eq()
    }
}

impl Eq for Total {}

impl PartialOrd for Total {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Total {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl std::hash::Hash for Total {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.to_bits().hash(state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percent_is_compared_without_dividing() {
        // 0.07 * 100 / 100 rounds above 7 in binary; the product does not.
        assert!(!Percent(7.0).is_exceeded_by(7, 100));
        assert!(Percent(7.0).is_exceeded_by(8, 100));
        assert!(!Percent(33.3).is_exceeded_by(333, 1000));
    }

    #[test]
    fn limits_are_finite_and_percents_are_percents() {
        let percent = |text: &str| serde_yaml::from_str::<Percent>(text).map_err(|e| e.to_string());
        assert_eq!(percent("5"), Ok(Percent(5.0)));
        for bad in ["-1", "100.5", ".nan", ".inf", "five", "[1]"] {
            assert!(percent(bad).is_err(), "{bad}");
        }
        assert!(serde_yaml::from_str::<Finite>(".inf").is_err());
    }

    #[test]
    fn dates_and_times_without_zone_are_utc() {
        assert_eq!(instant("1970-01-02"), Some(86_400_000_000));
        assert_eq!(instant("1970-01-01T00:00:01"), Some(1_000_000));
        assert_eq!(instant("1970-01-01T01:00:00+01:00"), Some(0));
        assert_eq!(instant("yesterday"), None);
    }
}
