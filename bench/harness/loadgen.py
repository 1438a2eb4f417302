# SPDX-License-Identifier: MIT
"""Runs bench_loadgen and reads its report."""
import json
import subprocess

from .processes import Failure, pin


def run(place, arguments, watched, deadline=120):
    """The report as a dictionary; raises when a message or a connection went missing."""
    argv = [place.program("bench_loadgen"), *map(str, arguments), "--deadline", str(deadline)]
    for name, pid in watched.items():
        argv += ["--pid", f"{name}={pid}"]
    core = place.cores[1]
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=deadline + 30, check=False,
                          preexec_fn=lambda: pin(core))
    if not done.stdout:
        raise Failure(f"bench_loadgen: {done.stderr.decode()}")
    report = json.loads(done.stdout)
    if done.returncode != 0:
        shown = {k: report.get(k) for k in ("trouble", "connections", "delivery", "posts")}
        raise Failure(f"not complete: {json.dumps(shown)}")
    return report
