//! A message as [Slack's blocks](https://docs.slack.dev/reference/block-kit/blocks), with a text for whoever shows no blocks.

use serde_json::{Value, json};

use super::Notification;
use crate::support::words::cut;

/// Characters of a header, of a field and of a text, with one for the ellipsis: Slack refuses longer ones.
const LONGEST_HEADER: usize = 150 - 1;
const LONGEST_FIELD: usize = 2_000 - 1;
const LONGEST_TEXT: usize = 3_000 - 1;
/// Fields of one section.
const MOST_FIELDS: usize = 10;

/// Returns the body of the request to an incoming webhook.
pub fn body(message: &Notification) -> Value {
    let title = cut(&format!("{} {}", message.icon(), message.title()), LONGEST_HEADER);
    let facts = message.facts();
    let field = |(name, said): &(&str, String)| {
        let text = cut(&format!("*{name}*\n{}", escaped(said)), LONGEST_FIELD);
        json!({ "type": "mrkdwn", "text": text, "verbatim": true })
    };
    let fields: Vec<Value> = facts.iter().take(MOST_FIELDS).map(field).collect();
    let next: Vec<String> =
        message.next().into_iter().map(|(command, does)| format!("`{}` {does}", escaped(&command))).collect();
    let link = message.source.run_url.as_ref().map(|url| {
        let url = escaped(url).replace('|', "%7C");
        format!("<{url}|workflow run> · ")
    });
    let footer = format!("{}{} · mlgate", link.unwrap_or_default(), escaped(&message.source.repository));
    let text = format!(
        "*{}*\n{}",
        escaped(&title),
        facts.iter().map(|(name, said)| format!("{name}: {}", escaped(said))).collect::<Vec<_>>().join("\n")
    );
    json!({
        "text": cut(&text, LONGEST_TEXT),
        "blocks": [
            { "type": "header", "text": { "type": "plain_text", "text": title, "emoji": true } },
            { "type": "section", "fields": fields },
            { "type": "section", "text": { "type": "mrkdwn", "text": cut(&next.join("\n"), LONGEST_TEXT), "verbatim": true } },
            { "type": "context", "elements": [{ "type": "mrkdwn", "text": cut(&footer, LONGEST_FIELD), "verbatim": true }] },
        ],
    })
}

/// Slack's three characters: with them gone nobody is mentioned and nothing is linked
/// (docs.slack.dev/messaging/formatting-message-text).
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
