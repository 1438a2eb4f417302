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
    for service in (pair.publisher, pair.other):
        if not (service.process and service.process.is_running()):
            service.start()
    wait_until(lambda: nothing_due(pair), what="the last refresh")
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
    began = time.monotonic()
    post_to(stack, stack.publisher, place)
    wait_until(lambda: judge.calls, what="the first call")
    for _ in range(5):
        post_to(stack, stack.other, place)
        post_to(stack, stack.publisher, place)
    posted = time.monotonic() - began
    wait_until(lambda: nothing_due(stack), what="the last refresh")
    assert time.monotonic() - began > PERIOD
    assert 2 <= len(refreshed(judge)) <= 2 + posted // PERIOD
    assert set(refreshed(judge)) == {place.contest}


def test_refresh_longer_than_the_period_is_never_doubled(stack, judge):
    place = stack.place()
    judge.delay = PERIOD + 1.5
    for _ in range(8):
        post_to(stack, stack.publisher, place)
        post_to(stack, stack.other, place)
        time.sleep(0.5)
    wait_until(lambda: len(judge.calls) == 2, what="the trailing refresh")
    assert judge.most_at_once == 1


def test_publisher_makes_two_calls_at_once_and_the_others_wait_in_order(stack, judge):
    stack.other.stop()
    judge.hold()
    judge.delay = 0.1  # so that one too many would be seen
    contests = []
    for _ in range(6):
        place = stack.place()
        post_to(stack, stack.publisher, place)
        contests.append(place.contest)
        time.sleep(0.002)  # the order is one of milliseconds
    wait_until(lambda: judge.at_once == 2, what="two calls")
    assert set(refreshed(judge)) == set(contests[:2])
    judge.release()
    wait_until(lambda: len(judge.calls) == 6, what="all refreshes")
    assert sorted(refreshed(judge)) == sorted(contests)
    # Of two that are on their way at once either may be seen first.
    assert all(abs(contests.index(c) - n) <= 1 for n, c in enumerate(refreshed(judge)))
    assert judge.most_at_once == 2


# --- nothing is lost ---------------------------------------------------------------------------

def test_refresh_of_a_killed_publisher_is_made_by_another(stack, judge):
    place = stack.place()
    judge.hold()
    post_to(stack, stack.publisher, place)
    wait_until(lambda: judge.calls, what="the first call")
    stack.publisher.kill()
    judge.release()
    wait_until(lambda: len(judge.calls) == 2, what="the call by the other publisher")
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
    wait_until(lambda: judge.calls, what="the refresh")
    wait_until(lambda: nothing_due(stack), what="its end")
    assert refreshed(judge) == [place.contest]


def test_run_whose_publisher_dies_at_once_is_refreshed_by_another(stack, judge):
    """As if killed right after it wrote the event."""
    place = stack.place()
    with stack.redis.client() as redis:
        redis.zadd(f"{PREFIX}:refresh:due", {place.contest: 1})
    wait_until(lambda: judge.calls, what="the refresh")
    assert refreshed(judge) == [place.contest]


def test_failed_refresh_is_tried_again_after_the_period(stack, judge):
    place = stack.place()
    judge.mode = "broken"
    began = time.monotonic()
    post_to(stack, stack.publisher, place)
    wait_until(lambda: judge.calls, what="the first call")
    judge.mode = "ok"
    wait_until(lambda: nothing_due(stack), what="the refresh after all")
    assert time.monotonic() - began > PERIOD
    # A call that failed before this looked at the mode may have been tried twice.
    assert 2 <= len(judge.calls) <= 2 + (time.monotonic() - began) // PERIOD


def test_frontend_that_is_down_delays_no_post_and_gets_the_refresh_later(stack, judge):
    place = stack.place()
    judge.down()
    for _ in range(20):
        stack.post(events.run_update(place))
    name = 'broadcaster_scoreboard_refreshes_total{result="failed"}'
    before = sum(s.metrics()[name] for s in (stack.publisher, stack.other))
    wait_until(lambda: sum(s.metrics()[name] for s in (stack.publisher, stack.other)) > before,
               what="another attempt")
    judge.up()
    wait_until(lambda: judge.calls, what="the refresh")


def test_contest_that_the_frontend_does_not_know_is_not_tried_again(stack, judge):
    place = stack.place()
    judge.mode = "404"
    post_to(stack, stack.publisher, place)
    wait_until(lambda: judge.calls, what="the call")
    wait_until(lambda: nothing_due(stack), what="its end")
    assert len(judge.calls) == 1


def test_redis_that_forgets_everything_ends_no_refreshes(stack, judge):
    place = stack.place()
    judge.hold()
    post_to(stack, stack.publisher, place)
    wait_until(lambda: judge.calls, what="the call")
    with stack.redis.client() as redis:
        redis.flushall()
        redis.script_flush()
    judge.release()
    post_to(stack, stack.publisher, place)
    wait_until(lambda: len(judge.calls) == 2, what="the next refresh")


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
    wait_until(lambda: len(judge.calls) >= 2, what="the refresh after all")


@pytest.mark.parametrize("alias", ["due", "claimed", "omi:final"])
def test_any_alias_is_refreshed(stack, judge, alias):
    body = {"contest": alias, "user": "ana", "message": '{"message":"/run/update/","run":{}}'}
    stack.post(body)
    wait_until(lambda: judge.calls, what="the first refresh")
    stack.post(body)
    wait_until(lambda: len(judge.calls) == 2, what="both refreshes")
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
