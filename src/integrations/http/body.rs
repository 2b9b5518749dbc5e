//! Bodies of answers: read piece by piece up to a limit, whatever `Content-Length` says. Nothing else reads one.
#![expect(clippy::disallowed_methods, reason = "edge: reads from the network")]

use reqwest::Response;
use serde_json::Value;

/// Values, keys too, of a JSON text that is read: parsed they take some 70 bytes each, whatever little they took as text.
const MOST_VALUES: usize = 2_000_000;

/// Why a body could not be read.
#[derive(Debug)]
pub enum BodyError {
    /// It has more bytes than this.
    TooLarge(u64),
    Broken(reqwest::Error),
}

/// Reads a body of at most `most` bytes.
///
/// # Errors
/// It is larger, or the connection breaks.
pub async fn read(response: Response, most: usize) -> Result<Vec<u8>, BodyError> {
    let mut bytes = Vec::new();
    each(response, most as u64, |chunk| bytes.extend_from_slice(chunk)).await?;
    Ok(bytes)
}

/// Hands over a body of at most `most` bytes piece by piece, and returns how many there were.
///
/// # Errors
/// It is larger, or the connection breaks.
pub async fn each(mut response: Response, most: u64, mut take: impl FnMut(&[u8])) -> Result<u64, BodyError> {
    let mut length: u64 = 0;
    while let Some(chunk) = response.chunk().await.map_err(BodyError::Broken)? {
        length += chunk.len() as u64;
        if length > most {
            return Err(BodyError::TooLarge(most));
        }
        take(&chunk);
    }
    Ok(length)
}

/// Parses an answer as JSON.
///
/// # Errors
/// Why it is none, to follow the name of who answered; one of more values than a gate has memory for is none either.
pub fn json(text: &[u8]) -> Result<Value, String> {
    if values(text) > MOST_VALUES {
        return Err(format!("it has more than {MOST_VALUES} values"));
    }
    serde_json::from_slice(text).map_err(|error| error.to_string())
}

/// How many values and keys a JSON text has at most: what separates them, outside of texts.
fn values(text: &[u8]) -> usize {
    let (mut count, mut is_text, mut is_escaped) = (1, false, false);
    for byte in text {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_text => is_escaped = true,
            b'"' => is_text = !is_text,
            b',' | b':' | b'[' | b'{' if !is_text => count += 1,
            _ => {}
        }
    }
    count
}

impl BodyError {
    /// What happened, to follow the name of who answered.
    pub fn said(self) -> String {
        match self {
            Self::TooLarge(most) => format!("answered more than {most} bytes"),
            Self::Broken(error) => format!("broke off its answer: {}", super::in_words(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_of_too_many_values_is_not_read() {
        assert_eq!(values(br#"{"a,[\"{:": [1, 2], "b": "\\"}"#), 7);
        assert_eq!(json(b"[1, 2]"), Ok(serde_json::json!([1, 2])));
        assert!(json(b"[1, 2").is_err());
        let many = format!("[{}0]", "0,".repeat(MOST_VALUES));
        assert!(json(many.as_bytes()).unwrap_err().contains("values"));
        let deep = format!("{}0{}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(json(deep.as_bytes()).is_err());
    }

    #[test]
    fn nothing_else_reads_bodies_or_makes_clients() {
        let bodies = [".text().await", ".json().await", ".bytes().await", ".chunk().await", "bytes_stream", ".json::<"];
        assert_eq!(
            crate::sources::lines_with(
                &bodies,
                &["integrations/http/body.rs", "rollout/journal.rs", "rollout/journal/place.rs"]
            ),
            [""; 0]
        );
        let clients = ["Client::builder()", "Client::new()", "reqwest::ClientBuilder", "reqwest::get("];
        assert_eq!(crate::sources::lines_with(&clients, &["integrations/http.rs"]), [""; 0]);
    }
}
