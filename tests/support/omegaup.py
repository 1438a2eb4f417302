# SPDX-License-Identifier: MIT
"""omegaUp around a broadcaster: its frontend, nginx, grader and pages, with its own settings."""
import json
import socket
import time
import urllib.parse
from pathlib import Path

from .frontend import Frontend
from .nginx import Nginx
from .process import LIMIT
from .stack import Stack, merged
from .ws_client import SUBPROTOCOL

ORIGIN = "https://localhost"
AUTH_CONCURRENCY = 4  # questions at once of each gateway; the frontend here is no fast one


def filter_path(*filters, base="/events/"):
    """As a page writes it: each filter percent-encoded, the commas not."""
    return base + "?filter=" + ",".join(urllib.parse.quote(f, safe="") for f in filters)


def json_of(kind, **rest):
    return json.dumps({"message": kind, **rest})


def run_text(guid):
    return json_of("/run/update/", run={"guid": guid, "verdict": "AC"})


class Grader:
    """The grader's way to post: one connection, `text/json`, empty fields left out. It looks at
    status line and headers only; a body would be taken for the next answer's beginning."""

    HEAD = ("POST /broadcast/ HTTP/1.1\r\nHost: localhost\r\nUser-Agent: Go-http-client/1.1\r\n"
            "Content-Length: {}\r\nContent-Type: text/json\r\nAccept-Encoding: gzip\r\n\r\n")

    def __init__(self, port, context):
        context.set_alpn_protocols(["h2", "http/1.1"])
        plain = socket.create_connection(("127.0.0.1", port), timeout=LIMIT)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket = context.wrap_socket(plain, server_hostname="localhost")
        assert self._socket.selected_alpn_protocol() == "http/1.1"
        self._reader = self._socket.makefile("rb")

    def post(self, message, **envelope):
        """The status of an event with this text."""
        body = {k: v for k, v in envelope.items() if v} | {"message": message}
        return self.post_raw(json.dumps(body).encode())

    def post_raw(self, body):
        self._socket.sendall(self.HEAD.format(len(body)).encode() + body)
        line = self._reader.readline()
        assert line.startswith(b"HTTP/1.1 "), line
        while self._reader.readline() not in (b"\r\n", b""):
            pass
        return int(line.split()[1])

    def close(self):
        self._reader.close()
        self._socket.close()


class Omegaup:
    """One or several gateways behind nginx, a frontend that knows its contests, no users file.

    TLS as omegaUp has it: no ClientCAFile, one certificate for both sides, its CA in the chain.
    """

    def __init__(self, directory, certificates, gateways=1, settings=None):
        self.certificates = certificates
        self.directory = Path(directory)
        self.judge = Frontend()
        self.stack = Stack(directory, certificates, gateways=gateways, frontend=self.judge,
                           settings=merged({"Broadcaster": {
                               "TLS": {"ClientCAFile": None,
                                       "CertFile": certificates.path("chain.pem"),
                                       "KeyFile": certificates.path("own.key")},
                               "AllowedOrigins": None, "ScoreboardUpdateSecret": "secret",
                               "DrainSeconds": 0.2, "PingInterval": 300,
                               "AuthConcurrency": AUTH_CONCURRENCY}},
                               settings or {}))
        self.nginx = Nginx(self.directory / "nginx", certificates,
                           [g.port for g in self.stack.gateways])
        self._grader = None

    def __enter__(self):
        self.stack.__enter__()
        self.nginx.start()
        return self

    def __exit__(self, *_):
        self.tidy()
        self.nginx.stop()
        self.stack.stop()
        self.judge.down()

    def tidy(self):
        """As at the beginning, for the next test."""
        self.stack.close_clients()
        if self._grader:
            self._grader.close()
            self._grader = None
        self.judge.mode, self.judge.delay = "ok", 0.0
        self.judge.up()
        self.judge.forget_calls()

    @property
    def gateways(self):
        return self.stack.gateways

    # --- what there is ---

    def place(self, public=True):
        """A contest, a problem and a problemset of the frontend, the token of their scoreboard."""
        place = self.stack.place(public)
        self.judge.add_contest(place.contest, public, scoreboard=place.scoreboard)
        self.judge.add_problem(place.problem, public)
        self.judge.add_problemset(place.problemset, public, token=place.scoreboard)
        return place

    def user(self, name, **rights):
        """The cookie of a user; one whom the frontend does not know yet is made."""
        return self.judge.add_user(name, **rights)

    # --- who takes part ---

    def grader(self):
        if not self._grader:
            self._grader = Grader(self.stack.publisher.port,
                                  self.certificates.client_context("own"))
        return self._grader

    def post(self, place, message, **envelope):
        """The grader posts; asserts that it was taken."""
        names = {"contest": place.contest, "problem": place.problem,
                 "problemset": place.problemset} if place else {}
        status = self.grader().post(message, **{**names, **envelope})
        assert status == 200, status

    def page(self, *filters, cookie=None, gateway=0, **options):
        """What a page of the browser has: a legacy WebSocket, straight at a gateway."""
        headers = dict(options.pop("headers", {}))
        if cookie:
            headers["Cookie"] = f"lang=es; ouat={cookie}; theme=dark"
        options = {"origin": ORIGIN, "subprotocols": [SUBPROTOCOL], **options}
        page = self.stack.ws(path=filter_path(*filters), gateway=gateway, headers=headers,
                             **options)
        assert page.subprotocol == SUBPROTOCOL
        return page

    def begin(self, pages, place, **envelope):
        """Posts marks until each of the pages, which may not listen yet, has got the newest."""
        for n in range(100):
            mark = json.dumps(["mark", n, time.time()])
            self.post(place, mark, **{"public": True, **envelope})
            # All get each mark: who got an earlier one would find this one before what comes next.
            waiting = [page for page in pages if not got(page, mark)]
            if not waiting:
                return
        raise AssertionError(f"{len(waiting)} pages get nothing: {waiting[0].texts}")


def got(page, mark):
    """Takes what came up to this text; false when it does not come soon."""
    while True:
        try:
            text = page.recv_text(timeout=0.3)
        except AssertionError:
            assert page.is_open(), f"closed with {page.close_code} {page.close_reason}"
            return False
        if text == mark:
            return True
