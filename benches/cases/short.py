"""What takes milliseconds: a gate that footers answer, and the example."""

from places import HOME, MLGATE, ROOT, note
from programs import Target, mlgate, run, seconds, tail
from tables import make_table

FOOTER_GROUPS, FOOTER_ROW_GROUP = 1_000, 10_000
RUNS = 21
MAX_SECONDS = 0.050


def footer_table(_options):
    return make_table(FOOTER_GROUPS * FOOTER_ROW_GROUP, FOOTER_ROW_GROUP)


def footer(options):
    title = f"A gate that footers answer, {FOOTER_GROUPS:,} row groups"
    return short("footer", title, mlgate("footer.yml", footer_table(options)), ROOT)


def credit(_options):
    folder = ROOT / "examples/credit"
    command = [MLGATE, "check", "--config", folder / "mlgate.yml", "--report-dir", HOME / "report"]
    # Paths in a config start at the working directory: the repository or the example, whichever holds them.
    cwd = next((cwd for cwd in (ROOT, folder) if folder.is_dir() and run(command, cwd).exit_code in (0, 1)), ROOT)
    return short("credit", "From start to verdict on examples/credit", command, cwd)


def short(case, title, command, cwd):
    runs = [run(command, cwd) for _ in range(1 + RUNS)][1:]
    measured = seconds(runs)
    spread = f"{min(r.seconds for r in runs) * 1e3:.1f} to {max(r.seconds for r in runs) * 1e3:.1f}"
    verdict = runs[-1].said("VERDICT")
    judged = all(run.said("VERDICT") in ("pass", "blocked") for run in runs)
    print(f"## {title}\n\n{measured * 1e3:.1f} ms ({spread}, {len(runs)} runs), {verdict}\n")
    if not judged:
        note(tail(runs[-1]))
    return {case: runs}, [
        Target(title, f"< {MAX_SECONDS * 1e3:.0f} ms", f"{measured * 1e3:.1f} ms", judged and measured < MAX_SECONDS)
    ]
