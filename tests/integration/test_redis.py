# SPDX-License-Identifier: MIT
"""Redis comes late, goes, freezes, returns empty: readiness and promises hold."""
import signal
import threading
import time

import pytest
from support import events, users
from support.process import wait_until
from support.redis_server import RedisServer
from support.stack import Stack


PUBLISH_WAIT = 1


@pytest.fixture
def lone_redis(tmp_path):
    """A server that the test starts, stops and freezes itself."""
    server = RedisServer(tmp_path)
    yield server
    server.kill()


@pytest.fixture
def broken(tmp_path, certificates, lone_redis):
    """A stack on lone_redis; nothing is started yet."""
    stack = Stack(tmp_path / "stack", certificates, redis_server=lone_redis,
                  settings={"Broadcaster": {"PublishWait": PUBLISH_WAIT}})
    stack.write_users(users.users_file())
    yield stack
    stack.stop()


@pytest.fixture
def running(broken, lone_redis):
    lone_redis.start()
    for service in broken.services:
        service.start()
    return broken


def freeze(redis_server):
    redis_server.process.signal(signal.SIGSTOP)


def thaw(redis_server):
    redis_server.process.signal(signal.SIGCONT)


# --- promoted in place ----------------------------------------------------------------------

def test_promotion_that_cuts_no_connection_is_noticed_once(running, lone_redis):
    """The publisher learns of its new history with its next sign of life; the gateway does not
    connect anew for ever because of what it said before."""
    place = running.place()
    client = running.ws("ana")
    client.subscribed(place.contest_channel)
    with lone_redis.client() as redis:
        redis.execute_command("REPLICAOF", "127.0.0.1", "1")
        redis.execute_command("REPLICAOF", "NO", "ONE")
    said = "the server was demoted or promoted in place"
    wait_until(lambda: said in running.publisher.process.log(), what="the publisher to notice")
    wait_until(lambda: running.publisher.is_ready() and running.gateway.is_ready(),
               what="both to be ready")
    running.post(events.contest_update(place))
    assert client.recv()["type"] == "reset"
    beats = 3 * 5  # seconds; each one might make the gateway connect anew
    time.sleep(beats)
    assert running.gateway.process.log().count("redis links made anew") <= 1
    assert running.publisher.process.log().count(said) == 1


# --- started late ---------------------------------------------------------------------------

def test_redis_started_after_both_makes_them_ready(broken, lone_redis):
    for service in broken.services:
        service.start(ready=False)
        assert service.get("/health").status == 200
        assert service.get("/ready").status == 503
    backend = broken.backend()
    answer = backend.post(events.contest_update(broken.place()))
    assert answer.status == 503
    assert int(answer.headers["retry-after"]) >= 1
    place = broken.place()
    client = broken.ws("ana")
    started = time.monotonic()
    answer = client.subscribe(place.contest_channel)
    assert answer["error"] == "unavailable"
    assert time.monotonic() - started > 4
    lone_redis.start()
    for service in broken.services:
        service.wait_ready()
    client.subscribed(place.contest_channel)
    broken.post(events.contest_update(place))
    assert client.recv()["type"] == "contest_update"


def test_subscription_that_waits_for_redis_succeeds_when_it_comes(broken, lone_redis):
    broken.gateway.start(ready=False)
    broken.publisher = None
    client = broken.ws("ana")
    channel = broken.place().contest_channel
    client.send({"type": "subscribe", "channel": channel})
    time.sleep(0.5)
    lone_redis.start()
    assert client.recv()["type"] == "subscribed"


# --- restarted ------------------------------------------------------------------------------

def test_after_a_restart_of_redis_clients_get_reset_and_then_events_again(running, lone_redis):
    place = running.place()
    client = running.ws("ana").subscribed(place.contest_channel, place.problem_channel)
    running.post(events.contest_update(place))
    old_epoch = client.recv()["position"].partition(":")[0]
    lone_redis.kill()
    lone_redis.start()
    for service in running.services:
        service.wait_ready()
    told = {}
    while set(told) != {place.contest_channel, place.problem_channel}:
        message = client.recv()  # a second time when the gateway was back before the publisher
        assert message["type"] == "reset"
        told[message["channel"]] = message["position"].partition(":")[0]
    assert told[place.contest_channel] != old_epoch
    wait_until(lambda: any(name.endswith(f"contest/{place.contest}")
                           for name in lone_redis.channels()), what="the topic's subscription")
    running.post(events.contest_update(place, 2))
    message = client.recv_until(lambda m: m["type"] != "reset")[-1]
    assert message["data"]["n"] == 2
    assert message["position"].partition(":")[0] != old_epoch


def test_connections_stay_while_redis_is_away(running, lone_redis):
    place = running.place()
    client = running.ws("ana").subscribed(place.contest_channel)
    lone_redis.kill()
    wait_until(lambda: running.gateway.metrics()["broadcaster_redis_up"] == 0,
               what="the gateway to notice")
    assert client.ask({"type": "ping"}) == {"type": "pong"}
    assert client.unsubscribe(place.contest_channel)["type"] == "unsubscribed"


def test_new_subscription_without_redis_is_unavailable_after_a_while(running, lone_redis):
    lone_redis.kill()
    wait_until(lambda: running.gateway.metrics()["broadcaster_redis_up"] == 0, 20, "the loss")
    client, place = running.ws("ana"), running.place()
    client.send({"type": "subscribe", "channel": place.contest_channel})
    assert client.ask({"type": "ping"}) == {"type": "pong"}, "it waits"
    refusal = client.recv(timeout=15)
    assert (refusal["error"], refusal["channel"]) == ("unavailable", place.contest_channel)
    lone_redis.start()
    running.gateway.wait_ready()
    assert client.subscribe(place.contest_channel)["type"] == "subscribed"


def test_gateway_stays_ready_through_a_blip_of_redis(running, lone_redis):
    lone_redis.kill()
    wait_until(lambda: running.gateway.metrics()["broadcaster_redis_up"] == 0, what="the loss")
    noticed = time.monotonic()
    wait_until(lambda: running.gateway.answers() == 503, what="/ready to fall")
    assert time.monotonic() - noticed > 5
    lone_redis.start()
    running.gateway.wait_ready()


def test_post_while_the_link_is_known_to_be_down_is_503_at_once(broken, lone_redis):
    lone_redis.start()
    broken.publisher.settings["Broadcaster"]["PublishWait"] = 60  # longer than any test waits
    broken.publisher.start()
    backend = broken.backend()
    assert backend.post(events.contest_update(broken.place())).status == 200
    lone_redis.kill()
    wait_until(lambda: broken.publisher.answers() == 503, what="the publisher to notice")
    assert backend.post(events.contest_update(broken.place())).status == 503


# --- frozen ---------------------------------------------------------------------------------

def test_post_to_a_frozen_redis_is_503_after_publish_wait(running, lone_redis):
    backend = running.backend()
    backend.post(events.contest_update(running.place()))
    patient, answered = running.backend(), []
    patient.get("/health")
    freeze(lone_redis)
    try:
        thread = threading.Thread(target=lambda: answered.append(patient.post(
            events.contest_update(running.place()), headers={"Idempotency-Key": "patient"})))
        thread.start()
        time.sleep(0.5)  # so that who waits as long as this one is answered after it
        started = time.monotonic()
        answer = backend.post(events.contest_update(running.place()))
        assert answer.status == 503
        assert "retry-after" in answer.headers
        assert time.monotonic() - started > PUBLISH_WAIT / 2
        assert not answered, "one with a key waits five seconds"
    finally:
        thaw(lone_redis)
        thread.join()
    wait_until(lambda: backend.post(events.contest_update(running.place())).status == 200,
               what="the publisher to work again")


def test_grader_form_answered_503_is_delivered_once_redis_is_back(running, lone_redis):
    place = running.place()
    client = running.ws("ana").subscribed(place.contest_channel)
    backend = running.backend()
    freeze(lone_redis)
    for n in range(3):
        body = events.grader_form(place, {"type": "contest_update", "data": {"n": n}}, public=True)
        assert backend.post(body).status == 503
    thaw(lone_redis)
    assert [client.recv()["data"]["n"] for _ in range(3)] == [0, 1, 2]
    wait_until(lambda: backend.post(events.end_mark(place)).status == 200, what="the publisher")
    assert client.recv()["type"] == "end_mark", "nothing may come twice"


def test_grader_form_posted_while_redis_is_away_is_written_when_it_returns(running, lone_redis):
    place = running.place()
    client = running.ws("ana").subscribed(place.contest_channel)
    backend = running.backend()
    lone_redis.kill()
    wait_until(lambda: running.publisher.answers() == 503, what="the publisher to notice")
    body = events.grader_form(place, {"type": "contest_update", "data": {"n": 5}}, public=True)
    assert backend.post(body).status == 503
    lone_redis.start()
    # Redis came back empty: a reset, before or after the event was written.
    client.recv_until(lambda m: m["type"] == "reset")
    running.publisher.wait_ready()
    position = ""

    def is_written():
        nonlocal position
        with running.ws("beto") as later:
            position = later.subscribe(place.contest_channel)["position"]
        return position.endswith(":1")

    wait_until(is_written, what="the event")
    epoch = position.partition(":")[0]
    late = running.ws("ana")
    assert late.subscribe(place.contest_channel, position=f"{epoch}:0")["recovered"] is True
    assert late.recv()["data"]["n"] == 5


def test_request_with_a_key_waits_and_a_second_one_is_409_meanwhile(running, lone_redis):
    place = running.place()
    headers = {"Idempotency-Key": "frozen"}
    first, second = running.backend(), running.backend()
    first.get("/health"), second.get("/health")
    answers = []
    freeze(lone_redis)
    try:
        body = events.contest_update(place)
        thread = threading.Thread(target=lambda: answers.append(first.post(body, headers=headers)))
        thread.start()
        time.sleep(PUBLISH_WAIT + 0.5)
        assert not answers
        assert second.post(body, headers=headers).status == 409
    finally:
        thaw(lone_redis)
    thread.join(10)
    assert answers[0].status == 200
    again = second.post(body, headers=headers)
    assert (again.status, again.json()["id"]) == (200, answers[0].json()["id"])


def test_publisher_that_comes_after_the_gateways_to_another_history_resets_once_more(
        running, lone_redis):
    """What it was acknowledged in the old one may be lost, and the first reset came too early."""
    place = running.place()
    client = running.ws("ana").subscribed(place.contest_channel)
    running.post(events.contest_update(place, 1))
    old = client.recv()["position"]
    # With each sign of life the publisher looks whether the history still holds. This is about a
    # gateway that finds out first, so it is changed right behind one.
    lone_redis.await_message("*:beat")
    lone_redis.change_history()
    lone_redis.cut("broadcaster-subscriber")
    first = client.recv_until(lambda m: m["type"] == "reset")[-1]["position"]
    running.post(events.contest_update(place, 2))  # acknowledged after the gateway had moved
    client.recv_until(lambda m: m["type"] == "contest_update")
    lone_redis.cut("broadcaster-writer")
    wait_until(lambda: "left another history" in running.publisher.process.log(), 20,
               "the publisher to renew")
    running.publisher.wait_ready()
    running.post(events.contest_update(place, 3))
    second = client.recv_until(lambda m: m["type"] == "reset")[-1]["position"]
    assert client.recv()["data"]["n"] == 3
    assert len({p.partition(":")[0] for p in (old, first, second)}) == 3
    lone_redis.cut("broadcaster-writer")  # the same history again: nothing to be done
    wait_until(lambda: running.backend().post(events.contest_update(place, 4)).status == 200,
               20, "the publisher")
    assert client.recv()["data"]["n"] == 4


def test_events_missed_while_the_gateway_was_cut_off_are_mended(running, lone_redis):
    """The link to Redis is lost, the log is not: the client gets the missing events itself."""
    place = running.place()
    client = running.ws("ana").subscribed(place.contest_channel)
    running.post(events.contest_update(place, 0))
    assert client.recv()["data"]["n"] == 0
    with lone_redis.client() as admin:
        for round_of_events in range(3):
            admin.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
            for n in range(5):
                running.post(events.contest_update(place, 10 * round_of_events + n))
            wait_until(lambda: any(name.endswith(place.contest)
                                   for name in lone_redis.channels()), what="the new subscription")
            numbers = [client.recv()["data"]["n"] for _ in range(5)]
            assert numbers == [10 * round_of_events + n for n in range(5)]
