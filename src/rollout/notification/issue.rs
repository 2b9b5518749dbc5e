//! A message as Markdown, for an issue: its first text, or a comment there.

use super::{Event, Notification};
use crate::report::markdown::foreign::{code, plain, sentence};
use crate::rollout::Outcome;
use crate::support::words::{cut, one_line};

/// GitHub takes titles of 256 characters.
const LONGEST_TITLE: usize = 200;
/// Characters of a fact.
const LONGEST: usize = 2_000;

/// Returns the title of the issue of a rollout.
pub fn title(message: &Notification) -> String {
    cut(&one_line(&format!("Rollout of {} {}", message.model, message.version)), LONGEST_TITLE)
}

/// Returns what tells the rollout's issue from all others: of the model, the version and the start.
pub fn key(message: &Notification) -> String {
    let of = format!("{}\n{}\n{}", message.model, message.version, message.started_at);
    format!("rollout-{}", &crate::support::sha256::of(of)[..16])
}

/// Returns the message as Markdown.
pub fn body(message: &Notification) -> String {
    let mut out = format!("### {} {}\n\n| | |\n|:--|:--|\n", message.icon(), plain(&message.title()));
    for (name, said) in message.facts() {
        out.push_str(&format!("| **{name}** | {} |\n", sentence(&said, LONGEST)));
    }
    out.push_str(&format!("| **Next** | {} |\n", commands(message)));
    if let Some(url) = &message.source.run_url {
        out.push_str(&format!("\n[Workflow run]({})\n", url.replace([' ', ')', '(', '<', '>'], "")));
    }
    out
}

/// Returns the commands that may come next, as a cell of a table.
pub fn commands(message: &Notification) -> String {
    let next = message.next().into_iter().map(|(command, does)| format!("{} {does}", code(&command)));
    next.collect::<Vec<_>>().join("<br>")
}

/// Whether the rollout is over, with nothing left to do; and if so, whether it came to what was wanted.
pub fn closes(message: &Notification) -> Option<Closing> {
    let Event::Ended(outcome) = message.event else { return None };
    if message.is_undone() {
        return None;
    }
    Some(match outcome {
        Outcome::RolledBack | Outcome::Aborted => Closing::NotPlanned,
        _ => Closing::Completed,
    })
}

/// Why an issue is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closing {
    Completed,
    NotPlanned,
}

impl Closing {
    /// Returns GitHub's `state_reason`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::NotPlanned => "not_planned",
        }
    }
}
