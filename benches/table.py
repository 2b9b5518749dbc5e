"""A synthetic training table of 12 columns as Parquet (zstd).

Seeded, so that the same arguments always give the same rows. 2 % of `income` is missing, 12 % of
`target` is the rare class, and the last thousandth of the last million rows repeats that million's head.
"""

import argparse

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

CHUNK = 1_000_000
CITIES = np.array([f"city_{i:04d}" for i in range(2000)])
SEGMENTS = np.array(["retail", "premium", "student", "business"])
START = np.datetime64("2026-10-01")


def main():
    parser = argparse.ArgumentParser(prog="table.py", description=__doc__)
    parser.add_argument("rows", type=int)
    parser.add_argument("rows_per_group", type=int)
    parser.add_argument("out")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--income", type=float, default=1, metavar="FACTOR", help="of every income (1)")
    parser.add_argument("--copies", type=int, default=0, help="how many of the last rows another table's rows replace")
    parser.add_argument("--copied-from", metavar="TABLE", help="that table; its copied rows lie evenly in it")
    options = parser.parse_args()

    rng = np.random.default_rng(options.seed)
    writer = None
    for first in range(0, options.rows, CHUNK):
        count = min(CHUNK, options.rows - first)
        table = chunk(rng, first, count, options.income)
        if first + count == options.rows:
            repeated = max(1, count // 1000)
            table = pa.concat_tables([table.slice(0, count - repeated), table.slice(0, repeated)])
            if options.copies:
                copied = spread(options.copied_from, options.copies)
                table = pa.concat_tables([table.slice(0, count - options.copies), copied])
        writer = writer or pq.ParquetWriter(options.out, table.schema, compression="zstd")
        writer.write_table(table, row_group_size=options.rows_per_group)
    writer.close()


def chunk(rng, first, rows, income):
    seconds = rng.integers(0, 86_400 * 50, rows)
    return pa.table(
        {
            "customer_id": np.arange(first, first + rows),
            "age": rng.integers(18, 95, rows).astype("int32"),
            "income": pa.array(income * rng.lognormal(10.5, 0.6, rows), mask=rng.random(rows) < 0.02),
            "employed": rng.random(rows) < 0.93,
            "tenure_months": rng.integers(0, 480, rows).astype("int32"),
            "balance": rng.normal(5000, 9000, rows),
            "score": rng.beta(4, 2, rows),
            "n_products": rng.integers(1, 8, rows).astype("int8"),
            "city": CITIES[rng.zipf(1.3, rows) % len(CITIES)],
            "segment": SEGMENTS[rng.integers(0, len(SEGMENTS), rows)],
            "event_time": (START + seconds.astype("timedelta64[s]")).astype("datetime64[us]"),
            "target": (rng.random(rows) < 0.12).astype("int8"),
        }
    )


def spread(path, count):
    """Rows of a table at even distances, from its first to its last."""
    table = pq.read_table(path)
    return table.take(np.linspace(0, len(table) - 1, count).astype(int))


if __name__ == "__main__":
    main()
