//! `rollout.notifications:` as written: who hears of a rollout while it runs.

use schemars::JsonSchema;
use serde::Deserialize;

/// Who hears of a rollout while it runs: one of them.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum NotificationSection {
    /// An incoming webhook of Slack, or of anything that takes Slack's messages.
    Slack(ChatSection),
    /// A webhook of Microsoft Teams (Workflows, "When a Teams webhook request is received").
    Teams(ChatSection),
    /// Any address that takes JSON by POST.
    Webhook(JsonSection),
    /// An issue of this repository: opened once for a rollout, and closed when it is over.
    Issue(IssueSection),
}

/// A channel of a chat.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChatSection {
    /// The environment variable that holds the address; its name starts with `MLGATE_`.
    pub url_env: String,
    /// The events that are sent. Default: all.
    pub on: Option<Vec<NotifyOn>>,
}

/// An address that takes JSON.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JsonSection {
    /// The environment variable that holds the address; its name starts with `MLGATE_`.
    pub url_env: String,
    /// The environment variable that holds a bearer token; its name starts with `MLGATE_`.
    pub token_env: Option<String>,
    /// The events that are sent. Default: all.
    pub on: Option<Vec<NotifyOn>>,
}

/// An issue of this repository.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IssueSection {
    /// Labels of the issue.
    #[serde(default)]
    pub labels: Vec<String>,
    /// Users who are assigned to it.
    #[serde(default)]
    pub assignees: Vec<String>,
    /// The events that are written there. Default: `hold`, `rollback` and `end`.
    pub on: Option<Vec<NotifyOn>>,
}

/// What is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NotifyOn {
    /// A rollout begins.
    Start,
    /// The router has the next step's weights.
    Step,
    /// It waits for approval, is held or paused, and goes on after that.
    Hold,
    /// It ends without a promotion, and stable is restored.
    Rollback,
    /// It ends, however it does.
    End,
}

/// All of them.
const EVERY: &[NotifyOn] = &[NotifyOn::Start, NotifyOn::Step, NotifyOn::Hold, NotifyOn::Rollback, NotifyOn::End];
const OF_ISSUE: &[NotifyOn] = &[NotifyOn::Hold, NotifyOn::Rollback, NotifyOn::End];

impl NotificationSection {
    /// Returns the events that are sent.
    pub fn events(&self) -> &[NotifyOn] {
        match self {
            Self::Slack(chat) | Self::Teams(chat) => chat.on.as_deref().unwrap_or(EVERY),
            Self::Webhook(json) => json.on.as_deref().unwrap_or(EVERY),
            Self::Issue(issue) => issue.on.as_deref().unwrap_or(OF_ISSUE),
        }
    }

    /// Returns the environment variables that it reads, each with its key.
    pub fn variables(&self) -> Vec<(&'static str, &String)> {
        match self {
            Self::Slack(chat) => vec![("slack.url_env", &chat.url_env)],
            Self::Teams(chat) => vec![("teams.url_env", &chat.url_env)],
            Self::Webhook(json) => {
                let token = json.token_env.iter().map(|name| ("webhook.token_env", name));
                std::iter::once(("webhook.url_env", &json.url_env)).chain(token).collect()
            }
            Self::Issue(_) => Vec::new(),
        }
    }
}
