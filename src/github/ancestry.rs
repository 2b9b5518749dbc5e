//! Whether a commit is part of a branch, by the
//! [comparison of two commits](https://docs.github.com/en/rest/commits/commits#compare-two-commits).

use super::api::{Api, Ask, Denied, Repository, value};
use crate::problem::{Failure, Problem};
use crate::words::code;

/// Confirms that the commit is the branch's newest one or came before it.
///
/// # Errors
/// Usage: it is not part of the branch. Unmeasured: no answer, or the token may not ask.
pub async fn is_on_branch(repository: &Repository, commit: &str, branch: &str) -> Result<(), Failure> {
    let ask = Ask { to: "compare the judged commit with the default branch", permission: "contents: read" };
    let refused = |said: String| {
        let hint = "gate the commit that was merged: run the gate on `push` to the default branch";
        Failure::usage(Problem::new(said).hint(hint))
    };
    let is_sha = matches!(commit.len(), 40 | 64) && commit.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !is_sha {
        return Err(refused(format!("the report's commit {} is not a commit", code(commit))));
    }
    let api = Api::connect(repository).await.map_err(Failure::unmeasured)?;
    // The commits and files of the comparison are of no use: one a page.
    let route = format!("/compare/{commit}...{}?per_page=1&page=2", value(branch));
    let answer = match api.get_json(&route, ask).await {
        Ok(answer) => answer,
        Err(Denied::Missing(_)) => {
            let said = format!(
                "the report's commit {} is not in {}, or the token may not see it",
                code(commit),
                code(&repository.name)
            );
            return Err(refused(said));
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
