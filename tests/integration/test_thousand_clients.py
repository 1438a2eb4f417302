# SPDX-License-Identifier: MIT
"""A thousand clients on one channel: each gets every event, Redis is asked once."""
import asyncio
import json
import time

import websockets
from support import events
from support.users import token_of
from support.ws_client import background

CLIENTS, EVENTS, AT_ONCE = 1000, 20, 50
HISTORY_SECONDS = 2


class Crowd:
    """Many clients without the comfort of WebSocket objects: one coroutine each."""

    def __init__(self, port, channel):
        self.port, self.channel = port, channel
        self.numbers = [[] for _ in range(CLIENTS)]
        self.sockets = []

    async def join(self, gate):
        async with gate:
            ws = await websockets.connect(
                f"ws://127.0.0.1:{self.port}/events/", compression=None, ping_interval=None,
                extra_headers={"Authorization": f"token {token_of('ana')}"}, open_timeout=30)
            await ws.send(json.dumps({"type": "subscribe", "channel": self.channel}))
            assert json.loads(await ws.recv())["type"] == "subscribed"
            return ws

    async def join_all(self):
        gate = asyncio.Semaphore(AT_ONCE)
        self.sockets = await asyncio.gather(*(self.join(gate) for _ in range(CLIENTS)))

    async def listen(self, ws, numbers):
        while len(numbers) < EVENTS:
            message = json.loads(await ws.recv())
            if message["type"] != "position":
                numbers.append(message["data"]["n"])

    async def listen_all(self):
        await asyncio.gather(*(self.listen(ws, numbers)
                               for ws, numbers in zip(self.sockets, self.numbers)))

    async def leave_all(self):
        for ws in self.sockets:
            ws.transport.abort()


def test_thousand_clients_get_every_event_through_one_subscription(stack):
    place = stack.place()
    crowd = Crowd(stack.gateway.port, place.contest_channel)
    before = stack.gateway.metrics()
    background.run(crowd.join_all(), 60)
    try:
        joined = stack.gateway.metrics()
        assert joined["connections_active"] == before["connections_active"] + CLIENTS
        with stack.redis.client() as redis:
            counts = redis.pubsub_numsub(f"omegaup:events:contest/{place.contest}")
        assert counts[0][1] == 1
        listening = asyncio.run_coroutine_threadsafe(crowd.listen_all(), background.loop)
        for n in range(EVENTS):
            stack.post(events.contest_update(place, n))
        listening.result(60)
        assert crowd.numbers == [list(range(EVENTS))] * CLIENTS
        sent = stack.gateway.metrics()["messages_sent_total"] - joined["messages_sent_total"]
        assert sent == CLIENTS * EVENTS
    finally:
        background.run(crowd.leave_all())
    assert stack.ws().ask({"type": "ping"}) == {"type": "pong"}


def test_first_event_after_a_long_silence_resets_nobody(make_stack):
    """Nothing is kept in Redis for a topic that is only listened to, so nothing of it can expire."""
    stack = make_stack(settings={"Redis": {"HistorySeconds": HISTORY_SECONDS}})
    place = stack.place()
    crowd = Crowd(stack.gateway.port, place.contest_channel)
    background.run(crowd.join_all(), 60)
    try:
        with stack.redis.client() as redis:
            assert not redis.keys(f"*{place.contest}*")
        time.sleep(2 * HISTORY_SECONDS)
        listening = asyncio.run_coroutine_threadsafe(crowd.listen_all(), background.loop)
        for n in range(EVENTS):
            stack.post(events.contest_update(place, n))
        listening.result(60)
        assert crowd.numbers == [list(range(EVENTS))] * CLIENTS
    finally:
        background.run(crowd.leave_all())
    assert stack.gateway.metrics()["broadcaster_resets_total"] == 0
