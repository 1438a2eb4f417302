# SPDX-License-Identifier: MIT
"""`Accept: application/x-ndjson`: the documented protocol as one JSON object a line, for programs."""
import http.client
import json
import urllib.parse

import pytest
from support import events
from support.process import LIMIT, wait_until
from support.users import token_of

LINES = "application/x-ndjson"


class Lines:
    """One stream; every line of it must be a JSON object."""

    def __init__(self, stack, *channels, user=None, tls=None, **headers):
        connection = http.client.HTTPSConnection if tls else http.client.HTTPConnection
        options = {"context": tls} if tls else {}
        self._connection = connection("localhost" if tls else "127.0.0.1", stack.gateway.port,
                                      timeout=LIMIT, **options)
        if user:
            headers["Authorization"] = f"token {token_of(user)}"
        path = "/events/?" + urllib.parse.urlencode([("channel", one) for one in channels])
        self._connection.request("GET", path, headers={
            "Accept": LINES, **{name.replace("_", "-"): value for name, value in headers.items()}})
        self._answer = self._connection.getresponse()
        self.status, self.type = self._answer.status, self._answer.headers["Content-Type"]

    def read(self):
        line = self._answer.readline()
        message = json.loads(line) if line else None
        assert message is None or (isinstance(message, dict) and line.endswith(b"\n"))
        return message

    def close(self):
        self._answer.close()
        self._connection.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def test_a_line_for_each_message(stack):
    place = stack.place()
    with Lines(stack, place.contest_channel, "/user/ana", user="ana") as lines:
        assert (lines.status, lines.type) == (200, LINES)
        first = [lines.read(), lines.read()]
        assert {one["channel"] for one in first} == {place.contest_channel, "/user/ana"}
        assert [one["type"] for one in first] == ["subscribed"] * 2
        answer = stack.post(events.contest_update(place))
        event = lines.read()
        assert (event["type"], event["id"]) == ("contest_update", answer["id"])
    wait_until(lambda: stack.gateway.metrics()["connections_active"] == 0, what="its end")


def test_line_ends_of_the_backend_begin_no_other_line(stack):
    place = stack.place()
    event = events.contest_update(place)
    with Lines(stack, place.contest_channel, user="ana") as lines:
        assert lines.read()["type"] == "subscribed"
        stack.post(json.dumps(event, indent=2).replace("\n", "\r\n"))
        assert lines.read()["data"] == event["data"]


def test_it_resumes_as_a_stream_does(stack):
    place = stack.place()
    with Lines(stack, place.contest_channel, user="ana") as lines:
        position = lines.read()["position"]
    stack.post(events.contest_update(place, 1))
    stack.post(events.contest_update(place, 2))
    with Lines(stack, place.contest_channel, user="ana", Last_Event_ID=position) as lines:
        assert lines.read()["recovered"] is True
        assert [lines.read()["data"]["n"] for _ in range(2)] == [1, 2]


def test_a_refused_channel_is_a_line_as_well(stack):
    place = stack.place()
    with Lines(stack, place.contest_channel) as lines:
        error = lines.read()
        assert (error["type"], error["error"]) == ("error", "unauthorized")


def test_silence_is_broken_by_an_object(make_stack):
    stack = make_stack(settings={"Broadcaster": {"PingInterval": 1}})
    place = stack.place(public=True)
    with Lines(stack, place.contest_channel) as lines:
        assert lines.read()["type"] == "subscribed"
        assert lines.read() == {"type": "pong"}


@pytest.mark.parametrize("proxied", [True, False])
def test_large_events_and_a_drain(make_stack, proxied):
    stack = make_stack(settings={"Broadcaster": {"Proxied": proxied, "DrainSeconds": 1},
                                 "Redis": {"HistoryBytes": 64 << 20}})
    place = stack.place(public=True)
    tls = None if proxied else stack.certificates.client_context()
    with Lines(stack, place.contest_channel, tls=tls) as lines:
        assert lines.read()["type"] == "subscribed"
        event = events.scoreboard_update(place)
        event["data"]["rows"] = "x" * 3_000_000
        stack.post(event)
        stack.post(events.contest_update(place, 1))
        assert len(lines.read()["data"]["rows"]) == 3_000_000
        assert lines.read()["type"] == "contest_update"
        stack.gateway.stop()
        last = []
        while message := lines.read():
            last.append(message["type"])
        assert set(last) <= {"reconnect", "pong", "position"}
