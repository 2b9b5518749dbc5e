#!/usr/bin/env python3
"""unleash.py FOLDER: a real Unleash with a feature that is on, for tests. unleash.sh prepares FOLDER.

Says where it is on standard output as soon as it answers, and ends when its standard input does. The project is
`default`, the feature `new-model`, on in `development` and `production`; the admin's token is in TOKEN.
"""

import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

TOKEN = "*:*.not-a-secret-admin"
CLIENT_TOKEN = "default:production.not-a-secret-client"
FEATURE = "new-model"
PATIENCE = 60


def free_port():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


def start_postgres(native, folder, processes):
    """A database in `folder`; its port."""
    user = None
    if os.geteuid() == 0:
        # PostgreSQL does not run as root, and nobody else can enter root's home.
        user = pwd.getpwnam("nobody").pw_uid
        native = shutil.copytree(native, folder / "native", symlinks=True)
        os.chown(folder, user, -1)
        folder.chmod(0o755)
    data, log, port = folder / "data", folder / "postgres.log", free_port()
    initdb = [native / "bin/initdb", "-D", data, "-U", "unleash", "--auth=trust", "--no-sync", "--no-locale", "-E", "UTF8"]
    subprocess.run(initdb, user=user, check=True, stdout=subprocess.DEVNULL, cwd=folder)
    options = ["-p", str(port), "-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "fsync=off"]
    with log.open("wb") as out:
        command = [native / "bin/postgres", "-D", data, *options]
        processes.append(subprocess.Popen(command, user=user, cwd=folder, stdout=out, stderr=out))
    wait_for(lambda: socket.create_connection(("127.0.0.1", port)).close(), processes[-1], log)
    return port


def start_unleash(prepared, folder, database, processes):
    """Unleash; its address."""
    port, log = free_port(), folder / "unleash.log"
    environment = {
        "PATH": os.environ["PATH"], "HOME": str(folder), "NODE_ENV": "production",
        "DATABASE_HOST": "127.0.0.1", "DATABASE_PORT": str(database), "DATABASE_NAME": "postgres",
        "DATABASE_USERNAME": "unleash", "DATABASE_PASSWORD": "none", "DATABASE_SSL": "false",
        "HTTP_HOST": "127.0.0.1", "HTTP_PORT": str(port),
        "INIT_ADMIN_API_TOKENS": TOKEN, "INIT_BACKEND_API_TOKENS": CLIENT_TOKEN,
        "CHECK_VERSION": "false", "SEND_TELEMETRY": "false",
    }
    with log.open("wb") as out:
        command = [prepared / "node", prepared / "node_modules/unleash-server/dist/server.js"]
        processes.append(subprocess.Popen(command, env=environment, cwd=folder, stdout=out, stderr=out))
    url = f"http://127.0.0.1:{port}"
    wait_for(lambda: urllib.request.urlopen(f"{url}/health").close(), processes[-1], log)
    return url


def wait_for(answers, process, log):
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return answers()
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                sys.exit(f"error: {process.args[0]} does not answer\n{log.read_text()[-3000:]}")
            time.sleep(0.05)


def make_feature(url):
    def post(path, body):
        request = urllib.request.Request(f"{url}/api/admin/projects/default/features{path}", json.dumps(body).encode())
        request.add_header("Authorization", TOKEN)
        request.add_header("Content-Type", "application/json")
        urllib.request.urlopen(request).close()

    post("", {"name": FEATURE, "type": "release"})
    for environment in ("development", "production"):
        parameters = {"rollout": "5", "stickiness": "default", "groupId": FEATURE}
        strategy = {"name": "flexibleRollout", "parameters": parameters}
        post(f"/{FEATURE}/environments/{environment}/strategies", strategy)
        post(f"/{FEATURE}/environments/{environment}/on", {})


def stop(processes):
    for process in reversed(processes):
        # PostgreSQL's fast shutdown, and what Unleash ends by.
        process.send_signal(signal.SIGINT if "postgres" in str(process.args[0]) else signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def main():
    prepared, processes = Path(sys.argv[1]).resolve(), []
    folder = Path(tempfile.mkdtemp(prefix="mlgate-unleash-"))
    try:
        database = start_postgres(prepared / "postgres", folder, processes)
        url = start_unleash(prepared, folder, database, processes)
        make_feature(url)
        print(json.dumps({"url": url, "feature": FEATURE, "token": TOKEN, "client_token": CLIENT_TOKEN}), flush=True)
        sys.stdin.buffer.read()
    finally:
        stop(processes)
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
