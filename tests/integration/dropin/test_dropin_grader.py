# SPDX-License-Identifier: MIT
"""The grader: it posts in the loop that stores verdicts, and never reads or closes a response."""
import json
import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest
from support.omegaup import run_text
from support.process import LIMIT, wait_until

SOURCE = Path(__file__).parent / "grader.go"
POSTS = 1000
PUBLISH_WAIT = 1


def pages_of(omegaup, place):
    """One page at each gateway."""
    pages = [omegaup.page(place.contest_channel, gateway=g) for g in range(len(omegaup.gateways))]
    omegaup.begin(pages, place)
    return pages


def accepted(omegaup):
    return omegaup.stack.publisher.metrics()["messages_received_total"]


def assert_all_came(pages):
    expected = [str(n) for n in range(POSTS)]
    for page in pages:
        assert [page.recv_text() for _ in expected] == expected


def test_thousand_posts_of_which_only_the_heads_are_read_use_one_connection(omegaup):
    place = omegaup.place()
    pages = pages_of(omegaup, place)
    grader = omegaup.grader()
    before = accepted(omegaup)
    for n in range(POSTS):
        assert grader.post(str(n), contest=place.contest, public=True) == 200
    assert accepted(omegaup) - before == POSTS
    assert grader.post("no JSON", contest=place.contest) == 400
    assert grader.post("1", contest=place.contest) == 200, "the connection is still good"
    assert_all_came(pages)


@pytest.fixture(scope="session")
def go_grader(tmp_path_factory):
    if not shutil.which("go"):
        pytest.skip("no Go on this machine")
    directory = tmp_path_factory.mktemp("go")
    program = directory / "grader"
    subprocess.run(["go", "build", "-o", str(program), str(SOURCE)], check=True,
                   env={**os.environ, "GO111MODULE": "off", "GOFLAGS": "", "GOCACHE":
                        str(directory / "cache")})
    return program


def test_gos_own_client_that_touches_no_body_uses_one_connection(omegaup, go_grader):
    place = omegaup.place()
    pages = pages_of(omegaup, place)
    files = [omegaup.certificates.path(name) for name in ("own.pem", "own.key", "ca.pem")]
    done = subprocess.run(
        [str(go_grader), f"https://localhost:{omegaup.stack.publisher.port}/broadcast/", *files,
         place.contest, str(POSTS)], capture_output=True, text=True, timeout=LIMIT, check=False)
    assert done.returncode == 0, done.stderr
    connections, goroutines = map(int, done.stdout.split())
    assert connections == 1 and goroutines < 10, done.stdout
    assert_all_came(pages)


# --- what is not there holds up no verdict --------------------------------------------------------

@pytest.mark.parametrize("trouble", ["down", "silent", "hang_up"])
def test_frontend_in_trouble_holds_up_no_post(omegaup, trouble):
    place = omegaup.place()
    page, = pages_of(omegaup, place)[:1]
    judge = omegaup.judge
    if trouble == "down":
        judge.down()
    elif trouble == "silent":
        judge.hold()
    else:
        judge.mode = trouble
    grader = omegaup.grader()
    for n in range(50):
        assert grader.post(run_text(f"{n}"), contest=place.contest, public=True) == 200
    if trouble == "silent":
        wait_until(lambda: judge.at_once, what="the call that is not answered")
    assert [json.loads(page.recv_text())["run"]["guid"] for _ in range(50)] == \
        [f"{n}" for n in range(50)]


@pytest.mark.parametrize("trouble", ["frozen", "dead"])
def test_redis_in_trouble_holds_up_no_post_and_costs_no_connection(make_omegaup, trouble):
    site = make_omegaup(settings={"Broadcaster": {"PublishWait": PUBLISH_WAIT}})
    place = site.place()
    page, = pages_of(site, place)
    grader = site.grader()
    if trouble == "frozen":
        site.stack.redis.process.signal(signal.SIGSTOP)
    else:
        site.stack.redis.kill()
    for n in range(8):
        assert grader.post(str(n), contest=place.contest, public=True) == 503
    if trouble == "frozen":
        site.stack.redis.process.signal(signal.SIGCONT)
    else:
        site.stack.redis.start()
    wait_until(lambda: grader.post('"end"', contest=place.contest, public=True) == 200, LIMIT,
               "Redis to be used again", pause=0.1)
    came = []
    while '"end"' not in came:
        came.append(page.recv_text())
    assert [text for text in came if text.isdigit()][:8] == [str(n) for n in range(8)]
