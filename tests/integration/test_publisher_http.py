# SPDX-License-Identifier: MIT
"""The publisher's HTTPS: who may post, what is taken, what is answered."""
import hashlib
import json
import re
import signal
import socket
import ssl
import time

import pytest
from support import events
from support.http_client import Http, raw_exchange, raw_status
from support.process import wait_until

TOKEN = "publish-token-of-the-grader"


@pytest.fixture
def backend(stack):
    return stack.backend()


def body_of(stack, **more):
    return {**events.contest_update(stack.place()), **more}


# --- answers ------------------------------------------------------------------------------

def test_accepted_event_is_answered_with_its_id(stack, backend):
    answer = backend.post(body_of(stack))
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("application/json")
    value = answer.json()
    assert value["status"] == "ok"
    assert re.fullmatch(r"[A-Za-z0-9_-]{22}", value["id"])
    assert value["topics"] >= 1


def test_path_with_and_without_its_last_slash(stack, backend):
    for path in ("/broadcast/", "/broadcast"):
        assert backend.post(body_of(stack), path=path).status == 200


def test_many_posts_use_one_connection(stack, backend):
    ids = {backend.post(body_of(stack)).json()["id"] for _ in range(50)}
    assert len(ids) == 50
    assert backend.connections == 1


@pytest.mark.parametrize("content_type", ["application/json", "text/plain", "",
                                          "application/x-www-form-urlencoded"])
def test_any_content_type_is_taken(stack, backend, content_type):
    answer = backend.post(body_of(stack), headers={"Content-Type": content_type})
    assert (answer.status, answer.json()["status"]) == (200, "ok")


@pytest.mark.parametrize("body,status", [(None, 200), ("no json", 400)])
def test_text_json_is_answered_without_a_body(stack, backend, body, status):
    answer = backend.post(body or body_of(stack), headers={"Content-Type": "text/json"})
    assert (answer.status, answer.headers["content-length"], answer.body) == (status, "0", b"")
    assert backend.post(body_of(stack)).status == 200
    assert backend.connections == 1


def test_text_json_has_no_body_on_other_paths_either(stack, backend):
    answer = backend.request("POST", "/nothing", "{}", {"Content-Type": "text/json"})
    assert (answer.status, answer.headers["content-length"]) == (404, "0")


BAD_BODIES = [
    ("empty", ""), ("no JSON", "hello"), ("cut", '{"type":"x"'), ("array", "[]"), ("text", '"x"'),
    ("after the object", '{"message":"1"} x'), ("two objects", '{"message":"1"}{"message":"1"}'),
    ("neither message nor type", '{"contest":"a"}'),
    ("both message and type", '{"message":"1","type":"x","data":{"contest_alias":"a"}}'),
    ("message no JSON text", '{"message":"no json"}'), ("message empty", '{"message":""}'),
    ("message a number", '{"message":1}'), ("message an object", '{"message":{}}'),
    ("public no boolean", '{"message":"1","public":"yes"}'),
    ("contest a number", '{"message":"1","contest":1}'),
    ("problemset a text", '{"message":"1","problemset":"1"}'),
    ("type a number", '{"type":1,"data":{"contest_alias":"a"}}'),
    ("type empty", '{"type":"","data":{"contest_alias":"a"}}'),
    ("data missing", '{"type":"x"}'), ("data no object", '{"type":"x","data":[]}'),
    ("no topic", '{"type":"x","data":{}}'),
    ("invalid contest", '{"type":"x","data":{"contest_alias":"a b"}}'),
    ("invalid problem", '{"type":"x","data":{"problem_alias":"a/b"}}'),
    ("invalid user", '{"type":"x","data":{"username":"a*"}}'),
    ("invalid problemset", '{"type":"x","data":{"problemset":"17"}}'),
    ("timestamp a text", '{"type":"x","timestamp":"now","data":{"contest_alias":"a"}}'),
    ("a word of the gateway", '{"type":"revoked","data":{"contest_alias":"a"}}'),
    ("single quotes", "{'message':'1'}"), ("NaN", '{"type":"x","data":{"contest_alias":"a","n":NaN}}'),
    ("comma at the end", '{"message":"1",}'), ("duplicate key", '{"message":"1","message":"2"}'),
    ("control character", '{"message":"\t"}'), ("lone surrogate", '{"message":"\\ud800"}'),
    ("too deep", '{"type":"x","data":{"contest_alias":"a","d":' + "[" * 70 + "]" * 70 + "}}"),
]


@pytest.mark.parametrize("body", [row[1] for row in BAD_BODIES], ids=[row[0] for row in BAD_BODIES])
def test_bad_body_is_400_and_says_what(stack, backend, body):
    answer = backend.post(body)
    assert answer.status == 400, answer.body
    value = answer.json()
    assert (value["status"], value["error"]) == ("error", "bad_request")
    assert value["message"]


@pytest.mark.parametrize("body", [b'{"message":"\xff"}', b'{"message":"\xed\xa0\x80"}',
                                  b'\xef\xbb\xbf{"message":"1"}', b"\x00"])
def test_body_that_is_no_utf8_json_is_400(stack, backend, body):
    assert backend.post(body).status == 400


@pytest.mark.parametrize("name", ["with space", "ñandú", "a/b", "*", "x" * 200])
def test_graders_form_refuses_no_event_for_a_name(stack, backend, name):
    for field in ("contest", "problem", "user"):
        assert backend.post({field: name, "message": "1"}).status == 200


def test_graders_form_without_any_name_is_taken(stack, backend):
    for body in ({"message": "{}"}, {"message": "1", "contest": None, "user": "", "problemset": -1,
                                     "broadcast": True, "targetUser": "x", "userOnly": False}):
        assert backend.post(body).status == 200


def test_event_of_a_name_outside_the_grammar_reaches_the_other_topics(stack, backend):
    place = stack.place()
    client = stack.ws("ana").subscribed(place.contest_channel)
    body = events.grader_form(place, {"type": "contest_update", "data": {}}, public=True)
    assert backend.post({**body, "user": "no name: ~"}).status == 200
    assert client.recv()["type"] == "contest_update"


# --- methods, paths, framing -----------------------------------------------------------------

@pytest.mark.parametrize("method,path,status", [
    ("GET", "/broadcast/", 405), ("PUT", "/broadcast/", 405), ("DELETE", "/broadcast/", 405),
    ("POST", "/", 404), ("POST", "/broadcast/x", 404), ("GET", "/nothing", 404),
    ("POST", "/health", 405)])
def test_wrong_method_or_path(stack, backend, method, path, status):
    answer = backend.request(method, path, "{}" if method != "GET" else None)
    assert answer.status == status


def test_body_over_the_limit_is_413(make_stack):
    stack = make_stack(settings={"Broadcaster": {"MaxBodyBytes": 100_000}})
    backend = stack.backend()
    event = body_of(stack)
    event["data"]["pad"] = "x" * 90_000
    assert backend.post(event).status == 200
    event["data"]["pad"] = "x" * 100_001
    try:
        assert backend.post(event).status == 413
    except (ConnectionError, ssl.SSLError):
        pass  # refused from the declared length, before all of it was sent
    head = ("POST /broadcast/ HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n")
    answer = raw_exchange(stack.publisher.port, head.encode(), stack.certificates.client_context())
    assert raw_status(answer) == 413


ODD_FRAMING = [
    ("chunk of no size", "Host: x\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n0\r\n\r\n"),
    ("chunk with bare line feeds", "Host: x\r\nTransfer-Encoding: chunked\r\n\r\n1\nx\n0\n\n"),
    ("chunked twice", "Host: x\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n"
                      "0\r\n\r\n"),
    ("chunked and length", "Host: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    ("odd encoding", "Host: x\r\nContent-Length: 2\r\nTransfer-Encoding: xchunked\r\n\r\n{}"),
    ("two lengths", "Host: x\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}x"),
    ("list of lengths", "Host: x\r\nContent-Length: 2, 2\r\n\r\n{}"),
    ("negative length", "Host: x\r\nContent-Length: -2\r\n\r\n{}"),
    ("signed length", "Host: x\r\nContent-Length: +2\r\n\r\n{}"),
    ("length no number", "Host: x\r\nContent-Length: two\r\n\r\n{}"),
    ("no length", "Host: x\r\n\r\n"),
    ("no host", "Content-Length: 2\r\n\r\n{}"),
    ("two hosts", "Host: x\r\nHost: y\r\nContent-Length: 2\r\n\r\n{}"),
]


@pytest.mark.parametrize("rest", [row[1] for row in ODD_FRAMING],
                         ids=[row[0] for row in ODD_FRAMING])
def test_odd_framing_is_refused(stack, rest):
    answer = raw_exchange(stack.publisher.port, ("POST /broadcast/ HTTP/1.1\r\n" + rest).encode(),
                          stack.certificates.client_context(), until="end")
    status = raw_status(answer)
    assert status is None or 400 <= status < 500 or status == 501, answer[:200]
    assert answer.count(b"HTTP/1.1") <= 1, "what follows must not be taken for a request"


def chunked(body, size=7, extension="", trailer=""):
    pieces = [body[i:i + size] for i in range(0, len(body), size)]
    lines = [f"{len(piece):x}{extension}\r\n{piece}\r\n" for piece in pieces]
    return "".join(lines) + f"0\r\n{trailer}\r\n"


@pytest.mark.parametrize("rest", [{}, {"size": 1}, {"extension": ";a=b"},
                                  {"trailer": "Digest: x\r\n"}])
def test_chunked_body_is_read(stack, rest):
    body = json.dumps(body_of(stack))
    text = ("POST /broadcast/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
            + chunked(body, **rest) +
            "GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    answer = raw_exchange(stack.publisher.port, text.encode(),
                          stack.certificates.client_context(), until="end")
    assert answer.count(b"HTTP/1.1 200") == 2, answer


def test_chunked_body_over_the_limit_is_413(make_stack):
    stack = make_stack(settings={"Broadcaster": {"MaxBodyBytes": 100_000}})
    text = ("POST /broadcast/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
            "186a1\r\nx")
    answer = raw_exchange(stack.publisher.port, text.encode(),
                          stack.certificates.client_context(), until="end")
    assert raw_status(answer) == 413


def test_other_transfer_coding_is_501(stack):
    text = "POST /broadcast/ HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n"
    answer = raw_exchange(stack.publisher.port, text.encode(),
                          stack.certificates.client_context(), until="end")
    assert raw_status(answer) == 501


@pytest.mark.parametrize("rest", ["Content-Length: 2\r\n\r\n",
                                  "Transfer-Encoding: chunked\r\n\r\n"])
def test_stranger_is_refused_before_its_body(stack, rest):
    text = f"POST /broadcast/ HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n{rest}"
    answer = raw_exchange(stack.publisher.port, text.encode(),
                          stack.certificates.client_context(None), until="end")
    assert raw_status(answer) == 401


def test_slow_request_is_given_up(stack):
    raw_exchange(stack.publisher.port, b"POST /broadcast/ HTTP/1.1\r\nHost: x\r\n",
                 stack.certificates.client_context(), until="end")


# --- who may publish ---------------------------------------------------------------------------

def refused_by_tls(port, context):
    """True when a request over this context ends in a TLS alert or a cut connection."""
    try:
        Http(port, context).post("{}")
    except (ssl.SSLError, ConnectionError):
        return True
    return False


def post_over_tls(stack, context, session=None):
    """One POST over a connection of its own: (status, was the session resumed, the session)."""
    body = json.dumps(body_of(stack))
    head = (f"POST /broadcast/ HTTP/1.1\r\nHost: localhost\r\n"
            f"Content-Length: {len(body)}\r\n\r\n")
    with socket.create_connection(("127.0.0.1", stack.publisher.port), timeout=10) as plain, \
            context.wrap_socket(plain, server_hostname="localhost", session=session) as tls:
        tls.sendall((head + body).encode())
        status = int(tls.recv(65536).split()[1])
        return status, tls.session_reused, tls.session


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_tls_session_is_resumed_with_its_certificate(stack, version):
    context = stack.certificates.client_context()
    context.minimum_version = context.maximum_version = version
    status, resumed, session = post_over_tls(stack, context)
    assert (status, resumed) == (200, False)
    assert post_over_tls(stack, context, session)[:2] == (200, True)


def test_without_certificate_and_token_it_is_401(stack):
    answer = stack.backend(client=None).post(body_of(stack))
    assert answer.status == 401


@pytest.mark.parametrize("client", ["stranger", "expired", "serverpurpose"])
def test_certificate_that_does_not_verify_is_refused_by_tls(stack, client):
    assert refused_by_tls(stack.publisher.port, stack.certificates.client_context(client))


@pytest.mark.parametrize("path", ["/health", "/ready", "/metrics"])
def test_health_ready_and_metrics_need_no_certificate(stack, path):
    assert stack.backend(client=None).get(path).status == 200


def test_other_tls_versions_are_refused(stack):
    context = stack.certificates.client_context()
    context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_2
    assert Http(stack.publisher.port, context).get("/health").status == 200
    old = stack.certificates.client_context()
    old.set_ciphers("DEFAULT:@SECLEVEL=0")
    old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
    assert refused_by_tls(stack.publisher.port, old)


def test_http2_client_is_answered_in_http1(stack):
    context = stack.certificates.client_context()
    context.set_alpn_protocols(["h2", "http/1.1"])
    backend = Http(stack.publisher.port, context)
    assert backend.post(body_of(stack)).status == 200
    assert backend._connection.sock.selected_alpn_protocol() == "http/1.1"


@pytest.fixture
def token_file(tmp_path):
    path = tmp_path / "publish-tokens"
    path.write_text(f"grader:{hashlib.sha256(TOKEN.encode()).hexdigest()}\n")
    return path


def test_bearer_token_of_the_file_may_publish(make_stack, token_file):
    stack = make_stack(settings={"Broadcaster": {"PublishTokensFile": str(token_file)}})
    assert stack.backend(client=None, token=TOKEN).post(body_of(stack)).status == 200
    for wrong in ("wrong", TOKEN[:-1], TOKEN + "x", hashlib.sha256(TOKEN.encode()).hexdigest()):
        assert stack.backend(client=None, token=wrong).post(body_of(stack)).status == 401
    assert stack.backend().post(body_of(stack)).status == 200


def without_client_ca(stack_maker, certificates, cert_file):
    return stack_maker(settings={"Broadcaster": {"TLS": {
        "ClientCAFile": None, "CertFile": certificates.path(cert_file),
        "KeyFile": certificates.path("own.key")}}})


def test_without_client_ca_file_our_own_certificate_publishes(make_stack, certificates):
    stack = without_client_ca(make_stack, certificates, "own.pem")
    assert stack.backend(client="own").post(body_of(stack)).status == 200
    for other in ("client", "stranger"):
        assert refused_by_tls(stack.publisher.port, stack.certificates.client_context(other))


def test_without_client_ca_file_the_ca_in_our_chain_vouches_for_publishers(make_stack,
                                                                           certificates):
    stack = without_client_ca(make_stack, certificates, "chain.pem")
    for client in ("own", "client"):
        assert stack.backend(client=client).post(body_of(stack)).status == 200
    for other in ("stranger", "expired", "serverpurpose"):
        assert refused_by_tls(stack.publisher.port, stack.certificates.client_context(other))


def test_client_names_must_match_when_set(make_stack):
    stack = make_stack(settings={"Broadcaster": {"TLS": {"ClientNames": ["grader"]}}})
    assert stack.backend().post(body_of(stack)).status == 200
    other = make_stack(settings={"Broadcaster": {"TLS": {"ClientNames": ["somebody-else"]}}})
    assert other.backend().post(body_of(other)).status == 403


def reload(publisher):
    before = publisher.metrics()['broadcaster_reloads_total{result="ok"}']
    publisher.write_config()
    publisher.process.signal(signal.SIGHUP)
    wait_until(lambda: publisher.metrics()['broadcaster_reloads_total{result="ok"}'] > before,
               what="the reload")


@pytest.mark.parametrize("change", [("ClientCAFile", "stranger-ca.pem"),
                                    ("ClientNames", ["somebody-else"])],
                         ids=["authority", "name"])
def test_publisher_not_accepted_any_more_is_told_at_its_next_request(make_stack, change):
    stack = make_stack()
    tls = stack.publisher.settings["Broadcaster"]["TLS"]
    context = stack.certificates.client_context()
    backend = stack.backend()
    assert backend.post(body_of(stack)).status == 200
    reload(stack.publisher)  # the same again
    assert backend.post(body_of(stack)).status == 200
    key, value = change
    tls[key] = stack.certificates.path(value) if isinstance(value, str) else value
    with socket.create_connection(("127.0.0.1", stack.publisher.port), timeout=10) as plain, \
            context.wrap_socket(plain, server_hostname="localhost") as sock:
        body = json.dumps(body_of(stack))
        head = f"POST /broadcast/ HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n"
        sock.sendall(f"{head}Expect: 100-continue\r\n\r\n".encode())
        assert sock.recv(65536).startswith(b"HTTP/1.1 100 ")
        reload(stack.publisher)
        sock.sendall(body.encode())
        assert sock.recv(65536).startswith(b"HTTP/1.1 200 ")  # begun before
        sock.sendall(f"{head}\r\n".encode())
        answer = sock.recv(65536)
        while part := sock.recv(65536):
            answer += part
    assert answer.startswith(b"HTTP/1.1 401 ") and b"\r\nConnection: close\r\n" in answer
    answer = backend.post(body_of(stack))
    assert (answer.status, answer.headers["connection"]) == (401, "close")
    assert backend.connections == 1


def test_certificate_that_ends_is_told_at_the_next_request(stack, certificates):
    certificates.make_short("short", seconds=4)
    backend = stack.backend(client="short")
    assert backend.post(body_of(stack)).status == 200
    wait_until(lambda: time.time() > certificates.ends("short") + 1, what="its end")
    answer = backend.post(body_of(stack))
    assert (answer.status, answer.headers["connection"]) == (401, "close")
    assert backend.connections == 1


@pytest.mark.parametrize("header", ["Origin", "Sec-Fetch-Site", "Sec-Fetch-Mode"])
def test_browsers_may_not_publish(stack, backend, header):
    assert backend.post(body_of(stack), headers={header: "x"}).status == 403
    assert backend.get("/health", **{header: "x"}).status == 200


def test_keys_of_requests_belong_to_the_publishers_key_and_not_to_its_name(stack, certificates):
    certificates.make_namesake("namesake", of="client")
    headers = {"Idempotency-Key": f"shared-{stack.place().contest}"}
    body = body_of(stack)
    first = stack.backend().post(body, headers=headers)
    other = stack.backend(client="namesake").post(body, headers=headers)
    again = stack.backend().post(body, headers=headers)
    assert (first.status, other.status, again.status) == (200, 200, 200)
    assert first.json()["id"] == again.json()["id"] != other.json()["id"]


def test_client_auth_require_asks_everybody(make_stack):
    stack = make_stack(settings={"Broadcaster": {"TLS": {"ClientAuth": "require"}}})
    assert stack.backend().get("/health").status == 200
    context = stack.certificates.client_context(None)
    try:
        assert Http(stack.publisher.port, context).get("/health").status == 401
    except (ssl.SSLError, ConnectionError):
        pass


def test_plain_http_on_the_tls_port_is_not_answered(stack):
    answer = raw_exchange(stack.publisher.port, b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n",
                          until="end")
    assert raw_status(answer) != 200


def test_insecure_serves_plain_http_on_loopback(make_stack, tmp_path):
    stack = make_stack(publisher=False)
    service = stack._service("publisher", 9)
    service.arguments = ["--insecure"]
    stack.publisher = service.start()
    client = stack.ws("ana")
    place = stack.place()
    client.subscribed(place.contest_channel)
    backend = Http(service.port)
    assert backend.post(events.contest_update(place)).status == 200
    assert client.recv()["type"] == "contest_update"


def test_strangers_lock_nobody_out(make_stack):
    stack = make_stack()
    backend = stack.backend()
    assert backend.post(body_of(stack)).status == 200
    strangers = [socket.create_connection(("127.0.0.1", stack.publisher.port), timeout=10)
                 for _ in range(1000)]
    try:
        assert backend.post(body_of(stack)).status == 200
        assert stack.backend().post(body_of(stack)).status == 200
        assert stack.backend(client=None).get("/health").status == 200
        assert stack.publisher.metrics()["broadcaster_http_connections"] <= 512 + 5
        assert backend.connections == 1
    finally:
        for stranger in strangers:
            stranger.close()


# --- idempotency, deauthenticate, scoreboard tokens ------------------------------------------------

def test_same_key_with_another_body_is_422(stack, backend):
    headers = {"Idempotency-Key": f"key-{stack.place().contest}"}
    assert backend.post(body_of(stack), headers=headers).status == 200
    assert backend.post(body_of(stack), headers=headers).status == 422


@pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
def test_deauthenticate_ends_every_session_of_the_user(stack, backend, method):
    sessions = [stack.ws("beto"), stack.ws("beto").subscribed("/user/beto")]
    other = stack.ws("ana")
    answer = backend.request(method, "/deauthenticate/b%65to", b"" if method != "GET" else None)
    assert (answer.status, answer.body) == (200, b"")
    assert [s.wait_closed() for s in sessions] == [4001, 4001]
    assert other.ask({"type": "ping"}) == {"type": "pong"}


def test_deauthenticate_needs_a_publisher(stack):
    assert stack.backend(client=None).get("/deauthenticate/ana").status == 401


def test_scoreboard_token_opens_its_contest_until_it_is_deleted(stack, backend):
    place = stack.place()
    token = f"Put{place.contest.replace('-', '')}"
    client = stack.ws()
    assert client.subscribe(f"/scoreboard/{token}")["error"] == "not_found"
    opened = {"contest": place.contest, "admin": False, "expires": int(time.time()) + 3600}
    assert backend.request("PUT", f"/scoreboard/{token}", json.dumps(opened)).status == 200
    client = stack.ws().subscribed(f"/scoreboard/{token}")
    stack.post(events.scoreboard_update(place, 7))
    assert client.recv()["data"]["n"] == 7
    assert backend.request("DELETE", f"/scoreboard/{token}").status == 200
    assert client.recv() == {"type": "revoked", "channel": f"/scoreboard/{token}"}
    assert client.is_open()
    assert stack.ws().subscribe(f"/scoreboard/{token}")["error"] == "not_found"


def test_scoreboard_token_ends_at_its_time(stack, backend):
    place = stack.place()
    token = f"Ends{place.contest.replace('-', '')}"
    opened = {"contest": place.contest, "expires": int(time.time()) + 2}
    assert backend.request("PUT", f"/scoreboard/{token}", json.dumps(opened)).status == 200
    client = stack.ws().subscribed(f"/scoreboard/{token}")
    assert client.recv()["type"] == "revoked"


@pytest.mark.parametrize("token,body", [
    ("Good", "{}"), ("Good", "[]"), ("Good", '{"contest":7}'), ("Good", '{"contest":"a b"}'),
    ("Good", '{"contest":"a","admin":"yes"}'), ("Good", '{"contest":"a","expires":"soon"}'),
    ("b-a-d", '{"contest":"a"}'), ("x" * 65, '{"contest":"a"}')])
def test_bad_scoreboard_token_is_refused(stack, backend, token, body):
    assert backend.request("PUT", f"/scoreboard/{token}", body).status in (400, 404)
