//! SARIF 2.1.0, for code scanning: one result for each entry that did not pass, on the line of its rule.
//! <https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html>

use std::collections::{BTreeSet, HashMap};
use std::fmt::Write;

use serde_json::{Map, Value, json};

use super::{Report, RunResult};
use crate::report::verdict::{Status, Verdict};
use crate::support::problem::Place;
use crate::support::words;

/// The text of the JSON file.
pub fn render(report: &Report) -> String {
    let shown = report.verdicts().filter(|verdict| level(verdict).is_some());
    let ids: BTreeSet<_> = shown.map(|verdict| words::visible(&verdict.check)).collect();
    let rules: Vec<_> = ids.iter().map(|id| rule(id)).collect();
    let mut seen = HashMap::new();
    let results = report.gates.iter().flat_map(|gate| gate.checks.iter().map(|verdict| (gate.gate.as_str(), verdict)));
    let results = results.filter_map(|(gate, verdict)| {
        let level = level(verdict)?;
        let name = stable_name(gate, verdict);
        let times: &mut usize = seen.entry(name.clone()).or_default();
        *times += 1;
        let id = words::visible(&verdict.check);
        let mut result = json!({
            "ruleId": id,
            "ruleIndex": ids.iter().position(|known| *known == id),
            "level": level,
            "message": { "text": message(verdict) },
            "partialFingerprints": { "mlgateEntry/v1": format!("{name}/{times}") },
        });
        if let Some(location) = location(report, verdict) {
            result["locations"] = json!([location]);
        }
        Some(result)
    });
    let sarif = json!({
        "$schema": "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": { "name": report.tool.name, "version": report.tool.version, "rules": rules } },
            "invocations": [{ "executionSuccessful": report.result != RunResult::Error }],
            "columnKind": "unicodeCodePoints",
            "results": results.collect::<Vec<_>>(),
        }],
    });
    format!("{sarif:#}\n")
}

/// A failure that was accepted is a note: it stays in sight, and alarms nobody.
fn level(verdict: &Verdict) -> Option<&'static str> {
    match verdict.status {
        Status::Fail | Status::Inconclusive | Status::Error => Some("error"),
        Status::Warn if verdict.waiver.is_some() => Some("note"),
        Status::Warn => Some("warning"),
        Status::Pass | Status::Skipped => None,
    }
}

fn rule(id: &str) -> Value {
    json!({
        "id": id,
        "shortDescription": { "text": text(&id.replace('_', " ")) },
        "help": { "text": text(&format!("mlgate explain {id}")) },
    })
}

fn message(verdict: &Verdict) -> String {
    let mut message = format!("{}: {}", verdict.status.word(), words::one_line(&verdict.message));
    if let Some(hint) = &verdict.hint {
        let _ = write!(message, " ({})", words::one_line(hint));
    }
    if let Some(waiver) = &verdict.waiver {
        let waiver = format!("waiver until {} by {}: {}", waiver.until, waiver.owner, waiver.reason);
        let _ = write!(message, "; {}", words::one_line(&waiver));
    }
    text(&message)
}

/// Braces are placeholders here and brackets links (sections 3.11.5 and 3.11.6). GitHub drops
/// backticks (<https://github.com/github/codeql/issues/14128>), so names stand in quotes.
fn text(plain: &str) -> String {
    let mut out = String::with_capacity(plain.len());
    for c in plain.chars() {
        match c {
            '{' => out += "{{",
            '}' => out += "}}",
            '[' | ']' | '\\' => out.extend(['\\', c]),
            '`' => out.push('\''),
            c => out.push(c),
        }
    }
    out
}

/// What an entry is called in every run, wherever its rule moves to.
fn stable_name(gate: &str, verdict: &Verdict) -> String {
    let parts =
        [Some(gate), Some(&verdict.check), verdict.subject.as_deref(), verdict.on.as_deref(), verdict.name.as_deref()];
    parts.map(|part| part.map(words::visible).unwrap_or_default()).join("/")
}

/// The line of the rule. GitHub wants a place for every result: what stands in no file is shown on
/// the first line of the workflow that said it, or of the config.
fn location(report: &Report, verdict: &Verdict) -> Option<Value> {
    let rule = verdict.at.as_ref();
    if let Some((at, uri)) = rule.and_then(|at| Some((at, uri(&at.file)?))) {
        return Some(physical(&uri, at));
    }
    let workflow = report.pipeline.workflow_ref.as_deref().and_then(workflow_file);
    let config = report.config.iter().map(|config| config.path.as_str());
    let uri = workflow.into_iter().chain(config).find_map(uri)?;
    Some(physical(&uri, &Place { file: String::new(), line: 1, column: None }))
}

fn physical(uri: &str, at: &Place) -> Value {
    let mut region = Map::from_iter([("startLine".to_owned(), json!(at.line.max(1)))]);
    if let Some(column) = at.column.filter(|column| *column > 0) {
        region.insert("startColumn".into(), json!(column));
    }
    json!({ "physicalLocation": { "artifactLocation": { "uri": uri }, "region": region } })
}

/// `owner/name/.github/workflows/gate.yml@refs/heads/main` → the path in it.
fn workflow_file(workflow_ref: &str) -> Option<&str> {
    let (path, _) = workflow_ref.split_once('@')?;
    path.splitn(3, '/').nth(2)
}

/// A path as a relative reference; `None` for one outside of the repository.
fn uri(path: &str) -> Option<String> {
    // Where the runner puts the workspace of a container action.
    let path = path.strip_prefix("/github/workspace/").unwrap_or(path);
    let parts: Vec<_> = path.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    if path.starts_with('/') || parts.is_empty() || parts.contains(&"..") {
        return None;
    }
    Some(parts.into_iter().map(percent_encoded).collect::<Vec<_>>().join("/"))
}

fn percent_encoded(part: &str) -> String {
    part.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(byte.into());
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{ConfigFile, sample};

    fn rendered(report: &Report) -> Value {
        serde_json::from_str(&render(report)).unwrap()
    }

    fn results(report: &Report) -> Vec<Value> {
        rendered(report)["runs"][0]["results"].as_array().unwrap().clone()
    }

    #[test]
    fn all_but_what_passed_or_was_skipped_is_a_result() {
        let levels: Vec<_> = results(&sample::of_each_status()).iter().map(|result| result["level"].clone()).collect();
        assert_eq!(levels, ["error", "warning", "error", "error"]);
        let mut report = sample::of_each_status();
        report.gates[0].checks[2].waiver = Some(sample::waiver());
        assert_eq!(results(&report)[1]["level"], "note");
    }

    #[test]
    fn each_result_has_its_rule_and_stands_on_its_line() {
        let report = sample::of_each_status();
        let sarif = rendered(&report);
        assert_eq!(sarif["runs"][0]["tool"]["driver"]["rules"][0]["id"], "check");
        let result = &sarif["runs"][0]["results"][0];
        assert_eq!((&result["ruleId"], &result["ruleIndex"]), (&json!("check"), &json!(0)));
        let place = json!({
            "artifactLocation": { "uri": "mlgate.yml" },
            "region": { "startLine": 12, "startColumn": 7 },
        });
        assert_eq!(result["locations"][0]["physicalLocation"], place);
    }

    #[test]
    fn a_rule_without_a_file_stands_in_the_workflow_or_in_the_first_config() {
        let mut report = sample::of_each_status();
        report.gates[0].checks[1].at = None;
        let place =
            |report: &Report| results(report)[0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"].clone();
        report.config = vec![ConfigFile { path: "conf/a b.yml".into(), sha256: String::new() }];
        assert_eq!(place(&report), "conf/a%20b.yml");
        report.pipeline.workflow_ref = Some("octo/risk/.github/workflows/gate.yml@refs/heads/main".into());
        assert_eq!(place(&report), ".github/workflows/gate.yml");
        report.pipeline.workflow_ref = None;
        report.config.clear();
        assert_eq!(results(&report)[0].get("locations"), None);
    }

    #[test]
    fn addresses_are_relative_and_encoded() {
        assert_eq!(uri("./a//b.yml").as_deref(), Some("a/b.yml"));
        assert_eq!(uri("a:b/ü%.yml").as_deref(), Some("a%3Ab/%C3%BC%25.yml"));
        assert_eq!(uri("/github/workspace/mlgate.yml").as_deref(), Some("mlgate.yml"));
        for outside in ["/etc/passwd", "../x.yml", "a/../../x.yml", "", "."] {
            assert_eq!(uri(outside), None, "{outside}");
        }
    }

    #[test]
    fn fingerprints_outlive_lines_and_numbers() {
        let prints = |report: &Report| -> Vec<Value> {
            results(report).iter().map(|result| result["partialFingerprints"]["mlgateEntry/v1"].clone()).collect()
        };
        let mut report = sample::of_each_status();
        let before = prints(&report);
        assert_eq!(before[..2], ["data/check////1", "data/check////2"]);
        for verdict in &mut report.gates[0].checks {
            verdict.at = None;
            verdict.observed = Some(1.0);
        }
        assert_eq!(prints(&report), before);
    }

    #[test]
    fn a_message_holds_no_link_and_no_placeholder() {
        assert_eq!(text("`a` [x](https://e.x) {0} \\"), "'a' \\[x\\](https://e.x) {{0}} \\\\");
    }
}
