//! The columns of a Parquet or Arrow file: those that can be read, and the types of those that cannot.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use polars::prelude::*;
use polars_parquet::parquet::metadata::FileMetadata;
use polars_parquet::parquet::schema::types::{ParquetType, PrimitiveLogicalType};
use polars_parquet::read::infer_schema;
use polars_parquet::read::schema::parquet_to_arrow_schema;
use polars_parquet::write::schema_to_metadata_key;

use super::types::kind;
use crate::support::problem::Problem;
use crate::support::words::code;

/// Digits that a decimal of 128 bits holds.
const MAX_PRECISION: usize = 38;

/// A file's columns by whether their values can be read.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FileColumns {
    pub readable: Schema,
    /// Column → type, of columns that cannot be read, or not rightly.
    pub unreadable: BTreeMap<String, String>,
    /// All names, as they stand in the file.
    pub order: Vec<String>,
}

impl FileColumns {
    /// The columns of a Parquet file, and the footer to read it by: the file's own, or one with another Arrow schema.
    ///
    /// Polars converts all of an Arrow schema to its own types, and panics at one that it does not have. So columns that
    /// cannot be read are left out of the schema; one with types that Polars cannot even parse, such as `list_view`, is
    /// replaced by Parquet's own types.
    ///
    /// # Errors
    /// What Polars says of the schema.
    pub fn of_parquet(footer: &Arc<FileMetadata>) -> PolarsResult<(Self, Arc<FileMetadata>)> {
        let unknown = || polars_err!(SchemaMismatch: "its schema has types that cannot be read");
        let caught = |footer: &FileMetadata| catch_unwind(AssertUnwindSafe(|| infer_schema(footer)));
        let written = match caught(footer) {
            Ok(schema) => schema?,
            Err(_) => parquet_to_arrow_schema(footer.schema().fields()),
        };
        let schema = corrected(&written, footer.schema().fields());
        let columns = Self::of_arrow(&schema);
        if schema == written && columns.unreadable.is_empty() && caught(footer).is_ok() {
            return Ok((columns, Arc::clone(footer)));
        }
        let readable = |(name, field): (&PlSmallStr, &ArrowField)| {
            columns.readable.contains(name).then(|| (name.clone(), field.clone()))
        };
        let readable: ArrowSchema = schema.iter().filter_map(readable).collect();
        let key_value_metadata = Some(vec![schema_to_metadata_key(&readable)]);
        let footer = Arc::new(FileMetadata { key_value_metadata, ..(**footer).clone() });
        // What is read by it are the columns that were chosen.
        let again = Self::of_arrow(&caught(&footer).map_err(|_| unknown())??);
        if again.readable != columns.readable {
            return Err(unknown());
        }
        Ok((columns, footer))
    }

    pub fn of_arrow(schema: &ArrowSchema) -> Self {
        let mut columns = Self::default();
        for (name, field) in schema.iter() {
            columns.order.push(name.to_string());
            let dtype = match unreadable_type(field.dtype()) {
                Some(found) => Err(found),
                // Metadata of categories is parsed without care for what it may hold.
                None => catch_unwind(AssertUnwindSafe(|| DataType::from_arrow_field(field)))
                    .map_err(|_| "categories with broken metadata".to_owned()),
            };
            match dtype {
                Ok(dtype) => drop(columns.readable.with_column(name.clone(), dtype)),
                Err(found) => drop(columns.unreadable.insert(name.to_string(), found)),
            }
        }
        columns
    }
}

/// As [`same_schema`], also of columns that cannot be read.
///
/// # Errors
/// How they differ.
pub fn same_columns(first: &Path, wanted: &FileColumns, path: &Path, found: &FileColumns) -> Result<(), Problem> {
    let alone = |own: &FileColumns, other: &FileColumns| {
        let mut own = own.unreadable.iter();
        let alone = own.find(|(name, dtype)| other.unreadable.get(*name) != Some(*dtype));
        alone.map(|(name, dtype)| format!("{} is {dtype} in one of them alone", code(name)))
    };
    match alone(wanted, found).or_else(|| alone(found, wanted)) {
        Some(said) => Err(Problem::new(format!("{} and {} are not one table: {said}", shown(first), shown(path)))
            .hint("name files of one schema, or write them anew with one")),
        None => same_schema(first, &wanted.readable, path, &found.readable),
    }
}

/// Files of one table have the same columns of the same types.
///
/// # Errors
/// How they differ.
pub fn same_schema(first: &Path, wanted: &Schema, path: &Path, found: &Schema) -> Result<(), Problem> {
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

fn shown(path: &Path) -> String {
    code(&path.to_string_lossy())
}

/// The name of a type whose values Polars cannot read, or reads wrongly; none of any other.
fn unreadable_type(dtype: &ArrowDataType) -> Option<String> {
    let nested = |outer: &str, inner: &ArrowDataType| Some(format!("{outer} of {}", unreadable_type(inner)?));
    match dtype {
        ArrowDataType::Timestamp(_, Some(zone)) if TimeZone::opt_try_new(Some(zone.clone())).is_err() => {
            Some(plain(zone).map_or_else(
                || "datetime with an unknown time zone".to_owned(),
                |zone| format!("datetime with the time zone {zone}"),
            ))
        }
        ArrowDataType::Decimal(precision, scale) | ArrowDataType::Decimal256(precision, scale)
            if *precision > MAX_PRECISION =>
        {
            Some(format!("decimal({precision}, {scale})"))
        }
        ArrowDataType::Decimal256(precision, scale) => Some(format!("decimal256({precision}, {scale})")),
        ArrowDataType::Interval(_) => Some("interval".to_owned()),
        ArrowDataType::Union(_) => Some("union".to_owned()),
        ArrowDataType::Unknown => Some("unknown".to_owned()),
        ArrowDataType::Extension(extension) => {
            let name = extension.name.strip_prefix("arrow.").unwrap_or(&extension.name);
            Some(plain(name).unwrap_or("extension").to_owned())
        }
        ArrowDataType::List(field) | ArrowDataType::LargeList(field) | ArrowDataType::FixedSizeList(field, _) => {
            nested("list", field.dtype())
        }
        ArrowDataType::Map(field, _) => nested("map", field.dtype()),
        ArrowDataType::Struct(fields) => fields.iter().find_map(|field| nested("struct", field.dtype())),
        ArrowDataType::Dictionary(_, values, _) => nested("categories", values),
        _ => None,
    }
}

/// A name of the file that is fit to be shown as a type; none of any other text.
fn plain(name: &str) -> Option<&str> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "+-_./:".contains(c);
    Some(name).filter(|name| (1..=60).contains(&name.len()) && !name.contains("::") && name.chars().all(is_plain))
}

/// The Arrow schema without what Polars would read wrongly: half floats that stand there as bytes, which hides their
/// NaN, and times in seconds, which Parquet stores as milliseconds.
fn corrected(written: &ArrowSchema, fields: &[ParquetType]) -> ArrowSchema {
    let native = parquet_to_arrow_schema(fields);
    let mut schema = written.clone();
    for field in fields {
        let Some(own) = schema.get_mut(field.name()) else { continue };
        let is_float16 = matches!(
            field,
            ParquetType::PrimitiveType(leaf) if leaf.logical_type == Some(PrimitiveLogicalType::Float16)
        );
        if is_float16 {
            own.dtype = ArrowDataType::Float16;
        } else if native.get(field.name()).is_some_and(|native| holds(native.dtype(), ArrowTimeUnit::Millisecond)) {
            own.dtype = in_milliseconds(own.dtype.clone());
        }
    }
    schema
}

/// Whether it holds times of 32 bits in this unit, be it in a list or a struct.
fn holds(dtype: &ArrowDataType, wanted: ArrowTimeUnit) -> bool {
    match dtype {
        ArrowDataType::Time32(unit) => *unit == wanted,
        ArrowDataType::List(field)
        | ArrowDataType::LargeList(field)
        | ArrowDataType::FixedSizeList(field, _)
        | ArrowDataType::Map(field, _) => holds(field.dtype(), wanted),
        ArrowDataType::Struct(fields) => fields.iter().any(|field| holds(field.dtype(), wanted)),
        _ => false,
    }
}

/// The type with its times of seconds as milliseconds.
fn in_milliseconds(dtype: ArrowDataType) -> ArrowDataType {
    let inner = |mut field: Box<ArrowField>| {
        field.dtype = in_milliseconds(field.dtype.clone());
        field
    };
    match dtype {
        ArrowDataType::Time32(ArrowTimeUnit::Second) => ArrowDataType::Time32(ArrowTimeUnit::Millisecond),
        ArrowDataType::List(field) => ArrowDataType::List(inner(field)),
        ArrowDataType::LargeList(field) => ArrowDataType::LargeList(inner(field)),
        ArrowDataType::FixedSizeList(field, size) => ArrowDataType::FixedSizeList(inner(field), size),
        ArrowDataType::Map(field, is_sorted) => ArrowDataType::Map(inner(field), is_sorted),
        ArrowDataType::Struct(fields) => {
            let fields = fields.into_iter().map(|field| *inner(Box::new(field))).collect();
            ArrowDataType::Struct(fields)
        }
        other => other,
    }
}
