//! Texts nobody would think of, for everything that reads or shows what others wrote: no panic, nothing gets out of
//! its place. `PROPTEST_CASES=100000 cargo test --lib hostile` looks for longer.

use comrak::nodes::{AstNode, NodeValue};
use comrak::{Arena, Options, parse_document};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use serde_json::json;

use crate::commands::comment::believe;
use crate::config::Config;
use crate::config::document::Document;
use crate::integrations::github::{artifact, comment, outputs, workflow};
use crate::report::digest::Digest;
use crate::report::markdown::{self, Before, Origin};
use crate::report::verdict::{Verdict, Waiver};
use crate::report::{Report, junit, sample, sarif, terminal};

/// The same texts each time, unless the environment asks for others.
fn config() -> ProptestConfig {
    let seed = RngSeed::Fixed(20_261_125);
    let usual = ProptestConfig::default();
    let rng_seed = if usual.rng_seed == RngSeed::Random { seed } else { usual.rng_seed };
    ProptestConfig { rng_seed, failure_persistence: None, max_shrink_iters: 2_000, ..usual }
}

/// What means something to Markdown, HTML, GitHub, a runner's log or a terminal, between what means nothing.
fn text() -> impl Strategy<Value = String> {
    let alive = prop::sample::select(vec![
        "|",
        "\n",
        "\r",
        "\n\n",
        "`",
        "``",
        "```",
        "~~~",
        "*",
        "**",
        "_",
        "~~",
        "#",
        "# ",
        "> ",
        "- ",
        "1. ",
        "\\",
        "&",
        "&lt;",
        "&#64;",
        "<",
        ">",
        "<b>",
        "</code>",
        "</details>",
        "<details open>",
        "<!--",
        "-->",
        "--",
        "<script>",
        "<img src=x>",
        "[a](https://e.x)",
        "![b](//e.x)",
        "[c]: https://e.x",
        "[^1]",
        "[x]",
        "https://e.x",
        "www.e.x",
        "a@e.x",
        "@octocat",
        "@octo/team",
        "#1",
        "GH-1",
        "o/r#1",
        "$",
        "$$",
        "::error::",
        "::set-output name=x::y",
        "##[error]",
        "%0A",
        "\u{1b}[31m",
        "\u{202e}",
        "\u{200b}",
        "\u{0}",
        "{",
        "}",
        "[",
        "]",
        ":",
        ": ",
        ",",
        "!",
        "!!x",
        "'",
        "\"",
        "?",
        "---",
        "===",
        "\t",
        " ",
        "  ",
        "é",
        "💥",
        "\u{feff}",
        "mlgate-digest:1:",
        "\u{85}",
        "\u{2028}",
    ]);
    let part = prop_oneof![4 => alive.prop_map(str::to_owned), 1 => "[a-z0-9]{1,8}", 1 => any::<char>().prop_map(String::from)];
    prop::collection::vec(part, 0..14).prop_map(|parts| parts.concat())
}

/// A report in which everything that can come from elsewhere is this text.
fn report(text: &str) -> Report {
    let some = || Some(text.to_owned());
    let mut report = sample::of_each_status();
    report.gates[0].checks.extend(sample::model().gates.remove(0).checks);
    for (number, verdict) in report.gates[0].checks.iter_mut().enumerate() {
        let Verdict { check, subject, columns, name, on, message, hint, values, examples, waiver, at, .. } = verdict;
        (*check, *message) = (text.to_owned(), format!("{number}{text}"));
        (*subject, *name, *on, *hint) = (some(), some(), some(), some());
        *examples = vec![text.to_owned(); 7];
        *columns = vec![text.to_owned(); 7];
        *waiver = Some(Waiver { owner: text.into(), reason: text.into(), until: text.into() });
        at.iter_mut().for_each(|at| at.file = text.to_owned());
        values.insert("classes".into(), json!({ text: 1.5 }));
        values.insert("notes".into(), json!([text]));
        values.insert("by".into(), json!(text));
        values.insert("average".into(), json!(text));
        values.insert(
            "slices".into(),
            json!([{ "slice": text, "rows": 3, "value": 0.5, "status": "fail", "why": text }]),
        );
    }
    report.summary = text.to_owned();
    report.not_configured = vec![text.to_owned()];
    report.commit = some();
    (report.model.name, report.model.version, report.model.sha256) = (some(), some(), some());
    report.baseline = Some(json!({ "title": text, "version": text }));
    report.tables.values_mut().for_each(|table| table.path = text.to_owned());
    report.tool.version = text.to_owned();
    report.gate_edits = serde_json::from_value(json!({
        "policy": "head", "branch": text, "sha": text,
        "edits": [{ "kind": "relaxed", "rule": text, "setting": text, "from": text, "to": text, "at": { "file": text, "line": 1 } },
                  { "kind": "removed", "rule": text, "from": text }],
    }))
    .unwrap();
    report
}

fn page(text: &str) -> String {
    let report = report(text);
    let mut digest = Digest::of(&report);
    digest.commit = Some(text.to_owned());
    let origin =
        Origin { run: RUN.into(), actor: text.into(), repository: Some(text.into()), notes: vec![text.into()] };
    let options = markdown::Options {
        reproduce: Some(text.into()),
        link: Some(RUN.into()),
        files: Some("https://github.example/o/r/blob/sha/".into()),
        before: vec![Before { branch: Some(text.into()), digest }],
        origin: Some(origin),
        ..markdown::Options::default()
    };
    markdown::render(&report, &options)
}

/// GitHub's own words, which a run's address is.
const RUN: &str = "https://github.example/o/r/actions/runs/1";

/// As GitHub reads it.
fn github() -> Options<'static> {
    let mut options = Options::default();
    let extension = &mut options.extension;
    (extension.table, extension.strikethrough, extension.autolink) = (true, true, true);
    (extension.tasklist, extension.footnotes, extension.alerts) = (true, true, true);
    (extension.math_dollars, extension.math_code) = (true, true);
    options
}

fn walk<'a>(node: &'a AstNode<'a>, see: &mut dyn FnMut(&'a AstNode<'a>)) {
    see(node);
    node.children().for_each(|child| walk(child, see));
}

/// What the page is made of, a word a part: foreign text adds none and takes none away. A pair of its backticks may
/// make code of what is between them, as in our own sentences.
fn shape(markdown: &str) -> Vec<String> {
    let arena = Arena::new();
    let mut shape = Vec::new();
    walk(parse_document(&arena, markdown, &github()), &mut |node| match &node.data.borrow().value {
        NodeValue::Text(_) | NodeValue::SoftBreak => {}
        NodeValue::HtmlInline(tag) => shape.push(tag.clone()),
        NodeValue::HtmlBlock(block) => {
            let parts = block.literal.split_inclusive('>');
            shape.extend(parts.filter_map(|part| part.rfind('<').map(|at| part[at..].to_owned())));
        }
        NodeValue::Link(link) => {
            assert!(link.url.starts_with("https://github.example/o/r/"), "{}", link.url);
            shape.push("link".to_owned());
        }
        other => shape.push(other.xml_node_name().to_owned()),
    });
    let count = |tag: &str| shape.iter().filter(|part| *part == tag).count();
    assert_eq!(count("<code>"), count("</code>"));
    shape.retain(|part| !["<code>", "</code>"].contains(&part.as_str()));
    shape
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_page_keeps_its_shape(text in text()) {
        // What is empty or repeated takes another form, which is not what is asked here.
        let text = format!("q{text}q");
        let page = page(&text);
        let plain = super::hostile::page("qq");
        prop_assert_eq!(shape(&page), shape(&plain), "{}", page);
        let outside = page.split("\n<details><summary>Repeat it").next().unwrap_or_default();
        let outside = regex::Regex::new("&#[0-9]+;").unwrap().replace_all(outside, "");
        for alive in ["@o", "@octo", "#1", "GH-1", "\u{202e}", "\u{1b}", "\u{0}"] {
            prop_assert!(!outside.contains(alive), "{:?} is in {}", alive, outside);
        }
    }

    #[test]
    fn a_log_holds_no_command_but_ours(text in text()) {
        let report = report(&text);
        for line in crate::report::annotations::render(&report, |_| true).iter().map(ToString::to_string) {
            prop_assert!(!line.contains(['\n', '\r']) && !line.contains("##["), "{:?}", line);
            prop_assert!(line.starts_with("::error ") || line.starts_with("::warning "));
        }
        for shown in [crate::support::log::escape::plain(&text), terminal::render(&report, 80)] {
            // A terminal breaks lines at line feeds alone; a runner also takes a carriage return for one.
            for line in shown.split(['\n', '\r']) {
                prop_assert!(!line.trim_start().starts_with("::") && !line.contains("##["), "{:?}", line);
            }
        }
    }

    #[test]
    fn an_output_is_one_output(name in "[a-z-]{1,9}", text in text()) {
        let entry = outputs::entry(&name, &text);
        let (first, rest) = entry.split_once('\n').unwrap();
        let delimiter = first.strip_prefix(&format!("{name}<<")).unwrap();
        prop_assert_eq!(rest, format!("{text}\n{delimiter}\n"));
        prop_assert!(!text.contains(delimiter));
    }

    #[test]
    fn what_reads_a_config_ends_in_words(text in text(), list in prop::bool::ANY) {
        let text = if list { format!("data:\n  path: a\n  checks:\n    - {text}") } else { text };
        for name in ["a.yml", "a.json"] {
            let mut problems = Vec::new();
            if let Ok(document) = Document::parse(name, &text) {
                Config::read(&document, &mut problems);
            }
            for problem in problems {
                prop_assert!(!problem.message.is_empty());
            }
        }
        let step = workflow::Step { job: "a".into(), ..workflow::Step::default() };
        workflow::inputs(&text, &step);
    }

    #[test]
    fn what_reads_a_report_ends_in_words(text in text(), at in any::<prop::sample::Index>(), bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut json = sample::blocked().to_json();
        let mut place = at.index(json.len());
        while !json.is_char_boundary(place) { place -= 1 }
        json.insert_str(place, &text);
        if let Ok(report) = believe(json.as_bytes()) {
            markdown::render(&report, &markdown::Options::default());
            Digest::of(&report).encode();
        }
        prop_assert!(believe(&bytes).is_err());
        prop_assert!(artifact::unpack(&bytes, "r").is_err());
        Digest::decode(&String::from_utf8_lossy(&bytes));
        Digest::decode(&format!("<!-- mlgate-digest:1:{text} -->"));
    }

    #[test]
    fn a_digest_is_what_it_was_made_of(text in text()) {
        let digest = Digest::of(&report(&text));
        let line = digest.encode();
        prop_assert!(!line.trim_start_matches("<!--").trim_end_matches("-->").contains("--"));
        prop_assert_eq!(Digest::decode(&line), Some(digest));
    }

    #[test]
    fn a_key_is_one_line_that_ends_no_comment(text in text()) {
        let marker = comment::Marker::new(&text);
        let inside = marker.text().strip_prefix("<!-- mlgate:").and_then(|rest| rest.strip_suffix(" -->"));
        let inside = inside.unwrap();
        prop_assert!(!inside.contains("--") && !inside.contains(['<', '>', '\n', '\r', '@', '#']), "{:?}", inside);
    }

    #[test]
    fn files_for_machines_are_well_formed(text in text()) {
        let report = report(&text);
        prop_assert!(serde_json::from_str::<serde_json::Value>(&sarif::render(&report)).is_ok());
        let xml = junit::render(&report);
        prop_assert!(!xml.contains(['\0', '\x1b']), "a character that XML has not");
        prop_assert_eq!(xml.matches("<testcase").count(), report.verdicts().count());
    }
}
