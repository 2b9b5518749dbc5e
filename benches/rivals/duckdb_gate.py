"""The gate in DuckDB's SQL, by hand: three queries on the file."""

import sys

import duckdb

from gate import *

table = f"read_parquet('{sys.argv[1]}')"
query = duckdb.connect().execute
columns = [name for name, *_ in query(f"describe from {table}").fetchall()]
failures = [f"missing column {name}" for name in REQUIRED if name not in columns]

missing = [f'count(*) - count("{name}")' for name in columns]
outside = [f'count(*) filter ("{name}" < {low} or "{name}" > {high})' for name, (low, high) in RANGES.items()]
rows, *counts = query(f"select count(*), {', '.join(missing + outside)} from {table}").fetchone()
if rows < MIN_ROWS:
    failures.append("rows")
failures += [f"missing values {name}" for name, count in zip(columns, counts) if count > MAX_MISSING * rows]
failures += [f"range {name}" for name, count in zip(RANGES, counts[len(columns) :]) if count]

classes = query(f'select count(*) from {table} group by "{TARGET}"').fetchall()
if any(count < MIN_CLASS * rows for (count,) in classes):
    failures.append("class share")

(distinct,) = query(f"select count(*) from (select distinct * from {table})").fetchone()
if rows - distinct > MAX_DUPLICATES * rows:
    failures.append("duplicates")
finish(failures)
