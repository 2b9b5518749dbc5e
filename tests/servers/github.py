"""github.py [--port N] [--host ADDRESS] [--folder DIR] [--forever]: a GitHub for tests. README.md says how to use it.

Says where it is on standard output as soon as it answers, and ends when its standard input does.
"""

import argparse
import binascii
import contextlib
import json
import os
import re
import socket
import socketserver
import sys
import threading
import time
import traceback
import urllib.parse
from http.server import BaseHTTPRequestHandler
from pathlib import Path

# Nothing is left in the repository, however this was started.
sys.dont_write_bytecode = True

import chat  # noqa: E402
import github_branches  # noqa: E402, F401, they fill PLAYS
import github_compare  # noqa: E402, F401
import github_deployments  # noqa: E402, F401
import github_routes  # noqa: E402, F401
from github_contract import Contract, header_problems  # noqa: E402
from github_play import PLAYS, Answer, Call, problem, refused, unauthorised  # noqa: E402
from github_state import Fault, Repository  # noqa: E402

RECORDED = ("accept", "authorization", "content-type", "user-agent", "x-github-api-version")
NAME = r"[^/]+/[^/]+"
HTML = "text/html; charset=utf-8"


class World:
    """Every repository that there is."""

    def __init__(self):
        self.contract = Contract()
        self.lock = threading.Lock()
        self.repositories = {}

    def repository(self, name):
        with self.lock:
            return self.repositories.setdefault(name, Repository(name))

    def forget(self, name):
        with self.lock:
            self.repositories.pop(name, None)

    def numbered(self, path):
        """The path of a repository by its name, where GitHub's links to other pages have its number."""
        match = re.match(r"/repositories/(\d+)/", path)
        for repository in list(self.repositories.values()) if match else []:
            if repository.number == int(match[1]):
                return path.replace(match[0], f"/repos/{repository.name}/", 1)
        return path

    def about(self, call):
        """The repository that a call is about; for a query of GraphQL the one that knows its token, or the only one."""
        match = re.match(rf"/(?:repos|_hook|_blob)/({NAME})(?:/|$)", call.path)
        if match:
            return self.repository(match[1])
        there = list(self.repositories.values())
        knowing = [repository for repository in there if call.token in repository.tokens]
        named = knowing or [repository for repository in there if repository.name != "-/-"]
        return named[0] if len(named) == 1 else self.repository("-/-")

    def answer(self, repository, call):
        """What GitHub would answer; whatever the call or the answer did wrong is noted."""
        if call.path.startswith("/_blob/"):
            return blob(repository, call)
        if call.path.startswith("/_hook/"):
            return hook(repository, call)
        if call.path == "/graphql":
            return graphql(repository, call)
        operation, call.parameters = self.contract.find(call.method, call.path)
        if operation is None:
            note(repository, call, "it is not described")
            return Answer(
                404, {"message": "Not Found", "documentation_url": "https://docs.github.com/rest", "status": "404"}
            )
        call.operation = operation
        for wrong in self.contract.request_problems(operation, call):
            note(repository, call, wrong)
        answer = self.operate(repository, call, PLAYS[operation.name])
        for wrong in self.contract.answer_problems(operation, answer):
            note(repository, call, wrong)
        return answer

    def operate(self, repository, call, play):
        described = {one["name"] for one in map(self.contract.resolved, call.operation.described["parameters"])}
        for name in call.query:
            if name in described - set(play.heeded):
                where = f"{play.act.__module__}.py"
                note(repository, call, f"query parameter `{name}` is described, but {where} does not heed it")
        if answer := unauthorised(repository, call, play):
            return answer
        if call.raw and call.body is None:
            return problem(call, 400, "Problems parsing JSON")
        if reason := self.contract.refusal(call.operation, call.body):
            return refused(call, reason)
        answer = play.act(repository, call)
        response = self.contract.resolved(call.operation.described["responses"].get(str(answer.status), {}))
        listed = response.get("content", {}).get(answer.media_type.split(";")[0])
        if listed:
            answer.body = self.contract.completed(listed["schema"], answer.body)
        return answer


def note(repository, call, wrong):
    repository.violations.append(f"{call.method} {call.path}: {wrong}")


def blob(repository, call):
    if "authorization" in call.headers:
        note(repository, call, "credentials sent across a redirect")
    identity = call.path.rpartition("/")[2]
    artifact = repository.artifacts.get(int(identity)) if identity.isdecimal() else None
    if call.method != "GET" or artifact is None:
        return Answer(404, "BlobNotFound", media_type="text/plain")
    return Answer(200, artifact["zip"], media_type="application/zip")


def hook(repository, call):
    """A webhook as Slack's and Teams': its address is the secret, and its answers are words."""
    if "authorization" in call.headers:
        note(repository, call, "credentials sent to a webhook")
    if call.method != "POST" or not isinstance(call.body, dict):
        note(repository, call, "a webhook takes an object of JSON by POST")
        return Answer(400, "invalid_payload", media_type=HTML)
    wrong = chat.problems(call.body)
    for one in wrong:
        note(repository, call, one)
    if wrong:
        return Answer(400, "invalid_payload", media_type=HTML)
    repository.hooks.append(call.body)
    return Answer(200, "ok", media_type=HTML)


def graphql(repository, call):
    """Who asks. GitHub's description is of REST alone, so the one query that is understood is written out here."""
    for wrong in header_problems(call.headers):
        note(repository, call, wrong)
    if not call.token or (repository.tokens and call.token not in repository.tokens):
        return Answer(401, {"message": "Bad credentials", "documentation_url": "https://docs.github.com/graphql"})
    body = call.body if isinstance(call.body, dict) else {}
    words = re.findall(r"\w+|[^\w\s,]", str(body.get("query")))
    if words[:1] == ["query"]:
        words = words[words.index("{") if "{" in words and words.index("{") <= 2 else 0 :]
    if call.method != "POST" or words != ["{", "viewer", "{", "login", "}", "}"]:
        note(
            repository, call, f"only `query {{ viewer {{ login }} }}` is understood, not {str(body.get('query'))[:200]}"
        )
        return Answer(200, {"errors": [{"message": "this query is not understood"}]})
    if unknown := body.keys() - {"query", "variables", "operationName"}:
        note(repository, call, f"a query has no {', '.join(sorted(unknown))}")
    login = repository.tokens.get(call.token, {}).get("login", repository.viewer)
    return Answer(200, {"data": {"viewer": {"login": login}}})


class Control:
    """What tests say and ask, under `/_control/`."""

    def __init__(self, world):
        self.world = world

    def answer(self, call):
        if (call.method, call.path) == ("GET", "/_control/violations"):
            return Answer(200, [wrong for one in list(self.world.repositories.values()) for wrong in one.violations])
        match = re.fullmatch(rf"/_control/({NAME})(/\w+)?", call.path)
        act = match and self.acts().get((call.method, match[2]))
        if not act:
            return Answer(404, {"message": f"there is no {call.method} {call.path}"})
        try:
            return Answer(200, act(match[1], call.body))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            return Answer(400, {"message": f"{type(error).__name__}: {error}"})

    def acts(self):
        return {
            ("POST", "/setup"): self.setup,
            ("POST", "/faults"): self.faults,
            ("GET", "/state"): self.state,
            ("DELETE", None): lambda name, _: self.world.forget(name),
        }

    def setup(self, name, document):
        repository = self.world.repository(name)
        with repository.lock:
            repository.setup(document)

    def faults(self, name, said):
        repository = self.world.repository(name)
        faults = [Fault(**one) for one in said]
        with repository.lock:
            repository.faults = faults

    def state(self, name, _):
        repository = self.world.repository(name)
        with repository.lock:
            return json.dumps(repository.as_json())


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # An answer leaves in one piece, and at once.
    wbufsize = -1
    disable_nagle_algorithm = True

    def respond(self):
        call = self.call()
        if call.path.startswith("/_control/"):
            self.send(Control(self.server.world).answer(call))
            return
        repository = self.server.world.about(call)
        with repository.lock:
            record = recorded(call)
            repository.requests.append(record)
            struck = [fault for fault in repository.faults if fault.strikes(call.method, self.path)]
        fault = struck[0] if struck else None
        action = fault.action if fault else None
        if action == "delay":
            time.sleep(fault.seconds)
        if action == "close_before":
            self.hang_up()
        elif action == "answer":
            record["status"] = fault.status
            self.send(Answer(fault.status, fault.body, fault.headers))
        else:
            with repository.lock:
                answer = self.play(repository, call)
                record["status"] = answer.status
            self.hang_up() if action == "close_after" else self.send(answer)

    do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = do_HEAD = do_OPTIONS = respond

    def play(self, repository, call):
        try:
            return self.server.world.answer(repository, call)
        except Exception:
            traceback.print_exc()
            note(repository, call, "tests/servers/github.py failed: " + traceback.format_exc(limit=-2))
            return Answer(500, {"message": "the server of the tests failed"})

    def call(self):
        # An enterprise server has its API below these.
        target = re.sub(r"^/api(/v3)?/(?=repos|graphql)", "/", self.path)
        address = urllib.parse.urlsplit(target)
        headers = {name.lower(): value for name, value in self.headers.items()}
        raw = self.whole_body(headers)
        try:
            body = json.loads(raw) if raw else None
        except ValueError:
            body = None
        pairs = urllib.parse.parse_qsl(address.query, keep_blank_values=True)
        origin = f"http://{headers.get('host', 'localhost')}"
        return Call(self.command, self.server.world.numbered(address.path), pairs, headers, raw, body, origin)

    def whole_body(self, headers):
        if headers.get("transfer-encoding", "").lower() != "chunked":
            return self.rfile.read(int(headers.get("content-length", 0)))
        parts = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def send(self, answer):
        body, headers = as_bytes(answer), {name.lower(): str(value) for name, value in answer.headers.items()}
        self.send_response(answer.status)
        if body:
            headers.setdefault("content-type", answer.media_type)
        if answer.status not in (204, 304):
            headers.setdefault("content-length", str(len(body)))
        headers.setdefault("x-github-request-id", f"{binascii.crc32(os.urandom(8)):08X}")
        # A fault may promise more than it keeps.
        if headers.get("content-length", str(len(body))) != str(len(body)):
            headers["connection"] = "close"
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def hang_up(self):
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def handle(self):
        try:
            super().handle()
        except OSError:
            # The other side went away.
            self.close_connection = True

    def finish(self):
        with contextlib.suppress(OSError):
            super().finish()

    def log_message(self, *_):
        pass


def recorded(call):
    headers = {name: call.headers[name] for name in RECORDED if name in call.headers}
    return {"method": call.method, "path": call.path, "query": call.query, "body": call.body, "headers": headers}


def as_bytes(answer):
    if answer.body is None:
        return b""
    if isinstance(answer.body, bytes):
        return answer.body
    if isinstance(answer.body, str):
        return answer.body.encode()
    return json.dumps(answer.body).encode()


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128


def end_with_input():
    sys.stdin.buffer.read()
    os._exit(0)


def main():
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--folder", type=Path, help="OWNER/NAME.json in it is the setup of that repository")
    parser.add_argument("--forever", action="store_true", help="does not end with its standard input")
    arguments = parser.parse_args()
    world = World()
    for setup in sorted(arguments.folder.glob("*/*.json")) if arguments.folder else []:
        world.repository(f"{setup.parent.name}/{setup.stem}").setup(json.loads(setup.read_text(encoding="utf-8")))
    server = Server((arguments.host, arguments.port), Handler)
    server.world = world
    if not arguments.forever:
        threading.Thread(target=end_with_input, daemon=True).start()
    print(f"http://{arguments.host}:{server.server_address[1]}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
