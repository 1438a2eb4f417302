# SPDX-License-Identifier: MIT
"""Two sites in two databases of one Redis: channels belong to no database, names keep them apart."""
import pytest
from support import events, users
from support.redis_server import RedisServer
from support.stack import Stack


@pytest.fixture
def sites(tmp_path, certificates):
    redis_server = RedisServer(tmp_path).start()
    stacks = []
    for db in (0, 3):
        stack = Stack(tmp_path / str(db), certificates, redis_server=redis_server,
                      settings={"Redis": {"URL": f"{redis_server.url}/{db}"},
                                "Room": {"Enabled": True}})
        stack.write_users(users.users_file())
        stacks.append(stack)
        for service in stack.services:
            service.start()
    yield stacks
    for stack in stacks:
        stack.stop()
    redis_server.kill()


def test_events_and_commands_stay_in_their_database(sites):
    clients = [site.ws("ana") for site in sites]
    place = sites[0].place()
    for client in clients:
        client.subscribed(place.contest_channel)
    sites[1].post(events.contest_update(place, n=3))
    assert clients[1].recv()["data"]["n"] == 3
    answer = sites[1].backend().get("/deauthenticate/ana")
    assert answer.status == 200
    assert clients[1].wait_closed() == 4001
    sites[0].post(events.contest_update(place, n=1))
    assert clients[0].recv()["data"]["n"] == 1
    clients[0].subscribed(place.problem_channel)


def test_every_name_in_redis_carries_the_database(sites):
    sites[1].post(events.contest_update(sites[1].place()))
    with sites[1].redis.client() as redis:
        redis.execute_command("SELECT", 3)
        names = set(redis.keys()) | set(redis.pubsub_channels("*@*"))
    assert names
    assert all(name.startswith(b"omegaup:events:@3:") for name in names), names
