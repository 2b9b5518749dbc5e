//! Dates as days and times as nanoseconds since 1970 UTC.

use chrono::{DateTime, Datelike, Months, NaiveDate, NaiveDateTime, Timelike, Utc};

use super::tree::DatePart;

/// Nanoseconds.
pub const DAY: i128 = 86_400_000_000_000;
const SECOND: i128 = 1_000_000_000;

/// Reads `2026-01-31`, exactly so.
pub fn date(text: &str) -> Option<i128> {
    let bytes = text.as_bytes();
    let is_digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    let is_plain =
        bytes.len() == 10 && [0, 1, 2, 3, 5, 6, 8, 9].into_iter().all(is_digit) && bytes[4] == b'-' && bytes[7] == b'-';
    let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().filter(|_| is_plain)?;
    Some(i128::from(date.to_epoch_days()))
}

/// Reads `2026-01-31 12:00:00`, also with `T`, a fraction, a zone, or without a time; without a zone it is UTC.
pub fn timestamp(text: &str) -> Option<i128> {
    if let Some(days) = date(text) {
        return Some(days * DAY);
    }
    date(text.get(..10)?)?;
    let text = text.replacen(' ', "T", 1);
    if let Ok(time) = DateTime::parse_from_rfc3339(&text) {
        return Some(nanos(time.with_timezone(&Utc).naive_utc()));
    }
    let formats = ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M"];
    let time = formats.iter().find_map(|format| NaiveDateTime::parse_from_str(&text, format).ok())?;
    // A leap second is no time of most days.
    Some(nanos(time)).filter(|_| time.nanosecond() < 1_000_000_000)
}

/// `None` outside of the calendar.
pub fn part(nanos: i128, part: DatePart) -> Option<i128> {
    let time = time(nanos)?;
    Some(i128::from(match part {
        DatePart::Year => return Some(time.year().into()),
        DatePart::Quarter => time.month0() / 3 + 1,
        DatePart::Month => time.month(),
        DatePart::Week => time.iso_week().week(),
        DatePart::Day => time.day(),
        DatePart::Weekday => time.weekday().num_days_from_sunday(),
        DatePart::IsoWeekday => time.weekday().number_from_monday(),
        DatePart::DayOfYear => time.ordinal(),
        DatePart::Hour => time.hour(),
        DatePart::Minute => time.minute(),
        DatePart::Second => time.second(),
    }))
}

/// So many months later, on the last day of shorter ones, and then so many nanoseconds.
pub fn shifted(at: i128, months: i32, nanoseconds: i128) -> Option<i128> {
    let moved = if months == 0 {
        at
    } else {
        let time = time(at)?;
        let by = Months::new(months.unsigned_abs());
        nanos(if months < 0 { time.checked_sub_months(by)? } else { time.checked_add_months(by)? })
    };
    moved.checked_add(nanoseconds)
}

pub fn write_date(days: i128) -> Option<String> {
    Some(time(days.checked_mul(DAY)?)?.format("%Y-%m-%d").to_string())
}

pub fn write_timestamp(nanos: i128) -> Option<String> {
    let text = time(nanos)?.format("%Y-%m-%d %H:%M:%S%.f").to_string();
    Some(if text.contains('.') { text.trim_end_matches('0').to_owned() } else { text })
}

fn time(nanos: i128) -> Option<NaiveDateTime> {
    let seconds = i64::try_from(nanos.div_euclid(SECOND)).ok()?;
    let rest = u32::try_from(nanos.rem_euclid(SECOND)).ok()?;
    Some(DateTime::from_timestamp(seconds, rest)?.naive_utc())
}

fn nanos(time: NaiveDateTime) -> i128 {
    let time = time.and_utc();
    i128::from(time.timestamp()) * SECOND + i128::from(time.timestamp_subsec_nanos())
}
