# SPDX-License-Identifier: MIT
"""Redis.URLs: topics spread over several servers, by a list that everybody agrees on."""

import pytest
from support import events
from support.listening import begin
from support.process import wait_until
from support.redis_server import RedisServer

SERVERS = 3


@pytest.fixture
def servers(tmp_path):
    made = []
    for n in range(SERVERS):
        directory = tmp_path / f"redis-{n}"
        directory.mkdir()
        made.append(RedisServer(directory).start())
    yield made
    for server in made:
        server.kill()


@pytest.fixture
def spread(make_stack, servers):
    return make_stack(redis_server=servers[0], gateways=2,
                      settings={"Redis": {"URLs": [s.url for s in servers]}})


def topics_of(server):
    with server.client() as client:
        return {key.decode()[len("omegaup:events:"):-len(":pos")]
                for key in client.keys("omegaup:events:*:pos")}


def test_events_arrive_wherever_their_topic_lives(spread, servers):
    places = [spread.place() for _ in range(12)]
    clients = [spread.ws("root", gateway=n % 2).subscribed(place.contest_channel)
               for n, place in enumerate(places)]
    for n, place in enumerate(places):
        spread.post(events.contest_update(place, n))
    for n, client in enumerate(clients):
        assert client.recv()["data"]["n"] == n
    homes = [{t for t in topics_of(server) if t.startswith("contest/")} for server in servers]
    assert sum(len(home) for home in homes) == len(places)  # each topic on one server only
    assert sum(1 for home in homes if home) >= 2


def test_all_events_come_once_to_a_legacy_client_of_everything(spread):
    places = [spread.place() for _ in range(12)]
    everything = spread.ws("root", path="/?filter=/all-events")
    for place in places:  # each server has an `all`
        begin(everything,
              lambda mark, p=place: spread.post({"contest": p.contest, "message": mark}))
    numbers = list(range(2 * len(places)))
    for n, place in zip(numbers, 2 * places):
        spread.post(events.contest_update(place, n))
    seen = [everything.recv()["data"]["n"] for _ in numbers]
    assert sorted(seen) == numbers
    # What comes of one server comes in order: nothing of the first half can come any more.
    assert all(seen.index(n) < seen.index(n + len(places)) for n in numbers[:len(places)])


def test_event_over_several_servers_answers_when_all_have_it(spread, servers):
    place = spread.place()
    wide = events.run_update(place, "ana")
    both = spread.ws("ana").subscribed(place.contest_channel, "/user/ana")
    answer = spread.post(wide)
    channels = {both.recv()["channel"], both.recv()["channel"]}
    assert channels == {place.contest_channel, "/user/ana"}
    assert answer["topics"] == sum(
        1 for server in servers for topic in topics_of(server)
        if topic in ("all", f"contest/{place.contest}", "user/ana", f"problem/{place.problem}"))


def test_resume_works_on_each_server(spread):
    places = [spread.place() for _ in range(6)]
    positions = []
    for place in places:
        client = spread.ws("root").subscribed(place.contest_channel)
        spread.post(events.contest_update(place, 1))
        positions.append(client.recv()["position"])
        client.close()
        spread.post(events.contest_update(place, 2))
    for place, position in zip(places, positions):
        client = spread.ws("root", gateway=1)
        assert client.subscribe(place.contest_channel, position=position)["recovered"] is True
        assert client.recv()["data"]["n"] == 2


def test_one_server_away_is_not_ready_and_costs_nobody_his_connection(spread, servers):
    place = spread.place()
    client = spread.ws("root").subscribed(place.contest_channel)
    servers[2].kill()
    wait_until(lambda: spread.publisher.get("/ready").status == 503, what="publisher not ready")
    wait_until(lambda: spread.gateway.get("/ready").status == 503, what="gateway not ready")
    assert client.ask({"type": "ping"}) == {"type": "pong"}
    servers[2].start()
    for service in spread.services:
        service.wait_ready()
    spread.post(events.contest_update(place, 7))
    assert client.recv_until(lambda m: m["type"] == "contest_update")[-1]["data"]["n"] == 7


def test_process_with_another_list_is_not_ready(spread, servers, make_stack):
    settings = {"Redis": {"URLs": [s.url for s in servers[:2]]}}
    other = make_stack(redis_server=servers[0], publisher=False, gateways=0, settings=settings)
    stranger = other._service("gateway", 9)
    stranger.start(ready=False)
    try:
        wait_until(lambda: "another list of redis servers" in stranger.process.log(),
                   what="the log line")
        assert stranger.get("/ready").status == 503
    finally:
        stranger.stop()


def test_one_more_server_moves_only_its_share_and_what_moved_is_not_recovered(
        make_stack, servers):
    """As docs/operations.md says: all are stopped, the old lists are forgotten, all start again."""
    stack = make_stack(redis_server=servers[0],
                       settings={"Redis": {"URLs": [s.url for s in servers[:2]]}})
    places, positions = [stack.place() for _ in range(24)], []
    client = stack.ws("root")
    for place in places:
        client.subscribe(place.contest_channel)
        stack.post(events.contest_update(place, 1))
        positions.append(client.recv()["position"])
    old_homes = [topics_of(server) for server in servers[:2]]
    stack.close_clients()
    for service in stack.services:
        service.stop()
    for server in servers[:2]:
        with server.client() as redis:
            redis.delete("omegaup:events:servers")
    for service in stack.services:
        service.settings["Redis"]["URLs"] = [s.url for s in servers]
        service.start()
    client = stack.ws("root")
    moved = 0
    for place, position in zip(places, positions):
        stack.post(events.contest_update(place, 2))
        is_moved = f"contest/{place.contest}" in topics_of(servers[2])
        moved += is_moved
        answer = client.subscribe(place.contest_channel, position=position)
        assert answer["recovered"] is not is_moved
        if not is_moved:
            assert client.recv()["data"]["n"] == 2
    assert 0 < moved < 16  # a third of them, as names happen to fall
    for server, homes in zip(servers, old_homes):
        assert {t for t in topics_of(server) if t.startswith("contest/")} == \
            {t for t in homes if t.startswith("contest/")}, "nothing moves between the old ones"
