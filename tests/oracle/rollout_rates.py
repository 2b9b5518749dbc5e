"""Prints how often a rollout is rolled back, by mlgate's rule and by a naive one, for a candidate that fails as often as
stable and for worse ones. No test reads it; what is drawn is seeded.

    pip install -r tests/oracle/requirements.txt
    python tests/oracle/rollout_rates.py

- naive: in the requests since the last look, the candidate's error rate is more than twice stable's.
- mlgate, but for its exact tests over stages and of the largest rate, which take back less, with α = 0.05 / looks: the error rate is more than twice stable's, p of Fisher (of
  Cochran, Mantel and Haenszel over several stages) is below α, and both arms have 100 requests; or Wilson's lower
  bound of the candidate's rate at α is above 1 %.
"""

import numpy as np
from scipy import stats

RATIO, MAX, ENOUGH, ALPHA = 2, 0.01, 100, 0.05
FACTORS = (1, 1.5, 2, 3, 5, 8)
FALSE_RUNS, RUNS = 20_000, 4000


def beyond(a, n, b, m):
    """Whether the rate a / n is more than RATIO times b / m."""
    return a * m > RATIO * b * n


def wilson_lower(a, n, alpha):
    z = stats.norm.isf(alpha)
    share, square = a / n, z * z / n
    return (share + square / 2 - z * np.sqrt(share * (1 - share) / n + square / (4 * n))) / (1 + square)


def p_of(strata):
    """One-sided p of each run, of strata (a, n, b, m)."""
    if len(strata) == 1:
        a, n, b, m = strata[0]
        return stats.hypergeom.sf(a - 1, n + m, a + b, n)
    over = sum(a - n * (a + b) / (n + m) for a, n, b, m in strata)
    variance = sum(n * m * (a + b) * (n + m - a - b) / ((n + m) ** 2 * (n + m - 1.0)) for a, n, b, m in strata)
    return stats.norm.sf(over / np.sqrt(np.maximum(variance, 1e-300)))


def rolled_back(random, p0, p1, shares, requests, looks, runs):
    """The shares of runs that the naive rule and mlgate's roll back, over stages of `looks` looks each."""
    alpha = ALPHA / (looks * len(shares))
    naive, ours = np.zeros((2, runs), dtype=bool)
    earlier = []
    for share in shares:
        n, m = round(requests * share), requests - round(requests * share)
        a, b = random.binomial(n, p1, (looks, runs)), random.binomial(m, p0, (looks, runs))
        naive |= beyond(a, n, b, m).any(axis=0)
        a, b = a.cumsum(axis=0), b.cumsum(axis=0)
        for look in range(looks):
            strata = [*earlier, (a[look], n * (look + 1), b[look], m * (look + 1))]
            first = sum(x[0] * x[3] / (x[1] + x[3]) for x in strata)
            second = sum(x[2] * x[1] / (x[1] + x[3]) for x in strata)
            ours |= wilson_lower(a[look], n * (look + 1), alpha) > MAX
            if min(sum(x[1] for x in strata), sum(x[3] for x in strata)) >= ENOUGH:
                asked = np.flatnonzero(~ours & (first > RATIO * second))
                ours[asked] = p_of([(x[0][asked], x[1], x[2][asked], x[3]) for x in strata]) < alpha
        earlier.append((a[-1], n * looks, b[-1], m * looks))
    return naive.mean(), ours.mean()


def main():
    random = np.random.default_rng(20261128)
    head = " ".join(f"{f'×{factor}':>6}" for factor in FACTORS)
    print(f"{'':38}| {'naive, % rolled back':42}| mlgate, % rolled back")
    print(f"{'stable':>7}{'canary':>14}{'looks':>6}{'per look':>10} | {head} | {head}")
    for p0 in (0.005, 0.01):
        for requests in (200, 1000, 5000):
            for shares in ((0.05,), (0.1,), (0.25,), (0.5,), (0.05, 0.1, 0.25, 0.5)):
                looks = 20 if len(shares) == 1 else 10
                runs = [FALSE_RUNS if factor < 2 else RUNS for factor in FACTORS]
                asked = [rolled_back(random, p0, p0 * f, shares, requests, looks, r) for f, r in zip(FACTORS, runs)]
                name = "→".join(f"{share * 100:.0f}" for share in shares)
                naive, ours = (" ".join(f"{rate * 100:6.2f}" for rate in rule) for rule in zip(*asked))
                print(f"{p0:7.1%}{name:>14}{looks * len(shares):6}{requests:10} | {naive} | {ours}", flush=True)


if __name__ == "__main__":
    main()
