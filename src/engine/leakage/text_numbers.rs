//! Numbers in texts: `€ 1,234.50` and `1234.5 kg` contain 1234.5.

use std::sync::LazyLock;

use regex::Regex;

use crate::stats::distribution::{Categories, Summary};

static NUMBER: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"-?[0-9][0-9,]*(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?").ok());

/// What a lone comma in a column's numbers is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comma {
    Thousands,
    Decimal,
}

/// The numbers of a column of texts, if most of them contain one.
#[derive(Debug, PartialEq)]
pub struct TextNumbers {
    pub comma: Comma,
    /// The first number of each text, with how often it occurs.
    pub first: Summary,
    /// The last one, where it differs from the first in any text.
    pub last: Option<Summary>,
}

impl TextNumbers {
    pub fn of(texts: &Categories) -> Option<Self> {
        let is_decimal = texts.counts.iter().any(|(text, _)| tokens(text).any(has_decimal_comma));
        let comma = if is_decimal { Comma::Decimal } else { Comma::Thousands };
        let found: Vec<([f64; 2], u64)> =
            texts.counts.iter().filter_map(|(text, count)| Some((first_and_last(text, comma)?, *count))).collect();
        let total: u64 = texts.counts.iter().map(|(_, count)| count).sum();
        if 2 * found.iter().map(|(_, count)| count).sum::<u64>() <= total {
            return None;
        }
        let summary = |side: usize| summed(found.iter().map(|(numbers, count)| (numbers[side], *count)).collect());
        let differ = found.iter().any(|([first, last], _)| first != last);
        Some(Self { comma, first: summary(0), last: differ.then(|| summary(1)) })
    }
}

/// The first and the last number of a text.
pub fn first_and_last(text: &str, comma: Comma) -> Option<[f64; 2]> {
    // Most numbers stand alone.
    if let Some(number) = text.trim().parse().ok().filter(|number: &f64| number.is_finite()) {
        return Some([number; 2]);
    }
    let mut numbers = tokens(text).filter_map(|token| number(token, comma));
    let first = numbers.next()?;
    Some([first, numbers.last().unwrap_or(first)])
}

fn tokens(text: &str) -> impl Iterator<Item = &str> {
    NUMBER.as_ref().into_iter().flat_map(move |regex| regex.find_iter(text)).map(|found| found.as_str())
}

fn number(token: &str, comma: Comma) -> Option<f64> {
    let is_lone = token.matches(',').count() == 1 && !token.contains('.');
    if is_lone && comma == Comma::Decimal {
        return token.replace(',', ".").parse().ok();
    }
    token.replace(',', "").parse().ok()
}

/// Whether the number's only comma cannot stand between thousands.
fn has_decimal_comma(token: &str) -> bool {
    let Some((whole, rest)) = token.split_once(',') else { return false };
    let places = rest.bytes().take_while(u8::is_ascii_digit).count();
    let is_lone = !rest.contains([',', '.']) && places > 0;
    is_lone
        && (places != 3 || whole.trim_start_matches('-').starts_with('0') || whole.trim_start_matches('-').len() > 3)
}

fn summed(mut values: Vec<(f64, u64)>) -> Summary {
    values.retain(|(value, _)| value.is_finite());
    values.sort_by(|a, b| a.0.total_cmp(&b.0));
    let equal = values.chunk_by(|a, b| a.0 == b.0);
    Summary::of_counts(equal.map(|run| (run[0].0, run.iter().map(|(_, count)| count).sum())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_contains_numbers() {
        for (text, numbers) in [
            ("12.5", [12.5; 2]),
            (" -3 ", [-3.0; 2]),
            ("€ 1,234.50", [1234.5; 2]),
            ("1e3 kg", [1000.0; 2]),
            ("No. 7.", [7.0; 2]),
            ("k12 costs 3.5 EUR", [12.0, 3.5]),
        ] {
            assert_eq!(first_and_last(text, Comma::Thousands), Some(numbers), "{text}");
        }
        assert_eq!(["", "kg", "-", "inf"].map(|text| first_and_last(text, Comma::Thousands)), [None; 4]);
        assert_eq!(first_and_last("2,5 EUR", Comma::Decimal), Some([2.5; 2]));
        assert_eq!(first_and_last("1,234,567", Comma::Decimal), Some([1_234_567.0; 2]));
    }

    #[test]
    fn a_column_has_one_kind_of_comma() {
        let comma = |texts: &[&str]| {
            let counts = texts.iter().map(|text| ((*text).to_owned(), 1)).collect();
            TextNumbers::of(&Categories { counts, ..Categories::default() }).map(|numbers| numbers.comma)
        };
        assert_eq!(comma(&["1,234 EUR", "12,345 EUR"]), Some(Comma::Thousands));
        assert_eq!(comma(&["1,234 EUR", "12,3 EUR"]), Some(Comma::Decimal));
        assert_eq!(comma(&["0,123 EUR"]), Some(Comma::Decimal));
        assert_eq!(comma(&["1,234.5"]), Some(Comma::Thousands));
        assert_eq!(comma(&["red", "blue 1"]), None);
    }
}
