"""predictions.py ROWS OUT: synthetic predictions of one model as Parquet (zstd), or, for a name that ends in
-production, of a slightly worse one on the same rows.

Seeded, so that the same arguments always give the same rows: a label, a prediction, a score, three columns to slice by.
"""

import sys

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

ROW_GROUP = 250_000


def write(rows, out):
    rng = np.random.default_rng(11)
    logit = rng.normal(-1.2, 1.4, rows)
    label = (rng.random(rows) < 1 / (1 + np.exp(-logit))).astype("int8")
    columns = {
        "sex": np.array(["f", "m"])[rng.integers(0, 2, rows)],
        "region": np.array([f"region_{i}" for i in range(8)])[rng.integers(0, 8, rows)],
        "age_band": np.array(["18-29", "30-44", "45-59", "60+"])[rng.integers(0, 4, rows)],
    }
    noise = rng.normal(0, 0.3, rows) + (rng.normal(0, 0.6, rows) if "-production" in out else 0)
    score = 1 / (1 + np.exp(-(1.1 * logit + noise)))
    table = pa.table({"label": label, "prediction": (score >= 0.5).astype("int8"), "score": score} | columns)
    pq.write_table(table, out, compression="zstd", row_group_size=ROW_GROUP)


if __name__ == "__main__":
    write(int(sys.argv[1]), sys.argv[2])
