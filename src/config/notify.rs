//! `notify:` as written: who else is told, and what else is started.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::support::signature;

/// Who is told, and what is started. Never on a pull request: it could change what is written here.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct NotifySection {
    /// A message to an incoming webhook of Slack, or of anything that takes the same.
    pub webhook: Option<WebhookSection>,
    /// A workflow that is started: the retraining, say.
    #[serde(default, deserialize_with = "dispatch")]
    #[schemars(with = "Option<super::model::Either<DispatchSection>>")]
    pub dispatch: Option<DispatchSection>,
}

/// An incoming webhook.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookSection {
    /// The environment variable that holds the address; its name starts with `MLGATE_`.
    pub url_env: String,
    /// When; `blocked` and `error` without it.
    pub on: Option<Vec<When>>,
}

/// A workflow to start: by `event` or by `workflow`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema, Serialize)]
#[serde(deny_unknown_fields)]
pub struct DispatchSection {
    /// The type of a `repository_dispatch`.
    pub event: Option<String>,
    /// The file of a workflow that has `workflow_dispatch`.
    pub workflow: Option<String>,
    /// The branch or tag to start the workflow at; the one that was judged without it.
    #[serde(rename = "ref")]
    pub reference: Option<String>,
    /// The workflow's inputs.
    #[serde(default)]
    pub inputs: BTreeMap<String, String>,
    /// When; `blocked` without it.
    pub on: Option<Vec<When>>,
}

/// What a run came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum When {
    Passed,
    Blocked,
    Error,
    /// The data drifted, whether that blocks or not.
    Drift,
    /// The training table is another than in the last run, by its fingerprint.
    Change,
}

impl NotifySection {
    /// What is wrong with it, each with its path inside the section.
    pub fn problems(&self) -> Vec<(&'static str, String)> {
        let mut problems = Vec::new();
        if let Some(webhook) = &self.webhook
            && !signature::may_be_named(&webhook.url_env)
        {
            // Otherwise a config could send any secret of the job anywhere.
            let said = format!("the name of such a variable starts with MLGATE_ and is not {}", signature::VARIABLE);
            problems.push(("webhook.url_env", said));
        }
        if let Some(dispatch) = &self.dispatch {
            match (&dispatch.event, &dispatch.workflow) {
                (Some(_), Some(_)) => {
                    problems.push(("dispatch", "`event` and `workflow` are two ways: take one".to_owned()));
                }
                (None, None) => {
                    problems.push(("dispatch", "names nothing to start: set `event` or `workflow`".to_owned()));
                }
                (Some(event), None) if event.is_empty() || event.chars().count() > 100 => {
                    problems.push(("dispatch.event", "a type has 1 to 100 characters".to_owned()));
                }
                (Some(_), None) if dispatch.reference.is_some() || !dispatch.inputs.is_empty() => {
                    problems.push(("dispatch", "`ref` and `inputs` are of a `workflow`".to_owned()));
                }
                (None, Some(file)) if file.contains(['/', '\\']) || file.is_empty() => {
                    problems.push(("dispatch.workflow", "the file's name alone, such as retrain.yml".to_owned()));
                }
                _ => {}
            }
        }
        problems
    }

    /// Whether somebody waits for this.
    pub fn waits_for(&self, when: When) -> bool {
        let webhook = self.webhook.as_ref().and_then(|webhook| webhook.on.as_ref());
        let dispatch = self.dispatch.as_ref().and_then(|dispatch| dispatch.on.as_ref());
        webhook.into_iter().chain(dispatch).any(|on| on.contains(&when))
    }
}

impl NotifySection {
    /// Whether what is started is started once for each table.
    pub fn needs_fingerprint(&self) -> bool {
        let of_data = |when: &When| matches!(when, When::Drift | When::Change);
        let dispatch = self.dispatch.as_ref().and_then(|dispatch| dispatch.on.as_ref());
        dispatch.is_some_and(|on| on.iter().any(of_data)) || self.waits_for(When::Change)
    }
}

impl DispatchSection {
    /// A workflow's file, or the type of a `repository_dispatch`.
    fn short(text: &str) -> Result<Self, String> {
        let is_file = [".yml", ".yaml"].iter().any(|ending| text.ends_with(ending));
        let (event, workflow) = if is_file { (None, Some(text.to_owned())) } else { (Some(text.to_owned()), None) };
        Ok(Self { event, workflow, ..Self::default() })
    }
}

fn dispatch<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<DispatchSection>, D::Error> {
    super::short::read(deserializer, "a workflow's file, the type of an event, or a map", DispatchSection::short)
}

/// As `dispatch`, where there must be one.
pub(super) fn one_dispatch<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<DispatchSection, D::Error> {
    dispatch(deserializer)?.ok_or_else(|| serde::de::Error::custom("names nothing to start"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> NotifySection {
        serde_yaml::from_str(text).unwrap()
    }

    #[test]
    fn a_dispatch_has_a_short_form() {
        assert_eq!(read("dispatch: retrain.yml").dispatch.unwrap().workflow.as_deref(), Some("retrain.yml"));
        assert_eq!(read("dispatch: retrain").dispatch.unwrap().event.as_deref(), Some("retrain"));
    }

    #[test]
    fn what_could_give_a_secret_away_is_refused() {
        let said = |text: &str| read(text).problems().iter().map(|(path, _)| *path).collect::<Vec<_>>();
        assert_eq!(said("webhook: { url_env: AWS_SECRET_ACCESS_KEY }"), ["webhook.url_env"]);
        assert_eq!(said("webhook: { url_env: MLGATE_SLACK }"), [""; 0]);
        assert_eq!(said("dispatch: { event: a, workflow: b.yml }"), ["dispatch"]);
        assert_eq!(said("dispatch: { workflow: ../b.yml }"), ["dispatch.workflow"]);
        assert_eq!(said("dispatch: {}"), ["dispatch"]);
    }
}
