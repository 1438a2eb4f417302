# SPDX-License-Identifier: MIT
"""The small programs that tools/run tells people to use."""
import json
import subprocess

import pytest
from support import events
from support.process import ROOT, Process, wait_until
from support.users import token_of


@pytest.fixture
def start(tmp_path):
    """start(tool, argument…): one of tools/, ended after the test."""
    processes = []

    def start_tool(tool, *arguments):
        process = Process(f"{tool}-{len(processes)}", [ROOT / "tools" / tool, *map(str, arguments)],
                          tmp_path)
        processes.append(process)
        return process

    yield start_tool
    for process in processes:
        process.kill()


def test_watch_prints_events_and_survives_a_restart_of_the_gateway(make_stack, start):
    stack = make_stack()
    place = stack.place()
    watch = start("watch", "--port", stack.gateway.port, "--token", token_of("ana"), "--raw",
                  place.contest_channel)
    wait_until(lambda: '"subscribed"' in watch.log(), what="the subscription")
    stack.post(events.contest_update(place, 1))
    wait_until(lambda: '"n": 1' in watch.log(), what="the event")
    stack.gateway.kill()
    stack.post(events.contest_update(place, 2))  # missed, and brought by the position
    stack.gateway.start()
    wait_until(lambda: '"n": 2' in watch.log(), 20, "the missed event")
    big = {"type": "contest_update", "data": {"contest_alias": place.contest, "pad": "x" * 100_000}}
    stack.post(big)
    wait_until(lambda: "x" * 100_000 in watch.log(), what="the large event")
    assert watch.is_running()


def test_demo_posts_events_that_are_taken(stack, start):
    client = stack.ws("carla").subscribed("/contest/annual-2024/admin")
    demo = start("demo", "--port", stack.publisher.port, "--certificates",
                 stack.certificates.directory, "--events", 30, "--rate", 1000, "--seed", 7)
    assert demo.wait() == 0, demo.log()
    assert "not published" not in demo.log()
    kinds = {client.recv()["type"] for _ in range(30)}
    assert {"run_update", "scoreboard_update"} <= kinds


def test_run_sample_users_file_is_valid(make_stack):
    stack = make_stack()
    stack.write_users(json.loads((ROOT / "tools/run.users.json").read_text()))
    stack.gateway.stop()
    stack.gateway.start()
    stack.ws("ana").subscribed("/contest/annual-2024", "/user/ana", "/problem/sum-two")
    stack.ws("jurado").subscribed("/contest/annual-2024/admin")
    stack.ws().subscribed("/scoreboard/PublicBoard", "/contest/open-day")


@pytest.mark.parametrize("arguments", [["--gateways", "0"], ["--port"], ["--port", "70000"],
                                       ["--nonsense"], ["--port", "x"]])
def test_run_refuses_wrong_options(arguments):
    done = subprocess.run([ROOT / "tools/run", *arguments], capture_output=True, text=True,
                          timeout=10, stdin=subprocess.DEVNULL, check=False)
    assert done.returncode in (1, 2)
    assert done.stderr
