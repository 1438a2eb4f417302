# SPDX-License-Identifier: MIT
"""Ports for processes that listen later, or again after they were killed."""
from support import process

_given = set()


def free_port():
    """One that this runner has not given away before. Another program may still be faster."""
    while True:
        port = process.free_port()
        if port not in _given:
            _given.add(port)
            return port
