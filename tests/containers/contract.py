#!/usr/bin/env python3
"""Proves that an image keeps the runner's contract, run by run.sh's runner: `contract.py IMAGE`.

Exit codes, outputs, summary and files are those that a step of a job sees, with the mounts, paths and owner of a real
run. What mlgate judges is proven elsewhere; here are tables of three rows.
"""

import contextlib
import gzip
import hashlib
import http.server
import json
import os
import re
import shutil
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from proofs import Skipped, equal, holds, proof, run_all

HERE = Path(__file__).parent
ENGINE = os.environ.get("ENGINE", "podman")
RUNNER = HERE / "runner.sh"
BYSTANDER = os.environ.get("RUNNER_IMAGE", "docker.io/library/debian:bookworm-slim")
# The runner's user is not root. Who is not root here cannot give files away, and needs no giving back.
OWNER = 1001 if os.getuid() == 0 else os.getuid()


def all_inputs():
    """Every input as the runner hands it over when a workflow leaves it out: its default, or nothing."""
    text = (HERE / "../../action.yml").read_text()
    text = text[text.index("\ninputs:") : text.index("\noutputs:")]
    found = re.findall(r"^  ([a-z0-9-]+):\n((?:    .*\n)*)", text, re.M)
    default = lambda body: (re.search(r"^    default: ([^$\n]*)$", body, re.M) or [None, ""])[1]
    return {f"INPUT_{name.upper()}": default(body) for name, body in found}


def outputs(text):
    """Outputs in the order they were written, read as the runner reads them; what it refuses is an error."""
    found, lines = [], iter(text.splitlines())
    for line in lines:
        name, equals, value = line.partition("=")
        heredoc, arrow, delimiter = line.partition("<<")
        if arrow and (not equals or len(heredoc) < len(name)):
            value = []
            for line in lines:
                if line == delimiter:
                    break
                value.append(line)
            else:
                raise AssertionError(f"the delimiter {delimiter} is missing")
            found.append((heredoc, "\n".join(value)))
        elif equals:
            found.append((name, value))
        elif line:
            raise AssertionError(f"the runner refuses {line!r}")
    return found


class Job:
    """A workspace, and the runner's files of one step in it."""

    def __init__(self, image):
        self.image = image
        self.folder = tempfile.TemporaryDirectory(prefix="mlgate-contract-")
        self.top = Path(self.folder.name)
        self.workspace = self.top / "workspace"
        self.files = self.top / "files"
        self.workspace.mkdir()
        self.write("data.csv", "age,income,y\n20,1,0\n30,2,1\n40,3,1\n")
        self.options = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.folder.cleanup()

    def write(self, name, text):
        path = self.workspace / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return self

    def command(self, inputs, variables):
        for path in [self.workspace, *self.workspace.rglob("*")]:
            os.chown(path, OWNER, OWNER if os.getuid() == 0 else -1, follow_symlinks=False)
        given = all_inputs() | {f"INPUT_{name.upper()}": value for name, value in inputs.items()} | variables
        pairs = [f"{name}={value}" for name, value in given.items()]
        return [RUNNER, self.image, self.workspace, *self.options, "--", *pairs]

    def environment(self, name=None):
        return os.environ | {"ENGINE": ENGINE, "FILES": str(self.files)} | ({"NAME": name} if name else {})

    def run(self, inputs, exits, **variables):
        """Runs the step with `inputs`; what it said is in `said`."""
        ran = subprocess.run(
            self.command(inputs, variables),
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
        )
        self.said = ran.stdout
        equal(ran.returncode, exits, self.said)
        return self

    @property
    def outputs(self):
        """The values that a later step sees: the last of each name."""
        return dict(outputs(self.read("output")))

    def read(self, name):
        return (self.files / "commands" / name).read_text()


GATE = {"data": "data.csv", "min-rows": "3"}


@proof
def a_gate_that_holds_exits_with_0_and_says_so_in_every_output(image):
    with Job(image) as job:
        job.run(GATE, exits=0)
        report = (job.workspace / "mlgate-report/report.json").read_bytes()
        first = [("result", "error"), ("passed", "false")]
        equal(outputs(job.read("output"))[:2], first)
        found = job.outputs
        summary = found.pop("summary")
        equal(summary, json.loads(report)["summary"])
        expected = {
            "result": "passed",
            "passed": "true",
            "data-result": "passed",
            "model-result": "",
            "failed-checks": "[]",
            "warned-checks": "[]",
            "report": "mlgate-report/report.json",
            "report-sha256": hashlib.sha256(report).hexdigest(),
            "rows": "3",
        }
        equal({name: found.get(name) for name in expected}, expected)
        equal(job.read("summary"), (job.workspace / "mlgate-report/report.md").read_text())
        for name in ("env", "path"):
            equal(job.read(name), "")


@proof
def a_gate_that_does_not_hold_exits_with_1_and_annotates(image):
    with Job(image) as job:
        job.run(GATE | {"min-rows": "10"}, exits=1)
        equal(job.outputs["result"], "blocked")
        equal(job.outputs["passed"], "false")
        equal(json.loads(job.outputs["failed-checks"]), ["row_count"])
        holds(job.said, "::error ")
        holds(job.read("summary"), "Blocked")


@proof
def a_model_is_run_by_the_library_in_the_image(image):
    data = HERE / "../../examples/credit-model/data"
    with Job(image) as job:
        for file in ("fair.onnx", "test.csv"):
            shutil.copy(data / file, job.workspace / file)
        gate = {"artifact": "fair.onnx", "test-data": "test.csv", "target-column": "risk"}
        job.run(gate | {"min-accuracy": "0.7", "max-latency-p99-ms": "1000"}, exits=0)
        report = json.loads((job.workspace / "mlgate-report/report.json").read_text())
        equal([check["status"] for check in report["gates"][0]["checks"]], ["pass", "pass"])
        equal(report["gates"][0]["checks"][0]["observed"], 0.7225)


@proof
def a_wrong_input_exits_with_2(image):
    for inputs in (GATE | {"min-rows": "many"}, GATE | {"min-rowss": "1"}, GATE | {"command": "chekc"}):
        with Job(image) as job:
            job.run(inputs, exits=2)
            equal(job.outputs["result"], "error")
            holds(job.said, "::error ")


@proof
def what_cannot_be_measured_exits_with_3(image):
    with Job(image) as job:
        job.run(GATE | {"data": "date.csv"}, exits=3)
        equal(job.outputs["result"], "error")
        holds(job.said, "data.csv")


@proof
def inputs_with_hyphens_and_many_lines_arrive(image):
    inputs = {
        "data": "data.csv",
        "required-columns": "age\nincome\nzip",
        "feature-ranges": "age: { min: 0, max: 35 }\nincome: { min: 1 }",
        "max-duplicate-percent": "0",
        "report-dir": "out/reports",
    }
    with Job(image) as job:
        job.run(inputs, exits=1)
        equal(json.loads(job.outputs["failed-checks"]), ["schema", "range:age"])
        equal(job.outputs["report"], "out/reports/report.json")


@proof
def paths_are_those_of_the_container(image):
    config = "data:\n  path: /github/workspace/in/data.csv\n  checks:\n    - row_count: { min: 3 }\n"
    with Job(image) as job:
        job.write("in/data.csv", "a\n1\n2\n3\n").write("in/gate.yml", config)
        job.run({"config": "/github/workspace/in/gate.yml", "report-dir": "/github/workspace/out"}, exits=0)
        equal(job.outputs["report"], "out/report.json")


@proof
def paths_outside_the_workspace_are_refused(image):
    for path in ("/etc/passwd", "../workflow/event.json", "/github/home/data.csv", "link.csv"):
        with Job(image) as job:
            (job.workspace / "link.csv").symlink_to("/etc/passwd")
            job.run(GATE | {"data": path}, exits=2)
            holds(job.said, "leads out of the workspace")
            equal(job.outputs["result"], "error")


@proof
def reports_belong_to_the_owner_of_the_workspace(image):
    for inputs, exits in ((GATE, 0), (GATE | {"report-dir": "a/b/c"}, 0), (GATE | {"min-rows": "many"}, 2)):
        with Job(image) as job:
            job.run(inputs, exits=exits)
            owners = {str(path): path.lstat().st_uid for path in job.workspace.rglob("*")}
            assert len(owners) > 2, owners
            equal(set(owners.values()), {OWNER}, owners)


@proof
def outputs_that_cannot_be_written_exit_with_3(image):
    # Read-only by mount, because root writes to files of any mode; and as a user whom the runner's files shut out.
    locked = lambda job: ["-v", f"{job.files}/commands/output:/github/file_commands/output:ro"]
    for options in (locked, lambda job: ["--user", "65532"]):
        with Job(image) as job:
            (job.files / "commands").mkdir(parents=True)
            (job.files / "commands/output").touch()
            job.options = options(job)
            job.run(GATE, exits=3)
            holds(job.said, "GITHUB_OUTPUT")
            equal(job.read("output"), "")


def hang(job):
    """A table of some 40 GB in 40 MB: the run is in the middle for as long as it lives."""
    rows = gzip.compress(b"1\n" * 50_000_000)
    with open(job.workspace / "data.csv.gz", "wb") as table:
        table.write(gzip.compress(b"x\n"))
        for _ in range(400):
            table.write(rows)
    name = f"mlgate-killed-{os.getpid()}"
    command = job.command({"data": "data.csv.gz", "min-rows": "1"}, {})
    step = subprocess.Popen(
        command, env=job.environment(name), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    deadline = time.monotonic() + 30
    while not ((job.files / "commands/output").exists() and "result" in job.read("output")):
        assert step.poll() is None, f"it ended: {step.stdout.read()}"
        assert time.monotonic() < deadline, "no output within 30 s"
        time.sleep(0.05)
    return name, step


def ends_by(signal, image):
    with Job(image) as job:
        name, step = hang(job)
        subprocess.run([ENGINE, "kill", "--signal", signal, name], check=True, stdout=subprocess.DEVNULL)
        try:
            code = step.wait(timeout=5)
        except subprocess.TimeoutExpired:
            subprocess.run([ENGINE, "kill", name], stdout=subprocess.DEVNULL)
            step.wait(timeout=30)
            raise AssertionError(f"it outlives SIG{signal} by more than 5 s")
        assert code not in (0, 1), code
        equal((job.outputs["result"], job.outputs["passed"]), ("error", "false"))
        assert not (job.workspace / "mlgate-report/report.json").exists()


@proof
def a_killed_run_has_the_outputs_of_an_error(image):
    ends_by("KILL", image)


@proof
def a_cancelled_run_ends_at_once(image):
    # What the runner sends first. To process 1 of a container both are nothing at all unless it asks for them, and the
    # run would go on, and write a comment, after the runner is gone.
    for signal in ("INT", "TERM"):
        ends_by(signal, image)


class Listener(http.server.ThreadingHTTPServer):
    """Stands where GitHub's API would; knows nothing and remembers what it was asked."""

    def __init__(self, address):
        self.asked = asked = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                asked.append(self.path)
                self.send_response(404)
                self.end_headers()
                self.wfile.write(b'{"message": "Not Found"}')

            def log_message(self, *_):
                pass

        super().__init__((address, 0), Handler)
        self.port = self.server_address[1]

    def __enter__(self):
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()

    def with_tls(self, address, folder):
        """Speaks TLS with a certificate that only its own file vouches for."""
        key, certificate = folder / "key.pem", folder / "ca.pem"
        extensions = f"-addext basicConstraints=CA:FALSE -addext subjectAltName=IP:{address}"
        make = f"openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=mlgate-test {extensions}"
        subprocess.run([*make.split(), "-keyout", key, "-out", certificate], check=True, capture_output=True)
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(certificate, key)
        self.socket = tls.wrap_socket(self.socket, server_side=True)


def against_main(job, api, **variables):
    """A gate with a baseline that is a file of the branch main, from the API at `api`."""
    job.write("metrics.json", '{"accuracy": 0.9}')
    inputs = {"metrics": "metrics.json", "baseline": "git:main:metrics.json", "min-improvement": "0"}
    job.run(inputs, exits=3, GITHUB_API_URL=api, GITHUB_TOKEN="not-a-secret", **variables)
    equal(job.outputs["result"], "error")
    return job.said


@proof
def a_container_is_on_a_bridge_where_127_0_0_1_is_not_the_host(image):
    with Job(image) as job, Listener("127.0.0.1") as server:
        said = against_main(job, f"http://127.0.0.1:{server.port}")
        equal(server.asked, [], said)
        holds(said, "127.0.0.1")


@proof
def a_server_with_a_certificate_of_its_own_is_reached_from_the_bridge(image):
    if shutil.which("openssl") is None:
        raise Skipped("openssl is not installed")
    with Job(image) as job, on_the_bridge() as address:
        try:
            server = Listener(address)
        except OSError as error:
            raise Skipped(f"nothing can listen on the bridge's address {address!r}: {error}")
        server.with_tls(address, job.workspace)
        with server:
            api = f"https://{address}:{server.port}"
            said = against_main(job, api)
            equal(server.asked, [], said)
            said = against_main(job, api, SSL_CERT_FILE="/github/workspace/ca.pem")
            assert server.asked, said


@contextlib.contextmanager
def on_the_bridge():
    """The host's address on the bridge. It has one for as long as a container is there."""
    name, at = ("podman", "(index .Subnets 0)") if ENGINE == "podman" else ("bridge", "(index .IPAM.Config 0)")
    say = lambda *words: subprocess.run([ENGINE, *words], capture_output=True, text=True, check=True).stdout.strip()
    stay = say("run", "-d", "--rm", "--pull=never", BYSTANDER, "sleep", "60")
    try:
        yield say("network", "inspect", name, "-f", f"{{{{{at}.Gateway}}}}")
    finally:
        say("kill", stay)


if __name__ == "__main__":
    run_all(lambda: sys.argv[1])
