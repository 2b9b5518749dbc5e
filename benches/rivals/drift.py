"""What every rival says of the two tables: each column, and whether it has drifted by the same rule as drift.yml's."""

import json
import sys

NUMBERS = ["customer_id", "age", "income", "tenure_months", "balance", "score", "n_products"]
CATEGORIES = ["employed", "city", "segment", "target"]
TIMES = ["event_time"]

MIN_EFFECT = 0.1  # of the Wasserstein distance over the standard deviation, and of the Jensen-Shannon distance
ALPHA = 0.05


def finish(drifted):
    """Says which columns drifted on one line and exits as mlgate would."""
    print("DRIFTED", json.dumps(drifted))
    failed = any(drifted.values())
    print("VERDICT", "blocked" if failed else "pass", flush=True)
    sys.exit(1 if failed else 0)
