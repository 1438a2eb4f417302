# SPDX-License-Identifier: MIT
"""omegaUp's own files and command line start both processes, as they are."""
import json
import os
import signal
import subprocess

import pytest
from support.http_client import get_plain
from support.process import BUILD, LIMIT, Process, free_port, wait_until
from support.redis_server import RedisServer

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
        self.directory = directory
        self.config_path = directory / "config.json"
        self.config_path.write_text(json.dumps(config))
        self.port, self.events_port = free_port(), free_port()
        self.gateway_port, self.publisher_port = free_port(), free_port()
        self.process = Process(
            "omegaup-broadcaster",
            [launcher(), "-config", str(self.config_path), *arguments,
             "--set", f"Metrics.Port={self.gateway_port}",
             "--set", f"Metrics.PublisherPort={self.publisher_port}"],
            directory,
            {"REDIS_URL": redis.url, "BROADCASTER_PORT": str(self.port),
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

    def children(self):
        path = f"/proc/{self.process.pid}/task/{self.process.pid}/children"
        with open(path) as f:
            pids = [int(pid) for pid in f.read().split()]
        return {self.name_of(pid): pid for pid in pids}

    @staticmethod
    def name_of(pid):
        return os.path.basename(os.readlink(f"/proc/{pid}/exe")).removeprefix("broadcaster-")


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
    assert "gateway ready" in log and "publisher started" in log
    assert "warning: " not in log and "unknown" not in log


def test_file_with_stderr(start):
    both = start({"Logging": {"File": "stderr"}, "Broadcaster": FRONTEND, "Tracing": TRACING},
                 "--insecure").wait_ready()
    both.process.stop()
    assert "gateway ready" in both.process.log()


def test_file_with_a_log_path_and_tls_files(start, tmp_path, certificates):
    log = tmp_path / "broadcaster.log"
    both = start({"Logging": {"File": str(log)}, "Tracing": TRACING,
                  "Broadcaster": {**FRONTEND,
                                  "TLS": {"CertFile": certificates.path("server.pem"),
                                          "KeyFile": certificates.path("server.key")}}})
    both.wait_ready()
    both.process.stop()
    text = log.read_text()
    assert "gateway ready" in text and "publisher started" in text


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


@pytest.mark.parametrize("killed,other", [("publisher", "gateway"), ("gateway", "publisher")])
def test_death_of_one_ends_the_other(start, killed, other):
    both = start(CONFIG, "-insecure").wait_ready()
    children = both.children()
    os.kill(children[killed], signal.SIGKILL)
    assert both.process.wait() == 128 + signal.SIGKILL
    assert is_gone(children[other])
    assert f"broadcaster-{killed} ended with status 137" in both.process.log()


def test_killed_parent_takes_its_children_along(start):
    both = start(CONFIG, "-insecure").wait_ready()
    children = both.children()
    both.process.kill()
    wait_until(lambda: all(is_gone(pid) for pid in children.values()), what="the children's end")


def test_hangup_reloads_both_and_ends_nobody(start):
    both = start(CONFIG, "-insecure").wait_ready()
    children = both.children()
    both.process.signal(signal.SIGHUP)
    wait_until(lambda: "configuration reloaded" in both.process.log(), what="the gateway's reload")
    wait_until(lambda: 'reloaded' in both.process.log().replace("configuration reloaded", ""),
               what="the publisher's reload")
    assert both.children() == children
    both.process.stop()
