# SPDX-License-Identifier: MIT
"""The peers that others have written. What they need is fetched on first use (fetch.py)."""
import shutil

from . import fetch
from .peers import ALL, Peer, say
from .processes import Failure, free_port, http_status, port_open


class Nchan(Peer):
    """nginx with nchan, everything in the worker's memory."""
    name = "nchan"
    can = frozenset({"shared", "cold", "tls", "deflate"})
    paths = {"shared": "bench", "cold": "cold"}

    def start(self, measure="server"):
        nginx, module = fetch.nchan()
        self.port = free_port()
        text = (fetch.PEERS / "nginx.conf.in").read_text()
        for key, value in {"MODULE": module, "DIR": self.place.path, "PORT": self.port,
                           "LISTEN": self.listen_settings(),
                           "DEFLATE": "on" if self.deflate else "off",
                           **self.redis_settings()}.items():
            text = text.replace(f"@{key}@", str(value))
        config = self.place.path / "nginx.conf"
        config.write_text(text)
        # The module insists on a directory under /var/lib/nginx, wherever nginx is told to write:
        # it gets one that only these processes see.
        private = "mount -t tmpfs none /var/lib && mkdir -p /var/lib/nginx && exec \"$@\""
        self.launch("nginx", ["unshare", "--map-root-user", "--mount", "sh", "-c", private, "sh",
                              nginx, "-p", self.place.path, "-e", "stderr", "-c", config],
                    lambda: port_open(self.port) and self.workers() and self.is_ready(),
                    measure == "server")

    def is_ready(self):
        return True

    def workers(self):
        master = self.processes[-1].pid
        with open(f"/proc/{master}/task/{master}/children", encoding="ascii") as f:
            return f.read().split()

    def listen_settings(self):
        if not self.tls:
            return f"listen 127.0.0.1:{self.port} backlog=4096;"
        where = self.place.certificates()
        return (f"listen 127.0.0.1:{self.port} ssl backlog=4096; "
                f"ssl_certificate {where}/server.pem; ssl_certificate_key {where}/server.key;")

    def redis_settings(self):
        return {"REDIS_UPSTREAM": "", "REDIS_PASS": ""}

    def connect_args(self):
        return ["--connect", f"127.0.0.1:{self.port}", *self.tls_args()]

    def subscription(self, what, n):
        return ["--path", "/".join(["/sub", *(self.paths[one] for one in what)]), "--group", n]

    def post_args(self, what, parallel=1):
        return ["--post", f"http://127.0.0.1:{self.port}/pub/bench", "--parallel", parallel,
                "--body", self.plain_body]

    def watched(self):
        """The worker; the master only waits."""
        return {"server": int(self.workers()[0])}


class NchanRedis(Nchan):
    """The same, its messages through Redis."""
    name = "nchan + Redis"

    def is_ready(self):
        """Until it has its link to Redis it refuses everything."""
        return http_status(f"http://127.0.0.1:{self.port}/pub/ready") not in (0, 502, 503)

    def redis_settings(self):
        return {"REDIS_UPSTREAM": "upstream events { nchan_redis_server "
                                  f"redis://127.0.0.1:{self.start_redis()}; }}",
                "REDIS_PASS": "nchan_redis_pass events;"}


class NodeWs(Peer):
    """A plain Node server: ws and ioredis."""
    name = "Node ws"
    can = frozenset({"shared", "cold", "own", "tls", "deflate"})
    channels = {"shared": "bench", "cold": "cold", "own": "user{}"}

    def start(self, measure="server"):
        self.redis_port = self.start_redis()
        self.server = self.start_node("node_ws.mjs", free_port(), measure == "server")

    def start_node(self, script, port, measured):
        node = shutil.which("node")
        if not node:
            raise Failure("no node: this peer cannot be measured")
        if measured:
            self.port = port
        # Node's own optimising compiler may use the other core; the server itself has one.
        certificates = self.place.certificates() if self.tls else ""
        return self.launch(script, [node, fetch.node() / script, port, self.redis_port,
                                    certificates, "deflate" if self.deflate else ""],
                           lambda: port_open(port), measured)

    def connect_args(self):
        return ["--connect", f"127.0.0.1:{self.port}", *self.tls_args()]

    def subscription(self, what, n):
        args = ["--group", n]
        for one in what:
            args += [*say(type="subscribe", channel=self.channels[one]), "--expect", '"subscribed"']
        return args

    def post_args(self, what, parallel=1):
        return ["--post", f"redis://127.0.0.1:{self.redis_port}/bench", "--body", self.plain_body]

    def watched(self):
        return {"server": self.server.pid}


class SocketIo(NodeWs):
    """Socket.IO with its Redis adapter; events come from another process, as in a cluster."""
    name = "Socket.IO"

    def start(self, measure="server"):
        self.redis_port = self.start_redis()
        self.server = self.start_node("socket_io.mjs", free_port(), measure == "server")
        self.control = free_port()
        self.start_node("socket_io_emit.mjs", self.control, False)

    def connect_args(self):
        return ["--connect", f"127.0.0.1:{self.port}", *self.tls_args(), "--answer", "2=3",
                "--path", "/socket.io/?EIO=4&transport=websocket"]

    def subscription(self, what, n):
        args = ["--group", n, "--expect", "0{", "--say", "40", "--expect", "40{"]
        for one in what:
            args += ["--say", f'420["subscribe","{self.channels[one]}"]', "--expect", "430["]
        return args

    def post_args(self, what, parallel=1):
        return ["--post", f"line://127.0.0.1:{self.control}", "--body", self.plain_body]


ALL.update(nchan=Nchan, nchan_redis=NchanRedis, node=NodeWs, socketio=SocketIo)
