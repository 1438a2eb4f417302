# SPDX-License-Identifier: MIT
"""What connections cost while they wait for a judge that does not answer."""
import base64
import os
import socket
import struct
import time

import pytest
from support.frontend import Frontend
from support.process import BUILD, wait_until

CONNECTIONS = 300
LIMIT_BYTES = 15 * 1024


def frame(text):
    """One masked text frame; the mask is zeros."""
    payload = text.encode()
    size = bytes([0x80 | len(payload)]) if len(payload) < 126 else \
        b"\xfe" + struct.pack(">H", len(payload))
    return b"\x81" + size + bytes(4) + payload


def connect(port):
    sock = socket.create_connection(("127.0.0.1", port))
    key = base64.b64encode(os.urandom(16)).decode()
    sock.sendall(f"GET /events/ HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                 f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode())
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += sock.recv(4096)
    assert b" 101 " in answer
    return sock


def resident(pid):
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith("Rss:"))


@pytest.mark.skipif("san" in BUILD.name, reason="a sanitizer's memory is its own")
def test_connection_that_waits_with_commands_stays_small(make_stack):
    judge = Frontend()
    judge.add_user("ana")
    stack = make_stack(frontend=judge, settings={"Broadcaster": {
        "MaxConnectionsPerAddress": 0}})
    pid = stack.gateway.process.popen.pid
    judge.hold()
    sockets = []
    try:
        warm = [connect(stack.gateway.port) for _ in range(20)]
        before = resident(pid)
        commands = frame('{"type":"auth","token":"cookie-ana-%d"}') + \
            40 * frame('{"type":"ping"%s}' % (1000 * " "))
        for n in range(CONNECTIONS):
            sockets.append(connect(stack.gateway.port))
            sockets[-1].sendall(commands.replace(b"%d", b"%02d" % (n % 100)))
        active = CONNECTIONS + len(warm)
        wait_until(lambda: stack.gateway.metrics()["connections_active"] == active, what="all")
        time.sleep(1)
        each = (resident(pid) - before) / CONNECTIONS
        assert each <= LIMIT_BYTES, f"{each:.0f} bytes each"
    finally:
        for sock in sockets:
            sock.close()
        judge.down()
