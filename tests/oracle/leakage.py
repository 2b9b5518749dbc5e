"""Writes tests/data/leakage and, of what pyarrow reads back there, leakage.json: what a table knows that it should not.

    pip install -r tests/oracle/requirements.txt
    python tests/oracle/leakage.py

Paths start at tests/data. `target` holds, as scikit-learn has them, the scores that each feature reaches alone:
target encoded out of five folds by the row's hash (fingerprint.py); numbers, dates and datetimes are cut at the
deciles of all rows. Of `kind` classes it is the area under the curve, the largest of one-vs-rest; of numbers R².
`also` holds what else gives the target away, by leakage_detail.py.
What is between training and test is counted by sets of Python's own values.
"""

import json
import math
import shutil
import sys
from collections.abc import Iterator
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

sys.dont_write_bytecode = True

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from sklearn.metrics import r2_score, roc_auc_score

import leakage_detail
from fingerprint import TIMES, row_hashes

DATA = Path(__file__).resolve().parents[1] / "data"
FOLDER = "leakage"
FOLDS, MOST_CLASSES, LIMIT = 5, 20, 0.95
NAN = float("nan")


def values(column: pa.ChunkedArray) -> list:
    """What is equal is equal: NaN is missing, a time is its nanoseconds since 1970, without a zone of UTC."""
    if pa.types.is_timestamp(column.type):
        unit = TIMES[column.type.unit]
        return [None if value is None else value * unit for value in column.cast(pa.int64()).to_pylist()]
    return [None if isinstance(value, float) and math.isnan(value) else value for value in column.to_pylist()]


def number(value) -> float:
    return float(value.toordinal() if isinstance(value, date) else value)


def is_numeric(kind: pa.DataType) -> bool:
    return pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)


def categories(column: pa.ChunkedArray) -> np.ndarray:
    """A number for each category; missing is one, a bin without its lower edge is one."""
    cells, codes = values(column), {}
    if is_numeric(column.type) or pa.types.is_temporal(column.type):
        present = [number(value) for value in cells if value is not None]
        edges = np.unique(np.quantile(present, np.arange(1, 10) / 10)) if present else []
        cells = [None if value is None else int(np.searchsorted(edges, number(value), side="left")) for value in cells]
    return np.array([codes.setdefault(value, len(codes)) for value in cells])


def encoded(codes: np.ndarray, folds: np.ndarray, target: np.ndarray) -> np.ndarray:
    """For each row its category's mean of the target in the other folds; a category not in them: that of all rows."""
    means = np.full(len(target), target.mean())
    for fold in range(FOLDS):
        inside = folds == fold
        count = np.bincount(codes[~inside], minlength=codes.max() + 1)
        total = np.bincount(codes[~inside], target[~inside], minlength=codes.max() + 1)
        known = inside & (count[codes] > 0)
        means[known] = total[codes[known]] / count[codes[known]]
    return means


def kind_of(column: pa.ChunkedArray) -> str:
    present = {value for value in values(column) if value is not None}
    whole = all(value == int(value) for value in present) if is_numeric(column.type) else True
    return "numbers" if is_numeric(column.type) and (len(present) > MOST_CLASSES or not whole) else "classes"


def score(codes: np.ndarray, folds: np.ndarray, target: list, kind: str) -> float:
    if kind == "numbers":
        of = np.array([number(value) for value in target])
        return float(r2_score(of, encoded(codes, folds, of)))
    rests = (np.array([value == one for value in target], float) for one in sorted(set(target)))
    return max(float(roc_auc_score(of, encoded(codes, folds, of))) for of in rests)


def target_leakage(path: str, target: str) -> dict:
    table = read(path)
    labels, kind = values(table[target]), kind_of(table[target])
    rows = [row for row, label in enumerate(labels) if label is not None]
    folds = np.array([hash % FOLDS for hash in row_hashes(table)])[rows]
    present = [labels[row] for row in rows]
    features = [name for name in table.column_names if name != target]
    codes = {name: categories(table[name])[rows] for name in features}
    scores = {name: score(codes[name], folds, present, kind) for name in features}
    # What else is reported: where the score of the feature says nothing, and something else does.
    also = {}
    for name in features:
        about = values(table[name]), table[name].type, rows, codes[name], folds, present, kind, scores[name], encoded
        found = leakage_detail.best(*about) if scores[name] <= LIMIT else None
        if found is not None and found > LIMIT:
            also[name] = found
    return {"path": path, "target": target, "kind": kind, "scores": scores, "also": also}


def share(rows: int, table: pa.Table) -> dict:
    return {"rows": rows, "percent": 100 * rows / table.num_rows}


def overlap(train: str, test: str, columns: list[str] | None = None) -> dict:
    def rows(table):
        return zip(*(values(table[name]) for name in columns or read(train).column_names), strict=True)

    seen = set(rows(read(train)))
    count = sum(row in seen for row in rows(read(test)))
    return {"train": train, "test": test, "columns": columns} | share(count, read(test))


def group(train: str, test: str, column: str) -> dict:
    known = set(values(read(train)[column])) - {None}
    count = sum(value in known for value in values(read(test)[column]))
    return {"train": train, "test": test, "column": column} | share(count, read(test))


def new_categories(train: str, test: str, columns: list[str] | None = None) -> dict:
    """Of the columns named, or of those of text."""
    old, new, counts = read(train), read(test), {}
    for name in columns or [field.name for field in new.schema if is_text(field.type)]:
        known = set(values(old[name])) | {None}
        counts[name] = share(sum(value not in known for value in values(new[name])), new)
    return {"train": train, "test": test, "columns": counts}


def is_text(kind: pa.DataType) -> bool:
    return pa.types.is_dictionary(kind) or pa.types.is_string(kind) or pa.types.is_large_string(kind)


def time(train: str, test: str, column: str) -> dict:
    newest, oldest = max(instants(read(train)[column])), min(instants(read(test)[column]))
    said = {"newest": rfc_3339(newest), "oldest": rfc_3339(oldest)}
    return {"train": train, "test": test, "column": column} | said | {"passes": oldest > newest}


def instants(column: pa.ChunkedArray) -> list[int]:
    if pa.types.is_date(column.type):
        column = column.cast(pa.timestamp("ms"))
    return [value for value in values(column) if value is not None]


def rfc_3339(nanoseconds: int) -> str:
    seconds, rest = divmod(nanoseconds, 10**9)
    whole = datetime(1970, 1, 1) + timedelta(seconds=seconds)
    return f"{whole.isoformat()}{f'.{rest:09}'.rstrip('0').rstrip('.')}Z"


def read(path: str) -> pa.Table:
    return pq.ParquetFile(DATA / path).read()


# What is asked: the tables are below.


def answers() -> dict[str, list[dict]]:
    scored = {"honest": ["label", "city", "active", "income", "price", "visits"]}
    scored |= {name: ["label"] for name in targets(np.random.default_rng(0)) if name not in scored}
    pairs = {"all": [None, ["city"], ["city", "at"], ["x", "y"]], "same": [None], "apart": [None], "near_miss": [None]}
    pairs |= {"zones": [None]}
    entities = ["patient", "clinic", "ward", "score", "visit", "nobody"]
    groups = [("all", "city"), *(("groups", name) for name in entities)]
    times = ["later", "same", "earlier", "one_late", "unit", "zone", "day", "next_day", "nanosecond", "ancient"]

    def both(name):
        return f"{FOLDER}/{name}_train.parquet", f"{FOLDER}/{name}_test.parquet"

    return {
        "target": [target_leakage(f"{FOLDER}/{name}.parquet", target) for name, of in scored.items() for target in of],
        "overlap": [overlap(*both(name), columns) for name, asked in pairs.items() for columns in asked],
        "group": [group(*both(name), column) for name, column in groups],
        "new_categories": [new_categories(*both(name)) for name in ("all", "categories")]
        + [new_categories(*both("categories"), columns) for columns in (["colour"], ["code"], ["flag"])],
        "time": [time(*both("times"), column) for column in times],
    }


# Targets.


def targets(random: np.random.Generator) -> dict[str, pa.Table]:
    return {
        "honest": honest(random),
        "copied": copied(random),
        "made_from_the_label": made_from_the_label(random),
        "identifiers": identifiers(random),
        "entities": entities(random),
        "three_classes": three_classes(random),
        "rare_class": rare_class(random),
        "numbers": numbers(random),
        "numbers_leaking": numbers_leaking(random),
        "numbers_skewed": numbers_skewed(random),
        "fractions": few_numbers(random, np.arange(4) / 2),
        "twenty_numbers": few_numbers(random, np.arange(20)),
        "twenty_one_numbers": few_numbers(random, np.arange(21)),
        "missing_tells": missing_tells(random),
        "boolean": boolean(random),
        "repeated_rows": repeated_rows(random),
        **leakage_detail.tables(random),
    }


def sparse(random: np.random.Generator, cells, share: float = 0.05, missing=(None,)) -> list:
    return [missing[row % len(missing)] if random.random() < share else cell for row, cell in enumerate(list(cells))]


def chance(random: np.random.Generator, share) -> list[int]:
    return (random.random(len(share)) < share).astype(int).tolist()


def honest(random: np.random.Generator, rows: int = 1204) -> pa.Table:
    """Every type, each a little or not at all telling; missing in either spelling; many equal numbers."""
    age, income = random.integers(18, 80, rows), np.round(random.lognormal(10, 0.5, rows))
    city = random.choice(["Köln", "Berlin", "", "東京", "Bonn"], rows).tolist()
    label = chance(random, 1 / (1 + np.exp(-(age - 50) / 20 - (np.array(city) == "Bonn"))))
    days = random.integers(0, 700, rows).tolist()
    seconds = [1_700_000_000 + 86_400 * day + int(s) for day, s in zip(days, random.integers(0, 86_400, rows))]
    prices = [Decimal(int(cents)) / 100 for cents in random.integers(-500, 5000, rows)]
    return pa.table(
        {
            "age": pa.array(sparse(random, age.tolist()), pa.int8()),
            "income": pa.array(sparse(random, income.tolist(), 0.2, (None, NAN)), pa.float64()),
            "small": pa.array(np.round(random.normal(size=rows), 1), pa.float32()),
            "visits": pa.array(np.maximum(0, random.integers(-14, 9, rows)), pa.uint64()),
            "signed_zero": pa.array(random.choice([-0.0, 0.0, 1.0], rows), pa.float64()),
            "price": pa.array(sparse(random, prices), pa.decimal128(10, 2)),
            "city": pa.array(sparse(random, city), pa.string()),
            "colour": pa.array(sparse(random, random.choice(["red", "green"], rows).tolist())).dictionary_encode(),
            "active": pa.array(sparse(random, (random.random(rows) < 0.6).tolist()), pa.bool_()),
            "joined": pa.array(sparse(random, [date(2023, 1, 1) + timedelta(day) for day in days]), pa.date32()),
            "seen": pa.array(sparse(random, [s * 1000 for s in seconds]), pa.timestamp("ms", "Europe/Berlin")),
            "constant": pa.array([7] * rows, pa.int64()),
            "nothing": pa.array([None] * rows, pa.float64()),
            "nothing_but_nan": pa.array([NAN] * rows, pa.float64()),
            "label": pa.array(label, pa.int32()),
        }
    )


def noise(random: np.random.Generator, rows: int) -> dict[str, pa.Array]:
    number, text = np.round(random.normal(size=rows), 2), random.choice(list("abcd"), rows).tolist()
    return {"noise": pa.array(number, pa.float64()), "letter": pa.array(text, pa.string())}


def copied(random: np.random.Generator, rows: int = 1000) -> pa.Table:
    """Copies of the label, with 2 % of them wrong; one of them the other way round, which is not folded over 0.5."""
    label = random.random(rows) < 0.3
    wrong = label ^ (random.random(rows) < 0.02)
    return pa.table(
        noise(random, rows)
        | {
            "copy": pa.array(wrong.astype(int), pa.int16()),
            "reverse": pa.array((~wrong).astype(float), pa.float64()),
            "word": pa.array(np.where(wrong, "defaulted", "paid").tolist(), pa.string()),
            "label": pa.array(np.where(label, "yes", "no").tolist(), pa.string()),
        }
    )


def made_from_the_label(random: np.random.Generator, rows: int = 900) -> pa.Table:
    """A label of floats, missing in either spelling; the numbers of those rows still count for the deciles."""
    label = chance(random, np.full(rows, 0.5))
    made = np.round(np.array(label) * 4 + random.normal(size=rows), 2)
    kept = sparse(random, map(float, label), 0.1, (None, NAN))
    # What has no label lies far away, so that deciles without those rows are others.
    moved = [value + 50 if one is None or math.isnan(one) else value for value, one in zip(made.tolist(), kept)]
    return pa.table(noise(random, rows) | {"made": pa.array(made), "moved": pa.array(moved), "label": pa.array(kept)})


def identifiers(random: np.random.Generator, rows: int = 600) -> pa.Table:
    """Each row its own text: 0.5. By number, rows are as in time, and the label depends on that."""
    label = chance(random, np.linspace(0.1, 0.9, rows))
    ids = {"text_id": [f"id-{row:04}" for row in random.permutation(rows)], "id": list(range(rows))}
    return pa.table(ids | noise(random, rows) | {"label": pa.array(label, pa.int8())})


def entities(random: np.random.Generator, count: int = 150, each: int = 8) -> pa.Table:
    """Each patient has one label and several rows; of some patients there is one row alone."""
    order = random.permutation([*np.repeat(np.arange(count), each), *range(count, count + 60)])
    label = np.array(chance(random, np.full(count + 60, 0.4)))[order]
    names = pa.array([None if entity == 3 else f"patient {entity}" for entity in order], pa.string())
    return pa.table({"patient": names} | noise(random, len(order)) | {"label": pa.array(label, pa.int64())})


def three_classes(random: np.random.Generator, rows: int = 900) -> pa.Table:
    """One feature tells one class from the others; another leaks all three; a label of text may be missing."""
    label = random.integers(0, 3, rows)
    names, one = np.array(["über", "Zebra", "ant"])[label], np.round(random.normal(size=rows) + 3 * (label == 1), 2)
    wrong = np.where(random.random(rows) < 0.1, random.integers(0, 3, rows), label)
    kept = pa.array(sparse(random, names.tolist()), pa.string())
    leaks = {"one_class": pa.array(one), "all_classes": pa.array(wrong, pa.int8())}
    return pa.table(leaks | noise(random, rows) | {"label": kept})


def rare_class(random: np.random.Generator, rows: int = 400) -> pa.Table:
    """A class of one row, and one of two."""
    label = [*random.choice(["a", "b"], rows - 3).tolist(), "once", "twice", "twice"]
    return pa.table(noise(random, rows) | {"label": pa.array(label).dictionary_encode()})


def numbers(random: np.random.Generator, rows: int = 800) -> pa.Table:
    """Whole ones, weakly connected with their features, so that some R² are negative."""
    days = random.integers(0, 300, rows)
    label = np.round(200 + days / 10 + 30 * random.normal(size=rows)).tolist()
    day = pa.array([date(2024, 1, 1) + timedelta(int(day)) for day in days], pa.date32())
    many = pa.array([f"shop {shop}" for shop in random.integers(0, 300, rows)], pa.string())
    target = pa.array(sparse(random, map(int, label)), pa.int32())
    return pa.table({"day": day, "shop": many} | noise(random, rows) | {"label": target})


def numbers_leaking(random: np.random.Generator, rows: int = 800) -> pa.Table:
    """Deciles of what is nearly the target still leave something to guess."""
    label = np.round(random.normal(100, 20, rows), 2)
    close = np.round(label + random.normal(size=rows), 1)
    band = [f"{int(value // 5)}" for value in label]
    at = [int(1_700_000_000 + value * 10_000) * 10**6 for value in label]
    return pa.table(
        {
            "close": pa.array(sparse(random, close.tolist()), pa.float64()),
            "band": pa.array(sparse(random, band), pa.string()),
            "at": pa.array(at, pa.timestamp("us")),
        }
        | noise(random, rows)
        | {"label": pa.array(sparse(random, label.tolist(), 0.03, (None, NAN)), pa.float64())}
    )


def numbers_skewed(random: np.random.Generator, rows: int = 600) -> pa.Table:
    """Of a number with a long tail, its deciles tell less: even a copy of it scores far below 1."""
    label = np.round(random.lognormal(10, 1, rows))
    worth, text = pa.array(label, pa.float64()), pa.array([f"{int(value) // 5000}" for value in label], pa.string())
    return pa.table({"copy": worth, "text": text} | noise(random, rows) | {"label": label.astype(int)})


def few_numbers(random: np.random.Generator, of: np.ndarray, rows: int = 500) -> pa.Table:
    """Whether these are classes or numbers, how many there are and their fractions say."""
    label = random.choice(of, rows)
    label[: len(of)] = of
    close = np.round(label + random.normal(scale=float(of.max()) / 4, size=rows), 2)
    return pa.table({"close": pa.array(close)} | noise(random, rows) | {"label": pa.array(label.astype(float))})


def missing_tells(random: np.random.Generator, rows: int = 700) -> pa.Table:
    """A number and a text that are missing exactly where the label is 1."""
    label = np.array(chance(random, np.full(rows, 0.25)))

    def without(cells, missing=None):
        return [missing if one else cell for one, cell in zip(label, cells, strict=True)]

    paid = np.round(random.normal(size=rows), 2).tolist()
    return pa.table(
        noise(random, rows)
        | {
            "null": pa.array(without(paid), pa.float64()),
            "nan": pa.array(without(paid, NAN), pa.float64()),
            "text": pa.array(without(random.choice(["", "x"], rows).tolist()), pa.string()),
            "day": pa.array(without([date(2024, 1, 1) + timedelta(int(day)) for day in random.integers(0, 99, rows)])),
            "label": pa.array(label, pa.int64()),
        }
    )


def boolean(random: np.random.Generator, rows: int = 600) -> pa.Table:
    words = random.choice(["a", "A", "a ", "", "NA", "é", "e\u0301"], rows)
    label = chance(random, np.where(np.isin(words, ["a", "", "é"]), 0.8, 0.2))
    flag = [bool(one) ^ bool(random.random() < 0.25) for one in label]
    return pa.table(
        {
            "word": pa.array(sparse(random, words.tolist()), pa.string()),
            "category": pa.array(words.tolist()).dictionary_encode(),
            "flag": pa.array(sparse(random, flag), pa.bool_()),
        }
        | noise(random, rows)
        | {"label": pa.array(sparse(random, map(bool, label)), pa.bool_())}
    )


def repeated_rows(random: np.random.Generator, rows: int = 250) -> pa.Table:
    """Each row three times: equal rows share a fold, so an identifier tells nothing."""
    label = chance(random, np.full(rows, 0.5))
    once = pa.table({"id": [f"id {row}" for row in range(rows)]} | noise(random, rows) | {"label": label})
    return once.take(random.permutation(np.repeat(np.arange(rows), 3)))


# Training and test.


def pairs(random: np.random.Generator) -> Iterator[tuple[str, pa.Table, pa.Table]]:
    train = [mixed_row(random) for _ in range(300)]
    yield "all", *mixed_pair(random, train)
    same = in_training(train[:120])
    yield "same", same, in_test([train[row] for row in random.permutation(120)])
    yield "apart", same, in_test([row | {"n": row["n"] + 1000} for row in train[:80]])
    yield "near_miss", *near_miss()
    yield "zones", *zones()
    yield "groups", *grouped(random)
    yield "categories", *categorised(random)
    yield "times", *timed()


def mixed_row(random: np.random.Generator) -> dict:
    def maybe(value):
        return None if random.random() < 0.1 else value

    return {
        "n": int(random.integers(0, 200)),
        "x": maybe(int(random.integers(-8, 9)) / 4),
        "y": maybe(int(random.integers(-3, 4)) / 4),
        "city": maybe(str(random.choice(["Köln", "", "Berlin", "東京"]))),
        "flag": maybe(bool(random.random() < 0.5)),
        "cost": maybe(Decimal(int(random.integers(0, 300))) / 100),
        "day": maybe(date(2024, 1, 1) + timedelta(int(random.integers(0, 30)))),
        "at": maybe(1_700_000_000_000 + int(random.integers(0, 90)) * 86_400_500),
    }


def in_training(rows: list[dict]) -> pa.Table:
    kinds = [pa.int32(), pa.float64(), pa.float32(), pa.dictionary(pa.int32(), pa.string()), pa.bool_()]
    kinds += [pa.decimal128(8, 2), pa.date32(), pa.timestamp("ms")]
    return typed(rows, kinds)


def in_test(rows: list[dict]) -> pa.Table:
    """The same values in other types, the columns in another order."""
    kinds = [pa.int64(), pa.float64(), pa.float64(), pa.string(), pa.bool_()]
    kinds += [pa.decimal128(12, 4), pa.date32(), pa.timestamp("us")]
    finer = [row | {"at": row["at"] and row["at"] * 1000} for row in rows]
    table = typed(finer, kinds)
    return table.select(table.column_names[::-1])


def typed(rows: list[dict], kinds: list[pa.DataType]) -> pa.Table:
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    return pa.table({name: pa.array(columns[name], kind) for name, kind in zip(columns, kinds, strict=True)})


def mixed_pair(random: np.random.Generator, train: list[dict]) -> tuple[pa.Table, pa.Table]:
    """Of 170 test rows, 30 or so are copies: as they are, missing otherwise spelt, zero otherwise signed, repeated."""
    fresh = [mixed_row(random) | {"n": 200 + row} for row in range(140)]
    train[0] |= {"x": 0.0, "y": -0.0}
    train[1] |= {"x": -0.0, "y": 0.0}
    train[2] |= {"x": None, "y": NAN}
    train[3] |= {"x": NAN, "y": None}
    train[4] |= {name: None for name in train[4] if name != "n"}
    copies = [dict(train[row]) for row in [0, 1, 2, 3, 4, 4, *range(40, 62)]]
    copies[0] |= {"x": -0.0, "y": 0.0}
    copies[1] |= {"x": 0.0, "y": -0.0}
    copies[2] |= {"x": NAN, "y": None}
    copies[3] |= {"x": None, "y": NAN}
    copies[4] |= {"x": NAN}
    # A hair's breadth from a copy.
    copies.append(train[62] | {"y": 0.1})
    copies.append(train[63] | {"city": "kÖln"})
    test = fresh + copies
    return in_training(train), in_test([test[row] for row in random.permutation(len(test))])


def near_miss() -> tuple[pa.Table, pa.Table]:
    """Each test row but the last looks like the training row at its place."""
    train = {
        "a": ["ab", "a", None, "", "x", "1", "é", "end"],
        "b": ["c", None, "a", "", "X", "1", "e", "end"],
        "n": [2**53, 2**53 + 1, 0, None, 2**63 - 1, 1, 7, 7],
        "x": [0.1, 0.0, None, NAN, 1e300, 1.0, 5e-324, 0.5],
    }
    test = {
        "a": ["a", None, "a", None, "x", "1 ", "e\u0301", "end"],
        "b": ["bc", "a", None, "", "x", "1", "e", "end"],
        "n": [2**53, 2**53 + 1, 0, None, 2**63 - 1, 1, 7, 7],
        "x": [0.1, -0.0, NAN, None, 1e300, 1.0, 5e-324, 0.5],
    }
    # The same but for one number, which 64-bit floats cannot tell apart or which is next to it.
    for n, x in ((2**53 + 1, 0.1), (2**53, np.nextafter(0.1, 1)), (2**53, None)):
        for name, value in (("a", "ab"), ("b", "c"), ("n", n), ("x", x)):
            test[name].append(value)
    kinds = [pa.string(), pa.string(), pa.int64(), pa.float64()]
    return tuple(
        pa.table({name: pa.array(cells, kind) for (name, cells), kind in zip(table.items(), kinds, strict=True)})
        for table in (train, test)
    )


def zones() -> tuple[pa.Table, pa.Table]:
    """A time without zone is one of UTC; noon in Berlin is not."""
    hours = [1_720_000_000_000 + hour * 3_600_000 for hour in range(24)]
    train = pa.table({"at": pa.array(hours, pa.timestamp("ms")), "in": pa.array(hours, pa.timestamp("ms", "UTC"))})
    local = pc.local_timestamp(pa.array(hours, pa.timestamp("ms", "Europe/Berlin")))
    tokyo = pa.array(hours, pa.timestamp("ms", "Asia/Tokyo"))
    utc = pa.table({"at": pa.array(hours, pa.timestamp("ms", "UTC")), "in": tokyo})
    wall = pa.table({"at": local.cast(pa.timestamp("ms", "UTC")), "in": tokyo})
    return train, pa.concat_tables([utc.slice(0, 10), wall.slice(10)])


def grouped(random: np.random.Generator) -> tuple[pa.Table, pa.Table]:
    def table(people, clinics, wards, text, whole):
        count = len(people)
        cells = {
            "patient": sparse(random, [f"patient {person}" if person else "" for person in people], 0.1),
            "clinic": sparse(random, random.choice(clinics, count).tolist(), 0.1),
            "ward": sparse(random, random.choice(wards, count).tolist(), 0.1),
            "score": sparse(random, (random.integers(0, 60, count) / 4).tolist(), 0.2, (None, NAN)),
            "visit": [date(2024, 1, 1) + timedelta(int(day)) for day in random.integers(0, 400, count)],
            "nobody": [None] * count,
        }
        kinds = text, whole, pa.string(), pa.float64(), pa.date32(), pa.string()
        return pa.table({name: pa.array(cells[name], kind) for name, kind in zip(cells, kinds, strict=True)})

    category = pa.dictionary(pa.int32(), pa.string())
    train = table(random.integers(0, 60, 250), range(0, 30), list("abc"), category, pa.int32())
    return train, table(random.integers(0, 90, 130), range(25, 60), list("xyz"), pa.string(), pa.int64())


def categorised(random: np.random.Generator) -> tuple[pa.Table, pa.Table]:
    """Unseen are others in case, composition or blanks, and the empty text; a missing one never is."""
    words, rows = ["red", "green", "blue", "é"], 90
    new = [*words * 20, "Red", "red ", "e\u0301", "", "", "violet", "violet", None, None, None]
    colours = sparse(random, random.choice(words, rows).tolist(), 0.1)
    train = pa.table(
        {
            "colour": pa.array(colours, pa.string()),
            "category": pa.array(colours).dictionary_encode(),
            "never": pa.array([None] * rows, pa.string()),
            "always": pa.array(["same"] * rows, pa.string()),
            "code": pa.array(random.integers(0, 9, rows), pa.int32()),
            "flag": pa.array([True] * rows, pa.bool_()),
        }
    )
    test = pa.table(
        {
            "colour": pa.array(new, pa.string()).dictionary_encode(),
            "category": pa.array(new[::-1], pa.string()),
            "never": pa.array(new, pa.string()),
            "always": pa.array(["same"] * rows, pa.string()),
            "code": pa.array(sparse(random, random.integers(3, 12, rows).tolist(), 0.1), pa.int64()),
            "flag": pa.array([None, False, True] * 30, pa.bool_()),
        }
    )
    return train, test


def timed() -> tuple[pa.Table, pa.Table]:
    """Forty days of training; then of test, twenty."""
    start, day = 1_704_067_200, 86_400
    old, new = [start + day * index for index in range(40)], [start + day * index for index in range(40, 60)]
    last, berlin = old[-1], timezone(timedelta(hours=1))
    first = datetime(2024, 1, 1, tzinfo=berlin)

    def seconds(cells, unit="ms", zone=None):
        factor = {"ms": 1000, "us": 10**6, "ns": 10**9}[unit]
        return pa.array([None if cell is None else int(cell * factor) for cell in cells], pa.timestamp(unit, zone))

    def days(cells):
        return pa.array([None if cell is None else cell // day for cell in cells], pa.int32()).cast(pa.date32())

    train = {
        "later": seconds([None, *old[1:]]),
        "same": seconds(old),
        "earlier": seconds(old[::-1]),
        "one_late": seconds([*old[:-1], new[5]]),
        "unit": seconds(old),
        "zone": pa.array([first + timedelta(days=index) for index in range(40)], pa.timestamp("us", "Europe/Berlin")),
        "day": days(old),
        "next_day": days(old),
        "nanosecond": seconds(old, "ns"),
        "ancient": seconds([-(index + 2) * day * 40_000 / 40 for index in range(40)]),
    }
    test = {
        "later": seconds([*new[:-1], None]),
        "same": seconds([last, *new[1:]]),
        "earlier": seconds(old[:20]),
        "one_late": seconds(new),
        "unit": seconds([last + 0.001, *new[1:]], "us"),
        "zone": seconds([last - 3600 + 1, *new[1:]]),  # one second later than the last midnight of Berlin
        "day": days([last, *new[1:]]),
        "next_day": days([None, *new[1:]]),
        "nanosecond": pa.array([last * 10**9 + 1, *(value * 10**9 for value in new[1:])], pa.timestamp("ns")),
        "ancient": seconds([-day * index for index in range(20)]),
    }
    return pa.table(train), pa.table(test)


def write(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    tables = targets(np.random.default_rng(20261127))
    for name, train, test in pairs(np.random.default_rng(20261128)):
        tables |= {f"{name}_train": train, f"{name}_test": test}
    for name, table in tables.items():
        pq.write_table(table, folder / f"{name}.parquet", compression="zstd", write_statistics=False)


def main() -> None:
    write(DATA / FOLDER)
    lists = {name: ",\n".join(json.dumps(item, allow_nan=False) for item in items) for name, items in answers().items()}
    text = ",\n".join(f'"{name}": [\n{items}\n]' for name, items in lists.items())
    Path(__file__).with_name("leakage.json").write_text(f"{{\n{text}\n}}\n", encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
