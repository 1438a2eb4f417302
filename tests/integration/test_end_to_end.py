# SPDX-License-Identifier: MIT
"""From a backend's POST to a browser's message: the events of the reference pages, as printed."""
import json
import re
import time

import pytest
from support import events
from support.users import REFERENCE_CONTEST, REFERENCE_PROBLEM, reference_place

CONTEST = f"/contest/{REFERENCE_CONTEST}"
ADMIN = f"{CONTEST}/admin"
PROBLEM = f"/problem/{REFERENCE_PROBLEM}"
USER = "/user/contestant1"
BOARD = f"/scoreboard/{reference_place().scoreboard}"

# Who listens where: contestant1's own run is private, so only an own or an admin's view shows it.
LISTENERS = {CONTEST: "contestant1", ADMIN: "carla", PROBLEM: "ana", USER: "contestant1",
             BOARD: None}
REACHES = {
    "run_update": {USER, CONTEST, ADMIN},
    "scoreboard_update": {CONTEST, ADMIN, BOARD},
    "clarification": {CONTEST, ADMIN, PROBLEM},
    "contest_update": {CONTEST, ADMIN},
}
POSITION = re.compile(r"[0-9a-f]{16}:[0-9]+")


@pytest.fixture
def listeners(stack):
    return {channel: stack.ws(user).subscribed(channel) for channel, user in LISTENERS.items()}


def received(stack, listeners):
    """channel -> texts that came before the end mark."""
    stack.post(events.end_mark(reference_place(), user="contestant1"))
    taken = {}
    for channel, client in listeners.items():
        before = len(client.recv_until(events.is_end_mark)) - 1
        texts = [t for t in client.texts if json.loads(t).get("type") not in
                 ("subscribed", "position", "end_mark")]
        assert len(texts) == before
        taken[channel] = texts
    return taken


@pytest.mark.parametrize("kind", REACHES)
def test_event_of_the_reference_pages_reaches_its_channels_and_no_other(stack, listeners, kind):
    event = events.REFERENCE[kind]
    answer = stack.post(event)
    taken = received(stack, listeners)
    assert {channel for channel, texts in taken.items() if texts} == REACHES[kind]
    for channel in REACHES[kind]:
        assert len(taken[channel]) == 1
        message = json.loads(taken[channel][0])
        position = message.pop("position")
        assert POSITION.fullmatch(position)
        assert message == {**event, "channel": channel, "id": answer["id"]}


def test_numbers_leave_as_they_came(stack, listeners):
    body = ('{"type":"run_update","data":{"contest_alias":"annual-2024","username":"contestant1",'
            '"score":1.0,"runtime":0.045,"big":9007199254740993123,"tiny":1E-400,"minus":-0}}')
    stack.post(body)
    text = received(stack, listeners)[CONTEST][0]
    for number in ('"score":1.0', '"runtime":0.045', '"big":9007199254740993123',
                   '"tiny":1E-400', '"minus":-0'):
        assert number in text


def test_text_of_all_kinds_leaves_as_it_came(stack, listeners):
    words = "¿Qué? 日本 🎈 \" \\ / \u2028 </script> \t\n\u0000 end"
    stack.post({"type": "run_update", "data": {
        "contest_alias": REFERENCE_CONTEST, "username": "contestant1", "words": words}})
    text = received(stack, listeners)[CONTEST][0]
    assert json.loads(text)["data"]["words"] == words


@pytest.mark.parametrize("kind", REACHES)
def test_the_same_event_in_the_graders_form_reaches_the_same_channels(stack, listeners, kind):
    event = events.REFERENCE[kind]
    place = reference_place()
    user = "contestant1" if kind == "run_update" else None
    posted = int(time.time())
    stack.post(events.grader_form(place, {"type": kind, "data": event["data"]}, user=user,
                                  public=kind != "run_update"))
    taken = received(stack, listeners)
    assert {channel for channel, texts in taken.items() if texts} == REACHES[kind]
    message = json.loads(taken[CONTEST][0])
    assert message["type"] == kind
    for key, value in event["data"].items():
        assert message["data"][key] == value
    assert posted <= message["timestamp"] <= time.time()
    assert isinstance(message["timestamp"], int)


NATIVE = [
    ("run_update", {"message": "/run/update/", "run": {"guid": "g", "alias": "sum-two",
                                                       "verdict": "AC", "score": 0.5}},
     {"guid": "g", "verdict": "AC", "score": 0.5, "problem_alias": "sum-two",
      "contest_alias": "annual-2024", "username": "contestant1", "problemset": 17}),
    ("clarification", {"message": "/clarification/update/",
                       "clarification": {"clarification_id": 5, "message": "why?"}},
     {"clarification_id": 5, "message": "why?", "problem_alias": "sum-two",
      "contest_alias": "annual-2024", "problemset": 17}),
    ("scoreboard_update", {"message": "/scoreboard/update/", "scoreboard_type": "contestant",
                           "scoreboard": {"ranking": []}},
     {"scoreboard_type": "contestant", "scoreboard": {"ranking": []},
      "contest_alias": "annual-2024"}),
    ("contest_update", {"message": "/contest/problem/update/", "type": "added",
                        "contest_alias": "annual-2024", "problem_alias": "new-one"},
     {"type": "added", "contest_alias": "annual-2024", "problem_alias": "new-one"}),
]


@pytest.mark.parametrize("kind,native,data", NATIVE, ids=[n[0] for n in NATIVE])
@pytest.mark.parametrize("escape", [False, True], ids=["plain", "as-php-escapes"])
def test_native_message_of_today_becomes_the_documented_event(stack, listeners, kind, native, data,
                                                              escape):
    text = json.dumps(native)
    body = {"contest": REFERENCE_CONTEST, "problem": REFERENCE_PROBLEM, "problemset": 17,
            "user": "contestant1", "public": True,
            "message": text.replace("/", "\\/") if escape else text}
    stack.post(body, headers={"Content-Type": "application/json"})
    taken = received(stack, listeners)
    reached = {channel for channel, texts in taken.items() if texts}
    assert reached == REACHES[kind], taken
    message = json.loads(taken[CONTEST][0])
    assert message["type"] == kind
    for key, value in data.items():
        assert message["data"][key] == value


def test_any_other_text_reaches_documented_clients_as_message(stack, listeners):
    stack.post({"contest": REFERENCE_CONTEST, "public": True, "message": '{"hello":[1,2]}'})
    message = json.loads(received(stack, listeners)[CONTEST][0])
    assert (message["type"], message["data"]) == ("message", {"hello": [1, 2]})


def test_text_with_a_word_of_the_gateway_is_only_a_message(stack, listeners):
    text = '{"type":"revoked","channel":"%s","data":{"position":"x"}}' % CONTEST
    stack.post({"contest": REFERENCE_CONTEST, "public": True, "message": text})
    message = json.loads(received(stack, listeners)[CONTEST][0])
    assert (message["type"], message["data"]) == ("message", json.loads(text))


def test_event_on_several_channels_of_one_client_comes_once_each_with_one_id(stack):
    client = stack.ws("contestant1").subscribed(CONTEST, USER)
    answer = stack.post(events.REFERENCE["run_update"])
    messages = [client.recv(), client.recv()]
    assert {m["channel"] for m in messages} == {CONTEST, USER}
    assert {m["id"] for m in messages} == {answer["id"]}


def test_events_come_in_the_order_of_their_acceptance(stack):
    place = stack.place()
    client = stack.ws("ana").subscribed(place.contest_channel)
    for n in range(200):
        stack.post(events.contest_update(place, n))
    messages = [client.recv() for _ in range(200)]
    assert [m["data"]["n"] for m in messages] == list(range(200))
    offsets = [int(m["position"].rpartition(":")[2]) for m in messages]
    assert offsets == list(range(1, 201))
    assert len({m["position"].partition(":")[0] for m in messages}) == 1


def test_large_scoreboard_arrives_whole(stack):
    place = stack.place()
    client = stack.ws("ana").subscribed(place.contest_channel)
    rows = [{"username": f"user{n}", "problems": [{"alias": "p" * 50, "points": 0.1}] * 10}
            for n in range(1000)]
    stack.post({"type": "scoreboard_update",
                "data": {"contest_alias": place.contest, "ranking": rows}})
    assert client.recv()["data"]["ranking"] == rows


def test_a_repeated_idempotency_key_makes_one_event(stack):
    place = stack.place()
    client = stack.ws("ana").subscribed(place.contest_channel)
    headers = {"Idempotency-Key": f"once-{place.contest}"}
    first = stack.post(events.contest_update(place), headers=headers)
    again = stack.post(events.contest_update(place), headers=headers)
    assert again["id"] == first["id"]
    stack.post(events.end_mark(place))
    assert [m["type"] for m in client.recv_until(events.is_end_mark)] == \
        ["contest_update", "end_mark"]
