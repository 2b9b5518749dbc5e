"""Writes change.json: the evidence that a share rose above a limit, added up over every time it may have risen at and every
size it may have risen to, from SciPy's binomial law. mlgate computes the same by a recursion.

    pip install -r tests/oracle/requirements.txt
    python tests/oracle/change.py

A stream is a list of evaluations [hits, trials, limit]. `log_p` is ln min(1, 1/M) after each.
"""

import json
from pathlib import Path

import numpy as np
from scipy import stats
from scipy.special import expit, logit, logsumexp

ALTERNATIVES = 12
LOG_ODDS = np.geomspace(np.log(1.25), np.log(5_000), ALTERNATIVES)


def tail(t):
    """The probability of a change after t evaluations, if ever."""
    return 1 / (1 + np.log(1 + t))


def log_p(stream):
    """By the definition: for each change and alternative the likelihood of all that came since, over that of the limit."""
    steps = np.empty((len(stream), ALTERNATIVES))
    for at, (hits, trials, limit) in enumerate(stream):
        raised = expit(logit(limit) + LOG_ODDS)
        steps[at] = stats.binom.logpmf(hits, trials, raised) - stats.binom.logpmf(hits, trials, limit)
    for now in range(1, len(stream) + 1):
        weights = [np.log(tail(t) - tail(t + 1)) for t in range(now)]
        terms = [weights[since] + steps[since:now].sum(axis=0) - np.log(ALTERNATIVES) for since in range(now)]
        yield min(0.0, -logsumexp(np.append(np.concatenate(terms), np.log(tail(now)))))


def streams(random):
    yield [[0, 10, 0.02], [1, 10, 0.02], [0, 300, 0.02], [9, 300, 0.02], [30, 300, 0.02]]
    yield [[20, 20, 0.02]]
    yield [[1, 1, 0.5]] * 12
    for limit, share, risen, trials in [(0.02, 0.02, 0.04, 300), (0.01, 0.005, 0.05, 15), (0.3, 0.2, 0.5, 50), (0.001, 0.001, 0.002, 5_000)]:
        shares = [share] * 40 + [risen] * 20
        yield [[int(random.binomial(trials, p)), trials, limit] for p in shares]
    # The candidate's part of all errors, of traffic that varies.
    sizes = random.integers(1, 40, 60)
    limits = [round(float(random.uniform(0.5, 0.95)), 3) for _ in sizes]
    yield [[int(random.binomial(n, q if at < 30 else (1 + q) / 2)), int(n), q] for at, (n, q) in enumerate(zip(sizes, limits))]


def main():
    cases = []
    for stream in streams(np.random.default_rng(20261130)):
        values = [float(value) for value in log_p(stream)]
        cases.append({"stream": stream, "log_p": values, "least_p": float(np.exp(min(values)))})
    path = Path(__file__).parent / "change.json"
    path.write_text("[\n" + ",\n".join(json.dumps(case) for case in cases) + "\n]\n")


if __name__ == "__main__":
    main()
