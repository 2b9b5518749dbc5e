//! One request and its answer, which is JSON.

use std::time::Duration;

use reqwest::{RequestBuilder, StatusCode};
use serde_json::Value;

use crate::integrations::http::{Patience, body, in_words};
use crate::rollout::signal::Trouble;
use crate::support::words::{cut, one_line};

pub const PATIENCE: Patience = Patience { timeout: Duration::from_secs(8), tries: 1 };
const LARGEST: usize = 5_000_000;

/// Sends a request, and returns status and JSON of the answer, and its header of this name.
///
/// # Errors
/// No answer, one that is too large, or one that is not JSON where the status promises an answer.
pub async fn json(
    request: RequestBuilder,
    subject: &str,
    header: Option<&str>,
) -> Result<(StatusCode, Value, Option<String>), Trouble> {
    let no_answer = |why: String| Trouble::NoAnswer(format!("no answer from {subject}: {why}"));
    let response = request.send().await.map_err(|error| no_answer(in_words(error)))?;
    let status = response.status();
    let header = header.and_then(|name| response.headers().get(name)?.to_str().ok().map(str::to_owned));
    let text = body::read(response, LARGEST).await.map_err(|error| match error {
        body::BodyError::TooLarge(most) => Trouble::Query(format!("{subject} answers more than {most} bytes")),
        body::BodyError::Broken(error) => no_answer(in_words(error)),
    })?;
    match body::json(&text) {
        Ok(answer) => Ok((status, answer, header)),
        // What is wrong is said by the status.
        Err(_) if !status.is_success() => Ok((status, Value::Null, header)),
        Err(_) => Err(Trouble::Query(format!("the answer of {subject} is not JSON"))),
    }
}

/// What an answer that is none of what was asked says: 400, 404 and 422 are of the query, all else is of the server.
pub fn refused(subject: &str, status: StatusCode, said: Option<&str>) -> Trouble {
    let said = said.map(|said| format!(": {}", cut(&one_line(said), 200))).unwrap_or_default();
    let text = format!("{subject} answers {}{said}", status.as_u16());
    match status.as_u16() {
        400 | 404 | 422 => Trouble::Query(text),
        _ => Trouble::Unmeasured(text),
    }
}

/// A finite number of an answer, also where it is written as text.
pub fn number(value: &Value) -> Option<f64> {
    let number = match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    number.filter(|number: &f64| number.is_finite())
}
