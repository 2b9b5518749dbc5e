"""The gate that every rival runs: the same eight checks as gate.yml."""

import sys

MIN_ROWS = 1000
MAX_MISSING = 0.05
REQUIRED = ["customer_id", "age", "income", "target"]
TARGET = "target"
MIN_CLASS = 0.01
RANGES = {"age": (0, 120), "income": (0, 1e8), "score": (0, 1)}
MAX_DUPLICATES = 0.01

NUMBERS = ["customer_id", "age", "income", "tenure_months", "balance", "score", "n_products"]
CATEGORIES = ["employed", "city", "segment", "target"]
TIMES = ["event_time"]
COLUMNS = NUMBERS + CATEGORIES + TIMES


def finish(failures):
    """Says the verdict on one line and exits as mlgate would."""
    failures = list(failures)
    print("VERDICT", "; ".join(failures) or "pass", flush=True)
    sys.exit(1 if failures else 0)
