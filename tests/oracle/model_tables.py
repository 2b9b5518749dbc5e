"""What is asked of which predictions; then the tables: seeded, small, each with something that is easy to get wrong.

Entries are as in mlgate.yml, with limits that nothing breaches. Numbers in tables are rounded to a few decimals,
so that they come out the same wherever this runs.
"""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

# On the edges of the ten bins of `ece`, and the last number below some of them.
EDGES = [0.0, 1.0, 0.3, 0.7, 0.1, 0.6, 0.9, *np.nextafter([0.3, 0.6, 0.7, 1.0], 0)]

# In the order in which scikit-learn sorts them.
ANIMALS = ["Zebra", "ant", "red fox", "über"]


DECIDED = ["accuracy", "balanced_accuracy", "precision", "recall", "f1", "mcc"]
SCORED = ["roc_auc", "average_precision", "log_loss", "brier", "ece"]
REGRESSION = ["rmse", "mae", "mape", "median_ae", "r2"]
LOWER_IS_BETTER = ["log_loss", "brier", "ece", "rmse", "mae", "mape", "median_ae"]

AGES = {"age": [25, 40, 60]}
BOTH = ["region", "sex"]
NOTIONS = ["demographic_parity", "equalized_odds", "equal_opportunity"]


# The end of what the metric can be, which no value is beyond; for others a number that none reaches.
WORST = {"mcc": -1, "ece": 1, "brier": 2, "r2": -(10**9)} | dict.fromkeys(LOWER_IS_BETTER[3:] + ["log_loss"], 10**9)
# The width of the range, where it has two ends.
WIDTH = {"mcc": 2, "brier": 2} | dict.fromkeys([*LOWER_IS_BETTER[3:], "log_loss", "r2"], 10**9)


def metric(name: str, limit: int | None = None, **settings) -> dict:
    worst = WORST.get(name, 0) if limit is None else limit
    return {"metric": {"name": name} | settings | {"max" if name in LOWER_IS_BETTER else "min": worst}}


def metrics(names: list[str], **settings) -> list[dict]:
    return [metric(name, **settings) for name in names]


def averages() -> list[dict]:
    return [metric(name, average=average) for name in ("precision", "recall", "f1") for average in ("macro", "micro", "weighted")]


def sliced(names: list[str]) -> list[dict]:
    return [metric(name, by=by) for name in names for by in ("region", BOTH, AGES)]


def dummies(names: list[str]) -> list[dict]:
    return [{"beats_dummy": {"metric": name, "min_gain": -WIDTH.get(name, 1)}} for name in names]


def fairness(*groups: list[str]) -> list[dict]:
    limits = {"ratio": {"min": 0}, "difference": {"max": 1}}
    return [
        {"fairness": {"metric": f"{notion}_{form}", "columns": columns} | limit}
        for columns in groups
        for notion in NOTIONS
        for form, limit in limits.items()
    ]


def at(name: str, **settings) -> dict:
    return {"path": f"tests/data/model/{name}"} | settings


BINARY = metrics(DECIDED + SCORED) + dummies(DECIDED + SCORED) + fairness(["sex"], BOTH)
ZEROS = metrics(["rmse", "mae", "median_ae", "r2"]) + [metric("mape", limit=10**18)] + dummies(["rmse", "mae", "median_ae", "r2"])

CASES = [
    (
        "binary_integers",
        at("binary.parquet", positive=1),
        BINARY + averages() + sliced(DECIDED + SCORED) + fairness(["region"]) + [{"fairness": {"columns": ["region"], "min": 0}}],
    ),
    ("binary_positive_zero", at("binary.parquet", positive=0), metrics(DECIDED + SCORED) + fairness(["sex"])),
    ("binary_weighted", at("binary.parquet", weight="weight"), BINARY + averages() + sliced(DECIDED + SCORED)),
    ("binary_text", at("text.parquet", positive="yes"), BINARY + sliced(["recall", "roc_auc"])),
    ("binary_text_positive_no", at("text.parquet", positive="no"), metrics(DECIDED)),
    ("binary_text_without_positive", at("text.parquet"), metrics(DECIDED) + averages() + dummies(DECIDED) + sliced(["f1"])),
    ("binary_csv_weighted", at("text.csv", positive="yes", weight="weight"), BINARY + sliced(["precision", "log_loss"])),
    ("binary_boolean", at("boolean.parquet"), BINARY + averages() + sliced(["f1"]) + [metric("accuracy", by=["sex", "region"])]),
    (
        "binary_renamed",
        at("renamed.parquet", label="churned", prediction="says", score="p"),
        BINARY + averages() + [metric("accuracy", by="sex"), metric("brier", by=AGES)],
    ),
    (
        "binary_renamed_weighted",
        at("renamed.parquet", label="churned", prediction="says", score="p", weight="w", key="id"),
        BINARY + [metric("recall", by="sex")],
    ),
    ("binary_float32", at("float32.parquet"), metrics(SCORED) + dummies(SCORED) + [metric("ece", by="sex")]),
    ("binary_float32_certain", at("float32.parquet", score="certain"), metrics(["log_loss", "brier", "roc_auc"])),
    ("binary_as_many", at("edges.parquet"), metrics(DECIDED) + dummies(DECIDED)),
    ("binary_always_positive", at("edges.parquet", label="always"), metrics(DECIDED) + metrics(["f1"], average="macro")),
    ("binary_never_predicted", at("edges.parquet", prediction="never"), metrics(DECIDED) + metrics(["precision"], average="macro")),
    (
        "multiclass_text",
        at("classes_text.parquet"),
        metrics(DECIDED + SCORED) + averages() + dummies(DECIDED + SCORED) + sliced(["f1", "mcc", "roc_auc", "log_loss", "ece"]),
    ),
    (
        "multiclass_text_weighted",
        at("classes_text.parquet", weight="weight"),
        metrics(DECIDED + SCORED) + averages() + dummies(DECIDED + SCORED) + sliced(["balanced_accuracy", "average_precision", "brier"]),
    ),
    ("multiclass_integers", at("classes_integer.parquet"), metrics(DECIDED) + averages() + dummies(DECIDED) + sliced(["f1", "balanced_accuracy"])),
    (
        "multiclass_integers_weighted",
        at("classes_integer.parquet", weight="weight"),
        metrics(DECIDED) + averages() + dummies(DECIDED) + sliced(["recall", "mcc"]),
    ),
    ("regression_floats", at("regression.parquet"), metrics(REGRESSION) + dummies(REGRESSION) + sliced(REGRESSION)),
    ("regression_weighted", at("regression.parquet", weight="weight"), metrics(REGRESSION) + dummies(REGRESSION) + sliced(REGRESSION)),
    ("regression_integers", at("regression_integer.parquet"), metrics(REGRESSION) + dummies(REGRESSION) + sliced(["median_ae", "r2"])),
    ("regression_zeros", at("regression_zeros.parquet"), ZEROS),
    ("regression_zeros_weighted", at("regression_zeros.parquet", weight="weight"), ZEROS),
]


def write(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    tables = {
        "binary": binary(1, 800),
        "text": text(2, 700),
        "boolean": boolean(3, 700),
        "renamed": renamed(4, 500),
        "float32": float32(5, 500),
        "edges": edges(6, 200),
        "classes_text": classes_text(7, 900),
        "classes_integer": classes_integer(8, 900),
        "regression": regression(9, 900),
        "regression_integer": regression_integer(10, 600),
        "regression_zeros": regression_zeros(11, 401),
    }
    for name, table in tables.items():
        pq.write_table(table, folder / f"{name}.parquet")
    pa.csv.write_csv(tables["text"], folder / "text.csv")


def binary(seed: int, rows: int) -> pa.Table:
    """Integers, scores with ties, and weights that make another class the majority."""
    frame, random = scored(seed, rows, shift=-0.3)
    frame["score"] = frame["score"].round(2)
    at = random.choice(rows, 8 * len(EDGES), replace=False)
    frame.loc[at, "score"] = EDGES * 8
    frame["weight"] = weights(random, rows, np.where(frame["label"] == 1, 1.9, 1.0))
    return plain(frame)


def text(seed: int, rows: int) -> pa.Table:
    """Yes, the majority, and no. Commas and quotes in a column that nobody reads."""
    frame, random = scored(seed, rows, shift=0.6)
    for name in ("label", "prediction"):
        frame[name] = np.where(frame[name] == 1, "yes", "no")
    frame["weight"] = weights(random, rows, np.where(frame["label"] == frame["prediction"], 1.0, 1.5))
    frame["note"] = [f'row {row}, "quoted"' for row in range(rows)]
    return plain(frame)


def boolean(seed: int, rows: int) -> pa.Table:
    """Booleans; no woman lives in the west."""
    frame, _ = scored(seed, rows, shift=0.1)
    frame.loc[frame["region"] == "west", "sex"] = "m"
    for name in ("label", "prediction"):
        frame[name] = frame[name] == 1
    return plain(frame)


def renamed(seed: int, rows: int) -> pa.Table:
    """Labels are integers, predictions 0.0 and 1.0, and no column has its usual name."""
    frame, random = scored(seed, rows, shift=-1.0)
    frame["w"] = weights(random, rows, np.where(frame["sex"] == "f", 2.0, 1.0))
    frame["id"] = np.arange(rows)[::-1]
    frame["label"] = frame["label"].astype("int32")
    frame["prediction"] = frame["prediction"].astype("float64")
    return plain(frame.rename(columns={"label": "churned", "prediction": "says", "score": "p"}))


def float32(seed: int, rows: int) -> pa.Table:
    """`score` stays off 0 and 1; `certain` is at times exactly there, and wrong."""
    frame, random = scored(seed, rows, shift=0.0)
    frame.loc[random.choice(rows, 60, replace=False), "score"] = [0.1, 0.3, 0.6, 0.7, 0.9, 0.999999] * 10
    frame["certain"] = frame["score"]
    frame.loc[random.choice(rows, 40, replace=False), "certain"] = [0.0, 1.0] * 20
    return plain(frame.astype({"score": "float32", "certain": "float32"}))


def edges(seed: int, rows: int) -> pa.Table:
    """As many 0 as 1; a label that is always 1; a prediction that never is."""
    frame, random = scored(seed, rows, shift=0.0)
    frame["label"] = random.permutation(np.arange(rows) % 2)
    frame["prediction"] = np.where(random.random(rows) < 0.8, frame["label"], 1 - frame["label"])
    return plain(frame.assign(always=1, never=0))


def classes_text(seed: int, rows: int) -> pa.Table:
    """Four animals and their scores, some exactly 0 or 1, some tied at the top."""
    random = np.random.default_rng(seed)
    frame = people(random, rows)
    label = random.choice(4, rows, p=[0.4, 0.3, 0.2, 0.1])
    lift = np.where(frame["region"] == "west", 0.8, 1.9)
    logits = random.normal(0, 1.2, (rows, 4)) + lift[:, None] * np.eye(4)[label]
    scores = (np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)).round(4)
    top = scores.argmax(axis=1)
    scores[np.arange(rows), top] = (scores[np.arange(rows), top] + 1 - scores.sum(axis=1)).round(4)
    at = random.permutation(rows)
    for rows_so, values in ((at[:40], [1, 0, 0, 0]), (at[40:60], [0.5, 0.5, 0, 0]), (at[60:80], [0.4, 0.4, 0.2, 0])):
        scores[rows_so] = random.permuted(np.tile(values, (len(rows_so), 1)), axis=1)
    top = scores.argmax(axis=1)
    prediction = np.where(random.random(rows) < 0.08, random.integers(0, 4, rows), top)
    frame["label"] = pd.Categorical(np.array(ANIMALS)[label])
    frame["prediction"] = np.array(ANIMALS)[prediction]
    # Not in the order of the classes.
    for animal in reversed(ANIMALS):
        frame[f"score_{animal}"] = scores[:, ANIMALS.index(animal)]
    frame["weight"] = weights(random, rows, np.array([0.5, 1.0, 1.5, 2.5])[label])
    return plain(frame)


def classes_integer(seed: int, rows: int) -> pa.Table:
    """11 is never predicted, 7 is never the label; text would sort 10 before 2."""
    random = np.random.default_rng(seed)
    frame = people(random, rows)
    label = random.choice([2, 3, 10, 11], rows, p=[0.35, 0.3, 0.2, 0.15])
    keep = random.random(rows) < np.where(frame["region"] == "south", 0.55, 0.75)
    prediction = np.where(keep, label, random.choice([2, 3, 10], rows))
    prediction[prediction == 11] = 7
    frame["label"], frame["prediction"] = label, prediction.astype("int32")
    frame["weight"] = weights(random, rows, np.where(label == 11, 2.0, 1.0))
    return plain(frame)


def regression(seed: int, rows: int) -> pa.Table:
    """Floats, with heavy tails in the prediction's error; ages are floats, too."""
    random = np.random.default_rng(seed)
    frame = people(random, rows)
    frame["age"] = np.where(random.random(rows) < 0.5, frame["age"], (frame["age"] + random.random(rows)).round(2))
    spread = frame["region"].map({"north": 1.0, "south": 1.5, "east": 2.0, "west": 3.0})
    frame["label"] = (40 + 12 * random.normal(size=rows)).round(4)
    frame["prediction"] = (frame["label"] + spread * random.standard_t(3, rows) + 0.5).round(4)
    frame["weight"] = weights(random, rows, np.where(frame["label"] > 40, 2.0, 1.0))
    return plain(frame)


def regression_integer(seed: int, rows: int) -> pa.Table:
    random = np.random.default_rng(seed)
    frame = people(random, rows)
    frame["label"] = random.poisson(30, rows) + 1
    frame["prediction"] = frame["label"] + random.integers(-9, 8, rows)
    return plain(frame)


def regression_zeros(seed: int, rows: int) -> pa.Table:
    """Labels of 0, at times predicted. By weight the median error lies exactly between two rows,
    and between those in turn lies one whose weight is 0."""
    random = np.random.default_rng(seed)
    frame = people(random, rows)
    label = random.normal(0, 10, rows).round(2)
    prediction = (label + random.normal(0, 3, rows)).round(3)
    at = random.choice(rows, 40, replace=False)
    label[at] = 0.0
    prediction[at[:15]] = 0.0
    half = rows // 2
    order = np.argsort(np.abs(prediction - label), kind="stable")
    weight = np.zeros(rows)
    weight[order[:half]] = random.integers(1, 12, half) / 4
    weight[order[half + 1 :]] = random.permutation(weight[order[:half]])
    return plain(frame.assign(label=label, prediction=prediction, weight=weight))


def scored(seed: int, rows: int, shift: float) -> tuple[pd.DataFrame, np.random.Generator]:
    """Labels and predictions 0 and 1 with scores, unfair to some, and a few predictions that belie their score."""
    random = np.random.default_rng(seed)
    frame = people(random, rows)
    unfair = frame["region"].map({"north": 0.5, "south": 0.2, "east": -0.2, "west": -0.6}) + 0.3 * (frame["sex"] == "f")
    logit = random.normal(0, 1.6, rows) + shift + 0.5 * unfair
    frame["label"] = (random.random(rows) < sigmoid(logit)).astype(int)
    frame["score"] = sigmoid(1.3 * logit + random.normal(0, 0.7, rows) + unfair).round(6)
    frame["prediction"] = ((frame["score"] >= 0.5) ^ (random.random(rows) < 0.04)).astype(int)
    return frame, random


def people(random: np.random.Generator, rows: int) -> pd.DataFrame:
    """Every age from 18 to 80 occurs, those at the edges of bins among them."""
    return pd.DataFrame(
        {
            "region": random.choice(["north", "south", "east", "west"], rows, p=[0.35, 0.28, 0.2, 0.17]),
            "sex": random.choice(["f", "m"], rows, p=[0.45, 0.55]),
            "age": random.permutation(18 + np.arange(rows) % 63),
        }
    )


def weights(random: np.random.Generator, rows: int, factor: np.ndarray) -> np.ndarray:
    return (factor * random.gamma(2, 0.5, rows) + 0.05).round(3)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def plain(frame: pd.DataFrame) -> pa.Table:
    return pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(None)
