# SPDX-License-Identifier: MIT
"""RecheckSeconds: access that the frontend takes away ends on a connection that is open."""
import signal
import time

import pytest
from support import events, users
from support.frontend import Frontend


@pytest.fixture
def judge():
    frontend = Frontend()
    frontend.add_user("ana")
    frontend.add_user("beto")
    yield frontend
    frontend.down()


@pytest.fixture
def rechecked(make_stack, judge):
    return make_stack(frontend=judge, settings={"Broadcaster": {
        "RecheckSeconds": 1, "AuthCacheSeconds": 0}})


def contest_of_both(stack, judge):
    place = stack.place()
    judge.add_contest(place.contest)
    for user in ("ana", "beto"):
        judge.accounts[f"cookie-{user}"].contests.add(place.contest)
    return place


def client_of(stack, user, place):
    client = stack.ws()
    assert client.auth(f"cookie-{user}")["username"] == user
    return client.subscribed(place.contest_channel)


def test_lost_access_is_revoked_and_others_go_on(rechecked, judge):
    place = contest_of_both(rechecked, judge)
    ana, beto = (client_of(rechecked, user, place) for user in ("ana", "beto"))
    judge.accounts["cookie-ana"].contests.discard(place.contest)
    assert ana.recv() == {"type": "revoked", "channel": place.contest_channel}
    rechecked.post(events.contest_update(place, 1, public=True))
    assert beto.recv()["data"]["n"] == 1
    assert ana.ask({"type": "ping"}) == {"type": "pong"}


def test_ended_login_closes_the_connection(rechecked, judge):
    place = contest_of_both(rechecked, judge)
    ana, beto = (client_of(rechecked, user, place) for user in ("ana", "beto"))
    del judge.accounts["cookie-ana"]
    assert ana.wait_closed() == 4001
    rechecked.post(events.contest_update(place, 2, public=True))
    assert beto.recv()["data"]["n"] == 2


def test_events_during_a_recheck_are_neither_lost_nor_doubled(rechecked, judge):
    place = contest_of_both(rechecked, judge)
    ana = client_of(rechecked, "ana", place)
    judge.delay = 0.2
    judge.forget_calls()
    n = 0
    while judge.count("currentSession") < 3:
        rechecked.post(events.contest_update(place, n, public=True))
        assert ana.recv()["data"]["n"] == n
        n += 1
        time.sleep(0.002)
        assert n < 10000


def test_scoreboard_token_that_left_the_users_file_is_revoked(make_stack):
    stack = make_stack()
    place, other = stack.place(), stack.place()
    clients = [stack.ws(user).subscribed(place.scoreboard_channel, other.scoreboard_channel)
               for user in (None, "ana")]
    file = users.users_file()
    del file["scoreboards"][place.scoreboard]
    stack.write_users(file)
    stack.gateway.process.signal(signal.SIGHUP)
    for client in clients:
        assert client.recv(20) == {"type": "revoked", "channel": place.scoreboard_channel}
    stack.post(events.scoreboard_update(other, 1))
    for client in clients:
        assert client.recv()["channel"] == other.scoreboard_channel
