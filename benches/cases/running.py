"""Models that are run: a table scored, single predictions timed, an endpoint loaded; beside onnxruntime from Python."""

import json
import subprocess
import sys
import urllib.request
from statistics import median

from places import HOME, MLGATE, ROOT
from programs import Rival, Target, anonymous, cpu_seconds, passes, python, rival, round_robin, run, seconds, title
from tables import make

RIVALS = {"onnxruntime": Rival("onnxruntime", "onnxruntime_score.py", "from Python", 1 / 1.1)}
SINGLE = Rival("onnxruntime", "onnxruntime_single.py", "from Python", 1 / 1.1)
MODELS = {"forest": "random forest, 100 trees", "lightgbm": "LightGBM, 100 trees"}
ROWS = 1_000_000
RPS, SECONDS = 500, 20
WITHIN = 2.0  # ms between what is measured and the truth
LAWS = {"20 ms, log-normal": ["--law", "lognormal:20,0.5"], "5 ms, and half a second of none": ["--law", "fixed:5", "--stall", "2:0.5"]}


def table(_options):
    return make(f"scored-{ROWS}", "models.py", ROWS, venv="onnxruntime")


def ours(name, check):
    """mlgate with one check on the table, by the model of that name."""
    path = table(None)
    part = path.with_suffix(".part")
    config = HOME / f"run-{name}-{next(iter(check))}.json"
    model = {"artifact": f"{part}.{name}.onnx", "checks": [check]}
    config.write_text(json.dumps({"data": {"test": str(path), "target": "label"}, "model": model}))
    return [MLGATE, "check", "--config", config, "--report-dir", HOME / "report"], path, f"{part}.{name}.onnx"


def score(options):
    print(f"## {ROWS:,} rows of 20 numbers scored, and their accuracy\n")
    print("| model | program | wall | × mlgate | user + sys | peak anonymous | runs | same accuracy |")
    print("|---|---|--:|--:|--:|--:|--:|---|")
    targets, all_runs = [], {}
    for name, what in MODELS.items():
        command, path, model = ours(name, {"metric": {"name": "accuracy", "min": 0}})
        commands = {"mlgate": command} | {other: rival(of, path, model) for other, of in RIVALS.items()}
        runs = round_robin(commands, options)
        for program, of in runs.items():
            ratio = seconds(of) / seconds(runs["mlgate"])
            agree = of[-1].said("NUMBERS") == runs["mlgate"][-1].said("NUMBERS")
            print(
                f"| {what} | {title(program, RIVALS)} | {seconds(of):.2f} s | {ratio:.2f} | {cpu_seconds(of):.2f} s"
                f" | {anonymous(of) / 1e9:.2f} GB | {len(of)} | {'yes' if agree else '**no**'} |"
            )
            if program != "mlgate":
                wanted = RIVALS[program].slower
                met = passes(runs["mlgate"]) and agree and ratio >= wanted
                targets.append(Target(f"scoring with the {what}", f"≥ {wanted:.2f} ×", f"{ratio:.2f} ×", met))
        all_runs |= {f"{name} {program}": of for program, of in runs.items()}
    print()
    return all_runs, targets


def single(options):
    print("## One row at a time, 1,000 of them on one thread: the median\n")
    print("| model | mlgate | onnxruntime from Python | × mlgate |\n|---|--:|--:|--:|")
    targets, all_runs = [], {}
    for name, what in MODELS.items():
        command, path, model = ours(name, {"latency": {"p50_ms": 1_000}})
        runs = round_robin({"mlgate": command, "onnxruntime": rival(SINGLE, path, model)}, options)
        took = {program: median(json.loads(run.said("NUMBERS"))[0] for run in of) for program, of in runs.items()}
        ratio = took["onnxruntime"] / took["mlgate"]
        print(f"| {what} | {took['mlgate'] * 1e3:.1f} µs | {took['onnxruntime'] * 1e3:.1f} µs | {ratio:.2f} |")
        targets.append(Target(f"a single row, {what}", f"≥ {1 / 1.1:.2f} ×", f"{ratio:.2f} ×", ratio >= 1 / 1.1))
        all_runs |= {f"{name} {program}": of for program, of in runs.items()}
    print()
    return all_runs, targets


def load(_options):
    print(f"## {RPS} requests a second for {SECONDS} s, against a server that knows its delays\n")
    print("| delays | quantile | truth | mlgate | closed loop |\n|---|---|--:|--:|--:|")
    targets, all_runs = [], {}
    rows = HOME / "load.csv"
    rows.write_text("a,label\n" + "".join(f"{row}.5,{row % 2}\n" for row in range(100)))
    for law, arguments in LAWS.items():
        truth, checked, closed, runs = loaded(rows, arguments)
        for at, name in enumerate(("p50_ms", "p95_ms", "p99_ms")):
            off = abs(checked[name] - truth[name])
            said = f"{name[:3]} | {truth[name]:.1f} ms | {checked[name]:.1f} ms | {closed[at]:.1f} ms"
            print(f"| {law} | {said} |")
            # Late by the server's own doing: answers that wait together leave one after another.
            if "stall" not in " ".join(arguments):
                targets.append(Target(f"{name[:3]} of {law}", f"within {WITHIN} ms", f"{off:.2f} ms", off <= WITHIN))
        lag = f"{checked['lag_p50_ms']:.2f} and {checked['lag_p99_ms']:.2f} ms"
        print(f"| {law} | own lag, p50 and p99 | | {lag} | |")
        rate = checked["load"]["rate"]
        targets.append(Target(f"rate held, {law}", f"≥ {0.99 * RPS:.0f}/s", f"{rate:.1f}/s", rate >= 0.99 * RPS))
        all_runs |= {f"{law} {name}": [of] for name, of in runs.items()}
    print()
    return all_runs, targets


def loaded(rows, arguments):
    """The server's truth, what mlgate says, and what a closed loop says of the same delays."""
    command = [sys.executable, ROOT / "tests/servers/delays.py", *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        address = f"http://127.0.0.1:{server.stdout.readline().split()[-1]}"
        config = HOME / "load.json"
        serving = {"serving": {"rps": RPS, "seconds": SECONDS, "p99_ms": 60_000}}
        model = {"endpoint": f"{address}/invocations", "checks": [serving]}
        config.write_text(json.dumps({"data": {"test": str(rows), "target": "label"}, "model": model}))
        checked = run([MLGATE, "check", "--config", config, "--report-dir", HOME / "report"], ROOT)
        values = json.loads((HOME / "report/report.json").read_text())["gates"][0]["checks"][0]["values"]
        with urllib.request.urlopen(f"{address}/truth") as answer:
            truth = json.load(answer)
        urllib.request.urlopen(urllib.request.Request(f"{address}/truth", method="DELETE")).close()
        script = ROOT / "benches/rivals/closed_loop.py"
        closed = run([python("onnxruntime"), script, f"{address}/invocations", RPS, SECONDS], ROOT)
        server.stdin.close()
    return truth, values, json.loads(closed.said("NUMBERS")), {"mlgate": checked, "closed loop": closed}
