# SPDX-License-Identifier: MIT
"""A whole broadcaster: private Redis, publisher, gateways, all on loopback and free ports."""
import itertools
import json
from pathlib import Path

from . import users
from .http_client import Http, Metrics, get_plain
from .process import Process, free_port, program, wait_until
from .redis_server import RedisServer
from .ws_client import EventStream, WebSocket

READY_LIMIT = 60


def merged(base, over):
    """Nested dictionaries as one; `over` wins, None removes a key."""
    result = dict(base)
    for key, value in over.items():
        if isinstance(value, dict) and isinstance(result.get(key), dict):
            result[key] = merged(result[key], value)
        elif value is None:
            result.pop(key, None)
        else:
            result[key] = value
    return result


class Service:
    """The publisher or one gateway: its settings, its ports, its process."""

    def __init__(self, stack, kind, number, settings, arguments=(), env=None):
        self.kind = kind
        self.name = f"{kind}-{number}"
        self.directory = stack.directory
        self.settings = settings
        self.arguments = list(arguments)
        self.env = env
        self.process = None
        self.program = None  # instead of the one under test
        self.config_path = self.directory / f"{self.name}.json"

    @property
    def port(self):
        key = "Port" if self.kind == "publisher" else "EventsPort"
        return self.settings["Broadcaster"][key]

    @property
    def metrics_port(self):
        key = "PublisherPort" if self.kind == "publisher" else "Port"
        return self.settings["Metrics"][key]

    def write_config(self):
        self.config_path.write_text(json.dumps(self.settings, indent=2))

    def start(self, ready=True):
        self.write_config()
        self.process = Process(
            self.name, [self.program or program(self.kind), "--config", str(self.config_path),
             *self.arguments],
            self.directory, self.env)
        if ready:
            self.wait_ready()
        else:
            wait_until(lambda: self.answers() is not None, READY_LIMIT, f"{self.name} to listen")
        return self

    def answers(self):
        """The status of /ready, None while nothing listens."""
        assert self.process.is_running(), \
            f"{self.name} ended with {self.process.popen.returncode}:\n{self.process.tail()}"
        try:
            return get_plain(self.metrics_port, "/ready").status
        except OSError:
            return None

    def is_ready(self):
        return self.answers() == 200

    def wait_ready(self, limit=READY_LIMIT):
        wait_until(self.is_ready, limit, f"/ready of {self.name}")

    def get(self, path):
        return get_plain(self.metrics_port, path)

    def metrics(self):
        answer = self.get("/metrics")
        assert answer.status == 200
        return Metrics(answer.body.decode())

    def stop(self):
        if self.process:
            self.process.stop()
            self.process = None

    def kill(self):
        """No goodbye: as when the machine goes away."""
        if self.process:
            self.process.kill()
            self.process.check_log()
            self.process = None


class Stack:
    """Use as a context manager. `settings` are merged over the defaults of the tests.

    PublishWait is long: the machine may be busy, and a 503 for that is no fault of anybody's.
    """

    def __init__(self, directory, certificates, *, settings=None, gateways=1, publisher=True,
                 frontend=None, redis_server=None, shared_port=False):
        self.directory = Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.certificates = certificates
        self.frontend = frontend
        self.redis = redis_server or RedisServer(self.directory)
        self._owns_redis = redis_server is None
        self._extra = settings or {}
        self.users_path = self.directory / "users.json"
        self._numbers = itertools.count()
        self._clients, self._posters = [], []
        self.publisher = self._service("publisher", 0) if publisher else None
        self.gateways = [self._service("gateway", n) for n in range(gateways)]
        if shared_port:
            for gateway in self.gateways[1:]:
                gateway.settings["Broadcaster"]["EventsPort"] = self.gateways[0].port

    def _service(self, kind, number):
        auth = {} if self.frontend else {"File": str(self.users_path)}
        settings = merged({
            "Broadcaster": {
                "Port": free_port(), "EventsPort": free_port(), "Bind": "127.0.0.1",
                "TLS": {"CertFile": self.certificates.path("server.pem"),
                        "KeyFile": self.certificates.path("server.key"),
                        "ClientCAFile": self.certificates.path("ca.pem")},
                "FrontendURL": self.frontend.url if self.frontend else "http://127.0.0.1:9",
                "AllowedOrigins": ["https://omegaup.com"], "DrainSeconds": 1,
                "PublishWait": 10},
            "Redis": {"URL": self.redis.url},
            "Logging": {"Level": "debug"},
            "Metrics": {"Port": free_port(), "PublisherPort": free_port(), "Bind": "127.0.0.1"},
            "Auth": auth}, self._extra)
        return Service(self, kind, number, settings)

    @property
    def gateway(self):
        return self.gateways[0]

    @property
    def services(self):
        return [*([self.publisher] if self.publisher else []), *self.gateways]

    def start(self):
        self.write_users(users.users_file())
        if self._owns_redis:
            self.redis.start()
        for service in self.services:
            service.start()
        return self

    def write_users(self, value):
        self.users_path.write_text(json.dumps(value))

    # --- what tests do with it ---

    def place(self, public=False):
        """Names that no other test of this stack uses."""
        return users.place(next(self._numbers), public)

    def ws(self, user=None, gateway=0, **options):
        """A connected client; logged in by the upgrade request when a user is named."""
        if user:
            options["token"] = users.token_of(user)
        client = WebSocket(self.gateways[gateway].port, **options)
        self._clients.append(client)
        return client

    def sse(self, path, user=None, gateway=0, headers=None, **options):
        headers = dict(headers or {})
        if user:
            headers["Authorization"] = f"token {users.token_of(user)}"
        stream = EventStream(self.gateways[gateway].port, path, headers, **options)
        self._clients.append(stream)
        return stream

    def backend(self, client="client", token=None):
        """A kept-alive connection of a backend to the publisher."""
        backend = Http(self.publisher.port, self.certificates.client_context(client), token)
        self._posters.append(backend)
        return backend

    def post(self, event, headers=None):
        """Publishes one event and asserts that it was taken; returns the answer's JSON."""
        if not self._posters:
            self.backend()
        answer = self._posters[0].post(event, headers=headers)
        assert answer.status == 200, (answer.status, answer.body)
        return answer.json()

    # --- the end ---

    def close_clients(self):
        for client in self._clients:
            try:
                client.close()
            except Exception:  # it may be gone already, which is what some tests want
                pass
        for backend in self._posters:
            backend.close()
        self._clients, self._posters = [], []

    def stop(self):
        self.close_clients()
        problems = []
        for service in reversed(self.services):
            try:
                service.stop()
            except AssertionError as problem:
                problems.append(str(problem))
        if self._owns_redis:
            self.redis.kill()
        assert not problems, "\n\n".join(problems)

    def abandon(self):
        for service in self.services:
            if service.process:
                service.process.kill()
                service.process = None
        if self._owns_redis:
            self.redis.kill()

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.abandon()
            raise

    def __exit__(self, *_):
        self.stop()
