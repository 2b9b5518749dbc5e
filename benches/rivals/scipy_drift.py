"""Drift in SciPy and pandas, by hand: every column by every method that suits it.

Numbers: Kolmogorov-Smirnov, the Wasserstein distance over the standard deviation, the Jensen-Shannon distance and
PSI over the reference's deciles. Categories: the Jensen-Shannon distance and PSI.
"""

import sys

import numpy as np
import pandas as pd
from scipy.spatial.distance import jensenshannon
from scipy.stats import ks_2samp, wasserstein_distance

from drift import *

MIN_SHARE = 1e-4


def numbers(reference, current):
    edges = np.unique(np.quantile(reference, np.linspace(0, 1, 11)))
    edges[0], edges[-1] = -np.inf, np.inf
    shares = [np.histogram(values, edges)[0] / len(values) for values in (reference, current)]
    test = ks_2samp(reference, current, method="asymp")
    distance = wasserstein_distance(reference, current) / reference.std()
    effects = {"wasserstein": distance, "ks": test.statistic, "jensen_shannon": jensenshannon(*shares, base=2)}
    return distance >= MIN_EFFECT and test.pvalue < ALPHA, effects | {"psi": psi(*shares)}


def categories(reference, current):
    shares = [values.value_counts(normalize=True) for values in (reference, current)]
    shares = [side.to_numpy() for side in shares[0].align(shares[1], fill_value=0)]
    distance = jensenshannon(*shares, base=2)
    return distance >= MIN_EFFECT, {"jensen_shannon": distance, "psi": psi(*shares)}


def psi(reference, current):
    reference, current = np.maximum(reference, MIN_SHARE), np.maximum(current, MIN_SHARE)
    return ((current - reference) * np.log(current / reference)).sum()


reference, current = (pd.read_parquet(path) for path in sys.argv[1:3])
drifted = {}
for name in reference.columns:
    pair = [table[name].dropna() for table in (reference, current)]
    if name in CATEGORIES:
        drifts, effects = categories(*pair)
    else:
        drifts, effects = numbers(*[(side.astype("int64") if name in TIMES else side).to_numpy() for side in pair])
    drifted[name] = bool(drifts)
    print(name, {method: round(float(effect), 5) for method, effect in effects.items()}, flush=True)
finish(drifted)
