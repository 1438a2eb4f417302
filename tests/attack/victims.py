# SPDX-License-Identifier: MIT
"""Fifty contestants beside an attack: what they miss, what they are refused, how long they wait."""
import asyncio
import itertools
import json
import threading
import time

import websockets
from support.ws_client import background

VICTIMS = 50
EVENTS_PER_SECOND = 10
LIMIT = 30


class Victims:
    """Each holds a session, and comes again with a credential of its own again and again. Events are
    posted meanwhile, and every one must reach every session."""

    def __init__(self, stack, frontend):
        self.stack, self.frontend = stack, frontend
        self.tokens = itertools.count()
        self.sockets, self.got = [], [[] for _ in range(VICTIMS)]
        self.posted = 0
        background.run(self._open_all(), 120)

    def _token(self):
        n = next(self.tokens)
        return self.frontend.add_user(f"victim{n}", token=f"{n:040x}")

    async def _connect(self, n, token):
        return await websockets.connect(
            f"ws://localhost:{self.stack.gateway.port}/events/", host="127.0.0.1",
            local_addr=(f"127.1.0.{n + 1}", 0), compression=None, ping_interval=None, max_size=None,
            extra_headers={"Authorization": f"token {token}"}, open_timeout=LIMIT, max_queue=None)

    async def _subscribed(self, ws):
        await ws.send(json.dumps({"type": "subscribe", "channel": "/contest/arena"}))
        while True:
            message = json.loads(await asyncio.wait_for(ws.recv(), LIMIT))
            if message["type"] == "error":
                return message["error"]
            if message["type"] == "subscribed":
                return None

    async def _open_all(self):
        for n in range(VICTIMS):
            ws = await self._connect(n, self._token())
            refused = await self._subscribed(ws)
            assert refused is None, refused
            self.sockets.append(ws)
            asyncio.ensure_future(self._listen(ws, self.got[n]))

    async def _listen(self, ws, got):
        try:
            async for text in ws:
                message = json.loads(text)
                if message["type"] == "contest_update":
                    got.append(message["data"]["n"])
        except websockets.exceptions.ConnectionClosed:
            pass

    async def _come_again(self, n, result):
        begin = time.monotonic()
        try:
            ws = await self._connect(n, self._token())
            refused = await self._subscribed(ws)
            await ws.close()
        except (OSError, asyncio.TimeoutError, websockets.exceptions.WebSocketException) as problem:
            refused = repr(problem)
        if refused:
            result["refused"].append(refused)
        result["waits"].append(time.monotonic() - begin)

    async def _come_for(self, seconds, result):
        end, coming = time.monotonic() + seconds, []
        while time.monotonic() < end:
            coming.append(asyncio.ensure_future(
                self._come_again(len(coming) % VICTIMS, result)))
            await asyncio.sleep(0.1)
        await asyncio.gather(*coming)

    def watch(self, seconds):
        """Lets them live for so long; returns what became of them."""
        result = {"refused": [], "waits": [], "posts": []}
        first, ending = self.posted, threading.Event()
        coming = asyncio.run_coroutine_threadsafe(self._come_for(seconds, result), background.loop)
        end = time.monotonic() + seconds
        while time.monotonic() < end and not ending.is_set():
            begin = time.monotonic()
            self.stack.post({"type": "contest_update", "data": {"contest_alias": "arena",
                                                                "n": self.posted}})
            self.posted += 1
            result["posts"].append(time.monotonic() - begin)
            time.sleep(1 / EVENTS_PER_SECOND)
        coming.result(LIMIT + 60)
        wanted = list(range(first, self.posted))
        late = time.monotonic() + LIMIT
        while any(got[-1:] != wanted[-1:] for got in self.got) and time.monotonic() < late:
            time.sleep(0.05)
        result["missed"] = sum(len(set(wanted) - set(got)) for got in self.got)
        return result

    def close(self):
        async def close_all():
            for ws in self.sockets:
                ws.transport.abort()
        background.run(close_all())


def worst(times):
    """The 95th of a hundred, in ms."""
    return round(sorted(times)[int(len(times) * 0.95)] * 1000) if times else 0
