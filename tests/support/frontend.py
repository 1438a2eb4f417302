# SPDX-License-Identifier: MIT
"""A stand-in for the judge's frontend, as strict and as odd as the real one.

It splits the *raw* URI at `/` and `?` (so an unescaped filter falls apart), says errors as JSON in
text/html, answers 200 to an expired session, and puts secrets beside what is asked for.
"""
import json
import re
import socket
import threading
import time
import urllib.parse
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from .process import free_port

SECRET_HASH = "$argon2id$v=19$secret-hash-of-a-password"
API_TOKEN = re.compile(r"[0-9a-f]{40}|Credential=.*")


@dataclass
class Account:
    """One user and what they may see; `token` is the cookie's value or an API token."""
    username: str
    token: str
    admin: bool = False
    contests: set = field(default_factory=set)
    contest_admin: list = field(default_factory=list)
    problem_admin: list = field(default_factory=list)
    problemset_admin: list = field(default_factory=list)
    problemsets: set = field(default_factory=set)


@dataclass
class Call:
    """One request as it came."""
    method: str
    raw_uri: str
    path: str
    arguments: dict
    headers: dict
    body: str
    user: str


class Refused(Exception):
    def __init__(self, status, name):
        super().__init__(name)
        self.status, self.name = status, name


class Frontend:
    """Switches: `delay` seconds before each answer; `mode` "ok", "broken" (500), "nonsense" (200,
    no JSON), "no_user" (200, but the answer lacks what it must have), "hang_up" (closes without an
    answer), or a status number. hold() keeps answers back until release(). down() stops listening,
    up() listens again on the same port, and releases."""

    def __init__(self):
        self.port = free_port()
        self.accounts, self.contests, self.problems = {}, {}, {}
        self.problemsets, self.scoreboards, self.problemset_tokens = {}, {}, {}
        self.delay, self.mode = 0.0, "ok"
        self.close_idle = False  # hang up after each answer, without having said so
        self.calls = []
        self.at_once = self.most_at_once = 0
        self._lock = threading.Lock()
        self._server = None
        self._released = threading.Event()
        self.up()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    # --- what there is ---

    def add_user(self, username, token=None, **rights):
        account = Account(username, token or f"cookie-{username}", **rights)
        self.accounts[account.token] = account
        return account.token

    def add_contest(self, alias, public=False, scoreboard=None, admin_scoreboard=None):
        """Public: anybody, also nobody, may see it."""
        self.contests[alias] = public
        for token, admin in ((scoreboard, False), (admin_scoreboard, True)):
            if token:
                self.scoreboards[token] = {"contest": alias, "admin": admin}

    def add_problem(self, alias, public=True):
        self.problems[alias] = public

    def add_problemset(self, number, public=False, token=None):
        """A contest's or an assignment's; the token is that of its public scoreboard."""
        self.problemsets[number] = public
        if token:
            self.problemset_tokens[token] = number

    # --- switches ---

    def up(self):
        self.release()
        if self._server:
            return
        frontend = self

        class Handler(JudgeHandler):
            judge = frontend

        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self._server.daemon_threads = True
        self._server.open_sockets = set()
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def hold(self):
        self._released.clear()

    def release(self):
        self._released.set()

    def pause(self, delay):
        self._released.wait()
        time.sleep(delay)

    def down(self):
        self.release()
        if self._server:
            self._server.shutdown()
            self._server.server_close()
            for sock in list(self._server.open_sockets):
                try:
                    sock.shutdown(socket.SHUT_RDWR)  # its thread holds it open beyond a close()
                except OSError:
                    pass  # the peer was first
            self._server = None

    def count(self, part):
        """How many calls went to a path that contains this."""
        with self._lock:
            return sum(part in call.path for call in self.calls)

    @property
    def questions(self):
        """Calls that ask who may see what. Refreshes of scoreboards come when they come."""
        with self._lock:
            return [call for call in self.calls if "refresh" not in call.path]

    def forget_calls(self):
        with self._lock:
            self.calls.clear()
            self.most_at_once = 0

    # --- the API ---

    def note(self, call):
        with self._lock:
            self.calls.append(call)

    def enter(self, change):
        with self._lock:
            self.at_once += change
            self.most_at_once = max(self.most_at_once, self.at_once)

    def answer(self, path, arguments, account):
        if path == "api/session/currentSession":
            return self.current_session(account)
        if path == "api/user/validateFilter":
            return self.validate_filter(arguments, account)
        if path == "api/scoreboard/refresh":
            return {"status": "ok"}
        raise Refused(404, "apiNotFound")

    def current_session(self, account):
        session = {"valid": False, "email": None, "user": None, "identity": None,
                   "auth_token": None, "is_admin": False}
        if account:
            session.update(
                valid=True, email=f"{account.username}@example.com", is_admin=account.admin,
                auth_token=account.token,
                identity={"identity_id": 1, "username": account.username,
                          "password": SECRET_HASH})
        return {"status": "ok", "session": session, "time": 1704067200}

    def validate_filter(self, arguments, account):
        if "filter" not in arguments:
            raise Refused(400, "parameterEmpty")
        for one in arguments["filter"].split(","):
            self.check_filter(one.split("/"), account)
        return {"status": "ok", "user": account.username if account else None,
                "admin": bool(account and account.admin),
                "problem_admin": account.problem_admin if account else [],
                "contest_admin": account.contest_admin if account else [],
                "problemset_admin": account.problemset_admin if account else []}

    def check_filter(self, parts, account):
        if len(parts) < 2 or parts[0] != "":
            raise Refused(400, "parameterInvalid")
        kind, name = parts[1], parts[2] if len(parts) > 2 else None
        token = parts[3] if len(parts) > 3 else None
        admin = bool(account and account.admin)
        if kind == "all-events" and not admin:
            raise Refused(403, "userNotAllowed")
        if kind == "user" and not (account and (admin or account.username == name)):
            raise Refused(403, "userNotAllowed")
        if kind == "contest":
            self.check_contest(name, token, account)
        if kind == "problem" and name not in self.problems:
            raise Refused(404, "problemNotFound")
        if kind == "problem" and not self.problems[name] and not admin:
            raise Refused(403, "userNotAllowed")
        if kind == "problemset":
            self.check_problemset(name, token, account)
        # Kinds it does not know pass, like those of the real one.

    def check_contest(self, name, token, account):
        if name not in self.contests:
            raise Refused(404, "contestNotFound")
        if self.scoreboards.get(token, {}).get("contest") == name or self.contests[name]:
            return
        if not (account and (account.admin or name in account.contests
                             or name in account.contest_admin)):
            raise Refused(403, "userNotAllowed")

    def check_problemset(self, name, token, account):
        number = int(name) if name and name.isdigit() else None
        if number not in self.problemsets:
            raise Refused(404, "problemsetNotFound")
        if self.problemset_tokens.get(token) == number or self.problemsets[number]:
            return
        if not (account and (account.admin or number in account.problemsets
                             or number in account.problemset_admin)):
            raise Refused(403, "userNotAllowed")


class JudgeHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    judge = None  # set by up()

    def setup(self):
        super().setup()
        self.server.open_sockets.add(self.connection)

    def finish(self):
        self.server.open_sockets.discard(self.connection)
        super().finish()

    def do_GET(self):
        self.judge.enter(+1)
        try:
            self.serve()
        finally:
            self.judge.enter(-1)

    do_POST = do_GET

    def serve(self):
        judge = self.judge
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        path, arguments = self.split_uri()
        account = judge.accounts.get(self.credential())
        mode, delay = judge.mode, judge.delay  # of the time at which the call is seen
        judge.note(Call(self.command, self.path, path, arguments, dict(self.headers.items()), body,
                        account.username if account else None))
        judge.pause(delay)
        if mode == "ok":
            try:
                self.reply(200, json.dumps(judge.answer(path, arguments, account)),
                           "application/json")
            except Refused as refused:
                self.reply_error(refused.status, refused.name)
        elif mode == "nonsense":
            self.reply(200, "<html>Have a nice day", "text/html")
        elif mode == "no_user":
            self.reply(200, '{"status":"ok"}', "application/json")
        elif mode == "hang_up":
            self.close_connection = True
        elif mode == "broken":
            self.reply(500, "<html>Internal error", "text/html")
        else:
            self.reply_error(int(mode), "switched")
        if judge.close_idle:
            self.close_connection = True

    def split_uri(self):
        """As the real one: cut the raw URI at / and ?; what follows the method are pairs."""
        pieces = re.split(r"[/?]", self.path)
        path = "/".join(pieces[1:4])
        rest = [p for p in pieces[4:] if p]
        arguments = {}
        if len(rest) == 1 and "=" in rest[0]:
            arguments = {k: v[0] for k, v in urllib.parse.parse_qs(
                rest[0], keep_blank_values=True).items()}
        else:
            arguments = dict(zip(rest[::2], rest[1::2]))
        return path, arguments

    def credential(self):
        """API tokens count in Authorization only, sessions in the cookie only."""
        header = self.headers.get("Authorization", "")
        if header.startswith("token ") and API_TOKEN.fullmatch(header[6:]):
            return header[6:]
        for part in self.headers.get("Cookie", "").split(";"):
            name, _, value = part.strip().partition("=")
            if name == "ouat" and not API_TOKEN.fullmatch(value):
                return value
        return None

    def reply_error(self, status, name):
        self.reply(status, json.dumps({"status": "error", "error": name, "errorname": name,
                                       "errorcode": status}), "text/html")

    def reply(self, status, text, content_type):
        data = text.encode()
        try:
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)
        except OSError:
            self.close_connection = True  # the caller gave up; that is what slow tests want

    def log_message(self, *_):
        """Quiet: calls are kept instead."""
