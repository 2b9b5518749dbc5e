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
    start(api, file, inputs, json!({ "ref": reference })).await.map(drop)
}

/// As [`workflow`], and returns the run that was started, where GitHub names it.
///
/// # Errors
/// As [`workflow`].
pub async fn workflow_run(
    api: &Api,
    file: &str,
    reference: &str,
    inputs: &BTreeMap<String, String>,
) -> Result<Option<u64>, Denied> {
    let answer = start(api, file, inputs, json!({ "ref": reference, "return_run_details": true })).await?;
    Ok(answer["workflow_run_id"].as_u64())
}

async fn start(api: &Api, file: &str, inputs: &BTreeMap<String, String>, mut body: Value) -> Result<Value, Denied> {
    let ask = Ask { to: "start a workflow", permission: "actions: write" };
    if !inputs.is_empty() {
        body["inputs"] = json!(inputs);
    }
    api.post(&format!("/actions/workflows/{}/dispatches", encoded(file)), &body, ask).await
}

/// Returns how a workflow run ended; none while it goes on.
///
/// # Errors
/// There is no such run, the token may not, or no answer.
pub async fn conclusion(api: &Api, run: u64) -> Result<Option<String>, Denied> {
    let ask = Ask { to: "read a workflow run", permission: "actions: read" };
    let found = api.get_json(&format!("/actions/runs/{run}?exclude_pull_requests=true"), ask).await?;
    let text = |key: &str| found[key].as_str().unwrap_or_default().to_owned();
    Ok((text("status") == "completed").then(|| text("conclusion")))
}
