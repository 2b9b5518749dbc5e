//! How far a table's footers are believed, and what scans have found of them.

use std::collections::BTreeSet;
use std::sync::{MutexGuard, PoisonError};

use super::Source;
use crate::data::statistic::Statistic;
use crate::data::table::files::Format;
use crate::engine::proof::{Claim, Proving};
use crate::engine::{accumulate, footer, pages};
use crate::support::problem::Problem;
use crate::support::words::code;

/// What becomes of the statistics in Parquet footers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Footers {
    /// They answer what they can; columns that are decoded anyway are compared with them.
    #[default]
    Trusted,
    /// Every column is decoded and compared with them; they answer nothing.
    Decoded,
}

/// Row groups that expand less than so many times are not held against the memory.
const MOST_EXPANDED: u64 = 100;

/// How far footers and data have been compared.
#[derive(Debug, Default)]
pub struct Compared {
    columns: BTreeSet<String>,
    /// Whether a scan has counted the rows.
    rows: bool,
    difference: Option<Problem>,
}

impl Source {
    /// Sets what becomes of the footers' statistics.
    #[must_use]
    pub fn with_footers(mut self, trust: Footers) -> Self {
        self.trust = trust;
        self
    }

    /// Whether reading these columns would take far more memory than `memory` bytes: Polars decodes row groups as a whole,
    /// two at a time, and a few kilobytes of a file can hold gigabytes. Where the footers are not trusted, all pages are asked.
    pub fn bomb(&self, columns: &[String], memory: usize) -> Option<Problem> {
        let mut heaviest = vec![footer::heaviest(&self.footers, columns)];
        if self.is_decoded() && !self.compared().rows {
            for (at, footer) in self.footers.iter().enumerate() {
                let weight = self.files.open(at).and_then(|file| {
                    pages::heaviest(&file, footer).map_err(|error| {
                        let path = code(&self.files.path(at).to_string_lossy());
                        Problem::new(format!("{path} could not be read as Parquet: {error}"))
                            .hint("is the file whole? write or download it again")
                    })
                });
                match weight {
                    Ok(weight) => heaviest.push(weight),
                    Err(problem) => return Some(problem),
                }
            }
        }
        let is_bomb = |weight: &footer::Weight| {
            weight.decoded.saturating_mul(2) > memory as u64 && weight.decoded / weight.stored.max(1) >= MOST_EXPANDED
        };
        let footer::Weight { decoded, stored } = heaviest.into_iter().find(is_bomb)?;
        let (path, megabytes) = (code(&self.files.shown), memory / 1_000_000);
        let said = format!(
            "a row group of {path} takes {} MB when decoded and {} kB in the file; {megabytes} MB are allowed for it",
            decoded.saturating_mul(2) / 1_000_000,
            stored.div_ceil(1000)
        );
        Some(Problem::new(said).hint("raise `max-memory`, or write the file with smaller row groups"))
    }

    /// Whether every column is decoded, whatever the file says of itself.
    pub fn is_decoded(&self) -> bool {
        self.trust == Footers::Decoded && self.has_footer()
    }

    /// Whether the format states counts beside its values; text is read as a whole when it is opened.
    pub(super) fn has_footer(&self) -> bool {
        matches!(self.files.format, Format::Parquet | Format::Ipc)
    }

    /// Returns what a scan that decodes these columns proves; in the first scan of a table whose footers are not
    /// trusted, it decodes all of them.
    pub fn proving(&self, decoded: &[String]) -> Option<Proving> {
        let compared = self.compared();
        if !self.has_footer() || compared.difference.is_some() {
            return None;
        }
        let all = self.is_decoded() && !compared.rows;
        let claims = self
            .schema
            .iter()
            .filter(|(column, _)| all || decoded.iter().any(|name| name == column.as_str()))
            .filter(|(column, _)| !self.is_in_folders(column))
            .filter(|(column, _)| !compared.columns.contains(column.as_str()))
            .map(|(column, dtype)| {
                footer::claim(&self.footers, &self.schema, column)
                    .unwrap_or_else(|| Claim::nothing(column, dtype.clone()))
            });
        let claims: Vec<Claim> = claims.collect();
        let is_new = !claims.is_empty() || !compared.rows && !decoded.is_empty();
        is_new.then(|| Proving::new(&self.files.shown, self.info.rows, claims))
    }

    /// Notes what a scan has compared.
    pub fn proven(&self, columns: Vec<String>, outcome: Result<(), Problem>) {
        let mut compared = self.compared();
        match outcome {
            Ok(()) => {
                compared.columns.extend(columns);
                compared.rows = true;
            }
            Err(problem) => compared.difference = Some(problem),
        }
    }

    /// How footers and data differ, as far as scans have seen both.
    pub fn difference(&self) -> Option<Problem> {
        self.compared().difference.clone()
    }

    /// Whether the footers answer the statistic, and no scan has held them against the data.
    pub fn rests_on_footer(&self, statistic: &Statistic) -> bool {
        let compared = self.compared();
        let is_seen = match statistic {
            Statistic::RowCount => compared.rows,
            _ => accumulate::columns(statistic).iter().all(|column| compared.columns.contains(column)),
        };
        !self.footers.is_empty()
            && !is_seen
            && !matches!(statistic, Statistic::Modified)
            && self.known(statistic).is_some()
    }

    fn compared(&self) -> MutexGuard<'_, Compared> {
        self.compared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
