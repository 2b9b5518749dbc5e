//! The message about a report or a rollout for a chat, in Slack's mark-up.

use crate::report::Report;
use crate::support::words::{cut, one_line};

/// Characters of the reason.
const LONGEST: usize = 600;

/// What the message says beside the report.
#[derive(Debug, Clone, Default)]
pub struct About {
    /// `octo/risk`.
    pub repository: String,
    /// The branch or tag that was judged.
    pub branch: String,
    /// The workflow run.
    pub url: Option<String>,
}

/// The message, in Slack's mark-up: what happened, where, and the worst reasons.
pub fn message(report: &Report, about: &About) -> String {
    let commit: String = report.head().unwrap_or_default().chars().take(7).collect();
    let place = [&about.repository, &about.branch, &commit].map(|part| escaped(part));
    let place: Vec<&str> = place.iter().map(String::as_str).filter(|part| !part.is_empty()).collect();
    let mut lines = vec![format!("*{}* · {}", escaped(&report.headline()), place.join(" "))];
    let worst = report.worst_first();
    let reasons = worst.iter().filter(|verdict| verdict.status.blocks()).map(|verdict| verdict.message.as_str());
    let reasons = reasons.chain(report.problems.iter().map(String::as_str));
    lines.extend(reasons.take(3).map(|reason| format!("• {}", escaped(&cut(&one_line(reason), LONGEST)))));
    lines.extend(about.url.as_ref().map(|url| format!("<{}|the run>", escaped(url).replace('|', "%7C"))));
    lines.join("\n")
}

/// The message of a rollout that ended, in the same form.
pub fn moved(headline: &str, reason: &str, about: &About) -> String {
    let place = [&about.repository, &about.branch].map(|part| escaped(part)).join(" ");
    let mut lines = vec![format!("*{}* · {place}", escaped(headline))];
    lines.push(format!("• {}", escaped(&cut(&one_line(reason), LONGEST))));
    lines.extend(about.url.as_ref().map(|url| format!("<{}|the run>", escaped(url).replace('|', "%7C"))));
    lines.join("\n")
}

/// Slack's three characters: with them gone nobody is called and nothing is linked
/// (docs.slack.dev/messaging/formatting-message-text).
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;

    #[test]
    fn a_message_says_what_where_and_why() {
        let mut report = sample::blocked();
        report.gates[0].checks.retain(|verdict| verdict.check != "unique" && verdict.check != "target_distribution");
        let about = About {
            repository: "octo/risk".into(),
            branch: "main".into(),
            url: Some("https://github.com/octo/risk/actions/runs/1".into()),
        };
        let expected = "*Blocked: 2 of 7 checks failed, 1 warned* · octo/risk main 3f9c1ab
• `income` is missing in 7.25 % of rows, at most 5 % allowed; so are `job`, `housing` and 5 more
• `region` is missing from the table, and `age` is text, not integer
<https://github.com/octo/risk/actions/runs/1|the run>";
        assert_eq!(message(&report, &about), expected);
    }

    #[test]
    fn nobody_is_called_by_foreign_text() {
        let mut report = sample::blocked();
        report.gates[0].checks[1].message = "<!channel> <https://evil|x> &lt;".into();
        let text = message(&report, &About::default());
        assert!(text.contains("• &lt;!channel&gt; &lt;https://evil|x&gt; &amp;lt;"), "{text}");
    }
}
