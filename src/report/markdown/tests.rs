//! The page as a whole.

use super::*;
use crate::report::verdict::{Limit, Unit};
use crate::report::{RunResult, sample};

fn first_line(result: RunResult, statuses: &[Status]) -> String {
    let checks = statuses.iter().map(|&status| sample::verdict("check", status)).collect();
    render(&sample::report(result, checks), &Options::default()).lines().next().unwrap().to_owned()
}

#[test]
fn the_first_line_says_what_happened() {
    use RunResult::{Blocked, Error, Passed};
    use Status::{Fail, Inconclusive, Pass, Skipped, Warn};
    assert_eq!(first_line(Passed, &[Pass; 14]), "### ✅ Passed: 14 checks · data");
    assert_eq!(first_line(Passed, &[Pass, Warn, Skipped]), "### ✅ Passed: 1 of 3 checks, 1 warned, 1 skipped · data");
    assert_eq!(first_line(Blocked, &[Pass, Fail]), "### ❌ Blocked: 1 of 2 checks failed · data");
    assert_eq!(first_line(Blocked, &[Pass, Inconclusive]), "### ❌ Blocked: 1 of 2 checks inconclusive · data");
    assert_eq!(first_line(Blocked, &[Warn]), "### ❌ Blocked: 1 of 1 check warned · data");
    let mixed = [Status::Error, Fail, Fail, Pass];
    assert_eq!(first_line(Error, &mixed), "### 💥 Error: 1 of 4 checks could not be measured, 2 failed · data");
    assert_eq!(first_line(Error, &[]), "### 💥 Error: nothing was checked · data");
}

#[test]
fn a_page_goes_from_what_happened_to_how_to_repeat_it() {
    let mut report = sample::blocked();
    report.gates[0].checks.retain(|verdict| ["missing_values", "range", "row_count"].contains(&verdict.check.as_str()));
    let options = Options {
        reproduce: Some("mlgate check".into()),
        files: Some("https://github.com/octo/risk/blob/3f9c/".into()),
        ..Options::default()
    };
    let expected = "\
### ❌ Blocked: 1 of 4 checks failed, 1 warned · data

**<code>income</code> is missing in 7.25 % of rows, at most 5 % allowed; so are <code>job</code>, <code>housing</code> and 5 more** (see who fills <code>income</code> upstream, or list the columns that may be empty with a limit of their own)

| | Check | Observed | Limit |
|:--|:--|--:|--:|
| ❌&#160;FAIL | missing_values | 7.25&#160;% | ≤&#160;5&#160;% |
| ⚠️&#160;WARN | range · <code>age</code> on test | 0.02&#160;% | ≤&#160;0&#160;% |

- **missing_values**: <code>income</code> 7.25 %, <code>job</code> 6.5 %, <code>housing</code> 6.1 %, <code>feature_5</code> 5.62 %, <code>feature_4</code> 5.5 % <details><summary>and 3 more</summary><code>feature_3</code> 5.38 %, <code>feature_2</code> 5.25 %, <code>feature_1</code> 5.12 %</details>
- **range · <code>age</code> on test**: <code>age</code> is outside 18 to 120 in 0.02 % of rows (2 of 12,000)

Waived:
- **range · <code>age</code> on test** until 2026-12-31, by <code>alice</code>: the branch of <code>May</code> is being loaded

<details><summary>2 passed</summary>

| Check | Observed | Limit |
|:--|--:|--:|
| row_count | 12,000&#160;rows | ≥&#160;1,000&#160;rows |
| range · <code>income</code> | 0&#160;% | ≤&#160;0&#160;% |

</details>

Not configured: <code>max_duplicate_percent</code>.

<details><summary>Repeat it</summary>

```sh
mlgate check
```

</details>

<sub>training: 12,000 rows × 21 columns (<code>data/training.parquet</code>) · commit <code>3f9c1ab</code> · rules: [mlgate.yml](https://github.com/octo/risk/blob/3f9c/mlgate.yml#L12) line 12 · mlgate 0.1.0 · 412 ms</sub>
";
    assert_eq!(render(&report, &options), expected);
}

#[test]
fn the_candidate_stands_beside_production_and_its_slices_worst_first() {
    let text = render(&sample::model(), &Options::default());
    for part in [
        "| ❌&#160;FAIL | metric · <code>recall</code> (of 1) by region | 0.55 | ≥&#160;0.6 |",
        "| <code>recall</code> | 0.71 | 0.7 | +0.01 | 0.002&#160;to&#160;0.018 | <&#160;0.001 | <&#160;0.001 |",
        "| <code>region=north</code> | 0.55 | 41 | ❌&#160;FAIL |\n| <code>region=&#124;east</code> | 0.9 | 9 | ❔&#160;INCONCLUSIVE: fewer than 30 rows |",
        "- **fairness · <code>recall</code>**: left out with fewer than 30 rows: <code>sex=x</code>",
        "credit-risk v8 · production: <code>credit-risk v7 (champion)</code>",
    ] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
}

#[test]
fn passing_is_quiet() {
    let text = render(&sample::passed(), &Options::default());
    assert!(text.starts_with("### ✅ Passed: 5 checks · data\n\n<details><summary>5 passed</summary>\n"), "{text}");
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
    assert!(
        text.contains("| target_distribution · <code>default</code> | █▄▁&#160;0.4&#160;% | ≥&#160;1&#160;% |"),
        "{text}"
    );
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
        verdict.waiver = Some(crate::report::verdict::Waiver {
            owner: hostile.into(),
            reason: hostile.into(),
            until: hostile.into(),
        });
        verdict.values.insert("classes".into(), serde_json::json!({ hostile: 1.5 }));
    }
    report.not_configured = vec![hostile.into()];
    report.commit = Some(hostile.into());
    let text = render(&report, &Options { reproduce: Some(hostile.into()), ..Options::default() });
    for line in text.lines().filter(|line| line.starts_with("| ❌") || line.starts_with("| 💥")) {
        assert_eq!(line.matches('|').count(), 5, "{line}");
    }
    // The command that repeats the run is in a block of code, which ends with a fence of its own length.
    let (before, rest) = text.split_once("\n````sh\n").unwrap();
    let (_, after) = rest.split_once("\n````\n").unwrap();
    let text = format!("{before}{after}");
    for tag in text.split('<').skip(1).map(|rest| rest.split_once('>').unwrap().0.trim_start_matches('/')) {
        assert!(["br", "code", "details", "summary", "sub"].contains(&tag), "{tag}");
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
    assert!(text.starts_with("### ❌ Blocked: 3,000 of 3,000 checks failed · data\n\n- **<code>feature_0</code>"));
    assert!(text.contains("\n\nLeft out for length: 1,9"), "{text}");
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
        "⚠️&#160;WARN",
        "3 rows repeat",
        "❔&#160;INCONCLUSIVE",
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
    // What goes last makes room for rows again.
    let seen: std::collections::BTreeSet<_> = seen.into_iter().collect();
    assert_eq!(seen.len(), parts.len(), "{seen:?}");
}
