"""The gate in pandas, by hand."""

import sys

import pandas as pd

from gate import *

table = pd.read_parquet(sys.argv[1])
failures = [f"missing column {name}" for name in REQUIRED if name not in table]
if len(table) < MIN_ROWS:
    failures.append("rows")

missing = table.isnull().mean()
failures += [f"missing values {name}" for name in missing.index[missing > MAX_MISSING]]
if (table[TARGET].value_counts(normalize=True) < MIN_CLASS).any():
    failures.append("class share")
for name, (low, high) in RANGES.items():
    if ((table[name] < low) | (table[name] > high)).any():
        failures.append(f"range {name}")
if table.duplicated().mean() > MAX_DUPLICATES:
    failures.append("duplicates")
finish(failures)
