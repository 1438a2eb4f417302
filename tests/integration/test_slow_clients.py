# SPDX-License-Identifier: MIT
"""A client that does not read costs nobody else anything, and loses nothing it cannot get back."""

import pytest
from support import events
from support.process import wait_until

PAD = "x" * 100_000  # a hundred of these are more than all socket buffers hold


def padded(event):
    event["data"]["pad"] = PAD
    return event


@pytest.fixture
def impatient(make_stack):
    return make_stack(settings={"Broadcaster": {"WriteTimeout": 3}})


def test_slow_client_is_closed_and_others_are_unaffected(impatient):
    stack, place = impatient, impatient.place()
    slow = stack.ws("ana").subscribed(place.contest_channel)
    quick = stack.ws("beto").subscribed(place.contest_channel)
    slow.pause_reading()
    for n in range(150):
        stack.post(padded(events.contest_update(place, n)))
        assert quick.recv()["data"]["n"] == n
    wait_until(lambda: stack.gateway.metrics()["broadcaster_slow_closes_total"] == 1,
               what="the slow client to be closed")
    assert stack.gateway.metrics()["connections_active"] == 1
    slow.resume_reading()
    assert slow.wait_closed() in (4008, 1006)
    assert quick.ask({"type": "ping"}) == {"type": "pong"}


def test_closed_slow_client_resumes_without_a_gap(impatient):
    stack, place = impatient, impatient.place()
    slow = stack.ws("ana").subscribed(place.contest_channel)
    slow.pause_reading()
    for n in range(70):  # less than the history's bytes hold, more than the socket's
        stack.post(padded(events.contest_update(place, n)))
    wait_until(lambda: stack.gateway.metrics()["broadcaster_slow_closes_total"] == 1,
               what="the slow client to be closed")
    slow.resume_reading()
    slow.wait_closed()
    messages = [slow.recv() for _ in range(slow.waiting() - 1)]
    taken = [m["data"]["n"] for m in messages if m["type"] == "contest_update"]
    assert taken == list(range(len(taken))) and len(taken) < 70
    position = messages[-1]["position"] if taken else None
    back = stack.ws("ana")
    answer = back.subscribe(place.contest_channel, position=position)
    assert answer["recovered"] is True
    assert [back.recv()["data"]["n"] for _ in range(len(taken), 70)] == \
        list(range(len(taken), 70))


def test_slow_client_gets_the_newest_scoreboard_and_the_count_of_those_skipped(make_stack):
    stack = make_stack(settings={"Broadcaster": {"WriteTimeout": 30}})
    place = stack.place()
    slow = stack.ws("ana").subscribed(place.contest_channel)
    slow.pause_reading()
    for n in range(150):
        stack.post(padded(events.scoreboard_update(place, n)))
    stack.post(events.contest_update(place))
    wait_until(lambda: stack.gateway.metrics()["broadcaster_conflated_total"] > 0,
               what="scoreboards to be conflated")
    slow.resume_reading()
    messages = slow.recv_until(lambda m: m["type"] == "contest_update")
    # The conflated one stands where the newest was added: before the event that came after it.
    boards = messages[:-1]
    assert boards[-1]["data"]["n"] == 149
    assert sum(1 + m.get("skipped", 0) for m in boards) == 150
    assert len(boards) < 150


def test_queue_of_one_client_is_bounded(make_stack):
    stack = make_stack(settings={"Broadcaster": {"WriteTimeout": 60, "QueueBytes": 1_000_000}})
    place = stack.place()
    slow = stack.ws("ana").subscribed(place.contest_channel)
    slow.pause_reading()
    for n in range(200):
        stack.post(padded(events.contest_update(place, n)))
        metrics = stack.gateway.metrics()
        assert metrics["broadcaster_queue_bytes"] <= 1_200_000
        if metrics["broadcaster_slow_closes_total"]:
            break
    assert stack.gateway.metrics()["broadcaster_slow_closes_total"] == 1
    wait_until(lambda: stack.gateway.metrics()["broadcaster_queue_bytes"] == 0,
               what="the queue to be given back")
    slow.abort()


def test_all_queues_together_are_bounded(make_stack):
    stack = make_stack(settings={"Broadcaster": {
        "WriteTimeout": 60, "QueueBytes": 4_000_000, "QueueBytesTotal": 4_000_000}})
    places = [stack.place() for _ in range(8)]
    slow = [stack.ws("root").subscribed(place.contest_channel) for place in places]
    for client in slow:
        client.pause_reading()
    quick = stack.ws("ana").subscribed(places[0].contest_channel)
    for n in range(60):  # 48 MB in different frames: none of the queues alone is over its bound
        for place in places:
            stack.post(padded(events.contest_update(place, n)))
        assert quick.recv()["data"]["n"] == n
    assert stack.gateway.metrics()["broadcaster_slow_closes_total"] >= 1
    assert stack.gateway.metrics()["broadcaster_queue_bytes"] < 5_000_000
    assert quick.is_open()
    for client in slow:
        client.abort()  # an orderly end would wait for what they do not read
