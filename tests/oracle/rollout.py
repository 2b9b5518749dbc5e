"""Writes rollout.json: what two arms of traffic say, as SciPy and statsmodels have it.

    pip install -r tests/oracle/requirements.txt
    python tests/oracle/rollout.py

Fisher's p is computed in whole numbers and held against SciPy, z of the strata against statsmodels' square of it. Where
nothing varies and neither has an answer, p is 1. null is no answer, "inf" is ∞. What is drawn is seeded.
"""

import json
import math
from fractions import Fraction
from itertools import product
from pathlib import Path

import numpy as np
from scipy import stats
from statsmodels.stats.contingency_tables import StratifiedTable
from statsmodels.stats.proportion import proportion_confint, proportions_ztest

FOUR = "candidate_errors candidate_requests stable_errors stable_requests"


def case(keys, *values):
    return dict(zip(keys.split(), values, strict=True))


def table(a, n, b, m):
    return [[a, n - a], [b, m - b]]


def fisher(a, n, b, m):
    """The first term is rounded once, the next are multiples of it, away from the mean until they add nothing."""
    hits, down = a + b, a * (n + m) < (a + b) * n
    k, total = a - down, 0.0
    term = math.comb(n, k) * math.comb(m, hits - k) / math.comb(n + m, hits) if max(0, hits - m) <= k else 0.0
    while term > total * 1e-18:
        total += term
        up = ((n - k) * (hits - k), (k + 1) * (m - hits + k + 1))
        back = (k * (m - hits + k), (n - k + 1) * (hits - k + 1))
        over, under = back if down else up
        k, term = k + (-1 if down else 1), term * (over / under)
    p = 1 - total if down else min(total, 1.0)
    assert math.isclose(p, stats.fisher_exact(table(a, n, b, m), alternative="greater").pvalue, rel_tol=1e-9)
    return p


def fishers(random):
    counts = [(0, 0, 0, 0), (0, 0, 3, 5), (2, 5, 0, 0), (0, 1, 0, 1), (1, 1, 0, 1), (0, 1, 1, 1), (1, 1, 1, 1), (1, 1, 0, 9)]
    counts += [(0, 10, 0, 20), (10, 10, 20, 20), (10, 10, 0, 20), (0, 10, 20, 20), (0, 10, 5, 10), (3, 3, 3, 4), (5, 9, 2, 9)]
    counts += [(1, 5, 95, 95), (5, 5, 0, 10**6), (1, 10**6, 0, 10**6), (0, 10**6, 1, 10**6), (0, 10**6, 0, 10**6)]
    counts += [(50, 1000, 3000, 10**6), (900, 10**6, 800, 10**6), (5100, 500_000, 5000, 500_000), (9, 100, 10_000, 10**6)]
    counts += [(400, 10**6, 900, 10**6), (12_000, 10**6, 11_800, 10**6), (120, 50_000, 1900, 950_000), (10**6, 10**6, 9, 10)]
    for rows, share, rate in product((40, 1000, 30_000, 10**6), (0.05, 0.5), (0.002, 0.01, 0.2)):
        n = round(rows * share)
        for factor in (1, 1.5) if rows < 10**6 else (1,):
            a, b = random.binomial([n, rows - n], [min(rate * factor, 1), rate]).tolist()
            counts.append((a, n, b, rows - n))
    return [case(f"{FOUR} p", *four, fisher(*four)) for four in counts]


def cmh(strata):
    """z, None where no stratum varies, and its upper tail."""
    tables = [np.array(table(*four)) for four in strata]
    tables = [t for t in tables if t.sum(axis=0).all() and t.sum(axis=1).all()]
    if not tables:
        return None, 1.0
    laws = [stats.hypergeom(int(t.sum()), int(t[:, 0].sum()), int(t[0].sum())) for t in tables]
    with np.errstate(invalid="ignore"):  # in SciPy's kurtosis, of two requests
        means, variances = zip(*(law.stats("mv") for law in laws))
    z = float(sum(t[0, 0] - mean for t, mean in zip(tables, means)) / math.sqrt(sum(variances)))
    asked = StratifiedTable([t.astype(float) for t in tables]).test_null_odds(correction=False)
    assert math.isclose(z * z, asked.statistic, rel_tol=1e-9, abs_tol=1e-12)
    return z, float(stats.norm.sf(z))


def exact(strata):
    """The upper tail of the sum of the strata's hypergeometric laws; None where that is too long to add up."""
    tables = [np.array(table(*four)) for four in strata if four[1] and four[3]]
    if sum(int(t[:, 0].sum()) for t in tables) > 2000:
        return None
    law, seen = np.ones(1), 0
    for t in tables:
        hits = int(t[:, 0].sum())
        law = np.convolve(law, stats.hypergeom(int(t.sum()), hits, int(t[0].sum())).pmf(np.arange(hits + 1)))
        seen += int(t[0, 0])
    return float(min(law[seen:].sum(), 1.0))


def risk_ratio(strata):
    """Mantel and Haenszel's, of the strata in which both arms have requests; None where neither has errors."""
    tables = [np.array(table(*four), dtype=float) for four in strata if four[1] and four[3]]
    first, second = (sum(t[i, 0] for t in tables) for i in (0, 1))
    return float(StratifiedTable(tables).riskratio_pooled) if second else "inf" if first else None


def cmhs(random):
    cases = [[(0, 0, 0, 0)], [(0, 50, 0, 950)], [(5, 5, 7, 7)], [(3, 5, 0, 0)], [(0, 0, 3, 5)], [(1, 1, 0, 1)]]
    cases += [[(0, 50, 0, 950), (0, 100, 0, 900)], [(3, 50, 0, 950)], [(0, 50, 3, 950)], [(5, 50, 9, 950)], [(1, 2, 1, 2)]]
    cases += [[(3, 50, 9, 950), (0, 100, 0, 900)], [(0, 0, 9, 950), (4, 100, 9, 900)], [(5, 5, 7, 7), (3, 50, 9, 950)]]
    cases += [[(1, 50, 0, 0), (0, 0, 0, 0), (4, 100, 9, 900)], [(9, 90, 1, 10), (1, 10, 9, 90)], [(3, 50, 0, 950), (2, 9, 0, 1)]]
    cases += [[(50_000, 10**6, 49_000, 10**6), (300, 10**5, 2500, 10**6)], [(90, 100, 10, 100), (80, 100, 20, 100)]]
    for count, factor, rows in product(range(1, 7), (0.5, 1, 2), (400, 20_000)):
        weights = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9)[:count]
        rates = random.uniform(0.002, 0.05, count)
        arms = [(round(rows * weight), rows - round(rows * weight)) for weight in weights]
        if count > 3 and rows == 400:  # one without stable, one without errors
            arms[1], rates[2] = (arms[1][0], 0), 0
        drawn = [random.binomial(arm, [rate * factor, rate]).tolist() for arm, rate in zip(arms, rates)]
        cases.append([(a, n, b, m) for (a, b), (n, m) in zip(drawn, arms)])
    for strata in cases:
        tables = [case(FOUR, *four) for four in strata]
        yield case("strata z p exact risk_ratio", tables, *cmh(strata), exact(strata), risk_ratio(strata))


def wilson_lowers():
    counts = [(0, 1), (1, 1), (0, 100), (1, 100), (2, 100), (9, 100), (100, 100), (30, 1000), (11_000, 10**6), (10**6, 10**6)]
    yield case("hits trials alpha low", 0, 0, 0.05, 0.0)
    for (k, n), alpha in product(counts, (0.05, 0.05 / 20, 0.05 / 300, 0.05 / 10_000)):
        low = float(proportion_confint(k, n, alpha=2 * alpha, method="wilson")[0]) if k else 0.0
        yield case("hits trials alpha low", k, n, alpha, low)


def two_proportions(random):
    counts = [(0, 1, 0, 1), (1, 1, 0, 1), (1, 1, 1, 1), (0, 100, 0, 900), (100, 100, 900, 900), (0, 100, 900, 900)]
    counts += [(0, 100, 3, 900), (3, 100, 0, 900), (50, 100, 50, 100), (1, 10**6, 3, 10**6), (51_000, 10**6, 50_000, 10**6)]
    counts += [(900, 1000, 850, 1000), (850, 1000, 900, 1000), (1, 3, 333_333, 10**6)]
    for rows, share, rate in product((60, 3000, 200_000), (0.1, 0.5), (0.03, 0.1, 0.6)):
        n = round(rows * share)
        a, b = random.binomial([n, rows - n], [rate * 1.05, rate]).tolist()
        counts.append((a, n, b, rows - n))
    for a, n, b, m in counts:
        p = float(proportions_ztest([a, b], [n, m])[1]) if 0 < a + b < n + m else 1.0
        difference = float(Fraction(a, n) - Fraction(b, m))
        yield case("first_hits first_trials second_hits second_trials difference p", a, n, b, m, difference, p)


def moments(values):
    return case("count sum sum_of_squares", len(values), float(np.sum(values)), float(np.sum(np.square(values))))


def welch(*arms):
    """Mean and variance in fractions of the sums as they are given."""
    of = [[Fraction(value) for value in arm.values()] for arm in arms]
    means = [total / n for n, total, _ in of]
    variances = [(squares - total * total / n) / (n - 1) for n, total, squares in of]
    difference = float(means[0] - means[1])
    if not any(variances):
        return difference, 0.0 if difference else 1.0
    # Of the means only their difference counts: that way it is not rounded twice.
    one, other = ((mean, math.sqrt(variance), arm["count"]) for mean, variance, arm in zip((difference, 0), variances, arms))
    return difference, float(stats.ttest_ind_from_stats(*one, *other, equal_var=False).pvalue)


def welchs(random):
    pairs = [([1, 2], [1, 2]), ([1, 2], [3, 5]), ([2] * 5, [2] * 9), ([2] * 5, [3] * 9), ([2] * 5, [1, 2, 3]), ([0, 0], [0, 1])]
    pairs += [([0] * 50, [0] * 40 + [1] * 10), ([-1, -2, -4], [1, 2, 4]), ([1, 2, 3, 4], [40, 50])]
    for n, m in ((2, 30), (12, 12), (30, 300), (400, 400), (1000, 9000), (50_000, 50_000)):
        pairs.append((random.normal(5, 1, n), random.normal(5.2, 3, m)))
        pairs.append((random.lognormal(3, 1, n), random.lognormal(3.05, 1, m)))
        pairs.append((random.normal(1e-6, 1e-6, n), random.normal(1.1e-6, 1e-6, m)))
        pairs.append((random.normal(2000, 20, n), random.normal(2001, 2, m)))
    for pair in pairs:
        arms = [moments(np.array(values, dtype=float)) for values in pair]
        yield case("first second difference p", *arms, *welch(*arms))


def main():
    random = np.random.default_rng(20261128)
    answers = dict(fisher=fishers(random), cmh=cmhs(random), wilson_lower=wilson_lowers())
    answers |= dict(two_proportions=two_proportions(random), welch=welchs(random))
    lists = {name: ",\n".join(json.dumps(item, allow_nan=False) for item in items) for name, items in answers.items()}
    text = ",\n".join(f'"{name}": [\n{items}\n]' for name, items in lists.items())
    Path(__file__).with_name("rollout.json").write_text(f"{{\n{text}\n}}\n", encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
