# SPDX-License-Identifier: MIT
"""The documented WebSocket protocol: each command, each answer, each error."""
import json
import time

import pytest
import websockets.frames
from support import events
from support.process import wait_until
from support.users import token_of
from support.ws_client import SUBPROTOCOL

TEXT = websockets.frames.OP_TEXT


# --- auth ---------------------------------------------------------------------------------

def test_auth_with_a_good_token_says_who(stack):
    assert stack.ws().auth(token_of("ana")) == {"type": "auth_success", "username": "ana"}


@pytest.mark.parametrize("token", ["wrong", "", "with space", "quo\"te", "ñ", "x" * 513, "a;b",
                                   "a\r\nCookie: x"])
def test_auth_with_a_bad_token_is_unauthorized(stack, token):
    answer = stack.ws().auth(token)
    assert (answer["type"], answer["error"]) == ("error", "unauthorized")
    assert answer["message"]


def test_after_a_refused_auth_the_next_may_succeed(stack):
    client = stack.ws()
    assert client.auth("wrong")["error"] == "unauthorized"
    assert client.auth(token_of("ana"))["type"] == "auth_success"


def test_auth_and_subscribe_sent_at_once_take_effect_in_order(stack):
    place = stack.place()
    client = stack.ws()
    client.send({"type": "auth", "token": token_of("ana")})
    client.send({"type": "subscribe", "channel": place.contest_channel})
    client.send({"type": "ping"})
    assert [client.recv()["type"], *sorted(client.recv()["type"] for _ in range(2))] == \
        ["auth_success", "pong", "subscribed"]


def test_auth_as_another_user_revokes_what_the_old_one_alone_could_see(stack):
    place, public = stack.place(), stack.place(public=True)
    client = stack.ws("ana").subscribed(place.contest_channel, public.contest_channel, "/user/ana")
    client.send({"type": "auth", "token": token_of("dora")})
    messages = client.recv_until(lambda m: m["type"] == "auth_success")
    assert messages[-1]["username"] == "dora"
    assert {m["channel"] for m in messages[:-1]} == {place.contest_channel, "/user/ana"}
    assert {m["type"] for m in messages[:-1]} == {"revoked"}
    stack.post(events.contest_update(place))
    stack.post(events.contest_update(public))
    assert client.recv()["channel"] == public.contest_channel


def test_token_in_the_upgrade_request_authenticates_without_auth(stack):
    place = stack.place()
    stack.ws(headers={"Authorization": f"token {token_of('ana')}"}).subscribed(
        place.contest_channel)


def test_cookie_authenticates_when_the_origin_is_allowed(stack):
    place = stack.place()
    stack.ws(headers={"Cookie": f"other=1; ouat={token_of('ana')}; more=2"},
             origin="https://omegaup.com").subscribed(place.contest_channel)


def test_bad_credential_in_the_upgrade_request_is_nobody(stack):
    place = stack.place()
    client = stack.ws(headers={"Authorization": "token wrong"})
    assert client.subscribe(place.contest_channel)["error"] == "unauthorized"
    assert client.auth(token_of("ana"))["type"] == "auth_success"


def test_five_refused_auths_are_rate_limited(stack):
    client = stack.ws()
    assert [client.auth(f"wrong{n}")["error"] for n in range(5)] == ["unauthorized"] * 5
    assert client.auth("wrong")["error"] == "rate_limited"
    assert client.auth(token_of("ana"))["error"] == "rate_limited"


# --- subscribe, unsubscribe, ping ------------------------------------------------------------

def test_subscribed_names_channel_and_position(stack):
    place = stack.place()
    client = stack.ws("ana")
    answer = client.subscribe(place.contest_channel)
    epoch, _, offset = answer.pop("position").partition(":")
    assert answer == {"type": "subscribed", "channel": place.contest_channel}
    assert epoch and offset == "0"
    stack.post(events.contest_update(place))
    position = client.recv()["position"]
    assert position.endswith(":1")
    assert stack.ws("beto").subscribe(place.contest_channel)["position"] == position


def test_who_knew_of_nothing_yet_resumes_from_the_beginning(make_stack):
    stack = make_stack(gateways=2)
    place = stack.place()
    nothing = stack.ws("ana").subscribe(place.contest_channel)["position"]
    for n in range(3):
        stack.post(events.contest_update(place, n))
    for gateway in range(2):
        back = stack.ws("ana", gateway=gateway)
        assert back.subscribe(place.contest_channel, position=nothing) == {
            "type": "subscribed", "channel": place.contest_channel, "position": nothing,
            "recovered": True}
        assert [back.recv()["data"]["n"] for _ in range(3)] == [0, 1, 2]


def test_second_subscribe_answers_and_changes_nothing(stack):
    place = stack.place()
    client = stack.ws("ana").subscribed(place.contest_channel)
    stack.post(events.contest_update(place))
    position = client.recv()["position"]
    assert client.subscribe(place.contest_channel)["position"] == position
    stack.post(events.end_mark(place))
    assert client.recv()["type"] == "end_mark"
    assert client.ask({"type": "ping"})["type"] == "pong"  # and nothing twice


def test_unsubscribed_gets_nothing_more(stack):
    place = stack.place()
    client = stack.ws("ana").subscribed(place.contest_channel, place.problem_channel)
    assert client.unsubscribe(place.contest_channel) == \
        {"type": "unsubscribed", "channel": place.contest_channel}
    stack.post(events.contest_update(place))
    stack.post(events.clarification(place))
    assert client.recv()["channel"] == place.problem_channel
    assert client.ask({"type": "ping"})["type"] == "pong"


def test_unsubscribe_of_what_was_not_subscribed_is_confirmed(stack):
    place = stack.place()
    assert stack.ws().unsubscribe(place.contest_channel)["type"] == "unsubscribed"


def test_bare_ping_string_is_not_answered(stack):
    client = stack.ws()
    client.send('"ping"')
    client.send({"type": "ping"})
    assert client.recv() == {"type": "pong"}
    client.send({"type": "ping"})
    assert client.recv() == {"type": "pong"}


@pytest.mark.parametrize("command_id", ["x", "a\"b\\", "é", 7, -1, 1.50, 12345678901234567890,
                                        "y" * 64])
def test_every_answer_carries_the_id_of_its_command(stack, command_id):
    place = stack.place()
    client = stack.ws()
    for command in ({"type": "ping"}, {"type": "auth", "token": "wrong"},
                    {"type": "auth", "token": token_of("ana")},
                    {"type": "subscribe", "channel": place.contest_channel},
                    {"type": "subscribe", "channel": "/nonsense"},
                    {"type": "unsubscribe", "channel": place.contest_channel},
                    {"type": "no such"}):
        assert client.ask({**command, "id": command_id})["id"] == command_id, command


def test_unknown_fields_are_ignored(stack):
    place = stack.place()
    answer = stack.ws("ana").subscribe(place.contest_channel, colour="red", nested={"a": [1]})
    assert answer["type"] == "subscribed"


# --- resuming --------------------------------------------------------------------------------

def test_resume_brings_the_missed_events_before_newer_ones(stack):
    place = stack.place()
    client = stack.ws("ana").subscribed(place.contest_channel)
    stack.post(events.contest_update(place, 0))
    position = client.recv()["position"]
    client.abort()
    for n in range(1, 6):
        stack.post(events.contest_update(place, n))
    back = stack.ws("ana")
    answer = back.subscribe(place.contest_channel, position=position)
    assert answer["type"] == "subscribed" and answer["recovered"] is True
    stack.post(events.contest_update(place, 6))
    assert [back.recv()["data"]["n"] for _ in range(6)] == [1, 2, 3, 4, 5, 6]


def test_resume_shows_only_what_the_session_may_see(stack):
    place = stack.place()
    position = stack.ws("ana").subscribe(place.contest_channel)["position"]
    stack.post(events.run_update(place, user="ana", run_id=1))
    stack.post(events.run_update(place, user="beto", run_id=2))
    stack.post(events.run_update(place, user="zoe", run_id=3, public=True))
    seen = {}
    for user in ("ana", "beto", "carla"):
        client = stack.ws(user)
        assert client.subscribe(place.contest_channel, position=position)["recovered"] is True
        stack.post(events.end_mark(place))
        seen[user] = [m["data"]["run_id"] for m in client.recv_until(events.is_end_mark)
                      if m["type"] == "run_update"]
    assert seen == {"ana": [1, 3], "beto": [2, 3], "carla": [1, 2, 3]}


def test_replay_holds_only_the_newest_scoreboard_and_says_how_many_were_skipped(stack):
    place = stack.place()
    position = stack.ws("ana").subscribe(place.contest_channel)["position"]
    for n in range(4):
        stack.post(events.scoreboard_update(place, n))
    stack.post(events.contest_update(place, 9))
    client = stack.ws("ana")
    assert client.subscribe(place.contest_channel, position=position)["recovered"] is True
    messages = sorted((client.recv() for _ in range(2)), key=lambda m: m["type"])
    assert [m["type"] for m in messages] == ["contest_update", "scoreboard_update"]
    assert (messages[1]["data"]["n"], messages[1]["skipped"]) == (3, 3)


@pytest.mark.parametrize("position", ["0123456789abcdef:1", "{epoch}:999", "nonsense", "", ":",
                                      "{epoch}", "{epoch}:-1", "{epoch}:1x",
                                      "{epoch}:99999999999999999999"])
def test_position_of_no_use_is_not_recovered(stack, position):
    place = stack.place()
    client = stack.ws("ana")
    client.subscribed(place.contest_channel)
    stack.post(events.contest_update(place))
    epoch = client.recv()["position"].partition(":")[0]
    back = stack.ws("ana")
    answer = back.subscribe(place.contest_channel, position=position.format(epoch=epoch))
    assert answer["type"] == "subscribed" and answer["recovered"] is False
    assert answer["position"] == f"{epoch}:1"
    stack.post(events.contest_update(place, 2))
    assert back.recv()["data"]["n"] == 2


def test_subscribe_again_with_a_position_restarts_from_there(stack):
    place = stack.place()
    client = stack.ws("ana")
    start = client.subscribe(place.contest_channel)["position"]
    for n in range(3):
        stack.post(events.contest_update(place, n))
        client.recv()
    assert client.subscribe(place.contest_channel, position=start)["recovered"] is True
    assert [client.recv()["data"]["n"] for _ in range(3)] == [0, 1, 2]


def test_position_out_of_the_window_is_not_recovered(make_stack):
    stack = make_stack(settings={"Redis": {"HistoryEvents": 5}})
    place = stack.place()
    start = stack.ws("ana").subscribe(place.contest_channel)["position"]
    for n in range(20):
        stack.post(events.contest_update(place, n))
    stack.gateway.kill()  # its ring of recent events goes with it
    stack.gateway.start()
    assert stack.ws("ana").subscribe(place.contest_channel, position=start)["recovered"] is False


# --- what is no command ------------------------------------------------------------------------

BAD = [
    "no json", "", "{", "{}", "[]", "[1]", "7", "null", "true", '"pong"', '"ping" x', "{'type':1}",
    '{"type":7}', '{"type":null}', '{"type":"no such"}', '{"type":"Ping"}', '{"type":"event"}',
    '{"type":"auth"}', '{"type":"auth","token":7}', '{"type":"auth","token":null}',
    '{"type":"subscribe"}', '{"type":"subscribe","channel":7}',
    '{"type":"subscribe","channel":["/contest/a"]}',
    '{"type":"subscribe","channel":"/contest/a","position":7}',
    '{"type":"unsubscribe"}', '{"type":"unsubscribe","channel":{}}',
    '{"type":"ping","id":[1]}', '{"type":"ping","id":{}}', '{"type":"ping","id":"%s"}' % ("x" * 65),
    '{"type":"ping"}{"type":"ping"}', '{"type":"ping",}', '{"type":"ping"/**/}',
    "[" * 1000,
]


@pytest.mark.parametrize("text", BAD, ids=range(len(BAD)))
def test_what_is_no_command_is_a_bad_request(stack, text):
    client = stack.ws()
    client.send(text)
    answer = client.recv()
    assert (answer["type"], answer["error"]) == ("error", "bad_request")
    assert answer["message"]
    assert client.ask({"type": "ping"}) == {"type": "pong"}


BAD_CHANNELS = [
    "", "/", "contest/a", "/contest", "/contest/", "/contest/a/", "/contest/a/b", "/contest//admin",
    "/contest/a b", "/contest/ñ", "/contest/" + "a" * 101, "/contest/a:b:c", "/contest/a\u0000",
    "/Contest/a", "/user/", "/user/a/b", "/user/a:b:c:d", "/user/a*", "/problem/", "/problem/a.b",
    "/scoreboard/", "/scoreboard/a-b", "/scoreboard/" + "a" * 65, "/all-events", "/nothing/a",
    "/contest/a/admin/", "/contest/a/Admin", "//contest/a", "/contest/../a", "*",
]


@pytest.mark.parametrize("channel", BAD_CHANNELS, ids=range(len(BAD_CHANNELS)))
def test_bad_channel_name_is_a_bad_request(stack, channel):
    answer = stack.ws("root").subscribe(channel)
    assert (answer["type"], answer["error"]) == ("error", "bad_request")


@pytest.mark.parametrize("channel", [
    "/contest/a", "/contest/A_b-9", "/contest/" + "a" * 100, "/contest/group:alias",
    "/user/ana", "/user/omi:ana", "/user/teams:omi:rojos", "/user/a.b+c-d_e", "/problem/p-1",
    "/contest/group:alias/admin"])
def test_good_channel_name_is_taken(stack, channel):
    answer = stack.ws("root").subscribe(channel)
    assert answer.get("error") in (None, "not_found"), answer


# --- limits --------------------------------------------------------------------------------------

def padded(size):
    text = '{"type":"ping"}'
    return text + " " * (size - len(text))


def test_message_of_4096_bytes_is_taken(stack):
    client = stack.ws()
    client.send(padded(4096))
    assert client.recv() == {"type": "pong"}


@pytest.mark.parametrize("size", [4097, 65536, 10_000_000])
def test_longer_message_closes_with_1009(stack, size):
    client = stack.ws()
    try:
        client.send(padded(size))
    except Exception:  # closed while it was still sending
        pass
    assert client.wait_closed() in ((1009,) if size == 4097 else (1009, 1006))


def test_longer_message_in_fragments_closes_with_1009(stack):
    client = stack.ws()
    client.send([padded(2000), " " * 2000, " " * 97])
    assert client.wait_closed() == 1009


def test_message_in_fragments_is_put_together(stack):
    client = stack.ws()
    client.send(['{"ty', 'pe":"pi', 'ng","id":"', "é", '"}'])
    assert client.recv() == {"type": "pong", "id": "é"}


def test_binary_message_closes_with_1003(stack):
    client = stack.ws()
    client.send(b'{"type":"ping"}')
    assert client.wait_closed() == 1003


@pytest.mark.parametrize("payload", [b'{"type":"\xff"}', b"\xc3", b"\xed\xa0\x80", b"\xc0\x80"])
def test_text_that_is_no_utf8_closes_with_1007(stack, payload):
    client = stack.ws()
    client.send_frame(TEXT, payload)
    assert client.wait_closed() == 1007


def test_subscriptions_over_the_limit_are_refused_until_one_is_given_up(stack):
    client = stack.ws("root")
    places = [stack.place(public=True) for _ in range(3)]
    channels = [f"/user/u{n}" for n in range(128)]
    client.subscribed(*channels)
    for place in places:
        answer = client.subscribe(place.contest_channel)
        assert (answer["error"], answer["channel"]) == \
            ("too_many_subscriptions", place.contest_channel)
    client.unsubscribe(channels[0])
    assert client.subscribe(places[0].contest_channel)["type"] == "subscribed"


def test_too_many_commands_are_rate_limited_and_later_taken_again(stack):
    client = stack.ws()
    for _ in range(300):
        client.send({"type": "ping"})
    answers = [client.recv() for _ in range(300)]
    limited = [a for a in answers if a["type"] == "error"]
    assert {a["error"] for a in limited} == {"rate_limited"}
    assert 50 <= len(limited) <= 100
    assert all(a["type"] == "pong" for a in answers[:200])


def test_ping_frame_is_answered_with_its_payload(stack):
    client = stack.ws()
    client.ping(b"payload")


def test_client_is_pinged_and_stays_when_it_answers(make_stack):
    stack = make_stack(settings={"Broadcaster": {"PingInterval": 3}})  # an answer takes its time
    place = stack.place()
    client = stack.ws("ana").subscribed(place.contest_channel)
    silent = stack.ws("beto").subscribed(place.contest_channel)
    silent.pause_reading()  # so it never sees a ping
    wait_until(lambda: stack.gateway.metrics()["connections_active"] == 1,
               what="the silent client to be given up")
    silent.abort()
    assert client.is_open()
    assert client.ask({"type": "ping"}) == {"type": "pong"}


def test_normal_close_is_answered(stack):
    client = stack.ws()
    client.close()
    assert client.close_code == 1000


# --- subprotocol, compression ----------------------------------------------------------------------

def test_subprotocol_is_echoed_when_offered(stack):
    assert stack.ws(subprotocols=["other", SUBPROTOCOL]).subprotocol == SUBPROTOCOL
    assert stack.ws().subprotocol is None


@pytest.mark.parametrize("path", ["/", "/events/"])
def test_paths_of_the_events(stack, path):
    assert stack.ws(path=path).ask({"type": "ping"}) == {"type": "pong"}


def test_compressed_client_gets_the_same_events(stack):
    place = stack.place()
    compressed = stack.ws("ana", compression="deflate").subscribed(place.contest_channel)
    plain = stack.ws("ana").subscribed(place.contest_channel)
    assert compressed.extensions == ["permessage-deflate"]
    big = {"type": "contest_update", "data": {"contest_alias": place.contest, "pad": "omega" * 9999}}
    for event in (events.contest_update(place), big, events.end_mark(place)):
        stack.post(event)
        assert json.loads(compressed.recv_text()) == json.loads(plain.recv_text())


def test_stranger_who_does_nothing_is_closed_with_1008(session_stack):
    stranger, started = session_stack.ws(), time.monotonic()
    known = session_stack.ws("ana")
    assert stranger.wait_closed(90) == 1008
    assert time.monotonic() - started > 25
    assert known.is_open()
