# SPDX-License-Identifier: MIT
"""A part of a campaign, in a process of its own: one fault, some seeds, worlds that nobody else
uses. Prints one JSON line for each run."""
import asyncio
import dataclasses
import json
import os
import traceback
from pathlib import Path

from support.process import die_with_parent

from .faults import all_faults
from .run import Result, Run
from .world import World

START_ATTEMPTS = 3
LIGHT = 5         # heavy runs have a time to keep, those beside them must not take it
WORLD_RUNS = 40  # runs of one world: its users file names the users of all of them


class Worlds:
    """Keeps a world as long as it is fit for another run."""

    def __init__(self, fault, directory):
        self.fault, self.directory = fault, directory
        self.world, self.numbers = None, iter(())

    async def get(self, seed):
        """(a world, a number that no run of this world had)"""
        fit = self.world and not self.fault.fresh and await asyncio.to_thread(self.world.is_whole)
        number = next(self.numbers, None) if fit else None
        if number is None:
            number = await self._begin(self.directory / f"seed-{seed}")
        return self.world, number

    async def _begin(self, directory):
        for attempt in range(START_ATTEMPTS):
            await self.end()
            runs = range(1 if self.fault.fresh else WORLD_RUNS)
            self.numbers = iter(runs)
            self.world = World(directory / str(attempt), runs, self.fault.settings,
                               self.fault.redis_options, self.fault.sentinels)
            try:
                await self.world.start()
                break
            except AssertionError as problem:  # somebody else was faster at a port
                if "in use" not in str(problem) or attempt == START_ATTEMPTS - 1:
                    raise
        return next(self.numbers)

    async def end(self):
        """Returns what was found in the logs of its processes."""
        world, self.world = self.world, None
        return await world.stop() if world else []


async def run_fault(fault, seeds, directory, quick, tell):
    worlds = Worlds(fault, directory)
    for seed in seeds:
        try:
            world, number = await worlds.get(seed)
            tell(await Run(world, fault, seed, number, quick).execute())
        except Exception:  # the run is lost, the next one gets another world
            await worlds.end()
            tell(Result(fault.name, seed, [traceback.format_exc()]))
    problems = await worlds.end()
    if problems:
        tell(Result(fault.name, seeds[-1], problems))


def work(options):
    die_with_parent()

    def tell(result):
        print(json.dumps(dataclasses.asdict(result)), flush=True)

    fault = all_faults()[options.worker]()
    if not fault.heavy:
        os.nice(LIGHT)
    seeds = [int(seed) for seed in options.seeds.split(",")]
    asyncio.run(run_fault(fault, seeds, Path(options.keep), options.quick, tell))
    return 0
