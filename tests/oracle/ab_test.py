"""Writes ab_test.json: tests of two variants that may be read at any time, from SciPy and NumPy.

    pip install -r tests/oracle/requirements.txt
    python tests/oracle/ab_test.py          # --simulate prints how often the rule errs

- crossing: P(max |W(t)| ≥ c, t ≤ 1) of a Brownian motion, by images: the integral over [-c, c] of the density of W(1) that was never
  absorbed; `boundary` is its inverse by scipy.optimize.
- sample_ratio: the inverse Bayes factor of Lindon and Malek, by numerical integration over the prior.
- cuped: rows are drawn, and the adjusted means and their variances are computed from the rows.
"""

import json
import sys
from pathlib import Path

import numpy as np
from scipy import integrate, optimize, stats

POWER, CONCENTRATION = 0.8, 1_000


def crossing(c):
    """One less the mass that is never absorbed at ±c."""
    images = np.arange(-60, 61)

    def density(x):
        return np.sum((-1.0) ** images * stats.norm.pdf(x - 2 * images * c))

    if c > 5:
        # What the first reflections say, where one less the mass would lose its digits.
        return float(4 * stats.norm.sf(c) - 4 * stats.norm.sf(3 * c))
    return float(1 - integrate.quad(density, -c, c, epsabs=1e-13, epsrel=1e-13)[0])


def boundary(alpha):
    return float(optimize.brentq(lambda c: crossing(c) - alpha, 0.1, 4.9, xtol=1e-13))


def sample_ratio(first, second, share):
    a, b = CONCENTRATION * share, CONCENTRATION * (1 - share)
    spread = 12 * np.sqrt(share * (1 - share) / CONCENTRATION)
    at = np.linspace(max(1e-12, share - spread), min(1 - 1e-12, share + spread), 400_001)
    logs = stats.beta.logpdf(at, a, b) + first * np.log(at / share) + second * np.log((1 - at) / (1 - share))
    top = logs.max()
    factor = top + np.log(integrate.simpson(np.exp(logs - top), x=at))
    return float(min(1.0, np.exp(-factor)))


def sums(y, x):
    return {"count": len(y), "sum": float(y.sum()), "sum_of_squares": float((y * y).sum()), "x": float(x.sum()), "xx": float((x * x).sum()), "xy": float((x * y).sum())}


def cuped(random, rows, others, slope, effect):
    xs = [random.normal(3, 2, n) for n in (rows, others)]
    ys = [slope * x + random.normal(0, 1.5, len(x)) + shift for x, shift in zip(xs, (effect, 0))]
    centered = [(x - x.mean(), y - y.mean()) for x, y in zip(xs, ys)]
    theta = sum((x * y).sum() for x, y in centered) / sum((x * x).sum() for x, _ in centered)
    adjusted = [y - theta * x for x, y in zip(xs, ys)]
    found = stats.ttest_ind(*adjusted, equal_var=False)
    return {
        "first": sums(ys[0], xs[0]),
        "second": sums(ys[1], xs[1]),
        "difference": float(adjusted[0].mean() - adjusted[1].mean()),
        "p": float(found.pvalue),
        "left_in_first": float(1 - np.corrcoef(xs[0], ys[0])[0, 1] ** 2),
    }


def sequential(p, fraction):
    return crossing(float(stats.norm.isf(p / 2) * np.sqrt(fraction)))


def simulate(random):
    """Shares of tests that end with a difference, read 100 times up to the planned observations."""
    base, effect, alpha, runs, looks = 0.1, 0.02, 0.05, 20_000, 100
    c = boundary(alpha)
    variances = base * (1 - base) + (base + effect) * (1 - base - effect)
    planned = int(np.ceil(((c + stats.norm.ppf(POWER)) / effect) ** 2 * variances))
    each = planned // looks
    print(f"planned: {planned} observations of each variant; c = {c:.4f}")
    for gain in (0, effect / 2, effect, 2 * effect):
        ended, at = np.zeros(runs, dtype=bool), np.full(runs, looks)
        hits = np.zeros((2, runs))
        for look in range(1, looks + 1):
            hits += [random.binomial(each, base + gain, runs), random.binomial(each, base, runs)]
            n = each * look
            pooled = hits.sum(axis=0) / (2 * n)
            z = (hits[0] - hits[1]) / n / np.sqrt(np.maximum(pooled * (1 - pooled) * 2 / n, 1e-300))
            over = ~ended & (np.abs(z) * np.sqrt(look / looks) >= c)
            at[over], ended = look, ended | over
        print(f"gain {gain:.3f}: {ended.mean():.1%} end with a difference, after {at.mean() / looks:.0%} of the observations")
    for share, true in ((0.5, 0.5), (0.5, 0.52), (0.1, 0.1), (0.1, 0.12)):
        alarms = []
        for _ in range(400):
            came = np.cumsum(random.random(20_000) < true)
            units = np.arange(1, 20_001)
            a, b = CONCENTRATION * share, CONCENTRATION * (1 - share)
            from scipy.special import betaln

            factor = betaln(a + came, b + units - came) - betaln(a, b) - came * np.log(share) - (units - came) * np.log(1 - share)
            alarm = np.flatnonzero(factor >= np.log(1 / 0.001))
            alarms.append(alarm[0] + 1 if len(alarm) else np.inf)
        found = np.isfinite(alarms)
        median = f", the median after {np.median(np.array(alarms)[found]):.0f} units" if found.any() else ""
        print(f"planned {share:.0%}, came {true:.0%}: {found.mean():.1%} alarmed within 20,000 units{median}")


def main():
    random = np.random.default_rng(20261130)
    if "--simulate" in sys.argv:
        return simulate(random)
    boundaries = [0.2, 0.5, 0.9, 1.0, 1.1, 1.5, 1.96, 2.2414, 3.0, 4.0]
    written = {
        "crossing": [{"boundary": c, "p": crossing(c)} for c in boundaries],
        "boundary": [{"alpha": alpha, "boundary": boundary(alpha)} for alpha in (0.2, 0.1, 0.05, 0.01, 0.001)],
        "sequential_p": [
            {"p": p, "fraction": fraction, "sequential_p": sequential(p, fraction)}
            for p, fraction in [(0.5, 1), (0.05, 1), (0.025, 1), (1e-6, 0.3), (1e-3, 0.5), (0.2, 0.1), (1e-4, 0.9)]
        ],
        "observations": [
            {
                "effect": effect,
                "variances": variances,
                "alpha": alpha,
                "observations": float(((boundary(alpha) + stats.norm.ppf(POWER)) / effect) ** 2 * variances),
            }
            for effect, variances, alpha in [(0.01, 0.18, 0.05), (0.02, 0.2, 0.05), (1.0, 50.0, 0.01), (0.001, 0.02, 0.1), (5, 900, 0.05)]
        ],
        "sample_ratio": [
            {"first": a, "second": b, "share_of_first": share, "p": sample_ratio(a, b, share)}
            for a, b, share in [(0, 0, 0.5), (10, 12, 0.5), (520, 480, 0.5), (5_400, 4_600, 0.5), (300, 1_700, 0.1), (1_010, 9_000, 0.1), (51_000, 49_000, 0.5)]
        ],
        "cuped": [
            cuped(random, rows, others, slope, effect)
            for rows, others, slope, effect in [(50, 50, 0.9, 0.5), (500, 480, 0.7, 0.1), (200, 900, 0, 0.3), (1000, 1000, -1.2, 0), (30, 40, 2, 1)]
        ],
    }
    path = Path(__file__).parent / "ab_test.json"
    path.write_text(json.dumps(written, indent=1) + "\n")


if __name__ == "__main__":
    main()
