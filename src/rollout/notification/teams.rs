//! A message as an [Adaptive Card](https://adaptivecards.io/schemas/1.4.0/adaptive-card.json), which Workflows of Microsoft
//! Teams post into a channel. Only text runs hold text of others: Markdown is not supported in them, and so not obeyed.

use serde_json::{Value, json};

use super::{Event, Notification};
use crate::rollout::Outcome;
use crate::support::words::cut;

/// Teams refuses messages of more than 28 KB.
const LONGEST: usize = 800;

/// Returns the body of the request to the webhook of a workflow.
pub fn body(message: &Notification) -> Value {
    let color = match message.event {
        _ if message.is_alarming() => "Attention",
        Event::Held | Event::Paused => "Warning",
        Event::Ended(Outcome::Promoted) => "Good",
        _ => "Default",
    };
    let title = format!("{} {}", message.icon(), message.title());
    let title =
        json!({ "type": "TextRun", "text": cut(&title, LONGEST), "size": "Large", "weight": "Bolder", "color": color });
    let mut body = vec![block(vec![title])];
    for (name, said) in message.facts() {
        let name = json!({ "type": "TextRun", "text": format!("{name}: "), "weight": "Bolder" });
        body.push(block(vec![name, json!({ "type": "TextRun", "text": cut(&said, LONGEST) })]));
    }
    for (command, does) in message.next() {
        let command = json!({ "type": "TextRun", "text": cut(&command, LONGEST), "fontType": "Monospace" });
        body.push(block(vec![command, json!({ "type": "TextRun", "text": format!("  {does}") })]));
    }
    let link = message.source.run_url.as_ref();
    let actions: Vec<Value> =
        link.map(|url| json!({ "type": "Action.OpenUrl", "title": "Workflow run", "url": url })).into_iter().collect();
    let card = json!({
        "type": "AdaptiveCard",
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "version": "1.4",
        "body": body,
        "actions": actions,
    });
    json!({
        "type": "message",
        "attachments": [{ "contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": null, "content": card }],
    })
}

fn block(inlines: Vec<Value>) -> Value {
    json!({ "type": "RichTextBlock", "inlines": inlines })
}
