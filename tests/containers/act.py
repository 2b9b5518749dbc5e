#!/usr/bin/env python3
"""Proves the Action in whole workflows: `act.py IMAGE`, with nektos/act in GitHub's place.

act builds `uses: ./` from a copy of the repository whose Dockerfile is one line, `FROM IMAGE`, so that the binary is the
proven one and nothing is compiled. What differs from GitHub is in README.md; contract.py proves those parts.

TALKS=0 leaves out what the Action writes to pull requests.
"""

import contextlib
import functools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
import venv
from hashlib import sha256
from pathlib import Path

from proofs import Skipped, equal, holds, proof, run_all

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
ENGINE = os.environ.get("ENGINE", "podman")
JOB_IMAGE = os.environ.get("RUNNER_IMAGE", "docker.io/library/debian:bookworm-slim")
TALKS = os.environ.get("TALKS", "1") != "0"
CACHE = Path(os.environ.get("MLGATE_CACHE", Path.home() / ".cache/mlgate")) / "containers"
BASE = "1" * 40
# Stands for actions/upload-artifact, whose real one needs GitHub: it takes what is there and refuses what is not.
UPLOAD = """name: upload
inputs: { name: {}, path: {} }
runs:
  using: composite
  steps:
    - shell: bash
      run: echo "uploaded ${{ inputs.name }}:" ${{ inputs.path }}*
"""


@functools.cache
def act():
    """The program, installed once for each state of act-requirements.txt."""
    requirements = HERE / "act-requirements.txt"
    key = sha256(requirements.read_bytes() + sys.version.encode()).hexdigest()[:16]
    folder = CACHE / f"act-{key}"
    if not (folder / "ready").exists():
        shutil.rmtree(folder, ignore_errors=True)
        try:
            venv.create(folder, with_pip=True)
            pip = [folder / "bin/python", "-m", "pip", "install", "-q", "--disable-pip-version-check", "--require-hashes"]
            subprocess.run([*pip, "-r", requirements], check=True, capture_output=True, text=True)
        except subprocess.CalledProcessError as error:
            raise Skipped(f"act cannot be installed: {str(error.stderr or error).strip().splitlines()[-1]}")
        (folder / "ready").touch()
    return folder / "bin/act"


class World:
    """A copy of the repository, the engine's socket, and a GitHub that is here."""

    def __init__(self, image, ending):
        self.image = image
        self.folder = Path(ending.enter_context(tempfile.TemporaryDirectory(prefix="mlgate-act-")))
        self.repository = self.folder / "repository"
        self.copy()
        self.upload = self.folder / "upload"
        self.upload.mkdir()
        (self.upload / "action.yml").write_text(UPLOAD)
        self.socket = self.engine(ending)
        self.github = Github(self.head, ending) if TALKS else None
        volumes = set(lines(ENGINE, "volume", "ls", "-q"))
        self.remove(volumes)
        ending.callback(self.remove, volumes)

    def copy(self):
        shutil.copytree(ROOT / "examples", self.repository / "examples")
        shutil.copy(ROOT / "action.yml", self.repository)
        (self.repository / "Dockerfile").write_text(f"FROM {self.image}\n")
        (self.repository / ".dockerignore").write_text("*\n")
        (self.repository / "table.csv").write_text("age,income,y\n20,1,0\n30,2,1\n40,3,1\n")
        git = lambda *words: subprocess.run(
            ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", *words],
            cwd=self.repository, check=True, capture_output=True, text=True,
        ).stdout.strip()  # fmt: skip
        git("init", "-q", "-b", "feature")
        git("remote", "add", "origin", "https://github.com/octo/repo")
        git("add", "-A")
        git("commit", "-q", "-m", "all")
        self.head = git("rev-parse", "HEAD")

    def engine(self, ending):
        """Where the engine takes Docker's API; Podman's service is started and ended here."""
        if ENGINE == "docker":
            return os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
        path = self.folder / "podman.sock"
        service = subprocess.Popen(
            ["podman", "system", "service", "--time=0", f"unix://{path}"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        ending.callback(lambda: (service.terminate(), service.wait()))
        wait_for(path.exists, "Podman's socket")
        return f"unix://{path}"

    def remove(self, volumes):
        """What act leaves: volumes, and the image, which it builds in the first run and finds in the others."""
        images = lines(ENGINE, "images", "--format", "{{.Repository}}:{{.Tag}}")
        images = [name for name in images if name.endswith("act-dockeraction:latest")]
        for kind, names in (("image", images), ("volume", set(lines(ENGINE, "volume", "ls", "-q")) - volumes)):
            for name in names:
                if kind == "image" or name.startswith("act-"):
                    quietly(ENGINE, kind, "rm", name)
        # Podman 4.3 leaves a container of its builder after each build that was asked for over its socket.
        if ENGINE == "podman":
            builders = lines("podman", "ps", "-a", "--external", "--format", "{{.ID}},{{.Image}},{{.Command}}")
            for name, image, command in (line.split(",") for line in builders):
                if (image, command) == (self.image, "buildah"):
                    quietly("podman", "rm", "-f", name)

    def command(self, event, workflow, payload):
        workflow = self.without_keys(HERE / "workflows" / workflow)
        event_path = self.folder / f"{workflow.stem}.json"
        event_path.write_text(json.dumps(payload))
        uses = set(re.findall(r"uses: (actions/upload-artifact@\S+)", workflow.read_text()))
        api = self.github.address if self.github else "http://127.0.0.1:9"
        return [
            act(), event, "--json", "--workflows", workflow, "--eventpath", event_path,
            "--platform", f"ubuntu-24.04={JOB_IMAGE}", "--pull=false", "--rebuild=false", "--rm", "--no-cache-server",
            "--container-daemon-socket", "-", "--concurrent-jobs", "4", "--secret", "GITHUB_TOKEN=not-a-secret",
            "--env", f"GITHUB_API_URL={api}", "--env", f"GITHUB_SERVER_URL={api}", "--action-offline-mode",
            *[f"--local-repository={name}={self.upload}" for name in sorted(uses)],
        ]  # fmt: skip

    def without_keys(self, workflow):
        """The workflow as it is; or, for an image that does not talk, without the inputs that it does not know."""
        if TALKS:
            return workflow
        silent = self.folder / workflow.name
        silent.write_text(re.sub(r"\n +comment-key: .*|, comment-key: [a-z]+", "", workflow.read_text()))
        return silent

    def environment(self):
        home = self.folder / "home"
        home.mkdir(exist_ok=True)
        return os.environ | {"DOCKER_HOST": self.socket, "HOME": str(home), "XDG_CONFIG_HOME": "", "XDG_CACHE_HOME": ""}

    def run(self, event, workflow, payload):
        ran = subprocess.run(
            self.command(event, workflow, payload),
            cwd=self.repository, env=self.environment(), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300,
        )  # fmt: skip
        return Run(ran.returncode, ran.stdout)

    def start(self, event, workflow):
        return subprocess.Popen(
            self.command(event, workflow, {}), cwd=self.repository, env=self.environment(), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip

    @property
    def pull_request(self):
        """The event's payload, as far as it is read."""
        repository = {"full_name": "octo/repo", "name": "repo", "owner": {"login": "octo"}}
        end = lambda sha, ref: {"sha": sha, "ref": ref, "repo": repository}
        pull_request = {"number": 1, "head": end(self.head, "feature"), "base": end(BASE, "main")}
        return {"action": "synchronize", "number": 1, "pull_request": pull_request, "repository": repository}


class Run:
    """What act said: one JSON object a line."""

    def __init__(self, code, text):
        self.code = code
        self.text = text
        self.events = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
        self.said = "\n".join(event.get("msg", "").rstrip() for event in self.events)

    def exits(self, code):
        equal(self.code, code, self.said)
        return self

    def jobs(self):
        return {event["jobID"]: event["jobResult"] for event in self.events if "jobResult" in event}

    def job(self, name):
        """Everything that one job said."""
        return "\n".join(event.get("msg", "").rstrip() for event in self.events if event.get("jobID") == name)


class Github:
    """tests/servers/github.py, with the pull request that the workflows are about."""

    def __init__(self, head, ending):
        servers = ROOT / "tests/servers"
        prepared = subprocess.run([servers / "github.sh"], stdout=subprocess.PIPE, text=True)
        if prepared.returncode != 0:
            raise Skipped("tests/servers/github.sh cannot prepare GitHub's stand-in")
        server = subprocess.Popen(
            [prepared.stdout.strip(), servers / "github.py"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        # It ends when its standard input does.
        ending.callback(lambda: (server.stdin.close(), server.wait()))
        self.address = server.stdout.readline().strip()
        pull = {"number": 1, "head": {"sha": head, "ref": "feature"}, "base": {"sha": BASE, "ref": "main"}, "files": []}
        setup = {"pulls": [pull], "refs": {"main": BASE, "feature": head}, "commits": {head: {"parents": [BASE]}}}
        self.ask("setup", setup | {"files": {BASE: {}, head: {}}})

    def ask(self, what, document=None):
        data = None if document is None else json.dumps(document).encode()
        with urllib.request.urlopen(f"{self.address}/_control/octo/repo/{what}", data) as answer:
            said = answer.read()
            return json.loads(said) if said else None


def lines(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()


def quietly(*command):
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def wait_for(ready, what, seconds=60):
    deadline = time.monotonic() + seconds
    while not (found := ready()):
        assert time.monotonic() < deadline, f"{what}: not within {seconds} s"
        time.sleep(0.1)
    return found


@proof
def a_gate_started_by_hand_has_no_pull_request(world):
    before = world.github and world.github.ask("state")["comments"]
    for rows, code, result in (("3", 0, "passed"), ("4", 1, None)):
        payload = {"inputs": {"rows": rows}, "ref": "refs/heads/feature"}
        run = world.run("workflow_dispatch", "dispatch.yml", payload).exits(code)
        if result:
            holds(run.said, f"dispatch rows={rows} result={result}")
    equal(world.github and world.github.ask("state")["comments"], before)


@functools.cache
def pull_request(world):
    """One run for all proofs about it. It fails as a whole, because one of its gates blocks."""
    return world.run("pull_request", "pull_request.yml", world.pull_request).exits(1)


@proof
def a_blocked_gate_fails_its_job_and_the_workflow_and_no_other_job(world):
    run = pull_request(world)
    expected = dict.fromkeys(("holds", "train", "tell", "probation", "several"), "success") | {"blocks": "failure"}
    equal({name: result for name, result in run.jobs().items() if name != "deploy"}, expected, run.said)
    holds(run.job("blocks"), "same-job outcome=failure result=blocked")
    assert "not reached" not in run.job("blocks").replace('echo "not reached"', ""), run.said
    assert "deployed" not in run.said, run.said
    holds(run.job("tell"), 'tell job=failure gate=blocked failed=["row_count"]')


@proof
def inputs_arrive_and_outputs_are_read_by_a_later_job(world):
    run = pull_request(world)
    holds(run.job("holds"), "row_count", "schema", "range", "mlgate-report/report.json: OK")
    train = run.job("train")
    holds(train, "train none-failed=true", '"rows": "3"', '"result": "passed"', '"failed": "[]"')
    assert re.search(r'"sha256": "[0-9a-f]{64}"', train), train


@proof
def the_summary_and_the_annotations_are_shown(world):
    run = pull_request(world)
    holds(run.job("holds"), "Summary - ### ", "Passed: 3 checks")
    holds(run.job("blocks"), "Summary - ### ", "Blocked: 1 of 1 check", "::error title=FAIL row_count::")


@proof
def a_gate_on_probation_fails_no_job(world):
    said = pull_request(world).job("probation")
    holds(said, "tolerated failure success blocked", "never success success blocked")


@proof
def a_matrix_is_as_many_gates(world):
    said = pull_request(world).job("several")
    holds(said, "matrix rows=2 result=passed", "matrix rows=3 result=passed")


@proof
def a_pull_request_gets_a_comment_and_a_check_run_from_every_gate(world):
    if not TALKS:
        raise Skipped("TALKS=0")
    said = pull_request(world).said
    state = world.github.ask("state")
    equal(state["violations"], [], said)
    keys = {"pull request/holds", "blocks", "tolerated", "never", "rows-2", "rows-3"}
    markers = sorted(comment["body"].splitlines()[0] for comment in state["comments"]["1"])
    equal(markers, sorted(f"<!-- mlgate:{key} -->" for key in keys), said)
    concluded = {run["name"].removeprefix("mlgate: "): run["conclusion"] for run in state["check_runs"][world.head]}
    concluded.pop("dispatch/gate", None)
    expected = dict.fromkeys(keys, "success") | {"blocks": "failure", "tolerated": "failure", "never": "neutral"}
    equal(concluded, expected, said)


@proof
def the_workflows_of_the_examples_do_what_they_say(world):
    run = world.run("pull_request", ROOT / "examples/flights/workflow.yml", world.pull_request).exits(0)
    holds(run.said, "training on 12208 rows would start here", "uploaded mlgate-report")
    run = world.run("pull_request", ROOT / "examples/credit/workflow.yml", world.pull_request).exits(1)
    holds(run.said, 'the data gate says blocked because of ["', "uploaded mlgate-report")
    assert "would start here" not in run.said, run.said
    run = world.run("pull_request", ROOT / "examples/credit-model/workflow.yml", world.pull_request).exits(0)
    holds(run.said, "version 8, gated by report ", "uploaded mlgate-report", "Passed: 12 checks")


@proof
def an_action_that_is_killed_leaves_an_error_to_later_steps(world):
    with waiting(world) as (step, action):
        subprocess.run([ENGINE, "kill", action], check=True, stdout=subprocess.DEVNULL)
        run = Run(*ended(step)).exits(1)
        holds(run.said, "after result=error passed=false")


@proof
def a_cancelled_workflow_shows_an_error_to_the_steps_that_still_run(world):
    # act itself leaves the gate's container running, where the runner ends it: contract.py has that.
    with waiting(world) as (step, _):
        step.send_signal(signal.SIGINT)
        run = Run(*ended(step)).exits(1)
        holds(run.said, "after result=error passed=false")
        assert "result=passed" not in run.said, run.said


@contextlib.contextmanager
def waiting(world):
    """A workflow in whose middle the gate waits: act, the gate's container."""
    known = set(lines(ENGINE, "ps", "-aq", "--no-trunc"))
    step = world.start("workflow_dispatch", "cancelled.yml")

    def newcomers():
        assert step.poll() is None, step.stdout.read()
        found = {}
        for name in set(lines(ENGINE, "ps", "-q", "--no-trunc")) - known:
            program = lines(ENGINE, "inspect", "-f", "{{.Path}}", name)
            found["job" if program == ["tail"] else "action"] = name
        return found if len(found) == 2 else None

    try:
        found = wait_for(newcomers, "the gate's container")
        read = [ENGINE, "exec", found["job"], "cat", "/var/run/act/workflow/outputcmd.txt"]
        wait_for(lambda: "passed" in subprocess.run(read, capture_output=True, text=True).stdout, "its first output")
        yield step, found["action"]
    finally:
        step.kill()
        step.wait()
        # The gate's container is in the job's network, and goes first; which is listed first depends on the engine.
        for _ in range(2):
            for name in set(lines(ENGINE, "ps", "-aq", "--no-trunc")) - known:
                quietly(ENGINE, "rm", "-f", name)


def ended(step):
    text, _ = step.communicate(timeout=90)
    return step.returncode, text


if __name__ == "__main__":
    with contextlib.ExitStack() as ending:
        run_all(lambda: World(sys.argv[1], ending))
