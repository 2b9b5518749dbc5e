"""Times single predictions with onnxruntime, inputs ready, one thread; `onnxruntime_single.py TABLE MODEL`."""

import sys
import time
from statistics import median

import numpy as np
import onnxruntime
import pyarrow.parquet as pq

ROWS, WARMUP = 1_000, 100


def main():
    table, model = sys.argv[1:3]
    read = next(pq.ParquetFile(table).iter_batches(ROWS))
    names = [name for name in read.schema.names if name != "label"]
    values = np.column_stack([read[name].to_numpy() for name in names]).astype(np.float32, copy=False)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    rows = [{name: np.ascontiguousarray(values[at : at + 1])} for at in range(ROWS)]
    taken = []
    for turn in range(WARMUP + ROWS):
        start = time.perf_counter_ns()
        session.run(None, rows[turn % ROWS])
        taken.append(time.perf_counter_ns() - start)
    print(f"NUMBERS [{median(taken[WARMUP:]) / 1e6}]")
    print("VERDICT pass")


if __name__ == "__main__":
    main()
