# SPDX-License-Identifier: MIT
"""One run: clients, traffic, a fault, its end, and what the checker says."""
import asyncio
import itertools
import random
import time
from dataclasses import dataclass, field

from .checker import Checker
from .sessions import make_clients
from .traffic import Traffic
from .world import places_of

SUBSCRIBE_LIMIT = 30.0
ROUND, LAST_ROUND = 2.0, 10.0  # seconds after which the end is marked once more
POLL = 0.05


@dataclass
class Result:
    fault: str
    seed: int
    violations: list = field(default_factory=list)
    posts: int = 0
    acked: int = 0
    delivered: int = 0
    resets: int = 0
    resumed: int = 0
    recovery: float = 0.0  # seconds from the end of the fault until everybody was complete
    seconds: float = 0.0
    commit: str = ""     # of the sources


class Run:
    """Faults are given this: the world, the clients, the traffic and the seed's random numbers."""

    def __init__(self, world, fault, seed, number, quick):
        self.world, self.fault, self.seed, self.quick = world, fault, seed, quick
        self.rng = random.Random(f"{fault.name}/{seed}")
        self.places = places_of(number)
        self.users = [u for p in self.places for u in p.users]
        self.traffic = Traffic([s.port for s in world.publishers], self.places,
                               random.Random(self.rng.random()), fault.rate, fault.pad_bytes,
                               itertools.count(number * 1_000_000 + 1))
        self.clients = make_clients(world, self.places, self.rng, fault.clients)

    async def sleep(self, low, high):
        await asyncio.sleep(self.rng.uniform(low, high))

    @property
    def length(self):
        """How long a fault lasts: a few seconds, and now and then long."""
        if self.quick or self.rng.random() < 0.7:
            return self.rng.uniform(0.3, 3.0)
        return self.rng.uniform(3.0, 30.0)

    async def execute(self):
        began = time.monotonic()
        result = Result(self.fault.name, self.seed)
        try:
            await self._play(result)
        except AssertionError as problem:
            result.violations.append(f"the run did not come to its end: {problem}")
        finally:
            await self.traffic.stop(0.5)
            await asyncio.gather(*(client.stop() for client in self.clients))
            await self.fault.clean(self)
            self.world.heal()
        await self._check(result)
        result.seconds = time.monotonic() - began
        return result

    async def _play(self, result):
        await self.fault.prepare(self)
        self.traffic.start()  # so that some topics are there before anybody subscribes
        for client in self.clients:
            client.start()
        await self._until(lambda: all(c.is_settled() for c in self.clients), SUBSCRIBE_LIMIT,
                          lambda: self._unsettled())
        await self.sleep(0.3, 0.8)
        await self.fault.inject(self)
        self.world.heal()
        ended = time.monotonic()
        await self.sleep(0.2, 0.6)
        await self.traffic.stop()
        first = await self._settle(await self._mark(), ROUND)
        result.recovery = time.monotonic() - ended
        # What else was acknowledged meanwhile may be on its way.
        await self._settle(first, LAST_ROUND)

    async def _until(self, condition, limit, what):
        end = time.monotonic() + limit
        while not condition():
            assert time.monotonic() < end, f"waited {limit} s: {what()}"
            await asyncio.sleep(POLL)

    def _unsettled(self):
        late = [c for c in self.clients if not c.is_settled()]
        return f"{len(late)} clients wait for answers, as {late[0].number} for {late[0].waiting}"

    async def _mark(self):
        return await self.traffic.mark_the_end(self.users)

    async def _settle(self, first, again_after):
        """Everybody has seen a mark of the end that is not older than `first`; they are posted anew
        from time to time, since who was told `recovered:false` at a mark does not get it. Returns
        the newest."""
        newest = first
        end = time.monotonic() + self.fault.settle_limit
        again = time.monotonic() + again_after
        while True:
            late = [(c.number, label) for c in self.clients for label in c.streams
                    if c.marks.get(label, 0) < first]
            if not late:
                return newest
            assert time.monotonic() < end, \
                f"{len(late)} channels are not complete {self.fault.settle_limit} s after the " \
                f"fault, as {late[0][1]} of client {late[0][0]}"
            if time.monotonic() > again:
                newest = await self._mark()
                again = time.monotonic() + again_after
            await asyncio.sleep(POLL)

    async def _check(self, result):
        topics = {c.topic for client in self.clients for c in client.channels.values()}
        try:
            log = await asyncio.to_thread(self.world.log_entries, sorted(topics))
        except Exception as problem:  # whatever the fault left behind
            result.violations.append(f"the logs cannot be read: {problem}")
            log = []
        numbers = self.traffic.numbers_by_id
        places = [(*place, numbers[event_id]) for *place, event_id in log if event_id in numbers]
        checker = Checker(self.traffic.posts, self.clients, places)
        result.violations += checker.run()
        posts = self.traffic.posts.values()
        result.posts, result.acked = len(posts), sum(p.acked is not None for p in posts)
        result.delivered = checker.counts["E"]
        result.resets = checker.counts["R"] + checker.counts["F"]
        result.resumed = checker.counts["T"]
        if result.posts == 0 or result.delivered == 0:
            result.violations.append("nothing was posted or delivered: the run proves nothing")
