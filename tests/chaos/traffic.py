# SPDX-License-Identifier: MIT
"""Backends: post events of all kinds, some again until they are taken, and keep account of it."""
import asyncio
import itertools
import json
import time

from .checker import CLARIFICATION, CONTEST, RUN, SCOREBOARD, Post

REQUEST_LIMIT = 7.0  # longer than a publisher may take for a request with a key
NOTICE, END_MARK = "notice", "end_mark"
MIX = (  # (weight, type, public, how it goes)
    (38, RUN, False), (10, RUN, True), (10, CLARIFICATION, True), (8, CLARIFICATION, False),
    (4, CONTEST, True), (9, SCOREBOARD, True), (6, SCOREBOARD, False), (9, NOTICE, True),
    (6, NOTICE, False))


class Backend:
    """One kept-alive connection to one publisher, plain HTTP. post() returns a status and the event's
    id; None and "" when there was no answer."""

    def __init__(self, port):
        self.port = port
        self._reader = self._writer = None

    async def post(self, body, key=None):
        try:
            return await asyncio.wait_for(self._exchange(body, key), REQUEST_LIMIT)
        except (OSError, EOFError, ValueError, asyncio.TimeoutError):
            self.close()
            return None, ""

    async def _exchange(self, body, key):
        if not self._writer:
            self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self.port)
        data = json.dumps(body).encode()
        header = f"Idempotency-Key: {key}\r\n" if key else ""
        self._writer.write((
            "POST /broadcast/ HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            f"{header}Content-Length: {len(data)}\r\n\r\n").encode() + data)
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = next(int(line.partition(":")[2]) for line in head.split("\r\n")
                      if line.startswith("content-length:"))
        answer = await self._reader.readexactly(length)
        if "connection: close" in head:
            self.close()
        status = int(head.split(" ", 2)[1])
        return status, json.loads(answer)["id"] if status == 200 else ""

    def close(self):
        if self._writer:
            self._writer.transport.abort()
            self._reader = self._writer = None


def documented(post, pad):
    data = {"n": post.number, "contest_alias": post.contest, "problem_alias": post.problem,
            "username": post.user, "pad": pad}
    body = {"type": post.type, "timestamp": 1704067200, "public": post.public,
            "data": {k: v for k, v in data.items() if v}}
    return {**body, "user": post.user} if post.user else body


def as_grader(post, pad):
    """The outer form that is kept by a publisher without Redis."""
    message = {"type": post.type, "data": {"n": post.number, "pad": pad}}
    body = {"contest": post.contest, "problem": post.problem, "user": post.user,
            "public": post.public, "message": json.dumps(message)}
    return {k: v for k, v in body.items() if v}


class Traffic:
    """All posts of one run, and the workers that make them."""

    def __init__(self, ports, places, rng, rate=60.0, pad_bytes=0, numbers=None):
        self.ports, self.places, self.rng = ports, places, rng
        self.rate, self.pad_bytes = rate, pad_bytes
        self.posts = {}
        self.numbers_by_id = {}  # of those that were acknowledged
        self._numbers = numbers or itertools.count(1)
        self._running = False
        self._workers = []

    def new_post(self, kind, **fields):
        post = Post(next(self._numbers), kind, answers=[], **fields)
        self.posts[post.number] = post
        return post

    # --- one event ---

    async def send(self, backends, post, attempts=1, pad=""):
        """Posts it up to so often (only with a key more than once), to all publishers in turn."""
        body = as_grader(post, pad) if post.grader else documented(post, pad)
        post.sent = post.sent or time.monotonic()
        for attempt in range(attempts):
            backend = backends[(post.number + attempt) % len(backends)]
            if self.take(post, *await backend.post(body, post.key)):
                return True
            await asyncio.sleep(self.rng.uniform(0.05, 0.3))
        return False

    def take(self, post, status, event_id):
        """An answer came."""
        post.answers.append(status)
        if status == 200:
            post.acked = post.acked or time.monotonic()
            self.numbers_by_id[event_id] = post.number
        return status == 200

    async def race(self, post, backends, pad=""):
        """The same event with the same key to all publishers at the same time."""
        post.sent = time.monotonic()
        body = documented(post, pad)
        for status, event_id in await asyncio.gather(*(b.post(body, post.key) for b in backends)):
            self.take(post, status, event_id)

    def random_post(self):
        kind, public = self.rng.choices([m[1:] for m in MIX], [m[0] for m in MIX])[0]
        place = self.rng.choice(self.places)
        form = self.rng.random()
        post = self.new_post(kind, contest=place.contest, problem=place.problem,
                             public=public)
        if kind != SCOREBOARD:  # that is a contest's, not somebody's
            post.user = self.rng.choice(place.users)
        post.grader = form < 0.3
        if form > 0.55:
            post.key = f"{place.contest}-{post.number}"
        return post

    def pad(self, post):
        size = self.pad_bytes or (2000 if post.type == SCOREBOARD else 20)
        return "x" * self.rng.randrange(size)

    # --- the load ---

    def start(self, workers=12):
        self._running = True
        self._workers = [asyncio.ensure_future(self._work(workers)) for _ in range(workers)]

    async def _work(self, workers):
        backends = [Backend(port) for port in self.ports]
        try:
            while self._running:
                await asyncio.sleep(self.rng.expovariate(self.rate / workers))
                post = self.random_post()
                await self.send(backends, post, 20 if post.key else 1, self.pad(post))
        finally:
            for backend in backends:
                backend.close()

    async def stop(self, limit=15.0):
        """No new events; those that are tried again are finished."""
        self._running = False
        if self._workers:
            _, late = await asyncio.wait(self._workers, timeout=limit)
            for worker in late:
                worker.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        self._workers = []

    # --- the end ---

    async def mark_the_end(self, users):
        """An event onto every topic that all its viewers see; tried until it is taken. Returns the
        smallest sequence number of this round."""
        posts = [self.new_post(END_MARK, contest=p.contest, problem=p.problem, public=True,
                               key=f"mark-{p.contest}-{len(self.posts)}") for p in self.places]
        posts += [self.new_post(END_MARK, user=u, key=f"mark-{u}-{len(self.posts)}") for u in users]
        await asyncio.gather(*(self._send_mark(post) for post in posts))
        return posts[0].number

    async def _send_mark(self, post):
        backends = [Backend(port) for port in self.ports]
        await self.send(backends, post, 100)
        for backend in backends:
            backend.close()
