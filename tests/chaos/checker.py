# SPDX-License-Identifier: MIT
"""The promise, as assertions over what was posted and what every client was sent.

1. Within an epoch offsets of a channel rise; none comes twice; another epoch comes only after
   `reset` or `recovered:false`.
2. No visible event lies between two received messages of a channel, but scoreboards that the
   `skipped` of a newer one counts.
3. Every acknowledged event that was posted while a client was subscribed came, or a `reset`
   (or `recovered:false`) that covers it.
4. No event, acknowledged or not, comes twice in a history (by its sequence number).
5. Nothing comes that the session may not see; a place in a topic is the same event for everybody.
"""
from collections import Counter, defaultdict
from dataclasses import dataclass

from .client import CONNECTED, EVENT, NOT_RESUMED, POSITION, RESET, RESUMED, SUBSCRIBED

NOTHING = "00000000"  # the end of an epoch: there was no event yet
RUN, SCOREBOARD, CLARIFICATION = "run_update", "scoreboard_update", "clarification"
CONTEST = "contest_update"
CARRIED = {
    "user": {RUN}, "contest": {RUN, SCOREBOARD, CLARIFICATION, CONTEST},
    "admin": {RUN, SCOREBOARD, CLARIFICATION, CONTEST}, "problem": {CLARIFICATION},
    "scoreboard": {SCOREBOARD},
}
DOCUMENTED = {RUN, SCOREBOARD, CLARIFICATION, CONTEST}
MOST_SHOWN = 12


@dataclass
class Post:
    """One event as it was sent, and what became of it."""
    number: int
    type: str
    contest: str = None
    problem: str = None
    user: str = None
    public: bool = False
    key: str = None
    grader: bool = False
    sent: float = 0.0    # the first attempt
    acked: float = None  # the first 200
    answers: list = None


@dataclass(frozen=True)
class Channel:
    """A channel as one session sees it."""
    label: str
    kind: str    # user, contest, admin, problem, scoreboard
    topic: str   # in Redis
    name: str    # of the user, contest or problem
    viewer: str = None  # the session's user
    sees_all: bool = False

    def shows(self, post):
        named = {"user": post.user, "problem": post.problem}.get(self.kind, post.contest)
        if named != self.name or \
                (post.type in DOCUMENTED and post.type not in CARRIED[self.kind]):
            return False
        return self.kind == "user" or self.sees_all or post.public or \
            (self.kind != "scoreboard" and self.viewer is not None and post.user == self.viewer)


class Truth:
    """Which event stands where: (topic, epoch) -> {offset: number}."""

    def __init__(self):
        self.places = defaultdict(dict)
        self.where = defaultdict(dict)  # (topic, number) -> {epoch: offset}
        self.conflicts = []

    def add(self, topic, epoch, offset, number, who):
        known = self.places[topic, epoch].setdefault(offset, number)
        if known != number:
            self.conflicts.append(f"{topic} {epoch}:{offset} is event {known}, "
                                  f"but {who} got {number} there")
        self.where[topic, number][epoch] = offset


class Checker:
    def __init__(self, posts, clients, log_entries=()):
        self.posts, self.clients = posts, clients
        self.truth = Truth()
        self.violations = []
        self.counts = Counter()
        for topic, epoch, offset, number in log_entries:
            self.truth.add(topic, epoch, offset, number, "the log")
        self._visible = {}  # (channel less label) -> numbers it shows

    def run(self):
        for client in self.clients:
            for label, stream in client.streams.items():
                topic = client.channels[label].topic
                for _, kind, epoch, offset, number, _ in stream:
                    if kind == EVENT:
                        self.truth.add(topic, epoch, offset, number, f"client {client.number}")
        self.violations += sorted(set(self.truth.conflicts))
        for client in self.clients:
            self.violations += [f"client {client.number}: {c}" for c in client.complaints]
            for label, stream in client.streams.items():
                StreamCheck(self, client, client.channels[label], stream).run()
        return self.violations

    def shown(self, channel):
        key = (channel.kind, channel.name, channel.viewer, channel.sees_all)
        if key not in self._visible:
            self._visible[key] = {p.number for p in self.posts.values() if channel.shows(p)}
        return self._visible[key]

    def summary(self):
        lines = self.violations[:MOST_SHOWN]
        more = len(self.violations) - len(lines)
        return lines + ([f"… and {more} more"] if more > 0 else [])


class StreamCheck:
    """One channel of one client, from its first `subscribed` to the end."""

    def __init__(self, checker, client, channel, stream):
        self.checker, self.channel, self.stream = checker, channel, stream
        self.who = f"client {client.number} {channel.label}"
        self.shown = checker.shown(channel)
        self.epoch, self.offset = None, 0
        self.got = set()      # numbers, ever
        self.copies = set()   # (epoch, number)
        self.covers = []      # (time, epoch, offset) of resets
        self.missing = {True: 0, False: 0}  # scoreboards by kind, on this connection
        self.owed = {True: 0, False: 0}     # … and before: a newer one must come
        self.unknown = 0      # places passed of which nobody knows what stands there
        self.was_reset = False  # on this connection
        self.since = None     # when the client was first subscribed

    def fail(self, text):
        self.checker.violations.append(f"{self.who}: {text}")

    def run(self):
        for entry in self.stream:
            self._step(*entry)
        for public in (True, False):
            if self.missing[public] + self.owed[public]:
                self.fail(f"{'public' if public else 'private'} scoreboards were skipped and no "
                          "newer one came")
        if self.since is not None:
            self._check_acknowledged()

    def _step(self, at, kind, epoch, offset, number, skipped):
        self.checker.counts[kind] += 1
        if kind == CONNECTED:
            self._reconnected()
        elif kind in (SUBSCRIBED, NOT_RESUMED, RESET):
            self._restart(at, kind, epoch, offset)
        elif kind == RESUMED:
            pass  # the client has compared
        else:
            self._follow(at, kind, epoch, offset, number, skipped)

    def _follow(self, at, kind, epoch, offset, number, skipped):
        if self.epoch and self.epoch.endswith(NOTHING) and self.offset == 0:
            self.epoch = epoch  # of the topic's first event; all before this one are looked at
        if epoch != self.epoch:
            self.fail(f"{kind} of epoch {epoch} at {offset} without a reset from "
                      f"{self.epoch}:{self.offset}")
            self._restart(at, kind, epoch, offset)
        elif kind == POSITION:
            if offset < self.offset:
                self.fail(f"position {epoch}:{offset} after {self.offset}")
            self._pass_to(offset + 1)
            self.offset = max(self.offset, offset)
        else:
            self._event(epoch, offset, number, skipped)

    def _restart(self, at, kind, epoch, offset):
        if self.since is None:
            self.since = at
        else:
            self.covers.append((at, epoch, offset))
            if kind == SUBSCRIBED and self.epoch is not None:
                self.fail(f"subscribed at {epoch}:{offset} without `recovered`, "
                          f"position was {self.epoch}:{self.offset}")
        self.epoch, self.offset = epoch, offset
        self.missing, self.owed = {True: 0, False: 0}, {True: 0, False: 0}
        self.was_reset = self.was_reset or kind == RESET

    def _reconnected(self):
        for public, count in self.missing.items():
            self.owed[public] += count
        self.missing = {True: 0, False: 0}
        self.unknown, self.was_reset = 0, False

    def _event(self, epoch, offset, number, skipped):
        if number not in self.shown:
            self.fail(f"got event {number} at {epoch}:{offset}, which it may not see: "
                      f"{self.checker.posts.get(number)}")
        if offset <= self.offset:
            self.fail(f"event {number} at {epoch}:{offset} after {self.offset}")
        if (epoch, number) in self.copies:
            self.fail(f"event {number} twice, again at {epoch}:{offset}")
        self.copies.add((epoch, number))
        self.got.add(number)
        self._pass_to(offset)
        self.offset = max(self.offset, offset)
        post = self.checker.posts.get(number)
        if post and post.type == SCOREBOARD:
            self._scoreboard(post.public, number, skipped)
        elif skipped:
            self.fail(f"event {number} at {epoch}:{offset} says skipped {skipped}")

    def _scoreboard(self, public, number, skipped):
        """Exact from the last connection on; what was on its way before a reset may count too."""
        missing, unknown = self.missing[public], self.unknown
        right = missing <= skipped <= missing + unknown or (self.was_reset and skipped > missing)
        if not right:
            self.fail(f"scoreboard {number} says skipped {skipped}, missing are {missing}")
        self.missing[public] = self.owed[public] = 0

    def _pass_to(self, offset):
        """What lies between the last message and this offset must be invisible."""
        places = self.checker.truth.places.get((self.channel.topic, self.epoch), {})
        for between in range(self.offset + 1, offset):
            number = places.get(between)
            if number is None:
                self.unknown += 1
            if number is None or number not in self.shown:
                continue
            post = self.checker.posts[number]
            if post.type == SCOREBOARD:
                self.missing[post.public] += 1
            else:
                self.fail(f"event {number} ({post.type}) at {self.epoch}:{between} missing "
                          f"between {self.offset} and {offset}")

    # --- acknowledged events ---

    def _check_acknowledged(self):
        for number in sorted(self.shown - self.got):
            post = self.checker.posts[number]
            if post.acked is None or post.sent <= self.since or self._is_covered(post):
                continue
            self.checker.counts["lost"] += 1
            where = dict(self.checker.truth.where.get((self.channel.topic, number), {}))
            self.fail(f"acknowledged event {number} ({post.type}) never came, no reset covers it; "
                      f"it stands at {where or 'no known place'}, the stream ends at "
                      f"{self.epoch}:{self.offset}")

    def _is_covered(self, post):
        where = self.checker.truth.where.get((self.channel.topic, post.number), {})
        if post.type == SCOREBOARD and \
                (where.get(self.epoch, self.offset + 1) <= self.offset or self._has_newer(post)):
            return True  # at a known place `skipped` was compared already
        for at, epoch, offset in self.covers:
            if at < post.sent:
                continue
            if self.epoch not in where:  # its history has ended, or nobody knows of it
                return True
            if epoch == self.epoch and where[epoch] <= offset:
                return True
        return False

    def _has_newer(self, post):
        """A later scoreboard of its kind stands for it."""
        posts = self.checker.posts
        return any(posts[n].type == SCOREBOARD and posts[n].public == post.public and
                   (posts[n].acked or posts[n].sent) >= post.sent for n in self.got)
