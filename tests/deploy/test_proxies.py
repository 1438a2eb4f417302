# SPDX-License-Identifier: MIT
"""HAProxy and Caddy on the files of deploy/proxies: ports, names and places of files are the test's."""
import os
import re
import shutil
import ssl

import pytest
from shipped_nginx import DEPLOY
from support import events, users
from support.http_client import Http
from support.process import Process, free_port, wait_until
from support.ws_client import EventStream, WebSocket

SEARCH = os.environ["PATH"] + ":/usr/sbin"


def haproxy(directory, certificates, gateways, port):
    both = directory / "judge.pem"
    both.write_bytes(b"".join(open(certificates.path(f), "rb").read()
                              for f in ("server.pem", "server.key")))
    (directory / "unlimited.lst").write_text("192.0.2.0/24\n")
    text = (DEPLOY / "proxies/haproxy.cfg").read_text()
    text = text.replace(" :443 ", f" 127.0.0.1:{port} ").replace("/etc/haproxy/", f"{directory}/")
    text, n = re.subn(r"(?m)^    server gateway-0 127.0.0.1:39613 (.*)\n", lambda m: "".join(
        f"    server gateway-{i} 127.0.0.1:{g.port} {m[1]}\n" for i, g in enumerate(gateways)), text)
    assert n == 1
    (directory / "haproxy.cfg").write_text(text.replace("maxconn 65536", "maxconn 4096"))
    return [shutil.which("haproxy", path=SEARCH), "-db", "-f", str(directory / "haproxy.cfg")]


def caddy(directory, certificates, gateways, port):
    text = (DEPLOY / "proxies/Caddyfile").read_text()
    text = text.replace("https://your-judge.invalid", f"https://localhost:{port}")
    text = text.replace("admin off", "admin off\n\tauto_https disable_redirects")
    text = text.replace("/etc/caddy/judge.pem", certificates.path("server.pem"))
    text = text.replace("/etc/caddy/judge.key", certificates.path("server.key"))
    assert "127.0.0.1:39613" in text
    text = text.replace("127.0.0.1:39613", " ".join(f"127.0.0.1:{g.port}" for g in gateways))
    (directory / "Caddyfile").write_text(text)
    return [shutil.which("caddy", path=SEARCH), "run", "--adapter", "caddyfile", "--config",
            str(directory / "Caddyfile")]


@pytest.fixture(params=[haproxy, caddy], ids=lambda f: f.__name__)
def site(request, make_stack, certificates, tmp_path):
    stack = make_stack(gateways=2, settings={"Broadcaster": {
        "TrustedProxies": ["127.0.0.1"], "AllowedOrigins": [], "MaxConnectionsPerAddress": 0}})
    stack.proxy_port = free_port()
    command = request.param(tmp_path, certificates, stack.gateways, stack.proxy_port)
    proxy = Process("proxy", command, tmp_path, {"HOME": str(tmp_path), "XDG_DATA_HOME": str(tmp_path)})
    stack.tls = ssl.create_default_context(cafile=certificates.path("ca.pem"))

    def answers():
        assert proxy.is_running(), proxy.tail()
        try:
            return Http(stack.proxy_port, stack.tls).get("/health").status == 200
        except OSError:
            return False

    wait_until(answers, what="the proxy and its gateways")
    yield stack
    stack.close_clients()
    proxy.kill()


def connect(stack, **options):
    client = WebSocket(stack.proxy_port, token=users.token_of("ana"), tls=stack.tls, **options)
    stack._clients.append(client)
    return client


def test_browsers_get_events_through_it(site):
    place = site.place()
    client = connect(site, origin=f"https://localhost:{site.proxy_port}").subscribed(
        place.contest_channel)
    with pytest.raises(Exception, match="403"):
        connect(site, origin="https://elsewhere.example")
    stream = EventStream(site.proxy_port, f"/events/?channel={place.contest_channel}",
                         {"Authorization": f"token {users.token_of('ana')}"}, tls=site.tls)
    site._clients.append(stream)
    assert stream.read_event()[0] == "subscribed"
    for n in range(3):  # each arrives before the next is sent
        site.post(events.contest_update(place, n))
        assert stream.read_event()[0] == "contest_update"
        assert client.recv()["data"]["n"] == n
    cookies = "; ".join(f"c{n}={'x' * 1000}" for n in range(30))
    connect(site, headers={"Cookie": cookies})
    http = Http(site.proxy_port, site.tls)
    assert http.get("/metrics").status == 404
    assert http.get("/debug/topics").status == 404


def test_gateway_that_is_gone_costs_nobody_a_connection(site):
    site.gateways[0].kill()
    place = site.place()
    clients = [connect(site).subscribed(place.contest_channel) for _ in range(6)]
    site.post(events.contest_update(place))
    assert [c.recv()["type"] for c in clients] == ["contest_update"] * 6
    site.gateways[0].start()
    site.gateways[1].kill()
    assert [connect(site).subscribed(place.contest_channel) for _ in range(6)]
    site.gateways[1].start()


def test_clients_word_about_its_address_is_not_believed(site):
    for gateway in site.gateways:
        gateway.settings["Broadcaster"]["MaxConnectionsPerAddress"] = 1
        gateway.stop()
        gateway.start()
    site.gateways[1].stop()
    connect(site, headers={"X-Forwarded-For": "192.0.2.1"})
    with pytest.raises(Exception, match="429"):
        connect(site, headers={"X-Forwarded-For": "192.0.2.2"})
