//! When a run of `check` ends at the latest.
#![expect(clippy::disallowed_methods, reason = "edge: the clock")]

use std::time::{Duration, Instant};

use crate::cli;
use crate::support::problem::Problem;

const DEFAULT: &str = "60m";

/// The end of the time that a run has.
#[derive(Debug, Clone)]
pub struct Deadline {
    at: Instant,
    /// The time as the user wrote it.
    limit: String,
}

impl Deadline {
    /// Reads the input `timeout`; the time runs from `start`.
    ///
    /// # Errors
    /// It is not a time.
    pub fn new(timeout: Option<&str>, start: Instant) -> Result<Self, Problem> {
        let limit = timeout.unwrap_or(DEFAULT).trim();
        let time = cli::duration(limit).map_err(|message| Problem::new(format!("input timeout: {message}")))?;
        Ok(Self { at: start + time, limit: limit.to_owned() })
    }

    /// Returns the time that is left; zero when it is over.
    pub fn left(&self) -> Duration {
        self.at.saturating_duration_since(Instant::now())
    }

    /// Why something was not judged.
    pub fn problem(&self) -> Problem {
        Problem::new(format!("not judged: the time limit of {} was reached", self.limit)).hint(
            "set a longer `timeout`, or give the run less to do: fewer checks, a smaller table, shorter load tests",
        )
    }
}
