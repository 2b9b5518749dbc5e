"""delays.py [--law LAW] [--stall AT:FOR] [--errors SHARE] [--wrong SHARE] [--seed N] [--port N] [--forever]

A server with known delays, to hold a load generator against: it answers MLflow's scoring requests after a time that it
drew, and knows how long each one took. models.md says how to use it. Needs nothing but Python, on Linux.

Says `listening on PORT` as soon as it answers.
"""

import argparse
import contextlib
import gc
import heapq
import json
import math
import os
import random
import select
import socket
import threading
import time
from statistics import NormalDist

# Waiting ends late by the time that the system needs to wake a process. The last part of it is spent awake.
AWAKE = 0.000_2
LARGEST_HEAD, LARGEST_BODY = 1 << 16, 1 << 26
REASONS = {
    **{200: "OK", 400: "Bad Request", 404: "Not Found", 411: "Length Required", 413: "Content Too Large"},
    **{431: "Request Header Fields Too Large", 503: "Service Unavailable"},
}
FORMS = {"dataframe_split", "dataframe_records", "instances", "inputs"}
SHARES = {"p50_ms": 0.5, "p95_ms": 0.95, "p99_ms": 0.99}


class Law:
    """What delays are drawn from, in milliseconds: `fixed:MS`, `uniform:LOW,HIGH`, `lognormal:MEDIAN,SIGMA`,
    `exponential:MEAN` or `two:FAST,SLOW,SHARE`, where a share of the requests is slow.
    """

    COUNTS = {"fixed": 1, "uniform": 2, "lognormal": 2, "exponential": 1, "two": 3}

    def __init__(self, text):
        self.text = text
        self.name, _, numbers = text.partition(":")
        self.numbers = [float(number) for number in numbers.split(",")]
        if self.COUNTS.get(self.name) != len(self.numbers) or min(self.numbers) < 0:
            raise ValueError(f"no law: {text}")

    def at(self, share):
        """The delay that this share of all delays is no longer than. A draw is that of an even share."""
        match self.name, *self.numbers:
            case "fixed", delay:
                return delay
            case "uniform", low, high:
                return low + share * (high - low)
            case "lognormal", median, sigma:
                return median * math.exp(sigma * NormalDist().inv_cdf(min(max(share, 1e-12), 1 - 1e-12)))
            case "exponential", mean:
                return -mean * math.log1p(-min(share, 1 - 1e-12))
            case "two", fast, slow, slow_share:
                return slow if share > 1 - slow_share else fast


class Plan:
    """What happens to each request, in the order of their arrival. The same seed gives the same."""

    def __init__(self, law, stall, errors, wrong, seed):
        self.law, self.stall, self.errors, self.wrong, self.seed = law, stall, errors, wrong, seed
        self.forget()

    def forget(self):
        """Begins anew, as if no request had come."""
        self.random = random.Random(self.seed)
        self.began = None
        self.drawn = []

    def answer(self, rows, arrived):
        """That of a request which arrived now. Three draws each, so that no option changes what another does."""
        delay, error, wrong = (self.random.random() for _ in range(3))
        if self.began is None:
            self.began = arrived
        due = arrived + self.law.at(delay) / 1000
        if self.stall:
            # Whatever would be answered while all is frozen is answered when it is so no more.
            starts = self.began + self.stall[0]
            ends = starts + self.stall[1]
            due = ends if starts <= due < ends else due
        self.drawn.append(due - arrived)
        if error < self.errors:
            body = {"error_code": "TEMPORARILY_UNAVAILABLE", "message": "as was asked for"}
            return Answer("error", arrived, due, 503, body)
        kind, count = ("wrong", rows + 1) if wrong < self.wrong else ("ok", rows)
        return Answer(kind, arrived, due, 200, {"predictions": [row % 2 for row in range(count)]})


class Connection:
    """One client. Its requests are answered one after the other."""

    def __init__(self, stream):
        self.stream = stream
        self.came = bytearray()
        self.arrived = None  # when the first byte of `came` did
        self.going = b""
        self.answering = None  # what is going, if it is one that is logged
        self.blocked = False  # whether the other side must read before more can go
        self.busy = False  # whether a request was taken that is not answered yet
        self.last = False  # whether to close it after that

    def next_request(self):
        """Takes the next request out of what came: method, path and body. Nothing, if it is not whole."""
        end = self.came.find(b"\r\n\r\n") + 4
        if end < 4:
            if len(self.came) > LARGEST_HEAD:
                raise Refused(431, "its head is too large")
            return None
        first, *lines = self.came[: end - 4].decode("latin-1").split("\r\n")
        headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        length = headers.get("content-length", "0")
        if len(first.split()) != 3 or not length.isdecimal():
            raise Refused(400, "it is no request")
        if "transfer-encoding" in headers:
            raise Refused(411, "it does not say its length first")
        if int(length) > LARGEST_BODY:
            raise Refused(413, "its body is too large")
        if len(self.came) < end + int(length):
            if len(self.came) == end and headers.get("expect", "").lower() == "100-continue":
                self.stream.send(b"HTTP/1.1 100 Continue\r\n\r\n")
            return None
        body = bytes(self.came[end : end + int(length)])
        del self.came[: end + int(length)]
        method, path, version = first.split()
        self.last = headers.get("connection", "").lower() == "close" or version == "HTTP/1.0"
        return method, path, body


class Refused(Exception):
    """A request that is none, whose connection ends with the answer."""


class Answer:
    """What a request is to be answered, and when."""

    def __init__(self, kind, arrived, due, status, body):
        self.kind, self.arrived, self.due, self.status, self.body = kind, arrived, due, status, body

    def __lt__(self, other):
        return self.due < other.due


class Server:
    def __init__(self, listener, plan):
        self.listener = listener
        self.plan = plan
        self.epoll = select.epoll()
        self.connections = {}
        self.due = []
        self.forget()
        listener.setblocking(False)
        self.epoll.register(listener, select.EPOLLIN)

    def forget(self):
        self.plan.forget()
        # Those that were taken before are still answered, but no longer counted.
        self.due = [(answer, connection, False) for answer, connection, _ in self.due]
        self.spent, self.late, self.ended = [], [], None
        self.counts = dict.fromkeys(["ok", "error", "wrong", "refused", "gone"], 0)
        self.opened = self.most_at_once = self.at_once = 0

    def run(self):
        while True:
            self.wait()
            for number, events in self.epoll.poll(0):
                if number == self.listener.fileno():
                    self.accept()
                elif connection := self.connections.get(number):
                    self.guarded(self.write if events & select.EPOLLOUT else self.read, connection)
            now = time.monotonic()
            while self.due and self.due[0][0].due <= now:
                answer, connection, counted = heapq.heappop(self.due)
                self.at_once -= counted
                if connection.stream.fileno() < 0:
                    self.counts["gone"] += counted
                else:
                    connection.answering = answer if counted else None
                    self.guarded(self.answer, connection, answer.status, answer.body)

    def wait(self):
        """Until something came or is due. epoll counts milliseconds; select, which can wait for it, microseconds."""
        rest = self.due[0][0].due - time.monotonic() if self.due else 60
        if rest > AWAKE:
            select.select([self.epoll.fileno()], [], [], rest - AWAKE)

    def accept(self):
        while True:
            try:
                stream, _ = self.listener.accept()
            except BlockingIOError:
                return
            stream.setblocking(False)
            stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.connections[stream.fileno()] = Connection(stream)
            self.epoll.register(stream, select.EPOLLIN)
            self.opened += 1

    def guarded(self, act, connection, *arguments):
        """Does it, and takes what can be taken after it, unless the other side goes away."""
        try:
            act(connection, *arguments)
            self.advance(connection)
        except BlockingIOError:
            pass
        except OSError:
            self.close(connection)

    def close(self, connection):
        if self.connections.pop(connection.stream.fileno(), None):
            self.epoll.unregister(connection.stream)
            connection.stream.close()

    def read(self, connection):
        now = time.monotonic()
        came = connection.stream.recv(1 << 18)
        if not came:
            return self.close(connection)
        if not connection.came:
            connection.arrived = now
        connection.came += came

    def advance(self, connection):
        while connection.came and not connection.busy and connection.stream.fileno() >= 0:
            try:
                if not (request := connection.next_request()):
                    return
                connection.busy = True
                self.take(connection, *request)
            except Refused as refused:
                connection.busy = connection.last = True
                status, why = refused.args
                self.refuse(connection, status, why)

    def refuse(self, connection, status, why):
        self.counts["refused"] += 1
        self.answer(connection, status, {"error_code": "BAD_REQUEST", "message": f"Invalid input: {why}"})

    def take(self, connection, method, path, body):
        match method, path:
            case "POST", "/invocations":
                try:
                    rows = rows_of(json.loads(body))
                except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
                    return self.refuse(connection, 400, repr(error))
                heapq.heappush(self.due, (self.plan.answer(rows, connection.arrived), connection, True))
                self.at_once += 1
                self.most_at_once = max(self.most_at_once, self.at_once)
            case "GET", "/ping" | "/health":
                self.answer(connection, 200, None)
            case "GET", "/truth":
                self.answer(connection, 200, self.truth())
            case "DELETE", "/truth":
                self.forget()
                self.answer(connection, 200, {})
            case _:
                self.answer(connection, 404, {"detail": "Not Found"})

    def answer(self, connection, status, body):
        text = b"\n" if body is None else json.dumps(body).encode()
        close = "connection: close\r\n" if connection.last else ""
        head = f"HTTP/1.1 {status} {REASONS[status]}\r\ncontent-type: application/json\r\n{close}"
        connection.going = f"{head}content-length: {len(text)}\r\n\r\n".encode() + text
        self.write(connection)

    def write(self, connection):
        while connection.going:
            try:
                connection.going = connection.going[connection.stream.send(connection.going) :]
            except BlockingIOError:
                self.epoll.modify(connection.stream, select.EPOLLOUT)
                connection.blocked = True
                raise
        if answer := connection.answering:
            now = time.monotonic()
            self.spent.append(now - answer.arrived)
            self.late.append(now - answer.due)
            self.counts[answer.kind] += 1
            self.ended = now
        connection.answering, connection.busy = None, False
        if connection.last:
            return self.close(connection)
        if connection.blocked:
            self.epoll.modify(connection.stream, select.EPOLLIN)
            connection.blocked = False

    def truth(self):
        plan = self.plan
        law = {name: round(plan.law.at(share), 6) for name, share in SHARES.items()}
        return {
            "count": len(self.spent),
            **self.counts,
            **quantiles(self.spent),
            "late": quantiles(self.late),
            "seconds": self.ended - plan.began if self.ended else 0.0,
            "connections": self.opened,
            "at_once": self.most_at_once,
            "planned": {"law": plan.law.text, "seed": plan.seed, **law, "drawn": quantiles(plan.drawn)},
        }


def rows_of(request):
    """How many rows a request of MLflow's scoring server has."""
    [(form, data)] = [(form, data) for form, data in request.items() if form in FORMS]
    if form == "dataframe_split":
        data = data["data"]
    elif isinstance(data, dict):
        data = next(iter(data.values()), None)
    if not isinstance(data, list):
        raise ValueError("no list of rows")
    return len(data)


def quantiles(seconds):
    """In milliseconds, each the smallest value that this share of all is no larger than; none of nothing."""
    ordered = sorted(seconds)
    if not ordered:
        return dict.fromkeys([*SHARES, "max_ms"])
    at = {name: ordered[max(math.ceil(share * len(ordered)), 1) - 1] for name, share in SHARES.items()}
    return {name: round(value * 1000, 6) for name, value in (at | {"max_ms": ordered[-1]}).items()}


def pair(text):
    at, _, length = text.partition(":")
    return float(at), float(length)


def end_with_input():
    while os.read(0, 1 << 16):
        pass
    os._exit(0)


def main():
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("--law", type=Law, default=Law("fixed:5"), help=Law.__doc__)
    parser.add_argument("--stall", type=pair, help="AT:FOR, seconds since the first request")
    parser.add_argument("--errors", type=float, default=0.0, help="the share that is answered 503")
    parser.add_argument("--wrong", type=float, default=0.0, help="the share with one prediction too many")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--forever", action="store_true", help="does not end with its standard input")
    arguments = parser.parse_args()
    listener = socket.create_server(("127.0.0.1", arguments.port), backlog=1024)
    if not arguments.forever:
        threading.Thread(target=end_with_input, daemon=True).start()
    plan = Plan(arguments.law, arguments.stall, arguments.errors, arguments.wrong, arguments.seed)
    server = Server(listener, plan)
    gc.disable()  # nothing here is a cycle, and a collection would be a delay that nobody drew
    # Ahead of everything else that runs here, where that is allowed: on a busy machine, answers are late by 0.2 ms at
    # p99 instead of by several.
    with contextlib.suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    print(f"listening on {listener.getsockname()[1]}", flush=True)
    server.run()


if __name__ == "__main__":
    main()
