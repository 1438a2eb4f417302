/* SPDX-License-Identifier: MIT */
/* Two ways through the bytes: whole unfragmented frames are handed out where they lie; anything
 * else goes into a ws_partial, which takes bytes until its frame, and its message, are complete.
 */
#include "bench/ws_parser.h"

#include <stdlib.h>
#include <string.h>

#include "common/buf.h"

#define FIRST_BYTE_RSV1 0x40
#define FIRST_BYTE_RSV23 0x30
#define HEADER_MAX 10 /* a server does not mask */
#define CONTROL_MAX 125

/* Bytes collected of one message, or of one control frame. */
struct ws_collected {
    enum ws_opcode opcode;
    size_t len;    /* of the payload so far, kept or not */
    size_t framed; /* bytes of its frames' headers */
    uint8_t head[WS_HEAD];
    bool is_compressed;
    struct buf whole; /* owned; the payload, only of a compressed message */
};
struct ws_partial {
    uint8_t header[HEADER_MAX];
    size_t header_len; /* bytes of the frame's header that have come */
    bool header_whole; /* then: */
    bool final;
    bool is_control;
    uint64_t left;   /* payload bytes of the frame still to come */
    bool in_message; /* a text or binary message has begun */
    struct ws_collected message, control;
};

struct ws_header {
    size_t size; /* 0: more bytes are needed */
    bool final;
    bool is_compressed;
    uint8_t opcode;
    uint64_t payload;
};

static bool opcode_is_known(uint8_t opcode)
{
    return opcode <= WS_BINARY || (opcode >= WS_CLOSE && opcode <= WS_PONG);
}

static uint64_t big_endian(const uint8_t *p, size_t n)
{
    uint64_t v = 0;
    for (size_t i = 0; i < n; i++) {
        v = v << 8 | p[i];
    }
    return v;
}

/* False: no header that a server may send. */
static bool header_parse(const uint8_t *p, size_t n, bool may_compress, struct ws_header *out)
{
    *out = (struct ws_header){0};
    if (n < 2) {
        return true;
    }
    uint8_t code = p[1] & 0x7f;
    size_t extra = code == 127 ? 8 : code == 126 ? 2 : 0;
    out->final = (p[0] & 0x80) != 0;
    out->opcode = p[0] & 0x0f;
    out->is_compressed = (p[0] & FIRST_BYTE_RSV1) != 0;
    bool starts_message = out->opcode == WS_TEXT || out->opcode == WS_BINARY;
    if ((p[0] & FIRST_BYTE_RSV23) != 0 || (p[1] & 0x80) != 0 ||
        (out->is_compressed && (!may_compress || !starts_message)) ||
        !opcode_is_known(out->opcode) ||
        (out->opcode >= WS_CLOSE && (!out->final || code > CONTROL_MAX))) {
        return false;
    }
    if (n < 2 + extra) {
        return true;
    }
    out->size = 2 + extra;
    out->payload = extra > 0 ? big_endian(p + 2, extra) : code;
    return true;
}

static void collect(struct ws_collected *c, const uint8_t *p, size_t n)
{
    if (c->len < WS_HEAD) {
        memcpy(c->head + c->len, p, MIN(n, WS_HEAD - c->len));
    }
    if (c->is_compressed) {
        buf_add(&c->whole, (struct str){(const char *)p, n});
    }
    c->len += n;
}

static bool collected_hand_out(const struct ws_collected *c, ws_message_fn fn, void *arg)
{
    struct ws_message m = {.opcode = c->opcode,
                           .head = c->head,
                           .head_len = MIN(c->len, (size_t)WS_HEAD),
                           .len = c->len,
                           .wire_len = c->len + c->framed,
                           .compressed = c->is_compressed ? (const uint8_t *)c->whole.p : NULL};
    return fn(arg, &m);
}

static void collected_begin(struct ws_collected *c, const struct ws_header *h)
{
    buf_clear(&c->whole);
    c->opcode = h->opcode;
    c->len = 0;
    c->framed = h->size;
    c->is_compressed = h->is_compressed;
}

/* Takes bytes of the header; says how many. */
static size_t partial_take_header(struct ws_partial *t, const uint8_t *p, size_t n,
                                  bool may_compress, bool *out_bad)
{
    size_t took = 0;
    struct ws_header h = {0};
    *out_bad = false;
    while (h.size == 0 && took < n) {
        t->header[t->header_len++] = p[took++];
        if (!header_parse(t->header, t->header_len, may_compress, &h)) {
            *out_bad = true;
            return took;
        }
    }
    if (h.size == 0) {
        return took;
    }
    t->header_len = 0;
    t->header_whole = true;
    t->final = h.final;
    t->left = h.payload;
    t->is_control = h.opcode >= WS_CLOSE;
    if (t->is_control) {
        collected_begin(&t->control, &h);
    } else if (h.opcode == WS_CONTINUATION) {
        *out_bad = !t->in_message;
        t->message.framed += h.size;
    } else {
        *out_bad = t->in_message;
        t->in_message = true;
        collected_begin(&t->message, &h);
    }
    return took;
}

/* Takes bytes of the payload and hands out what became complete. */
static size_t partial_take_payload(struct ws_partial *t, const uint8_t *p, size_t n,
                                   ws_message_fn fn, void *arg, bool *out_stopped)
{
    size_t took = n < t->left ? n : (size_t)t->left;
    collect(t->is_control ? &t->control : &t->message, p, took);
    t->left -= took;
    *out_stopped = false;
    if (t->left > 0) {
        return took;
    }
    t->header_whole = false;
    if (t->is_control) {
        *out_stopped = !collected_hand_out(&t->control, fn, arg);
    } else if (t->final) {
        t->in_message = false;
        *out_stopped = !collected_hand_out(&t->message, fn, arg);
    }
    return took;
}

static bool partial_is_idle(const struct ws_partial *t)
{
    return !t->in_message && !t->header_whole && t->header_len == 0;
}

/* Hands out the whole frame at p. Returns its bytes; 0: there is none that is so simple. */
static size_t whole_frame(const uint8_t *p, size_t n, bool may_compress, ws_message_fn fn,
                          void *arg, bool *out_stopped)
{
    struct ws_header h;
    if (!header_parse(p, n, may_compress, &h) || h.size == 0 || !h.final ||
        h.opcode == WS_CONTINUATION || h.payload > n - h.size) {
        return 0;
    }
    struct ws_message m = {.opcode = h.opcode,
                           .head = p + h.size,
                           .head_len = MIN((size_t)h.payload, (size_t)WS_HEAD),
                           .len = (size_t)h.payload,
                           .wire_len = h.size + (size_t)h.payload,
                           .compressed = h.is_compressed ? p + h.size : NULL};
    *out_stopped = !fn(arg, &m);
    return h.size + (size_t)h.payload;
}

enum ws_parse_result ws_parser_feed(struct ws_parser *w, const uint8_t *p, size_t n,
                                    ws_message_fn fn, void *arg)
{
    bool stopped = false;
    bool bad = false;
    while (n > 0 && !stopped && !bad) {
        bool may_compress = w->may_compress;
        size_t took = w->partial ? 0 : whole_frame(p, n, may_compress, fn, arg, &stopped);
        if (took == 0) {
            if (!w->partial && !(w->partial = calloc(1, sizeof(*w->partial)))) {
                return WS_PARSE_NO_MEMORY;
            }
            if (!w->partial->header_whole) {
                took = partial_take_header(w->partial, p, n, may_compress, &bad);
            }
            if (w->partial->header_whole && !bad) {
                took += partial_take_payload(w->partial, p + took, n - took, fn, arg, &stopped);
            }
            if (stopped) {
                return WS_PARSE_STOPPED; /* w may be released by now */
            }
            if (w->partial->message.whole.failed) {
                return WS_PARSE_NO_MEMORY;
            }
            if (partial_is_idle(w->partial)) {
                ws_parser_release(w);
            }
        }
        p += took;
        n -= took;
    }
    return bad ? WS_PARSE_BAD : stopped ? WS_PARSE_STOPPED : WS_PARSE_OK;
}

void ws_parser_release(struct ws_parser *w)
{
    if (w->partial) {
        buf_release(&w->partial->message.whole);
        buf_release(&w->partial->control.whole);
    }
    free(w->partial);
    w->partial = NULL;
}
