"""How many test rows occur in training: of a clean test table, and of one with copies; beside reading both tables."""

import json

from places import MLGATE
from programs import Rival, Target, mlgate, rival, round_robin, title
from programs import anonymous, cpu_seconds, query_seconds, seconds
from tables import COPIES, make_table, make_test, make_test_with_copies

RIVALS = {"decode": Rival("polars", "polars_decode.py", "decoding only", None)}
MAX_READINGS = 2
TRAINING_ROWS_A_TEST_ROW = 10


def tables(options):
    training = make_table(options.rows)
    tests = options.rows // TRAINING_ROWS_A_TEST_ROW
    return training, {"clean": make_test(tests), "copies": make_test_with_copies(tests, training)}


def overlap(options):
    training, tests = tables(options)
    programs = {}
    if MLGATE.is_file():
        programs = {name: [*mlgate("overlap.yml", training), "--test-data", test] for name, test in tests.items()}
    if "decode" in options.only:
        programs["decode"] = rival(RIVALS["decode"], training, tests["clean"])
    runs = round_robin(programs, options, sound=judges)

    test_rows = options.rows // TRAINING_ROWS_A_TEST_ROW
    print(f"## Which of {test_rows:,} test rows occur in {options.rows:,} of training\n")
    print("| program | wall | user + sys | peak anonymous | runs | exit | % of test rows |")
    print("|---|--:|--:|--:|--:|--:|--:|")
    for name, of in runs.items():
        shown = title(name, RIVALS) if name in RIVALS else f"mlgate, {name}"
        percent = "" if name in RIVALS else told(of[-1])
        print(
            f"| {shown} | {seconds(of):.2f} s | {cpu_seconds(of):.2f} s | {anonymous(of) / 1e9:.2f} GB"
            f" | {len(of)} | {of[-1].exit_code} | {percent} |"
        )
    print()
    return runs, targets(runs, {"clean": (0, 0), "copies": (1, 100 * COPIES / test_rows)})


def targets(runs, expected):
    targets = [
        Target(
            f"percent of test rows in training, {name}",
            f"{percent:g}, exit {exit_code}",
            f"{told(runs[name][-1])}, exit {runs[name][-1].exit_code}",
            counts(runs[name], exit_code, percent),
        )
        for name, (exit_code, percent) in expected.items()
        if name in runs
    ]
    if "clean" in runs and "decode" in runs:
        reading = query_seconds(runs["decode"])
        comparable = counts(runs["clean"], *expected["clean"]) and judges(runs["decode"])
        ratio = seconds(runs["clean"]) / reading
        targets.append(
            Target(
                f"overlap against reading both tables ({reading:.2f} s, without the interpreter's start)",
                f"< {MAX_READINGS} ×",
                f"{ratio:.2f} ×" if comparable else "not comparable",
                comparable and ratio < MAX_READINGS,
            )
        )
    return targets


def judges(runs):
    """A test table with copies is blocked, and that is right: only a program without a verdict is broken."""
    return all(run.exit_code in (0, 1) and run.said("VERDICT") in ("pass", "blocked", "none") for run in runs)


def counts(runs, exit_code, percent):
    """To 1e-9: one row more or less is another number."""
    numbers = [observed(run) for run in runs]
    right = all(number is not None and abs(number - percent) < 1e-9 for number in numbers)
    return right and all(run.exit_code == exit_code for run in runs)


def observed(run):
    return next(iter(json.loads(run.said("NUMBERS") or "[]")), None)


def told(run):
    return "error" if observed(run) is None else observed(run)
