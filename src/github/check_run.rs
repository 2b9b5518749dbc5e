//! The check run on a commit: a line beside the job's own, with annotations, and a place for the digest.

use serde_json::{Value, json};

use super::api::{Api, Ask, Denied, value};
use crate::problem::Problem;

const READ: Ask = Ask { to: "read check runs", permission: "checks: write" };
const WRITE: Ask = Ask { to: "make a check run", permission: "checks: write" };

/// GitHub takes so many annotations a request.
const A_REQUEST: usize = 50;
/// And bytes in a summary or a text: github.com/github/docs/issues/35252.
pub const LONGEST: usize = 65_000;
/// Commits before the base that are asked for a digest: a push whose paths no workflow watches has none.
const ANCESTORS: usize = 5;

/// A check run that is over.
#[derive(Debug)]
pub struct CheckRun<'a> {
    /// The same from run to run.
    pub name: &'a str,
    pub sha: &'a str,
    /// `success`, `failure` or `neutral`.
    pub conclusion: &'a str,
    pub title: &'a str,
    /// Markdown, of at most [`LONGEST`] bytes.
    pub summary: &'a str,
    /// Shown below the summary; holds the digest.
    pub text: &'a str,
    pub annotations: Vec<Value>,
    /// The workflow run that makes it.
    pub external_id: &'a str,
    pub details_url: Option<&'a str>,
}

/// Makes it.
///
/// # Errors
/// The token may not, or no answer.
pub async fn make(api: &Api, run: &CheckRun<'_>) -> Result<(), Denied> {
    let mut batches = run.annotations.chunks(A_REQUEST);
    let output = |annotations: &[Value]| json!({ "title": run.title, "summary": run.summary, "text": run.text, "annotations": annotations });
    let mut body = json!({
        "name": run.name,
        "head_sha": run.sha,
        "external_id": run.external_id,
        "status": "completed",
        "conclusion": run.conclusion,
        "output": output(batches.next().unwrap_or_default()),
    });
    if let Some(url) = run.details_url {
        body["details_url"] = json!(url);
    }
    let mut tried = 0;
    let id = loop {
        tried += 1;
        match api.post("/check-runs", &body, WRITE).await {
            Ok(made) => break made["id"].as_u64(),
            // It may be there all the same.
            Err(Denied::Unsure(problem)) => {
                tokio::time::sleep(api.pause(tried)).await;
                let there = named(api, run.sha, run.name).await?;
                let ours = there.iter().find(|other| other["external_id"] == run.external_id);
                match ours {
                    Some(ours) => break ours["id"].as_u64(),
                    None if tried >= api.tries() => return Err(Denied::Unsure(problem)),
                    None => {}
                }
            }
            Err(wrong) => return Err(wrong),
        }
    };
    let Some(id) = id else {
        return Err(Denied::Unsure(Problem::new("GitHub answers no check run, asked to make one")));
    };
    for batch in batches {
        api.patch(&format!("/check-runs/{id}"), &json!({ "output": output(batch) }), WRITE).await?;
    }
    Ok(())
}

/// The text that the check run of this name left on the commit, or on the nearest before it.
///
/// # Errors
/// The token may not, or no answer.
pub async fn text_at(api: &Api, sha: &str, name: &str) -> Result<Option<String>, Denied> {
    if let Some(text) = text_of(&named(api, sha, name).await?) {
        return Ok(Some(text));
    }
    let ask = Ask { to: "list the commits before the base", permission: "contents: read" };
    let before = api.get_json(&format!("/commits?sha={}&per_page={}", value(sha), ANCESTORS + 1), ask).await?;
    for commit in before.as_array().into_iter().flatten().skip(1) {
        let Some(sha) = commit["sha"].as_str() else { continue };
        if let Some(text) = text_of(&named(api, sha, name).await?) {
            return Ok(Some(text));
        }
    }
    Ok(None)
}

/// The check runs of that name, the newest last.
async fn named(api: &Api, sha: &str, name: &str) -> Result<Vec<Value>, Denied> {
    let route = format!("/commits/{}/check-runs?check_name={}&filter=latest", value(sha), value(name));
    let mut runs = api.list(&route, Some("check_runs"), READ).await?;
    runs.sort_by_key(|run| run["id"].as_u64());
    Ok(runs)
}

fn text_of(runs: &[Value]) -> Option<String> {
    let texts = runs.iter().rev().filter_map(|run| run["output"]["text"].as_str());
    texts.map(ToOwned::to_owned).find(|text| !text.is_empty())
}
