//! A rollout told: a line a look for the log, a chart and a table for the summary, and all of it as JSON.

mod chart;

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Value, json};

use super::driver::{Arm, Journey, Moment};
use super::notification::{Notification, issue};
use super::policy::Limits;
use super::{Outcome, Slots, status};
use crate::report::markdown::foreign::plain as escaped;
use crate::support::words::{number, one_line};

/// Rows of the table, at most.
const ROWS: usize = 60;

/// A look in one line.
pub fn line(moment: &Moment, started_at: f64) -> String {
    let arm = |arm: &Arm| format!("{}/{} failed", arm.counts.errors, arm.counts.requests);
    let said = if moment.said.is_empty() { String::new() } else { format!(" · {}", one_line(&moment.said)) };
    format!(
        "{:>7.1} s  {:>5}  candidate {} · stable {}{said}",
        moment.at - started_at,
        weight(moment),
        arm(&moment.candidate),
        arm(&moment.stable)
    )
}

fn weight(moment: &Moment) -> String {
    moment.weight.map_or("?".to_owned(), |weight| format!("{weight} %"))
}

/// A time as RFC 3339 has it.
pub fn time(at: f64) -> String {
    let at = DateTime::<Utc>::from_timestamp_millis((at * 1e3) as i64).unwrap_or_default();
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// A time for people, in UTC: `2026-11-30 03:12:45 UTC`.
pub fn clock(at: f64) -> String {
    DateTime::<Utc>::from_timestamp_millis((at * 1e3) as i64).unwrap_or_default().format("%F %T UTC").to_string()
}

/// `rollout.json`.
pub fn json(journey: &Journey, slots: &Slots) -> Value {
    let entry = &journey.entry;
    let timeline: Vec<Value> = journey
        .timeline
        .iter()
        .map(|moment| {
            json!({
                "at": time(moment.at),
                "seconds": ((moment.at - entry.started_at) * 10.0).round() / 10.0,
                "weight": moment.weight,
                "step": moment.stage,
                "stable": moment.stable,
                "candidate": moment.candidate,
                "said": moment.said,
            })
        })
        .collect();
    json!({
        "schema_version": 1,
        "result": journey.ended.outcome.word(),
        "reason": journey.ended.reason,
        "strategy": entry.strategy,
        "model": { "name": entry.name, "version": entry.version },
        "previous_version": entry.previous_version,
        "slots": slots.json(entry),
        "weight": journey.weight,
        "started_at": time(entry.started_at),
        "report_sha256": entry.report_sha256,
        "timeline": timeline,
        "levers": journey.levers.iter().map(status::of_action).collect::<Vec<_>>(),
        "hooks": entry.state.hooks.iter().map(status::of_hook).collect::<Vec<_>>(),
        "interventions": entry.interventions.iter().map(status::of_request).collect::<Vec<_>>(),
        "problems": journey.problems.iter().map(ToString::to_string).collect::<Vec<_>>(),
    })
}

/// What happened, who was affected and what to type; then charts, and every evaluation that changed something.
pub fn markdown(journey: &Journey, message: &Notification, limits: &Limits) -> String {
    let entry = &journey.entry;
    let (icon, word) = match journey.ended.outcome {
        Outcome::Promoted => ("✅", "Promoted"),
        Outcome::RolledBack => ("⏪", "Rolled back"),
        Outcome::Held => ("⏸️", "Held"),
        Outcome::Aborted => ("⚠️", "Aborted"),
        Outcome::NoDifference => ("🟰", "No difference"),
    };
    let model = format!("{} {}", escaped(&entry.name), escaped(&entry.version));
    let mut out =
        format!("### {icon} {word}: {model} · {}\n\n**{}**\n", entry.strategy, escaped(&journey.ended.reason));
    out.push_str("\n| | |\n|:--|:--|\n");
    // The reason is above, actions and problems have a place of their own.
    let is_shown = |(name, _): &(&str, String)| !["Reason", "Actions", "Problem"].contains(name);
    for (name, said) in message.facts().into_iter().filter(is_shown) {
        out.push_str(&format!("| **{name}** | {} |\n", escaped(&said)));
    }
    out.push_str(&format!("| **Next** | {} |\n", issue::commands(message)));
    if !journey.levers.is_empty() {
        out.push_str("\n| Action | | |\n|:--|:--|:--|\n");
        for pulled in &journey.levers {
            let state = if pulled.is_done { "✅ done" } else { "❌ failed" };
            out.push_str(&format!("| {} | {state} | {} |\n", pulled.lever, escaped(&pulled.said)));
        }
    }
    for record in &entry.state.hooks {
        out.push_str(&format!("\n- hook {}\n", escaped(&status::of_record(record))));
    }
    for request in &entry.interventions {
        out.push_str(&format!("\n- {}: {}\n", time(request.at), escaped(&request.words())));
    }
    for problem in &journey.problems {
        out.push_str(&format!("\n> {}\n", escaped(&problem.message)));
    }
    if journey.timeline.len() > 1 {
        out.push_str(&chart::charts(journey, limits));
        out.push_str(&table(journey));
    }
    out.push_str(&format!(
        "\n<sub>report <code>{}…</code> · mlgate {}</sub>\n",
        entry.report_sha256.chars().take(8).filter(char::is_ascii_alphanumeric).collect::<String>(),
        env!("CARGO_PKG_VERSION")
    ));
    out
}

/// Looks at which something changed; all others only count on.
fn table(journey: &Journey) -> String {
    let names: std::collections::BTreeSet<&String> =
        journey.timeline.iter().flat_map(|moment| moment.candidate.gauges.keys()).collect();
    let mut out = String::from(
        "\n<details open><summary>Timeline</summary>\n\n| s | weight | candidate failed | stable failed |",
    );
    names.iter().for_each(|name| out.push_str(&format!(" {} |", escaped(name))));
    out.push_str(" |\n|--:|--:|--:|--:|");
    names.iter().for_each(|_| out.push_str("--:|"));
    out.push_str(":--|\n");
    let mut shown: Vec<&Moment> = Vec::new();
    let last = journey.timeline.len() - 1;
    for (at, moment) in journey.timeline.iter().enumerate() {
        let before = shown.last();
        let is_news = before.is_none_or(|before| before.weight != moment.weight || before.said != moment.said);
        if is_news || at == last {
            shown.push(moment);
        }
    }
    let left_out = shown.len().saturating_sub(ROWS);
    for moment in shown.iter().skip(left_out) {
        let arm = |arm: &Arm| match arm.counts.rate() {
            Some(rate) => format!(
                "{} of {} ({} %)",
                arm.counts.errors,
                arm.counts.requests,
                number((1e4 * rate).round() / 100.0, &[])
            ),
            None => "–".to_owned(),
        };
        out.push_str(&format!(
            "| {:.0} | {} | {} | {} |",
            moment.at - journey.entry.started_at,
            weight(moment),
            arm(&moment.candidate),
            arm(&moment.stable)
        ));
        for name in &names {
            let value = moment
                .candidate
                .gauges
                .get(*name)
                .map_or("–".to_owned(), |value| number((value * 100.0).round() / 100.0, &[]));
            out.push_str(&format!(" {value} |"));
        }
        out.push_str(&format!(" {} |\n", escaped(&moment.said)));
    }
    if left_out > 0 {
        out.push_str(&format!("\n{left_out} earlier ones are in rollout.json.\n"));
    }
    out.push_str("\n</details>\n");
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rollout::driver::{Arm, Journey, Moment};
    use crate::rollout::journal::Entry;
    use crate::rollout::levers::Pulled;
    use crate::rollout::notification::Source;
    use crate::rollout::state::{Counts, Ended};

    fn journey(reason: &str) -> Journey {
        let arm =
            |requests, errors| Arm { counts: Counts { requests, errors }, gauges: [("p99".to_owned(), 40.0)].into() };
        let moment = |at: f64, weight, said: &str| Moment {
            at,
            stage: 0,
            weight,
            stable: arm(900, 9),
            candidate: arm(100, 1),
            said: said.to_owned(),
        };
        Journey {
            entry: Entry {
                version: "8".into(),
                previous_version: Some("7".into()),
                report_sha256: "0123456789".into(),
                is_settled: true,
                ..Entry::unknown("canary", "a|b", "me", 1_000.0)
            },
            ended: Ended { outcome: Outcome::RolledBack, reason: reason.to_owned() },
            timeline: vec![
                moment(1_000.0, Some(0), "to 10 %"),
                moment(1_015.0, Some(10), ""),
                moment(1_030.0, None, "gone"),
            ],
            levers: vec![Pulled { lever: "traffic", is_done: false, said: "no answer".into(), is_final: false }],
            weight: None,
            problems: Vec::new(),
        }
    }

    fn shown(journey: &Journey) -> String {
        let limits = Limits { max_error_rate: Some(0.01), ..Limits::default() };
        markdown(journey, &Notification::of_end(journey, &limits, 1_030.0, &Source::default()), &limits)
    }

    #[test]
    fn what_happened_stands_first_and_weights_as_a_chart() {
        let said = shown(&journey("it fails"));
        assert!(said.starts_with("### ⏪ Rolled back: "), "{said}");
        assert!(said.contains("| traffic | ❌ failed | no answer |"), "{said}");
        assert!(
            said.contains("line [0, 10, 10]") && said.contains("| 15 | 10 % | 1 of 100 (1 %) | 9 of 900 (1 %) | 40 |"),
            "{said}"
        );
        assert!(said.contains("| **Version before** | 7 |"), "{said}");
        assert!(said.contains("| **Next** | <code>mlgate rollback</code> tries again<br>"), "{said}");
        assert!(said.contains("x-axis \"seconds\" 0 --> 30\n    y-axis 0 --> 1.2\n    line [1, 1, 1]"), "{said}");
    }

    #[test]
    fn foreign_words_are_only_words() {
        let said = shown(&journey("<img src=x> | [a](http://b) @everyone\n::error::x"));
        for bad in ["<img", "](http", "\n::error"] {
            assert!(!said.contains(bad), "{bad}: {said}");
        }
        assert_eq!(json(&journey("a"), &Slots::of_tests(true))["levers"][0]["state"], "failed");
        assert!(!line(&journey("a").timeline[2], 1_000.0).contains('\n'));
    }
}
