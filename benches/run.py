"""Measures mlgate and its rivals in turn on the same table; prints Markdown. See README.md beside this file."""

import argparse
import hashlib
import json
import os
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from measure import measure

BENCHES = Path(__file__).resolve().parent
ROOT = BENCHES.parent
HOME = Path(os.environ.get("MLGATE_BENCH_HOME") or Path.home() / ".cache/mlgate/bench").resolve()
MLGATE = Path(
    os.environ.get("MLGATE") or ROOT / os.environ.get("CARGO_TARGET_DIR", "target") / "release/mlgate"
).resolve()

CASES = ["gate", "growth", "footer", "credit", "model", "bootstrap"]
ROW_GROUP = 250_000
FOOTER_GROUPS, FOOTER_ROW_GROUP = 1_000, 10_000
SHORT_RUNS = 21  # of cases that take milliseconds
TIMEOUT = 1_800

MAX_DECODES = 1.5
MAX_ANONYMOUS = 0.3e9
MAX_BYTES_A_ROW = 16
MAX_SHORT = 0.050
MAX_MODEL_ANONYMOUS = 0.6e9
MAX_BOOTSTRAP = 2.0
BOOTSTRAP_ROWS = 100_000


@dataclass
class Rival:
    venv: str
    script: str
    what: str
    slower: float | None  # how many times slower than mlgate it should be at least


RIVALS = {
    "decode": Rival("polars", "polars_decode.py", "decoding only", None),
    "polars": Rival("polars", "polars_gate.py", "by hand", 2),
    "duckdb": Rival("duckdb", "duckdb_gate.py", "by hand", 3),
    "pandas": Rival("pandas", "pandas_gate.py", "by hand", 20),
    "great_expectations": Rival("great_expectations", "great_expectations_gate.py", "", 40),
    "evidently": Rival("evidently", "evidently_gate.py", "", 40),
    "deepchecks": Rival("deepchecks", "deepchecks_gate.py", "", 40),
}


MODEL_RIVALS = {
    "polars": Rival("polars", "polars_model.py", "by hand", 1 / 1.2),
    "scikit_learn": Rival("scikit_learn", "scikit_learn_model.py", "with Fairlearn", 58),
}


@dataclass
class Target:
    claim: str
    wanted: str
    measured: str
    met: bool


def main():
    options = parse()
    HOME.mkdir(parents=True, exist_ok=True)
    cases = options.cases if MLGATE.is_file() else [case for case in options.cases if case == "gate"]
    if not MLGATE.is_file():
        note(f"no mlgate at {MLGATE}: the rivals alone (build it with `cargo build --release`, or set MLGATE)")
    if options.prepare:
        return prepare(options)

    print(f"{machine()}. Medians; page cache warm.\n")
    targets, runs = [], {}
    for case in cases:
        measured, missed_or_met = MEASURED[case](options)
        runs[case] = {name: [asdict(run) for run in of] for name, of in measured.items()}
        targets += missed_or_met
    print_targets(targets)
    (HOME / "runs.json").write_text(json.dumps(runs, indent=1))
    note(f"every single run: {HOME / 'runs.json'}")
    if options.strict and not (MLGATE.is_file() and all(target.met for target in targets)):
        sys.exit(1)


def parse():
    def names(known):
        def parse_names(text):
            chosen = [name for name in text.split(",") if name]
            unknown = [name for name in chosen if name not in known]
            if unknown:
                raise argparse.ArgumentTypeError(f"unknown {', '.join(unknown)}; there are {', '.join(known)}")
            return chosen

        return parse_names

    parser = argparse.ArgumentParser(prog="benches/run.sh", description=__doc__)
    rivals = {**RIVALS, **MODEL_RIVALS}
    parser.add_argument("--only", type=names(rivals), default=list(rivals), metavar="A,B", help=", ".join(rivals))
    parser.add_argument("--cases", type=names(CASES), default=CASES, metavar="A,B", help=", ".join(CASES))
    parser.add_argument("--rows", type=rows, default=10_000_000, help="of the table: 1M, 10M (default)")
    parser.add_argument("--runs", type=int, default=5, help="of each program after its warm-up (5)")
    parser.add_argument("--once-over", type=float, default=60, metavar="SECONDS", help="slower programs run once (60)")
    parser.add_argument("--prepare", action="store_true", help="make the environments and tables, then stop")
    parser.add_argument("--strict", action="store_true", help="exit 1 if a target is missed")
    return parser.parse_args()


def rows(text):
    plain = text.replace("_", "").replace(",", "")
    return int(plain[:-1]) * 1_000_000 if plain.endswith(("M", "m")) else int(plain)


# The cases: each prints its table and returns its runs and its targets.


def gate(options):
    table = make_table(options.rows, ROW_GROUP)
    commands = {"mlgate": mlgate("gate.yml", table)} if MLGATE.is_file() else {}
    for name in (name for name in options.only if name in RIVALS):
        commands[name] = [python(RIVALS[name].venv), BENCHES / "rivals" / RIVALS[name].script, table]
    runs = round_robin(commands, options.runs, options.once_over)

    print(f"## Eight checks on {options.rows:,} × 12 ({table.stat().st_size / 1e6:.0f} MB of Parquet)\n")
    print("| program | wall | × mlgate | user + sys | peak anonymous | runs | exit | verdict |")
    print("|---|--:|--:|--:|--:|--:|--:|---|")
    ours = seconds(runs["mlgate"]) if sound(runs.get("mlgate")) else None
    for name, of in runs.items():
        ratio = f"{seconds(of) / ours:.2f}" if ours else ""
        cpu = median(run.cpu_seconds for run in of)
        print(
            f"| {title(name)} | {seconds(of):.2f} s | {ratio} | {cpu:.2f} s | {anonymous(of) / 1e9:.2f} GB"
            f" | {len(of)} | {of[-1].exit_code} | {of[-1].said('VERDICT') or 'error'} |"
        )
    print()
    return runs, gate_targets(runs, options.rows)


def gate_targets(runs, rows):
    if "mlgate" not in runs:
        return []
    ours, fine = seconds(runs["mlgate"]), sound(runs["mlgate"])
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
        comparable = fine and sound(of)
        if name == "decode":
            decode = median(float(run.said("SECONDS") or "nan") for run in of)
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
            claim = f"faster than {title(name)}"
            targets.append(Target(claim, f"≥ {wanted} ×", measured, comparable and ratio >= wanted))
    return targets


def growth(options):
    few, many = options.rows, 4 * options.rows
    commands = {f"{count:,} rows": mlgate("gate.yml", make_table(count, ROW_GROUP)) for count in (few, many)}
    runs = round_robin(commands, options.runs, options.once_over)

    print("## Memory as the table grows\n\n| table | wall | peak anonymous |\n|---|--:|--:|")
    for name, of in runs.items():
        print(f"| {name} | {seconds(of):.2f} s | {anonymous(of) / 1e9:.3f} GB |")
    print()
    small, large = runs.values()
    grown = (anonymous(large) - anonymous(small)) / (many - few)
    met = sound(small) and sound(large) and grown <= MAX_BYTES_A_ROW
    claim = f"memory from {few:,} to {many:,} rows"
    return runs, [Target(claim, f"≤ {MAX_BYTES_A_ROW} bytes a row", f"{grown:.1f} bytes a row", met)]


def footer(_options):
    table = make_table(FOOTER_GROUPS * FOOTER_ROW_GROUP, FOOTER_ROW_GROUP)
    title = f"A gate that footers answer, {FOOTER_GROUPS:,} row groups"
    return short("footer", title, mlgate("footer.yml", table), ROOT)


def credit(_options):
    folder = ROOT / "examples/credit"
    command = [MLGATE, "check", "--config", folder / "mlgate.yml", "--report-dir", HOME / "report"]
    # Paths in a config start at the working directory: the repository or the example, whichever holds them.
    cwd = next((cwd for cwd in (ROOT, folder) if folder.is_dir() and run(command, cwd).exit_code in (0, 1)), ROOT)
    return short("credit", "From start to verdict on examples/credit", command, cwd)


def short(case, title, command, cwd):
    runs = [run(command, cwd) for _ in range(1 + SHORT_RUNS)][1:]
    measured = seconds(runs)
    spread = f"{min(r.seconds for r in runs) * 1e3:.1f} to {max(r.seconds for r in runs) * 1e3:.1f}"
    verdict = runs[-1].said("VERDICT")
    judged = all(run.said("VERDICT") in ("pass", "blocked") for run in runs)
    print(f"## {title}\n\n{measured * 1e3:.1f} ms ({spread}, {len(runs)} runs), {verdict}\n")
    if not judged:
        note(tail(runs[-1]))
    return {case: runs}, [
        Target(title, f"< {MAX_SHORT * 1e3:.0f} ms", f"{measured * 1e3:.1f} ms", judged and measured < MAX_SHORT)
    ]


def model(options):
    table = make_predictions(options.rows)
    commands = {"mlgate": [*mlgate("model.yml", None), "--predictions", table]}
    for name in (name for name in options.only if name in MODEL_RIVALS):
        commands[name] = [python(MODEL_RIVALS[name].venv), BENCHES / "rivals" / MODEL_RIVALS[name].script, table]
    runs = round_robin(commands, options.runs, options.once_over)

    print(f"## Nine numbers of {options.rows:,} predictions ({table.stat().st_size / 1e6:.0f} MB of Parquet)\n")
    print("| program | wall | × mlgate | user + sys | peak anonymous | runs | same numbers |")
    print("|---|--:|--:|--:|--:|--:|---|")
    ours, fine = seconds(runs["mlgate"]), sound(runs["mlgate"])
    targets = [
        Target(
            f"peak anonymous memory, {options.rows:,} predictions",
            f"< {MAX_MODEL_ANONYMOUS / 1e9} GB",
            f"{anonymous(runs['mlgate']) / 1e9:.3f} GB",
            fine and anonymous(runs["mlgate"]) < MAX_MODEL_ANONYMOUS,
        )
    ]
    for name, of in runs.items():
        agree = same_numbers(runs["mlgate"], of)
        cpu = median(run.cpu_seconds for run in of)
        ratio = seconds(of) / ours
        print(
            f"| {title(name, MODEL_RIVALS)} | {seconds(of):.2f} s | {ratio:.2f} | {cpu:.2f} s"
            f" | {anonymous(of) / 1e9:.2f} GB | {len(of)} | {'yes' if agree else '**no**'} |"
        )
        if name != "mlgate":
            wanted = MODEL_RIVALS[name].slower
            claim = f"the model's numbers against {title(name, MODEL_RIVALS)}"
            targets.append(Target(claim, f"≥ {wanted:.2f} ×", f"{ratio:.2f} ×", fine and agree and ratio >= wanted))
    print()
    return runs, targets


def same_numbers(ours, theirs):
    """To 1e-9: a program that computes something else is not comparable."""
    told = [json.loads(runs[-1].said("NUMBERS") or "[]") for runs in (ours, theirs)]
    return bool(told[0]) and len(told[0]) == len(told[1]) and all(abs(a - b) < 1e-9 for a, b in zip(*told))


def bootstrap(options):
    candidate, production = make_predictions(BOOTSTRAP_ROWS), make_predictions(BOOTSTRAP_ROWS, "-production")
    commands = {}
    for metric in ("f1", "roc_auc", "log_loss"):
        entry = {"improvement": {"metric": metric, "min": -1, "confidence": 0.95}}
        config = HOME / f"bootstrap-{metric}.json"
        config.write_text(json.dumps({"model": {"checks": [entry]}}))
        commands[metric] = [*mlgate(config, None), "--predictions", candidate, "--baseline", production]
    runs = round_robin(commands, options.runs, options.once_over)

    print(f"## Paired bootstrap of 2,000 resamples on {BOOTSTRAP_ROWS:,} rows\n\n| metric | wall | user + sys |\n|---|--:|--:|")
    targets = []
    for metric, of in runs.items():
        print(f"| {metric} | {seconds(of):.2f} s | {median(run.cpu_seconds for run in of):.2f} s |")
        met = sound(of) and seconds(of) < MAX_BOOTSTRAP
        targets.append(Target(f"paired bootstrap of {metric}", f"< {MAX_BOOTSTRAP} s", f"{seconds(of):.2f} s", met))
    print()
    return runs, targets


MEASURED = {"gate": gate, "growth": growth, "footer": footer, "credit": credit, "model": model, "bootstrap": bootstrap}


def print_targets(targets):
    if not targets:
        return
    print("## Targets\n\n| claim | wanted | measured | |\n|---|--:|--:|---|")
    for target in targets:
        print(f"| {target.claim} | {target.wanted} | {target.measured} | {'met' if target.met else '**missed**'} |")


# Running.


def round_robin(commands, count, once_over):
    """One warm-up each, then A B C A B C. Slow or broken programs keep their warm-up as their only run."""
    runs = {}
    for name, command in commands.items():
        runs[name] = [run(command, ROOT)]
        note(f"{name}: {runs[name][0].seconds:.2f} s (warm-up)")
        if not sound(runs[name]):
            note(tail(runs[name][0]))
    again = [name for name, (warm_up,) in runs.items() if sound([warm_up]) and warm_up.seconds <= once_over]
    measured = {name: [] for name in again}
    for turn in range(count):
        for name in again:
            measured[name].append(run(commands[name], ROOT))
            note(f"{name}: {measured[name][-1].seconds:.2f} s ({turn + 1} of {count})")
    return {name: measured.get(name) or warm_up for name, warm_up in runs.items()}


def run(command, cwd):
    # A runner's variables would turn mlgate into an Action.
    env = {key: value for key, value in os.environ.items() if not key.startswith(("GITHUB_", "INPUT_", "PYTHON"))}
    env |= {
        "PYTHONPYCACHEPREFIX": str(HOME / "pycache"),
        "PYTHONWARNINGS": "ignore",
        "DO_NOT_TRACK": "1",
        "GX_ANALYTICS_ENABLED": "false",
        "DISABLE_DEEPCHECKS_ANONYMOUS_TELEMETRY": "1",
    }
    report = HOME / "report/report.json"
    report.unlink(missing_ok=True)
    measured = measure([str(part) for part in command], env=env, cwd=cwd, timeout=TIMEOUT)
    if command[0] == MLGATE:
        told = json.loads(report.read_text()) if report.is_file() else {"result": "no report", "gates": []}
        result = "pass" if told["result"] == "passed" else told["result"]
        numbers = [check["observed"] for gate in told["gates"] if gate["gate"] == "model" for check in gate["checks"]]
        measured.output += f"\nNUMBERS {json.dumps(numbers)}\nVERDICT {result}\n"
    return measured


def mlgate(config, table):
    data = ["--data", table] if table else []
    return [MLGATE, "check", "--config", BENCHES / config, *data, "--report-dir", HOME / "report"]


def seconds(runs):
    return median(run.seconds for run in runs)


def anonymous(runs):
    return median(run.anonymous_bytes for run in runs)


def sound(runs):
    """The table passes the gate, so a program that says anything else is not comparable."""
    return bool(runs) and all(run.exit_code == 0 and run.said("VERDICT") in ("pass", "none") for run in runs)


def title(name, rivals=RIVALS):
    if name == "mlgate":
        return "mlgate"
    rival = rivals[name]
    pins = (BENCHES / "requirements" / f"{rival.venv}.txt").read_text().splitlines()
    version = next(pin.split("==")[1] for pin in pins if pin.replace("-", "_").startswith(f"{rival.venv}=="))
    shown = rival.venv.replace("_", " ")
    return f"{shown} {version}" + (f", {rival.what}" if rival.what else "")


# Preparing.


def prepare(options):
    for name in options.only:
        python(RIVALS[name].venv)
    if "gate" in options.cases or "growth" in options.cases:
        make_table(options.rows, ROW_GROUP)
    if "growth" in options.cases:
        make_table(4 * options.rows, ROW_GROUP)
    if "footer" in options.cases:
        make_table(FOOTER_GROUPS * FOOTER_ROW_GROUP, FOOTER_ROW_GROUP)


def python(venv):
    """The interpreter of an environment, made again when its pins have changed."""
    requirements = BENCHES / "requirements" / f"{venv}.txt"
    stamp = hashlib.sha256(requirements.read_bytes()).hexdigest()
    folder = HOME / "venv" / venv
    made = folder / "requirements.sha256"
    if not made.is_file() or made.read_text() != stamp:
        note(f"making the environment of {venv}")
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        subprocess.run([folder / "bin/python", "-m", "pip", "install", "--quiet", "-r", requirements], check=True)
        made.write_text(stamp)
    return folder / "bin/python"


def make_table(count, row_group):
    table = HOME / "data" / f"{count}x12-{row_group}.parquet"
    if not table.is_file():
        note(f"making {table.name}")
        table.parent.mkdir(parents=True, exist_ok=True)
        part = table.with_suffix(".part")
        command = [python("pandas"), BENCHES / "table.py", str(count), str(row_group), part]
        subprocess.run(command, check=True)
        part.rename(table)
    return table


def make_predictions(count, which=""):
    table = HOME / "data" / f"predictions-{count}{which}.parquet"
    if not table.is_file():
        note(f"making {table.name}")
        table.parent.mkdir(parents=True, exist_ok=True)
        part = table.with_suffix(".part")
        subprocess.run([python("pandas"), BENCHES / "predictions.py", str(count), part], check=True)
        part.rename(table)
    return table


def machine():
    fields = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text().splitlines())
    memory = int(fields["MemTotal"].split()[0]) * 1024
    models = [line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line]
    return f"{len(os.sched_getaffinity(0))} cores ({(models or ['unknown'])[0]}), {memory / 1e9:.0f} GB"


def tail(run):
    return f"exit {run.exit_code}\n" + "\n".join(run.output.splitlines()[-15:])


def note(text):
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    try:
        main()
    except subprocess.CalledProcessError as error:
        sys.exit(f"failed to prepare: `{' '.join(map(str, error.cmd))}` ended with {error.returncode}")
