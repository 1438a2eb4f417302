# SPDX-License-Identifier: MIT
"""Programs of a benchmark: pinned to a core, logging to files, never left behind."""
import ctypes
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PR_SET_PDEATHSIG = 1
libc = ctypes.CDLL(None, use_errno=True)


class Failure(Exception):
    """The benchmark cannot go on; the text says why."""


def wait_until(condition, what, limit=20.0):
    end = time.monotonic() + limit
    while not condition():
        if time.monotonic() > end:
            raise Failure(f"waited {limit:.0f} s for {what}")
        time.sleep(0.02)


def free_port():
    """Below the ephemeral ports, of which the load generator uses up thousands."""
    while True:
        port = random.randrange(10000, 32000)
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def pin(core):
    """For a child before its program starts: on this core, before others' work where we may, and
    not longer than we live."""
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    os.sched_setaffinity(0, {core})
    try:
        os.nice(-10)
    except PermissionError:
        pass


def http_status(url):
    """0: nobody answers."""
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return answer.status
    except urllib.error.HTTPError as e:
        return e.code
    except (urllib.error.URLError, OSError):
        return 0


def http_ok(url):
    return http_status(url) == 200


def metrics(port):
    """The values of a Prometheus page by name and, as they stand there, labels."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as page:
        rows = (line.rsplit(" ", 1) for line in page.read().decode().splitlines()
                if not line.startswith("#"))
        return {row[0]: float(row[1]) for row in rows if len(row) == 2}


def redis_info(port):
    """What Redis says of itself: name -> text."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as s, s.makefile("rb") as f:
        s.sendall(b"INFO\r\n")
        text = f.read(int(f.readline()[1:]))
    rows = (line.partition(":") for line in text.decode().splitlines())
    return {name: value for name, _, value in rows}


def port_open(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


class Workplace:
    """One directory for logs, settings and certificates; what was started in it; the two cores."""

    def __init__(self, build, cores, keep=None, wrap=()):
        self.build = Path(build)
        self.wrap = list(wrap)  # a profiler, before the command of the system under test
        self.cores = cores  # (of the system under test, of everything else)
        self.keep = keep
        self.path = Path(keep) if keep else Path(tempfile.mkdtemp(prefix="broadcaster-bench-"))
        self.path.mkdir(parents=True, exist_ok=True)
        self.running = []
        self.loads = []
        self.count = 0

    def program(self, name):
        found = sorted(self.build.glob(f"*/{name}"))
        if not found:
            raise Failure(f"no {name} in {self.build}")
        return str(found[0])

    def certificates(self):
        """The directory with ca.pem, server.pem, client.pem and their .key files."""
        where = self.path / "certificates"
        subprocess.run([ROOT / "tools/certificates", where], check=True)
        return where

    def start(self, name, argv, measured=False, env=None):
        """`measured` is the system under test: it has a core of its own."""
        core = self.cores[0] if measured else self.cores[1]

        argv = [*self.wrap, *argv] if measured else argv
        self.count += 1
        log = self.path / f"{self.count:03d}-{name}.log"
        environment = {k: v for k, v in os.environ.items()
                       if not k.startswith(("REDIS_", "BROADCASTER_"))}
        with open(log, "wb") as out:
            process = subprocess.Popen([str(a) for a in argv], stdin=subprocess.DEVNULL,
                                       stdout=out, stderr=out, cwd=self.path,
                                       env={**environment, **(env or {})},
                                       preexec_fn=lambda: pin(core))
        process.log = log
        process.name = name
        self.running.append(process)
        return process

    def wait_for(self, process, condition, limit=60.0):
        def is_there():
            if process.poll() is not None:
                raise Failure(f"{process.name} ended: {process.log.read_text()[-2000:]}")
            return condition()
        wait_until(is_there, process.name, limit)

    def stop_loads(self):
        """Those that a failure left behind."""
        for load in self.loads:
            load.stop()
            load.process.wait(10)
        self.loads = []

    def stop(self, processes):
        for process in reversed(processes):
            if process.poll() is None:
                process.terminate()
                try:
                    process.wait(10)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait(10)
            if process in self.running:
                self.running.remove(process)

    def close(self):
        self.stop_loads()
        self.stop(list(self.running))
        if not self.keep:
            shutil.rmtree(self.path, ignore_errors=True)
