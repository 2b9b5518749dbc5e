//! The plan of one file without the columns that cannot be read.
//!
//! Polars converts every column of a file to its own types before any is chosen, and panics at one that it does not
//! have. Here the plan is given with the schema of the other columns already resolved, and names no others.

use std::sync::{Arc, Mutex};

use either::Either;
use polars::io::HiveOptions;
use polars::prelude::*;
use polars_parquet::parquet::metadata::FileMetadata;
use polars_plan::dsl::{ExtraColumnsPolicy, FileScanDsl, FileScanIR, UnifiedScanArgs};
use polars_plan::plans::{FileInfo, IR};

/// Reads the columns of `schema` from one Parquet file with this footer.
pub fn parquet(source: ScanSources, schema: &SchemaRef, footer: &Arc<FileMetadata>) -> LazyFrame {
    let options = ParquetOptions { schema: Some(Arc::clone(schema)), ..ParquetOptions::default() };
    let scan = FileScanIR::Parquet {
        options: options.clone(),
        first_metadata: Some(Arc::clone(footer)),
        metadata_per_source: None,
    };
    plan(source, schema, FileScanDsl::Parquet { options }, scan, Some(footer.num_rows))
}

/// Reads the columns of `schema` from one file of Arrow IPC that holds `others` too.
pub fn ipc<'a>(source: ScanSources, schema: &SchemaRef, others: impl Iterator<Item = &'a String>) -> LazyFrame {
    let options = IpcScanOptions::default();
    let scan = FileScanIR::Ipc { options: options.clone(), metadata: None };
    // Polars looks at further columns of the file unless some of those that it knows of are left out.
    let mut all = (**schema).clone();
    for name in others {
        all.with_column(name.as_str().into(), DataType::Null);
    }
    let chosen: Vec<Expr> = schema.iter_names().map(|name| Expr::Column(name.clone())).collect();
    plan(source, &Arc::new(all), FileScanDsl::Ipc { options }, scan, None).select(chosen)
}

fn plan(
    sources: ScanSources,
    schema: &SchemaRef,
    written: FileScanDsl,
    resolved: FileScanIR,
    rows: Option<usize>,
) -> LazyFrame {
    let unified_scan_args = Box::new(UnifiedScanArgs {
        glob: false,
        hive_options: HiveOptions::new_disabled(),
        cache: false,
        extra_columns_policy: ExtraColumnsPolicy::Ignore,
        ..UnifiedScanArgs::default()
    });
    let scan = IR::Scan {
        sources: sources.clone(),
        file_info: FileInfo::new(
            Arc::clone(schema),
            Some(Either::Right(Arc::clone(schema))),
            (rows, rows.unwrap_or(usize::MAX)),
        ),
        hive_parts: None,
        predicate: None,
        predicate_file_skip_applied: None,
        output_schema: None,
        scan_type: Box::new(resolved),
        unified_scan_args: unified_scan_args.clone(),
    };
    LazyFrame::from(DslPlan::Scan {
        sources,
        unified_scan_args,
        scan_type: Box::new(written),
        cached_ir: Arc::new(Mutex::new(Some(scan))),
    })
}
