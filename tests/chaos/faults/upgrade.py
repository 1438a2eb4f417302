# SPDX-License-Identifier: MIT
"""What docs/operations.md says of an upgrade, done."""
import asyncio
import signal
import time

from .base import Fault


class Upgrade(Fault):
    """Each process in turn is asked to go and another started, under load: nobody is told `reset`."""
    name = "upgrade"
    about = "every gateway, then every publisher: SIGTERM, status 0, started anew; nobody is told `reset`"

    async def inject(self, run):
        for service in (*run.world.gateways, *run.world.publishers):
            process = service.process
            process.signal(signal.SIGTERM)
            await run.world.ended(process)
            assert process.popen.returncode == 0, f"{service.name} ended with " \
                f"{process.popen.returncode}:\n{process.tail()}"
            await run.world.restart(service)
            await run.sleep(0.1, 0.5)
        restarted = time.monotonic()
        while not all(client.is_settled() for client in run.clients):
            assert time.monotonic() - restarted < self.settle_limit, "not everybody is back"
            await asyncio.sleep(0.05)
        # All gateways are new, hence their counts.
        for gateway in run.world.gateways:
            metrics = await asyncio.to_thread(gateway.metrics)
            assert metrics.total("broadcaster_resets_total") == 0, f"{gateway.name} said reset"
            lost = metrics['broadcaster_resumes_total{result="not_recovered"}']
            assert lost == 0, f"{lost} positions not recovered by {gateway.name}"


FAULTS = (Upgrade,)
