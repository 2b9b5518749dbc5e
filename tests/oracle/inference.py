"""Writes inference.json: intervals and tests as SciPy, statsmodels and scikit-learn have them.

    pip install -r tests/oracle/requirements.txt
    python tests/oracle/inference.py

Where none of them has the thing (Tango's interval, DeLong's variance), it is computed another way than mlgate does:
by maximising the likelihood, by looking at all pairs.
"""

import json
import math
from pathlib import Path

import numpy as np
from scipy import optimize, stats
from sklearn.metrics import average_precision_score, median_absolute_error, roc_auc_score
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.proportion import proportion_confint

HERE = Path(__file__).resolve().parent


def wilson(successes, rows, confidence):
    low, high = proportion_confint(successes, rows, alpha=1 - confidence, method="wilson")
    return float(low), float(high)


def normal_quantiles():
    return [{"p": p, "z": float(stats.norm.ppf(p))} for p in (0.6, 0.9, 0.95, 0.975, 0.99, 0.995, 0.9995, 0.999999)]


def wilsons():
    cases = []
    for rows in (1, 2, 7, 30, 412.5, 1000, 1_000_000):
        for share in (0, 0.003, 0.25, 0.5, 0.92, 1):
            for confidence in (0.8, 0.95, 0.9999):
                low, high = wilson(share * rows, rows, confidence)
                cases.append({"successes": share * rows, "rows": rows, "confidence": confidence, "low": low, "high": high})
    return cases


def smallest(excludes):
    """The smallest n from 1 at which `excludes(n)`, which stays true from there on."""
    high = 1
    while not excludes(high):
        high *= 2
    low = high // 2
    while low + 1 < high:
        middle = (low + high) // 2
        if excludes(middle):
            high = middle
        else:
            low = middle
    return high


def wilson_rows():
    cases = []
    for value, limit in ((0.92, 0.9), (0.64, 0.6), (0.5, 0.75), (0.99, 0.95), (0.05, 0.1), (0.931, 0.93), (0.3, 0.01)):
        for confidence in (0.9, 0.95, 0.99):

            def excludes(n):
                low, high = wilson(value * n, n, confidence)
                return not low <= limit <= high

            cases.append({"value": value, "limit": limit, "confidence": confidence, "rows": smallest(excludes)})
    return cases


def nuisance(b, c, rows, d):
    """The likeliest share q of rows that only the baseline gets right, were the difference d: by search."""
    low, high = max(0.0, -d), (1 - d) / 2
    if high - low < 1e-15:
        return low

    def slope(q):
        return (b / max(q + d, 1e-300) if b else 0) + (c / max(q, 1e-300) if c else 0) - 2 * (rows - b - c) / max(1 - 2 * q - d, 1e-300)

    edge = (high - low) * 1e-14
    if slope(low + edge) <= 0:
        return low
    if slope(high - edge) >= 0:
        return high
    return optimize.brentq(slope, low + edge, high - edge, xtol=1e-16, rtol=1e-14, maxiter=500)


def tango(b, c, rows, confidence):
    z = stats.norm.ppf((1 + confidence) / 2)

    def excess(d):
        q = nuisance(b, c, rows, d)
        return (b - c - rows * d) ** 2 - z * z * rows * (2 * q + d * (1 - d))

    value = (b - c) / rows
    ends = []
    for outer in (-1.0, 1.0):
        far = outer * (1 - 1e-12)
        ends.append(outer if excess(far) <= 0 else optimize.brentq(excess, value + outer * 1e-9, far, xtol=1e-13))
    return ends


def tangos():
    tables = [(40, 5, 3, 2), (90, 0, 0, 10), (12, 4, 0, 1), (12, 0, 4, 1), (3, 1, 1, 0), (50, 20, 10, 20), (900, 60, 40, 100)]
    tables += [(0, 8, 2, 0), (9000, 21, 64, 915)]
    cases = []
    for a, b, c, e in tables:
        for confidence in (0.9, 0.95, 0.99):
            low, high = tango(b, c, a + b + c + e, confidence)
            keys = ("both_right", "only_candidate", "only_baseline", "both_wrong")
            cases.append(dict(zip(keys, (a, b, c, e))) | {"confidence": confidence, "low": low, "high": high})
    return cases


def tango_rows():
    cases = []
    for b, c, limit in ((0.08, 0.05, 0), (0.06, 0.02, 0.02), (0.05, 0.06, -0.03), (0.2, 0.1, 0.05)):
        for confidence in (0.9, 0.95):

            def excludes(n):
                low, high = tango(b * n, c * n, n, confidence)
                return not low <= limit <= high

            rows = smallest(excludes)
            cases.append({"only_candidate_share": b, "only_baseline_share": c, "limit": limit, "confidence": confidence, "rows": rows})
    return cases


def mcnemars():
    pairs = ((0, 0), (1, 0), (5, 0), (3, 3), (20, 0), (21, 64), (500, 430), (1, 12), (2000, 2100))
    return [
        {"only_candidate": b, "only_baseline": c, "p": 1.0 if b + c == 0 else float(mcnemar([[1, b], [c, 1]], exact=True).pvalue)}
        for b, c in pairs
    ]


def rankings(random):
    for rows in (10, 12, 15, 20, 25, 30, 40, 50, 60):
        for decimals in (1, 6):
            labels = random.permutation(np.arange(rows) % 3 == 0).astype(int)
            scores = np.round(np.clip(0.3 * labels + random.random(rows) * 0.7, 0, 1), decimals)
            yield labels, scores


def delongs(random):
    cases = []
    for labels, scores in [*rankings(random), (np.array([0, 0, 1, 1]), np.array([0.1, 0.2, 0.8, 0.9]))]:
        positive, negative = scores[labels == 1], scores[labels == 0]
        psi = (positive[:, None] > negative[None, :]) + 0.5 * (positive[:, None] == negative[None, :])
        auc = psi.mean()
        variance = psi.mean(axis=1).var(ddof=1) / len(positive) + psi.mean(axis=0).var(ddof=1) / len(negative)
        half = stats.norm.ppf(0.975) * math.sqrt(variance)
        numbers = {"confidence": 0.95, "auc": auc, "variance": variance, "low": max(0, auc - half), "high": min(1, auc + half)}
        cases.append({"labels": labels.tolist(), "scores": scores.tolist()} | {k: float(v) for k, v in numbers.items()})
    return cases


def areas(random, metric):
    cases = []
    for labels, scores in rankings(random):
        weights = None if len(cases) % 3 == 0 else np.round(random.random(len(labels)) * 3, 3)
        value = float(metric(labels, scores, sample_weight=weights))
        weights = None if weights is None else weights.tolist()
        cases.append({"labels": labels.tolist(), "scores": scores.tolist(), "weights": weights, "value": value})
    return cases


def medians(random):
    cases = []
    for rows in (1, 2, 3, 4, 7, 10, 25):
        for weights in (np.ones(rows), np.round(random.random(rows) * 2 + 0.01, 2), random.integers(0, 4, rows) + (np.arange(rows) == 0)):
            values = np.round(random.random(rows) * 5, 2)
            value = float(median_absolute_error(np.zeros(rows), values, sample_weight=weights.astype(float)))
            cases.append({"values": values.tolist(), "weights": [float(w) for w in weights], "value": value})
    return cases


def kishes(random):
    weights = [np.ones(7), random.random(20), np.array([1.0, 0, 0]), np.array([1.0, 1000])]
    return [{"weights": w.tolist(), "rows": float(w.sum() ** 2 / (w**2).sum())} for w in weights]


def quantile_intervals():
    cases = []
    for n in (1, 5, 20, 101, 1000, 10_000):
        for q in (0.5, 0.95, 0.99):
            for confidence in (0.9, 0.95):
                tail = (1 - confidence) / 2
                lower = [l for l in range(1, n + 1) if stats.binom.cdf(l - 1, n, q) <= tail] if n <= 1000 else None
                if lower is None:
                    ranks = np.arange(1, n + 1)
                    below = ranks[stats.binom.cdf(ranks - 1, n, q) <= tail]
                    above = ranks[stats.binom.sf(ranks - 1, n, q) <= tail]
                else:
                    below, above = lower, [u for u in range(1, n + 1) if stats.binom.sf(u - 1, n, q) <= tail]
                found = {"lower_rank": int(max(below)) if len(below) else None, "upper_rank": int(min(above)) if len(above) else None}
                cases.append({"n": n, "quantile": q, "confidence": confidence} | found)
    return cases


def adjusted(random):
    lists = [[0.01], [0.04, 0.01, 0.03], [0.5, 0.5], [1.0, 0.0, 0.2], np.round(random.random(20) ** 3, 4).tolist()]
    return [{"p": p, "adjusted": stats.false_discovery_control(p, method="bh").tolist()} for p in lists]


def fairness():
    cases = []
    for groups in (((40, 100), (80, 100)), ((0, 50), (30, 60)), ((0, 50), (0, 60)), ((300, 412), (500, 588), (40, 41)), ((50, 50), (60, 60))):
        each = 1 - (1 - 0.95) / len(groups)
        low, high = zip(*(wilson(selected, rows, each) for selected, rows in groups))
        cases.append(
            {
                "groups": [{"selected": selected, "rows": rows} for selected, rows in groups],
                "confidence": 0.95,
                "ratio_low": min(low) / max(high),
                "ratio_high": min(1.0, min(high) / max(low)) if max(low) > 0 else 1.0,
                "difference_low": max(0.0, max(low) - min(high)),
                "difference_high": max(high) - min(low),
            }
        )
    return cases


def main():
    random = np.random.default_rng(20261125)
    answers = {
        "normal_quantile": normal_quantiles(),
        "wilson": wilsons(),
        "wilson_rows": wilson_rows(),
        "tango": tangos(),
        "tango_rows": tango_rows(),
        "mcnemar": mcnemars(),
        "delong": delongs(random),
        "roc_auc": areas(random, roc_auc_score),
        "average_precision": areas(random, average_precision_score),
        "weighted_median": medians(random),
        "kish": kishes(random),
        "quantile_interval": quantile_intervals(),
        "benjamini_hochberg": adjusted(random),
        "fairness_interval": fairness(),
    }
    lists = [f'"{name}": [\n' + ",\n".join(json.dumps(case, allow_nan=False) for case in cases) + "\n]" for name, cases in answers.items()]
    (HERE / "inference.json").write_text("{\n" + ",\n".join(lists) + "\n}\n", encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
