"""The gate in Polars, by hand: three streaming plans over one scan; duplicates by row hash alone."""

import sys

import polars as pl

from gate import *

table = pl.scan_parquet(sys.argv[1])
columns = table.collect_schema().names()
failures = [f"missing column {name}" for name in REQUIRED if name not in columns]

statistics = [pl.len().alias("rows")]
statistics += [pl.col(name).null_count().alias(f"missing {name}") for name in columns]
statistics += [
    ((pl.col(name) < low) | (pl.col(name) > high)).sum().alias(f"outside {name}")
    for name, (low, high) in RANGES.items()
]
counts, distinct, classes = pl.collect_all(
    [
        table.select(statistics),
        table.select(pl.struct(columns).hash().n_unique()),
        table.group_by(TARGET).len(),
    ],
    engine="streaming",
)

counts = counts.row(0, named=True)
rows = counts["rows"]
if rows < MIN_ROWS:
    failures.append("rows")
failures += [f"missing values {name}" for name in columns if counts[f"missing {name}"] > MAX_MISSING * rows]
failures += [f"range {name}" for name in RANGES if counts[f"outside {name}"]]
if (classes["len"] < MIN_CLASS * rows).any():
    failures.append("class share")
if rows - distinct.item() > MAX_DUPLICATES * rows:
    failures.append("duplicates")
finish(failures)
