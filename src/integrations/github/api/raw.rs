//! An answer before it is judged.

use std::time::Duration;

use super::json_of;
use crate::support::words::{cut, one_line};

/// An answer as it came.
pub struct Raw {
    pub status: u16,
    pub location: Option<String>,
    pub retry_after: Option<Duration>,
    /// Whether the hour's requests are used up.
    pub spent: bool,
    pub bytes: Vec<u8>,
}

impl Raw {
    /// Whether GitHub did nothing, and says when to come back.
    pub fn is_to_wait(&self) -> bool {
        self.status == 429 || self.status == 403 && (self.retry_after.is_some() || self.spent)
    }

    /// `502 Bad Gateway`.
    pub fn said(&self) -> String {
        format!("{} {}", self.status, self.words()).trim().to_owned()
    }

    /// GitHub's own words, where there are any: of an error of validation also those about the field.
    pub fn words(&self) -> String {
        let answer = json_of(&self.bytes);
        let message = answer["message"].as_str().unwrap_or_default();
        let details = answer["errors"].as_array().into_iter().flatten();
        let details = details.filter_map(|error| error.as_str().or_else(|| error["message"].as_str()));
        let all: Vec<&str> = std::iter::once(message).chain(details).collect();
        cut(&one_line(&all.join(" ")), 300)
    }
}
