"""The tables, each made once and kept."""

import subprocess

from places import BENCHES, HOME, note
from programs import python

ROW_GROUP = 250_000
SISTER = ["--seed", "8", "--income", "1.1"]
TEST = ["--seed", "9", "--income", "1.1"]
COPIES = 1_000


def make_table(count, row_group=ROW_GROUP):
    return make(f"{count}x12-{row_group}", "table.py", count, row_group)


def make_sister(count):
    """The same columns of other customers, whose income is 10 % higher."""
    return make(f"{count}x12-{ROW_GROUP}-sister", "table.py", count, ROW_GROUP, options=SISTER)


def make_test(count):
    """Like the sister, drawn anew: no row of it occurs in another table."""
    return make(f"{count}x12-{ROW_GROUP}-test", "table.py", count, ROW_GROUP, options=TEST)


def make_test_with_copies(count, training):
    """The same, but `COPIES` of its rows are the training table's."""
    options = [*TEST, "--copies", COPIES, "--copied-from", training]
    name = f"{count}x12-{ROW_GROUP}-test-copies-{training.stem.split('x')[0]}"
    return make(name, "table.py", count, ROW_GROUP, options=options)


def make_wide(rows, columns, seed=7):
    return make(f"wide-{rows}x{columns}-{seed}", "wide_table.py", rows, columns, options=["--seed", seed])


def make_predictions(count, which=""):
    return make(f"predictions-{count}{which}", "predictions.py", count)


def make(name, script, *arguments, options=(), venv="pandas"):
    table = HOME / "data" / f"{name}.parquet"
    if not table.is_file():
        note(f"making {table.name}")
        table.parent.mkdir(parents=True, exist_ok=True)
        part = table.with_suffix(".part")
        command = [python(venv), BENCHES / script, *arguments, part, *options]
        subprocess.run([str(part) for part in command], check=True)
        part.rename(table)
    return table
