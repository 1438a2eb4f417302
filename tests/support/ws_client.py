# SPDX-License-Identifier: MIT
"""WebSocket clients as plain synchronous objects; the sockets live on one background loop."""
import asyncio
import http.client
import json
import queue
import threading

import websockets
import websockets.exceptions

from .process import LIMIT

SUBPROTOCOL = "com.omegaup.events"
CLOSED = object()


class BackgroundLoop:
    """An asyncio loop in a thread of its own, for all clients of the test session."""

    def __init__(self):
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()

    def run(self, coroutine, timeout=LIMIT):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(timeout)


background = BackgroundLoop()


class WebSocket:
    """One client. Everything received is kept in `texts`; recv() and ask() take it in order."""

    def __init__(self, port, path="/events/", token=None, headers=None, origin=None,
                 subprotocols=None, compression=None, extensions=None, tls=None, uri=None):
        uri = uri or f"{'wss' if tls else 'ws'}://localhost:{port}{path}"
        headers = dict(headers or {})
        if token:
            headers["Authorization"] = f"token {token}"
        self.texts = []
        self.close_code = None
        self.close_reason = ""
        self._inbox = queue.Queue()
        self._is_paused = False
        self._ws = background.run(self._connect(
            uri, extra_headers=headers, origin=origin, subprotocols=subprotocols,
            compression=compression, extensions=extensions, ssl=tls))

    async def _connect(self, uri, **options):
        ws = await websockets.connect(
            uri, host="127.0.0.1", ping_interval=None, max_size=None, max_queue=None,
            close_timeout=LIMIT, open_timeout=LIMIT, **options)
        self._reader = asyncio.ensure_future(self._read(ws))
        return ws

    async def _read(self, ws):
        try:
            async for text in ws:
                self.texts.append(text)
                self._inbox.put(text)
        except websockets.exceptions.ConnectionClosed:
            pass  # the code below tells
        self.close_code, self.close_reason = ws.close_code, ws.close_reason
        self._inbox.put(CLOSED)

    # --- sending ---

    def send(self, command):
        """A dict as JSON, str as a text frame, bytes as a binary one, a list in fragments."""
        if isinstance(command, dict):
            command = json.dumps(command)
        background.run(self._ws.send(command))

    def send_all(self, commands):
        """As fast as can be."""
        async def write():
            for command in commands:
                await self._ws.send(json.dumps(command))
        background.run(write())

    def send_frame(self, opcode, payload):
        """A single frame with any payload, also one that is no UTF-8."""
        async def write():
            await self._ws.write_frame(True, opcode, payload)
        background.run(write())

    def ping(self, payload, timeout=LIMIT):
        """A ping frame; returns when the pong with the same payload is there."""
        async def ping():
            await (await self._ws.ping(payload))
        background.run(ping(), timeout)

    # --- receiving ---

    def recv_text(self, timeout=LIMIT):
        """The next message as it came."""
        try:
            text = self._inbox.get(timeout=timeout)
        except queue.Empty:
            raise AssertionError(f"no message within {timeout} s; so far: {self.texts[-5:]}") \
                from None
        if text is CLOSED:
            self._inbox.put(CLOSED)
            raise AssertionError(f"closed with {self.close_code} {self.close_reason!r}; "
                                 f"last messages: {self.texts[-5:]}")
        return text

    def recv(self, timeout=LIMIT):
        """The next message, parsed; `position` messages only move positions on: passed over."""
        while True:
            message = json.loads(self.recv_text(timeout))
            if message.get("type") != "position":
                return message

    def recv_until(self, condition, timeout=LIMIT):
        """All messages up to and including the first for which the condition holds."""
        taken = []
        while not taken or not condition(taken[-1]):
            taken.append(self.recv(timeout))
        return taken

    def waiting(self):
        """How many messages have come that nobody took."""
        return self._inbox.qsize()

    # --- the protocol ---

    def ask(self, command, timeout=LIMIT):
        self.send(command)
        return self.recv(timeout)

    def auth(self, token):
        return self.ask({"type": "auth", "token": token})

    def subscribe(self, channel, **more):
        return self.ask({"type": "subscribe", "channel": channel, **more})

    def subscribed(self, *channels, **more):
        """Subscribes and asserts success; returns self, for use in one line."""
        for channel in channels:
            answer = self.subscribe(channel, **more)
            assert answer["type"] == "subscribed" and answer["channel"] == channel, answer
        return self

    def unsubscribe(self, channel):
        return self.ask({"type": "unsubscribe", "channel": channel})

    # --- the end ---

    def wait_closed(self, timeout=LIMIT):
        """The code with which the peer closed."""
        async def wait():
            await asyncio.wait_for(asyncio.shield(self._reader), timeout)
        background.run(wait(), timeout + 5)
        return self.close_code

    def is_open(self):
        return not self._reader.done()

    @property
    def subprotocol(self):
        return self._ws.subprotocol

    @property
    def extensions(self):
        return [extension.name for extension in self._ws.extensions]

    @property
    def response_headers(self):
        return self._ws.response_headers

    def pause_reading(self):
        """From now on this client takes nothing from its socket: a slow one."""
        async def pause():
            self._ws.transport.pause_reading()
        background.run(pause())
        self._is_paused = True

    def resume_reading(self):
        async def resume():
            self._ws.transport.resume_reading()
        background.run(resume())
        self._is_paused = False

    def close(self):
        if self._is_paused:
            self.abort()  # it would not see the peer's answer
        else:
            background.run(self._ws.close(), LIMIT + 5)

    def abort(self):
        """Ends the TCP connection without a close frame."""
        background.loop.call_soon_threadsafe(self._ws.transport.abort)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class EventStream:
    """One Server-Sent Events connection, read as (event, id, data) triples."""

    def __init__(self, port, path, headers=None, timeout=LIMIT, tls=None):
        if tls:
            self._connection = http.client.HTTPSConnection("localhost", port, context=tls,
                                                           timeout=timeout)
        else:
            self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
        self._connection.request("GET", path, headers={"Accept": "text/event-stream",
                                                       **(headers or {})})
        self.response = self._connection.getresponse()
        self.status = self.response.status

    def read_event(self):
        """The next event; comment lines (pings) are passed over. None at the end."""
        fields = {"event": "message", "id": None, "data": []}
        while True:
            line = self.response.readline()
            if not line:
                return None
            line = line.decode().rstrip("\n")
            if not line:
                if fields["data"]:
                    return fields["event"], fields["id"], "\n".join(fields["data"])
                continue
            if line.startswith(":"):
                continue
            name, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if name == "data":
                fields["data"].append(value)
            elif name in fields:
                fields[name] = value

    def close(self):
        self.response.close()  # it holds the socket, too
        self._connection.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
