# SPDX-License-Identifier: MIT
"""A server that speaks RESP3 well enough to be taken for a Redis, until it is told to lie."""
import collections
import socket
import threading

from .process import free_port


def bulk(text):
    data = text if isinstance(text, bytes) else text.encode()
    return b"$%d\r\n%s\r\n" % (len(data), data)


def array(*parts):
    return b"*%d\r\n" % len(parts) + b"".join(parts)


def push(*parts):
    return b">%d\r\n" % len(parts) + b"".join(parts)


HELLO = b"%2\r\n" + bulk("mode") + bulk("standalone") + bulk("role") + bulk("master")
INFO = {b"server": f"run_id:{'a' * 40}\r\n", b"replication": f"master_replid:{'b' * 40}\r\n"}


class FakeRedis:
    """`lies` maps a command's name to the bytes that answer it from now on."""

    def __init__(self):
        self.lies = {}
        self.connections = 0
        self.asked = collections.Counter()  # by command
        self._servers = b""
        self._open = set()
        self._subscribers = set()
        self._listener = socket.create_server(("127.0.0.1", free_port()))
        self.url = f"redis://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def say(self, data):
        """Sends bytes that nobody asked for to everybody."""
        for sock in list(self._open):
            try:
                sock.sendall(data)
            except OSError:
                pass  # it has gone

    def close(self):
        self._listener.close()
        for sock in list(self._open):
            sock.close()

    def _accept(self):
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._open.add(sock)
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock):
        try:
            with sock, sock.makefile("rb") as stream:
                while line := stream.readline():
                    words = [stream.read(int(stream.readline()[1:]) + 2)[:-2]
                             for _ in range(int(line[1:]))]
                    sock.sendall(self._answer(words))
                    self._relay(sock, words)
                    self.asked[words[0].upper().decode()] += 1
        except OSError:
            pass  # it has gone
        finally:
            self._open.discard(sock)
            self._subscribers.discard(sock)

    def _relay(self, sock, words):
        """Gateways hear their own probe; nothing else is delivered."""
        if words[0].upper() == b"SUBSCRIBE":
            self._subscribers.add(sock)
        elif words[0].upper() == b"PUBLISH" and b":probe:" in words[1]:
            for subscriber in list(self._subscribers):
                subscriber.sendall(push(bulk("message"), bulk(words[1]), bulk(words[2])))

    def _answer(self, words):
        name = words[0].upper().decode()
        if name in self.lies:
            return self.lies[name]
        if name == "SET" and words[1].endswith(b":servers"):
            self._servers = self._servers or words[2]
        if name == "SUBSCRIBE":
            return b"".join(push(bulk("subscribe"), bulk(w), b":1\r\n") for w in words[1:])
        if name == "UNSUBSCRIBE":
            return b"".join(push(bulk("unsubscribe"), bulk(w), b":1\r\n") for w in words[1:])
        answers = {"HELLO": HELLO, "INFO": bulk(INFO.get(words[-1], "x:y\r\n")),
                   "GET": bulk(self._servers), "XRANGE": array(), "XREVRANGE": array(),
                   "EVALSHA": page("0123456789abcdef", "0")}
        return answers.get(name, b"+OK\r\n")


def page(epoch, last, *entries):
    """What topic.lua answers."""
    return array(bulk(epoch), bulk(last), array(*map(bulk, entries)), bulk(""), bulk(""),
                 bulk("0123456700000000"), bulk("0"), bulk("1700000000000000"), bulk(""))
