# SPDX-License-Identifier: MIT
"""nginx on the very files of deploy/ in front of two gateways; shipped_nginx.py says what differs."""
import asyncio
import os
import re
import shutil
import ssl
import subprocess

import pytest
from shipped_nginx import DEPLOY, PROGRAM, VARIANTS, Nginx, shipped, with_gateways, with_places
from support import events, users
from support.crowd import Crowd
from support.http_client import Http
from support.process import LIMIT, ROOT, free_port, wait_until
from support.stack import Stack
from support.ws_client import EventStream, WebSocket, background

ORIGIN = "https://localhost"
UPGRADE = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
           "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}


def world_readable(directory):
    """nginx's workers give up root."""
    for path in (directory, directory.parent):
        os.chmod(path, 0o755)
    return directory


@pytest.fixture(scope="module")
def site(tmp_path_factory, certificates):
    """Two gateways that believe nginx, and nginx."""
    directory = world_readable(tmp_path_factory.mktemp("site"))
    settings = {"Broadcaster": {"TrustedProxies": ["127.0.0.1"], "AllowedOrigins": [],
                                "MaxConnectionsPerAddress": 0}}
    with Stack(directory / "stack", certificates, gateways=2, settings=settings) as stack:
        stack.nginx = Nginx(directory / "nginx", certificates, stack.gateways)
        yield stack
        stack.close_clients()
        stack.nginx.stop()


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
            nginx.stop()
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


def test_probe_of_http_1_0_without_host_is_answered(stack):
    done = subprocess.run(["curl", "-s", "--http1.0", "-H", "Host:", "-o", "/dev/null", "-w",
                           "%{http_code}", f"http://127.0.0.1:{stack.nginx.port}/health"],
                          capture_output=True, text=True, timeout=LIMIT)
    assert done.stdout == "200"


EVENT_SOURCE = {"Accept": "text/event-stream"}


@pytest.fixture
def deserted(site, certificates, tmp_path):
    """nginx whose only gateway is not there, with one other site whose pages may read streams."""
    class Gone:
        port = free_port()

    (tmp_path / "n").mkdir()
    nginx = Nginx(tmp_path / "n/nginx", certificates, [Gone],
                  origins='"https://omegaup.com" $http_origin;\n')
    yield nginx
    nginx.stop()


def test_an_event_source_without_a_gateway_is_told_to_come_again(deserted):
    http = Http(deserted.port)
    answer = http.get("/events/?channel=/contest/a", **EVENT_SOURCE)
    assert answer.status == 200 and answer.headers["content-type"] == "text/event-stream"
    assert re.fullmatch(rb"retry: [2468]000\n\n", answer.body)
    assert "access-control-allow-origin" not in answer.headers


def test_others_without_a_gateway_get_the_plain_status(deserted):
    http = Http(deserted.port)
    ours = {"Accept": "text/event-stream, text/plain"}
    assert http.get("/events/?channel=/contest/a", **ours).status == 502
    assert http.get("/events/", **UPGRADE).status == 502


def test_pages_of_an_allowed_origin_may_read_that_they_shall_come_again(deserted):
    def fields(origin):
        answer = Http(deserted.port).get("/events/?channel=/contest/a", Origin=origin, **EVENT_SOURCE)
        assert answer.status == 200
        return {name: value for name, value in answer.headers.items() if "-allow-" in name}

    assert fields("https://omegaup.com") == {
        "access-control-allow-origin": "https://omegaup.com", "access-control-allow-credentials": "true"}
    assert fields("https://elsewhere.example") == {}


def test_an_event_source_over_the_gateways_limit_is_told_to_come_again(site, certificates, tmp_path):
    gateway = site.gateways[0]
    gateway.settings["Broadcaster"]["MaxConnectionsPerAddress"] = 1
    gateway.stop()
    gateway.start()
    (tmp_path / "n").mkdir()
    nginx = Nginx(tmp_path / "n/nginx", certificates, [gateway])
    try:
        first = WebSocket(nginx.port)
        answer = Http(nginx.port).get("/events/?channel=/contest/a", **EVENT_SOURCE)
        assert answer.status == 200 and answer.body.startswith(b"retry: ")
        plain = Http(nginx.port).get("/events/?channel=/contest/a",
                                     Accept="text/event-stream, text/plain")
        assert plain.status == 429 and b"too many connections" in plain.body
        first.close()
    finally:
        nginx.stop()
        gateway.settings["Broadcaster"]["MaxConnectionsPerAddress"] = 0
        gateway.stop()
        gateway.start()


def test_an_event_source_gets_its_stream_over_http_2(stack, certificates):
    place = stack.place(public=True)
    url = f"https://localhost:{stack.nginx.tls_port}/events/?channel={place.contest_channel}"
    done = subprocess.run(
        ["curl", "-sN", "--max-time", "2", "--http2", "--cacert", certificates.path("ca.pem"),
         "-H", "Accept: text/event-stream", "-w", "version %{http_version}", url],
        capture_output=True, text=True, timeout=LIMIT)
    assert "event: subscribed" in done.stdout and done.stdout.endswith("version 2"), done


# --- restarts -----------------------------------------------------------------------------------

class Pages:
    """Browsers that come back by themselves until `stop()`."""

    REQUEST = (b"GET /events/ HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
               b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
               b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")

    def __init__(self, count, port, tls):
        self.port, self.tls, self.connected, self.is_stopped = port, tls, set(), False
        self.tasks = [asyncio.run_coroutine_threadsafe(self.live(n), background.loop)
                      for n in range(count)]

    async def live(self, number):
        while not self.is_stopped:
            reader, writer = await asyncio.open_connection("localhost", self.port, ssl=self.tls)
            try:
                writer.write(self.REQUEST)
                if b" 101 " in await reader.readuntil(b"\r\n\r\n"):
                    self.connected.add(number)
                    while data := await reader.read(65536):
                        if data[0] == 0x88:  # the gateway's close frame
                            break
            except (OSError, asyncio.IncompleteReadError):
                pass
            finally:
                self.connected.discard(number)
                writer.close()
            await asyncio.sleep(0.2)

    def are_all_connected(self):
        return len(self.connected) == len(self.tasks)

    def stop(self):
        self.is_stopped = True
        for task in self.tasks:
            task.cancel()


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("end", ["stop", "kill"])
def test_everybody_is_back_when_gateways_restart_one_after_the_other(
        make_stack, tmp_path, certificates, tls, variant, end):
    stack = make_stack(gateways=2)
    nginx = Nginx(world_readable(tmp_path) / "nginx", certificates, stack.gateways, variant)
    pages = Pages(40, nginx.tls_port, tls)
    try:
        wait_until(pages.are_all_connected, what="the pages")
        for gateway in stack.gateways:
            getattr(gateway, end)()
            wait_until(lambda: pages.are_all_connected() or 502 in nginx.statuses(),
                       what="the pages at the other gateway")
            assert 502 not in nginx.statuses()
            gateway.start()
    finally:
        pages.stop()
        nginx.stop()


# --- limits -------------------------------------------------------------------------------------

def school(count, nginx):
    """So many upgrades from one address at once; how many of them were accepted."""
    crowd = Crowd(count, [nginx.port], "/events/")
    try:
        while not all(m.head or not m.is_open for m in crowd.members):
            crowd.turn(1.0)
        return sum(m.is_upgraded for m in crowd.members)
    finally:
        for m in crowd.members:
            m.sock.close()


@pytest.fixture
def crowded(make_stack, tmp_path, certificates):
    made = []

    def make(**options):
        stack = make_stack(settings={"Broadcaster": {"AllowedOrigins": []}})
        made.append(Nginx(world_readable(tmp_path) / "nginx", certificates, stack.gateways,
                          **options))
        return made[-1]

    yield make
    for nginx in made:
        nginx.stop()


def test_school_behind_one_address_gets_in(crowded):
    nginx = crowded()
    assert school(300, nginx) == 300


def test_new_connections_of_one_address_are_limited(crowded):
    nginx = crowded()
    assert 400 <= school(600, nginx) < 600
    wait_until(lambda: 429 in nginx.statuses(), what="429 in the log")


def test_listed_networks_are_not_limited(crowded):
    nginx = crowded(unlimited="127.0.0.0/8 1;\n")
    assert school(600, nginx) == 600


# --- the files ----------------------------------------------------------------------------------

@pytest.mark.parametrize("path", ["deploy/nginx/gateways.conf", "deploy/compose/gateways.conf",
                                  "docs/migration.md"])
def test_a_gateway_that_was_away_is_trusted_at_once(path):
    servers = re.findall(r"(?m)^[# ]*server \S+:39613.*", (ROOT / path).read_text())
    assert servers and all(line.endswith(" max_fails=0;") for line in servers)


@pytest.mark.parametrize("variant", VARIANTS)
def test_files_of_the_tree_name_what_nginx_knows(tmp_path, certificates, variant):
    """On their own ports."""
    shutil.copy(DEPLOY / "nginx.conf", tmp_path)
    (tmp_path / "nginx").mkdir()
    for name, text in shipped(variant).items():
        if name == "gateways.conf":
            text = with_gateways(text, [39613])
        if name == "server.conf":
            text = with_places(text, certificates, tmp_path / "access.log",
                               {39613: 39613, 8443: 8443, 443: 443})
        (tmp_path / "nginx" / name).write_text(text)
    done = subprocess.run([PROGRAM, "-t", "-p", tmp_path, "-c", tmp_path / "nginx.conf", "-g",
                           "pid nginx.pid;"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
