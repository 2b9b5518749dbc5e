"""Drift and target leakage of very many columns of few rows, beside one decode of the tables."""

from places import MLGATE
from programs import Rival, Target, mlgate, rival, round_robin, title
from programs import anonymous, cpu_seconds, query_seconds, seconds
from tables import make_wide

RIVALS = {"decode": Rival("polars", "polars_decode.py", "decoding only", None)}
ROWS, COLUMNS = 1_000, 10_000
MAX_ANONYMOUS = 1e9


def tables(_options):
    return make_wide(ROWS, COLUMNS), make_wide(ROWS, COLUMNS, seed=8)


def wide(options):
    reference, current = tables(options)
    programs = {}
    if MLGATE.is_file():
        programs = {
            "drift": [*mlgate("wide_drift.yml", current), "--reference", reference],
            "leakage": mlgate("wide_leakage.yml", current),
        }
    if "decode" in options.only:
        programs["decode"] = rival(RIVALS["decode"], reference, current)
    runs = round_robin(programs, options, sound=judges)

    print(f"## {COLUMNS:,} columns of {ROWS:,} rows\n")
    print("| program | wall | user + sys | peak anonymous | runs | exit |")
    print("|---|--:|--:|--:|--:|--:|")
    for name, of in runs.items():
        shown = title(name, RIVALS) if name in RIVALS else f"mlgate, {name}"
        print(
            f"| {shown} | {seconds(of):.2f} s | {cpu_seconds(of):.2f} s | {anonymous(of) / 1e9:.2f} GB"
            f" | {len(of)} | {of[-1].exit_code} |"
        )
    print()
    return runs, list(targets(runs))


def targets(runs):
    for name in ("drift", "leakage"):
        if name not in runs:
            continue
        memory = anonymous(runs[name])
        fine = judges(runs[name])
        claim = f"peak anonymous memory, {name} of {COLUMNS:,} columns"
        yield Target(claim, f"< {MAX_ANONYMOUS / 1e9:g} GB", f"{memory / 1e9:.3f} GB", fine and memory < MAX_ANONYMOUS)
        if "decode" in runs:
            ratio = seconds(runs[name]) / query_seconds(runs["decode"])
            claim = f"{name} of {COLUMNS:,} columns beside one decode of both tables (for the record)"
            yield Target(claim, "", f"{ratio:.1f} ×" if fine else "not comparable", fine)


def judges(runs):
    return all(run.exit_code == 0 and run.said("VERDICT") in ("pass", "none") for run in runs)
