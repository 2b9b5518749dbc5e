//! A table that has been opened: its files, its schema, and how Polars scans it.

mod formats;
mod trust;

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::sync::{Arc, Mutex};

use polars::prelude::*;
use polars_parquet::parquet::metadata::FileMetadata;

use super::distribution::{CATEGORY, WIDEST};
use super::file_columns::FileColumns;
use super::part::{OpenPart, Part, parts};
use super::types::{json_dtype, kind, text_dtype};
use super::{accumulate, footer, partitions, proof};
use crate::data::statistic::{Statistic, Value};
use crate::data::table::csv::{self, Csv};
use crate::data::table::files::{Files, Format};
use crate::data::table::ndjson;
use crate::data::table::{Column, Kind, TableInfo, WhyText};
use crate::stats::distribution::MOST_CATEGORIES;
use crate::support::problem::Problem;
use crate::support::words::{self, code};
use crate::support::workspace::descriptors;
use trust::Compared;
pub use trust::Footers;

/// An opened table.
pub struct Source {
    pub(super) files: Files,
    pub(super) csv: Csv,
    schema: SchemaRef,
    /// Of text files: what stands in them, without the columns of folder names.
    pub(super) text_schema: SchemaRef,
    /// Of CSV: columns that became text on the way, and how.
    turned: BTreeMap<String, WhyText>,
    padded: Vec<String>,
    /// Of text: columns without any value.
    blank: Vec<String>,
    /// Columns that stand in the folders' names.
    pub(super) in_folders: Vec<Field>,
    /// Rows of each file, where folder names are columns or somebody looked at each.
    pub(super) file_rows: Vec<u64>,
    /// Of Parquet, one a file.
    pub(super) footers: Vec<Arc<FileMetadata>>,
    /// Of Parquet and Arrow: the files' columns, by whether they can be read.
    pub(super) columns: FileColumns,
    /// Whether Polars cannot convert all columns of the files.
    pub(super) is_partial: bool,
    /// The files that are scanned together, in order.
    parts: Vec<Part>,
    trust: Footers,
    compared: Mutex<Compared>,
    info: TableInfo,
}

impl Source {
    /// Reads as much of the files as says what the table is: footers, or for text all of it.
    ///
    /// # Errors
    /// What is wrong with which file.
    pub fn open(files: Files, csv: Csv) -> Result<Self, Problem> {
        let mut source = Self {
            files,
            csv,
            schema: SchemaRef::default(),
            text_schema: SchemaRef::default(),
            turned: BTreeMap::new(),
            padded: Vec::new(),
            blank: Vec::new(),
            in_folders: Vec::new(),
            footers: Vec::new(),
            file_rows: Vec::new(),
            columns: FileColumns::default(),
            is_partial: false,
            parts: Vec::new(),
            trust: Footers::default(),
            compared: Mutex::default(),
            info: TableInfo { columns: Vec::new(), rows: 0, files: Vec::new() },
        };
        let rows = match source.files.format {
            Format::Parquet => source.open_parquet()?,
            Format::Ipc => source.open_ipc()?,
            Format::Csv => {
                let (mut turned, mut padded) = (BTreeMap::new(), Vec::new());
                let csv = source.csv.clone();
                let inspected = |path: &Path, file: File| {
                    let found = csv::inspect(path, file, &csv)?;
                    turned.extend(found.turned);
                    padded.extend(found.padded);
                    Ok((found.columns.into_iter().map(|(name, kind)| (name, text_dtype(kind))).collect(), found.rows))
                };
                let rows;
                (source.text_schema, rows) = source.open_text(inspected)?;
                (source.turned, source.padded) = (turned, padded);
                rows
            }
            Format::Ndjson => {
                let inspected = |path: &Path, file: File| {
                    let found = ndjson::inspect(path, file)?;
                    Ok((
                        found.columns.iter().map(|(name, kind)| (name.clone(), json_dtype(kind))).collect(),
                        found.rows,
                    ))
                };
                let rows;
                (source.text_schema, rows) = source.open_text(inspected)?;
                rows
            }
        };
        source.parts = parts(rows.as_deref(), source.files.count(), descriptors::at_once());
        source.file_rows = rows.clone().unwrap_or_default();
        if let Some(base) = &source.files.hive {
            source.in_folders = partitions::schema(base, source.files.paths(), &source.schema);
        }
        source.schema = {
            let part = source.open_part(&Part { files: 0..1, rows: 0..0 })?;
            let mut frame = part.scan().map_err(|error| source.problem(&error))?;
            frame.collect_schema().map_err(|error| source.problem(&error))?
        };
        if rows.is_none() {
            source.count()?;
        }
        source.info.rows = source.parts.last().map_or(0, |part| part.rows.end);
        source.info.files = source.files.real_paths().map(Path::to_owned).collect();
        source.info.columns = source.described();
        Ok(source)
    }

    /// The columns as the file has them, then those of folder names.
    fn described(&self) -> Vec<Column> {
        let unreadable = |name: &String| Some(Kind::Unreadable(self.columns.unreadable.get(name)?.clone()));
        let unread = self.columns.order.iter().filter(|name| !self.schema.contains(name.as_str()));
        let unread = unread.filter_map(|name| Some((name.clone(), unreadable(name)?)));
        let read = self.schema.iter().map(|(name, dtype)| (name.to_string(), kind(dtype)));
        let mut columns: Vec<(String, Kind)> = read.chain(unread).collect();
        let places: BTreeMap<&str, usize> = self.columns.order.iter().map(String::as_str).zip(0..).collect();
        columns.sort_by_key(|(name, _)| places.get(name.as_str()).copied().unwrap_or(usize::MAX));
        let column = |(name, kind): (String, Kind)| Column {
            why_text: self.turned.get(&name).cloned(),
            is_padded: self.padded.contains(&name),
            is_blank: self.blank.contains(&name),
            name,
            kind,
        };
        columns.into_iter().map(column).collect()
    }

    pub fn info(&self) -> &TableInfo {
        &self.info
    }

    /// Spellings of missing values in files of CSV; none in others.
    ///
    /// # Errors
    /// As [`csv::inspect`].
    pub fn null_spellings(&self) -> Result<csv::Spellings, Problem> {
        if self.files.format != Format::Csv {
            return Ok(csv::Spellings::default());
        }
        let file = |(at, path): (usize, &Path)| Ok((path.to_owned(), self.files.open(at)?));
        csv::spellings(self.files.paths().enumerate().map(file), &self.csv)
    }

    /// The path as the user wrote it.
    pub fn shown(&self) -> &str {
        &self.files.shown
    }

    /// The answer that needs no scan, if there is one.
    pub fn known(&self, statistic: &Statistic) -> Option<Result<Value, Problem>> {
        let asked = accumulate::columns(statistic);
        let mut unread = self.info.columns.iter().filter(|column| matches!(column.kind, Kind::Unreadable(_)));
        if let Some(problem) = unread.find(|column| asked.contains(&column.name)).and_then(Column::unreadable) {
            return Some(Err(problem));
        }
        match statistic {
            Statistic::FileDigest => Some(super::file_digest::of(&self.files).map(Value::FileDigest)),
            Statistic::Modified => Some(self.modified().map(|at| Value::Instant(Some(at)))),
            _ if self.is_decoded() => None,
            Statistic::RowCount => Some(Ok(Value::Count(self.info.rows))),
            _ if self.footers.is_empty() => None,
            // A column of the folders' names may stand in the files too, with other values.
            _ if asked.iter().any(|column| self.is_in_folders(column)) => None,
            _ => footer::answer(&self.footers, &self.schema, statistic).map(Ok),
        }
    }

    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Bytes that what is collected of the column takes: for certain, and at most.
    pub fn bytes_of_distribution(&self, column: &str) -> (usize, usize) {
        let rows = usize::try_from(self.info.rows).unwrap_or(usize::MAX);
        let threads = super::threads();
        let each = rows.saturating_mul(8);
        // What is counted in a window takes at most as much as the rows, on each thread.
        let counted = |spread: usize| 8 * spread.min(rows).min(WIDEST) * threads;
        match self.schema.get(column) {
            Some(DataType::Boolean) => (0, 0),
            Some(DataType::String | DataType::Categorical(..) | DataType::Enum(..)) => {
                (0, MOST_CATEGORIES.min(rows) * CATEGORY * threads)
            }
            Some(dtype) if dtype.is_integer() => {
                // Footers may lie: at most it is what is kept of integers that no float is equal to.
                let most = each.saturating_mul(2) + counted(WIDEST);
                if self.is_in_folders(column) || self.footers.is_empty() {
                    return (0, most);
                }
                match footer::spread(&self.footers, &self.schema, column)
                    .and_then(|spread| usize::try_from(spread).ok())
                {
                    Some(spread) if spread < WIDEST / 2 => (counted(spread + 1).min(each), most),
                    _ => (each, most),
                }
            }
            _ => (each, each.saturating_mul(2)),
        }
    }

    /// Whether a scan of some rows costs less than one of all.
    pub fn skips_rows(&self) -> bool {
        self.files.format == Format::Parquet
    }

    fn is_in_folders(&self, column: &str) -> bool {
        self.in_folders.iter().any(|field| field.name() == column)
    }

    /// What is scanned one after the other; together the whole table.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// Opens the files of a part.
    ///
    /// # Errors
    /// One of them is gone, or is not as it was when the table was opened.
    pub fn open_part(&self, part: &Part) -> Result<OpenPart<'_>, Problem> {
        OpenPart::new(self, part)
    }

    /// What Polars said, as a person would be told; of a file that changed meanwhile, only that.
    pub fn problem(&self, error: &PolarsError) -> Problem {
        if let Err(problem) = self.files.check_all_unchanged() {
            return problem;
        }
        Problem::new(format!("{} could not be read: {}", code(&self.files.shown), first_line(error)))
    }

    /// Whether a scan gave the rows that the first look at the table found.
    ///
    /// # Errors
    /// It did not: no number of this scan can be believed.
    pub fn check_rows(&self, expected: u64, scanned: u64) -> Result<(), Problem> {
        if expected == scanned {
            return Ok(());
        }
        self.files.check_all_unchanged()?;
        let path = code(&self.files.shown);
        if self.has_footer() {
            let problem = proof::differs(&path, &words::rows(expected), &words::count(scanned));
            self.proven(Vec::new(), Err(problem.clone()));
            return Err(problem);
        }
        let said = format!("{path} has {expected} rows by its first reading and {scanned} by its second");
        Err(Problem::new(said).hint("is the file whole? If it is, please report this as a bug of mlgate"))
    }

    /// Counts the rows of each part, where neither footers nor a look at the text has.
    fn count(&mut self) -> Result<(), Problem> {
        let mut first = 0;
        for at in 0..self.parts.len() {
            let part = self.open_part(&self.parts[at])?;
            let counted = part.count().map_err(|error| self.problem(&error))?;
            part.check_unchanged()?;
            let rows: u64 = counted.iter().sum();
            self.file_rows.extend(counted);
            self.parts[at].rows = first..first + rows;
            first += rows;
        }
        Ok(())
    }

    /// When the newest file was last changed, in microseconds since 1970.
    fn modified(&self) -> Result<i64, Problem> {
        let is_checked_out = |real: &Path| real.ancestors().skip(1).any(|folder| folder.join(".git").exists());
        if self.files.real_paths().any(is_checked_out) {
            return Err(Problem::new(format!(
                "{} lies in a git work tree, where its time is that of the checkout",
                code(&self.files.shown)
            ))
            .hint("name a time column: `freshness: { column: … }`, or `data.timestamp`"));
        }
        let lost = || Problem::new(format!("{} does not say when it was changed", code(&self.files.shown)));
        self.files.modified().ok_or_else(lost)
    }
}

/// What Polars says first; the rest is about its plans.
fn first_line(error: &PolarsError) -> String {
    let said = error.to_string();
    words::one_line(said.lines().next().unwrap_or_default())
}

fn shown(path: &Path) -> String {
    code(&path.to_string_lossy())
}
