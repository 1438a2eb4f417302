# SPDX-License-Identifier: MIT
"""A Redis that lies, one that stays away while access is asked about again, strangers who take
every descriptor: what must not happen then."""
import resource
import socket
import time

import pytest
from support import events, users
from support.fake_redis import FakeRedis, array, bulk, page, push
from support.http_client import get_plain
from support.process import wait_until
from support.redis_server import RedisServer
from support.stack import Stack

EPOCH = "0123456789abcdef"


# --- a Redis that lies ------------------------------------------------------------------------

@pytest.fixture(scope="module")
def liar():
    fake = FakeRedis()
    yield fake
    fake.close()


@pytest.fixture(scope="module")
def lied_to(tmp_path_factory, certificates, liar):
    with Stack(tmp_path_factory.mktemp("liar"), certificates, redis_server=liar) as stack:
        yield stack


@pytest.fixture
def honest_again(liar):
    yield
    liar.lies.clear()


@pytest.mark.parametrize("data", [
    push(bulk("message")),
    push(bulk("message"), bulk("x")),
    push(bulk("subscribe"), bulk("nobody-asked"), b":1\r\n"),
    push(bulk("subscribe"), b"_\r\n", b":1\r\n"),
    push(bulk("psubscribe"), bulk("*"), b":1\r\n"),
    push(b":1\r\n", b":2\r\n", b":3\r\n"),
    b"*1\r\n" * 100000,
    b"$99999999999999999999\r\n",
    b"not RESP at all\r\n",
    b"\x00\xff" * 500,
], ids=lambda data: repr(data[:24]))
def test_what_no_redis_sends_costs_no_more_than_the_link(lied_to, liar, data):
    client = lied_to.ws()
    liar.say(data)
    time.sleep(0.2)
    assert client.ask({"type": "ping"}) == {"type": "pong"}
    for service in lied_to.services:
        wait_until(service.is_ready, what=f"{service.name} to be ready again")


@pytest.mark.parametrize("answer", [
    b"_\r\n", b":1\r\n", array(), page('"},{"x":"yyyyyyy', "0"), page("\0" * 16, "0"),
    page("ABCDEFABCDEFABCD", "0"), page(EPOCH, "-1"), page(EPOCH, "abc"), page(EPOCH, ""),
    page(EPOCH, "99999999999999999999"), page(EPOCH + "0", "0"),
], ids=repr)
def test_position_that_is_none_reaches_no_client(lied_to, liar, honest_again, answer):
    liar.lies["EVALSHA"] = answer
    place = lied_to.place(public=True)
    client = lied_to.ws()
    client.send({"type": "subscribe", "channel": place.contest_channel})
    asked = liar.asked["EVALSHA"]
    wait_until(lambda: liar.asked["EVALSHA"] >= asked + 2, what="the gateway to ask again")
    assert client.texts == []
    liar.lies["EVALSHA"] = page(EPOCH, "7")
    assert client.recv()["position"] == f"{EPOCH}:7"


@pytest.mark.parametrize("answer", [
    array(bulk("again"), b":5\r\n"), array(bulk("again"), b"_\r\n"),
    array(bulk("again"), bulk("")), array(bulk("again")), array(b":1\r\n"), b":1\r\n",
], ids=repr)
def test_answer_to_a_write_that_says_nothing_is_no_success(lied_to, liar, honest_again, answer):
    liar.lies["EVALSHA"] = answer
    backend = lied_to.backend()
    reply = backend.post(events.contest_update(lied_to.place()),
                         headers={"Idempotency-Key": "a-key"})
    assert reply.status == 503


# --- a Redis that stays away ------------------------------------------------------------------

def test_asking_again_while_redis_is_away_revokes_nothing(tmp_path, certificates):
    server = RedisServer(tmp_path)
    server.start()
    settings = {"Broadcaster": {"RecheckSeconds": 6}}
    try:
        with Stack(tmp_path / "stack", certificates, settings=settings,
                   redis_server=server) as stack:
            place = stack.place()
            client = stack.ws("ana").subscribed(place.contest_channel)
            server.kill()
            time.sleep(14)  # longer than RecheckSeconds and what a subscription waits for Redis
            assert len(client.texts) == 1, client.texts
            server.start()
            for service in stack.services:
                service.wait_ready()
            got = client.recv_until(lambda m: m["type"] == "reset")  # Redis is empty
            stack.post(events.clarification(place))
            got += client.recv_until(lambda m: m["type"] == "clarification")
            assert "revoked" not in [message["type"] for message in got]
    finally:
        server.kill()


# --- strangers who take every descriptor ------------------------------------------------------

@pytest.fixture
def small(tmp_path, certificates):
    """A stack whose processes may have 128 descriptors each."""
    stack = Stack(tmp_path / "stack", certificates)
    stack.write_users(users.users_file())
    stack.redis.start()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (128, hard))
    try:
        for service in stack.services:
            service.start(ready=False)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    for service in stack.services:
        service.wait_ready()
    yield stack
    stack.stop()


@pytest.mark.parametrize("kind", ["publisher", "gateway"])
def test_strangers_leave_descriptors_for_redis_and_metrics(small, kind):
    service = small.publisher if kind == "publisher" else small.gateway
    place = small.place()
    client = small.ws("ana").subscribed(place.contest_channel)
    small.post(events.clarification(place))
    client.recv()
    backend = small.backend()  # before the strangers come: its connection needs a descriptor too
    strangers = [socket.create_connection(("127.0.0.1", service.port)) for _ in range(200)]
    try:
        assert get_plain(service.metrics_port, "/health").status == 200
        with small.redis.client() as redis:
            redis.client_kill_filter(_type="normal", skipme=True)
            redis.client_kill_filter(_type="pubsub")
        # /ready may not have seen yet that the link is gone.
        wait_until(lambda: backend.post(events.clarification(place)).status == 200,
                   what="the way back to Redis")
        client.recv_until(lambda m: m["type"] == "clarification")
    finally:
        for stranger in strangers:
            stranger.close()
