# SPDX-License-Identifier: MIT
"""Chooses faults and seeds, runs each fault in a process of its own, and tells the results."""
import argparse
import asyncio
import dataclasses
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from support.process import ROOT

from .faults import all_faults
from .run import Result, Run
from .world import World

START_ATTEMPTS = 3
WORLD_RUNS = 40  # runs of one world: its users file names the users of all of them


def arguments():
    parser = argparse.ArgumentParser(
        prog="tools/chaos", description="Faults on purpose, and a checker of the promise that "
        "docs/reliability.md makes. Exit code 0: no violation.")
    parser.add_argument("--runs", type=int, default=1, help="seeds per fault (1)")
    parser.add_argument("--seed", type=int, default=1, help="the first seed (1)")
    parser.add_argument("--fault", action="append", help="only this one; repeatable")
    parser.add_argument("--quick", action="store_true", help="no long faults")
    parser.add_argument("--jobs", type=int, default=2, help="faults at the same time (2)")
    parser.add_argument("--list", action="store_true", help="names the faults")
    parser.add_argument("--keep", metavar="DIR", help="keeps the logs of all processes there")
    parser.add_argument("--results", metavar="FILE", help="adds one JSON line for each run")
    parser.add_argument("--table", metavar="FILE", help="prints such a file as a table")
    parser.add_argument("--mutants", action="store_true",
                        help="builds copies with seeded bugs and shows that each is caught")
    parser.add_argument("--only", action="append", help="with --mutants: this one; repeatable")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    return parser.parse_args()


# --- one fault, in a process of its own ---

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


def worker(options):
    directory = Path(options.keep)

    def tell(result):
        print(json.dumps(dataclasses.asdict(result)), flush=True)

    fault = all_faults()[options.worker]()
    seeds = range(options.seed, options.seed + options.runs)
    asyncio.run(run_fault(fault, seeds, directory, options.quick, tell))
    return 0


# --- all of them ---

def line(result):
    """One line of the report."""
    verdict = "ok  " if not result.violations else "FAIL"
    return (f"{verdict} {result.fault:24} seed {result.seed:<5} {result.seconds:5.1f} s  "
            f"posts {result.posts:4} acked {result.acked:4}  delivered {result.delivered:6}  "
            f"resets {result.resets:4}  resumed {result.resumed:4}  "
            f"recovered in {result.recovery:4.1f} s")


class Suite:
    """Runs faults side by side, each in a process that prints one JSON line per run."""

    def __init__(self, options, directory, env=None, quiet=False):
        self.options, self.directory, self.quiet = options, directory, quiet
        self.env = {**os.environ, **(env or {})}
        self.results = []

    def run(self, names):
        with ThreadPoolExecutor(max(1, self.options.jobs)) as pool:
            list(pool.map(self._run_fault, names))
        return self.results

    def _run_fault(self, name):
        directory = self.directory / name
        directory.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "chaos", "--worker", name, "--keep", str(directory),
                   "--runs", str(self.options.runs), "--seed", str(self.options.seed)]
        command += ["--quick"] if self.options.quick else []
        with open(directory / "runner.log", "ab") as log, subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=log, env=self.env, text=True) as process:
            seen = 0
            for text in process.stdout:
                self._take(Result(**json.loads(text)))
                seen += 1
            status = process.wait()
        if status != 0 or seen < self.options.runs:
            tail = (directory / "runner.log").read_text(errors="replace")[-1500:]
            self._take(Result(name, self.options.seed + seen,
                              [f"the runner ended with {status}:\n{tail}"]))

    def _take(self, result):
        self.results.append(result)
        if not self.quiet:
            print(line(result), flush=True)
            for violation in result.violations[:12]:
                print(f"     {violation}")
            if result.violations:
                print(f"     again: tools/chaos --fault {result.fault} --seed {result.seed}"
                      f"{' --quick' if self.options.quick else ''} --keep DIR", flush=True)
        if self.options.results:
            with open(self.options.results, "a", encoding="utf-8") as out:
                out.write(json.dumps(dataclasses.asdict(result)) + "\n")


def names_of(options):
    known = all_faults()
    for name in options.fault or ():
        if name not in known:
            sys.exit(f"no fault {name}; tools/chaos --list names them")
    return options.fault or list(known)


def print_table(path):
    rows = {}
    for text in Path(path).read_text(encoding="utf-8").splitlines():
        result = Result(**json.loads(text))
        rows.setdefault(result.fault, []).append(result)
    known = all_faults()
    print("| fault | what happens | runs | events delivered | resets | violations "
          "| worst recovery |\n|---|---|---|---|---|---|---|")
    for name in [n for n in known if n in rows]:
        results = rows[name]
        print(f"| `{name}` | {known[name].about} | {len(results)} "
              f"| {sum(r.delivered for r in results)} | {sum(r.resets for r in results)} "
              f"| {sum(len(r.violations) for r in results)} "
              f"| {max(r.recovery for r in results):.1f} s |")


def main():
    options = arguments()
    if options.worker:
        return worker(options)
    if options.list:
        for name, fault in all_faults().items():
            print(f"{name:26} {fault.about}")
        return 0
    if options.table:
        print_table(options.table)
        return 0
    directory = Path(options.keep or tempfile.mkdtemp(prefix="chaos-")).absolute()
    began = time.monotonic()
    try:
        if options.mutants:
            from .mutation import run_mutants
            return run_mutants(options, directory)
        results = Suite(options, directory).run(names_of(options))
    finally:
        if not options.keep:
            shutil.rmtree(directory, ignore_errors=True)
    bad = sum(bool(r.violations) for r in results)
    print(f"{len(results)} runs, {bad} with violations, "
          f"{time.monotonic() - began:.0f} s, of {ROOT.name}")
    return 1 if bad else 0
