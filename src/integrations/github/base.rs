//! What a run is held against: the default branch, and the commit that a proposal is based on.

use super::api::{Api, Ask, Denied};
use super::contents;
use super::event::Event;
use crate::support::problem::Problem;

/// A commit that a proposal is based on, and its branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base {
    pub sha: String,
    pub branch: String,
}

/// Returns the base of the event's pull request or merge group; of another event the head of the default branch.
///
/// # Errors
/// GitHub does not answer, or does not know the branch.
pub async fn of(api: &Api, event: &Event) -> Result<Base, Problem> {
    if let Some((base, _)) = event.ends() {
        return Ok(Base { sha: base.sha.clone(), branch: base.branch.clone() });
    }
    let branch = default_branch(api, event).await?;
    let sha = head_of(api, &branch).await.map_err(Denied::problem)?;
    Ok(Base { sha, branch })
}

/// Returns the name of the default branch: the event's, else that of
/// [the repository](https://docs.github.com/en/rest/repos/repos#get-a-repository), since not every event has one
/// (`schedule`).
///
/// # Errors
/// GitHub does not answer, or names none.
pub async fn default_branch(api: &Api, event: &Event) -> Result<String, Problem> {
    if let Some(branch) = &event.default_branch {
        return Ok(branch.clone());
    }
    let ask = Ask { to: "read the default branch", permission: "contents: read" };
    let answer = api.get_json("", ask).await.map_err(Denied::problem)?;
    let branch = answer["default_branch"].as_str().filter(|branch| !branch.is_empty());
    branch.map(ToOwned::to_owned).ok_or_else(|| Problem::new("GitHub does not name the default branch"))
}

/// Returns the newest commit of a branch; a tag of the same name is not meant.
///
/// # Errors
/// There is no such branch, or no answer.
pub async fn head_of(api: &Api, branch: &str) -> Result<String, Denied> {
    contents::commit_of(api, &format!("heads/{branch}")).await
}
