# SPDX-License-Identifier: MIT
"""Many commands that arrive at once: in one TLS record, and in one segment."""
import json
import socket
import struct

import pytest
from support.frontend import Frontend
from support.process import LIMIT, wait_until

HEAD = (b"GET /events/ HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
COMMAND_BURST = 200  # LIMIT_COMMANDS_BURST
RECORD = 16384


def frame(command):
    payload = json.dumps(command).encode()
    size = (bytes((0x80 | len(payload),)) if len(payload) < 126
            else struct.pack(">BH", 0x80 | 126, len(payload)))
    return b"\x81" + size + b"\0\0\0\0" + payload  # a mask of zeros changes nothing


class RawSocket:
    """Writes what it is given in one piece."""

    def __init__(self, stack, tls):
        self.sock = socket.create_connection(("127.0.0.1", stack.gateway.port), timeout=LIMIT)
        if tls:
            self.sock = stack.certificates.client_context(None).wrap_socket(
                self.sock, server_hostname="localhost")
        self.sock.sendall(HEAD)
        self.buffer = b""
        while b"\r\n\r\n" not in self.buffer:
            self._read()
        head, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
        assert b" 101 " in head

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()

    def _read(self):
        part = self.sock.recv(65536)
        assert part, f"the gateway closed; unread: {self.buffer[:200]}"
        self.buffer += part

    def send(self, commands):
        self.sock.sendall(b"".join(frame(c) for c in commands))

    def answer(self):
        """The next message; they are all shorter than 126 bytes."""
        while len(self.buffer) < 2 or len(self.buffer) < 2 + self.buffer[1]:
            self._read()
        end = 2 + self.buffer[1]
        payload, self.buffer = self.buffer[2:end], self.buffer[end:]
        return json.loads(payload)


@pytest.fixture(params=[False, True], ids=["plain", "tls"])
def tls(request):
    return request.param


def test_commands_that_wait_for_an_auth_are_all_answered_in_order(make_stack, tls):
    """Over 32 of them reading is paused, in the middle of the record."""
    frontend = Frontend()
    token = frontend.add_user("ana")
    stack = make_stack(publisher=False, frontend=frontend,
                       settings={"Broadcaster": {"Proxied": not tls}})
    with RawSocket(stack, tls) as client:
        frontend.hold()
        client.send([{"type": "auth", "token": token}] +
                    [{"type": "ping", "id": n, "pad": "p" * 40} for n in range(60)])
        wait_until(lambda: frontend.calls, what="the question who this is")
        frontend.release()
        assert client.answer()["type"] == "auth_success"
        assert [client.answer()["id"] for _ in range(60)] == list(range(60))


def test_burst_as_long_as_a_record_is_answered(make_stack, tls):
    stack = make_stack(publisher=False, settings={"Broadcaster": {"Proxied": not tls}})
    count = 190
    commands = [{"type": "ping", "id": n, "pad": "p" * 40} for n in range(count)]
    size = sum(len(frame(c)) for c in commands)
    assert RECORD * 0.9 < size <= RECORD and count < COMMAND_BURST
    with RawSocket(stack, tls) as client:
        client.send(commands)
        assert [client.answer()["id"] for _ in range(count)] == list(range(count))
