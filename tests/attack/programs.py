# SPDX-License-Identifier: MIT
"""The attacks: each a bounded program of its own process, so that its bytes and seconds can be told.

    python3 programs.py NAME PORT SECONDS [COUNT]

It stops by itself after SECONDS, and prints one line of JSON: what it sent, received and cost. All
connections of one run come from one address, as a stranger's do.
"""
import base64
import json
import os
import random
import resource
import selectors
import socket
import sys
import time

ADDRESS = "127.0.0.66"
LEGACY = "com.omegaup.events"


def upgrade(path, token=None, legacy=False):
    key = base64.b64encode(os.urandom(16)).decode()
    lines = [f"GET {path} HTTP/1.1", "Host: localhost", "Upgrade: websocket", "Connection: Upgrade",
             "Sec-WebSocket-Version: 13", f"Sec-WebSocket-Key: {key}"]
    lines += [f"Sec-WebSocket-Protocol: {LEGACY}"] if legacy else []
    lines += [f"Authorization: token {token}"] if token else []
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def frame(command):
    """A masked text frame; a mask of zeros is one, too."""
    data = json.dumps(command).encode()
    if len(data) < 126:
        return bytes([0x81, 0x80 | len(data)]) + bytes(4) + data
    return bytes([0x81, 0xfe]) + len(data).to_bytes(2, "big") + bytes(4) + data


class Crowd:
    """Connections that send something when they are there and take what comes."""

    def __init__(self, port):
        self.port = port
        self.selector = selectors.DefaultSelector()
        self.open = set()
        self.sent = self.received = self.connects = 0

    def connect(self, data):
        sock = socket.socket()
        sock.setblocking(False)
        try:
            sock.bind((ADDRESS, 0))
            sock.connect_ex(("127.0.0.1", self.port))
        except OSError:
            sock.close()
            return
        self.connects += 1
        self.open.add(sock)
        self.selector.register(sock, selectors.EVENT_WRITE, data)

    def send(self, sock, data):
        try:
            self.sent += sock.send(data)
        except BlockingIOError:
            pass
        except OSError:
            self.close(sock)

    def close(self, sock):
        self.selector.unregister(sock)
        self.open.discard(sock)
        sock.close()

    def turn(self):
        for key, mask in self.selector.select(0.02):
            sock = key.fileobj
            if mask & selectors.EVENT_WRITE:
                self.selector.modify(sock, selectors.EVENT_READ, b"")
                self.send(sock, key.data)
                continue
            try:
                data = sock.recv(262144)
            except OSError:
                data = b""
            self.received += len(data)
            if not data:
                self.close(sock)

    def end(self):
        for sock in list(self.open):
            self.close(sock)


def keep(crowd, count, end, make):
    """As many connections as `count` until the end; one that is closed is made anew."""
    while time.monotonic() < end:
        for _ in range(min(count - len(crowd.open), 20)):
            crowd.connect(make())
        crowd.turn()


def filters(n):
    return ",".join(f"/problemset/{random.randrange(1, 1 << 40)}" for _ in range(n))


def names_without_end(crowd, end, count):
    """Legacy pages without a credential, each with 60 names that nobody has used before."""
    keep(crowd, count, end, lambda: upgrade(f"/?filter={filters(60)}", legacy=True))


def questions_without_a_credential(crowd, end, count):
    keep(crowd, count, end, lambda: upgrade(f"/?filter={filters(1)}", legacy=True))


def questions_with_made_up_tokens(crowd, end, count):
    keep(crowd, count, end,
         lambda: upgrade("/?filter=/contest/arena", token=os.urandom(20).hex(), legacy=True))


def streams_of_many_channels(crowd, end, count):
    def request():
        channels = "&".join(f"channel=/contest/x{random.randrange(1 << 40):x}" for _ in range(100))
        return f"GET /events/?{channels} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
    keep(crowd, count, end, request)


def requests_that_never_end(crowd, end, count):
    keep(crowd, count, end, lambda: b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")


def replays_from_the_beginning(crowd, end, count):
    """One channel subscribed again from its beginning, twenty times a second, on each connection."""
    for _ in range(count):
        crowd.connect(upgrade("/events/"))
    position, again = {"position": os.environ["ATTACK_POSITION"]}, 0.0
    while time.monotonic() < end:
        crowd.turn()
        if time.monotonic() >= again:
            again = time.monotonic() + 0.05
            for sock in list(crowd.open):
                crowd.send(sock, frame({"type": "subscribe", "channel": "/contest/arena", **position}))


def lines_in_the_log(crowd, end, count):
    keep(crowd, count, end, lambda: b"NONSENSE \x1b[31m\xe2\x80\xae / HTTP/1.1\r\n\r\n")


def main():
    name, port, seconds, count = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4])
    crowd = Crowd(port)
    globals()[name](crowd, time.monotonic() + seconds, count)
    crowd.end()
    usage = resource.getrusage(resource.RUSAGE_SELF)
    print(json.dumps({"connects": crowd.connects, "sent": crowd.sent, "received": crowd.received,
                      "cpu_s": round(usage.ru_utime + usage.ru_stime, 2)}))


if __name__ == "__main__":
    main()
