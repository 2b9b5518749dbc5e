"""What a story of scenarios.py is played on: a world, mlgate in it, and what both of them say afterwards."""

import contextlib
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MLGATE = Path(os.environ["MLGATE"]).resolve()
MLFLOW = Path(os.environ["MLFLOW"])
# The file that the gate judged, as its report says.
# An ONNX file without a node: producer and graph.
JUDGED, OTHER = (b"\x12" + bytes([len(name)]) + name + b"\x3a\x00" for name in (b"the model", b"another model"))
MODEL = hashlib.sha256(JUDGED).hexdigest()
# Longer than any story takes, on a busy machine too.
PATIENCE = 90

# Started and not waited for yet. A world ends when this process does; mlgate is told.
running = set()


class Failed(Exception):
    """It came out otherwise than it should."""


def expect(holds, what):
    if not holds:
        raise Failed(what)


def until(holds, what, seconds=30):
    """Waits until it holds, and gives what held."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if value := holds():
            return value
        time.sleep(0.05)
    raise Failed(f"{what}: not within {seconds} s")


class World:
    """tests/servers/world.py, as a program."""

    def __init__(self, folder, router):
        command = [
            sys.executable,
            ROOT / "tests/servers/world.py",
            "--router",
            router,
            "--folder",
            folder,
            "--rps",
            "0",
        ]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        self.lock = threading.Lock()
        line = self.process.stdout.readline()
        if not line:
            raise Failed(f"the world did not start ({self.process.wait()})")
        self.said = json.loads(line)

    def tell(self, **command):
        with self.lock:
            self.process.stdin.write(json.dumps(command) + "\n")
            self.process.stdin.flush()
            answer = json.loads(self.process.stdout.readline())
        expect("error" not in answer, f"the world: {answer.get('error')}")
        return answer

    def close(self):
        self.process.stdin.close()
        self.process.wait()


class Ran:
    """What came of a command."""

    def __init__(self, stage, process, report):
        self.stage, self.process, self.report = stage, process, report
        self.started = time.monotonic()

    def end(self):
        try:
            self.said, _ = self.process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()
            raise Failed(f"mlgate did not end in {PATIENCE} s") from None
        finally:
            running.discard(self.process)
        self.seconds = time.monotonic() - self.started
        self.exit = self.process.returncode
        with (self.stage.folder / "mlgate.log").open("a") as log:
            log.write(f"--- {' '.join(map(str, self.process.args))}: {self.exit}\n{self.said}\n")
        self.json = json.loads(self.report.read_text()) if self.report.exists() else {}
        self.result, self.reason = self.json.get("result"), self.json.get("reason", "")
        return self

    def came_to(self, result, exit, *reasons):
        """Exit code, result, and what the reason must say."""
        told = f"exit {self.exit}, {self.result}: {self.reason}"
        expect(self.exit == exit and self.result == result, f"{told}; expected exit {exit}, {result}")
        for reason in reasons:
            expect(reason in self.reason, f"{told}; expected `{reason}`")
        return self

    @property
    def weights(self):
        """Those that were seen, each once, in order."""
        seen = [moment["weight"] for moment in self.json["timeline"] if moment["weight"] is not None]
        return [weight for at, weight in enumerate(seen) if at == 0 or weight != seen[at - 1]]

    @property
    def words(self):
        return " · ".join(moment["said"] for moment in self.json["timeline"])


class Stage:
    def __init__(self, folder, router):
        self.folder, self.world = folder, World(folder / "world", router)
        self.environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "NO_PROXY": "127.0.0.1"}
        self.write_report()
        self.since = None

    # --- before

    def write_report(self, **changes):
        """A report that lets version 2 out: what the gate of examples/credit-model said, of now."""
        report = json.loads((ROOT / "examples/credit-model/expected/report.json").read_text())
        now = datetime.now(UTC).isoformat(timespec="seconds")
        model = {"name": "credit-risk", "version": "2", "sha256": MODEL, "artifact": None}
        report |= {"started_at": now, "duration_ms": 12, "commit": "0" * 40, "model": model, **changes}
        text = json.dumps(report, indent=2).encode()
        (self.folder / "report.json").write_bytes(text)
        self.sha256 = hashlib.sha256(text).hexdigest()

    def config(self, strategy="canary", limits=None, gauges=("latency_p99_ms",), source=None, **more):
        """Short times, and limits that both models keep while they are well."""
        signals = self.world.said["signals"]
        # 250 ms are a boundary of the buckets that a busy machine keeps.
        limits = limits or [{"error_rate": {"max": 0.02, "max_ratio": 2.0}}, {"latency_p99_ms": {"max": 250}}]
        gauges = {*gauges, *(limit["signal"]["name"] for limit in limits if "signal" in limit)}
        gauges |= {name for name in ("latency_p99_ms", "accuracy") if any(name in limit for limit in limits)}
        wanted = {"requests": signals["requests"], "errors": signals["errors"]} | (source or {})
        rollout = {
            "strategy": strategy,
            "report": "report.json",
            "model": {"name": "credit-risk"},
            "step_seconds": 3,
            "interval_seconds": 1,
            "min_requests": 60,
            "max_hold_seconds": 15,
            "router": self.world.said["router"],
            "journal": {"path": "state/rollout.json"},
            "signals": {
                "prometheus": {"url": self.world.said["prometheus"]},
                **{name: signals[name] for name in gauges},
                **wanted,
            },
            "limits": limits,
        }
        if strategy == "canary":
            rollout["steps"] = [10, 50, 100]
        rollout |= more
        # JSON is YAML.
        (self.folder / "mlgate.yml").write_text(json.dumps({"rollout": rollout}, indent=2))

    def users(self, rps=180, warm=1.2):
        """They come, until stable has had some: a rollout begins on a running system."""
        self.world.tell(load={"rps": rps})
        time.sleep(warm)
        self.since = self.seen()

    def is_scraped(self, metric):
        """Whether Prometheus has the metric: one whose first value comes late is not there at once."""
        url = f"{self.world.said['prometheus']}/api/v1/query?query=count({metric})"
        with contextlib.suppress(OSError, ValueError, KeyError), urllib.request.urlopen(url, timeout=5) as answer:
            return bool(json.load(answer)["data"]["result"])
        return False

    def fault(self, arm, **faults):
        self.world.tell(fault={"arm": arm, **faults})

    # --- mlgate

    def start(self, *arguments, reports="mlgate-report"):
        report = self.folder / reports / "rollout.json"
        # What a command before it said is not what this one says.
        report.unlink(missing_ok=True)
        process = subprocess.Popen(
            [MLGATE, *arguments, "--report-dir", reports],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        running.add(process)
        return Ran(self, process, report)

    def run(self, *arguments, reports="mlgate-report"):
        return self.start(*arguments, reports=reports).end()

    def start_rollout(self, *more):
        return self.start("rollout", "--report-sha256", self.sha256, *more)

    def rollout(self, *more):
        return self.start_rollout(*more).end()

    def watch_leaves_alone(self, weight):
        """A rollout that somebody carries on is nobody else's."""
        self.run("watch", reports="watched").came_to("held", 0)
        found = self.weights()["candidate"]
        expect(found == weight, f"the watch moved {weight} % to {found} %")

    # --- what is seen

    def seen(self):
        return self.world.tell(seen=True)

    def saw(self):
        """What users saw since they came, or since this was last asked."""
        now, before = self.seen(), self.since
        self.since = now
        arms = {
            arm: {what: count - before[arm].get(what, 0) for what, count in now[arm].items()}
            for arm in ("stable", "candidate", "nobody")
        }
        requests = now["requests"] - before["requests"]
        share = arms["candidate"]["requests"] / requests if requests else 0.0
        return {**arms, "requests": requests, "share": share, "most_switches": now["most_switches"]}

    def weights(self):
        return self.world.tell(weights=True)

    def is_served_by(self, arm):
        """The router's own weights, no copies, and who answers users from now on."""
        wanted = {"stable": 100 * (arm == "stable"), "candidate": 100 * (arm == "candidate"), "mirror": 0}
        found = self.weights()
        expect(found == wanted, f"the router has {found}; expected {wanted}")
        time.sleep(0.3)
        before = self.seen()
        time.sleep(0.4)
        after = self.seen()
        other = "candidate" if arm == "stable" else "stable"
        late = after[other]["requests"] - before[other]["requests"]
        expect(late == 0, f"{other} still answered {late} users")

    def at_weight(self, least, ran):
        """Waits until the candidate has it."""

        def has():
            expect(ran.process.poll() is None, f"mlgate ended too early: {ran.process.returncode}")
            return self.weights()["candidate"] >= least

        until(has, f"the candidate has {least} %")

    def close(self):
        self.world.close()


class Mlflow:
    """A real server on a copy of what tests/servers/mlflow.sh prepared; see tests/servers/README.md."""

    START = """import gc, os, sys, threading
gc.disable()
threading.Thread(target=lambda: (sys.stdin.buffer.read(), os._exit(0)), daemon=True).start()
import uvicorn
uvicorn.main()"""

    def __init__(self, folder):
        self.folder = folder
        shutil.copytree(MLFLOW / "state", folder)
        log = folder / "log"
        environment = {
            "MLFLOW_DISABLE_TELEMETRY": "true",
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
            "_MLFLOW_SGI_NAME": "uvicorn",
            "_MLFLOW_SERVER_FILE_STORE": "sqlite:///mlflow.db",
            "_MLFLOW_SERVER_ARTIFACT_ROOT": "mlflow-artifacts:/",
            "_MLFLOW_SERVER_ARTIFACT_DESTINATION": "artifacts",
            "_MLFLOW_SERVER_SERVE_ARTIFACTS": "true",
        }
        app = ["--host", "127.0.0.1", "--port", "0", "--no-access-log", "mlflow.server.fastapi_app:app"]
        with log.open("wb") as out:
            self.process = subprocess.Popen(
                [MLFLOW / "venv/bin/python", "-c", self.START, *app],
                cwd=folder,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=out,
                start_new_session=True,
            )

        def address():
            expect(self.process.poll() is None, f"MLflow ended: {log.read_text()[-2000:]}")
            _, _, rest = log.read_text().partition("running on ")
            return rest.split()[0] if " " in rest else None

        self.uri = until(address, "MLflow answers", 120)

    def ask(self, path, **body):
        data = json.dumps(body).encode() if body else None
        request = urllib.request.Request(
            f"{self.uri}/api/2.0/mlflow/{path}", data, {"Content-Type": "application/json"}
        )
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10) as answer:
            return json.load(answer)

    def alias(self, name):
        with contextlib.suppress(urllib.error.HTTPError):
            found = self.ask(f"registered-models/alias?name=credit-risk&alias={name}")
            return found["model_version"]["version"]

    def set_alias(self, name, version):
        self.ask("registered-models/alias", name="credit-risk", alias=name, version=version)

    def tag(self, version, key, value):
        """What whoever registers can write on a version."""
        self.ask("model-versions/set-tag", name="credit-risk", version=version, key=key, value=value)

    def register(self, source):
        """A new version of the model, whose files are there."""
        made = self.ask("model-versions/create", name="credit-risk", source=source)
        return made["model_version"]["version"]

    def put(self, version, **files):
        """Its files, as MLflow's client would leave them, by their names without an ending."""
        found = self.ask(f"model-versions/get-download-uri?name=credit-risk&version={version}")["artifact_uri"]
        folder = self.folder / "artifacts" / found.removeprefix("mlflow-artifacts:").lstrip("/")
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in files.items():
            (folder / ("MLmodel" if name == "MLmodel" else f"{name}.onnx")).write_bytes(data)

    def journal(self, text=None):
        """The rollout's journal; written over, where a text is given."""
        if text is not None:
            self.ask("registered-models/set-tag", name="credit-risk", key="mlgate.rollout", value=text)
        tags = self.ask("registered-models/get?name=credit-risk")["registered_model"].get("tags", [])
        return json.loads({tag["key"]: tag["value"] for tag in tags}.get("mlgate.rollout", "null"))

    def tags(self, version):
        found = self.ask(f"model-versions/get?name=credit-risk&version={version}")["model_version"]
        return {tag["key"]: tag["value"] for tag in found.get("tags", [])}

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def end_on_signals():
    """What was started ends too: worlds by their input, mlgate by its id."""

    def end(number, _):
        for process in list(running):
            with contextlib.suppress(ProcessLookupError):
                process.kill()
        os._exit(128 + number)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)
