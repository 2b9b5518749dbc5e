//! The one issue of something that goes on for a while: opened once, commented on, closed when it is over.

use serde_json::{Value, json};

use super::api::{Api, Ask, Denied, value};
use super::comment::{Marker, is_by};

const READ: Ask<'static> = Ask { to: "read the repository's issues", permission: "issues: write" };
const WRITE: Ask<'static> = Ask { to: "write an issue", permission: "issues: write" };

/// What an issue is opened with.
pub struct Draft<'a> {
    pub title: &'a str,
    pub body: &'a str,
    pub labels: &'a [String],
    pub assignees: &'a [String],
}

/// Which issue it is.
#[derive(Clone, Copy)]
pub struct Sought<'a> {
    pub marker: &'a Marker,
    /// Whom the token speaks as: anyone can write a marker.
    pub login: &'a str,
    /// When the earliest such issue can have been opened, as RFC 3339 has it.
    pub since: &'a str,
}

/// Returns the number of the open issue with this marker that the token's own login opened.
///
/// # Errors
/// The issues could not be read, all of them.
pub async fn find(api: &Api, sought: Sought<'_>) -> Result<Option<u64>, Denied> {
    let Sought { marker, login, since } = sought;
    let issues = api.list(&format!("/issues?state=open&since={}", value(since)), None, READ).await?;
    let is_ours = |issue: &&Value| {
        // Pull requests are issues too.
        issue.get("pull_request").is_none_or(Value::is_null)
            && is_by(&issue["user"], login)
            && marker.is_of(issue["body"].as_str().unwrap_or_default())
    };
    Ok(issues.iter().filter(is_ours).filter_map(|issue| issue["number"].as_u64()).max())
}

/// Opens an issue with this marker and returns its number. One whose answer is lost is looked for before it is opened again.
///
/// # Errors
/// The token may not, or no answer.
pub async fn open(api: &Api, sought: Sought<'_>, draft: &Draft<'_>) -> Result<u64, Denied> {
    let mut body = json!({ "title": draft.title, "body": format!("{}\n{}", sought.marker.text(), draft.body) });
    for (key, names) in [("labels", draft.labels), ("assignees", draft.assignees)] {
        if !names.is_empty() {
            body[key] = json!(names);
        }
    }
    let mut tried = 0;
    loop {
        tried += 1;
        match api.post("/issues", &body, WRITE).await {
            Ok(made) => {
                let number = made["number"].as_u64();
                return number
                    .ok_or_else(|| Denied::Unsure(crate::support::problem::Problem::new("GitHub answers no issue")));
            }
            Err(Denied::Unsure(problem)) => {
                tokio::time::sleep(api.pause(tried)).await;
                match find(api, sought).await? {
                    Some(number) => return Ok(number),
                    None if tried >= api.tries() => return Err(Denied::Unsure(problem)),
                    None => {}
                }
            }
            Err(wrong) => return Err(wrong),
        }
    }
}

/// Writes a comment.
///
/// # Errors
/// The token may not, or no answer; then it may have been written, and is not written again.
pub async fn comment(api: &Api, number: u64, body: &str) -> Result<(), Denied> {
    api.post(&format!("/issues/{number}/comments"), &json!({ "body": body }), WRITE).await.map(drop)
}

/// Closes it; `reason` is GitHub's `state_reason`.
///
/// # Errors
/// The token may not, or no answer.
pub async fn close(api: &Api, number: u64, reason: &str) -> Result<(), Denied> {
    let body = json!({ "state": "closed", "state_reason": reason });
    api.patch(&format!("/issues/{number}"), &body, WRITE).await.map(drop)
}
