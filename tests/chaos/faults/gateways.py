# SPDX-License-Identifier: MIT
"""Gateways die, stand still, leave."""
import asyncio
import signal

from .base import Fault


class Killed(Fault):
    name = "gateway-killed"
    about = "gateways killed (-9) and started again, one after the other"

    async def inject(self, run):
        for gateway in run.rng.sample(run.world.gateways, run.rng.randrange(1, 3)):
            gateway.kill()
            await run.sleep(0.0, 1.0)
            await run.world.restart(gateway)
            await run.sleep(0.1, 0.8)


class Stopped(Fault):
    name = "gateway-stopped"
    about = "a gateway stands still (SIGSTOP) and goes on"

    async def inject(self, run):
        gateway = run.rng.choice(run.world.gateways)
        run.world.freeze(gateway.process)
        try:
            await asyncio.sleep(run.length)
            if run.rng.random() < 0.5:
                run.world.client_proxies[run.world.gateways.index(gateway)].cut()
                await run.sleep(0.1, 1.0)
        finally:
            run.world.thaw(gateway.process)


class Terminated(Fault):
    name = "gateway-terminated"
    about = "SIGTERM: the gateway sends its clients away, ends with status 0, starts again"

    async def inject(self, run):
        for gateway in run.rng.sample(run.world.gateways, run.rng.randrange(1, 3)):
            process = gateway.process
            process.signal(signal.SIGTERM)
            await run.world.ended(process)
            assert process.popen.returncode == 0, f"{gateway.name} ended with " \
                f"{process.popen.returncode}:\n{process.tail()}"
            await run.world.restart(gateway)
            await run.sleep(0.1, 0.5)


FAULTS = (Killed, Stopped, Terminated)
