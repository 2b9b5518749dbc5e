"""Drift in Evidently: its preset with tests, which chooses the method of each column and leaves out times."""

import sys

import pandas as pd
from evidently import DataDefinition, Dataset, Report
from evidently.presets import DataDriftPreset

from drift import *

definition = DataDefinition(numerical_columns=NUMBERS, categorical_columns=CATEGORIES, datetime_columns=TIMES)
reference, current = (
    Dataset.from_pandas(pd.read_parquet(path), data_definition=definition) for path in sys.argv[1:3]
)
drifted = {}
for test in Report([DataDriftPreset()], include_tests=True).run(current, reference).tests_results:
    print(test.name, test.description)
    column = test.metric_config.params.get("column")
    if column:
        drifted[column] = not str(test.status).endswith("SUCCESS")
finish(drifted)
