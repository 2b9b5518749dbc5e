//! Numbers and foreign names as people read them: pure, and the one place that decides how.

use std::fmt::Write;

use crate::support::limit::{Limit, Unit};

/// The longest foreign name that is shown whole, in characters.
const LONGEST_NAME: usize = 80;

/// The most bars that a sparkline has room for.
pub const BARS: usize = 24;

/// From here on a number is written with an exponent: its digits would fill a line.
const HUGE: f64 = 1e15;

/// A name that somebody else wrote, in backticks, safe to print anywhere: control, bidirectional
/// and zero-width characters and the backtick itself appear as `\u{…}`, long names are cut.
pub fn code(name: &str) -> String {
    format!("`{}`", visible(name))
}

/// As [`code`], without the backticks; a name without a character is `""`.
pub fn visible(name: &str) -> String {
    if name.is_empty() {
        return "\"\"".into();
    }
    let mut out = String::with_capacity(name.len());
    for (i, c) in name.chars().enumerate() {
        if i == LONGEST_NAME {
            out.push('…');
            break;
        }
        if c == '`' || c.is_control() || is_invisible(c) {
            let _ = write!(out, "\\u{{{:x}}}", c as u32);
        } else {
            out.push(c);
        }
    }
    out
}

/// A text that somebody else wrote, in one line: breaks and tabs are spaces, other control and
/// invisible characters appear as `\u{…}`, space around it is gone.
pub fn one_line(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.trim().chars() {
        match c {
            '\n' | '\r' | '\t' if out.ends_with(' ') => {}
            '\n' | '\r' | '\t' => out.push(' '),
            c if c.is_control() || is_invisible(c) => {
                let _ = write!(out, "\\u{{{:x}}}", c as u32);
            }
            c => out.push(c),
        }
    }
    out
}

/// The first `longest` characters, and `…` where there were more.
pub fn cut(text: &str, longest: usize) -> String {
    match text.char_indices().nth(longest) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Zero-width, bidirectional and other format characters that change how text around them looks,
/// and the two that XML forbids.
pub fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}'
        | '\u{fff9}'..='\u{fffb}' | '\u{fffe}' | '\u{ffff}' | '\u{e0000}'..='\u{e007f}')
}

/// The first few of `names` in backticks, and how many more there are.
pub fn list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    const SHOWN: usize = 3;
    let names: Vec<_> = names.into_iter().collect();
    let mut out = names.iter().take(SHOWN).map(|name| code(name)).collect::<Vec<_>>().join(", ");
    if names.len() > SHOWN {
        let _ = write!(out, " and {} more", names.len() - SHOWN);
    }
    out
}

/// ` (and … too)`, or nothing: the other columns that share the first one's fault.
pub fn and_others<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let others = list(names);
    if others.is_empty() { others } else { format!(" (and {others} too)") }
}

/// `; the first is row 18`, where it is known: rows of the table, from 1.
pub fn first_row(counted_from_0: Option<u64>) -> String {
    counted_from_0.map(|row| format!("; the first is row {}", count(row + 1))).unwrap_or_default()
}

/// A whole number with thousands separated: `12,000`.
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `1 row`, `12,000 rows`.
pub fn rows(n: u64) -> String {
    format!("{} {}", count(n), if n == 1 { "row" } else { "rows" })
}

/// A number in at most `decimals` places, without trailing zeros.
fn rounded(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    if text == "-0" { "0".into() } else { text.into() }
}

/// A number as short as it can be said, yet never looking equal to a limit it differs from.
pub fn number(value: f64, limits: &[f64]) -> String {
    digits(value, limits, 2)
}

/// A metric: three digits after the point, more where it is small or near a limit, fewer where it is large.
pub fn metric(value: f64, limits: &[f64]) -> String {
    let enough = match value.abs() {
        0.0 => 3,
        small if small < 0.1 => (2 - small.log10().floor() as i32).clamp(3, 17) as usize,
        large if large >= 10.0 => 2,
        _ => 3,
    };
    digits(value, limits, enough)
}

/// `95 % interval 0.912 to 0.934`.
pub fn interval(low: f64, high: f64, confidence: f64) -> String {
    format!("{} interval {}", percent(100.0 * confidence, &[100.0]), range((low, high)))
}

/// `0.912 to 0.934`.
pub fn range((low, high): (f64, f64)) -> String {
    let end = |end: f64| match end {
        f64::INFINITY => "∞".to_owned(),
        f64::NEG_INFINITY => "-∞".to_owned(),
        end => metric(end, &[]),
    };
    format!("{} to {}", end(low), end(high))
}

/// `+0.012`: a difference.
pub fn signed(value: f64, limits: &[f64]) -> String {
    let text = metric(value, limits);
    if value > 0.0 { format!("+{text}") } else { text }
}

/// A p-value: `0.031`, `< 0.001`.
pub fn p_value(p: f64) -> String {
    if p < 0.001 { "< 0.001".into() } else { metric(p, &[]) }
}

/// `: 535 more rows like these would decide`.
pub fn more_rows(needed: u64, there: u64) -> String {
    let more = needed.saturating_sub(there).max(1);
    format!(": {} more {} like these would decide", count(more), if more == 1 { "row" } else { "rows" })
}

fn digits(value: f64, limits: &[f64], least: usize) -> String {
    if !value.is_finite() {
        return value.to_string();
    }
    if value.abs() >= HUGE {
        return format!("{value:e}");
    }
    let enough = |text: &str| {
        (value == 0.0 || text != "0")
            && limits.iter().all(|&limit| limit == value || text != rounded(limit, 17) && text.parse() != Ok(limit))
    };
    (least..=17).map(|decimals| rounded(value, decimals)).find(|text| enough(text)).unwrap_or_else(|| value.to_string())
}

/// `7.25 %`.
pub fn percent(value: f64, limits: &[f64]) -> String {
    format!("{} %", number(value, limits))
}

/// `observed` with its unit; digits enough to tell it from its limit.
pub fn observed(value: f64, limit: Option<&Limit>, unit: Option<Unit>) -> String {
    let limits: Vec<f64> = limit.iter().flat_map(|limit| [limit.min, limit.max]).flatten().collect();
    with_unit(value, &limits, unit)
}

/// `≤ 5 %`, `≥ 1,000 rows`, `1 % to 99 %`.
pub fn limit(limit: &Limit, unit: Option<Unit>) -> String {
    match (limit.min, limit.max) {
        (Some(min), Some(max)) => format!("{} to {}", written(min, unit), written(max, unit)),
        (Some(min), None) if limit.exclusive => format!("> {}", written(min, unit)),
        (Some(min), None) => format!("≥ {}", written(min, unit)),
        (None, Some(max)) if limit.exclusive => format!("< {}", written(max, unit)),
        (None, Some(max)) => format!("≤ {}", written(max, unit)),
        (None, None) => String::new(),
    }
}

/// A limit as it was written, with its unit: a limit that is rounded is another limit.
fn written(limit: f64, unit: Option<Unit>) -> String {
    // The limit keeps its digits, as a value beside another that rounds to the same would.
    match unit {
        Some(Unit::Rows) => with_unit(limit, &[], unit),
        Some(Unit::Percent) => format!("{} %", exact(limit)),
        Some(Unit::Days) => format!("{} {}", exact(limit), if limit == 1.0 { "day" } else { "days" }),
        Some(Unit::Milliseconds) => format!("{} ms", exact(limit)),
        Some(Unit::Megabytes) => format!("{} MB", exact(limit)),
        None => exact(limit),
    }
}

/// A number with all its digits.
pub fn exact(value: f64) -> String {
    if value.abs() >= HUGE || value != 0.0 && value.abs() < 1e-12 { format!("{value:e}") } else { format!("{value}") }
}

/// How long a run took: `41 ms`, `2.4 s`, `3 min 5 s`.
pub fn duration(ms: u64) -> String {
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..60_000 => format!("{} s", rounded(ms as f64 / 1e3, 1)),
        _ => format!("{} min {} s", count(ms / 60_000), ms % 60_000 / 1_000),
    }
}

/// A distribution at a glance, one bar a share, the highest full: `█▅▁`.
pub fn sparkline(shares: &[f64]) -> String {
    const HEIGHTS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let highest = shares.iter().copied().fold(0.0, f64::max);
    let bar = |share: f64| if highest > 0.0 { (share / highest * 7.0).round().clamp(0.0, 7.0) as usize } else { 0 };
    shares.iter().map(|&share| HEIGHTS[bar(share)]).collect()
}

/// Values as heights from the lowest, which keeps a little of its own: a line of what is never near 0 is drawn too.
pub fn risen(values: &[f64]) -> Vec<f64> {
    let lowest = values.iter().copied().fold(f64::INFINITY, f64::min);
    let highest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    values.iter().map(|value| if highest > lowest { (value - lowest) / (highest - lowest) } else { 0.5 }).collect()
}

fn with_unit(value: f64, limits: &[f64], unit: Option<Unit>) -> String {
    match unit {
        Some(Unit::Percent) => percent(value, limits),
        Some(Unit::Rows) if value >= 0.0 && value.fract() == 0.0 && value < HUGE => rows(value as u64),
        Some(Unit::Rows) => format!("{} rows", number(value, limits)),
        Some(Unit::Days) => format!("{} {}", number(value, limits), if value == 1.0 { "day" } else { "days" }),
        Some(Unit::Milliseconds) => format!("{} ms", number(value, limits)),
        Some(Unit::Megabytes) => format!("{} MB", number(value, limits)),
        None => metric(value, limits),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_over_its_limit_never_prints_as_equal_to_it() {
        assert_eq!(percent(5.0, &[5.0]), "5 %");
        assert_eq!(percent(5.004, &[5.0]), "5.004 %");
        assert_eq!(percent(4.996, &[5.0]), "4.996 %");
        assert_eq!(percent(7.25, &[5.0]), "7.25 %");
        assert_eq!(percent(0.0001, &[0.0]), "0.0001 %");
        assert_eq!(percent(5.000000000000001, &[5.0]), "5.000000000000001 %");
        assert_eq!(number(1e-30, &[0.0]), "0.000000000000000000000000000001");
    }

    #[test]
    fn foreign_names_cannot_leave_their_backticks() {
        assert_eq!(code("a`b\n::error::x"), "`a\\u{60}b\\u{a}::error::x`");
        assert_eq!(code("\u{202e}abc"), "`\\u{202e}abc`");
        assert_eq!(code(&"x".repeat(100)).chars().count(), 83);
    }

    #[test]
    fn counts_are_separated_by_thousands() {
        assert_eq!(rows(1), "1 row");
        assert_eq!(rows(10_000_000), "10,000,000 rows");
    }

    #[test]
    fn foreign_text_stays_in_its_line() {
        assert_eq!(one_line(" a\r\n\n b\tc\u{1b}[31m\u{200b} "), "a  b c\\u{1b}[31m\\u{200b}");
    }

    #[test]
    fn an_empty_name_can_be_seen() {
        assert_eq!(code(""), "`\"\"`");
    }

    #[test]
    fn a_huge_number_fits_a_line() {
        assert_eq!(number(1e300, &[]), "1e300");
        assert_eq!(observed(-2.5e20, None, Some(Unit::Rows)), "-2.5e20 rows");
    }

    #[test]
    fn a_distribution_is_drawn_against_its_highest_share() {
        assert_eq!(sparkline(&[70.0, 30.0, 0.0]), "█▄▁");
        assert_eq!(sparkline(&[0.0, 0.0]), "▁▁");
        assert_eq!(sparkline(&[]), "");
    }

    #[test]
    fn a_metric_has_three_digits_and_a_limit_all_of_its_own() {
        assert_eq!(
            [0.92134, 0.0123456, 12.3456, 0.9].map(|value| metric(value, &[])),
            ["0.921", "0.0123", "12.35", "0.9"]
        );
        assert_eq!(metric(0.92049, &[0.92]), "0.9205");
        assert_eq!(limit(&Limit::min(0.9995), None), "≥ 0.9995");
        assert_eq!(limit(&Limit { exclusive: true, ..Limit::min(0.0) }, None), "> 0");
        assert_eq!(limit(&Limit::max(10.9995), Some(Unit::Milliseconds)), "≤ 10.9995 ms");
        assert_eq!(range((f64::NEG_INFINITY, 0.5)), "-∞ to 0.5");
        assert_eq!(interval(0.9, 0.95, 0.99995), "99.995 % interval 0.9 to 0.95");
        assert_eq!([0.0001, 0.03].map(p_value), ["< 0.001", "0.03"]);
        assert_eq!([0.01, -0.01, 0.0].map(|value| signed(value, &[])), ["+0.01", "-0.01", "0"]);
    }

    #[test]
    fn durations_have_the_unit_that_suits_them() {
        assert_eq!([41, 2_449, 185_000].map(duration), ["41 ms", "2.4 s", "3 min 5 s"]);
    }
}
