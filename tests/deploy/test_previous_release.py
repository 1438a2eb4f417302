# SPDX-License-Identifier: MIT
"""Programs of the previous release beside the present ones, as in every upgrade: docs/operations.md,
"Compatibility". The previous release is built from git, once, into the cache of tools/deps."""
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from support import events
from support.process import ROOT, program

PREVIOUS = "2417d7f95d5cba03863986e8c8e5509bc388e768"  # 0.1.0; the tag's name once there is one


def git(*words, **options):
    return subprocess.run(["git", "-C", ROOT, *words], capture_output=True, text=True, **options)


def cache():
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("BROADCASTER_CACHE") or Path(base) / "broadcaster")


@pytest.fixture(scope="module")
def previous():
    """The path of a program of the previous release, by kind."""
    if git("cat-file", "-e", f"{PREVIOUS}^{{commit}}").returncode != 0:
        pytest.skip(f"the history of this clone does not hold the previous release, {PREVIOUS[:7]}")
    place = cache() / f"previous-{PREVIOUS[:12]}"
    if not (place / "done").exists():
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        archive = subprocess.Popen(["git", "-C", ROOT, "archive", PREVIOUS], stdout=subprocess.PIPE)
        subprocess.run(["tar", "-x", "-C", place], stdin=archive.stdout, check=True)
        for command in (["cmake", "--preset", "dev", "-B", "out", "-DBROADCASTER_TESTS=OFF"],
                        ["cmake", "--build", "out", "--target", "broadcaster-publisher",
                         "broadcaster-gateway"]):
            done = subprocess.run(command, cwd=place, capture_output=True, text=True)
            assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
        (place / "done").touch()
    return lambda kind: str(place / "out" / kind / f"broadcaster-{kind}")


@pytest.fixture(params=["gateway", "publisher"])
def mixed(request, previous, make_stack):
    """Two gateways and a publisher: either the second gateway or the publisher is the previous one."""
    stack = make_stack(gateways=2)
    old = stack.gateways[1] if request.param == "gateway" else stack.publisher
    old.stop()
    old.program = previous(request.param)
    old.start()
    return stack


@pytest.mark.timeout(600)
def test_both_gateways_deliver_what_is_published(mixed):
    place = mixed.place()
    clients = [mixed.ws("ana", gateway=n).subscribed(place.contest_channel, "/user/ana")
               for n in (0, 1)]
    mixed.post(events.contest_update(place, 1), headers={"Idempotency-Key": "one"})
    mixed.post(events.contest_update(place, 1), headers={"Idempotency-Key": "one"})
    mixed.post(events.run_update(place, "ana"))
    mixed.post({"contest": place.contest, "public": True, "message": '{"n": 3}'})
    seen = [[client.recv() for _ in range(4)] for client in clients]
    assert seen[0] == seen[1]
    assert [m["type"] for m in seen[0]].count("contest_update") == 1


@pytest.mark.timeout(600)
@pytest.mark.parametrize("first,second", [(0, 1), (1, 0)])
def test_position_of_one_gateway_is_good_at_the_other(mixed, first, second):
    place = mixed.place()
    client = mixed.ws("ana", gateway=first).subscribed(place.contest_channel)
    mixed.post(events.contest_update(place, 1))
    position = client.recv()["position"]
    client.abort()
    mixed.post(events.contest_update(place, 2))
    back = mixed.ws("ana", gateway=second)
    assert back.subscribe(place.contest_channel, position=position)["recovered"] is True
    assert back.recv()["data"]["n"] == 2


@pytest.mark.timeout(600)
@pytest.mark.parametrize("first,second", [(0, 1), (1, 0)])
def test_position_of_a_silent_topic_is_never_met_with_silence(mixed, first, second):
    place = mixed.place()
    client = mixed.ws("ana", gateway=first)
    position = client.subscribe(place.contest_channel)["position"]
    client.abort()
    mixed.post(events.contest_update(place, 1))
    back = mixed.ws("ana", gateway=second)
    answer = back.subscribe(place.contest_channel, position=position)
    assert answer["recovered"] is False or back.recv()["data"]["n"] == 1, answer


@pytest.mark.timeout(600)
def test_control_reaches_both(mixed):
    sessions = [mixed.ws("dora", gateway=n) for n in (0, 1)]
    assert mixed.backend().get("/deauthenticate/dora").status == 200
    assert [s.wait_closed() for s in sessions] == [4001, 4001]


@pytest.mark.timeout(600)
def test_configuration_of_the_previous_release_is_understood(previous, tmp_path):
    """What it had in effect, written out, is taken by the present programs: no key has gone."""
    for kind in ("publisher", "gateway"):
        done = subprocess.run([previous(kind), "--dump-config", "--set",
                               "Broadcaster.FrontendURL=http://judge.test"],
                              capture_output=True, text=True, check=True)
        path = tmp_path / "config.json"
        path.write_text(json.dumps(json.loads(done.stdout)))
        done = subprocess.run([program(kind), "--config", path, "--strict", "--dump-config"],
                              capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
