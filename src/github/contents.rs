//! A file of the repository at a ref, without a clone: docs.github.com/en/rest/repos/contents.

use octocrab::Octocrab;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::http::{self, Patience};
use crate::mlflow::Wrong;
use crate::problem::Problem;
use crate::words::{code, cut, one_line};

/// What stands in a path as itself.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'/');

/// Where the repository is, and who asks.
#[derive(Clone)]
pub struct Repository {
    /// `https://api.github.com`, or that of an enterprise server.
    pub api: String,
    /// `owner/name`.
    pub name: String,
    pub token: Option<String>,
    pub proxied: bool,
}

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
pub async fn at_ref(repository: &Repository, reference: &str, path: &str, most: usize) -> Result<File, Wrong> {
    let url = http::address(&repository.api, "GITHUB_API_URL")?;
    let client = http::client(&url, repository.token.is_some(), Patience::default(), repository.proxied).await?;
    let mut builder = Octocrab::builder();
    builder = builder.base_uri(repository.api.as_str()).map_err(|error| Problem::new(error.to_string()))?;
    if let Some(token) = &repository.token {
        builder = builder.personal_token(token.clone());
    }
    let github = builder.build_with_reqwest(client).map_err(|error| Problem::new(error.to_string()))?;
    let asked = Asked { github: &github, shown: code(&http::shown(&url)), repository: code(&repository.name) };

    let base = format!("{}/repos/{}", url.path().trim_end_matches('/'), repository.name);
    let encoded = |text: &str| utf8_percent_encode(text, PLAIN).to_string();
    let commit = format!("{base}/commits/{}", encoded(reference));
    let sha = asked.get(&commit, "application/vnd.github.sha", 100, &format!("ref {}", code(reference))).await?;
    let sha = String::from_utf8_lossy(&sha).trim().to_owned();
    if !(sha.len() >= 40 && sha.bytes().all(|byte| byte.is_ascii_hexdigit())) {
        return Err(Problem::new(format!("GitHub names no commit for {}", code(reference))).into());
    }
    // At the commit, not the ref: it may have moved meanwhile.
    let file = format!("{base}/contents/{}?ref={sha}", encoded(path.trim_start_matches("./")));
    let what = format!("file {} at {}", code(path), code(reference));
    let bytes = asked.get(&file, "application/vnd.github.raw+json", most, &what).await?;
    Ok(File { sha, bytes })
}

struct Asked<'a> {
    github: &'a Octocrab,
    shown: String,
    repository: String,
}

impl Asked<'_> {
    async fn get(&self, route: &str, accept: &str, most: usize, what: &str) -> Result<Vec<u8>, Wrong> {
        use http_body_util::{BodyExt, Limited};
        let mut headers = reqwest::header::HeaderMap::new();
        let accept = accept.parse().map_err(|_| Problem::new("no such media type"))?;
        headers.insert(reqwest::header::ACCEPT, accept);
        let answered = self.github._get_with_headers(route, Some(headers)).await;
        let response = answered.map_err(|error| {
            Problem::new(format!("GitHub's API {} does not answer: {}", self.shown, reason(&error)))
        })?;
        let status = response.status().as_u16();
        let limit = if status == 200 { most } else { 100_000 };
        let body = Limited::new(response.into_body(), limit).collect().await.map_err(|error| {
            Problem::new(format!("the {what} could not be read from GitHub: {}", one_line(&error.to_string())))
        })?;
        let bytes = body.to_bytes().to_vec();
        match status {
            200 => Ok(bytes),
            // 404 is also what GitHub says of a repository that the token may not see; 409 of an empty one, 422 of
            // a ref that is none.
            404 | 422 => {
                Err(Wrong::Missing(format!("{} has no {what}, or the token may not read it", self.repository)))
            }
            401 => Err(Problem::new(format!("GitHub's API {} does not know the token (401)", self.shown))
                .hint("set the input `github-token`")
                .into()),
            403 => Err(Problem::new(format!("GitHub's API {} does not allow to read the {what} (403)", self.shown))
                .hint("add `permissions: contents: read` to the job")
                .into()),
            status => {
                let answer: serde_json::Value = serde_json::from_slice(&bytes).unwrap_or_default();
                let said = cut(&one_line(answer["message"].as_str().unwrap_or_default()), 200);
                Err(Problem::new(format!("GitHub's API {} answers {status} {said}", self.shown)).into())
            }
        }
    }
}

/// The last cause, in one line.
fn reason(error: &octocrab::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cut(&one_line(&cause.to_string()), 200)
}
