//! The kinds of limit that people write: percents, finite numbers, bounds of a range.

mod observed;
pub mod range;

use std::borrow::Cow;
use std::fmt;

use chrono::{DateTime, NaiveDate, NaiveDateTime};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Deserializer, EnumAccess, VariantAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};
use serde_yaml::Value;
use serde_yaml::value::{Tag, TaggedValue};

pub use self::observed::{Limit, Unit};
use crate::support::decimal::Decimal;

/// 0 to 100: the nearest float, for people, and the decimal that was written, which counts are compared with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Percent(pub f64, Decimal);

/// Any number but NaN and the infinities.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Finite(pub f64);

/// One end of a range: a finite number, or a date or time in ISO 8601.
#[derive(Debug, Clone, PartialEq)]
pub enum Bound {
    Number(Decimal),
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
    pub fn of(percent: f64) -> Self {
        Self(percent, Decimal::of(percent).unwrap_or(Decimal::ZERO))
    }

    /// Whether `count` of `rows` is over this limit, which is the decimal that was written: 69 of 3,000 are not over 2.3 %.
    pub fn is_exceeded_by(self, count: u64, rows: u64) -> bool {
        self.1.compare_share(count, rows).is_gt()
    }

    /// Whether `count` of `rows` falls short of this limit.
    pub fn is_missed_by(self, count: u64, rows: u64) -> bool {
        self.1.compare_share(count, rows).is_lt()
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
            Self::Number(number) => Some(number.number()),
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

impl<'de> Visitor<'de> for Number {
    type Value = Decimal;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Decimal, E> {
        Decimal::of(value).ok_or_else(|| E::custom(format!("{value} is no limit, expected {}", self.0)))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Decimal, E> {
        Decimal::whole(value.into()).ok_or_else(|| E::invalid_value(de::Unexpected::Signed(value), &self))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Decimal, E> {
        Decimal::whole(value.into()).ok_or_else(|| E::invalid_value(de::Unexpected::Unsigned(value), &self))
    }

    fn visit_enum<A: EnumAccess<'de>>(self, data: A) -> Result<Decimal, A::Error> {
        let text = exact_text(data)?;
        Decimal::parse(&text).ok_or_else(|| {
            de::Error::custom(format!("{text} has more than 38 significant digits, expected {} with fewer", self.0))
        })
    }
}

/// The tag of a number that a 64-bit float does not hold, in the text that was written.
const EXACT: &str = "exact";

/// A number as it is written: the float that reads so, or where there is none, its text under a tag that limits read.
pub fn written_number(text: &str) -> Option<Value> {
    let number: f64 = text.parse().ok().filter(|number: &f64| number.is_finite())?;
    let whole = || text.parse::<u64>().map(Value::from).or_else(|_| text.parse::<i64>().map(Value::from));
    if let Ok(whole) = whole() {
        return Some(whole);
    }
    // What is no decimal is too long to be one: it keeps its text, and the limit refuses it.
    let is_exact = Decimal::of(number).is_some_and(|read| Decimal::parse(text) == Some(read));
    Some(if is_exact { Value::from(number) } else { exact_value(text) })
}

fn exact_value(text: &str) -> Value {
    Value::Tagged(Box::new(TaggedValue { tag: Tag::new(EXACT), value: Value::from(text) }))
}

/// The number that the value of a setting is, exactly.
pub fn number_of(value: &Value) -> Option<Decimal> {
    match value {
        Value::Tagged(tagged) if tagged.tag == EXACT => Decimal::parse(tagged.value.as_str()?),
        Value::Number(number) => match number.as_i64() {
            Some(whole) => Decimal::whole(whole.into()),
            None => Decimal::parse(&number.to_string()).or_else(|| Decimal::of(number.as_f64()?)),
        },
        _ => None,
    }
}

fn exact_text<'de, A: EnumAccess<'de>>(data: A) -> Result<String, A::Error> {
    let (tag, content): (String, _) = data.variant()?;
    if tag != EXACT {
        return Err(de::Error::custom(format!("the tag !{tag} means nothing here")));
    }
    content.newtype_variant()
}

impl<'de> Deserialize<'de> for Percent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = deserializer.deserialize_any(Number("a percent from 0 to 100"))?;
        let hundred = Decimal::whole(100).unwrap_or(Decimal::ZERO);
        if (Decimal::ZERO..=hundred).contains(&value) {
            Ok(Self(value.number(), value))
        } else {
            Err(de::Error::custom(format!("{value} is not a percent from 0 to 100")))
        }
    }
}

impl Serialize for Percent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.0)
    }
}

impl<'de> Deserialize<'de> for Finite {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Number("a number")).map(|number| Self(number.number()))
    }
}

impl<'de> Deserialize<'de> for Bound {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        const WANTED: &str = "a number, or a date such as 2026-01-31";
        struct Ends;
        impl<'de> Visitor<'de> for Ends {
            type Value = Bound;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(WANTED)
            }

            fn visit_f64<E: de::Error>(self, value: f64) -> Result<Bound, E> {
                Number(WANTED).visit_f64(value).map(Bound::Number)
            }

            fn visit_i64<E: de::Error>(self, value: i64) -> Result<Bound, E> {
                Number(WANTED).visit_i64(value).map(Bound::Number)
            }

            fn visit_u64<E: de::Error>(self, value: u64) -> Result<Bound, E> {
                Number(WANTED).visit_u64(value).map(Bound::Number)
            }

            fn visit_enum<A: EnumAccess<'de>>(self, data: A) -> Result<Bound, A::Error> {
                Number(WANTED).visit_enum(data).map(Bound::Number)
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
        impl<'de> Visitor<'de> for Any {
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

            fn visit_enum<A: EnumAccess<'de>>(self, data: A) -> Result<Plain, A::Error> {
                exact_text(data).map(Plain)
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
        assert!(!Percent::of(7.0).is_exceeded_by(7, 100));
        assert!(Percent::of(7.0).is_exceeded_by(8, 100));
        assert!(!Percent::of(33.3).is_exceeded_by(333, 1000));
        // As floats, 2.3·3000 is below 6900 and 1.1·3000 above 3300.
        assert!(!Percent::of(2.3).is_exceeded_by(69, 3000));
        assert!(!Percent::of(1.1).is_missed_by(33, 3000));
    }

    #[test]
    fn a_number_that_no_float_holds_keeps_its_digits() {
        let text = "12345678901234567.89";
        let written = written_number(text).unwrap();
        assert!(matches!(written, Value::Tagged(_)));
        let bound: Bound = serde_yaml::from_value(written.clone()).unwrap();
        assert_eq!(bound, Bound::Number(Decimal::parse(text).unwrap()));
        assert_eq!(serde_yaml::from_value::<Plain>(written.clone()).unwrap(), Plain(text.into()));
        assert_eq!(number_of(&written), Decimal::parse(text));
        for (text, value) in [("2.3", Value::from(2.3)), ("100", Value::from(100)), ("1e3", Value::from(1e3))] {
            assert_eq!(written_number(text), Some(value), "{text}");
        }
        assert_eq!(written_number("two"), None);
        let percent = serde_yaml::from_value::<Percent>(written_number("2.2999999999999999999").unwrap()).unwrap();
        assert!(percent.is_exceeded_by(69, 3000));
        let long = written_number(&format!("0.{}", "1".repeat(50))).unwrap();
        assert!(serde_yaml::from_value::<Percent>(long).unwrap_err().to_string().contains("38 significant digits"));
    }

    #[test]
    fn limits_are_finite_and_percents_are_percents() {
        let percent = |text: &str| serde_yaml::from_str::<Percent>(text).map_err(|e| e.to_string());
        assert_eq!(percent("5"), Ok(Percent::of(5.0)));
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
