# SPDX-License-Identifier: MIT
"""Runs bench_loadgen and reads its report."""
import json
import select
import subprocess

from .processes import Failure, pin


def why(report):
    """What is wrong in a report, in one line."""
    counts = {**report.get("connections", {}), **report.get("delivery", {})}
    wrong = [f"{counts[name]} {name}" for name in
             ("failed", "closed", "broken", "missing", "duplicates", "unexpected", "torn",
              "disordered_receivers") if counts.get(name)]
    refused = report.get("posts", {}).get("failed")
    wrong += [f"{refused} posts refused"] if refused else []
    said = [counts["surprise"]] if counts.get("surprise") else []
    return "; ".join([report.get("trouble") or "messages or connections are wrong",
                      ", ".join(wrong) or "nothing counted", *said])


class Load:
    """A load generator under way."""

    def __init__(self, place, arguments, watched, deadline=120):
        argv = [place.program("bench_loadgen"), *map(str, arguments), "--deadline", str(deadline)]
        for name, pid in watched.items():
            argv += ["--pid", f"{name}={pid}"]
        core = place.cores[1]
        self.deadline = deadline
        self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, preexec_fn=lambda: pin(core))
        place.loads.append(self)

    def wait_ready(self):
        """Until a listener says that it is connected."""
        readable, _, _ = select.select([self.process.stderr], [], [], self.deadline)
        if not readable:
            self.stop()
        if self.process.stderr.readline() != b"ready\n":
            self.finish()  # its report says why
            raise Failure("bench_loadgen ended before it was ready")

    def finish(self):
        """The report as a dictionary; raises when a message or a connection went missing."""
        try:
            out, errors = self.process.communicate(timeout=self.deadline + 30)
        except subprocess.TimeoutExpired:
            self.stop()
            raise Failure("bench_loadgen does not end") from None
        if not out:
            raise Failure(f"bench_loadgen: {errors.decode()}")
        report = json.loads(out)
        if self.process.returncode != 0:
            raise Failure(f"not complete: {why(report)}")
        return report

    def stop(self):
        if self.process.poll() is None:
            self.process.kill()


def run(place, arguments, watched, deadline=120):
    return Load(place, arguments, watched, deadline).finish()
