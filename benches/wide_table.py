"""A synthetic table of very many columns as Parquet (zstd): flags, integers, floats and texts, and a target.

Seeded, so that the same arguments always give the same rows.
"""

import argparse

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq


def main():
    parser = argparse.ArgumentParser(prog="wide_table.py", description=__doc__)
    parser.add_argument("rows", type=int)
    parser.add_argument("columns", type=int)
    parser.add_argument("out")
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    kinds = {
        "flag": (5, lambda: rng.integers(0, 2, options.rows)),
        "integer": (2, lambda: rng.integers(0, 10**9, options.rows)),
        "float": (2, lambda: rng.normal(size=options.rows)),
        "text": (1, lambda: np.array([f"c{value}" for value in rng.integers(0, 50, options.rows)])),
    }
    turns = [kind for kind, (tenths, _) in kinds.items() for _ in range(tenths)]
    columns = {}
    for at in range(options.columns - 1):
        kind = turns[at % len(turns)]
        columns[f"{kind}_{at}"] = kinds[kind][1]()
    columns["target"] = rng.integers(0, 2, options.rows)
    pq.write_table(pa.table(columns), options.out, compression="zstd")


if __name__ == "__main__":
    main()
