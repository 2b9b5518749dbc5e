"""Eight checks on one table, beside every rival; and memory as the table grows."""

from programs import Rival, Target, commands, mlgate, passes, round_robin, title
from programs import anonymous, cpu_seconds, query_seconds, seconds
from tables import make_table

RIVALS = {
    "decode": Rival("polars", "polars_decode.py", "decoding only", None),
    "polars": Rival("polars", "polars_gate.py", "by hand", 2),
    "duckdb": Rival("duckdb", "duckdb_gate.py", "by hand", 3),
    "pandas": Rival("pandas", "pandas_gate.py", "by hand", 20),
    "great_expectations": Rival("great_expectations", "great_expectations_gate.py", "", 40),
    "evidently": Rival("evidently", "evidently_gate.py", "", 40),
    "deepchecks": Rival("deepchecks", "deepchecks_gate.py", "", 40),
}
MAX_DECODES = 1.5
MAX_ANONYMOUS = 0.3e9
MAX_BYTES_A_ROW = 16


def table(options):
    return make_table(options.rows)


def gate(options):
    path = table(options)
    runs = round_robin(commands(mlgate("gate.yml", path), RIVALS, options.only, path), options)

    print(f"## Eight checks on {options.rows:,} × 12 ({path.stat().st_size / 1e6:.0f} MB of Parquet)\n")
    print("| program | wall | × mlgate | user + sys | peak anonymous | runs | exit | verdict |")
    print("|---|--:|--:|--:|--:|--:|--:|---|")
    ours = seconds(runs["mlgate"]) if passes(runs.get("mlgate")) else None
    for name, of in runs.items():
        ratio = f"{seconds(of) / ours:.2f}" if ours else ""
        print(
            f"| {title(name, RIVALS)} | {seconds(of):.2f} s | {ratio} | {cpu_seconds(of):.2f} s"
            f" | {anonymous(of) / 1e9:.2f} GB | {len(of)} | {of[-1].exit_code} | {of[-1].said('VERDICT') or 'error'} |"
        )
    print()
    return runs, targets(runs, options.rows)


def targets(runs, rows):
    if "mlgate" not in runs:
        return []
    ours, fine = seconds(runs["mlgate"]), passes(runs["mlgate"])
    targets = [
        Target(
            f"peak anonymous memory, {rows:,} rows",
            f"< {MAX_ANONYMOUS / 1e9} GB",
            f"{anonymous(runs['mlgate']) / 1e9:.3f} GB",
            fine and anonymous(runs["mlgate"]) < MAX_ANONYMOUS,
        )
    ]
    for name, of in runs.items():
        if name == "mlgate":
            continue
        comparable = fine and passes(of)
        if name == "decode":
            decode = query_seconds(of)
            targets.append(
                Target(
                    f"wall against Polars' full decode ({decode:.2f} s, without the interpreter's start)",
                    f"≤ {MAX_DECODES} ×",
                    f"{ours / decode:.2f} ×" if comparable else "not comparable",
                    comparable and ours <= MAX_DECODES * decode,
                )
            )
        else:
            wanted = RIVALS[name].slower
            ratio = seconds(of) / ours
            measured = f"{ratio:.1f} ×" if comparable else "not comparable"
            claim = f"faster than {title(name, RIVALS)}"
            targets.append(Target(claim, f"≥ {wanted} ×", measured, comparable and ratio >= wanted))
    return targets


def growing_tables(options):
    return {count: make_table(count) for count in (options.rows, 4 * options.rows)}


def growth(options):
    tables = growing_tables(options)
    few, many = tables
    runs = round_robin({f"{count:,} rows": mlgate("gate.yml", path) for count, path in tables.items()}, options)

    print("## Memory as the table grows\n\n| table | wall | peak anonymous |\n|---|--:|--:|")
    for name, of in runs.items():
        print(f"| {name} | {seconds(of):.2f} s | {anonymous(of) / 1e9:.3f} GB |")
    print()
    small, large = runs.values()
    grown = (anonymous(large) - anonymous(small)) / (many - few)
    met = passes(small) and passes(large) and grown <= MAX_BYTES_A_ROW
    claim = f"memory from {few:,} to {many:,} rows"
    return runs, [Target(claim, f"≤ {MAX_BYTES_A_ROW} bytes a row", f"{grown:.1f} bytes a row", met)]
