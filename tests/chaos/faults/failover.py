# SPDX-License-Identifier: MIT
"""The wrong server: one that is idle, one that was demoted, one that came back."""
import asyncio

from ..world import wait_for
from .base import Fault


async def replica_of(run, master):
    """A spare server that has all that the master has."""
    spare = await run.world.spare()
    await follow(spare, master)
    return spare


async def follow(server, master):
    await server.call("REPLICAOF", "127.0.0.1", str(master.port))

    def is_synced():
        with server.client() as client:
            return client.info("replication")["master_link_status"] == "up"
    await wait_for(is_synced, 15.0, "the replica to follow")


async def promote(server):
    await server.call("REPLICAOF", "NO", "ONE")


def attach(services, server, cut=True):
    for service in services:
        service.proxy.target = server.port
        if cut:
            service.proxy.cut()


async def let_beats_be_heard():
    """Publishers say every 5 s where they write; a gateway that has never heard that cannot know
    that it is somewhere else."""
    await asyncio.sleep(5.5)


class WrongServer(Fault):
    name = "wrong-server"
    about = "gateways attached to an idle Redis that is not the publishers'"
    fresh = True
    seconds = 18.0

    async def inject(self, run):
        await let_beats_be_heard()
        wrong = await run.world.spare()
        gateways = run.rng.sample(run.world.gateways, run.rng.randrange(1, 3))
        attach(gateways, wrong)
        await run.sleep(0.5, 4.0)
        # The name is right again, but nobody cuts a link: the beats that stay away must tell.
        attach(gateways, run.world.redis, cut=run.rng.random() < 0.3)


class DemotedMaster(Fault):
    name = "demoted-master"
    about = "publishers follow a failover, gateways stay with the old master"
    fresh = True
    seconds = 18.0

    async def inject(self, run):
        world = run.world
        old, new = world.redis, await replica_of(run, world.redis)
        await let_beats_be_heard()
        await promote(new)
        attach(world.publishers, new)
        await run.sleep(0.1, 2.0)
        if run.rng.random() < 0.6:
            await follow(old, new)
        await run.sleep(0.1, 1.0)
        attach(world.gateways, new, cut=run.rng.random() < 0.3)
        world.redis, world.spares[0] = new, old


class SplitBrain(Fault):
    name = "split-brain"
    about = "two masters at once: gateways follow the new one while publishers still write to the old"
    fresh = True
    seconds = 12.0

    async def inject(self, run):
        world = run.world
        old, new = world.redis, await replica_of(run, world.redis)
        await let_beats_be_heard()
        await promote(new)
        # Clients are told `reset` by their gateways now, before the last events of the old master.
        attach(run.rng.sample(world.gateways, run.rng.randrange(1, 3)), new)
        await run.sleep(0.5, 3.0)
        for publisher in run.rng.sample(world.publishers, 2):
            attach([publisher], new)
            await run.sleep(0.0, 1.0)
        await follow(old, new)
        attach(world.gateways, new, cut=run.rng.random() < 0.3)
        world.redis, world.spares[0] = new, old


class ThereAndBack(Fault):
    name = "failover-a-b-a"
    about = "A → B → A without any restart; gateways may stay with A all the time"
    fresh = True
    seconds = 9.0

    async def inject(self, run):
        world = run.world
        a, b = world.redis, await replica_of(run, world.redis)
        await let_beats_be_heard()
        everybody = run.rng.random() < 0.5
        await promote(b)
        attach(world.services if everybody else world.publishers, b)
        await run.sleep(0.2, 1.0)
        await follow(a, b)
        await run.sleep(0.2, 1.0)
        await promote(a)
        await run.sleep(0.0, 0.4)  # what B takes now is lost
        attach(world.services if everybody else world.publishers, a)
        await follow(b, a)


class InPlace(Fault):
    name = "promoted-in-place"
    about = "the master is demoted and promoted again, and no connection is cut"

    async def inject(self, run):
        redis = run.world.redis
        for _ in range(run.rng.randrange(1, 3)):
            await redis.call("REPLICAOF", "127.0.0.1", "1")
            await run.sleep(0.1, 2.0)
            await promote(redis)
            await run.sleep(0.1, 3.0)


class Sentinel(Fault):
    name = "sentinel-failover"
    about = "Sentinel promotes a replica after the master was killed or stood still"
    fresh = True
    sentinels = 1
    settle_limit = 60.0

    async def inject(self, run):
        world = run.world
        old, new = world.redis, await replica_of(run, world.redis)
        sentinel = world.sentinels[0]

        def is_known():
            with sentinel.client() as client:
                return any(s["master-link-status"] == "ok"
                           for s in client.sentinel_slaves("chaos"))
        await wait_for(is_known, 20.0, "Sentinel to learn of the replica")
        if run.rng.random() < 0.5:
            old.kill()
        else:
            world.freeze(old.process)

        def is_promoted():
            with new.client() as client:
                return client.info("replication")["role"] == "master"
        await wait_for(is_promoted, 40.0, "Sentinel's failover")
        await run.sleep(0.2, 1.0)
        if old.process:
            world.thaw(old.process)
        else:
            await old.launch()
        world.redis, world.spares[0] = new, old


FAULTS = (WrongServer, DemotedMaster, SplitBrain, ThereAndBack, InPlace, Sentinel)
