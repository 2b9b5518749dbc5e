"""The gate in Great Expectations on a pandas data frame.

It has no expectation for class shares; the mean of a 0/1 target says the same. Its uniqueness counts
every copy, so 1 % of repeated rows is 2 % of unexpected ones.
"""

import sys

import great_expectations as gx
import great_expectations.expectations as gxe
import pandas as pd

from gate import *

table = pd.read_parquet(sys.argv[1])
context = gx.get_context(mode="ephemeral")
batch = (
    context.data_sources.add_pandas("pandas")
    .add_dataframe_asset("table")
    .add_batch_definition_whole_dataframe("all")
)
suite = context.suites.add(gx.ExpectationSuite(name="gate"))
expectations = [
    gxe.ExpectTableRowCountToBeBetween(min_value=MIN_ROWS),
    *[gxe.ExpectColumnToExist(column=name) for name in REQUIRED],
    *[gxe.ExpectColumnValuesToNotBeNull(column=name, mostly=1 - MAX_MISSING) for name in COLUMNS],
    gxe.ExpectColumnMeanToBeBetween(column=TARGET, min_value=MIN_CLASS, max_value=1 - MIN_CLASS),
    *[
        gxe.ExpectColumnValuesToBeBetween(column=name, min_value=low, max_value=high)
        for name, (low, high) in RANGES.items()
    ],
    gxe.ExpectCompoundColumnsToBeUnique(column_list=COLUMNS, mostly=1 - 2 * MAX_DUPLICATES),
]
for expectation in expectations:
    suite.add_expectation(expectation)

validation = context.validation_definitions.add(gx.ValidationDefinition(data=batch, suite=suite, name="gate"))
results = validation.run(batch_parameters={"dataframe": table}).results
finish(
    f"{result.expectation_config.type} {result.expectation_config.kwargs.get('column', '')}"
    for result in results
    if not result.success
)
