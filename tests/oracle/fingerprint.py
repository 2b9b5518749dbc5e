"""Writes tests/data/fingerprint and, from what pyarrow reads back there, fingerprint.json: the fingerprints of tables.

    pip install -r tests/oracle/requirements.txt
    python tests/oracle/fingerprint.py

A file with `same_as` has the fingerprint of the file named there, one with `differs_from` has another; paths start
at tests/data. Version 1 of the fingerprint, with numbers little-endian, columns in the order of their names' bytes:

- The schema is, for each column, name and kind, each after its length in bytes as u64.
- A cell is 0 if missing, else its type's number and the value, as below; a row is its cells, its hash XXH3-128.
- The fingerprint is XXH3-128 of the schema, the number of rows as u64, and the sum of the rows' hashes modulo 2^128.
"""

import gzip
import json
import shutil
import struct
from datetime import date, timedelta
from decimal import Decimal
from math import isnan
from pathlib import Path
from random import Random

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.feather as feather
import pyarrow.parquet as pq
from xxhash import xxh3_128_hexdigest, xxh3_128_intdigest

DATA = Path(__file__).resolve().parents[1] / "data"
TIMES = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}
NAN, INF = float("nan"), float("inf")


def length(data: bytes) -> bytes:
    return struct.pack("<Q", len(data)) + data


def wide(number: int) -> bytes:
    return number.to_bytes(16, "little", signed=True)


def decimal(value: Decimal) -> bytes:
    """The number without its point, as i128, and how many digits stand behind that, one byte, as few as can be."""
    sign, digits, exponent = value.as_tuple()
    unscaled, scale = int("".join(map(str, digits))) * 10 ** max(exponent, 0), max(-exponent, 0)
    while scale and unscaled % 10 == 0:
        unscaled, scale = unscaled // 10, scale - 1
    return b"\4" + wide(-unscaled if sign else unscaled) + bytes([scale])


def kind_and_cells(column: pa.ChunkedArray) -> tuple[str, list[bytes]]:
    of = column.type
    if pa.types.is_dictionary(of):
        column, of = column.cast(of.value_type), of.value_type
    if pa.types.is_boolean(of):
        kind, encode = "boolean", lambda value: bytes([1, value])
    elif pa.types.is_integer(of):
        kind, encode = "integer", lambda value: b"\2" + wide(value)
    elif pa.types.is_floating(of):
        kind, encode = "float", lambda value: b"\0" if isnan(value) else b"\3" + struct.pack("<d", value + 0.0)
    elif pa.types.is_decimal(of):
        kind, encode = "number", decimal
    elif pa.types.is_date(of):
        column = column.cast(pa.date32()).cast(pa.int32())
        kind, encode = "date", lambda value: b"\6" + struct.pack("<q", value)
    elif pa.types.is_timestamp(of):  # with a zone, Arrow holds it in UTC
        column = column.cast(pa.int64())
        kind, encode = "datetime", lambda value: b"\7" + wide(value * TIMES[of.unit])
    elif pa.types.is_string(of) or pa.types.is_large_string(of):
        kind, encode = "text", lambda value: b"\5" + length(value.encode())
    else:
        raise TypeError(of)
    return kind, [b"\0" if value is None else encode(value) for value in column.to_pylist()]


def columns(table: pa.Table) -> list[tuple[str, str, list[bytes]]]:
    names = sorted(table.column_names, key=str.encode)
    return [(name, *kind_and_cells(table[name])) for name in names]


def row_hashes(table: pa.Table) -> list[int]:
    rows = zip(*(cells for _, _, cells in columns(table)), strict=True)
    return [xxh3_128_intdigest(b"".join(row)) for row in rows]


def fingerprint(table: pa.Table) -> str:
    schema = b"".join(length(name.encode()) + length(kind.encode()) for name, kind, _ in columns(table))
    total = sum(row_hashes(table)) % 2**128
    return xxh3_128_hexdigest(schema + struct.pack("<Q", table.num_rows) + total.to_bytes(16, "little"))


def read(path: Path) -> pa.Table:
    if path.suffix == ".arrow":
        return feather.read_table(path, memory_map=False)
    if ".csv" in path.suffixes:
        kinds = pyarrow.csv.ConvertOptions(null_values=[""], strings_can_be_null=True, quoted_strings_can_be_null=False)
        return pyarrow.csv.read_csv(path, convert_options=kinds)
    if path.is_dir():
        return pa.concat_tables(pq.read_table(part) for part in sorted(path.iterdir()))
    return pq.ParquetFile(path).read()


def base(rows: int = 140) -> pa.Table:
    """Names that sort otherwise by language or by UTF-16; the extremes of each type in the first rows."""
    random = Random(20261126)

    def column(kind: pa.DataType, first: list, draw) -> pa.Array:
        rest = [None if random.random() < 0.06 else draw() for _ in range(rows - len(first))]
        return pa.array(first + rest, kind)

    days = [date(1970, 1, 1), None, date(1969, 12, 31), date(1, 1, 1), date(9999, 12, 31)]
    seconds = [random.randrange(1_600_000_000, 1_700_000_000) for _ in range(12)]
    fine = [second * 10**9 + random.randrange(10**9) for second in seconds]
    words = ["", " ", "a", "A", "é", "e\u0301", "日本語", "🦀", "NA", "nul\0l", "two\nlines"]
    words += ["longer than twelve bytes"]
    money = ["0.0000", "-0.0000", "100.0000", "0.1000", "-0.0001", "1234567890123456.7890", "-9999999999999999.9999"]
    money = [None, *map(Decimal, money)]
    floats = [None, NAN, -0.0, 0.0, INF, -INF, 5e-324, 1.7976931348623157e308, 0.1, 2.0**53]
    centuries = [-62_135_596_800_000, 253_402_300_799_999, -1, 0, None]
    return pa.table(
        {
            "id": pa.array(range(rows), pa.int32()),
            "Zeta": column(pa.int8(), [-128, 127, 0, None], lambda: random.randint(-9, 9)),
            "alpha": column(pa.int64(), [-(2**63), 2**63 - 1, 2**53 + 1, -1, None], lambda: random.randint(-9, 9)),
            "α": column(pa.uint64(), [2**64 - 1, 2**63, 0, None], lambda: random.randint(0, 9)),
            "x": column(pa.float64(), floats, lambda: random.randint(-9, 9) / 8),
            "x 2": column(pa.float32(), [*floats[:6], 1e-45, 0.1, 2.0**24], lambda: random.randint(-9, 9) / 10),
            "éa": column(pa.decimal128(20, 4), money, lambda: Decimal(random.randint(-9, 9)) / 100),
            "text": column(pa.string(), [None, *words], lambda: random.choice(words)),
            "text2": column(pa.string(), ["", None], lambda: random.choice(words)),
            "🦀": column(pa.string(), [None, ""], lambda: random.choice(["red", "green"])).dictionary_encode(),
            "Ａ": column(pa.bool_(), [None, True, False], lambda: random.random() < 0.7),
            "day": column(pa.date32(), days, lambda: days[0] + timedelta(random.randint(-9, 9))),
            "ms": column(pa.timestamp("ms"), centuries, lambda: random.choice(fine) // 10**6),
            "us": column(pa.timestamp("us"), [-1, None], lambda: random.choice(fine) // 10**3),
            "berlin": column(pa.timestamp("us", "Europe/Berlin"), [0, None], lambda: random.choice(seconds) * 10**6),
            "ns": column(pa.timestamp("ns"), [-(2**63) + 1, 2**63 - 1, -1, None], lambda: random.choice(fine)),
        }
    )


def put(table: pa.Table, name: str, value: pa.Array | pa.ChunkedArray, rename: str | None = None) -> pa.Table:
    return table.set_column(table.column_names.index(name), rename or name, value)


def cast(table: pa.Table, kinds: dict[str, pa.DataType]) -> pa.Table:
    for name, kind in kinds.items():
        table = put(table, name, table[name].cast(kind))
    return table


def edit(table: pa.Table, name: str, cells: dict) -> pa.Table:
    """With other values in the rows that are the keys of `cells`."""
    of = table[name].type
    plain = of.value_type if pa.types.is_dictionary(of) else pa.int64() if pa.types.is_timestamp(of) else of
    old = table[name].cast(plain).to_pylist()
    assert all(repr(old[row]) != repr(value) for row, value in cells.items()), (name, cells)
    return put(table, name, pa.array([cells.get(row, value) for row, value in enumerate(old)], plain).cast(of))


def swap(table: pa.Table, name: str, one: int, other: int) -> pa.Table:
    values = table[name].to_pylist()
    return edit(table, name, {one: values[other], other: values[one]})


def same(table: pa.Table) -> dict[str, pa.Table]:
    """Other tables of equal values; written as one file of Parquet each."""
    shuffled = Random(1).sample(range(table.num_rows), table.num_rows)
    bits = struct.pack("<3Q", 0x7FF8_0000_0000_0001, 0xFFF8_0000_0000_0000, 0x7FF0_0000_0000_0001)
    some, floats = struct.unpack("<3d", bits), table["x"].to_pylist()
    nans = [some[row % 3] if value is None or isnan(value) else value for row, value in enumerate(floats)]
    units = {"ms": pa.timestamp("us"), "us": pa.timestamp("ns"), "berlin": pa.timestamp("ms", "Europe/Berlin")}
    zones = {"us": pa.timestamp("us", "UTC"), "berlin": pa.timestamp("us", "Asia/Tokyo")}
    wider = {"id": pa.int64(), "Zeta": pa.int16(), "éa": pa.decimal128(30, 9), "text": pa.large_string()}
    return {
        "row_order": table.take(shuffled),
        "column_order": table.select(sorted(table.column_names, key=lambda name: name[::-1])),
        "time_units": cast(table, units),
        "time_zones": cast(table, zones),
        "wider": cast(table, wider | {"🦀": pa.string()}),
        "nan_is_null": put(table, "x", pc.if_else(pc.is_nan(table["x"]), None, table["x"])),
        "null_is_nan": put(table, "x", pa.array(nans, pa.float64())),
        "zero_without_sign": put(table, "x", pc.add(table["x"], 0.0)),
    }


def different(table: pa.Table) -> dict[str, pa.Table]:
    """Each with one thing changed."""
    alpha, ns, zeta = (table[name].cast(pa.int64()).to_pylist() for name in ("alpha", "ns", "Zeta"))
    text, text2, count = table["text"].to_pylist(), table["text2"].to_pylist(), table.num_rows
    null, value = zeta.index(None), next(row for row in range(20, count) if zeta[row] is not None)
    joined = next(row for row in range(20, count) if text[row] and text2[row] and len(text[row]) > 1)
    other = next(row for row in range(20, count) if text[row] not in (text2[row], text[4]))
    moved = text[joined][-1] + text2[joined]
    exchanged = {"text": "text2", "text2": "text"}
    return {
        "one_bit": edit(table, "alpha", {17: alpha[17] ^ 1}),
        "high_bit": edit(table, "alpha", {17: alpha[17] ^ 1 << 62}),
        "float_bit": edit(table, "x", {8: 0.10000000000000002}),
        "nanosecond": edit(table, "ns", {20: ns[20] + 1}),
        "cent": edit(table, "éa", {4: Decimal("0.1001")}),
        "boolean": edit(table, "Ａ", {1: False}),
        "composed": edit(table, "text", {text.index("e\u0301"): "é"}),
        "null_to_zero": edit(table, "Zeta", {null: 0}),
        "null_to_empty": edit(table, "text2", {1: ""}),
        "empty_to_null": edit(table, "🦀", {1: None}),
        "value_moved": swap(table, "Zeta", null, value),
        "values_swapped": swap(table, "text", 4, other),
        "cells_exchanged": edit(edit(table, "text", {other: text2[other]}), "text2", {other: text[other]}),
        "end_moved_on": edit(edit(table, "text", {joined: text[joined][:-1]}), "text2", {joined: moved}),
        "renamed": put(table, "alpha", table["alpha"], rename="alphb"),
        "names_exchanged": table.rename_columns([exchanged.get(name, name) for name in table.column_names]),
        "integer_to_float": cast(table, {"Zeta": pa.float64()}),
        "integer_to_decimal": cast(table, {"Zeta": pa.decimal128(10, 0)}),
        "boolean_to_integer": cast(table, {"Ａ": pa.int8()}),
        "local_time": put(table, "berlin", pc.local_timestamp(table["berlin"])),
        "row_fewer": table.slice(0, count - 1),
        "row_doubled": table.take([*range(count), count - 1]),
        "row_for_another": table.take([*range(count - 1), 3]),
        "column_fewer": table.drop_columns(["id"]),
        "no_rows": table.slice(0, 0),
    }


def simple(rows: int = 60) -> pa.Table:
    """What CSV can say, too."""
    random = Random(3)
    text = ["", "a", "with, comma", 'a "quoted" word', "two\nlines", "Köln", "🦀", " blank "]
    floats = [0.5, -0.0, INF, -INF, None, 1e300, 0.1, 2.0]
    days = [None if row % 13 == 4 else date(2024, 1, 1) + timedelta(random.randint(-99, 99)) for row in range(rows)]
    numbers = [2**63 - 1, -(2**63), None, *(random.randint(-50, 50) for _ in range(rows - 3))]
    return pa.table(
        {
            "number": pa.array(numbers, pa.int64()),
            "amount": pa.array([*floats, *(random.randint(-4000, 4000) / 100 for _ in range(rows - 8))], pa.float64()),
            "city": pa.array([None, *text, *(random.choice(text) for _ in range(rows - 9))], pa.string()),
            "active": pa.array([None if row % 17 == 2 else random.random() < 0.5 for row in range(rows)], pa.bool_()),
            "day": pa.array(days, pa.date32()),
        }
    )


def write(folder: Path) -> list[dict]:
    """Writes all tables into an emptied folder; says what is to be compared with what."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "two_files").mkdir(parents=True)
    table, cases = base(), []
    small = dict(compression="zstd", write_statistics=False, store_schema=False)

    def case(name: str, **group: str) -> Path:
        cases.append({"path": f"{folder.name}/{name}"} | {how: f"{folder.name}/{of}" for how, of in group.items()})
        return folder / name

    pq.write_table(table, case("base.parquet", same_as="base.parquet"))
    for compression in ("none", "gzip", "zstd"):
        pq.write_table(table, case(f"{compression}.parquet", same_as="base.parquet"), compression=compression)
    groups = case("row_groups.parquet", same_as="base.parquet")
    pq.write_table(table, groups, row_group_size=7, use_dictionary=False, **small)
    feather.write_feather(table, case("plain.arrow", same_as="base.parquet"), compression="uncompressed", chunksize=33)
    both = case("two_files", same_as="base.parquet")
    pq.write_table(table.slice(0, 61), both / "a.parquet")
    pq.write_table(table.slice(61), both / "b.parquet")
    for name, of in same(table).items():
        pq.write_table(of, case(f"{name}.parquet", same_as="base.parquet"), **small | dict(store_schema=True))
    for name, of in different(table).items():
        pq.write_table(of, case(f"{name}.parquet", differs_from="base.parquet"), **small)

    pq.write_table(simple(), case("simple.parquet", same_as="simple.parquet"))
    pyarrow.csv.write_csv(simple(), case("simple.csv", same_as="simple.parquet"))
    plain = (folder / "simple.csv").read_bytes()
    case("simple.csv.gz", same_as="simple.parquet").write_bytes(gzip.compress(plain, mtime=0))
    return cases


def main() -> None:
    cases = write(DATA / "fingerprint")
    for case in cases:
        table = read(DATA / case["path"])
        case |= {"rows": table.num_rows, "fingerprint": fingerprint(table)}
    of = {case["path"]: case["fingerprint"] for case in cases}
    for case in cases:
        other = case.get("same_as") or case["differs_from"]
        assert (of[other] == case["fingerprint"]) == ("same_as" in case), case
    lines = ",\n".join(json.dumps(case) for case in cases)
    Path(__file__).with_name("fingerprint.json").write_text(f"[\n{lines}\n]\n", encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
