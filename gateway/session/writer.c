/* SPDX-License-Identifier: MIT */
#include "gateway/session/writer.h"

#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/config/settings.h"
#include "common/log.h"
#include "common/msg.h"
#include "gateway/gw_metrics.h"
#include "gateway/session/flusher.h"
#include "gateway/session/gather.h"
#include "gateway/session/session_hub.h"
#include "gateway/session/session_internal.h"
#include "gateway/session/sse_channels.h"
#include "proto/ws_frame.h"

#define REPLAY_AHEAD_BYTES 65536 /* as much may wait before a replay pauses */

static void count_queue(struct session *s, size_t before)
{
    s->gw->metrics->queue_bytes += (int64_t)s->writer.out.bytes - (int64_t)before;
}

void writer_shut(struct session *s)
{
    size_t before = s->writer.out.bytes;
    s->writer.state = WRITER_SHUT;
    outq_release(&s->writer.out);
    count_queue(s, before);
}

/* ---- into the queue ---- */

/* QueueBytesTotal: what waits for all clients together, shared frames counted once. Over it, a client
 * that has anything waiting already gets no more; the recent events kept for replays do not count. */
static bool is_total_exceeded(const struct session *s)
{
    size_t alive = msg_bytes_alive();
    size_t ring = (size_t)s->gw->metrics->ring_bytes;
    return alive > ring && alive - ring > (size_t)s->gw->settings->broadcaster.queue_bytes_total;
}

static void send_within(struct session *s, struct rendering *r, uint32_t skipped, size_t max_bytes)
{
    struct writer *w = &s->writer;
    if (w->state != WRITER_OPEN) {
        return;
    }
    size_t before = w->out.bytes;
    size_t max = !outq_is_empty(&w->out) && is_total_exceeded(s) ? 0 : max_bytes;
    switch (outq_push(&w->out, r, skipped, max)) {
    case OUTQ_OK: break;
    case OUTQ_CONFLATED: s->gw->metrics->conflated++; break;
    case OUTQ_FULL:
    case OUTQ_NO_MEMORY: w->state = WRITER_FULL; break; /* closed by flush() */
    }
    count_queue(s, before);
    flusher_add(s->gw->flusher, &w->flush_node);
}

void writer_send(struct session *s, struct rendering *r, uint32_t skipped)
{
    send_within(s, r, skipped, (size_t)s->gw->settings->broadcaster.queue_bytes);
}

void writer_replay(struct session *s, struct rendering *r, uint32_t skipped)
{
    uint32_t now = session_now_s();
    pace_spend(&s->pace, rendering_bytes(r), now);
    if (pace_is_spent(&s->pace, now)) {
        session_wake_by(s, now + 1); /* deadlines.c goes on */
    }
    send_within(s, r, skipped, SIZE_MAX);
}

bool writer_may_replay(const struct session *s)
{
    return s->writer.out.bytes <= REPLAY_AHEAD_BYTES && !pace_is_spent(&s->pace, session_now_s());
}

/* p is NULL: nothing is said of the channel. */
static void send_text(struct session *s, struct buf *text, struct str type, struct str channel,
                      const struct position *p)
{
    struct rendering *r = text->failed ? NULL : rendering_create(buf_str(text), type, 0, 0);
    buf_release(text);
    if (!r) {
        log_warn("no memory for an answer", LF_U64("sid", s->id));
        s->writer.state = s->writer.state == WRITER_OPEN ? WRITER_FULL : s->writer.state;
        flusher_add(s->gw->flusher, &s->writer.flush_node);
        return;
    }
    if (p && s->writer.channels) {
        rendering_set_position(r, channel, p);
    }
    writer_send(s, r, 0);
    rendering_unref(r);
}

void writer_send_text(struct session *s, struct buf *text, struct str type)
{
    send_text(s, text, type, STR_NONE, NULL);
}

void writer_send_position(struct session *s, struct buf *text, struct str type, struct str channel,
                          const struct position *p)
{
    send_text(s, text, type, channel, p);
}

void writer_send_error(struct session *s, struct str id, enum error_code code, struct str channel,
                       const char *message)
{
    struct buf text = {0};
    s->gw->metrics->errors_sent++;
    server_text_error(&text, id, code, channel, message);
    writer_send_text(s, &text, STR("error"));
}

/* ---- to the transport ---- */

static struct msg *msg_of(const struct session *s, const struct outq_slot *slot)
{
    return rendering_msg(slot->r, s->writer.format, slot->skipped, s->gw->deflater);
}

/* Does the i-th entry still fit behind `bytes` in one write? Sets its message. */
static bool fits(struct session *s, uint32_t i, size_t bytes, struct msg **out_msg)
{
    const struct outq_slot *slot = outq_at(&s->writer.out, i);
    struct msg *m = msg_of(s, slot);
    *out_msg = m;
    return m && bytes + m->len <= GATHER_MAX_BYTES;
}

static bool hand_over(struct session *s, const uint8_t *p, size_t n)
{
    s->gw->metrics->writes++;
    s->gw->metrics->bytes_sent += n;
    return s->writer.ops->write(s->writer.conn, p, n);
}

static void pop_sent(struct session *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        bool is_event = rendering_is_event(outq_at(&s->writer.out, 0)->r);
        s->writer.sent += is_event;
        s->gw->metrics->messages_sent += is_event;
        outq_pop(&s->writer.out);
    }
}

/* The only message there is, when it is small: what most writes are. */
static bool write_only(struct session *s, bool *out_ok)
{
    const struct msg *m =
        s->writer.out.head_written == 0 ? msg_of(s, outq_at(&s->writer.out, 0)) : NULL;
    if (!m || m->len > GATHER_MAX_BYTES) {
        return false;
    }
    *out_ok = hand_over(s, m->bytes, m->len);
    pop_sent(s, 1);
    return true;
}

/* As many whole small messages from the head as go into one write. False: not even one. */
static bool write_small(struct session *s, struct gather *g, bool *out_ok)
{
    struct msg *msgs[GATHER_MAX_MSGS];
    size_t n = 0;
    size_t bytes = 0;

    if (s->writer.out.head_written > 0) {
        return false;
    }
    while (n < s->writer.out.count && n < GATHER_MAX_MSGS &&
           fits(s, (uint32_t)n, bytes, &msgs[n])) {
        bytes += msgs[n++]->len;
    }
    if (n == 0) {
        return false;
    }
    struct str all = n == 1 ? msg_str(msgs[0]) : gather_bytes(g, msgs, n);
    *out_ok = hand_over(s, (const uint8_t *)all.p, all.n);
    pop_sent(s, n);
    return true;
}

/* The next frame of a large head: what the socket does not take of it is copied by the transport,
 * so never the whole message at once. */
static bool write_large(struct session *s)
{
    const struct outq_slot *slot = outq_at(&s->writer.out, 0);
    struct msg *m = msg_of(s, slot);
    size_t n = m ? ws_frame_next(m, s->writer.out.head_written) : 0;
    if (n == 0) {
        return false; /* no memory for this format */
    }
    bool ok = hand_over(s, m->bytes + s->writer.out.head_written, n);
    s->writer.out.head_written += (uint32_t)n;
    if (s->writer.out.head_written == m->len) {
        pop_sent(s, 1);
    }
    return ok;
}

/* ---- streams: the lines of a message are shared; what ends a Server-Sent Event is not ---- */

static size_t end_max(const struct session *s)
{
    return s->writer.format == RENDERING_SSE ? sse_channels_end_max(s->writer.channels) : 0;
}

static size_t write_end(struct session *s, const struct outq_slot *slot, char *out)
{
    bool has_end = s->writer.format == RENDERING_SSE;
    return has_end ? sse_channels_end(s->writer.channels, slot->r, out) : 0;
}

/* As many whole events from the head as fit into one write. False: not even one. */
static bool write_events(struct session *s, struct gather *g, bool *out_ok)
{
    uint8_t *bytes = gather_room(g);
    size_t end = end_max(s);
    size_t used = 0;
    size_t n = 0;

    while (s->writer.out.head_written == 0 && n < s->writer.out.count) {
        const struct outq_slot *slot = outq_at(&s->writer.out, (uint32_t)n);
        const struct msg *m = msg_of(s, slot);
        if (!m || used + m->len + end > GATHER_MAX_BYTES) {
            break;
        }
        memcpy(bytes + used, m->bytes, m->len);
        used += m->len;
        used += write_end(s, slot, (char *)bytes + used);
        n++;
    }
    if (n == 0) {
        return false;
    }
    *out_ok = hand_over(s, bytes, used);
    pop_sent(s, n);
    return true;
}

/* The next piece of a large head; the last one is what ends it, alone. */
static bool write_large_event(struct session *s)
{
    const struct outq_slot *slot = outq_at(&s->writer.out, 0);
    const struct msg *m = msg_of(s, slot);
    if (!m) {
        return false;
    }
    size_t left = m->len - s->writer.out.head_written;
    if (left > 0) {
        size_t n = MIN(left, (size_t)GATHER_MAX_BYTES);
        bool ok = hand_over(s, m->bytes + s->writer.out.head_written, n);
        s->writer.out.head_written += (uint32_t)n;
        if (n == left && end_max(s) == 0) {
            pop_sent(s, 1);
        }
        return ok;
    }
    char *end = malloc(end_max(s) + 1); /* never of no bytes, which may be NULL */
    bool ok = end && hand_over(s, (const uint8_t *)end, write_end(s, slot, end));
    free(end);
    pop_sent(s, 1);
    return ok;
}

static bool write_next(struct session *s, struct gather *g)
{
    bool ok = true;
    if (rendering_is_stream(s->writer.format)) {
        return write_events(s, g, &ok) ? ok : write_large_event(s);
    }
    if (s->writer.out.count == 1 && write_only(s, &ok)) {
        return ok;
    }
    return write_small(s, g, &ok) ? ok : write_large(s);
}

static void note_blocked(struct session *s, bool blocked)
{
    if (blocked == s->writer.is_blocked) {
        return;
    }
    s->writer.is_blocked = blocked;
    if (blocked) {
        s->writer.blocked_s = session_now_s();
        session_wake_by(s, s->writer.blocked_s +
                               session_seconds(s->gw->settings->broadcaster.write_timeout_ms));
    }
}

static void close_full(struct session *s)
{
    if (s->writer.state == WRITER_FULL) {
        s->gw->metrics->closed_slow++;
        session_close(s, CLOSE_TOO_SLOW, "queue_full");
    }
}

static void flush(struct session *s, struct gather *g)
{
    struct writer *w = &s->writer;
    if (w->state != WRITER_OPEN) {
        close_full(s);
        return;
    }
    size_t before = w->out.bytes;
    bool ok = true;
    bool blocked = w->ops->is_blocked(w->conn);
    while (ok && !blocked && !outq_is_empty(&w->out)) {
        ok = write_next(s, g);
        blocked = w->ops->is_blocked(w->conn);
    }
    count_queue(s, before);
    if (!ok) {
        session_close(s, CLOSE_OVERLOAD, "write_failed");
        return;
    }
    note_blocked(s, blocked);
    if (w->may_replay && !blocked && outq_is_empty(&w->out)) {
        s->protocol->replay_more(s);
    }
}

/* Each write takes microseconds in the kernel, and the caches with it: what the next two writes look
 * at is fetched meanwhile. The first of them is here already, so where its connection is, is known. */
static void fetch_next(const struct list *next)
{
    prefetch(LIST_ENTRY(next, struct session, writer.flush_node)->writer.conn);
    prefetch(LIST_ENTRY(next->next, struct session, writer.flush_node));
}

void session_flush_node(struct list *node, const struct list *next, struct gather *g)
{
    if (next) {
        fetch_next(next);
    }
    flush(LIST_ENTRY(node, struct session, writer.flush_node), g);
}
