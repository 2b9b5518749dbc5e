//! What changed since an earlier report. The report's digest may have been written by anyone: nothing of it is shown
//! but numbers and statuses.

use super::foreign::code;
use super::{Before, parts};
use crate::report::digest::Line;
use crate::report::verdict::Verdict;
use crate::support::words;

/// Verdicts that are named one by one.
const NAMED: usize = 3;
/// Runs that a trend draws.
const TREND: usize = 12;

/// In a sentence: what stopped passing, and what passes again.
pub fn turned(before: &Before, verdicts: &[&Verdict]) -> String {
    let (worse, better) = before.digest.turned(verdicts);
    let gone = before.digest.gone(verdicts);
    let named = |verdicts: &[&Verdict]| {
        let titles: Vec<String> = verdicts.iter().take(NAMED).map(|verdict| parts::title(verdict)).collect();
        let more = verdicts.len().saturating_sub(NAMED);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        format!("{}{more}", titles.join(", "))
    };
    let mut said = Vec::new();
    // Those that stopped passing stand in the table; those that pass again are folded.
    if !worse.is_empty() {
        let verb = if worse.len() == 1 { "blocks" } else { "block" };
        said.push(format!("{} now {verb}", worse.len()));
    }
    if !better.is_empty() {
        let verb = if better.len() == 1 { "blocks" } else { "block" };
        said.push(format!("{} no longer {verb} ({})", better.len(), named(&better)));
    }
    if gone > 0 {
        said.push(format!("{gone} no longer checked"));
    }
    if said.is_empty() {
        return String::new();
    }
    let commit = before.digest.commit.as_deref().filter(|sha| sha.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let commit = commit.map(|sha| format!(" ({})", code(&words::cut(sha, 7).replace('…', "")))).unwrap_or_default();
    let since = match &before.branch {
        None => "Since the last run".to_owned(),
        Some(branch) => format!("Against {}", code(&words::visible(branch))),
    };
    format!("{since}{commit}: {}.", said.join(", "))
}

/// A column of the table: its name, and a cell a verdict; nothing where nothing changed.
pub fn column(before: &Before, verdicts: &[&Verdict]) -> Option<(String, Vec<String>)> {
    const SAME: &str = "·";
    let cells: Vec<String> = before
        .digest
        .beside(verdicts)
        .into_iter()
        .zip(verdicts)
        .map(|(line, verdict)| line.map_or_else(|| "new".to_owned(), |line| cell(line, verdict, SAME)))
        .collect();
    let name = match &before.branch {
        None => "Last run".to_owned(),
        Some(branch) => code(&words::visible(branch)),
    };
    cells.iter().any(|cell| cell != SAME).then_some((name, cells))
}

fn cell(line: &Line, verdict: &Verdict, same: &str) -> String {
    let shown = |value: f64| words::observed(value, verdict.limit.as_ref(), verdict.unit);
    // In another unit it was another question.
    let numbers = line.observed.zip(verdict.observed).filter(|_| line.unit == verdict.unit);
    let all: Vec<f64> =
        line.past.iter().copied().chain(numbers.map(|(then, _)| then)).chain(verdict.observed).collect();
    let trend = if line.past.len() > 1 && numbers.is_some() {
        let shown = &all[all.len().saturating_sub(TREND)..];
        format!("<br>{}", words::sparkline(&words::risen(shown)))
    } else {
        String::new()
    };
    let text = match (line.status == verdict.status, numbers) {
        (false, Some((then, _))) => format!("{}<br>{}", line.status.word(), shown(then)),
        (false, None) => line.status.word().to_owned(),
        (true, Some((then, now))) if then != now => {
            let arrow = if now > then { '▲' } else { '▼' };
            let by = words::observed((now - then).abs(), None, verdict.unit);
            format!("{arrow} {by}")
        }
        (true, _) => same.to_owned(),
    };
    parts::tight(&(text + &trend))
}
