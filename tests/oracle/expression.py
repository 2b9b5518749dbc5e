"""Asks DuckDB how many rows violate random SQL conditions over edge values.

    python tests/oracle/expression.py

writes tests/data/expression.parquet and tests/oracle/expression.json. Each condition is made twice from one tree: as
mlgate reads it, and as DuckDB must be asked for what docs/checks/expression.md states where the two differ:

- integers are computed in 128 bits (every integer column is cast to HUGEINT);
- NaN is null, in columns and where it is computed; a division by zero, a logarithm of zero or less are null;
- GREATEST, LEAST and CONCAT of a null are null.

Conditions that DuckDB refuses or fails on are left out, but for those of `FAILING`, which must be errors.
"""

import datetime
import json
import math
import pathlib
import random

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

HERE = pathlib.Path(__file__).parent
TABLE = HERE.parent / "data" / "expression.parquet"
ROWS = 64
COUNT = 1600
R = random.Random(20261130)

INTS = {"i8": (-(2**7), 2**7 - 1), "i16": (-(2**15), 2**15 - 1), "i32": (-(2**31), 2**31 - 1),
        "i64": (-(2**63), 2**63 - 1), "u8": (0, 2**8 - 1), "u16": (0, 2**16 - 1), "u32": (0, 2**32 - 1),
        "u64": (0, 2**64 - 1)}
SMALL = ["i8", "i16", "i32", "u8", "u16", "u32"]
FLOATS = [0.0, -0.0, 1.0, -1.0, 0.5, 2.5, -2.5, 100.0, 0.1, 1e-300, 1e300, -1e308, math.inf, -math.inf, math.nan, None, 3.0, 7.0]
SINGLES = [0.0, -0.0, 1.0, -1.0, 0.5, 2.5, 0.1, 0.2, 0.3, 16777216.0, 1e30, math.inf, -math.inf, math.nan, None]
TEXTS = ["", "a", "A", "abc", "ABC", "aBc", "a%c", "a_c", "a\\c", "%", "_", "\\", "äöü", "ÄÖÜ", "é", "日本", " a ", "a b",
         "aaa", "ab\ncd", "12", "-7", "x12", "true", "2026-01-31", None, None]
DATES = [datetime.date(1970, 1, 1), datetime.date(2026, 1, 31), datetime.date(2024, 2, 29), datetime.date(1969, 12, 31),
         datetime.date(2000, 1, 1), datetime.date(1900, 3, 1), None, datetime.date(2026, 12, 31)]


def column(values):
    values = list(values)
    return [R.choice(values) for _ in range(ROWS)]


def edges(low, high):
    middle = [low, low + 1, high, high - 1, 0, 1, 2, 3, 5, 7, 100, None, None]
    return [value for value in middle if value is None or low <= value <= high] + ([-1, -7, -100] if low < 0 else [])


def table():
    kinds = {"i8": pa.int8(), "i16": pa.int16(), "i32": pa.int32(), "i64": pa.int64(), "u8": pa.uint8(),
             "u16": pa.uint16(), "u32": pa.uint32(), "u64": pa.uint64()}
    columns = {name: pa.array(column(edges(*INTS[name])), kind) for name, kind in kinds.items()}
    columns["f"] = pa.array(column(FLOATS), pa.float64())
    columns["g"] = pa.array(column(FLOATS), pa.float64())
    columns["s"] = pa.array(column(SINGLES), pa.float32())
    columns["r"] = pa.array(column(SINGLES), pa.float32())
    columns["t"] = pa.array(column(TEXTS), pa.string())
    columns["u"] = pa.array(column(TEXTS), pa.string())
    columns["b"] = pa.array(column([True, False, None]), pa.bool_())
    columns["c"] = pa.array(column([True, False, None]), pa.bool_())
    columns["d"] = pa.array(column(DATES), pa.date32())
    columns["e"] = pa.array(column(DATES), pa.date32())
    times = [None if day is None else datetime.datetime.combine(day, datetime.time(R.randrange(24), R.randrange(60), R.randrange(60), 5000)) for day in DATES]
    columns["ts"] = pa.array(column(times + [datetime.datetime(2026, 1, 31)]), pa.timestamp("us"))
    from decimal import Decimal
    columns["n"] = pa.array(column([Decimal(x) for x in ("0.00", "0.01", "-0.01", "1.50", "2.50", "-2.50", "99999999.99", "12.34", "0.10")] + [None]), pa.decimal128(10, 2))
    return pa.table(columns)


# Each of these returns the condition's text for mlgate and for DuckDB.

def both(text):
    return text, text


def pair(form, *parts):
    return form.format(*(part[0] for part in parts)), form.format(*(part[1] for part in parts))


def differ(form, ours, *parts):
    """`form` for mlgate, `ours` for DuckDB."""
    return form.format(*(part[0] for part in parts)), ours.format(*(part[1] for part in parts))


def no_nan(part):
    return part[0], f"nan_null({part[1]})"


def integer(depth, small=False):
    names = SMALL if small else list(INTS)
    if depth <= 0 or R.random() < 0.3:
        kind = R.random()
        if kind < 0.75:
            return both(R.choice(names))
        return both(str(R.choice([0, 1, 2, 3, -1, -7, 10, 100, 127, 255])))
    a, b = integer(depth - 1, small), integer(depth - 1, small)
    return R.choice([
        lambda: pair("({} + {})", a, b),
        lambda: pair("({} - {})", a, b),
        lambda: pair("({} * {})", a, b),
        lambda: differ("({0} // {1})", "(CASE WHEN {1} <> 0 THEN ({0}) // ({1}) END)", a, b),
        lambda: differ("({0} % {1})", "(CASE WHEN {1} <> 0 THEN ({0}) % ({1}) END)", a, b),
        lambda: differ("MOD({0}, {1})", "(CASE WHEN {1} <> 0 THEN ({0}) % ({1}) END)", a, b),
        lambda: pair("(- {})", a),
        lambda: pair("ABS({})", a),
        lambda: differ("SIGN({0})", "CAST(SIGN({0}) AS HUGEINT)", a),
        lambda: pair("COALESCE({}, {})", a, b),
        lambda: pair("NULLIF({}, {})", a, b),
        lambda: differ("GREATEST({0}, {1})", "(CASE WHEN {0} IS NOT NULL AND {1} IS NOT NULL THEN GREATEST({0}, {1}) END)", a, b),
        lambda: differ("LEAST({0}, {1})", "(CASE WHEN {0} IS NOT NULL AND {1} IS NOT NULL THEN LEAST({0}, {1}) END)", a, b),
        lambda: pair("CASE WHEN {} THEN {} ELSE {} END", condition(depth - 1), a, b),
        lambda: differ("LENGTH({0})", "CAST(LENGTH({0}) AS HUGEINT)", text(depth - 1)),
        lambda: differ("OCTET_LENGTH({0})", "CAST(STRLEN({0}) AS HUGEINT)", text(depth - 1)),
        lambda: differ("STRPOS({0}, {1})", "CAST(STRPOS({0}, {1}) AS HUGEINT)", text(depth - 1), text(depth - 1)),
        lambda: differ("EXTRACT({1} FROM {0})", "CAST(EXTRACT({1} FROM {0}) AS HUGEINT)", date(0), both(R.choice(["YEAR", "MONTH", "DAY", "QUARTER", "DOW", "DOY", "WEEK", "ISODOW"]))),
        lambda: differ("EXTRACT({1} FROM {0})", "CAST(EXTRACT({1} FROM {0}) AS HUGEINT)", both("ts"), both(R.choice(["YEAR", "MONTH", "DAY", "HOUR", "MINUTE", "SECOND"]))),
        lambda: differ("(d - e)", "CAST(d - e AS HUGEINT)"),
        lambda: differ("CAST({0} AS INT)", "CAST(CAST({0} AS INT) AS HUGEINT)", boolean()),
        lambda: differ("TRY_CAST({0} AS BIGINT)", "CAST(TRY_CAST(CASE WHEN regexp_full_match({0}, '[+-]?[0-9]+') THEN {0} END AS BIGINT) AS HUGEINT)", text(0)),
        lambda: differ("TRY_CAST({0} AS TINYINT)", "CAST(TRY_CAST({0} AS TINYINT) AS HUGEINT)", a),
        lambda: differ("FLOOR({0})", "CAST(FLOOR({0}) AS HUGEINT)", both("n")),
        lambda: differ("CEIL({0})", "CAST(CEIL({0}) AS HUGEINT)", both("n")),
    ])()


def decimal(depth):
    if depth <= 0 or R.random() < 0.4:
        return both(R.choice(["n", "n", "0.01", "2.5", "-0.01", "1.500", "12.34", "i8", "3"]))
    a, b = decimal(depth - 1), decimal(depth - 1)
    return R.choice([
        lambda: pair("({} + {})", a, b),
        lambda: pair("({} - {})", a, b),
        lambda: pair("({} * {})", a, b),
        lambda: pair("(- {})", a),
        lambda: pair("ABS({})", a),
        lambda: pair("ROUND({}, 1)", both("n")),
        lambda: pair("ROUND({})", both("n")),
        lambda: pair("COALESCE({}, {})", a, b),
        lambda: pair("TRY_CAST({} AS DECIMAL(6, 1))", both("n")),
    ])()


def floating(depth):
    if depth <= 0 or R.random() < 0.3:
        return both(R.choice(["f", "g", "f", "g", "1e0", "2.5e0", "0e0", "-1e0", "1e300", "0.1e0"]))
    a, b = floating(depth - 1), floating(depth - 1)
    i = integer(0, small=True)
    return R.choice([
        lambda: no_nan(pair("({} + {})", a, b)),
        lambda: no_nan(pair("({} - {})", a, b)),
        lambda: no_nan(pair("({} * {})", a, b)),
        lambda: no_nan(pair("({} + {})", a, i)),
        lambda: no_nan(pair("({} * {})", i, a)),
        lambda: differ("({0} / {1})", "(CASE WHEN {1} <> 0 THEN nan_null(({0}) / ({1})) END)", a, b),
        lambda: differ("({0} / {1})", "(CASE WHEN {1} <> 0 THEN nan_null(({0}) / ({1})) END)", integer(0, small=True), integer(0, small=True)),
        lambda: differ("({0} % {1})", "(CASE WHEN {1} <> 0 THEN nan_null(({0}) % ({1})) END)", a, b),
        lambda: pair("(- {})", a),
        lambda: pair("ABS({})", a),
        lambda: pair("FLOOR({})", a),
        lambda: pair("CEIL({})", a),
        lambda: pair("ROUND({})", a),
        lambda: pair("ROUND({}, 1)", a),
        lambda: differ("SQRT({0})", "(CASE WHEN {0} >= 0 THEN SQRT({0}) END)", a),
        lambda: differ("LN({0})", "(CASE WHEN {0} > 0 THEN LN({0}) END)", a),
        lambda: differ("LOG10({0})", "(CASE WHEN {0} > 0 THEN LOG10({0}) END)", a),
        lambda: no_nan(pair("EXP({})", a)),
        lambda: no_nan(differ("POWER({0}, 2)", "POWER(CAST({0} AS DOUBLE), 2)", a)),
        lambda: pair("COALESCE({}, {})", a, b),
        lambda: pair("CAST({} AS DOUBLE)", i),
        lambda: pair("CASE WHEN {} THEN {} ELSE {} END", condition(depth - 1), a, b),
    ])()


def single(depth):
    if depth <= 0 or R.random() < 0.5:
        return both(R.choice(["s", "r", "0.1", "0.5", "16777216", "-1", "2.5"]))
    a, b = single(depth - 1), single(depth - 1)
    a = pair("(s + {})", a) if R.random() < 0.5 else pair("(r * {})", a)
    return R.choice([lambda: no_nan(a), lambda: pair("(- {})", both("s")), lambda: no_nan(pair("({} - r)", both("s")))])()


def quoted(value):
    return "'" + value.replace("'", "''") + "'"


def text(depth):
    if depth <= 0 or R.random() < 0.4:
        return both(R.choice(["t", "u", "t", "u", quoted(R.choice([text for text in TEXTS if text is not None]))]))
    a, b = text(depth - 1), text(depth - 1)
    literal = both(quoted(R.choice(["a", "%", "b", "", "aa", " ", "ö"])))
    return R.choice([
        lambda: pair("LOWER({})", a),
        lambda: pair("UPPER({})", a),
        lambda: pair("TRIM({})", a),
        lambda: pair("LTRIM({}, 'a')", a),
        lambda: pair("RTRIM({})", a),
        lambda: pair("LEFT({}, {})", a, both(str(R.randrange(4)))),
        lambda: pair("RIGHT({}, {})", a, both(str(R.randrange(4)))),
        lambda: pair("SUBSTRING({} FROM {} FOR {})", a, both(str(R.randrange(1, 4))), both(str(R.randrange(4)))),
        lambda: pair("SUBSTR({}, {})", a, both(str(R.randrange(1, 4)))),
        lambda: pair("REPLACE({}, {}, {})", a, literal, b),
        lambda: pair("({} || {})", a, b),
        lambda: differ("CONCAT({0}, {1})", "({0} || {1})", a, b),
        lambda: pair("COALESCE({}, {})", a, b),
        lambda: pair("NULLIF({}, {})", a, b),
        lambda: pair("CASE WHEN {} THEN {} END", condition(depth - 1), a),
        lambda: pair("CAST({} AS VARCHAR)", both(R.choice(["b", "d", "n", "ts"]))),
        lambda: differ("CAST({0} AS VARCHAR)", "CAST({0} AS VARCHAR)", both(R.choice(list(INTS)))),
    ])()


def date(depth):
    if depth <= 0 or R.random() < 0.5:
        return both(R.choice(["d", "e", "d", "e", "DATE '2026-01-31'", "DATE '1970-01-01'"]))
    return R.choice([
        lambda: pair("({} + {})", both(R.choice(["d", "e"])), both(str(R.randrange(0, 40)))),
        lambda: pair("({} - {})", both(R.choice(["d", "e"])), both(str(R.randrange(0, 40)))),
        lambda: pair("({} + INTERVAL '{}' {})", both(R.choice(["d", "ts"])), both(str(R.randrange(0, 40))), both(R.choice(["DAY", "HOUR", "MONTH", "YEAR"]))),
        lambda: pair("({} - INTERVAL '{}' {})", both(R.choice(["d", "ts"])), both(str(R.randrange(0, 40))), both(R.choice(["DAY", "MINUTE", "MONTH"]))),
        lambda: both("ts"),
        lambda: pair("CAST({} AS DATE)", both("ts")),
        lambda: pair("COALESCE({}, {})", both("d"), both("e")),
    ])()


def boolean():
    return both(R.choice(["b", "c", "b", "c", "TRUE", "FALSE", "NULL"]))


def compared(make):
    a, b = make(), make()
    form = R.choice(["{} = {}", "{} <> {}", "{} < {}", "{} <= {}", "{} > {}", "{} >= {}", "{} IS DISTINCT FROM {}", "{} IS NOT DISTINCT FROM {}"])
    if R.random() < 0.15:
        return pair(R.choice(["{} BETWEEN {} AND {}", "{} NOT BETWEEN {} AND {}"]), a, b, make())
    if R.random() < 0.15:
        items = [make() for _ in range(R.randrange(1, 4))] + ([both("NULL")] if R.random() < 0.3 else [])
        form = R.choice(["{} IN (", "{} NOT IN ("]) + ", ".join(["{}"] * len(items)) + ")"
        return pair(form, a, *items)
    if R.random() < 0.1:
        return pair(R.choice(["{} IS NULL", "{} IS NOT NULL"]), a)
    return pair(form, a, b)


PATTERNS = ["a%", "%a", "%b%", "_", "__", "a_c", "%\\%", "a%c", "", "%", "A%", "ä%", "%ö_", "日%", "a\\%c"]


def atom(depth):
    return R.choice([
        lambda: compared(lambda: integer(depth)),
        lambda: compared(lambda: integer(depth)),
        lambda: compared(lambda: decimal(depth)),
        lambda: compared(lambda: floating(depth)),
        lambda: compared(lambda: floating(depth)),
        lambda: compared(lambda: single(depth)),
        lambda: compared(lambda: text(depth)),
        lambda: compared(lambda: date(depth)),
        lambda: compared(boolean),
        lambda: pair(R.choice(["{} = {}", "{} < {}", "{} >= {}"]), integer(0, small=True), floating(0)),
        lambda: boolean(),
        lambda: pair(R.choice(["{} IS TRUE", "{} IS NOT TRUE", "{} IS FALSE", "{} IS NOT FALSE", "{} IS UNKNOWN", "{} IS NOT UNKNOWN"]), boolean()),
        lambda: pair(R.choice(["{} LIKE {}", "{} NOT LIKE {}", "{} ILIKE {}", "{} NOT ILIKE {}"]), text(depth), both(quoted(R.choice(PATTERNS)))),
        lambda: pair(R.choice(["{} LIKE {} ESCAPE '\\'", "{} NOT LIKE {} ESCAPE '\\'"]), text(depth), both(quoted(R.choice(PATTERNS)))),
        lambda: pair(R.choice(["STARTS_WITH({}, {})", "ENDS_WITH({}, {})"]), text(depth), text(0)),
        lambda: differ("REGEXP_LIKE({0}, {1})", "REGEXP_MATCHES({0}, {1})", text(0), both(quoted(R.choice(["^a", "c$", "[0-9]+", "a.c", "^$"])))),
        lambda: pair("CASE t WHEN 'a' THEN {} WHEN u THEN {} END", boolean(), boolean()),
        lambda: both(R.choice(["d = '2026-01-31'", "ts >= '2026-01-31 00:00:00'", "d < ts", "ts - d > INTERVAL '3' HOUR", "d IN ('2026-01-31', '1970-01-01')"])),
    ])()


def condition(depth):
    """Without parentheses more often than not: precedence is what is tested."""
    if depth <= 0 or R.random() < 0.3:
        return atom(1)
    a, b = condition(depth - 1), condition(depth - 1)
    form = R.choice(["{} AND {}", "{} OR {}", "NOT {}", "({} OR {})", "NOT ({} AND {})", "({}) IS NOT TRUE", "({}) IS DISTINCT FROM ({})", "({}) = ({})"])
    return pair(form, *([a, b][: form.count("{}")]))


FAILING = [
    "CAST(t AS BIGINT) > 0",
    "CAST(i16 AS TINYINT) > 0",
    "CAST(t AS DATE) > d",
    "CAST(u64 AS BIGINT) > 0",
    "u64 * u64 * u64 > 0",
    "CAST(f AS INT) > 0",
    "CAST(n AS DECIMAL(3, 2)) > 0",
]


def main():
    made = table()
    pq.write_table(made, TABLE)
    duck = duckdb.connect()
    duck.execute("SET TimeZone = 'UTC'")
    duck.execute("CREATE MACRO nan_null(x) AS CASE WHEN isnan(x) THEN NULL ELSE x END")
    wide = ", ".join(f"CAST({name} AS HUGEINT) AS {name}" for name in INTS)
    floats = ", ".join(f"nan_null({name}) AS {name}" for name in "fgsr")
    duck.execute(f"CREATE TABLE edge AS SELECT {wide}, {floats}, t, u, b, c, d, e, ts, n FROM '{TABLE}'")
    ask = "SELECT count(*) FILTER (WHERE ({}) IS NOT TRUE) FROM edge"
    cases, seen, refused = [], set(), {}
    while len(cases) < COUNT:
        ours, theirs = condition(R.randrange(3))
        if ours in seen or ours.strip("()") == "NULL" or len(ours) > 600:
            continue
        seen.add(ours)
        try:
            violating = duck.execute(ask.format(theirs)).fetchone()[0]
        except duckdb.Error as error:
            reason = str(error).split(":")[0]
            refused[reason] = refused.get(reason, 0) + 1
            continue
        cases.append([ours, violating])
    for sql in FAILING:
        try:
            duck.execute(ask.format(sql)).fetchone()
            raise SystemExit(f"DuckDB computes {sql}")
        except duckdb.Error:
            pass
    told = {"duckdb": duckdb.__version__, "rows": ROWS, "cases": cases, "failing": FAILING}
    lines = ",\n".join(json.dumps(case, ensure_ascii=False) for case in cases)
    head = json.dumps({key: told[key] for key in ("duckdb", "rows", "failing")}, ensure_ascii=False)
    (HERE / "expression.json").write_text(head[:-1] + ', "cases": [\n' + lines + "\n]}\n")
    print(len(cases), "conditions;", refused)


if __name__ == "__main__":
    main()
