"""mlgate and its rivals as programs: how each is called, run in turn, and named in a table."""

import hashlib
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from statistics import median

from measure import measure
from places import BENCHES, HOME, MLGATE, ROOT, note

TIMEOUT = 1_800


@dataclass
class Rival:
    venv: str
    script: str
    what: str
    slower: float | None  # how many times slower than mlgate it should be at least


@dataclass
class Target:
    claim: str
    wanted: str
    measured: str
    met: bool


def mlgate(config, table):
    data = ["--data", table] if table else []
    return [MLGATE, "check", "--config", BENCHES / config, *data, "--report-dir", HOME / "report"]


def rival(rival, *tables):
    return [python(rival.venv), BENCHES / "rivals" / rival.script, *tables]


def commands(ours, rivals, only, *tables):
    """mlgate, where there is one, and those of the rivals that are asked for, on the same tables."""
    first = {"mlgate": ours} if MLGATE.is_file() else {}
    return first | {name: rival(of, *tables) for name, of in rivals.items() if name in only}


def passes(runs):
    """The table passes the gate, so a program that says anything else is not comparable."""
    return bool(runs) and all(run.exit_code == 0 and run.said("VERDICT") in ("pass", "none") for run in runs)


def round_robin(commands, options, sound=passes):
    """One warm-up each, then A B C A B C. Slow or broken programs keep their warm-up as their only run."""
    runs = {}
    for name, command in commands.items():
        runs[name] = [run(command, ROOT)]
        note(f"{name}: {runs[name][0].seconds:.2f} s (warm-up)")
        if not sound(runs[name]):
            note(tail(runs[name][0]))
    again = [name for name, (warm_up,) in runs.items() if sound([warm_up]) and warm_up.seconds <= options.once_over]
    measured = {name: [] for name in again}
    for turn in range(options.runs):
        for name in again:
            measured[name].append(run(commands[name], ROOT))
            note(f"{name}: {measured[name][-1].seconds:.2f} s ({turn + 1} of {options.runs})")
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
        measured.output += f"\n{told(report)}\n"
    return measured


def told(report):
    """What mlgate's report says, in the words that rivals print."""
    said = json.loads(report.read_text()) if report.is_file() else {"result": "no report", "gates": []}
    checks = [check for gate in said["gates"] for check in gate["checks"]]
    drifted = {
        column: value["drifted"]
        for check in checks
        if check["check"] == "drift"
        for column, value in check["values"].items()
        if column != "notes"
    }
    return "\n".join(
        [
            f"NUMBERS {json.dumps([check['observed'] for check in checks])}",
            f"DRIFTED {json.dumps(drifted)}",
            f"VERDICT {'pass' if said['result'] == 'passed' else said['result']}",
        ]
    )


def seconds(runs):
    return median(run.seconds for run in runs)


def cpu_seconds(runs):
    return median(run.cpu_seconds for run in runs)


def anonymous(runs):
    return median(run.anonymous_bytes for run in runs)


def query_seconds(runs):
    """Of the query alone, as a program told it: without the start of its interpreter."""
    return median(float(run.said("SECONDS") or "nan") for run in runs)


def title(name, rivals):
    if name == "mlgate":
        return "mlgate"
    rival = rivals[name]
    pins = (BENCHES / "requirements" / f"{rival.venv}.txt").read_text().splitlines()
    version = next(pin.split("==")[1] for pin in pins if pin.replace("-", "_").startswith(f"{rival.venv}=="))
    shown = rival.venv.replace("_", " ")
    return f"{shown} {version}" + (f", {rival.what}" if rival.what else "")


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


def tail(run):
    return f"exit {run.exit_code}\n" + "\n".join(run.output.splitlines()[-15:])
