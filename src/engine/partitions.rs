//! Columns that stand in folder names (`year=2026/month=1/…`): in those by which the files were found, wherever links lead.

use std::path::Path;
use std::sync::Arc;

use polars::prelude::*;

use crate::data::table::csv::{date_days, datetime_micros};

/// What writers put where the value is null.
const NULL_PARTITION: &str = "__HIVE_DEFAULT_PARTITION__";

/// A column's name, and the value of one file; none where it is null.
pub type Value = (String, Option<String>);

/// The columns of all files with the type that holds all their values; of a column that stands in the files too, as `own` has
/// it, the type that it has there.
pub fn schema<'a>(base: &Path, paths: impl Iterator<Item = &'a Path>, own: &Schema) -> Vec<Field> {
    let mut fields: Vec<(String, Vec<String>)> = Vec::new();
    for path in paths {
        for (at, (name, value)) in values(base, path).into_iter().enumerate() {
            if fields.len() == at {
                fields.push((name, Vec::new()));
            }
            fields[at].1.extend(value);
        }
    }
    let field = |(name, values): (String, Vec<String>)| {
        let dtype = own.get(&name).cloned().unwrap_or_else(|| dtype(&values));
        Field::new(name.into(), dtype)
    };
    fields.into_iter().map(field).collect()
}

/// These columns, made of the column `row`, which counts the rows of files that follow one another: `rows` are how many each
/// of them has, `values` what its folders say.
///
/// # Errors
/// A value that the type of the column in the files does not hold.
pub fn by_row(row: &str, rows: &[u64], values: &[Vec<Value>], fields: &[Field]) -> PolarsResult<Vec<Expr>> {
    let ends: Arc<[u64]> = rows.iter().scan(0, |end, rows| Some(std::mem::replace(end, *end + rows) + rows)).collect();
    let expr = |(at, field): (usize, &Field)| {
        let own = values.iter().map(|values| values.get(at).and_then(|(_, value)| value.as_deref())).collect();
        let (values, ends, made) = (series(field, own)?, Arc::clone(&ends), field.clone());
        let pick = move |rows: Column| {
            let rows = rows.as_materialized_series().idx()?.clone();
            let file = |row: IdxSize| ends.partition_point(|end| *end <= u64::from(row)) as IdxSize;
            let files: IdxCa = rows.iter().map(|row| row.map(file)).collect();
            values.take(&files).map(Series::into_column)
        };
        let name = made.name().clone();
        let field = move |_: &Schema, _: &Field| Ok(made.clone());
        // What a function calls its column does not count: it is called as what it was made of.
        Ok(Expr::Column(row.into()).map(pick, field).alias(name))
    };
    fields.iter().enumerate().map(expr).collect()
}

/// One value a file, of the type of the column.
fn series(field: &Field, values: Vec<Option<&str>>) -> PolarsResult<Series> {
    let name = field.name().clone();
    let parsed = values.into_iter();
    let series = match field.dtype() {
        DataType::Int64 => Series::new(name, parsed.map(|text| text?.parse::<i64>().ok()).collect::<Vec<_>>()),
        DataType::Float64 => Series::new(name, parsed.map(|text| text?.parse::<f64>().ok()).collect::<Vec<_>>()),
        DataType::Boolean => Series::new(name, parsed.map(|text| Some(text? == "true")).collect::<Vec<_>>()),
        DataType::Date => Series::new(name, parsed.map(|text| date_days(text?.as_bytes())).collect::<Vec<_>>()),
        DataType::Datetime(TimeUnit::Microseconds, None) => {
            Series::new(name, parsed.map(|text| datetime_micros(text?.as_bytes())).collect::<Vec<_>>())
        }
        _ => Series::new(name, parsed.collect::<Vec<_>>()),
    };
    series.strict_cast(field.dtype())
}

/// `%20` is a space, as Polars and the writers have it.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let hex = after.get(..2).and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        match hex.filter(|_| byte == b'%') {
            Some(escaped) => {
                bytes.push(escaped);
                rest = &after[2..];
            }
            None => {
                bytes.push(byte);
                rest = after;
            }
        }
    }
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())
}

/// The file's own names and values, in the order of its folders; [`crate::data::table::files`] has seen to it
/// that all files of a table have the same names in the same order.
pub fn values(base: &Path, path: &Path) -> Vec<Value> {
    let below = path.strip_prefix(base).unwrap_or(path);
    let folders = below.parent().into_iter().flat_map(Path::components);
    folders
        .filter_map(|folder| {
            let folder = folder.as_os_str().to_string_lossy().into_owned();
            let (name, value) = folder.split_once('=')?;
            Some((decoded(name), (value != NULL_PARTITION).then(|| decoded(value))))
        })
        .collect()
}

fn dtype(values: &[String]) -> DataType {
    if values.iter().all(|value| value.parse::<i64>().is_ok()) {
        DataType::Int64
    } else if values.iter().all(|value| value.parse::<f64>().is_ok()) {
        DataType::Float64
    } else if values.iter().all(|value| date_days(value.as_bytes()).is_some()) {
        DataType::Date
    } else if values.iter().all(|value| ["true", "false"].contains(&value.as_str())) {
        DataType::Boolean
    } else if values.iter().all(|value| is_local_time(value)) {
        DataType::Datetime(TimeUnit::Microseconds, None)
    } else {
        DataType::String
    }
}

/// A date and a time without a zone.
fn is_local_time(value: &str) -> bool {
    datetime_micros(value.as_bytes()).is_some()
        && value.get(10..).is_some_and(|time| !time.contains(['Z', 'z', '+', '-']))
}
