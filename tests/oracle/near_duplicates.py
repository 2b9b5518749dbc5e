"""Writes tests/data/near and, of what pyarrow reads back there, near_duplicates.json: all pairs of rows, compared.

    pip install -r tests/oracle/requirements.txt
    python tests/oracle/near_duplicates.py

Paths start at tests/data. A row is a set of tokens, each with its column's name; rows are as similar as their sets
by Jaccard. `rows` of them have an earlier one at least that similar and not equal. `pairs` are all that are more than
half similar and not equal: row, earlier row, similarity.
"""

import json
import math
import shutil
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random

import pyarrow as pa
import pyarrow.parquet as pq

DATA = Path(__file__).resolve().parents[1] / "data"
FOLDER = "near"
WINDOW = 5
LEAST = [0.8, 0.9, 0.95]
NAN, INF = float("nan"), float("inf")


def tokens(value) -> set[str]:
    match value:
        case None:
            return set()
        case str():
            spaced = "".join(char if char.isalnum() else " " for char in value.lower())
            text = " ".join(spaced.split())
            windows = {text[at : at + WINDOW] for at in range(max(1, len(text) - WINDOW + 1))}
            return windows - {""}
        case bool() | date():  # which a datetime is, too
            return {str(value)}
        case _:
            return {f"{float(value) + 0.0:.2e}"}


def cells(column: pa.ChunkedArray) -> list:
    """NaN is missing."""
    return [None if isinstance(value, float) and math.isnan(value) else value for value in column.to_pylist()]


def answers(path: str, columns: list[str] | None) -> list[dict]:
    table = pq.ParquetFile(DATA / path).read()
    names = columns or table.column_names
    rows = list(zip(*(cells(table[name]) for name in names), strict=True))
    sets = [{(name, one) for name, cell in zip(names, row) for one in tokens(cell)} for row in rows]
    pairs = []
    for row, of in enumerate(sets):
        for earlier, other in enumerate(sets[:row]):
            both = len(of & other)
            if 2 * both > len(of | other) and rows[row] != rows[earlier]:
                pairs.append([row, earlier, both / len(of | other)])
    counts = {least: len({row for row, _, alike in pairs if alike >= least}) for least in LEAST}
    asked = {"path": path, "columns": columns}
    return [asked | {"min_similarity": least, "rows": count, "pairs": pairs} for least, count in counts.items()]


def tables() -> dict[str, tuple[pa.Table, list]]:
    """With the columns that are asked for, each in turn."""
    random = Random(20261129)
    return {
        "reviews": (reviews(random), [["text"], ["product", "text"], None]),
        "numbers": (numbers(random), [None, [f"n{index:02}" for index in range(20)]]),
        "mixed": (mixed(random), [None, ["note"], ["note", "kind", "at"], ["none"]]),
        "ties": (ties(), [None]),
    }


THINGS = "blender kettle jacket tent lamp keyboard drone backpack heater camera mattress scooter bottle speaker".split()
LIKES = "loved enjoyed recommend adore trust praise miss hated returned regret dislike tolerate".split()
TRAITS = "sturdy flimsy quiet noisy elegant clumsy lightweight heavy waterproof brittle cosy overpriced".split()
PARTS = "zipper handle cable battery hinge manual button strap lid cushion wheel charger sleeve filter".split()
TIMES = "yesterday|two weeks ago|before Christmas|last summer|in Köln|for my aunt|on a whim".split("|")
SENTENCES = [
    "I {like} this {thing}, it is {trait} and rather {trait}.",
    "Bought it {time}!",
    "The {part} broke, the {part} did not.",
    "My neighbour says her {thing} is more {trait}.",
    "{Trait}? Yes; {trait} as well...",
    "Delivery took {number} days.",
    "With {number}% off I would {like} a second {thing}.",
    "Whoever designed the {part} must {like} every {thing}!",
    "It came {time} without a {part}, and customer service was {trait}.",
    "After {number} washes the {part} still looks {trait}.",
]


def sentence(random: Random) -> str:
    text = random.choice(SENTENCES)
    for slot, words in (("thing", THINGS), ("like", LIKES), ("trait", TRAITS), ("part", PARTS), ("time", TIMES)):
        while f"{{{slot}}}" in text:
            text = text.replace(f"{{{slot}}}", random.choice(words), 1)
    return text.replace("{Trait}", random.choice(TRAITS).title()).replace("{number}", str(random.randint(2, 90)))


def word_changed(random: Random, text: str) -> str:
    words = text.split(" ")
    words[random.randrange(len(words))] = random.choice(THINGS + TRAITS + PARTS)
    return " ".join(words)


def letter_changed(random: Random, text: str) -> str:
    at = random.randrange(len(text))
    return text[:at] + random.choice("aeiou") + text[at + 1 :]


def dressed(random: Random, text: str) -> str:
    """Other letter case, signs and blanks: the same tokens."""
    text = random.choice([str.upper, str.lower, str.swapcase])(text)
    text = text.replace(" ", random.choice(["  ", " - ", "\n"]))
    return random.choice(["  {}", "{}!!!", "\u201c{}\u201d", "{} \N{HEAVY BLACK HEART}"]).format(text)


def lengthened(random: Random, text: str) -> str:
    return random.choice(["{0} {1}", "{1} {0}"]).format(text, sentence(random))


def reviews(random: Random, rows: int = 400, originals: int = 290) -> pa.Table:
    """Of the rest, some are copies of copies and some exact ones."""

    def review(text):
        return {"product": random.choice(THINGS), "stars": random.randint(1, 5), "text": text}

    lengths = [random.choice([1, 2, 4, 6, 9, 12]) for _ in range(originals)]
    some = [review(" ".join(sentence(random) for _ in range(length))) for length in lengths]
    changes = [word_changed, word_changed, letter_changed, dressed, lengthened, lambda _, text: text]
    while len(some) < rows:
        of = random.choice(some)
        if len(of["text"]) > 60:
            text = random.choice(changes)(random, of["text"])
            some.append(of | {"text": text} if random.random() < 0.7 else review(text))
    random.shuffle(some)
    return pa.Table.from_pylist(some)


def numbers(random: Random, rows: int = 240, columns: int = 30, originals: int = 150) -> pa.Table:
    """Copies with a few columns changed or missing, or all a little; of 30, 3 missing are 0.9, 6 missing 0.8."""

    def drawn():
        return round(random.uniform(-1, 1) * 10 ** random.randint(-6, 6), 9)

    def copied(of, row):
        kind, at = row % 6, random.sample(range(columns), 6)
        change = {0: at[:1], 1: at[:2], 2: at[:3], 3: at[:3], 4: at}.get(kind, [])
        new = {index: drawn() if kind < 3 else random.choice([None, NAN]) for index in change}
        if kind == 5:  # less than what three digits show, on both sides of zero
            return [value and float(f"{value:.2e}") * (1 + random.uniform(-1, 1) * 1e-4) for value in of]
        return [new.get(index, value) for index, value in enumerate(of)]

    some = [[drawn() for _ in range(columns)] for _ in range(originals)]
    for row in some[::10]:  # of 20 that are there, 1 missing is 0.95
        row[20:] = [None] * 10
    for row in range(rows - originals - 5):
        some.append(copied(random.choice(some[:originals]), row))
    for row in some[:50:10]:
        some.append([None, *row[1:]])
    random.shuffle(some)
    columns = zip(*some, strict=True)
    return pa.table({f"n{index:02}": pa.array(values, pa.float64()) for index, values in enumerate(columns)})


def mixed(random: Random, rows: int = 130) -> pa.Table:
    """Every type; rows without any token; words in other writing; equal rows, also beside similar ones."""
    notes = ["", "!!!", "ab", "AB?", "Straße", "STRASSE", "日本語の本", "日本語の本を読む", "naïve café"]
    notes += ["Naïve  Café", "x" * 40, "x" * 41, "ΣΑΣ ΟΔΟΣ", "σας οδος", "1 2 3 4 5", "1,2,3;4.5", None]

    def drawn():
        return {
            "note": random.choice(notes),
            "kind": random.choice(["short", "long", None]),
            "on": random.choice([True, False, None]),
            "day": date(2024, 1, 1) + timedelta(random.randrange(6)),
            "at": 1_700_000_000_000_000 + random.randrange(12),
            "whole": random.choice([0, 1000, 1001, 1006, -1000, 2**53 + 1, None]),
            "cost": random.choice([Decimal("10.00"), Decimal("10.04"), Decimal("10.06"), None]),
            "x": random.choice([0.0, -0.0, NAN, None, INF, -INF, 1e-300]),
            "small": random.choice([0.1, 0.25, None]),
            "none": None,
        }

    some = [drawn() for _ in range(rows - 44)]
    some += [of | {"note": random.choice(notes)} for of in random.sample(some, 15)]
    some += [of | {"at": of["at"] + 20} for of in random.sample(some, 10)]
    some += random.sample(some, 10)
    some += [dict.fromkeys(some[0]) | {"note": note, "x": x} for note, x in (("", NAN), ("?", None), (None, None)) * 3]
    random.shuffle(some)
    kinds = [pa.string(), pa.dictionary(pa.int32(), pa.string()), pa.bool_(), pa.date32(), pa.timestamp("us", "UTC")]
    kinds += [pa.int64(), pa.decimal128(8, 2), pa.float64(), pa.float32(), pa.string()]
    return pa.table({name: pa.array([row[name] for row in some], kind) for name, kind in zip(some[0], kinds)})


def ties() -> pa.Table:
    """What lies in the middle goes to the even digit, if it does lie there: 1.005 is a little less, in binary."""
    x = [1.125, 1.12, 1.13, 1.135, 1.14, 1.375, 1.38, 1.005, 1.0, 9.995, 9.99, 10.0, 999.5, 1000.0, 0.125, 0.12]
    x += [-1.125, -1.12]
    return pa.table({"x": pa.array(x, pa.float64())})


def main() -> None:
    folder, cases = DATA / FOLDER, []
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name, (table, asked) in tables().items():
        pq.write_table(table, folder / f"{name}.parquet", compression="zstd", write_statistics=False)
        cases += [case for columns in asked for case in answers(f"{FOLDER}/{name}.parquet", columns)]
    lines = ",\n".join(json.dumps(case) for case in cases)
    Path(__file__).with_name("near_duplicates.json").write_text(f"[\n{lines}\n]\n", encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
