//! Starting other workflows: the one thing that a job's own token can set off.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::api::{Api, Ask, Denied, encoded};

/// Sends a `repository_dispatch` of this type.
///
/// # Errors
/// The token may not, or no answer; then it may have been sent, and is not sent again.
pub async fn repository(api: &Api, event: &str, payload: &Value) -> Result<(), Denied> {
    let ask = Ask { to: "send a repository_dispatch", permission: "contents: write" };
    api.post("/dispatches", &json!({ "event_type": event, "client_payload": payload }), ask).await.map(drop)
}

/// Starts a workflow that has `workflow_dispatch`, at a branch or tag.
///
/// # Errors
/// As [`repository`]; there is no such workflow, or it does not take these inputs.
pub async fn workflow(api: &Api, file: &str, reference: &str, inputs: &BTreeMap<String, String>) -> Result<(), Denied> {
    let ask = Ask { to: "start a workflow", permission: "actions: write" };
    let mut body = json!({ "ref": reference });
    if !inputs.is_empty() {
        body["inputs"] = json!(inputs);
    }
    api.post(&format!("/actions/workflows/{}/dispatches", encoded(file)), &body, ask).await.map(drop)
}
