//! A file on a branch of its own, read and written through the
//! [contents API](https://docs.github.com/en/rest/repos/contents): without a clone, and never over what another run wrote.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::api::{Api, Ask, Denied, Repository, encoded, value};
use crate::problem::Problem;
use crate::words::code;

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

/// Returns what the last commit that touched the file left there, and what the one before that did. Both are read by the commit, so that they belong together whoever writes meanwhile.
///
/// # Errors
/// The token may not, or no answer.
pub async fn last_two(place: &Place) -> Result<(Option<Found>, Option<Found>), Problem> {
    let api = Api::connect(&place.repository).await?;
    let ask = Ask { to: "read the journal's history", permission: "contents: write" };
    let route = format!("/commits?sha={}&path={}&per_page=2", value(&place.branch), value(&place.path));
    let commits = match api.get_json(&route, ask).await {
        Ok(answer) => answer,
        Err(Denied::Missing(_)) => return Ok((None, None)),
        Err(denied) => return Err(denied.problem()),
    };
    let mut texts = Vec::new();
    for commit in commits.as_array().into_iter().flatten().take(2) {
        let Some(sha) = commit["sha"].as_str() else {
            return Err(Problem::new("GitHub does not name the commits of the journal"));
        };
        let at = Place { branch: sha.to_owned(), ..place.clone() };
        texts.push(read(&at).await?);
    }
    let mut texts = texts.into_iter();
    Ok((texts.next().flatten(), texts.next().flatten()))
}

/// Replaces the blob, or makes the file, and the branch where it is not there; gives the new blob.
///
/// # Errors
/// Somebody else wrote meanwhile, the token may not, or no answer.
pub async fn write(place: &Place, text: &str, blob: Option<&str>) -> Result<String, Problem> {
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
            let blob = answer["content"]["sha"].as_str().map(ToOwned::to_owned);
            blob.ok_or_else(|| Problem::new("GitHub does not say what it wrote"))
        }
        // What was written and not answered is refused when it is sent again, and stands there all the same.
        Err(denied) => match read(place).await {
            Ok(Some(found)) if found.text.as_deref() == Some(text) => Ok(found.blob),
            _ => {
                let problem = denied.problem();
                let hint = problem.hint.clone();
                Err(problem.hint(hint.unwrap_or_else(|| "does another run write the same journal?".to_owned())))
            }
        },
    }
}
