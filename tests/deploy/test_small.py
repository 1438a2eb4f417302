# SPDX-License-Identifier: MIT
"""The overlay `small`: its gateway lives within its memory limit when a tenth of the pages do not read."""
import json
import os
import random
import string
from pathlib import Path

import pytest
import yaml
from support.crowd import Crowd
from support.process import wait_until

from conftest import DEPLOY

SMALL = DEPLOY / "k8s/overlays/small"
PAGES, IDLE, BOARDS, BOARD_BYTES = 1000, 100, 60, 200_000
CONTEST = "open"


def memory_limit():
    sizes = list(yaml.safe_load_all((SMALL / "sizes.yaml").read_text()))
    [gateway] = [o for o in sizes if o["metadata"]["name"] == "gateway"]
    [container] = gateway["spec"]["template"]["spec"]["containers"]
    return int(container["resources"]["limits"]["memory"].removesuffix("Mi")) << 20


@pytest.fixture
def confine():
    """confine(pid): into a control group of the overlay's memory limit; skips where there is none."""
    name, limit = f"broadcaster-small-{os.getpid()}", str(memory_limit())
    top = Path("/sys/fs/cgroup")
    group = (top / "memory" if (top / "memory").is_dir() else top) / name
    file = group / ("memory.limit_in_bytes" if (top / "memory").is_dir() else "memory.max")
    try:
        group.mkdir()
        file.write_text(limit)
    except OSError as refusal:
        if group.is_dir():
            group.rmdir()
        pytest.skip(f"no control group for memory here: {refusal}")
    yield lambda pid: (group / "cgroup.procs").write_text(str(pid))
    wait_until(lambda: not (group / "cgroup.procs").read_text(), what="the group to be empty")
    group.rmdir()


def board(number):
    """Large, and hard to compress."""
    noise = "".join(random.choices(string.ascii_letters, k=BOARD_BYTES))
    return {"type": "contest_update",
            "data": {"contest_alias": CONTEST, "event": f"board-{number}-end", "pad": noise}}


def test_a_thousand_pages_fit(confine, make_stack):
    settings = json.loads((SMALL / "gateway.json").read_text())
    queues = {k: settings["Broadcaster"][k] for k in ("QueueBytes", "QueueBytesTotal")}
    stack = make_stack(settings={"Broadcaster": {**queues, "AllowedOrigins": []},
                                 "Redis": settings["Redis"], "Logging": {"Level": "info"}})
    stack.write_users({"tokens": {}, "public": {"contests": [CONTEST]}})
    stack.gateway.stop()
    stack.gateway.start()
    confine(stack.gateway.process.pid)
    path = f"/events/?filter=/contest/{CONTEST}"
    with Crowd(PAGES - IDLE, [stack.gateway.port], path) as readers, \
            Crowd(IDLE, [stack.gateway.port], path) as idle:
        readers.upgrade()
        idle.upgrade()
        assert stack.gateway.metrics()["connections_active"] == PAGES
        for number in range(BOARDS):
            stack.post(board(number))
            mark = f"board-{number}-end".encode()

            def all_have_it():
                readers.turn(0.1)
                for member in readers.members:
                    if mark in member.bytes[-BOARD_BYTES - 4096:]:
                        member.seen = number
                        member.bytes.clear()
                return all(getattr(m, "seen", -1) == number for m in readers.members)

            wait_until(all_have_it, 60, "every reading page to get the board", pause=0)
        assert stack.gateway.process.is_running(), "killed"
        assert readers.count_open() == PAGES - IDLE
