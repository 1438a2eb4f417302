# SPDX-License-Identifier: MIT
"""A TCP proxy that misbehaves on command, in the runner's own event loop.

Connections of our programs to Redis are told apart by the name that they give themselves in HELLO
(broadcaster-subscriber, -reader, -writer); all others have the name "".
"""
import asyncio
import contextlib
import socket
from dataclasses import dataclass, field

CHUNK = 65536
UP, DOWN = "up", "down"  # towards the server, towards the client


@dataclass
class Rule:
    """How the connections with a name are treated now. None as name: all of them."""
    name: str = None
    held: frozenset = frozenset()  # directions in which nothing moves
    delay: float = 0.0             # seconds for each chunk
    drip: int = 0                  # bytes per second in DOWN, 0: no limit
    deaf: bool = False             # published messages do not come through in DOWN


FAIR = Rule()


@dataclass(eq=False)
class Connection:
    name: str
    client: asyncio.StreamWriter
    server: asyncio.StreamWriter
    tasks: list = field(default_factory=list)

    def abort(self):
        """Both sides see the connection reset."""
        for writer in (self.client, self.server):
            sock = writer.get_extra_info("socket")
            with contextlib.suppress(OSError, AttributeError):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            writer.transport.abort()


class Proxy:
    """Listens on one port for as long as it lives; `target` may be changed at any time."""

    def __init__(self, port, target, receive_buffer=0):
        self.port, self.target = port, target
        self.receive_buffer = receive_buffer
        self.connections = set()
        self.refusing = False
        self._rules = []
        self._changed = asyncio.Event()
        self._server = None
        self._waiting = set()  # handlers of connections

    async def start(self):
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port,
                                                  backlog=1024)
        return self

    async def stop(self):
        self._server.close()
        self.cut()
        for task in list(self._waiting):
            task.cancel()
        await asyncio.gather(*self._waiting, return_exceptions=True)

    # --- misbehaviour ---

    def hold(self, name=None, directions=(UP, DOWN)):
        """A black hole: connections stay, nothing moves; kernel buffers fill."""
        self._set(Rule(name, held=frozenset(directions)))

    def delay(self, seconds, name=None):
        self._set(Rule(name, delay=seconds))

    def drip(self, bytes_per_second, name=None):
        self._set(Rule(name, drip=bytes_per_second))

    def make_deaf(self, name=None):
        self._set(Rule(name, deaf=True))

    def behave(self):
        """Ends hold, delay, drip and refusal; what was held moves on."""
        self.refusing = False
        self._rules = []
        self._wake()

    def cut(self, name=None):
        """Resets the connections; returns how many."""
        cut = [c for c in self.connections if name is None or c.name == name]
        for connection in cut:
            connection.abort()
        return len(cut)

    def half_close(self, name=None):
        """The client hears that the server ended; the other direction stays open."""
        for connection in self.connections:
            if name is None or connection.name == name:
                with contextlib.suppress(OSError, RuntimeError):
                    connection.client.write_eof()

    def refuse(self):
        """New connections are accepted and reset; those that are there stay."""
        self.refusing = True

    def _set(self, rule):
        self._rules = [r for r in self._rules if r.name != rule.name] + [rule]
        self._wake()

    def _wake(self):
        self._changed.set()
        self._changed = asyncio.Event()

    def _rule(self, name):
        for rule in self._rules:
            if rule.name is None or rule.name == name:
                return rule
        return FAIR

    # --- moving bytes ---

    async def _accept(self, reader, writer):
        self._waiting.add(asyncio.current_task())
        try:
            await self._serve(reader, writer)
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            self._waiting.discard(asyncio.current_task())
            writer.transport.abort()

    async def _serve(self, reader, writer):
        if self.refusing:
            return
        first = await reader.read(CHUNK)
        if not first:
            return
        name = name_in_hello(first)
        while UP in self._rule(name).held:
            await self._changed.wait()
        server_reader, server_writer = await self._connect()
        connection = Connection(name, writer, server_writer)
        self.connections.add(connection)
        try:
            server_writer.write(first)
            await self._run(connection, reader, server_reader)
        finally:
            self.connections.discard(connection)
            server_writer.transport.abort()

    async def _connect(self):
        sock = socket.socket()
        sock.setblocking(False)
        if self.receive_buffer:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, self.receive_buffer)
        try:
            await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", self.target))
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return await asyncio.open_connection(sock=sock, limit=self.receive_buffer or CHUNK)
        except OSError:
            sock.close()
            raise

    async def _run(self, connection, reader, server_reader):
        up = asyncio.ensure_future(self._pump(connection, reader, connection.server, UP))
        down = asyncio.ensure_future(self._pump(connection, server_reader, connection.client, DOWN))
        try:
            await asyncio.wait((up, down), return_when=asyncio.FIRST_COMPLETED)
        finally:
            up.cancel()
            down.cancel()
            await asyncio.gather(up, down, return_exceptions=True)

    async def _pump(self, connection, reader, writer, direction):
        pushes = PushFilter() if direction == DOWN and connection.name == "subscriber" else None
        while True:
            while direction in self._rule(connection.name).held:
                await self._changed.wait()
            rule = self._rule(connection.name)
            drip = rule.drip if direction == DOWN else 0
            data = await reader.read(max(1, drip // 10) if drip else CHUNK)
            if not data:
                return
            if rule.delay or drip:
                await asyncio.sleep(rule.delay or 0.1)
            # What was read before the hold began waits too.
            while direction in self._rule(connection.name).held:
                await self._changed.wait()
            if pushes:
                data = pushes.take(data, self._rule(connection.name).deaf)
            writer.write(data)
            await writer.drain()


class PushFilter:
    """Follows a stream of RESP3 far enough to leave out whole pushed messages:
    `>3 $7 message $n channel $n payload`."""

    START = b">3\r\n$7\r\nmessage\r\n"

    def __init__(self):
        self._rest = b""

    def take(self, data, deaf):
        """What goes on of these bytes; a value that is not complete waits for its end."""
        data = self._rest + data
        at, passed = 0, []
        while at < len(data):
            end = value_end(data, at)
            if end < 0:
                break
            if not (deaf and data.startswith(self.START, at)):
                passed.append(data[at:end])
            at = end
        self._rest = data[at:]
        return b"".join(passed)


def value_end(data, at):
    """Where the RESP3 value that begins at `at` ends, -1 while it is not complete."""
    left = 1
    while left:
        line = data.find(b"\r\n", at)
        if line < 0:
            return -1
        kind, size, at = data[at:at + 1], data[at + 1:line], line + 2
        left -= 1
        if kind in (b">", b"*", b"~"):
            left += int(size)
        elif kind == b"%":
            left += 2 * int(size)
        elif kind in (b"$", b"=", b"!") and int(size) >= 0:
            at += int(size) + 2
            if at > len(data):
                return -1
    return at


def name_in_hello(first):
    for name in ("subscriber", "reader", "writer"):
        if b"broadcaster-" + name.encode() in first:
            return name
    return ""
