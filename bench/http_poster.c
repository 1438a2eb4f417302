/* SPDX-License-Identifier: MIT */
/* A connection: CLOSED -> (connecting) -> idle <-> busy; one that ends is made anew at once, but
 * for TRIES failures in a row.
 */
#include "bench/http_poster.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/buf.h"

#define TRIES 5
#define HEAD_MAX 16384

struct http_connection {
    struct stream stream;
    struct http_poster *poster; /* borrowed */
    bool is_busy;
    uint64_t begun_us;
    struct buf answer;
    unsigned failures; /* in a row */
};
struct http_poster {
    struct poster base;
    struct net *net; /* borrowed */
    struct stream_target target;
    struct buf head;    /* of every request, up to the value of Content-Length */
    struct buf request; /* the one being made */
    uint32_t n, idle;
    struct http_connection *v; /* owned; n of them */
};

static void http_connection_open(struct http_connection *c);

static void on_http_open(void *arg)
{
    struct http_connection *c = arg;
    c->failures = 0;
    c->poster->idle++;
}

static void http_connection_answered(struct http_connection *c, bool ok)
{
    c->is_busy = false;
    c->poster->base.done(c->poster->base.arg, ok, c->begun_us);
}

/* The value of Content-Length in a head, -1 without one. */
static long content_length(const char *head, size_t n)
{
    static const char name[] = "\r\ncontent-length:";
    for (size_t i = 0; i + sizeof(name) <= n; i++) {
        if (head[i] == '\r' && strncasecmp(head + i, name, sizeof(name) - 1) == 0) {
            return strtol(head + i + sizeof(name) - 1, NULL, 10);
        }
    }
    return -1;
}

static void on_http_bytes(void *arg, const uint8_t *p, size_t n)
{
    struct http_connection *c = arg;
    buf_add(&c->answer, (struct str){(const char *)p, n});
    const char *end = memmem(c->answer.p, c->answer.n, "\r\n\r\n", 4);
    if (!end) {
        return;
    }
    size_t head = (size_t)(end - c->answer.p) + 4;
    long body = content_length(c->answer.p, head);
    if (body >= 0 && c->answer.n < head + (size_t)body) {
        return;
    }
    bool ok = str_starts(buf_str(&c->answer), STR("HTTP/1.1 20")); /* nchan says 201 or 202 */
    buf_clear(&c->answer);
    if (c->is_busy) {
        c->poster->idle++;
        http_connection_answered(c, ok);
    }
}

static void on_http_closed(void *arg, const char *why UNUSED)
{
    struct http_connection *c = arg;
    if (c->is_busy) {
        http_connection_answered(c, false);
    } else if (c->failures == 0) {
        c->poster->idle--;
    }
    c->failures++;
    if (c->failures > TRIES) {
        c->poster->base.is_broken = true;
        return;
    }
    http_connection_open(c);
}

static const struct stream_handler stream_handler = {
    .on_open = on_http_open,
    .on_bytes = on_http_bytes,
    .on_closed = on_http_closed,
};

static void http_connection_open(struct http_connection *c)
{
    /* Not usable before on_http_open(): until then it counts as failed. */
    c->failures = MAX(c->failures, 1u);
    buf_clear(&c->answer);
    if (!stream_open(&c->stream, c->poster->net, &c->poster->target, &stream_handler, c)) {
        c->poster->base.is_broken = true;
    }
}

static bool http_is_open(const struct poster *base)
{
    const struct http_poster *p = CONTAINER_OF(base, struct http_poster, base);
    return p->idle == p->n;
}

static bool http_has_room(const struct poster *base)
{
    return CONTAINER_OF(base, struct http_poster, base)->idle > 0;
}

static bool http_send(struct poster *base, struct str body, uint64_t begun_us)
{
    struct http_poster *p = CONTAINER_OF(base, struct http_poster, base);
    struct http_connection *c = p->v;
    while (c->is_busy || c->stream.state != STREAM_OPEN) {
        c++; /* has_room: there is one */
    }
    buf_clear(&p->request);
    buf_add(&p->request, buf_str(&p->head));
    buf_add_u64(&p->request, body.n);
    buf_add(&p->request, STR("\r\n\r\n"));
    buf_add(&p->request, body);
    if (p->request.failed || !stream_write(&c->stream, p->request.p, p->request.n)) {
        return false;
    }
    p->idle--;
    c->is_busy = true;
    c->begun_us = begun_us;
    return true;
}

static void http_free(struct poster *base)
{
    struct http_poster *p = CONTAINER_OF(base, struct http_poster, base);
    for (uint32_t i = 0; p->v && i < p->n; i++) {
        stream_close(&p->v[i].stream);
        buf_release(&p->v[i].answer);
    }
    free(p->v);
    buf_release(&p->head);
    buf_release(&p->request);
    free(p);
}

static const struct poster_ops ops = {
    .is_open = http_is_open,
    .has_room = http_has_room,
    .send = http_send,
    .free = http_free,
};

struct poster *http_poster_open(struct net *n, const struct poster_options *o)
{
    struct http_poster *p = calloc(1, sizeof(*p));
    if (!p) {
        return NULL;
    }
    p->base.ops = &ops;
    p->net = n;
    p->n = o->parallel;
    p->target = (struct stream_target){.address = o->address, .tls = o->kind == POSTER_HTTPS};
    buf_addf(&p->head, "POST /%s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\n",
             o->path, o->host);
    if (o->header) {
        buf_addf(&p->head, "%s\r\n", o->header);
    }
    buf_add(&p->head, STR("Content-Length: "));
    p->v = calloc(p->n, sizeof(*p->v));
    if (!p->v || p->head.failed) {
        http_free(&p->base);
        return NULL;
    }
    for (uint32_t i = 0; i < p->n; i++) {
        p->v[i].poster = p;
        http_connection_open(&p->v[i]);
    }
    return &p->base;
}
