#!/usr/bin/env python3
"""The world around a rollout: two models that can be made bad, a router, Prometheus, and users who notice.

    python3 tests/servers/world.py --router haproxy|envoy --folder DIR

starts all of it on 127.0.0.1 and says where everything is, in one line of JSON. Then it does what it is told on
standard input, and answers each line with one:

    {"fault": {"arm": "candidate", "errors": 0.08}}    from now on; the names and what they mean: `Faults`
    {"load": {"rps": 50}}                              users per second; 0 is a night
    {"seen": true}                                     what users saw since the start, by the arm that answered
    {"weights": true}                                  {"stable": 95, "candidate": 5, "mirror": 0}, in percent, as the router says
    {"set": {"stable": 90, "candidate": 10}}           somebody else moves the traffic
    {"stop": "prometheus"}, {"start": …}, {"restart": "haproxy"}

It ends when standard input does, and everything ends with it, however this process ends. As a module, `World` is a
context manager with the same as methods. tests/servers/rollout.sh says what has to be installed; the exit code is 77
where it cannot be.

Shares are dealt evenly and not drawn: of a share of 0.08 every twelfth or thirteenth answer is an error. So no good
model is unlucky, and a run sees what the one before it saw.
"""

import argparse
import asyncio
import collections
import contextlib
import dataclasses
import json
import os
import random
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent
ARMS = ("stable", "candidate")
# In the order of `--first-port`. `control` moves the traffic: HAProxy's stats socket, Envoy's admin interface.
PORTS = ("entry", "control", "exporter", "prometheus", "stable", "candidate", "compare")
BUCKETS = (0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
# Answers over which a gauge is taken, and how long the truth takes to become known.
WINDOW = 200
LABEL_SECONDS = 1.0


@dataclasses.dataclass
class Faults:
    """What a model does from now on."""

    errors: float = 0.0  # share of requests that are answered 500
    latency_ms: float = 0.0  # added to the 2 ms that an answer takes
    nulls: float = 0.0  # share of answers that are null
    out_of_range: float = 0.0  # share of answers above 1
    disagree: float = 0.0  # share of answers that the other model would not give
    right: float = 0.95  # share of answers that turn out right, as is known a second later
    success: float = 0.2  # share of users who do what they were meant to do (A/B test)
    value: float = 1.0  # what a user is worth, on average (A/B test of means)
    version: str = ""  # what it answers as; empty: 1 as stable, 2 as the candidate
    metrics: bool = True  # false: /metrics is gone
    ready: bool = True  # false: /ping says no
    stalled: bool = False  # true: takes requests and answers none
    down: bool = False  # true: nothing listens


class Dealer:
    """Deals shares evenly."""

    def __init__(self):
        self.owed = collections.Counter()

    def __call__(self, what, share):
        self.owed[what] += share
        if self.owed[what] < 1 - 1e-9:
            return False
        self.owed[what] -= 1
        return True


class Comparison:
    """Whether two models said the same of one request: what a shadow is judged by."""

    def __init__(self):
        self.waiting = collections.OrderedDict()
        self.counts = collections.Counter(compared=0, disagreed=0)
        self.recent = collections.deque(maxlen=WINDOW)

    def add(self, arm, number, answer):
        other = self.waiting.pop(number, None)
        if other and other[0] != arm:
            self.counts["compared"] += 1
            self.counts["disagreed"] += other[1] != answer
            self.recent.append(other[1] == answer)
            return
        self.waiting[number] = (arm, answer)
        if len(self.waiting) > 10_000:
            self.waiting.popitem(last=False)

    def metrics(self):
        yield from sample("shadow_compared_total", self.counts["compared"])
        yield from sample("shadow_disagreed_total", self.counts["disagreed"])
        if self.recent:
            yield from sample("shadow_agreement_percent", 100 * sum(self.recent) / len(self.recent))


def sample(name, value, **labels):
    kind = "counter" if name.endswith(("_total", "_bucket")) else "gauge"
    said = ",".join(f'{label}="{text}"' for label, text in labels.items())
    if not name.endswith("_bucket"):
        yield f"# TYPE {name} {kind}"
    yield f"{name}{{{said}}} {value}" if said else f"{name} {value}"


class Model:
    """A model server: POST /invocations, GET /ping, GET /version, GET /metrics."""

    def __init__(self, arm, comparison):
        self.arm, self.comparison = arm, comparison
        self.faults, self.deal = Faults(), Dealer()
        self.counts, self.buckets = collections.Counter(), [0] * len(BUCKETS)
        self.nulls, self.odd = (collections.deque(maxlen=WINDOW) for _ in range(2))
        self.labels, self.right = collections.deque(), collections.deque(maxlen=WINDOW)
        self.users = set()

    async def answer(self, method, path, headers, body):
        while self.faults.stalled:
            await asyncio.sleep(0.05)
        if path == "/ping":
            return (200, {}) if self.faults.ready else (503, {})
        if path == "/version":
            return 200, {"model": {"name": "credit-risk", "version": self.version()}}
        if path == "/metrics":
            return (200, "\n".join(self.metrics()) + "\n") if self.faults.metrics else (404, {})
        if (method, path) != ("POST", "/invocations"):
            return 404, {}
        start = time.perf_counter()
        await asyncio.sleep(0.002 + self.faults.latency_ms / 1e3)
        number = json.loads(body)["request"]
        self.visit(headers.get("x-user-id"))
        code, answer = (
            (500, {"error": "boom"}) if self.deal("errors", self.faults.errors) else (200, self.predict(number))
        )
        # Envoy marks its copies so.
        self.count(code, time.perf_counter() - start, "-shadow" in headers.get("host", ""))
        return code, answer

    def version(self):
        return self.faults.version or str(1 + ARMS.index(self.arm))

    def visit(self, user):
        """What a user does is seen once; what they are worth has a standard deviation of 0.5."""
        if user is None or user in self.users:
            return
        self.users.add(user)
        value = self.faults.value + (0.5 if self.deal("value", 0.5) else -0.5)
        self.counts["successes"] += self.deal("success", self.faults.success)
        self.counts["value"] += value
        self.counts["squares"] += value * value

    def predict(self, number):
        faults = self.faults
        # What both say of this request, unless one of them errs.
        answer = round((number * 0.61803398875) % 1, 6)
        if self.deal("nulls", faults.nulls):
            answer = None
        elif self.deal("out_of_range", faults.out_of_range):
            answer += 1
        elif self.deal("disagree", faults.disagree):
            answer = round(1 - answer, 6)
        self.nulls.append(answer is None)
        self.odd.append(answer is not None and answer > 1)
        self.counts["nulls"] += answer is None
        self.counts["odd"] += self.odd[-1]
        if answer is not None:
            self.labels.append((time.monotonic() + LABEL_SECONDS, self.deal("right", faults.right)))
        self.comparison.add(self.arm, number, answer)
        return {"prediction": answer}

    def count(self, code, seconds, is_copy):
        self.counts[f"code:{code // 100}xx"] += 1
        self.counts["seconds"] += seconds
        self.counts["copies"] += is_copy
        for at, bucket in enumerate(BUCKETS):
            self.buckets[at] += seconds <= bucket

    def metrics(self):
        arm, counts = self.arm, self.counts
        while self.labels and self.labels[0][0] <= time.monotonic():
            self.right.append(self.labels.popleft()[1])
        answered = counts["code:2xx"] + counts["code:5xx"]
        yield from sample("model_info", 1, arm=arm, version=self.version())
        yield from sample("model_requests_total", answered, arm=arm)
        # As in many programs, a counter that never counted is not there.
        if counts["code:5xx"]:
            yield from sample("model_errors_total", counts["code:5xx"], arm=arm)
        yield from sample("model_shadow_requests_total", counts["copies"], arm=arm)
        yield "# TYPE model_request_duration_seconds histogram"
        for bucket, count in [*zip(BUCKETS, self.buckets, strict=True), ("+Inf", answered)]:
            yield from sample("model_request_duration_seconds_bucket", count, arm=arm, le=bucket)
        yield f'model_request_duration_seconds_sum{{arm="{arm}"}} {counts["seconds"]}'
        yield f'model_request_duration_seconds_count{{arm="{arm}"}} {answered}'
        yield from sample("model_null_predictions_total", counts["nulls"], arm=arm)
        yield from sample("model_out_of_range_predictions_total", counts["odd"], arm=arm)
        gauges = {
            "model_null_prediction_percent": self.nulls,
            "model_out_of_range_prediction_percent": self.odd,
            "model_delayed_accuracy": self.right,
        }
        for name, recent in gauges.items():
            if recent:
                scale = 100 if name.endswith("percent") else 1
                yield from sample(name, scale * sum(recent) / len(recent), arm=arm)
        users = len(self.users)
        ab_test = {"units": users, "trials": users, "successes": counts["successes"], "value_count": users}
        for name, value in {**ab_test, "value_sum": counts["value"], "value_squares": counts["squares"]}.items():
            yield from sample(f"model_{name}_total", value, arm=arm)


class Server:
    """HTTP/1.1 for one handler, as much as routers and Prometheus ask for."""

    def __init__(self, port, answer, arm=None):
        self.port, self.answer, self.arm = port, answer, arm
        self.listener, self.connections = None, set()

    async def listen(self):
        if self.listener is None:
            self.listener = await asyncio.start_server(self.serve, "127.0.0.1", self.port, reuse_address=True)

    async def close(self):
        if self.listener is not None:
            self.listener.close()
            self.listener = None
        for writer in list(self.connections):
            writer.transport.abort()

    async def serve(self, reader, writer):
        self.connections.add(writer)
        try:
            while True:
                method, path, version, headers = parse(await reader.readuntil(b"\r\n\r\n"))
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                code, answer = await self.answer(method, path, headers, body)
                text = answer if isinstance(answer, str) else json.dumps(answer)
                closes = version == "HTTP/1.0" or headers.get("connection", "").lower() == "close"
                writer.write(
                    f"HTTP/1.1 {code} -\r\nContent-Length: {len(text)}\r\n"
                    f"Content-Type: {'text/plain; version=0.0.4' if path == '/metrics' else 'application/json'}\r\n"
                    f"{f'X-Model-Arm: {self.arm}' if self.arm else 'X-World: compare'}\r\n"
                    f"{'Connection: close' if closes else 'Connection: keep-alive'}\r\n\r\n{text}".encode()
                )
                await writer.drain()
                if closes:
                    return
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            # The other end is gone, or the world ends.
            pass
        finally:
            self.connections.discard(writer)
            writer.close()


def parse(head):
    """The first line's three words, and the headers by their names in lower case."""
    first, *lines = head.decode("latin-1").rstrip().split("\r\n")
    headers = dict(line.split(":", 1) for line in lines)
    return *first.split(" ", 2), {name.lower(): value.strip() for name, value in headers.items()}


class Users:
    """Who asks, so many times a second, and what they saw. One of five requests is by one of twenty regulars."""

    def __init__(self, port, rps):
        self.port, self.rps = port, rps
        self.idle, self.number = [], 0
        self.saw = {arm: collections.Counter() for arm in (*ARMS, "nobody")}
        self.regulars = {}
        self.running = set()

    async def come(self):
        due = time.monotonic()
        while True:
            if not self.rps:
                await asyncio.sleep(0.02)
                due = time.monotonic()
                continue
            due += 1 / self.rps
            # After a pause of the whole machine the users of that time do not come all at once.
            due = max(due, time.monotonic() - 0.1)
            await asyncio.sleep(max(0, due - time.monotonic()))
            self.number += 1
            task = asyncio.create_task(self.ask(self.number))
            self.running.add(task)
            task.add_done_callback(self.running.discard)

    async def ask(self, number):
        regular = f"regular-{number // 5 % 20}" if number % 5 == 0 else None
        start = time.perf_counter()
        try:
            async with asyncio.timeout(10):
                code, headers, body = await self.post(number, regular or f"user-{number}")
        except (OSError, EOFError, TimeoutError, ValueError) as error:
            self.saw["nobody"].update(requests=1, errors=1, **{type(error).__name__: 1})
            return
        arm = headers.get("x-model-arm")
        saw = self.saw[arm if arm in ARMS else "nobody"]
        answer = json.loads(body).get("prediction", "none") if code == 200 else "none"
        saw.update(
            requests=1,
            errors=code >= 500,
            nulls=answer is None,
            out_of_range=isinstance(answer, float) and answer > 1,
            slow=time.perf_counter() - start > 0.1,
        )
        if regular and arm in ARMS:
            last, switches = self.regulars.get(regular, (arm, 0))
            self.regulars[regular] = (arm, switches + (last != arm))

    async def post(self, number, user):
        """By a connection that is there and still open, or a new one."""
        body = json.dumps({"request": number})
        asked = (
            f"POST /invocations HTTP/1.1\r\nHost: models\r\nContent-Type: application/json\r\nX-User-Id: {user}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n{body}"
        ).encode()
        while self.idle and (self.idle[-1][0].at_eof() or self.idle[-1][1].is_closing()):
            self.idle.pop()[1].close()
        reader, writer = self.idle.pop() if self.idle else await asyncio.open_connection("127.0.0.1", self.port)
        try:
            writer.write(asked)
            _, code, _, headers = parse(await reader.readuntil(b"\r\n\r\n"))
            if "content-length" not in headers:
                raise ValueError("an answer of unknown length")
            said = await reader.readexactly(int(headers["content-length"]))
        except BaseException:
            writer.close()
            raise
        if headers.get("connection", "").lower() == "close":
            writer.close()
        else:
            self.idle.append((reader, writer))
        return int(code), headers, said

    def seen(self):
        empty = {"requests": 0, "errors": 0, "nulls": 0, "out_of_range": 0, "slow": 0}
        saw = {arm: {**empty, **counts} for arm, counts in self.saw.items()}
        everyone = sum(counts["requests"] for counts in saw.values())
        return {
            **saw,
            "requests": everyone,
            "candidate_share": saw["candidate"]["requests"] / everyone if everyone else 0.0,
            "most_switches": max((switches for _, switches in self.regulars.values()), default=0),
        }


# Starts a server and ends it when nobody holds the other end of its input any more: also when this process is killed.
WARD = """
import os, subprocess, sys, threading
server = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL)
def guard():
    sys.stdin.buffer.read()
    server.kill()
threading.Thread(target=guard, daemon=True).start()
os._exit(server.wait() & 255)
"""


class Process:
    """A server that is no Python."""

    def __init__(self, name, command, folder, is_ready):
        self.name, self.command, self.folder, self.is_ready = name, command, folder, is_ready
        self.log = folder / f"{name}.log"
        self.ward = None

    def start(self):
        if self.ward is not None:
            return
        with self.log.open("ab") as log:
            self.ward = subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", WARD, *map(str, self.command)],
                cwd=self.folder,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                # A Ctrl-C is for this process alone, which then ends the others in order.
                start_new_session=True,
            )

    def wait(self, seconds=30):
        deadline = time.monotonic() + seconds
        # One that ended has left its port to another, who may answer in its place.
        while not self.is_ready() or self.ward.poll() is not None:
            if self.ward.poll() is not None or time.monotonic() > deadline:
                said = self.log.read_text(errors="replace")[-2000:]
                raise NotReady(f"{self.name} {'ended' if self.ward.poll() is not None else 'is not ready'}: {said}")
            time.sleep(0.02)

    def stop(self):
        if self.ward is not None:
            self.ward.stdin.close()
            self.ward.wait()
            self.ward = None


def shares(stable, candidate):
    """In percent: weights need not add up to 100."""
    everything = stable + candidate or 1
    return {"stable": round(100 * stable / everything), "candidate": round(100 * candidate / everything)}


class NotReady(Exception):
    pass


class World:
    """All of it, for as long as the block runs."""

    def __init__(self, folder, router="haproxy", rps=150, first_port=None, faults=None):
        self.folder, self.router, self.rps, self.first_port = Path(folder).resolve(), router, rps, first_port
        self.faults = faults or {}
        self.processes = {}
        self.loop = None

    def __enter__(self):
        self.folder.mkdir(parents=True, exist_ok=True)
        self.programs = programs(self.router, "prometheus")
        for attempt in range(3):
            try:
                self.begin()
                return self
            except (NotReady, OSError):
                # Somebody else may have taken a port between its choice and its use.
                self.close()
                if self.first_port or attempt == 2:
                    raise
            except BaseException:
                self.close()
                raise

    def __exit__(self, *_):
        self.close()

    def begin(self):
        self.ports = dict(zip(PORTS, ports(self.first_port), strict=True))
        self.comparison = Comparison()
        self.models = {arm: Model(arm, self.comparison) for arm in ARMS}
        self.users = Users(self.ports["entry"], 0)
        self.servers = {arm: Server(self.ports[arm], model.answer, arm) for arm, model in self.models.items()}
        self.servers["compare"] = Server(self.ports["compare"], self.compare)
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self.thread.start()
        for server in self.servers.values():
            self.run(server.listen())
        for arm, faults in self.faults.items():
            self.fault(arm, **faults)
        commands = haproxy(self) if self.router == "haproxy" else envoy(self)
        self.processes[self.router] = Process(self.router, commands, self.folder, self.is_routing)
        self.processes["prometheus"] = Process("prometheus", prometheus(self), self.folder, self.is_scraping)
        for process in self.processes.values():
            process.start()
        self.processes[self.router].wait()
        self.coming = asyncio.run_coroutine_threadsafe(self.users.come(), self.loop)
        self.load(self.rps)
        self.processes["prometheus"].wait()

    def close(self):
        for process in self.processes.values():
            process.stop()
        self.processes = {}
        if self.loop is not None:
            self.run(self.end())
            self.loop.call_soon_threadsafe(self.loop.stop)
            self.thread.join()
            self.loop.close()
            self.loop = None

    async def end(self):
        for server in self.servers.values():
            await server.close()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def run(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(30)

    async def compare(self, _method, path, _headers, _body):
        return (200, "\n".join(self.comparison.metrics()) + "\n") if path == "/metrics" else (404, {})

    # --- what can be done to it

    def fault(self, arm, **faults):
        model = self.models[arm]
        model.faults = dataclasses.replace(model.faults, **faults)
        self.run(self.servers[arm].close() if model.faults.down else self.servers[arm].listen())

    def load(self, rps):
        self.users.rps = rps

    def stop(self, name):
        self.processes[name].stop()

    def start(self, name):
        self.processes[name].start()
        self.processes[name].wait()

    def restart(self, name):
        self.stop(name)
        self.start(name)

    def seen(self):
        async def now():
            return self.users.seen()

        return self.run(now())

    def weights(self):
        """What the router itself says, asked for here without any code of mlgate's."""
        if self.router == "haproxy":
            said = self.haproxy("; ".join(f"get weight models/{arm}" for arm in ARMS))
            stable, candidate = (int(line.split()[0]) for line in said.split("\n") if line.strip())
            return {**shares(stable, candidate), "mirror": 0}
        dump = json.loads(get(f"http://127.0.0.1:{self.ports['control']}/config_dump?resource=dynamic_route_configs"))
        [config] = dump["configs"]
        route = config["route_config"]["virtual_hosts"][0]["routes"][0]["route"]
        found = {one["name"]: one.get("weight", 0) for one in route["weighted_clusters"]["clusters"]}
        mirrors = [one["runtime_fraction"]["default_value"] for one in route.get("request_mirror_policies", [])]
        mirror = sum(one.get("numerator", 0) for one in mirrors)
        return {**shares(*(found.get(arm, 0) for arm in ARMS)), "mirror": mirror}

    def set(self, stable, candidate):
        if self.router == "haproxy":
            self.haproxy(f"set server models/stable weight {stable}; set server models/candidate weight {candidate}")
        else:
            write_routes(self.folder, stable, candidate)

    def haproxy(self, commands):
        with socket.create_connection(("127.0.0.1", self.ports["control"]), 2) as connection:
            connection.sendall(commands.encode() + b"\n")
            return b"".join(iter(lambda: connection.recv(65536), b"")).decode()

    # --- what it is

    def is_routing(self):
        try:
            if self.router == "haproxy":
                # Both servers have to have passed their health checks.
                return self.haproxy("show stat").count(",UP,") >= 2
            self.weights()
            return get(f"http://127.0.0.1:{self.ports['control']}/ready").startswith("LIVE")
        except (OSError, ValueError, KeyError):
            return False

    def is_scraping(self):
        wanted = sum(model.faults.metrics and not model.faults.down for model in self.models.values()) + 2
        try:
            url = f"http://127.0.0.1:{self.ports['prometheus']}/api/v1/query?query=sum(up)"
            result = json.loads(get(url))["data"]["result"]
            return bool(result) and float(result[0]["value"][1]) >= wanted
        except (OSError, ValueError, KeyError):
            return False

    def said(self):
        """Where everything is, and queries that suit."""
        at = {name: f"127.0.0.1:{port}" for name, port in self.ports.items()}
        section = (
            {"address": at["control"], "backend": "models"}
            if self.router == "haproxy"
            else {"routes": str(self.folder / "routes/rds.yaml"), "admin": f"http://{at['control']}"}
        )
        return {
            "router": {self.router: {**section, "stable": "stable", "candidate": "candidate"}},
            "entry": f"http://{at['entry']}/invocations",
            "prometheus": f"http://{at['prometheus']}",
            "models": {arm: f"http://{at[arm]}" for arm in ARMS},
            "folder": str(self.folder),
            "signals": signals(self.router),
            "ab_test": AB_TEST,
        }


def signals(router):
    """Queries of both arms; `requests` and `errors` are the router's, for users see what it sees."""
    series, code = (
        ('haproxy_server_http_responses_total{proxy="models",server="{{arm}}"', 'code="5xx"')
        if router == "haproxy"
        else ('envoy_cluster_upstream_rq_xx{envoy_cluster_name="{{arm}}"', 'envoy_response_code_class="5"')
    )
    return {
        "requests": f"sum({series}}})",
        "errors": f"sum({series},{code}}})",
        "latency_p99_ms": "1000 * histogram_quantile(0.99, sum by (le) "
        '(rate(model_request_duration_seconds_bucket{arm="{{arm}}"}[5s])))',
        "accuracy": 'model_delayed_accuracy{arm="{{arm}}"}',
        "prediction_null_percent": 'model_null_prediction_percent{arm="{{arm}}"}',
        "prediction_out_of_range_percent": 'model_out_of_range_prediction_percent{arm="{{arm}}"}',
        "agreement_percent": 'shadow_agreement_percent{job="compare"}',
    }


AB_TEST = {
    "unit": 'model_units_total{arm="{{arm}}"}',
    "successes": 'model_successes_total{arm="{{arm}}"}',
    "trials": 'model_trials_total{arm="{{arm}}"}',
    "count": 'model_value_count_total{arm="{{arm}}"}',
    "sum": 'model_value_sum_total{arm="{{arm}}"}',
    "sum_of_squares": 'model_value_squares_total{arm="{{arm}}"}',
}


def haproxy(world):
    """The weights of the file are those of before a rollout: a restart falls back to stable."""
    port = world.ports
    (world.folder / "haproxy.cfg").write_text(f"""\
global
    stats socket ipv4@127.0.0.1:{port["control"]} level admin
    stats timeout 30s
    nbthread 1
defaults
    mode http
    timeout connect 1s
    timeout client 30s
    timeout server 5s
frontend users
    bind 127.0.0.1:{port["entry"]}
    default_backend models
backend models
    balance roundrobin
    option httpchk GET /ping
    default-server check inter 500ms fall 2 rise 1
    server stable 127.0.0.1:{port["stable"]} weight 100
    server candidate 127.0.0.1:{port["candidate"]} weight 0
frontend metrics
    bind 127.0.0.1:{port["exporter"]}
    http-request use-service prometheus-exporter if {{ path /metrics }}
""")
    return [world.programs["HAPROXY"], "-db", "-f", "haproxy.cfg"]


def envoy(world):
    """Routes come from a file that is watched (file RDS); a rollout replaces it, and a restart keeps what it says."""
    port = world.ports
    clusters = "".join(
        f"""\
  - name: {arm}
    type: STATIC
    connect_timeout: 1s
    load_assignment:
      cluster_name: {arm}
      endpoints:
      - lb_endpoints:
        - endpoint: {{address: {{socket_address: {{address: 127.0.0.1, port_value: {port[arm]}}}}}}}
"""
        for arm in ARMS
    )
    (world.folder / "envoy.yaml").write_text(f"""\
node: {{id: world, cluster: world}}
admin: {{address: {{socket_address: {{address: 127.0.0.1, port_value: {port["control"]}}}}}}}
stats_flush_interval: 0.5s
static_resources:
  listeners:
  - name: users
    address: {{socket_address: {{address: 127.0.0.1, port_value: {port["entry"]}}}}}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: ingress
          rds:
            route_config_name: models
            config_source:
              resource_api_version: V3
              path_config_source: {{path: routes/rds.yaml, watched_directory: {{path: routes}}}}
          http_filters:
          - name: envoy.filters.http.router
            typed_config: {{"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}
  clusters:
{clusters}""")
    write_routes(world.folder, 100, 0)
    return [world.programs["ENVOY"], "-c", "envoy.yaml", "--concurrency", "1", "--disable-hot-restart", "-l", "warn"]


def write_routes(folder, stable, candidate):
    routes = folder / "routes"
    routes.mkdir(exist_ok=True)
    # Envoy looks when something is moved into the folder.
    (routes / ".new").write_text(f"""\
version_info: "1"
resources:
- "@type": type.googleapis.com/envoy.config.route.v3.RouteConfiguration
  name: models
  virtual_hosts:
  - name: models
    domains: ["*"]
    routes:
    - match: {{prefix: /}}
      route:
        timeout: 5s
        weighted_clusters:
          clusters:
          - {{name: stable, weight: {stable}}}
          - {{name: candidate, weight: {candidate}}}
""")
    os.replace(routes / ".new", routes / "rds.yaml")


def prometheus(world):
    port = world.ports
    exporter = (port["exporter"], "/metrics") if world.router == "haproxy" else (port["control"], "/stats/prometheus")
    (world.folder / "prometheus.yml").write_text(f"""\
global: {{scrape_interval: 500ms, scrape_timeout: 400ms, evaluation_interval: 1s}}
scrape_configs:
- job_name: router
  metrics_path: {exporter[1]}
  static_configs: [{{targets: ['127.0.0.1:{exporter[0]}']}}]
- job_name: models
  static_configs: [{{targets: ['127.0.0.1:{port["stable"]}', '127.0.0.1:{port["candidate"]}']}}]
- job_name: compare
  static_configs: [{{targets: ['127.0.0.1:{port["compare"]}']}}]
""")
    return [
        *[world.programs["PROMETHEUS"], "--config.file=prometheus.yml", "--storage.tsdb.path=prometheus-data"],
        *[
            f"--web.listen-address=127.0.0.1:{port['prometheus']}",
            "--storage.tsdb.retention.time=1h",
            "--log.level=warn",
        ],
    ]


def programs(*names):
    """Where they are, as rollout.sh says; its exit code is ours where it has none."""
    ran = subprocess.run([HERE / "rollout.sh", *names], check=False, stdout=subprocess.PIPE, text=True)
    if ran.returncode:
        sys.exit(ran.returncode)
    return dict(word.split("=", 1) for word in shlex.split(ran.stdout))


def ports(first):
    """Free ones, below those that a system takes for outgoing connections, or those that were asked for."""
    if first:
        return range(first, first + len(PORTS))
    found = set()
    while len(found) < len(PORTS):
        port = random.randrange(10_000, 32_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            found.add(port)
    return found


def get(url):
    # A proxy that is set for the outside knows nothing of this machine.
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=2) as answer:
        return answer.read().decode()


def obey(world, command):
    [(verb, what)] = command.items()
    match verb:
        case "fault":
            world.fault(what.pop("arm"), **what)
        case "load":
            world.load(**what)
        case "seen":
            return world.seen()
        case "weights":
            return world.weights()
        case "set":
            world.set(**what)
        case "stop" | "start" | "restart":
            getattr(world, verb)(what)
        case _:
            raise ValueError(f"nobody knows what {verb} is")
    return {"ok": True}


def fault(text):
    """`candidate:errors=0.08`."""
    arm, _, rest = text.partition(":")
    name, _, value = rest.partition("=")
    return arm, {name: json.loads(value)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--router", choices=["haproxy", "envoy"], default="haproxy")
    parser.add_argument("--folder", required=True, help="where configs, logs and data go")
    parser.add_argument("--rps", type=float, default=150, help="users per second")
    parser.add_argument("--first-port", type=int, help="use this one and the next, instead of free ones")
    parser.add_argument(
        "--fault", type=fault, action="append", default=[], help="candidate:errors=0.08, from the start"
    )
    said = parser.parse_args()
    faults = {}
    for arm, what in said.fault:
        faults.setdefault(arm, {}).update(what)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        with World(said.folder, said.router, said.rps, said.first_port, faults) as world:
            print(json.dumps(world.said()), flush=True)
            for line in sys.stdin:
                try:
                    answer = obey(world, json.loads(line))
                except Exception as error:  # whoever gave the command hears of it
                    answer = {"error": f"{type(error).__name__}: {error}"}
                print(json.dumps(answer), flush=True)
    except NotReady as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
