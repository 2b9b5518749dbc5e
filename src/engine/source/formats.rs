//! What files of each format say of their columns and rows.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use polars::prelude::*;

use super::{Source, first_line, shown};
use crate::data::table::files::Format;
use crate::engine::file_columns::{FileColumns, same_columns, same_schema};
use crate::engine::types::wider;
use crate::support::problem::Problem;

impl Source {
    /// Rows of each file.
    pub(super) fn open_parquet(&mut self) -> Result<Option<Vec<u64>>, Problem> {
        let mut rows = Vec::with_capacity(self.files.count());
        let mut first: Option<(PathBuf, FileColumns)> = None;
        for (at, path) in self.files.paths().enumerate() {
            let wrong = |error: PolarsError| {
                Problem::new(format!("{} could not be read as Parquet: {}", shown(path), first_line(&error)))
                    .hint("is the file whole? write or download it again")
            };
            let mut reader = ParquetReader::new(self.files.open(at)?);
            let own = Arc::clone(reader.get_metadata().map_err(wrong)?);
            let (columns, footer) = FileColumns::of_parquet(&own).map_err(wrong)?;
            self.is_partial |= !Arc::ptr_eq(&own, &footer);
            match &first {
                None => first = Some((path.to_owned(), columns)),
                Some((other, wanted)) => same_columns(other, wanted, path, &columns)?,
            }
            rows.push(footer.num_rows as u64);
            self.footers.push(footer);
        }
        self.columns = first.map(|(_, columns)| columns).unwrap_or_default();
        self.schema = Arc::new(self.columns.readable.clone());
        Ok(Some(rows))
    }

    pub(super) fn open_ipc(&mut self) -> Result<Option<Vec<u64>>, Problem> {
        let mut first: Option<(PathBuf, FileColumns)> = None;
        for (at, path) in self.files.paths().enumerate() {
            let file = self.files.open(at)?;
            let schema = catch_unwind(AssertUnwindSafe(|| IpcReader::new(file).schema())).map_err(|_| {
                let said =
                    format!("{} could not be read: a column has a type that the reader does not know", shown(path));
                Problem::new(said)
                    .hint("`list_view` and `run_end_encoded` are not supported: write the column as another type")
            })?;
            let schema = schema
                .map_err(|error| Problem::new(format!("{} could not be read as Arrow IPC: {error}", shown(path))))?;
            let columns = FileColumns::of_arrow(&schema);
            self.is_partial |= !columns.unreadable.is_empty();
            match &first {
                None => first = Some((path.to_owned(), columns)),
                Some((other, wanted)) => same_columns(other, wanted, path, &columns)?,
            }
        }
        self.columns = first.map(|(_, columns)| columns).unwrap_or_default();
        self.schema = Arc::new(self.columns.readable.clone());
        Ok(None)
    }

    /// The types of text files, joined over all of them.
    pub(super) fn open_text(
        &mut self,
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
        for (name, dtype) in schema.iter_mut() {
            if *dtype == DataType::Null {
                *dtype = DataType::String;
                self.blank.push(name.to_string());
            }
        }
        Ok((Arc::new(schema), Some(rows)))
    }
}
