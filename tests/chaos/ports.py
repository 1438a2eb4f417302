# SPDX-License-Identifier: MIT
"""Ports for processes that listen later, or again after they were killed.

Many runners work side by side, and a port must stay ours while its process is dead. So each runner
takes a block of ports for as long as it lives, above those that the kernel gives to connections and
away from those of the other tests. The sign that a block is taken is a bound socket with a name in
the kernel's abstract namespace, which ends with its process, however that ends.
"""
import os
import random
import socket

FIRST, LAST = 61000, 65500
BLOCK = 100  # a world needs about 30, a fault a few more

_claims = {}  # process -> (its sign, the block's ports, which one comes next)


def free_port():
    """One of this process's block on which nobody listens; the same again only after all others."""
    claim = _claims.get(os.getpid())
    if claim is None:
        claim = _claims[os.getpid()] = list(_claim())
    _, ports, _ = claim
    for _ in range(len(ports)):
        port = ports[claim[2] % len(ports)]
        claim[2] += 1
        if is_free(port):
            return port
    raise AssertionError(f"no free port in {ports}")


def _claim():
    blocks = list(range(FIRST, LAST, BLOCK))
    random.shuffle(blocks)
    for first in blocks:
        sign = socket.socket(socket.AF_UNIX)
        try:
            sign.bind(f"\0broadcaster-chaos-ports-{first}")
        except OSError:
            sign.close()
            continue
        return sign, range(first, first + BLOCK), 0
    raise AssertionError(f"{len(blocks)} runners have taken all ports")


def is_free(port):
    """As a server asks: what remains of old connections does not count."""
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            s.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True
