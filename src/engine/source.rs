//! A table that has been opened: its files, its schema, and how Polars scans it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use polars::io::HiveOptions;
use polars::prelude::*;
use polars_parquet::parquet::metadata::FileMetadata;

use super::types::{json_dtype, kind, text_dtype, wider};
use super::{accumulate, footer, partitions};
use crate::problem::Problem;
use crate::statistic::{Statistic, Value};
use crate::table::csv::{self, Csv};
use crate::table::files::{Files, Format};
use crate::table::ndjson;
use crate::table::{Column, TableInfo};
use crate::words::{self, code};

/// An opened table.
pub struct Source {
    files: Files,
    csv: Csv,
    schema: SchemaRef,
    /// Of text files: what stands in them, without the columns of folder names.
    text_schema: SchemaRef,
    /// Of CSV: columns that became text on the way, and how.
    turned: BTreeMap<String, String>,
    padded: Vec<String>,
    /// Columns that stand in the folders' names.
    in_folders: BTreeSet<String>,
    /// Of Parquet, one a file.
    footers: Vec<Arc<FileMetadata>>,
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
            in_folders: BTreeSet::new(),
            footers: Vec::new(),
            info: TableInfo { columns: Vec::new(), rows: 0, files: Vec::new() },
        };
        match source.files.format {
            Format::Parquet => source.open_parquet()?,
            Format::Ipc => source.open_ipc()?,
            Format::Csv => {
                let (mut turned, mut padded) = (BTreeMap::new(), Vec::new());
                let inspected = |path: &Path| {
                    let found = csv::inspect(path, &source.csv)?;
                    turned.extend(found.turned);
                    padded.extend(found.padded);
                    Ok((found.columns.into_iter().map(|(name, kind)| (name, text_dtype(kind))).collect(), found.rows))
                };
                (source.text_schema, source.info.rows) = source.open_text(inspected)?;
                (source.turned, source.padded) = (turned, padded);
            }
            Format::Ndjson => {
                let inspected = |path: &Path| {
                    let found = ndjson::inspect(path)?;
                    Ok((
                        found.columns.iter().map(|(name, kind)| (name.clone(), json_dtype(kind))).collect(),
                        found.rows,
                    ))
                };
                (source.text_schema, source.info.rows) = source.open_text(inspected)?;
            }
        }
        if let Some(base) = &source.files.hive {
            let fields = partitions::schema(base, source.files.paths.iter().map(PathBuf::as_path));
            source.in_folders = fields.iter().map(|field| field.name().to_string()).collect();
        }
        let mut frame = source.scan().map_err(|error| source.problem(&error))?;
        source.schema = frame.collect_schema().map_err(|error| source.problem(&error))?;
        if source.files.format == Format::Ipc {
            source.info.rows = source.count().map_err(|error| source.problem(&error))?;
        }
        let real = |path: &PathBuf| path.canonicalize().unwrap_or_else(|_| path.clone());
        source.info.files = source.files.paths.iter().map(real).collect();
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
            _ if accumulate::columns(statistic).iter().any(|column| self.in_folders.contains(column)) => None,
            _ => footer::answer(&self.footers, &self.schema, statistic).map(Ok),
        }
    }

    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Bytes that every number of the column takes together while they are collected.
    pub fn bytes_of_numbers(&self, column: &str) -> usize {
        let counted = match self.schema.get(column) {
            Some(DataType::Int8 | DataType::UInt8 | DataType::Int16 | DataType::UInt16) => true,
            Some(dtype) if dtype.is_integer() && !self.in_folders.contains(column) && !self.footers.is_empty() => {
                footer::spread(&self.footers, column).is_some_and(|spread| spread < super::distribution::WINDOW as u64)
            }
            Some(DataType::Boolean | DataType::String | DataType::Categorical(..) | DataType::Enum(..)) => true,
            _ => false,
        };
        if counted { 0 } else { 8 * self.info.rows as usize }
    }

    /// Whether a scan of some rows costs less than one of all.
    pub fn skips_rows(&self) -> bool {
        self.files.format == Format::Parquet
    }

    /// The plan that reads the whole table.
    ///
    /// # Errors
    /// What Polars says of the files.
    pub fn scan(&self) -> PolarsResult<LazyFrame> {
        let paths = self.files.paths.iter().map(|path| PlRefPath::new(path.to_string_lossy().as_ref()));
        let hive = match &self.files.hive {
            Some(folder) => HiveOptions {
                enabled: Some(true),
                hive_start_idx: folder.to_string_lossy().len(),
                schema: None,
                try_parse_dates: true,
            },
            None => HiveOptions::new_disabled(),
        };
        match self.files.format {
            Format::Parquet => {
                let args = ScanArgsParquet { glob: false, hive_options: hive, cache: false, ..Default::default() };
                LazyFrame::scan_parquet_files(paths.collect(), args)
            }
            Format::Ipc => {
                let args = UnifiedScanArgs { glob: false, hive_options: hive, cache: false, ..Default::default() };
                LazyFrame::scan_ipc_sources(ScanSources::Paths(paths.collect()), IpcScanOptions::default(), args)
            }
            Format::Csv | Format::Ndjson => match &self.files.hive {
                None => self.scan_text(&self.files.paths),
                Some(base) => {
                    let fields = partitions::schema(base, self.files.paths.iter().map(PathBuf::as_path));
                    let part = |path: &PathBuf| {
                        let literals = partitions::literals(base, path, &fields);
                        Ok(self.scan_text(std::slice::from_ref(path))?.with_columns(literals))
                    };
                    let parts: Vec<LazyFrame> = self.files.paths.iter().map(part).collect::<PolarsResult<_>>()?;
                    concat(parts, UnionArgs::default())
                }
            },
        }
    }

    /// The plan of some text files, with the types that were found in all of them.
    fn scan_text(&self, files: &[PathBuf]) -> PolarsResult<LazyFrame> {
        if self.files.format == Format::Ndjson {
            // Polars' reader of lines takes every path for a glob, and has no setting against it.
            let paths = files.iter().map(|path| PlRefPath::new(glob::Pattern::escape(&path.to_string_lossy())));
            let paths = paths.collect();
            return LazyJsonLineReader::new_paths(paths).with_schema(Some(Arc::clone(&self.text_schema))).finish();
        }
        let paths = files.iter().map(|path| PlRefPath::new(path.to_string_lossy().as_ref())).collect();
        let nulls: Vec<PlSmallStr> = self.csv.null_values.iter().map(Into::into).collect();
        LazyCsvReader::new_paths(paths)
            .with_glob(false)
            .with_cache(false)
            .with_separator(self.csv.delimiter)
            .with_schema(Some(Arc::clone(&self.text_schema)))
            .with_null_values((!nulls.is_empty()).then_some(NullValues::AllColumns(nulls)))
            .with_missing_is_null(true)
            .finish()
    }

    /// What Polars said, as a person would be told.
    pub fn problem(&self, error: &PolarsError) -> Problem {
        Problem::new(format!("{} could not be read: {}", code(&self.files.shown), first_line(error)))
    }

    /// Whether Polars can compute the condition, and gets true or false from it.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check_condition(&self, sql: &str) -> Result<(), Problem> {
        let schema = polars::sql::sql_expr(sql)
            .and_then(|condition| self.scan()?.select([condition]).collect_schema())
            .map_err(|error| cannot_compute(sql, &error))?;
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

    fn count(&self) -> PolarsResult<u64> {
        let counted = self.scan()?.select([len()]).collect_with_engine(Engine::Streaming)?.unwrap_single();
        Ok(counted.columns()[0].as_materialized_series().idx()?.first().map_or(0, u64::from))
    }

    fn open_parquet(&mut self) -> Result<(), Problem> {
        let mut first: Option<(PathBuf, Schema)> = None;
        for path in &self.files.paths {
            let wrong = |error: PolarsError| {
                Problem::new(format!("{} could not be read as Parquet: {}", shown(path), first_line(&error)))
                    .hint("is the file whole? write or download it again")
            };
            let file = File::open(path)
                .map_err(|error| Problem::new(format!("{} could not be opened: {error}", shown(path))))?;
            let mut reader = ParquetReader::new(file);
            let schema = Schema::from_arrow_schema(reader.schema().map_err(wrong)?.as_ref());
            match &first {
                None => first = Some((path.clone(), schema)),
                Some((other, wanted)) => same_schema(other, wanted, path, &schema)?,
            }
            let footer = Arc::clone(reader.get_metadata().map_err(wrong)?);
            self.info.rows += footer.num_rows as u64;
            self.footers.push(footer);
        }
        Ok(())
    }

    fn open_ipc(&mut self) -> Result<(), Problem> {
        let mut first: Option<(PathBuf, Schema)> = None;
        for path in &self.files.paths {
            let file = File::open(path)
                .map_err(|error| Problem::new(format!("{} could not be opened: {error}", shown(path))))?;
            let schema = IpcReader::new(file)
                .schema()
                .map_err(|error| Problem::new(format!("{} could not be read as Arrow IPC: {error}", shown(path))))?;
            let schema = Schema::from_arrow_schema(schema.as_ref());
            match &first {
                None => first = Some((path.clone(), schema)),
                Some((other, wanted)) => same_schema(other, wanted, path, &schema)?,
            }
        }
        Ok(())
    }

    /// The types of text files, joined over all of them.
    fn open_text(
        &self,
        mut inspect: impl FnMut(&Path) -> Result<(Vec<(String, DataType)>, u64), Problem>,
    ) -> Result<(SchemaRef, u64), Problem> {
        let mut all: Option<(PathBuf, Schema)> = None;
        let mut rows = 0;
        for path in &self.files.paths {
            let (columns, found) = inspect(path)?;
            rows += found;
            let schema: Schema = columns.into_iter().map(|(name, dtype)| Field::new(name.into(), dtype)).collect();
            match &mut all {
                None => all = Some((path.clone(), schema)),
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
        Ok((Arc::new(schema), rows))
    }

    /// When the newest file was last changed, in microseconds since 1970.
    fn modified(&self) -> Result<i64, Problem> {
        let mut newest = i64::MIN;
        for path in &self.files.paths {
            let real = path.canonicalize().unwrap_or_else(|_| path.clone());
            if real.ancestors().skip(1).any(|folder| folder.join(".git").exists()) {
                return Err(Problem::new(format!(
                    "{} lies in a git work tree, where its time is that of the checkout",
                    code(&self.files.shown)
                ))
                .hint("name a time column: `freshness: { column: … }`, or `data.timestamp`"));
            }
            let time = real
                .metadata()
                .and_then(|metadata| metadata.modified())
                .map_err(|error| Problem::new(format!("{} does not say when it was changed: {error}", shown(path))))?;
            let micros = match time.duration_since(UNIX_EPOCH) {
                Ok(after) => i64::try_from(after.as_micros()).unwrap_or(i64::MAX),
                Err(before) => -i64::try_from(before.duration().as_micros()).unwrap_or(i64::MAX),
            };
            newest = newest.max(micros);
        }
        Ok(newest)
    }
}

/// The problem of a condition that the columns' values do not allow.
pub fn cannot_compute(sql: &str, error: &PolarsError) -> Problem {
    Problem::new(format!("{} cannot be computed: {}", code(sql), first_line(error)))
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
