# SPDX-License-Identifier: MIT
"""Server-Sent Events for the documented protocol."""
import json
import signal
import urllib.parse

import pytest

from support import events
from support.http_client import Http, raw_exchange, raw_status
from support.listening import begin_stream
from support.process import wait_until
from support.stack import merged
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
             path_of(place.contest_channel) + "&filter=/user/ana"]
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


def test_id_of_each_message_is_the_position_after_it(stack):
    """Also of messages that waited together: a newer id would skip what was not read."""
    place = stack.place()
    with stack.sse(path_of(place.contest_channel, "/user/ana"), user="ana") as stream:
        started = dict(zip((place.contest_channel, "/user/ana"), ("", "")))
        for kind, _, data in read(stream, 2):
            assert kind == "subscribed"
            started[json.loads(data)["channel"]] = json.loads(data)["position"]
        for n in range(20):
            stack.post(events.contest_update(place, n))
        stack.post(events.run_update(place))
        at = dict(started)
        for _ in range(22):
            _, event_id, data = stream.read_event()
            message = json.loads(data)
            at[message["channel"]] = message["position"]
            assert event_id == f"{at[place.contest_channel]},{at['/user/ana']}"


def test_resuming_from_any_id_gives_what_follows_it(stack):
    place = stack.place()
    with stack.sse(path_of(place.contest_channel, "/user/ana"), user="ana") as stream:
        read(stream, 2)
        for n in range(6):
            stack.post(events.contest_update(place, n))
        ids = [stream.read_event()[1] for _ in range(6)]
    for n, event_id in enumerate(ids):
        with resumed(stack, place, event_id, True) as stream:
            messages = [json.loads(e[2]) for e in read(stream, 2 + 5 - n)]
            assert [m["data"]["n"] for m in messages if m["type"] == "contest_update"] == \
                list(range(n + 1, 6))


def test_message_larger_than_any_write_arrives_whole(stack):
    place = stack.place()
    with stack.sse(path_of(place.contest_channel), user="ana") as stream:
        stream.read_event()
        event = events.scoreboard_update(place)
        event["data"]["rows"] = "x" * 3_000_000
        stack.post(event)
        stack.post(events.contest_update(place))
        kind, event_id, data = stream.read_event()
        message = json.loads(data)
        assert (kind, len(message["data"]["rows"])) == ("scoreboard_update", 3_000_000)
        assert event_id == message["position"]
        assert stream.read_event()[0] == "contest_update"


def test_nobody_is_told_what_is_refused_and_gets_what_is_public(stack):
    place = stack.place(public=True)
    with stack.sse(path_of(place.contest_channel, "/user/ana")) as stream:
        kinds = {json.loads(data)["channel"]: (kind, json.loads(data).get("error"))
                 for kind, _, data in read(stream, 2)}
        assert kinds == {place.contest_channel: ("subscribed", None),
                         "/user/ana": ("error", "unauthorized")}
        stack.post(events.contest_update(place))
        _, event_id, data = stream.read_event()
        assert event_id == json.loads(data)["position"] + ","  # one place for each channel


def test_channel_named_twice_is_subscribed_once(stack):
    place = stack.place()
    with stack.sse(path_of(place.contest_channel, place.contest_channel), user="ana") as stream:
        stack.post(events.contest_update(place, 1))
        messages = read(stream, 2)
        assert [e[0] for e in messages] == ["subscribed", "contest_update"]
        position = json.loads(messages[1][2])["position"]
        assert messages[1][1] == f"{position},{position}"


def test_deauthenticated_user_loses_the_stream(stack):
    place = stack.place()
    with stack.sse(path_of(place.contest_channel, "/user/beto"), user="beto") as stream:
        read(stream, 2)
        assert stack.backend().get("/deauthenticate/beto").status == 200
        assert stream.read_event() is None


def test_streams_are_counted_and_pinged(make_stack):
    stack = make_stack(settings={"Broadcaster": {"PingInterval": 1}})
    place = stack.place()
    stream = stack.sse(path_of(place.contest_channel), user="ana")
    old = stack.sse(f"/events/?filter={place.contest_channel}", user="ana")
    assert old.status == 200
    stream.read_event()
    metrics = stack.gateway.metrics()
    assert metrics['broadcaster_connections{transport="sse",kind="documented"}'] == 1
    assert metrics['broadcaster_connections{transport="sse",kind="legacy"}'] == 1
    assert metrics["broadcaster_sse_count"] == 2 == metrics["connections_active"]
    # No pong ever comes; the stream lives on all the same.
    assert [stream.response.readline() for _ in range(3)] == [b":\n"] * 3
    stack.post(events.contest_update(place))
    assert stream.read_event()[0] == "contest_update"


def test_client_that_does_not_read_is_dropped_and_can_resume(make_stack):
    stack = make_stack(settings={"Broadcaster": {"WriteTimeout": 3},
                                 "Redis": {"HistoryBytes": 64 << 20}})
    place = stack.place()
    slow = stack.sse(path_of(place.contest_channel), user="ana")
    slow.read_event()
    stack.post(events.contest_update(place, 0))
    event_id = slow.read_event()[1]
    big = events.contest_update(place, 1)
    big["data"]["rows"] = "x" * 12_000_000  # more than the kernel's buffers hold
    stack.post(big, headers={"Idempotency-Key": "a large one may take its time"})
    stack.post(events.contest_update(place, 2))
    wait_until(lambda: stack.gateway.metrics()["connections_active"] == 0, what="its end")
    assert stack.gateway.metrics()["broadcaster_slow_closes_total"] == 1
    with stack.sse(path_of(place.contest_channel), user="ana",
                   headers={"Last-Event-ID": event_id}) as stream:
        messages = [json.loads(e[2]) for e in read(stream, 3)]
        assert messages[0]["recovered"] is True
        assert [m["data"]["n"] for m in messages[1:]] == [1, 2]


def test_leaving_gateway_tells_when_to_come_again_and_ends(make_stack):
    stack = make_stack()
    place = stack.place()
    streams = [stack.sse(path_of(place.contest_channel), user="ana") for _ in range(5)]
    old = stack.sse(f"/events/?filter={place.contest_channel}", user="ana")
    for stream in streams:
        stream.read_event()
    process = stack.gateway.process
    process.signal(signal.SIGTERM)
    for stream in [*streams, old]:
        lines = stream.response.read().decode().splitlines()
        retries = [line for line in lines if line.startswith("retry: ")]
        assert len(retries) == 1 and int(retries[0][7:]) >= 1000, lines
    assert process.wait() == 0
    stack.gateway.stop()


def test_addresses_over_the_limit_are_refused(make_stack):
    stack = make_stack(settings={"Broadcaster": {"MaxConnectionsPerAddress": 1}})
    place = stack.place()
    with stack.sse(path_of(place.contest_channel), user="ana") as stream:
        stream.read_event()
        assert stack.sse(path_of(place.contest_channel), user="ana").status == 429


# --- without a proxy -------------------------------------------------------------------------------

TLS = {"Broadcaster": {"Proxied": False}, "Redis": {"HistoryBytes": 64 << 20}}


@pytest.fixture
def tls_stack(make_stack):
    return make_stack(settings=TLS)


def over_tls(stack, path, **options):
    return stack.sse(path, tls=stack.certificates.client_context(), **options)


def test_stream_inside_tls(tls_stack):
    stack, place = tls_stack, tls_stack.place()
    with over_tls(stack, path_of(place.contest_channel), user="ana") as stream:
        assert (stream.status, stream.read_event()[0]) == (200, "subscribed")
        event = events.scoreboard_update(place)
        event["data"]["rows"] = "x" * 3_000_000
        stack.post(event)
        stack.post(events.contest_update(place, 1))
        kind, event_id, data = stream.read_event()
        assert (kind, event_id) == ("scoreboard_update", json.loads(data)["position"])
        assert stream.read_event()[0] == "contest_update"
    wait_until(lambda: stack.gateway.metrics()["connections_active"] == 0, what="its end")
    assert over_tls(stack, path_of("nonsense"), user="ana").status == 400


def test_legacy_stream_inside_tls(tls_stack):
    stack, place = tls_stack, tls_stack.place()
    assert over_tls(stack, f"/?filter={place.contest_channel}", user="beto").status == 200
    assert over_tls(stack, "/?filter=/user/ana", user="beto").status == 403
    with over_tls(stack, f"/?filter={place.contest_channel}", user="ana") as stream:
        begin_stream(stream, lambda mark: stack.post({"contest": place.contest, "public": True,
                                                      "message": mark}))
        stack.post({"contest": place.contest, "public": True, "message": "7"})
        assert stream.read_event()[2] == "7"


def test_slow_client_inside_tls_is_dropped(make_stack):
    stack = make_stack(settings=merged(TLS, {"Broadcaster": {"WriteTimeout": 1}}))
    place = stack.place()
    slow = over_tls(stack, path_of(place.contest_channel), user="ana")
    slow.read_event()
    big = events.contest_update(place, 1)
    big["data"]["rows"] = "x" * 12_000_000
    stack.post(big, headers={"Idempotency-Key": "a large one may take its time"})
    wait_until(lambda: stack.gateway.metrics()["connections_active"] == 0, what="its end")
    assert stack.gateway.metrics()["broadcaster_slow_closes_total"] == 1


def test_leaving_gateway_ends_streams_inside_tls(tls_stack):
    stack, place = tls_stack, tls_stack.place()
    stream = over_tls(stack, path_of(place.contest_channel), user="ana")
    stream.read_event()
    process = stack.gateway.process
    process.signal(signal.SIGTERM)
    assert stream.response.read().startswith(b"retry: ")
    assert process.wait() == 0
    stack.gateway.stop()


def test_an_event_source_that_a_tls_gateway_refuses_is_told_when_to_come_again(make_stack):
    """A browser's EventSource would give up for good at 429. It counts as a refusal all the same."""
    stack = make_stack(settings=merged(TLS, {"Broadcaster": {"MaxConnectionsPerAddress": 1}}))
    place = stack.place(public=True)
    tls = stack.certificates.client_context()
    path = path_of(place.contest_channel)
    first = over_tls(stack, path)
    assert first.read_event()[0] == "subscribed"
    answer = Http(stack.gateway.port, tls=tls).get(path, Accept="text/event-stream")
    assert (answer.status, answer.headers["content-type"]) == (200, "text/event-stream")
    retry, name, data = answer.body.decode().strip().split("\n")
    assert int(retry.removeprefix("retry: ")) >= 5000 and name == "event: error"
    told = json.loads(data.removeprefix("data: "))
    assert told == {"type": "error", "error": "rate_limited", "status": 429,
                    "message": "too many connections from your address"}
    assert stack.gateway.metrics()['broadcaster_refusals_total{reason="address_limit"}'] == 1
    plain = Http(stack.gateway.port, tls=tls).get(path, Accept="text/event-stream, text/plain")
    assert plain.status == 429


def test_only_the_surplus_of_channels_is_refused(make_stack):
    stack = make_stack(settings={"Broadcaster": {"MaxSubscriptions": 2}})
    places = [stack.place(public=True) for _ in range(3)]
    with stack.sse(path_of(*(place.contest_channel for place in places))) as stream:
        assert stream.status == 200
        told = [json.loads(data) for _, _, data in read(stream, 3)]
    refused = [one for one in told if one["type"] == "error"]
    assert [one["error"] for one in refused] == ["too_many_subscriptions"]
    assert refused[0]["channel"] == places[2].contest_channel
    assert sum(one["type"] == "subscribed" for one in told) == 2
