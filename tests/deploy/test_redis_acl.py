# SPDX-License-Identifier: MIT
"""deploy/redis: publisher and gateways work as users that may do nothing more."""
import subprocess

import pytest
import redis
from support import events
from support.process import Process, free_port, wait_until
from support.redis_server import RedisServer
from support.stack import Stack

from conftest import DEPLOY

P = "omegaup:events"


class SecuredRedis(RedisServer):
    """redis-server on deploy/redis/redis.conf and users made by deploy/redis/make-users."""

    def __init__(self, directory):
        subprocess.run([DEPLOY / "redis/make-users", directory], check=True)
        super().__init__(directory, options=[
            "--aclfile", str(directory / "users.acl"), "--appendonly", "yes"])

    def password(self, user):
        return (self.directory / f"{user}.password").read_text()

    def url_of(self, user):
        return f"redis://{user}:{self.password(user)}@127.0.0.1:{self.port}"

    def client(self, user="admin"):
        return redis.Redis(port=self.port, username=user, password=self.password(user),
                           socket_timeout=5)


@pytest.fixture(scope="module")
def secured(tmp_path_factory):
    server = SecuredRedis(tmp_path_factory.mktemp("redis")).start()
    yield server
    server.kill()


@pytest.fixture(scope="module")
def running(tmp_path_factory, certificates, secured):
    stack = Stack(tmp_path_factory.mktemp("stack"), certificates, redis_server=secured, gateways=2,
                  settings={"Room": {"Enabled": True}})
    for service in stack.services:
        service.settings["Redis"]["URL"] = secured.url_of(service.kind)
    with stack:
        yield stack
        with secured.client() as admin:
            denied = [entry for entry in admin.acl_log(128)
                      if entry["client-info"].get("name", "").startswith("broadcaster-")]
        assert not denied, "our own processes were denied something"


def test_events_arrive_and_missed_ones_are_read_from_the_log(running):
    place = running.place()
    client = running.ws("ana").subscribed(place.contest_channel)
    running.post(events.contest_update(place, 0))
    position = client.recv()["position"]
    client.abort()
    running.post(events.contest_update(place, 1), headers={"Idempotency-Key": "once"})
    back = running.ws("ana", gateway=1)
    assert back.subscribe(place.contest_channel, position=position)["recovered"] is True
    assert back.recv()["data"]["n"] == 1


def test_run_with_a_contest_notes_its_scoreboard_refresh(running):
    place = running.place()
    client = running.ws("ana").subscribed(place.contest_channel)
    running.post(events.run_update(place, "ana"))
    assert client.recv()["type"] == "run_update"


def test_publisher_from_another_history_renews_what_others_began(running, secured):
    place = running.place()
    client = running.ws("ana").subscribed(place.contest_channel)
    running.post(events.contest_update(place, 1))
    assert client.recv()["data"]["n"] == 1
    secured.change_history()
    secured.cut("broadcaster-subscriber")
    client.recv_until(lambda m: m["type"] == "reset")
    running.post(events.contest_update(place, 2))  # acknowledged after the gateway had moved
    client.recv_until(lambda m: m["type"] == "contest_update")
    secured.cut("broadcaster-writer")
    wait_until(lambda: "left another history" in running.publisher.process.log(), 20,
               "the publisher to renew")
    running.publisher.wait_ready()


def test_control_reaches_the_gateways(running):
    backend = running.backend()
    place = running.place()
    token = "Acl" + place.scoreboard
    answer = backend.request("PUT", f"/scoreboard/{token}",
                             f'{{"contest":"{place.contest}","admin":false,"expires":4102444800}}')
    assert answer.status == 200
    running.ws().subscribed(f"/scoreboard/{token}")
    session = running.ws("dora")
    assert backend.get("/deauthenticate/dora").status == 200
    assert session.wait_closed() == 4001
    assert backend.request("DELETE", f"/scoreboard/{token}").status == 200


def test_room_reaches_the_other_gateway(running):
    first, second = running.ws(path="/ws/events"), running.ws(gateway=1, path="/ws/events")
    first.send({"message": "hello"})
    assert second.recv()["message"] == "hello"


def test_legacy_positions_are_kept(running):
    place = running.place()
    legacy = running.ws("ana", path=f"/?filter=/contest/{place.contest}",
                        subprotocols=["com.omegaup.events"])

    def gets_an_event():
        running.post({"contest": place.contest, "public": True, "message": "1"})
        return legacy.texts

    wait_until(gets_an_event, pause=0.2, what="the session to listen")
    legacy.close()
    with running.redis.client() as admin:
        wait_until(lambda: admin.keys(f"{P}:resume:*"), what="the kept positions")


NAMES = ["contest/a:pos", "contest/a:log", "contest/a:state:public", "contest/a:state:private",
         "scoreboard:T", "scoreboard:pos", "scoreboard:log", "scoreboard:resume:x", "control:seq",
         "control:log", "servers", "era", "idem:0123", "refresh:due", "refreshing", "refresh:a",
         "resume", "user/resume:x:pos"]
# As we write names, and as they are written where a hash tag says which slot they are of.
KEYS = [form.format(name) for name in NAMES
        for form in (f"{P}:{{}}", f"{{{{{P}:{{}}}}}}", f"{{{{{P}}}}}:{{}}")]
WRITES = [("SET", "v"), ("SET", "v", "NX"), ("DEL",), ("UNLINK",), ("PEXPIRE", "1"), ("EXPIRE", "1"),
          ("PERSIST",), ("RENAME", f"{P}:resume:x"), ("COPY", f"{P}:resume:x"), ("APPEND", "v"),
          ("INCR",), ("GETDEL",), ("GETSET", "v"), ("HSET", "contest", "a"), ("HDEL", "contest"),
          ("HINCRBY", "o", "1"), ("XADD", "0-1", "m", "v"), ("XTRIM", "MAXLEN", "0"), ("XDEL", "0-1"),
          ("XSETID", "0-9"), ("ZADD", "1", "v"), ("ZREM", "v"), ("RESTORE", "0", "v"),
          ("SETRANGE", "0", "v"), ("SADD", "v"), ("LPUSH", "v"), ("SORT", "STORE", f"{P}:era")]


def is_allowed(admin, user, *command):
    return admin.execute_command("ACL", "DRYRUN", user, *command) == b"OK"


@pytest.mark.parametrize("write", WRITES, ids=lambda w: "-".join(w[:2]))
def test_gateway_writes_no_key_but_positions_of_legacy_sessions(secured, write):
    with secured.client() as admin:
        allowed = [key for key in KEYS if is_allowed(admin, "gateway", write[0], key, *write[1:])]
    assert allowed == []


@pytest.mark.parametrize("command", [("SET", "v"), ("GET",), ("DEL",), ("PEXPIRE", "1")])
def test_gateway_keeps_positions_of_legacy_sessions(secured, command):
    with secured.client() as admin:
        assert is_allowed(admin, "gateway", command[0], f"{P}:resume:0123", *command[1:])


def test_gateway_has_no_other_command_that_writes(secured):
    """Whatever this Redis knows: of commands that change something only these are given at all."""
    own = {"set", "del", "pexpire"}
    with secured.client() as admin:
        for name, info in admin.command().items():
            arguments = [f"{P}:resume:x"] * (abs(info["arity"]) - 1)
            if "write" in info["flags"] and name not in own and \
                    "subcommands" not in info and is_allowed(admin, "gateway", name, *arguments):
                pytest.fail(f"a gateway may {name}")


@pytest.mark.parametrize("channel", [
    "contest/a", "all", "control", "beat", "user/ana", "probe", "rooms", "ask", "contest/probe:1"])
def test_gateway_publishes_nothing_but_probes_and_the_room(secured, channel):
    with secured.client() as admin:
        for form in (f"{P}:{channel}", f"{{{P}:{channel}}}"):
            assert not is_allowed(admin, "gateway", "PUBLISH", form, "forged")
            assert not is_allowed(admin, "gateway", "SPUBLISH", form, "forged")
        for own in ("probe:0123", "room"):
            assert is_allowed(admin, "gateway", "PUBLISH", f"{P}:{own}", "1")


@pytest.mark.parametrize("command", [
    ("EVAL", "return 1", "0"), ("FCALL", "f", "0"), ("FUNCTION", "LOAD", "x"), ("SCRIPT", "FLUSH"),
    ("SCRIPT", "KILL"), ("CONFIG", "GET", "*"), ("KEYS", "*"), ("SCAN", "0"), ("FLUSHALL",),
    ("FLUSHDB",), ("SWAPDB", "0", "1"), ("SHUTDOWN",), ("REPLICAOF", "NO", "ONE"),
    ("CLIENT", "PAUSE", "1000"), ("CLIENT", "KILL", "TYPE", "pubsub"), ("CLIENT", "LIST"), ("MONITOR",),
    ("ACL", "LIST"), ("GET", "another:key"), ("SUBSCRIBE", "another:channel"),
    ("PSUBSCRIBE", "*"), ("MULTI",)])
def test_gateway_has_no_more_than_it_needs(secured, command):
    with secured.client("gateway") as gateway, pytest.raises(redis.exceptions.NoPermissionError):
        gateway.execute_command(*command)


def test_a_script_of_a_gateway_can_forge_nothing_either(secured):
    with secured.client("gateway") as gateway:
        sha = gateway.script_load(f"return redis.call('PUBLISH', '{P}:contest/a', 'forged')")
        with pytest.raises(redis.exceptions.ResponseError, match="can't publish"):
            gateway.evalsha(sha, 0)
        for write in (f"'HSET', '{P}:scoreboard:pos', 'contest', 'a'", f"'SET', '{P}:servers', 'x'",
                      f"'DEL', '{P}:control:log'", f"'HSET', '{P}:contest/a:pos', 'o', '1e300'"):
            sha = gateway.script_load(f"return redis.call({write})")
            with pytest.raises(redis.exceptions.ResponseError, match="can't"):
                gateway.evalsha(sha, 1, f"{P}:contest/a")


def kept(server):
    """Everything but what lives for seconds."""
    with server.client() as admin:
        return {key for key in admin.keys() if admin.ttl(key) == -1 or admin.ttl(key) > 60}


def test_append_only_file_survives_restarts(tmp_path, make_stack):
    """Redis loads it as user `default`, which is off."""
    server = SecuredRedis(tmp_path / "redis").start()
    try:
        stack = make_stack(redis_server=server, gateways=0, publisher=False)
        publisher = stack._service("publisher", 0)
        publisher.settings["Redis"]["URL"] = server.url_of("publisher")
        stack.publisher = publisher
        publisher.start()
        place = stack.place()
        for n in range(5):
            stack.post(events.contest_update(place, n), headers={"Idempotency-Key": f"k{n}"})
        stack.post(events.scoreboard_update(place, 1))
        assert stack.backend().request(
            "PUT", "/scoreboard/AofToken",
            f'{{"contest":"{place.contest}","admin":false,"expires":4102444800}}').status == 200
        before = kept(server)
        assert len(before) > 10
        for _ in range(2):
            server.stop()
            server.start()
            assert kept(server) >= before
            assert "CRITICAL" not in server.process.log()
        with redis.Redis(port=server.port) as stranger, \
                pytest.raises(redis.exceptions.AuthenticationError):
            stranger.ping()
    finally:
        server.kill()


@pytest.mark.parametrize("command", [
    ("SUBSCRIBE", f"{P}:contest/a"), ("FLUSHALL",), ("CONFIG", "GET", "*"), ("GET", "another:key"),
    ("PUBLISH", "another:channel", "x"), ("EVAL", "return 1", "0"), ("ACL", "LIST")])
def test_publisher_has_no_more_than_it_needs(secured, command):
    with secured.client("publisher") as publisher, \
            pytest.raises(redis.exceptions.NoPermissionError):
        publisher.execute_command(*command)


def test_nobody_gets_in_without_a_name(secured):
    with redis.Redis(port=secured.port) as stranger, \
            pytest.raises(redis.exceptions.AuthenticationError):
        stranger.ping()


def test_health_user_can_ping_and_nothing_else(secured):
    with redis.Redis(port=secured.port, username="health", password="any") as health:
        assert health.ping()
        with pytest.raises(redis.exceptions.NoPermissionError):
            health.get(f"{P}:servers")


@pytest.fixture
def watched(tmp_path):
    """Master, replica and Sentinel as users of the file, as deploy/k8s starts them."""
    master = SecuredRedis(tmp_path / "master")
    replica_users = {"masteruser": "replica", "masterauth": master.password("replica")}
    follow = [word for name, value in replica_users.items() for word in (f"--{name}", value)]
    master.options += follow
    # The same users: the first one's file.
    replica = RedisServer(tmp_path, options=[
        *master.options, "--replicaof", f"127.0.0.1 {master.port}"])
    replica.client = lambda: redis.Redis(port=replica.port, username="admin",
                                         password=master.password("admin"), socket_timeout=5)
    sentinel_port = free_port()
    (tmp_path / "sentinel.conf").write_text(
        f"port {sentinel_port}\nbind 127.0.0.1\n"
        f"sentinel monitor broadcaster 127.0.0.1 {master.port} 1\n"
        f"sentinel auth-user broadcaster sentinel\n"
        f"sentinel auth-pass broadcaster {master.password('sentinel')}\n"
        f"sentinel down-after-milliseconds broadcaster 1000\n"
        f"sentinel failover-timeout broadcaster 5000\n")
    master.start()
    replica.start()
    sentinel = Process("sentinel", ["redis-server", str(tmp_path / "sentinel.conf"), "--sentinel"],
                       tmp_path)
    yield master, replica, sentinel_port
    sentinel.kill()
    replica.kill()
    master.kill()


def test_sentinel_and_replica_have_what_a_failover_needs(watched, make_stack):
    master, replica, sentinel_port = watched
    stack = make_stack(gateways=0, publisher=False, redis_server=master)
    for service in (stack._service("publisher", 0), stack._service("gateway", 0)):
        service.settings["Redis"]["URL"] = (
            f"redis+sentinel://{service.kind}:{master.password(service.kind)}"
            f"@127.0.0.1:{sentinel_port}/broadcaster")
        stack.gateways.append(service)
    publisher, gateway = stack.gateways
    with redis.Redis(port=sentinel_port, decode_responses=True) as sentinel:

        def begins_failover():
            try:
                return sentinel.execute_command("SENTINEL FAILOVER broadcaster")
            except redis.exceptions.ResponseError as refusal:
                assert "NOGOODSLAVE" in str(refusal)  # it does not know its state yet

        def is_promoted():
            try:
                with replica.client() as client:
                    return client.info("replication")["role"] == "master"
            except redis.exceptions.ConnectionError:
                return False  # the promotion cuts all connections

        for service in (publisher, gateway):
            service.start()
        wait_until(lambda: publisher.metrics()["broadcaster_redis_replicas"] == 1, what="the replica")
        wait_until(begins_failover, 30, "a replica that can be promoted", pause=0.2)
        wait_until(is_promoted, 20, "the promotion")
        wait_until(lambda: sentinel.sentinel_master("broadcaster")["port"] == replica.port, 20,
                   "the new address")
    for service in (publisher, gateway):
        service.wait_ready()
    with replica.client() as client:
        wait_until(lambda: {c["user"] for c in client.client_list()} >= {"publisher", "gateway"},
                   30, "both at the new master")


def test_redis_conf_is_understood_and_safe(tmp_path):
    server = RedisServer(tmp_path)
    # The file first, so that the port and directory of the test win.
    server.process = Process("redis", [
        "redis-server", str(DEPLOY / "redis/redis.conf"), "--port", str(server.port),
        "--bind", "127.0.0.1", "--dir", str(tmp_path), "--daemonize", "no"], tmp_path)
    try:
        wait_until(server.is_up, what="redis-server on deploy/redis/redis.conf")
        with server.client() as client:
            values = client.config_get("*")
        assert values["maxmemory-policy"] == "noeviction"
        assert values["appendonly"] == "yes"
        assert f"pubsub {128 << 20} {64 << 20} 30" in values["client-output-buffer-limit"]
    finally:
        server.kill()
