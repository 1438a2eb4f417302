# SPDX-License-Identifier: MIT
"""Builds a copy of the sources with one bug at a time and shows that the faults find it."""
import shutil
import subprocess

from support.process import ROOT

from .mutants import MUTANTS
from .campaign import Suite

LEFT_OUT = shutil.ignore_patterns("build", ".git", "node_modules", "__pycache__")
TARGETS = ("broadcaster-gateway", "broadcaster-publisher")
ATTEMPTS = 3  # seeds of a fault before the next one is tried


class Copy:
    def __init__(self, directory):
        self.source, self.build = directory / "source", directory / "build"
        self.log = directory / "build.log"
        shutil.copytree(ROOT, self.source, ignore=LEFT_OUT, symlinks=True)

    def call(self, *command):
        with open(self.log, "ab") as log:
            return subprocess.run(command, cwd=self.source, stdout=log, stderr=log,
                                  check=False).returncode == 0

    def make(self):
        if not (self.build / "build.ninja").exists():
            assert self.call("cmake", "--preset", "release", "-B", str(self.build)), self.log
        return self.call("cmake", "--build", str(self.build), "-j2", "--target", *TARGETS)

    def apply(self, mutant):
        """Returns what undoes it, or None with a reason when the sources have changed."""
        before = {}
        for name, text, replacement in mutant.edits:
            path = self.source / name
            source = path.read_text(encoding="utf-8")
            before.setdefault(path, source)
            if source.count(text) != 1:
                self.undo(before)
                return None, f"{name} holds its text {source.count(text)} times, not once"
            path.write_text(source.replace(text, replacement), encoding="utf-8")
        return before, ""

    @staticmethod
    def undo(before):
        for path, source in before.items():
            path.write_text(source, encoding="utf-8")


def hunt(mutant, options, directory, build):
    """(fault, seed, first violation) of the first run that finds the bug, or None."""
    for fault in mutant.faults:
        for attempt in range(ATTEMPTS):
            options.runs, options.seed, options.quick = 1, options.first_seed + attempt, True
            suite = Suite(options, directory / mutant.name, {"BROADCASTER_BUILD": str(build)}, True)
            for result in suite.run([fault]):
                if result.violations:
                    return fault, result.seed, result.violations[0]
    return None


def run_mutants(options, directory):
    directory.mkdir(parents=True, exist_ok=True)
    options.first_seed, options.results = options.seed, None
    options.resume = False
    copy = Copy(directory)
    assert copy.make(), f"the sources do not build: {copy.log}"
    wanted = [m for m in MUTANTS if not options.only or m.name in options.only]
    missed = 0
    print("| bug | what it does | found by | the first thing that it said |\n|---|---|---|---|")
    for mutant in wanted:
        found, said = False, ""
        before, why = copy.apply(mutant)
        if before is None or not copy.make():
            said = why or f"does not build: {copy.log}"
        else:
            catch = hunt(mutant, options, directory, copy.build)
            found = catch is not None
            said = catch[2] if found else f"{ATTEMPTS} seeds each of {', '.join(mutant.faults)}"
        copy.undo(before or {})
        missed += not found
        by = f"`{catch[0]}`, seed {catch[1]}" if found else "**not found**"
        print(f"| `{mutant.name}` | {mutant.about} | {by} | {shorten(said)} |", flush=True)
    print(f"\n{len(wanted)} bugs, {missed} not found")
    return 1 if missed else 0


def shorten(text, most=150):
    line = " ".join(text.split()).replace("|", "/")
    return line if len(line) <= most else line[:most] + "…"
