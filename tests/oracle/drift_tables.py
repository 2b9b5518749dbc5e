"""Writes tests/data/drift and, of what pyarrow reads back there, drift_expected.json: whole runs of `drift`.

    pip install -r tests/oracle/requirements.txt
    python tests/oracle/drift_tables.py

make.py empties tests/data: run this after it. Effects and p-values are those of drift.py; what is added here is which
of them a method takes, one family of hypotheses a run, and what drifted. Nothing is within 1e-4 of its limit.
"""

import json
import math
import sys
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

sys.dont_write_bytecode = True

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from drift import chi_squared, of_categories, of_missing, of_numbers, some
from scipy import special, stats
from scipy.spatial.distance import jensenshannon

HERE = Path(__file__).resolve().parent
FOLDER = "tests/data/drift"
DATA = HERE.parents[1] / FOLDER

METHODS = ["auto", "psi", "jensen_shannon", "chi_squared", "ks", "wasserstein"]
RUNS = [("reference", "current", method) for method in METHODS]
RUNS += [("big_reference", "big_current", method) for method in METHODS]
RUNS += [("reference", "small", "auto"), ("small", "current", "auto")]
THRESHOLDS = dict(psi=0.2, jensen_shannon=0.1, chi_squared=0.1, ks=0.1, wasserstein=0.1)
ALPHA, POINTS, ENOUGH = 0.05, 10, 30

DAY = datetime(2024, 1, 1)
UTC, BERLIN = (pa.timestamp("us", zone) for zone in ("UTC", "Europe/Berlin"))
CATEGORY = pa.dictionary(pa.int32(), pa.string())


def write():
    random = np.random.default_rng(20261127)
    DATA.mkdir(parents=True, exist_ok=True)
    tables = dict(reference=table(random, 400, False), current=table(random, 350, True), small=table(random, 20, True))
    tables |= dict(big_reference=big(random, False), big_current=big(random, True))
    for name, columns in tables.items():
        pq.write_table(columns, DATA / f"{name}.parquet")


def table(random, rows, later):
    """As it was, or as it is later."""

    def holes(values, was, now):
        empty = random.permutation(rows) < round(rows * (now if later else was))
        return [None if gone else value for value, gone in zip(values, empty)]

    def drawn(was, now=None):
        weights = now if later and now else was
        return random.choice(list(weights), rows, p=np.array([*weights.values()]) / sum(weights.values())).tolist()

    def instants(days):
        return [DAY + timedelta(microseconds=int(x)) for x in random.integers(0, days * 86_400_000_000, rows)]

    numbers = np.round(random.triangular(0, 90_000 if later else 50_000, 100_000, rows)).astype(int).tolist()
    dates = [date(1965, 1, 1) + timedelta(days=int(x)) for x in random.integers(0, 4000, rows)]
    zoned = [x.replace(tzinfo=timezone.utc) for x in instants(365)]
    prices = [Decimal(int(x)).scaleb(-2) for x in random.normal(5200 if later else 5000, 1000, rows)]
    gaps = [math.nan if x is None and i % 2 else x for i, x in enumerate(holes(some(random, rows), 0.03, 0.16))]
    rare = {"plain": 60, "odd": 36, "": 3, "null": 0.5, "ü": 0.3, "🦀": 0.2}
    columns = {
        "float_shifted": some(random, rows, 0.6 if later else 0),
        "float_same": some(random, rows),
        "integer_few": random.integers(0, 5, rows).tolist(),
        "integer_many": numbers,
        "text_drifted": holes(drawn({"a": 5, "b": 3, "c": 2}, {"a": 3, "b": 3, "c": 3, "d": 1}), 0.05, 0.06),
        "text_same": drawn(rare),
        "boolean_drifted": drawn({True: 7, False: 3}, {True: 45, False: 55}),
        "date_found_again": holes(dates, 0.2, 0.04),
        "datetime_later": [x + timedelta(days=60 * later) for x in instants(180)],
        "datetime_zoned": pa.array(zoned, UTC if later else BERLIN),
        "decimal": pa.array(prices, pa.decimal128(10, 2)),
        "float_missing": pa.array(gaps, pa.float64(), from_pandas=False),
        "constant": [7] * rows,
        "outside": some(random, rows, 50 if later else 0),
        "category": pa.array(
            holes(drawn({"red": 5, "green": 4, "blue": 1}), 0.01, 0), pa.string() if later else CATEGORY
        ),
        "mostly_missing_before": holes(some(random, rows), 0.95, 0.6),
        "mostly_missing": holes(some(random, rows), 0.95, 0.94),
    }
    return pa.table(columns)


def big(random, later):
    letters = random.choice(list("abc"), (2, 1500), p=[0.5, 0.3, 0.2])
    letters[0, : 300 * later] = "c"
    columns = dict(float_shifted=some(random, 1500, 0.25 * later), float_same=some(random, 1500))
    return pa.table(columns | dict(text_drifted=letters[0].tolist(), text_same=letters[1].tolist()))


def plain(column):
    """Whether these are numbers, and the values; None is missing."""
    kind = column.type
    if pa.types.is_temporal(kind):
        column = column.cast(pa.timestamp("us", getattr(kind, "tz", None))).cast(pa.int64())
    elif pa.types.is_decimal(kind):
        column = [None if x is None else float(x) for x in column.to_pylist()]
    elif pa.types.is_dictionary(kind):
        column = column.cast(pa.string())
    values = column if isinstance(column, list) else column.to_pylist()
    is_number = not (pa.types.is_boolean(kind) or pa.types.is_string(kind) or pa.types.is_dictionary(kind))
    return is_number, [None if x != x else x for x in values]


def run(reference, current, method):
    """What a run over the columns that the method can judge says of each of them."""
    before, after = (pq.read_table(DATA / f"{name}.parquet") for name in (reference, current))
    pairs = {name: (plain(before[name]), plain(after[name])) for name in before.column_names}
    if method in ("ks", "wasserstein"):
        pairs = {name: pair for name, pair in pairs.items() if pair[0][0]}
    columns = {name: measured(is_number, a, b, method) for name, ((is_number, a), (_, b)) in pairs.items()}
    adjust(columns.values())
    return {name: verdict(found) for name, found in columns.items()}


def measured(is_number, reference, current, method):
    """With `shares` and `values`: the p-values of its hypotheses, where it has them."""
    n, m, a, b = len(reference), len(current), reference.count(None), current.count(None)
    if min(n, m) < ENOUGH:
        return {}
    # What `auto` has no values for is named by the method that takes any.
    found = {"method": "jensen_shannon" if method == "auto" else method}
    if a or b:
        found |= {"shares": of_missing(a, n, b, m), "moved": 100 * abs(a * m - b * n) >= POINTS * n * m}
    if min(n - a, m - b) < ENOUGH:
        return found
    if method == "auto":
        return found | auto(is_number, reference, current)
    known = (of_numbers if is_number else of_categories)(reference, current)
    found["effect"] = known[method]
    if is_number and method != "chi_squared":
        return found | {"p": known["ks_p"], "values": known["ks_p"]}
    return found | {"p": known["chi_squared_p"], "approximate": known["approximate"], "values": known["pooled_p"]}


def auto(is_number, reference, current):
    """The largest of D, Jensen and Shannon's distance beyond chance, and the earth mover's without the ends."""
    if not is_number:
        known = of_categories(reference, current)
        effect = beyond_chance(counts_of(reference, current))
        p, tested = known["chi_squared_p"], known["pooled_p"]
        return {"method": "jensen_shannon", "effect": effect, "p": p, "approximate": known["approximate"], "values": tested}
    present = [np.array([x for x in side if x is not None], dtype=float) for side in (reference, current)]
    bins, parts = quantile_bins(*present)
    known = of_numbers(*[side.tolist() for side in present])
    d, ks_p = known["ks"], known["ks_p"]
    whole = joined(bins, parts, lambda a, b: a != 2 and (a == b or {a, b} in ({0, 1}, {3, 4})))
    tails = joined(bins, parts, lambda a, b: a == b)
    tests = [ks_p] + [p for p in map(pooled_test, (whole, tails)) if p is not None]
    p = min(1.0, len(tests) * min(tests))
    distance = beyond_chance(bins)
    moved = middle_wasserstein(*present, bins, parts)
    method, effect = max([("ks", d), ("jensen_shannon", distance), ("wasserstein", moved)], key=lambda one: one[1])
    return {"method": method, "effect": effect, "p": p, "values": p}


def counts_of(reference, current):
    names = dict.fromkeys([*reference, *current])
    return np.array([[side.count(name) for name in names] for side in (reference, current)])


def beyond_chance(counts):
    """The square root of the divergence less what it is on average where each row may be from either table."""
    counts = counts[:, counts.any(axis=0)]
    n, m = (int(x) for x in counts.sum(axis=1))
    equal = (counts[0] * m == counts[1] * n).all()
    found = 0.0 if equal else float(jensenshannon(counts[0] / n, counts[1] / m, base=2)) ** 2
    return math.sqrt(max(0.0, found - sum(expected(int(t), n, m) for t in counts.sum(axis=0))))


def expected(total, n, m):
    finite = (n + m - total) / (n + m - 1)
    if total > 200:
        return finite * (1 / n + 1 / m) / (8 * math.log(2))
    count = np.arange(total + 1)
    x, y = count / n, (total - count) / m
    middle = (x + y) / 2
    # rel_entr is 0 of nothing.
    parts = (special.rel_entr(x, middle) + special.rel_entr(y, middle)) / 2 / math.log(2)
    return finite * float(stats.binom.pmf(count, total, n / (n + m)) @ parts)


EDGES = [0.025, 0.05, 1 / 6, 2 / 6, 0.5, 4 / 6, 5 / 6, 0.95, 0.975]


def quantile_bins(a, b):
    """Two rows of counts over bins of both tables' values, and which part of the range each bin is."""
    values, inverse = np.unique(np.concatenate([a, b]), return_inverse=True)
    weights, total = np.bincount(inverse), len(inverse)
    reached = np.cumsum(weights)
    ends = {len(values) - 1}
    for share in EDGES:
        at = int(np.searchsorted(reached, share * total))
        before = at and reached[at - 1]
        ends.add(at - 1 if share * total - before <= reached[at] - share * total else at)
    for at in np.flatnonzero(weights >= 0.05 * total):
        ends |= {int(at) - 1, int(at)}
    ends = np.array(sorted(ends - {-1}))
    counts = np.array([np.bincount(np.searchsorted(ends, np.searchsorted(values, x)), minlength=len(ends)) for x in (a, b)])
    stops = counts.sum(axis=0).cumsum()
    middle = (stops - counts.sum(axis=0) / 2) / total
    parts = [0 if x < 0.025 else 1 if x < 0.05 else 2 if x <= 0.95 else 3 if x <= 0.975 else 4 for x in middle]
    return counts, parts


def middle_wasserstein(a, b, counts, parts):
    """Of the bins between the outer 2.5 %, as straight lines, in deviations as the middle 95 % of a have them."""
    both = np.sort(np.concatenate([a, b]))
    stops = counts.sum(axis=0).cumsum()
    lows, highs = both[np.concatenate([[0], stops[:-1]])], both[stops - 1]
    gaps = np.abs(np.subtract(*(side.cumsum() / side.sum() for side in counts)))
    area = 0.0
    for at, part in enumerate(parts):
        before = gaps[at - 1] if at else 0.0
        if part in (1, 2, 3):
            area += (before + gaps[at]) / 2 * (highs[at] - lows[at])
            area += before * (lows[at] - highs[at - 1]) if at and parts[at - 1] in (1, 2, 3) else 0
    low, high = np.quantile(a, [0.025, 0.975])
    return float(area * 3.92 / (high - low)) if high > low else 0.0


def joined(counts, parts, is_one):
    columns = []
    for at, part in enumerate(parts):
        if at and is_one(parts[at - 1], part):
            columns[-1] = columns[-1] + counts[:, at]
        else:
            columns.append(counts[:, at])
    return np.column_stack(columns)


def pooled_test(counts):
    expected_counts = np.outer(counts.sum(axis=1), counts.sum(axis=0))
    rare = (expected_counts < 5 * counts.sum()).any(axis=0)
    pooled = np.column_stack([counts[:, ~rare], counts[:, rare].sum(axis=1)])
    return chi_squared(pooled)[1] if pooled.any(axis=0).sum() > 1 else None


def adjust(columns):
    """All hypotheses of a run are one family."""
    family = [(found, key) for found in columns for key in ("values", "shares") if key in found]
    if family:
        adjusted = stats.false_discovery_control([found[key] for found, key in family], method="bh")
        for (found, key), p in zip(family, adjusted.tolist()):
            found[f"{key}_adjusted"] = p


def verdict(found):
    missing = {"missing_p": found["shares"]} if "shares" in found else {}
    moved = bool(missing) and below(found["shares_adjusted"]) and found["moved"]
    said = {key: found.get(key) for key in ("method", "effect", "p")}
    if "values" not in found:
        return said | {"p_adjusted": None, "drifted": True} | missing if moved else {"inconclusive": True} | missing
    if "approximate" in found:
        said["approximate"] = found["approximate"]
    threshold, p = THRESHOLDS[found["method"]], found["values_adjusted"]
    assert abs(found["effect"] - threshold) > 1e-4, found
    drifted = below(p) and found["effect"] >= threshold
    return said | {"p_adjusted": p, "drifted": drifted or moved} | missing


def below(p):
    assert abs(p - ALPHA) > 1e-4, p
    return p < ALPHA


def main():
    write()
    runs = []
    for reference, current, method in RUNS:
        paths = {"reference": f"{FOLDER}/{reference}.parquet", "current": f"{FOLDER}/{current}.parquet"}
        columns = [f"{json.dumps(name)}: {json.dumps(said)}" for name, said in run(reference, current, method).items()]
        head = json.dumps(paths | {"method": method})[:-1]
        runs.append(head + ', "columns": {\n' + ",\n".join(columns) + "\n}}")
    text = "[\n" + ",\n".join(runs) + "\n]\n"
    (HERE / "drift_expected.json").write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
