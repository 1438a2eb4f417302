# SPDX-License-Identifier: MIT
"""Results in a file, one JSON line for each run, and the table that docs/reliability.md shows."""
import dataclasses
import json
import subprocess
from collections import Counter
from pathlib import Path

from support.process import BUILD, ROOT

from .faults import all_faults
from .run import Result


def commit():
    """What the sources are; "-dirty" when they differ from every commit."""
    said = subprocess.run(["git", "describe", "--always", "--dirty", "--abbrev=10"], cwd=ROOT,
                          capture_output=True, text=True, check=False)
    return said.stdout.strip() or "unknown"


def is_built():
    """Whether the programs under test are those of the sources."""
    said = subprocess.run(["cmake", "--build", BUILD, "--target", "broadcaster-gateway",
                           "broadcaster-publisher", "--", "-n"],
                          capture_output=True, text=True, check=False)
    return said.returncode == 0 and "no work to do" in said.stdout


def append(path, result):
    with open(path, "a", encoding="utf-8") as out:
        out.write(json.dumps(dataclasses.asdict(result)) + "\n")


def load(path):
    """[] when there is no such file; the last line may have been cut off."""
    results = []
    if Path(path).exists():
        for text in Path(path).read_text(encoding="utf-8").splitlines():
            try:
                results.append(Result(**json.loads(text)))
            except json.JSONDecodeError:
                continue
    return results


def done(path, of_commit):
    """(fault, seed) of the runs of this commit that are in the file."""
    return {(r.fault, r.seed) for r in load(path) if r.commit == of_commit}


def print_table(path):
    rows = {}
    results = load(path)
    for result in results:
        rows.setdefault(result.fault, []).append(result)
    known = all_faults()
    print("| fault | what happens | runs | events delivered | resets | violations "
          "| worst recovery |\n|---|---|---|---|---|---|---|")
    for name in [n for n in known if n in rows]:
        of_fault = rows[name]
        print(f"| `{name}` | {known[name].about} | {len(of_fault)} "
              f"| {sum(r.delivered for r in of_fault)} | {sum(r.resets for r in of_fault)} "
              f"| {sum(len(r.violations) for r in of_fault)} "
              f"| {max(r.recovery for r in of_fault):.1f} s |")
    print(f"\n{summary(results)}")


def summary(results):
    seeds = [r.seed for r in results]
    commits = Counter(r.commit or "unknown" for r in results)
    made = ", ".join(c if len(commits) == 1 else f"{c} ({n} runs)" for c, n in commits.items())
    return (f"{len(results)} runs, seeds {min(seeds)} to {max(seeds)}, "
            f"{sum(r.delivered for r in results)} events delivered, "
            f"{sum(bool(r.violations) for r in results)} runs with violations. Commit {made}.") \
        if results else "no runs"
