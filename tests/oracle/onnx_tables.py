"""The tables of onnx_models.py: 600 rows to train on, which are not kept, and 200 to predict, which are.

Numbers have four decimals, so that few of them are exact as 32-bit floats: a table is read as 64-bit, and a model
with a float input gets it rounded. Missing cells are null in Parquet and empty in CSV.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.datasets import make_classification, make_regression

TRAINED, KEPT = 600, 200
F = [f"f{index}" for index in range(8)]


@dataclass
class Table:
    """`train` has what `test` has; `test` is written, in the order of `columns`."""

    train: pd.DataFrame
    test: pd.DataFrame
    path: str


def all_tables() -> dict[str, Table]:
    three = numbers(make_classification(TRAINED + KEPT, 8, n_informative=5, n_classes=3, random_state=0))
    two = numbers(make_classification(TRAINED + KEPT, 8, random_state=0))
    target = numbers(make_regression(TRAINED + KEPT, 8, n_informative=5, noise=10, random_state=0))
    target["label"] = target["label"].round(3)

    three_text = three.assign(label=three["label"].map({0: "mid", 1: "low", 2: "high"}))
    two_text = two.assign(label=two["label"].map({0: "bad", 1: "good"}), id=range(TRAINED + KEPT))
    counts = two.assign(**{name: np.rint(two[name] * 3).astype(np.int64) for name in F})
    frames = {
        "three.parquet": three,
        "three_text.parquet": three_text,
        "three_missing.parquet": holes(three),
        "two.parquet": two,
        "two_missing.csv": holes(two),
        # In another order than the models want them, with a column that no model wants.
        "two_text.csv": two_text[["label", "f3", "f0", "id", "f7", "f6", "f5", "f4", "f2", "f1"]],
        "two_bool.parquet": two.assign(label=two["label"] == 1),
        "two_odd.parquet": two.assign(label=two["label"].map({0: 3, 1: 9})),
        "counts.parquet": counts,
        "large.parquet": large(),
        "regression.parquet": target,
        "regression_missing.parquet": holes(target),
        "mixed.csv": mixed(),
        "groups.parquet": groups(),
        "boolean.parquet": boolean(),
    }
    return {path.split(".")[0]: cut(frame, path) for path, frame in frames.items()}


def write(table: Table, folder: Path) -> None:
    if table.path.endswith(".csv"):
        table.test.to_csv(folder / table.path, index=False, lineterminator="\n")
    else:
        table.test.to_parquet(folder / table.path, index=False, compression="zstd")


def numbers(made: tuple[np.ndarray, np.ndarray]) -> pd.DataFrame:
    features, label = made
    return pd.DataFrame(features.round(4), columns=F).assign(label=label)


def holes(frame: pd.DataFrame) -> pd.DataFrame:
    """One cell in ten of the features is missing, and all of the last kept row."""
    missing = np.random.default_rng(1).random((len(frame), len(F))) < 0.1
    missing[-1] = missing[TRAINED] = True
    missing[0] = False
    return frame.assign(**{name: frame[name].mask(missing[:, index]) for index, name in enumerate(F)})


def mixed() -> pd.DataFrame:
    """Columns of several types; in the kept rows, cities that training never saw."""
    rng, rows = np.random.default_rng(2), TRAINED + KEPT
    cities = ["Paris", "Oslo", "Zürich", "São Paulo", "New York, NY"]
    frame = pd.DataFrame(
        {
            "age": rng.uniform(18, 90, rows).round(2),
            "visits": rng.poisson(3, rows),
            "income (EUR)": rng.lognormal(10, 0.6, rows).round(2),
            "city": rng.choice(cities, rows, p=[0.5, 0.25, 0.15, 0.09, 0.01]),
        }
    )
    drive = 0.04 * (frame["age"] - 50) + 0.4 * (frame["visits"] - 3) + (frame["city"] == "Paris") - 0.5
    frame["label"] = np.where(drive + rng.normal(0, 0.7, rows) > 0, "yes", "no")
    frame["spend"] = (frame["income (EUR)"] / 100 + 20 * frame["visits"] + rng.normal(0, 10, rows)).round(2)
    for row, city in {0: "Atlantis", 3: "paris", 8: " Paris", 13: "北京", 21: "NaN"}.items():
        frame.loc[TRAINED + row, "city"] = city
    return frame


def groups() -> pd.DataFrame:
    rng, rows = np.random.default_rng(3), TRAINED + KEPT
    frame = pd.DataFrame({f"n{index}": rng.normal(index, 1 + index, rows).round(4) for index in range(3)})
    frame["t0"] = rng.choice(["red", "green", "blue"], rows)
    frame["t1"] = rng.choice(["S", "M", "L", "XL"], rows)
    drive = frame["n0"] + frame["n2"] / 3 + (frame["t0"] == "red") - (frame["t1"] == "XL") - 0.7
    return frame.assign(label=(drive + rng.normal(0, 0.5, rows) > 0).astype(np.int64))


def boolean() -> pd.DataFrame:
    rng, rows = np.random.default_rng(4), TRAINED + KEPT
    frame = pd.DataFrame({"age": rng.uniform(18, 90, rows).round(2), "visits": rng.poisson(3, rows)})
    frame["member"] = rng.random(rows) < 0.4
    drive = 0.05 * (frame["age"] - 50) + 1.5 * frame["member"] - 0.6
    return frame.assign(label=drive + rng.normal(0, 0.5, rows) > 0)


def large() -> pd.DataFrame:
    """f0 is a time in seconds, of which the label depends; 32-bit floats are 128 apart there."""
    rng, rows = np.random.default_rng(7), TRAINED + KEPT
    frame = pd.DataFrame(rng.normal(0, 1, (rows, len(F))).round(4), columns=F)
    since = rng.integers(0, 3000, rows)
    drive = (since - 1500) / 800 + frame["f1"] + rng.normal(0, 0.3, rows)
    return frame.assign(f0=1_700_000_000 + since, label=(drive > 0).astype(np.int64))


def cut(frame: pd.DataFrame, path: str) -> Table:
    return Table(frame.iloc[:TRAINED].reset_index(drop=True), frame.iloc[TRAINED:].reset_index(drop=True), path)
