/* SPDX-License-Identifier: MIT */
#include "bench/line_poster.h"

#include <stdlib.h>
#include <string.h>

#include "common/buf.h"

#define UNDER_WAY 1024

struct line_poster {
    struct poster base;
    struct stream stream;
    enum poster_kind kind;
    const char *channel;       /* borrowed */
    uint64_t begun[UNDER_WAY]; /* a ring */
    unsigned first, count;
    bool at_line_start, line_is_error;
    struct buf command;
};

static void on_line_open(void *arg UNUSED)
{
}

static void line_poster_answered(struct line_poster *p)
{
    if (p->count > 0) {
        uint64_t begun = p->begun[p->first];
        p->first = (p->first + 1) % UNDER_WAY;
        p->count--;
        p->base.done(p->base.arg, !p->line_is_error, begun);
    }
}

static void on_line_bytes(void *arg, const uint8_t *bytes, size_t n)
{
    struct line_poster *p = arg;
    for (size_t i = 0; i < n; i++) {
        if (p->at_line_start) {
            p->line_is_error = bytes[i] == '-'; /* as Redis says it */
        }
        p->at_line_start = bytes[i] == '\n';
        if (p->at_line_start) {
            line_poster_answered(p);
        }
    }
}

static void on_line_closed(void *arg, const char *why UNUSED)
{
    struct line_poster *p = arg;
    p->base.is_broken = true;
    p->line_is_error = true;
    while (p->count > 0) {
        line_poster_answered(p);
    }
}

static const struct stream_handler stream_handler = {
    .on_open = on_line_open,
    .on_bytes = on_line_bytes,
    .on_closed = on_line_closed,
};

static bool line_is_open(const struct poster *base)
{
    return CONTAINER_OF(base, struct line_poster, base)->stream.state == STREAM_OPEN;
}

static bool line_has_room(const struct poster *base)
{
    const struct line_poster *p = CONTAINER_OF(base, struct line_poster, base);
    return p->stream.state == STREAM_OPEN && p->count < UNDER_WAY;
}

static bool line_send(struct poster *base, struct str body, uint64_t begun_us)
{
    struct line_poster *p = CONTAINER_OF(base, struct line_poster, base);
    buf_clear(&p->command);
    if (p->kind == POSTER_REDIS) {
        buf_addf(&p->command, "*3\r\n$7\r\nPUBLISH\r\n$%zu\r\n%s\r\n$%zu\r\n", strlen(p->channel),
                 p->channel, body.n);
        buf_add(&p->command, body);
        buf_add(&p->command, STR("\r\n"));
    } else {
        buf_add(&p->command, body);
        buf_addc(&p->command, '\n');
    }
    p->begun[(p->first + p->count) % UNDER_WAY] = begun_us;
    p->count++;
    return !p->command.failed && stream_write(&p->stream, p->command.p, p->command.n);
}

static void line_free(struct poster *base)
{
    struct line_poster *p = CONTAINER_OF(base, struct line_poster, base);
    stream_close(&p->stream);
    buf_release(&p->command);
    free(p);
}

static const struct poster_ops ops = {
    .is_open = line_is_open,
    .has_room = line_has_room,
    .send = line_send,
    .free = line_free,
};

struct poster *line_poster_open(struct net *n, const struct poster_options *o)
{
    struct line_poster *p = calloc(1, sizeof(*p));
    if (!p) {
        return NULL;
    }
    *p = (struct line_poster){
        .base.ops = &ops, .kind = o->kind, .channel = o->path, .at_line_start = true};
    struct stream_target to = {.address = o->address};
    p->base.is_broken = !stream_open(&p->stream, n, &to, &stream_handler, p);
    return &p->base;
}
