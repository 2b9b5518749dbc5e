"""Answers, from what pandas and pyarrow read back. Whatever can be counted twice by different means is, and compared."""

import json
import math
import re
from collections import Counter
from datetime import date, datetime, timezone
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.dataset
import pyarrow.feather
import pyarrow.parquet as pq

PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}


def answer(data: Path, key: str, questions: dict) -> dict:
    file = questions.get("file", key)
    options = questions.get("csv", {})
    table = read(data, file, options)
    values = {name: plain_values(table[name]) for name in table.column_names}
    frame = pd.DataFrame({name: pd.Series(column, dtype=object) for name, column in values.items()}, columns=table.column_names)
    compare_with_pandas(data / file, options, frame)

    result = {name: questions[name] for name in ("file", "csv", "note") if name in questions}
    result["rows"] = table.num_rows
    result["columns"] = table.column_names
    result["types"] = {field.name: kind for field in table.schema if (kind := type_name(field.type))}
    result["missing"] = {name: sum(value is None for value in column) for name, column in values.items()}
    result["duplicates"] = repeats(frame, table.column_names)
    result["unique"] = [{"columns": columns, "repeats": repeats(frame, columns)} for columns in questions.get("unique", [])]
    result["top"] = {field.name: top(frame[field.name]) for field in table.schema if not is_opaque(field.type)}
    result["outside"] = [
        {"column": column, "min": low, "max": high, "count": outside(table.schema.field(column).type, values[column], low, high)}
        for column, low, high in questions.get("outside", [])
    ]
    result["newest"] = {column: newest(table.schema.field(column).type, values[column]) for column in questions.get("newest", [])}
    result["other"] = [
        {"column": column, "values": allowed, "count": sum(value is not None and value not in allowed for value in values[column])}
        for column, allowed in questions.get("other", [])
    ]
    result["mismatch"] = [
        {"column": column, "regex": regex, "count": sum(value is not None and not re.fullmatch(regex, value) for value in values[column])}
        for column, regex in questions.get("mismatch", [])
    ]
    result["classes"] = [{"column": column, "counts": classes(values[column])} for column in questions.get("classes", [])]
    result["conflicts"] = [{"label": label, "rows": conflicts(frame, label)} for label in questions.get("conflicts", [])]
    return result


def read(data: Path, file: str, options: dict) -> pa.Table:
    path = data / file
    if "*" in file:
        return pa.concat_tables(pq.read_table(part, partitioning=None) for part in sorted(data.glob(file)))
    if path.is_dir():
        return pa.dataset.dataset(path, format="parquet", partitioning="hive").to_table()
    if path.suffix == ".parquet":
        return pq.read_table(path)
    if path.suffix == ".arrow":
        return pa.feather.read_table(path)
    if path.suffix == ".ndjson":
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        names = list(dict.fromkeys(name for row in rows for name in row))
        return pa.table({name: pa.array([row.get(name) for row in rows]) for name in names})
    return pa.csv.read_csv(
        path,
        # One block, for pyarrow guesses the types from the first.
        read_options=pa.csv.ReadOptions(block_size=1 << 28),
        parse_options=pa.csv.ParseOptions(delimiter=options.get("delimiter", ","), newlines_in_values=True),
        convert_options=pa.csv.ConvertOptions(
            null_values=["", *options.get("null_values", [])], strings_can_be_null=True, quoted_strings_can_be_null=False
        ),
    )


def plain_values(column: pa.ChunkedArray) -> list:
    """Hashable values that are equal when they count as equal; every missing value is `None`."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        column = column.cast(kind.value_type)
    elif pa.types.is_timestamp(kind) or pa.types.is_duration(kind) or pa.types.is_time64(kind):
        column = column.cast(pa.int64())
    return [plain_value(value) for value in column.to_pylist()]


def plain_value(value):
    match value:
        case float():
            return None if math.isnan(value) else value + 0.0
        case list():
            return tuple(plain_value(item) for item in value)
        case dict():
            return tuple((name, plain_value(item)) for name, item in value.items())
        case _:
            return value


def compare_with_pandas(path: Path, options: dict, frame: pd.DataFrame) -> None:
    """The missing values again, by pandas' own readers, save in two files: pandas can't tell "" from
    an empty field, and takes NaN for a text where it is not a spelling of null."""
    if path.suffix == ".parquet" and "*" not in path.name:
        own = pd.read_parquet(path)
    elif path.suffix in (".csv", ".tsv", ".gz") and path.name not in ("quoted.csv", "inf_nan.csv"):
        own = pd.read_csv(path, sep=options.get("delimiter", ","), keep_default_na=False, na_values=["", *options.get("null_values", [])], low_memory=False)
    else:
        return
    assert list(own.columns) == list(frame.columns), path
    assert own.isna().sum().tolist() == frame.isna().sum().tolist(), path


def type_name(kind: pa.DataType) -> str | None:
    """The contract's name of a type; nothing for nested, binary, time, duration and null."""
    if pa.types.is_dictionary(kind):
        return type_name(kind.value_type)
    named = {
        "integer": pa.types.is_integer,
        "float": pa.types.is_floating,
        "number": pa.types.is_decimal,
        "text": lambda kind: pa.types.is_string(kind) or pa.types.is_large_string(kind),
        "boolean": pa.types.is_boolean,
        "date": pa.types.is_date,
        "datetime": pa.types.is_timestamp,
    }
    return next((name for name, holds in named.items() if holds(kind)), None)


def is_opaque(kind: pa.DataType) -> bool:
    return pa.types.is_nested(kind) or pa.types.is_binary(kind)


def repeats(frame: pd.DataFrame, columns: list[str]) -> int:
    count = int(frame.duplicated(columns).sum())
    assert count == len(frame) - len(set(frame[columns].itertuples(index=False, name=None)))
    return count


def top(column: pd.Series) -> int:
    if not len(column):
        return 0
    count = int(column.value_counts(dropna=False).max())
    assert count == max(Counter(column).values())
    return count


def outside(kind: pa.DataType, values: list, low, high) -> int:
    """Infinite values are outside any range, also one without that end."""
    low, high = limit(kind, low), limit(kind, high)

    def breaks(value) -> bool:
        infinite = isinstance(value, float) and math.isinf(value)
        return infinite or (low is not None and value < low) or (high is not None and value > high)

    return sum(value is not None and breaks(value) for value in values)


def limit(kind: pa.DataType, value):
    """A limit in the column's own terms: exact, never rounded on the way."""
    if value is None:
        return None
    if pa.types.is_date(kind):
        return date.fromisoformat(value)
    if pa.types.is_timestamp(kind):
        return instant(value) * PER_SECOND[kind.unit] // 10**9
    return float(value) if pa.types.is_floating(kind) else Decimal(str(value))


def instant(text: str) -> int:
    """Nanoseconds since 1970. Without a zone it is UTC."""
    at = datetime.fromisoformat(text)
    at = at if at.tzinfo else at.replace(tzinfo=timezone.utc)
    since = at - datetime(1970, 1, 1, tzinfo=timezone.utc)
    return ((since.days * 86_400 + since.seconds) * 10**6 + since.microseconds) * 1000


def newest(kind: pa.DataType, values: list) -> str:
    present = [value for value in values if value is not None]
    if pa.types.is_date(kind):
        return f"{max(present).isoformat()}T00:00:00Z"
    if pa.types.is_timestamp(kind):
        nanoseconds = max(present) * (10**9 // PER_SECOND[kind.unit])
    else:
        nanoseconds = max(map(instant, present))
    seconds, rest = divmod(nanoseconds, 10**9)
    fraction = f".{rest:09}".rstrip("0").rstrip(".")
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S") + fraction + "Z"


def classes(values: list) -> dict[str, int]:
    counts = Counter(str(value).lower() if isinstance(value, bool) else str(value) for value in values if value is not None)
    return dict(sorted(counts.items()))


def conflicts(frame: pd.DataFrame, label: str) -> int:
    """Rows with a label, whose features all equal those of a row with another label."""
    labelled = frame[frame[label].notna()]
    features = [name for name in frame if name != label]
    keys = list(labelled[features].itertuples(index=False, name=None))
    seen = {}
    for key, value in zip(keys, labelled[label]):
        seen.setdefault(key, set()).add(value)
    count = sum(len(seen[key]) > 1 for key in keys)

    # The same, by pandas: distinct (features, label) pairs per features.
    pairs = labelled.drop_duplicates()
    torn = pairs[pairs.duplicated(features, keep=False)][features].drop_duplicates()
    assert count == sum(key in set(torn.itertuples(index=False, name=None)) for key in keys)
    return count
