//! Annotations: the verdicts on the lines of their rules, as the runner's log commands.

use std::collections::HashSet;

use serde_json::{Value, json};

use crate::log::Command;
use crate::log::command::visible;
use crate::problem::{Place, Problem};
use crate::report::Report;
use crate::verdict::{Status, Verdict};

/// The runner takes this many of each level from a step.
const MOST: usize = 10;
/// The runner cuts messages here, in characters; the title and hint need some of it.
const LONGEST: usize = 4000;

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
        let text = |text: &str, longest| crate::words::cut(&visible(text), longest);
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

/// What went wrong beside the verdicts.
pub fn warning(problem: &Problem) -> Command {
    let hint = problem.hint.as_ref().map(|hint| format!("\nhint: {hint}")).unwrap_or_default();
    command("warning", None, "mlgate", &format!("{}{hint}", problem.message))
}

/// The annotations of the problems that ended the run.
pub fn problems(problems: &[Problem]) -> Vec<Command> {
    let shown = if problems.len() > MOST { MOST - 1 } else { problems.len() };
    let one = |problem: &Problem| {
        let hint = problem.hint.as_ref().map(|hint| format!("\nhint: {hint}")).unwrap_or_default();
        command("error", problem.place.as_ref(), "mlgate", &format!("{}{hint}", problem.message))
    };
    let more = (shown < problems.len())
        .then(|| command("error", None, "mlgate", &format!("and {} more: see the log", problems.len() - shown)));
    problems[..shown].iter().map(one).chain(more).collect()
}

fn command(level: &'static str, place: Option<&Place>, title: &str, message: &str) -> Command {
    let mut properties = Vec::new();
    if let Some(place) = place {
        properties.push(("file", place.file.clone()));
        properties.push(("line", place.line.to_string()));
        if let Some(column) = place.column {
            properties.push(("col", column.to_string()));
        }
    }
    properties.push(("title", title.to_owned()));
    let message: String = message.chars().take(LONGEST).collect();
    Command::new(level, &properties, &message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_stays_inside_its_annotation() {
        let place = Place { file: "a,b:c.yml".into(), line: 3, column: Some(5) };
        assert_eq!(
            command("error", Some(&place), "FAIL range:x::y", "100 %\n::set-output name=a::b\r##[error]").to_string(),
            "::error file=a%2Cb%3Ac.yml,line=3,col=5,title=FAIL range%3Ax%3A%3Ay::100 %25%0A::set-output name=a::b # #[error]"
        );
    }
}
