# SPDX-License-Identifier: MIT
"""Runs make the frontend refresh the contest's scoreboard: seldom, by one publisher, and surely."""
import time
import urllib.parse
from pathlib import Path

import pytest
from support import events
from support.frontend import Frontend
from support.http_client import Http
from support.process import ROOT, wait_until
from support.stack import Stack

SECRET = "s3&cr=t"
PERIOD = 2
PREFIX = "omegaup:events"
SCRIPT = (ROOT / "publisher" / "refresh.lua").read_text()


@pytest.fixture(scope="module")
def judge():
    frontend = Frontend()
    yield frontend
    frontend.down()


@pytest.fixture(scope="module")
def pair(tmp_path_factory, certificates, judge):
    """Two publishers; gateways play no part."""
    settings = {"Broadcaster": {"ScoreboardUpdateSecret": SECRET,
                                "ScoreboardUpdateTimeout": PERIOD}}
    with Stack(tmp_path_factory.mktemp("refresh"), certificates, frontend=judge, gateways=0,
               settings=settings) as stack:
        stack.other = stack._service("publisher", 1).start()
        yield stack
        stack.other.stop()


@pytest.fixture
def stack(pair, judge):
    judge.mode, judge.delay = "ok", 0.0
    judge.up()
    yield pair
    judge.mode, judge.delay = "ok", 0.0
    judge.up()
    wait_until(lambda: nothing_due(pair), 30, "the last refresh")
    judge.forget_calls()


def nothing_due(stack):
    with stack.redis.client() as redis:
        return not redis.exists(f"{PREFIX}:refresh:due", f"{PREFIX}:refreshing")


def post_to(stack, service, place):
    backend = Http(service.port, stack.certificates.client_context("client"))
    assert backend.post(events.run_update(place)).status == 200
    backend.close()


def refreshed(judge):
    return [urllib.parse.parse_qs(c.body)["alias"][0] for c in list(judge.calls)]


def claim(stack, owner, lease_ms, *words):
    """One turn of a publisher that is not there."""
    with stack.redis.client() as redis:
        answer = redis.eval(SCRIPT, 2, f"{PREFIX}:refresh:due", f"{PREFIX}:refreshing",
                            f"{PREFIX}:refresh:", owner, lease_ms, PERIOD * 1000, 2, *words)
    return answer[0], [contest.decode() for contest in answer[1:]]


# --- several publishers ------------------------------------------------------------------------

def test_runs_of_two_publishers_are_one_refresh_and_one_after_the_period(stack, judge):
    place = stack.place()
    judge.delay = 0.3
    for _ in range(5):
        post_to(stack, stack.publisher, place)
        post_to(stack, stack.other, place)
    began = time.monotonic()
    wait_until(lambda: len(judge.calls) == 2, PERIOD + 3, "the trailing refresh")
    assert time.monotonic() - began > PERIOD - 1
    time.sleep(PERIOD + 0.5)
    assert refreshed(judge) == [place.contest] * 2


def test_refresh_longer_than_the_period_is_never_doubled(stack, judge):
    place = stack.place()
    judge.delay = PERIOD + 1.5
    for _ in range(8):
        post_to(stack, stack.publisher, place)
        post_to(stack, stack.other, place)
        time.sleep(0.5)
    wait_until(lambda: len(judge.calls) == 2, 10, "the trailing refresh")
    assert judge.most_at_once == 1


def test_publisher_makes_two_calls_at_once_and_the_others_wait_in_order(stack, judge):
    stack.other.stop()
    judge.delay = 0.4
    places = [stack.place() for _ in range(6)]
    for place in places:
        post_to(stack, stack.publisher, place)
        time.sleep(0.01)
    wait_until(lambda: len(judge.calls) == 6, 10, "all refreshes")
    stack.other.start()
    assert refreshed(judge) == [p.contest for p in places]
    assert judge.most_at_once == 2


# --- nothing is lost ---------------------------------------------------------------------------

def test_refresh_of_a_killed_publisher_is_made_by_another(stack, judge):
    place = stack.place()
    judge.delay = 3
    post_to(stack, stack.publisher, place)
    wait_until(lambda: judge.calls, what="the first call")
    stack.publisher.kill()
    judge.delay = 0
    wait_until(lambda: len(judge.calls) == 2, 20, "the call by the other publisher")
    stack.publisher.start()
    assert refreshed(judge) == [place.contest] * 2


def test_publisher_that_died_between_claim_and_call_loses_nothing(stack, judge):
    place = stack.place()
    stack.publisher.stop()
    stack.other.stop()
    with stack.redis.client() as redis:
        redis.zadd(f"{PREFIX}:refresh:due", {place.contest: 1})
    assert claim(stack, "dead", 1500) == (-1, [place.contest])
    stack.publisher.start()
    stack.other.start()
    wait_until(lambda: judge.calls, 10, "the refresh")
    time.sleep(0.5)
    assert refreshed(judge) == [place.contest]


def test_run_whose_publisher_dies_at_once_is_refreshed_by_another(stack, judge):
    """As if killed right after it wrote the event."""
    place = stack.place()
    with stack.redis.client() as redis:
        redis.zadd(f"{PREFIX}:refresh:due", {place.contest: 1})
    wait_until(lambda: judge.calls, 5, "the refresh")
    assert refreshed(judge) == [place.contest]


def test_failed_refresh_is_tried_again_after_the_period(stack, judge):
    place = stack.place()
    judge.mode = "broken"
    post_to(stack, stack.publisher, place)
    wait_until(lambda: judge.calls, what="the first call")
    began = time.monotonic()
    judge.mode = "ok"
    wait_until(lambda: len(judge.calls) == 2, PERIOD + 3, "the second call")
    assert time.monotonic() - began > PERIOD - 0.5
    time.sleep(PERIOD + 0.5)
    assert len(judge.calls) == 2


def test_frontend_that_is_down_delays_no_post_and_gets_the_refresh_later(stack, judge):
    place = stack.place()
    judge.down()
    began = time.monotonic()
    for _ in range(20):
        stack.post(events.run_update(place))
    assert time.monotonic() - began < 1
    time.sleep(PERIOD)
    judge.up()
    wait_until(lambda: judge.calls, PERIOD + 3, "the refresh")


def test_contest_that_the_frontend_does_not_know_is_not_tried_again(stack, judge):
    place = stack.place()
    judge.mode = "404"
    post_to(stack, stack.publisher, place)
    wait_until(lambda: judge.calls, what="the call")
    time.sleep(PERIOD + 1)
    assert len(judge.calls) == 1


def test_redis_that_forgets_everything_ends_no_refreshes(stack, judge):
    place = stack.place()
    judge.delay = 1
    post_to(stack, stack.publisher, place)
    wait_until(lambda: judge.calls, what="the call")
    with stack.redis.client() as redis:
        redis.flushall()
        redis.script_flush()
    judge.delay = 0
    time.sleep(1.5)
    post_to(stack, stack.publisher, place)
    wait_until(lambda: len(judge.calls) == 2, PERIOD + 3, "the next refresh")


# --- the rest ----------------------------------------------------------------------------------

def test_other_secret_is_logged_by_name_and_never_shown(stack, judge):
    place = stack.place()
    judge.mode = "403"
    post_to(stack, stack.publisher, place)
    services = (stack.publisher, stack.other)
    logs = lambda: "".join(s.process.log() for s in services)  # noqa: E731
    wait_until(lambda: "ScoreboardUpdateSecret differs from the frontend's" in logs(),
               what="the line in the log")
    assert SECRET not in logs()
    assert urllib.parse.quote(SECRET, safe="") not in logs()
    judge.mode = "ok"
    wait_until(lambda: len(judge.calls) >= 2, PERIOD + 3, "the refresh after all")


@pytest.mark.parametrize("alias", ["due", "claimed", "omi:final"])
def test_any_alias_is_refreshed(stack, judge, alias):
    body = {"contest": alias, "user": "ana", "message": '{"message":"/run/update/","run":{}}'}
    for _ in range(2):
        stack.post(body)
    wait_until(lambda: len(judge.calls) == 2, PERIOD + 3, "both refreshes")
    assert refreshed(judge) == [alias] * 2


def test_metrics_count_refreshes_by_result(stack, judge):
    post_to(stack, stack.publisher, stack.place())
    wait_until(lambda: judge.calls, what="the call")
    name = 'broadcaster_scoreboard_refreshes_total{result="ok"}'
    assert wait_until(lambda: sum(s.metrics()[name] for s in (stack.publisher, stack.other)),
                      what="the count") >= 1


def test_publisher_that_is_told_to_leave_ends_its_call_first(stack, judge):
    place = stack.place()
    judge.delay = 1.5
    post_to(stack, stack.publisher, place)
    wait_until(lambda: judge.calls, what="the call")
    stack.publisher.stop()
    judge.delay = 0
    assert nothing_due(stack)
    stack.publisher.start()
    assert len(judge.calls) == 1


def test_without_secret_nothing_is_refreshed(tmp_path, certificates, judge):
    judge.forget_calls()
    settings = {"Broadcaster": {"ScoreboardUpdateSecret": ""}}
    with Stack(Path(tmp_path) / "off", certificates, frontend=judge, gateways=0,
               settings=settings) as stack:
        stack.post(events.run_update(stack.place()))
        time.sleep(0.5)
        assert judge.calls == [] and nothing_due(stack)
