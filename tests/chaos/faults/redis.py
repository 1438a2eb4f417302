# SPDX-License-Identifier: MIT
"""Redis dies, comes back with less than it had, or stands still."""
import asyncio

from .base import Fault


class KilledEmpty(Fault):
    name = "redis-killed-empty"
    about = "Redis killed, back on the same port without data"

    async def inject(self, run):
        redis = run.world.redis
        redis.kill()
        redis.forget()
        await run.sleep(0.05, 2.5)
        await redis.launch()


class OlderSnapshot(Fault):
    name = "redis-older-rdb"
    about = "Redis killed, back from an older RDB file: positions were further than it knows"

    async def inject(self, run):
        redis = run.world.redis
        await redis.call("SAVE")
        await run.sleep(0.3, 2.0)
        redis.kill()
        await run.sleep(0.05, 1.5)
        await redis.launch()


class AppendOnly(Fault):
    name = "redis-aof"
    about = "Redis killed, back with its append-only file"
    redis_options = ("--appendonly", "yes")

    async def inject(self, run):
        redis = run.world.redis
        redis.kill()
        await run.sleep(0.05, 1.5)
        await redis.launch()


class Frozen(Fault):
    name = "redis-frozen"
    about = "Redis stands still (SIGSTOP) for 1 to 30 s"
    seconds = 8.0

    async def inject(self, run):
        redis = run.world.redis.process
        run.world.freeze(redis)
        try:
            await asyncio.sleep(1 + run.length)
        finally:
            run.world.thaw(redis)


class KillPubsub(Fault):
    name = "client-kill-pubsub"
    about = "`CLIENT KILL TYPE pubsub`, several times"

    async def inject(self, run):
        for _ in range(run.rng.randrange(1, 6)):
            await run.world.redis.call("CLIENT", "KILL", "TYPE", "pubsub")
            await run.sleep(0.02, 0.7)


class OutputBuffer(Fault):
    name = "output-buffer-limit"
    about = "Redis closes the subscriber over its output buffer limit"
    seconds = 7.0
    pad_bytes = 6000

    async def inject(self, run):
        redis = run.world.redis
        gateway = run.rng.choice(run.world.gateways)
        await redis.call("CONFIG", "SET", "client-output-buffer-limit", "pubsub 1 1 1")
        try:
            gateway.proxy.hold("subscriber")
            await run.sleep(0.3, 1.5)
            for _ in range(40):  # what the kernel's buffers do not take
                await redis.call("PUBLISH", "omegaup:events:room", "x" * 400000)
            await run.sleep(1.2, 2.5)
        finally:
            await redis.call("CONFIG", "SET", "client-output-buffer-limit",
                             "pubsub 33554432 8388608 60")


FAULTS = (KilledEmpty, OlderSnapshot, AppendOnly, Frozen, KillPubsub, OutputBuffer)
