//! GitHub's REST API by octocrab: how often something is asked, and what a refusal means.

mod raw;

use std::time::Duration;

use octocrab::Octocrab;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::header::{ACCEPT, HeaderMap, HeaderValue, LOCATION, RETRY_AFTER};
use serde_json::Value;

use self::raw::Raw;
use crate::integrations::http::{self, AllowedHost, Patience, body};
use crate::support::problem::Problem;
use crate::support::words::{code, cut, one_line};

/// What stands in a path as itself; slashes too.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'/');
/// The media type of almost everything.
pub const JSON: &str = "application/vnd.github+json";
/// No answer that is read as JSON is larger.
const LARGEST: usize = 20_000_000;
/// GitHub says how long to wait; longer than this a gate does not.
const LONGEST_WAIT: Duration = Duration::from_mins(1);
/// Items a page, GitHub's most, and the pages that are looked through.
const PAGE: usize = 100;
const MOST_PAGES: usize = 100;

/// Where the repository is, and who asks.
#[derive(Clone)]
pub struct Repository {
    /// `https://api.github.com`, or that of an enterprise server.
    pub api: String,
    /// `owner/name`.
    pub name: String,
    pub token: Option<String>,
    pub proxied: bool,
    pub patience: Patience,
}

/// A repository that is spoken to.
pub struct Api {
    reader: Octocrab,
    /// octocrab names no media type where it sends a body, unless it is told to.
    writer: Octocrab,
    /// The path of the API's address: empty, or `/api/v3` of an enterprise server.
    root: String,
    /// The API's address and the repository, for messages.
    shown: String,
    name: String,
    host: AllowedHost,
    patience: Patience,
}

/// Why something was not done.
#[derive(Debug)]
pub enum Denied {
    /// There is no such thing, or the token may not see it.
    Missing(String),
    /// The token may not; the hint says which line to add.
    Forbidden(Problem),
    /// Nobody knows: it was sent, and no answer came back.
    Unsure(Problem),
    Problem(Problem),
}

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Ask<'a> {
    /// Finishes "to": `read the comments`.
    pub to: &'a str,
    /// The line that a workflow needs for it: `pull-requests: write`.
    pub permission: &'a str,
}

/// What GitHub answered.
struct Answer {
    status: u16,
    bytes: Vec<u8>,
    /// Of an answer that sends elsewhere.
    location: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Method {
    Get,
    Post,
    Patch,
    Put,
}

impl From<Problem> for Denied {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl From<Denied> for crate::integrations::mlflow::Wrong {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::Missing(what) => Self::Missing(what),
            other => Self::Problem(other.problem()),
        }
    }
}

impl Denied {
    pub fn problem(self) -> Problem {
        match self {
            Self::Missing(what) => Problem::new(what),
            Self::Forbidden(problem) | Self::Unsure(problem) | Self::Problem(problem) => problem,
        }
    }
}

impl Api {
    /// # Errors
    /// The address is none that may be spoken to.
    pub async fn connect(repository: &Repository) -> Result<Self, Problem> {
        // octocrab panics on a token that is no header.
        let is_header = |token: &String| token.bytes().all(|byte| byte.is_ascii_graphic());
        if !repository.token.as_ref().is_none_or(is_header) {
            return Err(Problem::new(
                "the GitHub token holds a space, a line break or another character that no token has",
            )
            .hint("set it anew, without what surrounds it"));
        }
        let url = http::address(&repository.api, "GITHUB_API_URL").map_err(|problem| Problem {
            hint: Some("GitHub sets it: https://api.github.com, or https://HOST/api/v3".into()),
            ..problem
        })?;
        let patience = repository.patience;
        let host = AllowedHost::by_environment(url.clone());
        let client = http::client(&host, repository.token.is_some(), patience, repository.proxied).await?;
        let broken = |error: octocrab::Error| Problem::new(format!("no client for GitHub: {}", reason(&error)));
        let builder = || {
            let builder = Octocrab::builder().base_uri(repository.api.as_str()).map_err(broken)?;
            Ok::<_, Problem>(match &repository.token {
                Some(token) => builder.personal_token(token.clone()),
                None => builder,
            })
        };
        let writer = builder()?.add_header(ACCEPT, JSON.to_owned());
        Ok(Self {
            reader: builder()?.build_with_reqwest(client.clone()).map_err(broken)?,
            writer: writer.build_with_reqwest(client).map_err(broken)?,
            root: url.path().trim_end_matches('/').to_owned(),
            shown: code(&http::shown(&url)),
            name: repository.name.clone(),
            host,
            patience,
        })
    }

    /// Where the API is.
    pub fn host(&self) -> &AllowedHost {
        &self.host
    }

    /// How long to wait after this failed try, from 1.
    pub fn pause(&self, tried: u32) -> Duration {
        self.patience.pause(tried)
    }

    pub fn tries(&self) -> u32 {
        self.patience.tries
    }

    /// Reads something of the repository, of at most `most` bytes; `route` follows its name.
    ///
    /// # Errors
    /// There is no such thing, the token may not, or no answer.
    pub async fn get(&self, route: &str, accept: &str, most: usize, ask: Ask<'_>) -> Result<Vec<u8>, Denied> {
        let answer = self.send(Method::Get, &self.route(route), accept, None, most, ask).await?;
        match answer.status {
            // The token is for GitHub, and not for whom GitHub names.
            302 => Err(Problem::new(format!("GitHub's API {} answers 302, asked to {}", self.shown, ask.to)).into()),
            _ => Ok(answer.bytes),
        }
    }

    /// Where something of the repository is kept, for whoever asks there without the token.
    ///
    /// # Errors
    /// As [`Api::get`].
    pub async fn location(&self, route: &str, ask: Ask<'_>) -> Result<String, Denied> {
        let answer = self.send(Method::Get, &self.route(route), JSON, None, LARGEST, ask).await?;
        let nowhere = || Problem::new(format!("GitHub's API {} does not say where, asked to {}", self.shown, ask.to));
        answer.location.ok_or_else(|| nowhere().into())
    }

    /// # Errors
    /// As [`Api::get`].
    pub async fn get_json(&self, route: &str, ask: Ask<'_>) -> Result<Value, Denied> {
        Ok(json_of(&self.get(route, JSON, LARGEST, ask).await?))
    }

    /// All items of a list, page by page; `items` is the key that holds them, if they are not the answer itself.
    ///
    /// # Errors
    /// As [`Api::get`]; there are more than ten thousand.
    pub async fn list(&self, route: &str, items: Option<&str>, ask: Ask<'_>) -> Result<Vec<Value>, Denied> {
        let mut all = Vec::new();
        let separator = if route.contains('?') { '&' } else { '?' };
        for page in 1..=MOST_PAGES {
            let answer = self.get_json(&format!("{route}{separator}per_page={PAGE}&page={page}"), ask).await?;
            let listed = items.map_or(&answer, |key| &answer[key]);
            let Value::Array(listed) = listed else {
                return Err(
                    Problem::new(format!("GitHub's API {} answers no list, asked to {}", self.shown, ask.to)).into()
                );
            };
            all.extend(listed.iter().cloned());
            if listed.len() < PAGE {
                return Ok(all);
            }
        }
        Err(Problem::new(format!("there are over {} items, asked to {}", MOST_PAGES * PAGE, ask.to)).into())
    }

    /// Makes something new; sent once, since twice could make two.
    ///
    /// # Errors
    /// The token may not; no answer, and then it may have been made.
    pub async fn post(&self, route: &str, body: &Value, ask: Ask<'_>) -> Result<Value, Denied> {
        Ok(json_of(&self.send(Method::Post, &self.route(route), JSON, Some(body), LARGEST, ask).await?.bytes))
    }

    /// Changes something.
    ///
    /// # Errors
    /// There is no such thing, the token may not, or no answer.
    pub async fn patch(&self, route: &str, body: &Value, ask: Ask<'_>) -> Result<Value, Denied> {
        Ok(json_of(&self.send(Method::Patch, &self.route(route), JSON, Some(body), LARGEST, ask).await?.bytes))
    }

    /// Makes or replaces something whose earlier state the body names, so that twice is no more than once.
    ///
    /// # Errors
    /// There is no such thing or it has changed, the token may not, or no answer.
    pub async fn put(&self, route: &str, body: &Value, ask: Ask<'_>) -> Result<Value, Denied> {
        Ok(json_of(&self.send(Method::Put, &self.route(route), JSON, Some(body), LARGEST, ask).await?.bytes))
    }

    /// The login that the token speaks as: `github-actions[bot]` of a job's own.
    ///
    /// By GraphQL, since the REST interface does not tell a job's token who it is.
    ///
    /// # Errors
    /// No answer.
    pub async fn viewer(&self) -> Result<String, Denied> {
        // An enterprise server has it beside `/api/v3`, not below.
        let root = self.root.strip_suffix("/v3").unwrap_or(&self.root);
        let body = serde_json::json!({ "query": "query { viewer { login } }" });
        let ask = Ask { to: "learn whose token it is", permission: "contents: read" };
        let answer = self.send(Method::Post, &format!("{root}/graphql"), JSON, Some(&body), LARGEST, ask).await?;
        let answer = json_of(&answer.bytes);
        let login = answer["data"]["viewer"]["login"].as_str().filter(|login| !login.is_empty());
        login
            .map(ToOwned::to_owned)
            .ok_or_else(|| Problem::new(format!("GitHub's API {} does not say whose token it is", self.shown)).into())
    }

    fn route(&self, route: &str) -> String {
        format!("{}/repos/{}{route}", self.root, self.name)
    }

    async fn send(
        &self,
        method: Method,
        route: &str,
        accept: &str,
        body: Option<&Value>,
        most: usize,
        ask: Ask<'_>,
    ) -> Result<Answer, Denied> {
        let mut tried = 0;
        loop {
            tried += 1;
            let again = tried < self.patience.tries;
            let outcome = self.once(method, route, accept, body, most).await;
            let (pause, wrong) = match outcome {
                // GitHub did nothing, and says when to come back.
                Ok(raw) if raw.is_to_wait() => {
                    let wait = raw.retry_after.unwrap_or_else(|| self.patience.pause(tried));
                    if wait > LONGEST_WAIT {
                        return Err(self.busy(wait, ask).into());
                    }
                    (Some(wait), Denied::Problem(self.busy(wait, ask)))
                }
                Ok(raw) if raw.status >= 500 => (None, Denied::Unsure(self.unanswered(&raw.said(), ask))),
                Ok(raw) => return self.judge(method, raw, ask),
                Err(said) => (None, Denied::Unsure(self.unanswered(&said, ask))),
            };
            // What was sent and not answered may have been done: only who can look may ask again.
            if !again || pause.is_none() && method == Method::Post {
                return Err(wrong);
            }
            tokio::time::sleep(pause.unwrap_or_else(|| self.patience.pause(tried))).await;
        }
    }

    async fn once(
        &self,
        method: Method,
        route: &str,
        accept: &str,
        body: Option<&Value>,
        most: usize,
    ) -> Result<Raw, String> {
        use http_body_util::{BodyExt, Limited};
        let answered = match method {
            Method::Get => {
                let mut headers = HeaderMap::new();
                headers.insert(ACCEPT, HeaderValue::from_str(accept).map_err(|_| "no such media type".to_owned())?);
                self.reader._get_with_headers(route, Some(headers)).await
            }
            Method::Post => self.writer._post(route, body).await,
            Method::Patch => self.writer._patch(route, body).await,
            Method::Put => self.writer._put(route, body).await,
        };
        let response = answered.map_err(|error| reason(&error))?;
        let status = response.status().as_u16();
        let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok()).map(ToOwned::to_owned);
        let (location, retry_after) = (header(LOCATION), header(RETRY_AFTER));
        let spent = response.headers().get("x-ratelimit-remaining").is_some_and(|left| left == "0");
        let limit = if status < 300 { most } else { 100_000 };
        let body = Limited::new(response.into_body(), limit).collect().await.map_err(|error| {
            if error.is::<http_body_util::LengthLimitError>() {
                format!("an answer of over {limit} bytes")
            } else {
                one_line(&error.to_string())
            }
        })?;
        let retry_after = retry_after.and_then(|text| text.parse().ok()).map(Duration::from_secs);
        Ok(Raw { status, location, retry_after, spent, bytes: body.to_bytes().to_vec() })
    }

    fn judge(&self, method: Method, raw: Raw, ask: Ask<'_>) -> Result<Answer, Denied> {
        match raw.status {
            200..300 => Ok(Answer { status: raw.status, bytes: raw.bytes, location: raw.location }),
            302 if method == Method::Get => Ok(Answer { status: raw.status, bytes: raw.bytes, location: raw.location }),
            401 => Err(Problem::new(format!("GitHub's API {} does not know the token (401)", self.shown))
                .hint("set the input `github-token`")
                .into()),
            // A locked conversation, a blocked user: no permission helps.
            403 if raw.words().contains("locked") || raw.words().contains("blocked") => {
                Err(Problem::new(format!("GitHub refuses to {} (403): {}", ask.to, raw.words())).into())
            }
            403 => Err(Denied::Forbidden(
                Problem::new(format!("GitHub does not allow this token to {} (403): {}", ask.to, raw.words()))
                    .hint(format!("add `{}` under `permissions:` of the job", ask.permission)),
            )),
            // 404 is also what GitHub says of a repository that the token may not see; 410 of what was deleted, 409
            // of an empty repository, 422 of a ref that is none.
            404 | 409 | 410 => Err(Denied::Missing(self.missing(ask))),
            422 if method == Method::Get => Err(Denied::Missing(self.missing(ask))),
            status => {
                let said = format!("GitHub's API {} answers {status} {}, asked to {}", self.shown, raw.words(), ask.to);
                Err(Problem::new(said).into())
            }
        }
    }

    fn missing(&self, ask: Ask<'_>) -> String {
        format!("{} has no such thing, or the token may not see it, asked to {}", code(&self.name), ask.to)
    }

    fn busy(&self, wait: Duration, ask: Ask<'_>) -> Problem {
        let said = format!("GitHub's API {} asks to wait {} s, asked to {}", self.shown, wait.as_secs(), ask.to);
        Problem::new(said).hint("its limit on requests was reached; run the job again later")
    }

    fn unanswered(&self, said: &str, ask: Ask<'_>) -> Problem {
        Problem::new(format!("GitHub's API {} does not answer, asked to {}: {said}", self.shown, ask.to))
    }
}

/// The bytes as JSON; what is none is null.
fn json_of(bytes: &[u8]) -> Value {
    body::json(bytes).unwrap_or_default()
}

/// A part of a path, or a whole one, as it stands in an address.
pub fn encoded(text: &str) -> String {
    utf8_percent_encode(text, PLAIN).to_string()
}

/// A value of a query.
pub fn value(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

/// The last cause, in one line.
fn reason(error: &octocrab::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cut(&one_line(&cause.to_string()), 200)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn who_does_not_answer_is_not_waited_for_for_ever() {
        // It takes connections and says nothing.
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let repository = Repository {
            api: format!("http://{}", silent.local_addr().unwrap()),
            name: "octo/risk".into(),
            token: None,
            proxied: false,
            patience: Patience { timeout: Duration::from_millis(200), tries: 2 },
        };
        let ask = Ask { to: "read the comments", permission: "pull-requests: write" };
        let asked = async {
            let api = Api::connect(&repository).await.unwrap();
            let got = api.get_json("/issues/7/comments", ask).await.unwrap_err();
            (got, api.post("/issues/7/comments", &serde_json::json!({}), ask).await.unwrap_err())
        };
        let (got, posted) = http::block_on(asked).unwrap();
        for denied in [got, posted] {
            assert!(
                matches!(&denied, Denied::Unsure(problem) if problem.message.contains("asked to read the comments")),
                "{denied:?}"
            );
        }
    }
}
