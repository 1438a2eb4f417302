# SPDX-License-Identifier: MIT
"""The network between our processes and Redis."""
import asyncio

from ..proxy import DOWN, UP
from .base import Fault


def some(run, services):
    return run.rng.sample(services, run.rng.randrange(1, len(services) + 1))


class Cut(Fault):
    name = "link-cut"
    about = "links to Redis reset, any of them, several times"

    async def inject(self, run):
        for _ in range(run.rng.randrange(2, 9)):
            for service in some(run, run.world.services):
                service.proxy.cut(run.rng.choice((None, "subscriber", "reader", "writer")))
                if run.rng.random() < 0.2:
                    service.proxy.refuse()
            await run.sleep(0.05, 0.6)
            run.world.heal()


class HalfClosed(Fault):
    name = "link-half-closed"
    about = "links to Redis closed in one direction only"

    async def inject(self, run):
        for _ in range(run.rng.randrange(1, 5)):
            for service in some(run, run.world.services):
                service.proxy.half_close(run.rng.choice((None, "subscriber", "reader")))
            await run.sleep(0.1, 0.8)


class BlackHole(Fault):
    """Long ones are found out (5 s without an answer), short ones only delay."""
    link, kind = None, "gateway"
    seconds = 8.0

    async def inject(self, run):
        services = run.world.gateways if self.kind == "gateway" else run.world.publishers
        directions = run.rng.choice(((UP, DOWN), (DOWN,), (UP,)))
        for service in some(run, services):
            service.proxy.hold(self.link, directions)
        await asyncio.sleep(run.rng.uniform(6.0, 9.0) if run.rng.random() < 0.4 else run.length)


class SubscriberHole(BlackHole):
    name = "subscriber-black-hole"
    about = "nothing moves on a gateway's subscriber link while clients come from the other one"
    link = "subscriber"

    async def inject(self, run):
        harm = asyncio.ensure_future(super().inject(run))
        for _ in range(run.rng.randrange(1, 3)):
            await run.sleep(0.2, 1.0)
            for proxy in run.world.client_proxies:
                proxy.cut()
        await harm


class ReaderHole(BlackHole):
    name = "reader-black-hole"
    about = "nothing moves on a gateway's reader link while clients and topics come back"
    link = "reader"

    async def inject(self, run):
        harm = asyncio.ensure_future(super().inject(run))
        await run.sleep(0.1, 0.4)
        for gateway in run.world.gateways:
            gateway.proxy.cut("subscriber")
        for proxy in run.world.client_proxies:
            proxy.cut()
        await harm


class PublisherHole(BlackHole):
    name = "publisher-black-hole"
    about = "nothing moves on a publisher's link"
    kind = "publisher"


class AnswerLost(Fault):
    name = "publisher-answer-lost"
    about = "publishers' links reset when Redis has written and the answer is on its way"

    async def inject(self, run):
        for _ in range(run.rng.randrange(6, 14)):
            publisher = run.rng.choice(run.world.publishers)
            publisher.proxy.hold("writer", (DOWN,))
            await run.sleep(0.03, 0.2)  # less than a publisher waits for Redis
            publisher.proxy.cut()
            publisher.proxy.behave()
            await run.sleep(0.1, 0.4)


class Slow(Fault):
    name = "link-slow"
    about = "links delayed (up to 0.4 s a step) or dripping"

    async def inject(self, run):
        for service in some(run, run.world.services):
            name = run.rng.choice((None, "subscriber", "reader"))
            if run.rng.random() < 0.6:
                service.proxy.delay(run.rng.uniform(0.05, 0.4), name)
            else:
                service.proxy.drip(run.rng.randrange(2000, 60000), name)
        await run.sleep(0.3, 1.0)
        run.rng.choice(run.world.gateways).proxy.cut("subscriber")
        await run.sleep(0.5, 2.5)


class Deaf(Fault):
    name = "subscriber-deaf"
    about = "a subscriber link that answers commands but delivers no message"

    async def inject(self, run):
        for service in some(run, run.world.gateways):
            service.proxy.make_deaf("subscriber")
        # Short: the next message shows the gap. Long: the probe does not come back.
        await asyncio.sleep(run.rng.choice((0.5, 2.0, 6.0 if run.quick else 22.0)))


FAULTS = (Cut, HalfClosed, SubscriberHole, ReaderHole, PublisherHole, AnswerLost, Slow,
          Deaf)
