"""The gate in deepchecks. It has no check of rows, required columns or ranges; those are by hand.

Its class check compares classes with the largest one, so shares are judged by hand from its value.
"""

import sys

import pandas as pd
from deepchecks.tabular import Dataset, Suite
from deepchecks.tabular.checks import ClassImbalance, DataDuplicates, PercentOfNulls

from gate import *

EVERY_ROW = 10**9

table = pd.read_parquet(sys.argv[1])
failures = [f"missing column {name}" for name in REQUIRED if name not in table]
if len(table) < MIN_ROWS:
    failures.append("rows")
for name, (low, high) in RANGES.items():
    if ((table[name] < low) | (table[name] > high)).any():
        failures.append(f"range {name}")

features = [name for name in CATEGORIES if name != TARGET]
dataset = Dataset(table, label=TARGET, cat_features=features, datetime_name=TIMES[0], index_name=None)
suite = Suite(
    "gate",
    PercentOfNulls().add_condition_percent_of_nulls_not_greater_than(MAX_MISSING),
    DataDuplicates(n_samples=EVERY_ROW).add_condition_ratio_less_or_equal(MAX_DUPLICATES),
    ClassImbalance(n_samples=EVERY_ROW),
)
for result in suite.run(dataset, with_display=False).results:
    if type(result).__name__ == "CheckFailure":
        failures.append(f"{result.header}: {result.exception}")
    elif isinstance(result.check, ClassImbalance):
        if min(result.value.values()) < MIN_CLASS:
            failures.append("class share")
    elif not result.passed_conditions():
        failures.append(result.get_header())
finish(failures)
