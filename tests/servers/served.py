"""What the model servers serve: rows, and models that were taught on other rows of the same kind. All of it is seeded.

Columns: `key`; `f0` a whole number; `f1` to `f7`; `region` a text; `label` 0 or 1; `amount` a number. Features are all
but `key`, `label` and `amount`, in that order.
"""

import json
import math
import os
import socket
import threading

import numpy as np
import pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

NUMBERS = [f"f{number}" for number in range(8)]
FEATURES = [*NUMBERS, "region"]
# One is not ASCII, and one has what CSV and JSON must escape.
REGIONS = ["north", "south", "Île-de-France", 'east, "far"']
LEARNT_FROM = 1


def rows(count, seed, missing=0.0):
    """`count` rows. Of `f7` and `region`, a share of `missing` is missing."""
    random = np.random.default_rng(seed)
    table = pd.DataFrame(random.normal(size=(count, 8)).round(6), columns=NUMBERS)
    table["f0"] = random.integers(18, 90, count)
    table["region"] = random.choice(REGIONS, count)
    pull = table["f1"] - 0.7 * table["f2"] + 0.02 * (table["f0"] - 50) + 0.8 * (table["region"] == "south")
    table["label"] = (pull + random.logistic(size=count) > 0).astype(int)
    table["amount"] = (100 + 20 * pull + random.normal(size=count)).round(4)
    for name in ["f7", "region"]:
        table.loc[random.random(count) < missing, name] = None
    table.insert(0, "key", [f"r{number}" for number in range(count)])
    return table


def classifier(features=FEATURES, names=None):
    """A pipeline whose labels are 0 and 1, or these two `names`."""
    table = rows(2000, LEARNT_FROM, missing=0.1)
    label = table["label"] if names is None else table["label"].map(dict(enumerate(names)))
    return pipeline(features, LogisticRegression()).fit(table[features], label)


def tensor_classifier():
    """A classifier of arrays of eight columns, without their names."""
    table = rows(2000, LEARNT_FROM)
    return make_pipeline(StandardScaler(), LogisticRegression()).fit(table[NUMBERS].to_numpy(float), table["label"])


def regressor():
    table = rows(2000, LEARNT_FROM, missing=0.1)
    return pipeline(FEATURES, LinearRegression()).fit(table[FEATURES], table["amount"])


def pipeline(features, model):
    numbers = [name for name in features if name in NUMBERS]
    texts = [name for name in features if name not in NUMBERS]
    # What is missing is none of the regions, however a server spells it.
    text = OneHotEncoder(categories=[REGIONS], handle_unknown="ignore")
    number = make_pipeline(SimpleImputer(), StandardScaler())
    return make_pipeline(make_column_transformer((number, numbers), (text, texts)), model)


class Frame:
    """A model that answers a table of label and score, and has no score where `f7` is missing."""

    def __init__(self, model):
        self.model = model

    def predict(self, table):
        score = self.model.predict_proba(table)[:, 1]
        label = (score >= 0.5).astype(int)
        return pd.DataFrame({"label": label, "score": np.where(table["f7"].isna(), np.nan, score)})


def plain(values):
    """What JSON can hold of predictions: lists, and null for a number that is none."""
    if isinstance(values, pd.DataFrame):
        return [{name: plain(value) for name, value in row.items()} for row in values.to_dict("records")]
    if isinstance(values, np.ndarray | pd.Series):
        return plain(values.tolist())
    if isinstance(values, list):
        return [plain(value) for value in values]
    return None if isinstance(values, float) and math.isnan(values) else values


def leave(folder, table, predictions):
    """Writes `rows.csv` and `predictions.json`, and says where they are."""
    table.to_csv(folder / "rows.csv", index=False, lineterminator="\n")
    text = json.dumps(predictions, ensure_ascii=False, allow_nan=False)
    (folder / "predictions.json").write_text(text, encoding="utf-8")
    print(f"rows {folder / 'rows.csv'}", flush=True)
    print(f"predictions {folder / 'predictions.json'}", flush=True)


def listening(port=0):
    """A socket of loopback that listens already, so that whoever is told its port can connect."""
    # Named TCP, or asyncio takes it for something else and leaves Nagle on: 40 ms for every answer.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen(1024)
    return listener


def end_with_input():
    """Ends this process when nobody holds the other end of its input any more."""

    def wait():
        # Not sys.stdin, whose lock would be in the way of an end with an error.
        while os.read(0, 1 << 16):
            pass
        os._exit(0)

    threading.Thread(target=wait, daemon=True).start()
