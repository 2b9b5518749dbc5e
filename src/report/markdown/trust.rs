//! What a reviewer must not miss: who reported, and what the pull request does to its own gate.

use super::Origin;
use super::foreign::{code, plain, sentence};
use super::parts::address;
use crate::cli::Policy;
use crate::report::Report;
use crate::report::config_diff::{Edit, GateEdits, Kind};
use crate::support::words;

/// Edits that are listed; report.json has the rest.
const LISTED: usize = 10;

/// That the report is the pull request's own word.
pub fn origin(origin: &Origin) -> String {
    let from = origin.repository.as_ref().map(|name| format!(" with the code of {}", code(&words::visible(name))));
    let actor = code(&words::visible(&origin.actor));
    let reported = format!(
        "Reported by [this run]({}), started by {actor}{}: the pull request's own word, not verified.",
        address(&origin.run),
        from.unwrap_or_default()
    );
    let kind = if origin.is_doubtful() { "WARNING" } else { "NOTE" };
    let doubts = origin.notes.iter().map(|note| format!("**Do not rely on this report: {}.**", sentence(note, 300)));
    let lines: Vec<String> = doubts.chain([reported]).collect();
    alert(kind, &lines)
}

/// What the pull request relaxes, removes or changes, and whose limits counted.
pub fn edits(report: &Report) -> String {
    let Some(edits) = &report.gate_edits else { return String::new() };
    if let Some(why) = &edits.unread {
        let said = format!("Whether this pull request relaxes its gate is not known: {}", sentence(why, 300));
        return alert("WARNING", &[said]);
    }
    let Some(headline) = edits.headline() else { return String::new() };
    let mut lines = vec![format!("**{}**", sentence(&headline, 600))];
    let mut listed: Vec<&Edit> = edits.edits.iter().collect();
    listed.sort_by_key(|edit| match edit.kind {
        Kind::Relaxed => 0,
        Kind::Removed => 1,
        Kind::Changed => 2,
    });
    if listed.len() > 1 {
        lines
            .extend(listed.iter().take(LISTED).map(|edit| format!("- {}{}", sentence(&edit.said(), 600), place(edit))));
    } else {
        lines[0] += &listed.iter().map(|edit| place(edit)).collect::<String>();
    }
    if listed.len() > LISTED {
        lines.push(format!("- and {} more in report.json", listed.len() - LISTED));
    }
    lines.push(String::new());
    lines.push(counted(edits));
    alert("WARNING", &lines)
}

fn counted(edits: &GateEdits) -> String {
    let branch = code(&words::visible(&edits.branch));
    match edits.policy {
        Policy::Head => "Judged by the pull request's own limits (`policy: head`).".to_owned(),
        Policy::Base => format!("Judged by the limits of {branch} (`policy: base`)."),
        Policy::Stricter => {
            format!("Judged by the stricter of its own limits and those of {branch} (`policy: stricter`).")
        }
    }
}

fn place(edit: &Edit) -> String {
    let place = edit.at.as_ref().map(|at| format!(" ({} line {})", plain(&words::visible(&at.file)), at.line));
    place.unwrap_or_default()
}

fn alert(kind: &str, lines: &[String]) -> String {
    let lines: Vec<String> = lines.iter().map(|line| format!("> {line}").trim_end().to_owned()).collect();
    format!("> [!{kind}]\n{}", lines.join("\n"))
}
