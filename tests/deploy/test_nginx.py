# SPDX-License-Identifier: MIT
"""nginx on the very deploy/nginx.conf in front of two gateways. Only the two files that differ from
site to site (nginx/gateways.conf, nginx/server.conf) are the test's own."""
import os
import shutil
import socket
import ssl
import subprocess

import pytest
from support import events, users
from support.http_client import Http
from support.process import Process, free_port, wait_until
from support.stack import Stack
from support.ws_client import EventStream, WebSocket

from conftest import DEPLOY

NGINX = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin")
ORIGIN = "https://localhost"


class Nginx:
    """Listens with TLS and without, as in compose.yaml."""

    def __init__(self, directory, certificates, gateways):
        self.directory = directory
        self.port, self.tls_port = free_port(), free_port()
        (directory / "nginx").mkdir(parents=True)
        shutil.copy(DEPLOY / "nginx.conf", directory)
        servers = "".join(f"server 127.0.0.1:{g.port} max_fails=1 fail_timeout=1s;\n"
                          for g in gateways)
        (directory / "nginx/gateways.conf").write_text("zone gateways 64k;\n" + servers)
        (directory / "nginx/server.conf").write_text(
            f"listen 127.0.0.1:{self.port};\nlisten 127.0.0.1:{self.tls_port} ssl;\n"
            "access_log /dev/stdout broadcaster;\n"
            f"ssl_certificate {certificates.path('server.pem')};\n"
            f"ssl_certificate_key {certificates.path('server.key')};\n")
        self.process = Process(
            "nginx", [NGINX, "-p", str(directory), "-c", str(directory / "nginx.conf"),
                      "-g", "daemon off; pid nginx.pid;"], directory)
        wait_until(self.listens, what="nginx to listen")

    def listens(self):
        assert self.process.is_running(), self.process.tail()
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", self.tls_port)) == 0


@pytest.fixture(scope="module")
def site(tmp_path_factory, certificates):
    """Two gateways that believe nginx, and nginx."""
    directory = tmp_path_factory.mktemp("site")
    os.chmod(directory, 0o755)  # nginx's workers give up root
    os.chmod(directory.parent, 0o755)
    settings = {"Broadcaster": {"TrustedProxies": ["127.0.0.1"], "AllowedOrigins": [],
                                "MaxConnectionsPerAddress": 0}}
    with Stack(directory / "stack", certificates, gateways=2, settings=settings) as stack:
        stack.nginx = Nginx(directory / "nginx", certificates, stack.gateways)
        yield stack
        stack.close_clients()
        stack.nginx.process.stop()


@pytest.fixture
def stack(site):
    yield site
    site.close_clients()


@pytest.fixture(scope="module")
def tls(certificates):
    return ssl.create_default_context(cafile=certificates.path("ca.pem"))


def connect(stack, user="ana", **options):
    tls = options.get("tls")
    client = WebSocket(stack.nginx.tls_port if tls else stack.nginx.port,
                       token=users.token_of(user), **options)
    stack._clients.append(client)
    return client


def test_websocket_over_tls_gets_events(stack, tls):
    place = stack.place()
    client = connect(stack, tls=tls, origin=ORIGIN,
                     headers={"Sec-Fetch-Site": "same-origin"}).subscribed(place.contest_channel)
    answer = stack.post(events.contest_update(place))
    assert client.recv()["id"] == answer["id"]


def test_origin_of_another_site_is_refused_through_nginx(stack, tls):
    with pytest.raises(Exception, match="403"):
        connect(stack, tls=tls, origin="https://elsewhere.example")


def test_connections_are_spread_over_both_gateways(stack):
    before = [g.metrics()["connections_active"] for g in stack.gateways]
    for _ in range(10):
        connect(stack)
    after = [g.metrics()["connections_active"] for g in stack.gateways]
    assert [a - b for a, b in zip(after, before)] == [5, 5]


def test_event_stream_is_not_buffered(stack):
    place = stack.place()
    stream = EventStream(stack.nginx.port, f"/events/?channel={place.contest_channel}",
                         {"Authorization": f"token {users.token_of('ana')}"})
    stack._clients.append(stream)
    assert stream.read_event()[0] == "subscribed"
    for n in range(3):  # each arrives before the next is sent
        stack.post(events.contest_update(place, n))
        assert stream.read_event()[0] == "contest_update"


def test_legacy_client_gets_the_backends_text(stack):
    place = stack.place()
    client = connect(stack, path=f"/events/?filter=/contest/{place.contest}",
                     subprotocols=["com.omegaup.events"])

    def gets_it():
        stack.post({"contest": place.contest, "public": True, "message": '{"a": 1.0}'})
        return client.texts

    assert set(wait_until(gets_it, pause=0.2)) == {'{"a": 1.0}'}


def test_many_cookies_pass(stack):
    cookies = "; ".join(f"c{n}={'x' * 1000}" for n in range(14))
    place = stack.place(public=True)
    client = connect(stack, headers={"Cookie": cookies})
    client.subscribed(place.contest_channel)


def test_gateway_sees_the_clients_address(site, certificates, tmp_path):
    """What the client says of itself is not believed: two of one address are two of one address."""
    gateway = site.gateways[0]
    gateway.settings["Broadcaster"]["MaxConnectionsPerAddress"] = 1
    gateway.stop()
    gateway.start()
    nginx = None
    try:
        (tmp_path / "n").mkdir()
        nginx = Nginx(tmp_path / "n/nginx", certificates, [gateway])
        first = WebSocket(nginx.port, headers={"X-Forwarded-For": "192.0.2.1"})
        with pytest.raises(Exception, match="429"):
            WebSocket(nginx.port, headers={"X-Forwarded-For": "192.0.2.2"})
        first.close()
    finally:
        if nginx:
            nginx.process.stop()
        gateway.settings["Broadcaster"]["MaxConnectionsPerAddress"] = 0
        gateway.stop()
        gateway.start()


def test_gateway_that_is_gone_costs_nobody_a_connection(stack):
    gone = stack.gateways[0]
    gone.kill()
    try:
        place = stack.place()
        clients = [connect(stack).subscribed(place.contest_channel) for _ in range(6)]
        stack.post(events.contest_update(place))
        assert [c.recv()["type"] for c in clients] == ["contest_update"] * 6
    finally:
        gone.start()


def test_other_paths_are_not_passed_on(stack):
    http = Http(stack.nginx.port)
    assert http.get("/metrics").status == 404
    assert http.get("/debug/topics").status == 404
    assert http.get("/console/metrics").status == 404  # Console.Dir is not set here
    assert http.get("/health").status == 200
    assert http.get("/events").status == 400
    assert http.get("/docs").status in (200, 308)


def test_tokens_are_not_in_nginx_log(stack):
    connect(stack, path="/events/?ignored=SECRET-IN-QUERY",
            headers={"Cookie": "ouat=SECRET-COOKIE"}).close()
    wait_until(lambda: "/events/" in stack.nginx.process.log(), what="a line in the log")
    assert "SECRET" not in stack.nginx.process.log()


@pytest.mark.parametrize("directory", ["nginx", "compose"])
def test_files_of_the_tree_name_what_nginx_knows(tmp_path, certificates, directory):
    """As they are, but for places of certificates and logs, which are not here, and `resolve`, for
    which Debian 12's nginx is too old."""
    shutil.copy(DEPLOY / "nginx.conf", tmp_path)
    (tmp_path / "nginx").mkdir()
    for name in ("gateways.conf", "server.conf"):
        text = (DEPLOY / directory / name).read_text()
        for place in ("/etc/omegaup/broadcaster/certificate.pem", "/certificates/server.pem"):
            text = text.replace(place, certificates.path("server.pem"))
        for place in ("/etc/omegaup/broadcaster/key.pem", "/certificates/server.key"):
            text = text.replace(place, certificates.path("server.key"))
        text = text.replace("/var/log/nginx/", f"{tmp_path}/")
        text = text.replace("server gateway:39613 resolve", "server 127.0.0.1:39613")
        text = "\n".join(line for line in text.splitlines() if not line.startswith("resolver "))
        (tmp_path / "nginx" / name).write_text(text)
    done = subprocess.run([NGINX, "-t", "-p", tmp_path, "-c", tmp_path / "nginx.conf", "-g",
                           "pid nginx.pid;"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
