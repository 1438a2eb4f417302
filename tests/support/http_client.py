# SPDX-License-Identifier: MIT
"""HTTP towards the publisher and the gateway: kept-alive connections, and raw bytes."""
import http.client
import json
import socket
from dataclasses import dataclass

from .process import LIMIT


@dataclass
class Answer:
    """One HTTP answer; header names in lower case."""
    status: int
    headers: dict
    body: bytes

    def json(self):
        return json.loads(self.body)


class Http:
    """One kept-alive connection to one port; made anew after the peer has closed it."""

    def __init__(self, port, tls=None, token=None, timeout=LIMIT):
        self.port, self.tls, self.token, self.timeout = port, tls, token, timeout
        self.connections = 0
        self._connection = None

    def _connect(self):
        if self.tls:
            connection = http.client.HTTPSConnection(
                "localhost", self.port, context=self.tls, timeout=self.timeout)
        else:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=self.timeout)
        connection.connect()
        self.connections += 1
        return connection

    def request(self, method, path, body=None, headers=None):
        if not self._connection or not self._connection.sock:
            self._connection = self._connect()
        headers = dict(headers or {})
        if self.token:
            headers.setdefault("Authorization", f"Bearer {self.token}")
        if isinstance(body, str):
            body = body.encode()
        try:
            self._connection.request(method, path, body=body, headers=headers)
            response = self._connection.getresponse()
            return Answer(response.status, {k.lower(): v for k, v in response.getheaders()},
                          response.read())
        except BaseException:
            self.close()
            raise

    def get(self, path, **headers):
        return self.request("GET", path, headers=headers)

    def post(self, body, path="/broadcast/", headers=None):
        """POSTs an event: a dict as JSON, text and bytes as they are."""
        if not isinstance(body, (str, bytes)):
            body = json.dumps(body)
        return self.request("POST", path, body, {"Content-Type": "application/json",
                                                 **(headers or {})})

    def close(self):
        if self._connection:
            self._connection.close()
            self._connection = None


def raw_exchange(port, data, tls=None, until="answer", half_close=False):
    """Sends bytes as they are; returns what comes up to the end of one HTTP answer, of its head
    (until="head", for answers that go on), or of the connection ("end"), and whenever the peer
    closes. With half_close the peer is told that no more will follow."""
    is_enough = {"answer": is_complete, "head": has_head, "end": lambda received: False}[until]
    with socket.create_connection(("127.0.0.1", port), timeout=LIMIT) as plain:
        sock = tls.wrap_socket(plain, server_hostname="localhost") if tls else plain
        received = b""
        try:
            sock.sendall(data)
            if half_close:
                sock.shutdown(socket.SHUT_WR)
            while not is_enough(received):
                part = sock.recv(65536)
                if not part:
                    break
                received += part
        except TimeoutError:
            raise AssertionError(f"no {until} within {LIMIT} s; so far: {received[:300]}") from None
        except ConnectionError:
            pass  # what came until then is the answer
        return received


def has_head(received):
    """Whether this holds the head of an HTTP answer."""
    return b"\r\n\r\n" in received


def is_complete(received):
    """Whether this holds one whole HTTP answer (or the head of an upgrade)."""
    head, gap, body = received.partition(b"\r\n\r\n")
    if not gap:
        return False
    if head.startswith(b"HTTP/1.1 101"):
        return True
    for line in head.lower().split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name == b"content-length":
            return len(body) >= int(value)
    return False


def raw_status(received):
    """The status of a raw HTTP answer; None when there was none."""
    return int(received.split(b" ", 2)[1]) if received.startswith(b"HTTP/1.") else None


def get_plain(port, path, timeout=LIMIT):
    """GET over plain HTTP on loopback, errors as answers too."""
    http_client = Http(port, timeout=timeout)
    try:
        return http_client.get(path)
    finally:
        http_client.close()


class Metrics:
    """A reading of Prometheus text: metrics['name{label="x"}'] -> float, and total('name')."""

    def __init__(self, text):
        self.values = {}
        for line in text.splitlines():
            if line and not line.startswith("#"):
                name, _, value = line.rpartition(" ")
                self.values[name] = float(value)

    def __getitem__(self, name):
        return self.values[name]

    def __contains__(self, name):
        return name in self.values

    def names(self):
        return {name.partition("{")[0] for name in self.values}

    def total(self, name):
        """The sum over all labels."""
        found = [v for k, v in self.values.items() if k.partition("{")[0] == name]
        assert found, f"no metric {name}"
        return sum(found)
