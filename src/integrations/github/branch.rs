//! A file on a branch of its own, read and written through the
//! [contents API](https://docs.github.com/en/rest/repos/contents): without a clone, and never over what another run wrote.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::api::{Api, Ask, Denied, Repository, encoded, value};
use crate::support::problem::Problem;
use crate::support::words::code;

/// Also of what is no file, or too large to be answered with: without its content then.
const OBJECT: &str = "application/vnd.github.object+json";
const LARGEST: usize = 5_000_000;

/// Where it is.
#[derive(Clone)]
pub struct Place {
    pub repository: Repository,
    pub branch: String,
    pub path: String,
    /// The commit that the branch begins at, where it is not there yet.
    pub from: String,
}

/// What stands there: the text, and the blob that the next one replaces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// None of what is no text, or so large that GitHub does not answer with it.
    pub text: Option<String>,
    pub blob: String,
}

/// # Errors
/// The token may not, or no answer; what is not there is none.
pub async fn read(place: &Place) -> Result<Option<Found>, Problem> {
    let api = Api::connect(&place.repository).await?;
    let ask = Ask { to: "read the journal", permission: "contents: write" };
    let route = format!("/contents/{}?ref={}", encoded(&place.path), value(&place.branch));
    let answer: Value = match api.get(&route, OBJECT, LARGEST, ask).await {
        Ok(bytes) => serde_json::from_slice(&bytes).unwrap_or_default(),
        Err(Denied::Missing(_)) => return Ok(None),
        Err(denied) => return Err(denied.problem()),
    };
    let packed: String = answer["content"].as_str().unwrap_or_default().split_whitespace().collect();
    let text = STANDARD.decode(packed).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    match answer["sha"].as_str() {
        Some(blob) => Ok(Some(Found { text: text.filter(|_| answer["encoding"] == "base64"), blob: blob.to_owned() })),
        None => Err(Problem::new(format!("{} on the branch {} is not a file", code(&place.path), code(&place.branch)))),
    }
}

/// The last commit that touched the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    pub commit: String,
    /// More than one of a merge.
    pub parents: Vec<String>,
    /// What it left there.
    pub found: Option<Found>,
}

/// What was written, and on which commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    pub blob: String,
    pub commit: String,
    pub parents: Vec<String>,
}

/// Pages of commits that are looked through.
const MOST_PAGES: usize = 100;
const PAGE: usize = 100;
const HISTORY: Ask<'_> = Ask { to: "read the journal's history", permission: "contents: write" };

/// Returns the branch's newest commit; none where there is no such branch.
///
/// # Errors
/// The token may not, or no answer.
pub async fn head(place: &Place) -> Result<Option<String>, Problem> {
    let api = Api::connect(&place.repository).await?;
    Ok(commits(&api, place, "&per_page=1").await?.into_iter().next().map(|(commit, _)| commit))
}

/// Returns the last commit that touched the file, and what it left there; none where none did.
///
/// # Errors
/// The token may not, or no answer.
pub async fn last_change(place: &Place) -> Result<Option<Change>, Problem> {
    let api = Api::connect(&place.repository).await?;
    let listed = commits(&api, place, &format!("&path={}&per_page=1", value(&place.path))).await?;
    let Some((commit, parents)) = listed.into_iter().next() else { return Ok(None) };
    let found = read(&Place { branch: commit.clone(), ..place.clone() }).await?;
    Ok(Some(Change { commit, parents, found }))
}

/// Returns whether the branch leads from its newest commit to this one without a merge, in which what lies on the other
/// side can be hidden.
///
/// # Errors
/// The token may not, no answer, or more commits lie between than are looked through: then it is not known.
pub async fn is_linear_to(place: &Place, commit: &str) -> Result<bool, Problem> {
    let api = Api::connect(&place.repository).await?;
    let mut next: Option<String> = None;
    for page in 1..=MOST_PAGES {
        let listed = commits(&api, place, &format!("&per_page={PAGE}&page={page}")).await?;
        let count = listed.len();
        for (sha, mut parents) in listed {
            if next.as_ref().is_some_and(|next| *next != sha) {
                return Ok(false);
            }
            if sha == commit {
                return Ok(true);
            }
            if parents.len() != 1 {
                return Ok(false);
            }
            next = parents.pop();
        }
        if count < PAGE {
            return Ok(false);
        }
    }
    let said = format!(
        "the branch {} has over {} commits since the journal {} was last written: its history cannot be verified",
        code(&place.branch),
        MOST_PAGES * PAGE,
        code(&place.path)
    );
    Err(Problem::new(said).hint("keep journals on a branch that nothing else writes to"))
}

/// Commits of the branch, newest first, each with its parents.
async fn commits(api: &Api, place: &Place, more: &str) -> Result<Vec<(String, Vec<String>)>, Problem> {
    let route = format!("/commits?sha={}{more}", value(&place.branch));
    match api.get_json(&route, HISTORY).await {
        Ok(answer) => answer.as_array().into_iter().flatten().map(commit_of).collect(),
        Err(Denied::Missing(_)) => Ok(Vec::new()),
        Err(denied) => Err(denied.problem()),
    }
}

fn commit_of(commit: &Value) -> Result<(String, Vec<String>), Problem> {
    let sha = |commit: &Value| commit["sha"].as_str().map(ToOwned::to_owned);
    let parents = commit["parents"].as_array().and_then(|parents| parents.iter().map(sha).collect());
    sha(commit).zip(parents).ok_or_else(|| Problem::new("GitHub does not name the commits of the journal"))
}

/// Replaces the blob, or makes the file, and the branch where it is not there.
///
/// # Errors
/// Somebody else wrote meanwhile, the token may not, or no answer.
pub async fn write(place: &Place, text: &str, blob: Option<&str>) -> Result<Written, Problem> {
    let api = Api::connect(&place.repository).await?;
    let ask = Ask { to: "write the journal", permission: "contents: write" };
    let mut body: Value = json!({
        "message": "mlgate: the journal of a rollout",
        "content": STANDARD.encode(text),
        "branch": place.branch,
    });
    if let Some(blob) = blob {
        body["sha"] = blob.into();
    }
    let route = format!("/contents/{}", encoded(&place.path));
    let written = match api.put(&route, &body, ask).await {
        Err(Denied::Missing(_)) if blob.is_none() => {
            let reference = json!({ "ref": format!("refs/heads/{}", place.branch), "sha": place.from });
            // Another run may have made it meanwhile: whether it is there is what the second try finds.
            let made = api.post("/git/refs", &reference, ask).await;
            match (api.put(&route, &body, ask).await, made) {
                (Err(Denied::Missing(_)), Err(why)) => Err(why),
                (written, _) => written,
            }
        }
        written => written,
    };
    match written {
        Ok(answer) => {
            let (commit, parents) = commit_of(&answer["commit"])?;
            let blob = answer["content"]["sha"].as_str().map(ToOwned::to_owned);
            let blob = blob.ok_or_else(|| Problem::new("GitHub does not say what it wrote"))?;
            Ok(Written { blob, commit, parents })
        }
        // What was written and not answered is refused when it is sent again, and stands there all the same.
        Err(denied) => match last_change(place).await {
            Ok(Some(Change { commit, parents, found: Some(found) })) if found.text.as_deref() == Some(text) => {
                Ok(Written { blob: found.blob, commit, parents })
            }
            _ => {
                let problem = denied.problem();
                let hint = problem.hint.clone();
                Err(problem.hint(hint.unwrap_or_else(|| "does another run write the same journal?".to_owned())))
            }
        },
    }
}
