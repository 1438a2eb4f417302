# SPDX-License-Identifier: MIT
"""What `cmake --install` puts on a machine: units that systemd accepts, and samples that work."""
import configparser
import json
import os
import re
import socket
import subprocess

import pytest
from support.process import BUILD, Process, free_port, wait_until
from support.redis_server import RedisServer

from conftest import DEPLOY

PUBLISHER, GATEWAY = "broadcaster-publisher.service", "broadcaster-gateway@.service"


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """The root of a machine that has nothing but the Broadcaster (and the units it waits for)."""
    root = tmp_path_factory.mktemp("root")
    done = subprocess.run(["cmake", "--install", BUILD], capture_output=True, text=True,
                          env={**os.environ, "DESTDIR": str(root)}, timeout=60)
    assert done.returncode == 0, done.stderr
    return root


@pytest.fixture(scope="module")
def prefix(root):
    cache = (BUILD / "CMakeCache.txt").read_text()
    return root / re.search(r"(?m)^CMAKE_INSTALL_PREFIX:PATH=/(.*)$", cache).group(1)


def unit(prefix, name):
    parser = configparser.RawConfigParser(strict=False)
    parser.optionxform = str
    parser.read(prefix / "lib/systemd/system" / name)
    return parser


@pytest.mark.parametrize("name", [PUBLISHER, "broadcaster-gateway@3.service", "broadcaster.target"])
def test_systemd_accepts_the_unit(prefix, tmp_path, name):
    """Verified as on the machine itself; only the programs' place is the test's."""
    for path in (prefix / "lib/systemd/system").iterdir():
        (tmp_path / path.name).write_text(
            re.sub(r"(?m)^(ExecStart(?:Pre)?=)\S*/bin/", rf"\1{prefix}/bin/", path.read_text()))
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", name],
                          cwd=tmp_path, capture_output=True, text=True, timeout=60,
                          env={**os.environ, "SYSTEMD_UNIT_PATH": f"{tmp_path}:"})
    assert done.returncode == 0, done.stderr
    ours = [line for line in done.stderr.splitlines() if "broadcaster" in line]
    assert not ours, ours


def test_systemd_would_refuse_a_wrong_unit(tmp_path):
    """The test above can fail."""
    (tmp_path / "wrong.service").write_text("[Service]\nExecStart=/nowhere/at-all\n")
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", "--recursive-errors=no",
                           "wrong.service"], cwd=tmp_path, capture_output=True, text=True,
                          env={**os.environ, "SYSTEMD_UNIT_PATH": f"{tmp_path}:"})
    assert done.returncode != 0


@pytest.mark.parametrize("name", [PUBLISHER, GATEWAY])
def test_units_are_exposed_as_little_as_a_server_can_be(prefix, name):
    """systemd's own judgement, from 0.0 (nothing allowed) to 10.0; the network alone is 0.8."""
    done = subprocess.run(["systemd-analyze", "security", "--offline=true", "--threshold=15",
                           prefix / "lib/systemd/system" / name], capture_output=True, text=True,
                          timeout=60)
    assert done.returncode == 0, done.stdout[-300:]


def test_gateways_of_the_template_differ_in_what_they_must(prefix):
    """Two instances share EventsPort; everything else that they open is their own."""
    settings = []
    for number in ("0", "1"):
        arguments = unit(prefix, GATEWAY)["Service"]["ExecStart"].replace("%i", number).split()
        done = subprocess.run(
            [prefix / "bin" / os.path.basename(arguments[0]), *arguments[1:], "--config",
             str(prefix / "share/broadcaster/config.sample.json"), "--dump-config"],
            capture_output=True, text=True, timeout=20, check=True)
        settings.append(json.loads(done.stdout))
    first, second = settings
    assert (first["Metrics"].pop("Port"), second["Metrics"].pop("Port")) == (6070, 6071)
    assert first == second


def test_units_start_what_is_installed(root, prefix):
    for name in (PUBLISHER, GATEWAY):
        program = unit(prefix, name)["Service"]["ExecStart"].split()[0]
        assert os.access(f"{root}{program}", os.X_OK)


def test_stop_takes_longer_than_the_drain(prefix, check_config):
    effective = check_config("gateway", prefix / "share/broadcaster/config.sample.json")
    stop = int(unit(prefix, GATEWAY)["Service"]["TimeoutStopSec"])
    assert stop > float(effective["Broadcaster"]["DrainSeconds"]) + 3


def test_sample_configuration_is_understood(prefix, check_config):
    for kind in ("publisher", "gateway"):
        effective = check_config(kind, prefix / "share/broadcaster/config.sample.json")
        assert effective["Metrics"]["Bind"] == "127.0.0.1"


@pytest.mark.parametrize("name", [PUBLISHER, GATEWAY])
def test_units_never_give_up(prefix, name):
    """With the default, five quick failures leave a unit dead after the cause is mended."""
    parser = unit(prefix, name)
    assert parser["Unit"]["StartLimitIntervalSec"] == "0"
    assert parser["Service"]["Restart"] == "always"


def test_users_are_made_below_a_folder_that_others_may_pass(prefix, tmp_path):
    folder = tmp_path / "etc/omegaup/broadcaster-redis"
    subprocess.run([prefix / "share/broadcaster/redis/make-users", folder], check=True,
                   preexec_fn=lambda: os.umask(0o077))
    assert (tmp_path / "etc/omegaup").stat().st_mode & 0o777 == 0o755
    assert folder.stat().st_mode & 0o777 == 0o700
    assert (folder / "publisher.password").stat().st_mode & 0o777 == 0o600


def test_tools_of_an_operator_are_installed(prefix):
    for name in ("bin/broadcaster-watch", "share/broadcaster/certificates"):
        done = subprocess.run([prefix / name, "--help"], capture_output=True, text=True, timeout=20)
        assert "usage" in (done.stdout + done.stderr).lower() or "DIR" in done.stderr


def test_samples_name_no_host_of_anybody():
    """Nobody's server is asked by a stack that was not configured."""
    for path in [DEPLOY / "config.sample.json", *(DEPLOY / "k8s").rglob("*.json"),
                 *(DEPLOY / "k8s").rglob("*.yaml"), DEPLOY / "compose/config.json"]:
        assert "omegaup.com" not in path.read_text(), path


def test_samples_are_there(prefix):
    share = prefix / "share/broadcaster"
    for name in ("nginx.conf", "nginx/gateways.conf", "redis/redis.conf", "redis/users.acl",
                 "redis/make-users", "prometheus/rules.yaml", "grafana/broadcaster.json"):
        assert (share / name).is_file(), name
    assert (prefix / "lib/sysusers.d/broadcaster.conf").is_file()


@pytest.mark.parametrize("name", [PUBLISHER, GATEWAY])
def test_installed_command_line_notifies_and_reloads(prefix, tmp_path, certificates, name):
    """The very ExecStart, with ports of the test: READY, RELOADING and READY, STOPPING."""
    redis = RedisServer(tmp_path).start()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.bind(str(tmp_path / "notify"))
        notify.settimeout(10)
        section = unit(prefix, name)["Service"]
        arguments = section["ExecStart"].replace("%i", "3").split()
        process = Process("unit", [
            str(prefix / "bin" / os.path.basename(arguments[0])), *arguments[1:],
            "--config", str(prefix / "share/broadcaster/config.sample.json"),
            "--set", "Broadcaster.FrontendURL=http://127.0.0.1:9",
            "--set", f"Broadcaster.Port={free_port()}",
            "--set", f"Broadcaster.EventsPort={free_port()}",
            "--set", f"Metrics.Port={free_port()}", "--set", f"Metrics.PublisherPort={free_port()}",
            "--set", f"Broadcaster.TLS.CertFile={certificates.path('server.pem')}",
            "--set", f"Broadcaster.TLS.KeyFile={certificates.path('server.key')}",
            "--set", f"Broadcaster.TLS.ClientCAFile={certificates.path('ca.pem')}",
            "--bind", "127.0.0.1"], tmp_path,
            {"NOTIFY_SOCKET": str(tmp_path / "notify"), "REDIS_URL": redis.url})
        try:
            assert notify.recv(4096).startswith(b"READY=1")
            assert section["ExecReload"] == "/bin/kill -HUP $MAINPID"
            process.signal(1)
            assert notify.recv(4096).startswith(b"RELOADING=1")
            assert notify.recv(4096).startswith(b"READY=1")
            process.signal(15)
            assert notify.recv(4096).startswith(b"STOPPING=1")
            assert process.wait() == 0
        finally:
            process.kill()
            redis.kill()


def test_health_program_tells_alive_from_dead(prefix, make_stack):
    stack = make_stack()
    urls = [f"https://127.0.0.1:{stack.publisher.port}/health",
            f"http://127.0.0.1:{stack.gateway.port}/health"]

    def status(*arguments):
        return subprocess.run([prefix / "bin/broadcaster-health", *arguments],
                              capture_output=True, timeout=10).returncode

    assert status(*urls) == 0
    assert status(urls[0].replace("/health", "/nothing")) == 1
    assert status(urls[1], f"http://127.0.0.1:{free_port()}/health") == 1
    assert status("localhost") == 1
    assert status() == 2
    stack.gateway.process.signal(19)  # SIGSTOP: the port takes connections, nobody answers
    try:
        wait_until(lambda: status(urls[1]) != 0, 10, "the frozen gateway to be found")
    finally:
        stack.gateway.process.signal(18)
