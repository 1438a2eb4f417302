# SPDX-License-Identifier: MIT
"""omegaUp's own files and command line start both processes, as they are."""
import http.client
import json
import os
import signal
import socket
import subprocess
import threading
import time

import pytest
from support.http_client import get_plain
from support.process import BUILD, LIMIT, Process, free_port, wait_until
from support.redis_server import RedisServer
from support.ws_client import WebSocket

TRACING = {"File": "/var/log/omegaup/broadcaster.tracing.json"}
FRONTEND = {"FrontendURL": "http://frontend:8001", "ScoreboardUpdateSecret": "secret"}


def launcher():
    return str(BUILD / "bin" / "omegaup-broadcaster")


@pytest.fixture(scope="module")
def redis(tmp_path_factory):
    server = RedisServer(tmp_path_factory.mktemp("redis")).start()
    yield server
    server.kill()


class Both:
    """The parent and its two children on free ports."""

    def __init__(self, directory, redis, config, *arguments):
        self.directory, self.redis, self.arguments = directory, redis, arguments
        self.config_path = directory / "config.json"
        self.config_path.write_text(json.dumps(config))
        self.port, self.events_port = free_port(), free_port()
        self.gateway_port, self.publisher_port = free_port(), free_port()
        self.run()

    def run(self):
        self.process = Process(
            "omegaup-broadcaster",
            [launcher(), "-config", str(self.config_path), *self.arguments,
             "--set", f"Metrics.Port={self.gateway_port}",
             "--set", f"Metrics.PublisherPort={self.publisher_port}"],
            self.directory,
            {"REDIS_URL": self.redis.url, "BROADCASTER_PORT": str(self.port),
             "BROADCASTER_EVENTS_PORT": str(self.events_port)})

    def wait_ready(self):
        for port in (self.gateway_port, self.publisher_port):
            wait_until(lambda port=port: self.status(port) == 200, what=f"/ready on {port}")
        return self

    def status(self, port):
        assert self.process.is_running(), self.process.tail()
        try:
            return get_plain(port, "/ready").status
        except OSError:
            return None

    def post(self, number):
        """As the grader does, through a connection of its own; the status, None for no answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=LIMIT)
        body = json.dumps({"contest": "open", "public": True, "message": json.dumps({"n": number})})
        try:
            connection.request("POST", "/broadcast/", body, {"Content-Type": "application/json"})
            return connection.getresponse().status
        except (OSError, http.client.HTTPException):
            return None
        finally:
            connection.close()

    def children(self):
        path = f"/proc/{self.process.pid}/task/{self.process.pid}/children"
        with open(path) as f:
            pids = [int(pid) for pid in f.read().split()]
        return {name: pid for pid in pids if (name := self.name_of(pid))}

    @staticmethod
    def name_of(pid):
        try:
            return os.path.basename(os.readlink(f"/proc/{pid}/exe")).removeprefix("broadcaster-")
        except FileNotFoundError:
            return None  # it has just ended


@pytest.fixture
def public(tmp_path):
    """A configuration with a contest that everybody may see, and no frontend."""
    users = tmp_path / "users.json"
    users.write_text('{"tokens": {}, "public": {"contests": ["open"]}}')

    def config(**broadcaster):
        return {"Auth": {"File": str(users)}, "Broadcaster": broadcaster}

    return config


@pytest.fixture
def start(tmp_path, redis):
    started = []

    def start_it(config, *arguments):
        started.append(Both(tmp_path, redis, config, *arguments))
        return started[-1]

    yield start_it
    for both in started:
        both.process.kill()


def is_gone(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    with open(f"/proc/{pid}/stat") as f:  # it may wait for somebody to ask for its status
        return f.read().rsplit(")", 1)[1].split()[0] == "Z"


# --- the three files ----------------------------------------------------------------------------

def test_file_of_the_development_container(start):
    both = start({"Logging": {"File": ""}, "Broadcaster": FRONTEND, "Tracing": TRACING},
                 "-insecure").wait_ready()
    both.process.stop()
    log = both.process.log()
    assert "ready role=gateway" in log and "ready role=publisher" in log
    assert "warning: " not in log and "unknown" not in log


def test_file_with_stderr(start):
    both = start({"Logging": {"File": "stderr"}, "Broadcaster": FRONTEND, "Tracing": TRACING},
                 "--insecure").wait_ready()
    both.process.stop()
    assert "ready role=gateway" in both.process.log()


def test_file_with_a_log_path_and_tls_files(start, tmp_path, certificates):
    log = tmp_path / "broadcaster.log"
    both = start({"Logging": {"File": str(log)}, "Tracing": TRACING,
                  "Broadcaster": {**FRONTEND,
                                  "TLS": {"CertFile": certificates.path("server.pem"),
                                          "KeyFile": certificates.path("server.key")}}})
    both.wait_ready()
    both.process.stop()
    text = log.read_text()
    assert "ready role=gateway" in text and "ready role=publisher" in text


# --- the command line ---------------------------------------------------------------------------

@pytest.mark.parametrize("flag", ["-version", "--version"])
def test_version(flag):
    done = subprocess.run([launcher(), flag], capture_output=True, text=True, timeout=LIMIT)
    assert done.returncode == 0
    assert done.stdout.startswith("omegaup-broadcaster ")


def test_unknown_option_starts_nothing():
    done = subprocess.run([launcher(), "-nonsense"], capture_output=True, text=True, timeout=LIMIT)
    assert done.returncode == 1
    assert "-nonsense" in done.stderr


def test_missing_file_ends_both_with_a_failure(tmp_path):
    done = subprocess.run([launcher(), "-insecure", "-config", str(tmp_path / "none.json")],
                          capture_output=True, text=True, timeout=LIMIT)
    assert done.returncode == 1
    assert "none.json" in done.stderr


# --- the parent ---------------------------------------------------------------------------------

CONFIG = {"Broadcaster": {**FRONTEND, "DrainSeconds": 0}}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_ends_all_three(start, number):
    both = start(CONFIG, "-insecure").wait_ready()
    children = both.children()
    assert set(children) == {"publisher", "gateway"}
    both.process.signal(number)
    assert both.process.wait() == 0
    assert all(is_gone(pid) for pid in children.values())


@pytest.mark.parametrize("killed", ["publisher", "gateway"])
def test_child_that_died_is_started_again(start, killed):
    both = start(CONFIG, "-insecure").wait_ready()
    before = both.children()
    os.kill(before[killed], signal.SIGKILL)
    wait_until(lambda: both.children().get(killed, before[killed]) != before[killed],
               what="another one")
    both.wait_ready()
    after = both.children()
    assert {kind for kind in after if after[kind] != before[kind]} == {killed}
    assert f"broadcaster-{killed} ended with status 137" in both.process.log()
    both.process.stop()  # an earlier death is no failure of its own


@pytest.mark.parametrize("killed,other", [("publisher", "gateway"), ("gateway", "publisher")])
def test_third_death_within_ten_seconds_ends_it_with_that_status(start, killed, other):
    both = start(CONFIG, "-insecure").wait_ready()
    spared = both.children()[other]
    last = None
    for _ in range(3):
        last = wait_until(lambda: (pid := both.children().get(killed)) != last and pid,
                          what=killed)
        os.kill(last, signal.SIGKILL)
    assert both.process.wait() == 128 + signal.SIGKILL
    assert is_gone(spared)


def test_gateway_ends_before_the_publisher(start, public):
    """While the gateway drains, the publisher takes events and the browser gets them. Told a second
    time, it drains no more."""
    both = start(public(DrainSeconds=3600), "-insecure").wait_ready()
    children = both.children()
    client = WebSocket(both.events_port).subscribed("/contest/open")
    both.process.signal(signal.SIGTERM)
    wait_until(lambda: both.status(both.gateway_port) == 503, what="the drain")
    assert both.status(both.publisher_port) == 200
    assert both.post(7) == 200
    client.recv_until(lambda message: message.get("data") == {"n": 7})
    both.process.signal(signal.SIGTERM)
    assert both.process.wait() == 0
    client.wait_closed()
    lines = [line for line in both.process.log().splitlines() if " ended with status 0" in line]
    assert ["gateway" in lines[0], "publisher" in lines[1]] == [True, True]
    assert all(is_gone(pid) for pid in children.values())


@pytest.mark.parametrize("given,effective", [({}, "2"), ({"DrainSeconds": 20}, None)])
def test_drain_is_short_unless_it_is_set(start, given, effective):
    both = start({"Broadcaster": {**FRONTEND, **given}}, "-insecure").wait_ready()
    for pid in both.children().values():
        with open(f"/proc/{pid}/cmdline") as f:
            arguments = f.read().split("\0")
        found = [a.partition("=")[2] for a in arguments if a.startswith("Broadcaster.DrainSeconds=")]
        assert found == ([effective] if effective else [])
    both.process.kill()


def test_systemd_is_told_when_both_are_ready(start, tmp_path, monkeypatch):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.bind(str(tmp_path / "notify"))
        notify.settimeout(LIMIT)
        notify.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        both = start(CONFIG, "-insecure")

        def heard():
            text, ancillary, _, _ = notify.recvmsg(4096, socket.CMSG_SPACE(12))
            [(_, _, data)] = ancillary
            assert int.from_bytes(data[:4], "little") == both.process.pid, "not the main process"
            return text.decode().split("\n")[0]

        assert heard() == "READY=1"
        assert both.status(both.gateway_port) and both.status(both.publisher_port)
        both.process.signal(signal.SIGHUP)
        assert [heard(), heard()] == ["RELOADING=1", "READY=1"]
        both.process.signal(signal.SIGTERM)
        assert heard() == "STOPPING=1"
        assert both.process.wait() == 0


class Grader(threading.Thread):
    """Posts an event every 50 ms, each through a connection of its own, and never twice."""

    def __init__(self, both, count):
        super().__init__()
        self.both, self.count, self.taken, self.failed = both, count, [], []
        self.start()

    def run(self):
        for n in range(self.count):
            begun = time.monotonic()
            (self.taken if self.both.post(n) == 200 else self.failed).append(n)
            time.sleep(max(0, begun + 0.05 - time.monotonic()))


class Browser(threading.Thread):
    """A page that comes back with its position."""

    def __init__(self, port):
        super().__init__()
        self.port, self.got, self.resets, self.is_stopped = port, [], 0, False
        self.start()

    def run(self):
        position = {}
        while not self.is_stopped:
            try:
                with WebSocket(self.port) as client:
                    client.send({"type": "subscribe", "channel": "/contest/open", **position})
                    while not self.is_stopped:
                        message = json.loads(client.recv_text())
                        self.resets += message["type"] == "reset"
                        if "position" in message:
                            position = {"position": message["position"]}
                        if "n" in (message.get("data") or {}):
                            self.got.append(message["data"]["n"])
            except Exception:  # closed, or nobody listens: as a page does, again a little later
                time.sleep(0.1)


def test_few_posts_fail_across_a_restart_and_browsers_get_the_others(start, public):
    """800 at this pace take 40 s. Those that fail do so between the end and the start: 200 show it."""
    both = start(public(), "-insecure").wait_ready()
    browser = Browser(both.events_port)
    grader = Grader(both, 200)
    wait_until(lambda: browser.got, what="the first event")
    both.process.stop()
    both.run()
    grader.join()
    wait_until(lambda: len(browser.got) >= len(grader.taken) - browser.got[0], what="all events")
    browser.is_stopped = True
    both.post(-1)  # it waits for a message
    browser.join()
    assert len(grader.failed) <= 60
    taken = [n for n in grader.taken if n >= browser.got[0]]
    assert [n for n in browser.got if n >= 0] == taken and browser.resets == 0


def test_killed_parent_takes_its_children_along(start):
    both = start(CONFIG, "-insecure").wait_ready()
    children = both.children()
    both.process.kill()
    wait_until(lambda: all(is_gone(pid) for pid in children.values()), what="the children's end")


def test_hangup_reloads_both_and_ends_nobody(start):
    both = start(CONFIG, "-insecure").wait_ready()
    children = both.children()
    both.process.signal(signal.SIGHUP)
    for role in ("gateway", "publisher"):
        wait_until(lambda: f"configuration reloaded role={role}" in both.process.log(),
                   what=f"the {role}'s reload")
    assert both.children() == children
    both.process.stop()
