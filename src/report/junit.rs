//! `JUnit` XML, for the test views of CI systems: one suite a gate, one case an entry.

use std::collections::HashMap;
use std::fmt::Write;
use std::time::Duration;

use chrono::DateTime;
use quick_junit::{NonSuccessKind, Report as Xml, TestCase, TestCaseStatus, TestSuite};

use super::Report;
use crate::report::verdict::{Status, Verdict};
use crate::support::words;

/// The text of the XML file.
pub fn render(report: &Report) -> String {
    let mut xml = Xml::new(words::one_line(&report.tool.name));
    xml.set_time(Duration::from_millis(report.duration_ms));
    if let Ok(started) = DateTime::parse_from_rfc3339(&report.started_at) {
        xml.set_timestamp(started);
    }
    for gate in &report.gates {
        let mut suite = TestSuite::new(words::one_line(&gate.gate));
        let mut seen = HashMap::new();
        for verdict in &gate.checks {
            let name = name(verdict);
            // Test views merge cases of one name.
            let times: &mut usize = seen.entry(name.clone()).or_default();
            *times += 1;
            let name = if *times > 1 { format!("{name} #{times}") } else { name };
            suite.add_test_case(case(&name, &gate.gate, verdict));
        }
        xml.add_test_suite(suite);
    }
    // Written to memory from text: there is nothing that could fail.
    xml.to_string().unwrap_or_default()
}

/// `range:age on test (adults only)`.
fn name(verdict: &Verdict) -> String {
    let mut name = verdict.label();
    if let Some(columns) = verdict.named_columns() {
        let _ = write!(name, ":{columns}");
    }
    if let Some(table) = &verdict.on {
        let _ = write!(name, " on {table}");
    }
    if let Some(own) = &verdict.name {
        let _ = write!(name, " ({own})");
    }
    words::one_line(&name)
}

fn case(name: &str, gate: &str, verdict: &Verdict) -> TestCase {
    let mut status = match verdict.status {
        Status::Pass | Status::Warn => TestCaseStatus::success(),
        Status::Fail | Status::Inconclusive => TestCaseStatus::non_success(NonSuccessKind::Failure),
        Status::Error => TestCaseStatus::non_success(NonSuccessKind::Error),
        Status::Skipped => TestCaseStatus::skipped(),
    };
    let message = words::one_line(&verdict.message);
    status.set_type(verdict.status.word()).set_message(&message);
    if verdict.status.blocks() {
        status.set_description(description(verdict));
    }
    let mut case = TestCase::new(name, status);
    case.set_classname(words::one_line(gate));
    if let Some(at) = &verdict.at {
        case.extra.insert("file".into(), words::one_line(&at.file).into());
        case.extra.insert("line".into(), at.line.to_string().into());
    }
    if verdict.status == Status::Warn {
        case.set_system_out(format!("{}: {}", Status::Warn.word(), description(verdict)));
    }
    case
}

/// The sentence, what to do, who accepted it, and where the rule stands.
fn description(verdict: &Verdict) -> String {
    let mut lines = vec![words::one_line(&verdict.message)];
    if let Some(hint) = &verdict.hint {
        lines.push(format!("hint: {}", words::one_line(hint)));
    }
    if let Some(waiver) = &verdict.waiver {
        let waiver = format!("waiver until {} by {}: {}", waiver.until, waiver.owner, waiver.reason);
        lines.push(words::one_line(&waiver));
    }
    if let Some(rule) = verdict.rule() {
        lines.push(format!("rule: {}", words::one_line(&rule)));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn every_status_has_its_place() {
        let xml = render(&sample::of_each_status());
        let expected = r#"<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="mlgate" tests="6" skipped="1" failures="2" errors="1" timestamp="2026-05-04T10:00:00.000+00:00" time="0.412">
    <testsuite name="data" tests="6" skipped="1" errors="1" failures="2">
"#;
        assert!(xml.starts_with(expected), "{xml}");
        for (part, times) in
            [("<failure ", 2), ("<error ", 1), ("<skipped ", 1), ("<system-out>WARN: ", 1), ("<testcase ", 6)]
        {
            assert_eq!(xml.matches(part).count(), times, "{part} in {xml}");
        }
    }

    #[test]
    fn a_failure_says_what_to_do_and_where_the_rule_stands() {
        let mut report = sample::of_each_status();
        let fail = &mut report.gates[0].checks[1];
        fail.message = "`income` is missing in 7.25 % of rows".into();
        fail.hint = Some("fill it".into());
        let xml = render(&report);
        assert!(xml.contains(r#"file="mlgate.yml" line="12""#), "{xml}");
        let expected = r#"<failure message="`income` is missing in 7.25 % of rows" type="FAIL">`income` is missing in 7.25 % of rows
hint: fill it
rule: mlgate.yml:12</failure>"#;
        assert!(xml.contains(expected), "{xml}");
    }

    #[test]
    fn what_xml_forbids_is_made_visible() {
        let mut report = sample::of_each_status();
        report.gates[0].checks[1].subject = Some("a\u{0}\u{1b}[31m\u{ffff}<&\"".into());
        let xml = render(&report);
        assert!(xml.contains(r#"name="check:a\u{0}\u{1b}[31m\u{ffff}&lt;&amp;&quot;""#), "{xml}");
    }

    #[test]
    fn entries_of_one_name_stay_apart() {
        let mut report = sample::of_each_status();
        report.gates[0].checks.push(sample::verdict("check", Status::Pass));
        let xml = render(&report);
        assert!(xml.contains(r#"name="check #7""#), "{xml}");
    }
}
