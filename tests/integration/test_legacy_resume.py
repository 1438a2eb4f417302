# SPDX-License-Identifier: MIT
"""What happens while a page of today's frontend reconnects reaches it, though it asks for nothing."""
import json
import signal
import time
import urllib.parse

import pytest
from support import events
from support.process import wait_until
from support.stack import Stack
from support.ws_client import SUBPROTOCOL


@pytest.fixture(scope="module")
def pair(tmp_path_factory, certificates):
    with Stack(tmp_path_factory.mktemp("pair"), certificates, gateways=2) as stack:
        yield stack


@pytest.fixture
def two(pair):
    yield pair
    pair.close_clients()
    for gateway in pair.gateways:
        if not (gateway.process and gateway.process.is_running()):
            gateway.start()


def legacy(stack, *filters, user="ana", gateway=0):
    path = "/events/?filter=" + ",".join(urllib.parse.quote(f, safe="") for f in filters)
    return stack.ws(user, gateway=gateway, path=path, subprotocols=[SUBPROTOCOL])


def post(stack, place, text, **more):
    stack.post({"contest": place.contest, "problem": place.problem, "message": text,
                "public": True, **more})


def post_seen(stack, place, text):
    """As post(); the first gateway has had it after this, so it is new to nobody who comes then."""
    witness = stack.ws("root").subscribed(place.contest_channel)
    post(stack, place, text)
    witness.recv_until(lambda message: message.get("data") == json.loads(text))


def post_scoreboard(stack, place, n, **more):
    text = json.dumps({"message": "/scoreboard/update/", "scoreboard_type": "contestant",
                       "scoreboard": {"n": n}})
    post(stack, place, text, **more)
    return text


def begin(stack, place, *more, user="ana", gateway=0):
    """A session that surely gets what is posted from here on."""
    client = legacy(stack, place.contest_channel, *more, user=user, gateway=gateway)
    until_it_gets(stack, client, place, "begin")
    return client


def until_it_gets(stack, client, place, word):
    """Posts until the session, which may not listen yet, gets the newest; returns all it got."""
    got = []
    for n in range(20):
        mark = json.dumps([word, n])
        post(stack, place, mark)
        while mark not in got:
            try:
                got.append(client.recv_text(timeout=1))
            except AssertionError:  # nothing came
                break
        if mark in got:
            return got
    raise AssertionError(f"it gets nothing: {got}")


def end(stack, client, gateway=0):
    """Cuts the connection; its positions are in Redis after this."""
    kept = kept_by(stack, gateway)
    client.abort()
    wait_until(lambda: kept_by(stack, gateway) > kept, what="the positions to be kept")


def kept_by(stack, gateway):
    return stack.gateways[gateway].metrics()["broadcaster_legacy_kept_total"]


def texts(client, n):
    return [client.recv_text() for _ in range(n)]


# --- where the next connection begins -----------------------------------------------------------

def test_other_gateway_sends_first_what_was_missed(two):
    place = two.place()
    end(two, begin(two, place))
    for text in ("1", "2", "3"):
        post(two, place, text)
    back = legacy(two, place.contest_channel, gateway=1)
    assert texts(back, 3) == ["1", "2", "3"]
    post(two, place, "4")
    assert back.recv_text() == "4"


def test_gateway_that_leaves_keeps_positions_for_the_others(two):
    place = two.place()
    client = begin(two, place)
    two.gateway.process.signal(signal.SIGTERM)
    assert client.wait_closed() == 1012
    assert two.gateway.process.wait() == 0
    post(two, place, "1")
    assert legacy(two, place.contest_channel, gateway=1).recv_text() == "1"
    two.gateway.process = None


def test_each_of_many_interruptions_costs_nothing_and_doubles_nothing(two):
    place = two.place()
    client = begin(two, place)
    for n in range(1, 7):
        end(two, client, gateway=(n - 1) % 2)
        post(two, place, f"{2 * n}")
        client = legacy(two, place.contest_channel, gateway=n % 2)
        assert client.recv_text() == f"{2 * n}"
        post(two, place, f"{2 * n + 1}")
        assert client.recv_text() == f"{2 * n + 1}"


def test_only_what_it_may_see_is_sent(two):
    place = two.place()
    end(two, begin(two, place))
    post(two, place, "1", public=False, user="beto")
    post(two, place, "2", public=False, user="ana")
    post(two, place, "3", public=False)
    post(two, place, "4")
    assert texts(legacy(two, place.contest_channel), 2) == ["2", "4"]


def test_event_missed_under_several_filters_is_sent_once(two):
    place = two.place()
    filters = (place.problem_channel, "/user/ana")
    end(two, begin(two, place, *filters))
    post(two, place, "1", user="ana")
    post(two, place, "2", public=False, user="ana")
    back = legacy(two, place.contest_channel, *filters, gateway=1)
    post(two, place, '"end"')
    assert texts(back, 3) == ["1", "2", '"end"']


def test_missed_scoreboards_are_conflated(two):
    place = two.place()
    end(two, begin(two, place))
    post_scoreboard(two, place, 1)
    post(two, place, "1")
    post_scoreboard(two, place, 2)
    newest = post_scoreboard(two, place, 3)
    post(two, place, "2")
    assert texts(legacy(two, place.contest_channel, gateway=1), 3) == ["1", newest, "2"]


def test_two_pages_that_share_everything_both_get_what_they_missed(two):
    place = two.place()
    first, second = begin(two, place), begin(two, place, gateway=1)
    end(two, first)
    post(two, place, "1")
    assert second.recv_text() == "1"
    end(two, second, gateway=1)
    post(two, place, "2")
    assert texts(legacy(two, place.contest_channel), 2)[-2:] == ["1", "2"]
    assert texts(legacy(two, place.contest_channel, gateway=1), 2) == ["1", "2"]


def test_slow_client_is_sent_again_what_it_never_read(make_stack):
    stack = make_stack(settings={"Broadcaster": {"WriteTimeout": 3},
                                 "Redis": {"HistoryBytes": 64 << 20}})
    place = stack.place()
    client = begin(stack, place)
    client.pause_reading()
    sent = [json.dumps([n, "x" * 500_000]) for n in range(40)]
    for text in sent:
        post(stack, place, text)
    wait_until(lambda: stack.gateway.metrics()["broadcaster_slow_closes_total"] == 1,
               what="the slow client to be closed")
    wait_until(lambda: kept_by(stack, 0) == 1, what="the positions to be kept")
    back = legacy(stack, place.contest_channel)
    seen = []
    while sent[-1] not in seen:
        seen.append(back.recv_text())
    assert [t for t in seen if t in sent] == sent


def test_vanished_client_is_sent_again_what_went_nowhere(make_stack):
    """The kernel takes what is written to a peer that is no more: only an answered ping counts."""
    stack = make_stack(settings={"Broadcaster": {"PingInterval": 2}})
    place = stack.place()
    client = begin(stack, place)
    time.sleep(4.5)  # so that pings have been answered
    client.pause_reading()
    post(stack, place, "1")
    post(stack, place, "2")
    wait_until(lambda: kept_by(stack, 0) == 1, what="the gateway to miss its client")
    back = legacy(stack, place.contest_channel)
    seen = until_it_gets(stack, back, place, "end")
    assert [t for t in seen if t in ("1", "2")] == ["1", "2"]


# --- where it does not ----------------------------------------------------------------------------

def nothing_before(stack, client, place):
    """The session is there, and what comes first is what comes now."""
    return all(json.loads(t)[0] == "now" for t in until_it_gets(stack, client, place, "now"))


def test_other_credential_or_filters_begin_with_what_is_new(two):
    place = two.place()
    end(two, begin(two, place))
    post_seen(two, place, "1")
    assert nothing_before(two, legacy(two, place.contest_channel, user="beto"), place)
    assert nothing_before(two, legacy(two, place.contest_channel, place.problem_channel), place)


def test_deauthenticated_session_leaves_nothing(two):
    place = two.place()
    client = begin(two, place, user="beto")
    kept = kept_by(two, 0)
    assert two.backend().get("/deauthenticate/beto").status == 200
    assert client.wait_closed() == 4001
    post_seen(two, place, "1")
    assert nothing_before(two, legacy(two, place.contest_channel, user="beto"), place)
    assert kept_by(two, 0) == kept


def test_redis_holds_neither_token_nor_filters(two):
    place = two.place()
    end(two, begin(two, place))
    with two.redis.client() as redis:
        keys = list(redis.scan_iter("omegaup:events:resume:*"))
        assert keys
        for key in keys:
            assert len(key.rsplit(b":", 1)[1]) == 64
            assert 0 < redis.pttl(key) <= 300_000
            assert b"token-ana" not in key + redis.get(key)


def test_record_that_nobody_can_read_does_no_harm(two):
    place = two.place()
    end(two, begin(two, place))
    with two.redis.client() as redis:
        for key in redis.scan_iter("omegaup:events:resume:*"):
            redis.set(key, b"\x00nonsense\n\n contest/x \ncontest/" + place.contest.encode())
    assert nothing_before(two, legacy(two, place.contest_channel), place)


def test_off_when_no_time_is_given(make_stack):
    stack = make_stack(settings={"Broadcaster": {"LegacyResumeSeconds": 0}})
    place = stack.place()
    begin(stack, place).abort()
    wait_until(lambda: stack.gateway.metrics()["connections_active"] == 0, what="its end")
    post_seen(stack, place, "1")
    assert nothing_before(stack, legacy(stack, place.contest_channel), place)
    with stack.redis.client() as redis:
        assert not list(redis.scan_iter("omegaup:events:resume:*"))


def test_redis_that_does_not_answer_in_time_holds_nobody_up(make_stack):
    stack = make_stack()
    place = stack.place()
    end(stack, begin(stack, place))
    post_seen(stack, place, "1")
    stack.redis.process.signal(signal.SIGSTOP)
    back = legacy(stack, place.contest_channel)
    time.sleep(3)  # a session waits a second for its record
    stack.redis.process.signal(signal.SIGCONT)
    stack.publisher.wait_ready()
    assert nothing_before(stack, back, place)


def test_redis_that_is_away_keeps_nobody_out(make_stack):
    stack = make_stack()
    place = stack.place()
    client = begin(stack, place)
    stack.redis.kill()
    client.abort()
    back = legacy(stack, place.contest_channel)
    assert back.is_open
    stack.redis.start()
    stack.publisher.wait_ready()
    assert nothing_before(stack, back, place)


# --- where a documented session would be told `reset` ---------------------------------------------

@pytest.fixture(scope="module")
def forgetful_stack(tmp_path_factory, certificates):
    """The log holds five events."""
    with Stack(tmp_path_factory.mktemp("forgetful"), certificates, gateways=2,
               settings={"Redis": {"HistoryEvents": 5}}) as stack:
        yield stack


@pytest.fixture
def forgetful(forgetful_stack):
    yield forgetful_stack
    forgetful_stack.close_clients()


def test_more_missed_than_the_log_holds_is_the_newest_scoreboard(forgetful):
    stack = forgetful
    place = stack.place()
    end(stack, begin(stack, place))
    post_scoreboard(stack, place, 1)
    newest = post_scoreboard(stack, place, 2)
    for n in range(30):
        post(stack, place, str(n))
    back = legacy(stack, place.contest_channel, gateway=1)
    assert back.recv_text() == newest
    post(stack, place, '"now"')
    assert back.recv_text() == '"now"'


@pytest.mark.parametrize("user,expected", [("ana", ["public"]), ("carla", ["private", "public"])])
def test_scoreboards_sent_instead_are_those_it_may_see(forgetful, user, expected):
    stack = forgetful
    place = stack.place()
    end(stack, begin(stack, place, user=user))
    boards = {"private": post_scoreboard(stack, place, 1, public=False),
              "public": post_scoreboard(stack, place, 2)}
    for n in range(30):
        post(stack, place, str(n))
    back = legacy(stack, place.contest_channel, user=user, gateway=1)
    assert texts(back, len(expected)) == [boards[e] for e in expected]
    post(stack, place, '"now"')
    assert back.recv_text() == '"now"'


def test_connected_session_gets_the_newest_scoreboard_at_a_reset(make_stack):
    stack = make_stack()
    place = stack.place()
    client, documented = begin(stack, place), stack.ws("ana").subscribed(place.contest_channel)
    with stack.redis.client() as redis:
        redis.delete(*redis.scan_iter(f"omegaup:events:contest/{place.contest}:*"))
    board = post_scoreboard(stack, place, 1)
    assert documented.recv()["type"] == "reset"
    assert client.recv_text() == board
    stack.post(events.contest_update(place))
    while json.loads(client.recv_text()).get("type") != "contest_update":
        pass
