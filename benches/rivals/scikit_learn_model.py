"""The model's numbers by scikit-learn and Fairlearn; the calibration error by NumPy, there being no function for it."""

import sys

import numpy as np
import pandas as pd
from fairlearn.metrics import demographic_parity_difference, equalized_odds_difference
from sklearn.metrics import accuracy_score, f1_score, log_loss, roc_auc_score

from model import finish

table = pd.read_parquet(sys.argv[1])
label, prediction, score = table["label"], table["prediction"], table["score"]
bins = np.minimum((score.to_numpy() * 10).astype(int), 9)
numbers = {
    "accuracy": accuracy_score(label, prediction),
    "f1": f1_score(label, prediction),
    "roc_auc": roc_auc_score(label, score),
    "log_loss": log_loss(label, score),
    "ece": np.abs(np.bincount(bins, score, 10) - np.bincount(bins, label, 10)).sum() / len(table),
}
for column in ("sex", "region"):
    numbers[f"parity {column}"] = demographic_parity_difference(label, prediction, sensitive_features=table[column])
    numbers[f"odds {column}"] = equalized_odds_difference(label, prediction, sensitive_features=table[column])
finish(numbers)
