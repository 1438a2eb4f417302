# SPDX-License-Identifier: MIT
"""Legacy clients while the judge is being asked about them: they cost Redis nothing, and miss nothing."""
import json
import time

import pytest
from support.frontend import Frontend
from support.omegaup import filter_path
from support.process import BUILD, wait_until
from support.ws_client import SUBPROTOCOL

READS = ("info", "get", "hmget", "hgetall", "xrange", "xrevrange", "time", "evalsha", "ping",
         "publish", "hello", "select", "client|setinfo", "config|get", "config|resetstat", "keys",
         "script|load", "script|exists", "dbsize", "command|docs", "auth")


@pytest.fixture
def judge():
    frontend = Frontend()
    frontend.add_user("ana")
    frontend.add_user("beto")
    yield frontend
    frontend.down()


def legacy(stack, place, user="ana", **options):
    if user:
        options.update(headers={"Cookie": f"ouat=cookie-{user}"}, origin="https://omegaup.com")
    return stack.ws(path=filter_path(place.contest_channel), subprotocols=[SUBPROTOCOL], **options)


def place_of_both(stack, judge):
    place = stack.place()
    judge.add_contest(place.contest)
    for user in ("ana", "beto"):
        judge.accounts[f"cookie-{user}"].contests.add(place.contest)
    return place


def post(stack, place, message):
    stack.post({"contest": place.contest, "message": message, "public": True})


def subscribed(stack, place):
    with stack.redis.client() as redis:
        return [n for _, n in redis.pubsub_numsub(f"omegaup:events:contest/{place.contest}")] != [0]


def check_that_nothing_is_missed(stack, judge, is_live, wait=2.5):
    place = place_of_both(stack, judge)
    if is_live:
        keeper = stack.ws()
        assert keeper.auth("cookie-beto")["type"] == "auth_success"
        keeper.subscribed(place.contest_channel)
    post(stack, place, '"before"')
    time.sleep(0.1)
    judge.hold()
    asked = judge.count("validateFilter")
    client = legacy(stack, place)
    wait_until(lambda: judge.count("validateFilter") > asked, what="the judge to be asked")
    assert subscribed(stack, place) == is_live
    sent = []
    end = time.monotonic() + wait
    while time.monotonic() < end:
        sent.append(json.dumps(len(sent)))
        post(stack, place, sent[-1])
        time.sleep(0.1)
    judge.release()
    got = []
    while len(got) < len(sent):
        text = client.recv_text()
        if text != '"before"' or is_live:  # a clock that may have been set: rarely something twice
            got.append(text)
    assert got == sent
    post(stack, place, '"after"')
    assert client.recv_text() == '"after"'


@pytest.mark.parametrize("is_live", [True, False], ids=["live", "not_live"])
def test_what_is_published_while_the_judge_is_asked_arrives(make_stack, judge, is_live):
    check_that_nothing_is_missed(make_stack(frontend=judge), judge, is_live)


@pytest.mark.parametrize("shift", [30, -30])
def test_clock_of_the_gateway_does_not_matter(make_stack, judge, shift):
    if "asan" in str(BUILD) or "tsan" in str(BUILD):
        pytest.skip("a sanitizer must be the first library")
    library = (BUILD / "tests" / "libshift_clock.so").resolve()
    stack = make_stack(frontend=judge)
    stack.gateway.stop()
    stack.gateway.env = {"LD_PRELOAD": str(library), "SHIFT_CLOCK_S": str(shift)}
    stack.gateway.start()
    check_that_nothing_is_missed(stack, judge, is_live=False)


def test_strangers_write_nothing_into_redis(make_stack, judge):
    stack = make_stack(frontend=judge)
    with stack.redis.client() as redis:
        keys = set(redis.keys())
        redis.config_resetstat()
        places = [stack.place() for _ in range(20)]
        clients = [legacy(stack, place, user=None) for place in places]
        assert {client.wait_closed() for client in clients} <= {4003, 4004}
        seen = {name.removeprefix("cmdstat_") for name in redis.info("commandstats")}
        assert not {n for n in seen if n not in READS}, seen
        assert not {n for n in seen if n in ("subscribe", "ssubscribe")}
        assert set(redis.keys()) == keys


def test_nobodys_session_on_a_public_contest_leaves_no_record(make_stack, judge):
    stack = make_stack(frontend=judge)
    place = stack.place(public=True)
    judge.add_contest(place.contest, public=True)
    client = legacy(stack, place, user=None)
    wait_until(lambda: subscribed(stack, place), what="the topic to be subscribed")
    client.close()
    wait_until(lambda: stack.gateway.metrics()["connections_active"] == 0, what="its end")
    stack.gateway.stop()
    with stack.redis.client() as redis:
        assert redis.keys("omegaup:events:resume:*") == []
