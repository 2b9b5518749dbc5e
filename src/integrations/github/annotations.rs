//! Annotations of problems, as the runner's log commands.

use crate::support::log::Command;
use crate::support::problem::{Place, Problem};

/// The runner takes this many of each level from a step.
pub const MOST: usize = 10;
/// The runner cuts messages here, in characters; the title and hint need some of it.
pub const LONGEST: usize = 4000;

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

/// Returns an annotation, on a line where there is one.
pub fn command(level: &'static str, place: Option<&Place>, title: &str, message: &str) -> Command {
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
