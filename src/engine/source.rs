//! A table that has been opened: its files, its schema, and how Polars scans it.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use polars::prelude::*;
use polars_parquet::parquet::metadata::FileMetadata;

use super::distribution::{CATEGORY, WIDEST};
use super::part::{OpenPart, Part, parts};
use super::types::{json_dtype, kind, text_dtype, wider};
use super::{accumulate, footer, partitions};
use crate::distribution::MOST_CATEGORIES;
use crate::problem::Problem;
use crate::statistic::{Statistic, Value};
use crate::table::csv::{self, Csv};
use crate::table::files::{Files, Format};
use crate::table::ndjson;
use crate::table::{Column, TableInfo};
use crate::words::{self, code};
use crate::workspace::descriptors;

/// An opened table.
pub struct Source {
    pub(super) files: Files,
    pub(super) csv: Csv,
    schema: SchemaRef,
    /// Of text files: what stands in them, without the columns of folder names.
    pub(super) text_schema: SchemaRef,
    /// Of CSV: columns that became text on the way, and how.
    turned: BTreeMap<String, String>,
    padded: Vec<String>,
    /// Columns that stand in the folders' names.
    pub(super) in_folders: Vec<Field>,
    /// Of Parquet, one a file.
    footers: Vec<Arc<FileMetadata>>,
    /// The files that are scanned together, in order.
    parts: Vec<Part>,
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
            in_folders: Vec::new(),
            footers: Vec::new(),
            parts: Vec::new(),
            info: TableInfo { columns: Vec::new(), rows: 0, files: Vec::new() },
        };
        let rows = match source.files.format {
            Format::Parquet => source.open_parquet()?,
            Format::Ipc => source.open_ipc()?,
            Format::Csv => {
                let (mut turned, mut padded) = (BTreeMap::new(), Vec::new());
                let inspected = |path: &Path, file: File| {
                    let found = csv::inspect(path, file, &source.csv)?;
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
        source.info.columns = source
            .schema
            .iter()
            .map(|(name, dtype)| Column {
                name: name.to_string(),
                kind: kind(dtype),
                why_text: source.turned.get(name.as_str()).cloned(),
                is_padded: source.padded.iter().any(|padded| padded == name.as_str()),
            })
            .collect();
        Ok(source)
    }

    pub fn info(&self) -> &TableInfo {
        &self.info
    }

    /// The path as the user wrote it.
    pub fn shown(&self) -> &str {
        &self.files.shown
    }

    /// The answer that needs no scan, if there is one.
    pub fn known(&self, statistic: &Statistic) -> Option<Result<Value, Problem>> {
        match statistic {
            Statistic::RowCount => Some(Ok(Value::Count(self.info.rows))),
            Statistic::Modified => Some(self.modified().map(|at| Value::Instant(Some(at)))),
            _ if self.footers.is_empty() => None,
            // A column of the folders' names may stand in the files too, with other values.
            _ if accumulate::columns(statistic).iter().any(|column| self.is_in_folders(column)) => None,
            _ => footer::answer(&self.footers, &self.schema, statistic).map(Ok),
        }
    }

    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Bytes that what is collected of the column takes: for certain, and at most.
    pub fn bytes_of_distribution(&self, column: &str) -> (usize, usize) {
        let rows = usize::try_from(self.info.rows).unwrap_or(usize::MAX);
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
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
                match footer::spread(&self.footers, column).and_then(|spread| usize::try_from(spread).ok()) {
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

    /// The problem of a condition that the columns' values do not allow.
    pub fn cannot_compute(&self, sql: &str, error: &PolarsError) -> Problem {
        if let Err(problem) = self.files.check_all_unchanged() {
            return problem;
        }
        Problem::new(format!("{} cannot be computed: {}", code(sql), first_line(error)))
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
        let said =
            format!("{} has {expected} rows by its first reading and {scanned} by its second", code(&self.files.shown));
        Err(Problem::new(said).hint("is the file whole? If it is, please report this as a bug of mlgate"))
    }

    /// Whether Polars can compute the condition, and gets true or false from it.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check_condition(&self, sql: &str) -> Result<(), Problem> {
        let schema = polars::sql::sql_expr(sql)
            .and_then(|condition| {
                DataFrame::empty_with_schema(&self.schema).lazy().select([condition]).collect_schema()
            })
            .map_err(|error| self.cannot_compute(sql, &error))?;
        match schema.iter_values().next() {
            Some(DataType::Boolean) => Ok(()),
            Some(other) => Err(Problem::new(format!("{} is no condition: it gives {}", code(sql), kind(other)))
                .hint("compare it with something: it must be true or false")),
            None => Err(Problem::new(format!("{} gives nothing", code(sql)))),
        }
    }

    /// Columns of floats, whose NaN is a missing value to people and a number to SQL.
    pub fn float_columns(&self) -> Vec<String> {
        let floats = self.schema.iter().filter(|(_, dtype)| dtype.is_float());
        floats.map(|(name, _)| name.to_string()).collect()
    }

    /// Counts the rows of each part, where neither footers nor a look at the text has.
    fn count(&mut self) -> Result<(), Problem> {
        let mut first = 0;
        for at in 0..self.parts.len() {
            let part = self.open_part(&self.parts[at])?;
            let counted = part.scan().and_then(|frame| frame.select([len()]).collect_with_engine(Engine::Streaming));
            let counted = counted.and_then(|counted| {
                let counted = counted.unwrap_single();
                Ok(counted.columns()[0].as_materialized_series().idx()?.first().map_or(0, u64::from))
            });
            let rows = counted.map_err(|error| self.problem(&error))?;
            part.check_unchanged()?;
            self.parts[at].rows = first..first + rows;
            first += rows;
        }
        Ok(())
    }

    /// Rows of each file.
    fn open_parquet(&mut self) -> Result<Option<Vec<u64>>, Problem> {
        let mut rows = Vec::with_capacity(self.files.count());
        let mut first: Option<(PathBuf, Schema)> = None;
        for (at, path) in self.files.paths().enumerate() {
            let wrong = |error: PolarsError| {
                Problem::new(format!("{} could not be read as Parquet: {}", shown(path), first_line(&error)))
                    .hint("is the file whole? write or download it again")
            };
            let mut reader = ParquetReader::new(self.files.open(at)?);
            let schema = Schema::from_arrow_schema(reader.schema().map_err(wrong)?.as_ref());
            match &first {
                None => first = Some((path.to_owned(), schema)),
                Some((other, wanted)) => same_schema(other, wanted, path, &schema)?,
            }
            let footer = Arc::clone(reader.get_metadata().map_err(wrong)?);
            rows.push(footer.num_rows as u64);
            self.footers.push(footer);
        }
        self.schema = Arc::new(first.map(|(_, schema)| schema).unwrap_or_default());
        Ok(Some(rows))
    }

    fn open_ipc(&mut self) -> Result<Option<Vec<u64>>, Problem> {
        let mut first: Option<(PathBuf, Schema)> = None;
        for (at, path) in self.files.paths().enumerate() {
            let schema = IpcReader::new(self.files.open(at)?)
                .schema()
                .map_err(|error| Problem::new(format!("{} could not be read as Arrow IPC: {error}", shown(path))))?;
            let schema = Schema::from_arrow_schema(schema.as_ref());
            match &first {
                None => first = Some((path.to_owned(), schema)),
                Some((other, wanted)) => same_schema(other, wanted, path, &schema)?,
            }
        }
        self.schema = Arc::new(first.map(|(_, schema)| schema).unwrap_or_default());
        Ok(None)
    }

    /// The types of text files, joined over all of them.
    fn open_text(
        &self,
        mut inspect: impl FnMut(&Path, File) -> Result<(Vec<(String, DataType)>, u64), Problem>,
    ) -> Result<(SchemaRef, Option<Vec<u64>>), Problem> {
        let mut all: Option<(PathBuf, Schema)> = None;
        let mut rows = Vec::with_capacity(self.files.count());
        for (at, path) in self.files.paths().enumerate() {
            let (columns, found) = inspect(path, self.files.open(at)?)?;
            rows.push(found);
            let schema: Schema = columns.into_iter().map(|(name, dtype)| Field::new(name.into(), dtype)).collect();
            match &mut all {
                None => all = Some((path.to_owned(), schema)),
                Some((other, joined)) => {
                    let mut widened = schema.clone();
                    for (name, dtype) in joined.iter_mut() {
                        if let Some(found) = schema.get(name)
                            && let Some(both) = wider(dtype, found)
                        {
                            dtype.clone_from(&both);
                            widened.set_dtype(name, both);
                        }
                    }
                    same_schema(other, joined, path, &widened)?;
                    // Polars reads the columns of text files by their position.
                    if self.files.format == Format::Csv && !joined.iter_names().eq(widened.iter_names()) {
                        return Err(Problem::new(format!(
                            "{} and {} have the same columns in another order",
                            shown(other),
                            shown(path)
                        ))
                        .hint("write the files anew with one order"));
                    }
                }
            }
        }
        let mut schema = all.map(|(_, schema)| schema).unwrap_or_default();
        // A column without any value has no type of its own: text reads it back as null.
        for (_, dtype) in schema.iter_mut() {
            if *dtype == DataType::Null {
                *dtype = DataType::String;
            }
        }
        Ok((Arc::new(schema), Some(rows)))
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

/// Files of one table have the same columns of the same types.
fn same_schema(first: &Path, wanted: &Schema, path: &Path, found: &Schema) -> Result<(), Problem> {
    let differ = |what: String| {
        Problem::new(format!("{} and {} are not one table: {what}", shown(first), shown(path)))
            .hint("name files of one schema, or write them anew with one")
    };
    for (name, dtype) in wanted.iter() {
        match found.get(name) {
            None => return Err(differ(format!("the second has no column {}", code(name)))),
            Some(other) if other != dtype => {
                return Err(differ(format!(
                    "{} is {} in one and {} in the other",
                    code(name),
                    kind(dtype),
                    kind(other)
                )));
            }
            Some(_) => {}
        }
    }
    match found.iter_names().find(|name| !wanted.contains(name)) {
        Some(name) => Err(differ(format!("only the second has a column {}", code(name)))),
        None => Ok(()),
    }
}
