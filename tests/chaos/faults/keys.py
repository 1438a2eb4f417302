# SPDX-License-Identifier: MIT
"""Somebody meddles with what is in Redis, or it has no memory left."""
from .base import Fault

PREFIX = "omegaup:events:"


def topics(run):
    names = [f"contest/{p.contest}" for p in run.places]
    names += [f"problem/{p.problem}" for p in run.places]
    return [PREFIX + name for name in names + [f"user/{u}" for u in run.users]]


async def make_some_resume(run):
    """Clients that must come back from where they were, now and then the gateways too."""
    choice = run.rng.randrange(3)
    if choice > 0:
        for proxy in run.world.client_proxies:
            proxy.cut()
    if choice > 1:
        for gateway in run.world.gateways:
            gateway.proxy.cut()
    await run.sleep(0.1, 0.5)


class ScriptFlush(Fault):
    name = "script-flush"
    about = "`SCRIPT FLUSH`, several times"

    async def inject(self, run):
        for _ in range(run.rng.randrange(2, 8)):
            await run.world.redis.call("SCRIPT", "FLUSH")
            if run.rng.random() < 0.3:
                await make_some_resume(run)
            await run.sleep(0.0, 0.3)


class FlushAll(Fault):
    name = "flushall"
    about = "`FLUSHALL`"

    async def inject(self, run):
        for _ in range(run.rng.randrange(1, 4)):
            await run.world.redis.call("FLUSHALL")
            if run.rng.random() < 0.5:
                await make_some_resume(run)
            await run.sleep(0.1, 1.0)


class LogTrimmed(Fault):
    name = "log-trimmed"
    about = "logs cut short by hand (`XTRIM`) while clients are away"

    async def inject(self, run):
        run.world.heal()
        for proxy in run.world.client_proxies:
            proxy.refuse()
            proxy.cut()
        cut = run.rng.random() < 0.7  # so that the gateways need the log
        for gateway in run.world.gateways if cut else ():
            gateway.proxy.refuse()
            gateway.proxy.cut()
        await run.sleep(0.3, 1.5)
        for topic in topics(run):
            if run.rng.random() < 0.7:
                await run.world.redis.call("XTRIM", f"{topic}:log", "MAXLEN",
                                           str(run.rng.choice((0, 1, 5, 20))))


class KeyDeleted(Fault):
    name = "key-deleted"
    about = "position, log or scoreboard deleted"

    async def inject(self, run):
        for _ in range(run.rng.randrange(1, 4)):
            for topic in run.rng.sample(topics(run), 8):
                key = run.rng.choice((":pos", ":log", ":state:public", ":state:private"))
                await run.world.redis.call("DEL", topic + key)
            await make_some_resume(run)
            await run.sleep(0.0, 0.5)


class OutOfMemory(Fault):
    name = "oom"
    about = "Redis at `maxmemory` with `noeviction`"

    async def inject(self, run):
        await run.world.redis.call("CONFIG", "SET", "maxmemory", "100kb")
        try:
            await run.sleep(0.1, 0.5)
            await make_some_resume(run)
            await run.sleep(0.3, 2.0)
        finally:
            await run.world.redis.call("CONFIG", "SET", "maxmemory", "0")


FAULTS = (ScriptFlush, FlushAll, LogTrimmed, KeyDeleted, OutOfMemory)
