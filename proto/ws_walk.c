/* SPDX-License-Identifier: MIT */
/* ws_walk: works in place. What passes moves to the front as what is dropped leaves room.
 *
 *     buf  | passed ... out | (dropped) | in ... not yet looked at | n
 */
#include "proto/ws_walk.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/str.h"
#include "proto/utf8.h"

enum {
    FIN = 0x80,
    RSV1 = 0x40,
    RSV = 0x70,
    OPCODE = 0x0f,
    CONTROL = 0x08, /* of an opcode */
    MASKED = 0x80,  /* of the second byte */
    LENGTH = 0x7f,
    LENGTH_16 = 126,
    LENGTH_64 = 127,
    MASK_BYTES = 4,
    CONTROL_PAYLOAD_MAX = 125,
};

enum opcode { CONTINUATION = 0, TEXT = 1, BINARY = 2, CLOSE = 8, PING = 9, PONG = 10 };

/* A frame's header, once it is whole. */
struct header {
    uint8_t opcode;
    bool is_final;
    size_t bytes; /* with the mask */
    uint64_t payload;
};

void ws_walk_init(struct ws_walk *w, bool is_deflate_agreed)
{
    *w = (struct ws_walk){.allows_rsv1 = is_deflate_agreed};
}

void ws_walk_release(struct ws_walk *w)
{
    free(w->held);
    w->held = NULL;
}

size_t ws_walk_resume(const struct ws_walk *w, uint8_t *buf)
{
    if (w->n_held > 0) {
        memcpy(buf, w->held, w->n_held);
    }
    return w->n_held;
}

/* ---- headers ---- */

/* What is wrong with the first byte; NULL: nothing. */
static const char *judge_first(const struct ws_walk *w, uint8_t first)
{
    uint8_t opcode = first & OPCODE;
    bool is_control = opcode & CONTROL;
    if ((opcode > BINARY && !is_control) || opcode > PONG) {
        return "reserved opcode";
    }
    bool may_be_compressed = w->allows_rsv1 && (opcode == TEXT || opcode == BINARY);
    if (first & RSV & ~(may_be_compressed ? RSV1 : 0)) {
        return "reserved bit set";
    }
    if (is_control) {
        return first & FIN ? NULL : "fragmented control frame";
    }
    if (opcode == CONTINUATION) {
        return w->in_message ? NULL : "continuation of no message";
    }
    return w->in_message ? "new message before the end of the last" : NULL;
}

static const char *judge_second(uint8_t first, uint8_t second)
{
    if (!(second & MASKED)) {
        return "frame without a mask";
    }
    if (first & CONTROL && (second & LENGTH) > CONTROL_PAYLOAD_MAX) {
        return "control frame longer than 125 bytes";
    }
    return NULL;
}

static size_t length_bytes(uint8_t second)
{
    uint8_t length = second & LENGTH;
    return length < LENGTH_16 ? 0 : length == LENGTH_16 ? 2 : 8;
}

/* The extended length of `width` bytes. */
static const char *read_length(const uint8_t *p, size_t width, uint64_t *out)
{
    uint64_t length = 0;
    for (size_t i = 0; i < width; i++) {
        length = length << 8 | p[i];
    }
    if (length > INT64_MAX) {
        return "length of more than 63 bits";
    }
    if (length < LENGTH_16 || (width == 8 && length <= UINT16_MAX)) {
        return "length not in its shortest form";
    }
    *out = length;
    return NULL;
}

/* Reads the header at p as far as it is there. True: it is whole, and good. *reason: what is wrong
 * with it, as early as that can be seen. */
static bool read_header(const struct ws_walk *w, const uint8_t *p, size_t n, struct header *out,
                        const char **reason)
{
    *reason = n > 0 ? judge_first(w, p[0]) : NULL;
    if (*reason || n < 2) {
        return false;
    }
    *reason = judge_second(p[0], p[1]);
    size_t width = length_bytes(p[1]);
    if (*reason || n < 2 + width) {
        return false;
    }
    *out = (struct header){.opcode = p[0] & OPCODE,
                           .is_final = p[0] & FIN,
                           .bytes = 2 + width + MASK_BYTES,
                           .payload = p[1] & LENGTH};
    if (width > 0) {
        *reason = read_length(p + 2, width, &out->payload);
    }
    return !*reason && n >= out->bytes;
}

/* ---- close frames ---- */

/* RFC 6455, 7.4, and what is registered since (1012 to 1014). */
static bool is_close_code(unsigned code)
{
    bool is_registered =
        code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006;
    return is_registered || (code >= 3000 && code <= 4999);
}

static const char *read_close(struct ws_walk *w, const uint8_t *masked, size_t n)
{
    uint8_t body[CONTROL_PAYLOAD_MAX];
    const uint8_t *payload = masked + MASK_BYTES;
    for (size_t i = 0; i < n; i++) {
        body[i] = payload[i] ^ masked[i % MASK_BYTES];
    }
    if (n == 0) {
        return NULL;
    }
    if (n == 1) {
        return "close frame of one byte";
    }
    unsigned code = (unsigned)body[0] << 8 | body[1];
    if (!is_close_code(code)) {
        return "invalid close code";
    }
    if (!utf8_valid((struct str){(const char *)body + 2, n - 2})) {
        return "close reason is not UTF-8";
    }
    w->close_code = (uint16_t)code;
    return NULL;
}

/* ---- the walk ---- */

/* One piece, while it is walked through. */
struct piece {
    uint8_t *buf;
    size_t n;
    size_t in;             /* up to here it was looked at */
    size_t out;            /* up to here it has passed */
    size_t ping, ping_len; /* the last ping among what has passed; 0 long: there is none */
};

static void pass(struct piece *p, size_t n)
{
    memmove(p->buf + p->out, p->buf + p->in, n);
    p->out += n;
    p->in += n;
}

/* Takes the ping out of what has passed; what came behind it moves up. */
static void drop_ping(struct piece *p)
{
    size_t end = p->ping + p->ping_len;
    memmove(p->buf + p->ping, p->buf + end, p->out - end);
    p->out -= p->ping_len;
}

static void break_off(struct ws_walk *w, const char *reason)
{
    w->state = WS_WALK_BROKEN;
    w->reason = reason;
}

static void hold(struct ws_walk *w, struct piece *p)
{
    size_t n = p->n - p->in;
    assert(n <= WS_WALK_HELD_MAX);
    w->held = w->held ? w->held : malloc(WS_WALK_HELD_MAX);
    if (!w->held) {
        break_off(w, "out of memory");
        return;
    }
    memcpy(w->held, p->buf + p->in, n);
    w->n_held = (uint8_t)n;
    p->in = p->n;
}

static void take_data(struct ws_walk *w, const struct header *h, struct piece *p)
{
    w->in_message = !h->is_final;
    w->rest = h->payload;
    pass(p, h->bytes);
}

/* A control frame that is whole. */
static void take_control(struct ws_walk *w, const struct header *h, struct piece *p)
{
    size_t n = h->bytes + (size_t)h->payload;
    if (h->opcode == CLOSE) {
        const char *reason =
            read_close(w, p->buf + p->in + h->bytes - MASK_BYTES, (size_t)h->payload);
        if (reason) {
            break_off(w, reason);
            return;
        }
        w->state = WS_WALK_CLOSED;
    } else if (h->opcode == PING) {
        if (p->ping_len > 0) {
            drop_ping(p);
        }
        p->ping = p->out;
        p->ping_len = n;
    }
    pass(p, n);
}

/* The frame that begins at p->in, as far as it has come. */
static void take_frame(struct ws_walk *w, struct piece *p)
{
    struct header h;
    const char *reason;
    bool is_whole = read_header(w, p->buf + p->in, p->n - p->in, &h, &reason);
    if (reason) {
        break_off(w, reason);
    } else if (!is_whole || (h.opcode & CONTROL && p->n - p->in < h.bytes + h.payload)) {
        hold(w, p);
    } else if (h.opcode & CONTROL) {
        take_control(w, &h, p);
    } else {
        take_data(w, &h, p);
    }
}

size_t ws_walk(struct ws_walk *w, uint8_t *buf, size_t n, unsigned *frames)
{
    struct piece p = {.buf = buf, .n = n};
    bool is_counted = w->n_held > 0; /* the frame at the beginning */

    w->n_held = 0;
    while (p.in < n && w->state == WS_WALK_OPEN) {
        if (w->rest > 0) {
            size_t payload = (size_t)MIN(w->rest, (uint64_t)(n - p.in));
            w->rest -= payload;
            pass(&p, payload);
        } else {
            *frames += !is_counted;
            is_counted = false;
            take_frame(w, &p);
        }
    }
    if (w->n_held == 0) {
        ws_walk_release(w);
    }
    return p.out;
}
