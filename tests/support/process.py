# SPDX-License-Identifier: MIT
"""Programs under test: started with a log file, ended by their own pid, never left behind."""
import ctypes
import os
import random
import re
import signal
import socket
import subprocess
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("BROADCASTER_BUILD", "build/dev"))
BUILD = BUILD if BUILD.is_absolute() else ROOT / BUILD

# Seconds after which a test gives up. Long, since a machine under tests is busy, and never what a
# test is about: all that is awaited ends the waiting when it comes.
LIMIT = 30

SANITIZER = re.compile(r"(ERROR|SUMMARY): \w+Sanitizer|runtime error:")
PR_SET_PDEATHSIG = 1
libc = ctypes.CDLL(None, use_errno=True)


def program(name):
    """The path of a program of ours in the build directory under test."""
    path = BUILD / name / f"broadcaster-{name}"
    assert path.exists(), f"{path} is missing: build it, or set BROADCASTER_BUILD"
    return str(path)


def wait_until(condition, limit=LIMIT, what="the condition", pause=0.01):
    """Polls until condition() is true and returns that value; fails after `limit` seconds."""
    end = time.monotonic() + limit
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, f"waited {limit} s for {what}"
        time.sleep(pause)


given_ports = set()


def own_ports():
    """The ports that this process of pytest may give; one that runs beside it gives others."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    each = (32000 - 10000) // workers
    return range(10000 + worker * each, 10000 + (worker + 1) * each)


def free_port():
    """A free TCP port below the ephemeral ones, which connections of other tests might take. None
    is given twice: whoever has one may not have bound it yet."""
    while True:
        port = random.choice(own_ports())
        if port in given_ports:
            continue
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
            except OSError:
                continue
        given_ports.add(port)
        return port


def die_with_parent():
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Process:
    """One running program. `stop()` asserts a clean end; `kill()` is for tests that want a corpse."""

    def __init__(self, name, argv, directory, env=None):
        self.name = name
        self.log_path = Path(directory) / f"{name}.log"
        environment = dict(os.environ)
        for variable in list(environment):
            if variable.startswith(("REDIS_", "BROADCASTER_")):
                del environment[variable]
        environment.setdefault("ASAN_OPTIONS", "detect_leaks=1:halt_on_error=1")
        environment.setdefault("UBSAN_OPTIONS", "print_stacktrace=1:halt_on_error=1")
        environment.update(env or {})
        with open(self.log_path, "ab") as log:
            self.popen = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=directory,
                env=environment, preexec_fn=die_with_parent)
        self.pid = self.popen.pid

    def log(self):
        return self.log_path.read_text(errors="replace")

    def is_running(self):
        return self.popen.poll() is None

    def signal(self, number):
        self.popen.send_signal(number)

    def wait(self, limit=LIMIT):
        """The exit status; fails when the process does not end by itself."""
        try:
            return self.popen.wait(limit)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{self.name} still runs after {limit} s:\n{self.tail()}") from None

    def tail(self, lines=40):
        return "\n".join(self.log().splitlines()[-lines:])

    def kill(self):
        if self.is_running():
            self.popen.kill()
            self.popen.wait(10)

    def stop(self, limit=LIMIT):
        """SIGTERM, then SIGKILL after the limit. Anything but a clean end is a failure."""
        if self.is_running():
            self.signal(signal.SIGCONT)  # a frozen one could not obey
            self.signal(signal.SIGTERM)
            try:
                self.popen.wait(limit)
            except subprocess.TimeoutExpired:
                self.kill()
                raise AssertionError(
                    f"{self.name} ignored SIGTERM for {limit} s:\n{self.tail()}") from None
        self.check_log()
        status = self.popen.returncode
        assert status == 0, f"{self.name} ended with status {status}:\n{self.tail()}"

    def check_log(self):
        text = self.log()
        found = SANITIZER.search(text)
        assert not found, f"sanitizer report of {self.name}:\n{text[found.start():][:6000]}"
