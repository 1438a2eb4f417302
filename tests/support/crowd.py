# SPDX-License-Identifier: MIT
"""Hundreds of legacy pages as bare sockets: cheap enough to look at every byte each of them got."""
import base64
import os
import selectors
import socket
import time

from .ws_client import SUBPROTOCOL

REQUEST = ("GET {path} HTTP/1.1\r\nHost: localhost\r\nOrigin: https://localhost\r\n"
           "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
           "Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Protocol: {subprotocol}\r\n{more}\r\n")


def frame(text):
    """A server's text frame."""
    payload = text.encode()
    if len(payload) < 126:
        return bytes([0x81, len(payload)]) + payload
    if len(payload) < 65536:
        return b"\x81\x7e" + len(payload).to_bytes(2, "big") + payload
    return b"\x81\x7f" + len(payload).to_bytes(8, "big") + payload


class Member:
    """One socket: the head of the answer to its upgrade, and the bytes after it."""

    def __init__(self, port, path, more):
        self.request = REQUEST.format(
            path=path, key=base64.b64encode(os.urandom(16)).decode(), subprotocol=SUBPROTOCOL,
            more=more).encode()
        self.head, self.bytes = b"", bytearray()
        self.is_open = True
        self.sock = socket.socket()
        self.sock.setblocking(False)
        self.sock.connect_ex(("127.0.0.1", port))

    def write(self):
        """All at once: an upgrade request fits into any socket's buffer."""
        self.sock.send(self.request)

    def read(self):
        """What there is. Pings would stand among it: not before PingInterval."""
        try:
            data = self.sock.recv(262144)
        except ConnectionError:
            data = b""
        if not data:
            self.is_open = False
            return
        self.bytes += data
        if not self.head:
            head, gap, rest = bytes(self.bytes).partition(b"\r\n\r\n")
            if gap:
                self.head, self.bytes = head, bytearray(rest)

    @property
    def is_upgraded(self):
        return self.is_open and self.head.startswith(b"HTTP/1.1 101 ")


class Crowd:
    """`ports` are taken in turn, `path` and header lines (`more`) are the same for all."""

    def __init__(self, count, ports, path, more=""):
        self.members = [Member(ports[n % len(ports)], path, more) for n in range(count)]
        self._selector = selectors.DefaultSelector()
        for member in self.members:
            self._selector.register(member.sock, selectors.EVENT_WRITE, member)

    def turn(self, limit=0.0):
        """Reads and writes whatever is possible now."""
        for key, mask in self._selector.select(limit):
            member = key.data
            if mask & selectors.EVENT_WRITE:
                member.write()
                self._selector.modify(member.sock, selectors.EVENT_READ, member)
            else:
                member.read()
                if not member.is_open:
                    self._selector.unregister(member.sock)

    def run_until(self, condition, limit):
        """True as soon as the condition holds, false when it does not within the limit."""
        end = time.monotonic() + limit
        while not condition():
            if time.monotonic() > end:
                return False
            self.turn(0.05)
        return True

    def upgrade(self, limit=60):
        """How many became WebSockets."""
        self.run_until(lambda: all(m.head or not m.is_open for m in self.members), limit)
        return sum(m.is_upgraded for m in self.members)

    def have(self, n_bytes):
        return all(len(m.bytes) >= n_bytes or not m.is_open for m in self.members)

    def take(self):
        """The bytes of each, which are forgotten."""
        taken = [bytes(m.bytes) for m in self.members]
        for member in self.members:
            member.bytes.clear()
        return taken

    def count_open(self):
        return sum(m.is_open for m in self.members)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for member in self.members:
            member.sock.close()
        self._selector.close()
