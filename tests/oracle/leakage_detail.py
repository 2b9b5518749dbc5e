"""What `target_leakage` examines beside the score of a feature, by its page's definitions; for leakage.py.

Everything is computed by NumPy, scikit-learn's roc_auc_score and Python's own strings and integers.
"""

import math
import re
from datetime import date, timedelta
from decimal import Decimal

import numpy as np
import pyarrow as pa
import xxhash
from sklearn.metrics import r2_score, roc_auc_score

FINE, SLOTS, FEW, STEPS, ENOUGH, FILLED, GAP = 100, 128, 20, 8, 20, 30, 0.05
FOLDS, USUAL = 5, 0.05


def micros(value, unit: int | None) -> int:
    """Microseconds since 1970 of a date, or of a time in nanoseconds."""
    if isinstance(value, date):
        return (value.toordinal() - 719_163) * 86_400 * 10**6
    return value // 1000


def edges(present: list[float]) -> list[float]:
    distinct, counts = np.unique(np.array(present, float), return_counts=True)
    if len(distinct) <= FINE:
        return distinct[:-1].tolist()
    bins, found, below = min(max(len(present) // 5, 10), FINE), [], 0
    for value, count in zip(distinct[:-1].tolist(), counts[:-1].tolist(), strict=True):
        below += count
        if below * bins >= (len(found) + 1) * len(present):
            found.append(value)
    return found


def area(codes: np.ndarray, folds: np.ndarray, is_one: np.ndarray, encoded) -> float | None:
    """Out of fold, where there are enough rows of the class and of the others."""
    if min(is_one.sum(), (1 - is_one).sum()) < ENOUGH:
        return None
    return float(roc_auc_score(is_one, encoded(codes, folds, is_one)))


def ranks(target: np.ndarray, of: np.ndarray) -> np.ndarray:
    ordered = np.sort(target)
    return (np.searchsorted(ordered, of, "left") + np.searchsorted(ordered, of, "right")) / 2 / len(target)


def explained(codes: np.ndarray, rank: np.ndarray) -> float | None:
    """R² of ranks, adjusted for the number of bins."""
    groups = [rank[codes == code] for code in np.unique(codes)]
    rows, bins = len(rank), len(groups)
    spread = float(((rank - rank.mean()) ** 2).sum())
    if rows < 2 * bins or rows < ENOUGH or spread <= 1e-12:
        return None
    within = sum(float(((group - group.mean()) ** 2).sum()) for group in groups)
    return 1 - within / spread * (rows - 1) / (rows - bins)


def goes_one_way(codes: np.ndarray, rank: np.ndarray, missing: int) -> bool:
    there = [rank[codes == code] for code in np.unique(codes) if code != missing]
    present = sum(map(len, there))
    if len(there) < STEPS or present < ENOUGH and 2 * present < len(rank):
        return False
    pairs = list(zip(there, there[1:]))
    rises = all(a.max() <= b.min() for a, b in pairs)
    return rises or all(a.min() >= b.max() for a, b in pairs)


def in_sample(codes: np.ndarray, folds: np.ndarray, target: list, kind: str) -> float | None:
    """Without folds; bins of fewer than 30 rows, and those in one fold, are one."""
    values, counts = np.unique(codes, return_counts=True)
    small = {value for value, count in zip(values.tolist(), counts, strict=True) if count < FILLED or len(set(folds[codes == value])) < 2}
    pooled = np.array([-1 if code in small else code for code in codes.tolist()])
    if kind == "numbers":
        of = np.array(target, float)
        if len(of) < ENOUGH:
            return None
        guess = np.array([of[pooled == code].mean() for code in pooled])
        return float(1 - ((of - guess) ** 2).sum() / ((of - of.mean()) ** 2).sum())
    found = []
    for one in sorted(set(target)):
        is_one = np.array([value == one for value in target], float)
        if min(is_one.sum(), (1 - is_one).sum()) >= ENOUGH:
            guess = np.array([is_one[pooled == code].mean() for code in pooled])
            found.append(float(roc_auc_score(is_one, guess)))
    return max(found, default=None)


def digits_of(number: int, places: int) -> list[int]:
    """Parity, last digit, last two, count, first two, decimal places."""
    text = str(abs(number))
    shown = places
    while shown > 0 and text[-1:] == "0" and len(text) > 0:
        text, shown = text[:-1] or "0", shown - 1
        if text == "0":
            shown = 0
    whole = abs(number)
    first = whole if whole < 100 else int(str(whole)[:2])
    return [whole % 2, whole % 10, whole % 100, len(str(whole)), first, shown]


def half_up(value: float) -> int:
    return math.floor(value + 0.5)


def parts(value, kind: pa.DataType) -> list[int]:
    """The slots of the parts of a value."""
    if pa.types.is_date(kind):
        day = value.toordinal() - 719_163
        return [day % 2, day % 7, value.day]
    if pa.types.is_timestamp(kind):
        at = micros(value, None)
        second = at % 10**6
        fraction = len(f"{second:06}".rstrip("0"))
        day = at // (86_400 * 10**6)
        of_month = (date(1970, 1, 1) + timedelta(days=day)).day
        return [fraction, at % 10, at // 1000 % 10, at // 10**6 % 60, at // (60 * 10**6) % 60, at // (3600 * 10**6) % 24, day % 7, of_month]
    if pa.types.is_decimal(kind):
        return digits_of(int(value.scaleb(kind.scale)), kind.scale)
    if pa.types.is_integer(kind):
        return digits_of(value, 0)[:5]
    if pa.types.is_floating(kind):
        size = min(abs(value), 2.0**53)
        places = digits_of(half_up(size * 1e4), 4)[5]
        parity, last, _, _, first, _ = digits_of(int(size), 0)
        return [places, half_up(size * 100) % 100, parity, last, first]
    found = re.findall(r"[0-9]", value)
    words = ["".join(run) for run in split(value)]
    letters = "".join(letter for letter in value if letter.isalpha())
    second = words[1] if len(words) > 1 else ""
    texts = [value[:1], value[:2], value[:3], value[-1:], value[-2:], value[-3:], words[0], second, words[-1], letters]
    hashed = [xxhash.xxh3_64_intdigest(text.encode()) for text in texts]
    parity = 2 if not found else int(int(found[-1]) % 2 == 0)
    return [min(len(value), SLOTS), *hashed, min(len(found), SLOTS), parity]


def split(text: str) -> list[list[str]]:
    """Between everything that is neither letter nor digit."""
    runs = [[]]
    for letter in text:
        if letter.isalnum():
            runs[-1].append(letter)
        else:
            runs.append([])
    return runs


def best(cells: list, kind: pa.DataType, rows: list[int], base: np.ndarray, folds, target: list, of: str, score: float, encoded):
    """The largest of everything else that a feature says; `cells` are all of its values, `rows` those with a target."""
    found = []
    is_numeric = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    is_ordered = is_numeric or pa.types.is_temporal(kind)
    as_number = [None if value is None else float(value) if is_numeric else micros(value, None) for value in cells] if is_ordered else None
    distinct = len({value for value in cells if value is not None})
    codings = []
    if is_ordered:
        at = edges([value for value in as_number if value is not None])
        missing = len(at) + 2
        fine = np.array([missing if value is None else int(np.searchsorted(at, value, "left")) for value in as_number])[rows]
        codings.append(fine)
    elif of == "numbers":
        codings.append(base)
    one_way = [fine] if is_ordered else []
    in_texts = numbers_in(cells) if of == "numbers" and not is_ordered and not pa.types.is_boolean(kind) else None
    for end in (0, 1) if in_texts else ():
        at = edges([both[end] for both in in_texts if both is not None])
        missing = len(at) + 2
        one_way.append(np.array([missing if both is None else int(np.searchsorted(at, both[end], "left")) for both in in_texts])[rows])
        codings.append(one_way[-1])
    is_text = not is_ordered and not pa.types.is_boolean(kind)
    if distinct > FEW and (is_ordered or is_text):
        present = {row: parts(cells[row], kind) for row in rows if cells[row] is not None}
        for part in range(len(next(iter(present.values()), []))):
            codings.append(np.array([present[row][part] % SLOTS if row in present else SLOTS for row in rows]))
    if of == "numbers":
        values = np.array([float(value) for value in target])
        rank = ranks(values, values)
        usual, counts = np.unique(values, return_counts=True)
        common = {float(usual[counts.argmax()])} if counts.max() > USUAL * len(values) else set()
        comma = has_decimal_comma(cells)
        own = [parsed(cells[row], comma) for row in rows]
        both = [(a, b) for a, b in zip(values.tolist(), own, strict=True) if a not in common and b is not None]
        if len(both) >= STEPS:
            found.append(sum(a in b for a, b in both) / len(both))
        if any(goes_one_way(codes, rank, int(codes.max()) if is_any_missing(codes, in_texts, cells, rows) else -1) for codes in one_way):
            found.append(1.0)
        found += [explained(codes, rank) for codes in codings]
        found += [float(r2_score(values, encoded(codes, folds, values))) for codes in codings if len(rows) >= ENOUGH]
    else:
        ones = [np.array([value == one for value in target], float) for one in sorted(set(target))]
        found += [max((a for a in (area(codes, folds, one, encoded) for one in ones) if a is not None), default=None) for codes in codings]
        areas = [a for a in (area(base, folds, one, encoded) for one in ones) if a is not None]
        found += [1 - min(areas)] if areas else []
        is_number = all(isinstance(value, (int, float, Decimal)) and not isinstance(value, bool) for value in target)
        own = [(float(value), parsed(cells[row], False)) for row, value in zip(rows, target, strict=True)] if is_number else []
        same = [b is not None and a in b for a, b in own]
        found += [1.0] if areas and len(same) >= 2 * ENOUGH and all(same) else []
    alike = in_sample(base, folds, target, of)
    if alike is not None and alike > score + GAP:
        found.append(alike)
    return max((value for value in found if value is not None), default=None)


NUMBER = re.compile(r"-?[0-9][0-9,]*(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")


def is_any_missing(codes: np.ndarray, in_texts, cells: list, rows: list[int]) -> bool:
    """Whether the largest code is that of missing values."""
    return any((cells if in_texts is None else in_texts)[row] is None for row in rows)


def has_decimal_comma(cells: list) -> bool:
    """Whether a lone comma of any text cannot stand between thousands."""
    for token in (token for value in cells if isinstance(value, str) for token in NUMBER.findall(value)):
        whole, comma, rest = token.partition(",")
        places = len(re.match("[0-9]*", rest).group())
        if comma and "," not in rest and "." not in rest and places:
            whole = whole.lstrip("-")
            if places != 3 or whole.startswith("0") or len(whole) > 3:
                return True
    return False


def parsed(value, decimal_comma: bool) -> tuple[float, float] | None:
    """A number twice, or the first and the last one in a text."""
    if isinstance(value, (int, float, Decimal)) and not isinstance(value, bool):
        return float(value), float(value)
    found = NUMBER.findall(value) if isinstance(value, str) else []
    if not found:
        return None
    as_point = lambda token: decimal_comma and token.count(",") == 1 and "." not in token
    numbers = [float(token.replace(",", "." if as_point(token) else "")) for token in found]
    return numbers[0], numbers[-1]


def numbers_in(cells: list) -> list | None:
    """The first and the last number of each text, where most texts have one."""
    comma = has_decimal_comma(cells)
    found = [parsed(value, comma) for value in cells]
    present = sum(value is not None for value in cells)
    return found if 2 * sum(both is not None for both in found) > present else None


# Tables for it.


def long_tail(random: np.random.Generator, rows: int = 700) -> pa.Table:
    """Copies of a number whose deciles say little: on other scales, rounded, as text, in most rows only."""
    label = np.exp(random.normal(10, 2, rows))
    some = [value if random.random() < 0.7 else None for value in label.tolist()]
    return pa.table(
        {
            "rescaled": pa.array(0.453592 * label + 7),
            "bent": pa.array(-np.sqrt(label)),
            "rounded": pa.array([float(f"{value:.1e}") for value in label]),
            "text": pa.array([repr(value) for value in label.tolist()]),
            "unit": pa.array([f"EUR {int(whole):,}.{rest}" for whole, rest in (repr(value).split(".") for value in label.tolist())]),
            "some": pa.array(some, pa.float64()),
            "few": pa.array([value if row % 4 == 0 else None for row, value in enumerate(label.tolist())], pa.float64()),
            "single": pa.array(label, pa.float32()),
            "close": pa.array(label * np.exp(random.normal(0, 0.3, rows))),
            "noise": pa.array(random.normal(size=rows)),
            "label": pa.array(label),
        }
    )


def parts_tell(random: np.random.Generator, rows: int = 900) -> pa.Table:
    """The label is in a part of every column, and in the column as a whole it is not to be seen."""
    label = (random.random(rows) < 0.4).astype(int)
    said = np.where(random.random(rows) < 0.02, 1 - label, label)
    many = random.integers(0, 10**6, rows)
    at = [int(value) * 60 * 10**6 + 10**6 * int(2 * random.integers(0, 30) + one) for value, one in zip(many, said, strict=True)]
    return pa.table(
        {
            "parity": pa.array(2 * many + said),
            "last": pa.array(10 * many + np.where(said == 1, 7, random.integers(0, 7, rows))),
            "cents": pa.array([float(f"{value}.{99 if one else 95}") for value, one in zip(many // 10, said, strict=True)]),
            "price": pa.array([Decimal(f"{value}.{50 if one else 45}") for value, one in zip(many, said, strict=True)], pa.decimal128(12, 2)),
            "at": pa.array([1_700_000_040 * 10**6 + value for value in at], pa.timestamp("us")),
            "prefix": pa.array([f"{'KQ'[one]}{value:06}" for value, one in zip(many, said, strict=True)]),
            "word": pa.array([f"{value:06}-{['loan', 'card'][one]}" for value, one in zip(many, said, strict=True)]),
            "length": pa.array(["é" * int(11 + 2 * random.integers(0, 12) + one) + f"{value}" [:1] for value, one in zip(many, said, strict=True)]),
            "honest": pa.array([f"{value:06}" for value in random.integers(0, 10**6, rows)]),
            "label": pa.array(label),
        }
    )


def few_rows(random: np.random.Generator, rows: int = 600) -> pa.Table:
    """Few distinct rows: folds tell the opposite of the truth, or nothing."""
    label = (random.random(rows) < 0.5).astype(int)
    return pa.table({"sign": pa.array(np.where(random.random(rows) < 0.01, 1 - label, label)), "label": pa.array(label)})


def narrow(random: np.random.Generator, rows: int = 1500) -> pa.Table:
    """A band in the middle of a decile."""
    value = random.random(rows)
    return pa.table({"value": value, "noise": random.normal(size=rows), "label": ((value > 0.43) & (value < 0.47)).astype(int)})


def tables(random: np.random.Generator) -> dict[str, pa.Table]:
    return {"long_tail": long_tail(random), "parts_tell": parts_tell(random), "few_rows": few_rows(random), "narrow": narrow(random)}
