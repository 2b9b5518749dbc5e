//! The pull-request comment and the job summary, one text: what happened, why, what needs a person;
//! what passed is folded. Everything in it that others wrote is neutralised ([`foreign`]).

mod change;
pub mod foreign;
mod parts;
mod tables;
mod trust;

use std::collections::HashSet;

use super::Report;
use super::digest::Digest;
use super::group::{Group, grouped};
use crate::report::verdict::{Status, Verdict};
use crate::support::problem::Problem;
use crate::support::words;

/// Problems that are listed one by one.
const MOST_PROBLEMS: usize = 50;

/// What the report itself does not know.
#[derive(Debug, Clone)]
pub struct Options {
    /// The command that repeats the run on the reader's machine.
    pub reproduce: Option<String>,
    /// The address of the whole report.
    pub link: Option<String>,
    /// Where the files of the commit are read: an address that a path and `#L1` can follow.
    pub files: Option<String>,
    /// Reports to compare with, the nearest first.
    pub before: Vec<Before>,
    /// Who reported, where that is not whoever shows it.
    pub origin: Option<Origin>,
    /// The most characters the text may have. Parts leave it in this order, and it says so: what
    /// passed or was skipped; further columns, slices and examples; warnings; messages after the first
    /// three; rows; the opening sentences, waivers and the comparison with production. The heading, whose word
    /// it is, and what the pull request edits stay.
    pub budget: usize,
}

/// An earlier report.
#[derive(Debug, Clone)]
pub struct Before {
    /// The branch that it is of; without one it is the last of this pull request.
    pub branch: Option<String>,
    pub digest: Digest,
}

/// Where an untrusted report comes from.
#[derive(Debug, Clone)]
pub struct Origin {
    /// The address of the run.
    pub run: String,
    /// Who started it.
    pub actor: String,
    /// `owner/name` of where its code is from.
    pub repository: Option<String>,
    /// What of the report is not what GitHub knows.
    pub notes: Vec<String>,
}

impl Origin {
    /// Returns whether the report contradicts GitHub, or leaves out what could be compared.
    pub fn is_doubtful(&self) -> bool {
        !self.notes.is_empty()
    }
}

impl Default for Options {
    /// GitHub takes 65,536 characters in a comment; the rest is for the caller's marker.
    fn default() -> Self {
        Self { reproduce: None, link: None, files: None, before: Vec::new(), origin: None, budget: 65_000 }
    }
}

/// The text, in GitHub's Markdown.
pub fn render(report: &Report, options: &Options) -> String {
    let page = Page::new(report, options);
    let all = page.needy.len();
    let whole = Shown { passed: true, tails: true, warnings: true, notes: all, rows: all, beside: true };
    let without_passed = Shown { passed: false, ..whole };
    let without_tails = Shown { tails: false, ..without_passed };
    let without_warnings = Shown { warnings: false, ..without_tails };
    let fitting = |shown| Some(page.write(shown)).filter(|text| text.chars().count() <= options.budget);
    [whole, without_passed, without_tails, without_warnings]
        .into_iter()
        .find_map(fitting)
        .or_else(|| most(all, |notes| fitting(Shown { notes, ..without_warnings })))
        .or_else(|| most(all, |rows| fitting(Shown { notes: 0, rows, ..without_warnings })))
        .or_else(|| most(all, |rows| fitting(Shown { notes: 0, rows, beside: false, ..without_warnings })))
        .unwrap_or_else(|| least(report, options))
}

/// What happened and whose word that is; a report that is not to be relied on says so first.
fn opening(report: &Report, options: &Options) -> [String; 2] {
    let heading = parts::heading(report);
    match &options.origin {
        Some(origin) if origin.is_doubtful() => [trust::origin(origin), heading],
        origin => [heading, origin.as_ref().map(trust::origin).unwrap_or_default()],
    }
}

/// What is never left out: what happened, whose word that is, and that the gate is edited.
fn least(report: &Report, options: &Options) -> String {
    let heading = parts::heading(report);
    let [first, second] = opening(report, options);
    let whole = [first, second, trust::edits(report)].join("\n\n");
    if whole.chars().count() < options.budget {
        return whole + "\n";
    }
    let mut short = vec![heading];
    short.extend(options.origin.is_some().then(|| "The pull request's own word, not verified.".to_owned()));
    short.extend(
        report.gate_edits.is_some().then(|| "This pull request edits its gate: report.json says how.".to_owned()),
    );
    words::cut(&short.join("\n\n"), options.budget.saturating_sub(1))
}

/// The text of a run that ended without a verdict: as many problems as fit.
pub fn failure(problems: &[Problem], options: &Options) -> String {
    const REST: usize = 400;
    let mut text = String::from("### 💥 Error: nothing was judged\n\n");
    let mut listed = 0;
    for problem in problems.iter().take(MOST_PROBLEMS) {
        let (said, hint) = (problem.clone().without_hint(), problem.hint.as_ref());
        let hint = hint.map(|hint| format!(" ({})", foreign::sentence(hint, 600))).unwrap_or_default();
        let line = format!("- {}{hint}\n", foreign::sentence(&said.to_string(), 600));
        if text.chars().count() + line.chars().count() + REST > options.budget {
            break;
        }
        text += &line;
        listed += 1;
    }
    if problems.len() > listed {
        text += &format!("- and {} more: see the log\n", problems.len() - listed);
    }
    if let Some(link) = &options.link {
        text += &format!("\n<sub>[the run]({})</sub>\n", parts::address(&words::cut(link, 200)));
    }
    text
}

/// How much of each part is shown.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "each is a part that may leave the page")]
struct Shown {
    passed: bool,
    tails: bool,
    warnings: bool,
    notes: usize,
    rows: usize,
    /// Opening sentences, waivers, the comparison with production.
    beside: bool,
}

struct Page<'a> {
    report: &'a Report,
    options: &'a Options,
    needy: Vec<Group<'a>>,
    skipped: Vec<&'a Verdict>,
    passed: Vec<&'a Verdict>,
}

impl<'a> Page<'a> {
    fn new(report: &'a Report, options: &'a Options) -> Self {
        let verdicts = report.worst_first();
        let of = |statuses: &[Status]| -> Vec<&Verdict> {
            verdicts.iter().copied().filter(|v| statuses.contains(&v.status)).collect()
        };
        Self {
            report,
            options,
            needy: grouped(&of(&[Status::Error, Status::Fail, Status::Inconclusive, Status::Warn])),
            skipped: of(&[Status::Skipped]),
            passed: of(&[Status::Pass]),
        }
    }

    fn write(&self, shown: Shown) -> String {
        let needy = self.needy.iter().filter(|group| shown.warnings || group.first.status.blocks());
        let needy: Vec<&Group> = needy.take(shown.rows).collect();
        let firsts: Vec<&Verdict> = self.needy.iter().map(|group| group.first).collect();
        let claims = parts::first_said(&firsts);
        let mut said: HashSet<_> = claims.iter().map(|verdict| verdict.message.as_str()).collect();
        let claimed = match claims.as_slice() {
            [] if self.needy.is_empty() && self.passed.is_empty() => foreign::sentence(&self.report.summary, 600),
            claims => parts::claims(claims),
        };
        // A page over its budget is thrown away: what follows need not be written.
        let mut used = 0;
        let within = |note: &String| {
            let open = used <= self.options.budget;
            used += note.chars().count();
            open
        };
        let notes = needy.iter().take(shown.notes).filter_map(|group| parts::note(group, &mut said, shown.tails));
        let notes: Vec<_> = notes.take_while(within).collect();
        let everything: Vec<&Verdict> = self.report.verdicts().collect();
        let before = &self.options.before;
        let [first, second] = opening(self.report, self.options);
        let sections = [
            first,
            second,
            if shown.beside { claimed } else { String::new() },
            trust::edits(self.report),
            before.first().map(|before| change::turned(before, &self.report.worst_first())).unwrap_or_default(),
            if needy.is_empty() { String::new() } else { tables::needy_table(&needy, before) },
            notes.join("\n"),
            if shown.beside { tables::comparisons(&everything) } else { String::new() },
            if shown.tails {
                tables::all_slices(needy.iter().take(shown.notes).map(|group| group.first))
            } else {
                String::new()
            },
            if shown.beside { parts::waivers(&everything) } else { String::new() },
            if shown.passed && !self.skipped.is_empty() { tables::skipped(&self.skipped) } else { String::new() },
            if shown.passed && !self.passed.is_empty() { tables::passed(&self.passed) } else { String::new() },
            parts::not_configured(self.report),
            self.left_out(shown, &needy),
            parts::reproduce(self.report, self.options),
            parts::quiet_line(self.report, self.options),
        ];
        let sections: Vec<_> = sections.into_iter().filter(|section| !section.is_empty()).collect();
        sections.join("\n\n") + "\n"
    }

    /// What was left out for length, in words.
    fn left_out(&self, shown: Shown, rows: &[&Group]) -> String {
        let size = |groups: &mut dyn Iterator<Item = &Group>| groups.map(Group::size).sum::<usize>();
        let blocking = size(&mut self.needy.iter().filter(|group| group.first.status.blocks()));
        let warnings = size(&mut self.needy.iter()) - blocking;
        let (rows, listed) = (rows.len(), size(&mut rows.iter().copied()));
        let mut parts = vec![];
        let mut leave = |out: bool, count: usize, what: &str| {
            if out && count > 0 {
                parts.push(format!("{} {what}", words::count(count as u64)));
            }
        };
        leave(!shown.warnings, blocking.saturating_sub(listed), "that did not pass");
        leave(!shown.warnings, warnings, "with a warning");
        leave(!shown.passed, self.skipped.len(), "skipped");
        leave(!shown.passed, self.passed.len(), "that passed");
        if shown.notes < rows {
            parts.push(format!("the messages of {} more", words::count((rows - shown.notes) as u64)));
        }
        if !shown.tails && self.needy.iter().any(|group| parts::has_tail(group.first)) {
            parts.push("further columns, slices and examples".into());
        }
        if !shown.beside {
            parts.push("opening sentences, waivers and the comparison with production".into());
        }
        if parts.is_empty() {
            String::new()
        } else {
            format!("Left out for length: {}. report.json has all.", parts.join(", "))
        }
    }
}

/// The text of the largest `k` up to `all` that `fitting` has one for; it has none above some `k`.
fn most(all: usize, fitting: impl Fn(usize) -> Option<String>) -> Option<String> {
    let (mut best, mut low, mut high) = (None, 0, all + 1);
    while low < high {
        let middle = usize::midpoint(low, high);
        match fitting(middle) {
            Some(text) => (best, low) = (Some(text), middle + 1),
            None => high = middle,
        }
    }
    best
}

#[cfg(test)]
mod tests;
