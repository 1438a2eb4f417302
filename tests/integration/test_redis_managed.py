# SPDX-License-Identifier: MIT
"""A Redis that one rents: what it refuses is not used."""
import pytest
from support import events, users
from support.process import wait_until
from support.redis_server import RedisServer
from support.stack import Stack

ADMINISTRATIVE = ("CONFIG", "ACL", "CLIENT", "KEYS", "FLUSHALL", "FLUSHDB", "DEBUG", "MONITOR",
                  "REPLICAOF", "SHUTDOWN", "SAVE", "BGSAVE")


@pytest.fixture
def stack_on(tmp_path, certificates):
    """A function: a stack on a redis-server with these options; nothing of ours is started."""
    started = []

    def make(*options):
        redis_server = RedisServer(tmp_path, options=options).start()
        stack = Stack(tmp_path / "stack", certificates, redis_server=redis_server)
        stack.write_users(users.users_file())
        started.extend((redis_server.kill, stack.stop))
        return stack

    yield make
    for end in reversed(started):
        end()


def test_administrative_commands_may_be_refused(stack_on):
    refused = [word for command in ADMINISTRATIVE
               for word in ("--rename-command", command, "")]
    stack = stack_on(*refused)
    for service in stack.services:
        service.start()
    place = stack.place()
    client = stack.ws("ana").subscribed(place.contest_channel)
    stack.post(events.contest_update(place), headers={"Idempotency-Key": "once"})
    position = client.recv()["position"]
    stack.post(events.contest_update(place, n=2))
    again = stack.ws("ana")
    again.subscribe(place.contest_channel, position=position)
    assert again.recv_until(lambda m: m["type"] == "contest_update")[-1]["data"]["n"] == 2
    assert stack.backend().get("/deauthenticate/ana").status == 200
    assert client.wait_closed() == 4001


def test_info_that_scripts_may_not_ask_for_is_told_and_makes_nobody_ready(stack_on):
    stack = stack_on()
    with stack.redis.client() as redis:
        redis.execute_command("ACL", "SETUSER", "default", "-info")
    for service in stack.services:
        service.start(ready=False)
        wait_until(lambda: "NOPERM" in service.process.log(), what="the reason in the log")
        assert service.answers() == 503
