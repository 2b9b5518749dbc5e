//! The pull-request comment and the job summary, one text: what happened, why, what needs a person;
//! what passed is folded. Everything in it that others wrote is neutralised ([`foreign`]).

mod foreign;
mod parts;

use std::collections::HashSet;

use super::Report;
use crate::problem::Problem;
use crate::verdict::{Status, Verdict};
use crate::words;

/// Problems that are listed one by one.
const MOST_PROBLEMS: usize = 50;

/// What the report itself does not know.
#[derive(Debug, Clone)]
pub struct Options {
    /// The command that repeats the run on the reader's machine.
    pub reproduce: Option<String>,
    /// The address of the whole report.
    pub link: Option<String>,
    /// The most characters the text may have. Parts leave it in this order, and it says so: what
    /// passed or was skipped; further columns and examples; warnings; messages after the first
    /// three; rows. The heading stays.
    pub budget: usize,
}

impl Default for Options {
    /// GitHub takes 65,536 characters in a comment; the rest is for the caller's marker.
    fn default() -> Self {
        Self { reproduce: None, link: None, budget: 65_000 }
    }
}

/// The text, in GitHub's Markdown.
pub fn render(report: &Report, options: &Options) -> String {
    let page = Page::new(report, options);
    let all = page.needy.len();
    let whole = Shown { passed: true, tails: true, warnings: true, notes: all, rows: all };
    let without_passed = Shown { passed: false, ..whole };
    let without_tails = Shown { tails: false, ..without_passed };
    let without_warnings = Shown { warnings: false, ..without_tails };
    let fitting = |shown| Some(page.write(shown)).filter(|text| text.chars().count() <= options.budget);
    [whole, without_passed, without_tails, without_warnings]
        .into_iter()
        .find_map(fitting)
        .or_else(|| most(all, |notes| fitting(Shown { notes, ..without_warnings })))
        .or_else(|| most(all, |rows| fitting(Shown { notes: 0, rows, ..without_warnings })))
        .unwrap_or_else(|| words::cut(&parts::heading(report), options.budget.saturating_sub(1)))
}

/// The text of a run that ended without a verdict.
pub fn failure(problems: &[Problem]) -> String {
    let mut text = String::from("### 💥 Error: nothing was judged\n\n");
    for problem in problems.iter().take(MOST_PROBLEMS) {
        text += &format!("- {}\n", foreign::sentence(&problem.to_string(), 600));
    }
    if problems.len() > MOST_PROBLEMS {
        text += &format!("- and {} more: see the log\n", problems.len() - MOST_PROBLEMS);
    }
    text
}

/// How much of each part is shown.
#[derive(Debug, Clone, Copy)]
struct Shown {
    passed: bool,
    tails: bool,
    warnings: bool,
    notes: usize,
    rows: usize,
}

struct Page<'a> {
    report: &'a Report,
    options: &'a Options,
    needy: Vec<&'a Verdict>,
    skipped: Vec<&'a Verdict>,
    passed: Vec<&'a Verdict>,
}

impl<'a> Page<'a> {
    fn new(report: &'a Report, options: &'a Options) -> Self {
        let verdicts = report.worst_first();
        let of = |statuses: &[Status]| verdicts.iter().copied().filter(|v| statuses.contains(&v.status)).collect();
        Self {
            report,
            options,
            needy: of(&[Status::Error, Status::Fail, Status::Inconclusive, Status::Warn]),
            skipped: of(&[Status::Skipped]),
            passed: of(&[Status::Pass]),
        }
    }

    fn write(&self, shown: Shown) -> String {
        let needy = self.needy.iter().copied().filter(|verdict| shown.warnings || verdict.status.blocks());
        let needy: Vec<_> = needy.take(shown.rows).collect();
        let claims = parts::first_said(&self.needy);
        let mut said: HashSet<_> = claims.iter().map(|verdict| verdict.message.as_str()).collect();
        let opening = match claims.as_slice() {
            [] if self.needy.is_empty() && self.passed.is_empty() => foreign::sentence(&self.report.summary, 600),
            claims => claims.iter().map(|verdict| parts::claim(verdict)).collect::<Vec<_>>().join("  \n"),
        };
        // A page over its budget is thrown away: what follows need not be written.
        let mut used = 0;
        let within = |note: &String| {
            let open = used <= self.options.budget;
            used += note.chars().count();
            open
        };
        let notes = needy.iter().take(shown.notes).filter_map(|verdict| parts::note(verdict, &mut said, shown.tails));
        let notes: Vec<_> = notes.take_while(within).collect();
        let everything: Vec<&Verdict> = self.report.verdicts().collect();
        let slices: Vec<_> = needy.iter().take(shown.notes).filter_map(|verdict| parts::slices(verdict)).collect();
        let sections = [
            parts::heading(self.report),
            opening,
            if needy.is_empty() { String::new() } else { parts::needy_table(&needy) },
            notes.join("\n"),
            parts::comparisons(&everything, self.needy.is_empty()),
            if shown.tails { slices.join("\n\n") } else { String::new() },
            parts::waivers(&self.needy),
            if shown.passed && !self.skipped.is_empty() { parts::skipped(&self.skipped) } else { String::new() },
            if shown.passed && !self.passed.is_empty() { parts::passed(&self.passed) } else { String::new() },
            parts::not_configured(self.report),
            self.left_out(shown, needy.len()),
            parts::quiet_line(self.report, self.options),
        ];
        let sections: Vec<_> = sections.into_iter().filter(|section| !section.is_empty()).collect();
        sections.join("\n\n") + "\n"
    }

    /// What was left out for length, in words.
    fn left_out(&self, shown: Shown, rows: usize) -> String {
        let blocking = self.needy.iter().filter(|verdict| verdict.status.blocks()).count();
        let warnings = self.needy.len() - blocking;
        let mut parts = vec![];
        let mut leave = |out: bool, count: usize, what: &str| {
            if out && count > 0 {
                parts.push(format!("{} {what}", words::count(count as u64)));
            }
        };
        leave(!shown.warnings, blocking.saturating_sub(rows), "that did not pass");
        leave(!shown.warnings, warnings, "with a warning");
        leave(!shown.passed, self.skipped.len(), "skipped");
        leave(!shown.passed, self.passed.len(), "that passed");
        if shown.notes < rows {
            parts.push(format!("the messages of {} more", words::count((rows - shown.notes) as u64)));
        }
        if !shown.tails && self.needy.iter().any(|verdict| parts::has_tail(verdict)) {
            parts.push("further columns, slices and examples".into());
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
mod tests {
    use super::*;
    use crate::report::{RunResult, sample};
    use crate::verdict::{Limit, Unit};

    fn first_line(result: RunResult, statuses: &[Status]) -> String {
        let checks = statuses.iter().map(|&status| sample::verdict("check", status)).collect();
        render(&sample::report(result, checks), &Options::default()).lines().next().unwrap().to_owned()
    }

    #[test]
    fn the_first_line_says_what_happened() {
        use RunResult::{Blocked, Error, Passed};
        use Status::{Fail, Inconclusive, Pass, Skipped, Warn};
        assert_eq!(first_line(Passed, &[Pass; 14]), "### ✅ Passed: 14 checks");
        assert_eq!(first_line(Passed, &[Pass, Warn, Skipped]), "### ✅ Passed: 1 of 3 checks, 1 warned, 1 skipped");
        assert_eq!(first_line(Blocked, &[Pass, Fail]), "### ❌ Blocked: 1 of 2 checks failed");
        assert_eq!(first_line(Blocked, &[Pass, Inconclusive]), "### ❌ Blocked: 1 of 2 checks inconclusive");
        assert_eq!(first_line(Blocked, &[Warn]), "### ❌ Blocked: 1 of 1 check warned");
        let mixed = [Status::Error, Fail, Fail, Pass];
        assert_eq!(first_line(Error, &mixed), "### 💥 Error: 1 of 4 checks could not be measured, 2 failed");
        assert_eq!(first_line(Error, &[]), "### 💥 Error: nothing was checked");
    }

    #[test]
    fn a_page_goes_from_what_happened_to_how_to_repeat_it() {
        let mut report = sample::blocked();
        report.gates[0]
            .checks
            .retain(|verdict| ["missing_values", "range", "row_count"].contains(&verdict.check.as_str()));
        let options = Options { reproduce: Some("mlgate check".into()), ..Options::default() };
        let expected = "\
### ❌ Blocked: 1 of 4 checks failed, 1 warned

**<code>income</code> is missing in 7.25 % of rows, at most 5 % allowed; so are <code>job</code>, <code>housing</code> and 5 more** (see who fills <code>income</code> upstream, or list the columns that may be empty with a limit of their own)

| | Check | Observed | Limit | Rule |
|---|---|--:|--:|---|
| ❌ FAIL | missing_values | 7.25 % | ≤ 5 % | <code>mlgate.yml:12</code> |
| ⚠️ WARN | range · <code>age</code> on test | 0.02 % | ≤ 0 % | <code>mlgate.yml:12</code> |

- **missing_values**: <code>income</code> 7.25 %, <code>job</code> 6.5 %, <code>housing</code> 6.1 %, <code>feature_5</code> 5.62 %, <code>feature_4</code> 5.5 % <details><summary>and 3 more</summary><code>feature_3</code> 5.38 %, <code>feature_2</code> 5.25 %, <code>feature_1</code> 5.12 %</details>
- **range · <code>age</code> on test**: <code>age</code> is outside 18 to 120 in 0.02 % of rows (2 of 12,000)

Waivers:
- **range · <code>age</code> on test** until 2026-12-31 by <code>alice</code>: the branch of <code>May</code> is being loaded

<details><summary>2 passed</summary>

| Check | Observed | Limit |
|---|--:|--:|
| row_count | 12,000 rows | ≥ 1,000 rows |
| range · <code>income</code> | 0 % | ≤ 0 % |

</details>

Not configured: <code>max_duplicate_percent</code>.

<sub>training: 12,000 rows × 21 columns (<code>data/training.parquet</code>) · commit <code>3f9c1ab</code> · <code>mlgate check</code> repeats this · mlgate 0.1.0 · 412 ms</sub>
";
        assert_eq!(render(&report, &options), expected);
    }

    #[test]
    fn the_candidate_stands_beside_production_and_its_slices_worst_first() {
        let text = render(&sample::model(), &Options::default());
        for part in [
            "| ❌ FAIL | metric · <code>recall</code> (of 1) by region | 0.55 | ≥ 0.6 |",
            "| <code>recall</code> | 0.71 | 0.7 | +0.01 | 0.002 to 0.018 | < 0.001 | < 0.001 |",
            "| <code>region=north</code> | 0.55 | 41 | ❌ FAIL |\n| <code>region=&#124;east</code> | 0.9 | 9 | ❔ INCONCLUSIVE: fewer than 30 rows |",
            "- **fairness · <code>recall</code>**: left out with fewer than 30 rows: <code>sex=x</code>",
            "credit-risk v8 · production: <code>credit-risk v7 (champion)</code>",
        ] {
            assert!(text.contains(part), "{part} is not in {text}");
        }
    }

    #[test]
    fn passing_is_quiet() {
        let text = render(&sample::passed(), &Options::default());
        assert!(text.starts_with("### ✅ Passed: 5 checks\n\n<details><summary>5 passed</summary>\n"), "{text}");
    }

    #[test]
    fn three_sentences_open_the_page_and_none_twice() {
        let mut report = sample::of_each_status();
        let broken = "no file `data/training.parquet`";
        for verdict in &mut report.gates[0].checks {
            verdict.status = Status::Error;
            verdict.message = broken.into();
        }
        let text = render(&report, &Options::default());
        assert_eq!(text.matches("no file").count(), 1, "{text}");
        for (i, verdict) in report.gates[0].checks.iter_mut().enumerate() {
            verdict.message = format!("reason {i}");
        }
        let text = render(&report, &Options::default());
        assert_eq!(text.matches("**reason").count(), 3, "{text}");
        assert_eq!(text.matches("reason").count(), 6, "{text}");
    }

    #[test]
    fn a_distribution_is_drawn() {
        let text = render(&sample::blocked(), &Options::default());
        assert!(text.contains("| target_distribution · <code>default</code> | █▄▁ 0.4 % | ≥ 1 % |"), "{text}");
        assert!(text.contains("<code>no</code> 70.1 %, <code>yes</code> 29.5 %, <code>late</code> 0.4 %"), "{text}");
    }

    #[test]
    fn a_run_without_checks_says_why() {
        let mut report = sample::report(RunResult::Error, vec![]);
        report.summary = "failed to read `mlgate.yml`".into();
        assert!(render(&report, &Options::default()).contains("\n\nfailed to read <code>mlgate.yml</code>\n\n"));
    }

    #[test]
    fn hostile_text_changes_nothing_but_itself() {
        let hostile = "`a`|\n\n# @octocat #77 <img src=x> </details> [a](https://e.x) ![b](c) **b** ``` \u{202e}";
        let mut report = sample::of_each_status();
        for verdict in &mut report.gates[0].checks {
            for text in [&mut verdict.check, &mut verdict.message] {
                *text = hostile.into();
            }
            for text in [&mut verdict.subject, &mut verdict.name, &mut verdict.on, &mut verdict.hint] {
                *text = Some(hostile.into());
            }
            verdict.examples = vec![hostile.into()];
            verdict.waiver =
                Some(crate::verdict::Waiver { owner: hostile.into(), reason: hostile.into(), until: hostile.into() });
            verdict.values.insert("classes".into(), serde_json::json!({ hostile: 1.5 }));
        }
        report.not_configured = vec![hostile.into()];
        report.commit = Some(hostile.into());
        let text = render(&report, &Options { reproduce: Some(hostile.into()), ..Options::default() });
        for line in text.lines().filter(|line| line.starts_with("| ❌") || line.starts_with("| 💥")) {
            assert_eq!(line.matches('|').count(), 6, "{line}");
        }
        for tag in text.split('<').skip(1).map(|rest| rest.split_once('>').unwrap().0.trim_start_matches('/')) {
            assert!(["code", "details", "summary", "sub"].contains(&tag), "{tag}");
        }
        for alive in ["@o", "#77", "](", "https:", "``", "\u{202e}"] {
            assert!(!text.contains(alive), "{alive} in {text}");
        }
        assert_eq!(text.lines().filter(|line| line.starts_with('#')).count(), 1, "{text}");
    }

    #[test]
    fn three_thousand_long_failures_fit() {
        let failure = |i| Verdict {
            subject: Some(format!("feature_{i}")),
            message: format!("`feature_{i}` {}", "| @x `y` <b> ".repeat(310)),
            ..sample::verdict("range", Status::Fail)
        };
        let report = sample::report(RunResult::Blocked, (0..3_000).map(failure).collect());
        let text = render(&report, &Options::default());
        assert!((60_000..=65_000).contains(&text.chars().count()), "{}", text.chars().count());
        assert!(text.starts_with("### ❌ Blocked: 3,000 of 3,000 checks failed\n\n**<code>feature_0</code>"));
        assert!(text.contains("\n\nLeft out for length: 2,"), "{text}");
        assert!(text.ends_with("</sub>\n"));
    }

    #[test]
    fn what_is_needed_least_is_left_out_first() {
        let mut report = sample::blocked();
        let many = &mut report.gates[0].checks[1];
        (many.limit, many.unit) = (Some(Limit::max(5.0)), Some(Unit::Percent));
        let parts = [
            "</details>\n\nNot configured",
            "and 3 more</summary>",
            "⚠️ WARN",
            "3 rows repeat",
            "❔ INCONCLUSIVE",
            "###",
        ];
        let whole = render(&report, &Options::default()).chars().count();
        let mut seen = vec![];
        for budget in (60..=whole).rev().step_by(9) {
            let text = render(&report, &Options { budget, ..Options::default() });
            assert!(text.chars().count() <= budget);
            let kept = parts.map(|part| text.contains(part));
            assert!(kept.is_sorted(), "{kept:?} in {text}");
            assert_eq!(text.contains("report.json has all"), budget < whole && text.contains("<sub>"), "{text}");
            seen.push(kept);
        }
        seen.dedup();
        assert_eq!(seen.len(), parts.len(), "{seen:?}");
    }
}
