//! The parts of the page: sentences, rows, notes, the last line. Each is whole by itself, so that
//! leaving parts out never breaks the rest.

use std::collections::HashSet;
use std::fmt::Write;

use super::Options;
use super::foreign::{code, plain, sentence};
use super::tables::folded;
use crate::cli::Policy;
use crate::report::config_diff::GateEdits;
use crate::report::group::Group;
use crate::report::verdict::{Drift, Status, Verdict};
use crate::report::{Report, RunResult};
use crate::support::words;

/// The longest sentence of others that is shown whole, in characters.
pub const LONGEST: usize = 600;
/// Offending columns, classes and examples that are not folded away.
pub const UNFOLDED: usize = 5;
/// Those that are folded; report.json has the rest.
pub const FOLDED: usize = 100;

/// What happened, and to what.
pub fn heading(report: &Report) -> String {
    let sign = match report.result {
        RunResult::Passed => Status::Pass.sign(),
        RunResult::Blocked => Status::Fail.sign(),
        RunResult::Error => Status::Error.sign(),
    };
    let gates: Vec<&str> = report.gates.iter().map(|gate| gate.gate.as_str()).collect();
    let about = match (gates.as_slice(), &report.model.name) {
        (["data"], _) => " · data".to_owned(),
        (_, Some(name)) => {
            let version = report.model.version.as_ref().map(|version| format!(" v{version}")).unwrap_or_default();
            format!(" · {}", plain(&words::visible(&format!("{name}{version}"))))
        }
        (["model"], None) => " · model".to_owned(),
        _ => String::new(),
    };
    // A green tick by limits that nobody has agreed to says so where it is read first.
    let relaxed =
        report.result == RunResult::Passed && report.gate_edits.as_ref().is_some_and(GateEdits::lets_more_through);
    let relaxed = if relaxed { " · by relaxed limits" } else { "" };
    format!("### {sign} {}{about}{relaxed}", report.headline())
}

/// A number and its unit in one line of a cell, whatever its width; a minus is one.
pub fn tight(text: &str) -> String {
    let mut out = String::with_capacity(2 * text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let after = chars.peek().copied().unwrap_or(' ');
        match c {
            ' ' => out += "&#160;",
            '-' if after.is_ascii_digit() || after == '∞' => out.push('−'),
            c => out.push(c),
        }
    }
    out
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

/// What is so, and what to do about it: one a paragraph, several a list.
pub fn claims(verdicts: &[&Verdict]) -> String {
    match verdicts {
        [one] => claim(one),
        several => several.iter().map(|verdict| format!("- {}", claim(verdict))).collect::<Vec<_>>().join("\n"),
    }
}

/// **What is so**: how that is known, and what to do about it.
fn claim(verdict: &Verdict) -> String {
    let said = verdict.message.split_once(": ").filter(|(claim, _)| claim.matches('`').count() % 2 == 0);
    match said {
        Some((claim, why)) => {
            format!("**{}**: {}{}", sentence(claim, LONGEST), sentence(why, LONGEST), hint(verdict))
        }
        None => format!("**{}**{}", sentence(&verdict.message, LONGEST), hint(verdict)),
    }
}

fn hint(verdict: &Verdict) -> String {
    verdict.hint.as_ref().map(|hint| format!(" ({})", sentence(hint, LONGEST))).unwrap_or_default()
}

/// As [`Verdict::title`], with what others wrote neutralised.
pub fn title(verdict: &Verdict) -> String {
    let short = |text: &str| plain(&words::visible(text));
    let mut title = short(&verdict.check);
    if let Some(subject) = &verdict.subject {
        let _ = write!(title, " · {}", code(&words::visible(subject)));
    }
    if let Some(columns) = verdict.named_columns() {
        let _ = write!(title, " · {}", code(&words::visible(&columns)));
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

/// The title of a group's first verdict, and how many others say the same.
pub fn group_title(group: &Group) -> String {
    match group.others.len() {
        0 => title(group.first),
        others => format!("{} and {} more", title(group.first), words::count(others as u64)),
    }
}

/// What the table cannot hold: the sentence if it was not `said` yet, checks that say the same, columns, classes,
/// examples.
pub fn note<'a>(group: &Group<'a>, said: &mut HashSet<&'a str>, tails: bool) -> Option<String> {
    let verdict = group.first;
    let mut parts = vec![];
    if !verdict.message.trim().is_empty() && said.insert(&verdict.message) {
        parts.push(sentence(&verdict.message, LONGEST) + &hint(verdict));
    }
    let measured = |(name, value): (&str, f64)| {
        let value = words::observed(value, verdict.limit.as_ref(), verdict.unit);
        format!("{} {value}", code(&words::visible(name)))
    };
    if !group.others.is_empty() {
        let names = group.others.iter().map(|verdict| title(verdict));
        parts.push(format!("the same error: {}", list(names, tails)));
    }
    let offenders = verdict.offenders();
    if offenders.len() > 1 {
        parts.push(list(offenders.into_iter().map(measured), tails));
    }
    let classes = verdict.classes();
    if !classes.is_empty() {
        parts.push(list(classes.into_iter().map(measured), tails));
    }
    let drifted: Vec<_> = verdict.drifts().filter(|drift| drift.drifted).collect();
    if !drifted.is_empty() {
        let shown = drifted.iter().take(UNFOLDED).map(drift);
        let more = drifted.len().saturating_sub(UNFOLDED);
        let more = (more > 0).then(|| format!("and {} more in report.json", words::count(more as u64)));
        parts.push(shown.chain(more).map(|line| format!("<br>{line}")).collect());
    }
    if tails && !verdict.examples.is_empty() {
        let examples = verdict.examples.iter().map(|example| code(&words::visible(example)));
        parts.push(format!("for example {}", list(examples, tails)));
    }
    (!parts.is_empty()).then(|| format!("- **{}**: {}", group_title(group), parts.join(" · ")))
}

/// A column that drifted: by how much, and where most.
fn drift(drift: &Drift) -> String {
    let mut said = code(&words::visible(drift.column));
    if let Some(effect) = drift.effect {
        let limits: Vec<f64> = drift.threshold.into_iter().collect();
        let _ = write!(said, " {} by {}", tight(&words::metric(effect, &limits)), plain(&words::visible(drift.method)));
    }
    if let Some(p) = drift.p_adjusted {
        let _ = write!(said, " (p {})", tight(&words::p_value(p)));
    }
    let moved = drift.moved.iter().map(|(bin, before, now)| {
        let [before, now] = [before, now].map(|share| tight(&words::percent(*share, &[])));
        format!("{} {before} → {now}", code(&words::visible(bin)))
    });
    let moved: Vec<String> = moved.collect();
    if moved.is_empty() { said } else { format!("{said}: {}", moved.join(", ")) }
}

/// Whether `tails` make a difference to its note.
pub fn has_tail(verdict: &Verdict) -> bool {
    let drifted = verdict.drifts().filter(|drift| drift.drifted).count();
    let listed = verdict.offenders().len().max(verdict.classes().len()).max(drifted);
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

/// Everything that somebody accepts for a while, with who, why and until when.
pub fn waivers(verdicts: &[&Verdict]) -> String {
    const LISTED: usize = 20;
    let waived: Vec<_> = verdicts.iter().filter_map(|verdict| Some((verdict, verdict.waiver.as_ref()?))).collect();
    let mut out = String::new();
    for (verdict, waiver) in waived.iter().take(LISTED) {
        let until = match verdict.status {
            Status::Fail | Status::Inconclusive => "⚠️ no longer, since it ended on",
            Status::Error => "is of no help with an error; until",
            Status::Pass | Status::Skipped => "is not needed now; until",
            Status::Warn => "until",
        };
        let (day, owner) = (plain(&words::visible(&waiver.until)), code(&words::visible(&waiver.owner)));
        let reason = sentence(&waiver.reason, LONGEST / 4);
        let _ = write!(out, "\n- **{}** {until} {day}, by {owner}: {reason}", title(verdict));
    }
    if waived.len() > LISTED {
        let _ = write!(out, "\n- and {} more in report.json", words::count((waived.len() - LISTED) as u64));
    }
    if out.is_empty() { out } else { format!("Waived:{out}") }
}

pub fn not_configured(report: &Report) -> String {
    if report.not_configured.is_empty() {
        return String::new();
    }
    let keys = report.not_configured.iter().map(|key| code(&words::visible(key)));
    format!("Not configured: {}.", list(keys, false))
}

/// An address without what could end it.
pub fn address(text: &str) -> String {
    text.chars().filter(|c| c.is_ascii_graphic() && !"<>()[]\\\"|`*_~".contains(*c) || *c == '_').collect()
}

/// A path as part of an address.
fn encoded(path: &str) -> String {
    crate::integrations::github::api::encoded(path.trim_start_matches("./"))
}

/// The command that repeats the run, where it can be copied.
pub fn reproduce(report: &Report, options: &Options) -> String {
    let Some(command) = &options.reproduce else { return String::new() };
    let command = words::cut(&words::one_line(command), 2 * LONGEST);
    // The fence is longer than any run of backticks in it.
    let longest = command.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(3.max(longest + 1));
    let is_held = report.gate_edits.as_ref().is_some_and(|edits| edits.policy != Policy::Head);
    let held =
        if is_held { "\n\nBy the pull request's own limits: those of the base branch counted here too." } else { "" };
    folded("Repeat it", &format!("{fence}sh\n{command}\n{fence}{held}"))
}

/// The last line: what was judged, by what, and where its rules are.
pub fn quiet_line(report: &Report, options: &Options) -> String {
    let mut parts = vec![];
    let short = |text: &str| plain(&words::visible(text));
    parts.extend(report.model.said(short, |text| code(&words::visible(text))));
    if let Some(title) = report.baseline.as_ref().and_then(|baseline| baseline["title"].as_str()) {
        parts.push(format!("production: {}", code(&words::visible(title))));
    }
    let has_baseline = report.baseline.as_ref().is_some_and(|baseline| baseline["title"].is_string());
    let others = report.tables.iter().filter(|(name, _)| !(has_baseline && *name == "baseline"));
    for (name, table) in others.take(UNFOLDED) {
        let rows = table.rows.map_or("not read".into(), words::rows);
        let columns = table.columns.map(|columns| format!(" × {} columns", words::count(columns))).unwrap_or_default();
        parts.push(format!("{}: {rows}{columns} ({})", short(name), code(&words::visible(&table.path))));
    }
    if report.gates.len() > 1 {
        let gate = |gate: &crate::report::GateReport| format!("{} gate {}", short(&gate.gate), gate.result.word());
        parts.extend(report.gates.iter().take(UNFOLDED).map(gate));
    }
    if let Some(commit) = report.head() {
        parts.push(format!("commit {}", code(&words::visible(&commit.chars().take(7).collect::<String>()))));
    }
    let needy = report.worst_first().into_iter().filter(|verdict| verdict.status.needs_a_person());
    let places: Vec<_> = needy.filter_map(|verdict| verdict.at.as_ref()).collect();
    if let Some(first) = places.first() {
        let mut lines: Vec<u64> =
            places.iter().filter(|place| place.file == first.file).map(|place| place.line).collect();
        lines.sort_unstable();
        lines.dedup();
        let shown: Vec<String> = lines.iter().take(UNFOLDED).map(ToString::to_string).collect();
        let more = if lines.len() > UNFOLDED { " …" } else { "" };
        let what = if lines.len() == 1 { "line" } else { "lines" };
        let file = plain(&words::visible(&first.file));
        let file = match options.files.as_deref().map(|files| address(&format!("{files}{}", encoded(&first.file)))) {
            Some(address) => format!("[{file}]({address}#L{})", lines.first().copied().unwrap_or(1)),
            None => file,
        };
        parts.push(format!("rules: {file} {what} {}{more}", shown.join(", ")));
    }
    if let Some(link) = &options.link {
        parts.push(format!("[the run, with the full report]({})", address(link)));
    }
    parts.push(format!("{} {}", short(&report.tool.name), short(&report.tool.version)));
    parts.push(words::duration(report.duration_ms));
    format!("<sub>{}</sub>", parts.join(" · "))
}
