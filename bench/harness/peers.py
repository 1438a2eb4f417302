# SPDX-License-Identifier: MIT
"""The systems that are compared. Each is one class: how it starts, how a client subscribes, how a
message is published.

What a scenario may ask of a peer:

  start(measure)             starts it, `measure` ("server" or "publisher") on the measured core;
                             with TLS and compression as it was made
  connect_args()             bench_loadgen's options for the WebSocket server
  subscription(what, n)      the options of a group of n connections; `what` is a tuple of
                             "shared" (a channel of all), "cold" (another one), "own" (one's user)
  post_args(what, parallel)  the options for publishing to "shared", "own" or "topics" (three)
  body_file(board)           a file with a body for "shared" with this text in place of a padding
  watched()                  name -> pid of its processes; "server" has the connections
"""
import json

from .processes import free_port, http_ok, metrics, port_open


class Peer:
    name = ""
    can = frozenset({"shared"})  # of what subscription() knows, "tls" and "deflate"
    plain_body = '{"m":"@mark@","p":"@pad@"}'

    def __init__(self, place, tls=False, deflate=False):
        self.place = place
        self.tls = tls
        self.deflate = deflate
        self.processes = []

    def launch(self, name, argv, ready, measured):
        process = self.place.start(name, argv, measured)
        self.processes.append(process)
        self.place.wait_for(process, ready)
        return process

    def start_redis(self):
        """A private one that keeps nothing; returns its port."""
        port = free_port()
        self.redis = self.launch(
            "redis", ["redis-server", "--port", port, "--bind", "127.0.0.1", "--save", "",
                      "--appendonly", "no", "--dir", self.place.path],
            lambda: port_open(port), False)
        return port

    def tls_args(self):
        return ["--tls"] * self.tls + ["--deflate"] * self.deflate

    def body_file(self, board):
        """(the file of a body that carries this JSON text, the file of the text itself)"""
        body, holds = self.place.path / "body.json", self.place.path / "board.json"
        body.write_text(self.plain_body.replace('"@pad@"', board))
        holds.write_text(board)
        return body, holds

    def batching(self):
        """Messages per write since the start; None: the peer does not say."""
        return None

    def stop(self):
        self.place.stop(self.processes)
        self.processes = []


class Epoll(Peer):
    """One send() per message and receiver, nothing else: bench/bench_epoll.c."""
    name = "bare epoll"

    def start(self, measure="server"):
        self.port, self.control = free_port(), free_port()
        self.server = self.launch(
            "epoll", [self.place.program("bench_epoll"), self.port, self.control],
            lambda: port_open(self.control), measure == "server")

    def connect_args(self):
        return ["--connect", f"127.0.0.1:{self.port}"]

    def subscription(self, what, n):
        return ["--group", n]

    def post_args(self, what, parallel=1):
        return ["--post", f"line://127.0.0.1:{self.control}", "--body", self.plain_body]

    def watched(self):
        return {"server": self.server.pid}


def say(**message):
    return ["--say", json.dumps(message, separators=(",", ":"))]


class Broadcaster(Peer):
    """Redis, a publisher and a gateway."""
    name = "Broadcaster"
    can = frozenset({"shared", "cold", "own", "tls", "deflate"})
    users = 20000
    channels = {"shared": "/contest/bench", "cold": "/contest/cold", "own": "/user/u{}"}
    # What is named here is where the event goes; the rest of `data` is what clients get.
    bodies = {
        "shared": '{"type":"contest_update","data":{"contest_alias":"bench","mark":"@mark@",'
                  '"pad":"@pad@"}}',
        "cold": '{"type":"contest_update","data":{"contest_alias":"cold","mark":"@mark@",'
                '"pad":"@pad@"}}',
        "own": '{"type":"run_update","data":{"username":"u@index@","mark":"@mark@","pad":"@pad@"}}',
        "topics": '{"type":"run_update","data":{"contest_alias":"bench","problem_alias":"sums",'
                  '"username":"u@index@","mark":"@mark@","status":"ready","verdict":"AC",'
                  '"pad":"@pad@"}}',
    }

    plain_body = bodies["shared"]

    def start(self, measure="server"):
        self.redis_port = self.start_redis()
        self.write_files(self.redis_port)
        publisher = self.launch(
            "publisher", [self.place.program("broadcaster-publisher"), "--config", self.config],
            lambda: http_ok(f"http://127.0.0.1:{self.publisher_metrics}/ready"),
            measure == "publisher")
        self.pids = {"redis": self.redis.pid, "publisher": publisher.pid}
        if measure == "server":
            self.pids["server"] = self.start_gateway(self.events_port, self.metrics)

    def start_gateway(self, port, metrics_port):
        return self.launch(
            "gateway", [self.place.program("broadcaster-gateway"), "--config", self.config,
                        "--set", f"Broadcaster.EventsPort={port}",
                        "--set", f"Metrics.Port={metrics_port}"],
            lambda: http_ok(f"http://127.0.0.1:{metrics_port}/ready"), True).pid

    def write_files(self, redis_port):
        path = self.place.path
        self.port, self.events_port = free_port(), free_port()
        self.metrics, self.publisher_metrics = free_port(), free_port()
        self.certificates = self.place.certificates()
        users = {"tokens": {f"T{i}": {"username": f"u{i}"} for i in range(self.users)},
                 "public": {"contests": ["bench", "cold"]}}
        (path / "users.json").write_text(json.dumps(users))
        self.config = path / "broadcaster.json"
        self.config.write_text(json.dumps({
            "Broadcaster": {
                "Bind": "127.0.0.1", "Port": self.port, "EventsPort": self.events_port,
                "TLS": {"CertFile": str(self.certificates / "server.pem"),
                        "KeyFile": str(self.certificates / "server.key"),
                        "ClientCAFile": str(self.certificates / "ca.pem")},
                "Proxied": not self.tls,
                # On a busy machine late, not refused: how late is what is measured.
                "PublishWait": "5s",
                # Nobody listens there: scoreboard refreshes fail at once.
                "FrontendURL": f"http://127.0.0.1:{free_port()}"},
            "Redis": {"URL": f"redis://127.0.0.1:{redis_port}"},
            "Metrics": {"Port": self.metrics, "PublisherPort": self.publisher_metrics,
                        "Bind": "127.0.0.1"},
            "Auth": {"File": str(path / "users.json")}}, indent=2))

    def connect_args(self):
        return self.connect_to(self.events_port)

    def connect_to(self, port):
        return ["--connect", f"127.0.0.1:{port}", "--path", "/events/",
                "--subprotocol", "com.omegaup.events", *self.tls_args()]

    def subscription(self, what, n):
        args = ["--group", n, *say(type="auth", token="T{}")]
        for one in what:
            args += say(type="subscribe", channel=self.channels[one])
        args += ["--expect", '"auth_success"']
        for one in what:
            # Answers of different subscriptions may come in any order.
            args += ["--expect", '"subscribed"']
        return args

    def post_args(self, what, parallel=1):
        return ["--post", f"https://127.0.0.1:{self.port}/broadcast/", "--parallel", parallel,
                "--cert", self.certificates / "client.pem",
                "--key", self.certificates / "client.key", "--body", self.bodies[what]]

    def watched(self):
        return dict(self.pids)

    def batching(self):
        now = metrics(self.metrics)
        return now["messages_sent_total"] / max(now["broadcaster_writes_total"], 1)


class Gateways(Broadcaster):
    """Several gateways of one Redis and one publisher."""
    count = 1

    def start(self, measure="server"):
        super().start("publishing")
        self.gateways = [(free_port(), free_port()) for _ in range(self.count)]
        for n, (port, metrics_port) in enumerate(self.gateways):
            self.pids[f"gateway{n}"] = self.start_gateway(port, metrics_port)

    def events_received(self):
        """By each gateway, from Redis."""
        return [metrics(port)["broadcaster_events_received_total"] for _, port in self.gateways]


ALL = {"epoll": Epoll, "broadcaster": Broadcaster}
