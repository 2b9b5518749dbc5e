"""Two models over twenty numbers, as ONNX, and a table for them: `models.py ROWS TABLE`; the models lie beside it."""

import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from lightgbm import LGBMClassifier
from onnxmltools import convert_lightgbm
from onnxmltools.convert.common.data_types import FloatTensorType
from skl2onnx import to_onnx
from sklearn.ensemble import RandomForestClassifier

COLUMNS = 20
TRAINED = 50_000


def rows(count, seed):
    random = np.random.default_rng(seed)
    values = random.normal(size=(count, COLUMNS)).astype(np.float32)
    level = values[:, :8] @ np.array([1, -0.8, 0.6, 0.5, -0.4, 0.3, 0.2, -0.1]) + values[:, 8] * values[:, 9]
    return values, (level + random.normal(size=count) > 0).astype(np.int64)


def main():
    count, table = int(sys.argv[1]), Path(sys.argv[2])
    values, labels = rows(TRAINED, 1)
    forest = RandomForestClassifier(100, max_depth=10, random_state=0, n_jobs=2).fit(values, labels)
    options = {id(forest): {"zipmap": False}}
    model = to_onnx(forest, values[:1], options=options, target_opset={"": 17, "ai.onnx.ml": 3})
    Path(f"{table}.forest.onnx").write_bytes(model.SerializeToString())
    boosted = LGBMClassifier(n_estimators=100, num_leaves=31, random_state=0, verbose=-1).fit(values, labels)
    inputs = [("X", FloatTensorType([None, COLUMNS]))]
    model = convert_lightgbm(boosted, initial_types=inputs, target_opset=15, zipmap=False)
    Path(f"{table}.lightgbm.onnx").write_bytes(model.SerializeToString())
    values, labels = rows(count, 2)
    columns = {f"f{at}": values[:, at] for at in range(COLUMNS)} | {"label": labels}
    pq.write_table(pa.table(columns), table, row_group_size=250_000)


if __name__ == "__main__":
    main()
