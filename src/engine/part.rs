//! Files of a table that are scanned together, by their handles.

use std::fs::File;
use std::ops::Range;
use std::sync::Arc;

use polars::io::HiveOptions;
use polars::prelude::*;

use super::source::Source;
use super::{partial_scan, partitions};
use crate::data::table::files::Format;
use crate::support::problem::Problem;

/// The rows of a part while folder names become columns; no file has a column of that name.
const ROW: &str = "\u{0}row of part";

/// Files of a table that are opened and scanned together: as many as a process may have open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    pub files: Range<usize>,
    /// Of the table, counted from 0.
    pub rows: Range<u64>,
}

/// A part that is open. Its files are read by these handles, and never by their names: a name can lead elsewhere by now, and
/// to an engine `file:`, `s3:` and `\\?\` are no names at all.
pub struct OpenPart<'a> {
    source: &'a Source,
    first: usize,
    files: Vec<File>,
}

impl<'a> OpenPart<'a> {
    /// Opens the files of a part.
    ///
    /// # Errors
    /// One of them is gone, or is not as it was when the table was opened.
    pub fn new(source: &'a Source, part: &Part) -> Result<Self, Problem> {
        let files = part.files.clone().map(|at| source.files.open(at)).collect::<Result<_, _>>()?;
        Ok(Self { source, first: part.files.start, files })
    }

    /// The plan that reads the part.
    ///
    /// # Errors
    /// What Polars says of the files.
    pub fn scan(&self) -> PolarsResult<LazyFrame> {
        let frame = self.scan_files(0..self.files.len())?;
        let Some(base) = &self.source.files.hive else { return Ok(frame) };
        let at = self.first..self.first + self.files.len();
        let values: Vec<_> = at.clone().map(|at| partitions::values(base, self.source.files.path(at))).collect();
        let rows = self.source.file_rows.get(at).unwrap_or_default();
        // One scan of all files, whose rows say which file they are of: a scan for each folder would cost as much as a file.
        let columns = partitions::by_row(ROW, rows, &values, &self.source.in_folders)?;
        Ok(frame.with_row_index(ROW, None).with_columns(columns).drop(by_name([ROW], true, false)))
    }

    /// Counts the rows, in all or, where folder names are columns, of each file.
    ///
    /// # Errors
    /// What Polars says of the files.
    pub fn count(&self) -> PolarsResult<Vec<u64>> {
        let count = |files: Range<usize>| {
            let counted =
                self.scan_files(files)?.select([len()]).collect_with_engine(Engine::Streaming)?.unwrap_single();
            Ok(counted.columns()[0].as_materialized_series().idx()?.first().map_or(0, u64::from))
        };
        match &self.source.files.hive {
            Some(_) => (0..self.files.len()).map(|at| count(at..at + 1)).collect(),
            None => Ok(vec![count(0..self.files.len())?]),
        }
    }

    /// The plan of one file without the columns that cannot be read.
    fn scan_partially(&self, at: usize) -> PolarsResult<LazyFrame> {
        let Source { columns, footers, .. } = self.source;
        let source = ScanSources::Files(std::iter::once(self.files[at].try_clone()?).collect());
        let schema = Arc::new(columns.readable.clone());
        Ok(match footers.get(self.first + at) {
            Some(footer) => partial_scan::parquet(source, &schema, footer),
            None => partial_scan::ipc(source, &schema, columns.unreadable.keys()),
        })
    }

    fn scan_files(&self, files: Range<usize>) -> PolarsResult<LazyFrame> {
        if self.source.is_partial {
            let frames = files.map(|at| self.scan_partially(at)).collect::<PolarsResult<Vec<_>>>()?;
            return concat(frames, UnionArgs::default());
        }
        let files: Vec<File> = self.files[files].iter().map(File::try_clone).collect::<std::io::Result<_>>()?;
        let sources = ScanSources::Files(files.into());
        let hive_options = HiveOptions::new_disabled();
        let Source { files, text_schema, csv, .. } = self.source;
        match files.format {
            Format::Parquet => {
                let args = ScanArgsParquet { glob: false, hive_options, cache: false, ..Default::default() };
                LazyFrame::scan_parquet_sources(sources, args)
            }
            Format::Ipc => {
                let args = UnifiedScanArgs { glob: false, hive_options, cache: false, ..Default::default() };
                LazyFrame::scan_ipc_sources(sources, IpcScanOptions::default(), args)
            }
            // With the types that were found in all files.
            Format::Ndjson => {
                LazyJsonLineReader::new_with_sources(sources).with_schema(Some(Arc::clone(text_schema))).finish()
            }
            Format::Csv => {
                let nulls: Vec<PlSmallStr> = csv.null_values.iter().map(Into::into).collect();
                LazyCsvReader::new_with_sources(sources)
                    .with_glob(false)
                    .with_cache(false)
                    .with_separator(csv.delimiter)
                    .with_schema(Some(Arc::clone(text_schema)))
                    .with_null_values((!nulls.is_empty()).then_some(NullValues::AllColumns(nulls)))
                    .with_missing_is_null(true)
                    .finish()
            }
        }
    }

    /// Whether the files are still as they were when the table was opened: to be asked after a scan.
    ///
    /// # Errors
    /// One of them is not.
    pub fn check_unchanged(&self) -> Result<(), Problem> {
        let mut files = self.files.iter().enumerate();
        files.try_for_each(|(at, file)| self.source.files.check_unchanged(self.first + at, file))
    }
}

/// Divides a table into parts of so many files; where nobody counted them yet, without their rows.
pub fn parts(rows: Option<&[u64]>, files: usize, at_once: usize) -> Vec<Part> {
    let mut first = 0;
    let starts = (0..files).step_by(at_once.max(1));
    let part = |start: usize| {
        let files = start..(start + at_once).min(files);
        let own: u64 = rows.and_then(|rows| rows.get(files.clone())).map_or(0, |rows| rows.iter().sum());
        let part = Part { files, rows: first..first + own };
        first += own;
        part
    };
    starts.map(part).collect()
}
