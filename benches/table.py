"""table.py ROWS ROWS_PER_GROUP OUT: a synthetic training table of 12 columns as Parquet (zstd).

Seeded, so that the same arguments always give the same rows. 2 % of `income` is missing, 12 % of
`target` is the rare class, and the last thousandth of the last million rows repeats that million's head.
"""

import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

CHUNK = 1_000_000
CITIES = np.array([f"city_{i:04d}" for i in range(2000)])
SEGMENTS = np.array(["retail", "premium", "student", "business"])
START = np.datetime64("2026-10-01")


def chunk(rng, first, rows):
    seconds = rng.integers(0, 86_400 * 50, rows)
    return pa.table(
        {
            "customer_id": np.arange(first, first + rows),
            "age": rng.integers(18, 95, rows).astype("int32"),
            "income": pa.array(rng.lognormal(10.5, 0.6, rows), mask=rng.random(rows) < 0.02),
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


def write(rows, rows_per_group, out):
    rng = np.random.default_rng(7)
    writer = None
    for first in range(0, rows, CHUNK):
        count = min(CHUNK, rows - first)
        table = chunk(rng, first, count)
        if first + count == rows:
            repeated = max(1, count // 1000)
            table = pa.concat_tables([table.slice(0, count - repeated), table.slice(0, repeated)])
        writer = writer or pq.ParquetWriter(out, table.schema, compression="zstd")
        writer.write_table(table, row_group_size=rows_per_group)
    writer.close()


if __name__ == "__main__":
    write(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
