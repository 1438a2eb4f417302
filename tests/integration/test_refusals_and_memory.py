# SPDX-License-Identifier: MIT
"""A Redis that refuses is never a success, and a contest in which little happens costs it little."""
import pytest
from support import events
from support.fake_redis import FakeRedis, array, bulk
from support.process import wait_until

MB = 1_000_000
CONTESTANTS = 1000
BOARDS = 60  # one every 10 s for as long as a log reaches back
QUIET_CONTEST_BYTES = 20 * MB
CONTEST_LOG_BYTES = 1 * MB  # the log holds markers only


@pytest.fixture
def refused(make_stack):
    """A publisher whose Redis says what the test wants."""
    fake = FakeRedis()
    fake.lies["EVALSHA"] = array(bulk("ok"))
    yield make_stack(redis_server=fake, gateways=0), fake
    fake.close()


@pytest.mark.parametrize("headers", [None, {"Idempotency-Key": "k"}], ids=["no key", "key"])
@pytest.mark.parametrize("error", [
    "NOSCRIPT No matching script.", "READONLY You can't write against a read only replica.",
    "LOADING Redis is loading the dataset in memory", "OOM command not allowed",
    "BUSY Redis is busy running a script.", "MASTERDOWN Link with MASTER is down",
    "MISCONF Errors writing to the AOF file", "NOREPLICAS Not enough good replicas to write.",
    "NOPERM this user has no permissions", "ERR anything else",
], ids=lambda error: error.split()[0])
def test_event_that_redis_refuses_is_never_a_success(refused, error, headers):
    stack, fake = refused
    backend, event = stack.backend(), events.contest_update(stack.place())
    assert backend.post(event, headers=headers).status == 200
    fake.lies["EVALSHA"] = f"-{error}\r\n".encode()
    assert backend.post(event, headers=headers).status == 503
    fake.lies["EVALSHA"] = array(bulk("ok"))
    wait_until(lambda: backend.post(event, headers=headers).status == 200, 20, "a success again")


def used_by(redis_client):
    return redis_client.info("memory")["used_memory"]


def test_quiet_contest_of_a_thousand_costs_redis_less_than_20_mb(make_stack):
    stack = make_stack()
    place = stack.place()
    admin = stack.ws("root").subscribed(place.contest_channel)
    with stack.redis.client() as redis:
        before, most = used_by(redis), 0
        for n in range(CONTESTANTS):
            stack.post(events.run_update(place, f"u{n}", n))
        for n in range(BOARDS):
            board = events.scoreboard_update(place, n, public=n % 2 == 0)
            board["data"]["pad"] = "x" * MB
            stack.post(board)
            assert admin.recv_until(lambda m: m["type"] == "scoreboard_update")[-1]["data"]["n"] == n
            most = max(most, used_by(redis) - before)
        log = redis.memory_usage(f"omegaup:events:contest/{place.contest}:log", samples=0)
    assert log < CONTEST_LOG_BYTES, f"the log takes {log} bytes"
    assert most < QUIET_CONTEST_BYTES, f"redis took {most} bytes more than before"
    print(f"redis took at most {most} bytes, the contest's log {log}")
