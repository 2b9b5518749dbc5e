"""Writes tests/data/onnx, models and tables for them, and onnx.json: what they predict, and what is wrong with some.

    pip install -r tests/oracle/onnx_requirements.txt
    python tests/oracle/onnx_models.py

In reading order: onnx_tables.py makes the tables; onnx_sklearn.py and onnx_boosters.py train models and export them;
onnx_by_hand.py builds some as PyTorch would export them; onnx_hostile.py and onnx_attacks.py those that are not to be
trusted. With those versions, every file comes out byte for byte the same on one machine.

Of each case: `inputs` is the columns of the model's only input, or those of each input; `scores` and `label` name the
outputs that hold them. `native` is what the library that trained the model says of the table's first rows, a score
for each of `classes` in their order; `onnxruntime` is what the model's outputs hold, as they are. `apply` leads from
these to those: softmax or sigmoid of what are logits, or the complement, where there is only the probability of the
second class. `native_max_diff` is the largest difference after that, of all rows, and at most `tolerance`; if that is
null, native and ONNX disagree for the reason given. `class_names` says what in the file names the classes; `classes`
are those of the library. `probabilities` says whether the model's own scores look like some. Paths start at tests/data.
"""

import json
import sys
import warnings
from pathlib import Path

sys.dont_write_bytecode = True
warnings.filterwarnings("ignore")

import numpy as np
import onnx
import onnxruntime
import pandas as pd

import onnx_boosters
import onnx_by_hand
import onnx_hostile
import onnx_sklearn
import onnx_tables
from onnx_case import Case

HERE = Path(__file__).resolve().parent
FOLDER = HERE.parent / "data" / "onnx"
ROWS, DIGITS, MOST_CLASSES = 50, 9, 20
TYPES = {
    "tensor(float)": np.float32,
    "tensor(double)": np.float64,
    "tensor(float16)": np.float16,
    "tensor(int64)": np.int64,
    "tensor(int32)": np.int32,
    "tensor(bool)": np.bool_,
    "tensor(string)": object,
}


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    onnxruntime.set_default_logger_severity(3)
    tables = onnx_tables.all_tables()
    for table in tables.values():
        onnx_tables.write(table, FOLDER)
    sources = (onnx_sklearn, onnx_boosters, onnx_by_hand)
    cases = [answer(case) for source in sources for case in source.all_cases(tables)]
    hostile = onnx_hostile.write(FOLDER / "hostile")
    lists = [f"{json.dumps(key)}: [\n{lines(rows)}\n]" for key, rows in {"cases": cases, "hostile": hostile}.items()]
    text = "{\n" + ",\n".join(lists) + "\n}\n"
    (HERE / "onnx.json").write_text(text, encoding="utf-8", newline="\n")


def answer(case: Case) -> dict:
    path = FOLDER / f"{case.name}.onnx"
    path.write_bytes(serialized(case.model))
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    outputs = run(session, case)
    label, scores = which(session, case)
    raw = None if scores is None else matrix(outputs, scores, case.classes)
    labels = None if label is None else [plain(one) for one in np.asarray(outputs[label]).ravel()]
    wanted = None if case.scores is None else np.asarray(case.scores, float).reshape(len(case.table.test), -1)
    natively = None if case.label is None else [plain(one) for one in case.label]
    difference = None if raw is None else float(np.abs(applied(raw, case.apply) - wanted).max())
    near = difference is None or case.tolerance is None or difference <= case.tolerance
    assert near, f"{case.name}: {difference} from what its own library says"
    return {
        "model": f"onnx/{case.name}.onnx",
        "table": f"onnx/{case.table.path}",
        "inputs": case.inputs,
        "task": "classification" if case.classes else "regression",
        "classes": case.classes,
        "class_names": class_names(case.model),
        "label": label,
        "scores": scores,
        "apply": case.apply,
        "probabilities": None if raw is None or case.classes is None else are_probabilities(raw),
        "signature": signature(session),
        "opsets": {one.domain or "ai.onnx": one.version for one in opsets(case.model)},
        "operators": sorted({node.op_type for node in case.model.graph.node}),
        "tolerance": case.tolerance,
        "why": case.why,
        "native_max_diff": None if difference is None else float(f"{difference:.2g}"),
        "labels_differ": None if None in (labels, natively) else sum(map(lambda a, b: a != b, labels, natively)),
        "native": {"label": first(natively), "scores": first(wanted)},
        "onnxruntime": {"label": first(labels), "scores": first(raw)},
    }


def run(session: onnxruntime.InferenceSession, case: Case) -> dict:
    """All outputs, of all rows; in batches as large as the model fixes, the last one filled with its first row."""
    inputs = session.get_inputs()
    columns = case.inputs if isinstance(case.inputs, dict) else {inputs[0].name: case.inputs}
    feed = {one.name: tensor(case.table.test[columns[one.name]], TYPES[one.type]) for one in inputs}
    rows, batch = len(case.table.test), inputs[0].shape[0]
    names = [one.name for one in session.get_outputs()]
    if not isinstance(batch, int):
        return dict(zip(names, session.run(None, feed), strict=True))
    parts = []
    for start in range(0, rows, batch):
        part = {name: values[start : start + batch] for name, values in feed.items()}
        filled = {name: np.concatenate([v, np.repeat(v[:1], batch - len(v), 0)]) for name, v in part.items()}
        parts.append(session.run(None, filled))
    return {name: np.concatenate([part[index] for part in parts])[:rows] for index, name in enumerate(names)}


def tensor(frame: pd.DataFrame, kind: type) -> np.ndarray:
    """Rows and columns; missing is NaN."""
    return frame.to_numpy(object if kind is object else None).astype(kind)


def which(session, case: Case) -> tuple[str | None, str | None | list[str]]:
    """The outputs that hold the label and the scores; the latter a list, if each class has its own."""
    names = [one.name for one in session.get_outputs()]
    if case.scores is None:
        return names[0], None
    if len(names) == 1:
        return None, names[0]
    return names[0], names[1] if len(names) == 2 else names[1:]


def matrix(outputs: dict, scores: str | list[str], classes: list | None) -> np.ndarray:
    """A row for each row."""
    if isinstance(scores, list):
        return np.column_stack([outputs[name] for name in scores]).astype(float)
    found = outputs[scores]
    if isinstance(found, list):
        return np.array([[row[one] for one in classes] for row in found], float)
    return np.asarray(found, float).reshape(len(found), -1)


def applied(raw: np.ndarray, apply: str | None) -> np.ndarray:
    if apply == "softmax":
        powers = np.exp(raw - raw.max(axis=1, keepdims=True))
        return powers / powers.sum(axis=1, keepdims=True)
    if apply == "sigmoid":
        raw = 1 / (1 + np.exp(-raw))
    return raw if apply is None else np.hstack([1 - raw, raw])


def are_probabilities(raw: np.ndarray) -> bool:
    """As they are, without `apply`; one column may be one class's."""
    sums = raw.shape[1] == 1 or np.allclose(raw.sum(axis=1), 1, atol=2e-3)
    return bool(sums and raw.min() >= 0 and raw.max() <= 1)


def class_names(model: onnx.ModelProto) -> list[dict]:
    """Attributes that hold them, and constants of which ArrayFeatureExtractor picks the label."""
    constants = {one.name: one for one in model.graph.initializer}
    found = []
    for node in model.graph.node:
        for one in node.attribute:
            if one.name.startswith("classlabels"):
                found.append((f"{node.op_type}.{one.name}", onnx.helper.get_attribute_value(one)))
        picked = constants.get(node.input[0]) if node.op_type == "ArrayFeatureExtractor" else None
        if picked and picked.dims[0] <= MOST_CLASSES:
            found.append((f"initializer {picked.name}", onnx.numpy_helper.to_array(picked)))
    return [{"in": place, "names": [plain(one) for one in values]} for place, values in found]


def signature(session) -> dict:
    def of(found):
        return [{"name": one.name, "type": one.type, "shape": one.shape} for one in found]

    return {"inputs": of(session.get_inputs()), "outputs": of(session.get_outputs())}


def serialized(model: onnx.ModelProto) -> bytes:
    """Exporters write the operator sets in any order."""
    ordered = opsets(model)
    del model.opset_import[:]
    model.opset_import.extend(ordered)
    return model.SerializeToString(deterministic=True)


def opsets(model: onnx.ModelProto) -> list:
    return sorted(model.opset_import, key=lambda one: one.domain)


def plain(value):
    if isinstance(value, bytes):
        return value.decode()
    return value.item() if hasattr(value, "item") else value


def first(values):
    if values is None or not isinstance(values, np.ndarray):
        return values and values[:ROWS]
    return [[float(f"{one:.{DIGITS}g}") for one in row] for row in values[:ROWS]]


def lines(rows: list[dict]) -> str:
    return ",\n".join(json.dumps(row, ensure_ascii=False, allow_nan=False) for row in rows)


if __name__ == "__main__":
    main()
