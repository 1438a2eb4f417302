# SPDX-License-Identifier: MIT
"""What the answer to a POST tells its author: channels, and what looks like a typing error."""
import json

import pytest
from support.process import wait_until


def post(stack, body, path="/broadcast/"):
    answer = stack.backend().request("POST", path, json.dumps(body))
    assert answer.status == 200, answer.body
    return answer.json()


def contest_update(**more):
    return {"type": "contest_update", "data": {"contest_alias": "review"}, **more}


def test_answer_names_the_channels(stack):
    answer = post(stack, {"type": "run_update", "data": {
        "contest_alias": "review", "problem_alias": "sums", "username": "ana", "problemset": 17}})
    assert sorted(answer["channels"]) == ["/contest/review", "/problem/sums", "/problemset/17",
                                          "/user/ana"]
    assert answer["topics"] == 5 and answer["warnings"] == []


def test_grader_form_is_told_the_same(stack):
    answer = post(stack, {"contest": "review", "public": True, "message": "{}"})
    assert answer["channels"] == ["/contest/review"] and answer["warnings"] == []


@pytest.mark.parametrize("body,warnings", [
    (contest_update(pubic=True), ["unknown field: pubic; did you mean public?"]),
    (contest_update(priority=3), ["unknown field: priority"]),
    (contest_update(**{'a"b\\': 1}), ['unknown field: a"b\\']),
    ({"type": "contest-update", "data": {"contest_alias": "review"}},
     ["unknown type: contest-update; did you mean contest_update?"]),
    ({"type": "RunUpdate", "data": {"contest_alias": "review"}},
     ["unknown type: RunUpdate; did you mean run_update?"]),
    ({"type": "balloon", "data": {"contest_alias": "review"}}, []),
    ({"type": "contest_update", "data": {"contest_alias": "review", "problemAlias": "sums"}},
     ["does not route: data: problemAlias; did you mean problem_alias?"]),
    ({"type": "contest_update", "data": {"contest_alias": "review", "anything": 1}}, []),
    (contest_update(timestamp=1704067200000),
     ["timestamp: after the year 2200: it is in seconds, not in milliseconds"]),
    (contest_update(timestamp=1704067200), []),
])
def test_mistakes_that_are_legal_are_told(stack, body, warnings):
    assert post(stack, body)["warnings"] == warnings


def test_long_name_is_cut_between_characters(stack):
    [warning] = post(stack, contest_update(**{"x" + "\u00e9" * 100: 1}))["warnings"]
    assert warning == "unknown field: x" + "\u00e9" * 49


def test_many_mistakes_are_not_all_told(stack):
    assert len(post(stack, contest_update(**{f"field{n}": n for n in range(100)}))["warnings"]) == 8


def test_dry_run_judges_and_writes_nothing(stack):
    place = stack.place()
    client = stack.ws("ana").subscribed(place.contest_channel)
    body = {"type": "contest_update", "data": {"contest_alias": place.contest, "n": 1}}
    answer = post(stack, body, "/broadcast/?dry_run=1")
    assert answer["dry_run"] is True and answer["channels"] == [place.contest_channel]
    backend = stack.backend()
    assert backend.request("POST", "/broadcast/?dry_run=1", '{"type":1}').status == 400
    body["data"]["n"] = 2
    assert "dry_run" not in post(stack, body)
    assert client.recv()["data"]["n"] == 2


def test_repeated_request_gets_the_first_ones_answer(stack):
    backend, texts = stack.backend(), []
    for _ in range(2):
        answer = backend.request("POST", "/broadcast/", json.dumps(contest_update(pubic=1)),
                                 headers={"Idempotency-Key": "review-1"})
        texts.append(answer.body)
    assert texts[0] == texts[1] and b"pubic" in texts[0]
    wait_until(lambda: stack.publisher.metrics()["messages_received_total"] > 0)
