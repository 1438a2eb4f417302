# SPDX-License-Identifier: MIT
"""Server-Sent Events for the documented protocol."""
import json
import urllib.parse

from support import events
from support.http_client import raw_exchange, raw_status
from support.users import token_of


def path_of(*channels, **more):
    query = [("channel", channel) for channel in channels] + list(more.items())
    return "/events/?" + urllib.parse.urlencode(query)


def read(stream, n):
    return [stream.read_event() for _ in range(n)]


def test_stream_begins_with_the_subscriptions_and_carries_events(stack):
    place = stack.place()
    with stack.sse(path_of(place.contest_channel, "/user/ana"), user="ana") as stream:
        assert stream.status == 200
        first = read(stream, 2)
        assert [e[0] for e in first] == ["subscribed"] * 2
        assert {json.loads(e[2])["channel"] for e in first} == {place.contest_channel, "/user/ana"}
        answer = stack.post(events.contest_update(place))
        kind, event_id, data = stream.read_event()
        message = json.loads(data)
        assert kind == "contest_update" == message["type"]
        assert (message["channel"], message["id"]) == (place.contest_channel, answer["id"])
        positions = event_id.split(",")
        assert len(positions) == 2 and positions[0] == message["position"]


def test_refused_channel_is_an_error_event_and_the_others_stand(stack):
    place = stack.place()
    with stack.sse(path_of(place.admin_channel, place.contest_channel), user="ana") as stream:
        kinds = {json.loads(data)["channel"]: (kind, json.loads(data).get("error"))
                 for kind, _, data in read(stream, 2)}
        assert kinds == {place.admin_channel: ("error", "forbidden"),
                         place.contest_channel: ("subscribed", None)}


def resumed(stack, place, event_id, by_header):
    headers = {"Last-Event-ID": event_id} if by_header else None
    path = path_of(place.contest_channel, "/user/ana",
                   **({} if by_header else {"lastEventId": event_id}))
    return stack.sse(path, user="ana", headers=headers)


def check_resume(stack, by_header):
    place = stack.place()
    with stack.sse(path_of(place.contest_channel, "/user/ana"), user="ana") as stream:
        read(stream, 2)
        stack.post(events.contest_update(place, 1))
        event_id = stream.read_event()[1]
    for n in (2, 3):
        stack.post(events.contest_update(place, n))
    with resumed(stack, place, event_id, by_header) as stream:
        messages = [json.loads(e[2]) for e in read(stream, 4)]
        subscribed = [m for m in messages if m["type"] == "subscribed"]
        assert [m["recovered"] for m in subscribed] == [True, True]
        assert [m["data"]["n"] for m in messages if m["type"] == "contest_update"] == [2, 3]


def test_last_event_id_resumes(stack):
    check_resume(stack, by_header=True)


def test_last_event_id_parameter_resumes_a_first_connection(stack):
    check_resume(stack, by_header=False)


def test_another_count_of_positions_is_not_recovered(stack):
    place = stack.place()
    with resumed(stack, place, "0123456789abcdef:1", True) as stream:
        assert [json.loads(e[2])["recovered"] for e in read(stream, 2)] == [False, False]


def test_bad_requests(stack):
    place = stack.place()
    paths = ["/events/", "/events/?channel=", "/events/?channel=nonsense",
             path_of(place.contest_channel) + "&filter=/user/ana",
             path_of(*[f"/user/u{n}" for n in range(129)])]
    for path in paths:
        assert stack.sse(path, user="root").status == 400, path[:60]


def test_cross_origin_page_is_told_that_it_may(stack):
    place = stack.place()
    with stack.sse(path_of(place.contest_channel),
                   headers={"Origin": "https://omegaup.com",
                            "Cookie": f"ouat={token_of('ana')}"}) as stream:
        headers = stream.response.headers
        assert headers["Access-Control-Allow-Origin"] == "https://omegaup.com"
        assert headers["Access-Control-Allow-Credentials"] == "true"
        assert stream.read_event()[0] == "subscribed"
    other = stack.sse(path_of(place.contest_channel), headers={"Origin": "https://evil.example"})
    assert other.status == 403 or "Access-Control-Allow-Origin" not in other.response.headers


def test_options_allows_the_headers_that_resume_and_authenticate(stack):
    request = ("OPTIONS /events/ HTTP/1.1\r\nHost: judge.example\r\n"
               "Origin: https://omegaup.com\r\nAccess-Control-Request-Method: GET\r\n"
               "Access-Control-Request-Headers: authorization\r\n\r\n")
    answer = raw_exchange(stack.gateway.port, request.encode())
    assert raw_status(answer) in (200, 204)
    head = answer.lower()
    assert b"access-control-allow-origin: https://omegaup.com" in head
    assert b"authorization" in head and b"last-event-id" in head


def test_stream_and_websocket_get_the_same_json(stack):
    place = stack.place()
    client = stack.ws("ana").subscribed(place.contest_channel)
    with stack.sse(path_of(place.contest_channel), user="ana") as stream:
        stream.read_event()
        stack.post(events.clarification(place))
        assert stream.read_event()[2] == client.recv_text()
