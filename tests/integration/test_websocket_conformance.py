# SPDX-License-Identifier: MIT
"""The table of support/websocket_cases.py, on a plain gateway and on one that ends TLS itself."""
import json
import socket
import struct

import pytest
from support.stack import Stack
from support.websocket_cases import CASES, CLOSE, GOOD, HANDSHAKES, PONG, TEXT, Close, Pong, Reply, Text, close

PATIENCE_S = 10


@pytest.fixture(scope="module", params=["plain", "tls"])
def connect(request, tmp_path_factory, certificates):
    """Connections to the events port of a gateway without limits that could come between."""
    is_tls = request.param == "tls"
    settings = {"Broadcaster": {"Proxied": not is_tls, "MaxConnectionsPerAddress": 0}}
    context = certificates.client_context(None) if is_tls else None
    with Stack(tmp_path_factory.mktemp(request.param), certificates, publisher=False, settings=settings) as stack:

        def make():
            sock = socket.create_connection(("127.0.0.1", stack.gateway.port), PATIENCE_S)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return context.wrap_socket(sock, server_hostname="localhost") if context else sock
        yield make


class Raw:
    """A client that sends what it is told, and takes frames apart without judging them."""

    def __init__(self, sock):
        self.sock = sock
        self.bytes = b""

    def request(self, line, fields):
        self.sock.sendall("\r\n".join([line, *fields, "", ""]).encode())
        while b"\r\n\r\n" not in self.bytes:
            more = self.sock.recv(65536)
            assert more, "the gateway ended the connection instead of answering"
            self.bytes += more
        head, _, self.bytes = self.bytes.partition(b"\r\n\r\n")
        status, *rest = head.decode().split("\r\n")
        return int(status.split()[1]), {k.lower(): v.strip() for k, v in (f.split(":", 1) for f in rest)}

    def take(self, n):
        while len(self.bytes) < n:
            more = self.sock.recv(65536)
            assert more, f"the end came instead of a frame; so far {self.bytes}"
            self.bytes += more
        taken, self.bytes = self.bytes[:n], self.bytes[n:]
        return taken

    def frame(self):
        first, second = self.take(2)
        assert not second & 0x80, "a server must not mask"
        n = second if second < 126 else struct.unpack(">H" if second == 126 else ">Q",
                                                      self.take(2 if second == 126 else 8))[0]
        return first, self.take(n)

    def expect(self, what):
        first, payload = self.frame()
        if isinstance(what, Pong):
            assert (first, payload) == (0x80 | PONG, what.payload)
        elif isinstance(what, Reply):
            assert first in (0x80 | TEXT, 0xc0 | TEXT)
            assert json.loads(payload) == {"type": "pong", "id": what.id}
        elif isinstance(what, Text):
            assert first in (0x80 | TEXT, 0xc0 | TEXT)
        else:
            assert first == 0x80 | CLOSE
            assert (struct.unpack(">H", payload[:2])[0] if payload else None) == what.code
            payload[2:].decode()
            self.expect_end()

    def expect_end(self):
        """Nothing more comes; the gateway ends the connection, not the client."""
        rest = self.bytes
        try:
            while more := self.sock.recv(65536):
                rest += more
        except ConnectionResetError:
            pass
        assert rest == b""


def test_table_is_as_large_as_it_says():
    assert len(CASES) + len(HANDSHAKES) >= 300
    assert len({c.name for c in CASES}) == len(CASES)


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)
def test_frames(connect, case):
    with connect() as sock:
        client = Raw(sock)
        offer = ["Sec-WebSocket-Extensions: permessage-deflate"] if case.deflate else []
        status, _ = client.request("GET / HTTP/1.1", GOOD + offer)
        assert status == 101
        for step in case.steps:
            if isinstance(step, bytes):
                sock.sendall(step)
            else:
                client.expect(step)
        for what in case.expected:
            client.expect(what)
        if not any(isinstance(what, Close) for what in case.expected):
            sock.sendall(close(1000))
            client.expect(Close(1000))


@pytest.mark.parametrize("row", HANDSHAKES, ids=lambda r: f"{r[0]} {r[2]} {' '.join(r[1][-1:])}"[:90])
def test_handshakes(connect, row):
    line, fields, expected_status, expected = row
    with connect() as sock:
        status, answer = Raw(sock).request(line, fields)
        assert status == expected_status
        for name, value in expected.items():
            assert answer.get(name) == value
