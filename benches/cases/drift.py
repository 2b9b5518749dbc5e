"""Drift of every column between two tables of which one column differs, beside two rivals."""

import json

from programs import Rival, Target, commands, mlgate, round_robin, title
from programs import anonymous, cpu_seconds, seconds
from tables import make_sister, make_table

RIVALS = {
    "scipy": Rival("scipy", "scipy_drift.py", "by hand", 12),
    "evidently": Rival("evidently", "evidently_drift.py", "", 50),
}
MAX_ANONYMOUS = 1.5e9
COLUMNS = 12
DRIFTED = ["income"]


def tables(options):
    return make_table(options.rows), make_sister(options.rows)


def drift(options):
    reference, current = tables(options)
    ours = [*mlgate("drift.yml", current), "--reference", reference]
    runs = round_robin(commands(ours, RIVALS, options.only, reference, current), options, sound=finds_income)

    megabytes = sum(path.stat().st_size for path in (reference, current)) / 1e6
    print(f"## Drift of {options.rows:,} × 12 against as many ({megabytes:.0f} MB of Parquet)\n")
    print("| program | wall | × mlgate | user + sys | peak anonymous | runs | exit | drifted |")
    print("|---|--:|--:|--:|--:|--:|--:|---|")
    fine = finds_income(runs.get("mlgate"))
    for name, of in runs.items():
        ratio = f"{seconds(of) / seconds(runs['mlgate']):.1f}" if fine else ""
        print(
            f"| {title(name, RIVALS)} | {seconds(of):.2f} s | {ratio} | {cpu_seconds(of):.2f} s"
            f" | {anonymous(of) / 1e9:.2f} GB | {len(of)} | {of[-1].exit_code} | {shown(of[-1])} |"
        )
    print()
    return runs, targets(runs, options.rows)


def targets(runs, rows):
    if "mlgate" not in runs:
        return []
    ours = runs["mlgate"]
    fine = finds_income(ours) and all(len(judged(run)) == COLUMNS for run in ours)
    targets = [
        Target("columns that drifted", f"income of {COLUMNS}", shown(ours[-1]), fine),
        Target(
            f"peak anonymous memory, drift of {rows:,} rows against as many",
            f"< {MAX_ANONYMOUS / 1e9} GB",
            f"{anonymous(ours) / 1e9:.3f} GB",
            fine and anonymous(ours) < MAX_ANONYMOUS,
        ),
    ]
    for name, of in runs.items():
        if name != "mlgate":
            wanted = RIVALS[name].slower
            comparable = fine and finds_income(of)
            ratio = seconds(of) / seconds(ours)
            measured = f"{ratio:.1f} ×" if comparable else "not comparable"
            claim = f"drift faster than {title(name, RIVALS)}"
            targets.append(Target(claim, f"≥ {wanted} ×", measured, comparable and ratio >= wanted))
    return targets


def finds_income(runs):
    """One column drifts, so a program that finds another, or none, is not comparable."""
    return bool(runs) and all(run.exit_code == 1 and drifted(run) == DRIFTED for run in runs)


def drifted(run):
    return [column for column, drifts in judged(run).items() if drifts]


def judged(run):
    return json.loads(run.said("DRIFTED") or "{}")


def shown(run):
    return f"{', '.join(drifted(run)) or 'none'} of {len(judged(run))}" if judged(run) else "error"
