# SPDX-License-Identifier: MIT
"""Bugs that are put in on purpose, each as replacements in a copy of the sources, and the faults
that must find it. The text to replace stands exactly once in its file."""
from dataclasses import dataclass


@dataclass(frozen=True)
class Mutant:
    name: str
    about: str
    faults: tuple
    edits: tuple  # (file, text, its replacement)


SYNC, REPLAY, HUB = "gateway/bus/feed_sync.c", "gateway/hub/hub_replay.c", "gateway/hub/hub_fanout.c"

MUTANTS = (
    Mutant("epoch-unchecked-in-feed", "a page of another history is taken for the old one",
           ("redis-killed-empty", "flushall"),
           ((SYNC, "if (!is_epoch(f, &now) || now.offset < f->position.offset",
             "if (now.offset < f->position.offset"),
            (SYNC, "if (!is_epoch(f, &p.position) || p.position.offset != f->position.offset + 1) {\n"
                   "        return false;",
             "if (p.position.offset != f->position.offset + 1) {\n        return false;"))),
    Mutant("epoch-unchecked-on-resume", "a position of another history is resumed from",
           ("flushall", "redis-killed-empty", "key-deleted"),
           ((REPLAY, "if (position_same_epoch(&at, now) && at.offset", "if (at.offset"),)),
    Mutant("history-unchecked-in-scripts", "the scripts do not look whose history it is",
           ("redis-older-rdb", "failover-a-b-a"),
           (("publisher/publish.lua", "mint = not epoch or f[2] ~= history", "mint = not epoch"),
            ("gateway/bus/topic.lua", "if not epoch or f[3] ~= history then", "if not epoch then"))),
    Mutant("merge-off-by-one", "after a repair the position is one too far",
           ("client-kill-pubsub", "link-cut"),
           ((SYNC, "    f->feeds->metrics->gaps_repaired += whole;\n    finish_read(f);",
             "    f->position.offset++;\n    finish_read(f);"),)),
    Mutant("no-dedup", "what was read and heard is delivered twice",
           ("link-slow", "client-kill-pubsub", "link-cut"),
           ((SYNC, "if (is_next(f, &p.position)) {\n            accept_event",
             "if (p.position.offset <= f->position.offset + 1) {\n            accept_event"),)),
    Mutant("no-gap-check", "a hole in the offsets is not noticed",
           ("subscriber-deaf",),
           ((SYNC, "if (is_next(f, &p.position)) {\n        struct msg",
             "if (is_epoch(f, &p.position) && p.position.offset > f->position.offset) {\n        struct msg"),)),
    Mutant("no-resubscribe", "topics are not subscribed again when the link is back",
           ("client-kill-pubsub",),
           (("gateway/bus/feed.c", "if (f->server == server) {\n            feed_join(f);",
             "if (f->server != server) {\n            feed_join(f);"),)),
    Mutant("no-read-after-subscribe", "a topic is live again without reading what was missed",
           ("client-kill-pubsub",),
           (("gateway/bus/feed.c", "if (f && f->state == FEED_SUBSCRIBING) {\n        feed_start_read(f);",
             "if (f && f->state == FEED_SUBSCRIBING) {\n        f->state = f->position.epoch[0] ? "
             "FEED_LIVE : FEED_SUBSCRIBING;\n        if (f->state == FEED_LIVE) {\n"
             "            f->position.offset += 3;\n            return;\n        }\n"
             "        feed_start_read(f);"),)),
    Mutant("lag-unnoticed", "a position ahead of a link that lags is refused without asking Redis",
           ("subscriber-black-hole",),
           ((REPLAY, "!feed_is_confirmed(feed, sub->start.asked_at)) {", "!at.epoch[0]) {"),)),
    Mutant("history-shown-twice", "back from a wrong server, the topic is shown from its beginning",
           ("wrong-server",),
           ((SYNC, "        return f->left->offset;", "        return 0;"),)),
    Mutant("one-message-dropped", "one event in seventeen reaches nobody",
           ("all-clients-dropped",),
           ((SYNC, "if (f->owner && !p->event.is_marker) {",
             "if (f->owner && !p->event.is_marker && p->position.offset % 17 != 0) {"),)),
    Mutant("no-reset-for-contestants", "only admins hear of a reset",
           ("redis-killed-empty",),
           ((HUB, "            replay_reset(t->hub, v->rest.v[i]);\n", "            continue;\n"),)),
    Mutant("private-to-all", "private events go to everybody",
           ("all-clients-dropped",),
           ((HUB, "switch (visibility_audience(e)) {",
             "switch (e->id.n > 0 ? AUDIENCE_EVERYBODY : visibility_audience(e)) {"),)),
    Mutant("replay-shows-all", "a replay does not ask who may see an event",
           ("all-clients-dropped",),
           ((REPLAY, "!visibility_sees(sub->sight, user, &p.event)",
             "!visibility_sees(SIGHT_ALL, user, &p.event)"),)),
    Mutant("replay-off-by-one", "a replay begins one event too late",
           ("all-clients-dropped",),
           ((REPLAY, "    sub->cursor = p->offset;\n    sub->state = SUB_REPLAYING;",
             "    sub->cursor = p->offset + (r == RECOVERED_YES && "
             "p->offset < feed_position(sub->view->topic->feed)->offset);\n"
             "    sub->state = SUB_REPLAYING;"),)),
    Mutant("replay-ends-early", "a replay goes over to live events one too early",
           ("all-clients-dropped",),
           ((REPLAY, "while (sub->cursor < p->offset) {", "while (sub->cursor + 1 < p->offset) {"),)),
    Mutant("live-during-replay", "new events are sent before a paused replay has ended",
           ("client-reads-nothing", "client-reads-bytes"),
           ((REPLAY, "!replay_step(h, sub)) {\n            return;",
             "!replay_step(h, sub)) {\n            break;"),)),
    Mutant("skipped-uncounted-in-replay", "a replay does not say how many scoreboards it left out",
           ("all-clients-dropped", "gateway-killed"),
           ((REPLAY, "skipped = sub->replay_skipped[p.event.is_public];", "skipped = 0;"),)),
    Mutant("skipped-uncounted-in-repair", "nor does the repair of a gap",
           ("client-kill-pubsub", "output-buffer-limit"),
           ((HUB, "n = sub->replay_skipped[e->is_public];", "n = 0;"),)),
    Mutant("position-too-new", "`subscribed` names the newest position, not where the replay begins",
           ("all-clients-dropped",),
           ((REPLAY, "settle(h, sub, &sub->start.at, was_after ?", "settle(h, sub, now, was_after ?"),)),
    Mutant("key-forgotten", "a repeated Idempotency-Key writes again",
           ("key-race", "publisher-killed-after"),
           (("publisher/publish.lua", "\nif kept then", "\nif false then"),)),
    Mutant("old-master-forgotten", "a publisher that left another master does not have topics renewed",
           ("split-brain",),
           (("publisher/bus_moves.c", "bool moved = !str_eq(history, str_of(m->history));",
             "bool moved = m->topics.count > MOVES_TOPICS_MAX;"),)),
    Mutant("unanswered-written-again", "what was sent without a key and not answered is sent again",
           ("publisher-answer-lost",),
           (("publisher/bus_writer.c", "if (e->keyed && e->fn && !w->stopping) {",
             "if (e->fn && !w->stopping) {"),)),
    Mutant("refusal-acknowledged", "200 although Redis refused the event",
           ("oom", "publisher-black-hole"),
           (("publisher/bus_backlog.c", "bus_backlog_tell(b, e, BUS_UNAVAILABLE, STR_NONE);",
             "bus_backlog_tell(b, e, BUS_WRITTEN, STR_NONE);"),)),
)
