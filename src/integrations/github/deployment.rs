//! A deployment of this repository, and what becomes of it.

use serde_json::{Value, json};

use super::api::{Api, Ask, Denied, value};

const ASK: Ask<'static> = Ask { to: "write a deployment", permission: "deployments: write" };
/// Deployments of a commit that are looked through.
const MOST: usize = 10;

/// A deployment that was made here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deployment {
    id: u64,
}

/// Makes one, unless the job's own `environment:` already did.
///
/// # Errors
/// The token may not, or no answer.
pub async fn begin(api: &Api, sha: &str, run: u64, about: &str) -> Result<Option<Deployment>, Denied> {
    let made = api.get_json(&format!("/deployments?sha={}&per_page={MOST}", value(sha)), ASK).await?;
    for id in made.as_array().into_iter().flatten().filter_map(|one| one["id"].as_u64()) {
        let statuses = api.get_json(&format!("/deployments/{id}/statuses?per_page={MOST}"), ASK).await?;
        let of_run = |status: &Value| {
            status["log_url"].as_str().is_some_and(|url| url.split('/').any(|part| part == run.to_string()))
        };
        if statuses.as_array().into_iter().flatten().any(of_run) {
            return Ok(None);
        }
    }
    let body = json!({
        "ref": sha,
        "task": "deploy",
        "environment": "production",
        "description": about,
        "auto_merge": false,
        // What must pass before was the gate's to say.
        "required_contexts": [],
    });
    let made = api.post("/deployments", &body, ASK).await?;
    Ok(made["id"].as_u64().map(|id| Deployment { id }))
}

/// Says what became of it: `in_progress`, `success`, `failure` or `error`.
///
/// # Errors
/// As [`begin`].
pub async fn status(api: &Api, of: &Deployment, state: &str, about: &str, url: Option<&str>) -> Result<(), Denied> {
    let about = crate::support::words::cut(about, 140);
    let mut body = json!({ "state": state, "description": about, "auto_inactive": state == "success" });
    if let Some(url) = url {
        body["log_url"] = url.into();
    }
    api.post(&format!("/deployments/{}/statuses", of.id), &body, ASK).await.map(drop)
}
