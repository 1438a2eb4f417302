# SPDX-License-Identifier: MIT
"""Ready means that Redis lets us do what we must; what it refuses is understood and said."""
import pytest
from support import events, users
from support.process import wait_until
from support.redis_server import RedisServer
from support.stack import Stack

FULL = 'broadcaster_redis_errors_total{kind="full"}'
DENIED = 'broadcaster_redis_errors_total{kind="denied"}'


@pytest.fixture
def redis_server(tmp_path):
    server = RedisServer(tmp_path)
    yield server.start()
    server.kill()


def grant(redis_server, *rules):
    with redis_server.client() as redis:
        redis.execute_command("ACL", "SETUSER", "broadcaster", "on", ">pw", "~*", "&*", "+@all",
                              *rules)


@pytest.fixture
def stack(tmp_path, certificates, redis_server):
    """Its processes are Redis' user `broadcaster`; nothing is started yet."""
    url = f"redis://broadcaster:pw@127.0.0.1:{redis_server.port}"
    stack = Stack(tmp_path / "stack", certificates, redis_server=redis_server,
                  settings={"Redis": {"URL": url}, "Broadcaster": {"PublishWait": 1}})
    stack.write_users(users.users_file())
    yield stack
    stack.stop()


def logs(redis_server):
    with redis_server.client() as redis:
        return [name for name in redis.keys("*:log") if b":probe:" not in name]


@pytest.mark.parametrize("right", ["-publish", "-xadd", "-hset", "-set", "-evalsha"])
def test_publisher_that_may_not_write_is_not_ready_and_writes_nothing(stack, redis_server, right):
    grant(redis_server, right)
    stack.gateways = []
    publisher = stack.publisher.start(ready=False)
    wait_until(lambda: publisher.metrics()[DENIED] >= 1, what="the refusal to be counted")
    assert publisher.answers() == 503
    assert stack.backend().post(events.contest_update(stack.place())).status == 503
    assert logs(redis_server) == []
    assert "redis refused an event" in publisher.process.log()
    grant(redis_server)
    publisher.wait_ready()
    stack.post(events.contest_update(stack.place()))
    assert logs(redis_server)


def test_event_of_a_grader_is_written_once_when_the_right_to_publish_comes(stack, redis_server):
    grant(redis_server, "-publish")
    stack.gateways = []
    publisher = stack.publisher.start(ready=False)
    wait_until(lambda: publisher.metrics()[DENIED] >= 1, what="the refusal")
    place = stack.place()
    assert stack.backend().post(
        events.grader_form(place, {"type": "run"}, user="ana")).status == 503
    wait_until(lambda: publisher.metrics()[DENIED] >= 3, what="further trials")
    assert logs(redis_server) == []
    grant(redis_server)
    wait_until(lambda: publisher.metrics()["broadcaster_kept_events"] == 0, what="it is written")
    with redis_server.client() as redis:
        assert {redis.xlen(name) for name in logs(redis_server)} == {1}


def test_event_that_was_written_and_not_published_is_not_written_again(stack, redis_server):
    grant(redis_server)
    for service in stack.services:
        service.start()
    place = stack.place()
    client = stack.ws("ana").subscribed(place.contest_channel)
    grant(redis_server, "-publish")
    backend = stack.backend()
    form = events.grader_form(place, {"type": "run"}, public=True)
    assert backend.post(form).status == 200  # it stands in the log
    wait_until(lambda: stack.publisher.answers() == 503, what="/ready to tell of the missing right")
    assert "redis wrote an event and refused to publish it" in stack.publisher.process.log()
    assert backend.post(form).status == 503
    grant(redis_server)
    stack.publisher.wait_ready()
    wait_until(lambda: stack.publisher.metrics()["broadcaster_kept_events"] == 0, what="the second")
    with redis_server.client() as redis:
        assert redis.xlen(f"omegaup:events:contest/{place.contest}:log") == 2
    got = [client.recv(), client.recv()]  # the first by the gateway's own repair
    assert [m["position"].rpartition(":")[2] for m in got] == ["1", "2"]


@pytest.mark.parametrize("right", ["-subscribe", "-publish", "-evalsha", "-hmget"])
def test_gateway_that_may_not_do_its_work_is_not_ready(stack, redis_server, right):
    grant(redis_server, right)
    stack.publisher = None
    gateway = stack.gateway.start(ready=False)
    refusals = ("NOPERM", "The user executing the script can't", "ACL failure in script")
    wait_until(lambda: any(r in gateway.process.log() for r in refusals), what="the refusal")
    assert gateway.answers() == 503
    assert gateway.metrics()["broadcaster_redis_up"] == 0
    grant(redis_server)
    gateway.wait_ready()


def test_publisher_is_not_ready_while_redis_is_full(stack, redis_server):
    grant(redis_server)
    stack.gateways = []
    publisher = stack.publisher.start()
    with redis_server.client() as redis:
        redis.config_set("maxmemory", 1)
        assert stack.backend().post(events.contest_update(stack.place())).status == 503
        wait_until(lambda: publisher.answers() == 503, what="/ready to say so")
        assert publisher.metrics()[FULL] >= 1
        redis.config_set("maxmemory", 0)
    publisher.wait_ready()
    stack.post(events.contest_update(stack.place()))


def unsafe(service):
    return service.metrics()["broadcaster_redis_unsafe"]


def test_eviction_is_noticed_while_it_lasts(stack, redis_server):
    grant(redis_server)
    for service in stack.services:
        service.start()
        assert unsafe(service) == 0
    with redis_server.client() as redis:
        redis.config_set("maxmemory-policy", "allkeys-lru")
        for service in stack.services:
            wait_until(lambda: unsafe(service) == 1, 60, "the warning")
            assert "set maxmemory-policy noeviction" in service.process.log()
        redis.config_set("maxmemory-policy", "noeviction")
        for service in stack.services:
            wait_until(lambda: unsafe(service) == 0, 60, "its end")


def test_one_unsafe_server_of_several_is_enough(tmp_path, certificates):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    unsafe_server = RedisServer(tmp_path / "a", options=["--maxmemory-policy", "volatile-lru"])
    safe_server = RedisServer(tmp_path / "b")
    unsafe_server.start()
    safe_server.start()
    urls = [unsafe_server.url, safe_server.url]
    try:
        with Stack(tmp_path / "stack", certificates, redis_server=unsafe_server,
                   settings={"Redis": {"URLs": urls}}) as stack:
            safe_server.cut("broadcaster-writer")  # it comes back last, and is no reason for hope
            safe_server.cut("broadcaster-reader")
            for service in stack.services:
                service.wait_ready()
                assert unsafe(service) == 1
    finally:
        unsafe_server.kill()
        safe_server.kill()
