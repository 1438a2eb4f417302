# SPDX-License-Identifier: MIT
"""Clients that do not read, and all of them gone at once."""
import asyncio
import time

from ..checker import SCOREBOARD
from ..ports import free_port
from ..proxy import DOWN, Proxy
from ..sessions import make_admins
from ..traffic import NOTICE, Backend
from .base import Fault

SLOW = 12
LARGE_EVENTS = 60


class SlowReaders(Fault):
    """Some admins of one contest come through proxies of their own, which then stand still or drip,
    while more is sent to them than the kernel's buffers hold."""
    settings = {"Broadcaster": {"WriteTimeout": 1, "QueueBytes": 262144}}

    async def prepare(self, run):
        self.proxies = [await Proxy(free_port(), gateway.port, receive_buffer=131072).start()
                        for gateway in run.world.gateways]
        slow = make_admins(run.world, run.places[0], run.rng, SLOW)
        for client in slow:
            client.ports = [proxy.port for proxy in self.proxies]
        run.clients[:SLOW] = slow

    async def inject(self, run):
        for proxy in self.proxies:
            self.harm(proxy)
        backends = [Backend(port) for port in run.traffic.ports]
        place = run.places[0]
        for _ in range(LARGE_EVENTS):
            kind = run.rng.choice((NOTICE, SCOREBOARD))
            post = run.traffic.new_post(kind, contest=place.contest)
            await run.traffic.send(backends, post, pad="x" * run.rng.randrange(60000, 180000))
        for backend in backends:
            backend.close()
        await run.sleep(1.5, 3.0)
        for proxy in self.proxies:
            proxy.behave()

    async def clean(self, run):
        for proxy in self.proxies:
            await proxy.stop()


class ReadsNothing(SlowReaders):
    name = "client-reads-nothing"
    about = "clients that read nothing for seconds, with large events"

    def harm(self, proxy):
        proxy.hold(None, (DOWN,))


class ReadsByByte(SlowReaders):
    name = "client-reads-bytes"
    about = "clients that read a few bytes a second, with large events"

    def harm(self, proxy):
        proxy.drip(10)


class AllDropped(Fault):
    name = "all-clients-dropped"
    about = "all connections of clients reset at once, several times"

    async def inject(self, run):
        for _ in range(run.rng.randrange(1, 5)):
            for proxy in run.world.client_proxies:
                proxy.cut()
            await run.sleep(0.02, 1.2)


class TwoThousand(Fault):
    """Redis is read once for a topic, not once for a client."""
    name = "two-thousand-dropped"
    about = "2,000 clients reset at once: all complete within 10 s, reads of Redis counted"
    clients = 2000
    rate = 8.0
    fresh = True
    seconds, heavy = 14.0, True

    def reads(self, run):
        return sum(gateway.metrics().total("broadcaster_log_reads_total")
                   for gateway in run.world.gateways)

    async def inject(self, run):
        before = await asyncio.to_thread(self.reads, run)
        for proxy in run.world.client_proxies:
            proxy.cut()
        dropped = time.monotonic()
        await asyncio.sleep(0.3)
        while not all(client.is_settled() for client in run.clients):
            assert time.monotonic() - dropped < 10, "not all are back after 10 s"
            await asyncio.sleep(0.05)
        topics = {c.topic for client in run.clients for c in client.channels.values()}
        reads = await asyncio.to_thread(self.reads, run) - before
        # Each gateway may join each topic anew, and a read may take two pages.
        most = 4 * len(topics) * len(run.world.gateways)
        assert reads <= most, f"{reads} reads of Redis for {len(topics)} topics"


FAULTS = (ReadsNothing, ReadsByByte, AllDropped, TwoThousand)
