"""Writes drift.json: effects and p-values of drift, as SciPy has them.

    pip install -r tests/oracle/requirements.txt
    python tests/oracle/drift.py

What SciPy rounds too roughly (deciles, Fisher's p of many rows, standard deviations of huge and tiny numbers) is
computed in fractions and held against NumPy and SciPy. null is missing, "inf" is ∞. What is drawn is seeded.
"""

import json
import math
from collections import Counter
from fractions import Fraction
from pathlib import Path
from statistics import median, pstdev

import numpy as np
from scipy import special, stats
from scipy.spatial.distance import jensenshannon

FLOOR = 1e-4
DECILES = np.arange(1, 10) / 10


def case(keys, *values):
    return dict(zip(keys.split(), values, strict=True))


def of_counts(counts):
    """All that two rows of counts say. Columns that are empty in both tables say nothing."""
    counts = np.array(counts, dtype=np.int64)
    counts = counts[:, counts.any(axis=0)]
    rows, columns, total = counts.sum(axis=1), counts.sum(axis=0), int(counts.sum())
    shares = counts / rows[:, None]
    a, b = np.maximum(shares, FLOOR)
    # Of equal shares SciPy takes the root of what rounding left.
    equal = (counts[0] * rows[1] == counts[1] * rows[0]).all()
    distance = 0.0 if equal else float(jensenshannon(*shares, base=2))
    statistic, p = chi_squared(counts)
    expected = np.outer(rows, columns)  # times the total, so that under 5 is exact
    under_5 = expected < 5 * total
    approximate = bool((expected < total).any() or 5 * under_5.sum() > under_5.size)
    rare = under_5.any(axis=0)
    pooled = np.column_stack([counts[:, ~rare], counts[:, rare].sum(axis=1)])
    pooled_p = homogeneity(counts, pooled, rare) if approximate else p
    keys = "psi jensen_shannon chi_squared chi_squared_p approximate pooled_p"
    psi = float(np.sum((b - a) * np.log(b / a)))
    return case(keys, psi, distance, math.sqrt(statistic / total), p, approximate, pooled_p)


def chi_squared(counts):
    counts = counts[:, counts.any(axis=0)]
    if counts.shape[1] < 2:
        return 0.0, 1.0
    found = stats.chi2_contingency(counts, correction=False)
    return float(found.statistic), float(found.pvalue)


def homogeneity(counts, pooled, rare):
    """The p of categories that are common, those that are rare being one, and of the rare ones among themselves."""
    common = chi_squared(pooled)[1]
    found = [common] if (pooled.any(axis=0)).sum() > 1 else []
    of_rare = rare_p(counts[:, rare & (counts.sum(axis=0) > 1)])
    found += [] if of_rare is None else [of_rare]
    return min(1.0, len(found) * min(found)) if found else common


def rare_p(counts):
    """Pearson's statistic with its exact mean and variance over all tables with these margins (Haldane 1940), as gamma."""
    rows, columns, total = counts.sum(axis=1), counts.sum(axis=0), int(counts.sum())
    if counts.shape[1] < 10 or rows.min() < 10:
        return None
    mean, variance = map(float, haldane([int(x) for x in rows], [int(x) for x in columns]))
    if variance < 1e-9:
        return None
    found = stats.chi2_contingency(counts, correction=False).statistic
    return float(stats.gamma.sf(found, mean * mean / variance, scale=variance / mean))


def haldane(rows, columns):
    """In fractions, in the form of Lewis, Saunders and Westcott (Biometrika 71, 1984)."""
    n = sum(rows)
    margins = [(len(margin), n * sum(Fraction(1, x) for x in margin)) for margin in (rows, columns)]
    v = [Fraction((k - 1) * (n - k), n - 1) for k, _ in margins]
    w = [(inverse - k * k) / (n - 2) for k, inverse in margins]
    mean = Fraction(n * (margins[0][0] - 1) * (margins[1][0] - 1), n - 1)
    return mean, Fraction(2 * n, n - 3) * (v[0] - w[0]) * (v[1] - w[1]) + Fraction(n * n, n - 1) * w[0] * w[1]


def of_numbers(reference, current):
    """Drift of one column of numbers: None is missing."""
    present = [np.array([x for x in side if x is not None], dtype=float) for side in (reference, current)]
    missing = [len(side) - len(x) for side, x in zip((reference, current), present)]
    edges, exact = (np.unique([*rule(present[0])]) + 0.0 for rule in (deciles, exact_deciles))  # -0.0 + 0.0 is 0.0
    # How NumPy rounds a rank must not decide where a value falls.
    assert all(bins(x, edges) == bins(x, exact) for x in present)
    counts = [[*bins(x, edges), none] for x, none in zip(present, missing)]
    found = case("psi_edges psi_reference psi_current", edges.tolist(), *counts) | of_counts(counts)
    return found | dict(zip(("ks", "ks_p", "wasserstein", "instead"), distances(*present)))


def bins(values, edges):
    """Left of the first edge not below it: edge(i-1) < x <= edge(i)."""
    return np.bincount(np.searchsorted(edges, values, side="left"), minlength=len(edges) + 1).tolist()


def deciles(values):
    return np.quantile(values, DECILES) if len(values) and np.isfinite(values).all() else exact_deciles(values)


def exact_deciles(values):
    """Interpolated in fractions. Between a number and an infinity is that infinity, as (1 - t)·a + t·b is."""
    values = np.sort(values)
    for tenth in range(1, 10) if len(values) else ():
        below, rest = divmod((len(values) - 1) * tenth, 10)
        low, high = values[below], values[below + (rest > 0)]
        assert not math.isnan(low + high), "between -inf and inf is nothing"
        if rest == 0 or low == high:
            yield low
        elif math.isinf(low + high):
            yield low + high
        else:
            yield float(Fraction(low) + (Fraction(high) - Fraction(low)) * Fraction(rest, 10))


def distances(reference, current):
    """D, its p, and Wasserstein's distance in deviations of the reference, or D in its place where there are none."""
    n, m = len(reference), len(current)
    if not n or not m:
        return None, None, None, False
    with np.errstate(divide="ignore"):  # in SciPy's own p, of one value each
        d = float(stats.ks_2samp(reference, current, method="asymp").statistic)
    p = float(special.kolmogorov(math.sqrt(n * m / (n + m)) * d))
    both = np.concatenate([reference, current])
    if np.isinf(both).any() or (reference == reference[0]).all():
        return d, p, d, True
    # Scaled by a power of two, which changes no digit: 1e300 has a square then, and 1e-320 all its digits.
    exponent = int(np.frexp(np.abs(both).max())[1])
    reference, current = np.ldexp(reference, -exponent), np.ldexp(current, -exponent)
    return d, p, float(stats.wasserstein_distance(reference, current)) / pstdev(reference.tolist()), False


def of_categories(reference, current):
    counts = Counter(reference), Counter(current)
    return of_counts([[side[category] for category in counts[0] | counts[1]] for side in counts])


def of_missing(a, n, b, m):
    """The p of a missing in n rows and b missing in m."""
    if a + b in (0, n + m):
        return 1.0
    table = np.array([[a, n - a], [b, m - b]], dtype=object)
    expected = np.outer(table.sum(axis=1), table.sum(axis=0))
    if (expected < 5 * (n + m)).any():
        return fisher(a, n, b, m)
    return float(stats.chi2_contingency(table.astype(float), correction=False).pvalue)


def fisher(a, n, b, m):
    """In whole numbers: SciPy's own is off by 1e-9 at ten million rows."""
    (a, n), (b, m) = sorted([(a, n), (b, m)], key=lambda side: side[1])
    found = range(max(0, a + b - m), min(n, a + b) + 1)
    ways = {i: math.comb(a + b, i) * math.comb(n + m - a - b, n - i) for i in found}
    p = float(Fraction(sum(way for way in ways.values() if way <= ways[a]), sum(ways.values())))
    assert math.isclose(p, stats.fisher_exact([[a, n - a], [b, m - b]]).pvalue, rel_tol=1e-8)
    return p


def some(random, rows, middle=0.0, width=1.0, missing=0, decimals=3):
    """Normal numbers, then missing ones."""
    return [*np.round(random.normal(middle, width, rows - missing), decimals).tolist(), *[None] * missing]


def whole(random, rows, low, high):
    return random.integers(low, high + 1, rows).tolist()


def pairs_of_numbers(random):
    inf = math.inf
    yield from same_and_shifted(random)
    yield from ties(random)
    base = some(random, 100, 50, 10)
    yield "constant, now varied", [5] * 80, whole(random, 60, 3, 7)
    yield "constant, as before", [5] * 80, [5] * 50
    yield "constant, now higher", [5] * 80, [6] * 50
    yield "constant, now lower", [5] * 80, [4] * 50
    yield "constant, not a whole number of bits", [0.1] * 33, [0.1, 0.2] * 20
    yield "varied, now constant", base, [50] * 40
    yield "wholly above", base, some(random, 60, 500, 10)
    yield "wholly below", base, some(random, 60, -500, 10)
    yield "missing in the reference", some(random, 120, missing=20), some(random, 80)
    yield "missing in the current", some(random, 120), some(random, 80, missing=20)
    yield "missing in both", some(random, 120, missing=12), some(random, 90, 0.4, missing=30)
    yield "one missing", some(random, 90), some(random, 60, missing=1)
    yield "all missing in the current", some(random, 60), [None] * 40
    yield "all missing in the reference", [None] * 60, some(random, 40)
    yield "all missing in both", [None] * 60, [None] * 40
    yield "constant beside missing ones", [1] * 50 + [None] * 10, [1] * 30 + [None] * 20
    yield "heavy tails", *(np.round(random.standard_cauchy(n), 3).tolist() for n in (150, 120))
    yield "heavy tail to one side", *(np.round(random.lognormal(m, 2, 150), 3).tolist() for m in (0, 0.5))
    many = some(random, 10_000, decimals=2)
    yield "30 against 10,000", many, some(random, 30, decimals=2)
    yield "30 against 10,000, shifted", many, some(random, 30, 1, decimals=2)
    yield "10,000 against 30", some(random, 30, decimals=2), many[::2] + many[1::2]
    yield "infinite in the current", some(random, 60), [*some(random, 40), inf, -inf]
    yield "infinite in both", [*some(random, 60), *[inf] * 9], [*some(random, 40), *[inf] * 20]
    yield "the lower deciles infinite", [*[-inf] * 25, *some(random, 60)], [*[-inf] * 5, *some(random, 40)]
    yield "all infinite", [inf] * 40, [inf] * 30 + [1.5] * 5
    yield "of 1e300", *((np.round(random.normal(m, 1, 60), 3) * 1e300).tolist() for m in (0, 0.7))
    yield "a current of 1e300", some(random, 60), [1e300, -1e300] * 20
    yield "denormal", *((random.integers(0, high, 60) * 1e-320).tolist() for high in (900, 1400))
    yield "the smallest number", [0.0, 5e-324] * 20 + [0.0], [5e-324, 1e-323] * 20
    yield "negative zero", [0.0, -0.0] * 25 + [1.0, -1.0] * 10, [-0.0] * 30 + [1.0] * 20
    yield "negative zero alone", [-0.0] * 40, [0.0] * 40
    yield "one value each, the same", [3], [3]
    yield "one value each", [3], [4]
    yield "one value against 50", [0.25], some(random, 50)
    yield "two against two", [1, 2], [2, 3]
    yield "near 2^53", *([2**53 + 2 * x for x in whole(random, 60, low, 40)] for low in (-40, -10))
    start, day = 1_700_000_000_000_000, 86_400_000_000
    yield "instants", *([start + x for x in whole(random, 80, 0, days * day)] for days in (30, 45))


def same_and_shifted(random):
    for n, m in ((30, 30), (31, 77), (100, 100), (300, 200), (2000, 1500)):
        yield f"one law, {n} and {m}", some(random, n), some(random, m)
    for middle, width in ((0.2, 1), (1, 1), (3, 1), (0, 2), (0, 0.3)):
        yield f"mean {middle}, deviation {width}", some(random, 200), some(random, 150, middle, width)
    twice = some(random, 40)
    yield "the same numbers", twice, twice
    yield "the same numbers three times", twice, twice * 3


def ties(random):
    yield "few whole numbers", whole(random, 150, 0, 3), whole(random, 120, 0, 4)
    yield "dice", whole(random, 60, 1, 6), random.choice(6, 90, p=[0.1, 0.1, 0.1, 0.2, 0.2, 0.3]).tolist()
    yield "mostly zero", [0] * 90 + whole(random, 10, 1, 50), [0] * 60 + whole(random, 30, 1, 50)
    yield "a new value between", [1, 3] * 40, [1, 2, 3] * 20
    yield "on the edges", list(range(101)), [*range(0, 101, 10), *range(5, 101, 10), *range(40)]
    yield "on the edges and next to them", list(range(11)), [x + d for x in range(11) for d in (-0.5, 0, 0.5)]


def numbers(random):
    for name, reference, current in pairs_of_numbers(random):
        found = of_numbers(reference, current)
        yield case("name reference current", name, reference, current) | found


def of(**counts):
    return [None if name == "_" else name for name, count in counts.items() for _ in range(count)]


def pairs_of_categories(random):
    def drawn(rows, *shares):
        return random.choice(list("abcdefgh")[: len(shares)], rows, p=shares).tolist()

    yield "one law", drawn(200, 0.5, 0.3, 0.2), drawn(150, 0.5, 0.3, 0.2)
    yield "one law, eight categories", drawn(300, *[0.125] * 8), drawn(250, *[0.125] * 8)
    yield "other shares", drawn(200, 0.5, 0.3, 0.2), drawn(150, 0.2, 0.3, 0.5)
    yield "2,000 rows", drawn(2000, 0.5, 0.3, 0.2), drawn(1500, 0.47, 0.32, 0.21)
    yield "the same", of(a=30, b=20), of(a=30, b=20)
    yield "the same three times", of(a=10, b=7, c=13), of(a=30, b=21, c=39)
    yield "a new category", of(a=60, b=40), of(a=50, b=30, c=20)
    yield "a new category, once", of(a=60, b=40), of(a=50, b=30, c=1)
    yield "a category that vanished", of(a=50, b=30, c=20), of(a=60, b=40)
    yield "nothing in common", of(a=40, b=30), of(c=50, d=20)
    yield "one category", of(a=40), of(a=90)
    yield "one category, another", of(a=40), of(b=50)
    yield "missing in both", of(a=40, b=30, _=10), of(a=40, b=20, _=25)
    yield "missing in the reference", of(a=40, b=30, _=10), of(a=40, b=30)
    yield "missing in the current", of(a=40, b=30), of(a=40, b=30, _=9)
    yield "all missing in the current", of(a=40, b=30), of(_=50)
    yield "all missing in both", of(_=40), of(_=50)
    yield "booleans", of(true=80, false=40), of(true=50, false=70)
    yield "booleans, one of them gone", of(true=80, false=40), of(true=60)
    yield "many rare ones", [f"r{i}" for i in range(60)] * 2, [f"r{i}" for i in whole(random, 90, 20, 79)]
    yield "each once", [f"k{i}" for i in range(50)], [f"k{i}" for i in range(50, 90)]
    yield "rare beside common", of(a=60, b=50, c=2, d=1), of(a=40, b=55, c=1, e=3)
    yield "one expected under 1", of(a=60, b=50, c=40, d=30, e=20, f=1), of(a=40, b=60, c=40, d=30, e=20)
    yield "a fifth under 5, not more", of(a=40, b=30, c=30, d=20, e=5), of(a=30, b=30, c=20, d=30, e=4)
    yield "over a fifth under 5", of(a=40, b=50, c=5, d=4), of(a=50, b=40, c=4, d=3)
    yield "under 5 in the smaller table alone", of(a=300, b=200, c=40), of(a=15, b=13, c=6)
    yield "expected exactly 5", of(a=25, b=5), of(a=25, b=5)
    yield "expected exactly 1", of(a=29, b=1), of(a=29, b=1)
    yield "expected exactly 1 among six", of(a=20, b=20, c=20, d=20, e=20, f=2), of(a=30, b=20, c=20, d=20, e=12)
    yield "all under 5", of(a=2, b=1, c=3), of(a=1, b=3, c=2)
    yield "30 against 10,000", of(a=6000, b=3900, c=90, d=9, e=1), of(a=12, b=16, c=2)
    yield "empty is not missing", ["", "", None, "a"] * 15, ["", None, None, "a"] * 12
    yield "a category named null", ["null", None, "NaN", "a"] * 12, ["null", None, None, "NaN", "NaN", "a"] * 10
    yield "scripts", ["ü", "u\u0308", "日本語", "🦀", "ü"] * 10, ["ü", "u\u0308", "日本", "🦀"] * 11
    yield "case and spaces", ["a", "A", " a", "a "] * 10, ["a", "a", "A", "a "] * 10
    yield "a quarter each, then one", of(a=25, b=25, c=25, d=25), of(a=70, b=10, c=10, d=10)


def categories(random):
    for name, reference, current in pairs_of_categories(random):
        found = of_categories(reference, current)
        yield case("name reference current", name, reference, current) | found


def missing_shift():
    pairs = [(0, 100, 0, 50), (100, 100, 50, 50), (0, 100, 50, 50), (50, 50, 0, 100), (10, 100, 10, 100)]
    pairs += [(10, 100, 25, 100), (25, 100, 10, 100), (5, 100, 15, 100), (40, 400, 70, 350), (0, 400, 70, 350)]
    pairs += [(1, 30, 5, 10_000_000), (3, 30, 4, 10_000_000), (0, 30, 300, 10_000_000), (3, 30, 1_000_000, 10_000_000)]
    pairs += [(15, 30, 5_000_000, 10_000_000), (29, 30, 9_999_000, 10_000_000), (30, 30, 10_000_000, 10_000_000)]
    pairs += [(0, 30, 4, 30), (0, 30, 5, 30), (0, 30, 10, 30), (5, 30, 5, 30), (4, 30, 6, 30), (4, 30, 5, 30)]
    pairs += [(0, 1, 1, 1), (1, 1, 0, 1000), (26, 30, 30, 30), (1000, 1_000_000, 2000, 1_000_000)]
    pairs += [(5_000_000, 10_000_000, 1, 30)]
    return [case("missing rows p", [a, b], [n, m], of_missing(a, n, b, m)) for a, n, b, m in pairs]


def kolmogorovs():
    points = [0, 5e-324, 1e-300, 1e-16, 1e-8, 0.01, 0.03, 0.04, 0.05, 0.1, 0.15, 0.18, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6]
    points += [0.7, 0.8, 0.82, 0.83, 0.9, 1, 1.1, 1.18, 1.22, 1.36, 1.5, 1.63, 1.95, 2, 2.5, 3, 4, 5, 6.5, 8, 10]
    points += [11.5, 12]
    return [case("x p", x, float(special.kolmogorov(x))) for x in points]


def chi_squared_tails():
    for df in (1, 2, 3, 4, 9, 10, 49, 50, 333, 1000, 2000):
        for p in (1 - 1e-9, 0.999, 0.7, 0.5, 0.1, 0.05, 0.01, 1e-6, 1e-16, 1e-100, 1e-300):
            x = float(f"{stats.chi2.isf(p, df):.7g}")
            yield case("x df p", x, df, float(stats.chi2.sf(x, df)))
        yield from (case("x df p", x, df, float(stats.chi2.sf(x, df))) for x in (0, 1e-300, 1e-9, 0.001))


def anomalies():
    def deviations(history, value):
        middle = median(history)
        spread = median(abs(x - middle) for x in history) or abs(middle) / 100
        away = abs(value - middle)
        return away / (1.4826 * spread) if spread else away and math.inf

    steady, odd = [1000, 1010, 990, 1005, 995, 1002, 998, 1001], [0.2, 0.25, 0.22, 0.3, 0.21, 0.24, 0.26, 0.23, 5.0]
    cases = [(steady, 1003), (steady, 1000.5), (steady, 1100), (steady, 0), (odd, 0.24), (odd, 0.4), (odd, 5)]
    cases += [(odd, -1), ([100] * 8, 100), ([100] * 8, 101), ([100] * 8, 107.5), ([-100] * 8, -95), ([0] * 8, 0)]
    cases += [([0] * 8, 1e-9), ([0] * 8, -3), ([0] * 5 + [1, 2, 3], 1), ([50] * 6 + [10, 90], 52), ([1, 2], 3)]
    cases += [([7], 7), ([7], 8), ([-5, -4, -6, -5.5, -4.5, -5, -5.2, -4.8], 0), ([0.0] * 8, -0.0)]
    cases += [([1e9, 1.1e9, 0.9e9, 1e9, 1.2e9], 2e9)]
    return [case("history value deviations", history, value, deviations(history, value)) for history, value in cases]


def spelled(value):
    """JSON has no infinity."""
    if isinstance(value, float) and math.isinf(value):
        return str(value)
    if isinstance(value, dict):
        return {key: spelled(inner) for key, inner in value.items()}
    return [spelled(inner) for inner in value] if isinstance(value, list) else value


def main():
    random = np.random.default_rng(20261126)
    answers = dict(numbers=numbers(random), categories=categories(random), missing_shift=missing_shift())
    answers |= dict(kolmogorov=kolmogorovs(), chi_squared_tail=chi_squared_tails(), anomaly=anomalies())
    lines = {name: [json.dumps(spelled(item), allow_nan=False) for item in items] for name, items in answers.items()}
    lists = {name: ",\n".join(items) for name, items in lines.items()}
    text = ",\n".join(f'"{name}": [\n{items}\n]' for name, items in lists.items())
    Path(__file__).with_name("drift.json").write_text(f"{{\n{text}\n}}\n", encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
