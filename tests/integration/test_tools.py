# SPDX-License-Identifier: MIT
"""The small programs that tools/run tells people to use."""
import json
import shlex
import subprocess

import pytest
from support import events
from support.process import LIMIT, ROOT, Process, free_port, wait_until
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
    wait_until(lambda: '"n": 2' in watch.log(), what="the missed event")
    big = {"type": "contest_update", "data": {"contest_alias": place.contest, "pad": "x" * 100_000}}
    stack.post(big)
    wait_until(lambda: "x" * 100_000 in watch.log(), what="the large event")
    assert watch.is_running()


def test_watch_says_where_nothing_listens_and_what_to_do(start):
    port = free_port()
    watch = start("watch", "--port", port, "/contest/a")
    wait_until(lambda: "tools/run" in watch.log(), what="the advice")
    assert f"ws://localhost:{port}/events/" in watch.log()


def test_commands_that_run_prints_can_be_pasted():
    """Also when the folder's name holds a space."""
    text = (ROOT / "tools/run").read_text()
    introduce = text[text.index("introduce_console() {"):text.index("\nmain() {")]
    script = ("set -eu; root='/a b' certificates='/c d' dir=/e port=1 events_port=2 metrics_port=3 "
              "gateways=1 console_dir='' demo=no\nsay() { :; }\n" + introduce + "\nintroduce\n")
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=LIMIT,
                          check=True)
    watch, curl = (shlex.split(part) for part in done.stdout.split("\n\n")
                   if part.startswith(("Watch", "Post")))
    assert "/a b/tools/watch" in watch
    assert curl[curl.index("--cacert") + 1] == "/c d/ca.pem"
    assert json.loads(curl[curl.index("-d") + 1])["type"] == "run_update"


def test_demo_posts_events_that_are_taken(stack, start):
    client = stack.ws("carla").subscribed("/contest/annual-2024/admin")
    demo = start("demo", "--port", stack.publisher.port, "--certificates",
                 stack.certificates.directory, "--events", 30, "--minutes", 0.2, "--seed", 7)
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
                          timeout=LIMIT, stdin=subprocess.DEVNULL, check=False)
    assert done.returncode in (1, 2)
    assert done.stderr
