# SPDX-License-Identifier: MIT
"""What is decided before a connection becomes a WebSocket, byte by byte."""
import pytest
from support.http_client import raw_exchange, raw_status
from support.ws_client import SUBPROTOCOL

GOOD = {"Host": "judge.example", "Upgrade": "websocket", "Connection": "Upgrade",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version": "13"}
ALLOWED = "https://omegaup.com"


def upgrade(port, changes=None, path="/events/", tls=None):
    """Sends an upgrade request with these headers changed (None: left out)."""
    headers = {**GOOD, **(changes or {})}
    lines = [f"GET {path} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in headers.items() if value is not None]
    return raw_exchange(port, ("\r\n".join(lines) + "\r\n\r\n").encode(), tls)


def test_upgrade_answers_with_the_accept_key(stack):
    answer = upgrade(stack.gateway.port)
    assert raw_status(answer) == 101
    assert b"s3pplmbitxaq9kygzzhzrbk+xoo=" in answer.lower()


REFUSED = [
    ("no key", {"Sec-WebSocket-Key": None}, 400),
    ("no Host", {"Host": None}, 400),
    ("no Connection", {"Connection": None}, 400),
    ("other subprotocols only", {"Sec-WebSocket-Protocol": "chat, mqtt"}, 400),
    ("another origin", {"Origin": "https://evil.example"}, 403),
    ("a longer origin", {"Origin": ALLOWED + ".evil.example"}, 403),
    ("origin null", {"Origin": "null"}, 403),
    ("cross-site without origin", {"Sec-Fetch-Site": "cross-site"}, 403),
    ("same-site without origin", {"Sec-Fetch-Site": "same-site"}, 403),
    ("another version", {"Sec-WebSocket-Version": "8"}, 426),
    ("a later version", {"Sec-WebSocket-Version": "14"}, 426),
    ("no version", {"Sec-WebSocket-Version": None}, 426),
    ("headers over 64 KiB", {f"X-Pad-{n}": "x" * 7000 for n in range(12)}, 431),
    ("one header over 64 KiB", {"Cookie": "x" * 70000}, 431),
]


@pytest.mark.parametrize("changes,status", [row[1:] for row in REFUSED],
                         ids=[row[0] for row in REFUSED])
def test_refused_upgrade_says_why(stack, changes, status):
    answer = upgrade(stack.gateway.port, changes)
    assert raw_status(answer) == status, answer[:300]
    head, _, body = answer.partition(b"\r\n\r\n")
    assert body, "a body that says why"
    if status == 426:
        assert b"sec-websocket-version: 13" in head.lower()


def test_request_line_over_16_kib_is_refused(stack):
    answer = upgrade(stack.gateway.port, path="/events/?x=" + "y" * 17000)
    assert raw_status(answer) == 431, answer[:300]


ACCEPTED = [
    ("no origin", {}),
    ("the allowed origin", {"Origin": ALLOWED}),
    ("none and same-origin", {"Sec-Fetch-Site": "same-origin"}),
    ("none and a user's own doing", {"Sec-Fetch-Site": "none"}),
    ("our subprotocol among others", {"Sec-WebSocket-Protocol": f"chat, {SUBPROTOCOL}"}),
    ("names in any case", {"Upgrade": "WebSocket", "Connection": "keep-alive, UPGRADE"}),
    ("cookies of 40 KiB", {"Cookie": "; ".join(f"c{n}={'x' * 3000}" for n in range(13))}),
    ("unknown extensions", {"Sec-WebSocket-Extensions": "x-unknown; a=1"}),
]


@pytest.mark.parametrize("changes", [row[1] for row in ACCEPTED], ids=[row[0] for row in ACCEPTED])
def test_accepted_upgrade(stack, changes):
    answer = upgrade(stack.gateway.port, changes)
    assert raw_status(answer) == 101, answer[:300]


def test_without_allowed_origins_the_origin_must_be_the_requests_own_host(make_stack):
    stack = make_stack(settings={"Broadcaster": {"AllowedOrigins": None}})
    table = [("https://judge.example", 101), ("http://judge.example:8080", 101),
             ("https://JUDGE.example", 101), ("https://omegaup.com", 403),
             ("https://judge.example.evil.example", 403), ("null", 403),
             ("https://evil.example/judge.example", 403)]
    statuses = [(origin, raw_status(upgrade(stack.gateway.port, {"Origin": origin})))
                for origin, _ in table]
    assert statuses == table
    assert raw_status(upgrade(stack.gateway.port, {"Origin": "https://judge.example",
                                                   "Host": "judge.example:39613"})) == 101


def test_a_star_allows_every_origin(make_stack):
    stack = make_stack(settings={"Broadcaster": {"AllowedOrigins": ["*"]}})
    assert raw_status(upgrade(stack.gateway.port, {"Origin": "https://evil.example"})) == 101


def test_connections_of_one_address_over_the_limit_are_429(make_stack):
    stack = make_stack(settings={"Broadcaster": {"MaxConnectionsPerAddress": 3}})
    clients = [stack.ws() for _ in range(3)]
    assert raw_status(upgrade(stack.gateway.port)) == 429
    clients[0].close()
    assert clients[1].ask({"type": "ping"}) == {"type": "pong"}
    assert stack.ws().ask({"type": "ping"}) == {"type": "pong"}


def test_trusted_proxys_clients_are_counted_each(make_stack):
    stack = make_stack(settings={"Broadcaster": {"MaxConnectionsPerAddress": 1,
                                                 "TrustedProxies": ["127.0.0.1"]}})
    for n in range(3):
        stack.ws(headers={"X-Forwarded-For": f"203.0.113.{n}"})
    answer = upgrade(stack.gateway.port, {"X-Forwarded-For": "203.0.113.1"})
    assert raw_status(answer) == 429
    assert raw_status(upgrade(stack.gateway.port)) == 101, "unnamed clients are not counted"


PAGES = [("/", 200), ("/events/", 400), ("/health", 200), ("/nothing", 404),
         ("/events/../health", 404), ("/%2e%2e/etc/passwd", 404)]


@pytest.mark.parametrize("path,status", PAGES)
def test_plain_requests(stack, path, status):
    answer = raw_exchange(stack.gateway.port,
                          f"GET {path} HTTP/1.1\r\nHost: judge.example\r\n\r\n".encode())
    assert raw_status(answer) == status, answer[:300]


@pytest.mark.parametrize("garbage", [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"\r\n" * 10,
                                     b"GET\r\n\r\n", b"\x00" * 100, b"A" * 200000])
def test_garbage_harms_nobody(stack, garbage):
    raw_exchange(stack.gateway.port, garbage, until="end", half_close=True)
    assert stack.ws().ask({"type": "ping"}) == {"type": "pong"}


def test_wss_when_not_behind_a_proxy(make_stack):
    stack = make_stack(settings={"Broadcaster": {"Proxied": False}})
    tls = stack.certificates.client_context(None)
    assert raw_status(upgrade(stack.gateway.port, tls=tls)) == 101
    place = stack.place()
    stack.ws("ana", tls=tls).subscribed(place.contest_channel)
