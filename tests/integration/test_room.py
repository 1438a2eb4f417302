# SPDX-License-Identifier: MIT
"""The room at /ws/events: what one client says, all others hear, on every gateway."""
import datetime
import json
import re
import subprocess
import sys
import time

import pytest
from support.http_client import get_plain, raw_exchange, raw_status
from support.node import NodeScript
from support.process import LIMIT, ROOT, wait_until
from support.stack import Stack
from support.ws_client import WebSocket
from websockets.exceptions import InvalidStatusCode

SNIPPETS = ROOT / "tests/fixtures/reference"
PATH = "/ws/events"
TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}")


@pytest.fixture(scope="module")
def room_stack(tmp_path_factory, certificates):
    with Stack(tmp_path_factory.mktemp("room"), certificates, gateways=2, publisher=False,
               settings={"Room": {"Enabled": True}}) as stack:
        yield stack


@pytest.fixture
def room(room_stack):
    nothing_is_under_way(room_stack)
    yield room_stack
    room_stack.close_clients()
    for gateway in room_stack.gateways:
        wait_until(lambda g=gateway: g.metrics()[ROOM_GAUGE] == 0, what="the room to be empty")


ROOM_GAUGE = 'broadcaster_connections{transport="websocket",kind="room"}'


def nothing_is_under_way(stack):
    """What was said in an earlier test may reach a gateway only now."""
    witnesses = [join(stack, gateway) for gateway in range(len(stack.gateways))]
    with stack.redis.client() as redis:
        redis.publish("omegaup:events:room", json.dumps({
            "gateway": "0123456789abcdef", "sender": 1, "message": "the newest",
            "timestamp": "2026-01-16T14:30:00.123456"}))
    for witness in witnesses:
        witness.recv_until(lambda message: message["message"] == "the newest")
    stack.close_clients()
    for gateway in stack.gateways:
        wait_until(lambda g=gateway: g.metrics()[ROOM_GAUGE] == 0, what="the room to be empty")


def join(stack, gateway=0, **options):
    client = stack.ws(gateway=gateway, path=PATH, **options)
    wait_until(lambda: stack.gateways[gateway].metrics()[ROOM_GAUGE] >= 1)
    return client


def say(client, text):
    client.send({"message": text})


def texts(client, n):
    return [client.recv()["message"] for _ in range(n)]


def test_message_reaches_all_others_on_both_gateways_and_not_its_sender(room):
    sender, neighbour = join(room, 0), join(room, 0)
    far, farther = join(room, 1), join(room, 1)
    before = datetime.datetime.utcnow()
    say(sender, "olá")
    heard = [client.recv_text() for client in (neighbour, far, farther)]
    after = datetime.datetime.utcnow()
    assert len(set(heard)) == 1
    message = json.loads(heard[0])
    assert list(message) == ["message", "timestamp"] and message["message"] == "olá"
    assert TIMESTAMP.fullmatch(message["timestamp"])
    assert before <= datetime.datetime.fromisoformat(message["timestamp"]) <= after
    # All hear all in one order, so what the sender hears first of others it would have heard after
    # its own.
    say(far, "reply")
    assert texts(sender, 1) == ["reply"]
    assert sender.waiting() == 0 and texts(neighbour, 1) == ["reply"]


def test_sessions_with_the_same_number_on_two_gateways_hear_each_other(room):
    """A sender is told apart by gateway and session, not by its session alone."""
    ends = {}
    for gateway in (0, 1):
        ends[gateway] = [join(room, gateway) for _ in range(8)]
    for gateway in (0, 1):
        for number, client in enumerate(ends[gateway]):
            say(client, f"{gateway}-{number}")
    everything = {f"{gateway}-{n}" for gateway in (0, 1) for n in range(8)}
    for gateway in (0, 1):
        for number, client in enumerate(ends[gateway]):
            assert set(texts(client, 15)) == everything - {f"{gateway}-{number}"}


@pytest.mark.parametrize("text", [
    "", "x", "[]", '"ping"', "{}", '{"message":""}', '{"message":null}', '{"message":7}',
    '{"message":["a"]}', '{"Message":"a"}', '{"message":"a","message":"b"}', '{"message":"a"',
    json.dumps({"message": "x" * 2001}), json.dumps({"message": "\U0001f600" * 2001},
                                                    ensure_ascii=False)])
def test_invalid_input_is_answered_to_its_sender_alone(room, text):
    sender, other = join(room), join(room, 1)
    sender.send(text)
    answer = sender.recv()
    assert list(answer) == ["error"] and isinstance(answer["error"], str) and answer["error"]
    say(sender, "after")
    assert texts(other, 1) == ["after"]


@pytest.mark.parametrize("text", [
    "x", "x" * 2000, "\U0001f600" * 2000, "\u0000\u001f\"\\/<>\u2028", " ", "e\u0301"])
def test_any_text_of_one_to_two_thousand_characters_arrives_as_it_is(room, text):
    sender, other = join(room), join(room, 1)
    sender.send(json.dumps({"unknown": {"a": [1]}, "message": text, "timestamp": "mine"},
                           ensure_ascii=False))
    message = other.recv()
    assert message["message"] == text and TIMESTAMP.fullmatch(message["timestamp"])
    assert sorted(message) == ["message", "timestamp"]


def test_eleventh_message_of_a_second_is_refused_and_others_are_not(room):
    sender, other = join(room), join(room, 1)
    before = room.gateway.metrics()["broadcaster_rate_limited_total"]
    sender.send_all({"message": str(number)} for number in range(30))
    wait_until(lambda: sender.waiting() + other.waiting() == 30, what="all to be answered or heard")
    refused = [sender.recv()["error"] for _ in range(sender.waiting())]
    assert len(refused) >= 10 and "10 messages a second" in refused[0]
    taken = [int(text) for text in texts(other, other.waiting())]
    assert len(taken) >= 10 and taken == sorted(taken) and taken[0] == 0
    say(other, "still heard")
    assert texts(sender, 1) == ["still heard"]
    assert room.gateway.metrics()["broadcaster_rate_limited_total"] - before >= 10

    def speaks_again():
        say(sender, "again")
        return any(json.loads(t).get("message") == "again" for t in other.texts)
    wait_until(speaks_again, what="the rate to allow a message again", pause=0.2)


def test_message_over_sixteen_kibibytes_closes_1009_and_one_below_is_taken(room):
    sender, other = join(room), join(room, 1)
    padding = "x" * (16384 - len('{"message":"fits","padding":""}'))
    text = '{"message":"fits","padding":"%s"}' % padding
    assert len(text) == 16384
    sender.send(text)
    assert texts(other, 1) == ["fits"]
    sender.send([text[:9000], text[9000:]])
    assert texts(other, 1) == ["fits"]
    sender.send(text + " ")
    assert sender.wait_closed() == 1009
    assert other.is_open()


def test_binary_frame_closes_1003_and_bad_utf8_1007(room):
    sender = join(room)
    sender.send(b"\x00")
    assert sender.wait_closed() == 1003
    sender = join(room)
    sender.send_frame(1, b'{"message":"\xff"}')
    assert sender.wait_closed() == 1007


def test_nobody_is_asked_who_they_are_and_idle_clients_stay(room):
    client, other = join(room, headers={"Authorization": "token nobody"}), join(room, 1)
    say(client, "hello")
    assert texts(other, 1) == ["hello"]
    assert room.gateway.metrics().total("broadcaster_auth_calls_total") == 0


def test_foreign_origin_is_refused(room):
    with pytest.raises(InvalidStatusCode) as refusal:
        WebSocket(room.gateway.port, PATH, origin="https://evil.example")
    assert refusal.value.status_code == 403
    join(room, origin="https://omegaup.com")


def test_plain_request_is_told_to_upgrade(room):
    answer = get_plain(room.gateway.port, PATH)
    assert answer.status == 426 and answer.headers["sec-websocket-version"] == "13"


def test_messages_are_counted_and_connections_shown(room):
    before = room.gateway.metrics()
    sender, other = join(room), join(room)
    wait_until(lambda: room.gateway.metrics()[ROOM_GAUGE] == 2)
    assert get_plain(room.gateway.port, "/health").json()["connections"] == 2
    say(sender, "one")
    assert texts(other, 1) == ["one"]
    after = room.gateway.metrics()
    for name in ("broadcaster_room_messages_total", "messages_sent_total"):
        assert after[name] - before[name] == 1, name


def test_what_is_no_message_of_the_room_is_passed_over(room):
    client = join(room)
    before = room.gateway.metrics()["broadcaster_events_malformed_total"]
    redis = room.redis.client()
    for bytes_ in (b"", b"x", b"{}", b'{"gateway":"0","sender":1,"timestamp":"","message":"a"}',
                   b'{"gateway":"00000000000000000","sender":1,"timestamp":'
                   b'"2026-01-16T14:30:00.123456","message":"a"}', b"\xff" * 100000):
        redis.publish("omegaup:events:room", bytes_)
    redis.publish("omegaup:events:room", json.dumps({
        "gateway": "0123456789abcdef", "sender": 1, "timestamp": "2026-01-16T14:30:00.123456",
        "message": "good", "later": True}))
    assert client.recv() == {"message": "good", "timestamp": "2026-01-16T14:30:00.123456"}
    assert room.gateway.metrics()["broadcaster_events_malformed_total"] - before == 6


def test_room_is_off_by_default(stack):
    with pytest.raises(InvalidStatusCode) as refusal:
        WebSocket(stack.gateway.port, PATH)
    assert refusal.value.status_code == 404
    assert get_plain(stack.gateway.port, PATH).status == 404


def test_without_redis_the_sender_is_told_and_stays_connected(make_stack):
    own = make_stack(publisher=False, settings={"Room": {"Enabled": True}})
    sender, other = join(own), join(own)
    own.redis.kill()
    wait_until(lambda: own.gateway.metrics()["broadcaster_redis_up"] == 0)
    say(sender, "lost")
    assert list(sender.recv()) == ["error"]
    own.redis.start()
    wait_until(lambda: own.gateway.metrics()["broadcaster_redis_up"] == 1)

    def is_heard():
        say(sender, "back")
        time.sleep(0.2)
        return other.waiting()
    wait_until(is_heard, what="the room to be heard again")
    assert other.recv()["message"] == "back" and sender.is_open()


def test_slow_client_is_closed_and_the_others_hear_on(make_stack):
    own = make_stack(publisher=False, settings={
        "Room": {"Enabled": True}, "Broadcaster": {"QueueBytes": 65536, "WriteTimeout": 3}})
    slow, other = join(own), join(own)
    slow.pause_reading()
    text = "\U0001f600" * 2000
    talkers = [join(own) for _ in range(20)]
    end = time.monotonic() + 60
    while own.gateway.metrics()["broadcaster_slow_closes_total"] == 0:
        assert time.monotonic() < end
        heard = len(other.texts)
        for talker in talkers:
            talker.send(json.dumps({"message": text}, ensure_ascii=False))
        wait_until(lambda: len(other.texts) > heard, what="the other one to keep up")
        time.sleep(0.1)  # ten messages a second are taken
    assert other.is_open() and other.recv()["message"] == text
    slow.resume_reading()


def test_leaving_gateway_closes_its_clients_1012(make_stack):
    own = make_stack(publisher=False, gateways=2, settings={"Room": {"Enabled": True}})
    leaving, staying = join(own, 0), join(own, 1)
    own.gateway.stop()
    assert leaving.wait_closed() == 1012
    assert leaving.texts == [] and staying.is_open()


# --- the page's own clients, as printed ---

def at(stack, text, gateway=0):
    assert text.count("localhost:8000") == 1
    return text.replace("localhost:8000", f"127.0.0.1:{stack.gateways[gateway].port}")


def test_printed_javascript_client(room, tmp_path):
    other = join(room, 1)
    script = "console.log = (...what) => report(...what);\n" + \
        at(room, (SNIPPETS / "room.js").read_text())
    with NodeScript(script, tmp_path) as node:
        assert other.recv()["message"] == "Olá, WebSocket!"
        say(other, "tudo bem?")
        mark, message, timestamp = node.report()
        assert (mark, message) == ("Recebido:", "tudo bem?") and TIMESTAMP.fullmatch(timestamp)


def test_printed_python_client(room):
    other = join(room, 1)
    with subprocess.Popen([sys.executable, "-c", at(room, (SNIPPETS / "room.py").read_text())],
                          stdout=subprocess.PIPE, text=True, encoding="utf-8") as client:
        assert other.recv()["message"] == "Olá do Python!"
        say(other, "tudo bem?")
        out, _ = client.communicate(timeout=LIMIT)
    assert client.returncode == 0
    mark, _, text = out.strip().partition(": ")
    assert mark == "Recebido" and json.loads(text)["message"] == "tudo bem?"


def test_upgrade_with_another_version_is_refused(room):
    answer = raw_exchange(room.gateway.port, (
        f"GET {PATH} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 8\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n").encode())
    assert raw_status(answer) == 426
