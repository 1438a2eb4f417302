# SPDX-License-Identifier: MIT
"""Publishers die around a write, or race."""
import asyncio

from ..proxy import DOWN, UP
from ..traffic import NOTICE, Backend
from .base import Fault


class Killed(Fault):
    """`held` widens the moment: UP, what was sent is not written yet; DOWN, it is, but the
    publisher does not know."""
    held = None

    async def inject(self, run):
        for _ in range(run.rng.randrange(2, 5)):
            publisher = run.rng.choice(run.world.publishers)
            if self.held:
                publisher.proxy.hold(None, (self.held,))
                await run.sleep(0.02, 0.2)
            publisher.kill()
            publisher.proxy.behave()
            await run.sleep(0.0, 0.5)
            await run.world.restart(publisher)
            await run.sleep(0.1, 0.5)


class KilledBefore(Killed):
    name = "publisher-killed-before"
    about = "publishers killed before their writes reach Redis"
    held = UP


class KilledAfter(Killed):
    name = "publisher-killed-after"
    about = "publishers killed when Redis has written, before they know"
    held = DOWN


class KilledAnytime(Killed):
    name = "publisher-killed"
    about = "publishers killed at any moment"


class Race(Fault):
    name = "key-race"
    about = "two publishers get the same Idempotency-Key at the same time"
    seconds = 7.0

    async def inject(self, run):
        backends = [Backend(port) for port in run.traffic.ports]
        for publisher in run.world.publishers:
            publisher.proxy.delay(run.rng.choice((0, 0.01, 0.1)))
        for _ in range(40):
            place = run.rng.choice(run.places)
            post = run.traffic.new_post(NOTICE, contest=place.contest, public=True)
            post.key = f"race-{post.number}"
            await run.traffic.race(post, backends)
            if run.rng.random() < 0.1:
                run.rng.choice(run.world.publishers).proxy.cut()
            await asyncio.sleep(run.rng.uniform(0, 0.03))
        for backend in backends:
            backend.close()


FAULTS = (KilledBefore, KilledAfter, KilledAnytime, Race)
