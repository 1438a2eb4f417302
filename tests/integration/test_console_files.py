# SPDX-License-Identifier: MIT
"""GET /docs, the files of Console.Dir, and /console/metrics."""
import json
import os
import socket
import time

import pytest
from support.frontend import Frontend
from support.http_client import Http, get_plain, is_complete, raw_exchange, raw_status
from support.process import LIMIT, wait_until
from support.stack import Stack
from support.users import token_of

BIG = bytes(range(256)) * (8 * 1024 * 1024 // 256)
INDEX = "<!DOCTYPE html><title>console</title>".encode()


@pytest.fixture(scope="module")
def console_dir(tmp_path_factory):
    directory = tmp_path_factory.mktemp("console")
    outside = tmp_path_factory.mktemp("outside")
    (outside / "secret.txt").write_text("secret")
    for name, content in {"index.html": INDEX, "assets/app-1a2b.js": b"export {};",
                          "assets/style.css": b"body {}", "sub/index.html": b"sub",
                          "a b.txt": b"space", "empty.txt": b"", "big.bin": BIG,
                          "too-big.bin": BIG + b"x", ".hidden": b"hidden",
                          ".well/known.txt": b"hidden"}.items():
        (directory / name).parent.mkdir(exist_ok=True)
        (directory / name).write_bytes(content)
    (directory / "link.txt").symlink_to(outside / "secret.txt")
    (directory / "inner-link.txt").symlink_to("index.html")
    (directory / "link").symlink_to(outside)
    os.mkfifo(directory / "pipe")
    return directory


@pytest.fixture(scope="module")
def console_stack(tmp_path_factory, certificates, console_dir):
    with Stack(tmp_path_factory.mktemp("stack"), certificates, publisher=False,
               settings={"Console": {"Dir": str(console_dir)}}) as stack:
        yield stack


@pytest.fixture
def get(console_stack):
    def ask(path, method="GET", **headers):
        http = Http(console_stack.gateway.port)
        try:
            return http.request(method, path, headers={
                name.replace("_", "-"): value for name, value in headers.items()})
        finally:
            http.close()
    return ask


def check_page_headers(answer):
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("path, content, kind, caching", [
    ("/console/", INDEX, "text/html; charset=utf-8", "no-cache"),
    ("/console/index.html", INDEX, "text/html; charset=utf-8", "no-cache"),
    ("/console/?x=y", INDEX, "text/html; charset=utf-8", "no-cache"),
    ("/console/sub/", b"sub", "text/html; charset=utf-8", "no-cache"),
    ("/console/assets/app-1a2b.js", b"export {};", "text/javascript; charset=utf-8",
     "public, max-age=31536000, immutable"),
    ("/console/assets/style.css", b"body {}", "text/css; charset=utf-8",
     "public, max-age=31536000, immutable"),
    ("/console/a%20b.txt", b"space", "text/plain; charset=utf-8", "no-cache"),
    ("/console/empty.txt", b"", "text/plain; charset=utf-8", "no-cache"),
    ("/console/%69ndex.html", INDEX, "text/html; charset=utf-8", "no-cache")])
def test_files_are_served_as_they_are(get, path, content, kind, caching):
    answer = get(path)
    assert (answer.status, answer.body) == (200, content)
    assert answer.headers["content-type"] == kind
    assert answer.headers["cache-control"] == caching
    assert answer.headers["content-length"] == str(len(content))
    check_page_headers(answer)
    head = get(path, "HEAD")
    assert (head.status, head.body) == (200, b"")
    assert head.headers == answer.headers
    tag = answer.headers["etag"]
    for value in (tag, f"W/{tag}"):
        unchanged = get(path, If_None_Match=value)
        assert (unchanged.status, unchanged.body) == (304, b"")
        assert unchanged.headers["etag"] == tag
    assert get(path, If_None_Match='"other"').status == 200


@pytest.mark.parametrize("path", [
    "/console/nothing.html", "/console/sub", "/console/assets", "/console/assets/",
    "/console/../etc/passwd", "/console/..", "/console/%2e%2e/index.html", "/console/./index.html",
    "/console/..%2f..%2fetc/passwd", "/console/sub/../index.html", "/console//index.html",
    "/console/sub//index.html", "/console/..\\index.html", "/console/%5cindex.html",
    "/console/.hidden", "/console/.well/known.txt", "/console/index.html%00.txt",
    "/console/index.html%0a", "/console/%zz", "/console/%", "/console/link.txt",
    "/console/inner-link.txt", "/console/link/secret.txt", "/console/pipe",
    "/console/too-big.bin", "/console/" + "a" * 300, "/console/index.html/",
    "/console/index.html/x", "/consoleindex.html", "/CONSOLE/"])
def test_what_is_no_plain_file_below_the_directory_is_not_there(console_stack, path):
    received = raw_exchange(console_stack.gateway.port,
                            f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    assert raw_status(received) == 404, received
    assert b"secret" not in received and b"hidden" not in received.lower()


def test_folder_without_its_slash_is_redirected(get):
    answer = get("/console")
    assert (answer.status, answer.headers["location"]) == (308, "console/")


def test_other_methods_are_refused(get):
    for method in ("POST", "PUT", "DELETE"):
        answer = get("/console/", method)
        assert answer.status == 405 and answer.headers["allow"] == "GET, HEAD"


def test_changed_file_has_another_tag(get, console_dir):
    path = console_dir / "changing.txt"
    path.write_text("one")
    first = get("/console/changing.txt")
    path.write_text("two")
    second = get("/console/changing.txt", If_None_Match=first.headers["etag"])
    assert (second.status, second.body) == (200, b"two")


def test_large_file_arrives_whole_and_slow_readers_cost_no_memory(console_stack, get):
    assert get("/console/big.bin").body == BIG
    resident = console_stack.gateway.metrics()["process_resident_memory_bytes"]
    request = b"GET /console/big.bin HTTP/1.1\r\nHost: localhost\r\n\r\n"
    slow = []
    for _ in range(40):
        client = socket.create_connection(("127.0.0.1", console_stack.gateway.port))
        client.sendall(request)
        slow.append(client)
    wait_until(lambda: descriptors(console_stack.gateway, "big.bin") == len(slow))
    assert get("/console/").status == 200
    grown = console_stack.gateway.metrics()["process_resident_memory_bytes"] - resident
    assert grown < 8 * 1024 * 1024
    received = b""
    slow[0].settimeout(LIMIT)
    while not is_complete(received):
        received += slow[0].recv(1 << 20)
    assert received.endswith(BIG[-100000:])
    for client in slow:
        client.close()
    wait_until(lambda: descriptors(console_stack.gateway, "big.bin") == 0)


def descriptors(gateway, ending):
    folder = f"/proc/{gateway.process.pid}/fd"
    names = []
    for number in os.listdir(folder):
        try:
            names.append(os.readlink(f"{folder}/{number}"))
        except FileNotFoundError:  # closed meanwhile
            pass
    return sum(name.endswith(ending) for name in names)


def test_file_that_shrinks_while_it_is_read_ends_the_connection(console_stack, console_dir):
    path = console_dir / "shrinking.bin"
    path.write_bytes(BIG)
    with socket.create_connection(("127.0.0.1", console_stack.gateway.port)) as client:
        client.sendall(b"GET /console/shrinking.bin HTTP/1.1\r\nHost: localhost\r\n\r\n")
        received = client.recv(1000)
        path.write_bytes(b"")
        client.settimeout(LIMIT)
        while part := client.recv(1 << 20):
            received += part
    assert b"Content-Length: 8388608" in received and not is_complete(received)


# --- without a console ---

def test_without_a_directory_there_is_no_console(stack):
    for path in ("/console", "/console/", "/console/index.html", "/console/metrics"):
        assert get_plain(stack.gateway.port, path).status == 404


# --- API pages ---

@pytest.mark.parametrize("path, kind, part", [
    ("/docs", "text/html; charset=utf-8", b"/docs/docs.js"),
    ("/docs/", "text/html; charset=utf-8", b"/docs/docs.js"),
    ("/docs/docs.js", "text/javascript; charset=utf-8", b"WebSocket"),
    ("/docs/docs.css", "text/css; charset=utf-8", b"body"),
    ("/docs/openapi.yaml", "application/yaml", b"\nopenapi: 3."),
    ("/docs/asyncapi.yaml", "application/yaml", b"\nasyncapi: 3.")])
def test_api_pages_are_built_in(stack, path, kind, part):
    answer = get_plain(stack.gateway.port, path)
    assert answer.status == 200 and part in answer.body
    assert answer.headers["content-type"] == kind
    check_page_headers(answer)
    assert b"http://" not in answer.body or path.endswith(".yaml")


def test_api_pages_that_are_not_there(stack):
    for path in ("/docs/nothing", "/docs/../docs/openapi.yaml", "/docs/openapi.yaml/", "/docsx"):
        assert get_plain(stack.gateway.port, path).status == 404, path


def test_folder_docs_of_the_console_takes_the_place_of_the_built_in_page(make_stack, tmp_path):
    docs = tmp_path / "console/docs"
    docs.mkdir(parents=True)
    (docs / "index.html").write_text("swagger")
    (docs / "openapi.yaml").write_text("not the real one")
    own = make_stack(publisher=False, settings={"Console": {"Dir": str(docs.parent)}})
    answer = get_plain(own.gateway.port, "/docs")
    assert (answer.status, answer.headers["location"]) == (308, "docs/")
    assert get_plain(own.gateway.port, "/docs/").body == b"swagger"
    assert b"openapi: 3." in get_plain(own.gateway.port, "/docs/openapi.yaml").body
    assert get_plain(own.gateway.port, "/docs/docs.js").status == 200


# --- gauges ---

def test_gauges_are_shown_to_this_machine(console_stack, get):
    client = console_stack.ws()
    answer = get("/console/metrics")
    assert answer.status == 200 and answer.headers["cache-control"] == "no-store"
    gauges = answer.json()
    assert gauges["connections_active"] == gauges["conns_websocket"] == 1
    assert gauges["redis_up"] == 1 and abs(gauges["time"] - time.time()) < 10
    assert set(gauges["loop_lag"]) == {"count", "sum"}
    assert {"queue_bytes", "messages_sent", "subscriptions", "conns_room"} <= set(gauges)
    client.close()
    for host in ("127.0.0.1:1", "[::1]:1", "[::1]", "LOCALHOST", "127.8.9.10"):
        assert get("/console/metrics", Host=host).status == 200, host


@pytest.mark.parametrize("headers", [
    {"X_Forwarded_For": "127.0.0.1"}, {"X_Forwarded_For": ""}, {"X_Real_IP": "127.0.0.1"},
    {"Host": "events.example"}, {"Host": "127.0.0.1.evil.example"}, {"Host": "localhost.evil"}])
def test_gauges_need_an_administrator_behind_a_proxy(get, headers):
    """Whoever comes through a proxy on this machine has a loopback address, too."""
    assert get("/console/metrics", **headers).status == 401
    for user, status in (("root", 200), ("carla", 403), ("ana", 403), ("nobody", 401)):
        answer = get("/console/metrics", Authorization=f"token {token_of(user)}", **headers)
        assert answer.status == status, user
    assert get("/console/metrics", Cookie=f"ouat={token_of('root')}", **headers).status == 200
    assert get("/console/metrics", "HEAD", Cookie=f"ouat={token_of('root')}",
               **headers).status == 200


def test_cookie_counts_only_for_pages_of_allowed_origins(get):
    cookie = f"ouat={token_of('root')}"
    for origin, status in (("https://omegaup.com", 200), ("https://evil.example", 401)):
        assert get("/console/metrics", Host="events.example", Cookie=cookie,
                   Origin=origin).status == status
    assert get("/console/metrics", Host="events.example", Cookie=cookie,
               Sec_Fetch_Site="cross-site").status == 401


def test_trusted_proxy_on_this_machine_is_not_this_machine(make_stack, console_dir):
    own = make_stack(publisher=False, settings={
        "Console": {"Dir": str(console_dir)}, "Broadcaster": {"TrustedProxies": ["127.0.0.1"]}})
    http = Http(own.gateway.port)
    for forwarded in ({}, {"X-Forwarded-For": "192.0.2.1"}, {"X-Forwarded-For": "127.0.0.1"},
                      {"X-Forwarded-For": "127.0.0.9"}):
        assert http.request("GET", "/console/metrics", headers=forwarded).status == 401, forwarded
        http.close()


@pytest.fixture
def frontend():
    server = Frontend()
    yield server
    server.down()


def test_gauges_wait_for_the_frontends_answer(make_stack, console_dir, frontend):
    token, plain = frontend.add_user("boss", admin=True), frontend.add_user("ana")
    own = make_stack(publisher=False, frontend=frontend, settings={
        "Console": {"Dir": str(console_dir)}, "Broadcaster": {"AuthCacheSeconds": 0}})

    def ask(credential):
        http = Http(own.gateway.port)
        try:
            return http.request("GET", "/console/metrics", headers={
                "Host": "events.example", "Authorization": f"token {credential}"}).status
        finally:
            http.close()

    frontend.delay = 0.5
    assert [ask(token), ask(plain), ask("unknown")] == [200, 403, 401]
    request = (b"GET /console/metrics HTTP/1.1\r\nHost: events.example\r\n"
               b"Authorization: token %s\r\n\r\n")
    with socket.create_connection(("127.0.0.1", own.gateway.port)) as impatient:
        impatient.sendall(request % b"other")
    with socket.create_connection(("127.0.0.1", own.gateway.port), LIMIT) as client:
        for part in (request[:20], request[20:] % token.encode(), b"more than was asked for"):
            client.sendall(part)
            time.sleep(0.1)
        assert raw_status(client.recv(1000)) == 200
    frontend.delay, frontend.mode = 0, "broken"
    assert ask(token) == 503


# --- inside TLS ---

@pytest.fixture(scope="module")
def tls_stack(tmp_path_factory, certificates, console_dir):
    with Stack(tmp_path_factory.mktemp("tls"), certificates, publisher=False, settings={
            "Broadcaster": {"Proxied": False}, "Console": {"Dir": str(console_dir)}}) as stack:
        yield stack


def test_pages_are_served_inside_tls(tls_stack, certificates):
    http = Http(tls_stack.gateway.port, certificates.client_context(None))

    def get(path, **headers):
        try:
            return http.request("GET", path, headers={
                name.replace("_", "-"): value for name, value in headers.items()})
        finally:
            http.close()

    assert get("/console/").body == INDEX
    assert get("/console/big.bin").body == BIG
    assert get("/console/nothing").status == 404
    tag = get("/console/").headers["etag"]
    assert get("/console/", If_None_Match=tag).status == 304
    assert b"openapi: 3." in get("/docs/openapi.yaml").body
    assert get("/console/metrics").json()["redis_up"] == 1
    assert get("/console/metrics", Host="events.example").status == 401
    assert get("/console/metrics", Host="events.example",
               Authorization=f"token {token_of('root')}").status == 200
    assert json.loads(get("/health").body)["connections"] == 0
