//! Whether a commit is part of a branch, by the
//! [comparison of two commits](https://docs.github.com/en/rest/commits/commits#compare-two-commits).

use super::api::{Api, Ask, Denied};
use super::base;
use crate::support::problem::{Failure, Problem};
use crate::support::words::code;

/// Confirms that the commit is the branch's newest one or came before it.
///
/// # Errors
/// Usage: it is not part of the branch. Unmeasured: no answer, or the token may not ask.
pub async fn is_on_branch(api: &Api, commit: &str, branch: &str) -> Result<(), Failure> {
    let ask = Ask { to: "compare the judged commit with the default branch", permission: "contents: read" };
    let refused = |said: String| {
        let hint = "gate the commit that was merged: run the gate on `push` to the default branch";
        Failure::usage(Problem::new(said).hint(hint))
    };
    let is_sha = matches!(commit.len(), 40 | 64) && commit.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !is_sha {
        return Err(refused(format!("the report's commit {} is not a commit", code(commit))));
    }
    let head = base::head_of(api, branch).await.map_err(|denied| Failure::unmeasured(denied.problem()))?;
    // The commits and files of the comparison are of no use: one a page.
    let route = format!("/compare/{commit}...{head}?per_page=1&page=2");
    let answer = match api.get_json(&route, ask).await {
        Ok(answer) => answer,
        Err(Denied::Missing(_)) => {
            let said = "is not in this repository, or the token may not see it";
            return Err(refused(format!("the report's commit {} {said}", code(commit))));
        }
        Err(denied) => return Err(Failure::unmeasured(denied.problem())),
    };
    match answer["status"].as_str() {
        Some("ahead" | "identical") => Ok(()),
        Some("behind" | "diverged") => {
            Err(refused(format!("the report's commit {} is not on the default branch {}", code(commit), code(branch))))
        }
        _ => Err(Failure::unmeasured(Problem::new("GitHub does not answer with a comparison"))),
    }
}
