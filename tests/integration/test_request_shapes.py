# SPDX-License-Identifier: MIT
"""One table of request shapes: the same answers at every HTTP port, plain and TLS."""
import re

import pytest
from support.http_client import raw_exchange
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


@pytest.mark.parametrize("port,shape", CASES, ids=[f"{port}-{shape.name}" for port, shape in CASES])
def test_each_shape_gets_its_answer(ports, port, shape):
    number, tls = ports[port]
    is_head = shape.data.startswith(b"HEAD")
    received = raw_exchange(number, shape.data, tls, until="end", half_close=not shape.answers)
    if is_head:
        assert received.endswith(b"\r\n\r\n")
        received = re.sub(rb"(?i)content-length: \d+", b"Content-Length: 0", received)
    assert tuple(statuses(received)) == shape.answers_of(PORTS[port])
