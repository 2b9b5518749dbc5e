"""Rollouts with a real InfluxDB and a real NGINX, and with moto's emulators of CloudWatch and SageMaker."""

import datetime
import hashlib
import http.server
import importlib.util
import json
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

MLGATE = os.environ["MLGATE"]
VARIANTS = ("stable", "candidate")


class Skipped(Exception):
    pass


def port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Router:
    """Answers GET and PUT of {"stable": 95, "candidate": 5}."""

    def __init__(self):
        self.weights = {"stable": 100, "candidate": 0}
        router = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def answer(self):
                body = json.dumps(router.weights).encode()
                self.send_response(200)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = answer

            def do_PUT(self):
                router.weights = json.loads(self.rfile.read(int(self.headers["content-length"])))
                self.answer()

            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{server.server_port}/weights"
        threading.Thread(target=server.serve_forever, daemon=True).start()


def started(command, check, folder, env=None):
    """A server that answers by now."""
    log = open(folder / "server.log", "w")
    server = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, env=env)
    for _ in range(200):
        if server.poll() is not None:
            break
        try:
            urllib.request.urlopen(check, timeout=1).read()
            return server
        except urllib.error.HTTPError:
            return server
        except OSError:
            time.sleep(0.1)
    server.kill()
    raise AssertionError(f"{command[0]} did not start: {(folder / 'server.log').read_text()[-2000:]}")


def rollout(folder, router, strategy, signals, *more, env=None, **changes):
    report = {
        "schema_version": 1, "result": "passed", "started_at": datetime.datetime.now(datetime.timezone.utc).isoformat(),
        "commit": "a" * 40, "pipeline": {"event": "push", "proposal": False},
        "model": {"name": "risk", "version": "8", "sha256": None}, "tables": {},
        "gates": [{"gate": "model", "result": "passed", "checks": []}],
    }
    text = json.dumps(report)
    (folder / "report.json").write_text(text)
    (folder / "journal.json").unlink(missing_ok=True)
    config = {"rollout": {
        "strategy": strategy, "report": "report.json", "model": {"name": "risk"}, "step_seconds": 3,
        "interval_seconds": 0.5, "min_requests": 50, "max_hold_seconds": 20, "router": router if isinstance(router, dict) else {"webhook": {"url": router.url}},
        "journal": {"path": "journal.json"}, "signals": signals,
        "limits": [{"error_rate": {"max": 0.02, "max_ratio": 2.0}}, {"signal": {"name": "slow", "max": 100}}],
        **changes,
    }}
    # JSON is YAML.
    (folder / "mlgate.yml").write_text(json.dumps(config))
    sha = hashlib.sha256(text.encode()).hexdigest()
    clean = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/"), **(env or {})}
    ran = subprocess.run(
        [MLGATE, "rollout", "--report-sha256", sha, *more], cwd=folder, env=clean, capture_output=True, text=True,
        timeout=120,
    )
    return ran.returncode, ran.stdout + ran.stderr


def expect(ran, exit, *said):
    code, text = ran
    assert code == exit, f"exit {code}, not {exit}:\n{text}"
    for words in said:
        assert words in text, f"nothing says {words!r}:\n{text}"


def influxdb(folder):
    influxd = os.environ.get("INFLUXD") or _skip("InfluxDB is not installed")
    http_port, rpc_port = port(), port()
    config = f"""
reporting-disabled = true
bind-address = "127.0.0.1:{rpc_port}"
[meta]
  dir = "{folder}/meta"
[data]
  dir = "{folder}/data"
  wal-dir = "{folder}/wal"
[http]
  bind-address = "127.0.0.1:{http_port}"
"""
    (folder / "influxdb.conf").write_text(config)
    url = f"http://127.0.0.1:{http_port}"
    server = started([influxd, "-config", "influxdb.conf"], f"{url}/ping", folder)
    router, is_over, errors = Router(), threading.Event(), {"stable": 1, "candidate": 1}

    def write():
        while not is_over.wait(0.2):
            lines = []
            for variant in VARIANTS:
                n = 2 * router.weights[variant]
                if n:
                    lines.append(f"requests,variant={variant} n={n}i")
                    lines.append(f"latency,variant={variant} ms=40")
                    failed = n * errors[variant] // 100
                    if failed:
                        lines.append(f"failed,variant={variant} n={failed}i")
            urllib.request.urlopen(f"{url}/write?db=metrics", data="\n".join(lines).encode()).read()

    writer = threading.Thread(target=write, daemon=True)
    try:
        query = urllib.parse.urlencode({"q": "CREATE DATABASE metrics"}).encode()
        urllib.request.urlopen(urllib.request.Request(f"{url}/query", data=query)).read()
        writer.start()
        time.sleep(4)

        def signals(failed="failed"):
            where = "WHERE {{time}} AND variant = '{{variant}}'"
            return {
                "influxdb": {"url": url, "database": "metrics", "delay_seconds": 1},
                "requests": f"SELECT sum(n) FROM requests {where}",
                "errors": f"SELECT sum(n) FROM {failed} {where}",
                "slow": {"query": f"SELECT percentile(ms, 99) FROM latency {where}", "window_seconds": 2},
            }

        expect(rollout(folder, router, "canary", signals("faild"), "--dry-run"), 2, "has found nothing of either variant")
        wrong = {**signals(), "errors": "SELECT sum(n) FORM failed WHERE {{time}} AND variant = '{{arm}}'"}
        expect(rollout(folder, router, "canary", wrong, "--dry-run"), 2, "error parsing query")
        expect(rollout(folder, router, "blue_green", signals()), 0, "promoted")
        assert router.weights["candidate"] == 100, router.weights
        router.weights = {"stable": 100, "candidate": 0}
        errors["candidate"] = 20
        expect(rollout(folder, router, "blue_green", signals()), 1, "rolled back", "requests failed")
        assert router.weights["candidate"] == 0, router.weights
    finally:
        is_over.set()
        if writer.is_alive():
            writer.join(timeout=5)
        server.kill()
        server.wait()


def signed_as_botocore_does(folder, signals, env):
    """moto checks no signatures: AWS' own client makes the same one of the same request."""
    import botocore.auth
    import botocore.awsrequest
    import botocore.credentials

    seen = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            seen.append((dict(self.headers.items()), self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(500)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/"
    source = {**signals["cloudwatch"], "url": url, "session_token_env": "MLGATE_AWS_TOKEN"}
    env = {**env, "MLGATE_AWS_TOKEN": "a/token+of=mine"}
    expect(rollout(folder, Router(), "canary", {**signals, "cloudwatch": source}, "--dry-run", env=env), 3, "answers 500")
    headers, body = seen[0]
    headers = {name.lower(): value for name, value in headers.items()}
    names = headers["authorization"].split("SignedHeaders=")[1].split(",")[0].split(";")
    assert {"host", "x-amz-date", "x-amz-security-token", "x-amz-target"} <= set(names), names
    credentials = botocore.credentials.Credentials("key", "not-a-secret", "a/token+of=mine")
    auth = botocore.auth.SigV4Auth(credentials, "monitoring", "eu-central-1")
    request = botocore.awsrequest.AWSRequest("POST", url, {name: headers[name] for name in names}, body)
    request.context["timestamp"] = headers["x-amz-date"]
    signature = auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request)
    assert headers["authorization"].endswith(f"Signature={signature}"), f"{headers} {signature}"


def cloudwatch(folder):
    if not importlib.util.find_spec("moto") or not importlib.util.find_spec("boto3"):
        _skip("moto is not installed")
    import boto3

    at = port()
    url = f"http://127.0.0.1:{at}"
    keys = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "not-a-secret"}
    env = {**os.environ, **keys}
    server = started([sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(at)], url, folder, env)
    try:
        client = boto3.client(
            "cloudwatch", region_name="eu-central-1", endpoint_url=url, aws_access_key_id="key",
            aws_secret_access_key="not-a-secret",
        )
        now = datetime.datetime.now(datetime.timezone.utc).replace(second=0, microsecond=0)
        for minutes in (2, 3, 4):
            for name, value in (("Invocations", 70), ("Invocation5XXErrors", 2), ("ModelLatency", 41.5)):
                dimensions = [{"Name": "EndpointName", "Value": "risk"}, {"Name": "VariantName", "Value": "stable"}]
                client.put_metric_data(Namespace="AWS/SageMaker", MetricData=[{
                    "MetricName": name, "Value": value, "Timestamp": now - datetime.timedelta(minutes=minutes),
                    "Dimensions": dimensions,
                }])

        def metric(name, **more):
            dimensions = {"EndpointName": "risk", "VariantName": "{{arm}}"}
            return {"namespace": "AWS/SageMaker", "metric": name, "dimensions": dimensions, **more}

        def signals(errors="Invocation5XXErrors"):
            return {
                "cloudwatch": {
                    "region": "eu-central-1", "url": url, "access_key_id_env": "MLGATE_AWS_ID",
                    "secret_access_key_env": "MLGATE_AWS_SECRET", "delay_seconds": 60,
                },
                "requests": metric("Invocations"),
                "errors": metric(errors),
                "slow": metric("ModelLatency", window_seconds=300),
            }

        env = {"MLGATE_AWS_ID": "key", "MLGATE_AWS_SECRET": "not-a-secret"}
        signed_as_botocore_does(folder, signals(), env)
        ran = rollout(folder, Router(), "canary", signals(), "--dry-run", env=env)
        expect(ran, 0, "stable requests: 210", "stable errors: 6", "stable slow: 41.5", "candidate requests: none now")
        ran = rollout(folder, Router(), "canary", signals("Invocation5xxErrors"), "--dry-run", env=env)
        expect(ran, 2, "has found nothing of either variant")
    finally:
        server.kill()
        server.wait()


class Counters:
    """Counts of both variants as JSON, by time; grown by whoever asks where weights are given, else by requests."""

    def __init__(self, weights=None):
        self.counts, self.errors = {name: [0, 0] for name in VARIANTS}, {"stable": 1, "candidate": 1}
        counters = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                variant = self.path.strip("/")
                if weights:
                    counters.count(variant, 10 * weights()[variant])
                requests, errors = counters.counts[variant]
                body = json.dumps({"requests": requests, "errors": errors, "slow": 40, "at": time.time()}).encode()
                self.send_response(200)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{server.server_port}/{{{{arm}}}}"
        threading.Thread(target=server.serve_forever, daemon=True).start()

    def count(self, variant, requests):
        """Whether the last one fails."""
        own = self.counts[variant]
        before = own[0] * self.errors[variant] // 100
        own[0] += requests
        failed = own[0] * self.errors[variant] // 100 - before
        own[1] += failed
        return failed > 0

    def signals(self):
        return {
            "http": {"url": self.url, "time_pointer": "/at"}, "requests": "/requests", "errors": "/errors",
            "slow": {"json_pointer": "/slow", "window_seconds": 1},
        }


def nginx(folder):
    binary = os.environ.get("NGINX") or _skip("NGINX is not installed")
    counters, models = Counters(), {}
    for name in VARIANTS:

        class Model(http.server.BaseHTTPRequestHandler):
            variant = name

            def do_GET(self):
                self.send_response(500 if counters.count(self.variant, 1) else 200)
                self.send_header("content-length", str(len(self.variant)))
                self.end_headers()
                self.wfile.write(self.variant.encode())

            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Model)
        # A connection that NGINX ended is none of ours.
        server.handle_error = lambda *_: None
        models[name] = server.server_port
        threading.Thread(target=server.serve_forever, daemon=True).start()
    front, status = port(), port()
    config = f"""
pid {folder}/nginx.pid;
error_log {folder}/error.log;
worker_processes 2;
events {{ worker_connections 512; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  include {folder}/split.conf;
  upstream stable {{ server 127.0.0.1:{models["stable"]}; }}
  upstream candidate {{ server 127.0.0.1:{models["candidate"]}; }}
  server {{ listen 127.0.0.1:{front}; location / {{ proxy_pass http://$mlgate_variant; }} }}
  server {{ listen 127.0.0.1:{status}; location = /weights {{ default_type application/json; return 200 $mlgate_weights; }} }}
}}
"""
    (folder / "nginx.conf").write_text(config)
    (folder / "split.conf").write_text("""split_clients "$request_id" $mlgate_split { * "stable"; }
map $host $mlgate_variant { default $mlgate_split; }
map $host $mlgate_weights { default '{"stable":100,"candidate":0}'; }
""")
    command = [binary, "-c", f"{folder}/nginx.conf", "-p", str(folder), "-g", "daemon off;"]
    server = started(command, f"http://127.0.0.1:{status}/weights", folder)
    is_over = threading.Event()

    def get(path="/", headers=None, at=front):
        request = urllib.request.Request(f"http://127.0.0.1:{at}{path}", headers=headers or {})
        try:
            return urllib.request.urlopen(request, timeout=5).read().decode()
        except urllib.error.HTTPError as error:
            return error.read().decode()

    def live():
        return json.loads(get("/weights", at=status))

    def ask():
        while not is_over.is_set():
            try:
                get()
            except OSError:
                # While NGINX is started again.
                time.sleep(0.1)

    asking = [threading.Thread(target=ask, daemon=True) for _ in range(4)]
    try:
        for one in asking:
            one.start()
        router = {"nginx": {
            "file": "split.conf", "pid_file": "nginx.pid", "status": f"http://127.0.0.1:{status}/weights",
            "stable": "stable", "candidate": "candidate", "tester_header": "X-Canary",
        }}
        steps = {"steps": [25, 100]}
        expect(rollout(folder, router, "canary", counters.signals(), **steps), 0, "promoted")
        assert live() == {"stable": 0, "candidate": 100}, live()
        assert get(headers={"X-Canary": "never"}) == "stable"
        # A new process has what the file has.
        server.terminate()
        server.wait()
        server = started(command, f"http://127.0.0.1:{status}/weights", folder)
        assert live() == {"stable": 0, "candidate": 100}, live()
        counters.errors["candidate"] = 30
        ran = subprocess.run([MLGATE, "rollback"], cwd=folder, capture_output=True, text=True, timeout=60)
        assert live() == {"stable": 100, "candidate": 0}, f"{live()} {ran.stdout} {ran.stderr}"
        assert {get() for _ in range(50)} == {"stable"}
        assert get(headers={"X-Canary": "always"}) == "candidate"
        expect(rollout(folder, router, "canary", counters.signals(), **steps), 1, "rolled back", "requests failed")
        assert live() == {"stable": 100, "candidate": 0}, live()
        # A configuration that NGINX refuses is never live, and that is said.
        counters.errors["candidate"] = 1
        (folder / "nginx.conf").write_text(config.replace("worker_connections", "worker_conections"))
        ran = rollout(folder, router, "canary", counters.signals(), **steps)
        assert ran[0] == 3 or "NGINX still sends 0 %" in ran[1] or "does not take" in ran[1], ran
        assert live() == {"stable": 100, "candidate": 0}, live()
        (folder / "nginx.pid").write_text(str(os.getpid()))
        expect(rollout(folder, router, "canary", counters.signals(), "--dry-run"), 3, "is not NGINX")
    finally:
        is_over.set()
        server.terminate()
        server.wait()


def sagemaker(folder):
    if not importlib.util.find_spec("moto") or not importlib.util.find_spec("boto3"):
        _skip("moto is not installed")
    import boto3

    at = port()
    url = f"http://127.0.0.1:{at}"
    env = {**os.environ, "AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "not-a-secret"}
    server = started([sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(at)], url, folder, env)
    try:
        client = boto3.client(
            "sagemaker", region_name="eu-central-1", endpoint_url=url, aws_access_key_id="key",
            aws_secret_access_key="not-a-secret",
        )
        role = "arn:aws:iam::123456789012:role/FakeRole"
        image = "382416733822.dkr.ecr.eu-central-1.amazonaws.com/linear-learner:1"
        client.create_model(ModelName="risk", ExecutionRoleArn=role, PrimaryContainer={"Image": image})
        client.create_endpoint_config(EndpointConfigName="risk", ProductionVariants=[
            {"VariantName": name, "ModelName": "risk", "InitialInstanceCount": 1, "InstanceType": "ml.t2.medium",
             "InitialVariantWeight": 1.0} for name in VARIANTS
        ])
        client.create_endpoint(EndpointName="risk", EndpointConfigName="risk")

        def reset():
            client.update_endpoint_weights_and_capacities(EndpointName="risk", DesiredWeightsAndCapacities=[
                {"VariantName": name, "DesiredWeight": weight} for name, weight in (("stable", 1.0), ("candidate", 0.0))
            ])

        def weights():
            variants = client.describe_endpoint(EndpointName="risk")["ProductionVariants"]
            shares = {one["VariantName"]: one["CurrentWeight"] for one in variants}
            return {name: int(100 * share / sum(shares.values())) for name, share in shares.items()}

        reset()
        counters = Counters(weights)
        router = {"sagemaker": {
            "region": "eu-central-1", "endpoint": "risk", "stable": "stable", "candidate": "candidate", "url": url,
            "access_key_id_env": "MLGATE_AWS_ID", "secret_access_key_env": "MLGATE_AWS_SECRET",
        }}
        keys = {"MLGATE_AWS_ID": "key", "MLGATE_AWS_SECRET": "not-a-secret"}
        steps = {"steps": [25, 100]}
        expect(rollout(folder, router, "canary", counters.signals(), env=keys, **steps), 0, "promoted")
        assert weights() == {"stable": 0, "candidate": 100}, weights()
        reset()
        counters.errors["candidate"] = 30
        expect(rollout(folder, router, "canary", counters.signals(), env=keys, **steps), 1, "rolled back")
        assert weights() == {"stable": 100, "candidate": 0}, weights()
    finally:
        server.kill()
        server.wait()


def _skip(why):
    raise Skipped(why)


def main():
    told, failed = 0, 0
    for story in (influxdb, cloudwatch, nginx, sagemaker):
        if sys.argv[1:] and not any(name in story.__name__ for name in sys.argv[1:]):
            continue
        with tempfile.TemporaryDirectory(prefix="mlgate-sources-") as folder:
            start = time.time()
            try:
                story(pathlib.Path(folder))
                print(f"ok      {story.__name__} ({time.time() - start:.0f} s)")
                told += 1
            except Skipped as why:
                print(f"skipped {story.__name__}: {why}")
            except AssertionError as why:
                print(f"failed  {story.__name__}: {str(why)[-6000:]}")
                failed += 1
    sys.exit(1 if failed else 0 if told else 77)


main()
