# SPDX-License-Identifier: MIT
"""Several gateways on one Redis: each event everywhere it is wanted, and nowhere else."""
import time

import pytest
from support import events
from support.process import wait_until
from support.stack import Stack

PREFIX = "omegaup:events"


@pytest.fixture(scope="module")
def pair(tmp_path_factory, certificates):
    with Stack(tmp_path_factory.mktemp("pair"), certificates, gateways=2) as stack:
        yield stack


@pytest.fixture
def two(pair):
    yield pair
    pair.close_clients()


def topics(stack):
    """Topics that any gateway is subscribed to, without the prefix; housekeeping left out."""
    names = {name.removeprefix(PREFIX + ":") for name in stack.redis.channels(PREFIX + ":*")}
    return {name for name in names if "/" in name and not name.startswith("probe")}


def test_event_reaches_the_clients_of_every_gateway(two):
    place = two.place()
    clients = [two.ws("ana", gateway=g).subscribed(place.contest_channel) for g in (0, 1, 0, 1)]
    answer = two.post(events.contest_update(place))
    messages = [client.recv() for client in clients]
    assert {m["id"] for m in messages} == {answer["id"]}
    assert len({m["position"] for m in messages}) == 1


def test_redis_is_asked_for_exactly_the_topics_that_clients_want(two):
    before = topics(two)  # which linger, since earlier tests wanted them
    assert "user/beto" not in before
    place = two.place()
    first = two.ws("carla", gateway=0).subscribed(place.contest_channel, place.admin_channel,
                                                  place.scoreboard_channel)
    assert topics(two) - before == {f"contest/{place.contest}"}
    two.ws("beto", gateway=1).subscribed("/user/beto", place.problem_channel)
    others = {"user/beto", f"problem/{place.problem}"}
    assert topics(two) - before == {f"contest/{place.contest}"} | others
    started = time.monotonic()
    first.close()
    wait_until(lambda: f"contest/{place.contest}" not in topics(two), what="the topic to be left")
    assert time.monotonic() - started > 8, "it lingers for those who come back"
    wait_until(lambda: topics(two) == others, what="what earlier tests wanted to be left, too")


def test_many_clients_of_one_topic_are_one_subscription_per_gateway(two):
    place = two.place()
    for n in range(10):
        two.ws("ana", gateway=n % 2).subscribed(place.contest_channel)
    with two.redis.client() as redis:
        counts = redis.pubsub_numsub(f"{PREFIX}:contest/{place.contest}")
    assert counts[0][1] == 2


def test_client_resumes_at_the_other_gateway_without_a_gap(two):
    place = two.place()
    client = two.ws("ana", gateway=0).subscribed(place.contest_channel)
    two.post(events.contest_update(place, 0))
    position = client.recv()["position"]
    client.abort()
    two.post(events.contest_update(place, 1))
    two.post(events.contest_update(place, 2))
    back = two.ws("ana", gateway=1)
    assert back.subscribe(place.contest_channel, position=position)["recovered"] is True
    two.post(events.contest_update(place, 3))
    assert [back.recv()["data"]["n"] for _ in range(3)] == [1, 2, 3]


def test_deauthenticate_reaches_the_sessions_of_every_gateway(two):
    sessions = [two.ws("dora", gateway=0), two.ws("dora", gateway=1)]
    assert two.backend().get("/deauthenticate/dora").status == 200
    assert [s.wait_closed() for s in sessions] == [4001, 4001]


def test_killed_gateways_clients_go_on_at_the_other(make_stack):
    stack = make_stack(gateways=2)
    place = stack.place()
    client = stack.ws("ana", gateway=0)
    position = client.subscribe(place.contest_channel)["position"]
    stack.gateways[0].kill()
    assert client.wait_closed() == 1006
    stack.post(events.contest_update(place, 1))
    other = stack.ws("ana", gateway=1)
    assert other.subscribe(place.contest_channel, position=position)["recovered"] is True
    assert other.recv()["data"]["n"] == 1
    stack.gateways[0].start()
    again = stack.ws("ana", gateway=0)
    assert again.subscribe(place.contest_channel, position=position)["recovered"] is True
    assert again.recv()["data"]["n"] == 1


def test_gateways_share_one_port(make_stack):
    stack = make_stack(gateways=2, shared_port=True)
    place = stack.place()
    clients = [stack.ws("ana").subscribed(place.contest_channel) for _ in range(40)]
    counts = [g.metrics()["connections_active"] for g in stack.gateways]
    assert sum(counts) == 40 and min(counts) > 0, counts
    stack.post(events.contest_update(place))
    assert [client.recv()["type"] for client in clients] == ["contest_update"] * 40


def test_leaving_gateway_sends_its_clients_to_the_other(make_stack):
    stack = make_stack(gateways=2, shared_port=True)
    place = stack.place()
    clients = [stack.ws("ana").subscribed(place.contest_channel) for _ in range(20)]
    stack.gateways[0].stop()
    left = [c for c in clients if not c.is_open()]
    assert {c.close_code for c in left} <= {1012}
    for _ in left:
        stack.ws("ana").subscribed(place.contest_channel)
    stack.post(events.contest_update(place))
    assert all(c.recv_until(lambda m: m["type"] == "contest_update") for c in clients
               if c.is_open())
