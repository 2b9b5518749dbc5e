"""One model of onnx_models.py with what its own library predicts, and how those come about."""

from dataclasses import dataclass, field

import numpy as np
from onnx import ModelProto
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType

from onnx_tables import F, Table

FLOATS = [("X", FloatTensorType([None, len(F)]))]
OPSETS = {"": 21, "ai.onnx.ml": 3}
TREES = "the same trees; leaves are 32-bit in ONNX"
FLOAT = "32-bit arithmetic on rounded input"
LARGE = "seconds since 1970 are rounded to 128 in the 32-bit floats that the model takes"


@dataclass
class Case:
    """`inputs` is the columns of the one input, or those of each. `scores` has a column for each class, or one.

    No `tolerance`: the two are not alike, and `why` says so.
    """

    name: str
    table: Table
    model: ModelProto
    scores: np.ndarray
    inputs: list[str] | dict[str, list[str]] = field(default_factory=lambda: list(F))
    classes: list | None = None
    label: np.ndarray | None = None
    apply: str | None = None
    tolerance: float | None = 1e-6
    why: str = FLOAT


def classifier(name, table, model, made, *, why=FLOAT, inputs=None, named=None, tolerance=1e-6) -> Case:
    given = features(table, named)
    classes = [one.item() if hasattr(one, "item") else one for one in last(model).classes_]
    return Case(
        name,
        table,
        made,
        np.asarray(model.predict_proba(given), float),
        inputs or list(F),
        classes,
        np.ravel(model.predict(given)),
        tolerance=tolerance,
        why=why,
    )


def regressor(name, table, model, why, tolerance, made=None, inputs=None, named=None) -> Case:
    scores = np.asarray(model.predict(features(table, named)), float)
    return Case(name, table, made or export(model, {}), scores, inputs or list(F), tolerance=tolerance, why=why)


def features(table: Table, named: list[str] | None = None):
    return table.test[F].to_numpy() if named is None else table.test[named]


def fit(model, table: Table):
    return model.fit(table.train[F].to_numpy(), table.train["label"].to_numpy())


def last(model):
    return model[-1] if hasattr(model, "steps") else model


def export(model, options: dict) -> ModelProto:
    return to_onnx(model, initial_types=FLOATS, options=options, target_opset=OPSETS)
