# SPDX-License-Identifier: MIT
"""publish.lua by itself: bounds of the log, times to live, and what others did to the keys."""
import itertools
import struct
import time
from pathlib import Path

import pytest
import redis
from support.process import wait_until
from support.redis_server import RedisServer

ROOT = Path(__file__).resolve().parents[2]
PUBLISH_LUA = (ROOT / "publisher/publish.lua").read_text()
TOPIC_LUA = (ROOT / "gateway/bus/topic.lua").read_text()
RENEW_LUA = (ROOT / "publisher/renew.lua").read_text()
CONTROL_LUA = (ROOT / "publisher/control.lua").read_text()
REFRESH_LUA = (ROOT / "publisher/refresh.lua").read_text()
PREFIX = "omegaup:events"
ALL, TOPIC, OTHER = f"{PREFIX}:all", f"{PREFIX}:contest/a", f"{PREFIX}:user/ana"
POS, LOG = f"{TOPIC}:pos", f"{TOPIC}:log"
ERA, CONTROL = f"{PREFIX}:era", f"{PREFIX}:control"
CONTROL_KEYS = [f"{CONTROL}:seq", f"{CONTROL}:log"]
DUE, REFRESHING = f"{PREFIX}:refresh:due", f"{PREFIX}:refreshing"
KEPT = f"{PREFIX}:idem:0123"
LOG_ACCOUNT = ">6Q"  # publish.lua says what of
EXPIRES = 5
HEADER = 27  # of a message: array, epoch, offset
TEN = 10 * (HEADER + 100)  # bytes of ten events


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    yield server.start()
    server.kill()


def keys_of(*topics):
    """What the scripts have in KEYS of these topics."""
    return [f"{topic}{key}" for topic in topics
            for key in (":pos", ":log", ":state:public", ":state:private")]


def first_is_all(topics):
    return "1" if topics[0] == ALL else ""


class Scripts:
    def __init__(self, client):
        self.client = client
        self.epochs = itertools.count(1)
        self.publish_lua = client.register_script(PUBLISH_LUA)
        self.topic_lua = client.register_script(TOPIC_LUA)
        self.renew_lua = client.register_script(RENEW_LUA)
        self.control_lua = client.register_script(CONTROL_LUA)
        self.refresh_lua = client.register_script(REFRESH_LUA)

    def publish(self, topics=(ALL, TOPIC), size=100, events=1000, ms=600000, max_bytes=8388608):
        answer = self.publish_lua(
            keys_of(*topics), [f"{next(self.epochs):016x}", b"x" * size, "", "", events, ms, max_bytes,
                               "", "", "", "300000", "", len(topics), first_is_all(topics)])
        assert answer == [b"ok"]

    def publish_with_key(self, digest, result):
        return self.publish_lua([*keys_of(ALL, TOPIC), KEPT],
                                [f"{next(self.epochs):016x}", b"x", "", "", 1000, 600000, 8388608,
                                 "1", digest, result, "300000", "", 2, "1"])

    def position(self):
        return self.read()[:2]

    def read(self, count=0, moment=0):
        return self.topic_lua([*keys_of(TOPIC), ERA], ["0", "0", count, "262144", "", moment])

    def renew(self, ms_ago, topics=(TOPIC,)):
        return self.renew_lua(keys_of(*topics), [f"{next(self.epochs):016x}", *[ms_ago] * len(topics)])

    def entries(self):
        return [(int(number.decode()[2:]), fields) for number, fields in self.client.xrange(LOG)]

    def offsets(self):
        return [offset for offset, _ in self.entries()]

    def bytes(self):
        return sum(len(fields[b"m"]) for _, fields in self.entries())

    def account(self, **changes):
        """Of the log; and with another moment at which it expires."""
        values = list(struct.unpack(LOG_ACCOUNT, self.client.hget(POS, "l")))
        if changes:
            values[EXPIRES] = changes["expires"]
            self.client.hset(POS, "l", struct.pack(LOG_ACCOUNT, *values))
        return values

    def publish_as_before(self, size=100):
        """What an earlier version of the script did, which kept `b` and `t`, and no `l`."""
        offset = self.client.hincrby(POS, "o", 1)
        message = b"x" * (HEADER + size)
        now = int(time.time() * 1000)
        self.client.xadd(LOG, {"m": message, "t": now}, id=f"0-{offset}")
        self.client.hset(POS, "b", int(self.client.hget(POS, "b") or 0) + len(message))
        self.client.hset(POS, "t", now)
        self.client.pexpire(LOG, 600000)


@pytest.fixture
def scripts(server):
    with server.client() as client:
        client.flushall()
        yield Scripts(client)


def test_count_of_events_is_bounded_and_nothing_else_is_dropped(scripts):
    for n in range(1, 300):
        scripts.publish(events=64)
        kept = scripts.offsets()
        assert kept == list(range(n - len(kept) + 1, n + 1))
        assert min(n, 64) <= len(kept) <= 65, "one sixty-fourth may be too many"


def test_bytes_of_the_log_are_bounded_exactly(scripts):
    sizes, bound = [], 5000
    for n in range(200):
        sizes.append(HEADER + n * 37 % 900)
        scripts.publish(size=sizes[-1] - HEADER, max_bytes=bound)
        kept = len(scripts.offsets())
        assert scripts.bytes() == sum(sizes[-kept:]) <= bound
        assert kept == len(sizes) or sum(sizes[-kept - 1:]) > bound, "the next would have fitted"


def test_event_larger_than_the_bound_stays_alone(scripts):
    for _ in range(3):
        scripts.publish(size=3000, max_bytes=1000)
    assert scripts.offsets() == [3]


def test_old_events_are_dropped_with_the_next(scripts):
    for _ in range(40):
        scripts.publish()
    time.sleep(0.05)
    scripts.publish(ms=20)
    assert scripts.offsets() == [41]
    assert scripts.account()[2] == 41


def test_bound_that_becomes_smaller_holds_from_the_next_event_on(scripts):
    for _ in range(100):
        scripts.publish()
    scripts.publish(events=10)
    assert scripts.offsets() == list(range(92, 102))
    scripts.publish(max_bytes=4 * (HEADER + 100))
    assert scripts.offsets() == list(range(99, 103))


def test_times_to_live_never_fall_short_and_are_not_set_each_time(scripts):
    scripts.publish()
    first = scripts.client.pttl(LOG)
    assert 600000 < first <= 637500
    scripts.client.config_resetstat()
    scripts.publish()
    assert "cmdstat_pexpire" not in scripts.client.info("commandstats")
    now = scripts.client.time()
    scripts.account(expires=now[0] * 1000 + now[1] // 1000 + 599999)
    scripts.client.pexpire(LOG, 599999)
    scripts.client.pexpire(POS, 599999)
    scripts.publish()
    assert scripts.client.pttl(LOG) > 600000
    assert scripts.client.pttl(POS) > 604800000


def test_longer_history_prolongs_at_once(scripts):
    scripts.publish(ms=1000)
    scripts.publish(ms=600000)
    assert scripts.client.pttl(LOG) > 590000


# --- reading --------------------------------------------------------------------------------

def writes(client):
    """Commands executed since the last config_resetstat() that can change something."""
    commands = client.command()
    return {name for name in (stat.removeprefix("cmdstat_") for stat in client.info("commandstats"))
            if "write" in commands.get(name.split("|")[0], {}).get("flags", ())}


def test_reading_writes_nothing(scripts, server):
    def read_all():
        scripts.client.config_resetstat()
        scripts.read(count=100)
        assert writes(scripts.client) == set()

    read_all()
    assert scripts.client.keys() == []
    scripts.publish()
    life = scripts.client.pttl(POS)
    read_all()
    assert scripts.client.pttl(POS) <= life
    server.change_history()
    read_all()
    assert scripts.offsets() == [1], "the log of another history is the next event's business"


def test_topic_without_a_position_here_is_at_nothing_yet(scripts, server):
    assert scripts.position() == [b"0", b"0"]
    scripts.publish()
    assert scripts.position()[1] == b"1"
    server.change_history()
    assert scripts.position() == [b"0", b"0"]


def nothing_yet(scripts):
    nothing, base = scripts.read()[5:7]
    assert base == b"0"
    assert len(nothing) == 16 and nothing.endswith(b"00000000")
    return nothing


def test_nothing_yet_tells_histories_and_emptied_servers_apart(scripts, server):
    seen = {nothing_yet(scripts)}
    assert nothing_yet(scripts) in seen
    scripts.publish()
    assert nothing_yet(scripts) in seen, "the first event follows it"
    server.change_history()
    seen.add(nothing_yet(scripts))
    scripts.client.set(ERA, "1")
    seen.add(nothing_yet(scripts))
    scripts.client.flushall()
    scripts.client.set(ERA, "2")
    seen.add(nothing_yet(scripts))
    assert len(seen) == 4


# --- where a topic stood at a moment ---------------------------------------------------------

def test_moment_is_found_among_the_entries_by_their_times(scripts):
    assert scripts.read(moment=1)[8] == b"0"
    assert scripts.read()[8] == b""
    for _ in range(23):
        scripts.publish()
        time.sleep(0.002)
    times = [int(fields[b"t"]) for _, fields in scripts.entries()]
    for moment in {*times, times[0] - 5, times[-1] + 5, *(t + 1 for t in times)}:
        before = sum(t < moment for t in times)
        assert int(scripts.read(moment=moment)[8]) == before, moment
    scripts.client.xtrim(LOG, maxlen=3, approximate=False)
    assert int(scripts.read(moment=times[0])[8]) == 20, "what has gone is older"
    now_us = int(scripts.read()[7])
    assert 0 <= now_us // 1000 - times[-1] < 60_000


# --- renewing -------------------------------------------------------------------------------

def test_renewed_epoch_begins_after_an_offset_that_no_event_has(scripts):
    """An event with offset 1 would follow "nothing yet" without a reset."""
    scripts.publish()
    assert scripts.renew(0) == 1
    assert scripts.position()[1] == b"1"
    assert scripts.read()[6] == b"1"
    scripts.publish()
    assert scripts.offsets() == [2]
    assert scripts.read()[6] == b"1"


def test_topic_that_was_only_read_is_renewed_unless_the_server_is_younger(scripts):
    assert scripts.renew(86400000) == 0, "nobody was told anything here a day ago"
    wait_until(lambda: scripts.renew(0) == 1, what="the second in which it was started to end")


def test_epoch_that_an_event_began_spares_no_renewal_but_a_renewed_one_does(scripts, server):
    """Who was told that there is nothing yet follows that event without a reset."""
    with server.client() as client:
        wait_until(lambda: client.info("server")["uptime_in_seconds"] >= 4, what="a server of some age")
    before_the_event = 2000  # ms
    scripts.publish()
    assert scripts.renew(before_the_event) == 1
    assert scripts.renew(before_the_event) == 0, "that reset came after what was acknowledged"


def test_next_history_begins_with_offset_one_again(scripts, server):
    scripts.publish()
    assert scripts.renew(0) == 1
    server.change_history()
    scripts.publish()
    assert (scripts.position()[1], scripts.read()[6]) == (b"1", b"0")


# --- a full Redis ---------------------------------------------------------------------------

@pytest.fixture
def full(scripts):
    """At maxmemory from the call on."""
    yield lambda: scripts.client.config_set("maxmemory", "1")
    scripts.client.config_set("maxmemory", "0")


def everything(client):
    def value(key):
        kind = client.type(key)
        if kind == b"hash":
            return client.hgetall(key)
        return client.xrange(key) if kind == b"stream" else client.dump(key)

    return {key: (value(key), client.pexpiretime(key)) for key in client.keys()}


@pytest.mark.parametrize("name", ["publish", "publish in a new history", "renew", "refresh", "grant"])
def test_full_redis_refuses_a_script_before_it_changes_anything(scripts, server, full, name):
    scripts.publish()
    scripts.client.zadd(DUE, {"a": 1})
    scripts.client.zadd(REFRESHING, {"b": 1})
    if name.endswith("new history"):
        server.change_history()
    full()
    before = everything(scripts.client)
    run = {"renew": lambda: scripts.renew(0),
           "refresh": lambda: scripts.refresh_lua([DUE, REFRESHING], [
               f"{PREFIX}:refresh:", "me", 1000, 1000, 5, "a", "held"]),
           "grant": lambda: scripts.control_lua([*CONTROL_KEYS, f"{PREFIX}:scoreboard:T"], [
               '{"type":"x"}', 100, "contest", "0", 4102444800, CONTROL])}.get(name, scripts.publish)
    with pytest.raises(redis.exceptions.ResponseError, match="OOM"):
        run()
    assert everything(scripts.client) == before


def test_full_redis_takes_access_away_all_the_same(scripts, full):
    board = f"{PREFIX}:scoreboard:T"
    scripts.client.hset(board, "contest", "a")
    full()
    with scripts.client.pubsub() as heard:
        heard.subscribe(CONTROL)
        assert scripts.control_lua(
            CONTROL_KEYS, ['{"type":"deauthenticate"}', 100, "", "", "", CONTROL]) == 1
        assert scripts.control_lua(
            [*CONTROL_KEYS, board], ['{"type":"x"}', 100, "", "", "", CONTROL]) == 2
        messages = [m for m in (heard.get_message(timeout=5) for _ in range(3)) if m]
    assert [m["data"] for m in messages[1:]] == [b'{"seq":1,"type":"deauthenticate"}',
                                                 b'{"seq":2,"type":"x"}']
    assert not scripts.client.exists(board)
    assert scripts.client.xlen(f"{CONTROL}:log") == 2


# --- by hand --------------------------------------------------------------------------------

@pytest.mark.parametrize("poison", [
    {"o": "9007199254740991"}, {"o": "1e300"}, {"o": "nan"}, {"o": "-1"}, {"o": "1.5"}, {"o": "x"},
    {"o": "0x10"}, {"o": ""}, {"e": "short"}, {"e": ""}])
def test_position_that_no_event_can_follow_is_refused_before_anything_is_written(scripts, poison):
    scripts.publish((TOPIC, OTHER))
    scripts.client.hset(f"{OTHER}:pos", mapping=poison)
    before = everything(scripts.client)
    with pytest.raises(redis.exceptions.ResponseError, match="no position"):
        scripts.publish((TOPIC, OTHER, ALL))
    assert everything(scripts.client) == before


def test_log_trimmed_by_hand_is_counted_anew(scripts):
    for _ in range(70):
        scripts.publish(events=64)
    for left in (20, 1, 0):
        scripts.client.xtrim(LOG, maxlen=left, approximate=False)
        for n in range(1, 131):
            scripts.publish(events=64)
            assert min(left + n, 64) <= len(scripts.offsets()) <= 65
    account = scripts.account()
    assert account[1] - account[3] == scripts.bytes()


def test_log_deleted_by_hand_is_bounded_as_ever(scripts):
    for _ in range(30):
        scripts.publish(max_bytes=TEN)
    scripts.client.delete(LOG)
    for n in range(1, 31):
        scripts.publish(max_bytes=TEN)
        assert len(scripts.offsets()) == min(n, 10)


def test_position_deleted_by_hand_begins_a_new_history(scripts):
    scripts.publish()
    epoch = scripts.client.hget(POS, "e")
    scripts.client.delete(POS)
    scripts.publish()
    assert scripts.client.hget(POS, "e") != epoch
    assert scripts.offsets() == [1]


# --- keys -----------------------------------------------------------------------------------

def test_kept_result_is_returned_to_the_same_request_only(scripts):
    assert scripts.publish_with_key("digest-1", '{"id":"a b"}') == [b"ok"]
    assert scripts.publish_with_key("digest-1", "another") == [b"again", b'{"id":"a b"}']
    assert scripts.publish_with_key("digest-2", "another") == [b"conflict"]
    assert scripts.offsets() == [1]


def test_result_of_another_history_does_not_stand_for_an_event_that_went_with_it(scripts, server):
    """A failover brings the key along, but the log ends with the epoch: an acknowledgement of what
    stands nowhere would be a loss without a reset."""
    assert scripts.publish_with_key("digest-1", "first") == [b"ok"]
    server.change_history()
    assert scripts.position()[1] == b"0"  # a gateway begins the new one, and tells its clients
    assert scripts.publish_with_key("digest-1", "second") == [b"ok"]
    assert scripts.offsets() == [1]
    assert scripts.publish_with_key("digest-1", "third") == [b"again", b"second"]


def test_result_kept_by_an_earlier_version_is_returned(scripts):
    scripts.client.set(KEPT, "digest-1 result")
    assert scripts.publish_with_key("digest-1", "another") == [b"again", b"result"]
    assert scripts.publish_with_key("digest-2", "another") == [b"conflict"]


def before_redis_7(script):
    """The script as if INFO refused two sections."""
    info = "redis.pcall('INFO', 'server', 'replication')"
    assert script.count(info) == 1
    return script.replace(info, "{err = 'ERR syntax error'}")


def test_history_is_the_same_where_info_takes_one_section(scripts):
    scripts.publish()
    epoch = scripts.client.hget(POS, "e")
    for name, text in (("publish_lua", PUBLISH_LUA), ("topic_lua", TOPIC_LUA)):
        setattr(scripts, name, scripts.client.register_script(before_redis_7(text)))
    scripts.publish()
    assert scripts.position()[:2] == [epoch, b"2"]


@pytest.mark.parametrize("spoil", ["type", "ahead"])
def test_log_that_cannot_be_written_is_replaced_and_the_event_is_whole(scripts, spoil):
    topics = (ALL, TOPIC, OTHER)
    scripts.publish(topics)
    if spoil == "type":
        scripts.client.set(LOG, "not a log")
    else:
        scripts.client.xadd(LOG, {"m": "from nowhere"}, id="0-9")
    with scripts.client.pubsub() as heard:
        heard.subscribe(*topics)
        scripts.publish(topics)
        messages = [m for m in (heard.get_message(timeout=5) for _ in range(6))
                    if m and m["type"] == "message"]
    assert [m["channel"].decode() for m in messages] == list(topics)
    assert scripts.offsets() == [2]
    assert scripts.client.pttl(LOG) > 600000
    assert scripts.client.xlen(f"{OTHER}:log") == 2


@pytest.mark.parametrize("key", [f"{OTHER}:pos", f"{ALL}:pos"])
def test_position_that_is_none_is_found_before_anything_is_written(scripts, key):
    scripts.publish((TOPIC, OTHER))
    before = scripts.entries(), scripts.client.hgetall(POS)
    scripts.client.delete(key)
    scripts.client.set(key, "no position")
    with pytest.raises(redis.exceptions.ResponseError, match="WRONGTYPE"):
        scripts.publish((TOPIC, OTHER, ALL))
    assert (scripts.entries(), scripts.client.hgetall(POS)) == before


def test_full_redis_refuses_before_anything_is_written(scripts):
    scripts.publish((TOPIC, OTHER))
    before = scripts.entries(), scripts.client.hgetall(POS)
    scripts.client.config_set("maxmemory", "1")
    try:
        with pytest.raises(redis.exceptions.ResponseError, match="OOM"):
            scripts.publish((TOPIC, OTHER))
    finally:
        scripts.client.config_set("maxmemory", "0")
    assert (scripts.entries(), scripts.client.hgetall(POS)) == before


def test_log_of_an_earlier_version_is_taken_over(scripts):
    scripts.publish()
    scripts.client.hdel(POS, "l")
    scripts.client.delete(LOG)
    scripts.client.hset(POS, "o", 0)
    for _ in range(9):
        scripts.publish_as_before()
    for n in range(10, 40):
        scripts.publish(max_bytes=TEN)
        assert scripts.offsets()[-1] == n
        assert scripts.bytes() <= TEN
    assert scripts.bytes() == TEN


def test_processes_of_an_earlier_version_may_write_meanwhile(scripts):
    for n in range(20):
        scripts.publish(max_bytes=TEN)
        assert len(scripts.offsets()) >= min(2 * n + 1, 7), "what is dropped is counted too much"
        scripts.publish_as_before()
        assert scripts.bytes() <= TEN + HEADER + 100, "the earlier one trims at its own next event"
    scripts.publish(max_bytes=TEN)
    assert scripts.bytes() <= TEN
    assert scripts.client.pttl(LOG) > 600000
    for _ in range(20):
        scripts.publish(max_bytes=TEN)
    assert scripts.bytes() == TEN
