//! What a field of a text file can be read as.
//!
//! The languages are disjoint and narrow: only spellings that Polars' CSV reader parses to the same
//! value with that type forced on the column. Everything else is text.

/// The type of a column of a text file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextKind {
    Integer,
    Float,
    Boolean,
    Date,
    Datetime,
    /// With `Z` or an offset.
    DatetimeUtc,
    Text,
    /// No field holds anything.
    Null,
}

/// What the fields of a column have been so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    Null,
    Integer,
    /// Digits that no 64-bit integer holds: exact only as text, a float among floats.
    LongInteger,
    Float,
    Boolean,
    Date,
    Datetime,
    DatetimeUtc,
    Text,
}

impl Seen {
    pub fn of(field: &[u8]) -> Self {
        number(field).unwrap_or_else(|| {
            if boolean(field) {
                Self::Boolean
            } else if date_days(field).is_some() {
                Self::Date
            } else {
                match moment(field) {
                    Some((_, true)) => Self::DatetimeUtc,
                    Some((_, false)) => Self::Datetime,
                    None => Self::Text,
                }
            }
        })
    }

    /// Whether a field changes nothing: the question that is asked of nearly every one.
    #[inline]
    pub fn holds(self, field: &[u8]) -> bool {
        match self {
            Self::Text => true,
            Self::Integer => short_integer(field) || number(field) == Some(Self::Integer),
            Self::Float => number(field).is_some(),
            Self::LongInteger => matches!(number(field), Some(Self::Integer | Self::LongInteger)),
            Self::Boolean => boolean(field),
            Self::Date => date_days(field).is_some(),
            Self::Datetime => matches!(moment(field), Some((_, false))),
            Self::DatetimeUtc => matches!(moment(field), Some((_, true))),
            Self::Null => false,
        }
    }

    /// The kind that holds the fields of both.
    #[must_use]
    pub fn join(self, other: Self) -> Self {
        use Seen::{Float, Integer, LongInteger, Null, Text};
        match (self, other) {
            (a, b) if a == b => a,
            (Null, kind) | (kind, Null) => kind,
            (Integer, LongInteger) | (LongInteger, Integer) => LongInteger,
            (Integer | LongInteger, Float) | (Float, Integer | LongInteger) => Float,
            _ => Text,
        }
    }

    /// What a column was so far, as people say it; nothing of one that held nothing or text.
    pub fn name(self) -> Option<&'static str> {
        match self {
            Self::Null | Self::Text => None,
            Self::Integer | Self::LongInteger => Some("integer"),
            Self::Float => Some("float"),
            Self::Boolean => Some("boolean"),
            Self::Date => Some("date"),
            Self::Datetime => Some("datetime without zone"),
            Self::DatetimeUtc => Some("datetime with zone"),
        }
    }

    pub fn kind(self) -> TextKind {
        match self {
            Self::Null => TextKind::Null,
            Self::Integer => TextKind::Integer,
            Self::Float => TextKind::Float,
            Self::Boolean => TextKind::Boolean,
            Self::Date => TextKind::Date,
            Self::Datetime => TextKind::Datetime,
            Self::DatetimeUtc => TextKind::DatetimeUtc,
            Self::LongInteger | Self::Text => TextKind::Text,
        }
    }
}

/// Days since 1970 of `2026-11-24`.
pub fn date_days(field: &[u8]) -> Option<i32> {
    const LENGTHS: [u32; 12] = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let &[a, b, c, d, b'-', m, n, b'-', x, y] = field else { return None };
    let (year, month, day) = (two(a, b)? * 100 + two(c, d)?, two(m, n)?, two(x, y)?);
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = LENGTHS.get(month.checked_sub(1)? as usize)? + u32::from(month == 2 && is_leap);
    if day == 0 || day > length {
        return None;
    }
    // https://howardhinnant.github.io/date_algorithms.html#days_from_civil, for years from 0 on.
    let (year, month, day) = (year as i32 - i32::from(month <= 2), month as i32, day as i32);
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    Some(era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468)
}

/// Microseconds since 1970 of `2026-11-24 08:15`, with seconds, a fraction, a zone; without one it is UTC.
pub fn datetime_micros(field: &[u8]) -> Option<i64> {
    moment(field).map(|(micros, _)| micros)
}

/// The instant, and whether a zone was said.
fn moment(field: &[u8]) -> Option<(i64, bool)> {
    let (date, time) = field.split_at_checked(10)?;
    let &[b'T' | b' ', h, i, b':', m, n, ref rest @ ..] = time else { return None };
    let (hour, minute) = (two(h, i)?, two(m, n)?);
    let (second, micros, zone) = match rest {
        &[b':', s, t, ref rest @ ..] => {
            let (micros, zone) = fraction(rest)?;
            (two(s, t)?, micros, zone)
        }
        zone => (0, 0, zone),
    };
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let offset = offset_minutes(zone)?;
    let minutes = i64::from(date_days(date)?) * 1440 + i64::from(hour * 60 + minute) - offset;
    Some(((minutes * 60 + i64::from(second)) * 1_000_000 + i64::from(micros), !zone.is_empty()))
}

/// The microseconds of `.123456`, and what follows. Up to nine digits, if those past the sixth are 0.
fn fraction(text: &[u8]) -> Option<(u32, &[u8])> {
    let Some(text) = text.strip_prefix(b".") else { return Some((0, text)) };
    let length = text.iter().position(|b| !b.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at(length);
    if !(1..=9).contains(&length) || digits.iter().skip(6).any(|&b| b != b'0') {
        return None;
    }
    let micros = (0..6).fold(0, |sum, i| sum * 10 + digits.get(i).map_or(0, |b| u32::from(b - b'0')));
    Some((micros, rest))
}

/// Of nothing, `Z`, `+01`, `+0100`, `+01:00`.
fn offset_minutes(zone: &[u8]) -> Option<i64> {
    let (sign, hours, minutes) = match *zone {
        [] | [b'Z'] => return Some(0),
        [sign @ (b'+' | b'-'), h, i] => (sign, two(h, i)?, 0),
        [sign @ (b'+' | b'-'), h, i, m, n] | [sign @ (b'+' | b'-'), h, i, b':', m, n] => (sign, two(h, i)?, two(m, n)?),
        _ => return None,
    };
    if hours > 23 || minutes > 59 {
        return None;
    }
    let offset = i64::from(hours * 60 + minutes);
    Some(if sign == b'-' { -offset } else { offset })
}

#[inline]
fn two(tens: u8, ones: u8) -> Option<u32> {
    let (tens, ones) = (tens.wrapping_sub(b'0'), ones.wrapping_sub(b'0'));
    (tens < 10 && ones < 10).then_some(u32::from(tens) * 10 + u32::from(ones))
}

fn boolean(field: &[u8]) -> bool {
    field.eq_ignore_ascii_case(b"true") || field.eq_ignore_ascii_case(b"false")
}

/// Whether a whole number is written otherwise than it is shown: `01`, `+1`, ` 1`.
#[inline]
pub fn is_padded(field: &[u8]) -> bool {
    matches!(field, [b'0', b'0'..=b'9', ..] | [b'+' | b' ' | b'\t', ..] | [b'-', b'0', ..])
}

/// Plain digits, few enough that no limit needs looking at.
#[inline]
fn short_integer(field: &[u8]) -> bool {
    let digits = match field {
        [b'-', digits @ ..] => digits,
        digits => digits,
    };
    (1..=18).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit)
}

/// `5`, ` 5`, `+5`, `-007`, `.5`, `5.`, `1e-3`, `inf`, `-Infinity`, `NaN`.
fn number(field: &[u8]) -> Option<Seen> {
    let text = match field {
        [b' ' | b'\t', ..] => &field[field.iter().position(|b| !matches!(b, b' ' | b'\t'))?..],
        _ => field,
    };
    let unsigned = match text {
        [b'+' | b'-', rest @ ..] => rest,
        rest => rest,
    };
    let (whole, rest) = digits(unsigned);
    if rest.is_empty() && !whole.is_empty() {
        return integer(text, whole);
    }
    let (part, exponent) = match rest.strip_prefix(b".") {
        Some(rest) => digits(rest),
        None => (&[][..], rest),
    };
    if whole.is_empty() && part.is_empty() {
        let special = [&b"inf"[..], b"infinity", b"nan"];
        return special.iter().any(|name| unsigned.eq_ignore_ascii_case(name)).then_some(Seen::Float);
    }
    let power = match exponent {
        [] => &[][..],
        [b'e' | b'E', b'+' | b'-', rest @ ..] | [b'e' | b'E', rest @ ..] => match digits(rest) {
            (power @ [_, ..], []) => power,
            _ => return None,
        },
        _ => return None,
    };
    // A number too large for a float would silently be infinite.
    let is_safe = whole.len() < 200 && power.len() < 3;
    (is_safe || parsed::<f64>(text).is_some_and(f64::is_finite)).then_some(Seen::Float)
}

/// What even a float would make infinite is no number.
fn integer(text: &[u8], whole: &[u8]) -> Option<Seen> {
    if whole.len() <= 18 || parsed::<i64>(text).is_some() {
        return Some(Seen::Integer);
    }
    parsed::<f64>(text).is_some_and(f64::is_finite).then_some(Seen::LongInteger)
}

fn parsed<T: std::str::FromStr>(text: &[u8]) -> Option<T> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

#[inline]
fn digits(text: &[u8]) -> (&[u8], &[u8]) {
    text.split_at(text.iter().position(|b| !b.is_ascii_digit()).unwrap_or(text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(kind: Seen, fields: &[&str]) {
        for field in fields {
            let found = Seen::of(field.as_bytes());
            assert_eq!(found, kind, "{field:?}");
            assert!(kind == Seen::Null || kind.holds(field.as_bytes()), "{field:?}");
            for other in [Seen::Integer, Seen::Float, Seen::Boolean, Seen::Date, Seen::Datetime, Seen::DatetimeUtc] {
                assert_eq!(other.holds(field.as_bytes()), other.join(found) == other, "{field:?} in {other:?}");
            }
        }
    }

    #[test]
    fn integers_fit_64_bits() {
        check(Seen::Integer, &["0", "5", "-5", "+5", "-0", "007", " 5", "\t -5", "9223372036854775807"]);
        check(Seen::Integer, &["-9223372036854775808", "+9223372036854775807", "00000000000000000000000001"]);
        check(Seen::LongInteger, &["9223372036854775808", "-9223372036854775809", "123456789012345678901234567890"]);
        check(Seen::Text, &["5 ", "--5", "+-5", "+", "-", "1_000", "1,000", "0x10", "٥", "- 5"]);
    }

    #[test]
    fn floats_are_decimal_and_finite_unless_they_say_infinity() {
        check(
            Seen::Float,
            &["0.5", ".5", "5.", "-.5", "+1.5", "1e5", "1E+5", "1.5e-300", "1.e5", " 2.5", "1e308", "1e-400"],
        );
        check(
            Seen::Float,
            &["inf", "-inf", "+inf", "Inf", "INF", "Infinity", "-infinity", "nan", "NaN", "-NaN", " NaN"],
        );
        check(
            Seen::Text,
            &[".", "-.", "e5", "1e", "1e+", "1.5.2", "1e400", "1e5e5", "1.5 ", "1,5", "infinit", "nano", "1f"],
        );
        check(Seen::Text, &[&"9".repeat(400), &format!("{}.5", "9".repeat(400))]);
    }

    #[test]
    fn booleans_are_two_words() {
        check(Seen::Boolean, &["true", "false", "True", "FALSE"]);
        check(Seen::Text, &[" true", "true ", "t", "yes", "", " "]);
    }

    #[test]
    fn dates_are_those_of_iso_8601() {
        check(Seen::Date, &["2026-11-24", "2024-02-29", "2000-02-29", "0001-01-01", "9999-12-31"]);
        check(
            Seen::Text,
            &["2026-1-24", "2026/11/24", "20261124x", "2026-02-29", "1900-02-29", "2026-13-01", "2026-00-01"],
        );
        check(Seen::Text, &["2026-11-31", "24-11-2026", "2026-11-24 ", " 2026-11-24", "2026-11", "+026-11-24"]);
    }

    #[test]
    fn datetimes_have_a_zone_or_none() {
        check(
            Seen::Datetime,
            &["2026-11-24 08:15", "2026-11-24T08:15:30", "2026-11-24 08:15:30.5", "2026-11-24T23:59:59.123456"],
        );
        check(Seen::Datetime, &["2026-11-24T08:15:30.123456000", "2026-11-24 00:00:00.0000000"]);
        check(Seen::DatetimeUtc, &["2026-11-24T08:15:30Z", "2026-11-24 08:15Z", "2026-11-24T08:15:30.25+01:00"]);
        check(Seen::DatetimeUtc, &["2026-11-24 08:15:30-0530", "2026-11-24T08:15:30+00"]);
        check(
            Seen::Text,
            &["2026-11-24T", "2026-11-24 8:15", "2026-11-24 24:00", "2026-11-24 08:60", "2026-11-24 08:15:60"],
        );
        check(
            Seen::Text,
            &["2026-11-24T08:15:30.", "2026-11-24T08:15:30.1234567", "2026-11-24T08:15:30 UTC", "2026-11-24T08:15:30z"],
        );
        check(
            Seen::Text,
            &[
                "2026-11-24T08:15:30+1",
                "2026-11-24T08:15:30+24:00",
                "2026-11-24  08:15:30",
                "08:15:30",
                "2026-02-30 08:15",
            ],
        );
    }

    #[test]
    fn instants_count_from_1970() {
        let days = |text: &str| date_days(text.as_bytes());
        assert_eq!([days("1970-01-01"), days("2000-03-01"), days("1969-12-31")], [Some(0), Some(11_017), Some(-1)]);
        let micros = |text: &str| datetime_micros(text.as_bytes());
        assert_eq!(micros("1970-01-01 00:00:00.000001"), Some(1));
        assert_eq!(micros("1970-01-02T00:00:00Z"), Some(86_400_000_000));
        assert_eq!(micros("1970-01-01T01:00:00+01:00"), Some(0));
        assert_eq!(micros("1969-12-31T23:59:59.5-00:30"), Some(1_799_500_000));
    }

    #[test]
    fn a_column_has_the_narrowest_kind_that_holds_all() {
        let all = |fields: &[&str]| fields.iter().fold(Seen::Null, |seen, field| seen.join(Seen::of(field.as_bytes())));
        assert_eq!(all(&["1", "2.5"]), Seen::Float);
        assert_eq!(all(&["1", "NaN"]), Seen::Float);
        assert_eq!(all(&["1", "9223372036854775808"]).kind(), TextKind::Text);
        assert_eq!(all(&["9223372036854775808", "0.5"]), Seen::Float);
        assert_eq!(all(&["9223372036854775808", "x", "0.5"]), Seen::Text);
        assert_eq!(all(&["1", "true"]), Seen::Text);
        assert_eq!(all(&["2026-11-24", "2026-11-24 00:00"]), Seen::Text);
        assert_eq!(all(&["2026-11-24 00:00", "2026-11-24 00:00Z"]), Seen::Text);
        assert_eq!(all(&[]).kind(), TextKind::Null);
    }
}
