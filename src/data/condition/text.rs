//! Texts: patterns, cases, and what is made of them within the budget.

use std::borrow::Cow;
use std::cell::Cell;

use regex::Regex;

use super::values::{MOST_TEXT, TooLarge};
use crate::support::problem::Problem;
use crate::support::words::code;

/// Bytes of text that may still be made.
pub struct Budget(Cell<usize>);

impl Budget {
    pub fn new() -> Self {
        Self(Cell::new(MOST_TEXT))
    }

    /// Takes bytes from the budget before they are made.
    ///
    /// # Errors
    /// There are not so many left.
    pub fn take(&self, bytes: usize) -> Result<(), TooLarge> {
        self.0.set(self.0.get().checked_sub(bytes).ok_or(TooLarge)?);
        Ok(())
    }
}

/// Compiles a pattern of `LIKE`: `%` is any text, `_` one character, what follows `escape` is itself.
///
/// # Errors
/// The pattern ends with the escape character, or is too large.
pub fn like(pattern: &str, escape: Option<char>, lower: bool) -> Result<Regex, Problem> {
    let mut regex = String::from(r"(?s)\A");
    let mut literal = String::new();
    let mut characters = pattern.chars();
    while let Some(c) = characters.next() {
        let special = match c {
            c if Some(c) == escape => {
                let escaped = characters.next();
                literal.push(escaped.ok_or_else(|| {
                    Problem::new(format!("the pattern {} ends with its escape character", code(pattern)))
                })?);
                None
            }
            '%' => Some(".*"),
            '_' => Some("."),
            c => {
                literal.push(c);
                None
            }
        };
        if let Some(special) = special {
            regex.push_str(&regex::escape(&if lower { lower_case(&literal) } else { literal.clone() }));
            regex.push_str(special);
            literal.clear();
        }
    }
    regex.push_str(&regex::escape(&if lower { lower_case(&literal) } else { literal }));
    regex.push_str(r"\z");
    Regex::new(&regex).map_err(|_| Problem::new(format!("the pattern {} is too large", code(pattern))))
}

/// Character by character, so that no text grows and none depends on its neighbors.
pub fn lower_case(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    text.chars().map(|c| single(c, c.to_lowercase())).collect()
}

pub fn upper_case(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_uppercase();
    }
    text.chars().map(|c| single(c, c.to_uppercase())).collect()
}

fn single(c: char, mut cases: impl Iterator<Item = char>) -> char {
    match (cases.next(), cases.next()) {
        (Some(one), None) => one,
        _ => c,
    }
}

pub fn trim<'t>(text: &'t str, characters: &str, start: bool, end: bool) -> &'t str {
    let is_trimmed = |c: char| characters.contains(c);
    let text = if start { text.trim_start_matches(is_trimmed) } else { text };
    if end { text.trim_end_matches(is_trimmed) } else { text }
}

/// The characters from the `start`th, counted from 0.
pub fn characters(text: &str, start: usize, length: Option<usize>) -> &str {
    let at = |index: usize, text: &str| text.char_indices().nth(index).map_or(text.len(), |(at, _)| at);
    let text = &text[at(start, text)..];
    match length {
        Some(length) => &text[..at(length, text)],
        None => text,
    }
}

/// Replaces every occurrence; nothing is replaced by an empty `from`.
///
/// # Errors
/// The result outgrows the budget.
pub fn replace(text: &str, from: &str, to: &str, budget: &Budget) -> Result<String, TooLarge> {
    if from.is_empty() {
        budget.take(text.len())?;
        return Ok(text.to_owned());
    }
    let grown =
        if to.len() > from.len() { text.matches(from).count().saturating_mul(to.len() - from.len()) } else { 0 };
    budget.take(text.len().saturating_add(grown))?;
    Ok(text.replace(from, to))
}

/// # Errors
/// The result outgrows the budget.
pub fn concat<'t>(parts: impl Iterator<Item = &'t str> + Clone, budget: &Budget) -> Result<String, TooLarge> {
    budget.take(parts.clone().map(str::len).sum())?;
    Ok(parts.collect())
}

/// In characters from 1; 0 where it does not occur.
pub fn position(text: &str, wanted: &str) -> i128 {
    text.find(wanted).map_or(0, |at| text[..at].chars().count() as i128 + 1)
}

/// A part of a text.
///
/// # Errors
/// The copy outgrows the budget.
pub fn part<'a>(text: &Cow<'a, str>, take: impl Fn(&str) -> &str, budget: &Budget) -> Result<Cow<'a, str>, TooLarge> {
    Ok(match text {
        Cow::Borrowed(text) => Cow::Borrowed(take(text)),
        Cow::Owned(text) => {
            let part = take(text);
            budget.take(part.len())?;
            Cow::Owned(part.to_owned())
        }
    })
}

/// A copy of a text.
///
/// # Errors
/// The copy outgrows the budget.
pub fn copy<'a>(text: &Cow<'a, str>, budget: &Budget) -> Result<Cow<'a, str>, TooLarge> {
    part(text, |text| text, budget)
}
