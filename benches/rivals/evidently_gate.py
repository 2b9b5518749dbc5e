"""The gate in Evidently. Duplicates have a test of the count only, so the limit is computed by hand."""

import sys

import pandas as pd
from evidently import DataDefinition, Dataset, Report
from evidently.metrics import CategoryCount, DuplicatedRowCount, MissingValueCount, OutRangeValueCount, RowCount
from evidently.tests import eq, gte, lte

from gate import *

table = pd.read_parquet(sys.argv[1])
metrics = [
    RowCount(tests=[gte(MIN_ROWS)]),
    *[MissingValueCount(column=name, share_tests=[lte(MAX_MISSING)]) for name in COLUMNS],
    *[CategoryCount(column=TARGET, category=label, share_tests=[gte(MIN_CLASS)]) for label in (0, 1)],
    *[
        OutRangeValueCount(column=name, left=low, right=high, tests=[eq(0)])
        for name, (low, high) in RANGES.items()
    ],
    DuplicatedRowCount(tests=[lte(MAX_DUPLICATES * len(table))]),
]
definition = DataDefinition(numerical_columns=NUMBERS, categorical_columns=CATEGORIES, datetime_columns=TIMES)
report = Report(metrics, include_tests=True).run(Dataset.from_pandas(table, data_definition=definition))
finish(test.name for test in report.tests_results if not str(test.status).endswith("SUCCESS"))
