//! The parts of the page: sentences, rows, notes, the last line. Each is whole by itself, so that
//! leaving parts out never breaks the rest.

use std::collections::HashSet;
use std::fmt::Write;

use super::Options;
use super::foreign::{code, plain, sentence};
use crate::report::{Report, RunResult};
use crate::verdict::{Status, Verdict};
use crate::words;

/// The longest sentence of others that is shown whole, in characters.
const LONGEST: usize = 600;
/// Offending columns, classes and examples that are not folded away.
const UNFOLDED: usize = 5;
/// Those that are folded; report.json has the rest.
const FOLDED: usize = 100;

pub fn heading(report: &Report) -> String {
    let sign = match report.result {
        RunResult::Passed => Status::Pass.sign(),
        RunResult::Blocked => Status::Fail.sign(),
        RunResult::Error => Status::Error.sign(),
    };
    format!("### {sign} {}", report.headline())
}

/// The verdicts whose sentences open the page: the worst, and no sentence twice.
pub fn first_said<'a>(needy: &[&'a Verdict]) -> Vec<&'a Verdict> {
    const SAID: usize = 3;
    let blocking = needy.iter().any(|verdict| verdict.status.blocks());
    let mut said = HashSet::new();
    needy
        .iter()
        .filter(|verdict| !blocking || verdict.status.blocks())
        .filter(|verdict| !verdict.message.trim().is_empty() && said.insert(verdict.message.as_str()))
        .take(SAID)
        .copied()
        .collect()
}

/// **What is so**, and what to do about it.
pub fn claim(verdict: &Verdict) -> String {
    format!("**{}**{}", sentence(&verdict.message, LONGEST), hint(verdict))
}

fn hint(verdict: &Verdict) -> String {
    verdict.hint.as_ref().map(|hint| format!(" ({})", sentence(hint, LONGEST))).unwrap_or_default()
}

/// `range · age on test (adults only)`.
fn title(verdict: &Verdict) -> String {
    let short = |text: &str| plain(&words::visible(text));
    let mut title = short(&verdict.check);
    if let Some(subject) = &verdict.subject {
        let _ = write!(title, " · {}", code(&words::visible(subject)));
    }
    if let Some(average) = verdict.average() {
        let _ = write!(title, " ({})", short(average));
    }
    if let Some(by) = verdict.by() {
        let _ = write!(title, " by {}", short(by));
    }
    if let Some(table) = &verdict.on {
        let _ = write!(title, " on {}", short(table));
    }
    if let Some(name) = &verdict.name {
        let _ = write!(title, " ({})", short(name));
    }
    title
}

fn observed(verdict: &Verdict) -> String {
    let number = verdict.observed.map(|value| words::observed(value, verdict.limit.as_ref(), verdict.unit));
    let shares: Vec<_> = verdict.classes().into_iter().take(words::BARS).map(|(_, share)| share).collect();
    let interval = verdict.interval().map(|ends| format!("({})", words::range(ends)));
    let number = [number.unwrap_or_default(), interval.unwrap_or_default()].join(" ");
    [words::sparkline(&shares), number].join(" ").trim().to_owned()
}

/// The candidate beside the model in production, metric by metric; folded where passing is to be quiet.
pub fn comparisons(verdicts: &[&Verdict], quiet: bool) -> String {
    const LISTED: usize = 20;
    let compared: Vec<_> = verdicts
        .iter()
        .filter_map(|verdict| Some((verdict, verdict.number("candidate")?, verdict.number("baseline")?)))
        .collect();
    if compared.is_empty() {
        return String::new();
    }
    let has_interval = compared.iter().any(|(verdict, ..)| verdict.interval().is_some());
    let has_p = compared.iter().any(|(verdict, ..)| verdict.number("p").is_some());
    let rows = compared.iter().take(LISTED).map(|(verdict, candidate, baseline)| {
        let subject = verdict.subject.as_deref().unwrap_or(&verdict.check);
        let mut row = format!(
            "| {} | {} | {} | {} |",
            code(&words::visible(subject)),
            words::metric(*candidate, &[*baseline]),
            words::metric(*baseline, &[*candidate]),
            words::signed(verdict.number("gain").unwrap_or(candidate - baseline), &[])
        );
        if has_interval {
            // A relative gain is shown in percent.
            let relative = verdict.values.get("relative").is_some_and(|relative| relative == true);
            let (factor, unit) = if relative { (100.0, " %") } else { (1.0, "") };
            let range = verdict.interval().map(|(low, high)| words::range((factor * low, factor * high)) + unit);
            let _ = write!(row, " {} |", range.unwrap_or_default());
        }
        if has_p {
            let p = |name: &str| verdict.number(name).map(words::p_value).unwrap_or_default();
            let _ = write!(row, " {} | {} |", p("p"), p("p_adjusted"));
        }
        row
    });
    let mut head = String::from("| Metric | Candidate | Production | Difference (+ is better) |");
    let mut line = String::from("\n|---|--:|--:|--:|");
    if has_interval {
        head += " Its interval |";
        line += "--:|";
    }
    if has_p {
        head += " McNemar's p | p, adjusted over the run |";
        line += "--:|--:|";
    }
    let inside = table(&(head + &line), rows);
    if quiet { folded("beside the model in production", &inside) } else { inside }
}

/// Slices of one verdict that are listed; report.json has the rest.
const SLICES: usize = 30;

/// Its slices or groups, the worst first; nothing where it has none.
pub fn slices(verdict: &Verdict) -> Option<String> {
    const SHOWN: usize = 8;
    let all = verdict.slices();
    let widest = all.iter().max_by_key(|slice| slice.measured.len())?;
    let titles: Vec<&str> = widest.measured.iter().map(|(title, ..)| *title).collect();
    let has_status = all.iter().any(|slice| slice.status.is_some());
    let rows = all.iter().take(SLICES).map(|slice| {
        let mut row = format!("| {} |", code(&words::visible(slice.name)));
        for title in &titles {
            let cell = slice.measured.iter().find(|(known, ..)| known == title).map(|(_, value, interval)| {
                let limits: Vec<f64> = verdict.limit.iter().flat_map(|l| [l.min, l.max]).flatten().collect();
                let value = value.map(|value| words::metric(value, &limits)).unwrap_or_default();
                let interval = interval.map(|ends| format!(" ({})", words::range(ends)));
                value + &interval.unwrap_or_default()
            });
            let _ = write!(row, " {} |", cell.unwrap_or_default());
        }
        let _ = write!(row, " {} |", slice.rows.map(words::count).unwrap_or_default());
        if has_status {
            let status = slice.status.map(|status| format!("{} {}", status.sign(), status.word())).unwrap_or_default();
            let why = slice.why.map(|why| format!(": {}", sentence(why, LONGEST / 4))).unwrap_or_default();
            let _ = write!(row, " {status}{why} |");
        }
        row
    });
    let what = if has_status { "Slice" } else { "Group" };
    let level = verdict.level().map(|level| format!(" ({} interval)", words::percent(100.0 * level, &[])));
    let titles: Vec<String> =
        titles.iter().map(|title| format!("{title}{}", level.as_deref().unwrap_or_default())).collect();
    let head = format!("| {what} | {} | Rows |{}", titles.join(" | "), if has_status { " |" } else { "" });
    let line = format!("|---|{}--:|{}", "--:|".repeat(titles.len()), if has_status { "---|" } else { "" });
    let inside = table(&format!("{head}\n{line}"), rows);
    let more = all.len().saturating_sub(SLICES);
    let more =
        if more > 0 { format!("\n\nand {} more in report.json", words::count(more as u64)) } else { String::new() };
    if all.len() <= SHOWN {
        return Some(format!("**{}**, the worst first:\n\n{inside}", title(verdict)));
    }
    let count = words::count(all.len() as u64);
    Some(folded(&format!("{}: {count} {}s, the worst first", title(verdict), what.to_lowercase()), &(inside + &more)))
}

fn limit(verdict: &Verdict) -> String {
    verdict.limit.map(|limit| words::limit(&limit, verdict.unit)).unwrap_or_default()
}

/// The table of what needs a person.
pub fn needy_table(verdicts: &[&Verdict]) -> String {
    let rows = verdicts.iter().map(|verdict| {
        let rule = verdict.rule().map(|rule| code(&words::visible(&rule))).unwrap_or_default();
        let (sign, word) = (verdict.status.sign(), verdict.status.word());
        format!("| {sign} {word} | {} | {} | {} | {rule} |", title(verdict), observed(verdict), limit(verdict))
    });
    table("| | Check | Observed | Limit | Rule |\n|---|---|--:|--:|---|", rows)
}

/// What passed, folded.
pub fn passed(verdicts: &[&Verdict]) -> String {
    let rows = verdicts.iter().map(|verdict| {
        // What has no number, such as a schema, says what was seen.
        let observed = match observed(verdict) {
            number if number.is_empty() => sentence(&verdict.message, LONGEST / 4),
            number => number,
        };
        format!("| {} | {observed} | {} |", title(verdict), limit(verdict))
    });
    let noted = verdicts.iter().flat_map(|verdict| verdict.notes().into_iter().map(move |note| (verdict, note)));
    let notes =
        noted.take(FOLDED).map(|(verdict, note)| format!("\n- **{}**: {}", title(verdict), sentence(note, LONGEST)));
    let notes: String = notes.collect();
    let inside = table("| Check | Observed | Limit |\n|---|--:|--:|", rows);
    let separator = if notes.is_empty() { "" } else { "\n" };
    folded(&format!("{} passed", words::count(verdicts.len() as u64)), &format!("{inside}{separator}{notes}"))
}

/// What was skipped and why, folded.
pub fn skipped(verdicts: &[&Verdict]) -> String {
    let rows =
        verdicts.iter().map(|verdict| format!("| {} | {} |", title(verdict), sentence(&verdict.message, LONGEST / 4)));
    folded(&format!("{} skipped", words::count(verdicts.len() as u64)), &table("| Check | Why |\n|---|---|", rows))
}

fn table(head: &str, rows: impl Iterator<Item = String>) -> String {
    rows.fold(head.to_owned(), |table, row| table + "\n" + &row)
}

fn folded(summary: &str, inside: &str) -> String {
    format!("<details><summary>{summary}</summary>\n\n{inside}\n\n</details>")
}

/// What the table cannot hold: the sentence if it was not `said` yet, columns, classes, examples.
pub fn note<'a>(verdict: &'a Verdict, said: &mut HashSet<&'a str>, tails: bool) -> Option<String> {
    let mut parts = vec![];
    if !verdict.message.trim().is_empty() && said.insert(&verdict.message) {
        parts.push(sentence(&verdict.message, LONGEST) + &hint(verdict));
    }
    let measured = |(name, value): (&str, f64)| {
        let value = words::observed(value, verdict.limit.as_ref(), verdict.unit);
        format!("{} {value}", code(&words::visible(name)))
    };
    let offenders = verdict.offenders();
    if offenders.len() > 1 {
        parts.push(list(offenders.into_iter().map(measured), tails));
    }
    let classes = verdict.classes();
    if !classes.is_empty() {
        parts.push(list(classes.into_iter().map(measured), tails));
    }
    if tails && !verdict.examples.is_empty() {
        let examples = verdict.examples.iter().map(|example| code(&words::visible(example)));
        parts.push(format!("for example {}", list(examples, tails)));
    }
    (!parts.is_empty()).then(|| format!("- **{}**: {}", title(verdict), parts.join(" · ")))
}

/// Whether `tails` make a difference to its note.
pub fn has_tail(verdict: &Verdict) -> bool {
    let listed = verdict.offenders().len().max(verdict.classes().len());
    listed > UNFOLDED || !verdict.examples.is_empty() || !verdict.slices().is_empty()
}

/// Some of them, and the others behind "and N more".
fn list(items: impl ExactSizeIterator<Item = String>, tails: bool) -> String {
    let (count, items) = (items.len(), items.take(UNFOLDED + FOLDED).collect::<Vec<_>>());
    let (shown, rest) = items.split_at(items.len().min(UNFOLDED));
    let shown = shown.join(", ");
    let more = words::count((count - count.min(UNFOLDED)) as u64);
    let beyond = count.saturating_sub(UNFOLDED + FOLDED);
    match (tails, rest.is_empty(), beyond) {
        (_, true, _) => shown,
        (false, ..) => format!("{shown} and {more} more"),
        (true, _, 0) => format!("{shown} <details><summary>and {more} more</summary>{}</details>", rest.join(", ")),
        (true, ..) => {
            let beyond = words::count(beyond as u64);
            let rest = rest.join(", ");
            format!(
                "{shown} <details><summary>and {more} more</summary>{rest} and {beyond} more in report.json</details>"
            )
        }
    }
}

/// Every failure that somebody accepted, with who, why and until when.
pub fn waivers(verdicts: &[&Verdict]) -> String {
    const LISTED: usize = 20;
    let waived: Vec<_> = verdicts.iter().filter_map(|verdict| Some((verdict, verdict.waiver.as_ref()?))).collect();
    let mut out = String::new();
    for (verdict, waiver) in waived.iter().take(LISTED) {
        let until = if verdict.status.blocks() { "was accepted until" } else { "until" };
        let (day, owner) = (plain(&words::visible(&waiver.until)), code(&words::visible(&waiver.owner)));
        let reason = sentence(&waiver.reason, LONGEST / 4);
        let _ = write!(out, "\n- **{}** {until} {day} by {owner}: {reason}", title(verdict));
    }
    if waived.len() > LISTED {
        let _ = write!(out, "\n- and {} more in report.json", words::count((waived.len() - LISTED) as u64));
    }
    if out.is_empty() { out } else { format!("Waivers:{out}") }
}

pub fn not_configured(report: &Report) -> String {
    if report.not_configured.is_empty() {
        return String::new();
    }
    let keys = report.not_configured.iter().map(|key| code(&words::visible(key)));
    format!("Not configured: {}.", list(keys, false))
}

/// The last line: what was judged, by what, and how to do it again.
pub fn quiet_line(report: &Report, options: &Options) -> String {
    let mut parts = vec![];
    let short = |text: &str| plain(&words::visible(text));
    if let Some(name) = &report.model.name {
        let version = report.model.version.as_ref().map(|version| format!(" v{}", short(version))).unwrap_or_default();
        let digest = report.model.sha256.as_ref().map(|digest| format!(" ({})", code(&words::cut(digest, 8))));
        parts.push(format!("{}{version}{}", short(name), digest.unwrap_or_default()));
    }
    if let Some(title) = report.baseline.as_ref().and_then(|baseline| baseline["title"].as_str()) {
        parts.push(format!("production: {}", code(&words::visible(title))));
    }
    for (name, table) in report.tables.iter().take(UNFOLDED) {
        let rows = table.rows.map_or("not read".into(), words::rows);
        let columns = table.columns.map(|columns| format!(" × {} columns", words::count(columns))).unwrap_or_default();
        parts.push(format!("{}: {rows}{columns} ({})", short(name), code(&words::visible(&table.path))));
    }
    if report.gates.len() > 1 {
        let gate = |gate: &crate::report::GateReport| format!("{} gate {}", short(&gate.gate), gate.result.word());
        parts.extend(report.gates.iter().take(UNFOLDED).map(gate));
    }
    if let Some(commit) = &report.commit {
        parts.push(format!("commit {}", code(&words::visible(&commit.chars().take(7).collect::<String>()))));
    }
    if let Some(command) = &options.reproduce {
        parts.push(format!("{} repeats this", code(&words::cut(&words::one_line(command), LONGEST))));
    }
    if let Some(link) = &options.link {
        // What could end the address is taken out of it.
        let link: String = link.chars().filter(|c| c.is_ascii_graphic() && !"<>()[]\\\"|`".contains(*c)).collect();
        parts.push(format!("[full report]({link})"));
    }
    parts.push(format!("{} {}", short(&report.tool.name), short(&report.tool.version)));
    parts.push(words::duration(report.duration_ms));
    format!("<sub>{}</sub>", parts.join(" · "))
}
