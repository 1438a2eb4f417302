# SPDX-License-Identifier: MIT
"""Counted instructions: what a delivery costs in user space, whatever else the machine does."""
import re
import shutil
from pathlib import Path

from .processes import Failure
from .runs import measured_run

CALLGRIND = ["valgrind", "--tool=callgrind"]


def counted_run(place, make, p, messages, burst):
    """(instructions, deliveries) of the gateway's whole life."""
    where = Path(place.path) / "callgrind.out"
    peer = make()
    held, place.wrap = place.wrap, [*CALLGRIND, f"--callgrind-out-file={where}"]
    try:
        report = measured_run(place, peer, lambda peer: [
            *peer.subscription(("shared",), p["receivers"]), "--receives", "all",
            *peer.post_args("shared", burst), "--bytes", p["bytes"], "--rate", 0, "--stepwise",
            "--messages", messages, "--warmup", 1])
    finally:
        place.wrap = held
    found = re.search(r"^(?:summary|totals): (\d+)", where.read_text(), re.MULTILINE)
    where.unlink()
    if not found:
        raise Failure("callgrind wrote no total")
    return int(found[1]), report["delivery"]["delivered"]


def instructions(place, make, p):
    """Two runs of different length: what they differ by is the cost of the deliveries they differ
    by; start and connecting cancel out."""
    if not shutil.which("valgrind"):
        raise Failure("valgrind is not installed")
    result = {}
    for name, burst in (("single", 1), ("burst", p["burst"])):
        less = counted_run(place, make, p, p["messages"], burst)
        more = counted_run(place, make, p, 2 * p["messages"], burst)
        result[name] = (more[0] - less[0]) / (more[1] - less[1])
    return result
