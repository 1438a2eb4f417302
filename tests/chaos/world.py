# SPDX-License-Identifier: MIT
"""The processes of a run: Redis, two gateways, two publishers, and a proxy before each of them.

    client --proxy--> gateway --proxy--\\
                                        Redis
           POST ----> publisher -proxy-/
"""
import asyncio
import json
import os
import signal
from dataclasses import dataclass
from pathlib import Path

import redis

from support.process import Process, program
from support.redis_server import SERVER, RedisServer
from support.stack import Service, merged
from support.users import token_of

from .ports import free_port
from .proxy import Proxy

GATEWAYS = PUBLISHERS = 2
CONTESTS, USERS_EACH = 4, 3
START_LIMIT = 20.0


@dataclass(frozen=True)
class Place:
    """A contest of one run, its problem, its contestants and its scoreboards."""
    contest: str
    problem: str
    users: tuple
    admin: str
    public: bool

    @property
    def board(self):
        return f"B{self.contest}".replace("-", "")

    @property
    def admin_board(self):
        return f"A{self.contest}".replace("-", "")


def places_of(run):
    """The places of one run; nobody else uses their names."""
    return [Place(f"c{run}-{i}", f"p{run}-{i}", tuple(f"u{run}-{i}-{k}" for k in range(USERS_EACH)),
                  f"boss{run}-{i}", i == 0) for i in range(CONTESTS)]


def users_file(runs):
    tokens, boards = {}, {}
    public = {"contests": [], "problems": [], "problemsets": []}
    for place in (p for run in runs for p in places_of(run)):
        sees = {"contests": [place.contest], "problems": [place.problem], "problemsets": []}
        for user in place.users:
            tokens[token_of(user)] = {"username": user, **sees}
        tokens[token_of(place.admin)] = {
            "username": place.admin, "contest_admin": [place.contest],
            "problem_admin": [place.problem], "problemset_admin": []}
        if place.public:
            public["contests"].append(place.contest)
        public["problems"].append(place.problem)
        for token, admin in ((place.board, False), (place.admin_board, True)):
            boards[token] = {"contest": place.contest, "problemset": 1, "admin": admin}
    return {"tokens": tokens, "public": public, "scoreboards": boards}


async def wait_for(condition, limit, what):
    """Polls in a thread, since conditions ask servers; fails after `limit` seconds. A server that
    does not answer is asked again: a promotion cuts its connections."""
    def holds():
        try:
            return condition()
        except (redis.exceptions.ConnectionError, redis.exceptions.TimeoutError):
            return False

    loop = asyncio.get_running_loop()
    end = loop.time() + limit
    while not await asyncio.to_thread(holds):
        assert loop.time() < end, f"waited {limit} s for {what}"
        await asyncio.sleep(0.03)


class Server(RedisServer):
    """A redis-server that is started without stopping the runner's loop."""

    def __init__(self, directory, name, options=(), port=None):
        super().__init__(directory / name, port or free_port(), options)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.name = name

    async def launch(self):
        self.process = Process(self.name, [
            SERVER, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "",
            "--dir", str(self.directory), "--repl-diskless-sync-delay", "0", *self.options],
            self.directory)
        await wait_for(self.is_loaded, START_LIMIT, self.name)
        return self

    def is_loaded(self):
        try:
            return self.is_up()
        except redis.exceptions.RedisError:
            return False  # it still reads its file

    def client(self):
        return redis.Redis(host="127.0.0.1", port=self.port, socket_timeout=5)

    async def call(self, *command):
        def run():
            with self.client() as client:
                return client.execute_command(*command)
        return await asyncio.to_thread(run)

    def forget(self):
        """Nothing on disk: it comes back empty."""
        for path in self.directory.rglob("*"):
            if path.is_file() and path.suffix != ".log":
                path.unlink()

    def signal(self, number):
        os.kill(self.process.pid, number)


class World:
    """Started once for a fault, used for several seeds."""

    def __init__(self, directory, runs, settings=None, redis_options=(), sentinels=0):
        self.directory = Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.users_path = self.directory / "users.json"
        self.users_path.write_text(json.dumps(users_file(runs)))
        self.settings = settings or {}
        self.redis = Server(self.directory, "redis", redis_options)
        self.redis_options = redis_options
        self.spares = []     # other servers that a fault started
        self.sentinels = []
        self.wanted_sentinels = sentinels
        self.redis_proxies, self.client_proxies = [], []
        self.gateways, self.publishers = [], []

    # --- life ---

    async def start(self):
        await self.redis.launch()
        for _ in range(self.wanted_sentinels):
            await self._start_sentinel()
        for number in range(PUBLISHERS):
            self.publishers.append(await self._service("publisher", number))
        for number in range(GATEWAYS):
            self.gateways.append(await self._service("gateway", number))
            self.client_proxies.append(await Proxy(
                free_port(), self.gateways[-1].port).start())
        for service in self.services:
            self.run_service(service)
        await self.wait_ready()
        return self

    async def stop(self):
        problems = []
        for proxy in self.redis_proxies + self.client_proxies:
            await proxy.stop()
        for service in self.services:
            if service.process:
                service.process.kill()
                try:
                    service.process.check_log()
                except AssertionError as problem:
                    problems.append(str(problem))
        for server in [*self.sentinels, *self.spares, self.redis]:
            server.kill()
        return problems

    @property
    def services(self):
        return [*self.publishers, *self.gateways]

    async def _service(self, kind, number):
        proxy = await Proxy(free_port(), self.redis.port).start()
        self.redis_proxies.append(proxy)
        url = f"redis://127.0.0.1:{proxy.port}"
        if self.sentinels:
            hosts = ",".join(f"127.0.0.1:{s.port}" for s in self.sentinels)
            url = f"redis+sentinel://{hosts}/chaos"
        settings = merged({
            "Broadcaster": {"Port": free_port(), "EventsPort": free_port(), "Bind": "127.0.0.1",
                            "FrontendURL": "http://127.0.0.1:9", "AllowedOrigins": ["*"],
                            "ScoreboardUpdateTimeout": 3600, "DrainSeconds": 2},
            "Redis": {"URL": url}, "Logging": {"Level": "info"},
            "Metrics": {"Port": free_port(), "PublisherPort": free_port(), "Bind": "127.0.0.1"},
            "Auth": {"File": str(self.users_path)}}, self.settings)
        arguments = ["--insecure"] if kind == "publisher" else []
        service = Service(self, kind, number, settings, arguments)
        service.proxy = proxy
        return service

    def run_service(self, service):
        service.write_config()
        service.process = Process(
            service.name, [program(service.kind), "--config", str(service.config_path),
                           *service.arguments], self.directory, service.env)

    async def _start_sentinel(self):
        number = len(self.sentinels)
        sentinel = Server(self.directory, f"sentinel-{number}")
        path = sentinel.directory / "sentinel.conf"
        path.write_text(
            f"port {sentinel.port}\nbind 127.0.0.1\ndir {sentinel.directory}\n"
            f"sentinel monitor chaos 127.0.0.1 {self.redis.port} 1\n"
            "sentinel down-after-milliseconds chaos 1000\nsentinel failover-timeout chaos 3000\n")
        sentinel.process = Process(sentinel.name, [SERVER, str(path), "--sentinel"],
                                   sentinel.directory)
        await wait_for(sentinel.is_loaded, START_LIMIT, sentinel.name)
        await sentinel.call("SENTINEL", "DEBUG", "INFO-PERIOD", "500")
        self.sentinels.append(sentinel)

    def is_ready(self):
        return all(service.process and service.is_ready() for service in self.services)

    async def wait_ready(self, limit=START_LIMIT):
        await wait_for(self.is_ready, limit, "all services to be ready")

    def is_whole(self):
        """Fit for another run."""
        try:
            return self.redis.is_loaded() and self.is_ready()
        except (AssertionError, OSError):
            return False

    # --- what faults do ---

    async def spare(self, options=()):
        """Another redis-server, empty."""
        server = await Server(self.directory, f"redis-{len(self.spares) + 1}", options).launch()
        self.spares.append(server)
        return server

    def point_at(self, server, cut=True):
        """All services reach this server from now on."""
        for proxy in self.redis_proxies:
            proxy.target = server.port
            if cut:
                proxy.cut()

    def proxies_of(self, services):
        return [service.proxy for service in services]

    def heal(self):
        for proxy in self.redis_proxies + self.client_proxies:
            proxy.behave()

    async def restart(self, service):
        self.run_service(service)
        await wait_for(service.is_ready, START_LIMIT, f"{service.name} to be ready")

    @staticmethod
    async def ended(process, limit=20.0):
        await wait_for(lambda: not process.is_running(), limit, f"{process.name} to end")

    @staticmethod
    def freeze(process):
        process.signal(signal.SIGSTOP)

    @staticmethod
    def thaw(process):
        process.signal(signal.SIGCONT)

    # --- what the checker wants to know ---

    def log_entries(self, topics):
        """(topic, epoch, offset, id) of everything in the logs."""
        entries = []
        with self.redis.client() as client:
            for topic in topics:
                for _, fields in client.xrange(f"omegaup:events:{topic}:log"):
                    entries.append((topic, *decode_entry(fields[b"m"])))
        return entries


def decode_entry(message):
    """(epoch, offset, id) of a published message, as proto/event.md describes it."""
    id_at = message.index(b"\xb6", 27) + 1  # a str of 22 bytes
    return (message[2:18].decode(), int.from_bytes(message[19:27], "big"),
            message[id_at:id_at + 22].decode())
