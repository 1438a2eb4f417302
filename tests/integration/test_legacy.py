# SPDX-License-Identifier: MIT
"""omegaUp's clients of today: filters in the address, the backend's text byte for byte."""
import json
import urllib.parse

import pytest
from support import events
from support.http_client import raw_exchange, raw_status
from support.listening import begin, begin_stream
from support.omegaup import filter_path
from support.process import wait_until
from support.ws_client import SUBPROTOCOL


def legacy(stack, *filters, user=None, **options):
    options.setdefault("subprotocols", [SUBPROTOCOL])
    client = stack.ws(user, path=filter_path(*filters), **options)
    assert client.subprotocol == SUBPROTOCOL
    return client


def listening(stack, place, *filters, user=None):
    """A session that gets what is posted from here on."""
    client = legacy(stack, *filters, user=user)
    begin(client, marks_of(stack, place, user))
    return client


def marks_of(stack, place, user=None):
    """Posts what a session of this user gets, whatever the filter."""
    return lambda mark: post_text(stack, place, mark, public=True, user=user,
                                  problemset=place.problemset)


def post_text(stack, place, text, **more):
    body = {"contest": place.contest, "problem": place.problem, "message": text, **more}
    return stack.post({k: v for k, v in body.items() if v is not None})


TEXTS = ['{"message":"/run/update/","run":{"guid":"a\\/b","score":1.0}}', '"text"', "7", "[1, 2]",
         '{ "spaced" :  true }', '{"words":"ñ \\u00f1 日本"}']


@pytest.mark.parametrize("text", TEXTS)
def test_backends_text_arrives_byte_for_byte(stack, text):
    place = stack.place()
    client = listening(stack, place, place.contest_channel, user="ana")
    post_text(stack, place, text, public=True)
    assert client.recv_text() == text


def test_event_that_matches_several_filters_is_sent_once(stack):
    place = stack.place()
    client = listening(stack, place, place.contest_channel, place.problem_channel,
                       f"/problemset/{place.problemset}", "/user/ana", user="ana")
    post_text(stack, place, "1", user="ana", problemset=place.problemset)
    post_text(stack, place, "2", user="ana")
    stack.post({"user": "ana", "message": "3"})
    assert [client.recv_text() for _ in range(3)] == ["1", "2", "3"]


# filters, user -> which of the events below they see
EVENTS = {"public": dict(public=True), "private of ana": dict(user="ana"),
          "private of beto": dict(user="beto"), "private of nobody": dict()}
SEES = [
    ("contest", "ana", {"public", "private of ana"}),
    ("contest", "carla", set(EVENTS)),
    ("contest", "root", set(EVENTS)),
    ("problem", "ana", {"public", "private of ana"}),
    ("problem", "carla", set(EVENTS)),
    ("problemset", "ana", {"public", "private of ana"}),
    ("problemset", "carla", set(EVENTS)),
    ("user", "ana", {"private of ana"}),
    ("all", "root", set(EVENTS)),
]


@pytest.mark.parametrize("kind,user,sees", SEES, ids=[f"{k}-{u}" for k, u, _ in SEES])
def test_who_sees_what(stack, kind, user, sees):
    place = stack.place()
    filters = {"contest": place.contest_channel, "problem": place.problem_channel,
               "problemset": f"/problemset/{place.problemset}", "user": "/user/ana",
               "all": "/all-events"}
    client = listening(stack, place, filters[kind], user=user)
    for name, envelope in EVENTS.items():
        post_text(stack, place, json.dumps(name), problemset=place.problemset, **envelope)
    post_text(stack, place, '"end"', problemset=place.problemset, public=True, user="ana")
    taken = []
    while '"end"' not in taken:
        taken.append(client.recv_text())
    assert {json.loads(t) for t in taken[:-1]} == sees
    assert len(taken) == len(sees) + 1


def test_scoreboard_token_in_the_filter_opens_a_closed_contest(stack):
    place = stack.place()
    client = listening(stack, place, f"{place.contest_channel}/{place.scoreboard}")
    post_text(stack, place, "1", public=True)
    assert client.recv_text() == "1"
    assert legacy(stack, f"{place.contest_channel}/Wrong").wait_closed() in (4003, 4004)


def test_refused_filters_close_with_4003(stack):
    place = stack.place()
    for filters, user in (((place.contest_channel,), None), (("/user/ana",), "beto"),
                          (("/all-events",), "ana"),
                          ((place.problem_channel, "/user/beto"), "ana")):
        client = legacy(stack, *filters, user=user)
        assert client.wait_closed() == 4003, filters
        assert client.close_reason


@pytest.mark.parametrize("filters", ["", "nonsense", "/", "/contest", "/contest/", "/nothing/x",
                                     "/problemset/x", "/problemset/0", "/contest/a,",
                                     "/contest/a/b/c", "/user/"])
def test_unparsable_filter_is_refused_before_the_upgrade(stack, filters):
    request = (f"GET /events/?filter={urllib.parse.quote(filters, safe='')} HTTP/1.1\r\n"
               "Host: judge.example\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
               "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
               f"Sec-WebSocket-Protocol: {SUBPROTOCOL}\r\n\r\n")
    assert raw_status(raw_exchange(stack.gateway.port, request.encode())) == 400


def test_repeated_filter_parameters_are_joined(stack):
    place = stack.place()
    path = f"/?filter={place.contest_channel}&x=1&filter=/user/ana"
    client = stack.ws("ana", path=path, subprotocols=[SUBPROTOCOL])
    begin(client, marks_of(stack, place, "ana"))
    stack.post({"user": "ana", "message": '"own"'})
    post_text(stack, place, '"contest"', public=True)
    assert sorted(client.recv_text() for _ in range(2)) == ['"contest"', '"own"']


def test_whatever_the_client_sends_is_ignored(stack):
    place = stack.place()
    client = listening(stack, place, place.contest_channel, user="ana")
    for text in ('"ping"', "nonsense", '{"type":"ping"}', "x" * 3000):
        client.send(text)
    post_text(stack, place, "1", public=True)
    assert client.recv_text() == "1"


def test_documented_event_reaches_legacy_clients_as_its_text(stack):
    place = stack.place()
    client = listening(stack, place, place.contest_channel, user="ana")
    event = events.contest_update(place)
    stack.post(json.dumps(event))
    assert json.loads(client.recv_text()) == event


def test_legacy_and_documented_clients_stand_side_by_side(stack):
    place = stack.place()
    old = listening(stack, place, place.contest_channel, user="ana")
    new = stack.ws("ana").subscribed(place.contest_channel)
    text = json.dumps({"message": "/run/update/", "run": {"guid": "g", "verdict": "AC"}})
    post_text(stack, place, text, user="ana")
    assert old.recv_text() == text
    message = new.recv()
    assert (message["type"], message["data"]["verdict"]) == ("run_update", "AC")


def test_next_connection_is_first_sent_what_was_missed(stack):
    place = stack.place()
    client = listening(stack, place, place.contest_channel, user="ana")
    post_text(stack, place, "1", public=True)
    assert client.recv_text() == "1"
    kept = stack.gateway.metrics()["broadcaster_legacy_kept_total"]
    client.abort()
    wait_until(lambda: stack.gateway.metrics()["broadcaster_legacy_kept_total"] > kept,
               what="the positions to be kept")
    post_text(stack, place, "2", public=True)
    post_text(stack, place, "3", user="beto")
    post_text(stack, place, "4", public=True)
    back = legacy(stack, place.contest_channel, user="ana")
    assert [back.recv_text() for _ in range(2)] == ["2", "4"]
    post_text(stack, place, "5", public=True)
    assert back.recv_text() == "5"


# --- Server-Sent Events ----------------------------------------------------------------------------

def test_legacy_event_stream(stack):
    place = stack.place()
    with stack.sse(filter_path(place.contest_channel), user="ana") as stream:
        assert stream.status == 200
        assert stream.response.headers["Content-Type"].startswith("text/event-stream")
        assert stream.response.headers["X-Accel-Buffering"] == "no"
        begin_stream(stream, marks_of(stack, place))
        post_text(stack, place, '{\n "two": "lines"\n}', public=True)
        post_text(stack, place, "7", public=True)
        assert stream.read_event()[2] == '{\n "two": "lines"\n}'
        event, event_id, data = stream.read_event()
        assert (event, data) == ("message", "7")
        assert event_id


def test_connection_upgrade_without_upgrade_header_is_a_plain_request(stack):
    place = stack.place()
    stream = stack.sse(filter_path(place.contest_channel), user="ana",
                       headers={"Connection": "upgrade"})
    assert stream.status == 200
