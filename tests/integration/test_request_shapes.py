# SPDX-License-Identifier: MIT
"""One table of request shapes: the same answers at every HTTP port, plain and TLS."""
import re
import socket
import ssl
import time

import pytest
from support.http_client import raw_exchange
from support.process import LIMIT
from support.request_shapes import SHAPES

# A port, and which column of the table is its own.
PORTS = {"publisher with TLS": "publisher", "publisher": "publisher",
         "admin of the publisher": "admin", "admin of the gateway": "admin",
         "gateway": "gateway", "gateway with TLS": "gateway"}


@pytest.fixture(scope="module")
def ports(session_stack, certificates):
    """name -> (port, TLS context or None)."""
    stack = session_stack
    inside_tls = stack._service("gateway", 8)
    inside_tls.settings["Broadcaster"]["Proxied"] = False
    inside_tls.start()
    plain = stack._service("publisher", 8)
    plain.arguments = ["--insecure"]
    plain.start()
    yield {"publisher with TLS": (stack.publisher.port, certificates.client_context(None)),
           "publisher": (plain.port, None),
           "admin of the publisher": (stack.publisher.metrics_port, None),
           "admin of the gateway": (stack.gateway.metrics_port, None),
           "gateway": (stack.gateway.port, None),
           "gateway with TLS": (inside_tls.port, certificates.client_context(None))}
    plain.stop()
    inside_tls.stop()


def statuses(answers):
    """Of all answers in these bytes: each begins behind the other's body."""
    found = []
    while answers:
        head, gap, rest = answers.partition(b"\r\n\r\n")
        status = re.match(rb"HTTP/1\.1 (\d{3}) ", head)
        assert status and gap, answers[:200]
        length = re.search(rb"\r\ncontent-length: (\d+)", head.lower())
        found.append(int(status.group(1)))
        answers = rest[int(length.group(1)):] if length else b""
        if answers and not answers.startswith(b"HTTP/"):
            raise AssertionError(f"more than the length says: {answers[:200]}")
    return found


# Nothing ends a request that is not whole but the end of the peer's half, which TLS sockets of Python
# cannot send.
CASES = [(port, shape) for port in PORTS for shape in SHAPES if shape.answers or "TLS" not in port]


def check(shape, port, received):
    if shape.data.startswith(b"HEAD"):
        assert received.endswith(b"\r\n\r\n")
        received = re.sub(rb"(?i)content-length: \d+", b"Content-Length: 0", received)
    assert tuple(statuses(received)) == shape.answers_of(PORTS[port])


@pytest.mark.parametrize("port,shape", CASES, ids=[f"{port}-{shape.name}" for port, shape in CASES])
def test_each_shape_gets_its_answer(ports, port, shape):
    number, tls = ports[port]
    check(shape, port, raw_exchange(number, shape.data, tls, until="end",
                                    half_close=not shape.answers))


IN_PIECES = [(port, shape) for port, shape in CASES
             if port in ("publisher", "gateway with TLS") and 0 < len(shape.data) < 1500]


@pytest.mark.parametrize("port,shape", IN_PIECES,
                         ids=[f"{port}-{shape.name}" for port, shape in IN_PIECES])
def test_pieces_make_no_difference(ports, port, shape):
    number, tls = ports[port]
    received = b""
    with socket.create_connection(("127.0.0.1", number), timeout=LIMIT) as plain:
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock = tls.wrap_socket(plain, server_hostname="localhost") if tls else plain
        try:
            for at in range(0, len(shape.data), 3):
                sock.sendall(shape.data[at:at + 3])
                time.sleep(0.0002)  # so that most come alone; what is asserted does not depend on it
            if not shape.answers:
                sock.shutdown(socket.SHUT_WR)
        except (ConnectionError, ssl.SSLError):
            pass  # it has answered, and closed
        try:
            while part := sock.recv(65536):
                received += part
        except ConnectionError:
            pass  # what came until then is the answer
    check(shape, port, received)
