//! A model behind HTTP: asked by batches, answers bounded and believed only where they are whole.
#![expect(clippy::disallowed_methods, reason = "edge: speaks to a server, measures time")]

pub mod load;
pub mod protocol;

use std::cell::Cell;
use std::time::{Duration, Instant};

use protocol::Protocol;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderName, HeaderValue};
use reqwest::{Client, StatusCode, Url};
use tokio::runtime::Runtime;

use super::answers::Reader;
use super::{Batch, Output};
use crate::integrations::http::{self, AllowedHost, Patience, body, in_words};
use crate::support::problem::Problem;
use crate::support::words::{self, code};

/// Seconds that one answer may take, unless the config says otherwise.
pub const SECONDS: f64 = 30.0;
/// Bytes that an answer may have.
const LONGEST: usize = 64_000_000;
/// Bytes that the answer for one row may have: thousands of them are under way at once.
const LONGEST_OF_ONE_ROW: usize = 256_000;

/// Where a model is served, and how it is spoken to.
#[derive(Debug, Clone)]
pub struct Address {
    pub host: AllowedHost,
    pub protocol: Protocol,
    /// The header that lets us in; its value is in no report.
    pub credentials: Option<Credentials>,
    /// Rows of one request.
    pub rows: usize,
    pub timeout: Duration,
    /// The least time from one request to the next, where one follows another.
    pub pace: Duration,
    pub is_proxied: bool,
}

impl Address {
    async fn client(&self) -> Result<Client, Problem> {
        let patience = Patience { timeout: self.timeout, ..Patience::default() };
        http::client(&self.host, self.credentials.is_some(), patience, self.is_proxied).await
    }

    fn url(&self) -> &Url {
        self.host.url()
    }

    fn hide(&self, text: &str) -> String {
        match &self.credentials {
            Some(credentials) => text.replace(&credentials.secret, "***"),
            None => text.to_owned(),
        }
    }

    fn hide_bytes(&self, text: Vec<u8>) -> Vec<u8> {
        let secret = self.credentials.as_ref().map(|credentials| credentials.secret.as_bytes());
        match secret {
            Some(secret) if memchr::memmem::find(&text, secret).is_some() => {
                self.hide(&String::from_utf8_lossy(&text)).into_bytes()
            }
            _ => text,
        }
    }

    /// Whether that is an answer for one row, and of this model: any text would be one otherwise.
    fn is_prediction(&self, text: &[u8], reader: &Reader) -> Result<(), Problem> {
        let outputs = self.protocol.read(text, 1)?;
        let predicted = reader.clone().read(&outputs, 1)?;
        match predicted.first_lost() {
            Some(_) => Err(Problem::new("answered NaN")),
            None => Ok(()),
        }
    }

    fn post(&self, client: &Client, body: Vec<u8>) -> reqwest::RequestBuilder {
        client.post(self.protocol.url(self.url())).header(CONTENT_TYPE, "application/json").body(body)
    }
}

#[derive(Clone)]
pub struct Credentials {
    pub header: HeaderName,
    pub value: HeaderValue,
    secret: String,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: …", self.header)
    }
}

impl Credentials {
    /// A bearer token, or with another header's name the value as it is.
    ///
    /// # Errors
    /// Names and values that no header can have.
    pub fn new(header: Option<&str>, secret: &str) -> Result<Self, Problem> {
        let name = header.unwrap_or(AUTHORIZATION.as_str());
        let header = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| Problem::new(format!("{} is no name of a header", code(name))))?;
        let is_bare = header == AUTHORIZATION && !secret.contains(' ');
        let said = if is_bare { format!("Bearer {secret}") } else { secret.to_owned() };
        let mut value =
            HeaderValue::from_str(&said).map_err(|_| Problem::new("the endpoint's token holds what no header can"))?;
        value.set_sensitive(true);
        Ok(Self { header, value, secret: secret.to_owned() })
    }
}

/// A client of one endpoint.
pub struct Endpoint {
    pub address: Address,
    client: Client,
    runtime: Runtime,
    /// When the last request left.
    last: Cell<Option<Instant>>,
}

/// Why a request has no answer, and whether it may be asked again.
#[derive(Debug)]
struct Unanswered {
    problem: Problem,
    /// The server never took it up.
    is_safe: bool,
}

impl Endpoint {
    /// # Errors
    /// An address that may not be spoken to.
    pub fn open(address: Address) -> Result<Self, Problem> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Problem::new(format!("no way to wait for a server: {error}")))?;
        let client = runtime.block_on(address.client())?;
        let mut endpoint = Self { address, client, runtime, last: Cell::new(None) };
        endpoint.learn()?;
        Ok(endpoint)
    }

    /// An Open Inference server says what its model takes.
    fn learn(&mut self) -> Result<(), Problem> {
        let Some(url) = self.address.protocol.metadata(self.address.url()) else { return Ok(()) };
        let got = self.runtime.block_on(answered(&self.client, &self.address, self.client.get(url), LONGEST));
        let text = got.map_err(|unanswered| self.about(unanswered.problem))?;
        self.address.protocol.learn(&text).map_err(|problem| self.about(problem))
    }

    /// What the model says of these rows, which are of no more than one request.
    ///
    /// # Errors
    /// No answer, or one that is none.
    pub fn predict(&self, batch: &Batch) -> Result<Vec<Output>, Problem> {
        let body = self.address.protocol.body(batch)?;
        self.pace();
        let text = self.runtime.block_on(self.ask(body)).map_err(|problem| self.about(problem))?;
        self.address.protocol.read(&text, batch.rows).map_err(|problem| self.about(problem))
    }

    /// Milliseconds of single predictions, one after another.
    ///
    /// # Errors
    /// As [`Endpoint::predict`].
    pub fn time(&self, bodies: &[Vec<u8>], reader: &Reader, rows: usize, warmup: usize) -> Result<Vec<f64>, Problem> {
        let mut times = Vec::with_capacity(rows);
        for turn in 0..warmup + rows {
            let request = self.address.post(&self.client, bodies[turn % bodies.len()].clone());
            self.pace();
            let start = Instant::now();
            let text = self.runtime.block_on(answered(&self.client, &self.address, request, LONGEST_OF_ONE_ROW));
            let took = start.elapsed();
            let text = text.map_err(|unanswered| self.about(unanswered.problem))?;
            self.address.is_prediction(&text, reader).map_err(|problem| self.about(problem))?;
            if turn >= warmup {
                times.push(took.as_secs_f64() * 1e3);
            }
        }
        Ok(times)
    }

    /// Asks again only where the server has not begun to answer: a prediction that was made may have cost somebody.
    async fn ask(&self, body: Vec<u8>) -> Result<Vec<u8>, Problem> {
        let patience = Patience { timeout: self.address.timeout, ..Patience::default() };
        let mut tried = 1;
        loop {
            let request = self.address.post(&self.client, body.clone());
            match answered(&self.client, &self.address, request, LONGEST).await {
                Ok(text) => return Ok(text),
                Err(Unanswered { is_safe: true, .. }) if tried < patience.tries => {
                    tokio::time::sleep(patience.pause(tried)).await;
                    tried += 1;
                }
                Err(Unanswered { problem, .. }) => return Err(problem),
            }
        }
    }

    /// Waits until the next request may leave.
    fn pace(&self) {
        if let Some(last) = self.last.get() {
            std::thread::sleep(self.address.pace.saturating_sub(last.elapsed()));
        }
        self.last.set(Some(Instant::now()));
    }

    fn about(&self, problem: Problem) -> Problem {
        let shown = code(&http::shown(self.address.url()));
        self.hide(Problem { message: format!("the endpoint {shown} {}", problem.message), ..problem })
    }

    /// The problem without our token, which a server may say back.
    pub fn hide(&self, problem: Problem) -> Problem {
        Problem { message: self.address.hide(&problem.message), ..problem }
    }
}

/// The bytes of a good answer.
async fn answered(
    client: &Client,
    address: &Address,
    request: reqwest::RequestBuilder,
    longest: usize,
) -> Result<Vec<u8>, Unanswered> {
    let never = |problem: Problem| Unanswered { problem, is_safe: false };
    let request = match &address.credentials {
        Some(credentials) => request.header(credentials.header.clone(), credentials.value.clone()),
        None => request,
    };
    let request =
        request.build().map_err(|error| never(Problem::new(format!("cannot be asked: {}", in_words(error)))))?;
    let response = client.execute(request).await.map_err(|error| {
        let is_safe = error.is_connect();
        let hint = if is_safe { "is the server running, and is the address right?" } else { "is the server healthy?" };
        Unanswered { problem: Problem::new(format!("gave no answer: {}", said(error, address))).hint(hint), is_safe }
    })?;
    let status = response.status();
    let is_html = response
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .is_some_and(|kind| kind.contains("html"));
    let text = body::read(response, longest).await.map_err(|error| {
        never(Problem::new(match error {
            body::BodyError::TooLarge(most) => format!("answered over {most} bytes"),
            body::BodyError::Broken(error) => format!("broke off its answer: {}", said(error, address)),
        }))
    })?;
    // Before anything is cut out of it: of a token that is cut, the rest would be shown.
    let text = address.hide_bytes(text);
    if !status.is_success() {
        let problem = Problem::new(format!("answered {}{}", status.as_u16(), excerpt(&text, is_html)));
        let problem = match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                problem.hint("name the variable with its token: `model.endpoint: { token_env: MLGATE_… }`")
            }
            StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => {
                problem.hint("is the path of the address right, and the protocol?")
            }
            status if status.is_redirection() => problem.hint("name the address it leads to: mlgate follows none"),
            status if status.is_client_error() => problem.hint("does the model take these columns, of these types?"),
            _ => problem.hint("what does the server's log say?"),
        };
        let is_safe = [StatusCode::TOO_MANY_REQUESTS, StatusCode::SERVICE_UNAVAILABLE].contains(&status);
        return Err(Unanswered { problem, is_safe });
    }
    if is_html || text.trim_ascii_start().starts_with(b"<") {
        return Err(never(
            Problem::new("answered a page of HTML, and no predictions").hint("is the path of the address right?"),
        ));
    }
    Ok(text)
}

fn said(error: reqwest::Error, address: &Address) -> String {
    if error.is_timeout() { format!("none in {} s", address.timeout.as_secs_f64()) } else { in_words(error) }
}

/// The beginning of what a server says is wrong.
fn excerpt(text: &[u8], is_html: bool) -> String {
    let said = words::one_line(&String::from_utf8_lossy(&text[..text.len().min(2_000)]));
    if is_html || said.is_empty() { String::new() } else { format!(": {}", words::cut(&words::visible(&said), 200)) }
}
