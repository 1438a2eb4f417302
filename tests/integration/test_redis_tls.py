# SPDX-License-Identifier: MIT
"""Redis as it is configured in the field: TLS, and a certificate asked of its clients."""
import json
import signal
import subprocess

import pytest
from support import events, users
from support.certificates import Certificates
from support.process import free_port, program, wait_until
from support.redis_server import RedisServer
from support.stack import Stack


class TlsRedis(RedisServer):
    """Plain for the test, TLS with tls-auth-clients (the default) for the programs."""

    def __init__(self, directory):
        super().__init__(directory)
        self.tls_port = free_port()

    @property
    def url(self):
        return f"rediss://127.0.0.1:{self.tls_port}"

    def use(self, certificates):
        self.options = ["--tls-port", str(self.tls_port),
                        "--tls-cert-file", certificates.path("server.pem"),
                        "--tls-key-file", certificates.path("server.key"),
                        "--tls-ca-cert-file", certificates.path("ca.pem")]
        return self


@pytest.fixture
def tls_redis(tmp_path, certificates):
    server = TlsRedis(tmp_path).use(certificates)
    yield server.start()
    server.kill()


def tls_settings(certificates, **more):
    return {"CAFile": certificates.path("ca.pem"), "CertFile": certificates.path("client.pem"),
            "KeyFile": certificates.path("client.key"), **more}


@pytest.fixture
def stack(tmp_path, certificates, tls_redis):
    stack = Stack(tmp_path / "stack", certificates, redis_server=tls_redis,
                  settings={"Redis": {"TLS": tls_settings(certificates)}})
    stack.write_users(users.users_file())
    yield stack
    stack.stop()


def test_an_event_travels_over_tls_with_client_certificates(stack):
    for service in stack.services:
        service.start()
    place = stack.place()
    client = stack.ws("ana").subscribed(place.contest_channel)
    stack.post(events.contest_update(place))
    assert client.recv()["type"] == "contest_update"


def test_without_a_certificate_redis_refuses_us_and_the_log_says_tls(stack):
    stack.gateways = []
    del stack.publisher.settings["Redis"]["TLS"]["CertFile"]
    del stack.publisher.settings["Redis"]["TLS"]["KeyFile"]
    publisher = stack.publisher.start(ready=False)
    wait_until(lambda: "certificate required" in publisher.process.log(), what="the refusal")
    assert publisher.answers() == 503


def test_reload_takes_new_certificates(stack, tls_redis, tmp_path):
    for service in stack.services:
        service.start()
    others = Certificates(tmp_path / "others")
    tls_redis.kill()
    tls_redis.use(others).start()
    for service in stack.services:
        wait_until(lambda: "TLS certificate of 127.0.0.1" in service.process.log(),
                   what="certificates of an unknown authority to be refused")
        service.settings["Redis"]["TLS"] = tls_settings(others)
        service.write_config()
        service.process.signal(signal.SIGHUP)
    for service in stack.services:
        service.wait_ready()
    stack.post(events.contest_update(stack.place()))


def test_files_that_cannot_be_used_are_told_by_check_config_and_refuse_a_reload(stack):
    stack.gateways = []
    publisher = stack.publisher.start()
    publisher.settings["Redis"]["TLS"]["CAFile"] = "/nowhere/ca.pem"
    publisher.write_config()
    done = subprocess.run([program("publisher"), "--config", str(publisher.config_path),
                           "--check-config"], capture_output=True, text=True, timeout=20)
    assert done.returncode == 1
    assert "Redis.TLS: cannot use CA file /nowhere/ca.pem" in done.stdout + done.stderr
    publisher.process.signal(signal.SIGHUP)
    refused = 'broadcaster_reloads_total{result="refused"}'
    wait_until(lambda: publisher.metrics()[refused] == 1, what="the reload to be refused")
    effective = json.loads(publisher.get("/debug/config").body)
    assert effective["Redis"]["TLS"]["CAFile"] != "/nowhere/ca.pem"
    stack.post(events.contest_update(stack.place()))


def test_password_of_a_sentinel_is_never_shown(stack):
    stack.gateways = []
    stack.publisher.settings["Redis"]["Sentinel"] = {"Password": "sesame"}
    stack.publisher.write_config()
    done = subprocess.run([program("publisher"), "--config", str(stack.publisher.config_path),
                           "--dump-config"], capture_output=True, text=True, timeout=20, check=True)
    assert "sesame" not in done.stdout


def test_check_config_online_says_how_tls_goes(stack, certificates):
    gateway = stack.gateway

    def said(expected):
        gateway.write_config()
        done = subprocess.run([program("gateway"), "--config", str(gateway.config_path),
                               "--check-config=online"], capture_output=True, text=True, timeout=30)
        assert done.returncode == expected, done.stderr
        return done.stderr
    assert "good: Redis.URL: connected with TLS, its certificate holds" in said(0)
    gateway.settings["Redis"]["TLS"]["CAFile"] = certificates.path("stranger-ca.pem")
    assert "bad: Redis.URL: no connection: " in said(1)
