# SPDX-License-Identifier: MIT
"""proto/openapi.yaml and proto/asyncapi.yaml against running servers: they say what is so."""
import json
import re
import time
from urllib.parse import quote

import pytest
import yaml
from support import events
from support.http_client import Http, get_plain
from support.listening import begin
from support.process import ROOT, wait_until
from support.schema import Description
from support.stack import Stack
from support.users import token_of

METHODS = ("get", "put", "post", "delete", "options")


def load(name):
    return Description(yaml.safe_load((ROOT / "proto" / name).read_text()))


OPENAPI = load("openapi.yaml")
ASYNCAPI = load("asyncapi.yaml")
OPERATIONS = [(path, method) for path, item in OPENAPI.document["paths"].items()
              for method in METHODS if method in item]


@pytest.fixture(scope="module")
def api(tmp_path_factory, certificates):
    console = tmp_path_factory.mktemp("console")
    (console / "index.html").write_text("<!DOCTYPE html>")
    with Stack(tmp_path_factory.mktemp("stack"), certificates, settings={
            "Console": {"Dir": str(console)}, "Room": {"Enabled": True},
            "Broadcaster": {"MaxBodyBytes": 65536}}) as stack:
        yield stack


# --- HTTP ---

def operation_of(path, method):
    return OPENAPI.document["paths"][path][method]


def ports(stack, tag):
    """Every (port, is TLS) where a path of this tag is served."""
    return {"publisher": [(stack.publisher.port, True)],
            "gateway": [(stack.gateway.port, False)],
            "admin": [(stack.gateway.metrics_port, False),
                      (stack.publisher.metrics_port, False)]}[tag]


def check_answer(path, method, answer):
    """The status is documented, and the body is of the kind and shape that stands there."""
    responses = operation_of(path, method)["responses"]
    assert str(answer.status) in responses, (path, answer)
    content = OPENAPI.resolve(responses[str(answer.status)]).get("content")
    if not content:
        assert answer.body == b"", (path, answer)
        return
    kind = answer.headers["content-type"].partition(";")[0]
    described = content.get(kind) or content.get("*/*")
    assert described, f"{path}: {kind} is not described"
    if kind == "application/json":
        found = OPENAPI.problems(described["schema"], answer.json(), path)
        assert not found, "\n".join(found)


def example_request(path, method):
    """Path, headers and body from the examples of the description."""
    item = OPENAPI.document["paths"][path]
    operation = item[method]
    target, headers, query = path, {}, []
    for parameter in item.get("parameters", []) + operation.get("parameters", []):
        value, place = parameter.get("example"), parameter["in"]
        if place == "path":
            target = target.replace("{%s}" % parameter["name"], quote(value))
        elif value and place == "header":
            headers[parameter["name"]] = value
        elif value:
            query += [f"{parameter['name']}={quote(one)}" for one in value]
    body = operation.get("requestBody")
    examples = body["content"]["application/json"]["examples"].values() if body else [None]
    return [("?".join([target, "&".join(query)]) if query else target, headers,
             json.dumps(example["value"]) if example else None) for example in examples]


def is_elsewhere(path, port, stack):
    """/debug/topics is the gateway's alone."""
    return path == "/debug/topics" and port != stack.gateway.metrics_port


@pytest.mark.parametrize("path, method", OPERATIONS)
def test_every_operation_answers_as_described(api, certificates, path, method):
    for tag in operation_of(path, method)["tags"]:
        for port, is_tls in ports(api, tag):
            if is_elsewhere(path, port, api):
                continue
            for target, headers, body in example_request(path, method):
                if path == "/events/" and method == "get":
                    with api.sse(target, "contestant1", headers=headers) as stream:
                        assert stream.status == 200
                        assert stream.response.getheader("Content-Type") == "text/event-stream"
                        assert stream.read_event()[0] == "subscribed"
                    continue
                http = Http(port, certificates.client_context() if is_tls else None)
                answer = http.request(method.upper(), target, body, headers)
                http.close()
                assert answer.status in (200, 204), (target, answer)
                check_answer(path, method, answer)


def test_examples_of_events_are_what_their_schemas_say():
    content = operation_of("/broadcast/", "post")["requestBody"]["content"]["application/json"]
    for example in content["examples"].values():
        assert not OPENAPI.problems(content["schema"], example["value"])


GOOD = {"type": "contest_update", "data": {"contest_alias": "a"}}


@pytest.mark.parametrize("path, method, body, headers, status", [
    ("/broadcast/", "post", "nonsense", {}, 400),
    ("/broadcast/", "post", json.dumps(GOOD), {"Idempotency-Key": ""}, 400),
    ("/broadcast/", "post", " " * 70000, {}, 413),
    ("/scoreboard/{token}", "put", "{}", {}, 400),
    ("/scoreboard/{token}", "put", " " * 5000, {}, 413)])
def test_refused_requests_are_answered_as_described(api, path, method, body, headers, status):
    answer = api.backend().request(method.upper(), path.replace("{token}", "Board"), body,
                                   headers)
    assert answer.status == status
    check_answer(path, method, answer)


def test_same_key_with_another_body_is_answered_as_described(api):
    backend = api.backend()
    assert backend.post(GOOD, headers={"Idempotency-Key": "k"}).status == 200
    answer = backend.post({**GOOD, "timestamp": 7}, headers={"Idempotency-Key": "k"})
    assert answer.status == 422
    check_answer("/broadcast/", "post", answer)


@pytest.mark.parametrize("path, method", [
    operation for operation in OPERATIONS if "publisher" in operation_of(*operation)["tags"] and
    "security" in operation_of(*operation)])
def test_strangers_are_answered_as_described(api, certificates, path, method):
    for target, headers, body in example_request(path, method):
        http = Http(api.publisher.port, certificates.client_context(None))
        answer = http.request(method.upper(), target, body, headers)
        http.close()
        assert answer.status == 401
        check_answer(path, method, answer)


@pytest.mark.parametrize("headers, status", [
    ({}, 401), ({"Authorization": f"token {token_of('ana')}"}, 403),
    ({"Authorization": f"token {token_of('root')}"}, 200)])
def test_gauges_from_elsewhere_are_answered_as_described(api, headers, status):
    answer = Http(api.gateway.port).get("/console/metrics", Host="events.example", **headers)
    assert answer.status == status
    check_answer("/console/metrics", "get", answer)


@pytest.mark.parametrize("query, status", [
    ("", 400), ("?channel=/contest/a&filter=/contest/a", 400), ("?filter=nonsense", 400),
    ("?filter=/user/ana", 401)])
def test_refused_streams_are_answered_as_described(api, query, status):
    answer = Http(api.gateway.port).get(f"/events/{query}", Accept="text/event-stream")
    assert answer.status == status
    check_answer("/events/", "get", answer)


def test_what_redis_leaves_undone_is_answered_as_described(make_stack):
    own = make_stack()
    backend = own.backend()
    own.redis.kill()
    wait_until(lambda: own.publisher.get("/ready").status == 503)
    for path, method, body in (("/broadcast/", "post", json.dumps(GOOD)),
                               ("/deauthenticate/{user}", "get", None),
                               ("/scoreboard/{token}", "delete", None)):
        target = path.replace("{user}", "ana").replace("{token}", "Board")
        answer = backend.request(method.upper(), target, body)
        assert answer.status == 503 and "retry-after" in answer.headers
        check_answer(path, method, answer)
    check_answer("/ready", "get", own.publisher.get("/ready"))


def test_description_of_the_running_gateway_is_the_one_of_the_tree(api):
    for name in ("openapi.yaml", "asyncapi.yaml"):
        assert get_plain(api.gateway.port, f"/docs/{name}").body == \
            (ROOT / "proto" / name).read_bytes()


# --- WebSocket ---

MESSAGES = ASYNCAPI.document["components"]["messages"]


class Witness:
    """Remembers which messages were seen, each checked, and which of their fields."""

    def __init__(self):
        self.fields = {}

    def note(self, name, message):
        found = ASYNCAPI.problems(MESSAGES[name]["payload"], message, name)
        assert not found, (message, found)
        fields = self.fields.setdefault(name, set())
        if isinstance(message, dict) and "properties" in MESSAGES[name]["payload"]:
            fields |= set(message)

    def note_received(self, client):
        """Everything that a client of the documented protocol has got so far."""
        for text in client.texts:
            message = json.loads(text)
            self.note(message["type"] if message["type"] in MESSAGES else "message", message)

    def ask(self, client, name, message):
        """Sends a described command, and waits for what it is answered."""
        self.note(name, message)
        return client.ask(message)


@pytest.fixture(scope="module")
def witness():
    return Witness()


def test_commands_and_their_answers(api, witness):
    client, place = api.ws(), api.place()
    channel = place.contest_channel
    for number in (1, "two", None):
        extra = {} if number is None else {"id": number}
        answers = [witness.ask(client, name, {**command, **extra}) for name, command in (
            ("subscribe", {"type": "subscribe", "channel": channel}),
            ("auth", {"type": "auth", "token": token_of("ana")}),
            ("subscribe", {"type": "subscribe", "channel": channel}),
            ("subscribe", {"type": "subscribe", "channel": channel,
                           "position": "0123456789abcdef:0"}),
            ("unsubscribe", {"type": "unsubscribe", "channel": channel}),
            ("ping", {"type": "ping"}))]
        assert all(answer.get("id") == number for answer in answers)
    witness.note("alive", "ping")
    client.send('"ping"')
    for command in ("{}", '{"type":"subscribe","channel":"nonsense"}',
                    '{"type":"subscribe","channel":"/scoreboard/NoSuchToken"}',
                    '{"type":"subscribe","channel":"/user/beto"}',
                    '{"type":"auth","token":"nobody"}'):
        client.send(command)
        client.recv()
    witness.note_received(client)


def test_every_kind_of_event(api, witness):
    client, place = api.ws("carla"), api.place()
    client.subscribed(place.contest_channel, place.admin_channel)
    for event in (events.run_update(place), events.scoreboard_update(place),
                  events.clarification(place), events.contest_update(place),
                  {"type": "own_type", "data": {"contest_alias": place.contest}},
                  events.grader_form(place, [1, {"a": None}], public=True)):
        api.post(event)
    assert client.recv_until(lambda m: m["type"] == "message")[-1]["data"] == [1, {"a": None}]
    witness.note_received(client)


def test_revoked(api, witness):
    backend, place = api.backend(), api.place()
    backend.request("PUT", "/scoreboard/Ending", json.dumps(
        {"contest": place.contest, "expires": int(time.time()) + 1000}))
    client = api.ws().subscribed("/scoreboard/Ending")
    backend.request("DELETE", "/scoreboard/Ending")
    assert client.recv()["type"] == "revoked"
    witness.note_received(client)


def test_reset_after_redis_lost_its_memory(make_stack, witness):
    own = make_stack()
    place = own.place()
    client = own.ws("ana").subscribed(place.contest_channel)
    own.redis.kill()
    own.redis.start()
    client.recv_until(lambda message: message["type"] == "reset")
    witness.note_received(client)


def test_position_and_reconnect_of_a_leaving_gateway(make_stack, witness):
    own = make_stack(settings={"Broadcaster": {"DrainSeconds": 2}})
    place = own.place()
    client = own.ws("ana").subscribed(place.contest_channel)
    other = own.ws("carla").subscribed(place.contest_channel)
    own.post(events.run_update(place, "beto"))
    assert other.recv()["type"] == "run_update"
    own.gateway.stop()
    client.wait_closed()
    assert {json.loads(text)["type"] for text in client.texts} >= {"position", "reconnect"}
    witness.note_received(client)


def test_scoreboard_that_stands_for_older_ones(make_stack, witness):
    own = make_stack(settings={"Broadcaster": {"WriteTimeout": 30}})
    place = own.place()
    client = own.ws("ana").subscribed(place.contest_channel)
    client.pause_reading()
    event = events.scoreboard_update(place)
    event["data"]["pad"] = "x" * 100_000
    for _ in range(150):
        own.post(event)
    own.post(events.contest_update(place))
    wait_until(lambda: own.gateway.metrics()["broadcaster_conflated_total"] > 0)
    client.resume_reading()
    client.recv_until(lambda message: message["type"] == "contest_update")
    witness.note_received(client)


def test_legacy_text(api, witness):
    place = api.place(public=True)
    client = api.ws("ana", path=f"/?filter=/contest/{place.contest}",
                    subprotocols=["com.omegaup.events"])
    begin(client, lambda mark: api.post({"contest": place.contest, "public": True,
                                         "message": mark}))
    api.post(events.grader_form(place, {"message": "/anything/"}, public=True))
    witness.note("text", json.loads(client.recv_text()))


def test_room(api, witness):
    one, other = api.ws(path="/ws/events"), api.ws(path="/ws/events")
    said = {"message": "hello"}
    witness.note("say", said)
    one.send(said)
    witness.note("heard", json.loads(other.recv_text()))
    one.send("{}")
    witness.note("refused", json.loads(one.recv_text()))


def test_every_message_was_seen_with_exactly_its_fields(witness):
    """Last: the tests above are the witnesses."""
    assert set(witness.fields) == set(MESSAGES)
    for name, seen in witness.fields.items():
        assert seen == set(MESSAGES[name]["payload"].get("properties", {})), name


def test_channels_and_operations_name_every_message():
    document = ASYNCAPI.document
    named = [name for channel in document["channels"].values() for name in channel["messages"]]
    assert sorted(named) == sorted(MESSAGES)
    used = [reference["$ref"] for operation in document["operations"].values()
            for reference in operation["messages"]]
    assert sorted(re.sub(".*/", "", reference) for reference in used) == sorted(MESSAGES)
    for reference in used:
        assert ASYNCAPI.resolve({"$ref": reference})
