"""Scores a table with onnxruntime as one would: read, make the matrix, run; `onnxruntime_score.py TABLE MODEL`."""

import sys

import numpy as np
import onnxruntime
import pyarrow.parquet as pq


# As fast as 16,384, and faster than all rows at once.
BATCH = 65_536


def main():
    table, model = sys.argv[1:3]
    read = pq.read_table(table)
    names = [name for name in read.column_names if name != "label"]
    values = np.column_stack([read[name].to_numpy() for name in names]).astype(np.float32, copy=False)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # LightGBM's export declares a shape that it does not have, and says so each time
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    parts = [session.run(None, {name: values[at : at + BATCH]})[0] for at in range(0, len(values), BATCH)]
    accuracy = float((np.concatenate(parts) == read["label"].to_numpy()).mean())
    print(f"NUMBERS [{accuracy!r}]")
    print("VERDICT pass")


if __name__ == "__main__":
    main()
