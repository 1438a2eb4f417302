# SPDX-License-Identifier: MIT
"""Divides faults and seeds into parts and keeps so many processes busy with them at a time."""
import json
import os
import subprocess
import sys
import threading
import time
from dataclasses import dataclass

from . import results
from .faults import all_faults
from .run import Result

PART_SECONDS = 45.0    # about so long is a part, so that the last ones end together
PROGRESS_EVERY = 20.0  # seconds


@dataclass(frozen=True)
class Part:
    fault: str
    seeds: tuple
    seconds: float  # an estimate
    heavy: bool


def parts_of(names, seeds_of):
    """Heavy ones first, since there is one of them at a time, then longest first."""
    known = all_faults()
    parts = []
    for name in names:
        fault, seeds = known[name], seeds_of(name)
        size = max(1, round(PART_SECONDS / fault.seconds))
        for at in range(0, len(seeds), size):
            some = tuple(seeds[at:at + size])
            parts.append(Part(name, some, fault.seconds * len(some), fault.heavy))
    return sorted(parts, key=lambda p: (not p.heavy, -p.seconds))


class Queue:
    """Gives out parts, never two heavy ones at the same time."""

    def __init__(self, parts):
        self._parts, self._lock, self._heavy = list(parts), threading.Lock(), False

    def take(self):
        """None when there is nothing left for one more process."""
        with self._lock:
            for at, part in enumerate(self._parts):
                if not (part.heavy and self._heavy):
                    self._heavy = self._heavy or part.heavy
                    return self._parts.pop(at)
            return None

    def give_back(self, part):
        with self._lock:
            self._heavy = self._heavy and not part.heavy


class Progress:
    """How far it is and when it will end, by what the runs took up to now."""

    def __init__(self, parts):
        self.total = sum(len(p.seeds) for p in parts)
        self.left = sum(p.seconds for p in parts)
        self.runs = self.bad = 0
        self.estimated = 0.0  # for the runs that are done
        self.began = self.told = time.monotonic()

    def take(self, result, estimate):
        self.runs += 1
        self.bad += bool(result.violations)
        self.estimated += estimate

    def line(self):
        took = time.monotonic() - self.began
        rest = took * (self.left - self.estimated) / self.estimated if self.estimated else 0
        end = time.strftime("%H:%M:%S", time.localtime(time.time() + max(rest, 0)))
        return f"---- {self.runs} of {self.total} runs, {self.bad} with violations, " \
            f"{took:.0f} s, until about {end}"

    def is_due(self):
        due = time.monotonic() - self.told >= PROGRESS_EVERY
        if due:
            self.told = time.monotonic()
        return due


def line(result):
    """One line of the report."""
    verdict = "ok  " if not result.violations else "FAIL"
    return (f"{verdict} {result.fault:24} seed {result.seed:<5} {result.seconds:5.1f} s  "
            f"posts {result.posts:4} acked {result.acked:4}  delivered {result.delivered:6}  "
            f"resets {result.resets:4}  resumed {result.resumed:4}  "
            f"recovered in {result.recovery:4.1f} s")


class Suite:
    """Runs parts side by side, each in a process that prints one JSON line per run."""

    def __init__(self, options, directory, env=None, quiet=False):
        self.options, self.directory, self.quiet = options, directory, quiet
        self.env = {**os.environ, **(env or {})}
        self.results = []
        self.commit = results.commit()
        self._lock = threading.Lock()

    def run(self, names):
        parts = parts_of(names, self._seeds_of)
        self.progress = Progress(parts)
        queue = Queue(parts)
        threads = [threading.Thread(target=self._work, args=(queue,), daemon=True)
                   for _ in range(max(1, self.options.jobs))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return self.results

    def _seeds_of(self, name):
        done = results.done(self.options.results, self.commit) if self.options.resume else ()
        seeds = range(self.options.seed, self.options.seed + self.options.runs)
        return [seed for seed in seeds if (name, seed) not in done]

    def _work(self, queue):
        while part := queue.take():
            try:
                self._run_part(part)
            finally:
                queue.give_back(part)

    def _run_part(self, part):
        directory = self.directory / part.fault / f"from-{part.seeds[0]}"
        directory.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "chaos", "--worker", part.fault, "--keep", str(directory),
                   "--seeds", ",".join(map(str, part.seeds))]
        command += ["--quick"] if self.options.quick else []
        seen = set()
        with open(directory / "runner.log", "ab") as log, subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=log, env=self.env, text=True) as process:
            for text in process.stdout:
                result = Result(**json.loads(text))
                seen.add(result.seed)
                self._take(result, part)
            status = process.wait()
        missing = [seed for seed in part.seeds if seed not in seen]
        if status != 0 or missing:
            tail = (directory / "runner.log").read_text(errors="replace")[-1500:]
            self._take(Result(part.fault, (missing or part.seeds)[0],
                              [f"the runner ended with {status}:\n{tail}"]), part)

    def _take(self, result, part):
        result.commit = self.commit
        with self._lock:
            self.results.append(result)
            self.progress.take(result, part.seconds / len(part.seeds))
            if self.options.results:
                results.append(self.options.results, result)
            if not self.quiet:
                self._tell(result)

    def _tell(self, result):
        print(line(result), flush=True)
        for violation in result.violations[:12]:
            print(f"     {violation}")
        if result.violations:
            print(f"     again: tools/chaos --fault {result.fault} --seed {result.seed}"
                  f"{' --quick' if self.options.quick else ''} --keep DIR", flush=True)
        if self.progress.is_due():
            print(self.progress.line(), flush=True)
