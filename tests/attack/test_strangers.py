# SPDX-License-Identifier: MIT
"""What a stranger can spend of ours: each factor of docs/security.md, and fifty who must not notice."""
import threading
import time

import pytest
from conftest import SECONDS, is_sanitized
from support.process import wait_until
from support.unchanged import keys_of, rss

KB = 1024
MiB = 1 << 20
# Commands that change something in Redis and that a gateway may cause at all.
WRITES = {"set", "hset", "del", "pexpire", "xadd", "zadd", "incr", "expire", "hincrby"}


def written(redis_server):
    """How often each command that writes was executed since the last reset of the statistics."""
    with redis_server.client() as client:
        stats = client.info("commandstats")
    return {name: stats[f"cmdstat_{name}"]["calls"] for name in WRITES if f"cmdstat_{name}" in stats}


def test_names_of_strangers_cost_redis_nothing(arena):
    """Nothing is read, subscribed or written for who may not see it."""
    before = keys_of(arena.stack.redis)
    spent = arena.attack("names_without_end", 60)
    new = keys_of(arena.stack.redis) - before
    assert not [key for key in new if b"problemset" in key]
    assert spent["connects"] >= 60


def test_stranger_causes_no_write(arena):
    with arena.stack.redis.client() as client:
        client.config_resetstat()
    attacker = arena.start("names_without_end", 60, seconds=2)
    attacker.communicate(timeout=60)
    assert set(written(arena.stack.redis)) <= {"set"}, "a publisher's P:era and P:servers only"


@pytest.mark.parametrize("name", ["questions_without_a_credential", "questions_with_made_up_tokens"])
def test_judge_is_asked_in_turns(arena, name):
    """Logins of others are answered, whatever one address asks."""
    arena.attack(name, 400)


def test_streams_ask_no_more_than_connections(arena):
    arena.attack("streams_of_many_channels", 40)


@pytest.mark.skipif(is_sanitized, reason="the sanitizers' own memory")
def test_connection_that_may_see_nothing_yet_is_small(arena):
    arena.frontend.hold()
    pid, count = arena.gateway.process.pid, 500
    before, open_before = rss(pid), arena.gateway.metrics()["connections_active"]
    attacker = arena.start("questions_without_a_credential", count, seconds=6)
    try:
        wait_until(lambda: arena.gateway.metrics()["connections_active"] >= open_before + count, 30,
                   "the connections")
        each = (rss(pid) - before) / count
    finally:
        arena.frontend.release()
        attacker.communicate(timeout=60)
    print(f"{each / KB:.1f} KB each")
    assert each <= 15 * KB


@pytest.mark.skipif(is_sanitized, reason="the sanitizers' own memory")
def test_request_that_never_ends_is_small(arena):
    spent = arena.attack("requests_that_never_end", 300)
    assert spent["received"] <= spent["connects"] * KB


def test_replays_are_paced(arena):
    """1 MiB a second after the first 16 MiB, however often they are asked for."""
    client = arena.stack.ws()
    arena.victims.frontend.add_contest("arena", public=True)
    position = client.subscribe("/contest/arena")["position"]
    for n in range(64):
        arena.stack.post({"type": "noise", "public": True,
                          "data": {"contest_alias": "arena", "pad": "x" * 65536}})
    client.close()
    spent = arena.attack("replays_from_the_beginning", 2, ATTACK_POSITION=position)
    assert spent["received"] <= 2 * (16 + 2 * (SECONDS + 4)) * MiB, "per connection"


def test_log_does_not_grow_with_what_strangers_send(arena):
    before = arena.gateway.process.log_path.stat().st_size
    spent = arena.attack("lines_in_the_log", 50)
    grown = arena.gateway.process.log_path.stat().st_size - before
    text = arena.gateway.process.log_path.read_bytes()[before:]
    assert b"\x1b" not in text and "\u202e".encode() not in text
    assert grown <= 256 * KB + spent["connects"] * 8, f"{grown} bytes for {spent['connects']} requests"


def test_admin_port_holds_few(arena):
    arena.attack("requests_that_never_end", 300, port=arena.gateway.metrics_port)


def test_backends_are_heard_among_strangers(arena):
    """Unidentified connections of one address give way, posts of the victims' backend do not."""
    arena.attack("requests_that_never_end", 700, port=arena.stack.publisher.port)


def test_probes_are_answered_meanwhile(arena):
    answers = []

    def probe():
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            answers.append(arena.gateway.answers())
            time.sleep(0.2)

    thread = threading.Thread(target=probe)
    thread.start()
    arena.attack("questions_with_made_up_tokens", 400)
    thread.join()
    assert answers and set(answers) == {200}
