# SPDX-License-Identifier: MIT
"""WebSocket clients that behave as the protocol asks: they keep positions, come back through the
other gateway, resume, and write down everything that they are sent.

A small protocol of our own instead of a library: hundreds of them share one core with the rest.
"""
import asyncio
import base64
import functools
import json
import os
import struct
import time

FIN, OPCODE = 0x80, 0x0F
TEXT, CLOSE, PING = 1, 8, 9
TOO_SLOW = 4008
OPEN_LIMIT = 8.0     # seconds for an upgrade
ANSWER_LIMIT = 12.0  # … and for the answer to a subscribe

# What a channel's stream holds: (time, KIND, epoch, offset, sequence number, skipped).
CONNECTED, SUBSCRIBED, RESUMED, NOT_RESUMED, EVENT, RESET, POSITION = "CSTFERP"


@functools.lru_cache(maxsize=4096)
def parse(text):
    """Shared by all who got the same bytes."""
    return json.loads(text)


def split_position(position):
    epoch, _, offset = position.partition(":")
    return epoch, int(offset)


def masked(opcode, payload):
    head = bytes((FIN | opcode,))
    size = len(payload)
    head += bytes((0x80 | size,)) if size < 126 else struct.pack(">BH", 0x80 | 126, size)
    return head + b"\0\0\0\0" + payload  # a mask of zeros changes nothing


class Wire(asyncio.Protocol):
    """One connection. on_text(wire, text) for each message, on_end(wire, code) once."""

    def __init__(self, token, on_text, on_end):
        self.on_text, self.on_end = on_text, on_end
        self.token = token
        self.opened = asyncio.get_running_loop().create_future()
        self.transport = None
        self.code = 1006
        self._buffer = bytearray()
        self._parts = []
        self._upgraded = False
        self._ended = False

    def connection_made(self, transport):
        self.transport = transport
        key = base64.b64encode(os.urandom(16)).decode()
        authorization = f"Authorization: token {self.token}\r\n" if self.token else ""
        transport.write((
            "GET /events/ HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
            f"{authorization}\r\n").encode())

    def connection_lost(self, _):
        if not self.opened.done():
            self.opened.set_result(False)
        if not self._ended:
            self._ended = True
            self.on_end(self, self.code)

    def data_received(self, data):
        self._buffer += data
        if not self._upgraded and not self._take_head():
            return
        while self._take_frame():
            pass

    def _take_head(self):
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return False
        self._upgraded = self._buffer.startswith(b"HTTP/1.1 101")
        del self._buffer[:end + 4]
        if not self.opened.done():
            self.opened.set_result(self._upgraded)
        if not self._upgraded:
            self.transport.abort()
        return self._upgraded

    def _take_frame(self):
        b = self._buffer
        if len(b) < 2:
            return False
        size, at = b[1] & 0x7F, 2
        if size == 126:
            if len(b) < 4:
                return False
            size, at = struct.unpack_from(">H", b, 2)[0], 4
        elif size == 127:
            if len(b) < 10:
                return False
            size, at = struct.unpack_from(">Q", b, 2)[0], 10
        if len(b) < at + size:
            return False
        first, payload = b[0], bytes(b[at:at + size])
        del b[:at + size]
        self._handle(first & OPCODE, first & FIN, payload)
        return True

    def _handle(self, opcode, fin, payload):
        if opcode == PING:
            self.transport.write(masked(10, payload))
        elif opcode == CLOSE:
            self.code = struct.unpack(">H", payload[:2])[0] if len(payload) >= 2 else 1005
            self.transport.write(masked(CLOSE, payload[:2]))
            self.transport.close()
        else:
            self._parts.append(payload)
            if fin:
                text = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
                self._parts = []
                self.on_text(self, text)

    def send(self, command):
        self.transport.write(masked(TEXT, json.dumps(command).encode()))

    def close(self):
        if not self.transport.is_closing():
            self.transport.write(masked(CLOSE, b"\x03\xe8"))
            self.transport.close()


class Client:
    """One session on several channels; `channels` are checker.Channel."""

    def __init__(self, number, token, channels, ports, rng):
        self.number, self.token, self.ports, self.rng = number, token, ports, rng
        self.channels = {channel.label: channel for channel in channels}
        self.streams = {label: [] for label in self.channels}
        self.positions = {}
        self.codes = []      # close codes seen
        self.complaints = []  # what no server should do
        self.waiting = set()  # labels without an answer on the present connection
        self.marks = {}      # label -> greatest sequence number of an end mark
        self.connections = 0
        self.wire = None
        self.turn = rng.randrange(len(ports))
        self.stopping = False
        self._ended = asyncio.Event()
        self._leave = None   # when `reconnect` asks us to go
        self._task = None

    def start(self):
        self._task = asyncio.ensure_future(self._run())

    async def stop(self):
        self.stopping = True
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        if self.wire:
            self.wire.transport.abort()

    def is_settled(self):
        """Every channel was answered on the connection that is there."""
        return self.wire is not None and not self.waiting

    # --- connections ---

    async def _run(self):
        while not self.stopping:
            wire = await self._connect()
            if not wire:
                self.turn += 1
                await asyncio.sleep(self.rng.uniform(0.05, 0.3))
                continue
            self._use(wire)
            await self._ended.wait()
            self.turn += 1
            if self._leave is None:
                await asyncio.sleep(self.rng.uniform(0.02, 0.25))
            else:
                await self._go_over()

    async def _connect(self):
        wire = Wire(self.token, self._on_text, self._on_end)
        port = self.ports[self.turn % len(self.ports)]
        try:
            await asyncio.get_running_loop().create_connection(lambda: wire, "127.0.0.1", port)
            return wire if await asyncio.wait_for(wire.opened, OPEN_LIMIT) else None
        except (OSError, asyncio.TimeoutError):
            if wire.transport:
                wire.transport.abort()
            return None

    def _use(self, wire):
        self._ended = asyncio.Event()
        self._leave = None
        self.wire = wire
        self.connections += 1
        if wire.transport.is_closing():
            self._on_end(wire, wire.code)
            return
        self.waiting = set(self.channels)
        now = time.monotonic()
        for label, stream in self.streams.items():
            stream.append((now, CONNECTED, "", 0, 0, 0))
            self._subscribe(wire, label)
        loop = asyncio.get_running_loop()
        loop.call_later(ANSWER_LIMIT, self._check_answers, wire)

    def _check_answers(self, wire):
        """A gateway that does not answer is left."""
        if wire is self.wire and self.waiting:
            wire.transport.abort()

    def _subscribe(self, wire, label):
        command = {"type": "subscribe", "channel": label}
        if label in self.positions:
            command["position"] = self.positions[label]
        wire.send(command)

    async def _go_over(self):
        """As `reconnect` asks: the new connection first, then the old one is closed."""
        old = self.wire
        await asyncio.sleep(self._leave)
        wire = await self._connect()
        if wire:
            self._use(wire)  # from here on nothing of the old one counts
            old.close()
            await self._ended.wait()
        else:
            self.wire = None
            old.transport.abort()
        self.turn += 1

    def _on_end(self, wire, code):
        self.codes.append(code)
        if 4000 <= code < 4100 and code != TOO_SLOW:
            self.complaints.append(f"closed with {code}")
        if wire is self.wire:
            self.wire = None
            self._ended.set()

    # --- messages ---

    def _on_text(self, wire, text):
        if wire is not self.wire:
            return
        message = parse(text)
        kind = message["type"]
        label = message.get("channel")
        if kind == "reconnect":
            self._leave = message["after"] / 1000
            self._ended.set()
        elif kind == "error":
            self._on_error(wire, message)
        elif label not in self.streams:
            self.complaints.append(f"message of no channel of ours: {text[:200]!r}")
        elif kind == "revoked":
            self.complaints.append(f"revoked: {label}")
        else:
            self._note(kind, label, message)

    def _note(self, kind, label, message):
        entry, number, skipped = EVENT, 0, 0
        if kind == "subscribed":
            recovered = message.get("recovered")
            entry = {None: SUBSCRIBED, True: RESUMED, False: NOT_RESUMED}[recovered]
            self.waiting.discard(label)
        elif kind == "reset":
            entry = RESET
        elif kind == "position":
            entry = POSITION
        else:
            number, skipped = message["data"]["n"], message.get("skipped", 0)
            if kind == "end_mark":
                self.marks[label] = max(number, self.marks.get(label, 0))
        position = message["position"]
        if entry != RESUMED:
            self.positions[label] = position
        elif position != self.positions.get(label):
            self.complaints.append(f"{label}: resumed at {position}, "
                                   f"asked for {self.positions.get(label)}")
        self.streams[label].append((time.monotonic(), entry, *split_position(position),
                                    number, skipped))

    def _on_error(self, wire, message):
        label = message.get("channel")
        if message["error"] != "unavailable" or label not in self.streams:
            self.complaints.append(f"error {message}")
            return
        asyncio.get_running_loop().call_later(
            self.rng.uniform(0.1, 0.5), self._subscribe_again, wire, label)

    def _subscribe_again(self, wire, label):
        if wire is self.wire and not wire.transport.is_closing():
            self._subscribe(wire, label)
