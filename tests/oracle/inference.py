"""Writes inference.json: intervals and tests as SciPy, statsmodels and scikit-learn have them.

    pip install -r tests/oracle/requirements.txt
    python tests/oracle/inference.py

Where none of them has the thing (Tango's interval, DeLong's variance), it is computed another way than mlgate does:
by maximising the likelihood, by looking at all pairs. Numbers of rows are found by search. What is drawn is seeded.
"""

import json
import math
from bisect import bisect_left
from itertools import product
from pathlib import Path

import numpy as np
from scipy import optimize, stats
from sklearn.metrics import average_precision_score, median_absolute_error, roc_auc_score
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.proportion import proportion_confint


def case(keys, *values):
    return dict(zip(keys.split(), values, strict=True))


def normal_quantiles():
    upper = [0.6, 0.9, 0.95, 0.975, 0.99, 0.995, 0.9995, 0.99995, 0.999999, 0.999999999]
    return [case("p z", p, float(stats.norm.ppf(p))) for p in [1e-9, 0.0001, 0.025, 0.4, 0.5, *upper]]


def wilson(successes, rows, confidence):
    return proportion_confint(successes, rows, alpha=1 - confidence, method="wilson")


def wilsons():
    counts = [(0, 1), (1, 1), (1, 2), (0, 7), (7, 7), (0.4, 7.5), (3, 30), (29, 30), (379.5, 412.5), (412.5, 412.5)]
    counts += [(0, 10**6), (3, 10**6), (10**6, 10**6)]
    for (s, n), c in product(counts, (0.8, 0.95, 0.9999)):
        yield case("successes rows confidence low high", s, n, c, *wilson(s, n, c))


def smallest(interval, limit):
    """The smallest n whose `interval(n)` leaves out `limit`, by bisection: those of larger n do too."""

    def excludes(n):
        low, high = interval(n)
        return not low <= limit <= high

    return 1 + bisect_left(range(1, 10**8), True, key=excludes)


def wilson_rows():
    pairs = [(0.92, 0.9), (0.64, 0.6), (0.5, 0.75), (0.99, 0.95), (0.05, 0.1), (0.931, 0.93), (0.9301, 0.93)]
    pairs += [(0.3, 0.01), (1, 0.99), (0, 0.01), (0.5, 0), (0.5, 1), (1, 0)]
    for (value, limit), c in product(pairs, (0.9, 0.95, 0.99)):
        rows = smallest(lambda n: wilson(value * n, n, c), limit)
        yield case("value limit confidence rows", value, limit, c, rows)


def likeliest(b, c, rows, d):
    """The likeliest share q of rows that only the baseline gets right, if the difference is d. The log-likelihood
    b·log(q + d) + c·log(q) + rest·log(1 − 2q − d) is concave: it is largest where its slope changes sign."""
    low, high = max(0.0, -d), (1 - d) / 2
    terms = ((b, d, 1), (c, 0, 1), (rows - b - c, 1 - d, -2))

    def slope(q):
        return sum(n * sign / max(at + sign * q, 1e-300) for n, at, sign in terms if n)

    edge = (high - low) * 1e-14
    if high - low < 1e-15 or slope(low + edge) <= 0:
        return low
    if slope(high - edge) >= 0:
        return high
    return optimize.brentq(slope, low + edge, high - edge, xtol=1e-16, rtol=1e-14, maxiter=500)


def tango(b, c, rows, confidence):
    z = stats.norm.ppf((1 + confidence) / 2)

    def excess(d):
        """The square of the score statistic less that of z, times what both are divided by."""
        q = likeliest(b, c, rows, d)
        return (b - c - rows * d) ** 2 - z * z * rows * (2 * q + d * (1 - d))

    def end(outer):
        far = outer * (1 - 1e-12)
        return outer if excess(far) <= 0 else optimize.brentq(excess, (b - c) / rows + outer * 1e-9, far, xtol=1e-13)

    return end(-1.0), end(1.0)


def tangos():
    tables = [(40, 5, 3, 2), (90, 0, 0, 10), (5, 0, 0, 0), (12, 4, 0, 1), (12, 0, 4, 1), (0, 1, 0, 0), (0, 0, 1, 0)]
    tables += [(3, 1, 1, 0), (0, 8, 2, 0), (50, 20, 10, 20), (900, 60, 40, 100), (9000, 21, 64, 915)]
    tables += [(900_000, 30_500, 30_000, 39_500)]
    keys = "both_right only_candidate only_baseline both_wrong confidence low high"
    return [case(keys, *t, c, *tango(t[1], t[2], sum(t), c)) for t, c in product(tables, (0.9, 0.95, 0.99))]


def tango_rows():
    shares = [(0.08, 0.05, 0), (0.06, 0.02, 0.02), (0.05, 0.06, -0.03), (0.2, 0.1, 0.05), (0, 0, -0.01), (0, 0, 0.02)]
    shares += [(0.01, 0, 0), (0, 0.01, -0.05), (0.04, 0.05, 0), (0.9, 0, -0.9), (0.031, 0.03, 0)]
    for (b, c, limit), confidence in product(shares, (0.9, 0.95)):
        rows = smallest(lambda n: tango(b * n, c * n, n, confidence), limit)
        yield case("only_candidate_share only_baseline_share limit confidence rows", b, c, limit, confidence, rows)


def mcnemars():
    pairs = [(0, 0), (1, 0), (0, 1), (1, 1), (5, 0), (0, 6), (3, 3), (2, 3), (1, 12), (21, 64), (500, 430), (2000, 2100)]
    for b, c in pairs:
        yield case("only_candidate only_baseline p", b, c, float(mcnemar([[1, b], [c, 1]], exact=True).pvalue))


def rankings(random):
    for rows, decimals in product((10, 15, 20, 30, 40, 60), (1, 6)):
        labels = random.permutation(np.arange(rows) % 3 == 0).astype(int)
        yield labels, np.round(0.3 * labels + random.random(rows) * 0.7, decimals)
    labels, apart = np.arange(12) // 6, np.arange(12) / 10
    yield from ((labels, apart), (labels, -apart), (labels, np.full(12, 0.5)))


def delongs(random):
    for i, (labels, scores) in enumerate(rankings(random)):
        positive, negative = scores[labels == 1][:, None], scores[labels == 0][None, :]
        psi = (positive > negative) + 0.5 * (positive == negative)
        auc, confidence = float(psi.mean()), (0.9, 0.95, 0.99)[i % 3]
        variance = float(sum(psi.mean(axis).var(ddof=1) / psi.shape[1 - axis] for axis in (0, 1)))
        half = float(stats.norm.ppf((1 + confidence) / 2)) * math.sqrt(variance)
        row = labels.tolist(), scores.tolist(), confidence, auc, variance, max(0.0, auc - half), min(1.0, auc + half)
        yield case("labels scores confidence auc variance low high", *row)


def areas(random, metric):
    one = np.array([0, 0, 1, 0]), np.array([0.2, 0.6, 0.4, 0.4])
    for i, (labels, scores) in enumerate([*rankings(random), one, one]):
        decimals = 0 if i % 4 == 1 else 3  # of whole weights some are 0
        weights = np.round(random.random(len(labels)) * 3, decimals).tolist() if i % 2 else None
        value = float(metric(labels, scores, sample_weight=weights))
        yield case("labels scores weights value", labels.tolist(), scores.tolist(), weights, value)


def medians(random):
    cases = [([1, 2, 3, 4], [1, 1, 0, 2]), ([4, 3, 2, 1], [2, 0, 0, 2]), ([1, 2, 3], [0, 0, 5]), ([3, 1, 2], [1, 1, 0])]
    cases += [([2, 2, 2, 9], [1, 1, 1, 3]), (list(range(10)), [0.1] * 10)]
    for rows in (1, 2, 3, 4, 7, 10, 25):
        fraction, count = np.round(random.random(rows) * 2 + 0.01, 2), random.integers(0, 4, rows) + (np.arange(rows) == 0)
        for weights in (np.ones(rows), fraction, count):
            cases.append((np.round(random.random(rows) * 5, 2).tolist(), weights.tolist()))
    return [case("values weights value", v, w, median_absolute_error([0] * len(v), v, sample_weight=w)) for v, w in cases]


def kishes(random):
    weights = [[3], [1] * 7, [0.1] * 10, [1, 0, 0], [1, 1000], [1, 1, 2], [1e-9, 3e-9], [1e9, 2e9, 2e9]]
    weights += [random.random(20).tolist(), random.exponential(size=40).tolist(), random.integers(0, 3, 30).tolist()]
    return [case("weights rows", w, float(np.sum(w) ** 2 / np.sum(np.square(w, dtype=float)))) for w in weights]


def quantile_intervals():
    asked = ((0.5, 0.95), (0.95, 0.8), (0.95, 0.95), (0.99, 0.95), (0.99, 0.99))
    for n, (q, confidence) in product((1, 5, 20, 71, 72, 1000, 10_000, 10**6), asked):
        ranks, tail = np.arange(1, n + 1), (1 - confidence) / 2
        lower, upper = (ranks[of(ranks - 1, n, q) <= tail].tolist() for of in (stats.binom.cdf, stats.binom.sf))
        ends = max(lower, default=None), min(upper, default=None)
        yield case("n quantile confidence lower_rank upper_rank", n, q, confidence, *ends)


def adjusted(random):
    lists = [[0.01], [1.0], [0.04, 0.01, 0.03], [0.5, 0.5], [1.0, 0.0, 0.2], [0.05] * 4, [0.9, 0.8, 0.7], [0.0, 0.0, 1.0]]
    lists += [[1e-300, 1e-20, 0.049, 0.051], np.round(random.random(20) ** 3, 4).tolist(), random.random(60).tolist()]
    return [case("p adjusted", p, stats.false_discovery_control(p, method="bh").tolist()) for p in lists]


def fairness():
    shares = [((40, 100), (80, 100)), ((0, 50), (30, 60)), ((0, 50), (0, 60)), ((50, 50), (60, 60)), ((0, 40), (40, 40))]
    shares += [((300, 412), (500, 588), (40, 41)), ((12.5, 40.25), (33.3, 61.7)), ((30, 100), (30, 100)), ((1, 2), (1, 3))]
    shares += [((450_000, 10**6), (460_000, 10**6)), ((9, 30), (11, 30), (14, 31), (20, 33), (28, 35))]
    for i, groups in enumerate(shares):
        confidence = (0.9, 0.95, 0.99)[i % 3]
        low, high = zip(*(wilson(*group, 1 - (1 - confidence) / len(groups)) for group in groups))
        ratio = min(low) / max(high), min(1.0, min(high) / max(low)) if max(low) > 0 else 1.0
        ends = *ratio, max(0.0, max(low) - min(high)), max(high) - min(low)
        keys = "groups confidence ratio_low ratio_high difference_low difference_high"
        yield case(keys, [case("selected rows", *group) for group in groups], confidence, *ends)


def main():
    random = np.random.default_rng(20261125)
    answers = dict(normal_quantile=normal_quantiles(), wilson=wilsons(), wilson_rows=wilson_rows(), tango=tangos())
    answers |= dict(tango_rows=tango_rows(), mcnemar=mcnemars(), delong=delongs(random))
    answers |= dict(average_precision=areas(random, average_precision_score), roc_auc=areas(random, roc_auc_score))
    answers |= dict(weighted_median=medians(random), kish=kishes(random), quantile_interval=quantile_intervals())
    answers |= dict(benjamini_hochberg=adjusted(random), fairness_interval=fairness())
    lists = {name: ",\n".join(json.dumps(item, allow_nan=False) for item in items) for name, items in answers.items()}
    text = ",\n".join(f'"{name}": [\n{items}\n]' for name, items in lists.items())
    Path(__file__).with_name("inference.json").write_text(f"{{\n{text}\n}}\n", encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
