//! Parts of a value that may give the target away where the value itself does not: the parity of a number, the seconds of
//! a time, the end of a text.

use chrono::{DateTime, Datelike};
use polars::prelude::*;
use xxhash_rust::xxh3::xxh3_64;

use crate::data::statistic::Aspect;
use crate::engine::cells::Cells;
use crate::engine::scale::Scale;

/// Slots that the part of a value falls into, at most; texts by their hash.
pub const SLOTS: usize = 128;

const INTEGER: [Aspect; 5] =
    [Aspect::Parity, Aspect::LastDigit, Aspect::LastTwoDigits, Aspect::DigitCount, Aspect::FirstTwoDigits];
const DECIMAL: [Aspect; 6] = [
    Aspect::Parity,
    Aspect::LastDigit,
    Aspect::LastTwoDigits,
    Aspect::DigitCount,
    Aspect::FirstTwoDigits,
    Aspect::DecimalPlaces,
];
const FLOAT: [Aspect; 5] =
    [Aspect::DecimalPlaces, Aspect::Hundredths, Aspect::Parity, Aspect::LastDigit, Aspect::FirstTwoDigits];
const DATE: [Aspect; 3] = [Aspect::Parity, Aspect::Weekday, Aspect::DayOfMonth];
const TIME: [Aspect; 8] = [
    Aspect::FractionOfSecond,
    Aspect::Microsecond,
    Aspect::Millisecond,
    Aspect::Second,
    Aspect::Minute,
    Aspect::Hour,
    Aspect::Weekday,
    Aspect::DayOfMonth,
];
const TEXT: [Aspect; 13] = [
    Aspect::Length,
    Aspect::Prefix(1),
    Aspect::Prefix(2),
    Aspect::Prefix(3),
    Aspect::Suffix(1),
    Aspect::Suffix(2),
    Aspect::Suffix(3),
    Aspect::FirstWord,
    Aspect::SecondWord,
    Aspect::LastWord,
    Aspect::Letters,
    Aspect::DigitCount,
    Aspect::Parity,
];

/// The parts of a column's values that are looked at.
pub fn of(dtype: &DataType) -> &'static [Aspect] {
    match dtype {
        DataType::Date => &DATE,
        DataType::Datetime(..) => &TIME,
        DataType::Decimal(..) => &DECIMAL,
        dtype if dtype.is_integer() => &INTEGER,
        dtype if dtype.is_float() => &FLOAT,
        DataType::String | DataType::Categorical(..) | DataType::Enum(..) => &TEXT,
        _ => &[],
    }
}

/// The slot of each value, from 0 up to `slots`, which is that of missing ones.
pub fn place(aspect: Aspect, cells: &Cells, slots: usize, placed: &mut Vec<u32>) {
    placed.clear();
    let slot = |part: Option<u64>| part.map_or(slots as u32, |part| (part % slots as u64) as u32);
    match cells {
        Cells::Whole(values, scale) => {
            placed.extend(values.iter().map(|value| slot(value.and_then(|value| whole(aspect, value.into(), *scale)))));
        }
        Cells::Wide(values, scale) => {
            placed.extend(values.iter().map(|value| slot(value.and_then(|value| whole(aspect, value, *scale)))));
        }
        Cells::Float(values) => {
            let present = |value: Option<f64>| value.filter(|value| !value.is_nan());
            placed.extend(values.iter().map(|value| slot(present(value).map(|value| float(aspect, value)))));
        }
        Cells::Text(values) => placed.extend(values.iter().map(|value| slot(value.map(|value| text(aspect, value))))),
        Cells::Boolean(values) => placed.resize(values.len(), slots as u32),
        Cells::Other(rows) => placed.resize(*rows, slots as u32),
    }
}

fn whole(aspect: Aspect, value: i128, scale: Scale) -> Option<u64> {
    match scale {
        Scale::Number { digits } => Some(number(aspect, value.unsigned_abs(), digits)),
        Scale::Instant { multiplier, divisor } => {
            let micros = value.checked_mul(multiplier)?.div_euclid(divisor);
            Some(time(aspect, micros))
        }
    }
}

/// Of the digits of a number; `places` of them stand behind the point.
fn number(aspect: Aspect, digits: u128, places: u32) -> u64 {
    (match aspect {
        Aspect::Parity => digits % 2,
        Aspect::LastDigit => digits % 10,
        Aspect::LastTwoDigits => digits % 100,
        Aspect::DigitCount => u128::from(digits.checked_ilog10().map_or(1, |log| log + 1)),
        Aspect::FirstTwoDigits => {
            let log = digits.checked_ilog10().unwrap_or(0);
            if log < 2 { digits } else { digits / 10_u128.pow(log - 1) }
        }
        Aspect::DecimalPlaces => {
            let (mut rest, mut left) = (digits, places);
            while left > 0 && rest.is_multiple_of(10) {
                (rest, left) = (rest / 10, left - 1);
            }
            u128::from(left)
        }
        _ => 0,
    }) as u64
}

fn time(aspect: Aspect, micros: i128) -> u64 {
    const SECOND: i128 = 1_000_000;
    const DAY: i128 = 86_400 * SECOND;
    (match aspect {
        Aspect::Parity => micros.div_euclid(DAY).rem_euclid(2),
        // Thursday, 1 January 1970 is day 0.
        Aspect::Weekday => micros.div_euclid(DAY).rem_euclid(7),
        Aspect::DayOfMonth => {
            let date = i64::try_from(micros).ok().and_then(DateTime::from_timestamp_micros);
            date.map_or(0, |date| date.day().into())
        }
        Aspect::Hour => micros.div_euclid(3600 * SECOND).rem_euclid(24),
        Aspect::Minute => micros.div_euclid(60 * SECOND).rem_euclid(60),
        Aspect::Second => micros.div_euclid(SECOND).rem_euclid(60),
        Aspect::Millisecond => micros.div_euclid(1000).rem_euclid(10),
        Aspect::Microsecond => micros.rem_euclid(10),
        Aspect::FractionOfSecond => {
            let (mut rest, mut places) = (micros.rem_euclid(SECOND), 6);
            while places > 0 && rest % 10 == 0 {
                (rest, places) = (rest / 10, places - 1);
            }
            places
        }
        _ => 0,
    }) as u64
}

fn float(aspect: Aspect, value: f64) -> u64 {
    // Beyond this a float has no parity of its own.
    let size = value.abs().min(9_007_199_254_740_992.0);
    match aspect {
        Aspect::DecimalPlaces => number(aspect, (size * 1e4).round() as u128, 4),
        Aspect::Hundredths => ((size * 100.0).round() as u128 % 100) as u64,
        Aspect::Parity | Aspect::LastDigit | Aspect::FirstTwoDigits => number(aspect, size as u128, 0),
        _ => 0,
    }
}

fn text(aspect: Aspect, text: &str) -> u64 {
    let hashed = |part: &str| xxh3_64(part.as_bytes());
    let is_between = |letter: char| !letter.is_alphanumeric();
    match aspect {
        Aspect::Length => text.chars().take(SLOTS).count() as u64,
        Aspect::Prefix(letters) => {
            let end = text.char_indices().nth(letters.into()).map_or(text.len(), |(at, _)| at);
            hashed(&text[..end])
        }
        Aspect::Suffix(letters) => {
            let start = text.char_indices().rev().nth(usize::from(letters) - 1).map_or(0, |(at, _)| at);
            hashed(&text[start..])
        }
        Aspect::FirstWord => hashed(text.split(is_between).next().unwrap_or_default()),
        Aspect::SecondWord => hashed(text.split(is_between).nth(1).unwrap_or_default()),
        Aspect::Letters => {
            let letters = text.chars().filter(|letter| letter.is_alphabetic());
            hashed(&letters.collect::<String>())
        }
        Aspect::LastWord => hashed(text.rsplit(is_between).next().unwrap_or_default()),
        Aspect::DigitCount => text.bytes().filter(u8::is_ascii_digit).take(SLOTS).count() as u64,
        // Of the last digit that there is.
        Aspect::Parity => {
            text.bytes().rev().find(u8::is_ascii_digit).map_or(2, |digit| u64::from(digit.is_multiple_of(2)))
        }
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_numbers_times_and_texts() {
        assert_eq!(number(Aspect::FirstTwoDigits, 98_765, 0), 98);
        assert_eq!(number(Aspect::FirstTwoDigits, 7, 0), 7);
        assert_eq!(number(Aspect::DigitCount, 0, 0), 1);
        assert_eq!(number(Aspect::DecimalPlaces, 1250, 3), 2);
        assert_eq!(float(Aspect::Hundredths, -3.07), 7);
        assert_eq!(float(Aspect::DecimalPlaces, 0.25), 2);
        let noon = 12 * 3_600_000_000 + 34 * 60_000_000 + 56 * 1_000_000 + 7_000;
        assert_eq!([Aspect::Hour, Aspect::Minute, Aspect::Second].map(|aspect| time(aspect, noon)), [12, 34, 56]);
        assert_eq!([Aspect::FractionOfSecond, Aspect::Millisecond].map(|aspect| time(aspect, noon)), [3, 7]);
        assert_eq!([Aspect::Hour, Aspect::DayOfMonth].map(|aspect| time(aspect, -1)), [23, 31]);
        let same = |aspect, a, b| text(aspect, a) == text(aspect, b);
        assert!(same(Aspect::Prefix(2), "äbc", "äbd") && !same(Aspect::Prefix(3), "äbc", "äbd"));
        assert!(same(Aspect::Suffix(2), "xyé", "zyé") && !same(Aspect::Suffix(3), "xyé", "zyé"));
        assert!(same(Aspect::FirstWord, "A-1", "A/2") && same(Aspect::LastWord, "x-b", "b"));
        assert!(same(Aspect::SecondWord, "A-x-1", "B x") && !same(Aspect::SecondWord, "A-x", "A-y"));
        assert!(same(Aspect::Letters, "P17-A04", "PA/9") && !same(Aspect::Letters, "P1A2", "P1B2"));
        assert_eq!([1e13, 1e13 + 1.0].map(|id| float(Aspect::Parity, id)), [0, 1]);
        assert!(same(Aspect::Parity, "id 12 a", "14") && !same(Aspect::Parity, "id 13", "14"));
        assert_eq!((text(Aspect::Length, "äöü"), text(Aspect::DigitCount, "a1b22")), (3, 3));
        for aspect in TEXT {
            text(aspect, "");
        }
    }
}
