# SPDX-License-Identifier: MIT
"""After whatever was done to it, a process holds what it held before: connections, topics, keys in
Redis, descriptors, memory."""
import contextlib
import os
from pathlib import Path

from .process import wait_until

GAUGES = ("connections_active", "broadcaster_topics", "broadcaster_subscriptions")
LINGER = 45  # seconds: a topic lingers for 10, a connection that is given up for 30
MEMORY_SLACK = 24 << 20  # bytes that an allocator may keep
JUDGE_CONNECTIONS = 16  # AuthConcurrency: kept alive, so as many as were ever needed at once
# What processes write by themselves, and what expires within the linger or by its own rule.
OWN_KEYS = (b":era", b":servers")


def rss(pid):
    """Bytes."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no VmRSS")


def cpu_seconds(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def keys_of(redis_server):
    with redis_server.client() as client:
        return {key for key in client.keys() if not key.endswith(OWN_KEYS)}


class Footprint:
    """What a service, and the Redis beside it, hold now."""

    def __init__(self, service, redis_server=None):
        metrics = service.metrics()
        self.counts = {name: metrics[name] for name in GAUGES if name in metrics}
        self.descriptors = len(os.listdir(f"/proc/{service.process.pid}/fd"))
        self.keys = keys_of(redis_server) if redis_server else set()
        self.memory = rss(service.process.pid)

    def beyond(self, before, memory_slack):
        """What there is more of than before, as text; empty: nothing."""
        more = [f"{name}: {value} after {before.counts.get(name, 0)}"
                for name, value in self.counts.items() if value > before.counts.get(name, 0)]
        if self.descriptors > before.descriptors + JUDGE_CONNECTIONS:
            more.append(f"descriptors: {self.descriptors} after {before.descriptors}")
        if self.keys - before.keys:
            more.append(f"keys: {sorted(self.keys - before.keys)[:5]}")
        if memory_slack is not None and self.memory > before.memory + memory_slack:
            more.append(f"memory: {self.memory >> 10} KiB after {before.memory >> 10}")
        return "; ".join(more)


@contextlib.contextmanager
def unchanged(service, redis_server=None, memory_slack=MEMORY_SLACK):
    """The body may do what it likes; afterwards the service comes back to what it was. `memory_slack`
    None: memory is not compared (the sanitizers keep what is freed)."""
    before = Footprint(service, redis_server)
    yield before
    seen = ["not looked"]

    def is_back():
        seen[0] = Footprint(service, redis_server).beyond(before, memory_slack)
        return not seen[0]

    try:
        wait_until(is_back, LINGER, f"{service.name} to hold what it held before", pause=0.5)
    except AssertionError as late:
        raise AssertionError(f"{late}: {seen[0]}") from None
