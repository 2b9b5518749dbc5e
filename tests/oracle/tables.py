"""Small tables, each with something in it that is easy to get wrong."""

import csv
import gzip
import hashlib
import io
import json
import shutil
import struct
import zlib
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from random import Random

import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq

NAN = float("nan")
INF = float("inf")

# Column names that break logs, Markdown, SQL, paths, or an engine's own wildcards.
NAMES = [
    "plain",
    "with space",
    " leading space",
    "dot.ted.name",
    'double"quote',
    "single'quote",
    "pi|pe",
    "emoji 🦀",
    "-leading-minus",
    "--all",
    "back`tick",
    "::error::x",
    "::set-output name=result::passed",
    "new\nline",
    "carriage\rreturn",
    "<b>",
    "</details><script>",
    "@everyone",
    "[link](x)",
    "a,b",
    "semi;colon",
    "100%",
    "${{ github.token }}",
    "*",
    "^p.*$",
    "tab\there",
    "Case",
    "case",
    "right\u202eto left",
    "y" * 300,
]


def write(data: Path) -> None:
    """Writes all tables into an emptied `data` folder."""
    shutil.rmtree(data, ignore_errors=True)
    data.mkdir(parents=True)
    parquet(data)
    arrow(data)
    folders(data)
    delimited(data)
    json_lines(data)
    broken(data)


def parquet(data: Path) -> None:
    pq.write_table(types(), data / "types.parquet")
    pq.write_table(names(), data / "names.parquet")
    pq.write_table(wide(), data / "wide.parquet", store_schema=False, compression="none")
    pq.write_table(big_integers(), data / "big_integers.parquet")
    pq.write_table(precision(), data / "precision.parquet")
    pq.write_table(precision(), data / "precision_no_stats.parquet", write_statistics=False)
    for name, table in labels().items():
        pq.write_table(table, data / f"{name}.parquet")
    pq.write_table(nan_stats(), data / "nan_stats.parquet", row_group_size=10)
    pq.write_table(nan_stats(), data / "no_stats.parquet", row_group_size=10, write_statistics=False)

    some = plain().select(["id", "amount", "city"])
    pq.ParquetWriter(data / "no_row_groups.parquet", some.schema).close()
    with pq.ParquetWriter(data / "empty_rows.parquet", some.schema) as writer:
        writer.write_table(some.slice(0, 0))


def types() -> pa.Table:
    """One column of every type, 200 rows, some of them equal to earlier ones."""
    random = Random(1)
    rows = [types_row(random, index) for index in range(200)]

    # Extremes, each where no duplicate overwrites it.
    for bits in (8, 16, 32, 64):
        rows[0][f"int{bits}"], rows[1][f"int{bits}"] = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
        rows[0][f"uint{bits}"], rows[1][f"uint{bits}"] = 0, 2**bits - 1
    for name in ("float32", "float64"):
        rows[2][name], rows[3][name], rows[4][name], rows[5][name], rows[6][name] = INF, -INF, NAN, NAN, None
        rows[7][name], rows[8][name] = 0.0, -0.0
    rows[9]["string"], rows[10]["string"], rows[11]["string"] = "", None, " "
    rows[12]["struct"], rows[13]["struct"] = None, {"a": None, "b": None}
    rows[14]["list"], rows[15]["list"] = None, []
    rows[16]["binary"], rows[17]["binary"] = None, b""

    # Equal rows: as they are, missing in two spellings, zero in two spellings.
    for copy, first in ((50, 20), (51, 20), (90, 21), (120, 22), (150, 23), (151, 50)):
        rows[copy] = dict(rows[first])
    rows[24]["float32"] = rows[24]["float64"] = None
    rows[152] = rows[24] | {"float32": NAN, "float64": NAN}
    rows[25]["float32"] = rows[25]["float64"] = 0.0
    rows[153] = rows[25] | {"float32": -0.0, "float64": -0.0}
    # A row of missing values, as often as it can be, and one again.
    rows[26] = {name: None for name in rows[0]}
    rows[154] = dict(rows[26])

    # Rows that only look equal: one field differs, and barely.
    rows[27]["string"], rows[28]["list"], rows[29]["struct"] = None, [1, None], {"a": 1, "b": None}
    rows[30]["timestamp_ns"] = 1_700_000_000_000_000_000
    rows[31]["large_string"] = "the first twelve bytes are the same, a"
    rows[155] = rows[27] | {"string": ""}
    rows[156] = rows[28] | {"list": [1]}
    rows[157] = rows[29] | {"struct": {"a": 1, "b": ""}}
    rows[158] = rows[30] | {"timestamp_ns": 1_700_000_000_000_000_001}
    rows[159] = rows[31] | {"large_string": "the first twelve bytes are the same, b"}
    rows[32]["int64"] = 2**53
    rows[160] = rows[32] | {"int64": 2**53 + 1}

    # Two rows that agree in all but one flag.
    rows[33]["bool"] = True
    rows[161] = rows[33] | {"bool": False}

    schema = pa.schema(
        [(f"int{bits}", getattr(pa, f"int{bits}")()) for bits in (8, 16, 32, 64)]
        + [(f"uint{bits}", getattr(pa, f"uint{bits}")()) for bits in (8, 16, 32, 64)]
        + [
            ("float32", pa.float32()),
            ("float64", pa.float64()),
            ("bool", pa.bool_()),
            ("string", pa.string()),
            ("large_string", pa.large_string()),
            ("category", pa.dictionary(pa.int32(), pa.string())),
            ("decimal", pa.decimal128(10, 2)),
            ("date", pa.date32()),
            ("timestamp_s", pa.timestamp("s")),
            ("timestamp_ms", pa.timestamp("ms")),
            ("timestamp_us", pa.timestamp("us")),
            ("timestamp_ns", pa.timestamp("ns")),
            ("timestamp_utc", pa.timestamp("us", "UTC")),
            ("timestamp_berlin", pa.timestamp("us", "Europe/Berlin")),
            ("time", pa.time64("us")),
            ("duration", pa.duration("us")),
            ("list", pa.list_(pa.int64())),
            ("struct", pa.struct([("a", pa.int64()), ("b", pa.string())])),
            ("binary", pa.binary()),
            ("nothing", pa.null()),
            ("nothing_float", pa.float64()),
        ]
    )
    return pa.table({field.name: pa.array([row[field.name] for row in rows], field.type) for field in schema})


def types_row(random: Random, index: int) -> dict:
    def maybe(value):
        return None if random.random() < 0.05 else value

    def instant(per_second):
        return random.randrange(-86_400 * 3650, 86_400 * 20_000) * per_second + random.randrange(per_second)

    row = {f"int{bits}": maybe(random.randint(-100, 100)) for bits in (8, 16, 32, 64)}
    row |= {f"uint{bits}": maybe(random.randint(0, 200)) for bits in (8, 16, 32, 64)}
    row |= {name: maybe(random.choice([NAN, random.randint(-40, 40) / 4, index / 8])) for name in ("float32", "float64")}
    row["bool"] = maybe(random.random() < 0.7)
    row["string"] = maybe(random.choice(["", "a", "ü", "e\u0301", "日本語", "🦀", "longer than twelve bytes", "NA", "None"]))
    row["large_string"] = maybe(f"{random.choice(['', 'x' * 40])}{index}")
    row["category"] = maybe(random.choice(["red", "green", "blue", "", "a category of many bytes"]))
    row["decimal"] = maybe(Decimal(random.randint(-10_000, 10_000)) / 100)
    row["date"] = maybe(date(1960, 1, 1) + timedelta(days=random.randrange(24_000)))
    for name, per_second in (("s", 1), ("ms", 1000), ("us", 10**6), ("ns", 10**9)):
        # Within what nanoseconds in 64 bits can hold.
        row[f"timestamp_{name}"] = maybe(instant(per_second))
    row["timestamp_utc"], row["timestamp_berlin"] = maybe(instant(10**6)), maybe(instant(10**6))
    row["time"] = maybe(time(random.randrange(24), random.randrange(60), random.randrange(60), random.randrange(10**6)))
    row["duration"] = maybe(random.randint(-(10**9), 10**9))
    row["list"] = maybe([random.choice([1, 2, None]) for _ in range(random.randrange(4))])
    row["struct"] = maybe({"a": random.choice([None, 1, 2]), "b": random.choice([None, "", "x", "y"])})
    row["binary"] = maybe(random.choice([b"", b"\x00", b"\xff\xfe", b"thirteen bytes"]))
    return row | {"nothing": None, "nothing_float": None}


def names() -> pa.Table:
    random = Random(2)
    return pa.table(
        {
            name: pa.array([None if random.random() < 0.1 * (index % 4) else random.randint(0, 5) for _ in range(40)], pa.int64())
            if index % 2
            else pa.array([random.choice([None, "a", "b", "|", "::error::y", "`", "<i>", "x\ny"]) for _ in range(40)], pa.string())
            for index, name in enumerate(NAMES)
        }
    )


def wide() -> pa.Table:
    random = Random(3)

    def column(index: int) -> pa.Array:
        if index % 3 == 0:
            values, kind = [random.randint(0, 9) for _ in range(20)], pa.int16()
        elif index % 3 == 1:
            values, kind = [random.randint(0, 9) / 2 for _ in range(20)], pa.float32()
        else:
            values, kind = [random.choice("abcd") for _ in range(20)], pa.string()
        if index % 50 == 7:
            values[random.randrange(20)] = None
        if index == 1999:
            values = [None] * 19 + values[-1:]
        return pa.array(values, kind)

    return pa.table({f"c{index:04}": column(index) for index in range(2000)})


def big_integers() -> pa.Table:
    """Whole numbers that a detour over 64-bit floats would merge or move over a limit."""
    edge = 2**53
    return pa.table(
        {
            "int64": pa.array([edge, edge + 1, edge + 2, -edge - 1, 2**63 - 1, 2**63 - 2, None, 0], pa.int64()),
            "uint64": pa.array([edge, edge + 1, edge + 2, 2**63, 2**64 - 1, 2**64 - 2, 0, None], pa.uint64()),
            "decimal": pa.array([Decimal(text) for text in ("0.10", "0.11", "-0.10", "99999999.99", "0.00", "0.30", "0.29", "1.00")], pa.decimal128(10, 2)),
        }
    )


def precision() -> pa.Table:
    """Floats of every width that were written as 0.1, decimals of more digits than a float has, and 0.00 beside -0.01."""
    wide = ["12345678901234567.88", "12345678901234567.89", "12345678901234567.90", "-0.01"]
    return pa.table(
        {
            "half": pa.array([0.1] * 4).cast(pa.float16()),
            "single": pa.array([0.1] * 4, pa.float32()),
            "double": pa.array([0.1] * 4),
            "wide": pa.array([Decimal(text) for text in wide], pa.decimal128(38, 2)),
            "cents": pa.array([Decimal(text) for text in ("0.00", "-0.01", "0.00", "-0.01")], pa.decimal128(10, 2)),
        }
    )


def nan_stats() -> pa.Table:
    """Six row groups of ten, whose footers count nulls but not NaN."""
    random = Random(4)
    steady = [float(random.randint(0, 100)) for _ in range(60)]
    group = {
        "some_nan": [NAN if index % 10 in (0, 5) else value for index, value in enumerate(steady)],
        "nan_group": [NAN if 20 <= index < 30 else value for index, value in enumerate(steady)],
        "null_group": [None if 30 <= index < 40 else value for index, value in enumerate(steady)],
        "nan_and_null": [(NAN, None, value)[index % 3] for index, value in enumerate(steady)],
        "all_nan": [NAN] * 60,
        "infinite": [INF if index == 11 else -INF if index == 42 else value for index, value in enumerate(steady)],
        "zeros": [(0.0, -0.0)[index % 2] for index in range(60)],
        "steady": steady,
    }
    floats = {name: pa.array(values, pa.float64()) for name, values in group.items()}
    floats["float32_nan"] = pa.array(group["some_nan"], pa.float32())
    whole = [random.randint(-50, 50) for _ in range(60)]
    return pa.table(
        floats
        | {
            "int": pa.array(whole, pa.int64()),
            "int_null": pa.array([None if index % 7 == 0 else value for index, value in enumerate(whole)], pa.int64()),
            "int_null_group": pa.array([None if index < 10 else value for index, value in enumerate(whole)], pa.int32()),
            "int_one_out": pa.array([1000 if index == 59 else value for index, value in enumerate(whole)], pa.int64()),
            "text": pa.array([None if value < -40 else f"{value:04}" for value in whole], pa.string()),
            "day": pa.array([date(2024, 1, 1) + timedelta(days=index) for index in range(60)], pa.date32()),
        }
    )


def labels() -> dict[str, pa.Table]:
    """300 rows: duplicates, rows that contradict one another, a class under 1 %; the label in several types."""
    random = Random(5)
    f1 = [float(index) for index in range(300)]
    f2 = [random.choice(["a", "b", "c"]) for _ in range(300)]
    label = [random.choice(["good", "good", "bad"]) for _ in range(300)]
    label[290], label[291] = "rare", "rare"

    def row(index, *values):
        f1[index], f2[index], label[index] = values

    row(0, 1000.0, "a", "good")  # a contradiction of two
    row(1, 1000.0, "a", "bad")
    row(2, 1001.0, "b", "good")  # a contradiction of three, two of them agreeing
    row(3, 1001.0, "b", "good")
    row(4, 1001.0, "b", "bad")
    row(5, None, "c", "good")  # missing equals missing
    row(6, None, "c", "bad")
    row(7, NAN, "c", "good")  # in either spelling
    row(8, None, None, "good")  # wholly missing features
    row(9, None, None, "bad")
    row(10, 1002.0, "a", None)  # a missing label contradicts nothing
    row(11, 1002.0, "a", "good")
    row(12, 1003.0, "b", None)  # nor do two of them,
    row(13, 1003.0, "b", None)  # though they are duplicates
    row(14, 1004.0, "c", "good")  # agreeing duplicates
    row(15, 1004.0, "c", "good")
    row(16, 1004.0, "c", "good")
    row(17, 0.0, None, "good")  # zero has one value
    row(18, -0.0, None, "bad")
    row(19, 1005.0, "", "good")  # empty is not missing
    row(20, 1005.0, None, "bad")
    row(21, 1006.0, "a", "good")  # a contradiction, and a missing label beside it
    row(22, 1006.0, "a", "bad")
    row(23, 1006.0, "a", None)
    for index in (30, 31, 32):
        label[index] = None
    number = {"good": 0, "bad": 1, "rare": 2}
    kinds = {
        "labels": pa.array(label, pa.string()),
        "labels_integer": pa.array([number.get(name) for name in label], pa.int8()),
        "labels_float": pa.array([float(number.get(name, NAN)) for name in label], pa.float64()),
        "labels_boolean": pa.array([None if name is None else name == "good" for name in label], pa.bool_()),
        "labels_category": pa.array(label, pa.string()).dictionary_encode(),
        "labels_missing": pa.array([None] * 300, pa.string()),
    }
    features = {"f1": pa.array(f1, pa.float64()), "f2": pa.array(f2, pa.string())}
    return {name: pa.table(features | {"label": values}) for name, values in kinds.items()}


def plain(rows: int = 40, seed: int = 6) -> pa.Table:
    """An ordinary table: what every format can hold alike."""
    random = Random(seed)
    return pa.table(
        {
            "id": pa.array(range(rows), pa.int64()),
            "amount": pa.array([None if index % 9 == 4 else random.randint(0, 4000) / 8 for index in range(rows)], pa.float64()),
            "count": pa.array([None if index % 13 == 5 else random.randint(-5, 5) for index in range(rows)], pa.int64()),
            "city": pa.array([None if index % 11 == 3 else random.choice(["Köln", "Berlin", "São Paulo", "東京"]) for index in range(rows)], pa.string()),
            "active": pa.array([None if index % 17 == 2 else random.random() < 0.5 for index in range(rows)], pa.bool_()),
        }
    )


def arrow(data: Path) -> None:
    table = plain()
    table = table.append_column("category", table["city"].dictionary_encode())
    table = table.append_column("at", pa.array([1_700_000_000_000_000 + index * 1_500_000 for index in range(40)], pa.timestamp("us", "UTC")))
    feather.write_feather(table, data / "plain.arrow", compression="uncompressed", chunksize=16)
    feather.write_feather(table, data / "lz4.arrow", compression="lz4", chunksize=16)


def folders(data: Path) -> None:
    for seed, (year, month) in enumerate(((2023, 12), (2024, 1), (2024, 2))):
        for part in range(2 if month == 1 else 1):
            write_part(data / f"hive/year={year}/month={month}/part-{part}.parquet", plain(12, seed * 10 + part))
    write_part(data / "hive_null/region=north/part-0.parquet", plain(5, 70))
    write_part(data / "hive_null/region=__HIVE_DEFAULT_PARTITION__/part-0.parquet", plain(3, 71))

    write_part(data / "glob/a.parquet", plain(10, 80))
    write_part(data / "glob/b.parquet", plain(15, 81))

    mixed = plain(10, 82)
    other_type = mixed.set_column(0, "id", mixed["id"].cast(pa.string()))
    write_part(data / "glob_mixed/a.parquet", mixed)
    write_part(data / "glob_mixed/b.parquet", other_type)
    write_part(data / "glob_mixed/c.parquet", mixed.append_column("extra", mixed["id"]))
    write_part(data / "glob_mixed/d.parquet", mixed.drop_columns(["city"]))


def write_part(path: Path, table: pa.Table) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path)


def delimited(data: Path) -> None:
    head = ["id", "amount", "count", "city", "active"]
    rows = [["" if value is None else str(value).lower() if value is True or value is False else str(value) for value in row.values()] for row in plain().to_pylist()]
    comma = lines(head, rows, ",")
    put(data, "plain.csv", comma)
    put(data, "semicolon.csv", lines(head, rows, ";"))
    put(data, "tabs.tsv", lines(head, rows, "\t"))
    put(data, "bom.csv", "\ufeff" + comma)
    put(data, "crlf.csv", comma.replace("\n", "\r\n"))
    put(data, "header_only.csv", lines(head, [], ","))
    put(data, "empty.csv", "")
    put_gzip(data, "gz.csv.gz", [comma])
    (data / "latin1.csv").write_bytes(b"id,city\n1,K\xf6ln\n2,Berlin\n")
    put(data, "ragged.csv", "a,b,c\n1,2,3\n4,5\n6,7,8\n9,10,11,12\n13,14,15\n")
    put(data, "ragged_short.csv", "a,b,c\n1,2,3\n4,5\n6,7,8\n")
    put(data, "ragged_long.csv", "a,b,c\n1,2,3\n4,5,6,7\n8,9,10\n")

    put(
        data,
        "quoted.csv",
        'id,"a, b","say ""hi""",text\n'
        '1,"one\ntwo",plain,x\n'
        '2,"one, two","a ""quoted"" word",""\n'
        '3,"",,\n'
        '4,,"",y\n'
        '5,"\n",""" ""","a;b\t|c"\n'
        '6,"\r\n","\'",z\n'
        '7,"one\ntwo",plain,x\n'
        '7,"one\ntwo",plain,x\n'
        '8,"one,two",,""\n',
    )
    put(
        data,
        "nulls.csv",
        "id,age,city,note\n1,30,Berlin,ok\n2,NA,N/A,-\n3,-,NA,na\n4,,,\n5,-5,-,N/A!\n6,N/A,Bonn,NaN\n7,41,NAN,null\n8,30,Berlin,--\n",
    )
    put(
        data,
        "inf_nan.csv",
        "id,x,y\n1,0.5,1\n2,inf,2\n3,-inf,3\n4,NaN,NaN\n5,,4\n6,1e3,inf\n7,-0.0,\n8,0.0,5\n9,1E-2,-inf\n10,0.5,NaN\n",
    )
    put(
        data,
        "dates.csv",
        "day,seconds,fraction,zone,text\n"
        "2024-02-28,2024-02-28T12:00:00,2024-02-28T12:00:00.123456,2024-02-28T12:00:00Z,soon\n"
        "2024-02-29,2024-02-29T23:59:59,2024-02-29T23:59:59.999999,2024-02-29T23:59:59Z,2024-02-29\n"
        ",,,,\n"
        "2023-12-31,2023-12-31T00:00:00,2023-12-31T00:00:00.000001,2023-12-31T00:00:00Z,2023-12-31\n"
        "1969-12-31,1969-12-31T23:59:59,1969-12-31T23:59:59.500000,1969-12-31T23:59:59Z,1969\n"
        "2024-02-29,2024-02-29T23:59:59,2024-02-29T23:59:59.999999,2024-02-29T23:59:59Z,2024-02-29\n",
    )
    # Types that only the last rows of a million tell: `code` becomes text, `ratio` a float.
    block = "".join(f"{index},{index},{index}\n" for index in range(97))
    whole, rest = divmod(1_000_001, 97)
    start = "".join(f"{index},{index},{index}\n" for index in range(rest))
    put_gzip(data, "late_type.csv.gz", ["code,ratio,steady\n", *[block] * whole, start, "1,0.5,1\nunknown,2,2\n"])


def lines(head: list[str], rows: list[list[str]], delimiter: str) -> str:
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, lineterminator="\n").writerows([head, *rows])
    return text.getvalue()


def put(data: Path, name: str, text: str) -> None:
    (data / name).write_bytes(text.encode())


def put_gzip(data: Path, name: str, parts: list[str]) -> None:
    with open(data / name, "wb") as file, gzip.GzipFile("", "wb", 9, file, mtime=0) as packed:
        for part in parts:
            packed.write(part.encode())


def json_lines(data: Path) -> None:
    def dump(name: str, rows: list[dict]) -> None:
        put(data, name, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))

    start = datetime(2024, 3, 30, 23, 0, 0, tzinfo=timezone.utc)
    times = [start + timedelta(minutes=7 * index) for index in range(40)]
    dump("plain.ndjson", [row | {"at": at.strftime("%Y-%m-%dT%H:%M:%SZ")} for row, at in zip(plain().to_pylist(), times)])
    dump("changing.ndjson", [{"id": index, "value": index if index < 25 else f"v{index}"} for index in range(40)])
    nested = [
        {"id": index, "tags": ["a", "b"][: index % 3], "place": {"city": ["Ulm", None][index % 2], "zip": index % 4}}
        for index in range(12)
    ]
    nested += [{"id": 12, "tags": None, "place": None}, dict(nested[3]), dict(nested[4])]
    dump("nested.ndjson", nested)
    dump(
        "missing_keys.ndjson",
        [
            {"id": 1, "a": 1, "b": "x"},
            {"id": 2, "b": "y"},
            {"id": 3, "a": None, "b": "y"},
            {"a": 4, "id": 4},
            {"id": 2, "a": None, "b": "y", "late": True},
            {"id": 5},
            {"id": 2, "b": "y"},
            {"id": 6, "b": ""},
        ],
    )


def broken(data: Path) -> None:
    whole = (data / "types.parquet").read_bytes()
    (data / "truncated.parquet").write_bytes(whole[: len(whole) // 2])
    (data / "picture.parquet").write_bytes(png(8, 8))
    for name in ("lfs_pointer.parquet", "lfs_pointer.csv"):
        digest = hashlib.sha256(name.encode()).hexdigest()
        put(data, name, f"version https://git-lfs.github.com/spec/v1\noid sha256:{digest}\nsize 48213907\n")


def png(width: int, height: int) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    pixels = b"".join(b"\x00" + bytes((row * 32) ^ (column * 32) & 255 for column in range(width)) for row in range(height))
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(pixels, 9)) + chunk(b"IEND", b"")
