//! The report on a terminal, with styles that the caller's stream keeps or strips: what needs a
//! person first, then what passed, a line each. No text of others can steer the terminal or the
//! runner that reads its log.

mod details;

use std::fmt::Write;

use anstyle::{AnsiColor, Style};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::group::{Group, grouped};
use super::{Report, RunResult};
use crate::report::verdict::{Status, Verdict};
use crate::support::log::escape;
use crate::support::words;

/// The narrowest terminal that is written for, and the widest that is made use of.
const WIDTHS: (usize, usize) = (40, 120);
/// The longest sentence that is shown whole, in characters.
const LONGEST: usize = 1_000;
/// Offending columns that are named.
const OFFENDERS: usize = 10;

const QUIET: Style = Style::new().dimmed();
const NAME: Style = Style::new().bold();

/// The text, each line ending in a line break; `width` is in columns.
pub fn render(report: &Report, width: usize) -> String {
    let verdicts = report.worst_first();
    let columns = Columns::of(&verdicts, width.clamp(WIDTHS.0, WIDTHS.1));
    let mut out = String::new();
    let mut is_open = false;
    for Group { first: verdict, others } in grouped(&verdicts) {
        if is_quiet(verdict.status) {
            if std::mem::take(&mut is_open) {
                out.push('\n');
            }
            columns.row(&mut out, verdict);
            verdict.notes().iter().for_each(|note| columns.sentence(&mut out, note));
            continue;
        }
        is_open = true;
        columns.row(&mut out, verdict);
        columns.sentence(&mut out, &verdict.message);
        if let Some(hint) = &verdict.hint {
            columns.sentence(&mut out, &format!("hint: {hint}"));
        }
        columns.same(&mut out, &others);
        columns.details(&mut out, verdict);
    }
    if !out.is_empty() {
        out.push('\n');
    }
    if report.verdicts().next().is_none() {
        Columns { indent: 0, ..columns }.sentence(&mut out, &report.summary);
    }
    for line in about(report) {
        let _ = writeln!(out, "{QUIET}{}{QUIET:#}", foreign(&line));
    }
    let style = match report.result {
        RunResult::Passed => AnsiColor::Green,
        RunResult::Blocked | RunResult::Error => AnsiColor::Red,
    };
    let style = style.on_default().bold();
    let _ = writeln!(out, "{style}{}{style:#} · {}", report.headline(), words::duration(report.duration_ms));
    out
}

/// Whether a line says it all.
fn is_quiet(status: Status) -> bool {
    matches!(status, Status::Pass | Status::Skipped)
}

fn style(status: Status) -> Style {
    match status {
        Status::Pass => AnsiColor::Green.on_default(),
        Status::Fail | Status::Error => AnsiColor::Red.on_default().bold(),
        Status::Warn => AnsiColor::Yellow.on_default(),
        Status::Inconclusive => AnsiColor::Magenta.on_default(),
        Status::Skipped => QUIET,
    }
}

/// One column wide on every terminal, which emoji are not.
fn sign(status: Status) -> char {
    match status {
        Status::Pass => '✓',
        Status::Fail | Status::Error => '✗',
        Status::Warn => '!',
        Status::Inconclusive => '?',
        Status::Skipped => '-',
    }
}

/// The widths that all rows share.
struct Columns {
    width: usize,
    indent: usize,
    label: usize,
    observed: usize,
}

impl Columns {
    fn of(verdicts: &[&Verdict], width: usize) -> Self {
        let widest = |text: &dyn Fn(&Verdict) -> String| verdicts.iter().map(|v| text(v).width()).max().unwrap_or(0);
        let indent = widest(&|verdict| verdict.status.word().into()) + 4;
        let (observed, limit) = (widest(&observed), widest(&limit));
        // Numbers are never cut: a cut number is another number.
        let room = width.saturating_sub(indent + observed + limit + 4).max(16);
        Self { width, indent, label: widest(&label).min(room), observed }
    }

    fn row(&self, out: &mut String, verdict: &Verdict) {
        let (style, word) = (style(verdict.status), verdict.status.word());
        let label = padded(&fitted(&label(verdict), self.label), self.label);
        let (observed, limit) = (observed(verdict), limit(verdict));
        let _ = write!(out, "{style}{} {word:<1$}{style:#}", sign(verdict.status), self.indent - 2);
        let mut rest = format!("{label}  {}{observed}  {limit}", " ".repeat(self.observed - observed.width()));
        if is_quiet(verdict.status) && observed.is_empty() {
            // What has no number, such as a schema, says what was seen.
            let room = self.width.saturating_sub(self.indent + self.label + 2);
            rest = format!("{label}  {QUIET}{}{QUIET:#}", fitted(&foreign(&verdict.message), room));
        }
        let _ = writeln!(out, "{}", rest.trim_end());
    }

    /// The other checks that end with the same error.
    fn same(&self, out: &mut String, others: &[&Verdict]) {
        const NAMED: usize = 6;
        if others.is_empty() {
            return;
        }
        let mut names: Vec<String> = others.iter().take(NAMED).map(|verdict| label(verdict)).collect();
        if others.len() > NAMED {
            names.push(format!("{} more", words::count((others.len() - NAMED) as u64)));
        }
        self.sentence(out, &format!("the same error: {}", names.join(", ")));
    }

    /// A text below its row, names in it bold.
    fn sentence(&self, out: &mut String, text: &str) {
        let text = words::cut(&foreign(text), LONGEST);
        if text.is_empty() {
            return;
        }
        let names = text.matches('`').count().is_multiple_of(2);
        let mut inside = false;
        for line in wrapped(&text, self.width.saturating_sub(self.indent)) {
            let mut painted = String::new();
            for (i, part) in line.split('`').enumerate() {
                if i > 0 {
                    inside = !inside;
                    painted.push('`');
                }
                if inside && names && !part.is_empty() {
                    let _ = write!(painted, "{NAME}{part}{NAME:#}");
                } else {
                    painted += part;
                }
            }
            let _ = writeln!(out, "{}{painted}", " ".repeat(self.indent));
        }
    }
}

/// What was judged, and what was left out of it.
fn about(report: &Report) -> Vec<String> {
    let mut lines: Vec<_> = report
        .tables
        .iter()
        .map(|(name, table)| {
            let rows = table.rows.map_or("not read".into(), words::rows);
            let columns = table.columns.map(|columns| format!(" × {} columns", words::count(columns)));
            format!("{name}: {rows}{} ({})", columns.unwrap_or_default(), table.path)
        })
        .collect();
    if let Some(said) = report.model.said(ToOwned::to_owned, ToOwned::to_owned) {
        lines.push(format!("model: {said}"));
    }
    if let Some(title) = report.baseline.as_ref().and_then(|baseline| baseline["title"].as_str()) {
        lines.push(format!("production: {title}"));
    }
    if !report.not_configured.is_empty() {
        lines.push(format!("not configured: {}", report.not_configured.join(", ")));
    }
    lines
}

/// `range · age on test (adults only)`.
fn label(verdict: &Verdict) -> String {
    let mut label = words::visible(&verdict.check);
    if let Some(subject) = &verdict.subject {
        let _ = write!(label, " · {}", words::visible(subject));
    }
    if let Some(columns) = verdict.named_columns() {
        let _ = write!(label, " · {}", words::visible(&columns));
    }
    if let Some(average) = verdict.average() {
        let _ = write!(label, " ({})", words::visible(average));
    }
    if let Some(by) = verdict.by() {
        let _ = write!(label, " by {}", words::visible(by));
    }
    if let Some(table) = &verdict.on {
        let _ = write!(label, " on {}", words::visible(table));
    }
    if let Some(name) = &verdict.name {
        let _ = write!(label, " ({})", words::visible(name));
    }
    foreign(&label)
}

fn observed(verdict: &Verdict) -> String {
    verdict.observed.map(|value| words::observed(value, verdict.limit.as_ref(), verdict.unit)).unwrap_or_default()
}

fn limit(verdict: &Verdict) -> String {
    verdict.limit.map(|limit| words::limit(&limit, verdict.unit)).unwrap_or_default()
}

fn foreign(text: &str) -> String {
    escape::plain(&words::one_line(text))
}

fn padded(text: &str, width: usize) -> String {
    format!("{text}{}", " ".repeat(width.saturating_sub(text.width())))
}

/// The beginning that fits `width` columns, ending in `…` where there was more.
fn fitted(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.into();
    }
    format!("{}…", &text[..end_of(text, width.saturating_sub(1))])
}

/// The lines of a text, broken at spaces where there are any.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![];
    let mut rest = text;
    loop {
        let end = end_of(rest, width.max(2));
        if end == rest.len() {
            lines.push(escape::plain(rest));
            return lines;
        }
        // A number stays with its `%`.
        let spaces = rest.match_indices(' ').map(|(at, _)| at).take_while(|at| *at <= end);
        let space = spaces.filter(|at| *at > 0 && !rest[at + 1..].starts_with('%')).last();
        let (line, next) = space.map_or_else(|| rest.split_at(end), |at| (&rest[..at], &rest[at + 1..]));
        lines.push(escape::plain(line));
        rest = next;
    }
}

/// Where the characters end that fit `width` columns.
fn end_of(text: &str, width: usize) -> usize {
    let mut used = 0;
    for (at, c) in text.char_indices() {
        used += c.width().unwrap_or(0);
        if used > width {
            return at;
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    /// As a stream that is no terminal gets it.
    fn plain(report: &Report, width: usize) -> String {
        let text = render(report, width);
        let mut parts = text.split("\u{1b}[");
        let first = parts.next().unwrap_or_default().to_owned();
        parts.fold(first, |out, part| out + part.split_once('m').unwrap().1)
    }

    #[test]
    fn failures_come_first_with_their_sentences_and_what_passed_has_a_line() {
        let mut report = sample::blocked();
        report.gates[0].checks.retain(|verdict| verdict.check != "unique" && verdict.check != "target_distribution");
        let expected = "\
✗ FAIL  missing_values            7.25 %  ≤ 5 %
        `income` is missing in 7.25 % of rows, at most 5 % allowed; so
        are `job`, `housing` and 5 more
        hint: see who fills `income` upstream, or list the columns
        that may be empty with a limit of their own
        `income` 7.25 %, `job` 6.5 %, `housing` 6.1 %, `feature_5`
        5.62 %, `feature_4` 5.5 %, `feature_3` 5.38 %, `feature_2`
        5.25 %, `feature_1` 5.12 %
        mlgate.yml:12
✗ FAIL  schema
        `region` is missing from the table, and `age` is text, not
        integer
        mlgate.yml:12
! WARN  range · age on test       0.02 %  ≤ 0 %
        `age` is outside 18 to 120 in 0.02 % of rows (2 of 12,000)
        is waived until 2026-12-31 by alice: the branch of `May` is
        being loaded
        mlgate.yml:12

✓ PASS  row_count            12,000 rows  ≥ 1,000 rows
✓ PASS  range · income               0 %  ≤ 0 %
✓ PASS  schema on test       all 21 columns are there, with their typ…
✓ PASS  freshness              1.25 days  ≤ 7 days

training: 12,000 rows × 21 columns (data/training.parquet)
not configured: max_duplicate_percent
Blocked: 2 of 7 checks failed, 1 warned · 412 ms
";
        assert_eq!(plain(&report, 70), expected);
    }

    #[test]
    fn slices_have_a_line_each_and_notes_stand_where_it_passes() {
        let text = plain(&sample::model(), 100);
        for part in [
            "metric · recall (of 1) by region",
            "`region=north`  0.55  41 rows  FAIL",
            "`region=|east`  0.9  9 rows  INCONCLUSIVE  fewer than 30 rows",
            "left out with fewer than 30 rows: `sex=x`",
            "production: credit-risk v7 (champion)",
        ] {
            assert!(text.contains(part), "{part} is not in {text}");
        }
    }

    #[test]
    fn no_line_is_wider_than_the_terminal() {
        let mut report = sample::blocked();
        report.gates[0].checks[1].message = "列".repeat(200) + &"x".repeat(200);
        report.gates[0].checks[2].subject = Some("c".repeat(500));
        for width in [70, 80, 120] {
            for line in plain(&report, width).lines() {
                assert!(line.width() <= width, "{width}: {line}");
            }
        }
    }

    #[test]
    fn one_reason_of_many_failures_is_said_once() {
        let mut report = sample::of_each_status();
        for verdict in &mut report.gates[0].checks {
            verdict.status = Status::Error;
            verdict.message = "no file `data/training.parquet`".into();
        }
        assert_eq!(plain(&report, 80).matches("no file").count(), 1);
    }

    #[test]
    fn nothing_foreign_steers_the_terminal_or_the_runner() {
        let hostile = "\u{1b}]0;x\u{7}\r\n::error::x ##[group]y \u{202e}";
        let mut report = sample::of_each_status();
        for verdict in &mut report.gates[0].checks {
            (verdict.check, verdict.message) =
                (hostile.into(), format!("::add-mask::x {}{hostile}", "::y ".repeat(50)));
            (verdict.subject, verdict.hint) = (Some(hostile.into()), Some(hostile.into()));
            verdict.examples = vec![hostile.into()];
        }
        report.not_configured = vec![hostile.into()];
        let table = report.tables["training"].clone();
        report.tables = [(hostile.to_owned(), table)].into();
        let text = plain(&report, 60);
        assert!(!text.contains(|c: char| c != '\n' && (c.is_control() || words::is_invisible(c))), "{text}");
        assert!(!text.contains("##["), "{text}");
        assert!(!text.lines().any(|line| line.trim_start().starts_with("::")), "{text}");
    }

    #[test]
    fn a_run_without_checks_says_why() {
        let mut report = sample::report(RunResult::Error, vec![]);
        report.summary = "failed to read `mlgate.yml`".into();
        assert!(plain(&report, 80).starts_with("failed to read `mlgate.yml`\n"));
    }
}
