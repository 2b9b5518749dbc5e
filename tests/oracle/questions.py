"""What is asked of which table. A key is a path below tests/data, unless `file` says otherwise.

`csv` are the reading options that a user would give; `note` says what a test should know.
"""

NAMED = ["plain", "with space", "*", "^p.*$"]
SPELLINGS = ["NA", "N/A", "-"]

PLAIN = {
    "unique": [["id"], ["city"], ["city", "active"], ["amount", "count"]],
    "outside": [("amount", 50, 400), ("count", -5, 5), ("count", 0, None), ("id", None, 20)],
    "other": [("city", ["Köln", "Berlin"]), ("active", [True]), ("count", [-1, 0, 1])],
    "mismatch": [("city", "K.*|B.*"), ("city", "[A-Za-z]+")],
    "classes": ["active", "city"],
    "conflicts": ["active"],
}

LABELS = {"unique": [["f1"], ["f1", "f2"], ["label"]], "classes": ["label"], "conflicts": ["label"], "outside": [("f1", 0, 299)]}

FOOTERS = {
    "unique": [["steady"], ["some_nan"], ["zeros"], ["all_nan"], ["int", "int_null"]],
    "outside": [
        ("some_nan", 0, 100),
        ("nan_group", 0, 100),
        ("nan_and_null", 0, 50),
        ("all_nan", 0, 1),
        ("infinite", 0, 100),
        ("zeros", 0, 0),
        ("steady", 0, 100),
        ("float32_nan", 10, 90),
        ("int", -50, 50),
        ("int", 0, 50),
        ("int_null", -50, 50),
        ("int_null_group", -50, 50),
        ("int_one_out", -50, 50),
        ("day", "2024-01-01", "2024-02-29"),
        ("day", "2024-01-02", "2024-02-28"),
    ],
    "newest": ["day"],
}

DATES = [f"2013-01-{day:02}T00:00:00Z" for day in (2, 15)]

TABLES = {
    "types.parquet": {
        "unique": [
            ["int64"], ["uint64"], ["float32"], ["float64"], ["bool"], ["string"], ["large_string"], ["category"], ["decimal"], ["date"],
            ["timestamp_ns"], ["timestamp_berlin"], ["time"], ["duration"], ["list"], ["struct"], ["binary"], ["nothing"], ["nothing_float"],
            ["string", "float64"], ["bool", "category", "nothing"], ["list", "struct"],
        ],
        "outside": [
            ("int8", -100, 100), ("int16", 0, None), ("int32", None, 50), ("int64", -90, 90), ("uint8", 10, 190), ("uint64", 0, 1000),
            ("float32", -5, 10), ("float64", -5, 10), ("float64", None, 1e300), ("decimal", -50.25, 50.5), ("nothing_float", 0, 1),
            ("date", "1970-01-01", "2020-12-31"),
            ("timestamp_s", "1970-01-01T00:00:00Z", "2020-12-31T23:59:59Z"),
            ("timestamp_ns", "1970-01-01T00:00:00Z", "2020-12-31T23:59:59Z"),
            ("timestamp_utc", "1990-01-01T00:00:00Z", None),
            ("timestamp_berlin", None, "2000-01-01T00:00:00Z"),
        ],
        "newest": ["date", "timestamp_s", "timestamp_ms", "timestamp_us", "timestamp_ns", "timestamp_utc", "timestamp_berlin"],
        "other": [
            ("string", ["a", "", "ü"]), ("category", ["red", "green"]), ("bool", [True]), ("int8", [0, 1, 2, -128]), ("large_string", [""]),
        ],
        "mismatch": [
            ("string", "a"), ("string", ""), ("string", "."), ("string", "a|aa|NA|N"), ("category", "[a-z]+"), ("large_string", "x*[0-9]+"),
        ],
        "classes": ["bool", "category", "string"],
        "conflicts": ["bool", "category"],
    },
    "names.parquet": {
        "unique": [[name] for name in NAMED] + [["case", "Case"]],
        "outside": [("with space", 1, 4), ("*", None, 2)],
    },
    "wide.parquet": {"unique": [["c0000"], ["c0001", "c0002"]], "outside": [("c0000", 1, 8), ("c1999", 0, 2)], "classes": ["c0002"]},
    "big_integers.parquet": {
        "unique": [["int64"], ["uint64"]],
        "outside": [
            ("int64", None, 9007199254740992), ("int64", -9007199254740992, None), ("uint64", None, 9007199254740992),
            ("decimal", 0.1, 0.3), ("decimal", None, 99999999.99),
        ],
    },
    "no_row_groups.parquet": {"unique": [["id"]]},
    "empty_rows.parquet": {"unique": [["id"]]},
    "nan_stats.parquet": FOOTERS,
    "no_stats.parquet": FOOTERS,
    "labels.parquet": LABELS | {"mismatch": [("label", "good|bad")], "other": [("label", ["good", "bad"])]},
    "labels_integer.parquet": LABELS,
    "labels_float.parquet": LABELS,
    "labels_boolean.parquet": LABELS,
    "labels_category.parquet": LABELS,
    "labels_missing.parquet": LABELS | {"note": "the target is wholly missing"},
    "hive": {"unique": [["id"], ["year"], ["year", "month", "id"]], "classes": ["year"], "outside": [("month", 1, 2)]},
    "hive_null": {"unique": [["region"]], "classes": ["region"]},
    "glob/*.parquet": PLAIN,
    "plain.arrow": PLAIN | {"newest": ["at"]},
    "lz4.arrow": PLAIN | {"newest": ["at"]},
    "plain.csv": PLAIN,
    "semicolon.csv": PLAIN | {"csv": {"delimiter": ";"}},
    "tabs.tsv": PLAIN | {"csv": {"delimiter": "\t"}},
    "gz.csv.gz": PLAIN,
    "bom.csv": PLAIN,
    "crlf.csv": PLAIN,
    "quoted.csv": {
        "unique": [["id"], ["a, b"], ['say "hi"'], ["text"]],
        "other": [("text", ["x", ""])],
        "mismatch": [("a, b", "one"), ("a, b", "(?s).*"), ("text", "[a-z]")],
        "note": 'an unquoted empty field is null, "" is an empty text',
    },
    "nulls.csv": {
        "csv": {"null_values": SPELLINGS},
        "unique": [["age"], ["city"]],
        "outside": [("age", 0, 40)],
        "mismatch": [("note", "ok|na")],
    },
    "nulls.csv without spellings": {"file": "nulls.csv", "unique": [["age"]], "other": [("city", ["Berlin", "Bonn"])], "note": "all but `id` is text"},
    "inf_nan.csv": {"unique": [["x"], ["y"]], "outside": [("x", 0, 1000), ("y", 1, 5)]},
    "dates.csv": {
        "unique": [["day"], ["fraction"]],
        "newest": ["day", "seconds", "fraction", "zone"],
        "outside": [("day", "2024-01-01", "2024-02-29"), ("seconds", "2024-01-01T00:00:00Z", "2024-02-29T00:00:00Z")],
    },
    "header_only.csv": {},
    "late_type.csv.gz": {
        "unique": [["code"], ["steady"]],
        "outside": [("ratio", 1, 95), ("steady", 0, 96)],
        "other": [("code", [str(number) for number in range(97)])],
        "mismatch": [("code", "[0-9]+")],
        "note": "`code` is text and `ratio` a float, by their last rows alone",
    },
    "plain.ndjson": PLAIN | {"newest": ["at"]},
    "nested.ndjson": {"unique": [["id"], ["tags"], ["place"]]},
    "missing_keys.ndjson": {"unique": [["id"], ["a"], ["b"]], "classes": ["b"]},
    "credit": {
        "file": "../../examples/credit/data/german_credit.csv",
        "unique": [["credit_amount"], ["age", "credit_amount", "duration"]],
        "outside": [("age", 21, 70), ("credit_amount", 250, 18424), ("duration", 6, 60)],
        "other": [("housing", ["own", "rent"]), ("saving_accounts", ["little", "moderate", "quite rich", "rich"])],
        "mismatch": [("purpose", "[a-z ]+")],
        "classes": ["risk", "sex", "purpose"],
        "conflicts": ["risk", "housing"],
    },
    "flights": {
        "file": "../../examples/flights/data/flights_2013_01.parquet",
        "unique": [["year", "month", "day", "carrier", "flight"], ["tailnum"], ["time_hour", "carrier", "flight"]],
        "outside": [("dep_delay", -30, 120), ("air_time", 20, 600), ("distance", 80, 2500), ("time_hour", *DATES)],
        "other": [("origin", ["EWR", "JFK"]), ("carrier", ["UA", "B6", "EV", "DL"])],
        "mismatch": [("tailnum", "N[0-9]{1,5}[A-Z]{0,2}"), ("dest", "[A-Z]{3}")],
        "newest": ["time_hour"],
        "classes": ["carrier", "origin"],
        "conflicts": ["origin"],
    },
    "flights february": {
        "file": "../../examples/flights/data/flights_2013_02.parquet",
        "unique": [["year", "month", "day", "carrier", "flight"], ["tailnum"]],
        "outside": [("dep_delay", -30, 120), ("air_time", 20, 600)],
        "newest": ["time_hour"],
        "classes": ["carrier"],
    },
}

# What must end as "could not measure", and why.
BAD = {
    "empty.csv": "no bytes at all",
    "latin1.csv": "not UTF-8, in line 2",
    "ragged.csv": "line 3 has two fields of three, line 5 has four",
    "ragged_short.csv": "line 3 has two fields of three",
    "ragged_long.csv": "line 3 has four fields of three",
    "changing.ndjson": "`value` is a number in 25 lines, a text from line 26 on",
    "glob_mixed/[ab].parquet": "`id` is an integer in one file, a text in the other",
    "glob_mixed/[ac].parquet": "the second file has a column more",
    "glob_mixed/[ad].parquet": "the second file has a column less",
    "truncated.parquet": "the second half is gone",
    "picture.parquet": "a PNG",
    "lfs_pointer.parquet": "a Git LFS pointer",
    "lfs_pointer.csv": "a Git LFS pointer",
}
