"""Writes tests/data/model and, from what scikit-learn and Fairlearn say of these files, model.json.

    pip install -r tests/oracle/requirements.txt
    python tests/oracle/model.py

After make.py, which empties tests/data. Every value is also computed by hand, and compared.

An entry of model.json stands as it is in mlgate.yml, with limits that nothing breaches; `observed` is the
value, of slices the worst one's. Scores of float32 are taken as the same numbers in float64, for scikit-learn
would round every term to float32; but `log_loss` clips them as it does float32, at 2^-23.
"""

import json
import math
import sys
import warnings
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

sys.dont_write_bytecode = True

import fairlearn.metrics
import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import sklearn.metrics as skm
from sklearn.dummy import DummyClassifier, DummyRegressor

import model_tables
from model_tables import CASES, DECIDED, LOWER_IS_BETTER, REGRESSION

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent


@dataclass
class Predictions:
    """`scores` are the positive class's, or one column a class; `positive` is None where there is none to speak of."""

    labels: np.ndarray
    predictions: np.ndarray
    scores: np.ndarray | None
    weights: np.ndarray | None
    positive: Any
    # What `log_loss` keeps between a score and 0 or 1.
    epsilon: float

    @property
    def classes(self) -> np.ndarray:
        return np.unique(self.labels)

    @property
    def weight(self) -> np.ndarray:
        return np.ones(len(self.labels)) if self.weights is None else self.weights

    def only(self, rows: np.ndarray) -> "Predictions":
        some = {name: None if (values := getattr(self, name)) is None else values[rows] for name in ("labels", "predictions", "scores", "weights")}
        return replace(self, **some)


def main() -> None:
    model_tables.write(ROOT / "tests/data/model")
    # Scikit-learn warns of what is wanted here: classes never predicted, or never the label.
    warnings.simplefilter("ignore")
    cases = [answer(name, predictions, entries) for name, predictions, entries in CASES]
    made_with = {name: version(name) for name in ("scikit-learn", "fairlearn", "scipy", "numpy", "pandas", "pyarrow")}
    text = json.dumps({"made_with": made_with, "cases": cases}, indent=1, ensure_ascii=False, allow_nan=False)
    (HERE / "model.json").write_text(text + "\n", encoding="utf-8", newline="\n")
    entries = [entry for case in cases for entry in case["entries"]]
    print(f"{len(cases)} cases, {len(entries)} entries, {sum(len(entry.get('slices', ())) for entry in entries)} slices")


def answer(name: str, where: dict, entries: list[dict]) -> dict:
    table = read(ROOT / where["path"])
    said = predictions(table, where)
    return {"name": name, "predictions": where, "entries": [{"entry": entry} | judge(table, said, entry) for entry in entries]}


def judge(table: pa.Table, said: Predictions, entry: dict) -> dict:
    match entry:
        case {"metric": {"name": name, "by": by, **settings}}:
            values = {key: value(name, said.only(rows), settings.get("average")) for key, rows in slices(table, by)}
            worst = max if name in LOWER_IS_BETTER else min
            return {"observed": worst(values.values()), "slices": values}
        case {"metric": {"name": name, **settings}}:
            return {"observed": value(name, said, settings.get("average"))}
        case {"beats_dummy": {"metric": name}}:
            gain = compared(name, said, None) - compared(name, dummy(name, said), None)
            return {"observed": tidy(-gain if name in LOWER_IS_BETTER else gain)}
        case {"fairness": settings}:
            return {"observed": fairness(table, said, settings.get("metric", "demographic_parity_ratio"), settings["columns"])}


def read(path: Path) -> pa.Table:
    return pa.csv.read_csv(path) if path.suffix == ".csv" else pq.read_table(path)


def column(table: pa.Table, name: str) -> np.ndarray:
    return np.array(table[name].to_pylist())


def predictions(table: pa.Table, where: dict) -> Predictions:
    labels, says = (column(table, where.get(name, name)) for name in ("label", "prediction"))
    score, weight, positive = where.get("score", "score"), where.get("weight"), where.get("positive")
    if positive is None and {*labels.tolist(), *says.tolist()} <= {0, 1}:
        positive = labels.dtype.type(1)
    scores, epsilon = None, np.finfo(np.float64).eps
    if score in table.column_names and positive is not None:
        scores, epsilon = column(table, score), np.finfo(table[score].to_numpy().dtype).eps
    elif any(name.startswith("score_") for name in table.column_names):
        scores = np.column_stack([column(table, f"score_{name}") for name in np.unique(labels)])
    return Predictions(labels, says, scores, weight and column(table, weight), positive, epsilon)


def slices(table: pa.Table, by) -> list[tuple[str, np.ndarray]]:
    """The rows of every slice, which are never too few to be judged."""
    if isinstance(by, dict):
        [(name, ends)] = by.items()
        values = column(table, name)
        found = [(f"{name} < {ends[0]}", values < ends[0])]
        found += [(f"{name} {low} to {high}", (low <= values) & (values < high)) for low, high in zip(ends, ends[1:])]
        found += [(f"{name} >= {ends[-1]}", values >= ends[-1])]
    else:
        names = [by] if isinstance(by, str) else by
        keys = np.array([", ".join(f"{name}={row[name]}" for name in names) for row in table.select(names).to_pylist()])
        found = [(key, keys == key) for key in np.unique(keys).tolist()]
    assert sum(rows.sum() for _, rows in found) == table.num_rows and min(rows.sum() for _, rows in found) >= 30
    return found


def value(name: str, said: Predictions, average: str | None) -> float:
    return tidy(compared(name, said, average))


def tidy(number: float) -> float:
    """Without the digits that depend on the processor."""
    return float(f"{number:.14g}")


def compared(name: str, said: Predictions, average: str | None) -> float:
    if average is None:
        average = "macro" if said.positive is None else "binary"
    measured = measure(name, said, average)
    agree(measured, by_hand(name, said, average), name)
    return measured


def agree(one: float, other: float, what: str) -> None:
    assert math.isfinite(one) and math.isclose(one, other, rel_tol=1e-11, abs_tol=1e-13), (what, one, other)


def measure(name: str, said: Predictions, average: str) -> float:
    labels, says, weights = said.labels, said.predictions, said.weights
    scores, classes = said.scores, said.classes
    match name:
        case "precision" | "recall" | "f1":
            positive = {"pos_label": said.positive} if average == "binary" else {}
            return getattr(skm, f"{name}_score")(labels, says, average=average, **positive, sample_weight=weights, zero_division=0)
        case "ece":
            return calibration_error(said)
        case "roc_auc" | "average_precision" | "log_loss" | "brier" if said.positive is not None:
            labels, classes = (labels == said.positive).astype(int), np.array([0, 1])
    match name:
        case "roc_auc":
            return skm.roc_auc_score(labels, scores, multi_class="ovr", average="macro", sample_weight=weights)
        case "average_precision":
            return skm.average_precision_score(labels, scores, average="macro", sample_weight=weights)
        case "brier":
            which = {"labels": classes} if scores.ndim == 2 else {"pos_label": 1}
            return skm.brier_score_loss(labels, scores, sample_weight=weights, **which)
        case "log_loss":
            loss = skm.log_loss(labels, np.clip(scores, said.epsilon, 1 - said.epsilon), labels=classes, sample_weight=weights)
            own = scores.astype(np.float32) if said.epsilon > 1e-10 else scores
            assert math.isclose(loss, skm.log_loss(labels, own, labels=classes, sample_weight=weights), rel_tol=1e-6)
            return loss
    metric = {
        "accuracy": skm.accuracy_score,
        "balanced_accuracy": skm.balanced_accuracy_score,
        "mcc": skm.matthews_corrcoef,
        "rmse": skm.root_mean_squared_error,
        "mae": skm.mean_absolute_error,
        "mape": skm.mean_absolute_percentage_error,
        "median_ae": skm.median_absolute_error,
        "r2": skm.r2_score,
    }[name]
    return metric(labels, says, sample_weight=weights)


def calibration_error(said: Predictions) -> float:
    """Ten bins [i/10, (i+1)/10), the last one closed. Of scores tied at the top the first class's counts."""
    if said.positive is None:
        score, right = said.scores.max(axis=1), said.classes[said.scores.argmax(axis=1)] == said.labels
    else:
        score, right = said.scores, said.labels == said.positive
    bins = np.digitize(score, np.arange(1, 10) / 10)
    return np.abs(np.bincount(bins, said.weight * (score - right), 10)).sum() / said.weight.sum()


def dummy(name: str, said: Predictions) -> Predictions:
    """Who always says the majority class, of several the first in order, with the shares as scores; or the mean."""
    features = np.zeros((len(said.labels), 1))
    if name in REGRESSION:
        says = DummyRegressor(strategy="mean").fit(features, said.labels, said.weights).predict(features)
        agree(says[0], said.weight @ said.labels / said.weight.sum(), "mean")
        return replace(said, predictions=says)
    fitted = DummyClassifier(strategy="prior").fit(features, said.labels, said.weights)
    says, shares = fitted.predict(features), fitted.predict_proba(features)
    assert says[0] == max(said.classes, key=lambda c: said.weight[said.labels == c].sum())
    scores = shares if said.positive is None else shares[:, list(fitted.classes_).index(said.positive)]
    return replace(said, predictions=says, scores=scores)


def fairness(table: pa.Table, said: Predictions, name: str, columns: list[str]) -> float:
    labels, says = ((values == said.positive).astype(int) for values in (said.labels, said.predictions))
    measured = getattr(fairlearn.metrics, name)(labels, says, sensitive_features=table.select(columns).to_pandas(), sample_weight=said.weights)
    notion, _, form = name.rpartition("_")
    among = {"demographic_parity": [labels >= 0], "equal_opportunity": [labels == 1], "equalized_odds": [labels == 1, labels == 0]}[notion]
    rates = [[np.average(says[g & rows], weights=said.weight[g & rows]) for _, g in slices(table, columns)] for rows in among]
    again = min(min(r) / max(r) for r in rates) if form == "ratio" else max(max(r) - min(r) for r in rates)
    agree(measured, again, name)
    return tidy(measured)


def by_hand(name: str, said: Predictions, average: str) -> float:
    """Straight from the definitions: sums over rows and pairs of rows, nothing sorted or cumulated."""
    if name in REGRESSION:
        return errors_by_hand(name, said.labels.astype(float), said.predictions.astype(float), said.weight)
    if name in DECIDED:
        return counts_by_hand(name, said, average)
    two = said.positive is not None
    hits = said.labels[:, None] == said.classes if not two else np.stack([said.labels != said.positive, said.labels == said.positive], axis=1)
    scores = np.stack([1 - said.scores, said.scores], axis=1) if two else said.scores
    total = said.weight.sum()
    match name:
        case "log_loss":
            return said.weight @ -np.log(np.clip(scores[hits], said.epsilon, 1 - said.epsilon)) / total
        case "brier":
            return said.weight @ ((scores - hits) ** 2).sum(axis=1) / total / (2 if two else 1)
        case "ece":
            top = np.ones(len(hits), int) if two else scores.argmax(axis=1)
            score, hit = (values[np.arange(len(hits)), top] for values in (scores, hits))
            inside = [(score >= i / 10) & ((score < (i + 1) / 10) | (i == 9)) for i in range(10)]
            return sum(abs(said.weight[rows] @ (score - hit)[rows]) for rows in inside) / total
    return np.mean([ranks_by_hand(name, hits[:, i], scores[:, i], said.weight) for i in range(two, hits.shape[1])])


def counts_by_hand(name: str, said: Predictions, average: str) -> float:
    classes = np.unique(np.append(said.labels, said.predictions))
    is_label, is_said = (values[:, None] == classes for values in (said.labels, said.predictions))
    right, predicted, actual = (said.weight @ each for each in (is_label & is_said, is_said, is_label))
    total = said.weight.sum()
    match name:
        case "accuracy":
            return right.sum() / total
        case "balanced_accuracy":
            return np.mean(right[actual > 0] / actual[actual > 0])
        case "mcc":
            spread = (total**2 - predicted @ predicted) * (total**2 - actual @ actual)
            one = 1 in (np.count_nonzero(predicted), np.count_nonzero(actual))
            return 0.0 if one else (right.sum() * total - predicted @ actual) / math.sqrt(spread)
    if average == "micro":
        return right.sum() / total
    part, whole = {"precision": (right, predicted), "recall": (right, actual), "f1": (2 * right, predicted + actual)}[name]
    each = np.divide(part, whole, out=np.zeros(len(classes)), where=whole > 0)
    return {"macro": each.mean(), "weighted": each @ actual / total, "binary": each[classes == said.positive].sum()}[average]


def ranks_by_hand(name: str, positive: np.ndarray, scores: np.ndarray, weight: np.ndarray) -> float:
    """AUC: the share of pairs in order, ties half. Average precision: every positive's precision at its own score."""
    up, down, scores_up, scores_down = weight[positive], weight[~positive], scores[positive], scores[~positive]
    if name == "roc_auc":
        order = np.greater.outer(scores_up, scores_down) + np.equal.outer(scores_up, scores_down) / 2
        return up @ order @ down / (up.sum() * down.sum())
    hits, misses = np.less_equal.outer(scores_up, scores_up) @ up, np.less_equal.outer(scores_up, scores_down) @ down
    return up @ (hits / (hits + misses)) / up.sum()


def errors_by_hand(name: str, labels: np.ndarray, says: np.ndarray, weight: np.ndarray) -> float:
    errors, total = np.abs(says - labels), weight.sum()
    if name == "median_ae":
        # Halfway between the smallest error with half of the weight at or below it, and the
        # largest with half of it at or above; mostly they are one.
        some = errors[weight > 0]
        below = min(error for error in some if weight[errors <= error].sum() >= total / 2)
        return (below + max(error for error in some if weight[errors >= error].sum() >= total / 2)) / 2
    return {
        "rmse": math.sqrt(weight @ errors**2 / total),
        "mae": weight @ errors / total,
        "mape": weight @ (errors / np.maximum(np.abs(labels), 2.0**-52)) / total,
        "r2": 1 - weight @ errors**2 / (weight @ (labels - weight @ labels / total) ** 2),
    }[name]


if __name__ == "__main__":
    main()
