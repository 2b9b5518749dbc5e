"""One run of a program: wall time, processor time, and the peak anonymous memory of its process tree."""

import os
import signal
import subprocess
import tempfile
import threading
import time
from dataclasses import dataclass

INTERVAL = 0.005  # seconds between two looks at the memory
FAMILY_EVERY = 20  # looks between two searches for new child processes


@dataclass
class Run:
    seconds: float
    cpu_seconds: float
    anonymous_bytes: int
    exit_code: int
    output: str  # standard output and error as they came

    def said(self, word):
        """What follows `word` on the last line that starts with it, or None."""
        lines = [line for line in self.output.splitlines() if line.startswith(word + " ")]
        return lines[-1].removeprefix(word).strip() if lines else None


def measure(command, *, env, cwd, timeout):
    with tempfile.TemporaryFile() as output:
        start = time.perf_counter()
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=env, cwd=cwd, start_new_session=True
        )
        watch = Watch(process.pid, start + timeout)
        watch.start()
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        watch.ended.set()
        watch.join()
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        text = output.read().decode(errors="replace")
    return Run(seconds, usage.ru_utime + usage.ru_stime, watch.peak, process.returncode, text)


class Watch(threading.Thread):
    """Samples the memory of a process and its descendants until it ends; kills them past the deadline."""

    def __init__(self, pid, deadline):
        super().__init__(daemon=True)
        self.pid = pid
        self.deadline = deadline
        self.ended = threading.Event()
        self.peak = 0

    def run(self):
        look = 0
        pids = [self.pid]
        while True:
            if look % FAMILY_EVERY == 0:
                pids = family(self.pid)
            look += 1
            self.peak = max(self.peak, sum(anonymous_bytes(pid) for pid in pids))
            if self.ended.wait(INTERVAL):
                return
            if time.perf_counter() > self.deadline:
                os.killpg(self.pid, signal.SIGKILL)
                return


def family(pid):
    pids = [pid]
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/children") as children:
                for child in children.read().split():
                    pids += family(int(child))
    except OSError:
        pass  # ended meanwhile
    return pids


def anonymous_bytes(pid):
    """`RssAnon`: memory-mapped files are the kernel's to drop and do not count."""
    try:
        with open(f"/proc/{pid}/status") as status:
            return next((int(line.split()[1]) * 1024 for line in status if line.startswith("RssAnon")), 0)
    except OSError:
        return 0
