//! Files of the repository at a commit, without a clone: docs.github.com/en/rest/repos/contents.

use super::api::{Api, Ask, Denied, Repository, encoded};
use crate::support::problem::Problem;
use crate::support::words::code;

/// A file, and the commit it is of.
#[derive(Debug)]
pub struct File {
    pub sha: String,
    pub bytes: Vec<u8>,
}

/// Reads the file as it is at the commit that the ref is now.
///
/// # Errors
/// There is no such ref or file, or no answer.
pub async fn at_ref(repository: &Repository, reference: &str, path: &str, most: usize) -> Result<File, Denied> {
    let api = Api::connect(repository).await?;
    let sha = commit_of(&api, reference).await;
    let sha = sha.map_err(|wrong| missing(wrong, repository, &format!("ref {}", code(reference))))?;
    // At the commit, not the ref: it may have moved meanwhile.
    let bytes = at_commit(&api, &sha, path, most).await;
    let what = format!("file {} at {}", code(path), code(reference));
    Ok(File { bytes: bytes.map_err(|wrong| missing(wrong, repository, &what))?, sha })
}

/// Returns the commit that a branch, a tag or a commit means.
///
/// # Errors
/// There is no such ref, or no answer.
pub async fn commit_of(api: &Api, reference: &str) -> Result<String, Denied> {
    let what = format!("read the ref {}", code(reference));
    let ask = Ask { to: &what, permission: "contents: read" };
    let sha = api.get(&format!("/commits/{}", encoded(reference)), "application/vnd.github.sha", 100, ask).await?;
    let sha = String::from_utf8_lossy(&sha).trim().to_owned();
    if !(sha.len() >= 40 && sha.bytes().all(|byte| byte.is_ascii_hexdigit())) {
        return Err(Problem::new(format!("GitHub names no commit for {}", code(reference))).into());
    }
    Ok(sha)
}

/// Reads the file as it is at a commit.
///
/// # Errors
/// There is no such file, or no answer.
pub async fn at_commit(api: &Api, sha: &str, path: &str, most: usize) -> Result<Vec<u8>, Denied> {
    let what = format!("read the file {}", code(path));
    let ask = Ask { to: &what, permission: "contents: read" };
    let route = format!("/contents/{}?ref={sha}", encoded(path.trim_start_matches("./")));
    api.get(&route, "application/vnd.github.raw+json", most, ask).await
}

/// Whether every part between slashes is a name: what could lead to another part of the API is no path.
pub fn is_plain(path: &str) -> bool {
    path.trim_start_matches("./").split('/').all(|part| !matches!(part, "" | "." | ".."))
}

fn missing(wrong: Denied, repository: &Repository, what: &str) -> Denied {
    match wrong {
        Denied::Missing(_) => {
            Denied::Missing(format!("{} has no {what}, or the token may not read it", code(&repository.name)))
        }
        wrong => wrong,
    }
}
