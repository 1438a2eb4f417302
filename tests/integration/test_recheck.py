# SPDX-License-Identifier: MIT
"""RecheckSeconds: access that the frontend takes away ends on a connection that is open."""
import signal
import time

import pytest
from support import events, users
from support.frontend import Frontend
from support.listening import begin
from support.omegaup import filter_path
from support.ws_client import SUBPROTOCOL


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


def legacy_client(stack, user, place):
    return stack.ws(path=filter_path(place.contest_channel), subprotocols=[SUBPROTOCOL],
                    headers={"Cookie": f"ouat=cookie-{user}"}, origin="https://omegaup.com")


def test_legacy_sessions_are_rechecked_too(rechecked, judge):
    place = contest_of_both(rechecked, judge)
    ana, beto = (legacy_client(rechecked, user, place) for user in ("ana", "beto"))
    begin(beto, lambda mark: rechecked.post({"contest": place.contest, "message": mark,
                                             "public": True}))
    judge.accounts["cookie-ana"].contests.discard(place.contest)
    assert ana.wait_closed() == 4003
    rechecked.post({"contest": place.contest, "message": "7", "public": True})
    assert beto.recv_text() == "7"


def test_client_that_repeats_auth_is_rechecked(rechecked, judge):
    place = contest_of_both(rechecked, judge)
    ana = client_of(rechecked, "ana", place)
    judge.accounts["cookie-ana"].contests.discard(place.contest)
    for _ in range(400):
        ana.send({"type": "auth", "token": "cookie-ana"})
        time.sleep(0.06)
        if any(m["type"] == "revoked" for m in received(ana)):
            return
    raise AssertionError("never revoked")


def received(client):
    """What has come, without waiting for more."""
    while client.waiting():
        yield client.recv()


def test_users_file_that_is_read_again_reaches_those_who_repeat_auth(make_stack):
    stack = make_stack()
    place = stack.place()
    file = users.users_file()
    clients = [stack.ws("ana").subscribed(place.contest_channel) for _ in range(10)]
    token = next(t for t, u in file["tokens"].items() if u["username"] == "ana")
    file["tokens"][token]["contests"] = []
    for key in ("contest_admin",):
        file["tokens"][token].pop(key, None)
    stack.write_users(file)
    stack.gateway.process.signal(signal.SIGHUP)
    open_ones = set(clients)
    end = time.monotonic() + 20
    while open_ones and time.monotonic() < end:
        for client in list(open_ones):
            client.send({"type": "auth", "token": token})
            if any(m["type"] == "revoked" for m in received(client)):
                open_ones.discard(client)
        time.sleep(0.05)
    assert not open_ones
