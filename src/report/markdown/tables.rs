//! The tables of the page: what needs a person, what passed, what was skipped, slices, production.

use std::fmt::Write;

use super::foreign::{code, sentence};
use super::parts::{FOLDED, LONGEST, UNFOLDED, group_title, tight, title};
use super::{Before, change};
use crate::report::group::Group;
use crate::report::verdict::{Status, Verdict};
use crate::support::words;

/// The table of what needs a person, beside what it was before.
pub fn needy_table(groups: &[&Group], before: &[Before]) -> String {
    let verdicts: Vec<&Verdict> = groups.iter().map(|group| group.first).collect();
    let mut columns: Vec<(String, Vec<String>)> =
        before.iter().filter_map(|one| change::column(one, &verdicts)).collect();
    // Where the branch says what the last run said, it adds nothing.
    columns.dedup_by(|(_, far), (_, near)| far == near);
    let rows = groups.iter().enumerate().map(|(i, group)| {
        let (verdict, title) = (group.first, group_title(group));
        let status = status_words(verdict.status);
        let mut row = format!("| {status} | {title} | {} | {} |", observed(verdict), limit(verdict));
        for (_, cells) in &columns {
            let _ = write!(row, " {} |", cells[i]);
        }
        row
    });
    let mut head = String::from("| | Check | Observed | Limit |");
    let mut line = String::from("|:--|:--|--:|--:|");
    for (name, _) in &columns {
        let _ = write!(head, " {name} |");
        line += "--:|";
    }
    table(&format!("{head}\n{line}"), rows)
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
    let inside = table("| Check | Observed | Limit |\n|:--|--:|--:|", rows);
    let separator = if notes.is_empty() { "" } else { "\n" };
    folded(&format!("{} passed", words::count(verdicts.len() as u64)), &format!("{inside}{separator}{notes}"))
}

/// What was skipped and why, folded.
pub fn skipped(verdicts: &[&Verdict]) -> String {
    let rows =
        verdicts.iter().map(|verdict| format!("| {} | {} |", title(verdict), sentence(&verdict.message, LONGEST / 4)));
    folded(&format!("{} skipped", words::count(verdicts.len() as u64)), &table("| Check | Why |\n|:--|:--|", rows))
}

fn table(head: &str, rows: impl Iterator<Item = String>) -> String {
    rows.fold(head.to_owned(), |table, row| table + "\n" + &row)
}

pub fn folded(summary: &str, inside: &str) -> String {
    format!("<details><summary>{summary}</summary>\n\n{inside}\n\n</details>")
}

/// The candidate beside the model in production, metric by metric: folded, the answer in the fold's own line.
pub fn comparisons(verdicts: &[&Verdict]) -> String {
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
    let is_adjusted = compared.iter().any(|(verdict, ..)| verdict.number("p") != verdict.number("p_adjusted"));
    let rows = compared.iter().take(LISTED).map(|(verdict, candidate, baseline)| {
        let subject = verdict.subject.as_deref().unwrap_or(&verdict.check);
        let mut row = format!(
            "| {} | {} | {} | {} |",
            code(&words::visible(subject)),
            tight(&words::metric(*candidate, &[*baseline])),
            tight(&words::metric(*baseline, &[*candidate])),
            tight(&words::signed(verdict.number("gain").unwrap_or(candidate - baseline), &[]))
        );
        if has_interval {
            // A relative gain is shown in percent.
            let relative = verdict.values.get("relative").is_some_and(|relative| relative == true);
            let (factor, unit) = if relative { (100.0, " %") } else { (1.0, "") };
            let range = verdict.interval().map(|(low, high)| words::range((factor * low, factor * high)) + unit);
            let _ = write!(row, " {} |", tight(&range.unwrap_or_default()));
        }
        let p = |name: &str| tight(&verdict.number(name).map(words::p_value).unwrap_or_default());
        if has_p {
            let _ = write!(row, " {} |", p("p"));
        }
        if is_adjusted {
            let _ = write!(row, " {} |", p("p_adjusted"));
        }
        row
    });
    let mut head = String::from("| Metric | Candidate | Production | Difference |");
    let mut line = String::from("\n|:--|--:|--:|--:|");
    if has_interval {
        head += " Its interval |";
        line += "--:|";
    }
    if has_p {
        head += " McNemar's p |";
        line += "--:|";
    }
    if is_adjusted {
        head += " p, adjusted over the run |";
        line += "--:|";
    }
    let gains = compared.iter().take(UNFOLDED).map(|(verdict, candidate, baseline)| {
        let subject = verdict.subject.as_deref().unwrap_or(&verdict.check);
        let gain = verdict.number("gain").unwrap_or(candidate - baseline);
        format!("{} {}", code(&words::visible(subject)), tight(&words::signed(gain, &[])))
    });
    let gains: Vec<String> = gains.collect();
    let inside = table(&(head + &line), rows) + "\n\nA plus is better, whichever way the metric goes.";
    folded(&format!("Against production: {}", gains.join(", ")), &inside)
}

/// Slices of one verdict that are listed; report.json has the rest.
const SLICES: usize = 30;

/// The slices or groups of all of them, each table once.
pub fn all_slices<'a>(verdicts: impl Iterator<Item = &'a Verdict>) -> String {
    let mut tables: Vec<(String, String)> = Vec::new();
    for verdict in verdicts {
        let Some(table) = slices(verdict) else { continue };
        match tables.iter_mut().find(|(known, _)| *known == table) {
            Some((_, titles)) => titles.push_str(&format!(", {}", title(verdict))),
            None => {
                let all = verdict.slices();
                let what = if all.iter().any(|slice| slice.status.is_some()) { "slice" } else { "group" };
                let what = if all.len() == 1 { what.to_owned() } else { format!("{what}s") };
                let count = words::count(all.len() as u64);
                tables.push((table, format!("{count} {what}: {}", title(verdict))));
            }
        }
    }
    let folds = tables.iter().map(|(table, titles)| folded(titles, table));
    folds.collect::<Vec<_>>().join("\n")
}

/// Its slices or groups, the worst first; nothing where it has none.
fn slices(verdict: &Verdict) -> Option<String> {
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
                let interval = interval.map(|ends| format!("<br>{}", tight(&words::range(ends))));
                value + &interval.unwrap_or_default()
            });
            let _ = write!(row, " {} |", cell.unwrap_or_default());
        }
        let _ = write!(row, " {} |", slice.rows.map(words::count).unwrap_or_default());
        if has_status {
            let status = slice.status.map(status_words).unwrap_or_default();
            let why = slice.why.map(|why| format!(": {}", sentence(why, LONGEST / 4))).unwrap_or_default();
            let _ = write!(row, " {status}{why} |");
        }
        row
    });
    let what = if has_status { "Slice" } else { "Group" };
    let head = format!("| {what} | {} | Rows |{}", titles.join(" | "), if has_status { " |" } else { "" });
    let line = format!("|:--|{}--:|{}", "--:|".repeat(titles.len()), if has_status { ":--|" } else { "" });
    let inside = table(&format!("{head}\n{line}"), rows);
    let more = all.len().saturating_sub(SLICES);
    let mut after = vec!["The worst first".to_owned()];
    after.extend(verdict.level().map(|level| format!("each interval at {}", words::percent(100.0 * level, &[]))));
    after.extend((more > 0).then(|| format!("{} more in report.json", words::count(more as u64))));
    Some(format!("{inside}\n\n{}.", after.join(", ")))
}

/// `❌ FAIL`, in one line.
fn status_words(status: Status) -> String {
    tight(&format!("{} {}", status.sign(), status.word()))
}

fn limit(verdict: &Verdict) -> String {
    verdict.limit.map(|limit| tight(&words::limit(&limit, verdict.unit))).unwrap_or_default()
}

fn observed(verdict: &Verdict) -> String {
    // What drifted is drawn as it was and as it is; beyond a few the note has them.
    const DRAWN: usize = 3;
    let drifted: Vec<_> = verdict.drifts().filter(|drift| drift.drifted).collect();
    if !drifted.is_empty() {
        let drawn = drifted.iter().take(DRAWN).map(|drift| {
            let [before, now] = drift.shares.each_ref().map(|shares| words::sparkline(shares));
            let moved = if now.is_empty() { String::new() } else { format!("<br>{before} → {now}") };
            format!("{}{}", code(&words::visible(drift.column)), tight(&moved))
        });
        let more = drifted.len().saturating_sub(DRAWN);
        let more = (more > 0).then(|| format!("and {} more", words::count(more as u64)));
        let share = verdict.observed.map(|value| words::observed(value, verdict.limit.as_ref(), verdict.unit));
        let share = share.filter(|_| verdict.subject.is_none()).map(|share| tight(&share));
        return share.into_iter().chain(drawn).chain(more).collect::<Vec<_>>().join("<br>");
    }
    let number = verdict.observed.map(|value| words::observed(value, verdict.limit.as_ref(), verdict.unit));
    let shares: Vec<_> = verdict.classes().into_iter().take(words::BARS).map(|(_, share)| share).collect();
    let number = [words::sparkline(&shares), number.unwrap_or_default()].join(" ");
    let interval = verdict.interval().map(|ends| format!("<br>{}", tight(&words::range(ends)))).unwrap_or_default();
    tight(number.trim()) + &interval
}
