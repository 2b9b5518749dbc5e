"""Prints how often `watch` takes back a model that fails exactly as often as it may, and half as often, in 30 days of an
evaluation every 15 seconds. No test reads it; what is drawn is seeded.

    pip install -r tests/oracle/requirements.txt
    python tests/oracle/change_rates.py
"""

import numpy as np

from change import ALTERNATIVES, LOG_ODDS, tail

LIMIT, ALPHA, SECONDS, EVALUATIONS, RUNS = 0.02, 0.05, 15, 30 * 86_400 // 15, 200


def share_taken_back(random, share, requests):
    log_ratios, is_taken_back = np.full((RUNS, ALTERNATIVES), -np.inf), np.zeros(RUNS, dtype=bool)
    expected = requests * np.log1p(LIMIT * np.expm1(LOG_ODDS))
    for t in range(EVALUATIONS):
        errors = random.binomial(requests, share, RUNS)
        log_ratios = np.logaddexp(log_ratios, np.log(tail(t) - tail(t + 1))) + errors[:, None] * LOG_ODDS - expected
        is_taken_back |= np.exp(np.minimum(log_ratios, 700)).mean(axis=1) + tail(t + 1) >= 1 / ALPHA
    return is_taken_back.mean()


def main():
    random = np.random.default_rng(20261130)
    for rate in (1, 20):
        for share in (LIMIT, LIMIT / 2):
            print(f"{rate:3} requests a second, {share:.0%} fail: {share_taken_back(random, share, rate * SECONDS):.1%}", flush=True)


if __name__ == "__main__":
    main()
