"""Tables with columns of types that are read wrongly, or not at all, unless a reader takes care."""

from datetime import datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq

ROWS = 60


def main() -> None:
    """Writes tests/data/column_types."""
    folder = Path(__file__).resolve().parents[1] / "data" / "column_types"
    folder.mkdir(exist_ok=True)
    base = plain()
    pq.write_table(base, folder / "reference.parquet")
    # The column `x` of the reference as something else.
    for name, column in vanished().items():
        pq.write_table(replaced(base, "x", column), folder / f"x_{name}.parquet")
    pq.write_table(unreadable(base), folder / "unreadable.parquet")
    feather.write_feather(unreadable_ipc(base), folder / "unreadable.arrow", compression="uncompressed")
    views = base.append_column("view", pa.array([[row] for row in range(ROWS)], pa.list_view(pa.int64())))
    pq.write_table(views, folder / "list_view.parquet")
    feather.write_feather(views, folder / "list_view.arrow", compression="uncompressed")
    pq.write_table(times(base), folder / "time32.parquet")
    feather.write_feather(times(base), folder / "time32.arrow", compression="uncompressed")
    half = replaced(base, "x", pa.array([float("nan") if row < 30 else row / 4 for row in range(ROWS)], pa.float16()))
    pq.write_table(half, folder / "float16.parquet", store_schema=False)
    pq.write_table(half, folder / "float16_schema.parquet")
    uint128(folder)


def plain() -> pa.Table:
    """Numbers, a category, and a label."""
    return pa.table(
        {
            "id": pa.array(range(ROWS), pa.int64()),
            "x": pa.array([row * 0.5 for row in range(ROWS)]),
            "tag": pa.array([["red", "green", "blue"][row % 3] for row in range(ROWS)]),
            "y": pa.array([row % 2 for row in range(ROWS)], pa.int8()),
        }
    )


def replaced(table: pa.Table, name: str, column: pa.Array) -> pa.Table:
    return table.set_column(table.schema.get_field_index(name), name, column)


def vanished() -> dict[str, pa.Array]:
    """What a float column may have become."""
    return {
        "null": pa.nulls(ROWS),
        "duration": pa.array([timedelta(seconds=row) for row in range(ROWS)], pa.duration("us")),
        "list": pa.array([[row, row + 1] for row in range(ROWS)], pa.list_(pa.int64())),
        "struct": pa.array([{"a": row} for row in range(ROWS)]),
        "binary": pa.array([bytes([row]) for row in range(ROWS)]),
    }


def unreadable(table: pa.Table) -> pa.Table:
    """Parquet columns that Polars cannot take, each beside columns that it can."""
    offset = timezone(timedelta(hours=5, minutes=30))
    instants = [datetime(2026, 1, 1, tzinfo=offset) + timedelta(hours=row) for row in range(ROWS)]
    uuids = pa.ExtensionArray.from_storage(pa.uuid(), pa.array([bytes([row] * 16) for row in range(ROWS)], pa.binary(16)))
    jsons = pa.ExtensionArray.from_storage(pa.json_(), pa.array([f'{{"a": {row}}}' for row in range(ROWS)]))
    wide = pa.array([Decimal(row) for row in range(ROWS)], pa.decimal256(60, 2))
    for name, column in {
        "offset": pa.array(instants, pa.timestamp("us", "+05:30")),
        "uuid": uuids,
        "json": jsons,
        "decimal256": wide,
    }.items():
        table = table.append_column(name, column)
    return table


def unreadable_ipc(table: pa.Table) -> pa.Table:
    """As `unreadable`, with a type that only Arrow IPC can hold."""
    intervals = pa.array([pa.MonthDayNano([row, 1, 0]) for row in range(ROWS)], pa.month_day_nano_interval())
    return unreadable(table).append_column("interval", intervals)


def times(table: pa.Table) -> pa.Table:
    """Times in whole seconds, of which the last thirty repeat the first, and labels that contradict each other."""
    seconds = [time(row % 30 // 2, row % 30, 7) for row in range(ROWS)]
    labels = [int(row >= 30) for row in range(ROWS)]
    return pa.table({"at": pa.array(seconds, pa.time32("s")), "y": pa.array(labels, pa.int8())})


def uint128(folder: Path) -> None:
    """Integers of 128 bits without sign, which only Polars writes."""
    import polars as pl

    frame = pl.DataFrame({"n": pl.Series([1, 2, 3, 2**100, 2**127 - 1], dtype=pl.UInt128), "y": [0, 1, 0, 1, 0]})
    frame.write_parquet(folder / "uint128.parquet", compression="uncompressed")
    frame.write_ipc(folder / "uint128.arrow", compression="uncompressed")
    beyond = frame.with_columns(n=pl.Series([1, 2, 3, 4, 2**128 - 1], dtype=pl.UInt128))
    beyond.write_parquet(folder / "uint128_beyond.parquet", compression="uncompressed")


if __name__ == "__main__":
    main()
