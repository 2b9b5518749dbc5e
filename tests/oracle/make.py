"""Writes tests/data and, from what pandas and pyarrow read back there, expected.json; of its tables of
predictions, from what scikit-learn and Fairlearn say, model.json.

    pip install -r tests/oracle/requirements.txt
    python tests/oracle/make.py

With those versions, every file comes out byte for byte the same. In reading order:
questions.py says what is asked of which table, tables.py writes the tables, measure.py answers; model_tables.py and
model.py do so for predictions. The others stand alone, and are run last: README.md.
"""

import json
import sys
from pathlib import Path

sys.dont_write_bytecode = True

import ab_test
import change
import column_types
import drift
import drift_tables
import fingerprint
import inference
import leakage
import measure
import model
import near_duplicates
import rollout
import tables
from questions import BAD, TABLES

HERE = Path(__file__).resolve().parent
DATA = HERE.parent / "data"


def main() -> None:
    tables.write(DATA)
    expected = {
        "tables": {key: measure.answer(DATA, key, questions) for key, questions in TABLES.items()},
        "bad": BAD,
    }
    text = json.dumps(expected, indent=1, ensure_ascii=False, allow_nan=False)
    (HERE / "expected.json").write_text(text + "\n", encoding="utf-8", newline="\n")
    model.main()
    for other in (ab_test, change, column_types, inference, drift, drift_tables, fingerprint, leakage, near_duplicates, rollout):
        other.main()


if __name__ == "__main__":
    main()
