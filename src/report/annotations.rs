//! Annotations: the verdicts on the lines of their rules, as the runner's log commands.

use std::collections::HashSet;

use serde_json::{Value, json};

use crate::integrations::github::annotations::{LONGEST, MOST, command};
use crate::report::Report;
use crate::report::verdict::{Status, Verdict};
use crate::support::log::Command;
use crate::support::log::command::visible;

/// The annotations of these of the report's verdicts, the worst first; the last of a level says how many more there are.
pub fn render(report: &Report, wanted: impl Fn(&Verdict) -> bool) -> Vec<Command> {
    let mut lines = Vec::new();
    for (level, blocking) in [("error", true), ("warning", false)] {
        let verdicts: Vec<&Verdict> = report
            .worst_first()
            .into_iter()
            .filter(|verdict| if blocking { verdict.status.blocks() } else { verdict.status == Status::Warn })
            .filter(|verdict| wanted(verdict))
            .collect();
        // One missing file makes every check an error: its reason is said once.
        let mut said = HashSet::new();
        let verdicts: Vec<&Verdict> = verdicts
            .into_iter()
            .filter(|verdict| verdict.status != Status::Error || said.insert(&verdict.message))
            .collect();
        let shown = if verdicts.len() > MOST { MOST - 1 } else { verdicts.len() };
        for verdict in &verdicts[..shown] {
            let mut message = verdict.message.clone();
            if let Some(hint) = &verdict.hint {
                message = format!("{message}\nhint: {hint}");
            }
            let columns = verdict.named_columns().map(|columns| format!(" ({columns})")).unwrap_or_default();
            let title = format!("{} {}{columns}", verdict.status.word(), verdict.label());
            lines.push(command(level, verdict.at.as_ref(), &title, &message));
        }
        if shown < verdicts.len() {
            let more = format!("and {} more: see the report", verdicts.len() - shown);
            lines.push(command(level, None, "mlgate", &more));
        }
    }
    lines
}

/// The annotations of a check run: those on lines, each as GitHub's API takes it; `relative` makes a path one of
/// the repository.
pub fn of_check_run(report: &Report, relative: &dyn Fn(&str) -> String) -> Vec<Value> {
    /// A check run with thousands would take as many requests as an hour has.
    const MOST: usize = 200;
    let worst = report.worst_first();
    let needy = worst.into_iter().filter(|verdict| verdict.status.needs_a_person());
    let one = |verdict: &Verdict| {
        let at = verdict.at.as_ref()?;
        let hint = verdict.hint.as_ref().map(|hint| format!("\nhint: {hint}")).unwrap_or_default();
        let text = |text: &str, longest| crate::support::words::cut(&visible(text), longest);
        Some(json!({
            "path": relative(&at.file),
            "start_line": at.line,
            "end_line": at.line,
            "annotation_level": if verdict.status.blocks() { "failure" } else { "warning" },
            "title": text(&format!("{} {}", verdict.status.word(), verdict.title()), 250),
            "message": text(&format!("{}{hint}", verdict.message), LONGEST),
        }))
    };
    needy.filter_map(one).take(MOST).collect()
}
